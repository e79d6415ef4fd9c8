"""The pages on methods say what the code says: functions exist, sources stand in docstrings, no score is missing."""

import importlib
import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import benchmark
import pandas as pd
import pytest

import blues
from blues.evaluate.outoffold import METRICS
from blues.report import words

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [DOCS / f"{name}.md" for name in ("methods", "agreement", "length-of-stay")]
_SOURCE = re.compile(r"([A-ZŠ][\w-]+)(?: et al\.| (?:&|and) ([A-Z][\w-]+)(?: [A-Z][\w-]+)?)? (1[89]\d\d|20\d\d)\b")


def docstrings():
    files = Path(blues.__file__).parent.rglob("*.py")
    return [text for path in files for text in re.findall(r'"""(.*?)"""', path.read_text(encoding="utf-8"), re.DOTALL)]


@pytest.fixture(scope="module")
def written():
    return docstrings()


@pytest.mark.parametrize("path", [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda p: p.stem)
def test_functions_that_are_named_exist(path):
    names = set(re.findall(r"(?<![\w/.-])blues(?:\.[A-Za-z_]\w*)+", path.read_text(encoding="utf-8")))
    assert [name for name in sorted(names - {"blues.NAME"}) if not resolves(name)] == []


def resolves(name):
    """Tell whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for upto in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:upto]))
        except ModuleNotFoundError:
            continue
        for part in parts[upto:]:
            found = getattr(found, part, None)
        return found is not None
    return False


def test_the_check_sees_a_wrong_name():
    assert resolves("blues.fuse.null.added_null")
    assert not resolves("blues.fuse.null.removed")
    assert not resolves("blues.nothing")


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_sources_stand_in_a_docstring(path, written):
    cited = {m.groups() for m in _SOURCE.finditer(path.read_text(encoding="utf-8"))}
    assert len(cited) > 10
    for first, second, year in cited:
        held = any(first in text and year in text and (not second or second in text) for text in written)
        assert held, f"{first} {second or ''} {year} is in no docstring"


def test_every_score_of_a_run_has_its_place():
    text = (DOCS / "methods.md").read_text(encoding="utf-8").lower()
    scores = {name for kind in METRICS.values() for name in kind}
    labels = {words.metric(name).label.lower() for name in scores}
    plain = text.replace("-", " ")
    left_out = {
        label for label in labels if label.split(",")[0].split(" of averaged")[0].replace("-", " ") not in plain
    }
    assert left_out == set()


def table_below(page, heading):
    """Return the first table below a heading, as scores of a run."""
    part = page.split(f"{heading}\n", 1)[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.split("\n") if line[:1] == "|"]
    scores = []
    for name, auroc, accuracy, *_ in itertools.takewhile(lambda row: row[0] != "prevalence", rows[2:]):
        for metric, cell in (("auroc", auroc), ("accuracy", accuracy)):
            numbers = map(float, re.findall(r"[\d.]+", cell))
            arm = name.replace(" (reference)", "").replace(" + ", "+")
            scores.append((arm, metric, *numbers))
    return SimpleNamespace(scores=pd.DataFrame(scores, columns=["arm", "metric", "value", "low", "high"]))


def test_what_stands_beside_published_numbers_is_that_of_the_tables():
    results = benchmark.load("results")
    page = (DOCS / "results-covid-blues.md").read_text(encoding="utf-8")
    forest = table_below(page, "### By the command's defaults: a random forest a modality, stacked")
    trees = table_below(page, "### By boosted trees")
    assert "\n".join(results.beside_published(forest, trees)) in page
