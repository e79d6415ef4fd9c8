"""Figures of one patient: the steps to a prediction, and what each BLUE point shows."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, PathPatch
from matplotlib.path import Path as Outline

from blues.check import InputError, columns_exist
from blues.plots.style import (
    GRID,
    INK,
    MUTED,
    SERIES,
    axis_decimals,
    legend_below,
    modality_colours,
    panel,
    plain,
    styled,
)

__all__ = ["chest", "waterfall"]

_PLACES = {1: (0.27, 0.74), 2: (0.33, 0.47), 3: (0.55, 0.2)}
"""Upper BLUE point, lower BLUE point and PLAPS point of one side: across from the midline and up, on a chest 1 high."""


@styled
def waterfall(frame: pd.DataFrame, xlabel: str = "predicted probability", base: str = "base value") -> Figure:
    """Draw the steps that lead from the base value to a patient's own, the largest on top.

    Parameters
    ----------
    frame : DataFrame
        Columns ``name``, ``start``, ``end`` in the order in which they are drawn, and optional ``modality``. The first step
        starts at the base value, the last ends at the patient's.
    xlabel : str
        What is predicted, with its unit.
    base : str
        What the first step starts from.

    Returns
    -------
    Figure
    """
    columns_exist(("name", "start", "end"), frame.columns, "frame")
    if not len(frame):
        raise InputError("the waterfall has no step")
    start, end = frame["start"].to_numpy(float), frame["end"].to_numpy(float)
    modality = frame["modality"].astype(str).to_numpy() if "modality" in frame else np.array([""] * len(frame))
    named = [m for m in dict.fromkeys(modality) if m]
    colours = {"": MUTED, **modality_colours(named)}
    figure, axes = panel(6.4, 1.25 + 0.31 * (len(frame) + 1))
    for group in dict.fromkeys(modality):
        where = np.flatnonzero(modality == group)
        axes.barh(
            -where - 1,
            (end - start)[where],
            left=start[where],
            color=colours[group],
            height=0.66,
            label=plain(group) if group else None,
        )
    reach = max(float(np.ptp(np.concatenate([start, end]))), 1e-9)
    places = axis_decimals(reach)
    for i, (a, b) in enumerate(zip(start, end, strict=True)):
        axes.plot([b, b], [-i - 1 - 0.33, -i - 2 + 0.33], color=MUTED, linewidth=0.8)
        text = f"{b - a:+z.{places}f}".replace("-", "−")
        right = b >= a
        axes.text(
            max(a, b) + 0.012 * reach if right else min(a, b) - 0.012 * reach,
            -i - 1,
            text,
            va="center",
            ha="left" if right else "right",
            fontsize=8,
        )
    axes.plot([start[0]] * 2, [-0.6, -1.33], color=INK, linewidth=1)
    axes.text(
        start[0], -0.5, f"{plain(base)} {start[0]:.{places}f}", ha="center", va="bottom", fontsize=8.5, color=MUTED
    )
    axes.plot([end[-1]], [-len(frame) - 1], marker="D", color=INK, markersize=6)
    axes.text(
        end[-1],
        -len(frame) - 1.38,
        f"this patient {end[-1]:.{places}f}",
        ha="center",
        va="top",
        fontsize=9,
        fontweight="bold",
    )
    axes.set_yticks(-np.arange(len(frame)) - 1, [plain(n, 54) for n in frame["name"]])
    axes.set_ylim(-len(frame) - 2.0, 0.1)
    axes.use_sticky_edges = False
    axes.margins(x=0.16)
    axes.autoscale_view(scaley=False)
    axes.set(xlabel=xlabel)
    axes.grid(True, axis="x")
    axes.set_gid("no-hover")
    if named:
        legend_below(figure, axes, columns=4)
    return figure


@styled
def chest(frame: pd.DataFrame, shade: str = "") -> Figure:
    """Draw a chest from the front with the BLUE points and what was found at each; the patient's right is on the left.

    Parameters
    ----------
    frame : DataFrame
        Columns ``point`` (``R1`` to ``R3`` and ``L1`` to ``L3``: upper, lower and PLAPS point; others stand in a row below),
        ``text`` (lines under the point), and optional ``level`` (0 to 1: how full the circle is; NaN where no clip is).
    shade : str
        What the level is, for the line below.

    Returns
    -------
    Figure
    """
    columns_exist(("point", "text"), frame.columns, "frame")
    if not len(frame):
        raise InputError("no BLUE point to draw")
    level = frame["level"].to_numpy(float) if "level" in frame else np.full(len(frame), np.nan)
    places = _places([str(p) for p in frame["point"]])
    lowest = min(y for _, y in places)
    figure, axes = panel(6.4, 3.35 + 2.6 * max(0.0, -lowest - 0.02))
    axes.set_axis_off()
    axes.set_gid("no-hover")
    axes.set(xlim=(-1.4, 1.4), ylim=(min(-0.24, lowest - 0.3), 1.16), aspect="equal")
    _torso(axes)
    for (x, y), point, text, full in zip(places, frame["point"], frame["text"], level, strict=True):
        seen = bool(np.isfinite(full))
        axes.add_patch(
            Circle((x, y), 0.075, fc="none", ec=INK if seen else MUTED, lw=1.2, ls="-" if seen else (0, (2, 2)))
        )
        if seen:
            axes.add_patch(
                Circle((x, y), 0.075, fc=SERIES[0], ec="none", alpha=0.08 + 0.72 * float(np.clip(full, 0, 1)))
            )
        axes.text(x, y, plain(point, 4), ha="center", va="center", fontsize=9, fontweight="bold", color=INK)
        side, inside = (1 if x >= 0 else -1), y > -0.1
        lines = "\n".join(plain(line, 30) for line in str(text).split("\n"))
        from_ = x + 0.085 * side
        to = 0.84 * side if inside else from_
        if inside:
            axes.plot([from_, to - 0.02 * side], [y, y], color=MUTED, linewidth=0.7)
        axes.text(to, y, lines, ha="left" if side > 0 else "right", va="center", fontsize=8, linespacing=1.25)
    axes.text(-1.38, 1.12, "patient's right", ha="left", va="top", fontsize=8, color=MUTED)
    axes.text(1.38, 1.12, "patient's left", ha="right", va="top", fontsize=8, color=MUTED)
    if shade:
        axes.text(
            0,
            axes.get_ylim()[0] + 0.02,
            f"fuller circle: more {plain(shade, 60)}",
            ha="center",
            fontsize=8,
            color=MUTED,
        )
    return figure


def _places(points: list[str]) -> list[tuple[float, float]]:
    found: list[tuple[float, float] | None] = []
    for point in points:
        match = re.fullmatch(r"([RL])([123])", point.strip().upper())
        across, up = _PLACES[int(match[2])] if match else (0.0, 0.0)
        found.append((-across if match and match[1] == "R" else across, up) if match else None)
    others = [i for i, place in enumerate(found) if place is None]
    for k, i in enumerate(others):
        found[i] = (-1.0 if k % 2 == 0 else 0.15, -0.42 - 0.26 * (k // 2))
    return [place for place in found if place is not None]


def _torso(axes: Axes) -> None:
    """Draw neck, shoulders, flanks and two lungs in thin lines."""
    right = [
        (-0.16, 1.12),
        (-0.17, 1.0),
        (-0.42, 0.97),
        (-0.72, 0.9),
        (-0.78, 0.6),
        (-0.66, 0.45),
        (-0.64, 0.05),
        (-0.62, -0.1),
    ]
    for side in (1, -1):
        verts = [(side * x, y) for x, y in right]
        codes = [Outline.MOVETO, *[Outline.CURVE4] * 6, Outline.LINETO]
        axes.add_patch(PathPatch(Outline(verts, codes), fc="none", ec=GRID, lw=1.6))
        lung = [
            (0.08, 0.84),
            (0.2, 1.0),
            (0.5, 0.86),
            (0.56, 0.5),
            (0.6, 0.3),
            (0.6, 0.16),
            (0.55, 0.1),
            (0.4, 0.26),
            (0.2, 0.3),
            (0.1, 0.3),
            (0.08, 0.6),
            (0.08, 0.7),
            (0.08, 0.84),
        ]
        codes = [Outline.MOVETO, *[Outline.CURVE4] * 12]
        axes.add_patch(
            PathPatch(Outline([(side * x, y) for x, y in lung], codes), fc=GRID, ec=MUTED, lw=0.8, alpha=0.45)
        )
    axes.plot([0, 0], [0.28, 0.95], color=GRID, lw=1.4)
