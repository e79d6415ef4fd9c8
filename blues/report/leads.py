"""What a page asks, in its title, and the line under the heading of each section: as the run at hand can answer it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blues.report.facts import Facts
from blues.report.words import listed

__all__ = ["leads", "question"]

_LEADS = {
    "who": "Who is in the numbers, who is not, and what is missing about them.",
    "asked": "What had to be predicted, with what was known at that moment, and what was kept out.",
    "utility": "Whether deciding by an arm does more good than treating all, none, or deciding without images.",
    "explanations": "What the predictions rest on.",
    "stay": "How long patients stayed, and how that, and what was seen on their clips, goes with what was measured.",
    "limits": "What these numbers cannot carry, from the facts of this run.",
}
MODEL = "model"
"""What ``blues.agree`` calls a run that it takes for one more rater."""


def question(facts: Facts) -> tuple[str, str]:
    """Return what a page is about: the words before its title, and the question that stands above it."""
    seen = listed(list(facts.design["modalities"])) or "what is known"
    if not facts.sees_images:
        return f"Predicted from {seen}", "How well does it do without images?"
    if facts.headline is None or facts.constant_alone:  # with nothing else known, there is nothing to add to
        return f"Predicted from {seen}", "What does lung ultrasound tell?"
    return "What imaging adds", "What does lung ultrasound add?"


def leads(facts: Facts, agreements: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return a line for each section that has one.

    Parameters
    ----------
    facts : Facts
    agreements : mapping of str to result, optional
        What the section on agreement shows.

    Returns
    -------
    dict
        Key of a section -> a sentence that holds for this run.
    """
    tested = facts.by_way(
        "on the same patients and folds", "fitted on the same patients of one cohort, tested once on those of the other"
    )
    found = _LEADS | {
        "arms": f"An arm is one way of predicting: one kind of information or several together, {tested}.",
        "gain": _gain(facts),
        "agreement": "Whether experts agree with each other"
        + (", and the model with them." if _rates(agreements) else "."),
        "robustness": "What a pipeline without any signal would have scored"
        + facts.by_way(", and how much the split into folds matters.", "."),
    }
    if facts.binary:
        found["calibration"] = "Whether a predicted risk of 30% means that 30 in 100 such patients have the outcome."
        if facts.clips:
            found["calibration"] = "Whether a predicted risk of 30% means that 30 in 100 such clips have the outcome."
    if not facts.sees_images:
        found["utility"] = "Whether deciding by an arm does more good than treating all or none."
    return found


def _gain(facts: Facts) -> str:
    """Return the line under "What imaging adds"; none where nothing is compared."""
    if not facts.gains:
        return ""
    if not facts.sees_images:
        return "What experts saw on the images against an arm without images, on the same patients."
    of = "clips" if facts.clips else "patients"
    return f"The question of this report: each arm with images against one without, on the same {of}."


def _rates(agreements: Mapping[str, Any] | None) -> bool:
    """Return whether a model is among the raters of an agreement."""
    named = ("rater", "rater_a", "rater_b", "pair")
    for result in (agreements or {}).values():
        columns = getattr(result, "columns", ())
        if any(MODEL in str(name) for c in columns if c in named for name in result[c]):
            return True
    return False
