"""The page that a rater has: one rater's, in a browser, by keyboard and mouse; what it saves is what was rated."""

import json
import shutil

import browser
import pandas as pd
import pytest
from test_agree_cohort import write_cohort

from blues import agree, cohort
from blues.agree.sheets import declared

pytestmark = [pytest.mark.slow, pytest.mark.skipif(browser.find() is None, reason="no Chromium")]

NUMBER = {"name": "length", "label": "Pleura (mm)", "categories": None}
WIDTH_WHEN_READY = """new Promise(done => {
  const clip = document.getElementById('clip');
  const look = () => clip.readyState >= 2 ? done(clip.videoWidth) : setTimeout(look, 20);
  look();
})"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder of sheets for the items of the dictionary, and that of others: a number, and odd names."""
    folder = tmp_path_factory.mktemp("sheets")
    data = cohort.read(write_cohort(folder / "cohort", movies=True))
    agree.write_sheets(data, folder / "plain", raters=["Ann", "Ben"], repeat=0.25, seed=3)
    odd = declared("B-lines, count", ["0", "1", "2"])
    agree.write_sheets(data, folder / "odd", raters=["Ann"], repeat=0, items=[*odd, NUMBER], seed=3)
    agree.write_sheets(data, folder / "again", raters=["Ann", "Ben"], repeat=0.25, seed=3)
    return folder


def text(page, name):
    return page.run(f"document.getElementById('{name}').textContent")


def pick(page, item, value):
    page.run(f"document.querySelector('input[name=item-{item}][value=\"{value}\"]').click()")


def click(page, selector):
    """Click with the mouse, as a person does."""
    x, y = page.run(
        f"(() => {{ const e = document.querySelector('{selector}'); e.scrollIntoView({{block: 'center'}});"
        " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    for kind in ("mousePressed", "mouseReleased"):
        page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def press(page, key, **more):
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key=key, **(more if kind == "keyDown" else {}))


def write(page, words):
    """Type into the field for a number, in place of what it holds."""
    click(page, "input[name=number-1]")
    page.run("document.querySelector('input[name=number-1]').select()")
    page.call("Input.insertText", text=words)


def saved(page, folder, name):
    page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    click(page, "#download")
    for _ in range(100):
        if (folder / name).exists() and (folder / name).stat().st_size:
            return folder / name
        page.run("new Promise(done => setTimeout(done, 50))")
    raise AssertionError(f"no {name}: {text(page, 'message')}")


def test_the_sheet_page_in_a_browser(made, tmp_path):
    """Rate every clip by keyboard and mouse, come back after a reload, save, and read the saved file back."""
    folder = shutil.copytree(made / "plain", tmp_path / "study")
    study = json.loads((folder / "study.json").read_text())
    with browser.page() as page:
        page.open(folder / "raters" / "rate-Ben.html")
        assert text(page, "rater") == "Ben"
        assert page.run(WIDTH_WHEN_READY) == 64
        assert text(page, "where") == "clip 1 of 35"
        press(page, "2", text="2")
        pick(page, 1, "1")
        click(page, "#comment")
        page.call("Input.insertText", text='a "poor", clip')
        click(page, "#next")
        assert text(page, "where") == "clip 2 of 35"
        assert text(page, "count") == "1 of 35 rated"
        page.open(folder / "raters" / "rate-Ben.html")
        assert text(page, "rater") == "Ben"
        assert text(page, "where") == "clip 2 of 35"
        for k in range(34):
            pick(page, 0, k % 4)
            pick(page, 1, "NA")
            page.run("document.getElementById('open').click()")
        assert text(page, "message").startswith("Every clip is rated")
        path = saved(page, folder, "ratings-Ben.csv")
        page.picture(tmp_path / "rate.png")
        assert not [words for level, words in page.logged if level in ("error", "exception")]
        assert all(url.startswith(("file:", "blob:", "data:")) for url in page.requested)
    table = agree.read_sheets(folder)
    severity = table[table["item"] == "severity"].set_index(["subject", "round"])["rating"]
    key = pd.read_csv(folder / "key.csv", dtype=str).set_index("code")
    order = study["order"]["Ben"]
    assert severity[key.loc[order[0], "clip"], int(key.loc[order[0], "round"])] == 2
    assert severity[key.loc[order[1], "clip"], int(key.loc[order[1], "round"])] == 0
    assert len(severity) == 35
    assert table[table["item"] == "b_lines"]["rating"].tolist() == [1.0]
    assert [note["comment"] for note in table.attrs["comments"]] == ['a "poor", clip']
    assert set(pd.read_csv(path)["sheet"]) == {f"{study['id']}:Ben"}


def test_each_page_keeps_to_its_rater_and_its_set(made):
    with browser.page() as page:
        page.open(made / "plain" / "raters" / "rate-Ann.html")
        pick(page, 0, "2")
        pick(page, 1, "0")
        assert text(page, "count") == "1 of 35 rated"
        for other in (made / "plain" / "raters" / "rate-Ben.html", made / "again" / "raters" / "rate-Ann.html"):
            page.open(other)
            assert text(page, "count") == "0 of 35 rated"
        page.back()
        page.back()
        assert text(page, "rater") == "Ann"
        assert text(page, "count") == "1 of 35 rated"


def test_the_space_bar_after_a_click_on_next_skips_no_clip(made):
    with browser.page() as page:
        page.open(made / "plain" / "raters" / "rate-Ann.html")
        click(page, "#next")
        assert text(page, "where") == "clip 2 of 35"
        press(page, " ", code="Space", windowsVirtualKeyCode=32, text=" ")
        assert text(page, "where") == "clip 2 of 35"


KEYS = {"Tab": 9, "ArrowRight": 39, "ArrowLeft": 37, " ": 32}


def strike(page, key):
    """Press a key as a keyboard does, with what the browser itself makes of it."""
    press(
        page, key, code="Space" if key == " " else key, windowsVirtualKeyCode=KEYS[key], text=key if key == " " else ""
    )


@pytest.mark.parametrize("which", ["plain", "odd"])
def test_every_answer_can_be_given_by_keyboard_alone(made, which):
    with browser.page() as page:
        page.open(made / which / "raters" / "rate-Ann.html")
        page.run("answers = {}; keep(); place = 0; show(); document.activeElement.blur()")
        for item in range(page.run("fields.length")):
            answers = page.run(f"fields[{item}].radios.map(r => r.value)")
            for _ in range(40):
                strike(page, "Tab")
                if page.run(f"fields[{item}].radios.includes(document.activeElement)"):
                    break
            chosen = f"answers[code()][fields[{item}].item.name]"
            strike(page, " ")
            assert page.run(chosen) == answers[0]
            for value in answers[1:]:
                strike(page, "ArrowRight")
                assert page.run(chosen) == value
            if len(answers) > 1:
                strike(page, "ArrowLeft")
                assert page.run(chosen) == answers[-2]
        assert page.run("place") == 0


def test_arrows_after_an_answer_by_mouse_go_to_the_next_clip(made):
    with browser.page() as page:
        page.open(made / "plain" / "raters" / "rate-Ann.html")
        page.run("answers = {}; keep(); place = 0; show()")
        click(page, "label.choice:nth-of-type(2) span")
        first = page.run("JSON.stringify(answers)")
        assert first != "{}"
        assert page.run("new Promise(done => setTimeout(() => done(document.activeElement.tagName), 20))") == "BODY"
        strike(page, "ArrowRight")
        assert text(page, "where") == "clip 2 of 35"
        strike(page, "ArrowLeft")
        assert text(page, "where") == "clip 1 of 35"
        assert page.run("JSON.stringify(answers)") == first


def anew(page):
    """Forget what was rated, and rate the first clip's first item."""
    page.run("answers = {}; keep(); place = 0; show()")
    pick(page, 0, "1")


def test_a_number_is_kept_as_it_is_typed(made):
    with browser.page() as page:
        page.open(made / "odd" / "raters" / "rate-Ann.html")
        for words, kept in (("3.5", "3.5"), ("3,5", "3.5"), ("-2", "-2"), (",5", ".5"), (" 4 ", "4")):
            anew(page)
            write(page, words)
            assert text(page, "count") == "1 of 28 rated"
            assert page.run("answers[code()].length") == kept
            press(page, "ArrowUp", code="ArrowUp", windowsVirtualKeyCode=38)
            click(page, "#next")
            click(page, "#previous")
            assert page.run("document.querySelector('input[name=number-1]').value") == kept


def test_what_is_no_number_is_told_and_not_kept(made):
    with browser.page() as page:
        page.open(made / "odd" / "raters" / "rate-Ann.html")
        for words in ("<2", "5mm", "abc", "3-4", "3.5.1", "1e999", "inf"):
            anew(page)
            write(page, words)
            click(page, "#next")
            assert text(page, "where") == "clip 1 of 28"
            assert "is no number" in text(page, "message")
            assert page.run("answers[code()].length") == ""
            assert text(page, "count") == "0 of 28 rated"
            write(page, "7")
            click(page, "#next")
            assert text(page, "where") == "clip 2 of 28"
            assert text(page, "message") == ""


def test_a_number_and_cannot_judge_exclude_each_other(made):
    with browser.page() as page:
        page.open(made / "odd" / "raters" / "rate-Ann.html")
        both = "[document.querySelector('input[name=number-1]').value, fields[1].radios[0].checked, answers[code()].length]"
        write(page, "3")
        pick(page, 1, "NA")
        assert page.run(both) == ["", True, "NA"]
        write(page, "4")
        assert page.run(both) == ["4", False, "4"]


def test_an_item_with_a_comma_in_its_name_comes_back(made, tmp_path):
    folder = shutil.copytree(made / "odd", tmp_path / "study")
    with browser.page() as page:
        page.open(folder / "raters" / "rate-Ann.html")
        press(page, "2", text="2")
        write(page, "3,5")
        saved(page, folder, "ratings-Ann.csv")
        assert text(page, "message") == "Saved with 27 clips not wholly rated."
    found = agree.read_sheets(folder)
    assert dict(zip(found["item"], found["rating"], strict=True)) == {"B-lines, count": 2.0, "length": 3.5}
