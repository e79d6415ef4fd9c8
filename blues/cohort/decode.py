"""Decodes the text cells of one column by its dictionary entry, and counts everything it does."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from blues.cohort.findings import Finding, quoted
from blues.cohort.schema import NO, YES, Blank, Column, Scalar
from blues.cohort.words import says_yes

__all__ = ["categories_of", "decode", "number", "parts_thousands", "plain", "ungrouped"]

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
RANGE = re.compile(r"(\d+\.?\d*)\s*[-–]\s*(\d+\.?\d*)")
LIMIT = re.compile(r"([<>≤≥])\s*=?\s*(\d+\.?\d*)")
GAPS = "\u00a0\u202f\u2009'’ʼ"
"""What parts digits by itself; an ordinary blank may also stand between two numbers of one cell."""
GROUPS = re.compile(rf"(?:[<>≤≥]\s*=?\s*|[+-]?)[1-9]\d{{0,2}}(?P<gap>[{GAPS}])\d{{3}}(?:(?P=gap)\d{{3}})*(?:[.,]\d+)?")
LIKE_MISSING = {"na", "n/a", "nan", "null", "none", "nil", "-", "--", ".", "?", "unknown", "missing", "n.a.", "nd"}


def number(text: str, decimal: str = ".") -> float | None:
    """Return a cell's number; None where the whole cell is not one plain finite number.

    Examples
    --------
    >>> number("-4.6"), number("1_000"), number("inf"), number("7,4", decimal=",")
    (-4.6, None, None, 7.4)
    """
    if decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    if not NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if np.isfinite(value) else None


def ungrouped(text: str) -> str:
    r"""Return a number or limit without non-breaking blanks or apostrophes between its digits in threes; other text as it is.

    Examples
    --------
    >>> ungrouped("1\u00a0047"), ungrouped("1'234'567,5"), ungrouped("< 2\u202f000"), ungrouped("80 120"), ungrouped("1.047")
    ('1047', '1234567,5', '<2000', '80 120', '1.047')
    """
    found = GROUPS.fullmatch(text)
    return text if found is None else re.sub(rf"[\s{found['gap']}]", "", text)


def parts_thousands(text: str, sign: str) -> bool:
    """Return whether a sign (a point, a comma or a blank) may part the thousands of a number, a limit or a range.

    Examples
    --------
    >>> [parts_thousands(text, ".") for text in ("1.047", "<1.234.567", "900-1.047,5", "0.532", "1.5", "1.0475")]
    [True, True, True, False, False, False]
    >>> parts_thousands("1 047,5", " "), parts_thousands("120 80", " ")
    (True, False)
    """
    decimal = {".": ",", ",": "."}.get(sign, ".,")
    before = r"[<>≤≥]?\s*=?\s*(?:[\d.,]+\s*[-–]\s*)?[+-]?"
    return re.fullmatch(rf"{before}[1-9]\d{{0,2}}(?:[{sign}]\d{{3}})+(?:[{decimal}]\d+)?", text) is not None


def plain(value: object, decimal: str = ".") -> str:
    """Return a value as a table writes it: whole numbers without ``.0``.

    Examples
    --------
    >>> plain(-99.0), plain("1.0"), plain(0.5), plain(True), plain("1,0", decimal=",")
    ('-99', '1', '0.5', 'yes', '1')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        found = number(value, decimal)
        return value if found is None or found != int(found) else str(int(found))
    assert isinstance(value, int | float)
    return str(int(value)) if float(value).is_integer() else f"{value:.12g}"


class _Cells:
    """The cells of one column on their way from text to values; what is settled is not looked at again."""

    def __init__(self, raw: pd.Series, spec: Column, file: str, decimal: str) -> None:
        self.spec, self.file, self.name, self.decimal = spec, file, str(raw.name), decimal
        self.written = self.text = raw.str.strip()
        self.open = pd.Series(True, index=raw.index)
        empty = np.nan if spec.decoded_kind in ("continuous", "ordinal", "binary") else None
        self.values = pd.Series(empty, index=raw.index, dtype=float if empty is not None else object, name=raw.name)
        self.findings: list[Finding] = []
        for value, cells in raw[raw != self.text].value_counts().sort_index().items():
            self.tell(
                "decoded", str(value), int(cells), "blanks around a value", f"read as {quoted(str(value).strip())}"
            )
        if spec.decoded_kind in ("continuous", "ordinal"):
            self.ungroup()

    def ungroup(self) -> None:
        """Read digits parted in threes by non-breaking blanks or apostrophes as one number, and tell."""
        self.text = self.written.map(ungrouped)
        if (grouped := self.written[self.text != self.written]).size:
            what = f"digits in groups, such as {quoted(grouped.iloc[0])}"
            self.tell("decoded", "", len(grouped), what, "read as one number")

    def tell(self, kind: str, value: str, cells: int, what: str, done: str, row: int | None = None) -> None:
        self.findings.append(Finding(kind, self.file, row, self.name, value, cells, what, done))

    def odd(self, row: int, what: str, done: str) -> None:
        self.tell("odd", self.written[row], 1, what, done, row=int(row))

    def matching(self, code: Scalar) -> pd.Series:
        """Return which open cells hold a code: the same text, or the same number (``-99.0`` is ``-99``)."""
        same = (self.text == str(code)) | (self.written == str(code))
        wanted = number(str(code)) if not isinstance(code, bool) else None
        if wanted is not None:
            same |= self.text.map(lambda cell: number(ungrouped(cell), self.decimal) == wanted)
        return self.open & same

    def settle(self, where: pd.Series, value: object = None) -> int:
        """Give the cells their value (missing where None), close them, and return how many they are."""
        if value is not None:
            self.values[where] = value
        self.open &= ~where
        return int(where.sum())


def decode(
    raw: pd.Series, spec: Column, *, file: str, decimal: str = ".", when: pd.Series | None = None
) -> tuple[pd.Series, list[Finding]]:
    """Decode one column.

    Parameters
    ----------
    raw : Series of str, shape (n,)
        The cells as written; index: spreadsheet rows; name: the column.
    spec : Column
        The column's dictionary entry.
    file : str
        What findings call the file.
    decimal : str
        The decimal sign of the file.
    when : Series of bool, shape (n,), optional
        For a blank that has a meaning under a condition: the rows where the condition holds.

    Returns
    -------
    values : Series, shape (n,)
        float with NaN (continuous, ordinal; binary as 1.0 and 0.0), categories (nominal), or str with None
        (text).
    findings : list of Finding
        One a code or meaning for what happens to many cells; one a cell, with its row, for what is odd.
    """
    cells = _Cells(raw, spec, file, decimal)
    _missing(cells)
    _blanks(cells, when)
    _codes(cells)
    if spec.decoded_kind in ("continuous", "ordinal"):
        _numbers(cells)
        _limits(cells)
    elif spec.decoded_kind == "binary":
        _yes_no(cells)
    else:
        cells.values[cells.open] = cells.text[cells.open]
    if spec.kind == "nominal":
        _labels(cells)
        cells.values = cells.values.astype(pd.CategoricalDtype(categories_of(cells.values, spec)))
    elif spec.categories is not None:
        _allowed(cells)
    return cells.values, cells.findings


def _missing(cells: _Cells) -> None:
    for kind, codes in (("missing", cells.spec.missing), ("not applicable", cells.spec.not_applicable)):
        for code in codes:
            if n := cells.settle(cells.matching(code)):
                cells.tell(kind, plain(code), n, f"code for {kind}", "no value")


def _blanks(cells: _Cells, when: pd.Series | None) -> None:
    blank, rule = cells.open & (cells.text == ""), cells.spec.blank
    if isinstance(rule, Blank):
        meant = blank & (when if when is not None else False)
        _meant(cells, meant, rule.value, f"blank where {rule.when.words()}")
        blank &= ~meant
    elif rule is not None:
        _meant(cells, blank, rule, "blank with a meaning")
        return
    if n := cells.settle(blank):
        cells.tell("missing", "", n, "blank", "no value")


def _meant(cells: _Cells, where: pd.Series, value: Scalar, what: str) -> None:
    if value == "not_applicable":
        if n := cells.settle(where):
            cells.tell("not applicable", "", n, what, "no value")
    elif n := cells.settle(where, _meaning(value, cells.spec)):
        cells.tell("decoded", "", n, what, f"read as {plain(value)!r}")


def _meaning(value: Scalar, spec: Column) -> float | str:
    """Return a code's meaning as the column holds it."""
    if spec.decoded_kind == "binary":
        return 1.0 if str(value).lower() in YES else 0.0
    if spec.decoded_kind in ("continuous", "ordinal"):
        return float(value)
    return plain(value)


def _codes(cells: _Cells) -> None:
    for code, meaning in cells.spec.codes.items():
        if n := cells.settle(cells.matching(code), _meaning(meaning, cells.spec)):
            cells.tell("decoded", code, n, "code", f"read as {plain(meaning)!r}")


def _yes_no(cells: _Cells) -> None:
    if cells.spec.codes:
        for row in cells.open[cells.open].index:
            cells.odd(row, f"not among the codes {', '.join(cells.spec.codes)}", "no value")
        cells.settle(cells.open)
        return
    for words, value in ((YES, 1.0), (NO, 0.0)):
        for text, group in cells.text[cells.open].groupby(cells.text[cells.open]):
            if str(text).lower() in words or says_yes(str(text)) is bool(value):
                cells.settle(cells.text.index.to_series().isin(group.index), value)
                if number(str(text)) is None:
                    cells.tell("decoded", str(text), len(group), "word", f"read as {value:g}")
    for row in cells.open[cells.open].index:
        cells.odd(row, "neither yes nor no (1 or 0)", 'no value (codes = { WORD = "yes", OTHER = "no" } reads words)')
    cells.settle(cells.open)


def _numbers(cells: _Cells) -> None:
    found = []
    for row, text in cells.text[cells.open].items():
        value = number(text, cells.decimal)
        if value is None:
            value, what, done = _rescued(text, cells.spec, cells.decimal)
            cells.odd(row, what, done)
        found.append(np.nan if value is None else value)
    cells.values[cells.open] = found
    cells.settle(cells.open)


def _rescued(text: str, spec: Column, decimal: str) -> tuple[float | None, str, str]:
    """Return the value of a cell that is no number by the dictionary's rules, what it is, and what was done."""
    if told := _other_sign(text, decimal):
        return None, *told
    dotted = text.replace(",", ".") if decimal == "," else text
    between, limit = RANGE.fullmatch(dotted), LIMIT.fullmatch(dotted)
    if between:
        return _middle(float(between[1]), float(between[2]), spec)
    if limit:
        if spec.limits_as is not None:
            value = float(limit[2]) / (2 if spec.limits_as == "half" and limit[1] in "<≤" else 1)
            return value, "a limit where a number is expected", f"read as {value:g} (limits_as = {spec.limits_as!r})"
        return None, "a limit where a number is expected", "no value (limits_as = 'limit' would take the limit)"
    if text.lower() in LIKE_MISSING:
        return None, "a word for missing that the dictionary does not list", f"no value (missing = [{text!r}] lists it)"
    return None, "text where a number is expected", "no value"


def _other_sign(text: str, decimal: str) -> tuple[str, str] | None:
    """Return what to tell of a number, limit or range that holds the other decimal sign or a blank, and what was done."""
    if parts_thousands(text, " "):
        return (
            "a blank that may part thousands",
            "no value (take ' ' out of such numbers in the table; two need two columns)",
        )
    other, dotted = "," if decimal == "." else ".", text.replace(",", ".")
    thousands = parts_thousands(text, other)
    shaped = thousands or any(pattern.fullmatch(dotted) for pattern in (NUMBER, RANGE, LIMIT))
    if other not in text or not shaped:
        return None
    if thousands:
        names = {".": "point", ",": "comma"}
        what = f"a {names[other]} that may part thousands, where the decimal sign is a {names[decimal]}"
        return what, f"no value (take {other!r} out of such numbers in the table)"
    if decimal == ",":
        return "a point where the decimal sign is a comma", "no value (write a comma)"
    return "a decimal comma", "no value (decimal = ',' under [files] would read it)"


def _middle(low: float, high: float, spec: Column) -> tuple[float | None, str, str]:
    if low >= high:
        return None, "two numbers where one is expected", "no value"
    if spec.ranges_as == "midpoint":
        value = (low + high) / 2
        return value, "a range where a number is expected", f"read as its midpoint {value:g}"
    return None, "a range where a number is expected", "no value (ranges_as = 'midpoint' would take its middle)"


def _limits(cells: _Cells) -> None:
    spec = cells.spec
    if spec.range is not None:
        low, high = spec.range
        for row in cells.values.index[(cells.values < low) | (cells.values > high)]:
            done = "kept" if spec.outside == "keep" else "no value"
            cells.odd(row, f"outside the possible range {low:g} to {high:g} {spec.unit}".rstrip(), done)
            if spec.outside == "missing":
                cells.values[row] = np.nan
    if spec.winsorise is not None:
        low, high = spec.winsorise
        for row in cells.values.index[(cells.values < low) | (cells.values > high)]:
            limit = low if cells.values[row] < low else high
            cells.odd(row, f"beyond {low:g} to {high:g}", f"drawn in to {limit:g} (winsorise)")
            cells.values[row] = limit


def _labels(cells: _Cells) -> None:
    """Write opaque codes plainly (``1.0`` as ``1``) and, where codes are given, tell cells that none of them reads."""
    known = {plain(label) for label in [*cells.spec.codes.values(), *(cells.spec.categories or ())]}
    cells.values = cells.values.map(lambda label: plain(label, cells.decimal), na_action="ignore")
    if known:
        for row in cells.values.index[cells.values.notna() & ~cells.values.isin(known)]:
            cells.odd(row, f"a label without an entry in codes or categories ({', '.join(sorted(known))})", "no value")
            cells.values[row] = None


def _allowed(cells: _Cells) -> None:
    allowed: Sequence[float] = [float(c) for c in cells.spec.categories or ()]
    for row in cells.values.index[cells.values.notna() & ~cells.values.isin(allowed)]:
        cells.odd(row, f"not among {', '.join(f'{c:g}' for c in allowed)}", "no value")
        cells.values[row] = np.nan


def categories_of(values: pd.Series, spec: Column) -> list[str]:
    """Return a nominal column's labels: those of the dictionary in its order, else those that occur, sorted."""
    listed = [plain(label) for label in [*spec.codes.values(), *(spec.categories or ())]]
    return list(dict.fromkeys(listed)) or sorted(values.dropna().unique())
