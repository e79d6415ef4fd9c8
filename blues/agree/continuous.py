"""Continuous ratings: intraclass correlations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from blues.agree.incomplete import icc_of_model
from blues.agree.pairwise import delta_method
from blues.agree.record import Agreement, LargeSample, build
from blues.agree.resample import ClusterSums, Kind, cluster_interval, sum_clusters, undefined_if_constant
from blues.agree.sampled_raters import raters_sampled
from blues.agree.scale import Measured, measured, no_weights
from blues.check import InputError, one_of

__all__ = ["FORMS", "icc", "iccs"]

Form = Literal["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"]
FORMS: tuple[Form, ...] = ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k")
_SAME_AS = {"a,1": "2,1", "a,k": "2,k", "c,1": "3,1", "c,k": "3,k", "1": "1,1", "2": "2,1", "3": "3,1"}
_SAME_AS |= {"1k": "1,k", "2k": "2,k", "3k": "3,k"}
_NOTHING = 1e-13  # share of the largest mean square below which another is rounding


def _form(form: str) -> Form:
    """Return Shrout & Fleiss' name of a form given in theirs, McGraw & Wong's or as ICC2k, with or without ``ICC()``."""
    short = str(form).lower().replace(" ", "").removeprefix("icc").strip("()")
    one_of(_SAME_AS.get(short, short), list(map(str, FORMS)), "form")
    return FORMS[FORMS.index(_SAME_AS.get(short, short))]


def _mean_squares(sums: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return n and the mean squares of rows, raters, residual and within.

    ``sums`` are [rows, column totals (k), squared row totals / k, squares], shape (b, k + 3).
    """
    n, columns, rows, squares = sums[:, 0], sums[:, 1 : 1 + k], sums[:, 1 + k], sums[:, 2 + k]
    grand = columns.sum(axis=1) ** 2 / (n * k)
    between = rows - grand
    raters = (columns**2).sum(axis=1) / n - grand
    within = squares - rows
    residual = within - raters
    return n, between / (n - 1), raters / (k - 1), residual / ((n - 1) * (k - 1)), within / (n * (k - 1))


def _icc_values(sums: np.ndarray, k: int) -> np.ndarray:
    """Return the six forms, (b, 6), in the order of :data:`FORMS` (Shrout & Fleiss 1979).

    ICC(2,k) is NaN where the variance of a mean of k ratings, its denominator, is estimated as 0 or less.
    """
    n, msr, msc, mse, msw = _mean_squares(sums, k)
    of_mean = msr + (msc - mse) / n
    of_mean = np.where(of_mean.real > 0, of_mean, np.nan)
    return np.stack(
        [
            (msr - msw) / (msr + (k - 1) * msw),
            (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n),
            (msr - mse) / (msr + (k - 1) * mse),
            (msr - msw) / msr,
            (msr - mse) / of_mean,
            (msr - mse) / msr,
        ],
        axis=1,
    )


def _icc_total(values: np.ndarray) -> np.ndarray:
    """Return the total of :func:`_icc_sums` without the rows, shape (1, k + 3)."""
    columns = [np.ascontiguousarray(column) for column in values.T]
    centre = sum(float(column.mean()) for column in columns) / len(columns)
    columns = [column - centre for column in columns]
    row = sum(columns[1:], columns[0])
    sums = [float(column.sum()) for column in columns]
    squares = sum(float(column @ column) for column in columns)
    return np.array([[len(row), *sums, float(row @ row) / len(columns), squares]])


def _icc_sums(data: Measured) -> ClusterSums:
    values = data.values - data.values.mean(axis=0).mean()
    n = len(values)
    rows = np.column_stack([np.ones(n), values, values.sum(axis=1) ** 2 / values.shape[1], (values**2).sum(axis=1)])
    return sum_clusters(rows, None, data.clusters, np.ones(n, dtype=np.int64))


def f_limits(n: int, k: int, squares: Sequence[float], confidence: float) -> pd.DataFrame:
    """Return F tests and F-based limits of the six forms (Shrout & Fleiss 1979; McGraw & Wong 1996).

    Parameters
    ----------
    n, k : int
        Subjects and raters.
    squares : sequence of 4 floats
        Mean squares of subjects, raters, residual, within.

    Returns
    -------
    DataFrame
        Index the form; columns ``f, df1, df2, p_value, low, high``. Where the residual is 0 the limits are those that it
        tends to; a mean of k has no lower limit (minus infinity) where that of one rating is -1 / (k - 1) or less.
    """
    largest = max(squares)
    msr, msc, mse, msw = (np.float64(x if x > _NOTHING * largest else 0.0) for x in squares)
    tail = 0.5 + confidence / 2
    one, free = n - 1, (n - 1) * (k - 1)
    f, f_one = msr / mse, msr / msw
    icc = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    # times the residual, which may be 0
    first, second = k * icc * msc, mse * (n * (1 + (k - 1) * icc) - k * icc)
    v = free * (first + second) ** 2 / ((n - 1) * first**2 + second**2) if first or second else np.float64(free)
    # one over the upper quantile, and the lower one; with next to no degrees of freedom both are 0
    under, lower = (float(np.nan_to_num(special.fdtri(v, one, p))) for p in (1 - tail, tail))
    spread = k * msc + (k * n - k - n) * mse
    agreement = (
        n * (under * msr - mse) / (spread + n * under * msr),
        n * (lower * msr - mse) / (spread + n * lower * msr),
    )
    # where v is far below 1, with negative values, the approximation can miss the value itself
    agreement = min(agreement[0], icc), max(agreement[1], icc)
    singles = [_exact_limits(f_one, one, n * (k - 1), k, tail), agreement, _exact_limits(f, one, free, k, tail)]
    limits = np.array([*singles, *(tuple(_of_mean(x, k) for x in pair) for pair in singles)])
    fs, df2 = np.array([f_one, f, f] * 2), np.array([n * (k - 1), free, free] * 2, dtype=float)
    p_value = np.where(np.isposinf(fs), 0.0, special.fdtrc(one, df2, fs))
    columns = {"f": fs, "df1": float(one), "df2": df2, "p_value": p_value}
    return pd.DataFrame({**columns, "low": limits[:, 0], "high": limits[:, 1]}, index=list(FORMS))


def _of_mean(limit: float, k: int) -> float:
    """Step a limit up from one rating to the mean of k (Spearman-Brown)."""
    return -math.inf if limit * (k - 1) <= -1 else k * limit / (1 + (k - 1) * limit)


def _exact_limits(f: float, one: int, two: int, k: int, tail: float) -> tuple[float, float]:
    """Return the exact limits of ICC(1,1) or ICC(3,1) from its F statistic."""
    if math.isinf(f):
        return 1.0, 1.0
    low, high = f / special.fdtri(one, two, tail), f * special.fdtri(two, one, tail)
    return (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


def _icc_data(ratings: Any, clusters: Any) -> Measured:
    data = measured(ratings, clusters).complete()
    if len(data.values) < 2:
        raise InputError(
            f"an intraclass correlation needs two subjects rated by every rater, and has {len(data.values)}",
            remedy="Leave out the rater with most missing ratings, or use krippendorff_alpha(level='interval')",
        )
    return data


def iccs(ratings: Any, *, confidence: float = 0.95) -> pd.DataFrame:
    """Return the six intraclass correlations with F-based intervals, one row a form.

    Parameters
    ----------
    ratings : array or DataFrame, shape (subjects, raters)
        Subjects with a missing rating are left out (listwise); ``.attrs["left_out"]`` counts them.
    confidence : float
        Level of the intervals.

    Returns
    -------
    DataFrame
        Columns ``form, value, low, high, f, df1, df2, p_value, subjects, raters``. A value is NaN where it is 0/0 (every
        rating the same) or, for 2,k, where the variance of a mean of k ratings is estimated as 0 or less.

    Examples
    --------
    >>> import numpy as np
    >>> r = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
    >>> iccs(r)["value"].round(2).tolist()
    [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]
    """
    data = _icc_data(ratings, None)
    n, k = data.values.shape
    total = _icc_total(data.values)
    with np.errstate(all="ignore"):
        _, *squares = (float(x[0]) for x in _mean_squares(total, k))
        limits = f_limits(n, k, squares, confidence)
        values = _icc_values(total, k)[0] if np.ptp(data.values) > 0 else np.full(6, np.nan)
    limits.loc[np.isnan(values), ["low", "high"]] = np.nan
    columns = {"form": FORMS, "value": values, "low": limits["low"].to_numpy(), "high": limits["high"].to_numpy()}
    columns.update({c: limits[c].to_numpy() for c in ("f", "df1", "df2", "p_value")})
    frame = pd.DataFrame({**columns, "subjects": n, "raters": k})
    frame.attrs["left_out"] = data.empty
    return frame


def icc(
    ratings: Any,
    *,
    form: str = "2,1",
    clusters: Any = None,
    categories: Any = None,
    weights: None = None,
    missing: Literal["listwise", "model"] = "listwise",
    interval: Kind | None = None,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Agreement:
    """Return an intraclass correlation with its interval.

    Parameters
    ----------
    ratings : array or DataFrame, shape (subjects, raters)
        Numbers.
    form : {"1,1", "2,1", "3,1", "1,k", "2,k", "3,k"}
        Shrout & Fleiss (1979): raters differ by subject; a random sample of raters, absolute agreement; these raters,
        consistency; single rating or mean of k. McGraw & Wong's A,1 and C,1 are 2,1 and 3,1.
    clusters : array or Series, optional
        Patient of each subject.
    categories, weights : optional
        Taken for the sake of one signature: numbers need no categories, and weights are refused.
    missing : {"listwise", "model"}
        Leave subjects with a missing rating out (``detail["left_out"]`` counts them), or keep them in a mixed model (REML;
        forms 2 and 3; resampled intervals only).
    interval : {"analytic", "bootstrap", "bca", "jackknife"}, optional
        F-based by default; since F takes rows as independent, with ``clusters`` the delete-one-patient jackknife, and of form
        2 a patient bootstrap in which raters vary too, being a sample. With ``missing="model"`` a bootstrap, of form 2 one in
        which raters vary (without ``clusters`` the generalised interval of :mod:`blues.agree.sampled_raters`, of normal
        ratings). A resampled interval that is named takes these raters for all, and so does the delta method of clusters.
    draws, seed, confidence
        As in :func:`blues.agree.cohen_kappa`.

    Returns
    -------
    Agreement
        ``detail``: ``f, df1, df2, p_value``, mean squares, variance components, ``sem`` (standard error of measurement),
        ``mdc`` (minimal detectable change, 1.96 sqrt(2) sem; de Vet 2006), both by agreement or consistency as the form
        has it, and ``forms``, the table of :func:`iccs`.

    Examples
    --------
    >>> import numpy as np
    >>> r = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
    >>> k = icc(r, form="2,1")
    >>> round(k.value, 2), round(k.low, 2), round(k.high, 2)
    (0.29, 0.02, 0.76)
    """
    no_weights(weights)
    name = _form(form)
    if one_of(missing, ("listwise", "model"), "missing") == "model":
        return icc_of_model(ratings, name, clusters, interval, draws, seed, confidence)
    data = _icc_data(ratings, clusters)
    n, k = data.values.shape
    place = FORMS.index(name)
    sums = _icc_sums(data)

    def function(s: np.ndarray) -> np.ndarray:
        return _icc_values(s, k)[:, place]

    kind: Kind = interval or ("analytic" if data.clusters is None else "jackknife")
    if interval is None and data.clusters is not None and name.startswith("2"):
        how: dict[str, Any] = {"draws": draws, "seed": seed, "confidence": confidence, "unit": data.unit}
        found = raters_sampled(sums, _parts_of_raters(k, name), k, of_mean=name == "2,k", **how)
    else:
        found = cluster_interval(
            sums, function, kind=kind, draws=draws, seed=seed, confidence=confidence, unit=data.unit
        )
    with np.errstate(all="ignore"):
        _, *squares = (float(x[0]) for x in _mean_squares(sums.total[None, :], k))
        table = f_limits(n, k, squares, confidence)
        table.insert(0, "value", _icc_values(sums.total[None, :], k)[0])
    found = undefined_if_constant(found, float(np.ptp(data.values)))
    row = table.loc[name]
    if data.clusters is None:
        se = delta_method(sums, function, float(found.value[0]), confidence).se
        formula = LargeSample(float(row["low"]), float(row["high"]), se, "F-based, Shrout & Fleiss 1979", True)
    else:
        formula = delta_method(sums, function, float(found.value[0]), confidence)
    return build(
        found,
        subjects=n,
        raters=k,
        method=f"ICC({name})",
        confidence=confidence,
        detail=_icc_detail(name, n, k, squares, table, data.empty, data.clusters is not None),
        reason=_icc_reason(data, name),
        analytic=formula,
        banded=False,
    )


def _parts_of_raters(k: int, name: Form) -> Callable[[np.ndarray], np.ndarray]:
    """Return what :func:`blues.agree.sampled_raters.raters_sampled` asks of complete tables: a function of sums."""

    def parts(s: np.ndarray) -> np.ndarray:
        n, msr, msc, mse, _ = _mean_squares(s, k)
        return np.stack([_icc_values(s, k)[:, FORMS.index(name)], (msr - mse) / k, msc / n, mse / n, mse], axis=1)

    return parts


def _icc_reason(data: Measured, name: Form) -> str:
    """Say why an intraclass correlation is 0/0."""
    if np.ptp(data.values) == 0:
        return "every rating is the same, so there is no variance to share out; percent agreement is 1.00"
    if np.ptp(data.values, axis=0).max() == 0:
        return "every rater gave all subjects one value, so the subjects do not differ"
    if name == "2,k":
        return "the variance of a mean of k ratings is estimated as 0 or less, so there is nothing to divide by"
    return "subjects and residuals have no variance, so the coefficient is 0/0"


def _icc_detail(
    name: Form, n: int, k: int, squares: list[float], table: pd.DataFrame, left_out: int, clustered: bool
) -> dict[str, Any]:
    msr, msc, mse, msw = squares
    rater = max((msc - mse) / n, 0.0)
    # by agreement a rater's own level counts as error; by consistency it does not
    error = {"1": msw, "2": rater + mse, "3": mse}[name[0]]
    sem = math.sqrt(max(error, 0.0) / (k if name.endswith("k") else 1))
    row = table.loc[name]
    return {
        **{c: float(row[c]) for c in ("f", "df1", "df2")},
        "p_value": math.nan if clustered else float(row["p_value"]),  # F takes rows as independent
        "ms_subjects": msr,
        "ms_raters": msc,
        "ms_residual": mse,
        "ms_within": msw,
        "variance_subjects": max((msr - mse) / k, 0.0),
        "variance_raters": rater,
        "variance_residual": mse,
        "sem": sem,
        "mdc": 1.959963984540054 * math.sqrt(2) * sem,
        "left_out": left_out,
        "missing": "listwise: a subject with a missing rating is left out",
        "forms": table.rename_axis("form").reset_index(),
    }
