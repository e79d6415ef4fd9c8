"""Figures of who was studied and for how long: flow, missingness, Kaplan-Meier and cumulative incidence."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator

from blues.check import InputError, columns_exist
from blues.plots.style import (
    GRID,
    INK,
    MUTED,
    dashes,
    legend_below,
    modality_colours,
    ordered,
    panel,
    plain,
    series_colour,
    styled,
)

WIDTHS = (1.8, 0.8, 0.4)
"""Line widths of the first, the second and further events."""

__all__ = ["cumulative_incidence", "flow", "missingness", "survival"]


@styled
def missingness(frame: pd.DataFrame, most: int = 25) -> Figure:
    """Draw the share of missing values by variable, the most incomplete on top.

    Parameters
    ----------
    frame : DataFrame
        Columns ``column``, ``missing`` (share, 0 to 1); optional ``role`` for the colour. Complete variables are counted
        in a line under the plot, not drawn.
    most : int
        How many variables to draw; the others are counted under the plot.

    Returns
    -------
    Figure
    """
    columns_exist(("column", "missing"), frame.columns, "frame")
    incomplete = frame[frame["missing"] > 0].sort_values("missing", ascending=False, kind="stable")
    shown = incomplete.head(most)
    roles = shown["role"].astype(str).to_numpy() if "role" in shown else np.array([""] * len(shown))
    figure, axes = panel(4.5, 0.9 + 0.25 * max(1, len(shown)))
    named = list(dict.fromkeys(roles))
    colours = modality_colours(named) if named != [""] else {"": series_colour(0)}
    for role in named:
        where = np.flatnonzero(roles == role)
        shares = 100 * shown["missing"].to_numpy(float)[where]
        axes.barh(-where, shares, color=colours[role], height=0.7, label=plain(role) if role else None)
    axes.set_yticks(-np.arange(len(shown)), [plain(c, 30) for c in shown["column"]])
    hidden = len(incomplete) - len(shown)
    tail = f"; {hidden} more incomplete" if hidden else ""
    complete = len(frame) - len(incomplete)
    head = f"{complete} of {len(frame)} complete" if complete else ""
    inside = (head + tail).removeprefix("; ")
    axes.set(xlim=(0, 100), xlabel="missing, %" + (f" ({inside})" if inside else ""))
    axes.grid(True, axis="x")
    legend_below(figure, axes, columns=4)
    return figure


@styled
def flow(steps: pd.DataFrame) -> Figure:
    """Draw the participant flow: one box a step, what was left out to its right (STARD 2015).

    Parameters
    ----------
    steps : DataFrame
        Columns ``step`` (text), ``n`` (patients or clips that remain); optional ``excluded`` (text, empty for none).

    Returns
    -------
    Figure
    """
    columns_exist(("step", "n"), steps.columns, "steps")
    if not len(steps):
        raise InputError("the flow has no step")
    figure, axes = panel(5.6, 0.95 * len(steps) + 0.2)
    axes.set_axis_off()
    axes.set(xlim=(0, 10), ylim=(-len(steps) + 0.35, 0.65))
    excluded = steps["excluded"].fillna("") if "excluded" in steps else [""] * len(steps)
    for i, (step, n, out) in enumerate(zip(steps["step"], steps["n"], excluded, strict=True)):
        _box(axes, 0.1, -i, 5.6, f"{plain(step, 80)}\nn = {n}")
        if i:
            axes.annotate("", (2.9, -i + 0.31), (2.9, -i + 0.69), arrowprops={"arrowstyle": "->", "color": INK})
        if out:
            axes.annotate("", (6.3, -i), (5.75, -i), arrowprops={"arrowstyle": "->", "color": INK})
            _box(axes, 6.35, -i, 3.6, plain(out, 90), small=True)
    axes.set_gid("no-hover")
    return figure


def _box(axes: Axes, left: float, level: float, width: float, text: str, small: bool = False) -> None:
    edge = GRID if small else MUTED
    axes.add_patch(
        FancyBboxPatch((left, level - 0.3), width, 0.6, boxstyle="round,pad=0,rounding_size=0.1", fc="none", ec=edge)
    )
    wrapped = "\n".join(w for line in text.split("\n") for w in textwrap.wrap(line, 26 if small else 42) or [""])
    axes.text(left + 0.15, level, wrapped, va="center", fontsize=7.5 if small else 9, color=MUTED if small else INK)


def _lines(groups: list[str]) -> int:
    """Return the lines below a plot that numbers at risk take: one a group, and one for its name where there are several."""
    return len(groups) * (1 + (len(groups) > 1))


def _numbers_at_risk(axes: Axes, curves: pd.DataFrame, groups: list[str], times: np.ndarray) -> None:
    axes.set_axis_off()
    axes.set_gid("no-hover")
    axes.set(ylim=(-_lines(groups) - 0.2, 0.8))
    axes.text(0, 0.1, "number at risk", transform=axes.get_yaxis_transform(), fontsize=8, color=MUTED)
    named = len(groups) > 1
    for i, group in enumerate(groups):
        level = (1 + named) * (i + 1)
        part = curves[curves["group"].astype(str) == group]
        # every cause of a group has the same patients at risk
        part = part[part["series"] == part["series"].iloc[0]].sort_values("time", kind="stable")
        for t in times:
            # still at risk just before t: the first row at or after t
            later = part.loc[part["time"] >= t, "at_risk"]
            n = int(later.iloc[0]) if len(later) else 0
            axes.text(t, -level, str(n), ha="center", va="center", fontsize=8, color=INK)
        if named:
            where: Any = {"transform": axes.get_yaxis_transform(), "clip_on": False}
            axes.plot([-0.085, -0.015], [1 - level] * 2, color=series_colour(i), linestyle=dashes(i), **where)
            axes.text(0, 1 - level, plain(group, 40), va="center", fontsize=8, color=MUTED, **where)


def _steps(curves: pd.DataFrame, value: str, ylabel: str, xlabel: str) -> Figure:
    columns_exist(("group", "time", value), curves.columns, "curves")
    causes = curves["cause"].astype(str) if "cause" in curves else None
    names = curves["group"].astype(str)
    curves = curves.assign(series=names if causes is None else names + ", " + causes)
    risks, groups = "at_risk" in curves, ordered(names)
    events = [] if causes is None else ordered(causes)
    if risks:
        height = 0.5 + 0.2 * _lines(groups)
        figure, (axes, below) = panel(4.6, 3.4 + height, rows=2, sharex=True, height_ratios=(3.4, height))
        axes.tick_params(labelbottom=True)
    else:
        figure, axes = panel(4.6, 3.6)
    for name in ordered(curves["series"]):
        part = curves[curves["series"] == name].sort_values("time", kind="stable")
        place = groups.index(str(part["group"].iloc[0]))
        event = events.index(str(part["cause"].iloc[0])) if len(events) > 1 else 0
        # colour and dashes tell groups apart, width tells events; where there is one group, dashes do
        several = len(groups) > 1
        line, width = dashes(place if several else event), WIDTHS[min(event, len(WIDTHS) - 1) * several]
        colour = series_colour(place)
        if {"low", "high"} <= set(part):
            low, high = part["low"].astype(float), part["high"].astype(float)
            axes.fill_between(part["time"], low, high, step="post", color=colour, alpha=0.14, linewidth=0)
        axes.step(
            part["time"], part[value], where="post", color=colour, linestyle=line, linewidth=width, label=plain(name)
        )
    axes.set(ylim=(0, 1.02), xlim=(0, float(curves["time"].max()) * 1.02 or 1.0), ylabel=ylabel, xlabel=xlabel)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.grid(True)
    if risks:
        times = np.array([t for t in axes.get_xticks() if 0 <= t <= curves["time"].max()])
        _numbers_at_risk(below, curves, groups, times)
    legend_below(figure, axes, columns=2)
    return figure


@styled
def survival(curves: pd.DataFrame, ylabel: str = "event-free share", xlabel: str = "days since admission") -> Figure:
    """Draw Kaplan-Meier curves with bands and numbers at risk.

    Parameters
    ----------
    curves : DataFrame
        Columns ``group``, ``time``, ``survival``; optional ``low``, ``high``, and ``at_risk`` (number at risk just
        before ``time``), as the table of :func:`blues.survive.kaplan_meier`.
    ylabel, xlabel : str
        What the axes show, with their units.

    Returns
    -------
    Figure
    """
    return _steps(curves, "survival", ylabel, xlabel)


@styled
def cumulative_incidence(
    curves: pd.DataFrame, ylabel: str = "cumulative incidence", xlabel: str = "days since admission"
) -> Figure:
    """Draw cumulative incidence curves of competing events, one a group and cause.

    Parameters
    ----------
    curves : DataFrame
        Columns ``group``, ``cause``, ``time``, ``incidence``; optional ``low``, ``high``, ``at_risk``, as the table of
        :func:`blues.survive.aalen_johansen`.
    ylabel, xlabel : str
        What the axes show, with their units.

    Returns
    -------
    Figure
    """
    return _steps(curves, "incidence", ylabel, xlabel)
