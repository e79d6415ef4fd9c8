"""A cohort in memory: patients, clips, ratings, the dictionary that decoded them, and what was found on the way."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from blues.check import InputError, counted
from blues.cohort import findings as finding_tables
from blues.cohort.decode import categories_of
from blues.cohort.dictionary import Dictionary
from blues.cohort.display import panel
from blues.cohort.schema import Column
from blues.cohort.targets import binary_counts, derive
from blues.provenance import replacing, write_json

__all__ = ["Cohort"]


@dataclass(frozen=True, eq=False, repr=False)
class Cohort:
    """A cohort of patients with lung-ultrasound clips.

    Attributes
    ----------
    name : str
    folder : Path
        Where the files lie; the clips' paths are relative to it.
    dictionary : Dictionary
        What every column is; who may predict what.
    patients : DataFrame, shape (patients, columns)
        Index ``patient`` (str, natural order). Every column of the dictionary but the id, decoded: float with NaN where
        there is no value (binary: 1.0 yes, 0.0 no), categories for nominal columns, text otherwise. Outcomes and leaks
        are here too; :meth:`Dictionary.refusal` says what may predict what.
    clips : DataFrame, shape (clips, 5)
        Index ``clip`` (str); patient (str), point (str), take (int, from 1), path (str, relative to ``folder``), bytes
        (int).
    ratings : DataFrame, shape (ratings, 6)
        clip, patient, point, rater, item (str), rating (float).
    findings : DataFrame
        file, row (spreadsheet row, nullable), column, value, what, done, cells (how many), kind (``decoded``,
        ``missing``, ``not applicable``, ``odd``, ``left out``).
    """

    name: str
    folder: Path
    dictionary: Dictionary
    patients: pd.DataFrame
    clips: pd.DataFrame
    ratings: pd.DataFrame
    findings: pd.DataFrame

    @property
    def points(self) -> tuple[str, ...]:
        """The points of the scanning protocol: the dictionary's, else those of the clips, in order."""
        listed = self.dictionary.clips.points if self.dictionary.clips is not None else ()
        return listed or tuple(dict.fromkeys(self.clips["point"]))

    def target(self, name: str) -> pd.Series:
        """Return an outcome derived as the dictionary says.

        Parameters
        ----------
        name : str
            A target of the dictionary.

        Returns
        -------
        Series of float, named ``name``
            Index ``patient``, shape (patients,), or ``clip``, shape (clips,), by the target's level; binary: 1.0 event,
            0.0 none; NaN where it is not defined.

        Raises
        ------
        InputError
            If the dictionary has no such target; the nearest name is told.
        """
        spec = self.dictionary.target(name)
        return derive(spec, name, self.patients, self.clips, self.ratings, self.points)

    def save(self, folder: str | Path) -> None:
        """Write the tables as csv, the dictionary as JSON into ``folder``; the clips stay where they are."""
        folder = Path(folder)
        for table in ("patients", "clips", "ratings", "findings"):
            with replacing(folder / f"{table}.csv") as draft:
                getattr(self, table).to_csv(draft, index=table in ("patients", "clips"), lineterminator="\n")
        write_json(folder / "dictionary.json", self.dictionary.model_dump(mode="json"))
        write_json(folder / "cohort.json", {"name": self.name, "folder": str(self.folder.absolute())})

    @classmethod
    def load(cls, folder: str | Path, *, clips_in: str | Path | None = None) -> Cohort:
        """Read what :meth:`save` wrote; ``clips_in`` names the cohort's own folder if it has moved since.

        Parameters
        ----------
        folder : path
            What :meth:`save` wrote into.
        clips_in : path, optional
            The cohort's own folder.

        Raises
        ------
        InputError
            When no cohort was saved there.
        """
        folder = Path(folder)
        if not (folder / "cohort.json").is_file():
            raise InputError("no saved cohort here (no cohort.json)", file=folder, remedy="Use blues.cohort.read")
        about = json.loads((folder / "cohort.json").read_text(encoding="utf-8"))
        dictionary = Dictionary.model_validate_json((folder / "dictionary.json").read_text(encoding="utf-8"))
        texts = {name: _read_text(folder / f"{name}.csv") for name in ("patients", "clips", "ratings", "findings")}
        patients = texts["patients"].set_index("patient")
        for name in patients:
            patients[name] = _as_decoded(patients[name], dictionary.columns[name])
        clips = texts["clips"].set_index("clip").astype({"take": "int64", "bytes": "int64"})
        ratings = texts["ratings"].assign(rating=texts["ratings"]["rating"].replace("", "nan").astype(float))
        met = texts["findings"]
        met["row"] = pd.to_numeric(met["row"], errors="coerce").astype("Int64")
        records = [
            finding_tables.Finding(**{**row, "row": None if pd.isna(row["row"]) else int(row["row"])})
            for row in met.astype({"cells": "int64"}).to_dict("records")
        ]
        place = Path(clips_in if clips_in is not None else about["folder"])
        found = finding_tables.frame(records)
        return cls(about["name"], place, dictionary, patients, clips, ratings, found)

    def __repr__(self) -> str:
        return (
            f"<Cohort {self.name}: {counted(len(self.patients), 'patient')}, {counted(len(self.clips), 'clip')} at "
            f"{counted(len(self.points), 'point')}, targets {', '.join(self.dictionary.targets) or 'none'}>"
        )

    def _repr_html_(self) -> str:
        """Return a short account for notebooks; everything from files is escaped."""
        rows = []
        for name, spec in self.dictionary.targets.items():
            values = self.target(name)
            if spec.kind == "binary":
                events, others = binary_counts(values)
                what = f"{events} with, {others} without"
            else:
                what = f"median {values.median():.3g} {spec.unit}".rstrip()
            rows.append((name, spec.label, f"{spec.kind}, by {spec.level}", what))
        roles = pd.Series([column.role for column in self.dictionary.columns.values()]).value_counts()
        columns = ", ".join(f"{roles[role]} {role}" for role in ("clinical", "blood", "expert") if role in roles)
        by_point = self.clips["point"].value_counts().reindex(list(self.points), fill_value=0)
        points = ", ".join(f"{point} {n}" for point, n in by_point.items())
        kinds = self.findings["kind"].value_counts()
        odd, out = int(kinds.get("odd", 0)), int(kinds.get("left out", 0))
        remarks = [
            f"Clips by point: {points}." if points else "",
            f"Columns that may predict: {columns or 'none'}. "
            f"Reading met {counted(odd, 'odd thing')} and left out {out}: see .findings.",
            f"Licence: {self.dictionary.licence}. Research use only.",
        ]
        rated = counted(self.ratings["item"].nunique(), "rated item")
        subtitle = f"{counted(len(self.patients), 'patient')}, {counted(len(self.clips), 'clip')}, {rated}"
        return panel(self.name, subtitle, ("target", "what", "kind", "values"), rows, remarks)


def _read_text(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _as_decoded(text: pd.Series, spec: Column) -> pd.Series:
    if spec.decoded_kind in ("continuous", "ordinal", "binary"):
        return text.replace("", "nan").astype(float)
    values = text.where(text != "", None)
    if spec.kind != "nominal":
        return values
    return values.astype(pd.CategoricalDtype(categories_of(values, spec)))
