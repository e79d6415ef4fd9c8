"""Checks times, events and groups before anything is computed, and counts who is at risk when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from blues.check import InputError, counted, finite, same_length

__all__ = [
    "Observed",
    "RiskTable",
    "group_labels",
    "observed",
    "numeric_frame",
    "positive_time",
    "risk_table",
    "same_rows",
    "some_events",
    "some_times",
]


@dataclass(frozen=True)
class Observed:
    """Times that passed the checks.

    Attributes
    ----------
    time : ndarray of float, shape (n,)
        Time of the event or of censoring, in the caller's unit; zero is a time like any other.
    event : ndarray of int, shape (n,)
        0 censored, 1 the event (or the first cause), 2, 3 ... further causes.
    entry : ndarray of float, shape (n,)
        Time since which the subject was watched; minus infinity for those watched from the start.
    """

    time: np.ndarray
    event: np.ndarray
    entry: np.ndarray

    def subset(self, rows: np.ndarray) -> Observed:
        """Return the subjects in ``rows``."""
        return Observed(self.time[rows], self.event[rows], self.entry[rows])

    @property
    def causes(self) -> np.ndarray:
        """The causes that occur, ascending, shape (k,)."""
        return np.unique(self.event[self.event > 0])


def _numbers(values: Any, error: InputError) -> np.ndarray:
    """Return numbers as floats (n,), or raise: dates and durations are no numbers, though they turn into nanoseconds."""
    if np.asarray(values).dtype.kind in "mM":
        raise error
    try:
        return np.asarray(values, dtype=float).ravel()
    except (TypeError, ValueError):
        raise error from None


def _times(values: Any, name: str) -> np.ndarray:
    array = _numbers(
        values, InputError(f"{name} must be numbers", remedy="Give times as numbers in one unit, such as days")
    )
    if not len(array):
        raise InputError(f"{name} is empty")
    bad = np.flatnonzero(~np.isfinite(array))
    if len(bad):
        raise InputError(
            f"{name} is missing or infinite for {len(bad)} of {counted(len(array), 'subject')}, the first at position {bad[0]}",
            remedy="Leave those subjects out by name, or censor them at the last time they were seen",
        )
    bad = np.flatnonzero(array < 0)
    if len(bad):
        raise InputError(
            f"{name} is negative for {len(bad)} of {counted(len(array), 'subject')}, the first at position {bad[0]}",
            value=float(array[bad[0]]),
            allowed="zero or more",
            remedy="A code such as -99 for a missing time belongs in the dictionary",
        )
    return array


def _events(values: Any, cause: int | None, several: bool) -> np.ndarray:
    array = _numbers(values, InputError("event must be numbers or booleans: 0 censored, 1 the event"))
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= 0) & (array == np.floor(array))))
    if len(bad):
        raise InputError(
            f"event holds {len(bad)} entries that are no status code, the first at position {bad[0]}",
            value=float(array[bad[0]]),
            allowed="0 censored, 1 the event, 2, 3 ... competing events",
        )
    codes = array.astype(np.int64)
    if not several and cause is None and codes.max(initial=0) > 1:
        found = ", ".join(map(str, np.unique(codes)))
        raise InputError(
            f"event holds the codes {found}, and this function knows one kind of event",
            allowed="0 censored, 1 the event",
            remedy="Give cause= for one of several competing events, or pass (event != 0) or (event == code)",
        )
    return codes


def same_rows(**values: Any) -> None:
    """Raise unless all pandas objects among the arguments carry the same index in the same order."""
    indexed = {k: v.index for k, v in values.items() if isinstance(v, pd.Series | pd.DataFrame)}
    names = list(indexed)
    for name in names[1:]:
        if not indexed[names[0]].equals(indexed[name]):
            raise InputError(
                f"{names[0]} and {name} are tables with different row labels, so their rows do not belong together",
                remedy=f"Use {name}.loc[{names[0]}.index], or pass plain arrays",
            )


def observed(
    time: Any, event: Any, *, entry: Any = None, cause: int | None = None, several: bool = False, **beside: Any
) -> Observed:
    """Check times and events; return them as arrays.

    Parameters
    ----------
    time, event : array-like, shape (n,)
        Time to event or censoring; 0 censored, 1 the event, further codes only with ``cause`` or ``several``.
    entry : array-like, shape (n,), optional
        Delayed entry. A subject is at risk in (entry, time]; entry 0 means watched from the start, so that an event
        at time 0 counts.
    cause : int, optional
        The code of interest when there are several; it must occur.
    several : bool
        Allow several codes.
    **beside
        Further per-subject arrays: checked for equal length and equal row labels.

    Raises
    ------
    InputError
        Missing, infinite or negative times, entry after the event, codes that are no status, unequal lengths.
    """
    same_rows(time=time, event=event, entry=entry, **beside)
    times = _times(time, "time")
    codes = _events(event, cause, several)
    same_length(time=times, event=codes, **{k: v for k, v in beside.items() if v is not None})
    if cause is not None and (cause == 0 or not (codes == cause).any()):
        raise InputError(
            "cause is 0, the code of the censored" if cause == 0 else f"no subject has event code {cause}",
            allowed=", ".join(map(str, np.unique(codes[codes > 0]))) or "none",
        )
    if entry is None:
        return Observed(times, codes, np.full(len(times), -np.inf))
    entries = _times(entry, "entry")
    same_length(time=times, entry=entries)
    bad = np.flatnonzero((entries > times) | ((entries == times) & (entries > 0)))
    if len(bad):
        raise InputError(
            f"the event comes before entry, or at it, for {counted(len(bad), 'subject')}, the first at position {bad[0]}",
            value=f"entry {entries[bad[0]]:g}, time {times[bad[0]]:g}",
            allowed="entry earlier than time",
        )
    return Observed(times, codes, np.where(entries > 0, entries, -np.inf))


def positive_time(value: Any, name: str) -> float:
    """Return a horizon as a float, or raise unless it is a positive, finite number."""
    try:
        horizon = float(value)
    except (TypeError, ValueError):
        horizon = np.nan
    if not (np.isfinite(horizon) and horizon > 0):
        raise InputError(f"{name} must be a positive time", value=value)
    return horizon


def some_times(times: Any) -> np.ndarray:
    """Return the times asked for (q,), or raise when there is none or one is missing."""
    wanted = finite(times, "times").ravel()
    if not len(wanted):
        raise InputError("times is empty", remedy="Name at least one time")
    return wanted


def some_events(events: np.ndarray, what: str) -> int:
    """Return the number of events, or raise when there is none: ``what`` then has nothing to say."""
    count = int(np.count_nonzero(events))
    if count == 0:
        raise InputError(
            f"{what} needs events, and of {counted(len(events), 'subject')} none has one",
            remedy="Check the coding of event: 0 censored, 1 the event",
        )
    return count


def group_labels(groups: Any, n: int, *, at_least: int = 1) -> tuple[np.ndarray, list[Any]]:
    """Return integer codes (n,) and the labels in their order (of the categories, else sorted).

    Raises
    ------
    InputError
        Missing labels, or fewer than ``at_least`` groups.
    """
    if groups is None and at_least < 2:
        return np.zeros(n, dtype=int), ["all"]
    if groups is None:
        raise InputError("groups is not given", allowed=f"a label for each of the {n} subjects")
    if isinstance(groups, pd.Series | pd.CategoricalIndex):
        groups = groups.array
    elif not isinstance(groups, list | tuple | pd.Categorical):
        groups = np.asarray(groups)
    series = pd.Series(groups)
    if len(series) != n:
        raise InputError(f"groups has {len(series)} entries and time has {n}")
    if series.isna().any():
        place = int(np.flatnonzero(series.isna())[0])
        raise InputError(
            f"groups is missing for {int(series.isna().sum())} subjects, the first at position {place}",
            remedy="Leave them out, or give them a group of their own",
        )
    if isinstance(series.dtype, pd.CategoricalDtype):
        labels: Sequence[Any] = [c for c in series.cat.categories if (series == c).any()]
    else:
        labels = sorted(series.unique(), key=lambda v: (isinstance(v, str), v))
    if len(labels) < at_least:
        raise InputError(f"groups holds {len(labels)} group only ({labels[0]!r})", allowed=f"at least {at_least}")
    place_of = {label: i for i, label in enumerate(labels)}
    return series.map(place_of).to_numpy(dtype=int), [getattr(v, "item", lambda v=v: v)() for v in labels]


def _all_numbers(table: pd.DataFrame, missing: bool) -> pd.DataFrame | None:
    """Return a table that holds nothing but numbers as floats, fast; None where a column needs a closer look."""
    names = list(map(str, table.columns))
    plain = all(isinstance(kind, np.dtype) and kind.kind in "biuf" for kind in table.dtypes)
    if not plain or len(set(names)) < len(names):
        return None
    values = table.to_numpy(dtype=float)
    if (np.isinf(values) if missing else ~np.isfinite(values)).any():
        return None
    return pd.DataFrame(values, index=table.index, columns=names)


def numeric_frame(covariates: Any, n: int, name: str = "covariates", *, missing: bool = False) -> pd.DataFrame:
    """Return covariates as a float frame (n, p) with string column names, or raise naming the column at fault."""
    if isinstance(covariates, pd.Series):
        covariates = covariates.to_frame(covariates.name if covariates.name is not None else "x")
    if not isinstance(covariates, pd.DataFrame):
        array = np.asarray(covariates)
        array = array[:, None] if array.ndim == 1 else array
        covariates = pd.DataFrame(array, columns=[f"x{i + 1}" for i in range(array.shape[1])])
    if len(covariates) != n:
        raise InputError(f"{name} has {len(covariates)} rows and time has {n}")
    if covariates.shape[1] == 0:
        raise InputError(f"{name} has no column")
    if (whole := _all_numbers(covariates, missing)) is not None:
        return whole
    columns = {}
    for column in covariates.columns:
        try:
            values = covariates[column].to_numpy(dtype=float, na_value=np.nan)
        except (TypeError, ValueError):
            raise InputError(
                f"{name} must be numbers", column=str(column), remedy="Code categories as indicator columns first"
            ) from None
        bad = np.isinf(values) if missing else ~np.isfinite(values)
        if bad.any():
            raise InputError(
                f"{int(bad.sum())} values are missing or infinite, the first at position {int(np.flatnonzero(bad)[0])}",
                column=str(column),
                remedy="Impute inside the fold, or leave those subjects out",
            )
        columns[str(column)] = values
    if len(columns) < covariates.shape[1]:
        raise InputError(f"{name} holds a column name twice")
    return pd.DataFrame(np.column_stack(list(columns.values())), index=covariates.index, columns=list(columns))


@dataclass(frozen=True)
class RiskTable:
    """Who is at risk at each distinct time.

    Attributes
    ----------
    time : ndarray of float, shape (m,)
        Distinct times, ascending.
    at_risk : ndarray of float, shape (m,)
        Subjects with entry < t <= time.
    events : ndarray of float, shape (m, k)
        Events of each cause, in the order of ``causes``.
    censored : ndarray of float, shape (m,)
    causes : ndarray of int, shape (k,)
    place : ndarray of int, shape (n,)
        Row of each subject's own time.
    """

    time: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    censored: np.ndarray
    causes: np.ndarray
    place: np.ndarray

    @property
    def hazard(self) -> np.ndarray:
        """Events of each cause among those at risk, shape (m, k); 0 where nobody is."""
        at_risk = self.at_risk[:, None]
        return np.divide(self.events, at_risk, out=np.zeros(self.events.shape), where=at_risk > 0)


def risk_table(data: Observed, causes: np.ndarray | None = None) -> RiskTable:
    """Count subjects at risk, events by cause and censorings at each distinct time."""
    causes = data.causes if causes is None else causes
    grid, place = np.unique(data.time, return_inverse=True)
    m = len(grid)
    leaving = np.bincount(place, minlength=m)
    entered = np.searchsorted(np.sort(data.entry), grid, side="left")  # entry < t
    at_risk = entered - np.concatenate([[0], np.cumsum(leaving)[:-1]])
    by_cause = np.column_stack(
        [np.bincount(place[data.event == c], minlength=m) for c in causes] or [np.zeros(m, dtype=int)]
    )
    censored = np.bincount(place[data.event == 0], minlength=m)
    return RiskTable(grid, at_risk.astype(float), by_cause.astype(float), censored.astype(float), causes, place)
