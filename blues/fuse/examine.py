"""Internal validation beside the cross-validation: optimism and .632+ bootstraps, and the learning curve, by patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import joblib
import numpy as np
import pandas as pd

from blues import check, evaluate
from blues.evaluate.named import lower_is_better, main_metric
from blues.evaluate.named import metric as named
from blues.features import Design
from blues.features.arm_names import arm_name, model_of, with_images
from blues.fuse.arms import Arm
from blues.fuse.crossval import Fold, Learner, learner, out_of_fold
from blues.fuse.experiment import Experiment
from blues.fuse.tables import score_arms

__all__ = [
    "examined_arms",
    "learning_curve",
    "learning_notes",
    "learning_table",
    "validate",
    "validation_notes",
    "validation_row",
]

FRACTIONS = (0.25, 0.5, 0.75, 1.0)
REPEATS = 5
"""Repeats of the folds that the learning curve goes through, at most."""


def examined_arms(names: Sequence[str], reference: str | None, wanted: Sequence[str] = ()) -> list[str]:
    """Return the arms named, or else the reference, the same with images, and images alone by the same model.

    Where there are none of these, the first arm.

    Raises
    ------
    InputError
        When an arm is named that the run does not have.
    """
    if wanted:
        return [check.one_of(name, list(names), "--examine: arm") for name in wanted]
    first = reference or ""
    likely = [first, with_images(first), arm_name(("image",), model_of(first))]
    return [name for name in likely if name in names] or list(names)[:1]


def validation_row(
    arm: str, metric: str, result: evaluate.Optimism, no_information: float, draws: int
) -> dict[str, Any]:
    """Return one row of :func:`validate`: a bootstrap's optimism, and what the .632+ rule makes of it."""
    rule = evaluate.bootstrap_632plus(
        result.apparent, result.out_of_bag.value, no_information, greater_is_better=not lower_is_better(metric)
    )
    return {
        "arm": arm,
        "metric": metric,
        "apparent": result.apparent,
        "optimism": result.optimism.value,
        "corrected": result.corrected.value,
        "out_of_bag": result.out_of_bag.value,
        "rule_632plus": rule.value,
        "weight": rule.detail["weight"],
        "draws": draws,
        "se": result.optimism.se,
    }


def validate(design: Design, arms: Sequence[Arm], experiment: Experiment) -> pd.DataFrame:
    """Refit arms, everything that learns included, on bootstrap samples of patients.

    Parameters
    ----------
    design : Design
    arms : sequence of Arm
    experiment : Experiment
        Its ``validate`` says how many samples.

    Returns
    -------
    DataFrame
        ``arm, metric, apparent, optimism, corrected, out_of_bag, rule_632plus, weight, draws, se``; for a binary outcome AUROC
        and Brier score, else mean absolute error. ``se`` is the Monte-Carlo error of the optimism, no interval.

    Notes
    -----
    Optimism: Harrell, Lee & Mark 1996, Stat Med 15:361. .632+: Efron & Tibshirani 1997, J Am Stat Assoc 92:548. A model that
    fits its own data perfectly (a forest) has an optimism-corrected score that is still too high; .632+ allows for it.
    """
    calls = [joblib.delayed(_validate_arm)(learner(design, arm, experiment.seed), arm.name, experiment) for arm in arms]
    with joblib.parallel_config(backend="loky" if experiment.jobs > 1 else "sequential", n_jobs=experiment.jobs):
        found = joblib.Parallel()(calls)
    return pd.DataFrame([row for rows in found for row in rows])


_Score = Callable[[np.ndarray, np.ndarray], float]


def _validate_arm(learn: Learner, name: str, experiment: Experiment) -> list[dict[str, Any]]:
    rows = learn.rows
    kept: dict[bytes, Any] = {}

    def fit(drawn: np.ndarray) -> Any:
        key = drawn.tobytes()
        if key not in kept:
            kept[key] = learn.fit(drawn)
        return kept[key]

    found = []
    for metric, (score, no_information) in _metrics(learn.kind).items():
        result = evaluate.optimism(
            fit,
            partial(_score_of, learn, score),
            rows,
            learn.patients[rows],
            draws=experiment.validate,
            seed=experiment.seed,
            stratify=learn.y[rows] if learn.kind == "binary" else None,
        )
        chance = no_information(learn.y[rows], learn.predict(fit(rows), rows))
        found.append(validation_row(name, metric, result, chance, experiment.validate))
    return found


def _score_of(learn: Learner, score: _Score, model: Any, drawn: np.ndarray) -> float:
    return score(learn.y[drawn], learn.predict(model, drawn))


def _metrics(kind: str) -> dict[str, tuple[_Score, _Score]]:
    """Return metric -> (score, its value without information)."""
    if kind == "binary":
        return {
            "auroc": (lambda y, p: evaluate.auroc(y, p).value, lambda y, p: 0.5),
            "brier": (lambda y, p: float(np.mean((p - y) ** 2)), evaluate.no_information),
        }
    return {
        "mae": (
            lambda y, p: float(np.mean(np.abs(p - y))),
            lambda y, p: evaluate.no_information(y, p, lambda a, b: np.abs(a - b)),
        )
    }


def learning_curve(design: Design, arms: Sequence[Arm], folds: Sequence[Fold], experiment: Experiment) -> pd.DataFrame:
    """Score arms that were trained on a quarter, half, three quarters and all of each training fold's patients.

    Parameters
    ----------
    design, arms, experiment
        As in :func:`blues.fuse.run`.
    folds : sequence of Fold
        Those of the run, of which the first five repeats are gone through; everybody is still held out once a repeat.

    Returns
    -------
    DataFrame
        ``arm, patients (in training, mean over folds), metric, value, low, high``, intervals by patient bootstrap.
    """

    def some(fold: evaluate.Split, fraction: float) -> np.ndarray:
        return _some_patients(design, arms, fold.train, fraction, (experiment.seed, fold.repeat, fold.fold))

    def score(smaller: list[evaluate.Split]) -> pd.DataFrame:
        predictions, _ = out_of_fold(design, arms, smaller, seed=experiment.seed, jobs=experiment.jobs)
        return score_arms(dict(list(predictions.groupby("arm", sort=False))), arms, design, experiment)

    return learning_table(design, [evaluate.Split(*fold) for fold in folds], some, score)


def learning_table(
    design: Design,
    folds: Sequence[evaluate.Split],
    some: Callable[[evaluate.Split, float], np.ndarray],
    score: Callable[[list[evaluate.Split]], pd.DataFrame],
) -> pd.DataFrame:
    """Return the table of :func:`learning_curve`.

    Parameters
    ----------
    design : Design
    folds : sequence of Split
        Those of the run.
    some : callable
        Takes a fold and a fraction, returns the training rows that stay.
    score : callable
        Takes folds, returns the scores of the examined arms: ``arm, metric, value, low, high``.

    Returns
    -------
    DataFrame
        ``arm, patients, metric, value, low, high``.
    """
    metric, _ = main_metric(design.kind)
    tables = []
    for fraction in FRACTIONS:
        smaller = [fold._replace(train=some(fold, fraction)) for fold in folds if fold.repeat < REPEATS]
        scores = score(smaller)
        patients = np.mean([design.patients.iloc[fold.train].nunique() for fold in smaller])
        table = scores.loc[scores["metric"] == metric, ["arm", "metric", "value", "low", "high"]]
        tables.append(table.assign(patients=round(float(patients), 1)))
    found = pd.concat(tables, ignore_index=True)
    return found[["arm", "patients", "metric", "value", "low", "high"]]


def _some_patients(
    design: Design, arms: Sequence[Arm], train: np.ndarray, fraction: float, seed: Sequence[int]
) -> np.ndarray:
    """Return the rows of some of the training patients; a larger share holds the smaller.

    At least two of each class, also of those who have what an arm looks at, if there are two.
    """
    rng = np.random.default_rng([11, *seed])
    y = design.y.iloc[train]
    level = y.groupby(design.patients.iloc[train].to_numpy(), sort=True).max()
    classes = level if design.kind == "binary" else pd.Series(0, level.index)
    kept: set[str] = set()
    for _, members in classes.groupby(classes):
        order = rng.permutation(members.index.to_numpy())
        kept |= set(order[: max(2, round(fraction * len(order)))])
        for arm in arms:
            rows = train[np.any([design.has(name)[train] for name in arm.modalities], axis=0)]
            kept |= set(order[np.isin(order, design.patients.iloc[rows].unique())][:2])
    return train[design.patients.iloc[train].isin(kept).to_numpy()]


def validation_notes(validation: pd.DataFrame) -> list[dict[str, str]]:
    """Say the bootstrap validation in words."""
    return [
        {
            "level": "note",
            "text": f"{row.arm}: {named(str(row.metric)).label} on its own training data {row.apparent:.3f}; less the optimism "
            f"of {row.optimism:+.3f} {row.corrected:.3f}; by the .632+ rule {row.rule_632plus:.3f} ({row.draws} bootstrap "
            "samples of patients).",
        }
        for row in validation.itertuples()
    ]


def learning_notes(curve: pd.DataFrame) -> list[dict[str, str]]:
    """Say the learning curve in words."""
    return [
        {
            "level": "note",
            "text": f"{arm}: {named(str(part['metric'].iloc[0])).label} "
            + ", ".join(f"{row.value:.3f} from {row.patients:g} training patients" for row in part.itertuples())
            + ".",
        }
        for arm, part in (curve.groupby("arm", sort=False) if len(curve) else ())
    ]
