"""Out-of-fold predictions of every arm on identical patient folds."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import joblib
import numpy as np
import pandas as pd

from blues import check, evaluate, models
from blues.explain import Attributions
from blues.features import Design
from blues.fuse.arms import Arm
from blues.fuse.explained import Explaining, attributions, explaining
from blues.fuse.finetune import Tuning, calls

__all__ = [
    "Fitted",
    "Fold",
    "Learner",
    "UNCHOSEN",
    "UNSTACKED",
    "fit_arms",
    "inner_splits",
    "learner",
    "out_of_fold",
    "shuffled_out_of_fold",
]

Fold = tuple[int, int, np.ndarray, np.ndarray]
"""Repeat, fold, training rows, test rows (positions in the design)."""

UNCHOSEN, UNSTACKED = "first candidate as it is", "mean instead of stack"
"""What an arm does in a training fold whose patients cannot be held out again."""


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
    categories: tuple[float, ...]
    seed: int
    strict: bool = True
    explaining: Explaining | None = None


@dataclass(frozen=True)
class Fitted:
    """What all folds gave: predictions and choices as :func:`out_of_fold` returns them, and attributions if asked for."""

    predictions: pd.DataFrame
    choices: pd.DataFrame
    attributions: Attributions | None


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
        Say on standard error how far it is.

    Returns
    -------
    predictions : DataFrame
        One row a prediction: ``patient`` (and ``clip`` where a row is one), ``arm, repeat, fold, y, p``; for a binary outcome
        ``threshold``, fixed in the training fold; for an ordinal one ``p_0, p_1, ...``, one a
        category, and ``grade``, what was called by cuts from the training fold (missing: the nearest). An arm trains on and
        predicts only rows that have a value in at least one of its modalities.
    choices : DataFrame
        ``arm, repeat, fold, chosen, inner_loss`` and the parts of the candidate taken: ``model, fusion, pooling, components,
        calibrator, threshold_rule``; ``fallback``, what was done for want of inner folds (``"first candidate as
        it is"``, ``"mean instead of stack"``) or ``"none"``; of a stack ``weight_M`` and ``share_M`` of each modality M, see
        :class:`blues.models.LateFusion`.
    """
    found = fit_arms(design, arms, folds, seed=seed, jobs=jobs, progress=progress)
    return found.predictions, found.choices


def fit_arms(
    design: Design,
    arms: Sequence[Arm],
    folds: Iterable[Fold],
    *,
    explain: Collection[str] = (),
    card: Mapping[str, Any] | None = None,
    tuning: Tuning | None = None,
    seed: int = 0,
    jobs: int = 1,
    progress: bool = False,
) -> Fitted:
    """Do what :func:`out_of_fold` does, and explain the predictions of the arms named in ``explain``.

    Parameters
    ----------
    design, arms, folds, seed, jobs, progress
        As in :func:`out_of_fold`.
    explain : collection of str
        Names of arms.
    card : mapping, optional
        The cohort card, for labels and units of the explained columns.
    tuning : Tuning, optional
        Fine-tunes the encoder in every training fold.
    """
    folds = list(folds)
    _whole_patients(design, folds)
    task = _task(design, arms, seed, explain, card)
    check.tell(progress, f"{check.counted(len(arms), 'arm')} in {check.counted(len(folds), 'training fold')}")
    pieces = [p for found in _fit_all(calls(task, folds, tuning), len(folds), jobs, progress) for p in found]
    choices = pd.DataFrame([piece["choice"] for piece in pieces])
    return Fitted(_predictions(design, arms, pieces), choices, attributions(design, pieces, task.explaining))


def shuffled_out_of_fold(
    design: Design,
    arms: Sequence[Arm],
    shuffles: Sequence[tuple[np.ndarray, int, Sequence[Fold]]],
    *,
    explain: Collection[str] = (),
    card: Mapping[str, Any] | None = None,
    tuning: Tuning | None = None,
    jobs: int = 1,
    progress: bool = False,
    words: str = "shuffled outcomes",
) -> Iterator[Fitted]:
    """Yield what :func:`fit_arms` gives for each of several outcomes, all folds of all of them in one queue.

    Where shuffling leaves an arm one class in a training fold, that fold has no prediction by that arm.

    Parameters
    ----------
    design, arms, explain, card, tuning, jobs, progress
        As in :func:`fit_arms`.
    shuffles : sequence of (outcome, seed, folds)
        Outcome of every row, shape (rows,); seed of the models; folds.
    words : str
        What progress calls them.
    """
    task = dataclasses.replace(_task(design, arms, 0, explain, card), strict=False)
    each = [
        call for y, seed, folds in shuffles for call in calls(dataclasses.replace(task, y=y, seed=seed), folds, tuning)
    ]
    total = sum(len(folds) for _, _, folds in shuffles)
    check.tell(
        progress and total > 0,
        f"{check.counted(len(arms), 'arm')} in {total} training folds of {len(shuffles)} {words}",
    )
    results = _fit_all(each, total, jobs, progress, words)
    for y, _, folds in shuffles:
        pieces = [piece for _ in folds for piece in next(results)]
        shuffled = design.with_outcome(y)
        choices = pd.DataFrame([piece["choice"] for piece in pieces])
        yield Fitted(_predictions(shuffled, arms, pieces), choices, attributions(shuffled, pieces, task.explaining))


def _task(
    design: Design,
    arms: Sequence[Arm],
    seed: int,
    explained: Collection[str] = (),
    card: Mapping[str, Any] | None = None,
) -> _Task:
    matrix, layout = _matrix(design)
    return _Task(
        X=matrix,
        layout=layout,
        present={name: design.has(name) for name in (*design.blocks, *design.singles)},
        y=design.y.to_numpy(dtype=float),
        patients=design.patients.to_numpy(),
        arms=tuple(arms),
        kind=design.kind,
        categories=design.categories,
        seed=seed,
        explaining=explaining(design, layout, frozenset(explained), card),
    )


def _fit_all(
    wanted: Iterable[tuple[_Task, Fold]], total: int, jobs: int, progress: bool, words: str = "cross-validation"
) -> Iterator[list[dict[str, Any]]]:
    """Yield what :func:`_fit_fold` returns for each call, in order."""
    with joblib.parallel_config(backend="loky" if jobs > 1 else "sequential", n_jobs=jobs, **_threads(jobs)):
        results = joblib.Parallel(return_as="generator")(joblib.delayed(_fit_fold)(*call) for call in wanted)
        yield from check.followed(results, total, words, unit="folds", shown=progress)


def _whole_patients(design: Design, folds: Sequence[Fold]) -> None:
    """Raise where a fold has a patient on both sides: its held-out score would be flattered by the patient's other clips."""
    codes = pd.factorize(design.patients)[0]
    for repeat, number, train, test in folds:
        shared = np.intersect1d(codes[train], codes[test])
        if len(shared):
            patient = design.patients.iloc[np.flatnonzero(codes == shared[0])[0]]
            raise check.InputError(
                f"repeat {repeat}, fold {number}: patient {patient!r} is on both sides of the split",
                remedy="Split by patient, as blues.evaluate.patient_folds does",
            )


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
    blocks |= design.singles
    ends = np.cumsum([block.shape[1] for block in blocks.values()])
    columns = {key: np.arange(end - blocks[key].shape[1], end) for key, end in zip(blocks, ends, strict=True)}
    names = {key: [str(c) for c in block.columns] for key, block in blocks.items()}
    layout = models.Layout(columns, names, several=len(design.blocks) > 1, pooled=design.level == "patient")
    dtype = np.float32 if len(design.y) * ends[-1] > 5e7 else np.float64
    return np.hstack([block.to_numpy(dtype=dtype) for block in blocks.values()]), layout


def _fit_fold(task: _Task, fold: Fold) -> list[dict[str, Any]]:
    """Fit all arms in one training fold; return one record an arm with the held-out rows and their predictions."""
    repeat, number, train, test = fold
    seed = int(np.random.SeedSequence([task.seed, repeat, number]).generate_state(1)[0] % (2**31))
    found = []
    shared: dict[str, models.Shared] = {}
    for arm in task.arms:
        usable = np.any([task.present[name] for name in arm.modalities], axis=0)
        rows, held_out = train[usable[train]], test[usable[test]]
        if not len(held_out) or not len(rows):
            continue
        place = f"arm {arm.name!r}, repeat {repeat}, fold {number}"
        if task.kind == "binary" and len(np.unique(task.y[rows])) < 2:
            if not task.strict:
                continue
            raise check.InputError(
                f"{place}: the patients who have these modalities are of one class", remedy="Take fewer folds"
            )
        model = _fitted(task, arm, rows, seed, shared)
        record: dict[str, Any] = {"position": held_out, "arm": arm.name, "repeat": repeat, "fold": number}
        record |= _predicted(model, task, task.X[held_out])
        if task.kind == "binary":
            record["threshold"] = model.threshold_
        if task.kind == "ordinal":
            record["grade"] = model.grade(record["p"])
        record["choice"] = {"arm": arm.name, "repeat": repeat, "fold": number} | _choice(arm, model)
        if task.explaining is not None and arm.name in task.explaining.arms:
            record["explained"] = task.explaining.piece(record, model, task.X, rows, task.kind, seed)
        found.append(record)
    return found


def _choice(arm: Arm, model: models.Nested) -> dict[str, Any]:
    """Return which candidate was taken, its inner loss and its parts."""
    taken = next(candidate for candidate in arm.candidates if candidate.label == model.chosen_)
    return {
        "chosen": model.chosen_,
        "inner_loss": model.losses_.get(model.chosen_, np.nan),
        "model": taken.model,
        "fusion": taken.fusion,
        "pooling": taken.points,
        "components": taken.components,
        "calibrator": taken.calibrate,
        "threshold_rule": taken.threshold,
        "fallback": _fallback(taken, model),
        **{f"weight_{name}": weight for name, weight in getattr(model.model_, "weights_", {}).items()},
        **{f"share_{name}": share for name, share in getattr(model.model_, "shares_of_stack_", {}).items()},
    }


def _fallback(taken: models.Candidate, model: models.Nested) -> str:
    """Return what was done for want of inner folds, or ``"none"``."""
    if model.lacked_inner_:
        return UNCHOSEN
    averaged = taken.fusion == "stack" and hasattr(model.model_, "weights_") and not model.model_.weights_
    return UNSTACKED if averaged else "none"


def _predicted(model: models.Nested, task: _Task, X: np.ndarray) -> dict[str, np.ndarray]:
    """Return ``p``, and for an ordinal outcome ``p_0, p_1, ...`` too, of which ``p`` is the expected category."""
    if task.kind != "ordinal":
        return {"p": models.predict(model, X, task.kind)}
    shares = model.predict_categories(X, task.categories)
    return {"p": shares @ np.asarray(task.categories), **{f"p_{k}": column for k, column in enumerate(shares.T)}}


def _fitted(
    task: _Task, arm: Arm, rows: np.ndarray, seed: int, shared: dict[str, models.Shared] | None = None
) -> models.Nested:
    """Fit everything that learns in an arm on some rows; ``shared`` holds what other arms fitted on the same fold."""
    inner = models.InnerFolds(task.patients[rows], partial(inner_splits, kind=task.kind, seed=seed))
    learners = dict.fromkeys(c.learner for c in arm.candidates)
    built = {c: models.build(c, arm.modalities, task.layout, task.kind, seed, shared) for c in learners}
    options = {c.label: (*built[c.learner], c.calibrate, c.threshold) for c in arm.candidates}
    return models.Nested(options, task.kind).fit(task.X[rows], task.y[rows], inner)


@dataclass(frozen=True)
class Learner:
    """One arm, to be fitted on any rows and asked about any rows.

    Attributes
    ----------
    rows : ndarray of int
        The rows that have something the arm looks at.
    """

    task: _Task
    rows: np.ndarray

    @property
    def y(self) -> np.ndarray:
        """Outcome of every row of the design."""
        return self.task.y

    @property
    def patients(self) -> np.ndarray:
        """Patient of every row of the design."""
        return self.task.patients

    @property
    def kind(self) -> str:
        """Kind of the outcome."""
        return self.task.kind

    def fit(self, rows: np.ndarray) -> models.Nested:
        """Fit on these rows, which may come more than once."""
        return _fitted(self.task, self.task.arms[0], rows, self.task.seed)

    def predict(self, model: models.Nested, rows: np.ndarray) -> np.ndarray:
        """Return the predictions of these rows."""
        return models.predict(model, self.task.X[rows], self.task.kind)


def learner(design: Design, arm: Arm, seed: int) -> Learner:
    """Return one arm of a design as a :class:`Learner`."""
    task = _task(design, [arm], seed)
    return Learner(task, np.flatnonzero(np.any([task.present[name] for name in arm.modalities], axis=0)))


def inner_splits(
    y: np.ndarray, patients: np.ndarray, *, kind: str, seed: int, folds: int = 5
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split training rows by patient into up to five stratified folds.

    Grades of which one has a single patient are stratified as numbers are. None where a class of a binary outcome has one
    patient, or where there is only one patient.
    """
    for way in (kind, "continuous") if kind == "ordinal" else (kind,):
        for number in range(folds, 1, -1):
            try:
                splits = evaluate.patient_folds(y, patients, number, 1, seed=seed, kind=way)
            except check.InputError:
                continue
            return [(train, test) for _, _, train, test in splits]
    return []


def _predictions(design: Design, arms: Sequence[Arm], pieces: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    if not pieces:
        raise check.InputError("no arm could predict anyone", remedy="See which patients have which modality")
    keys = [key for key in pieces[0] if key not in ("choice", "explained")]
    table = pd.concat([pd.DataFrame({key: piece[key] for key in keys}) for piece in pieces], ignore_index=True)
    order = {arm.name: i for i, arm in enumerate(arms)}
    ranks = table["arm"].map(order).to_numpy()
    table = table.iloc[np.lexsort((table["position"], table["fold"], table["repeat"], ranks))].reset_index(drop=True)
    position = table.pop("position").to_numpy()
    table.insert(0, "patient", design.patients.to_numpy()[position])
    if design.level == "clip":
        table.insert(1, "clip", design.y.index.to_numpy()[position])
    table.insert(int(table.columns.get_loc("p")), "y", design.y.to_numpy(dtype=float)[position])
    return table
