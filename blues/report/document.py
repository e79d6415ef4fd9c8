"""The parts a report is made of, as plain values: tables, figures, blocks. HTML, Markdown, csv and LaTeX are made from them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from blues import plots
from blues.check import interval, number, one_of, p_value, signed
from blues.report.words import clean

__all__ = ["block", "cell_text", "column", "draw", "figure", "from_records", "sort_key", "table"]

FIGURES = (
    "agreement_matrix arms_forest bland_altman calibration change chest cumulative_incidence decision_curve flow importance "
    "learning_curve missingness null_histogram observed_predicted pairs_forest precision_recall repeats risk_distribution "
    "roc survival waterfall"
).split()
KINDS = ("text", "integer", "number", "share", "interval", "p", "places")


def column(label: str, kind: str = "text", digits: int = 2, sign: bool = False, mixed: bool = False) -> dict[str, Any]:
    """Describe a column of a table: its heading, how its cells are written, and to how many digits.

    Kinds: ``text``, ``integer``, ``number``, ``share`` (0 to 1, shown in percent), ``interval`` (cells are
    ``[value, low, high]``), ``p``, ``places`` (cells are lists of section keys).
    ``mixed``: each cell has a unit of its own, so that to sort by it means nothing.
    """
    made = {"label": label, "kind": one_of(kind, KINDS, "kind of column"), "digits": digits, "sign": sign}
    return made | ({"mixed": True} if mixed else {})


def table(
    caption: str,
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Sequence[Any]],
    note: str = "",
    filters: bool = False,
) -> dict[str, Any]:
    """Describe a table: one caption, the columns, one list of cells a row; the first column names the row."""
    return {
        "caption": caption,
        "columns": [dict(c) for c in columns],
        "rows": [clean(list(r)) for r in rows],
        "note": note,
        "filters": filters,
        "groups": [],
    }


def from_records(caption: str, records: Any, most: int = 2000, **more: Any) -> dict[str, Any] | None:
    """Describe a table of records of any shape: a list of mappings, a mapping of columns, or a frame; None when empty.

    Examples
    --------
    >>> made = from_records("Ages", [{"group": "a", "n": 3}, {"group": "b", "n": 4}])
    >>> [c["label"] for c in made["columns"]], made["rows"]
    (['group', 'n'], [['a', 3], ['b', 4]])
    """
    if isinstance(records, Mapping) and records and not all(isinstance(v, list | tuple) for v in records.values()):
        records = [{"": k, **(v if isinstance(v, Mapping) else {"value": v})} for k, v in records.items()]
    frame = pd.DataFrame(records) if records is not None else pd.DataFrame()
    if frame.empty:
        return None
    note = f"The first {most:,} of {len(frame):,} rows." if len(frame) > most else ""
    columns = [column(str(name).replace("_", " "), _kind_of(frame[name])) for name in frame]
    rows = [[_flat(v) for v in row] for row in frame.head(most).itertuples(index=False)]
    return table(caption, columns, rows, note=note, **more)


def _kind_of(values: pd.Series) -> str:
    known = values.dropna()
    if len(known) and all(isinstance(v, int) and not isinstance(v, bool) for v in known.tolist()):
        return "integer"
    if pd.api.types.is_float_dtype(known) and len(known):
        return "integer" if (known % 1 == 0).all() else "number"
    return "text"


def _flat(value: Any) -> Any:
    if isinstance(value, Mapping):
        return "; ".join(f"{k}: {_flat(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(_flat(v)) for v in value)
    value = clean(value)
    return "" if value is None else value


def _integer(cell: float) -> str:
    return f"{cell:,.0f}".replace("-", "−")


def cell_text(cell: Any, of: Mapping[str, Any]) -> str:
    """Return a cell as a reader sees it.

    Examples
    --------
    >>> cell_text([0.9, 0.81, 0.95], column("AUROC", "interval")), cell_text(0.254, column("missing", "share"))
    ('0.90 (0.81 to 0.95)', '25%')
    """
    kind, digits = of["kind"], of["digits"]
    if cell is None or cell == "":
        return "" if kind == "text" else "–"
    if isinstance(cell, str):
        return cell
    if kind == "interval":
        return interval(cell[0], cell[1], cell[2], digits, of["sign"])
    if kind == "share":
        return f"{100 * cell:.0f}%"
    if kind == "p":
        return p_value(cell)
    if kind == "integer":
        return _integer(cell)
    if kind == "number":
        return signed(cell, digits) if of["sign"] else number(cell, digits)
    return str(_flat(cell))


def sort_key(cell: Any) -> Any:
    """Return what a cell sorts by: the value of an interval, the number itself to six places, else the text."""
    if isinstance(cell, list):
        cell = cell[0] if cell and isinstance(cell[0], int | float) else ""
    if isinstance(cell, float):
        return f"{cell:.6g}"
    return "" if cell is None else cell


def block(kind: str, **content: Any) -> dict[str, Any]:
    """Describe one block of a section: ``text``, ``list``, ``table``, ``figures``, ``facts``, ``flow``, ..."""
    return {"type": kind, **content}


def figure(kind: str, title: str, caption: str, description: str = "", **arguments: Any) -> dict[str, Any]:
    """Describe a figure: the function of :mod:`blues.plots` that draws it and its arguments as plain values.

    ``title`` and ``description`` are what a screen reader says, ``caption`` is what stands under it.
    """
    one_of(kind, FIGURES, "figure")
    return {
        "kind": kind,
        "title": title,
        "caption": caption,
        "description": description,
        "arguments": {name: _plain(value) for name, value in arguments.items()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        columns = {str(c): _rounded(clean(value[c].tolist())) for c in value}
        # only an index of names carries meaning (the categories of a matrix); a numbered one is left behind
        names = not pd.api.types.is_numeric_dtype(value.index)
        return {"frame": columns, **({"index": clean(value.index.tolist())} if names else {})}
    return _rounded(clean(value))


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _frame(value: Any) -> Any:
    if isinstance(value, Mapping) and "frame" in value:
        frame = pd.DataFrame(value["frame"])
        frame = frame.set_axis(value["index"], axis=0) if "index" in value else frame
        return frame.infer_objects()
    return value


def draw(spec: Mapping[str, Any]) -> Figure:
    """Draw a figure that :func:`figure` described.

    Examples
    --------
    >>> import pandas as pd
    >>> spec = figure("roc", "ROC", "A caption.", curves=pd.DataFrame({"arm": ["a", "a"], "fpr": [0, 1], "tpr": [0, 1]}))
    >>> isinstance(draw(spec), Figure)
    True
    """
    function = getattr(plots, one_of(spec["kind"], FIGURES, "figure"))
    wanted = inspect.signature(function).parameters
    arguments = {name: _frame(value) for name, value in spec["arguments"].items() if name in wanted}
    made = function(**arguments)
    assert isinstance(made, Figure)
    return made
