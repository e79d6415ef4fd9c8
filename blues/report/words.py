"""Names as a reader meets them: of metrics, arms, rules and units."""

from __future__ import annotations

import math
import re
from typing import Any

from blues.evaluate.named import METRICS, Metric, metric
from blues.fuse.named import CONSTANT, MEAN

__all__ = [
    "CONSTANT",
    "FRAMES",
    "MEAN",
    "METRICS",
    "POINTS",
    "THRESHOLDS",
    "Metric",
    "arm_label",
    "capital",
    "called_grade",
    "clean",
    "in_folds",
    "metric",
]

FRAMES = {
    "mean": "the mean",
    "max": "the maximum",
    "sd": "the standard deviation",
    "mean+max": "the mean and the maximum",
}
THRESHOLDS = {
    "half": "a predicted risk of 0.5",
    "prevalence": "the prevalence among the training patients",
    "youden": "the threshold of the best Youden index on inner folds",
    "matched": "the threshold that calls as many as have the outcome on inner folds",
}
POINTS = {
    "mean": "the mean over BLUE points",
    "max": "the maximum over BLUE points",
    "mean+max": "the mean and the maximum over BLUE points",
    "concat": "all BLUE points side by side, absent points left missing",
}
# characters that show nothing but turn the direction of what follows, end a line of code or cannot be encoded
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\ud800-\udfff]")


def called_grade(threshold: Any) -> str:
    """Return which grade is called, given the rule of the run: the nearest to the expected one, or by matched cuts."""
    return "each as often as it occurs on inner folds" if threshold == "matched" else "the nearest one"


def clean(value: Any) -> Any:
    """Return a value fit for JSON: plain Python, None for what is not a finite number.

    Examples
    --------
    >>> import numpy as np
    >>> clean({"a": np.float64("nan"), "b": (np.int64(3), "x")})
    {'a': None, 'b': [3, 'x']}
    """
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, dict):
        return {_UNSEEN.sub("", str(k)): clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset) or hasattr(value, "tolist"):
        items = value.tolist() if hasattr(value, "tolist") else sorted(value) if isinstance(value, set) else value
        return [clean(v) for v in items]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    return _UNSEEN.sub("", str(value))


def in_folds(some: int, folds: int) -> str:
    """Return in how many of the fitted models something was so; a run that was tested once fitted each but once.

    Examples
    --------
    >>> in_folds(3, 10), in_folds(1, 1)
    ('in 3 of 10 training folds', 'in the one fit')
    """
    return "in the one fit" if folds == 1 else f"in {some} of {folds} training folds"


def arm_label(arm: str) -> str:
    """Return an arm's name with room to break the line: ``image + blood``."""
    return arm.replace("+", " + ")


def capital(text: str) -> str:
    """Return a text that begins a sentence.

    Examples
    --------
    >>> capital("image + blood")
    'Image + blood'
    """
    return text[:1].upper() + text[1:]


def listed(items: list[str], last: str = "and") -> str:
    """Return items as a phrase.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
