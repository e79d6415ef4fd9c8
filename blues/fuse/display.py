"""A run as it shows itself in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from blues.check import INTERVAL, counted, interval
from blues.cohort.display import panel
from blues.evaluate.named import main_metric
from blues.evaluate.named import metric as named

if TYPE_CHECKING:
    from blues.fuse.record import Run

__all__ = ["as_html", "who"]

_BESIDE = {"binary": "brier", "ordinal": "quadratic_kappa"}


def as_html(run: Run) -> str:
    """Return who was studied, every arm with its score and its difference to the reference, and warnings."""
    facts = run.design
    kind = str(facts.get("kind", "binary"))
    metric = main_metric(kind)[0]
    beside = _BESIDE.get(kind, "")
    gain = run.comparisons[(run.comparisons["metric"] == metric) & run.comparisons["low"].notna()]
    reference = str(gain["reference"].iloc[0]) if len(gain) else ""
    gain = gain[gain["reference"] == reference].drop_duplicates("arm").set_index("arm")
    patients = run.predictions.groupby("arm", sort=False)["patient"].nunique()
    head = [
        "arm",
        "patients>",
        f"{named(metric).label} ({INTERVAL})>",
        *([f"{named(beside).label}>"] if beside else []),
    ]
    head.append(f"difference to {reference}>" if reference else "difference>")
    rows = []
    for arm in dict.fromkeys(run.scores["arm"]):
        cells = [str(arm) + (" (reference)" if arm == reference else ""), f"{patients.get(arm, 0):,}"]
        cells += [_cell(run.scores, arm, name) for name in (metric, beside) if name]
        row = gain.loc[arm] if arm in gain.index else None
        cells.append("" if row is None else interval(row["difference"], row["low"], row["high"], 3, sign=True))
        rows.append(cells)
    remarks = [str(note["text"]) for note in run.notes if note.get("level") == "warning"]
    title = f"{facts.get('label', facts.get('task', ''))} in {facts.get('cohort', '')}"
    folds = "" if facts.get("transfer") else f"; {run.experiment.repeats} x {run.experiment.folds} patient folds"
    return panel(title, f"{who(run)}{folds}. Research use only.", head, rows, remarks)


def who(run: Run) -> str:
    """Return how many patients were predicted, and how many had the event; of clips both, where a row is one."""
    facts = run.design
    patients, events = counted(int(facts["patients"]), "patient"), facts.get("events")
    if facts.get("level") != "clip" or "clip" not in run.predictions:
        return patients + (f", {events} with the event" if events is not None else "")
    rows = run.predictions.drop_duplicates("clip")
    happened = f" ({int(rows['y'].sum())} with the event)" if events is not None else ""
    return f"{counted(len(rows), 'clip')}{happened} of {patients}"


def _cell(scores: pd.DataFrame, arm: object, metric: str) -> str:
    found = scores[(scores["arm"] == arm) & (scores["metric"] == metric)]
    value, low, high = found[["value", "low", "high"]].to_numpy(float)[0] if len(found) else (float("nan"),) * 3
    return interval(value, low, high, 3)
