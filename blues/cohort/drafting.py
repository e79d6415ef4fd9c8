"""Drafts a ``cohort.toml`` for somebody's own folder; whatever a person must decide is marked ``# DECIDE:``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from blues.check import InputError, counted
from blues.cohort.candidates import target_sections
from blues.cohort.decode import number
from blues.cohort.guess import guess_column, repeats
from blues.cohort.identify import PatientTable, patient_table
from blues.cohort.listing import agrees, guess_clip_table
from blues.cohort.measures import holds_units, mixed_units
from blues.cohort.naming import SUFFIXES, clip_id, known_names
from blues.cohort.pattern import NamePattern, guess_pattern
from blues.cohort.schema import NO, YES, ClipTable
from blues.cohort.tables import decimal_sign, how_written, natural_key, read_table
from blues.cohort.writing import DECIDE, key, literal, name_of, toml

__all__ = ["DECIDE", "draft"]

TABLES = (".csv", ".tsv", ".txt")
RATER_NAMES = re.compile(r"rater|reader|expert|observer|assessor|reviewer|annotator", re.IGNORECASE)


@dataclass(frozen=True)
class _Folder:
    """What lies in a folder: tables as text by name, why others could not be read, and the clips."""

    tables: dict[str, pd.DataFrame]
    unread: dict[str, str]
    separator: str
    decimal: str
    encoding: str
    clips: str | None
    names: list[str]


def draft(folder: str | Path) -> str:
    """Return the text of a ``cohort.toml`` for a folder of tables and clips.

    Guesses the patient table and its id column, the ratings, the clips and the pattern of their names, and each column's
    role, kind, codes and missing codes. Columns that look like outcomes, test results or names are kept from predicting
    anything until somebody decides.

    Parameters
    ----------
    folder : path
        With the tables and the clips.

    Returns
    -------
    str
        Valid TOML, each guess that needs a decision marked DECIDE.

    Raises
    ------
    InputError
        If there is no folder, no table, or no table with one row a patient.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file, and a cohort is a folder" if folder.exists() else "no such folder"
        raise InputError(what, file=folder, remedy="Name the folder that holds the tables and the clips")
    found = _look(folder)
    who = patient_table(found.tables, known_names(found.names), folder, found.unread)
    table = found.tables[who.name]
    guess, listed = _whose(found, who)
    ratings = _ratings_table(found, who.name, listed)
    explained = _explanations(folder, found, who.name, ratings)
    faults = ""
    if who.faults:
        faults = f' {who.faults}: one row each, please, or repeated_rows = "leave out" under [files] keeps the first'
    lines = [
        "# A draft by `python -m blues.cohort init`: every line marked DECIDE waits for somebody who knows the cohort.",
        f"# Then remove the mark. All settings: docs/dictionary.md. Tables read: {', '.join(found.tables)}.",
        *(f"# Not read: {name}: {why}" for name, why in found.unread.items()),
        f"name = {toml(folder.absolute().name)}",
        f'licence = "not stated" {DECIDE} who may use these data, and for what?',
        "",
        *_files(found, who.name, ratings, explained),
        "",
        "[patients]",
        f"id = {toml(who.column)} {DECIDE} is this the patient (one row each)?{faults}",
        f"id_kind = {toml(who.kind)}",
        *_clips(found, guess, listed),
        *(_ratings(found, ratings, listed) if ratings is not None else []),
        *_columns(table, who.column, found.decimal),
    ]
    return "\n".join(lines) + "\n"


def _look(folder: Path) -> _Folder:
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in TABLES and not p.name.startswith("."))
    paths = [p for p in paths if p.suffix.lower() != ".txt"] or paths
    if not paths:
        raise InputError(
            "holds no table",
            file=folder,
            allowed=f"files ending in {', '.join(TABLES)}, a header and one row a patient",
        )
    separator, encoding = how_written(paths)
    tables, unread = {}, {}
    for name in (path.name for path in paths):
        try:
            tables[name], _ = read_table(folder, name, separator=separator, encoding=encoding)
        except InputError as error:
            unread[name] = str(error).removeprefix(f"{name}").lstrip(",: ")
    decimal = decimal_sign(tables.values(), separator)
    clips, names = _clip_folder(folder)
    return _Folder(tables, unread, separator, decimal, encoding, clips, names)


def _clip_folder(folder: Path) -> tuple[str | None, list[str]]:
    """Return the folder with most clips and their names below it, without suffix."""
    places: dict[str, list[str]] = {}
    for path in folder.rglob("*"):
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith("."):
            top, *below = path.relative_to(folder).parts
            name = "/".join(below) if below else top
            places.setdefault(top if below else ".", []).append(str(Path(name).with_suffix("").as_posix()))
    if not places:
        return None, []
    place = max(places, key=lambda p: len(places[p]))
    return place, sorted(places[place], key=natural_key)


def _whose(found: _Folder, who: PatientTable) -> tuple[NamePattern | None, ClipTable | None]:
    """Return what tells whose a clip is: a pattern of the names, or the table that lists them where it says otherwise."""
    guess = guess_pattern(found.names, who.ids, who.kind)
    listed = guess_clip_table(found.tables, found.names, who.ids, who.kind)
    if guess is None or listed is None:
        return guess, listed
    same = agrees(guess.pattern, listed, found.tables[listed.path], found.names, who.kind)
    return (guess, None) if same else (None, listed)


def _ratings_table(found: _Folder, patients: str, listed: ClipTable | None) -> tuple[str, str] | None:
    """Return the table, and its column, that names the clips; the list of clips is one only if it holds grades too."""
    clips = known_names(found.names)
    names = [name for name in found.tables if name != patients]
    if listed is not None and listed.path in names:
        names.remove(listed.path)
        items = [_item(cells) for _, cells in _graded(found, listed.path, listed)]
        if any(item is not None and item["kind"] != "continuous" for item in items):
            names.append(listed.path)  # after tables that hold nothing else
    for name in names:
        for column, cells in found.tables[name].items():
            if clips and cells.map(clip_id).isin(clips).mean() >= 0.5:
                return name, column
    return None


def _graded(found: _Folder, name: str, listed: ClipTable | None) -> list[tuple[str, pd.Series]]:
    """Return the columns of a table of ratings that may hold grades: those that tell whose a clip is do not."""
    table, used = found.tables[name], set()
    if listed is not None and listed.path == name:
        used = {listed.clip, listed.patient, listed.point, listed.take}
    return [(column, table[column]) for column in table.columns if column not in used]


def _explanations(
    folder: Path, found: _Folder, patients: str, ratings: tuple[str, str] | None
) -> tuple[str, int] | None:
    """Return a table whose first column holds the patient table's column names, and its number of columns."""
    columns = set(found.tables[patients].columns)
    for name in [*found.unread, *found.tables]:
        if name == patients or (ratings is not None and name == ratings[0]):
            continue
        text = (folder / name).read_bytes().decode(found.encoding, errors="replace")
        first = [line.split(found.separator)[0].strip() for line in text.splitlines()[1:] if line.strip()]
        if first and sum(cell in columns for cell in first) >= 0.6 * len(first):
            return name, text.splitlines()[0].count(found.separator) + 1
    return None


def _files(
    found: _Folder, patients: str, ratings: tuple[str, str] | None, explained: tuple[str, int] | None
) -> list[str]:
    lines = ["[files]", f"patients = {toml(patients)}"]
    if found.clips is not None:
        lines.append(f"clips = {toml(found.clips)}")
    if ratings is not None:
        lines.append(f"ratings = {toml(ratings[0])}")
    if explained is not None:
        lines.append(f"explanations = {{ path = {toml(explained[0])}, columns = {explained[1]} }}")
    for name, usual in (("separator", ","), ("decimal", "."), ("encoding", "utf-8")):
        if getattr(found, name) != usual:
            lines.append(f"{name} = {toml(getattr(found, name))}")
    return lines


def _clips(found: _Folder, guess: NamePattern | None, listed: ClipTable | None) -> list[str]:
    if found.clips is None:
        return ["", f"{DECIDE} no clips were found; with clips, give files.clips and a section [clips]"]
    if guess is None and listed is None:
        return [
            "",
            "[clips]",
            f"pattern = '(?P<patient>[^_]+)_(?P<point>[^_]+)' {DECIDE} no part of names such as "
            f"{found.names[0]!r} holds the patients' ids, and no table lists the clips; write the pattern, or a table",
            f"points = [] {DECIDE} the points of your protocol, in order",
        ]
    if guess is not None:
        rest = len(found.names) - guess.read
        left = (
            f" ({rest} of {counted(len(found.names), 'name')} {'does' if rest == 1 else 'do'} not fit)" if rest else ""
        )
        first = f"pattern = {literal(guess.pattern)} {DECIDE} are patient, point and take read rightly?{left}"
        points = list(guess.points)
    else:
        assert listed is not None
        first = (
            f"table = {toml(listed.model_dump(exclude_defaults=True))} {DECIDE} does this table say whose each clip is?"
        )
        cells = found.tables[listed.path][listed.point] if listed.point is not None else pd.Series(dtype=object)
        points = sorted({cell.strip() for cell in cells} - {""}, key=natural_key)
    return [
        "",
        "[clips]",
        first,
        f"points = {toml(points)} {DECIDE} the points of your protocol, in order",
        f'retakes = "longest" {DECIDE} of several takes: longest, first, last, mean or max?',
    ]


def _ratings(found: _Folder, ratings: tuple[str, str], listed: ClipTable | None) -> list[str]:
    name, clip = ratings
    table = found.tables[name]
    rater = next((c for c in table.columns if c != clip and RATER_NAMES.search(c)), None)
    lines = ["", "[ratings]", f"clip = {toml(clip)}"]
    if rater is not None:
        lines.append(f"rater = {toml(rater)} {DECIDE} is this who rated?")
    else:
        lines.append(f'consensus = "not stated" {DECIDE} who rated, and how did they agree on one rating?')
    items, excluded = [], {}
    for column, cells in _graded(found, name, listed):
        if column in (clip, rater):
            continue
        settings = _item(cells)
        if settings is None:
            excluded[column] = "no grade (drafted)"
        else:
            items += ["", f"[ratings.items.{name_of(column)}] {DECIDE} is this a rating?", f"column = {toml(column)}"]
            items += [f"{setting} = {toml(value)}" for setting, value in settings.items()]
    if excluded:
        lines.append(f"excluded = {toml(excluded)}")
    return lines + (items or [f"items = {{}} {DECIDE} no column looks like a grade"])


def _item(cells: pd.Series) -> dict[str, Any] | None:
    distinct = sorted({cell.strip() for cell in cells} - {""})
    if distinct and {cell.lower() for cell in distinct} <= set(YES + NO):
        return {"kind": "binary"}
    numbers = [number(cell) for cell in distinct]
    if not distinct or any(n is None for n in numbers):
        return None
    grades = sorted({n for n in numbers if n is not None})
    if grades[-1] - grades[0] <= 10 and all(n == int(n) for n in grades):
        return {"kind": "ordinal", "categories": list(range(int(grades[0]), int(grades[-1]) + 1))}
    return {"kind": "continuous"}


def _columns(table: pd.DataFrame, id_column: str, decimal: str) -> list[str]:
    lines = ["", "[columns]", f'{key(id_column)} = {{ role = "identifier" }}']
    guesses = {name: guess_column(name, list(table[name]), decimal) for name in table.columns.drop(id_column)}
    binary = {name: list(table[name]) for name, guess in guesses.items() if guess.settings.get("kind") == "binary"}
    again = repeats(binary)
    mixed = mixed_units(table, [name for name in guesses if holds_units(name, list(table[name]))])
    for name, guess in guesses.items():
        decide = list(guess.decide)
        if name in again:
            guess.settings |= {"role": "excluded", "note": again[name]}
            guess.settings.pop("known", None)
            guess.settings.pop("contingent", None)
            decide = [f"{again[name]}: is one of them enough?", *guess.decide]
        elif guess.settings.get("known"):
            decide = ["known at admission?", *decide]
        decide += [mixed[name]] if name in mixed else []
        mark = f" {DECIDE} {' '.join(decide)}" if decide else ""
        lines.append(f"{key(name)} = {toml(guess.settings)}{mark}")
    return lines + target_sections(table, guesses, again)
