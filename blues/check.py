"""Says plainly what is wrong with an input, and turns a dataclass into command-line flags.

Every message names the file, row, column and value it is about, what is allowed, and how to mend it. All errors that a
user can cause are :class:`InputError`, a ``ValueError``; the commands print it without a traceback and return 2.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import errno
import importlib
import io
import re
import sys
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pydantic

__all__ = [
    "InputError",
    "binary_outcome",
    "columns_exist",
    "counted",
    "command",
    "finite",
    "from_toml",
    "hand_over",
    "one_of",
    "parse",
    "probabilities",
    "same_length",
]

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


def counted(n: int, noun: str) -> str:
    """Return a number and what is counted, in the plural where it is not one.

    Parameters
    ----------
    n : int
    noun : str
        In the singular; its plural ends in s.

    Examples
    --------
    >>> counted(1, "clip"), counted(0, "clip"), counted(12, "missing rating")
    ('1 clip', '0 clips', '12 missing ratings')
    """
    return f"{n} {noun}{'' if n == 1 else 's'}"


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


def _parse_field(parser: argparse.ArgumentParser, field: dataclasses.Field[Any], annotation: Any) -> None:
    """Add one dataclass field to the parser: a positional if its metadata says so, else ``--name``."""
    meta = field.metadata
    positional = bool(meta.get("positional"))
    name = field.name if positional else "--" + field.name.strip("_").replace("_", "-")
    default = None if field.default is dataclasses.MISSING else field.default
    shown = f" (default: {' '.join(map(str, default)) if isinstance(default, tuple) else default})"
    text = meta.get("help", "") + (shown if default not in (None, (), "") else "")
    settings: dict[str, Any] = {"help": text.replace("%", "%%"), "default": argparse.SUPPRESS}
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        annotation = next(a for a in typing.get_args(annotation) if a is not type(None))
        origin = typing.get_origin(annotation)
    if annotation is bool:
        settings["action"] = argparse.BooleanOptionalAction
        settings["help"] = meta.get("help", "").replace("%", "%%")
    elif origin is tuple:
        settings["nargs"] = "+"
        settings["metavar"] = meta.get("metavar", re.sub("IE$", "Y", field.name.upper().removesuffix("S")))
    elif origin is Literal:
        settings["metavar"] = "{" + ",".join(map(str, typing.get_args(annotation))) + "}"
    else:
        settings["metavar"] = meta.get("metavar", field.name.upper())
    if positional and origin is tuple:
        settings["nargs"] = "*" if field.default is not dataclasses.MISSING else "+"
    elif positional:
        settings["nargs"] = "?" if field.default is not dataclasses.MISSING else None
        settings = {k: v for k, v in settings.items() if v is not None}
    else:
        settings["dest"] = field.name
    parser.add_argument(name, **settings)


def parse(cls: type[T], argv: Sequence[str] | None, *, prog: str, description: str) -> T:
    """Build dataclass ``cls`` from command-line flags, one a field.

    A field becomes ``--name VALUE``; ``metadata={"help": ..., "positional": True}`` describes it. Tuples take several
    words or one word with commas; ``bool`` fields get ``--x`` and ``--no-x``; ``Literal`` fields are checked. If the
    class has a field ``from_`` typed ``Path | None``, its TOML file gives the values that the flags then override.

    Parameters
    ----------
    cls : type
        The dataclass.
    argv : sequence of str, optional
        Words of the command line; None takes those of this process.
    prog, description : str
        Of the help page.

    Raises
    ------
    InputError
        When a value does not fit its field, or a flag does not exist; the nearest one is named.
    SystemExit
        For ``--help``, and for a missing word, as argparse does.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description, allow_abbrev=False)
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        if field.metadata.get("flag", True):
            _parse_field(parser, field, hints[field.name])
    known, strange = parser.parse_known_args(argv)
    if strange:
        _unknown_words(parser, strange, prog)
    given = vars(known)
    for name, value in given.items():
        if isinstance(value, list):
            given[name] = [part for word in value for part in word.split(",") if part]
    if given.get("from_"):
        return from_toml(cls, given["from_"], given)
    return build(cls, given)


def _unknown_words(parser: argparse.ArgumentParser, strange: Sequence[str], prog: str) -> None:
    """Raise for words that no flag takes, naming the nearest flag."""
    flags = [flag for action in parser._actions for flag in action.option_strings]
    wrong = next((word for word in strange if word.startswith("-")), strange[0])
    near = difflib.get_close_matches(wrong.split("=")[0], flags, n=1)
    help_at = f"`{prog} --help` lists the flags"
    if not wrong.startswith("-"):
        raise InputError(f"one word too many: {wrong!r}", remedy=help_at)
    raise InputError(f"there is no flag {wrong}", remedy=f"Nearest: {near[0]}. {help_at}" if near else help_at)


def build(cls: type[T], values: Mapping[str, Any], *, file: str | Path | None = None) -> T:
    """Validate ``values`` into dataclass ``cls``; raise :class:`InputError` naming field, value and what is allowed."""
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for name in values:
        one_of(name, known, f"{file}: setting" if file else "setting")
    try:
        return pydantic.TypeAdapter(cls).validate_python(dict(values))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        if isinstance(told := first.get("ctx", {}).get("error"), InputError):
            raise (InputError(str(told), file=file) if file else told) from None
        where = ".".join(str(part) for part in first["loc"]) or cls.__name__
        raise InputError(f"{where.replace('_', '-')}: {first['msg']} (got {first['input']!r})", file=file) from None


def from_toml(cls: type[T], path: str | Path, overrides: Mapping[str, Any] | None = None) -> T:
    """Read dataclass ``cls`` from a TOML file; ``overrides`` win over the file.

    Parameters
    ----------
    cls : type
        The dataclass.
    path : path
    overrides : mapping, optional
        Values by the names of fields.

    Raises
    ------
    InputError
        When the file is not TOML in UTF-8, names a setting that the class lacks, or a value does not fit.
    OSError
        When it cannot be read.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not valid TOML: {error}", file=path) from None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text: {error.reason}", file=path, remedy="Save it as UTF-8") from None
    return build(cls, {**values, **(overrides or {})}, file=path)


def command(prog: str, action: Callable[[], int]) -> int:
    """Run a command's ``action``; turn what its user can mend into one line on standard error and exit status 2.

    Parameters
    ----------
    prog : str
        The command's name, as the line on standard error gives it.
    action : callable
        Takes nothing, returns an exit status.

    Returns
    -------
    int
        What ``action`` returns; 2 after an input or file-system error; 130 after Ctrl-C.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a label the terminal cannot write must not stop a run
    try:
        return action()
    except InputError as error:
        print(f"{prog}: error: {error}", file=sys.stderr)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        print(f"{prog}: error: {_explain_os_error(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print(
            f"{prog}: stopped; clips embedded, files fetched and a training's checkpoint are kept, the rest begins anew",
            file=sys.stderr,
        )
        return 130
    return 2


def hand_over(module: str, argv: Sequence[str]) -> int:
    """Run the next command of the line, as ``python -m MODULE ARGV`` would, in this process; return its exit status.

    A stage that ends by starting the next one passes files, not objects, so the module order stays one-way and the next
    stage can be run again by hand from what was saved.

    Parameters
    ----------
    module : str
        With a function ``main(argv)``.
    argv : sequence of str
        Its words.
    """
    return int(importlib.import_module(module).main(argv))


def _explain_os_error(error: OSError) -> str:
    name = error.filename if error.filename is not None else "a file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{name}: the disk is full. Free some space or name another place; no half-written file was left."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{name}: no permission to read or write it. Mend it with chmod, or choose another place."
    if error.errno == errno.ENOENT:
        return f"{name}: no such file or folder. Check the spelling of the path."
    if error.errno == errno.EROFS:
        return f"{name}: this file system is read-only. Choose another place with --out or BLUES_CACHE."
    if error.errno == errno.EISDIR:
        return f"{name}: is a folder, and a file is expected. Name a file."
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"{name}: is a file, or lies below one, and a folder is expected. Name another place."
    return f"{name}: {error.strerror or error}"
