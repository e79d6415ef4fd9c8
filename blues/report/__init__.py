"""The report of a run: ``summarize(run) -> dict``, then ``render(dict) -> html``; the same dict gives JSON and Markdown.

``python -m blues.report RUNFOLDER`` rebuilds the page from the saved numbers; ``python -m blues.report compare RUN_A
RUN_B`` puts two runs side by side; ``... patient RUNFOLDER PATIENT`` makes the page of one patient.
"""

from blues.report.command import Comparison, Options, Patients, main, write, write_patients
from blues.report.compare import compare
from blues.report.export import save_figures, save_tables
from blues.report.markdown import to_markdown
from blues.report.page import render, render_patient
from blues.report.privacy import pseudonyms
from blues.report.single import summarize_patient
from blues.report.summary import summarize

__all__ = [
    "Comparison",
    "Options",
    "Patients",
    "compare",
    "main",
    "pseudonyms",
    "render",
    "render_patient",
    "save_figures",
    "save_tables",
    "summarize",
    "summarize_patient",
    "to_markdown",
    "write",
    "write_patients",
]
