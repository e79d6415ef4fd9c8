"""Says plainly what is wrong with an input, and turns a dataclass into command-line flags.

Every message names the file, row, column and value it is about, what is allowed, and how to mend it. All errors that a
user can cause are :class:`InputError`, a ``ValueError``; the commands print it without a traceback and return 2.
"""

from __future__ import annotations

from blues.check.commands import (
    build,
    command,
    from_toml,
    given,
    hand_over,
    option,
    parse,
    refuse_idle,
    word,
)
from blues.check.inputs import (
    FEW_PATIENTS,
    InputError,
    binary_outcome,
    choices,
    columns_exist,
    finite,
    one_of,
    probabilities,
    same_length,
)
from blues.check.progress import followed, tell
from blues.check.rounding import DIGITS, ROUNDING, reaches
from blues.check.wording import INTERVAL, counted, interval, number, p_is, p_value, signed

InputError.__module__ = __name__  # a traceback names it as everybody imports it

__all__ = [
    "DIGITS",
    "FEW_PATIENTS",
    "INTERVAL",
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
    "given",
    "hand_over",
    "interval",
    "number",
    "one_of",
    "option",
    "p_is",
    "p_value",
    "parse",
    "probabilities",
    "refuse_idle",
    "reaches",
    "same_length",
    "signed",
    "tell",
    "word",
]
