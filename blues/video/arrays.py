"""Reads clips that are arrays rather than streams: NumPy files and DICOM (with the extra ``dicom``)."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from blues.check import InputError
from blues.video.container import ASSUMED_RATE, SANE_RATE, Decoded

__all__ = ["count_dicom", "count_npy", "is_dicom", "is_npy", "read_dicom", "read_npy"]

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green and blue in gray: ITU-R BT.601."""


def is_npy(head: bytes) -> bool:
    """Tell a NumPy file by its first bytes."""
    return head.startswith(b"\x93NUMPY")


def is_dicom(head: bytes) -> bool:
    """Tell a DICOM file by the mark after its preamble (PS3.10, section 7.1)."""
    return head[128:132] == b"DICM"


def _load(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
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
    return array


def count_npy(path: Path) -> int:
    """Return the number of frames of a NumPy file."""
    return len(_load(path))


def read_npy(path: Path, choose: Callable[[int, float], np.ndarray]) -> Decoded:
    """Read the chosen frames of a ``.npy`` file, uint8 (t, h, w) or (t, h, w, c); 25 frames a second are assumed."""
    array = _load(path)
    wanted = choose(len(array), ASSUMED_RATE)
    frames = _gray(np.asarray(array[wanted]))
    problem = f"the file holds no frame rate; {ASSUMED_RATE:g} a second assumed"
    return Decoded(frames, wanted / ASSUMED_RATE, ASSUMED_RATE, len(array), (problem,))


def _gray(frames: np.ndarray) -> np.ndarray:
    if frames.ndim == 3:
        return np.ascontiguousarray(frames)
    if frames.shape[3] == 1:
        return np.ascontiguousarray(frames[..., 0])
    return np.rint(frames.astype(np.float32) @ LUMA).astype(np.uint8)


def _pydicom(path: Path) -> Any:
    try:
        return importlib.import_module("pydicom")
    except ImportError:
        raise InputError(
            "a DICOM clip, and the package that reads them is not installed",
            file=path,
            remedy="Install the extra: pip install 'blues-lus[dicom]'",
        ) from None


def _header(path: Path) -> Any:
    pydicom = _pydicom(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values that do not matter here
        try:
            data = pydicom.dcmread(path, stop_before_pixels=True)
        except Exception as error:
            raise InputError(f"not a DICOM file that can be read ({error})", file=path) from None
    if "Rows" not in data or "Columns" not in data:
        raise InputError("a DICOM file without pictures", file=path, remedy="Take it out of the folder of clips")
    return data


def count_dicom(path: Path) -> int:
    """Return the number of frames a DICOM file states."""
    return int(_header(path).get("NumberOfFrames", 1) or 1)


def _frame_rate(data: Any) -> tuple[float, list[str]]:
    """Return frames a second from the cine module (PS3.3, C.7.6.5): FrameTime, else CineRate, else the recommended."""
    found = []
    if data.get("FrameTime"):
        found.append(1000 / float(data.FrameTime))
    elif data.get("FrameTimeVector"):
        steps = [float(step) for step in data.FrameTimeVector[1:]]
        found.append(1000 * len(steps) / sum(steps) if sum(steps) > 0 else 0.0)
    found += [float(data.get(name) or 0) for name in ("CineRate", "RecommendedDisplayFrameRate")]
    for rate in found:
        if SANE_RATE[0] <= rate <= SANE_RATE[1]:
            return rate, []
    return ASSUMED_RATE, [f"the frame rate is unknown or absurd; {ASSUMED_RATE:g} a second assumed"]


def read_dicom(path: Path, choose: Callable[[int, float], np.ndarray]) -> Decoded:
    """Read the chosen frames of a DICOM multi-frame image, colour turned to gray, deeper values scaled to 8 bits."""
    pydicom = _pydicom(path)
    data = _header(path)
    total = int(data.get("NumberOfFrames", 1) or 1)
    fps, problems = _frame_rate(data)
    wanted = choose(total, fps)
    pixels = importlib.import_module("pydicom.pixels")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            frames = np.stack(list(pixels.iter_pixels(pydicom.dcmread(path), indices=wanted.tolist())))
        except Exception as error:  # each decoder plug-in raises its own
            raise InputError(
                f"the DICOM pictures cannot be decoded: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
                file=path,
                remedy="Copy the file again; for JPEG 2000 install the extra: pip install 'blues-lus[dicom]'",
            ) from None
    if frames.dtype != np.uint8:
        frames = np.clip(frames.astype(np.float32) * (255 / (2 ** int(data.BitsStored) - 1)), 0, 255)
        frames = np.rint(frames).astype(np.uint8)
    frames = _gray(frames)
    if data.get("PhotometricInterpretation") == "MONOCHROME1":  # 0 is white
        frames = 255 - frames
    return Decoded(frames, wanted / fps, fps, total, tuple(problems))
