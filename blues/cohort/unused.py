"""Says of tables that a draft reads and does not use, and why where that can be told."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from blues.cohort.identify import PatientTable
from blues.cohort.naming import clip_id
from blues.cohort.tables import canonical_id

__all__ = ["unused_tables"]


def unused_tables(
    tables: Mapping[str, pd.DataFrame], used: Collection[str], clips: Collection[str], who: PatientTable
) -> list[str]:
    """Return a line on each table that is not used: how it names clips otherwise, or whose rows it holds.

    Parameters
    ----------
    tables : dict of str to DataFrame of str
        As :func:`blues.cohort.tables.read_table` gives them.
    used : collection of str
        Tables that the draft uses, or asks about elsewhere.
    clips : collection of str
        What clips may be called.
    who : PatientTable
    """
    known = {one.casefold(): one for one in clips}
    return [
        f"{name} was read and is not used{_why(table, known, who)}"
        for name, table in tables.items()
        if name not in used
    ]


def _why(table: pd.DataFrame, known: Mapping[str, str], who: PatientTable) -> str:
    for column, cells in table.items():
        if known and cells.map(lambda cell: _file(cell) in known).mean() >= 0.5:
            if cells.map(clip_id).isin(set(known.values())).mean() >= 0.5:
                return f": {column} names the clips, and one table of ratings is read"
            shown = next(cell.strip() for cell in cells if _file(cell) in known)
            return (
                f": {column} names clips such as {shown!r}, which is called {known[_file(shown)]!r}: write both alike"
            )
    ids = set(who.ids)
    for column, cells in table.items():
        told = cells.map(lambda cell: canonical_id(cell, who.kind))
        if told.isin(ids).mean() >= 0.5 and told[told.isin(ids)].nunique() >= min(6, max(2, len(ids) / 2)):
            return (
                f": {column} names patients; what belongs to them goes into {who.name}, "
                "and ratings need a column that names the clips"
            )
    return ": does it belong here?"


def _file(cell: str) -> str:
    """Return the id of the clip that a cell may mean: its file's name, in small letters."""
    return clip_id(cell.strip().replace("\\", "/").rpartition("/")[2]).casefold()
