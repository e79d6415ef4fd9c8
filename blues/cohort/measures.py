"""Recognises columns that hold the units of another one, and numbers that may hold signs of thousands."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import pandas as pd

from blues.cohort.decode import LIKE_MISSING, parts_thousands
from blues.cohort.findings import quoted
from blues.cohort.words import unaccented

__all__ = ["holds_units", "maybe_thousands", "mixed_units", "unread_numbers"]

UNIT_WORD = r"einheit(?:en)?|units?|unites?|unidad(?:es)?|unita|eenheid|enhet|enhed|jednostka|uom"
_ATOM = (
    r"(?:[munpfkcdµμ]|mc)?(?:gm?|mol|l|eq|i\.?u\.?|ie|ui|u|m|s|pa|osm|kat)|mm ?hg|cm ?h2o|torr|° ?[cf]|bpm|%|‰|min|h|d|[gt]pt|"
    r"[mc]?m[23²³]|log|copies|cells|zellen"
)
_POWER = r"(?:[x×*]? ?10 ?(?:\^|\*\*?|e) ?\d+|10[²³⁶⁹]) ?"  # another number in front makes a measurement of it
UNIT = re.compile(rf"(?:{_POWER})?(?:{_ATOM})?(?: ?(?:/|per|pro) ?(?:{_POWER}|\d+ ?)?(?:{_ATOM}))*", re.IGNORECASE)


def holds_units(name: str, cells: Collection[str]) -> bool:
    """Return whether all cells are units of measurement and their signs, or the column's name, say so.

    Examples
    --------
    >>> holds_units("CRP unit", ["mg/l", "mg/dl", ""]), holds_units("Einheit", ["g", "kg"]), holds_units("sex", ["m", "f"])
    (True, True, False)
    >>> holds_units("LVEF", ["55 %", "60 %"]), holds_units("WBC", ["10^9/l", "/nl"]), holds_units("immunity", ["l", "m", "h"])
    (False, True, False)
    """
    found = {cell.strip() for cell in cells if cell.strip() and cell.strip().lower() not in LIKE_MISSING}
    if not found or not all(UNIT.fullmatch(cell) and re.search(r"[^\W\d]|[%‰]", cell) for cell in found):
        return False
    return any(re.search("[/%‰°]", cell) for cell in found) or any(
        re.fullmatch(rf"\w*({UNIT_WORD})", word) for word in _words(name)
    )


def mixed_units(table: pd.DataFrame, units: Collection[str]) -> dict[str, str]:
    """Return each measured column whose column of units names more than one, with these in words.

    A column of units belongs to the one whose name it holds, else to the one before it.

    Examples
    --------
    >>> mixed_units(pd.DataFrame({"CRP": ["12", "3"], "Einheit CRP": ["mg/l", "mg/dl"]}), ["Einheit CRP"])
    {'CRP': 'mixed units by Einheit CRP, mg/dl (1) and mg/l (1): convert to one'}
    """
    found = {}
    for name in units:
        counts: dict[str, int] = {}
        shown: dict[str, str] = {}
        for cell in sorted(table[name].str.strip(), key=str.casefold):
            if cell and cell.lower() not in LIKE_MISSING:
                same = re.sub(r"[µμ]|mc(?=g)", "u", cell.casefold().replace(" ", ""))
                counts[same] = counts.get(same, 0) + 1
                shown.setdefault(same, cell)
        measured = _measured(table, name, units)
        if measured is not None and len(counts) > 1:
            listed = " and ".join(f"{shown[one]} ({n})" for one, n in counts.items())
            found[measured] = f"mixed units by {name}, {listed}: convert to one"
    return found


def maybe_thousands(values: Sequence[str], sign: str) -> str | None:
    """Return a number whose decimal sign may part thousands, where nothing else in the column tells.

    Examples
    --------
    >>> maybe_thousands(["1,234", "12"], ","), maybe_thousands(["1,234", "0,532"], ","), maybe_thousands(["1,2"], ",")
    ('1,234', None, None)
    """
    signed = [value for value in values if sign in value]
    if not all(parts_thousands(value, sign) for value in signed):
        return None
    return next((value for value in signed if re.fullmatch(r"[+-]?\d+[.,]\d+", value)), None)


def unread_numbers(values: Sequence[str], decimal: str, separator: str) -> str:
    """Return what to do about cells that are no plain numbers and yet hold one or two each; nothing where most hold none.

    Examples
    --------
    >>> unread_numbers(["97%", "95 %"], ".", ","), unread_numbers(["home", "P01"], ".", ",")
    ("numbers with something behind them such as '97%': write the number alone", '')
    >>> unread_numbers(["120/80", "95/60"], ".", ",")
    "two numbers in one cell such as '120/80': make two columns of them"
    >>> unread_numbers(["1 047", "1 250", "980"], ".", ","), unread_numbers(["80 120", "80 350"], ".", ",")
    ("numbers in which a blank may part thousands such as '1 047': take ' ' out of them in the table", '')
    """
    other = "," if decimal == "." else "."
    foreign, remedy = f"numbers with {other!r} for a decimal sign", _other_sign(other, separator)
    if all(parts_thousands(value, other) for value in values if other in value):
        foreign, remedy = f"numbers in which {other!r} may part thousands", f"take {other!r} out of them in the table"
    single = all(value.count(" ") == 1 for value in values)  # as likely two numbers in every cell
    blank = r"(?!)" if single else r"[+-]?[1-9]\d{0,2}( \d{3})+([.,]\d+)?"
    kinds = (
        (blank, "numbers in which a blank may part thousands", "take ' ' out of them in the table"),
        (rf"[+-]?\d+([{other}]\d+)+([{decimal}]\d+)?", foreign, remedy),
        (r"\d+([.,]\d+)? ?[/-] ?\d+([.,]\d+)?", "two numbers in one cell", "make two columns of them"),
        (
            r"[<>~]?\s*[+-]?\d+([.,]\d+)?\s*[^\d\s][^\d]{0,11}",
            "numbers with something behind them",
            "write the number alone",
        ),
    )
    for pattern, what, remedy in kinds:
        like = [value for value in values if re.fullmatch(pattern, value)]
        plain = sum(re.fullmatch(r"[+-]?\d+([.,]\d+)?", value) is not None and value not in like for value in values)
        if like and len(like) + plain >= 0.8 * len(values):
            return f"{what} such as {quoted(like[0])}: {remedy}"
    return ""


def _other_sign(sign: str, separator: str) -> str:
    if sign == separator:
        return "a comma parts the cells too, so write points, or save the table with semicolons and draft again"
    return "write them as in the other columns"


def _measured(table: pd.DataFrame, name: str, units: Collection[str]) -> str | None:
    rest = "".join(re.sub(rf"({UNIT_WORD})$", "", word) for word in _words(name))
    others = [column for column in table.columns if column not in units]
    named = [column for column in others if rest and rest in "".join(_words(column))]
    before = [column for column in table.columns[: list(table.columns).index(name)] if column in others]
    return min(named, key=len) if named else before[-1] if before else None


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", unaccented(name).casefold())
