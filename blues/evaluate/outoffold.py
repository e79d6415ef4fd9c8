"""Out-of-fold predictions of repeated cross-validation, and every score of them as a function of patient weights.

A score is the mean over repeats of the score of that repeat's predictions. Each function here takes row weights of
shape (draws, n) and returns that mean for every draw, so that one bootstrap serves all scores and pairs two models
exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from blues.check import (
    DIGITS,
    ROUNDING,
    InputError,
    binary_outcome,
    columns_exist,
    finite,
    one_of,
    probabilities,
    reaches,
)
from blues.evaluate.ordinal import category_codes, kappa_of_tables, scale_weights
from blues.evaluate.placements import weighted_auroc
from blues.evaluate.precision import weighted_average_precision
from blues.evaluate.records import group_codes
from blues.evaluate.resample import patient_strata
from blues.evaluate.validation import rank_within_folds, weighted_fold_auroc

__all__ = ["METRICS", "PREVALENCE_DEPENDENT", "OutOfFold", "bootstrap_strata", "out_of_fold", "paired"]


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of one arm, one column a row (patient or clip), one line a repeat.

    Attributes
    ----------
    rows : ndarray of str, shape (n,)
        Identity of each row: the patient, and the clip if there is one.
    patients : ndarray of str, shape (n,)
    y : ndarray of float, shape (n,)
    p : ndarray of float, shape (repeats, n)
    fold : ndarray of int, shape (repeats, n)
    threshold : ndarray of float, shape (repeats, n)
        At and above which ``p`` calls 1; binary only.
    categories : tuple
        Of an ordinal outcome, in order; else empty.
    p_category : ndarray of float, shape (repeats, n, categories), or None
        Probability of each category, where the model gives them.
    grade : ndarray of float, shape (repeats, n), or None
        Category called by cuts fixed inside the training fold; NaN where the nearest to ``p`` is called.
    """

    rows: np.ndarray
    patients: np.ndarray
    y: np.ndarray
    p: np.ndarray
    fold: np.ndarray
    threshold: np.ndarray
    categories: tuple[float, ...] = ()
    p_category: np.ndarray | None = None
    grade: np.ndarray | None = None

    @cached_property
    def codes(self) -> np.ndarray:
        """Patient of each row as a number, shape (n,)."""
        return group_codes(self.patients, len(self.y), "patients")[0]

    @cached_property
    def called(self) -> np.ndarray:
        """1 where ``p`` reaches the threshold, shape (repeats, n)."""
        return reaches(self.p, self.threshold).astype(float)

    @cached_property
    def averaged(self) -> np.ndarray:
        """``p`` averaged over the repeats, shape (n,): what is equal but for the last bit of a sum is equal."""
        return np.asarray(self.p.mean(0).round(DIGITS))

    @cached_property
    def called_on_average(self) -> np.ndarray:
        """1 where ``p`` averaged over the repeats reaches the threshold averaged over them, shape (n,)."""
        return reaches(self.averaged, self.threshold.mean(0)).astype(float)

    @cached_property
    def graded(self) -> np.ndarray:
        """Position of the category called, by default the nearest, the lower one when halfway; shape (repeats, n)."""
        scale = np.asarray(self.categories, dtype=float)
        called = self.p if self.grade is None else np.where(np.isnan(self.grade), self.p, self.grade)
        return np.argmin(np.abs(called[:, :, None] - scale), axis=2)

    @cached_property
    def ranked(self) -> np.ndarray:
        """Predictions ranked within their fold, shape (repeats, n)."""
        return rank_within_folds(self.p, self.fold)

    def take(self, columns: np.ndarray) -> OutOfFold:
        """Return some rows only.

        Parameters
        ----------
        columns : ndarray of int
            Positions of the rows.
        """
        cut = None if self.p_category is None else self.p_category[:, columns]
        grade = None if self.grade is None else self.grade[:, columns]
        return replace(
            self,
            rows=self.rows[columns],
            patients=self.patients[columns],
            y=self.y[columns],
            p=self.p[:, columns],
            fold=self.fold[:, columns],
            threshold=self.threshold[:, columns],
            p_category=cut,
            grade=grade,
        )

    def repeat(self, r: int) -> OutOfFold:
        """Return one repeat only.

        Parameters
        ----------
        r : int
            Its place, from 0.
        """
        one = slice(r, r + 1)
        cut = None if self.p_category is None else self.p_category[one]
        grade = None if self.grade is None else self.grade[one]
        limit = self.threshold[one]
        return replace(self, p=self.p[one], fold=self.fold[one], threshold=limit, p_category=cut, grade=grade)


def _check_frame(predictions: pd.DataFrame, threshold: float | str) -> None:
    """Raise unless the frame has the columns, one arm, no missing labels and no row twice."""
    columns_exist(["patient", "repeat", "fold", "y", "p"], predictions.columns, "predictions")
    if not len(predictions):
        raise InputError("predictions has no rows")
    if isinstance(threshold, str):
        columns_exist([threshold], predictions.columns, "predictions")
    if "arm" in predictions and predictions["arm"].nunique() > 1:
        raise InputError(
            "predictions holds several arms", remedy="Pass one at a time: predictions[predictions['arm'] == ...]"
        )
    for column in ("patient", "repeat", "fold"):
        if predictions[column].isna().any():
            raise InputError("predictions has missing labels", column=column)


def out_of_fold(
    predictions: pd.DataFrame,
    kind: str,
    threshold: float | str = 0.5,
    categories: Sequence[float] | None = None,
) -> OutOfFold:
    """Lay out a frame of predictions by repeat and row, and check it.

    Parameters
    ----------
    predictions : DataFrame
        ``patient, repeat, fold, y, p``; ``row`` or ``clip`` too where a patient has several; for an ordinal outcome
        optionally ``p_0, p_1, ...``, the probabilities of its categories in their order, and ``grade``, the category called
        (missing: the one nearest to ``p``).
    kind : {"binary", "ordinal", "continuous"}
    threshold : float or str
        Number, or the column that holds the threshold fixed inside the training fold.
    categories : sequence of float, optional
        Of an ordinal outcome, all of them, in rising order; by default the whole numbers from 0 (or the lowest) to the
        highest, or as many as there are ``p_0, p_1, ...``: a grade that does not occur keeps its place.

    Returns
    -------
    OutOfFold
        Arrays of repeats by rows.

    Raises
    ------
    InputError
        If a column is absent, a row occurs twice in a repeat or is absent from one, an outcome differs between repeats, or the
        threshold is not finite.
    """
    one_of(kind, ("binary", "ordinal", "continuous"), "kind")
    _check_frame(predictions, threshold)
    patients = predictions["patient"].astype(str).to_numpy(dtype=object)
    inner = next((c for c in ("row", "clip") if c in predictions), None)
    rows = patients
    if inner is not None:
        rows = patients + "\x1f" + predictions[inner].astype(str).to_numpy(dtype=object)
    codes, names = group_codes(rows, len(rows), "patients")
    repeats, labels = pd.factorize(predictions["repeat"], sort=True)
    order = np.lexsort((codes, repeats))
    shape = (len(labels), len(names))
    _check_layout(codes[order], repeats[order], shape, names)
    grid = {c: finite(predictions[c], c)[order].reshape(shape) for c in ("y", "p")}
    if (grid["y"] != grid["y"][0]).any():
        who = names[np.flatnonzero((grid["y"] != grid["y"][0]).any(0))[0]]
        raise InputError(f"the outcome of {_shown(who)} differs between repeats", column="y")
    limit = (
        finite(predictions[threshold], threshold)
        if isinstance(threshold, str)
        else np.full(len(rows), finite(threshold, "threshold").item())
    )
    table = OutOfFold(
        rows=names,
        patients=patients[order][: shape[1]],
        y=grid["y"][0],
        p=grid["p"],
        fold=pd.factorize(predictions["fold"], sort=True)[0][order].reshape(shape),
        threshold=limit[order].reshape(shape),
    )
    if kind == "binary":
        binary_outcome(table.y)
        probabilities(table.p)
    return table if kind != "ordinal" else _with_categories(table, predictions, order, categories)


def _shown(row: str) -> str:
    """Return a row's identity for a message."""
    patient, _, clip = str(row).partition("\x1f")
    return f"patient {patient!r}" + (f", row {clip!r}" if clip and clip != patient else "")


def _check_layout(codes: np.ndarray, repeats: np.ndarray, shape: tuple[int, int], names: np.ndarray) -> None:
    """Raise unless every row occurs exactly once in every repeat."""
    counts = np.bincount(repeats * shape[1] + codes, minlength=shape[0] * shape[1]).reshape(shape)
    for wrong, what, remedy in (
        (counts > 1, "more than once", "Give a column 'row' where a patient has several"),
        (counts < 1, "not at all", "Every patient of an arm needs a prediction in every repeat"),
    ):
        if wrong.any():
            repeat, row = np.argwhere(wrong)[0]
            raise InputError(f"{_shown(names[row])} is predicted {what} in repeat {repeat}", remedy=remedy)


def _with_categories(
    table: OutOfFold, predictions: pd.DataFrame, order: np.ndarray, categories: Sequence[float] | None
) -> OutOfFold:
    """Add the scale of an ordinal outcome, and the category probabilities if the frame has them."""
    given_columns = sum(f"p_{k}" in predictions for k in range(100))
    if categories is None:
        if (table.y % 1).any():
            raise InputError("an ordinal outcome that is not whole numbers needs categories=, all of them, in order")
        lowest = min(0.0, float(table.y.min()))
        highest = max(float(table.y.max()), lowest + max(given_columns, 2) - 1)
        categories = np.arange(lowest, highest + 1).tolist()
    scale = tuple(float(c) for c in categories)
    category_codes(table.y, scale, "y")
    if "grade" in predictions and predictions["grade"].notna().any():
        grade = predictions["grade"].to_numpy(dtype=float)[order]
        category_codes(grade[~np.isnan(grade)], scale, "grade")
        table = replace(table, grade=grade.reshape(table.p.shape))
    if not given_columns:
        return replace(table, categories=scale)
    columns = [f"p_{k}" for k in range(len(scale))]
    columns_exist(columns, predictions.columns, "predictions")
    given = probabilities(predictions[columns].to_numpy(), "p_0, p_1, ...")[order]
    if not np.allclose(given.sum(1), 1, atol=1e-6):
        raise InputError("the category probabilities of a row must sum to 1", column=", ".join(columns))
    return replace(table, categories=scale, p_category=given.reshape(*table.p.shape, len(scale)))


def paired(a: OutOfFold, b: OutOfFold) -> tuple[OutOfFold, OutOfFold]:
    """Return two arms cut to the rows both predict, in the same order, or raise if their outcomes differ."""
    common, in_a, in_b = np.intersect1d(a.rows, b.rows, assume_unique=True, return_indices=True)
    if not len(common):
        raise InputError("the two arms have no patient in common")
    first, second = a.take(in_a), b.take(in_b)
    if (first.y != second.y).any():
        who = _shown(common[np.flatnonzero(first.y != second.y)[0]])
        raise InputError(f"the two arms give {who} different outcomes")
    return first, second


PREVALENCE_DEPENDENT = frozenset({"accuracy", "brier", "net_benefit"})
"""Scores of a binary outcome that move with the share of events: their samples let it vary."""


def bootstrap_strata(table: OutOfFold, kind: str, metric: str) -> np.ndarray:
    """Return each patient's stratum for the bootstrap of a score, shape (patients,).

    Parameters
    ----------
    table : OutOfFold
    kind : {"binary", "ordinal", "continuous"}
    metric : str

    Returns
    -------
    ndarray of int
        The classes among the patient's rows; one stratum for all where the outcome is not binary, or the score is one of
        :data:`PREVALENCE_DEPENDENT`, whose interval would be too narrow with the number of events held.
    """
    if kind == "binary" and metric not in PREVALENCE_DEPENDENT:
        return patient_strata(table.y, table.codes)
    return np.zeros(int(table.codes.max()) + 1, dtype=np.int64)


def _mean(values: np.ndarray, weights: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """Return the weighted mean over rows of values (repeats, n) averaged over repeats, shape (draws,)."""
    marks = values.mean(0)
    held = weights if rows is None else weights[:, rows]
    size = held.sum(1)
    total = held @ (marks if rows is None else marks[rows])
    return np.divide(total, size, out=np.full(len(size), np.nan), where=size > 0)


def _sensitivity(table: OutOfFold, weights: np.ndarray) -> np.ndarray:
    return _mean(table.called, weights, table.y == 1)


def _specificity(table: OutOfFold, weights: np.ndarray) -> np.ndarray:
    return _mean(1 - table.called, weights, table.y == 0)


def _balanced_accuracy(table: OutOfFold, weights: np.ndarray) -> np.ndarray:
    return (_sensitivity(table, weights) + _specificity(table, weights)) / 2


def _midranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the midranks, less 1/2, of rows that occur as often as their weights, shape (draws, n)."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    sizes = np.add.reduceat(weights[:, order], starts, axis=1)
    return (np.cumsum(sizes, axis=1) - sizes / 2)[:, group]


def _spearman(table: OutOfFold, weights: np.ndarray) -> np.ndarray:
    """Return the mean over repeats of the rank correlation; NaN where one side is constant."""
    middle = weights.sum(1, keepdims=True) / 2
    truth = _midranks(table.y, weights) - middle
    spread = np.einsum("bi,bi,bi->b", weights, truth, truth)
    total = np.zeros(len(weights))
    for prediction in table.p:
        ranks = _midranks(prediction, weights) - middle
        scale = np.sqrt(spread * np.einsum("bi,bi,bi->b", weights, ranks, ranks))
        shared = np.einsum("bi,bi,bi->b", weights, truth, ranks)
        total += np.divide(shared, scale, out=np.full(len(scale), np.nan), where=scale > 1e-9)
    return total / len(table.p)


def _rmse(table: OutOfFold, weights: np.ndarray) -> np.ndarray:
    """Return the mean over repeats of the root mean squared error."""
    errors = weights @ ((table.p - table.y) ** 2).T
    return np.asarray(np.sqrt(errors / weights.sum(1, keepdims=True)).mean(1))


def _r2(table: OutOfFold, weights: np.ndarray) -> np.ndarray:
    """Return 1 - squared error / squared deviation from the mean; NaN for a constant outcome."""
    size, deviation = weights.sum(1), table.y - table.y.mean()  # else an outcome far from 0 loses its digits
    squares = weights @ deviation**2
    spread = squares - (weights @ deviation) ** 2 / size
    error = weights @ ((table.p - table.y) ** 2).mean(0)
    return 1 - np.divide(error, spread, out=np.full(len(size), np.nan), where=spread > ROUNDING * squares)


def _quadratic_kappa(table: OutOfFold, weights: np.ndarray) -> np.ndarray:
    """Return the mean over repeats of the quadratic-weighted kappa of the nearest categories."""
    q = len(table.categories)
    truth = category_codes(table.y, table.categories, "y")
    total = np.zeros(len(weights))
    for graded in table.graded:
        cells = np.zeros((len(truth), q * q))
        cells[np.arange(len(truth)), truth * q + graded] = 1
        total += kappa_of_tables((weights @ cells).reshape(-1, q, q), scale_weights(table.categories))
    return total / len(table.graded)


def _apart(table: OutOfFold) -> np.ndarray:
    """Return how many categories each graded prediction is off, shape (repeats, n)."""
    return np.abs(table.graded - category_codes(table.y, table.categories, "y"))


def _ranked_probability_score(table: OutOfFold, weights: np.ndarray) -> np.ndarray:
    if table.p_category is None:
        return np.full(len(weights), np.nan)
    q = len(table.categories)
    reached = category_codes(table.y, table.categories, "y")[:, None] <= np.arange(q)
    return _mean(np.sum((np.cumsum(table.p_category, axis=2) - reached) ** 2, axis=2) / (q - 1), weights)


Metric = Callable[[OutOfFold, np.ndarray], np.ndarray]


def _absolute_error(table: OutOfFold, weights: np.ndarray) -> np.ndarray:
    return _mean(np.abs(table.p - table.y), weights)


METRICS: dict[str, dict[str, Metric]] = {
    "binary": {
        "auroc": lambda t, w: weighted_auroc(t.y, t.p, w),
        "auroc_within_fold": lambda t, w: weighted_auroc(t.y, t.ranked, w),
        "auroc_fold_mean": lambda t, w: weighted_fold_auroc(t.y, t.p, t.fold, w),
        "auprc": lambda t, w: weighted_average_precision(t.y, t.p, w),
        "accuracy": lambda t, w: _mean(t.called == t.y, w),
        "balanced_accuracy": _balanced_accuracy,
        "sensitivity": _sensitivity,
        "specificity": _specificity,
        "brier": lambda t, w: _mean((t.p - t.y) ** 2, w),
    },
    "ordinal": {
        "quadratic_kappa": _quadratic_kappa,
        "mae": _absolute_error,
        "accuracy": lambda t, w: _mean(_apart(t) == 0, w),
        "within_one": lambda t, w: _mean(_apart(t) <= 1, w),
        "spearman": _spearman,
        "rps": _ranked_probability_score,
    },
    "continuous": {"mae": _absolute_error, "rmse": _rmse, "r2": _r2, "spearman": _spearman},
}
