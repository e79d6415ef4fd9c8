"""Judges numbers by one another: codes for missing among measurements, and measurements that lost their decimal sign."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from blues.cohort.decode import plain

__all__ = ["CODES", "maybe_code", "out_of_scale", "suspicious_codes"]

CODES = (
    *(-9999, -999, -99, -98, -97, -96, -95, -88, -77, -66, -9, -8, -7, -1),
    *(77, 88, 99, 99.9, 777, 888, 999, 999.9, 7777, 8888, 9998, 9999, 99999),
)
APART: dict[float, float] = {77: 3.0, 777: 3.0, 7777: 3.0}
"""How many times the largest value a code is where that is not 1.5: a number that may well be measured."""
FEWEST = 8
"""Values from which one can be told to be out of scale."""
TIGHT, FAR, NEAR = 0.4, 5.0, 2.5
"""Interquartile range of a tight column, how far a value stands off, and how far the others do; all by the median."""
DISTINCT = 4
"""Different values from which a column is measured, not counted or graded."""
RARE = 0.1
"""Share of values that can be out of scale."""


def suspicious_codes(values: Sequence[float]) -> list[float]:
    """Return numbers that look like codes for missing: -99, 999 and the like, standing apart from all other values.

    Examples
    --------
    >>> suspicious_codes([12, 18, -99, 20, -99]), suspicious_codes([-4.6, -1, 0.3]), suspicious_codes([61, 70, 999])
    ([-99], [], [999])
    >>> suspicious_codes([18, 20, -99, -77]), suspicious_codes([18, 20, -8, -9]), suspicious_codes([37.1, 36.5, 99.9])
    ([-99, -77], [-9, -8], [99.9])
    """
    found: set[float] = set()
    array = np.asarray(values, dtype=float)
    while more := {code for code in CODES if code not in found and _stands_apart(code, array, found)}:
        found |= more  # one that stood beside another code may be apart now
    return [code for code in CODES if code in found]


def _stands_apart(code: float, values: np.ndarray, found: set[float]) -> bool:
    others = values[~np.isin(values, [code, *found])]
    others = others[~np.isin(others, CODES) | (np.abs(others) < 9)]
    if code not in values or not len(others):
        return False
    if code < 0:
        return bool(others.min() >= 0 or code < 3 * others.min())
    return bool(code > APART.get(code, 1.5) * others.max())


def maybe_code(values: Sequence[float]) -> float | None:
    """Return the largest value where it is a code such as 999 that comes back more often than any other value.

    Examples
    --------
    >>> maybe_code([300, 450, 900, 999, 999, 999]), maybe_code([97, 98, 99, 99, 99]), maybe_code([800, 999, 1200])
    (999, None, None)
    """
    counts = Counter(values)
    top = max(counts, default=0.0)
    if top < 100 or top not in CODES or counts[top] < 3:
        return None
    rest = max((n for value, n in counts.items() if value != top), default=0)
    return next(code for code in CODES if code == top) if counts[top] >= 2 * rest else None


def out_of_scale(values: Sequence[float]) -> tuple[list[float], str]:
    """Return numbers many times above or below a column in which all others lie close together, and where these lie.

    Skewed measurements, such as CRP or D-dimers, have no such numbers.

    Examples
    --------
    >>> out_of_scale([36.5, 37.0, 38.1, 36.9, 375, 37.2, 39.0, 36.8])
    ([375.0], 'between 36.5 and 39')
    >>> out_of_scale([1, 3, 4, 8, 20, 60, 90, 300]), out_of_scale([3, 400])
    (([], ''), ([], ''))
    """
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    if len(array) < FEWEST:
        return [], ""
    low, middle, high = np.quantile(array, [0.25, 0.5, 0.75])
    if middle <= 0 or high - low > TIGHT * middle:
        return [], ""
    far = (array >= FAR * middle) | (array <= middle / FAR)
    near = array[~far]
    if len(np.unique(near)) < DISTINCT:
        return [], ""
    few = 0 < far.sum() <= max(1, RARE * len(array))
    if not few or near.max() > NEAR * middle or near.min() < middle / NEAR:
        return [], ""
    return sorted(set(array[far].tolist())), f"between {plain(float(near.min()))} and {plain(float(near.max()))}"
