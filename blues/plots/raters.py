"""Figures of agreement: a confusion matrix of two raters, Bland-Altman, a forest of rater pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure

from blues.check import InputError, columns_exist, finite, same_length
from blues.plots.style import (
    INK,
    MUTED,
    axis_decimals,
    folded,
    legend_below,
    marker,
    panel,
    plain,
    series_colour,
    styled,
)

__all__ = ["agreement_matrix", "bland_altman", "pairs_forest"]


@styled
def agreement_matrix(table: pd.DataFrame, rows: str = "first rater", columns: str = "second rater") -> Figure:
    """Draw the counts of two raters' categories; the diagonal is agreement.

    Parameters
    ----------
    table : DataFrame
        Square, the same categories as index and columns, in order; counts.
    rows, columns : str
        Names of the raters.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        When the table is not square, or its rows and columns differ.
    """
    counts = finite(table.to_numpy(), "table")
    if counts.shape[0] != counts.shape[1] or list(map(str, table.index)) != list(map(str, table.columns)):
        raise InputError("the matrix must have the same categories in rows and columns", value=counts.shape)
    k = len(counts)
    figure, axes = panel(4.2, 4.0)
    # see-through where nothing was counted, so that the same picture serves a light and a dark page
    shade = LinearSegmentedColormap.from_list(
        "shade", [to_rgba(series_colour(0), 0.0), to_rgba(series_colour(0), 0.55)]
    )
    axes.pcolormesh(np.arange(k + 1) - 0.5, np.arange(k + 1) - 0.5, counts, cmap=shade, edgecolor=MUTED, linewidth=0.4)
    for i in range(k):
        for j in range(k):
            weight = "bold" if i == j else "normal"
            axes.text(j, i, f"{counts[i, j]:g}", ha="center", va="center", fontweight=weight, color=INK)
    axes.set_xticks(range(k), [plain(c, 14) for c in table.columns])
    axes.set_yticks(range(k), [plain(c, 14) for c in table.index])
    axes.set(xlabel=plain(columns), ylabel=plain(rows), ylim=(k - 0.5, -0.5), aspect="equal")
    axes.set_gid("no-hover")
    return figure


@styled
def bland_altman(
    mean: np.ndarray,
    difference: np.ndarray,
    bias: tuple[float, float, float],
    limits: tuple[tuple[float, float, float], tuple[float, float, float]],
    unit: str = "",
) -> Figure:
    """Draw the difference of two measurements against their mean, with bias and limits of agreement.

    Parameters
    ----------
    mean, difference : array of float, shape (n,)
    bias : (value, low, high)
    limits : two of (value, low, high)
        The lower and the upper limit of agreement, each with its interval (Bland and Altman 1999).
    unit : str
        Unit of both axes.

    Returns
    -------
    Figure
    """
    same_length(mean=mean, difference=difference)
    figure, axes = panel(4.5, 3.8)
    axes.plot(
        finite(mean, "mean"),
        finite(difference, "difference"),
        "o",
        color=series_colour(0),
        markersize=4,
        alpha=0.7,
        markeredgewidth=0,
        rasterized=len(mean) > 2000,
    )
    places = axis_decimals(limits[1][0] - limits[0][0])
    for (value, low, high), name, colour in (
        (bias, "bias", INK),
        (limits[0], "lower limit", series_colour(1)),
        (limits[1], "upper limit", series_colour(1)),
    ):
        axes.axhspan(low, high, color=colour, alpha=0.1, linewidth=0)
        axes.axhline(value, color=colour, linewidth=1.3, linestyle="-" if name == "bias" else "--")
        axes.annotate(
            f"{name} {value:.{places}f}".replace("-", "−"),
            (1, value),
            (-2, 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            fontsize=8,
        )
    tail = f" ({plain(unit)})" if unit else ""
    axes.set(xlabel=f"mean of the two{tail}", ylabel=f"difference{tail}")
    axes.grid(True)
    return figure


@styled
def pairs_forest(frame: pd.DataFrame, statistic: str = "quadratic-weighted kappa") -> Figure:
    """Draw the agreement of every pair of raters with its interval; pairs with the model stand apart by colour.

    Parameters
    ----------
    frame : DataFrame
        Columns ``pair``, ``value``, ``low``, ``high``; optional ``kind`` (for instance ``model`` and ``experts``).
    statistic : str
        Name for the axis.

    Returns
    -------
    Figure
    """
    columns_exist(("pair", "value", "low", "high"), frame.columns, "frame")
    kinds = frame["kind"].astype(str).to_numpy() if "kind" in frame else np.array([""] * len(frame))
    figure, axes = panel(4.5, 1.0 + 0.36 * len(frame))
    for i, kind in enumerate(dict.fromkeys(kinds)):
        where = np.flatnonzero(kinds == kind)
        part = frame.iloc[where]
        axes.hlines(-where, part["low"], part["high"], color=series_colour(i), linewidth=1.6)
        axes.plot(part["value"], -where, marker(i), color=series_colour(i), label=plain(kind) if kind else None)
    axes.axvline(0, color=MUTED, linewidth=0.9, linestyle=":")
    axes.set_yticks(-np.arange(len(frame)), [folded(p) for p in frame["pair"]])
    axes.set(xlabel=statistic, ylim=(-len(frame) + 0.4, 0.6))
    axes.grid(True, axis="x")
    legend_below(figure, axes, columns=3)
    return figure
