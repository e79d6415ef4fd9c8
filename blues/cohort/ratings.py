"""Reads the table of expert ratings into one row a clip, rater and item."""

from __future__ import annotations

import pandas as pd

from blues.check import InputError, columns_exist
from blues.cohort.decode import decode
from blues.cohort.findings import Finding
from blues.cohort.naming import Namer, by_file, clip_id
from blues.cohort.schema import Column, Item, Ratings

__all__ = ["CONSENSUS", "read_ratings"]

CONSENSUS = "consensus"
COLUMNS = ["clip", "patient", "point", "rater", "item", "rating"]


def read_ratings(
    table: pd.DataFrame,
    spec: Ratings,
    clips: pd.DataFrame,
    names: Namer,
    *,
    file: str,
    decimal: str = ".",
) -> tuple[pd.DataFrame, list[Finding]]:
    """Decode a ratings table and join it to the clips: by clip id or file name, else by the patient, point and take it names.

    Parameters
    ----------
    table : DataFrame of str
        As :func:`blues.cohort.tables.read_table` gives it.
    spec : Ratings
        The dictionary's section.
    clips : DataFrame
        The cohort's clips; ratings of others are left out and told.
    names : callable
        Reads patient, point and take of a clip's name, as :func:`blues.cohort.clips.scan_clips` gives it.

    Returns
    -------
    ratings : DataFrame
        clip, patient, point, rater, item (str), rating (float, NaN where a rater gave none); in the clips' order.
    findings : list of Finding

    Raises
    ------
    InputError
        If a column is missing, or a rater rated a clip twice.
    """
    columns_exist(_columns(spec), table.columns, file)
    ids = _clip_ids(table[spec.clip], clips, names)
    raters = table[spec.rater].str.strip() if spec.rater is not None else pd.Series(CONSENSUS, index=table.index)
    _check_keys(ids, raters, spec, file)
    findings = _left_out_columns(table, spec, file)
    known = ids.isin(clips.index)
    for row in ids.index[~known]:
        what = "a rating of a clip that is not in the cohort"
        findings.append(Finding("left out", file, int(row), spec.clip, ids[row], 1, what, "left out"))
    parts = []
    for name, item in spec.items.items():
        for rater, column in (item.columns or {"": str(item.column)}).items():
            values, met = decode(table[column], _as_column(item), file=file, decimal=decimal)
            findings += met
            part = pd.DataFrame({"clip": ids, "rater": rater or raters, "item": name, "rating": values})
            parts.append(part[known])
    none = pd.DataFrame({"clip": [], "rater": [], "item": []}, dtype=object).assign(rating=pd.Series(dtype=float))
    ratings = pd.concat(parts, ignore_index=True) if parts else none
    ratings = ratings.join(clips[["patient", "point"]], on="clip")
    order = {clip: position for position, clip in enumerate(clips.index)}
    ratings = ratings.iloc[ratings["clip"].map(order).argsort(kind="stable")].reset_index(drop=True)
    findings += [
        Finding("odd", file, None, spec.clip, clip, 1, "a clip without a rating", "kept")
        for clip in clips.index.difference(ids[known])
    ]
    return ratings[COLUMNS], findings


def _clip_ids(named: pd.Series, clips: pd.DataFrame, names: Namer) -> pd.Series:
    """Return the clip that each row names, by its path below the clips folder, or its file's name where one file has it.

    Or by the parts of its name: ``7_R1`` names the clip of patient 7 at R1 also where its file is ``07_R1``.
    """
    keys = zip(clips["patient"], clips["point"], clips["take"], strict=True)
    by_key = dict(zip(keys, clips.index, strict=True))
    alone = by_file(clips["path"], clips.index)

    def find(text: str) -> str:
        name = clip_id(text)
        if name in clips.index:
            return name
        if alone.get(name):
            return alone[name]
        told = names(name)
        if isinstance(told, str):
            return name
        patient, point, take = told
        return by_key.get((patient, point, 1 if take is None else take), name)

    return named.map(find)


def _columns(spec: Ratings) -> list[str]:
    named = [spec.clip] + ([spec.rater] if spec.rater is not None else [])
    for item in spec.items.values():
        named += list(item.columns.values()) if item.columns is not None else [str(item.column)]
    return named


def _as_column(item: Item) -> Column:
    categories = item.categories if item.kind == "ordinal" else None
    return Column(
        role="expert",
        known="admission",
        kind=item.kind,
        codes=item.codes,
        missing=item.missing,
        categories=categories,
        label=item.label,
    )


def _check_keys(ids: pd.Series, raters: pd.Series, spec: Ratings, file: str) -> None:
    for row in ids.index[ids == ""]:
        raise InputError("no clip is named", file=file, row=int(row), column=spec.clip)
    for row in raters.index[raters == ""]:
        raise InputError("no rater is named", file=file, row=int(row), column=spec.rater)
    keys = pd.DataFrame({"clip": ids, "rater": raters})
    for row in keys.index[keys.duplicated()]:
        first = keys.index[(keys == keys.loc[row]).all(axis=1)][0]
        who = f" by {raters[row]}" if spec.rater is not None else ""
        raise InputError(
            f"this clip was rated{who} in row {first} already",
            file=file,
            row=int(row),
            column=spec.clip,
            value=ids[row],
            remedy="Remove one of the rows" + ("" if spec.rater else ", or name the rater's column with ratings.rater"),
        )


def _left_out_columns(table: pd.DataFrame, spec: Ratings, file: str) -> list[Finding]:
    findings = []
    for column in table.columns:
        if column not in _columns(spec):
            why = spec.excluded.get(column, "not named in the dictionary")
            cells = int((table[column].str.strip() != "").sum())
            findings.append(Finding("left out", file, None, column, "", cells, why, "left out"))
    return findings
