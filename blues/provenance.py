"""What a number came from: versions, commit, hashes, seed and machine; and files that are never left half-written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

import blues

__all__ = [
    "cache_folder",
    "check_writable",
    "commit",
    "file_hash",
    "files_hash",
    "load_array",
    "record",
    "replacing",
    "text_hash",
    "write_json",
]

_LOADING = threading.Lock()

PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy", "statsmodels", "lifelines", "shap", "torch", "xgboost", "av")


def load_array(source: Any, mmap_mode: Literal["r"] | None = None) -> np.ndarray:
    """Return a NumPy file's array, without unpickling, in one thread at a time.

    NumPy reads the head of a file with ``ast``, which CPython 3.11 cannot do in several threads: now and then one of them gets
    a SystemError, "AST constructor recursion depth mismatch" (python/cpython, issue 106905).

    Parameters
    ----------
    source : path or binary file
    mmap_mode : {"r"}, optional
        As ``numpy.load`` takes it.

    Returns
    -------
    ndarray
    """
    with _LOADING:
        return np.load(source, mmap_mode=mmap_mode, allow_pickle=False)


def file_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hexadecimal digits.

    Parameters
    ----------
    path : path

    Returns
    -------
    str
    """
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def text_hash(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, 64 hexadecimal digits.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return hashlib.sha256(text.encode()).hexdigest()


def files_hash(paths: Iterable[str | Path]) -> str:
    """Return one SHA-256 over several files, of their sorted ``name:hash`` lines: the order given does not matter.

    Parameters
    ----------
    paths : iterable of path
        Files by their names; the folders they lie in do not count.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    lines = sorted(f"{Path(path).name}:{file_hash(path)}" for path in paths)
    return text_hash("\n".join(lines))


def cache_folder() -> Path:
    """Return the folder for what can be made again: ``BLUES_CACHE``, else ``~/.cache/blues`` (XDG rules)."""
    if folder := os.environ.get("BLUES_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blues"


def commit() -> str | None:
    """Return the checkout's commit, with ``+changes`` if files differ from it; None when installed without git."""
    folder = Path(blues.__file__).parent
    try:
        git = ["git", "-C", str(folder)]
        top = subprocess.run(
            [*git, "rev-parse", "--show-toplevel"], capture_output=True, text=True, check=True, timeout=10
        )
        if Path(top.stdout.strip()) != folder.parent:
            return None
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=10)
        state = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+changes" if state.stdout.strip() else "")


def record(*, seed: int | None = None, **facts: Any) -> dict[str, Any]:
    """Return a dict of plain values that says what made a result.

    Parameters
    ----------
    seed : int, optional
        The seed of the run.
    **facts
        Anything else, json-ready: data hash, encoder card, experiment.

    Returns
    -------
    dict
        ``blues``, ``commit``, ``made`` (UTC, ISO 8601), ``python``, ``packages``, ``machine``, ``cores``, ``seed`` and
        the facts.
        No user name, host name or path.
    """
    packages = {}
    for name in PACKAGES:
        for candidate in (name, f"{name}-cpu"):
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                packages[name] = importlib.metadata.version(candidate)
    return {
        "blues": blues.__version__,
        "commit": commit(),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": packages,
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "seed": seed,
        **facts,
    }


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that takes its name only when the block ends without an error.

    A killed process, a full disk or an exception leaves the old file, or none, under the final name. An ``OSError`` names
    ``path``, not the temporary file.

    Parameters
    ----------
    path : path
        The file to write; its folder is made where there is none.

    Yields
    ------
    Path
        Of the same ending.

    Raises
    ------
    OSError
        When the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replacing(folder / "a.txt") as draft:
    ...     _ = draft.write_text("whole")
    >>> [p.name for p in folder.iterdir()]
    ['a.txt']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:40]}-", suffix=path.suffix)
    except OSError as error:
        error.filename = str(path)
        raise
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o644)
        draft.replace(path)
    except OSError as error:
        if error.filename in (None, name, draft):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        draft.unlink(missing_ok=True)


def check_writable(folder: str | Path) -> None:
    """Raise unless files can be written into a folder that is there or can be made: before the work, not after it.

    A file without a name is made there: permissions do not tell of file systems that take no files (``/proc``) or no more.

    Parameters
    ----------
    folder : path

    Raises
    ------
    OSError
        ``folder`` or what it would lie in is a file, or cannot be written.
    """
    folder = Path(folder).absolute()
    there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))
    try:
        tempfile.TemporaryFile(dir=there).close()
    except FileNotFoundError:  # said of the new file; the folder is there
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there)) from None
    except OSError as error:
        error.filename = str(there)
        raise


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON under ``path``, whole or not at all; NaN is refused.

    Parameters
    ----------
    path : path
    value : object
        What ``json`` can write.

    Raises
    ------
    ValueError
        For NaN and infinite numbers.
    """
    with replacing(path) as draft:
        draft.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
