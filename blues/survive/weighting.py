"""Patients as weights: every score below is computed for many weightings of the patients at once.

The first weighting gives each patient 1 and so the score itself; the others leave patients out, and their spread is the
jackknife interval. The difference of two scores takes the same weightings, so that it is paired.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from blues.check import ROUNDING, one_of
from blues.evaluate.proportions import wilson_interval
from blues.evaluate.records import Estimate, Test, check_level
from blues.survive.inputs import Observed, risk_table

__all__ = ["censoring_curves", "difference", "inverse_of", "jackknife_estimate", "leave_out", "steps_at"]

MOST_GROUPS = 400
"""Above this many patients the jackknife leaves out one of so many groups of them, not one patient at a time."""


def jackknife_words(left_out: int) -> str:
    """Return what the intervals are called that leave out so many patients, or groups of them."""
    if left_out < MOST_GROUPS:
        return "delete-one-patient jackknife, t"
    return f"jackknife over {MOST_GROUPS} groups of patients, t"


def leave_out(data: Observed) -> np.ndarray:
    """Return weights (1 + k, n): all patients, then all but one (or all but one group of every k-th in time).

    Groups are formed along the sorted times and events, so the order of the rows plays no part.
    """
    n = len(data.time)
    k = min(n, MOST_GROUPS)
    order = np.lexsort((data.event, data.time))
    member = np.empty(n, dtype=int)
    member[order] = np.arange(n) % k
    weights = np.ones((k + 1, n))
    weights[member + 1, np.arange(n)] = 0.0
    return weights


def censoring_curves(
    data: Observed, weights: np.ndarray, source: Observed | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the censoring distribution G for each weighting, on a grid of times.

    Kaplan-Meier with the censored as events. Where an event and a censoring share a time the event comes first, so that
    those who had the event are no longer at risk of being censored.

    Parameters
    ----------
    data : Observed
    weights : ndarray of float, shape (r, n)
    source : Observed, optional
        Other subjects to take G from (unweighted), such as a training set.

    Returns
    -------
    grid : ndarray of float, shape (m,)
    curves : ndarray of float, shape (r, m)
        G at each grid time, right-continuous.
    """
    counted = data if source is None else source
    table = risk_table(counted)
    m = len(table.time)
    w = weights if source is None else np.ones((1, len(source.time)))
    ending = np.zeros((len(w), m))
    censored = np.zeros((len(w), m))
    np.add.at(ending.T, table.place, w.T)
    gone = counted.event == 0
    np.add.at(censored.T, table.place[gone], w.T[gone])
    at_risk = ending[:, ::-1].cumsum(axis=1)[:, ::-1] - (ending - censored)
    stay = 1 - np.divide(censored, at_risk, out=np.zeros_like(censored), where=at_risk > 0)
    curves = np.cumprod(stay, axis=1)
    return table.time, curves if source is None else np.repeat(curves, len(weights), axis=0)


def steps_at(grid: np.ndarray, curves: np.ndarray, times: np.ndarray, *, before: bool) -> np.ndarray:
    """Read step curves (r, m) at ``times`` (q,): just before each if ``before``, else at it; shape (r, q)."""
    place = np.searchsorted(grid, times, side="left" if before else "right")
    return np.column_stack([np.ones(len(curves)), curves])[:, place]


def inverse_of(chance: np.ndarray) -> np.ndarray:
    """Return 1 / G, the weights of who is still observed; 0 where G is 0."""
    return np.divide(1.0, chance, out=np.zeros_like(chance), where=chance > 0)


def _spread(values: np.ndarray, sizes: int) -> float:
    left_out = values[1:]
    return math.sqrt((sizes - 1) / sizes * float(np.sum((left_out - left_out.mean()) ** 2)))


def jackknife_estimate(
    values: np.ndarray, *, level: float = 0.95, scale: str = "logit", what: str = "score"
) -> Estimate:
    """Turn a score and its leave-one-out values into an estimate with a jackknife t interval; none where they are alike.

    Parameters
    ----------
    values : ndarray of float, shape (1 + k,)
        The score on all patients, then with patients left out.
    level : float
        Of the interval.
    scale : {"logit", "plain"}
        Build the interval on the log odds, for scores between 0 and 1, or as it is. A score of exactly 0 or 1, or one
        that reaches it when a patient is left out, falls back to ``plain``, cut to the range. A score of exactly 0 or 1
        that no patient left out moves gets Wilson's interval at ``k``, as the jackknife would claim certainty.
    what : str
        Name of the score, for the reason why there is no value or interval.
    """
    one_of(scale, ("logit", "plain"), "scale")
    value, k = float(values[0]), len(values) - 1
    unit = "patients" if k < MOST_GROUPS else "groups"
    detail: dict[str, Any] = {"method": jackknife_words(k), "level": check_level(level), unit: k}
    if not math.isfinite(value):
        return Estimate(math.nan, detail={"reason": f"{what} is undefined on these patients", **detail})
    if k == 0:
        return Estimate(value, detail={"method": "none"})
    if k < 2 or not np.isfinite(values).all():
        lost = int(np.count_nonzero(~np.isfinite(values)))
        return Estimate(value, detail={**detail, "reason": f"{what} is undefined without {lost} of the {k} {unit}"})
    quantile = float(student.isf((1 - level) / 2, k - 1))
    se = _spread(values, k)
    certain = scale == "logit" and min(value, 1 - value) < 1e-12
    if se <= ROUNDING * max(1.0, abs(value)) and not certain:
        return Estimate(value, detail={**detail, "reason": "leaving out a patient never moves the score"})
    if scale == "logit" and ((values > 0) & (values < 1)).all():
        half = quantile * _spread(logit(values), k)
        low, high = expit(logit(value) - half), expit(logit(value) + half)
        return Estimate(value, low, high, se, {**detail, "scale": "logit"})
    if certain and se < 1e-9:
        wilson = wilson_interval(round(value) * k, k, level=level)
        note = {"method": "Wilson at the number left out", "reason": "leaving out a patient never moves the score"}
        return Estimate(value, wilson.low, wilson.high, se, {**detail, **note})
    low, high = value - quantile * se, value + quantile * se
    if scale == "logit":
        low, high = max(0.0, low), min(1.0, high)
    return Estimate(value, low, high, se, {**detail, "scale": "plain"})


def difference(values: np.ndarray, reference: np.ndarray, *, level: float = 0.95, question: str = "") -> Test:
    """Compare two scores of the same patients: paired jackknife of the difference, t on k - 1 degrees of freedom."""
    gap = np.asarray(values) - np.asarray(reference)
    k = len(gap) - 1
    detail: dict[str, Any] = {"method": f"paired {jackknife_words(k)}", "level": level, "question": question}
    if k < 2 or not np.isfinite(gap).all():
        return Test(
            math.nan, math.nan, gap[0], detail={**detail, "reason": "a score is undefined without some patient"}
        )
    se, value = _spread(gap, k), float(gap[0])
    if se <= ROUNDING * max(1.0, abs(value)):
        if abs(value) > ROUNDING:
            return Test(math.nan, math.nan, value, detail={**detail, "reason": "the difference does not vary"})
        return Test(0.0, 1.0, 0.0, 0.0, 0.0, {**detail, "reason": "the two scores are the same"})
    half = float(student.isf((1 - level) / 2, k - 1)) * se
    p = float(2 * student.sf(abs(value) / se, k - 1))
    return Test(value / se, p, value, value - half, value + half, detail | {"se": se})
