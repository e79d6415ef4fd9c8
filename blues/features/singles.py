"""What stands beside the modality arms: simple rules on the experts' ratings, and baselines of one to three variables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from blues import check
from blues.cohort import Cohort
from blues.cohort.targets import pooled_rating
from blues.features.arm_names import BASELINE, BY_CLIP, RULE

__all__ = ["baseline_table", "rule_tables"]

MOST_VARIABLES = 3


def rule_tables(cohort: Cohort, task: str) -> tuple[dict[str, pd.DataFrame], str]:
    """Return the published kind of rules on the experts' clip ratings.

    Parameters
    ----------
    cohort : Cohort
    task : str
        A target by patient.

    Returns
    -------
    tables : dict of str to DataFrame
        ``"expert rule: mean ITEM"`` and ``"expert rule: worst ITEM"`` of graded items, ``"expert rule: clips with ITEM"`` (how
        many) of items that are there or not, one column each; ``"expert rule: each clip by ITEM"`` the ratings of a patient's
        clips side by side, NaN where a patient has fewer, for a rule on single clips. Index patient; raters are averaged first.
        Empty where there are none.
    why : str
        Why there are none, else empty.
    """
    target = cohort.dictionary.targets[task]
    if cohort.ratings.empty or cohort.dictionary.ratings is None:
        return {}, f"cohort {cohort.name} has no expert ratings"
    if target.rating is not None:
        return {}, f"{task} is itself derived from the experts' ratings"
    if target.kind != "binary":
        return {}, f"the rules answer yes or no, and {task} is {target.kind}"
    tables: dict[str, pd.DataFrame] = {}
    for item, spec in cohort.dictionary.ratings.items.items():
        words = item.replace("_", " ").replace("a lines", "A-lines").replace("b lines", "B-lines")
        by_clip = pooled_rating(cohort.ratings, item)
        owners = cohort.clips["patient"].reindex(by_clip.index).to_numpy()
        grouped = by_clip.groupby(owners)
        if spec.kind == "binary":
            found = {f"clips with {words}": (grouped.sum(), f"number of clips with {words}")}
        else:
            found = {
                f"mean {words}": (grouped.mean(), f"mean {words} of the clips"),
                f"worst {words}": (grouped.max(), f"{words} of the worst clip"),
            }
        tables |= {RULE + name: values.to_frame(column) for name, (values, column) in found.items()}
        numbered = pd.Series(by_clip.to_numpy(), [owners, grouped.cumcount().to_numpy() + 1]).unstack()
        tables[BY_CLIP + words] = numbered.add_prefix(f"{words}, clip ").rename_axis(index=None)
    return tables, ""


def baseline_table(
    cohort: Cohort, task: str, names: Sequence[str], allow: Sequence[str] = ()
) -> dict[str, pd.DataFrame]:
    """Return the named variables as the table of one arm, ``"baseline: CRP, LDH"``.

    Parameters
    ----------
    names : sequence of str
        One to three columns, by name or label (capitals do not matter), that may predict the task.
    allow : sequence of str
        Treatments whose contingent columns are allowed.

    Raises
    ------
    InputError
        More than three, an unknown name, a column that is refused for the task, or a nominal one.
    """
    if not names:
        return {}
    if len(names) > MOST_VARIABLES:
        raise check.InputError(
            f"--baseline names {len(names)} variables: {' '.join(names)}",
            allowed="1 to 3, chosen before seeing the data",
        )
    columns = cohort.dictionary.columns
    by_label = {columns[name].label.casefold(): name for name in reversed(columns) if columns[name].label}
    by_name = {name.casefold(): name for name in columns}
    chosen: dict[str, pd.Series] = {}
    for text in names:
        name = text if text in columns else by_name.get(text.casefold()) or by_label.get(text.casefold())
        if name is None:
            check.one_of(text, list(columns), "--baseline: column")
        reason = cohort.dictionary.refusal(str(name), task, opt_in=frozenset(allow))
        if reason is not None:
            raise check.InputError(f"--baseline {text}: may not predict {task!r}: {reason}")
        if columns[str(name)].kind == "nominal":
            raise check.InputError(
                f"--baseline {text}: a nominal column", allowed="continuous, ordinal or binary columns"
            )
        chosen[str(name)] = cohort.patients[str(name)].astype(float)
    label = ", ".join(columns[name].label or name for name in chosen)
    return {BASELINE + label.translate(_NOT_IN_NAMES): pd.DataFrame(chosen)}


_NOT_IN_NAMES = str.maketrans({"+": " ", "[": "(", "]": ")"})
