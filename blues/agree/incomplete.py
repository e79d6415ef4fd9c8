"""Intraclass correlations of incomplete tables: variance components by restricted maximum likelihood (REML).

The model is y_ij = rater_j + subject_i + error_ij with random subjects. Its restricted likelihood depends on the data only
through sums for each pattern of missing ratings, so a bootstrap replicate is as cheap as for a complete table. On complete
tables it gives the estimates of the analysis of variance (as long as they are not negative). Ratings may be missing at random
given the other ratings of the subject, where leaving incomplete subjects out would bias (Harville, J Am Stat Assoc 1977).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from blues.agree.record import Agreement, build
from blues.agree.resample import ClusterSums, Kind, cluster_interval, sum_clusters, undefined_if_constant
from blues.agree.sampled_raters import raters_sampled
from blues.agree.scale import Measured, measured
from blues.check import InputError

__all__ = ["components", "icc_of_model", "reml_iccs", "reml_sums"]

_GRID = np.concatenate([[0.0], np.linspace(0.01, 0.99, 34), [0.999]])
_STEPS = 40
_GOLDEN = (5**0.5 - 1) / 2


def reml_sums(data: Measured) -> tuple[ClusterSums, np.ndarray]:
    """Return sums a cluster and the patterns of missing ratings.

    Returns
    -------
    sums : ClusterSums
        For each pattern p: subjects, ratings by rater (m), squares, squared totals of subjects; k = p * (m + 3).
    masks : ndarray of bool, shape (p, m)
        Which raters a pattern has.
    """
    present = ~np.isnan(data.values)
    masks, which = np.unique(present, axis=0, return_inverse=True)
    which = which.ravel()
    y = np.where(present, data.values - np.nanmean(data.values), 0.0)
    n, m = y.shape
    own = np.column_stack([np.ones(n), y, (y**2).sum(axis=1), y.sum(axis=1) ** 2])
    rows = np.zeros((n, len(masks), m + 3))
    rows[np.arange(n), which] = own
    times = np.ones(n, dtype=np.int64)
    return sum_clusters(rows.reshape(n, -1), None, data.clusters, times), masks


def _fit(share: np.ndarray, sums: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the REML criterion, error variance, rater means and their precision at subject shares (b,) of the variance."""
    m = masks.shape[1]
    ratio = share / (1 - share)
    number, by_rater, squares, totals = sums[:, :, 0], sums[:, :, 1 : 1 + m], sums[:, :, 1 + m], sums[:, :, 2 + m]
    size = masks.sum(axis=1)
    shrink = ratio[:, None] / (1 + ratio[:, None] * size)
    weight = number[:, :, None] * masks
    precision = -np.einsum("bp,pi,pj->bij", number * shrink, masks.astype(float), masks.astype(float))
    precision[:, np.arange(m), np.arange(m)] += weight.sum(axis=1)
    right = by_rater.sum(axis=1) - np.einsum("bp,pi->bi", shrink * by_rater.sum(axis=2), masks.astype(float))
    usable = (weight.sum(axis=1) > 0).all(axis=1)
    precision[~usable] = np.eye(m)
    usable &= np.linalg.det(precision) > 1e-9
    precision[~usable] = np.eye(m)
    mean = np.linalg.solve(precision, right[:, :, None])[:, :, 0]
    free = (number * size).sum(axis=1) - m
    rest = (squares - shrink * totals).sum(axis=1) - (mean * right).sum(axis=1)
    error = np.where(usable & (free > 0) & (rest > 0), rest / free, np.nan)
    size_term = (number * np.log1p(ratio[:, None] * size)).sum(axis=1)
    criterion = free * np.log(error) + size_term + np.linalg.slogdet(precision)[1]
    return criterion, error, mean, precision


def _best_share(sums: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Minimise the criterion over [0, 0.999] for every row at once: a grid, then golden sections."""
    found = np.stack([_fit(np.full(len(sums), s), sums, masks)[0] for s in _GRID])
    place = np.where(np.isnan(found), np.inf, found).argmin(axis=0)
    low, high = _GRID[np.maximum(place - 1, 0)], _GRID[np.minimum(place + 1, len(_GRID) - 1)]
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = (_fit(s, sums, masks)[0] for s in (left, right))
    for _ in range(_STEPS):
        smaller = at_left < at_right
        low, high = np.where(smaller, low, left), np.where(smaller, right, high)
        fresh = np.where(smaller, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        value = _fit(fresh, sums, masks)[0]
        left, right, at_left, at_right = (
            np.where(smaller, fresh, right),
            np.where(smaller, left, fresh),
            np.where(smaller, value, at_right),
            np.where(smaller, at_left, value),
        )
    share = (low + high) / 2
    at_zero = _fit(np.zeros(len(sums)), sums, masks)[0]
    return np.where(at_zero <= _fit(share, sums, masks)[0], 0.0, share)


def components(sums: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return variances of subjects, raters and error, each (b,), from sums (b, p * (m + 3))."""
    subject, between, noise, error = _variances(sums, masks)
    return subject, np.maximum(between - noise, 0.0), error


def _variances(sums: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the variance of subjects, of the raters' means, what of that is noise, and of error, each (b,)."""
    m = masks.shape[1]
    table = sums.reshape(len(sums), len(masks), m + 3)
    share = _best_share(table, masks)
    _, error, mean, precision = _fit(share, table, masks)
    subject = error * share / (1 - share)
    covariance = np.linalg.inv(precision) * error[:, None, None]
    noise = (np.trace(covariance, axis1=1, axis2=2) - covariance.sum(axis=(1, 2)) / m) / (m - 1)
    return subject, mean.var(axis=1, ddof=1), noise, error


def reml_iccs(masks: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of sums, (b, k) to (b, 4): ICC(2,1), ICC(3,1), ICC(2,k), ICC(3,k)."""
    m = masks.shape[1]

    def function(sums: np.ndarray) -> np.ndarray:
        subject, rater, error = components(sums, masks)
        agreement, consistency = subject / (subject + rater + error), subject / (subject + error)
        averages = [subject / (subject + (rater + error) / m), subject / (subject + error / m)]
        return np.stack([agreement, consistency, *averages], axis=1)

    return function


def icc_of_model(
    ratings: Any, name: str, clusters: Any, interval: Kind | None, draws: int, seed: int, confidence: float
) -> Agreement:
    """Return an ICC that keeps subjects with missing ratings (:mod:`blues.agree.incomplete`)."""
    places = ("2,1", "3,1", "2,k", "3,k")
    if name not in places:
        raise InputError("the model keeps raters apart, so it has no one-way forms", allowed=places)
    if interval == "analytic":
        raise InputError("the model's interval is by resampling", allowed=("bootstrap", "bca", "jackknife"))
    data = measured(ratings, clusters)
    sums, masks = reml_sums(data)
    place, function = places.index(name), reml_iccs(masks)
    how: dict[str, Any] = {"draws": draws, "seed": seed, "confidence": confidence, "unit": data.unit}
    if interval is None and name.startswith("2"):
        sizes = (~np.isnan(data.values)).sum(axis=1) if data.clusters is None else None

        def parts(s: np.ndarray) -> np.ndarray:
            return np.column_stack([function(s)[:, place], *_variances(s, masks)])

        found = raters_sampled(sums, parts, masks.shape[1], of_mean=name == "2,k", sizes=sizes, **how)
    else:
        found = cluster_interval(sums, lambda s: function(s)[:, place], kind=interval or "bootstrap", **how)
    spread = float(np.nanmax(data.values) - np.nanmin(data.values))
    with np.errstate(all="ignore"):
        subject, rater, error = (float(v[0]) for v in components(sums.total[None, :], masks))
    detail = {
        "variance_subjects": subject,
        "variance_raters": rater,
        "variance_residual": error,
        "left_out": data.empty,
        "missing": f"REML: {int(np.isnan(data.values).sum())} missing ratings, no subject with a rating left out",
    }
    return build(
        undefined_if_constant(found, spread),
        subjects=len(data.values),
        raters=len(data.raters),
        method=f"ICC({name}), mixed model",
        confidence=confidence,
        detail=detail,
        reason="the variance components cannot be told apart in these ratings",
        banded=False,
    )
