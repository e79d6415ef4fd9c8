"""The difference between two arms in subgroups of patients, and whether it differs between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from blues.check import FEW_PATIENTS, InputError, one_of, same_length
from blues.evaluate.intervals import interval_of_replicates
from blues.evaluate.outoffold import METRICS, OutOfFold, bootstrap_strata, out_of_fold, paired
from blues.evaluate.records import ONE_PATIENT
from blues.evaluate.resample import Seed, bootstrap_replicates
from blues.evaluate.substitute import substituted, unknown_spread

__all__ = ["COLUMNS", "UNKNOWN", "heterogeneity_p", "members", "subgroup_table"]

UNKNOWN = "not known"
"""What the row of the patients is called whose group is not known."""

_PAIR = [f"{name}_{arm}" for arm in "ab" for name in ("value", "low", "high")]
COLUMNS = ("group", "patients", "events", *_PAIR, *"difference low high se p_interaction reason".split())
"""Columns of a table of subgroups."""


def subgroup_table(
    predictions_a: pd.DataFrame,
    predictions_b: pd.DataFrame,
    groups: pd.Series,
    metric: str,
    kind: str = "binary",
    draws: int = 2000,
    seed: Seed = 0,
    *,
    categories: Sequence[float] | None = None,
    least: int = FEW_PATIENTS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare two arms within each group of patients, and the groups' differences with each other.

    Models are not fitted anew: each group is scored on the predictions that it got when all patients took part.

    Parameters
    ----------
    predictions_a, predictions_b, kind, draws, seed, categories
        As in :func:`blues.evaluate.compare_table`; differences are a minus b.
    groups : Series
        Patient -> group; patients without a group are counted in a last row and not scored. The order of the table is that
        of the categories, or of the sorted labels.
    metric : str
        A name of :data:`blues.evaluate.outoffold.METRICS`.
    least : int
        Groups with fewer patients than this in the smaller class (in all, unless the outcome is binary) get no numbers.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    DataFrame, one row a group
        ``group, patients, events`` (binary, else NaN), ``value_a, low_a, high_a, value_b, low_b, high_b, difference, low,
        high, se, p_interaction, reason``. Intervals are percentile bootstraps over the group's patients, paired for the
        difference; where samples say nothing they are as in :func:`blues.evaluate.score_table`, and ``reason`` says why.
        ``p_interaction``, the same in all rows, is that of :func:`heterogeneity_p` over the groups with numbers.

    Raises
    ------
    InputError
        As :func:`blues.evaluate.compare_table`; when no patient has a group.
    """
    one_of(metric, METRICS[one_of(kind, tuple(METRICS), "kind")], f"{kind} metric")
    a, b = paired(
        out_of_fold(predictions_a, kind, categories=categories), out_of_fold(predictions_b, kind, categories=categories)
    )
    groups_of, unknown = members(groups, pd.Index(a.patients))
    lines = [
        {"group": group} | _within(a.take(rows), b.take(rows), metric, kind, draws, seed, least, level)
        for group, rows in groups_of.items()
    ]
    if unknown.any():
        apart = pd.Series(a.y).groupby(a.patients).max()[pd.unique(np.asarray(a.patients)[unknown])]
        nothing = dict.fromkeys([*_PAIR, "difference", "low", "high", "se"], math.nan)
        events = int((apart > 0).sum()) if kind == "binary" else math.nan
        lines.append({"group": UNKNOWN, "patients": len(apart), "events": events, **nothing, "reason": "in no group"})
    table = pd.DataFrame(lines)
    return table.assign(p_interaction=heterogeneity_p(table["difference"], table["se"]))[[*COLUMNS]]


def members(groups: pd.Series, patients: pd.Index) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return who belongs to which group.

    Parameters
    ----------
    groups : Series
        Patient -> group, NaN where it is not known.
    patients : Index of str
        One patient a row; a patient may have several rows.

    Returns
    -------
    groups : dict of str to ndarray of int
        Group -> its rows, in the order of the categories or of the sorted labels; groups without a row are left out.
    unknown : ndarray of bool, shape (rows,)
        Rows of patients without a group.

    Raises
    ------
    InputError
        Groups that are no Series or name a patient twice; labels of several types; when no patient has a group.
    """
    if not isinstance(groups, pd.Series):
        raise InputError(
            f"groups is {type(groups).__name__}, which does not say whose they are",
            remedy="Give a Series with the patients as its index",
        )
    named = groups.set_axis(groups.index.astype(str))
    if named.index.has_duplicates:
        raise InputError(f"groups name patient {named.index[named.index.duplicated()][0]!r} twice")
    labels = named.reindex(patients)
    if labels.isna().all():
        raise InputError("no patient of these predictions has a group")
    order = _in_order(groups)
    rows = {group: np.flatnonzero((labels == group).to_numpy(dtype=bool, na_value=False)) for group in order}
    return {str(group): of_group for group, of_group in rows.items() if len(of_group)}, labels.isna().to_numpy()


def _in_order(groups: pd.Series) -> list[Any]:
    """Return the labels in the order of the categories, or sorted."""
    labels = (
        list(groups.cat.categories) if isinstance(groups.dtype, pd.CategoricalDtype) else list(groups.dropna().unique())
    )
    try:
        order = labels if isinstance(groups.dtype, pd.CategoricalDtype) else sorted(labels)
    except TypeError:
        order = []
    if len({str(label) for label in order}) < len(labels):
        kinds = ", ".join(sorted({type(label).__name__ for label in labels}))
        raise InputError(f"groups mix labels of several types: {kinds}", remedy="Give all as text or all as numbers")
    return order


def _within(
    a: OutOfFold, b: OutOfFold, metric: str, kind: str, draws: int, seed: Seed, least: int, level: float
) -> dict[str, Any]:
    outcome = pd.Series(a.y).groupby(a.patients).max()
    events = int((outcome > 0).sum()) if kind == "binary" else math.nan
    smaller = min(events, len(outcome) - events) if kind == "binary" else len(outcome)
    line: dict[str, Any] = {"patients": len(outcome), "events": events, "reason": ""}
    line |= dict.fromkeys([*_PAIR, "difference", "low", "high", "se"], math.nan)
    if smaller < least:
        where = "in the smaller class" if kind == "binary" else "patients"
        return line | {"reason": f"only {smaller} {where}, fewer than {least}"}
    score = METRICS[kind][metric]

    def statistic(weights: np.ndarray) -> np.ndarray:
        rows = weights[:, a.codes]
        first, second = score(a, rows), score(b, rows)
        return np.column_stack([first, second, first - second])

    value, replicates = bootstrap_replicates(statistic, bootstrap_strata(a, kind, metric), draws, seed)
    found = [interval_of_replicates(value[k], replicates[:, k], level=level) for k in range(3)]
    for k, arm in enumerate((a, b)):
        found[k] = substituted(found[k], replicates[:, k], metric, arm, kind, level)
    for name, one in zip(("value_a", "value_b", "difference"), found, strict=True):
        suffix = name[5:] if name.startswith("value") else ""
        line |= {name: one.value, f"low{suffix}": one.low, f"high{suffix}": one.high}
    reasons = [
        f"{arm}: {one.detail['reason']}" for arm, one in zip("ab", found, strict=False) if one.detail.get("reason")
    ]
    alone = unknown_spread(a, kind, metric)
    if alone or not found[2].se > 1e-9:
        defined = math.isfinite(found[2].low)
        reason = "no bootstrap sample differs: no interval" if defined else found[2].detail["reason"]
        reason = ONE_PATIENT if alone else reason
        return line | {"low": math.nan, "high": math.nan, "reason": "; ".join([reason, *reasons])}
    return line | {"se": found[2].se, "reason": "; ".join(reasons)}


def heterogeneity_p(differences: Any, errors: Any) -> float:
    """Return the p value of Cochran's Q [1]_ for independent differences, each with its standard error.

    Parameters
    ----------
    differences, errors : array-like, shape (groups,)
        NaN, and standard errors of 0 (below 1e-9), are left out.

    Returns
    -------
    float
        Of a chi-squared distribution with one degree of freedom less than there are groups; NaN for fewer than two.

    Raises
    ------
    InputError
        When the lengths differ.

    Notes
    -----
    With bootstrap standard errors of differences in AUROC in groups of some dozen patients this is conservative, since they
    come out too large: a large p says little.

    References
    ----------
    .. [1] Cochran WG. The combination of estimates from different experiments. Biometrics 1954;10:101-129.

    Examples
    --------
    >>> round(heterogeneity_p([0.0, 1.0], [0.3, 0.4]), 4)  # z = 1 / 0.5
    0.0455
    """
    d, se = np.asarray(differences, dtype=float), np.asarray(errors, dtype=float)
    same_length(differences=d, errors=se)
    known = np.isfinite(d) & np.isfinite(se) & (se > 1e-9)
    if known.sum() < 2:
        return math.nan
    weights = 1 / se[known] ** 2
    q = float(np.sum(weights * (d[known] - np.average(d[known], weights=weights)) ** 2))
    return float(chi2.sf(q, int(known.sum()) - 1))
