"""A table that says whose each clip is, where the clips' names do not."""

import tomllib
import unicodedata

import pytest
from small_cohort import CLINICAL, TOML, findings, swap, write

from blues.check import InputError
from blues.cohort import draft, read
from blues.datasets import synthetic

LISTED = """file,who,zone,take,organ
a1.mp4,1,R1,,lung
a2,1,L1,1,lung
b/a3.MP4,2,R1,1,lung
b/a4.mp4,03,R1,1,lung
b/a5.mp4,3,R1,2,lung
b/a6.mp4,10,R1,,heart
gone.mp4,10,R1,,lung
"""
NAMES = ("a1.mp4", "a2.avi", "b/a3.mp4", "b/a4.mp4", "b/a5.mp4", "b/a6.mp4", "b/a7.mp4")
SETTINGS = """[clips.table]
path = "clips.csv"
clip = "file"
patient = "who"
point = "zone"
take = "take"
only = { organ = ["lung"] }
"""
PATTERN = r"""pattern = '(?P<patient>\d+)_(?P<point>[RL]\d)(?:_(?P<take>\d+))?'
points = ["R1", "L1"]
"""
RATINGS = "clip,rater,score\na1,a,0\na2.avi,a,3\nb/a3.mp4,a,2\na5,a,1\n"


def listed(folder, table=LISTED, settings=SETTINGS, clips=NAMES):
    toml = swap(TOML, PATTERN, 'points = ["R1", "L1"]\n' + settings)
    write(folder, toml=toml, ratings=RATINGS, clips=clips)
    (folder / "clips.csv").write_text(table, encoding="utf-8")
    return folder


def test_patient_point_and_take_are_read_from_the_table(tmp_path):
    cohort = read(listed(tmp_path))
    assert cohort.clips[["patient", "point", "take"]].to_dict("index") == {
        "a1": {"patient": "1", "point": "R1", "take": 1},
        "a2": {"patient": "1", "point": "L1", "take": 1},
        "b_a3": {"patient": "2", "point": "R1", "take": 1},
        "b_a4": {"patient": "3", "point": "R1", "take": 1},
        "b_a5": {"patient": "3", "point": "R1", "take": 2},
    }
    left = findings(cohort, kind="left out").set_index("file")["what"]
    assert left["videos/b/a6.mp4"] == "organ is 'heart', and the dictionary takes lung only"
    assert left["videos/b/a7.mp4"] == "no row of clips.csv names it"
    assert findings(cohort, file="clips.csv")["what"].tolist() == ["a row without its clip"]
    assert findings(cohort, file="clips.csv")["row"].tolist() == [8]


def test_ratings_name_clips_as_the_table_does(tmp_path):
    cohort = read(listed(tmp_path))
    assert cohort.ratings.set_index("clip")["rating"].to_dict() == {"a1": 0, "a2": 3, "b_a3": 2, "b_a5": 1}


def test_clips_may_be_chosen_by_their_point(tmp_path):
    cohort = read(listed(tmp_path, settings=swap(SETTINGS, 'organ = ["lung"]', 'zone = ["R1"]')))
    assert set(cohort.clips["point"]) == {"R1"}


def test_takes_that_the_table_does_not_tell_are_numbered(tmp_path):
    cohort = read(listed(tmp_path, settings=swap(SETTINGS, 'take = "take"\n', "")))
    assert cohort.clips.loc[["a1", "b_a4", "b_a5"], "take"].tolist() == [1, 1, 2]


def test_names_may_be_written_in_either_form_of_unicode(tmp_path):
    clips = [name.replace("a2", unicodedata.normalize("NFD", "ä2")) for name in NAMES]
    cohort = read(listed(tmp_path, table=swap(LISTED, "a2,1", "ä2,1"), clips=clips))
    assert cohort.clips.loc["ä2", "patient"] == "1"


def test_a_name_that_two_files_have_names_neither(tmp_path):
    cohort = read(listed(tmp_path, table=swap(LISTED, "b/a3.MP4", "a3"), clips=[*NAMES, "c/a3.mp4"]))
    assert "b_a3" not in cohort.clips.index
    assert "c_a3" not in cohort.clips.index
    assert "files in two folders have this name" in findings(cohort, file="clips.csv")["what"].tolist()


@pytest.mark.parametrize(
    ("table", "settings", "message"),
    [
        (swap(LISTED, "a2,1", "a1,1"), SETTINGS, r"clips.csv, row 3, column 'file', value 'a1': .*in row 2 already"),
        (LISTED, swap(SETTINGS, '"who"', '"whom"'), r"clips.csv has no column 'whom'. Nearest: who"),
        (LISTED, swap(SETTINGS, '"clips.csv"', '"list.csv"'), r"list.csv: no such file"),
        (LISTED, swap(SETTINGS, 'point = "zone"\n', ""), r"points are listed but table names no column point"),
        (LISTED, SETTINGS + 'order = "x"\n', r"entry clips.table: the setting is 'order'"),
        (LISTED.replace(",3,R1,2", ",3,R1,1"), SETTINGS, r"are the same take .*or let the takes in clips.csv tell"),
        (LISTED.replace("lung", "liver"), SETTINGS, r"none of the 7 clips .*names in the column file"),
        (LISTED, 'pattern = "(?P<patient>.*)"\n' + SETTINGS, r"give either pattern, of the clips' names, or table"),
        (LISTED, "", r"give either pattern, of the clips' names, or table"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, table, settings, message):
    with pytest.raises(InputError, match=message):
        read(listed(tmp_path, table=table, settings=settings))


def test_a_repeated_patient_who_differs_is_told(tmp_path):
    clinical = CLINICAL + "1,0,60,0,3,,1,,z\n2,0,71,1,-99,2,1,,b\n"
    cohort = read(
        write(tmp_path, toml=swap(TOML, "[files]", '[files]\nrepeated_rows = "leave out"'), clinical=clinical)
    )
    told = findings(cohort, file="clinical.csv", kind="left out").set_index("row")["what"]
    assert told[7] == "met in an earlier row already, which has another pcr"
    assert told[8] == "met in an earlier row already"


@pytest.fixture(scope="module")
def nameless(tmp_path_factory):
    """Give the made-up cohort's clips names that tell nothing, in subfolders, and a list of whose they are."""
    folder = tmp_path_factory.mktemp("nameless") / "cohort"
    synthetic(folder, patients=12, seed=1)
    made = read(folder)
    rows = ["Dateiname,Patient,Zone,Depth"]
    for number, clip in enumerate(made.clips.itertuples()):
        new = folder / "export" / f"day{number % 3}" / f"IMG{number:04d}{folder.joinpath(clip.path).suffix}"
        new.parent.mkdir(parents=True, exist_ok=True)
        folder.joinpath(clip.path).rename(new)
        rows.append(f"{new.name},{clip.patient},{clip.point},{12 + number / 7:.2f}")
    (folder / "cliplist.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "cohort.toml").unlink()
    for other in folder.glob("*.csv"):
        if other.name not in ("cliplist.csv", made.dictionary.files.patients):
            other.unlink()
    return folder, made


def test_a_draft_finds_the_list_of_clips(nameless):
    folder, made = nameless
    drafted = tomllib.loads(draft(folder))
    assert drafted["clips"]["table"] == {
        "path": "cliplist.csv",
        "clip": "Dateiname",
        "patient": "Patient",
        "point": "Zone",
    }
    assert drafted["clips"]["points"] == sorted(made.clips["point"].unique())
    assert "ratings" not in drafted, "a depth is no grade"


def test_a_cohort_with_a_list_is_run_like_any_other(nameless):
    folder, made = nameless
    (folder / "cohort.toml").write_text(draft(folder), encoding="utf-8")
    cohort = read(folder)
    keys = ["patient", "point", "take"]
    assert sorted(map(tuple, cohort.clips[keys].to_numpy())) == sorted(map(tuple, made.clips[keys].to_numpy()))
    assert cohort.dictionary.tables == (cohort.dictionary.files.patients, "cliplist.csv")
