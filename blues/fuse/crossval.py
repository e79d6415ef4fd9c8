"""Out-of-fold predictions of every arm on identical patient folds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from blues import check, evaluate, models
from blues.features import Design

__all__ = ["Arm", "Fold", "arms_of", "out_of_fold"]

Fold = tuple[int, int, np.ndarray, np.ndarray]
"""Repeat, fold, training rows, test rows (positions in the design)."""


@dataclass(frozen=True)
class Arm:
    """What one arm may use and how it may learn.

    Attributes
    ----------
    name : str
        E.g. ``"image+blood"``.
    modalities : tuple of str
    candidates : tuple of Candidate
        Several compete in an inner loop over patients.
    calibrate, threshold : str
        See :class:`blues.models.Nested`.
    """

    name: str
    modalities: tuple[str, ...]
    candidates: tuple[models.Candidate, ...]
    calibrate: str = "none"
    threshold: str = "half"


def arms_of(
    design: Design,
    rivals: Mapping[str, Sequence[models.Candidate]],
    *,
    calibrate: str = "none",
    threshold: str = "half",
) -> tuple[Arm, ...]:
    """Return one arm a combination of modalities and entry of ``rivals``.

    Parameters
    ----------
    design : Design
    rivals : mapping of str to candidates
        Suffix of the arm's name (``""`` when there is one entry) -> what competes inside it.
    calibrate, threshold : str
        See :class:`blues.models.Nested`.
    """
    return tuple(
        Arm(
            "+".join(modalities) + (f" [{suffix}]" if suffix else ""),
            modalities,
            tuple(candidates),
            calibrate,
            threshold,
        )
        for suffix, candidates in rivals.items()
        for modalities in design.arms
    )


@dataclass(frozen=True)
class _Task:
    """Everything a fold needs, as plain arrays: one matrix ``X`` whose columns ``layout`` knows."""

    X: np.ndarray
    layout: models.Layout
    present: Mapping[str, np.ndarray]
    y: np.ndarray
    patients: np.ndarray
    arms: tuple[Arm, ...]
    kind: str
    seed: int


def out_of_fold(
    design: Design,
    arms: Sequence[Arm],
    folds: Iterable[Fold],
    *,
    seed: int = 0,
    jobs: int = 1,
    progress: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit every arm in every training fold and predict the patients held out.

    Parameters
    ----------
    design : Design
        Outcome and modality blocks.
    arms : sequence of Arm
        From :func:`arms_of`.
    folds : iterable of (repeat, fold, train, test)
        From :func:`blues.evaluate.patient_folds`; the same for all arms.
    seed : int
        The seed of the models; a fold's models get a seed of their own, the same in every arm.
    jobs : int
        Worker processes, each with one numeric thread. Does not change a number.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    predictions : DataFrame
        One row a prediction: ``patient`` (and ``clip`` where a row is one), ``arm, repeat, fold, y, p``; for a binary outcome
        ``threshold``, fixed in the training fold; for an ordinal one ``p_0, p_1, ...``. An arm trains on and predicts only
        rows that have a value in at least one of its modalities.
    choices : DataFrame
        ``arm, repeat, fold, chosen`` and the inner loss of the candidate taken.
    """
    folds = list(folds)
    matrix, layout = _matrix(design)
    task = _Task(
        X=matrix,
        layout=layout,
        present={name: design.has(name) for name in design.blocks},
        y=design.y.to_numpy(dtype=float),
        patients=design.patients.to_numpy(),
        arms=tuple(arms),
        kind=design.kind,
        seed=seed,
    )
    with joblib.parallel_config(backend="loky" if jobs > 1 else "sequential", n_jobs=jobs, **_threads(jobs)):
        results = joblib.Parallel(return_as="generator")(joblib.delayed(_fit_fold)(task, fold) for fold in folds)
        bar = tqdm(
            results, total=len(folds), desc="folds", unit="fold", disable=None if progress else True, leave=False
        )
        pieces = [piece for pieces in bar for piece in pieces]
    return _predictions(design, arms, pieces), pd.DataFrame([piece["choice"] for piece in pieces])


def _threads(jobs: int) -> dict[str, int]:
    return {"inner_max_num_threads": 1} if jobs > 1 else {}


def _matrix(design: Design) -> tuple[np.ndarray, models.Layout]:
    """Lay all blocks, and the image block under each pooling, side by side."""
    blocks: dict[str, pd.DataFrame] = {}
    for name, block in design.blocks.items():
        if name == "image":
            blocks |= {f"image/{points}": variant for points, variant in design.image_poolings().items()}
        else:
            blocks[name] = block
    ends = np.cumsum([block.shape[1] for block in blocks.values()])
    columns = {key: np.arange(end - blocks[key].shape[1], end) for key, end in zip(blocks, ends, strict=True)}
    layout = models.Layout(columns, {key: [str(c) for c in block.columns] for key, block in blocks.items()})
    dtype = np.float32 if len(design.y) * ends[-1] > 5e7 else np.float64
    return np.hstack([block.to_numpy(dtype=dtype) for block in blocks.values()]), layout


def _fit_fold(task: _Task, fold: Fold) -> list[dict[str, Any]]:
    """Fit all arms in one training fold; return one record an arm with the held-out rows and their predictions."""
    repeat, number, train, test = fold
    seed = int(np.random.SeedSequence([task.seed, repeat, number]).generate_state(1)[0] % (2**31))
    found = []
    for arm in task.arms:
        usable = np.any([task.present[name] for name in arm.modalities], axis=0)
        rows, held_out = train[usable[train]], test[usable[test]]
        if not len(held_out) or not len(rows):
            continue
        place = f"arm {arm.name!r}, repeat {repeat}, fold {number}"
        if task.kind == "binary" and len(np.unique(task.y[rows])) < 2:
            raise check.InputError(
                f"{place}: the patients who have these modalities are of one class", remedy="Take fewer folds"
            )
        model = _nested(task, arm, seed)
        inner = models.InnerFolds(task.patients[rows], partial(_inner_splits, seed=seed))
        model.fit(task.X[rows], task.y[rows], inner)
        p = models.predict(model, task.X[held_out], task.kind)
        record: dict[str, Any] = {"position": held_out, "arm": arm.name, "repeat": repeat, "fold": number, "p": p}
        if task.kind == "binary":
            record["threshold"] = model.threshold_
        record["choice"] = {
            "arm": arm.name,
            "repeat": repeat,
            "fold": number,
            "chosen": model.chosen_,
            "inner_loss": model.losses_.get(model.chosen_, np.nan),
        }
        found.append(record)
    return found


def _nested(task: _Task, arm: Arm, seed: int) -> models.Nested:
    built = {c.label: models.build(c, arm.modalities, task.layout, task.kind, seed) for c in arm.candidates}
    return models.Nested(built, task.kind, arm.calibrate, arm.threshold)


def _inner_splits(
    y: np.ndarray, patients: np.ndarray, seed: int, folds: int = 5
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split training rows by patient into up to five stratified folds; none where a class has one patient."""
    for number in range(folds, 1, -1):
        try:
            splits = evaluate.patient_folds(y, patients, number, 1, seed=seed)
        except check.InputError:
            continue
        return [(train, test) for _, _, train, test in splits]
    return []


def _predictions(design: Design, arms: Sequence[Arm], pieces: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    if not pieces:
        raise check.InputError("no arm could predict anyone", remedy="See which patients have which modality")
    keys = [key for key in ("position", "arm", "repeat", "fold", "p", "threshold") if key in pieces[0]]
    table = pd.concat([pd.DataFrame({key: piece[key] for key in keys}) for piece in pieces], ignore_index=True)
    order = {arm.name: i for i, arm in enumerate(arms)}
    ranks = table["arm"].map(order).to_numpy()
    table = table.iloc[np.lexsort((table["position"], table["fold"], table["repeat"], ranks))].reset_index(drop=True)
    position = table.pop("position").to_numpy()
    table.insert(0, "patient", design.patients.to_numpy()[position])
    if design.level == "clip":
        table.insert(1, "clip", design.y.index.to_numpy()[position])
    table.insert(table.columns.get_loc("p"), "y", design.y.to_numpy(dtype=float)[position])
    return table
