"""Length of stay in a run: endpoints of the made-up cohort, the description beside a run, and time to discharge as a task."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import blues.cohort
from blues import survive
from blues.check import InputError
from blues.datasets.synthetic_dictionary import dictionary
from blues.datasets.synthetic_tables import DISCHARGE_HAZARD, draw_patients

MANY = 400


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Tables of many made-up patients, with one clip that nobody decodes; and how ill each is, which no table holds."""
    folder = tmp_path_factory.mktemp("many")
    drawn = draw_patients(MANY, 1.0, np.random.default_rng(2))
    drawn.table.to_csv(folder / "clinical.csv", index=False)
    (folder / "videos").mkdir()
    (folder / "videos" / "patient_1_R1.mp4").touch()
    rating = {"clip": "patient_1_R1", "rater": "senior", "severity": 1, "a_lines": "yes", "b_lines": "no"}
    pd.DataFrame([rating]).to_csv(folder / "ratings.csv", index=False)
    (folder / "cohort.toml").write_text(dictionary("tables only"), encoding="utf-8")
    illness = pd.Series(drawn.illness, index=[str(i) for i in range(1, MANY + 1)], name="illness")
    return blues.cohort.read(folder), illness


def test_endpoints_of_the_made_up_cohort(many):
    cohort, _ = many
    table = cohort.patients
    found = survive.endpoints(cohort)
    code = table["status"].astype(object).map({"discharged": 1.0, "died": 2.0, "in hospital": 0.0}).astype(float)
    known = table["los_days"].notna()
    pd.testing.assert_series_equal(found.frame["event"][known], code[known], check_names=False)
    pd.testing.assert_series_equal(found.frame["time"], table["los_days"], check_names=False)
    assert (code[known] == 0).any()
    assert (found.frame["time"] == 0).any()
    assert (~known).sum() == 2
    assert (found.frame["ever_icu"] == table["icu"]).all()
    assert found.adjudication["what"].str.contains("96 days of oxygen").any()


def test_planted_hazard_of_discharge_is_recovered_within_its_interval(many):
    cohort, illness = many
    frame = survive.endpoints(cohort).frame.dropna(subset=["time"])
    covariates = pd.DataFrame({"illness": illness, "icu": cohort.patients["icu"]}).loc[frame.index]
    fit = survive.cause_specific_cox(frame["time"], frame["event"], covariates, cause=1)
    for name, planted in DISCHARGE_HAZARD.items():
        low, high = fit.table.loc[name, ["low", "high"]]
        assert low < planted < high < 1, name


def test_stay_that_has_not_ended_is_censored_unless_death_ended_it():
    rule = {
        "stay": "los",
        "still_in_hospital": [{"column": "open", "equals": ["yes"]}],
        "died_in_hospital": [{"column": "died", "equals": ["yes"]}],
    }
    table = pd.DataFrame({"los": [5, 5, 5], "open": [1.0, 0.0, 1.0], "died": [0.0, 0.0, 1.0]}, index=["1", "2", "3"])
    found = survive.adjudicate(table, rule)
    assert found.frame["event"].tolist() == [0, 1, 2]
    assert found.adjudication[["patient", "rule"]].to_numpy().tolist() == [["3", "death decides"]]


def test_section_holds_what_the_single_calls_give(many):
    cohort, _ = many
    found = survive.section(cohort, by=["pcr", "age", "icu"])
    ends = survive.endpoints(cohort)
    pcr = cohort.target("pcr").map({0.0: "no", 1.0: "yes"})
    one = survive.describe(ends, pcr)
    staying = found["Still in hospital by SARS-CoV-2 PCR positive"]
    np.testing.assert_array_equal(staying["survival"], one.staying.table["survival"])
    assert set(staying["group"]) == {"no", "yes"}
    tests = found["Tests between groups"].set_index(["variable", "test"])
    row = tests.loc[("SARS-CoV-2 PCR positive", "log-rank, leaving in any way")]
    assert row["p_value"] == one.tests["logrank"].p_value
    # the ill stay longer, and intensive care is for the ill
    days = found["Difference in mean days in hospital"].set_index("variable").loc["intensive care during the stay"]
    assert days["low"] > 0
    incidence = found["Discharge alive and death"].groupby("cause")["incidence"].max()
    assert incidence.sum() + found["Still in hospital"]["survival"].min() == pytest.approx(1)
    assert found["Contradictions, and the rule that decided"].equals(ends.adjudication)


def test_section_says_which_variable_cannot_be_described_by(many):
    cohort, _ = many
    constant = cohort.patients.assign(sex="female")
    found = survive.section(dataclasses.replace(cohort, patients=constant), by=["sex"])
    assert "Not described by sex" in found
    with pytest.raises(InputError, match="Nearest: 'age'"):
        survive.section(cohort, by=["aeg"])


def test_groups_are_in_words_and_default_to_the_pcr_and_the_ratings(many):
    cohort, _ = many
    label, thirds = survive.grouping(cohort, "age")
    assert label == "third of age"
    assert thirds.value_counts().between(MANY / 4, MANY / 2).all()
    assert set(survive.grouping(cohort, "icu")[1]) == {"no", "yes"}
    titles = list(survive.section(cohort))
    assert "Still in hospital by SARS-CoV-2 PCR positive" in titles
    assert any(title.startswith("Not described by") and "severity" in title for title in titles)
