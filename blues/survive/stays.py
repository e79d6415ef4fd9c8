"""Endpoints of a stay: time to discharge alive, death in hospital as its competitor, ICU, oxygen, first ward.

Sources that contradict each other are settled patient by patient by fixed rules (:mod:`blues.survive.decision`), and
every contradiction is listed with the rule that decided. Nothing is repaired quietly.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blues.check import InputError, columns_exist
from blues.cohort.display import Shown
from blues.cohort.labels import bare
from blues.provenance import replacing, write_json
from blues.survive.decision import DISCHARGED, HORIZON, Decision, Sources, decide, looks_like_hours
from blues.survive.rule import IN_HOSPITAL, StayRule, days_of, in_days, meets, states_of, stay_rule

__all__ = ["EVENTS", "Endpoints", "adjudicate", "endpoints"]

LONG_STAY = 60
"""Days: where half of the stays are longer, the unit of the column is asked about."""
EVENTS = {0: "censored", 1: "discharged alive", 2: "died in hospital"}


@dataclass(frozen=True, repr=False)
class Endpoints(Shown):
    """What became of the patients.

    Attributes
    ----------
    frame : DataFrame, shape (patients, 11)
        Index ``patient`` (str). ``time`` (days in hospital, NaN unknown; 0 for those never admitted), ``event`` (0
        censored, 1 discharged alive, 2 died in hospital, NaN unknown), ``ever_icu``, ``icu_or_death``, ``died`` (at any
        time seen), ``readmitted``, ``oxygen``, ``oxygen_days`` (0 without oxygen, NaN unknown), all float with NaN for
        unknown; ``first_ward`` (``icu``, ``mcu``, ``ward``, ``none``), ``adjudicated`` (bool: sources contradict each other
        or are missing), ``uncut`` (``time`` without the horizon).
    adjudication : DataFrame
        ``patient``, ``what`` contradicts or goes beyond the horizon, the ``values``, the ``rule`` that decided, the
        ``decision``.
    status : DataFrame, shape (patients, days)
        The daily status as ``icu``, ``mcu``, ``ward``, ``out``, ``dead`` or None; columns are days (float).
    rule : StayRule
    """

    frame: pd.DataFrame
    adjudication: pd.DataFrame
    status: pd.DataFrame
    rule: StayRule

    @property
    def doubt(self) -> str:
        """What is odd about how long the stays are; empty where nothing is."""
        middle = self.frame["uncut"].median()
        odd = (
            f"Half of the stays are longer than {middle:g} days, which is odd: is {self.rule.stay} in {self.rule.unit}?"
        )
        return odd if middle > LONG_STAY else ""

    @property
    def died_untimed(self) -> int:
        """How many died whose time in hospital is not known: they are in no curve."""
        return int((self.frame["time"].isna() & (self.frame["died"] == 1)).sum())

    @property
    def zero_days(self) -> int:
        """How many stays are known to have ended on the day they began."""
        return int(((self.frame["time"] == 0) & (self.frame["event"] > 0)).sum())

    @property
    def contradictions(self) -> pd.DataFrame:
        """The rows of ``adjudication`` but those of the horizon."""
        return self.adjudication[~self.adjudication["rule"].map(of_horizon).astype(bool)]

    def summary(self) -> pd.DataFrame:
        """Return what to print: each endpoint's number of patients."""
        f = self.frame
        rows = [(text, int((f["event"] == code).sum())) for code, text in EVENTS.items()]
        rows.append(("time unknown", int(f["time"].isna().sum())))
        if died := self.died_untimed:
            rows.append(("time unknown, of these died", died))
        rows.append(("stay of zero days", self.zero_days))
        for name, text in (
            ("ever_icu", "ICU at any time"),
            ("icu_or_death", "ICU or death"),
            ("died", "died, in hospital or later"),
            ("readmitted", "in hospital again later"),
            ("oxygen", "oxygen therapy"),
        ):
            needed = {"icu_or_death": "ever_icu"}.get(name, name)
            if f[needed].notna().any():  # of nobody known is not none
                rows.append((text, int((f[name] == 1).sum())))
        rows += [(f"first ward: {w}", int(n)) for w, n in f["first_ward"].value_counts().items()]
        return pd.DataFrame(rows, columns=["endpoint", "patients"])

    def save(self, folder: str | Path) -> None:
        """Write ``endpoints.csv``, ``adjudication.csv``, ``status.csv`` and ``stay_rule.json`` into ``folder``."""
        folder = Path(folder)
        for name, table in (
            ("endpoints", self.frame.reset_index()),
            ("adjudication", self.adjudication),
            ("status", self.status.reset_index()),
        ):
            with replacing(folder / f"{name}.csv") as draft:
                table.to_csv(draft, index=False, lineterminator="\n")
        write_json(folder / "stay_rule.json", self.rule.record())

    @classmethod
    def load(cls, folder: str | Path) -> Endpoints:
        """Read what :meth:`save` wrote."""
        folder = Path(folder)
        text = {"patient": str, "first_ward": str}
        frame = pd.read_csv(folder / "endpoints.csv", dtype=text, keep_default_na=False, na_values=[""])
        adjudication = pd.read_csv(folder / "adjudication.csv", dtype=str, keep_default_na=False)
        status = pd.read_csv(folder / "status.csv", dtype=str).set_index("patient")
        status.columns = [float(c) for c in status.columns]
        status = status.astype(object).where(status.notna(), None)
        frame["first_ward"] = frame["first_ward"].astype(object).where(frame["first_ward"].notna(), None)
        rule = stay_rule(json.loads((folder / "stay_rule.json").read_text(encoding="utf-8")))
        return cls(frame.set_index("patient"), adjudication, status, rule)


def of_horizon(rule: str) -> bool:
    """Return whether a rule is the horizon, which cuts stays short without any contradiction."""
    return rule.startswith(HORIZON)


def _check_unit(sources: list[Sources], rule: StayRule) -> None:
    """Raise when the whole column seems to be hours though the dictionary says days."""
    telling = [s for s in sources if s.stay > 0 and s.window()[1] < np.inf]
    wrong = [s for s in telling if looks_like_hours(s, rule.tolerance)]
    if len(wrong) >= 3 and len(wrong) > len(telling) / 2:
        raise InputError(
            f"{len(wrong)} of {len(telling)} stays outlast the day on which the patient was seen out of hospital, and fit "
            "the daily status as hours",
            column=rule.stay,
            remedy='Set unit = "hours" in [survival] if the column holds hours',
        )


def _sources(patients: pd.DataFrame, rule: StayRule, states: pd.DataFrame) -> list[Sources]:
    """Return what each source says of each patient."""
    stay = days_of(patients, rule.stay, rule.unit)
    n = len(patients)
    times = [days_of(patients, w.column, w.unit) if w.column else np.full(n, np.nan) for w in rule.wards]
    entered = [np.fmax(meets(patients, w.first), meets(patients, w.later)) for w in rule.wards]
    moved = meets(patients, rule.transferred) == 1
    died = meets(patients, rule.died_in_hospital)
    still_in = meets(patients, rule.still_in_hospital) == 1
    found = []
    for i in range(n):
        known = [float(t[i]) for t in times if not np.isnan(t[i])]
        unknown_ward = any(e[i] == 1 and np.isnan(t[i]) for e, t in zip(entered, times, strict=True))
        found.append(
            Sources(
                stay=float(stay[i]),
                wards=sum(known) if known else float("nan"),
                whole=bool(known) and not moved[i] and not unknown_ward,
                entered=bool(known and sum(known) > 0) or any(e[i] == 1 for e in entered),
                died_in_hospital=float(died[i]),
                states=tuple((d, s) for d, s in zip(states.columns, states.iloc[i], strict=True) if s is not None),
                still_in=bool(still_in[i]),
                destined=rule.ends_told,
            )
        )
    return found


def _first_wards(
    patients: pd.DataFrame,
    rule: StayRule,
    states: pd.DataFrame,
    sources: list[Sources],
    decisions: list[Decision],
) -> list[str | None]:
    """Return the ward of first admission: by the wards' conditions, else by the first day seen in hospital."""
    direct = {w.name: meets(patients, w.first) == 1 for w in rule.wards if w.first}
    wards: list[str | None] = []
    for i, (s, d) in enumerate(zip(sources, decisions, strict=True)):
        named = [name for name in ("icu", "mcu", "ward") if name in direct and direct[name][i]]
        seen = [state for state in states.iloc[i] if state in IN_HOSPITAL]
        if named:
            wards.append(named[0])
        elif not s.entered and s.stay == 0 and s.end_told and d.event == DISCHARGED:
            wards.append("none")
        else:
            wards.append(seen[0] if seen else ("none" if s.states else None))
    return wards


def _oxygen(
    patients: pd.DataFrame, rule: StayRule, time: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[tuple[Any, ...]]]:
    """Return whether oxygen was given, for how many days, and what is wrong with that."""
    n = len(patients)
    if rule.oxygen is None:
        return np.full(n, np.nan), np.full(n, np.nan), []
    days = days_of(patients, rule.oxygen.column, rule.oxygen.unit)
    given = meets(patients, rule.oxygen.given) if rule.oxygen.given else (days > 0).astype(float)
    remarks: list[tuple[Any, ...]] = []
    for i, patient in enumerate(patients.index):
        if given[i] == 0 and days[i] > 0:
            rule_text, decision = "whether it was given decides", "0 days"
            remarks.append((patient, f"{days[i]:g} days of oxygen, but none given", rule_text, decision))
        elif given[i] == 1 and days[i] > time[i] + rule.tolerance:
            what = f"{days[i]:g} days of oxygen in a stay of {time[i]:.4g} days"
            remarks.append((patient, what, "oxygen does not outlast the stay", "days unknown"))
            days[i] = np.nan
        elif given[i] == 1 and np.isnan(days[i]):
            remarks.append((patient, "oxygen given, its days are not known", "no source", "days unknown"))
    return given, np.where(given == 0, 0.0, np.where(given == 1, days, np.nan)), remarks


def _values(patients: pd.DataFrame, i: int, rule: StayRule) -> str:
    """Return what the columns say of a patient, in one line."""
    row = patients.iloc[i]
    parts = [f"{rule.stay} {bare(row[rule.stay]) or 'missing'} {rule.unit}"]
    for ward in rule.wards:
        if ward.column and bare(row[ward.column]) is not None:
            parts.append(f"{ward.column} {bare(row[ward.column])} {ward.unit}")
    if rule.status:
        seen = [str(row[c]).strip() if bare(row[c]) is not None else "-" for c in rule.status]
        days = "/".join(f"{d:g}" for d in rule.status_days)
        parts.append(f"status on days {days}: {', '.join(seen)}")
    if rule.died_in_hospital:
        parts += [f"{c.column} {bare(row[c.column]) or 'missing'}" for c in rule.died_in_hospital]
    if rule.oxygen:
        parts.append(f"{rule.oxygen.column} {bare(row[rule.oxygen.column]) or 'missing'} {rule.oxygen.unit}")
    return "; ".join(parts)


def adjudicate(patients: pd.DataFrame, rule: Any) -> Endpoints:
    """Settle the endpoints of a patient table.

    Parameters
    ----------
    patients : DataFrame
        Index patient; the columns that the rule names, decoded or raw.
    rule : StayRule or mapping
        The ``[survival]`` section.

    Returns
    -------
    Endpoints

    Raises
    ------
    InputError
        Columns that do not exist, negative durations, dates in their place, a status that is not in the dictionary (with
        patient and column), a column of days that holds hours throughout.

    Examples
    --------
    >>> table = pd.DataFrame({"los": [3, 0], "d0": ["ward", "home"], "d7": ["home", "home"]}, index=["1", "2"])
    >>> rule = {"stay": "los", "status": ["d0", "d7"], "status_days": [0, 7], "states": {"ward": "ward", "home": "out"}}
    >>> adjudicate(table, rule).frame[["time", "event"]].values.tolist()
    [[3.0, 1.0], [0.0, 1.0]]
    """
    rule = stay_rule(rule)
    columns_exist(rule.columns(), patients.columns, "the patient table")
    patients = patients.set_axis(patients.index.astype(str).rename("patient"))
    if patients.index.has_duplicates:
        raise InputError(f"patient {patients.index[patients.index.duplicated()][0]!r} stands in the table twice")
    states = states_of(patients, rule)
    patients, rule = in_days(patients, rule)
    sources = _sources(patients, rule, states)
    _check_unit(sources, rule)
    decisions = [decide(s, tolerance=rule.tolerance, horizon=rule.horizon) for s in sources]
    time = np.array([d.time for d in decisions])
    oxygen, oxygen_days, of_oxygen = _oxygen(patients, rule, time)
    remarks = [(p, *r) for p, d in zip(patients.index, decisions, strict=True) for r in d.remarks] + of_oxygen
    place = {p: i for i, p in enumerate(patients.index)}
    remarks.sort(key=lambda r: place[r[0]])
    adjudication = pd.DataFrame(
        [(p, what, _values(patients, place[p], rule), by, decision) for p, what, by, decision in remarks],
        columns=["patient", "what", "values", "rule", "decision"],
    )
    icu, died = _icu_and_death(patients, rule, states, decisions, sources)
    frame = pd.DataFrame(
        {
            "time": time,
            "event": [np.nan if np.isnan(d.time) else float(d.event) for d in decisions],
            "ever_icu": icu,
            "icu_or_death": np.where(np.fmax(icu, died) == 1, 1.0, np.where(np.isnan(icu + died), np.nan, 0.0)),
            "died": died,
            "readmitted": [
                float(d.readmitted) if s.states else np.nan for d, s in zip(decisions, sources, strict=True)
            ],
            "oxygen": oxygen,
            "oxygen_days": oxygen_days,
            "first_ward": _first_wards(patients, rule, states, sources, decisions),
            "adjudicated": patients.index.isin([p for p, _, by, _ in remarks if not of_horizon(by)]),
            "uncut": [d.uncut for d in decisions],
        },
        index=patients.index,
    )
    return Endpoints(frame, adjudication, states, rule)


def _icu_and_death(
    patients: pd.DataFrame,
    rule: StayRule,
    states: pd.DataFrame,
    decisions: list[Decision],
    sources: list[Sources],
) -> tuple[np.ndarray, np.ndarray]:
    """Return ICU at any time and death at any time seen: 1, 0 or NaN."""
    known = states.notna().any(axis=1).to_numpy()
    icu = np.where((states == "icu").any(axis=1), 1.0, np.where(known, 0.0, np.nan))
    for ward in rule.wards:
        if ward.name == "icu":
            told = np.fmax(meets(patients, ward.first), meets(patients, ward.later))
            if ward.column:
                spent = days_of(patients, ward.column, ward.unit)
                told = np.fmax(told, np.where(spent > 0, 1.0, np.nan))
            icu = np.fmax(icu, told)
    died = np.array(
        [
            1.0 if d.event == 2 or d.died_later else 0.0 if s.end_told and not np.isnan(d.time) else np.nan
            for d, s in zip(decisions, sources, strict=True)
        ]
    )
    return icu, np.fmax(died, np.where((states == "dead").any(axis=1), 1.0, np.nan))


def endpoints(cohort: Any, rule: Any = None) -> Endpoints:
    """Settle the endpoints of a cohort by the ``[survival]`` section of its dictionary.

    Parameters
    ----------
    cohort : Cohort
    rule : StayRule or mapping, optional
        Instead of the dictionary's.

    Returns
    -------
    Endpoints

    Raises
    ------
    InputError
        The dictionary has no ``[survival]`` section, or one whose units are not those of its columns; what
        :func:`adjudicate` raises.
    """
    if rule is None:
        rule = getattr(cohort.dictionary, "survival", None)
    if not rule:
        raise InputError(
            f"the dictionary of {cohort.name} says nothing about stays",
            remedy="Add a section [survival] that names the column of the length of stay and the daily status",
        )
    columns = getattr(cohort.dictionary, "columns", {})
    return adjudicate(cohort.patients, stay_rule(rule, {name: column.unit for name, column in columns.items()}))
