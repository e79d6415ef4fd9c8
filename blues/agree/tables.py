"""One tidy frame of every coefficient that fits a scale, and the agreement of raters with themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
import pandas as pd

from blues.agree.alpha import krippendorff_alpha
from blues.agree.bland_altman import bland_altman
from blues.agree.concordance import lin_ccc
from blues.agree.conger import conger_kappa
from blues.agree.continuous import FORMS, icc
from blues.agree.multirater import brennan_prediger, fleiss_kappa, gwet_ac, pabak, percent_agreement
from blues.agree.pairwise import cohen_kappa, light_kappa
from blues.agree.ranks import kendall_w
from blues.agree.ratings import choose, clusters_of, tidy, wide
from blues.agree.record import DOUBTS, TEXTS, Agreement, frame_of, impossible
from blues.agree.resample import Kind, check_how
from blues.agree.rounds import round_order
from blues.agree.scale import measured, ordered_scale, places
from blues.check import InputError, one_of

__all__ = ["further", "intra_rater", "records", "table"]

Level = Literal["nominal", "ordinal", "continuous"]
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "continuous")


def _level(level: str | None, categories: Iterable[Any] | None) -> Level:
    if level is None and categories is None:
        raise InputError(
            "neither categories nor level is given",
            allowed="categories=[...] in order, or level='continuous' for measurements",
        )
    if level is None:
        return "ordinal"
    one_of(level, list(map(str, LEVELS)), "level")
    return LEVELS[LEVELS.index(level)]


def records(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    level: str | None = None,
    clusters: Any = None,
    interval: Kind | None = None,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> list[Agreement]:
    """Return the record of every coefficient that fits the scale and the number of raters.

    Parameters
    ----------
    ratings : array or DataFrame, shape (subjects, raters)
    categories : sequence, optional
        The whole scale in order; mandatory unless ``level`` is continuous or the ratings are ordered pandas categories.
    level : {"nominal", "ordinal", "continuous"}, optional
        By default ordinal; measurements must be called continuous.
    clusters, draws, seed, confidence
        As in :func:`blues.agree.cohen_kappa`.
    interval : {"bootstrap", "bca", "jackknife", "analytic"}, optional
        Of all coefficients; by default each one's own.
    """
    if categories is None and level != "continuous":
        categories = ordered_scale(ratings)
    kind = _level(level, categories)
    check_how(interval, draws, confidence)
    frame = wide(ratings)
    common: dict[str, Any] = {"clusters": clusters, "draws": draws, "seed": seed, "confidence": confidence}
    common |= {} if interval is None else {"interval": interval}
    if kind == "continuous":
        return _continuous(frame, common)
    if categories is None:
        raise InputError(f"the {kind} level needs categories: the whole scale in order")
    scale = list(categories)
    return _categorical(frame, scale, kind, {**common, "categories": scale})


def _categorical(frame: pd.DataFrame, scale: list[Any], kind: Level, how: dict[str, Any]) -> list[Agreement]:
    weights = [None, "linear", "quadratic"] if kind == "ordinal" and len(scale) > 2 else [None]
    found = [percent_agreement(frame, **how)]
    if len(weights) > 1:
        found.append(percent_agreement(frame, within=1, **how))
    if frame.shape[1] == 2:
        found += [cohen_kappa(frame, weights=w, **how) for w in weights]
    else:
        found += [light_kappa(frame, weights=w, **how) for w in weights]
        found += [conger_kappa(frame, weights=w, **how) for w in weights[:: max(len(weights) - 1, 1)]]
        found.append(fleiss_kappa(frame, **how))
    found.append(krippendorff_alpha(frame, level="nominal" if kind == "nominal" else "ordinal", **how))
    found += [gwet_ac(frame, weights=w, **how) for w in weights]
    found.append(pabak(frame, **how) if frame.shape[1] == 2 else brennan_prediger(frame, **how))
    if kind == "ordinal":
        numbers = _ranks(frame, scale)
        if (numbers.notna().sum(axis=1) == numbers.shape[1]).sum() > 1:
            found.append(_kendall(numbers, **{k: v for k, v in how.items() if k != "categories"}))
    return found


def _ranks(frame: pd.DataFrame, scale: list[Any]) -> pd.DataFrame:
    """Return the places of the ratings on the scale."""
    codes = places(frame, tuple(scale))
    out = pd.DataFrame(codes, index=frame.index, columns=frame.columns).where(codes >= 0)
    out.attrs = frame.attrs
    return out


def _continuous(frame: pd.DataFrame, how: dict[str, Any]) -> list[Agreement]:
    wanted: list[tuple[str, Callable[..., Agreement], dict[str, Any]]] = [
        (f"ICC({form})", icc, {"form": form}) for form in FORMS
    ]
    wanted.append(("Krippendorff's alpha, interval", krippendorff_alpha, {"level": "interval"}))
    wanted.append(("Kendall's W", _kendall, {}))
    if frame.shape[1] == 2:
        wanted.append(("Lin's concordance", lin_ccc, {}))
        wanted.append(("Bland-Altman mean difference", bland_altman, {}))
    measured(frame, how["clusters"])  # what is wrong with the numbers themselves stops the table
    return [_tried(method, coefficient, frame, {**more, **how}) for method, coefficient, more in wanted]


def _kendall(frame: pd.DataFrame, **how: Any) -> Agreement:
    """Return Kendall's W; without an interval where a formula is asked for, which it does not have."""
    if how.get("interval") != "analytic":
        return kendall_w(frame, **how)
    found = kendall_w(frame, **{**how, "interval": "bootstrap", "draws": 0})
    if math.isfinite(found.value):
        found.detail["reason"] = "no interval: there is no formula of one"
    return found


def _tried(method: str, coefficient: Callable[..., Agreement], frame: pd.DataFrame, how: dict[str, Any]) -> Agreement:
    """Return a coefficient, or the record that says why there is none: what is too little for one may do for the others."""
    try:
        return coefficient(frame, **how)
    except InputError as error:
        return impossible(method, frame, str(error), how["confidence"])


def table(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    level: str | None = None,
    clusters: Any = None,
    interval: Kind | None = None,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return every coefficient that fits, one row each.

    Parameters
    ----------
    ratings, categories, level, clusters, interval, draws, seed, confidence
        As in :func:`records`.

    Returns
    -------
    DataFrame
        Columns ``method, value, low, high, se, subjects, raters, left_out, interval, reason, note``; two raters'
        measurements add the limits of agreement, every set of measurements its error of measurement and minimal detectable
        change.

    Examples
    --------
    >>> import numpy as np
    >>> r = np.array([[0, 0], [1, 1], [2, 1], [3, 3], [2, 2], [0, 1]])
    >>> table(r, categories=[0, 1, 2, 3], draws=50).loc[:2, "method"].tolist()
    ['exact agreement', 'agreement within 1', "Cohen's kappa, unweighted"]
    """
    found = records(
        ratings,
        categories=categories,
        level=level,
        clusters=clusters,
        interval=interval,
        draws=draws,
        seed=seed,
        confidence=confidence,
    )
    more = further(found)
    return pd.concat([frame_of(found), more], ignore_index=True) if len(more) else frame_of(found)


def further(found: list[Agreement]) -> pd.DataFrame:
    """Return what records hold besides their coefficient and deserves a row: limits, errors of measurement, indices."""
    rows = [_row(record, name, *numbers) for record in found for name, *numbers in _extra(record)]
    if not rows:
        return pd.DataFrame(columns=found[0].to_frame().columns)
    return pd.concat([row.astype(TEXTS) for row in rows], ignore_index=True)


def _extra(record: Agreement) -> list[tuple[Any, ...]]:
    """Return numbers in a record's detail that deserve a row: name, value, low, high."""
    nan, detail = float("nan"), record.detail
    if not detail["clusters"]:
        return []  # could not be computed
    if record.method.startswith("Bland-Altman"):
        pairs = zip(("lower", "upper"), detail["limits"], detail["limits_ci"], strict=True)
        return [(f"Bland-Altman {name} limit", value, *ci) for name, value, ci in pairs]
    if record.method in ("ICC(2,1)", "ICC(3,1)"):
        kind = "agreement" if record.method == "ICC(2,1)" else "consistency"
        return [
            (f"standard error of measurement, {kind}", detail["sem"], nan, nan),
            (f"minimal detectable change, {kind}", detail["mdc"], nan, nan),
        ]
    names = {
        "prevalence_index": "prevalence index",
        "bias_index": "bias index",
        "ppos": "positive agreement",
        "pneg": "negative agreement",
    }
    if record.method.startswith("Cohen's kappa, unweighted"):
        return [(words, detail[key], nan, nan) for key, words in names.items() if key in detail]
    return []


def _row(record: Agreement, name: str, value: float, low: float, high: float) -> pd.DataFrame:
    limits = np.isfinite(low)
    row = record.to_frame().assign(method=name, value=value, low=low, high=high, se=np.nan)
    return row.assign(
        interval=record.detail.get("limits_method", record.detail["interval"]) if limits else None,
        reason=None if np.isfinite(value) and limits else "no interval: a description" if np.isfinite(value) else "0/0",
    )


def intra_rater(
    ratings: pd.DataFrame,
    *,
    categories: Iterable[Any] | None = None,
    item: str | None = None,
    weights: Any = None,
    interval: Kind | None = None,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return how far each rater agrees with him- or herself between two rounds.

    Parameters
    ----------
    ratings : DataFrame
        Tidy, with a column ``round``; the first two rounds are compared.
    categories : sequence, optional
        The whole scale: weighted kappa. Without it: ICC(2,1).
    item : str, optional
        Which item, where the frame holds several.
    weights, interval, draws, seed, confidence
        As in :func:`blues.agree.cohen_kappa`; patients cluster.

    Returns
    -------
    DataFrame
        One row a rater: ``rater, rounds`` (which were compared), ``method, value, low, high, se, subjects, percent_agreement,
        interval, reason, note``.

    Raises
    ------
    InputError
        If there are no two rounds.
    """
    rows = tidy(ratings)
    if "round" not in rows or rows["round"].nunique() < 2:
        raise InputError("ratings hold one round only, so no rater can be compared with him- or herself")
    first, second, *_ = round_order(rows["round"].unique())
    compared = f"{first} and {second}"
    scale = None if categories is None else list(categories)
    how: dict[str, Any] = {"draws": draws, "seed": seed, "confidence": confidence}
    how |= {} if interval is None else {"interval": interval}
    rounds = {"interval": "jackknife"}  # unless one is named: two rounds are no sample of raters
    found = []
    for rater, part in rows.groupby("rater", sort=True, observed=True):
        sides = [
            choose(part, item=item, round=r).set_index("subject")["rating"]
            for r in (first, second)
            if r in set(part["round"])
        ]
        pair = pd.concat(sides, axis=1, keys=[str(first), str(second)]).dropna() if len(sides) == 2 else pd.DataFrame()
        pair = pair.rename_axis(columns="rater")
        if not len(pair):
            found.append({"rater": rater, "rounds": compared, "subjects": 0, "reason": "rated nothing twice"})
            continue
        patients = clusters_of(part)
        clusters = None if patients is None else patients.reindex(pair.index)
        record = (
            icc(pair, form="2,1", clusters=clusters, **(rounds | how))
            if scale is None
            else cohen_kappa(pair, categories=scale, weights=weights, clusters=clusters, **how)
        )
        same = float((pair.iloc[:, 0] == pair.iloc[:, 1]).mean())
        found.append(
            {
                "rater": rater,
                "rounds": compared,
                **{k: getattr(record, k) for k in ("method", "value", "low", "high", "se", "subjects")},
                "percent_agreement": record.detail.get("percent_agreement", same),
                **{k: record.detail.get(k) for k in DOUBTS},
            }
        )
    return pd.DataFrame(found)
