"""Conformal prediction sets and intervals from out-of-fold predictions, with the coverage that was measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from blues import check, evaluate, models
from blues.evaluate.outoffold import OutOfFold

__all__ = ["conformal", "coverage"]


def conformal(
    predictions: pd.DataFrame, kind: str = "binary", *, level: float = 0.9, scale: Sequence[float] | None = None
) -> pd.DataFrame:
    """Prediction sets (binary) or intervals (ordinal, continuous) of one arm's patients.

    Cross-conformal [1]_, label-conditional (Mondrian) [2]_ for a binary outcome: in each repeat a patient's score for a class,
    1 minus the probability given to it, is compared with the out-of-fold scores of the other patients of that class; the
    resulting p-values are averaged over repeats, and the set holds the classes whose p-value is above ``1 - level``. Intervals:
    prediction plus or minus the quantile of the other patients' absolute errors, of a continuous outcome cut
    at 0 where none lies below it.

    Parameters
    ----------
    predictions : DataFrame
        Of one arm: ``patient`` (and ``clip``), ``repeat``, ``fold``, ``y``, ``p``.
    kind : {"binary", "ordinal", "continuous"}
    level : float
        Wanted coverage, between 0 and 1.
    scale : sequence of float, optional
        The grades of an ordinal outcome: intervals end at the lowest and the highest.

    Returns
    -------
    DataFrame
        One row a patient (or clip): ``patient`` (and ``clip``), ``y``, ``p`` (mean over repeats), ``p_sd`` (its spread over
        repeats), ``covered``; binary: ``p_0, p_1`` (conformal p-values), ``set`` (``"no"``, ``"yes"``, ``"both"`` or
        ``"empty"``); else ``low, high``.

    Raises
    ------
    InputError
        For an unknown kind, or a level that is none.

    Notes
    -----
    Patients of one clip-level design are exchangeable, clips are not: other clips of the same patient are left out of the
    comparison. Models of different folds differ, so coverage holds only about; ``covered`` measures it.

    References
    ----------
    .. [1] Vovk V. Cross-conformal predictors. Ann Math Artif Intell 2015;74:9-28.
    .. [2] Vovk V, Gammerman A, Shafer G. Algorithmic learning in a random world. Springer, 2005.

    Examples
    --------
    >>> import pandas as pd
    >>> one = pd.DataFrame({"patient": list("abcdefgh"), "repeat": 0, "fold": [0, 1] * 4, "y": [0] * 4 + [1] * 4})
    >>> one["p"] = [0.1, 0.2, 0.1, 0.3, 0.9, 0.8, 0.7, 0.9]
    >>> conformal(one, level=0.7)["set"].tolist()
    ['no', 'no', 'no', 'empty', 'yes', 'yes', 'empty', 'yes']
    """
    check.one_of(kind, models.KINDS, "kind of target")
    if not 0 < level < 1:
        raise check.InputError(f"level is {level}", allowed="between 0 and 1")
    table = evaluate.out_of_fold(predictions, "binary" if kind == "binary" else "continuous")
    found = pd.DataFrame({"patient": table.patients})
    if "clip" in predictions:
        found["clip"] = [str(row).partition("\x1f")[2] for row in table.rows]
    found = found.assign(y=table.y, p=table.p.mean(axis=0), p_sd=table.p.std(axis=0))
    others = table.codes[:, None] != table.codes[None, :]
    if kind == "binary":
        return _sets(found, table, others, level)
    reach = np.mean([_reach(np.abs(table.y - p), others, level) for p in table.p], axis=0)
    never_negative = kind == "continuous" and (table.y >= 0).all()  # as a stay or a count
    lowest = 0.0 if never_negative else -np.inf
    ends = (min(scale), max(scale)) if scale else (lowest, np.inf)
    found["low"], found["high"] = (np.clip(found["p"] + side * reach, *ends) for side in (-1, 1))
    return found.assign(covered=(found["y"] >= found["low"]) & (found["y"] <= found["high"]))


def _sets(found: pd.DataFrame, table: OutOfFold, others: np.ndarray, level: float) -> pd.DataFrame:
    values = {}
    for label in (0, 1):
        strange = 1 - table.p if label else table.p
        of_class = (table.y == label)[None, :] & others
        # how many others of the class are at least as strange, this patient counted among them
        at_least = (strange[:, None, :] >= strange[:, :, None] - 1e-12) & of_class
        values[label] = ((1 + at_least.sum(axis=2)) / (1 + of_class.sum(axis=1))).mean(axis=0)
    inside = {label: p > 1 - level + 1e-12 for label, p in values.items()}
    words = np.select([inside[0] & inside[1], inside[1], inside[0]], ["both", "yes", "no"], "empty")
    covered = np.where(table.y == 1, inside[1], inside[0])
    return found.assign(p_0=values[0], p_1=values[1], set=words, covered=covered)


def _reach(errors: np.ndarray, others: np.ndarray, level: float) -> np.ndarray:
    """Return the conformal quantile of the others' absolute errors, shape (rows,); infinite where there are too few."""
    found = np.empty(len(errors))
    for i, mask in enumerate(others):
        known = np.sort(errors[mask])
        place = int(np.ceil(level * (len(known) + 1)))
        found[i] = known[place - 1] if place <= len(known) else np.inf
    return found


def coverage(sets: pd.DataFrame, level: float = 0.9) -> pd.DataFrame:
    """Measured coverage of conformal sets, overall and by outcome.

    Parameters
    ----------
    sets : DataFrame
        From :func:`conformal`.
    level : float
        What was asked for.

    Returns
    -------
    DataFrame
        ``group, rows, asked, value, low, high`` (share covered with interval: Wilson's for patients, clustered by patient
        for clips) and for sets ``single, both, empty``; for intervals ``width``, the mean.
    """
    groups = [("all", np.ones(len(sets), dtype=bool))]
    if "set" in sets:
        groups += [("with the outcome", (sets["y"] == 1).to_numpy()), ("without", (sets["y"] == 0).to_numpy())]
    rows = []
    for name, where in groups:
        part = sets[where]
        if not len(part):
            continue
        hits = part["covered"].astype(int).to_numpy()
        if part["patient"].duplicated().any():
            found = evaluate.clustered_proportion(hits, part["patient"].to_numpy())
        else:
            found = evaluate.wilson_interval(int(hits.sum()), len(hits))
        row = {
            "group": name,
            "rows": len(part),
            "asked": level,
            "value": found.value,
            "low": found.low,
            "high": found.high,
        }
        if "set" in sets:
            kinds = part["set"]
            row |= {"single": float(kinds.isin(["yes", "no"]).mean()), "both": float((kinds == "both").mean())}
            row |= {"empty": float((kinds == "empty").mean())}
        else:
            row["width"] = float((part["high"] - part["low"]).mean())
        rows.append(row)
    return pd.DataFrame(rows)
