"""In which order the rounds of a study were read, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["by_letters", "plain", "round_order"]


def plain(name: Any) -> str:
    """Return a column's name in small letters, with low lines for blanks and hyphens."""
    return re.sub(r"[\s-]+", "_", str(name).strip().lower())


def round_order(rounds: Iterable[Any]) -> list[Any]:
    """Return rounds in order: numbers and dates by their size, names by the number in them or by what their words say.

    A name such as *baseline* comes before others; names that say nothing of their order go by their letters. Dates are read
    year first, or as day.month.year.

    Examples
    --------
    >>> round_order([2, 1]), round_order(["T10", "T2"]), round_order(["retest", "test"])
    ([1, 2], ['T2', 'T10'], ['test', 'retest'])
    >>> round_order(["week 10", "week 4", "baseline"])
    ['baseline', 'week 4', 'week 10']
    """
    return _in_order(list(dict.fromkeys(rounds)))[0]


def by_letters(rounds: Iterable[Any]) -> bool:
    """Return whether nothing but the letters of their names puts rounds in order.

    Examples
    --------
    >>> by_letters(["morning", "evening"]), by_letters(["test", "retest"])
    (True, False)
    """
    return not _in_order(list(dict.fromkeys(rounds)))[1]


def _in_order(found: list[Any]) -> tuple[list[Any], bool]:
    """Return rounds in order, and whether their names say it."""
    if not any(isinstance(one, str) for one in found):
        return sorted(found), True
    ways: list[list[Any]] = [[key(str(one)) for one in found] for key in (_number, _date, _numbered)]
    ways += [[_place(str(one), words) for one in found] for words in _ROUNDS]
    for keys in ways:
        named = [key[0] for key in keys if isinstance(key, tuple) and isinstance(key[0], str)]
        if None not in keys and len(set(keys)) == len(found) and len(set(named)) < 2:
            return [one for _, one in sorted(zip(keys, found, strict=True), key=lambda pair: pair[0])], True
    begins = [one for one in found if _place(str(one), _BEGINNING) is not None]
    if len(begins) == 1 and len(found) > 1:
        rest, known = _in_order([one for one in found if one is not begins[0]])
        return begins + rest, known
    return sorted(found, key=str), len(found) < 2


def _number(name: str) -> float | None:
    try:
        return float(name)
    except ValueError:
        return None


def _date(name: str) -> tuple[int, ...] | None:
    if match := re.match(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", name):
        return tuple(map(int, match.groups()))
    if match := re.match(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", name):
        return tuple(map(int, match.groups()[::-1]))
    return None


def _numbered(name: str) -> tuple[str, float] | None:
    """Return what a name with one number says besides it, and the number: of 1st, 2nd and 10th the same."""
    parts = re.split(r"(\d+(?:\.\d+)?)", _ORDINAL.sub(r"\1", plain(name)))
    return (parts[0] + "#" + parts[2], float(parts[1])) if len(parts) == 3 else None


def _place(name: str, words: Sequence[str]) -> int | None:
    """Return which of the words a name is, or holds as its one word of them."""
    whole = re.sub(r"[^a-z]", "", name.lower())
    if whole in words:
        return words.index(whole)
    held = [words.index(part) for part in re.split(r"[^a-z]+", plain(name)) if part in words]
    return held[0] if len(held) == 1 else None


_ORDINAL = re.compile(r"(\d)(?:st|nd|rd|th|er|[eè]re|nde|[eè]me|e|[ºª°])(?![^\W\d_])")
"""A number with the letters of an order behind it."""
_BEGINNING = ("baseline", "initial", "first", "original", "pre", "before", "test", "start")
_ROUNDS = (
    ("test", "retest"),
    ("pretest", "posttest"),
    ("pre", "post"),
    ("before", "after"),
    ("baseline", "followup"),
    ("baseline", "follow"),
    ("initial", "repeat"),
    ("original", "repeat"),
    ("first", "second", "third", "fourth"),
    ("one", "two", "three", "four"),
    ("i", "ii", "iii", "iv"),
    ("a", "b", "c", "d"),
)
