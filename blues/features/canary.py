"""A column that alone gives the outcome away is a leak until proved otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from blues.features.arm_names import is_baseline
from blues.features.record import TABULAR, Design

__all__ = ["suspicious"]

_FEWEST, _ENOUGH, _OF_EACH = 10, 30, 10
_MOST = 5000
"""Rows of a grade or a number that are looked at, evenly spread: hundreds of columns of a large cohort would take minutes."""


def suspicious(design: Design, limit: float = 0.98, near: float = 0.96) -> pd.DataFrame:
    """Find single columns that alone tell an outcome almost perfectly: a leak until proved otherwise.

    Parameters
    ----------
    design : Design
        Its blocks and the tables of its baselines are looked through.
    limit : float
        AUROC, in either direction and over the rows where the column is known, from which a column is listed. Of grades and
        numbers the concordance: the share of pairs of rows with different outcomes that the column puts in their order, ties
        counted one half, which for a yes or no is the AUROC. Columns known in fewer than 10 rows or of one outcome are passed
        over. The codes of a nominal column are judged together, by the mean outcome of the other patients with a code. The
        pattern of missing values is judged as a column of its own.
    near : float
        The same for columns known of 30 patients or more, 10 of them in the smaller class of a yes or no, where so high a value
        is hardly chance: a copy of the outcome with a few cells changed.

    Returns
    -------
    DataFrame
        Columns ``modality, column, what ("value" or "missingness"), auroc, rows``.
    """
    y = design.y.to_numpy(dtype=float)
    most = len(y) if design.kind == "binary" else min(len(y), _MOST)
    picked = np.linspace(0, len(y) - 1, most).astype(int)
    baselines = {name: table for name, table in design.singles.items() if is_baseline(name)}
    patients, outcome = pd.factorize(design.patients)[0][picked], y[picked]
    seen, found = set(), []
    for modality, block in {**design.blocks, **baselines}.items():
        values = block.to_numpy(dtype=float)[picked]
        for name, of in _columns(block, nominal=modality in TABULAR or modality in baselines).items():
            if modality in baselines and name in seen:
                continue
            seen.add(name)
            known = ~np.isnan(values[:, of]).any(axis=1)
            for what, rows in (("value", known), ("missingness", np.ones(len(picked), bool))):
                if rows.sum() < _FEWEST:
                    continue
                if what == "missingness":
                    tells = _either_way(outcome, known.astype(float))
                elif len(of) > 1:
                    codes = values[rows][:, of].argmax(axis=1)
                    together = _concordance(outcome[rows], _share_of_others(outcome[rows], codes, patients[rows]))
                    tells = max(together, *(_either_way(outcome[rows], values[rows, place]) for place in of))
                else:
                    tells = _either_way(outcome[rows], values[rows, of[0]])
                if tells >= limit or (tells >= near and _many(outcome[rows], patients[rows], design.kind)):
                    known_rows = int(block.iloc[:, of].notna().all(axis=1).sum()) if what == "value" else len(y)
                    found.append((modality, name, what, tells, known_rows))
    return pd.DataFrame(found, columns=["modality", "column", "what", "auroc", "rows"])


def _columns(block: pd.DataFrame, nominal: bool) -> dict[str, list[int]]:
    """Return the places of each column of the patient table in a block: a nominal one has a place for each code."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(map(str, block.columns)):
        found.setdefault(name.partition("=")[0] if nominal else name, []).append(place)
    return {name if len(of) > 1 else str(block.columns[of[0]]): of for name, of in found.items()}


def _either_way(y: np.ndarray, x: np.ndarray) -> float:
    area = _concordance(y, x)
    return max(area, 1 - area)


def _share_of_others(y: np.ndarray, codes: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Return for each row the mean outcome of other patients with its code, of all others where there are none.

    Without the patient's own outcome: else many codes of few patients each would give any outcome away.
    """
    rows = pd.DataFrame({"code": codes, "patient": patients, "y": y})
    own = (
        rows.groupby(["code", "patient"])["y"].transform("sum"),
        rows.groupby(["code", "patient"])["y"].transform("size"),
    )
    same = rows.groupby("code")["y"].transform("sum") - own[0], rows.groupby("code")["y"].transform("size") - own[1]
    anybody = (y.sum() - own[0]) / np.maximum(len(y) - own[1], 1)
    return np.asarray(np.where(same[1] > 0, same[0] / np.maximum(same[1], 1), anybody))


def _many(y: np.ndarray, patients: np.ndarray, kind: str) -> bool:
    """Return whether there are patients enough for a high value to be hardly chance."""
    if kind != "binary":
        return len(np.unique(patients)) >= _ENOUGH
    classes = [len(np.unique(patients[y == k])) for k in (0, 1)]
    return len(np.unique(patients)) >= _ENOUGH and min(classes) >= _OF_EACH


def _concordance(y: np.ndarray, x: np.ndarray) -> float:
    """Return the share of pairs of different y that x puts in their order, ties one half; 0.5 when all y are alike.

    From Kendall's tau-b, whose denominator holds the pairs not tied: Somers' D = tau * sqrt(untied in x / untied in y).
    """
    pairs = len(y) * (len(y) - 1) / 2
    untied = [pairs - sum(n * (n - 1) / 2 for n in np.unique(values, return_counts=True)[1]) for values in (x, y)]
    if min(untied) == 0:
        return 0.5
    return float(0.5 + 0.5 * stats.kendalltau(x, y).statistic * np.sqrt(untied[0] / untied[1]))
