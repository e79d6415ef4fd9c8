"""A rule for single clips: its cut on a rating is learned in training, a patient counts by the share of clips it calls."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from blues.check import reaches
from blues.models.outcome import one_column

__all__ = ["ClipRule"]


class ClipRule(BaseEstimator):
    """Call each clip by its rating, then predict a patient from the share of called clips.

    The cut between ratings is the one whose calls of single clips have the largest absolute Youden index in training; clips
    count alike within a patient, and patients alike.

    Parameters
    ----------
    estimator : classifier
        From the share of called clips to the probability of the patient.

    Attributes
    ----------
    cut_ : float
        A clip at or above it is called.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> ratings = np.array([[0, 1, np.nan], [1, 0, 0], [2, 3, 3], [3, 1, 3]])
    >>> model = ClipRule(LogisticRegression(C=100)).fit(ratings, [0, 0, 1, 1])
    >>> model.cut_, model.shares(ratings).round(2).tolist()
    (1.5, [0.0, 0.0, 1.0, 0.67])
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> ClipRule:
        """Learn the cut and the probability.

        Parameters
        ----------
        X : array of shape (rows, clips)
            The ratings of a patient's clips in any order, NaN where the patient has fewer.
        y : array of shape (rows,)
            0 or 1.
        """
        X, y = np.asarray(X, dtype=float), np.asarray(one_column(y), dtype=float)
        levels = np.unique(X[~np.isnan(X)])
        cuts = (levels[1:] + levels[:-1]) / 2 if len(levels) > 1 else levels
        gaps = []
        for cut in cuts:
            called = _share(X, float(cut))
            gaps.append(abs(np.nanmean(called[y == 1]) - np.nanmean(called[y == 0])))
        self.cut_ = float(cuts[int(np.argmax(gaps))])
        self.classes_ = np.unique(y)
        self.model_ = clone(self.estimator).fit(self.shares(X)[:, None], y)
        return self

    def shares(self, X: Any) -> np.ndarray:
        """Return the share of each row's clips that are called, shape (rows,); NaN for a row without any."""
        return _share(np.asarray(X, dtype=float), self.cut_)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return ``[1 - p, p]`` a row, shape (rows, 2)."""
        return np.asarray(self.model_.predict_proba(self.shares(X)[:, None]))


def _share(X: np.ndarray, cut: float) -> np.ndarray:
    known = ~np.isnan(X)
    count = known.sum(axis=1)
    called = (known & reaches(np.where(known, X, -np.inf), cut)).sum(axis=1)
    return np.divide(called, count, out=np.full(len(X), np.nan), where=count > 0)
