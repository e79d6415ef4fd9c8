"""In which order the rounds of a study were read, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

__all__ = ["plain", "round_order"]


def plain(name: Any) -> str:
    """Return a column's name in small letters, with low lines for blanks and hyphens."""
    return re.sub(r"[\s-]+", "_", str(name).strip().lower())


def round_order(rounds: Iterable[Any]) -> list[Any]:
    """Return rounds in order: by the number in names that differ in nothing else, by what their words say, else by letters.

    Dates written year first are in order by their letters; a name such as *baseline* comes before others.

    Examples
    --------
    >>> round_order([2, 1]), round_order(["T10", "T2"]), round_order(["retest", "test"]), round_order(["week 4", "baseline"])
    ([1, 2], ['T2', 'T10'], ['test', 'retest'], ['baseline', 'week 4'])
    """
    found = list(dict.fromkeys(rounds))
    if not any(isinstance(one, str) for one in found):
        return sorted(found)
    names = [plain(one) for one in found]
    rests = {re.sub(r"[+-]?\d+(\.\d+)?", "#", name) for name in names}
    if len(rests) == 1 and next(iter(rests)).count("#") == 1:
        return sorted(found, key=lambda one: float(_numbers_in(one)[0]))
    for words in _ROUNDS:
        said = [[words.index(part) for part in re.split(r"[^a-z]+", name) if part in words] for name in names]
        if all(len(one) == 1 for one in said) and len({one[0] for one in said}) == len(found):
            return sorted(found, key=lambda one: said[found.index(one)][0])
    start = [any(part in _BEGINNING for part in re.split(r"[^a-z]+", name)) for name in names]
    return [
        one
        for _, one in sorted(zip([not s for s in start], found, strict=True), key=lambda pair: (pair[0], str(pair[1])))
    ]


def _numbers_in(name: Any) -> list[str]:
    return re.findall(r"[+-]?\d+(?:\.\d+)?", str(name))


_BEGINNING = ("baseline", "initial", "first", "original", "pre", "before", "test", "start")
_ROUNDS = (
    ("test", "retest"),
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
