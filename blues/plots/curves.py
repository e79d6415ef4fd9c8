"""Figures of predicted risk: ROC, precision-recall, calibration, decision curve, risks by outcome, change per patient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blues.check import columns_exist
from blues.plots.style import INK, MUTED, SERIES, dashes, legend_below, ordered, panel, plain, series_colour, styled

__all__ = [
    "calibration",
    "change",
    "decision_curve",
    "observed_predicted",
    "precision_recall",
    "risk_distribution",
    "roc",
]

Labels = Mapping[str, str] | None
# arms have the first colours; the outcome has its own, so that one colour never means two things
WITH, WITHOUT = SERIES[3], SERIES[7]


def _label(arm: str, labels: Labels) -> str:
    return plain((labels or {}).get(arm, arm), 64)


def _unit_axes(axes: Axes, x: str, y: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x, ylabel=y)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_aspect("equal")
    axes.grid(True)


def _band(axes: Axes, x: pd.Series, part: pd.DataFrame, colour: str) -> None:
    if {"low", "high"} <= set(part) and part["low"].notna().any():
        axes.fill_between(x, part["low"], part["high"], color=colour, alpha=0.14, linewidth=0)


@styled
def roc(curves: pd.DataFrame, labels: Labels = None) -> Figure:
    """Draw ROC curves, one an arm, with a pointwise band where the frame has one.

    Parameters
    ----------
    curves : DataFrame
        Columns ``arm``, ``fpr``, ``tpr`` (0 to 1, rising within an arm); optional ``low``, ``high``: band of ``tpr``.
    labels : mapping, optional
        Legend text by arm.

    Returns
    -------
    Figure

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"arm": "blood", "fpr": [0, 0, 1], "tpr": [0, 0.8, 1]})
    >>> len(roc(frame).axes[0].lines)
    2
    """
    columns_exist(("arm", "fpr", "tpr"), curves.columns, "curves")
    figure, axes = panel(4.5, 4.6)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
    for i, arm in enumerate(ordered(curves["arm"])):
        part = curves[curves["arm"] == arm]
        _band(axes, part["fpr"], part, series_colour(i))
        axes.plot(part["fpr"], part["tpr"], color=series_colour(i), linestyle=dashes(i), label=_label(arm, labels))
    _unit_axes(axes, "1 − specificity", "sensitivity")
    legend_below(figure, axes)
    return figure


@styled
def precision_recall(curves: pd.DataFrame, prevalence: float, labels: Labels = None) -> Figure:
    """Draw precision against recall, one line an arm, with the prevalence as the level of an uninformative score.

    Parameters
    ----------
    curves : DataFrame
        Columns ``arm``, ``recall``, ``precision`` (0 to 1), in the order of the threshold. A precision is drawn over the recall
        gained with it, so that the area is the average precision.
    prevalence : float
        Share of patients with the outcome.
    labels : mapping, optional
        As in :func:`roc`.

    Returns
    -------
    Figure
    """
    columns_exist(("arm", "recall", "precision"), curves.columns, "curves")
    figure, axes = panel(4.5, 4.6)
    axes.axhline(prevalence, color=MUTED, linewidth=0.9, linestyle=":")
    text = f"prevalence {prevalence:.2f}"
    axes.annotate(text, (0.01, prevalence), (0, -11), textcoords="offset points", color=MUTED, fontsize=8.5)
    for i, arm in enumerate(ordered(curves["arm"])):
        part = curves[curves["arm"] == arm]
        if part["recall"].iloc[0] > part["recall"].iloc[-1]:
            part = part.iloc[::-1]
        axes.step(
            [0.0, *part["recall"]],
            [part["precision"].iloc[0], *part["precision"]],
            where="pre",
            color=series_colour(i),
            linestyle=dashes(i),
            label=_label(arm, labels),
        )
    _unit_axes(axes, "recall (sensitivity)", "precision (positive predictive value)")
    legend_below(figure, axes)
    return figure


@styled
def calibration(curves: pd.DataFrame, predictions: pd.DataFrame | None = None, labels: Labels = None) -> Figure:
    """Draw smoothed observed against predicted risk, with the predictions by outcome underneath.

    Parameters
    ----------
    curves : DataFrame
        Columns ``arm``, ``predicted``, ``observed`` (a smoother's line, such as lowess); optional ``low``, ``high``.
    predictions : DataFrame, optional
        Columns ``arm``, ``y`` (0/1), ``p``: one row a patient. Those with the outcome are drawn upward, those without
        downward, as counts in twenty bins, for the first arm.
    labels : mapping, optional
        As in :func:`roc`.

    Returns
    -------
    Figure
    """
    columns_exist(("arm", "predicted", "observed"), curves.columns, "curves")
    arms = ordered(curves["arm"])
    if predictions is None:
        figure, top = panel(4.5, 4.6)
    else:
        figure, (top, bottom) = panel(4.5, 5.4, rows=2, height_ratios=(5, 1), sharex=True)
        _mirrored_histogram(bottom, predictions, arms)
    top.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
    for i, arm in enumerate(arms):
        part = curves[curves["arm"] == arm]
        _band(top, part["predicted"], part, series_colour(i))
        colour, style = series_colour(i), dashes(i)
        top.plot(part["predicted"], part["observed"], color=colour, linestyle=style, label=_label(arm, labels))
    _unit_axes(top, "" if predictions is not None else "predicted risk", "observed share")
    top.set_aspect("auto")
    legend_below(figure, top)
    return figure


def _mirrored_histogram(axes: Axes, predictions: pd.DataFrame, arms: list[str]) -> None:
    columns_exist(("arm", "y", "p"), predictions.columns, "predictions")
    shown = predictions[predictions["arm"] == arms[0]]
    edges = np.linspace(0, 1, 21)
    tallest = 1
    for outcome, sign in ((1, 1), (0, -1)):
        counts, _ = np.histogram(shown.loc[shown["y"] == outcome, "p"], bins=edges)
        tallest = max(tallest, int(counts.max(initial=0)))
        axes.bar(edges[:-1], sign * counts, width=0.046, align="edge", color=WITH if sign > 0 else WITHOUT)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set(ylim=(-1.15 * tallest, 1.15 * tallest), xlabel="predicted risk", yticks=[])
    axes.set_ylabel("without   with", fontsize=8)
    axes.set_gid("no-hover")


@styled
def decision_curve(curves: pd.DataFrame, labels: Labels = None) -> Figure:
    """Draw net benefit over threshold probabilities, with "treat all" and "treat none".

    Parameters
    ----------
    curves : DataFrame
        Columns ``arm``, ``threshold``, ``net_benefit``; optional ``low``, ``high`` (bootstrap band). The arms named
        ``all`` and ``none`` are the two default strategies (Vickers and Elkin 2006).
    labels : mapping, optional
        As in :func:`roc`.

    Returns
    -------
    Figure
    """
    columns_exist(("arm", "threshold", "net_benefit"), curves.columns, "curves")
    figure, axes = panel(4.5, 4.2)
    axes.axhline(0, color=INK, linewidth=0.9, label="treat none")
    everyone = curves[curves["arm"] == "all"]
    if len(everyone):
        axes.plot(everyone["threshold"], everyone["net_benefit"], color=MUTED, linewidth=1.1, label="treat all")
    models = curves[~curves["arm"].isin(("all", "none"))]
    for i, arm in enumerate(ordered(models["arm"])):
        part = models[models["arm"] == arm]
        _band(axes, part["threshold"], part, series_colour(i))
        axes.plot(
            part["threshold"],
            part["net_benefit"],
            color=series_colour(i),
            linestyle=dashes(i),
            label=_label(arm, labels),
        )
    top = max(0.05, float(curves["net_benefit"].max()) * 1.08)
    axes.set(ylim=(-0.25 * top, top), xlabel="threshold probability", ylabel="net benefit per patient")
    axes.set_xlim(float(curves["threshold"].min()), float(curves["threshold"].max()))
    axes.grid(True)
    legend_below(figure, axes)
    return figure


def _spread(values: np.ndarray, width: float = 0.32, bins: int = 40) -> np.ndarray:
    """Return sideways offsets that keep equal values apart: a dot plot without randomness."""
    offsets = np.zeros(len(values))
    cells = np.floor(np.clip(values, 0, 1) * bins)
    for cell in np.unique(cells):
        where = np.flatnonzero(cells == cell)
        where = where[np.argsort(values[where], kind="stable")]
        steps = np.arange(len(where)) - (len(where) - 1) / 2
        offsets[where] = steps * min(0.05, 2 * width / max(len(where), 1))
    return offsets


@styled
def risk_distribution(predictions: pd.DataFrame, labels: Labels = None) -> Figure:
    """Draw each patient's predicted risk, by outcome, one band of rows an arm.

    Parameters
    ----------
    predictions : DataFrame
        Columns ``arm``, ``y`` (0/1), ``p``: one row a patient and arm. Above 400 patients box plots replace the dots.
    labels : mapping, optional
        As in :func:`roc`.

    Returns
    -------
    Figure
    """
    columns_exist(("arm", "y", "p"), predictions.columns, "predictions")
    arms = ordered(predictions["arm"])
    figure, axes = panel(4.5, 1.0 + 1.05 * len(arms))
    ticks = []
    for i, arm in enumerate(arms):
        for outcome in (1, 0):
            p = predictions.loc[(predictions["arm"] == arm) & (predictions["y"] == outcome), "p"].to_numpy(float)
            level = -(2.3 * i) - (0 if outcome else 1)
            ticks.append((level, "with" if outcome else "without"))
            colour = WITH if outcome else WITHOUT
            if len(p) > 400:
                axes.boxplot(
                    p, positions=[level], widths=0.5, orientation="horizontal", showfliers=False, manage_ticks=False
                )
            else:
                marker = "o" if outcome else "D"
                axes.plot(p, level + _spread(p), marker, color=colour, markersize=4, alpha=0.75, markeredgewidth=0)
            if len(p):
                axes.plot([np.median(p)] * 2, [level - 0.4, level + 0.4], color=INK, linewidth=1.4)
        axes.annotate(_label(arm, labels), (0, -(2.3 * i) + 0.5), (0, 1), textcoords="offset points", fontsize=8.5)
    axes.set_yticks([t for t, _ in ticks], [name for _, name in ticks])
    axes.set(xlim=(-0.02, 1.02), ylim=(-(2.3 * len(arms)) + 0.6, 1), xlabel="predicted risk (bar: median)")
    axes.grid(True, axis="x")
    return figure


@styled
def change(table: pd.DataFrame, reference: str, arm: str) -> Figure:
    """Draw each patient's risk without images against the risk with them.

    Parameters
    ----------
    table : DataFrame
        Columns ``y`` (0/1), ``before``, ``after``: one row a patient. Circles have the outcome, diamonds do not; a
        circle above the diagonal and a diamond below it moved the right way.
    reference, arm : str
        Names of the two arms, for the axis labels.

    Returns
    -------
    Figure
    """
    columns_exist(("y", "before", "after"), table.columns, "table")
    figure, axes = panel(4.5, 4.6)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
    for outcome, marker, name in ((1, "o", "with the outcome"), (0, "D", "without")):
        part = table[table["y"] == outcome]
        colour = WITH if outcome else WITHOUT
        axes.plot(
            part["before"],
            part["after"],
            marker,
            color=colour,
            label=name,
            markersize=5,
            alpha=0.8,
            markeredgewidth=0,
            rasterized=len(table) > 2000,
        )
    _unit_axes(axes, f"risk by {plain(reference, 30)}", f"risk by {plain(arm, 30)}")
    legend_below(figure, axes, columns=2)
    return figure


@styled
def observed_predicted(predictions: pd.DataFrame, labels: Labels = None, unit: str = "") -> Figure:
    """Draw observed against predicted values of an ordinal or continuous outcome, one panel an arm.

    Parameters
    ----------
    predictions : DataFrame
        Columns ``arm``, ``y``, ``p`` in the outcome's unit.
    labels : mapping, optional
        Title of each panel by arm; by default the arm's name.
    unit : str
        Of the outcome, for the axes; empty for none.

    Returns
    -------
    Figure
    """
    columns_exist(("arm", "y", "p"), predictions.columns, "predictions")
    arms = ordered(predictions["arm"])
    xlabel, ylabel = (f"{name} ({unit})" if unit else name for name in ("predicted", "observed"))
    figure, grid = panel(4.5, 3.6 * len(arms), rows=len(arms), squeeze=False, sharex=True, sharey=True)
    for i, (axes, arm) in enumerate(zip(grid.ravel(), arms, strict=True)):
        part = predictions[predictions["arm"] == arm]
        low = float(min(part["y"].min(), part["p"].min()))
        high = float(max(part["y"].max(), part["p"].max()))
        axes.plot([low, high], [low, high], color=MUTED, linewidth=0.9, linestyle=":")
        axes.plot(
            part["p"],
            part["y"],
            "o",
            color=series_colour(i),
            markersize=4,
            alpha=0.6,
            markeredgewidth=0,
            rasterized=len(part) > 2000,
        )
        axes.set(xlabel=xlabel, ylabel=ylabel, title=_label(arm, labels))
        axes.tick_params(labelbottom=True)  # panels lie far apart, and each is read by itself
        axes.grid(True)
    return figure
