"""Tells tissue from the ground that a clip's picture lies on, and from what machines and players put beside it.

What never changes and has the value of the image's margin is ground; the ground may be black, gray, or shaded from edge to
edge. Text and logos stand still. What moves in the margin (a clock, a blinking dot, subtitles) is small, brighter than the
tissue or beside it, and not tissue either.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy import ndimage

__all__ = [
    "WORKING_SIZE",
    "Parting",
    "Reduced",
    "parting",
    "reduced",
    "rim",
    "seen",
    "stands_out",
    "tissue",
    "tissue_of_mean",
]

WORKING_SIZE = 256
"""Longest side, in pixels, of the reduced picture that is searched."""
BLACK, RIM_SPREAD = 16, 24
"""A rim round the frame is lighter than this, and its gray levels are no farther apart."""
STILL = 6
"""Gray levels that a pixel may vary by over a clip and still stand still."""


@dataclasses.dataclass(frozen=True)
class Reduced:
    """A clip's extremes over time, made small, and what counts as its ground.

    Attributes
    ----------
    high, low : float32 array, shape (h // step, w // step)
        Maximum and minimum over time, gray levels, without the shade of the ground.
    step : int
        Pixels of the frame that make one of these.
    level, noise : float
        Gray level of the ground, and how far from it still counts as ground.
    """

    high: np.ndarray
    low: np.ndarray
    step: int
    level: float
    noise: float


def reduced(frames: np.ndarray) -> Reduced:
    """Return the extremes over time of frames (t, h, w), made small, and their ground."""
    step = min(max(1, math.ceil(max(frames.shape[1:]) / WORKING_SIZE)), *frames.shape[1:])
    high, low = _unshaded(_small(frames.max(0), step), _small(frames.min(0), step))
    return Reduced(high, low, step, *_background(high, low))


def rim(frames: np.ndarray) -> tuple[int, int, int, int]:
    """Return how wide a thin, even, still rim round frames (t, h, w) is: top, bottom, left and right, 0 where there is none.

    Screen recordings and figures have one, of any gray but black. It must run round all four sides; a ground that is wider
    than a fortieth of the frame is no rim.
    """
    tall, wide = (max(2, size // 40) + 1 for size in frames.shape[1:])
    upright = frames.transpose(0, 2, 1)
    sides = (frames[:, :tall], frames[:, ::-1][:, :tall], upright[:, :wide], upright[:, ::-1][:, :wide])
    top, bottom, left, right = (_rim_width(side) for side in sides)
    return (top, bottom, left, right) if top and bottom and left and right else (0, 0, 0, 0)


def _rim_width(rows: np.ndarray) -> int:
    """Return how many of the first rows of frames are of a rim, one more for its blurred edge; 0 where none or all are."""
    high, low = rows.max(0), rows.min(0)
    even = np.percentile(high, 90, axis=1) - np.percentile(low, 10, axis=1) <= RIM_SPREAD
    there = even & (np.median(high, axis=1) > BLACK)
    width = int(there.argmin())
    return width + 1 if 0 < width and not there.all() else 0


def seen(frames: np.ndarray) -> tuple[np.ndarray, int]:
    """Return what differs from the margins of frames (t, h, w), bool (h // step, w // step), and ``step``."""
    about = reduced(frames)
    return _differing(about), about.step


def tissue(about: Reduced) -> np.ndarray:
    """Return where there is tissue or noise rather than ground and furniture, bool, from the extremes over time."""
    opened = _differing(about)
    parts, count = ndimage.label(opened, np.ones((3, 3)))
    if not count:
        return opened
    size = np.bincount(parts.ravel())
    size[0] = 0

    def share(where: np.ndarray) -> np.ndarray:
        return np.bincount(parts.ravel(), weights=where.ravel()) / np.maximum(size, 1)

    moving = share(about.high - about.low > STILL)
    large, small = size > 0.01 * parts.size, size > 0.002 * parts.size
    keep = (large & (moving > 0.1)) | (small & (moving > 0.5))  # text stands still
    keep[size.argmax()] = True
    keep[0] = False
    if keep.sum() > 1:
        keep &= _belongs(parts, np.where(keep, size, 0), share(about.high))
    return keep[parts]


def _belongs(parts: np.ndarray, size: np.ndarray, bright: np.ndarray) -> np.ndarray:
    """Tell which parts go with the largest one: those of some size or within its box, and dim, ragged ones not beside it.

    Tissue that fades with depth comes apart in ragged pieces, and lines, dimmer than what lies above; a clock in the margin is
    bright, subtitles are a box, a dot lies beside the picture. Beside it there is tissue too where the frame cuts it off.
    """
    main, places = int(size.argmax()), ndimage.find_objects(parts)
    ends = np.array([(0, 0, 0, 0), *((rows.start, rows.stop, columns.start, columns.stop) for rows, columns in places)])
    sides = ends[:, [1, 3]] - ends[:, [0, 2]]
    box = (sides.min(1) >= 6) & (size > 0.95 * sides.prod(1))
    middle, spare = ends[:, 2:].mean(1), sides[main, 1] // 15
    beside = (middle < ends[main, 2] - spare) | (middle > ends[main, 3] + spare)
    cut = (ends[:, 2] == 0) | (ends[:, 3] == parts.shape[1])
    outside = np.ones(parts.shape)
    outside[places[main - 1]] = 0
    small = (np.bincount(parts.ravel(), weights=outside.ravel()) > 0.5 * size) & (size < 0.25 * size[main])
    small &= sides[:, 0] < 0.5 * sides[main, 0]  # what is as tall lies beyond a shadow
    return np.asarray(~(small & (box | (beside & ~cut) | (bright > bright[main]))))


@dataclasses.dataclass(frozen=True)
class Parting:
    """Ground over the whole width between a picture and another below it, in rows of the reduced picture.

    Attributes
    ----------
    above, below : int
        The row after the upper picture's last, and the lower one's first.
    sharp : bool
        Whether the lower one begins at once with its whole width, as a tracing over time (M-mode) does. Tissue below a dark
        band begins raggedly, and a sector with its narrow end.
    """

    above: int
    below: int
    sharp: bool


def parting(found: np.ndarray) -> Parting | None:
    """Return where one of two pictures of some size ends and the other begins below it; None where there is one.

    A bar burnt straight across the middle of one picture parts two as well: a tracing below is far commoner.

    Parameters
    ----------
    found : bool array, shape (h, w)
        From :func:`tissue`.
    """
    rows, columns = found.shape
    if rows < 96:
        return None
    bands, _ = ndimage.label(found.mean(1) < 0.01)
    between: list[Parting] = []
    for (band,) in ndimage.find_objects(bands):
        upper, lower = found[: band.start], found[band.stop :]
        if band.stop - band.start < max(2, 0.01 * rows) or min(len(upper), len(lower)) < 3:
            continue
        wide = [part.any(0).sum() for part in (upper, lower)]
        tall = [part.any(1).sum() for part in (upper, lower)]
        if min(tall) >= 0.2 * rows and min(wide) >= 0.3 * columns:
            begins = lower[1:3].mean(1).min() * columns
            between.append(Parting(band.start, band.stop, bool(begins >= 0.85 * wide[1])))
    return max(between, key=lambda one: one.sharp, default=None)


def tissue_of_mean(frames: np.ndarray, step: int) -> np.ndarray:
    """Return where there is tissue by the mean over time, bool: in a noisy recording no margin is ever still."""
    mean = _small(frames.mean(0, dtype=np.float32), step)
    return tissue(Reduced(mean, mean, step, *_noisy_background(mean)))


def stands_out(found: np.ndarray) -> bool:
    """Tell whether a good part is tissue and both upper corners are not, as round a sector; else what is dark may be shadow."""
    edge = max(2, min(found.shape) // 20)
    corners = found[:edge, :edge], found[:edge, -edge:]
    return bool(found.mean() >= 0.25 and max(corner.mean() for corner in corners) < 0.2)


def _small(image: np.ndarray, step: int) -> np.ndarray:
    height, width = image.shape[0] // step, image.shape[1] // step
    cells = image[: height * step, : width * step].reshape(height, step, width, step)
    return cells.mean((1, 3), dtype=np.float32)


def _differing(about: Reduced) -> np.ndarray:
    """Return where the extremes over time differ from the margins, bool, without specks."""
    differing = (about.high - about.level > about.noise) | (about.level - about.low > about.noise)
    return np.asarray(ndimage.binary_opening(np.pad(differing, 1, mode="edge"), np.ones((3, 3)))[1:-1, 1:-1])


def _border(shape: tuple[int, ...]) -> np.ndarray:
    """Return the band along the edges of a picture, bool."""
    band = np.ones(shape, dtype=bool)
    edge = max(2, min(shape) // 25)
    band[edge:-edge, edge:-edge] = False
    return band


def _unshaded(high: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take the shade off a ground that grows lighter from edge to edge; any other picture is returned as it is.

    A plane is fitted to the still pixels of the border, again and again to those that lie near it. It must explain most of
    them, an even ground must explain far fewer, and grays between must occur: a dark and a less dark edge are no shade.
    """
    still = _border(high.shape) & (high - low <= STILL)
    y, x = np.nonzero(still)
    if len(y) < 0.5 * _border(high.shape).sum():
        return high, low
    place = np.column_stack([np.ones(len(y)), y / high.shape[0] - 0.5, x / high.shape[1] - 0.5])
    values = (high + low)[still] / 2
    near = np.abs(values - np.median(values)) <= 30
    for reach in (12, 6, 3):
        plane = np.linalg.lstsq(place[near], values[near], rcond=None)[0]
        near = np.abs(values - place @ plane) <= reach
        if near.sum() < 0.4 * len(values):
            return high, low
    plane = np.linalg.lstsq(place[near], values[near], rcond=None)[0]
    explained = np.abs(values - place @ plane) <= 3
    even = np.abs(values - np.median(values)) <= 3
    low_end, high_end = np.quantile(values[explained], (0.05, 0.95)) if explained.any() else (0.0, 0.0)
    between = np.abs(values - (low_end + high_end) / 2) < (high_end - low_end) / 6
    fits = explained.mean() >= 0.6 and even.mean() <= explained.mean() - 0.2 and between.mean() >= 0.1
    if not fits or np.abs(plane[1:]).max() < 8:
        return high, low
    rows, columns = (np.arange(size) / size - 0.5 for size in high.shape)
    shade = (plane[1] * rows[:, None] + plane[2] * columns).astype(np.float32)
    return np.clip(high - shade, 0, 255), np.clip(low - shade, 0, 255)


def _noisy_background(mean: np.ndarray) -> tuple[float, float]:
    """Return the gray level of margins that are never still, as of a noisy recording, and how far from it counts as margin."""
    band = mean[_border(mean.shape)]
    level = float(np.convolve(np.bincount(np.rint(band).astype(int), minlength=256), [1, 2, 1], "same").argmax())
    near = np.abs(band - level)
    return level, max(4.5, 5 * float(np.median(near[near <= 10])))


def _background(high: np.ndarray, low: np.ndarray) -> tuple[float, float]:
    """Return the gray level of the margins and how far from it still counts as margin.

    The level is the commonest value of the still pixels along the frame's border, 0 when they share none.
    """
    band = _border(high.shape)
    values = high[band & (high - low <= STILL)]
    level = 0.0
    if values.size > 0.03 * band.sum():
        common = np.convolve(np.bincount(np.rint(values).astype(int), minlength=256), [1, 2, 1], "same")
        if common.max() > 0.04 * band.sum():
            level = float(common.argmax())
    spread = np.abs(values - level)
    spread = spread[spread <= 10]
    return level, max(4.5, float(np.percentile(spread, 75)) + 2.5 if spread.size else 0.0)
