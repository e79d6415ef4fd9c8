"""Curves over all thresholds for many weightings of the rows at once: average precision and the ROC curve."""

from __future__ import annotations

import numpy as np

from blues.evaluate.placements import sorted_ties

__all__ = ["weighted_average_precision", "weighted_curve"]


def _counts_from_top(y: np.ndarray, score: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weighted true and false positives as the threshold falls past each score, (draws, groups) each."""
    ties = sorted_ties(y, score)
    falling = ties.order[::-1]
    ends = len(falling) - 1 - np.append(0, ties.last[:-1] + 1)[::-1]
    ranked = weights[:, falling]
    found = np.cumsum(ranked, axis=1)[:, ends]
    true = np.cumsum(ranked * y[falling], axis=1)[:, ends]
    return true, found - true


def weighted_average_precision(y: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean over repeats of the average precision.

    Parameters
    ----------
    y : ndarray, shape (n,)
        0 and 1, both present.
    scores : ndarray, shape (repeats, n)
    weights : ndarray, shape (draws, n)

    Returns
    -------
    ndarray, shape (draws,)
        NaN where a draw gives the positives no weight.
    """
    total = np.zeros(len(weights))
    for score in scores:
        true, false = _counts_from_top(y, score, weights)
        precision = np.divide(true, true + false, out=np.zeros_like(true), where=true + false > 0)
        gained = np.diff(true, axis=1, prepend=0)
        positives = true[:, -1]
        area = np.einsum("bg,bg->b", gained, precision)
        total += np.divide(area, positives, out=np.full(len(area), np.nan), where=positives > 0)
    return total / len(scores)


def weighted_curve(
    y: np.ndarray, score: np.ndarray, weights: np.ndarray, grid: np.ndarray, *, area: bool = False
) -> np.ndarray:
    """Read the empirical ROC curve, points joined by straight lines, off at a grid of false-positive rates.

    Parameters
    ----------
    grid : ndarray, shape (points,)
        Rising, inside 0 to 1. Where the curve is vertical its upper end is taken.
    area : bool
        Return instead the area between the first and the last point of the grid, shape (draws,).

    Returns
    -------
    ndarray, shape (draws, points)
        NaN where a draw gives a class no weight.
    """
    true, false = _counts_from_top(y, score, weights)
    result = np.full((len(weights), 1 if area else len(grid)), np.nan)
    for b in np.flatnonzero((true[:, -1] > 0) & (false[:, -1] > 0)):
        fpr = np.append(0.0, false[b] / false[b, -1])
        tpr = np.append(0.0, true[b] / true[b, -1])
        left = np.searchsorted(fpr, grid + 1e-12, "right") - 1
        right = np.minimum(left + 1, len(fpr) - 1)
        step = fpr[right] - fpr[left]
        along = np.divide(grid - fpr[left], step, out=np.zeros(len(grid)), where=step > 0)
        height = tpr[left] + along * (tpr[right] - tpr[left])
        if area:
            upto = np.append(0.0, np.cumsum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2))
            filled = upto[left] + (grid - fpr[left]) * (tpr[left] + height) / 2
            result[b] = filled[-1] - filled[0]
        else:
            result[b] = height
    return result[:, 0] if area else result
