"""Reads DICOM clips, with the extra ``dicom``: the frames a file holds, in the grays it says they are to be shown in."""

from __future__ import annotations

import importlib
import io
import re
import struct
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from blues.check import InputError, counted
from blues.video.container import ASSUMED_RATE, SANE_RATE, Decoded, problems_of
from blues.video.tones import shown

__all__ = ["count_dicom", "is_dicom", "read_dicom"]

JPEG_2000 = ("1.2.840.10008.1.2.4.9", "1.2.840.10008.1.2.4.20")
"""How the transfer syntaxes begin that are JPEG 2000, of high throughput too."""


PIXELS, ITEM, END = b"\xe0\x7f\x10\0", b"\xfe\xff\0\xe0", b"\xfe\xff\xdd\xe0"
"""Tags of the pixel data, of a part of them where they are compressed, and of their end (PS3.5, annex A.4)."""

CENTIMETRES = 3
"""The unit of a region's pixels where it is tissue both ways (PS3.3, C.8.5.5.1.15); a trace over time has seconds."""

SQUARE = 0.05
"""How far, as a share, a pixel may be wider than high, or higher than wide, and be called square."""


def is_dicom(head: bytes) -> bool:
    """Tell a DICOM file by the mark after its preamble (PS3.10, section 7.1)."""
    return head[128:132] == b"DICM"


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
    if "TransferSyntaxUID" not in data.file_meta:
        what = "a DICOM file that does not say how its pictures are stored (its transfer syntax)"
        raise InputError(what, file=path, remedy="Export the clip again")
    return data


def count_dicom(path: Path) -> int:
    """Return the number of frames a DICOM file states; of one that states none, how many it holds."""
    return _stated(_header(path)) or _settled(_whole(path))[0]


def _stated(data: Any) -> int | None:
    """Return the number of frames that a header states: 0 where it states none, None where it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return max(int(data.get("NumberOfFrames") or 0), 0)
        except Exception:  # text, several numbers, no whole one
            return None


def _settled(data: Any) -> tuple[int, list[str]]:
    """Return how many frames are read, by what the file states or else by what it holds, and what is to be said of it."""
    stated = _stated(data)
    data.add_new("NumberOfFrames", "IS", stated or 1)
    try:
        held = _begun(data)
    except Exception:  # then no frame decodes either, and that says why
        held = 0
    frames, odd = stated or max(held, 1), []
    if stated and held > stated:
        odd = [f"{stated} of the {held} frames it holds are used: it states no more"]
    elif stated is None or frames > max(stated, 1):
        what = "the number of frames it states cannot be read" if stated is None else "it states no number of frames"
        odd = [f"{what}; what it holds is used: {counted(frames, 'frame')}"]
    data.NumberOfFrames = max(
        frames, held
    )  # without a table of offsets, pydicom finds the first of many by the true number
    return frames, odd


def _numbers(data: Any, name: str) -> list[float]:
    """Return the numbers of a field; none where it is missing or does not hold numbers alone."""
    try:
        return [float(value) for value in np.atleast_1d(data.get(name))]
    except Exception:  # pydicom and float() raise what they like over text where a number belongs
        return []


def _frame_rate(data: Any) -> tuple[float, list[str]]:
    """Return frames a second from the cine module (PS3.3, C.7.6.5): FrameTime, else CineRate, else the recommended."""
    steps = _numbers(data, "FrameTime")
    if len(steps) != 1 or not steps[0]:
        steps = _numbers(data, "FrameTimeVector")[1:]
    found = [1000 * len(steps) / sum(steps)] if sum(steps) > 0 else []
    for name in ("CineRate", "RecommendedDisplayFrameRate"):
        stated = _numbers(data, name)
        found += stated if len(stated) == 1 else []
    for rate in found:
        if SANE_RATE[0] <= rate <= SANE_RATE[1]:
            return rate, []
    return ASSUMED_RATE, [f"the frame rate is unknown or absurd; {ASSUMED_RATE:g} a second assumed"]


def _is_square(data: Any) -> bool:
    """Tell whether pixels are as wide as high: by their aspect, their spacing, and the scale of each region of tissue."""
    sides = [_numbers(data, name) for name in ("PixelAspectRatio", "PixelSpacing")]
    try:
        regions = list(data.get("SequenceOfUltrasoundRegions") or [])
    except Exception:  # as in _numbers
        regions = []
    for region in regions:
        units, scale = (
            [number for way in "XY" for number in _numbers(region, name.format(way))]
            for name in ("PhysicalUnits{}Direction", "PhysicalDelta{}")
        )
        if units == [CENTIMETRES, CENTIMETRES]:
            sides.append([abs(length) for length in scale])  # below 0 where the axis runs the other way
    return not any(len(pair) == 2 and min(pair) > 0 and max(pair) > (1 + SQUARE) * min(pair) for pair in sides)


def read_dicom(path: Path, choose: Callable[[int, float], np.ndarray]) -> Decoded:
    """Read the chosen frames of a DICOM image: palette and colour turned to gray, the window used, deeper values scaled.

    A file that holds fewer frames than it states, or damaged ones, gives those that decode, and ``problems`` says so, as it
    does of frames that it holds beyond those it states, and where it states none and holds several.
    """
    _header(path)  # says what is no DICOM file, and what holds no pictures
    data = _whole(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values that cannot be read
        stated, problems = _settled(data)
        fps, unknown = _frame_rate(data)
        square = _is_square(data)
    if stated > 1:  # one picture has no rate
        problems += unknown
    frames, places, total = _salvage(data, stated, lambda total: choose(total, fps), path)
    if total < stated:
        problems.append(f"{total} of {stated} frames are usable")
    pictures, odd = shown(frames, data, path, lambda: _every(data))
    return Decoded(pictures, places / fps, fps, total, (*problems, *odd, *problems_of(False, square)))


def _salvage(
    data: Any, stated: int, choose: Callable[[int], np.ndarray], path: Path
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the chosen frames of those that decode, their places in the clip, and how many decode as far as is known."""
    try:
        room = _held(data)
        data.NumberOfFrames = min(room, int(data.NumberOfFrames))  # pydicom decodes nothing where the file states more
        held = min(stated, room)
        if not held:
            raise ValueError("they end before the first is whole")
        wanted = choose(held)
        return _decode(data, wanted), wanted, held
    except Exception as error:  # each decoder plug-in raises its own
        usable = np.array([i for i in range(min(stated, int(data.NumberOfFrames))) if _decodes(data, i)], dtype=int)
        if not len(usable):
            raise InputError(_why(error), file=path, remedy=_remedy(data, error)) from None
    wanted = usable[choose(len(usable))]
    try:
        return _decode(data, wanted), wanted, len(usable)
    except Exception as error:  # each decodes alone, and together they do not, as where sizes differ
        raise InputError(_why(error), file=path, remedy=_remedy(data, error)) from None


def _whole(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = _pydicom(path).dcmread(path)
            return data if "PixelData" in data else _refilled(path)
        except InputError:
            raise
        except Exception as error:
            raise InputError(_why(error), file=path, remedy="Copy the file again") from None


def _refilled(path: Path) -> Any:
    """Return a file that ends within compressed pictures, which pydicom reads without any, with those that are whole."""
    with path.open("rb") as stream:
        data = _pydicom(path).dcmread(stream, stop_before_pixels=True)
        rest = stream.read()
    if rest and rest[:4] != PIXELS:
        raise InputError("the DICOM file holds no pictures of whole numbers", file=path, remedy="Export the clip again")
    compressed = rest[8:12] == b"\xff" * 4  # after tag and kind, in place of a length
    table, *parts = (_parts(rest, 12) if compressed else []) or [b""]
    table, parts = _whole_frames(np.frombuffer(table, "<u4"), parts)
    if not parts:
        raise InputError(
            "the DICOM file is cut short: it ends before its first picture is whole",
            file=path,
            remedy="Copy the file again",
        )
    for name in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):  # of parts that are missing, too
        data.pop(name, None)
    pieces = [ITEM + struct.pack("<I", len(part)) + part for part in (table, *parts)]
    data.add_new("PixelData", "OB", b"".join(pieces) + END + bytes(4))
    return data


def _parts(pixels: bytes, place: int = 0) -> list[bytes]:
    """Return the whole parts of compressed pixel data from ``place`` on, the table of offsets first."""
    parts: list[bytes] = []
    while pixels[place : place + 4] == ITEM:
        begin = place + 8
        place = begin + int.from_bytes(pixels[place + 4 : begin], "little")
        if max(begin, place) > len(pixels):
            break
        parts.append(pixels[begin:place])
    return parts


def _whole_frames(offsets: np.ndarray, parts: list[bytes]) -> tuple[bytes, list[bytes]]:
    """Return the table of offsets and the parts of the frames that are whole; without a table a frame is one part."""
    begin = np.cumsum([0, *(8 + len(part) for part in parts)])
    if not len(offsets):
        return b"", parts
    whole = int((offsets[1:] <= begin[-1]).sum()) + (offsets[-1] < begin[-1])
    end = offsets[whole] if whole < len(offsets) else begin[-1]
    return offsets[:whole].tobytes(), [part for part, place in zip(parts, begin[:-1], strict=True) if place < end]


def _decode(data: Any, wanted: np.ndarray) -> np.ndarray:
    pixels = importlib.import_module("pydicom.pixels")
    groups = [wanted.tolist()]
    if data.PhotometricInterpretation == "YBR_FULL_422" and not data.file_meta.TransferSyntaxUID.is_encapsulated:
        groups = [[place] for place in groups[0]]  # pydicom counts the bytes of several such frames wrongly
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.stack([frame for group in groups for frame in pixels.iter_pixels(data, indices=group)])


def _every(data: Any) -> Iterator[np.ndarray]:
    """Yield every frame that decodes, one after the other."""
    pixels = importlib.import_module("pydicom.pixels")
    place, total = 0, int(data.NumberOfFrames)
    while place < total:
        try:
            for frame in pixels.iter_pixels(data, indices=range(place, total) if place else None):
                yield frame
                place += 1
            return
        except Exception:  # each decoder plug-in raises its own
            place += 1


def _decodes(data: Any, place: int) -> bool:
    try:
        return len(_decode(data, np.array([place]))) == 1
    except Exception:  # each decoder plug-in raises its own
        return False


def _held(data: Any) -> int:
    """Return how many frames the pixel data have room for, at most."""
    if data.file_meta.TransferSyntaxUID.is_encapsulated:
        encaps = importlib.import_module("pydicom.encaps")
        pixels = io.BytesIO(data.PixelData)
        return len(encaps.parse_basic_offsets(pixels)) or encaps.parse_fragments(pixels)[0]
    expected = importlib.import_module("pydicom.pixels.utils").get_expected_length(data)
    return len(data.PixelData) * int(data.NumberOfFrames) // int(expected)


def _begun(data: Any) -> int:
    """Return how many frames pixel data hold that :func:`_stated` has settled; compressed ones by the parts that begin one.

    A compressed frame may lie in several parts. Without a table of offsets those begin one that begin as the first does.
    """
    if not data.file_meta.TransferSyntaxUID.is_encapsulated:
        return _held(data)
    table, *parts = _parts(data.PixelData)
    return len(table) // 4 or sum(part[:4] == parts[0][:4] for part in parts)


def _why(error: Exception) -> str:
    first, *others = [re.sub(r" <[^>]* at 0x\w+>", "", line.strip()) for line in str(error).splitlines()] or [""]
    said = f"{first} {'; '.join(others)}".strip() or type(error).__name__
    return f"the DICOM pictures cannot be decoded: {said}"


def _remedy(data: Any, error: Exception) -> str:
    syntax = data.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        return "Copy the file again"
    lacking = dict(re.findall(r"^\s*(\w+) - requires (.+)$", str(error), re.MULTILINE))
    if "missing dependencies" in str(error) and lacking:
        packages = re.findall(r"[\w-]+(?=>=)", lacking.get("pylibjpeg", next(iter(lacking.values()))))
        return f"Install what decodes them: pip install {' '.join(packages)}; or export the clip uncompressed or as mp4"
    if syntax.startswith(JPEG_2000):
        return "Copy the file again; for JPEG 2000 install the extra: pip install 'blues-lus[dicom]'"
    return f"Copy the file again, or export it uncompressed or as mp4 ({syntax.name})"
