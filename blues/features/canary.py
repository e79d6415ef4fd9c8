"""A column that alone gives the outcome away is a leak until proved otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd

from blues.features.record import Design

__all__ = ["suspicious"]


def suspicious(design: Design, limit: float = 0.98) -> pd.DataFrame:
    """Find single columns that alone separate a binary outcome almost perfectly: a leak until proved otherwise.

    Parameters
    ----------
    design : Design
        With a binary outcome; other kinds give an empty frame.
    limit : float
        AUROC, in either direction and over the rows where the column is known, from which a column is listed; columns known
        in fewer than 10 rows or one class are passed over. The pattern of missing values is judged as a column of its own.

    Returns
    -------
    DataFrame
        Columns ``modality, column, what ("value" or "missingness"), auroc, rows``.
    """
    found = []
    if design.kind == "binary":
        y = design.y.to_numpy() == 1
        for modality, block in design.blocks.items():
            values = block.to_numpy(dtype=float)
            for j, name in enumerate(block.columns):
                known = ~np.isnan(values[:, j])
                for what, rows, column in (
                    ("value", known, values[:, j]),
                    ("missingness", np.ones(len(y), bool), known.astype(float)),
                ):
                    area = _rank_auroc(y[rows], column[rows])
                    if rows.sum() >= 10 and max(area, 1 - area) >= limit:
                        found.append((modality, str(name), what, max(area, 1 - area), int(rows.sum())))
    return pd.DataFrame(found, columns=["modality", "column", "what", "auroc", "rows"])


def _rank_auroc(y: np.ndarray, x: np.ndarray) -> float:
    """Return the area under the ROC curve from midranks (Mann-Whitney); 0.5 when a class is absent."""
    positives = int(y.sum())
    negatives = len(y) - positives
    if positives == 0 or negatives == 0:
        return 0.5
    ranks = pd.Series(x).rank().to_numpy()
    return float((ranks[y].sum() - positives * (positives + 1) / 2) / (positives * negatives))
