"""Ratings from CSV files: separator, decimal sign, blanks, cells that move a column and those that are on no scale."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blues.agree.ratings import ALIASES, IDS, ROW, rows_carried, tidy
from blues.agree.rounds import plain
from blues.agree.scale import numeric_scale, off_scale, places
from blues.check import InputError
from blues.cohort.tables import decimal_sign, how_written

__all__ = ["THOUSANDS", "THOUSANDS_TOLD", "check_scale", "read"]

BLANK = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "<NA>", "#N/A")
"""What means no rating among labels in words; ``None`` may be the name of a grade."""

THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
"""Numbers that are a thousand or a fraction, beside decimal commas."""
THOUSANDS_TOLD = {
    "what": "a thousand or a fraction, in a file that may be written with decimal commas",
    "remedy": "Write it with a comma, or without the zeros",
}


def _without_blank_rows(cells: pd.DataFrame, frame: pd.DataFrame, first: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave blank rows out of a table, as text and as read; the index becomes the spreadsheet row, counted from ``first``."""
    blank = cells.apply(lambda column: column.str.strip() == "").all(axis=1).to_numpy()
    cells, frame = cells[~blank], frame[~blank]
    whole = [
        c for c in frame.select_dtypes(float) if blank.any() and frame[c].notna().all() and not (frame[c] % 1).any()
    ]
    frame = frame.astype(dict.fromkeys(whole, np.int64))
    rows = pd.Index(np.flatnonzero(~blank) + first, name=ROW)
    return cells.set_axis(rows), frame.set_axis(rows)


def _numbers_among(words: pd.Series, comma: bool) -> pd.Series:
    """Return words with the numbers among them as numbers, where they are most: what is left is what is wrong."""
    written = words.where(words.str.fullmatch(r"-?(0|[1-9]\d*)([.,]\d+)?"))  # 01 and 1e1 may be grades
    numbers = pd.to_numeric(written.str.replace(",", ".") if comma else written, errors="coerce")
    return numbers.astype(object).where(numbers.notna(), words) if 2 * numbers.count() > len(words) else words


def _check_signs(words: pd.Series, comma: bool, separator: str, path: Path) -> None:
    """Raise for the first number of a column of numbers whose point or comma may mean two things."""
    given = words[~words.isin(BLANK)]
    if 2 * given.str.fullmatch(r"[+-]?\d+([.,]\d+)?").sum() <= len(given):
        return
    told = THOUSANDS_TOLD
    wrong = given[given.str.fullmatch(THOUSANDS if comma else r"[+-]?\d+,\d+")]
    if not comma:
        others = "commas part the cells of this file" if separator == "," else "other numbers have points"
        told = {
            "what": f"a decimal comma, one of thousands or two numbers, and {others}",
            "remedy": "Write numbers with a decimal point and nothing between thousands, and one rating a cell",
        }
    if len(wrong):
        raise InputError(
            told["what"],
            file=path,
            row=int(wrong.index[0]),
            column=str(words.name),
            value=wrong.iloc[0],
            remedy=told["remedy"],
        )


def _of_ratings(cells: pd.DataFrame, item: str | None) -> pd.DataFrame:
    """Return the cells that hold ratings, of one item if one is named; other columns may hold what they like."""
    names = {ALIASES.get(plain(name), plain(name)): name for name in cells} | {plain(name): name for name in cells}
    if "item" in names and item is not None:
        cells = cells[cells[names["item"]].str.strip() == item]
    if {"rater", "rating"} <= set(names):
        return cells[[names["rating"]]]
    if "rater" in names and item in cells:
        return cells[[item]]
    others = {names[name] for name in (*IDS, *ALIASES, "round", "item") if name in names}
    return cells[[column for column in cells if column not in others]]


def check_scale(rows: pd.DataFrame, categories: Sequence[Any] | None, path: Path) -> None:
    """Raise for the first rating that is on no scale, with its row.

    Parameters
    ----------
    rows : DataFrame
        What :func:`read` gave, or some of its rows.
    categories : sequence or None
        The whole scale; None for measurements.
    path : path
        The file.

    Raises
    ------
    InputError
        Text among numbers; a rating that is none of the categories.
    """
    scale = () if categories is None else tuple(categories)
    what, wrong = "not a number", np.zeros(len(rows), dtype=bool)
    if numeric_scale(scale) is not None:
        wrong = pd.to_numeric(rows["rating"], errors="coerce").isna().to_numpy()
    if len(rows) and not wrong.any() and scale and len(set(scale)) == len(scale):
        what, wrong = "outside the scale", places(rows[["rating"]], scale)[:, 0] == -2
    if wrong.any():
        one = rows.iloc[int(wrong.argmax())]
        raise off_scale(
            one["rating"],
            (one["subject"], one["rater"]),
            f"{what}{f' ({int(wrong.sum())} such ratings)' if wrong.sum() > 1 else ''}",
            scale or "a number",
            file=path,
            row=rows_carried(rows)[one.name],
            remedy=f"{'Name the whole scale; where' if scale else 'Where'} nothing was rated, leave the cell empty or write NA",
        )


def _columns(path: Path, separator: str, encoding: str, above: int) -> int:
    """Return how many columns a file has by its header; raise where a row holds something beyond them."""
    with path.open(encoding=encoding, newline="") as lines:
        reader = csv.reader(itertools.islice(lines, above, None), delimiter=separator)
        header = next(reader, [])
        for cells in reader:
            if any(cell.strip() for cell in cells[len(header) :]):
                raise InputError(
                    f"{len(cells)} cells where the header has {len(header)}",
                    file=path,
                    row=above + reader.line_num,
                    remedy=f"Put cells that hold {separator!r} or line breaks between double quotes",
                )
    return len(header)


def read(path: str | Path, item: str | None = None) -> pd.DataFrame:
    """Read a CSV file of ratings, tidy or wide, and give it tidy.

    Separator, decimal sign and encoding are found as for a cohort's tables; ``item`` is as in :func:`tidy`. Ids stay text.
    ``.attrs["patients"]`` says whether a column names patients.

    Raises
    ------
    InputError
        Not a table of ratings; a fault of :func:`tidy`, with the file's name.
    """
    path = Path(path)
    try:
        separator, encoding = how_written([path])
        with path.open(encoding=encoding) as lines:
            above = sum(1 for _ in itertools.takewhile(lambda line: not line.strip(separator + " \t\r\n\ufeff"), lines))
        how: dict[str, Any] = {"sep": separator, "encoding": encoding, "skiprows": above, "skip_blank_lines": False}
        # without both, a row of more cells than names moves every column by one
        how |= {"index_col": False, "usecols": range(_columns(path, separator, encoding, above))}
        cells = pd.read_csv(path, dtype=str, keep_default_na=False, **how)
        head = pd.read_csv(path, dtype=str, header=None, nrows=1, **how).iloc[0]
        comma = decimal_sign([cells], separator) == ","
        frame = pd.read_csv(path, decimal="," if comma else ".", **how)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"not a CSV table: {error}", file=path) from None
    named = head.dropna().str.strip().str.lower()
    if named.duplicated().any():
        raise InputError("two columns have one name", file=path, column=head[named[named.duplicated()].index[0]])
    nameless = [
        column
        for column, name in zip(frame.columns, head.fillna("").str.strip(), strict=True)
        if not name and (cells[column].str.strip() == "").all()
    ]  # a separator at the end of every line
    cells, frame = cells.drop(columns=nameless), frame.drop(columns=nameless)
    cells, frame = _without_blank_rows(cells, frame, above + 2)
    for _, words in _of_ratings(cells, item).items():
        _check_signs(words.str.strip(), comma, separator, path)
    for column in frame:
        name = plain(column)
        words = cells[column].str.strip()
        if ALIASES.get(name, name) in IDS:
            frame[column] = words.where(words != "")
        elif frame[column].dtype == bool or words.str.fullmatch(r"-?0\d+").any():  # 01 is a grade in words
            frame[column] = words.where(~words.isin(BLANK))
        elif frame[column].dtype == object:
            frame[column] = _numbers_among(words, comma).where(~words.isin(BLANK))
    ids = {ALIASES.get(plain(name), plain(name)) for name in named} & {"subject", "patient"}
    if not ids:
        raise InputError(
            "no column says which subject was rated",
            file=path,
            allowed="subject (or clip), rater, rating; optionally patient, item, round; or subject and one column a rater",
        )
    try:
        rows = tidy(frame, item)
    except InputError as error:
        raise InputError(str(error), file=path) from None
    rows.attrs["patients"] = "patient" in ids
    return rows
