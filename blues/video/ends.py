"""Tells whether a clip reaches the end that its file states, and whether its frames lie evenly in time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["spacing", "unfinished", "unmarked", "whole_pictures"]

UNEVEN = 0.1
"""How far a frame may lie from where it would with even steps, in lengths of the clip, before that is said."""

SHORT = 0.1
"""Share of the length stated that may be missing at the end before that is said."""

EXTENSION, PICTURE, TRAILER = 0x21, 0x2C, 0x3B
"""First bytes of the blocks of a GIF file, and its end mark."""

JPEG, JPEG_SCAN, JPEG_END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
"""First bytes of a JPEG file, the mark before pixels, which hold neither mark, and the end mark."""


def whole_pictures(path: Path) -> int | None:
    """Return how many pictures of a GIF file are whole; None where it reaches its end mark, or is no GIF.

    A picture that is followed by no block is not: its data ended too early, or too late.
    """
    with path.open("rb") as stream:
        if stream.read(4) != b"GIF8":
            return None
        data = b"GIF8" + stream.read()
    found, place = 0, 13 + _colours(data, 10)
    while place < len(data):
        if data[place] == TRAILER:
            return None
        if data[place] == EXTENSION:
            place = _after(data, place + 2)
        elif data[place] == PICTURE:
            place = _after(data, place + 11 + _colours(data, place + 9))
            found += place <= len(data)
        elif data[place] == 0:  # a spare end of a chain
            place += 1
        else:
            return max(found - 1, 0)
    return found


def _colours(data: bytes, place: int) -> int:
    """Return the length of a table of colours by the byte that tells of it."""
    flags = data[place] if place < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after(data: bytes, place: int) -> int:
    """Return where a chain of parts ends, each with its length before it; beyond the file where it does not."""
    while place < len(data) and data[place]:
        place += data[place] + 1
    return place + 1


def unmarked(path: Path, whole: int | None) -> list[str]:
    """Say if a GIF or JPEG file lacks its end mark; ``whole`` is what :func:`whole_pictures` found."""
    kind = "GIF" if whole is not None else None
    with path.open("rb") as stream:
        if stream.read(3) == JPEG:
            data = JPEG + stream.read()
            kind = "JPEG" if data.find(JPEG_END, _scan(data)) < 0 else None
    return [f"the {kind} file ends without its end mark: it is cut short or damaged"] if kind else []


def _scan(data: bytes) -> int:
    """Return where the pixels of a JPEG file begin: small pictures within what goes before have end marks of their own."""
    place = 2
    while place < len(data) and data[place] == 0xFF and data[place : place + 2] != JPEG_SCAN:
        filler = data[place + 1 : place + 2] == b"\xff"
        place += 1 if filler else 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return place


def unfinished(times: np.ndarray, length: float | None) -> list[str]:
    """Say if the frames end well before the length that the file states.

    Parameters
    ----------
    times : float array, shape (t,)
        Seconds, ascending.
    length : float, optional
        Seconds stated.
    """
    if length is None or len(times) < 2:
        return []
    step = float(np.median(np.diff(times)))
    end = times[-1] + step
    if length - end <= max(SHORT * length, 3 * step):
        return []
    return [f"the file states {length:.2f} s, and its frames end at {end:.2f} s: it is cut short or damaged"]


def spacing(times: np.ndarray, counted: bool) -> list[str]:
    """Say if frames lie unevenly in time, or if some seem to be lost in a clip of even steps.

    Parameters
    ----------
    times : float array, shape (t,)
        Seconds, ascending.
    counted : bool
        Whether the file states the number of its frames, so that those lost are known.
    """
    steps = np.diff(times)
    if len(steps) < 2 or times[-1] <= times[0]:
        return []
    if np.abs(times - np.linspace(times[0], times[-1], len(times))).max() > UNEVEN * (times[-1] - times[0]):
        return [
            f"its frames lie unevenly in time ({steps.min():.3g} to {steps.max():.3g} s apart); they are sampled by their "
            "number, not by time"
        ]
    median = np.median(steps)
    odd = np.abs(steps - median) > 0.1 * median
    if counted or odd.sum() > 3 or not (steps[odd] > 2.5 * median).any():
        return []
    widest = int(steps.argmax())
    return [
        f"no frames for {steps[widest]:.3g} s after {times[widest] - times[0]:.3g} s, where others are {median:.3g} s apart: "
        "some seem to be lost, and those that follow may be damaged"
    ]
