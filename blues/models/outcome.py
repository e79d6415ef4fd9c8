"""What the estimators here are to scikit-learn: a classifier where the outcome is yes or no, else a regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import ClassifierTags, RegressorTags, Tags
from sklearn.utils.validation import check_is_fitted, validate_data

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
        """Return the class (binary: the second one from a probability of one half on), or the expected grade or value.

        Raises
        ------
        InputError
            When a row of a binary outcome got no probability.
        """
        said = self.expected(X)
        if self.kind != "binary":
            return said
        if np.isnan(said).any():
            raise check.InputError(
                f"{np.isnan(said).sum()} of {len(said)} rows have no probability, and so no class",
                remedy="Look for outcomes or inputs in training that are no numbers",
            )
        return np.asarray(
            self.classes_[np.minimum(check.reaches(said, self._half()), len(self.classes_) - 1).astype(int)]
        )

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return ``[1 - p, p]`` a row, shape (rows, 2), for a binary outcome."""
        if self.kind != "binary":
            raise check.InputError(f"probabilities are of a binary outcome, and this one is {self.kind}")
        p = self.expected(X)
        return np.column_stack([1 - p, p])

    def score(self, X: Any, y: Any) -> float:
        """Return the accuracy (binary) or the share of variance explained, as scikit-learn's estimators do."""
        return float((accuracy_score if self.kind == "binary" else r2_score)(y, self.predict(X)))

    def _rows(self, X: Any, fitting: bool = False) -> np.ndarray:
        """Return rows as floats; in training keep number and names of the columns, later refuse others as scikit-learn does."""
        if not fitting:
            check_is_fitted(self)
        few = {"ensure_min_samples": 0, "ensure_min_features": 0}
        return np.asarray(validate_data(self, X, reset=fitting, dtype=np.float64, ensure_all_finite="allow-nan", **few))

    def _training(self, X: Any, y: Any, one_is_enough: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and outcome as numbers, one outcome a row.

        Raises
        ------
        InputError
            When they differ in length, outcomes are missing or infinite, or a binary outcome has not two labels.
        """
        rows, outcome = self._rows(X, fitting=True), np.asarray(y)
        check.same_length(X=rows, y=outcome)
        missing = np.flatnonzero(pd.isna(outcome))
        if len(missing):
            raise check.InputError(
                f"y has {len(missing)} missing outcomes, the first at position {missing[0]}",
                remedy="Leave these rows out",
            )
        return rows, self._coded(outcome, one_is_enough)

    def _coded(self, y: np.ndarray, one_is_enough: bool) -> np.ndarray:
        """Return the outcome as numbers, shape (rows,): of a binary one 0 and 1, whose labels ``classes_`` keeps."""
        if self.kind != "binary":
            return check.finite(y, "y")
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1 and one_is_enough and self.classes_[0] in (0, 1):
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
