"""Drafting a dictionary for folders as others keep them: copies, several exports, mixed ways of writing, odd clip folders."""

import tomllib

import numpy as np
import pytest

from blues.check import InputError
from blues.cohort import draft, read
from blues.cohort.guess import guess_column, repeats

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


def test_a_list_of_everybody_screened_is_not_the_table_of_patients(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of())
    table(tmp_path / "screening.csv", ["patient_id", "asked"], [[f"P{i:03d}", "yes"] for i in range(1, 200)])
    assert "screening.csv (199 patients by patient_id)" in line_of(
        draft(tmp_path), 'patients = "patients.csv" # DECIDE: '
    )


@pytest.mark.parametrize("name", ["id", "Nr"])
def test_a_wide_table_of_numbered_ratings_is_not_the_table_of_patients(tmp_path, name):
    table(tmp_path / "patients.csv", [name, *HEADER[1:]], rows_of(range(1, 25)))
    names = [f"{i}_{point}" for i in range(1, 25) for point in ("R1", "L1")]
    clips(tmp_path / "clips", [f"{one}.avi" for one in names])
    table(tmp_path / "a.csv", ["nr", "clip", *"abcdef"], [[i + 1, one, *"120120"] for i, one in enumerate(names)])
    text = draft(tmp_path)
    assert (line_of(text, "patients = "), line_of(text, "ratings = ")) == (
        'patients = "patients.csv"',
        'ratings = "a.csv"',
    )


def test_a_wider_table_of_some_patients_is_not_the_table_of_all(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of())
    table(tmp_path / "substudy.csv", [*HEADER, "a", "b"], [[*row, 1, 2] for row in rows_of()[:9]])
    assert "substudy.csv (9 patients by patient)" in line_of(draft(tmp_path), 'patients = "patients.csv" # DECIDE: ')


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


def decided(folder, text):
    """Write a draft beside its tables as it is, and read the cohort."""
    (folder / "cohort.toml").write_text(text, encoding="utf-8")
    return read(folder)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_tables_may_be_written_in_any_of_the_usual_encodings(tmp_path, encoding):
    rows = [[*row[:2], ("männlich", "weiblich")[i % 2], *row[3:]] for i, row in enumerate(rows_of())]
    table(tmp_path / "patients.csv", HEADER, rows, ";", encoding)
    cohort = decided(tmp_path, draft(tmp_path))
    assert set(cohort.patients["sex"]) == {"männlich", "weiblich"}
    assert (len(cohort.patients), cohort.patients.columns[0]) == (24, "age")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_in_another_encoding_does_not_garble_the_patients(tmp_path, encoding):
    rows = [[one, "über 60" if i % 2 else "jung"] for i, one in enumerate(IDS)]
    table(tmp_path / "patients.csv", ["patient", "alter"], rows, encoding=encoding)
    table(
        tmp_path / "labor.csv",
        ["patient", "gerät"],
        [["P001", "Gerät A"], ["P002", "Gerät B"]],
        encoding="cp1252",
    )
    text = draft(tmp_path)
    assert set(decided(tmp_path, text).patients["alter"]) == {"über 60", "jung"}
    if encoding == "utf-8":
        why = "# Not read: labor.csv: it is cp1252 text, and patients.csv is utf-8: save both in the same way"
        assert why in text


def test_zero_bytes_are_no_text_in_any_encoding(tmp_path):
    path = table(tmp_path / "patients.csv", HEADER, rows_of())
    text = draft(tmp_path)
    path.write_bytes(path.read_text(encoding="utf-8").replace("icu", "i\0u").encode("utf-16"))
    with pytest.raises(InputError, match="zero bytes.*or write encoding = 'utf-16'"):
        decided(tmp_path, text)
    with pytest.raises(InputError, match="zero bytes"):
        decided(tmp_path, text.replace("[files]\n", '[files]\nencoding = "utf-16"\n'))


def test_a_table_with_another_separator_is_named_and_the_rest_is_drafted(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of(), ";")
    wide = [f"s{i}" for i in range(8)]
    table(tmp_path / "ratings.csv", ["clip", "rater", *wide], [[f"{one}_R1", "A", *"12301230"] for one in IDS])
    clips(tmp_path / "clips", [f"{one}_R1.avi" for one in IDS])
    text = draft(tmp_path)
    why = (
        "# Not read: ratings.csv: its cells are parted by ',', those of patients.csv by ';': save both in the same way"
    )
    assert why in text
    assert len(decided(tmp_path, text).clips) == 24


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "patients.csv: is empty"),
        ("sep=;\npatient;age\n1;3\n", "row 1, value 'sep=': a line for a spreadsheet program, no header"),
        (
            "Export of 2020\n\npatient,age\n1,3\n",
            "row 1: the header seems to be in row 3, below 'Export of 2020'. Remove what stands above",
        ),
        ("patient,age,sex\n1,3\n", "row 2: 2 cells where the header has 3. Each cell needs its place"),
        ("patient,age,age\n1,3,4\n", "the column name is there twice"),
    ],
)
def test_a_table_that_cannot_be_read_is_not_said_to_repeat_rows(tmp_path, text, told):
    (tmp_path / "patients.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        draft(tmp_path)
    assert told in str(error.value)
    assert "Merge" not in str(error.value)


def test_a_spreadsheet_is_to_be_saved_as_text(tmp_path):
    (tmp_path / "patients.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match="holds no table.*Save patients.xlsx as CSV"):
        draft(tmp_path)


def test_columns_without_a_name_are_left_out_and_asked_about(tmp_path):
    table(tmp_path / "patients.csv", [*HEADER, ""], [[*row, ""] for row in rows_of()])
    text = draft(tmp_path)
    line = line_of(text, "nameless_columns = ")
    assert line.startswith('nameless_columns = "leave out" # DECIDE: without a name, patients.csv: column 7')
    assert len(decided(tmp_path, text).patients) == 24


def test_explanations_written_in_another_way_are_not_named(tmp_path):
    table(tmp_path / "patients.csv", [*HEADER, "größe"], [[*row, 170] for row in rows_of()])
    rows = [[name, "für alle, immer"] for name in HEADER]
    table(tmp_path / "explained.csv", ["name", "text"], rows, encoding="cp1252")
    text = draft(tmp_path)
    assert "explanations" not in tomllib.loads(text)["files"]
    assert len(decided(tmp_path, text).patients) == 24


def test_plain_letters_are_not_read_as_pairs_of_bytes(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of(), encoding="utf-16")
    table(tmp_path / "ratings.csv", ["clip", "score"], [[f"{one}_R1", i % 3] for i, one in enumerate(IDS)])
    clips(tmp_path / "clips", [f"{one}_R1.avi" for one in IDS])
    text = draft(tmp_path)
    assert "# Not read: ratings.csv: it is ascii text, and patients.csv is utf-16: save both in the same way" in text
    assert len(decided(tmp_path, text).patients) == 24


def test_a_list_of_choices_does_not_make_the_comma_the_decimal_sign(tmp_path):
    choices = ["1", "2", "1,3", "2,4"]
    rows = [[*row, choices[i % 4]] for i, row in enumerate(rows_of())]
    table(tmp_path / "patients.csv", [*HEADER, "symptoms"], rows, ";")
    text = draft(tmp_path)
    assert tomllib.loads(text)["columns"]["crp"]["role"] == "blood"
    line = line_of(text, "decimal = ")
    assert line.startswith("decimal = \".\" # DECIDE: numbers are written like '1,3' in 1 column and like ")
    assert decided(tmp_path, text).patients["crp"].notna().all()


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ('"{},5"', "numbers with ',' for a decimal sign such as '40,5': a comma parts the cells too"),
        ("{} %", "numbers with something behind them such as '40 %': write the number alone"),
        ("{} °C", "numbers with something behind them"),
        ("{0}/{0}", "two numbers in one cell such as '40/40': make two columns of them"),
    ],
)
def test_numbers_that_cannot_be_read_are_no_free_text(tmp_path, written, asked):
    table(tmp_path / "patients.csv", ["patient", "crp"], [[one, written.format(40 + i)] for i, one in enumerate(IDS)])
    text = draft(tmp_path)
    assert tomllib.loads(text)["columns"]["crp"]["role"] == "excluded"
    line = line_of(text, "crp = ")
    assert asked in line.split("# DECIDE: ")[1]
    assert "free text" not in line


def test_ids_with_a_decimal_comma_are_told(tmp_path):
    rows = [[f"{i},0", *row[1:3], row[3].replace(".", ","), *row[4:]] for i, row in enumerate(rows_of(), start=1)]
    table(tmp_path / "patients.csv", HEADER, rows, ";")
    assert "names of clips do not say '1,0': write whole numbers" in line_of(draft(tmp_path), "id = ")


def test_clips_in_several_folders_are_read_together(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of())
    clips(tmp_path / "clips2020", [f"{one}_R1.avi" for one in IDS[:14]])
    clips(tmp_path / "clips 2021", [f"{one}_R1.avi" for one in IDS[14:]] + ["P001_L1.avi"])
    text = draft(tmp_path)
    line = line_of(text, "clips = ")
    assert line == 'clips = "." # DECIDE: clips lie in clips2020 (14), clips 2021 (11): do all of them belong here?'
    found = decided(tmp_path, text).clips
    assert (found["patient"].nunique(), len(found), set(found["point"])) == (24, 25, {"R1", "L1"})


def test_a_folder_of_copies_is_not_read_and_asked_about(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of())
    clips(tmp_path / "clips", [f"{one}_{point}.avi" for one in IDS for point in ("R1", "L1")])
    clips(tmp_path / "small", [f"{one}_{point}.npy" for one in IDS[:9] for point in ("R1", "L1")])
    text = draft(tmp_path)
    assert line_of(text, "clips = ").startswith(
        'clips = "clips" # DECIDE: more clips lie in small (18) and are not read'
    )
    assert len(decided(tmp_path, text).clips) == 48


def test_one_folder_a_patient_beside_the_tables(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of())
    clips(tmp_path, [f"{one}/{point}.avi" for one in IDS for point in ("R1", "L1")])
    text = draft(tmp_path)
    assert line_of(text, "clips = ").endswith(
        "P001 (2), P002 (2), P003 (2), P004 (2) and 20 more: do all of them belong here?"
    )
    found = decided(tmp_path, text).clips
    assert (found["patient"].nunique(), set(found["point"])) == (24, {"R1", "L1"})


def test_one_folder_a_point_in_which_clips_are_named_after_patients(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of())
    clips(tmp_path, [f"{point}/{one}.avi" for one in IDS for point in ("R1", "L1")])
    text = draft(tmp_path)
    assert tomllib.loads(text)["patients"]["id"] == "patient"
    found = decided(tmp_path, text).clips
    assert (found["patient"].nunique(), len(found), set(found["point"])) == (24, 48, {"R1", "L1"})


def test_clips_beside_the_tables_need_no_folder(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of())
    clips(tmp_path, [f"{one}_{point}.avi" for one in IDS for point in ("R1", "L1")])
    text = draft(tmp_path)
    assert line_of(text, "clips = ") == 'clips = "."'
    assert tomllib.loads(text)["clips"]["pattern"] == r"(?P<patient>[^_\-/]+)_(?P<point>L1|R1)"


def test_hidden_folders_are_passed_over_and_a_link_to_the_clips_is_followed(tmp_path):
    folder, store = tmp_path / "cohort", tmp_path / "store"
    table(folder / "patients.csv", HEADER, rows_of())
    clips(folder / ".backup" / "old", [f"{one}_{point}.avi" for one in IDS for point in ("R1", "L1")])
    assert "no clips were found" in draft(folder)
    clips(store, [f"{one}_R1.avi" for one in IDS])
    (folder / "clips").symlink_to(store)
    text = draft(folder)
    assert line_of(text, "clips = ") == 'clips = "clips"'
    assert len(decided(folder, text).clips) == 24


@pytest.mark.parametrize("names", [("smoker", "pcr"), ("pcr", "smoker"), ("sex", "dead")])
@pytest.mark.parametrize("turned", [False, True])
def test_what_says_the_same_as_an_outcome_predicts_no_more_than_it_does(tmp_path, names, turned):
    rng = np.random.default_rng(2)
    rows = [[one, value, value != turned] for one, value in zip(IDS, rng.random(24) < 0.5, strict=True)]
    table(tmp_path / "patients.csv", ["patient", *names], [[one, int(a), int(b)] for one, a, b in rows])
    text = draft(tmp_path)
    (outcome,) = {"pcr", "dead"} & set(names)
    (other,) = set(names) - {outcome}
    columns = tomllib.loads(text)["columns"]
    assert columns[other] == {
        "role": "excluded",
        "kind": "binary",
        "note": f"the {'complement of' if turned else 'same as'} {outcome}",
    }
    assert columns[outcome]["role"] == "excluded"
    assert f"# [targets.{outcome}]" in text


def test_two_visits_at_one_point_are_asked_about(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of())
    visits = ["20200430_R1", "20200502_R1", "20200430_L1"]
    clips(tmp_path / "clips", [f"{one}_{visit}.avi" for one in IDS for visit in visits])
    text = draft(tmp_path)
    asked = "'P001_20200430_R1' and 'P001_20200502_R1' differ in the date alone, which is read as the take: is it one?"
    assert asked in line_of(text, "pattern = ")
    found = decided(tmp_path, text).clips
    assert set(found.loc[found["point"] == "R1", "take"]) == {20200430, 20200502}


def test_ids_in_other_capitals_are_told(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of())
    clips(tmp_path / "clips", [f"{one if i else one.lower()}_R1.avi" for i, one in enumerate(IDS)])
    told = "names write 1 id of the table in other capitals (P001): write both alike"
    assert told in line_of(draft(tmp_path), "pattern = ")
    for path in (tmp_path / "clips").iterdir():
        path.rename(path.with_name(path.name.lower()))
    told = "names write 24 ids of the table in other capitals (P001, P002, P003, ...): write both alike"
    assert told in line_of(draft(tmp_path), "pattern = ")


@pytest.mark.parametrize(
    ("cells", "item", "asked"),
    [
        (
            ["0", "1", "2", "3", "-99"],
            {"kind": "ordinal", "categories": [0, 1, 2, 3], "missing": [-99]},
            "does -99 stand",
        ),
        (["0", "1", "2", "n/a"], {"kind": "ordinal", "categories": [0, 1, 2], "missing": ["n/a"]}, "does n/a stand"),
        (["yes", "no", "unknown"], {"kind": "binary", "missing": ["unknown"]}, "does unknown stand"),
        (["0,5", "1,5", "2"], {"kind": "continuous"}, ""),
    ],
)
def test_codes_in_ratings_are_no_grades(tmp_path, cells, item, asked):
    table(tmp_path / "patients.csv", HEADER, [[*r[:3], r[3].replace(".", ","), *r[4:]] for r in rows_of()], ";")
    clips(tmp_path / "clips", [f"{one}_R1.avi" for one in IDS])
    rows = [[f"{one}_R1", "A", cells[i % len(cells)]] for i, one in enumerate(IDS)]
    table(tmp_path / "ratings.csv", ["clip", "rater", "score"], rows, ";")
    text = draft(tmp_path)
    assert tomllib.loads(text)["ratings"]["items"]["score"] == {"column": "score"} | item
    assert asked in line_of(text, "[ratings.items.score] # DECIDE: is this a rating?")
    ratings = decided(tmp_path, text).ratings["rating"]
    assert ratings.isna().sum() == sum(row[2] in map(str, item.get("missing", [])) for row in rows)
    assert ratings.min() >= 0


def test_ratings_without_a_grade_are_drafted_and_read(tmp_path):
    table(tmp_path / "patients.csv", HEADER, rows_of())
    clips(tmp_path / "clips", [f"{one}_R1.avi" for one in IDS])
    rows = [[f"{one}_R1", "A", f"seen {one}", f'"{i},5"', -99] for i, one in enumerate(IDS)]
    table(tmp_path / "ratings.csv", ["clip", "rater", "note", "score", "other"], rows)
    text = draft(tmp_path)
    assert "no column looks like a grade" in line_of(text, "items = ")
    assert "score: numbers with ',' for a decimal sign" in line_of(text, "excluded = ").split("# DECIDE: ")[1]
    cohort = decided(tmp_path, text)
    assert (len(cohort.ratings), len(cohort.clips)) == (0, 24)


def test_labels_and_names_over_two_lines_break_no_comment(tmp_path):
    labels = ['"never\n"', '"former\nsmoker"', "current"]
    table(
        tmp_path / "patients.csv",
        ["patient", '"smo\nking"', '"I\nCU"'],
        [[p, labels[i % 3], i % 2] for i, p in enumerate(IDS)],
    )
    text = draft(tmp_path)
    assert tomllib.loads(text)["columns"].keys() == {"patient", "smo\nking", "I\nCU"}
    assert "are these the labels: current, former smoker, never?" in line_of(text, '"smo')
    assert set(decided(tmp_path, text).patients["smo\nking"]) == {"never", "former\nsmoker", "current"}


@pytest.mark.parametrize("name", ["id", "study_id", "Fallnummer", "Nr", "Kennwort"])
@pytest.mark.parametrize("rated", [False, True])
def test_clips_named_by_the_id_alone_do_not_hide_the_ids(tmp_path, name, rated):
    rows = [[one, 40 + i, "mf"[i % 2], 200 + 7 * i] for i, one in enumerate(IDS)]
    table(tmp_path / "patients.csv", [name, "age", "sex", "ldh"], rows)
    clips(tmp_path / "clips", [f"{one}.npy" for one in IDS])
    if rated:
        table(tmp_path / "a.csv", ["clip", "score", "other"], [[one, i % 4, i] for i, one in enumerate(IDS)])
    text = draft(tmp_path)
    assert tomllib.loads(text)["files"]["patients"] == "patients.csv"
    assert tomllib.loads(text)["patients"]["id"] == name
    assert "table" not in tomllib.loads(text)["clips"]
    assert len(decided(tmp_path, text).clips) == 24


@pytest.mark.parametrize("name", ["Nr", "Code", "id"])
def test_a_measurement_is_no_id_where_one_number_comes_back(tmp_path, name):
    rows = [[one, 200 + 7 * i, 40 + i] for i, one in enumerate([*IDS[:-1], IDS[0]])]
    table(tmp_path / "patients.csv", [name, "ldh", "age"], rows)
    text = draft(tmp_path)
    assert tomllib.loads(text)["patients"]["id"] == name
    assert "P001 is in rows 2 and 25" in text


@pytest.mark.parametrize(
    "name", ["history of thrombosis", "Thrombose_Anamnese", "previous pulmonary embolism", "AKI history"]
)
def test_complications_of_the_past_may_predict(name):
    assert guess_column(name, ["0", "1"] * 12).settings["role"] == "clinical"
    assert guess_column("thrombosis", ["0", "1"] * 12).settings["role"] == "excluded"


def test_columns_of_yes_and_no_in_other_languages_are_told_apart():
    columns = {"Diabetes": ["ja", "nein", "nein"], "Raucher": ["ja", "ja", "nein"], "Asthma": ["nein", "ja", "ja"]}
    assert repeats(columns) == {"Asthma": "the complement of Diabetes"}
    assert repeats({"a": ["k.A.", "?"], "b": ["?", "k.A."]}) == {}


def test_german_dates_are_dates_in_files_with_decimal_commas():
    days = [f"{day:02d}.01.2021" for day in range(1, 13)]
    assert guess_column("Aufnahmedatum", days, ",").settings["note"] == "dates"


def test_a_french_count_is_no_name_and_a_few_large_counts_are_no_dates():
    assert guess_column("Nombre de lobes", ["1", "2", "5", "3"] * 6).settings["role"] == "clinical"
    assert guess_column("nombre", ["Ana", "Eva", "Luis"] * 8).settings["role"] == "identifier"
    assert guess_column("NT-proBNP", ["40111", "37020", "39950", "41777", "50003"]).settings["role"] == "blood"
