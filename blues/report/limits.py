"""What a careful reader would object to, each from a fact of the run."""

from __future__ import annotations

import numpy as np

from blues.check import counted, number
from blues.fuse.margin import mostly_out
from blues.report.answer import few_events
from blues.report.facts import Facts
from blues.report.words import arm_label

__all__ = ["limits"]


def limits(facts: Facts) -> list[str]:
    """Return what a careful reader would object to, each from a fact of this run."""
    found = [str(n["text"]) for n in facts.run.notes]
    remark = few_events(facts)
    if remark and not any("smaller class" in text for text in found):
        found.append(remark[0].upper() + remark[1:] + ".")
    found += [
        text for text in (_precision(facts), _selection(facts), _inside(facts), _labels(facts), _null(facts)) if text
    ]
    return list(dict.fromkeys(found))


def _precision(facts: Facts) -> str:
    gain = facts.headline
    if gain is None or not np.isfinite(gain.low) or gain.negligible or mostly_out(gain.absent):
        return ""
    return (
        f"The interval of the difference is {number(abs(gain.high - gain.low), 3)}{facts.in_unit} wide: with "
        f"{counted(facts.people()[0], 'patient')}, a difference of less than about half of that cannot be told from none."
    )


def _selection(facts: Facts) -> str:
    without = facts.rivals
    if len(without) < 2 or facts.reference is None:
        return ""
    if not facts.gains:
        return (
            f"The arm that is named first, {arm_label(facts.reference)}, has the best score of {len(without)} on these same "
            "patients: chosen so, it scores a little too well."
        )
    if facts.run.experiment.reference:
        return (
            f"The reference, {arm_label(facts.reference)}, was named by those who ran this. Whether that was before anybody "
            "saw a score of this cohort, this page cannot know."
        )
    return (
        f"The reference, {arm_label(facts.reference)}, is the best of {len(without)} arms without images on these same "
        f"patients. Choosing it so favours the reference; a reference named in advance would be fairer to {_whom(facts)}."
    )


def _whom(facts: Facts) -> str:
    return "imaging" if facts.sees_images else "the experts' rules"


def _inside(facts: Facts) -> str:
    name = facts.design["cohort"] or "this cohort"
    if moved := facts.moved:
        return (
            f"The models were fitted on {moved['train']} and tested once on {name}: one test cohort says how they travel to "
            "it, not to others."
        )
    return (
        f"Every number is an internal validation within {name}: nothing was tested on patients of another centre, "
        "scanner or time, so performance elsewhere is unknown."
    )


def _labels(facts: Facts) -> str:
    ratings = facts.run.cohort.get("ratings")
    if "consensus" in str(ratings) or "consensus" in str(facts.run.cohort.get("raters")):
        return "The experts' ratings are a consensus: how far single experts agree cannot be computed from them."
    return ""


def _null(facts: Facts) -> str:
    if not len(facts.run.null):
        return "The label-permutation null of the whole pipeline is not part of this run."
    return ""
