"""Drafts a section for each column that may be an outcome; which of its labels are the event is guessed from their words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from blues.cohort.guess import ColumnGuess
from blues.cohort.smells import smell_of
from blues.cohort.words import NEGATION, letters, nobody_knows, says_event, unaccented
from blues.cohort.writing import DECIDE, key, name_of, toml

__all__ = ["target_sections"]


def target_sections(table: pd.DataFrame, guesses: Mapping[str, ColumnGuess], again: Collection[str]) -> list[str]:
    """Return one section a candidate, commented out, with what a person must decide about its labels.

    Parameters
    ----------
    table : DataFrame of str
        The patient table.
    guesses : dict of str to ColumnGuess
        What each column was guessed to be; candidates are the excluded ones of numbers, of labels, or of yes and no.
    again : collection of str
        Columns that say what another one says.
    """
    lines = [
        "",
        f"{DECIDE} which outcomes may be learnt? One section each; give their columns the role target or outcome",
    ]
    sections = [
        _section(column, table[column], guess.settings)
        for column, guess in guesses.items()
        if guess.settings["role"] == "excluded"
        and guess.settings.get("kind") in ("binary", "nominal", "continuous")
        and smell_of(column) != "files"
        and "note" not in guess.settings
        and column not in again
    ]
    for section in [s for s in sections if s] or [_lines("COLUMN", [1], [])]:
        lines += ["", *(f"# {line}" for line in section)]
    return lines


def _section(column: str, cells: pd.Series, settings: Mapping[str, Any]) -> list[str]:
    """Return one section, or nothing where fewer than two labels say something."""
    if settings["kind"] == "continuous":
        return _lines(column, None, [])
    if settings["kind"] == "binary":
        return _lines(column, [1], [])
    found = sorted({cell.strip() for cell in cells.astype(str)} - {"", *map(str, settings.get("missing", ()))})
    unsure = [cell for cell in found if nobody_knows(cell) and letters(cell)]
    labels: dict[str, list[str]] = {}
    for cell in found:
        if not nobody_knows(cell):
            labels.setdefault(letters(cell), []).append(cell)
    if len(labels) < 2:
        return []
    events, sure = _events(list(labels.values()))
    decide = [] if sure else [f"which are the event: {', '.join(same[0] for same in labels.values())}?"]
    if unsure:
        decide.append(f"{', '.join(unsure)}: no event? If nobody knows, columns.{key(column)}.missing lists it")
    return _lines(column, events, decide)


def _events(labels: list[list[str]]) -> tuple[list[str], bool]:
    """Return the spellings of what looks the event, and whether the words say so for every label."""
    told = [says_event(same[0]) for same in labels]
    no = any(unaccented(letters(same[0])) in NEGATION for same in labels)  # beside a plain no, anything is its yes
    sure = len(set(told)) == 2 and (None not in told or (no and len(told) == 2))
    if len(labels) == 2 and told.count(None) == 1:  # what one word says, the other one leaves
        told = [not told[1 - i] if one is None else one for i, one in enumerate(told)]
    events = [label for same, one in zip(labels, told, strict=True) if one for label in same]
    return events or labels[-1], sure


def _lines(column: str, events: list[str] | list[int] | None, decide: list[str]) -> list[str]:
    kind = "binary" if events is not None else "continuous"
    section = [f"[targets.{name_of(column)}]", f"label = {toml(column)}", f"kind = {toml(kind)}"]
    section += [f"column = {toml(column)}", *([f"events = {toml(events)}"] if events is not None else [])]
    return section + [f"{DECIDE} {' '.join(one.split())}" for one in decide]
