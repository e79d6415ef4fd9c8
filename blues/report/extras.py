"""What other parts of blues found and the page shows beside a run: explanations, agreement, length of stay.

Each is given as a mapping of titles to results. A result may be a frame or a record of ``explain``, ``agree`` or ``survive``;
what can be drawn is drawn, all else is a table. Nothing is computed here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from blues.agree import Agreement
from blues.agree.section import TO_WRITE
from blues.check import InputError, interval, number
from blues.evaluate import Estimate, Test
from blues.report.document import block, figure, from_records
from blues.report.people import Parts
from blues.report.privacy import Privacy
from blues.report.words import clean
from blues.survive.section import CONTENTS

__all__ = ["agreement", "explanations", "read_beside", "stated", "stay"]

Results = Mapping[str, Any] | None


def explanations(results: Results, privacy: Privacy) -> Parts | None:
    """Return attributions as bars and tables; None when there are none."""
    return _parts("explanation", results, privacy)


def agreement(results: Results, privacy: Privacy) -> Parts | None:
    """Return coefficients with their sentences, pairs of raters as a forest, matrices; None when there are none."""
    # GRRAS stands among the checklists, once
    shown = {title: result for title, result in (results or {}).items() if not _is_checklist(result)}
    return _parts("agreement", shown, privacy)


def stay(results: Results, privacy: Privacy) -> Parts | None:
    """Return survival and incidence curves, medians and effects; None when there are none."""
    return _parts("stay", results, privacy)


def _parts(prefix: str, results: Results, privacy: Privacy) -> Parts | None:
    if not results:
        return None
    blocks: list[dict[str, Any]] = []
    tables: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    leaves = [leaf for title, result in results.items() for leaf in _leaves(str(title), result)]
    for count, (title, leaf) in enumerate(leaves, 1):
        key = f"{prefix}-{count}"
        title = privacy.text(title)
        if isinstance(leaf, str):
            blocks.append(block("text", text=privacy.text(leaf)))
            continue
        drawn = _drawn(title, leaf)
        if drawn is not None:
            figures[key] = drawn
            if blocks and blocks[-1]["type"] == "figures":
                blocks[-1]["keys"].append(key)
            else:
                blocks.append(block("figures", keys=[key]))
        if isinstance(leaf, pd.DataFrame) and (drawn is None or drawn["kind"] not in _DRAWN_ONLY):
            made = frame_table(title, _named(leaf, privacy))
            if made is not None:
                tables[key] = privacy.value(made)
                shown = block("table", key=key)
                # tables of single patients, and long ones, are for whoever looks for them
                hidden = "patient" in leaf or len(leaf) > _LONG
                blocks.append(block("details", summary=f"{title} ({len(leaf)})", blocks=[shown]) if hidden else shown)
    return blocks, tables, figures


def _named(frame: pd.DataFrame, privacy: Privacy) -> pd.DataFrame:
    """Return a frame that tells of single patients under the names that may be shown; a bare number in a text may be an id."""
    if "patient" not in frame or not privacy.names:
        return frame
    names = [privacy.patient(p) for p in frame["patient"].astype(str)]
    return frame.assign(patient=names).sort_values("patient", kind="stable", ignore_index=True)


# curves and scatter plots would fill pages as tables
_DRAWN_ONLY = ("survival", "cumulative_incidence", "bland_altman", "agreement_matrix")
_LONG = 60
"""Tables of more rows open on a click."""
_BEHIND = ("baseline", "path", "data", "covariates", "preparations", "intervals", "level")
"""Parts of a record that other computations need and a reader does not."""
Leaf: TypeAlias = pd.DataFrame | str | Agreement


def _leaves(title: str, result: Any) -> list[tuple[str, Leaf]]:
    """Take a result apart into frames, sentences and what is drawn by itself."""
    if isinstance(result, pd.DataFrame | str):
        return [(title, result)] if len(result) else []
    if isinstance(result, Agreement):
        return _agreements(title, [result])
    if isinstance(result, Test | Estimate):
        return [(title, _record_frame({title: result}))]
    if isinstance(result, Mapping):
        if result and all(isinstance(v, Test | Estimate) for v in result.values()):
            return [(title, _record_frame(result))]
        return [leaf for name, part in result.items() for leaf in _leaves(_joined(title, name), part)]
    if isinstance(result, Sequence):
        return _several(title, result)
    return _fields(title, result) if dataclasses.is_dataclass(result) else []


def _several(title: str, results: Sequence[Any]) -> list[tuple[str, Leaf]]:
    if results and all(isinstance(r, Agreement) for r in results):
        return _agreements(title, list(results))
    if results and all(isinstance(r, str | int | float) for r in results):
        return [(title, ", ".join(map(str, results)))]
    return [leaf for part in results for leaf in _leaves(title, part)]


def _fields(title: str, record: Any) -> list[tuple[str, Leaf]]:
    """Take a record apart: its tables and tests, what it notes, and its single numbers as one sentence."""
    found: list[tuple[str, Leaf]] = []
    said = []
    for entry in dataclasses.fields(record):
        value, name = getattr(record, entry.name), entry.name.replace("_", " ")
        if entry.name in _BEHIND:
            continue
        if isinstance(value, bool | int | float | str):
            said.append(f"{name} {_short(value)}")
        elif entry.name in ("notes", "left_out"):
            found += [(title, f"{name.capitalize()}: {', '.join(map(str, value))}.")] if value else []
        else:
            found += _leaves(title if entry.name == "table" else _joined(title, name), value)
    return [*found, *([(title, f"{title}: {'; '.join(said)}.")] if said else [])]


def _short(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _joined(title: str, name: object) -> str:
    words = str(name).replace("_", " ")
    return f"{title}: {words}" if words and words != title else title


def _record_frame(results: Mapping[str, Any]) -> pd.DataFrame:
    """Return tests and estimates as one table, with what each asks where it says so."""
    rows = []
    for name, r in results.items():
        row = {
            "": str(name).replace("_", " "),
            "method": r.detail.get("method", ""),
            "question": r.detail.get("question", ""),
        }
        if isinstance(r, Test):
            row |= {"statistic": r.statistic, "p_value": r.p_value}
        else:
            row |= {"value": r.value, "low": r.low, "high": r.high}
        rows.append(row | {"reason": r.detail.get("reason", "")})
    return pd.DataFrame(rows).replace("", None).dropna(axis=1, how="all")


def _agreements(title: str, records: Sequence[Agreement]) -> list[tuple[str, Leaf]]:
    """Return coefficients as sentences where they are few, always as one table, and those with points as a figure."""
    found: list[tuple[str, Leaf]] = [(title, r.sentence()) for r in records] if len(records) <= 3 else []
    frames = [r.to_frame().astype({"reason": object, "interval": object}) for r in records]
    table_ = pd.concat(frames, ignore_index=True)
    found.append((title, table_.dropna(axis=1, how="all").drop(columns="se", errors="ignore")))
    return found + [(f"{title}: {r.method}", r) for r in records if "points" in r.detail and "limits_ci" in r.detail]


def _curve_kind(frame: pd.DataFrame) -> str | None:
    if {"group", "time"} <= set(frame):
        return "survival" if "survival" in frame else "cumulative_incidence" if "incidence" in frame else None
    return None


def last_values(curves: pd.DataFrame, kind: str) -> str:
    """Return in words where curves end, a group and event each, for who does not see them."""
    value = "survival" if kind == "survival" else "incidence"
    names = [c for c in ("group", "cause") if c in curves]
    told = []
    for name, part in curves.groupby(names, sort=False, observed=True):
        end = part.sort_values("time", kind="stable").iloc[-1]
        told.append(f"{', '.join(map(str, name))}: {number(end[value])} at day {end['time']:g}")
    return "; ".join(told) + "."


def _drawn(title: str, leaf: Leaf) -> dict[str, Any] | None:
    """Return a figure of a result that has one."""
    if isinstance(leaf, Agreement):
        return _bland_altman(title, leaf)
    if not isinstance(leaf, pd.DataFrame):
        return None
    if curve := _curve_kind(leaf):
        head = title.split(" by ")[0]
        label = {"ylabel": head} if len(head) <= 45 else {}
        caption = f"{title}. Bands: pointwise 95%; below, the patients still at risk."
        return figure(curve, title, caption, last_values(leaf, curve), curves=leaf, **label)
    columns = set(leaf)
    if {"feature", "value"} <= columns:
        return figure("importance", title, f"{title}. The largest first; the rest summed.", frame=leaf)
    if {"value", "low", "high"} <= columns and columns & {"pair", "rater_a"}:
        pair = leaf["pair"] if "pair" in leaf else leaf["rater_a"].astype(str) + ", " + leaf["rater_b"].astype(str)
        frame = leaf.assign(pair=pair)[["pair", "value", "low", "high", *(c for c in ("kind",) if c in leaf)]]
        known = frame[frame["value"].notna()].reset_index(drop=True)
        caption = f"{title}, with 95% intervals over patients."
        said = "; ".join(f"{r.pair} {interval(r.value, r.low, r.high)}" for r in known.head(20).itertuples())
        made = {"frame": known, "statistic": _statistic(leaf)}
        return figure("pairs_forest", title, caption, said, **made) if len(known) else None
    if {"patients", "arm", "value"} <= columns:
        return figure("learning_curve", title, f"{title}.", frame=leaf)
    return _matrix(title, leaf)


def _statistic(pairs: pd.DataFrame) -> str:
    """Name what the frame of pairs holds: kappa with its weights where they are told, else agreement without a name."""
    told = set(pairs["weights"]) if "weights" in pairs else set()
    if len(told) != 1:
        return "agreement"
    weights = str(told.pop())
    return f"Cohen's kappa, {weights}" if weights == "unweighted" else f"Cohen's kappa, {weights} weights"


def _matrix(title: str, frame: pd.DataFrame) -> dict[str, Any] | None:
    categories = [str(c) for c in frame.columns]
    if len(categories) < 2 or list(map(str, frame.index)) != categories:
        return None
    if not all(pd.api.types.is_numeric_dtype(frame[c]) for c in frame):
        return None
    named = frame.set_axis(categories, axis=0).set_axis(categories, axis=1)
    names = (str(frame.index.name or "first rater"), str(frame.columns.name or "second rater"))
    caption = f"{title}: counts; the diagonal is agreement."
    counts = "; ".join(f"{names[0]} {c}: " + ", ".join(f"{v:g}" for v in named.loc[c]) for c in categories)
    return figure(
        "agreement_matrix", title, caption, f"Counts by row. {counts}", table=named, rows=names[0], columns=names[1]
    )


def _bland_altman(title: str, record: Agreement) -> dict[str, Any]:
    points, limits_ = record.detail["points"], record.detail["limits"]
    limits = [[value, *ci] for value, ci in zip(limits_, record.detail["limits_ci"], strict=True)]
    return figure(
        "bland_altman",
        title,
        "Differences against means, with bias, limits of agreement and their 95% intervals.",
        mean=points["mean"].tolist(),
        difference=points["difference"].tolist(),
        bias=[record.value, record.low, record.high],
        limits=limits,
    )


def frame_table(caption: str, frame: pd.DataFrame, most: int = 500) -> dict[str, Any] | None:
    """Describe any frame as a table: numbers with their limits in one cell, p values as such.

    Limits are ``low`` and ``high`` after the column they belong to, or ``x_low`` and ``x_high`` for a column ``x``.
    """
    frame = frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
    frame = frame.set_axis([str(c) for c in frame.columns], axis=1)
    names = list(frame)
    limits = {c: (f"{c}_low", f"{c}_high") for c in names if {f"{c}_low", f"{c}_high"} <= set(names)}
    if {"low", "high"} <= set(names) and names.index("low") > 0:
        before = [name for name in names[: names.index("low")] if name not in ("se", "z", "n", "events")]
        limits["value" if "value" in names else before[-1]] = ("low", "high")
    hidden = {name for pair in limits.values() for name in pair}
    plain = from_records(caption, frame.drop(columns=list(hidden)), most=most, filters=len(frame) > 12)
    if plain is None:
        return None
    for position, name in enumerate(c for c in names if c not in hidden):
        shown = plain["columns"][position]
        if name in limits and position:
            shown |= {"kind": "interval"}
            triples = frame[[name, *limits[name]]].head(most).to_numpy(float).tolist()
            for row, triple in zip(plain["rows"], triples, strict=True):
                row[position] = clean(triple)
        elif name.endswith(("p_value", "q_value", "_p", "p_holm")):
            shown |= {"kind": "p", "label": shown["label"].replace(" value", "")}
        elif name.startswith("percent_"):
            shown |= {"kind": "share"}
    return plain


def stated(results: Results, privacy: Privacy) -> dict[str, str] | None:
    """Return what the agreement results say to items of GRRAS, where they hold the checklist; None where they do not."""
    for result in (results or {}).values():
        if _is_checklist(result):
            written = result[~result["statement"].str.startswith(TO_WRITE)]
            return {str(r.item): privacy.text(str(r.statement)) for r in written.itertuples()}
    return None


def _is_checklist(result: Any) -> bool:
    return isinstance(result, pd.DataFrame) and list(result.columns) == ["item", "what", "statement"]


def read_beside(folder: str | Path) -> dict[str, dict[str, Any]]:
    """Read results of other parts that lie in a run folder, as arguments for :func:`blues.report.summarize`.

    Parameters
    ----------
    folder : path
        Its folders ``explanations``, ``agreement`` and ``stay`` may hold ``.csv`` and ``.parquet`` tables and ``.json``
        records of agreement; a file's name, with blanks for hyphens, is the title. Where ``contents.json`` lies beside them,
        a list of ``title`` with ``file`` or ``text``, it says what is shown, under which title and in which order; ``across``
        is whose the columns of a square table are, as its first heading is whose its rows are.

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
        contents = folder / name / CONTENTS
        files = sorted(p for p in (folder / name).glob("*") if p.suffix in (".csv", ".parquet", ".json"))
        plain = {p.stem.replace("-", " "): p for p in files}
        if results := _listed(contents) if contents.is_file() else {title: _read(p) for title, p in plain.items()}:
            found[argument] = results
    return found


def _listed(contents: Path) -> dict[str, Any]:
    try:
        entries = json.loads(contents.read_text(encoding="utf-8"))
        return {
            e["title"]: e["text"]
            if "text" in e
            else _read(contents.parent / Path(e["file"]).name, str(e.get("across", "")))
            for e in entries
        }
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = "cannot be read: a list of entries with title, and file or text, is expected"
        raise InputError(f"{what} ({type(error).__name__}: {error})", file=contents) from None


def _read(path: Path, across: str = "") -> Any:
    try:
        if path.suffix == ".json":
            return Agreement.load(path)
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"patient": str})
    except (ValueError, OSError) as error:
        raise InputError(f"cannot be read: {str(error).splitlines()[0]}", file=path) from None
    square = frame.shape[1] == frame.shape[0] + 1 and list(map(str, frame.iloc[:, 0])) == list(
        map(str, frame.columns[1:])
    )
    if not square:
        return frame
    down = str(frame.columns[0])
    # a heading that is not there is called so by pandas, and is nobody's name
    matrix = frame.set_index(down).rename_axis(None if down.startswith("Unnamed: ") else down)
    return matrix.rename_axis(columns=across or None)
