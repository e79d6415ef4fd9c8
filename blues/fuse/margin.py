"""What the intervals of the headline leave open, and how they stand to the smallest gain worth having."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from blues.check import InputError

__all__ = [
    "MEASURED",
    "NEGLIGIBLE",
    "REFITTED",
    "against_margin",
    "check_margin",
    "ends_of",
    "left_out",
    "mostly_out",
    "room",
]

NEGLIGIBLE = 1e-3
"""An interval that lies within this share of the reference's score on both sides of 0 is read as no difference."""
REFITTED = "Nadeau-Bengio"
MEASURED = "8 % of simulated cohorts of 60 patients whose true gain was the margin itself"
"""Where "less than the margin" was said although it was not so; ``benchmarks/margin.py``, ``docs/decisions.md`` 27."""


def check_margin(margin: float, kind: str) -> None:
    """Raise for a smallest gain worth having that is half of an area or more, where the outcome is ranked by one."""
    if margin >= 0.5 and kind in ("binary", "time"):
        raise InputError(
            f"--margin is {margin:g}, and more than half of what can be gained is no smallest gain worth having",
            allowed="less than 0.5, such as 0.05",
        )


def ends_of(
    comparisons: pd.DataFrame, metric: str, arm: str, reference: str, better: int
) -> tuple[float, float, float, float] | None:
    """Return the limits of the interval for the fitted models and of that which allows for other training patients.

    Parameters
    ----------
    comparisons : DataFrame
        From :func:`blues.fuse.tables.compare_arms`.
    metric, arm, reference : str
    better : {1, -1}
        -1 where less of the metric is better; more of the limits returned is.

    Returns
    -------
    tuple of float or None
        Two limits of each; None where one interval is lacking or has no width, for then they bound nothing.
    """
    rows = comparisons[
        (comparisons["metric"] == metric) & (comparisons["arm"] == arm) & (comparisons["reference"] == reference)
    ].dropna(subset=["low", "high"])
    found: list[float] = []
    for refitted in (False, True):
        of = rows.loc[(rows["test"] == REFITTED) == refitted, ["low", "high"]].to_numpy(float)
        if not len(of) or not of[0, 0] + 1e-9 < of[0, 1]:
            return None
        found += (better * of[0]).tolist()
    return found[0], found[1], found[2], found[3]


def left_out(choices: pd.DataFrame, arm: str) -> tuple[int, int] | None:
    """Return in how many of how many training folds an arm's stack gave images no weight; None where none is stacked."""
    if "weight_image" not in choices:
        return None
    weights = choices.loc[choices["arm"] == arm, "weight_image"]  # NaN in a fold whose choice was no stack
    return (int((weights < 1e-6).sum()), len(weights)) if weights.notna().any() else None


def mostly_out(absent: tuple[int, int] | None) -> bool:
    """Return whether images were left out in half of the folds or more: then no interval bounds what they are worth."""
    return absent is not None and 2 * absent[0] >= absent[1]


def room(metric: str, score: float) -> float:
    """Return the largest gain that a reference of this score leaves: up to 1 for areas, down to an error of 0 otherwise."""
    return 1 - score if metric in ("auroc", "uno_c") else score


def against_margin(
    ends: Sequence[float] | None, margin: float, absent: tuple[int, int] | None, most: float = np.inf
) -> str:
    """Hold what images add against the smallest gain worth having.

    Parameters
    ----------
    ends : sequence of float or None
        From :func:`ends_of`; None says nothing.
    margin : float
    absent : (folds without images, folds) or None
        From :func:`left_out`.
    most : float
        From :func:`room`.

    Returns
    -------
    {"impossible", "reached", "below", "open"}
        "impossible" where the reference leaves no room for such a gain, so that the data cannot speak for or against it.
    """
    if most < margin:
        return "impossible"
    if ends is None or not np.isfinite(ends).all():
        return "open"
    if min(ends) >= margin:
        return "reached"
    return "below" if max(ends) < margin and not mostly_out(absent) else "open"
