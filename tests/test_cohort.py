"""Reading any cohort by its dictionary: decoding, findings, errors, targets, the card, the draft."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blues.check import InputError
from blues.cohort import Cohort, card, draft, main, missingness, read, read_dictionary, render, table_one
from blues.cohort.baseline import standardised_difference
from blues.cohort.decode import decode, number
from blues.cohort.guess import suspicious_codes
from blues.cohort.pattern import guess_pattern
from blues.cohort.schema import Column
from blues.cohort.tables import canonical_id, natural_key

DOCS = Path(__file__).parents[1] / "docs" / "dictionary.md"
TOML = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)[0]
CLINICAL = """id,pcr,age,copd,crp,litres,status,icu_hours,ward_number
1,1,60,0,3,,1,,a
2,0,71,1,-99,2,1,,a
03,1,55,1,9.5,5,0,30,b
10,0,64,0,100,,2,,b
4,1,50,1,12,1,1,,c
"""
RATINGS = """clip,rater,score
1_R1,a,0
1_R1,b,1
1_L1,a,3
1_L1,b,3
2_R1.mp4,a,2
3_R1,a,1
3_R1_2,a,3
3_L1,a,2
"""
CLIPS = ("1_R1.mp4", "1_L1.MP4", "2_R1.mp4", "2_L1.avi", "03_R1.mp4", "3_R1_2.mp4", "3_L1.mp4", "10_R1.mp4")


@pytest.fixture
def make(tmp_path):
    """Write a cohort's folder; every part can be replaced, or left out with None."""

    def write(toml=TOML, clinical=CLINICAL, ratings=RATINGS, clips=CLIPS):
        if toml is not None:
            (tmp_path / "cohort.toml").write_text(toml, encoding="utf-8")
        if clinical is not None:
            (tmp_path / "clinical.csv").write_bytes(clinical if isinstance(clinical, bytes) else clinical.encode())
        if ratings is not None:
            (tmp_path / "ratings.csv").write_text(ratings, encoding="utf-8")
        for clip in clips if clips is not None else ():
            path = tmp_path / "videos" / clip
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * 7)
        return tmp_path

    return write


def swap(text, old, new):
    assert old in text
    return text.replace(old, new)


def findings(cohort, **where):
    found = cohort.findings
    for column, value in where.items():
        found = found[found[column] == value]
    return found


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
    assert odd.loc[(4, "status"), "what"] == "not among ICU, dead, ward"
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
    clips = ("1_R1.mp4", "1_L1.mp4", "foo.mp4", "1_R9.mp4", "77_R1.mp4", "notes.txt", "4_R1_3.mp4", "2_L1.dcm")
    folder = make(clips=clips)
    (folder / "videos" / "10_L1.mp4").write_bytes(b"")
    (folder / "videos" / "10_R1.mp4").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    cohort = read(folder)
    left_out = findings(cohort, kind="left out")
    reasons = dict(zip(left_out["file"], left_out["what"], strict=False))
    assert reasons["videos/foo.mp4"] == "the name does not match clips.pattern"
    assert reasons["videos/1_R9.mp4"] == "point 'R9' is not among R1, L1"
    assert reasons["videos/77_R1.mp4"] == "a clip of a patient who is not in clinical.csv"
    assert reasons["videos"] == "not a clip"
    odd = findings(cohort, kind="odd")
    assert odd.loc[odd["what"] == "a patient without clips", "value"].tolist() == ["3"]
    assert odd.loc[odd["what"] == "take 3 without a take 1", "file"].tolist() == ["videos/4_R1_3.mp4"]
    assert odd.loc[odd["what"] == "the file is empty", "file"].tolist() == ["videos/10_L1.mp4"]
    assert odd.loc[odd["what"].str.contains("Git LFS"), "file"].tolist() == ["videos/10_R1.mp4"]
    assert (findings(cohort, what="a rating of a clip that is not in the cohort")["file"] == "ratings.csv").all()
    assert len(cohort.clips) == 6


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


# -------------------------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"clinical": CLINICAL + "02,0,60,1,3,,1,,a\n"},
            r"row 7, column 'id', value '02': patient 2 is in row 3 already",
        ),
        ({"clinical": CLINICAL + ",0,60,1,3,,1,,a\n"}, r"row 7, column 'id'.*no patient id"),
        ({"clinical": CLINICAL + "p7,0,60,1,3,,1,,a\n"}, r"value 'p7': the patient id is no whole number"),
        ({"clinical": CLINICAL + "7,0,60,1,3,,1,,a,b\n"}, r"row 7: 10 cells where the header has 9"),
        (
            {"clinical": CLINICAL.replace("crp", "CRP")},
            r"column 'crp' of cohort.toml is not in the table. Nearest.*'CRP'",
        ),
        (
            {"clinical": CLINICAL.replace("\n", ",1\n").replace("number,1", "number,foo")},
            r"'foo' is not in cohort.toml",
        ),
        ({"clinical": CLINICAL.replace("crp", "age")}, r"column 'age': the column name is there twice"),
        ({"clinical": CLINICAL.replace(",", ";")}, r"Write separator = ';'"),
        ({"clinical": CLINICAL.replace("9.5", "µ").encode("latin1")}, r"not utf-8 text: .*encoding = 'cp1252'"),
        ({"clinical": CLINICAL.encode("utf-16")}, r"not a text file"),
        ({"clinical": ""}, r"clinical.csv: is empty"),
        ({"clinical": CLINICAL.splitlines()[0]}, r"a header and no rows"),
        ({"clinical": CLINICAL + '7,0,"60'}, r"not a table that can be read"),
        ({"clinical": None}, r"clinical.csv: no such file"),
        ({"ratings": None}, r"ratings.csv: no such file"),
        ({"ratings": RATINGS.replace("score", "grade")}, r"ratings.csv has no column 'score'"),
        (
            {"ratings": RATINGS + "1_R1,a,2\n"},
            r"row 10, column 'clip', value '1_R1': this clip was rated by a in row 2",
        ),
        ({"ratings": RATINGS + "1_R1,,2\n"}, r"row 10, column 'rater'.*no rater"),
        ({"clips": None}, r"videos: there is no such folder"),
        ({"clips": ("a.txt",)}, r"holds no clips \(1 other files\)"),
        ({"clips": ("patient1-R1.mp4",)}, r"none of the 1 clips has a name that fits .*does not match clips.pattern"),
        ({"clips": ("77_R1.mp4",)}, r"none of the 1 clips is of a patient in clinical.csv"),
        ({"clips": ("1_R1.mp4", "01_R1.mp4")}, r"01_R1.mp4 and videos/1_R1.mp4 are the same take"),
        ({"clips": ("1_R1.mp4", "1_R1.avi")}, r"have the same name"),
        ({"toml": None}, r"no cohort.toml here.*python -m blues.cohort init"),
    ],
)
def test_errors_say_where_and_what_to_do(make, change, message):
    with pytest.raises(InputError, match=message):
        read(make(**change))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('role = "blood"', 'role = "blod"', r"columns.crp.role is 'blod'.*Allowed: identifier.*Nearest: 'blood'"),
        ("missing = [-99]", "mising = [-99]", r"columns.crp: the setting is 'mising'.*Nearest: 'missing'"),
        ("licence", "license", r"top level: the setting is 'license'.*Nearest: 'licence'"),
        ("equals = [", "equal = [", r"entry targets.icu_or_death.any.0: the setting is 'equal'"),
        ('equals = ["ICU"', 'equals = ["icu"', r"'status' equals 'icu'; the column's labels are ICU, ward, dead"),
        (
            'column = "icu_hours", known',
            'column = "icu_hour", known',
            r"names the column 'icu_hour'.*nearest: 'icu_hours'",
        ),
        ('known = "admission", kind = "continuous", unit = "mg/l"', 'kind = "continuous"', r"when its value is known"),
        ('"0" = "yes", "1" = "no"', '"0" = "yes", "1" = "perhaps"', r"columns.copd: codes '1' = 'perhaps'"),
        ("range = [0, 120]", "range = [120, 0]", r"columns.age: range is \[lowest, highest\]"),
        ("range = [0, 120]", 'range = ["low", 120]', r"columns.age.range.0: .*\(got 'low'\)"),
        ('kind = "binary", codes', 'kind = "binary", range = [0, 1], codes', r"range is for continuous and ordinal"),
        ("(?P<patient>", "(?P<pat>", r"pattern has no group \(\?P<patient>"),
        ("(?P<patient>", "(?P<patient", r"pattern is not a regular expression"),
        ('["R1", "L1"]', '["R1", "R1"]', r"points lists a point twice"),
        ('id = "id"', 'id = "ids"', r"patients.id names the column 'ids'"),
        ('role = "identifier"', 'role = "excluded"', r"whose role is excluded, not identifier"),
        ('rating = "severity"', 'rating = "sev"', r"targets.severity.rating is 'sev'; the rated items are severity"),
        ('events = ["yes"]', 'events = ["maybe"]', r"targets.pcr.events 'maybe'"),
        ('events = ["yes"]', "", r"targets.pcr: events=\[...\] belongs"),
        ('over_clips = "mean"', 'over_clips = "mean"\ncolumn = "age"', r"exactly one of column, any, rating"),
        ("blank = 0", 'blank = { value = 0, when = { column = "x", known = true } }', r"litres.blank.when names"),
        ("blank = 0", 'blank = { value = 0, when = { column = "status", above = 1 } }', r"above needs numbers"),
        ('clips = "videos"', "", r"\[clips\] is given and files.clips is not"),
        ('name = "Two points"', "name = ", r"not valid TOML: Invalid value \(at line 1"),
    ],
)
def test_the_dictionary_is_checked(make, old, new, message):
    folder = make(toml=swap(TOML, old, new))
    with pytest.raises(InputError, match=message) as caught:
        read(folder)
    assert "cohort.toml" in str(caught.value)


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        read(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="a cohort is a folder"):
        read(tmp_path / "file")
    with pytest.raises(InputError, match="no such dictionary.*covid_blues"):
        read_dictionary("covid_bleus")
    with pytest.raises(InputError, match="no saved cohort here"):
        Cohort.load(tmp_path)


# ------------------------------------------------------------------------------------------- targets and refusals
def test_targets_are_derived(make):
    cohort = read(make())
    assert cohort.target("pcr").to_dict() == {"1": 1, "2": 0, "3": 1, "4": 1, "10": 0}
    assert cohort.target("pcr").name == "pcr"
    assert cohort.target("icu_or_death").to_dict() == {"1": 0, "2": 0, "3": 1, "4": 0, "10": 1}
    severity = cohort.target("severity")
    assert severity[["1", "2", "3"]].tolist() == [1.75, 2, 2], "raters first, then clips"
    assert severity[["4", "10"]].isna().all()
    with pytest.raises(InputError, match="Nearest: 'severity'"):
        cohort.target("severty")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ('over_clips = "max"', {"1": 3, "2": 2, "3": 3}),
        ('over_takes = "mean"\nover_points = "sum"', {"1": 3.5, "2": np.nan, "3": 4}),
        ('over_takes = "last"\nover_points = "mean"', {"1": 1.75, "2": 2, "3": 2.5}),
        ('over_takes = "first"\nover_points = "max"', {"1": 3, "2": 2, "3": 2}),
        ('rater = "b"\nover_clips = "mean"', {"1": 2, "2": np.nan, "3": np.nan}),
    ],
)
def test_ratings_are_pooled_as_the_dictionary_says(make, how, expected):
    cohort = read(make(toml=swap(TOML, 'over_clips = "mean"', how)))
    np.testing.assert_array_equal(cohort.target("severity")[list(expected)], list(expected.values()))


def test_a_target_of_clips(make):
    toml = TOML + '\n[targets.clip]\nlabel = "x"\nkind = "ordinal"\nlevel = "clip"\nrating = "severity"\n'
    values = read(make(toml=toml)).target("clip")
    assert values.index.name == "clip"
    assert values["1_R1"] == 0.5
    assert np.isnan(values["10_R1"])
    with pytest.raises(InputError, match="nobody called 'z' rated"):
        read(make(toml=toml + 'rater = "z"\n')).target("clip")


def test_no_event_needs_a_known_value(make):
    toml = swap(TOML, ', { column = "icu_hours", known = true }', "")
    values = read(make(toml=toml, clinical=CLINICAL.replace("2,1,,a", "2,,,a"))).target("icu_or_death")
    assert values.isna().to_dict() == {"1": False, "2": True, "3": False, "4": False, "10": False}


def test_refusals_give_the_reason(make):
    toml = TOML.replace('events = ["yes"]', 'events = ["yes"]\nrefuse = { age = "by decree" }')
    toml = swap(toml, 'role = "blood", known = "admission"', 'role = "blood", known = "during_stay"')
    dictionary = read(make(toml=toml)).dictionary
    assert dictionary.refusal("copd", "pcr") is None
    assert dictionary.refusal("age", "pcr") == "by decree"
    assert dictionary.refusal("age", "severity") is None
    assert dictionary.refusal("pcr", "pcr") == "the target 'pcr' is derived from it"
    assert dictionary.refusal("pcr", "severity") == "its role is target"
    assert dictionary.refusal("ward_number", "pcr") == "its role is excluded: says nothing about the patient"
    assert "known at during stay, after the moment of prediction" in dictionary.refusal("crp", "pcr")
    assert "taken only if you opt in" in dictionary.refusal("litres", "pcr")
    assert dictionary.refusal("litres", "pcr", opt_in={"oxygen"}) is None
    assert "never taken" in dictionary.refusal("litres", "icu_or_death", opt_in={"oxygen"})
    assert dictionary.refusal("severity", "pcr") is None
    assert "same experts" in dictionary.refusal("severity", "severity")
    assert dictionary.block("expert") == ["severity"]
    assert dictionary.block("blood") == ["crp"]
    with pytest.raises(InputError, match="Nearest: 'clinical'"):
        dictionary.block("clincal")
    with pytest.raises(InputError, match="column is 'aeg'"):
        dictionary.refusal("aeg", "pcr")


# ------------------------------------------------------------------------------------------------- card and tables
def test_table_one_by_a_binary_target(make):
    table = table_one(read(make()), "pcr").set_index("column")
    assert table.loc["age", ["overall", "without", "with"]].tolist() == ["60 [55, 64]", "68 [66, 69]", "55 [52, 58]"]
    assert table.loc["copd", ["overall", "without", "with"]].tolist() == ["2 (40%)", "1 (50%)", "1 (33%)"]
    assert table.loc["crp", "missing"] == 1
    gap = (55 - 67.5) / np.sqrt((25 + 24.5) / 2)
    assert table.loc["age", "difference"] == pytest.approx(gap)
    assert table.loc["icu_or_death", "group"] == "Outcomes"
    assert "pcr" not in table.index


def test_table_one_by_a_number(make):
    table = table_one(read(make()), "severity").set_index("column")
    assert table.loc["age", "overall"] == "60 [58, 66]", "patients with a known outcome only"
    assert table.loc["age", "correlation"] == pytest.approx(0)
    assert table["difference"].isna().all()


def test_standardised_differences():
    a, b = pd.Series([1.0, 2, 3, np.nan]), pd.Series([2.0, 3, 4])
    assert standardised_difference(a, b, "continuous") == pytest.approx(-1)
    assert np.isnan(standardised_difference(pd.Series([1.0, 1]), pd.Series([1.0, 1]), "continuous"))
    # two categories: the Mahalanobis distance is the binary difference
    p, q = pd.Series([1.0] * 6 + [0] * 4), pd.Series([1.0] * 3 + [0] * 7)
    words = {1.0: "x", 0.0: "y"}
    nominal = standardised_difference(p.map(words), q.map(words), "nominal")
    assert nominal == pytest.approx(standardised_difference(p, q, "binary"))
    assert nominal == pytest.approx(0.3 / np.sqrt((0.24 + 0.21) / 2))


def test_missingness_by_outcome(make):
    table = missingness(read(make()), "pcr").set_index("column")
    told = table.loc["crp", ["absent", "absent_with", "absent_without", "p_value"]].tolist()
    assert told == pytest.approx([1, 0, 1, 0.4])
    assert table.loc["icu_hours", "not_applicable"] == 4


def test_the_card_is_plain_json_and_says_the_flow(make):
    cohort = read(make())
    account = card(cohort, "pcr")
    assert json.loads(json.dumps(account, allow_nan=False)) == account
    assert [(step["patients"], step["clips"]) for step in account["flow"]] == [(5, 8), (5, 8), (4, 8), (3, 7)]
    assert account["points"] == [
        {"point": "R1", "clips": 5, "retakes": 1, "patients": 4},
        {"point": "L1", "clips": 3, "retakes": 0, "patients": 3},
    ]
    assert account["frames"] is None
    assert (account["target"]["events"], account["target"]["n"]) == (3, 5)
    assert {row["column"] for row in account["refused"]} == {
        "id",
        "pcr",
        "litres",
        "status",
        "icu_hours",
        "ward_number",
    }
    assert any("Code '0': read as 'yes'; 2 cells (copd 2)" in sentence for sentence in account["decoded"])
    assert card(cohort)["target"] is None
    assert card(cohort)["refused"] == []
    with pytest.raises(InputError, match="target is 'prc'"):
        card(cohort, "prc")


@pytest.mark.parametrize("target", [None, "pcr", "severity"])
def test_the_printed_card_fits_100_columns(make, target):
    toml = swap(TOML, 'unit = "years"', 'label = "' + "A very long label indeed " * 6 + '"')
    text = render(card(read(make(toml=toml)), target))
    assert max(map(len, text.splitlines())) <= 100
    assert "Research use only." in text
    assert "fewer than 10 patients" in text


def test_html_is_escaped(make):
    toml = swap(TOML, '"Two points"', '"<script>alert(1)</script>"').replace('"PCR positive"', '"<b>PCR</b>"')
    page = read(make(toml=toml))._repr_html_()
    assert "<script>" not in page
    assert "&lt;b&gt;PCR&lt;/b&gt;" in page


def test_save_and_load_give_the_same_cohort(make, tmp_path):
    clinical = CLINICAL.replace("9.5", "0.30000000000000004")
    cohort = read(make(clinical=clinical))
    cohort.save(tmp_path / "saved")
    assert not list((tmp_path / "saved").glob("*.pkl"))
    again = Cohort.load(tmp_path / "saved")
    for name in ("patients", "clips", "ratings", "findings"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(cohort, name))
    assert again.dictionary == cohort.dictionary
    assert (again.name, again.folder) == (cohort.name, cohort.folder.absolute())
    assert Cohort.load(tmp_path / "saved", clips_in="elsewhere").folder == Path("elsewhere")


# --------------------------------------------------------------------------------------------------- the command
def test_the_command_prints_the_card(make, capsys, tmp_path):
    folder = make()
    assert main([str(folder), "--target", "pcr", "--json", str(tmp_path / "card.json")]) == 0
    printed = capsys.readouterr().out
    assert "Table 1, by PCR positive" in printed
    assert json.loads((tmp_path / "card.json").read_text())["name"] == "Two points"
    assert main([str(folder), "--target", "prc"]) == 2
    assert "Nearest: 'pcr'" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------ the draft
def own_folder(tmp_path):
    """Write somebody's own cohort: semicolons, decimal commas, codes, words, two points, no dictionary."""
    rng = np.random.default_rng(3)
    rows = ["Study number;Name;Sex;Age;CRP (mg/l);WardDays;ICU;Oxygen mask;No mask;Cough;Smoking;Remarks;pO2;Wheeze"]
    for i in range(1, 25):
        sex, crp = "mf"[i % 2], "-99" if i in (3, 9) else f"{rng.integers(1, 900) / 10:g}".replace(".", ",")
        age, mask = 999 if i == 5 else 40 + i, int(rng.random() < 0.5)
        cough = rng.choice(["yes", "no"])
        smoking = "" if i % 4 == 0 else i % 3
        po2 = "<6" if i == 2 else f"{rng.integers(60, 110) / 10:g}".replace(".", ",")
        rows.append(
            f"P{i:02d};name {i};{sex};{age};{crp};{i % 9},5;{int(i % 5 == 0)};{mask};{1 - mask};{cough};{smoking};"
            f"text {i};{po2};0"
        )
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    videos = tmp_path / "clips"
    videos.mkdir()
    names = [f"LUS_P{i:02d}-{point}" for i in range(1, 25) for point in ("apex left", "base")] + ["LUS_P03-base-2"]
    for name in names:
        (videos / f"{name}.avi").write_bytes(b"x")
    grades = ["clip;reader;B lines;free"] + [f"{name}.avi;{r};{len(name) % 3};t{name}" for name in names for r in "ab"]
    (tmp_path / "grades.csv").write_text("\n".join(grades) + "\n", encoding="utf-8")
    return tmp_path


def test_a_draft_guesses_and_marks_what_must_be_decided(tmp_path):
    text = draft(own_folder(tmp_path))
    drafted = tomllib.loads(text)
    columns = drafted["columns"]
    assert drafted["files"] == {
        "patients": "table.csv",
        "clips": "clips",
        "ratings": "grades.csv",
        "separator": ";",
        "decimal": ",",
    }
    assert drafted["patients"] == {"id": "Study number", "id_kind": "text"}
    assert drafted["clips"]["points"] == ["apex left", "base"]
    assert drafted["ratings"]["rater"] == "reader"
    assert drafted["ratings"]["items"]["b_lines"] == {"column": "B lines", "kind": "ordinal", "categories": [0, 1, 2]}
    assert columns["CRP (mg/l)"] == {"role": "blood", "known": "admission", "kind": "continuous", "missing": [-99]}
    assert columns["Age"]["missing"] == [999]
    assert columns["Cough"]["kind"] == "binary"
    assert columns["Sex"]["kind"] == "nominal"
    assert columns["pO2"] == {"role": "blood", "known": "admission", "kind": "continuous", "limits_as": "limit"}
    assert columns["Oxygen mask"]["contingent"] == "oxygen"
    assert columns["No mask"] == {"role": "excluded", "kind": "binary", "note": "the complement of Oxygen mask"}
    assert columns["Wheeze"]["note"] == "the same in every patient"
    lines = {line.split(" = ")[0].strip('"'): line for line in text.splitlines()}
    for name in ("Name", "ICU"):
        assert columns[name]["role"] in ("identifier", "excluded"), "nothing that smells may predict"
        assert "# DECIDE:" in lines[name]
    assert "does -99 stand for missing?" in lines["CRP (mg/l)"]
    assert "blank: does a blank mean something?" in lines["Smoking"]
    assert "# [targets.icu]" in text


def test_a_draft_can_be_read_at_once_and_after_decisions(tmp_path, capsys):
    folder = own_folder(tmp_path)
    assert main(["init", str(folder)]) == 0
    assert "# DECIDE:" in capsys.readouterr().out
    cohort = read(folder)
    assert (len(cohort.patients), len(cohort.clips), len(cohort.ratings)) == (24, 49, 98)
    assert cohort.clips.loc["LUS_P03-base-2", ["patient", "point", "take"]].tolist() == ["P03", "base", 2]
    assert findings(cohort, file="cohort.toml")["what"].str.contains("nobody has decided").all()
    path = folder / "cohort.toml"
    text = path.read_text(encoding="utf-8")
    decided = re.sub(r" *# DECIDE:.*", "", text).replace("# [targets.icu]", "[targets.icu]")
    decided = re.sub(r"(?m)^# (label|kind|column|events) = (.*)$", r"\1 = \2", decided)
    path.write_text(decided, encoding="utf-8")
    cohort = read(folder)
    assert cohort.target("icu").sum() == 4
    assert findings(cohort, file="cohort.toml").empty
    assert main(["init", str(folder)]) == 2
    assert "not written over" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == decided


def test_a_draft_needs_a_table_with_one_row_a_patient(tmp_path):
    with pytest.raises(InputError, match="holds no table"):
        draft(tmp_path)
    (tmp_path / "a.csv").write_text("x,y\n1,1\n1,1\n")
    with pytest.raises(InputError, match="names each row once"):
        draft(tmp_path)
    (tmp_path / "a.csv").write_text("x,y\n1,1\n2,1\n")
    assert "no clips were found" in draft(tmp_path)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["1_R1", "1_L1", "2_R1", "2_L1"], r"(?P<patient>\d+)_(?P<point>L1|R1)"),
        (["s-01-R1-1", "s-01-L1-1", "s-02-R1-1", "s-02-R1-2"], r"s-(?P<patient>\d+)-(?P<point>L1|R1)-(?P<take>\d+)"),
        (["p1/left", "p1/right", "p2/left", "p2/right"], r"p(?P<patient>\d+)/(?P<point>right|left)"),
        (["1", "2"], r"(?P<patient>\d+)"),
    ],
)
def test_patterns_are_guessed_from_names(names, pattern):
    guess = guess_pattern(names, ["1", "2"], "integer")
    assert guess.pattern == pattern
    assert guess.read == len(names)


def test_no_pattern_without_ids():
    assert guess_pattern(["a_R1", "b_R1"], ["1", "2"], "integer") is None


def test_codes_that_stand_apart_are_suspicious():
    assert suspicious_codes([16, 20, -99, 24]) == [-99]
    assert suspicious_codes([16, -99, -96, 24]) == [-99, -96]
    assert suspicious_codes([-3.1, -1, 0.5, 2.2]) == []
    assert suspicious_codes([-3.1, -99, 0.5, 2.2]) == [-99]
    assert suspicious_codes([60, 99, 88, 72]) == []
    assert suspicious_codes([3, 4, 99]) == [99]


# -------------------------------------------------------------------------------------------------------- small parts
@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=0, max_value=4))
def test_integer_ids_have_one_spelling(value, zeros):
    for text in (f"{'0' * zeros}{value}", f" {value} ", f"{value}.0", f"{value}."):
        assert canonical_id(text, "integer") == str(value)
    assert canonical_id(f"{value}.5", "integer") is None
    assert canonical_id(f"p{value}", "integer") is None


@given(st.lists(st.integers(min_value=0, max_value=10**6), min_size=2, unique=True))
def test_natural_order_is_the_order_of_numbers(values):
    names = [f"p{value}_R1" for value in values]
    assert sorted(names, key=natural_key) == [f"p{value}_R1" for value in sorted(values)]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_being_written(value):
    assert number(repr(value)) == value


@given(st.text(max_size=6))
def test_a_number_is_a_finite_float_or_none(text):
    value = number(text)
    assert value is None or (np.isfinite(value) and value == float(text))
