"""The named models, each for a binary, ordinal or continuous outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor

from blues import check
from blues.models.ordinal import OrdinalClassifier

__all__ = ["KINDS", "MODELS", "make", "predict"]

KINDS = ("binary", "ordinal", "continuous")


def _scaled(estimator: BaseEstimator) -> Pipeline:
    """Impute by the training median and scale by the training mean and standard deviation, then fit."""
    return Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("model", estimator),
        ]
    )


def _logistic(kind: str, seed: int) -> Any:
    """Build an L2-penalised logistic regression (C = 0.1 on standardised columns), or ridge regression (alpha = 10)."""
    if kind == "binary":
        return _scaled(LogisticRegression(C=0.1, max_iter=2000))
    return _scaled(Ridge(alpha=10.0))


def _forest(kind: str, seed: int) -> Any:
    """Build a random forest of 100 trees with at least two rows a leaf; missing values take a side of each split."""
    cls = RandomForestClassifier if kind == "binary" else RandomForestRegressor
    return cls(n_estimators=100, min_samples_leaf=2, max_features="sqrt", random_state=seed, n_jobs=1)


def _xgboost(kind: str, seed: int) -> Any:
    """Build 100 boosted trees of depth 3, learning rate 0.1, with row and column subsampling."""
    cls = XGBClassifier if kind == "binary" else XGBRegressor
    return cls(
        n_estimators=100,
        max_depth=3,
        learning_rate=0.1,
        subsample=0.8,
        colsample_bytree=0.5,
        reg_lambda=1.0,
        random_state=seed,
        n_jobs=1,
        tree_method="hist",
    )


def _prevalence(kind: str, seed: int) -> Any:
    """Build the model that knows the training mean only."""
    return DummyClassifier(strategy="prior") if kind == "binary" else DummyRegressor(strategy="mean")


MODELS: dict[str, Callable[[str, int], Any]] = {
    "forest": _forest,
    "logistic": _logistic,
    "prevalence": _prevalence,
    "xgboost": _xgboost,
}


def make(name: str, kind: str = "binary", seed: int = 0) -> Any:
    """Build an unfitted model by name.

    Parameters
    ----------
    name : {"forest", "logistic", "prevalence", "xgboost"}
        Which model. For a continuous outcome ``"logistic"`` is ridge regression, the linear model of the same family.
    kind : {"binary", "ordinal", "continuous"}
        Kind of the outcome. An ordinal outcome is fitted as one binary model a cut between categories.
    seed : int
        Seed of whatever is random in the model.

    Returns
    -------
    estimator
        With ``fit(X, y)`` and, for :func:`predict`, ``predict_proba`` or ``predict``. NaN in ``X`` is allowed.

    Examples
    --------
    >>> X, y = [[1.0], [2.0], [float("nan")], [4.0]], [0, 0, 1, 1]
    >>> predict(make("logistic").fit(X, y), [[4.0]], "binary") > 0.5
    array([ True])
    """
    check.one_of(kind, KINDS, "kind of target")
    build = MODELS[check.one_of(name, list(MODELS), "model")]
    if kind == "ordinal":
        return OrdinalClassifier(build("binary", seed))
    return build(kind, seed)


def predict(estimator: Any, X: Any, kind: str) -> np.ndarray:
    """Return one number a row: the probability of the event, the expected category, or the expected value.

    Parameters
    ----------
    estimator : fitted estimator
        From :func:`make` or :class:`blues.models.LateFusion`.
    X : array of shape (rows, features)
        NaN allowed.
    kind : {"binary", "ordinal", "continuous"}
        Kind of the outcome.

    Returns
    -------
    ndarray of shape (rows,), float64
    """
    if kind == "binary":
        return np.asarray(estimator.predict_proba(X), dtype=float)[:, 1]
    return np.asarray(estimator.predict(X), dtype=float)
