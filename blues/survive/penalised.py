"""Ridge-penalised Cox regression of modality blocks, everything that learns inside one fit.

Medians for missing values, scaling, optional principal components and the choice of the penalty belong to the fit, so
that a fold's model knows nothing of its test patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from blues.check import InputError, columns_exist
from blues.cohort.display import Shown
from blues.survive.inputs import Observed, numeric_frame, observed, some_events
from blues.survive.partial import RiskSets, moments, newton, risk_sets
from blues.survive.regression import EVENTS_PER_PARAMETER, survival_from_hazard

__all__ = ["PenalisedCox", "penalised_cox"]

GRID = tuple(10.0 ** np.arange(-2, 3.01, 0.5))
"""Penalties tried, as multiples of the number of events; the largest all but removes the covariates."""


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a block whose column names are text, as in what was learned of it."""
    return frame.set_axis(frame.columns.astype(str), axis=1)


@dataclass(frozen=True)
class _Preparation:
    """How one block becomes columns of mean 0 and total variance 1: fitted on training patients only."""

    columns: tuple[str, ...]
    medians: np.ndarray
    means: np.ndarray
    scales: np.ndarray
    axes: np.ndarray | None
    weight: float

    def apply(self, frame: pd.DataFrame, name: str) -> np.ndarray:
        """Return the block's prepared columns, shape (n, k)."""
        frame = _named(frame)
        columns_exist(self.columns, frame.columns, f"block {name!r}")
        values = numeric_frame(frame[list(self.columns)], len(frame), f"block {name!r}", missing=True).to_numpy()
        values = np.where(np.isnan(values), self.medians, values)
        values = (values - self.means) / self.scales
        return (values if self.axes is None else values @ self.axes) * self.weight

    def original(self, beta: np.ndarray) -> np.ndarray:
        """Return log hazard ratios a unit of the block's columns."""
        beta = beta * self.weight
        return (beta if self.axes is None else self.axes @ beta) / self.scales


def _prepare(frame: pd.DataFrame, name: str, components: int | None) -> _Preparation:
    """Learn medians, scales and axes of one block. Columns that are constant or wholly missing are left out."""
    values = numeric_frame(_named(frame), len(frame), f"block {name!r}", missing=True)
    table = values.to_numpy()
    known = ~np.isnan(table).all(axis=0)
    medians = np.full(table.shape[1], np.nan)
    medians[known] = np.nanmedian(table[:, known], axis=0)
    filled = np.where(np.isnan(table), medians, table)
    spread, largest = filled.std(axis=0), np.abs(filled).max(axis=0)
    used = known & (spread > 1e-12 * np.maximum(1, largest))
    filled = filled[:, used]
    means, scales = filled.mean(axis=0), filled.std(axis=0)
    axes = None
    width = int(used.sum())
    if components is not None and width > min(components, len(frame) - 1):
        scaled = (filled - means) / scales
        axes = np.linalg.svd(scaled, full_matrices=False)[2][: min(components, len(frame) - 1)].T
        total = (scaled @ axes).var(axis=0).sum()
    else:
        total = float(width)
    weight = 1 / np.sqrt(total) if total > 0 else 1.0
    return _Preparation(tuple(values.columns[used]), medians[used], means, scales, axes, weight)


@dataclass(frozen=True, repr=False)
class PenalisedCox(Shown):
    """A fitted penalised Cox model.

    Attributes
    ----------
    coefficients : DataFrame
        ``block``, ``column``, ``coef`` (log hazard ratio a unit), ``coef_sd`` (a standard deviation).
    penalty : float
        Ridge penalty on the prepared columns.
    path : DataFrame
        ``penalty``, ``score`` (cross-validated partial log likelihood); empty when the penalty was given.
    effective_parameters : float
        Trace of the hat matrix: what the ridge leaves of the parameters.
    n, events : int
    events_per_parameter : float
        By effective parameters.
    baseline : DataFrame
        ``time``, ``cumulative_hazard`` of a patient with average columns.
    notes : tuple of str
    preparations : dict
        Block name to what was learned of it.
    beta : ndarray of float
        Coefficients of the prepared columns.
    """

    coefficients: pd.DataFrame
    penalty: float
    path: pd.DataFrame
    effective_parameters: float
    n: int
    events: int
    events_per_parameter: float
    baseline: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...]
    preparations: dict[str, _Preparation]
    beta: np.ndarray

    def risk(self, blocks: Mapping[str, pd.DataFrame]) -> np.ndarray:
        """Return the linear predictor, shape (n,); 0 for a patient with average columns.

        Parameters
        ----------
        blocks : mapping of str to DataFrame
            The blocks of the fit, n rows each.
        """
        if not self.preparations:
            return np.zeros(len(next(iter(blocks.values()))))
        return _design(blocks, self.preparations) @ self.beta

    def survival(self, blocks: Mapping[str, pd.DataFrame], times: Any) -> pd.DataFrame:
        """Return the probability of no event by each time, one row a patient, one column a time.

        Parameters
        ----------
        blocks : mapping of str to DataFrame
            The blocks of the fit, n rows each.
        times : array-like
            In the unit of the fit.
        """
        first = next(iter(blocks.values()))
        return survival_from_hazard(self.baseline, self.risk(blocks), times, first)


def _design(blocks: Mapping[str, pd.DataFrame], preparations: Mapping[str, _Preparation]) -> np.ndarray:
    for name in preparations:
        if name not in blocks:
            raise InputError(f"block {name!r} is missing", allowed=list(preparations))
    return np.hstack([p.apply(blocks[name], name) for name, p in preparations.items()])


def _rotate(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x in the axes of its rows: with a ridge the rest of the columns' space gets no coefficient."""
    if x.shape[1] <= len(x):
        return x, np.eye(x.shape[1])
    axes = np.linalg.svd(x, full_matrices=False)[2].T
    return x @ axes, axes


def _inner_folds(event: np.ndarray, folds: int, rng: np.random.Generator, groups: Any = None) -> np.ndarray:
    """Assign subjects to folds, events and censored spread evenly, a group's rows together, shape (n,)."""
    _, first, code = np.unique(
        np.arange(len(event)) if groups is None else groups, return_index=True, return_inverse=True
    )
    of_group = event[first]
    assigned = np.empty(len(of_group), dtype=int)
    start = 0
    for value in np.unique(of_group):
        members = rng.permutation(np.flatnonzero(of_group == value))
        assigned[members] = (np.arange(len(members)) + start) % folds
        start += len(members)
    return assigned[code]


def _cross_validated(x: np.ndarray, data: Observed, ties: str, grid: np.ndarray, assigned: np.ndarray) -> np.ndarray:
    """Return the cross-validated partial log likelihood of each penalty (Verweij & van Houwelingen 1993)."""
    whole = risk_sets(data, ties)
    scores = np.zeros(len(grid))
    for fold in range(int(assigned.max()) + 1):
        keep = assigned != fold
        part = data.subset(keep)
        if not (part.event == 1).any():
            continue
        sets = risk_sets(part, ties)
        inner, axes = _rotate(x[keep])
        beta = None
        for place in np.argsort(grid)[::-1]:  # from the strongest penalty down, each from where the last one ended
            beta, here, _ = newton(inner, sets, np.full(inner.shape[1], grid[place]), beta, gain=1e-6)
            risk = (x @ (axes @ beta))[:, None]
            scores[place] += moments(risk, np.ones(1), whole).log_likelihood - here.log_likelihood
    return scores


def penalised_cox(
    time: Any,
    event: Any,
    blocks: Mapping[str, pd.DataFrame],
    *,
    penalty: float | None = None,
    components: int | None = None,
    ties: str = "efron",
    folds: int = 5,
    seed: int | np.random.Generator = 0,
    groups: Any = None,
    baseline_alone: bool = False,
) -> PenalisedCox:
    """Ridge Cox regression of modality blocks (Verweij & van Houwelingen, Stat Med 1994;13:2427).

    Missing values take the training median, columns are scaled to unit variance and each block is then scaled to total
    variance 1, so that a block of 500 image features is not heard 50 times louder than one of 10 blood values. The
    penalty is the one of a grid that maximises the cross-validated partial log likelihood (Verweij & van Houwelingen,
    Stat Med 1993;12:2305).

    Parameters
    ----------
    time, event : array-like, shape (n,)
        1 event, 0 censored.
    blocks : mapping of str to DataFrame, each shape (n, p_b)
        One a modality, rows alike. Numbers; NaN for missing.
    penalty : float, optional
        Given instead of chosen.
    components : int, optional
        Reduce blocks with more columns than this to so many principal components.
    ties : {"efron", "breslow"}
    folds : int
        Inner folds for the penalty.
    seed : int or Generator
        For the inner folds.
    groups : array-like, shape (n,), optional
        Rows of one group, such as the copies of a patient in a bootstrap sample, stay in one inner fold.
    baseline_alone : bool
        Where no column varies, give a model in which all patients are alike, instead of raising.

    Returns
    -------
    PenalisedCox

    Raises
    ------
    InputError
        No event, no usable column, rows that do not match, bad times or codes.
    """
    if not isinstance(blocks, Mapping):
        raise InputError(
            f"blocks is a {type(blocks).__name__}", allowed="modality -> table", remedy='Write {"clinical": table}'
        )
    if not blocks:
        raise InputError("no block was given")
    data = observed(time, event, groups=groups, **{f"block {k!r}": v for k, v in blocks.items()})
    events = some_events(data.event, "Cox regression")
    preparations = {name: _prepare(frame, name, components) for name, frame in blocks.items()}
    preparations = {name: p for name, p in preparations.items() if p.columns}
    notes = [
        f"block {name!r} has no column that varies, and is left out" for name in blocks if name not in preparations
    ]
    if not preparations:
        if not baseline_alone:
            raise InputError("no block has a column that varies")
        return _of_nobody(data, ties)
    x = _design(blocks, preparations)
    path = pd.DataFrame(columns=["penalty", "score"])
    if penalty is None:
        grid = events * np.asarray(GRID)
        count = max(2, min(folds, len(data.time) // 2))
        assigned = _inner_folds(data.event, count, np.random.default_rng(seed), groups)
        score = _cross_validated(x, data, ties, grid, assigned)
        path = pd.DataFrame({"penalty": grid, "score": score})
        penalty = float(grid[int(np.argmax(score))])
        if penalty == grid.max():
            notes.append("the strongest penalty was chosen: cross-validation finds nothing in these blocks")
    elif not penalty > 0:
        raise InputError("penalty must be positive", value=penalty)
    return _finish(data, x, penalty, path, ties, preparations, notes)


def _of_nobody(data: Observed, ties: str) -> PenalisedCox:
    """Return the model without a covariate: the baseline hazard, the same for all."""
    sets = risk_sets(data, ties)
    hazard = moments(np.zeros((len(data.time), 1)), np.zeros(1), sets).hazard
    none = pd.DataFrame(columns=["block", "column", "coef", "coef_sd"])
    path, events = pd.DataFrame(columns=["penalty", "score"]), int(data.event.sum())
    baseline = pd.DataFrame({"time": sets.times, "cumulative_hazard": np.cumsum(hazard)})
    note = ("no column varies, and all are left out: patients are alike",)
    return PenalisedCox(none, np.nan, path, 0.0, len(data.time), events, np.inf, baseline, note, {}, np.zeros(0))


def _finish(
    data: Observed,
    x: np.ndarray,
    penalty: float,
    path: pd.DataFrame,
    ties: str,
    preparations: dict[str, _Preparation],
    notes: list[str],
) -> PenalisedCox:
    sets: RiskSets = risk_sets(data, ties)
    inner, axes = _rotate(x)
    ridge = np.full(inner.shape[1], penalty)
    beta, here, converged = newton(inner, sets, ridge)
    if not converged:
        notes.append("the penalised fit did not converge")
    effective = float(np.trace(np.linalg.solve(here.information + np.diag(ridge), here.information)))
    beta = axes @ beta
    rows, start = [], 0
    for name, p in preparations.items():
        width = len(p.columns) if p.axes is None else p.axes.shape[1]
        original = p.original(beta[start : start + width])
        rows.append(
            pd.DataFrame({"block": name, "column": p.columns, "coef": original, "coef_sd": original * p.scales})
        )
        start += width
    events = int(data.event.sum())
    if events / max(effective, 1e-9) < EVENTS_PER_PARAMETER:
        notes.append(
            f"{events} events for {effective:.1f} effective parameters: fewer than {EVENTS_PER_PARAMETER} each"
        )
    baseline = pd.DataFrame({"time": sets.times, "cumulative_hazard": np.cumsum(here.hazard)})
    return PenalisedCox(
        pd.concat(rows, ignore_index=True),
        penalty,
        path,
        effective,
        len(data.time),
        events,
        events / effective if effective > 0 else np.inf,
        baseline,
        tuple(notes),
        preparations,
        beta,
    )
