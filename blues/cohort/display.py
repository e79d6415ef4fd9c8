"""How records show themselves in a notebook: a title, one table, remarks. No colours of its own, so it suits any theme."""

from __future__ import annotations

import html
from collections.abc import Sequence

__all__ = ["panel"]

_CELL = "padding:.2em .8em;text-align:{};font-variant-numeric:tabular-nums;vertical-align:top"


def panel(
    title: str, subtitle: str, head: Sequence[str], rows: Sequence[Sequence[str]], remarks: Sequence[str] = ()
) -> str:
    """Return a title, a table and remarks as HTML; every text is escaped, the first column names the row.

    Parameters
    ----------
    head : sequence of str
        Headings, the first one that of the names; columns with a heading that ends in ``>`` are right-aligned. All empty:
        no line of headings.
    """
    sides = ["right" if name.endswith(">") else "left" for name in head]
    names = "".join(
        f'<th scope="col" style="{_CELL.format(side)}">{html.escape(name.removesuffix(">"))}</th>'
        for name, side in zip(head, sides, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<{"th scope=row" if i == 0 else "td"} style="{_CELL.format(side)}'
            f'{";font-weight:500" if i == 0 else ""}">{html.escape(cell)}</{"th" if i == 0 else "td"}>'
            for i, (cell, side) in enumerate(zip(row, sides, strict=True))
        )
        + "</tr>"
        for row in rows
    )
    above = f"<thead><tr>{names}</tr></thead>" if any(head) else ""
    table = f"<table>{above}<tbody>{body}</tbody></table>" if rows else ""
    told = "".join(f'<p style="margin:.2em 0"><small>{html.escape(text)}</small></p>' for text in remarks if text)
    return f'<div><p style="margin:.2em 0"><strong>{html.escape(title)}</strong> {html.escape(subtitle)}</p>{table}{told}</div>'
