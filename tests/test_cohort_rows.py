"""Rows and lines of a patient table that are no patients, and patients under several ids."""

import tomllib

import pytest
from test_cohort_outside import decided, line_of, table

from blues.check import InputError
from blues.cohort import draft

ROWS = [[f"P{i:02d}", 40 + i * 7 % 30, i % 2, 5 * i + 1] for i in range(1, 13)]
HEADER = ["PatNr", "Alter", "Fieber", "CRP"]


@pytest.mark.parametrize("ids", [lambda i: f"P{i:02d}", lambda i: str(i), lambda i: f"{chr(96 + i)}x"])
def test_a_row_of_units_is_no_patient_in_silence(tmp_path, ids):
    rows = [[ids(i), *row[1:]] for i, row in enumerate(ROWS, start=1)]
    table(tmp_path / "p.csv", HEADER, [["[Nr]", "[Jahre]", "[ja/nein]", "[mg/l]"], *rows], ";")
    text = draft(tmp_path)
    assert "row 2 reads like a second header or a row of units: is it a patient?" in line_of(text, 'id = "PatNr"')
    told = decided(tmp_path, text).findings.query("what.str.contains('second header')")
    assert told["row"].tolist() == [2]


@pytest.mark.parametrize("first", [["P00", 50, 1, 7], ["P00", "", "k.A.", "<5"], ["x", "50", "nein", "n.d."]])
def test_a_first_patient_with_values_or_without_any_is_a_patient(tmp_path, first):
    table(tmp_path / "p.csv", HEADER, [first, *ROWS], ";")
    assert "second header" not in draft(tmp_path)


@pytest.mark.parametrize(
    "above", ["Studie LUS 2021;;;", "Stammdaten;;;Labor", "Studie;;;\n;;;\nStand 2021;;;", "Studie"]
)
def test_a_title_above_the_header_is_told(tmp_path, above):
    path = table(tmp_path / "p.csv", HEADER, ROWS, ";")
    path.write_text(f"{above}\n{path.read_text()}")
    with pytest.raises(InputError, match=r"(?i)header.*remove what stands above"):
        draft(tmp_path)


def test_a_column_without_a_name_beside_a_row_without_a_number_is_no_title(tmp_path):
    rows = [["P00", "m", "late", "x"], *[[f"P{i:02d}", "mf"[i % 2], "", i] for i in range(12)][1:]]
    table(tmp_path / "p.csv", ["PatNr", "sex", "", "CRP"], rows, ";")
    assert tomllib.loads(draft(tmp_path))["patients"]["id"] == "PatNr"


def test_ids_that_differ_in_spelling_alone_are_told(tmp_path):
    ids = ["p01", "P1", "P-01", "P 01", "P03\u200b", "P\u201004", "P2-1", "P21"]
    table(tmp_path / "p.csv", HEADER, [*ROWS, *[[one, 50, 0, 12] for one in ids]], ";")
    text = draft(tmp_path)
    assert "ids that differ in spelling alone ('P01', 'p01', 'P1', 'P-01', 'P 01'; " in line_of(text, 'id = "PatNr"')
    told = decided(tmp_path, text).findings.query("what.str.contains('spelling alone')")
    assert told["cells"].tolist() == [5, 2, 2]
    assert told["done"].str.startswith("kept apart").all()


def test_a_table_parted_by_bars_is_read(tmp_path):
    table(tmp_path / "p.csv", HEADER, ROWS, "|")
    assert decided(tmp_path, draft(tmp_path)).patients.shape == (12, 3)


def test_rows_that_end_in_the_separator_are_told_as_that(tmp_path):
    table(tmp_path / "p.csv", HEADER, [[*row, ""] for row in ROWS], ";")
    with pytest.raises(InputError, match="Rows end in ';' and the header does not"):
        draft(tmp_path)
