"""Finds the blurred copy of itself that fills the margins of a picture on a wider or taller screen.

Phones and players fill the sides of an upright clip, or what is above and below a wide one, with the clip itself, enlarged and
out of focus. It moves with the tissue and is no ground of one gray, but nothing in it is sharp, and it ends in a straight seam.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from blues.video.tissue import WORKING_SIZE

__all__ = ["blurred_margins"]

FRAMES = 4
"""Frames looked at, spread over the clip."""
DARK = 4
"""Gray level below which a column says nothing."""
BLURRED, SHARPER = 0.03, 2.5
"""Detail, as a share of the gray level, that a blurred column has at most; and how many times as much the middle has."""
NARROWEST, WIDEST = 0.08, 0.45
"""Share of the screen's width that a margin has."""
STILL = 1
"""Gray levels by which a margin that stands still may vary: a shaded page does not move with the tissue."""
SEAM = 3
"""The step at the seam, as a multiple of the usual step from column to column."""


def blurred_margins(frames: np.ndarray) -> tuple[int, int, int, int]:
    """Return how wide blurred margins of frames (t, h, w) are: top, bottom, left and right; 0 where there are none.

    Margins are at two opposite sides, of about one width.
    """
    step = max(1, math.ceil(max(frames.shape[1:]) / WORKING_SIZE))
    some = np.linspace(0, len(frames) - 1, min(FRAMES, len(frames))).astype(int)
    small = frames[some, step // 2 :: step, step // 2 :: step].astype(np.float32)
    if min(small.shape[1:]) < 32:
        return 0, 0, 0, 0
    left, right = _margins(small)
    top, bottom = (0, 0) if left else _margins(small.transpose(0, 2, 1))
    top, bottom, left, right = (step * (one + 1) if one else 0 for one in (top, bottom, left, right))
    return top, bottom, left, right


def _margins(frames: np.ndarray) -> tuple[int, int]:
    """Return how many of the first and of the last columns are blurred margins; 0 and 0 where both sides do not show one."""
    detail = np.abs(frames - ndimage.uniform_filter(frames, (0, 3, 3))).mean((0, 1))
    gray = frames.mean((0, 1))
    share = detail / np.maximum(gray, 1e-6)
    steps = np.abs(np.diff(frames, axis=2)).mean((0, 1))
    first, last = _seam(gray, share, steps), _seam(gray[::-1], share[::-1], steps[::-1])
    if not first or not last or abs(first - last) > 0.05 * len(gray):
        return 0, 0
    outside = np.ones(len(gray), bool)
    outside[first - 2 : len(gray) - last + 2] = False
    inside, lit = ~outside, gray >= DARK
    inside[first - 2 : first + 2], inside[len(gray) - last - 2 : len(gray) - last + 2] = False, False
    moves = np.median(np.ptp(frames, axis=0)[:, outside & lit]) > STILL if lit[outside].any() else False
    told = moves and lit[outside].mean() >= 0.3 and lit[inside].mean() >= 0.3
    sharp = told and np.median(share[inside & lit]) >= SHARPER * np.median(share[outside & lit])
    return (first, last) if sharp else (0, 0)


def _seam(gray: np.ndarray, share: np.ndarray, steps: np.ndarray) -> int:
    """Return how many columns lie before the seam of a blurred margin at the first column, 0 where there is none."""
    first, last = int(NARROWEST * len(gray)), int(WIDEST * len(gray))
    blurred = (gray >= DARK) & (share <= BLURRED)
    other = (gray >= DARK) & ~blurred
    for seam in range(first, last):
        before = slice(0, max(seam - 2, 1))  # detail at the seam itself is the step's
        if other[before].mean() > 0.2:
            return 0
        usual = max(float(np.median(steps[: seam - 1])), float(np.median(steps[seam + 1 :])) / SEAM, 0.3)
        if steps[seam - 1] >= SEAM * usual and blurred[before].mean() >= 0.1:
            return seam
    return 0
