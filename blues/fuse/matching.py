"""Whether two dictionaries speak of the same: units, columns and outcomes of the two cohorts of a transfer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from blues import check
from blues.cohort import Cohort
from blues.cohort.schema import NO, YES, Column
from blues.cohort.targets import definition
from blues.features import Design

__all__ = ["check_outcome", "codes_apart", "doubts", "far_apart", "matched_columns", "points_apart", "same_unit"]

_MICRO = str.maketrans({"\u00b5": "u", "\u03bc": "u"})
FEWEST = 10
"""Values above zero of a cohort from which they are held against the other cohort's."""
APART, SHAPE, TIMES = 1.3, 2.0, 1.5
"""Values of one column are of two units, it may be, where their medians lie this many times as far apart, in logarithms, as the
middle four fifths of either reach (then they hardly overlap), these reach as far but for this
factor, and one median is at least so many times the other (of haemoglobin 1.6, the least of usual factors)."""
_SMALL = frozenset("g l m mol eq osm kat s".split())
_LARGE = frozenset("u iu pa hz bq gy sv w v j n".split())
"""Symbols that a prefix stands before, of which m and p mean one thing small and another as a capital; these hold capitals."""


def same_unit(a: str, b: str) -> bool:
    """Return whether two units are written for the same: blanks, the micro sign and capitals that mean nothing aside.

    Examples
    --------
    >>> same_unit("mg/L", "mg/l"), same_unit("umol/l", "\u00b5mol/L"), same_unit("Years", "years")
    (True, True, True)
    >>> same_unit("mU/l", "MU/l"), same_unit("g/l", "G/l"), same_unit("mmol/l", "MMOL/L")
    (False, False, True)
    """
    first, second = (re.sub(r"\s+", "", unit.translate(_MICRO)) for unit in (a, b))
    if first.casefold() != second.casefold():
        return False
    return not any(map(_another, *(re.findall(r"[^\W\d_]+", unit) for unit in (first, second))))


def points_apart(train: Cohort, test: Cohort, names: tuple[str, str]) -> str:
    """Return the points of both cohorts in words where they are not the same; empty where they are, in whatever order."""
    if set(train.points) == set(test.points):
        return ""
    both = zip((train, test), names, strict=True)
    return " and ".join(f"{name} has {', '.join(cohort.points)}" for cohort, name in both)


def _another(a: str, b: str) -> bool:
    """Return whether one word of a unit, which differs from the other in capitals alone, means another unit.

    Only symbols with a prefix (mg, MU, pmol) and single letters (g, G) do; words (Months, Pack) and MMOL for mmol do not.
    """
    a, b = (word.lower() if word.isupper() and word[1:].lower() in _SMALL else word for word in (a, b))
    if a == b:
        return False
    if len(a) == 1:
        return a.lower() in "gmt"
    return a[0] != b[0] and a[0].lower() in "mp" and a[1:].lower() in _SMALL | _LARGE


def matched_columns(train: Cohort, test: Cohort) -> tuple[dict[str, str], dict[str, str]]:
    """Match the columns of two dictionaries by name, else by label, and hold what they mean against each other.

    Returns
    -------
    pairs : dict of str to str
        Column of the training cohort -> column of the test cohort that means the same.
    refused : dict of str to str
        Column of the training cohort -> why it has no counterpart: none of this name or label, another unit or kind, another
        scale of grades, or a yes that may be a no.
    """
    ours, theirs = train.dictionary.columns, test.dictionary.columns
    labels: dict[str, list[str]] = {}
    for name, column in theirs.items():
        labels.setdefault((column.label or name).casefold(), []).append(name)
    pairs, refused = {}, {}
    for name, column in ours.items():
        same = [name] if name in theirs else labels.get((column.label or name).casefold(), [])
        if len(same) != 1:
            refused[name] = f"{test.name} has {'no' if not same else 'more than one'} column of this name or label"
        elif why := _apart(column, theirs[same[0]], train.name, test.name):
            refused[name] = why
        else:
            pairs[name] = same[0]
    return pairs, refused


def _apart(ours: Column, theirs: Column, train: str, test: str) -> str:
    """Return how two columns of one name or label differ in what they mean; empty when in nothing that can be seen."""
    if not same_unit(ours.unit, theirs.unit):
        return f"unit {ours.unit or '(none said)'!r} in {train}, {theirs.unit or '(none said)'!r} in {test}"
    if ours.kind != theirs.kind:
        return f"{ours.kind} in {train}, {theirs.kind} in {test}"
    if ours.kind == "ordinal" and None not in (ours.categories, theirs.categories):
        scales = [[float(c) for c in column.categories or ()] for column in (ours, theirs)]
        if scales[0] != scales[1]:
            told = [", ".join(f"{grade:g}" for grade in scale) for scale in scales]
            return f"grades {told[0]} in {train}, {told[1]} in {test}"
    if ours.kind != "binary":
        return ""
    for code, meaning in ours.codes.items():
        other = {c.casefold(): str(m) for c, m in theirs.codes.items()}.get(code.casefold())
        if not _is_number(code) and other is not None and _is_yes(meaning) != _is_yes(other):
            return f"{code!r} is {meaning} in {train} and {other} in {test}"
    if ours.label and theirs.label and ours.label.casefold() != theirs.label.casefold():
        return f"a yes to {ours.label!r} in {train}, to {theirs.label!r} in {test}; if both ask the same, give them one label"
    return ""


def codes_apart(ours: set[str], theirs: set[str], train: str, test: str) -> str:
    """Return in words which codes of a nominal column one of two cohorts alone has; nothing where they have the same."""
    own = [(sorted(codes), name) for codes, name in ((ours - theirs, train), (theirs - ours, test)) if codes]
    return "; ".join(f"code{'s' * (len(codes) > 1)} {', '.join(codes)} in {name} alone" for codes, name in own)


def far_apart(train: Cohort, test: Cohort, pairs: Mapping[str, str]) -> list[str]:
    """Return columns whose values look like those of two units, though both dictionaries name one, with both medians.

    A unit multiplies all values: their logarithms have one shape and lie apart. Other patients (an intensive care unit's beside
    those who walked in) move them too, but of what is measured widely, such as CRP or D-dimer, the values then still overlap:
    so they do with a factor of ten, and such a column cannot be told from other patients and is not.

    Parameters
    ----------
    train, test : Cohort
    pairs : mapping of str to str
        From :func:`matched_columns`, those used.

    Returns
    -------
    list of str
        Numbers of which both cohorts have ten or more above zero, no more than one in ten of a cohort being others, and whose
        logarithms hardly overlap and spread alike.
    """
    found = []
    for name, other in pairs.items():
        column = train.dictionary.columns[name]
        if column.decoded_kind != "continuous":
            continue
        ours, theirs = _in_logs(train.patients[name]), _in_logs(test.patients[other])
        if min(len(ours), len(theirs)) < FEWEST:
            continue
        first, second = np.median(ours), np.median(theirs)
        narrow, wide = sorted(float(np.subtract(*np.quantile(side, (0.9, 0.1)))) for side in (ours, theirs))
        if abs(first - second) > max(APART * wide, np.log(TIMES)) and wide <= SHAPE * narrow:
            medians = (f"{np.exp(median):.3g} in {cohort.name}" for median, cohort in ((first, train), (second, test)))
            found.append(
                f"{name} ({', '.join(medians)}; {column.unit or 'no unit said'}; about {np.exp(abs(first - second)):.2g} times)"
            )
    return found


def _in_logs(values: pd.Series) -> np.ndarray:
    """Return the logarithms of the values above zero; none where one in ten or more are others."""
    known = values.dropna().to_numpy(dtype=float)
    above = known[known > 0]
    return np.log(above) if 10 * len(above) >= 9 * len(known) else above[:0]


def _is_yes(meaning: Any) -> bool:
    return str(meaning).lower() in YES


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_outcome(train_cohort: Cohort, train: Design, test_cohort: Cohort, test: Design) -> None:
    """Raise where the outcomes of two designs are not the same: in kind, level, grades, moment or unit, or turned round.

    Raises
    ------
    InputError
    """
    a, b = train_cohort.dictionary.target(train.task), test_cohort.dictionary.target(train.task)
    units = ("", "")
    if train.kind == "continuous":
        units = _unit(train_cohort, a), _unit(test_cohort, b)
        units = ("", "") if same_unit(*units) else units
    facts = {
        "kind": (train.kind, test.kind),
        "level": (train.level, test.level),
        "categories": (train.categories, test.categories),
        "moment of prediction": (a.moment, b.moment),
        "unit": units,
    }
    for what, (first, second) in facts.items():
        if first != second:
            raise check.InputError(
                f"target {train.task!r} has {what} {first!r} in {train_cohort.name} and {second!r} in {test_cohort.name}",
                remedy="Make the dictionaries agree",
            )
    for one, other in ((train_cohort, test_cohort), (test_cohort, train_cohort)):
        events, others = _labels(one, train.task)[0], _labels(other, train.task)[1]
        if turned := sorted(word for word in events & others if not _is_number(word)):
            raise check.InputError(
                f"target {train.task!r}: {turned[0]!r} is the event in {one.name} and none in {other.name}",
                remedy="Make the events of the two dictionaries agree",
            )


def _unit(cohort: Cohort, target: Any) -> str:
    of_column = cohort.dictionary.columns[target.column].unit if target.column else ""
    return str(target.unit or of_column)


def _labels(cohort: Cohort, task: str) -> tuple[set[str], set[str]]:
    """Return the labels of a target's column that are the event, and those seen that are not; none without a column."""
    target = cohort.dictionary.target(task)
    if target.events is None or target.column is None:
        return set(), set()
    values = cohort.patients[target.column].dropna()
    binary = set(values.unique()) <= {0, 1}
    events = {_said(event, binary) for event in target.events}
    return events, {_said(value, binary) for value in values.unique()} - events


def _said(value: Any, binary: bool) -> str:
    """Return a label in small letters; of a yes or no whichever way it is written, yes or no."""
    text = str(value).casefold()
    if not binary:
        return text
    return "yes" if text in YES else "no" if text in NO else text


def doubts(train: Cohort, test: Cohort, task: str, pairs: dict[str, str]) -> list[str]:
    """Return what two dictionaries say in different words, and may mean differently: the outcome, and columns by their label.

    Parameters
    ----------
    train, test : Cohort
    task : str
    pairs : dict of str to str
        From :func:`matched_columns`, those used.
    """
    found = []
    if _made(train, task) != _made(test, task):
        told = [definition(cohort.dictionary.target(task), cohort.patients) for cohort in (train, test)]
        found.append(
            f"The outcome is made in two ways: in {train.name} from {told[0]}; in {test.name} from {told[1]}. The numbers hold "
            "only if both mean the same."
        )
    ours, theirs = train.dictionary.columns, test.dictionary.columns
    labels = [
        f"{name} ({ours[name].label!r} and {theirs[other].label!r})"
        for name, other in pairs.items()
        if ours[name].label and theirs[other].label and ours[name].label.casefold() != theirs[other].label.casefold()
    ]
    if labels:
        found.append(f"Columns matched by name whose labels differ: {'; '.join(labels)}. See that they mean the same.")
    return found


def _made(cohort: Cohort, task: str) -> Any:
    """Return what a target is made of, but for the names of columns, its label and its notes."""
    target = cohort.dictionary.target(task)
    if target.column is not None:
        return _labels(cohort, task)[0]
    if target.any is not None:
        return {condition.words().casefold() for condition in target.any}
    return target.model_dump(include={"rating", "rater", "over_clips", "over_takes", "over_points"})
