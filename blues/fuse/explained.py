"""Which arms are explained, and the explanation of a fold's held-out rows beside their predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from blues import check, explain, models
from blues.explain.attention import attention_of
from blues.explain.columns import columns, describe
from blues.explain.points import pooled
from blues.explain.record import Piece, gather
from blues.explain.shapley import affordable
from blues.features import Design, is_anonymous

__all__ = ["Explaining", "attributions", "chosen_arms", "explaining"]


@dataclass(frozen=True)
class Explaining:
    """What is to be explained: these arms, whose columns mean this, and what each BLUE point had of the pooled ones."""

    arms: frozenset[str]
    columns: explain.Columns
    pooled: explain.Pooled | None = None
    card: Mapping[str, Any] | None = None

    def piece(
        self, record: Mapping[str, Any], model: models.Nested, X: np.ndarray, rows: np.ndarray, kind: str, seed: int
    ) -> Piece:
        """Explain the held-out rows of one arm in one fold; of very many rows some, drawn at random."""
        held_out = record["position"]
        most = affordable(model, len(held_out), len(np.unique(self.columns.ids[model.columns_])))
        if most < len(held_out):
            held_out = np.sort(np.random.default_rng(seed).permutation(held_out)[:most])
        # what is explained starts from the mean over training rows: some two thousand, from all over the table, give it
        background = X[rows[:: -(-len(rows) // 2000)]]
        shares = None if self.pooled is None else self.pooled.rows(held_out)
        found = explain.explain_fold(model, background, X[held_out], self.columns, kind=kind, pooled=shares, seed=seed)
        weights = attention_of(model, X[held_out])
        return Piece(held_out, record["arm"], record["repeat"], record["fold"], found, weights)


def chosen_arms(wanted: Sequence[str], arms: Sequence[Any]) -> frozenset[str]:
    """Return the names of the arms to explain: ``("all",)`` are those that combine modalities, ``("none",)`` none.

    Raises
    ------
    InputError
        When an arm is named that the run does not have.
    """
    if tuple(wanted) == ("none",) or not wanted:
        return frozenset()
    if tuple(wanted) == ("all",):
        return frozenset(arm.name for arm in arms if len(arm.modalities) > 1 or not _single(arm))
    names = [arm.name for arm in arms]
    return frozenset(check.one_of(name, ["all", "none", *names], "--explain: arm") for name in wanted)


def _single(arm: Any) -> bool:
    return getattr(arm, "role", "") in ("rule", "baseline", "prevalence")


def explaining(
    design: Design, layout: models.Layout, arms: frozenset[str], card: Mapping[str, Any] | None = None
) -> Explaining | None:
    """Return what is to be explained in a design, with the labels and units of a cohort card; None for no arm."""
    if not arms:
        return None
    known = describe(card or {}, design.facts.get("encoder"))
    blocks = {key: layout.names[key] for key in layout.columns}
    table, shares = pooled(columns(blocks, known), blocks, design.by_point, design.patients.to_list(), known)
    return Explaining(arms, table, shares, card)


def attributions(
    design: Design, pieces: Sequence[Mapping[str, Any]], what: Explaining | None
) -> explain.Attributions | None:
    """Join the explanations that stand in the records of all folds; None where there are none."""
    found = [piece["explained"] for piece in pieces if "explained" in piece]
    if what is None or not found:
        return None
    return gather(
        found,
        what.columns,
        design.patients.to_numpy(),
        clips=design.y.index.to_numpy() if design.level == "clip" else None,
        points=_shown(design, what.card),
        unit=explain.UNITS[design.kind],
        label=design.label,
        kind=design.kind,
    )


def _shown(design: Design, card: Mapping[str, Any] | None) -> pd.DataFrame | None:
    """Return what each BLUE point shows, as far as it has a name: one row a patient, point and feature."""
    if design.by_point is None:
        return None
    known = describe(card or {}, design.facts.get("encoder"))
    values = design.by_point.values
    named = [name for name in values.columns if not is_anonymous(str(name))]
    clips = design.by_point.clips.rename("clip").rename_axis(["patient", "point"]).reset_index()
    clips = clips[clips["patient"].isin(set(design.patients))]
    if not named:
        return clips.assign(feature="", label="", unit="", value=float("nan"))
    long = values[named].rename_axis(["patient", "point"]).stack().rename_axis(["patient", "point", "feature"])
    table = clips.merge(long.rename("value").reset_index(), on=["patient", "point"], how="left")
    words = table["feature"].map(lambda name: known.get(str(name), {}).get("label") or explain.image_words(str(name)))
    units = table["feature"].map(lambda name: known.get(str(name), {}).get("unit", ""))
    return table.assign(label=words, unit=units)[["patient", "point", "clip", "feature", "label", "unit", "value"]]
