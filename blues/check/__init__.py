"""Says plainly what is wrong with an input, and turns a dataclass into command-line flags.

Every message names the file, row, column and value it is about, what is allowed, and how to mend it. All errors that a
user can cause are :class:`InputError`, a ``ValueError``; the commands print it without a traceback and return 2.
"""

from __future__ import annotations

from blues.check.commands import build, command, from_toml, hand_over, parse
from blues.check.inputs import (
    InputError,
    binary_outcome,
    choices,
    columns_exist,
    counted,
    finite,
    one_of,
    probabilities,
    same_length,
)
from blues.check.progress import followed, tell
from blues.check.rounding import DIGITS, ROUNDING, reaches

InputError.__module__ = __name__  # a traceback names it as everybody imports it

__all__ = [
    "DIGITS",
    "ROUNDING",
    "InputError",
    "binary_outcome",
    "build",
    "choices",
    "columns_exist",
    "command",
    "counted",
    "finite",
    "followed",
    "from_toml",
    "hand_over",
    "one_of",
    "parse",
    "probabilities",
    "reaches",
    "same_length",
    "tell",
]
