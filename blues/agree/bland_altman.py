"""Bland-Altman limits of agreement: one pair a subject, and repeated measures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from blues.agree.record import Agreement, LargeSample, build
from blues.agree.resample import ClusterSums, Kind, cluster_interval, linearised, sum_clusters
from blues.agree.scale import Measured, measured, no_weights
from blues.check import InputError, counted

__all__ = ["bland_altman"]


def bland_altman(
    ratings: Any,
    *,
    clusters: Any = None,
    categories: Any = None,
    weights: None = None,
    multiplier: float = 1.959963984540054,
    interval: Kind | None = None,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Return the mean difference of two raters with limits of agreement (Bland & Altman 1986, 1999, 2007).

    Parameters
    ----------
    ratings : array or DataFrame, shape (pairs of measurements, 2)
        Differences are first minus second; rows with one measurement are left out.
    clusters : array or Series, optional
        Subject (patient) of each row, when subjects were measured more than once. The limits are then those for repeated
        measures where the true value varies: variance between subjects plus variance within (Bland & Altman 2007).
    categories, weights : optional
        Taken for the sake of one signature; weights are refused.
    multiplier : float
        Limits at this many standard deviations; 1.96, or 2 as in the paper of 1986.
    interval : {"analytic", "bootstrap", "bca", "jackknife"}, optional
        Of the mean difference (the value). By default Student's t; the delete-one-patient jackknife when
        ``clusters`` repeat, which covers the limits better than drawing patients where these are few.
    draws, seed, confidence
        As in :func:`blues.agree.cohen_kappa`.

    Returns
    -------
    Agreement
        ``value`` is the mean difference. ``detail``: ``sd``, ``limits`` (low, high), ``limits_ci`` (an interval for each
        limit: exact by the non-central t of Carkeet 2015 when rows are independent, else by resampling),
        ``limits_ci_approximate`` (standard error sqrt(3 / n) sd, 1986), ``proportional_bias`` (slope of the difference on
        the mean, with interval and p value), ``sd_within``, ``sd_between`` for repeated measures, ``points`` (mean and
        difference, for the figure).

    Examples
    --------
    >>> import numpy as np
    >>> b = bland_altman(np.array([[5.0, 4], [6, 6], [7, 5], [8, 9], [4, 4]]))
    >>> round(b.value, 2), [round(float(x), 2) for x in b.detail["limits"]]
    (0.4, [-1.83, 2.63])
    """
    no_weights(weights)
    data = measured(ratings, clusters)
    if len(data.raters) != 2:
        raise InputError(f"Bland-Altman limits are for two raters, and there are {len(data.raters)}", remedy="Use icc")
    data = data.complete()
    n = len(data.values)
    if n < 3:
        raise InputError(f"Bland-Altman limits need three rows rated by both raters, and have {n}")
    if not multiplier > 0:
        raise InputError(f"multiplier must be positive, and is {multiplier!r}")
    gap = data.values[:, 0] - data.values[:, 1]
    centre = float(gap.mean())
    sums = _sums(gap - centre, data.clusters)

    def function(s: np.ndarray) -> np.ndarray:
        return _limits(s, multiplier)

    kind: Kind = interval or ("analytic" if data.clusters is None else "jackknife")
    found = cluster_interval(sums, function, kind=kind, draws=draws, seed=seed, confidence=confidence, unit=data.unit)
    for field in (found.value, found.low, found.high):
        field[:3] += centre
    limits, ci = found.value[1:3], np.column_stack([found.low[1:3], found.high[1:3]])
    sd = float(found.value[3])
    detail = _detail(data, gap, sd, limits, confidence)
    if data.clusters is not None:
        detail["of"] = f"2 raters on {counted(n, 'pair')} of measurements of {counted(sums.clusters, 'subject')}"
    if data.clusters is None:
        exact = _exact(n, centre, sd, multiplier, confidence)
        detail["limits_ci"] = exact if kind == "analytic" or draws == 0 else ci.tolist()
        detail["limits_ci_exact"] = exact
        detail["limits_method"] = "exact, non-central t" if kind == "analytic" or draws == 0 else found.method
        se = sd / math.sqrt(n)
        reach = float(stats.t.ppf(0.5 + confidence / 2, n - 1)) * se
        formula = LargeSample(centre - reach, centre + reach, se, f"Student's t with {n - 1} df", True)
    else:
        detail["limits_ci"] = ci.tolist()
        detail["sd_within"], detail["sd_between"] = float(found.value[4]), float(found.value[5])
        with np.errstate(all="ignore"):
            se = float(linearised(sums, function)[0]) if sums.clusters > 1 else math.nan
        g = sums.clusters
        reach = float(stats.t.ppf(0.5 + confidence / 2, g - 1)) * se if g > 1 else math.nan
        formula = LargeSample(centre - reach, centre + reach, se, f"clustered by subject, t with {g - 1} df", False)
    return build(
        found,
        subjects=n,
        raters=2,
        method="Bland-Altman mean difference" + (", repeated measures" if data.clusters is not None else ""),
        confidence=confidence,
        detail=detail,
        analytic=formula,
        banded=False,
        bounds=(-math.inf, math.inf),
    )


def _sums(gap: np.ndarray, clusters: np.ndarray | None) -> ClusterSums:
    """Return each subject's sums: [rows, differences, squares, subjects, (sum)^2 / rows, rows^2]."""
    n = len(gap)
    rows = np.column_stack([np.ones(n), gap, gap**2])
    found = sum_clusters(rows, None, clusters, np.ones(n, dtype=np.int64))
    m, d = found.sums[:, 0], found.sums[:, 1]
    return ClusterSums(np.column_stack([found.sums, np.ones(len(m)), d**2 / m, m**2]), found.times)


def _limits(sums: np.ndarray, multiplier: float) -> np.ndarray:
    """Return mean, lower and upper limit, total, within and between standard deviations; (b, 6).

    With one row a subject this is the plain standard deviation; else a one-way analysis of variance by subject.
    """
    rows, d, squares, subjects, split, rows_squared = sums.T
    mean = d / rows
    between = (split - d**2 / rows) / (subjects - 1)
    free = rows - subjects
    single = free.real == 0
    within = np.where(single, 0.0, (squares - split) / np.where(single, 1.0, free))
    size = np.where(single, 1.0, (rows - rows_squared / rows) / (subjects - 1))
    extra = (between - within) / size
    extra = np.where(extra.real > 0, extra, 0.0)
    sd = np.sqrt(within + extra)
    return np.stack([mean, mean - multiplier * sd, mean + multiplier * sd, sd, np.sqrt(within), np.sqrt(extra)], axis=1)


def _exact(n: int, centre: float, sd: float, multiplier: float, confidence: float) -> list[list[float]]:
    """Return the exact interval of each limit from the non-central t distribution (Carkeet, Optom Vis Sci 2015)."""
    alpha, root = 1 - confidence, math.sqrt(n)
    if sd == 0:
        return [[centre, centre], [centre, centre]]
    near, far = (float(stats.nct.ppf(p, n - 1, multiplier * root)) * sd / root for p in (alpha / 2, 1 - alpha / 2))
    return [[centre - far, centre - near], [centre + near, centre + far]]


def _detail(data: Measured, gap: np.ndarray, sd: float, limits: np.ndarray, confidence: float) -> dict[str, Any]:
    n = len(gap)
    mean = data.values.mean(axis=1)
    reach = float(stats.t.ppf(0.5 + confidence / 2, n - 1)) * math.sqrt(3 / n) * sd
    rows = {"subject": list(data.names), "mean": mean, "difference": gap}
    if data.clusters is not None:
        rows["cluster"] = data.clusters
    return {
        "sd": sd,
        "limits": [float(x) for x in limits],
        "limits_ci_approximate": [[float(x) - reach, float(x) + reach] for x in limits],
        "share_outside": float(((gap < limits[0]) | (gap > limits[1])).mean()),
        "proportional_bias": _slope(mean, gap, data.clusters, confidence),
        "left_out": data.empty,
        "points": pd.DataFrame(rows),
    }


def _slope(x: np.ndarray, y: np.ndarray, clusters: np.ndarray | None, confidence: float) -> dict[str, Any]:
    """Regress differences on means; with clusters the standard error is clustered (Liang & Zeger 1986), t with g - 1 df."""
    n = len(x)
    centred = x - x.mean()
    spread = float(centred @ centred)
    if spread == 0:
        return {"slope": math.nan, "reason": "every mean is the same, so there is no slope"}
    slope = float(centred @ y) / spread
    residual = y - y.mean() - slope * centred
    if clusters is None:
        df = n - 2
        se = math.sqrt(float(residual @ residual) / df / spread)
    else:
        scores = np.bincount(clusters, weights=centred * residual)
        g = len(scores)
        if g < 2:
            return {"slope": slope, "reason": "no interval: one cluster only"}
        df = g - 1
        se = math.sqrt(g / (g - 1) * (n - 1) / (n - 2) * float(scores @ scores)) / spread
    reach = float(stats.t.ppf(0.5 + confidence / 2, df)) * se
    p = float(2 * stats.t.sf(abs(slope / se), df)) if se > 0 else (1.0 if slope == 0 else 0.0)
    return {"slope": slope, "low": slope - reach, "high": slope + reach, "se": se, "p_value": p}
