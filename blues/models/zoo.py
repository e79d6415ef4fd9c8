"""The named models, each for a binary, ordinal or continuous outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from xgboost import XGBRegressor

from blues import check
from blues.models.labelled import Boosted, Prevalence
from blues.models.ordinal import OrdinalClassifier
from blues.models.ridge import USUAL, RidgeByFolds
from blues.models.scale import Scaler
from blues.models.svm import SVM, QuietSVR

__all__ = ["KINDS", "MODELS", "PLAIN", "make"]

PLAIN = "plain-logistic"
"""The model of rules and baselines: a logistic regression of one to three named variables, all but unpenalised."""

KINDS = ("binary", "ordinal", "continuous")


def _scaled(estimator: BaseEstimator) -> Pipeline:
    """Impute by the training median and scale by the training mean and standard deviation, then fit."""
    return Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", Scaler()),
            ("model", estimator),
        ]
    )


def _logistic(kind: str, seed: int) -> Any:
    """Build an L2-penalised logistic regression (C = 0.1 on standardised columns), or ridge regression (alpha = 10)."""
    if kind == "binary":
        return _scaled(LogisticRegression(C=1 / USUAL, max_iter=2000))
    return _scaled(Ridge(alpha=USUAL))


def _ridge(kind: str, seed: int) -> Any:
    """Build the same with the strength of its penalty chosen in inner folds."""
    return _scaled(RidgeByFolds(kind))


def _plain(kind: str, seed: int) -> Any:
    """Build a logistic regression with C = 100, so that separable data have a finite fit, or least squares (alpha = 0.01)."""
    if kind == "binary":
        return _scaled(LogisticRegression(C=100.0, max_iter=2000))
    return _scaled(Ridge(alpha=0.01))


def _svm(kind: str, seed: int) -> Any:
    """Build a support vector machine with radial kernel, C = 1 and kernel width by the spread of the columns."""
    return SVM(
        _scaled(SVC(C=1.0, gamma="scale", random_state=seed) if kind == "binary" else QuietSVR(C=1.0, gamma="scale")),
        kind,
    )


def _forest(kind: str, seed: int) -> Any:
    """Build a random forest of 100 trees with at least two rows a leaf; missing values take a side of each split."""
    cls = RandomForestClassifier if kind == "binary" else RandomForestRegressor
    return cls(n_estimators=100, min_samples_leaf=2, max_features="sqrt", random_state=seed, n_jobs=1)


def _xgboost(kind: str, seed: int) -> Any:
    """Build 100 boosted trees of depth 3, learning rate 0.1, with row and column subsampling."""
    cls = Boosted if kind == "binary" else XGBRegressor
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
    return Prevalence(strategy="prior") if kind == "binary" else DummyRegressor(strategy="mean")


MODELS: dict[str, Callable[[str, int], Any]] = {
    "forest": _forest,
    "logistic": _logistic,
    PLAIN: _plain,
    "prevalence": _prevalence,
    "ridge": _ridge,
    "svm": _svm,
    "xgboost": _xgboost,
}


def make(name: str, kind: str = "binary", seed: int = 0) -> Any:
    """Build an unfitted model by name.

    Parameters
    ----------
    name : {"forest", "logistic", "plain-logistic", "prevalence", "ridge", "svm", "xgboost"}
        Which model. For a continuous outcome ``"logistic"`` is ridge regression, the linear model of the same family.
        ``"ridge"`` is the linear model whose penalty is chosen in inner folds, which it needs for that.
    kind : {"binary", "ordinal", "continuous"}
        Kind of the outcome. An ordinal outcome is fitted as one binary model a cut between categories.
    seed : int
        Seed of whatever is random in the model.

    Returns
    -------
    estimator
        With ``fit(X, y)`` and, for :func:`blues.models.predict`, ``predict_proba`` or ``predict``. NaN in ``X`` is allowed.

    Examples
    --------
    >>> from blues.models import predict
    >>> X, y = [[1.0], [2.0], [float("nan")], [4.0]], [0, 0, 1, 1]
    >>> predict(make("logistic").fit(X, y), [[4.0]], "binary") > 0.5
    array([ True])
    """
    check.one_of(kind, KINDS, "kind of target")
    build = MODELS[check.one_of(name, list(MODELS), "model")]
    if kind == "ordinal":
        return OrdinalClassifier(build("binary", seed))
    return build(kind, seed)
