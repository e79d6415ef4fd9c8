"""The answer in a few sentences, and what limits it, from the run's own numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from blues.check import FEW_PATIENTS, INTERVAL, counted, interval, number, p_value
from blues.cohort import when
from blues.features.arm_names import modalities
from blues.fuse.margin import MEASURED, against_margin, mostly_out
from blues.fuse.named import UNTOLD
from blues.fuse.tables import other_reference
from blues.report.asides import added, behind, for_whom, no_better, on_whom, rated, rows, tested
from blues.report.facts import Facts, Gain
from blues.report.words import CONSTANT, MEAN, arm_label, capital, clean, in_folds, listed, metric

__all__ = ["answer", "digits", "few_events", "verdict_text"]

INTENDED_USE = (
    "For research only. This page reports a statistical experiment on recorded data. It is no medical device, makes no "
    "diagnosis, and must not guide the care of a patient."
)

WHY_WEAK = {
    "folds": "ranked within folds it does not",
    "p": "the adjusted p does not",
    "chance": "the reference knows nothing itself",
    "absent": "half of the fitted models or more left images out",
}
"""What :attr:`Gain.doubt` is in a table's cell; :func:`_but` says it with its numbers."""


def digits(facts: Facts) -> int:
    """Return the decimals that the number of patients can carry: two, above a thousand patients three."""
    return 2 if facts.people()[0] < 1000 else 3


def few_events(facts: Facts, arm: str | None = None) -> str | None:
    """Return the remark that belongs beside a number from fewer than ten patients of a class; None when there are enough.

    Peduzzi et al. 1996 (J Clin Epidemiol 49:1373) is where the rule of ten comes from; it is a warning, not a proof.
    """
    fewer = facts.smaller_class(arm)
    if fewer is None or fewer >= FEW_PATIENTS:
        return None
    return f"only {counted(fewer, 'patient')} {_who_are_few(facts)}, no claim can be made"


def _who_are_few(facts: Facts) -> str:
    return "had the event" if facts.timed else "in the smaller class"


def verdict_text(gain: Gain) -> str:
    """Return what a difference shows, in a few words."""
    return {
        "better": "better",
        "weak": f"better, but weak: the interval excludes 0, {WHY_WEAK.get(gain.doubt, '')}",
        "worse": "worse",
        "weakly worse": f"worse, but weak: the interval excludes 0, {WHY_WEAK['p']}",
        "shifted": "worse over all folds, not shown within them",
        "unclear": "not shown to differ",
        "unknown": "no interval",
    }[gain.verdict]


def answer(facts: Facts) -> dict[str, Any]:
    """Return the sentences that open the report, with the numbers behind them."""
    gain = facts.headline
    remark = few_events(facts)
    numbers = {
        "metric": facts.metric,
        "unit": facts.in_unit.strip(),
        "patients": facts.people()[0],
        **({"clips": facts.rows()[0]} if facts.clips else {}),
        "events": facts.people()[1] if facts.binary or facts.timed else None,
        "reference": facts.reference,
        "arm": facts.candidate,
        "alone": facts.alone,
        "scores": {arm: list(facts.score(arm)) for arm in facts.arms},
        "difference": [gain.difference, gain.low, gain.high] if gain else None,
        "refitted": list(gain.refitted[1:]) if gain and gain.refitted and gain.ends and facts.adds else None,
        "adds": facts.adds if gain else None,
        "margin": facts.run.experiment.margin if gain and facts.adds else None,
        "p_value": gain.p if gain else None,
        "p_added": facts.added[0] if gain and facts.added else None,
        "verdict": gain.verdict if gain else None,
        "enough_events": remark is None,
    }
    warnings = [str(n["text"]) for n in facts.run.notes if n.get("level") == "warning"]
    if remark and not any("smaller class" in w for w in warnings):
        warnings.insert(0, remark[0].upper() + remark[1:] + ".")
    said = (_who(facts), tested(facts), _gain(facts), rated(facts), _added(facts), for_whom(facts), _rest(facts))
    sentences = [s for s in said if s]
    return {"headline": headline(facts), "sentences": sentences, "numbers": clean(numbers), "warnings": warnings}


def headline(facts: Facts) -> str:
    """Return the answer as one line."""
    gain, fewer = facts.headline, few_events(facts)
    if facts.constant_alone:
        return UNTOLD
    if gain is None:
        if facts.candidate is None:
            return "This run has no arm with images"
        return "This run cannot say what imaging adds: it compares no arm with images with one without"
    if fewer:
        return "Too few patients to say whether imaging adds anything"
    if behind(facts):
        arm = f"the arm {arm_label(gain.arm)}"
        return "No arm without images did better than a constant" + {
            "better": f"; in this run {arm} did",
            "weak": f"; there is weak evidence that {arm} does",
        }.get(gain.verdict, f", and {arm} is not shown to")
    without = "the reference without it" if facts.run.experiment.reference else "the best arm without it"
    if not facts.adds:  # no arm is the reference and images: a baseline, or a constant, is the best without them
        return {
            "better": f"In this run an arm with images does better than {without}",
            "weak": f"There is weak evidence that an arm with images does better than {without}",
            "worse": f"In this run the arms with images do worse than {without}",
            "weakly worse": f"There is weak evidence that the arms with images do worse than {without}",
        }.get(gain.verdict, f"No arm with images is shown to differ from {without}")
    return {
        "better": f"In this run imaging added to {without}",
        "weak": "There is weak evidence that imaging adds something here",
        "worse": f"In this run imaging made {without} worse",
        "weakly worse": f"There is weak evidence that imaging made {without} worse",
        "shifted": "Imaging is not shown to add anything here",
        "unclear": _unclear(facts, gain),
        "unknown": "This run has no interval for what imaging adds",
    }[gain.verdict]


def _unclear(facts: Facts, gain: Gain) -> str:
    """Say how much an interval that includes 0 leaves open: much and little are not the same answer.

    The bound is the larger of the fitted models' and of that which allows for training on other patients. A stack that leaves
    images out in half of the folds or more makes both small whatever images are worth, and gives no bound.
    """
    margin, label, absent = facts.run.experiment.margin, metric(facts.metric).label, gain.absent
    if gain.negligible:
        return "Imaging is not shown to add anything here: the scores with and without it are the same"
    if mostly_out(absent):
        return f"Imaging is not shown to add anything here; {in_folds(*(absent or (0, 0)))} the models left it out"
    if margin:
        named = number(margin, 3) + facts.in_unit
        return {
            "impossible": f"The reference leaves no room for a gain of {named} in {label}",
            "below": f"In this run imaging adds less than {named} in {label}, if anything",
        }.get(_held(facts, gain), f"This run cannot tell whether imaging adds {named} in {label}")
    if gain.ends is None or max(gain.ends) <= 0:
        return "Imaging is not shown to add anything here"
    most = number(min(max(0.0, *gain.ends), facts.room(gain.reference)), 3) + facts.in_unit
    return f"Imaging is not shown to add anything here; a gain of up to {most} in {label} is not ruled out"


def _held(facts: Facts, gain: Gain) -> str:
    """Return what :func:`blues.fuse.margin.against_margin` says of the headline."""
    return against_margin(gain.ends, facts.run.experiment.margin, gain.absent, facts.room(gain.reference))


def _scored(facts: Facts, arm: str) -> str:
    value, low, high = facts.score(arm)
    text = f"{metric(facts.metric).label} {number(value, digits(facts))}{facts.in_unit}"
    if np.isfinite(low) and np.isfinite(high):
        text += f" ({INTERVAL} {number(low, digits(facts))} to {number(high, digits(facts))})"
    if few_events(facts, arm):
        text += f" [only {facts.smaller_class(arm)} {_who_are_few(facts)}]"
    return text


def _who(facts: Facts) -> str:
    patients, events, _ = facts.people()
    label = facts.design["label"]
    people = counted(patients, "patient") + (f" ({events} with it)" if facts.binary else "")
    if facts.clips:
        people = f"{rows(facts)} of {counted(patients, 'patient')}"
    people += f" ({events} of whom had the event)" if facts.timed else ""
    moment = f" {when(str(facts.design['moment']))}" if facts.design["moment"] else ""
    best = facts.candidate if facts.constant_alone else facts.reference or facts.candidate
    if best is None:
        return f"{label} was predicted{moment} in {people}."
    kind = facts.reference_kind if best == facts.reference else "the best arm"
    return f"Predicting {label}{moment} in {people}, {kind}, {arm_label(best)}, reached {_scored(facts, best)}."


def _gain(facts: Facts) -> str:
    gain = facts.headline
    if facts.constant_alone:
        return _beside_a_constant(facts)
    if gain is None:
        if facts.candidate is None:
            return "No arm looks at images, so nothing is said here about what imaging adds."
        if facts.reference is None:
            return "No arm does without images, so this run cannot say what imaging adds to anything."
        return f"With images, {arm_label(facts.candidate)} reached {_scored(facts, facts.candidate)}; no comparison was made."
    head = f"With lung ultrasound added, {arm_label(gain.arm)}" if facts.adds else f"With images, {arm_label(gain.arm)}"
    text = f"{head} reached {_scored(facts, gain.arm)}: a paired difference of "
    text += interval(gain.difference, gain.low, gain.high, digits=3, sign=True) + facts.in_unit
    if gain.patients is not None and gain.patients < facts.people()[0]:
        text += f" on the {gain.patients} patients that both predict"
    if np.isfinite(gain.p) and gain.verdict not in ("unknown", "weak", "weakly worse"):
        p = p_value(gain.p)
        text += f", p {p if p.startswith('<') else '= ' + p}"
    if few_events(facts):
        return f"{text}. With so few patients nothing follows from it."
    if best := behind(facts):
        text = f"{_none_better(facts, best)} {text}"
    said = [
        _reading(facts, gain),
        _refitted(facts, gain),
        _against_margin(facts, gain),
        _above_chance(facts, gain),
    ]
    return f"{text}. {' '.join(filter(None, said))}"


def _beside_a_constant(facts: Facts) -> str:
    """Say what can be said where images are all there is: whether they tell anything at all."""
    gain = facts.headline
    text = "No other variables were looked at, so this run cannot say what imaging adds to them"
    if gain is None or few_events(facts):
        return f"{text}."
    shown = interval(gain.difference, gain.low, gain.high, digits=3, sign=True)
    return f"{text}. From a constant, which knows nothing of whom it predicts, images differ by {shown}{facts.in_unit}."


def _none_better(facts: Facts, best: str) -> str:
    """Say that all that is known without images told no more than a constant, which so is what images are held against."""
    return (
        f"None of the arms without images did better than the {facts.reference}, which says the same of everybody: the best "
        f"of them, {arm_label(best)}, reached {_scored(facts, best)}. So images are held against a constant."
    )


def _beside_best(facts: Facts, best: str) -> str:
    """Say what images changed beside the best arm without them that is no constant."""
    gain = next((g for g in facts.elsewhere if g.reference == best), None)
    if gain is None:
        return f"No arm of this run is {arm_label(best)} with images added.{_other_reference(facts)}"
    label = metric(facts.metric)
    lower = "" if label.better > 0 else " (lower is better)"
    shown = interval(gain.difference, gain.low, gain.high, 3, sign=True) + facts.in_unit
    return (
        f"Added to {arm_label(best)}, which itself tells no more than a constant, images changed the {label.label}{lower} by "
        f"{shown}: {verdict_text(gain)}.{_other_reference(facts)}"
    )


def _above_chance(facts: Facts, gain: Gain) -> str:
    """Say that a gain over a reference that knows nothing is little."""
    if not (said := no_better(facts, gain.reference, _of_constant(facts, gain.reference))):
        return ""
    shown = number(facts.score(gain.reference)[0], digits(facts)) + facts.in_unit
    more = f" {capital(arm_label(gain.arm))} {again} either." if (again := _nor(facts, gain.arm)) else ""
    itself = f"{said} ({shown})" if facts.metric in ("auroc", "uno_c") else f"({shown}) {said}"
    return f"The reference itself {itself}: a gain over it says little.{more}"


def _of_constant(facts: Facts, arm: str) -> str:
    """Return the score of the constant in brackets; empty where it is that of other patients than the arm's."""
    constant = next((a for a in facts.arms if a in (CONSTANT, MEAN)), arm)
    people = [set(facts.of(a)["patient"]) for a in (arm, constant)]
    score = facts.score(constant)[0]
    same = constant != arm and people[0] == people[1] and np.isfinite(score)
    return f" ({number(score, digits(facts))}{facts.in_unit})" if same else ""


def _nor(facts: Facts, arm: str) -> str:
    """Return what is said of an arm with images that, like its reference, knows nothing."""
    if not no_better(facts, arm):
        return ""
    return "does not rank them better" if facts.metric in ("auroc", "uno_c") else f"does no better than the {MEAN}"


def _against_margin(facts: Facts, gain: Gain) -> str:
    """Hold both intervals against the smallest gain worth having, where one was named."""
    margin = facts.run.experiment.margin
    if not margin:
        return ""
    if not facts.adds:
        return "The smallest gain worth having is held against nothing, for no arm of this run is the reference with images."
    named = f"the smallest gain worth having, named as {number(margin, 3)}{facts.in_unit}"
    left = number(facts.room(gain.reference), 3) + facts.in_unit
    wrong = f" (said wrongly in {MEASURED})" if facts.metric == "auroc" else ""
    return {
        "impossible": f"The reference leaves a gain of {left} at most, less than {named}: nothing can speak for it or against.",
        "reached": f"Both intervals reach {named}, as a whole.",
        "below": f"Both intervals stay below {named}{wrong}.",
        "open": f"That imaging adds {named}, is neither shown nor ruled out{_why_open(gain, facts.in_unit)}.",
    }[_held(facts, gain)]


def _why_open(gain: Gain, unit: str) -> str:
    """Return why nothing follows for the margin though the interval of the fitted models may seem to settle it."""
    if mostly_out(gain.absent):
        return ": the models left images out in half of the training folds or more, and no interval bounds what they are worth"
    if gain.ends is None:
        return ": that takes two intervals, that of the fitted models and one that allows for other training patients"
    return f": the two intervals together reach from {number(min(gain.ends), 3)} to {number(max(gain.ends), 3)}{unit}"


def _refitted(facts: Facts, gain: Gain) -> str:
    if gain.refitted is None or gain.ends is None:
        return ""
    mean, low, high = gain.refitted
    bounded = gain.verdict == "unclear" and not gain.negligible and not mostly_out(gain.absent)
    bound = ""
    if bounded and not facts.run.experiment.margin:
        larger = "the larger of the gains that the two leave open"
        if max(gain.ends) > facts.room(gain.reference):
            larger = "all the gain that the reference leaves room for, which is less than the two leave open"
        bound = f"; the headline names {larger}"
    return (
        "This interval holds for the models as they were fitted. Fold by fold, and allowing for models trained on other "
        f"patients too, the difference is {interval(mean, low, high, 3, sign=True)}{facts.in_unit} (Nadeau and Bengio){bound}."
    )


def _reading(facts: Facts, gain: Gain) -> str:
    """Say what the interval of the headline difference means, and what it leaves open."""
    if not facts.adds:
        return _beside_best(facts, behind(facts)) if behind(facts) else _two_arms(facts, gain)
    if gain.negligible:
        return (
            "The whole interval lies within a thousandth of the reference's score, and is read as no difference: the models "
            "made next to nothing of images, which says little of what images are worth."
        )
    if gain.verdict == "better":
        return "The interval excludes 0: in this run imaging adds to what is known without it."
    if gain.verdict == "weak":
        return f"The interval excludes 0, but {_but(gain)}: weak evidence that imaging adds something."
    if gain.verdict == "shifted":
        return (
            f"The interval excludes 0 on the wrong side, but ranked within folds the difference is {_within(gain)}: the models "
            "of different folds predict at different heights, and nobody's place among the others is shown to have got worse."
        )
    if gain.verdict == "worse":
        return "The interval excludes 0 on the wrong side: adding imaging made the predictions worse."
    if gain.verdict == "weakly worse":
        return f"The interval excludes 0 on the wrong side, but {_but(gain)}: weak evidence of harm."
    if gain.verdict == "unclear" and mostly_out(gain.absent):
        said = in_folds(*(gain.absent or (0, 0)))
        return (
            f"{said[0].upper()}{said[1:]} the models gave images no weight, so the interval, however narrow, says "
            "little of what images are worth."
        )
    if gain.verdict == "unclear":
        return _left_open(facts, gain)
    return "There is no interval, so nothing follows from it."


def _two_arms(facts: Facts, gain: Gain) -> str:
    return (
        f"No arm of this run is {arm_label(gain.reference)} with images added, so this is a difference between two arms: "
        f"it may come from all that they do not share.{_other_reference(facts)}"
    )


def _left_open(facts: Facts, gain: Gain) -> str:
    """Say what an interval that includes 0 leaves open."""
    low, high = sorted((gain.low * gain.better, gain.high * gain.better))
    shown = "The interval includes 0, so this run does not show that imaging adds anything;"
    if 0 in (low, high):  # many samples of few patients give exactly 0
        return f"{shown} it ends at exactly 0, which many samples gave, and so bounds nothing."
    room = facts.room(gain.reference)
    all_ = ", all that the reference leaves room for," if high > room else ""
    return (
        f"{shown} gains up to {number(max(min(high, room), 0), 3)}{facts.in_unit}{all_} and losses up to "
        f"{number(max(-low, 0), 3)}{facts.in_unit} remain compatible with it."
    )


def _other_reference(facts: Facts) -> str:
    """Say what would have to be named for an answer to what images add."""
    if not (other := other_reference(facts.run.comparisons, facts.run.scores, str(facts.design["kind"]))):
        return ""
    return (
        f" What images add, for whom, and whether it is worth having can be asked where {arm_label(other)} is the reference, "
        "since another arm is the same with images; it has to be named before the run."
    )


def _but(gain: Gain) -> str:
    """Return what speaks against an interval that excludes 0."""
    if gain.doubt == "folds":
        return f"ranked within folds the difference is {_within(gain)}"
    if gain.doubt == "p":
        known = np.isfinite(gain.p_holm)
        holm = f", {p_value(gain.p_holm)} after Holm's adjustment for the arms compared" if known else ""
        return f"p is {p_value(gain.p)}{holm}"
    if gain.doubt == "chance":
        return "the reference tells no more than chance does, and of two arms that know nothing one is often the better"
    return f"{in_folds(*(gain.absent or (0, 0)))} the models gave images no weight"


def _within(gain: Gain) -> str:
    difference, low, high = gain.within or (np.nan, np.nan, np.nan)
    return interval(difference, low, high, digits=3, sign=True)


def _added(facts: Facts) -> str:
    return "" if few_events(facts) else added(facts)


def _rest(facts: Facts) -> str:
    parts = []
    if facts.alone and facts.alone != facts.candidate:
        absent = facts.left_out(facts.alone)
        told_of = f" ({in_folds(*absent)} its model told nothing)" if absent and absent[0] else ""
        parts.append(f"Imaging alone{on_whom(facts, facts.alone)} reached {_scored(facts, facts.alone)}{told_of}")
    elsewhere = [g for g in facts.elsewhere if g.reference != behind(facts)]
    if elsewhere and not few_events(facts):
        told = [
            f"of {arm_label(g.reference)} by {interval(g.difference, g.low, g.high, 3, sign=True)}{facts.in_unit}"
            for g in elsewhere
        ]
        more = f" ({len(told) - 4} more in the table)" if len(told) > 4 else ""
        lower = "" if elsewhere[0].better > 0 else " (lower is better)"
        parts.append(f"adding images changed the {metric(facts.metric).label}{lower} {listed(told[:4])}{more}")
    shown = (facts.candidate, facts.alone)
    others = [g for g in facts.gains if g.arm not in shown and "image" in modalities(g.arm)]
    if others:
        verdicts = ("better", "weak", "worse", "weakly worse", "shifted", "unclear", "unknown")
        by = {v: [g.arm for g in others if g.verdict == v] for v in verdicts}
        words = {
            "better": "did better",
            "weak": "did better on weak evidence",
            "worse": "did worse",
            "weakly worse": "did worse on weak evidence",
            "shifted": "did worse over all folds but not within them",
            "unclear": "were not shown to differ",
            "unknown": "have no interval",
        }
        said = [
            f"{len(arms)} {words[v] if len(arms) > 1 else words[v].replace('were', 'was').replace('have', 'has')}"
            for v, arms in by.items()
            if arms
        ]
        parts.append(
            f"of {counted(len(others), 'other arm')} with images, against {arm_label(others[0].reference)}, {listed(said)}"
        )
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "." if text else ""
