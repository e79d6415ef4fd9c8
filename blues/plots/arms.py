"""Figures that set arms side by side: scores with intervals, differences, spread over repeats, null, learning curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blues.check import columns_exist, finite
from blues.features.arm_names import is_rule, modalities
from blues.plots.style import (
    INK,
    MUTED,
    PAPER,
    axis_decimals,
    folded,
    legend_below,
    marker,
    modality_colours,
    panel,
    plain,
    series_colour,
    styled,
)

__all__ = ["arms_forest", "importance", "learning_curve", "null_histogram", "repeats"]


def _look(arm: str) -> tuple[str, str]:
    """Return colour and mark of an arm: a model saw the images, an expert did, or neither."""
    parts = modalities(arm)
    if "image" in parts:
        return series_colour(0), "o"
    return (series_colour(3), "s") if "expert" in parts or is_rule(arm) else (series_colour(1), "D")


def _intervals(axes: Axes, frame: pd.DataFrame, value: str, levels: np.ndarray) -> None:
    """Draw one interval a row; blue circles with images, purple squares on experts' reading, vermilion diamonds else."""
    for level, (arm, middle, low, high) in zip(
        levels, frame[["arm", value, "low", "high"]].itertuples(index=False), strict=True
    ):
        colour, mark = _look(str(arm))
        axes.plot([low, high], [level, level], color=colour, linewidth=1.6, solid_capstyle="butt")
        axes.plot(middle, level, mark, color=colour, markersize=6, markeredgewidth=0)


@styled
def arms_forest(
    scores: pd.DataFrame,
    comparisons: pd.DataFrame | None = None,
    metric: str = "AUROC",
    chance: float | None = 0.5,
    mark: float | None = None,
    better: int = 0,
) -> Figure:
    """Draw one arm a row: its score with its interval and, beside it, the paired difference to the reference arm.

    Parameters
    ----------
    scores : DataFrame
        Columns ``arm``, ``value``, ``low``, ``high``; drawn top to bottom in the order given.
    comparisons : DataFrame, optional
        Columns ``arm``, ``reference``, ``difference``, ``low``, ``high``; arms missing here get an empty row.
    metric : str
        Name for the axis.
    chance : float, optional
        Where an uninformative score lies.
    mark : float, optional
        A value to hold the scores against, drawn as a dashed line.
    better : {0, 1, -1}
        For differences to a reference: whether more (1) or less (-1) is better. The better side is then drawn on the right
        whatever the sign, and said below the axis.

    Returns
    -------
    Figure

    Examples
    --------
    >>> import pandas as pd
    >>> scores = pd.DataFrame({"arm": ["blood"], "value": [0.9], "low": [0.8], "high": [0.95]})
    >>> len(arms_forest(scores).axes)
    1
    """
    columns_exist(("arm", "value", "low", "high"), scores.columns, "scores")
    both = comparisons is not None and len(comparisons) > 0
    figure, grid = panel(6.4 if both else 4.5, 1.0 + 0.36 * len(scores), columns=1 + both, sharey=True, squeeze=False)
    levels = -np.arange(len(scores), dtype=float)
    left = grid[0, 0]
    if chance is not None:
        left.axvline(chance, color=MUTED, linewidth=0.9, linestyle=":")
    if mark is not None:
        left.axvline(mark, color=INK, linewidth=0.9, linestyle="--")
    _intervals(left, scores, "value", levels)
    left.set_yticks(levels, [folded(arm) for arm in scores["arm"]])
    sides = "\n← reference better · arm better →" if better else ""
    # wider than the plot, it may reach below the names of the arms
    left.set_xlabel(folded(metric, 44) + sides, loc="center" if both else "right")
    left.set(ylim=(-len(scores) + 0.4, 0.6))
    if better < 0:
        left.invert_xaxis()
    left.grid(True, axis="x")
    if both and comparisons is not None:
        columns_exist(("arm", "reference", "difference", "low", "high"), comparisons.columns, "comparisons")
        right = grid[0, 1]
        place = dict(zip(scores["arm"], levels, strict=True))
        known = comparisons[comparisons["arm"].isin(list(place))]
        known = known[known["reference"] == known["reference"].iloc[:1].squeeze()].drop_duplicates("arm")
        right.axvline(0, color=INK, linewidth=0.9)
        _intervals(right, known, "difference", np.array([place[a] for a in known["arm"]]))
        names = known["reference"].unique()
        right.set(xlabel=f"difference to {plain(names[0], 26)}" if len(names) == 1 else "difference to the reference")
        right.grid(True, axis="x")
    return figure


@styled
def repeats(frame: pd.DataFrame, metric: str = "AUROC") -> Figure:
    """Draw the score of every repeat of the cross-validation, one arm a row, with the mean as a bar.

    Parameters
    ----------
    frame : DataFrame
        Columns ``arm``, ``repeat``, ``value``. The spread shows how far the split into folds matters; it is no interval.
    metric : str
        Name for the axis.

    Returns
    -------
    Figure
    """
    columns_exist(("arm", "repeat", "value"), frame.columns, "frame")
    arms = list(dict.fromkeys(frame["arm"]))
    figure, axes = panel(4.5, 0.9 + 0.36 * len(arms))
    for level, arm in enumerate(arms):
        values = frame.loc[frame["arm"] == arm, "value"].to_numpy(float)
        jitter = (np.arange(len(values)) % 5 - 2) * 0.07
        colour = _look(str(arm))[0]
        axes.plot(values, -level + jitter, "o", color=colour, markersize=3.6, alpha=0.6, markeredgewidth=0)
        axes.plot([values.mean()] * 2, [-level - 0.36, -level + 0.36], color=INK, linewidth=1.4)
    axes.set_yticks(-np.arange(len(arms)), [folded(arm) for arm in arms])
    axes.set(ylim=(-len(arms) + 0.4, 0.6))
    axes.set_xlabel(f"{plain(metric, 26)} of each repeat (bar: mean)", loc="right")
    axes.grid(True, axis="x")
    return figure


@styled
def null_histogram(values: Sequence[float] | np.ndarray, observed: float, metric: str = "AUROC") -> Figure:
    """Draw the scores of the whole pipeline on permuted labels, and the observed score.

    Parameters
    ----------
    values : array of float, shape (permutations,)
        Scores on permuted labels.
    observed : float
        The score on the data.
    metric : str
        Name for the axis.

    Returns
    -------
    Figure
    """
    null = finite(values, "values").ravel()
    figure, axes = panel(4.5, 2.8)
    axes.hist(null, bins=min(40, max(8, len(null) // 6)), color=MUTED, alpha=0.55, label="labels permuted")
    places = axis_decimals(max(float(np.ptp(np.append(null, observed))), abs(observed) / 10))
    axes.axvline(observed, color=series_colour(0), linewidth=2, label=f"observed {observed:.{places}f}")
    axes.set(xlabel=metric, ylabel="permutations")
    axes.grid(True, axis="y")
    legend_below(figure, axes, columns=2)
    return figure


@styled
def learning_curve(frame: pd.DataFrame, metric: str = "AUROC") -> Figure:
    """Draw the score against the number of patients trained on.

    Parameters
    ----------
    frame : DataFrame
        Columns ``arm``, ``patients``, ``value``; optional ``low``, ``high``.
    metric : str
        Name for the axis.

    Returns
    -------
    Figure
    """
    columns_exist(("arm", "patients", "value"), frame.columns, "frame")
    figure, axes = panel(4.5, 3.6)
    for i, (arm, part) in enumerate(frame.groupby("arm", sort=False, observed=True)):
        part = part.sort_values("patients")
        axes.plot(
            part["patients"], part["value"], f"{marker(i)}-", color=series_colour(i), label=plain(arm), markersize=4
        )
        if {"low", "high"} <= set(part):
            axes.fill_between(
                part["patients"], part["low"], part["high"], color=series_colour(i), alpha=0.14, linewidth=0
            )
    axes.set(xlabel="patients in training", ylabel=metric)
    axes.grid(True)
    legend_below(figure, axes)
    return figure


def _chance(axes: Axes, shown: pd.DataFrame, values: np.ndarray) -> None:
    """Turn the bars grey that lie inside the label-permutation null, and mark where it ends."""
    if "inside_null" in shown:
        inside = np.flatnonzero([value is True or value == 1 for value in shown["inside_null"]])
        if len(inside):
            axes.barh(-inside, values[inside], color=PAPER, height=0.72)
            axes.barh(-inside, values[inside], fill=False, edgecolor=MUTED, linewidth=0.9, height=0.7)
            axes.barh(-inside, values[inside], color=MUTED, alpha=0.4, height=0.7, label="no more than chance")
    if "null_high" in shown:
        level = shown["null_high"].to_numpy(float)
        known = np.flatnonzero(np.isfinite(level))
        axes.plot(level[known], -known, "|", color=MUTED, markersize=9, markeredgewidth=1.4)


@styled
def importance(frame: pd.DataFrame, most: int = 15, xlabel: str = "mean |SHAP value|") -> Figure:
    """Draw attributions as bars, the largest on top, coloured by modality.

    Parameters
    ----------
    frame : DataFrame
        Columns ``feature``, ``value``; optional ``modality``, ``low``, ``high`` for whiskers, ``inside_null`` (true for what
        is no more than chance gives: drawn grey) and ``null_high`` (where chance ends: drawn as a tick).
    most : int
        How many rows to draw; the rest are summed into one bar, so that nothing disappears.
    xlabel : str
        What the values are, with their unit.

    Returns
    -------
    Figure
    """
    columns_exist(("feature", "value"), frame.columns, "frame")
    table = frame.sort_values("value", ascending=False, kind="stable")
    shown, rest = table.head(most), table.iloc[most:]
    names = [plain(f, 34) for f in shown["feature"]]
    values = shown["value"].to_numpy(float)
    modality = shown["modality"].astype(str) if "modality" in shown else pd.Series([""] * len(shown))
    groups = list(dict.fromkeys(modality))
    figure, axes = panel(4.5, 0.9 + 0.27 * (len(shown) + bool(len(rest))))
    colours = modality_colours(groups) if groups != [""] else {"": series_colour(0)}
    for group in groups:
        where = np.flatnonzero(modality.to_numpy() == group)
        axes.barh(-where, values[where], color=colours[group], height=0.7, label=plain(group) if group else None)
    _chance(axes, shown, values)
    if {"low", "high"} <= set(shown):
        axes.hlines(-np.arange(len(shown)), shown["low"], shown["high"], color=INK, linewidth=1.2)
    if len(rest):
        axes.barh(-len(shown), float(rest["value"].sum()), color=MUTED, height=0.7, label="others, summed")
        names.append(f"{len(rest)} others, summed")
    axes.set_yticks(-np.arange(len(names)), names)
    axes.set_xlabel(xlabel, loc="right")
    axes.locator_params(axis="x", nbins=4)  # long names leave little room for numbers of several decimals
    axes.grid(True, axis="x")
    legend_below(figure, axes, columns=3)
    return figure
