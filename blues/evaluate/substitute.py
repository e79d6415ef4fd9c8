"""What stands in for a bootstrap interval that says nothing: all samples the same, or one patient in a class."""

from __future__ import annotations

import math

import numpy as np

from blues.check import ROUNDING
from blues.evaluate.discrimination import newcombe_instead
from blues.evaluate.outoffold import PREVALENCE_DEPENDENT, OutOfFold
from blues.evaluate.placements import class_holders
from blues.evaluate.proportions import wilson_limits
from blues.evaluate.records import ONE_PATIENT, SAME, Estimate, normal_quantile

__all__ = ["all_same", "substituted", "unknown_spread"]

_CLASS_OF = {"sensitivity": 1, "specificity": 0, "auprc": 1}  # whose patients a share is over; else all
_SHARES = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "auprc", "within_one")


def all_same(replicates: np.ndarray) -> bool:
    """Return whether every sample in which a statistic is defined gave the same."""
    defined = replicates[np.isfinite(replicates)]
    return not len(defined) or bool(np.ptp(defined) <= ROUNDING)


def unknown_spread(table: OutOfFold, kind: str, metric: str) -> bool:
    """Return whether a class that a score is measured on has one patient, whom all samples drawn within classes hold.

    Of sensitivity and specificity all samples are the same then.
    """
    apart = kind == "binary" and metric not in ("sensitivity", "specificity", *PREVALENCE_DEPENDENT)
    return apart and min(class_holders(table.y, table.codes)) < 2


def substituted(
    found: Estimate, replicates: np.ndarray, metric: str, table: OutOfFold, kind: str, level: float
) -> Estimate:
    """Replace an interval that says nothing by one that sees the number of patients: Newcombe's, Wilson's, or none.

    Parameters
    ----------
    found : Estimate
        From :func:`blues.evaluate.interval_of_replicates`.
    replicates : ndarray, shape (draws,)
    metric : str
        A name of :data:`blues.evaluate.outoffold.METRICS`.
    table : OutOfFold
    kind : {"binary", "ordinal", "continuous"}
    level : float

    Returns
    -------
    Estimate
        ``found`` itself where its samples differ and every class has two patients; else with ``detail["reason"]``.
    """
    if not math.isfinite(found.low):
        return found
    alone = unknown_spread(table, kind, metric)
    if not alone and not all_same(replicates):
        return found
    why = ONE_PATIENT if alone else SAME
    if metric.startswith("auroc") and (alone or found.value in (0.0, 1.0)):
        return newcombe_instead(found, class_holders(table.y, table.codes), normal_quantile(level), why)
    if alone or metric not in _SHARES:
        return Estimate(found.value, detail={**found.detail, "reason": why})
    rows = table.y == _CLASS_OF[metric] if metric in _CLASS_OF else np.ones(len(table.y), dtype=bool)
    size = len(np.unique(table.codes[rows]))
    low, high = wilson_limits(found.value * size, size, normal_quantile(level))
    detail = {**found.detail, "method": "Wilson", "reason": why}
    return Estimate(found.value, min(low, found.value), max(high, found.value), found.se, detail)
