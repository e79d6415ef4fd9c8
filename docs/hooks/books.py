"""Notebooks as pages: ``python docs/hooks/books.py`` executes them into ``build/notebooks``; the site shows them.

The pages ask the network for nothing: figures, tables and clips are inside. They run on the synthetic cohort, whatever
``BLUES_DATA`` says.
"""

import base64
import html
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[2]
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Page:
    """A notebook's page: its Markdown, with places for the outputs, and the HTML that goes there."""

    text: str
    outputs: tuple[str, ...]

    def filled(self, content: str) -> str:
        """Return the page's HTML with its outputs in place; Markdown never sees them."""
        return re.sub(r"<p>output-(\d+)-here</p>", lambda m: self.outputs[int(m.group(1))], content)


def page(path: Path) -> Page:
    """Return the page of a notebook.

    Parameters
    ----------
    path : path
        An ``.ipynb`` file, executed or not.
    """
    lines: list[str] = []
    outputs: list[str] = []
    heading = path.stem
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            heading = next(iter(re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE)), heading)
            lines += [cell.source, ""]
        elif cell.cell_type == "code":
            lines += ["````python", cell.source, "````", ""]
            shown = "".join(_shown(output, heading) for output in cell.outputs)
            if shown:
                lines += [f"output-{len(outputs)}-here", ""]
                outputs.append(f'<div class="output">{shown}</div>')
    return Page("\n".join(lines), tuple(outputs))


def _shown(output: Any, heading: str) -> str:
    """Return one output as HTML: the richest form it has that stands by itself."""
    if output.output_type == "stream":
        return f"<pre>{html.escape(_COLOURS.sub('', output.text))}</pre>"
    if output.output_type == "error":
        return f"<pre>{html.escape(output.ename)}: {html.escape(output.evalue)}</pre>"
    data = output.data
    if "text/html" in data:
        return str(data["text/html"])
    if "image/svg+xml" in data:
        return str(data["image/svg+xml"])
    if "image/png" in data:
        png = base64.b64encode(base64.b64decode(data["image/png"])).decode()
        return f'<img src="data:image/png;base64,{png}" alt="{html.escape(f"Figure: {heading}", quote=True)}">'
    return f"<pre>{html.escape(data.get('text/plain', ''))}</pre>"


def execute(path: Path, folder: Path) -> Path:
    """Execute a notebook and write it with its outputs; return the file.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        When a cell fails.
    """
    from nbclient import NotebookClient

    book = nbformat.read(path, as_version=4)
    NotebookClient(book, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / path.name
    nbformat.write(book, out)
    return out


def stale(path: Path, out: Path) -> bool:
    """Return whether a notebook must be executed anew: it or the package changed since."""
    if not out.is_file():
        return True
    newest = max(p.stat().st_mtime for p in (path, *(ROOT / "blues").rglob("*.py")))
    return newest > out.stat().st_mtime


def main() -> int:
    """Execute the notebooks that changed, on the synthetic cohort."""
    os.environ.pop("BLUES_DATA", None)
    os.environ["PYTHONWARNINGS"] = "ignore"
    folder = ROOT / "build" / "notebooks"
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if stale(path, folder / path.name):
            print(f"Executing {path.name} ...", flush=True)
            execute(path, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
