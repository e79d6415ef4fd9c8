"""Writes values and keys of a ``cohort.toml``."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["DECIDE", "key", "literal", "name_of", "on_one_line", "toml"]

DECIDE = "# DECIDE:"


def key(name: str) -> str:
    """Return a key, between quotes where it needs them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml(name)


def name_of(column: str) -> str:
    """Return the name that an outcome or a rating gets after its column, as a key."""
    return key(re.sub(r"\W+", "_", column.lower()).strip("_"))


def literal(text: str) -> str:
    """Return a text as a TOML literal, in which a backslash is a backslash, where that can be written."""
    return toml(text) if "'" in text or not text.isprintable() else f"'{text}'"


def on_one_line(line: str) -> str:
    """Return a line in which what a comment quotes, such as a label over two lines, breaks nothing."""
    return re.sub(r"[\x00-\x08\x0a-\x1f\x7f]+", " ", line)


def toml(value: Any) -> str:
    """Return a value as TOML on one line.

    Examples
    --------
    >>> toml({"role": "blood", "missing": [-99, "nd"]})
    '{ role = "blood", missing = [-99, "nd"] }'
    """
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key(str(k))} = {toml(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
