"""The last models of a stack: penalised regressions that can leave a modality out but not turn it around."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize, nnls
from scipy.special import expit
from sklearn.base import BaseEstimator, RegressorMixin

__all__ = ["PositiveLogistic", "PositiveRidge"]

NOTHING = 1e-6
"""A weight below this is none: inputs are log-odds or values in standard deviations, and the solver ends that near."""


def weighed(X: Any, weights: np.ndarray) -> np.ndarray:
    """Return the weighted sum of each row; inputs without weight are not summed, so that they change no last digit."""
    kept = weights > 0
    return np.asarray(np.ascontiguousarray(np.asarray(X, dtype=float)[:, kept]) @ weights[kept])


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
        """Fit by L-BFGS-B, and again without the inputs that get no weight: then they change nothing, not even a last digit.

        Parameters
        ----------
        X : array of shape (rows, inputs)
        y : array of shape (rows,)
            0 and 1, both present.
        """
        X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        found = self._solve(X, y)
        kept = found[1:] > NOTHING
        if not kept.all():
            found = np.insert(np.zeros(X.shape[1]), 0, 0.0)
            found[np.concatenate([[True], kept])] = self._solve(X[:, kept], y)
        self.classes_ = np.array([0.0, 1.0])
        self.intercept_, self.coef_ = found[:1], found[None, 1:]
        return self

    def _solve(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return intercept and weights."""
        design = np.ascontiguousarray(np.column_stack([np.ones(len(y)), X]))
        pull = np.full(design.shape[1], 1 / self.C)
        pull[0] = 0.0

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            margin = design @ weights
            value = float(np.sum(np.logaddexp(0, margin) - y * margin) + (pull * weights) @ weights / 2)
            return value, design.T @ (expit(margin) - y) + pull * weights

        bounds = [(None, None)] + [(0, None)] * X.shape[1]
        to_the_end = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000}
        found = minimize(
            loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds, options=to_the_end
        )
        return np.asarray(found.x)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return ``[1 - p, p]`` a row, shape (rows, 2)."""
        p = expit(self.intercept_ + weighed(X, self.coef_[0]))
        return np.column_stack([1 - p, p])


class PositiveRidge(RegressorMixin, BaseEstimator):
    """Ridge regression with weights of at least 0, by non-negative least squares [1]_: exact, where a descent ends nearby.

    Parameters
    ----------
    alpha : float
        Strength of the L2 penalty on the weights, as in scikit-learn; the intercept is not penalised.

    Attributes
    ----------
    coef_ : ndarray of shape (inputs,)
    intercept_ : float

    References
    ----------
    .. [1] Lawson CL, Hanson RJ. Solving least squares problems. SIAM, 1995.

    Examples
    --------
    >>> model = PositiveRidge(alpha=0.0).fit([[0.0, 1.0], [1.0, 0.0], [2.0, -1.0], [3.0, 1.0]], [1.0, 3.0, 5.0, 7.0])
    >>> [round(float(value), 6) for value in (*model.coef_, model.intercept_)]
    [2.0, 0.0, 1.0]
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def fit(self, X: Any, y: Any) -> PositiveRidge:
        """Fit.

        Parameters
        ----------
        X : array of shape (rows, inputs)
        y : array of shape (rows,)
        """
        X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        weights = self._solve(X, y)
        kept = weights > NOTHING
        if not kept.all():
            weights[~kept], weights[kept] = 0.0, self._solve(X[:, kept], y)
        self.coef_ = weights
        self.intercept_ = float(np.mean(y - weighed(X, self.coef_)))
        return self

    def _solve(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        X = np.ascontiguousarray(X)  # the order of a sum, and with it the last digit, goes by the layout
        inputs = X.shape[1]
        if not inputs:
            return np.zeros(0)
        design = np.vstack([X - X.mean(axis=0), np.sqrt(self.alpha) * np.eye(inputs)])
        return np.asarray(nnls(design, np.concatenate([y - y.mean(), np.zeros(inputs)]))[0])

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted values, shape (rows,)."""
        return np.asarray(self.intercept_ + weighed(X, self.coef_))
