"""Reads a cohort's folder by its dictionary."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from blues.check import InputError, counted
from blues.cohort.clips import COLUMNS as CLIP_COLUMNS
from blues.cohort.clips import lone_retakes, scan_clips
from blues.cohort.decode import decode
from blues.cohort.dictionary import Dictionary, find_dictionary, read_dictionary
from blues.cohort.findings import UNDECIDED, Finding, frame
from blues.cohort.labels import doubtful_labels
from blues.cohort.naming import Namer
from blues.cohort.persons import one_person
from blues.cohort.ratings import COLUMNS as RATING_COLUMNS
from blues.cohort.ratings import read_ratings
from blues.cohort.record import Cohort
from blues.cohort.rows import odd_rows
from blues.cohort.schema import PREDICTORS, Blank
from blues.cohort.tables import canonical_id, natural_key, read_explanations, read_table, table_files
from blues.cohort.targets import between_grades, meets
from blues.cohort.values import out_of_scale
from blues.cohort.words import letters

__all__ = ["read"]


def read(folder: str | Path, dictionary: Dictionary | str | Path | None = None) -> Cohort:
    """Read a cohort: its patient table, clips and ratings, decoded by its dictionary.

    Everything is read as text and decoded by the dictionary alone. Tables and file names are joined by patient id only.
    Nothing is repaired quietly: whatever is decoded, odd or left out is in ``Cohort.findings``.

    Parameters
    ----------
    folder : str or Path
        The cohort's folder.
    dictionary : Dictionary, str or Path, optional
        A dictionary or where it is; by default the folder's ``cohort.toml``, else the shipped one that knows the folder.

    Returns
    -------
    Cohort

    Raises
    ------
    InputError
        If a file, column or clip folder that the dictionary names is missing, a table is no table, a patient id is
        blank, no id or there twice, or a column is not in the dictionary. Messages name file, row, column and value.

    Examples
    --------
    >>> cohort = read("data/covid-blues")  # doctest: +SKIP
    >>> cohort.target("pcr").sum()  # doctest: +SKIP
    33.0
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file, and a cohort is a folder" if folder.exists() else "no such folder"
        remedy = "Name the folder that holds the tables and the clips"
        if folder.name == "synthetic":
            remedy += "; python -m blues.datasets synthetic FOLDER writes the made-up cohort into one"
        raise InputError(what, file=folder, remedy=remedy)
    if dictionary is None:
        dictionary, source = find_dictionary(folder)
        findings = _undecided(folder / source)
    elif isinstance(dictionary, Dictionary):
        source, findings = "the dictionary", []
    else:
        source, findings = Path(dictionary).name, _undecided(Path(dictionary))
        dictionary = read_dictionary(dictionary)
    patients, met = _patients(folder, dictionary, source)
    findings += met
    clips = pd.DataFrame(columns=CLIP_COLUMNS[1:], index=pd.Index([], name="clip", dtype=object))
    if dictionary.clips is not None:
        place, id_kind = str(dictionary.files.clips), dictionary.patients.id_kind
        clips, namer, met = scan_clips(folder, place, dictionary.clips, id_kind, **_how(dictionary, None))
        findings += met
        clips, met = _match(clips, patients, dictionary)
        findings += lone_retakes(clips) + met
    ratings = pd.DataFrame(columns=RATING_COLUMNS).astype({"rating": float})
    if dictionary.ratings is not None:
        ratings, met = _ratings(folder, dictionary, clips, namer)
        findings += met
    findings += _explanations(folder, dictionary)
    findings += _unread(folder, dictionary)
    findings += doubtful_labels(dictionary, patients)
    findings += _contradictions(patients, dictionary)
    findings += one_person(patients, dictionary, clips, folder)
    cohort = Cohort(dictionary.name, folder, dictionary, patients, clips, ratings, frame(findings))
    if dictionary.ratings is None:
        return cohort
    file, items = str(dictionary.files.ratings), dictionary.ratings.items
    findings += between_grades(dictionary.targets, items, cohort.target, ratings, file)
    return dataclasses.replace(cohort, findings=frame(findings))


def _undecided(path: Path) -> list[Finding]:
    marks = path.read_text(encoding="utf-8-sig", errors="replace").count("# DECIDE:") if path.is_file() else 0
    what = f"{counted(marks, 'line')} {UNDECIDED}"
    return [Finding("odd", path.name, None, "", "", marks, what, "taken as drafted")] if marks else []


def _patients(folder: Path, dictionary: Dictionary, source: str) -> tuple[pd.DataFrame, list[Finding]]:
    files = dictionary.files
    id_kind = dictionary.patients.id_kind
    used = [name for name, column in dictionary.columns.items() if column.role not in ("identifier", "excluded")]
    table, findings = read_table(
        folder, files.patients, **_how(dictionary, dictionary.patients.id), id_kind=id_kind, same=used
    )
    _columns_agree(table, dictionary, source)
    ids = _ids(table[dictionary.patients.id], dictionary)
    findings += odd_rows(table, dictionary.patients.id, files.decimal, files.patients)
    values: dict[str, pd.Series] = {}
    conditional = {n for n, c in dictionary.columns.items() if isinstance(c.blank, Blank)}
    met: dict[str, list[Finding]] = {}
    for name in sorted(dictionary.columns, key=lambda n: n in conditional):
        spec, when = dictionary.columns[name], None
        if isinstance(spec.blank, Blank):
            when = meets(pd.DataFrame(values), spec.blank.when)
        values[name], met[name] = decode(table[name], spec, file=files.patients, decimal=files.decimal, when=when)
        met[name] += _empty_or_constant(values[name], dictionary, name)
        met[name] += _spelt_twice(values[name], dictionary, name)
        met[name] += _out_of_scale(values[name], table[name], dictionary, name)
    findings += [finding for name in dictionary.columns for finding in met[name]]
    patients = pd.DataFrame({name: values[name] for name in dictionary.columns if name != dictionary.patients.id})
    patients.index = pd.Index(ids, name="patient", dtype=object)
    return patients.loc[sorted(patients.index, key=natural_key)], findings


def _how(dictionary: Dictionary, key: str | None) -> dict[str, Any]:
    """Return how the tables are to be read."""
    files = dictionary.files
    return {
        "separator": files.separator,
        "encoding": files.encoding,
        "nameless": files.nameless_columns == "leave out",
        "key": key if files.repeated_rows == "leave out" else None,
    }


def _columns_agree(table: pd.DataFrame, dictionary: Dictionary, source: str) -> None:
    """Raise unless the table has exactly the columns of the dictionary."""
    file = dictionary.files.patients
    lacking = [column for column in dictionary.columns if column not in table.columns]
    strange = [column for column in table.columns if column not in dictionary.columns]
    if lacking:
        by_case = {column.casefold(): column for column in strange}
        near = [by_case[name] for name in difflib.get_close_matches(lacking[0].casefold(), by_case, n=1)]
        raise InputError(
            f"{_some(lacking)} of {source} {'is' if len(lacking) == 1 else 'are'} not in the table",
            file=file,
            remedy=f"Nearest column of the table that {source} does not list: {near[0]!r}"
            if near
            else f"Take the entry out of {source}, or put the column back",
        )
    if strange:
        raise InputError(
            f"{_some(strange)} {'is' if len(strange) == 1 else 'are'} not in {source}",
            file=file,
            remedy=f'Add [columns."{strange[0]}"] with role = "excluded" and a note, or with the role it has',
        )


def _some(columns: list[str]) -> str:
    shown = ", ".join(map(repr, columns[:5])) + (f" and {len(columns) - 5} more" if len(columns) > 5 else "")
    return f"column{'s' * (len(columns) > 1)} {shown}"


def _ids(raw: pd.Series, dictionary: Dictionary) -> list[str]:
    file, column, kind = dictionary.files.patients, dictionary.patients.id, dictionary.patients.id_kind
    first: dict[str, int] = {}
    for row, text in raw.items():
        patient = canonical_id(text, kind)
        if patient is None:
            raise InputError(
                "no patient id" if not text.strip() else "the patient id is no whole number",
                file=file,
                row=row,
                column=column,
                value=text,
                remedy="Fill it in, or remove the row" if not text.strip() else "Or write id_kind = 'text'",
            )
        if patient in first:
            raise InputError(
                f"patient {patient} is in row {first[patient]} already",
                file=file,
                row=row,
                column=column,
                value=text,
                remedy="One row a patient: merge or remove one",
            )
        first[patient] = row
    return list(first)


def _empty_or_constant(values: pd.Series, dictionary: Dictionary, name: str) -> list[Finding]:
    """Tell of columns without any value, and of predictors that are the same in every patient."""
    spec, file, n = dictionary.columns[name], dictionary.files.patients, len(values)
    distinct = values.dropna().unique()
    if not len(distinct):
        return [Finding("odd", file, None, name, "", n, "no patient has a value", "kept, empty")]
    if spec.role in PREDICTORS and len(distinct) == 1 and values.notna().all() and n > 1:
        what = "the same in every patient: it can predict nothing"
        return [Finding("odd", file, None, name, str(distinct[0]), n, what, "kept")]
    return []


def _out_of_scale(values: pd.Series, raw: pd.Series, dictionary: Dictionary, name: str) -> list[Finding]:
    """Tell of measurements that seem to have lost their decimal sign, unless the dictionary says what is possible."""
    spec, file = dictionary.columns[name], dictionary.files.patients
    if spec.role in ("identifier", "excluded") or spec.decoded_kind != "continuous" or spec.range is not None:
        return []
    far, others = out_of_scale(list(values))
    what = f"out of scale: the others lie {others}; is a decimal sign lost, or the unit another one?"
    rows = values.index[values.isin(far)]
    return [
        Finding("odd", file, int(row), name, raw[row].strip(), 1, what, "kept (range and outside would leave it out)")
        for row in rows
    ]


def _spelt_twice(values: pd.Series, dictionary: Dictionary, name: str) -> list[Finding]:
    """Tell of labels of a nominal column that differ in case, blanks or punctuation alone."""
    if dictionary.columns[name].decoded_kind != "nominal":
        return []
    labels: dict[str, list[str]] = {}
    for label in sorted(values.dropna().unique()):
        labels.setdefault(letters(label), []).append(label)
    file, found = dictionary.files.patients, []
    for same in labels.values():
        if len(same) > 1:
            what = f"labels that differ in spelling alone: {', '.join(map(repr, same))}"
            n = int(values.isin(same).sum())
            found.append(Finding("odd", file, None, name, "", n, what, f"kept apart; {_as_one(labels, same)}"))
    return found


def _as_one(labels: Mapping[str, Sequence[str]], same: Sequence[str]) -> str:
    """Return the entry of a dictionary that makes labels one; codes must list every label, or the others have no value."""
    if len(labels) > 8:
        return "codes that list every label of the column can make them one"
    codes = ", ".join(
        f'"{label}" = "{same[0] if label in same else label}"' for one in labels.values() for label in one
    )
    return f"codes = {{ {codes} }} makes them one"


def _match(clips: pd.DataFrame, patients: pd.DataFrame, dictionary: Dictionary) -> tuple[pd.DataFrame, list[Finding]]:
    """Leave out clips of patients who are not in the table; tell of patients without clips and of wrong counts."""
    spec = dictionary.clips
    assert spec is not None
    known = clips["patient"].isin(patients.index)
    table, column = dictionary.files.patients, dictionary.patients.id
    what = f"a clip of a patient who is not in {table}"
    findings = [
        Finding("left out", row.path, None, "", row.patient, 1, what, "left out") for row in clips[~known].itertuples()
    ]
    if not known.any():
        raise InputError(
            f"none of the {counted(len(clips), 'clip')} is of a patient in {table}",
            file=dictionary.files.clips,
            value=clips["patient"].iloc[0],
            allowed=", ".join(patients.index[:5]) + ", ..." * (len(patients) > 5),
            remedy=f"Mend {spec.source}, or patients.id and patients.id_kind, so that the ids agree",
        )
    clips = clips[known]
    for patient in patients.index.difference(clips["patient"]):
        findings.append(Finding("odd", table, None, column, patient, 1, "a patient without clips", "kept"))
    if (counts := spec.count_column) is not None:
        on_disk = clips["patient"].value_counts().reindex(patients.index, fill_value=0)
        for patient, told in patients[counts].items():
            if not told == on_disk[patient]:
                what = f"patient {patient} has {counted(on_disk[patient], 'clip')} on disk"
                findings.append(Finding("odd", table, None, counts, f"{told:g}", 1, what, "kept; the clips count"))
    return clips, findings


def _ratings(
    folder: Path, dictionary: Dictionary, clips: pd.DataFrame, namer: Namer
) -> tuple[pd.DataFrame, list[Finding]]:
    assert dictionary.ratings is not None
    files, name = dictionary.files, str(dictionary.files.ratings)
    key = dictionary.ratings.clip if dictionary.ratings.rater is None else None
    table, findings = read_table(folder, name, **_how(dictionary, key))
    ratings, met = read_ratings(table, dictionary.ratings, clips, namer, file=name, decimal=files.decimal)
    return ratings, findings + met


def _explanations(folder: Path, dictionary: Dictionary) -> list[Finding]:
    """Compare the names in the table of explanations with the dictionary's columns."""
    explained = dictionary.files.explanations
    if explained is None:
        return []
    file = explained.path
    files = dictionary.files
    table = read_explanations(folder, file, explained.columns, separator=files.separator, encoding=files.encoding)
    names = table.iloc[:, 0]
    findings = [
        Finding("odd", file, int(row), str(names.name), name, 1, "explains a column that is not there", "left out")
        for row, name in names.items()
        if name not in dictionary.columns
    ]
    for name in dictionary.columns:
        if name not in set(names):
            findings.append(Finding("odd", file, None, name, "", 1, "a column without an explanation", "kept"))
    return findings


def _unread(folder: Path, dictionary: Dictionary) -> list[Finding]:
    """Tell of tables beside those that the dictionary names: somebody may think that they are read."""
    files, spec = dictionary.files, dictionary.clips
    named = {files.patients, files.ratings}
    named |= {files.explanations.path} if files.explanations is not None else set()
    named |= {spec.table.path} if spec is not None and spec.table is not None else set()
    what, done = (
        "a table that the dictionary does not name",
        f"not read: patients' columns come from {files.patients} alone",
    )
    return [
        Finding("left out", p.name, None, "", "", 1, what, done) for p in table_files(folder) if p.name not in named
    ]


def _contradictions(patients: pd.DataFrame, dictionary: Dictionary) -> list[Finding]:
    findings = []
    for check in dictionary.checks:
        met = pd.concat([meets(patients, condition) for condition in check.all], axis=1).all(axis=1)
        if met.any():
            who = list(met.index[met])
            text = f"{check.says} (patient{'s' * (len(who) > 1)} {', '.join(who)})"
            file, column = dictionary.files.patients, check.all[0].column
            findings.append(Finding("odd", file, None, column, "", len(who), text, "kept"))
    return findings
