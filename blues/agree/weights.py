"""Agreement weights of a declared scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from blues.agree.scale import numeric_scale
from blues.check import InputError, one_of
from blues.evaluate import scale_weights

__all__ = ["agreement_weights"]

NAMES = ("unweighted", "linear", "quadratic")


def agreement_weights(weights: Any, categories: tuple[Any, ...]) -> tuple[np.ndarray, str]:
    """Return the agreement weights of a scale and their name.

    Parameters
    ----------
    weights : None, "unweighted", "linear", "quadratic", or a (q, q) matrix
        Linear and quadratic weights fall with the distance of two categories, 1 - d and 1 - d squared with d scaled to 1
        at the ends of the scale (Cicchetti & Allison 1971; Fleiss & Cohen 1973); the distance is that of the numbers
        when categories are numbers, so a category left out of a 0-3 scale changes nothing, else that of positions. A
        matrix with a diagonal of ones is taken as agreement weights; with a diagonal of zeros and nothing negative, as
        disagreement weights d (Cohen 1968), turned into 1 - d / max(d).
    categories : tuple
        The whole scale in order, q categories.

    Returns
    -------
    weights : ndarray, shape (q, q)
        Ones on the diagonal.
    name : str

    Raises
    ------
    InputError
        For an unknown name, categories out of order, or a matrix of another shape or of neither kind.

    Examples
    --------
    >>> agreement_weights("linear", (0, 1, 2))[0]
    array([[1. , 0.5, 0. ],
           [0.5, 1. , 0.5],
           [0. , 0.5, 1. ]])
    """
    q = len(categories)
    if weights is None or isinstance(weights, str):
        name = one_of("unweighted" if weights is None else weights, NAMES, "weights")
        if name == "unweighted":
            return np.eye(q), name
        places = numeric_scale(categories)
        return scale_weights(categories if places is None else places.tolist(), name), name
    matrix = np.asarray(weights.to_numpy() if isinstance(weights, pd.DataFrame) else weights, dtype=float)
    if matrix.shape != (q, q):
        raise InputError(f"weights have shape {matrix.shape}, and the scale has {q} categories", allowed=f"({q}, {q})")
    if not np.isfinite(matrix).all():
        raise InputError("weights must be finite numbers")
    diagonal = np.diag(matrix)
    if (diagonal == 1).all() and matrix.max() <= 1:
        return matrix, "own agreement weights"
    if (diagonal == 0).all() and matrix.min() >= 0 and matrix.max() > 0:
        return 1 - matrix / matrix.max(), "own disagreement weights"
    raise InputError(
        "weights are neither agreement nor disagreement weights",
        allowed="agreement weights (ones on the diagonal, none above) or disagreement weights (zeros there, none below)",
    )
