"""Reads a delimited table as text, every cell as it was written, and says where a table is no table."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import pandas as pd

from blues.check import InputError, counted
from blues.cohort.findings import Finding

__all__ = [
    "SPREADSHEETS",
    "TABLES",
    "canonical_id",
    "decimal_doubt",
    "decimal_sign",
    "how_written",
    "natural_key",
    "read_explanations",
    "read_table",
    "table_files",
]

SEPARATORS = ",;\t|"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
TABLES = (".csv", ".tsv", ".txt")
SPREADSHEETS = (".xls", ".xlsx", ".ods")
ARCHIVES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How files of spreadsheet programs begin, whatever they are called."""
TITLES = 10
"""Rows among which a header is looked for that has lines above it."""
POINT_IN_WHOLE = re.compile(r"-?[1-9]\d{0,2}\.\d{3}|(0?[1-9]|[12]\d|3[01])\.(0[1-9]|1[0-2])|\d+\.0")
SPREADSHEET_LINE = re.compile(r"sep=.?", re.IGNORECASE)
DIGITS = re.compile(r"([0-9]+)")


def table_files(folder: Path) -> list[Path]:
    """Return the tables that lie in a folder itself; text files are some where nothing else is."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in TABLES and not p.name.startswith("."))
    return [p for p in paths if p.suffix.lower() != ".txt"] or paths


def read_table(
    folder: Path,
    name: str,
    *,
    separator: str = ",",
    encoding: str = "utf-8",
    nameless: bool = False,
    key: str | None = None,
    id_kind: str = "text",
    same: Collection[str] = (),
) -> tuple[pd.DataFrame, list[Finding]]:
    """Read ``folder / name`` as text.

    Parameters
    ----------
    folder, name : Path, str
    separator, encoding : str
    nameless : bool
        Leave columns without a name out, and tell, instead of raising.
    key : str, optional
        A column: rows whose cell there has been met in an earlier row are left out, and told.
    id_kind : {'text', 'integer'}
        Whether ``07`` in that column is ``7``.
    same : collection of str
        Columns in which a row that is left out should have what the earlier row has; told where it has not.

    Returns
    -------
    table : DataFrame of str, shape (rows, columns)
        Index ``row``: the spreadsheet row, the header being row 1. Cells are not stripped; column names are.
    findings : list of Finding
        Rows and columns left out, blanks around column names.

    Raises
    ------
    InputError
        If the file is missing, no text, empty, has a column name twice or none, or a row of another length.
    """
    lines = _lines(folder, name, separator, encoding)
    header = [cell.strip() for cell in lines[0]]
    named = [i for i, column in enumerate(header) if column or not nameless]
    _check_place(lines, name)
    _check_header([header[i] for i in named], name, separator)
    _check_parted(lines, name, separator)
    findings = [
        Finding("odd", name, 1, column, raw, 1, "blanks around a column name", "stripped")
        for raw, column in zip(lines[0], header, strict=True)
        if raw != column and column
    ]
    findings += [
        Finding("left out", name, 1, f"column {i + 1}", "", 1, "a column without a name", "left out")
        for i in range(len(header))
        if i not in named
    ]
    rows: dict[int, list[str]] = {}
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells):
            findings.append(Finding("left out", name, number, "", "", 1, "blank row", "left out"))
        elif len(cells) != len(header):
            raise InputError(
                f"{counted(len(cells), 'cell')} where the header has {len(header)}",
                file=name,
                row=number,
                remedy=_mend_row(cells, header, separator),
            )
        else:
            rows[number] = [cells[i] for i in named]
    if not rows:
        raise InputError("has a header and no rows", file=name)
    columns = [header[i] for i in named]
    table = pd.DataFrame(list(rows.values()), index=pd.Index(list(rows), name="row"), columns=columns, dtype=object)
    if key in columns:
        table, again = _first_rows(table, key, id_kind, [column for column in columns if column in same], name)
        findings += again
    return table, findings


def _mend_row(cells: list[str], header: list[str], separator: str) -> str:
    """Return what to do about a row whose number of cells is not the header's."""
    n = len(cells)
    if len(header) < n and not any(cell.strip() for cell in cells[len(header) :]):
        return (
            f"Rows end in {separator!r} and the header does not: take it away, or let the header end so too, with "
            "nameless_columns = 'leave out' under [files]"
        )
    if len(header) == 1 and n > 1:
        return f"If the header is further down, remove what stands above it; else write it with {separator!r} as the rows are"
    if n < len(header):
        return f"Each cell needs its place, a blank one too: {len(header) - 1} times {separator!r} in a row"
    return f"Put cells that hold {separator!r} or line breaks between double quotes"


def _first_rows(
    table: pd.DataFrame, key: str, id_kind: str, same: list[str], name: str
) -> tuple[pd.DataFrame, list[Finding]]:
    """Keep the first row of each cell of ``key``, and tell of the others."""
    cells = table[[key, *same]].apply(lambda column: column.str.strip())
    cells[key] = [canonical_id(cell, id_kind) or cell for cell in cells[key]]
    first = cells.drop_duplicates(key).set_index(key)
    again, findings = cells[key].duplicated(), []
    for row, cell in cells.loc[again, key].items():
        other = [column for column in same if cells.at[row, column] != first.at[cell, column]]
        what = "met in an earlier row already" + (f", which has another {', '.join(other)}" if other else "")
        findings.append(Finding("left out", name, int(row), key, table.at[row, key], 1, what, "left out"))
    return table[~again], findings


def read_explanations(
    folder: Path, name: str, columns: int, *, separator: str = ",", encoding: str = "utf-8"
) -> pd.DataFrame:
    """Read a table whose last column may hold unquoted separators: lines are split at the first ``columns - 1`` ones.

    Returns
    -------
    DataFrame of str, shape (rows, columns)
        Index ``row`` as in :func:`read_table`; cells stripped, quotes around a whole cell removed.
    """
    text = _text(folder, name, encoding)
    split = [[cell.strip().strip('"') for cell in line.split(separator, columns - 1)] for line in text.splitlines()]
    rows = {number: cells for number, cells in enumerate(split, start=1) if any(cells)}
    for number, cells in rows.items():
        if len(cells) != columns:
            raise InputError(
                f"{counted(len(cells), 'cell')} where the dictionary says {columns}", file=name, row=number
            )
    if not rows:
        raise InputError("is empty", file=name)
    numbers = list(rows)
    return pd.DataFrame(
        [rows[n] for n in numbers[1:]], columns=rows[numbers[0]], index=pd.Index(numbers[1:], name="row"), dtype=object
    )


def how_written(paths: Sequence[Path]) -> tuple[str, str]:
    """Return the separator and the encoding of tables: the sign that most parts their headers, UTF-8 where all are that.

    Examples
    --------
    >>> how_written([Path("clinical.csv"), Path("ratings.csv")])  # doctest: +SKIP
    (';', 'utf-8')
    """
    marks = {path.read_bytes()[:2] for path in paths}
    encoding = "utf-8" if all(_is_utf8(path) for path in paths) else "cp1252"
    encoding = "utf-16" if marks and marks <= set(UTF_16) else encoding  # what Excel calls Unicode text
    heads = [path.read_bytes()[:20000].decode(encoding, errors="replace").split("\n")[0] for path in paths]
    return max(SEPARATORS, key=lambda sign: sum(head.count(sign) for head in heads)), encoding


def decimal_sign(tables: Iterable[pd.DataFrame], separator: str) -> str:
    """Return the decimal sign of tables read as text: a comma where it does not part cells and stands inside numbers.

    A comma in lists of choices (``1,3``) is none if there are numbers with points, nor is one that fewer columns use.

    Examples
    --------
    >>> decimal_sign([pd.DataFrame({"crp": ["12,5", "3"]})], ";"), decimal_sign([pd.DataFrame({"crp": ["12.5"]})], ";")
    (',', '.')
    """
    commas, points = _by_sign(tables)
    sure = [cells for cells in commas if not all(_is_choice(cell) for cell in cells)]
    return "," if separator != "," and commas and len(sure) + (not points) >= max(1, len(points)) else "."


def decimal_doubt(tables: Iterable[pd.DataFrame], separator: str) -> str:
    """Return a question where some columns hold numbers with commas and others with points; else nothing."""
    commas, points = _by_sign(tables)
    if separator == "," or not commas or not points:
        return ""
    return (
        f"numbers are written like {commas[0][0]!r} in {counted(len(commas), 'column')} and like {points[0][0]!r} in "
        f"{counted(len(points), 'column')}: which is the decimal sign? Write all numbers with that one."
    )


def _by_sign(tables: Iterable[pd.DataFrame]) -> tuple[list[list[str]], list[list[str]]]:
    """Return the numbers with a comma, and those with a point, of each column that has some.

    Points that may part thousands, or day and month, tell nothing.
    """
    commas, points = [], []
    for table in tables:
        for name in table.columns:
            cells = [cell.strip() for cell in table[name]]
            commas.append([cell for cell in cells if re.fullmatch(r"-?\d+,\d+", cell)])
            points.append([cell for cell in cells if re.fullmatch(r"-?\d+\.\d+", cell)])
    points = [cells for cells in points if not all(POINT_IN_WHOLE.fullmatch(cell) for cell in cells)]
    return [cells for cells in commas if cells], points


def _is_choice(cell: str) -> bool:
    """Return whether a number with a comma may be two of several choices, in order."""
    first, _, second = cell.partition(",")
    return len(first) == len(second) == 1 and first < second


def _is_utf8(path: Path) -> bool:
    try:
        path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return True


def canonical_id(text: str, id_kind: str) -> str | None:
    """Return a patient id as blues writes it: stripped, and for integers without leading zeros or ``.0``.

    Returns None where ``id_kind`` is ``"integer"`` and the text is no whole number, or where the text is blank.

    Examples
    --------
    >>> canonical_id(" 07 ", "integer"), canonical_id("7.0", "integer"), canonical_id("07", "text")
    ('7', '7', '07')
    """
    text = unicodedata.normalize("NFC", text.strip())  # names from a Mac's archive come decomposed
    if id_kind == "text":
        return text or None
    whole, _, rest = text.partition(".")
    if not (whole.isascii() and whole.removeprefix("-").isdigit()) or rest.strip("0"):
        return None
    return str(int(whole))


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key under which ``p7`` comes before ``p10``.

    Parameters
    ----------
    text : str
        A name with numbers in it.

    Returns
    -------
    tuple
        Runs of digits by their number, before other text.

    Examples
    --------
    >>> sorted(["p10", "p7", "7", "p", "right", "left"], key=natural_key)
    ['7', 'left', 'p', 'p7', 'p10', 'right']
    """
    return tuple((0, int(run), run) if run.isdecimal() else (1, 0, run) for run in DIGITS.split(text) if run)


def _lines(folder: Path, name: str, separator: str, encoding: str) -> list[list[str]]:
    text = _text(folder, name, encoding)
    if not text.strip():
        raise InputError("is empty", file=name)
    rows: list[list[str]] = []
    try:
        rows.extend(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise InputError(
            f"is not a table that can be read: {error}",
            file=name,
            row=len(rows) + 1,
            remedy="Look there for a quote that is opened and not closed; a quote inside a quoted cell is written twice",
        ) from None
    return rows


def _text(folder: Path, name: str, encoding: str) -> str:
    path = folder / name
    if not path.exists():
        raise InputError(f"no such file in {folder}", file=name, remedy=f"There are: {_some_files(folder)}")
    if path.is_dir():
        raise InputError("is a folder, and a table is expected", file=name)
    data = path.read_bytes()
    if path.suffix.lower() in SPREADSHEETS or data.startswith(ARCHIVES):
        raise InputError("is a spreadsheet, and tables are read as text", file=name, remedy="Save it as CSV (UTF-8)")
    try:
        return _decoded(data, name, encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"is not {encoding} text: byte {error.start} is {error.object[error.start]:#x}",
            file=name,
            remedy="Save it as UTF-8, or say how it is written with encoding = 'cp1252' under [files]",
        ) from None
    except LookupError:
        raise InputError(f"files.encoding is {encoding!r}, which Python does not know", file=name) from None


def _decoded(data: bytes, name: str, encoding: str) -> str:
    """Return a file's text; one that begins with the mark of UTF-8 is that, whatever is said of all tables."""
    wide = re.fullmatch(r"utf[-_]?(16|32).*", encoding, re.IGNORECASE) is not None
    if not wide and b"\0" in data:
        also = ", or write encoding = 'utf-16' under [files]" if data[:2] in UTF_16 else ""
        raise InputError("is not a text file (it holds zero bytes)", file=name, remedy=f"Save it as CSV (UTF-8){also}")
    if data.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    text = data.decode(encoding)
    if "\0" in text:
        raise InputError("is not a text file (it holds zero bytes)", file=name, remedy="Save it as CSV (UTF-8)")
    return text


def _some_files(folder: Path) -> str:
    names = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir() if not p.name.startswith("."))
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "") if names else "no files"


def _check_place(lines: list[list[str]], name: str) -> None:
    """Raise where what stands above the header, such as a title, is taken for it."""
    above = lines[0]
    start = next((i for i, cells in enumerate(lines[:TITLES]) if _filled(cells) > max(_filled(above), 1)), 0)
    if not start or SPREADSHEET_LINE.fullmatch(above[0].strip()):
        return
    cells, rows = lines[start], lines[start + 1 :]
    short = _filled(above) < len(above) or len(above) == 1
    numbers = any(map(_begins_with_digit, [cell for row in rows for cell in row]))
    if short and numbers and _filled(cells) >= 0.9 * len(cells) and _reads_as_header(cells, rows):
        raise InputError(
            f"the header seems to be in row {start + 1}, below {above[0].strip()!r}",
            file=name,
            row=1,
            remedy="Remove what stands above the header",
        )


def _filled(cells: list[str]) -> int:
    return sum(cell.strip() != "" for cell in cells)


def _begins_with_digit(cell: str) -> bool:
    return re.match(r"\W*\d", cell) is not None


def _reads_as_header(cells: list[str], rows: list[list[str]]) -> bool:
    """Return whether cells are words, each once, that do not come back in their columns."""
    once = len({cell.strip() for cell in cells}) == len(cells)
    again = any(cell == other for row in rows for cell, other in zip(cells, row, strict=False))
    return once and not again and not any(map(_begins_with_digit, cells))


def _check_parted(lines: list[list[str]], name: str, separator: str) -> None:
    """Raise where the header is one cell, and another sign parts all rows below it."""
    rows = [cells[0] for cells in lines[1:] if any(cell.strip() for cell in cells)]
    if len(lines[0]) > 1 or len(rows) < 2:
        return
    for other in SEPARATORS:
        counts = {row.count(other) for row in rows}
        if other != separator and len(counts) == 1 and 0 not in counts:
            raise InputError(
                f"the header has no {other!r}, which parts the rows below it",
                file=name,
                row=1,
                value=lines[0][0],
                remedy=f"If the header is further down, remove what stands above it; separator = {other!r} under [files]",
            )


def _check_header(header: list[str], name: str, separator: str) -> None:
    if SPREADSHEET_LINE.fullmatch(header[0]):
        raise InputError(
            "a line for a spreadsheet program, no header", file=name, row=1, value=header[0], remedy="Remove it"
        )
    if len(header) == 1:
        for other in SEPARATORS:
            if other != separator and other in header[0]:
                raise InputError(
                    f"the header has no {separator!r} and {header[0].count(other)} of {other!r}",
                    file=name,
                    row=1,
                    remedy=f"Write separator = {other!r} under [files]",
                )
    for position, column in enumerate(header):
        if not column:
            raise InputError(f"column {position + 1} has no name", file=name, row=1)
        if column in header[:position]:
            raise InputError("the column name is there twice", file=name, row=1, column=column)
