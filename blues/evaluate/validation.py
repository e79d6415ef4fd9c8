"""Internal validation: optimism and .632+ bootstraps over patients; pooling of out-of-fold scores without its bias."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from blues.check import InputError, finite, same_length
from blues.cohort.display import Shown
from blues.evaluate.placements import weighted_auroc
from blues.evaluate.records import Estimate, group_codes
from blues.evaluate.resample import Seed, bootstrap_weights, patient_strata, take_rows
from blues.evaluate.rows import rows_in_order

__all__ = [
    "Optimism",
    "bootstrap_632plus",
    "no_information",
    "optimism",
    "rank_within_folds",
    "weighted_fold_auroc",
]


def bootstrap_632plus(
    apparent: float, out_of_bag: float, no_information: float, *, greater_is_better: bool = False
) -> Estimate:
    """Combine apparent and out-of-bag performance by the .632+ rule.

    Parameters
    ----------
    apparent : float
        Error of the model on the data it was fitted to.
    out_of_bag : float
        Mean error on the patients left out of each bootstrap sample.
    no_information : float
        Error if predictions and outcomes had nothing to do with each other (:func:`no_information`; .5 for an AUROC).
    greater_is_better : bool
        The three are scores such as an AUROC, not errors.

    Returns
    -------
    Estimate
        ``detail``: ``weight`` of the out-of-bag part (.632 to 1), ``relative_overfitting`` (0 to 1), ``rule_632``
        (the plain .632).

    Notes
    -----
    Efron & Tibshirani 1997, J Am Stat Assoc 92:548: w = .632 / (1 - .368 R), R = (E - A)/(G - A), (1 - w) A + w E. An
    out-of-bag error above the no-information error counts as equal to it in R and in what R adds to the plain .632 rule,
    but not in that rule itself (their equations 31 and 32); R = 0 where the out-of-bag error is below the apparent one.

    Examples
    --------
    >>> round(bootstrap_632plus(0.0, 0.3, 0.5).value, 4)
    0.2433
    """
    sign = -1.0 if greater_is_better else 1.0
    named = {"apparent": apparent, "out_of_bag": out_of_bag, "no_information": no_information}
    a, e, g = (sign * _one_number(given, name) for name, given in named.items())
    capped = min(e, g)
    overfitting = (capped - a) / (g - a) if capped > a and g > a else 0.0
    weight = 0.632 / (1 - 0.368 * overfitting)
    plain = 0.368 * a + 0.632 * e
    value = sign * (plain + (weight - 0.632) * (capped - a))  # .368 * .632 R / (1 - .368 R) is w - .632
    detail = {"weight": weight, "relative_overfitting": overfitting, "rule_632": sign * plain}
    return Estimate(value, detail={**detail, "method": ".632+", "reason": "no interval by this rule"})


def _one_number(given: Any, name: str) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{name} is {given!r}", allowed="one finite number")
    return value


@rows_in_order
def no_information(y: Any, predicted: Any, loss: Callable[[Any, Any], Any] | None = None) -> float:
    """Return the mean loss over all pairs of an outcome and another patient's (or the own) prediction.

    Parameters
    ----------
    y, predicted : array-like, shape (n,)
        Finite numbers: outcome and prediction of each patient.
    loss : callable, optional
        Of outcomes (n, 1) and predictions (1, n), broadcast; default: squared error, the Brier score for
        probabilities. For classes pass ``numpy.not_equal``.

    Returns
    -------
    float
        In the unit of the loss.

    Examples
    --------
    >>> no_information([0, 0, 1, 1], [0, 1, 1, 1], np.not_equal)
    0.5
    """
    truth, called = finite(y, "y").ravel(), finite(predicted, "predicted").ravel()
    same_length(y=truth, predicted=called)
    if loss is None:
        return float(np.mean(truth**2) - 2 * truth.mean() * called.mean() + np.mean(called**2))
    return float(np.mean(loss(truth[:, None], called[None, :])))


@dataclass(frozen=True, repr=False)
class Optimism(Shown):
    """What refitting on bootstrap samples of patients says about a model's performance.

    Attributes
    ----------
    apparent : float
        Score on the data the model was fitted to.
    optimism : Estimate
        Mean over samples of the score on the sample minus that on all patients; ``se`` is its Monte-Carlo error.
    corrected : Estimate
        Apparent minus optimism (Harrell, Lee & Mark 1996, Stat Med 15:361).
    out_of_bag : Estimate
        Mean score on the patients left out, for :func:`bootstrap_632plus`.
    """

    apparent: float
    optimism: Estimate
    corrected: Estimate
    out_of_bag: Estimate


def _mean_of_draws(values: list[float], what: str) -> Estimate:
    """Return the mean over defined draws with its Monte-Carlo error."""
    array = np.array(values)
    defined = array[np.isfinite(array)]
    detail = {"draws": len(array), "undefined": len(array) - len(defined), "method": "mean over bootstrap samples"}
    if len(defined) < 2:
        return Estimate(math.nan, detail={**detail, "reason": f"{what} was undefined in nearly all bootstrap samples"})
    se = float(defined.std(ddof=1)) / math.sqrt(len(defined))
    return Estimate(float(defined.mean()), se=se, detail={**detail, "reason": "se is Monte-Carlo error, no interval"})


@rows_in_order
def optimism(
    fit: Callable[[Any], Any],
    score: Callable[[Any, Any], Any],
    table: Any,
    patients: Any,
    draws: int = 200,
    seed: Seed = 0,
    *,
    stratify: Any = None,
) -> Optimism:
    """Estimate optimism by refitting the whole pipeline on bootstrap samples of patients.

    Parameters
    ----------
    fit : callable
        Takes rows of ``table``, returns a fitted model. Everything that learns belongs in here.
    score : callable
        Takes a model and rows, returns a number; :class:`InputError` or NaN (one class) leaves the draw out.
    table, patients, stratify
        As in :func:`blues.evaluate.patient_bootstrap`.
    draws : int
        Bootstrap samples, each with a fit of its own.
    seed : int or Generator

    Returns
    -------
    Optimism

    Examples
    --------
    >>> x = np.arange(12.0)
    >>> def score(model, rows):
    ...     return -np.mean((rows - model) ** 2)
    >>> found = optimism(np.mean, score, x, range(12), draws=100)
    >>> found.corrected.value < found.apparent
    True
    """
    length = len(table[0] if isinstance(table, tuple) else table)
    codes, groups = group_codes(patients, length, "patients")
    strata = len(groups) if stratify is None else patient_strata(stratify, codes)

    def scored(model: Any, rows: np.ndarray) -> float:
        if not len(rows):
            return math.nan
        try:
            return float(score(model, take_rows(table, rows)))
        except InputError:
            return math.nan

    if draws < 2:
        raise InputError(f"draws is {draws}", allowed="at least 2; 200 for an optimism")
    everyone = np.arange(length)
    apparent = scored(fit(table), everyone)
    if not math.isfinite(apparent):
        raise InputError("the score is undefined on the data themselves")
    gaps, left_out = [], []
    for weights in bootstrap_weights(strata, draws, seed).astype(np.int64):
        drawn = np.repeat(everyone, weights[codes])
        model = fit(take_rows(table, drawn))
        gaps.append(scored(model, drawn) - scored(model, everyone))
        left_out.append(scored(model, np.flatnonzero(weights[codes] == 0)))
    gap = _mean_of_draws(gaps, "the optimism")
    corrected = Estimate(apparent - gap.value, se=gap.se, detail=gap.detail)
    return Optimism(apparent, gap, corrected, _mean_of_draws(left_out, "the out-of-bag score"))


@rows_in_order
def rank_within_folds(p: Any, folds: Any) -> np.ndarray:
    """Replace each out-of-fold score by its rank among the scores of its fold, (rank - 1/2) / rows of the fold.

    Pooling raw out-of-fold scores compares patients scored by different models: the pooled AUROC of a model without
    signal averages below .5, for a fold with fewer positives was trained on more. Ranks within the fold are
    comparable.

    Parameters
    ----------
    p, folds : array-like, shape (n,) or (repeats, n)

    Returns
    -------
    ndarray, same shape as ``p``
        Strictly between 0 and 1.

    Raises
    ------
    InputError
        If the shapes differ, a score is not finite, or a fold is missing.

    Examples
    --------
    >>> rank_within_folds([0.1, 0.9, 0.5, 0.8], [0, 0, 1, 1]).tolist()
    [0.25, 0.75, 0.25, 0.75]
    """
    scores, labels = finite(p, "p"), np.asarray(folds)
    if scores.shape != labels.shape:
        raise InputError(f"p has shape {scores.shape} and folds {labels.shape}", allowed="the same shape")
    row_labels = np.atleast_2d(group_codes(folds, labels.size, "folds")[0].reshape(labels.shape))
    rows = np.atleast_2d(scores)
    ranked = np.empty_like(rows)
    for r, repeat in enumerate(rows):
        for fold in np.unique(row_labels[r]):
            mine = row_labels[r] == fold
            ranked[r, mine] = (stats.rankdata(repeat[mine]) - 0.5) / mine.sum()
    return ranked.reshape(scores.shape)


def weighted_fold_auroc(y: np.ndarray, scores: np.ndarray, folds: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean over the folds of all repeats of the AUROC inside the fold, for many weightings, shape (draws,).

    Folds in which a draw leaves one class only are left out of that draw's mean; NaN where none is left.
    """
    total, count = np.zeros(len(weights)), np.zeros(len(weights))
    for score, labels in zip(scores, folds, strict=True):
        for fold in np.unique(labels):
            mine = np.flatnonzero(labels == fold)
            if 0 < y[mine].sum() < len(mine):
                area = weighted_auroc(y[mine], score[None, mine], weights[:, mine])
                found = ~np.isnan(area)
                total[found] += area[found]
                count += found
    return np.divide(total, count, out=np.full(len(weights), np.nan), where=count > 0)
