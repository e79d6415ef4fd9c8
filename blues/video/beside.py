"""Tells a frame that shows two pictures, as a screen split in two does: two sectors side by side, or one above another.

Between two sectors lies a gap that is widest at the top, where the probes' arcs are, and narrows with depth. A shadow in
one sector is as wide or wider below, and halves the sector, so that neither half is a sector of its own: its middle would
lie off the half's, or the side of the shadow be empty. Upright pictures side by side look like one with a shadow, and are
not told. What stands one above the other is told by :func:`blues.video.sector.upper_of_two`.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

from blues.video.sector import Sector, find_sector, like, mask, upper_of_two
from blues.video.tissue import seen

__all__ = ["several"]

ABOVE = "it shows one picture above another, and the upper one is used; cut the clip to one of them"
BOTH = "it shows two sectors side by side, and they are taken for one; cut the clip to one of them"
ONE = "it shows two sectors side by side, and the one that moves is used; cut the clip to one of them"


@dataclasses.dataclass(frozen=True)
class _Half:
    """The sector found in one half of a frame, and how evenly what is seen fills it to both sides of its apex."""

    sector: Sector
    even: float

    @property
    def upright(self) -> bool:
        """Whether the apex lies above the middle of the box, to a tenth of its width."""
        _, _, left, right = self.sector.box
        return abs(self.sector.apex[0] - (left + right) / 2) <= 0.1 * (right - left)


def several(frames: np.ndarray) -> str:
    """Say what is done with frames that show two pictures; empty where there is one, or nothing shows that there are two.

    Two are not told where pictures are cut to their tissue, or upright ones stand side by side.

    Parameters
    ----------
    frames : uint8 array, shape (t, h, w)

    Returns
    -------
    str
    """
    if min(frames.shape[1:]) < 16:
        return ""
    if upper_of_two(frames):
        return ABOVE
    middle = _between(frames)
    if not middle:
        return ""
    _, _, left, right = find_sector(frames).box
    return BOTH if left < middle < right and min(middle - left, right - middle) > 0.2 * (right - left) else ONE


def _between(frames: np.ndarray) -> int:
    """Return the column between two sectors of like size and form that stand side by side, else 0."""
    lit, step = seen(frames)
    middle = step * (_gap(lit) if min(lit.shape) >= 16 else 0)
    if not middle:
        return 0
    left, right = (_half(part) for part in np.split(frames, [middle], 2))
    if left is None or right is None or not like(left.sector, right.sector):
        return 0
    return middle if all(half.upright and half.even >= 0.7 for half in (left, right)) else 0


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
