"""From a design to a run: folds, predictions, scores, comparisons, null, and what a reader must be told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from blues import check, evaluate
from blues.features import Design
from blues.fuse.arms import arms_of
from blues.fuse.crossval import Fold, fit_arms
from blues.fuse.examine import examined_arms, learning_curve, learning_notes, validate, validation_notes
from blues.fuse.experiment import Experiment
from blues.fuse.explained import chosen_arms
from blues.fuse.fallbacks import constant_notes, fallback_notes
from blues.fuse.finetune import Tuning
from blues.fuse.margin import check_margin
from blues.fuse.notes import design_facts, notes_on, own_provenance, reference_notes, sample_size
from blues.fuse.null import added_null, label_null, with_added
from blues.fuse.record import Run
from blues.fuse.settled import settled
from blues.fuse.staytime import run_time
from blues.fuse.subgroups import subgroups
from blues.fuse.tables import (
    check_reference,
    compare_arms,
    reference_arm,
    risk_tables,
    score_arms,
    too_few_patients,
    with_null,
    without_images,
)

__all__ = ["groups_given", "run", "run_folds"]

HUGE = 1e100
"""Squares and sums of larger outcomes leave the range of numbers."""


def run(
    design: Design,
    experiment: Experiment,
    *,
    cohort_card: Mapping[str, Any] | None = None,
    tuning: Tuning | None = None,
    groups: Mapping[str, pd.Series] | None = None,
    progress: bool = False,
) -> Run:
    """Run one experiment on a design.

    Parameters
    ----------
    design : Design
        From :func:`blues.features.design`. Its blocks decide the arms: each modality alone and every combination, then its
        single arms (rules, baselines, prevalence).
    experiment : Experiment
        Models, folds, seed, draws. What the design decides (task, modalities, pooling, encoder, baseline) is taken from it.
    cohort_card : mapping, optional
        From :func:`blues.cohort.card`, for the report.
    tuning : Tuning, optional
        From :func:`blues.fuse.tuning`, which an experiment with ``finetune`` needs.
    groups : mapping of str to Series, optional
        From :func:`blues.fuse.groups_of`, which an experiment with ``subgroups`` needs.
    progress : bool
        Show progress on standard error.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        When a class has fewer patients than there are folds; when the experiment says something else than the design; when it
        fine-tunes or names subgroups, and ``tuning`` or ``groups`` is not given.
    """
    if (experiment.finetune != "none") != (tuning is not None):
        raise check.InputError(
            f"the experiment says finetune={experiment.finetune!r}, and tuning is {'' if tuning else 'not '}given",
            remedy="design, tuning = blues.fuse.tuning(cohort, design, experiment) makes both",
        )
    groups_given(experiment, groups)
    experiment = settled(design, experiment)
    check_margin(experiment.margin, design.kind)
    if design.kind == "time":
        found = run_time(design, experiment, cohort_card=cohort_card, progress=progress)
    else:
        folds = evaluate.patient_folds(
            design.y, design.patients, experiment.folds, experiment.repeats, experiment.seed, kind=design.kind
        )
        found = run_folds(
            design, experiment, list(folds), about=design, cohort_card=cohort_card, tuning=tuning, progress=progress
        )
    return dataclasses.replace(found, subgroups=subgroups(found, dict(groups))) if groups else found


def groups_given(experiment: Experiment, groups: Mapping[str, pd.Series] | None) -> None:
    """Raise where an experiment names subgroups and nobody says who is in which, or of whom it is said."""
    if experiment.subgroups and groups is None:
        raise check.InputError(
            f"the experiment names subgroups, {', '.join(experiment.subgroups)}, and groups are not given",
            remedy="groups=blues.fuse.groups_of(cohort, experiment.task, experiment.subgroups)",
        )
    for name, series in (groups or {}).items():
        if not isinstance(series, pd.Series):
            raise check.InputError(
                f"groups[{name!r}] is {type(series).__name__}, which says nothing of whose groups they are",
                allowed="a Series whose index is the patients",
            )


def _worth_predicting(design: Design) -> None:
    """Raise where the outcome is a number that is the same for everybody, or too large to be squared."""
    y = design.y.to_numpy(dtype=float)
    if design.kind == "continuous" and np.ptp(y) == 0:
        raise check.InputError(f"{design.task} is {y[0]:g} for everybody: there is nothing to predict")
    if np.abs(y).max() > HUGE:
        where = design.y.index[int(np.abs(y).argmax())]
        raise check.InputError(
            f"{design.task} of {where} is out of all bounds", value=y[np.abs(y).argmax()], allowed=f"up to {HUGE:g}"
        )


def run_folds(
    design: Design,
    experiment: Experiment,
    folds: Sequence[Fold],
    *,
    about: Design,
    cohort_card: Mapping[str, Any] | None = None,
    tuning: Tuning | None = None,
    progress: bool = False,
) -> Run:
    """Run one experiment on given folds.

    Parameters
    ----------
    design, experiment, cohort_card, tuning, progress
        As in :func:`run`.
    folds : sequence of Fold
        Of cross-validation, or the one split of a transfer.
    about : Design
        Whose patients are predicted: the design itself, or the test cohort's of a transfer.
    """
    transfer = about is not design
    _worth_predicting(design)
    arms = arms_of(design, experiment.rivals(), calibrate=experiment.calibrate, threshold=experiment.threshold)
    check_reference(experiment.reference, without_images(arms, design.kind))
    explained = chosen_arms(experiment.explain, arms)
    shared: dict[str, Any] = {"explain": explained, "card": cohort_card, "tuning": tuning, "progress": progress}
    fitted = fit_arms(design, arms, folds, seed=experiment.seed, jobs=experiment.jobs, **shared)
    predictions = fitted.predictions
    by_arm = {str(arm): part for arm, part in predictions.groupby("arm", sort=False)}
    scores = score_arms(by_arm, arms, about, experiment)
    reference = reference_arm(arms, scores, design.kind, experiment.reference, by_arm=by_arm)
    comparisons = compare_arms(by_arm, arms, reference, about, experiment)
    null, by_chance = label_null(design, arms, experiment, split=folds[0] if transfer else None, **shared)
    added = pd.DataFrame()
    if not transfer:
        added = added_null(design, arms, experiment, predictions, reference, tuning=tuning, progress=progress)
    attributions = fitted.attributions
    if attributions is not None and len(by_chance):
        attributions = dataclasses.replace(attributions, null=by_chance)
    by_name = {arm.name: arm for arm in arms}
    examined = [by_name[name] for name in examined_arms(list(by_name), reference, experiment.examine)]
    looked = check.counted(len(examined), "arm")
    check.tell(
        progress and bool(experiment.validate), f"{looked} on {experiment.validate} bootstrap samples of patients"
    )
    validation = validate(design, examined, experiment) if experiment.validate else pd.DataFrame()
    check.tell(progress and bool(experiment.learning_curve), f"{looked} trained on fewer patients")
    learning = learning_curve(design, examined, folds, experiment) if experiment.learning_curve else pd.DataFrame()
    size = sample_size(about, (design, np.asarray(folds[0][2])) if transfer else None)
    few = too_few_patients(without_images(arms, design.kind), by_arm)
    notes = notes_on(about, by_arm, experiment, size) + reference_notes(few, reference) + fallback_notes(fitted.choices)
    notes += constant_notes(predictions, fitted.choices) + validation_notes(validation) + learning_notes(learning)
    return Run(
        experiment=experiment,
        predictions=predictions,
        scores=scores,
        comparisons=with_added(with_null(comparisons, scores, null), added),
        refused=about.refused,
        null=null,
        added=added,
        choices=fitted.choices,
        cohort=dict(cohort_card or {}),
        design=design_facts(about, by_arm, size),
        notes=tuple(notes),
        provenance=own_provenance(about, experiment),
        attributions=attributions,
        **(risk_tables(by_arm, arms, comparisons, experiment) if design.kind == "binary" else {}),
        validation=validation,
        learning=learning,
    )
