"""Drafting a dictionary for somebody's own folder."""

import re
import tomllib

import numpy as np
import pytest
from small_cohort import findings

from blues.check import InputError
from blues.cohort import card, draft, main, read
from blues.cohort.pattern import guess_pattern
from blues.cohort.smells import smell_of
from blues.cohort.values import suspicious_codes


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
    decided = re.sub(r" *# DECIDE:.*", "", text).replace("# [targets.", "[targets.")
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


@pytest.mark.parametrize(
    ("names", "ids", "reads"),
    [
        (["S-001_L2", "S-001_R1", "S-002_L2", "S-002_R1_2"], ["S-001", "S-002"], ("S-001", "L2")),
        (
            ["a/x_S-001-L2", "a/x_S-001-R1", "a/x_S-002-L2", "a/x_S-003-R1"],
            ["S-001", "S-002", "S-003"],
            ("S-001", "L2"),
        ),
        (["S_1_L2", "S_1_R1", "Sab_L2", "Sab_R1"], ["S_1", "Sab"], ("S_1", "L2")),
        (["1.07 L2", "1.07 R1", "1.08 L2", "1.08 R1"], ["1.07", "1.08"], ("1.07", "L2")),
    ],
)
def test_ids_may_hold_the_signs_that_part_names(names, ids, reads):
    guess = guess_pattern(names, ids, "text")
    assert guess.read == len(names)
    match = re.fullmatch(guess.pattern, names[0])
    assert (match["patient"], match["point"]) == reads
    assert {re.fullmatch(guess.pattern, name)["patient"] for name in names} == set(ids)


def test_no_pattern_without_ids():
    assert guess_pattern(["clip1", "clip2"], ["S-001", "S-002"], "text") is None
    assert guess_pattern(["a_R1", "b_R1"], ["1", "2"], "integer") is None


def test_codes_that_stand_apart_are_suspicious():
    assert suspicious_codes([16, 20, -99, 24]) == [-99]
    assert suspicious_codes([16, -99, -96, 24]) == [-99, -96]
    assert suspicious_codes([-3.1, -1, 0.5, 2.2]) == []
    assert suspicious_codes([-3.1, -99, 0.5, 2.2]) == [-99]
    assert suspicious_codes([60, 99, 88, 72]) == []
    assert suspicious_codes([3, 4, 99]) == [99]


def test_an_outcome_with_two_spellings_and_pending_results_is_drafted_as_one(tmp_path):
    labels = ["Positive", "positive", "Negative", "pending"]
    rows = "".join(f"S-{i:03d},{labels[i % 4]},{40 + i}\n" for i in range(20))
    (tmp_path / "patients.csv").write_text("id,PCR result,age\n" + rows)
    text = draft(tmp_path)
    assert '# events = ["Positive", "positive"]' in text
    assert "pending: no event?" in text


def drafted_table(tmp_path, header, rows):
    """Return the draft for a folder with one table of patients."""
    lines = [header, *(";".join(map(str, row)) for row in rows)]
    (tmp_path / "patients.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return draft(tmp_path)


def section_of(text, name):
    """Return the commented section of an outcome, without its signs of a comment."""
    return text.split(f"# [targets.{name}]")[1].split("\n\n")[0].replace("\n# ", "\n")


@pytest.mark.parametrize(
    ("labels", "events"),
    [
        (["Ja", "nein"], ["Ja"]),
        (["oui", "non"], ["oui"]),
        (["sì", "no"], ["sì"]),
        (["si", "no"], ["si"]),
        (["o", "n"], ["o"]),
        (["tak", "nie"], ["tak"]),
        (["survivor", "non-survivor"], ["non-survivor"]),
        (["nachgewiesen", "nicht nachgewiesen"], ["nachgewiesen"]),
        (["Positiv", "positiv ", "negativ", "ausstehend", "pending"], ["Positiv", "positiv"]),
    ],
)
def test_words_of_other_languages_name_the_event(tmp_path, labels, events):
    rows = [(f"P{i:02d}", labels[i % len(labels)], 40 + i) for i in range(20)]
    section = section_of(drafted_table(tmp_path, "id;Intensivstation;age", rows), "intensivstation")
    assert f"events = {events}".replace("'", '"') in section
    assert "which are the event" not in section


@pytest.mark.parametrize("labels", [["A", "B"], ["ja", "nein", "verlegt"], ["yes", "ja"]])
def test_labels_that_no_word_explains_are_asked_about(tmp_path, labels):
    rows = [(f"P{i:02d}", labels[i % len(labels)], 40 + i) for i in range(20)]
    section = section_of(drafted_table(tmp_path, "id;ICU;age", rows), "icu")
    assert f"# DECIDE: which are the event: {', '.join(sorted(labels))}?" in section


@pytest.mark.parametrize(
    "word", ["ausstehend", "en attente", "Pendiente", "in attesa", "unklar", "nicht durchgeführt", "in afwachting"]
)
def test_pending_in_other_languages_is_warned_of(tmp_path, word):
    labels = ["positiv", "negativ", word]
    text = drafted_table(tmp_path, "id;PCR;age", [(f"P{i:02d}", labels[i % 3], 40 + i) for i in range(21)])
    assert f"{word}: no event?" in section_of(text, "pcr")
    decided = text.replace('PCR = { role = "excluded"', 'PCR = { role = "target", known = "during_stay"')
    section = f"\n[targets.pcr]\n{section_of(text, 'pcr')}"
    (tmp_path / "cohort.toml").write_text(decided + section, encoding="utf-8")
    met = findings(read(tmp_path), column="PCR")
    assert word in met.loc[met["what"] == "reads as if nobody knew", "value"].tolist()


def test_every_candidate_gets_a_section(tmp_path):
    rows = [(f"P{i:02d}", *(["yes", "no"][i // k % 2] for k in (1, 2, 3, 5))) for i in range(24)]
    text = drafted_table(tmp_path, "id;ICU;Died;Intubated;PCR", rows)
    assert re.findall(r"# \[targets\.(\w+)\]", text) == ["icu", "died", "intubated", "pcr"]


def test_a_number_that_may_be_an_outcome_gets_a_section_that_can_be_learnt(tmp_path):
    rows = [(f"P{i:02d}", f"{i % 9},5", 1 + i % 7) for i in range(24)]
    text = drafted_table(tmp_path, "id;Liegedauer;n_videos", rows)
    section = section_of(text, "liegedauer")
    assert "events" not in section
    assert "targets.n_videos" not in text
    (tmp_path / "cohort.toml").write_text(f"{text}\n[targets.stay]\n{section}", encoding="utf-8")
    assert read(tmp_path).target("stay").max() == 8.5


@pytest.mark.parametrize(
    ("name", "cells", "role"),
    [
        ("IMC", "24,{}", "clinical"),
        ("IMC (kg/m²)", "3{}", "clinical"),
        ("IMC", "{}", "excluded"),
        ("IMC Tage", "{},5", "excluded"),
        ("IMC max", "24,{}", "excluded"),
    ],
)
def test_imc_is_the_body_mass_index_where_its_numbers_say_so(tmp_path, name, cells, role):
    rows = [(f"P{i:02d}", cells.format(i % 9), 40 + i) for i in range(24)]
    assert tomllib.loads(drafted_table(tmp_path, f"id;{name};age", rows))["columns"][name]["role"] == role


@pytest.mark.parametrize(
    "name",
    ["Patient ID", "patient_id", "PatID", "Patientennummer", "N° patient", "id_paziente", "Código del paciente", "ID"],
)
def test_one_repeated_row_does_not_make_a_birth_date_the_patient(tmp_path, name):
    rows = [(f"P{i:02d}", f"{i + 1:02d}.03.19{50 + i}", 40 + i, f"{i}.5") for i in range(20)]
    rows.append(rows[2])
    clips = tmp_path / "clips"
    clips.mkdir()
    for i in range(20):
        for point in ("R1", "L1"):
            (clips / f"P{i:02d}_{point}.avi").write_bytes(b"x")
    text = drafted_table(tmp_path, f"Geburtsdatum;{name};Alter;crp", [(b, a, *r) for a, b, *r in rows])
    drafted = tomllib.loads(text)
    assert drafted["patients"]["id"] == name
    assert drafted["clips"]["points"] == ["L1", "R1"]
    assert drafted["columns"]["Geburtsdatum"]["role"] == "identifier"
    (line,) = [line for line in text.splitlines() if line.startswith("id = ")]
    assert "P02 is in rows 4 and 22" in line
    (tmp_path / "cohort.toml").write_text(
        text.replace("\n[files]", '\n[files]\nrepeated_rows = "leave out"'), encoding="utf-8"
    )
    assert len(read(tmp_path).patients) == 20


def test_dates_are_no_ids_and_repeated_patients_are_named(tmp_path):
    rows = [(f"{i + 1}.3.1950", f"195{i}-01-02", f"{i % 2}") for i in range(9)]
    with pytest.raises(InputError, match="names each row once"):
        drafted_table(tmp_path, "a;visit;crp", rows)
    visits = [(f"P{i // 2}", i, f"{i}.5") for i in range(12)]
    with pytest.raises(InputError, match=r"patient of patients.csv \(P0 is in rows 2 and 3; .*3 more come back\)"):
        drafted_table(tmp_path, "patient;row;crp", visits)


def test_a_blank_id_is_named(tmp_path):
    rows = [(i or "", 40 + i % 7) for i in range(20)]
    text = drafted_table(tmp_path, "Patient;age", rows)
    assert 'id = "Patient" # DECIDE: is this the patient (one row each)? row 2 without one' in text
    assert 'id_kind = "integer"' in text


@pytest.mark.parametrize("name", ["Einheit CRP", "CRP unit", "crp_unité", "Unit"])
def test_units_predict_nothing_and_mixed_ones_are_asked_about(tmp_path, name):
    units = ["mg/l", "mg/dl", "mg/L"]
    rows = [(f"P{i:02d}", f"{i}.5", units[i % 3], 30 + i) for i in range(24)]
    text = drafted_table(tmp_path, f"id;CRP;{name};age", rows)
    assert tomllib.loads(text)["columns"][name] == {
        "role": "excluded",
        "kind": "nominal",
        "note": "units of another column",
    }
    (line,) = [line for line in text.splitlines() if line.startswith("CRP = ")]
    assert f"mixed units by {name}, mg/dl (8) and mg/l (16): convert to one" in line
    alike = drafted_table(
        tmp_path, f"id;CRP;{name};age", [(i, c, ["mg/l", "mg/L"][k % 2], a) for k, (i, c, _, a) in enumerate(rows)]
    )
    assert "mixed units" not in alike


@pytest.mark.parametrize("name", ["Bemerkung", "Remarks", "commentaire", "history"])
def test_remarks_predict_nothing(tmp_path, name):
    said = {
        3: "Patient kam zu Fuss in die Ambulanz",
        7: "am dritten Tag nach Hause",
        9: "Verlauf bislang ohne Besonderheiten",
    }
    rows = [(f"P{i:02d}", said.get(i, ""), 30 + i) for i in range(24)]
    column = tomllib.loads(drafted_table(tmp_path, f"id;{name};age", rows))["columns"][name]
    assert column == {"role": "excluded", "note": "free text", "kind": "text"}


def test_commas_that_may_part_thousands_are_asked_about(tmp_path):
    rows = [(f"P{i:02d}", f"{i},{200 + i}" if i else "850", f"{i},{200 + i}", f"{30 + i},5") for i in range(24)]
    lines = drafted_table(tmp_path, "id;platelets;ddimer;age", rows).splitlines()
    asked = {line.split(" = ")[0]: "is 1,201 1.201 or 1201?" in line for line in lines}
    assert (asked["platelets"], asked["ddimer"], asked["age"]) == (True, False, False), "0,200 is no thousand"


def test_the_other_sign_that_may_part_thousands_is_asked_about_by_name(tmp_path):
    for few in (3, 30):
        rows = [(f"P{i:02d}", f"1.0{10 + i}" if i % few else f"{900 + i}", f"{30 + i},5") for i in range(24)]
        lines = {line.split(" = ")[0]: line for line in drafted_table(tmp_path, "id;ferritin;age", rows).splitlines()}
        assert "'.'" in lines["ferritin"]
        assert "part thousands" in lines["ferritin"]
        assert "'1.011'" in lines["ferritin"]
        assert "text among numbers" not in lines["ferritin"]


def test_digits_in_groups_are_drafted_and_read_as_numbers(tmp_path):
    rows = [(f"P{i:02d}", f"1\u202f{100 + i}" if i % 2 else f"{900 + i}", "home\u00a0x") for i in range(24)]
    text = drafted_table(tmp_path, "id;Ferritine;age", [*rows[:-1], ("P23", "1\u00a0x", "3")])
    assert "'1\u00a0x'" in text
    assert "\\xa0" not in text
    assert tomllib.loads(text)["columns"]["Ferritine"]["kind"] == "continuous"
    (tmp_path / "cohort.toml").write_text(text, encoding="utf-8")
    cohort = read(tmp_path)
    assert cohort.patients["Ferritine"].notna().sum() == 23
    told = card(cohort)
    assert "Digits in groups, such as '1\u202f101': read as one number; 11 cells (Ferritine 11)" in told["decoded"]
    assert any("'1\u00a0x'" in sentence for sentence in told["odd"])


@pytest.mark.parametrize(("every", "role"), [(4, "blood"), (1, "excluded")])
def test_blanks_that_may_part_thousands_are_asked_about(tmp_path, every, role):
    rows = [(f"P{i:02d}", f"1 {100 + i}" if i % every == 0 and i else f"{900 + i}", f"{40 + i}") for i in range(24)]
    text = drafted_table(tmp_path, "id;Ferritine;age", rows)
    (line,) = [line for line in text.splitlines() if line.startswith("Ferritine")]
    assert re.search("DECIDE.*blank.* part thousands", line)
    assert "text among numbers" not in line
    assert tomllib.loads(text)["columns"]["Ferritine"]["role"] == role
    (tmp_path / "cohort.toml").write_text(text, encoding="utf-8")
    told = findings(read(tmp_path), what="a blank that may part thousands")
    assert len(told) == (5 if role == "blood" else 0)


def test_two_numbers_in_every_cell_are_free_text(tmp_path):
    rows = [(f"P{i:02d}", f"{60 + i} {110 + i}", f"{40 + i}") for i in range(24)]
    column = tomllib.loads(drafted_table(tmp_path, "id;pressure;age", rows))["columns"]["pressure"]
    assert column == {"role": "excluded", "note": "free text", "kind": "text"}


@pytest.mark.parametrize(
    ("names", "take"),
    [
        (["1_R1", "1_R1 (2)", "1_L1", "2_R1", "2_L1", "2_L1(3)"], {"1_R1 (2)": "2", "2_L1(3)": "3", "1_R1": None}),
        (["1_R1 (1)", "1_R1 (2)", "1_L1", "2_R1", "2_L1"], {"1_R1 (1)": "1", "1_R1 (2)": "2"}),
        (["1_R1", "1_R1 (1)", "1_L1", "2_R1", "2_L1", "2_L1 (2)"], {"1_R1 (1)": "unread", "2_L1 (2)": "2"}),
        (["1_R1_1", "1_R1_2", "1_L1_1", "2_R1_1", "2_L1_1 (2)"], {"1_R1_2": "2", "2_L1_1 (2)": "unread"}),
    ],
)
def test_numbered_copies_are_takes_of_their_point(names, take):
    guess = guess_pattern(names, ["1", "2"], "integer")
    assert guess.points == ("L1", "R1")
    for name, number in take.items():
        match = re.fullmatch(guess.pattern, name)
        assert (match["take"] if match else "unread") == number
    assert guess.read == sum(re.fullmatch(guess.pattern, name) is not None for name in names)


def test_a_column_of_labels_called_patient_and_ids_like_dates_do_not_hide_the_ids(tmp_path):
    rows = [(f"A{i}", ("in", "out")[i % 2], f"{i}.5") for i in range(20)]
    assert 'id = "ID"' in drafted_table(tmp_path, "ID;Patient;crp", rows)
    rows = [(f"{1 + i % 28:02d}-{1 + i // 28:02d}-11", f"{i}.5") for i in range(40)]
    assert 'id = "Kennung"' in drafted_table(tmp_path, "Kennung;crp", rows)


def test_measurements_with_their_unit_and_words_that_hold_unit_are_no_columns_of_units(tmp_path):
    rows = [(i, 40 + i % 7, f"{50 + i % 9} %", "lmh"[i % 3], f"0.{i}") for i in range(20)]
    text = drafted_table(tmp_path, "ID;age;LVEF;immunity;PCT", rows)
    assert "units of" not in text
    assert "mixed units" not in text
    rows = [(i, "1.5", f"0.{i}", ("mg/l", "mg/dl")[i % 2]) for i in range(20)]
    text = drafted_table(tmp_path, "ID;CRP;PCT;Unità CRP", rows)
    assert re.search(r"\nCRP = .*mixed units by Unità CRP", text)
    assert text.count("mixed units") == 1


@pytest.mark.parametrize(
    "labels", [("dead", "lost to follow-up"), ("type 1", "type 2"), ("Zuhause", "verstorben"), ("alive", "lost")]
)
def test_what_only_one_word_tells_is_asked_about(tmp_path, labels):
    rows = [(i, labels[i % 2], f"{i}.5") for i in range(20)]
    assert "DECIDE: which are the event" in section_of(drafted_table(tmp_path, "ID;outcome;crp", rows), "outcome")


@pytest.mark.parametrize(
    "name",
    "Leukozyten Thrombozyten leucocitos Leucociti Leukocyten Kreatinin Hämoglobin plaquettes Natrium Glucosa Piastrine".split(),
)
def test_blood_tests_are_known_in_other_languages(tmp_path, name):
    text = drafted_table(tmp_path, f"id;{name};age", [(f"P{i:02d}", f"{i}.5", 40 + i) for i in range(20)])
    columns = tomllib.loads(text)["columns"]
    assert columns[name]["role"] == "blood"
    assert columns["age"]["role"] == "clinical"


def folder_of_counts(tmp_path, name, numbers, clips, rows=()):
    """Write patients with a column of numbers, and as many clips of each as ``clips`` says."""
    table = [f"id,{name},age"] + [f"P{i:02d},{n},{40 + i}" for i, n in enumerate(numbers)]
    (tmp_path / "patients.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    (tmp_path / "clips").mkdir()
    named = [f"P{i:02d}_z{k}" for i, n in enumerate(clips) for k in range(1, n + 1)]
    for one in named:
        (tmp_path / "clips" / f"{one}.avi").write_bytes(b"x")
    if rows:
        lines = [rows[0]] + [f"{one},{k}" for one in named for k in rows[1:]]
        (tmp_path / "ratings.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_a_column_that_counts_clips_predicts_nothing_whatever_it_is_called(tmp_path):
    clips = [1 + i % 6 for i in range(30)]
    numbers = [n + (i % 5 == 0) for i, n in enumerate(clips)]  # some were lost
    folder = folder_of_counts(tmp_path, "anteckningar", numbers, clips)
    text = draft(folder)
    column = tomllib.loads(text)["columns"]["anteckningar"]
    assert column == {"role": "excluded", "kind": "continuous", "note": "the number of clips"}
    (line,) = (one for one in text.splitlines() if one.startswith("anteckningar"))
    assert "# DECIDE" in line
    assert "equal to the number of clips of 24 of 30 patients" in line


@pytest.mark.parametrize("clips", [[12] * 30, [12] * 27 + [10, 11, 9]])
def test_a_number_is_no_count_of_clips_that_are_as_many_of_all(tmp_path, clips):
    folder = folder_of_counts(tmp_path, "rate", [12] * 26 + [14, 15, 16, 17], clips)
    assert tomllib.loads(draft(folder))["columns"]["rate"]["role"] == "clinical"


@pytest.mark.parametrize(
    "name", ["n_filmati", "Anzahl Videos", "nombre_de_clips", "numero de videos", "aantal filmpjes"]
)
def test_counts_of_clips_are_known_by_name_in_other_languages(name):
    assert smell_of(name) == "files"


@pytest.mark.parametrize("name", ["nombre", "numero", "nr_crp", "Anzahl Aufnahmen", "image"])
def test_names_that_count_no_files(name):
    assert smell_of(name) != "files"


@pytest.mark.parametrize("name", ["lettore", "Lecteur", "Befunder", "évaluateur", "wer"])
def test_who_rated_is_found_by_name_or_because_it_tells_rows_of_a_clip_apart(tmp_path, name):
    rows = (f"clip,{name},consolidamento,punteggio", "Rossi,sì,1", "Bianchi,no,2")
    text = draft(folder_of_counts(tmp_path, "n", [5] * 12, [2 + i % 3 for i in range(12)], rows))
    ratings = tomllib.loads(text)["ratings"]
    assert ratings["rater"] == name
    assert ratings["items"]["consolidamento"] == {"column": "consolidamento", "kind": "binary"}
    assert ratings["items"]["punteggio"]["categories"] == [1, 2]
    assert "excluded" not in ratings
    assert "who rated, and how" not in text
    assert ("it tells the rows of a clip apart" in text) == (name == "wer")
    (tmp_path / "cohort.toml").write_text(text, encoding="utf-8")
    cohort = read(tmp_path)
    assert set(cohort.ratings["rater"]) == {"Rossi", "Bianchi"}
    assert set(cohort.ratings.loc[cohort.ratings["item"] == "consolidamento", "rating"]) == {0.0, 1.0}


def test_labels_that_are_no_grades_are_asked_about_and_parts_of_names_are_not(tmp_path):
    rows = ("clip,zone,seen,remark,score", "z1,weiss,once,1")
    folder = folder_of_counts(tmp_path, "n", [5] * 12, [2 + i % 3 for i in range(12)], rows)
    path = folder / "ratings.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    told = [
        line.replace("z1,weiss,once", f"{line.split(',')[0][-2:]},{'weiss' if i % 3 else 'braun'},r{i}")
        for i, line in enumerate(lines)
    ]
    path.write_text("\n".join(told) + "\n", encoding="utf-8")
    (line,) = (one for one in draft(folder).splitlines() if one.startswith("excluded = "))
    assert line.endswith("# DECIDE: seen: a rating, or who rated?")
