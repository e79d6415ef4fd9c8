"""Fits a binomial regression and says honestly when it could not; lays out the coefficients of every regression."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.stats import norm
from statsmodels.tools.sm_exceptions import PerfectSeparationError

from blues.evaluate.records import normal_quantile

__all__ = ["Fitted", "binomial", "coefficient_table"]


@dataclass(frozen=True)
class Fitted:
    """Coefficients of a regression, NaN when it has no maximum.

    Attributes
    ----------
    coef, se : ndarray of float, shape (k,)
    log_likelihood : float
    converged : bool
    notes : tuple of str
    """

    coef: np.ndarray
    se: np.ndarray
    log_likelihood: float
    converged: bool
    notes: tuple[str, ...]


def binomial(y: np.ndarray, x: np.ndarray, link: str, names: list[str]) -> Fitted:
    """Maximum likelihood of a binomial regression with link ``logit`` or ``cloglog``; ``x`` holds every column."""
    scale = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    links = {"logit": sm.families.links.Logit, "cloglog": sm.families.links.CLogLog}
    k = x.shape[1]
    empty = np.full(k, np.nan)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = sm.GLM(y, x / scale, family=sm.families.Binomial(link=links[link]()))
            result = model.fit(maxiter=100, tol=1e-12)
        except (PerfectSeparationError, np.linalg.LinAlgError, ValueError) as error:
            return Fitted(empty, empty, np.nan, False, (f"the fit failed: {str(error).splitlines()[0]}",))
        coef, se = np.asarray(result.params), np.asarray(result.bse)
        value = float(result.llf)
    notes = [str(w.message).strip().splitlines()[0] for w in caught]
    far = ~(np.isfinite(coef) & np.isfinite(se)) | (np.abs(coef) > 15) | (se > 50)
    if far.any():
        which = ", ".join(repr(name) for name, f in zip(names, far, strict=True) if f)
        notes.append(f"no maximum: {which} separates the outcomes; no coefficient is given")
        return Fitted(empty, empty, value, False, tuple(dict.fromkeys(notes)))
    return Fitted(coef / scale, se / scale, value, bool(result.converged), tuple(dict.fromkeys(notes)))


def coefficient_table(names: Any, coef: np.ndarray, se: np.ndarray, effect: str, level: float) -> pd.DataFrame:
    """Return ``coef``, ``se``, exp(coef) under the name ``effect`` with its interval, ``z`` and ``p_value``."""
    z = normal_quantile(level)
    # of a covariate on a small scale a unit may be astronomically far; an error of 0 gives no z
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        ratios = np.exp(np.column_stack([coef, coef - z * se, coef + z * se]))
        wald = coef / se
    columns = {effect: ratios[:, 0], "low": ratios[:, 1], "high": ratios[:, 2]}
    p_value = 2 * norm.sf(np.abs(wald))
    index = pd.Index(list(names), name="covariate")
    return pd.DataFrame({"coef": coef, "se": se, **columns, "z": wald, "p_value": p_value}, index=index)
