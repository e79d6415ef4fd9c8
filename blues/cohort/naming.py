"""Tells whose a clip is: by its name, or by a table that lists the clips."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from blues.check import InputError, columns_exist
from blues.cohort.findings import Finding
from blues.cohort.schema import Clips
from blues.cohort.tables import canonical_id, read_table

__all__ = [
    "BESIDE",
    "STILLS",
    "SUFFIXES",
    "Namer",
    "Parts",
    "by_file",
    "clip_id",
    "known_names",
    "read_clip_table",
    "read_name",
]

SUFFIXES = tuple(".mp4 .avi .mov .m4v .mpeg .mpg .wmv .mkv .webm .3gp .gif .tif .tiff .npy .dcm".split())
BESIDE = (".m4v", ".mkv", ".webm", ".3gp", ".tif", ".tiff")
"""A file of one of these beside a clip of the same name is its cover or a copy for the web, and is left out."""
STILLS = (".png", ".jpg", ".jpeg", ".bmp")
"""Pictures, which are clips of one frame where the dictionary says ``stills = true``: beside clips they are mostly covers."""
ANYWHERE = "any"

Parts = tuple[str, str, int | None]
"""Patient, point, and take; the take is None where nothing tells it."""
Namer = Callable[[str], Parts | str]
"""Reads a clip's path below the clips folder, without suffix: its parts, or what is wrong."""


def clip_id(name: str) -> str:
    """Return the id of a clip from its path below the clips folder, or from what a table calls it.

    Examples
    --------
    >>> clip_id("patient_7_R1.mp4"), clip_id("patient_7_R1"), clip_id("p7/R1.AVI")
    ('patient_7_R1', 'patient_7_R1', 'p7_R1')
    """
    name = unicodedata.normalize("NFC", name.strip()).replace("\\", "/")  # names from a Mac's archive come decomposed
    stem, dot, suffix = name.rpartition(".")
    if dot and f".{suffix.lower()}" in (*SUFFIXES, *STILLS):
        name = stem
    return name.strip("/").replace("/", "_")


def read_name(name: str, spec: Clips, id_kind: str) -> Parts | str:
    """Return patient, point and take of a clip's name without suffix, by the pattern, or what is wrong with the name."""
    assert spec.pattern is not None
    found = re.fullmatch(spec.pattern, name)
    if found is None:
        return "the name does not match clips.pattern"
    parts = found.groupdict()
    told = parts.get("take") or ("1" if {"point", "take"} & parts.keys() else None)
    return _parts(parts["patient"] or "", parts.get("point"), told, spec, id_kind)


def _parts(patient: str, point: str | None, take: str | None, spec: Clips, id_kind: str) -> Parts | str:
    known = canonical_id(patient, id_kind)
    if known is None:
        return f"the patient id is no {id_kind}" if patient else "no patient is named"
    if spec.points and point not in spec.points:
        return f"point {point or ''!r} is not among {', '.join(spec.points)}"
    if take is not None and not take.isdecimal():
        return f"take {take!r} is no number"
    return known, point or ANYWHERE, None if take is None else int(take)


def read_clip_table(
    folder: Path, spec: Clips, id_kind: str, names: Collection[str], **how: Any
) -> tuple[Namer, list[Finding]]:
    """Read the table that says whose each clip is.

    Parameters
    ----------
    folder : Path
        The cohort's folder.
    spec : Clips
        The dictionary's section, with its ``table``.
    id_kind : {"integer", "text"}
    names : collection of str
        The clips' paths below the clips folder, without suffix. The table names a clip by that, or by the file name alone
        where only one file has it; with or without suffix.
    **how
        As :func:`blues.cohort.tables.read_table` takes it.

    Returns
    -------
    namer : callable
        Gives patient, point and take (None without a column of takes, or where its cell is blank) of a clip's name, or
        says why it has none.
    findings : list of Finding
        Rows that name no clip.

    Raises
    ------
    InputError
        If the table or a column is missing, or two rows name one clip.
    """
    by = spec.table
    assert by is not None
    table, findings = read_table(folder, by.path, **how)
    wanted = dict.fromkeys([by.clip, by.patient, *(c for c in (by.point, by.take) if c is not None), *by.only])
    columns_exist(wanted, table.columns, by.path)
    cells = table[[*wanted]].apply(lambda column: column.str.strip())
    known = known_names(names)
    rows: dict[str, int] = {}
    for row, told in cells[by.clip].items():
        clip = known.get(clip_id(told), "")
        if clip in rows:
            raise InputError(
                f"this clip is in row {rows[clip]} already",
                file=by.path,
                row=int(row),
                column=by.clip,
                value=told,
                remedy="One row a clip: remove one",
            )
        if clip:
            rows[clip] = int(row)
        else:
            what = "files in two folders have this name" if clip_id(told) in known else "a row without its clip"
            findings.append(Finding("odd", by.path, int(row), by.clip, told, 1, what, "left out"))

    def namer(name: str) -> Parts | str:
        row = rows.get(known.get(clip_id(name), ""))
        if row is None:
            return f"no row of {by.path} names it"
        told = cells.loc[row]
        for column, values in by.only.items():
            if told[column] not in values:
                return f"{column} is {told[column]!r}, and the dictionary takes {', '.join(values)} only"
        point, take = (told[column] or None if column is not None else None for column in (by.point, by.take))
        return _parts(told[by.patient], point, take, spec, id_kind)

    return namer, findings


def by_file(paths: Iterable[str], clips: Iterable[str]) -> dict[str, str]:
    """Return the clip that each file's name means, without its folders; empty where several files have that name."""
    found: dict[str, str] = {}
    for path, clip in zip(paths, clips, strict=True):
        name = clip_id(path.rpartition("/")[2])
        found[name] = "" if name in found else clip
    return found


def known_names(names: Collection[str]) -> dict[str, str]:
    """Return the clip that each name means: its whole path, or its file's name; empty where several files have that."""
    clips = [clip_id(name) for name in names]
    return by_file(names, clips) | dict(zip(clips, clips, strict=True))
