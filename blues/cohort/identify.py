"""Finds the table with one row a patient, and the column that names the patients."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pandas as pd

from blues.check import InputError, counted
from blues.cohort.tables import canonical_id
from blues.cohort.words import unaccented

__all__ = ["PatientTable", "holds_dates", "is_patient_name", "patient_table"]

ID_WORDS = re.compile(r"(^|_|\b)(id|nr|no|num|number|code|pid)($|_|\b)", re.IGNORECASE)
ID_NAMES = re.compile(r"patient|subject|participant|pid|case|record|study|^id$", re.IGNORECASE)
_PATIENT = (
    r"pat(ient(en|e|in|innen|s)?)?|pa[cz]iente?s?|pasient(en?)?|pacjenta?|potilas|patsient|proband(en)?|subjects?|sujet|sujeto|"
    r"soggetto|participante?s?|teilnehmer|deelnemer|pid"
)
_STUDY = r"case|fall|cas|caso|record|study|studien?|estudio|studio"
_NUMBER = r"ids?|nr|no?|num(ber|mer|ero|er)?|code|codigo|codice|kennung|identif(ier|iant|ikator|icador)|pseudonym|key|schlussel"
PATIENT_NAMES = re.compile(rf"(?=.*({_PATIENT}))({_PATIENT}|{_STUDY}|{_NUMBER}|d[eu]s?|del|la)+")
NAMED = re.compile(rf"{PATIENT_NAMES.pattern}|(?=.*({_STUDY}))({_STUDY}|{_NUMBER}|d[eu]s?|del|la)+|id|pseudonym")
DATE_NAMES = re.compile(r"date|\w*datum|dob|fecha|birth\w*|\w*geburt\w*|naissance|nacimiento|nascita|geboorte\w*")
_DAY, _YEAR = r"(0?[1-9]|[12]\d|3[01])", r"((18|19|20)?\d\d)"
DATE = re.compile(
    rf"{_DAY}[-./ ]+({_DAY}|[a-z]{{3,9}}\.?)[-./, ]+{_YEAR}|(18|19|20)\d\d[-./]{_DAY}[-./]{_DAY}([t ].*)?",
    re.IGNORECASE,
)
MOST_REPEATED = 0.1
"""Share of rows without an id of their own up to which a column that says that it names patients still does."""
MOST_LABELS = 5
"""A column of so few different cells names no patients, whatever it is called."""


@dataclass(frozen=True)
class PatientTable:
    """A table's name, its column of ids, how they are written, what is wrong with some, and which tables it could be too."""

    name: str
    column: str
    kind: str
    ids: tuple[str, ...]
    faults: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    """A table with the best of its columns that name each row once."""

    name: str
    column: str
    by_name: tuple[bool, bool, bool]
    columns: int
    filled: int
    ids: frozenset[str]
    of_clips: bool

    @property
    def rank(self) -> tuple[bool, bool, bool, bool, int, int, int]:
        """By what the column is called, whether rows are clips, columns, and filled cells; of copies, the shortest name."""
        says, names, words = self.by_name
        return says, not self.of_clips, says or names, says or words, self.columns, self.filled, -len(self.name)


def patient_table(
    tables: Mapping[str, pd.DataFrame], clips: Collection[str], folder: Path, unread: Mapping[str, str]
) -> PatientTable:
    """Return the widest table with a column that names each row once, best one whose name says so.

    A column whose name says that it holds the patients' ids may repeat or lack a few of them (``faults`` says where): it
    is the id all the same. A column of dates or of decimal fractions is none, and a table that names its patients many
    times over has no other. A table nearly as wide that has the patients of the widest one and more is taken in its
    place; tables that could be meant as well are in ``others``.

    Parameters
    ----------
    tables : dict of str to DataFrame of str
        As :func:`blues.cohort.tables.read_table` gives them.
    clips : collection of str
        The ids of the clips: what names a clip is no patient.
    folder, unread : Path, dict of str to str
        What to name in an error.

    Raises
    ------
    InputError
        If no table has such a column.
    """
    repeated: list[str] = []
    found = [one for name, table in tables.items() if (one := _candidate(name, table, clips, repeated)) is not None]
    if not found:
        _refuse(tables, folder, repeated, unread)
    best = max(found, key=lambda one: one.rank)
    best = max((one for one in found if any(one.by_name) and _holds(one, best)), key=lambda one: one.rank, default=best)
    cells = tables[best.name][best.column]
    kind, ids = _ids(cells)
    others = [
        f"{one.name} ({counted(len(one.ids), 'patient')} by {one.column})"
        for one in found
        if one is not best and (one.by_name[0] or len(one.ids & best.ids) > 0.5 * len(best.ids))
    ]
    return PatientTable(best.name, best.column, kind, tuple(ids[ids != ""].unique()), _mend(cells), tuple(others))


def _candidate(name: str, table: pd.DataFrame, clips: Collection[str], repeated: list[str]) -> _Candidate | None:
    """Return a table with its best column of ids; if it names its patients many times over, say so in ``repeated``."""
    usable = [c for c in table.columns if not _is_date(c, table[c])]
    of_clip = [c for c in usable if _names_clips(c, table[c], clips)]
    columns = [c for c in usable if c not in of_clip or is_patient_name(c)]
    spoilt = {column: _spoilt(table[column]) for column in columns}
    limit = max(1, int(MOST_REPEATED * len(table)))
    named = [c for c in columns if is_patient_name(c) and table[c].nunique() > MOST_LABELS]
    many = [c for c in named if spoilt[c] > limit]
    if any(PATIENT_NAMES.fullmatch(_joined(c)) for c in many) or (many and len(many) == len(named)):
        repeated.append(f"{many[0]} of {name} ({_faults(table[many[0]])})")
        return None
    best: tuple[tuple[bool, bool, bool], bool, int, str] | None = None
    for position, column in enumerate(columns):
        by_name = _by_name(column)
        says = by_name[0] or _is_number_name(column)
        if spoilt[column] > (limit if says and len(table) > 2 else 0) or (
            not any(by_name) and _is_measured(table[column])
        ):
            continue
        score = (by_name, not spoilt[column], -position, column)
        best = score if best is None else max(best, score)
    if best is None:
        return None
    named_after = [c for c in of_clip if not _spoilt(table[c])]
    if not any(best[0]) and named_after:  # clips named by the patient alone: a number that never comes back is no id
        best = (_by_name(named_after[0]), True, 0, named_after[0])
    _, ids = _ids(table[best[3]])
    of_clips = any(table[c].str.strip().isin(clips).mean() >= 0.5 for c in of_clip)
    filled = int((table.apply(lambda cells: cells.str.strip()) != "").to_numpy().sum())
    return _Candidate(name, best[3], best[0], len(table.columns), filled, frozenset(ids[ids != ""]), of_clips)


def _by_name(column: str) -> tuple[bool, bool, bool]:
    """Return how surely a column's name says that it holds ids, from most to least."""
    return is_patient_name(column), bool(ID_NAMES.search(column)), bool(ID_WORDS.search(column))


def _holds(table: _Candidate, part: _Candidate) -> bool:
    """Return whether a table has the patients of another one and more of them, and says about as much of each."""
    more = len(table.ids) > len(part.ids) and table.filled > part.filled
    return (
        more
        and not table.of_clips
        and table.columns >= 0.5 * part.columns
        and len(table.ids & part.ids) >= 0.9 * len(part.ids)
    )


def _refuse(tables: Collection[str], folder: Path, repeated: list[str], unread: Mapping[str, str]) -> NoReturn:
    why = [f"{name}: {reason}" for name, reason in unread.items()]
    if not tables:
        raise InputError("no table can be read", file=folder, remedy="; ".join(why))
    raise InputError(
        "no table has a column that names each row once",
        file=folder,
        allowed="a table with one row a patient and a column of patient ids",
        remedy="; ".join(["Merge repeated rows", *repeated, *why]),
    )


def is_patient_name(name: str) -> bool:
    """Return whether a column is named as one that holds patients' ids.

    Examples
    --------
    >>> is_patient_name("Patient ID"), is_patient_name("Fallnummer"), is_patient_name("CRP")
    (True, True, False)
    """
    return NAMED.fullmatch(_joined(name)) is not None


def _joined(name: str) -> str:
    return "".join(re.findall(r"[a-z]+", unaccented(name).casefold()))


def _is_number_name(name: str) -> bool:
    """Return whether a column is named as one of ids, if not of whose (``Nr``, ``Code``)."""
    return re.fullmatch(f"({_NUMBER})+", _joined(name)) is not None


def _is_date(name: str, cells: pd.Series) -> bool:
    """Return whether a column holds dates, by its name or by most of its cells; one that is named as an id does not."""
    if is_patient_name(name) or _is_number_name(name):
        return False
    words = re.findall(r"[a-z]+", re.sub(r"([a-z]{2})([A-Z])", r"\1 \2", unaccented(name)).casefold())
    return any(DATE_NAMES.fullmatch(word) for word in words) or holds_dates(cells)


def holds_dates(cells: Iterable[str]) -> bool:
    """Return whether most cells that are not blank are written as dates.

    Examples
    --------
    >>> holds_dates(["2023-06-23", "15.4.2023", ""]), holds_dates(["home", "2023-06-23", "rehab"])
    (True, False)
    """
    written = [cell.strip() for cell in cells if cell.strip()]
    return sum(DATE.fullmatch(cell) is not None for cell in written) > 0.5 * len(written)


def _names_clips(name: str, cells: pd.Series, clips: Collection[str]) -> bool:
    """Return whether a column names clips and does not say that it names patients."""
    return not PATIENT_NAMES.fullmatch(_joined(name)) and bool(cells.str.strip().isin(clips).any())


def _is_measured(cells: pd.Series) -> bool:
    """Return whether most cells are decimal fractions, which name nobody."""
    written = [cell.strip() for cell in cells if cell.strip()]
    return sum(re.fullmatch(r"[+-]?\d*[.,]\d*[1-9]\d*", cell) is not None for cell in written) > 0.5 * len(written)


def _ids(cells: pd.Series) -> tuple[str, pd.Series]:
    """Return how ids are written, and each row's, empty where there is none."""
    kind = "integer" if all(canonical_id(cell, "integer") for cell in cells if cell.strip()) else "text"
    return kind, cells.map(lambda cell: canonical_id(cell, kind) or "")


def _spoilt(cells: pd.Series) -> int:
    """Return how many rows have no id, or that of an earlier row."""
    _, ids = _ids(cells)
    return int(((ids == "") | ids.duplicated()).sum())


def _mend(cells: pd.Series) -> str:
    """Return which ids come back, which rows have none, and what to do about it."""
    _, ids = _ids(cells)
    what = []
    if ids[ids != ""].duplicated().any():
        what.append('one row each, please, or repeated_rows = "leave out" under [files] keeps the first')
    if all(re.fullmatch(r"\d+,0+", cell.strip()) for cell in cells if cell.strip()):
        what.append(f"names of clips do not say {cells.iloc[0].strip()!r}: write whole numbers without a decimal comma")
    if (ids == "").any():
        what.append("fill in who it is, or remove the row")
    return ": ".join(filter(None, [_faults(cells), "; ".join(what)]))


def _faults(cells: pd.Series) -> str:
    """Return which ids come back and which rows have none, the first few of each."""
    _, ids = _ids(cells)
    again = list(dict.fromkeys(ids[(ids != "") & ids.duplicated()]))
    told = [f"{one} is in rows {' and '.join(map(str, ids.index[ids == one]))}" for one in again[:3]]
    told += [f"{len(again) - 3} more come back"] * (len(again) > 3)
    blank = [str(row) for row in ids.index[ids == ""]]
    if blank:
        told.append(f"row{'s' * (len(blank) > 1)} {', '.join(blank[:3])}{', ...' * (len(blank) > 3)} without one")
    return "; ".join(told)
