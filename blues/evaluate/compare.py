"""Paired comparisons, each with the question it answers, and corrections for many of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from blues.check import InputError, binary_outcome, finite, one_of, probabilities, same_length
from blues.evaluate.placements import cross_placements, influence, variance_of_influence
from blues.evaluate.records import Test, check_level, group_codes, normal_quantile
from blues.evaluate.resample import Seed

__all__ = [
    "benjamini_hochberg",
    "delong_test",
    "holm",
    "mcnemar_test",
    "nadeau_bengio_test",
    "permutation_p",
    "sign_flip_test",
    "swap_contributions",
    "swap_permutation_test",
]

ALTERNATIVES = ("two-sided", "greater", "less")
QUESTIONS = {
    "delong": "do these fitted models' predictions rank these patients differently?",
    "swap": "would it matter for these patients if the two models' predictions were swapped at random?",
    "mcnemar": "at their thresholds, is one model right more often where the two disagree on these patients?",
    "nadeau-bengio": "is algorithm A better than B on data sets of this size?",
    "bootstrap": "how large is the difference between these fitted models for patients like these?",
}


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

    Returns
    -------
    Test
        ``statistic`` z; ``estimate`` AUROC of a minus that of b with its Wald interval; ``detail["auroc"]`` both. For
        identical rankings z = 0 and p = 1.

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
    if np.array_equal(on_a, on_b):
        return Test(0.0, 1.0, 0.0, 0.0, 0.0, detail)
    if not variance > 1e-28:  # rounding alone
        swapped = swap_permutation_test(outcome, first, second, clusters=clusters)
        why = "is zero" if variance >= 0 else "needs two patients in each class"
        detail["reason"] = f"DeLong's variance {why}; the p value is that of the swap permutation"
        statistic = math.copysign(math.inf, difference) if difference else 0.0
        return Test(statistic, swapped.p_value, difference, detail=detail)
    z, half = difference / math.sqrt(variance), normal_quantile(level) * math.sqrt(variance)
    detail["se"] = math.sqrt(variance)
    return Test(z, 2 * stats.norm.sf(abs(z)), difference, difference - half, difference + half, detail)


def permutation_p(observed: float, null: Any, alternative: str = "greater") -> float:
    """Return the p value of a statistic against its permutation null: (1 + as extreme) / (1 + permutations), never 0.

    Phipson & Smyth 2010, Stat Appl Genet Mol Biol 9:39. ``two-sided`` takes twice the smaller tail.

    Examples
    --------
    >>> permutation_p(0.9, [0.4, 0.5, 0.6, 0.5])
    0.2
    """
    one_of(alternative, ALTERNATIVES, "alternative")
    values = finite(null, "null").ravel()
    slack = 1e-12 * max(1.0, abs(observed))
    above = (1 + int(np.sum(values >= observed - slack))) / (1 + len(values))
    below = (1 + int(np.sum(values <= observed + slack))) / (1 + len(values))
    return {"greater": above, "less": below, "two-sided": min(1.0, 2 * min(above, below))}[alternative]


def sign_flip_test(
    differences: Any, *, alternative: str = "two-sided", draws: int = 20000, seed: Seed = 0, exact: bool | None = None
) -> Test:
    """Test whether paired differences are symmetric about 0, by flipping their signs (Fisher 1935).

    Parameters
    ----------
    differences : array-like, shape (n,)
        One a patient; zeros change nothing.
    alternative : {"two-sided", "greater", "less"}
        Of the sum; two-sided counts sums at least as far from 0.
    draws : int
        Random flips when they are not all enumerated.
    exact : bool, optional
        Enumerate all 2^n flips; by default up to 20 differences other than 0.

    Returns
    -------
    Test
        ``statistic`` the sum, ``estimate`` the mean. The random version counts the observed flip too: p is never 0.

    Examples
    --------
    >>> sign_flip_test([1, 2, 3]).p_value
    0.25
    """
    one_of(alternative, ALTERNATIVES, "alternative")
    values = finite(differences, "differences").ravel()
    if not len(values):
        raise InputError("differences is empty")
    moving = values[values != 0]
    if exact and len(moving) > 24:
        raise InputError(f"{len(moving)} differences are too many to enumerate", allowed="24", remedy="Leave exact out")
    exact = len(moving) <= 20 if exact is None else exact
    total = float(values.sum())
    slack = 1e-9 * float(np.abs(moving).sum())
    if exact:
        sums = np.zeros(1)
        for value in moving:
            sums = np.concatenate([sums + value, sums - value])
        extra = 0
    else:
        sums = _flipped_sums(moving, draws, np.random.default_rng(seed))
        extra = 1
    compared, bound = {
        "two-sided": (np.abs(sums), abs(total)),
        "greater": (sums, total),
        "less": (-sums, -total),
    }[alternative]
    p_value = (extra + int(np.sum(compared >= bound - slack))) / (extra + len(sums))
    detail = {"method": "sign flip", "exact": exact, "flips": len(sums), "alternative": alternative}
    return Test(total, p_value, float(values.mean()), detail=detail)


def _flipped_sums(values: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return sums under random signs, shape (draws,)."""
    sums = np.empty(draws)
    step = max(1, (1 << 22) // max(1, len(values)))
    total = values.sum()
    for start in range(0, draws, step):
        size = min(step, draws - start)
        flipped = rng.integers(0, 2, size=(size, len(values)), dtype=np.int8)
        sums[start : start + size] = total - 2 * (flipped @ values)
    return sums


def swap_contributions(y: np.ndarray, a: np.ndarray, b: np.ndarray, statistic: str) -> np.ndarray:
    """Return what each row adds to a difference of two scores, and subtracts when it is swapped, shape (n,).

    For the AUROC of ranks the difference under any pattern of swaps is a sum of such terms: a pair of which both or
    neither member is swapped changes sign together, a pair of which one is swapped compares the scores across.
    """
    if statistic == "brier":
        return ((a - y) ** 2 - (b - y) ** 2) / len(y)
    if statistic == "accuracy":
        return ((a == y).astype(float) - (b == y).astype(float)) / len(y)
    if statistic == "absolute_error":
        return (np.abs(a - y) - np.abs(b - y)) / len(y)
    a, b = (stats.rankdata(score) for score in (a, b))
    terms = np.empty(len(y))
    for label in (True, False):
        mine, other = y == label, y != label
        own, rival = a[mine], b[mine]
        kept = cross_placements(own, a[other], positive=label) - cross_placements(rival, b[other], positive=label)
        crossed = cross_placements(own, b[other], positive=label) - cross_placements(rival, a[other], positive=label)
        terms[mine] = (kept + crossed) / (2 * mine.sum())
    return terms


def swap_permutation_test(
    y: Any,
    a: Any,
    b: Any,
    statistic: str = "auroc",
    *,
    clusters: Any = None,
    alternative: str = "two-sided",
    draws: int = 20000,
    seed: Seed = 0,
) -> Test:
    """Compare two models on the same patients by swapping their predictions, patient by patient.

    Parameters
    ----------
    y : array-like, shape (n,)
        0 and 1 (any number for ``absolute_error``).
    a, b : array-like, shape (n,)
        Scores for ``auroc`` (ranked first, so that scales do not matter), probabilities for ``brier``, 0/1 for
        ``accuracy``.
    statistic : {"auroc", "brier", "accuracy", "absolute_error"}
    clusters : array-like, shape (n,), optional
        The patient of each row: all rows of a patient are swapped together.

    Returns
    -------
    Test
        ``statistic`` and ``estimate``: a minus b. Exact up to 20 patients, else random with the observed one counted
        (never p = 0).

    Notes
    -----
    Bandos, Rockette & Gur 2005, Stat Med 24:2873. The difference in AUROC is a sum over patients that a swap changes
    in sign (:func:`swap_contributions`), so the test is a sign flip of those and costs one matrix product.

    Examples
    --------
    >>> y = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> swap_permutation_test(y, [1, 2, 3, 4, 5, 6, 7, 8], [3, 1, 7, 5, 4, 2, 8, 6]).p_value < 0.5
    True
    """
    one_of(statistic, ("auroc", "brier", "accuracy", "absolute_error"), "statistic")
    one_of(alternative, ALTERNATIVES, "alternative")
    outcome = finite(y, "y").ravel() if statistic == "absolute_error" else binary_outcome(y).astype(float)
    check = probabilities if statistic == "brier" else finite
    first, second = check(a, "a").ravel(), check(b, "b").ravel()
    same_length(y=outcome, a=first, b=second)
    terms = swap_contributions(outcome, first, second, statistic)
    if clusters is not None:
        terms = np.bincount(group_codes(clusters, len(outcome))[0], terms)
    terms[np.abs(terms) < 1e-15] = 0
    flipped = sign_flip_test(terms, alternative=alternative, draws=draws, seed=seed)
    difference = flipped.statistic
    detail = {**flipped.detail, "method": f"swap permutation, {statistic}", "question": QUESTIONS["swap"]}
    return Test(difference, flipped.p_value, difference, detail=detail)


def _paired_table(y: Any, a: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the 2x2 table (rows: first right or not) and each row's difference in being right, shape (n,)."""
    outcome, first, second = finite(y, "y").ravel(), finite(a, "a").ravel(), finite(b, "b").ravel()
    same_length(y=outcome, a=first, b=second)
    for name, values in (("y", outcome), ("a", first), ("b", second)):
        if not np.isin(values, (0, 1)).all():
            raise InputError(f"{name} must hold 0 and 1 only", remedy="Apply the threshold first")
    right, rival = outcome == first, outcome == second
    table = np.array(
        [[np.sum(right & rival), np.sum(right & ~rival)], [np.sum(~right & rival), np.sum(~right & ~rival)]]
    )
    return table, right.astype(float) - rival


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
        spread = float(sums @ sums) * len(groups) / max(1, len(groups) - 1)
        statistic = float(sums.sum()) ** 2 / spread if spread else 0.0
        return Test(statistic, float(stats.chi2.sf(statistic, 1)), estimate, detail=detail)
    detail["method"] = "McNemar, exact" if exact else "McNemar, chi-squared" + ", continuity-corrected" * continuity
    if table[0, 1] + table[1, 0] == 0:
        return Test(0.0, 1.0, estimate, detail={**detail, "reason": "the two never disagree"})
    found = mcnemar(table, exact=exact, correction=continuity)
    return Test(found.statistic, min(1.0, float(found.pvalue)), estimate, detail=detail)


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
    if not (n_train > 0 and n_test > 0):
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


def _adjusted(p: Any, method: str) -> np.ndarray:
    """Return adjusted p values by statsmodels."""
    values = probabilities(p, "p").ravel()
    return np.asarray(multipletests(values, method=method)[1], dtype=float) if len(values) else values


def holm(p: Any) -> np.ndarray:
    """Return p values adjusted by Holm's step-down, in the order given (1979, Scand J Stat 6:65).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    return _adjusted(p, "holm")


def benjamini_hochberg(p: Any) -> np.ndarray:
    """Return p values adjusted for the false discovery rate, in the order given (1995, J R Stat Soc B 57:289).

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    return _adjusted(p, "fdr_bh")
