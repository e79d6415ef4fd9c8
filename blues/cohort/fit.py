"""Checks that the parts of a dictionary fit each other; pydantic turns each ``ValueError`` into a complaint."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping

from blues.cohort.decode import number, plain
from blues.cohort.schema import NO, YES, Blank, Clips, Column, Condition, Files, Patients, Ratings, Scalar, Target

__all__ = [
    "blanks_fit",
    "column_is_listed",
    "conditions_fit",
    "counts_fit",
    "identifier_is_listed",
    "sections_come_together",
    "target_fits",
]

NUMERIC = ("continuous", "ordinal", "binary")


def sections_come_together(files: Files, clips: Clips | None, ratings: Ratings | None) -> None:
    """Raise unless files.clips and [clips], files.ratings and [ratings] are given together."""
    for section, path, settings in (("clips", files.clips, clips), ("ratings", files.ratings, ratings)):
        if (path is None) != (settings is None):
            have, lack = (f"[{section}]", f"files.{section}") if path is None else (f"files.{section}", f"[{section}]")
            raise ValueError(f"{have} is given and {lack} is not: give both or neither")
    if ratings is not None and clips is None:
        raise ValueError("[ratings] is given and [clips] is not: ratings are of clips")


def identifier_is_listed(patients: Patients, columns: Mapping[str, Column]) -> None:
    """Raise unless the id column has an entry with the role identifier."""
    column_is_listed("patients.id", patients.id, columns)
    if columns[patients.id].role != "identifier":
        raise ValueError(f"patients.id is {patients.id!r}, whose role is {columns[patients.id].role}, not identifier")


def column_is_listed(place: str, name: str, columns: Collection[str]) -> None:
    """Raise unless the column that ``place`` names has an entry."""
    if name not in columns:
        near = difflib.get_close_matches(name, columns, n=1)
        raise ValueError(
            f"{place} names the column {name!r}, which has no entry under [columns]"
            + (f"; nearest: {near[0]!r}" if near else "")
        )


def counts_fit(name: str, columns: Mapping[str, Column]) -> None:
    """Raise unless the column that counts a patient's clips is listed and holds numbers."""
    column_is_listed("clips.count_column", name, columns)
    if columns[name].decoded_kind != "continuous":
        raise ValueError(
            f"clips.count_column is {name!r}, which is {columns[name].decoded_kind}: no count (continuous)"
        )


def blanks_fit(columns: Mapping[str, Column]) -> None:
    """Raise unless the conditions under which blanks have a meaning can be tested, one after the other."""
    for name, column in columns.items():
        if isinstance(column.blank, Blank):
            conditions_fit(f"columns.{name}.blank.when", [column.blank.when], columns)
            other = column.blank.when.below_column or column.blank.when.column
            for source in (column.blank.when.column, other):
                if isinstance(columns[source].blank, Blank):
                    raise ValueError(
                        f"columns.{name}.blank depends on {source!r}, whose own blanks depend on another column"
                    )


def conditions_fit(place: str, conditions: Iterable[Condition], columns: Mapping[str, Column]) -> None:
    """Raise unless each condition's column is listed and can hold what the condition asks for."""
    for condition in conditions:
        _may_be_looked_at(place, condition.column, columns)
        column = columns[condition.column]
        if condition.below_column is not None:
            _may_be_looked_at(place, condition.below_column, columns)
            if (kind := columns[condition.below_column].decoded_kind) not in NUMERIC:
                raise ValueError(f"{place}: below_column needs numbers, and {condition.below_column!r} is {kind}")
        if condition.equals is not None:
            _values_fit(f"{place}: {condition.column!r} equals", condition.equals, column)
        elif condition.known is None and column.decoded_kind not in NUMERIC:
            test = next(iter(condition.tests()))
            raise ValueError(f"{place}: {test} needs numbers, and {condition.column!r} is {column.decoded_kind}")


def _may_be_looked_at(place: str, name: str, columns: Mapping[str, Column]) -> None:
    column_is_listed(place, name, columns)
    if columns[name].role == "identifier":
        raise ValueError(f"{place} looks at {name!r}, which names the patients and holds nothing about them")


def target_fits(place: str, target: Target, columns: Mapping[str, Column], ratings: Ratings | None) -> None:
    """Raise unless a target's sources are there and hold what it asks for."""
    conditions_fit(f"{place}.any", target.any or (), columns)
    for name in target.refuse:
        column_is_listed(f"{place}.refuse", name, columns)
    items = list(ratings.items) if ratings is not None else []
    if target.rating is not None and target.rating not in items:
        raise ValueError(f"{place}.rating is {target.rating!r}; the rated items are {', '.join(items) or 'none'}")
    if target.column is not None:
        _may_be_looked_at(f"{place}.column", target.column, columns)
        column = columns[target.column]
        if target.events is not None:
            _values_fit(f"{place}.events", target.events, column)
        elif column.decoded_kind not in NUMERIC:
            raise ValueError(
                f"{place}.column is {target.column!r}, which is {column.decoded_kind}: no numbers to learn"
            )


def _values_fit(place: str, values: Iterable[Scalar], column: Column) -> None:
    for value in values:
        if column.decoded_kind == "binary":
            if str(value).lower() not in YES + NO:
                raise ValueError(f"{place} {value!r}; a binary column is yes or no (1 or 0)")
        elif column.decoded_kind in ("continuous", "ordinal"):
            if isinstance(value, bool) or number(str(value)) is None:
                raise ValueError(f"{place} {value!r}; the column holds numbers")
        else:
            labels = [plain(v) for v in [*column.codes.values(), *(column.categories or ())]]
            if labels and plain(value) not in labels:
                raise ValueError(f"{place} {value!r}; the column's labels are {', '.join(labels)}")
