"""Describes a cohort's stays in one call: curves, medians, days in hospital and the tests between groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from blues.check import columns_exist
from blues.cohort.display import Shown
from blues.evaluate.records import Test
from blues.survive.comparing import gray_test, logrank_test
from blues.survive.curves import Curves, RestrictedMean, aalen_johansen, kaplan_meier, restricted_mean

__all__ = ["Description", "describe"]


@dataclass(frozen=True, repr=False)
class Description(Shown):
    """How long stays are, and how they end.

    Attributes
    ----------
    staying : Curves
        Kaplan-Meier curves of still being in hospital; leaving in any way is the event.
    leaving : Curves
        Cumulative incidence of discharge alive (cause 1) and of death in hospital (cause 2).
    days : RestrictedMean
        Mean days in hospital up to tau, and differences between groups.
    tests : dict of str to Test
        With groups: ``logrank`` of leaving in any way, ``gray_1`` and ``gray_2`` of the two incidences where they occur.
    left_out : tuple of str
        Patients without a time or without a group.
    """

    staying: Curves
    leaving: Curves
    days: RestrictedMean
    tests: dict[str, Test]
    left_out: tuple[str, ...]


def describe(
    endpoints: Any, groups: pd.Series | None = None, *, tau: float | None = None, level: float = 0.95
) -> Description:
    """Describe stays, by group if wished.

    Parameters
    ----------
    endpoints : Endpoints or DataFrame
        Index patient, columns ``time`` and ``event`` (0 censored, 1 discharged alive, 2 died in hospital).
    groups : Series, optional
        Index patient; any variable of the cohort, or :func:`blues.survive.quantile_groups` of one. Patients without a
        group are left out and named.
    tau, level
        As in :func:`blues.survive.restricted_mean`.

    Returns
    -------
    Description

    Raises
    ------
    InputError
        No events, a single group, bad times or codes.

    Examples
    --------
    >>> table = pd.DataFrame({"time": [0, 2, 4, 5], "event": [1, 1, 2, 0]}, index=["1", "2", "3", "4"])
    >>> describe(table).leaving.at([5])["incidence"].tolist()
    [0.5, 0.25]
    """
    frame = endpoints if isinstance(endpoints, pd.DataFrame) else endpoints.frame
    columns_exist(["time", "event"], frame.columns, "endpoints")
    known = frame[["time", "event"]].notna().all(axis=1)
    label: Any = None
    if groups is not None:
        label = groups.set_axis(groups.index.astype(str)).reindex(frame.index.astype(str)).set_axis(frame.index)
        known &= label.notna()
        label = label[known].array
    left_out = tuple(map(str, frame.index[~known]))
    time, event = frame.loc[known, "time"].to_numpy(), frame.loc[known, "event"].to_numpy()
    left = (event > 0).astype(int)
    tests = {}
    if label is not None:
        tests["logrank"] = logrank_test(time, left, label)
        for cause in np.unique(event[event > 0]).astype(int):
            tests[f"gray_{cause}"] = gray_test(time, event, label, cause=int(cause))
    return Description(
        kaplan_meier(time, left, groups=label, level=level),
        aalen_johansen(time, event, groups=label, level=level),
        restricted_mean(time, left, groups=label, tau=tau, level=level),
        tests,
        left_out,
    )
