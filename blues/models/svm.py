"""A support vector machine whose scores become probabilities on inner patient folds."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVR

from blues.models.inner import InnerFolds
from blues.models.outcome import OutcomeModel

__all__ = ["SVM", "QuietSVR"]


class QuietSVR(SVR):
    """Support vector regression that leaves NumPy's global generator alone; nothing random enters its fit."""

    def fit(self, X: Any, y: Any) -> QuietSVR:
        """Fit as :class:`sklearn.svm.SVR` does."""
        self.random_state = 0
        super().fit(X, y)
        return self


class SVM(OutcomeModel):
    """A support vector machine with Platt scaling [1]_ fitted on scores of patients that it did not see.

    scikit-learn's own ``probability=True`` splits rows, so that clips of one patient lie on both sides; here the inner folds
    split patients.

    Parameters
    ----------
    estimator : estimator
        Has ``decision_function`` (binary) or ``predict`` (continuous); an ordinal outcome takes
        :class:`blues.models.OrdinalClassifier` around the binary one.
    kind : {"binary", "continuous"}
        Kind of the outcome.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        For a binary outcome.
    platt_ : LogisticRegression or None
        From score to probability. Without inner folds (too few patients of a class) it is fitted on the training rows' own
        scores, and is then too sure of itself.

    References
    ----------
    .. [1] Platt J. Probabilistic outputs for support vector machines. 1999.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> model = SVM(SVC(random_state=0)).fit([[0.0], [0.1], [0.9], [1.0]], [0, 0, 1, 1])
    >>> bool(model.predict_proba([[1.0]])[0, 1] > 0.5)
    True
    """

    uses_inner_folds = True

    def __init__(self, estimator: Any, kind: str = "binary") -> None:
        self.estimator = estimator
        self.kind = kind

    def fit(self, X: Any, y: Any, inner: InnerFolds | None = None) -> SVM:
        """Fit the machine on all rows, and the scaling on scores from inner folds.

        Parameters
        ----------
        X : array of shape (rows, features)
        y : array of shape (rows,)
        inner : InnerFolds, optional
        """
        X, y = self._training(X, y)
        self.model_ = clone(self.estimator).fit(X, y)
        self.platt_ = None
        if self.kind != "binary":
            return self
        scores = np.full(len(y), np.nan)
        for train, test in inner.split(y) if inner is not None else []:
            if len(np.unique(y[train])) == 2:
                scores[test] = clone(self.estimator).fit(X[train], y[train]).decision_function(X[test])
        known = np.isfinite(scores)
        if len(np.unique(y[known])) < 2:
            scores, known = self.model_.decision_function(X), np.ones(len(y), bool)
        self.platt_ = LogisticRegression(C=1e3, max_iter=1000).fit(scores[known, None], y[known])
        return self

    def expected(self, X: Any) -> np.ndarray:
        """Return the expected value (continuous) or the probability of the event (binary), shape (rows,)."""
        X = self._rows(X)
        if self.platt_ is None:
            return np.asarray(self.model_.predict(X), dtype=float)
        return np.asarray(self.platt_.predict_proba(self.model_.decision_function(X)[:, None])[:, 1])
