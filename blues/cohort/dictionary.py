"""The dictionary of a cohort: read from ``cohort.toml``, checked as a whole, asked what may predict what."""

from __future__ import annotations

import importlib.resources
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pydantic
from pydantic import BaseModel, model_validator

from blues.check import InputError, one_of
from blues.cohort.fit import (
    blanks_fit,
    conditions_fit,
    counts_fit,
    identifier_is_listed,
    sections_come_together,
    target_fits,
)
from blues.cohort.schema import (
    PREDICTORS,
    TIMES,
    Blank,
    Check,
    Clips,
    Column,
    Files,
    Part,
    Patients,
    Ratings,
    Recognise,
    Role,
    Target,
    when,
)

__all__ = ["Dictionary", "find_dictionary", "read_dictionary", "shipped_for"]

NAME = "cohort.toml"
WORDS = {
    "tuple_type": "must be a list between brackets, even of one",
    "dict_type": "must be a table, { NAME = ... }",
    "model_type": "must be a table, { SETTING = ... }",
    "bool_type": "must be a number, text between quotes, true or false",
    "string_type": "must be text between quotes",
    "finite_number": "must be a finite number",
}
"""What pydantic's complaints are called in terms of a TOML file."""


class Dictionary(Part):
    """Everything that is particular to one cohort: files, clips, ratings, columns, targets, known contradictions.

    Made by :func:`read_dictionary`; the settings are described in ``docs/dictionary.md``.

    Attributes
    ----------
    name, licence, citation, note : str
    files, patients, clips, ratings, recognise
        Where things lie and how patients, clips and ratings are named; ``clips`` and ``ratings`` may be None.
    columns : dict[str, Column]
        Every column of the patient table, in the dictionary's order.
    targets : dict[str, Target]
    checks : tuple[Check, ...]
    survival : dict
        How a stay in hospital is read off the columns; :func:`blues.survive.stay_rule` checks and uses it.
    """

    name: str
    licence: str
    citation: str = ""
    note: str = ""
    recognise: Recognise | None = None
    files: Files
    patients: Patients
    clips: Clips | None = None
    ratings: Ratings | None = None
    columns: dict[str, Column]
    targets: dict[str, Target] = {}
    checks: tuple[Check, ...] = ()
    survival: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _parts_fit(self) -> Dictionary:
        sections_come_together(self.files, self.clips, self.ratings)
        identifier_is_listed(self.patients, self.columns)
        if self.clips is not None and self.clips.count_column:
            counts_fit(self.clips.count_column, self.columns)
        blanks_fit(self.columns)
        for number, check in enumerate(self.checks, start=1):
            conditions_fit(f"the {number}. of checks", check.all, self.columns)
        for name, target in self.targets.items():
            target_fits(f"targets.{name}", target, self.columns, self.ratings)
        return self

    @property
    def tables(self) -> tuple[str, ...]:
        """The cohort's tables, as paths below its folder: patients, clips where they have one, ratings; each once."""
        listed = self.clips.table.path if self.clips is not None and self.clips.table is not None else None
        return tuple(dict.fromkeys(t for t in (self.files.patients, listed, self.files.ratings) if t is not None))

    def column(self, name: str) -> Column:
        """Return the entry of one column; an unknown name is answered with the nearest one."""
        return self.columns[one_of(name, self.columns, "column")]

    def target(self, name: str) -> Target:
        """Return the entry of one target; an unknown name is answered with the nearest one."""
        if not self.targets:
            raise InputError(f"the dictionary of {self.name} defines no target", remedy="Add a section [targets.NAME]")
        return self.targets[one_of(name, self.targets, "target")]

    def label(self, name: str) -> str:
        """Return what to print for a column or rated item: its label, else its name."""
        if self.ratings is not None and name in self.ratings.items:
            return self.ratings.items[name].label or name
        return self.columns[name].label or name

    def block(self, role: str) -> list[str]:
        """Return the columns of one role, in the dictionary's order; ``expert`` begins with the rated items."""
        one_of(role, get_args(Role), "role")
        rated = list(self.ratings.items) if role == "expert" and self.ratings is not None else []
        return rated + [name for name, column in self.columns.items() if column.role == role]

    def refusal(self, column: str, target: str, opt_in: Collection[str] = ()) -> str | None:
        """Return why a column (or rated item) may not predict a target; None if it may.

        Parameters
        ----------
        column : str
            A column of the patient table, or a rated item.
        target : str
            A target of this dictionary.
        opt_in : collection of str
            Treatments whose contingent columns are wanted all the same, such as ``{"oxygen"}``; a target with
            ``contingent = "never"`` refuses them even so.

        Raises
        ------
        InputError
            If the column or target is not in the dictionary.

        Examples
        --------
        >>> from blues.cohort import read_dictionary
        >>> covid_blues = read_dictionary("covid_blues")
        >>> covid_blues.refusal("CRP", "pcr") is None
        True
        >>> covid_blues.refusal("oxygen_liter", "pcr")
        'depends on treatment (oxygen), which staff start on seeing the patient; taken only if you opt in'
        """
        goal = self.target(target)
        if self.ratings is not None and column in self.ratings.items:
            return _rating_refusal(goal)
        spec = self.columns[one_of(column, [*self.columns, *self.block("expert")], "column")]
        if spec.role not in PREDICTORS and column not in {*goal.refuse, *_sources(goal)}:
            return f"its role is {spec.role}" + (f": {spec.note}" if spec.note else "")
        if (why := self._tells(column, target, opt_in)) is not None:
            return why
        for other in _looked_at(spec):
            role = self.columns[other].role
            if role in ("target", "outcome", "leak") or (role == "excluded" and self.columns[other].known is None):
                unknown = " and which does not say when it is known" * (role == "excluded")
                return f"its blanks are filled in by {other!r}, whose role is {role}{unknown}"
            if (why := self._tells(other, target, opt_in)) is not None:
                return f"its blanks are filled in by {other!r}, which may not predict: {why}"
        return None

    def _tells(self, column: str, target: str, opt_in: Collection[str]) -> str | None:
        """Return why a column of the patient table says too much of a target, its role aside."""
        goal, spec = self.targets[target], self.columns[column]
        if column in goal.refuse:
            return goal.refuse[column]
        if column in _sources(goal):
            return f"the target {target!r} is derived from it"
        if spec.known is not None and TIMES.index(spec.known) > TIMES.index(goal.moment):
            return f"known {when(spec.known)}, after the moment of prediction ({when(goal.moment)})"
        if spec.contingent and goal.contingent == "never":
            return f"depends on treatment ({spec.contingent}), and so may the target; never taken for it"
        if spec.contingent and spec.contingent not in opt_in:
            return (
                f"depends on treatment ({spec.contingent}), which staff start on seeing the patient; "
                "taken only if you opt in"
            )
        return None


def read_dictionary(path: str | Path) -> Dictionary:
    """Read a dictionary from a TOML file, for a cohort's folder, or by the name of a shipped one.

    Parameters
    ----------
    path : str or Path
        The file; or a cohort's folder (its ``cohort.toml``, else the shipped dictionary that knows it); or a shipped
        name such as ``"covid_blues"``.

    Returns
    -------
    Dictionary
        Validated.

    Raises
    ------
    InputError
        If there is no such file, or it is not valid; the message names the entry, the value and what is allowed.
    """
    path = Path(path)
    shipped = {resource.name.removesuffix(".toml"): resource for resource in _shipped()}
    if path.is_dir():
        return find_dictionary(path)[0]
    if not path.is_file() and str(path) in shipped:
        return parse_dictionary(shipped[str(path)].read_text(encoding="utf-8"), f"{path}.toml")
    if not path.is_file():
        raise InputError(
            "no such dictionary",
            file=path,
            remedy=f"Shipped ones: {', '.join(sorted(shipped))}; or draft your own with `python -m blues.cohort init`",
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text: {error.reason}", file=path, remedy="Save it as UTF-8") from None
    return parse_dictionary(text, str(path))


def find_dictionary(folder: Path) -> tuple[Dictionary, str]:
    """Return a folder's dictionary and the name of its file: its ``cohort.toml``, else the shipped one that knows it."""
    if (folder / NAME).is_file():
        return read_dictionary(folder / NAME), NAME
    best = shipped_for(folder)
    if not best:
        raise InputError(
            "no cohort.toml here, and no shipped dictionary knows this folder",
            file=folder,
            remedy=f"Draft one with `python -m blues.cohort init {folder}`",
        )
    if len(best) > 1:
        names = ", ".join(name for _, name in best)
        raise InputError(
            f"several shipped dictionaries know this folder: {names}", file=folder, remedy="Put a cohort.toml into it"
        )
    return best[0]


def shipped_for(folder: Path) -> list[tuple[Dictionary, str]]:
    """Return the shipped dictionaries that know a folder, by most of its files, and the names of their files."""
    known = []
    for resource in _shipped():
        dictionary = parse_dictionary(resource.read_text(encoding="utf-8"), resource.name)
        if dictionary.recognise and all((folder / name).exists() for name in dictionary.recognise.files):
            known.append((len(dictionary.recognise.files), dictionary, resource.name))
    most = max((files for files, _, _ in known), default=0)
    return [(dictionary, name) for files, dictionary, name in known if files == most]


def parse_dictionary(text: str, file: str) -> Dictionary:
    """Return the dictionary written in ``text``; ``file`` is what messages call it."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not valid TOML: {error}", file=file) from None
    try:
        return Dictionary.model_validate(values)
    except pydantic.ValidationError as error:
        raise _explain(error, file) from None


def _shipped() -> list[Any]:
    """Return the shipped dictionaries, as package resources, by name."""
    folder = importlib.resources.files("blues") / "datasets"
    if not folder.is_dir():
        return []
    return sorted((r for r in folder.iterdir() if r.name.endswith(".toml")), key=lambda r: r.name)


def _explain(error: pydantic.ValidationError, file: str) -> InputError:
    """Turn pydantic's first complaint into a message that names the entry, the value and what is allowed."""
    # a misspelt setting is also a missing one: the misspelling says more
    problems = sorted(error.errors(include_url=False), key=lambda problem: problem["type"] != "extra_forbidden")
    first = problems[0]
    loc = _settings_only(first["loc"])
    entry = ".".join(map(str, loc))
    others = len({_settings_only(problem["loc"]) for problem in problems}) - 1
    more = f"{others} more complaint{'s' * (others > 1)} after this one" if others else ""
    if first["type"] == "extra_forbidden":
        model = _model_at(loc[:-1])
        fields = list(model.model_fields) if model else []
        try:
            one_of(loc[-1], fields, f"{file}, entry {'.'.join(map(str, loc[:-1])) or 'top level'}: the setting")
        except InputError as answer:
            return InputError(str(answer), remedy=more or None)
    if first["type"] == "missing":
        return InputError(f"the setting {entry} is not given", file=file, remedy=more or None)
    if first["type"] == "literal_error":
        allowed = [word.strip("'") for word in first["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        try:
            one_of(first["input"], allowed, f"{file}: {entry}")
        except InputError as answer:
            return InputError(str(answer), remedy=more or None)
    what = WORDS.get(first["type"], first["msg"].removeprefix("Value error, "))
    if first["type"] != "value_error":
        what += f" (got {first['input']!r})"
    return InputError(f"{entry}: {what}" if entry else what, file=file, remedy=more or None)


def _settings_only(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Drop from pydantic's location the names of union members (``Blank``, ``int``), which are no settings."""
    names = {"bool", "int", "float", "str", Blank.__name__}
    return tuple(part for position, part in enumerate(loc) if position < 2 or part not in names)


def _model_at(loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Return the model whose settings lie at ``loc``; keys of tables and positions in lists are stepped over."""
    found: type[BaseModel] = Dictionary
    key_follows = False
    for part in loc:
        if key_follows:
            key_follows = False
            continue
        annotation = found.model_fields[str(part)].annotation
        models = list(_models_in(annotation))
        if not models:
            return None
        found = models[0]
        key_follows = any(get_origin(a) in (dict, tuple) for a in (annotation, *get_args(annotation)))
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _looked_at(column: Column) -> list[str]:
    """Return the columns that decide what a blank of this one means."""
    if not isinstance(column.blank, Blank):
        return []
    condition = column.blank.when
    return [name for name in (condition.column, condition.below_column) if name is not None]


def _sources(target: Target) -> set[str]:
    """Return the columns that a target is derived from."""
    columns = {condition.column for condition in target.any or ()}
    return columns | ({target.column} if target.column is not None else set())


def _rating_refusal(target: Target) -> str | None:
    if target.rating is not None:
        return "rated by the same experts on the same clips as the target"
    return None
