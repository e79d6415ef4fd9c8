"""Operating thresholds, fixed on training rows."""

from __future__ import annotations

import numpy as np

from blues.check import DIGITS, reaches

__all__ = [
    "APPARENT",
    "GRADING",
    "THRESHOLDS",
    "crossfitted_youden",
    "find_threshold",
    "matched_cuts",
    "youden_threshold",
]

THRESHOLDS = ("half", "prevalence", "youden", "matched")
GRADING = ("half", "matched")
"""What an ordinal outcome can take of them: the nearest grade, or each grade called as often as it occurs."""
ABOVE = 1e-4
"""So much above the prevalence is its threshold: a model that learned nothing predicts it, nearly, and calls nobody 1."""
APPARENT = "apparent"
"""For models of one variable only: the Youden cut on the training rows' own predictions, without an inner loop."""


def youden_threshold(y: np.ndarray, p: np.ndarray) -> float:
    """Return the cut on ``p`` with the highest sensitivity + specificity, midway between neighbouring predictions.

    Youden 1950, Cancer 3:32-35.

    Parameters
    ----------
    y : ndarray, shape (n,)
        0 and 1, both present.
    p : ndarray, shape (n,)
        Predictions, higher for 1.

    Returns
    -------
    float
        A row is called 1 at and above it; of equal cuts the lowest.

    Examples
    --------
    >>> youden_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.4, 0.9]))
    0.3
    """
    levels = np.unique(p)
    cuts = np.concatenate([[levels[0]], (levels[1:] + levels[:-1]) / 2])
    above = reaches(p[None, :], cuts[:, None])
    youden = above[:, y == 1].mean(axis=1) - above[:, y == 0].mean(axis=1)
    return float(np.round(cuts[int(np.argmax(youden))], DIGITS))


def matched_cuts(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the cuts on ``p`` that call each category as often as it occurs, one between two neighbouring categories.

    Expected grades crowd around the middle of the scale, so that the nearest grade is seldom the lowest or the highest, while a
    rater uses them as often as they occur. The cuts are the quantiles of the predictions at the cumulative shares of the
    outcome.

    Parameters
    ----------
    y, p : ndarray of shape (rows,)
        Outcome and out-of-fold prediction, none missing.

    Returns
    -------
    ndarray of shape (categories - 1,)
        Of the categories that occur, ascending. At and above a cut the higher one is called.

    Examples
    --------
    >>> matched_cuts(np.array([0, 0, 1, 2]), np.array([0.8, 0.9, 1.0, 1.1])).tolist()
    [0.95, 1.025]
    """
    shares = [float((y <= category).mean()) for category in np.unique(y)[:-1]]
    return np.asarray(np.round(np.quantile(p, shares), DIGITS))


def find_threshold(rule: str, y: np.ndarray, p: np.ndarray) -> float:
    """Return the threshold of a rule: 0.5, just above the share of events, or a cut on the rows that have a prediction.

    Parameters
    ----------
    rule : {"half", "prevalence", "youden", "matched", "apparent"}
        ``matched`` calls as many as have the event; ``youden`` and ``apparent`` have the highest sensitivity + specificity.
    y, p : ndarray of shape (rows,)
        Outcome and probability; NaN where there is none.
    """
    if rule == "prevalence":
        return float(y.mean()) + ABOVE
    known = np.isfinite(p)
    if rule == "half" or len(np.unique(y[known])) < 2:
        return 0.5
    if rule == "matched":
        return float(matched_cuts(y[known], p[known])[0])
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
        called[mine] = reaches(p[mine], find_threshold(rule, y[~mine], p[~mine]))
    known = np.isfinite(p) & np.isfinite(called)
    if len(np.unique(y[known])) < 2:
        return float("nan")
    return float(called[known & (y == 1)].mean() - called[known & (y == 0)].mean())
