"""The report in a real browser: quiet, offline, usable by pointer, keyboard, screen reader, on paper and on a phone.

Skipped without Chromium; the accessibility rules are skipped without axe-core (``npm install axe-core``, or ``BLUES_AXE``).
"""

import base64
import json

import browser
import pytest
from test_report import HOSTILE, clip_run, make_run

from blues import report
from blues.report import page as pages

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.find() is None, reason="no Chromium; set BLUES_CHROMIUM"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    run = make_run(null=3)
    summary = report.summarize(run)
    (folder / "report.html").write_text(report.render(summary), encoding="utf-8")
    hostile = make_run(ids=[*HOSTILE, *(f"id|{i}" for i in range(17))], label=" ".join(HOSTILE[:4]))
    (folder / "hostile.html").write_text(report.render(report.summarize(hostile, pseudonymise=False)), encoding="utf-8")
    compared = report.compare(run, make_run(seed=1, null=0), ("A", "B"))
    (folder / "compare.html").write_text(report.render(compared), encoding="utf-8")
    return folder, summary


@pytest.fixture(scope="module")
def tab():
    with browser.page() as opened:
        yield opened


@pytest.fixture
def opened(tab, made):
    tab.logged.clear()
    tab.requested.clear()
    tab.open(made[0] / "report.html")
    yield tab
    tab.call("Emulation.setScriptExecutionDisabled", value=False)


def slide(tab, percent):
    tab.run(f"s = document.getElementById('threshold'); s.value = {percent}; s.dispatchEvent(new Event('input')); 0")


def cells(tab, table):
    rows = f"Array.from(document.querySelectorAll('#{table} tbody tr')).filter(r => !r.hidden)"
    return tab.run(f"{rows}.map(r => Array.from(r.cells).map(c => c.textContent.trim()))")


def key(tab, name, code):
    for kind in ("keyDown", "keyUp"):
        text = {"text": "\r"} if name == "Enter" and kind == "keyDown" else {}
        tab.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **text)


@pytest.mark.parametrize("name", ["report", "hostile", "compare"])
def test_page_is_quiet_and_asks_for_nothing(tab, made, name):
    tab.logged.clear()
    tab.requested.clear()
    tab.open(made[0] / f"{name}.html")
    if name != "compare":
        slide(tab, 30)
    assert tab.logged == []
    assert [u for u in tab.requested if not u.startswith("file:")] == []
    assert len(tab.requested) == 1
    assert tab.run("document.scripts.length") == 2
    assert tab.run("document.images.length") == 0


def test_policy_holds_in_the_browser(opened):
    opened.run("s = document.createElement('script'); s.textContent = 'window.bad = 1'; document.body.append(s); 0")
    assert opened.run("window.bad === undefined")
    assert opened.run("fetch('https://example.org/').then(() => 'reached', () => 'stopped')") == "stopped"
    assert [u for u in opened.requested if "example" in u] == []


@pytest.mark.parametrize("percent", [5, 37, 50, 90])
def test_slider_moves_everything_together(opened, made, percent):
    slide(opened, percent)
    explorer, t = made[1]["explorer"], percent / 100
    rows = cells(opened, "table-explorer")
    for row, (arm, values) in zip(rows, explorer["arms"].items(), strict=False):
        assert row == [arm.replace("+", " + "), *pages._row(pages._counts(values, t), t)]
    first = pages._counts(explorer["arms"][explorer["key"][0]], t)
    everyone = {"tp": first["tp"] + first["fn"], "fp": first["fp"] + first["tn"], "fn": 0, "tn": 0}
    assert rows[-1] == ["treat all", *pages._row(everyone, t)]
    assert opened.run("document.getElementById('threshold-value').textContent") == f"{percent}%"
    assert f"At {percent}%, " in opened.run("document.getElementById('threshold-said').textContent")
    frame = json.loads(opened.run("document.querySelector('#figure-decision svg').dataset.axes"))[0]
    share = (t - frame["x"][0]) / (frame["x"][1] - frame["x"][0])
    x = float(opened.run("document.querySelector('#figure-decision .cut').getAttribute('x1')"))
    assert x == pytest.approx(frame["left"] + share * (frame["right"] - frame["left"]), abs=0.01)
    frame = json.loads(opened.run("document.querySelector('#figure-roc svg').dataset.axes"))[0]
    dot = opened.run(
        "d = document.querySelector('#figure-roc circle[style]'); [+d.getAttribute('cx'), +d.getAttribute('cy')]"
    )
    sensitivity = (frame["bottom"] - dot[1]) / (frame["bottom"] - frame["top"]) * (
        frame["y"][1] - frame["y"][0]
    ) + frame["y"][0]
    assert sensitivity == pytest.approx(first["tp"] / (first["tp"] + first["fn"]), abs=1e-3)


@pytest.mark.parametrize("percent", [20, 50, 80])
def test_slider_of_clips_writes_the_clustered_limits(tab, made, percent):
    summary = report.summarize(clip_run())
    (made[0] / "clips.html").write_text(report.render(summary), encoding="utf-8")
    tab.open(made[0] / "clips.html")
    slide(tab, percent)
    arms, t = summary["explorer"]["arms"], percent / 100
    for row, (arm, values) in zip(cells(tab, "table-explorer"), arms.items(), strict=False):
        wanted = pages._row(pages._counts(values, t), t, values["limits"][percent])
        assert row == [arm.replace("+", " + "), *wanted]
    assert "clustered by patient" in tab.run("document.getElementById('explorer').textContent")


def test_slider_starts_where_the_static_page_stands(opened, made):
    moved = cells(opened, "table-explorer")
    opened.call("Emulation.setScriptExecutionDisabled", value=True)
    opened.open(made[0] / "report.html")
    assert cells(opened, "table-explorer") == moved
    assert opened.run("Array.from(document.querySelectorAll('.js')).every(e => e.hidden)")
    assert opened.run("document.querySelectorAll('th button, .filter').length") == 0


def test_slider_works_from_the_keyboard(opened):
    opened.run("document.getElementById('threshold').focus(); 0")
    key(opened, "ArrowRight", 39)
    key(opened, "ArrowRight", 39)
    assert opened.run("document.getElementById('threshold-caption').textContent") == "52%"
    assert opened.run("document.getElementById('threshold').getAttribute('aria-valuetext')") == "52%"


def test_tables_sort_both_ways_by_pointer_and_keyboard(opened, made):
    table = made[1]["tables"]["arms"]
    column = [c["label"] for c in table["columns"]].index("AUROC")
    expected = sorted(row[column][0] for row in table["rows"])
    heading = f"document.querySelectorAll('#table-arms thead th')[{column}]"
    opened.run(f"{heading}.querySelector('button').click(); 0")
    shown = [float(row[column].split()[0]) for row in cells(opened, "table-arms")]
    assert shown == [pytest.approx(v, abs=0.006) for v in expected]
    assert opened.run(f"{heading}.getAttribute('aria-sort')") == "ascending"
    opened.run(f"{heading}.querySelector('button').focus(); 0")
    key(opened, "Enter", 13)
    assert opened.run(f"{heading}.getAttribute('aria-sort')") == "descending"
    shown = [float(row[column].split()[0]) for row in cells(opened, "table-arms")]
    assert shown == [pytest.approx(v, abs=0.006) for v in expected[::-1]]
    assert opened.run("document.querySelectorAll('#table-arms [aria-sort]').length") == 1


def test_names_sort_as_people_count(opened):
    opened.run("document.querySelector('#table-patients thead button').click(); 0")
    names = [row[0] for row in cells(opened, "table-patients")]
    assert names == sorted(names)
    assert len(names) > 5


def test_filter_shows_what_matches_and_says_how_many(opened):
    whole = cells(opened, "table-patients")
    opened.run(
        "f = document.getElementById('table-patients-filter'); f.value = 'WITHOUT'; f.dispatchEvent(new Event('input')); 0"
    )
    rows = cells(opened, "table-patients")
    assert 0 < len(rows) < len(whole)
    assert all(row[1] == "without" for row in rows)
    assert (
        opened.run("document.querySelector('#gain .filter:has(#table-patients-filter) output').textContent")
        == f"{len(rows)} of {len(whole)} rows"
    )


def test_pointer_names_the_patient_and_the_curve(opened, made):
    table = made[1]["figures"]["change"]["arguments"]["table"]["frame"]
    where = """(() => {
        const svg = document.querySelector('#figure-change svg');
        svg.scrollIntoView({block: 'center', behavior: 'instant'});
        const f = JSON.parse(svg.dataset.axes)[0], box = svg.getBoundingClientRect(), k = box.width / svg.viewBox.baseVal.width;
        const x = f.left + (%f - f.x[0]) / (f.x[1] - f.x[0]) * (f.right - f.left);
        const y = f.bottom - (%f - f.y[0]) / (f.y[1] - f.y[0]) * (f.bottom - f.top);
        return [box.left + x * k, box.top + y * k]; })()"""
    x, y = opened.run(where % (table["before"][0], table["after"][0]))
    opened.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    tip = opened.run("document.getElementById('tip').textContent")
    assert tip.startswith(table["name"][0] + ", ")
    assert opened.run("document.getElementById('tip').hidden") is False
    opened.call("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
    assert opened.run("document.getElementById('tip').hidden") is True


@pytest.mark.parametrize("name", ["report", "hostile", "compare"])
@pytest.mark.parametrize(("width", "mobile"), [(360, True), (768, False), (1280, False)])
def test_page_is_no_wider_than_the_window(tab, made, name, width, mobile):
    tab.open(made[0] / f"{name}.html", width=width, height=800, mobile=mobile)
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run("innerWidth") == width


@pytest.mark.parametrize("name", ["report", "compare"])
def test_pictures_can_be_read_on_a_phone_and_scroll_by_keyboard(tab, made, name):
    reached = "document.querySelectorAll('.plot[tabindex]').length"
    tab.open(made[0] / f"{name}.html")
    assert tab.run(reached) == 0
    tab.look(360, 800, mobile=True)
    tab.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    smallest = tab.run(
        """Array.from(document.querySelectorAll('.plot svg'), svg => svg.getBoundingClientRect().width
            / svg.viewBox.baseVal.width * Math.min(...Array.from(svg.querySelectorAll('text'),
            text => parseFloat(getComputedStyle(text).fontSize))))"""
    )
    assert len(smallest) == tab.run(reached) > 0
    assert min(smallest) > 10
    assert tab.run("document.documentElement.scrollWidth") <= 360


def test_dark_page_is_dark_and_the_button_turns_it(opened, made):
    shade = "getComputedStyle(document.body).backgroundColor"
    light = opened.run(shade)
    opened.look(1280, 900, dark=True)
    dark = opened.run(shade)
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(20, 24, 29)")
    line = "getComputedStyle(document.querySelector('#figure-roc path[style*=\"--c1\"]')).stroke"
    assert opened.run(line) == "rgb(74, 168, 238)"
    opened.run("document.getElementById('theme').click(); 0")
    assert opened.run(shade) == light
    assert opened.run(line) == "rgb(0, 105, 180)"


def test_paper_holds_everything(opened):
    closed = "document.querySelectorAll('main details:not([open])').length"
    assert opened.run(closed) > 3
    opened.run("dispatchEvent(new Event('beforeprint')); 0")
    assert 0 < opened.run(closed) == opened.run("document.querySelectorAll('details.long').length") < 4
    opened.run("dispatchEvent(new Event('afterprint')); 0")
    assert opened.run(closed) > 3
    opened.look(794, 1123, dark=True, media="print")
    for gone in (".contents", "#theme", ".filter", ".control"):
        assert opened.run(f"getComputedStyle(document.querySelector('{gone}')).display") == "none"
    assert opened.run("getComputedStyle(document.body).color") == "rgb(31, 41, 51)"
    assert opened.run(
        "Array.from(document.querySelectorAll('.scroll')).every(e => getComputedStyle(e).overflowY === 'visible')"
    )
    assert opened.run(
        "Array.from(document.querySelectorAll('details.long + .unprinted')).every(e => getComputedStyle(e).display === 'block')"
    )
    # a button in a header is a block that cannot be repeated on the next page
    assert opened.run(
        "Array.from(document.querySelectorAll('th button')).every(e => getComputedStyle(e).display === 'contents')"
    )
    assert opened.run("getComputedStyle(document.querySelector('thead')).breakAfter") == "avoid"
    paper = base64.b64decode(opened.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"])
    assert paper.startswith(b"%PDF")
    assert b"/MediaBox [0 0 594.95996 841.91998]" in paper


@pytest.mark.parametrize("name", ["report", "hostile", "compare"])
def test_paper_loses_no_cell(tab, made, name):
    tab.open(made[0] / f"{name}.html")
    tab.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.lost_on_paper(182) == []


@pytest.mark.skipif(browser.axe() is None, reason="no axe-core")
@pytest.mark.parametrize("name", ["report", "hostile", "compare"])
@pytest.mark.parametrize("dark", [False, True])
def test_no_serious_barrier(tab, made, name, dark):
    tab.open(made[0] / f"{name}.html", width=390 if dark else 1280, height=844, dark=dark)
    tab.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    tab.run(browser.axe() + ";0")
    told = "r.violations.map(v => [v.id, v.impact, v.nodes.map(n => n.html.slice(0, 120))])"
    found = tab.run(f"axe.run().then(r => JSON.stringify([r.passes.length, {told}]))")
    passes, violations = json.loads(found)
    assert passes > 15
    assert [v for v in violations if v[1] in ("serious", "critical")] == []


@pytest.mark.skipif(browser.axe() is None, reason="no axe-core")
def test_the_check_for_barriers_sees_one(opened):
    opened.run(
        "document.querySelector('h2').style.color = '#eee'; document.querySelector('svg').removeAttribute('aria-label'); 0"
    )
    opened.run(browser.axe() + ";0")
    found = json.loads(opened.run("axe.run().then(r => JSON.stringify(r.violations.map(v => v.id)))"))
    assert {"color-contrast", "svg-img-alt"} <= set(found)
