"""Regressions of what is measured on clips, several a patient: as if independent, cluster-robust, GEE, random intercept.

Each fit takes :class:`ClipData` and gives one row or several of the table of :func:`blues.survive.clustered_association`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import statsmodels.api as sm
from scipy import optimize
from scipy.special import expit
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.tools.sm_exceptions import PerfectSeparationError

from blues.survive.bias_reduced import bias_reduced, information_by_cluster
from blues.survive.random_intercept import logistic_intercept

__all__ = ["ClipData", "FittedRow", "gee", "honest", "least_squares", "logistic", "logistic_mixed", "mixed", "ordinal"]


@dataclass(frozen=True)
class ClipData:
    """Complete rows: outcome, predictor, cluster code, adjusting covariates (n, k), and what a fit needs to know."""

    y: np.ndarray
    x: np.ndarray
    cluster: np.ndarray
    extra: np.ndarray
    level: float

    @property
    def clusters(self) -> int:
        """How many patients."""
        return int(self.cluster.max()) + 1

    def standard(self) -> tuple[np.ndarray, float]:
        """Return the design, shape (n, 2 + k), of predictor, covariates and a constant, and the predictor's unit in it.

        Raises
        ------
        ValueError
            Where one of its columns is told by the others.
        """
        both = np.column_stack([self.x, self.extra])
        spread = both.std(axis=0)
        spread[spread == 0] = 1.0
        design = np.column_stack([(both - both.mean(axis=0)) / spread, np.ones(len(both))])
        if np.linalg.matrix_rank(design) < design.shape[1]:
            raise ValueError("predictor and covariates are collinear")
        return design, float(spread[0])


@dataclass(frozen=True)
class FittedRow:
    """One row of the table: what was fitted, with its error and degrees of freedom."""

    method: str
    measure: str
    estimate: float
    se: float
    df: float = math.inf
    note: str = ""


Fit = Callable[[ClipData], list[FittedRow]]

_ROUNDING = 1e-10
"""Share of its scale, sd(y) / sd(x) or 1 / sd(x), at which a standard error is what rounding left of none."""

FEW = 4.0
"""Degrees of freedom below which Satterthwaite's approximation fails (Pustejovsky & Tipton 2018) and few patients decide."""


FEW_CARRIERS = "few patients carry the predictor"


def honest(fit: Fit, data: ClipData, methods: list[str], measure: str) -> list[FittedRow]:
    """Run one fit, which gives a row for each of ``methods``; without a number a row is NaN and says why.

    Parameters
    ----------
    fit : callable
    data : ClipData
    methods : list of str
    measure : str

    Returns
    -------
    list of FittedRow
        With what the fit warned of.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            rows = fit(data)
        except (PerfectSeparationError, np.linalg.LinAlgError, ValueError, FloatingPointError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            return [FittedRow(m, measure, math.nan, math.nan, note=f"could not be fitted: {reason}") for m in methods]
    said = dict.fromkeys(str(w.message).strip().splitlines()[0] for w in caught)
    return [
        _with_error(replace(row, note="; ".join([row.note, *said] if row.note else list(said))), data) for row in rows
    ]


def _with_error(row: FittedRow, d: ClipData) -> FittedRow:
    """Return the row, or one of NaN where it has no standard error."""
    if math.isfinite(row.estimate) and math.isfinite(row.se) and row.se > 0:
        scale = d.y.std() if row.measure == "slope" else 1.0
        if row.se * d.x.std() > _ROUNDING * scale:
            return row
        row = replace(row, note="the residuals of each patient cancel, so that nothing is left to tell an error from")
    note = f"could not be fitted: {row.note or 'no standard error'}"
    return replace(row, estimate=math.nan, se=math.nan, note=note)


def _sandwich(scores: np.ndarray, information: np.ndarray, factor: float) -> float:
    """Return the cluster-robust error of the first coefficient (Liang & Zeger 1986), its square times ``factor``."""
    first = np.linalg.inv(information)[0]
    return math.sqrt(factor * float(np.sum((scores @ first) ** 2)))


def doubt(df: float) -> str:
    """Say why Satterthwaite's degrees of freedom of a coefficient forbid to trust any error from between patients."""
    if math.isnan(df):
        return "one patient alone decides the coefficient, so that nothing tells how it varies between patients"
    return f"{FEW_CARRIERS} ({df:.1f} degrees of freedom): robust errors are unsure" if df < FEW else ""


def _with_errors(
    plain: FittedRow, robust: float, scores: np.ndarray, information: np.ndarray, unit: float
) -> list[FittedRow]:
    """Return a regression with its three errors: of independent clips, cluster-robust, and bias-reduced.

    ``scores`` and ``information`` are by cluster, of a predictor divided by ``unit``.
    """
    reduced, free = bias_reduced(scores, information)
    note, name = doubt(free), plain.method
    return [
        replace(plain, method=f"{name}, clips independent"),
        replace(plain, method=f"{name}, cluster-robust", se=robust, df=len(scores) - 1, note=note),
        replace(plain, method=f"{name}, bias-reduced", se=reduced / unit, df=free, note=note),
    ]


def _by_cluster(d: ClipData, rows: np.ndarray) -> np.ndarray:
    """Return the sums a cluster of rows (n, p), shape (k, p)."""
    sums = np.zeros((d.clusters, rows.shape[1]))
    np.add.at(sums, d.cluster, rows)
    return sums


def _of_design(d: ClipData, plain: FittedRow, weight: np.ndarray, residual: np.ndarray) -> list[FittedRow]:
    """Return a regression of one linear predictor with its three errors.

    The usual robust one has the factor k/(k-1) (n-1)/(n-p) of Stata's ``regress`` and R ``CR1S`` (Stata's ``logit`` takes
    k/(k-1) alone).
    """
    design, unit = d.standard()
    scores = _by_cluster(d, design * residual[:, None])
    information = information_by_cluster(design, weight, d.cluster)
    k, n, p = d.clusters, *design.shape
    robust = _sandwich(scores, information.sum(axis=0), k / (k - 1) * (n - 1) / (n - p)) / unit
    return _with_errors(plain, robust, scores, information, unit)


def least_squares(d: ClipData) -> list[FittedRow]:
    """Return the linear regression with each of its errors."""
    design, unit = d.standard()
    fit = sm.OLS(d.y, design).fit()
    plain = FittedRow("linear regression", "slope", fit.params[0] / unit, fit.bse[0] / unit, fit.df_resid)
    return _of_design(d, plain, np.ones(len(d.y)), np.asarray(fit.resid))


def _no_runaway(coefficient: float, se: float, x: np.ndarray) -> None:
    """Raise where a coefficient runs away to infinity: the error of independent rows, which grows with it, tells."""
    scale = float(x.std())
    if abs(coefficient) * scale > 15 or (abs(coefficient) * np.ptp(x) > 8 and not se * scale < 10):
        raise ValueError("the predictor separates the outcomes")


def _plain_logistic(d: ClipData, design: np.ndarray) -> Any:
    """Fit clips as if independent; raise where there is no maximum, for GEE and mixed models then have none either."""
    fit = sm.GLM(d.y, design, family=sm.families.Binomial()).fit()
    _no_runaway(fit.params[0], fit.bse[0], design[:, 0])
    return fit


def logistic(d: ClipData) -> list[FittedRow]:
    """Return the logistic regression with each of its errors."""
    design, unit = d.standard()
    fit = _plain_logistic(d, design)
    p = np.asarray(fit.mu)
    plain = FittedRow("logistic regression", "log odds ratio", fit.params[0] / unit, fit.bse[0] / unit)
    return _of_design(d, plain, p * (1 - p), d.y - p)


def ordinal(d: ClipData) -> list[FittedRow]:
    """Return the ordinal logistic regression (proportional odds) with each of its errors; the robust one times k/(k-1)."""
    whole, unit = d.standard()
    design = whole[:, :-1]
    codes = np.unique(d.y, return_inverse=True)[1]
    model = OrderedModel(codes, design, distr="logit")
    fit = model.fit(method="bfgs", maxiter=500, disp=False)
    if not fit.mle_retvals["converged"]:
        fit = model.fit(method="newton", start_params=fit.params, maxiter=100, disp=False)
    _no_runaway(fit.params[0] / unit, fit.bse[0] / unit, d.x)
    found, k = np.asarray(fit.params), d.clusters
    plain = FittedRow("ordinal logistic regression", "log odds ratio", found[0] / unit, fit.bse[0] / unit)
    robust = _sandwich(_by_cluster(d, model.score_obs(found)), -np.asarray(model.hessian(found)), k / (k - 1)) / unit
    cuts = np.asarray(model.transform_threshold_params(found))[1:-1]
    return _with_errors(plain, robust, *_proportional_odds(codes, design, found[: design.shape[1]], cuts, d), unit)


def _proportional_odds(
    codes: np.ndarray, design: np.ndarray, beta: np.ndarray, cuts: np.ndarray, d: ClipData
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores (k, p) and expected information (k, p, p) a cluster in coefficients and cut points.

    Of a row, P(y = j) = F(cut_j - x beta) - F(cut_(j-1) - x beta).
    """
    n, m = len(codes), len(cuts)
    below = expit(cuts - (design @ beta)[:, None])
    density = below * (1 - below)
    share = np.diff(np.column_stack([np.zeros(n), below, np.ones(n)]))
    scores = np.zeros((d.clusters, design.shape[1] + m))
    information = np.zeros((*scores.shape, scores.shape[1]))
    for j in range(m + 1):
        of_cuts = np.zeros((n, m))
        if j < m:
            of_cuts[:, j] = density[:, j]
        if j > 0:
            of_cuts[:, j - 1] = -density[:, j - 1]
        slope = np.column_stack([-design * of_cuts.sum(axis=1)[:, None], of_cuts])
        chance = np.maximum(share[:, j], np.finfo(float).tiny)
        information += information_by_cluster(slope, 1 / chance, d.cluster)
        scores += _by_cluster(d, slope * ((codes == j) / chance)[:, None])
    return scores, information


def gee(d: ClipData, binary: bool) -> list[FittedRow]:
    """Return the exchangeable GEE with the bias-reduced covariance of Mancl & DeRouen (Biometrics 2001;57:126)."""
    family = sm.families.Binomial() if binary else sm.families.Gaussian()
    order = np.argsort(d.cluster, kind="stable")
    design, unit = d.standard()
    if binary:
        _plain_logistic(d, design)
    model = sm.GEE(
        d.y[order], design[order], groups=d.cluster[order], family=family, cov_struct=sm.cov_struct.Exchangeable()
    )
    fit = model.fit(cov_type="bias_reduced", maxiter=200)
    shared, largest = float(model.cov_struct.dep_params), int(np.bincount(d.cluster).max())
    if largest > 1 and not -1 / (largest - 1) < shared < 1:
        raise ValueError(f"a working correlation of {shared:.2f} is none that {largest} clips of a patient can have")
    of_predictor = bias_reduced(
        np.zeros((d.clusters, design.shape[1])), information_by_cluster(design, np.ones(len(d.y)), d.cluster)
    )
    note = "; ".join(filter(None, [f"working correlation {shared:.2f}", doubt(of_predictor[1])]))
    measure = "log odds ratio" if binary else "slope"
    return [FittedRow("GEE, exchangeable", measure, fit.params[0] / unit, fit.bse[0] / unit, d.clusters - 1, note)]


def mixed(d: ClipData) -> list[FittedRow]:
    """Linear mixed model with a random intercept a patient, by REML; Wald t on clusters - parameters degrees of freedom.

    With one variance ratio lambda the restricted likelihood is a curve, whose top is found directly (Harville, J Am Stat
    Assoc 1977;72:320): V^-1 = I - lambda/(1 + lambda m) J in each cluster of m. statsmodels' general optimiser ends in a
    singular matrix on data like these.
    """
    design, unit = d.standard()
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
    return [FittedRow("mixed model, random intercept", "slope", beta[0] / unit, se / unit, d.clusters - p, note)]


def logistic_mixed(d: ClipData) -> list[FittedRow]:
    """Logistic mixed model; Wald t as for the linear one. Its odds ratio is of a given patient, GEE's of the average one."""
    design, unit = d.standard()
    _plain_logistic(d, design)
    beta, covariance, sd = logistic_intercept(d.y, design, d.cluster)
    se = math.sqrt(covariance[0, 0])
    note = f"latent intraclass correlation {sd**2 / (sd**2 + math.pi**2 / 3):.2f}"
    df = d.clusters - len(beta)
    name = "logistic mixed model, random intercept"
    return [FittedRow(name, "log odds ratio", beta[0] / unit, se / unit, df, note)]
