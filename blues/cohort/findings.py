"""What reading a cohort met: every cell decoded, every oddity, everything left out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

__all__ = ["UNDECIDED", "Finding", "frame", "quoted"]

UNDECIDED = "marked # DECIDE: that nobody has decided"
"""How what is said of an undecided draft ends."""


class Finding(NamedTuple):
    """One thing that was met on reading, and what was done about it.

    ``kind`` is ``decoded`` (as the dictionary says), ``missing``, ``not applicable``, ``odd`` or ``left out``; ``row``
    counts as a spreadsheet does, the header being row 1, and is None where ``cells`` cells are told together.
    """

    kind: str
    file: str
    row: int | None
    column: str
    value: str
    cells: int
    what: str
    done: str


def quoted(text: str) -> str:
    r"""Return a text between quotes, blanks of every width as they are and not as escapes.

    Examples
    --------
    >>> quoted("1\u202f047") == "'1\u202f047'", quoted("a\nb")
    (True, "'a\\nb'")
    """
    mark = repr(text)[0]
    signs = (sign if unicodedata.category(sign) == "Zs" else repr(sign)[1:-1] for sign in text)
    return mark + "".join(f"\\{sign}" if sign == mark else sign for sign in signs) + mark


def frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return the findings as a table: file, row (nullable integer), column, value, what, done, cells, kind."""
    table = pd.DataFrame(list(findings), columns=Finding._fields)
    table["row"] = table["row"].astype("Int64")
    table["cells"] = table["cells"].astype("int64")
    text = ["file", "column", "value", "what", "done", "kind"]
    table[text] = table[text].astype(object)
    return table[["file", "row", "column", "value", "what", "done", "cells", "kind"]]
