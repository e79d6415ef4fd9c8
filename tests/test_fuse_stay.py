"""Length of stay in a run: endpoints of the made-up cohort, the description beside a run, and time to discharge as a task."""

import numpy as np
import pandas as pd
import pytest

import blues.cohort
from blues import survive
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
