"""How a cohort's columns become one stay a patient: the ``[survival]`` section of its dictionary."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pydantic

from blues.check import InputError, build, columns_exist
from blues.cohort import targets
from blues.cohort.labels import bare
from blues.cohort.schema import Condition
from blues.cohort.words import letters, unaccented

__all__ = ["Oxygen", "StayRule", "Ward", "meets", "stay_rule"]

Unit = Literal["days", "hours"]
State = Literal["icu", "mcu", "ward", "out", "dead"]
IN_HOSPITAL = ("icu", "mcu", "ward")
DURATIONS = {
    "days": frozenset("d day days tag tage tagen jour jours dia dias giorno giorni dag dagen dagar".split()),
    "hours": frozenset(
        "h hr hrs hour hours std stunde stunden heure heures hora horas ora ore uur uren timme timmar".split()
    ),
}
"""Words for the units that a stay may have, by letters alone and without accents."""
OTHER_TIMES = frozenset(
    """
    s sec second seconds min minute minutes minuten week weeks woche wochen semaine semaines month months monat monate mois
    year years jahr jahre
    """.split()
)
NO_ENDS = "The dictionary does not say how stays ended: all are taken for discharges alive, and who died is not known."


@dataclass(frozen=True)
class Ward:
    """One kind of ward: how a patient comes to lie there, and for how long.

    Attributes
    ----------
    name : {"icu", "mcu", "ward"}
    column : str, optional
        Time spent there.
    unit : {"hours", "days"}
        Unit of ``column``.
    first : tuple of Condition
        Any of these: the patient was admitted there.
    later : tuple of Condition
        Any of these: the patient came there from another ward.
    """

    name: Literal["icu", "mcu", "ward"]
    column: str | None = None
    unit: Unit = "hours"
    first: tuple[Condition, ...] = ()
    later: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Oxygen:
    """Oxygen therapy: whether it was given and for how long."""

    column: str
    unit: Unit = "days"
    given: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class StayRule:
    """The ``[survival]`` section of a dictionary.

    Attributes
    ----------
    stay : str
        Column with the length of stay.
    unit : {"days", "hours"}
        Its unit.
    status : tuple of str
        Columns with the daily status, in the order of ``status_days``.
    status_days : tuple of float
        The days they tell of, ascending, counted from presentation.
    states : dict
        What a status value means: ``icu``, ``mcu``, ``ward``, ``out`` (discharged or not admitted) or ``dead``.
    wards : tuple of Ward
    died_in_hospital : tuple of Condition
        Any of these: the stay ended by death.
    still_in_hospital : tuple of Condition
        Any of these: the stay had not ended when the table was closed, and is censored at its length.
    transferred : tuple of Condition
        Any of these: the patient moved between wards, so that one ward's time is not the whole stay.
    oxygen : Oxygen, optional
    tolerance : float
        Days by which two sources may differ: a stay counted in calendar days differs from its hours by up to one.
    horizon : float, optional
        Longer stays are censored here.
    variables : tuple of str
        What the models of the stay look at: targets by patient, or columns, chosen before seeing the data. By default what
        stays are described by.

    Examples
    --------
    >>> rule = stay_rule({"stay": "los", "status": ["d0", "d3"], "status_days": [0, 3], "states": {"0": "ward", "1": "out"}})
    >>> rule.unit, rule.tolerance
    ('days', 1.0)
    """

    stay: str
    unit: Unit = "days"
    status: tuple[str, ...] = ()
    status_days: tuple[float, ...] = ()
    states: dict[str, State] = dataclasses.field(default_factory=dict)
    wards: tuple[Ward, ...] = ()
    died_in_hospital: tuple[Condition, ...] = ()
    still_in_hospital: tuple[Condition, ...] = ()
    transferred: tuple[Condition, ...] = ()
    oxygen: Oxygen | None = None
    tolerance: float = 1.0
    horizon: float | None = None
    variables: tuple[str, ...] = ()

    @property
    def ends_told(self) -> bool:
        """Whether a column says how stays ended: where deaths in hospital stand, or a daily status."""
        return bool(self.died_in_hospital or self.status)

    def columns(self) -> list[str]:
        """Return every column the rule reads."""
        names = [self.stay, *self.status, *(w.column for w in self.wards if w.column)]
        names += [self.oxygen.column] if self.oxygen else []
        conditions = [*self.died_in_hospital, *self.still_in_hospital, *self.transferred]
        conditions += self.oxygen.given if self.oxygen else ()
        conditions += [c for w in self.wards for c in (*w.first, *w.later)]
        named = [name for c in conditions for name in (c.column, c.below_column) if name]
        return list(dict.fromkeys([*names, *named]))

    def record(self) -> dict[str, Any]:
        """Return what :func:`stay_rule` reads the rule back from, fit for JSON."""
        return pydantic.TypeAdapter(StayRule).dump_python(self, mode="json", exclude_none=True)

    def told(self) -> str:
        """Return the rule in words, for readers."""
        parts = [f"Length of stay: {self.stay}, in {self.unit}."]
        if self.status:
            days = ", ".join(f"{d:g}" for d in self.status_days)
            parts.append(f"Daily status: days {days}, from {self.status[0]} to {self.status[-1]}.")
        if timed := [f"{w.name} from {w.column} in {w.unit}" for w in self.wards if w.column]:
            parts.append(f"Time on wards: {', '.join(timed)}.")
        for conditions, what in (
            (self.died_in_hospital, "Died in hospital"),
            (self.still_in_hospital, "Still in hospital, so censored"),
            (self.transferred, "Moved between wards, so that one ward's time is not the stay"),
        ):
            if conditions:
                parts.append(f"{what}: {' or '.join(c.words() for c in conditions)}.")
        if self.oxygen:
            parts.append(f"Days of oxygen: {self.oxygen.column}, in {self.oxygen.unit}.")
        parts.append(
            "Contradictions: never admitted (out on every day, on no ward) is 0 days; a stay that outlasts days out of "
            "hospital and fits status and wards as hours is hours; wards that outlast the stay are the time; two or more "
            "days out inside the stay outvote it; else the stay counts. Sources may differ by "
            f"{self.tolerance:g} day{'s' * (self.tolerance != 1)}."
        )
        if not self.ends_told:
            parts.append(NO_ENDS)
        if self.horizon is not None:
            parts.append(f"Longer stays are censored at {self.horizon:g} day{'s' * (self.horizon != 1)}.")
        return " ".join(parts)


def stay_rule(section: Any, units: Mapping[str, str] | None = None) -> StayRule:
    """Return the rule of a ``[survival]`` section: a mapping, a record with the same fields, or a rule already.

    Parameters
    ----------
    section : mapping, record or StayRule
        Names are those of the fields of :class:`StayRule`.
    units : mapping of str to str, optional
        Column -> its unit in the dictionary, taken where the section names none.

    Returns
    -------
    StayRule

    Raises
    ------
    InputError
        Settings that are unknown, of the wrong kind or do not fit each other; a unit that is not the column's.
    """
    where = "[survival]"
    if isinstance(section, StayRule):
        if units is None:
            return section
        section, where = section.record(), "the rule"
    values = section if isinstance(section, Mapping) else section.model_dump(exclude_none=True)
    values = _with_units(values, units or {}, where)
    rule = build(StayRule, values, file="[survival]")
    if len(rule.status) != len(rule.status_days):
        raise InputError(
            f"status names {len(rule.status)} columns and status_days {len(rule.status_days)} days", file="[survival]"
        )
    if list(rule.status_days) != sorted(set(rule.status_days)):
        raise InputError("status_days must ascend", file="[survival]", value=rule.status_days)
    if rule.status and not rule.states:
        raise InputError("states is missing: what each status value means", file="[survival]")
    if not rule.tolerance >= 0:
        raise InputError("tolerance is negative", file="[survival]", value=rule.tolerance, allowed="0 days or more")
    if rule.horizon is not None and not rule.horizon > 0:
        raise InputError("horizon is not positive", file="[survival]", value=rule.horizon, allowed="more than 0 days")
    names = [w.name for w in rule.wards]
    if len(set(names)) < len(names):
        raise InputError("wards names a ward twice", file="[survival]", value=names)
    return rule


def _with_units(values: Mapping[str, Any], units: Mapping[str, str], where: str) -> dict[str, Any]:
    """Return the section with the units of the columns where it says none, or raise where the two disagree."""

    def told(part: Any, key: str) -> Any:
        if not isinstance(part, Mapping) or str(part.get("unit", "days")) not in DURATIONS:
            return part  # which is told in words elsewhere
        column = str(part.get(key))
        word = unaccented(letters(units.get(column, "")))
        unit = next((unit for unit, words in DURATIONS.items() if word in words), None)
        if word in OTHER_TIMES or (unit and part.get("unit", unit) != unit):
            says = f"{part['unit']} in {where}" if "unit" in part else "not days or hours"
            raise InputError(
                f"the unit of the column is {units[column]!r}, and {says}",
                column=column,
                remedy="Make them say the same, days or hours, whichever the column holds",
            )
        return {**part, "unit": unit} if unit else part

    found = dict(told(values, "stay"))
    if isinstance(found.get("wards"), list | tuple):
        found["wards"] = [told(ward, "column") for ward in found["wards"]]
    if "oxygen" in found:
        found["oxygen"] = told(found["oxygen"], "column")
    return found


def meets(patients: pd.DataFrame, conditions: tuple[Condition, ...]) -> np.ndarray:
    """Return 1 where any condition is met, 0 where none is and one is known, NaN where none is known; shape (n,).

    Conditions are a dictionary's, see :class:`blues.cohort.schema.Condition`. The table may be raw: ``yes`` and ``no`` mean 1
    and 0, and 3 means ``3`` and 3.0 too.
    """
    met = np.full(len(patients), np.nan)
    for condition in conditions:
        values = patients[condition.column].map(bare)
        known = values.notna().to_numpy() | (condition.known is not None)
        if condition.equals is not None:
            true = values.isin({bare(v) for v in condition.equals}).to_numpy() & known
        elif condition.known is not None:
            true = targets.meets(patients.assign(**{condition.column: values}), condition).to_numpy()
        else:
            names = [name for name in (condition.column, condition.below_column) if name]
            numbers = pd.DataFrame({name: _numbers(patients, name) for name in names}, index=patients.index)
            true = targets.meets(numbers, condition).to_numpy()
        met = np.where(true, 1.0, np.where(known & np.isnan(met), 0.0, met))
    return met


def _numbers(patients: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as numbers, NaN where unknown, or raise naming the patient with something else."""
    values = pd.to_numeric(patients[column].map(bare), errors="coerce").to_numpy(dtype=float)
    text = patients[column].map(bare).notna().to_numpy() & np.isnan(values)
    if text.any():
        place = int(np.flatnonzero(text)[0])
        raise InputError(
            f"a condition of [survival] needs a number, and patient {patients.index[place]} has none",
            column=column,
            value=bare(patients[column].iloc[place]),
            remedy="Ask with equals or known, or add the value to missing of the column",
        )
    return values


def states_of(patients: pd.DataFrame, rule: StayRule) -> pd.DataFrame:
    """Return the daily status as states, index patient, one column a day (float); None where unknown.

    Raises
    ------
    InputError
        A status that ``states`` does not know, with patient and column.
    """
    meaning = {bare(code): state for code, state in rule.states.items()}
    meaning |= {state: state for state in ("icu", "mcu", "ward", "out", "dead")}
    table = pd.DataFrame(index=patients.index, columns=list(map(float, rule.status_days)), dtype=object)
    for day, column in zip(rule.status_days, rule.status, strict=True):
        values = [bare(v) for v in patients[column]]
        for patient, value in zip(patients.index, values, strict=True):
            if value is not None and value not in meaning:
                raise InputError(
                    f"the status of patient {patient} is not in the dictionary",
                    column=column,
                    value=value,
                    allowed=rule.states,
                    remedy="Add it to states in [survival], or to missing of the column",
                )
        table[float(day)] = [None if v is None else meaning[v] for v in values]
    return table


def in_days(patients: pd.DataFrame, rule: StayRule) -> tuple[pd.DataFrame, StayRule]:
    """Return the table with durations of pandas or Python, which bring their own unit, as days, and the rule that says so."""
    lasting = {
        name: pd.to_timedelta(patients[name]) / pd.Timedelta(days=1)
        for name in rule.columns()
        if pd.api.types.infer_dtype(patients[name], skipna=True) in ("timedelta", "timedelta64")
    }

    def told(part: Any, column: str | None) -> Any:
        return dataclasses.replace(part, unit="days") if column in lasting else part

    wards = tuple(told(ward, ward.column) for ward in rule.wards)
    oxygen = told(rule.oxygen, rule.oxygen.column) if rule.oxygen else None
    return patients.assign(**lasting), dataclasses.replace(told(rule, rule.stay), wards=wards, oxygen=oxygen)


def days_of(patients: pd.DataFrame, column: str, unit: str) -> np.ndarray:
    """Return a column of durations in days, NaN where unknown.

    Raises
    ------
    InputError
        A negative or infinite value, a date or a text, with the patient.
    """
    columns_exist([column], patients.columns, "the patient table")
    cells = patients[column]
    if pd.api.types.infer_dtype(cells, skipna=True) in ("datetime", "datetime64", "date"):
        raise InputError(
            "holds dates, and a stay is a duration",
            column=column,
            remedy="Give the days between two dates, such as (left - admitted).dt.days",
        )
    values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float)
    text = cells.notna().to_numpy() & np.isnan(values)
    for wrong, what in ((text, "not a number"), (values < 0, "negative"), (np.isinf(values), "infinite")):
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"the duration of patient {patients.index[place]} is {what}",
                column=column,
                value=bare(patients[column].iloc[place]),
                allowed=f"{unit}, zero or more",
                remedy="A code for missing belongs into `missing` of the column's dictionary entry",
            )
    return values / (24.0 if unit == "hours" else 1.0)
