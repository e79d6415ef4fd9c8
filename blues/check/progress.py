"""Says how far a long command is: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

__all__ = ["followed", "tell"]

EVERY = 60.0
"""Seconds after which a log gets another line."""

T = TypeVar("T")


def tell(shown: bool, text: str) -> None:
    """Print a line on standard error, at once, where progress is to be shown.

    Parameters
    ----------
    shown : bool
    text : str
    """
    if shown:
        print(text, file=sys.stderr, flush=True)


def followed(items: Iterable[T], total: int, words: str, *, unit: str, shown: bool, leave: bool = False) -> Iterator[T]:
    """Yield items, and say how many have come.

    Parameters
    ----------
    items : iterable
    total : int
        How many there will be.
    words, unit : str
        What is being done, and what one item is called, in the plural.
    shown : bool
        Whether to say anything.
    leave : bool
        Whether the bar stays on the terminal.
    """
    if not shown or sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=words, unit=f" {unit}", disable=not shown, leave=leave)
        return
    last = time.monotonic()
    for number, item in enumerate(items, start=1):
        yield item
        if (now := time.monotonic()) - last >= EVERY and number < total:
            tell(True, f"{words}: {number} of {total} {unit}")
            last = now
