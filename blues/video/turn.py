"""Turns a decoded picture the way its file says it is to be shown, mirrored where the file says so."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import cast

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

__all__ = ["turned", "upright"]

Turn = tuple[float, float, float, float]
"""``a, b, c, d`` of a display matrix: what is stored at x, y is shown at ``a x + c y, b x + d y``."""

ORIENTATION = 0x0112
"""EXIF's tag of the orientation."""

TAGGED: dict[int, Turn] = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}


def upright(image: np.ndarray, frame: VideoFrame, path: Path) -> np.ndarray:
    """Return a picture as it is to be shown: turned by quarters, mirrored, or both.

    Parameters
    ----------
    image : array, shape (h, w)
        The pixels of ``frame`` as stored.
    frame : VideoFrame
    path : Path
        The file it comes from.
    """
    return _shown(image, _turn(frame, path))


def turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """Return a picture as EXIF's number of an orientation says that it is to be shown; as it is for another number."""
    return _shown(image, TAGGED.get(orientation, TAGGED[1]))


def _shown(image: np.ndarray, turn: Turn) -> np.ndarray:
    a, b, c, d = turn
    rows, columns = d < 0, a < 0
    if abs(b) + abs(c) > abs(a) + abs(d):
        image, rows, columns = image.T, b < 0, c < 0
    return image[:: -1 if rows else 1, :: -1 if columns else 1]


def _turn(frame: VideoFrame, path: Path) -> Turn:
    try:
        data = cast(bytes | None, frame.side_data.get("DISPLAYMATRIX"))
    except ValueError:  # PyAV gives none of a frame's side data where it has no name for a part, as for EXIF
        return _tagged(path) or _rotated(frame.rotation)
    if data is None:
        return TAGGED[1]
    a, b, _, c, d = np.frombuffer(data, np.int32)[:5].tolist()
    return a, b, c, d


def _tagged(path: Path) -> Turn | None:
    """Return the turn by the orientation tag of a still picture, None where it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about sizes and tags that do not matter here
        try:
            with Image.open(path) as image:
                return TAGGED.get(image.getexif().get(ORIENTATION, 0))
        except Exception:  # not a still picture; each format's reader raises its own
            return None


def _rotated(degrees: float) -> Turn:
    """Return the turn by ``degrees``, counter-clockwise."""
    angle = math.radians(degrees)
    return math.cos(angle), -math.sin(angle), math.sin(angle), math.cos(angle)
