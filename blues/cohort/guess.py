"""Guesses what a column is from its name and its cells; a person decides."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from blues.cohort.bookkeeping import bookkeeping, day_of
from blues.cohort.decode import LIKE_MISSING, LIMIT, RANGE, number, parts_thousands, plain, ungrouped
from blues.cohort.findings import quoted
from blues.cohort.identify import holds_dates
from blues.cohort.measures import holds_units, maybe_thousands, unread_numbers
from blues.cohort.schema import NO, YES
from blues.cohort.smells import smell_of, words_of
from blues.cohort.values import maybe_code, out_of_scale, suspicious_codes
from blues.cohort.words import letters, nobody_knows, says_yes

__all__ = ["ColumnGuess", "counts_files", "guess_column", "repeats", "with_missing"]

REMARKS = re.compile(
    r"bemerk\w*|anmerk\w*|kommentar\w*|notizen?|\w*freitext|remarks?|comments?|notes?|free ?text|remarques?|commentaires?|"
    r"observa(tions?|cion(es)?|cao|coes)|comentarios?|osservazion[ei]|comment[oi]|opmerking(en)?|uwagi"
)
BODY_MASS = (10, 80)
LONG = 20
"""Characters from which labels that hardly come back are sentences."""
ADVICE = {
    "person": "this may name a person: take it out of the file, or keep it as an identifier",
    "files": "this seems to count files: nothing that is known at admission",
    "outcome": "this looks like an outcome: outcome, target, or known at admission after all?",
    "leak": "this looks like a diagnosis or test result: target, leak, or known at admission after all?",
    "oxygen": "does this depend on a treatment that staff start? Then keep contingent, else take it out.",
}


@dataclass
class ColumnGuess:
    """A column's settings as they go into ``cohort.toml``, and what a person must decide about them."""

    settings: dict[str, Any]
    decide: list[str] = field(default_factory=list)


def guess_column(name: str, cells: Sequence[str], decimal: str = ".", separator: str = ",") -> ColumnGuess:
    """Guess role, kind, codes and missing codes of one column.

    Columns whose name smells of an outcome, a test result or a person are drafted as ``excluded`` (``identifier``) and
    predict nothing until somebody decides. A name that tells nothing does not keep its column from predicting.

    Examples
    --------
    >>> guess_column("CRP", ["3", "-99", "110", "61.5", "-99", "14", "8"]).settings
    {'role': 'blood', 'known': 'admission', 'kind': 'continuous', 'missing': [-99]}
    >>> guess_column("ICU", ["0", "1", "0"]).settings
    {'role': 'excluded', 'kind': 'binary'}
    """
    values = [cell.strip() for cell in cells if cell.strip()]
    distinct = sorted(set(values))
    if len(distinct) < 2:
        note = "no patient has a value" if not distinct else "the same in every patient"
        decide = [] if len(values) in (0, len(cells)) else ["one value and blanks: does a blank mean no?"]
        return ColumnGuess({"role": "excluded", "note": note}, decide)
    if holds_units(name, values):
        return ColumnGuess({"role": "excluded", "kind": "nominal", "note": "units of another column"})
    smell = _smell(name, values, decimal)
    role = {"person": "identifier", "blood": "blood", "oxygen": "clinical", "": "clinical"}.get(smell, "excluded")
    kept = bookkeeping(name, values, decimal) if role != "identifier" else None
    if kept is not None and (role != "excluded" or "note" in kept[0]):
        return ColumnGuess(kept[0], [kept[1]])
    kind, decide = _kind(values, distinct, decimal, role in ("clinical", "blood"))
    if kind.get("kind") == "nominal" and _is_prose(name, values):
        kind, decide = {"kind": "text"}, []
    settings: dict[str, Any] = {"role": role}
    if role in ("clinical", "blood"):
        settings["known"] = "admission"
        if kind.get("kind") == "text":
            dates = holds_dates(values)
            asked = "" if dates else unread_numbers(values, decimal, separator)
            prose = "dates" if dates else "free text"
            settings = {"role": "excluded", "note": "not plain numbers" if asked else prose}
            decide = [*decide, f"{asked}, then clinical or blood?"] if asked else decide
        elif smell == "oxygen":
            settings["contingent"] = "oxygen"
    settings |= kind
    return ColumnGuess(settings, _asked(name, cells, settings, smell, decide, decimal))


def counts_files(cells: Sequence[str], clips: Sequence[int]) -> ColumnGuess | None:
    """Return the draft of a column that holds the number of each patient's clips, whatever it is called; None of any other.

    Two in three of its cells are the number of clips found (six or more, three numbers or more), and so are half of those whose
    patient has not the commonest number. Clips may be lost, or pictures counted too.

    Parameters
    ----------
    cells : sequence of str
    clips : sequence of int
        How many clips were found of the patient of each cell.

    Examples
    --------
    >>> counts_files(list("305412"), [3, 0, 5, 4, 1, 2]).settings
    {'role': 'excluded', 'kind': 'continuous', 'note': 'the number of clips'}
    >>> counts_files(list("305412"), [12] * 6) is None
    True
    """
    pairs = [(cell.strip(), n) for cell, n in zip(cells, clips, strict=True) if cell.strip()]
    same = [n for cell, n in pairs if cell.isascii() and cell.isdecimal() and int(cell) == n]
    if len(same) < max(6, 2 / 3 * len(pairs)) or len(set(same)) < 3:
        return None
    usual = Counter(n for _, n in pairs).most_common(1)[0][0]
    if sum(n != usual for n in same) < 0.5 * sum(n != usual for _, n in pairs):
        return None
    told = f"equal to the number of clips of {len(same)} of {len(pairs)} patients"
    settings = {"role": "excluded", "kind": "continuous", "note": "the number of clips"}
    return ColumnGuess(settings, [f"{told}: {ADVICE['files']}"])


def _asked(
    name: str, cells: Sequence[str], settings: dict[str, Any], smell: str, decide: list[str], decimal: str
) -> list[str]:
    """Return all that is to be decided about a column, the weightiest first; a day in its name is when it is known."""
    values = [cell.strip() for cell in cells if cell.strip()]
    if settings.get("kind") == "continuous" and (odd := maybe_thousands(values, decimal)):
        decide = [
            *decide,
            f"is {odd} {odd.replace(',', '.')} or {re.sub('[.,]', '', odd)}? Take out signs of thousands.",
        ]
    if smell in ADVICE:
        decide = [ADVICE[smell], *decide]
    if "known" in settings and (day := day_of(name)) is not None:
        settings["known"] = "during_stay"
        decide = [f"does its name say day {day}?", *decide]
    blank = len(cells) - len(values)
    if blank >= 3 and blank >= 0.1 * len(cells):
        decide = [*decide, f"{blank} of {len(cells)} are blank: does a blank mean something?"]
    return decide


def repeats(binary: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return which columns of two values say the same as an earlier one, or the opposite, and in which words.

    Examples
    --------
    >>> repeats({"on_oxygen": ["1", "0", "1"], "room_air": ["0", "1", "0"]})
    {'room_air': 'the complement of on_oxygen'}
    """
    seen: dict[tuple[float | None, ...], str] = {}
    found = {}
    for name, cells in binary.items():
        values = tuple(_yes_or_no(cell.strip()) for cell in cells)
        if all(value is None for value in values):
            continue
        opposite = tuple(None if value is None else 1 - value for value in values)
        if values in seen:
            found[name] = f"the same as {seen[values]}"
        elif opposite in seen:
            found[name] = f"the complement of {seen[opposite]}"
        else:
            seen[values] = name
    return found


def _smell(name: str, values: Sequence[str], decimal: str) -> str:
    """Return what a column smells of; German ``IMC`` is a ward, and in Romance languages the body mass index."""
    words = words_of(name).split()
    rest = smell_of(" ".join(word for word in words if word != "imc"))
    masses = sum((n := number(value, decimal)) is not None and BODY_MASS[0] <= n <= BODY_MASS[1] for value in values)
    return rest if "imc" in words and masses >= 0.9 * len(values) else smell_of(name)


def _yes_or_no(cell: str) -> float | None:
    if cell.lower() in YES + NO:
        return float(cell.lower() in YES)
    return number(cell) if (said := says_yes(cell)) is None else float(said)


def _is_prose(name: str, values: Sequence[str]) -> bool:
    """Return whether labels are remarks: by the column's name, or because they are long and hardly come back."""
    words = [value for value in values if number(value) is None]
    if len(words) < 0.5 * len(values):
        return False
    rare = len(words) > 2 and len(set(words)) > 0.8 * len(words)
    return re.search(rf"(?<!\w)({REMARKS.pattern})(?!\w)", words_of(name)) is not None or (
        rare and sum(map(len, words)) >= LONG * len(words)
    )


def _kind(values: list[str], distinct: list[str], decimal: str, predicts: bool) -> tuple[dict[str, Any], list[str]]:
    """Return the settings that say how the cells are written, and what to decide about them.

    Where a column may predict, words such as "unbekannt" stand for missing; those of an outcome are asked about there.
    """
    numbers = {value: number(ungrouped(value), decimal) for value in distinct}
    words = [value for value in distinct if numbers[value] is None]
    blank_words = [
        word for word in words if word.lower() in LIKE_MISSING or (predicts and letters(word) and nobody_knows(word))
    ]
    odd = [word for word in words if word not in blank_words]
    said = all(word.lower() in YES + NO or (predicts and says_yes(word) is not None) for word in odd)
    if odd and said and all(n in (0, 1) for n in numbers.values() if n is not None):
        return with_missing({"kind": "binary"}, blank_words)
    numeric = [numbers[value] for value in values if numbers[value] is not None]
    if len(numeric) < 0.5 * len(values):
        return _words_kind(values, distinct, blank_words)
    codes = suspicious_codes([n for n in numeric if n is not None])
    settings, decide = with_missing({}, [*codes, *blank_words])
    plain_numbers = sorted({n for n in numeric if n is not None and n not in codes})
    if not odd and set(plain_numbers) <= {0.0, 1.0}:
        return {"kind": "binary"} | settings, ["is 1 yes?", *decide]
    if not odd and len(plain_numbers) == 2 and len(values) > 4:
        low, high = (plain(n) for n in plain_numbers)
        return {"kind": "binary", "codes": {low: "no", high: "yes"}} | settings, [
            f"which of {low} and {high} is yes?",
            *decide,
        ]
    if (
        not odd
        and len(plain_numbers) <= 6
        and len(values) >= 4 * len(plain_numbers)
        and all(n == int(n) for n in plain_numbers)
    ):
        shown = ", ".join(plain(n) for n in plain_numbers)
        return {"kind": "nominal"} | settings, [f"few values ({shown}): codes, ordinal grades or numbers?", *decide]
    asked = []
    for sign in ("," if decimal == "." else ".", " "):
        parted = [word for word in odd if parts_thousands(word, sign)]
        asked += _may_part(parted, sign)
        odd = [word for word in odd if word not in parted]
    asked += _doubtful([n for n in numeric if n is not None and n not in codes])
    settings, decide = _with_rules({"kind": "continuous"} | settings, decide, odd)
    return settings, [*decide, *asked]


def _doubtful(numbers: list[float]) -> list[str]:
    """Return the questions about measurements that may be codes, or lack their decimal sign."""
    asked = []
    if (code := maybe_code(numbers)) is not None:
        asked.append(f"{plain(code)} comes back {numbers.count(code)} times: a value, or a code for missing?")
    far, others = out_of_scale(numbers)
    if far:
        shown = ", ".join(map(plain, far[:4])) + ", ..." * (len(far) > 4)
        asked.append(f"{shown}, where the others lie {others}: is a decimal sign lost, or the unit another one?")
    return asked


def with_missing(settings: dict[str, Any], codes: list[Any]) -> tuple[dict[str, Any], list[str]]:
    """Return settings in which codes stand for missing, and the question whether they do."""
    if not codes:
        return settings, []
    shown = ", ".join(map(str, codes))
    return settings | {"missing": codes}, [
        f"do {shown} stand for missing?" if len(codes) > 1 else f"does {shown} stand for missing?"
    ]


def _may_part(numbers: list[str], sign: str) -> list[str]:
    """Return the question about numbers whose thousands a sign may part."""
    shown = ", ".join(map(quoted, numbers[:4])) + " and more" * (len(numbers) > 4)
    what = "does a blank part thousands, or two numbers," if sign == " " else f"does {sign!r} part thousands"
    return [f"{what} in {shown}? Without a value until it is taken out of them in the table."] if numbers else []


def _with_rules(settings: dict[str, Any], decide: list[str], odd: list[str]) -> tuple[dict[str, Any], list[str]]:
    for rule, value, pattern in (("ranges_as", "midpoint", RANGE), ("limits_as", "limit", LIMIT)):
        fitting = [word for word in odd if pattern.fullmatch(ungrouped(word).replace(",", "."))]
        if fitting:
            settings = settings | {rule: value}
            decide = [*decide, f"may {quoted(fitting[0])} be read so?"]
            odd = [word for word in odd if word not in fitting]
    if odd:
        decide = [*decide, f"text among numbers is read as missing: {', '.join(map(quoted, odd[:4]))}"]
    return settings, decide


def _words_kind(values: list[str], distinct: list[str], blank_words: list[str]) -> tuple[dict[str, Any], list[str]]:
    labels = [value for value in distinct if value not in blank_words]
    if len(labels) > max(8, len(values) // 4):
        return {"kind": "text"}, []
    settings, decide = with_missing({"kind": "nominal"}, list(blank_words))
    return settings, [f"are these the labels: {', '.join(labels[:8])}?", *decide]
