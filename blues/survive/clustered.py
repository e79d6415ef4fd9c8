"""Associations of what is measured on clips, several a patient: the naive result beside those that know the patient.

A patient's clips resemble each other, so that 362 clips of 63 patients carry less than 362 patients would. Each row of
the table is one way of analysing the same data; only the first treats clips as independent.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import optimize, stats
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.tools.sm_exceptions import PerfectSeparationError

from blues.check import InputError, one_of, same_length
from blues.evaluate.records import check_level, group_codes
from blues.survive.inputs import same_rows
from blues.survive.random_intercept import logistic_intercept

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


@dataclass(frozen=True)
class _Data:
    """Complete rows: outcome, predictor, cluster code, adjusting covariates (n, k), and what a fit needs to know."""

    y: np.ndarray
    x: np.ndarray
    cluster: np.ndarray
    extra: np.ndarray
    level: float

    @property
    def clusters(self) -> int:
        return int(self.cluster.max()) + 1

    def design(self, x: np.ndarray) -> np.ndarray:
        """Return the predictor, the covariates and a constant, shape (n, 2 + k)."""
        return np.column_stack([x, self.extra, np.ones(len(x))])


@dataclass(frozen=True)
class _Row:
    method: str
    measure: str
    estimate: float
    se: float
    df: float = math.inf
    note: str = ""


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
) -> tuple[_Data, int]:
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
    return _Data(y, x, code, extra[keep], check_level(level)), int((~keep).sum())


def _extra(covariates: Any, n: int) -> np.ndarray:
    """Return the covariates, shape (n, p)."""
    extra = np.empty((n, 0)) if covariates is None else np.asarray(covariates, dtype=float)
    if extra.ndim not in (1, 2) or len(extra) != n:
        raise InputError(f"covariates have shape {extra.shape}", allowed=f"({n},) or ({n}, p): one row a clip")
    return extra.reshape(n, -1)


def _honest(fit: Callable[[_Data], _Row], data: _Data, method: str, measure: str) -> _Row:
    """Run one fit; on failure return NaN and the reason, and keep what it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            row = fit(data)
        except (PerfectSeparationError, np.linalg.LinAlgError, ValueError, FloatingPointError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            return _Row(method, measure, math.nan, math.nan, note=f"could not be fitted: {reason}")
    said = dict.fromkeys(str(w.message).strip().splitlines()[0] for w in caught)
    note = "; ".join([row.note, *said] if row.note else list(said))
    bad = not (math.isfinite(row.estimate) and math.isfinite(row.se) and row.se > 0)
    if bad:
        note = note or "no standard error"
        return _Row(method, measure, math.nan, math.nan, note=f"could not be fitted: {note}")
    return _Row(row.method, row.measure, row.estimate, row.se, row.df, note)


def _correlation(x: np.ndarray, y: np.ndarray, method: str, measure: str) -> _Row:
    r = float(np.corrcoef(x, y)[0, 1])
    return _Row(method, measure, r, 1 / math.sqrt(len(x) - 3) if len(x) > 3 else math.nan, len(x) - 2)


def _patient_means(d: _Data) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    size = np.bincount(d.cluster)
    means = [np.bincount(d.cluster, weights=v) / size for v in (d.x, d.y)]
    return means[0], means[1], size


def _sandwich(design: np.ndarray, residual: np.ndarray, weight: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Return the cluster-robust covariance of a regression with the small-sample factor of Stata and R ``CR1``."""
    bread = np.linalg.inv((design.T * weight) @ design)
    k, n, p = int(cluster.max()) + 1, *design.shape
    scores = np.zeros((k, p))
    np.add.at(scores, cluster, design * residual[:, None])
    factor = k / (k - 1) * (n - 1) / (n - p)
    return bread @ (scores.T @ scores) @ bread * factor


def _least_squares(d: _Data, robust: bool) -> _Row:
    design = d.design(d.x)
    fit = sm.OLS(d.y, design).fit()
    if not robust:
        return _Row("linear regression, clips independent", "slope", fit.params[0], fit.bse[0], fit.df_resid)
    cov = _sandwich(design, np.asarray(fit.resid), np.ones(len(d.y)), d.cluster)
    se = math.sqrt(cov[0, 0])
    return _Row("linear regression, cluster-robust", "slope", fit.params[0], se, d.clusters - 1)


def _no_runaway(coefficient: float, se: float, x: np.ndarray) -> None:
    """Raise where a coefficient runs away to infinity: the error of independent rows, which grows with it, tells."""
    scale = float(x.std())
    if abs(coefficient) * scale > 15 or (abs(coefficient) * np.ptp(x) > 8 and not se * scale < 10):
        raise ValueError("the predictor separates the outcomes")


def _logistic(d: _Data, robust: bool) -> _Row:
    design = d.design(d.x)
    fit = sm.GLM(d.y, design, family=sm.families.Binomial()).fit()
    _no_runaway(fit.params[0], fit.bse[0], d.x)
    if not robust:
        return _Row("logistic regression, clips independent", "log odds ratio", fit.params[0], fit.bse[0])
    p = np.asarray(fit.mu)
    cov = _sandwich(design, d.y - p, p * (1 - p), d.cluster)
    se = math.sqrt(cov[0, 0])
    return _Row("logistic regression, cluster-robust", "log odds ratio", fit.params[0], se, d.clusters - 1)


def _ordinal(d: _Data, robust: bool) -> _Row:
    scale = d.x.std()
    design = np.column_stack([(d.x - d.x.mean()) / scale, d.extra])
    codes = np.unique(d.y, return_inverse=True)[1]
    model = OrderedModel(codes, design, distr="logit")
    fit = model.fit(method="bfgs", maxiter=500, disp=False)
    if not fit.mle_retvals["converged"]:
        fit = model.fit(method="newton", start_params=fit.params, maxiter=100, disp=False)
    _no_runaway(fit.params[0] / scale, fit.bse[0] / scale, d.x)
    value = float(fit.params[0]) / scale
    if not robust:
        name = "ordinal logistic regression, clips independent"
        return _Row(name, "log odds ratio", value, float(fit.bse[0]) / scale)
    scores = np.zeros((d.clusters, len(fit.params)))
    np.add.at(scores, d.cluster, model.score_obs(np.asarray(fit.params)))
    bread = np.linalg.inv(-np.asarray(model.hessian(np.asarray(fit.params))))
    cov = bread @ (scores.T @ scores) @ bread * d.clusters / (d.clusters - 1)
    name = "ordinal logistic regression, cluster-robust"
    return _Row(name, "log odds ratio", value, math.sqrt(cov[0, 0]) / scale, d.clusters - 1)


def _gee(d: _Data, binary: bool) -> _Row:
    """Exchangeable GEE with the bias-reduced covariance of Mancl & DeRouen (Biometrics 2001;57:126)."""
    scale = d.x.std()
    family = sm.families.Binomial() if binary else sm.families.Gaussian()
    order = np.argsort(d.cluster, kind="stable")
    design = d.design((d.x - d.x.mean()) / scale)
    model = sm.GEE(
        d.y[order], design[order], groups=d.cluster[order], family=family, cov_struct=sm.cov_struct.Exchangeable()
    )
    fit = model.fit(cov_type="bias_reduced", maxiter=200)
    note = f"working correlation {float(model.cov_struct.dep_params):.2f}"
    measure = "log odds ratio" if binary else "slope"
    return _Row("GEE, exchangeable", measure, fit.params[0] / scale, fit.bse[0] / scale, d.clusters - 1, note)


def _mixed(d: _Data) -> _Row:
    """Linear mixed model with a random intercept a patient, by REML; Wald t on clusters - parameters degrees of freedom.

    With one variance ratio lambda the restricted likelihood is a curve, whose top is found directly (Harville, J Am Stat
    Assoc 1977;72:320): V^-1 = I - lambda/(1 + lambda m) J in each cluster of m. statsmodels' general optimiser ends in a
    singular matrix on data like these.
    """
    scale = d.x.std()
    design = d.design((d.x - d.x.mean()) / scale)
    n, p = design.shape
    size = np.bincount(d.cluster)
    both = np.column_stack([design, d.y])
    whole = both.T @ both
    sums = np.zeros((d.clusters, p + 1))
    np.add.at(sums, d.cluster, both)

    def solved(share: float) -> tuple[float, np.ndarray, np.ndarray, float]:
        ratio = share / (1 - share)
        inside = whole - (sums.T * (ratio / (1 + ratio * size))) @ sums
        beta = np.linalg.solve(inside[:p, :p], inside[:p, p])
        variance = (inside[p, p] - inside[:p, p] @ beta) / (n - p)
        value = (n - p) * math.log(variance) + np.log1p(ratio * size).sum() + np.linalg.slogdet(inside[:p, :p])[1]
        return float(value), beta, inside[:p, :p], float(variance)

    grid = np.concatenate([[0.0], np.linspace(0.005, 0.995, 100)])
    best = int(np.argmin([solved(s)[0] for s in grid]))
    share = grid[best]
    if best > 0:
        low, high = grid[best - 1], grid[min(best + 1, len(grid) - 1)]
        found = optimize.minimize_scalar(
            lambda s: solved(s)[0], bounds=(low, high), method="bounded", options={"xatol": 1e-10}
        )
        share = float(found.x)
    _, beta, precision, variance = solved(share)
    se = math.sqrt(np.linalg.inv(precision)[0, 0] * variance)
    note = f"residual intraclass correlation {share:.2f}"
    return _Row("mixed model, random intercept", "slope", beta[0] / scale, se / scale, d.clusters - p, note)


def _logistic_mixed(d: _Data) -> _Row:
    """Logistic mixed model; Wald t as for the linear one. Its odds ratio is of a given patient, GEE's of the average one."""
    scale = d.x.std()
    beta, covariance, sd = logistic_intercept(d.y, d.design((d.x - d.x.mean()) / scale), d.cluster)
    se = math.sqrt(covariance[0, 0])
    note = f"latent intraclass correlation {sd**2 / (sd**2 + math.pi**2 / 3):.2f}"
    df = d.clusters - len(beta)
    return _Row("logistic mixed model, random intercept", "log odds ratio", beta[0] / scale, se / scale, df, note)


def _finish(row: _Row, d: _Data, icc: float, effect: float) -> list[Any]:
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


def _rows(d: _Data, kind: str) -> list[_Row]:
    """Return every analysis of the data."""
    mx, my, _ = _patient_means(d)
    rows = [_correlation(d.x, d.y, "correlation, clips independent", "r")]
    if np.ptp(mx) > 0 and np.ptp(my) > 0 and d.clusters > 3:
        rows.append(_correlation(mx, my, "patient means, correlation", "r"))
        rows.append(_correlation(stats.rankdata(mx), stats.rankdata(my), "patient means, rank correlation", "rho"))
    if kind != "binary":
        rows.append(_honest(lambda e: _least_squares(e, False), d, "linear regression, clips independent", "slope"))
        rows.append(_honest(lambda e: _least_squares(e, True), d, "linear regression, cluster-robust", "slope"))
        rows.append(_honest(lambda e: _gee(e, False), d, "GEE, exchangeable", "slope"))
        rows.append(_honest(_mixed, d, "mixed model, random intercept", "slope"))
    if kind != "continuous":
        name = "logistic regression" if kind == "binary" else "ordinal logistic regression"
        plain = _logistic if kind == "binary" else _ordinal
        rows.append(_honest(lambda e: plain(e, False), d, f"{name}, clips independent", "log odds ratio"))
        rows.append(_honest(lambda e: plain(e, True), d, f"{name}, cluster-robust", "log odds ratio"))
    if kind == "binary":
        rows.append(_honest(lambda e: _gee(e, True), d, "GEE, exchangeable", "log odds ratio"))
        rows.append(_honest(_logistic_mixed, d, "logistic mixed model, random intercept", "log odds ratio"))
    return rows


def clustered_association(
    outcome: Any, predictor: Any, clusters: Any, kind: str = "ordinal", *, covariates: Any = None, level: float = 0.95
) -> pd.DataFrame:
    """Associate what is seen on clips with a vital sign or laboratory value, by every method side by side.

    The naive analyses take clips as independent; beside them stand the same with cluster-robust standard errors (Liang
    & Zeger, Biometrika 1986;73:13, factor k/(k-1)), generalised estimating equations, a mixed model (logistic for a binary
    outcome), and correlations of patient means. Estimates are a unit of the predictor.

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
