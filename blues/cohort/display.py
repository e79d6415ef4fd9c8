"""How records show themselves in a notebook: a title, one table, remarks. No colours of its own, so it suits any theme."""

from __future__ import annotations

import dataclasses
import html
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from blues.check import counted, number, p_value

__all__ = ["Shown", "panel"]

_LINE = 300
"""Characters of a record in a terminal, at most."""
_ROWS = 8
"""Rows of each of its tables in a notebook, at most."""

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


class Shown:
    """A dataclass that shows itself: in a terminal its numbers on one line, in a notebook these and the head of each table.

    What is declared with ``repr=False`` stays out of both. The subclass is a dataclass with ``repr=False`` itself.
    """

    def __repr__(self) -> str:
        told = [f"{name} {text}" for name, text in self._numbers()]
        told += [f"{name} of {counted(len(value), 'row')}" for name, value in self._fields() if _table(value)]
        line = f"{self._title()}: {', '.join(told)}" if told else self._title()
        return f"<{textwrap.shorten(line, _LINE, placeholder=' ...')}>"

    def _repr_html_(self) -> str:
        """Return numbers, remarks and tables for a notebook."""
        told = [value for _, value in self._fields() if isinstance(value, tuple)]
        remarks = [text for several in told for text in several if isinstance(text, str)]
        parts = [panel(self._title(), "", ("", ""), self._numbers(), remarks)]
        parts += [_head(name, value) for name, value in self._fields() if _table(value)]
        parts += [value._repr_html_() for _, value in self._fields() if isinstance(value, Shown) and not _text(value)]
        return f"<div>{''.join(parts)}</div>"

    def _title(self) -> str:
        words = _text(self)
        return f"{type(self).__name__} {words}" if words else type(self).__name__

    def _fields(self) -> Iterator[tuple[str, Any]]:
        """Yield name and value of what is shown; what a mapping holds by its own names."""
        record: Any = self
        for field in dataclasses.fields(record):
            if field.repr:
                value = getattr(self, field.name)
                pairs = value.items() if isinstance(value, Mapping) else [(field.name, value)]
                yield from ((str(name).replace("_", " "), one) for name, one in pairs)

    def _numbers(self) -> list[tuple[str, str]]:
        """Return name and text of each number, word and record with words of its own; of no number nothing."""
        return [(name, text) for name, value in self._fields() if (text := _text(value)).strip("–")]


def _text(value: Any) -> str:
    """Return a number, a word, or a record that has words of its own; nothing of others."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        if 0 < abs(value) < 0.01:  # three decimals would leave little or nothing of it
            return f"{value:.2g}".replace("-", "−")
        return number(value, 0 if value.is_integer() else 3)
    own_words = isinstance(value, Shown) and type(value).__str__ is not object.__str__
    return str(value) if own_words or isinstance(value, int | str) else ""


def _table(value: Any) -> bool:
    return isinstance(value, pd.DataFrame) and len(value) > 0


def _head(name: str, table: pd.DataFrame) -> str:
    """Return the first rows of a table."""
    whole = table if table.index.name is None else table.reset_index()
    head = [f"{column}{'>' * pd.api.types.is_numeric_dtype(kind)}" for column, kind in whole.dtypes.items()]
    rows = list(zip(*(_cells(column) for _, column in whole.head(_ROWS).items()), strict=True))
    more = f"and {counted(len(whole) - _ROWS, 'more row')}" if len(whole) > _ROWS else ""
    return panel(name, "", head, rows, [more])


def _cells(column: pd.Series) -> list[str]:
    """Return the texts of a column: p values as such, numbers with as many decimals as others of the column."""
    if column.name == "p_value":
        return list(map(p_value, column))
    if not pd.api.types.is_float_dtype(column):
        return list(map(str, column))
    whole = (column.dropna() % 1 == 0).all()
    return [number(value, 3) if not whole and value % 1 == 0 else _text(value) for value in column]
