"""Internal validation beside the cross-validation: optimism and .632+ bootstraps, and the learning curve, by patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import joblib
import numpy as np
import pandas as pd

from blues import check, evaluate
from blues.features import Design
from blues.features.arm_names import arm_name, model_of, with_images
from blues.fuse.arms import Arm
from blues.fuse.crossval import Fold, Learner, learner, out_of_fold
from blues.fuse.experiment import Experiment
from blues.fuse.named import metric as named
from blues.fuse.tables import main_metric, score_arms

__all__ = ["examined_arms", "learning_curve", "learning_notes", "validate", "validation_notes"]

FRACTIONS = (0.25, 0.5, 0.75, 1.0)
REPEATS = 5
"""Repeats of the folds that the learning curve goes through, at most."""


def examined_arms(arms: Sequence[Arm], reference: str | None, wanted: Sequence[str] = ()) -> tuple[Arm, ...]:
    """Return the arms named, or else the reference, the same with images, and images alone by the same model.

    Raises
    ------
    InputError
        When an arm is named that the run does not have.
    """
    by_name = {arm.name: arm for arm in arms}
    if wanted:
        return tuple(by_name[check.one_of(name, list(by_name), "--examine: arm")] for name in wanted)
    named = reference or ""
    names = [named, with_images(named), arm_name(("image",), model_of(named))]
    found = [by_name[name] for name in names if name in by_name]
    return tuple(found or [arm for arm in arms if arm.role == "modalities"][:1])


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
        better = metric == "auroc"
        rule = evaluate.bootstrap_632plus(result.apparent, result.out_of_bag.value, chance, greater_is_better=better)
        found.append(
            {
                "arm": name,
                "metric": metric,
                "apparent": result.apparent,
                "optimism": result.optimism.value,
                "corrected": result.corrected.value,
                "out_of_bag": result.out_of_bag.value,
                "rule_632plus": rule.value,
                "weight": rule.detail["weight"],
                "draws": experiment.validate,
                "se": result.optimism.se,
            }
        )
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
    metric, _ = main_metric(design.kind)
    used = [fold for fold in folds if fold[0] < REPEATS]
    tables = []
    for fraction in FRACTIONS:
        smaller = [
            (r, k, _some_patients(design, arms, train, fraction, (experiment.seed, r, k)), test)
            for r, k, train, test in used
        ]
        predictions, _ = out_of_fold(design, arms, smaller, seed=experiment.seed, jobs=experiment.jobs)
        scores = score_arms(dict(list(predictions.groupby("arm", sort=False))), arms, design, experiment)
        patients = np.mean([design.patients.iloc[train].nunique() for _, _, train, _ in smaller])
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
