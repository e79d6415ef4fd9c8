"""Consensus of experts as the truth, without the rater who is scored against it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from blues.agree.experts import panel
from blues.agree.pairwise import delta_method, kappas
from blues.agree.record import Agreement, build
from blues.agree.resample import Kind, cluster_interval, sum_clusters
from blues.agree.scale import coded
from blues.agree.weights import agreement_weights
from blues.check import InputError, one_of

__all__ = ["against_consensus", "consensus_shares", "leave_one_expert_out"]


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


def against_consensus(
    ratings: Any,
    *,
    rater: str,
    experts: Sequence[str],
    categories: Iterable[Any] | None = None,
    weights: Any = None,
    clusters: Any = None,
    rule: str = "median",
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Return kappa of a rater with the consensus of experts, of whom the rater must not be one.

    Parameters
    ----------
    rater : str
        Who is scored.
    experts : sequence of str
        Whose consensus counts as the truth.
    rule : {"median", "majority"}
        Consensus of ordinal or nominal ratings; ties are shared equally.
    ratings, categories, weights, clusters, interval, draws, seed, confidence
        As in :func:`blues.agree.cohen_kappa`.

    Returns
    -------
    Agreement
        ``detail``: ``experts``, ``rule``.

    Raises
    ------
    InputError
        If ``rater`` is among ``experts``: an expert agrees with a consensus that contains the expert's own rating, which says
        nothing (incorporation bias).
    """
    one_of(rule, ("median", "majority"), "rule")
    data = coded(ratings, categories, clusters)
    for name in (rater, *experts):
        if str(name) not in data.raters:
            raise InputError(f"no rater {name!r}", allowed=data.raters)
    if str(rater) in map(str, experts):
        raise InputError(
            f"{rater!r} is part of the consensus it would be scored against: agreement with one's own rating is built in",
            remedy="Use leave_one_expert_out, which takes the consensus of the others",
        )
    w, scheme = agreement_weights(weights, data.categories)
    patterns, index, times = data.patterns()
    place, others = data.raters.index(str(rater)), [data.raters.index(str(e)) for e in experts]
    rows = _against(patterns, place, others, len(w), rule)
    sums = sum_clusters(rows, index, data.clusters, times)
    if sums.total.sum() == 0:
        raise InputError(f"{rater!r} rated no subject that the experts rated")
    found = cluster_interval(
        sums, lambda s: kappas(s, 1 - w), kind=interval, draws=draws, seed=seed, confidence=confidence, unit=data.unit
    )
    return build(
        found,
        subjects=int(round(sums.total.sum())),
        raters=1 + len(others),
        method=f"Cohen's kappa of {rater!r} with the {rule} of {len(others)} experts, {scheme}",
        confidence=confidence,
        detail={"experts": [str(e) for e in experts], "rule": rule},
        reason="rater and consensus gave one and the same category throughout; percent agreement is 1.00",
        analytic=delta_method(
            sums, lambda s: kappas(s, 1 - w), float(found.value[0]), confidence, data.clusters is None
        ),
    )


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
