"""Values of pooled image columns, carried back to the BLUE points that they were pooled from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from blues import models
from blues.explain.columns import Columns, image_row
from blues.explain.learners import linear_weights
from blues.features import ByPoint, is_anonymous

__all__ = ["Pooled", "carried", "linear_centre", "pooled", "right_first"]

MAXIMUM = " (max over points)"


@dataclass(frozen=True)
class Pooled:
    """The image columns that are a mean or a maximum over BLUE points, and what each point had.

    Attributes
    ----------
    columns : ndarray of int, shape (m,)
        Columns of the matrix.
    features : ndarray of int, shape (m, points)
        Row of ``Columns.table`` of each column at each point; columns without a meaning of their own share one a point.
    values : ndarray of float32, shape (rows, m, points)
        NaN where a point was not scanned.
    largest, named : ndarray of bool, shape (m,)
        Pooled by the maximum; has a meaning of its own.
    """

    columns: np.ndarray
    features: np.ndarray
    values: np.ndarray
    largest: np.ndarray
    named: np.ndarray

    def rows(self, rows: np.ndarray) -> Pooled:
        """Return the same of some rows."""
        return dataclasses.replace(self, values=self.values[rows])


def pooled(
    columns: Columns,
    blocks: Mapping[str, Sequence[str]],
    by_point: ByPoint | None,
    patients: Sequence[str],
    known: Mapping[str, Mapping[str, str]],
) -> tuple[Columns, Pooled | None]:
    """Find the pooled image columns of a design, and add their features at each BLUE point to the table.

    Parameters
    ----------
    columns : Columns
    blocks : mapping of str to sequence of str
        As :func:`blues.explain.columns` takes them.
    by_point : ByPoint, optional
        The design's.
    patients : sequence of str
        Of each row of the matrix.
    known : mapping
        From :func:`blues.explain.columns.describe`.

    Returns
    -------
    Columns, Pooled or None
        None where no column is pooled over points, or what they had is not known.
    """
    found = [] if by_point is None else _found(blocks, by_point.values.columns)
    if by_point is None or not found:
        return columns, None
    points = sorted(set(by_point.values.index.get_level_values(1)), key=right_first)
    table = columns.table.to_dict("records")
    place = {row["feature"]: i for i, row in enumerate(table) if row["modality"] == "image"}
    features = np.empty((len(found), len(points)), dtype=np.int64)
    for i, (_, name, _) in enumerate(found):
        for k, point in enumerate(points):
            row = image_row(f"{point}: {name}", False, "", known)
            if row["feature"] not in place:
                place[row["feature"]] = len(table)
                table.append({**row, "modality": "image", "columns": 0})
            features[i, k] = place[row["feature"]]
            table[features[i, k]]["columns"] += 1
    names = [name for _, name, _ in found]
    wanted = pd.MultiIndex.from_product([list(dict.fromkeys(patients)), points])
    values = by_point.values[list(dict.fromkeys(names))].reindex(wanted)
    cube = values.to_numpy(np.float32).reshape(-1, len(points), values.shape[1])
    cube = cube[:, :, [values.columns.get_loc(name) for name in names]].transpose(0, 2, 1)
    made = Pooled(
        columns=np.array([j for j, _, _ in found], dtype=np.int64),
        features=features,
        values=cube[pd.factorize(np.asarray(patients))[0]],
        largest=np.array([largest for _, _, largest in found]),
        named=np.array([not is_anonymous(name) for name in names]),
    )
    return Columns(columns.ids, pd.DataFrame(table)[list(columns.table)]), made


def right_first(point: str) -> tuple[bool, str]:
    """Return what BLUE points sort by: the right side before the left.

    Parameters
    ----------
    point : str
        ``R1`` and the like.

    Returns
    -------
    tuple
        False for the right side, and the name.
    """
    return not point.upper().startswith("R"), point


def _found(blocks: Mapping[str, Sequence[str]], known: pd.Index) -> list[tuple[int, str, bool]]:
    """Return column of the matrix, name before the points were pooled, and whether by the maximum."""
    found, start = [], 0
    for block, names in blocks.items():
        by_maximum = block == "image/max"
        for j, name in enumerate(map(str, names)):
            largest = name.endswith(MAXIMUM) or by_maximum
            plain = name.removesuffix(MAXIMUM)
            if block.startswith("image/") and block != "image/concat" and plain in known:
                found.append((start + j, plain, largest))
        start += len(names)
    return found


def linear_centre(model: object, X_train: np.ndarray) -> np.ndarray | None:
    """Return where a model that is linear up to a last function of the sum has its values 0, shape (columns,).

    Parameters
    ----------
    model : fitted estimator
    X_train : ndarray, shape (rows, columns)

    Returns
    -------
    ndarray or None
        The mean of the training rows once imputed; NaN for columns that the model does not look at. None where it is not
        linear.
    """
    if isinstance(model, models.Nested):
        parts = [(model.model_, list(model.columns_), np.arange(len(X_train)))]
    elif isinstance(model, models.LateFusion):
        parts = [(one, *rows_of(model, name, X_train)) for name, one in model.models_.items()]
    else:
        known = linear_weights(model, X_train)
        return None if known is None else known[1]
    centre = np.full(X_train.shape[1], np.nan)
    for one, columns, rows in parts:
        own = linear_centre(one, X_train[rows][:, columns])
        if own is None:
            return None
        centre[columns] = own
    return centre


def rows_of(model: models.LateFusion, name: str, X: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Return the columns of a modality, and the rows that have any value of it: those it is fitted on and predicted for."""
    columns = list(model.columns[name])
    return columns, np.flatnonzero(~np.isnan(X[:, columns]).all(axis=1))


def carried(values: np.ndarray, centre: np.ndarray, which: Pooled, signed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Share the value of each pooled column among the BLUE points.

    A mean's value goes to the points in proportion to how far each lies from the training mean of the column: with its sign for
    a linear model, where that is the Shapley value of the point, and by absolute size for others (the rescale rule [1]_ through
    the mean). A maximum's value goes to the points that reach it.

    Parameters
    ----------
    values : ndarray, shape (rows, m)
        Shapley values of the pooled columns.
    centre : ndarray, shape (m,)
        Their means over training rows; a linear model's own centre.
    which : Pooled
        Of the same rows.
    signed : bool
        Whether the model is linear.

    Returns
    -------
    shared : ndarray, shape (rows, m, points)
    left : ndarray, shape (rows, m)
        What belongs to no point: the values of rows without any. ``shared.sum(axis=2) + left`` is ``values``.

    References
    ----------
    .. [1] Chen H, Lundberg SM, Lee SI. Explaining a series of models by propagating Shapley values. Nat Commun 2022;13:4512.
    """
    scanned = np.isfinite(which.values)
    away = np.where(scanned, which.values - centre[None, :, None], 0.0)
    if not signed:
        away = np.abs(away)
    highest = np.where(scanned, which.values, -np.inf).max(axis=2, keepdims=True)
    away = np.where(which.largest[None, :, None], scanned & (which.values == highest), away)
    total = away.sum(axis=2, keepdims=True)
    size = np.abs(away).sum(axis=2, keepdims=True)
    even = scanned / np.maximum(scanned.sum(axis=2, keepdims=True), 1)
    share = np.divide(np.abs(away), size, out=even.astype(float), where=size > 0)
    # where deviations all but cancel, their signed shares are rounding
    share = np.divide(away, total, out=share, where=np.abs(total) > 1e-3 * size)
    shared = values[:, :, None] * share
    return shared, np.where(scanned.any(axis=2), 0.0, values)
