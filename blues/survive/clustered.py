"""Associations of what is measured on clips, several a patient: the naive result beside those that know the patient.

A patient's clips resemble each other, so that 362 clips of 63 patients carry less than 362 patients would. Each row of
the table is one way of analysing the same data; only the first treats clips as independent.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from blues.check import InputError, one_of, same_length
from blues.evaluate.records import check_level, group_codes
from blues.survive.clip_regressions import (
    ClipData,
    FittedRow,
    gee,
    honest,
    least_squares,
    logistic,
    logistic_mixed,
    mixed,
    ordinal,
)
from blues.survive.inputs import same_rows

__all__ = ["clustered_association", "design_effect", "intraclass_correlation"]

KINDS = ("continuous", "binary", "ordinal")
COLUMNS = [
    "method",
    "measure",
    "estimate",
    "se",
    "low",
    "high",
    "p_value",
    "n",
    "clusters",
    "icc",
    "design_effect",
    "note",
]


def intraclass_correlation(values: Any, clusters: Any) -> float:
    """One-way ANOVA intraclass correlation ICC(1) of values within clusters of any size.

    (MSB - MSW) / (MSB + (m0 - 1) MSW), m0 = (n - sum m_i^2 / n) / (k - 1) (Donner & Koval, Biometrics 1980;36:19). It may
    be negative. NaN when nothing varies or no cluster has two rows.

    Parameters
    ----------
    values : array-like, shape (n,)
        Finite numbers.
    clusters : array-like, shape (n,)
        The patient of each.

    Returns
    -------
    float

    Examples
    --------
    >>> intraclass_correlation([1, 1, 5, 5], ["a", "a", "b", "b"])
    1.0
    """
    same_rows(values=values, clusters=clusters)
    y = np.asarray(values, dtype=float).ravel()
    code, groups = group_codes(clusters, len(y))
    k, n = len(groups), len(y)
    if k < 2 or n <= k:
        return math.nan
    size = np.bincount(code)
    mean = np.bincount(code, weights=y) / size
    between = float(size @ (mean - y.mean()) ** 2) / (k - 1)
    within = float(np.sum((y - mean[code]) ** 2)) / (n - k)
    m0 = (n - float(size @ size) / n) / (k - 1)
    total = between + (m0 - 1) * within
    return (between - within) / total if total > 0 else math.nan


def design_effect(values: Any, clusters: Any) -> float:
    """Variance inflation 1 + (m - 1) ICC of the mean of clustered values, m the mean cluster size (Kish 1965).

    With clusters of unequal size sum m_i^2 / n in the place of m gives a little more.

    Parameters
    ----------
    values : array-like, shape (n,)
        Finite numbers.
    clusters : array-like, shape (n,)
        The patient of each.

    Returns
    -------
    float

    Examples
    --------
    >>> design_effect([1, 1, 5, 5], ["a", "a", "b", "b"])
    2.0
    """
    same_rows(values=values, clusters=clusters)
    y = np.asarray(values, dtype=float).ravel()
    code, groups = group_codes(clusters, len(y))
    return 1 + (len(code) / len(groups) - 1) * intraclass_correlation(y, code)


def _complete(
    outcome: Any, predictor: Any, clusters: Any, covariates: Any, kind: str, level: float
) -> tuple[ClipData, int]:
    """Return the complete rows and how many were not."""
    same_rows(outcome=outcome, predictor=predictor, clusters=clusters, covariates=covariates)
    n = same_length(outcome=outcome, predictor=predictor, clusters=clusters)
    table = {}
    for name, values in (("outcome", outcome), ("predictor", predictor)):
        try:
            table[name] = np.asarray(values, dtype=float).ravel()
        except (TypeError, ValueError):
            raise InputError(f"{name} must be numbers", remedy="Code categories as 0, 1, 2 ...") from None
        if np.isinf(table[name]).any():
            raise InputError(f"{name} holds an infinite value")
    extra = _extra(covariates, n)
    labels = np.asarray(clusters, dtype=object).ravel()
    keep = np.isfinite(table["outcome"]) & np.isfinite(table["predictor"]) & np.isfinite(extra).all(axis=1)
    if keep.sum() < 3:
        raise InputError(f"{int(keep.sum())} rows have both outcome and predictor", allowed="at least 3")
    code, groups = group_codes(labels, n)
    code = np.unique(code[keep], return_inverse=True)[1]
    y, x = table["outcome"][keep], table["predictor"][keep]
    if len(np.unique(code)) < 3:
        raise InputError(f"{len(np.unique(code))} clusters only", allowed="at least 3 patients")
    for name, values in (("outcome", y), ("predictor", x)):
        if np.ptp(values) == 0:
            raise InputError(f"{name} has one value only", value=values[0])
    if kind == "binary" and not np.isin(y, (0, 1)).all():
        raise InputError(
            "outcome is called binary and holds other values than 0 and 1", value=np.unique(y)[:6].tolist()
        )
    if kind == "ordinal" and len(np.unique(y)) > 20:
        raise InputError(f"outcome is called ordinal and has {len(np.unique(y))} values", allowed="at most 20")
    return ClipData(y, x, code, extra[keep], check_level(level)), int((~keep).sum())


def _extra(covariates: Any, n: int) -> np.ndarray:
    """Return the covariates, shape (n, p)."""
    extra = np.empty((n, 0)) if covariates is None else np.asarray(covariates, dtype=float)
    if extra.ndim not in (1, 2) or len(extra) != n:
        raise InputError(f"covariates have shape {extra.shape}", allowed=f"({n},) or ({n}, p): one row a clip")
    return extra.reshape(n, -1)


def _correlation(x: np.ndarray, y: np.ndarray, method: str, measure: str) -> FittedRow:
    r = float(np.corrcoef(x, y)[0, 1])
    return FittedRow(method, measure, r, 1 / math.sqrt(len(x) - 3) if len(x) > 3 else math.nan, len(x) - 2)


def _patient_means(d: ClipData) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    size = np.bincount(d.cluster)
    means = [np.bincount(d.cluster, weights=v) / size for v in (d.x, d.y)]
    return means[0], means[1], size


def _finish(row: FittedRow, d: ClipData, icc: float, effect: float) -> list[Any]:
    """Return one row of the table, with interval and p value."""
    nan = math.nan
    low, high, p = nan, nan, nan
    if math.isfinite(row.estimate):
        df = max(row.df, 1)
        if "r" == row.measure or row.measure == "rho":
            half = stats.norm.isf((1 - d.level) / 2) * row.se
            safe = min(max(row.estimate, -1 + 1e-12), 1 - 1e-12)
            low, high = np.tanh(math.atanh(safe) - half), np.tanh(math.atanh(safe) + half)
            t = safe * math.sqrt(df / (1 - safe**2))
        else:
            half = stats.t.isf((1 - d.level) / 2, df) * row.se
            low, high = row.estimate - half, row.estimate + half
            t = row.estimate / row.se
        p = float(2 * stats.t.sf(abs(t), df))
    patients = row.method.startswith("patient means")
    n = d.clusters if patients else len(d.y)
    return [row.method, row.measure, row.estimate, row.se, low, high, p, n, d.clusters, icc, effect, row.note]


def _rows(d: ClipData, kind: str) -> list[FittedRow]:
    """Return every analysis of the data."""
    mx, my, _ = _patient_means(d)
    rows = [_correlation(d.x, d.y, "correlation, clips independent", "r")]
    if np.ptp(mx) > 0 and np.ptp(my) > 0 and d.clusters > 3:
        rows.append(_correlation(mx, my, "patient means, correlation", "r"))
        rows.append(_correlation(stats.rankdata(mx), stats.rankdata(my), "patient means, rank correlation", "rho"))
    if kind != "binary":
        rows += honest(least_squares, d, _each_error("linear regression"), "slope")
        rows += honest(lambda e: gee(e, False), d, ["GEE, exchangeable"], "slope")
        rows += honest(mixed, d, ["mixed model, random intercept"], "slope")
    if kind != "continuous":
        name, fit = ("logistic regression", logistic) if kind == "binary" else ("ordinal logistic regression", ordinal)
        rows += honest(fit, d, _each_error(name), "log odds ratio")
    if kind == "binary":
        rows += honest(lambda e: gee(e, True), d, ["GEE, exchangeable"], "log odds ratio")
        rows += honest(logistic_mixed, d, ["logistic mixed model, random intercept"], "log odds ratio")
    return rows


def _each_error(name: str) -> list[str]:
    return [f"{name}, {error}" for error in ("clips independent", "cluster-robust", "bias-reduced")]


def clustered_association(
    outcome: Any, predictor: Any, clusters: Any, kind: str = "ordinal", *, covariates: Any = None, level: float = 0.95
) -> pd.DataFrame:
    """Associate what is seen on clips with a vital sign or laboratory value, by every method side by side.

    The naive analyses take clips as independent; beside them stand the same with cluster-robust standard errors (Liang
    & Zeger, Biometrika 1986;73:13, variance times k/(k-1) (n-1)/(n-p), of ordinal regression k/(k-1); t on k - 1 degrees of
    freedom), the same bias-reduced (:func:`blues.survive.bias_reduced.bias_reduced`), generalised estimating equations with the
    errors of Mancl & DeRouen, a mixed model (logistic for a binary outcome), and correlations of patient means. Estimates are a
    unit of the predictor.

    With few patients, a skewed predictor or few exposed the cluster-robust error is too small. Of tests at .05 of a predictor
    of nothing it rejects .16 (28 patients, lognormal predictor), .14 (60 patients) and .28 (2 exposed of 25), GEE .07, .07 and
    .15, the bias-reduced .03, .04 and below .01 (``benchmarks/coverage.py``): judge by the last. The ``note`` tells where few
    patients carry the predictor.

    Parameters
    ----------
    outcome : array-like, shape (n,)
        One value a clip: severity 0-3, B-lines 0/1, a fraction.
    predictor : array-like, shape (n,)
        One value a clip, such as the patient's SpO2 repeated.
    clusters : array-like, shape (n,)
        The patient of each clip.
    kind : {"ordinal", "continuous", "binary"}
        Of the outcome. ``ordinal`` gives ordinal logistic regressions and, the score taken as a number, linear ones.
    covariates : array-like, shape (n, k), optional
        To adjust the regressions for (the correlations stay crude).
    level : float

    Returns
    -------
    DataFrame
        One row a method: ``method``, ``measure`` (``r``, ``rho``, ``slope``, ``log odds ratio``), ``estimate``, ``se``
        (of a correlation: of its Fisher z), ``low``, ``high``, ``p_value``, ``n`` (rows the method counts), ``clusters``,
        ``icc`` (of the outcome within patients), ``design_effect`` (1 + (mean cluster size - 1) icc), ``note`` (what a
        fit warned of; why there is no number; rows left out).

    Raises
    ------
    InputError
        Different lengths or row labels, fewer than three patients, an outcome of another kind, nothing that varies.

    Examples
    --------
    >>> patient = np.repeat(np.arange(12), 4)
    >>> spo2 = np.repeat(np.arange(12) % 5 + 90, 4)
    >>> score = (patient * 7 + np.tile([0, 0, 1, 1], 12)) % 4
    >>> table = clustered_association(score, spo2, patient, "continuous")
    >>> table["method"].tolist()[:2]
    ['correlation, clips independent', 'patient means, correlation']
    """
    one_of(kind, KINDS, "kind")
    data, left_out = _complete(outcome, predictor, clusters, covariates, kind, level)
    icc = intraclass_correlation(data.y, data.cluster)
    effect = 1 + (len(data.y) / data.clusters - 1) * icc
    table = pd.DataFrame([_finish(row, data, icc, effect) for row in _rows(data, kind)], columns=COLUMNS)
    if left_out:
        text = f"{left_out} rows without outcome, predictor or covariate left out"
        table["note"] = [f"{note}; {text}" if note else text for note in table["note"]]
    return table
