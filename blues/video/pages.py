"""Finds the pages of a TIFF file, and takes one out as a file of its own, so that no decoder need read the others."""

from __future__ import annotations

import dataclasses
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

__all__ = ["Page", "page", "pages"]

ORDER = {b"II*\0": "<", b"MM\0*": ">"}
"""First bytes of a TIFF file and the order of bytes they stand for."""

REDUCED_OR_MASK = 1 | 4
"""Bits of the tag NewSubfileType of a page that is a small copy of another, or its mask."""

KIND, WIDTH, HEIGHT, COMPRESSION, ORIENTATION = 254, 256, 257, 259, 274
"""Tags: NewSubfileType, ImageWidth, ImageLength, Compression, Orientation."""

JPEG, DEFLATE, LZW, PACKBITS = (6, 7), (8, 32946), (5,), (32773,)
"""Values of Compression."""

NEEDED = (256, 257, 258, 259, 262, 266, 277, 278, 284, 317, 320, 322, 323)
"""Tags of what a decoder must know of the pixels, besides where they lie."""

PIECES = {273: 279, 324: 325, 513: 514}
"""Tags of where strips, tiles or a JPEG stream begin, and of how long they are."""

LEFT_OUT = (ORIENTATION, 330, 34665, 34853)
"""Tags that a page alone lacks: some decoders turn it, others do not; the others are of further directories."""

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of one value, by the number of its type."""

Entry = tuple[int, int, bytes]
"""Type, count and bytes of an entry of a directory."""


@dataclasses.dataclass(frozen=True)
class Page:
    """Where a page lies in its file.

    Attributes
    ----------
    order : {"<", ">"}
        Of bytes.
    entries : dict of int to tuple
        Its directory, by tag.
    pieces : dict of int to list of tuple of int
        Where its pixels lie, by the tag that says so: begin and length.
    """

    order: str
    entries: dict[int, Entry]
    pieces: dict[int, list[tuple[int, int]]]

    @property
    def jpeg(self) -> bool:
        """Whether its pixels are compressed as JPEG."""
        return self._compressed(JPEG)

    @property
    def packed(self) -> bool:
        """Whether its pixels are compressed so that damage can show as an error."""
        return self._compressed(DEFLATE + LZW + PACKBITS)

    def checked(self, path: Path) -> bool:
        """Tell whether the checksums of its pixels fit, which FFmpeg does not compare; only deflate has some."""
        if not self._compressed(DEFLATE):
            return True
        with path.open("rb") as stream:
            for begin, length in (piece for pieces in self.pieces.values() for piece in pieces):
                stream.seek(begin)
                inflater = zlib.decompressobj()
                try:
                    inflater.decompress(stream.read(length))
                except zlib.error:
                    return False
                if not inflater.eof:
                    return False
        return True

    def _compressed(self, ways: tuple[int, ...]) -> bool:
        return any(value in ways for value in _numbers(self.entries, COMPRESSION, self.order))

    @property
    def orientation(self) -> int:
        """How it is to be shown, by TIFF's number, which is EXIF's too."""
        return next(iter(_numbers(self.entries, ORIENTATION, self.order)), 1)

    def alone(self, path: Path, bare: bool = False) -> bytes:
        """Return a TIFF file of this page only, without its orientation; ``bare``, with the tags that decoding needs only."""
        data = bytearray(8)
        entries = {
            tag: entry
            for tag, entry in self.entries.items()
            if (tag in NEEDED or tag in PIECES.values() if bare else tag not in LEFT_OUT)
        }
        with path.open("rb") as stream:
            for tag, pieces in self.pieces.items():
                begins = []
                for begin, length in pieces:
                    begins.append(len(data))
                    stream.seek(begin)
                    data += stream.read(length)
                entries[tag] = (4, len(begins), struct.pack(f"{self.order}{len(begins)}I", *begins))
        data += bytes(len(data) % 2)
        first = next(mark for mark, order in ORDER.items() if order == self.order)
        data[:8] = first + struct.pack(self.order + "I", len(data))
        return bytes(data) + _directory(entries, len(data), self.order)


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


def page(path: Path, place: int) -> Page | None:
    """Return the page whose directory begins at ``place``; None where there is none, or a part lies beyond the file's end.

    Its pixels are not read.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            order = ORDER[stream.read(4)]
            entries = _entries(stream, place, order, size)
        pieces = {tag: _pieces(entries, tag, order, size) for tag in PIECES if tag in entries}
    except (ValueError, struct.error):
        return None
    return Page(order, entries, pieces) if pieces and WIDTH in entries and HEIGHT in entries else None


def _number(data: bytes, order: str) -> int:
    """Read a number of two or four bytes; 0 where the file ends before it."""
    kind = {2: "H", 4: "I"}.get(len(data))
    return int(struct.unpack(order + kind, data)[0]) if kind else 0


def _is_picture(directory: bytes, order: str) -> bool:
    for entry in range(0, len(directory) - 11, 12):
        tag, kind = struct.unpack_from(order + "HH", directory, entry)
        if tag == KIND:
            value = struct.unpack_from(order + ("H" if kind == 3 else "I"), directory, entry + 8)[0]
            return not value & REDUCED_OR_MASK
    return True


def _entries(stream: BinaryIO, place: int, order: str, size: int) -> dict[int, Entry]:
    stream.seek(place)
    directory = stream.read(12 * _number(stream.read(2), order))
    found: dict[int, Entry] = {}
    for tag, kind, count, value in struct.iter_unpack(order + "HHI4s", directory):
        length = SIZES.get(kind, 0) * count
        if length > 4:
            begin = _number(value, order)
            if begin + length > size:
                raise ValueError(f"the values of tag {tag} lie beyond the end of the file")
            stream.seek(begin)
            value = stream.read(length)
        if length:
            found[tag] = kind, count, value[:length]
    return found


def _numbers(entries: dict[int, Entry], tag: int, order: str) -> list[int]:
    """Return the whole numbers of an entry; none where it is missing or holds others."""
    kind, count, value = entries.get(tag, (0, 0, b""))
    letter = {1: "B", 3: "H", 4: "I", 13: "I"}.get(kind)
    return list(struct.unpack(f"{order}{count}{letter}", value)) if letter else []


def _pieces(entries: dict[int, Entry], tag: int, order: str, size: int) -> list[tuple[int, int]]:
    begins, lengths = _numbers(entries, tag, order), _numbers(entries, PIECES[tag], order)
    if len(begins) == 1 and not any(lengths):  # left out by some writers
        lengths = [max(size - begins[0], 0)]
    pieces = list(zip(begins, lengths, strict=True))
    if any(begin + length > size for begin, length in pieces):
        raise ValueError("pixels lie beyond the end of the file")
    return pieces


def _directory(entries: dict[int, Entry], place: int, order: str) -> bytes:
    """Return a directory that begins at ``place``, the only one of its file, and the values that do not fit into it."""
    directory, values = struct.pack(order + "H", len(entries)), b""
    for tag, (kind, count, value) in sorted(entries.items()):
        if len(value) > 4:
            begin = place + 2 + 12 * len(entries) + 4 + len(values)
            values += value + bytes(len(value) % 2)
            value = struct.pack(order + "I", begin)
        directory += struct.pack(order + "HHI4s", tag, kind, count, value)
    return directory + bytes(4) + values
