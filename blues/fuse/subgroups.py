"""For whom: what images add in subgroups of patients that were named in advance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from blues import check, evaluate, survive
from blues.check import FEW_PATIENTS
from blues.cohort import Cohort
from blues.evaluate.named import main_metric
from blues.features.arm_names import with_images
from blues.fuse.record import Run

__all__ = ["groups_of", "subgroups"]

MOST_GROUPS = 6


def groups_of(cohort: Cohort, task: str, wanted: Sequence[str]) -> dict[str, pd.Series]:
    """Return the subgroups that are asked for.

    Parameters
    ----------
    cohort : Cohort
    task : str
        A target: what is known only after its moment, or tells it, makes no subgroup.
    wanted : sequence of str
        Columns of the patient table, ``sex`` or ``age:65``: a number is split at the value named, else at the median of the
        cohort; labels are a group each.

    Returns
    -------
    dict of str to Series
        Label of the column -> categorical group of each patient, NaN where it is not known.

    Raises
    ------
    InputError
        An unknown column, one that may not be known at the moment of prediction, or one with more than six labels.
    """
    found: dict[str, pd.Series] = {}
    for text in wanted:
        groups = _groups(cohort, task, text)
        label = cohort.dictionary.label(text.partition(":")[0])
        if label in found:
            raise check.InputError(f"--subgroups names {label} twice")
        found[label] = groups
    return found


def _groups(cohort: Cohort, task: str, text: str) -> pd.Series:
    name, colon, cut = text.partition(":")
    dictionary = cohort.dictionary
    # a treatment at the start makes a fair subgroup, though it may not predict
    treatments = {str(c.contingent) for c in dictionary.columns.values() if c.contingent}
    known = [c for c in dictionary.columns if c in cohort.patients]
    if name not in known:
        fair = [c for c in known if dictionary.refusal(c, task, treatments) is None and _parts(cohort.patients[c])]
        check.one_of(name, fair, "--subgroups: column")
    if (why := dictionary.refusal(name, task, treatments)) is not None:
        raise check.InputError(f"--subgroups: {name} makes no subgroup here: {why}", remedy="Name what is known before")
    spec, values = dictionary.columns[name], cohort.patients[name]
    if values.nunique() < 2:
        raise check.InputError(f"--subgroups: {name} is the same in every patient that has it", remedy="Leave it out")
    if colon and spec.decoded_kind == "binary":
        raise check.InputError(f"--subgroups: {text}: {name} is yes or no, and a cut is for numbers")
    if spec.decoded_kind == "binary":
        return pd.Series(pd.Categorical(values.map({0: "no", 1: "yes"}), ["no", "yes"]), values.index)
    if not pd.api.types.is_numeric_dtype(values):
        if colon:
            raise check.InputError(f"--subgroups: {text}: {name} holds labels, and a cut is for numbers")
        if values.nunique() > MOST_GROUPS:
            raise check.InputError(
                f"--subgroups: {name} has {values.nunique()} labels", allowed=f"at most {MOST_GROUPS}"
            )
        return values.astype("category").cat.remove_unused_categories()
    at = _cut(text, values.dropna().astype(float), cut if colon else None)
    unit = f" {spec.unit}" if spec.unit else ""
    names = [f"below {at:g}{unit}", f"{at:g}{unit} or more"]
    codes = np.where(values.isna(), -1, (values >= at).astype(int))
    return pd.Series(pd.Categorical.from_codes(codes, names), values.index)


def _parts(values: pd.Series) -> bool:
    """Return whether a column parts patients into a few groups: a number at a cut, labels as they are."""
    return values.nunique() > 1 and (pd.api.types.is_numeric_dtype(values) or values.nunique() <= MOST_GROUPS)


def _cut(text: str, values: pd.Series, named: str | None) -> float:
    """Return where a number is split: as named, else at the median, or above it where nobody lies below."""
    if named is None:
        at = float(values.median())
        return at if (values < at).any() else float(values[values > at].min())
    try:
        at = float(named)
    except ValueError:
        at = math.nan
    if not math.isfinite(at):
        raise check.InputError(
            f"--subgroups: {text}: {named!r} is no number", remedy=f"Write {text.partition(':')[0]}:65"
        )
    if not ((values < at).any() and (values >= at).any()):
        raise check.InputError(
            f"--subgroups: {text}: every patient lies on one side",
            allowed=f"above {values.min():g}, at most {values.max():g}",
        )
    return at


def subgroups(run: Run, groups: dict[str, pd.Series]) -> pd.DataFrame:
    """Score the headline, the reference with images less the reference, in each subgroup.

    Parameters
    ----------
    run : Run
    groups : dict of str to Series
        From :func:`groups_of`, or of one's own: name -> group of each patient.

    Returns
    -------
    DataFrame
        ``by``, then the columns of :func:`blues.evaluate.subgroup_table` (a with images, b the reference), ``p_holm`` of
        the interactions over the columns, and ``metric, arm, reference``; for times :func:`blues.survive.subgroup_table`.
        Empty where nothing is compared.
    """
    names = set(run.predictions["arm"])
    reference = run.comparisons["reference"].iloc[0] if len(run.comparisons) else ""
    arm, kind = with_images(reference), str(run.design["kind"])
    if not groups or not {arm, reference} <= names:
        return pd.DataFrame()
    metric = main_metric(kind)[0]
    with_, without = (run.predictions[run.predictions["arm"] == name] for name in (arm, reference))
    both = set(with_["patient"].astype(str)) & set(without["patient"].astype(str))
    tables = [
        _table(run, with_, without, series).assign(by=name)
        for name, series in groups.items()
        if series[series.index.astype(str).isin(both)].notna().any()  # of nobody predicted is it known
    ]
    if not tables:
        return pd.DataFrame()
    whole = pd.concat(tables, ignore_index=True).assign(metric=metric, arm=arm, reference=reference, p_holm=np.nan)
    tested = whole.drop_duplicates("by").dropna(subset=["p_interaction"]).set_index("by")["p_interaction"]
    if len(tested):
        whole["p_holm"] = whole["by"].map(dict(zip(tested.index, evaluate.holm(tested.to_numpy()), strict=True)))
    return whole[["by", *(c for c in whole if c != "by")]]


def _table(run: Run, with_: pd.DataFrame, without: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    kind = str(run.design["kind"])
    if kind == "time":
        names = {"y": "time", "p": "risk"}
        return survive.subgroup_table(
            with_.rename(columns=names), without.rename(columns=names), groups, least=FEW_PATIENTS
        )
    return evaluate.subgroup_table(
        with_,
        without,
        groups,
        main_metric(kind)[0],
        kind=kind,
        draws=run.experiment.draws,
        seed=run.experiment.seed,
        least=FEW_PATIENTS,
        categories=run.design.get("categories"),
    )
