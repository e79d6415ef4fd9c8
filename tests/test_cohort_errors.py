"""What is wrong with a cohort or its dictionary is said with its place and a remedy."""

import pytest
from small_cohort import CLINICAL, RATINGS, TOML, swap, write

from blues.check import InputError
from blues.cohort import Cohort, draft, read, read_dictionary


@pytest.fixture
def make(tmp_path):
    return lambda **parts: write(tmp_path, **parts)


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
        ({"clinical": CLINICAL + '7,0,"60'}, r"row 7: is not a table that can be read.*a quote that is opened"),
        ({"clinical": None}, r"clinical.csv: no such file"),
        ({"ratings": None}, r"ratings.csv: no such file"),
        ({"ratings": RATINGS.replace("score", "grade")}, r"ratings.csv has no column 'score'"),
        (
            {"ratings": RATINGS + "1_R1,a,2\n"},
            r"row 10, column 'clip', value '1_R1': this clip was rated by a in row 2",
        ),
        ({"ratings": RATINGS + "1_R1,,2\n"}, r"row 10, column 'rater'.*no rater"),
        ({"clips": None}, r"videos: there is no such folder"),
        ({"clips": ("a.txt",)}, r"holds no clips \(1 other file\)"),
        ({"clips": ("patient1-R1.mp4",)}, r"none of the 1 clip has a name that fits .*does not match clips.pattern"),
        ({"clips": ("77_R1.mp4",)}, r"none of the 1 clip is of a patient in clinical.csv"),
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
        ('events = ["yes"]', "", r"targets.pcr: events is missing: events = \[...\] names the labels"),
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
    with pytest.raises(InputError, match="a cohort is a folder"):
        draft(tmp_path / "file")
    with pytest.raises(InputError, match="no such folder"):
        draft(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no such dictionary.*covid_blues"):
        read_dictionary("covid_bleus")
    with pytest.raises(InputError, match="no saved cohort here"):
        Cohort.load(tmp_path)
