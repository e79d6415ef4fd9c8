"""Describes times to discharge or death: Kaplan-Meier, Aalen-Johansen and the restricted mean.

Each function takes a time and an event a subject, and groups if there are any, and gives a tidy table. The subject is
the patient: clips never enter here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from blues.check import InputError, finite
from blues.cohort.display import Shown
from blues.evaluate.records import check_level
from blues.survive.inputs import Observed, RiskTable, group_labels, observed, positive_time, risk_table, some_events

__all__ = ["Curves", "RestrictedMean", "aalen_johansen", "kaplan_meier", "restricted_mean"]


@dataclass(frozen=True, repr=False)
class Curves(Shown):
    """Step curves, one a group (and a cause).

    Attributes
    ----------
    table : DataFrame
        One row a distinct time: ``group``, (``cause``,) ``time``, ``at_risk`` just before, ``events``, ``censored``,
        ``survival`` or ``incidence``, ``se``, ``low``, ``high``. The first row of a group is time 0.
    median : DataFrame
        ``group``, ``n``, ``events``, ``median``, ``low``, ``high``; empty for cumulative incidences.
    level : float
        Confidence level of ``low`` and ``high``.
    watched : dict
        Of each group when its subjects came under watch and when they left it, two ascending arrays.
    """

    table: pd.DataFrame
    median: pd.DataFrame
    level: float
    watched: Mapping[Any, tuple[np.ndarray, np.ndarray]] = field(repr=False)

    def at(self, times: Any) -> pd.DataFrame:
        """Return the curves read at ``times``: the last step at or before each, numbers at risk just before it.

        After a group's last observation the curves are unknown, NaN, unless everybody had left by then.

        Parameters
        ----------
        times : array-like
            Finite, in the unit of the curves.
        """
        wanted = finite(times, "times").ravel()
        value = "survival" if "survival" in self.table else "incidence"
        keys = [k for k in ("group", "cause") if k in self.table]
        parts = [(key, part) for key, part in self.table.groupby(keys, sort=False)]
        left = dict.fromkeys(self.table["group"], 0.0)
        for key, part in parts:
            left[key[0]] += part[value].iloc[-1] if value == "incidence" else 1 - part[value].iloc[-1]
        pieces = []
        for key, part in parts:
            grid = part["time"].to_numpy()
            place = np.searchsorted(grid, wanted, side="right") - 1
            piece = part.iloc[np.maximum(place, 0)].drop(columns=["events", "censored"])
            piece["time"] = wanted
            came, went = (np.searchsorted(ends, wanted, side="left") for ends in self.watched[key[0]])
            piece["at_risk"] = (came - went).astype(float)
            unknown = (wanted < 0) | ((wanted > grid[-1]) & (left[key[0]] < 1 - 1e-12))
            piece.loc[unknown, [value, "se", "low", "high"]] = np.nan
            pieces.append(piece)
        return pd.concat(pieces, ignore_index=True)


def _watched(data: Observed) -> tuple[np.ndarray, np.ndarray]:
    """Return when subjects came under watch and when they left it, each sorted: at risk at t are entry < t <= time."""
    return np.sort(data.entry), np.sort(data.time)


def _median(time: np.ndarray, curve: np.ndarray) -> float:
    """Return where a falling step curve reaches one half; the middle of the step when it rests exactly there (as R)."""
    known = np.isfinite(curve)
    below = np.flatnonzero(known & (curve < 0.5 - 1e-12))
    resting = np.flatnonzero(known & (np.abs(curve - 0.5) <= 1e-12))
    if len(resting):
        if not len(below):
            return float(time[resting[0]]) if resting[-1] == len(curve) - 1 else np.nan
        return float(time[resting[0]] + time[below[0]]) / 2
    return float(time[below[0]]) if len(below) else np.nan


def _one_kaplan_meier(data: Observed, level: float) -> pd.DataFrame:
    table = risk_table(data, causes=np.array([1]))
    died, at_risk = table.events[:, 0], table.at_risk
    survival = np.cumprod(1 - table.hazard[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(died / (at_risk * (at_risk - died)))
        root = np.where(survival > 0, np.sqrt(greenwood), np.nan)
        width = norm.isf((1 - level) / 2) * root / np.abs(np.log(survival))
        band = survival[:, None] ** np.exp(np.column_stack([width, -width]))
    band[survival == 1] = 1.0
    band[survival == 0] = np.nan  # error and log-log band are undefined where nobody is left, as in R
    se = survival * root
    frame = pd.DataFrame(
        {
            "time": table.time,
            "at_risk": at_risk,
            "events": died,
            "censored": table.censored,
            "survival": survival,
            "se": se,
            "low": band[:, 0],
            "high": band[:, 1],
        }
    )
    if table.time[0] > 0:
        start = {"time": 0.0, "at_risk": float(np.isneginf(data.entry).sum()), "events": 0.0, "censored": 0.0}
        frame = pd.concat([pd.DataFrame([{**start, "survival": 1.0, "se": 0.0, "low": 1.0, "high": 1.0}]), frame])
    return frame.reset_index(drop=True)


def kaplan_meier(time: Any, event: Any, *, groups: Any = None, entry: Any = None, level: float = 0.95) -> Curves:
    """Kaplan-Meier curves with log-log intervals, numbers at risk and the median with its interval.

    S(t) is the product over event times s <= t of 1 - d(s)/Y(s) (Kaplan & Meier, J Am Stat Assoc 1958;53:457), its
    standard error Greenwood's, its interval exp(-exp(log(-log S) +- z se/(S |log S|))) (Kalbfleisch & Prentice), as R
    ``survfit(conf.type="log-log")``. Events at time 0 count. The median is where S falls below
    one half; where S rests at exactly one half, the middle of that step. Its interval inverts the band (Brookmeyer &
    Crowley 1982) and is NaN where the band does not cross one half.

    Parameters
    ----------
    time : array-like, shape (n,)
        Time to event or censoring, zero or more.
    event : array-like, shape (n,)
        1 event, 0 censored.
    groups : array-like, shape (n,), optional
        Label of each subject.
    entry : array-like, shape (n,), optional
        Delayed entry.
    level : float
        Confidence level.

    Returns
    -------
    Curves
        ``table`` and ``median``; ``.at(times)`` reads the curves.

    Raises
    ------
    InputError
        Negative or missing times, status codes other than 0 and 1, an event before entry.

    Examples
    --------
    >>> curve = kaplan_meier([0, 0, 1, 2, 3], [1, 1, 1, 1, 0])
    >>> curve.table[["time", "at_risk", "survival"]].round(2).values.tolist()
    [[0.0, 5.0, 0.6], [1.0, 3.0, 0.4], [2.0, 2.0, 0.2], [3.0, 1.0, 0.2]]
    >>> float(curve.median["median"].iloc[0])
    1.0
    """
    check_level(level)
    data = observed(time, event, entry=entry, groups=groups)
    code, labels = group_labels(groups, len(data.time))
    tables, medians, watched = [], [], {}
    for g, label in enumerate(labels):
        part = data.subset(code == g)
        table = _one_kaplan_meier(part, level)
        watched[label] = _watched(part)
        at = table["time"].to_numpy()
        medians.append(
            {
                "group": label,
                "n": len(part.time),
                "events": int(part.event.sum()),
                "median": _median(at, table["survival"].to_numpy()),
                "low": _median(at, table["low"].to_numpy()),
                "high": _median(at, table["high"].to_numpy()),
            }
        )
        table.insert(0, "group", [label] * len(table))
        tables.append(table)
    return Curves(pd.concat(tables, ignore_index=True), pd.DataFrame(medians), level, watched)


def _incidence(table: RiskTable) -> tuple[np.ndarray, np.ndarray]:
    """Return all-cause survival just before each time (m,) and cumulative incidences (m, k)."""
    total = table.events.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        stay = np.where(table.at_risk > 0, 1 - total / table.at_risk, 1.0)
        hazard = np.where(table.at_risk[:, None] > 0, table.events / table.at_risk[:, None], 0.0)
    before = np.concatenate([[1.0], np.cumprod(stay)[:-1]])
    return before, np.cumsum(before[:, None] * hazard, axis=0)


def _incidence_se(data: Observed, table: RiskTable) -> np.ndarray:
    """Return the infinitesimal-jackknife standard error of each cumulative incidence, shape (m, k).

    Each subject's influence is the derivative of F_k(t) in its weight; subjects alike in time, event and entry share
    one, so the cost goes with the distinct rows.
    """
    rows, count = np.unique(np.column_stack([data.entry, data.time, data.event]), axis=0, return_counts=True)
    grid, at_risk, total = table.time, table.at_risk, table.events.sum(axis=1)
    before, _ = _incidence(table)
    here = (rows[:, 0, None] < grid) & (grid <= rows[:, 1, None])
    own = (rows[:, 1, None] == grid) & (rows[:, 2, None] > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = (own - here * (total / at_risk)) / (at_risk - total)
    step[:, at_risk <= total] = 0.0  # nobody is left, so nothing comes after
    lost = -np.cumsum(step, axis=1)
    lost_before = np.column_stack([np.zeros(len(rows)), lost[:, :-1]])
    errors = []
    for k, cause in enumerate(table.causes):
        hazard = table.hazard[:, k]
        mine = own & (rows[:, 2, None] == cause)
        influence = np.cumsum(
            before * np.divide(mine - here * hazard, at_risk, out=np.zeros(mine.shape), where=at_risk > 0)
            + before * hazard * lost_before,
            axis=1,
        )
        errors.append(np.sqrt(count @ influence**2))
    return np.column_stack(errors)


def aalen_johansen(time: Any, event: Any, *, groups: Any = None, entry: Any = None, level: float = 0.95) -> Curves:
    """Aalen-Johansen cumulative incidence of each competing event, with pointwise bands.

    F_k(t) = sum over s <= t of S(s-) d_k(s)/Y(s), S the Kaplan-Meier curve of leaving by any cause (Aalen & Johansen,
    Scand J Stat 1978;5:141). Exact with ties of different causes and with events at time 0, so that the incidences and
    S sum to one at every time. The standard error is the infinitesimal jackknife that R ``survfit`` gives; the band
    is on the complementary log-log scale, F^exp(+- z se/(F log F)), NaN after time 0 where F is 0 or 1: none is no certainty.

    Parameters
    ----------
    time : array-like, shape (n,)
    event : array-like, shape (n,)
        0 censored; 1, 2 ... the causes.
    groups, entry, level
        As in :func:`kaplan_meier`.

    Returns
    -------
    Curves
        ``table`` with one block a group and cause, column ``incidence``.

    Raises
    ------
    InputError
        Negative or missing times, no event at all, codes that are no status.

    Examples
    --------
    >>> curve = aalen_johansen([0, 0, 1, 2, 3], [1, 1, 1, 1, 0])
    >>> curve.table["incidence"].round(2).tolist()
    [0.4, 0.6, 0.8, 0.8]
    """
    check_level(level)
    data = observed(time, event, entry=entry, several=True, groups=groups)
    some_events(data.event, "cumulative incidence")
    code, labels = group_labels(groups, len(data.time))
    z = norm.ppf(0.5 + level / 2)
    pieces, watched = [], {}
    for g, label in enumerate(labels):
        part = data.subset(code == g)
        watched[label] = _watched(part)
        table = risk_table(part, data.causes)
        _, incidence = _incidence(table)
        errors = _incidence_se(part, table)
        for k, cause in enumerate(table.causes):
            value, se = incidence[:, k], errors[:, k]
            inside = (value > 0) & (value < 1 - 1e-12)
            safe = np.where(inside, value, 0.5)
            width = z * se / (safe * np.abs(np.log(safe)))
            piece = pd.DataFrame(
                {
                    "group": [label] * len(table.time),
                    "cause": int(cause),
                    "time": table.time,
                    "at_risk": table.at_risk,
                    "events": table.events[:, k],
                    "censored": table.censored,
                    "incidence": value,
                    "se": se,
                    "low": np.where(inside, safe ** np.exp(width), np.nan),
                    "high": np.where(inside, safe ** np.exp(-width), np.nan),
                }
            )
            if table.time[0] > 0:
                first = piece.iloc[:1].copy()
                first[["time", "events", "censored", "incidence", "se", "low", "high"]] = 0.0
                first["at_risk"] = float(np.isneginf(part.entry).sum())
                piece = pd.concat([first, piece])
            pieces.append(piece)
    empty = pd.DataFrame(columns=["group", "n", "events", "median", "low", "high"])
    return Curves(pd.concat(pieces, ignore_index=True), empty, level, watched)


@dataclass(frozen=True, repr=False)
class RestrictedMean(Shown):
    """Restricted mean times and how groups differ.

    Attributes
    ----------
    table : DataFrame
        ``group``, ``n``, ``events``, ``value``, ``se``, ``low``, ``high``: mean time free of the event up to tau.
    differences : DataFrame
        ``group``, ``reference``, ``difference``, ``se``, ``low``, ``high``, ``p_value``, ``ratio``, ``ratio_low``,
        ``ratio_high``: group minus (over) reference; ``reason`` why there is no p value or ratio, else empty. Empty for
        one group.
    tau : float
        The horizon, in the unit of time.
    """

    table: pd.DataFrame
    differences: pd.DataFrame
    tau: float


def _reach(data: Observed) -> float:
    """Return up to when a group's curve is known: for ever once the last subjects have all had the event."""
    last = data.time.max()
    return float(last) if (data.event[data.time == last] == 0).any() else np.inf


def _area(data: Observed, tau: float) -> tuple[float, float]:
    """Return the area under the Kaplan-Meier curve up to ``tau`` and its Greenwood standard error."""
    table = risk_table(data, causes=np.array([1]))
    died, at_risk = table.events[:, 0], table.at_risk
    survival = np.cumprod(1 - table.hazard[:, 0])
    edges = np.concatenate([[0.0], np.minimum(table.time, tau), [tau]])
    pieces = np.concatenate([[1.0], survival]) * np.diff(edges)
    beyond = pieces[::-1].cumsum()[::-1][1:]  # area from each event time to tau
    use = (table.time <= tau) & (at_risk > died)
    terms = np.zeros(len(died))
    terms[use] = beyond[use] ** 2 * died[use] / (at_risk[use] * (at_risk[use] - died[use]))
    return float(pieces.sum()), float(np.sqrt(terms.sum()))


def restricted_mean(
    time: Any, event: Any, *, tau: float | None = None, groups: Any = None, reference: Any = None, level: float = 0.95
) -> RestrictedMean:
    """Restricted mean time (days in hospital up to tau) with standard error, and its difference between groups.

    The area under the Kaplan-Meier curve from 0 to tau. Var = sum over event times of A(t)^2 d/(Y(Y-d)), A(t) the area
    from t to tau (Greenwood plug-in; Klein & Moeschberger 2003, 4.5), as R survRM2 and ``survfit`` (Uno et al., J Clin
    Oncol 2014;32:2380). Differences and log ratios are taken as normal, which in small groups is too sure: tests at .05
    reject in .08 of null simulations with 8 patients a group, .06 with 15 or 30 (benchmarks/coverage.py). Limits of a
    mean are cut at 0 and tau. A group that does not vary up to tau has an error of 0, which says nothing: it gets no
    interval and no test.

    Parameters
    ----------
    time, event : array-like, shape (n,)
        For days in hospital let 1 be leaving by any way; 0 still there when last seen.
    tau : float, optional
        Horizon; by default the longest up to which every group's curve is known (survRM2's rule: a group's last
        observed time if someone is censored there, no bound otherwise).
    groups : array-like, shape (n,), optional
    reference : label, optional
        Group to compare with; the first by default.
    level : float

    Returns
    -------
    RestrictedMean

    Raises
    ------
    InputError
        ``tau`` not positive or beyond what a group's follow-up tells; bad times or codes.

    Examples
    --------
    >>> restricted_mean([0, 2, 4], [1, 1, 1], tau=4).table["value"].round(6).tolist()
    [2.0]
    """
    check_level(level)
    data = observed(time, event, groups=groups)
    code, labels = group_labels(groups, len(data.time))
    parts = [data.subset(code == g) for g in range(len(labels))]
    reach = [_reach(part) for part in parts]
    limit = min(reach)
    if tau is None:
        tau = limit if np.isfinite(limit) else float(data.time.max())
    tau = positive_time(tau, "tau")
    if tau > limit:
        short = labels[int(np.argmin(reach))]
        raise InputError(
            f"tau is {tau:g}, but group {short!r} was last seen at {limit:g} with subjects censored there",
            allowed=f"tau up to {limit:g}",
        )
    z = norm.ppf(0.5 + level / 2)
    rows = []
    for label, part in zip(labels, parts, strict=True):
        value, se = _area(part, tau)
        rows.append(
            {
                "group": label,
                "n": len(part.time),
                "events": int(part.event[part.time <= tau].sum()),
                "value": value,
                "se": se,
                # a mean that no patient's leaving moves is no mean known exactly
                "low": max(0.0, value - z * se) if se > 0 else np.nan,
                "high": min(float(tau), value + z * se) if se > 0 else np.nan,
            }
        )
    table = pd.DataFrame(rows)
    return RestrictedMean(table, _mean_differences(table, labels, reference, z), float(tau))


def _mean_differences(table: pd.DataFrame, labels: list[Any], reference: Any, z: float) -> pd.DataFrame:
    columns = "group reference difference se low high p_value ratio ratio_low ratio_high reason".split()
    if reference is not None and reference not in labels:
        raise InputError(f"reference is {reference!r}, which is no group", allowed=labels)
    if len(labels) < 2:
        return pd.DataFrame(columns=columns)
    base = labels[0] if reference is None else reference
    values = table.set_index("group")
    b, b_se = values.loc[base, "value"], values.loc[base, "se"]
    rows = []
    for label in labels:
        if label == base:
            continue
        a, a_se = values.loc[label, "value"], values.loc[label, "se"]
        se = float(np.hypot(a_se, b_se))
        gap = a - b
        fixed = min(a_se, b_se) == 0
        p = float(2 * norm.sf(abs(gap) / se)) if not fixed else (1.0 if gap == 0 and se == 0 else np.nan)
        half = np.nan if fixed else z * se
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio, spread = np.divide(a, b), np.hypot(np.divide(a_se, a), np.divide(b_se, b))
            bounds = ratio * np.exp([-z * spread, z * spread])
        who = "neither group varies" if se == 0 else "one group does not vary"
        reason = "" if np.isfinite(p) else f"{who} up to tau, so nothing can be tested"
        if fixed and not reason:
            reason = "neither group varies up to tau, so there is no interval"
        if not min(a, b) > 0:
            ratio, bounds = np.nan, np.full(2, np.nan)
            reason = "; ".join(filter(None, [reason, "a group's mean is 0, so there is no ratio"]))
        elif fixed:
            bounds = np.full(2, np.nan)
        rows.append([label, base, gap, se, gap - half, gap + half, p, ratio, *bounds, reason])
    return pd.DataFrame(rows, columns=columns)
