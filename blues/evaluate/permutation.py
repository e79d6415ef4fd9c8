"""Permutation tests: sign flips of paired differences, swaps of two models' predictions, p values that are never 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from blues.check import ROUNDING, InputError, binary_outcome, finite, one_of, probabilities, same_length
from blues.evaluate.placements import cross_placements
from blues.evaluate.records import ALTERNATIVES, QUESTIONS, Test, group_codes, zeros_and_ones
from blues.evaluate.resample import Seed
from blues.evaluate.rows import rows_in_order

__all__ = ["permutation_p", "sign_flip_test", "swap_contributions", "swap_permutation_test", "without_rounding"]


def permutation_p(observed: float, null: Any, alternative: str = "greater") -> float:
    """Return the p value of a statistic against its permutation null: (1 + as extreme) / (1 + permutations), never 0.

    Phipson & Smyth 2010, Stat Appl Genet Mol Biol 9:39. ``two-sided`` takes twice the smaller tail.

    Parameters
    ----------
    observed : float
        The statistic on the data.
    null : array-like, shape (permutations,)
        The statistic on permuted data.
    alternative : {"greater", "less", "two-sided"}

    Returns
    -------
    float
        Above 0, at most 1.

    Examples
    --------
    >>> permutation_p(0.9, [0.4, 0.5, 0.6, 0.5])
    0.2
    """
    one_of(alternative, ALTERNATIVES, "alternative")
    values = finite(null, "null").ravel()
    finite([observed], "observed")
    slack = ROUNDING * max(abs(observed), float(np.abs(values).max(initial=0.0)))
    above = (1 + int(np.sum(values >= observed - slack))) / (1 + len(values))
    below = (1 + int(np.sum(values <= observed + slack))) / (1 + len(values))
    return {"greater": above, "less": below, "two-sided": min(1.0, 2 * min(above, below))}[alternative]


@rows_in_order
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
    seed : int or Generator
        Of the random flips.
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
    if not exact and draws < 1:
        raise InputError(f"draws is {draws}", allowed="at least 1; 20000 for a p value")
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


def without_rounding(terms: np.ndarray, y: np.ndarray, scores: Sequence[np.ndarray], statistic: str) -> np.ndarray:
    """Return the terms of :func:`swap_contributions`, 0 where they are rounding against the size of what they compare."""
    largest = max(float(np.abs(score - y).max()) for score in scores) if statistic == "absolute_error" else 1.0
    return np.where(np.abs(terms) <= 1e-13 * largest / len(y), 0.0, terms)


@rows_in_order
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
    alternative, draws, seed
        As in :func:`sign_flip_test`.

    Returns
    -------
    Test
        ``statistic`` and ``estimate``: a minus b. Exact up to 20 patients, else random with the observed one counted
        (never p = 0).

    Raises
    ------
    InputError
        For another statistic or alternative, predictions that the statistic does not take, or lengths that differ.

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
    checks: dict[str, Callable[[Any, str], np.ndarray]] = {"brier": probabilities, "accuracy": zeros_and_ones}
    check = checks.get(statistic, finite)
    first, second = check(a, "a").ravel(), check(b, "b").ravel()
    same_length(y=outcome, a=first, b=second)
    terms = swap_contributions(outcome, first, second, statistic)
    if clusters is not None:
        terms = np.bincount(group_codes(clusters, len(outcome))[0], terms)
    terms = without_rounding(terms, outcome, (first, second), statistic)
    flipped = sign_flip_test(terms, alternative=alternative, draws=draws, seed=seed)
    difference = flipped.statistic
    detail = {**flipped.detail, "method": f"swap permutation, {statistic}", "question": QUESTIONS["swap"]}
    return Test(difference, flipped.p_value, difference, detail=detail)
