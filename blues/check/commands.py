"""Turns a dataclass into command-line flags, and runs a command."""

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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic

from blues.check.inputs import InputError, one_of

T = TypeVar("T")


class _Parser(argparse.ArgumentParser):
    """Says what it cannot read in one line, as :func:`command` prints it, and not under a page of usage."""

    def error(self, message: str) -> typing.NoReturn:
        raise InputError(message, remedy=f"`{self.prog} --help` lists the flags")


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


def option(default: Any, words: str, **more: Any) -> Any:
    """Return a dataclass field that :func:`parse` makes an option of.

    Parameters
    ----------
    default : object
    words : str
        What ``--help`` says of it.
    **more
        Other metadata.
    """
    return dataclasses.field(default=default, metadata={"help": words, **more})


def word(words: str, **more: Any) -> Any:
    """Return a dataclass field that :func:`parse` makes a word of, one that must be named.

    Parameters
    ----------
    words : str
        What ``--help`` says of it.
    **more
        Other metadata.
    """
    return dataclasses.field(metadata={"help": words, "positional": True, **more})


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
            flag = name.upper() if positional else f"--{name.replace('_', '-')}"
            raise InputError(f"{flag} has no use here: {why}", remedy=f"Leave out {flag}")


def parse(cls: type[T], argv: Sequence[str] | None, *, prog: str, description: str) -> T:
    """Build dataclass ``cls`` from command-line flags, one a field.

    A field becomes ``--name VALUE``; its metadata describe it, see :func:`option` and :func:`word`. Tuples take several
    words or one word with commas; ``bool`` fields get ``--x`` and ``--no-x``; ``Literal`` fields are checked. A
    ``Path`` whose metadata say ``folder=True`` is refused where it is a file, or is named like one. If the
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
        When a word is missing, a value does not fit its field, or a flag does not exist; the nearest one is named.
    SystemExit
        For ``--help``, as argparse does.
    """
    parser = _Parser(prog=prog, description=description, allow_abbrev=False)
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        if field.metadata.get("flag", True):
            _parse_field(parser, field, hints[field.name])
    known, strange = parser.parse_known_args(argv)
    if strange:
        _unknown_words(parser, strange, prog)
    values = vars(known)
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = [part for word in value for part in word.split(",") if part]
    made = from_toml(cls, values["from_"], values) if values.get("from_") else build(cls, values)
    _refuse_files(made)
    return made


_FILES = tuple(
    ".csv .docx .gif .gz .htm .html .json .md .mp4 .npy .npz .parquet .pdf .png .pt .safetensors .svg .tex .toml .tsv .txt "
    ".xlsx .zip".split()
)


def _refuse_files(options: Any) -> None:
    """Raise for a file's name where a folder is to be written: it would become a folder called ``page.html``."""
    for entry in dataclasses.fields(options):
        path = getattr(options, entry.name)
        if not entry.metadata.get("folder") or path is None or path.is_dir():
            continue
        if path.is_file() or path.suffix.lower() in _FILES:
            flag = f"--{entry.name.replace('_', '-')}"
            what = "is a file" if path.is_file() else f"ends in {path.suffix} as a file does"
            remedy = f"Name the {entry.metadata['help'].partition(' (')[0]}, such as {flag} {path.with_suffix('')}-made"
            raise InputError(f"{flag} {path} {what}, and a folder is expected", remedy=remedy)


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
    """Validate values into a dataclass.

    Parameters
    ----------
    cls : type
        The dataclass.
    values : mapping
        By the names of its fields.
    file : path, optional
        Where they stood, for the message.

    Raises
    ------
    InputError
        Naming field, value and what is allowed.
    """
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
