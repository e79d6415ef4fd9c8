"""The same summary as Markdown: for a repository, an issue or a notebook cell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from blues.report.checklists import NOT_COVERED
from blues.report.document import cell_text
from blues.report.privacy import OWN_NAMES

__all__ = ["to_markdown"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#])")


def escape(text: str) -> str:
    r"""Return text that Markdown shows as it is: no markup, no HTML, one line.

    Examples
    --------
    >>> print(escape("<script> a|b *c*"))
    &lt;script&gt; a\|b \*c\*
    """
    text = _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))
    text = text.replace(r"\<", "&lt;").replace(r"\>", "&gt;")
    return re.sub(r"&(?!lt;|gt;)", "&amp;", text)


def to_markdown(summary: Mapping[str, Any]) -> str:
    """Return the report as Markdown: texts, lists and tables; of each figure its title and caption.

    Parameters
    ----------
    summary : dict
        From :func:`blues.report.summarize`.

    Returns
    -------
    str
    """
    lines = [f"# {escape(summary['title'])}", "", escape(summary["subtitle"]), ""]
    lines += [OWN_NAMES, ""] if summary["pseudonymised"] else []
    for section in summary["sections"]:
        lines += [f"## {section['title']}", ""]
        for block in section["blocks"]:
            lines += _block(summary, block)
    return "\n".join(lines).rstrip() + "\n"


def _block(summary: Mapping[str, Any], block: Mapping[str, Any]) -> Iterator[str]:
    kind = block["type"]
    if kind == "answer":
        said = summary["answer"]
        yield from (f"**{escape(said['headline'])}.**", "")
        for text in said["sentences"]:
            yield from (escape(text), "")
        for text in said["warnings"]:
            yield from (f"> Take care: {escape(text)}", "")
    elif kind == "text":
        yield from (escape(block["text"]), "")
    elif kind == "list":
        yield from (f"- {escape(item)}" for item in block["items"])
        yield ""
    elif kind == "facts":
        yield from (f"- {escape(name)}: {escape(value)}" for name, value in block["rows"])
        yield ""
    elif kind == "flow":
        for step in block["steps"]:
            yield f"1. {escape(step['step'])}: {escape(step['n'])}" + (
                f" ({escape(step['excluded'])})" if step["excluded"] else ""
            )
        yield ""
    elif kind == "code":
        yield from (
            f"{block['title']}:",
            "",
            "```",
            *(" ".join(line.split()).replace("```", "'''") for line in block["lines"]),
        )
        yield from ("```", "")
    else:
        yield from _pictures_and_tables(summary, block)


def _pictures_and_tables(summary: Mapping[str, Any], block: Mapping[str, Any]) -> Iterator[str]:
    if block["type"] == "table":
        yield from table(summary["tables"][block["key"]], {s["key"]: s["title"] for s in summary["sections"]})
    elif block["type"] == "figures":
        for key in block["keys"]:
            spec = summary["figures"][key]
            yield from (f"*Figure: {escape(spec['title'])}.* {escape(spec['caption'])}", "")
    elif block["type"] == "details":
        yield from (f"### {escape(block['summary'])}", "")
        for inner in block["blocks"]:
            yield from _block(summary, inner)


def table(made: Mapping[str, Any], titles: Mapping[str, str]) -> Iterator[str]:
    """Give the lines of one table."""
    columns = made["columns"]
    yield from (f"**{escape(made['caption'])}**", "")
    yield "| " + " | ".join(escape(c["label"]) or "name" for c in columns) + " |"
    yield "|" + "|".join(" --- " if c["kind"] in ("text", "places") else " ---: " for c in columns) + "|"
    for row in made["rows"]:
        yield "| " + " | ".join(escape(shown(cell, of, titles)) for cell, of in zip(row, columns, strict=True)) + " |"
    yield ""
    if made["note"]:
        yield from (escape(made["note"]), "")


def shown(cell: Any, of: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return a cell as text; places by the titles of their sections."""
    if of["kind"] == "places":
        return ", ".join(titles[key] for key in cell) if cell else NOT_COVERED
    return cell_text(cell, of)
