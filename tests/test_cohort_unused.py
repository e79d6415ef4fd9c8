"""Drafts say which tables they do not use, and ask where a table of ratings is not one grade a row."""

import tomllib
from pathlib import Path

import pytest
from test_cohort_outside import HEADER, IDS, clips, decided, line_of, rows_of, table

from blues.cohort import card, draft, main
from blues.cohort.drafting import DECIDE

NAMES = [f"{one}_{point}" for one in IDS for point in ("R1", "L1")]


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a table of patients and two clips of each."""
    table(tmp_path / "patients.csv", HEADER, rows_of())
    clips(tmp_path / "clips", [f"{one}.npy" for one in NAMES])
    return tmp_path


@pytest.mark.parametrize("written", ["{low}", "C:\\study\\clips\\{name}.mp4", "/data/clips/{name}"])
def test_ratings_that_name_clips_otherwise_are_told(folder, written):
    rows = [[written.format(name=one, low=one.lower()), i % 4] for i, one in enumerate(NAMES)]
    table(folder / "ratings.csv", ["clip", "score"], rows)
    line = line_of(draft(folder), f"{DECIDE} ratings.csv was read and is not used: clip names clips such as ")
    assert line.endswith("which is called 'P001_R1': write both alike")


def test_tables_that_are_used_for_nothing_are_told(folder):
    rows = [[one[:4], one[5:], i % 4] for i, one in enumerate(NAMES)]
    table(folder / "ratings.csv", ["patient", "point", "score"], rows)
    table(folder / "notes.csv", ["a", "b"], [[1, 2], [1, 3]])
    (folder / "patients_2024.xlsx").write_bytes(b"PK\x03\x04")
    text = draft(folder)
    assert line_of(text, "# Not read: patients_2024.xlsx: ").endswith("save it as CSV (UTF-8) if it belongs here")
    assert line_of(text, f"{DECIDE} notes.csv ").endswith("was read and is not used: does it belong here?")
    assert "ratings need a column that names the clips" in line_of(text, f"{DECIDE} ratings.csv ")
    assert "is not used" not in text.replace("notes.csv was read and is not used", "").replace(
        "ratings.csv was read and is not used", ""
    )


def test_tables_that_are_used_or_asked_about_are_not_told_again(folder):
    table(folder / "patients (1).csv", HEADER, rows_of())
    table(folder / "ratings.csv", ["clip", "score"], [[one, i % 4] for i, one in enumerate(NAMES)])
    table(folder / "words.csv", ["variable", "means"], [[one, "x"] for one in HEADER])
    assert "not used" not in draft(folder)


def test_a_second_table_of_ratings_is_told(folder):
    for name in ("a.csv", "b.csv"):
        table(folder / name, ["clip", "score"], [[one, i % 4] for i, one in enumerate(NAMES)])
    text = draft(folder)
    assert tomllib.loads(text)["files"]["ratings"] == "a.csv"
    assert line_of(text, f"{DECIDE} b.csv ").endswith("clip names the clips, and one table of ratings is read")


def test_one_column_a_rater_is_no_column_of_raters(folder):
    rows = [[one, i % 4, i // 2 % 4, i % 3] for i, one in enumerate(NAMES)]
    table(folder / "ratings.csv", ["clip", "reader1", "reader2", "B-lines"], rows)
    text = draft(folder)
    drafted = tomllib.loads(text)["ratings"]
    assert "rater" not in drafted
    assert set(drafted["items"]) == {"reader1", "reader2", "b_lines"}
    assert "reader1 and reader2 seem to hold the grades of one rater each" in line_of(text, "consensus = ")
    assert len(decided(folder, text).ratings) == 3 * 48


def test_a_column_of_numbered_raters_names_them(folder):
    rows = [[one, reader, "A" if reader == 1 else "B", 2] for one in NAMES for reader in (1, 2)]
    table(folder / "ratings.csv", ["clip", "rater_id", "reader", "score"], rows)
    assert tomllib.loads(draft(folder))["ratings"]["rater"] == "reader"
    table(folder / "ratings.csv", ["clip", "rater_id", "score"], [[*row[:2], row[3]] for row in rows])
    assert tomllib.loads(draft(folder))["ratings"]["rater"] == "rater_id"


@pytest.mark.parametrize(
    ("grades", "asked"), [("01239", True), ("0123", False), (["0", "5", "10"], False), ("135", False)]
)
def test_gaps_in_grades_are_asked_about(folder, grades, asked):
    rows = [[one, grades[i % len(grades)]] for i, one in enumerate(NAMES)]
    table(folder / "ratings.csv", ["clip", "score"], rows)
    line = line_of(draft(folder), "[ratings.items.score]")
    assert ("no clip has a grade between 3 and 9: is 9 one, or not rated?" in line) == asked


def test_dicom_files_without_an_ending_are_told(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of())
    for i in range(3):
        path = tmp_path / "clips" / f"IM_000{i}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(128) + b"DICM" + bytes(9))
    text = draft(tmp_path)
    told = "clips/: 3 DICOM files without .dcm, such as clips/IM_0000: let their names end in .dcm"
    assert told in line_of(text, "# Not read: ")
    assert told in line_of(text, f"{DECIDE} no clips were found")


def test_a_shipped_dictionary_is_not_replaced_in_silence(tmp_path, capsys):
    table(tmp_path / "clinical_variables.csv", HEADER, rows_of())
    for name in ("severity.csv", "variable_explanations.csv"):
        table(tmp_path / name, ["a", "b"], [[1, 2], [1, 3]])
    assert main(["init", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "a shipped dictionary knows this folder: covid_blues.toml" in told
    assert "--force" in told
    assert not (tmp_path / "cohort.toml").exists()
    assert main(["init", str(tmp_path), "--force"]) == 0
    assert (tmp_path / "cohort.toml").exists()
    assert main(["init", str(tmp_path), "--force"]) == 2, "a dictionary that is there is never written over"


def test_a_table_beside_the_patients_is_on_the_card_and_the_draft_says_to_merge_it(folder):
    other = [[row[0], i] for i, row in enumerate(rows_of())]
    table(folder / "blood.csv", ["patient", "ferritin"], other)
    text = draft(folder)
    assert "One table is read: what belongs to its patients in another table has to be merged" in line_of(
        text, "patients"
    )
    left_out = card(decided(folder, text))["left_out"]
    told = (
        "blood.csv: a table that the dictionary does not name; not read: patients' columns come from patients.csv alone"
    )
    assert [one for one in left_out if "blood.csv" in one] == [told]
    (folder / "blood.csv").unlink()
    assert not any("does not name" in one for one in card(decided(folder, text))["left_out"])


def test_drafts_say_where_the_documents_are(folder):
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"docs/dictionary.md in {project['urls']['Documentation']}." in draft(folder)
