"""Classifiers of other packages, brought to what the others here take as the labels of an outcome."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from xgboost import XGBClassifier

from blues.models.outcome import known_outcome

__all__ = ["Boosted", "Prevalence"]


class Prevalence(DummyClassifier):
    """The training shares of the classes; a missing outcome is no class."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Prevalence:
        """Fit as :class:`sklearn.dummy.DummyClassifier` does.

        Parameters
        ----------
        X : array of shape (rows, features)
            Not looked at.
        y : array of shape (rows,)
        sample_weight : array of shape (rows,), optional

        Raises
        ------
        InputError
            Without outcomes, or when one is missing.
        """
        super().fit(X, known_outcome(y), sample_weight)
        return self


class Boosted(XGBClassifier):
    """XGBoost's classifier for labels of any kind; by itself it takes 0, 1, ... alone."""

    def fit(self, X: Any, y: Any, **more: Any) -> Boosted:
        """Fit as :class:`xgboost.XGBClassifier` does, on the places of the labels in their order.

        Parameters
        ----------
        X : array of shape (rows, features)
        y : array of shape (rows,)
        **more
            As :class:`xgboost.XGBClassifier` takes it.

        Raises
        ------
        InputError
            Without outcomes, or when one is missing.
        """
        y = known_outcome(y)
        labels, places = np.unique(y, return_inverse=True)
        self.__dict__.pop("labels_", None)  # those of a fit before: while it fits, the classes are their places
        super().fit(X, places if len(labels) > 1 else y, **more)
        self.labels_ = labels
        return self

    @property
    def classes_(self) -> np.ndarray:
        """The labels, in their order."""
        return np.asarray(getattr(self, "labels_", np.arange(self.n_classes_)))

    def predict(self, X: Any, **more: Any) -> Any:
        """Return the label of each row; with ``output_margin`` the scores.

        Parameters
        ----------
        X : array of shape (rows, features)
        **more
            As :class:`xgboost.XGBClassifier` takes it.
        """
        said = super().predict(X, **more)
        return said if more.get("output_margin") else self.classes_[said]
