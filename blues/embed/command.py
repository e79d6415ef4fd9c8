"""The command ``python -m blues.embed``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blues import check
from blues.cohort import unused
from blues.embed.pipeline import embed
from blues.embed.record import Embeddings
from blues.provenance import check_writable

__all__ = ["Options", "main"]

PROG = "python -m blues.embed"


@dataclass(frozen=True)
class Options:
    """What to embed and how."""

    cohort: str = check.word("a cohort's folder, or 'synthetic'")
    encoder: str = check.option("blues-lus", "name of the encoder, or path of a checkpoint")
    weights: tuple[str, ...] = check.option(
        (), "weight files, for encoders that need them; several, or a folder with fold_* in it, make an ensemble"
    )
    out: Path | None = check.option(None, "folder to write the embeddings to; the cache is kept anyway", folder=True)
    workers: int | None = check.option(None, "threads that decode (default: one a core, at most 8)")
    cache: Path | None = check.option(None, "where finished clips are kept (default: BLUES_CACHE)")
    cluster: str | None = check.option(
        None, "scheduler of a Dask cluster whose workers share folder and cache", metavar="ADDRESS"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Embed the clips of a cohort, print what came of it, save it if asked; return the exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Words of the command line, by default those of this process.

    Returns
    -------
    int
        As :func:`blues.check.command`.
    """
    return check.command(PROG, lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    options = check.parse(Options, argv, prog=PROG, description="Clips to embeddings: cached, resumable, parallel.")
    from blues import datasets  # brings the simulator along; the library part of this package does without

    if options.out is not None:
        check_writable(options.out)
    weights = options.weights[0] if len(options.weights) == 1 else options.weights or None
    cohort = datasets.load(options.cohort)
    for sentence in unused(cohort):
        print(f"Not used: {sentence}", file=sys.stderr)
    made = embed(
        cohort,
        options.encoder,
        weights=weights,
        workers=options.workers,
        cache=options.cache,
        cluster=options.cluster,
    )
    print(summary(made))
    if options.out is not None:
        print(f"Written to {made.save(options.out)}")
    return 0


def summary(made: Embeddings) -> str:
    """Return what came of it in a few lines: how much was embedded, what was damaged, what could not be read."""
    table, quarantine = made.table, made.quarantine
    patients, features = check.counted(table["patient"].nunique(), "patient"), check.counted(len(made.names), "feature")
    lines = [
        f"{check.counted(len(table), 'clip')} of {patients}, {check.counted(len(made.values), 'frame')}, "
        f"{features} a frame by {made.encoder['name']}"
    ]
    damaged = table[table["problems"] != ""]
    if len(damaged):
        be = "was" if len(damaged) == 1 else "were"
        lines.append(f"{check.counted(len(damaged), 'clip')} {be} damaged or odd, and used as far as possible:")
        lines += [f"  {row.clip}: {row.problems}" for row in damaged.head(20).itertuples()]
    if len(quarantine):
        be = "is" if len(quarantine) == 1 else "are"
        lines.append(f"{check.counted(len(quarantine), 'clip')} could not be read and {be} left out:")
        lines += [f"  {row.clip}: {row.reason}" for row in quarantine.head(20).itertuples()]
    return "\n".join(lines)
