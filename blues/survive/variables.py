"""What stays are described by and modelled on: a target by patient or a column, as groups or as covariates."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from blues.check import InputError, one_of
from blues.cohort import Cohort
from blues.survive.comparing import quantile_groups
from blues.survive.rule import stay_rule

__all__ = ["Variable", "covariates", "default_variables", "grouping", "model_variables", "variable"]


@dataclass(frozen=True)
class Variable:
    """A variable of the patients.

    Attributes
    ----------
    name, label : str
    kind : {"continuous", "binary", "ordinal", "nominal", "text"}
    unit : str
    values : Series
        Index patient; missing where unknown.
    """

    name: str
    label: str
    kind: str
    unit: str
    values: pd.Series


def variable(cohort: Cohort, name: str) -> Variable:
    """Return a target by patient, or else a column.

    Raises
    ------
    InputError
        No such target or column; the nearest name is told.
    """
    dictionary = cohort.dictionary
    targets = [t for t, spec in dictionary.targets.items() if spec.level == "patient"]
    one_of(name, [*targets, *dictionary.columns], "variable to describe by")
    if name in targets:
        target = dictionary.targets[name]
        label = _told_apart(target.label or name, name, [dictionary.targets[t].label or t for t in targets])
        return Variable(name, label, str(target.kind), target.unit, cohort.target(name))
    column = dictionary.columns[name]
    label = _told_apart(dictionary.label(name), name, [dictionary.label(c) for c in dictionary.columns])
    return Variable(name, label, column.decoded_kind, column.unit, cohort.patients[name])


def _told_apart(label: str, name: str, labels: Sequence[str]) -> str:
    """Return a label, with the name behind it where another target (of a target), or column (of a column), is called so too."""
    return f"{label} ({name})" if labels.count(label) > 1 and label != name else label


def grouping(cohort: Cohort, name: str) -> tuple[str, pd.Series]:
    """Return a variable to describe by: its label, and each patient's group in words.

    Yes and no stay as they are, ordinal and nominal variables keep their categories, others are cut into thirds.

    Parameters
    ----------
    cohort : Cohort
    name : str
        A target by patient, or a column.

    Returns
    -------
    label : str
    groups : Series
        Index patient; missing where unknown.
    """
    found = variable(cohort, name)
    values = found.values
    if found.kind == "binary":
        return found.label, values.map({0.0: "no", 1.0: "yes"}).astype(object)
    if found.kind in ("nominal", "text"):
        return found.label, values.astype(object)
    if values.nunique() > 3:
        return f"third of {found.label}", quantile_groups(values.round(9))
    categories = sorted(values.dropna().unique())
    return found.label, pd.Series(pd.Categorical(values, categories, ordered=True), values.index).cat.rename_categories(
        [f"{c:g}" for c in categories]
    )


def default_variables(cohort: Cohort) -> list[str]:
    """Return each binary target that is a column of the role ``target``, and the first target of each item rated."""
    dictionary = cohort.dictionary
    found: list[str] = []
    rated: set[str] = set()
    for name, target in dictionary.targets.items():
        if target.level != "patient":
            continue
        if target.rating is not None and target.rating not in rated:
            rated.add(target.rating)
            found.append(name)
        elif target.column is not None and target.kind == "binary":
            found += [name] if dictionary.columns[target.column].role == "target" else []
    return found


def model_variables(cohort: Cohort) -> list[str]:
    """Return what ``variables`` of the dictionary's ``[survival]`` names, else :func:`default_variables`."""
    section = cohort.dictionary.survival
    named = stay_rule(section).variables if section else ()
    return list(named) or default_variables(cohort)


def covariates(cohort: Cohort, names: Sequence[str]) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Return variables as covariates of a regression, on a scale on which hazard ratios can be read side by side.

    Yes and no are 1 and 0; numbers are centred and divided by their standard deviation over the patients who have one;
    of the categories of a nominal variable each but the most frequent is an indicator.

    Parameters
    ----------
    cohort : Cohort
    names : sequence of str
        Targets by patient, or columns.

    Returns
    -------
    table : DataFrame, shape (patients, p)
        Index patient (str); column names say what one step is. NaN where unknown.
    parts : dict of str to list of str
        Name of the variable -> its columns.

    Raises
    ------
    InputError
        An unknown name, or free text.
    """
    columns: dict[str, Any] = {}
    parts: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        one = variable(cohort, name)
        made = _columns(one)
        if set(made) & set(columns):  # a target and a column of one label
            made = _columns(dataclasses.replace(one, label=f"{one.label} ({name})"))
        parts[name] = list(made)
        columns |= made
    table = pd.DataFrame(columns)
    return table.set_axis(table.index.astype(str)), parts


def _columns(one: Variable) -> dict[str, pd.Series]:
    values = one.values
    if one.kind == "text":
        raise InputError("free text cannot enter a model", column=one.name, remedy="Choose another variable")
    if one.kind == "binary":
        return {f"{one.label}: yes against no": values.astype(float)}
    if one.kind == "nominal":
        known = values.astype(object)
        count = known.value_counts()
        others = [c for c in sorted(count.index, key=str) if count[c] and c != count.index[0]]
        made = {f"{one.label}: {c} against {count.index[0]}": (known == c).astype(float) for c in others}
        return {label: series.where(known.notna()) for label, series in made.items()}
    numbers = values.astype(float)
    spread = float(numbers.std())
    step = f"{spread:.3g} {one.unit}".strip()
    scaled = (numbers - numbers.mean()) / (spread if spread > 0 and np.isfinite(spread) else 1.0)
    return {f"{one.label}: a standard deviation ({step})": scaled}
