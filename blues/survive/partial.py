"""Cox's partial likelihood with Efron's or Breslow's handling of ties: value, score, information, baseline hazard.

One pass of sums over risk sets gives everything. For each event time with d tied deaths Efron has d terms, the l-th
with denominator S0 - (l/d) D0, S0 the sum of exp(x beta) over those at risk and D0 over those who die (Efron, J Am Stat
Assoc 1977;72:557); Breslow has d times the term l = 0. The information needs no p x p matrix a risk set: a subject's
outer product x x' enters with the sum of 1/denominator over the terms at which the subject is at risk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blues.survive.inputs import Observed

__all__ = ["Moments", "RiskSets", "moments", "newton", "risk_sets"]

MOST_CELLS = 1 << 20
"""Up to so many event times x subjects the risk sets are kept as a matrix."""


@dataclass(frozen=True)
class RiskSets:
    """Who is at risk at which event, and the terms of the likelihood.

    Attributes
    ----------
    times : ndarray of float, shape (m,)
        Distinct event times.
    first, last : ndarray of int, shape (n,)
        The subject is at risk at event times ``first`` to ``last - 1``.
    died : ndarray of int, shape (n,)
        Event time at which the subject died, -1 for the censored.
    term_time : ndarray of int, shape (r,)
        Event time of each likelihood term.
    term_share : ndarray of float, shape (r,)
        Efron's l/d; zeros for Breslow.
    term_weight : ndarray of float, shape (r,)
        Times the term counts: 1 for Efron, d for Breslow.
    at_risk, dying : ndarray of float, shape (m, n), or None
        Who is at risk and who dies at each event time, 1 or 0, so that a sum over all risk sets is one matrix product; None
        where that would be too large.
    """

    times: np.ndarray
    first: np.ndarray
    last: np.ndarray
    died: np.ndarray
    term_time: np.ndarray
    term_share: np.ndarray
    term_weight: np.ndarray
    at_risk: np.ndarray | None = None
    dying: np.ndarray | None = None


def risk_sets(data: Observed, ties: str = "efron") -> RiskSets:
    """Prepare the sums over risk sets; ``data.event`` is 1 for the event, else 0."""
    event = data.event == 1
    times = np.unique(data.time[event])
    died = np.where(event, np.searchsorted(times, data.time), -1)
    deaths = np.bincount(died[event], minlength=len(times))
    if ties == "efron":
        term_time = np.repeat(np.arange(len(times)), deaths)
        rank = np.arange(len(term_time)) - np.repeat(np.cumsum(deaths) - deaths, deaths)
        share, weight = rank / deaths[term_time], np.ones(len(term_time))
    else:
        term_time, share, weight = np.arange(len(times)), np.zeros(len(times)), deaths.astype(float)
    first = np.searchsorted(times, data.entry, side="right")
    last = np.searchsorted(times, data.time, side="right")
    if len(times) * len(died) > MOST_CELLS:
        return RiskSets(times, first, last, died, term_time, share, weight)
    place = np.arange(len(times))[:, None]
    at_risk, dying = (first <= place) & (place < last), died == place
    return RiskSets(times, first, last, died, term_time, share, weight, at_risk.astype(float), dying.astype(float))


@dataclass(frozen=True)
class Moments:
    """The partial likelihood at one beta.

    Attributes
    ----------
    log_likelihood : float
    score : ndarray of float, shape (p,)
        Sum over terms of g (x of the dead - mean of the risk set), g the weight given to :func:`moments` or 1.
    information : ndarray of float, shape (p, p)
        Sum over terms of g times the covariance of x in the risk set.
    hazard : ndarray of float, shape (m,)
        Increment of the cumulative baseline hazard (x = 0) at each event time.
    """

    log_likelihood: float
    score: np.ndarray
    information: np.ndarray
    hazard: np.ndarray


def _over_risk_sets(values: np.ndarray, sets: RiskSets) -> np.ndarray:
    """Sum ``values`` (n,) or (n, p) over those at risk at each event time."""
    if sets.at_risk is not None:
        return sets.at_risk @ values
    m = len(sets.times)
    total = np.zeros((m + 1, *values.shape[1:]))
    np.add.at(total, sets.last, values)
    np.subtract.at(total, sets.first, values)
    return total[::-1].cumsum(axis=0)[::-1][1:]


def _over_deaths(values: np.ndarray, sets: RiskSets) -> np.ndarray:
    if sets.dying is not None:
        return sets.dying @ values
    total = np.zeros((len(sets.times), *values.shape[1:]))
    dead = sets.died >= 0
    np.add.at(total, sets.died[dead], values[dead])
    return total


def moments(x: np.ndarray, beta: np.ndarray, sets: RiskSets, g: np.ndarray | None = None) -> Moments:
    """Return value, score and information of the partial likelihood.

    Parameters
    ----------
    x : ndarray of float, shape (n, p)
    beta : ndarray of float, shape (p,)
    sets : RiskSets
    g : ndarray of float, shape (m,), optional
        A weight of each event time, for score and information (not for the likelihood).
    """
    eta = x @ beta
    top = eta.max(initial=-np.inf)
    w = np.exp(eta - top)
    k = sets.term_time
    share = sets.term_share
    at_risk, at_death = _over_risk_sets(w, sets), _over_deaths(w, sets)
    denominator = at_risk[k] - share * at_death[k]
    weighted = w[:, None] * x
    mean = (_over_risk_sets(weighted, sets)[k] - share[:, None] * _over_deaths(weighted, sets)[k]) / denominator[
        :, None
    ]
    dead = sets.died >= 0
    value = float((eta[dead] - top).sum() - sets.term_weight @ np.log(denominator))
    of_time = np.ones(len(sets.times)) if g is None else g
    weight = sets.term_weight * of_time[k]
    score = of_time[sets.died[dead]] @ x[dead] - weight @ mean
    per_time = np.bincount(k, weights=weight / denominator, minlength=len(sets.times))
    tied = np.bincount(k, weights=weight * share / denominator, minlength=len(sets.times))
    reach = np.concatenate([[0.0], np.cumsum(per_time)])
    exposure = w * (reach[sets.last] - reach[sets.first])
    exposure[dead] -= w[dead] * tied[sets.died[dead]]
    information = (x.T * exposure) @ x - (mean.T * weight) @ mean
    hazard = np.bincount(k, weights=sets.term_weight / denominator, minlength=len(sets.times)) * np.exp(-top)
    return Moments(value, score, information, hazard)


def _solved(matrix: np.ndarray, right: np.ndarray, *, regular: bool) -> np.ndarray:
    """Solve a symmetric system: by elimination where a ridge makes it regular, else by least squares."""
    if regular:
        try:
            return np.linalg.solve(matrix, right)
        except np.linalg.LinAlgError:
            pass
    return np.linalg.lstsq(matrix, right, rcond=None)[0]


def newton(
    x: np.ndarray, sets: RiskSets, penalty: np.ndarray, start: np.ndarray | None = None, *, gain: float = 1e-9
) -> tuple[np.ndarray, Moments, bool]:
    """Maximise the partial log likelihood minus half the sum of penalty * beta^2 by Newton's method with halving.

    Returns
    -------
    beta : ndarray of float, shape (p,)
    Moments
        At ``beta``.
    converged : bool
        The last step raised the objective by less than ``gain`` of itself.
    """
    beta = np.zeros(x.shape[1]) if start is None else start.copy()
    here = moments(x, beta, sets)
    value = here.log_likelihood - 0.5 * penalty @ beta**2
    for _ in range(50):
        gradient = here.score - penalty * beta
        step = _solved(here.information + np.diag(penalty), gradient, regular=bool((penalty > 0).all()))
        for halving in range(30):
            trial = beta + step / 2**halving
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # a step too far has no likelihood
                there = moments(x, trial, sets)
            reached = there.log_likelihood - 0.5 * penalty @ trial**2
            known = np.isfinite(reached) and np.isfinite(there.score).all() and np.isfinite(there.information).all()
            if known and reached >= value - 1e-12 * abs(value):
                break
        else:
            return beta, here, False
        risen, beta, here, value = reached - value, trial, there, reached
        if risen <= gain * (abs(value) + 1e-3):
            return beta, here, True
    return beta, here, False
