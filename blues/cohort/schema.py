"""What a cohort's dictionary may say: the parts of ``cohort.toml``, each a frozen record that refuses unknown settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = [
    "PREDICTORS",
    "TIMES",
    "Blank",
    "Check",
    "ClipTable",
    "Clips",
    "Column",
    "Condition",
    "Explanations",
    "Files",
    "Item",
    "Patients",
    "Ratings",
    "Recognise",
    "Target",
    "when",
]

Scalar = bool | int | float | str
Role = Literal["identifier", "target", "clinical", "blood", "expert", "outcome", "leak", "excluded"]
Known = Literal["admission", "during_stay", "discharge"]
Kind = Literal["continuous", "binary", "ordinal", "nominal", "text"]

PREDICTORS = ("clinical", "blood", "expert")
TIMES = ("admission", "during_stay", "discharge")
YES = ("yes", "true", "1", "1.0")
NO = ("no", "false", "0", "0.0")


def when(time: str) -> str:
    """Return one of ``TIMES``, or a time of one's own, in words.

    Parameters
    ----------
    time : str
        With low lines for blanks.

    Returns
    -------
    str

    Examples
    --------
    >>> when("during_stay"), when("admission")
    ('during the stay', 'at admission')
    """
    return "during the stay" if time == "during_stay" else f"at {time.replace('_', ' ')}"


class Part(BaseModel):
    """A part of the dictionary: frozen, unknown settings refused, numbers in given as numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Recognise(Part):
    """How a shipped dictionary knows its cohort: every one of ``files`` lies in the folder."""

    files: tuple[str, ...]


class Explanations(Part):
    """A table of column names and explanations whose last column may hold unquoted separators."""

    path: str
    columns: int

    @model_validator(mode="after")
    def _some_columns(self) -> Explanations:
        if self.columns < 1:
            raise ValueError("columns counts the table's columns and is at least 1")
        return self


class Files(Part):
    """Where the tables and clips lie, relative to the cohort's folder, and how the tables are written."""

    patients: str
    clips: str | None = None
    ratings: str | None = None
    explanations: Explanations | None = None
    separator: str = ","
    decimal: Literal[".", ","] = "."
    encoding: str = "utf-8"
    nameless_columns: Literal["refuse", "leave out"] = "refuse"
    repeated_rows: Literal["refuse", "leave out"] = "refuse"

    @model_validator(mode="after")
    def _one_character(self) -> Files:
        if len(self.separator) != 1:
            raise ValueError(f"separator is one character, such as ',' or ';', and is {self.separator!r}")
        if self.separator == self.decimal:
            raise ValueError(f"separator and decimal are both {self.decimal!r}; then no cell can be told from the next")
        return self


class Patients(Part):
    """Which column names the patient, and whether ``07`` and ``7.0`` are the patient ``7`` (integer) or not (text)."""

    id: str
    id_kind: Literal["integer", "text"]


class ClipTable(Part):
    """A table with one row a clip that says whose it is, where the clips' names do not."""

    path: str
    clip: str
    patient: str
    point: str | None = None
    take: str | None = None
    only: dict[str, tuple[str, ...]] = {}


class Clips(Part):
    """What tells a clip's patient, BLUE point and take: a pattern of its file name, or a table."""

    pattern: str | None = None
    table: ClipTable | None = None
    points: tuple[str, ...] = ()
    stills: bool = False
    retakes: Literal["longest", "first", "last", "mean", "max"] = "longest"
    count_column: str | None = None

    @model_validator(mode="after")
    def _one_source_of_parts(self) -> Clips:
        if (self.pattern is None) == (self.table is None):
            raise ValueError("give either pattern, of the clips' names, or table, with a row a clip")
        if self.points and self.table is not None and self.table.point is None:
            raise ValueError("points are listed but table names no column point=...")
        if len(set(self.points)) < len(self.points):
            raise ValueError("points lists a point twice")
        return self

    @model_validator(mode="after")
    def _pattern_has_its_groups(self) -> Clips:
        if self.pattern is None:
            return self
        try:
            groups = set(re.compile(self.pattern).groupindex)
        except re.error as error:
            raise ValueError(f"pattern is not a regular expression: {error}") from None
        if "patient" not in groups:
            raise ValueError("pattern has no group (?P<patient>...)")
        if extra := groups - {"patient", "point", "take"}:
            raise ValueError(f"pattern names the group {sorted(extra)[0]!r}; allowed: patient, point, take")
        if self.points and "point" not in groups:
            raise ValueError("points are listed but pattern has no group (?P<point>...)")
        return self

    @property
    def source(self) -> str:
        """The setting that tells whose a clip is, as messages call it."""
        return "clips.pattern" if self.table is None else "clips.table"


class Item(Part):
    """One thing that raters scored on every clip: in ``column``, or in one column a rater (``columns``)."""

    kind: Literal["ordinal", "binary", "continuous"]
    column: str | None = None
    columns: dict[str, str] | None = None
    categories: tuple[float, ...] | None = None
    codes: dict[str, Scalar] = {}
    missing: tuple[Scalar, ...] = ()
    label: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _one_source(self) -> Item:
        if (self.column is None) == (self.columns is None):
            raise ValueError("give either column=... or columns={rater=column, ...}")
        return self


class Ratings(Part):
    """The table of expert ratings: which column names the clip, which the rater, and what was rated."""

    clip: str
    rater: str | None = None
    consensus: str = ""
    items: dict[str, Item]
    excluded: dict[str, str] = {}


class Condition(Part):
    """One test of one column: exactly one of the settings after ``column``; a cell that is not known never meets it."""

    column: str
    equals: tuple[Scalar, ...] | None = None
    known: bool | None = None
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    below_column: str | None = None

    @model_validator(mode="after")
    def _one_test(self) -> Condition:
        if len(self.tests()) != 1:
            raise ValueError(
                "give exactly one of equals, known, at_least, at_most, above, below, below_column besides column"
            )
        return self

    def tests(self) -> dict[str, Any]:
        """Return the settings that are given besides ``column``."""
        return {k: v for k, v in self.__dict__.items() if k != "column" and v is not None}

    def words(self) -> str:
        """Return the condition in words.

        Examples
        --------
        >>> Condition(column="pcr", equals=("yes",)).words()
        'pcr is yes'
        """
        (test, wanted), *_ = self.tests().items()
        if test == "equals":
            return f"{self.column} is {' or '.join(map(str, wanted))}"
        if test == "known":
            return f"{self.column} is {'known' if wanted else 'not known'}"
        return f"{self.column} is {test.removesuffix('_column').replace('_', ' ')} {wanted}"


class Blank(Part):
    """A blank that has a meaning only where a condition on another column holds; elsewhere it is missing."""

    value: Scalar
    when: Condition


class Column(Part):
    """What one column of the patient table holds, when its value exists, and how its cells are written."""

    role: Role
    known: Known | None = None
    kind: Kind | None = None
    unit: str = ""
    label: str = ""
    group: str = ""
    note: str = ""
    contingent: str = ""
    codes: dict[str, Scalar] = {}
    categories: tuple[Scalar, ...] | None = None
    missing: tuple[Scalar, ...] = ()
    not_applicable: tuple[Scalar, ...] = ()
    blank: Blank | Scalar | None = None
    range: tuple[float, float] | None = None
    reference: tuple[float, float] | None = None
    outside: Literal["missing", "keep"] = "missing"
    winsorise: tuple[float, float] | None = None
    ranges_as: Literal["midpoint"] | None = None
    limits_as: Literal["limit", "half"] | None = None

    @model_validator(mode="after")
    def _says_enough(self) -> Column:
        if self.role in PREDICTORS and self.known is None:
            raise ValueError(f"a {self.role} column must say when its value is known: {', '.join(TIMES)}")
        if self.kind is None and self.role not in ("identifier", "excluded"):
            raise ValueError("kind is not given: continuous, binary, ordinal, nominal or text")
        if self.kind == "text" and self.role in PREDICTORS:
            raise ValueError(f"free text cannot be a predictor (role {self.role})")
        return self

    @model_validator(mode="after")
    def _numbers_have_numeric_rules(self) -> Column:
        if self.kind not in ("continuous", "ordinal"):
            for name in ("range", "reference", "winsorise", "ranges_as", "limits_as"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} is for continuous and ordinal columns, and kind is {self.kind!r}")
        for name in ("range", "reference", "winsorise"):
            if (pair := getattr(self, name)) is not None and pair[0] >= pair[1]:
                raise ValueError(f"{name} is [lowest, highest], and {pair[0]:g} is not below {pair[1]:g}")
        return self

    @model_validator(mode="after")
    def _codes_fit_kind(self) -> Column:
        check_codes(self.codes, self.decoded_kind)
        value = self.blank.value if isinstance(self.blank, Blank) else self.blank
        if value is not None and value != "not_applicable":
            check_codes({"": value}, self.decoded_kind, name="blank")
        return self

    @model_validator(mode="after")
    def _categories_fit_kind(self) -> Column:
        if self.categories is not None and self.kind not in ("ordinal", "nominal"):
            raise ValueError(f"categories are for ordinal and nominal columns, and kind is {self.kind!r}")
        if self.kind == "ordinal":
            check_codes({str(category): category for category in self.categories or ()}, "ordinal", "categories")
        return self

    @property
    def decoded_kind(self) -> str:
        """The kind the cells are decoded as: ``text`` where none is given."""
        return self.kind or "text"


def check_codes(codes: Mapping[str, Scalar], kind: str, name: str = "codes") -> None:
    """Raise unless the codes' meanings fit the kind: yes or no for binary, numbers for continuous and ordinal."""
    for code, meaning in codes.items():
        shown = f"{name} {code!r} = {meaning!r}" if code else f"{name} = {meaning!r}"
        if kind == "binary" and str(meaning).lower() not in YES + NO:
            raise ValueError(f"{shown}: a binary column's codes mean yes or no (or 1 or 0)")
        if kind in ("continuous", "ordinal") and (isinstance(meaning, bool) or not isinstance(meaning, int | float)):
            raise ValueError(f"{shown}: the codes of a column of kind {kind} mean numbers")


class Target(Part):
    """One outcome that a model may learn, and how it is derived.

    Exactly one source: ``column`` (with ``events`` if binary), ``any`` (an event where any condition holds) or
    ``rating`` (pooled over clips). The patient's value of a rating is pooled over all clips by ``over_clips``, or,
    where that is not given, over takes first and then over points.
    """

    label: str
    kind: Literal["binary", "ordinal", "continuous"]
    level: Literal["patient", "clip"] = "patient"
    moment: Known = "admission"
    contingent: Literal["opt-in", "never"] = "opt-in"
    unit: str = ""
    note: str = ""
    column: str | None = None
    events: tuple[Scalar, ...] | None = None
    any: tuple[Condition, ...] | None = None
    rating: str | None = None
    rater: str | None = None
    over_clips: Literal["mean", "max"] | None = None
    over_takes: Literal["mean", "max", "first", "last"] = "mean"
    over_points: Literal["mean", "max", "sum"] = "mean"
    refuse: dict[str, str] = {}

    @property
    def plain_numbers(self) -> bool:
        """Whether each value is a number by itself, so that a median can be given."""
        return self.kind != "binary"

    @model_validator(mode="after")
    def _one_derivation(self) -> Target:
        given = [name for name in ("column", "any", "rating") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of column, any, rating (given: {', '.join(given) or 'none'})")
        if given == ["column"] and self.kind == "binary" and self.events is None:
            raise ValueError("events is missing: events = [...] names the labels of the column that are the event")
        if self.events is not None and (given != ["column"] or self.kind != "binary"):
            raise ValueError("events=[...] belongs to a binary target with a column, and only there")
        if given == ["any"] and self.kind != "binary":
            raise ValueError(f"any=[...] gives a binary target, and kind is {self.kind!r}")
        if self.any == () or self.events == ():
            raise ValueError(f"{'any' if self.any == () else 'events'} lists nothing: nobody could have the event")
        if self.level == "clip" and given != ["rating"]:
            raise ValueError("only a rating has a value for each clip; write level = 'patient'")
        return self


class Check(Part):
    """A contradiction to look for: patients who meet all conditions are reported, and kept as they are."""

    says: str
    all: tuple[Condition, ...]

    @model_validator(mode="after")
    def _some_conditions(self) -> Check:
        if not self.all:
            raise ValueError("all lists no condition: nothing could be contradicted")
        return self
