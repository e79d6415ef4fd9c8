"""Sums that keep signs, feature -> variable -> group -> BLUE point -> modality, and how large, stable and unlikely they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from blues import check, evaluate
from blues.explain.columns import LEVELS
from blues.explain.record import Attributions

__all__ = ["FEWEST_PERMUTATIONS", "importance", "null_importance", "roll_up", "stability", "with_null"]

FEWEST_PERMUTATIONS = 19
"""With fewer permutations no p-value can reach 0.05, so nothing is said about the null."""
_TABLE = (
    "modality name unit value low high rank rank_low rank_high repeat_low repeat_high share direction p_value p_own null_high "
    "inside_null"
).split()
_NULL = ["arm", "permutation", "level", "modality", "name", "value"]


def roll_up(attributions: Attributions, arm: str, level: str = "variable") -> pd.DataFrame:
    """Sum the values of what belongs together, a patient and repeat at a time, signs kept.

    Parameters
    ----------
    attributions : Attributions
    arm : str
    level : {"feature", "variable", "group", "point", "modality"}
        At ``"point"`` what is no image column, or is pooled over all points, is left out.

    Returns
    -------
    DataFrame
        ``patient`` (and ``clip``), ``repeat``, ``modality``, ``name``, ``shap``.

    Raises
    ------
    InputError
        For an arm that was not explained, or an unknown level.
    """
    return _rolled(attributions.arm(arm), level)


def _rolled(part: pd.DataFrame, level: str) -> pd.DataFrame:
    column = _column(part, level)
    if level == "point":
        part = part[part["point"].astype(str) != ""]
    keys = [key for key in ("patient", "clip", "repeat") if key in part] + ["modality", column]
    # a modality is its own name: group by it once
    keys = list(dict.fromkeys(keys))
    table = part.groupby(keys, sort=False, observed=True)["shap"].sum().reset_index()
    return table.assign(name=table[column].astype(str), modality=table["modality"].astype(str))[
        [*[k for k in keys if k not in ("modality", column)], "modality", "name", "shap"]
    ]


def _codes(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return each value's number and the distinct values, in the order in which they occur."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes, first = pd.factorize(values.cat.codes.to_numpy())
        return codes, values.cat.categories.to_numpy()[first]
    codes, names = pd.factorize(values.to_numpy())
    return codes, names


def _cube(part: pd.DataFrame, level: str) -> tuple[np.ndarray, pd.MultiIndex, np.ndarray]:
    """Return absolute sums (repeats, patients, names), NaN where absent, with names and patients; clips are averaged."""
    column = _column(part, level)
    if level == "point":
        part = part[part["point"].astype(str) != ""]
    if not len(part):
        empty = pd.MultiIndex.from_arrays([[], []], names=["modality", "name"])
        return np.empty((0, 0, 0)), empty, np.empty(0, dtype=object)
    repeat, repeats = _codes(part["repeat"])
    patient, patients = _codes(part["patient"])
    modality, modalities = _codes(part["modality"])
    label, labels = _codes(part[column])
    pairs, name = np.unique(modality * len(labels) + label, return_inverse=True)
    names = pd.MultiIndex.from_arrays(
        [modalities[pairs // len(labels)].astype(str), labels[pairs % len(labels)].astype(str)],
        names=["modality", "name"],
    )
    clip, clips = _codes(part["clip"]) if "clip" in part else (patient, patients)
    shape = (len(repeats), len(clips), len(names))
    cell = np.ravel_multi_index((repeat, clip, name), shape)
    sums = np.bincount(cell, weights=part["shap"].to_numpy(float), minlength=int(np.prod(shape))).reshape(shape)
    known = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape) > 0
    owner = np.zeros((len(clips), len(patients)))
    owner[clip, patient] = 1
    size = np.einsum("rcn,cp->rpn", np.where(known, np.abs(sums), 0.0), owner, optimize=True)
    count = np.einsum("rcn,cp->rpn", known.astype(float), owner, optimize=True)
    return np.divide(size, count, out=np.full(size.shape, np.nan), where=count > 0), names, patients


def _column(part: pd.DataFrame, level: str) -> str:
    check.one_of(level, LEVELS, "level")
    return "label" if level == "feature" and "label" in part else level


def _means(cube: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean over patients, shape (draws, repeats, names); what a repeat lacks counts nothing."""
    known = np.isfinite(cube)
    total = np.einsum("dp,rpn->drn", weights, np.where(known, cube, 0.0), optimize=True)
    count = np.einsum("dp,rp->dr", weights, known.any(axis=2).astype(float))[:, :, None]
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def importance(
    attributions: Attributions, arm: str, level: str = "variable", *, draws: int = 500, seed: int = 0
) -> pd.DataFrame:
    """Mean absolute value over patients, with interval, rank, share, direction, and the label-permutation null.

    The absolute value of a sum is taken after the sum over what belongs together, a repeat at a time, and then averaged over
    patients and repeats: values that cancel inside a lab or a BLUE point do not count.

    Parameters
    ----------
    attributions : Attributions
    arm : str
    level : str
        See :func:`roll_up`.
    draws : int
        Bootstrap samples over patients, for the percentile intervals of value and rank.
    seed : int

    Returns
    -------
    DataFrame
        Largest first: ``modality, name, unit, value, low, high, rank, rank_low, rank_high, repeat_low, repeat_high`` (range of
        ranks over repeats), ``share`` (of the sum over names), ``direction`` (Spearman correlation over patients between
        the feature's own value and its mean Shapley value; NaN where the name is not one numeric feature), and from
        :func:`with_null` ``p_value, p_own, null_high, inside_null``.

    Raises
    ------
    InputError
        For an arm that was not explained, an unknown level, or no draws.
    """
    part = attributions.arm(arm)
    if draws < 1:
        raise check.InputError(f"draws is {draws}", allowed="1 or more")
    cube, names, patients = _cube(part, level)
    if not len(names):
        return pd.DataFrame(columns=_TABLE)
    means = _means(cube, np.ones((1, len(patients))))[0]
    weights = evaluate.bootstrap_weights(len(patients), draws, seed)
    drawn = np.nanmean(_means(cube, weights), axis=1)
    value = np.nanmean(means, axis=0)
    table = names.to_frame(index=False)
    table["value"] = value
    table["low"], table["high"] = np.nanpercentile(drawn, [2.5, 97.5], axis=0)
    table["rank"] = _ranks(value[None])[0]
    table["rank_low"], table["rank_high"] = np.percentile(_ranks(drawn), [2.5, 97.5], axis=0)
    over_repeats = _ranks(means)
    table["repeat_low"], table["repeat_high"] = over_repeats.min(axis=0), over_repeats.max(axis=0)
    table["share"] = value / max(float(np.nansum(value)), 1e-300)
    table = table.merge(_about(part, level), on=["modality", "name"], how="left")
    table = with_null(
        table, attributions.null[(attributions.null["arm"] == arm) & (attributions.null["level"] == level)]
    )
    return table.sort_values(["value", "name"], ascending=[False, True], kind="stable", ignore_index=True)[_TABLE]


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks along the last axis, 1 for the largest; ties share the mean."""
    return pd.DataFrame(values).rank(axis=1, ascending=False).to_numpy()


def _about(part: pd.DataFrame, level: str) -> pd.DataFrame:
    """Return the unit of each name, and the direction of those that stand for one feature."""
    column = _column(part, level)
    part = part.assign(name=part[column])
    pairs = part.drop_duplicates("feature") if "unit" in part else part.iloc[:0].assign(unit="")
    units = dict(zip(pairs["feature"].astype(str), pairs["unit"].astype(str), strict=True))
    means = part.groupby(["patient", "modality", "name", "feature"], sort=False, observed=True)
    means = means[["value", "shap"]].mean().reset_index()
    rows = []
    for (modality, name), one in means.groupby(["modality", "name"], sort=False, observed=True):
        single = one["feature"].nunique() == 1
        rows.append(
            {
                "modality": str(modality),
                "name": str(name),
                "unit": _unit(units, one["feature"]),
                "direction": _spearman(one["value"], one["shap"]) if single else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=["modality", "name", "unit", "direction"])


def _unit(units: Mapping[str, str], features: pd.Series) -> str:
    """Return the unit that all features of a name share, or nothing."""
    found = {units.get(str(name), "") for name in features.unique()}
    return found.pop() if len(found) == 1 else ""


def _spearman(x: pd.Series, y: pd.Series) -> float:
    # fewer than five patients show no direction; the table of a cohort, which only describes it, asks for three
    known = x.notna() & y.notna()
    if known.sum() < 5 or x[known].nunique() < 2 or y[known].nunique() < 2:
        return float("nan")
    return float(stats.spearmanr(x[known], y[known]).statistic)


def with_null(table: pd.DataFrame, null: pd.DataFrame, level: float = 0.05) -> pd.DataFrame:
    """Add ``p_value``, ``p_own``, ``null_high`` and ``inside_null`` to a table of importances.

    Each name's importance is put on the scale of its own values under the null (mean and standard deviation over observed and
    permuted), and compared with the largest of all names in each permutation [1]_: the chance that any name of a run without
    signal leaves the band is at most ``level``.

    Parameters
    ----------
    table : DataFrame
        ``modality, name, value``.
    null : DataFrame
        ``permutation, modality, name, value``, from :func:`null_importance`.
    level : float
        Over all names of the table together.

    Returns
    -------
    DataFrame
        ``p_value`` is adjusted for all names looked at, ``p_own`` is not. ``inside_null`` (``p_value`` above ``level``:
        ``value`` not above ``null_high``) is None where there are fewer than :data:`FEWEST_PERMUTATIONS` permutations.

    References
    ----------
    .. [1] Westfall PH, Young SS. Resampling-based multiple testing. Wiley, 1993 (single-step maxT).
    .. [2] Tusher VG, Tibshirani R, Chu G. Significance analysis of microarrays. PNAS 2001;98:5116-5121 (the constant added
       to the spread).
    """
    table = table.copy()
    count = null["permutation"].nunique() if len(null) else 0
    if count < FEWEST_PERMUTATIONS:
        return table.assign(p_value=np.nan, p_own=np.nan, null_high=np.nan, inside_null=None)
    wide = null.pivot_table(index="permutation", columns=["modality", "name"], values="value", aggfunc="mean")
    keys = pd.MultiIndex.from_frame(table[["modality", "name"]])
    drawn = wide.reindex(columns=keys).fillna(0.0).to_numpy()
    own = table["value"].to_numpy(float)
    all_ = np.vstack([own, drawn])
    middle, spread = all_.mean(axis=0), all_.std(axis=0)
    # names that are hardly ever used have next to no spread; the median spread keeps them from ruling the maximum [2]
    spread = spread + np.median(spread)
    z = np.divide(all_ - middle, spread, out=np.zeros(all_.shape), where=spread > 0)
    largest = z.max(axis=1)
    table["p_value"] = [evaluate.permutation_p(one, largest[1:]) for one in z[0]]
    cut = np.sort(largest)[::-1][int(np.floor(level * len(largest) + 1e-9))]
    table["p_own"] = [evaluate.permutation_p(one, drawn[:, j]) for j, one in enumerate(own)]
    table["null_high"] = middle + cut * spread
    table["inside_null"] = (table["p_value"] > level).astype(object)
    return table


def null_importance(attributions: Attributions, permutation: int) -> pd.DataFrame:
    """Return the importances of one run with shuffled outcome at every level, as :attr:`Attributions.null` holds them.

    Parameters
    ----------
    attributions : Attributions
        Of the run with shuffled outcome.
    permutation : int
        Number of the shuffle.

    Returns
    -------
    DataFrame
        ``arm, permutation, level, modality, name, value``.
    """
    tables = []
    for arm in attributions.arms:
        part = attributions.arm(arm)
        for level in LEVELS:
            cube, names, patients = _cube(part, level)
            if len(names):
                values = np.nanmean(_means(cube, np.ones((1, len(patients))))[0], axis=0)
                tables.append(
                    names.to_frame(index=False).assign(arm=arm, permutation=permutation, level=level, value=values)
                )
    return pd.concat(tables, ignore_index=True)[_NULL] if tables else pd.DataFrame(columns=_NULL)


def stability(
    attributions: Attributions, arm: str, levels: Iterable[str] = LEVELS, *, draws: int = 200, seed: int = 0
) -> pd.DataFrame:
    """How far the repeats of the cross-validation agree on the ranking.

    Parameters
    ----------
    attributions : Attributions
    arm : str
    levels : iterable of str
        As in :func:`roll_up`.
    draws, seed : int
        Bootstrap samples of patients for the 95 % interval, and their seed.

    Returns
    -------
    DataFrame
        One row a level: ``level, names, repeats, value, low, high`` (Kendall's W [1]_ of the ranks over repeats, corrected
        for ties [2]_, 1 for identical rankings, with percentile interval over patients), ``top`` (the name ranked first),
        ``top_share`` (of the repeats in which it is first). Levels with fewer than two names are left out.

    Raises
    ------
    InputError
        For an arm that was not explained, or an unknown level.

    References
    ----------
    .. [1] Kendall MG, Babington Smith B. The problem of m rankings. Ann Math Stat 1939;10:275-287.
    .. [2] Kendall MG. Rank correlation methods. 4th ed. Griffin, 1970, chapter 6.
    """
    part, rows = attributions.arm(arm), []
    for level in levels:
        cube, names, patients = _cube(part, level)
        if len(names) < 2 or len(cube) < 2:
            continue
        means = np.nan_to_num(_means(cube, np.ones((1, len(patients)))))
        drawn = np.nan_to_num(_means(cube, evaluate.bootstrap_weights(len(patients), draws, seed)))
        low, high = np.percentile(_concordance(drawn), [2.5, 97.5])
        first = int(means[0].mean(axis=0).argmax())
        rows.append(
            {
                "level": level,
                "names": len(names),
                "repeats": means.shape[1],
                "value": float(_concordance(means)[0]),
                "low": float(low),
                "high": float(high),
                "top": str(names[first][1]),
                "top_share": float((means[0].argmax(axis=1) == first).mean()),
            }
        )
    return pd.DataFrame(rows, columns=["level", "names", "repeats", "value", "low", "high", "top", "top_share"])


def _concordance(values: np.ndarray) -> np.ndarray:
    """Return Kendall's W, corrected for ties, of values (draws, repeats, names), shape (draws,).

    1 where every repeat holds all names alike: there is nothing to rank, and they agree on that.
    """
    draws, repeats, count = values.shape
    flat = pd.DataFrame(values.reshape(draws * repeats, count))
    ranks: Any = _ranks(flat.to_numpy()).reshape(values.shape)
    totals = ranks.sum(axis=1)
    spread = ((totals - totals.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    tied = (flat.rank(axis=1, method="max") - flat.rank(axis=1, method="min") + 1).to_numpy().reshape(values.shape)
    most = repeats * (repeats * (count**3 - count) - (tied**2 - 1).sum(axis=(1, 2)))
    return np.divide(12 * spread, most, out=np.ones(draws), where=most > 0)
