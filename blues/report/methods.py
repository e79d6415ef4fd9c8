"""The methods paragraph and the command to repeat a run, from its experiment."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

from blues import models
from blues.check import counted
from blues.features.arm_names import BASELINE, BY_CLIP, RULE, named
from blues.report import timed
from blues.report.facts import Facts
from blues.report.settings import from_dictionary, from_encoder, in_use, poolings
from blues.report.words import CONSTANT, FRAMES, MEAN, POINTS, THRESHOLDS, called_grade, listed, metric

__all__ = ["command", "methods", "place"]

_FUSION = {
    "early": "early (one model on all columns side by side)",
    "late": "late (one model a modality, their predictions averaged)",
    "stack": "by stacking (a penalised regression with weights of at least 0 on the inner out-of-fold predictions of one model "
    "a modality)",
}


def methods(facts: Facts) -> list[str]:
    """Return the methods as a paper would tell them; only what the experiment and the design record is said."""
    return [
        text
        for text in (
            _data(facts),
            _images(facts),
            _models(facts),
            _evaluation(facts),
            _measures(facts),
            _explanations(facts),
            _software(facts),
        )
        if text
    ]


def _data(facts: Facts) -> str:
    design, patients = facts.design, facts.people()
    where = f" of {design['cohort']}" if design["cohort"] else ""
    moment = f" at {str(design['moment']).replace('_', ' ')}" if design["moment"] else ""
    whom = f"{counted(facts.rows()[0], 'clip')} of " if facts.clips else ""
    text = f"We predicted {design['label']}{moment} in {whom}{counted(patients[0], 'patient')}{where}"
    text += f", {_with_outcome(facts)} had the outcome. " if facts.binary else ""
    if facts.timed:
        text += f": {patients[1]} were discharged alive, {facts.design.get('competing')} died in hospital, "
        text += f"{facts.design.get('censored')} censored"
    text += "" if facts.binary else ". "
    blocks = [f"{name} ({counted(len(columns), 'column')})" for name, columns in design["modalities"].items()]
    if blocks:
        text += f"Predictors came from {listed(blocks)}. "
    if not from_dictionary(facts):
        return text + "They were taken as they were given; no dictionary says when each is known."
    text += (
        "Variables known only after the moment of prediction, and those that are or contain the outcome, were refused"
    )
    allowed = facts.experiment.get("allow") or ()
    text += f"; columns contingent on {listed(list(allowed))} were allowed by name." if allowed else "."
    return text


def _with_outcome(facts: Facts) -> str:
    patients = facts.people()[1]
    return (
        f"{counted(facts.rows()[1], 'clip')} of which, in {patients} patients,"
        if facts.clips
        else f"{patients} of whom"
    )


def _images(facts: Facts) -> str:
    if "image" not in facts.design["modalities"]:
        return ""
    if not from_encoder(facts):
        text = "Image features were taken as they were given (what made them is not recorded)"
        if facts.clips:
            return f"{text}, {_of_clips(facts)}."
        pooled = poolings(facts) != ("mean",)  # which it is where nothing is said
        return f"{text}, from {_of_clips(facts).removeprefix('and ')}." if pooled else f"{text}."
    e, encoder = facts.experiment, facts.run.provenance["encoder"]
    frames = str(e.get("frames", ""))
    text = f"Ultrasound clips were decoded and each frame was described by the encoder {e.get('encoder', 'named in the run')}"
    dimensions = encoder.get("dimensions") if isinstance(encoder, dict) else None
    text += f" ({dimensions} numbers a frame). " if dimensions else ". "
    text += f"Frames were pooled to clips by {FRAMES.get(frames, frames)}" if frames else "Frames were pooled to clips"
    return f"{text}, {_of_clips(facts)}."


def _of_clips(facts: Facts) -> str:
    """Say what became of clips: pooled to patients, in one way or several, or what was predicted."""
    if facts.clips:
        return "and each clip was predicted by itself"
    ways = [POINTS.get(way, way) for way in poolings(facts)]
    chosen = " (which of them was part of the choice)" if len(ways) > 1 and facts.experiment.get("select") else ""
    return f"and clips to patients by {listed(ways, 'or')}{chosen}"


def _models(facts: Facts) -> str:
    if facts.timed:
        return timed.models(facts)
    e = facts.experiment
    names = [str(m) for m in e.get("model") or ()]
    if not names:
        return ""
    select = [str(s) for s in e.get("select") or ()]
    kind = str(facts.design["kind"])
    used = dict.fromkeys(text.split("/")[0] for text in select or names)
    told = [f"{name} means {models.described(name, kind)}" for name in used if name in (*models.MODELS, "attention")]
    if select:
        where = facts.by_way("In each training fold", "On the training patients")
        text = f"{_arms(facts)}. {where} an inner loop over patients chose among {listed(select, 'and')} "
        text += "(model, fusion, pooling, components, calibrator, threshold). "
    else:
        text = f"{_arms(facts)}, with the model {listed(names, 'or')}. "
    if told:
        text += f"Here {'; '.join(told)}. "
    if kind == "ordinal":
        text += (
            "The ordered grades were predicted by one such model a cut between them (Frank and Hall 2001); of the expected "
            f"grades {called_grade(facts.candidates[0].threshold)} was called. "
        )
    text += _fused(facts) + _beside(facts)
    calibrated = [way for way in dict.fromkeys(c.calibrate for c in facts.candidates) if way != "none"]
    if calibrated:
        some = " of some candidates" if select and len({c.calibrate for c in facts.candidates}) > 1 else ""
        text += f"Predictions{some} were recalibrated ({listed(calibrated, 'or')}) on inner folds. "
    if e.get("threshold") is not None and facts.binary:
        rules = [THRESHOLDS.get(rule, rule) for rule in in_use(facts)["threshold"]]
        own = ", of the rules at thresholds of their own" if named(facts.arms, RULE) else ""
        text += f"Sensitivity and specificity are at {listed(rules, 'or')}{own}. "
    return text + facts.by_way(
        "Imputation, scaling and whatever else learns were fitted within the training folds.",
        "Imputation, scaling and whatever else learns were fitted on the training patients.",
    )


def _arms(facts: Facts) -> str:
    kinds = list(facts.design["modalities"])
    if len(kinds) == 1:
        return f"Predictions were made from one kind of information, {kinds[0]}"
    return "Every modality alone and every combination was an arm"


def _beside(facts: Facts) -> str:
    """Say which arms stood beside those of the modalities: a baseline, the experts' rules, a constant."""
    text, plain = "", models.described(models.PLAIN, str(facts.design["kind"]))
    if baselines := named(facts.arms, BASELINE):
        text += f"A baseline of variables named beforehand ({listed(baselines)}) was an arm of its own: {plain}. "
    if rules := named(facts.arms, RULE):
        by_clip = any(arm.startswith(BY_CLIP) for arm in facts.arms)
        each = " (a rule for each clip: of the share of a patient's clips that it calls)" if by_clip else ""
        text += (
            f"The experts' ratings made {counted(len(rules), 'rule')}, {listed(rules)}, each {plain} of that one number{each}, "
            "with the threshold of the best Youden index on its own training patients. "
        )
    if {CONSTANT, MEAN} & set(facts.arms):
        said = "prevalence" if facts.binary else "mean outcome"
        text += f"A constant, the {said} of the training patients, stood beside them. "
    return text


def _fused(facts: Facts) -> str:
    """Say how several kinds of information became one prediction; nothing where there is one."""
    if len(facts.design["modalities"]) == 1:
        return ""
    ways = [_FUSION[way] for way in dict.fromkeys(c.fusion for c in facts.candidates if c.model != models.ATTENTION)]
    text = f"Combinations were fused {listed(ways, 'or')}. " if ways else ""
    if any(c.model == models.ATTENTION for c in facts.candidates):
        text += "Attention joins kinds of information itself, in one network. "
    return text


def _evaluation(facts: Facts) -> str:
    e, label = facts.experiment, metric(facts.metric).label
    text = ""
    moved = facts.design.get("transfer")
    if moved:
        text = (
            f"All arms were fitted on {moved['train']} ({counted(int(moved['train_patients']), 'patient')}) and evaluated once "
            f"on the patients of {moved['test']}, none of whom took part in any fit. "
        )
    elif e.get("folds"):
        text = (
            f"All arms were evaluated on identical folds: {counted(int(e.get('repeats') or 1), 'repeat')} of {e['folds']}-fold "
            "cross-validation, stratified by outcome, each patient's data in one fold only. "
        )
    text += timed.evaluation(facts) if facts.timed else f"Arms were ranked by {label}. "
    if facts.gains:
        seen = "an arm with images" if facts.sees_images else "an expert's reading of the images"
        text += (
            f"The question is the paired difference between {seen} and {facts.reference_kind}, on the "
            f"{facts.design['level']}s that both predict; tests are Holm-adjusted over the arms. "
        )
    if e.get("draws") and not facts.timed:
        ranked = "The interval of the AUROC is DeLong's (1988) on the logit scale. " if facts.binary else ""
        if facts.binary and facts.design["level"] == "clip":
            ranked = "The interval of the AUROC is Obuchowski's (1997), clustered by patient, on the logit scale. "
        text += (
            f"{ranked}Bootstrap intervals{' of the other scores and of differences' if ranked else ''} use "
            f"{int(e['draws']):,} samples of patients and leave the fitted models as they are. "
        )
    if len(facts.run.null):
        drawn = counted(facts.run.null["permutation"].nunique(), "permutation")
        each = ", among the patients of each cohort by themselves" if moved else ""
        text += f"The whole pipeline was repeated on {drawn} of the outcome{each}. "
    if facts.added:
        text += (
            "Whether images tell anything that the reference does not was tested by shuffling outcomes within groups of about "
            "six patients whom the reference rates alike, fitting both arms anew (after Rosenbaum 1984). "
        )
    return text + "Intervals are at 95%; no multiplicity adjustment was made to them."


def _measures(facts: Facts) -> str:
    """Say what was computed of a binary outcome, each with its source; ``docs/methods.md`` holds the formulas."""
    if not facts.binary:
        return ""
    text = (
        f"Calibration of the {facts.by_way('averaged ', '')}predictions was described by calibration in the large and slope "
        "(Cox 1958), a lowess curve with the integrated calibration index (Austin and Steyerberg 2019) and Spiegelhalter's "
        "test (1986), clinical utility by net benefit (Vickers and Elkin 2006). "
    )
    rows = facts.asked_once(facts.run.comparisons) if facts.gains else facts.run.comparisons.iloc[:0]
    made = rows[rows["p_value"].notna()] if len(rows) else rows
    tests = [str(t) for t in dict.fromkeys(made["test"])] if len(made) else []
    known = {
        "DeLong": "DeLong's test (DeLong et al. 1988)",
        "swap permutation": "a permutation that swaps the arms (Bandos et al. 2005)",
        "McNemar": "McNemar's test (1947)",
        "Nadeau-Bengio": "the corrected resampled t test over folds (Nadeau and Bengio 2003)",
    }
    beside = [known[t] for t in tests if t in known]
    return text + (f"Beside the bootstrap stand {listed(beside)}; Holm's adjustment is of 1979." if beside else "")


def _explanations(facts: Facts) -> str:
    if facts.run.attributions is None:
        return ""
    return (
        "Predictions were explained by Shapley values of models that never saw the patient (trees: Lundberg et "
        "al. 2020; linear models: Štrumbelj and Kononenko 2014; else sampled permutations), summed with their signs over "
        "variables, BLUE points and modalities. How sure single predictions are is told by "
        + facts.by_way(
            "cross-conformal sets (Vovk 2015).",
            "conformal sets, each patient's from the other patients tested (Vovk, Gammerman and Shafer 2022).",
        )
    )


def _software(facts: Facts) -> str:
    p = facts.run.provenance
    packages = p.get("packages") or {}
    shown = [
        f"{name} {packages[name]}"
        for name in ("scikit-learn", "xgboost", "torch", "lifelines", "statsmodels")
        if name in packages
    ]
    text = f"Analyses were made with blues {p.get('blues', '')}".rstrip()
    text += f" (commit {str(p['commit'])[:12]})" if p.get("commit") else ""
    text += f", Python {p['python']}" if p.get("python") else ""
    return text + (f", {listed(shown)}" if shown else "") + f"; seed {p.get('seed', 'not recorded')}."


def command(facts: Facts, paths: bool = False) -> list[str]:
    """Return the commands that repeat the run: from its saved experiment, and spelled out.

    The cohort's folder is named by its last part unless ``paths`` is set: where it lies is the user's business.
    """
    parts = ["python", "-m", "blues.fuse"]
    defaults = {f.name: f.default for f in dataclasses.fields(facts.run.experiment)}
    for name, value in facts.experiment.items():
        if (
            value is None
            or name in ("from_", "out", "jobs")
            or (value == defaults.get(name) and name not in ("task", "seed"))
        ):
            continue
        if name == "cohort":
            parts.append(place(str(value), paths))
            continue
        parts += ["--" + name.replace("_", "-"), *_words(value, paths)]
    return ["python -m blues.fuse --from experiment.toml", shlex.join(parts)]


def _words(value: Any, paths: bool) -> list[str]:
    if isinstance(value, tuple | list):
        return [str(v) for v in value]
    return [place(str(value), paths) if isinstance(value, Path) else str(value)]


def place(text: str, paths: bool) -> str:
    """Return a path as given, or its last part only: where a folder lies is the user's business."""
    parts = text.replace("\\", "/").rstrip("/").split("/")
    return text if paths or len(parts) == 1 else f"path/to/{parts[-1]}"
