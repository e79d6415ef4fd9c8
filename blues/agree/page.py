"""What was found about raters as one HTML page that needs nothing else: read on a screen, by keyboard, or on paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blues.agree.record import Agreement
from blues.agree.section import to_read
from blues.agree.templates import environment
from blues.check import number

__all__ = ["as_html"]

_SIGNS = 200
"""Signs that fit beside one another on a printed line of a table."""


def as_html(found: Mapping[str, Any], title: str = "Agreement") -> str:
    """Return what :func:`section` gave as one HTML page that needs nothing else; all text is escaped.

    Parameters
    ----------
    found : mapping
        Titles and results.
    title : str
        Of the page.

    Returns
    -------
    str
        The page.
    """
    parts = [{"title": heading, **_part(result)} for heading, result in found.items()]
    return environment("blues.agree", "").get_template("agreement.html").render(title=title, parts=parts)


def _part(result: Any) -> dict[str, Any]:
    """Return the table of a result, if it is one, and what is said below it."""
    listed = [result] if isinstance(result, Agreement) else result if isinstance(result, list) else []
    said = [result] if isinstance(result, str) else [r.sentence() for r in listed if isinstance(r, Agreement)]
    frame = to_read(result)
    if frame is None:
        return {"table": None, "said": said}
    whole = max(3, _SIGNS // max(1, len(frame.columns)))
    return {
        "table": {
            "head": [_cell(str(c).replace("_", " "), whole) for c in frame.columns],
            "rows": [[_cell(_shown(v), whole) for v in row] for row in frame.itertuples(index=False)],
        },
        "said": said,
    }


def _cell(text: str, whole: int) -> dict[str, str]:
    """Return a cell and how it may be broken: a long one gets room, and a word of more than ``whole`` signs breaks on paper."""
    longest = max(map(len, text.split()), default=0)
    kinds = ["short"] * (len(text) < 22) + ["note"] * (len(text) > 40) + ["breaks"] * (longest > whole)
    return {"text": text, "kind": " ".join(kinds)}


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return number(value, 3) if isinstance(value, float) else str(value)
