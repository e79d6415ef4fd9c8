"""What two modalities do to single predictions together that neither does alone, from the arms' predictions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from blues import evaluate
from blues.explain.value import Subset, arm_tables, interaction

__all__ = ["modality_interactions"]


def modality_interactions(
    predictions: pd.DataFrame, kind: str = "binary", *, suffix: str = "", draws: int = 500, seed: int = 0
) -> pd.DataFrame:
    """Shapley interaction of each two modalities in the predictions, patient by patient [1]_.

    The worth of a set of modalities is the prediction of the arm that sees them; that of none is the mean outcome. For two
    modalities alone the interaction is ``p(ab) - p(a) - p(b) + mean``: 0 where the joint prediction moves by what the two move
    it by themselves, against the direction of both where they say the same (each repeats the other).

    Parameters
    ----------
    predictions : DataFrame
        ``patient`` (and ``clip``), ``arm``, ``repeat``, ``fold``, ``y``, ``p``, with an arm for every subset.
    kind : {"binary", "ordinal", "continuous"}
    suffix : str
        The model in the arms' names.
    draws, seed : int
        Bootstrap over patients.

    Returns
    -------
    DataFrame
        ``modalities, value`` (mean absolute interaction over patients, of each patient's mean over repeats), ``low, high``
        (95 % percentile interval), ``signed`` (mean with its sign), ``patients``; the largest first. In the unit of
        the prediction.

    Raises
    ------
    InputError
        When an arm for a subset is not there.

    References
    ----------
    .. [1] Grabisch M, Roubens M. An axiomatic approach to the concept of interaction among players in cooperative games.
       Int J Game Theory 1999;28:547-565.
    """
    tables = arm_tables(predictions, kind, suffix)
    first = next(iter(tables.values()))
    worth: dict[Subset, np.ndarray] = {subset: table.p.mean(axis=0) for subset, table in tables.items()}
    worth[frozenset()] = np.full(len(first.y), float(first.y.mean()))
    names = [name for subset in tables if len(subset) == 1 for name in subset]
    count = int(first.codes.max()) + 1
    per = np.bincount(first.codes, minlength=count)
    weights = evaluate.bootstrap_weights(count, draws, seed)
    rows = []
    for a, b in combinations(names, 2):
        found = interaction(worth, a, b, names)
        size = np.bincount(first.codes, weights=np.abs(found), minlength=count) / per
        drawn = weights @ size / weights.sum(axis=1)
        low, high = np.percentile(drawn, [2.5, 97.5])
        signed = float((np.bincount(first.codes, weights=found, minlength=count) / per).mean())
        row = {"modalities": f"{a} and {b}", "value": float(size.mean()), "low": float(low), "high": float(high)}
        rows.append(row | {"signed": signed, "patients": count})
    table = pd.DataFrame(rows, columns=["modalities", "value", "low", "high", "signed", "patients"])
    return table.sort_values("value", ascending=False, kind="stable", ignore_index=True)
