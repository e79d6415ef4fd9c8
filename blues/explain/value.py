"""What each modality is worth: Shapley values of a score over all subsets of modalities, from the arms' predictions alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from blues import check, evaluate
from blues.check import ROUNDING
from blues.evaluate.outoffold import METRICS, OutOfFold, bootstrap_strata
from blues.evaluate.utility import net_benefit_rows
from blues.features.arm_names import modalities, model_of

__all__ = ["Subset", "arm_tables", "interaction", "modality_value"]

Subset = frozenset[str]
_SCORES = {"binary": ("auroc", "net_benefit"), "ordinal": ("mae",), "continuous": ("mae",)}


def modality_value(
    predictions: pd.DataFrame,
    kind: str = "binary",
    *,
    metric: str | None = None,
    threshold: float | None = None,
    suffix: str = "",
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Shapley value of each modality for a score of the predictions [1]_, beside leave-one-modality-out.

    Parameters
    ----------
    predictions : DataFrame
        ``patient`` (and ``clip``), ``arm``, ``repeat``, ``fold``, ``y``, ``p``, with an arm for every subset of the modalities.
        Only patients whom every arm predicts are counted.
    kind : {"binary", "ordinal", "continuous"}
    metric : str, optional
        ``"auroc"`` (default) or ``"net_benefit"`` for a binary outcome, ``"mae"`` for others (a gain is an error less).
    threshold : float, optional
        Of the net benefit; by default the prevalence of the patients counted.
    suffix : str
        The model in the arms' names, ``"forest"`` of ``"blood [forest]"``.
    draws, seed : int
        Bootstrap over patients, for the AUROC within classes: all subsets on the same draws.
    level : float

    Returns
    -------
    DataFrame
        ``what`` (``"Shapley value"``, ``"left out"``: what the score of all loses without it, ``"alone"``: what it gains on
        knowing nothing, ``"interaction"``: Shapley interaction of two [2]_, and ``"all"``: what all of them gain),
        ``modality, metric, value, low, high, patients``. The Shapley values add up to ``"all"``.

    Raises
    ------
    InputError
        When an arm for a subset is not there.

    Notes
    -----
    Knowing nothing scores AUROC 0.5, a net benefit of the better of treating all and none, and the error of the mean. Which is
    better is decided once, on all patients (none, where they tie, as at a threshold of the prevalence), and held in every
    draw of the bootstrap.

    References
    ----------
    .. [1] Covert I, Lundberg SM, Lee SI. Understanding global feature contributions with additive importance measures.
       NeurIPS 2020.
    .. [2] Grabisch M, Roubens M. An axiomatic approach to the concept of interaction among players in cooperative games.
       Int J Game Theory 1999;28:547-565.
    """
    check.columns_exist(("patient", "arm", "repeat", "fold", "y", "p"), predictions.columns, "predictions")
    check.one_of(kind, list(_SCORES), "kind of target")
    metric = check.one_of(metric or _SCORES[kind][0], _SCORES[kind], "metric")
    tables = arm_tables(predictions, kind, suffix)
    first = next(iter(tables.values()))
    strata = bootstrap_strata(first, kind, metric)
    weights = np.vstack([np.ones(len(strata)), evaluate.bootstrap_weights(strata, draws, seed)])[:, first.codes]
    worth: dict[Subset, np.ndarray] = {frozenset(): _nothing(first, metric, threshold, weights)}
    for subset, table in tables.items():
        worth[subset] = _score(table, kind, metric, threshold, weights)
    # singles come first, in the order of the largest arm
    names = [name for subset in tables if len(subset) == 1 for name in subset]
    everything = frozenset(names)
    found = [("Shapley value", name, _shapley(worth, name, names)) for name in names]
    found += [("left out", name, worth[everything] - worth[everything - {name}]) for name in names]
    found += [("alone", name, worth[frozenset({name})] - worth[frozenset()]) for name in names]
    found += [("interaction", f"{a} and {b}", interaction(worth, a, b, names)) for a, b in combinations(names, 2)]
    found += [("all", " + ".join(names), worth[everything] - worth[frozenset()])]
    tail = 100 * (1 - level) / 2
    rows = []
    for what, name, values in found:
        low, high = np.nanpercentile(values[1:], [tail, 100 - tail])
        rows.append(
            {
                "what": what,
                "modality": name,
                "metric": metric,
                "value": float(values[0]),
                "low": float(low),
                "high": float(high),
                "patients": len(strata),
            }
        )
    return pd.DataFrame(rows)


def arm_tables(predictions: pd.DataFrame, kind: str, suffix: str) -> dict[Subset, OutOfFold]:
    """Return each subset's predictions, cut to the rows that every arm predicts, in one order."""
    names = [str(a) for a in dict.fromkeys(predictions["arm"])]
    # single arms (rules, baselines) have no place among the subsets: subsets are made of what stands in a sum
    arms = {a: modalities(a) for a in names if model_of(a) == suffix}
    largest = max(arms.values(), key=len, default=())
    wanted = {frozenset(c): c for size in range(1, len(largest) + 1) for c in combinations(largest, size)}
    by_subset = {frozenset(parts): arm for arm, parts in arms.items()}
    missing = ["+".join(c) for subset, c in wanted.items() if subset not in by_subset]
    if missing or not wanted:
        raise check.InputError(
            f"no arm for {', '.join(missing) or 'any modality'}" + (f" of model {suffix!r}" if suffix else ""),
            allowed="an arm for every subset of the modalities",
        )
    # the error of an ordinal outcome needs no categories
    as_kind = "binary" if kind == "binary" else "continuous"
    parts = {subset: predictions[predictions["arm"] == by_subset[subset]] for subset in wanted}
    tables = {subset: evaluate.out_of_fold(part, as_kind) for subset, part in parts.items()}
    common = set.intersection(*(set(t.rows) for t in tables.values()))
    if not common:
        raise check.InputError("no patient is predicted by every arm")
    cut = {}
    for subset, table in tables.items():
        columns = np.flatnonzero([row in common for row in table.rows])
        cut[subset] = table.take(columns[np.argsort(table.rows[columns].astype(str), kind="stable")])
    return cut


def _score(table: OutOfFold, kind: str, metric: str, threshold: float | None, weights: np.ndarray) -> np.ndarray:
    if metric == "net_benefit":
        cut = np.array([_threshold(table, threshold)])
        rows = np.mean([net_benefit_rows(table.y, p, cut)[:, 0] for p in table.p], axis=0)
        return np.asarray(weights @ rows / weights.sum(axis=1))
    if metric == "mae":
        return -np.asarray(METRICS["continuous"]["mae"](table, weights))
    return np.asarray(METRICS[kind][metric](table, weights))


def _threshold(table: OutOfFold, threshold: float | None) -> float:
    return float(table.y.mean()) if threshold is None else float(threshold)


def _nothing(table: OutOfFold, metric: str, threshold: float | None, weights: np.ndarray) -> np.ndarray:
    """Return the score of knowing nothing but the outcome's distribution."""
    size = weights.sum(axis=1)
    if metric == "auroc":
        return np.full(len(weights), 0.5)
    if metric == "net_benefit":
        cut, prevalence = _threshold(table, threshold), weights @ table.y / size
        treat_all = np.asarray(prevalence - (1 - prevalence) * cut / (1 - cut))
        # the better of the two in every draw is above the better one on average, most where the threshold is the prevalence
        return treat_all if treat_all[0] > ROUNDING else np.zeros(len(weights))
    mean = (weights @ table.y / size)[:, None]
    return -np.asarray((weights * np.abs(table.y[None] - mean)).sum(axis=1) / size)


def _shapley(worth: Mapping[Subset, np.ndarray], name: str, names: list[str]) -> np.ndarray:
    others, n = [m for m in names if m != name], len(names)
    total = np.zeros_like(worth[frozenset()])
    for size in range(n):
        share = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
        for chosen in combinations(others, size):
            total = total + share * (worth[frozenset((*chosen, name))] - worth[frozenset(chosen)])
    return total


def interaction(worth: Mapping[Subset, np.ndarray], a: str, b: str, names: list[str]) -> np.ndarray:
    """Return the Shapley interaction index of two modalities, of whatever the subsets are worth."""
    others, n = [m for m in names if m not in (a, b)], len(names)
    total = np.zeros_like(worth[frozenset()])
    for size in range(n - 1):
        share = math.factorial(size) * math.factorial(n - size - 2) / math.factorial(n - 1)
        for chosen in combinations(others, size):
            with_both, with_none = worth[frozenset((*chosen, a, b))], worth[frozenset(chosen)]
            total = total + share * (
                with_both - worth[frozenset((*chosen, a))] - worth[frozenset((*chosen, b))] + with_none
            )
    return total
