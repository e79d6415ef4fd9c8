"""Regressions of the stay that a report shows: Cox, cause-specific, discrete-time, two-part, and what was refused and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from blues.check import InputError, counted
from blues.cohort import Cohort
from blues.survive.daily import discrete_time
from blues.survive.regression import EVENTS_PER_PARAMETER, CoxFit, cause_specific_cox, cox, proportional_hazards_test
from blues.survive.rule import IN_HOSPITAL
from blues.survive.stays import EVENTS, Endpoints, endpoints
from blues.survive.subdistribution import fine_gray
from blues.survive.two_part import hurdle
from blues.survive.variables import covariates, model_variables

__all__ = ["model_section"]

TITLES = {
    "cox": "Cox models of leaving hospital (a hazard ratio above 1: leaves sooner)",
    "zph": "Test of proportional hazards (exact score test, time as the Kaplan-Meier curve)",
    "discrete": "Discrete-time model of discharge alive, on the daily status",
    "hurdle": "Two-part model: stay above zero days at all, and its length if so",
    "fine_gray": "Competing-risk regression (subdistribution hazard of discharge alive)",
    "sizes": "Events each model rests on, and what it could not say",
}
OUTCOMES = {0: "leaving in any way", 1: EVENTS[1], 2: EVENTS[2]}
"""What the Cox models are of: 0 any event, else the cause."""
LEAST_EVENTS = 5
"""Fewer events than this a column of one variable, or in all where variables stand together, and no ratio is given."""


@dataclass
class _Found:
    """Rows of the tables, while the models are fitted one after another."""

    cox: list[dict[str, Any]] = field(default_factory=list)
    zph: list[dict[str, Any]] = field(default_factory=list)
    sizes: list[dict[str, Any]] = field(default_factory=list)

    def size(self, model: str, patients: int, events: float, parameters: int, remark: str) -> None:
        """Note what a model rests on; its events are NaN where it has no one number of them."""
        each = events / parameters if parameters else np.nan
        row = {"model": model, "patients": patients, "events": events, "parameters": parameters}
        self.sizes.append({**row, "events_per_parameter": each, "remark": remark})


def model_section(
    cohort: Cohort, variables: Sequence[str] | None = None, *, ends: Endpoints | None = None, level: float = 0.95
) -> dict[str, Any]:
    """Fit the regressions of a cohort's stays, each with the events it rests on.

    Every variable alone, and all together on the patients who have them all: Cox regression (ties by Efron) of leaving
    hospital in any way and of the cause-specific hazards, each with the exact score test of proportional hazards per
    variable and for all together; the discrete-time model on the daily status; the two-part model of stays of which
    some are zero; competing-risk regression, which refuses too few events and says why.

    Parameters
    ----------
    cohort : Cohort
        Its dictionary has a ``[survival]`` section.
    variables : sequence of str, optional
        Targets by patient, or columns; by default ``variables`` of the section, else what stays are described by.
    ends : Endpoints, optional
        From :func:`blues.survive.endpoints`; made here by default.
    level : float

    Returns
    -------
    dict of str to DataFrame or str
        Title -> table or sentence, in the order of a report.

    Raises
    ------
    InputError
        No ``[survival]`` section, an unknown variable, free text.
    """
    ends = endpoints(cohort) if ends is None else ends
    names = model_variables(cohort) if variables is None else list(variables)
    if not names:
        return {}
    table, parts = covariates(cohort, names)
    frame = ends.frame.dropna(subset=["time", "event"])
    table = table.reindex(frame.index.astype(str)).set_axis(frame.index)
    varying = [c for c in table if table[c].nunique() > 1]
    whole = table[varying].dropna()
    origin = "asked for"
    if variables is None:
        origin = "named in the dictionary" if ends.rule.variables else "those that stays are described by"
    shown: dict[str, Any] = {"Models": _told(table, whole, len(ends.frame), origin)}
    if not varying:
        return shown
    found = _Found()
    for outcome in OUTCOMES:
        _cox_models(found, frame, table, parts, whole, outcome, level)
    tables: dict[str, Any] = {"cox": pd.DataFrame(found.cox), "zph": without_blank(pd.DataFrame(found.zph), "remark")}
    tables["discrete"] = _discrete(found, ends, whole, level)
    tables["hurdle"] = _hurdle(found, frame, whole, level)
    tables["fine_gray"] = _fine_gray(found, frame, whole, level)
    tables["sizes"] = pd.DataFrame(found.sizes)
    return shown | {TITLES[key]: made for key, made in tables.items() if len(made)}


def without_blank(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a table without a column of remarks where there is none to make."""
    return table if column not in table or (table[column] != "").any() else table.drop(columns=column)


def _told(table: pd.DataFrame, whole: pd.DataFrame, patients: int, origin: str) -> str:
    constant = [str(c) for c in table if c not in whole]
    text = (
        f"Regressions of the stay on {counted(len(whole.columns), 'covariate')} ({origin}); {len(whole)} of {patients} "
        "patients have a stay and all of them. Each variable was modelled alone, on the patients who have it, and all "
        "together; ties by Efron. Nothing was selected by its result, and no p value is adjusted for the number of models."
    )
    return text + (f" Left out, for they do not vary: {', '.join(constant)}." if constant else "")


def _tried(fit: Callable[[], Any]) -> tuple[Any, str]:
    """Return a fit, or why there is none."""
    try:
        return fit(), ""
    except InputError as error:
        return None, " ".join(str(error).split())


def _cox_models(
    found: _Found,
    frame: pd.DataFrame,
    table: pd.DataFrame,
    parts: dict[str, list[str]],
    whole: pd.DataFrame,
    outcome: int,
    level: float,
) -> None:
    """Fit one outcome's Cox models: every variable alone, and all together."""
    happened = (frame["event"] > 0) if outcome == 0 else (frame["event"] == outcome)
    name = OUTCOMES[outcome]
    model, events = f"{'Cox' if outcome == 0 else 'cause-specific Cox'}, {name}", int(happened.sum())
    if not events:
        found.size(model, len(frame), 0, 0, "not fitted: nobody")
        return
    if outcome == 1 and happened.equals(frame["event"] > 0):
        found.size(
            model, len(frame), events, 0, "nobody had a competing event: the same as leaving in any way, see there"
        )
        return
    least = LEAST_EVENTS * min(len(columns) for columns in parts.values() if columns)
    if events < least:
        found.size(model, len(frame), events, 1, _too_few(events, least))
        return
    groups = [("alone", table[[c for c in columns if c in whole]].dropna()) for columns in parts.values()]
    if len(groups) > 1:
        groups.append(("together", whole))
    for kind, covariate in groups:
        if not covariate.shape[1]:
            continue
        rows = frame.loc[covariate.index]
        count, least = (
            int(happened.loc[covariate.index].sum()),
            LEAST_EVENTS * (1 if kind == "together" else covariate.shape[1]),
        )
        if count < least:
            found.size(
                f"{model}: {_of(kind, covariate)}", len(covariate), count, covariate.shape[1], _too_few(count, least)
            )
            continue
        fit, why = _tried(partial(_cox, rows, covariate, outcome, level))
        label = f"{model}: {_of(kind, covariate)}"
        if fit is None:
            found.size(label, len(covariate), count, covariate.shape[1], f"not fitted: {why}")
            continue
        if kind == "together" or _short(fit.notes, fit.events_per_parameter):
            found.size(
                label, fit.n, fit.events, covariate.shape[1], "; ".join(_short(fit.notes, fit.events_per_parameter))
            )
        _cox_rows(found, fit, name, kind)


def _of(kind: str, covariate: pd.DataFrame) -> str:
    return "all variables" if kind == "together" else str(covariate.columns[0]).rpartition(": ")[0]


def _too_few(events: int, least: int) -> str:
    return (
        f"not fitted: {events} events, and a hazard ratio of one variable takes at least {least}; the cumulative incidence "
        "tells what there is"
    )


def _cox(rows: pd.DataFrame, x: pd.DataFrame, outcome: int, level: float) -> CoxFit:
    if outcome == 0:
        return cox(rows["time"], rows["event"] > 0, x, level=level)
    return cause_specific_cox(rows["time"], rows["event"], x, cause=outcome, level=level)


def _short(notes: Sequence[str], each: float) -> list[str]:
    """Return a fit's notes; the counts of events, which stand in columns of their own, in few words."""
    few = [f"fewer than {EVENTS_PER_PARAMETER} events per parameter"] if each < EVENTS_PER_PARAMETER else []
    told = ("events per parameter", "counted as censored", " each")
    return few + [note for note in notes if not any(words in note for words in told)]


def _cox_rows(found: _Found, fit: CoxFit, outcome: str, kind: str) -> None:
    tested = proportional_hazards_test(fit) if fit.converged else None
    for covariate, row in fit.table.iterrows():
        place = {"outcome": outcome, "variable": str(covariate), "model": kind}
        values = {c: float(row[c]) for c in ("hazard_ratio", "low", "high", "p_value")}
        found.cox.append({**place, **values, "patients": fit.n, "events": fit.events})
    if tested is None:
        return
    for covariate, row in tested.iterrows():
        if kind == "alone" and covariate == "GLOBAL" and len(tested) == 2:
            continue  # with one covariate the two are the same test
        of = "all together" if covariate == "GLOBAL" else str(covariate)
        found.zph.append(
            {
                "outcome": outcome,
                "variable": of,
                "model": kind,
                "statistic": row["statistic"],
                "df": int(row["df"]),
                "p_value": row["p_value"],
                "remark": row.get("reason", ""),
            }
        )


def _effects(table: pd.DataFrame, effect: str, **first: str) -> pd.DataFrame:
    """Return a coefficient table as a reader wants it: one effect with its limits and p."""
    made = table.reset_index()[["covariate", effect, "low", "high", "p_value"]].rename(
        columns={"covariate": "variable"}
    )
    for position, (name, value) in enumerate(first.items()):
        made.insert(position, name, value)
    return made


def _discrete(found: _Found, ends: Endpoints, whole: pd.DataFrame, level: float) -> pd.DataFrame:
    model = "discrete-time, discharged alive (covariates and baselines)"
    if not ends.status.shape[1]:
        found.size(model, 0, np.nan, whole.shape[1], "not fitted: the dictionary names no daily status")
        return pd.DataFrame()
    status = _as_decided(ends).loc[whole.index]
    fit, why = _tried(lambda: discrete_time(status, whole, level=level))
    if fit is None:
        found.size(model, len(whole), np.nan, whole.shape[1], f"not fitted: {why}")
        return pd.DataFrame()
    parameters = round(fit.events / fit.events_per_parameter)
    found.size(model, fit.patients, fit.events, parameters, "; ".join(_short(fit.notes, fit.events_per_parameter)))
    return _effects(fit.table, "hazard_ratio")


def _as_decided(ends: Endpoints) -> pd.DataFrame:
    """Return the daily status without those whose stay began after several days 'out'.

    By the endpoints they were not yet admitted; the intervals would count them as having left.
    """
    status = ends.status.copy()
    for patient in ends.frame.index[ends.frame["time"] > 0]:
        states = list(status.loc[patient])
        begins = next((j for j, state in enumerate(states) if state in IN_HOSPITAL), 0)
        if begins > 1 and {"out"} == {state for state in states[:begins] if state is not None}:
            status.loc[patient] = None
    return status


def _hurdle(found: _Found, frame: pd.DataFrame, whole: pd.DataFrame, level: float) -> pd.DataFrame:
    rows = frame.loc[whole.index]
    fit, why = _tried(lambda: hurdle(rows["time"], rows["event"] > 0, whole, level=level))
    if fit is None:
        found.size("two-part", len(whole), np.nan, whole.shape[1], f"not fitted: {why}")
        return pd.DataFrame()
    p = whole.shape[1]
    for part, model, n, events in (
        ("admission", "two-part: stay above zero days (the rarer class)", fit.n, min(fit.zeros, fit.n - fit.zeros)),
        ("length of stay", "two-part: length if above zero", fit.n - fit.zeros, fit.ended),
    ):
        said = [note.partition(": ")[2] for note in fit.notes if note.startswith(part)]
        few = (
            []
            if events >= LEAST_EVENTS
            else [f"not given: {events} of them, and a ratio takes at least {LEAST_EVENTS}"]
        )
        found.size(model, n, events, p, "; ".join(few or _short(said, events / p)))
    admitted = _effects(fit.admitted, "odds_ratio").rename(columns={"odds_ratio": "ratio"})
    length = _effects(fit.length, "time_ratio").rename(columns={"time_ratio": "ratio"})
    for part_, events in ((admitted, min(fit.zeros, fit.n - fit.zeros)), (length, fit.ended)):
        if events < LEAST_EVENTS:
            part_[["ratio", "low", "high", "p_value"]] = np.nan
    admitted.insert(0, "part", "odds ratio of a stay above zero days")
    length.insert(0, "part", f"by what factor stays above zero are longer ({fit.family})")
    return pd.concat([admitted, length], ignore_index=True)


def _fine_gray(found: _Found, frame: pd.DataFrame, whole: pd.DataFrame, level: float) -> pd.DataFrame | str:
    rows = frame.loc[whole.index]
    if not (rows["event"] == 1).any() or not (rows["event"] > 1).any():
        return ""
    fit, why = _tried(lambda: fine_gray(rows["time"], rows["event"], whole, level=level))
    if fit is None:
        return f"{why[0].upper()}{why[1:]}"
    label = "competing-risk regression, discharged alive"
    found.size(label, fit.n, fit.events, whole.shape[1], "; ".join(fit.notes))
    return _effects(fit.table, "subdistribution_hazard_ratio")
