"""Out-of-fold predictions of every arm on identical patient folds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from blues import models
from blues.features import Design

__all__ = ["Fold", "out_of_fold"]

Fold = tuple[int, int, np.ndarray, np.ndarray]
"""Repeat, fold, training rows, test rows (positions in the design)."""


def out_of_fold(
    design: Design,
    arms: Mapping[str, tuple[Sequence[str], str]],
    folds: Iterable[Fold],
    *,
    fusion: str = "early",
    seed: int = 0,
    jobs: int = 1,
    progress: bool = False,
) -> pd.DataFrame:
    """Fit every arm in every training fold and predict the patients held out.

    Parameters
    ----------
    design : Design
        Outcome and modality blocks.
    arms : mapping of str to (modalities, model)
        Name of the arm -> which blocks, which model of :data:`blues.models.MODELS`.
    folds : iterable of (repeat, fold, train, test)
        From :func:`blues.evaluate.patient_folds`; the same for all arms.
    fusion : {"early", "late"}
        How an arm of several modalities joins them.
    seed : int
        The seed of the models; a fold's models get a seed of their own, the same in every arm.
    jobs : int
        Worker processes, each with one numeric thread. Does not change a number.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    DataFrame
        One row a prediction: ``row, patient, arm, repeat, fold, y, p``. An arm trains on and predicts only rows that have a
        value in at least one of its modalities.
    """
    blocks = {name: np.ascontiguousarray(block.to_numpy(dtype=np.float64)) for name, block in design.blocks.items()}
    present = {name: design.has(name) for name in blocks}
    y = design.y.to_numpy(dtype=float)
    folds = list(folds)
    tasks = (joblib.delayed(_fit_fold)(blocks, present, y, arms, fold, fusion, design.kind, seed) for fold in folds)
    with joblib.parallel_config(backend="loky" if jobs > 1 else "sequential", n_jobs=jobs, **_threads(jobs)):
        results = joblib.Parallel(return_as="generator")(tasks)
        bar = tqdm(
            results, total=len(folds), desc="folds", unit="fold", disable=None if progress else True, leave=False
        )
        found = [piece for pieces in bar for piece in pieces]
    table = pd.concat([pd.DataFrame(piece) for piece in found], ignore_index=True)
    position = table.pop("position").to_numpy()
    table.insert(0, "row", design.y.index.to_numpy()[position])
    table.insert(1, "patient", design.patients.to_numpy()[position])
    table["y"] = y[position]
    order = {name: i for i, name in enumerate(arms)}
    table["_arm"] = table["arm"].map(order)
    table = table.sort_values(["_arm", "repeat", "fold"], kind="stable", ignore_index=True)
    return table[["row", "patient", "arm", "repeat", "fold", "y", "p"]]


def _threads(jobs: int) -> dict[str, int]:
    return {"inner_max_num_threads": 1} if jobs > 1 else {}


def _fit_fold(
    blocks: Mapping[str, np.ndarray],
    present: Mapping[str, np.ndarray],
    y: np.ndarray,
    arms: Mapping[str, tuple[Sequence[str], str]],
    fold: Fold,
    fusion: str,
    kind: str,
    seed: int,
) -> list[dict[str, Any]]:
    """Fit all arms in one training fold; return one record an arm with the held-out rows and their predictions."""
    repeat, number, train, test = fold
    model_seed = int(np.random.SeedSequence([seed, repeat, number]).generate_state(1)[0] % (2**31))
    found = []
    for arm, (modalities, model) in arms.items():
        usable = np.any([present[name] for name in modalities], axis=0)
        fit_rows, held_out = train[usable[train]], test[usable[test]]
        if not len(held_out):
            continue
        X = np.hstack([blocks[name] for name in modalities]) if len(modalities) > 1 else blocks[modalities[0]]
        estimator = models.make(model, kind, model_seed)
        if fusion == "late" and len(modalities) > 1:
            estimator = models.LateFusion(estimator, _columns(blocks, modalities), kind)
        estimator.fit(X[fit_rows], y[fit_rows])
        p = models.predict(estimator, X[held_out], kind)
        found.append({"position": held_out, "arm": arm, "repeat": repeat, "fold": number, "p": p})
    return found


def _columns(blocks: Mapping[str, np.ndarray], modalities: Sequence[str]) -> dict[str, list[int]]:
    """Return each modality's column numbers once the blocks stand side by side."""
    ends = np.cumsum([blocks[name].shape[1] for name in modalities])
    return {
        name: list(range(end - blocks[name].shape[1], end)) for name, end in zip(modalities, ends.tolist(), strict=True)
    }
