"""Tells a frame that shows two sectors side by side, as a screen split in two does.

Between two sectors lies a gap that is widest at the top, where the probes' arcs are, and narrows with depth. A shadow in
one sector is as wide or wider below, and halves the sector, so that neither half is a sector of its own: its middle would
lie off the half's, or the side of the shadow be empty. Upright pictures side by side look like one with a shadow, and are
not told.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

from blues.video.sector import Sector, find_sector, mask, seen

__all__ = ["side_by_side"]


@dataclasses.dataclass(frozen=True)
class _Half:
    """The sector found in one half of a frame, and how evenly what is seen fills it to both sides of its apex."""

    sector: Sector
    even: float

    @property
    def size(self) -> np.ndarray:
        """Height and width of the sector's box."""
        top, bottom, left, right = self.sector.box
        return np.array([bottom - top, right - left])

    @property
    def upright(self) -> bool:
        """Whether the apex lies above the middle of the box, to a tenth of its width."""
        _, _, left, right = self.sector.box
        return abs(self.sector.apex[0] - (left + right) / 2) <= 0.1 * (right - left)


def side_by_side(frames: np.ndarray) -> bool:
    """Tell whether frames show two sectors of like size and form, one beside the other.

    Parameters
    ----------
    frames : uint8 array, shape (t, h, w)

    Returns
    -------
    bool
        False too where there may be two and nothing shows it: pictures cut to their tissue, upright pictures.
    """
    lit, step = seen(frames)
    middle = _gap(lit) if min(lit.shape) >= 16 else 0
    if not middle:
        return False
    left, right = (_half(part) for part in (frames[:, :, : middle * step], frames[:, :, middle * step :]))
    if left is None or right is None:
        return False
    like = np.abs(left.size - right.size) <= 0.15 * np.maximum(left.size, right.size)
    opening = abs(left.sector.right - right.sector.right) <= np.radians(5)
    return bool(like.all() and opening) and all(half.upright and half.even >= 0.7 for half in (left, right))


def _gap(lit: np.ndarray) -> int:
    """Return the middle column of the widest gap near the frame's middle in the uppermost part of what is seen, else 0."""
    rows = np.flatnonzero(lit.mean(1) > 0.05)
    if not len(rows):
        return 0
    fill = lit[rows[0] : rows[0] + max((rows[-1] + 1 - rows[0]) // 8, 3)].mean(0)
    runs, count = ndimage.label(fill < 0.05)
    width, best, middle = len(fill), 0.02 * len(fill), 0
    for first, end in ((run[0].start, run[0].stop) for run in ndimage.find_objects(runs, count)):
        between = fill[:first].max(initial=0) > 0.3 and fill[end:].max(initial=0) > 0.3
        if between and 0.4 * width <= (first + end) / 2 <= 0.6 * width and end - first >= best:
            best, middle = end - first, (first + end) // 2
    return middle


def _half(frames: np.ndarray) -> _Half | None:
    sector = find_sector(np.ascontiguousarray(frames))
    if sector.kind != "convex":
        return None
    lit, step = seen(frames)
    inside = mask(sector)[step // 2 :: step, step // 2 :: step][: lit.shape[0], : lit.shape[1]]
    beyond = (np.arange(inside.shape[1]) + 0.5) * step > sector.apex[0]
    shares = [lit[:, side][inside[:, side]].mean() if inside[:, side].any() else 0.0 for side in (beyond, ~beyond)]
    return _Half(sector, min(shares) / max(*shares, 1e-6))
