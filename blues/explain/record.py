"""The record of out-of-fold attributions, and the files it lives in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blues import check
from blues.explain.attention import Weights
from blues.explain.columns import Columns
from blues.explain.shapley import FoldValues
from blues.provenance import replacing, write_json

__all__ = ["UNITS", "Attributions", "Piece", "gather"]

FILE, BASE, NULL, ABOUT = (
    "attributions.parquet",
    "attributions_base.parquet",
    "attributions_null.csv",
    "attributions.json",
)
POINTS, ATTENTION = "attributions_points.parquet", "attributions_attention.parquet"
"""Only where a run has them."""
_POINTS = ["patient", "point", "clip", "feature", "label", "unit", "value"]
_ATTENTION = ["patient", "arm", "repeat", "fold", "token", "kind", "weight", "clip"]
UNITS = {"binary": "probability", "ordinal": "expected category", "continuous": "unit of the outcome"}


@dataclass(frozen=True)
class Piece:
    """One arm's explanation of one fold: which rows of the design, by which model.

    Attributes
    ----------
    positions : ndarray of int, shape (rows,)
        Rows of the design that the fold held out.
    arm : str
    repeat, fold : int
    found : FoldValues
        Values of these rows.
    weights : Weights, optional
        Attention of these rows, where the model has any.
    """

    positions: np.ndarray
    arm: str
    repeat: int
    fold: int
    found: FoldValues
    weights: Weights | None = None


@dataclass(frozen=True)
class Attributions:
    """Shapley values of every held-out patient by the models that held him out.

    Attributes
    ----------
    values : DataFrame
        One row a patient (or clip), arm, repeat and feature: ``patient`` (and ``clip``), ``arm``, ``repeat``, ``feature``,
        ``label``, ``modality``, ``variable``, ``group``, ``point``, ``unit`` (of the value), ``value`` (the feature's own;
        NaN where missing or grouped), ``shap`` (in :attr:`unit`, float32).
    base : DataFrame
        One row a patient, arm and repeat: ``patient`` (and ``clip``), ``arm``, ``repeat``, ``fold``, ``base``,
        ``prediction``, ``error`` (of the sum against the prediction, largest in the fold), ``how`` (exact or sampled).
    null : DataFrame
        With the outcome shuffled: ``arm``, ``permutation``, ``level``, ``modality``, ``name``, ``value`` (mean absolute
        value over patients); empty without a label-permutation null.
    points : DataFrame
        What each BLUE point of a patient shows: ``patient``, ``point``, ``clip`` (that stands for it), ``feature``, ``label``,
        ``unit``, ``value``; empty without images, and where a row is a clip.
    attention : DataFrame
        Weights of the BLUE points and modalities by models with attention: ``patient``, ``arm``, ``repeat``, ``fold``,
        ``token``, ``kind``, ``weight``, ``clip`` (that stands for the point).
    unit : str
        Of ``shap``, ``base`` and ``prediction``: ``"probability"``, ``"log-odds"``, ``"expected category"``, ...
    facts : dict
        JSON-ready: the outcome's label, the cohort.
    """

    values: pd.DataFrame
    base: pd.DataFrame
    null: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["arm", "permutation", "level", "modality", "name", "value"])
    )
    points: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_POINTS))
    attention: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_ATTENTION))
    unit: str = "probability"
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        needed = ("patient", "arm", "repeat", "feature", "modality", "variable", "group", "point", "value", "shap")
        check.columns_exist(needed, self.values.columns, "attributions")
        check.columns_exist(
            ("patient", "arm", "repeat", "base", "prediction", "error"), self.base.columns, "base values"
        )

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that were explained."""
        return tuple(str(a) for a in dict.fromkeys(self.base["arm"].astype(str)))

    @property
    def error(self) -> float:
        """The largest difference between base plus values and the prediction, over everything."""
        return float(self.base["error"].max()) if len(self.base) else float("nan")

    def arm(self, name: str) -> pd.DataFrame:
        """Return the values of one arm.

        Raises
        ------
        InputError
            When the arm was not explained in this run.
        """
        check.one_of(name, self.arms, "arm")
        return self.values[self.values["arm"] == name]

    def patient(self, patient: str, arm: str) -> pd.DataFrame:
        """Return one patient's explanation by one arm: mean and spread over the repeats, the largest first.

        Parameters
        ----------
        patient : str
            An id.
        arm : str
            Of those explained.

        Returns
        -------
        DataFrame
            ``feature, label, modality, variable, group, point, unit, value, shap, sd, low, high`` (10th and 90th percentile
            over repeats and, at clip level, clips).

        Raises
        ------
        InputError
            When the patient is not in the run, or the arm could not predict him.
        """
        part = self.arm(arm)
        found = part[part["patient"].astype(str) == str(patient)]
        if not len(found):
            known = str(patient) in set(self.base["patient"].astype(str))
            raise check.InputError(
                f"patient {patient!r} " + (f"has nothing that arm {arm!r} looks at" if known else "is not in this run"),
                allowed=None if known else "the patients of the run's predictions",
            )
        keys = ["feature", "label", "modality", "variable", "group", "point", "unit"]
        grouped = found.groupby(keys, sort=False, observed=True)
        table = grouped.agg(value=("value", "mean"), shap=("shap", "mean"), sd=("shap", "std"))
        table["low"], table["high"] = grouped["shap"].quantile(0.1), grouped["shap"].quantile(0.9)
        table = table.reset_index()
        return table.reindex(table["shap"].abs().sort_values(ascending=False, kind="stable").index).reset_index(
            drop=True
        )

    @staticmethod
    def remove(folder: str | Path) -> None:
        """Take the attributions out of a run folder, where an earlier run left some."""
        for name in (FILE, BASE, NULL, ABOUT, POINTS, ATTENTION):
            (Path(folder) / name).unlink(missing_ok=True)

    @staticmethod
    def beside(folder: str | Path) -> Attributions | None:
        """Return the attributions of a run folder, or None where it has none."""
        return Attributions.load(folder) if (Path(folder) / FILE).is_file() else None

    def save(self, folder: str | Path) -> Path:
        """Write ``attributions.parquet`` and its companions into a run folder; each whole or not at all."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in ((POINTS, self.points), (ATTENTION, self.attention)):
            if not len(frame):
                (folder / name).unlink(missing_ok=True)
        tables = ((FILE, self.values), (BASE, self.base), (POINTS, self.points), (ATTENTION, self.attention))
        for name, frame in (t for t in tables if len(t[1]) or t[0] in (FILE, BASE)):
            with replacing(folder / name) as draft:
                frame.to_parquet(draft, index=False)
        with replacing(folder / NULL) as draft:
            self.null.to_csv(draft, index=False, float_format="%.6g")
        write_json(folder / ABOUT, {"unit": self.unit, "facts": self.facts, "error": self.error})
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Attributions:
        """Read the attributions of a run folder back.

        Raises
        ------
        InputError
            When they are not all there.
        """
        folder = Path(folder)
        missing = [name for name in (FILE, BASE, NULL, ABOUT) if not (folder / name).is_file()]
        if missing:
            raise check.InputError(
                f"no attributions: {', '.join(missing)} missing",
                file=folder,
                remedy="Repeat the run with --explain all",
            )
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        values = pd.read_parquet(folder / FILE)
        null = pd.read_csv(
            folder / NULL, dtype={"arm": str, "level": str, "modality": str, "name": str}, keep_default_na=False
        )
        null = null.assign(value=pd.to_numeric(null["value"]), permutation=pd.to_numeric(null["permutation"]))
        more = {
            key: pd.read_parquet(folder / name)
            for key, name in (("points", POINTS), ("attention", ATTENTION))
            if (folder / name).is_file()
        }
        return cls(values, pd.read_parquet(folder / BASE), null, unit=about["unit"], facts=about["facts"], **more)

    def _repr_html_(self) -> str:
        """Show the arms and the additivity error in a notebook."""
        table = self.base.groupby("arm", observed=True, sort=False)["error"].max()
        return f"<p>Attributions in {self.unit}</p>" + str(table.to_frame("largest error").to_html())


def gather(
    pieces: list[Piece],
    columns: Columns,
    patients: np.ndarray,
    *,
    clips: np.ndarray | None = None,
    points: pd.DataFrame | None = None,
    unit: str = "probability",
    **facts: Any,
) -> Attributions:
    """Join the explanations of all folds.

    Parameters
    ----------
    pieces : list of Piece
        From :func:`blues.explain.explain_fold`.
    columns : Columns
    patients : ndarray of str, shape (rows of the design,)
    clips : ndarray of str, shape (rows of the design,), optional
        Where a row is a clip.
    points : DataFrame, optional
        See :attr:`Attributions.points`.
    unit : str
    **facts
        Kept with the record.

    Returns
    -------
    Attributions

    Raises
    ------
    InputError
        When there is no piece.
    """
    if not pieces:
        raise check.InputError("nothing was explained", remedy="Name an arm that can predict someone")
    table, shapes = columns.table, [p.found.values.shape for p in pieces]
    feature = np.concatenate([np.tile(p.found.features, n) for p, (n, _) in zip(pieces, shapes, strict=True)])
    row = np.concatenate([np.repeat(p.positions, k) for p, (_, k) in zip(pieces, shapes, strict=True)])
    sizes = [n * k for n, k in shapes]
    arms = list(dict.fromkeys(p.arm for p in pieces))
    code = np.repeat([arms.index(p.arm) for p in pieces], sizes)
    built: dict[str, Any] = {"patient": _coded(patients, row)}
    if clips is not None:
        built["clip"] = _coded(clips, row)
    built |= {"arm": pd.Categorical.from_codes(code, arms), "repeat": np.repeat([p.repeat for p in pieces], sizes)}
    built["repeat"] = built["repeat"].astype(np.int32)
    built |= {
        name: _coded(table[name].to_numpy(), feature)
        for name in ("feature", "label", "modality", "variable", "group", "point", "unit")
    }
    built["value"] = np.concatenate([p.found.data.ravel() for p in pieces])
    built["shap"] = np.concatenate([p.found.values.ravel() for p in pieces])
    base = {
        "patient": np.concatenate([patients[p.positions] for p in pieces]),
        **({"clip": np.concatenate([clips[p.positions] for p in pieces])} if clips is not None else {}),
        "arm": np.repeat([p.arm for p in pieces], [n for n, _ in shapes]),
        "repeat": np.repeat([p.repeat for p in pieces], [n for n, _ in shapes]),
        "fold": np.repeat([p.fold for p in pieces], [n for n, _ in shapes]),
        "base": np.concatenate([p.found.base for p in pieces]),
        "prediction": np.concatenate([p.found.prediction for p in pieces]),
        "error": np.repeat([p.found.error for p in pieces], [n for n, _ in shapes]),
        "how": np.repeat([p.found.how for p in pieces], [n for n, _ in shapes]),
    }
    weights = _attention(pieces, patients, points)
    more = {name: made for name, made in (("points", points), ("attention", weights)) if made is not None}
    return Attributions(pd.DataFrame(built), pd.DataFrame(base), unit=unit, facts=dict(facts), **more)


def _attention(pieces: list[Piece], patients: np.ndarray, points: pd.DataFrame | None) -> pd.DataFrame | None:
    """Lay out the attention weights of all pieces, one row a patient, repeat and token."""
    parts = []
    for piece in pieces:
        if piece.weights is None:
            continue
        wide = pd.DataFrame(piece.weights.values, columns=list(piece.weights.tokens))
        keys = {"patient": patients[piece.positions], "arm": piece.arm, "repeat": piece.repeat, "fold": piece.fold}
        long = wide.assign(**keys).melt(list(keys), var_name="token", value_name="weight")
        parts.append(
            long.assign(kind=long["token"].map(dict(zip(piece.weights.tokens, piece.weights.kinds, strict=True))))
        )
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    stands = pd.DataFrame(columns=["patient", "token", "clip"]) if points is None else points
    stands = stands.rename(columns={"point": "token"})[["patient", "token", "clip"]].drop_duplicates()
    table = table.merge(stands.astype(object), on=["patient", "token"], how="left")
    return table.assign(clip=table["clip"].fillna(""))[_ATTENTION]


def _coded(names: np.ndarray, rows: np.ndarray) -> pd.Categorical:
    """Return ``names[rows]`` as a categorical without building the texts."""
    codes, labels = pd.factorize(names)
    return pd.Categorical.from_codes(codes[rows], [str(label) for label in labels])
