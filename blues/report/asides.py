"""Sentences of the answer beside its headline: on whom, what knows nothing, the test given the reference, and for whom."""

from __future__ import annotations

import numpy as np

from blues.check import counted, interval, p_is, p_value
from blues.fuse.tables import behind_constant
from blues.report.facts import Facts
from blues.report.words import CONSTANT, MEAN, arm_label, listed, metric

__all__ = ["added", "behind", "for_whom", "no_better", "on_whom", "rated", "rows", "tested"]


def rows(facts: Facts) -> str:
    """Return how many clips were predicted, and how many of them have an outcome that is yes or no."""
    found, events = facts.rows()
    return counted(found, "clip") + (f" ({events} with it)" if facts.binary else "")


def tested(facts: Facts) -> str:
    """Say on whom the models were fitted and tested, where these were not the same patients."""
    if (moved := facts.moved) is None:
        return ""
    learned, tested = int(moved["train_patients"]), facts.people()[0]
    return (
        f"This is a test on another cohort: every arm was fitted on {counted(learned, 'patient')} of {moved['train']} and "
        f"tested once on {tested} of {moved['test']}."
    )


def behind(facts: Facts) -> str:
    """Return the best arm without images where none did better than the constant; empty where one did or it was named."""
    if facts.run.experiment.reference:
        return ""
    return behind_constant(facts.run.comparisons, facts.run.scores, str(facts.design["kind"]))


def no_better(facts: Facts, arm: str, score: str = "") -> str:
    """Return in words that an arm does no better than saying the same of everybody; empty where it does, or none is known.

    Its score decides, beside a constant's on the same patients (:meth:`Facts.at_chance`); of a reference that errs less, the
    paired interval, where the run has one. ``score`` stands behind the constant's name.
    """
    ranks = facts.metric in ("auroc", "uno_c")
    if facts.at_chance(arm):
        told = f"is no better than the {MEAN}{score}, which says the same of everybody"
        return "ranks patients no better than chance" if ranks else told
    constant = next((a for a in facts.arms if a in (CONSTANT, MEAN)), None)
    if ranks or constant is None or constant == arm:
        return ""
    table = facts.run.comparisons
    if not {"arm", "reference", "metric", "low", "high"} <= set(table):
        return ""
    pair = table[(table["arm"] == constant) & (table["reference"] == arm) & (table["metric"] == facts.metric)]
    shown = any(min(r.low, r.high) > 0 or max(r.low, r.high) < 0 for r in pair.head(1).itertuples())
    return "" if shown or not len(pair) else f"is not shown to be better than the {MEAN}{score}"


def added(facts: Facts) -> str:
    """Say what the test given the reference shows, see :func:`blues.fuse.null.added_null`."""
    if facts.headline is None or facts.added is None:
        return ""
    p, as_large, drawn = facts.added
    known = arm_label(facts.headline.reference)
    told = f"that images tell something of the outcome that {known} does not"
    if 1 / (1 + drawn) >= 0.05:
        least = p_value(1 / (1 + drawn))
        reading = f"so few shuffles show nothing, for no p below {least} could have come of them"
    elif p >= 0.05:
        reading = f"images are not shown to tell anything of the outcome that {known} does not"
    elif facts.headline.verdict == "better":
        reading = f"this too is evidence {told}"
    else:
        reading = f"a hint {told}; how much that is worth is what the interval of the difference says"
    return (
        f"With outcomes shuffled among patients whom {known} rates alike, adding images did as well in {as_large} of "
        f"{drawn} runs ({p_is(p)}, one-sided): {reading}."
    )


def for_whom(facts: Facts) -> str:
    """Say what images add in the subgroups that were named, one clause a column."""
    named, label = facts.experiment.get("subgroups"), metric(facts.metric)
    if named and not len(facts.run.subgroups):
        why = "nobody predicted has a value" if facts.adds else "no arm of this run is the reference with images"
        return f"For whom, by {listed(list(named))}, cannot be said: {why}."
    clauses = []
    for by, part in facts.run.subgroups.groupby("by", sort=False) if len(facts.run.subgroups) else ():
        told = [
            f"{row.group}: "
            + (
                interval(row.difference, row.low, row.high, 3, sign=True)
                if np.isfinite(row.low)
                else f"not told ({row.reason})"
            )
            for row in part.itertuples()
        ]
        p = part["p_interaction"].iloc[0]
        differ = "" if not np.isfinite(p) else f" (p that they differ = {p_value(p)})"
        clauses.append(f"by {by} {listed(told)}{differ}")
    unit = f", in{facts.in_unit}" if facts.in_unit else ""
    lower = f"{unit}, lower being better" if label.better < 0 else unit
    return (
        f"For whom, as far as was asked (difference in {label.label}{lower}): {'; '.join(clauses)}." if clauses else ""
    )


def rated(facts: Facts) -> str:
    """Say that an outcome which experts read off the same clips makes images their own judge."""
    if not facts.design.get("rated") or facts.candidate is None:
        return ""
    return (
        "The outcome is what experts saw on these same clips: that images tell it says how well a model reads clips as they "
        "do, and not that imaging adds anything to the care of patients."
    )


def on_whom(facts: Facts, arm: str) -> str:
    """Say on how many patients an arm was scored, where it is not all of them: scores of different patients do not compare."""
    own, whole = facts.of(arm)["patient"].nunique(), facts.people()[0]
    return (
        f", on the {own} of {whole} patients that it predicts, which no score of others compares with,"
        if own < whole
        else ""
    )
