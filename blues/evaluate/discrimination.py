"""Discrimination: AUROC with its intervals, average precision, ROC curve, partial area."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize

from blues.check import InputError, binary_outcome, finite, one_of, same_length
from blues.evaluate.placements import (
    class_holders,
    delong_variance,
    influence,
    sorted_ties,
    variance_of_influence,
    weighted_auroc,
)
from blues.evaluate.planning import hanley_mcneil_se
from blues.evaluate.precision import weighted_average_precision, weighted_curve
from blues.evaluate.proportions import wilson_limits
from blues.evaluate.records import ONE_PATIENT, SAME, Estimate, group_codes, logit_interval, normal_quantile
from blues.evaluate.resample import Seed, patient_strata, weighted_bootstrap
from blues.evaluate.rows import rows_in_order

__all__ = [
    "auroc",
    "average_precision",
    "bootstrap_auroc",
    "partial_auroc",
    "roc_curve",
]

_NO_VARIANCE = 1e-28  # rounding alone, as in delong_test
AUROC_METHODS = ("delong-logit", "delong-wald", "hanley-mcneil", "newcombe", "bootstrap")


def _outcome_and_score(y: Any, score: Any) -> tuple[np.ndarray, np.ndarray]:
    """Check and return the outcome (0 and 1, both present) and the finite scores."""
    outcome, scores = binary_outcome(y), finite(score, "score").ravel()
    same_length(y=outcome, score=scores)
    return outcome, scores


def _outcome_and_repeats(y: Any, score: Any) -> tuple[np.ndarray, np.ndarray]:
    """Check and return the outcome and the finite scores, shape (repeats, n)."""
    outcome, scores = binary_outcome(y), np.atleast_2d(finite(score, "score"))
    if scores.ndim > 2 or scores.shape[1] == 1:
        scores = scores.reshape(1, -1)
    same_length(y=outcome, score=scores[0])
    return outcome, scores


def _newcombe_limits(area: float, positives: int, negatives: int, z: float) -> tuple[float, float]:
    """Return Newcombe's score interval of an AUROC, defined at 0 and 1 too (2006, Stat Med 25:559, method 5)."""
    balanced = (positives + negatives) / 2 - 1

    def spread(theta: float) -> float:
        return (
            z**2 * (1 + balanced * (1 - theta) / (2 - theta) + balanced * theta / (1 + theta)) / (positives * negatives)
        )

    def excess(theta: float) -> float:
        return (theta - area) ** 2 - theta * (1 - theta) * spread(theta)

    if area == 1:  # 1 itself is a root there: divided out
        return float(optimize.brentq(lambda t: (1 - t) - t * spread(t), 0.0, 1.0)), 1.0
    if area == 0:
        return 0.0, float(optimize.brentq(lambda t: t - (1 - t) * spread(t), 0.0, 1.0))
    low, high = optimize.brentq(excess, 0.0, area), optimize.brentq(excess, area, 1.0)
    return float(low), float(high)


@rows_in_order
def auroc(
    y: Any,
    score: Any,
    clusters: Any = None,
    method: str = "delong-logit",
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: Seed = 0,
) -> Estimate:
    """Area under the ROC curve, with an interval.

    Parameters
    ----------
    y : array-like, shape (n,)
        0 and 1, both present.
    score : array-like, shape (n,) or (repeats, n)
        Any finite number, higher for 1; ties count one half. Of several repeats the AUROC is the mean over them, and DeLong's
        variance that of this mean: of each row's placement averaged over the repeats.
    clusters : array-like, shape (n,), optional
        The patient of each row, when a patient has several (clips): the variance is then Obuchowski's.
    method : {"delong-logit", "delong-wald", "hanley-mcneil", "newcombe", "bootstrap"}
        ``delong-logit`` stays inside 0 to 1 and covers best (.93 to .96 at 33 against 30 patients); ``delong-wald``
        is what pROC prints; ``hanley-mcneil`` is the 1982 interval; ``newcombe`` is a score interval; ``bootstrap``
        draws patients, stratified.
    level : float
        Confidence level of the interval.
    draws, seed
        Samples and random numbers of the bootstrap.

    Returns
    -------
    Estimate
        ``detail``: ``method``, ``positives``, ``negatives``, and ``clusters`` when given. At an AUROC of exactly 0 or
        1, or with one patient in a class, DeLong's variance says nothing and Newcombe's interval takes its place
        (``detail["reason"]``).

    Raises
    ------
    InputError
        For one class only, missing or infinite values, lengths that differ, clusters with missing labels.

    Notes
    -----
    DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837; Obuchowski 1997, Biometrics 53:567; Pepe 2003, p. 107
    (logit).

    Examples
    --------
    >>> print(auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]))
    0.750 (0.069 to 0.992)
    """
    one_of(method, AUROC_METHODS, "method")
    outcome, scores = _outcome_and_repeats(y, score)
    z = normal_quantile(level)
    if method == "bootstrap":
        return bootstrap_auroc(outcome, scores, clusters, draws, seed, level=level)
    detail: dict[str, Any] = {"method": method, "level": level}
    detail |= {"positives": int(outcome.sum()), "negatives": int((1 - outcome).sum())}
    holders = class_holders(outcome)
    if method == "hanley-mcneil" and len(scores) > 1:
        raise InputError("hanley-mcneil takes one score a row", remedy="Use method='delong-logit' with repeats")
    if clusters is None and len(scores) == 1:
        area, variance = delong_variance(outcome, scores[0])
        if method == "hanley-mcneil":
            variance = sorted_ties(outcome, scores[0]).hanley_mcneil_variance()
    elif clusters is None:
        area, influences = _mean_influence(outcome, scores)
        variance = variance_of_influence(outcome, influences)
        detail["repeats"] = len(scores)
    else:
        if method == "hanley-mcneil":
            raise InputError(
                "hanley-mcneil takes rows as independent", remedy="Use method='delong-logit' with clusters"
            )
        codes, groups = group_codes(clusters, len(outcome))
        area, influences = _mean_influence(outcome, scores)
        variance = variance_of_influence(outcome, influences, codes)
        detail |= {"clusters": len(groups), "variance": "Obuchowski 1997"}
        holders = class_holders(outcome, codes)
    if np.ptp(scores, axis=1).max() == 0:
        return Estimate(area, area, area, 0.0, {**detail, "reason": "the score is the same for all"})
    return _auroc_interval(area, variance, holders, method, z, detail)


def _newcombe(found: Estimate, holders: tuple[int, int], z: float) -> Estimate:
    """Return an AUROC with Newcombe's interval, and Hanley and McNeil's error where it has none."""
    low, high = _newcombe_limits(found.value, *holders, z)
    se = found.se if found.se > 0 else hanley_mcneil_se(found.value, *holders)
    return Estimate(found.value, low, high, se, {**found.detail, "method": "newcombe"})


def newcombe_instead(found: Estimate, holders: tuple[int, int], z: float, why: str) -> Estimate:
    """Return an AUROC with Newcombe's interval in the place of one that says nothing.

    Parameters
    ----------
    found : Estimate
        The AUROC.
    holders : (int, int)
        Patients with and without the event.
    z : float
        Normal quantile of the level.
    why : str
        Why the other says nothing.
    """
    detail = {**found.detail, "reason": f"{why}; Newcombe's interval taken"}
    return _newcombe(Estimate(found.value, detail=detail), holders, z)


def _mean_influence(outcome: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean over repeats of the AUROC, and each row's influence on that mean."""
    found = [influence(outcome, one) for one in scores]
    return float(np.mean([area for area, _ in found])), np.mean([own for _, own in found], axis=0)


def _auroc_interval(
    area: float, variance: float, holders: tuple[int, int], method: str, z: float, detail: dict[str, Any]
) -> Estimate:
    """Build the interval; ``holders`` are the patients (clusters) that hold each class."""
    se = math.sqrt(variance) if variance > _NO_VARIANCE else math.nan
    if method == "newcombe" or not se > 0:
        given = Estimate(area, se=se, detail=detail)
        if se > 0:
            return _newcombe(given, holders, z)
        why = f"an AUROC of {area:g}" if variance >= 0 else ONE_PATIENT
        return newcombe_instead(given, holders, z, f"the variance says nothing at {why}")
    if method == "delong-logit":
        low, high = logit_interval(area, se, z)
    else:
        low, high = max(0.0, area - z * se), min(1.0, area + z * se)
    return Estimate(area, low, high, se, detail)


def _patients_of(outcome: np.ndarray, patients: Any) -> tuple[np.ndarray | None, np.ndarray]:
    """Return each row's patient code (None: every row its own) and each patient's stratum, its classes."""
    if patients is None:
        return None, outcome
    codes, _ = group_codes(patients, len(outcome), "patients")
    return codes, patient_strata(outcome, codes)


@rows_in_order
def bootstrap_auroc(
    y: Any, score: Any, clusters: Any = None, draws: int = 2000, seed: Seed = 0, *, level: float = 0.95
) -> Estimate:
    """AUROC with the percentile interval of a bootstrap over patients, stratified by class.

    Parameters
    ----------
    y, score
        As in :func:`auroc`.
    clusters : array-like, shape (n,), optional
        The patient of each row; without it every row is a patient.
    draws, seed, level
        As in :func:`auroc`; at least 2 draws.

    Returns
    -------
    Estimate

    Notes
    -----
    One sort serves all draws; each is then one running sum of weights
    (:func:`blues.evaluate.placements.weighted_auroc`).
    """
    outcome, scores = _outcome_and_repeats(y, score)
    codes, strata = _patients_of(outcome, clusters)
    (found,) = weighted_bootstrap(
        lambda weights: weighted_auroc(outcome, scores, weights, codes), strata, draws, seed, level=level
    )
    holders = class_holders(outcome, codes)
    if min(holders) < 2 or (found.low == found.high and found.value in (0.0, 1.0)):
        why = ONE_PATIENT if min(holders) < 2 else SAME
        return newcombe_instead(found, holders, normal_quantile(level), why)
    if found.low == found.high:
        return Estimate(found.value, found.low, found.high, found.se, {**found.detail, "reason": SAME})
    return found


@rows_in_order
def average_precision(
    y: Any,
    score: Any,
    clusters: Any = None,
    method: str = "bootstrap",
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: Seed = 0,
) -> Estimate:
    """Area under the precision-recall curve as average precision (steps, no interpolation).

    Parameters
    ----------
    y, score, clusters
        As in :func:`auroc`.
    method : {"bootstrap", "logit"}
        Bootstrap over patients, stratified by class, though precision moves with the share of events: the interval is that of
        cohorts with this very number of events, too narrow where it would vary; or the logit interval of Boyd,
        Eng & Page 2013 (ECML PKDD, LNCS 8190:451), se(logit) = 1 / sqrt(positives * AP * (1 - AP)), which knows no clusters.
    level, draws, seed
        As in :func:`auroc`.

    Returns
    -------
    Estimate
        ``detail["prevalence"]`` is what a score without information would reach. With one patient in a class the bootstrap
        says nothing, and there is no interval; where every sample gives the same value it is Wilson's (``detail["reason"]``).

    Examples
    --------
    >>> ap = average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], method="logit")
    >>> round(ap.value, 4), ap.detail["prevalence"]
    (0.8333, 0.5)
    """
    one_of(method, ("bootstrap", "logit"), "method")
    outcome, scores = _outcome_and_score(y, score)
    extra: dict[str, Any] = {"prevalence": float(outcome.mean()), "positives": int(outcome.sum())}
    codes, strata = _patients_of(outcome, clusters)
    rows = scores[None, :]
    value = float(weighted_average_precision(outcome, rows, np.ones((1, len(outcome))))[0])
    if method == "logit":
        if clusters is not None:
            raise InputError(
                "the logit interval takes rows as independent", remedy="Use method='bootstrap' with clusters"
            )
        detail = {"method": "logit (Boyd 2013)", "level": level, **extra}
        return _boyd_interval(value, extra["positives"], normal_quantile(level), detail)

    def statistic(weights: np.ndarray) -> np.ndarray:
        return weighted_average_precision(outcome, rows, weights if codes is None else weights[:, codes])

    (found,) = weighted_bootstrap(statistic, strata, draws, seed, level=level)
    detail, holders = {**found.detail, **extra}, class_holders(outcome, codes)
    if min(holders) < 2:
        return Estimate(value, detail={**detail, "reason": ONE_PATIENT})
    if found.low == found.high:
        low, high = wilson_limits(round(value * holders[0]), holders[0], normal_quantile(level))
        detail |= {"method": "Wilson", "reason": SAME}
        return Estimate(value, min(low, value), max(high, value), found.se, detail)
    return Estimate(found.value, found.low, found.high, found.se, detail)


def _boyd_interval(value: float, positives: int, z: float, detail: dict[str, Any]) -> Estimate:
    """Return the logit interval of an average precision; Wilson's at exactly 1."""
    if value >= 1:
        low, high = wilson_limits(positives, positives, z)
        return Estimate(value, low, high, 0.0, {**detail, "method": "Wilson", "reason": "no logit at exactly 1"})
    se = math.sqrt(value * (1 - value) / positives)
    low, high = logit_interval(value, se, z)
    return Estimate(value, low, high, se, detail)


@rows_in_order
def roc_curve(
    y: Any,
    score: Any,
    clusters: Any = None,
    *,
    points: int = 101,
    level: float = 0.95,
    draws: int = 1000,
    seed: Seed = 0,
) -> pd.DataFrame:
    """Sensitivity over a grid of false-positive rates, with a pointwise band.

    Parameters
    ----------
    y, score, clusters
        As in :func:`auroc`; ``score`` may be (repeats, n): the curve is then the mean over repeats.
    points : int
        Points of the grid from 0 to 1.
    level, draws, seed
        As in :func:`auroc`.

    Returns
    -------
    DataFrame, one row a point
        ``fpr``, ``tpr``, ``low``, ``high``: the empirical curve joined by straight lines, so that its area is the
        AUROC; the band is the percentile interval at each rate of a bootstrap over patients, stratified by class. It is NaN
        with one patient in a class; where it has no width anywhere (classes apart) Wilson's of the patients with the event
        takes its place up to the last point. ``attrs["reason"]`` says so.

    Raises
    ------
    InputError
        As :func:`auroc`, and for fewer than 2 points.
    """
    outcome, scores = _outcome_and_repeats(y, score)
    if points < 2:
        raise InputError(f"points is {points}", allowed="at least 2")
    codes, strata = _patients_of(outcome, clusters)
    grid = np.linspace(0, 1, points)

    def statistic(weights: np.ndarray) -> np.ndarray:
        rows = weights if codes is None else weights[:, codes]
        return np.mean([weighted_curve(outcome, one, rows, grid) for one in scores], axis=0)

    found = weighted_bootstrap(statistic, strata, draws, seed, level=level)
    curve = pd.DataFrame({"fpr": grid, **{a: [getattr(e, a) for e in found] for a in ("value", "low", "high")}})
    return _with_reason(curve.rename(columns={"value": "tpr"}), class_holders(outcome, codes), normal_quantile(level))


def _with_reason(curve: pd.DataFrame, holders: tuple[int, int], z: float) -> pd.DataFrame:
    """Return a ROC curve without a band that says nothing."""
    if min(holders) < 2:
        curve[["low", "high"]] = math.nan
        curve.attrs["reason"] = ONE_PATIENT
    elif (curve["low"] == curve["high"]).all():
        limits = [wilson_limits(share * holders[0], holders[0], z) for share in curve["tpr"][:-1]]
        curve.loc[: len(curve) - 2, ["low", "high"]] = np.array(limits)
        curve.attrs["reason"] = f"{SAME}; Wilson's interval taken"
    return curve


@rows_in_order
def partial_auroc(
    y: Any,
    score: Any,
    clusters: Any = None,
    *,
    specificity: tuple[float, float] = (0.9, 1.0),
    corrected: bool = True,
    level: float = 0.95,
    draws: int = 2000,
    seed: Seed = 0,
) -> Estimate:
    """Area under the ROC curve over a range of specificity; only where the range was fixed beforehand.

    Parameters
    ----------
    y, score, clusters
        As in :func:`auroc`, one score a row.
    specificity : tuple of float
        The range, lower end first.
    corrected : bool
        Rescale so that .5 is no discrimination and 1 perfect (McClish 1989, Med Decis Making 9:190); else the raw area.
    level, draws, seed
        As in :func:`auroc`.

    Returns
    -------
    Estimate
        Interval by bootstrap over patients, stratified by class; NaN (``detail["reason"]``) with one patient in a class, or
        where every sample gives the same area. ``detail["area"]`` is the raw area. Corrected, a curve below the diagonal
        gives less than .5, and less than 0 where the range is narrow.

    Raises
    ------
    InputError
        As :func:`auroc`, and for a range that is none.
    """
    low, high = specificity
    if not 0 <= low < high <= 1:
        raise InputError(f"specificity is {specificity!r}", allowed="two rising numbers from 0 to 1")
    outcome, scores = _outcome_and_score(y, score)
    codes, strata = _patients_of(outcome, clusters)
    ends = np.array([1 - high, 1 - low])
    chance, most = (ends[1] ** 2 - ends[0] ** 2) / 2, ends[1] - ends[0]

    def statistic(weights: np.ndarray) -> np.ndarray:
        area = weighted_curve(outcome, scores, weights if codes is None else weights[:, codes], ends, area=True)
        return (1 + (area - chance) / (most - chance)) / 2 if corrected else area

    (found,) = weighted_bootstrap(statistic, strata, draws, seed, level=level)
    raw = chance + (2 * found.value - 1) * (most - chance) if corrected else found.value
    detail = {**found.detail, "area": raw, "corrected": corrected}
    alone = min(class_holders(outcome, codes)) < 2
    if alone or found.low == found.high:
        return Estimate(found.value, detail={**detail, "reason": ONE_PATIENT if alone else SAME})
    return Estimate(found.value, found.low, found.high, found.se, detail)
