"""What has been embedded already: one file a clip, an index of file contents, and one file a finished run.

A clip's file is named by what decides its values (the clip's bytes, encoder, preprocessing, decoder), so nothing has to
be expired: whatever changes gives another name. Every file is whole or absent, and carries a checksum.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import io
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blues.check import InputError
from blues.provenance import file_hash, load_array, replacing, text_hash, write_json

__all__ = ["Contents", "Entry", "Store"]

FRESH = 2_000_000_000
"""Nanoseconds within which a changed file may still carry the same time stamps."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One clip's embedding.

    Attributes
    ----------
    values : float32 array, shape (frames, d)
    total : int
        Usable frames of the clip's file.
    problems : tuple of str
    """

    values: np.ndarray
    total: int
    problems: tuple[str, ...]


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise InputError(
            "the disk is full, the cache cannot grow" if full else f"the cache cannot be written ({error.strerror})",
            file=folder,
            remedy="What is finished is kept. "
            + ("Free some space, " if full else "Mend it with chmod, ")
            + "or set BLUES_CACHE to a folder elsewhere",
        ) from error


def _keep(path: Path, value: Any) -> None:
    """Write a value as JSON beside its checksum."""
    write_json(path, {"kept": value, "sha256": _sum(value)})


def _kept(path: Path) -> Any:
    """Return what :func:`_keep` wrote; None when there is nothing, or it is damaged, changed or of an earlier version."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return record["kept"] if record["sha256"] == _sum(record["kept"]) else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _sum(value: Any) -> str:
    return text_hash(json.dumps(value, sort_keys=True))


class Store:
    """The cache folder of embeddings.

    Parameters
    ----------
    folder : Path
        May be deleted at any time; everything in it can be made again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npy"

    def has(self, key: str, dimensions: int) -> Entry | None:
        """Return a clip's entry, or None when there is none or the file is damaged.

        The file is a ``.npy`` array, then JSON, then the SHA-256 of both, 32 bytes.
        """
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data[:-32]).digest() != data[-32:]:
            return None
        stream = io.BytesIO(data[:-32])
        values = load_array(stream)
        facts = json.loads(stream.read())
        if values.dtype != np.float32 or values.shape[1:] != (dimensions,):
            return None
        return Entry(values, facts["total"], tuple(facts["problems"]))

    def put(self, key: str, entry: Entry) -> None:
        """Keep a clip's entry."""
        stream = io.BytesIO()
        np.save(stream, np.ascontiguousarray(entry.values, dtype=np.float32), allow_pickle=False)
        stream.write(json.dumps({"total": entry.total, "problems": entry.problems}).encode())
        data = stream.getvalue()
        with _writing(self.folder), replacing(self._path(key)) as draft:
            draft.write_bytes(data + hashlib.sha256(data).digest())

    def run(self, keys: Sequence[str], dimensions: int) -> tuple[np.ndarray, list[dict[str, Any]]] | None:
        """Return the values of all these clips, memory-mapped, and what is known of each; None unless kept whole."""
        path = self._run_path(keys)
        record = _kept(path.with_suffix(".json"))
        if record is None:
            return None
        try:
            if file_hash(path) != record["hash"]:
                return None
            values = load_array(path, mmap_mode="r")
        except (OSError, ValueError):
            return None
        return (values, record["clips"]) if values.shape[1:] == (dimensions,) else None

    def keep_run(self, keys: Sequence[str], clips: list[dict[str, Any]], dimensions: int) -> None:
        """Put the entries of these clips into one file; only one clip at a time is in memory."""
        path = self._run_path(keys)
        shape = (sum(clip["frames"] for clip in clips), dimensions)
        with _writing(self.folder), replacing(path) as draft:
            values = np.lib.format.open_memmap(draft, mode="w+", dtype=np.float32, shape=shape)
            first = 0
            for key, clip in zip(keys, clips, strict=True):
                entry = self.has(key, dimensions)
                if entry is None or len(entry.values) != clip["frames"]:
                    raise InputError(
                        "the cache was changed while it was in use", file=self.folder, remedy="Run the command again"
                    )
                values[first : first + len(entry.values)] = entry.values
                first += len(entry.values)
            values.flush()
            del values
            digest = file_hash(draft)
        with _writing(self.folder):
            _keep(path.with_suffix(".json"), {"hash": digest, "clips": clips})

    def _run_path(self, keys: Sequence[str]) -> Path:
        return self.folder / "runs" / f"{text_hash(chr(10).join(keys))}.npy"


class Contents:
    """SHA-256 of files, remembered by path, size, time stamps and inode so that unchanged files are not read again.

    Parameters
    ----------
    store : Path
        Where to remember.
    folder : Path
        The folder the files lie in.
    """

    def __init__(self, store: Path, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.path = store / "contents" / f"{text_hash(str(folder.resolve()))}.json"
        self.known: dict[str, list[Any]] = _kept(self.path) or {}  # a cache: what is missing or damaged is made again
        self.changed = False

    def remembered(self, name: str) -> str | None:
        """Return the hash of a file that has not changed since it was read, else None."""
        try:
            stamp = _stamp(self.folder / name)
        except OSError:
            return None
        entry = self.known.get(name)
        return str(entry[4]) if entry is not None and entry[:4] == stamp else None

    def read(self, name: str) -> str:
        """Return the hash of a file, from its bytes unless it is remembered.

        Raises
        ------
        OSError
            When it cannot be read.
        """
        found = self.remembered(name)
        if found is not None:
            return found
        path = self.folder / name
        before = _stamp(path)
        digest = file_hash(path)
        # a file written just now could change again without its stamps showing it: such a one is read next time too
        if _stamp(path) == before and time.time_ns() - max(before[1], before[2]) > FRESH:
            self.known[name] = [*before, digest]
            self.changed = True
        return digest

    def remember(self, name: str, entry: list[Any]) -> None:
        """Take over what another process remembers of a file."""
        if self.known.get(name) != entry:
            self.known[name] = entry
            self.changed = True

    def save(self) -> None:
        """Remember for the next run."""
        if self.changed:
            with _writing(self.store):
                _keep(self.path, dict(self.known))
            self.changed = False


def _stamp(path: Path) -> list[int]:
    status = os.stat(path)  # noqa: PTH116
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
