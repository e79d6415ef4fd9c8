"""Lin's concordance correlation of two raters' measurements."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from blues.agree.pairwise import delta_method
from blues.agree.record import Agreement, LargeSample, build
from blues.agree.resample import Kind, cluster_interval, sum_clusters, undefined_if_constant
from blues.agree.scale import measured, no_weights
from blues.check import InputError

__all__ = ["lin_ccc"]


def lin_ccc(
    ratings: Any,
    *,
    clusters: Any = None,
    categories: Any = None,
    weights: None = None,
    interval: Kind | None = None,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    r"""Return Lin's concordance correlation coefficient of two raters (Lin 1989, moments with 1/n).

    .. math:: \rho_c = \frac{2 s_{xy}}{s_x^2 + s_y^2 + (\bar x - \bar y)^2}

    Parameters
    ----------
    ratings : array or DataFrame, shape (subjects, 2)
        Numbers; subjects with one rating are left out.
    clusters, categories, weights, draws, seed, confidence
        As in :func:`icc`.
    interval : {"analytic", "bootstrap", "bca", "jackknife"}, optional
        Lin's z-transformed interval by default (variance as corrected in Biometrics 2000); the delete-one-patient jackknife
        when ``clusters`` are given.

    Returns
    -------
    Agreement
        ``detail``: ``pearson``, ``bias_correction`` (C_b), ``scale_shift``, ``location_shift``.

    Examples
    --------
    >>> import numpy as np
    >>> round(lin_ccc(np.array([[1, 1.1], [2, 2.3], [3, 2.9], [4, 4.4]])).value, 3)
    0.975
    """
    no_weights(weights)
    data = measured(ratings, clusters)
    if len(data.raters) != 2:
        raise InputError(f"Lin's concordance is for two raters, and there are {len(data.raters)}", remedy="Use icc")
    data = data.complete()
    n = len(data.values)
    if n < 3:
        raise InputError(f"Lin's concordance needs three subjects rated by both raters, and has {n}")
    x, y = (data.values - data.values.mean()).T
    rows = np.column_stack([np.ones(n), x, y, x * x, y * y, x * y])
    sums = sum_clusters(rows, None, data.clusters, np.ones(n, dtype=np.int64))
    kind: Kind = interval or ("analytic" if data.clusters is None else "jackknife")
    found = cluster_interval(
        sums, _concordance, kind=kind, draws=draws, seed=seed, confidence=confidence, unit=data.unit
    )
    found = undefined_if_constant(found, float(np.ptp(data.values)))
    value = float(found.value[0])
    detail, se = _lin_detail(x, y, value)
    if data.clusters is None and math.isfinite(se) and abs(value) < 1:
        z, spread = math.atanh(value), float(special.ndtri(0.5 + confidence / 2)) * se / (1 - value**2)
        formula = LargeSample(math.tanh(z - spread), math.tanh(z + spread), se, "z-transform, Lin 1989", True)
    else:
        formula = delta_method(sums, _concordance, value, confidence)
    return build(
        found,
        subjects=n,
        raters=2,
        method="Lin's concordance",
        confidence=confidence,
        detail={**detail, "left_out": data.empty},
        reason="every rating is the same, so there is no variance to share out; percent agreement is 1.00",
        analytic=formula,
        banded=False,
    )


def _concordance(sums: np.ndarray) -> np.ndarray:
    n, x, y, xx, yy, xy = sums.T
    return 2 * (xy / n - x * y / n**2) / (xx / n + yy / n - 2 * x * y / n**2)


def _lin_detail(x: np.ndarray, y: np.ndarray, value: float) -> tuple[dict[str, float], float]:
    """Return the parts of the concordance and its standard error (Lin 1989, 2000)."""
    n, sx, sy = len(x), float(x.std()), float(y.std())
    if sx * sy == 0:
        return {
            "pearson": math.nan,
            "bias_correction": math.nan,
            "scale_shift": math.nan,
            "location_shift": math.nan,
        }, math.nan
    r = float(((x - x.mean()) * (y - y.mean())).mean() / (sx * sy))
    u = float(x.mean() - y.mean()) / math.sqrt(sx * sy)
    detail = {
        "pearson": r,
        "bias_correction": value / r if r else math.nan,
        "scale_shift": sx / sy,
        "location_shift": u,
    }
    if r == 0:
        return detail, math.nan
    p = value
    variance = (1 - r**2) * p**2 * (1 - p**2) / r**2 + 2 * p**3 * (1 - p) * u**2 / r - p**4 * u**4 / (2 * r**2)
    return detail, math.sqrt(max(variance, 0.0) / (n - 2))
