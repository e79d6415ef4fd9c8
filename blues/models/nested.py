"""Choice, calibration and threshold inside the training fold: the held-out patients take no part in any of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import logit
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression

from blues import check
from blues.models.inner import InnerFolds, fit, inner_predictions, predict
from blues.models.ordinal import category_probabilities
from blues.models.zoo import KINDS

__all__ = ["CALIBRATORS", "THRESHOLDS", "Nested", "youden_threshold"]

CALIBRATORS = ("none", "platt")
THRESHOLDS = ("half", "prevalence", "youden")
APPARENT = "apparent"
"""For models of one variable only: the Youden cut on the training rows' own predictions, without an inner loop."""


class Nested(BaseEstimator):
    """The best of several candidates by inner cross-validation over patients, then calibrated, with a threshold.

    Parameters
    ----------
    candidates : mapping of str to (estimator, columns)
        Label -> unfitted estimator and its columns in ``X``. One candidate means no choice.
    kind : {"binary", "ordinal", "continuous"}
        Kind of the outcome.
    calibrate : {"none", "platt"}
        ``"platt"`` maps the logit of the prediction through a logistic regression fitted on the inner out-of-fold
        predictions of the chosen candidate [1]_.
    threshold : {"half", "prevalence", "youden", "apparent"}
        0.5; the training share of events; or the cut with the highest sensitivity + specificity on the inner out-of-fold
        predictions [2]_ (after calibration), or (``"apparent"``, for rules of one variable) on the training rows themselves.

    Attributes
    ----------
    chosen_ : str
        Label of the candidate taken.
    losses_ : dict of str to float
        Inner mean squared error of each candidate (for a binary outcome the Brier score), NaN without inner folds.
    threshold_ : float
        The operating threshold; NaN unless the outcome is binary.

    References
    ----------
    .. [1] Platt J. Probabilistic outputs for support vector machines. 1999.
    .. [2] Youden WJ. Index for rating diagnostic tests. Cancer 1950;3:32-35.
    """

    uses_inner_folds = True

    def __init__(
        self,
        candidates: Mapping[str, tuple[Any, Sequence[int]]],
        kind: str = "binary",
        calibrate: str = "none",
        threshold: str = "half",
    ) -> None:
        self.candidates = candidates
        self.kind = kind
        self.calibrate = calibrate
        self.threshold = threshold

    def fit(self, X: Any, y: Any, inner: InnerFolds | None = None) -> Nested:
        """Choose, refit on all rows, calibrate, and set the threshold.

        Parameters
        ----------
        X : array of shape (rows, features)
        y : array of shape (rows,)
        inner : InnerFolds, optional
            Needed where there is something to choose, calibrate or cut; without them the first candidate is taken as it is.
        """
        check.one_of(self.kind, KINDS, "kind of target")
        check.one_of(self.calibrate, CALIBRATORS, "calibrate")
        check.one_of(self.threshold, (*THRESHOLDS, APPARENT), "threshold")
        X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        wanted = len(self.candidates) > 1 or self.calibrate != "none" or self.threshold == "youden"
        held_out: dict[str, np.ndarray] = {}
        if wanted:
            for label, (estimator, columns) in self.candidates.items():
                held_out[label] = inner_predictions(estimator, X[:, list(columns)], y, inner, self.kind)
        self.losses_ = {label: _mean_squared(y, p) for label, p in held_out.items()}
        finite = {label: loss for label, loss in self.losses_.items() if np.isfinite(loss)}
        self.chosen_ = min(finite, key=lambda label: finite[label]) if finite else next(iter(self.candidates))
        estimator, columns = self.candidates[self.chosen_]
        self.columns_ = list(columns)
        self.model_ = fit(clone(estimator), X[:, self.columns_], y, inner)
        inner_p = held_out.get(self.chosen_, np.full(len(y), np.nan))
        self.calibrator_ = self._fit_calibrator(inner_p, y)
        judged = self.predict(X) if self.threshold == APPARENT and self.kind == "binary" else self._calibrated(inner_p)
        self.threshold_ = self._find_threshold(judged, y)
        return self

    def _fit_calibrator(self, p: np.ndarray, y: np.ndarray) -> LogisticRegression | None:
        known = np.isfinite(p)
        if self.kind != "binary" or self.calibrate == "none" or len(np.unique(y[known])) < 2:
            return None
        return LogisticRegression(C=1e6, max_iter=1000).fit(_log_odds(p[known]), y[known])

    def _calibrated(self, p: np.ndarray) -> np.ndarray:
        if self.calibrator_ is None:
            return p
        known = np.isfinite(p)
        found = np.full(len(p), np.nan)
        if known.any():
            found[known] = self.calibrator_.predict_proba(_log_odds(p[known]))[:, 1]
        return found

    def _find_threshold(self, p: np.ndarray, y: np.ndarray) -> float:
        if self.kind != "binary":
            return float("nan")
        if self.threshold == "prevalence":
            return float(y.mean())
        known = np.isfinite(p)
        if self.threshold == "half" or len(np.unique(y[known])) < 2:
            return 0.5
        return youden_threshold(y[known], p[known])

    def predict(self, X: Any) -> np.ndarray:
        """Return the probability of the event or the expected value, shape (rows,)."""
        raw = predict(self.model_, np.asarray(X, dtype=float)[:, self.columns_], self.kind)
        return self._calibrated(raw)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return ``[1 - p, p]`` a row, shape (rows, 2), for a binary outcome."""
        p = self.predict(X)
        return np.column_stack([1 - p, p])

    def predict_categories(self, X: Any, categories: Sequence[float]) -> np.ndarray:
        """Return the probability of each category of an ordinal outcome, shape (rows, categories); rows sum to 1."""
        return category_probabilities(self.model_, np.asarray(X, dtype=float)[:, self.columns_], categories)


def youden_threshold(y: np.ndarray, p: np.ndarray) -> float:
    """Return the cut on ``p`` with the highest sensitivity + specificity, midway between neighbouring predictions.

    Examples
    --------
    >>> youden_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.4, 0.9]))
    0.3
    """
    levels = np.unique(p)
    cuts = np.concatenate([[levels[0]], (levels[1:] + levels[:-1]) / 2])
    above = p[None, :] >= cuts[:, None]
    youden = above[:, y == 1].mean(axis=1) - above[:, y == 0].mean(axis=1)
    return float(np.round(cuts[int(np.argmax(youden))], 12))


def _log_odds(p: np.ndarray) -> np.ndarray:
    return np.asarray(logit(np.clip(p, 0.001, 0.999)))[:, None]


def _mean_squared(y: np.ndarray, p: np.ndarray) -> float:
    known = np.isfinite(p)
    return float(np.mean((y[known] - p[known]) ** 2)) if known.any() else float("nan")
