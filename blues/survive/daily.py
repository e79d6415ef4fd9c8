"""Discrete-time model of discharge on the daily status, which is seen on a few days only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from blues.check import InputError, one_of
from blues.cohort.display import Shown
from blues.survive.glm import binomial, coefficient_table
from blues.survive.inputs import numeric_frame
from blues.survive.regression import EVENTS_PER_PARAMETER, check_columns
from blues.survive.rule import IN_HOSPITAL

__all__ = ["DiscreteTime", "discrete_time", "person_intervals"]

STATES = (*IN_HOSPITAL, "out", "dead")


@dataclass(frozen=True, repr=False)
class DiscreteTime(Shown):
    """A fitted discrete-time model.

    Attributes
    ----------
    table : DataFrame
        Index ``covariate``; ``coef``, ``se``, ``hazard_ratio`` (link cloglog) or ``odds_ratio`` (logit), ``low``,
        ``high``, ``z``, ``p_value``.
    intervals : DataFrame
        ``start``, ``stop``, ``at_risk``, ``events``, ``died``, ``group``: intervals of one group share a baseline.
    log_likelihood : float
    patients, rows, events : int
    events_per_parameter : float
        Parameters: covariates and baselines.
    link : str
    converged : bool
    notes : tuple of str
    """

    table: pd.DataFrame
    intervals: pd.DataFrame
    log_likelihood: float
    patients: int
    rows: int
    events: int
    events_per_parameter: float
    link: str
    converged: bool
    notes: tuple[str, ...]


def person_intervals(status: pd.DataFrame, *, presentation: bool = True) -> pd.DataFrame:
    """Cut each patient's first stay into the intervals between days of known status.

    Parameters
    ----------
    status : DataFrame, shape (patients, days)
        Index patient, columns ascending days, values ``icu``, ``mcu``, ``ward``, ``out``, ``dead`` or missing, as
        ``Endpoints.status``.
    presentation : bool
        Begin with the interval from presentation to the first day: who is not admitted leaves in it.

    Returns
    -------
    DataFrame
        ``patient``, ``start`` (-inf for presentation), ``stop``, ``event`` (1 left alive), ``died`` (1 died). A patient
        leaves with the first day out or dead after being in hospital; where a day is not known the patient is censored
        before it. 'Out' on the first day and in hospital on the next counts as not yet admitted; out for longer, as left.

    Raises
    ------
    InputError
        Days that do not ascend; states that are none.

    Examples
    --------
    >>> status = pd.DataFrame({0.0: ["ward"], 1.0: ["ward"], 3.0: ["out"]}, index=["1"])
    >>> person_intervals(status)[["start", "stop", "event"]].values.tolist()
    [[-inf, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 3.0, 1.0]]
    """
    days = [float(d) for d in status.columns]
    if days != sorted(set(days)):
        raise InputError("the days of the status must ascend, each once", value=days)
    rows = []
    for patient, line in zip(status.index, status.to_numpy(dtype=object), strict=True):
        states = [None if pd.isna(s) else str(s) for s in line]
        for s in states:
            if s is not None and s not in STATES:
                raise InputError(f"the status of patient {patient} is {s!r}", allowed=STATES)
        rows += [(str(patient), *row) for row in _of_patient(days, states, presentation)]
    return pd.DataFrame(rows, columns=["patient", "start", "stop", "event", "died"])


def _of_patient(days: list[float], states: list[str | None], presentation: bool) -> list[tuple[float, float, int, int]]:
    # 'out' on the first day and in hospital on the second: admitted in between
    first = states[0]
    if first == "out" and len(states) > 1 and states[1] in IN_HOSPITAL:
        first = states[1]
    rows = []
    if presentation and first is not None:
        rows.append((-np.inf, days[0], int(first == "out"), int(first == "dead")))
    if first not in IN_HOSPITAL:
        return rows
    for j in range(1, len(days)):
        now = states[j]
        if now is None:
            break
        rows.append((days[j - 1], days[j], int(now == "out"), int(now == "dead")))
        if now not in IN_HOSPITAL:
            break
    return rows


def _grouped(rows: pd.DataFrame) -> pd.DataFrame:
    """Count each interval; join one with no event, or nothing but events, to its neighbour."""
    table = rows.groupby(["start", "stop"], as_index=False).agg(
        at_risk=("event", "size"), events=("event", "sum"), died=("died", "sum")
    )
    groups = [[i] for i in range(len(table))]

    def flat(members: list[int]) -> bool:
        part = table.loc[members]
        return bool(part["events"].sum() in (0, part["at_risk"].sum()))

    i = 0
    while i < len(groups) and len(groups) > 1:
        if flat(groups[i]):
            other = i - 1 if i > 0 else i + 1
            low, high = sorted((i, other))
            groups[low] += groups.pop(high)
            i = low
        else:
            i += 1
    number = {member: g for g, members in enumerate(groups) for member in members}
    return table.assign(group=[number[i] for i in range(len(table))])


def discrete_time(
    status: pd.DataFrame,
    covariates: pd.DataFrame,
    *,
    link: str = "cloglog",
    presentation: bool = True,
    level: float = 0.95,
) -> DiscreteTime:
    """Discrete-time hazard of leaving hospital alive, on the days on which the status was seen.

    A binomial regression of the intervals each patient went through, each interval with a baseline of its own. With the
    complementary log-log link the coefficients are those of the proportional hazards model behind the grouped times
    (Prentice & Gloeckler, Biometrics 1978;34:57); with the logit they are log odds ratios (Cox 1972). Given the
    covariates the intervals of one patient are independent terms of the likelihood, so that its standard errors hold
    (Allison, Sociol Methodol 1982;13:61). Death ends a patient's time at risk.

    Parameters
    ----------
    status : DataFrame, shape (patients, days)
        As :func:`person_intervals` takes it.
    covariates : DataFrame, shape (patients, p)
        Index patient; numbers, none missing.
    link : {"cloglog", "logit"}
    presentation : bool
        Take in those never admitted, as leaving between presentation and the first day.
    level : float

    Returns
    -------
    DiscreteTime

    Raises
    ------
    InputError
        Patients without covariates, no patient who left, constant or dependent covariates.
    """
    one_of(link, ("cloglog", "logit"), "link")
    rows = person_intervals(status, presentation=presentation)
    table = numeric_frame(covariates, len(covariates))
    table.index = table.index.astype(str)
    missing = sorted(set(rows["patient"]) - set(table.index))
    if missing:
        raise InputError(f"covariates has no row for patient {missing[0]!r} ({len(missing)} are missing)")
    if rows.empty or rows["event"].sum() == 0:
        raise InputError("nobody left hospital alive in the status given, so there is nothing to model")
    check_columns(table.loc[list(dict.fromkeys(rows["patient"]))])
    intervals = _grouped(rows)
    keyed = rows.merge(intervals[["start", "stop", "group"]], on=["start", "stop"], how="left")
    dummies = (keyed["group"].to_numpy()[:, None] == np.arange(intervals["group"].max() + 1)).astype(float)
    x = np.column_stack([table.loc[keyed["patient"]].to_numpy() - table.to_numpy().mean(axis=0), dummies])
    names = [*table.columns, *(f"interval {g}" for g in range(dummies.shape[1]))]
    fit = binomial(keyed["event"].to_numpy(dtype=float), x, link, names)
    events = int(rows["event"].sum())
    notes = list(fit.notes)
    absent = len(set(map(str, status.index)) - set(rows["patient"]))
    if absent:
        notes.append(f"{absent} patients were at risk in no interval")
    if len(set(intervals["group"])) < len(intervals):
        notes.append("intervals without events, or with nothing else, share the baseline of a neighbour")
    if events / len(names) < EVENTS_PER_PARAMETER:
        notes.append(f"{events} events for {len(names)} parameters: {events / len(names):.1f} each")
    p = table.shape[1]
    effect = "hazard_ratio" if link == "cloglog" else "odds_ratio"
    return DiscreteTime(
        coefficient_table(table.columns, fit.coef[:p], fit.se[:p], effect, level),
        intervals,
        fit.log_likelihood,
        int(rows["patient"].nunique()),
        len(rows),
        events,
        events / len(names),
        link,
        fit.converged,
        tuple(notes),
    )
