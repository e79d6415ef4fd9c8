"""What a reader must be told: facts of the design, and what limits the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from blues import check, evaluate, provenance
from blues.check import FEW_PATIENTS, INTERVAL, number, p_value
from blues.encoders import nearly_seen
from blues.features import Design, idle, suspicious
from blues.features.arm_names import is_rule
from blues.fuse.experiment import Experiment

__all__ = [
    "cohort_notes",
    "design_facts",
    "encoder_notes",
    "idle_notes",
    "notes_on",
    "own_provenance",
    "reference_notes",
    "sample_size",
]

UNEQUAL = 4
"""Early fusion of blocks of which one has this many times the columns of another is warned of."""
_MOST_LEAKS = 5
_IN_OTHER_FILES = ("asked", "rated", "no_rules")
"""Facts of a design that the experiment, the facts of the run or its notes hold."""
CLOSE_TO_FEW = 20
"""Fewer than this and the report names what cannot be claimed."""


def sample_size(design: Design, taught: tuple[Design, np.ndarray] | None = None) -> dict[str, Any]:
    """Return what the number of patients allows: events a candidate feature, and how wide an AUROC's interval will be.

    Parameters
    ----------
    design : Design
        Whose patients are predicted.
    taught : (Design, ndarray of int), optional
        Of a transfer: the design, and its rows, that the models are fitted on; else those predicted are.

    Returns
    -------
    dict
        ``patients, smaller_class, features, events_per_feature`` (those of who teaches; of a transfer their number is
        ``taught``), what :func:`blues.features.idle` names and, for a binary outcome, ``auroc_width``: AUROC -> expected
        width of its 95% interval (Hanley & McNeil 1982 on the logit scale) at these class sizes, before any loss to
        cross-validation.
    """
    outcome = design.y.groupby(design.patients.to_numpy()).max()
    found: dict[str, Any] = {"patients": len(outcome)} | (idle(design) if taught is None else idle(*taught))
    features = max(found["features"], 1)
    if taught is not None:
        teachers = taught[0].y.iloc[taught[1]].groupby(taught[0].patients.to_numpy()[taught[1]]).max()
        own = _fewer(teachers) if design.kind == "binary" else len(teachers)
        found |= {"taught": own, "events_per_feature": own / features}
    if design.kind != "binary":
        return {"events_per_feature": len(outcome) / features} | found
    events, others = int(outcome.sum()), int(len(outcome) - outcome.sum())
    fewer = _fewer(outcome)
    widths = {f"{a:.2f}": round(evaluate.expected_auroc_width(a, events, others), 3) for a in (0.65, 0.8, 0.9)}
    return {"events_per_feature": fewer / features} | found | {"smaller_class": fewer, "auroc_width": widths}


def _fewer(outcome: pd.Series) -> int:
    return min(int(outcome.sum()), int(len(outcome) - outcome.sum()))


def design_facts(
    design: Design, by_arm: Mapping[str, pd.DataFrame], size: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the design in plain values, json-ready; ``size`` is its :func:`sample_size`, where that is not its own."""
    per_patient = design.y.groupby(design.patients.to_numpy()).max()
    return {
        "task": design.task,
        "kind": design.kind,
        "level": design.level,
        "label": design.label,
        "unit": design.unit if design.kind == "continuous" else "",
        "categories": list(design.categories) if design.kind == "ordinal" else None,
        "moment": design.moment,
        "cohort": design.cohort,
        "rows": len(design.y),
        "patients": int(design.patients.nunique()),
        "events": int(per_patient.sum()) if design.kind == "binary" else None,
        "modalities": {name: [str(c) for c in block.columns] for name, block in design.blocks.items()},
        "patients_with": {name: int(design.patients[design.has(name)].nunique()) for name in design.blocks},
        "patients_by_arm": {arm: int(part["patient"].nunique()) for arm, part in by_arm.items()},
        "sample_size": dict(size) if size is not None else sample_size(design),
        "rated": bool(design.facts.get("rated")),
        "dropped": design.dropped.to_dict("records"),
    }


def own_provenance(design: Design, experiment: Experiment) -> dict[str, Any]:
    """Return the provenance of a run, see :func:`blues.provenance.record`, with the design's facts that stand nowhere else."""
    facts = {name: value for name, value in design.facts.items() if name not in _IN_OTHER_FILES}
    return provenance.record(seed=experiment.seed, **facts)


def notes_on(
    design: Design, by_arm: Mapping[str, pd.DataFrame], experiment: Experiment, size: Mapping[str, Any] | None = None
) -> list[dict[str, str]]:
    """Say what limits the numbers: few events, suspicious columns, patients an arm could not use, unread clips."""
    found = [
        *cohort_notes(design),
        *_outcome_notes(design),
        *_size_notes(design, size := size if size is not None else sample_size(design)),
        *idle_notes(size),
        *_leak_notes(design),
        *_width_notes(design, experiment),
        *_band_notes(experiment),
    ]
    found += _scale_notes(design, experiment)
    patients = int(design.patients.nunique())
    for arm, part in by_arm.items():
        if (used := part["patient"].nunique()) < patients:
            found.append(
                _note(f"Arm {arm} could use {used} of {patients} patients; the others have none of what it looks at.")
            )
    if len(design.dropped):
        found.append(_note(f"{len(design.dropped)} rows were left out because {design.label} is not known for them."))
    if told := design.facts.get("stay_note"):
        found.append(_warning(told))
    if why := design.facts.get("no_rules"):
        found.append(_note(f"No rules on the experts' ratings are among the arms: {why}."))
    if any(is_rule(name) for name in by_arm):
        found.append(
            _note(
                "An expert rule's direction, threshold and probability are learned on the training patients; where a rating "
                "hardly differs between the classes the direction may flip, and the AUROC of all predictions falls below 0.5."
            )
        )
    found += _tuned_notes(design)
    if experiment.null:
        found.append(
            _note(
                f"The outcome was shuffled {experiment.null} times among the {_shuffled(experiment)} each, to see "
                f"what the whole pipeline scores by chance; the smallest possible p is {p_value(1 / (1 + experiment.null))}."
            )
        )
    return found + _without_images(design, experiment) + encoder_notes(design)


def _shuffled(experiment: Experiment) -> str:
    return "patients, one repeat of the folds" if experiment.train is None else "training patients, one fit"


def reference_notes(few: Mapping[str, tuple[int, int]], reference: str | None) -> list[dict[str, str]]:
    """Warn of arms without images that predict too few patients to be the reference, and of a reference named among them.

    Parameters
    ----------
    few : mapping of str to (int, int)
        From :func:`blues.fuse.tables.too_few_patients`.
    """
    found = []
    for arm, (patients, most) in few.items():
        told = f"Arm {arm} predicts {patients} of the {most} patients that another arm without images predicts"
        if arm == reference:
            found.append(_warning(f"{told}: what images add to it is said of those {patients} alone."))
        else:
            found.append(_note(f"{told}, and is not the reference unless it is named as it."))
    return found


def _tuned_notes(design: Design) -> list[dict[str, str]]:
    """Say how the encoder was fine-tuned, and warn of what the inner folds then see."""
    tuned = design.facts.get("finetune")
    if not tuned:
        return []
    taught = "the experts' labels" if tuned["on"] == "labels" else "the outcome"
    found = [
        _note(
            f"In every training fold the encoder was trained on from {tuned['from']}, on {taught} of the training "
            f"patients' clips ({tuned['steps']} steps of {tuned['batch']} frames); then it embedded all patients of that "
            "fold. No setting was chosen. Arms without images are as they would be without it."
        )
    ]
    found += [
        _note(f"The encoder did not learn the experts' rating {item}: {why}.")
        for item, why in tuned.get("untaught", {}).items()
    ]
    if tuned["on"] == "target":
        found.append(
            _warning(
                "The encoder learned the outcome of all training patients of a fold, those of its inner folds too. Held-out "
                "patients stay held out, but what stacks, choices, calibrators and thresholds see of the images in the inner "
                "folds is too good: they lean too much on the images, and arms with images may score too low."
            )
        )
    return found


def _width_notes(design: Design, experiment: Experiment) -> list[dict[str, str]]:
    """Warn where early fusion lays a wide block beside a narrow one."""
    for candidate in (c for rivals in experiment.rivals().values() for c in rivals):
        if candidate.fusion != "early" or candidate.model == "attention":
            continue
        widths = {name: block.shape[1] for name, block in design.blocks.items()}
        if "image" in widths:
            images = design.image_poolings()
            wide = images.get(candidate.points, design.blocks["image"]).shape[1]
            widths["image"] = min(candidate.components, wide) if candidate.components else wide
        if max(widths.values()) >= UNEQUAL * min(widths.values()):
            told = ", ".join(f"{name} {width}" for name, width in widths.items())
            return [
                _warning(
                    f"Early fusion ({candidate.label}) lays blocks of very unequal width side by side (columns: {told}). The "
                    "wide block crowds the narrow one out, so that a modality that is added may seem to do harm only for its "
                    "many columns; stacking, the default, is not open to this."
                )
            ]
    return []


def _band_notes(experiment: Experiment) -> list[dict[str, str]]:
    """Say what the null of a stack's importances does not answer."""
    stacked = any(c.fusion == "stack" for rivals in experiment.rivals().values() for c in rivals)
    if not experiment.null or tuple(experiment.explain) == ("none",) or not stacked:
        return []
    return [
        _note(
            "The importances on shuffled outcomes answer whether there is anything at all. A stack gives a modality little "
            "weight there: beside an informative column, others of its modality may leave that band by noise alone."
        )
    ]


def _scale_notes(design: Design, experiment: Experiment) -> list[dict[str, str]]:
    """Say where arms differ in how their probabilities were made, and not only in what they know."""
    rivals = [c for candidates in experiment.rivals().values() for c in candidates]
    alike = all(c.calibrate != "none" or (c.fusion == "stack" and c.model != "attention") for c in rivals)
    if design.kind != "binary" or len(design.blocks) < 2 or alike:
        return []
    remedy = "Stacking, the default, and a calibration by Platt's method treat all arms alike"
    if any(c.model == "attention" for c in rivals):
        remedy = "A calibration by Platt's method treats all arms alike (attention joins modalities itself)"
    return [
        _note(
            "Arms of one modality and of several scale their probabilities differently here: a difference in Brier score, net "
            f"benefit or calibration may come from that and not from what images tell. {remedy}; AUROC is hardly touched."
        )
    ]


def _note(text: str) -> dict[str, str]:
    return {"level": "note", "text": text}


def _warning(text: str) -> dict[str, str]:
    return {"level": "warning", "text": text}


def cohort_notes(design: Design) -> list[dict[str, str]]:
    """Warn of what reading left open, of a transfer in both cohorts: questions, one person twice, labels nobody has."""
    taught = design.facts.get("trained_on", {})
    told = [(design.cohort, design.facts), *([(taught["cohort"], taught)] if taught else [])]
    undecided = "An outcome, or a value known too late, may be among the predictors. Decide each, and delete its mark."
    twice = "Folds may set one person on both sides: then what is asked was taught, and every score is too good."
    unmet = "Patients may be counted as what they are not."
    return [
        _warning(f"{cohort}: {sentence}. {so}")
        for cohort, facts in told
        for what, so in (("undecided", undecided), ("twice", twice), ("unmet", unmet))
        for sentence in facts.get(what, ())
    ]


def _outcome_notes(design: Design) -> list[dict[str, str]]:
    """Warn of labels that were taken for no event and may be one, or nothing known."""
    if not (doubtful := design.facts.get("doubtful")):
        return []
    return [
        _warning(
            f"Patients with these labels count as having no event of {design.task}: {'; '.join(doubtful)}. If that is wrong, "
            "every number here is: name the label among the target's events, or as missing."
        )
    ]


def _without_images(design: Design, experiment: Experiment) -> list[dict[str, str]]:
    rivals = [c for candidates in experiment.rivals().values() for c in candidates]
    apart = all(c.fusion != "early" and c.model != "attention" for c in rivals)
    if "image" not in design.blocks or len(design.blocks) < 2:
        return []
    patients = int(design.patients.nunique())
    without = patients - int(design.patients[design.has("image")].nunique())
    if not without:
        return []
    return [
        _note(
            f"{without} of {patients} patients have no clip that could be used: arms with images and something else predict "
            f"them from the rest{', so images can add nothing there' * apart}."
        )
    ]


def encoder_notes(design: Design) -> list[dict[str, str]]:
    """Say what a reader must know of the clips and of the encoder that read them."""
    found = []
    card = design.facts.get("encoder")
    saw = card.get("saw", ["unknown"]) if card is not None else []
    if "unknown" in saw:
        found.append(
            _warning("The encoder's weights came without a card: nobody can say that they have not seen this cohort.")
        )
    if near := nearly_seen(saw, design.cohort):
        found.append(
            _warning(
                f"The encoder's card says that it saw {', '.join(near)}, and this cohort is called {design.cohort}. If they "
                "share clips, every number of arms with images is too good: use an encoder that has not seen them."
            )
        )
    if strange := design.facts.get("strange"):
        names = ", ".join(strange[:10]) + (f" and {len(strange) - 10} more" if len(strange) > 10 else "")
        is_one = len(strange) == 1
        found.append(
            _warning(
                f"{len(strange)} clip{'' if is_one else 's'} {'does' if is_one else 'do'} not look like lung ultrasound to the "
                f"encoder and {'is' if is_one else 'are'} used all the same: {names}. Look at {'it' if is_one else 'them'}."
            )
        )
    if damaged := design.facts.get("damaged"):
        found.append(
            _note(
                f"{damaged} of the clips used are damaged or odd and count as far as they can be read; python -m blues.embed "
                "says which and what is wrong."
            )
        )
    if unread := design.facts.get("quarantined"):
        names = ", ".join(c["clip"] for c in unread[:10])
        are = "clip could not be read and was" if len(unread) == 1 else "clips could not be read and were"
        found.append(_warning(f"{len(unread)} {are} left out: {names}"))
    return found


def _size_notes(design: Design, size: Mapping[str, Any]) -> list[dict[str, str]]:
    moved = " of those that the models were fitted on" if "taught" in size else ""
    if design.kind != "binary":
        return [
            _note(
                f"{size.get('taught', size['patients'])} patients{moved} for {size['features']} candidate features: "
                f"{number(size['events_per_feature'])} patients a feature."
            )
        ]
    fewer, widths = size["smaller_class"], size["auroc_width"]
    found = []
    if fewer < FEW_PATIENTS:
        who = "patient is" if fewer == 1 else "patients are"
        found.append(_warning(f"Only {fewer} {who} in the smaller class: no claim can be made about any arm."))
    elif fewer < CLOSE_TO_FEW:
        found.append(
            _warning(
                f"Only {fewer} patients are in the smaller class. An AUROC of 0.80 then has an interval "
                f"{number(widths['0.80'])} wide: it cannot be claimed that an arm predicts well or that probabilities are "
                "calibrated. How far a difference between arms can be told is what its own interval says; a difference not "
                "shown is no proof that there is none."
            )
        )
    found.append(
        _note(
            f"{size.get('taught', fewer)} patients in the smaller class{moved} for {size['features']} candidate features: "
            f"{number(size['events_per_feature'])} events a feature. Expected width of the {INTERVAL} at this size"
            f"{f' ({fewer} tested)' if moved else ''}: "
            + ", ".join(f"{number(width)} for an AUROC of {area}" for area, width in widths.items())
            + "."
        )
    )
    return found


def idle_notes(size: Mapping[str, Any]) -> list[dict[str, str]]:
    """Name the columns of a :func:`sample_size` that have no value or one only, and those that repeat another."""
    told = []
    for what, words in (("blank", "without any value"), ("constant", "with one value in everybody")):
        if names := size.get(what):
            told.append(f"{check.counted(len(names), 'column')} {words} ({_first(names)})")
    found = [_note(f"Not counted among the candidate features: {' and '.join(told)}.")] if told else []
    if copies := [f"{name} as {other}" for name, other in size.get("copies", ())]:
        found.append(_note(f"Columns with the very values of another: {_first(copies)}. They tell nothing more."))
    return found


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _leak_notes(design: Design) -> list[dict[str, str]]:
    """Warn of columns that tell the outcome by themselves; of many in one modality by one warning."""
    what = "AUROC" if design.kind == "binary" else "concordance"
    advice = "check that it is known before the outcome and is not the outcome itself."
    found = []
    for modality, leaks in suspicious(design).groupby("modality", sort=False):
        told = [
            f"{leak.column!r} ({leak.what}, {what} {number(leak.auroc, 3)}, {leak.rows} rows)"
            for leak in leaks.itertuples()
        ]
        if len(told) > _MOST_LEAKS:
            named = ", ".join(told[:_MOST_LEAKS])
            found.append(
                _warning(f"{len(told)} {modality} columns alone tell the outcome, among them {named}: {advice}")
            )
            continue
        for leak in leaks.itertuples():
            alone = f"{modality} column {leak.column!r} alone ({leak.what}) has {what} {number(leak.auroc, 3)}"
            found.append(_warning(f"{alone} over {leak.rows} rows: {advice}"))
    return found
