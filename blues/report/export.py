"""Tables and figures as files for a paper: csv, LaTeX, HTML that word processors open; svg, png, pdf."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blues import plots
from blues.provenance import replacing
from blues.report.document import draw
from blues.report.markdown import shown

__all__ = ["save_figures", "save_tables", "table_csv", "table_html", "table_latex"]

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": "$-$",
    "–": "--",
    "²": "$^2$",
}


def _titles(summary: Mapping[str, Any]) -> dict[str, str]:
    return {s["key"]: s["title"] for s in summary["sections"]}


def _safe(text: str) -> str:
    """Return a csv cell that a spreadsheet shows and does not compute."""
    return (
        "'" + text
        if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not re.fullmatch(r"[+-]?[\d.,e-]+", text)
        else text
    )


def table_csv(table: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return a table as csv with full precision; an interval becomes three columns.

    Cells that a spreadsheet would take for a formula begin with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head: list[str] = []
    for c in table["columns"]:
        label = c["label"] or "name"
        head += [label, f"{label}, low", f"{label}, high"] if c["kind"] == "interval" else [label]
    writer.writerow(map(_safe, head))
    for row in table["rows"]:
        cells: list[Any] = []
        for cell, c in zip(row, table["columns"], strict=True):
            if c["kind"] == "interval":
                cells += ["" if v is None else v for v in cell] if isinstance(cell, list) else [cell or "", "", ""]
            elif c["kind"] == "places":
                cells.append(shown(cell, c, titles))
            else:
                cells.append("" if cell is None else cell)
        writer.writerow([_safe(c) if isinstance(c, str) else c for c in cells])
    return out.getvalue()


def latex(text: str) -> str:
    r"""Return text that LaTeX prints as it is.

    Examples
    --------
    >>> print(latex("50% of A_1"))
    50\% of A\_1
    """
    return "".join(_LATEX.get(c, c) for c in " ".join(str(text).split()))


def table_latex(table: Mapping[str, Any], titles: Mapping[str, str], label: str) -> str:
    r"""Return a table for ``\usepackage{booktabs,longtable}``."""
    columns = table["columns"]
    letters = "".join("l" if c["kind"] in ("text", "places") or i == 0 else "r" for i, c in enumerate(columns))
    head = " & ".join(latex(c["label"]) for c in columns) + r" \\"
    body = [
        " & ".join(latex(shown(cell, c, titles)) for cell, c in zip(row, columns, strict=True)) + r" \\"
        for row in table["rows"]
    ]
    lines = [rf"\begin{{longtable}}{{{letters}}}", rf"\caption{{{latex(table['caption'])}}}\label{{tab:{label}}}\\"]
    lines += [r"\toprule", head, r"\midrule\endhead", *body, r"\bottomrule", r"\end{longtable}"]
    if table["note"]:
        lines.append(rf"\noindent{{\footnotesize {latex(table['note'])}}}")
    return "\n".join(lines) + "\n"


def table_html(table: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return a page with the plain table, which word processors open and paste as a table of their own."""
    columns = table["columns"]
    head = "".join(f"<th>{html.escape(c['label'])}</th>" for c in columns)
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(shown(cell, c, titles))}</td>" for cell, c in zip(row, columns, strict=True))
        + "</tr>\n"
        for row in table["rows"]
    )
    note = f"<p>{html.escape(table['note'])}</p>\n" if table["note"] else ""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(table["caption"])}</title>\n'
        "<style>table{border-collapse:collapse;font:10pt serif}td,th{padding:2pt 6pt;text-align:left}"
        "thead th{border-top:1.5pt solid;border-bottom:.75pt solid}"
        "tbody tr:last-child td{border-bottom:1.5pt solid}</style></head>\n"
        f"<body><table><caption>{html.escape(table['caption'])}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table>\n"
        f"{note}</body></html>\n"
    )


def save_tables(summary: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """Write every table as csv, tex and html into ``folder``; return the files.

    Parameters
    ----------
    summary : mapping
        From :func:`blues.report.summarize`.
    folder : path
        Made where there is none.

    Returns
    -------
    list of Path
    """
    folder, titles, written = Path(folder), _titles(summary), []
    for key, table in summary["tables"].items():
        texts = {
            "csv": table_csv(table, titles),
            "tex": table_latex(table, titles, key),
            "html": table_html(table, titles),
        }
        for ending, text in texts.items():
            with replacing(folder / f"{key}.{ending}") as draft:
                draft.write_text(text, encoding="utf-8")
            written.append(folder / f"{key}.{ending}")
    return written


def save_figures(summary: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """Write every figure as svg, png (300 dots an inch) and pdf into ``folder``; return the files.

    Parameters
    ----------
    summary : mapping
        From :func:`blues.report.summarize`.
    folder : path
        Made where there is none.

    Returns
    -------
    list of Path
    """
    written = []
    for key, spec in summary["figures"].items():
        made = draw(spec)
        written += [plots.save(made, Path(folder) / f"{key}.{ending}") for ending in ("svg", "png", "pdf")]
    return written
