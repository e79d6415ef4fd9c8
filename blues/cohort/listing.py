"""Guesses which table says whose each clip is, where the clips' names do not."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from blues.cohort.identify import MOST_LABELS, is_patient_name
from blues.cohort.naming import clip_id, known_names
from blues.cohort.pattern import MOST_POINTS, POINT
from blues.cohort.schema import ClipTable
from blues.cohort.tables import canonical_id
from blues.cohort.words import unaccented

__all__ = ["agrees", "guess_clip_table"]

POINTS = re.compile(rf"\w*({POINT})\w*")
TAKES = re.compile(r"\w*(take|repeat|repetition|attempt|aufnahme|versuch)\w*")


def guess_clip_table(
    tables: Mapping[str, pd.DataFrame], names: Sequence[str], ids: Collection[str], id_kind: str
) -> ClipTable | None:
    """Return the table with one row a clip in which a column names the clips and another the patients.

    Parameters
    ----------
    tables : dict of str to DataFrame of str
        As :func:`blues.cohort.tables.read_table` gives them.
    names : sequence of str
        The clips' paths below the clips folder, without suffix.
    ids : collection of str
        The patients' ids, canonical.
    id_kind : {"integer", "text"}

    Returns
    -------
    ClipTable or None
        Of several tables that which names most clips.

    Examples
    --------
    >>> table = pd.DataFrame({"file": ["a.mp4", "b.mp4"], "patient": ["1", "2"], "zone": ["R1", "L1"]})
    >>> guess_clip_table({"clips.csv": table}, ["a", "b"], ["1", "2"], "integer")
    ClipTable(path='clips.csv', clip='file', patient='patient', point='zone', take=None, only={})
    """
    known = known_names(names)
    best: tuple[int, ClipTable] | None = None
    for name, table in tables.items():
        for column in table.columns:
            told = _told(table[column], known)
            there = told != ""
            if told[there].duplicated().any() or there.sum() < max(2, len(table) / 2):
                continue
            patient = _patient_column(table[there].drop(columns=column), set(ids), id_kind)
            if patient is not None and (best is None or there.sum() > best[0]):
                rest = table[there].drop(columns=[column, patient])
                guess = ClipTable(path=name, clip=column, patient=patient, point=_point(rest), take=_take(rest))
                best = int(there.sum()), guess
    return None if best is None else best[1]


def agrees(pattern: str, by: ClipTable, table: pd.DataFrame, names: Sequence[str], id_kind: str) -> bool:
    """Return whether a pattern of the clips' names and a table that lists them say the same of nine in ten patients."""
    told = dict(zip(_told(table[by.clip], known_names(names)), table[by.patient], strict=True))
    read = {clip_id(name): re.fullmatch(pattern, name) for name in names}
    same = [
        found is not None and canonical_id(found["patient"], id_kind) == canonical_id(told[clip], id_kind)
        for clip, found in read.items()
        if clip in told
    ]
    return sum(same) >= 0.9 * len(same)


def _told(cells: pd.Series, known: Mapping[str, str]) -> pd.Series:
    """Return the clip that each cell names, empty where it names none."""
    return cells.map(lambda cell: known.get(clip_id(cell), ""))


def _patient_column(table: pd.DataFrame, ids: set[str], id_kind: str) -> str | None:
    """Return the column most of whose cells are patients' ids, best one that is named so.

    One that is not must hold half of all ids, and more than a few: grades from 0 to 3 are numbers of patients too.
    """
    best: tuple[bool, float, str] | None = None
    for column in table.columns:
        told = table[column].map(lambda cell: canonical_id(cell, id_kind))
        named, share = is_patient_name(column), float(told.isin(ids).mean())
        met = told[told.isin(ids)].nunique()
        sure = met >= 2 if named else met > max(MOST_LABELS, len(ids) / 2)
        if share > 0.5 and sure and (best is None or (named, share) > best[:2]):
            best = named, share, column
    return None if best is None else best[2]


def _point(table: pd.DataFrame) -> str | None:
    named = (column for column in table.columns if POINTS.fullmatch(_plain(column)))
    return next((column for column in named if 1 < table[column].str.strip().nunique() <= MOST_POINTS), None)


def _take(table: pd.DataFrame) -> str | None:
    named = (column for column in table.columns if TAKES.fullmatch(_plain(column)))
    return next(
        (c for c in named if table[c].map(lambda cell: cell.strip().isdecimal() or not cell.strip()).all()), None
    )


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", unaccented(name).casefold())
