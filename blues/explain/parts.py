"""Pieces of an explanation that add up: one value a column and a base, and how they are carried through a last function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit

__all__ = ["Part", "carry", "in_log_odds", "in_outcome"]

CLIP = 0.001
"""Probabilities are kept this far from 0 and 1 before they are turned into log-odds, as :class:`blues.models.Nested` does."""


@dataclass(frozen=True)
class Part:
    """An additive explanation of one model's output.

    Attributes
    ----------
    values : ndarray of float, shape (rows, columns)
    base : ndarray of float, shape (rows,)
        ``base + values.sum(axis=1)`` is the output.
    log_odds : bool
        Whether the output is the log-odds of a probability.
    """

    values: np.ndarray
    base: np.ndarray
    log_odds: bool = False

    @property
    def output(self) -> np.ndarray:
        """The explained output, shape (rows,)."""
        return np.asarray(self.base + self.values.sum(axis=1))


def carry(part: Part, function: Callable[[np.ndarray], np.ndarray], log_odds: bool) -> Part:
    """Carry an explanation through a function of the output: the values keep their shares [1]_.

    Each row's values are multiplied by ``(f(output) - f(base)) / (output - base)``, so that they add up to the new output;
    exact Shapley values stay exact where ``function`` is affine.

    Parameters
    ----------
    part : Part
        Of n rows.
    function : callable
        Of an array of outputs, shape (n,), to one of the same shape; continuous.
    log_odds : bool
        Whether what ``function`` gives is the log-odds of a probability.

    Returns
    -------
    Part

    References
    ----------
    .. [1] Chen H, Lundberg SM, Lee SI. Explaining a series of models by propagating Shapley values. Nat Commun
       2022;13:4512 (the rescale rule).

    Examples
    --------
    >>> part = carry(Part(np.array([[1.0, 3.0]]), np.array([0.0])), np.square, False)
    >>> part.values.tolist(), part.base.tolist()
    ([[4.0, 12.0]], [0.0])
    """
    output = part.output
    moved = output - part.base
    still = np.abs(moved) < 1e-9
    slope = (function(part.base + 1e-4) - function(part.base - 1e-4)) / 2e-4
    ratio = np.where(still, slope, (function(output) - function(part.base)) / np.where(still, 1.0, moved))
    return Part(part.values * ratio[:, None], np.asarray(function(part.base), dtype=float), log_odds)


def in_outcome(part: Part) -> Part:
    """Return the part in probability (or the outcome's own unit)."""
    return carry(part, expit, False) if part.log_odds else part


def in_log_odds(part: Part, clip: float = CLIP) -> Part:
    """Return the part of a probability in log-odds."""
    if part.log_odds:
        return part
    return carry(part, lambda p: logit(np.clip(p, clip, 1 - clip)), True)


def clipped(part: Part, clip: float) -> Part:
    """Return a part in log-odds of a probability kept ``clip`` away from 0 and 1."""
    part = in_log_odds(part, clip)
    edge = float(logit(1 - clip))
    if (np.abs(part.output) <= edge).all() and (np.abs(part.base) <= edge).all():
        return part
    return carry(part, lambda m: np.clip(m, -edge, edge), True)


def embedded(part: Part, places: list[int], width: int) -> Part:
    """Return the part with its columns put at ``places`` among ``width`` columns, the others 0."""
    values = np.zeros((len(part.values), width))
    values[:, places] = part.values
    return replace(part, values=values)
