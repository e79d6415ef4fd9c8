"""The report of a run: ``summarize(run) -> dict``, then ``render(dict) -> html``; the same dict gives JSON and Markdown.

``python -m blues.report RUNFOLDER`` rebuilds the page from the saved numbers; ``python -m blues.report compare RUN_A
RUN_B`` puts two runs side by side.
"""

from blues.report.command import Comparison, Options, main, write
from blues.report.compare import compare
from blues.report.export import save_figures, save_tables
from blues.report.markdown import to_markdown
from blues.report.page import render
from blues.report.privacy import pseudonyms
from blues.report.summary import summarize

__all__ = [
    "Comparison",
    "Options",
    "compare",
    "main",
    "pseudonyms",
    "render",
    "save_figures",
    "save_tables",
    "summarize",
    "to_markdown",
    "write",
]
