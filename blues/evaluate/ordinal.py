"""Scores of ordinal predictions: ranked probability score, mean absolute error, quadratic-weighted kappa."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from blues.check import ROUNDING, InputError, finite, one_of, same_length
from blues.evaluate.calibration import mean_interval
from blues.evaluate.records import Estimate, check_level, normal_quantile
from blues.evaluate.resample import cluster_tables
from blues.evaluate.rows import rows_in_order

__all__ = [
    "category_codes",
    "kappa_of_tables",
    "mean_absolute_error",
    "quadratic_kappa",
    "ranked_probability_score",
    "scale_weights",
]


def category_codes(values: Any, categories: Sequence[Any], name: str) -> np.ndarray:
    """Return each value's position among the categories, shape (n,), or raise naming the first unknown value.

    Parameters
    ----------
    values : array-like, shape (n,)
        What was observed or called.
    categories : sequence
        All categories in their order, at least two and all different.
    name : str
        What to call the values in messages.

    Raises
    ------
    InputError
        For a value that is not among the categories, for fewer than two categories, or for one named twice.
    """
    known = list(categories)
    if len(set(known)) != len(known) or len(known) < 2:
        raise InputError(f"categories are {known}", allowed="at least two different ones, in their order")
    place = {category: k for k, category in enumerate(known)}
    flat = np.asarray(values).ravel().tolist()
    for row, value in enumerate(flat):
        if value not in place:
            raise InputError(
                f"{name} holds a category that is not declared, at position {row}", value=value, allowed=known
            )
    return np.array([place[value] for value in flat], dtype=np.int64)


def scale_weights(categories: Sequence[Any], kind: str = "quadratic") -> np.ndarray:
    """Return the agreement weights of a scale, shape (q, q): 1 on the diagonal, 0 between its two ends.

    Parameters
    ----------
    categories : sequence, length q
        In their order. The distance of two is that of the numbers where they are numbers, so that grades 0, 1 and 3 without a
        2 weigh as on a scale of 0 to 3; else that of their places.
    kind : {"quadratic", "linear"}
        1 - d squared (Fleiss & Cohen 1973), or 1 - d (Cicchetti & Allison 1971), d the distance over that of the ends.

    Raises
    ------
    InputError
        When numbers neither rise nor fall throughout, or are not finite.
    """
    one_of(kind, ("quadratic", "linear"), "kind")
    if len(categories) < 2:
        raise InputError(f"a scale of {len(categories)}", allowed="at least two categories")
    numeric = all(isinstance(c, int | float | np.number | np.bool_) for c in categories)
    places = np.asarray(categories, dtype=float) if numeric else np.arange(len(categories), dtype=float)
    steps = np.diff(places)
    if not np.isfinite(places).all() or not ((steps > 0).all() or (steps < 0).all()):
        raise InputError(f"{kind} weights need categories in order, and they are {', '.join(map(str, categories))}")
    apart = np.abs(places[:, None] - places[None, :]) / abs(places[-1] - places[0])
    return np.asarray(1 - (apart if kind == "linear" else apart**2))


def kappa_of_tables(tables: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted kappa of many contingency tables at once.

    Parameters
    ----------
    tables : ndarray, shape (..., q, q)
        Counts; first rater in rows.
    weights : ndarray, shape (q, q)
        Agreement weights.

    Returns
    -------
    ndarray, shape (...)
        Cohen 1968; NaN where chance agreement is complete (both raters use one category only).
    """
    tables = np.asarray(tables, dtype=float)
    total = tables.sum((-1, -2))
    rows, columns = tables.sum(-1), tables.sum(-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        disagreed = np.einsum("...ij,ij->...", tables, 1 - weights) / total
        expected = np.einsum("...i,ij,...j->...", rows, 1 - weights, columns) / total**2
        return np.where(expected > 0, 1 - disagreed / np.where(expected > 0, expected, 1), np.nan)


def _kappa_se(table: np.ndarray, weights: np.ndarray) -> float:
    """Return the large-sample error of a weighted kappa (Fleiss, Cohen & Everitt 1969, Psychol Bull 72:323)."""
    n = table.sum()
    share = table / n
    rows, columns = share.sum(1), share.sum(0)
    observed, expected = float((share * weights).sum()), float(rows @ weights @ columns)
    mean_weight = (weights @ columns)[:, None] + (rows @ weights)[None, :]
    terms = share * (weights * (1 - expected) - mean_weight * (1 - observed)) ** 2
    tail = (observed * expected - 2 * expected + observed) ** 2
    return math.sqrt(max(0.0, float(terms.sum()) - tail) / n) / (1 - expected) ** 2


@rows_in_order
def quadratic_kappa(
    y: Any, predicted: Any, categories: Sequence[Any], clusters: Any = None, *, level: float = 0.95
) -> Estimate:
    """Quadratic-weighted kappa of predicted against true categories.

    Parameters
    ----------
    y, predicted : array-like, shape (n,)
        Values out of ``categories``.
    categories : sequence
        All categories of the scale in their order, also those that do not occur; see :func:`scale_weights`.
    clusters : array-like, shape (n,), optional
        The patient of each row; the interval is then the delete-one-patient jackknife's with the t quantile, which
        keeps its coverage where that of independent rows falls to .80.
    level : float
        Confidence level of the interval, strictly between 0 and 1.

    Returns
    -------
    Estimate
        Without clusters the interval is that of Fleiss, Cohen & Everitt 1969; none where its error is 0, as at perfect
        agreement (``detail["reason"]``). ``detail["table"]`` is the contingency table.

    Raises
    ------
    InputError
        For a value that is not among the categories, or lengths that differ.

    Examples
    --------
    >>> round(quadratic_kappa([0, 1, 3, 3], [0, 1, 3, 1], categories=[0, 1, 2, 3]).value, 3)
    0.68
    """
    truth, called = category_codes(y, categories, "y"), category_codes(predicted, categories, "predicted")
    same_length(y=truth, predicted=called)
    q = len(categories)
    cells = truth * q + called
    table = np.bincount(cells, minlength=q * q).reshape(q, q).astype(float)
    weights = scale_weights(categories)
    value = float(kappa_of_tables(table, weights))
    detail: dict[str, Any] = {"level": check_level(level), "table": table.astype(int).tolist(), "n": len(truth)}
    if math.isnan(value):
        reason = "both use one and the same category only: no agreement beyond chance can be defined"
        return Estimate(value, detail={**detail, "method": "none", "reason": reason})
    if clusters is None:
        se, quantile = _kappa_se(table, weights), normal_quantile(level)
        detail["method"] = "Fleiss-Cohen-Everitt"
    else:
        tables = cluster_tables(clusters, cells, q * q).reshape(-1, q, q)
        count = len(tables)
        without = kappa_of_tables(table - tables, weights)
        detail |= {"method": "delete-one-patient jackknife, t", "clusters": count}
        if count < 2 or not np.isfinite(without).all():
            return Estimate(value, detail={**detail, "reason": "undefined when one of the patients is left out"})
        se = math.sqrt((count - 1) / count * float(np.sum((without - without.mean()) ** 2)))
        quantile = float(stats.t.isf((1 - level) / 2, count - 1))
    if not se > ROUNDING:
        reason = f"the error says nothing at a kappa of {value:g}"
        return Estimate(value, detail={**detail, "reason": reason})
    return Estimate(value, max(-1.0, value - quantile * se), min(1.0, value + quantile * se), se, detail)


@rows_in_order
def mean_absolute_error(y: Any, predicted: Any, clusters: Any = None, *, level: float = 0.95) -> Estimate:
    """Return the mean absolute error with its t interval, clustered by patient when ``clusters`` is given.

    Parameters
    ----------
    y, predicted : array-like, shape (n,)
        Finite numbers in the outcome's own unit, as is the error.
    clusters : array-like, shape (n,), optional
        The patient of each row.
    level : float
        Confidence level of the interval, strictly between 0 and 1.

    Returns
    -------
    Estimate
        The lower limit is cut at 0; no interval where all errors are the same.

    Raises
    ------
    InputError
        For no rows, missing or infinite values, or lengths that differ.

    Examples
    --------
    >>> mean_absolute_error([0, 1, 2], [0, 2, 2.5]).value
    0.5
    """
    truth, called = finite(y, "y").ravel(), finite(predicted, "predicted").ravel()
    same_length(y=truth, predicted=called)
    if not len(truth):
        raise InputError("y is empty")
    found = mean_interval(np.abs(truth - called), clusters, level)
    return Estimate(found.value, float(np.maximum(0.0, found.low)), found.high, found.se, found.detail)


@rows_in_order
def ranked_probability_score(
    y: Any,
    p: Any,
    categories: Sequence[Any] | None = None,
    clusters: Any = None,
    *,
    normalise: bool = True,
    level: float = 0.95,
) -> Estimate:
    """Mean squared distance between predicted and true cumulative distributions over ordered categories.

    Parameters
    ----------
    y : array-like, shape (n,)
        Values out of ``categories``.
    p : array-like, shape (n, q)
        Probability of each category, in their order; each row sums to 1.
    categories : sequence, optional
        All q categories in their order; by default 0 to q - 1.
    clusters : array-like, shape (n,), optional
        The patient of each row.
    normalise : bool
        Divide by q - 1, so that 1 is the worst (Epstein 1969, J Appl Meteorol 8:985); with two categories it is the
        Brier score.
    level : float
        Confidence level of the interval, strictly between 0 and 1.

    Returns
    -------
    Estimate
        Lower is better; t interval, by patient when ``clusters`` is given, cut to the possible range; none where all rows
        score the same.

    Raises
    ------
    InputError
        When a row of ``p`` is no set of probabilities that sum to 1, when columns and categories differ in number, or ``y``
        holds another value.

    Examples
    --------
    >>> ranked_probability_score([0, 2], [[1, 0, 0], [0, 1, 0]]).value
    0.25
    """
    table = finite(p, "p")
    if table.ndim != 2:
        raise InputError(f"p has shape {table.shape}", allowed="one row a subject, one column a category")
    known = list(range(table.shape[1])) if categories is None else list(categories)
    if len(known) != table.shape[1]:
        raise InputError(f"p has {table.shape[1]} columns for {len(known)} categories")
    if (table < 0).any() or not np.allclose(table.sum(1), 1, atol=1e-6):
        raise InputError("the rows of p must be probabilities that sum to 1")
    truth = category_codes(y, known, "y")
    same_length(y=truth, p=table)
    reached = truth[:, None] <= np.arange(len(known))
    rows = np.sum((np.cumsum(table, axis=1) - reached) ** 2, axis=1) / (len(known) - 1 if normalise else 1)
    found = mean_interval(rows, clusters, level, normalised=normalise)
    worst = 1.0 if normalise else len(known) - 1.0
    low, high = float(np.maximum(0.0, found.low)), float(np.minimum(worst, found.high))
    return Estimate(found.value, low, high, found.se, found.detail)
