"""Columns that cannot tell patients apart: without a value, the same in everybody, or the same as another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from blues.features.record import TABULAR, Design

__all__ = ["idle"]


def idle(design: Design, rows: np.ndarray | None = None) -> dict[str, Any]:
    """Count the columns that a model can learn from, and name those that it cannot.

    Parameters
    ----------
    design : Design
    rows : ndarray of int, optional
        The rows that teach; all, unless given.

    Returns
    -------
    dict
        ``features``: the number of columns, without those named in ``blank`` (nobody has a value) and ``constant`` (one value
        in all who have the modality). ``copies``: pairs of a column of the patient table and the one before it whose values
        it repeats. Lists that would be empty are not there.
    """
    counted = 0
    named: dict[str, list[Any]] = {"blank": [], "constant": [], "copies": []}
    seen: dict[bytes, str] = {}
    for modality, whole in design.blocks.items():
        block = whole if rows is None else whole.iloc[rows]
        values = block.to_numpy(dtype=float)
        known = ~np.isnan(values)
        values, known = values[known.any(axis=1)], known[known.any(axis=1)]
        for j, name in enumerate(map(str, block.columns)):
            if not known[:, j].any():
                named["blank"].append(name)
            elif known[:, j].all() and np.ptp(values[:, j]) == 0:
                named["constant"].append(name)
            else:
                counted += 1
                if modality in TABULAR:
                    first = seen.setdefault(_content(block.iloc[:, j]), name)
                    named["copies"] += [[name, first]] * (first != name)
    return {"features": counted, **{what: names for what, names in named.items() if names}}


def _content(column: pd.Series) -> bytes:
    return np.where(column.isna(), np.nan, column.to_numpy(dtype=float) + 0.0).tobytes()
