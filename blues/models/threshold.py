"""Operating thresholds, fixed on training rows."""

from __future__ import annotations

import numpy as np

__all__ = ["APPARENT", "THRESHOLDS", "crossfitted_youden", "find_threshold", "youden_threshold"]

THRESHOLDS = ("half", "prevalence", "youden")
APPARENT = "apparent"
"""For models of one variable only: the Youden cut on the training rows' own predictions, without an inner loop."""


def youden_threshold(y: np.ndarray, p: np.ndarray) -> float:
    """Return the cut on ``p`` with the highest sensitivity + specificity, midway between neighbouring predictions.

    Youden 1950, Cancer 3:32-35.

    Examples
    --------
    >>> youden_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.4, 0.9]))
    0.3
    """
    levels = np.unique(p)
    cuts = np.concatenate([[levels[0]], (levels[1:] + levels[:-1]) / 2])
    above = p[None, :] >= cuts[:, None]
    youden = above[:, y == 1].mean(axis=1) - above[:, y == 0].mean(axis=1)
    return float(np.round(cuts[int(np.argmax(youden))], 12))


def find_threshold(rule: str, y: np.ndarray, p: np.ndarray) -> float:
    """Return the threshold of a rule: 0.5, the share of events, or the Youden cut of the rows that have a prediction.

    Parameters
    ----------
    rule : {"half", "prevalence", "youden", "apparent"}
    y, p : ndarray of shape (rows,)
        Outcome and probability; NaN where there is none.
    """
    if rule == "prevalence":
        return float(y.mean())
    known = np.isfinite(p)
    if rule == "half" or len(np.unique(y[known])) < 2:
        return 0.5
    return youden_threshold(y[known], p[known])


def crossfitted_youden(rule: str, y: np.ndarray, p: np.ndarray, folds: np.ndarray) -> float:
    """Return sensitivity + specificity - 1 of a rule whose cut for each fold comes from the other folds.

    Parameters
    ----------
    rule, y, p
        As in :func:`find_threshold`.
    folds : ndarray of shape (rows,)
        The inner fold that held each row out; -1 for none.

    Returns
    -------
    float
        NaN where the rows with a prediction are of one class.
    """
    called = np.full(len(y), np.nan)
    for fold in np.unique(folds[folds >= 0]):
        mine = folds == fold
        called[mine] = p[mine] >= find_threshold(rule, y[~mine], p[~mine])
    known = np.isfinite(p) & np.isfinite(called)
    if len(np.unique(y[known])) < 2:
        return float("nan")
    return float(called[known & (y == 1)].mean() - called[known & (y == 0)].mean())
