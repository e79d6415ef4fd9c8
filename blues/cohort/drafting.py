"""Drafts a ``cohort.toml`` for somebody's own folder; whatever a person must decide is marked ``# DECIDE:``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from blues.check import InputError, counted
from blues.cohort.candidates import target_sections
from blues.cohort.contents import Contents, look
from blues.cohort.decode import LIKE_MISSING, number, plain
from blues.cohort.guess import counts_files, guess_column, repeats, with_missing
from blues.cohort.identify import PatientTable, patient_table
from blues.cohort.measures import holds_units, mixed_units, unread_numbers
from blues.cohort.naming import clip_id
from blues.cohort.places import ClipPlace, clip_counts, guess_place, other_case
from blues.cohort.rows import header_again, odd_ids
from blues.cohort.schema import NO, YES, ClipTable
from blues.cohort.tables import canonical_id, natural_key
from blues.cohort.unused import unused_tables
from blues.cohort.values import CODES, suspicious_codes
from blues.cohort.words import says_yes, unaccented
from blues.cohort.writing import DECIDE, key, literal, name_of, on_one_line, toml

__all__ = ["DECIDE", "draft"]

DOCUMENTS = "https://github.com/blues-lus/blues"
"""Where the documents are, as pyproject.toml says: an installed package has none."""
MERGE = "what belongs to its patients in another table has to be merged into it (docs/getting-started.md)"

KNOWN = {"admission": "at admission", "during_stay": "during the stay"}
RATER_NAMES = re.compile(
    r"rater|reader|expert|observer|assessor|reviewer|annotator|(?<![a-z])(lettor|lettric|lect(eur|or|ric)|leitor|leser|lezer|"
    r"befunder|beurteil|bewerter|gutachter|beobacht|beoordel|esper[ti]|observa(te|do)|osservator|valutator|evalua(te|do)|avaliador|"
    r"annotat)",
    re.IGNORECASE,
)
MOST_RATERS = 8
"""Labels of a column that may name who rated."""


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
    found = look(folder)
    who = patient_table(found.tables, found.known_clips, folder, found.unread)
    found = found.written_as(who.name)
    table = found.tables[who.name]
    clips = _place(found, who)
    listed = clips.table if clips is not None else None
    ratings = _ratings_table(found, who.name, listed)
    explained = _explanations(folder, found, who.name, ratings)
    faults = "".join(
        f" {one}{'' if one[-1] in '?.' else '.'}" for one in (who.faults, *_odd_rows(table, who, found.decimal)) if one
    )
    lines = [
        "# A draft by `python -m blues.cohort init`: every line marked DECIDE waits for somebody who knows the cohort.",
        f"# Then remove the mark. All settings: docs/dictionary.md in {DOCUMENTS}. Tables read: {', '.join(found.tables)}.",
        *(f"# Not read: {name}: {why}" for name, why in found.unread.items()),
        *(f"{DECIDE} {told}" for told in _unused(found, who, clips, ratings, explained)),
        f"name = {toml(folder.absolute().name)}",
        f'licence = "not stated" {DECIDE} who may use these data, and for what?',
        "",
        *_files(found, who, clips, ratings, explained),
        "",
        "[patients]",
        f"id = {toml(who.column)} {DECIDE} is this the patient (one row each)?{faults}",
        f"id_kind = {toml(who.kind)}",
        *_clips(found, who, clips),
        *(_ratings(found, ratings, listed) if ratings is not None else []),
        *_columns(found, table, who, clip_counts(clips, found.tables, who.kind)),
    ]
    return "\n".join(map(on_one_line, lines)) + "\n"


def _odd_rows(table: pd.DataFrame, who: PatientTable, decimal: str) -> list[str]:
    """Return what to ask about rows of the patient table that may be none, or another row's patient."""
    asked = [odd_ids(table[who.column])] if who.kind == "text" else []
    if header_again(table, who.column, decimal):
        asked.append(f"row {table.index[0]} reads like a second header or a row of units: is it a patient?")
    return asked


def _ratings_table(found: Contents, patients: str, listed: ClipTable | None) -> tuple[str, str] | None:
    """Return the table, and its column, that names the clips; the list of clips is one only if it holds grades too."""
    clips = found.known_clips
    names = [name for name in found.tables if name != patients]
    if listed is not None and listed.path in names:
        names.remove(listed.path)
        items = [_item(cells, found.decimal) for _, cells in _graded(found, listed.path, listed)]
        if any(item is not None and item[0]["kind"] != "continuous" for item in items):
            names.append(listed.path)  # after tables that hold nothing else
    for name in names:
        for column, cells in found.tables[name].items():
            if clips and cells.map(clip_id).isin(clips).mean() >= 0.5:
                return name, column
    return None


def _graded(found: Contents, name: str, listed: ClipTable | None) -> list[tuple[str, pd.Series]]:
    """Return the columns of a table of ratings that may hold grades: those that tell whose a clip is do not."""
    table, used = found.tables[name], set()
    if listed is not None and listed.path == name:
        used = {listed.clip, listed.patient, listed.point, listed.take}
    return [(column, table[column]) for column in table.columns if column not in used]


def _unused(
    found: Contents,
    who: PatientTable,
    clips: ClipPlace | None,
    ratings: tuple[str, str] | None,
    explained: tuple[str, int] | None,
) -> list[str]:
    """Return a line on each table that is neither used nor asked about as another table of patients."""
    used = {who.name, *_used(clips, ratings), *([explained[0]] if explained is not None else [])}
    used |= {other.rpartition(" (")[0] for other in who.others}
    return unused_tables(found.tables, used, found.known_clips, who)


def _used(clips: ClipPlace | None, ratings: tuple[str, str] | None) -> set[str]:
    """Return the tables of ratings and of clips."""
    listed = clips.table if clips is not None else None
    return {ratings[0] if ratings is not None else "", listed.path if listed is not None else ""}


def _explanations(
    folder: Path, found: Contents, patients: str, ratings: tuple[str, str] | None
) -> tuple[str, int] | None:
    """Return a table whose first column holds the patient table's column names, and its number of columns."""
    columns = set(found.tables[patients].columns)
    for name in [*found.unread, *found.tables]:
        if name == patients or (ratings is not None and name == ratings[0]):
            continue
        try:
            text = (folder / name).read_bytes().decode(found.encoding).lstrip("\ufeff")
        except (OSError, UnicodeDecodeError):
            continue  # a folder, or written in another way than the other tables
        first = [line.split(found.separator)[0].strip() for line in text.splitlines()[1:] if line.strip()]
        if first and sum(cell in columns for cell in first) >= 0.6 * len(first):
            return name, text.splitlines()[0].count(found.separator) + 1
    return None


def _files(
    found: Contents,
    who: PatientTable,
    clips: ClipPlace | None,
    ratings: tuple[str, str] | None,
    explained: tuple[str, int] | None,
) -> list[str]:
    others = [other for other in who.others if other.rpartition(" (")[0] not in _used(clips, ratings)]
    asked = f"is this the table of all patients, or is it {' or '.join(others)}? One table is read: {MERGE}"
    mark = f" {DECIDE} {asked}" if others else ""
    lines = ["[files]", f"patients = {toml(who.name)}{mark}"]
    if clips is not None:
        lines.append(f"clips = {toml(clips.place)}{_more_clips(clips)}")
    if ratings is not None:
        lines.append(f"ratings = {toml(ratings[0])}")
    if explained is not None:
        lines.append(f"explanations = {{ path = {toml(explained[0])}, columns = {explained[1]} }}")
    if found.nameless:
        told = "; ".join(found.nameless)
        lines.append(
            f'nameless_columns = "leave out" {DECIDE} without a name, {told}: leave out, or name in the table?'
        )
    for name, usual in (("separator", ","), ("decimal", "."), ("encoding", "utf-8")):
        doubt = f" {DECIDE} {found.doubt}" if name == "decimal" and found.doubt else ""
        if getattr(found, name) != usual or doubt:
            lines.append(f"{name} = {toml(getattr(found, name))}{doubt}")
    return lines


def _more_clips(clips: ClipPlace) -> str:
    """Return the question about clips that lie in several folders."""
    if not clips.others:
        return ""
    shown = ", ".join(clips.others[:4]) + (f" and {len(clips.others) - 4} more" if len(clips.others) > 4 else "")
    if clips.place == ".":
        return f" {DECIDE} clips lie in {shown}: do all of them belong here?"
    return f' {DECIDE} more clips lie in {shown} and are not read: copies, or clips too? clips = "." reads all folders'


def _place(found: Contents, who: PatientTable) -> ClipPlace | None:
    """Return where the clips lie, or pictures, where it is told whose these are and not whose clips are."""
    clips, pictures = (guess_place(of, found.tables, who.ids, who.kind) for of in (found.places, found.pictures))

    def told(one: ClipPlace | None) -> bool:
        return one is not None and (one.pattern is not None or one.table is not None)

    return pictures if told(pictures) and not told(clips) else clips


def _stills(found: Contents, clips: ClipPlace) -> list[str]:
    """Return whether pictures are clips: they are where they alone tell whose they are."""
    pictures = found.pictures.get(clips.place, [])
    if not pictures:
        return []
    if clips.names is pictures:
        return [f"stills = true {DECIDE} pictures are the clips: is each of one point of a patient, and no cover?"]
    told = f"{counted(len(pictures), 'picture')} such as {pictures[0]!r} beside clips: covers, or clips of one frame (true)?"
    return [f"stills = false {DECIDE} {told}"]


def _clips(found: Contents, who: PatientTable, clips: ClipPlace | None) -> list[str]:
    if clips is None:
        why = "".join(f" ({name}: {told})" for name, told in found.unread.items() if "DICOM" in told)
        return ["", f"{DECIDE} no clips were found{why}; with clips, give files.clips and a section [clips]"]
    guess, listed = clips.pattern, clips.table
    if guess is None and listed is None:
        asked = other_case(clips, who.ids, who.kind)
        return [
            "",
            "[clips]",
            f"pattern = '(?P<patient>[^_]+)_(?P<point>[^_]+)' {DECIDE} no part of names such as "
            f"{clips.names[0]!r} holds the patients' ids, and no table lists the clips; write the pattern, or a table"
            f"{'; ' * bool(asked)}{asked}",
            f"points = [] {DECIDE} the points of your protocol, in order",
        ]
    if guess is not None:
        rest = len(clips.names) - guess.read
        left = (
            f" ({rest} of {counted(len(clips.names), 'name')} {'does' if rest == 1 else 'do'} not fit)" if rest else ""
        )
        asked = "".join(f" {one}" for one in (guess.doubt, other_case(clips, who.ids, who.kind)) if one)
        first = f"pattern = {literal(guess.pattern)} {DECIDE} are patient, point and take read rightly?{left}{asked}"
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
        *_stills(found, clips),
        f'retakes = "longest" {DECIDE} of several takes: longest, first, last, mean or max?',
    ]


def _ratings(found: Contents, ratings: tuple[str, str], listed: ClipTable | None) -> list[str]:
    name, clip = ratings
    table = found.tables[name]
    rater, wide = _raters(table.drop(columns=clip), found.decimal)
    apart = _tells_rows_apart(table, clip, found.decimal) if rater is None and not wide else None
    lines = ["", "[ratings]", f"clip = {toml(clip)}"]
    if wide:
        lines.append(f'consensus = "not stated" {DECIDE} {wide}')
    elif rater is not None:
        lines.append(f"rater = {toml(rater)} {DECIDE} is this who rated?")
    elif apart is not None:
        lines.append(f"rater = {toml(apart)} {DECIDE} it tells the rows of a clip apart: is this who rated, or when?")
    else:
        lines.append(f'consensus = "not stated" {DECIDE} who rated, and how did they agree on one rating?')
    items, excluded, unread = [], {}, []
    for column, cells in _graded(found, name, listed):
        if column in (clip, rater, apart):
            continue
        item = _item(cells, found.decimal)
        if item is None:
            excluded[column] = "no grade (drafted)"
            told = unread_numbers([cell.strip() for cell in cells if cell.strip()], found.decimal, found.separator)
            unread += [f"{column}: {told}."] if told else []
            unread += [f"{column}: a rating, or who rated?"] if not told and _few_labels(table, clip, column) else []
        else:
            settings, decide = item
            asked = " ".join(["is this a rating?", *decide])
            items += ["", f"[ratings.items.{name_of(column)}] {DECIDE} {asked}", f"column = {toml(column)}"]
            items += [f"{setting} = {toml(value)}" for setting, value in settings.items()]
    if excluded:
        lines.append(f"excluded = {toml(excluded)}" + (f" {DECIDE} {' '.join(unread)}" if unread else ""))
    return lines + (items or [f"items = {{}} {DECIDE} no column looks like a grade"])


def _raters(table: pd.DataFrame, decimal: str) -> tuple[str | None, str]:
    """Return the column that names who rated; or, where several hold grades, what to do about one column a rater."""
    named = [column for column in table.columns if RATER_NAMES.search(unaccented(column))]
    graded = [column for column in named if _item(table[column], decimal) is not None]
    if len(graded) > 1:
        columns = ", ".join(f"NAME = {toml(column)}" for column in graded)
        return None, (
            f"{' and '.join(graded)} seem to hold the grades of one rater each: "
            f"columns = {{ {columns} }} in place of column makes one item of them"
        )
    words = [column for column in named if column not in graded]
    return next(iter(words or named), None), ""


def _tells_rows_apart(table: pd.DataFrame, clip: str, decimal: str) -> str | None:
    """Return the column of few labels, no grades, by which alone the rows of a clip that has several differ: who rated."""
    if not table[clip].duplicated().any():
        return None
    for column in table.columns.drop(clip):
        words = _few_labels(table, clip, column) and not (table[column].str.strip() == "").any()
        if words and not table.duplicated([clip, column]).any() and _item(table[column], decimal) is None:
            return str(column)
    return None


def _few_labels(table: pd.DataFrame, clip: str, column: str) -> bool:
    """Return whether a column holds few labels that come back, and not parts of the clips' names such as patient or point."""
    filled = table[table[column].str.strip() != ""]
    labels = filled[column].str.strip()
    part = [label in name for label, name in zip(labels, filled[clip], strict=True)]
    return 2 <= labels.nunique() <= min(MOST_RATERS, len(labels) / 3) and sum(part) < 0.5 * len(part)


def _gap(grades: list[float]) -> list[str]:
    """Return a question about grades of which one stands far above the others, such as 9 after 0 to 3."""
    steps = sorted((after - one, one, after) for one, after in zip(grades, grades[1:], strict=False))
    if len(steps) < 2 or steps[-1][0] < max(3, 2 * steps[-2][0]):
        return []
    _, below, above = steps[-1]
    return [f"no clip has a grade between {plain(below)} and {plain(above)}: is {plain(above)} one, or not rated?"]


def _item(cells: pd.Series, decimal: str) -> tuple[dict[str, Any], list[str]] | None:
    """Return a rated item's settings and what to decide about them; None where the cells are no grades."""
    written = [cell.strip() for cell in cells if cell.strip()]
    nothing = sorted({cell for cell in written if cell.lower() in LIKE_MISSING})
    written = [cell for cell in written if cell not in nothing]
    if written and all(cell.lower() in YES + NO or says_yes(cell) is not None for cell in written):
        settings, decide = with_missing({"kind": "binary"}, list(nothing))
        return settings, decide
    numbers = [n for cell in written if (n := number(cell, decimal)) is not None]
    if len(numbers) < len(written) or all(n in CODES and n <= -9 for n in numbers):
        return None
    codes = suspicious_codes(numbers)
    missing, decide = with_missing({}, [*codes, *nothing])
    grades = sorted({n for n in numbers if n not in codes})
    if grades[-1] - grades[0] <= 10 and all(n == int(n) for n in grades):
        return {"kind": "ordinal", "categories": list(range(int(grades[0]), int(grades[-1]) + 1))} | missing, [
            *decide,
            *_gap(grades),
        ]
    return {"kind": "continuous"} | missing, decide


def _columns(found: Contents, table: pd.DataFrame, who: PatientTable, clips: dict[str, int]) -> list[str]:
    lines = ["", "[columns]", f'{key(who.column)} = {{ role = "identifier" }}']
    counts = [clips.get(canonical_id(cell, who.kind) or "", 0) for cell in table[who.column]]
    guesses = {
        name: counts_files(list(table[name]), counts)
        or guess_column(name, list(table[name]), found.decimal, found.separator)
        for name in table.columns.drop(who.column)
    }
    suspects = sorted(
        guesses, key=lambda name: guesses[name].settings["role"] != "excluded"
    )  # what another repeats stays
    again = repeats({name: list(table[name]) for name in suspects if guesses[name].settings.get("kind") == "binary"})
    mixed = mixed_units(table, [name for name in guesses if holds_units(name, list(table[name]))])
    for name, guess in guesses.items():
        decide = list(guess.decide)
        if name in again:
            guess.settings |= {"role": "excluded", "note": again[name]}
            guess.settings.pop("known", None)
            guess.settings.pop("contingent", None)
            decide = [f"{again[name]}: is one of them enough?", *guess.decide]
        elif guess.settings.get("known"):
            decide = [f"known {KNOWN[guess.settings['known']]}?", *decide]
        decide += [mixed[name]] if name in mixed else []
        mark = f" {DECIDE} {' '.join(decide)}" if decide else ""
        lines.append(f"{key(name)} = {toml(guess.settings)}{mark}")
    return lines + target_sections(table, guesses, again)
