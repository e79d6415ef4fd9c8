"""Calibrators: from a model's probability to a better one, learned from predictions of patients that it did not see."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

__all__ = ["CALIBRATORS", "Shift", "calibrated", "crossfitted", "fit_calibrator"]

CALIBRATORS = ("none", "shift", "platt")
EDGE = 0.001
"""Probabilities are kept this far from 0 and 1 before they are turned into log-odds."""


class Shift:
    """Moves every log-odds by one constant, so that the mean prediction is the share of events [1]_.

    Attributes
    ----------
    coef_ : ndarray of shape (1, 1)
        1: the order and the distances of the predictions stay.
    intercept_ : ndarray of shape (1,)

    References
    ----------
    .. [1] Steyerberg EW, Borsboom GJJM, van Houwelingen HC, et al. Validation and updating of predictive logistic regression
       models. Stat Med 2004;23:2567-2586 (recalibration in the large).
    """

    coef_ = np.ones((1, 1))

    def fit(self, X: np.ndarray, y: np.ndarray) -> Shift:
        """Find the constant; X holds log-odds, shape (rows, 1); y has both classes."""
        margin, far = X[:, 0], 50 + float(np.abs(X).max())
        self.intercept_ = np.array([brentq(lambda a: float(np.sum(expit(margin + a) - y)), -far, far)])
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return ``[1 - p, p]`` a row, shape (rows, 2)."""
        p = expit(X[:, 0] + self.intercept_)
        return np.column_stack([1 - p, p])


def _log_odds(p: np.ndarray) -> np.ndarray:
    return np.asarray(logit(np.clip(p, EDGE, 1 - EDGE)))[:, None]


def fit_calibrator(name: str, p: np.ndarray, y: np.ndarray) -> Any:
    """Fit a calibrator on held-out predictions.

    Parameters
    ----------
    name : {"none", "shift", "platt"}
        ``"shift"`` moves the log-odds by a constant, ``"platt"`` is a logistic regression on them.
    p : ndarray of shape (rows,)
        Probabilities by models that did not see the row; NaN where there is none.
    y : ndarray of shape (rows,)
        0 and 1.

    Returns
    -------
    object or None
        With ``coef_``, ``intercept_`` and ``predict_proba`` of log-odds; None where nothing is to be done or can be learned.
    """
    known = np.isfinite(p)
    if name == "none" or len(np.unique(y[known])) < 2:
        return None
    model = Shift() if name == "shift" else LogisticRegression(C=1e6, max_iter=1000)
    return model.fit(_log_odds(p[known]), y[known])


def calibrated(calibrator: Any, p: np.ndarray) -> np.ndarray:
    """Return the probabilities after calibration, NaN where there was none."""
    if calibrator is None:
        return p
    known = np.isfinite(p)
    found = np.full(len(p), np.nan)
    if known.any():
        found[known] = calibrator.predict_proba(_log_odds(p[known]))[:, 1]
    return found


def crossfitted(name: str, p: np.ndarray, y: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Calibrate each fold's predictions by what the other folds' taught, so that a calibrator can be judged.

    Parameters
    ----------
    name, p, y
        As in :func:`fit_calibrator`.
    folds : ndarray of shape (rows,)
        The inner fold that held each row out; -1 for none.
    """
    if name == "none":
        return p
    found = np.full(len(p), np.nan)
    for fold in np.unique(folds[folds >= 0]):
        mine = folds == fold
        found[mine] = calibrated(fit_calibrator(name, p[~mine], y[~mine]), p[mine])
    return found
