"""The search for a convex sector's apex in the outline of its tissue.

A curved probe's sector has one centre, the apex: both straight edges meet there and both arcs turn about it. So the search
is over the apex alone; for each, the edges follow from the angles and radii of the outline.
"""

from __future__ import annotations

import dataclasses

import numpy as np

__all__ = ["Outline", "outline", "search"]


@dataclasses.dataclass(frozen=True)
class Outline:
    """Ends of the tissue in each row and column of a picture.

    ``sides``, ``bottom`` and ``top`` are ``(points, seen)``: float32 (n, 2) of x, y, and bool (n,), False where the picture's
    own margin cuts the tissue, which bounds the sector but shows no edge. ``sides`` holds the left ends, then as many
    right ends. ``box`` is top, bottom, left and right of the tissue.
    """

    sides: tuple[np.ndarray, np.ndarray]
    bottom: tuple[np.ndarray, np.ndarray]
    top: tuple[np.ndarray, np.ndarray]
    box: tuple[int, int, int, int]


def outline(tissue: np.ndarray) -> Outline:
    """Return the outline of what is True in ``tissue``, bool (h, w); single rows and columns of specks do not count."""
    height, width = tissue.shape
    rows = np.flatnonzero(tissue.sum(1) >= 0.02 * width)
    columns = np.flatnonzero(tissue.sum(0) >= 0.02 * height)
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    part = tissue[top:bottom, left:right]
    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    first_x, last_x = part.argmax(1)[rows], part.shape[1] - part[:, ::-1].argmax(1)[rows]
    first_y, last_y = part.argmax(0)[columns], part.shape[0] - part[::-1].argmax(0)[columns]
    corner = np.array([left, top], dtype=np.float32)
    ends = np.concatenate([np.c_[first_x, rows + 0.5], np.c_[last_x, rows + 0.5]]).astype(np.float32)
    return Outline(
        sides=(ends + corner, np.concatenate([first_x >= 2, last_x <= part.shape[1] - 2])),
        bottom=(np.c_[columns + 0.5, last_y].astype(np.float32) + corner, last_y <= part.shape[0] - 2),
        top=(np.c_[columns + 0.5, first_y].astype(np.float32) + corner, first_y >= 2),
        box=(top, bottom, left, right),
    )


def _edge(inward: np.ndarray, seen: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Place one edge for each apex so that it touches much of the outline and leaves little beyond it.

    Parameters
    ----------
    inward : float array, shape (c, n)
        How far inside each outline point lies, pixels, from an arbitrary zero.
    seen : bool array, shape (n,)
        False for points cut by the picture's margin: they show no edge.
    tolerance : float
        Half the width of what counts as touching, pixels.

    Returns
    -------
    touched : float array, shape (c,)
        Points touched less twice the points beyond.
    place : float array, shape (c,)
        The edge, in the unit of ``inward``.
    """
    count, bins = len(inward), 128
    lowest = inward.min(1, keepdims=True)
    cell = np.minimum((inward - lowest) * (2 / tolerance), bins - 1).astype(np.intp)
    cell += np.arange(count)[:, None] * bins
    every = np.bincount(cell.ravel(), minlength=count * bins).reshape(count, bins)
    shown = np.bincount(cell.ravel(), np.broadcast_to(seen, cell.shape).ravel(), count * bins).reshape(count, bins)
    shown[:, -1] = 0  # the last cell holds all that lies deep inside
    total = np.pad(np.cumsum(shown, 1), ((0, 0), (1, 0)))
    window = total[:, 4:] - total[:, :-4]
    score = window - 2 * (np.cumsum(every, 1) - every)[:, : bins - 3]
    best = score.argmax(1)
    return score[np.arange(count), best], lowest[:, 0] + (best + 2) * tolerance / 2


def _inward(apex: np.ndarray, edges: Outline) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return how far inside the outline's points lie for apexes (c, 2), pixels: sides, deep arc, probe's arc.

    Each is ``(inward, seen)``, (c, n) and (n,). An angle counts as the pixels it opens at :func:`_reach` below the apex.
    """
    across, down = (edges.sides[0][:, k] - apex[:, k : k + 1] for k in (0, 1))
    aside = np.abs(across) / np.maximum(down, 0.1)  # tangent of the angle from straight down
    radius = [
        np.sqrt((points[:, 0] - apex[:, :1]) ** 2 + (points[:, 1] - apex[:, 1:]) ** 2)
        for points, _ in (edges.bottom, edges.top)
    ]
    inward = (-aside * _reach(apex, edges)[:, None], -radius[0], radius[1])
    return list(zip(inward, (edges.sides[1], edges.bottom[1], edges.top[1]), strict=True))


def _reach(apex: np.ndarray, edges: Outline) -> np.ndarray:
    points, seen = edges.sides
    middle = points[seen, 1].mean() if seen.any() else (edges.box[0] + edges.box[1]) / 2
    return np.maximum(middle - apex[:, 1], 1)


def _edges(apex: np.ndarray, edges: Outline, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Place the edges for each candidate apex, shape (c, 2).

    Returns
    -------
    touched : float array, shape (c, 3)
        What the straight edges, the deep arc and the probe's arc touch.
    place : float array, shape (c, 3)
        Half-angle of the sector (radians), outer and inner radius (pixels).
    """
    found = [_edge(inward, seen, tolerance) for inward, seen in _inward(apex, edges)]
    return np.stack([score for score, _ in found], 1), _meaning(apex, edges, [place for _, place in found])


def _meaning(apex: np.ndarray, edges: Outline, place: list[np.ndarray]) -> np.ndarray:
    """Turn places in pixels inward into half-angle, outer and inner radius, shape (c, 3)."""
    return np.stack([np.arctan(-place[0] / _reach(apex, edges)), -place[1], place[2]], 1)


def _settle(apex: np.ndarray, edges: Outline, tolerance: float) -> np.ndarray:
    """Lay the edges of one apex, shape (1, 2), through the middle of the points they touch; shape (3,)."""
    place = []
    for inward, seen in _inward(apex, edges):
        _, rough = _edge(inward, seen, tolerance)
        touching = inward[0, seen & (np.abs(inward[0] - rough[0]) <= tolerance)]
        place.append(np.array([np.median(touching)]) if len(touching) else rough)
    return _meaning(apex, edges, place)[0]


def _rank(apex: np.ndarray, touched: np.ndarray, place: np.ndarray, edges: Outline) -> np.ndarray:
    """Return each candidate's merit, shape (c,): what it touches, less a little for an unusual shape.

    Curved probes open some 27 to 50 degrees to each side, and where nothing tells, the apex lies above the picture's
    middle. A degree less costs four touched points: a shadow's edge is often a straighter line than the sector's.
    """
    off_centre = np.abs(apex[:, 0] - (edges.box[2] + edges.box[3]) / 2)
    degrees = np.degrees(place[:, 0])
    unusual = 4 * np.maximum(27 - degrees, 0) + np.maximum(degrees - 50, 0)
    return touched.sum(1) - 0.2 * off_centre - unusual


def _seeds(edges: Outline) -> np.ndarray:
    """Return apexes to try first, shape (c, 2): a coarse net, and points along the straightest runs of either side."""
    top, bottom, left, right = edges.box
    y = top + (bottom - top) * -np.array([-0.1, 0, 0.08, 0.16, 0.25, 0.35, 0.45, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2])
    seeds = [np.stack(np.meshgrid(np.linspace(left, right, 11)[1:-1], y), -1).reshape(-1, 2)]
    slope = np.radians(np.arange(12, 58, 3))[:, None]
    half = len(edges.sides[0]) // 2
    for part, sign in ((slice(None, half), 1), (slice(half, None), -1)):
        points, seen = edges.sides[0][part], edges.sides[1][part]
        touched, place = _edge(sign * points[:, 0] * np.cos(slope) + points[:, 1] * np.sin(slope), seen, 4.0)
        for i in np.argsort(-touched, kind="stable")[:5]:
            x = sign * (place[i] - y * np.sin(slope[i])) / np.cos(slope[i])
            seeds.append(np.stack([x, y], 1)[(x > left) & (x < right)])
    return np.concatenate(seeds).astype(np.float32)


def _different(rank: np.ndarray, angle: np.ndarray, count: int) -> list[int]:
    """Return up to ``count`` of the best candidates, at most two of nearly the same opening (3 degrees)."""
    chosen: list[int] = []
    for i in np.argsort(-rank, kind="stable").tolist():
        if sum(abs(angle[i] - angle[j]) < 0.05 for j in chosen) < 2:
            chosen.append(i)
        if len(chosen) == count:
            break
    return chosen


def search(edges: Outline) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the best apex, coarse to fine. Returns the apex (2,), what its edges touch (3,) and where they lie (3,)."""
    top, bottom, left, right = edges.box
    apex = _seeds(edges)
    # every other point is enough to start with
    sides, lower, upper = ((points[::2], seen[::2]) for points, seen in (edges.sides, edges.bottom, edges.top))
    thin = Outline(sides, lower, upper, edges.box)
    touched, place = _edges(apex, thin, 4.0)
    touched *= 2
    step_x, step_y = (right - left) / 20, 0.12
    for tolerance, kept in ((3.0, 8), (2.0, 4), (1.5, 3), (1.5, 3)):
        best = apex[_different(_rank(apex, touched, place, edges), place[:, 0], kept)]
        dx, dy = np.meshgrid(np.linspace(-step_x, step_x, 5), np.linspace(-step_y, step_y, 5))
        depth = np.maximum((top + bottom) / 2 - best[:, 1:], 15)
        apex = np.stack([best[:, :1] + dx.ravel(), best[:, 1:] + depth * dy.ravel()], -1).reshape(-1, 2)
        apex = apex.astype(np.float32)
        touched, place = _edges(apex, edges, tolerance)
        step_x, step_y = step_x / 2, step_y / 2
    closer, _ = _edges(apex, edges, 0.75)  # of edges that touch alike, those that lie on the outline, not along it
    i = int((_rank(apex, touched, place, edges) + 0.5 * closer.sum(1)).argmax())
    return apex[i], touched[i], _settle(apex[i : i + 1], edges, tolerance)
