"""Compares groups: log-rank test of the hazards, Gray's test of the cumulative incidences, tertiles to group by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from lifelines.statistics import multivariate_logrank_test
from scipy.stats import chi2

from blues.check import FEW_PATIENTS, InputError
from blues.evaluate.records import Test
from blues.survive.inputs import Observed, group_labels, observed, risk_table, some_events

__all__ = ["gray_test", "logrank_test", "quantile_groups"]


def quantile_groups(values: Any, parts: int = 3) -> pd.Series:
    """Cut a continuous variable into groups of about equal size, tertiles by default.

    Equal values stay together, so groups may differ in size, and fewer may remain.

    Parameters
    ----------
    values : array-like, shape (n,)
        Missing values stay missing.
    parts : int

    Returns
    -------
    Series of ordered categories, shape (n,)
        Labels say the range, such as ``"0.5 to 1"``.

    Raises
    ------
    InputError
        Fewer than two distinct values.

    Examples
    --------
    >>> quantile_groups([1, 2, 3, 4, 5, 6]).tolist()
    ['1 to 2', '1 to 2', '3 to 4', '3 to 4', '5 to 6', '5 to 6']
    """
    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values, dtype=float))
    known = series.dropna().astype(float)
    if known.nunique() < 2:
        raise InputError("the variable to group by has fewer than two distinct values", value=series.name)
    cuts = np.unique(np.quantile(known, np.arange(1, parts) / parts, method="inverted_cdf"))
    code = np.searchsorted(cuts, known, side="left")
    code = np.unique(code, return_inverse=True)[1]
    bounds = [(known[code == g].min(), known[code == g].max()) for g in range(code.max() + 1)]
    names = _ranges(bounds)
    cut = pd.Categorical.from_codes(code, names, ordered=True)
    return pd.Series(cut, index=known.index, name=series.name).reindex(series.index)


def _ranges(bounds: Sequence[tuple[float, float]]) -> list[str]:
    """Return ranges in words, with two decimals or as many as tell their ends apart."""
    for digits in range(2, 13):
        shown = [[f"{round(float(end), digits) + 0.0:.12g}" for end in dict.fromkeys(pair)] for pair in bounds]
        if len({end for pair in shown for end in pair}) == sum(map(len, shown)):
            return [" to ".join(pair) for pair in shown]
    return [" to ".join(f"{float(end):.17g}" for end in dict.fromkeys(pair)) for pair in bounds]


def _expected(data: Observed, code: np.ndarray, labels: list[Any]) -> pd.DataFrame:
    """Return observed events, and those expected were the hazards equal, of each group."""
    table = risk_table(data, causes=np.array([1]))
    hazard = table.hazard[:, 0]
    exposure = np.cumsum(hazard)[table.place]
    before = np.concatenate([[0.0], np.cumsum(hazard)])[np.searchsorted(table.time, data.entry, side="right")]
    rows = [
        [label, int((code == g).sum()), int(data.event[code == g].sum()), float((exposure - before)[code == g].sum())]
        for g, label in enumerate(labels)
    ]
    return pd.DataFrame(rows, columns=["group", "n", "observed", "expected"])


def logrank_test(time: Any, event: Any, groups: Any) -> Test:
    """Log-rank test that two or more groups share one hazard (Mantel 1966; Peto & Peto 1972), through lifelines.

    Parameters
    ----------
    time, event : array-like, shape (n,)
        1 event, 0 censored; events at time 0 count.
    groups : array-like, shape (n,)

    Returns
    -------
    Test
        Chi-squared on groups - 1 degrees of freedom; ``detail`` holds ``df`` and ``table`` (observed and expected
        events of each group).

    Raises
    ------
    InputError
        Fewer than two groups, no event, bad times or codes.

    Examples
    --------
    >>> test = logrank_test([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"])
    >>> round(test.statistic, 3), test.detail["df"]
    (2.882, 1)
    """
    data = observed(time, event, groups=groups)
    code, labels = group_labels(groups, len(data.time), at_least=2)
    events = some_events(data.event, "the log-rank test")
    table = _expected(data, code, labels)
    detail = {
        "method": "log-rank, chi-squared",
        "df": len(labels) - 1,
        "events": events,
        "table": table.to_dict("list"),
    }
    kept = np.flatnonzero(table["expected"].to_numpy() > 0)  # others left before the first event and say nothing
    if len(kept) < 2:
        return Test(math.nan, math.nan, detail={**detail, "reason": "no two groups were at risk at any event together"})
    rows = np.isin(code, kept)
    result = multivariate_logrank_test(data.time[rows], code[rows], data.event[rows])
    return Test(
        result.test_statistic, chi2.sf(result.test_statistic, len(kept) - 1), detail={**detail, "df": len(kept) - 1}
    )


def gray_test(time: Any, event: Any, groups: Any, *, cause: int = 1, rho: float = 0.0) -> Test:
    """Gray's test that groups share one cumulative incidence of a cause, other causes competing.

    Compares the groups' subdistribution hazards with weight (1 - F0)^rho (Gray, Ann Stat 1988;16:1141); the variance is
    that of R ``cmprsk::cuminc``, its finite-sample factors for ties included. With 40 patients it rejects .05 to .08 of true
    hypotheses at .05.

    Parameters
    ----------
    time : array-like, shape (n,)
    event : array-like, shape (n,)
        0 censored; 1, 2 ... the causes.
    groups : array-like, shape (n,)
    cause : int
        The cause whose incidence is compared.
    rho : float
        Power of the weight; 0 weighs all times alike.

    Returns
    -------
    Test
        Chi-squared on groups - 1 degrees of freedom. ``detail["reason"]`` warns below 10 events of the cause, where the
        chi-squared reference is doubtful, and says so when the test cannot be done.

    Raises
    ------
    InputError
        Fewer than two groups, no event of the cause, bad times or codes.

    Examples
    --------
    >>> test = gray_test([1, 2, 3, 4, 5, 6], [1, 2, 1, 1, 2, 1], ["a", "a", "a", "b", "b", "b"])
    >>> round(test.statistic, 4)
    2.1654
    """
    data = observed(time, event, cause=cause, groups=groups)
    code, labels = group_labels(groups, len(data.time), at_least=2)
    status = np.where(data.event == cause, 1, np.where(data.event > 0, 2, 0))
    events = int((status == 1).sum())
    counts = [int(((status == 1) & (code == g)).sum()) for g in range(len(labels))]
    table = pd.DataFrame({"group": labels, "n": np.bincount(code, minlength=len(labels)), "events": counts})
    detail: dict[str, Any] = {
        "method": "Gray, chi-squared",
        "df": len(labels) - 1,
        "events": events,
        "table": table.to_dict("list"),
    }
    if events < FEW_PATIENTS:
        detail["reason"] = (
            f"{events} events of cause {cause}: fewer than {FEW_PATIENTS}, so the chi-squared reference is doubtful"
        )
    score, variance = _gray_score(data.time, status, code, len(labels), rho)
    if np.linalg.matrix_rank(variance) < len(score):
        reason = "the variance of the score is singular: some group tells nothing about this cause"
        return Test(math.nan, math.nan, detail={**detail, "reason": reason})
    statistic = float(score @ np.linalg.solve(variance, score))
    return Test(statistic, chi2.sf(statistic, len(score)), detail=detail)


def _gray_counts(time: np.ndarray, status: np.ndarray, code: np.ndarray, g: int) -> tuple[np.ndarray, ...]:
    """Return at risk, events of the cause and of others by distinct time and group, each (m, g)."""
    grid, place = np.unique(time, return_inverse=True)
    cells = place * g + code
    size = len(grid) * g
    leaving = np.bincount(cells, minlength=size).reshape(-1, g)
    at_risk = leaving.sum(axis=0) - np.vstack([np.zeros(g), np.cumsum(leaving, axis=0)[:-1]])
    first, other = (np.bincount(cells[status == s], minlength=size).reshape(-1, g).astype(float) for s in (1, 2))
    keep = (first + other).sum(axis=1) > 0
    return at_risk[keep], first[keep], other[keep]


def _gray_score(
    time: np.ndarray, status: np.ndarray, code: np.ndarray, g: int, rho: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return Gray's scores of the first g - 1 groups and their covariance.

    Notation of the paper: h_r = Y_r/S_r(t-), R_r = h_r (1 - F_r(t-)). The covariance is written as a sum over groups k
    of variances of martingale increments; an increment at t enters the score of group i directly (``a``) and through
    the later scores (``c`` up to t and the total of ``c``), hence the three sums kept.
    """
    stay, incidence, pooled = np.ones(g), np.zeros(g), 0.0  # S_r(t-), F_r(t-), F0(t-)
    score, c = np.zeros(g), np.zeros((g, g))
    quadratic, linear, constant = np.zeros((g, g)), np.zeros((g, g)), np.zeros(g)
    for y, first, other in zip(*_gray_counts(time, status, code, g), strict=True):
        if abs(1 - pooled) < 1e-12:
            break  # every curve has reached 1; while some have not, the pooled estimate may pass it
        live = y > 0
        h = np.divide(y, stay, out=np.zeros(g), where=live)
        share = h * (1 - incidence)
        weight, died = max(0.0, 1 - pooled) ** rho, first.sum()
        after = np.where(live, stay * (1 - np.divide(first + other, y, out=np.zeros(g), where=live)), stay)
        later = np.where(live, incidence + stay * np.divide(first, y, out=np.zeros(g), where=live), incidence)
        rising = pooled + died / h.sum()
        a = weight * (np.diag(h) - np.outer(h, h) / h.sum())
        c += a * died / (h.sum() * (1 - pooled))
        score += weight * (first - died * share / share.sum())
        through = np.divide(1 - rising, after, out=np.ones(g), where=after > 0)
        if died > 0:
            spare = h.sum() * stay - 1
            tie = 1 - np.divide(died - 1, spare, out=np.zeros(g), where=(died > 1) & (spare > 0))
            size = np.where(live, tie * stay * died / np.where(live, h.sum() * y, 1), 0.0)
            factor = np.where(after > 0, 1 - through, 1.0)
            direct = a - factor * c
            quadratic += (direct * size) @ direct.T
            linear += direct * factor * size
            constant += factor**2 * size
        use = (after > 0) & (other > 0)
        if use.any():
            tie = 1 - np.divide(other - 1, y - 1, out=np.zeros(g), where=use & (other > 1))
            size = np.where(use, tie * stay**2 * other / np.where(live, y, 1) ** 2, 0.0)
            passed = through * c
            quadratic += (passed * size) @ passed.T
            linear -= passed * through * size
            constant += through**2 * size
        stay, incidence, pooled = after, later, rising
    cross = c @ linear.T
    covariance = quadratic + (c * constant) @ c.T + cross + cross.T
    return score[:-1], covariance[:-1, :-1]
