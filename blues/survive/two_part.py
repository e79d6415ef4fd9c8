"""Two-part model for stays of which many are zero: admitted at all, and how long if so."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from lifelines import LogLogisticAFTFitter, LogNormalAFTFitter, WeibullAFTFitter
from lifelines.exceptions import ConvergenceError

from blues.check import InputError, counted, one_of
from blues.cohort.display import Shown
from blues.survive.glm import binomial, coefficient_table
from blues.survive.inputs import numeric_frame, observed
from blues.survive.regression import EVENTS_PER_PARAMETER, check_columns

__all__ = ["HurdleFit", "hurdle"]

_FAMILIES = {
    "lognormal": (LogNormalAFTFitter, "mu_"),
    "weibull": (WeibullAFTFitter, "lambda_"),
    "loglogistic": (LogLogisticAFTFitter, "alpha_"),
}


@dataclass(frozen=True, repr=False)
class HurdleFit(Shown):
    """A fitted two-part model.

    Attributes
    ----------
    admitted : DataFrame
        Index ``covariate``; ``coef``, ``se``, ``odds_ratio`` of a stay above zero, ``low``, ``high``, ``z``, ``p_value``.
    length : DataFrame
        The same with ``time_ratio``: by what factor stays above zero are longer, a unit of the covariate.
    n, zeros, ended : int
        Patients, stays of zero, stays above zero whose end was seen.
    family : str
        Distribution of the stays above zero.
    converged : bool
        Both parts.
    notes : tuple of str
    """

    admitted: pd.DataFrame
    length: pd.DataFrame
    n: int
    zeros: int
    ended: int
    family: str
    converged: bool
    notes: tuple[str, ...]


def _length_of_stay(
    time: np.ndarray, event: np.ndarray, frame: pd.DataFrame, family: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Fit the accelerated failure time model; return coefficients, standard errors and notes."""
    fitter, part = _FAMILIES[family]
    values = frame.to_numpy()
    scale = values.std(axis=0)
    names = [f"x{i}" for i in range(values.shape[1])]
    table = pd.DataFrame((values - values.mean(axis=0)) / scale, columns=names).assign(_time=time, _event=event)
    empty = np.full(values.shape[1], np.nan)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = fitter().fit(table, "_time", "_event")
            coef = model.params_[part][names].to_numpy()
            se = model.standard_errors_[part][names].to_numpy()
        except (ConvergenceError, np.linalg.LinAlgError, ValueError) as error:
            return empty, empty, [f"length of stay: the fit failed: {str(error).strip().splitlines()[0]}"]
    notes = [f"length of stay: {str(w.message).strip().splitlines()[0]}" for w in caught]
    if not (np.isfinite(coef) & np.isfinite(se)).all():
        return empty, empty, [*notes, "length of stay: no standard error, so no coefficient is given"]
    return coef / scale, se / scale, notes


def hurdle(time: Any, event: Any, covariates: Any, *, family: str = "lognormal", level: float = 0.95) -> HurdleFit:
    """Two-part (hurdle) model of the length of stay.

    Whether the stay is above zero is a logistic regression (statsmodels); how long it is if so, an accelerated failure
    time model (lifelines), which knows of stays whose end was not seen. The two parts share nothing and are fitted
    apart (Duan et al., J Bus Econ Stat 1983;1:115; Mullahy, J Econometrics 1986;33:341). Models of log time alone refuse
    zeros, and adding half a day to them makes the result depend on that half.

    Parameters
    ----------
    time : array-like, shape (n,)
        Days in hospital, zeros among them.
    event : array-like, shape (n,)
        1 left hospital (any way), 0 still there. A time of zero must have left.
    covariates : DataFrame, Series or array, shape (n, p)
    family : {"lognormal", "weibull", "loglogistic"}
    level : float

    Returns
    -------
    HurdleFit

    Raises
    ------
    InputError
        No zeros, or nothing above zero; a stay censored at zero; constant or dependent covariates.
    """
    one_of(family, _FAMILIES, "family")
    data = observed(time, event, covariates=covariates)
    frame = numeric_frame(covariates, len(data.time))
    zero = data.time == 0
    if not zero.any() or zero.all():
        raise InputError(
            f"{int(zero.sum())} of {len(zero)} stays are zero; a model in two parts needs zeros and stays above zero",
            remedy="The Cox models need neither",
        )
    if (data.event[zero] == 0).any():
        raise InputError("a stay is censored at time 0, so that it is not known whether it was zero")
    check_columns(frame)
    check_columns(frame[~zero])
    values = frame.to_numpy()
    x = np.column_stack([values - values.mean(axis=0), np.ones(len(values))])
    first = binomial((~zero).astype(float), x, "logit", [*frame.columns, "intercept"])
    coef, se, said = _length_of_stay(data.time[~zero], data.event[~zero], frame[~zero], family)
    p = frame.shape[1]
    ended = int(data.event[~zero].sum())
    notes = [f"admission: {note}" for note in first.notes] + said
    rarer = min(int(zero.sum()), int((~zero).sum()))
    if rarer / p < EVENTS_PER_PARAMETER:
        notes.append(f"admission: {rarer} in the rarer class for {counted(p, 'covariate')}: {rarer / p:.1f} each")
    if ended / p < EVENTS_PER_PARAMETER:
        notes.append(f"length of stay: {ended} ends for {counted(p, 'covariate')}: {ended / p:.1f} each")
    return HurdleFit(
        coefficient_table(frame.columns, first.coef[:p], first.se[:p], "odds_ratio", level),
        coefficient_table(frame.columns, coef, se, "time_ratio", level),
        len(frame),
        int(zero.sum()),
        ended,
        family,
        first.converged and bool(np.isfinite(coef).all()),
        tuple(dict.fromkeys(notes)),
    )
