"""Looks at what lies in somebody's own folder: tables, however each is written, and folders of clips."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from blues.check import InputError, counted
from blues.cohort.clips import files_below
from blues.cohort.naming import STILLS, SUFFIXES, known_names
from blues.cohort.tables import (
    SPREADSHEETS,
    TABLES,
    decimal_doubt,
    decimal_sign,
    how_written,
    natural_key,
    read_table,
    table_files,
)

__all__ = ["Contents", "look"]


@dataclass(frozen=True)
class Written:
    """How one table is written, where None goes with any, and which of its columns have no name."""

    separator: str | None
    encoding: str | None
    nameless: str = ""


@dataclass(frozen=True)
class Contents:
    """What lies in a folder.

    Attributes
    ----------
    tables : dict of str to DataFrame of str
    unread : dict of str to str
        Why other tables, and folders, could not be read.
    written : dict of str to Written
        How each table that could be read is written.
    places : dict of str to list of str
        The folders of clips, ``.`` for the folder itself, and the names below each, without suffix.
    separator, decimal, encoding : str
        As the dictionary will say of all tables.
    doubt : str
        What speaks against the decimal sign.
    known_clips : mapping of str to str
        What clips may be called, whichever folder they are read from.
    pictures : dict of str to list of str
        As ``places``, of pictures.
    """

    tables: dict[str, pd.DataFrame]
    unread: dict[str, str]
    written: dict[str, Written]
    places: dict[str, list[str]]
    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    doubt: str = ""
    known_clips: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def nameless(self) -> list[str]:
        """Which columns of which table have no name."""
        return [f"{name}: {how.nameless}" for name, how in self.written.items() if how.nameless]

    def written_as(self, patients: str) -> Contents:
        """Return the contents with those tables alone that can be read as the table of patients is; the rest as unread."""
        base = self.written[patients]
        separator = base.separator or _usual(how.separator for how in self.written.values()) or ","
        encoding = base.encoding or "ascii"
        if encoding == "ascii":
            others = (how.encoding for how in self.written.values() if how.encoding not in ("ascii", "utf-16"))
            encoding = _usual(others) or "utf-8"
        unread = dict(self.unread)
        for name, how in self.written.items():
            if how.separator not in (None, separator):
                unread[name] = f"its cells are parted by {how.separator!r}, those of {patients} by {separator!r}"
            elif not _goes_with(how.encoding, encoding):
                unread[name] = f"it is {how.encoding} text, and {patients} is {encoding}"
            else:
                continue
            unread[name] += ": save both in the same way"
        tables = {name: table for name, table in self.tables.items() if name not in unread}
        return replace(
            self,
            tables=tables,
            unread=unread,
            written={name: self.written[name] for name in tables},
            separator=separator,
            decimal=decimal_sign(tables.values(), separator),
            doubt=decimal_doubt(tables.values(), separator),
            encoding=encoding,
        )


def look(folder: Path) -> Contents:
    """Read every table of a folder as it is written, and list the clips.

    Raises
    ------
    InputError
        If there is no table.
    """
    paths = table_files(folder)
    books = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in SPREADSHEETS and p.name[0] not in ".~")
    if not paths:
        raise InputError(
            "holds no table",
            file=folder,
            allowed=f"files ending in {', '.join(TABLES)}, a header and one row a patient",
            remedy=f"Save {books[0]} as CSV (UTF-8)" if books else None,
        )
    usual, _ = how_written(paths)
    tables, written = {}, {}
    unread = dict.fromkeys(books, "a spreadsheet: save it as CSV (UTF-8) if it belongs here")
    for path in paths:
        try:
            tables[path.name], written[path.name] = _read(path, usual)
        except InputError as error:
            unread[path.name] = str(error).removeprefix(path.name).lstrip(",: ")
    places, pictures = _places(folder, unread, SUFFIXES), _places(folder, {}, STILLS)
    known = {name: clip for names in (places or pictures).values() for name, clip in known_names(names).items()}
    return Contents(tables, unread, written, places, known_clips=known, pictures=pictures)


def _goes_with(encoding: str | None, other: str) -> bool:
    """Return whether a table can be read as ``other`` says: plain letters by all encodings that are not of pairs of bytes."""
    return encoding in (None, other) or (encoding == "ascii" and other != "utf-16")


def _usual(found: Iterable[str | None]) -> str | None:
    counts = Counter(one for one in found if one is not None)
    return max(counts, key=counts.__getitem__, default=None)


def _read(path: Path, usual: str) -> tuple[pd.DataFrame, Written]:
    """Read a table with the sign that parts its own header, or, where that does not go, with that of most tables."""
    own, encoding = how_written([path])
    wrong: InputError | None = None
    for nameless in (False, True):
        for separator in dict.fromkeys([own, usual]):
            try:
                table, findings = read_table(
                    path.parent, path.name, separator=separator, encoding=encoding, nameless=nameless
                )
            except InputError as error:
                wrong = wrong or error
            else:
                left = [one.column for one in findings if one.what == "a column without a name"]
                data = path.read_bytes()
                told = None if data.startswith(codecs.BOM_UTF8) else "ascii" if data.isascii() else encoding
                return table, Written(separator if len(table.columns) + len(left) > 1 else None, told, ", ".join(left))
    assert wrong is not None
    raise wrong


def _is_bare_dicom(path: Path) -> bool:
    """Return whether a file without an ending is DICOM, as scanners and archives write it (``IM_0001``)."""
    if re.search("[a-z]", path.suffix, re.IGNORECASE) or not path.is_file():
        return False
    try:
        with path.open("rb") as data:
            return data.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _places(folder: Path, unread: dict[str, str], endings: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the names of clips, without suffix, below each folder and, where they lie in several, below all (``.``).

    A folder may be a link to another; below it, links are not followed, and hidden folders are passed over.
    """
    places: dict[str, list[str]] = {}
    whole: list[str] = []
    for path in sorted(folder.iterdir(), key=lambda one: natural_key(one.name)):
        if path.name.startswith("."):
            continue
        try:
            files = files_below(path) if path.is_dir() else [path]
        except OSError as error:
            unread[f"{path.name}/"] = str(error.strerror)
            continue
        bare = [one for one in files if _is_bare_dicom(one)]
        if bare:
            told = f"such as {bare[0].relative_to(folder).as_posix()}: let their names end in .dcm"
            unread[f"{path.name}{'/' * path.is_dir()}"] = f"{counted(len(bare), 'DICOM file')} without .dcm, {told}"
        names = [one.with_suffix("") for one in files if one.suffix.lower() in endings and one.is_file()]
        if names and path.is_dir():
            places[path.name] = [one.relative_to(path).as_posix() for one in names]
        if not path.is_symlink() or not path.is_dir():
            whole += [one.relative_to(folder).as_posix() for one in names]
    if whole and (len(places) > 1 or any("/" not in name for name in whole)):
        places["."] = whole
    return places
