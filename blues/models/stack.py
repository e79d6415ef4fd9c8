"""The last model of a stack: a penalised logistic regression that can leave a modality out but not turn it around."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator

__all__ = ["PositiveLogistic"]


class PositiveLogistic(BaseEstimator):
    """Logistic regression with weights of at least 0, so that more of any input never lowers the probability [1]_.

    A model without signal predicts held-out patients slightly the wrong way round, because a fold with fewer events was left by
    a training set with more; a free weight would learn that artefact, one held at 0 or above cannot.

    Parameters
    ----------
    C : float
        Inverse strength of the L2 penalty on the weights, as in scikit-learn; the intercept is not penalised.

    Attributes
    ----------
    coef_ : ndarray of shape (1, inputs)
    intercept_ : ndarray of shape (1,)
    classes_ : ndarray of shape (2,)

    References
    ----------
    .. [1] Breiman L. Stacked regressions. Mach Learn 1996;24:49-64.

    Examples
    --------
    >>> model = PositiveLogistic().fit([[-2.0, 1.0], [-1.0, 2.0], [1.0, -1.0], [2.0, -2.0]], [0, 0, 1, 1])
    >>> bool(model.coef_[0, 0] > 0.5), float(model.coef_[0, 1])
    (True, 0.0)
    """

    def __init__(self, C: float = 1.0) -> None:
        self.C = C

    def fit(self, X: Any, y: Any) -> PositiveLogistic:
        """Fit by L-BFGS-B.

        Parameters
        ----------
        X : array of shape (rows, inputs)
        y : array of shape (rows,)
            0 and 1, both present.
        """
        X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        design = np.column_stack([np.ones(len(y)), X])
        pull = np.full(design.shape[1], 1 / self.C)
        pull[0] = 0.0

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            margin = design @ weights
            value = float(np.sum(np.logaddexp(0, margin) - y * margin) + (pull * weights) @ weights / 2)
            return value, design.T @ (expit(margin) - y) + pull * weights

        bounds = [(None, None)] + [(0, None)] * X.shape[1]
        found = minimize(loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds)
        self.classes_ = np.array([0.0, 1.0])
        self.intercept_, self.coef_ = found.x[:1], found.x[None, 1:]
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return ``[1 - p, p]`` a row, shape (rows, 2)."""
        p = expit(self.intercept_ + np.asarray(X, dtype=float) @ self.coef_[0])
        return np.column_stack([1 - p, p])
