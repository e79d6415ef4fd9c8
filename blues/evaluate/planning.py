"""What an AUROC's error will be at given class sizes, before a study: for planning and for sample-size statements."""

from __future__ import annotations

import math

from blues.check import InputError
from blues.evaluate.records import logit_interval, normal_quantile

__all__ = ["expected_auroc_width", "hanley_mcneil_se"]


def hanley_mcneil_se(auroc: float, positives: int, negatives: int) -> float:
    """Return the standard error of an AUROC from its value and the class sizes alone, for planning.

    Hanley & McNeil 1982, Radiology 143:29, with the exponential approximation of Q1 and Q2.

    Parameters
    ----------
    auroc : float
        0 to 1.
    positives, negatives : int
        Patients with and without the event, at least 1 each.

    Raises
    ------
    InputError
        For numbers outside these.

    Examples
    --------
    >>> round(hanley_mcneil_se(0.893, 51, 58), 4)
    0.0325
    """
    if not 0 <= auroc <= 1:
        raise InputError(f"an AUROC of {auroc!r}", allowed="0 to 1")
    if not all(1 <= n < math.inf for n in (positives, negatives)):
        raise InputError(f"{positives} with and {negatives} without the event", allowed="at least one of each")
    q1, q2 = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    spread = (positives - 1) * (q1 - auroc**2) + (negatives - 1) * (q2 - auroc**2)
    return math.sqrt(max(0.0, auroc * (1 - auroc) + spread) / (positives * negatives))


def expected_auroc_width(auroc: float, positives: int, negatives: int, level: float = 0.95) -> float:
    """Return how wide the logit interval of an AUROC will be at these class sizes (for a sample-size statement).

    Parameters
    ----------
    auroc : float
        What is expected, strictly between 0 and 1.
    positives, negatives : int
        Patients with and without the event.
    level : float
        Confidence level of the interval.

    Returns
    -------
    float
        Upper less lower limit, with the standard error of :func:`hanley_mcneil_se`.

    Examples
    --------
    >>> round(expected_auroc_width(0.80, 33, 30), 2)
    0.22
    """
    if not 0 < auroc < 1:
        raise InputError(f"an AUROC of {auroc!r} has no logit", allowed="above 0 and below 1")
    se = hanley_mcneil_se(auroc, positives, negatives)
    low, high = logit_interval(auroc, se, normal_quantile(level))
    return high - low
