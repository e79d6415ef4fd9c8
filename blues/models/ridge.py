"""Linear models whose penalty is chosen in inner folds over patients: for many columns, and rows enough to choose by."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge, RidgeCV

from blues import check
from blues.models.inner import InnerFolds
from blues.models.outcome import OutcomeModel

__all__ = ["PENALTIES", "USUAL", "RidgeByFolds"]

PENALTIES = tuple(float(strength) for strength in np.geomspace(1, 1e4, 9))
"""What is tried: strengths of the L2 penalty on standardised columns, ``alpha`` of scikit-learn, 1 / C; half a decade apart."""
USUAL = 10.0
"""The strength of the model ``logistic``, and of this one where nothing can be chosen."""


class RidgeByFolds(OutcomeModel):
    """Ridge or L2-penalised logistic regression of the strength with the lowest inner loss [1]_ [2]_.

    Parameters
    ----------
    kind : {"binary", "continuous"}
        Kind of the outcome.
    penalties : sequence of float
        Strengths to choose from.

    Attributes
    ----------
    penalty_ : float
        The strength taken: the lowest mean log loss (binary) or mean squared error of the inner folds. Without inner folds, or
        where none of them has events and non-events in both parts, 10, that of the model ``logistic``.
    coef_, intercept_ : ndarray
        As scikit-learn has them.
    classes_ : ndarray of shape (2,)
        For a binary outcome.

    Notes
    -----
    Takes no missing values: ``make("ridge")`` imputes and scales before it. The right strength depends on how many columns
    carry the signal and how strong it is; a fixed one can be a hundred times too weak. To choose it takes rows: with some
    fifty patients the choice is noisier than what it gains. Columns are to be on one scale.

    References
    ----------
    .. [1] le Cessie S, van Houwelingen JC. Ridge estimators in logistic regression. Appl Stat 1992;41:191-201.
    .. [2] Friedman J, Hastie T, Tibshirani R. Regularization paths for generalized linear models via coordinate descent.
       J Stat Softw 2010;33(1):1-22: strength by cross-validated deviance.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y, k = rng.normal(size=(40, 60)), np.tile([0, 1], 20), np.arange(40) // 10
    >>> four = InnerFolds(np.arange(40), lambda y, of: [(np.flatnonzero(k != i), np.flatnonzero(k == i)) for i in range(4)])
    >>> RidgeByFolds().fit(X, y, four).penalty_ > 100  # noise: next to nothing is to be learned
    True
    """

    uses_inner_folds = True

    def __init__(self, kind: str = "binary", penalties: tuple[float, ...] = PENALTIES) -> None:
        self.kind = kind
        self.penalties = penalties

    def fit(self, X: Any, y: Any, inner: InnerFolds | None = None) -> RidgeByFolds:
        """Choose the strength, and fit all rows with it.

        Parameters
        ----------
        X : array of shape (rows, features)
        y : array of shape (rows,)
        inner : InnerFolds, optional
        """
        binary = check.one_of(self.kind, ("binary", "continuous"), "kind of target") == "binary"
        X, y = self._training(X, y)
        splits = [pair for pair in (inner.split(y) if inner is not None else []) if not binary or _both(y, *pair)]
        self.model_ = (self._logistic if binary else self._linear)(splits).fit(X, y)
        if not splits:
            self.penalty_ = USUAL
        else:
            self.penalty_ = 1 / float(self.model_.C_) if binary else float(self.model_.alpha_)
        self.coef_, self.intercept_ = self.model_.coef_, self.model_.intercept_
        return self

    def _linear(self, splits: list[tuple[np.ndarray, np.ndarray]]) -> Any:
        if not splits:
            return Ridge(alpha=USUAL)
        return RidgeCV(alphas=self.penalties, cv=splits, scoring="neg_mean_squared_error")

    def _logistic(self, splits: list[tuple[np.ndarray, np.ndarray]]) -> Any:
        if not splits:
            return LogisticRegression(C=1 / USUAL, max_iter=2000)
        return LogisticRegressionCV(
            Cs=[1 / strength for strength in self.penalties],
            l1_ratios=(0.0,),
            cv=splits,
            scoring="neg_log_loss",
            max_iter=2000,
            use_legacy_attributes=False,
        )

    def expected(self, X: Any) -> np.ndarray:
        """Return the probability of the event (binary) or the expected value, shape (rows,)."""
        X = self._rows(X)
        return np.asarray(self.model_.predict_proba(X)[:, 1] if self.kind == "binary" else self.model_.predict(X))


def _both(y: np.ndarray, train: np.ndarray, test: np.ndarray) -> bool:
    """Return whether both parts of a split have events and non-events: log loss needs them."""
    return all(len(np.unique(y[part])) > 1 for part in (train, test))
