"""Guesses from clips' names which part is the patient, which the point, which the take."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from blues.cohort.identify import is_patient_name
from blues.cohort.tables import canonical_id, natural_key
from blues.cohort.words import unaccented

__all__ = ["POINT", "NamePattern", "guess_pattern"]

SEPARATORS = ("_-/", "_-/. ")  # the second only where the first leaves the names whole
MOST_POINTS = 28
COPY = re.compile(r" ?\(\d+\)$")
_MARK = "\x00"
"""Stands for an id in a name; in no file's name."""
_DAY = "\x01"
"""Stands for a date in a name."""
_Y, _M, _D = r"(?:19|20)\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
DATE = re.compile(
    rf"(?<!\d)(?:{_Y}([-_.]?){_M}\1{_D}|{_D}([-_.]){_M}\2{_Y}|{_Y}[-_.]{_M})(?:[-_T ](?:\d{{6}}|\d\d([-_.])\d\d\3\d\d))?(?!\d)"
)
POINT = "point|punkt|punt|zon[ae]?|region|quadrant|site|position|location|view|place|segment|sector"
"""Words for a point, in names of clips and of columns."""
POINT_WORDS = re.compile(rf"(lus)?({POINT}|[rlzq])", re.IGNORECASE)
_SIDE = (
    r"[rl]|right|left|re(chts?)?|li(nks?)?|droite?|gauche|derech[oa]|izquierd[oa]|direit[oa]|esquerd[oa]|destr[oa]|sinistr[oa]|"
    r"upper|lower|mid(dle)?|oben|unten|mitte|vorne?|hinten|seitlich|ant(erior)?|post(erior)?|lat(eral)?|sup(erior)?|inf(erior)?|"
    r"ape?x|apical|bas(e|al|is)|front|back|side"
)
_NUMBERED = rf"{POINT_WORDS.pattern}[ -]?"
KNOWN_POINT = re.compile(
    rf"({_NUMBERED})?\d{{0,2}}(?!lus)[rl][uamlpsi]{{0,2}}\d{{0,2}}|{_NUMBERED}\d{{1,2}}|({_SIDE})([ -]?({_SIDE}|\d))*"
)
"""What points are called: ``R1``, ``zone 3``, ``RUL``, ``rechts``, ``posterior left``; matched in small letters."""


@dataclass(frozen=True)
class NamePattern:
    """A guessed pattern, the points it found, how many of the names it reads, and what else it could be."""

    pattern: str
    points: tuple[str, ...]
    read: int
    doubt: str = ""


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
    found = _guess_any(names, ids, id_kind)
    if found is None or found.doubt or (same := _one_take(found.pattern, names)) is None:
        return found
    doubt = (
        f"{same[0]!r} and {same[1]!r} are read as the same take, and one take cannot have two clips: let the pattern "
        "read what tells them apart, or one of them alone."
    )
    return replace(found, doubt=doubt)


def _guess_any(names: Sequence[str], ids: Collection[str], id_kind: str) -> NamePattern | None:
    """Guess a pattern for names with numbers of copies, with dates, or as they are."""
    if not names:
        return None
    plain = [COPY.sub("", name) for name in names]
    if plain != list(names) and (found := _guess_any(plain, ids, id_kind)) is not None:
        return _with_copies(found, names)
    undated = [DATE.sub(lambda day: day[0] if _names_one(day[0], ids, id_kind) else _DAY, name) for name in names]
    if undated != list(names) and (found := _guess_any(undated, ids, id_kind)) is not None:
        return _with_dates(found, names)
    found = _guess(names, ids, id_kind)
    return found if found is not None or id_kind == "integer" else _guess_around(names, ids)


def _names_one(text: str, ids: Collection[str], id_kind: str) -> bool:
    return canonical_id(text, id_kind) in ids or any(text in one for one in ids)


def _with_dates(found: NamePattern, names: Sequence[str]) -> NamePattern:
    """Let a pattern read dates; one in digits is the take where it alone tells clips of one patient and point apart."""
    days = [day[0] for name in names if (day := DATE.search(name))]
    shapes = dict.fromkeys(re.sub(r"(?:\\d)+", _times, re.sub(r"\d", r"\\d", _escape(day))) for day in days)
    shape = "|".join(shapes)
    pattern = found.pattern.replace(_DAY, f"(?:{shape})" if len(shapes) > 1 else shape)
    doubt = found.doubt.replace(_DAY, days[-1])
    if (same := _one_take(pattern, names)) is not None:
        doubt = f"{same[0]!r} and {same[1]!r} differ in the date alone, "
        if found.pattern.count(_DAY) == 1 and "(?P<take>" not in pattern and all(map(str.isdigit, days)):
            pattern = found.pattern.replace(_DAY, rf"(?P<take>{shape})")
            doubt += "which is read as the take: is it one?"
        else:
            doubt += "and one take cannot have two clips: let the pattern read one of the dates, or name the takes."
    return NamePattern(pattern, found.points, sum(re.fullmatch(pattern, name) is not None for name in names), doubt)


def _one_take(pattern: str, names: Sequence[str]) -> tuple[str, str] | None:
    """Return the first two names that a pattern with points or takes reads as the same take."""
    seen: dict[tuple[str, str, int], str] = {}
    for name in names:
        match = re.fullmatch(pattern, name)
        if match is not None and {"point", "take"} & (parts := match.groupdict()).keys():
            digits = re.sub(r"\D", "", parts.get("take") or "1")
            first = seen.setdefault((parts["patient"], parts.get("point") or "", int(digits)), name)
            if first != name:
                return first, name
    return None


def _times(digits: re.Match[str]) -> str:
    n = len(digits[0]) // 2
    return digits[0] if n < 3 else rf"\d{{{n}}}"


def _with_copies(found: NamePattern, names: Sequence[str]) -> NamePattern:
    """Let a pattern read the number that systems write behind a name that is there already: ``R1 (2)`` is another take of R1.

    Where ``R1 (1)`` lies beside ``R1`` it would be the same take, and stays unread.
    """
    if "(?P<take>" in found.pattern:
        return replace(found, read=sum(re.fullmatch(found.pattern, name) is not None for name in names))
    first = any(COPY.sub("", name) in set(names) for name in names if re.search(r"\(0*1\)$", name))
    pattern = found.pattern + rf"(?: ?\((?P<take>{'0*[2-9]|[1-9][0-9]+' if first else '[0-9]+'})\))?"
    return replace(found, pattern=pattern, read=sum(re.fullmatch(pattern, name) is not None for name in names))


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
    read = sum(re.fullmatch(pattern, name) is not None for name in names)
    return replace(found, pattern=pattern, read=read, doubt=found.doubt.replace(_MARK, next(iter(ids))))


def _guess(names: Sequence[str], ids: Collection[str], id_kind: str) -> NamePattern | None:
    signs = next((s for s in SEPARATORS if any(set(name) & set(s) for name in names)), SEPARATORS[0])
    split = [re.split(f"([{re.escape(signs)}]+)", name) for name in names]
    usual = Counter(map(len, split)).most_common(1)[0][0]
    rows = [parts for parts in split if len(parts) == usual]
    columns = [[row[i] for row in rows] for i in range(usual)]
    found = _patient_field(columns, set(ids), id_kind, signs)
    if found is None:
        return None
    position, group, other = found
    variable = [i for i in range(0, usual, 2) if i != position and len(set(columns[i])) > 1]
    point = _point_field(columns, variable, columns[position])
    take = next(
        (i for i in variable if i != point and all(map(str.isdigit, columns[i])) and not _are_years(columns[i])), None
    )
    span = range(0) if point is None else _joined(columns, [i for i in variable if i != take], point, (position, take))
    points = tuple(sorted(set(_texts(columns, span)), key=natural_key)) if span else ()
    pattern = ""
    for i, values in enumerate(columns):
        if i == position:
            pattern += group
        elif span and i == span[0]:
            pattern += f"(?P<point>{'|'.join(map(_escape, sorted(points, key=lambda p: -len(p))))})"
        elif i in span:
            continue
        elif i == take:
            pattern += r"(?P<take>\d+)"
        else:
            pattern += _literal(values, signs)
    if take is None:
        pattern += _optional_take(split, usual)
    if isinstance(other, int):
        other = f"could part {other // 2 + 1} of names such as {''.join(rows[-1])!r} be the patient?"
    return NamePattern(pattern, points, sum(re.fullmatch(pattern, name) is not None for name in names), other)


def _texts(columns: list[list[str]], span: range) -> list[str]:
    """Return what each name holds in neighbouring fields, with the signs between them."""
    return ["".join(parts) for parts in zip(*(columns[i] for i in span), strict=True)]


def _joined(columns: list[list[str]], words: list[int], point: int, others: tuple[int, int | None]) -> range:
    """Return the fields of the point: with neighbours of letters alone where these tell clips apart (``rechts_oben``)."""
    keys = [columns[i] for i in others if i is not None]

    def apart(span: range) -> int:
        return len(set(zip(_texts(columns, span), *keys, strict=True)))

    span, names = range(point, point + 1), len(set(zip(*columns, strict=True)))
    told = apart(span)
    plain = {i for i in words if all(value.isalpha() for value in columns[i])}
    while point in plain and apart(span) < names:
        wider = [range(span[0] - 2, span[-1] + 1)] * (span[0] - 2 in plain)
        wider += [range(span[0], span[-1] + 3)] * (span[-1] + 2 in plain)
        wider = [one for one in wider if apart(one) > told and len(set(_texts(columns, one))) <= MOST_POINTS]
        if not wider:
            break
        span = max(wider, key=apart)
        told = apart(span)
    return span


def _patient_field(
    columns: list[list[str]], ids: set[str], id_kind: str, signs: str
) -> tuple[int, str, int | str] | None:
    """Return the field that holds most of the ids and little else, the group that reads it, and another that may be meant.

    Numbers of points are ids too where patients are few: letters in front of them tell (``zone3``, ``P3``). In place of
    another field there may be a question about the one that was found, or nothing ("").
    """
    found: list[tuple[bool, float, bool, int, int, str]] = []
    told: dict[int, list[str | None]] = {}
    for i in range(0, len(columns), 2):
        prefix = _common_letters(columns[i])
        for start in dict.fromkeys([prefix, ""]):
            values = {canonical_id(value.removeprefix(start), id_kind) for value in columns[i]}
            met = len(values & ids)
            inside = r"\d+" if id_kind == "integer" else f"[^{re.escape(signs)}]+"
            if met >= max(min(2, len(ids)), len(values) / 2):
                point = POINT_WORDS.fullmatch(start) is not None
                rank = (not point, met * met / len(values), start.lower() == "p" or is_patient_name(start), -i)
                told.setdefault(i, [canonical_id(value.removeprefix(start), id_kind) for value in columns[i]])
                found.append((*rank, met, f"{_escape(start)}(?P<patient>{inside})"))
    if not found:
        return None
    *_, where, met, group = max(found, key=lambda one: one[:4])
    like = [one for one in found if one[0] and one[4] >= 0.8 * met and told[-one[3]] != told[-where]]
    if like:
        return -where, group, -max(like)[3]
    rival = _rival(columns, -where)
    return -where, group, _beyond(set(told[-where]), ids) if rival is None else rival


def _rival(columns: list[list[str]], where: int) -> int | None:
    """Return a field of numbers that are no ids and yet may be the patient's: called so, or before the ids and as many."""
    if _called_patient(columns, where):
        return None
    many = len(set(columns[where]))
    for i in range(0, len(columns), 2):
        start = _common_letters(columns[i])
        bare = [value.removeprefix(start) for value in columns[i]]
        if i == where or POINT_WORDS.fullmatch(start) or not all(map(str.isdigit, bare)) or _are_years(bare):
            continue
        if _called_patient(columns, i) or (i < where and len(set(bare)) >= 0.8 * many):
            return i
    return None


def _called_patient(columns: list[list[str]], i: int) -> bool:
    """Return whether letters before a number, in its field or in the one before, say that it is a patient's."""
    words = {_common_letters(columns[i])} | (set(columns[i - 2]) if i >= 2 and len(set(columns[i - 2])) == 1 else set())
    return any(word.lower() == "p" or is_patient_name(word) for word in words)


def _beyond(values: set[str | None], ids: set[str]) -> str:
    """Return a question where a quarter of the numbers or names read as patients are none of the table."""
    strange = sorted((value for value in values - ids if value is not None), key=natural_key)
    if len(strange) < max(3, 0.25 * len(values)):
        return ""
    return (
        f"{len(strange)} of {len(values)} patients so read, such as {strange[0]!r}, are not in the table: "
        "does this part of the names say who it is?"
    )


def _are_years(values: list[str]) -> bool:
    return all(re.fullmatch(_Y, value) for value in values)


def _common_letters(values: list[str]) -> str:
    found = {re.match(r"[A-Za-z]*", value).group() for value in values}  # type: ignore[union-attr]
    return found.pop() if len(found) == 1 else ""


def _point_field(columns: list[list[str]], variable: list[int], patients: list[str]) -> int | None:
    """Return the field with few values that come back: known names before others, words before numbers, which may be takes.

    A field that is the same in all clips of each patient is none, where patients have several clips.
    """
    several = len(set(patients)) < len(patients)
    candidates = []
    for i in variable:
        values = set(columns[i])
        known = all(KNOWN_POINT.fullmatch(unaccented(value).casefold()) for value in values)
        same = several and len(set(zip(patients, columns[i], strict=True))) == len(set(patients))
        if len(values) <= min(MOST_POINTS, max(len(columns[i]) // 2, 2)) and (known or not same):
            candidates.append((not known, all(map(str.isdigit, values)), len(values), i))
    return min(candidates)[-1] if candidates else None


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
