"""What a reader must be told of training folds in which an arm could not do what was asked, or learned nothing."""

from __future__ import annotations

import pandas as pd

from blues import check, models
from blues.fuse.crossval import UNCHOSEN, UNSTACKED
from blues.fuse.named import CONSTANT

__all__ = ["constant_notes", "fallback_notes"]

ALIKE = 1e-9
"""Predictions that differ by less are one constant."""
FEWEST = 3
"""Patients held out from which one prediction for all is told."""
_CUT = {"youden": ", as a cut between near numbers falls", "matched": ", as a cut between near numbers falls"}


def fallback_notes(choices: pd.DataFrame) -> list[dict[str, str]]:
    """Warn of arms that could not choose, calibrate, cut or stack in some training folds, for want of inner folds."""
    said = {
        UNCHOSEN: "nothing could be chosen, calibrated or cut, so that the first candidate was taken as it is",
        UNSTACKED: "nothing could be stacked, so that the mean over the kinds of information was taken",
    }
    found = []
    for arm, part in choices.groupby("arm", sort=False) if len(choices) else ():
        for fallback, words in said.items():
            if times := int((part["fallback"] == fallback).sum()):
                found.append(
                    _said(
                        f"Arm {arm}: in {times} of {len(part)} training folds {words}: too few patients are of one class, or "
                        "have what it looks at, to hold some of them out again.",
                        "warning",
                    )
                )
    return found


def constant_notes(predictions: pd.DataFrame, choices: pd.DataFrame) -> list[dict[str, str]]:
    """Say in how many training folds an arm predicted one constant for a yes or no, and what the thresholds make of it.

    Parameters
    ----------
    predictions, choices : DataFrame
        Of a run; ``predictions`` has a ``threshold`` where the outcome is a yes or no.
    """
    if "threshold" not in predictions or not len(choices):
        return []
    place = ["arm", "repeat", "fold"]
    called = predictions.assign(called=check.reaches(predictions["p"], predictions["threshold"]))
    folds = called.groupby(place, sort=False).agg(
        low=("p", "min"), high=("p", "max"), patients=("p", "size"), called=("called", "all")
    )
    folds = folds.reset_index().merge(choices[[*place, "model", "threshold_rule"]], on=place)
    said = _of_the_prevalence(folds)
    folds = folds[(folds["model"] != CONSTANT) & (folds["threshold_rule"] != models.APPARENT)]
    constant = folds[(folds["high"] - folds["low"] < ALIKE) & (folds["patients"] >= FEWEST)]
    if not len(constant):
        return said
    of = folds.groupby("arm", sort=False).size()
    told = ", ".join(f"{arm} {n} of {of[arm]}" for arm, n in constant.groupby("arm", sort=False).size().items())
    rules = [
        f"at the threshold {rule!r} {int(same['called'].sum())} of these call everybody and {int((~same['called']).sum())} "
        f"nobody{_CUT.get(str(rule), '')}"
        for rule, same in constant.groupby("threshold_rule", sort=False)
    ]
    text = (
        f"In some training folds an arm predicts one number for all patients it holds out ({told}): {'; '.join(rules)}."
    )
    return [*said, _said(text, "note")]


def _of_the_prevalence(folds: pd.DataFrame) -> list[dict[str, str]]:
    """Say what the operating point of the constant arm means at the threshold just above what it predicts."""
    mine = folds[(folds["arm"] == CONSTANT) & (folds["threshold_rule"] == "prevalence")]
    if not len(mine) or mine["called"].any():
        return []
    text = (
        f"Arm {CONSTANT}: at the threshold 'prevalence', which lies just above the one number that it predicts, it calls "
        "nobody. Its accuracy is the share without the outcome, which may be less than that of the commoner class."
    )
    return [_said(text, "note")]


def _said(text: str, level: str) -> dict[str, str]:
    return {"level": level, "text": text}
