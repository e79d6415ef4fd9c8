"""Targets, refusals, Table 1, the card and the command."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_cohort import CLINICAL, RATINGS, TOML, swap, write

from blues.check import InputError
from blues.cohort import Cohort, card, main, missingness, read, render, standardised_difference, table_one, unmet


@pytest.fixture
def make(tmp_path):
    return lambda **parts: write(tmp_path, **parts)


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


def test_a_sum_over_points_needs_every_point_rated(make):
    toml = swap(TOML, 'over_clips = "mean"', 'over_takes = "mean"\nover_points = "sum"')
    ratings = swap(RATINGS, "3_L1,a,2", "3_L1,a,")
    values = read(make(toml=toml, ratings=ratings)).target("severity")
    assert np.isnan(values["3"]), "L1 was listed, and not rated"
    assert values["1"] == 3.5


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


def test_labels_of_an_outcome_are_counted_and_doubtful_ones_told(make):
    toml = swap(
        TOML,
        "[targets.pcr]",
        """[columns.swab]
role = "outcome"
kind = "nominal"

[targets.swab]
label = "Swab"
kind = "binary"
column = "swab"
events = ["Positive"]

[targets.pcr]""",
    )
    rows = CLINICAL.strip().splitlines()
    labels = ("swab", "Positive", "positive ", "Negative", "pending", "")
    cohort = read(
        make(toml=toml, clinical="\n".join(f"{row},{label}" for row, label in zip(rows, labels, strict=True)) + "\n")
    )
    told = cohort.findings[(cohort.findings["column"] == "swab") & (cohort.findings["kind"] == "odd")]
    assert {(row.value.strip(), row.what) for row in told.itertuples()} == {
        ("positive", "is spelt like the event 'Positive'"),
        ("pending", "reads as if nobody knew"),
        ("", "labels that differ in spelling alone: 'Positive', 'positive'"),
    }
    told_of = card(cohort, "swab")
    made = told_of["target"]["definition"]
    assert made.startswith("swab: Positive (1) is the event; ")
    assert made.endswith(" are not; 1 not known")
    assert {"Negative (1)", "pending (1)", "positive (1)"} <= set(
        made.split("; ")[1].removesuffix(" are not").split(", ")
    )
    assert made in " ".join(render(told_of).split())
    assert told_of["targets"][0]["events"] == 1


STAYS = """[columns.left_to]
role = "outcome"
known = "discharge"
kind = "nominal"

[columns.dead]
role = "outcome"
kind = "binary"
codes = { gone = "yes", home = "no" }

[columns.left_to2]
role = "outcome"
known = "discharge"
kind = "nominal"
codes = { a = "home", b = "ward", c = "died" }

[targets.lost]
label = "Lost"
kind = "binary"
any = [{ column = "left_to", equals = ["dead"] }, { column = "icu_hours", known = true }]

[survival]
stay = "icu_hours"
died_in_hospital = [{ column = "left_to", equals = ["died"] }, { column = "left_to", equals = ["Dead"] }]
transferred = [{ column = "dead", equals = ["gone"] }]
still_in_hospital = [{ column = "dead", equals = ["yes"] }, { column = "left_to2", equals = ["died"] }]

[[survival.wards]]
name = "icu"
first = [{ column = "left_to", equals = ["ICU"] }]
later = [{ column = "left_to", equals = ["ward"] }]

[targets.pcr]"""


def test_conditions_that_nobody_meets_are_told(make):
    rows = CLINICAL.strip().splitlines()
    cells = ("left_to,dead,left_to2", "Died,home,a", "home,home,a", "ward,home,a", "unknown,home,b", "Died,home,b")
    table = "\n".join(f"{row},{label}" for row, label in zip(rows, cells, strict=False)) + "\n"
    cohort = read(make(toml=swap(TOML, "[targets.pcr]", STAYS), clinical=table))
    met = cohort.findings[cohort.findings["kind"] == "odd"]
    told = {
        (row.column, row.value, row.what) for row in met.itertuples() if row.column in ("left_to", "dead", "left_to2")
    }
    assert told == {
        ("left_to", "dead", "no patient meets this condition of lost"),
        ("left_to", "unknown", "reads as if nobody knew"),
        ("left_to", "died, Dead", "no patient meets died_in_hospital in [survival]"),
        ("left_to", "Died", "is spelt like 'died' of died_in_hospital in [survival]"),
        ("left_to", "ICU", "no patient meets wards.icu.first in [survival]"),
        ("left_to", "unknown", "reads as if nobody knew, and is none of died_in_hospital in [survival]"),
        ("dead", "gone", "no patient meets transferred in [survival]"),
    }
    assert unmet(cohort, "pcr")[0].startswith("clinical.csv, left_to, 'died, Dead': no patient meets died_in_hospital")
    assert "the column holds Died, home, ward, unknown" in unmet(cohort, "pcr")[0]
    assert len(unmet(cohort, "lost")) == len(unmet(cohort, "pcr")) + 1


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
    assert "known during the stay, after the moment of prediction" in dictionary.refusal("crp", "pcr")
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


def test_correlations_of_table_one_can_be_of_some_patients_alone(make):
    cohort = read(make())
    known = list(cohort.target("severity").dropna().index)
    whole, all_ = table_one(cohort, "severity"), table_one(cohort, "severity", known)
    pd.testing.assert_frame_equal(whole, all_)
    some = known[1:]
    table = table_one(cohort, "severity", some)
    assert whole["correlation"].notna().any()
    assert table["correlation"].isna().all(), "two patients have no correlation"
    assert table["overall"].tolist() == whole["overall"].tolist()
    assert card(cohort, "severity", some)["correlated"] == len(some)
    assert card(cohort, "severity")["correlated"] is None


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


def test_a_cohort_without_variables_has_a_card(tmp_path):
    (tmp_path / "patients.csv").write_text("id\na\nb\n")
    (tmp_path / "cohort.toml").write_text(
        'name = "bare"\nlicence = "none"\n[files]\npatients = "patients.csv"\n[patients]\nid = "id"\nid_kind = "text"\n'
        '[columns]\nid = { role = "identifier" }\n'
    )
    assert "in patients.csv         2      0" in render(card(read(tmp_path)))
