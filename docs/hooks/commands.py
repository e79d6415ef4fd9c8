"""The options of every command: ``python docs/hooks/commands.py`` writes them into ``docs/commands.md``, below its mark.

They are taken from the parsers themselves: each command is called as from a shell and stopped where it would read its words.
"""

import argparse
import dataclasses
import importlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from blues.check import commands

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "commands.md"
MARK = "<!-- Below this line: python docs/hooks/commands.py -->\n"

COMMANDS = (
    "blues.cohort",
    "blues.cohort init",
    "blues.datasets list",
    "blues.datasets fetch",
    "blues.datasets synthetic",
    "blues.pretrain",
    "blues.embed",
    "blues.explain",
    "blues.fuse",
    "blues.agree",
    "blues.agree plan",
    "blues.agree sheet",
    "blues.report",
    "blues.report patient",
    "blues.report compare",
)
"""Package and first word, in the order of the module map."""
WITHOUT_WORDS = {"blues.datasets list": "The cohorts that can be fetched, and their licences. It takes no words."}
"""Commands that read no words, and so have no parser."""


class _Read(Exception):
    """A command got as far as its words."""


@dataclass
class Parser:
    """What one command reads.

    Attributes
    ----------
    about : str
        What ``--help`` says of it.
    options : list of (argparse.Action, dataclasses.Field)
        In the order of ``--help``.
    """

    about: str = ""
    options: list[tuple[argparse.Action, dataclasses.Field[Any]]] = field(default_factory=list)


def parser_of(command: str) -> Parser:
    """Return what a command reads.

    Parameters
    ----------
    command : str
        One of :data:`COMMANDS` that reads words.
    """
    package, *words = command.split()
    found, add = Parser(), commands._parse_field

    def keep(parser: argparse.ArgumentParser, entry: dataclasses.Field[Any], annotation: Any) -> None:
        add(parser, entry, annotation)
        found.options.append((parser._actions[-1], entry))

    def stop(parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        found.about = parser.description or ""
        raise _Read

    main = importlib.import_module(f"{package}.command").main
    with patch.object(commands, "_parse_field", keep), patch.object(argparse.ArgumentParser, "parse_known_args", stop):
        try:
            main(words)
        except _Read:
            return found
    raise RuntimeError(f"{command} read no words")


def _cell(text: str) -> str:
    """Return a text as it stands in a cell of a Markdown table."""
    for sign in "\\|*_<[":
        text = text.replace(sign, f"\\{sign}")
    return text


def _word(action: argparse.Action) -> str:
    """Return an option with what follows it, as one writes it."""
    value = str(action.metavar or "")
    if action.nargs in ("+", "*"):
        value += " ..."
    if action.nargs == 0:  # --x and --no-x
        value = ""
    names = " / ".join(action.option_strings)
    return f"{names} {value}".strip()


def _default(entry: dataclasses.Field[Any]) -> str:
    """Return the default of an option: empty where its help says what happens without it."""
    value = entry.default
    if value is dataclasses.MISSING:
        return "must be named"
    if isinstance(value, bool):
        return "on" if value else "off"
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return "" if value is None or not text else f"`{text}`"


def table(command: str) -> str:
    """Return the section of one command: what it does, and one row an option."""
    lines = [f"### python -m {command}", ""]
    if command in WITHOUT_WORDS:
        return "\n".join([*lines, WITHOUT_WORDS[command], ""])
    found = parser_of(command)
    lines += [_cell(found.about), "", "| option | default | what it does |", "|---|---|---|"]
    for action, entry in found.options:
        shown = [f"`{_word(action)}`", _default(entry), _cell(entry.metadata.get("help", ""))]
        lines.append(f"| {' | '.join(shown)} |")
    return "\n".join([*lines, ""])


def tables() -> str:
    """Return the part of the page that is made: every command with every option."""
    head = "## Every option\n\nAs the programs read them; `--help` says the same. Words in capitals stand for values.\n"
    return "\n".join([head, *map(table, COMMANDS)])


def main() -> int:
    """Write the made part of the page anew."""
    written = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    PAGE.write_text(f"{written}{MARK}\n{tables()}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
