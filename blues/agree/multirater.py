"""Any number of raters, missing ratings allowed: Fleiss, Gwet, Brennan-Prediger, PABAK, percent agreement.

All share the observed agreement of Gwet (Handbook of Inter-Rater Reliability, 4th ed. 2014, ch. 2-3): the mean, over subjects
with at least two ratings, of the weighted share of agreeing pairs of ratings. They differ in the agreement by chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from blues.agree.pairwise import ac1_of, delta_method, joint_rows, two_by_two, undefined_because
from blues.agree.record import Agreement, LargeSample, build
from blues.agree.resample import Kind, beyond_chance, cluster_interval, sum_clusters
from blues.agree.scale import Coded, coded, comparable_units
from blues.agree.weights import agreement_weights
from blues.check import InputError, counted

__all__ = [
    "agreeing",
    "brennan_prediger",
    "counts_of",
    "fleiss_kappa",
    "gwet_ac",
    "gwet_interval",
    "pabak",
    "percent_agreement",
]

_MERGE = 20_000


def counts_of(data: Coded) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Return ratings a category of each distinct kind of subject (p, q), the kind of each subject (n,), and how many (p,).

    The second is None without clusters, as in :meth:`blues.agree.scale.Coded.patterns`.
    """
    patterns, index, times = data.patterns()
    counts = np.stack([(patterns == k).sum(axis=1) for k in range(len(data.categories))], axis=1)
    if len(counts) <= _MERGE:
        counts, same = np.unique(counts, axis=0, return_inverse=True)
        same = same.ravel()
        times = np.bincount(same, weights=times).astype(np.int64)
        index = None if index is None else same[index]
    return counts, index, times


def agreeing(counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted share of agreeing pairs within each subject, 0 where there are fewer than two ratings; shape (p,)."""
    number = counts.sum(axis=1)
    pairs = (counts * (counts @ weights - 1)).sum(axis=1)
    return np.where(number >= 2, pairs / np.maximum(number * (number - 1), 1), 0.0)


def _rows(counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return each subject's sums: [1, two ratings or more, agreeing, category shares (q), agreeing on each or not (q)]."""
    number = counts.sum(axis=1)
    shares = counts / number[:, None]
    others = number[:, None] - counts
    pairs = np.maximum(number * (number - 1), 1)[:, None]
    split = np.where(number[:, None] >= 2, (counts * (counts - 1) + others * (others - 1)) / pairs, 0.0)
    return np.column_stack([np.ones(len(counts)), number >= 2, agreeing(counts, weights), shares, split]).astype(float)


def _specific(counts: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Specific agreement of each category: given one rater's choice, the probability that another makes it too."""
    number = counts.sum(axis=1)
    agreeing = times @ (counts * (counts - 1))
    with np.errstate(invalid="ignore"):
        return agreeing / (times @ (counts * (number - 1)[:, None]))


class _Family:
    """Data and sums shared by the coefficients that see only how many raters chose each category."""

    def __init__(self, ratings: Any, categories: Iterable[Any] | None, weights: Any, clusters: Any) -> None:
        self.data = coded(ratings, categories, clusters)
        self.weights, self.name = agreement_weights(weights, self.data.categories)
        self.counts, index, self.times = counts_of(self.data)
        self.sums = sum_clusters(_rows(self.counts, self.weights), index, self.data.clusters, self.times)

    @property
    def single(self) -> int:
        """Subjects with one rating."""
        return int(self.times[self.counts.sum(axis=1) == 1].sum())

    @property
    def units(self) -> int:
        """Independent units with a subject that was rated twice."""
        return comparable_units(self.data.codes >= 0, self.data.clusters)

    @property
    def observed(self) -> float:
        total = self.sums.total
        return float(total[2] / total[1])

    def shares(self) -> np.ndarray:
        total, q = self.sums.total, len(self.weights)
        return total[3 : 3 + q] / total[0]

    def gwet_variance(self, value: float, chance: float, each: np.ndarray, confidence: float) -> LargeSample | None:
        """Gwet's linearised variance, subjects independent; ``each`` is the chance agreement of each kind of subject."""
        n = int(self.times.sum())
        if self.data.clusters is not None or n < 2:
            return None
        number = self.counts.sum(axis=1)
        two = number >= 2
        own = n / self.times[two].sum() * (agreeing(self.counts, self.weights) - chance * two) / (1 - chance)
        own = own - 2 * (1 - value) * (each - chance) / (1 - chance)
        se = math.sqrt(float(self.times @ (own - value) ** 2) / (n * (n - 1)))
        return gwet_interval(value, se, n, confidence)

    def detail(self, chance: float) -> dict[str, Any]:
        names = pd.Index(self.data.categories, name="category")
        exact = float(self.times @ agreeing(self.counts, np.eye(len(self.weights))) / self.sums.total[1])
        shares = self.shares()
        found: dict[str, Any] = {
            "po": self.observed,
            "pe": chance,
            "weights": self.name,
            "percent_agreement": exact,
            "ac1": ac1_of(exact, shares),
            "left_out": self.data.empty,
            "single_ratings": self.single,
            "per_category": pd.DataFrame(
                {"share": shares, "specific_agreement": _specific(self.counts, self.times)}, index=names
            ),
        }
        return found

    def record(
        self,
        function: Callable[[np.ndarray], np.ndarray],
        chance: Callable[[np.ndarray], np.ndarray],
        each: Callable[[np.ndarray, np.ndarray], np.ndarray],
        *,
        method: str,
        how: dict[str, Any],
    ) -> tuple[Agreement, Any]:
        """Estimate ``function`` of the sums; ``chance`` takes shares (b, q), ``each`` counts and shares."""
        confidence = how["confidence"]
        found = cluster_interval(self.sums, function, unit=self.data.unit, **how)
        value, expected = float(found.value[0]), float(chance(self.shares()[None, :])[0])
        formula = None
        if math.isfinite(value):
            formula = self.gwet_variance(value, expected, each(self.counts, self.shares()), confidence)
            formula = formula or delta_method(self.sums, function, value, confidence)
        record = build(
            found,
            subjects=self.data.subjects - self.single,
            raters=len(self.data.raters),
            method=method,
            confidence=confidence,
            detail=self.detail(expected),
            reason=partial(undefined_because, self.data),
            analytic=formula,
            chance=1 - expected,
            units=self.units,
        )
        if self.single and math.isfinite(record.value):
            count = "counts" if self.single == 1 else "count"
            words = f"{counted(self.single, 'more subject')} with one rating {count} for chance alone"
            if formula is not None and not found.method.startswith("delta"):
                words += "; the standard error is that of Gwet's formula, which such subjects widen, and not of this interval"
            record.detail["note"] = "; ".join(filter(None, [record.detail.get("note"), words]))
        return record, found


def gwet_interval(value: float, se: float, n: int, confidence: float) -> LargeSample:
    """Return a standard error's interval by Student's t with n - 1 df, cut at 1."""
    reach = float(special.stdtrit(n - 1, 0.5 + confidence / 2)) * se
    return LargeSample(value - reach, min(value + reach, 1.0), se, f"large-sample, Gwet 2014, t with {n - 1} df")


def _corrected(sums: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """(po - pe) / (1 - pe) of sums laid out as in :func:`_rows`, NaN where pe is 1."""
    return beyond_chance(sums[:, 2] / sums[:, 1], chance)


def fleiss_kappa(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    weights: Any = None,
    clusters: Any = None,
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Return Fleiss' kappa of any number of raters (Fleiss 1971); two raters give Scott's pi.

    Chance agreement comes from the mean share of each category. Subjects may have different numbers of ratings (Gwet
    2014).

    Parameters
    ----------
    ratings : array or DataFrame, shape (subjects, raters)
        Two raters or more; NaN for a missing rating. A tidy frame is made wide.
    categories : sequence
        The whole scale in order, mandatory.
    weights, clusters, interval, draws, seed, confidence
        As in :func:`blues.agree.cohen_kappa`.

    Returns
    -------
    Agreement
        ``detail``: ``po``, ``pe``, ``per_category`` (share, specific agreement, kappa against the rest with its interval and
        null standard error), ``null_se`` (Fleiss, Nee & Landis 1979; equal numbers of ratings only), ``se``.

    Raises
    ------
    InputError
        No categories; a rating outside them; fewer than two raters; raters who share no subject.

    Examples
    --------
    >>> import numpy as np
    >>> fleiss_kappa(np.array([[0, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0, 1]]), categories=[0, 1]).value.__round__(3)
    0.333
    """
    family = _Family(ratings, categories, weights, clusters)
    q, w = len(family.weights), family.weights

    def chance(shares: np.ndarray) -> np.ndarray:
        return ((shares @ w) * shares).sum(axis=1)

    def function(sums: np.ndarray) -> np.ndarray:
        shares = sums[:, 3 : 3 + q] / sums[:, :1]
        observed = sums[:, 3 + q :] / sums[:, 1:2]
        split = beyond_chance(observed, 1 - 2 * shares * (1 - shares))
        return np.column_stack([_corrected(sums, chance(shares)), split])

    def each(counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
        return (counts @ ((w + w.T) @ shares / 2)) / counts.sum(axis=1)

    how = {"kind": interval, "draws": draws, "seed": seed, "confidence": confidence}
    record, found = family.record(function, chance, each, method=f"Fleiss' kappa, {family.name}", how=how)
    frame = record.detail["per_category"]
    for name, values in (("kappa", found.value), ("low", found.low), ("high", found.high), ("se", found.se)):
        frame[name] = values[1:]
    _add_null(record, family)
    return record


def _add_null(record: Agreement, family: _Family) -> None:
    """Add the standard errors under no agreement (Fleiss, Nee & Landis 1979), where every subject has as many ratings."""
    number = family.counts.sum(axis=1)
    m, n = int(number[0]), int(family.times.sum())
    if (number != m).any() or m < 2 or family.name != "unweighted":
        return
    p = family.shares()
    spread = float((p * (1 - p)).sum())
    inner = spread**2 - float((p * (1 - p) * (1 - 2 * p)).sum())
    with np.errstate(all="ignore"):
        record.detail["null_se"] = float(np.sqrt(2 * max(inner, 0) / (n * m * (m - 1))) / np.float64(spread))
    record.detail["per_category"]["null_se"] = math.sqrt(2 / (n * m * (m - 1)))


def gwet_ac(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    weights: Any = None,
    clusters: Any = None,
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Return Gwet's AC1, or AC2 when weighted, of any number of raters (Gwet 2008, 2014).

    Chance agreement is sum(w) / (q (q - 1)) * sum_k p_k (1 - p_k), so the coefficient keeps its meaning when one category is
    rare; it depends on the number of categories of the scale, used or not.

    Parameters
    ----------
    ratings, categories, weights, clusters, interval, draws, seed, confidence
        As in :func:`fleiss_kappa`.

    Returns
    -------
    Agreement
        ``detail``: ``po``, ``pe``, ``percent_agreement``, ``per_category`` (share, specific agreement). Errors as
        :func:`fleiss_kappa`.

    Examples
    --------
    >>> import numpy as np
    >>> gwet_ac(np.array([[0, 0], [0, 0], [0, 1], [0, 0]]), categories=[0, 1]).value.__round__(3)
    0.68
    """
    family = _Family(ratings, categories, weights, clusters)
    w, q = family.weights, len(family.weights)
    factor = float(w.sum()) / (q * (q - 1))

    def chance(shares: np.ndarray) -> np.ndarray:
        return factor * (shares * (1 - shares)).sum(axis=1)

    def function(sums: np.ndarray) -> np.ndarray:
        return _corrected(sums, chance(sums[:, 3 : 3 + q] / sums[:, :1]))

    def each(counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
        return factor * (counts @ (1 - shares)) / counts.sum(axis=1)

    how = {"kind": interval, "draws": draws, "seed": seed, "confidence": confidence}
    name = "Gwet's AC1" if family.name == "unweighted" else f"Gwet's AC2, {family.name}"
    return family.record(function, chance, each, method=name, how=how)[0]


def brennan_prediger(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    weights: Any = None,
    clusters: Any = None,
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Return the Brennan-Prediger coefficient: chance agreement as if categories were drawn evenly.

    Brennan & Prediger 1981; weighted, and for any number of raters, Gwet 2014. Result and errors as those of :func:`gwet_ac`.

    Parameters
    ----------
    ratings, categories, weights, clusters, interval, draws, seed, confidence
        As in :func:`fleiss_kappa`.
    """
    family = _Family(ratings, categories, weights, clusters)
    return _even_chance(family, f"Brennan-Prediger, {family.name}", interval, draws, seed, confidence)


def _even_chance(family: _Family, method: str, interval: Kind, draws: int, seed: int, confidence: float) -> Agreement:
    even = float(family.weights.mean())
    how = {"kind": interval, "draws": draws, "seed": seed, "confidence": confidence}
    return family.record(
        lambda sums: _corrected(sums, np.asarray(even)),
        lambda shares: np.full(len(shares), even),
        lambda counts, shares: np.full(len(counts), even),
        method=method,
        how=how,
    )[0]


def pabak(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    weights: Any = None,
    clusters: Any = None,
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Return the prevalence- and bias-adjusted kappa, (q po - 1) / (q - 1); 2 po - 1 for two categories (Byrt et al. 1993).

    More raters or weights give the Brennan-Prediger coefficient, which is the same index.

    Parameters
    ----------
    ratings, categories, weights, clusters, interval, draws, seed, confidence
        As in :func:`fleiss_kappa`.

    Returns
    -------
    Agreement
        ``detail`` as that of :func:`gwet_ac`; of two raters also Cohen's ``kappa``, unweighted, and with two categories
        ``prevalence_index``, ``bias_index``, ``ppos``, ``pneg``.
    """
    family = _Family(ratings, categories, weights, clusters)
    record = _even_chance(family, f"PABAK, {family.name}", interval, draws, seed, confidence)
    q = len(family.weights)
    if len(family.data.raters) == 2:
        joint = joint_rows(family.data.codes, [(0, 1)], q).sum(axis=0).reshape(q, q)
        p = joint / joint.sum()
        chance = float((p.sum(axis=1) * p.sum(axis=0)).sum())
        record.detail["kappa"] = (float(np.trace(p)) - chance) / (1 - chance) if chance < 1 else math.nan
        if q == 2:
            record.detail.update(two_by_two(joint))
    return record


def percent_agreement(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    within: int = 0,
    clusters: Any = None,
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Return the share of pairs of ratings that agree exactly, or ``within`` so many categories; no chance correction.

    Parameters
    ----------
    ratings, categories, clusters, interval, draws, seed, confidence
        As in :func:`fleiss_kappa`.
    within : int
        How many places of the scale two ratings may lie apart; 0 for exact agreement.

    Returns
    -------
    Agreement
        The mean over subjects with two ratings or more, 0 to 1.
    """
    data = coded(ratings, categories, clusters)
    places = np.arange(len(data.categories))
    if within < 0:
        raise InputError(f"within is {within}", allowed="0 for exact agreement, or so many categories")
    close = (np.abs(places[:, None] - places[None, :]) <= within).astype(float)
    family = _Family(ratings, data.categories, close, clusters)
    found = cluster_interval(
        family.sums,
        lambda s: s[:, 2] / s[:, 1],
        kind=interval,
        draws=draws,
        seed=seed,
        confidence=confidence,
        unit=family.data.unit,
    )
    method = "exact agreement" if within == 0 else f"agreement within {within}"
    formula = delta_method(family.sums, lambda s: s[:, 2] / s[:, 1], float(found.value[0]), confidence)
    return build(
        found,
        subjects=data.subjects - family.single,
        raters=len(data.raters),
        method=method,
        confidence=confidence,
        detail={"po": family.observed, "left_out": data.empty + family.single},
        analytic=formula,
        banded=False,
        bounds=(0.0, 1.0),
        chance=1.0,
        units=family.units,
    )
