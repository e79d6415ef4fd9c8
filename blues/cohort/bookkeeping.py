"""Recognises columns that say nothing of a patient's state: further ids, running numbers, dates in digits, years."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from blues.cohort.decode import number
from blues.cohort.identify import DATE_NAMES, is_patient_name
from blues.cohort.smells import smell_of, words_of
from blues.cohort.words import unaccented

__all__ = ["bookkeeping", "day_of"]

FEWEST = 5
"""Values from which unlike ones are ids by their column's name."""
RUNNING = 8
"""Values from which ones that count up with the rows are a running number."""
NUMBERED = re.compile(
    r"lfd( nr)?|lauf(ende)? ?(nr|nummer)|(row|line)( \w+)?|zeile|index|unnamed( \d+)?|n[or]|num(ber)?|nummer|numero|piz|"
    r"\w*nummer|([a-z]+\d* )*(id|nr|code)"
)
YEAR = re.compile(r"(\w+ )*(year|jahr|annee|ano|anno|jaar|year of \w+|\w*jahr)")
SERIALS = (36526, 51501)
"""Days of the years 2000 to 2040 as spreadsheets count them."""
DIGITS = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
DAY = re.compile(r"(?<!\w)(?:d|day|tag|jour|j|dia|giorno|dag) ?0*([2-9]|[1-9]\d)(?!\w)")
NO_DAY = re.compile(r"(?<!\w)(vit(amin)?|oh|25|1 25|calc\w*|cholecalc\w*)(?!\w)")
"""Names in which ``D3`` is the vitamin."""


def bookkeeping(name: str, values: Sequence[str], decimal: str) -> tuple[dict[str, Any], str] | None:
    """Return the settings of a column of whole numbers that keeps books, and what to ask; None for any other column.

    Parameters
    ----------
    name : str
    values : sequence of str
        The cells that are not blank, in the rows' order.
    decimal : str
        The decimal sign.

    Examples
    --------
    >>> bookkeeping("Fallnummer", ["711", "402", "943", "118", "560"], ".")[0]
    {'role': 'identifier'}
    >>> bookkeeping("arrived", ["44256", "44198", "44301", "44399", "44210"], ".")[0]
    {'role': 'excluded', 'note': 'dates in digits'}
    >>> bookkeeping("age", ["61", "40", "55", "61", "70"], ".") is None
    True
    """
    numbers = [n for value in values if (n := number(value, decimal)) is not None]
    if len(numbers) < len(values) or len(set(numbers)) < 2:
        return None
    words = words_of(name)
    if _are_dates(name, values, numbers):
        asked = "these look like dates, a spreadsheet's days or digits: of what? No date predicts as a number."
        return {"role": "excluded", "note": "dates in digits"}, asked
    if any(n != int(n) for n in numbers):
        return None
    if YEAR.fullmatch(unaccented(words)) and all(1900 <= n <= 2100 for n in numbers):
        return {"role": "excluded", "note": "a year"}, "a year of what? It may tell when, not how ill, somebody was."
    unlike = len(numbers) >= FEWEST and len(set(numbers)) >= 0.9 * len(numbers)
    if unlike and (is_patient_name(name) or NUMBERED.fullmatch(words)):
        return {"role": "identifier"}, "this seems to number patients, stays or rows: is it a further id?"
    if _counts_up(numbers):
        return {"role": "identifier"}, "this counts up with the rows: is it a running number?"
    return None


def _are_dates(name: str, values: Sequence[str], numbers: Sequence[float]) -> bool:
    """Return whether all numbers are days of this century, with hours where the name says date."""
    if all(DIGITS.fullmatch(value) for value in values):
        return True
    named = any(DATE_NAMES.fullmatch(word) for word in words_of(name).split())
    whole = all(n == int(n) for n in numbers) and len(numbers) >= FEWEST and smell_of(name) != "blood"
    return (named or whole) and all(SERIALS[0] <= n < SERIALS[1] for n in numbers)


def _counts_up(numbers: Sequence[float]) -> bool:
    """Return whether numbers run from 0, 1 or a thousand and more: each above that of the row before, hardly one left out."""
    if numbers[0] not in (0, 1) and numbers[0] < 1000:
        return False
    up = all(one < after for one, after in zip(numbers, numbers[1:], strict=False))
    return up and len(numbers) >= RUNNING and numbers[-1] - numbers[0] < 1.25 * len(numbers)


def day_of(name: str) -> int | None:
    """Return the day of the stay that a column's name tells, from the second on.

    Examples
    --------
    >>> day_of("CRP_d3"), day_of("CRP Tag 5"), day_of("CRP"), day_of("Vitamin D3"), day_of("CD4"), day_of("D-Dimer")
    (3, 5, None, None, None, None)
    """
    words = words_of(name)
    found = DAY.search(words)
    return int(found[1]) if found is not None and not NO_DAY.search(words) else None
