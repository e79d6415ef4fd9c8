"""Frame -> clip -> BLUE point -> patient: nothing is learned here, so nothing can leak.

A clip is summarised over its frames, retakes of one BLUE point are reduced to one row, and the points of a patient are
averaged, maximised or laid side by side with a mask for the points that were not scanned. A clip can be pooled in part with
the other clips of its patient.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from blues import check
from blues.embed import Embeddings
from blues.embed.record import rows_of

__all__ = ["FRAMES", "POINTS", "RETAKES", "clips", "patients", "points", "takes"]

FRAMES = ("mean", "max", "sd", "mean+max")
RETAKES = ("longest", "first", "last", "mean", "max")
POINTS = ("mean", "max", "mean+max", "concat")


def clips(embeddings: Embeddings, how: str = "mean", *, partial: float = 0.0) -> pd.DataFrame:
    """Summarise each clip over its frames, alone or in part with the patient's other clips.

    One clip shows little, and the clips of a patient are alike. So a clip's own value can be moved towards the mean of the
    others (partial pooling: Gelman and Hill 2006, ch. 12). No label is used, and no other patient.

    Parameters
    ----------
    embeddings : Embeddings
        Frame values, shape (all frames, d). Its table may be filtered or sorted.
    how : {"mean", "max", "sd", "mean+max"}
        Over the frames of a clip. ``"sd"`` is the population standard deviation (0 for a clip of one frame): how much a
        feature moves. ``"mean+max"`` gives 2 d columns.
    partial : float
        The weight of the patient's other clips, 0 (each clip alone) to 1: ``(1 - partial) * own + partial * mean of the
        others``. A patient's only clip stays as it is. Their missing values are left out of the mean; a missing own value
        stays missing.

    Returns
    -------
    DataFrame
        Index ``clip``; float32. Columns are named as the features, with `` (max)`` or `` (sd)`` behind the name where it
        is not the mean.

    Raises
    ------
    InputError
        When the way is not known, ``partial`` is not between 0 and 1, there is no clip, a clip has no patient or two rows, or
        the table names rows that the values do not have or two clips share.
    """
    check.one_of(how, FRAMES, "frame pooling")
    if not 0 <= partial <= 1:
        raise check.InputError(
            f"partial is {partial}", allowed="0 (each clip alone) to 1 (its patient's other clips alone)"
        )
    table, values = _keyed(embeddings.table, "clip", "patient"), embeddings.values
    if len(table) == 0:
        raise check.InputError(
            "there is no embedded clip to pool", remedy="See quarantine.csv for why each was refused"
        )

    found = rows_of(table, len(values))
    if not np.array_equal(found, np.arange(len(values))):
        values = values[found]
    frames = table["frames"].to_numpy()[:, None]
    first = np.cumsum(frames[:, 0]) - frames[:, 0]

    def mean_of(rows: np.ndarray) -> np.ndarray:
        return np.asarray(np.add.reduceat(rows, first, axis=0, dtype=np.float64) / frames)

    parts: list[np.ndarray] = []
    names: list[str] = []
    if how in ("mean", "mean+max"):
        parts.append(mean_of(values))
        names += list(embeddings.names)
    if how in ("max", "mean+max"):
        parts.append(np.maximum.reduceat(values, first, axis=0))
        names += [f"{name} (max)" for name in embeddings.names]
    if how == "sd":
        deviations = values - np.repeat(mean_of(values), frames[:, 0], axis=0)
        parts.append(np.sqrt(mean_of(deviations**2)))
        names += [f"{name} (sd)" for name in embeddings.names]
    pooled = pd.DataFrame(np.hstack(parts), index=pd.Index(table["clip"], name="clip"), columns=names)
    if partial > 0:
        pooled = _partly(pooled, table["patient"].to_numpy(), partial)
    return pooled.astype(np.float32)


def _keyed(table: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """Return the table with each key as its own type: a category that does not occur is no patient and no point.

    Raises
    ------
    InputError
        When a key is missing, as a column or of a row, or a clip has two rows.
    """
    check.columns_exist(keys, table.columns, "the table of embeddings")
    for key in keys:
        column = table[key]
        if len(without := np.flatnonzero(column.isna())):
            raise check.InputError(
                f"{check.counted(len(without), 'row')} without {key} in the table of embeddings, the first at position "
                f"{without[0]}",
                remedy="Leave these rows out, or fill them in",
            )
        if isinstance(column.dtype, pd.CategoricalDtype):
            table = table.assign(**{key: column.astype(column.cat.categories.dtype)})
    if len(twice := table.loc[table["clip"].duplicated(), "clip"]):
        raise check.InputError(
            f"clip {twice.iloc[0]} is there twice", allowed="one row a clip in the table of embeddings"
        )
    return table


def _partly(values: pd.DataFrame, patients: np.ndarray, share: float) -> pd.DataFrame:
    """Move each clip by ``share`` of the way to the mean of its patient's other clips."""
    grouped = values.groupby(patients)
    others = grouped.transform("count") - values.notna()
    mean = (grouped.transform("sum") - values.fillna(0)) / others.where(others > 0)
    return values.where(mean.isna(), (1 - share) * values + share * mean)


def points(values: pd.DataFrame, table: pd.DataFrame, retakes: str = "longest") -> pd.DataFrame:
    """Reduce the takes of one BLUE point to one row a patient and point.

    Parameters
    ----------
    values : DataFrame
        One row a clip, from :func:`clips`.
    table : DataFrame
        ``Embeddings.table``: clip, patient, point, take, total (frames in the file).
    retakes : {"longest", "first", "last", "mean", "max"}
        Which take stands for the point, or how takes are combined. Of equally long takes the later one: a retake is
        made because the first was not good enough.

    Returns
    -------
    DataFrame
        Index (patient, point), columns as ``values``.

    Raises
    ------
    InputError
        When the policy is not known, or a row of the table has no clip, patient or point, or its clip another row.
    """
    check.one_of(retakes, RETAKES, "retake policy")
    table = _keyed(table, "clip", "patient", "point").set_index("clip").loc[values.index]
    keys = [table["patient"], table["point"]]
    if retakes in ("mean", "max"):
        return values.groupby(keys, sort=False).agg(retakes)
    kept = values.loc[values.index.isin(takes(table.reset_index(), retakes))]
    return kept.set_axis(pd.MultiIndex.from_frame(table.loc[kept.index, ["patient", "point"]]))


def takes(table: pd.DataFrame, retakes: str = "longest") -> pd.Index:
    """Return the clips that stand for their BLUE points.

    Parameters
    ----------
    table : DataFrame
        As for :func:`points`.
    retakes : {"longest", "first", "last"}
        Which take of a point that a patient has several of; of equally long ones the later.

    Returns
    -------
    Index of str
        One clip a patient and point.
    """
    check.one_of(retakes, ("longest", "first", "last"), "retake policy")
    order = {"longest": ["total", "take"], "first": ["take"], "last": ["take"]}[retakes]
    ranked = table.sort_values(order, ascending=retakes == "first", kind="stable")
    return pd.Index(ranked.loc[~ranked.duplicated(["patient", "point"]), "clip"])


def patients(
    embeddings: Embeddings,
    *,
    frames: str = "mean",
    how: str = "mean",
    retakes: str = "longest",
    order: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Pool frames to one row a patient.

    Parameters
    ----------
    embeddings : Embeddings
        Frame values with their clip table.
    frames : {"mean", "max", "sd", "mean+max"}
        Frame -> clip, see :func:`clips`.
    how : {"mean", "max", "mean+max", "concat"}
        BLUE points -> patient. ``"concat"`` lays the points side by side: columns ``R1: name``, NaN where a point was
        not scanned, and one column ``R1: scanned`` (1 or 0) a point.
    retakes : {"longest", "first", "last", "mean", "max"}
        See :func:`points`.
    order : sequence of str, optional
        The cohort's BLUE points, needed for ``"concat"``: a fixed list keeps the columns the same in every cohort. By
        default the points that occur.

    Returns
    -------
    DataFrame
        Index ``patient`` in the order of the table; float32. A patient without a readable clip is absent.

    Raises
    ------
    InputError
        As :func:`clips` and :func:`points`; when the pooling of points is not known, or a clip is at a point not in ``order``.
    """
    check.one_of(how, POINTS, "point pooling")
    table = _keyed(embeddings.table, "clip", "patient", "point")
    by_point = points(clips(embeddings, frames), table, retakes)
    present = list(dict.fromkeys(table["patient"]))
    grouped = by_point.groupby(level="patient", sort=False)
    if how == "concat":
        return _side_by_side(by_point, list(order or sorted(set(by_point.index.get_level_values("point"))))).loc[
            present
        ]
    parts = []
    if how in ("mean", "mean+max"):
        parts.append(grouped.mean())
    if how in ("max", "mean+max"):
        parts.append(grouped.max().add_suffix(" (max over points)"))
    return pd.concat(parts, axis=1).loc[present].astype(np.float32)


def _side_by_side(by_point: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    known = by_point.index.get_level_values("point")
    unknown = sorted(set(known) - set(order))
    if unknown:
        raise check.InputError(f"clips at points {unknown} that the dictionary does not list", allowed=order)
    rows = pd.Index(dict.fromkeys(by_point.index.get_level_values("patient")), name="patient")
    blocks = []
    for point in order:
        block = by_point[known == point].droplevel("point").reindex(rows)
        scanned = rows.isin(by_point[known == point].index.get_level_values("patient"))
        blocks.append(block.add_prefix(f"{point}: ").assign(**{f"{point}: scanned": scanned.astype(np.float32)}))
    return pd.concat(blocks, axis=1).astype(np.float32)
