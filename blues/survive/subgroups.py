"""What one arm adds to another in subgroups of patients, for times to an event."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from blues.check import FEW_PATIENTS, InputError, columns_exist
from blues.evaluate.subgroups import COLUMNS, UNKNOWN, heterogeneity_p, members
from blues.survive.concordance import uno_values
from blues.survive.inputs import Observed, observed
from blues.survive.weighting import difference, jackknife_estimate, leave_out

__all__ = ["subgroup_table"]

_COLUMNS = ["patient", "repeat", "time", "event", "risk"]


def subgroup_table(
    predictions_a: pd.DataFrame,
    predictions_b: pd.DataFrame,
    groups: pd.Series,
    *,
    tau: float | None = None,
    least: int = FEW_PATIENTS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare Uno's C of two arms within each group of patients, and the groups' differences with each other.

    Models are not fitted anew: each group is scored by itself, its own censoring distribution included, on the risks that
    its patients got when all took part.

    Parameters
    ----------
    predictions_a, predictions_b : DataFrame
        One arm each of :class:`blues.survive.OutOfFold`'s predictions: ``patient, repeat, time, event, risk``.
        Differences are a minus b; patients that one of them lacks are left out.
    groups : Series
        Patient -> group; patients without a group are counted in a last row and not scored. The order of the table is that
        of the categories, or of the sorted labels.
    tau : float, optional
        Horizon of Uno's C; by default none.
    least : int
        Groups in which fewer patients than this have the event (code 1) get no numbers.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    DataFrame, one row a group
        The columns of :func:`blues.evaluate.subgroup_table`; ``events`` counts code 1. Intervals are delete-one-patient
        jackknives within the group, paired for the difference, of the mean over repeats.

    Raises
    ------
    InputError
        Columns that are missing, arms without a patient in common or with other times, a patient twice in one repeat; as
        :func:`blues.evaluate.subgroup_table` for the groups.
    """
    ends, risks = _paired(predictions_a, predictions_b)
    groups_of, unknown = members(groups, ends.index)
    horizon = math.inf if tau is None else float(tau)
    lines = [
        {"group": group} | _within(ends.iloc[rows], [risk[:, rows] for risk in risks], horizon, least, level)
        for group, rows in groups_of.items()
    ]
    if unknown.any():
        lines.append({"group": UNKNOWN} | _blank(ends[unknown], "in no group"))
    table = pd.DataFrame(lines)
    return table.assign(p_interaction=heterogeneity_p(table["difference"], table["se"]))[[*COLUMNS]]


def _paired(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Return time and event of the patients of both arms, and each arm's risks, (repeats, patients)."""
    wide, ends = [], []
    for table, name in ((a, "predictions_a"), (b, "predictions_b")):
        columns_exist(_COLUMNS, table.columns, name)
        table = table.assign(patient=table["patient"].astype(str))
        if table.duplicated(["patient", "repeat"]).any():
            raise InputError(f"{name} hold a patient twice in one repeat", remedy="Give one arm")
        wide.append(table.pivot(index="patient", columns="repeat", values="risk").dropna())
        ends.append(table.drop_duplicates("patient").set_index("patient")[["time", "event"]])
    both = wide[0].index.intersection(wide[1].index)
    if not len(both):
        raise InputError("the two arms have no patient in common")
    if not ends[0].loc[both].astype(float).equals(ends[1].loc[both].astype(float)):
        raise InputError("the two arms tell different times or events of a patient", remedy="Give arms of one run")
    return ends[0].loc[both], [risk.loc[both].to_numpy(dtype=float).T for risk in wide]


def _blank(ends: pd.DataFrame, reason: str) -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(COLUMNS[1:], math.nan)
    return nothing | {"patients": len(ends), "events": int((ends["event"] == 1).sum()), "reason": reason}


def _within(ends: pd.DataFrame, risks: list[np.ndarray], tau: float, least: int, level: float) -> dict[str, Any]:
    line = _blank(ends, "")
    if line["events"] < least:
        return line | {"reason": f"only {line['events']} with the event, fewer than {least}"}
    data = observed(ends["time"].to_numpy(), ends["event"].to_numpy(), several=True)
    data = Observed(data.time, np.where(data.event > 1, 2, data.event), data.entry)
    weights = leave_out(data)
    values = [np.mean([uno_values(data, one, weights, tau, True) for one in risk], axis=0) for risk in risks]
    for arm, of_weights in zip("ab", values, strict=True):
        found = jackknife_estimate(of_weights, level=level, what="uno_c")
        line |= {f"value_{arm}": found.value, f"low_{arm}": found.low, f"high_{arm}": found.high}
    test = difference(*values, level=level)
    line |= {"difference": test.estimate, "low": test.low, "high": test.high}
    return line | {"se": test.detail.get("se", math.nan), "reason": test.detail.get("reason", "")}
