"""Rating sheets: blind, shuffled, no two sets taken for each other, and what they refuse to ask."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from test_agree_cohort import write_cohort

from blues import agree, cohort, video
from blues.agree.blinding import blind_copy
from blues.agree.sheets import _order, declared
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
    for rater, other in (("Ann", "Ben"), ("Ben", "Ann")):
        page = (sheets / "raters" / f"rate-{rater}.html").read_text()
        assert "http://" not in page
        assert "https://" not in page
        assert other not in page
        assert json.dumps(study["order"][rater]) in page
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
    assert {rater: counts["open"] for rater, counts in table.attrs["sheets"].items()} == {"Ann": 0, "Ben": 14}
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
    for raters, message in (
        (["../x"], "part of a file name"),
        (["Anna", "anna"], "each named once.*capital letters"),
        (["Model", "anna"], "a run's predictions have this name"),
    ):
        with pytest.raises(InputError, match=message):
            agree.write_sheets(data, tmp_path / "new", raters=raters)


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


def test_every_set_of_sheets_has_an_id_and_one_seed_one_order(tmp_path):
    data = cohort.read(write_cohort(tmp_path / "cohort", movies=True))
    made = []
    for name in ("a", "b"):
        agree.write_sheets(data, tmp_path / name, raters=["Ann"], seed=3)
        study = json.loads((tmp_path / name / "study.json").read_text())
        made.append((study.pop("id"), study, pd.read_csv(tmp_path / name / "key.csv", dtype=str)))
    (one, first, first_key), (other, second, second_key) = made
    assert one != other
    assert first == second
    pd.testing.assert_frame_equal(first_key, second_key)
    assert f'"{other}:Ann"' in (tmp_path / "b" / "raters" / "rate-Ann.html").read_text()
    assert set(pd.read_csv(tmp_path / "b" / "raters" / "sheet-Ann.csv")["sheet"]) == {f"{other}:Ann"}


def test_two_showings_of_a_clip_differ_as_files_and_show_the_same(sheets):
    key = pd.read_csv(sheets / "key.csv", dtype=str)
    twice = key[key.duplicated("clip", keep=False)].groupby("clip")["code"].agg(list)
    assert len(twice) == 7
    for codes in twice:
        first, second = (sheets / "raters" / "clips" / f"{code}.mp4" for code in codes)
        assert first.read_bytes() != second.read_bytes()
        np.testing.assert_array_equal(*(video.read(path, rate=1e6, most=100).frames for path in (first, second)))


@pytest.mark.parametrize(
    ("item", "categories", "message"),
    [
        ("q", ["A", "a", "B"], "categories of 'q' must be at least two, each once.*Small and capital"),
        ("q", ["1", "1.0"], "at least two, each once"),
        ("q", ["good ", " good"], "at least two, each once"),
        ("q", ["good", "na"], "value 'na': a category of 'q' that means an open cell, or one that cannot be judged"),
        ("q", ["N/A", "good"], "cannot be judged"),
        ("q", ["good", " "], "means an open cell"),
        (
            "Code",
            ["0", "1"],
            "value 'Code': an item's name becomes a column.*anything.*but order, code, comment, sheet",
        ),
        ("comment", ["0", "1"], "becomes a column"),
        ('say "x"', ["0", "1"], "becomes a column"),
        ("two\nlines", ["0", "1"], "becomes a column"),
        (" ", ["0", "1"], "becomes a column"),
    ],
)
def test_items_and_categories_that_could_be_mistaken_are_refused(item, categories, message):
    with pytest.raises(InputError, match=message):
        declared(item, categories)


def test_items_need_names_of_their_own(tmp_path):
    data = cohort.read(write_cohort(tmp_path / "cohort"))
    items = declared("severity", ["0", "1"]) + declared("Severity", ["0", "1"])
    with pytest.raises(InputError, match="names that differ in more than capitals"):
        agree.write_sheets(data, tmp_path / "out", items=items)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--item", "severty"], r"'severty', which is not known. Allowed: severity, b_lines. Nearest: 'severity'"),
        (["--categories", "0", "1"], "--categories without --item.*Allowed: severity, b_lines"),
    ],
)
def test_an_item_that_the_dictionary_lacks_is_no_silence(tmp_path, capsys, words, message):
    folder = write_cohort(tmp_path / "cohort", movies=True)
    assert agree.main(["sheet", str(folder), "--out", str(tmp_path / "out"), *words]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_one_item_of_the_dictionary_can_be_chosen(tmp_path, capsys):
    folder = write_cohort(tmp_path / "cohort", movies=True)
    assert agree.main(["sheet", str(folder), "--out", str(tmp_path / "out"), "--item", "b_lines"]) == 0
    assert "rate-NAME.html" in capsys.readouterr().out
    items = json.loads((tmp_path / "out" / "study.json").read_text())["items"]
    assert [(item["name"], item["label"]) for item in items] == [("b_lines", "B-lines")]


@pytest.mark.parametrize("words", [["x"], ["--out", "y"], ["--raters", "a"], ["--item", "z"], ["--seed", "3"]])
def test_reading_back_refuses_options_for_writing(sheets, capsys, words):
    assert agree.main(["sheet", "--read", str(sheets), *words]) == 2
    name = words[0] if words[0].startswith("--") else "COHORT"
    assert f"{name} has no use here: --read takes all from the folder's study.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "lacking", "given"),
    [(["data"], "no folder to write to is named", "cohort"), (["--out", "there"], "no cohort is named", "folder")],
)
def test_only_what_is_lacking_is_asked_for(capsys, words, lacking, given):
    assert agree.main(["sheet", *words]) == 2
    said = capsys.readouterr().err
    assert lacking in said
    assert f"no {given}" not in said
