"""A run's out-of-fold predictions as one more rater, beside the experts."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blues.agree.bland_altman import bland_altman
from blues.agree.cohorts import scale_of
from blues.agree.concordance import lin_ccc
from blues.agree.consensus import leave_one_expert_out
from blues.agree.continuous import icc
from blues.agree.experts import interchangeability, non_inferiority, williams_index
from blues.agree.pairwise import cohen_kappa, pairs
from blues.agree.record import Agreement
from blues.agree.resample import Kind
from blues.agree.scale import numeric_scale
from blues.check import InputError, columns_exist, one_of, reaches
from blues.cohort import Cohort

__all__ = ["MODEL", "Experts", "Predictions", "experts_of", "model_agreement", "read_predictions"]

MODEL = "model"
_LAST_BITS = 1e-9
"""Grades this near are equally near: means over repeats are exact up to their last bits only."""


@dataclass(frozen=True)
class Predictions:
    """Out-of-fold predictions of a run.

    Attributes
    ----------
    task, kind, level : str
        What was predicted; ``binary``, ``ordinal`` or ``continuous``; by ``patient`` or ``clip``.
    values : DataFrame, shape (units, arms)
        Index the patient or clip (str); mean prediction over repeats.
    called : DataFrame, shape (units, arms)
        Of a binary task: 1.0 where the prediction reached its threshold in at least half of the repeats.
    grades : DataFrame, shape (units, arms)
        Of an ordinal task: mean over repeats of the grade called by cuts from the training folds; NaN where there were none.
    patients : Series
        The patient of each unit.
    categories : tuple of float
        The grades of an ordinal task.
    outcomes : (float, float) or None
        The lowest and the highest outcome of the run's units, where it is known.
    """

    task: str
    kind: str
    level: str
    values: pd.DataFrame
    called: pd.DataFrame
    grades: pd.DataFrame
    patients: pd.Series
    categories: tuple[float, ...] = ()
    outcomes: tuple[float, float] | None = None

    def ratings(self, arm: str, scale: Sequence[Any] | None) -> pd.Series:
        """Return an arm's predictions as ratings: calls of a binary task, the grade called or nearest, or the value itself.

        Of two categories in words the second is the event; words for grades stand for the run's grades in their order. Grades
        that repeats call equally often give way to the one nearer to the prediction.

        Raises
        ------
        InputError
            An unknown arm; a scale that the run's outcome does not have.
        """
        one_of(arm, list(self.values.columns), "arm")
        if scale is None:
            return self.values[arm].rename(MODEL)
        numbers = numeric_scale(tuple(scale))
        if self.kind == "binary":
            if len(scale) != 2:
                raise InputError(
                    f"the run predicts a yes or no, and the scale has {len(scale)} categories",
                    remedy="Name a run of the same outcome as was rated",
                )
            no, yes = scale if numbers is None else sorted(scale)
            return self.called[arm].map({0.0: no, 1.0: yes}).rename(MODEL)
        self._on(scale, numbers)
        grades = np.asarray(self.categories if numbers is None else sorted(numbers), dtype=float)
        values = self.values[arm].to_numpy()
        near = self.grades[arm].fillna(self.values[arm]).to_numpy()
        gaps = np.abs(near[:, None] - grades)
        tied = gaps <= gaps.min(axis=1, keepdims=True) + _LAST_BITS
        places = np.where(tied, np.abs(values[:, None] - grades), np.inf).argmin(axis=1)
        named = np.asarray(scale, dtype=object)[places] if numbers is None else grades[places]
        return pd.Series(named, index=self.values.index, name=MODEL).where(self.values[arm].notna())

    def taken(self, scale: Sequence[Any] | None) -> str:
        """Say which category of a scale stands for which outcome of the run; empty where the numbers are the same.

        Parameters
        ----------
        scale : sequence or None
            As in :meth:`ratings`, which has taken it.
        """
        numbers = None if scale is None else numeric_scale(tuple(scale))
        if scale is None or (numbers is not None and (self.kind != "binary" or sorted(numbers) == [0, 1])):
            return ""
        ours = ["no", "yes"] if self.kind == "binary" else [f"{grade:g}" for grade in self.categories]
        theirs = map(_shown, scale if numbers is None else sorted(numbers))
        told = ", ".join(f"{word} for {grade}" for word, grade in zip(theirs, ours, strict=True))
        return f"Of the scale and the run's outcome these are taken for one another: {told}."

    def _on(self, scale: Sequence[Any], numbers: np.ndarray | None) -> None:
        """Raise unless the run's grades, or at the least its outcomes, are those of a scale."""
        if numbers is None and len(scale) != len(self.categories):
            raise InputError(
                f"the run predicts {len(self.categories) or 'no'} grades, and the scale has {len(scale)} categories in words",
                remedy="Name a run of the same outcome as was rated, or rate by its numbers",
            )
        if numbers is None:
            return
        if self.kind == "ordinal" and self.categories and sorted(numbers) != sorted(self.categories):
            raise InputError(
                f"the run predicts the grades {_listed(self.categories)}, and the scale is {_listed(numbers)}",
                remedy="Name a run of the same outcome as was rated, or write the ratings in the run's grades",
            )
        if self.outcomes is not None and not min(numbers) <= self.outcomes[0] <= self.outcomes[1] <= max(numbers):
            low, high = self.outcomes
            raise InputError(
                f"the run's outcome goes from {low:g} to {high:g}, and the scale is {_listed(numbers)}",
                remedy="Name a run of the same outcome as was rated, or write the ratings in its numbers",
            )


def _listed(grades: Iterable[Any]) -> str:
    return ", ".join(map(_shown, grades))


def _shown(grade: Any) -> str:
    return f"{grade:g}" if isinstance(grade, float) else str(grade)


def read_predictions(folder: str | Path) -> Predictions:
    """Read ``predictions.parquet`` of a run folder.

    Parameters
    ----------
    folder : path
        Run folder of ``python -m blues.fuse``.

    Returns
    -------
    Predictions
        Means over the repeats.

    Raises
    ------
    InputError
        No such file, columns missing, or a unit predicted twice in one repeat.
    """
    folder = Path(folder)
    path = folder / "predictions.parquet"
    if not path.is_file():
        raise InputError(
            "no predictions.parquet here", file=folder, remedy="Name a folder that python -m blues.fuse wrote"
        )
    table = pd.read_parquet(path)
    columns_exist(["patient", "arm", "y", "p"], table.columns, str(path))
    level = "clip" if "clip" in table and table["clip"].notna().all() else "patient"
    table = table.assign(unit=table[level].astype(str), patient=table["patient"].astype(str))
    keys = ["arm", "unit"] + (["repeat"] if "repeat" in table else [])
    twice = table.duplicated(keys)
    if twice.any():
        row = table[twice].iloc[0]
        raise InputError(f"{level} {row['unit']!r} has two predictions of arm {row['arm']!r} in one repeat", file=path)
    design = _json(folder / "design.json")
    experiment = folder / "experiment.toml"
    task = tomllib.loads(experiment.read_text(encoding="utf-8")).get("task", "") if experiment.is_file() else ""
    threshold = table["threshold"].fillna(0.5) if "threshold" in table else 0.5
    table = table.assign(called=reaches(table["p"], threshold).astype(float))
    table = table.assign(grade=table["grade"] if "grade" in table else np.nan)
    means = table.groupby(["unit", "arm"], sort=False, observed=True)[["p", "called", "grade"]].mean().unstack("arm")
    return Predictions(
        task=str(design.get("task") or task),
        kind=str(design.get("kind") or _kind(table)),
        level=level,
        values=means["p"],
        called=(means["called"] >= 0.5).astype(float).where(means["called"].notna()),
        grades=means["grade"],
        patients=table.drop_duplicates("unit").set_index("unit")["patient"],
        categories=tuple(map(float, design.get("categories") or ())),
        outcomes=None if table["y"].isna().all() else (float(table["y"].min()), float(table["y"].max())),
    )


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _kind(table: pd.DataFrame) -> str:
    if table["y"].isin((0, 1)).all() and table["p"].between(0, 1).all():
        return "binary"
    return "ordinal" if (table["y"].dropna() % 1 == 0).all() else "continuous"


@dataclass(frozen=True)
class Experts:
    """Expert ratings that a model can be held against.

    Attributes
    ----------
    ratings : DataFrame, shape (units, raters)
    clusters : Series or None
        Patient of each unit; None when units are patients.
    scale : list or None
        The declared categories in order; None for measurements.
    ordered : bool
        Whether the categories have an order; without one their consensus is the majority, and there are no weights.
    """

    ratings: pd.DataFrame
    clusters: pd.Series | None
    scale: list[Any] | None
    ordered: bool = True


def experts_of(cohort: Cohort, task: str) -> Experts:
    """Return what each expert of a cohort says a target is: the target derived from that expert's ratings alone.

    Parameters
    ----------
    cohort : Cohort
        With ratings.
    task : str
        A target that the dictionary derives from ratings.

    Returns
    -------
    Experts
        One column a rater, also where the target itself takes the ratings of one of them.

    Raises
    ------
    InputError
        If the target is not derived from ratings.
    """
    spec = cohort.dictionary.target(task)
    if spec.rating is None:
        rated = [name for name, target in cohort.dictionary.targets.items() if target.rating is not None]
        raise InputError(
            f"task {task!r} is not something that experts rated, so the model cannot be held against them as a rater",
            allowed=f"runs of {', '.join(rated)}" if rated else "runs of a target derived from ratings",
        )
    ratings = {}
    targets = {**cohort.dictionary.targets, task: spec.model_copy(update={"rater": None})}
    anybody = cohort.dictionary.model_copy(update={"targets": targets})
    for rater, rows in cohort.ratings.groupby("rater", sort=True, observed=True):
        his = dataclasses.replace(cohort, dictionary=anybody, ratings=rows.reset_index(drop=True))
        ratings[str(rater)] = his.target(task)
    frame = pd.DataFrame(ratings)
    scale = {"continuous": None, "binary": [0.0, 1.0]}.get(spec.kind, scale_of(cohort, spec.rating))
    return Experts(frame, cohort.clips["patient"] if spec.level == "clip" else None, scale)


def taught_by(cohort: Cohort, task: str) -> str:
    """Say whose ratings taught a model of a target, and that it was held against them out of fold.

    Parameters
    ----------
    cohort : Cohort
    task : str
        As in :func:`experts_of`.
    """
    rater = cohort.dictionary.target(task).rater
    whose = "these ratings" if rater is None else f"the ratings of {rater}"
    return (
        f"The predictions are out of fold, but the model learned from {whose}: its agreement with them is that of a pupil with "
        "the teacher."
    )


def model_agreement(
    experts: Experts,
    predictions: Predictions,
    arm: str,
    *,
    weights: Any = "quadratic",
    margin: float | None = None,
    interval: Kind | None = None,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Hold one arm of a run against experts, as one more rater.

    Parameters
    ----------
    experts : Experts
    predictions : Predictions
    arm : str
        Which arm.
    weights : optional
        Of the kappas; two categories make them unweighted.
    margin : float, optional
        Non-inferiority margin, given beforehand; without it non-inferiority is not judged.
    interval, draws, seed, confidence
        As in :func:`blues.agree.cohen_kappa`; without ``interval`` each coefficient's own.

    Returns
    -------
    dict of str to DataFrame, Agreement or str
        Titles and results: every pair, Williams' index, non-inferiority, interchangeability, leave-one-expert-out; with one
        expert the agreement with that one. Before them, where there is anything to say, which category was taken for which
        outcome of the run and how many of the rated units it does not predict.

    Raises
    ------
    InputError
        If predictions and ratings share no unit, or are of patients here and of clips there.
    """
    if predictions.level == "patient" and _of_clips(experts):
        raise InputError(
            "the run predicts patients, and clips were rated",
            remedy="Name a run of a clip's outcome, or make one rating a patient of each reader's first",
        )
    ratings = predictions.ratings(arm, experts.scale)
    frame = experts.ratings.set_axis(experts.ratings.index.astype(str), axis=0)
    for name in map(str, frame.columns):
        if name.strip().casefold() == MODEL:
            raise InputError(f"an expert is called {name!r} as the model is", remedy="Rename that rater")
    rated = int(frame.notna().any(axis=1).sum())
    frame = frame.join(ratings, how="inner")
    frame = frame[frame[MODEL].notna()].dropna(axis=1, how="all").rename_axis(columns="rater")
    if not len(frame) or frame.shape[1] < 2:
        raise InputError(
            f"the run predicts {predictions.level}s such as {predictions.values.index[0]!r}, and none of them was rated; "
            f"rated were such as {experts.ratings.index[0]!r}"
        )
    clusters = None
    if experts.clusters is not None:
        clusters = experts.clusters.set_axis(experts.clusters.index.astype(str)).reindex(frame.index)
    how: dict[str, Any] = {"clusters": clusters, "draws": draws, "seed": seed, "confidence": confidence}
    how |= {} if interval is None else {"interval": interval}
    lacking = rated - int(frame.drop(columns=MODEL).notna().any(axis=1).sum())
    told = [predictions.taken(experts.scale)]
    if lacking:
        told.append(
            f"The run does not predict {lacking} of the {rated} rated {predictions.level}s, which are left out here."
        )
    found: dict[str, Any] = {"What is compared": words} if (words := " ".join(filter(None, told))) else {}
    if experts.scale is None:
        return found | _continuous(frame, how)
    scheme = None if len(experts.scale) == 2 or not experts.ordered else weights
    rule = "median" if experts.ordered else "majority"
    return found | _categorical(frame, {**how, "categories": experts.scale, "weights": scheme}, margin, rule)


def _of_clips(experts: Experts) -> bool:
    """Return whether a patient has several of the rated units."""
    return experts.clusters is not None and bool(experts.clusters.duplicated().any())


def _continuous(frame: pd.DataFrame, how: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in frame.columns.drop(MODEL):
        pair = frame[[MODEL, name]]
        found[f"Model and {name}"] = [icc(pair, form="2,1", **how), lin_ccc(pair, **how), bland_altman(pair, **how)]
    experts = frame.drop(columns=MODEL)
    if experts.shape[1] > 1:
        found["Experts with each other"] = [icc(experts, form="2,1", **how)]
        found["Experts and model"] = [icc(frame, form="2,1", **how)]
    return found


def _categorical(frame: pd.DataFrame, how: dict[str, Any], margin: float | None, rule: str) -> dict[str, Any]:
    experts = [c for c in frame if c != MODEL]
    if len(experts) == 1:
        pair = frame[[experts[0], MODEL]]
        return {f"Model and {experts[0]}": cohen_kappa(pair, **how)}
    table = pairs(frame, **how)
    with_model = (table["rater_a"] == MODEL) | (table["rater_b"] == MODEL)
    table.insert(1, "kind", np.where(with_model, "model and expert", "two experts"))
    found: dict[str, Any] = {"Every pair": table.sort_values("kind", kind="stable", ignore_index=True)}
    found["Williams' index"] = williams_index(frame, model=MODEL, **how)
    if margin is not None:
        found["Non-inferiority"] = non_inferiority(frame, model=MODEL, margin=margin, **how)
    # gamma is a difference of probabilities: any other grade is a disagreement
    found["Interchangeability"] = interchangeability(frame, model=MODEL, **(how | {"weights": None}))
    found["Leave one expert out"] = leave_one_expert_out(frame, model=MODEL, rule=rule, **how)
    return found


def sentences(found: dict[str, Any]) -> list[str]:
    """Return the sentences of the records in what :func:`model_agreement` gives."""
    flat = [r for value in found.values() for r in (value if isinstance(value, list) else [value])]
    return [r.sentence() for r in flat if isinstance(r, Agreement)]
