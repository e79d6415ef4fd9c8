"""Reads a TensorFlow checkpoint (``variables.index`` and ``variables.data-00000-of-00001``) without TensorFlow.

The published POCOVID-Net weights are TensorFlow SavedModel folders, whose weights lie in this format. The index is a sorted
string table as in LevelDB (github.com/google/leveldb, doc/table_format.md) whose values are the messages of
tensorflow/core/protobuf/tensor_bundle.proto; the data files are the arrays' bytes one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blues.check import InputError

__all__ = ["read"]

MAGIC = 0xDB4775248B80FB57
FOOTER = 48
TRAILER = 5
# enum DataType of tensorflow/core/framework/types.proto: the ones that weights and counters come in
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 19: "<f2"}


def read(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays of a checkpoint.

    Parameters
    ----------
    path : path
        The ``.index`` file.

    Returns
    -------
    dict
        Name in the checkpoint to array; strings and other types that are no numbers are left out. Sizes are verified,
        checksums are not.

    Raises
    ------
    InputError
        When the file is no such index, is cut, or its data file is missing or too short.
    """
    path = Path(path)
    content = path.read_bytes()
    if len(content) < FOOTER or int.from_bytes(content[-8:], "little") != MAGIC:
        raise InputError("not the index of a TensorFlow checkpoint, or cut short", file=path)
    try:
        entries = dict(_entries(content))
        header = _message(entries.pop(b"", b""))
        files = _data_files(path, _number(header, 1, 1))
        arrays = {key.decode(): _array(value, files, path) for key, value in entries.items()}
    except (IndexError, UnicodeDecodeError, OverflowError):
        raise InputError("the index of this checkpoint is damaged", file=path) from None
    return {name: array for name, array in arrays.items() if array is not None}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number stored seven bits a byte from ``at``, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _entries(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give every key and value of the table, through its index block."""
    footer = content[-FOOTER:]
    at = 0
    for _ in range(2):  # offset and size of the meta-index block, which stays unused
        _, at = _varint(footer, at)
    offset, at = _varint(footer, at)
    size, at = _varint(footer, at)
    for _, handle in _block(content, offset, size):
        start, at = _varint(handle, 0)
        length, at = _varint(handle, at)
        yield from _block(content, start, length)


def _block(content: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Give the entries of one block; keys share prefixes with the key before."""
    if offset + size + TRAILER > len(content):
        raise IndexError("block outside the file")
    if content[offset + size]:
        raise InputError("the index of this checkpoint is compressed, which TensorFlow does not write")
    data = content[offset : offset + size]
    end = len(data) - 4 * (int.from_bytes(data[-4:], "little") + 1)
    at, key = 0, b""
    while at < end:
        shared, at = _varint(data, at)
        fresh, at = _varint(data, at)
        length, at = _varint(data, at)
        key = key[:shared] + data[at : at + fresh]
        yield key, data[at + fresh : at + fresh + length]
        at += fresh + length


def _message(data: bytes) -> dict[int, list[int | bytes]]:
    """Split a protocol-buffer message into its fields."""
    fields: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value: int | bytes
        if tag & 7 == 0:
            value, at = _varint(data, at)
        elif tag & 7 == 2:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
        else:
            width = {1: 8, 5: 4}.get(tag & 7, len(data))
            value, at = data[at : at + width], at + width
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _number(fields: dict[int, list[int | bytes]], field: int, default: int = 0) -> int:
    value = fields.get(field, [default])[-1]
    return value if isinstance(value, int) else default


def _data_files(path: Path, shards: int) -> list[Path]:
    """Return the data files beside the index, which must be there."""
    if not 0 < shards < 1000:
        raise IndexError("number of data files")
    files = [path.with_name(f"{path.stem}.data-{number:05d}-of-{shards:05d}") for number in range(shards)]
    for file in files:
        if not file.is_file():
            raise InputError(
                f"the checkpoint's data file {file.name} is missing",
                file=path,
                remedy="Download it too: it holds the weights",
            )
    return files


def _array(value: bytes, files: list[Path], path: Path) -> np.ndarray | None:
    """Read the array that a BundleEntryProto describes: 1 dtype, 2 shape, 3 shard, 4 offset, 5 size."""
    fields = _message(value)
    kind = DTYPES.get(_number(fields, 1))
    if kind is None:
        return None
    dimensions = _message(next(iter(fields.get(2, [b""])))).get(2, [])  # type: ignore[arg-type]
    shape = tuple(_number(_message(d), 1) for d in dimensions if isinstance(d, bytes))
    offset, size = _number(fields, 4), _number(fields, 5)
    file = files[_number(fields, 3)]
    expected = int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
    if size != expected:
        raise InputError("the index of this checkpoint is damaged: an array's size does not fit its shape", file=path)
    with file.open("rb") as stream:
        stream.seek(offset)
        data = stream.read(size)
    if len(data) < size:
        raise InputError(
            f"cut short: {file.stat().st_size} bytes, at least {offset + size} expected",
            file=file,
            remedy="Download it again",
        )
    return np.frombuffer(data, kind).reshape(shape)
