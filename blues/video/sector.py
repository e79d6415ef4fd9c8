"""Finds the ultrasound sector of a clip from the clip itself: nothing is learned, no device is known.

What never changes and has the value of the image's margin is background; the rest is tissue, noise and device text. The
sector is the smallest figure of its kind round the tissue whose edges run along it. A curved probe's figure has one
centre, the apex: both straight edges meet there and both arcs turn about it, so the search is over the apex alone, and
for each apex the edges follow from the outline's angles and radii. Edges only ever hide (shadow, poor contact, crop);
nothing shines beyond them. So an edge must enclose the outline and is scored by how much of it it touches, and the two
straight edges, which mirror each other about the vertical, vote together.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
from scipy import ndimage

from blues.check import InputError
from blues.video.apex import Outline, outline, search

__all__ = ["Sector", "find_sector", "mask", "seen"]

WORKING_SIZE = 256
"""Longest side, in pixels, of the reduced picture the search runs on."""


@dataclasses.dataclass(frozen=True)
class Sector:
    """Where in the frame the ultrasound picture lies.

    Attributes
    ----------
    kind : {"convex", "linear", "full"}
        A sector of a ring (curved and phased arrays); an upright rectangle with margins round it; or the whole frame.
    shape : tuple of int
        Height and width of the frame it was found in, pixels.
    box : tuple of int
        Rows and columns of the part inside the frame, or inside a picture that the frame shows on a ground of its own,
        ``(top, bottom, left, right)``, ends excluded.
    apex : tuple of float
        ``(x, y)`` of the centre of both arcs, pixels from the frame's upper left corner; ``y`` is negative when it lies
        above the frame. (0, 0) unless convex.
    inner, outer : float
        Radii of the arc at the probe and of the deepest arc, pixels. 0 unless convex.
    left, right : float
        Angles of the straight edges from straight down, radians; ``left`` is negative. 0 unless convex.
    """

    kind: Literal["convex", "linear", "full"]
    shape: tuple[int, int]
    box: tuple[int, int, int, int]
    apex: tuple[float, float] = (0.0, 0.0)
    inner: float = 0.0
    outer: float = 0.0
    left: float = 0.0
    right: float = 0.0


def find_sector(frames: np.ndarray) -> Sector:
    """Find the ultrasound sector of a clip.

    Parameters
    ----------
    frames : uint8 array, shape (t, h, w)
        Gray frames of one clip. More frames show more of the edges; one is enough.

    Returns
    -------
    Sector

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:200, :200]
    >>> inside = (np.hypot(x - 100, y + 40) < 220) & (np.abs(np.arctan2(x - 100, y + 40)) < 0.5)
    >>> frame = np.where(inside, 90, 0).astype(np.uint8)
    >>> sector = find_sector(frame[None])
    >>> sector.kind, round(sector.right, 1), round(sector.apex[1] + sector.outer)
    ('convex', 0.5, 180)
    """
    frames = np.asarray(frames)
    if frames.ndim != 3 or frames.dtype != np.uint8 or 0 in frames.shape:
        raise InputError(
            f"frames have shape {frames.shape} and type {frames.dtype}", allowed="(t, h, w), uint8, not empty"
        )
    step = max(1, math.ceil(max(frames.shape[1:]) / WORKING_SIZE))
    if min(frames.shape[1:]) // step < 16:
        return _whole(frames.shape[1:])
    high, low = _reduce(frames.max(0), step), _reduce(frames.min(0), step)
    level, noise = _background(high, low)
    found = _round(_tissue(high, low, level, noise), step, frames.shape[1:])
    if found.kind == "linear":
        return _within(frames, found, level)
    if found.kind == "full":
        mean = _reduce(frames.mean(0, dtype=np.float32), step)
        tissue = _tissue(mean, mean, *_noisy_background(mean))
        again = _round(tissue, step, frames.shape[1:], strict=True) if _stands_out(tissue) else found
        return again if again.kind == "convex" else found
    return found


def _whole(shape: tuple[int, int]) -> Sector:
    return Sector("full", shape, (0, shape[0], 0, shape[1]))


def _round(tissue: np.ndarray, step: int, shape: tuple[int, int], strict: bool = False) -> Sector:
    """Return the figure round the tissue; if ``strict``, a sector only where its straight edges are plainly seen."""
    if tissue.mean() < 0.02:
        return _whole(shape)
    edges = outline(tissue)
    apex, touched, place = search(edges)
    height, width = edges.box[1] - edges.box[0], edges.box[3] - edges.box[2]
    plain = touched[0] >= 0.24 * height or (touched[0] >= 0.08 * height and touched[1] >= 0.4 * width)
    if not _is_convex(touched, place, edges) or (strict and not plain):
        return _rectangle(edges, step, shape)
    return _convex(apex, touched, place, edges, step, shape)


def _within(frames: np.ndarray, rectangle: Sector, level: float) -> Sector:
    """Return the sector in a rectangle whose margins differ from those round it (a picture on a page), or the rectangle.

    On a ground that is not black, of gray ``level``, the rectangle gives up its rim, which is part ground.
    """
    step = math.ceil(max(rectangle.shape) / WORKING_SIZE) + 1  # the rectangle's own edge is no margin
    top, bottom, left, right = rectangle.box
    top, bottom = top + step * (top > 0), bottom - step * (bottom < rectangle.shape[0])
    left, right = left + step * (left > 0), right - step * (right < rectangle.shape[1])
    if min(bottom - top, right - left) < 32:
        return rectangle
    inner = find_sector(np.ascontiguousarray(frames[:, top:bottom, left:right]))
    if inner.kind != "convex":
        return dataclasses.replace(rectangle, box=(top, bottom, left, right)) if level > 10 else rectangle
    box = (inner.box[0] + top, inner.box[1] + top, inner.box[2] + left, inner.box[3] + left)
    apex = (inner.apex[0] + left, inner.apex[1] + top)
    return dataclasses.replace(inner, shape=rectangle.shape, box=box, apex=apex)


def _is_convex(touched: np.ndarray, place: np.ndarray, edges: Outline) -> bool:
    """Tell whether the edges found show a sector: a good part of a straight or a bent one, or a little of both."""
    top, bottom, left, right = edges.box
    height, width = bottom - top, right - left
    sides = max(touched[0], 0) if math.radians(5) < place[0] < math.radians(75) else 0
    bends = [radius - math.sqrt(max(radius**2 - width**2 / 4, 0)) >= 4 for radius in place[1:]]
    arcs = sum(share for share, bend in zip(touched[1:], bends, strict=True) if bend)
    both = sides >= 0.03 * height and arcs + sides >= 0.2 * width
    return bool(sides >= 0.08 * height or arcs >= 0.35 * width or (arcs > 0 and both))


def _convex(
    apex: np.ndarray,
    touched: np.ndarray,
    place: np.ndarray,
    edges: Outline,
    step: int,
    shape: tuple[int, int],
) -> Sector:
    """Build the sector; an edge that is not seen goes as far as the tissue, in depth as far as the frame."""
    ends = [points - apex for points, _ in (edges.sides, edges.bottom, edges.top)]
    angle, outer, inner = (float(v) for v in place)
    size = edges.box[3] - edges.box[2]
    if touched[0] < 0.04 * (edges.box[1] - edges.box[0]):
        angle = min(float(np.quantile(np.abs(np.arctan2(ends[0][:, 0], ends[0][:, 1])), 0.99)), math.radians(80))
    if not _shows_base(ends[1], outer, touched[1], size):
        furthest = np.quantile(np.hypot(*np.concatenate(ends).T), 0.99)
        outer = max(float(furthest), shape[0] / step - float(apex[1]))
    if touched[2] < 0.15 * size:
        inner = float(np.quantile(np.hypot(*ends[2].T), 0.01))
    x, y = (float(v) * step for v in apex)
    sector = Sector(
        "convex", shape, (0, shape[0], 0, shape[1]), (x, y), max(inner, 0.0) * step, outer * step, -angle, angle
    )
    inside = mask(sector)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return _whole(shape)
    box = (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
    return dataclasses.replace(sector, box=box)


def _shows_base(ends: np.ndarray, outer: float, touched: float, width: int) -> bool:
    """Tell whether the deep arc is seen: over a good part, or in places far apart with no tissue beyond it.

    Tissue that fades into the dark does so raggedly, and a little of its edge lies on any arc.
    """
    depth = np.hypot(*ends.T) - outer
    ending, beyond = ends[np.abs(depth) <= 1.5, 0], (depth > 3).sum()
    apart = len(ending) > 0 and np.ptp(ending) > 0.4 * width and beyond <= 0.01 * width
    return bool(touched >= (0.04 if apart else 0.12) * width and beyond <= 0.04 * width)


def _rectangle(edges: Outline, step: int, shape: tuple[int, int]) -> Sector:
    """Build the upright rectangle round the tissue; a side that little of the outline touches moves to the frame."""
    half = len(edges.sides[0]) // 2
    ends = (edges.top[0][:, 1], edges.bottom[0][:, 1], edges.sides[0][:half, 0], edges.sides[0][half:, 0])
    frame = (0, shape[0], 0, shape[1])

    def place(side: int) -> int:
        touching = np.abs(ends[side] - edges.box[side]) <= 2
        near_frame = abs(edges.box[side] * step - frame[side]) <= 2 * step
        return frame[side] if near_frame or touching.mean() < 0.3 else edges.box[side] * step

    box = (place(0), place(1), place(2), place(3))
    return Sector("full" if box == frame else "linear", shape, box)


def mask(sector: Sector) -> np.ndarray:
    """Return which pixels of the frame belong to the sector, bool (h, w).

    Parameters
    ----------
    sector : Sector
        From :func:`find_sector`.

    Returns
    -------
    ndarray of bool, shape (h, w)
    """
    inside = np.zeros(sector.shape, dtype=bool)
    top, bottom, left, right = sector.box
    part = inside[top:bottom, left:right]
    part[:] = True
    if sector.kind == "convex":
        y = np.arange(top, bottom)[:, None] + 0.5 - sector.apex[1]
        x = np.arange(left, right)[None] + 0.5 - sector.apex[0]
        radius, angle = np.hypot(x, y), np.arctan2(x, y)
        part &= (radius >= sector.inner) & (radius <= sector.outer) & (angle >= sector.left) & (angle <= sector.right)
    return inside


def seen(frames: np.ndarray) -> tuple[np.ndarray, int]:
    """Return what differs from the margins of frames (t, h, w), bool (h // step, w // step), and ``step``."""
    step = min(max(1, math.ceil(max(frames.shape[1:]) / WORKING_SIZE)), *frames.shape[1:])
    high, low = _reduce(frames.max(0), step), _reduce(frames.min(0), step)
    return _differing(high, low, *_background(high, low)), step


def _differing(high: np.ndarray, low: np.ndarray, level: float, noise: float) -> np.ndarray:
    """Return where the extremes over time differ from the margins, bool, without specks."""
    differing = (high - level > noise) | (level - low > noise)
    return np.asarray(ndimage.binary_opening(np.pad(differing, 1, mode="edge"), np.ones((3, 3)))[1:-1, 1:-1])


def _tissue(high: np.ndarray, low: np.ndarray, level: float, noise: float) -> np.ndarray:
    """Return where there is tissue or noise rather than background and furniture, bool, from the extremes over time."""
    opened = _differing(high, low, level, noise)
    parts, count = ndimage.label(opened, np.ones((3, 3)))
    if not count:
        return opened
    size = np.bincount(parts.ravel())
    size[0] = 0
    moving = np.bincount(parts.ravel(), weights=(high - low > 6).ravel())
    large, small = size > 0.01 * parts.size, size > 0.002 * parts.size
    keep = (large & (moving > 0.1 * size)) | (small & (moving > 0.5 * size))  # text stands still
    keep[size.argmax()] = True
    keep[0] = False
    return keep[parts]


def _reduce(image: np.ndarray, step: int) -> np.ndarray:
    height, width = image.shape[0] // step, image.shape[1] // step
    cells = image[: height * step, : width * step].reshape(height, step, width, step)
    return cells.mean((1, 3), dtype=np.float32)


def _stands_out(tissue: np.ndarray) -> bool:
    """Tell whether a good part is tissue and both upper corners are not, as round a sector; else what is dark may be shadow."""
    edge = max(2, min(tissue.shape) // 20)
    corners = tissue[:edge, :edge], tissue[:edge, -edge:]
    return bool(tissue.mean() >= 0.25 and max(corner.mean() for corner in corners) < 0.2)


def _noisy_background(mean: np.ndarray) -> tuple[float, float]:
    """Return the gray level of margins that are never still, as of a noisy recording, and how far from it counts as margin."""
    edge = max(2, min(mean.shape) // 25)
    band = np.concatenate([mean[:edge].ravel(), mean[-edge:].ravel(), mean[:, :edge].ravel(), mean[:, -edge:].ravel()])
    level = float(np.convolve(np.bincount(np.rint(band).astype(int), minlength=256), [1, 2, 1], "same").argmax())
    near = np.abs(band - level)
    return level, max(4.5, 5 * float(np.median(near[near <= 10])))


def _background(high: np.ndarray, low: np.ndarray) -> tuple[float, float]:
    """Return the gray level of the margins and how far from it still counts as margin.

    The level is the commonest value of the still pixels along the frame's border, 0 when they share none.
    """
    band = np.ones(high.shape, dtype=bool)
    edge = max(2, min(high.shape) // 25)
    band[edge:-edge, edge:-edge] = False
    values = high[band & (high - low <= 6)]
    level = 0.0
    if values.size > 0.03 * band.sum():
        common = np.convolve(np.bincount(np.rint(values).astype(int), minlength=256), [1, 2, 1], "same")
        if common.max() > 0.04 * band.sum():
            level = float(common.argmax())
    spread = np.abs(values - level)
    spread = spread[spread <= 10]
    return level, max(4.5, float(np.percentile(spread, 75)) + 2.5 if spread.size else 0.0)
