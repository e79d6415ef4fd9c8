"""An ordinal outcome as one binary question a cut, whether it lies above this category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from blues import check
from blues.models.inner import InnerFolds, fit
from blues.models.outcome import one_column

__all__ = ["OrdinalClassifier", "category_probabilities"]


class OrdinalClassifier(RegressorMixin, BaseEstimator):
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

    uses_inner_folds = True

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, inner: InnerFolds | None = None) -> OrdinalClassifier:
        """Fit one model a cut.

        Parameters
        ----------
        X : array of shape (rows, features)
        y : array of shape (rows,)
            Categories as numbers.
        inner : InnerFolds, optional
            Handed to a binary model that calibrates on them.

        Raises
        ------
        InputError
            Without categories, and for ones that are missing, infinite or no numbers.
        """
        validate_data(self, X, skip_check_array=True)
        y = check.finite(one_column(y), "y")
        self.classes_ = np.unique(y)
        self.cuts_ = [fit(clone(self.estimator), X, (y > c).astype(int), inner) for c in self.classes_[:-1]]
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each category, shape (rows, categories); each row sums to 1.

        P(y > c) is made non-increasing in c by its running minimum before differencing.
        """
        check_is_fitted(self)
        validate_data(self, X, reset=False, skip_check_array=True)
        above = np.ones((len(X), 1 + len(self.cuts_) + 1))
        above[:, -1] = 0
        for k, model in enumerate(self.cuts_, start=1):
            above[:, k] = model.predict_proba(X)[:, 1]
        above = np.minimum.accumulate(above, axis=1)
        return above[:, :-1] - above[:, 1:]

    def predict(self, X: Any) -> np.ndarray:
        """Return the expected category, shape (rows,): a number between the lowest and the highest."""
        return np.asarray(self.predict_proba(X) @ self.classes_)


def category_probabilities(estimator: Any, X: Any, categories: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return a fitted ordinal model's probabilities on a whole scale; a category not seen in training has probability 0.

    Parameters
    ----------
    estimator : fitted estimator
        With ``predict_proba`` and ``classes_``.
    X : array of shape (rows, features)
    categories : sequence of float
        The scale, ascending, ``classes_`` among it.

    Returns
    -------
    ndarray of shape (rows, categories)
    """
    found = np.zeros((len(X), len(categories)))
    found[:, np.searchsorted(categories, estimator.classes_)] = estimator.predict_proba(X)
    return found
