"""What the estimators here are to scikit-learn: a classifier where the outcome is yes or no, else a regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import ClassifierTags, RegressorTags, Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from blues import check

__all__ = ["OutcomeModel", "known_outcome", "one_column"]


def one_column(y: Any) -> np.ndarray:
    """Return an outcome as one value a row, shape (rows,); of a table of one column with a warning, as scikit-learn has it.

    Raises
    ------
    InputError
        Without an outcome, or for a table of several columns.
    """
    if y is None:
        raise check.InputError("fitting requires y to be passed, but the target y is None")
    outcome = np.asarray(y)
    if outcome.ndim != 1 and (outcome.ndim != 2 or outcome.shape[1] != 1):
        raise check.InputError(f"y should be a 1d array, one outcome a row, and has the shape {outcome.shape}")
    return np.asarray(column_or_1d(outcome, warn=True))


def known_outcome(y: Any) -> np.ndarray:
    """Return an outcome as :func:`one_column` does, or raise where one is missing too."""
    outcome = one_column(y)
    missing = np.flatnonzero(pd.isna(outcome))
    if len(missing):
        raise check.InputError(
            f"y has {len(missing)} missing outcomes, the first at position {missing[0]}",
            remedy="Leave these rows out",
        )
    return outcome


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

    @available_if(lambda model: model.kind == "binary")
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return ``[1 - p, p]`` a row, shape (rows, 2), for a binary outcome; of a continuous one there are none."""
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
            When they differ in length, an outcome is missing or infinite, there is none, or a binary one has not two labels.
        """
        outcome = one_column(y)
        rows = self._rows(X, fitting=True)
        check.same_length(X=rows, y=outcome)
        return rows, self._coded(known_outcome(outcome), one_is_enough)

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
