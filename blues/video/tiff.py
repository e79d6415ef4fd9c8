"""Reads the pages of a TIFF file as the frames of a clip: FFmpeg decodes those that it can, Pillow those that are JPEG."""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from blues.check import InputError
from blues.video.container import ASSUMED_RATE, WITH_ERRORS, Decoded, Still, as_gray, dim, problems_of, stack, still
from blues.video.pages import Page, page, pages
from blues.video.turn import turned

__all__ = ["count_tiff", "is_tiff", "read_tiff"]

COLOURLESS = ("1", "L", "LA")
"""Pillow's names of pictures without colour."""


def is_tiff(path: Path) -> bool:
    """Tell a TIFF file that has pages."""
    return bool(pages(path))


def count_tiff(path: Path) -> int:
    """Return the number of pages of a TIFF file."""
    return len(pages(path))


def read_tiff(path: Path, choose: Callable[[int, float], np.ndarray]) -> Decoded:
    """Read the chosen pages of a TIFF file; 25 a second are assumed.

    Only those are decoded, so of the others it is known that they are whole, not that they decode.
    """
    places = pages(path)
    found = [each for place in places if (each := page(path, place)) is not None]
    usable, wanted, stills = _salvage(path, found, lambda total: choose(total, ASSUMED_RATE))
    if not usable:
        raise InputError(
            f"none of its {len(places)} pages can be decoded", file=path, remedy="Export or copy the clip again"
        )
    problems = []
    if len(places) > 1:
        problems.append(f"the frame rate is unknown or absurd; {ASSUMED_RATE:g} a second assumed")
    if len(usable) < len(places):
        problems.append(f"{len(usable)} of {len(places)} frames are usable")
    frames, moved = stack([each.gray for each in stills])
    if not all(each.sound for each in stills):
        problems.append(WITH_ERRORS)
    problems += problems_of(moved, all(each.square for each in stills))
    problems += dim(frames, all(each.deep for each in stills))
    return Decoded(frames, wanted / ASSUMED_RATE, ASSUMED_RATE, len(usable), tuple(problems))


def _salvage(
    path: Path, found: list[Page], choose: Callable[[int], np.ndarray]
) -> tuple[list[Page], np.ndarray, list[Still]]:
    """Return the pages that decode as far as is known, the indices of those chosen, and what these show.

    Pages that decode with errors are taken only where no other decodes.
    """
    wanted = choose(max(len(found), 1))
    stills = [_decoded(path, found[i]) for i in wanted.tolist()] if found else []
    if not all(
        each is not None and each.sound for each in stills
    ):  # now all are tried: their number decides the choice
        tried = [(each, shown) for each in found if (shown := _decoded(path, each)) is not None]
        found = [each for each, shown in tried if shown.sound] or [each for each, _ in tried]
        wanted = choose(max(len(found), 1))
        stills = [_decoded(path, found[i]) for i in wanted.tolist()] if found else []
    return found, wanted, [each for each in stills if each is not None]


def _decoded(path: Path, each: Page) -> Still | None:
    data = each.alone(path)
    found = _by_pillow(data) if each.jpeg else still(path, data)
    return found and dataclasses.replace(
        found, gray=turned(found.gray, each.orientation), sound=not each.packed or _is_sound(path, each)
    )


def _is_sound(path: Path, each: Page) -> bool:
    """Tell whether a compressed page decodes without errors; also where it cannot be told, as without all its tags."""
    bare = each.alone(path, bare=True)
    return each.checked(path) and (still(path, bare, strict=True) is not None or still(path, bare) is None)


def _by_pillow(data: bytes) -> Still | None:
    """Decode a page that FFmpeg takes for another kind of JPEG, and shows black; None where it does not decode."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about sizes and tags that do not matter here
        try:
            with Image.open(io.BytesIO(data)) as image:
                square = len(set(image.info.get("dpi", (1, 1)))) == 1
                pixels = np.asarray(image.convert("L" if image.mode in COLOURLESS else "RGB"))
        except Exception:  # its reader raises many kinds
            return None
    return Still(as_gray(pixels), square)
