"""Conger's kappa: chance agreement from each rater's own margin, any number of raters, missing ratings allowed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from blues.agree.multirater import agreeing, gwet_interval
from blues.agree.pairwise import ac1_of, delta_method, undefined_because
from blues.agree.record import Agreement, LargeSample, build
from blues.agree.resample import ClusterSums, Kind, beyond_chance, cluster_interval, influence, sum_clusters
from blues.agree.scale import Coded, coded, comparable_units
from blues.agree.weights import agreement_weights

__all__ = ["conger_kappa"]


def conger_kappa(
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
    """Return Conger's kappa: chance agreement is the mean over pairs of raters of their own margins (Conger 1980).

    With complete ratings of two raters it is Cohen's kappa. A rater's margin is over all that the rater rated (Gwet 2014).

    Parameters
    ----------
    ratings, categories, weights, clusters, interval, draws, seed, confidence
        As in :func:`blues.agree.fleiss_kappa`.

    Returns
    -------
    Agreement
        ``detail``: ``po``, ``pe``, ``percent_agreement``, ``ac1``, ``margins`` (share of each category by rater).

    Raises
    ------
    InputError
        As :func:`blues.agree.fleiss_kappa`.
    """
    data = coded(ratings, categories, clusters)
    w, name = agreement_weights(weights, data.categories)
    sums = _conger_sums(data, w)
    m, q = len(data.raters), len(w)
    found = cluster_interval(
        sums, lambda s: _conger(s, m, w), kind=interval, draws=draws, seed=seed, confidence=confidence, unit=data.unit
    )
    total = sums.total
    margins = total[2:].reshape(m, q) / total[2:].reshape(m, q).sum(axis=1, keepdims=True)
    observed = float(total[1] / total[0])
    exact = observed if name == "unweighted" else float(_conger_sums(data, np.eye(q)).total[1] / total[0])
    value = float(found.value[0])
    formula = _conger_variance(sums, m, w, value, confidence) if data.clusters is None else None
    formula = formula or delta_method(sums, lambda s: _conger(s, m, w), value, confidence)
    return build(
        found,
        subjects=int(total[0]),
        raters=m,
        method=f"Conger's kappa, {name}",
        confidence=confidence,
        detail={
            "po": observed,
            "pe": _margin_chance(margins[None], w)[0],
            "weights": name,
            "percent_agreement": exact,
            "ac1": ac1_of(exact, margins.mean(axis=0)),
            "margins": pd.DataFrame(margins, index=list(data.raters), columns=list(data.categories)),
            "left_out": data.empty,
        },
        reason=partial(undefined_because, data),
        analytic=formula,
        chance=1 - float(_margin_chance(margins[None], w)[0]),
        units=comparable_units(data.codes >= 0, data.clusters),
    )


def _conger_sums(data: Coded, weights: np.ndarray) -> ClusterSums:
    """Return each cluster's sums: [two ratings or more, agreeing, ratings of each category by each rater (m * q)]."""
    patterns, index, times = data.patterns()
    q = len(weights)
    counts = np.stack([(patterns == k).sum(axis=1) for k in range(q)], axis=1)
    chosen = (patterns[:, :, None] == np.arange(q)).reshape(len(patterns), -1)
    rows = np.column_stack([counts.sum(axis=1) >= 2, agreeing(counts, weights), chosen]).astype(float)
    return sum_clusters(rows, index, data.clusters, times)


def _margin_chance(margins: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over ordered pairs of different raters of p_g' w p_h; margins (b, m, q) to (b,)."""
    m = margins.shape[1]
    total = margins.sum(axis=1)
    all_pairs = ((total @ weights) * total).sum(axis=1)
    same = ((margins @ weights) * margins).sum(axis=(1, 2))
    return (all_pairs - same) / (m * (m - 1))


def _conger(sums: np.ndarray, m: int, weights: np.ndarray) -> np.ndarray:
    chosen = sums[:, 2:].reshape(len(sums), m, len(weights))
    chance = _margin_chance(chosen / chosen.sum(axis=2, keepdims=True), weights)
    return beyond_chance(sums[:, 1] / sums[:, 0], chance)


def _conger_variance(
    sums: ClusterSums, m: int, weights: np.ndarray, value: float, confidence: float
) -> LargeSample | None:
    """Return Gwet's variance: the linearised one, but with a subject rated once counting as a coefficient of 0."""
    n = sums.clusters
    if n < 2 or not math.isfinite(value):
        return None
    with np.errstate(all="ignore"):
        own = influence(sums, lambda s: _conger(s, m, weights))[:, 0] * n
    two = np.asarray(sums.rows(0, len(sums.times))[:, 0])
    own = own + value * (n / float(sums.times @ two) * two - 1)
    se = math.sqrt(float(sums.times @ own**2) / (n * (n - 1)))
    return gwet_interval(value, se, n, confidence)
