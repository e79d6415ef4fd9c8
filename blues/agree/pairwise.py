"""Cohen's kappa of two raters, and what averages it over pairs: Light's kappa and tables of pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse, special

from blues.agree.record import DOUBTS, Agreement, LargeSample, build, of_pairs
from blues.agree.resample import ClusterSums, Kind, cluster_interval, linearised, sum_clusters
from blues.agree.scale import Coded, coded, comparable_units
from blues.agree.weights import agreement_weights
from blues.check import InputError

__all__ = ["cohen_kappa", "joint_rows", "kappas", "light_kappa", "matrix", "pair_sums", "pairs", "two_by_two"]

_DENSE = 4_000_000


def joint_rows(patterns: np.ndarray, chosen: Sequence[tuple[int, int]], q: int) -> Any:
    """Return one-hot joint cells of each pattern and pair, shape (p, pairs * q * q), sparse when large."""
    p, cells = len(patterns), len(chosen) * q * q
    rows, columns = [], []
    for k, (a, b) in enumerate(chosen):
        both = np.flatnonzero((patterns[:, a] >= 0) & (patterns[:, b] >= 0))
        rows.append(both)
        columns.append(k * q * q + patterns[both, a].astype(np.int64) * q + patterns[both, b])
    row, column = np.concatenate(rows), np.concatenate(columns)
    table = sparse.coo_array((np.ones(len(row)), (row, column)), shape=(p, cells)).tocsr()
    return table.toarray() if p * cells <= _DENSE else table


def pair_sums(data: Coded, chosen: Sequence[tuple[int, int]]) -> ClusterSums:
    """Return joint tables of the chosen pairs, one row a cluster."""
    patterns, index, times = data.patterns()
    rows = joint_rows(patterns, chosen, len(data.categories))
    return sum_clusters(rows, index, data.clusters, times)


def kappas(sums: np.ndarray, disagreement: np.ndarray) -> np.ndarray:
    """Return weighted kappas of joint tables, (b, pairs * q * q) to (b, pairs); 0/0 gives NaN.

    kappa = 1 - observed / expected disagreement, the expected one from both raters' margins (Cohen 1960, 1968).
    """
    q = len(disagreement)
    table = sums.reshape(len(sums), -1, q * q)
    cells = table.reshape(len(sums), -1, q, q)
    expected = ((cells.sum(axis=3) @ disagreement) * cells.sum(axis=2)).sum(axis=-1)
    return (table @ disagreement.ravel()) * table.sum(axis=2) / expected * -1 + 1


def fleiss_cohen_everitt(joint: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return the standard error of weighted kappa and the one under independence (Fleiss, Cohen & Everitt 1969)."""
    n = joint.sum()
    p = joint / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    chance = np.outer(rows, columns)
    observed, expected = (weights * p).sum(), (weights * chance).sum()
    if expected == 1:
        return math.nan, math.nan
    kappa = (observed - expected) / (1 - expected)
    means = (weights @ columns)[:, None] + (rows @ weights)[None, :]
    scale = n * (1 - expected) ** 2
    full = (p * (weights - means * (1 - kappa)) ** 2).sum() - (kappa - expected * (1 - kappa)) ** 2
    null = (chance * (weights - means) ** 2).sum() - expected**2
    return math.sqrt(max(full, 0) / scale), math.sqrt(max(null, 0) / scale)


def two_by_two(joint: np.ndarray) -> dict[str, float]:
    """Return the extra indices of a 2 x 2 table; the second category is the positive one.

    Prevalence index |a - d| / n and bias index |b - c| / n (Byrt, Bishop & Carlin 1993, in the absolute form of Sim & Wright
    2005); positive and negative agreement (Cicchetti & Feinstein 1990).
    """
    (d, c), (b, a) = joint.astype(float)
    n = a + b + c + d
    return {
        "prevalence_index": abs(a - d) / n,
        "bias_index": abs(b - c) / n,
        "ppos": 2 * a / (2 * a + b + c) if a + b + c else math.nan,
        "pneg": 2 * d / (2 * d + b + c) if d + b + c else math.nan,
    }


def table_detail(joint: np.ndarray, data: Coded, weights: np.ndarray) -> dict[str, Any]:
    """Return what a joint table of two raters says beside kappa."""
    q, n = len(joint), joint.sum()
    p = joint / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    exact = float(np.trace(joint) / n)
    gap = np.abs(np.subtract.outer(np.arange(q), np.arange(q)))
    with np.errstate(all="ignore"):
        specific = 2 * np.diag(p) / (rows + columns)
        each = [kappas(_against_rest(joint, k).reshape(1, -1), 1 - np.eye(2))[0, 0] for k in range(q)]
    names = pd.Index(data.categories, name="category")
    found: dict[str, Any] = {
        "po": float((weights * p).sum()),
        "pe": float(rows @ weights @ columns),
        "percent_agreement": exact,
        "within_one": float(p[gap <= 1].sum()),
        "ac1": ac1_of(exact, (rows + columns) / 2),
        "pabak": (q * exact - 1) / (q - 1),
        "per_category": pd.DataFrame(
            {"kappa": each, "specific_agreement": specific, "share_a": rows, "share_b": columns}, index=names
        ),
        "matrix": pd.DataFrame(
            joint.astype(int), index=names.rename(data.raters[0]), columns=names.rename(data.raters[1])
        ),
    }
    return {**found, **(two_by_two(joint) if q == 2 else {})}


def _against_rest(joint: np.ndarray, k: int) -> np.ndarray:
    both = joint[k, k]
    first, second = joint[k].sum() - both, joint[:, k].sum() - both
    return np.array([[both, first], [second, joint.sum() - both - first - second]])


def ac1_of(exact: float, shares: np.ndarray) -> float:
    """Return AC1 from percent agreement and the mean share of each category: defined when kappa is not."""
    chance = float((shares * (1 - shares)).sum() / (len(shares) - 1))
    return (exact - chance) / (1 - chance)


def undefined_because(data: Coded) -> str:
    """Say why a chance-corrected coefficient is 0/0 and what the data still say."""
    codes = data.codes[data.codes >= 0]
    if (codes == codes[0]).all():
        return (
            f"every rating is {data.categories[codes[0]]!r}, so chance agreement is 1 and the coefficient is 0/0; "
            "percent agreement is 1.00 and AC1 is 1.00 (detail)"
        )
    return "observed and chance disagreement are both zero, so the coefficient is 0/0"


def cohen_kappa(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    weights: Any = None,
    clusters: Any = None,
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    r"""Return Cohen's kappa of two raters, unweighted or weighted, with its interval.

    .. math:: \kappa = 1 - \frac{\sum_{ij} d_{ij} p_{ij}}{\sum_{ij} d_{ij} p_{i.} p_{.j}}

    with disagreement weights d = 1 - w (Cohen 1960, 1968). Subjects with one rating only do not enter.

    Parameters
    ----------
    ratings : array or DataFrame, shape (subjects, 2)
        One column a rater; NaN for a missing rating. A tidy frame is made wide.
    categories : sequence
        The whole scale in order. Mandatory: an unused category changes weighted kappa.
    weights : None, "unweighted", "linear", "quadratic" or (q, q) matrix
        See :func:`blues.agree.agreement_weights`.
    clusters : array or Series, shape (subjects,), optional
        Patient of each subject; resampling is by patient.
    interval : {"bootstrap", "bca", "jackknife", "analytic"}
        By cluster, or by subject when none are given.
    draws, seed, confidence
        Bootstrap replicates (0 for none), their seed, and the level of the interval.

    Returns
    -------
    Agreement
        ``detail``: ``po``, ``pe`` (weighted), ``se``, ``null_se``, ``p_value`` (kappa = 0; NaN with clusters),
        ``percent_agreement``, ``within_one``, ``ac1``, ``pabak``, ``per_category``, ``matrix``; for two categories
        ``prevalence_index``, ``bias_index``, ``ppos``, ``pneg``.

    Raises
    ------
    InputError
        No categories; ratings outside them; not two raters; raters who share no subject.

    Examples
    --------
    >>> import numpy as np
    >>> a = [0, 1, 2, 3, 3, 2, 1, 0, 0, 2]
    >>> b = [0, 1, 2, 3, 2, 2, 0, 0, 1, 3]
    >>> k = cohen_kappa(np.column_stack([a, b]), categories=[0, 1, 2, 3], weights="quadratic")
    >>> round(k.value, 3), k.detail["percent_agreement"]
    (0.839, 0.6)
    """
    data = coded(ratings, categories, clusters)
    if len(data.raters) != 2:
        raise InputError(
            f"Cohen's kappa is for two raters, and there are {len(data.raters)}",
            remedy="Use light_kappa, conger_kappa, fleiss_kappa or krippendorff_alpha; pairs() gives every pair",
        )
    w, name = agreement_weights(weights, data.categories)
    return _of_pair(data, (0, 1), w, name, interval=interval, draws=draws, seed=seed, confidence=confidence)


def _of_pair(
    data: Coded,
    pair: tuple[int, int],
    w: np.ndarray,
    name: str,
    *,
    interval: Kind,
    draws: int,
    seed: int,
    confidence: float,
) -> Agreement:
    """Return Cohen's kappa of two of the raters, on the subjects that both rated."""
    data = data.restrict(pair, complete=True)
    sums = pair_sums(data, [(0, 1)])
    found = cluster_interval(
        sums, lambda s: kappas(s, 1 - w), kind=interval, draws=draws, seed=seed, confidence=confidence, unit=data.unit
    )
    joint = sums.total.reshape(len(w), len(w))
    se, null = fleiss_cohen_everitt(joint, w)
    value = float(found.value[0])
    detail = {**table_detail(joint, data, w), "weights": name, "null_se": null}
    # subjects of one patient are not independent, and the test takes them so
    known = null > 0 and data.clusters is None
    detail["p_value"] = float(2 * special.ndtr(-abs(value / null))) if known else math.nan
    detail["left_out"] = data.empty
    if data.clusters is None:
        detail["se"] = se
        reach = float(special.ndtri(0.5 + confidence / 2)) * se
        formula = LargeSample(value - reach, value + reach, se, "large-sample, Fleiss, Cohen & Everitt 1969")
    else:
        formula = delta_method(sums, lambda s: kappas(s, 1 - w), value, confidence)
    return build(
        found,
        subjects=data.subjects,
        raters=2,
        method=f"Cohen's kappa, {name}",
        confidence=confidence,
        detail=detail,
        reason=partial(undefined_because, data),
        analytic=formula,
        chance=1 - detail["pe"],
    )


def delta_method(
    sums: ClusterSums, function: Any, value: float, confidence: float, independent: bool = False
) -> LargeSample:
    """Return the delta-method interval of the first value of a function of sums, clusters independent."""
    g = sums.clusters
    if g < 2:
        return LargeSample(math.nan, math.nan, math.nan, "delta method: too few units", False)
    with np.errstate(all="ignore"):
        se = float(linearised(sums, function)[0])
    reach = float(special.stdtrit(g - 1, 0.5 + confidence / 2)) * se
    return LargeSample(value - reach, value + reach, se, f"delta method, t with {g - 1} df", independent)


def _mean_of_pairs(sums: np.ndarray, disagreement: np.ndarray) -> np.ndarray:
    """Return the mean over defined pairs, then each pair: (b, 1 + pairs)."""
    each = kappas(sums, disagreement)
    bad = np.isnan(each)
    mean = np.where(bad, 0, each).sum(axis=1) / (~bad).sum(axis=1)
    return np.concatenate([mean[:, None], each], axis=1)


def _shares(total: np.ndarray, pairs: int, q: int) -> np.ndarray:
    table = total.reshape(pairs, q, q).sum(axis=0)
    return (table.sum(axis=0) + table.sum(axis=1)) / (2 * table.sum())


def _pair_frame(
    data: Coded, chosen: Sequence[tuple[int, int]], w: np.ndarray, name: str, how: dict[str, Any]
) -> pd.DataFrame:
    """Return Cohen's kappa of the chosen pairs, one row each."""
    rows = []
    for a, b in chosen:
        record = _of_pair(data, (a, b), w, name, **how)
        rows.append(
            {
                "pair": f"{data.raters[a]} - {data.raters[b]}",
                "rater_a": data.raters[a],
                "rater_b": data.raters[b],
                "value": record.value,
                "low": record.low,
                "high": record.high,
                "se": record.se,
                "subjects": record.subjects,
                "percent_agreement": record.detail["percent_agreement"],
                **{k: record.detail.get(k) for k in DOUBTS},
            }
        )
    return pd.DataFrame(rows).astype(dict.fromkeys(DOUBTS, object))


def overlapping(data: Coded) -> list[tuple[int, int]]:
    """Return the pairs of raters that share a subject."""
    rated = data.codes >= 0
    return [(a, b) for a, b in combinations(range(len(data.raters)), 2) if (rated[:, a] & rated[:, b]).any()]


def light_kappa(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    weights: Any = None,
    clusters: Any = None,
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Return Light's kappa: the mean of Cohen's kappa over every pair of raters (Light 1971).

    Each pair uses the subjects both rated. Pairs without a common subject, or whose kappa is 0/0, do not enter the mean;
    ``detail["note"]`` says how many, and which of the others rest on very few subjects.

    Parameters
    ----------
    ratings, categories, weights, clusters, interval, draws, seed, confidence
        As in :func:`cohen_kappa`, for two or more raters.

    Returns
    -------
    Agreement
        ``detail["pairs"]``: one row a pair with its own interval.
    """
    data = coded(ratings, categories, clusters)
    w, name = agreement_weights(weights, data.categories)
    chosen = overlapping(data)
    sums = pair_sums(data, chosen)
    found = cluster_interval(
        sums,
        lambda s: _mean_of_pairs(s, 1 - w),
        kind=interval,
        draws=draws,
        seed=seed,
        confidence=confidence,
        unit=data.unit,
    )
    how: dict[str, Any] = {"interval": interval, "draws": draws, "seed": seed, "confidence": confidence}
    frame = _pair_frame(data, chosen, w, name, how)
    formula = delta_method(
        sums, lambda s: _mean_of_pairs(s, 1 - w), float(found.value[0]), confidence, data.clusters is None
    )
    shares = _shares(sums.total, len(chosen), len(w))
    two = comparable_units(data.codes >= 0, None)
    record = build(
        found,
        subjects=two,
        raters=len(data.raters),
        method=f"Light's kappa, {name}",
        confidence=confidence,
        detail={
            "pairs": frame,
            "weights": name,
            "percent_agreement": float(frame["percent_agreement"].mean()),
            "ac1": ac1_of(float(frame["percent_agreement"].mean()), shares),
            "left_out": data.empty + data.subjects - two,
        },
        reason=partial(undefined_because, data),
        analytic=formula,
        chance=float(shares @ (1 - w) @ shares),
        units=comparable_units(data.codes >= 0, data.clusters),
    )
    if math.isfinite(record.value) and (words := of_pairs(frame, math.comb(len(data.raters), 2) - len(chosen), two)):
        record.detail["note"] = "; ".join(filter(None, [record.detail.get("note"), words]))
    return record


def pairs(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    weights: Any = None,
    clusters: Any = None,
    interval: Kind = "bootstrap",
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return Cohen's kappa of every pair of raters, one row a pair: the forest plot's frame.

    Parameters
    ----------
    ratings, categories, weights, clusters, interval, draws, seed, confidence
        As in :func:`cohen_kappa`, for two or more raters.

    Returns
    -------
    DataFrame
        Columns ``pair, rater_a, rater_b, weights, value, low, high, se, subjects, percent_agreement, interval, reason,
        note``; numbers and doubts are those of :func:`cohen_kappa` for the two.
    """
    data = coded(ratings, categories, clusters)
    w, name = agreement_weights(weights, data.categories)
    how: dict[str, Any] = {"interval": interval, "draws": draws, "seed": seed, "confidence": confidence}
    frame = _pair_frame(data, overlapping(data), w, name, how)
    frame.insert(3, "weights", name)
    return frame


def matrix(
    ratings: Any, *, categories: Iterable[Any] | None = None, pair: tuple[str, str] | None = None
) -> pd.DataFrame:
    """Return the joint table of two raters over the whole scale, counts; rows are the first rater.

    Parameters
    ----------
    ratings, categories
        As in :func:`cohen_kappa`.
    pair : (str, str), optional
        Which raters, when there are more than two.

    Returns
    -------
    DataFrame, shape (q, q)
        Subjects that both rated.
    """
    data = coded(ratings, categories)
    if pair is None and len(data.raters) > 2:
        raise InputError("choose two raters with pair=", allowed=data.raters)
    names = data.raters if pair is None else tuple(map(str, pair))
    for name in names:
        if name not in data.raters:
            raise InputError(f"no rater {name!r}", allowed=data.raters)
    both = data.restrict([data.raters.index(n) for n in names], complete=True)
    q = len(data.categories)
    counts = np.bincount(both.codes[:, 0].astype(np.int64) * q + both.codes[:, 1], minlength=q * q).reshape(q, q)
    scale = pd.Index(data.categories)
    return pd.DataFrame(counts, index=scale.rename(names[0]), columns=scale.rename(names[1]))
