"""One file from a web server: goes on after a break, checks what arrived, and never leaves half a file under the final name.

A download in progress lies beside its target as ``NAME.part``, with what the server said of it in ``NAME.part.json``. It is
continued only if the server still vouches for the same content (RFC 9110: ``Range`` with ``If-Range``); else it starts over.
"""

from __future__ import annotations

import dataclasses
import email.message
import errno
import hashlib
import http.client
import json
import re
import shutil
import sys
import time
import urllib.error
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from blues.check import InputError
from blues.datasets.address import open_url
from blues.provenance import file_hash, write_json

__all__ = ["Download", "download", "git_blob_hash", "read_json"]

T = TypeVar("T")

CHUNK = 1 << 18
TRIES, WAIT = 5, 1.0  # seconds before the second try, twice as long before each further one
# a try that brought this much does not count against the tries
PROGRESS = 1 << 20
MOST_JSON = 50 * 10**6
CHANGED = -1
RETRY_STATUS = (408, 425, 429, 500, 502, 503, 504)


@dataclasses.dataclass(frozen=True)
class Download:
    """What arrived.

    Attributes
    ----------
    path : Path
        The file.
    url : str
        What was asked for.
    size : int
        Bytes.
    sha256 : str
        Of the file, 64 hexadecimal digits.
    verified : bool
        Whether a hash that the publisher gives was compared.
    continued : int
        Bytes of it that were kept from earlier tries, of this or another run; 0 if the last try began anew.
    """

    path: Path
    url: str
    size: int
    sha256: str
    verified: bool
    continued: int


class _Broken(Exception):
    """A try failed in a way that another may mend, after so many seconds if the server says so."""

    def __init__(self, what: str, after: float | None = None) -> None:
        super().__init__(what)
        self.after = after


class _Unsatisfiable(Exception):
    """The server has nothing from there on; ``total`` is the length it names."""

    def __init__(self, headers: email.message.Message) -> None:
        match = re.fullmatch(r"bytes \*/([0-9]{1,18})", headers.get("Content-Range", ""))
        self.total = int(match[1]) if match else None


def download(
    url: str,
    path: str | Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    tries: int = TRIES,
    wait: float = WAIT,
    progress: bool = True,
    sleep: Callable[[float], None] = time.sleep,
) -> Download:
    """Download ``url`` to ``path``, going on from an earlier try where the server allows it.

    Parameters
    ----------
    url : str
        http or https.
    path : path
        Final name; replaced if it exists.
    size : int, optional
        Bytes expected.
    sha256 : str, optional
        Hash expected; without one the hash is only recorded.
    tries : int
        Tries in a row without real progress before giving up.
    wait : float
        Seconds before the second try; doubled each time, 60 at most, unless the server names a time.
    progress : bool
        Show a bar on standard error, if that is a terminal.
    sleep : callable
        For tests.

    Raises
    ------
    InputError
        When the address is wrong, the network stays down, the disk is full, or size or hash do not fit.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)

    def arrived() -> int:
        return part.stat().st_size if part.exists() else 0

    continued = _again(lambda: _attempt(url, part, size, progress), url, arrived, tries, wait, sleep)
    found = file_hash(part)
    if sha256 is not None and found != sha256.lower():
        _forget(part)
        raise InputError(
            f"{url}: the file that arrived has SHA-256 {found}, and {sha256} is expected",
            remedy="It was changed or damaged on the way and has been deleted; try again, or ask the publisher",
        )
    length = part.stat().st_size
    part.replace(path)
    _forget(part)
    return Download(path, url, length, found, sha256 is not None, continued)


def read_json(url: str) -> tuple[Any, str | None]:
    """Return a JSON answer, and the address of the next page if its ``Link`` header names one (RFC 8288)."""

    def attempt() -> tuple[bytes, list[str]]:
        with _opened(url, {}) as response:
            return _read(response, MOST_JSON), response.headers.get_all("Link", [])

    content, links = _again(attempt, url, lambda: 0, TRIES, WAIT, time.sleep)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise InputError(
            f"{url}: the answer is no JSON", remedy="The server may have changed; use another --source"
        ) from None
    match = re.search(r'<([^>]+)>\s*;\s*rel="?next"?', ", ".join(links))
    try:
        return value, urllib.parse.urljoin(url, match[1]) if match else None
    except ValueError as error:
        raise InputError(f"{url}: its next page {match and match[1]!r} is no web address ({error})") from None


def _again(
    action: Callable[[], T],
    url: str,
    arrived: Callable[[], int],
    tries: int,
    wait: float,
    sleep: Callable[[float], None],
) -> T:
    """Repeat ``action`` while it breaks; tries that brought real progress do not count."""
    failed = 0
    while True:
        before = arrived()
        try:
            return action()
        except _Broken as error:
            failed = 1 if arrived() - before >= PROGRESS else failed + 1
            if failed >= tries:
                raise InputError(
                    f"{url}: {error}, {failed} times in a row",
                    remedy="Run the same command again later: it goes on from there",
                ) from None
            sleep(min(60.0, wait * 2 ** (failed - 1) if error.after is None else error.after))


def _state_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _state(part: Path) -> dict[str, Any]:
    """Return what is known about the part file; empty if nothing is, or it cannot be read."""
    try:
        state = json.loads(_state_path(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _continues(part: Path, url: str) -> bool:
    return (
        part.is_file()
        and part.stat().st_size > 0
        and _state(part).get("url") == url
        and bool(_state(part).get("validator"))
    )


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _state_path(part).unlink(missing_ok=True)


def _validator(headers: email.message.Message) -> str | None:
    """Return what identifies this very content for ``If-Range``: a strong ETag, else the date of change."""
    tag = headers.get("ETag", "")
    value = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
    return value if value and value.isprintable() else None


def _whole(text: str | None) -> int | None:
    """Return the number that a header gives in plain digits, else None."""
    return int(text) if text and re.fullmatch("[0-9]{1,18}", text) else None


def _attempt(url: str, part: Path, size: int | None, progress: bool) -> int:
    """Fetch what is missing of the part file, return what was kept of it; raise ``_Broken`` if it stays incomplete."""
    start = part.stat().st_size if _continues(part, url) else 0
    if not start:
        _forget(part)
    headers = {"Range": f"bytes={start}-", "If-Range": _state(part)["validator"]} if start else {}
    try:
        response = _opened(url, headers)
    except _Unsatisfiable as error:
        if error.total == start == _state(part).get("total"):
            return start
        _forget(part)
        raise _Broken("the server's file is not the one that had arrived in part") from None
    with response:
        total = _place(response, start, _state(part))
        if total == CHANGED:
            _forget(part)
            raise _Broken("the server does not go on with the same file")
        if total is None:  # the whole file comes, whatever was asked for
            start = 0
            total = _whole(response.headers.get("Content-Length"))
        if size is not None and total is not None and total != size:
            raise InputError(f"{url}: the server offers {total} bytes, and {size} are expected")
        write_json(_state_path(part), {"url": url, "validator": _validator(response.headers), "total": total})
        _room(part, (total or size or start) - start)
        _receive(response, part, start, total, progress)
    got = part.stat().st_size
    expected = total if total is not None else size
    if expected is not None and got < expected:
        raise _Broken(f"the connection broke after {got} of {expected} bytes")
    if expected is not None and got > expected:
        _forget(part)
        raise InputError(f"{url}: {got} bytes arrived, and {expected} are expected")
    return start


def _opened(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    """Open the address; turn what can go wrong into something to retry, or to say."""
    try:
        return open_url(url, headers)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            raise _Unsatisfiable(error.headers) from None
        raise _refusal(error, url) from None
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        raise _Broken(_reason(error)) from None


def _read(response: http.client.HTTPResponse, most: int) -> bytes:
    try:
        return response.read(most)
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(_reason(error)) from None


def _place(response: http.client.HTTPResponse, start: int, state: dict[str, Any]) -> int | None:
    """Return the whole length if the response goes on from ``start``, None if it is the file from its beginning.

    ``CHANGED`` is a part that is not said to be of the same content: some servers do not heed ``If-Range``, and without a
    validator in the answer two files could be stitched together.
    """
    if response.status != 206:
        return None
    match = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]+/([0-9]{1,18})", response.headers.get("Content-Range", ""))
    validator = _validator(response.headers)
    same = validator is not None and validator == state.get("validator")
    if not match or int(match[1]) != start or not same or state.get("total") not in (None, int(match[2])):
        return CHANGED
    return int(match[2])


def _receive(response: http.client.HTTPResponse, part: Path, start: int, total: int | None, progress: bool) -> None:
    shown = progress and sys.stderr.isatty()
    bar = tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.stem, disable=not shown)
    with part.open("ab" if start else "wb") as stream, bar:
        while True:
            data = _read(response, CHUNK)
            if not data:
                return
            try:
                stream.write(data)
                stream.flush()
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                raise InputError(
                    "the disk is full", file=part, remedy="Free some space and run the same command"
                ) from None
            bar.update(len(data))


def _room(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise InputError(
            f"{needed / 1e6:.0f} MB are to come and {free / 1e6:.0f} MB are free on this disk",
            file=part.parent,
            remedy="Free some space, or choose another place",
        )


def _refusal(error: urllib.error.HTTPError, url: str) -> Exception:
    """Turn an HTTP status into something to retry or to say."""
    if error.code in RETRY_STATUS:
        return _Broken(f"the server answers {error.code} {error.reason}", _whole(error.headers.get("Retry-After")))
    remedy = {404: "The publisher may have moved it: look at its page and give --url", 403: "It may need a log-in"}
    return InputError(f"{url}: the server answers {error.code} {error.reason}", remedy=remedy.get(error.code))


def _reason(error: Exception) -> str:
    """Say in a few words why a connection failed."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return "the server does not answer"
    if isinstance(error, http.client.IncompleteRead | ConnectionError):
        return "the connection broke"
    return f"no connection ({cause})"


def git_blob_hash(path: str | Path) -> str:
    """Return the SHA-1 that git gives a file's content; Hugging Face lists it for small files."""
    data = Path(path).read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
