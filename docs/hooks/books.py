"""Notebooks as pages: ``python docs/hooks/books.py`` executes them into ``build/notebooks``; the site shows them.

The pages ask the network for nothing: figures, tables and clips are inside. They run on the synthetic cohort, whatever
``BLUES_DATA`` says.
"""

import base64
import html
import os
import re
import sys
from collections.abc import Iterable, Iterator
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


def execute(paths: Iterable[Path], folder: Path) -> Iterator[Path]:
    """Execute notebooks one after the other in one kernel, emptied between them, and write each with its outputs.

    Parameters
    ----------
    paths : iterable of path
    folder : path
        Where they are written.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        When a cell fails.
    """
    from jupyter_client.manager import KernelManager
    from nbclient import NotebookClient

    folder.mkdir(parents=True, exist_ok=True)
    manager = KernelManager(kernel_name="python3")
    kept = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    # it listens on this machine only, and warns of TCP at every start
    manager.start_kernel(env=kept, cwd=str(ROOT / "notebooks"), extra_arguments=["--log-level=ERROR"])
    try:
        for path in paths:
            book = nbformat.read(path, as_version=4)
            empty = nbformat.v4.new_code_cell("%reset -f", id="empty")
            book.cells.insert(0, empty)
            client = NotebookClient(book, km=manager, timeout=900)
            client.execute(cleanup_kc=False)
            client.kc.stop_channels()
            book.cells.pop(0)
            nbformat.write(book, folder / path.name)
            yield folder / path.name
    finally:
        manager.shutdown_kernel(now=True)


def stale(path: Path, out: Path) -> bool:
    """Return whether a notebook must be executed anew: it or the package changed since."""
    if not out.is_file():
        return True
    newest = max(p.stat().st_mtime for p in (path, *(ROOT / "blues").rglob("*.py")))
    return newest > out.stat().st_mtime


def main() -> int:
    """Execute the notebooks that changed, on the synthetic cohort, into the folder of the command line."""
    os.environ.pop("BLUES_DATA", None)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "notebooks"
    old = [p for p in sorted((ROOT / "notebooks").glob("*.ipynb")) if stale(p, folder / p.name)]
    for made in execute(old, folder) if old else ():
        print(f"Executed {made.name}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
