"""A model as one more rater: its agreement with each expert beside that of the experts with each other.

References: Williams, Biometrics 1976 (index); Obuchowski, Stat Med 2001 and Obuchowski et al., Acad Radiol 2022
(individual equivalence, interchangeability).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from blues.agree.pairwise import delta_method, kappas, pair_sums
from blues.agree.record import Agreement, build
from blues.agree.resample import Interval, Kind, cluster_interval, sum_clusters
from blues.agree.scale import Coded, coded
from blues.agree.weights import agreement_weights
from blues.check import InputError, one_of

__all__ = ["interchangeability", "non_inferiority", "panel", "williams_index"]


def panel(
    ratings: Any, categories: Iterable[Any] | None, clusters: Any, model: str | None
) -> tuple[Coded, int, list[int], str]:
    """Return coded ratings, the model's column, the experts' columns and the model's name."""
    data = coded(ratings, categories, clusters)
    names = data.raters
    if model is None:
        model = "model" if "model" in names else names[-1]
    if str(model) not in names:
        raise InputError(f"no rater {model!r}, which was named as the model", allowed=names)
    place = names.index(str(model))
    experts = [j for j in range(len(names)) if j != place]
    if len(experts) < 2:
        raise InputError(
            f"comparing {model!r} with the experts needs two experts, and there is {len(experts)}",
            remedy="With one expert, cohen_kappa says how far the model agrees with that expert",
        )
    return data, place, experts, str(model)


def _pair_lists(data: Coded, model: int, experts: Sequence[int]) -> tuple[list[tuple[int, int]], int]:
    """Return the pairs that share a subject, model's first, and how many of them are the model's."""
    rated = data.codes >= 0
    ours = [(model, j) for j in experts if (rated[:, model] & rated[:, j]).any()]
    theirs = [(j, k) for j, k in combinations(experts, 2) if (rated[:, j] & rated[:, k]).any()]
    if not ours or not theirs:
        who = f"{data.raters[model]!r} and any expert" if not ours else "any two experts"
        raise InputError(f"{who} rated no subject in common, so they cannot be compared")
    return ours + theirs, len(ours)


def _two_means(sums: np.ndarray, weights: np.ndarray, ours: int, coefficient: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean agreement of the model's pairs and of the experts' pairs, each (b,)."""
    if coefficient == "kappa":
        each = kappas(sums, 1 - weights)
    else:
        table = sums.reshape(len(sums), -1, weights.size)
        each = table @ weights.ravel() / table.sum(axis=2)
    return each[:, :ours].mean(axis=1), each[:, ours:].mean(axis=1)


def williams_index(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    weights: Any = None,
    clusters: Any = None,
    model: str | None = None,
    coefficient: str = "kappa",
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Return Williams' index: mean agreement of the model with each expert over mean agreement among the experts.

    1 means that the model agrees with the experts as well as they agree with one another; an interval that lies below 1,
    that it does not (Williams 1976).

    Parameters
    ----------
    ratings : array or DataFrame, shape (subjects, raters)
        The model is one column; at least two experts.
    model : str, optional
        Name of the model's column; by default the one called ``model``, else the last.
    coefficient : {"kappa", "agreement"}
        Cohen's kappa as weighted, or (weighted) observed agreement as in the paper of 1976.
    categories, weights, clusters, interval, draws, seed, confidence
        As in :func:`blues.agree.cohen_kappa`.

    Returns
    -------
    Agreement
        ``detail``: ``model_expert`` and ``expert_expert`` (the two means), ``pairs``, ``model``.

    Examples
    --------
    >>> import numpy as np
    >>> expert = np.array([0, 1, 2, 3, 0, 1, 2, 3])
    >>> r = np.column_stack([expert, [0, 1, 2, 2, 0, 1, 1, 3], expert])
    >>> round(williams_index(r, categories=[0, 1, 2, 3], weights="quadratic").value, 3)
    1.062
    """
    one_of(coefficient, ("kappa", "agreement"), "coefficient")
    data, place, experts, name = panel(ratings, categories, clusters, model)
    w, scheme = agreement_weights(weights, data.categories)
    chosen, ours = _pair_lists(data, place, experts)
    sums = pair_sums(data, chosen)

    def function(s: np.ndarray) -> np.ndarray:
        first, second = _two_means(s, w, ours, coefficient)
        return np.stack([first / second, first, second], axis=1)

    found = cluster_interval(
        sums, function, kind=interval, draws=draws, seed=seed, confidence=confidence, unit=data.unit
    )
    value = float(found.value[0])
    words = "kappa" if coefficient == "kappa" else "observed agreement"
    record = build(
        found,
        subjects=data.subjects,
        raters=len(data.raters),
        method=f"Williams' index of {name!r}, {words}, {scheme}",
        confidence=confidence,
        detail={**_means(found), "model": name, "pairs": _pairs(data, chosen, ours, sums.total, w)},
        reason="the agreement of some pair, or the mean among the experts, is undefined or zero",
        analytic=delta_method(sums, function, value, confidence, data.clusters is None),
        banded=False,
        bounds=(-math.inf, math.inf),
    )
    if found.value[2] <= 0:
        record.detail["note"] = "the experts agree no better than by chance, so the ratio has no meaning"
    return record


def _means(found: Interval) -> dict[str, Any]:
    names = ("value", "low", "high", "se")
    return {
        key: dict(zip(names, (float(a[j]) for a in (found.value, found.low, found.high, found.se)), strict=True))
        for j, key in ((1, "model_expert"), (2, "expert_expert"))
    }


def _pairs(
    data: Coded, chosen: Sequence[tuple[int, int]], ours: int, total: np.ndarray, weights: np.ndarray
) -> pd.DataFrame:
    with np.errstate(all="ignore"):
        values = kappas(total[None, :], 1 - weights)[0]
    return pd.DataFrame(
        {
            "rater_a": [data.raters[a] for a, _ in chosen],
            "rater_b": [data.raters[b] for _, b in chosen],
            "kind": ["model-expert"] * ours + ["expert-expert"] * (len(chosen) - ours),
            "kappa": values,
            "subjects": total.reshape(len(chosen), -1).sum(axis=1).astype(int),
        }
    )


def _margin(margin: float) -> float:
    if not (isinstance(margin, (int, float)) and math.isfinite(margin) and margin != 0):
        raise InputError(
            f"margin must be a number other than 0, and is {margin!r}", allowed="such as -0.10, chosen in advance"
        )
    return abs(float(margin))


def non_inferiority(
    ratings: Any,
    *,
    margin: float,
    categories: Iterable[Any] | None = None,
    weights: Any = None,
    clusters: Any = None,
    model: str | None = None,
    coefficient: str = "kappa",
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Return mean agreement of model with experts minus that among experts, held against a margin chosen in advance.

    The model is not inferior when the lower limit lies above minus the margin. The two-sided ``confidence`` of 0.95 makes it a
    one-sided test at 2.5%.

    Parameters
    ----------
    margin : float
        The loss of agreement that would still be accepted, such as 0.10 (or -0.10). There is no default: it belongs into the
        analysis plan, before the data are seen.
    ratings, model, coefficient, categories, weights, clusters, interval, draws, seed, confidence
        As in :func:`williams_index`.

    Returns
    -------
    Agreement
        ``detail``: ``margin`` (negative), ``non_inferior`` (bool), ``model_expert``, ``expert_expert``, ``pairs``.
    """
    one_of(coefficient, ("kappa", "agreement"), "coefficient")
    limit = -_margin(margin)
    data, place, experts, name = panel(ratings, categories, clusters, model)
    w, scheme = agreement_weights(weights, data.categories)
    chosen, ours = _pair_lists(data, place, experts)
    sums = pair_sums(data, chosen)

    def function(s: np.ndarray) -> np.ndarray:
        first, second = _two_means(s, w, ours, coefficient)
        return np.stack([first - second, first, second], axis=1)

    found = cluster_interval(
        sums, function, kind=interval, draws=draws, seed=seed, confidence=confidence, unit=data.unit
    )
    record = build(
        found,
        subjects=data.subjects,
        raters=len(data.raters),
        method=f"model-expert minus expert-expert {coefficient} of {name!r}, {scheme}",
        confidence=confidence,
        detail={
            **_means(found),
            "margin": limit,
            "model": name,
            "pairs": _pairs(data, chosen, ours, sums.total, w),
        },
        reason="the agreement of some pair is undefined",
        analytic=delta_method(sums, function, float(found.value[0]), confidence, data.clusters is None),
        banded=False,
    )
    record.detail["non_inferior"] = bool(record.low > limit) if math.isfinite(record.low) else None
    record.detail["verdict"] = {
        True: f"not inferior by the margin of {limit:g}, above which the lower limit lies",
        False: f"non-inferiority by the margin of {limit:g} is not shown: the lower limit does not lie above it",
        None: f"nothing is said of the margin of {limit:g}, for there is no interval",
    }[record.detail["non_inferior"]]
    return record


def interchangeability(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    weights: Any = None,
    clusters: Any = None,
    model: str | None = None,
    margin: float | None = None,
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Return the individual equivalence index gamma of a model and the experts.

    gamma = P(disagree | model and an expert) - P(disagree | two experts), in subjects that the model and at least two experts
    rated, each subject's pairs averaged (Obuchowski 2001). At 0 the model could stand for an expert without anyone noticing;
    the model is interchangeable when the upper limit lies below the margin.

    Parameters
    ----------
    weights
        Disagreement counts 1 - w, so linear or quadratic weights count near misses less.
    margin : float, optional
        The rise of disagreement that would be accepted, such as 0.05, chosen in advance.
    ratings, model, categories, clusters, interval, draws, seed, confidence
        As in :func:`williams_index`.

    Returns
    -------
    Agreement
        ``detail``: ``model_expert`` and ``expert_expert`` (the two probabilities), ``margin``, ``interchangeable``.
    """
    data, place, experts, name = panel(ratings, categories, clusters, model)
    w, scheme = agreement_weights(weights, data.categories)
    patterns, index, times = data.patterns()
    own, other = _disagreement(patterns, place, experts, 1 - w)
    rows = np.where(np.isfinite(own + other)[:, None], np.column_stack([np.ones(len(own)), own, other]), 0.0)
    sums = sum_clusters(rows, index, data.clusters, times)
    if sums.total[0] == 0:
        raise InputError(f"no subject was rated by {name!r} and two experts, so they cannot be exchanged")

    def function(s: np.ndarray) -> np.ndarray:
        first, second = s[:, 1] / s[:, 0], s[:, 2] / s[:, 0]
        return np.stack([first - second, first, second], axis=1)

    found = cluster_interval(
        sums, function, kind=interval, draws=draws, seed=seed, confidence=confidence, unit=data.unit
    )
    record = build(
        found,
        subjects=int(sums.total[0]),
        raters=len(data.raters),
        method=f"individual equivalence index of {name!r}, {scheme}",
        confidence=confidence,
        detail={**_means(found), "model": name},
        analytic=delta_method(sums, function, float(found.value[0]), confidence, data.clusters is None),
        banded=False,
    )
    if margin is not None:
        record.detail["margin"] = _margin(margin)
        record.detail["interchangeable"] = bool(record.high < _margin(margin)) if math.isfinite(record.high) else None
        limit = record.detail["margin"]
        record.detail["verdict"] = {
            True: f"interchangeable by the margin of {limit:g}, below which the upper limit lies",
            False: f"interchangeability by the margin of {limit:g} is not shown: the upper limit does not lie below it",
            None: f"nothing is said of the margin of {limit:g}, for there is no interval",
        }[record.detail["interchangeable"]]
    return record


def _disagreement(
    patterns: np.ndarray, model: int, experts: Sequence[int], disagreement: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean disagreement of each pattern's model-expert and expert-expert pairs, (p,) each; NaN without a pair."""

    def mean(pairs: Iterable[tuple[int, int]]) -> np.ndarray:
        total, number = np.zeros(len(patterns)), np.zeros(len(patterns))
        for a, b in pairs:
            both = (patterns[:, a] >= 0) & (patterns[:, b] >= 0)
            total[both] += disagreement[patterns[both, a], patterns[both, b]]
            number += both
        return np.where(number > 0, total / np.maximum(number, 1), np.nan)

    return mean((model, j) for j in experts), mean(combinations(experts, 2))
