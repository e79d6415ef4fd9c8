"""Paired comparisons, each with the question it answers, and corrections for many of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

from blues.check import InputError, binary_outcome, finite, one_of, probabilities, same_length
from blues.evaluate.permutation import swap_permutation_test
from blues.evaluate.placements import influence, variance_of_influence
from blues.evaluate.records import (
    ALTERNATIVES,
    QUESTIONS,
    Test,
    check_level,
    group_codes,
    normal_quantile,
    zeros_and_ones,
)
from blues.evaluate.rows import rows_in_order

__all__ = [
    "benjamini_hochberg",
    "delong_test",
    "holm",
    "mcnemar_test",
    "nadeau_bengio_test",
]


@rows_in_order
def delong_test(y: Any, a: Any, b: Any, clusters: Any = None, *, level: float = 0.95) -> Test:
    """Compare the AUROCs of two scores of the same patients.

    Parameters
    ----------
    y : array-like, shape (n,)
        0 and 1, both present.
    a, b : array-like, shape (n,)
        The two scores.
    clusters : array-like, shape (n,), optional
        The patient of each row, when a patient has several; the variance is then Obuchowski's (1997).
    level : float
        Confidence level of the interval of the difference.

    Returns
    -------
    Test
        ``statistic`` z; ``estimate`` AUROC of a minus that of b with its Wald interval, cut to -1 ... 1;
        ``detail["auroc"]`` both. For identical rankings z = 0 and p = 1.

    Notes
    -----
    DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837. On out-of-fold scores it compares these fitted models,
    not the algorithms. Where the variance is zero and the areas differ (one score perfect, the other constant), the p
    value is that of the swap permutation, and ``detail["reason"]`` says so.

    Examples
    --------
    >>> same = delong_test([0, 1, 0, 1, 1], [1, 2, 3, 4, 5], [10, 20, 30, 40, 50])
    >>> same.statistic, same.p_value
    (0.0, 1.0)
    """
    outcome = binary_outcome(y)
    first, second = finite(a, "a").ravel(), finite(b, "b").ravel()
    same_length(y=outcome, a=first, b=second)
    codes = None if clusters is None else group_codes(clusters, len(outcome))[0]
    (area_a, on_a), (area_b, on_b) = influence(outcome, first), influence(outcome, second)
    difference = area_a - area_b
    variance = variance_of_influence(outcome, on_a - on_b, codes)
    method = "DeLong, paired" if clusters is None else "DeLong, paired, clustered (Obuchowski 1997)"
    detail: dict[str, Any] = {"method": method, "level": check_level(level), "auroc": (area_a, area_b)}
    detail["question"] = QUESTIONS["delong"]
    if difference == 0 and np.array_equal(on_a, on_b):
        return Test(0.0, 1.0, 0.0, 0.0, 0.0, detail)
    if not variance > 1e-28:  # rounding alone
        swapped = swap_permutation_test(outcome, first, second, clusters=clusters)
        why = "is zero" if variance >= 0 else "needs two patients in each class"
        detail["reason"] = f"DeLong's variance {why}; the p value is that of the swap permutation"
        statistic = 0.0 if not difference else math.copysign(math.inf, difference) if variance >= 0 else math.nan
        return Test(statistic, swapped.p_value, difference, detail=detail)
    z, half = difference / math.sqrt(variance), normal_quantile(level) * math.sqrt(variance)
    detail["se"] = math.sqrt(variance)
    low, high = max(-1.0, difference - half), min(1.0, difference + half)
    return Test(z, 2 * stats.norm.sf(abs(z)), difference, low, high, detail)


def _paired_table(y: Any, a: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the 2x2 table (rows: first right or not) and each row's difference in being right, shape (n,)."""
    outcome, first, second = (zeros_and_ones(values, name) for name, values in (("y", y), ("a", a), ("b", b)))
    same_length(y=outcome, a=first, b=second)
    if not len(outcome):
        raise InputError("y is empty")
    right, rival = outcome == first, outcome == second
    table = np.array(
        [[np.sum(right & rival), np.sum(right & ~rival)], [np.sum(~right & rival), np.sum(~right & ~rival)]]
    )
    return table, right.astype(float) - rival


@rows_in_order
def mcnemar_test(
    y: Any, a: Any = None, b: Any = None, *, clusters: Any = None, exact: bool = True, continuity: bool = True
) -> Test:
    """Compare how often two binary predictions of the same patients are right.

    Parameters
    ----------
    y : array-like, shape (n,), or (2, 2)
        0 or 1; or, alone, the 2x2 table of paired answers, whose off-diagonal cells are compared.
    a, b : array-like, shape (n,)
        Binary predictions, 0 or 1.
    clusters : array-like, shape (n,), optional
        The patient of each row, when a patient has several: the test is then Obuchowski's chi-squared.
    exact : bool
        Binomial test of the disagreements; else chi-squared.
    continuity : bool
        Continuity correction of the chi-squared without clusters.

    Returns
    -------
    Test
        ``statistic``: the smaller count of disagreements when exact, else chi-squared on 1 degree of freedom;
        ``estimate``: difference in the share right. Without a disagreement p is 1.

    Notes
    -----
    McNemar 1947, Psychometrika 12:153; Obuchowski 1998, Stat Med 17:1495 (clusters): (sum d_k)^2 / (K/(K - 1) sum
    d_k^2), d_k the disagreements of patient k, one way minus the other.

    Examples
    --------
    >>> round(mcnemar_test([[794, 150], [86, 570]]).p_value, 7)
    3.72e-05
    """
    if (a is None) != (b is None):
        raise InputError("mcnemar_test takes y, a and b, or one 2x2 table")
    if a is None:
        table, difference = _given_table(y), None
        if clusters is not None:
            raise InputError("clusters need y, a and b, not a table")
    else:
        table, difference = _paired_table(y, a, b)
    n = int(table.sum())
    estimate = float(table[0, 1] - table[1, 0]) / n
    detail: dict[str, Any] = {"table": table.tolist(), "question": QUESTIONS["mcnemar"]}
    if clusters is not None and difference is not None:
        codes, groups = group_codes(clusters, n)
        sums = np.bincount(codes, difference)
        detail |= {"method": "McNemar, clustered (Obuchowski 1998)", "clusters": len(groups)}
        if len(groups) < 2 and sums.any():
            reason = "one cluster: the variance between clusters is unknown"
            return Test(math.nan, math.nan, estimate, detail={**detail, "reason": reason})
        spread = float(sums @ sums) * len(groups) / max(1, len(groups) - 1)
        statistic = float(sums.sum()) ** 2 / spread if spread else 0.0
        return Test(statistic, float(stats.chi2.sf(statistic, 1)), estimate, detail=detail)
    detail["method"] = "McNemar, exact" if exact else "McNemar, chi-squared" + ", continuity-corrected" * continuity
    one, other = int(table[0, 1]), int(table[1, 0])
    if one + other == 0:
        return Test(0.0, 1.0, estimate, detail={**detail, "reason": "the two never disagree"})
    if exact:
        smaller = min(one, other)
        return Test(smaller, min(1.0, float(stats.binomtest(smaller, one + other).pvalue)), estimate, detail=detail)
    # the correction takes 1 off the distance, and there is nothing to take off a distance of 0
    statistic = max(0, abs(one - other) - int(continuity)) ** 2 / (one + other)
    return Test(statistic, float(stats.chi2.sf(statistic, 1)), estimate, detail=detail)


def _given_table(table: Any) -> np.ndarray:
    """Check and return a 2x2 table of counts."""
    counts = finite(table, "table")
    if counts.shape != (2, 2) or (counts < 0).any() or (counts % 1).any() or not counts.sum():
        raise InputError(f"a table of shape {counts.shape}", allowed="2x2 whole counts; or y, a and b")
    return counts.astype(np.int64)


def nadeau_bengio_test(
    differences: Any, n_train: float, n_test: float, *, alternative: str = "two-sided", level: float = 0.95
) -> Test:
    """Compare two algorithms over the folds of (repeated) cross-validation, with the corrected resampled t test.

    Parameters
    ----------
    differences : array-like, shape (J,)
        Difference of scores in each fold of each repeat.
    n_train, n_test : float
        Patients trained and tested on in a fold.
    alternative : {"two-sided", "greater", "less"}
        Of the mean difference.
    level : float
        Confidence level of the interval.

    Returns
    -------
    Test
        t on J - 1 degrees of freedom with variance (1/J + n_test/n_train) s^2; ``estimate`` the mean difference with
        its interval.

    Notes
    -----
    Nadeau & Bengio 2003, Mach Learn 52:239. The naive t test over folds ignores that training sets overlap: at 63
    patients it rejects a true null in 61 to 71 % of studies at a nominal 5 %, this one in 7 to 13 %.

    Examples
    --------
    >>> found = nadeau_bengio_test([0.02, 0.01, -0.01, 0.03, 0.0], n_train=80, n_test=20)
    >>> round(found.statistic, 4), round(found.p_value, 4)
    (0.9428, 0.3992)
    """
    one_of(alternative, ALTERNATIVES, "alternative")
    values = finite(differences, "differences").ravel()
    count = len(values)
    if count < 2:
        raise InputError(f"differences has {count} entries", allowed="at least 2 folds")
    sizes = (n_train, n_test)
    if not all(isinstance(n, (int, float, np.number)) and n > 0 for n in sizes):
        raise InputError(f"n_train is {n_train!r} and n_test {n_test!r}", allowed="numbers of patients above 0")
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    detail: dict[str, Any] = {"method": "Nadeau-Bengio corrected t", "df": count - 1, "level": check_level(level)}
    detail |= {"alternative": alternative, "question": QUESTIONS["nadeau-bengio"]}
    if spread <= 1e-14 * max(1.0, abs(mean)):
        if abs(mean) <= 1e-15:
            return Test(0.0, 1.0, 0.0, 0.0, 0.0, {**detail, "reason": "no fold differs"})
        reason = "every fold gives the same difference: its variance is unknown"
        return Test(math.copysign(math.inf, mean), math.nan, mean, detail={**detail, "reason": reason})
    se = spread * math.sqrt(1 / count + n_test / n_train)
    t = mean / se
    tails = {"two-sided": 2 * stats.t.sf(abs(t), count - 1), "greater": stats.t.sf(t, count - 1)}
    tails["less"] = stats.t.cdf(t, count - 1)
    half = float(stats.t.isf((1 - level) / 2, count - 1)) * se
    detail["se"] = se
    return Test(t, tails[alternative], mean, mean - half, mean + half, detail)


def holm(p: Any) -> np.ndarray:
    """Return p values adjusted by Holm's step-down, in the order given (1979, Scand J Stat 6:65).

    Parameters
    ----------
    p : array-like, shape (n,)
        P values, 0 to 1.

    Returns
    -------
    ndarray, shape (n,)
        At most 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    values = probabilities(p, "p").ravel()
    order = np.argsort(values)  # by hand: statsmodels collects garbage in every call, a tenth of a second
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def benjamini_hochberg(p: Any) -> np.ndarray:
    """Return p values adjusted for the false discovery rate, in the order given.

    Benjamini & Hochberg 1995, J R Stat Soc B 57:289.

    Parameters
    ----------
    p : array-like, shape (n,)
        P values, 0 to 1.

    Returns
    -------
    ndarray, shape (n,)
        At most 1.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    values = probabilities(p, "p").ravel()
    return np.asarray(stats.false_discovery_control(values), dtype=float) if len(values) else values
