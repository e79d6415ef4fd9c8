"""What other parts of blues found and the page shows beside a run: explanations, agreement, length of stay.

Each is given as a mapping of titles to results. A result may be a frame or a record of ``explain``, ``agree`` or ``survive``;
what can be drawn is drawn, all else is a table. Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from blues.agree import Agreement
from blues.check import InputError
from blues.report.document import block, column, figure, from_records, table
from blues.report.people import Parts
from blues.report.privacy import Privacy

__all__ = ["agreement", "explanations", "read_beside", "stay"]

Results = Mapping[str, Any] | None


def explanations(results: Results, privacy: Privacy) -> Parts | None:
    """Return attributions as bars and tables; None when there are none."""
    return _parts("explanation", results, privacy)


def agreement(results: Results, privacy: Privacy) -> Parts | None:
    """Return coefficients with their sentences, pairs of raters as a forest, matrices; None when there are none."""
    return _parts("agreement", results, privacy)


def stay(results: Results, privacy: Privacy) -> Parts | None:
    """Return survival and incidence curves, medians and effects; None when there are none."""
    return _parts("stay", results, privacy)


def _parts(prefix: str, results: Results, privacy: Privacy) -> Parts | None:
    if not results:
        return None
    blocks: list[dict[str, Any]] = []
    tables: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    for number, (title, result) in enumerate(results.items(), 1):
        key = f"{prefix}-{number}"
        drawn = _drawn(str(title), result)
        if drawn is not None:
            figures[key] = drawn
            blocks.append(block("figures", keys=[key]))
        for text in _sentences(result):
            blocks.append(block("text", text=privacy.text(text)))
        for position, (caption, frame) in enumerate(_frames(str(title), result)):
            made = _pairs(caption, frame) or from_records(caption, frame, most=500, filters=len(frame) > 12)
            if made is not None:
                tables[f"{key}-{position}"] = privacy.value(made)
                blocks.append(block("table", key=f"{key}-{position}"))
    return blocks, tables, figures


def _frames(title: str, result: Any) -> list[tuple[str, pd.DataFrame]]:
    """Return the tables of a result; a curve's own table is drawn, not printed."""
    if isinstance(result, pd.DataFrame):
        if _curve_kind(result):
            return []
        return [(title, _with_index(result))]
    if isinstance(result, Mapping):
        return [(title, pd.DataFrame([dict(result)]))]
    if isinstance(result, Sequence) and not isinstance(result, str):
        frames = [f for item in result for _, f in _frames(title, item)]
        same = frames and all(list(f.columns) == list(frames[0].columns) for f in frames)
        return [(title, pd.concat(frames, ignore_index=True))] if same else [(title, f) for f in frames]
    if hasattr(result, "to_frame"):
        return [(title, result.to_frame())]
    found = []
    for name in ("median", "differences", "summary", "table"):
        part = getattr(result, name, None)
        if isinstance(part, pd.DataFrame) and len(part) and not _curve_kind(part):
            found.append((title if name in ("summary", "table") else f"{title}: {name}", _with_index(part)))
    return found


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    return frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()


def _sentences(result: Any) -> list[str]:
    if hasattr(result, "sentence"):
        said = result.sentence() if callable(result.sentence) else result.sentence
        return [str(said)]
    if isinstance(result, Sequence) and not isinstance(result, str | bytes):
        return [s for item in result for s in _sentences(item)]
    return []


def _curve_kind(frame: pd.DataFrame) -> str | None:
    if {"group", "time"} <= set(frame):
        return "survival" if "survival" in frame else "cumulative_incidence" if "incidence" in frame else None
    return None


def _drawn(title: str, result: Any) -> dict[str, Any] | None:
    """Return a figure of a result that has one."""
    frame = result if isinstance(result, pd.DataFrame) else getattr(result, "table", None)
    if not isinstance(frame, pd.DataFrame) or not len(frame):
        return None
    curve = _curve_kind(frame)
    if curve:
        caption = f"{title}. Bands: pointwise 95%; below, the patients still at risk."
        return figure(curve, title, caption, curves=frame)
    columns = set(frame)
    if {"feature", "value"} <= columns:
        return figure("importance", title, f"{title}. The largest first; the rest summed.", frame=frame)
    if {"pair", "value", "low", "high"} <= columns:
        return figure("pairs_forest", title, f"{title}, with 95% intervals over patients.", frame=frame)
    if {"patients", "arm", "value"} <= columns:
        return figure("learning_curve", title, f"{title}.", frame=frame)
    square = frame.shape[0] == frame.shape[1] > 1 and list(map(str, frame.index)) == list(map(str, frame.columns))
    if square and frame.map(lambda v: isinstance(v, int | float)).all(axis=None):
        named = frame.set_axis(list(map(str, frame.index)), axis=0).set_axis(list(map(str, frame.columns)), axis=1)
        rows, columns_ = str(frame.index.name or "first rater"), str(frame.columns.name or "second rater")
        return figure(
            "agreement_matrix",
            title,
            f"{title}: counts; the diagonal is agreement.",
            table=named,
            rows=rows,
            columns=columns_,
        )
    return None


def _pairs(caption: str, frame: pd.DataFrame) -> dict[str, Any] | None:
    """Return a table with value and interval in one cell, where a frame has ``value, low, high``."""
    if not {"value", "low", "high"} <= set(frame):
        return None
    others = [c for c in frame if c not in ("value", "low", "high")]
    plain = from_records(caption, frame[others])
    if plain is None:
        return None
    first, rest = plain["columns"][0], plain["columns"][1:]
    cells = frame[["value", "low", "high"]].to_numpy(float).tolist()
    rows = [[row[0], triple, *row[1:]] for row, triple in zip(plain["rows"], cells, strict=True)]
    return table(caption, [first, column("value", "interval"), *rest], rows)


def read_beside(folder: str | Path) -> dict[str, dict[str, Any]]:
    """Read results of other parts that lie in a run folder, as arguments for :func:`blues.report.summarize`.

    Parameters
    ----------
    folder : path
        Its folders ``explanations``, ``agreement`` and ``stay`` may hold ``.csv`` and ``.parquet`` tables and ``.json``
        records of agreement; a file's name, with blanks for hyphens, is the title. ``attributions.parquet`` counts too.

    Returns
    -------
    dict
        ``explanations``, ``agreements``, ``survival``, those that are there.

    Raises
    ------
    InputError
        For a file that cannot be read.
    """
    folder = Path(folder)
    found = {}
    for argument, name in (("explanations", "explanations"), ("agreements", "agreement"), ("survival", "stay")):
        files = sorted(p for p in (folder / name).glob("*") if p.suffix in (".csv", ".parquet", ".json"))
        if results := {p.stem.replace("-", " "): _read(p) for p in files}:
            found[argument] = results
    if (attributions := folder / "attributions.parquet").is_file():
        found.setdefault("explanations", {}).setdefault("Attributions", _read(attributions))
    return found


def _read(path: Path) -> Any:
    try:
        if path.suffix == ".json":
            return Agreement.load(path)
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise InputError(f"cannot be read: {str(error).splitlines()[0]}", file=path) from None
    square = frame.shape[1] == frame.shape[0] + 1 and list(map(str, frame.iloc[:, 0])) == list(
        map(str, frame.columns[1:])
    )
    return frame.set_index(frame.columns[0]) if square else frame
