"""Clustered resampling of statistics that depend on the data only through sums.

Every coefficient of :mod:`blues.agree` but Kendall's W is a smooth function of a short vector of sums (cells of a table,
moments). So the data are read once into one row of sums a cluster (patient); a bootstrap replicate is one row of
cluster weights, and all replicates are one matrix product. Clusters that look alike (subjects with the same pattern
of ratings, when subjects are independent) share one row and a multiplicity, which leaves the distribution unchanged.

References: Davison & Hinkley 1997 (bootstrap, infinitesimal jackknife); Efron 1987 (BCa); Field & Welsh 2007 (clusters).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from scipy import sparse, special

from blues.check import InputError, one_of
from blues.evaluate.intervals import interval_of_replicates
from blues.evaluate.resample import bootstrap_weights

__all__ = [
    "KINDS",
    "ClusterSums",
    "Interval",
    "Kind",
    "additive",
    "beyond_chance",
    "check_how",
    "cluster_weights",
    "cluster_interval",
    "sum_clusters",
    "undefined_if_constant",
]

Kind = Literal["bootstrap", "bca", "jackknife", "analytic"]
KINDS: tuple[Kind, ...] = ("bootstrap", "bca", "jackknife", "analytic")
Statistic = Callable[[np.ndarray], np.ndarray]
"""Takes weights of the clusters, shape (b, p); gives the values, shape (b,) or (b, t)."""

_BLOCK = 2_000_000
"""Largest number of sums held at once; keeps memory flat in the number of draws."""
_WEIGHTS = 120_000
"""Largest number of weights held at once, where one draw allows: they then stay in the processor's cache."""


@dataclass(frozen=True)
class ClusterSums:
    """Sums of each distinct cluster.

    Attributes
    ----------
    sums : ndarray or sparse array, float64, shape (p, k)
        One row a distinct cluster.
    times : ndarray, int64, shape (p,)
        How many clusters have that row.
    """

    sums: Any
    times: np.ndarray

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return int(self.times.sum())

    @property
    def total(self) -> np.ndarray:
        """Sums over all clusters, shape (k,)."""
        return np.asarray(self.times.astype(float) @ self.sums)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return the sums of some distinct clusters as a dense array."""
        block = self.sums[start:stop]
        return block.toarray() if sparse.issparse(block) else block


@dataclass(frozen=True)
class Interval:
    """What resampling says about t values.

    Attributes
    ----------
    value, low, high, se : ndarray, float64, shape (t,)
        Estimates, limits and standard errors; NaN where undefined.
    method : str
        In words.
    undefined : ndarray, int, shape (t,)
        Draws in which the value was undefined and left out.
    replicates : ndarray or None, shape (draws, t)
        The bootstrap values.
    clusters : int
        Number of independent units.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    se: np.ndarray
    method: str
    clusters: int
    undefined: np.ndarray
    replicates: np.ndarray | None = field(default=None, repr=False)


def sum_clusters(rows: Any, index: np.ndarray | None, clusters: np.ndarray | None, times: np.ndarray) -> ClusterSums:
    """Add the sums of subjects into one row a cluster.

    Parameters
    ----------
    rows : array or sparse array, shape (p, k)
        Contributions of each distinct pattern.
    index : array of int, shape (n,), or None
        Pattern of each subject; None when subject i has pattern i.
    clusters : array of int, shape (n,), or None
        Cluster of each subject, 0 to g - 1; None when every subject is its own.
    times : array of int, shape (p,)
        Subjects with each pattern.
    """
    if clusters is None:
        return ClusterSums(rows, times)
    groups = int(clusters.max()) + 1
    columns = np.arange(len(clusters)) if index is None else index
    members = sparse.coo_array((np.ones(len(clusters)), (clusters, columns)), shape=(groups, rows.shape[0])).tocsr()
    return ClusterSums(members @ rows, np.ones(groups, dtype=np.int64))


def beyond_chance(observed: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Return (po - pe) / (1 - pe), NaN where pe is 1 up to the rounding of the shares that it is made of."""
    room = np.where(np.abs(1 - chance) < 1e-12, np.nan, 1 - chance)
    return np.asarray(1 - (1 - observed) / room)


def additive(data: ClusterSums, function: Callable[[np.ndarray], np.ndarray]) -> Statistic:
    """Turn a function of sums, (b, k) to (b,) or (b, t), into one of cluster weights."""
    return lambda weights: function(np.asarray(weights @ data.sums))


def cluster_weights(times: np.ndarray, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Yield blocks of bootstrap weights, float64, (b, p): how often each distinct cluster was drawn.

    The draws do not depend on the size of the blocks.
    """
    rng = np.random.default_rng(seed)
    distinct, total = len(times), int(times.sum())
    size = max(1, min(draws, _WEIGHTS // max(distinct, 1)))
    for start in range(0, draws, size):
        b = min(size, draws - start)
        if distinct == total:
            yield bootstrap_weights(distinct, b, rng)
        else:
            yield rng.multinomial(total, times / total, size=b).astype(float)


def _two_dimensional(values: np.ndarray) -> np.ndarray:
    return values[:, None] if values.ndim == 1 else values


def _replicates(data: ClusterSums | np.ndarray, function: Statistic, draws: int, seed: int) -> np.ndarray:
    """Values of the bootstrap draws, shape (draws, t)."""
    if not isinstance(data, ClusterSums):
        return np.concatenate([_two_dimensional(function(w)) for w in cluster_weights(data, draws, seed)])
    found, sums, held = [], [], 0
    for weights in cluster_weights(data.times, draws, seed):
        sums.append(np.asarray(weights @ data.sums))
        held += sums[-1].size
        if held > _BLOCK:
            found.append(_two_dimensional(function(np.concatenate(sums))))
            sums, held = [], 0
    if sums:
        found.append(_two_dimensional(function(np.concatenate(sums))))
    return np.concatenate(found)


def _left_out(statistic: Statistic, times: np.ndarray) -> np.ndarray:
    """Value with one cluster of each distinct row left out, shape (p, t)."""
    distinct = len(times)
    size = max(1, _BLOCK // max(distinct, 1))
    found = []
    for start in range(0, distinct, size):
        weights = np.repeat(times[None, :].astype(float), min(size, distinct - start), axis=0)
        weights[np.arange(len(weights)), start + np.arange(len(weights))] -= 1
        found.append(_two_dimensional(statistic(weights)))
    return np.concatenate(found)


def _left_out_sums(data: ClusterSums, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """As :func:`_left_out`, by subtraction: linear in the number of clusters."""
    total = data.total
    distinct = len(data.times)
    size = max(1, _BLOCK // max(len(total), 1))
    return np.concatenate(
        [
            _two_dimensional(function(total - data.rows(start, min(start + size, distinct))))
            for start in range(0, distinct, size)
        ]
    )


def _jackknife_se(left_out: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Jackknife standard error of each value; undefined leave-outs are skipped, NaN with fewer than two others."""
    weight = np.where(np.isfinite(left_out), times[:, None], 0).astype(float)
    filled = np.where(np.isfinite(left_out), left_out, 0.0)
    number = weight.sum(axis=0)
    number = np.where(number < 2, np.nan, number)
    mean = (weight * filled).sum(axis=0) / number
    return np.sqrt((number - 1) / number * (weight * (mean - filled) ** 2).sum(axis=0))


def influence(data: ClusterSums, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the influence of each distinct cluster on the values, shape (p, t), centred: gradient times its deviation.

    The gradient comes from a complex step (exact to rounding; Squire & Trapp 1998), so ``function`` must be made of
    analytic operations.
    """
    total = data.total
    k, step = len(total), 1e-30 * max(1.0, float(np.abs(total).max()))
    parts = []
    for start in range(0, k, 64):
        stop = min(start + 64, k)
        moved = np.repeat(total[None, :].astype(complex), stop - start, axis=0)
        moved[np.arange(stop - start), np.arange(start, stop)] += 1j * step
        parts.append(_two_dimensional(function(moved)).imag / step)
    gradient = np.concatenate(parts)
    return np.asarray(data.sums @ gradient) - (total / data.clusters) @ gradient


def linearised(data: ClusterSums, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the delta-method standard error with factor g / (g - 1), clusters independent, shape (t,)."""
    g = data.clusters
    return np.sqrt(data.times @ influence(data, function) ** 2 * (g / (g - 1)))


def check_how(kind: str | None, draws: int, confidence: float) -> None:
    """Raise for a kind of interval that is none, draws below 0, and a level of confidence that is no share."""
    if kind is not None:
        one_of(kind, KINDS, "interval")
    if not 0 < confidence < 1:
        raise InputError(f"confidence must lie between 0 and 1, and is {confidence!r}")
    if draws < 0:
        raise InputError(f"draws must not be negative, and is {draws!r}")


def cluster_interval(
    data: ClusterSums | np.ndarray,
    function: Callable[[np.ndarray], np.ndarray],
    *,
    kind: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
    unit: str = "subject",
) -> Interval:
    """Estimate a function of sums and its interval by cluster.

    Parameters
    ----------
    data : ClusterSums, or ndarray of int, shape (p,)
        Sums a cluster; or, when the statistic is no function of sums, the multiplicities alone.
    function : callable
        Of sums, (b, k) to (b,) or (b, t); of cluster weights (b, p) when ``data`` is an array.
    kind : {"bootstrap", "bca", "jackknife", "analytic"}
        Percentile bootstrap; BCa bootstrap; delete-one-cluster jackknife with Student's t; delta method (linearisation)
        with Student's t.
    draws : int
        Bootstrap replicates; 0 gives the value without an interval.
    seed : int
        Of the bootstrap.
    confidence : float
        Level of the interval.
    unit : str
        What a cluster is, for the words.
    """
    check_how(kind, draws, confidence)
    if isinstance(data, ClusterSums):
        times, statistic = data.times, additive(data, function)
    else:
        times, statistic = data, function
    with np.errstate(all="ignore"):
        value = _two_dimensional(statistic(times[None, :].astype(float)))[0]
        blank = np.full(len(value), np.nan)
        clusters, none = int(times.sum()), np.zeros(len(value), dtype=int)
        if draws == 0 or clusters < 2:
            return Interval(value, blank, blank, blank, "none", clusters, none)
        if kind == "analytic":
            if not isinstance(data, ClusterSums):
                raise InputError("this coefficient has no analytic interval", allowed=KINDS[:3])
            se = linearised(data, function)
            reach = special.stdtrit(clusters - 1, 0.5 + confidence / 2) * se
            words = f"delta method by {unit}, t with {clusters - 1} df"
            return Interval(value, value - reach, value + reach, se, words, clusters, none)
        if kind == "jackknife":
            left = _left_out_sums(data, function) if isinstance(data, ClusterSums) else _left_out(statistic, times)
            se = _jackknife_se(left, times)
            reach = special.stdtrit(clusters - 1, 0.5 + confidence / 2) * se
            words = f"delete-one-{unit} jackknife, t with {clusters - 1} df"
            lost = (times[:, None] * ~np.isfinite(left)).sum(axis=0)
            return Interval(value, value - reach, value + reach, se, words, clusters, lost)
        replicates = _replicates(data, function, draws, seed)
        without = None
        if kind == "bca":
            left = _left_out_sums(data, function) if isinstance(data, ClusterSums) else _left_out(statistic, times)
            without = np.repeat(left, times, axis=0)
        return _summary(value, replicates, without, confidence, clusters, unit)


def _finite(values: np.ndarray) -> np.ndarray:
    """Return the finite values, or zeros (no acceleration) when there are none."""
    kept = values[np.isfinite(values)]
    return kept if len(kept) else np.zeros(len(values))


def _summary(
    value: np.ndarray,
    replicates: np.ndarray,
    left_out: np.ndarray | None,
    confidence: float,
    clusters: int,
    unit: str,
) -> Interval:
    """Limits and standard errors of bootstrap replicates, shape (draws, t)."""
    method = "percentile" if left_out is None else "bca"
    found = [
        interval_of_replicates(
            value[j],
            replicates[:, j],
            level=confidence,
            method=method,
            jackknifed=None if left_out is None else _finite(left_out[:, j]),
        )
        for j in range(len(value))
    ]
    low, high, se = (np.array([getattr(e, name) for e in found]) for name in ("low", "high", "se"))
    words = f"{unit} bootstrap, {'percentile' if left_out is None else 'BCa'}, {len(replicates)} draws"
    undefined = (~np.isfinite(replicates)).sum(axis=0)
    return Interval(value, low, high, se, words, clusters, undefined, replicates)


def undefined_if_constant(found: Interval, spread: float) -> Interval:
    """Undo what rounding makes of 0/0 when every rating is the same."""
    if spread > 0:
        return found
    blank = np.full(1, np.nan)
    return Interval(blank, blank, blank, blank, found.method, found.clusters, found.undefined)
