"""Published cohorts: where they lie, under which licence, and how they come onto this disk."""

from __future__ import annotations

import dataclasses
import re
import sys
import urllib.parse
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from blues.check import InputError, counted, one_of
from blues.datasets.address import check_address
from blues.datasets.download import Download, download, git_blob_hash, read_json
from blues.datasets.unpack import check_target, distinct, safe_name, unpack
from blues.provenance import cache_folder, file_hash, text_hash, write_json

__all__ = ["KNOWN", "Fetched", "Published", "fetch", "terms"]


@dataclasses.dataclass(frozen=True)
class Published:
    """A cohort that its owners have published.

    Attributes
    ----------
    title, licence, licence_url, permits, citation : str
        What a user must know before taking it.
    github : str
        Address of the archive of its repository.
    huggingface : str
        Owner and name of the data set.
    tested : dict
        SHA-256 of files of the release that blues was tested with; another release is used too, and said.
    clips : tuple of str and int
        Folder of the clips, and how many of them that release has.
    """

    title: str
    licence: str
    licence_url: str
    permits: str
    citation: str
    github: str
    huggingface: str
    tested: dict[str, str]
    clips: tuple[str, int]


KNOWN = {
    "covid-blues": Published(
        title="COVID-BLUES: 63 patients with suspected COVID-19, 362 clips at the six BLUE points, blood tests, PCR (68 MB)",
        licence="CC BY-NC-ND 4.0",
        licence_url="https://creativecommons.org/licenses/by-nc-nd/4.0/legalcode",
        permits=(
            "You may copy and share it unchanged, naming its authors, for non-commercial purposes. You may adapt it for "
            "yourself, but not share what you adapted: no frames, crops, changed tables or copies in another format."
        ),
        citation=(
            "Wiedemann N, et al. COVID-BLUeS - A Prospective Study on the Value of AI in Lung Ultrasound Analysis. "
            "IEEE J Biomed Health Inform 2025;29(9):6301-6310. doi:10.1109/JBHI.2025.3543686"
        ),
        github="https://github.com/NinaWie/COVID-BLUES-dataset/archive/refs/heads/main.zip",
        huggingface="jannisborn/COVID-BLUES",
        tested={
            "clinical_variables.csv": "e0a351805cc77dab96595dad82ea23f04c5bb662a1f04079659b0eede6e33502",
            "severity.csv": "ef82e6b9d0abec00c27a31875287830f5952211c0e023b64994e0bfaabe61717",
            "variable_explanations.csv": "5a67c755fde8b447aaea6292046cf8b4b47bf0c1b7d5bd9820491ce586bf2e4a",
        },
        clips=("lus_videos", 362),
    ),
}
HUB = "https://huggingface.co"
MOST_FILES = 100_000
MOST_PAGES = 1000


@dataclasses.dataclass(frozen=True)
class Fetched:
    """What was fetched.

    Attributes
    ----------
    folder : Path
        The cohort's folder.
    files : int
        Number of files the source has.
    size : int
        Bytes that came over the net.
    notes : tuple of str
        What was verified, what could not be, and what differs from the release that blues was tested with.
    """

    folder: Path
    files: int
    size: int
    notes: tuple[str, ...]


def terms(name: str) -> str:
    """Return the licence terms of a published cohort, to be read before it is fetched."""
    known = KNOWN[one_of(name, KNOWN, "cohort")]
    return f"{known.title}\n\n{known.licence} ({known.licence_url})\n{known.permits}\n\nCite: {known.citation}\n"


def fetch(
    name: str,
    folder: str | Path,
    *,
    source: str = "github",
    accept_licence: bool = False,
    url: str | None = None,
    force: bool = False,
    progress: bool = True,
) -> Fetched:
    """Download a published cohort into a folder.

    Stopped half-way, the same call goes on from where it was. What came from where is written to ``fetched.json``.

    Parameters
    ----------
    name : str
        A key of ``KNOWN``.
    folder : path
        The cohort's folder; may exist. Files that are there with another content are kept unless ``force``.
    source : {"github", "huggingface"}
        GitHub gives one archive, without a hash and often without a way to go on after a break; Hugging Face gives file
        by file, each with size and hash.
    accept_licence : bool
        That the terms of the licence were read and are accepted.
    url : str, optional
        Address of another archive (github), or of another server (huggingface).
    force : bool
        Overwrite files that differ.
    progress : bool
        Show a bar, if standard error is a terminal.

    Raises
    ------
    InputError
        When the licence is not accepted, the network or the disk fails, or what arrived is not what it should be.
    """
    known = KNOWN[one_of(name, KNOWN, "cohort")]
    one_of(source, ("github", "huggingface"), "source")
    if not accept_licence:
        raise InputError(
            f"{name} is published under {known.licence}, which has to be accepted",
            remedy="Read the terms, then give --accept-licence",
        )
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError("not a folder", file=folder)
    address = url if url is not None else known.github if source == "github" else HUB
    check_address(address)
    if source == "github":
        files, record = _from_archive(name, address, folder, force, progress)
    else:
        files, record = _from_hub(known, address, folder, force, progress)
    notes = (*record.pop("notes"), *_compare(known, folder))
    write_json(
        folder / "fetched.json",
        {
            "name": name,
            "source": source,
            **record,
            "files": len(files),
            "licence": known.licence,
            "citation": known.citation,
            "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
            "notes": list(notes),
        },
    )
    return Fetched(folder, len(files), record["bytes"], notes)


def _from_archive(name: str, url: str, folder: Path, force: bool, progress: bool) -> tuple[list[Path], dict[str, Any]]:
    archive = cache_folder() / "downloads" / f"{name}-{text_hash(url)[:12]}.zip"
    got = download(url, archive, progress=progress)
    try:
        if not zipfile.is_zipfile(archive):
            raise InputError(
                f"{url}: what arrived is no zip archive", remedy="Open the address in a browser and see what it says"
            )
        files = unpack(archive, folder, force=force)
        with zipfile.ZipFile(archive) as file:
            comment = file.comment.decode("ascii", "replace")
    except InputError as error:
        raise InputError(str(error).replace(str(archive), url)) from None  # the archive is gone, its address is not
    finally:
        archive.unlink()
    commit = comment if re.fullmatch(r"[0-9a-f]{40}", comment) else None
    notes = [
        f"The archive's SHA-256 is {got.sha256}; GitHub publishes none to compare it with, so it is only recorded."
    ]
    return files, {"url": url, "commit": commit, "bytes": got.size, "sha256": got.sha256, "notes": notes}


def _from_hub(
    known: Published, server: str, folder: Path, force: bool, progress: bool
) -> tuple[list[Path], dict[str, Any]]:
    repository = f"{server.rstrip('/')}/api/datasets/{known.huggingface}"
    about, _ = read_json(repository)
    if not isinstance(about, dict):
        raise InputError(f"{repository}: the answer does not describe a data set", remedy="Use --source github")
    revision = urllib.parse.quote(str(about.get("sha") or "main"), safe="")
    listed = _listing(f"{repository}/tree/{revision}?recursive=true")
    if not listed:
        raise InputError(f"{repository}: it lists no files", remedy="Use --source github")
    names = [safe_name(entry["path"], repository) for entry in listed]
    distinct(names, repository)
    wanted = [(entry, folder / name) for entry, name in zip(listed, names, strict=True)]
    missing = []
    for entry, path in wanted:
        same = path.is_file() and _is(entry, path)
        check_target(path, folder, repository, force=force or same)
        if not same:
            missing.append((entry, path))
    size = 0
    shown = progress and sys.stderr.isatty()
    for entry, path in tqdm(missing, unit="file", disable=not shown):
        address = (
            f"{server.rstrip('/')}/datasets/{known.huggingface}/resolve/{revision}/{urllib.parse.quote(entry['path'])}"
        )
        size += _one(entry, path, address).size
    notes = [f"All {len(wanted)} files have the sizes and hashes that Hugging Face lists (commit {revision})."]
    return [path for _, path in wanted], {"url": repository, "commit": revision, "bytes": size, "notes": notes}


def _one(entry: dict[str, Any], path: Path, address: str) -> Download:
    """Download one listed file beside its final name, and give it that name only if it is the listed one."""
    lfs = entry.get("lfs") or {}
    draft = path.with_name(f".{path.name}.fetched")
    got = download(address, draft, size=entry["size"], sha256=lfs.get("oid"), progress=False)
    try:
        if not _is(entry, draft):
            raise InputError(
                f"{address}: what arrived is not the file that is listed", remedy="It was deleted; try again"
            )
        draft.replace(path)
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # the listed file, not the draft that is gone
        raise
    finally:
        draft.unlink(missing_ok=True)
    return got


def _is(entry: dict[str, Any], path: Path) -> bool:
    """Tell whether a file is the listed one: by SHA-256 for large files, by git's hash for small ones."""
    if path.stat().st_size != entry["size"]:
        return False
    lfs = entry.get("lfs")
    return file_hash(path) == lfs["oid"] if lfs else git_blob_hash(path) == entry["oid"]


def _listing(url: str) -> list[dict[str, Any]]:
    """Return the files of all pages of a listing."""
    files: list[dict[str, Any]] = []
    pages: list[str] = []
    page: str | None = url
    while page:
        if page in pages or len(pages) == MOST_PAGES or len(files) > MOST_FILES:
            raise InputError(f"{page}: the list of files does not end", remedy="Use --source github")
        pages.append(page)
        value, page = read_json(page)
        if not isinstance(value, list):
            raise InputError(f"{pages[-1]}: the answer is no list of files", remedy="Use --source github")
        files += [entry for entry in value if _describes_a_file(entry, pages[-1])]
    return files


def _describes_a_file(entry: Any, page: str) -> bool:
    """Tell a listed file from a folder; raise if name, size or hash, by which a file is verified, is lacking."""
    if isinstance(entry, dict) and entry.get("type") != "file":
        return False
    try:
        hashed = entry.get("lfs") or entry
        fits = isinstance(entry["path"], str) and type(entry["size"]) is int and isinstance(hashed["oid"], str)
    except (AttributeError, KeyError, TypeError):
        fits = False
    if not fits:
        raise InputError(
            f"{page}: it lists a file without its name, size or hash: {str(entry)[:80]}", remedy="Use --source github"
        )
    return True


def _compare(known: Published, folder: Path) -> list[str]:
    """Say where the folder differs from the release that blues was tested with; raise if clips are stand-ins."""
    notes = []
    for name, expected in known.tested.items():
        path = folder / name
        if not path.is_file():
            notes.append(f"{name} is missing, which the release that blues was tested with has.")
        elif file_hash(path) != expected:
            notes.append(
                f"{name} differs from the release that blues was tested with; read the cohort's card with care."
            )
    place, count = known.clips
    clips = [path for path in (folder / place).glob("*") if path.is_file()]
    pointers = [
        path
        for path in clips
        if path.stat().st_size < 1024 and path.read_bytes().startswith(b"version https://git-lfs")
    ]
    if pointers:
        raise InputError(
            f"Git LFS pointers lie in place of videos: {len(pointers)} of {counted(len(clips), 'clip')}",
            file=pointers[0],
            remedy="Use --source huggingface --force",
        )
    if len(clips) != count:
        notes.append(
            f"{place} holds {counted(len(clips), 'clip')}; the release that blues was tested with has {count}."
        )
    if not notes:
        notes.append("Tables and number of clips are those of the release that blues was tested with.")
    return notes
