"""Kendall's W: how far raters put subjects in the same order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from blues.agree.record import Agreement, build
from blues.agree.resample import Kind, cluster_interval
from blues.agree.scale import Measured, measured, no_weights
from blues.check import InputError

__all__ = ["kendall_w"]


def kendall_w(
    ratings: Any,
    *,
    clusters: Any = None,
    categories: Any = None,
    weights: None = None,
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    r"""Return Kendall's coefficient of concordance of m rankings, corrected for ties (Kendall & Babington Smith 1939).

    .. math:: W = \frac{12 \sum_i (R_i - \bar R)^2}{m^2 (n^3 - n) - m \sum_j T_j}, \quad T_j = \sum (t^3 - t)

    Parameters
    ----------
    ratings : array or DataFrame, shape (subjects, raters)
        Numbers of any scale; each rater's are ranked. Subjects with a missing rating are left out (listwise).
    clusters, categories, weights, interval, draws, seed, confidence
        As in :func:`icc`. Under resampling subjects are ranked anew, copies of a subject being tied.

    Returns
    -------
    Agreement
        ``detail``: ``chi2``, ``df``, ``p_value`` (Friedman's test of no agreement; NaN with clusters), ``mean_spearman``
        ((m W - 1) / (m - 1)).

    Examples
    --------
    >>> import numpy as np
    >>> round(kendall_w(np.array([[1, 1, 6], [6, 5, 3], [3, 6, 2], [2, 4, 5], [5, 2, 4], [4, 3, 1]])).value, 3)
    0.162
    """
    no_weights(weights)
    data = measured(ratings, clusters).complete()
    n, m = data.values.shape
    if n < 2:
        raise InputError(f"Kendall's W needs two subjects rated by every rater, and has {n}")
    statistic, times = _concordance_of_ranks(data)
    found = cluster_interval(
        times, statistic, kind=interval, draws=draws, seed=seed, confidence=confidence, unit=data.unit
    )
    value = float(found.value[0])
    return build(
        found,
        subjects=n,
        raters=m,
        method="Kendall's W",
        confidence=confidence,
        detail={
            "chi2": m * (n - 1) * value,
            "df": n - 1,
            # the test takes subjects as independent, which those of one patient are not
            "p_value": float(stats.chi2.sf(m * (n - 1) * value, n - 1)) if data.clusters is None else math.nan,
            "mean_spearman": (m * value - 1) / (m - 1),
            "left_out": data.empty,
        },
        reason="every rater gave every subject the same rating, so there is no order to compare; percent agreement within "
        "raters is 1.00",
        banded=False,
        bounds=(0.0, 1.0),
    )


def _concordance_of_ranks(data: Measured) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
    """Return W as a function of cluster weights, (b, g) to (b,), and the multiplicities of the clusters."""
    places = np.stack([np.unique(column, return_inverse=True)[1] for column in data.values.T], axis=1)
    if data.clusters is None:
        places, times = np.unique(places, axis=0, return_counts=True)
        owner = np.arange(len(places))
    else:
        owner, times = data.clusters, np.ones(int(data.clusters.max()) + 1, dtype=np.int64)
    p, m = places.shape
    orders = [np.argsort(column, kind="stable") for column in places.T]
    starts = [
        np.flatnonzero(np.diff(column[order], prepend=-1)) for column, order in zip(places.T, orders, strict=True)
    ]

    def statistic(weights: np.ndarray) -> np.ndarray:
        each = weights[:, owner]
        n = each.sum(axis=1)
        total, ties = np.zeros((len(weights), p)), np.zeros(len(weights))
        for j in range(m):
            counts = np.add.reduceat(each[:, orders[j]], starts[j], axis=1)
            ranks = np.cumsum(counts, axis=1) - (counts - 1) / 2
            total += ranks[:, places[:, j]]
            ties += (counts**3 - counts).sum(axis=1)
        spread = (each * (total - (m * (n + 1) / 2)[:, None]) ** 2).sum(axis=1)
        return 12 * spread / (m**2 * (n**3 - n) - m * ties)

    return statistic, times
