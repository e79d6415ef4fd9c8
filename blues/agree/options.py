"""Options of the commands; those that would be ignored are refused, for the answer would be taken for one that heeds them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from blues.check import InputError

__all__ = ["given", "option", "refuse_idle"]


def option(default: Any, words: str, **more: Any) -> Any:
    """Return a dataclass field that :func:`blues.check.parse` makes an option of.

    Parameters
    ----------
    default : object
    words : str
        What ``--help`` says of it.
    **more
        Other metadata.
    """
    return dataclasses.field(default=default, metadata={"help": words, **more})


def given(options: Any) -> set[str]:
    """Return the names of a dataclass's fields that are not at their defaults.

    Parameters
    ----------
    options : dataclass instance
    """
    return {entry.name for entry in dataclasses.fields(options) if getattr(options, entry.name) != entry.default}


def refuse_idle(options: Any, idle: Mapping[str, str]) -> None:
    """Raise for the first option that is given and has no use, with the reason.

    Parameters
    ----------
    options : dataclass instance
    idle : mapping of str to str
        Why each field that is named has no use.

    Raises
    ------
    InputError
        If one of them is not at its default.
    """
    asked = given(options)
    for name, why in idle.items():
        if name in asked:
            positional = options.__dataclass_fields__[name].metadata.get("positional")
            word = name.upper() if positional else f"--{name.replace('_', '-')}"
            raise InputError(f"{word} has no use here: {why}", remedy=f"Leave out {word}")
