"""Clinical utility: net benefit over a range of thresholds, with bands and differences between models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from blues.check import InputError, finite, probabilities, reaches, same_length
from blues.evaluate.records import group_codes
from blues.evaluate.resample import Seed, weighted_bootstrap
from blues.evaluate.rows import rows_in_order

__all__ = ["check_thresholds", "net_benefit", "net_benefit_rows"]


def check_thresholds(thresholds: Any) -> np.ndarray:
    """Return the thresholds as floats, or raise unless each lies in [0, 1)."""
    array = np.atleast_1d(finite(thresholds, "thresholds"))
    bad = array[(array < 0) | (array >= 1)]
    if bad.size or not array.size:
        raise InputError(
            f"a threshold of {bad.flat[0]:g}" if bad.size else "no thresholds", allowed="0 to 1, 1 itself excluded"
        )
    return array


def net_benefit_rows(y: np.ndarray, p: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return each row's share in the net benefit at each threshold, shape (n, thresholds); the net benefit is its mean.

    A row called positive (p >= t) counts 1 if it is one and -t/(1 - t) if not.
    """
    odds = thresholds / (1 - thresholds)
    return np.where(reaches(p[:, None], thresholds), np.where(y[:, None] == 1, 1.0, -odds), 0.0)


@rows_in_order
def net_benefit(
    y: Any,
    p: Any,
    thresholds: Any,
    *,
    other: Any = None,
    clusters: Any = None,
    draws: int = 0,
    level: float = 0.95,
    seed: Seed = 0,
) -> pd.DataFrame:
    """Net benefit of treating by a model, of treating all, and of treating none: the decision curve.

    Parameters
    ----------
    y : array-like, shape (n,)
        0 or 1.
    p : array-like, shape (n,)
        Probabilities of 1.
    thresholds : float or array-like, shape (t,)
        Threshold probabilities in [0, 1), argued for clinically: t/(1 - t) is what one false positive costs in true
        ones.
    other : array-like, shape (n,), optional
        A second model's probabilities for the same rows; adds ``other`` and ``difference`` (first minus second).
    clusters : array-like, shape (n,), optional
        The patient of each row, for the bands.
    draws : int
        Bootstrap samples over patients for pointwise bands; 0 for none. Patients are drawn freely, for the net benefit moves
        with the share of events: with their number held its bands cover far too seldom.
    level : float
        Confidence level of the bands.
    seed : int or Generator
        Of the bootstrap.

    Returns
    -------
    DataFrame, one row a threshold
        ``threshold, model, treat_all, treat_none``; with draws ``low, high``; with ``other`` also ``other,
        difference`` and with draws ``difference_low, difference_high``.

    Raises
    ------
    InputError
        For probabilities or thresholds out of range, lengths that differ.

    Notes
    -----
    Vickers & Elkin 2006, Med Decis Making 26:565: TP/n - FP/n * t/(1 - t).

    Examples
    --------
    >>> curve = net_benefit([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1], [0.0, 0.5])
    >>> curve[["model", "treat_all", "treat_none"]].to_numpy().tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    outcome, predicted, grid = finite(y, "y").ravel(), probabilities(p).ravel(), check_thresholds(thresholds)
    same_length(y=outcome, p=predicted)
    if not np.isin(outcome, (0, 1)).all() or not len(outcome):
        raise InputError("y must hold 0 and 1, and at least one row")
    prevalence = float(outcome.mean())
    rows = net_benefit_rows(outcome, predicted, grid)
    frame = pd.DataFrame({"threshold": grid, "model": rows.mean(0)})
    frame["treat_all"] = prevalence - (1 - prevalence) * grid / (1 - grid)
    frame["treat_none"] = 0.0
    columns, parts = [("low", "high")], [rows]
    if other is not None:
        second = probabilities(other, "other").ravel()
        same_length(y=outcome, other=second)
        rivals = net_benefit_rows(outcome, second, grid)
        frame["other"] = rivals.mean(0)
        frame["difference"] = frame["model"] - frame["other"]
        columns, parts = [*columns, ("difference_low", "difference_high")], [rows, rows - rivals]
    if draws:
        bands = _bands(np.concatenate(parts, axis=1), clusters, draws, level, seed)
        for k, (low, high) in enumerate(columns):
            frame[low], frame[high] = bands[:, k * len(grid) : (k + 1) * len(grid)]
    return frame


def _bands(rows: np.ndarray, clusters: Any, draws: int, level: float, seed: Seed) -> np.ndarray:
    """Return low and high of the weighted means of columns, shape (2, columns)."""
    sums, sizes = rows, np.ones(len(rows))
    if clusters is not None:
        codes, groups = group_codes(clusters, len(rows))
        sizes = np.bincount(codes).astype(float)
        sums = np.zeros((len(groups), rows.shape[1]))
        np.add.at(sums, codes, rows)
    found = weighted_bootstrap(lambda w: (w @ sums) / (w @ sizes)[:, None], len(sizes), draws, seed, level=level)
    return np.array([[e.low for e in found], [e.high for e in found]])
