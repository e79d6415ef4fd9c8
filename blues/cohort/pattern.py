"""Guesses from clips' names which part is the patient, which the point, which the take."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from blues.cohort.tables import canonical_id, natural_key

__all__ = ["NamePattern", "guess_pattern"]

SEPARATORS = ("_-/", "_-/. ")  # the second only where the first leaves the names whole
MOST_POINTS = 28
COPY = re.compile(r" ?\(\d+\)$")
_MARK = "\x00"
"""Stands for an id in a name; in no file's name."""


@dataclass(frozen=True)
class NamePattern:
    """A guessed pattern, the points it found, and how many of the names it reads."""

    pattern: str
    points: tuple[str, ...]
    read: int


def guess_pattern(names: Sequence[str], ids: Collection[str], id_kind: str) -> NamePattern | None:
    r"""Guess a pattern for clips' names.

    Parameters
    ----------
    names : sequence of str
        Paths below the clips folder without suffix.
    ids : collection of str
        The patients' ids, canonical.
    id_kind : {"integer", "text"}

    Returns
    -------
    NamePattern or None
        None where no part of the names holds the patients' ids.

    Examples
    --------
    >>> guess = guess_pattern(["p01_R1", "p01_L1", "p02_R1", "p02_L1", "p02_L1_2"], ["1", "2"], "integer")
    >>> guess.pattern, guess.points
    ('p(?P<patient>\\d+)_(?P<point>L1|R1)(?:_(?P<take>\\d+))?', ('L1', 'R1'))
    """
    if not names:
        return None
    plain = [COPY.sub("", name) for name in names]
    if plain != list(names) and (found := guess_pattern(plain, ids, id_kind)) is not None:
        return _with_copies(found, names)
    found = _guess(names, ids, id_kind)
    return found if found is not None or id_kind == "integer" else _guess_around(names, ids)


def _with_copies(found: NamePattern, names: Sequence[str]) -> NamePattern:
    """Let a pattern read the number that systems write behind a name that is there already: ``R1 (2)`` is another take of R1.

    Where ``R1 (1)`` lies beside ``R1`` it would be the same take, and stays unread.
    """
    if "(?P<take>" in found.pattern:
        return replace(found, read=sum(re.fullmatch(found.pattern, name) is not None for name in names))
    first = any(COPY.sub("", name) in set(names) for name in names if re.search(r"\(0*1\)$", name))
    pattern = found.pattern + rf"(?: ?\((?P<take>{'0*[2-9]|[1-9][0-9]+' if first else '[0-9]+'})\))?"
    return NamePattern(pattern, found.points, sum(re.fullmatch(pattern, name) is not None for name in names))


def _guess_around(names: Sequence[str], ids: Collection[str]) -> NamePattern | None:
    """Guess where ids hold separators themselves, such as ``S-001``: they are taken out of the names first."""
    signs = re.escape(SEPARATORS[1])
    parts = {tuple(re.split(f"([{signs}]+)", one)[1::2]) for one in ids}
    if parts == {()}:
        return None
    known = "|".join(map(re.escape, sorted(ids, key=lambda one: (-len(one), one))))
    marked = [re.sub(rf"(?<![^\W_])(?:{known})(?![^\W_])", _MARK, name, count=1) for name in names]
    found = _guess(marked, {_MARK}, "text")
    if found is None:
        return None
    plain = f"[^{signs}]+"
    inside = plain + "".join(_escape(sign) + plain for sign in parts.pop()) if len(parts) == 1 else known
    pattern = re.sub(r"\(\?P<patient>\[\^(?:\\.|[^\]])*\]\+\)", lambda _: f"(?P<patient>{inside})", found.pattern)
    return NamePattern(pattern, found.points, sum(re.fullmatch(pattern, name) is not None for name in names))


def _guess(names: Sequence[str], ids: Collection[str], id_kind: str) -> NamePattern | None:
    signs = next((s for s in SEPARATORS if any(set(name) & set(s) for name in names)), SEPARATORS[0])
    split = [re.split(f"([{re.escape(signs)}]+)", name) for name in names]
    usual = Counter(map(len, split)).most_common(1)[0][0]
    rows = [parts for parts in split if len(parts) == usual]
    columns = [[row[i] for row in rows] for i in range(usual)]
    found = _patient_field(columns, set(ids), id_kind, signs)
    if found is None:
        return None
    position, group = found
    variable = [i for i in range(0, usual, 2) if i != position and len(set(columns[i])) > 1]
    point = _point_field(columns, variable)
    points = tuple(sorted(set(columns[point]), key=natural_key)) if point is not None else ()
    take = next((i for i in variable if i != point and all(v.isdigit() for v in columns[i])), None)
    pattern = ""
    for i, values in enumerate(columns):
        if i == position:
            pattern += group
        elif i == point:
            pattern += f"(?P<point>{'|'.join(map(_escape, sorted(points, key=lambda p: -len(p))))})"
        elif i == take:
            pattern += r"(?P<take>\d+)"
        else:
            pattern += _literal(values, signs)
    if take is None:
        pattern += _optional_take(split, usual)
    return NamePattern(pattern, points, sum(re.fullmatch(pattern, name) is not None for name in names))


def _patient_field(columns: list[list[str]], ids: set[str], id_kind: str, signs: str) -> tuple[int, str] | None:
    """Return the field that holds most of the ids and the group that reads it."""
    best: tuple[int, int, str] | None = None
    for i in range(0, len(columns), 2):
        prefix = _common_letters(columns[i])
        for start in dict.fromkeys([prefix, ""]):
            values = {canonical_id(value.removeprefix(start), id_kind) for value in columns[i]}
            met = len(values & ids)
            inside = r"\d+" if id_kind == "integer" else f"[^{re.escape(signs)}]+"
            if met >= max(min(2, len(ids)), len(values) / 2) and (best is None or met > best[0]):
                best = (met, i, f"{_escape(start)}(?P<patient>{inside})")
    return None if best is None else best[1:]


def _common_letters(values: list[str]) -> str:
    found = {re.match(r"[A-Za-z]*", value).group() for value in values}  # type: ignore[union-attr]
    return found.pop() if len(found) == 1 else ""


def _point_field(columns: list[list[str]], variable: list[int]) -> int | None:
    """Return the field with few values that come back: words before plain numbers, which may be takes."""
    candidates = [
        (all(value.isdigit() for value in columns[i]), len(set(columns[i])), i)
        for i in variable
        if len(set(columns[i])) <= min(MOST_POINTS, max(len(columns[i]) // 2, 2))
    ]
    return min(candidates)[2] if candidates else None


def _literal(values: list[str], signs: str) -> str:
    distinct = sorted(set(values))
    if len(distinct) == 1:
        return _escape(distinct[0])
    return f"[{re.escape(signs)}]+" if set(distinct[0]) <= set(signs) else f"[^{re.escape(signs)}]+"


def _optional_take(split: list[list[str]], usual: int) -> str:
    ends = {parts[-2] for parts in split if len(parts) == usual + 2 and parts[-1].isdigit()}
    return rf"(?:{_escape(min(ends))}(?P<take>\d+))?" if ends else ""


def _escape(text: str) -> str:
    return re.escape(text).replace(r"\-", "-").replace(r"\ ", " ")
