"""Unpacks a zip archive from the net: nothing outside the folder, no links, no bombs, nothing overwritten by surprise."""

from __future__ import annotations

import contextlib
import errno
import lzma
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from blues.check import InputError
from blues.provenance import replacing

__all__ = ["check_target", "distinct", "safe_name", "unpack"]

MOST_FILES = 20_000
MOST_BYTES = 20 * 10**9
# deflate reaches 1032; clips barely shrink and tables shrink tenfold
MOST_RATIO = 200
SMALL = 10**7
ELSEWHERE = "Move it away, or choose another folder; nothing was written"
AGAIN = "Download it again"


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
    why = None
    if not name.isprintable():
        why = "has a sign in its name that is not shown, so that it looks like another file"
    if path.is_absolute() or "\\" in name or ":" in name or any(p in ("", ".", "..") for p in parts):
        why = "leads outside its folder"
    if why:
        raise InputError(
            f"it holds a file called {name!r}, which {why}",
            file=source,
            remedy="Do not use this archive; nothing of it was unpacked",
        )
    return path


def distinct(names: Iterable[PurePosixPath], source: str | Path) -> None:
    """Raise if two files have the same name, capitals aside, or one is also the folder of another.

    Parameters
    ----------
    names : iterable of PurePosixPath
        Of files.
    source : str or Path
        What holds them, for the message.

    Raises
    ------
    InputError
        For the first such pair.
    """
    files: dict[str, PurePosixPath] = {}
    for name in names:
        other = files.setdefault(str(name).casefold(), name)
        if other is not name:
            raise InputError(f"two of its files have the same name: {str(other)!r} and {str(name)!r}", file=source)
    for name in files.values():
        for parent in name.parents:
            if above := files.get(str(parent).casefold()):
                raise InputError(f"{str(above)!r} is both a file and the folder of {str(name)!r}", file=source)


def check_target(target: Path, folder: Path, source: str | Path, *, force: bool) -> None:
    """Raise if a file that differs from what is there must not be written: before any is.

    Parameters
    ----------
    target, folder : Path
        The file, and the folder that it must not leave.
    source : str or Path
        Where it comes from, for the message.
    force : bool
        Whether a file may be overwritten; a folder never is.

    Raises
    ------
    InputError
        When a link leads outside, a file lies where a folder is needed or the other way round, or one would be overwritten.
    """
    try:
        outside = not target.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a link to itself
        outside = True
    if outside:
        raise InputError(f"{target} leads outside {folder} through a link", file=source, remedy="Choose another folder")
    between = [parent for parent in target.parents if parent.is_relative_to(folder)]
    if blocked := next((parent for parent in between if parent.exists() and not parent.is_dir()), None):
        raise InputError(f"{blocked} is a file, and a folder is needed for {target.name}", remedy=ELSEWHERE)
    if target.is_dir():
        raise InputError(f"{target} is a folder, and {source} holds a file of that name", remedy=ELSEWHERE)
    if target.exists() and not force:
        raise InputError(
            f"{target} exists and differs from what {source} holds",
            remedy="Give --force to overwrite, or choose another folder; nothing was written",
        )


def unpack(archive: str | Path, folder: str | Path, *, force: bool = False) -> list[Path]:
    """Unpack a zip archive; the one folder that all its files may lie in is dropped from their names.

    Names, claimed sizes and what lies in the folder are checked before the first file is written; each file's content as it
    is unpacked, and one that is damaged does not get its name. A file that is there already with the same content is left
    alone; one with another content is overwritten only with ``force``.

    Returns
    -------
    list of Path
        The files, relative to ``folder``, in the archive's order.

    Raises
    ------
    InputError
        When the archive is damaged or empty, holds links, names that lead outside, far more than its size suggests, or would
        overwrite files.
    """
    archive, folder = Path(archive), Path(folder)
    with contextlib.ExitStack() as stack:
        with _readable(archive):
            file = stack.enter_context(zipfile.ZipFile(archive))
        entries = _checked(file, archive)
        _room(folder, sum(info.file_size for info in entries.values()))
        wanted = _to_write(entries, folder, archive, force)
        for path, info in wanted.items():
            _write(file, info, folder / path, archive)
    return list(map(Path, entries))


@contextlib.contextmanager
def _readable(archive: Path, name: str | None = None) -> Iterator[None]:
    """Say of what goes wrong in reading an archive that it is damaged; a disk's own errors stay what they are."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        NotImplementedError,
        ValueError,
        OSError,
    ) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        where = f" at {name!r}" if name else ""
        raise InputError(f"damaged zip archive{where} ({error})", file=archive, remedy=AGAIN) from None


def _checked(file: zipfile.ZipFile, archive: Path) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Return the files of an archive by their final names, or raise if anything about it is wrong."""
    infos = file.infolist()
    _check_totals(infos, archive)
    for info in infos:
        safe_name(info.filename, archive)
        _check_entry(info, archive)
    files = [(PurePosixPath(info.filename), info) for info in infos if not info.is_dir()]
    if not files:
        raise InputError("it holds no files", file=archive, remedy="Open its address in a browser and see what it says")
    distinct([path for path, _ in files], archive)
    tops = {path.parts[0] for path, _ in files}
    if len(tops) == 1 and all(len(path.parts) > 1 for path, _ in files):
        files = [(PurePosixPath(*path.parts[1:]), info) for path, info in files]
    return dict(files)


def _check_totals(infos: list[zipfile.ZipInfo], archive: Path) -> None:
    packed, unpacked = archive.stat().st_size, sum(info.file_size for info in infos)
    if len(infos) > MOST_FILES or unpacked > MOST_BYTES:
        raise InputError(f"it would unpack to more than {MOST_FILES} files or {MOST_BYTES // 10**9} GB", file=archive)
    if sum(info.compress_size for info in infos) > packed:
        raise InputError("its files overlap: it is built to blow up when unpacked", file=archive)
    _check_ratio("it", unpacked, packed, archive)


def _check_entry(info: zipfile.ZipInfo, archive: Path) -> None:
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(f"{info.filename!r} is a link or device", file=archive, remedy="Do not use this archive")
    if info.flag_bits & 1:
        raise InputError(f"{info.filename!r} is encrypted", file=archive)
    _check_ratio(repr(info.filename), info.file_size, info.compress_size, archive)


def _check_ratio(what: str, unpacked: int, packed: int, archive: Path) -> None:
    times = unpacked // max(packed, 1)
    if unpacked > SMALL and unpacked > MOST_RATIO * max(packed, 1):
        raise InputError(
            f"{what} would grow {times} times when unpacked", file=archive, remedy="Do not use this archive"
        )


def _to_write(
    entries: dict[PurePosixPath, zipfile.ZipInfo], folder: Path, archive: Path, force: bool
) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Return the files that are not there yet; raise if one would be overwritten or would land elsewhere."""
    wanted = {}
    for path, info in entries.items():
        target = folder / path
        same = _is_there(target, info)
        check_target(target, folder, archive, force=force or same)
        if not same:
            wanted[path] = info
    return wanted


def _is_there(target: Path, info: zipfile.ZipInfo) -> bool:
    return target.is_file() and target.stat().st_size == info.file_size and zlib.crc32(target.read_bytes()) == info.CRC


def _write(file: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, archive: Path) -> None:
    """Write one file; what it claims as its size is what it has, or it does not get its name."""
    with replacing(target) as draft, draft.open("wb") as stream:
        left = info.file_size
        for data in _content(file, info, archive):
            left -= len(data)
            if left < 0:
                raise InputError(f"{info.filename!r} is larger than it claims", file=archive)
            stream.write(data)
        if left:
            raise InputError(f"{info.filename!r} is cut short", file=archive, remedy=AGAIN)


def _content(file: zipfile.ZipFile, info: zipfile.ZipInfo, archive: Path) -> Iterator[bytes]:
    with contextlib.ExitStack() as stack:
        with _readable(archive, info.filename):
            source = stack.enter_context(file.open(info))
        while True:
            with _readable(archive, info.filename):
                data = source.read(1 << 20)
            if not data:
                return
            yield data


def _room(folder: Path, needed: int) -> None:
    there = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise InputError(
            f"the archive unpacks to {needed / 1e6:.0f} MB and {free / 1e6:.0f} MB are free on this disk",
            file=folder,
            remedy="Free some space, or choose another folder",
        )
