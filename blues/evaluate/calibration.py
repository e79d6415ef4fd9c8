"""Calibration: intercept, slope, Brier score, Spiegelhalter's z, and the flexible curve with its summaries."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import special, stats
from statsmodels.nonparametric.smoothers_lowess import lowess

from blues.check import ROUNDING, InputError, binary_outcome, one_of, probabilities, same_length
from blues.cohort.display import Shown
from blues.evaluate.records import Estimate, Test, check_level, group_codes, normal_quantile, zeros_and_ones
from blues.evaluate.rows import rows_in_order

__all__ = ["Calibration", "brier", "calibration", "expected_calibration_error", "smooth_calibration"]

SMOOTHER = "lowess, frac 2/3, no robustness iterations, delta .01 of the range"
_EDGE = 1e-8  # predictions of exactly 0 or 1 have no logit; CalibrationCurves moves them by as much
_ONE_CLUSTER = "one cluster: the variance between clusters is unknown"


def _outcome_and_probability(y: Any, p: Any) -> tuple[np.ndarray, np.ndarray]:
    """Check and return the outcome (0 and 1) and the probabilities; one class only is allowed."""
    outcome, predicted = zeros_and_ones(y, "y"), probabilities(p).ravel()
    same_length(y=outcome, p=predicted)
    if not len(outcome):
        raise InputError("y is empty")
    return outcome, predicted


def mean_interval(values: np.ndarray, clusters: Any, level: float, **extra: Any) -> Estimate:
    """Return a mean over rows with its t interval, clustered by patient when the patients are given; NaN without spread."""
    n = len(values)
    codes = np.arange(n) if clusters is None else group_codes(clusters, n)[0]
    mean = float(values.mean())
    count = int(codes.max()) + 1
    detail = {"method": "t" if clusters is None else "t, clustered", "level": check_level(level), "n": n, **extra}
    if count < 2:
        reason = "one observation has no spread" if n < 2 else _ONE_CLUSTER
        return Estimate(mean, detail={**detail, "reason": reason})
    sums = np.bincount(codes, values - mean)
    se = math.sqrt(count / (count - 1) * float(sums @ sums)) / n
    if se <= ROUNDING * abs(mean):
        what = "row" if clusters is None else "patient"
        return Estimate(
            mean, detail={**detail, "reason": f"every {what} has the same: no spread to tell an interval from"}
        )
    half = float(stats.t.isf((1 - level) / 2, count - 1)) * se
    return Estimate(mean, mean - half, mean + half, se, detail)


@rows_in_order
def brier(y: Any, p: Any, clusters: Any = None, *, level: float = 0.95) -> Estimate:
    """Return the mean squared error of probabilities (Brier 1950, Mon Weather Rev 78:1).

    Parameters
    ----------
    y : array-like, shape (n,)
        0 or 1.
    p : array-like, shape (n,)
        Probabilities of 1.
    clusters : array-like, shape (n,), optional
        The patient of each row.
    level : float
        Confidence level of the interval, strictly between 0 and 1.

    Returns
    -------
    Estimate
        Interval: t on the rows' (patients') squared errors, cut to 0 ... 1; NaN where they are all the same.
        ``detail["scaled"]`` = 1 - Brier / Brier of the prevalence (NaN with one class).

    Examples
    --------
    >>> round(brier([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]).value, 4)
    0.0375
    """
    outcome, predicted = _outcome_and_probability(y, p)
    prevalence = float(outcome.mean())
    found = mean_interval((predicted - outcome) ** 2, clusters, level, prevalence=prevalence)
    reference = prevalence * (1 - prevalence)
    found.detail["scaled"] = 1 - found.value / reference if reference > 0 else math.nan
    return Estimate(
        found.value, float(np.maximum(0.0, found.low)), float(np.minimum(1.0, found.high)), found.se, found.detail
    )


@rows_in_order
def expected_calibration_error(y: Any, p: Any, bins: int = 10, strategy: str = "width") -> Estimate:
    """Return the expected calibration error (l1) over bins; secondary, for it depends on them and is biased upwards.

    Parameters
    ----------
    y, p : array-like, shape (n,)
        Outcome, 0 or 1, and probability of 1.
    bins : int
        At least 1.
    strategy : {"width", "count"}
        Bins of equal width, closed on the left (the last also on the right); or of equal count (quantiles of p).

    Returns
    -------
    Estimate
        Sum over bins of share of rows * abs(mean prediction - observed share); ``detail["bins"]`` states the rule,
        ``detail["table"]`` the bins. No interval: the statistic is biased.

    Raises
    ------
    InputError
        For another strategy, a number of bins that is none, probabilities out of 0 ... 1, or lengths that differ.

    Examples
    --------
    >>> round(expected_calibration_error([0, 0, 1, 1, 1], [0.25, 0.25, 0.55, 0.75, 0.75], bins=2).value, 10)
    0.29
    """
    one_of(strategy, ("width", "count"), "strategy")
    outcome, predicted = _outcome_and_probability(y, p)
    if bins < 1 or bins % 1:
        raise InputError(f"bins is {bins}", allowed="a whole number, 1 or more")
    bins = int(bins)
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    # the third edge of ten is a little above .3, and a prediction of .3 belongs above it
    edges = inner - ROUNDING if strategy == "width" else np.unique(np.quantile(predicted, inner))
    which = np.searchsorted(edges, predicted, side="right")
    sizes = np.bincount(which, minlength=len(edges) + 1)
    used = np.flatnonzero(sizes)
    stated = np.bincount(which, predicted, minlength=len(sizes))[used] / sizes[used]
    seen = np.bincount(which, outcome, minlength=len(sizes))[used] / sizes[used]
    value = float(sizes[used] / len(outcome) @ np.abs(stated - seen))
    rule = f"{bins} bins of equal {strategy}"
    table = {"rows": sizes[used].tolist(), "predicted": stated.tolist(), "observed": seen.tolist()}
    return Estimate(value, detail={"bins": rule, "table": table, "reason": "no interval: biased upwards by design"})


@rows_in_order
def smooth_calibration(y: Any, p: Any) -> pd.DataFrame:
    """Return the flexible calibration curve: ``p``, rising, and the smoothed share ``observed`` at each prediction.

    Lowess as rms::val.prob takes it (frac 2/3, no robustness iterations, delta .01 of the range). Where equal predictions fill
    the span there is no line to fit, and their mean outcome stands in; with fewer than three distinct predictions everywhere.
    ``attrs["smoother"]`` names what was used.

    Parameters
    ----------
    y, p : array-like, shape (n,)
        Outcome, 0 or 1, and probability of 1.

    Returns
    -------
    DataFrame, one row a prediction
        ``p``, ``observed``.
    """
    outcome, predicted = _outcome_and_probability(y, p)
    order = np.argsort(predicted, kind="stable")
    outcome, predicted = outcome[order], predicted[order]
    span = float(predicted[-1] - predicted[0])
    values, which, sizes = np.unique(predicted, return_inverse=True, return_counts=True)
    observed = (np.bincount(which, outcome) / sizes)[which]
    smoother = f"mean outcome at each of {len(values)} distinct predictions (too many ties for lowess)"
    if len(values) > 2:
        # the line is that of the rows themselves; but of a tie that fills the span lowess returns the first row's outcome
        with np.errstate(all="ignore"):
            line = lowess(observed, predicted, frac=2 / 3, it=0, delta=0.01 * span, return_sorted=False)
        filled = (sizes[which] >= int(2 / 3 * len(outcome))) | ~np.isfinite(line)
        observed = np.where(filled, observed, line)
        smoother = SMOOTHER + "; mean outcome of equal predictions that fill the span" * bool(filled.any())
    frame = pd.DataFrame({"p": predicted, "observed": observed})
    frame.attrs["smoother"] = smoother
    return frame


@dataclass(frozen=True, repr=False)
class Calibration(Shown):
    """How predicted probabilities agree with what happened.

    Attributes
    ----------
    intercept : Estimate
        Calibration in the large: intercept of the logistic model with the logit of the prediction as offset; 0 is
        right, positive means the predictions are too low on average.
    slope : Estimate
        Coefficient of the logit of the prediction; 1 is right, below 1 means too extreme. ``detail["intercept"]`` is
        the intercept fitted with it.
    brier : Estimate
    scaled_brier : Estimate
        1 - Brier / Brier of the prevalence; delete-one-patient jackknife, since the prevalence is estimated too.
    spiegelhalter : Test
        z and two-sided p of the hypothesis that the probabilities are right (Spiegelhalter 1986, Stat Med 5:421); with
        clusters the sum of (y - p)(1 - 2p) over its error between patients, NaN for one patient.
    ici, e50, e90, emax : float
        Mean, median, 90th percentile and maximum of the absolute distance between prediction and smoothed curve
        (Austin & Steyerberg 2019, Stat Med 38:4051).
    smoother : str
        Which curve; the numbers depend on it.
    ece : Estimate
        Secondary.
    curve : DataFrame
        ``p, observed``, as :func:`smooth_calibration`.
    """

    intercept: Estimate
    slope: Estimate
    brier: Estimate
    scaled_brier: Estimate
    spiegelhalter: Test
    ici: float
    e50: float
    e90: float
    emax: float
    smoother: str
    ece: Estimate
    curve: pd.DataFrame = field(repr=False)

    def frame(self) -> pd.DataFrame:
        """Return ``metric, value, low, high`` with one row a number."""
        named = ("intercept", "slope", "brier", "scaled_brier", "ece")
        rows = [(name, getattr(self, name).value, getattr(self, name).low, getattr(self, name).high) for name in named]
        rows += [("spiegelhalter_z", self.spiegelhalter.statistic, math.nan, math.nan)]
        rows += [("spiegelhalter_p", self.spiegelhalter.p_value, math.nan, math.nan)]
        rows += [(name, getattr(self, name), math.nan, math.nan) for name in ("ici", "e50", "e90", "emax")]
        return pd.DataFrame(rows, columns=["metric", "value", "low", "high"])


@rows_in_order
def calibration(y: Any, p: Any, clusters: Any = None, *, bins: int = 10, level: float = 0.95) -> Calibration:
    """Describe the calibration of probabilities.

    Parameters
    ----------
    y : array-like, shape (n,)
        0 and 1, both present.
    p : array-like, shape (n,)
        Probabilities of 1. Exactly 0 and 1 are moved by 1e-8 for the logit, and counted in ``slope.detail["moved"]``.
    clusters : array-like, shape (n,), optional
        The patient of each row: intercept and slope then have cluster-robust errors and t intervals on patients - 1 degrees
        of freedom, and Spiegelhalter's z takes its variance from the patients' sums.
    bins : int
        Bins of equal width of the secondary ECE.
    level : float
        Confidence level of every interval.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        For one class only, probabilities out of 0 ... 1, or lengths that differ.

    Notes
    -----
    Cox 1958, Biometrika 45:562; Van Calster et al. 2019, BMC Med 17:230. Agrees with rms::val.prob.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(size=4000)
    >>> found = calibration(rng.uniform(size=4000) < p, p)
    >>> found.slope.low < 1 < found.slope.high, found.intercept.low < 0 < found.intercept.high
    (True, True)
    """
    outcome = binary_outcome(y).astype(float)
    predicted = _outcome_and_probability(outcome, p)[1]
    moved = int(np.sum((predicted < _EDGE) | (predicted > 1 - _EDGE)))
    logit = special.logit(np.clip(predicted, _EDGE, 1 - _EDGE))
    codes = None if clusters is None else group_codes(clusters, len(outcome))[0]
    score = brier(outcome, predicted, clusters, level=level)
    curve = smooth_calibration(outcome, predicted)
    distance = np.abs(curve["p"] - curve["observed"]).to_numpy()
    return Calibration(
        intercept=_in_the_large(outcome, logit, codes, level, moved),
        slope=_slope(outcome, logit, codes, level, moved),
        brier=score,
        scaled_brier=_scaled_brier(outcome, (predicted - outcome) ** 2, codes, level),
        spiegelhalter=_spiegelhalter(outcome, predicted, codes),
        ici=float(distance.mean()),
        e50=float(np.median(distance)),
        e90=float(np.quantile(distance, 0.9)),
        emax=float(distance.max()),
        smoother=curve.attrs["smoother"],
        ece=expected_calibration_error(outcome, predicted, bins),
        curve=curve,
    )


def _scaled_brier(y: np.ndarray, errors: np.ndarray, codes: np.ndarray | None, level: float) -> Estimate:
    """Return 1 - Brier / Brier of the prevalence; patients left out move both, so that the interval knows of either."""
    codes = np.arange(len(y)) if codes is None else codes
    left = np.array([v.sum() - np.append(0.0, np.bincount(codes, v)) for v in (np.ones(len(y)), y, errors)])
    size, events, lost = (np.maximum(v, 0.0) for v in left)
    # with one class left, or nobody, there is no reference
    reference = np.divide(events * (size - events), size, out=np.zeros(len(size)), where=size > 0)
    values = 1 - np.divide(lost, reference, out=np.full(len(size), np.nan), where=reference > ROUNDING)
    value, k = float(values[0]), len(values) - 1
    detail: dict[str, Any] = {"method": "delete-one-patient jackknife, t", "level": level, "n": len(y)}
    if k < 2 or np.isnan(values).any():
        reason = _ONE_CLUSTER if k < 2 else "without one patient a single class is left"
        return Estimate(value, detail={**detail, "reason": reason})
    se = math.sqrt((k - 1) * float(values[1:].var()))
    if se <= ROUNDING * max(1.0, abs(value)):
        return Estimate(value, detail={**detail, "reason": "leaving out a patient never moves it"})
    half = float(stats.t.isf((1 - check_level(level)) / 2, k - 1)) * se
    return Estimate(value, value - half, min(1.0, value + half), se, detail)


def _logistic(y: np.ndarray, design: np.ndarray, codes: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Fit a logistic model: coefficients and standard errors, by rows, or robust by cluster (Liang & Zeger 1986)."""
    fitted = sm.GLM(y, design, family=sm.families.Binomial()).fit(tol=1e-12)
    if codes is None:
        return fitted.params, fitted.bse
    # by hand: statsmodels divides by the variance of a fitted probability, which is 0 where that rounds to 1
    share = special.expit(design @ fitted.params)
    bread = np.linalg.inv((design * (share * (1 - share))[:, None]).T @ design)
    scores = np.column_stack([np.bincount(codes, column * (y - share)) for column in design.T])
    (n, k), count = design.shape, len(scores)
    factor = count / (count - 1) * (n - 1) / max(1, n - k)
    return fitted.params, np.sqrt(factor * np.diag(bread @ scores.T @ scores @ bread))


def _quantile(codes: np.ndarray | None, level: float) -> float:
    """Return the quantile of a Wald interval: normal by rows, t on K - 1 degrees of freedom with K clusters."""
    if codes is None:
        return normal_quantile(level)
    return float(stats.t.isf((1 - check_level(level)) / 2, int(codes.max())))


def _in_the_large(y: np.ndarray, logit: np.ndarray, codes: np.ndarray | None, level: float, moved: int) -> Estimate:
    """Return the intercept with the logit as offset: the one root of the score equation, by bisection."""
    low, high = -float(logit.max()) - 50, -float(logit.min()) + 50
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if float(np.sum(y - special.expit(logit + middle))) > 0 else (low, middle)
    fitted = special.expit(logit + middle)
    information = float(np.sum(fitted * (1 - fitted)))
    spread = information
    if codes is not None:
        if codes.max() < 1:
            return Estimate(middle, detail={"method": "Wald", "level": level, "moved": moved, "reason": _ONE_CLUSTER})
        sums = np.bincount(codes, y - fitted)
        spread = len(sums) / (len(sums) - 1) * float(sums @ sums)
    se = math.sqrt(spread) / information
    half = _quantile(codes, level) * se
    return Estimate(middle, middle - half, middle + half, se, {"method": "Wald", "level": level, "moved": moved})


def _slope(y: np.ndarray, logit: np.ndarray, codes: np.ndarray | None, level: float, moved: int) -> Estimate:
    """Return the coefficient of the logit; NaN or infinite, with the reason, where the likelihood has no maximum."""
    detail: dict[str, Any] = {"method": "Wald", "level": level, "moved": moved}
    if np.ptp(logit) <= 1e-9 * max(1.0, float(np.abs(logit).max())):  # rounding is no spread
        return Estimate(math.nan, detail={**detail, "reason": "every prediction is the same"})
    ones, zeros = logit[y == 1], logit[y == 0]
    if ones.min() >= zeros.max() or ones.max() <= zeros.min():
        sign = 1.0 if ones.mean() > zeros.mean() else -1.0
        reason = "the predictions separate the classes: the likelihood has no maximum"
        return Estimate(sign * math.inf, detail={**detail, "reason": reason})
    centre = float(logit.mean())
    alone = codes is not None and codes.max() < 1
    found, errors = _logistic(y, np.column_stack([np.ones(len(y)), logit - centre]), None if alone else codes)
    value, se = float(found[1]), float(errors[1])
    detail["intercept"] = float(found[0]) - centre * value
    if alone:
        return Estimate(value, detail={**detail, "reason": _ONE_CLUSTER})
    half = _quantile(codes, level) * se
    return Estimate(value, value - half, value + half, se, detail)


_FEWEST = 50
"""Patients below which the clustered test of Spiegelhalter rejects what is right in a tenth of studies (20 patients: .11)."""


def _spiegelhalter(y: np.ndarray, p: np.ndarray, codes: np.ndarray | None) -> Test:
    """Test that the probabilities are right; with clusters by the spread of their sums about 0, which is the hypothesis."""
    terms, reason = (y - p) * (1 - 2 * p), "every prediction is 0, 0.5 or 1: the statistic has no variance"
    detail = {"method": "Spiegelhalter 1986", "question": "could these outcomes come from these probabilities?"}
    if codes is None:
        variance = float(np.sum((1 - 2 * p) ** 2 * p * (1 - p)))
    elif 1 < codes.max() + 1 < _FEWEST:
        reason = f"fewer than {_FEWEST} patients with several rows: the test would reject too often"
        return Test(math.nan, math.nan, detail={**detail, "reason": reason})
    else:
        sums = np.bincount(codes, terms)
        detail["method"] += ", clustered"
        variance = len(sums) / (len(sums) - 1) * float(sums @ sums) if len(sums) > 1 else 0.0
        reason = _ONE_CLUSTER if len(sums) < 2 else "no patient's predictions miss: the statistic has no variance"
    if not variance > 0:
        return Test(math.nan, math.nan, detail={**detail, "reason": reason})
    z = float(np.sum(terms)) / math.sqrt(variance)
    p_value = 2 * stats.norm.sf(abs(z)) if codes is None else 2 * stats.t.sf(abs(z), int(codes.max()))
    return Test(z, float(p_value), detail=detail)
