"""Reads clips that are arrays rather than streams: NumPy files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from blues.check import InputError
from blues.provenance import load_array
from blues.video.container import ASSUMED_RATE, Decoded

__all__ = ["COLOURS", "count_npy", "gray", "is_npy", "read_npy"]

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green and blue in gray: ITU-R BT.601."""

COLOURS = (1, 3, 4)
"""Lengths of a last axis that may be one of colours."""


def is_npy(head: bytes) -> bool:
    """Tell a NumPy file by its first bytes."""
    return head.startswith(b"\x93NUMPY")


def _load(path: Path) -> np.ndarray:
    try:
        array = load_array(path, mmap_mode="r")
    except (ValueError, EOFError, OSError) as error:
        raise InputError(
            f"not a whole NumPy file of numbers ({error})", file=path, remedy="Write it again with numpy.save"
        ) from None
    if (
        array.dtype != np.uint8
        or array.ndim not in (3, 4)
        or 0 in array.shape
        or array.shape[3:] not in ((), (1,), (3,))
    ):
        raise InputError(
            f"the array has shape {array.shape} and type {array.dtype}",
            file=path,
            allowed="uint8 of shape (frames, height, width), or the same with 1 or 3 colours last",
        )
    if array.ndim == 3 and array.shape[2] in COLOURS:
        count, height, width = array.shape
        raise InputError(
            f"the array has shape {array.shape}: one picture with its {width} colours last, "
            f"or {count} frames {height} x {width} pixels",
            file=path,
            remedy="Save one picture as array[None, ..., :3], and frames that are so narrow as array[..., None]",
        )
    return array


def count_npy(path: Path) -> int:
    """Return the number of frames of a NumPy file."""
    return len(_load(path))


def read_npy(path: Path, choose: Callable[[int, float], np.ndarray]) -> Decoded:
    """Read the chosen frames of a ``.npy`` file, uint8 (t, h, w) or (t, h, w, c); 25 frames a second are assumed."""
    array = _load(path)
    wanted = choose(len(array), ASSUMED_RATE)
    frames = gray(np.asarray(array[wanted]))
    problem = f"the file holds no frame rate; {ASSUMED_RATE:g} a second assumed"
    return Decoded(frames, wanted / ASSUMED_RATE, ASSUMED_RATE, len(array), (problem,))


def gray(frames: np.ndarray) -> np.ndarray:
    """Return frames (t, h, w), or (t, h, w, c) with 1 or 3 colours, as gray uint8 (t, h, w)."""
    if frames.ndim == 3:
        return np.ascontiguousarray(frames)
    if frames.shape[3] == 1:
        return np.ascontiguousarray(frames[..., 0])
    return np.rint(frames.astype(np.float32) @ LUMA).astype(np.uint8)
