"""Reading any cohort by its dictionary: decoding, joining, findings."""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_cohort import CLINICAL, RATINGS, TOML, findings, swap, write

from blues.cohort import card, read, render
from blues.cohort.decode import decode, number
from blues.cohort.schema import Column
from blues.cohort.tables import canonical_id, natural_key


@pytest.fixture
def make(tmp_path):
    return lambda **parts: write(tmp_path, **parts)


# ------------------------------------------------------------------------------------------------------- reading
def test_a_cohort_is_read_decoded_and_in_natural_order(make):
    cohort = read(make())
    assert list(cohort.patients.index) == ["1", "2", "3", "4", "10"]
    assert cohort.patients.index.name == "patient"
    assert list(cohort.patients.columns) == [
        "pcr",
        "age",
        "copd",
        "crp",
        "litres",
        "status",
        "icu_hours",
        "ward_number",
    ]
    assert cohort.patients["copd"].tolist() == [1, 0, 0, 0, 1], "0 means yes here"
    assert cohort.patients["litres"].tolist() == [0, 2, 5, 1, 0], "a blank means 0 here"
    np.testing.assert_array_equal(cohort.patients["crp"], [3, np.nan, 9.5, 12, 100])
    assert cohort.patients["status"].tolist() == ["ward", "ward", "ICU", "ward", "dead"]
    assert list(cohort.patients["status"].cat.categories) == ["ICU", "ward", "dead"]
    assert cohort.points == ("R1", "L1")
    assert cohort.clips.index.tolist() == ["1_R1", "1_L1", "2_R1", "2_L1", "03_R1", "3_R1_2", "3_L1", "10_R1"]
    assert cohort.clips.loc["3_R1_2", ["patient", "point", "take"]].tolist() == ["3", "R1", 2]
    assert cohort.clips.loc["1_L1", "path"] == "videos/1_L1.MP4"
    assert cohort.clips["bytes"].tolist() == [7] * 8
    assert list(cohort.ratings.columns) == ["clip", "patient", "point", "rater", "item", "rating"]


def test_every_decode_is_counted(make):
    cohort = read(make())
    assert findings(cohort, column="crp", kind="missing")[["value", "cells", "done"]].values.tolist() == [
        ["-99", 1, "no value"]
    ]
    assert findings(cohort, column="copd")[["value", "cells", "done"]].values.tolist() == [
        ["0", 2, "read as 'yes'"],
        ["1", 3, "read as 'no'"],
    ]
    assert findings(cohort, column="litres")[["cells", "done"]].values.tolist() == [[2, "read as '0'"]]
    assert findings(cohort, column="icu_hours")[["kind", "cells"]].values.tolist() == [["not applicable", 4]]


def test_ids_meet_as_integers_only(make):
    """03 in the ratings' clip name, 3 in the file name and 03 in the table are one patient; row order is irrelevant."""
    cohort = read(make())
    assert set(cohort.ratings["patient"]) == {"1", "2", "3"}
    shuffled = "\n".join([CLINICAL.splitlines()[0], *reversed(CLINICAL.splitlines()[1:])]) + "\n"
    again = read(make(clinical=shuffled))
    pd.testing.assert_frame_equal(again.patients, cohort.patients)


def test_text_ids_stay_as_they_are(make):
    toml = swap(TOML, 'id_kind = "integer"', 'id_kind = "text"')
    cohort = read(make(toml=toml))
    assert "03" in cohort.patients.index
    assert "3" not in cohort.patients.index
    left_out = findings(cohort, kind="left out")
    assert "videos/3_L1.mp4" in left_out["file"].tolist()
    assert findings(cohort, what="a clip of a patient who is not in clinical.csv")["value"].tolist() == ["3", "3"]


def test_odd_cells_are_told_one_by_one(make):
    clinical = "\n".join(
        [
            CLINICAL.splitlines()[0],
            "1,1,600,0,3,,1,,a",
            "2,0,90-92,1,<5,,1,,a",
            "3,2,70,7,n/a,,9,,a",
            "10,yes,inf,0,1_000,,1,,a",
            "4,0, 60 ,1,7,,1,,a",
        ]
    )
    cohort = read(make(clinical=clinical))
    odd = findings(cohort, kind="odd", file="clinical.csv").set_index(["row", "column"])
    told = odd.loc[[(2, "age"), (3, "age"), (5, "age"), (4, "pcr"), (4, "copd"), (3, "crp"), (4, "crp"), (5, "crp")]]
    assert told["value"].tolist() == ["600", "90-92", "inf", "2", "7", "<5", "n/a", "1_000"]
    assert told["done"].str.startswith("no value").all()
    assert odd.loc[(4, "status"), "what"] == "a label without an entry in codes or categories (ICU, dead, ward)"
    assert np.isnan(cohort.patients.loc[["1", "2", "10"], "age"]).all()
    assert cohort.patients.loc["10", "pcr"] == 1, "the word yes is plain, and counted"
    assert findings(cohort, column="pcr", value="yes")["what"].tolist() == ["word"]
    assert findings(cohort, what="blanks around a value")["value"].tolist() == [" 60 "]
    assert cohort.patients.loc["4", "age"] == 60


@pytest.mark.parametrize(
    ("rule", "text", "value"),
    [
        ({"ranges_as": "midpoint"}, "90-92", 91),
        ({"ranges_as": "midpoint"}, "90 – 91", 90.5),
        ({"limits_as": "limit"}, "<5", 5),
        ({"limits_as": "half"}, "<5", 2.5),
        ({"limits_as": "half"}, ">100", 100),
        ({"winsorise": [0, 30]}, "210", 30),
        ({"range": [0, 10], "outside": "keep"}, "12", 12),
        ({"codes": {"neg": 0}}, "neg", 0),
        ({}, "-4.6", -4.6),
        ({}, "1e3", 1000),
    ],
)
def test_rules_for_numbers_are_used_only_where_given(rule, text, value):
    spec = Column(role="blood", known="admission", kind="continuous", **rule)
    values, met = decode(pd.Series([text], name="x", index=[2]), spec, file="f")
    assert values[2] == value
    assert len(met) == bool(rule), "whatever a rule does is told"
    if "range" not in rule and rule:
        bare, _ = decode(pd.Series([text], name="x", index=[2]), Column(role="outcome", kind="continuous"), file="f")
        assert not bare[2] == value


def test_negative_numbers_are_not_codes():
    spec = Column(role="blood", known="admission", kind="continuous", missing=[-99])
    values, met = decode(pd.Series(["-99.0", "-9.9", "-1", "0"], name="be", index=[2, 3, 4, 5]), spec, file="f")
    np.testing.assert_array_equal(values, [np.nan, -9.9, -1, 0])
    assert [(f.kind, f.cells) for f in met] == [("missing", 1)]


def test_a_decimal_comma_is_read_where_the_file_says_so(make):
    clinical = CLINICAL.replace(",", ";").replace("9.5", "9,5")
    ratings = RATINGS.replace(",", ";")
    toml = swap(TOML, 'ratings = "ratings.csv"', 'ratings = "ratings.csv"\nseparator = ";"\ndecimal = ","')
    assert read(make(toml=toml, clinical=clinical, ratings=ratings)).patients.loc["3", "crp"] == 9.5
    without = read(make(toml=toml.replace('decimal = ","', ""), clinical=clinical, ratings=ratings))
    assert findings(without, value="9,5")["what"].tolist() == ["a decimal comma"]


def test_a_blank_has_its_meaning_only_where_the_condition_holds(make):
    toml = swap(TOML, "blank = 0", 'blank = { value = 0, when = { column = "copd", equals = ["yes"] } }')
    cohort = read(make(toml=toml, clinical=CLINICAL.replace("4,1,50,1,12,1", "4,1,50,1,12,")))
    assert cohort.patients["litres"].isna().tolist() == [False, False, False, True, False]
    assert cohort.patients.loc[["1", "10"], "litres"].tolist() == [0, 0]
    assert findings(cohort, column="litres")[["kind", "cells", "what"]].values.tolist() == [
        ["decoded", 2, "blank where copd is yes"],
        ["missing", 1, "blank"],
    ]


def test_opaque_codes_stay_opaque_and_plain():
    values, met = decode(
        pd.Series(["1.0", "2", "", "1"], name="group", index=[2, 3, 4, 5]),
        Column(role="excluded", kind="nominal"),
        file="f",
    )
    assert values.tolist()[:2] == ["1", "2"]
    assert values.isna().tolist() == [False, False, True, False]
    assert [(f.kind, f.cells) for f in met] == [("missing", 1)]


def test_clips_are_never_left_out_in_silence(make):
    clips = (
        "1_R1.mp4",
        "1_L1.mp4",
        "foo.mp4",
        "1_R9.mp4",
        "77_R1.mp4",
        "78_R1_7.mp4",
        "notes.txt",
        "1_R1.png",
        "2_R1.png",
        "4_R1_3.mp4",
        "2_L1.dcm",
    )
    folder = make(clips=clips)
    (folder / "videos" / "10_L1.mp4").write_bytes(b"")
    (folder / "videos" / "10_R1.mp4").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    cohort = read(folder)
    left_out = findings(cohort, kind="left out")
    reasons = dict(zip(left_out["file"], left_out["what"], strict=False))
    assert reasons["videos/foo.mp4"] == "the name does not match clips.pattern"
    assert reasons["videos/1_R9.mp4"] == "point 'R9' is not among R1, L1"
    assert reasons["videos/77_R1.mp4"] == "a clip of a patient who is not in clinical.csv"
    assert reasons["videos/78_R1_7.mp4"] == "a clip of a patient who is not in clinical.csv"
    others = left_out[left_out["file"] == "videos"]
    assert dict(zip(others["value"], others["what"], strict=True)) == {
        ".txt": "not a clip",
        ".png": "not clips (2 files)",
    }
    odd = findings(cohort, kind="odd")
    assert odd.loc[odd["what"] == "a patient without clips", "value"].tolist() == ["3"]
    assert odd.loc[odd["what"].str.contains("without a take 1"), "file"].tolist() == ["videos/4_R1_3.mp4"]
    assert "take 3 without a take 1" in set(odd["what"])
    assert odd.loc[odd["what"] == "the file is empty", "file"].tolist() == ["videos/10_L1.mp4"]
    assert odd.loc[odd["what"].str.contains("Git LFS"), "file"].tolist() == ["videos/10_R1.mp4"]
    assert (findings(cohort, what="a rating of a clip that is not in the cohort")["file"] == "ratings.csv").all()
    assert len(cohort.clips) == 6


def test_what_is_named_like_a_clip_and_is_no_file_is_told(make):
    folder = make()
    (folder / "videos" / "4_R1.mp4").symlink_to(folder / "nowhere.mp4")
    (folder / "videos" / "4_L1.mp4").mkdir()
    os.mkfifo(folder / "videos" / "10_L1.mp4")
    cohort = read(folder)
    left_out = findings(cohort, kind="left out").set_index("file")["what"]
    assert left_out["videos/4_R1.mp4"] == "a link to a file that is not there"
    assert left_out["videos/4_L1.mp4"] == "a folder that is named like a clip"
    assert left_out["videos/10_L1.mp4"] == "no plain file"
    assert len(cohort.clips) == 8


def test_no_folder_of_clips_is_passed_over_in_silence(make, monkeypatch):
    folder = make()
    (folder / "more").mkdir()
    (folder / "more" / "4_R1.mp4").write_bytes(b"x")
    (folder / "videos" / "linked").symlink_to(folder / "more")
    (folder / "videos" / ".trash").mkdir()
    (folder / "videos" / ".trash" / "4_L1.mp4").write_bytes(b"x")
    cohort = read(folder)
    left_out = findings(cohort, kind="left out").set_index("file")["what"]
    assert left_out.to_dict() == {"videos/linked": "a link to a folder, which is not followed"}
    assert len(cohort.clips) == 8
    closed = folder / "videos" / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refused(place):
        if Path(place) == closed:
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(PermissionError, match="closed"):
        read(folder)


def test_clips_in_subfolders_and_without_points(make):
    toml = swap(TOML, r"'(?P<patient>\d+)_(?P<point>[RL]\d)(?:_(?P<take>\d+))?'", r"'case(?P<patient>\d+)/.*'")
    toml = swap(toml, 'points = ["R1", "L1"]', "")
    ratings = "clip,rater,score\ncase1/second.mp4,a,2\n"
    cohort = read(make(toml=toml, ratings=ratings, clips=("case1/first.mp4", "case1/second.mp4", "case2/x.gif")))
    assert cohort.clips.index.tolist() == ["case1_first", "case1_second", "case2_x"]
    assert cohort.clips["take"].tolist() == [1, 2, 1]
    assert cohort.points == ("any",)
    assert cohort.ratings["clip"].tolist() == ["case1_second"]


def test_the_count_of_clips_is_checked_against_the_disk(make):
    toml = swap(TOML, 'points = ["R1", "L1"]', 'points = ["R1", "L1"]\ncount_column = "litres"')
    told = findings(read(make(toml=toml)), column="litres", kind="odd")
    assert dict(zip(told["what"].str.split().str[1], told["value"], strict=True)) == {
        "1": "0",
        "3": "5",
        "4": "1",
        "10": "0",
    }


def test_raters_by_row_or_by_column(make):
    long = read(make()).ratings
    assert long[(long["clip"] == "1_R1")].sort_values("rater")["rating"].tolist() == [0, 1]
    toml = swap(TOML, 'rater = "rater"', 'excluded = { remark = "free text" }')
    toml = swap(toml, 'column = "score"', 'columns = { junior = "score_a", senior = "score_b" }')
    wide = read(make(toml=toml, ratings="clip,score_a,score_b,remark\n1_R1,0,3,x\n2_R1,,1,\n"))
    assert wide.ratings[["clip", "rater", "rating"]].fillna(-1).values.tolist() == [
        ["1_R1", "junior", 0],
        ["1_R1", "senior", 3],
        ["2_R1", "junior", -1],
        ["2_R1", "senior", 1],
    ]
    assert findings(wide, column="remark")["what"].tolist() == ["free text"]


def test_columns_without_values_or_variation_are_told(make):
    clinical = re.sub(r"(?m)^(\d+,\d,)\d+,(\d),[^,]+,", r"\g<1>60,\g<2>,,", CLINICAL)
    cohort = read(make(clinical=clinical))
    assert findings(cohort, column="crp", kind="odd")["what"].tolist() == ["no patient has a value"]
    assert findings(cohort, column="age", kind="odd")["what"].str.contains("predict nothing").tolist() == [True]
    render(card(cohort, "pcr"))


def test_explanations_with_unquoted_commas_are_compared(make):
    toml = swap(
        TOML, 'ratings = "ratings.csv"', 'ratings = "ratings.csv"\nexplanations = { path = "e.csv", columns = 2 }'
    )
    folder = make(toml=toml)
    names = [c for c in CLINICAL.splitlines()[0].split(",") if c != "age"]
    (folder / "e.csv").write_text("name,text\nweight,kg, or pounds, who knows\n" + "".join(f"{n},x\n" for n in names))
    told = findings(read(folder), file="e.csv")
    assert told[["value", "column", "what"]].values.tolist() == [
        ["weight", "name", "explains a column that is not there"],
        ["", "age", "a column without an explanation"],
    ]


def test_undecided_lines_are_told(make):
    cohort = read(make(toml=TOML + "# DECIDE: whether this is right\n"))
    assert findings(cohort, file="cohort.toml")["cells"].tolist() == [1]


# -------------------------------------------------------------------------------------------------------- small parts
@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=0, max_value=4))
def test_integer_ids_have_one_spelling(value, zeros):
    for text in (f"{'0' * zeros}{value}", f" {value} ", f"{value}.0", f"{value}."):
        assert canonical_id(text, "integer") == str(value)
    assert canonical_id(f"{value}.5", "integer") is None
    assert canonical_id("Mu\u0308ller", "text") == canonical_id("M\u00fcller", "text")
    assert canonical_id(f"p{value}", "integer") is None


@given(st.lists(st.integers(min_value=0, max_value=10**6), min_size=2, unique=True))
def test_natural_order_is_the_order_of_numbers(values):
    names = [f"p{value}_R1" for value in values]
    assert sorted(names, key=natural_key) == [f"p{value}_R1" for value in sorted(values)]


@given(st.lists(st.text(max_size=5), min_size=2, unique=True), st.randoms())
def test_natural_order_does_not_depend_on_the_order_given(names, random):
    shuffled = random.sample(names, len(names))
    assert sorted(shuffled, key=natural_key) == sorted(names, key=natural_key)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_being_written(value):
    assert number(repr(value)) == value


@given(st.text(max_size=6))
def test_a_number_is_a_finite_float_or_none(text):
    value = number(text)
    assert value is None or (np.isfinite(value) and value == float(text))


@pytest.mark.parametrize(
    ("rater", "level", "pooled", "told"),
    [
        ("", "patient", 'over_clips = "max"', "2.5"),
        ("", "clip", "", "0.5, 2.5"),
        ('rater = "a"', "patient", 'over_clips = "max"', None),
        ('rater = "a"', "clip", "", None),
        ('rater = "a"', "patient", 'over_points = "sum"', None),
        ("", "patient", 'over_points = "sum"', "3.5"),
    ],
)
def test_means_between_grades_are_told(tmp_path, rater, level, pooled, told):
    section = (
        f'[targets.worst]\nlabel = "w"\nkind = "ordinal"\nrating = "severity"\nlevel = "{level}"\n{rater}\n{pooled}\n'
    )
    ratings = swap(RATINGS, "2_R1.mp4,a,2", "2_R1.mp4,a,2\n2_R1.mp4,b,3")
    write(tmp_path, toml=swap(TOML, "[columns]", section + "[columns]"), ratings=ratings)
    found = findings(read(tmp_path), column="severity", kind="odd")
    assert list(found["value"]) == ([] if told is None else [told])
    if told is not None:
        assert 'rater = "a" takes one reader\'s grades' in found["done"].iloc[0]
