"""Fine-Gray regression of the cumulative incidence, refused where there are too few events to carry it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from blues.check import FEW_PATIENTS, InputError
from blues.cohort.display import Shown
from blues.survive.glm import coefficient_table
from blues.survive.inputs import Observed, numeric_frame, observed, risk_table
from blues.survive.regression import EVENTS_PER_PARAMETER, check_columns

__all__ = ["FineGrayFit", "fine_gray"]


@dataclass(frozen=True, repr=False)
class FineGrayFit(Shown):
    """A fitted subdistribution hazard model.

    Attributes
    ----------
    table : DataFrame
        Index ``covariate``; ``coef``, ``se``, ``subdistribution_hazard_ratio``, ``low``, ``high``, ``z``, ``p_value``.
    log_likelihood : float
        Weighted partial log likelihood.
    n, events, competing : int
    events_per_parameter : float
    converged : bool
    notes : tuple of str
        Why there is no coefficient.
    """

    table: pd.DataFrame
    log_likelihood: float
    n: int
    events: int
    competing: int
    events_per_parameter: float
    converged: bool
    notes: tuple[str, ...] = ()


def _enough(data: Observed, cause: int, parameters: int, least_per_parameter: float, least_competing: int) -> None:
    """Raise, saying why, where there are too few events for a competing-risk regression."""
    events = int((data.event == cause).sum())
    competing = int(((data.event > 0) & (data.event != cause)).sum())
    if events < least_per_parameter * parameters:
        raise InputError(
            f"competing-risk regression refused: {events} events of cause {cause} for {parameters} parameters, "
            f"{events / parameters:.1f} events per parameter",
            allowed=f"at least {least_per_parameter:g} events per parameter",
            remedy="Describe with aalen_johansen, or fit fewer covariates",
        )
    if competing < least_competing:
        raise InputError(
            f"competing-risk regression refused: {competing} competing events; with so few the subdistribution hazard "
            "rests on the weights of those patients and tells nothing that the cause-specific hazard does not",
            allowed=f"at least {least_competing} competing events",
            remedy="Take the cause-specific hazard, and show the competing event as a cumulative incidence",
        )


@dataclass(frozen=True)
class _Sets:
    """Weighted risk sets: x (n, p), event times (m,), deaths at each (m,), weights (n, m)."""

    x: np.ndarray
    times: np.ndarray
    deaths: np.ndarray
    weights: np.ndarray
    dead: np.ndarray


def _weighted_sets(data: Observed, cause: int, x: np.ndarray) -> _Sets:
    """Return who is in the risk set of each event time, and with what weight.

    Those taken by another cause stay in with weight G(t-)/G(T-), G the Kaplan-Meier curve of censoring. As in R
    ``cmprsk::crr``, subjects with an event at a time count as at risk of censoring at that time.
    """
    dead = data.event == cause
    times, deaths = np.unique(data.time[dead], return_counts=True)
    table = risk_table(data)
    g = np.concatenate([[1.0], np.cumprod(1 - table.censored / table.at_risk)])
    own = g[np.searchsorted(table.time, data.time, side="left")]
    at = g[np.searchsorted(table.time, times, side="left")]
    weights = (data.time[:, None] >= times).astype(float)
    passed = ((data.event > 0) & ~dead)[:, None] & (data.time[:, None] < times)
    weights = np.where(passed, at / np.where(own > 0, own, 1)[:, None], weights)
    return _Sets(x, times, deaths, weights, dead)


def _fit(sets: _Sets) -> tuple[np.ndarray, float, np.ndarray, bool]:
    """Newton's method; return coefficients, log likelihood, information and whether it converged."""
    beta, value = np.zeros(sets.x.shape[1]), -np.inf
    step, information = np.zeros_like(beta), np.zeros((len(beta), len(beta)))
    for _ in range(60):
        trial = beta + step
        w = sets.weights * np.exp(sets.x @ trial)[:, None]
        total = w.sum(axis=0)
        reached = float((sets.x[sets.dead] @ trial).sum() - sets.deaths @ np.log(total))
        if not np.isfinite(reached) or reached < value - 1e-10 * abs(value):
            step = step / 2
            if np.abs(step).max() < 1e-12:
                return beta, value, information, False
            continue
        mean = (w.T @ sets.x) / total[:, None]
        information = (sets.x.T * (w @ (sets.deaths / total))) @ sets.x - (mean.T * sets.deaths) @ mean
        score = sets.x[sets.dead].sum(axis=0) - sets.deaths @ mean
        done = reached - value <= 1e-14 * abs(reached)
        beta, value = trial, reached
        if done:
            return beta, value, information, True
        step = np.linalg.lstsq(information, score, rcond=None)[0]
    return beta, value, information, False


def _residuals(data: Observed, cause: int, sets: _Sets, beta: np.ndarray) -> np.ndarray:
    """Return each subject's influence on the score, shape (n, p): that of the model and that of estimating G.

    eta_i and psi_i of Fine & Gray, J Am Stat Assoc 1999;94:496, section 3.
    """
    x = sets.x
    w = sets.weights * np.exp(x @ beta)[:, None]
    total = w.sum(axis=0)
    mean = (w.T @ x) / total[:, None]
    hazard = sets.deaths / total
    eta = -x * (w @ hazard)[:, None] + w @ (mean * hazard[:, None])
    eta[sets.dead] += x[sets.dead] - mean[np.searchsorted(sets.times, data.time[sets.dead])]
    table = risk_table(data)
    leaves = np.flatnonzero(table.censored > 0)
    competing = (data.event > 0) & (data.event != cause)
    q = np.zeros((len(leaves), x.shape[1]))
    for row, u in enumerate(table.time[leaves]):
        later = sets.times >= u
        earlier = competing & (data.time < u)
        part = w[np.ix_(earlier, later)]
        q[row] = (part.T @ x[earlier] - mean[later] * part.sum(axis=0)[:, None]).T @ hazard[later]
    at_risk = table.at_risk[leaves]
    drift = np.cumsum(q * (table.censored[leaves] / at_risk**2)[:, None], axis=0)
    drift = np.vstack([np.zeros(x.shape[1]), drift])
    psi = -drift[np.searchsorted(table.time[leaves], data.time, side="right")]
    gone = data.event == 0
    place = np.searchsorted(table.time[leaves], data.time[gone])
    psi[gone] += q[place] / at_risk[place][:, None]
    return eta + psi


def fine_gray(
    time: Any,
    event: Any,
    covariates: Any,
    *,
    cause: int = 1,
    least_per_parameter: float = EVENTS_PER_PARAMETER,
    least_competing: int = FEW_PATIENTS,
    level: float = 0.95,
) -> FineGrayFit:
    """Fine-Gray regression of a cause's subdistribution hazard, with its robust variance (as R ``cmprsk::crr``).

    It answers how covariates move the cumulative incidence, for prognosis; for aetiology use
    :func:`blues.survive.cause_specific_cox`. It is refused below 10 events per parameter and below 10 competing events.

    Parameters
    ----------
    time, event : array-like, shape (n,)
        0 censored; 1, 2 ... the causes.
    covariates : DataFrame, Series or array, shape (n, p)
    cause : int
    least_per_parameter, least_competing : float, int
        The limits below which it refuses.
    level : float

    Returns
    -------
    FineGrayFit

    Raises
    ------
    InputError
        Too few events (and why that matters), bad times, codes or covariates.

    Notes
    -----
    Fine & Gray, J Am Stat Assoc 1999;94:496. With events at time 0 the result differs from ``crr``, which interpolates
    the censoring curve there; adding one to every time changes nothing here, and then both agree.
    """
    data = observed(time, event, cause=cause, covariates=covariates)
    frame = numeric_frame(covariates, len(data.time))
    _enough(data, cause, frame.shape[1], least_per_parameter, least_competing)
    check_columns(frame)
    raw = frame.to_numpy()
    scale = raw.std(axis=0)
    sets = _weighted_sets(data, cause, (raw - raw.mean(axis=0)) / scale)
    beta, value, information, converged = _fit(sets)
    influence = _residuals(data, cause, sets, beta)
    bread = np.linalg.pinv(information)
    se = np.sqrt(np.diag(bread @ (influence.T @ influence) @ bread)) / scale
    coef = beta / scale
    notes = () if converged else ("the fit did not converge; no coefficient is given",)
    # of a rare yes a standard deviation is small: its coefficient from end to end, and whether anything is known of it
    flat = np.abs(beta) * np.ptp(raw, axis=0) / scale > 15
    flat &= np.diag(information) < 1e-3 * sets.dead.sum()
    if far := [repr(name) for name, b, lost in zip(frame.columns, beta, flat, strict=True) if abs(b) > 10 or lost]:
        converged = False
        notes = (
            f"the likelihood has no maximum: {', '.join(far)} separates early from late events; no coefficient is given",
        )
    if not converged:
        coef = se = np.full(len(beta), np.nan)
    table = coefficient_table(frame.columns, coef, se, "subdistribution_hazard_ratio", level)
    events = int(sets.dead.sum())
    competing = int((data.event > 0).sum()) - events
    return FineGrayFit(table, value, len(frame), events, competing, events / len(coef), converged, notes)
