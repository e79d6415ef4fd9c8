"""The command ``python -m blues.datasets``: list, fetch, synthetic."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from blues.check import InputError, command, one_of, option, parse, word
from blues.datasets.fetch import KNOWN, fetch, terms

__all__ = ["main"]

PROG = "python -m blues.datasets"
USAGE = f"""usage: {PROG} list
       {PROG} fetch NAME FOLDER --accept-licence [--source github|huggingface] [--url URL] [--force]
       {PROG} synthetic FOLDER [--patients N] [--signal S] [--seed N]

list       the cohorts that can be fetched, and their licences
fetch      download a published cohort; stopped half-way, the same command goes on
synthetic  write a made-up cohort, for trying things out"""


@dataclasses.dataclass(frozen=True)
class FetchOptions:
    """Flags of ``fetch``."""

    name: str = word(f"one of {', '.join(KNOWN)}")
    folder: Path = word("the cohort's folder")
    accept_licence: bool = option(False, "the licence was read and is accepted")
    source: Literal["github", "huggingface"] = option("github", "where from")
    url: str | None = option(None, "another archive, or another hub")
    force: bool = option(False, "overwrite files that differ")


@dataclasses.dataclass(frozen=True)
class SyntheticOptions:
    """Flags of ``synthetic``."""

    folder: Path = word("a new folder")
    patients: int = option(40, "number of patients")
    signal: float = option(1.0, "what the images know of the PCR; 0: nothing")
    seed: int = option(0, "same seed, same cohort")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    actions = {"list": _list, "fetch": _fetch, "synthetic": _synthetic}
    return command(PROG, lambda: actions[one_of(words[0], actions, "command")](words[1:]))


def _list(words: Sequence[str]) -> int:
    if words in (["-h"], ["--help"]):
        print(USAGE)
        return 0
    if words:
        raise InputError(f"list takes nothing, and was given {' '.join(words)}")
    for name, known in KNOWN.items():
        print(f"{name:12} {known.licence:16} {known.title}")
    return 0


def _fetch(words: Sequence[str]) -> int:
    options = parse(FetchOptions, words, prog=f"{PROG} fetch", description="Download a published cohort.")
    print(terms(options.name))
    done = fetch(
        options.name,
        options.folder,
        source=options.source,
        accept_licence=options.accept_licence,
        url=options.url,
        force=options.force,
    )
    print(f"{done.files} files in {done.folder}, {done.size / 1e6:.1f} MB fetched.")
    for note in done.notes:
        print(f"- {note}")
    print(f"Next: python -m blues.cohort {done.folder}")
    return 0


def _synthetic(words: Sequence[str]) -> int:
    from blues.datasets.synthetic import synthetic

    options = parse(SyntheticOptions, words, prog=f"{PROG} synthetic", description="Write a made-up cohort.")
    cohort = synthetic(options.folder, patients=options.patients, signal=options.signal, seed=options.seed)
    print(f"{len(cohort.patients)} patients and {len(cohort.clips)} clips, made up, in {options.folder}.")
    print(f"Next: python -m blues.cohort {options.folder}")
    return 0
