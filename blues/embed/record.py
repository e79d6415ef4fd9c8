"""The embeddings of a cohort's clips: one row of values a frame, one row of the table a clip."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blues.check import InputError, counted
from blues.cohort.display import panel
from blues.provenance import load_array, replacing, write_json

__all__ = ["QUARANTINE", "TABLE", "Embeddings", "rows_of"]

STRANGE = "does not look like lung ultrasound"
TABLE = ("clip", "patient", "point", "take", "first", "frames", "total", "problems")
QUARANTINE = ("clip", "patient", "path", "reason")


def rows_of(table: pd.DataFrame, count: int) -> np.ndarray:
    """Return the rows of the values that belong to the clips of a table, clip after clip in the table's order.

    Parameters
    ----------
    table : DataFrame
        ``clip``, ``first`` and ``frames``, as in :class:`Embeddings`; filtered or sorted, if need be.
    count : int
        Number of rows of the values.

    Returns
    -------
    ndarray of int, shape (sum of frames,)

    Raises
    ------
    InputError
        When the rows of a clip lie outside the values, or are those of another clip too.

    Examples
    --------
    >>> rows_of(pd.DataFrame({"clip": ["b", "a"], "first": [3, 0], "frames": [2, 1]}), 5)
    array([3, 4, 0])
    """
    first, frames = table["first"].to_numpy(int), table["frames"].to_numpy(int)
    if len(outside := np.flatnonzero((first < 0) | (frames < 1) | (first + frames > count))):
        one = outside[0]
        raise InputError(
            f"clip {table['clip'].iloc[one]} has {frames[one]} frames from row {first[one]} on, and the values have "
            f"{count} rows",
            allowed="at least one frame, within the values",
            remedy="Take table and values of the same embeddings",
        )
    order = np.argsort(first, kind="stable")
    ends = (first + frames)[order]
    if len(shared := np.flatnonzero(ends[:-1] > first[order][1:])):
        before, after = (table["clip"].iloc[order[shared[0] + i]] for i in (0, 1))
        what = f"clip {before} is there twice" if before == after else f"clips {before} and {after} share frames"
        raise InputError(what, allowed="rows of the values that belong to one clip", remedy="Embed the cohort again")
    starts = np.cumsum(frames) - frames
    return np.repeat(first - starts, frames) + np.arange(frames.sum())


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """What an encoder made of a cohort's clips.

    Attributes
    ----------
    table : DataFrame
        One row a clip that could be read, in the cohort's order: ``clip``, ``patient``, ``point`` (str), ``take`` (int),
        ``first`` (row of its first frame in ``values``), ``frames`` (how many rows), ``total`` (usable frames of the
        file) and ``problems`` (str, what was damaged or odd in the file, empty for a sound one). It may be filtered or
        sorted: a clip's values are found by ``first`` and ``frames``.
    values : float32 array, shape (all frames, d)
        Clip after clip, frames in order of time. May be a read-only memory map.
    names : tuple of str
        Names of the d features.
    encoder : dict
        The encoder's card, with ``name``, ``hash``, ``preprocessing`` and ``decoder``.
    quarantine : DataFrame
        Clips that could not be read: ``clip``, ``patient``, ``path`` (relative to the cohort's folder), ``reason``.
    cohort : str
        The name of the cohort; empty where it is not known.
    """

    table: pd.DataFrame
    values: np.ndarray
    names: tuple[str, ...]
    encoder: dict[str, Any]
    quarantine: pd.DataFrame
    cohort: str = ""

    def __repr__(self) -> str:
        return (
            f"<Embeddings by {self.encoder.get('name', 'an encoder')}: {counted(len(self.table), 'clip')} of "
            f"{counted(self.table['patient'].nunique(), 'patient')}, {counted(int(self.table['frames'].sum()), 'frame')}, "
            f"{counted(len(self.names), 'feature')}, {len(self.quarantine)} not read>"
        )

    def _repr_html_(self) -> str:
        """Return what was embedded, for notebooks."""
        table = self.table
        rows = [
            ("clips", f"{len(table):,}", f"{counted(table['patient'].nunique(), 'patient')}"),
            ("frames", f"{int(table['frames'].sum()):,}", f"of {int(table['total'].sum()):,}"),
            ("features", f"{len(self.names):,}", ", ".join(self.names[:4]) + ", ..." * (len(self.names) > 4)),
        ]
        odd, strange = int((table["problems"] != "").sum()), len(self.strange)
        problems = (
            f"Damaged or odd: {counted(odd, 'clip')} ({strange} may be no lung ultrasound), see .table." if odd else ""
        )
        lost = f"Not read: {counted(len(self.quarantine), 'clip')}, see .quarantine." if len(self.quarantine) else ""
        digest = str(self.encoder.get("hash", ""))[:8]
        name = f"Embeddings by {self.encoder.get('name', 'an encoder')}"
        return panel(name, f"{digest}. Research use only.".lstrip(". "), ("", "", ""), rows, [lost, problems])

    @property
    def strange(self) -> list[str]:
        """The clips that the encoder does not take for lung ultrasound."""
        return self.table.loc[self.table["problems"].str.contains(STRANGE, regex=False), "clip"].astype(str).tolist()

    def compact(self) -> Embeddings:
        """Return the same with the values of the table's clips alone, in the table's order.

        Raises
        ------
        InputError
            When the rows of a clip lie outside the values, or are those of another clip too.
        """
        rows = rows_of(self.table, len(self.values))
        if np.array_equal(rows, np.arange(len(self.values))):
            return self
        frames = self.table["frames"]
        return dataclasses.replace(
            self, table=self.table.assign(first=frames.cumsum() - frames), values=np.asarray(self.values[rows])
        )

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``table.csv``, ``values.npy``, ``encoder.json`` and ``quarantine.csv`` into a folder, and return it.

        Of a table that was filtered or sorted the values are written that it names, in its order.
        """
        folder = Path(folder)
        kept = self.compact()
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in (("table", kept.table), ("quarantine", kept.quarantine)):
            with replacing(folder / f"{name}.csv") as draft:
                frame.to_csv(draft, index=False)
        with replacing(folder / "values.npy") as draft, draft.open("wb") as stream:
            np.save(stream, kept.values)
        write_json(folder / "encoder.json", {"encoder": self.encoder, "names": list(self.names), "cohort": self.cohort})
        return folder

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Embeddings:
        """Read what :meth:`save` wrote; ``values`` is a read-only memory map.

        Parameters
        ----------
        folder : path
            What :meth:`save` wrote into.

        Raises
        ------
        InputError
            When a file is missing, or table and values do not fit each other: in size, or in the rows of a clip.
        """
        folder = Path(folder)
        for name in ("table.csv", "values.npy", "encoder.json", "quarantine.csv"):
            if not (folder / name).is_file():
                raise InputError(
                    "no such file", file=folder / name, remedy="Name the folder that Embeddings.save wrote into"
                )
        text = dict.fromkeys(("clip", "patient", "point", "path", "reason", "problems"), str)
        table, quarantine = (
            pd.read_csv(folder / f"{name}.csv", dtype=text, keep_default_na=False) for name in ("table", "quarantine")
        )
        values = load_array(folder / "values.npy", mmap_mode="r")
        record = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
        frames = int(table["frames"].sum())
        if values.shape != (frames, len(record["names"])):
            raise InputError(
                f"the values have shape {values.shape}, and the table counts {frames} frames of "
                f"{len(record['names'])} features",
                file=folder,
                remedy="Embed the cohort again",
            )
        rows_of(table, len(values))
        return cls(table, values, tuple(record["names"]), record["encoder"], quarantine, record.get("cohort", ""))
