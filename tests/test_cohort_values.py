"""Drafting columns: codes and words for missing, lost decimals, further ids, dates, days of the stay."""

import tomllib

import numpy as np
import pytest
from test_cohort_outside import HEADER, IDS, decided, line_of, rows_of, table

from blues.cohort import draft
from blues.cohort.guess import guess_column
from blues.cohort.values import out_of_scale, suspicious_codes


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([18, 20, 22, -99, -77], [-99, -77]),
        ([18, 20, 22, -99, -88], [-99, -88]),
        ([18, 20, 22, -8, -9], [-9, -8]),
        ([18, 20, 777, 22, 777], [777]),
        ([37.1, 36.5, 99.9], [99.9]),
        ([120, 130, 9998, 140], [9998]),
        ([31, 48, 77, 44], []),
        ([96, 97, 99, 98], []),
    ],
)
def test_codes_for_missing_are_judged_together(values, codes):
    assert suspicious_codes(values) == codes


def test_a_code_that_comes_back_among_large_values_is_asked_about():
    cells = ["300", "450", "900", "612", "577", "999", "999", "999"]
    guess = guess_column("Ferritin", cells)
    assert "missing" not in guess.settings
    assert "999 comes back 3 times: a value, or a code for missing?" in guess.decide
    assert not any("comes back" in asked for asked in guess_column("SpO2", ["97", "98", "99", "99", "99", "96"]).decide)


TEMPERATURES = [36.4, 37.0, 38.2, 36.9, 39.1, 37.7, 36.6, 38.8, 37.2, 36.8, 40.1, 375]


def test_a_lost_decimal_sign_is_asked_about_and_told(tmp_path):
    rows = [[one, f"{TEMPERATURES[i % 12] if i < 12 else 37.5 + i / 20:g}", i * i * i] for i, one in enumerate(IDS)]
    table(tmp_path / "p.csv", ["patient", "temperature", "ferritin"], rows)
    text = draft(tmp_path)
    asked = "375, where the others lie between 36.4 and 40.1: is a decimal sign lost"
    assert asked in line_of(text, "temperature = ")
    told = decided(tmp_path, text).findings.query("what.str.contains('out of scale')")
    assert told[["row", "column", "value"]].values.tolist() == [[13, "temperature", "375"]]


@pytest.mark.parametrize("spread", [0.5, 0.8, 1.3])
def test_skewed_measurements_are_not_out_of_scale(spread):
    rng = np.random.default_rng(0)
    assert not any(out_of_scale(np.exp(rng.normal(3, spread, 63)))[0] for _ in range(200))
    assert out_of_scale([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]) == ([], "")


@pytest.mark.parametrize(
    ("name", "cells", "role"),
    [
        ("lfd_nr", range(1, 25), "identifier"),
        ("Unnamed: 0", range(24), "identifier"),
        ("zahl", range(1, 25), "identifier"),
        ("Fallnummer", range(7110, 9510, 100), "identifier"),
        ("case_id", range(9510, 7110, -100), "identifier"),
        ("PIZ", range(40, 16840, 700), "identifier"),
        ("Aufnahmedatum", range(44256, 44496, 10), "excluded"),
        ("Aufnahme", range(44256, 44496, 10), "excluded"),
        ("date", range(20210304, 20210328), "excluded"),
        ("Aufnahmedatum", [44256.5 + i / 7 for i in range(24)], "excluded"),
        ("Entlassdatum", range(44256, 44496, 10), "excluded"),
        ("year", [2020, 2021] * 12, "excluded"),
        ("case", [0, 1] * 12, "clinical"),
        ("age", range(40, 64), "clinical"),
        ("Leukozyten", range(40000, 200000, 7000), "blood"),
    ],
)
def test_ids_and_dates_do_not_predict(name, cells, role):
    guess = guess_column(name, [str(cell) for cell in cells])
    assert guess.settings["role"] == role
    assert role in ("clinical", "blood") or len(guess.decide) == 1


def test_a_column_of_dates_is_not_called_free_text():
    days = [f"2023-{month:02d}-{day:02d}" for month in (3, 4) for day in range(1, 13)]
    assert guess_column("admitted_on", days).settings == {"role": "excluded", "note": "dates", "kind": "text"}
    words = [f"seen in room {i}, good windows" for i in range(24)]
    assert guess_column("windows", words).settings["note"] == "free text"


def test_a_draft_with_further_ids_can_be_read(tmp_path):
    rows = [[i + 1, *row, 44300 + i] for i, row in enumerate(rows_of())]
    table(tmp_path / "p.csv", ["lfd", *HEADER, "came"], rows)
    text = draft(tmp_path)
    assert tomllib.loads(text)["patients"]["id"] == "patient"
    assert len(decided(tmp_path, text).patients) == 24


def test_words_for_nobody_knows_are_no_labels_of_a_predictor():
    words = guess_column("Husten", ["ja", "nein", "k.A.", "unbekannt"] * 6)
    assert words.settings["kind"] == "binary"
    assert words.settings["missing"] == ["k.A.", "unbekannt"]
    assert "do k.A., unbekannt stand for missing?" in words.decide
    labels = guess_column("Raucher", ["nie", "früher", "aktuell", "inconnu"] * 6).settings
    assert (labels["kind"], labels["missing"]) == ("nominal", ["inconnu"])
    assert guess_column("toux", ["oui", "non"] * 12).settings["kind"] == "binary"


@pytest.mark.parametrize(
    ("name", "known"), [("CRP_d3", "during_stay"), ("CRP Tag 5", "during_stay"), ("CRP", "admission")]
)
def test_a_day_in_a_name_is_when_the_value_is_known(tmp_path, name, known):
    table(tmp_path / "p.csv", ["patient", name, "age"], [[one, f"{i}.5", 40 + i] for i, one in enumerate(IDS)])
    text = draft(tmp_path)
    assert tomllib.loads(text)["columns"][name]["known"] == known
    assert ("does its name say day" in text) == (known == "during_stay")
    assert len(decided(tmp_path, text).patients) == 24


@pytest.mark.parametrize(
    "name",
    """Liegetage Vitalstatus mechvent Tubus expired disposition Heimentlassung AKI futime fustat VFD CO-RADS Virusnachweis
    uitslag død vårdtid liggetid IVA-vård vent_free_days mech_vent Thrombose""".split(),
)
def test_more_outcomes_are_known_by_their_names(name):
    assert guess_column(name, ["0", "1"] * 12).settings["role"] == "excluded"
    assert guess_column("Thrombozyten", [f"{i}.5" for i in range(20)]).settings["role"] == "blood"
