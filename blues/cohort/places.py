"""Guesses which folder holds a cohort's clips, and what tells whose they are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from blues.check import counted
from blues.cohort.listing import agrees, guess_clip_table
from blues.cohort.naming import clip_id, known_names
from blues.cohort.pattern import NamePattern, guess_pattern
from blues.cohort.schema import ClipTable
from blues.cohort.tables import canonical_id

__all__ = ["ClipPlace", "clip_counts", "guess_place", "other_case"]

MOST_TRIED = 6
"""Folders of clips, those with most of them first, of which names are read."""


@dataclass(frozen=True)
class ClipPlace:
    """A folder of clips, their names below it, and the pattern or the table that tells whose they are, if one does.

    ``others`` says where more clips lie, or, where all folders are read together, which these are.
    """

    place: str
    names: list[str]
    pattern: NamePattern | None
    table: ClipTable | None
    others: tuple[str, ...] = ()


def guess_place(
    places: Mapping[str, list[str]], tables: Mapping[str, pd.DataFrame], ids: Collection[str], id_kind: str
) -> ClipPlace | None:
    """Return the folder whose clips are of most patients; all folders together where that tells of more, each clip once.

    Parameters
    ----------
    places : dict of str to list of str
        As :class:`blues.cohort.contents.Contents` has them.
    tables : dict of str to DataFrame of str
    ids : collection of str
        The patients' ids, canonical.
    id_kind : {"integer", "text"}

    Returns
    -------
    ClipPlace or None
        None where there are no clips.
    """
    folders = sorted((place for place in places if place != "."), key=lambda place: -len(places[place]))
    tried = [*folders[:MOST_TRIED], *(["."] if "." in places else [])]
    made = [_made(place, places[place], tables, ids, id_kind) for place in tried]
    if not made:
        return None
    _, best = max(made, key=lambda one: one[0])  # the first of equals
    counts = {place: len(places[place]) for place in folders}
    counts["."] = sum("/" not in name for name in places.get(".", ()))
    others = [f"{place} ({n})" for place, n in counts.items() if n and (best.place == "." or place != best.place)]
    return replace(best, others=tuple(others) if len(places) > 1 else ())


def clip_counts(clips: ClipPlace | None, tables: Mapping[str, pd.DataFrame], id_kind: str) -> dict[str, int]:
    """Return how many clips each patient has, by canonical id, as far as names or a table tell whose they are."""
    owners: list[str] = []
    if clips is not None and clips.pattern is not None:
        owners = [part[0] for name in clips.names if (part := _parts(clips.pattern, name, id_kind)) is not None]
    elif clips is not None and clips.table is not None:
        listed, known = tables[clips.table.path], known_names(clips.names)
        there = listed[clips.table.clip].map(lambda cell: known.get(clip_id(cell), "") != "")
        owners = [canonical_id(cell, id_kind) or "" for cell in listed.loc[there, clips.table.patient]]
    return dict(Counter(owners))


def other_case(clips: ClipPlace, ids: Collection[str], id_kind: str) -> str:
    """Return which names would hold ids of the table if capitals were small letters; nothing where none would."""
    if id_kind != "text":
        return ""
    small = {one.casefold(): one for one in ids}
    names = [name.casefold() for name in clips.names]
    pattern = clips.pattern or (guess_pattern(names, small, id_kind) if len(small) == len(ids) else None)
    if pattern is None:
        return ""
    read = [_parts(pattern, name, id_kind) for name in (clips.names if clips.pattern is not None else names)]
    met = {part[0] for part in read if part is not None and (clips.pattern is None or part[0] not in ids)}
    told = sorted(small[one.casefold()] for one in met if one.casefold() in small)
    if not told:
        return ""
    shown = ", ".join(told[:3]) + ", ..." * (len(told) > 3)
    return f"names write {counted(len(told), 'id')} of the table in other capitals ({shown}): write both alike"


def _made(
    place: str, names: list[str], tables: Mapping[str, pd.DataFrame], ids: Collection[str], id_kind: str
) -> tuple[tuple[int, int], ClipPlace]:
    """Return how many patients and clips a folder is told to hold, and what tells it: names, or a table that says otherwise."""
    pattern = _pattern_of_all(names, ids, id_kind) if place == "." else guess_pattern(names, ids, id_kind)
    listed = guess_clip_table(tables, names, ids, id_kind)
    if pattern is not None and listed is not None:
        same = agrees(pattern.pattern, listed, tables[listed.path], names, id_kind)
        pattern, listed = (pattern, None) if same else (None, listed)
    told = (0, 0)
    if pattern is not None:
        parts = [part for name in names if (part := _parts(pattern, name, id_kind)) is not None and part[0] in ids]
        once = place != "." or len(set(parts)) == len(parts)
        told = (len({patient for patient, *_ in parts}), len(parts)) if once else told
    elif listed is not None:
        known = known_names(names)
        there = tables[listed.path][listed.clip].map(lambda cell: known.get(clip_id(cell), "") != "")
        told = tables[listed.path].loc[there, listed.patient].nunique(), int(there.sum())
    return told, ClipPlace(place, names, pattern, listed)


def _parts(pattern: NamePattern, name: str, id_kind: str) -> tuple[str, str, str] | None:
    found = re.fullmatch(pattern.pattern, name)
    if found is None:
        return None
    parts = found.groupdict()
    patient = canonical_id(parts["patient"], id_kind) or ""
    return patient, parts.get("point") or "", parts.get("take") or ("1" if {"point", "take"} & parts.keys() else name)


def _pattern_of_all(names: Sequence[str], ids: Collection[str], id_kind: str) -> NamePattern | None:
    """Guess a pattern for clips in several folders: of the names below these, where they alone tell the clips apart."""
    below = [name.partition("/")[2] or name for name in names]
    if (
        below != list(names)
        and len(set(below)) == len(below)
        and (found := guess_pattern(below, ids, id_kind)) is not None
    ):
        top = "(?:[^/]+/)?" if any("/" not in name for name in names) else "[^/]+/"
        pattern = top + found.pattern
        return replace(found, pattern=pattern, read=sum(re.fullmatch(pattern, name) is not None for name in names))
    return guess_pattern(names, ids, id_kind)
