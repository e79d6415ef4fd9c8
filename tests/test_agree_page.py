"""The page of agreement: whole on paper, by keyboard, by ear and on a phone; what raters are called does it no harm."""

import re

import browser
import numpy as np
import pandas as pd
import pytest
from test_agree_cohort import write_cohort

from blues import agree

HOSTILE = ("</style><script>alert(1)</script>", "x" * 60, "\u202eAnn")
WIDTH = 273
"""Millimetres of an A4 sheet on its side between the margins."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the pages of a cohort of one's own and of a table with many raters, names and notes of every kind."""
    folder = tmp_path_factory.mktemp("pages")
    cohort = write_cohort(folder / "cohort")
    assert agree.main([str(cohort), "--draws", "20", "--out", str(folder / "out")]) == 0
    rng = np.random.default_rng(0)
    ratings = pd.DataFrame({name: rng.integers(0, 12, 30) for name in HOSTILE})
    found = agree.section(ratings, categories=list(range(12)), draws=20)
    found["Wide"] = pd.DataFrame([[f"a note of {k} on many words " * 3 for k in range(17)]]).add_prefix("associations_")
    (folder / "hostile.html").write_text(agree.as_html(found, HOSTILE[0]), encoding="utf-8")
    return {"cohort": folder / "out" / "agreement.html", "hostile": folder / "hostile.html"}


def test_every_table_is_named_scrolls_by_keyboard_and_names_its_rows(made):
    for path in made.values():
        page = path.read_text(encoding="utf-8")
        tables = page.count("<table>")
        assert tables > 3
        assert page.count("<caption>") == tables
        for named in re.findall(
            r'<div class="scroll" role="region" aria-labelledby="(.*?)" tabindex="0"><table>', page
        ):
            assert page.count(f'id="{named}"') == 1
            tables -= 1
        assert tables == 0
        rows = re.findall(r"<tr>(<t[hd][^>]*>)", page)
        assert all("scope=" in first for first in rows)
        places = re.findall(r'<a href="#(part-\d+)">', page)
        assert len(places) == page.count("<section ")
        assert all(page.count(f'<section id="{place}"') == 1 for place in places)
        assert page.index('<a class="skip" href="#main">') < page.index("<h1>")
        assert "<script" not in page


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="no Chromium; set BLUES_CHROMIUM")
@pytest.mark.parametrize("name", ["cohort", "hostile"])
def test_page_fits_paper_and_phone(made, name):
    with browser.page() as tab:
        tab.open(made[name])
        assert tab.lost_on_paper(WIDTH) == []
        tab.run("document.querySelector('.scroll').style.overflow = 'auto'")
        tab.run("document.querySelector('td').style.minWidth = '9999px'")
        assert tab.lost_on_paper(WIDTH) != []  # the check sees one
        tab.open(made[name], width=360, height=800, mobile=True)
        assert tab.run("document.documentElement.scrollWidth") <= 360
        assert tab.run("Math.max(...Array.from(document.querySelectorAll('tr'), r => r.offsetHeight))") < 200
        first = "document.querySelectorAll('tbody tr:first-child td:nth-child(2)')"
        assert (
            tab.run(f"Math.max(...Array.from({first}, d => d.offsetLeft))") < 240
        )  # a value is in sight beside its name
        if browser.axe() is not None:
            tab.run(browser.axe() + ";0")
            assert tab.run("axe.run().then(r => r.violations.map(v => v.id))") == []
        assert tab.logged == []
