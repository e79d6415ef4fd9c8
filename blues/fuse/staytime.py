"""Time to discharge alive as a task: death in hospital competes, stays that had not ended are censored.

Any cohort whose dictionary has a ``[survival]`` section offers the task ``discharge`` beside its targets. Each arm is a
cause-specific ridge Cox model, fitted on the same patient folds (:func:`blues.survive.out_of_fold_risk`).
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blues import check, evaluate, survive
from blues.cohort import Cohort
from blues.cohort.schema import Column, Target
from blues.evaluate.named import lower_is_better, main_metric
from blues.features import Design
from blues.features.arm_names import arm_name, is_rule, sees_images
from blues.fuse.examine import examined_arms, learning_notes, validation_notes
from blues.fuse.experiment import Experiment
from blues.fuse.notes import cohort_notes, design_facts, encoder_notes, idle_notes, own_provenance, sample_size
from blues.fuse.record import Run
from blues.fuse.stayexamine import learning_of_time, refuse_options, unused_options, validate_time
from blues.fuse.tables import (
    ADDED,
    COLUMNS,
    ELSEWHERE,
    RULES,
    WITHOUT,
    check_reference,
    image_pairs,
    with_holm,
    with_null,
)
from blues.survive.weighting import jackknife_words

__all__ = ["COLUMN", "TASK", "describe_beside", "of_a_stay", "offer", "run_time", "timed"]

TASK = "discharge"
COLUMN = "time to discharge"
QUESTION = "Do the two arms order the patients' times to discharge, or tell them, equally well?"


class Ending(Target):
    """A time that patients reach, or do not: the median of the plain numbers takes all of them for reached."""

    @property
    def plain_numbers(self) -> bool:
        """A time is no plain number."""
        return False


def offer(cohort: Cohort, task: str) -> Cohort:
    """Return the cohort with the task ``discharge`` among its targets, if that is asked for and its dictionary tells stays.

    Parameters
    ----------
    cohort : Cohort
    task : str
        Any other task, or one that the dictionary defines itself, changes nothing.

    Returns
    -------
    Cohort
        With a column ``time to discharge`` (outcome, days), which like every outcome may predict nothing.
    """
    dictionary = cohort.dictionary
    if task != TASK or task in dictionary.targets or not dictionary.survival:
        return cohort
    rule = survive.stay_rule(dictionary.survival)
    time = survive.endpoints(cohort).frame["time"].reindex(cohort.patients.index)
    column = Column(role="outcome", known="discharge", kind="continuous", unit="days", note="settled by [survival]")
    target = Ending(
        label="time to discharge alive",
        kind="continuous",
        contingent="never",
        unit="days",
        note="death competes, stays that had not ended are censored: its numbers stand under Length of stay",
        column=COLUMN,
        refuse={rule.stay: "the time to discharge is derived from it"},
    )
    return dataclasses.replace(
        cohort,
        dictionary=dictionary.model_copy(
            update={
                "columns": {**dictionary.columns, COLUMN: column},
                "targets": {**dictionary.targets, TASK: target},
            }
        ),
        patients=cohort.patients.assign(**{COLUMN: time}),
    )


def of_a_stay(cohort: Cohort, task: str) -> bool:
    """Return whether a task is about the length of a stay: ``discharge``, or a target on the column of the stay."""
    section = cohort.dictionary.survival
    return bool(section) and cohort.dictionary.targets[task].column in (COLUMN, survive.stay_rule(section).stay)


def happened(design: Design) -> list[Any] | None:
    """Return the patients who had the event of a design of kind ``time``; None for other kinds."""
    return None if design.event is None else list(design.patients[design.event == 1])


def timed(design: Design, cohort: Cohort) -> Design:
    """Return a design of a stay with what a reader must know of how stays ended, and of ``discharge`` with the events.

    Parameters
    ----------
    design : Design
        From :func:`blues.features.design` on what :func:`offer` returned.
    cohort : Cohort

    Returns
    -------
    Design
        Of kind ``time`` for the task ``discharge``; other tasks keep theirs. A continuous task on the column of the stay
        gets ``facts["stay_note"]``: what a plain number of days leaves out.
    """
    if not of_a_stay(cohort, design.task):
        return design
    column = cohort.dictionary.targets[design.task].column
    ends = survive.endpoints(cohort)
    event = ends.frame["event"].reindex(design.patients.to_numpy()).set_axis(design.y.index)
    if column == COLUMN:
        settled = int(ends.frame.loc[design.patients, "adjudicated"].sum())
        facts = {**design.facts, "adjudicated": settled} | ({"stay_doubt": ends.doubt} if ends.doubt else {})
        return dataclasses.replace(design, kind="time", event=event, facts=facts)
    died, censored = int((event == 2).sum()), int((event == 0).sum())
    told = (
        f"Length of stay as a plain number takes the stays that ended in death ({died}) or whose end is not known ({censored}) "
        "for stays like all others, and contradictory entries as they stand; the task discharge settles these, counts death "
        "as a competing event and censors what had not ended."
    )
    return dataclasses.replace(design, facts={**design.facts, "stay_note": told})


def describe_beside(cohort: Cohort, folder: Path, *, findings: bool = False) -> None:
    """Write description and models of the stays into ``stay`` of a run folder, where the dictionary tells how to read them.

    With ``findings`` what experts rated on clips is associated with vital signs and blood, too. A cohort whose stays cannot
    be settled costs the description, not the run: the reason goes to standard error.
    """
    if not cohort.dictionary.survival:
        return
    try:
        survive.save_section(survive.section(cohort, findings=findings), folder / "stay")
    except check.InputError as error:
        print(f"Lengths of stay are not described: {error}", file=sys.stderr)


def run_time(
    design: Design, experiment: Experiment, *, cohort_card: Mapping[str, Any] | None = None, progress: bool = False
) -> Run:
    """Run one experiment on a design of kind ``time``; :func:`blues.fuse.run` comes here for such a design.

    Parameters
    ----------
    design : Design
        From :func:`timed`.
    experiment : Experiment
        Folds, repeats, seed, null, validate, learning_curve, examine and jobs; the arms' model is a ridge Cox model whatever
        ``model`` says.
    cohort_card, progress
        As in :func:`blues.fuse.run`; ``progress`` says on standard error what is being done.

    Returns
    -------
    Run
        ``predictions``: ``y`` is the time, ``event`` its code, ``p`` the linear predictor (higher: discharged sooner) and
        ``free_T`` the probability of not having been discharged alive by day T. ``scores`` and ``comparisons`` in the
        shape of the other tasks, arms ranked by Uno's C.

    Raises
    ------
    InputError
        Options a time has no use for, see :func:`blues.fuse.stayexamine.refuse_options`.
    """
    refuse_options(experiment)
    arms = _arms(design)
    check_reference(experiment.reference, _without_images(arms))
    if design.y.nunique() < 2:
        raise check.InputError(f"{design.task} is {design.y.iloc[0]:g} days for everybody: there is nothing to predict")
    folds = evaluate.patient_folds(
        design.y, design.patients, experiment.folds, experiment.repeats, experiment.seed, kind="continuous"
    )
    check.tell(progress, f"{len(arms)} arms of ridge Cox models in {len(folds)} training folds")
    found = _out_of_fold(design, arms, folds, experiment, pairs=_pairs(arms))
    predictions = found.predictions.rename(columns={"time": "y", "risk": "p"})
    scores = found.scores.assign(method=jackknife_words(len(design.y)))
    reference = _reference(scores, arms, experiment.reference)
    validation, learning = _examinations(design, arms, reference, folds, experiment, progress)
    null = _null(design, arms, experiment, progress)
    by_arm = {str(arm): part for arm, part in predictions.groupby("arm", sort=False)}
    return Run(
        experiment=experiment,
        predictions=predictions[["patient", "arm", "repeat", "fold", "y", "event", "p", *_free(predictions)]],
        scores=scores[["arm", "metric", "value", "low", "high", "se", "method", "reason"]],
        comparisons=with_null(_comparisons(found.comparisons, reference, arms, len(design.y)), scores, null),
        refused=design.refused,
        null=null,
        choices=pd.DataFrame(columns=["arm", "repeat", "fold", "chosen", "inner_loss"]),
        cohort=dict(cohort_card or {}),
        design=_facts(design, by_arm, found),
        notes=tuple(_notes(design, experiment, found) + validation_notes(validation) + learning_notes(learning)),
        provenance=own_provenance(design, experiment),
        validation=validation,
        learning=learning,
    )


def _examinations(
    design: Design,
    arms: Mapping[str, tuple[str, ...]],
    reference: str | None,
    folds: list[evaluate.Split],
    experiment: Experiment,
    progress: bool,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the bootstrap validation and the learning curve, empty where not asked for."""
    names = examined_arms(list(arms), reference, experiment.examine)
    validation, learning = pd.DataFrame(), pd.DataFrame()
    if experiment.validate:
        check.tell(progress, f"{len(names)} arms on {experiment.validate} bootstrap samples of patients")
        validation = validate_time(design, arms, names, experiment)
    if experiment.learning_curve:
        check.tell(progress, f"{len(names)} arms trained on fewer patients")
        chosen = {name: arms[name] for name in names}
        learning = learning_of_time(
            design,
            folds,
            experiment,
            lambda some: _out_of_fold(design, chosen, some, experiment, pairs=[]).scores,
        )
    return validation, learning


def _free(predictions: pd.DataFrame) -> list[str]:
    return [c for c in predictions if str(c).startswith("free_")]


def _arms(design: Design) -> dict[str, tuple[str, ...]]:
    """Return each arm's name and what it looks at; a constant prevalence says nothing of a time."""
    baselines = {name: (name,) for name in design.singles if name != "prevalence"}
    return {arm_name(modalities): modalities for modalities in design.arms} | baselines


def _pairs(arms: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    seeing = {name: sees_images(modalities) for name, modalities in arms.items()}
    return [(a, b) for a in arms for b in arms if a != b and not seeing[b]]


def _out_of_fold(
    design: Design,
    arms: Mapping[str, tuple[str, ...]],
    folds: list[evaluate.Split],
    experiment: Experiment,
    **more: Any,
) -> survive.OutOfFold:
    ids = design.patients.to_numpy()
    assert design.event is not None
    ends = pd.DataFrame({"time": design.y.to_numpy(), "event": design.event.to_numpy()}, index=ids)
    blocks = {name: table.set_axis(ids) for name, table in (*design.blocks.items(), *design.singles.items())}
    splits = [(ids[f.train], ids[f.test]) for f in folds]
    return survive.out_of_fold_risk(
        blocks, ends, splits, arms=list(arms), seed=experiment.seed, jobs=experiment.jobs, **more
    )


def _without_images(arms: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [name for name, modalities in arms.items() if not sees_images(modalities)]


def _reference(scores: pd.DataFrame, arms: Mapping[str, tuple[str, ...]], named: str) -> str | None:
    """Return the arm named, or else that without images that has the best main metric."""
    if named:
        return named
    values = scores[scores["metric"] == main_metric("time")[0]].set_index("arm")["value"].dropna()
    without = [name for name in _without_images(arms) if name in values.index]
    return str(values[without].idxmax()) if without else None


def _comparisons(
    table: pd.DataFrame, reference: str | None, arms: Mapping[str, tuple[str, ...]], patients: int
) -> pd.DataFrame:
    """Keep the comparisons that :func:`blues.fuse.tables.compare_arms` makes, in its order and shape."""
    wanted = [(arm, other) for arm, other in image_pairs(arms) if other != reference]
    beside = pd.MultiIndex.from_frame(table[["arm", "reference"]]).isin(wanted)
    main, seeing = table["reference"] == reference, table["arm"].map(lambda name: sees_images(arms[name])).astype(bool)
    rules = table["arm"].astype(str).map(is_rule).astype(bool)
    family = np.select([~main, ~seeing, rules], [ELSEWHERE, WITHOUT, RULES], ADDED)
    table = table.assign(family=family)
    kept = pd.concat([table[main & seeing], table[beside], table[main & ~seeing]], ignore_index=True)
    if not len(kept):
        return pd.DataFrame(columns=list(COLUMNS))
    kept["test"], kept["question"], kept["patients"] = "paired jackknife", QUESTION, patients
    kept["better"] = ["lower" if lower_is_better(name) else "higher" for name in kept["metric"]]
    return with_holm(kept)[[*COLUMNS, "better", "patients", "reason"]]


def _null(design: Design, arms: Mapping[str, tuple[str, ...]], experiment: Experiment, progress: bool) -> pd.DataFrame:
    """Repeat the whole pipeline, one repeat of folds each, with times and events shuffled among patients together."""
    rows: list[dict[str, Any]] = []
    if experiment.null:
        check.tell(progress, f"the same with {experiment.null} shuffled outcomes")
    assert design.event is not None
    for number in check.followed(
        range(experiment.null), experiment.null, "shuffled outcomes", unit="outcomes", shown=progress
    ):
        rng = np.random.default_rng([experiment.seed, 7919, number])
        order = rng.permutation(len(design.y))
        shuffled = dataclasses.replace(
            design,
            y=pd.Series(design.y.to_numpy()[order], design.y.index, name=design.y.name),
            event=pd.Series(design.event.to_numpy()[order], design.y.index),
        )
        seed = int(rng.integers(2**31))
        folds = evaluate.patient_folds(shuffled.y, shuffled.patients, experiment.folds, 1, seed, kind="continuous")
        found = _out_of_fold(shuffled, arms, folds, experiment, scores=False)
        for arm, part in found.predictions.groupby("arm", sort=False):
            value = survive.uno_c(part["time"], part["event"], part["risk"], cause=1, interval=None).value
            rows.append({"arm": arm, "metric": main_metric("time")[0], "permutation": number, "value": value})
    return pd.DataFrame(rows, columns=["arm", "metric", "permutation", "value"])


def _facts(design: Design, by_arm: Mapping[str, pd.DataFrame], found: survive.OutOfFold) -> dict[str, Any]:
    assert design.event is not None
    events = int((design.event == 1).sum())
    facts = design_facts(design, by_arm)
    features = facts["sample_size"]["features"]
    return facts | {
        "events": events,
        "competing": int((design.event > 1).sum()),
        "censored": int((design.event == 0).sum()),
        "times": list(found.times),
        "model": "cause-specific ridge Cox",
        "sample_size": {
            **facts["sample_size"],
            "patients": len(design.y),
            "events_per_feature": events / max(features, 1),
        },
    }


def _notes(design: Design, experiment: Experiment, found: survive.OutOfFold) -> list[dict[str, str]]:
    assert design.event is not None
    events, competing = int((design.event == 1).sum()), int((design.event > 1).sum())
    censored = len(design.y) - events - competing
    few = 0 < competing < check.FEW_PATIENTS
    notes: list[dict[str, str]] = []

    def tell(text: str, level: str = "note") -> None:
        notes.append({"level": level, "text": text})

    if events < check.FEW_PATIENTS:
        tell(f"Only {events} patients were discharged alive: no claim can be made about any arm.", "warning")
    tell(
        f"{events} patients were discharged alive, {competing} died in hospital, {censored} censored. "
        + (
            "Death competes: its hazard is taken as the same for all"
            if competing
            else "Nobody died, so nothing competes"
        )
        + (f", since {check.counted(competing, 'death')} cannot be modelled." if few else ".")
    )
    if doubt := design.facts.get("stay_doubt"):
        tell(doubt, "warning")
    tell(
        "Every arm is a ridge Cox model of the hazard of discharge alive, whatever model and fusion were asked for; "
        "intervals are jackknives over patients, not draws of a bootstrap; Shapley values are not computed."
    )
    if unused := unused_options(experiment):
        asked = ", ".join(name.removeprefix("--") for name in unused)
        tell(
            f"What was asked for ({asked}) changed nothing here: see the note on the model and the intervals.",
            "warning",
        )
    tell(
        "A patient without any value of a modality takes the training medians: all arms are scored on the same patients."
    )
    if settled := design.facts.get("adjudicated"):
        tell(
            f"Of {settled} of the patients predicted the sources of the stay contradict each other or are missing; Length of "
            "stay lists how that was settled."
        )
    if len(design.dropped):
        tell(f"{len(design.dropped)} patients were left out because how long they stayed is not known.")
    tell(f"What the ridge leaves of the parameters: {'; '.join(found.notes)}.")
    if experiment.null:
        tell(
            f"The null shuffles times and events {experiment.null} times among the patients, one repeat of the folds each; its "
            f"smallest possible p is {check.p_value(1 / (1 + experiment.null))}."
        )
    return cohort_notes(design) + notes + idle_notes(sample_size(design)) + encoder_notes(design)
