"""What the estimators here are to scikit-learn: a classifier where the outcome is yes or no, else a regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import ClassifierTags, RegressorTags, Tags

from blues import check

__all__ = ["OutcomeModel"]


class OutcomeModel(BaseEstimator):
    """Base of estimators that say one number a row: the probability of the event, or the expected grade or value.

    A subclass has the parameter ``kind``, the attribute ``classes_`` where that is ``"binary"``, and gives :meth:`expected`.
    scikit-learn's scorers, searches and calibrators take it for what it is.
    """

    kind: str
    classes_: np.ndarray

    def expected(self, X: Any) -> np.ndarray:
        """Return the probability of the event (binary) or the expected grade or value, shape (rows,)."""
        raise NotImplementedError

    def predict(self, X: Any) -> np.ndarray:
        """Return the class (binary: the second one from a probability of one half on), or the expected grade or value."""
        said = self.expected(X)
        if self.kind != "binary":
            return said
        return np.asarray(self.classes_[np.minimum(said >= self._half(), len(self.classes_) - 1).astype(int)])

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return ``[1 - p, p]`` a row, shape (rows, 2), for a binary outcome."""
        if self.kind != "binary":
            raise check.InputError(f"probabilities are of a binary outcome, and this one is {self.kind}")
        p = self.expected(X)
        return np.column_stack([1 - p, p])

    def score(self, X: Any, y: Any) -> float:
        """Return the accuracy (binary) or the share of variance explained, as scikit-learn's estimators do."""
        return float((accuracy_score if self.kind == "binary" else r2_score)(y, self.predict(X)))

    def _coded(self, y: Any, one_is_enough: bool = False) -> np.ndarray:
        """Return the outcome as numbers, shape (rows,): of a binary one 0 and 1, whose labels ``classes_`` keeps.

        Raises
        ------
        InputError
            When a binary outcome has not two labels.
        """
        if self.kind != "binary":
            return np.asarray(y, dtype=float)
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) == 1 and one_is_enough:
            return np.asarray(y, dtype=float)
        if len(self.classes_) != 2:
            shown = ", ".join(map(str, self.classes_[:5])) + ", ..." * (len(self.classes_) > 5)
            raise check.InputError(f"a binary outcome has two labels, and y has {len(self.classes_)}: {shown}")
        return codes.astype(float)

    def _half(self) -> float:
        return 0.5

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        if self.kind == "binary":
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags(multi_class=False)
        else:
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        return tags
