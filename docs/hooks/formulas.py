"""Formulas as MathML, which browsers draw themselves: no script, no font and no network. Docstrings read as in Sphinx."""

import html
import re

from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
_DIRECTIVE = re.compile(r"<p>\.\. math::\s*(.*?)</p>", re.DOTALL)
_ROLE = re.compile(r":(?:func|meth|class|mod|attr|data|obj):(?=<)")
_REFERENCE = re.compile(r"(?:\.\. )?\[(\d+)\](?:_(?!\w))?")


def mathml(latex: str, block: bool) -> str:
    """Return a LaTeX formula as a MathML element; its LaTeX is the label for those who cannot see it."""
    latex = " ".join(latex.split())
    made = convert(latex, display="block" if block else "inline")
    return made.replace("<math ", f'<math aria-label="{html.escape(latex)}" ', 1)


def on_page_content(content: str, page, **_: object) -> str:
    """Replace the formulas that arithmatex marked, and what docstrings mark in the manner of Sphinx."""
    content = _FORMULA.sub(lambda m: mathml(html.unescape(m.group(2)), m.group(1) == "div"), content)
    if not page.file.src_uri.startswith("api/"):
        return content
    content = _DIRECTIVE.sub(lambda m: mathml(html.unescape(m.group(1)), True), content)
    return _REFERENCE.sub(r"[\1]", _ROLE.sub("", content))
