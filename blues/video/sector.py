"""Finds the ultrasound sector of a clip from the clip itself: nothing is learned, no device is known.

Tissue is told from the ground, and from text and whatever else lies beside it (:mod:`blues.video.tissue`). The
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

from blues.check import InputError
from blues.video.apex import Outline, outline, search
from blues.video.pillars import blurred_margins
from blues.video.tissue import STILL, WORKING_SIZE, Reduced, parting, reduced, rim, stands_out, tissue, tissue_of_mean

__all__ = ["Sector", "find_sector", "like", "mask", "upper_of_two"]

LEVEL, PAGE = 0.4, 0.875
"""The share of the columns of tissue that end in one row where a picture is cut off, and how far down the frame at most."""


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
    around = rim(frames)
    if any(around) or any(around := blurred_margins(frames)):
        top, bottom, left, right = around
        inner = frames[:, top : frames.shape[1] - bottom, left : frames.shape[2] - right]
        return _placed(find_sector(np.ascontiguousarray(inner)), frames.shape[1:], top, left)
    if min(frames.shape[1:]) // max(1, math.ceil(max(frames.shape[1:]) / WORKING_SIZE)) < 16:
        return _whole(frames.shape[1:])
    about = reduced(frames)
    step, there = about.step, tissue(about)
    if end := _ends(frames, about, there):
        return _placed(find_sector(np.ascontiguousarray(frames[:, :end])), frames.shape[1:])
    found = _round(there, step, frames.shape[1:])
    if found.kind == "linear":
        return _within(frames, found, about.level)
    if found.kind == "full":
        again = tissue_of_mean(frames, step)
        noisy = _round(again, step, frames.shape[1:], strict=True) if stands_out(again) else found
        return noisy if noisy.kind == "convex" else found
    return found


def upper_of_two(frames: np.ndarray) -> int:
    """Return how many rows of frames (t, h, w) show a picture that has another below it, 0 where there is one picture.

    The lower one is a tracing over time (M-mode) or a sector of like size and form.
    """
    about = reduced(frames)
    return _ends(frames, about, tissue(about))


def _ends(frames: np.ndarray, about: Reduced, there: np.ndarray) -> int:
    parted = parting(there)
    if parted is None:
        return 0
    upper = there[: parted.above]
    if (about.high - about.low > STILL)[: parted.above][upper].mean() < 0.1:  # a page or a photograph
        return 0
    middle = (parted.above + parted.below) * about.step // 2
    if parted.sharp:
        return middle
    return middle if like(*(find_sector(np.ascontiguousarray(part)) for part in np.split(frames, [middle], 1))) else 0


def like(first: Sector, second: Sector) -> bool:
    """Tell whether both are convex and of one size (to 15 %) and opening (to 5 degrees)."""
    sizes = [np.array([box[1] - box[0], box[3] - box[2]]) for box in (first.box, second.box)]
    near = np.abs(sizes[0] - sizes[1]) <= 0.15 * np.maximum(*sizes)
    opening = abs(first.right - second.right) <= math.radians(5)
    return first.kind == second.kind == "convex" and bool(near.all()) and opening


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
    ground = level > 10
    top, bottom, left, right = rectangle.box
    height, width = rectangle.shape
    sides = (top > 0, bottom < height, left > 0, right < width)

    def less(hidden: int) -> tuple[int, int, int, int]:
        rim = [step if inside else hidden for inside in sides]
        return top + rim[0], bottom - rim[1], left + rim[2], right - rim[3]

    # a strip of ground too narrow to be told from the frame's edge would count as tissue
    first, last, start, end = less(2 * (step - 1) if ground else 0)
    if min(last - first, end - start) < 32:
        return rectangle
    inner = find_sector(np.ascontiguousarray(frames[:, first:last, start:end]))
    if inner.kind == "convex":
        return _placed(inner, rectangle.shape, first, start)
    return dataclasses.replace(rectangle, box=less(0)) if ground else rectangle


def _placed(found: Sector, shape: tuple[int, int], top: int = 0, left: int = 0) -> Sector:
    """Return a sector found in a part of a frame as one of the frame."""
    box = (found.box[0] + top, found.box[1] + top, found.box[2] + left, found.box[3] + left)
    apex = (found.apex[0] + left, found.apex[1] + top) if found.kind == "convex" else found.apex
    kind = "linear" if found.kind == "full" else found.kind
    return dataclasses.replace(found, kind=kind, shape=shape, box=box, apex=apex)


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
    """Build the sector; an edge that is not seen goes as far as the tissue, in depth as far as the frame or a level end."""
    bottom = shape[0]
    ends = [points - apex for points, _ in (edges.sides, edges.bottom, edges.top)]
    angle, outer, inner = (float(v) for v in place)
    size = edges.box[3] - edges.box[2]
    if touched[0] < 0.04 * (edges.box[1] - edges.box[0]):
        angle = min(float(np.quantile(np.abs(np.arctan2(ends[0][:, 0], ends[0][:, 1])), 0.99)), math.radians(80))
    if not _shows_base(ends[1], outer, touched[1], size):
        furthest = np.quantile(np.hypot(*np.concatenate(ends).T), 0.99)
        bottom = _level_end(edges, step, shape[0])
        outer = max(float(furthest), bottom / step - float(apex[1]))
    if touched[2] < 0.15 * size:
        inner = float(np.quantile(np.hypot(*ends[2].T), 0.01))
    x, y = (float(v) * step for v in apex)
    sector = Sector(
        "convex", shape, (0, bottom, 0, shape[1]), (x, y), max(inner, 0.0) * step, outer * step, -angle, angle
    )
    inside = mask(sector)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return _whole(shape)
    box = (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
    return dataclasses.replace(sector, box=box)


def _level_end(edges: Outline, step: int, height: int) -> int:
    """Return the row at which the picture ends: that of a tissue cut off level above the frame's end, else the frame's end.

    A picture zoomed or cropped and then laid on a taller page ends so; tissue that fades into the dark does so raggedly. Near
    the frame's end little depends on it.
    """
    end = edges.box[1]
    level = (np.abs(edges.bottom[0][:, 1] - end) <= 1).mean() >= LEVEL
    return end * step if level and end * step <= PAGE * height else height


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
