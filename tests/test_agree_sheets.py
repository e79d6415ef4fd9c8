"""Rating sheets: blind, shuffled, used in a browser, and read back."""

import json

import browser
import numpy as np
import pandas as pd
import pytest
from test_agree_cohort import write_cohort

from blues import agree, cohort, video
from blues.agree.blinding import blind_copy
from blues.agree.sheets import _order
from blues.check import InputError


@pytest.fixture(scope="module")
def sheets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sheets")
    data = cohort.read(write_cohort(folder / "cohort", movies=True))
    agree.write_sheets(data, folder / "out", raters=["Ann", "Ben"], repeat=0.25, seed=3)
    return folder / "out"


def test_sheets_are_blind_shuffled_and_complete(sheets):
    key = pd.read_csv(sheets / "key.csv", dtype=str)
    study = json.loads((sheets / "study.json").read_text())
    assert (key["round"] == "1").sum() == 28
    assert (key["round"] == "2").sum() == 7
    assert set(study["order"]["Ann"]) == set(study["order"]["Ben"]) == set(key["code"])
    assert study["order"]["Ann"] != study["order"]["Ben"]
    for path in (sheets / "raters").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for secret in key["clip"]:
            assert secret not in path.name
            assert secret.encode() not in content
    assert {p.stem for p in (sheets / "raters" / "clips").iterdir()} == set(key["code"])
    page = (sheets / "raters" / "rate.html").read_text()
    assert "http://" not in page
    assert "https://" not in page
    assert not (sheets / "raters" / "key.csv").exists()


def test_repeats_come_late_and_apart():
    key = pd.DataFrame(
        {"clip": [f"c{k}" for k in range(40)] + [f"c{k}" for k in range(4)], "round": [1] * 40 + [2] * 4}
    )
    key.insert(0, "code", [f"C{k}" for k in range(44)])
    clip = key.set_index("code")["clip"]
    for seed in range(20):
        order = [clip[c] for c in _order(key, np.random.default_rng(seed))]
        assert len(order) == 44
        for repeated in ("c0", "c1", "c2", "c3"):
            first, second = (k for k, c in enumerate(order) if c == repeated)
            assert second >= 20
            assert second - first > 4


def fill(sheets, rater, rate, kind="sheet"):
    """Fill a rater's sheet by a function of clip and round."""
    key = pd.read_csv(sheets / "key.csv", dtype=str).set_index("code")
    sheet = pd.read_csv(sheets / "raters" / f"sheet-{rater}.csv", dtype=str, keep_default_na=False)
    for item in ("severity", "b_lines"):
        sheet[item] = [rate(key.loc[c, "clip"], key.loc[c, "round"], item) for c in sheet["code"]]
    sheet.to_csv(sheets / f"{kind}-{rater}.csv", index=False)


def test_filled_sheets_come_back_as_the_ratings_that_were_given(sheets, tmp_path, capsys):
    import shutil

    folder = shutil.copytree(sheets, tmp_path / "study")
    truth = {"severity": lambda clip: str(len(clip) % 4), "b_lines": lambda clip: "yes" if "R1" in clip else "no"}
    fill(folder, "Ann", lambda clip, _, item: truth[item](clip), kind="ratings")
    fill(folder, "Ben", lambda clip, r, item: "NA" if clip == "p1_L1" else "" if r == "2" else truth[item](clip))
    table = agree.read_sheets(folder)
    assert table.attrs["open"] == {"Ann": 0, "Ben": 14}
    severity = table[table["item"] == "severity"]
    assert (severity["rating"] == severity["subject"].map(lambda c: len(c) % 4)).all()
    assert ((table["rater"] == "Ben") & (table["subject"] == "p1_L1")).sum() == 0
    found = agree.intra_rater(table[table["rater"] == "Ann"], item="severity", categories=[0, 1, 2, 3], draws=20)
    assert found.loc[0, "percent_agreement"] == 1.0
    assert agree.main(["sheet", "--read", str(folder)]) == 0
    assert "Ben: " in capsys.readouterr().out
    saved = str(folder / "ratings.csv")
    assert agree.main([saved, "--item", "severity", "--categories", "0", "1", "2", "3", "--draws", "50"]) == 0
    assert "Raters with themselves" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.assign(severity="4"), r"sheet-Ann.csv, row 2, column 'severity', value '4': not on the scale.*NA"),
        (lambda s: s.assign(b_lines="perhaps"), r"row 2, column 'b_lines', value 'perhaps': not on the scale"),
        (lambda s: s.assign(code="C99"), r"row 2, column 'code', value 'C99': no such code"),
        (lambda s: pd.concat([s, s.iloc[:1]]), r"row 37, column 'code'.*occurs twice"),
        (lambda s: s.drop(columns="severity"), "has no column 'severity'"),
    ],
)
def test_wrong_sheets_are_named(sheets, tmp_path, change, message):
    import shutil

    folder = shutil.copytree(sheets, tmp_path / "study", ignore=shutil.ignore_patterns("*.mp4"))
    path = folder / "raters" / "sheet-Ann.csv"
    change(pd.read_csv(path, dtype=str, keep_default_na=False)).to_csv(path, index=False)
    with pytest.raises(InputError, match=message):
        agree.read_sheets(folder)


def test_empty_sheets_and_wrong_folders_say_so(sheets, tmp_path):
    with pytest.raises(InputError, match="no filled sheet yet"):
        agree.read_sheets(sheets)
    with pytest.raises(InputError, match="no key.csv here"):
        agree.read_sheets(tmp_path)
    data = cohort.read(write_cohort(tmp_path / "cohort"))
    with pytest.raises(InputError, match="holds something already"):
        agree.write_sheets(data, tmp_path)
    with pytest.raises(InputError, match="repeat is a share"):
        agree.write_sheets(data, tmp_path / "new", repeat=3)
    with pytest.raises(InputError, match=r"part of a file name.*"):
        agree.write_sheets(data, tmp_path / "new", raters=["../x"])


def test_copies_lose_their_metadata_and_other_formats_become_mp4(tmp_path):
    import av

    frames = np.random.default_rng(0).integers(0, 255, (8, 63, 65), dtype=np.uint8)
    video.write(tmp_path / "a.avi", frames, fps=25)
    blind_copy(tmp_path / "a.avi", tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as made:
        assert made.streams.video[0].codec_context.name == "h264"
    with av.open(str(tmp_path / "c.mp4"), "w") as named:
        named.metadata["title"] = "Jane Doe"
        stream = named.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            named.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(np.resize(frame, (64, 64))), "gray"))
            )
        named.mux(stream.encode())
    assert b"Jane Doe" in (tmp_path / "c.mp4").read_bytes()
    blind_copy(tmp_path / "c.mp4", tmp_path / "d.mp4")
    assert b"Jane Doe" not in (tmp_path / "d.mp4").read_bytes()
    assert video.count(tmp_path / "d.mp4") == 8
    with pytest.raises(InputError, match="no such clip"):
        blind_copy(tmp_path / "none.mp4", tmp_path / "e.mp4")


def test_clip_that_cannot_be_read_is_left_out_and_named(tmp_path, capsys):
    folder = write_cohort(tmp_path / "cohort", movies=True)
    data = cohort.read(folder)
    bad = data.clips.index[[2, 9]]
    for clip in bad:
        (folder / data.clips.loc[clip, "path"]).write_bytes(b"no video")
    out = tmp_path / "out"
    assert agree.main(["sheet", str(folder), "--raters", "1", "--out", str(out)]) == 0
    assert "2 clips could not be read" in capsys.readouterr().out
    assert pd.read_csv(out / "left_out.csv", dtype=str)["clip"].tolist() == bad.tolist()
    key = pd.read_csv(out / "key.csv", dtype=str)
    assert set(key["clip"]) == set(data.clips.index) - set(bad)
    assert {p.stem for p in (out / "raters" / "clips").iterdir()} == set(key["code"])
    for path in data.clips["path"]:
        (folder / path).write_bytes(b"no video")
    with pytest.raises(InputError, match="no clip of .* can be read"):
        agree.write_sheets(data, tmp_path / "none")
    assert not (tmp_path / "none").exists()


AS_BEN = "{ const r = document.getElementById('rater'); r.value = 'Ben'; r.dispatchEvent(new Event('change')); }"
WIDTH_WHEN_READY = """new Promise(done => {
  const clip = document.getElementById('clip');
  const look = () => clip.readyState >= 2 ? done(clip.videoWidth) : setTimeout(look, 20);
  look();
})"""


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="no Chromium")
def test_the_sheet_page_in_a_browser(sheets, tmp_path):
    """Rate every clip by keyboard and mouse, come back after a reload, save, and read the saved file back."""
    import shutil

    folder = shutil.copytree(sheets, tmp_path / "study")
    study = json.loads((folder / "study.json").read_text())
    with browser.page() as page:
        page.open(folder / "raters" / "rate.html")
        page.run(AS_BEN)
        assert page.run(WIDTH_WHEN_READY) == 64
        assert page.run("document.getElementById('where').textContent") == "clip 1 of 35"
        page.call("Input.dispatchKeyEvent", type="keyDown", key="2", text="2")
        page.run("document.querySelector('input[name=b_lines][value=\"1\"]').click()")
        page.run(
            "const c = document.getElementById('comment'); c.value = 'a \"poor\", clip'; c.dispatchEvent(new Event('change'))"
        )
        page.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight")
        assert page.run("document.getElementById('where').textContent") == "clip 2 of 35"
        assert page.run("document.getElementById('count').textContent") == "1 of 35 rated"
        page.open(folder / "raters" / "rate.html")
        page.run(AS_BEN)
        assert page.run("document.getElementById('where').textContent") == "clip 2 of 35"
        for k in range(34):
            page.run(f"document.querySelector('input[name=severity][value=\"{k % 4}\"]').click()")
            page.run("document.querySelector('input[name=b_lines][value=\"NA\"]').click()")
            page.run("document.getElementById('open').click()")
        assert page.run("document.getElementById('message').textContent").startswith("Every clip is rated")
        page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        page.run("document.getElementById('download').click()")
        path = folder / "ratings-Ben.csv"
        for _ in range(100):
            if path.exists() and path.stat().st_size:
                break
            page.run("new Promise(done => setTimeout(done, 50))")
        page.picture(tmp_path / "rate.png")
        assert not [text for level, text in page.logged if level in ("error", "exception")]
        assert all(url.startswith(("file:", "blob:", "data:")) for url in page.requested)
    table = agree.read_sheets(folder)
    severity = table[table["item"] == "severity"].set_index(["subject", "round"])["rating"]
    key = pd.read_csv(folder / "key.csv", dtype=str).set_index("code")
    order = study["order"]["Ben"]
    assert severity[key.loc[order[0], "clip"], int(key.loc[order[0], "round"])] == 2
    assert severity[key.loc[order[1], "clip"], int(key.loc[order[1], "round"])] == 0
    assert len(severity) == 35
    assert table[table["item"] == "b_lines"]["rating"].tolist() == [1.0]
    assert 'a ""poor"", clip' in path.read_text()
