"""Joining modalities: early fusion is one model on all columns; late fusion is one model a modality, then a combination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from blues import check
from blues.models.zoo import predict

__all__ = ["LateFusion"]


class LateFusion(BaseEstimator):
    """One model a modality; the mean of the predictions of the modalities that a row has.

    Parameters
    ----------
    estimator : estimator
        Cloned for each modality.
    columns : mapping of str to sequence of int
        Modality -> its columns in ``X``.
    kind : {"binary", "ordinal", "continuous"}
        Kind of the outcome.

    Notes
    -----
    A modality's model is fitted on the rows that have any value of it. In prediction a row that lacks a modality is left to
    the others; a row that lacks all gets the training mean.
    """

    def __init__(self, estimator: Any, columns: Mapping[str, Sequence[int]], kind: str = "binary") -> None:
        self.estimator = estimator
        self.columns = columns
        self.kind = kind

    def fit(self, X: Any, y: Any) -> LateFusion:
        """Fit one clone a modality.

        Parameters
        ----------
        X : array of shape (rows, features)
        y : array of shape (rows,)
        """
        check.one_of(self.kind, ("binary", "ordinal", "continuous"), "kind of target")
        X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        self.models_ = {}
        for name, columns in self.columns.items():
            block = X[:, list(columns)]
            rows = ~np.isnan(block).all(axis=1)
            if rows.any() and len(np.unique(y[rows])) > 1:
                self.models_[name] = clone(self.estimator).fit(block[rows], y[rows])
        self.mean_ = float(y.mean())
        return self

    def parts(self, X: Any) -> dict[str, np.ndarray]:
        """Return each modality's own predictions, shape (rows,); NaN where a row lacks the modality."""
        X = np.asarray(X, dtype=float)
        found = {}
        for name, model in self.models_.items():
            block = X[:, list(self.columns[name])]
            rows = ~np.isnan(block).all(axis=1)
            values = np.full(len(X), np.nan)
            if rows.any():
                values[rows] = predict(model, block[rows], self.kind)
            found[name] = values
        return found

    def predict(self, X: Any) -> np.ndarray:
        """Return the mean over the modalities a row has, shape (rows,)."""
        parts = list(self.parts(X).values())
        stack = np.vstack(parts) if parts else np.full((1, len(X)), np.nan)
        counts = (~np.isnan(stack)).sum(axis=0)
        sums = np.nansum(stack, axis=0)
        return np.where(counts > 0, sums / np.maximum(counts, 1), self.mean_)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return ``[1 - p, p]`` a row, shape (rows, 2), for a binary outcome."""
        p = self.predict(X)
        return np.column_stack([1 - p, p])
