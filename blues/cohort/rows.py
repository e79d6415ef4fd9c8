"""Tells rows that are no patients of their own: a second header, units, totals, one person written in two ways."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import pandas as pd

from blues.cohort.decode import LIKE_MISSING, LIMIT, RANGE, number, ungrouped
from blues.cohort.findings import Finding
from blues.cohort.words import letters, nobody_knows

__all__ = ["alike", "header_again", "odd_ids", "odd_rows"]

TOTALS = frozenset("total totals totale sum summe gesamt somme mean average mittelwert moyenne media median".split())
"""What a last row is called that sums up the others, in place of a patient's id."""
FEWEST = 3
"""Rows below the first from which its cells can be told from theirs."""


def odd_rows(table: pd.DataFrame, column: str, decimal: str, file: str) -> list[Finding]:
    """Return findings on rows that are no patient, and on ids that may be one patient's.

    Parameters
    ----------
    table : DataFrame of str
        As :func:`blues.cohort.tables.read_table` gives it.
    column : str
        The ids.
    decimal, file : str
        The decimal sign; what findings call the file.
    """
    found = [
        Finding("odd", file, int(row), column, text, 1, "reads like a row of totals", "kept")
        for row, text in table[column].items()
        if letters(text) in TOTALS
    ]
    if header_again(table, column, decimal):
        what = "reads like a second header or a row of units: no number where the other rows have numbers"
        found.append(Finding("odd", file, int(table.index[0]), column, table[column].iloc[0], 1, what, "kept"))
    for same in alike(table[column]):
        what = f"ids that differ in spelling alone: {', '.join(map(repr, same))}"
        done = "kept apart; if they are one person, write them alike"
        found.append(Finding("odd", file, None, column, "", len(same), what, done))
    return found


def header_again(table: pd.DataFrame, column: str, decimal: str) -> bool:
    """Return whether the first row holds no number where the other rows do, and its id looks unlike theirs.

    Where no id holds a digit, two columns of numbers must tell.

    Examples
    --------
    >>> rows = pd.DataFrame({"nr": ["[Nr]", "1", "2", "3"], "crp": ["mg/l", "5", "17", "80"]})
    >>> header_again(rows, "nr", "."), header_again(rows[1:], "nr", ".")
    (True, False)
    """
    cells = table.apply(lambda one: one.str.strip())
    first, rest = cells.iloc[0], cells.iloc[1:]
    if len(rest) < FEWEST:
        return False
    numeric = [one for one in cells.columns if one != column and _numeric(rest[one], decimal)]
    written = [first[one] for one in numeric if not _no_value(first[one])]
    if any(_is_number(cell, decimal) for cell in written):
        return False
    digits = rest[column].str.contains(r"\d").mean() >= 0.9
    if digits and re.search(r"\d", first[column]):
        return False
    return len(written) >= (1 if digits else 2)


def alike(ids: Iterable[str]) -> list[list[str]]:
    """Return groups of ids that differ in capitals, punctuation, signs without width or padding zeros alone.

    Examples
    --------
    >>> alike(["P01", "p1", "P-01", "P02", "1-23", "12-3", "P2"])
    [['P01', 'p1', 'P-01'], ['P02', 'P2']]
    """
    groups: dict[str, list[str]] = {}
    for one in dict.fromkeys(text.strip() for text in ids):
        groups.setdefault(_bare(one), []).append(one)
    return [same for bare, same in groups.items() if bare and len(same) > 1]


def odd_ids(ids: Iterable[str]) -> str:
    """Return a question about ids that differ in spelling alone; nothing where none do."""
    groups = alike(ids)
    shown = "; ".join(", ".join(map(repr, same)) for same in groups[:3]) + "; ..." * (len(groups) > 3)
    return f"ids that differ in spelling alone ({shown}): one person? Then write them alike." if groups else ""


def _bare(text: str) -> str:
    plain = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    runs = re.findall(r"\d+|[^\W\d_]+", plain.casefold())
    return "".join(f"#{int(run)}" if run.isdecimal() else run for run in runs)


def _is_number(cell: str, decimal: str) -> bool:
    plain = ungrouped(cell).replace(",", ".") if decimal == "," else ungrouped(cell)
    return number(plain) is not None or any(pattern.fullmatch(plain) for pattern in (LIMIT, RANGE))


def _no_value(cell: str) -> bool:
    return not cell or cell.lower() in LIKE_MISSING or nobody_knows(cell)


def _numeric(cells: pd.Series, decimal: str) -> bool:
    """Return whether nearly all cells that say something are numbers, and more than a few do."""
    written = [cell for cell in cells if not _no_value(cell)]
    return len(written) >= FEWEST and sum(_is_number(cell, decimal) for cell in written) >= 0.9 * len(written)
