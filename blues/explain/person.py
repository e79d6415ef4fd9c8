"""One patient: what each arm predicts and how surely, what it rests on, what was missing, and reasons not to trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from blues import check
from blues.explain.conformal import conformal
from blues.explain.points import MAXIMUM, right_first
from blues.explain.record import Attributions
from blues.explain.rollup import roll_up
from blues.explain.words import of_unit

__all__ = ["Person", "person"]


@dataclass(frozen=True)
class Person:
    """What there is to say about one patient of a run.

    Attributes
    ----------
    patient, arm : str
        Whom, and the arm whose prediction is taken apart.
    predictions : DataFrame
        One row an arm: ``arm, p`` (mean over repeats, and clips), ``low, high`` (range over repeats), and ``set`` or
        ``set_low, set_high`` (conformal).
    waterfall, by_modality : DataFrame
        ``modality, name, shap, start, end``: from the base to the prediction over features and over modalities, the largest
        step first; what is smaller is summed in the last row.
    features : DataFrame
        See :meth:`blues.explain.Attributions.patient`, with ``low_seen, high_seen`` (of the other patients), ``outside`` (by
        more than a tenth of what lies between the two: with many features every patient is the extreme one in some), and
        the dictionary's ``low_usual, high_usual`` (reference range), NaN where it gives none.
    missing : tuple of str
        Labels of what the arm looks at and was not known; of a BLUE point without a clip only the point.
    nearest : DataFrame
        ``patient, distance, y, p``: those whom the arm explains most alike (Euclidean, between Shapley values of variables).
    doubts, checked : tuple of str
        Reasons not to trust the prediction, in words; and of what was looked at for such reasons, what gave none.
    points : DataFrame
        ``point, clip, feature, label, unit, value``: what each BLUE point shows.
    unscanned : tuple of str
        BLUE points of the run at which this patient has no clip.
    attention : DataFrame
        ``token, kind, weight, low, high, clip``: mean and range over repeats; empty for a model without attention.
    """

    patient: str
    arm: str
    predictions: pd.DataFrame
    waterfall: pd.DataFrame
    by_modality: pd.DataFrame
    features: pd.DataFrame
    missing: tuple[str, ...]
    nearest: pd.DataFrame
    doubts: tuple[str, ...]
    checked: tuple[str, ...]
    points: pd.DataFrame
    unscanned: tuple[str, ...]
    attention: pd.DataFrame


def person(
    attributions: Attributions,
    predictions: pd.DataFrame,
    patient: str,
    arm: str,
    *,
    kind: str = "binary",
    level: float = 0.9,
    most: int = 8,
    ranges: Mapping[str, Mapping[str, Sequence[float] | None]] | None = None,
    scale: Sequence[float] | None = None,
) -> Person:
    """Put together what a run says about one patient.

    Parameters
    ----------
    attributions : Attributions
    predictions : DataFrame
        Of the run: ``patient`` (and ``clip``), ``arm, repeat, fold, y, p``.
    patient, arm : str
    kind : {"binary", "ordinal", "continuous"}
    level : float
        Of the conformal sets.
    most : int
        Steps of the waterfall, and nearest patients.
    ranges : mapping, optional
        ``ranges`` of :func:`blues.cohort.card`: column -> its ``reference`` range.
    scale : sequence of float, optional
        As in :func:`blues.explain.conformal`.

    Returns
    -------
    Person

    Raises
    ------
    InputError
        When patient or arm is not in the run.
    """
    features = attributions.patient(patient, arm)
    seen = attributions.arm(arm)
    seen = (
        seen[seen["patient"].astype(str) != str(patient)].groupby("feature", observed=True)["value"].agg(["min", "max"])
    )
    limits = seen.reindex(features["feature"].astype(str))
    features = features.assign(low_seen=limits["min"].to_numpy(), high_seen=limits["max"].to_numpy())
    beyond = 0.1 * (features["high_seen"] - features["low_seen"])
    below = features["value"] < features["low_seen"] - beyond
    features["outside"] = below | (features["value"] > features["high_seen"] + beyond)
    usual = [((ranges or {}).get(str(name)) or {}).get("reference") or (np.nan, np.nan) for name in features["feature"]]
    features["low_usual"], features["high_usual"] = (np.array(usual, dtype=float).reshape(-1, 2)[:, k] for k in (0, 1))
    points, unscanned = _points(attributions, str(patient))
    lacking = features["value"].isna() & features["low_seen"].notna()
    at_gap = features["point"].astype(str).isin(unscanned)
    missing = tuple(features.loc[lacking & ~at_gap & ~_told_by_point(features), "label"].astype(str))
    missing += tuple(f"a clip at {p}" for p in unscanned if (features["point"].astype(str) == p).any())
    table = _predictions(predictions, str(patient), kind, level, scale)
    doubts, checked = _looked_at(features, table.set_index("arm").loc[arm], points, unscanned)
    return Person(
        patient=str(patient),
        arm=arm,
        predictions=table,
        waterfall=_waterfall(attributions, str(patient), arm, most, "feature"),
        by_modality=_waterfall(attributions, str(patient), arm, most, "modality"),
        features=features,
        missing=missing,
        nearest=_nearest(attributions, predictions, str(patient), arm, most),
        doubts=doubts,
        checked=checked,
        points=points,
        unscanned=unscanned,
        attention=_attention(attributions, str(patient), arm),
    )


def _predictions(
    predictions: pd.DataFrame, patient: str, kind: str, level: float, scale: Sequence[float] | None
) -> pd.DataFrame:
    rows = []
    for arm, part in predictions.groupby("arm", sort=False, observed=True):
        own = part[part["patient"].astype(str) == patient]
        if not len(own):
            continue
        by_repeat = own.groupby("repeat", observed=True)["p"].mean()
        row = {"arm": str(arm), "p": by_repeat.mean(), "low": by_repeat.min(), "high": by_repeat.max()}
        sets = conformal(part, kind, level=level, scale=scale)
        sets = sets[sets["patient"].astype(str) == patient]
        if kind == "binary":
            row["set"] = ", ".join(sets["set"].unique())
        else:
            row |= {"set_low": sets["low"].min(), "set_high": sets["high"].max()}
        rows.append(row)
    if not rows:
        raise check.InputError(f"patient {patient!r} is not in this run", allowed="the patients of its predictions")
    return pd.DataFrame(rows)


def _waterfall(attributions: Attributions, patient: str, arm: str, most: int, level: str) -> pd.DataFrame:
    """Return steps that lead from the base, its mean over repeats, to the prediction, its mean over repeats."""
    rolled = roll_up(attributions, arm, level)
    own = rolled[rolled["patient"].astype(str) == patient]
    count = len(own[["repeat", *(["clip"] if "clip" in own else [])]].drop_duplicates())
    steps = own.groupby(["modality", "name"], sort=False, observed=True)["shap"].sum().div(count).reset_index()
    steps = steps.reindex(steps["shap"].abs().sort_values(ascending=False, kind="stable").index).reset_index(drop=True)
    rest = steps.iloc[most:]
    shown = steps.iloc[:most]
    if len(rest):
        summed = {"modality": "", "name": f"{len(rest)} others, summed", "shap": rest["shap"].sum()}
        shown = pd.concat([shown, pd.DataFrame([summed])], ignore_index=True)
    base = attributions.base
    base = base[(base["arm"] == arm) & (base["patient"].astype(str) == patient)]["base"].mean()
    end = base + shown["shap"].cumsum()
    return shown.assign(start=end - shown["shap"], end=end)


def _nearest(attributions: Attributions, predictions: pd.DataFrame, patient: str, arm: str, most: int) -> pd.DataFrame:
    rolled = roll_up(attributions, arm, "variable").assign(patient=lambda t: t["patient"].astype(str))
    wide = (
        rolled.groupby(["patient", "modality", "name"], sort=False, observed=True)["shap"]
        .mean()
        .unstack(["modality", "name"])
        .fillna(0.0)
    )
    away = np.sqrt(((wide - wide.loc[patient]) ** 2).sum(axis=1)).drop(patient)
    known = predictions[predictions["arm"] == arm].assign(patient=lambda t: t["patient"].astype(str))
    about = known.groupby("patient", observed=True)[["y", "p"]].mean()
    found = away.sort_values(kind="stable").head(most).rename("distance").to_frame().join(about)
    return found.rename_axis("patient").reset_index()


def _points(attributions: Attributions, patient: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return what each BLUE point shows, and the points of the run at which this patient has no clip."""
    table = attributions.points
    own = table[table["patient"].astype(str) == patient].drop(columns="patient").reset_index(drop=True)
    every = sorted(set(table["point"].astype(str)), key=right_first)
    return own, tuple(p for p in every if p not in set(own["point"].astype(str)))


def _no_lung(points: pd.DataFrame) -> list[str]:
    """Say which clips the encoder does not take for lung ultrasound, where it has an output for that."""
    lung = points[(points["feature"] == "lus") & (points["value"] < 0.5)]
    return [
        f"the clip at {row.point} does not look like lung ultrasound to the encoder (probability {row.value:.2f})"
        for row in lung.itertuples()
    ]


def _gaps(points: pd.DataFrame, unscanned: tuple[str, ...]) -> list[str]:
    """Say it where at least half of the BLUE points have no clip."""
    scanned = points["point"].nunique()
    if not unscanned or len(unscanned) < scanned:
        return []
    return [f"{len(unscanned)} of {scanned + len(unscanned)} BLUE points have no clip: {', '.join(unscanned)}"]


def _attention(attributions: Attributions, patient: str, arm: str) -> pd.DataFrame:
    table = attributions.attention
    own = table[(table["arm"] == arm) & (table["patient"].astype(str) == patient)]
    grouped = own.groupby(["token", "kind", "clip"], sort=False, observed=True)["weight"]
    found = grouped.agg(weight="mean", low="min", high="max").reset_index()
    found = found.sort_values("weight", ascending=False, kind="stable", ignore_index=True)
    return found[["token", "kind", "weight", "low", "high", "clip"]]


def _told_by_point(features: pd.DataFrame) -> pd.Series:
    """Mark the image features that were pooled over BLUE points and stand point by point beside that."""
    names = features["feature"].astype(str)
    at_point = (features["point"].astype(str) != "") & names.str.contains(": ")
    parts = {name.partition(": ")[2] for name in names[at_point]}
    return ~at_point & (features["modality"] == "image") & names.str.removesuffix(MAXIMUM).isin(parts)


def _looked_at(
    features: pd.DataFrame, own: Mapping[str, object], points: pd.DataFrame, unscanned: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Look for reasons to doubt: return those found, and what was looked at without finding one."""
    known = features["low_seen"].notna() & ~_told_by_point(features)
    count, missing = int(known.sum()), int((known & features["value"].isna()).sum())
    looks: list[tuple[str, list[str]]] = []
    if count:
        looks.append(("no value lies far outside what the other patients have", _outside(features)))
        lacks = [f"{missing} of {count} values are missing"] if missing > count / 2 else []
        looks.append(("at least half of what the arm looks at is known", lacks))
    if "set" in own:
        looks.append(("the prediction set holds one outcome", _undecided(str(own["set"]))))
    if (points["feature"] == "lus").any():
        looks.append(("the encoder takes every clip for lung ultrasound", _no_lung(points)))
    if len(points) or unscanned:
        looks.append(("most BLUE points have a clip", _gaps(points, unscanned)))
    found = tuple(doubt for _, doubts in looks for doubt in doubts)
    return found, tuple(said for said, doubts in looks if not doubts)


def _outside(features: pd.DataFrame) -> list[str]:
    outside = features[features["outside"]]
    found = []
    for row in outside.head(5).itertuples():
        value = of_unit(f"{row.value:.3g}", str(row.unit))
        found.append(
            f"{row.label} {value} lies outside what the others have, {row.low_seen:.3g} to {row.high_seen:.3g}"
        )
    if len(outside) > 5:
        found.append(f"{len(outside) - 5} further values lie far outside what the others have")
    return found


def _undecided(said: str) -> list[str]:
    sets = said.split(", ")
    found = ["the prediction set holds both outcomes: the arm cannot tell"] if "both" in sets else []
    if {"yes", "no"} <= set(sets):
        found.append("the prediction sets of the clips disagree: yes for some, no for others")
    if "empty" in sets:
        found.append("the prediction set is empty: the patient is like neither group")
    return found
