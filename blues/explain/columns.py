"""What each column of the one matrix means to a reader: its modality, variable, group, BLUE point and unit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from blues import check
from blues.explain.words import POOLED, family, image_words, unit_of
from blues.features import is_anonymous

__all__ = ["LEVELS", "MOST_NAMED", "Columns", "columns", "describe", "image_row"]

LEVELS = ("feature", "variable", "group", "point", "modality")
"""From the finest to the coarsest: a column; a lab, variable or artefact; a group of them; a BLUE point; a modality."""
MOST_NAMED = 400
"""An image block with more named columns is explained as a whole (a BLUE point at a time where points lie side by side)."""


@dataclass(frozen=True)
class Columns:
    """Which feature each column of a matrix belongs to, and what the features are.

    Attributes
    ----------
    ids : ndarray of int, shape (columns,)
        Row of ``table`` for each column of the matrix. Columns without a meaning of their own share one.
    table : DataFrame
        One row a feature: ``feature`` (name as in the design), ``label`` (as a reader sees it), ``modality``, ``variable``,
        ``group``, ``point`` (a BLUE point, or empty), ``unit``, ``columns`` (how many it stands for).
    """

    ids: np.ndarray
    table: pd.DataFrame


def describe(card: Mapping[str, Any], encoder: Mapping[str, Any] | None = None) -> dict[str, dict[str, str]]:
    """Return label, unit and group of each patient column from a cohort card, and the units of an encoder's outputs.

    Parameters
    ----------
    card : mapping
        From :func:`blues.cohort.card`; an empty one gives an empty result.
    encoder : mapping, optional
        An encoder's card; its ``units`` (output -> what it is, with the unit after the last comma) are read.

    Returns
    -------
    dict of str to dict
        Column or output -> ``label``, ``unit``, ``group``.

    Examples
    --------
    >>> describe({"table_one": [{"column": "crp", "variable": "CRP", "unit": "mg/l", "group": "", "kind": "continuous"}]})
    {'crp': {'label': 'CRP', 'unit': 'mg/l', 'group': ''}}
    """
    found = {
        str(name): {"label": image_words(str(name)), "unit": unit_of(str(text)), "group": ""}
        for name, text in ((encoder or {}).get("units") or {}).items()
    }
    for row in card.get("table_one") or []:
        column = str(row.get("column") or "")
        if column and column not in found:
            # a nominal column has one row a code, "sex: female"
            label = str(row.get("variable") or column)
            label = label.rsplit(": ", 1)[0] if row.get("kind") == "nominal" else label
            found[column] = {
                "label": label,
                "unit": str(row.get("unit") or ""),
                "group": str(row.get("group") or ""),
            }
    return found


def columns(
    blocks: Mapping[str, Sequence[str]], described: Mapping[str, Mapping[str, str]] | None = None, points: str = ""
) -> Columns:
    """Read the names of a design's columns.

    Parameters
    ----------
    blocks : mapping of str to sequence of str
        Block -> names of its columns, in the order of the matrix. ``"image/mean"`` is the image block under a pooling.
    described : mapping, optional
        From :func:`describe`.
    points : str
        What to call the BLUE point of an image column that is pooled over all of them.

    Returns
    -------
    Columns
        Image columns ``R3: b_line_count`` belong to point R3. Anonymous dimensions (``map_017``) and blocks with more than
        :data:`MOST_NAMED` named columns become one feature, one a BLUE point where points lie side by side. Columns that the
        dictionary gives the same label have their own name in brackets behind it.

    Examples
    --------
    >>> made = columns({"image/concat": ["R3: map_001", "R3: map_002", "R3: b_line_count"], "clinical": ["sex=female"]})
    >>> made.ids.tolist()
    [0, 0, 1, 2]
    >>> made.table["label"].tolist()
    ['embedding at R3', 'B-lines at R3', 'sex: female']
    """
    if not blocks:
        raise check.InputError("there are no columns to explain")
    known = dict(described or {})
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    ids: list[int] = []
    place: dict[tuple[str, str], int] = {}
    for block, names in blocks.items():
        modality = block.split("/", 1)[0]
        whole = modality == "image" and sum(not is_anonymous(_bare(str(n))) for n in names) > MOST_NAMED
        shared = _shared_labels(names, known)
        for name in names:
            row = (
                image_row(str(name), whole, points, known)
                if modality == "image"
                else _table_row(str(name), modality, known, shared)
            )
            key = (modality, row["feature"])
            if key not in rows:
                place[key] = len(rows)
                rows[key] = {**row, "modality": modality, "columns": 0}
            rows[key]["columns"] += 1
            ids.append(place[key])
    order = ["feature", "label", "modality", "variable", "group", "point", "unit", "columns"]
    return Columns(np.array(ids, dtype=np.int64), pd.DataFrame(list(rows.values()))[order])


def _bare(name: str) -> str:
    return POOLED.sub("", name.partition(": ")[2] or name)


def image_row(name: str, whole: bool, points: str, known: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return what an image column means: ``feature, label, variable, group, point, unit``."""
    point, separator, rest = name.partition(": ")
    point, rest = (point, rest) if separator else (points, name)
    place = f" at {point}" if separator else ""
    plain, pooled = POOLED.sub("", rest), "".join(POOLED.findall(rest))
    if whole or is_anonymous(plain):
        return {
            "feature": f"{point}: embedding{pooled}" if separator else f"embedding{pooled}",
            "label": f"embedding{pooled}{place}",
            "variable": "embedding",
            "group": "embedding",
            "point": point,
            "unit": "",
        }
    return {
        "feature": name,
        "label": image_words(rest) + place,
        "variable": image_words(plain),
        "group": family(plain),
        "point": point,
        "unit": (known.get(plain) or {}).get("unit", ""),
    }


def _source(name: str, known: Mapping[str, Mapping[str, str]]) -> tuple[str, str, str, Mapping[str, str]]:
    """Return the column of the cohort's table, its label, the code of a one-hot column, and what is known of it."""
    column, _, code = (name, "", "") if name in known or name.startswith("=") else name.partition("=")
    about = known.get(name) or known.get(column) or {}
    return column, about.get("label") or column, code, about


def _shared_labels(names: Sequence[str], known: Mapping[str, Mapping[str, str]]) -> set[str]:
    """Return the labels that several columns of the cohort's table have."""
    labels = [label for _, label in {_source(str(name), known)[:2] for name in names}]
    return {label for label in labels if labels.count(label) > 1}


def _table_row(
    name: str, modality: str, known: Mapping[str, Mapping[str, str]], shared: Collection[str] = ()
) -> dict[str, str]:
    column, label, code, about = _source(name, known)
    label = f"{label} ({column})" if label in shared else label
    return {
        "feature": name,
        "label": f"{label}: {code}" if name != column else label,
        "variable": label,
        # a lab is its own group; clinical variables have the dictionary's groups
        "group": about.get("group") or (label if modality == "blood" else modality),
        "point": "",
        "unit": about.get("unit", ""),
    }
