"""Filled sheets read back: each to the clips and the rater it belongs to, every cell counted, nothing dropped in silence."""

import json
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from test_agree_cohort import write_cohort

from blues import agree, cohort
from blues.agree.sheets import declared
from blues.check import InputError

ITEMS = [
    *declared("severity", ["0", "1", "2", "3"]),
    *declared("quality", ["good", "Poor"]),
    {"name": "length", "label": "Pleura", "categories": None},
]
RATERS = ["junior", "senior", "third"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("returned")
    data = cohort.read(write_cohort(folder / "cohort", movies=True))
    for name in ("study", "retest"):
        agree.write_sheets(data, folder / name, raters=RATERS, repeat=0.25, items=ITEMS, seed=3)
        shutil.rmtree(folder / name / "raters" / "clips")
    return folder


@pytest.fixture
def study(written, tmp_path):
    return shutil.copytree(written / "study", tmp_path / "study")


def filled(folder, rater="junior"):
    """Return a rater's sheet, every cell filled by its clip."""
    sheet = pd.read_csv(folder / "raters" / f"sheet-{rater}.csv", dtype=str, keep_default_na=False)
    number = sheet["code"].str[1:].astype(int)
    quality = np.where(number % 2 == 0, "good", "Poor")
    return sheet.assign(severity=(number % 4).astype(str), quality=quality, length=(number / 2).astype(str))


def save(sheet, folder, name="ratings-junior.csv", **how):
    sheet.to_csv(folder / name, index=False, **how)
    return folder


def by_code(folder, table, item="severity"):
    """Return a rater's ratings of one item by code."""
    key = pd.read_csv(folder / "key.csv", dtype=str).set_index("code")
    found = table[(table["item"] == item) & (table["rater"] == "junior")].set_index(["subject", "round"])["rating"]
    codes = {(clip, int(round)): code for code, clip, round in key[["clip", "round"]].itertuples()}
    return {codes[place]: value for place, value in found.items()}


def expected(folder):
    return filled(folder).astype({"severity": float}).set_index("code")["severity"].to_dict()


# --- whose a file is, and of which study ---


@pytest.mark.parametrize("columns", [[], ["sheet"]])
def test_whole_rows_may_be_sorted_or_left_out(study, columns):
    sheet = filled(study).drop(columns=columns).sort_values("code").iloc[3:]
    table = agree.read_sheets(save(sheet, study))
    assert by_code(study, table) == {c: v for c, v in expected(study).items() if c in set(sheet["code"])}
    assert table.attrs["sheets"]["junior"]["missing"] == 3


def test_a_column_sorted_without_the_others_is_refused(study):
    sheet = filled(study)
    save(sheet.assign(code=sorted(sheet["code"])), study)
    with pytest.raises(
        InputError, match="row 2, column 'order', value '1': this code had another place.*without the others"
    ):
        agree.read_sheets(study)


def test_a_sheet_of_another_rater_is_said_to_be_theirs(study):
    save(filled(study, "senior"), study)
    with pytest.raises(
        InputError, match="column 'sheet', value 'S[0-9a-f]+:senior': the sheet of another rater than 'junior'"
    ):
        agree.read_sheets(study)
    save(filled(study, "senior").drop(columns="sheet"), study)
    with pytest.raises(InputError, match="has the order of 'senior', and its name says 'junior'"):
        agree.read_sheets(study)


def test_a_sheet_of_another_study_is_refused_although_its_codes_are_the_same(written, study):
    sheet = filled(written / "retest")
    assert set(sheet["code"]) == set(filled(study)["code"])
    with pytest.raises(InputError, match="column 'sheet'.*from another set of sheets"):
        agree.read_sheets(save(sheet, study))


@pytest.mark.parametrize("blank", [False, True])
def test_a_sheet_that_says_nothing_of_its_rater_is_refused(study, blank):
    """Codes are the same for all: without marks and places any rater's ratings would pass under any name."""
    sheet = filled(study, "senior").drop(columns=["order", "sheet"])
    save(sheet.assign(sheet="") if blank else sheet, study)
    with pytest.raises(
        InputError, match="row 2, column 'sheet'.*says that these are the clips and ratings of 'junior'"
    ):
        agree.read_sheets(study)
    table = agree.read_sheets(save(filled(study).drop(columns="order"), study))
    assert by_code(study, table) == expected(study)


def test_sheets_of_earlier_versions_are_read(study):
    sheet = filled(study)
    agree.read_sheets(save(sheet.drop(columns="sheet"), study))
    table = agree.read_sheets(save(sheet.drop(columns=["sheet", "comment"]), study))
    assert by_code(study, table) == expected(study)


# --- which file is read ---


@pytest.mark.parametrize(
    "name",
    [
        "ratings-junior (1).csv",
        "ratings-Junior.csv",
        "ratings-junior.CSV",
        "sheet-junior final.csv",
        "ratings-junior-2.csv",
    ],
)
def test_names_of_copies_are_known(study, name):
    table = agree.read_sheets(save(filled(study), study, name))
    assert table.attrs["sheets"]["junior"]["file"] == name


@pytest.mark.parametrize("other", ["ratings-junior (1).csv", "raters/sheet-junior.csv", "sheet-junior.csv"])
def test_two_filled_files_of_one_rater_are_refused(study, other):
    save(filled(study).iloc[:20], study)
    save(filled(study), study, other)
    with pytest.raises(InputError) as error:
        agree.read_sheets(study)
    for words in (
        "2 filled files of 'junior'",
        "ratings-junior.csv (60 filled",
        f"{other} (105 filled",
        f"{other} has most",
    ):
        assert words in str(error.value)


def test_a_filled_sheet_beside_a_blank_file_of_the_page_is_read(study):
    save(filled(study).assign(severity="", quality="", length=""), study)
    table = agree.read_sheets(save(filled(study), study, "sheet-junior.csv"))
    assert table.attrs["sheets"]["junior"]["file"] == "sheet-junior.csv"


@pytest.mark.parametrize("name", ["ratings_junior.csv", "juniors.csv", "sheet-juniro.csv"])
def test_a_sheet_under_an_unknown_name_is_refused(study, name):
    save(filled(study, "senior"), study, "ratings-senior.csv")
    save(filled(study), study, name)
    with pytest.raises(InputError, match=r"its name says none of the raters.*Rename it, to ratings-junior.csv"):
        agree.read_sheets(study)


def test_a_sheet_in_the_place_of_the_table_that_is_written_is_refused(study):
    save(filled(study, "senior"), study, "ratings-senior.csv")
    with pytest.raises(InputError, match="ratings.csv: looks like a sheet"):
        agree.read_sheets(save(filled(study), study, "ratings.csv"))


def test_the_unicode_text_of_a_spreadsheet_program_is_read(study):
    table = agree.read_sheets(save(filled(study), study, "sheet-junior.txt", sep="\t", encoding="utf-16"))
    assert by_code(study, table) == expected(study)


def test_other_tables_in_the_folder_disturb_nothing(study):
    pd.DataFrame({"patient": [1]}).to_csv(study / "patients.csv", index=False)
    (study / "notes.txt").write_text("Junior was ill.\n")
    (study / "sheets.csv").mkdir()
    assert agree.main(["sheet", "--read", str(save(filled(study), study))]) == 0
    assert agree.main(["sheet", "--read", str(study)]) == 0


def test_spreadsheets_are_named(study):
    save(filled(study, "senior"), study, "ratings-senior.csv")
    with zipfile.ZipFile(study / "ratings-junior.csv", "w") as book:
        book.writestr("xl/workbook.xml", "<a/>")
    with pytest.raises(InputError, match=r"ratings-junior.csv: is a spreadsheet.*Save it as CSV"):
        agree.read_sheets(study)
    (study / "ratings-junior.csv").rename(study / "raters" / "sheet-junior.xlsx")
    with pytest.raises(InputError, match=r"sheet-junior.xlsx: is a spreadsheet.*move this file elsewhere"):
        agree.read_sheets(study)


# --- every cell counted ---


def test_every_cell_of_every_rater_is_counted(study, capsys):
    sheet = filled(study).iloc[:30]
    sheet.loc[[0, 1], "severity"] = ["NA", "n/a"]
    sheet.loc[[2, 3, 4], "length"] = ""
    sheet.loc[5, "comment"] = "too dark, twice"
    save(sheet, study)
    save(filled(study, "senior"), study, "ratings-senior.csv")
    table = agree.read_sheets(study)
    assert table.attrs["sheets"]["junior"] == {
        "file": "ratings-junior.csv",
        "rated": 85,
        "not judged": 2,
        "open": 3,
        "missing": 5,
    }
    assert table.attrs["sheets"]["third"] == {"file": None, "rated": 0, "not judged": 0, "open": 0, "missing": 35}
    assert agree.main(["sheet", "--read", str(study)]) == 0
    told = capsys.readouterr().out
    assert "junior: 85 cells rated, 2 not judged, 3 open, 5 rows missing (ratings-junior.csv)\n" in told
    assert "senior: 105 cells rated, 0 not judged, 0 open, 0 rows missing (ratings-senior.csv)\n" in told
    assert "third: no file\n" in told
    assert "(1 comment)" in told
    assert f"python -m blues.agree {study}/ratings.csv --item severity --categories 0 1 2 3\n" in told
    key = pd.read_csv(study / "key.csv", dtype=str).set_index("code")
    clip, round = key.loc[sheet["code"].iloc[5], ["clip", "round"]]
    comments = pd.read_csv(study / "comments.csv", dtype=str)
    assert comments.to_dict("records") == [
        {"clip": clip, "rater": "junior", "round": round, "comment": "too dark, twice"}
    ]


def test_the_next_command_knows_a_scale_of_numbers_and_of_words(written, tmp_path, capsys):
    folder = shutil.copytree(written / "study", tmp_path / "study")
    facts = json.loads((folder / "study.json").read_text())
    for items, words in (
        (ITEMS[1:2], "--item quality --categories good Poor"),
        (ITEMS[2:], "--item length --level continuous"),
    ):
        (folder / "study.json").write_text(json.dumps({**facts, "items": items}))
        assert agree.main(["sheet", "--read", str(save(filled(folder), folder))]) == 0
        assert words in capsys.readouterr().out


# --- cells ---


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (lambda s: s.assign(severity=s["severity"] + ".00"), {}),
        (lambda s: s.assign(severity=s["severity"] + ",0", length=s["length"].str.replace(".", ",")), {"sep": ";"}),
        (lambda s: s.assign(code=s["code"].str.lower()), {}),
        (lambda s: s.assign(quality=s["quality"].str.upper()), {}),
        (lambda s: s.rename(columns={"severity": " Severity "}), {}),
        (lambda s: s.rename(columns=str.upper), {"encoding": "utf-8-sig", "sep": ";", "lineterminator": "\r\n"}),
        (lambda s: pd.concat([s, s.iloc[:3] * 0]).fillna(""), {"sep": ";"}),
        (lambda s: s.assign(comment="a\nb"), {}),
    ],
)
def test_spellings_that_mean_one_thing_are_read(study, change, how):
    table = agree.read_sheets(save(change(filled(study)), study, **how))
    assert by_code(study, table) == expected(study)
    assert by_code(study, table, "length") == {code: int(code[1:]) / 2 for code in expected(study)}
    assert set(by_code(study, table, "quality").values()) == {"good", "Poor"}


@pytest.mark.parametrize("words", ["NA", "na", "n/a", "N/A", "cannot judge"])
def test_cannot_judge_has_several_spellings(study, words):
    table = agree.read_sheets(save(filled(study).assign(severity=words), study))
    assert table.attrs["sheets"]["junior"]["not judged"] == 35
    assert set(table["item"]) == {"quality", "length"}


def test_a_category_with_a_comma_is_no_number(study):
    facts = json.loads((study / "study.json").read_text())
    facts["items"] = declared("severity", ["0,5", "1,5", "none"])
    (study / "study.json").write_text(json.dumps(facts))
    table = agree.read_sheets(save(filled(study).assign(severity="1,5"), study, sep=";"))
    assert set(table["rating"]) == {"1,5"}


def test_categories_that_differ_in_case_only_stay_two(study):
    """Studies of earlier versions may have them."""
    facts = json.loads((study / "study.json").read_text())
    facts["items"] = [{"name": "quality", "label": "q", "categories": [["A", "A"], ["a", "a"], ["B", "B"]]}]
    (study / "study.json").write_text(json.dumps(facts))
    sheet = filled(study)
    save(sheet.assign(quality=["A", "a", "b"] + ["B"] * (len(sheet) - 3)), study)
    found = by_code(study, agree.read_sheets(study), "quality")
    assert [found[code] for code in sheet["code"][:3]] == ["A", "a", "B"]


def lines(folder, change):
    """Save a filled sheet with its lines changed."""
    text = filled(folder).to_csv(index=False).splitlines()
    (folder / "ratings-junior.csv").write_text("\n".join(change(text)) + "\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: [*t[:3], "", "", *t[3:9], t[9].replace(",good,", ",bad,").replace(",Poor,", ",bad,")],
            "row 12, column 'quality'",
        ),
        (lambda t: [*t[:3], ",,,,,,", t[3] + ",1"], r"row 5: 8 cells where the header has 7"),
        (lambda t: [t[0], *(line + "," for line in t[1:])], r"row 2: 8 cells where the header has 7"),
        (lambda t: [*t[:2], "2,,1,good,3,,"], "row 3, column 'code', value '': no code here"),
        (
            lambda t: [t[0].replace("comment", "Severity"), *t[1:]],
            "row 1, column 'severity': two columns have one name",
        ),
        (lambda t: [t[0].replace("comment", "severity"), *t[1:]], "column 'severity': the column name is there twice"),
        (lambda t: [*t[:2], t[1]], "row 3, column 'code'.*occurs twice"),
    ],
)
def test_what_is_wrong_is_told_with_its_row(study, change, message):
    lines(study, change)
    with pytest.raises(InputError, match=message):
        agree.read_sheets(study)


@pytest.mark.parametrize("value", ["inf", "-Infinity", "1e999", "nan", "5mm", "<2", "1.200,5"])
def test_only_finite_numbers_are_measurements(study, value):
    with pytest.raises(InputError, match="column 'length'.*not on the scale. Allowed: a number, NA"):
        agree.read_sheets(save(filled(study).assign(length=value), study, sep=";"))


def test_a_thousand_is_not_read_as_one(study):
    save(filled(study).assign(length="1.250"), study, sep=";")
    with pytest.raises(InputError, match=r"column 'length', value '1\.250': a thousand or a fraction"):
        agree.read_sheets(study)
    table = agree.read_sheets(save(filled(study).assign(length="1,250"), study, sep=";"))
    assert set(table.query("item == 'length'")["rating"].astype(float)) == {1.25}
    table = agree.read_sheets(save(filled(study).assign(length="1.250"), study))
    assert set(table.query("item == 'length'")["rating"].astype(float)) == {1.25}


# --- the study's own files ---


def test_a_key_saved_by_a_spreadsheet_program_is_read(study):
    key = pd.read_csv(study / "key.csv", dtype=str, keep_default_na=False)
    key.to_csv(study / "key.csv", index=False, sep=";", encoding="utf-8-sig", lineterminator="\r\n")
    assert agree.read_sheets(save(filled(study), study))["subject"].nunique() == 28


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda k: k.drop(columns="patient"), "has no column 'patient'"),
        (lambda k: k.iloc[1:], "key.csv, value 'C01': does not fit study.json"),
        (lambda k: k.assign(round="x"), "column 'round', value 'x': not a round. Allowed: 1, 2"),
        (lambda k: pd.concat([k, k.iloc[:1]]), "column 'code'.*occurs twice"),
    ],
)
def test_a_key_that_does_not_fit_is_refused(study, change, message):
    change(pd.read_csv(study / "key.csv", dtype=str, keep_default_na=False)).to_csv(study / "key.csv", index=False)
    with pytest.raises(InputError, match=message):
        agree.read_sheets(save(filled(study), study))


def test_a_broken_study_file_is_named(study):
    (study / "study.json").write_text("{")
    with pytest.raises(InputError, match=r"study.json: cannot be read"):
        agree.read_sheets(save(filled(study), study))


# --- the agreement of what was read ---


def test_messages_write_a_scale_of_whole_numbers_as_it_was_given(study, capsys):
    save(filled(study), study)
    save(filled(study, "senior"), study, "ratings-senior.csv")
    assert agree.main(["sheet", "--read", str(study)]) == 0
    words = [str(study / "ratings.csv"), "--item", "severity", "--draws", "10", "--categories"]
    assert agree.main([*words, "0", "1", "2"]) == 2
    told = capsys.readouterr().err
    assert "value 3: " in told
    assert "Allowed: 0, 1, 2." in told
    assert agree.main([*words, "0", "1", "1"]) == 2
    assert "categories repeat: 0, 1, 1." in capsys.readouterr().err
