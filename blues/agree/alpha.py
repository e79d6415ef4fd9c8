"""Krippendorff's alpha: nominal, ordinal, interval and ratio; any number of raters, missing ratings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from blues.agree.multirater import counts_of, gwet_interval
from blues.agree.pairwise import ac1_of, delta_method
from blues.agree.record import Agreement, LargeSample, build
from blues.agree.resample import ClusterSums, Kind, cluster_interval, sum_clusters
from blues.agree.scale import Coded, Measured, coded, comparable_units, measured, numeric_scale
from blues.agree.weights import agreement_weights
from blues.check import InputError, one_of

__all__ = ["krippendorff_alpha"]

Level = Literal["nominal", "ordinal", "interval", "ratio"]
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")
_MOST_VALUES = 3000


def krippendorff_alpha(
    ratings: Any,
    *,
    level: Level = "ordinal",
    categories: Iterable[Any] | None = None,
    weights: Any = None,
    clusters: Any = None,
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    r"""Return Krippendorff's alpha of any number of raters with missing ratings (Krippendorff 2011).

    .. math:: \alpha = 1 - D_o / D_e = 1 - (n - 1) \frac{\sum_{ck} o_{ck} \delta^2_{ck}}{\sum_{ck} n_c n_k \delta^2_{ck}}

    with coincidences o, of subjects with two ratings or more. Subjects with one rating do not enter.

    Parameters
    ----------
    ratings : array or DataFrame, shape (subjects, raters)
        NaN for a missing rating.
    level : {"nominal", "ordinal", "interval", "ratio"}
        The metric. Ordinal is Krippendorff's own, by cumulated frequencies; ratio needs values that are not negative.
    categories : sequence
        The whole scale in order; mandatory for nominal and ordinal, not needed for interval and ratio.
    weights : optional
        A metric of your own instead of the level's: squared differences are 1 minus these agreement weights (of
        :func:`blues.agree.agreement_weights`), and ``level`` is not looked at. Needs ``categories``.
    clusters, interval, draws, seed, confidence
        As in :func:`blues.agree.cohen_kappa`.

    Returns
    -------
    Agreement
        ``detail``: ``observed_disagreement``, ``expected_disagreement``, ``pairable`` (ratings that entered),
        ``single_ratings`` (subjects that did not), ``chance`` (expected
        disagreement as a share of the largest), ``coincidences`` for a declared scale. ``se`` is Gwet's (2014, ch. 2),
        over the subjects that entered; for the ordinal level, whose metric depends on the data, that of the delta method.

    Examples
    --------
    >>> import numpy as np
    >>> r = np.array([[1, 1, np.nan], [2, 2, 3], [3, 3, 3], [1, 2, 1], [2, np.nan, np.nan]])
    >>> round(krippendorff_alpha(r, level="ordinal", categories=[1, 2, 3]).value, 3)
    0.773
    """
    one_of(level, LEVELS, "level")
    data: Coded | Measured
    if categories is None and weights is None and level in ("interval", "ratio"):
        data = measured(ratings, clusters)
        words: str = level
        sums, function, detail, each = _interval_sums(data) if level == "interval" else _ratio_sums(data)
    else:
        data = coded(ratings, categories, clusters)
        own, name = (None, level) if weights is None else agreement_weights(weights, data.categories)
        sums, function, detail, each = _categorical(data, level, own)
        words = name
    found = cluster_interval(
        sums, function, kind=interval, draws=draws, seed=seed, confidence=confidence, unit=data.unit
    )
    value = float(found.value[0])
    formula = gwet_variance(*each, value, confidence) if each and data.clusters is None else None
    formula = formula or delta_method(sums, function, value, confidence, data.clusters is None)
    return build(
        found,
        subjects=data.subjects - detail["single_ratings"],
        raters=len(data.raters),
        method=f"Krippendorff's alpha, {words}",
        confidence=confidence,
        detail={**detail, "level": words, "left_out": data.empty + detail["single_ratings"]},
        reason="every rating that could be paired is the same, so expected disagreement is 0 and alpha is 0/0; percent "
        "agreement is 1.00" + (" and AC1 is 1.00 (detail)" if "ac1" in detail else ""),
        analytic=formula,
        chance=detail.get("chance"),
        units=comparable_units(data.codes >= 0 if isinstance(data, Coded) else ~np.isnan(data.values), data.clusters),
    )


Each = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Of each distinct subject: ratings, disagreement within, disagreement with everybody's ratings, and subjects like it."""
Prepared = tuple[ClusterSums, Callable[[np.ndarray], np.ndarray], dict[str, Any], Each | None]


def gwet_variance(
    number: np.ndarray,
    within: np.ndarray,
    across: np.ndarray,
    times: np.ndarray,
    value: float,
    confidence: float,
) -> LargeSample | None:
    """Return Gwet's linearised interval of alpha (Handbook of Inter-Rater Reliability, 4th ed. 2014, ch. 2).

    Parameters
    ----------
    number : ndarray, shape (p,)
        Ratings of each distinct subject; those with fewer than two are left out.
    within : ndarray, shape (p,)
        Squared differences between its ratings, over ordered pairs, divided by ``number - 1``.
    across : ndarray, shape (p,)
        Mean squared difference to all pairable ratings, summed over its ratings.
    times : ndarray of int, shape (p,)
        Subjects like it.
    """
    keep = number >= 2
    number, within, across, times = number[keep], within[keep], across[keep], times[keep]
    n = int(times.sum())
    if n < 2 or not math.isfinite(value):
        return None
    mean = float(times @ number) / n
    size, inner, outer = number / mean, within / mean, across / mean
    observed, expected = float(times @ inner) / n, float(times @ outer) / n
    corrected = observed * (1 - 1 / (n * mean))
    own = (corrected * (size - 1) - inner) / expected - 2 * observed / expected * (size - outer / expected)
    se = math.sqrt(float(times @ (own + observed / expected) ** 2) / (n * (n - 1)))
    return gwet_interval(value, se, n, confidence)


def metric(level: str, categories: tuple[Any, ...]) -> np.ndarray:
    """Return the squared differences of a fixed metric, shape (q, q)."""
    if level == "nominal":
        return 1 - np.eye(len(categories))
    values = numeric_scale(categories)
    if values is None:
        raise InputError(f"the {level} level needs numbers as categories")
    gap = values[:, None] - values[None, :]
    if level == "interval":
        return gap**2
    return _ratio(values[:, None], values[None, :])


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if min(a.min(), b.min()) < 0:
        raise InputError("the ratio level needs values that are not negative")
    total = a + b
    return np.where(total == 0, 0.0, (a - b) / np.where(total == 0, 1.0, total)) ** 2


def _alpha_fixed(sums: np.ndarray, squared: np.ndarray) -> np.ndarray:
    """Alpha from [ratings of each category (q), observed disagreement]."""
    counts, observed = sums[:, :-1], sums[:, -1]
    expected = ((counts @ squared) * counts).sum(axis=1)
    return 1 - (counts.sum(axis=1) - 1) * observed / expected


def _alpha_ordinal(sums: np.ndarray, q: int) -> np.ndarray:
    """Alpha from coincidences, (b, q * q): the ordinal metric is the squared difference of mean ranks."""
    table = sums.reshape(len(sums), q, q)
    counts = table.sum(axis=2)
    ranks = np.cumsum(counts, axis=1) - counts / 2
    squared = (ranks[:, :, None] - ranks[:, None, :]) ** 2
    expected = (counts[:, :, None] * counts[:, None, :] * squared).sum(axis=(1, 2))
    return 1 - (counts.sum(axis=1) - 1) * (table * squared).sum(axis=(1, 2)) / expected


def _coincidences(counts: np.ndarray) -> np.ndarray:
    """Coincidences within each distinct subject, shape (p, q, q); zeros for a single rating."""
    number = counts.sum(axis=1)
    each = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(counts.shape[1], dtype=counts.dtype)
    return each * np.where(number >= 2, 1.0 / np.maximum(number - 1, 1), 0.0)[:, None, None]


def _categorical(data: Coded, level: str, weights: np.ndarray | None) -> Prepared:
    counts, index, times = counts_of(data)
    q, pairable = len(data.categories), counts.sum(axis=1) >= 2
    each = _coincidences(counts)
    table = np.tensordot(times, each, axes=1)
    if level == "ordinal" and weights is None:
        rows = each.reshape(len(each), -1)

        def function(sums: np.ndarray) -> np.ndarray:
            return _alpha_ordinal(sums, q)

        marginal = table.sum(axis=1)
        ranks = np.cumsum(marginal) - marginal / 2
        squared = np.subtract.outer(ranks, ranks) ** 2
    else:
        squared = metric(level, data.categories) if weights is None else 1 - weights
        rows = np.column_stack([counts * pairable[:, None], (each * squared).sum(axis=(1, 2))]).astype(float)

        def function(sums: np.ndarray) -> np.ndarray:
            return _alpha_fixed(sums, squared)

    n, margin = table.sum(), table.sum(axis=1)
    each_subject = None
    if level != "ordinal" or weights is not None:
        across = counts @ (squared + squared.T) @ margin / (2 * n)
        each_subject = (counts.sum(axis=1), rows[:, -1], across, times)
    names = pd.Index(data.categories)
    exact = float(np.trace(table) / n)
    detail = {
        "observed_disagreement": float((table * squared).sum() / n),
        "expected_disagreement": float(margin @ squared @ margin / (n * (n - 1))),
        "chance": float(margin @ squared @ margin / n**2 / squared.max()) if squared.max() > 0 else None,
        "pairable": int(round(n)),
        "single_ratings": int(times[~pairable].sum()),
        "percent_agreement": exact,
        "ac1": ac1_of(exact, margin / n),
        "coincidences": pd.DataFrame(table, index=names, columns=names),
    }
    return sum_clusters(rows, index, data.clusters, times), function, detail, each_subject


def _paired_values(data: Measured) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, int]:
    """Keep the subjects with two values or more: values, numbers, clusters, and how many subjects had one."""
    number = (~np.isnan(data.values)).sum(axis=1)
    keep = number >= 2
    clusters = None if data.clusters is None else np.unique(data.clusters[keep], return_inverse=True)[1]
    return data.values[keep], number[keep], clusters, int((~keep).sum())


def _interval_sums(data: Measured) -> Prepared:
    """Alpha of the interval level needs sums and sums of squares alone, so any number of distinct values will do."""
    values, number, clusters, single = _paired_values(data)
    values = values - np.nanmean(values)
    total, squares = np.nansum(values, axis=1), np.nansum(values**2, axis=1)
    observed = 2 * (number * squares - total**2) / (number - 1)
    rows = np.column_stack([number, total, squares, observed])

    def function(sums: np.ndarray) -> np.ndarray:
        n = sums[:, 0]
        return 1 - (n - 1) * sums[:, 3] / (2 * (n * sums[:, 2] - sums[:, 1] ** 2))

    found = sum_clusters(rows, None, clusters, np.ones(len(rows), dtype=np.int64))
    n, first, second, between = found.total
    detail = {
        "observed_disagreement": between / n,
        "expected_disagreement": 2 * (n * second - first**2) / (n * (n - 1)),
        "pairable": int(n),
        "single_ratings": single,
    }
    if np.ptp(values[~np.isnan(values)]) == 0:
        found = ClusterSums(np.zeros_like(found.sums), found.times)
    centre = first / n
    across = squares - 2 * centre * total + number * second / n
    return found, function, detail, (number, observed, across, np.ones(len(number), dtype=np.int64))


def _ratio_sums(data: Measured) -> Prepared:
    values, number, clusters, single = _paired_values(data)
    present = ~np.isnan(values)
    distinct, place = np.unique(values[present], return_inverse=True)
    if len(distinct) > _MOST_VALUES:
        raise InputError(
            f"the ratio level compares every two values, and there are {len(distinct)} different ones",
            allowed=f"up to {_MOST_VALUES}",
            remedy="Round the values to the precision they were measured with",
        )
    squared = _ratio(distinct[:, None], distinct[None, :])
    row = np.nonzero(present)[0]
    counts = sparse.coo_array((np.ones(len(row)), (row, place)), shape=(len(values), len(distinct))).tocsr()
    observed = np.zeros(len(values))
    m = values.shape[1]
    for a in range(m):
        for b in range(a + 1, m):
            both = present[:, a] & present[:, b]
            observed[both] += 2 * _ratio(values[both, a], values[both, b]) if both.any() else 0.0
    rows = sparse.hstack([counts, sparse.csr_array((observed / (number - 1))[:, None])]).tocsr()
    found = sum_clusters(rows, None, clusters, np.ones(len(values), dtype=np.int64))
    total = found.total
    n = total[:-1].sum()
    detail = {
        "observed_disagreement": total[-1] / n,
        "expected_disagreement": float(total[:-1] @ squared @ total[:-1] / (n * (n - 1))),
        "pairable": int(n),
        "single_ratings": single,
    }
    across = counts @ (squared @ total[:-1]) / n
    times = np.ones(len(values), dtype=np.int64)
    return found, lambda sums: _alpha_fixed(sums, squared), detail, (number, observed / (number - 1), across, times)
