"""``python -m blues.explain``: where in its clips an encoder sees what it says, as stills and short clips."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blues import check, datasets, encoders
from blues.check import InputError
from blues.explain.overlay import COLOURS_SAY, on_clip, write_clip, write_stills
from blues.explain.saliency import METHODS, layers

__all__ = ["Maps", "main", "write_maps"]

_PROG = "python -m blues.explain"
_BURNT_IN = "Do not pass them on: what is burnt into them may name the patient."


@dataclass(frozen=True)
class Maps:
    """Which clips to explain, by what, into which folder.

    Attributes
    ----------
    cohort : str
        A cohort's folder, or ``"synthetic"``.
    clips : tuple of str
        Names of clips; by default all of them.
    encoder, weights : str, Path
        See :func:`blues.encoders.get`.
    output : str
        Which output; by default the encoder's B-line coverage, else its first.
    method : str
        See :func:`blues.explain.saliency`.
    stills : int
        Stills a clip: the frames in which the output is highest.
    moving : {"mp4", "gif", "none"}
        What to write the whole clip as.
    out : Path
        Folder of the pictures.
    """

    cohort: str = check.option("synthetic", "cohort folder, or 'synthetic'", positional=True)
    clips: tuple[str, ...] = check.option((), "names of clips (default: all)")
    encoder: str = check.option("blues-lus", "a network of python -m blues.embed")
    weights: Path | None = check.option(None, "weights file of the encoder, where it needs one")
    output: str = check.option("", "output to explain (default: b_line_coverage, else the encoder's first)")
    method: str = check.option("grad-cam", f"one of {', '.join(METHODS)}")
    stills: int = check.option(2, "stills a clip, where the output is highest")
    moving: str = check.option("mp4", "mp4, gif or none: the clip with its overlay")
    out: Path = check.option(Path("maps"), "folder of the pictures", folder=True)

    def __post_init__(self) -> None:
        check.one_of(self.method, METHODS, "--method")
        check.one_of(self.moving, ("mp4", "gif", "none"), "--moving")
        if self.stills < 0:
            raise InputError(f"--stills is {self.stills}", allowed="0 or more")
        if self.stills == 0 and self.moving == "none":
            raise InputError("--stills 0 with --moving none leaves nothing to write", remedy="Leave one of them out")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pictures; return the exit status."""
    return check.command(_PROG, lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    text = "Overlay clips with where an encoder's output comes from."
    options = check.parse(Maps, argv, prog=_PROG, description=text)
    made, failed = write_maps(options)
    for reason in failed:
        print(reason, file=sys.stderr)
    print(f"{_counted(made)} in {options.out}" + (f". {COLOURS_SAY} {_BURNT_IN}" if made else ""))
    return 0 if made else 1


def _counted(made: Sequence[Path]) -> str:
    pictures = sum(path.suffix == ".png" for path in made)
    some = [check.counted(n, kind) for n, kind in ((pictures, "picture"), (len(made) - pictures, "clip")) if n]
    return " and ".join(some) or "no pictures or clips"


def write_maps(options: Maps) -> tuple[list[Path], list[str]]:
    """Write stills and clips; return their paths, and why some clips have none: moved away or not readable.

    Raises
    ------
    InputError
        For an unknown clip, encoder or output, or an encoder that is no network.
    """
    cohort = datasets.load(options.cohort)
    names = list(options.clips) or [str(name) for name in cohort.clips.index]
    for name in names:
        check.one_of(name, list(cohort.clips.index), "--clips: clip")
    encoder = encoders.get(options.encoder, options.weights)
    coverage = "b_line_coverage" if "b_line_coverage" in encoder.feature_names else ""
    output = options.output or coverage or next(iter(encoder.card["outputs"]), encoder.feature_names[0])
    layer = layers(encoder, output)[0] if options.method.endswith("cam") else None
    made: list[Path] = []
    failed: list[str] = []
    for name in names:
        try:
            path = cohort.folder / str(cohort.clips.loc[name, "path"])
            found = on_clip(encoder, path, output, options.method, layer=layer)
        except InputError as error:
            failed.append(f"{name}: {error}")
            continue
        print(f"{name}: {output} {found.span()}")
        if math.isfinite(found.gap):
            print(f"{name}: maps add up to the output less that of a black frame, off by {found.gap:.2g} at most")
        made += write_stills(found, options.out, name, options.stills)
        if options.moving != "none":
            made.append(write_clip(found, options.out / f"{name}-{output}.{options.moving}"))
    return made, failed
