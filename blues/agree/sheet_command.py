"""The command ``python -m blues.agree sheet``: rating sheets out and back."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from blues.agree.returned import COMMENTS, RATINGS, read_sheets
from blues.agree.sheets import declared, items_of, write_sheets
from blues.check import InputError, counted, given, one_of, option, refuse_idle
from blues.cohort import Cohort
from blues.cohort import read as read_cohort
from blues.provenance import replacing

__all__ = ["Sheet", "sheet"]


@dataclass(frozen=True)
class Sheet:
    """Rating sheets to write, or to read back."""

    cohort: Path | None = option(None, "the cohort whose clips are to be rated", positional=True)
    raters: tuple[str, ...] = option(("2",), "how many, or their names", metavar="RATER")
    repeat: float = option(0.1, "share of the clips shown twice")
    item: str | None = option(None, "what is rated: one item of the cohort's dictionary, or with --categories another")
    categories: tuple[str, ...] = option((), "its categories in order", metavar="VALUE")
    out: Path | None = option(None, "folder to write to", folder=True)
    read: Path | None = option(None, "read the filled sheets of this folder instead")
    seed: int = option(0, "seed of codes and orders")


def sheet(options: Sheet, prog: str) -> int:
    """Write sheets or read them back, and print what comes next; return the exit status.

    Parameters
    ----------
    options : Sheet
    prog : str
        The command, as it is called.

    Raises
    ------
    InputError
        An option that would be ignored; what writing or reading refuses.
    """
    if options.read is not None:
        refuse_idle(
            options, dict.fromkeys(sorted(given(options) - {"read"}), "--read takes all from the folder's study.json")
        )
        return _read(options.read, prog)
    if options.cohort is None:
        raise InputError(
            "no cohort is named", remedy=f"{prog} sheet COHORT --out DIR writes sheets, --read DIR reads them"
        )
    if options.out is None:
        raise InputError("no folder to write to is named", remedy="Add --out and a folder, such as --out sheets")
    cohort = read_cohort(options.cohort)
    names = options.raters
    folder = write_sheets(
        cohort,
        options.out,
        raters=int(names[0]) if len(names) == 1 and names[0].isdigit() else names,
        repeat=options.repeat,
        items=_items(cohort, options.item, options.categories),
        seed=options.seed,
    )
    if (lost := options.out / "left_out.csv").is_file():
        n = len(pd.read_csv(lost))
        print(f"{counted(n, 'clip')} could not be read and {'is' if n == 1 else 'are'} left out; {lost} says why.")
    print(f"Give each rater {folder} (open rate-NAME.html in a browser, or fill sheet-NAME.csv).")
    print(
        f"Keep {options.out / 'key.csv'}: it says which code is which clip. Put the filled files into {options.out}, then"
    )
    print(f"  {prog} sheet --read {options.out}")
    return 0


def _items(cohort: Cohort, item: str | None, categories: Sequence[str]) -> list[dict[str, Any]] | None:
    """Return what is to be rated; None for all that the dictionary names."""
    known = items_of(cohort)
    names = [entry["name"] for entry in known]
    if categories:
        if item is None and known:
            raise InputError(
                f"--categories without --item, and the dictionary of {cohort.name} names what is rated",
                allowed=names,
                remedy="Add --item and a name, or leave out --categories",
            )
        return declared(item or "rating", categories)
    if item is None:
        return None
    if not known:
        raise InputError(
            f"the dictionary of {cohort.name} names nothing to rate",
            remedy=f"Say which categories {item!r} has: --categories 0 1 2 3",
        )
    one_of(item, names, "--item without --categories")
    return [entry for entry in known if entry["name"] == item]


def _read(folder: Path, prog: str) -> int:
    table = read_sheets(folder)
    comments = pd.DataFrame(table.attrs["comments"], columns=["clip", "rater", "round", "comment"])
    for name, frame in ((RATINGS, table), (COMMENTS, comments)):
        with replacing(folder / name) as draft:
            frame.to_csv(draft, index=False, lineterminator="\n")
    for rater, counts in table.attrs["sheets"].items():
        print(f"{rater}: {_counts(counts)}")
    print(f"Wrote {folder / RATINGS} and {folder / COMMENTS} ({counted(len(comments), 'comment')}).")
    print(f"Next: {_next(folder / RATINGS, table, prog)}")
    return 0


def _counts(counts: Mapping[str, Any]) -> str:
    if counts["file"] is None:
        return "no file"
    missing = f"{counted(counts['missing'], 'row')} missing"
    return (
        f"{counted(counts['rated'], 'cell')} rated, {counts['not judged']} not judged, {counts['open']} open, {missing} "
        f"({counts['file']})"
    )


def _next(path: Path, table: pd.DataFrame, prog: str) -> str:
    """Return the command that looks at the agreement on the first item, with its scale."""
    name = table["item"].iloc[0]
    scale = table.attrs["scales"][name]
    words = ["--level", "continuous"] if scale is None else ["--categories", *scale]
    return f"{prog} {shlex.join([str(path), '--item', name, *words])}"
