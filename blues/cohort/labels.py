"""Tells of labels that no condition of an outcome or a stay names and that may be meant, and of conditions nobody meets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from blues.cohort.decode import plain
from blues.cohort.dictionary import Dictionary
from blues.cohort.findings import Finding
from blues.cohort.schema import Column, Scalar
from blues.cohort.targets import equals
from blues.cohort.words import letters, nobody_knows

__all__ = ["OF_STAYS", "bare", "doubtful_labels", "of_target"]

MOST_LABELS = 8
OF_STAYS = "in [survival]"
"""How what is said of a condition of the stays ends."""


class Asked(NamedTuple):
    """Labels of one column that a setting of the dictionary names: ``events``, ``any`` or one of the stays."""

    setting: str
    target: str
    column: str
    wanted: tuple[Scalar, ...]


def of_target(name: str) -> str:
    """Return how what is said of a condition of a target that nobody meets ends."""
    return f"meets this condition of {name}"


def bare(value: Any) -> str | None:
    """Return a value as the conditions of ``[survival]`` compare it, decoded or raw; None when missing.

    Examples
    --------
    >>> bare(3.0), bare("yes"), bare(True), bare(" ICU "), bare(float("nan"))
    ('3', '1', '1', 'ICU', None)
    """
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, int | float | np.number):
        return str(int(value)) if float(value).is_integer() else str(float(value))
    text = str(value).strip()
    try:
        return bare(float(text)) if text else None
    except ValueError:
        return {"yes": "1", "no": "0", "true": "1", "false": "0"}.get(text.lower(), text)


def doubtful_labels(dictionary: Dictionary, patients: pd.DataFrame) -> list[Finding]:
    """Tell of labels that are not named and may be meant, spelt like one that is or as if nobody knew, and of unmet conditions.

    Parameters
    ----------
    dictionary : Dictionary
        Asked are the ``events`` and ``any`` of its targets, and every ``equals`` of ``[survival]``.
    patients : DataFrame
        Decoded.

    Returns
    -------
    list of Finding
    """
    found: list[Finding] = []
    for asked in _asked(dictionary):
        if asked.column not in patients or asked.column not in dictionary.columns:
            continue
        column, file = patients[asked.column], dictionary.files.patients
        met = _met(column, asked)
        numbers = pd.api.types.is_numeric_dtype(column)
        if not met.any() and (what := _nobody(asked, column, dictionary.columns[asked.column], numbers)):
            held = ", ".join(plain(v) for v in column.dropna().unique()[:MOST_LABELS])
            done = "kept" if asked.setting == "events" else f"kept; the column holds {held}"
            value = ", ".join({letters(plain(v)): plain(v) for v in asked.wanted}.values())
            found.append(Finding("odd", file, None, asked.column, value, len(column), what, done))
        if not numbers:
            found += _alike(asked, column[~met], file)
    return found


def _asked(dictionary: Dictionary) -> Iterator[Asked]:
    """Yield the labels that each setting names, of one column together."""
    for name, target in dictionary.targets.items():
        if target.events is not None:
            yield Asked("events", name, str(target.column), target.events)
        yield from _together("any", name, [(c.column, c.equals) for c in target.any or () if c.equals is not None])
    for setting, conditions in _of_stays(dictionary.survival or {}):
        yield from _together(setting, "", conditions)


def _together(setting: str, target: str, conditions: list[tuple[str, Any]]) -> Iterator[Asked]:
    for column in dict.fromkeys(column for column, _ in conditions):
        wanted = tuple(label for name, labels in conditions if name == column for label in labels)
        yield Asked(setting, target, column, wanted)


def _of_stays(section: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Yield each setting of ``[survival]`` with the columns and labels of its conditions; what else is wrong is told later."""
    for key, value in section.items():
        parts = [value] if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
        parts = [part for part in parts if isinstance(part, Mapping)]
        conditions = [
            (str(part["column"]), part["equals"]) for part in parts if isinstance(part.get("equals"), list | tuple)
        ]
        if conditions:
            yield f"{path}{key}", conditions
            continue
        for part in parts:
            yield from _of_stays(part, f"{path}{key}.{part['name']}." if "name" in part else f"{path}{key}.")


def _met(column: pd.Series, asked: Asked) -> pd.Series:
    if asked.target:
        return equals(column, asked.wanted)
    return column.map(bare).isin({bare(label) for label in asked.wanted})


def _nobody(asked: Asked, column: pd.Series, spec: Column, numbers: bool) -> str:
    """Return what to say where nobody has a label that is named; empty where that is no sign of an error."""
    if asked.setting == "events":
        return "" if numbers else f"no patient has an event of {asked.target}"
    if spec.kind == "binary":
        declared: set[str | None] = {"1", "0"}
    else:
        declared = {bare(label) for label in (*spec.codes.values(), *(spec.categories or ()))}
    if column.isna().all() or any(bare(label) in declared for label in asked.wanted):
        return ""
    return f"no patient {of_target(asked.target)}" if asked.target else f"no patient meets {asked.setting} {OF_STAYS}"


def _alike(asked: Asked, others: pd.Series, file: str) -> list[Finding]:
    """Tell of labels of those who do not meet the condition; of the stays' unknown ones only what may hide a death."""
    named = {letters(plain(label)): plain(label) for label in asked.wanted}
    place = asked.setting if asked.target else f"{asked.setting} {OF_STAYS}"
    counts_as = f"no event of {asked.target}" if asked.target else f"not meeting {asked.setting}"
    done = f"counts as {counts_as}; if that is wrong, name it in {place} or as columns.{asked.column}.missing"
    found = []
    counts = others.value_counts()
    for label, n in counts[counts > 0].items():
        if (like := named.get(letters(label))) is not None:
            what = f"is spelt like the event {like!r}" if asked.target else f"is spelt like {like!r} of {place}"
        elif nobody_knows(label) or (letters(label) == "-" and "+" not in named):
            if not asked.target and asked.setting != "died_in_hospital":
                continue
            what = "reads as if nobody knew" + ("" if asked.target else f", and is none of {place}")
        else:
            continue
        found.append(Finding("odd", file, None, asked.column, label, int(n), what, done))
    return found
