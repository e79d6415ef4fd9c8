"""Says plainly what is wrong with an input.

Every message names the file, row, column and value it is about, what is allowed, and how to mend it.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

T = TypeVar("T")


class InputError(ValueError):
    """An input is wrong in a way its owner can mend.

    Parameters
    ----------
    what : str
        What is wrong, one clause, no full stop needed.
    file, row, column, value : optional
        Where it is. ``row`` counts as a spreadsheet does: the header is row 1.
    allowed : str or iterable, optional
        What would be right.
    remedy : str, optional
        What to do about it.

    Examples
    --------
    >>> raise InputError("not a number", file="clinical.csv", row=4, column="CRP", value="high", allowed="a number")
    Traceback (most recent call last):
    blues.check.InputError: clinical.csv, row 4, column 'CRP', value 'high': not a number. Allowed: a number.
    """

    def __init__(
        self,
        what: str,
        *,
        file: str | Path | None = None,
        row: int | None = None,
        column: str | None = None,
        value: object = None,
        allowed: str | Iterable[object] | None = None,
        remedy: str | None = None,
    ) -> None:
        place = [] if file is None else [str(file)]
        place += [] if row is None else [f"row {row}"]
        place += [] if column is None else [f"column {column!r}"]
        place += [] if value is None else [f"value {value!r}"]
        text = ", ".join(place) + ": " * bool(place) + what.rstrip(".") + "."
        if allowed is not None:
            options = allowed if isinstance(allowed, str) else ", ".join(map(str, allowed))
            text += f" Allowed: {options if options.endswith('...') else options.rstrip('.') + '.'}"
        if remedy is not None:
            text += f" {remedy.rstrip('.')}."
        super().__init__(text)


FEW_PATIENTS = 10
"""Fewer patients than this, of a class or with the event, and no claim is made (rule 5 of the design)."""
MOST_NAMED = 40
"""More allowed values than this are not all named in a message."""


def one_of(value: T, allowed: Iterable[T], name: str) -> T:
    """Return ``value`` if it is allowed, else raise with the nearest allowed spelling.

    Parameters
    ----------
    value : object
        What was given.
    allowed : iterable
        What it may be.
    name : str
        What to call it in the message.

    Raises
    ------
    InputError
        For any other value; of long lists only what is near is named.

    Examples
    --------
    >>> one_of("forrest", ["forest", "logistic"], "model")
    Traceback (most recent call last):
    blues.check.InputError: model is 'forrest', which is not known. Allowed: forest, logistic. Nearest: 'forest'.
    """
    options = list(allowed)
    if value in options:
        return value
    near = difflib.get_close_matches(str(value), [str(o) for o in options], n=1)
    shown: Iterable[object] = options
    if len(options) > MOST_NAMED:  # those that hold the word, or are spelt like it, not a page of names
        holds = [o for o in options if str(value).casefold() in str(o).casefold()]
        alike = difflib.get_close_matches(str(value), [str(o) for o in options], n=5, cutoff=0.5)
        some = list(dict.fromkeys(map(str, [*holds, *alike, *options])))[:8]
        shown = f"{', '.join(some)} and {len(options) - len(some)} more"
        near = near or [str(o) for o in holds[:1]]
    raise InputError(
        f"{name} is {value!r}, which is not known",
        allowed=shown,
        remedy=f"Nearest: {near[0]!r}" if near else None,
    )


def options_of(annotation: Any) -> tuple[Any, ...] | None:
    """Return what a ``Literal`` allows, also one that may be None or that a tuple holds; None where anything goes.

    Parameters
    ----------
    annotation : type
        Of a dataclass field, see :func:`typing.get_type_hints`.

    Examples
    --------
    >>> options_of(tuple[Literal["a", "b"], ...] | None), options_of(str)
    (('a', 'b'), None)
    """
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return parts
    inner = [part for part in parts if part not in (type(None), ...)]
    if origin in (typing.Union, types.UnionType, tuple) and len(inner) == 1:
        return options_of(inner[0])
    return None


def choices(record: Any, prefix: str = "") -> None:
    """Raise for the first field of a dataclass that is typed ``Literal`` and holds something else.

    Dataclasses take whatever they are given; call this in ``__post_init__``.

    Parameters
    ----------
    record : dataclass instance
    prefix : str
        Before the field's name in the message: ``"--"`` where the field is a flag.

    Raises
    ------
    InputError
        As :func:`one_of`.

    Examples
    --------
    >>> @dataclasses.dataclass
    ... class Recipe:
    ...     heat: Literal["low", "high"] = "low"
    >>> choices(Recipe("hihg"), "--")
    Traceback (most recent call last):
    blues.check.InputError: --heat is 'hihg', which is not known. Allowed: low, high. Nearest: 'high'.
    """
    hints = typing.get_type_hints(type(record))
    for field in dataclasses.fields(record):
        value, hint = getattr(record, field.name), hints[field.name]
        options = options_of(hint)
        if options is None or (value is None and type(None) in typing.get_args(hint)):
            continue
        for one in value if isinstance(value, tuple | list) else (value,):
            one_of(one, options, prefix + field.name.replace("_", "-") if prefix else field.name)


def columns_exist(columns: Iterable[str], frame_columns: Iterable[str], name: str) -> None:
    """Raise unless every one of ``columns`` is among ``frame_columns`` of the table called ``name``.

    Parameters
    ----------
    columns : iterable of str
        What is needed.
    frame_columns : iterable of str
        What the table has.
    name : str
        What to call the table in the message.

    Raises
    ------
    InputError
        For the first column that is not there; the nearest are named.
    """
    present = list(map(str, frame_columns))
    for column in columns:
        if column not in present:
            near = difflib.get_close_matches(column, present, n=3)
            raise InputError(
                f"{name} has no column {column!r}",
                remedy=f"Nearest: {', '.join(near)}" if near else f"It has {', '.join(present[:12])}",
            )


def same_length(**arrays: Sequence[object] | np.ndarray) -> int:
    """Return the common length of the named arrays, or raise saying each length.

    Parameters
    ----------
    **arrays : sequence or ndarray
        By the names that the message gives them.
    """
    lengths = {name: len(a) for name, a in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise InputError("arrays differ in length: " + ", ".join(f"{k} has {n}" for k, n in lengths.items()))
    return next(iter(lengths.values()))


def finite(values: Any, name: str) -> np.ndarray:
    """Return ``values`` as a float array, shape kept, or raise naming the first entry that is not a finite number.

    Parameters
    ----------
    values : array-like
    name : str
        What to call them in the message.
    """
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be numbers, and is {type(values).__name__} with other entries") from None
    bad = np.flatnonzero(~np.isfinite(array.ravel()))
    if len(bad):
        raise InputError(
            f"{name} has {len(bad)} entries that are missing or infinite, the first at position {bad[0]}",
            remedy="Drop or impute them first",
        )
    return array


def binary_outcome(y: Any, name: str = "y") -> np.ndarray:
    """Return ``y`` as an int array of 0 and 1, shape (n,), both present, or raise saying what is there instead.

    Parameters
    ----------
    y : array-like, shape (n,)
    name : str
        What to call it in the message.
    """
    array = finite(y, name).ravel()
    values = np.unique(array)
    if not np.isin(values, (0, 1)).all():
        raise InputError(f"{name} must hold 0 and 1 only, and holds {', '.join(f'{v:g}' for v in values[:6])}")
    if len(values) < 2:
        raise InputError(
            f"{name} holds one class only ({f'{values[0]:g}' if len(values) else 'it is empty'})",
            allowed="0 and 1, both present",
        )
    return array.astype(np.int64)


def probabilities(p: Any, name: str = "p") -> np.ndarray:
    """Return ``p`` as a float array inside [0, 1], or raise naming the first value outside.

    Parameters
    ----------
    p : array-like
    name : str
        What to call them in the message.
    """
    array = finite(p, name)
    bad = array[(array < 0) | (array > 1)]
    if bad.size:
        raise InputError(
            f"{name} must be probabilities; {bad.size} of {array.size} lie outside 0 to 1, the first is {bad.flat[0]:g}"
        )
    return array
