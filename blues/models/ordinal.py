"""An ordinal outcome as one binary question a cut, whether it lies above this category."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

__all__ = ["OrdinalClassifier"]


class OrdinalClassifier(BaseEstimator):
    """Fit P(y > c) for each cut c with a binary model and difference the results [1]_.

    Parameters
    ----------
    estimator : classifier
        Fitted once a cut. A cut that the training rows do not have on both sides gives its observed share.

    Attributes
    ----------
    classes_ : ndarray of shape (categories,)
        Categories seen in training, ascending.

    References
    ----------
    .. [1] Frank E, Hall M. A simple approach to ordinal classification. ECML 2001, 145-156.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = [[0.0], [0.2], [1.0], [1.2], [2.0], [2.2]]
    >>> model = OrdinalClassifier(LogisticRegression(C=100)).fit(X, [0, 0, 1, 1, 2, 2])
    >>> model.predict_proba([[2.1]]).argmax()
    np.int64(2)
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> OrdinalClassifier:
        """Fit one model a cut.

        Parameters
        ----------
        X : array of shape (rows, features)
        y : array of shape (rows,)
            Categories as numbers.
        """
        y = np.asarray(y, dtype=float)
        self.classes_ = np.unique(y)
        self.cuts_ = [clone(self.estimator).fit(X, (y > c).astype(int)) for c in self.classes_[:-1]]
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each category, shape (rows, categories); each row sums to 1.

        P(y > c) is made non-increasing in c by its running minimum before differencing.
        """
        above = np.ones((len(X), 1 + len(self.cuts_) + 1))
        above[:, -1] = 0
        for k, model in enumerate(self.cuts_, start=1):
            above[:, k] = model.predict_proba(X)[:, 1]
        above = np.minimum.accumulate(above, axis=1)
        return above[:, :-1] - above[:, 1:]

    def predict(self, X: Any) -> np.ndarray:
        """Return the expected category, shape (rows,): a number between the lowest and the highest."""
        return np.asarray(self.predict_proba(X) @ self.classes_)
