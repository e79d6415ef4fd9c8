"""Finds the clips of a cohort and reads patient, BLUE point and take from their file names."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pandas as pd

from blues.check import InputError, counted
from blues.cohort.findings import Finding
from blues.cohort.schema import Clips
from blues.cohort.tables import canonical_id, natural_key

__all__ = ["SUFFIXES", "clip_id", "read_name", "scan_clips"]

SUFFIXES = (".mp4", ".avi", ".mov", ".mpeg", ".mpg", ".wmv", ".gif", ".npy", ".dcm")
ANYWHERE = "any"
COLUMNS = ["clip", "patient", "point", "take", "path", "bytes"]


def clip_id(name: str) -> str:
    """Return the id of a clip from its path below the clips folder, or from what a table calls it.

    Examples
    --------
    >>> clip_id("patient_7_R1.mp4"), clip_id("patient_7_R1"), clip_id("p7/R1.AVI")
    ('patient_7_R1', 'patient_7_R1', 'p7_R1')
    """
    name = name.strip().replace("\\", "/")
    stem, dot, suffix = name.rpartition(".")
    if dot and f".{suffix.lower()}" in SUFFIXES:
        name = stem
    return name.strip("/").replace("/", "_")


def scan_clips(folder: Path, place: str, spec: Clips, id_kind: str) -> tuple[pd.DataFrame, list[Finding]]:
    """List the clips below ``folder / place`` and read their names by the dictionary's pattern.

    The pattern must match the whole of the path below the clips folder without its suffix (the file stem where clips
    lie in one folder). A clip without a take is take 1.

    Returns
    -------
    clips : DataFrame
        Index ``clip`` (str); patient (str), point (str; ``any`` where the pattern has no point), take (int), path
        (relative to ``folder``), bytes (int); by patient in natural order, then point, then take.
    findings : list of Finding
        What was left out: other suffixes, names that do not match, points that are not listed, links that lead nowhere,
        folders and pipes named like a clip. What is odd: empty files, pointers of Git LFS, retakes without a first take.

    Raises
    ------
    InputError
        If the folder is missing or holds no clips, no name matches, or two files are the same clip or take.
    OSError
        If a folder may not be read.
    """
    files, findings = _clip_files(folder, place)
    rows = []
    for path in files:
        row = _row(path, folder, folder / place, spec, id_kind)
        if isinstance(row, Finding):
            findings.append(row)
        else:
            rows.append(row)
            findings += _size_findings(path, str(row["path"]))
    if not rows:
        example = clip_id(files[0].relative_to(folder / place).as_posix())
        raise InputError(
            f"none of the {counted(len(files), 'clip')} has a name that fits the dictionary ({findings[-1].what})",
            file=place,
            value=example,
            allowed=f"names that match {spec.pattern}" + (f", points {', '.join(spec.points)}" if spec.points else ""),
            remedy="Mend clips.pattern or clips.points in the dictionary",
        )
    clips = _in_order(pd.DataFrame(rows, columns=COLUMNS), spec)
    _refuse_twins(clips, place)
    return clips.set_index("clip"), findings + _lone_retakes(clips)


def _clip_files(folder: Path, place: str) -> tuple[list[Path], list[Finding]]:
    root = folder / place
    if not root.is_dir():
        have = sorted(p.name for p in folder.iterdir() if p.is_dir()) or ["no folders"]
        raise InputError(
            f"there is no such folder of clips in {folder}",
            file=place,
            remedy=f"Put the clips there, or mend files.clips in the dictionary (there are: {', '.join(have[:8])})",
        )
    listed = _below(root)
    found = [p for p in listed if p.is_file()]
    clips = [p for p in found if p.suffix.lower() in SUFFIXES]
    if not clips:
        raise InputError(
            f"holds no clips ({counted(len(found), 'other file')})",
            file=place,
            allowed=f"files ending in {' '.join(SUFFIXES)}",
            remedy="Fetch the clips first, or mend files.clips in the dictionary",
        )
    findings = [
        Finding("left out", p.relative_to(folder).as_posix(), None, "", p.stem, 1, _no_file(p), "left out")
        for p in listed
        if not p.is_file()
    ]
    if place.strip("./"):
        others = Counter(p.suffix.lower() or "no suffix" for p in found if p.suffix.lower() not in SUFFIXES)
        findings += [Finding("left out", place, None, "", s, n, "not a clip", "left out") for s, n in others.items()]
    return clips, findings


def _below(root: Path) -> list[Path]:
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


def read_name(name: str, spec: Clips, id_kind: str) -> tuple[str, str, int] | str:
    """Return patient, point and take of a clip's name without suffix, or what is wrong with the name."""
    found = re.fullmatch(spec.pattern, name)
    if found is None:
        return "the name does not match clips.pattern"
    parts = found.groupdict()
    patient = canonical_id(parts["patient"] or "", id_kind)
    if patient is None:
        return f"the patient id is no {id_kind}"
    point = parts["point"] if "point" in parts else ANYWHERE
    if spec.points and point not in spec.points:
        return f"point {point!r} is not among {', '.join(spec.points)}"
    take = parts.get("take") or "1"
    return (patient, point, int(take)) if take.isdigit() else f"take {take!r} is no number"


def _row(path: Path, folder: Path, root: Path, spec: Clips, id_kind: str) -> dict[str, object] | Finding:
    name = path.relative_to(root).with_suffix("").as_posix()
    where = path.relative_to(folder).as_posix()
    told = read_name(name, spec, id_kind)
    if isinstance(told, str):
        return Finding("left out", where, None, "", name, 1, told, "left out")
    patient, point, take = told
    row = {"clip": clip_id(name), "patient": patient, "point": point, "take": take, "path": where}
    return row | {"bytes": path.stat().st_size}


def _size_findings(path: Path, where: str) -> list[Finding]:
    """Tell of files that cannot be clips: empty ones, and pointers left by a fetch without large-file storage."""
    if path.stat().st_size == 0:
        return [Finding("odd", where, None, "", path.stem, 1, "the file is empty", "kept in the list of clips")]
    if path.stat().st_size < 1000 and path.read_bytes().startswith(b"version https://git-lfs"):
        what = "a Git LFS pointer, not the clip itself"
        return [Finding("odd", where, None, "", path.stem, 1, what, "kept in the list of clips; run `git lfs pull`")]
    return []


def _in_order(clips: pd.DataFrame, spec: Clips) -> pd.DataFrame:
    if "point" not in re.compile(spec.pattern).groupindex and "take" not in re.compile(spec.pattern).groupindex:
        clips["take"] = clips.groupby("patient").cumcount() + 1
    order = {point: position for position, point in enumerate(spec.points)}
    keys = [
        (natural_key(patient), order.get(point, len(order)), natural_key(point), take)
        for patient, point, take in zip(clips["patient"], clips["point"], clips["take"], strict=True)
    ]
    return clips.iloc[sorted(range(len(clips)), key=keys.__getitem__)].reset_index(drop=True)


def _refuse_twins(clips: pd.DataFrame, place: str) -> None:
    for columns, what in ((["clip"], "have the same name"), (["patient", "point", "take"], "are the same take")):
        twins = clips[clips.duplicated(columns, keep=False)]
        if len(twins):
            paths = twins.loc[(twins[columns] == twins.iloc[0][columns]).all(axis=1), "path"]
            taken = twins.iloc[0]
            about = f"patient {taken['patient']}, point {taken['point']}, take {taken['take']}"
            raise InputError(
                f"{' and '.join(paths)} {what} ({about})",
                file=place,
                remedy="Rename or remove one"
                + ("" if len(columns) == 1 else ", or let clips.pattern tell them apart by a group (?P<take>...)"),
            )


def _lone_retakes(clips: pd.DataFrame) -> list[Finding]:
    first = clips.groupby(["patient", "point"])["take"].transform("min")
    lone = clips[(clips["take"] == first) & (first > 1)]
    done = "kept as the only take of its point"
    return [
        Finding("odd", row.path, None, "", row.clip, 1, f"take {row.take} without a take 1", done)
        for row in lone.itertuples()
    ]
