"""Turns the values that a DICOM image stores into the grays it is to be shown in (PS3.3, C.7.6.3, C.11.1 and C.11.2)."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from blues.check import InputError
from blues.video.arrays import gray

__all__ = ["shown"]

Tones = Callable[[np.ndarray], np.ndarray]
"""Turns stored values into gray, 0 to 255, float."""

Whole = Callable[[], Iterable[np.ndarray]]
"""Gives every frame of the file, one after the other; asked only where the chosen frames do not settle the grays."""


def shown(frames: np.ndarray, data: Any, path: Path, whole: Whole) -> tuple[np.ndarray, list[str]]:
    """Return stored frames as they are to be shown: a frame has the same grays whichever frames are chosen beside it.

    Parameters
    ----------
    frames : array of whole numbers, shape (t, h, w), or (t, h, w, 3)
    data : pydicom.Dataset
    path : Path
    whole : callable
        Takes nothing, gives every frame of the file, shape (h, w) or (h, w, 3).

    Returns
    -------
    frames : uint8 array, shape (t, h, w)
    problems : list of str
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values that do not matter here
        kind = data.get("PhotometricInterpretation")
        if kind == "PALETTE COLOR":
            return _palette(frames, data, path), []
        low, high, problems = _range(frames, data, whole)
        if frames.ndim == 4:
            return gray(_map(frames, low, high, lambda stored: (stored - low) * (255 / (high - low)))), problems
        frames, problems = _monochrome(frames, data, whole, (low, high), problems)
    return 255 - frames if kind == "MONOCHROME1" else frames, problems  # 0 is white


def _map(frames: np.ndarray, low: int, high: int, tones: Tones) -> np.ndarray:
    """Turn each stored value from ``low`` to ``high`` to gray once, and look every pixel up, if they are few."""
    stored = np.clip(frames.astype(np.int64 if frames.itemsize > 2 else np.int32), low, high)
    return _bytes(tones(stored) if high - low >= 1 << 16 else tones(np.arange(low, high + 1))[stored - low])


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def _palette(frames: np.ndarray, data: Any, path: Path) -> np.ndarray:
    try:
        count, first, _ = data.RedPaletteColorLookupTableDescriptor
        colours = _colours(data, first, count or 1 << 16)
    except Exception as error:
        raise InputError(
            f"its colours come from a palette, which cannot be read ({error})",
            file=path,
            remedy="Export the clip again",
        ) from None
    deepest = 65535 if colours.max() > 255 else 255  # entries of 8 bits may be kept in 16
    table = gray(_bytes(colours[None, None] * (255 / deepest)))[0, 0]
    return table[np.clip(frames.astype(np.int32) - first, 0, len(table) - 1)]


def _colours(data: Any, first: int, count: int) -> np.ndarray:
    """Return the entries of a palette, (count, 3). pydicom expands tables in segments; long ones of 8 bits it misreads."""
    tables = [data.get(f"{name}PaletteColorLookupTableData") for name in ("Red", "Green", "Blue")]
    if None in tables:
        stored = np.arange(first, first + count)
        return np.asarray(importlib.import_module("pydicom.pixels").apply_color_lut(stored, data))[:, :3]
    deep = "<u2" if data.file_meta.TransferSyntaxUID.is_little_endian else ">u2"
    kinds = [deep if len(table) >= 2 * count else "u1" for table in tables]
    return np.stack([np.frombuffer(table, kind)[:count] for table, kind in zip(tables, kinds, strict=True)], 1)


def _range(frames: np.ndarray, data: Any, whole: Whole) -> tuple[int, int, list[str]]:
    """Return the stored values that are black and white: the ends of the depth stated, or of the depth used where it is less.

    Values that fill an eighth of the depth stated or less would be all but black, or all but one gray. The depth used is that
    of the whole file, in whole bits: one outlying pixel anywhere in it can double the range, and halve every gray.
    """
    stated = int(data.BitsStored)
    if frames.dtype == np.uint8 and stated == 8:  # no value changes the answer: most clips need not be decoded whole
        return 0, 255, []
    lowest, highest = _ends(whole())
    signed = data.get("PixelRepresentation") == 1 and lowest < 0
    used = max(highest, -1 - lowest).bit_length() + signed
    bits = stated - (data.get("PixelRepresentation") == 1 and not signed)
    problems = []
    if used > bits or max(used, 8) <= bits - 3:
        bits = max(used, 8)
        problems.append(f"the values fill {bits} bits, the file states {stated}; the grays are scaled by the former")
    low = -(1 << bits - 1) if signed else 0
    return low, low + (1 << bits) - 1, problems


def _ends(frames: Iterable[np.ndarray]) -> tuple[int, int]:
    """Return the lowest and the highest value of frames."""
    lowest, highest = zip(*((int(frame.min()), int(frame.max())) for frame in frames), strict=True)
    return min(lowest), max(highest)


def _monochrome(
    frames: np.ndarray, data: Any, whole: Whole, ends: tuple[int, int], problems: list[str]
) -> tuple[np.ndarray, list[str]]:
    """Return gray as the window or table of the file says; by the depth of its values where it has none of use."""
    try:
        tones = _asked(data)
        if tones is not None:
            result = _map(frames, *_ends([frames]), tones)
            if result.min() < result.max() or _of_use(tones, whole):
                return result, []
            problems = [*problems, "its window leaves nothing to see; it was not used"]
    except Exception as error:
        problems = [*problems, f"its window cannot be used ({error})"]
    return _map(frames, *ends, _spread(data, *ends)), problems


def _of_use(tones: Tones, whole: Whole) -> bool:
    """Tell whether a window shows more than one gray in the whole file, or the file holds one value only."""
    stored: set[int] = set()
    grays: set[int] = set()
    for frame in whole():
        ends = _ends([frame])
        stored.update(ends)
        grays.update(_ends([_map(frame, *ends, tones)]))
        if len(grays) > 1:
            return True
    return len(stored) == 1


def _spread(data: Any, low: int, high: int) -> Tones:
    """Return the grays in which the values from ``low`` to ``high`` go from black to white."""
    steps = min(high - low + 1, 1 << 16)
    values = _modality(np.rint(np.linspace(low, high, steps)).astype(np.int64), data)
    darkest, span = values.min(), float(values.max() - values.min())
    return lambda stored: (_modality(stored, data) - darkest) * (255 / span if span > 0 else 1)


def _modality(stored: np.ndarray, data: Any) -> np.ndarray:
    return np.asarray(importlib.import_module("pydicom.pixels").apply_modality_lut(stored, data))


def _asked(data: Any) -> Tones | None:
    """Return what the file asks for its grays, None if it asks for nothing."""
    if data.get("WindowWidth") not in (None, "") and data.get("WindowCenter") not in (None, ""):
        centre, width = (float(np.atleast_1d(data[name].value)[0]) for name in ("WindowCenter", "WindowWidth"))
        return _window(centre, width, str(data.get("VOILUTFunction") or "LINEAR").upper(), data)
    if data.get("VOILUTSequence"):
        pixels = importlib.import_module("pydicom.pixels")
        deepest = (1 << int(data.VOILUTSequence[0].LUTDescriptor[2])) - 1
        return lambda stored: pixels.apply_voi(_modality(stored, data), data) * (255 / deepest)
    return None


def _window(centre: float, width: float, form: str, data: Any) -> Tones:
    """Return the grays of a window; ``form`` is the standard's LINEAR, LINEAR_EXACT or SIGMOID."""
    if form == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if not (math.isfinite(centre) and 0 <= width < math.inf):
        raise ValueError(f"centre {centre:g}, width {width:g}")
    width = max(width, 1e-6)  # a step

    def tones(stored: np.ndarray) -> np.ndarray:
        place = (_modality(stored, data) - centre) / width
        return 255 / (1 + np.exp(-4 * place)) if form == "SIGMOID" else np.clip(place + 0.5, 0, 1) * 255

    return tones
