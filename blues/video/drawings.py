"""Takes out what is drawn over the moving picture: straight lines, and letters, arrows, crosses, boxes and a player's bar.

All stand still, bright and sharp, amid tissue that moves (:mod:`blues.video.lines`). A straight upright line is carried over
its whole course, since parts may be too faint to be seen; anything else is filled in where it is seen. What is level, as the
pleural line and A-lines are, is left alone but at the lower end of the frame, and so are specks.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from blues.video.lines import Line, bridged, drawn, lines_of

__all__ = ["FIGURE", "LINE", "drawings", "without_drawings"]

LINE = "a straight line is drawn over the moving picture; encoders see the clip without it"
FIGURE = "letters or a figure are drawn over the moving picture; encoders see it filled in there"

TALL, LEVEL, LARGE = 1 / 45, 0.3, 0.1
"""A figure has this share of the frame's height, and of its own width or a tenth of the frame's height: others are level."""
DEEPEST, WIDE = 5 / 6, 0.2
"""A player's bar is level, lies below this share of the frame's height, and has this share of its width."""
LEAST = 0.0005
"""The share of the frame that figures take up at least, together."""
REACHES = (9, 17, 33, 65)
"""Widths in pixels of the surroundings that a pixel is filled in from, the narrowest first that shows enough of them."""


def without_drawings(frames: np.ndarray) -> np.ndarray:
    """Return frames without what is drawn over them: what lies beside it is carried on across it.

    Parameters
    ----------
    frames : uint8 array, shape (t, h, w)
        Of one clip.

    Returns
    -------
    uint8 array, shape (t, h, w)
        The frames themselves where there is nothing.

    Examples
    --------
    >>> moving = np.random.default_rng(0).integers(20, 80, (8, 120, 160), dtype=np.uint8)
    >>> shown = moving.copy()
    >>> shown[:, ::2, 79:81], shown[:, 40:60, 20:22], shown[:, 40:42, 20:50] = 230, 230, 230
    >>> int(without_drawings(shown).max()), without_drawings(moving) is moving
    (79, True)
    """
    whole, upon = drawn(frames)
    lines, width = lines_of(upon)
    figures = _figures(whole, upon, lines, width)
    if figures.any():
        frames = _filled(frames, figures)
    return bridged(frames, lines, width) if lines else frames


def drawings(frames: np.ndarray) -> tuple[str, ...]:
    """Say what is drawn over the frames (t, h, w) of a clip; empty where nothing is."""
    whole, upon = drawn(frames)
    lines, width = lines_of(upon)
    told = ((LINE, bool(lines)), (FIGURE, bool(_figures(whole, upon, lines, width).any())))
    return tuple(words for words, found in told if found)


def _figures(whole: np.ndarray, upon: np.ndarray, lines: list[Line], width: float) -> np.ndarray:
    """Return which pixels are of letters or figures, bool (h, w), from what is drawn and the lines, of some width, among it."""
    other, (rows, columns) = upon, np.ogrid[: upon.shape[0], : upon.shape[1]]
    for line in lines:
        other = other & (np.abs(columns - line.start - line.lean * rows) > width + 2)
    if _upright(other).mean() < LEAST:
        return np.zeros_like(upon)
    near, count = ndimage.label(ndimage.binary_dilation(whole, np.ones((7, 7))))
    of_one = np.zeros(count + 1, bool)
    of_one[near[_upright(upon)]] = True  # the level parts of an arrow or a letter too
    return np.asarray(whole & of_one[near])


def _upright(found: np.ndarray) -> np.ndarray:
    """Return the pixels of connected parts that are high enough, and not level, bool (h, w)."""
    parts, count = ndimage.label(found, np.ones((3, 3)))
    if not count:
        return found
    ends = np.array(
        [(0, 0, 0, 0), *((rows.start, rows.stop, cols.start, cols.stop) for rows, cols in ndimage.find_objects(parts))]
    )
    tall, wide = ends[:, 1] - ends[:, 0], ends[:, 3] - ends[:, 2]
    upright = (tall >= TALL * len(found)) & ((tall >= LEVEL * wide) | (tall >= LARGE * len(found)))
    bar = (ends[:, 0] >= DEEPEST * len(found)) & (wide >= WIDE * found.shape[1])
    return np.asarray((upright | bar)[parts])


def _filled(frames: np.ndarray, figures: np.ndarray) -> np.ndarray:
    """Return the frames with the mean of what lies round about in the place of figures and of their blurred edges."""
    left = ndimage.binary_dilation(figures, np.ones((5, 5)))
    rows, columns = (slice(max(0, at.min() - REACHES[-1]), at.max() + REACHES[-1] + 1) for at in np.nonzero(left))
    result = frames.copy()
    part, left = result[:, rows, columns], left[rows, columns]
    shown = (~left).astype(np.float32)
    steps: list[tuple[int, np.ndarray, np.ndarray]] = []
    for reach in REACHES:
        share = ndimage.uniform_filter(shown, reach)
        now = left & (share > 0.15)
        steps.append((reach, now, share[now]))
        left &= ~now
    for one in part:
        source = one * shown
        for reach, now, share in steps:
            if len(share):
                one[now] = np.rint(ndimage.uniform_filter(source, reach)[now] / share).astype(np.uint8)
    return result
