"""When two numbers are the same: the mean of several .7 is .7, whatever its last bit."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["DIGITS", "ROUNDING", "reaches"]

DIGITS = 12
"""Means of predictions and thresholds keep this many decimals."""
ROUNDING = 1e-12
"""Differences up to this are of the last bits, and are no differences."""


def reaches(p: Any, threshold: Any) -> np.ndarray:
    """Return where predictions reach their threshold, and are called 1: equal to it is enough, whatever the last bit.

    Parameters
    ----------
    p, threshold : array-like
        Of one shape, or of shapes that go together.

    Examples
    --------
    >>> below = np.nextafter(0.7, 0)
    >>> bool(below >= 0.7), bool(reaches(below, 0.7))
    (False, True)
    """
    return np.asarray(np.asarray(p) >= np.asarray(threshold) - ROUNDING)
