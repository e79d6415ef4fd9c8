"""Ratings from CSV files: separator, decimal sign, blanks and cells that move a column."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blues.agree.ratings import ALIASES, IDS, ROW, tidy
from blues.agree.rounds import plain
from blues.check import InputError
from blues.cohort.tables import decimal_sign, how_written

__all__ = ["read"]

BLANK = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "<NA>", "#N/A")
"""What means no rating among labels in words; ``None`` may be the name of a grade."""


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
