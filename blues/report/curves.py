"""The frames behind the figures of a binary outcome, from each row's averaged out-of-fold prediction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from blues import evaluate
from blues.evaluate.risk import THRESHOLDS
from blues.report import timed
from blues.report.facts import Facts

__all__ = ["calibration_frames", "decision_frame", "precision_recall_frame", "repeats_frame", "roc_frame", "usable"]

MOST_ROWS = 20_000
"""Curves of larger cohorts are drawn from this many rows, so that bootstrap bands take seconds."""


def usable(facts: Facts, arm: str) -> pd.DataFrame:
    """Return an arm's averaged predictions: both classes present and probabilities, else an empty frame."""
    table = facts.of(arm)
    good = table["y"].isin((0, 1)).all() and table["y"].nunique() == 2 and table["p"].between(0, 1).all()
    return table if good else table.iloc[:0]


def _each(facts: Facts, make: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    parts = []
    for arm in facts.key_arms:
        table = usable(facts, arm)
        if len(table) > MOST_ROWS:
            table = table.iloc[np.linspace(0, len(table) - 1, MOST_ROWS).astype(int)]
        if table["y"].nunique() == 2:
            parts.append(make(table).assign(arm=arm))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _draws(table: pd.DataFrame) -> int:
    return int(np.clip(400_000 // max(len(table), 1), 50, 1000))


def roc_frame(facts: Facts, seed: int = 0) -> pd.DataFrame:
    """Return ``arm, fpr, tpr, low, high`` of the key arms; the band is pointwise, from a bootstrap over patients."""

    def make(table: pd.DataFrame) -> pd.DataFrame:
        arm = str(table["arm"].iloc[0])
        several = facts.repeats_of(arm) if len(table) <= 1000 else np.empty((0, 0))
        score = several[:, : len(table)] if len(several) else table["p"]
        clusters = table["patient"] if table["patient"].duplicated().any() else None
        return evaluate.roc_curve(
            table["y"], score, clusters=clusters, points=101, draws=_draws(table) // (1 + len(several) // 5), seed=seed
        )

    return _each(facts, make)


def precision_recall_frame(facts: Facts) -> pd.DataFrame:
    """Return ``arm, recall, precision`` of the key arms at every distinct prediction (thinned to 400)."""

    def make(table: pd.DataFrame) -> pd.DataFrame:
        order = table.sort_values("p", ascending=False, kind="stable")
        hits, called = order["y"].cumsum().to_numpy(float), np.arange(1, len(order) + 1)
        last = np.append(np.diff(order["p"].to_numpy()) != 0, True)
        frame = pd.DataFrame({"recall": hits[last] / hits[-1], "precision": hits[last] / called[last]})
        return frame.iloc[np.unique(np.linspace(0, len(frame) - 1, min(400, len(frame))).astype(int))]

    return _each(facts, make)


def repeats_frame(facts: Facts) -> pd.DataFrame:
    """Return ``arm, repeat, value``: the main metric in each repeat of the cross-validation."""
    if facts.timed:
        return timed.repeats_frame(facts)
    rows = [
        (str(arm), int(repeat), float(evaluate.point_score(part, facts.metric)))
        for (arm, repeat), part in facts.run.predictions.groupby(["arm", "repeat"], sort=False)
        # an arm without a score of ranking (the prevalence) has none in a repeat either
        if np.isfinite(facts.score(str(arm))[0])
    ]
    return pd.DataFrame(rows, columns=["arm", "repeat", "value"])


def calibration_frames(facts: Facts) -> tuple[pd.DataFrame, dict[str, evaluate.Calibration]]:
    """Return ``arm, predicted, observed`` (smoothed) of the key arms, and each arm's calibration numbers."""
    found: dict[str, evaluate.Calibration] = {}
    parts = []
    for arm in facts.key_arms:
        table = usable(facts, arm)
        if not len(table):
            continue
        clusters = table["patient"] if table["patient"].duplicated().any() else None
        found[arm] = evaluate.calibration(table["y"], table["p"], clusters=clusters)
        curve = found[arm].curve.rename(columns={"p": "predicted"}).drop_duplicates("predicted")
        keep = np.unique(np.linspace(0, len(curve) - 1, min(200, len(curve))).astype(int))
        parts.append(curve.iloc[keep].assign(arm=arm))
    return (pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()), found


def decision_frame(facts: Facts, seed: int = 0) -> pd.DataFrame:
    """Return ``arm, threshold, net_benefit, low, high`` of the key arms and of treating all (arm ``all``)."""

    def make(table: pd.DataFrame) -> pd.DataFrame:
        return evaluate.net_benefit(
            table["y"], table["p"], THRESHOLDS, clusters=table["patient"], draws=_draws(table), seed=seed
        )

    frame = _each(facts, make)
    if not len(frame):
        return frame
    first = frame[frame["arm"] == frame["arm"].iloc[0]]
    everyone = pd.DataFrame({"threshold": first["threshold"], "net_benefit": first["treat_all"], "arm": "all"})
    models = frame.rename(columns={"model": "net_benefit"})[["arm", "threshold", "net_benefit", "low", "high"]]
    return pd.concat([models, everyone], ignore_index=True)


def decision_difference(facts: Facts, thresholds: tuple[float, ...], seed: int = 0) -> pd.DataFrame:
    """Return the net benefit with and without images, and their paired difference with its interval, by threshold."""
    if facts.candidate is None or facts.reference is None:
        return pd.DataFrame()
    pair = usable(facts, facts.candidate).merge(
        usable(facts, facts.reference)[["row", "p"]], on="row", suffixes=("", "_reference")
    )
    if pair["y"].nunique() < 2:
        return pd.DataFrame()
    return evaluate.net_benefit(
        pair["y"],
        pair["p"],
        thresholds,
        other=pair["p_reference"],
        clusters=pair["patient"],
        draws=_draws(pair),
        seed=seed,
    )
