"""The frames behind the figures of a binary outcome: as the run saved them, or from each row's averaged prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from blues import evaluate
from blues.fuse.tables import benefit, risk_table
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


def _of_key_arms(facts: Facts, name: str) -> pd.DataFrame:
    """Return a risk table of the key arms as the run saved it; of runs from before it was saved, made anew."""
    table = getattr(facts.run, name)
    if not len(table):
        by_arm = {arm: facts.run.predictions[facts.run.predictions["arm"] == arm] for arm in facts.key_arms}
        table = risk_table(name, {a: part for a, part in by_arm.items() if len(usable(facts, a))}, facts.run.experiment)
    parts = [table[table["arm"] == arm] for arm in facts.key_arms] if len(table) else [table]
    return pd.concat(parts, ignore_index=True)


def calibration_frames(facts: Facts) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return ``arm, predicted, observed`` (smoothed) of the key arms, and each arm's calibration numbers by ``metric``."""
    numbers = _of_key_arms(facts, "calibration")
    found = (
        {str(arm): part.set_index("metric") for arm, part in numbers.groupby("arm", sort=False)} if len(numbers) else {}
    )
    parts = []
    for arm in found:
        table = usable(facts, arm)
        curve = evaluate.smooth_calibration(table["y"], table["p"]).rename(columns={"p": "predicted"})
        curve = curve.drop_duplicates("predicted")
        keep = np.unique(np.linspace(0, len(curve) - 1, min(200, len(curve))).astype(int))
        parts.append(curve.iloc[keep].assign(arm=arm))
    return (pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()), found


def decision_frame(facts: Facts) -> pd.DataFrame:
    """Return ``arm, threshold, net_benefit, low, high`` of the key arms and of treating all (arm ``all``)."""
    frame = _of_key_arms(facts, "decision")
    if not len(frame):
        return frame
    first = frame[frame["arm"] == frame["arm"].iloc[0]]
    everyone = pd.DataFrame({"threshold": first["threshold"], "net_benefit": first["treat_all"], "arm": "all"})
    return pd.concat([frame[["arm", "threshold", "net_benefit", "low", "high"]], everyone], ignore_index=True)


def decision_difference(facts: Facts, thresholds: Sequence[float]) -> pd.DataFrame:
    """Return the :func:`blues.evaluate.benefit_table` of the headline at some thresholds; empty where there is none.

    As the run saved it; of runs from before it was saved, made anew.
    """
    arm, reference, table = facts.candidate, facts.reference, facts.run.benefit
    if arm is None or reference is None:
        return pd.DataFrame()
    if not len(table):
        both = usable(facts, arm).merge(usable(facts, reference)[["row"]], on="row")
        if both["y"].nunique() < 2:
            return pd.DataFrame()
        by_arm = {one: facts.run.predictions[facts.run.predictions["arm"] == one] for one in (arm, reference)}
        table = benefit(by_arm, arm, reference, facts.run.experiment)
    table = table[(table["arm"] == arm) & (table["reference"] == reference)]
    return table[table["threshold"].round(2).isin(thresholds)]
