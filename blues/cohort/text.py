"""Prints a cohort card as plain text of at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from blues.check import FEW_PATIENTS, counted, p_value, signed

__all__ = ["render"]

WIDTH = 100


def render(card: dict[str, Any]) -> str:
    """Return the card as text for a terminal.

    Parameters
    ----------
    card : dict
        As :func:`blues.cohort.card` returns it.

    Returns
    -------
    str
        Ends in a line break.
    """
    parts = [
        _head(card),
        _flow(card),
        _points(card),
        _ratings(card),
        _targets(card),
        _predictors(card),
        _table_one(card),
        _missingness(card),
        _list("Odd", card["odd"], "nothing"),
        _list("Decoded by the dictionary", card["decoded"], "nothing: every cell was taken as it stands"),
        _list("Left out", card["left_out"], "nothing"),
        "Research use only.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(card: dict[str, Any]) -> str:
    lines = [card["name"], "=" * min(len(card["name"]), WIDTH)]
    for name in ("note", "licence", "citation"):
        if card[name]:
            prefix = "" if name == "note" else f"{name.capitalize()}: "
            lines += _wrap(prefix + card[name])
    return "\n".join(lines)


def _flow(card: dict[str, Any]) -> str:
    rows = [[step["step"], step["patients"], step["clips"]] for step in card["flow"]]
    return _section("Flow", _grid(["", "patients", "clips"], rows, "lrr"))


def _points(card: dict[str, Any]) -> str:
    if not card["points"]:
        return ""
    points = card["points"][:12]
    head = ["", *(p["point"] for p in points), "all"]
    names = (("clips", "clips"), ("of these take 2 or later", "retakes"), ("patients", "patients"))
    rows: list[list[Any]] = [[label, *(p[key] for p in points)] for label, key in names]
    for row in rows[:2]:
        row.append(sum(row[1:]))
    rows[2].append("")
    if len(card["points"]) > len(points):
        rows.append([f"... and {len(card['points']) - len(points)} more points", *[""] * (len(points) + 1)])
    return _section("Clips by point", _grid(head, rows, "l" + "r" * (len(points) + 1)))


def _ratings(card: dict[str, Any]) -> str:
    lines = []
    for item in card["ratings"]:
        values = ", ".join(f"{value}: {n}" for value, n in item["values"].items())
        raters = ", ".join(item["raters"]) or "nobody"
        note = f". {item['note']}" if item["note"] else ""
        lines += _wrap(
            f"{item['label']} ({counted(item['clips'], 'clip')}, by {raters}): {values or 'continuous'}{note}", 2
        )
    return _section("Expert ratings", lines) if lines else ""


def _targets(card: dict[str, Any]) -> str:
    rows, few = [], False
    for target in card["targets"]:
        mark = ""
        if target["kind"] == "binary":
            rare = min(target["events"], target["n"] - target["events"])
            mark, few = (" *", True) if rare < FEW_PATIENTS else ("", few)
            values = f"{target['events']} of {target['n']}{mark}"
        else:
            middle = "-" if target["median"] is None else f"median {target['median']:.3g} {target['unit']}".rstrip()
            values = f"{middle} (n = {target['n']})"
        rows.append([f"{target['name']}: {target['label']}", target["kind"], target["level"], values])
    if not rows:
        return _section("Targets", ["  none defined"])
    lines = _grid(["", "kind", "of a", "events, or median"], rows, "llll")
    if (chosen := card["target"]) is not None:
        lines += _wrap(f"{chosen['label']}: {chosen['definition']}", 2)
    note = [f"  * fewer than {FEW_PATIENTS} patients in the smaller group: too few to train on or to compare models by"]
    return _section("Targets", lines + note * few)


def _predictors(card: dict[str, Any]) -> str:
    lines = []
    for role in card["roles"]:
        groups = ", ".join(f"{name} {n}" for name, n in role["groups"].items())
        lines += _wrap(f"{role['role']} {role['columns']}" + (f": {groups}" if groups else ""), 2)
    if card["target"] is not None:
        lines.append("")
        lines += _wrap(f"May not predict {card['target']['label']} at {card['target']['moment'].replace('_', ' ')}:", 2)
        reasons: dict[str, list[str]] = {}
        for row in card["refused"]:
            told = f"role {row['role']}" if row["reason"].startswith("its role is") else row["reason"]
            reasons.setdefault(told, []).append(row["column"])
        for reason, columns in reasons.items():
            shown = ", ".join(columns[:6]) + (f" and {len(columns) - 6} more" if len(columns) > 6 else "")
            lines += _wrap(f"{reason} ({len(columns)}): {shown}", 4)
    return _section("Columns by role", lines)


def _table_one(card: dict[str, Any]) -> str:
    chosen = card["target"]
    binary = chosen is not None and chosen["kind"] == "binary"
    number = any(row["correlation"] is not None for row in card["table_one"])
    first, *variables = card["table_one"]
    split = [f"without ({first['without']})", f"with ({first['with']})", "diff"] if binary else []
    head = ["", f"all ({first['overall']})", *split, *["rho"] * number, "miss"]
    rows: list[list[Any] | str] = []
    group = ""
    for row in variables:
        if row["group"] != group:
            group = row["group"]
            rows.append(group)
        unit = f", {row['unit']}" if row["unit"] else ""
        cells: list[Any] = [" " + row["variable"] + unit, row["overall"]]
        cells += [row["without"], row["with"], _or_blank(row["difference"], signed, 2)] if binary else []
        cells += [_or_blank(row["correlation"], signed, 2)] * number
        rows.append([*cells, row["missing"] or ""])
    title = "Table 1" + (f", by {chosen['label']}" if chosen is not None else "")
    told = "  Median [quartiles] or n (% of the known). "
    told += "Miss: patients without a value. "
    told += "Diff: standardised difference, with minus without. " * binary
    told += "Rho: Spearman's rho with the target, by patient. " * number
    lines = _grid(head, rows, "l" + "r" * (len(head) - 1))
    return _section(title, lines + _wrap(told.strip(), 2))


def _missingness(card: dict[str, Any]) -> str:
    patterns: dict[int, list[dict[str, Any]]] = {}
    for row in card["missingness"]:
        if row["role"] != "outcome":
            patterns.setdefault(row["pattern"], []).append(row)
    if not patterns:
        return _section("Missing values", ["  none (outcomes aside)"])
    tested = any(row["p_value"] is not None for row in card["missingness"])
    rows: list[list[Any] | str] = []
    for same in sorted(patterns.values(), key=lambda same: -same[0]["absent"]):
        first = same[0]
        name = ", ".join(row["variable"] for row in same) + (
            f" ({first['role']})" if first["role"] != "clinical" else ""
        )
        share = f"{first['absent']} ({first['absent'] / first['n']:.0%})"
        test = [first["absent_without"], first["absent_with"], _or_blank(first["p_value"], p_value)] if tested else []
        rows.append([textwrap.shorten(name, 50, placeholder=" ..."), share, first["not_applicable"] or "", *test])
    head = ["", "absent", "not applicable"] + ["without", "with", "p"] * tested
    note = "Columns on one line are absent in the same patients."
    note += " p: Fisher's exact test of absence by outcome, not adjusted for the number of lines." * tested
    return _section("Missing values", _grid(head, rows, "l" + "r" * (len(head) - 1)) + _wrap(note, 2))


def _list(title: str, sentences: Sequence[str], none: str) -> str:
    lines = [line for sentence in sentences[:40] for line in _wrap(sentence, 2, bullet="- ")]
    if len(sentences) > 40:
        lines.append(f"  - and {len(sentences) - 40} more: all are in Cohort.findings")
    return _section(title, lines or [f"  {none}"])


def _section(title: str, lines: Iterable[str]) -> str:
    return "\n".join([title, "-" * len(title), *lines])


def _wrap(text: str, indent: int = 0, bullet: str = "") -> list[str]:
    first = " " * indent + bullet
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=" " * (indent + 2), break_on_hyphens=False
    )


def _grid(head: Sequence[str], rows: Sequence[Sequence[Any] | str], align: str) -> list[str]:
    """Return aligned lines; a row that is a text is a heading. The first column wraps where a line would be too long."""
    cells = [list(map(_cell, row)) for row in rows if not isinstance(row, str)]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    spare = WIDTH - 2 * len(head) - sum(widths[1:])
    widths[0] = min(widths[0], max(spare, 12))
    lines = []
    for row in [list(head), *rows]:
        if isinstance(row, str):
            lines.append("  " + row)
            continue
        label, *rest = map(_cell, row)
        indent = " " * (len(label) - len(label.lstrip()))
        first, *more = textwrap.wrap(label, max(1, widths[0]), subsequent_indent=indent + "  ") or [""]
        shown = [
            text.ljust(width) if side == "l" else text.rjust(width)
            for text, width, side in zip([first, *rest], widths, align, strict=True)
        ]
        lines += [("  " + "  ".join(shown)).rstrip(), *("  " + line for line in more)]
    return lines


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _or_blank(value: float | None, written: Callable[..., str], *more: Any) -> str:
    return "" if value is None else written(value, *more)
