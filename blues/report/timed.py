"""What a report shows of a time to an event: the course of patients by predicted risk, and the score of each repeat."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blues import survive
from blues.check import InputError
from blues.features.arm_names import BASELINE, named
from blues.report.document import figure
from blues.report.extras import last_values
from blues.report.facts import Facts
from blues.report.words import arm_label, listed, metric

__all__ = ["evaluation", "models", "repeats_frame", "risk_figures"]

GROUPS = ("lowest third", "middle third", "highest third")


def risk_figures(facts: Facts) -> dict[str, Any]:
    """Return one figure an important arm: cumulative incidence of the event by thirds of the out-of-fold prediction."""
    made = {}
    events = facts.run.predictions.drop_duplicates("patient").set_index("patient")["event"]
    for number, arm in enumerate(facts.key_arms, 1):
        rows = facts.of(arm)
        try:
            third = survive.quantile_groups(rows["p"].to_numpy())
            names = third.cat.rename_categories(list(GROUPS if len(third.cat.categories) == 3 else GROUPS[::2]))
            event = events[rows["patient"]].to_numpy()
            curves = survive.aalen_johansen(rows["y"].to_numpy(), event, groups=names.array).table
        except InputError:
            continue  # predictions that do not differ have no thirds
        shown = curves[curves["cause"] == 1].drop(columns="cause")
        shown = shown.assign(group=shown["group"].astype(str)).sort_values(["group", "time"], key=_in_order)
        made[f"by-risk-{number}"] = figure(
            "cumulative_incidence",
            f"Discharge alive by thirds of the prediction of {arm_label(arm)}",
            f"{arm_label(arm)}: share discharged alive, by thirds of the out-of-fold prediction averaged over the repeats "
            "(highest: expected to leave soonest). Curves that lie together give no sign that the arm tells patients apart. "
            "Bands: pointwise 95%.",
            last_values(shown, "cumulative_incidence"),
            curves=shown,
            ylabel="discharged alive",
        )
    return made


def _in_order(column: pd.Series) -> pd.Series:
    return column.map(GROUPS.index) if column.name == "group" else column


def repeats_frame(facts: Facts) -> pd.DataFrame:
    """Return ``arm, repeat, value``: Uno's C in each repeat of the cross-validation."""
    rows = [
        (
            str(arm),
            int(repeat),
            survive.uno_c(part["y"], part["event"], part["p"], cause=1, interval=None).value,
        )
        for (arm, repeat), part in facts.run.predictions.groupby(["arm", "repeat"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["arm", "repeat", "value"])


def models(facts: Facts) -> str:
    """Return the sentences of the methods on the models."""
    baselines = named(facts.arms, BASELINE)
    beside = f", and a baseline of variables named beforehand ({listed(baselines)})," if baselines else ""
    return (
        f"Every modality alone and every combination{beside} was an arm: a ridge Cox model of the cause-specific hazard "
        "of discharge alive (Verweij and van Houwelingen 1994), each modality scaled to the same total variance, ties by "
        "Efron, the penalty chosen by cross-validated partial likelihood within the training fold. Death in hospital "
        "competes, with a hazard that is the same for all; predicted probabilities are cumulative incidences. Missing values "
        "took training medians. Imputation, scaling and whatever else learns were fitted within the training folds."
    )


def evaluation(facts: Facts) -> str:
    """Return the sentences of the methods on what was scored, and how."""
    times = list(facts.design.get("times", ()))
    days = ", ".join(f"{t:g}" for t in times)
    span = f"from day {times[0]:g} to day {times[-1]:g}" if len(times) > 1 else "on that day"
    return (
        f"Arms were ranked by {metric(facts.metric).label} (Uno et al. 2011); Harrell's C, the time-dependent AUC and the "
        f"Brier score with inverse probability of censoring weights were taken at days {days} (quartiles of the times of "
        f"discharge), the integrated Brier score is its mean {span}, the scaled Brier score stands against the Aalen-Johansen "
        "curve of all patients. Patients who died count as never discharged. "
    )
