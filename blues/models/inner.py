"""Inner folds by patient: what a model may use to choose, stack or calibrate without touching the held-out patients."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from blues.check import InputError

__all__ = ["InnerFolds", "fit", "inner_predictions", "predict"]

Split = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class InnerFolds:
    """How to split the rows of a training fold again, patients kept together.

    Attributes
    ----------
    patients : ndarray of shape (rows,)
        The patient of each training row.
    make : callable
        ``make(y, patients)`` gives a list of (train, test) positions; an empty list when there are too few patients.
    """

    patients: np.ndarray
    make: Callable[[np.ndarray, np.ndarray], list[Split]]

    def split(self, y: np.ndarray) -> list[Split]:
        """Return (train, test) positions."""
        return self.make(y, self.patients)

    def take(self, rows: np.ndarray) -> InnerFolds:
        """Return the inner folds of some of the rows."""
        return dataclasses.replace(self, patients=self.patients[rows])


def fit(estimator: Any, X: np.ndarray, y: np.ndarray, inner: InnerFolds | None = None) -> Any:
    """Fit an estimator; one that chooses, stacks or calibrates gets the inner folds too, at the end of pipelines as well.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted in place.
    X : ndarray, shape (rows, columns)
    y : ndarray, shape (rows,)
    inner : InnerFolds, optional
        Folds over the patients of these rows; for estimators without inner folds they are left out.

    Returns
    -------
    estimator
        The same, fitted.
    """
    way, last = [], estimator
    while isinstance(last, Pipeline):
        name, last = last.steps[-1]
        way.append(name)
    if getattr(last, "uses_inner_folds", False):
        return estimator.fit(X, y, **{"__".join([*way, "inner"]): inner})
    return estimator.fit(X, y)


def predict(estimator: Any, X: Any, kind: str) -> np.ndarray:
    """Return one number a row: the probability of the event, the expected category, or the expected value.

    Parameters
    ----------
    estimator : fitted estimator
        From :func:`blues.models.make` or :class:`blues.models.LateFusion`.
    X : array of shape (rows, features)
        NaN allowed.
    kind : {"binary", "ordinal", "continuous"}
        Kind of the outcome.

    Returns
    -------
    ndarray of shape (rows,), float64
        0 or 1 throughout where a binary outcome was nothing else in training.

    Raises
    ------
    InputError
        When the model of a binary outcome learned other than two labels, and not 0 or 1 alone.
    """
    if kind != "binary":
        return np.asarray(estimator.predict(X), dtype=float)
    p = np.asarray(estimator.predict_proba(X), dtype=float)
    if p.shape[1] == 2:
        return p[:, 1]
    labels = list(estimator.classes_)
    if len(labels) == 1 and labels[0] in (0, 1):
        return np.full(len(p), float(labels[0]))
    raise InputError(
        f"a binary outcome has two labels, and the model learned {len(labels)}: {', '.join(map(str, labels[:5]))}"
    )


def inner_predictions(estimator: Any, X: np.ndarray, y: np.ndarray, inner: InnerFolds | None, kind: str) -> np.ndarray:
    """Return each row's prediction by a clone fitted on the inner folds that hold it out.

    Parameters
    ----------
    estimator : estimator
        Cloned for every inner fold.
    X : ndarray of shape (rows, features)
    y : ndarray of shape (rows,)
    inner : InnerFolds, optional
        Without it, or with too few patients to split, all rows are NaN.
    kind : {"binary", "ordinal", "continuous"}

    Returns
    -------
    ndarray of shape (rows,)
    """
    found = np.full(len(y), np.nan)
    for train, test in inner.split(y) if inner is not None else []:
        fitted = fit(clone(estimator), X[train], y[train], inner.take(train) if inner is not None else None)
        found[test] = predict(fitted, X[test], kind)
    return found
