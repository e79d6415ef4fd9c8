"""What reading a cohort met: every cell decoded, every oddity, everything left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

__all__ = ["UNDECIDED", "Finding", "frame"]

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


def frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return the findings as a table: file, row (nullable integer), column, value, what, done, cells, kind."""
    table = pd.DataFrame(list(findings), columns=Finding._fields)
    table["row"] = table["row"].astype("Int64")
    table["cells"] = table["cells"].astype("int64")
    text = ["file", "column", "value", "what", "done", "kind"]
    table[text] = table[text].astype(object)
    return table[["file", "row", "column", "value", "what", "done", "cells", "kind"]]
