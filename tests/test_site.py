"""The site builds in strict mode, all its links lead somewhere, and no page of it asks the network for anything."""

import os
import re
import subprocess
import sys
from pathlib import Path

import books
import browser
import formulas
import links
import pages
import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_links_lead_somewhere_and_nothing_comes_from_elsewhere(site):
    broken, requests, external = links.check(site)
    assert broken == []
    assert requests == []
    assert all(address.startswith("https://") for address in external)


def test_every_page_is_there(site):
    wanted = {p.stem for p in (ROOT / "docs").glob("*.md")} | {"contributing", "changelog", "demo-report"}
    assert wanted <= {p.stem for p in site.glob("*.html")}
    assert {p.stem for p in (ROOT / "notebooks").glob("*.ipynb")} == {
        p.stem for p in (site / "notebooks").glob("*.html")
    }
    reference = {p.stem for p in (site / "api").glob("*.html")} - {"index"}
    assert reference == {name for name, _ in pages.modules()}
    assert 'id="blues.evaluate.auroc"' in (site / "api" / "evaluate.html").read_text(encoding="utf-8")


def test_formulas_are_drawn_and_no_markup_is_left(site):
    text = (site / "methods.html").read_text(encoding="utf-8")
    assert text.count("<math ") > 40
    assert "arithmatex" not in text
    assert not re.search(r"\\(frac|sum|hat|mathrm)", re.sub(r'aria-label="[^"]*"', "", text))
    for path in (site / "api").glob("*.html"):
        assert not re.search(r":(func|class|mod|meth):<|\.\. math::", path.read_text(encoding="utf-8")), path.name


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ('<script src="https://cdn.example/x.js"></script>', 1),
        ('<link rel="stylesheet" href="//fonts.example/x.css">', 1),
        ('<img src="a.png" srcset="https://x.example/a.png 2x">', 1),
        ("<style>@import 'https://x.example/a.css'; b{background:url(http://x.example/b.png)}</style>", 2),
        ('<p style="background:url(https://x.example/b.png)">', 1),
        ('<a href="https://x.example/">a link waits for the reader</a>', 0),
        ('<img src="data:image/png;base64,AA==">', 0),
    ],
)
def test_the_check_sees_requests(tmp_path, body, count):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "index.html").write_text(body, encoding="utf-8")
    broken, requests, _ = links.check(tmp_path)
    assert (broken, len(requests)) == ([], count)


def test_the_check_sees_broken_links(tmp_path):
    (tmp_path / "other.html").write_text('<h1 id="here">x</h1>', encoding="utf-8")
    body = (
        '<a href="other.html#here">1</a><a href="other.html#gone">2</a><a href="gone.html">3</a><a href="#gone">4</a>'
    )
    (tmp_path / "index.html").write_text(body, encoding="utf-8")
    broken, _, _ = links.check(tmp_path)
    assert len(broken) == 3


def test_links_of_the_front_pages_lead_somewhere():
    for name in ("README.md", "CONTRIBUTING.md", "reports/README.md", "data/README.md"):
        path = ROOT / name
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert "://" in target or (path.parent / target).exists(), f"{name}: {target}"


def test_formula_becomes_mathml():
    made = formulas.mathml(r"\frac{1}{n_1}", True)
    assert made.startswith("<math aria-label=")
    assert 'display="block"' in made
    assert "<mfrac>" in made


def test_outputs_of_a_notebook_are_on_its_page(tmp_path):
    import nbformat
    from nbformat import v4

    shown = v4.new_output(
        "execute_result", data={"text/html": "<table><tr><td>&lt;3</td></tr></table>", "text/plain": "x"}
    )
    drawn = v4.new_output("display_data", data={"image/png": "QUJD\n", "text/plain": "<Figure>"})
    said = v4.new_output("stream", name="stdout", text="\x1b[31m<red>\x1b[0m\n")
    book = v4.new_notebook(
        cells=[v4.new_markdown_cell("# Title"), v4.new_code_cell("f(1)", outputs=[shown, drawn, said])]
    )
    nbformat.write(book, tmp_path / "n.ipynb")
    page = books.page(tmp_path / "n.ipynb")
    assert "# Title" in page.text
    assert "f(1)" in page.text
    whole = page.filled("<p>output-0-here</p>")
    assert "<table><tr><td>&lt;3</td></tr></table>" in whole
    assert '<img src="data:image/png;base64,QUJD" alt="Figure: Title">' in whole
    assert "<pre>&lt;red&gt;\n</pre>" in whole


@pytest.mark.skipif(browser.find() is None, reason="no Chromium; set BLUES_CHROMIUM")
def test_pages_open_quietly_in_a_browser(site):
    with browser.page() as tab:
        for place in (
            "index.html",
            "methods.html",
            "api/evaluate.html",
            "notebooks/01_cohort.html",
            "results-covid-blues.html",
        ):
            tab.logged.clear()
            tab.requested.clear()
            tab.open(site / place, width=390, height=844, mobile=True)
            assert [u for u in tab.requested if not u.startswith(("file:", "data:", "blob:"))] == [], place
            assert tab.run("document.documentElement.scrollWidth") <= 390, place
