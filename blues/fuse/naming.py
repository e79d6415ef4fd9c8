"""What an arm is called on a page and in a terminal, where the name that a run gives it would mislead a reader."""

from __future__ import annotations

import dataclasses

import pandas as pd

from blues.fuse.named import CONSTANT, MEAN
from blues.fuse.record import Run

__all__ = ["worded"]


def worded(run: Run) -> Run:
    """Return a run whose constant arm is called by what it is: of a number or of grades it gives no prevalence."""
    if run.design.get("kind") not in ("continuous", "ordinal"):
        return run
    tables = {}
    for entry in dataclasses.fields(run):
        table = getattr(run, entry.name)
        if isinstance(table, pd.DataFrame) and "arm" in table:
            names = [name for name in ("arm", "reference") if name in table]
            tables[entry.name] = table.assign(**{name: table[name].replace(CONSTANT, MEAN) for name in names})
    design = dict(run.design)
    if counted := design.get("patients_by_arm"):
        design["patients_by_arm"] = {MEAN if arm == CONSTANT else arm: n for arm, n in counted.items()}
    return dataclasses.replace(run, design=design, **tables)
