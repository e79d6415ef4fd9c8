"""``python -m blues`` lists the commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from blues.check import InputError, command

__all__ = ["main"]

COMMANDS = {
    "cohort": "what is in a cohort and what is odd about it; `init FOLDER` drafts a dictionary",
    "datasets": "cohorts to fetch, and a synthetic one",
    "pretrain": "train an encoder on simulated frames",
    "embed": "clips to numbers, cached",
    "explain": "where in the clips an encoder looks",
    "fuse": "does imaging add anything? One experiment and its page",
    "agree": "agreement of raters; `plan` and `sheet` for a reader study",
    "report": "the page of a run again, of a `patient`, or two runs side by side (`compare`)",
}
"""What each does, in the order of the module map."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the commands; return the exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Words of the command line, by default those of this process; there are none to give.

    Returns
    -------
    int
        As :func:`blues.check.command`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    return command("python -m blues", lambda: _show(words))


def _show(words: list[str]) -> int:
    if words and words[0] not in ("-h", "--help"):
        known = words[0].removeprefix("blues.") in COMMANDS
        remedy = f"python -m blues.{words[0].removeprefix('blues.')}" if known else "python -m blues lists the commands"
        raise InputError("takes no words: the commands are modules", value=words[0], remedy=remedy)
    width = max(map(len, COMMANDS))
    print("Commands, each with --help:\n")
    print(*(f"  python -m blues.{name:<{width}}  {does}" for name, does in COMMANDS.items()), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
