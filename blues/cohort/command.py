"""The command ``python -m blues.cohort``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blues.check import InputError, command, counted, option, parse, word
from blues.cohort.dictionary import shipped_for
from blues.cohort.drafting import DECIDE, draft
from blues.cohort.reading import read
from blues.cohort.summary import card
from blues.cohort.text import render
from blues.provenance import replacing, write_json

__all__ = ["main"]

PROG = "python -m blues.cohort"


@dataclass(frozen=True)
class Show:
    """What to print of a cohort."""

    folder: Path = word("the cohort's folder")
    target: str | None = option(None, "a target of the dictionary, to split Table 1 by")
    dictionary: str | None = option(None, "a cohort.toml elsewhere, or a shipped dictionary's name")
    json: Path | None = option(None, "write the card as JSON to this file as well")


@dataclass(frozen=True)
class Init:
    """Where to draft a dictionary."""

    folder: Path = word("the folder with your tables and clips")
    force: bool = option(False, "draft one also where a shipped dictionary knows the folder")


def main(argv: Sequence[str] | None = None) -> int:
    """Print a cohort's card, or draft a dictionary with ``init FOLDER``; return the exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Words of the command line, by default those of this process.

    Returns
    -------
    int
        As :func:`blues.check.command`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["init"]:
        return command(PROG, lambda: _init(parse(Init, words[1:], prog=f"{PROG} init", description=Init.__doc__ or "")))
    about = "What is in a cohort, its Table 1, what is odd. `init FOLDER` drafts a cohort.toml for a folder of yours."
    return command(PROG, lambda: _show(parse(Show, words, prog=PROG, description=about)))


def _show(options: Show) -> int:
    account = card(read(options.folder, options.dictionary), options.target)
    if options.json is not None:
        write_json(options.json, account)
    print(render(account), end="")
    return 0


def _init(options: Init) -> int:
    path = options.folder / "cohort.toml"
    if path.exists():
        raise InputError("is there already and is not written over", file=path, remedy="Edit it, or move it away first")
    known = [] if options.force else [name for _, name in shipped_for(options.folder)]
    if known:
        raise InputError(
            f"a shipped dictionary knows this folder: {', '.join(known)}",
            file=options.folder,
            remedy=f"`{PROG} {options.folder}` reads it by that; --force drafts a cohort.toml, which is then read in its place",
        )
    text = draft(options.folder)
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    print(
        f"Wrote {path}: decide the {counted(text.count(DECIDE), 'line')} marked {DECIDE} in it (and remove the mark), then"
    )
    print(f"  {PROG} {options.folder}")
    return 0
