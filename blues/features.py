"""An outcome and its modality blocks: what may predict what, decided by role and by when the value is known.

A predictor that the dictionary does not allow for the task is refused by name and listed, never dropped in silence.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blues import check, pool, provenance
from blues.cohort import Cohort
from blues.embed import Embeddings
from blues.encoders import has_seen

__all__ = ["MODALITIES", "Design", "design", "suspicious"]

MODALITIES = ("image", "clinical", "blood", "expert")
_TABULAR = ("clinical", "blood")


@dataclass(frozen=True)
class Design:
    """What one task predicts, from what.

    Attributes
    ----------
    task, kind, level : str
        Name of the target; ``"binary"``, ``"ordinal"`` or ``"continuous"``; ``"patient"`` or ``"clip"`` (what a row is).
    label : str
        The target in words, with its unit.
    y : Series
        Shape (rows,), float; index: the row's id (a patient or a clip). Binary outcomes are 0.0 and 1.0.
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
    points: str = "mean"
    poolings: Mapping[str, pd.DataFrame] = dataclasses.field(default_factory=dict)
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        check.one_of(self.kind, ("binary", "ordinal", "continuous"), "kind of target")
        if not len(self.y):
            raise check.InputError(f"no row of target {self.task!r} has a known value")
        if not self.blocks:
            raise check.InputError("no modality was asked for", allowed=MODALITIES)
        tables = [("patients", self.patients), *self.blocks.items(), *self.poolings.items()]
        for name, block in tables:
            if not block.index.equals(self.y.index):
                raise check.InputError(f"the rows of {name!r} are not the rows of the outcome", remedy="Use one index")
        for name, block in self.blocks.items():
            if block.shape[1] == 0:
                raise check.InputError(
                    f"modality {name!r} has no column that may predict {self.task!r}",
                    remedy="See the list of refused columns",
                )
        if self.kind == "binary":
            check.binary_outcome(self.y, f"target {self.task!r}")

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
        """Return which rows have at least one value of a modality, shape (rows,), bool."""
        return self.blocks[modality].notna().to_numpy().any(axis=1)

    def with_outcome(self, y: np.ndarray) -> Design:
        """Return the same design with another outcome, for the label-permutation null."""
        return dataclasses.replace(self, y=pd.Series(y, index=self.y.index, name=self.y.name))


def design(
    cohort: Cohort,
    task: str,
    modalities: Sequence[str] = ("image", "clinical", "blood"),
    *,
    embeddings: Embeddings | None = None,
    frames: str = "mean",
    points: str = "mean",
    also_points: Iterable[str] = (),
    allow: Iterable[str] = (),
) -> Design:
    """Lay out one task of a cohort: outcome, modality blocks, and what was refused.

    Parameters
    ----------
    cohort : Cohort
        From :func:`blues.cohort.read`.
    task : str
        A target of the cohort's dictionary.
    modalities : sequence of {"image", "clinical", "blood", "expert"}
        Blocks wanted. ``"image"`` needs ``embeddings``; ``"expert"`` is the experts' own clip ratings.
    embeddings : Embeddings, optional
        From :func:`blues.embed.embed`.
    frames, points : str
        Pooling, see :func:`blues.pool.patients`.
    also_points : iterable of str
        Further poolings of BLUE points, for candidates that compete in an inner loop.
    allow : iterable of str
        Treatments, e.g. ``"oxygen"``, whose contingent columns are wanted all the same, where the target's ``contingent`` is
        ``"opt-in"``.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        Unknown task, modality or column; a modality with no column left; a target with one class.
    """
    for modality in modalities:
        check.one_of(modality, MODALITIES, "modality")
    target = cohort.dictionary.target(task)
    values = cohort.target(task)
    y = values.dropna()
    owner = cohort.clips["patient"] if target.level == "clip" else pd.Series(values.index, index=values.index)
    dropped = pd.DataFrame(
        [{"row": row, "patient": owner[row], "reason": f"{task} is not known"} for row in values.index[values.isna()]],
        columns=["row", "patient", "reason"],
    )
    patients = owner.loc[y.index].rename("patient")
    refused: list[dict[str, str]] = _refusals(cohort, task, allow)
    not_allowed = {row["column"] for row in refused}
    blocks: dict[str, pd.DataFrame] = {}
    poolings: dict[str, pd.DataFrame] = {}
    for modality in sorted(modalities, key=MODALITIES.index):
        if modality in _TABULAR:
            table = _tabular(cohort, modality, not_allowed)
            blocks[modality] = _spread(table, patients)
        elif modality == "image":
            blocks[modality] = _image(cohort, embeddings, target.level, patients, frames, points)
            for other in also_points if target.level == "patient" else ():
                if other != points:
                    poolings[other] = _image(cohort, embeddings, target.level, patients, frames, other)
        else:
            blocks[modality] = _expert(cohort, task, patients)
    return Design(
        task=task,
        kind=target.kind,
        level=target.level,
        label=target.label or task,
        y=y.astype(float),
        patients=patients,
        blocks=blocks,
        refused=pd.DataFrame(refused, columns=["column", "role", "known", "reason"]),
        dropped=dropped,
        cohort=cohort.name,
        moment=target.moment,
        scale=_scale(cohort, target),
        points=points,
        poolings=poolings,
        facts=_facts(cohort, embeddings, frames, points),
    )


def _scale(cohort: Cohort, target: Any) -> tuple[float, ...]:
    """Return the categories that the dictionary declares for an ordinal target."""
    if target.kind != "ordinal":
        return ()
    if target.rating is not None and cohort.dictionary.ratings is not None:
        return tuple(cohort.dictionary.ratings.items[target.rating].categories or ())
    return tuple(float(c) for c in cohort.dictionary.columns[target.column].categories or ())


def _facts(cohort: Cohort, embeddings: Embeddings | None, frames: str, points: str) -> dict[str, Any]:
    files = [
        cohort.folder / name for name in (cohort.dictionary.files.patients, cohort.dictionary.files.ratings) if name
    ]
    facts: dict[str, Any] = {"data": {Path(f).name: provenance.file_hash(f) for f in files if Path(f).is_file()}}
    if embeddings is not None:
        facts |= {"encoder": dict(embeddings.encoder), "frames": frames, "points": points}
        facts["quarantined"] = embeddings.quarantine[["clip", "reason"]].to_dict("records")
    return facts


def _refusals(cohort: Cohort, task: str, allow: Iterable[str]) -> list[dict[str, str]]:
    """List every column that is not an allowed predictor, with the dictionary's reason."""
    allowed = frozenset(allow)
    columns = cohort.dictionary.columns
    treatments = {c.contingent for c in columns.values() if c.contingent}
    for name in allowed:
        check.one_of(name, sorted(treatments), "--allow: treatment")
    if allowed and cohort.dictionary.targets[task].contingent == "never":
        raise check.InputError(
            f"--allow {' '.join(sorted(allowed))}: {task!r} depends on that treatment itself and never takes such columns"
        )
    rows = []
    for name, column in columns.items():
        reason = cohort.dictionary.refusal(name, task, opt_in=allowed)
        if reason is not None and column.role != "identifier":
            rows.append({"column": name, "role": column.role, "known": column.known or "", "reason": reason})
    return rows


def _tabular(cohort: Cohort, role: str, not_allowed: set[str]) -> pd.DataFrame:
    """Return the allowed columns of one role as numbers; nominal columns become one column a code of the dictionary."""
    parts = []
    for name in cohort.dictionary.block(role):
        column = cohort.dictionary.columns[name]
        if name in not_allowed:
            continue
        values = cohort.patients[name]
        if column.kind == "nominal":
            labels = list(dict.fromkeys((column.codes or {}).values())) or sorted(set(values.dropna()))
            dummies = pd.DataFrame({f"{name}={label}": (values == label).astype(float) for label in labels})
            parts.append(dummies.where(values.notna(), np.nan))
        else:
            parts.append(values.astype(float).to_frame())
    return pd.concat(parts, axis=1) if parts else pd.DataFrame(index=cohort.patients.index)


def _spread(table: pd.DataFrame, patients: pd.Series) -> pd.DataFrame:
    """Give every row the values of its patient; a patient who is not in the table gets NaN."""
    return table.reindex(patients.to_numpy()).set_axis(patients.index)


def _image(
    cohort: Cohort, embeddings: Embeddings | None, level: str, patients: pd.Series, frames: str, points: str
) -> pd.DataFrame:
    if embeddings is None:
        raise check.InputError("modality 'image' needs embeddings", remedy="Pass embeddings=blues.embed.embed(cohort)")
    if has_seen(embeddings.encoder.get("saw", []), cohort.name):
        raise check.InputError(
            f"encoder {embeddings.encoder.get('name')!r} was trained on {cohort.name} and may not be scored on it",
            remedy="Use an encoder that has not seen this cohort, or train it inside the folds",
        )
    if level == "clip":
        return pool.clips(embeddings, frames).reindex(patients.index)
    pooled = pool.patients(
        embeddings,
        frames=frames,
        how=points,
        retakes=cohort.dictionary.clips.retakes if cohort.dictionary.clips else "longest",
        order=cohort.points,
    )
    return _spread(pooled, patients)


def _expert(cohort: Cohort, task: str, patients: pd.Series) -> pd.DataFrame:
    """Return the experts' ratings: per clip for a clip task, mean, maximum and share over a patient's clips otherwise."""
    target = cohort.dictionary.targets[task]
    if target.rating is not None:
        raise check.InputError(
            f"expert ratings may not predict {task!r}, which is derived from expert ratings",
            remedy="Leave 'expert' out of --modalities",
        )
    if cohort.ratings.empty:
        raise check.InputError(
            f"cohort {cohort.name} has no expert ratings", remedy="Leave 'expert' out of --modalities"
        )
    by_clip = cohort.ratings.pivot_table(index=["patient", "clip"], columns="item", values="rating", aggfunc="mean")
    if target.level == "clip":
        return by_clip.droplevel("patient").add_prefix("expert ").reindex(patients.index)
    grouped = by_clip.groupby(level="patient")
    table = pd.concat([grouped.mean().add_prefix("mean "), grouped.max().add_prefix("max ")], axis=1)
    return _spread(table, patients)


def suspicious(design: Design, limit: float = 0.98) -> pd.DataFrame:
    """Find single columns that alone separate a binary outcome almost perfectly: a leak until proved otherwise.

    Parameters
    ----------
    design : Design
        With a binary outcome; other kinds give an empty frame.
    limit : float
        AUROC, in either direction and over the rows where the column is known, from which a column is listed; columns known
        in fewer than 10 rows or one class are passed over. The pattern of missing values is judged as a column of its own.

    Returns
    -------
    DataFrame
        Columns ``modality, column, what ("value" or "missingness"), auroc, rows``.
    """
    found = []
    if design.kind == "binary":
        y = design.y.to_numpy() == 1
        for modality, block in design.blocks.items():
            values = block.to_numpy(dtype=float)
            for j, name in enumerate(block.columns):
                known = ~np.isnan(values[:, j])
                for what, rows, column in (
                    ("value", known, values[:, j]),
                    ("missingness", np.ones(len(y), bool), known.astype(float)),
                ):
                    area = _rank_auroc(y[rows], column[rows])
                    if rows.sum() >= 10 and max(area, 1 - area) >= limit:
                        found.append((modality, str(name), what, max(area, 1 - area), int(rows.sum())))
    return pd.DataFrame(found, columns=["modality", "column", "what", "auroc", "rows"])


def _rank_auroc(y: np.ndarray, x: np.ndarray) -> float:
    """Return the area under the ROC curve from midranks (Mann-Whitney); 0.5 when a class is absent."""
    positives = int(y.sum())
    negatives = len(y) - positives
    if positives == 0 or negatives == 0:
        return 0.5
    ranks = pd.Series(x).rank().to_numpy()
    return float((ranks[y].sum() - positives * (positives + 1) / 2) / (positives * negatives))
