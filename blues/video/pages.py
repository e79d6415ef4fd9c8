"""Finds the pages of a TIFF file, of which FFmpeg decodes the first only."""

from __future__ import annotations

import io
import struct
from pathlib import Path

__all__ = ["page", "pages"]

ORDER = {b"II*\0": "<", b"MM\0*": ">"}
"""First bytes of a TIFF file and the order of bytes they stand for."""

REDUCED_OR_MASK = 1 | 4
"""Bits of the tag NewSubfileType of a page that is a small copy of another, or its mask."""


def pages(path: Path) -> list[int]:
    """Return where each page's directory begins, in bytes; empty for a file that is no TIFF.

    Small copies and masks are left out. A directory beyond the file's end, as of a file cut short, counts and ends the list.
    """
    with path.open("rb") as stream:
        order = ORDER.get(stream.read(4))
        if order is None:
            return []
        size = path.stat().st_size
        found: dict[int, bool] = {}
        place = _number(stream.read(4), order)
        while place and place not in found:
            stream.seek(place)
            entries = _number(stream.read(2), order)
            directory = stream.read(12 * entries)
            found[place] = _is_picture(directory, order)
            place = _number(stream.read(4), order) if place + 12 * entries < size else 0
    return [place for place, picture in found.items() if picture]


def _number(data: bytes, order: str) -> int:
    """Read a number of two or four bytes; 0 where the file ends before it."""
    kind = {2: "H", 4: "I"}.get(len(data))
    return int(struct.unpack(order + kind, data)[0]) if kind else 0


def _is_picture(directory: bytes, order: str) -> bool:
    for entry in range(0, len(directory) - 11, 12):
        tag, kind = struct.unpack_from(order + "HH", directory, entry)
        if tag == 254:  # NewSubfileType
            value = struct.unpack_from(order + ("H" if kind == 3 else "I"), directory, entry + 8)[0]
            return not value & REDUCED_OR_MASK
    return True


def page(data: bytes, place: int) -> io.BytesIO:
    """Return the TIFF file ``data`` with the page whose directory begins at ``place`` as its first."""
    return io.BytesIO(data[:4] + struct.pack(ORDER[data[:4]] + "I", place) + data[8:])
