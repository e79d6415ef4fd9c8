"""The tables an experiment reports: scores of one arm, and the comparison of two, each number with its interval."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from blues.check import ROUNDING, InputError, one_of
from blues.evaluate.compare import delong_test, mcnemar_test, nadeau_bengio_test
from blues.evaluate.discrimination import auroc
from blues.evaluate.intervals import interval_of_replicates
from blues.evaluate.named import lower_is_better
from blues.evaluate.outoffold import METRICS, PREVALENCE_DEPENDENT, OutOfFold, bootstrap_strata, out_of_fold, paired
from blues.evaluate.permutation import sign_flip_test, swap_contributions, without_rounding
from blues.evaluate.proportions import clustered_proportion, wilson_interval
from blues.evaluate.records import ONE_PATIENT, QUESTIONS, SAME, Estimate, Test
from blues.evaluate.resample import Seed, bootstrap_replicates
from blues.evaluate.substitute import all_same, substituted, unknown_spread
from blues.evaluate.utility import check_thresholds, net_benefit_rows

__all__ = ["compare_table", "point_score", "score_table"]


def _metrics(table: OutOfFold, kind: str) -> dict[str, Any]:
    """Return the scores that these predictions allow."""
    return {k: v for k, v in METRICS[kind].items() if k != "rps" or table.p_category is not None}


def score_table(
    predictions: pd.DataFrame,
    kind: str = "binary",
    draws: int = 2000,
    seed: Seed = 0,
    threshold: float | str = 0.5,
    *,
    categories: Sequence[float] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Score the out-of-fold predictions of one arm.

    Parameters
    ----------
    predictions : DataFrame
        ``patient, repeat, fold, y, p``, each patient once in each repeat; with several rows a patient also ``row``.
        ``p`` is the probability of 1 (binary), or the predicted value (continuous; ordinal, on the scale of the
        categories). ``p_0, p_1, ...`` are the probabilities of an ordinal outcome's categories, if the model gives
        them.
    kind : {"binary", "ordinal", "continuous"}
    draws : int
        Bootstrap samples of patients: within the classes of a binary outcome for what is measured inside or between them;
        freely for ``accuracy`` and ``brier``, which move with the share of events. ``auprc`` moves with it too and is drawn
        within classes: its interval is that of cohorts with this very number of events, and too narrow for others.
    seed : int or Generator
        The same seed draws the same patients for every arm with the same patients.
    threshold : float or str
        At and above which ``p`` calls 1; or the column with the threshold fixed inside each training fold.
    categories : sequence of float, optional
        Of an ordinal outcome: all of them, in order; by default whole numbers from 0 to the highest.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    DataFrame, one row a metric
        ``metric, value, low, high, se, repeat_sd, method, reason``. A value is the mean over repeats of the score of
        each repeat's predictions; its interval the percentile bootstrap of that mean over patients, of ``auroc`` and
        ``auroc_within_fold`` DeLong's on the logit scale (Obuchowski's variance for clips), which covers better where
        a class has few patients. ``repeat_sd`` is the standard deviation over repeats: how much the split matters,
        not an interval. Where every sample gives the same value (all patients right) Wilson's or Newcombe's interval stands
        in and ``method`` says so; a score that is no share has none then, nor has one measured between classes of which one has
        one patient only, and ``reason`` says why. Binary outcomes also get
        ``auroc_within_fold`` (ranked within folds before pooling), ``auroc_fold_mean`` (mean of the folds' own),
        ``auroc_bootstrap`` (``auroc`` with the bootstrap's interval), ``auroc_mean_prediction`` (of the prediction averaged
        over repeats) and ``prevalence``.

    Raises
    ------
    InputError
        As :func:`blues.evaluate.outoffold.out_of_fold`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> patients = np.repeat([str(i) for i in range(40)], 2)
    >>> y = np.repeat(np.arange(40) % 2, 2)
    >>> fold = np.repeat(np.arange(40) // 8, 2)
    >>> frame = pd.DataFrame({"patient": patients, "repeat": [0, 1] * 40, "fold": fold, "y": y})
    >>> frame["p"] = np.clip(0.3 + 0.4 * y + rng.normal(0, 0.2, 80), 0, 1)
    >>> scores = score_table(frame, draws=200).set_index("metric")
    >>> bool(scores.loc["auroc", "low"] < scores.loc["auroc", "value"] < scores.loc["auroc", "high"])
    True
    """
    table = out_of_fold(predictions, kind, threshold, categories)
    metrics = _metrics(table, kind)
    scores = {name: functools.partial(metric, table) for name, metric in metrics.items()}
    drawn = _replicates(table, scores, kind, draws, seed)
    everyone = np.ones((1, len(table.y)))
    repeats = [table.repeat(r) for r in range(len(table.p))]
    clusters = table.patients if table.codes.max() + 1 < len(table.y) else None
    ranked = {"auroc": table.p, "auroc_within_fold": table.ranked} if kind == "binary" else {}
    lines = []
    for name, metric in metrics.items():
        found = interval_of_replicates(*drawn[name], level=level)
        found = substituted(found, drawn[name][1], name, table, kind, level)
        spread = [metric(one, everyone)[0] for one in repeats] if len(repeats) > 1 else []
        spread_sd = float(np.std(spread, ddof=1)) if spread else math.nan
        if name in ranked:
            lines.append(_score_line(name, auroc(table.y, ranked[name], clusters, level=level), spread_sd))
        if name != "auroc_within_fold":
            lines.append(_score_line("auroc_bootstrap" if name == "auroc" else name, found, spread_sd))
    if kind == "binary":
        mean = auroc(table.y, table.averaged, clusters, level=level)
        lines.append(_score_line("auroc_mean_prediction", mean, math.nan))
        share = wilson_interval(table.y.sum(), len(table.y), level=level)
        share = share if clusters is None else clustered_proportion(table.y, clusters, level=level)
        lines.append(_score_line("prevalence", share, math.nan))
    return pd.DataFrame(lines)


def _replicates(
    table: OutOfFold, scores: Mapping[str, Callable[[np.ndarray], np.ndarray]], kind: str, draws: int, seed: Seed
) -> dict[str, tuple[float, np.ndarray]]:
    """Return the value and the replicates of each score, a function of row weights; same strata, same draws."""
    found: dict[str, tuple[float, np.ndarray]] = {}
    free = [name for name in scores if kind == "binary" and name.split("@")[0] in PREVALENCE_DEPENDENT]
    for names in ([name for name in scores if name not in free], free):

        def statistic(weights: np.ndarray, names: list[str] = names) -> np.ndarray:
            rows = weights[:, table.codes]
            return np.column_stack([scores[name](rows) for name in names])

        if names:
            value, replicates = bootstrap_replicates(
                statistic, bootstrap_strata(table, kind, names[0].split("@")[0]), draws, seed
            )
            found |= {name: (float(value[k]), replicates[:, k]) for k, name in enumerate(names)}
    return found


def point_score(
    predictions: pd.DataFrame,
    metric: str,
    kind: str | None = None,
    threshold: float | str = 0.5,
    *,
    categories: Sequence[float] | None = None,
) -> float:
    """Return one score of one arm's out-of-fold predictions without an interval: for permutation nulls and spreads.

    Parameters
    ----------
    predictions, threshold, categories
        As in :func:`score_table`.
    metric : str
        A name of :data:`blues.evaluate.outoffold.METRICS`.
    kind : {"binary", "ordinal", "continuous"}, optional
        By default the first kind that has the metric; needed for ``accuracy`` of an ordinal outcome.

    Returns
    -------
    float
        Mean over repeats; NaN where the score is undefined.
    """
    one_of(metric, sorted({name for names in METRICS.values() for name in names}), "metric")
    if kind is None:
        kind = next(k for k in ("binary", "continuous", "ordinal") if metric in METRICS[k])
    one_of(metric, METRICS[kind], f"{kind} metric")
    table = out_of_fold(predictions, kind, threshold, categories)
    return float(METRICS[kind][metric](table, np.ones((1, len(table.y))))[0])


def _score_line(name: str, found: Estimate, repeat_sd: float) -> dict[str, Any]:
    numbers = {"value": found.value, "low": found.low, "high": found.high, "se": found.se, "repeat_sd": repeat_sd}
    return {"metric": name, **numbers, "method": found.detail["method"], "reason": found.detail.get("reason", "")}


def compare_table(
    predictions_a: pd.DataFrame,
    predictions_b: pd.DataFrame,
    kind: str = "binary",
    draws: int = 2000,
    seed: Seed = 0,
    threshold: float | str = 0.5,
    *,
    thresholds: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5),
    categories: Sequence[float] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare the out-of-fold predictions of two arms on the patients both predict.

    Parameters
    ----------
    predictions_a, predictions_b, kind, draws, seed, threshold, categories, level
        As in :func:`score_table`; differences are a minus b.
    thresholds : sequence of float
        Threshold probabilities for the difference in net benefit (binary).

    Returns
    -------
    DataFrame, one row a comparison
        ``metric, difference, low, high, statistic, p_value, test, question, better, patients, reason``. Each test
        answers its own question, in ``question``. The paired bootstrap draws the same patients for both arms, as
        :func:`score_table` does: freely for accuracy, Brier score and net benefit; its p value is twice the smaller share of
        samples on one side of 0, the data themselves counted on both, so that identical arms get 1; where all samples give
        one and the same difference other than 0, or a class has one patient, there is neither interval nor p. DeLong and
        McNemar take predictions averaged over repeats; the swap permutation swaps a patient's predictions in all repeats at
        once; Nadeau-Bengio takes the differences of all folds, where both arms were fitted on the same ones. ``better`` says
        whether ``higher`` or ``lower`` is.

    Raises
    ------
    InputError
        As :func:`score_table`; if the arms share no patient, differ in the outcome of one, or in the number of repeats.
    """
    a, b = paired(
        out_of_fold(predictions_a, kind, threshold, categories), out_of_fold(predictions_b, kind, threshold, categories)
    )
    if kind == "binary" and len(np.unique(a.y)) < 2:
        raise InputError("the patients that both arms predict have one class only")
    if len(a.p) != len(b.p):
        raise InputError(f"one arm has {len(a.p)} repeats and the other {len(b.p)}", remedy="Compare equal repeats")
    lines = _bootstrap_lines(a, b, kind, thresholds, draws, seed, level)
    lines += _test_lines(a, b, kind, level)
    frame = pd.DataFrame(lines)
    frame["better"] = ["lower" if lower_is_better(name) else "higher" for name in frame["metric"]]
    frame["patients"] = int(a.codes.max()) + 1
    columns = "metric difference low high statistic p_value test question better patients reason".split()
    return frame[columns]


def _bootstrap_lines(
    a: OutOfFold, b: OutOfFold, kind: str, thresholds: Sequence[float], draws: int, seed: Seed, level: float
) -> list[dict[str, Any]]:
    """Return the difference in every score with its paired interval."""
    scores: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        name: functools.partial(_gap, metric, a, b)
        for name, metric in _metrics(a, kind).items()
        if name in _metrics(b, kind)
    }
    if kind == "binary" and len(thresholds):
        grid = check_thresholds(thresholds)
        gains = np.mean(
            [net_benefit_rows(a.y, p, grid) - net_benefit_rows(a.y, q, grid) for p, q in zip(a.p, b.p, strict=True)],
            axis=0,
        )
        scores |= {f"net_benefit@{t:g}": functools.partial(_weighted, gains[:, k]) for k, t in enumerate(grid)}
    lines = []
    drawn = _replicates(a, scores, kind, draws, seed)
    for name in scores:
        value, replicates = drawn[name]
        alone = unknown_spread(a, kind, name.split("@")[0])
        test = _bootstrap_test(value, replicates, alone, level)
        lines.append(_line(name, test, "paired patient bootstrap", QUESTIONS["bootstrap"]))
    return lines


def _gap(metric: Any, a: OutOfFold, b: OutOfFold, rows: np.ndarray) -> np.ndarray:
    return np.asarray(metric(a, rows) - metric(b, rows))


def _weighted(gains: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.asarray((rows @ gains) / rows.sum(1))


def _bootstrap_test(value: float, replicates: np.ndarray, alone: bool, level: float) -> Test:
    """Return a difference with its paired interval; none where all samples give it, or one patient holds a class."""
    found = interval_of_replicates(value, replicates, level=level)
    detail = {"reason": "", **found.detail}
    same = math.isfinite(found.low) and all_same(replicates)
    if same and abs(value) <= ROUNDING:
        reason = detail["reason"] or "no bootstrap sample differs"
        return Test(value, 1.0, value, found.low, found.high, {**detail, "reason": reason})
    if same or alone:
        return Test(value, math.nan, found.value, detail={**detail, "reason": ONE_PATIENT if alone else SAME})
    drawn = replicates[np.isfinite(replicates)]
    smaller = min(np.sum(drawn <= ROUNDING), np.sum(drawn >= -ROUNDING))
    p_value = min(1.0, 2 * (1 + int(smaller)) / (1 + len(drawn))) if math.isfinite(found.low) else math.nan
    return Test(value, p_value, found.value, found.low, found.high, detail)


def _line(metric: str, test: Test, name: str, question: str) -> dict[str, Any]:
    numbers = {"difference": test.estimate, "low": test.low, "high": test.high}
    numbers |= {"statistic": test.statistic, "p_value": test.p_value}
    reason = test.detail.get("reason", "")
    if not reason and math.isnan(test.low):
        reason = "this test gives no interval"
    return {"metric": metric, **numbers, "test": name, "question": question, "reason": reason}


def _test_lines(a: OutOfFold, b: OutOfFold, kind: str, level: float) -> list[dict[str, Any]]:
    """Return the tests that apply, each with its question."""
    clusters = a.patients if a.codes.max() + 1 < len(a.y) else None
    lines = []
    if kind == "binary":
        lines.append(_line("auroc", delong_test(a.y, a.averaged, b.averaged, clusters, level=level), "DeLong", ""))
        for metric, statistic in (("auroc", "auroc"), ("brier", "brier"), ("accuracy", "accuracy")):
            lines.append(_line(metric, _swap(a, b, statistic), "swap permutation", ""))
        found = mcnemar_test(a.y, a.called_on_average, b.called_on_average, clusters=clusters)
        lines.append(_line("accuracy", found, "McNemar", ""))
    else:
        lines.append(_line("mae", _swap(a, b, "absolute_error"), "swap permutation", ""))
    folded = {"binary": ("auroc", "brier", "accuracy")}.get(kind, ("mae",))
    lines += [_line(metric, _over_folds(a, b, kind, metric, level), "Nadeau-Bengio", "") for metric in folded]
    keys = {"DeLong": "delong", "swap permutation": "swap", "McNemar": "mcnemar", "Nadeau-Bengio": "nadeau-bengio"}
    return [{**line, "question": QUESTIONS[keys[line["test"]]]} for line in lines]


def _swap(a: OutOfFold, b: OutOfFold, statistic: str) -> Test:
    """Swap each patient's predictions in all repeats at once; the statistic is the mean over repeats."""
    first, second = (a.called, b.called) if statistic == "accuracy" else (a.p, b.p)
    rows = np.mean([swap_contributions(a.y, p, q, statistic) for p, q in zip(first, second, strict=True)], axis=0)
    terms = without_rounding(np.bincount(a.codes, rows), a.y, (first, second), statistic)
    found = sign_flip_test(terms)
    return Test(found.statistic, found.p_value, found.statistic, detail=found.detail)


def _over_folds(a: OutOfFold, b: OutOfFold, kind: str, metric: str, level: float) -> Test:
    """Compare fold by fold; folds in which the score is undefined (one class) are left out and counted."""
    same = [pd.factorize(r)[0].tolist() == pd.factorize(s)[0].tolist() for r, s in zip(a.fold, b.fold, strict=True)]
    if not all(same):
        return Test(math.nan, math.nan, detail={"reason": "the two arms were not fitted on the same folds"})
    score = METRICS[kind][metric]
    differences, sizes, lost = [], [], 0
    for r, labels in enumerate(a.fold):
        for fold in np.unique(labels):
            rows = np.flatnonzero(labels == fold)
            sizes.append(len(np.unique(a.codes[rows])))
            if metric == "auroc" and len(np.unique(a.y[rows])) < 2:
                lost += 1
                continue
            weights = np.ones((1, len(rows)))
            first, second = a.repeat(r).take(rows), b.repeat(r).take(rows)
            differences.append(float(score(first, weights)[0] - score(second, weights)[0]))
    if len(differences) < 2:
        return Test(math.nan, math.nan, detail={"reason": "fewer than two folds in which the score is defined"})
    n_test = float(np.mean(sizes))
    n_train = float(a.codes.max() + 1 - n_test)
    if n_train <= 0:
        return Test(math.nan, math.nan, detail={"reason": "every fold holds all patients: none was left to train on"})
    found = nadeau_bengio_test(differences, n_train, n_test, level=level)
    if lost and "reason" not in found.detail:
        found.detail["reason"] = f"{lost} folds with one class left out"
    return found
