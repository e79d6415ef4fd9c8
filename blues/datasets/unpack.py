"""Unpacks a zip archive from the net: nothing outside the folder, no links, no bombs, nothing overwritten by surprise."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from blues.check import InputError
from blues.provenance import replacing

__all__ = ["safe_name", "unpack"]

MOST_FILES = 20_000
MOST_BYTES = 20 * 10**9
# deflate reaches 1032; clips barely shrink and tables shrink tenfold
MOST_RATIO = 200
SMALL = 10**7


def safe_name(name: str, source: str | Path) -> PurePosixPath:
    """Return a file's path inside an archive or repository, or raise if it could lead outside a folder.

    Examples
    --------
    >>> safe_name("lus_videos/patient_1_L1.mp4", "a.zip")
    PurePosixPath('lus_videos/patient_1_L1.mp4')
    >>> safe_name("../x", "a.zip")
    Traceback (most recent call last):
    blues.check.InputError: a.zip: it holds a file called '../x', which leads outside its folder. ...
    """
    path = PurePosixPath(name)
    parts = name.rstrip("/").split("/")
    if (
        path.is_absolute()
        or "\\" in name
        or ":" in name
        or any(p in ("", ".", "..") for p in parts)
        or not name.isprintable()
    ):
        raise InputError(
            f"it holds a file called {name!r}, which leads outside its folder",
            file=source,
            remedy="Do not use this archive; nothing of it was unpacked",
        )
    return path


def unpack(archive: str | Path, folder: str | Path, *, force: bool = False) -> list[Path]:
    """Unpack a zip archive; the one folder that all its files may lie in is dropped from their names.

    Everything is checked before the first file is written. A file that is there already with the same content is left
    alone; one with another content is overwritten only with ``force``.

    Returns
    -------
    list of Path
        The files, relative to ``folder``, in the archive's order.

    Raises
    ------
    InputError
        When the archive is damaged, holds links, names that lead outside, far more than its size suggests, or would
        overwrite files.
    """
    archive, folder = Path(archive), Path(folder)
    try:
        with zipfile.ZipFile(archive) as file:
            entries = _checked(file, archive)
            _room(folder, sum(info.file_size for info in entries.values()))
            wanted = _to_write(entries, folder, archive, force)
            for path, info in wanted.items():
                _write(file, info, folder / path, archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(
            f"damaged zip archive ({error})", file=archive, remedy="Delete it and download it again"
        ) from None
    return list(map(Path, entries))


def _checked(file: zipfile.ZipFile, archive: Path) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Return the files of an archive by their final names, or raise if anything about it is wrong."""
    infos = file.infolist()
    size = archive.stat().st_size
    if len(infos) > MOST_FILES or sum(i.file_size for i in infos) > MOST_BYTES:
        raise InputError(f"it would unpack to more than {MOST_FILES} files or {MOST_BYTES // 10**9} GB", file=archive)
    if sum(i.compress_size for i in infos) > size:
        raise InputError("its files overlap: it is built to blow up when unpacked", file=archive)
    found: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in infos:
        path = safe_name(info.filename, archive)
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise InputError(f"{info.filename!r} is a link or device", file=archive, remedy="Do not use this archive")
        if info.flag_bits & 1:
            raise InputError(f"{info.filename!r} is encrypted", file=archive)
        if info.file_size > SMALL and info.file_size > MOST_RATIO * max(info.compress_size, 1):
            raise InputError(
                f"{info.filename!r} would grow {info.file_size // max(info.compress_size, 1)} times when unpacked",
                file=archive,
                remedy="Do not use this archive",
            )
        if not info.is_dir():
            found[path] = info
    tops = {path.parts[0] for path in found}
    if len(tops) == 1 and all(len(path.parts) > 1 for path in found):
        found = {PurePosixPath(*path.parts[1:]): info for path, info in found.items()}
    names = [str(path).casefold() for path in found]
    if len(set(names)) < sum(not info.is_dir() for info in infos):
        raise InputError("two of its files have the same name", file=archive)
    return found


def _to_write(
    entries: dict[PurePosixPath, zipfile.ZipInfo], folder: Path, archive: Path, force: bool
) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Return the files that are not there yet; raise if one would be overwritten or would land elsewhere."""
    root = folder.resolve()
    wanted = {}
    for path, info in entries.items():
        target = folder / path
        if not target.resolve().is_relative_to(root):
            raise InputError(
                f"{target} leads outside {folder} through a link", file=archive, remedy="Choose another folder"
            )
        if target.is_file() and target.stat().st_size == info.file_size and zlib.crc32(target.read_bytes()) == info.CRC:
            continue
        if target.exists() and (target.is_dir() or not force):
            raise InputError(
                f"{target} exists and differs from what the archive holds",
                remedy="Give --force to overwrite, or choose another folder; nothing was written",
            )
        wanted[path] = info
    return wanted


def _write(file: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, archive: Path) -> None:
    """Write one file; what it claims as its size is what it may have."""
    with replacing(target) as draft, draft.open("wb") as stream, file.open(info) as source:
        left = info.file_size
        while data := source.read(1 << 20):
            left -= len(data)
            if left < 0:
                raise InputError(f"{info.filename!r} is larger than it claims", file=archive)
            stream.write(data)
    if left:
        raise InputError(f"{info.filename!r} is cut short", file=archive, remedy="Delete it and download it again")


def _room(folder: Path, needed: int) -> None:
    there = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise InputError(
            f"the archive unpacks to {needed / 1e6:.0f} MB and {free / 1e6:.0f} MB are free on this disk",
            file=folder,
            remedy="Free some space, or choose another folder",
        )
