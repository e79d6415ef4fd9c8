"""What every statistic of this package returns: an estimate with its interval, or a test with its p value."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import special, stats

from blues.check import InputError, finite, interval, number, p_is
from blues.cohort.display import Shown

__all__ = [
    "Estimate",
    "Test",
    "check_level",
    "group_codes",
    "logit_interval",
    "normal_quantile",
    "zeros_and_ones",
]


ALTERNATIVES = ("two-sided", "greater", "less")
QUESTIONS = {
    "delong": "do these fitted models' predictions rank these patients differently?",
    "swap": "would it matter for these patients if the two models' predictions were swapped at random?",
    "mcnemar": "at their thresholds, is one model right more often where the two disagree on these patients?",
    "nadeau-bengio": "is algorithm A better than B on data sets of this size?",
    "bootstrap": "how large is the difference between these fitted models for patients like these?",
}


@dataclass(frozen=True, repr=False)
class Estimate(Shown):
    """A number with its interval.

    Attributes
    ----------
    value : float
        The point estimate, in the statistic's own unit.
    low, high : float
        Limits of the interval at ``detail["level"]``; NaN when there is none, and then ``detail["reason"]`` says why.
    se : float
        Standard error on the scale of ``value``; NaN when there is none.
    detail : dict
        ``method`` (of the interval), ``level``, ``reason`` (when something is NaN or was replaced) and further numbers.

    Examples
    --------
    >>> print(Estimate(0.75, 0.61, 0.86, 0.06))
    0.750 (0.610 to 0.860)
    """

    value: float = field(repr=False)
    low: float = field(default=math.nan, repr=False)
    high: float = field(default=math.nan, repr=False)
    se: float = math.nan
    detail: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("value", "low", "high", "se"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if math.isnan(self.value) and not self.detail.get("reason"):
            raise ValueError("an Estimate without a value needs detail['reason']")

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return interval(self.value, self.low, self.high, 3)


@dataclass(frozen=True, repr=False)
class Test(Shown):
    """A test of a hypothesis.

    Attributes
    ----------
    statistic : float
        z, t, chi-squared or a difference; ``detail["method"]`` says which.
    p_value : float
        Two-sided unless ``detail["alternative"]`` says otherwise. NaN only with ``detail["reason"]``.
    estimate, low, high : float
        What was tested (for a comparison, first minus second) and its interval, where there is one.
    detail : dict
        ``method``, ``question`` (what the test answers), ``reason`` and further numbers.
    """

    __test__: ClassVar[bool] = False  # not a test case, whatever pytest thinks of the name

    statistic: float = field(repr=False)
    p_value: float = field(repr=False)
    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan
    detail: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("statistic", "p_value", "estimate", "low", "high"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if math.isnan(self.p_value) and not self.detail.get("reason"):
            raise ValueError("a Test without a p value needs detail['reason']")

    def __str__(self) -> str:
        return f"statistic {number(self.statistic, 3)}, {p_is(self.p_value)}"


def check_level(level: float) -> float:
    """Return the confidence level, or raise unless it lies strictly between 0 and 1."""
    if not 0 < level < 1:
        raise InputError(f"level is {level!r}", allowed="a confidence level between 0 and 1, such as 0.95")
    return float(level)


def normal_quantile(level: float) -> float:
    """Return the two-sided standard normal quantile of a confidence level, 1.96 for 0.95."""
    return float(stats.norm.isf((1 - check_level(level)) / 2))


SAME = "every bootstrap sample gave the same value"
ONE_PATIENT = "fewer than two patients in a class"
"""Why a bootstrap says nothing."""


def zeros_and_ones(values: Any, name: str) -> np.ndarray:
    """Return 0s and 1s as floats, shape (n,), or raise naming the first other; one class is allowed."""
    array = finite(values, name).ravel()
    bad = array[~np.isin(array, (0, 1))]
    if len(bad):
        raise InputError(f"{name} must hold 0 and 1 only, and holds {bad[0]:g}", remedy="Apply the threshold first")
    return array


def logit_interval(value: float, se: float, quantile: float) -> tuple[float, float]:
    """Return the interval of a quantity strictly between 0 and 1, built on the logit scale by the delta method."""
    centre, half = special.logit(value), quantile * se / (value * (1 - value))
    return float(special.expit(centre - half)), float(special.expit(centre + half))


def group_codes(labels: Any, length: int, name: str = "clusters") -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each row's group.

    Parameters
    ----------
    labels : array-like, shape (length,)
        The patient (cluster) of each row, single values of any kind, none missing.
    length : int
        The number of rows expected.
    name : str
        What to call them in messages.

    Returns
    -------
    codes : ndarray of int, shape (length,)
        0 to groups - 1; depends on the labels only, not on the order of the rows: NumPy's numbers by size, others as text.
    groups : ndarray, shape (groups,)
        The label of each code.

    Raises
    ------
    InputError
        If the length differs, a label is missing or a tuple, or labels that differ become one or equal ones several (1 and
        "1").
    """
    array = np.asarray(labels).ravel()
    if len(array) != length:
        raise InputError(f"{name} has {len(array)} entries for {length} rows", allowed="one label a row")
    # among the texts of a list numpy makes a text of NaN, three letters long
    given = np.asarray(labels, dtype=object).ravel() if isinstance(labels, list | tuple) else array
    missing = np.flatnonzero(pd.isna(given))
    if len(missing):
        raise InputError(
            f"{name} has {len(missing)} missing labels, the first at position {missing[0]}",
            remedy="Every row must belong to a known patient or cluster",
        )
    if array.dtype == object:
        if (several := next((label for label in array if pd.api.types.is_list_like(label)), None)) is not None:
            raise InputError(
                f"{name} holds {several!r}, and a label is one value",
                remedy="Of an index of several levels take the patients' one: index.get_level_values(...)",
            )
        array = array.astype(str)
    groups, codes = np.unique(array, return_inverse=True)
    if given.dtype == object:
        _check_apart(codes, given, len(groups), name)
    return codes, groups


def _check_apart(codes: np.ndarray, given: np.ndarray, count: int, name: str) -> None:
    """Raise unless labels as they were given make the same groups."""
    owner: dict[Any, Any] = {}
    for code, label in dict.fromkeys(zip(codes.tolist(), given.tolist(), strict=True)):
        if code in owner:
            raise InputError(
                f"{name} has the labels {owner[code]!r} and {label!r}, which cannot be told apart",
                remedy="Give all labels as text or all as whole numbers",
            )
        owner[code] = label
    if len(set(owner.values())) < count:
        raise InputError(
            f"{name} has equal labels of several types, such as 1 and 1.0",
            remedy="Give all labels as text or all as whole numbers",
        )
