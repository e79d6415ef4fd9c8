"""Proportions with their intervals, by row or by patient, and the table at one operating point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats
from statsmodels.stats.proportion import proportion_confint

from blues.check import InputError, same_length
from blues.cohort.display import Shown
from blues.evaluate.records import Estimate, check_level, group_codes, normal_quantile, zeros_and_ones
from blues.evaluate.rows import rows_in_order

__all__ = [
    "OperatingPoint",
    "clopper_pearson_interval",
    "clustered_proportion",
    "operating_point",
    "wilson_interval",
    "wilson_limits",
]


def wilson_limits(k: float, n: float, quantile: float) -> tuple[float, float]:
    """Return Wilson's limits for any quantile and, for clusters, any effective size; exactly 0 or 1 at the ends."""
    share, square = k / n, quantile**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = quantile * math.sqrt(share * (1 - share) / n + square / (4 * n**2)) / (1 + square / n)
    return (0.0 if k == 0 else max(0.0, centre - half)), (1.0 if k == n else min(1.0, centre + half))


def _counts(k: Any, n: Any) -> tuple[int, int]:
    """Check and return a count out of a number."""
    found = []
    for name, value in (("k", k), ("n", n)):
        try:
            number = float(value) if np.ndim(value) == 0 else math.nan
        except (TypeError, ValueError):
            number = math.nan
        if not number.is_integer() or number < 0:
            raise InputError(f"{name} is {value!r}", allowed="a whole number, 0 or more")
        found.append(int(number))
    if found[0] > found[1]:
        raise InputError(f"k is {k} of n = {n}", allowed="k from 0 to n")
    return found[0], found[1]


def _nothing(method: str, level: float) -> Estimate:
    """Return the proportion of no observations."""
    reason = "there are no observations"
    return Estimate(math.nan, 0.0, 1.0, detail={"method": method, "level": level, "k": 0, "n": 0, "reason": reason})


def wilson_interval(k: Any, n: Any, *, level: float = 0.95) -> Estimate:
    """Return the proportion k of n with Wilson's score interval (1927, J Am Stat Assoc 22:209).

    Parameters
    ----------
    k, n : int
        Hits and trials, whole numbers with 0 <= k <= n.
    level : float
        Confidence level.

    Returns
    -------
    Estimate
        Without a value, and with the reason, where n is 0.

    Raises
    ------
    InputError
        If k or n is not a whole number of 0 or more, or k > n.

    Examples
    --------
    >>> print(wilson_interval(81, 263))
    0.308 (0.255 to 0.366)
    """
    k, n = _counts(k, n)
    check_level(level)
    if n == 0:
        return _nothing("Wilson", level)
    low, high = wilson_limits(k, n, normal_quantile(level))
    share = k / n
    return Estimate(
        share, low, high, math.sqrt(share * (1 - share) / n), {"method": "Wilson", "level": level, "k": k, "n": n}
    )


def clopper_pearson_interval(k: Any, n: Any, *, level: float = 0.95) -> Estimate:
    """Return the proportion k of n with the exact interval of Clopper & Pearson (1934, Biometrika 26:404).

    Parameters
    ----------
    k, n : int
        Hits and trials, whole numbers with 0 <= k <= n.
    level : float
        Confidence level.

    Returns
    -------
    Estimate
        Without a value, and with the reason, where n is 0.

    Raises
    ------
    InputError
        As :func:`wilson_interval`.

    Examples
    --------
    >>> print(clopper_pearson_interval(0, 20))
    0.000 (0.000 to 0.168)
    """
    k, n = _counts(k, n)
    check_level(level)
    if n == 0:
        return _nothing("Clopper-Pearson", level)
    low, high = proportion_confint(k, n, alpha=1 - level, method="beta")
    share = k / n
    detail = {"method": "Clopper-Pearson", "level": level, "k": k, "n": n}
    return Estimate(share, low, high, math.sqrt(share * (1 - share) / n), detail)


@rows_in_order
def clustered_proportion(hits: Any, clusters: Any, *, level: float = 0.95) -> Estimate:
    """Return a proportion over rows that belong to patients, with Wilson's interval at the effective size.

    Parameters
    ----------
    hits : array-like, shape (n,)
        0 or 1 (False or True), one a row (clip).
    clusters : array-like, shape (n,)
        The patient of each row.
    level : float
        Confidence level of the interval.

    Returns
    -------
    Estimate
        ``detail``: ``clusters``, ``design_effect`` (variance over that of independent rows), ``effective_n``.

    Notes
    -----
    The design effect is that of a ratio estimate (Rao & Scott 1992, Biometrics 48:577): variance K/(K - 1) * sum_k
    (hits_k - n_k p)^2 / n^2 over K clusters. The effective size is n / design effect, never above n, and Wilson's
    interval takes the t quantile on K - 1 degrees of freedom (Korn & Graubard 1998 do so for the exact interval). At
    0 or 1 hits out of n the design effect cannot be estimated: the effective size is then the number of clusters. At
    a within-patient correlation of .35 this covers .95 where plain Wilson covers .78.

    Examples
    --------
    >>> clustered_proportion([1, 1, 0, 0, 1, 0], ["a", "a", "b", "b", "c", "c"]).detail["effective_n"]
    3.0
    """
    marks = zeros_and_ones(hits, "hits")
    codes, groups = group_codes(clusters, len(marks))
    n, count = len(marks), len(groups)
    method = "Wilson at the Rao-Scott effective size, t"
    if n == 0:
        return _nothing(method, check_level(level))
    share = float(marks.mean())
    detail: dict[str, Any] = {"method": method, "level": level, "k": int(marks.sum()), "n": n, "clusters": count}
    if count < 2:
        detail["reason"] = "one cluster: the variance between clusters is unknown"
        return Estimate(share, 0.0, 1.0, detail=detail)
    deviation = np.bincount(codes, marks - share)
    variance = count / (count - 1) * float(deviation @ deviation) / n**2
    if share in (0.0, 1.0):
        effective, effect = float(count), math.nan
        detail["reason"] = "all rows agree: the design effect is unknown, the number of clusters taken as the size"
    else:
        effect = variance / (share * (1 - share) / n)
        effective = n / max(1.0, effect)
    quantile = float(stats.t.isf((1 - check_level(level)) / 2, count - 1))
    low, high = wilson_limits(share * effective, effective, quantile)
    detail |= {"design_effect": effect, "effective_n": effective}
    return Estimate(share, min(low, share), max(high, share), math.sqrt(variance), detail)


@dataclass(frozen=True, repr=False)
class OperatingPoint(Shown):
    """What a binary prediction achieves.

    Attributes
    ----------
    tp, fp, fn, tn : int
        The 2x2 table, in rows.
    measures : dict of str to Estimate
        ``sensitivity``, ``specificity``, ``ppv``, ``npv``, ``accuracy``, ``balanced_accuracy``, ``lr_positive``,
        ``lr_negative``; each is also an attribute. Proportions carry ``detail["clopper_pearson"]``, the exact limits,
        beside Wilson's.
    reweighted : DataFrame
        ``prevalence, measure, value, low, high``: PPV and NPV at the stated prevalences.
    """

    tp: int
    fp: int
    fn: int
    tn: int
    measures: dict[str, Estimate]
    reweighted: pd.DataFrame

    def __getattr__(self, name: str) -> Estimate:
        measures = self.__dict__.get("measures", {})
        if name in measures:
            return measures[name]
        raise AttributeError(f"no measure {name!r}; there are {', '.join(measures)}")

    def frame(self) -> pd.DataFrame:
        """Return ``metric, value, low, high, method`` with one row a measure."""
        rows = [(k, e.value, e.low, e.high, e.detail.get("method", "")) for k, e in self.measures.items()]
        return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "method"])


@rows_in_order
def operating_point(
    y: Any, predicted: Any, prevalences: Sequence[float] = (), clusters: Any = None, *, level: float = 0.95
) -> OperatingPoint:
    """Sensitivity, specificity, predictive values and likelihood ratios of a binary prediction.

    Parameters
    ----------
    y, predicted : array-like, shape (n,)
        0 or 1; the threshold behind ``predicted`` must have been fixed on other data.
    prevalences : sequence of float
        Prevalences to restate PPV and NPV at, each strictly between 0 and 1.
    clusters : array-like, shape (n,), optional
        The patient of each row, when a patient has several: intervals are then Rao-Scott's.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    OperatingPoint

    Notes
    -----
    Likelihood ratios: interval on the log scale (Simel, Samsa & Matchar 1991, J Clin Epidemiol 44:763), clustered by
    linearisation; with an empty cell, or where all rows are called alike, 1/2 is added to all four for the interval.
    PPV and NPV at a prevalence: odds times likelihood ratio, so their interval is the logit one of Mercaldo, Lau & Zhou
    2007 (Stat Med 26:2170).
    Balanced accuracy: limits of sensitivity and specificity squared and added (Newcombe 1998, Stat Med 17:873).

    Examples
    --------
    >>> point = operating_point([1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 1], prevalences=[0.1])
    >>> point.tp, point.fp, point.fn, point.tn
    (2, 1, 1, 2)
    >>> print(point.sensitivity)
    0.667 (0.208 to 0.939)
    """
    truth, called = zeros_and_ones(y, "y"), zeros_and_ones(predicted, "predicted")
    same_length(y=truth, predicted=called)
    for prevalence in prevalences:
        if not 0 < prevalence < 1:
            raise InputError(f"a prevalence of {prevalence!r}", allowed="strictly between 0 and 1")
    codes = None if clusters is None else group_codes(clusters, len(truth))[0]
    right = (truth == called).astype(float)
    shares = {
        "sensitivity": (right, truth == 1),
        "specificity": (right, truth == 0),
        "ppv": (right, called == 1),
        "npv": (right, called == 0),
        "accuracy": (right, np.ones(len(truth), dtype=bool)),
    }
    measures = {name: _share(marks[rows], rows, codes, level) for name, (marks, rows) in shares.items()}
    measures["balanced_accuracy"] = _balanced(measures["sensitivity"], measures["specificity"], level)
    spread = [_log_ratio_variance(truth, called == side, codes) for side in (1, 0)]
    table = [int(np.sum((truth == a) & (called == b))) for a, b in ((1, 1), (0, 1), (1, 0), (0, 0))]
    z = normal_quantile(level)
    sizes = None if codes is None else (len(np.unique(codes[truth == 1])), len(np.unique(codes[truth == 0])))
    measures["lr_positive"] = _likelihood_ratio(table[0], table[1], table, spread[0], z, level, sizes)
    measures["lr_negative"] = _likelihood_ratio(table[2], table[3], table, spread[1], z, level, sizes)
    tp, fp, fn, tn = table
    return OperatingPoint(tp, fp, fn, tn, measures, _reweighted(measures, prevalences))


def _share(marks: np.ndarray, rows: np.ndarray, codes: np.ndarray | None, level: float) -> Estimate:
    """Return the share of marked rows: by row with Wilson and exact limits, by patient with Rao-Scott's."""
    if codes is not None:
        return clustered_proportion(marks, codes[rows], level=level)
    k, n = int(marks.sum()), len(marks)
    wilson, exact = wilson_interval(k, n, level=level), clopper_pearson_interval(k, n, level=level)
    detail = {**wilson.detail, "clopper_pearson": (exact.low, exact.high)}
    return Estimate(wilson.value, wilson.low, wilson.high, wilson.se, detail)


def _balanced(sensitivity: Estimate, specificity: Estimate, level: float) -> Estimate:
    """Return the mean of sensitivity and specificity; its limits by squaring and adding theirs."""
    detail: dict[str, Any] = {"method": "MOVER of the two intervals", "level": level}
    value = (sensitivity.value + specificity.value) / 2
    if math.isnan(value):
        return Estimate(value, 0.0, 1.0, detail={**detail, "reason": "one of the classes is absent"})
    if math.isnan(sensitivity.se) or math.isnan(specificity.se):
        return Estimate(value, 0.0, 1.0, detail={**detail, "reason": "one cluster holds all of a class"})
    down = math.hypot(sensitivity.value - sensitivity.low, specificity.value - specificity.low) / 2
    up = math.hypot(sensitivity.high - sensitivity.value, specificity.high - specificity.value) / 2
    se = math.hypot(sensitivity.se, specificity.se) / 2
    return Estimate(value, max(0.0, value - down), min(1.0, value + up), se, detail)


def _log_ratio_variance(truth: np.ndarray, called: np.ndarray, codes: np.ndarray | None) -> float | None:
    """Return the clustered variance of the log likelihood ratio; None without clusters or with an empty cell."""
    if codes is None:
        return None
    terms = np.zeros(len(truth))
    for label, sign in ((1, 1.0), (0, -1.0)):
        rows = truth == label
        found = float(np.sum(called & rows))
        if not found:
            return None
        terms[rows] = sign * (called[rows] / found - 1 / np.sum(rows))
    sums = np.bincount(codes, terms)
    return len(sums) / (len(sums) - 1) * float(sums @ sums) if len(sums) > 1 else None


def _likelihood_ratio(
    diseased: int,
    healthy: int,
    table: list[int],
    variance: float | None,
    z: float,
    level: float,
    sizes: tuple[int, int] | None,
) -> Estimate:
    """Return the ratio of the shares called so among diseased and healthy, with its log interval.

    ``sizes`` are the clusters that hold diseased and healthy rows: with an empty cell they stand for the rows.
    """
    tp, fp, fn, tn = table
    positives, negatives = tp + fn, fp + tn
    detail: dict[str, Any] = {"method": "log" if variance is None else "log, clustered", "level": level}
    if not positives or not negatives or not (diseased or healthy):
        reason = "one of the classes is absent" if not positives or not negatives else "no row was called so"
        return Estimate(math.nan, 0.0, math.inf, detail={**detail, "reason": reason})
    value = math.inf if not healthy else (diseased / positives) / (healthy / negatives)
    if sizes is not None and min(sizes) < 2:
        reason = "one cluster holds all of a class: the variance between clusters is unknown"
        return Estimate(value, 0.0, math.inf, detail={**detail, "method": "log, clustered", "reason": reason})
    alike = diseased == positives and healthy == negatives  # the ratio is 1, and its variance unseen
    variance = None if alike else variance
    a, b, m, n = (float(v) for v in (diseased, healthy, positives, negatives))
    if sizes is not None and variance is None:
        a, m, b, n = a * sizes[0] / m, float(sizes[0]), b * sizes[1] / n, float(sizes[1])
        detail["method"] = "log, clusters counted as rows"
    if alike or not diseased or not healthy:
        a, b, m, n = a + 0.5, b + 0.5, m + 1, n + 1
        why = "all rows are called alike" if alike else "an empty cell"
        detail["reason"] = f"{why}: 1/2 added to all four for the interval"
    if variance is None:
        variance = max(0.0, 1 / a - 1 / m + 1 / b - 1 / n)
    centre, half = math.log((a / m) / (b / n)), z * math.sqrt(variance)
    low, high = math.exp(centre - half), math.exp(centre + half)
    detail["se_log"] = math.sqrt(variance)
    return Estimate(value, min(low, value), max(high, value), value * detail["se_log"], detail)


def _reweighted(measures: dict[str, Estimate], prevalences: Sequence[float]) -> pd.DataFrame:
    """Return PPV and NPV at other prevalences: prior odds times likelihood ratio."""
    rows = []
    for prevalence in prevalences:
        prior = math.log(prevalence / (1 - prevalence))
        for name, ratio in (("ppv", measures["lr_positive"]), ("npv", measures["lr_negative"])):
            with np.errstate(divide="ignore"):
                after = special.expit(prior + np.log([ratio.value, ratio.low, ratio.high]))
            value, low, high = after if name == "ppv" else 1 - after[[0, 2, 1]]
            rows.append((float(prevalence), name, value, low, high, ratio.detail.get("reason", "")))
    return pd.DataFrame(rows, columns=["prevalence", "measure", "value", "low", "high", "reason"])
