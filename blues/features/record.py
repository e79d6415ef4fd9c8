"""The record of what one task predicts from what."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from blues import check
from blues.cohort.display import panel

__all__ = ["MODALITIES", "TABULAR", "ByPoint", "Design"]

MODALITIES = ("image", "clinical", "blood", "expert")
TABULAR = ("clinical", "blood")
"""Modalities whose columns are those of the patient table."""
MOST_TOLD = 6


@dataclass(frozen=True)
class ByPoint:
    """What each BLUE point of a patient shows, before the points are pooled: for explanations, nothing learns from it.

    Attributes
    ----------
    values : DataFrame
        Index (patient, point), columns the image features of a clip, float.
    clips : Series
        Same index: the clip that stands for the point; several names where the takes are averaged.
    """

    values: pd.DataFrame
    clips: pd.Series


def _check_rows(y: pd.Series, task: str) -> None:
    """Raise where two rows have one id, or an outcome is text."""
    if not y.index.is_unique:
        twice = y.index[y.index.duplicated()][0]
        raise check.InputError(f"row {twice} of the outcome stands twice", remedy="Give every row an id of its own")
    if not pd.api.types.is_numeric_dtype(y.infer_objects()):
        raise check.InputError(f"target {task!r} is text or labels", value=y.iloc[0], remedy="Use y.astype(float)")


def _check_numbers(block: pd.DataFrame, modality: str) -> None:
    """Raise where a column does not read as numbers."""
    for place, kind in enumerate(block.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            values = block.iloc[:, place].dropna()
            try:
                values.to_numpy(dtype=float)
            except (TypeError, ValueError):
                raise check.InputError(
                    f"{block.columns[place]!r} of modality {modality!r} is no column of numbers",
                    value=values.iloc[0],
                    allowed="numbers, NaN where missing; of labels a column of 0 and 1 each",
                ) from None


@dataclass(frozen=True)
class Design:
    """What one task predicts, from what.

    Attributes
    ----------
    task, kind, level : str
        Name of the target; ``"binary"``, ``"ordinal"``, ``"continuous"`` or ``"time"`` (to an event);
        ``"patient"`` or ``"clip"`` (what a row is).
    label, unit : str
        The target in words, and the unit of a number.
    y : Series
        Shape (rows,), float; index: the row's id (a patient or a clip). Binary outcomes are 0.0 and 1.0; a time is in days.
    patients : Series
        Shape (rows,): the patient of each row, same index: the unit of every split and interval.
    blocks : dict of str to DataFrame
        Modality -> features, shape (rows, features), float, same index; NaN where missing. A row of NaN means that the row
        has nothing of that modality.
    refused : DataFrame
        Columns ``column, role, known, reason``: what might have been thought a predictor and is not.
    dropped : DataFrame
        Columns ``row, patient, reason``: rows left out because the target is not known.
    cohort : str
        Name of the cohort.
    moment : str
        When the prediction is made.
    scale : tuple of float
        The declared categories of an ordinal outcome.
    points : str
        The pooling of BLUE points that ``blocks["image"]`` has.
    poolings : dict of str to DataFrame
        Further poolings of the image block that may compete with it.
    singles : dict of str to DataFrame
        Arm -> the table it predicts from, alone: expert rules, baselines of named variables, ``"prevalence"``. Same index.
    event : Series, optional
        Of a time, same index: 0 censored, 1 the event, 2 a competing one.
    by_point : ByPoint, optional
        Of the image block, where a row is a patient.
    facts : dict
        JSON-ready: hashes of the data, the encoder's card, the pooling.
    """

    task: str
    kind: str
    level: str
    label: str
    y: pd.Series
    patients: pd.Series
    blocks: Mapping[str, pd.DataFrame]
    refused: pd.DataFrame
    dropped: pd.DataFrame
    cohort: str = ""
    moment: str = "admission"
    scale: tuple[float, ...] = ()
    unit: str = ""
    points: str = "mean"
    poolings: Mapping[str, pd.DataFrame] = dataclasses.field(default_factory=dict)
    singles: Mapping[str, pd.DataFrame] = dataclasses.field(default_factory=dict)
    event: pd.Series | None = None
    by_point: ByPoint | None = None
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        check.one_of(self.kind, ("binary", "ordinal", "continuous", "time"), "kind of target")
        if (self.kind == "time") != (self.event is not None):
            raise check.InputError("a time goes with an event, and other kinds of target do not", value=self.kind)
        if not len(self.y):
            raise check.InputError(f"no row of target {self.task!r} has a known value")
        if not self.blocks:
            raise check.InputError("no modality was asked for", allowed=MODALITIES)
        tables = [("patients", self.patients), *self.blocks.items(), *self.poolings.items(), *self.singles.items()]
        tables += [] if self.event is None else [("event", self.event)]
        _check_rows(self.y, self.task)
        for name, block in tables:
            if not block.index.equals(self.y.index):
                raise check.InputError(f"the rows of {name!r} are not the rows of the outcome", remedy="Use one index")
        for name, block in self.blocks.items():
            _check_numbers(block, name)
            if block.shape[1] == 0:
                raise check.InputError(
                    f"modality {name!r} has no column that may predict {self.task!r}",
                    remedy=self._why_none(name),
                )
            if not block.notna().to_numpy().any():
                raise check.InputError(
                    f"modality {name!r} has no value in any of the {len(block)} rows",
                    remedy="Fill it in, or leave it out",
                )
        if self.kind == "binary":
            check.binary_outcome(self.y, f"target {self.task!r}")

    def __repr__(self) -> str:
        blocks = ", ".join(
            f"{name} ({check.counted(block.shape[1], 'feature')})" for name, block in self.blocks.items()
        )
        return f"<Design {self.task} in {self.cohort or 'a cohort'}: {self.kind}, {self._who()}, from {blocks}>"

    def _repr_html_(self) -> str:
        """Return who and what is in the design, for notebooks."""
        rows = [
            (name, f"{block.shape[1]:,}", f"{self.has(name).sum():,}", f"{block.isna().to_numpy().mean():.0%}")
            for name, block in self.blocks.items()
        ]
        left_out = (
            f"Refused: {check.counted(self.refused['column'].nunique(), 'column')}, see .refused. "
            f"Left out: {check.counted(len(self.dropped), self.level)}, see .dropped."
        )
        single = f"Further arms: {', '.join(self.singles)}." if self.singles else ""
        title = f"{self.label or self.task} in {self.cohort or 'a cohort'}"
        head = ("from", "features>", f"{self.level}s with a value>", "cells missing>")
        return panel(title, f"{self.kind}, {self._who()}. Research use only.", head, rows, [single, left_out])

    def _who(self) -> str:
        """Return how many patients there are, and clips where a row is one, and how many have an outcome of yes or no."""
        events = f" ({int(self.y.sum())} with it)" if self.kind == "binary" else ""
        patients = check.counted(self.patients.nunique(), "patient")
        clips = check.counted(len(self.y), "clip")
        return f"{clips}{events} of {patients}" if self.level == "clip" else f"{patients}{events}"

    def _why_none(self, modality: str) -> str:
        """Return which columns of a modality were refused and why, or what to do where there was none."""
        rows = self.refused[self.refused["role"] == modality]
        told = [f"{row.column}: {row.reason}" for row in rows.head(MOST_TOLD).itertuples()]
        more = [f"and {len(rows) - MOST_TOLD} more"] * (len(rows) > MOST_TOLD)
        if told:
            return f"Refused: {'; '.join([*told, *more])}"
        what = f"No column of the patient table has role = {modality!r}"
        return f"{what}; those of another table have to be merged into it (docs/getting-started.md)"

    @property
    def arms(self) -> tuple[tuple[str, ...], ...]:
        """Every non-empty combination of the modalities, singles first."""
        names = list(self.blocks)
        sets = [tuple(n for i, n in enumerate(names) if mask >> i & 1) for mask in range(1, 2 ** len(names))]
        return tuple(sorted(sets, key=lambda arm: (len(arm), [names.index(n) for n in arm])))

    @property
    def categories(self) -> tuple[float, ...]:
        """The categories of an ordinal outcome, those that no row has included; empty for other kinds."""
        if self.kind != "ordinal":
            return ()
        return tuple(self.scale) or tuple(sorted(set(self.y)))

    def image_poolings(self) -> dict[str, pd.DataFrame]:
        """Return the image block under every pooling at hand, the default first."""
        return {self.points: self.blocks["image"], **self.poolings}

    def has(self, modality: str) -> np.ndarray:
        """Return which rows have at least one value of a modality (or of the table of a single arm), shape (rows,), bool."""
        block = self.blocks[modality] if modality in self.blocks else self.singles[modality]
        return block.notna().to_numpy().any(axis=1)

    def with_outcome(self, y: np.ndarray) -> Design:
        """Return the same design with another outcome, for the label-permutation null.

        Parameters
        ----------
        y : ndarray, shape (rows,)
            In the order of the rows.
        """
        return dataclasses.replace(self, y=pd.Series(y, index=self.y.index, name=self.y.name))
