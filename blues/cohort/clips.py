"""Finds the clips of a cohort and lists them by patient, BLUE point and take."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from blues.check import InputError, counted
from blues.cohort.findings import Finding
from blues.cohort.naming import BESIDE, STILLS, SUFFIXES, Namer, Parts, clip_id, read_clip_table, read_name
from blues.cohort.schema import Clips
from blues.cohort.tables import natural_key

__all__ = ["files_below", "lone_retakes", "scan_clips"]

COLUMNS = ["clip", "patient", "point", "take", "path", "bytes"]


def scan_clips(
    folder: Path, place: str, spec: Clips, id_kind: str, **how: Any
) -> tuple[pd.DataFrame, Namer, list[Finding]]:
    """List the clips below ``folder / place`` with what the dictionary's pattern or table tells of them.

    A pattern must match the whole of the path below the clips folder without its suffix (the file stem where clips
    lie in one folder). A clip without a take is take 1, or numbered where nothing could tell the take.

    Parameters
    ----------
    folder : Path
        The cohort's folder.
    place, spec, id_kind : str, Clips, str
        The clips folder and what the dictionary says of clips and ids.
    **how
        How tables are read, as :func:`blues.cohort.tables.read_table` takes it.

    Returns
    -------
    clips : DataFrame
        Index ``clip`` (str); patient (str), point (str; ``any`` where nothing tells it), take (int), path
        (relative to ``folder``), bytes (int); by patient in natural order, then point, then take.
    namer : callable
        What read their names; ratings are joined by it.
    findings : list of Finding
        What was left out: other suffixes, names that do not match, points that are not listed, links that lead nowhere,
        folders and pipes named like a clip. What is odd: empty files, pointers of Git LFS.

    Raises
    ------
    InputError
        If the folder is missing or holds no clips, no name matches, or two files are the same clip or take.
    OSError
        If a folder may not be read.
    """
    listed, findings = _clip_files(folder, place, (*SUFFIXES, *STILLS) if spec.stills else SUFFIXES)
    files, copies = _without_copies(listed, place)
    findings += copies
    names = [path.relative_to(folder / place).with_suffix("").as_posix() for path in files]
    if spec.table is not None:
        namer, met = read_clip_table(folder, spec, id_kind, names, **how)
        findings += met
    else:

        def namer(name: str) -> Parts | str:
            return read_name(name, spec, id_kind)

    rows = []
    for path, name in zip(files, names, strict=True):
        where, told = path.relative_to(folder).as_posix(), namer(name)
        if isinstance(told, str):
            findings.append(Finding("left out", where, None, "", name, 1, told, "left out"))
        else:
            rows.append((clip_id(name), *told, where, path.stat().st_size))
            findings += _size_findings(path, where)
    if not rows:
        _refuse_names(spec, place, names, findings[-1].what)
    clips = _in_order(pd.DataFrame(rows, columns=COLUMNS), spec)
    _refuse_twins(clips, place, spec)
    return clips.set_index("clip"), namer, findings


def _refuse_names(spec: Clips, place: str, names: list[str], why: str) -> NoReturn:
    points = f", points {', '.join(spec.points)}" if spec.points else ""
    told = f"names that match {spec.pattern}" if spec.table is None else f"names in the column {spec.table.clip}"
    raise InputError(
        f"none of the {counted(len(names), 'clip')} has a name that fits the dictionary ({why})",
        file=place,
        value=clip_id(names[0]),
        allowed=told + points,
        remedy=f"Mend {spec.source} or clips.points in the dictionary",
    )


def _clip_files(folder: Path, place: str, endings: tuple[str, ...]) -> tuple[list[Path], list[Finding]]:
    root = folder / place
    if not root.is_dir():
        have = sorted(p.name for p in folder.iterdir() if p.is_dir()) or ["no folders"]
        raise InputError(
            f"there is no such folder of clips in {folder}",
            file=place,
            remedy=f"Put the clips there, or mend files.clips in the dictionary (there are: {', '.join(have[:8])})",
        )
    listed = files_below(root)
    found = [p for p in listed if p.is_file()]
    clips = [p for p in found if p.suffix.lower() in endings]
    if not clips:
        pictures = any(p.suffix.lower() in STILLS for p in found)
        remedy = "Fetch the clips first, or mend files.clips in the dictionary"
        raise InputError(
            f"holds no clips ({counted(len(found), 'other file')})",
            file=place,
            allowed=f"files ending in {' '.join(endings)}",
            remedy="Pictures are clips of one frame with stills = true in [clips]" if pictures else remedy,
        )
    findings = [
        Finding("left out", p.relative_to(folder).as_posix(), None, "", p.stem, 1, _no_file(p), "left out")
        for p in listed
        if not p.is_file()
    ]
    if place.strip("./"):
        others = Counter(p.suffix.lower() or "no suffix" for p in found if p.suffix.lower() not in endings)
        findings += [_no_clips(place, suffix, files) for suffix, files in others.items()]
    return clips, findings


def _without_copies(files: list[Path], place: str) -> tuple[list[Path], list[Finding]]:
    """Return the files without covers and copies of others, and a finding for each sort that is left out."""
    clips = {path.with_suffix(""): path.name for path in files if path.suffix.lower() not in BESIDE}
    copies: dict[str, list[Path]] = {}
    for path in files:
        if path.suffix.lower() in BESIDE and path.with_suffix("") in clips:
            copies.setdefault(path.suffix.lower(), []).append(path)
    findings = []
    for suffix, some in copies.items():
        first = f"{some[0].name} beside {clips[some[0].with_suffix('')]}"
        what = f"beside a clip of the same name, so its cover or a copy ({counted(len(some), 'file')}: {first})"
        findings.append(Finding("left out", place, None, "", suffix, len(some), what, "left out"))
    left_out = {path for some in copies.values() for path in some}
    return [path for path in files if path not in left_out], findings


def _no_clips(place: str, suffix: str, files: int) -> Finding:
    what = f"not clips ({files} files)" if files > 1 else "not a clip"
    done = "left out" + "; stills = true in [clips] makes pictures clips" * (suffix in STILLS)
    return Finding("left out", place, None, "", suffix, files, what, done)


def files_below(root: Path) -> list[Path]:
    """List the files below a folder, and whatever else might have been taken for clips, in natural order.

    Hidden files and folders are passed over; a folder that may not be read is an error, lest its clips go missing unseen.
    """

    def stop(error: OSError) -> None:
        raise error

    listed = []
    for place, folders, files in os.walk(root, onerror=stop):
        here = Path(place)
        folders[:] = [name for name in folders if not name.startswith(".")]
        listed += [here / name for name in files if not name.startswith(".")]
        odd = (here / name for name in folders)
        listed += [path for path in odd if path.is_symlink() or path.suffix.lower() in SUFFIXES]
    return sorted(listed, key=lambda path: natural_key(path.relative_to(root).as_posix()))


def _no_file(path: Path) -> str:
    """Return why a path that might have been taken for a clip is no file."""
    if path.is_symlink():
        return "a link to a folder, which is not followed" if path.is_dir() else "a link to a file that is not there"
    return "a folder that is named like a clip" if path.is_dir() else "no plain file"


def _size_findings(path: Path, where: str) -> list[Finding]:
    """Tell of files that cannot be clips: empty ones, and pointers left by a fetch without large-file storage."""
    if path.stat().st_size == 0:
        return [Finding("odd", where, None, "", path.stem, 1, "the file is empty", "kept in the list of clips")]
    if path.stat().st_size < 1000 and path.read_bytes().startswith(b"version https://git-lfs"):
        what = "a Git LFS pointer, not the clip itself"
        return [Finding("odd", where, None, "", path.stem, 1, what, "kept in the list of clips; run `git lfs pull`")]
    return []


def _in_order(clips: pd.DataFrame, spec: Clips) -> pd.DataFrame:
    """Sort by patient, point and take; takes that nothing tells are numbered in the order of the files."""
    untold = clips["take"].isna()
    clips["take"] = clips["take"].where(~untold, clips[untold].groupby(["patient", "point"]).cumcount() + 1).astype(int)
    order = {point: position for position, point in enumerate(spec.points)}
    keys = [
        (natural_key(patient), order.get(point, len(order)), natural_key(point), take)
        for patient, point, take in zip(clips["patient"], clips["point"], clips["take"], strict=True)
    ]
    return clips.iloc[sorted(range(len(clips)), key=keys.__getitem__)].reset_index(drop=True)


def _refuse_twins(clips: pd.DataFrame, place: str, spec: Clips) -> None:
    for columns, what in ((["clip"], "have the same name"), (["patient", "point", "take"], "are the same take")):
        twins = clips[clips.duplicated(columns, keep=False)]
        if len(twins):
            paths = twins.loc[(twins[columns] == twins.iloc[0][columns]).all(axis=1), "path"]
            taken = twins.iloc[0]
            about = f"patient {taken['patient']}, point {taken['point']}, take {taken['take']}"
            apart = "clips.pattern tell them apart by a group (?P<take>...)"
            if spec.table is not None:
                apart = f"the takes in {spec.table.path} tell them apart"
            raise InputError(
                f"{' and '.join(paths)} {what} ({about})",
                file=place,
                remedy="Rename or remove one" + ("" if len(columns) == 1 else f", or let {apart}"),
            )


def lone_retakes(clips: pd.DataFrame) -> list[Finding]:
    """Tell of clips that are not the first take of their point, and without it.

    Parameters
    ----------
    clips : DataFrame
        Those kept, as :func:`scan_clips` gives them.
    """
    first = clips.groupby(["patient", "point"])["take"].transform("min")
    lone = clips[(clips["take"] == first) & (first > 1)]
    done = "kept as the only take of its point"
    return [
        Finding("odd", row.path, None, "", row.Index, 1, f"take {row.take} without a take 1", done)
        for row in lone.itertuples()
    ]
