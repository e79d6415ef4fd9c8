"""Cuts out the sector, resizes, unwarps it to polar coordinates, and takes maps back to the frame.

Coordinates are continuous: the pixel in row i and column j has its centre at (j + 0.5, i + 0.5). In polar coordinates the
rows are depth, the probe on top, and the columns are scan lines: B-lines stand upright and A-lines lie level.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from PIL import Image
from scipy import ndimage, sparse

from blues.check import InputError, one_of
from blues.video.drawings import without_drawings
from blues.video.sector import Sector, find_sector, mask

__all__ = ["Geometry", "crop", "mask", "polar", "prepare", "resize", "restore", "unpolar"]

Geometry = Literal["full", "sector", "polar"]
"""What an encoder looks at: the whole frame, the sector's box with its surroundings black, or the unwarped sector."""


def _check(frames: np.ndarray, sector: Sector | None = None) -> np.ndarray:
    frames = np.asarray(frames)
    if frames.ndim != 3 or frames.dtype != np.uint8:
        raise InputError(f"frames have shape {frames.shape} and type {frames.dtype}", allowed="(t, h, w), uint8")
    if sector is not None and frames.shape[1:] != sector.shape:
        raise InputError(
            f"frames are {frames.shape[1]} x {frames.shape[2]} pixels, the sector was found in "
            f"{sector.shape[0]} x {sector.shape[1]}",
            remedy="Find the sector of these frames with find_sector",
        )
    return frames


def _size(size: tuple[int, int]) -> tuple[int, int]:
    rows, columns = size
    if rows < 1 or columns < 1:
        raise InputError(f"the size is {rows} x {columns}", allowed="at least 1 x 1")
    return int(rows), int(columns)


def crop(frames: np.ndarray, sector: Sector, clean: bool = True) -> np.ndarray:
    """Cut the sector's box out of the frames.

    Parameters
    ----------
    frames : uint8 array, shape (t, h, w)
    sector : Sector
    clean : bool, default True
        Blacken what lies outside the sector: text, rulers, logos.

    Returns
    -------
    uint8 array, shape (t, bottom - top, right - left)
    """
    frames = _check(frames, sector)
    top, bottom, left, right = sector.box
    part = frames[:, top:bottom, left:right]
    if not clean or sector.kind != "convex":
        return part
    return part * mask(sector)[top:bottom, left:right]


def resize(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize frames to ``(height, width)``.

    Bilinear with a support that widens when shrinking (Pillow), so that every pixel counts; the shape may be distorted.

    Parameters
    ----------
    frames : uint8 array, shape (t, h, w)
    size : (int, int)
        Height and width, in pixels.

    Returns
    -------
    uint8 array, shape (t, height, width)

    Raises
    ------
    InputError
        For frames of another shape or type, or a size that is not above 0.

    Examples
    --------
    >>> resize(np.arange(16, dtype=np.uint8).reshape(1, 4, 4) * 10, (1, 1)).item()
    75
    """
    frames, (height, width) = _check(frames), _size(size)
    if frames.shape[1:] == (height, width):
        return frames
    result = np.empty((len(frames), height, width), np.uint8)
    for source, target in zip(frames, result, strict=True):
        target[:] = np.asarray(Image.fromarray(source).resize((width, height), Image.Resampling.BILINEAR))
    return result


def polar(frames: np.ndarray, sector: Sector, size: tuple[int, int]) -> np.ndarray:
    """Unwarp the sector: rows are depth from probe to deepest arc, columns scan lines from left to right.

    Parameters
    ----------
    frames : uint8 array, shape (t, h, w)
    sector : Sector
        A linear or full one is only cut out and resized: its scan lines are upright already.
    size : tuple of int
        Rows and columns of the result.

    Returns
    -------
    uint8 array, shape (t, rows, columns)
        Bilinear samples, several averaged where the result is coarser than the frame; 0 outside the frame or the sector's box.
    """
    frames, (rows, columns) = _check(frames, sector), _size(size)
    if sector.kind != "convex" or not len(frames):
        return resize(crop(frames, sector), (rows, columns))
    weights = _weights(sector, rows, columns)
    result = np.empty((len(frames), rows * columns), np.uint8)
    few = max(1, 4_000_000 // frames[0].size)  # frames as float32 are large: some at a time
    for i in range(0, len(frames), few):
        pixels = frames[i : i + few].reshape(len(frames[i : i + few]), -1).T.astype(np.float32, order="C")
        result[i : i + few] = np.rint((weights @ pixels).T)
    return result.reshape(len(frames), rows, columns)


def _weights(sector: Sector, rows: int, columns: int) -> sparse.csr_array:
    """Return what each pixel of the frame gives to each polar pixel, (rows * columns, h * w), float32."""
    height, width = sector.shape
    top, bottom, left, right = sector.box  # a tap half a pixel beyond is still of the picture
    depth, opening = sector.outer - sector.inner, sector.right - sector.left
    down = max(1, math.ceil(depth / rows / 1.5))  # samples a polar pixel, at most 1.5 pixels apart
    across = max(1, math.ceil(opening * (sector.inner + sector.outer) / 2 / columns / 1.5))
    radius = sector.inner + (np.arange(rows * down, dtype=np.float32)[:, None] + 0.5) * (depth / (rows * down))
    angle = sector.left + (np.arange(columns * across, dtype=np.float32)[None] + 0.5) * (opening / (columns * across))
    x = sector.apex[0] + radius * np.sin(angle) - 0.5
    y = sector.apex[1] + radius * np.cos(angle) - 0.5
    x0, y0 = np.floor(x), np.floor(y)
    index, share = [], []
    for dy in (0, 1):
        for dx in (0, 1):
            column, row = x0 + dx, y0 + dy
            inside = (column >= max(left - 1, 0)) & (column < min(right + 1, width))
            inside &= (row >= max(top - 1, 0)) & (row < min(bottom + 1, height))
            index.append(np.where(inside, row * width + column, 0).astype(np.int32))
            share.append(np.where(inside, (1 - np.abs(x - column)) * (1 - np.abs(y - row)), 0).astype(np.float32))
    cells = (4, rows, down, columns, across)
    order = (1, 3, 0, 2, 4)
    taps = 4 * down * across
    return sparse.csr_array(
        (
            np.stack(share).reshape(cells).transpose(order).ravel() / np.float32(down * across),
            np.stack(index).reshape(cells).transpose(order).ravel(),
            np.arange(0, rows * columns * taps + 1, taps, dtype=np.int32),
        ),
        shape=(rows * columns, height * width),
    )


def unpolar(maps: np.ndarray, sector: Sector, fill: float = 0.0) -> np.ndarray:
    """Take maps in polar coordinates, such as a saliency, back to the frame.

    Parameters
    ----------
    maps : array, shape (n, rows, columns)
    sector : Sector
    fill : float, default 0.0
        Value outside the sector.

    Returns
    -------
    float32 array, shape (n, h, w)
        Bilinear.
    """
    return restore(maps, "polar", sector, fill)


def restore(maps: np.ndarray, geometry: Geometry, sector: Sector, fill: float = 0.0) -> np.ndarray:
    """Take maps of what :func:`prepare` made back to the frame, whatever the geometry.

    Parameters
    ----------
    maps : array, shape (n, rows, columns)
        Of any size: it is stretched over what ``geometry`` shows.
    geometry : {"full", "sector", "polar"}
    sector : Sector
        The one that ``prepare`` used; for "full" only its frame size counts.
    fill : float, default 0.0
        Value outside the sector; of no effect for "full".

    Returns
    -------
    float32 array, shape (n, h, w)
    """
    maps = np.asarray(maps, dtype=np.float32)
    one_of(geometry, get_args(Geometry), "geometry")
    if maps.ndim != 3:
        raise InputError(f"maps have shape {maps.shape}", allowed="(n, rows, columns)")
    height, width = sector.shape
    y, x = np.mgrid[:height, :width].astype(np.float32) + 0.5
    if geometry == "polar" and sector.kind == "convex":
        dy, dx = y - sector.apex[1], x - sector.apex[0]
        down = (np.hypot(dx, dy) - sector.inner) / (sector.outer - sector.inner)
        across = (np.arctan2(dx, dy) - sector.left) / (sector.right - sector.left)
    else:
        top, bottom, left, right = (0, height, 0, width) if geometry == "full" else sector.box
        down, across = (y - top) / (bottom - top), (x - left) / (right - left)
    place = np.stack([down * maps.shape[1] - 0.5, across * maps.shape[2] - 0.5])
    result = np.stack([ndimage.map_coordinates(m, place, order=1, mode="nearest") for m in maps])
    return result if geometry == "full" else np.where(mask(sector), result, np.float32(fill))


def prepare(
    frames: np.ndarray, geometry: Geometry = "full", size: tuple[int, int] = (224, 224), sector: Sector | None = None
) -> np.ndarray:
    """Make an encoder's input of a clip's frames.

    What a machine or an author drew over the moving picture (a centre line, an M-mode cursor, letters, arrows, a box) is taken
    out first: encoders take it for findings.

    Parameters
    ----------
    frames : uint8 array, shape (t, h, w)
        Of one clip, in order of time.
    geometry : {"full", "sector", "polar"}
        The whole frame; the sector's box, black outside it; or the unwarped sector.
    size : tuple of int
        Height and width (rows and columns) of the result.
    sector : Sector, optional
        Found from the frames when not given.

    Returns
    -------
    uint8 array, shape (t, height, width)

    Examples
    --------
    >>> prepare(np.full((2, 40, 30), 7, np.uint8), "full", (8, 8)).shape
    (2, 8, 8)
    """
    one_of(geometry, get_args(Geometry), "geometry")
    if geometry != "full" and sector is None:
        sector = find_sector(frames)
    frames = without_drawings(_check(frames, sector))
    if sector is None or geometry == "full":
        return resize(frames, size)
    return polar(frames, sector, size) if geometry == "polar" else resize(crop(frames, sector), size)
