"""The scores of the arms and the comparisons between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from blues import check, evaluate
from blues.evaluate.named import lower_is_better, main_metric
from blues.features import Design
from blues.features.arm_names import is_rule, model_of, with_images
from blues.fuse.arms import Arm
from blues.fuse.experiment import Experiment
from blues.fuse.named import CONSTANT, MEAN

__all__ = [
    "behind_constant",
    "benefit",
    "check_reference",
    "compare_arms",
    "image_pairs",
    "other_reference",
    "reference_arm",
    "risk_table",
    "risk_tables",
    "score_arms",
    "too_few_patients",
    "with_holm",
    "with_null",
    "without_images",
]

COLUMNS = ("arm", "reference", "metric", "difference", "low", "high", "p_value", "test", "question", "family", "p_holm")
SHUFFLED = "shuffled outcome"
"""Stands for a reference where a score is held against the label-permutation null."""
ADDED, RULES, ELSEWHERE, WITHOUT = "with images", "experts' rules", "images added to another arm", "without images"
"""Families of comparisons, each with a Holm correction of its own."""
COVERAGE = 0.9
"""An arm without images that predicts less than this share of the patients that another predicts is no reference."""
_RANKS = ("auroc", "auprc", "spearman", "r2")


def _settings(design: Design, experiment: Experiment) -> dict[str, Any]:
    """Return the arguments that both tables of :mod:`blues.evaluate` take."""
    settings: dict[str, Any] = {"kind": design.kind, "draws": experiment.draws, "seed": experiment.seed}
    if design.kind == "binary":
        settings["threshold"] = "threshold"
    if design.kind == "ordinal":
        settings["categories"] = list(design.categories)
    return settings


def score_arms(
    by_arm: Mapping[str, pd.DataFrame], arms: Sequence[Arm], design: Design, experiment: Experiment
) -> pd.DataFrame:
    """Score every arm with intervals; the constant prevalence arm gets no score of ranking, which it cannot do."""
    roles = {arm.name: arm.role for arm in arms}
    tables = []
    for arm, part in by_arm.items():
        table = evaluate.score_table(part, **_settings(design, experiment))
        if roles.get(arm) == "prevalence":
            table = table[~table["metric"].str.startswith(_RANKS)]
        table.insert(0, "arm", arm)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def risk_table(name: str, by_arm: Mapping[str, pd.DataFrame], experiment: Experiment) -> pd.DataFrame:
    """Return ``operating``, ``calibration`` or ``decision`` of arms of a binary outcome, see :class:`blues.fuse.Run`."""
    makers: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
        "operating": evaluate.operating_table,
        "calibration": evaluate.calibration_table,
        "decision": partial(evaluate.decision_table, **_bands(experiment)),
    }
    each = {arm: makers[name](part) for arm, part in by_arm.items()}
    return pd.concat(each, names=["arm", "row"]).reset_index("arm").reset_index(drop=True) if each else pd.DataFrame()


def risk_tables(
    by_arm: Mapping[str, pd.DataFrame], arms: Sequence[Arm], comparisons: pd.DataFrame, experiment: Experiment
) -> dict[str, pd.DataFrame]:
    """Return :func:`risk_table` of every arm, and :func:`benefit` of those with images.

    Beside the reference of the comparisons; where there is none, beside the constant.
    """
    found = {name: risk_table(name, by_arm, experiment) for name in ("operating", "calibration", "decision")}
    added = comparisons[comparisons["family"] == ADDED]
    pairs = list(added[["arm", "reference"]].drop_duplicates().itertuples(index=False, name=None))
    if not len(comparisons):
        seeing = [arm.name for arm in arms if arm.sees_images and arm.role != "rule"]
        pairs = [(name, arm.name) for name in seeing for arm in arms if arm.role == "prevalence"]
    tables = [benefit(by_arm, arm, reference, experiment) for arm, reference in pairs]
    return found | {"benefit": pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()}


def benefit(by_arm: Mapping[str, pd.DataFrame], arm: str, reference: str, experiment: Experiment) -> pd.DataFrame:
    """Return the net benefit of an arm and of a reference, see :func:`blues.evaluate.benefit_table`, with their names."""
    table = evaluate.benefit_table(by_arm[arm], by_arm[reference], **_bands(experiment))
    table.insert(0, "arm", arm)
    table.insert(1, "reference", reference)
    return table


def _bands(experiment: Experiment) -> dict[str, Any]:
    """Return the settings of the bands of decision curves."""
    return {"draws": min(experiment.draws, 1000), "seed": experiment.seed}


def without_images(arms: Sequence[Arm], kind: str) -> list[str]:
    """Return the arms that may be a reference: those for which nobody looked at the images.

    Baselines of named variables are among them, and the constant where it has the main metric: to do worse than the mean
    outcome is no reference. Where experts' ratings are the only other modality, they are it.
    """
    able = [arm for arm in arms if arm.role != "rule" and (arm.role != "prevalence" or kind != "binary")]
    return [arm.name for arm in able if not arm.sees_images] or [a.name for a in able if a.modalities == ("expert",)]


def check_reference(named: str, without: Sequence[str]) -> None:
    """Raise when a reference is named that is none of the arms without images."""
    if named and named not in without:
        raise check.InputError(
            f"--reference: {named!r} is no arm without images of this run",
            allowed=without or "nothing, for every arm looks at images",
            remedy=None if without else "Name clinical or blood among the --modalities, or a --baseline",
        )


def reference_arm(
    arms: Sequence[Arm], scores: pd.DataFrame, kind: str, named: str = "", *, by_arm: Mapping[str, pd.DataFrame]
) -> str | None:
    """Return the arm named, or else that with the best main metric of :func:`without_images`; None when there is none.

    An arm that predicts few of the patients (:data:`COVERAGE`) may score well on them, and is not chosen.
    """
    if named:
        return named
    metric, more_is_better = main_metric(kind)
    values = scores[scores["metric"] == metric].set_index("arm")["value"].dropna()
    able = [name for name in without_images(arms, kind) if name in values.index]
    few = too_few_patients(able, by_arm)
    ranked = values[[name for name in able if name not in few]]
    if not len(ranked):
        return None
    return str(ranked.idxmax() if more_is_better else ranked.idxmin())


def other_reference(comparisons: pd.DataFrame, scores: pd.DataFrame, kind: str) -> str:
    """Return which arm, named as the reference, would tell what images add: the best that another arm is with images.

    Empty where that holds of the reference itself, and where it holds of no arm.
    """
    if not len(comparisons) or "family" not in comparisons:
        return ""
    metric, more_is_better = main_metric(kind)
    able = list(comparisons.loc[comparisons["family"] == ELSEWHERE, "reference"].unique())
    values = scores[(scores["metric"] == metric) & scores["arm"].isin(able)].set_index("arm")["value"].dropna()
    if with_images(comparisons["reference"].iloc[0]) in set(comparisons["arm"]) or not len(values):
        return ""
    return str(values.idxmax() if more_is_better else values.idxmin())


def behind_constant(comparisons: pd.DataFrame, scores: pd.DataFrame, kind: str) -> str:
    """Return the best of the arms without images where none of them did better than the constant, their reference.

    Empty where the reference is no constant, where nothing else does without images, and where an arm did better.
    """
    if not len(comparisons) or "family" not in comparisons or comparisons["reference"].iloc[0] not in (CONSTANT, MEAN):
        return ""
    metric, more_is_better = main_metric(kind)
    values = scores[scores["metric"] == metric].drop_duplicates("arm").set_index("arm")["value"].dropna()
    others = values[values.index.isin(comparisons.loc[comparisons["family"] == WITHOUT, "arm"])]
    if not len(others):
        return ""
    best, constant = str(others.idxmax() if more_is_better else others.idxmin()), comparisons["reference"].iloc[0]
    gain = (values[best] - values.get(constant, np.nan)) * (1 if more_is_better else -1)
    return best if gain <= 0 else ""


def too_few_patients(names: Sequence[str], by_arm: Mapping[str, pd.DataFrame]) -> dict[str, tuple[int, int]]:
    """Return the arms that predict less than :data:`COVERAGE` of the patients that another of them predicts.

    The constant, which predicts everybody, says nothing of how many that might be.

    Returns
    -------
    dict of str to (int, int)
        Arm -> how many patients it predicts, and how many the other.
    """
    named = [name for name in names if name in by_arm and name != "prevalence"]
    patients = {name: int(by_arm[name]["patient"].nunique()) for name in named}
    most = max(patients.values(), default=0)
    return {name: (count, most) for name, count in patients.items() if count < COVERAGE * most}


def compare_arms(
    by_arm: Mapping[str, pd.DataFrame],
    arms: Sequence[Arm],
    reference: str | None,
    design: Design,
    experiment: Experiment,
) -> pd.DataFrame:
    """Compare each arm with :func:`reference_arm`, then each other arm without images with itself and images.

    On the patients that both predict. ``family`` says what is asked: what images do beside the reference (:data:`ADDED`; the
    experts' rules are :data:`RULES`), what they add to other arms (:data:`ELSEWHERE`), and how other arms without images
    (:data:`WITHOUT`) compare.
    """
    if reference is None:
        return pd.DataFrame(columns=list(COLUMNS))
    by_name = {arm.name: arm for arm in arms}
    seeing = [arm.name for arm in arms if arm.name != reference and arm.sees_images]
    blind = [arm.name for arm in arms if arm.name != reference and not arm.sees_images]
    pairs = [(name, reference, RULES if by_name[name].role == "rule" else ADDED) for name in seeing]
    beside = image_pairs({arm.name: arm.modalities for arm in arms})
    pairs += [(arm, other, ELSEWHERE) for arm, other in beside if other != reference]
    pairs += [(name, reference, WITHOUT) for name in blind]
    tables = []
    for arm, other, family in pairs:
        if arm not in by_arm or other not in by_arm:
            continue
        table = evaluate.compare_table(by_arm[arm], by_arm[other], **_settings(design, experiment))
        if "prevalence" in (by_name[arm].role, by_name[other].role):
            table = table[~table["metric"].str.startswith(_RANKS)]
        table.insert(0, "arm", arm)
        table.insert(1, "reference", other)
        tables.append(table.assign(family=family))
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    return with_holm(pd.concat(tables, ignore_index=True))


def image_pairs(modalities: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return the pairs of arms that differ by images alone, the one with images first; none in which experts saw them.

    Parameters
    ----------
    modalities : mapping of str to sequence of str
        Arm -> its modalities; names as ``blues.fuse`` gives them, with the model in brackets where there are several.

    Examples
    --------
    >>> image_pairs({"image": ["image"], "blood": ["blood"], "image+blood": ["image", "blood"]})
    [('image+blood', 'blood')]
    """
    known = {(frozenset(kinds), model_of(name)): name for name, kinds in modalities.items()}
    return [
        (known[key], name)
        for name, kinds in modalities.items()
        if not {"image", "expert"} & set(kinds) and (key := (frozenset(kinds) | {"image"}, model_of(name))) in known
    ]


def with_holm(comparisons: pd.DataFrame, within: Sequence[str] = ("metric", "test")) -> pd.DataFrame:
    """Add ``p_holm``: Holm's correction over a ``family``, within one metric and test."""
    found = comparisons.assign(p_holm=np.nan)
    for _, rows in found.dropna(subset=["p_value"]).groupby([*within, "family"]):
        found.loc[rows.index, "p_holm"] = evaluate.holm(rows["p_value"].to_numpy())
    return found


def with_null(comparisons: pd.DataFrame, scores: pd.DataFrame, null: pd.DataFrame) -> pd.DataFrame:
    """Add one row an arm: its score against the label-permutation null, see :func:`blues.evaluate.permutation_p`.

    Permutations that left an arm without a score are left out, and arms without one. The arms are one family, the experts'
    rules another.
    """
    rows = []
    for (arm, metric), drawn in null.dropna(subset=["value"]).groupby(["arm", "metric"], sort=False):
        value = float(scores.loc[(scores["arm"] == arm) & (scores["metric"] == metric), "value"].iloc[0])
        if not np.isfinite(value):
            continue
        good = "less" if lower_is_better(str(metric)) else "greater"
        rows.append(
            {
                "arm": arm,
                "reference": SHUFFLED,
                "metric": metric,
                "difference": value - drawn["value"].mean(),
                "p_value": evaluate.permutation_p(value, drawn["value"], good),
                "test": f"label permutation ({len(drawn)})",
                "question": "Could the whole pipeline reach this score if the outcome were unrelated to every feature?",
                "family": RULES if is_rule(str(arm)) else SHUFFLED,
            }
        )
    if not rows:
        return comparisons
    found = with_holm(pd.DataFrame(rows), within=["metric"])  # a test is named with its permutations, which may differ
    whole = list(dict.fromkeys([*comparisons.columns, *found.columns]))
    return pd.concat([comparisons, found], ignore_index=True) if len(comparisons) else found.reindex(columns=whole)
