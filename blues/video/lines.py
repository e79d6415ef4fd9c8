"""Finds what is drawn over the picture, and straight upright lines in it: a centre line, a cursor, guide lines of a needle.

Such a line stands still while the tissue below it moves, is brighter than what lies beside it, has sharp edges and runs
straight over much of the picture. B-lines are upright too, but move and fade; what is level (the pleural line, A-lines, a
player's bar) is left alone, and so is a clip in which nothing moves. A narrow B-line that stood still, white and
with sharp edges for the whole clip would go too; no real or simulated clip has shown one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from blues.video.tissue import rim

__all__ = ["Line", "bridged", "drawn", "lines_of"]

FEWEST = 4
"""Frames from which it can be told what stands still."""
QUIET, BRIGHTER, SHARP = 4, 40, 60
"""Gray levels: from frame to frame at most, above the moving tissue round about, and above what is three pixels off."""
STEEPEST = 2.0
"""Columns that a line goes aside for a row at most: guide lines lean up to some 60 degrees."""
CELLS, REACHED, LONG = 24, 0.5, 0.4
"""The height is cut into so many parts; a line has points in this share of those it crosses, and crosses this share."""
MOST = 4
"""Lines taken out of one clip."""


class Line(NamedTuple):
    """A straight line: its column at row 0, and the columns that it goes aside for a row."""

    start: float
    lean: float


def drawn(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what stands still, bright and with sharp edges amid moving tissue of a clip, and what of it lies on such tissue.

    Nothing in few or tiny frames, nor in a rim round the picture.

    Parameters
    ----------
    frames : uint8 array, shape (t, h, w)

    Returns
    -------
    whole, upon : ndarray of bool, shape (h, w)
    """
    whole, upon = np.zeros((2, *frames.shape[1:]), bool)
    if len(frames) >= FEWEST and min(frames.shape[1:]) >= 2 * CELLS:
        top, bottom, left, right = rim(frames)
        inside = slice(top, frames.shape[1] - bottom), slice(left, frames.shape[2] - right)
        for found, part in zip((whole, upon), _drawn(frames), strict=True):
            found[inside] = part[inside]
    return whole, upon


def lines_of(found: np.ndarray) -> tuple[list[Line], float]:
    """Return the straight lines among what is drawn, bool (h, w), and how wide they are, in pixels."""
    if not found.any():
        return [], 0.0
    rows, columns, width = _points(found)
    lines: list[Line] = []
    while len(lines) < MOST and (line := _straight(rows, columns, found.shape)) is not None:
        lines.append(line)
        other = np.abs(columns - line.start - line.lean * rows) > width + 1
        rows, columns = rows[other], columns[other]
    return lines, width


def bridged(frames: np.ndarray, lines: list[Line], width: float) -> np.ndarray:
    """Return the frames (t, h, w) of a clip with what lies beside lines of some width carried on across them."""
    mended = frames.copy()
    for line in lines:
        _bridge(mended, line, round(width / 2) + 2)
    return mended


def _drawn(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    moves = np.zeros(frames.shape[1:], np.uint16)
    for before, after in pairwise(frames):
        moves += np.maximum(before, after) - np.minimum(before, after) > QUIET
    still = moves <= (len(frames) - 1) // 4
    mean = frames.mean(0, dtype=np.float32)
    size = max(9, min(mean.shape) // 12)
    moving = ndimage.uniform_filter((~still).astype(np.float32), size)
    about = ndimage.uniform_filter(np.where(still, np.float32(0), mean), size) / np.maximum(moving, 1e-6)
    bright = still & (mean - about >= BRIGHTER)
    parts, count = ndimage.label(bright, np.ones((3, 3)))
    if not count:
        return bright, bright
    aside = (~ndimage.binary_dilation(bright, np.ones((3, 3)))).astype(np.float32)
    share = ndimage.uniform_filter(aside, 7)
    rise = np.where(share > 1e-3, mean - ndimage.uniform_filter(mean * aside, 7) / np.maximum(share, 1e-3), 0)

    def each(weights: np.ndarray) -> np.ndarray:
        return np.bincount(parts.ravel(), weights.ravel(), count + 1)

    amid = each(moving) >= 0.3 * each(bright)  # no page that shows between two pictures
    keep = amid & (each(bright) >= 2) & (each(rise) >= SHARP * np.maximum(each(share > 1e-3), 1))
    keep[0] = False
    whole = keep[parts]
    return whole, whole & (moving >= 0.5)


def _points(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the row and middle column of every narrow run of pixels along a row, and how wide the runs are, in pixels."""
    edges = np.diff(np.pad(drawn, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    width = ends - starts
    narrow = width <= max(6, drawn.shape[1] // 50)
    typical = float(np.quantile(width[narrow], 0.9)) if narrow.any() else 0.0
    return rows[narrow], (starts + ends - 1)[narrow] / 2, typical


def _straight(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, ...]) -> Line | None:
    """Return the straight line that most cells of the height have a point of; None where too few have one."""
    if len(rows) < CELLS * LONG * REACHED:
        return None
    height = shape[0]
    cells = rows * CELLS // height
    best, found = 0, (0.0, 0.0)
    for lean in np.arange(-STEEPEST, STEEPEST, 1.5 / height):
        offset = np.rint((columns - lean * (rows - height / 2)) / 2).astype(int)
        key = np.unique((offset - offset.min()) * CELLS + cells)
        counts = np.bincount(key // CELLS)
        if counts.max() > best:
            best, found = int(counts.max()), (float((counts.argmax() + offset.min()) * 2), float(lean))
    middle, lean = found
    start = middle - lean * height / 2
    near = np.abs(columns - start - lean * rows) <= 2
    if len(np.unique(rows[near])) > 1:
        lean, start = (float(value) for value in np.polyfit(rows[near], columns[near], 1))
        near = np.abs(columns - start - lean * rows) <= 2
    course = np.ptp(rows[near]) / height if near.any() else 0.0
    if course < LONG or len(np.unique(cells[near])) < REACHED * course * CELLS:
        return None
    return Line(start, lean)


def _bridge(frames: np.ndarray, line: Line, reach: int) -> None:
    """Carry what lies on both sides of a line on across it, in place, over the whole height: parts may be too faint."""
    rows = np.arange(frames.shape[1])
    middle = np.rint(line.start + line.lean * rows).astype(int)
    wide = frames.shape[2]
    inside = (middle + reach >= 0) & (middle - reach < wide)
    rows, middle = rows[inside], middle[inside]
    left, right = (
        (
            frames[:, rows, np.clip(middle + a, 0, wide - 1)].astype(np.float32)
            + frames[:, rows, np.clip(middle + b, 0, wide - 1)]
        )
        / 2
        for a, b in ((-reach - 2, -reach - 1), (reach + 1, reach + 2))
    )
    left = np.where(middle - reach - 2 < 0, right, left)  # beyond the frame's edge there is nothing to carry on
    right = np.where(middle + reach + 2 >= wide, left, right)
    for place in range(-reach, reach + 1):
        there = (middle + place >= 0) & (middle + place < wide)
        share = (place + reach + 1) / (2 * reach + 2)
        carried = np.rint(left + share * (right - left)).astype(np.uint8)
        frames[:, rows[there], middle[there] + place] = carried[:, there]
