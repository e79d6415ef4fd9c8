"""Consensus of experts as the truth, without the rater who is scored against it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from blues.agree.experts import panel
from blues.agree.pairwise import kappas
from blues.agree.resample import Kind, cluster_interval, sum_clusters
from blues.agree.weights import agreement_weights
from blues.check import one_of

__all__ = ["consensus_shares", "leave_one_expert_out"]


def consensus_shares(codes: np.ndarray, q: int, rule: str) -> np.ndarray:
    """Return the consensus of some raters as shares of each category, (p, q); rows of zeros where nobody rated.

    A tie is shared equally among the tied categories, so that no rule for ties favours anyone. ``majority`` takes the
    commonest category; ``median`` the middle one (the two middle ones of an even number).
    """
    counts = np.stack([(codes == k).sum(axis=1) for k in range(q)], axis=1).astype(float)
    if rule == "majority":
        top = (counts == counts.max(axis=1, keepdims=True)) & (counts > 0)
        return top / np.maximum(top.sum(axis=1, keepdims=True), 1)
    number = counts.sum(axis=1)
    upto = np.cumsum(counts, axis=1)
    found = np.zeros_like(counts)
    rows = np.arange(len(counts))
    for middle in ((number + 1) // 2, number // 2 + 1):
        found[rows, (upto >= middle[:, None]).argmax(axis=1)] += 0.5
    return found * (number > 0)[:, None]


def _against(patterns: np.ndarray, rater: int, others: Sequence[int], q: int, rule: str) -> np.ndarray:
    """Joint shares of a rater and the consensus of others, (p, q * q); zeros where either is missing."""
    shares = consensus_shares(patterns[:, list(others)], q, rule)
    own = (patterns[:, [rater]] == np.arange(q)).astype(float)
    return (own[:, :, None] * shares[:, None, :]).reshape(len(patterns), q * q)


def leave_one_expert_out(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    weights: Any = None,
    clusters: Any = None,
    model: str | None = None,
    rule: str = "median",
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Score the model and each left-out expert against the consensus of the other experts, on the same subjects.

    Parameters
    ----------
    rule : {"median", "majority"}
        Consensus of the others; ties are shared equally among the tied categories.
    ratings, model, categories, weights, clusters, interval, draws, seed, confidence
        As in :func:`williams_index`.

    Returns
    -------
    DataFrame
        One row a left-out expert and a last row, the mean: ``left_out, subjects, expert, expert_low, expert_high, model,
        model_low, model_high, difference, difference_low, difference_high`` (kappas; difference is model minus expert, paired),
        ``reason`` (why numbers are missing).
    """
    one_of(rule, ("median", "majority"), "rule")
    data, place, experts, _ = panel(ratings, categories, clusters, model)
    w, _ = agreement_weights(weights, data.categories)
    patterns, index, times = data.patterns()
    q = len(w)
    blocks = []
    for j in experts:
        others = [e for e in experts if e != j]
        both = ((patterns[:, j] >= 0) & (patterns[:, place] >= 0))[:, None]
        blocks += [_against(patterns, r, others, q, rule) * both for r in (place, j)]
    sums = sum_clusters(np.concatenate(blocks, axis=1), index, data.clusters, times)

    def function(s: np.ndarray) -> np.ndarray:
        each = kappas(s, 1 - w)
        ours, theirs = each[:, 0::2], each[:, 1::2]
        parts = [np.concatenate([x, x.mean(axis=1, keepdims=True)], axis=1) for x in (ours, theirs, ours - theirs)]
        return np.concatenate(parts, axis=1)

    found = cluster_interval(
        sums, function, kind=interval, draws=draws, seed=seed, confidence=confidence, unit=data.unit
    )
    lost = [data.raters[j] for j, value in zip(experts, found.value[: len(experts)], strict=True) if np.isnan(value)]
    k = len(experts) + 1
    numbers = [int(round(n)) for n in sums.total.reshape(-1, 2, q * q)[:, 0].sum(axis=1)]
    columns: dict[str, Any] = {
        "left_out": [data.raters[j] for j in experts] + ["mean"],
        "subjects": [*numbers, _scored(blocks, times)],
    }
    for name, part in (("expert", slice(k, 2 * k)), ("model", slice(0, k)), ("difference", slice(2 * k, 3 * k))):
        columns |= {name: found.value[part], f"{name}_low": found.low[part], f"{name}_high": found.high[part]}
    why = "shares no subject with the model and another expert, or kappa is 0/0"
    reasons = [why if data.raters[j] in lost else None for j in experts]
    columns["reason"] = [*reasons, f"undefined for {', '.join(lost)}" if lost else None]
    return pd.DataFrame(columns).astype({"reason": object})


def _scored(blocks: Sequence[np.ndarray], times: np.ndarray) -> int:
    """Return how many subjects enter any of the comparisons."""
    return int(times[np.any([block.sum(axis=1) > 0 for block in blocks], axis=0)].sum())
