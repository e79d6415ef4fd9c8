"""Choice, calibration and threshold inside the training fold: the held-out patients take no part in any of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.metaestimators import available_if

from blues import check
from blues.models.inner import InnerFolds, fit, inner_predictions, predict
from blues.models.ordinal import category_probabilities
from blues.models.outcome import OutcomeModel
from blues.models.recalibrate import CALIBRATORS, calibrated, crossfitted, fit_calibrator
from blues.models.threshold import APPARENT, THRESHOLDS, crossfitted_youden, find_threshold, matched_cuts
from blues.models.zoo import KINDS

__all__ = ["Nested"]

Option = tuple[Any, Sequence[int], str, str]
"""Estimator, its columns, calibrator, rule of the threshold."""

Learner = tuple[int, tuple[int, ...]]
"""Which estimator, by identity, on which columns: what is fitted once in each inner fold."""


class Nested(OutcomeModel):
    """The best of several candidates by inner cross-validation over patients, then calibrated, with a threshold.

    Parameters
    ----------
    candidates : mapping of str to (estimator, columns) or (estimator, columns, calibrate, threshold)
        Label -> unfitted estimator and its columns in ``X``, and what it has of its own of the two settings below. Candidates
        with the very same estimator and columns share its inner fits. One candidate means no choice.
    kind : {"binary", "ordinal", "continuous"}
        Kind of the outcome.
    calibrate : {"none", "shift", "platt"}
        For a binary outcome: a calibrator fitted on the inner out-of-fold predictions of the chosen candidate; ``"shift"``
        moves the log-odds by a constant [1]_, ``"platt"`` is a logistic regression on them [2]_.
    threshold : {"half", "prevalence", "youden", "matched", "apparent"}
        0.5; just above the training share of events; the cut with the highest sensitivity + specificity on the inner
        out-of-fold predictions [3]_ (after calibration); the one that calls as many of these as have the event; or
        (``"apparent"``, for rules of one variable) the highest sensitivity + specificity on the training rows themselves. For
        an ordinal outcome ``"half"`` is the nearest grade and ``"matched"`` calls each grade as often as it occurs in training.

    Attributes
    ----------
    chosen_ : str
        Label of the candidate taken: the lowest inner loss, where each inner fold is calibrated by what the others taught; of
        those that differ in the threshold alone the highest sensitivity + specificity, each inner fold cut as the others say.
    losses_ : dict of str to float
        Inner mean squared error of each candidate (for a binary outcome the Brier score), NaN without inner folds.
    lacked_inner_ : bool
        Whether there was something to choose, calibrate or cut and no inner folds to do it on.
    threshold_ : float
        The operating threshold; NaN unless the outcome is binary.
    cuts_ : ndarray of shape (grades - 1,), or None
        Of an ordinal outcome under ``"matched"``: where the next of ``grades_``, the grades of the training rows, begins. None
        otherwise, and without inner predictions or where every fold's are all alike.

    References
    ----------
    .. [1] Steyerberg EW, et al. Validation and updating of predictive logistic regression models. Stat Med 2004;23:2567-2586.
    .. [2] Platt J. Probabilistic outputs for support vector machines. 1999.
    .. [3] Youden WJ. Index for rating diagnostic tests. Cancer 1950;3:32-35.
    """

    uses_inner_folds = True

    def __init__(
        self,
        candidates: Mapping[str, tuple[Any, ...]],
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

        Raises
        ------
        InputError
            Without a candidate, or for outcomes that cannot be learned.
        """
        check.one_of(self.kind, KINDS, "kind of target")
        if not self.candidates:
            raise check.InputError("there is no candidate", remedy="Give one or several")
        X, y = self._training(X, y, one_is_enough=True)
        options = {label: self._option(given) for label, given in self.candidates.items()}
        wanted = len(options) > 1 or any(c != "none" or t in ("youden", "matched") for _, _, c, t in options.values())
        held_out = {_learner(option): np.full(len(y), np.nan) for option in options.values()}
        folds = np.full(len(y), -1)
        if wanted:
            for number, (_, test) in enumerate(inner.split(y) if inner is not None else []):
                folds[test] = number
            for learner, (estimator, columns, *_) in {_learner(o): o for o in options.values()}.items():
                held_out[learner] = inner_predictions(estimator, X[:, list(columns)], y, inner, self.kind)
        self._choose(options, held_out, y, folds)
        estimator, columns, calibrate, rule = options[self.chosen_]
        self.columns_ = list(columns)
        self.model_ = fit(clone(estimator), X[:, self.columns_], y, inner)
        binary = self.kind == "binary"
        inner_p = held_out[_learner(options[self.chosen_])]
        self.calibrator_ = fit_calibrator(calibrate, inner_p, y) if binary else None
        judged = self._said(X) if rule == APPARENT and binary else calibrated(self.calibrator_, inner_p)
        self.threshold_ = find_threshold(rule, y, judged) if binary else float("nan")
        self.lacked_inner_ = wanted and not (folds >= 0).any()
        self.grades_ = np.unique(y)
        self.cuts_ = _cuts(y, inner_p, folds) if self.kind == "ordinal" and rule == "matched" else None
        return self

    def _option(self, given: Sequence[Any]) -> Option:
        estimator, columns, *own = given
        calibrate, threshold = own or (self.calibrate, self.threshold)
        check.one_of(calibrate, CALIBRATORS, "calibrate")
        if threshold != APPARENT:  # which is for models of one variable, and not offered
            check.one_of(threshold, THRESHOLDS, "threshold")
        return estimator, columns, calibrate, threshold

    def _choose(
        self, options: Mapping[str, Option], held_out: Mapping[Learner, np.ndarray], y: np.ndarray, folds: np.ndarray
    ) -> None:
        """Take the candidate of the lowest loss, then, of those that predict alike, the best rule of the threshold."""
        binary = self.kind == "binary"
        judged: dict[tuple[Learner, str], np.ndarray] = {}
        for option in options.values():
            p, calibrate = held_out[_learner(option)], option[2]
            judged[_learner(option), calibrate] = crossfitted(calibrate, p, y, folds) if binary else p
        self.losses_ = {label: _mean_squared(y, judged[_learner(o), o[2]]) for label, o in options.items()}
        finite = {label: loss for label, loss in self.losses_.items() if np.isfinite(loss)}
        self.chosen_ = min(finite, key=lambda label: finite[label]) if finite else next(iter(options))
        finished = _learner(options[self.chosen_]), options[self.chosen_][2]
        alike = [label for label, o in options.items() if (_learner(o), o[2]) == finished]
        if binary and len(alike) > 1:
            p = judged[finished]
            gains = {label: crossfitted_youden(options[label][3], y, p, folds) for label in alike}
            self.chosen_ = max(alike, key=lambda label: np.nan_to_num(gains[label], nan=-2.0))

    def expected(self, X: Any) -> np.ndarray:
        """Return the probability of the event or the expected value, shape (rows,)."""
        return self._said(self._rows(X))

    def _said(self, X: np.ndarray) -> np.ndarray:
        return calibrated(self.calibrator_, predict(self.model_, X[:, self.columns_], self.kind))

    @available_if(lambda model: model.kind != "continuous")
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return ``[1 - p, p]`` a row for a binary outcome, the probability of each of ``grades_`` for an ordinal one."""
        if self.kind != "ordinal":
            return super().predict_proba(X)
        rows = self._rows(X)
        return category_probabilities(self.model_, rows[:, self.columns_], self.grades_)

    def _half(self) -> float:
        return self.threshold_

    def grade(self, p: np.ndarray) -> np.ndarray:
        """Return the grade called for each expected grade, shape (rows,); NaN where the nearest one is to be called."""
        if self.cuts_ is None:
            return np.full(len(p), np.nan)
        return np.asarray(self.grades_[np.searchsorted(self.cuts_ - check.ROUNDING, p, side="right")], dtype=float)

    def predict_categories(self, X: Any, categories: Sequence[float]) -> np.ndarray:
        """Return the probability of each category of an ordinal outcome, shape (rows, categories); rows sum to 1.

        Parameters
        ----------
        X : ndarray, shape (rows, columns)
            As in training.
        categories : sequence of float
            In rising order.
        """
        rows = self._rows(X)
        return category_probabilities(self.model_, rows[:, self.columns_], categories)


def _cuts(y: np.ndarray, p: np.ndarray, folds: np.ndarray) -> np.ndarray | None:
    """Return where the grades begin; None where each fold's predictions are all alike."""
    known = np.isfinite(p)
    if all(len(np.unique(p[known & (folds == fold)])) < 2 for fold in np.unique(folds)):
        return None
    return matched_cuts(y[known], p[known])


def _learner(option: Option) -> Learner:
    return id(option[0]), tuple(option[1])


def _mean_squared(y: np.ndarray, p: np.ndarray) -> float:
    known = np.isfinite(p)
    return float(np.mean((y[known] - p[known]) ** 2)) if known.any() else float("nan")
