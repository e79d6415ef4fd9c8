"""Filled rating sheets read back: which file is whose, whether it belongs to these clips, and what was rated.

``python -m blues.agree sheet --read DIR`` reads what the raters sent back into ``DIR`` or ``DIR/raters`` and writes
``DIR/ratings.csv``, tidy, and ``DIR/comments.csv``.
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blues.agree.ratings_file import THOUSANDS, THOUSANDS_TOLD
from blues.agree.sheets import mark_of, not_judged
from blues.check import InputError, columns_exist, counted
from blues.cohort.tables import SPREADSHEETS, how_written, read_table

__all__ = ["COMMENTS", "RATINGS", "read_sheets"]

RATINGS, COMMENTS = "ratings.csv", "comments.csv"
_KINDS = ("ratings", "sheet")
_SUFFIXES = (".csv", ".tsv", ".txt", *SPREADSHEETS)
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)?|[.,]\d+)([eE][+-]?\d+)?")


def read_sheets(folder: str | Path) -> pd.DataFrame:
    """Read filled rating sheets back to tidy ratings.

    Parameters
    ----------
    folder : path
        What :func:`blues.agree.write_sheets` made; ``ratings-NAME.csv`` from a rater's page, or a filled ``sheet-NAME.csv``, in
        the folder or in its ``raters``; copies such as ``ratings-NAME (1).csv`` too, but one filled file a rater.

    Returns
    -------
    DataFrame
        Columns ``subject`` (clip), ``patient``, ``point``, ``rater``, ``item``, ``round``, ``rating``; "cannot judge" and open
        cells are left out. ``.attrs["sheets"]`` has for every rater the ``file`` (None where there is none) and how many cells
        are ``rated``, ``not judged`` and ``open`` and how many rows are ``missing``; ``.attrs["comments"]`` is a list of dicts
        with ``clip``, ``rater``, ``round`` and ``comment``; ``.attrs["scales"]`` has each item's categories, None of a number.

    Raises
    ------
    InputError
        No filled sheet, or two of one rater; a file that cannot be told to be somebody's, or is of another rater or study; an
        unknown code; a value that is not on the scale. With file, row and column.
    """
    folder = Path(folder)
    study, key = _study(folder), _key(folder)
    if wrong := set(key.index) ^ {_plain_code(code) for order in study["order"].values() for code in order}:
        raise InputError(
            "does not fit study.json",
            file=folder / "key.csv",
            value=min(wrong),
            remedy="Put the key of these sheets back",
        )
    files = _files(folder, study["raters"])
    sheets, parts, comments = {}, [], []
    for rater in study["raters"]:
        found = _filled(folder, files[rater], rater, study)
        rows = len(study["order"][rater])
        sheets[rater] = (
            found.counts(rows) if found else {"file": None, "rated": 0, "not judged": 0, "open": 0, "missing": rows}
        )
        if found:
            parts += [_tidy(found, key, item) for item in study["items"]]
            comments += _comments(found, key)
    parts = [part for part in parts if len(part)]
    if not parts:
        one = study["raters"][0]
        raise InputError(
            "no filled sheet yet",
            file=folder,
            remedy=f"Put ratings-{one}.csv there, which the page saves, or fill sheet-{one}.csv; the others' likewise",
        )
    table = pd.concat(parts, ignore_index=True)
    scales = {i["name"]: i["categories"] and [str(value) for value, _ in i["categories"]] for i in study["items"]}
    table.attrs |= {"sheets": sheets, "comments": comments, "scales": scales}
    return table


@dataclass
class _Sheet:
    """One file of one rater.

    Attributes
    ----------
    file : str
        Its path below the study's folder.
    rater : str
    table : DataFrame of str
        Cells without blanks around; index: rows of the spreadsheet.
    codes : Series of str
        As in :func:`_plain_code`.
    values : dict of Series
        Ratings by item, missing where open or not judged.
    judged : dict of Series of bool
        By item, False where the rater could not judge.
    """

    file: str
    rater: str
    table: pd.DataFrame
    codes: pd.Series
    values: dict[str, pd.Series]
    judged: dict[str, pd.Series]

    @property
    def rated(self) -> int:
        return sum(int(values.notna().sum()) for values in self.values.values())

    @property
    def not_judged(self) -> int:
        return sum(int((~judged).sum()) for judged in self.judged.values())

    @property
    def filled(self) -> int:
        return self.rated + self.not_judged + len(self.comments)

    @property
    def comments(self) -> pd.Series:
        cells = self.table["comment"] if "comment" in self.table else pd.Series(dtype=str)
        return cells[cells != ""]

    def counts(self, rows: int) -> dict[str, Any]:
        """Return the file and its numbers of cells, ``rows`` being those of the whole sheet."""
        cells = len(self.table) * len(self.values)
        return {
            "file": self.file,
            "rated": self.rated,
            "not judged": self.not_judged,
            "open": cells - self.rated - self.not_judged,
            "missing": rows - len(self.table),
        }


def _plain_code(code: str) -> str:
    return code.strip().upper()


def _study(folder: Path) -> dict[str, Any]:
    for name in ("key.csv", "study.json"):
        if not (folder / name).is_file():
            raise InputError(f"no {name} here", file=folder, remedy="Name the folder that the sheets were written to")
    path = folder / "study.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise InputError(f"cannot be read: {error}", file=path, remedy="Put the file back as it was written") from None


def _key(folder: Path) -> pd.DataFrame:
    """Return the key by code: clip, patient, point, round."""
    table, _ = _table(folder, "key.csv")
    columns_exist(["code", "clip", "patient", "point", "round"], table.columns, str(folder / "key.csv"))
    _first(~table["round"].isin(["1", "2"]), table["round"], "not a round", "key.csv", allowed="1, 2")
    key = table.set_index(table["code"].map(_plain_code))
    _first(key.index.duplicated(), table["code"], "a code that occurs twice", "key.csv")
    return key.astype({"round": int})


def _table(folder: Path, name: str) -> tuple[pd.DataFrame, str]:
    """Return a table as text, blank rows left out, cells stripped, and its separator."""
    separator, encoding = how_written([folder / name])
    table, _ = read_table(folder, name, separator=separator, encoding=encoding, nameless=True)
    return table.apply(lambda column: column.str.strip()), separator


def _first(
    wrong: Any, cells: pd.Series, what: str, file: str, *, allowed: str | None = None, remedy: str | None = None
) -> None:
    """Raise for the first cell of a column that is wrong, if any is."""
    places = np.flatnonzero(wrong)
    if len(places):
        row, column = int(cells.index[places[0]]), str(cells.name)
        value = cells.iloc[places[0]]
        raise InputError(what, file=file, row=row, column=column, value=value, allowed=allowed, remedy=remedy)


def _files(folder: Path, raters: Sequence[str]) -> dict[str, list[str]]:
    """Return by rater the files that may be filled; raise for one that looks like a sheet and is nobody's."""
    found: dict[str, list[str]] = {rater: [] for rater in raters}
    for place in (folder, folder / "raters"):
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            name = path.relative_to(folder).as_posix()
            if not path.is_file() or path.suffix.lower() not in _SUFFIXES or path.name.startswith((".", "~")):
                continue
            near = difflib.get_close_matches(path.stem.casefold(), [f"ratings-{r}" for r in raters], n=1, cutoff=0)[0]
            if path.suffix.lower() in SPREADSHEETS:
                raise InputError(
                    "is a spreadsheet, and sheets are read as text",
                    file=folder / name,
                    remedy=f"Save it as CSV (UTF-8), named {near}.csv if it is that rater's, and move this file elsewhere",
                )
            rater = _whose(path.stem, raters)
            if rater is not None:
                found[rater].append(name)
            elif name != "key.csv" and _like_a_sheet(path):
                raise InputError(
                    "looks like a sheet, and its name says none of the raters",
                    file=folder / name,
                    allowed=", ".join(f"ratings-{r}.csv" for r in raters),
                    remedy=f"Rename it, to {near}.csv if it is that, or move it elsewhere",
                )
    return found


def _whose(stem: str, raters: Sequence[str]) -> str | None:
    """Return the rater in a file's name; what browsers and people add to copies may follow the name."""
    kind, _, rest = _plain_name(stem).partition("-")
    fits = [r for r in raters if re.fullmatch(re.escape(_plain_name(r)) + r"([\W_].*)?", rest, re.DOTALL)]
    return max(fits, key=len) if kind in _KINDS and fits else None


def _plain_name(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _like_a_sheet(path: Path) -> bool:
    if path.name != RATINGS and path.name.casefold().startswith(_KINDS):
        return True
    separator, encoding = how_written([path])
    head = path.read_bytes()[:20000].decode(encoding, errors="replace").lstrip("\ufeff").splitlines()[:1]
    return "code" in [cell.strip(' "').casefold() for line in head for cell in line.split(separator)]


def _filled(folder: Path, files: Sequence[str], rater: str, study: Mapping[str, Any]) -> _Sheet | None:
    """Return what a rater filled; None where no file of that rater holds anything."""
    sheets = [sheet for name in files if (sheet := _read(folder, name, rater, study)).filled]
    if len(sheets) > 1:
        most = max(sheets, key=lambda sheet: sheet.filled)
        largest = f". {most.file} has most" if len({sheet.filled for sheet in sheets}) > 1 else ""
        each = " and ".join(f"{sheet.file} ({counted(sheet.filled, 'filled cell')})" for sheet in sheets)
        raise InputError(
            f"{counted(len(sheets), 'filled file')} of {rater!r}: {each}",
            file=folder,
            remedy="Keep one with all that counts, and move the others elsewhere" + largest,
        )
    return sheets[0] if sheets else None


def _read(folder: Path, name: str, rater: str, study: Mapping[str, Any]) -> _Sheet:
    table, separator = _table(folder, name)
    table = _named(table, [item["name"] for item in study["items"]], name)
    codes = table["code"].map(_plain_code)
    known = {_plain_code(code) for code in study["order"][rater]}
    _check_mark(table, rater, study["id"], name)
    _first(codes == "", table["code"], "no code here", name, remedy="Put it back from the blank sheet")
    _first(~codes.isin(known), table["code"], "no such code", name)
    _first(codes.duplicated(), table["code"], "a code that occurs twice", name)
    _check_order(table, codes, rater, study["order"], name)
    values, judged = {}, {}
    for item in study["items"]:
        cells = table[item["name"]]
        judged[item["name"]] = ~cells.map(not_judged)
        values[item["name"]] = _on_scale(cells, judged[item["name"]], item, separator, name)
    return _Sheet(name, rater, table, codes, values, judged)


def _named(table: pd.DataFrame, items: Sequence[str], file: str) -> pd.DataFrame:
    """Return a sheet with its columns under the names they should have, in whatever case they are written."""
    wanted = {name.strip().casefold(): name for name in ["order", "code", *items, "comment", "sheet"]}
    table = table.rename(columns={column: wanted.get(column.casefold(), column) for column in table.columns})
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise InputError("two columns have one name", file=file, row=1, column=twice[0], remedy="Remove one")
    columns_exist(["code", *items], table.columns, file)
    return table


def _check_mark(table: pd.DataFrame, rater: str, study: str, file: str) -> None:
    """Raise where a sheet says that it is of another study or rater; sheets of earlier versions say nothing."""
    if "sheet" not in table:
        return
    marks = table["sheet"]
    ours = marks.str.startswith(mark_of(study, ""))
    _first((marks != "") & ~ours, marks, "from another set of sheets", file, remedy="Put it into that set's folder")
    _first(
        ours & (marks != mark_of(study, rater)),
        marks,
        f"the sheet of another rater than {rater!r}",
        file,
        remedy="Name the file by the rater who filled it",
    )


def _check_order(table: pd.DataFrame, codes: pd.Series, rater: str, orders: Mapping[str, Any], file: str) -> None:
    """Raise unless each row has code and place as they were given to this rater: sorted apart, ratings change clips."""
    if "order" not in table:
        marks = table["sheet"] if "sheet" in table else pd.Series("", table.index, name="sheet")
        _first(
            marks == "",
            marks,
            f"neither this column nor 'order' says that these are the clips and ratings of {rater!r}",
            file,
            remedy="Ask for the file as it was saved, with all of its columns",
        )
        return

    def strange(order: Sequence[str]) -> pd.Series:
        place_of = {_plain_code(code): place for place, code in enumerate(order, start=1)}
        return pd.to_numeric(table["order"], errors="coerce") != codes.map(place_of)

    wrong = strange(orders[rater])
    if not wrong.any():
        return
    whose = next((other for other, order in orders.items() if not strange(order).any()), None)
    if whose is not None:
        raise InputError(
            f"has the order of {whose!r}, and its name says {rater!r}",
            file=file,
            remedy="Name the file by the rater who filled it",
        )
    _first(
        wrong,
        table["order"],
        "this code had another place in the rater's order",
        file,
        remedy="Either one column was sorted without the others, or the file is from another set of sheets. Ask for the file "
        "as it was saved",
    )


def _on_scale(cells: pd.Series, judged: pd.Series, item: Mapping[str, Any], separator: str, file: str) -> pd.Series:
    """Return a column's ratings, missing where open or not judged; raise on what is not on the scale."""
    categories = item["categories"]
    read = _number if categories is None else _category(categories)
    points = cells.where(~cells.str.fullmatch(_NUMBER), cells.str.replace(",", ".")) if separator != "," else cells
    values = cells.map(read).astype(object)
    values = values.where(values.notna(), points.map(read))
    given = judged & (cells != "")
    if categories is None and separator != ",":
        _first(given & cells.str.fullmatch(THOUSANDS), cells, file=file, **THOUSANDS_TOLD)
    allowed = "a number" if categories is None else ", ".join(str(value) for value, _ in categories)
    _first(given & values.isna(), cells, "not on the scale", file, allowed=f"{allowed}, NA")
    numbers = categories is None or all(_number(str(value)) is not None for value, _ in categories)
    return values.where(given).astype(float if numbers else object)


def _number(cell: str) -> float | None:
    return float(cell) if _NUMBER.fullmatch(cell) and "," not in cell and np.isfinite(float(cell)) else None


def _category(categories: Sequence[Sequence[str]]) -> Callable[[str], str | None]:
    """Return what finds the category that a cell means: as it is written, else in another case, else as a number."""
    exact = {str(words): value for value, words in categories} | {str(value): value for value, _ in categories}
    folded = {words.casefold(): value for words, value in exact.items()}
    numbers = {n: value for value, _ in categories if (n := _number(str(value))) is not None}

    def read(cell: str) -> str | None:
        found = exact.get(cell, folded.get(cell.casefold()))
        number = _number(cell)
        return numbers.get(number) if found is None and number is not None else found

    return read


def _tidy(sheet: _Sheet, key: pd.DataFrame, item: Mapping[str, Any]) -> pd.DataFrame:
    values = sheet.values[item["name"]]
    values = values[values.notna()]
    clips = key.loc[sheet.codes[values.index]]
    return pd.DataFrame(
        {
            "subject": clips["clip"].to_numpy(),
            "patient": clips["patient"].to_numpy(),
            "point": clips["point"].to_numpy(),
            "rater": sheet.rater,
            "item": item["name"],
            "round": clips["round"].to_numpy(),
            "rating": values.to_numpy(),
        }
    )


def _comments(sheet: _Sheet, key: pd.DataFrame) -> list[dict[str, Any]]:
    clips = key.loc[sheet.codes[sheet.comments.index]]
    return [
        {"clip": clip, "rater": sheet.rater, "round": round, "comment": comment}
        for clip, round, comment in zip(clips["clip"], clips["round"].tolist(), sheet.comments, strict=True)
    ]
