"""Finds the pleural line in polar frames: the brightest ridge that runs through all scan lines without jumping."""

from __future__ import annotations

import numpy as np

__all__ = ["average", "below", "filled", "ridge", "trace"]

# what a change of depth by one row costs a path, in units of a typical ridge
BEND = 0.15
EPSILON = np.float32(1e-6)


def average(values: np.ndarray, axis: int, step: int = 1) -> np.ndarray:
    """Return the mean of three neighbours ``step`` apart along an axis, the border repeated."""
    width = [(0, 0)] * values.ndim
    width[axis] = (step, step)
    wide = np.moveaxis(np.pad(values, width, mode="edge"), axis, -1)
    mean = (wide[..., : -2 * step] + wide[..., step:-step] + wide[..., 2 * step :]) / 3
    return np.moveaxis(mean, -1, axis)


def filled(image: np.ndarray, rows: int, dark: float = 4 / 255) -> np.ndarray:
    """Return the upper rows with what lies above the first visible pixel of a scan line filled with that pixel's level.

    Clips are often cut so that the arc of the probe is missing at the sides: an edge there is no ridge.
    """
    upper = image[:, :rows].copy()
    visible = upper[:, : rows // 2] > dark
    first = np.where(visible.any(1), visible.argmax(1), 0)
    # two rows further in, past the blurred edge
    level = np.take_along_axis(upper, np.minimum(first + 2, rows - 1)[:, None], 1)
    above = np.arange(rows)[:, None] < (first + 2 * (first > 0))[:, None]
    return np.where(above, level, upper)


def ridge(image: np.ndarray, reach: int) -> np.ndarray:
    """Return how far each row outshines those ``reach`` above and below; zero within ``reach`` of the borders.

    Parameters
    ----------
    image : ndarray, shape (n, rows, ...)
        Smoothed frames or row profiles.
    reach : int
        Rows.
    """
    contrast = np.zeros_like(image)
    around = image[:, : -2 * reach] + image[:, 2 * reach :]
    np.subtract(image[:, reach:-reach], around / 2, out=contrast[:, reach:-reach])
    return contrast


def trace(contrast: np.ndarray, first: int) -> np.ndarray:
    """Return the row of the best path from the left to the right of each frame, by dynamic programming.

    The path gains the contrast it runs over and pays for every change of depth.

    Parameters
    ----------
    contrast : ndarray, shape (n, rows, columns)
        From :func:`ridge`.
    first : int
        Shallowest row allowed.

    Returns
    -------
    ndarray of int, shape (n, columns)
        Neighbouring columns differ by at most one row.
    """
    gain = np.maximum(contrast[:, first:], 0)
    typical = gain.max(1).mean(1)[:, None, None] + EPSILON
    # squared: the pleural line is the brightest ridge, and fasciae above it run further
    gain = np.ascontiguousarray(np.moveaxis((gain / typical) ** 2, 2, 0))
    columns, n, rows = gain.shape
    came_from = np.zeros((columns, n, rows), np.int8)
    wide = np.full((n, rows + 2), -np.inf, np.float32)
    wide[:, 1:-1] = gain[0]
    for column in range(1, columns):
        up, stay, down = wide[:, :-2] - np.float32(BEND), wide[:, 1:-1], wide[:, 2:] - np.float32(BEND)
        best = np.maximum(np.maximum(up, down), stay)
        came_from[column] = np.where(best == stay, 0, np.where(best == up, -1, 1))
        wide[:, 1:-1] = best + gain[column]
    path = np.empty((n, columns), np.intp)
    path[:, -1] = wide[:, 1:-1].argmax(1)
    frame = np.arange(n)
    for column in range(columns - 1, 0, -1):
        path[:, column - 1] = path[:, column] + came_from[column, frame, path[:, column]]
    return path + first


def below(image: np.ndarray, path: np.ndarray, gap: int, rows: int) -> np.ndarray:
    """Return what lies below a path, each scan line shifted so that the path becomes straight.

    Parameters
    ----------
    image : ndarray, shape (n, height, columns)
        Frames.
    path : ndarray of int, shape (n, columns)
        From :func:`trace`.
    gap, rows : int
        Rows left out below the path, and rows taken; the last row of the frame is repeated where it ends.

    Returns
    -------
    ndarray, shape (n, rows, columns)
    """
    index = path[:, None, :] + np.arange(gap, gap + rows)[:, None]
    return np.take_along_axis(image, np.minimum(index, image.shape[1] - 1), 1)
