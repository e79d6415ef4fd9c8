"""From bootstrap replicates to an interval: percentile and BCa."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

from blues.check import InputError, one_of
from blues.evaluate.records import Estimate, check_level

__all__ = ["interval_of_replicates"]


def interval_of_replicates(
    value: float,
    replicates: np.ndarray,
    *,
    level: float = 0.95,
    method: str = "percentile",
    jackknifed: np.ndarray | None = None,
) -> Estimate:
    """Turn bootstrap replicates into an estimate with its interval.

    Parameters
    ----------
    value : float
        The statistic on the data themselves.
    replicates : ndarray, shape (draws,)
        NaN where a draw left the statistic undefined; such draws are left out and counted.
    level : float
        Confidence level.
    method : {"percentile", "bca"}
        BCa: Efron 1987, J Am Stat Assoc 82:171; needs ``jackknifed``.
    jackknifed : ndarray, shape (patients,), optional
        The statistic without each patient in turn.

    Returns
    -------
    Estimate
        ``se`` is the standard deviation of the replicates; ``detail`` holds ``draws`` and ``undefined``, and ``reason`` where
        draws were left out or BCa's correction is undefined and the percentiles stand in.

    Raises
    ------
    InputError
        For an unknown method or level, or BCa without ``jackknifed``.
    """
    one_of(method, ("percentile", "bca"), "method")
    defined = replicates[np.isfinite(replicates)]
    undefined = len(replicates) - len(defined)
    detail: dict[str, Any] = {"method": f"{method} bootstrap", "level": level, "draws": len(replicates)}
    detail["undefined"] = undefined
    if not math.isfinite(value):
        return Estimate(math.nan, detail={**detail, "reason": "the statistic is undefined on these data"})
    if len(defined) < max(2, len(replicates) / 2):
        reason = f"the statistic was undefined in {undefined} of {len(replicates)} bootstrap samples"
        return Estimate(value, detail={**detail, "reason": reason})
    tails = np.array([(1 - check_level(level)) / 2, (1 + level) / 2])
    reasons = [f"{undefined} of {len(replicates)} bootstrap samples left out: statistic undefined there"] * bool(
        undefined
    )
    if method == "bca":
        corrected = _bca_tails(value, defined, jackknifed, tails)
        if corrected is None:
            detail["method"] = "percentile bootstrap"
            reasons.append("all bootstrap samples lie on one side of the value: no BCa, percentiles taken")
        else:
            tails = corrected
    low, high = np.quantile(defined, tails)
    if reasons:
        detail["reason"] = "; ".join(reasons)
    return Estimate(value, low, high, float(np.std(defined, ddof=1)), detail)


def _bca_tails(
    value: float, replicates: np.ndarray, jackknifed: np.ndarray | None, tails: np.ndarray
) -> np.ndarray | None:
    """Return the BCa quantile levels; None where the correction is undefined."""
    if jackknifed is None:
        raise InputError("method 'bca' needs the delete-one-patient values")
    below = np.mean(replicates < value) + np.mean(replicates == value) / 2
    if not 0 < below < 1:
        return None
    bias = stats.norm.ppf(below)
    deviation = np.nanmean(jackknifed) - jackknifed[np.isfinite(jackknifed)]
    spread = float(np.sum(deviation**2))
    acceleration = float(np.sum(deviation**3)) / (6 * spread**1.5) if spread > 0 else 0.0
    shifted = bias + stats.norm.ppf(tails)
    return np.asarray(stats.norm.cdf(bias + shifted / (1 - acceleration * shifted)))
