"""What the probabilities of one arm are worth beyond ranking: operating point, calibration, decision curve.

Each takes out-of-fold predictions as :func:`blues.evaluate.score_table` does, and averages them over the repeats first: a
2x2 table, a calibration curve and a decision have one prediction a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from blues.evaluate.calibration import calibration
from blues.evaluate.outoffold import OutOfFold, out_of_fold, paired
from blues.evaluate.proportions import operating_point
from blues.evaluate.resample import Seed
from blues.evaluate.utility import net_benefit

__all__ = ["THRESHOLDS", "benefit_table", "calibration_table", "decision_table", "operating_table"]

THRESHOLDS = tuple(float(t) for t in np.round(np.arange(0.01, 0.9901, 0.01), 2))
"""Threshold probabilities of a decision curve, unless others are named."""
_CELLS = 400_000
"""Rows times draws of the bands, at most: curves of large cohorts take seconds, and their bands need fewer draws."""


def _averaged(predictions: pd.DataFrame, threshold: float | str) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Return the predictions by row, their mean over repeats, and the patients where a patient has several rows."""
    table = out_of_fold(predictions, "binary", threshold)
    clusters = table.patients if table.codes.max() + 1 < len(table.y) else None
    return table, table.averaged, clusters


def operating_table(
    predictions: pd.DataFrame, threshold: float | str = "threshold", *, level: float = 0.95
) -> pd.DataFrame:
    """Return what calling 1 at a threshold that was fixed in the training fold achieves.

    Parameters
    ----------
    predictions : DataFrame
        As :func:`blues.evaluate.score_table` takes them.
    threshold : float or str
        A number fixed beforehand, or the column with the threshold fixed inside each training fold. A row is called 1 where
        its prediction averaged over the repeats reaches its threshold averaged over them.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    DataFrame, one row a measure
        ``metric, value, low, high, exact_low, exact_high, method``: ``tp, fp, fn, tn`` (rows), then the measures of
        :func:`blues.evaluate.operating_point`. Limits are Wilson's, exact ones Clopper and Pearson's; with several rows a
        patient Rao-Scott's, and no exact ones.

    Examples
    --------
    >>> frame = pd.DataFrame({"patient": list("abcdef"), "repeat": 0, "fold": 0, "y": [1, 1, 1, 0, 0, 0]})
    >>> frame["p"], frame["threshold"] = [0.9, 0.6, 0.2, 0.1, 0.3, 0.7], 0.5
    >>> operating_table(frame).set_index("metric").loc[["tp", "fn", "sensitivity"], "value"].round(3).tolist()
    [2.0, 1.0, 0.667]
    """
    table, _, clusters = _averaged(predictions, threshold)
    found = operating_point(table.y, table.called_on_average, clusters=clusters, level=level)
    cells = [(name, float(getattr(found, name)), "count") for name in ("tp", "fp", "fn", "tn")]
    exact = [one.detail.get("clopper_pearson", (np.nan, np.nan)) for one in found.measures.values()]
    measures = found.frame().assign(exact_low=[low for low, _ in exact], exact_high=[high for _, high in exact])
    whole = pd.concat([pd.DataFrame(cells, columns=["metric", "value", "method"]), measures], ignore_index=True)
    return whole[["metric", "value", "low", "high", "exact_low", "exact_high", "method"]]


def calibration_table(predictions: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Return the calibration of one arm's predictions.

    Parameters
    ----------
    predictions : DataFrame
        As :func:`blues.evaluate.score_table` takes them.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    DataFrame, one row a measure
        ``metric, value, low, high, method``, see :class:`blues.evaluate.Calibration`; with several rows a patient intervals
        are clustered by patient. ``method`` names the smoother of ``ici, e50, e90, emax``, and says why a number is missing.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0.1, 0.9, 400)
    >>> frame = pd.DataFrame({"patient": np.arange(400).astype(str), "repeat": 0, "fold": 0, "p": p})
    >>> slope = calibration_table(frame.assign(y=rng.uniform(size=400) < p)).set_index("metric").loc["slope"]
    >>> bool(slope["low"] < 1 < slope["high"])
    True
    """
    table, p, clusters = _averaged(predictions, 0.5)
    found = calibration(table.y, p, clusters=clusters, level=level)
    frame = found.frame()
    smoothed = frame["metric"].isin(("ici", "e50", "e90", "emax"))
    why = {
        name: getattr(found, name).detail.get("reason", "") for name in ("intercept", "slope", "brier", "scaled_brier")
    }
    why |= dict.fromkeys(("spiegelhalter_z", "spiegelhalter_p"), found.spiegelhalter.detail.get("reason", ""))
    return frame.assign(method=frame["metric"].map(why).fillna("").where(~smoothed, found.smoother))


def decision_table(
    predictions: pd.DataFrame,
    thresholds: Any = THRESHOLDS,
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: Seed = 0,
) -> pd.DataFrame:
    """Return the decision curve of one arm, with bands over patients.

    Parameters
    ----------
    predictions : DataFrame
        As :func:`blues.evaluate.score_table` takes them.
    thresholds : array-like
        Threshold probabilities.
    draws : int
        Bootstrap samples of patients, at most; fewer (50 at the least) where there are many rows.
    level : float
        Confidence level of the bands.
    seed : int or Generator
        Of the bootstrap.

    Returns
    -------
    DataFrame, one row a threshold
        ``threshold, net_benefit, low, high, treat_all``; treating none is 0.

    Examples
    --------
    >>> frame = pd.DataFrame({"patient": list("abcd"), "repeat": 0, "fold": 0, "y": [1, 1, 0, 0]})
    >>> decision_table(frame.assign(p=[0.9, 0.4, 0.6, 0.1]), [0.5])[["threshold", "net_benefit"]].to_numpy().tolist()
    [[0.5, 0.0]]
    """
    table, p, _ = _averaged(predictions, 0.5)
    draws = _fewer(draws, table)
    found = net_benefit(table.y, p, thresholds, clusters=table.patients, draws=draws, level=level, seed=seed)
    return found.rename(columns={"model": "net_benefit"})[["threshold", "net_benefit", "low", "high", "treat_all"]]


def benefit_table(
    predictions: pd.DataFrame,
    other: pd.DataFrame,
    thresholds: Any = THRESHOLDS,
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: Seed = 0,
) -> pd.DataFrame:
    """Return the net benefit of two arms on the rows that both predict, and their paired difference.

    Parameters
    ----------
    predictions, other : DataFrame
        Of one arm each, as :func:`blues.evaluate.score_table` takes them.
    thresholds, draws, level, seed
        As in :func:`decision_table`; the intervals are of the difference, the same patients drawn for both arms.

    Returns
    -------
    DataFrame, one row a threshold
        ``threshold, net_benefit, other, difference, low, high, treat_all``.

    Examples
    --------
    >>> frame = pd.DataFrame({"patient": list("abcd"), "repeat": 0, "fold": 0, "y": [1, 1, 0, 0]})
    >>> arms = frame.assign(p=[0.9, 0.6, 0.4, 0.1]), frame.assign(p=[0.9, 0.4, 0.6, 0.1])
    >>> benefit_table(*arms, [0.5])[["net_benefit", "other", "difference"]].to_numpy().tolist()
    [[0.5, 0.0, 0.5]]
    """
    table, second = paired(out_of_fold(predictions, "binary"), out_of_fold(other, "binary"))
    found = net_benefit(
        table.y,
        table.averaged,
        thresholds,
        other=second.averaged,
        clusters=table.patients,
        draws=_fewer(draws, table),
        level=level,
        seed=seed,
    )
    found = found.drop(columns=["low", "high"]).rename(
        columns={"model": "net_benefit", "difference_low": "low", "difference_high": "high"}
    )
    return found[["threshold", "net_benefit", "other", "difference", "low", "high", "treat_all"]]


def _fewer(draws: int, table: OutOfFold) -> int:
    """Return the draws that many rows allow."""
    return int(min(draws, max(50, _CELLS // len(table.y))))
