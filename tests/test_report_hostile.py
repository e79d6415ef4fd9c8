"""A cohort whose ids, columns and labels are meant to break things, through the whole command, safely to the page."""

import csv
import functools
import json

import browser
import numpy as np
import pytest
from test_report import HOSTILE, Tree

from blues import fuse, report

IDS = [*HOSTILE, *(f'{i} o\'Neil "{i}"' for i in range(17))]
quoted = functools.partial(json.dumps, ensure_ascii=False)
COLUMN = '<img src=x onerror=alert(1)> "q"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(2)
    with (place / "patients.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", COLUMN, "אבג", "ill"])
        for i, name in enumerate(IDS):
            writer.writerow([name, f"{rng.normal() + i % 2:.3f}", f"{rng.normal():.3f}", i % 2])
    columns = {
        "id": {"role": "identifier"},
        COLUMN: {"role": "blood", "known": "admission", "kind": "continuous", "label": HOSTILE[0]},
        "אבג": {"role": "clinical", "known": "admission", "kind": "continuous", "unit": HOSTILE[1]},
        "ill": {"role": "target", "known": "during_stay", "kind": "binary", "note": HOSTILE[6]},
    }
    lines = [f"name = {quoted(HOSTILE[0])}", f"licence = {quoted(HOSTILE[1])}", "[files]"]
    lines += ['patients = "patients.csv"', "[patients]", 'id = "id"', 'id_kind = "text"', "[targets.ill]"]
    lines += [f"label = {quoted(HOSTILE[3] + HOSTILE[0])}", 'kind = "binary"', 'column = "ill"', "events = [1]"]
    for name, settings in columns.items():
        lines += [f"[columns.{quoted(name)}]", *(f"{k} = {quoted(v)}" for k, v in settings.items())]
    (place / "cohort.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    flags = "--task ill --modalities clinical blood --model logistic --repeats 2 --folds 3 --null 0 --draws 100"
    assert fuse.main([str(place), *flags.split(), "--explain", "all", "--out", str(place / "run")]) == 0
    return place


@pytest.mark.slow
@pytest.mark.parametrize("pseudonymise", [True, False])
def test_names_are_text_and_nothing_else(folder, pseudonymise, capsys):
    name = "--pseudonymise" if pseudonymise else "--no-pseudonymise"
    page = folder / f"{pseudonymise}.html"
    assert report.main([str(folder / "run"), name, "--out", str(page), "--tables", "--markdown"]) == 0
    tree = Tree(page.read_text(encoding="utf-8"))
    assert tree.wrong == []
    assert len(tree.all("script")) == 2
    assert tree.all("img") == []
    assert not any(k.startswith("on") for _, attributes in tree.elements for k in attributes)
    assert "<script>alert(1)</script>" in tree.text
    if pseudonymise:
        assert "x" * 300 not in tree.text
    assert "\u202e" not in tree.text
    assert str(folder) not in tree.text
    for path in (folder / "tables").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            assert not any(cell[:1] in "=@" for row in csv.reader(stream) for cell in row if cell)


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="no Chromium; set BLUES_CHROMIUM")
def test_a_browser_stays_quiet(folder):
    with browser.page() as tab:
        for width in (390, 1280):
            tab.open(folder / "run" / "report.html", width=width, height=844, mobile=width < 500)
            assert tab.logged == []
            assert {u.split(":")[0] for u in tab.requested} == {"file"}
            assert tab.run("document.documentElement.scrollWidth") <= width
