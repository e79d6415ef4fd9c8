"""Internal validation of the task ``discharge``: bootstrap optimism, learning curve, and options that a time has no use for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import joblib
import numpy as np
import pandas as pd

from blues import check, evaluate, survive
from blues.evaluate.named import main_metric
from blues.features import Design
from blues.fuse.examine import learning_table, validation_row
from blues.fuse.experiment import Experiment

__all__ = ["learning_of_time", "no_transfer", "refuse_options", "unused_options", "validate_time"]

Arms = Mapping[str, tuple[str, ...]]


def refuse_options(experiment: Experiment) -> None:
    """Raise when an experiment asks of a time what only a yes or no, or a choice between models, can give.

    Raises
    ------
    InputError
        ``--select``, ``--calibrate``, ``--threshold``, and ``--explain`` with names of arms.
    """
    wanted = {
        "--select": "the arms are ridge Cox models, whose penalty is chosen in the training fold"
        * bool(experiment.select),
        "--calibrate": "predicted times have no Platt scaling" * (experiment.calibrate != "none"),
        "--threshold": "no patient is called positive or negative" * (experiment.threshold != "half"),
        "--explain": "Shapley values of the ridge Cox models are not computed"
        * (tuple(experiment.explain) not in (("all",), ("none",))),
    }
    for flag, why in wanted.items():
        if why:
            raise check.InputError(f"{flag} does not go with a time to discharge: {why}", remedy=f"Leave out {flag}")


def no_transfer() -> check.InputError:
    """Return what is said when a time is to be fitted on one cohort and tested on another."""
    return check.InputError(
        "a time to discharge is cross-validated within one cohort only", remedy="Leave out --train and --test"
    )


def unused_options(experiment: Experiment) -> list[str]:
    """Return the flags given that change nothing for a time: those that differ from their defaults."""
    plain = Experiment()
    return [f"--{name}" for name in ("model", "fusion", "draws") if getattr(experiment, name) != getattr(plain, name)]


def validate_time(design: Design, arms: Arms, names: Sequence[str], experiment: Experiment) -> pd.DataFrame:
    """Refit arms, the choice of the penalty included, on bootstrap samples of patients; score Uno's C.

    Parameters
    ----------
    design : Design
        Of kind ``time``.
    arms : mapping of str to tuple of str
        Arm -> what it looks at.
    names : sequence of str
        The arms to examine.
    experiment : Experiment
        Its ``validate`` says how many samples.

    Returns
    -------
    DataFrame
        As :func:`blues.fuse.examine.validate`. Copies of a patient never stand in two inner folds, and are no pair.

    Notes
    -----
    Optimism: Harrell, Lee & Mark 1996, Stat Med 15:361. .632+: Efron & Tibshirani 1997, J Am Stat Assoc 92:548; without
    information C is 0.5.
    """
    calls = [joblib.delayed(_validate_arm)(design, name, arms[name], experiment) for name in names]
    with joblib.parallel_config(backend="loky" if experiment.jobs > 1 else "sequential", n_jobs=experiment.jobs):
        return pd.DataFrame(joblib.Parallel()(calls))


def _validate_arm(design: Design, name: str, looks_at: tuple[str, ...], experiment: Experiment) -> dict[str, Any]:
    assert design.event is not None
    time, event = design.y.to_numpy(), design.event.to_numpy()
    known = {**design.blocks, **design.singles}
    blocks = {part: known[part].reset_index(drop=True) for part in looks_at}
    rows = np.arange(len(time))

    def fit(drawn: np.ndarray) -> survive.PenalisedCox | None:
        some = {part: block.iloc[drawn].reset_index(drop=True) for part, block in blocks.items()}
        try:
            return survive.penalised_cox(time[drawn], event[drawn] == 1, some, seed=experiment.seed, groups=drawn)
        except check.InputError:  # a sample in which nobody was discharged, or nothing varies
            return None

    def score(model: survive.PenalisedCox | None, drawn: np.ndarray) -> float:
        if model is None:
            return float("nan")
        risk = model.risk({part: block.iloc[drawn] for part, block in blocks.items()})
        return survive.uno_c(time[drawn], event[drawn], risk, cause=1, interval=None).value

    found = evaluate.optimism(
        fit, score, rows, design.patients, experiment.validate, experiment.seed, stratify=(event == 1).astype(int)
    )
    return validation_row(name, main_metric(design.kind)[0], found, 0.5, experiment.validate)


def learning_of_time(
    design: Design,
    folds: Sequence[evaluate.Split],
    experiment: Experiment,
    score: Callable[[list[evaluate.Split]], pd.DataFrame],
) -> pd.DataFrame:
    """Score arms trained on a quarter, half, three quarters and all of each training fold's patients.

    Parameters
    ----------
    design, experiment
        As in :func:`validate_time`.
    folds : sequence of Split
        Those of the run, of which the first five repeats are gone through; everybody is still held out once a repeat.
    score : callable
        Takes folds, returns the scores of the examined arms: ``arm, metric, value, low, high``.

    Returns
    -------
    DataFrame
        ``arm, patients (in training, mean over folds), metric, value, low, high``.
    """
    assert design.event is not None
    event = (design.event == 1).to_numpy()
    return learning_table(design, folds, lambda fold, part: _some(fold, event, part, experiment.seed), score)


def _some(fold: evaluate.Split, event: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Return some of a fold's training rows, at least four of those discharged; a larger share holds the smaller."""
    rng = np.random.default_rng([11, seed, fold.repeat, fold.fold])
    kept = []
    for happened in (True, False):
        order = rng.permutation(fold.train[event[fold.train] == happened])
        kept.append(order[: max(4 if happened else 0, round(fraction * len(order)))])
    return np.sort(np.concatenate(kept))
