"""Every notebook runs on the synthetic cohort, is committed without outputs, stays thin, and fetches nothing when shown."""

import os
import re
import subprocess
import sys
from pathlib import Path

import books
import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
TOPICS = "cohort clips_and_embeddings fusion explanations agreement length_of_stay published_study".split()


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Execute all of them, each from top to bottom in an emptied kernel; return their cells by name."""
    folder = tmp_path_factory.mktemp("executed")
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path_factory.mktemp("ipython"))}
    before = set(FOLDER.iterdir())
    done = subprocess.run(
        [sys.executable, books.__file__, str(folder)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert set(FOLDER.iterdir()) == before
    return {path.stem: folder / path.name for path in NOTEBOOKS}


def test_all_seven_are_there():
    assert [p.stem for p in NOTEBOOKS] == [f"{i:02d}_{topic}" for i, topic in enumerate(TOPICS, 1)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_committed_without_outputs_and_thin(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert max(len(cell.source.splitlines()) for cell in cells) <= 20
    assert not any(
        re.search(r"^\s*(def|class|for .*:$)", cell.source, re.MULTILINE) for cell in cells if "plt" not in cell.source
    )


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore:Kernel is running over TCP"
)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_runs_from_top_to_bottom_and_shows_itself_offline(path, executed):
    cells = [c for c in nbformat.read(executed[path.stem], as_version=4).cells if c.cell_type == "code"]
    assert sum(bool(cell.outputs) for cell in cells) >= len(cells) - 2
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)
    assert not any(output.get("name") == "stderr" for cell in cells for output in cell.outputs)
    shown = "".join(books.page(executed[path.stem]).outputs)
    assert "<script" not in shown
    assert not re.findall(r"""(?:src|srcset|poster)=["'](?!data:)[^"']*""", shown)
    words = re.sub(r"data:[\w/+.-]+;base64,[\w+/=\s]+", "", shown)  # a picture's letters may spell it too
    assert "http" not in re.sub(r"http://www\.w3\.org/\S+", "", words)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore:Kernel is running over TCP"
)
def test_what_they_show(executed):
    shown = {name: "".join(books.page(path).outputs) for name, path in executed.items()}
    assert "<video" in shown["02_clips_and_embeddings"]
    assert "<video" in shown["04_explanations"]
    assert "(reference)" in shown["03_fusion"]
    for name in ("03_fusion", "04_explanations", "06_length_of_stay"):
        assert "image/png;base64" in shown[name], "a figure at the end of a cell is a picture"
        assert "&lt;Figure size" not in shown[name]
    assert "NOT the study" in shown["07_published_study"]
