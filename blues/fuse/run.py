"""From a design to a run: folds, predictions, scores, comparisons, null, and what a reader must be told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from blues import evaluate, provenance
from blues.features import Design
from blues.fuse.crossval import arms_of, fit_arms
from blues.fuse.experiment import Experiment
from blues.fuse.explained import chosen_arms
from blues.fuse.notes import design_facts, notes_on
from blues.fuse.null import label_null
from blues.fuse.record import Run
from blues.fuse.staytime import run_time
from blues.fuse.tables import compare_arms, score_arms, with_null

__all__ = ["run"]


def run(
    design: Design, experiment: Experiment, *, cohort_card: Mapping[str, Any] | None = None, progress: bool = False
) -> Run:
    """Run one experiment on a design.

    Parameters
    ----------
    design : Design
        From :func:`blues.features.design`. Its blocks decide the arms: each modality alone and every combination, then its
        single arms (rules, baselines, prevalence).
    experiment : Experiment
        Models, folds, seed, draws. Its ``cohort``, ``task``, ``modalities``, ``encoder`` and pooling describe how the design
        was made and are recorded as given.
    cohort_card : mapping, optional
        From :func:`blues.cohort.card`, for the report.
    progress : bool
        Show progress on standard error.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        When a class has fewer patients than there are folds.
    """
    if design.kind == "time":
        return run_time(design, experiment, cohort_card=cohort_card, progress=progress)
    folds = evaluate.patient_folds(
        design.y, design.patients, experiment.folds, experiment.repeats, experiment.seed, kind=design.kind
    )
    arms = arms_of(design, experiment.rivals(), calibrate=experiment.calibrate, threshold=experiment.threshold)
    explained = chosen_arms(experiment.explain, arms)
    fitted = fit_arms(
        design,
        arms,
        folds,
        explain=explained,
        card=cohort_card,
        seed=experiment.seed,
        jobs=experiment.jobs,
        progress=progress,
    )
    predictions = fitted.predictions
    by_arm = {str(arm): part for arm, part in predictions.groupby("arm", sort=False)}
    scores = score_arms(by_arm, arms, design, experiment)
    comparisons = compare_arms(by_arm, arms, scores, design, experiment)
    null, by_chance = label_null(design, arms, experiment, explain=explained, card=cohort_card, progress=progress)
    attributions = fitted.attributions
    if attributions is not None and len(by_chance):
        attributions = dataclasses.replace(attributions, null=by_chance)
    return Run(
        experiment=experiment,
        predictions=predictions,
        scores=scores,
        comparisons=with_null(comparisons, scores, null),
        refused=design.refused,
        null=null,
        choices=fitted.choices,
        cohort=dict(cohort_card or {}),
        design=design_facts(design, by_arm),
        notes=tuple(notes_on(design, by_arm, experiment)),
        provenance=provenance.record(seed=experiment.seed, **dict(design.facts)),
        attributions=attributions,
    )
