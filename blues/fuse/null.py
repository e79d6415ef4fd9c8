"""The label-permutation null of the whole pipeline: what the same arms score when the outcome is dealt out anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from blues import check, evaluate
from blues.explain import null_importance
from blues.features import Design
from blues.fuse.crossval import Arm, Fold, shuffled_out_of_fold
from blues.fuse.experiment import Experiment
from blues.fuse.finetune import Tuning
from blues.fuse.tables import main_metric

__all__ = ["label_null", "shuffled_outcome"]

COLUMNS = ("arm", "metric", "permutation", "value")


def label_null(
    design: Design,
    arms: Sequence[Arm],
    experiment: Experiment,
    *,
    explain: Collection[str] = (),
    card: Mapping[str, Any] | None = None,
    split: Fold | None = None,
    tuning: Tuning | None = None,
    progress: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Repeat the whole pipeline, one repeat of folds each, with the outcome shuffled among patients.

    Parameters
    ----------
    design : Design
    arms : sequence of Arm
        The constant prevalence arm is left out.
    experiment : Experiment
        Its ``null`` says how often.
    explain : collection of str
        Names of the arms whose attributions are wanted too.
    card : mapping, optional
        The cohort card, for the labels of what is explained.
    split : Fold, optional
        The one split of a transfer: the outcome is shuffled among its training patients only.
    tuning : Tuning, optional
        Fine-tunes the encoder in every training fold, on the shuffled outcome where it learns the target.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    scores : DataFrame
        ``arm, metric, permutation, value``; the metric is the main one. NaN where a shuffle left an arm one class to learn.
    importances : DataFrame
        As :attr:`blues.explain.Attributions.null` holds them; empty when no arm is explained.

    Notes
    -----
    Each permutation is one repeat of the folds, whose score varies more than the mean over repeats that it is held against:
    the p value errs on the safe side.
    """
    metric, _ = main_metric(design.kind)
    arms = [arm for arm in arms if arm.role != "prevalence"]
    shuffles: list[tuple[np.ndarray, int, list[Fold]]] = []
    for number in range(experiment.null):
        rng = np.random.default_rng([experiment.seed, 7919, number])
        y = shuffled_outcome(design, rng, split)
        seed = int(rng.integers(2**31))
        if split is not None:
            shuffles.append((y, seed, [split]))
            continue
        folds = evaluate.patient_folds(y, design.patients, experiment.folds, 1, seed, kind=design.kind)
        shuffles.append((y, seed, list(folds)))
    rows: list[dict[str, Any]] = []
    importances: list[pd.DataFrame] = []
    settings: dict[str, Any] = {"explain": explain, "card": card, "tuning": tuning, "jobs": experiment.jobs}
    settings["progress"] = progress
    for number, drawn in enumerate(shuffled_out_of_fold(design, arms, shuffles, **settings)):
        for arm, part in drawn.predictions.groupby("arm", sort=False):
            rows.append({"arm": arm, "metric": metric, "permutation": number, "value": _score(part, metric, design)})
        if drawn.attributions is not None:
            importances.append(null_importance(drawn.attributions, number))
    whole = pd.concat(importances, ignore_index=True) if importances else pd.DataFrame()
    return pd.DataFrame(rows, columns=list(COLUMNS)), whole


def _score(part: pd.DataFrame, metric: str, design: Design) -> float:
    if part["patient"].nunique() < design.patients.nunique() and part["y"].nunique() < 2:
        return float("nan")
    try:
        return evaluate.point_score(part, metric, design.kind, categories=design.categories or None)
    except check.InputError:
        return float("nan")


def shuffled_outcome(design: Design, rng: np.random.Generator, split: Fold | None = None) -> np.ndarray:
    """Give each patient (of a split's training rows) the outcomes of another, a patient's clips together; shape (rows,)."""
    patients = design.patients.to_numpy()
    among = design.patients if split is None else design.patients.iloc[split[2]]
    groups = [np.flatnonzero(patients == patient) for patient in among.unique()]
    y = design.y.to_numpy()
    shuffled = y.copy()
    for rows, donor in zip(groups, rng.permutation(len(groups)), strict=True):
        shuffled[rows] = np.resize(rng.permutation(y[groups[donor]]), len(rows))
    return shuffled
