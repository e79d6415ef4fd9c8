"""Drafting a dictionary for folders as others keep them: copies, several exports, mixed ways of writing, odd clip folders."""

import tomllib

import numpy as np
import pytest

from blues.check import InputError
from blues.cohort import draft

HEADER = ["patient", "age", "sex", "crp", "icu", "pcr"]
IDS = [f"P{i:03d}" for i in range(1, 25)]


def rows_of(ids=IDS):
    """Return one row a patient under ``HEADER``, made up."""
    rng = np.random.default_rng(1)
    return [
        [
            one,
            int(rng.integers(20, 90)),
            "mf"[i % 2],
            f"{rng.uniform(1, 200):.1f}",
            ("no", "yes")[i // 2 % 2],
            i // 3 % 2,
        ]
        for i, one in enumerate(ids)
    ]


def table(path, header, rows, separator=",", encoding="utf-8"):
    """Write a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(separator.join(map(str, row)) + "\n" for row in [header, *rows]).encode(encoding))
    return path


def clips(folder, names):
    """Write files that look like clips."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def line_of(text, start):
    """Return the one line of a draft that begins so."""
    (line,) = [line for line in text.splitlines() if line.startswith(start)]
    return line


@pytest.mark.parametrize(
    "copy", ["patients (1).csv", "patients-old.csv", "patients copy.csv", "Kopie von patients.csv"]
)
@pytest.mark.parametrize("rows", [9, 24])
def test_a_copy_of_the_table_is_asked_about_and_not_taken(tmp_path, copy, rows):
    table(tmp_path / "patients.csv", HEADER, rows_of())
    table(tmp_path / copy, HEADER, rows_of()[:rows])
    line = line_of(draft(tmp_path), "patients = ")
    assert line.startswith('patients = "patients.csv" # DECIDE: ')
    assert f"{copy} ({rows} patients by patient)" in line


def test_one_table_of_patients_is_not_asked_about(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of())
    table(tmp_path / "machines.csv", ["machine", "bought"], [["a", 2014], ["b", 2015]])
    assert line_of(draft(tmp_path), "patients = ") == 'patients = "patients.csv"'


def test_a_table_of_some_patients_with_the_better_name_for_its_ids_is_not_the_table_of_all(tmp_path):
    table(tmp_path / "main.csv", ["Nr", *HEADER[1:]], rows_of(range(1, 25)))
    table(tmp_path / "followup.csv", ["patient_id", "called"], [[i, i % 2] for i in range(1, 8)])
    text = draft(tmp_path)
    assert tomllib.loads(text)["patients"]["id"] == "Nr"
    assert "followup.csv (7 patients by patient_id)" in line_of(text, 'patients = "main.csv" # DECIDE: ')


@pytest.mark.parametrize("name", ["record_id", "case_id", "study_id", "Fallnummer", "id", "pat_id", "subject"])
def test_a_measurement_is_no_id_where_patients_come_back(tmp_path, name):
    rows = [[i // 2 + 1, ("first", "second")[i % 2], 40 + i // 2, 100 + 7 * i] for i in range(24)]
    table(tmp_path / "patients.csv", [name, "visit", "age", "crp"], rows)
    with pytest.raises(InputError, match=f"names each row once.*Merge repeated rows; {name} of patients.csv"):
        draft(tmp_path)


def test_decimal_fractions_name_nobody(tmp_path):
    table(tmp_path / "patients.csv", ["visit", "crp"], [[i // 2, f"{i}.5"] for i in range(24)])
    with pytest.raises(InputError, match="names each row once"):
        draft(tmp_path)


def test_a_column_of_studies_does_not_hide_the_patients(tmp_path):
    rows = [[one, f"site {i % 7}", 40 + i] for i, one in enumerate(IDS)]
    table(tmp_path / "patients.csv", ["patient_id", "study", "age"], rows)
    assert tomllib.loads(draft(tmp_path))["patients"]["id"] == "patient_id"


def test_a_row_without_an_id_is_not_promised_to_be_left_out(tmp_path):
    table(tmp_path / "patients.csv", HEADER, [["", *rows_of()[0][1:]], *rows_of()])
    line = line_of(draft(tmp_path), "id = ")
    assert "row 2 without one: fill in who it is, or remove the row" in line
    assert "repeated_rows" not in line
