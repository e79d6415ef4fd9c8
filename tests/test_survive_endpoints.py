"""Stays that contradict themselves are settled by rules, and each contradiction is listed with the rule that decided."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from blues import survive
from blues.check import InputError
from blues.cohort import read
from blues.survive.rule import meets

DAYS = [0, 1, 3, 5, 7, 30]


def yes(column):
    return [{"column": column, "equals": ["yes"]}]


RULE = {
    "stay": "los",
    "unit": "days",
    "status": [f"d{d}" for d in DAYS],
    "status_days": DAYS,
    "states": {"ICU": "icu", "ward": "ward", "discharged": "out", "dead": "dead"},
    "died_in_hospital": [{"column": "destination", "equals": [3]}],
    "transferred": yes("moved"),
    "wards": [
        {"name": "icu", "column": "los_icu", "first": yes("icu"), "later": [{"column": "moved_to", "equals": [2]}]},
        {"name": "ward", "column": "los_ward", "first": yes("ward")},
    ],
    "oxygen": {"column": "oxygen_days", "unit": "days", "given": yes("oxygen")},
}
IN, OUT, ICU, DEAD = "ward", "discharged", "ICU", "dead"


def patient(status, los=np.nan, ward_hours=np.nan, icu_hours=np.nan, **more):
    """One row of a table as the dictionary decodes it: binary 1.0 or 0.0, codes as text."""
    row = dict(zip([f"d{d}" for d in DAYS], status, strict=True)) | {"los": los, "los_ward": ward_hours}
    row |= {"los_icu": icu_hours, "ward": float(ward_hours >= 0), "icu": float(icu_hours >= 0)}
    row |= {"moved": 0.0, "moved_to": None, "destination": "0", "oxygen": 0.0, "oxygen_days": np.nan}
    return row | more


def settle(*rows, rule=RULE, **changed):
    table = pd.DataFrame(rows, index=[str(i + 1) for i in range(len(rows))])
    return survive.adjudicate(table, {**rule, **changed})


def one(*args, rule=RULE, **more):
    """Settle one patient; return time, event, the rules that decided, and the row."""
    found = settle(patient(*args, **more), rule=rule)
    row = found.frame.iloc[0]
    return row["time"], row["event"], found.adjudication["rule"].tolist(), row


def test_a_plain_stay():
    time, event, rules, row = one([IN, IN, IN, OUT, OUT, OUT], 4, 97)
    assert (time, event, rules) == (4, 1, [])
    assert (row["first_ward"], row["ever_icu"], row["readmitted"]) == ("ward", 0, 0)
    assert not row["adjudicated"]


def test_stay_of_zero_days_is_kept():
    time, event, rules, row = one([OUT] * 6, 0)
    assert (time, event, rules, row["first_ward"]) == (0, 1, [], "none")


def test_never_admitted_but_a_stay():
    """Patient 55 of COVID-BLUES: 28 days, yet out of hospital every day and on no ward."""
    time, event, rules, row = one([OUT] * 6, 28)
    assert (time, event, rules, row["first_ward"]) == (0, 1, ["never admitted"], "none")


def test_wards_outlast_the_stay():
    """Patient 28: 8 days, but 615 hours on the ward and there on day 30: censored when last known in."""
    time, event, rules, _ = one([IN, IN, IN, IN, IN, IN], 8, 615)
    assert (time, event, rules) == (25.625, 0, ["wards outlast the stay"])
    time, event, rules, _ = one([IN, IN, IN, IN, IN, OUT], 8, 615)
    assert (time, event) == (25.625, 1)


def test_deaths():
    """Patients 57 and 19 died in hospital, 8 and 62 after it."""
    time, event, rules, row = one([IN, IN, IN, DEAD, None, None], 4, 87, destination="3")
    assert (time, event, row["died"], row["icu_or_death"]) == (4, 2, 1, 1)
    time, event, _, row = one([IN, IN, ICU, ICU, ICU, DEAD], 15, 39, destination="3", moved=1.0, moved_to="2")
    assert (time, event, row["ever_icu"], row["first_ward"]) == (15, 2, 1, "ward")
    time, event, rules, row = one([IN, IN, IN, OUT, OUT, DEAD], 4, 97)
    assert (time, event, row["died"], row["readmitted"]) == (4, 1, 1, 0)
    assert rules == ["the destination decides"]


def test_death_without_a_destination():
    rule = {k: v for k, v in RULE.items() if k != "died_in_hospital"}
    assert one([IN, IN, IN, DEAD, None, None], 4, 87, rule=rule)[1] == 2
    time, event, rules, row = one([IN, IN, IN, OUT, OUT, DEAD], 4, 97, rule=rule)
    assert (event, row["died"], rules) == (1, 1, ["out of hospital before death"])


def test_nobody_stays_after_death():
    time, event, rules, _ = one([IN, IN, IN, DEAD, None, None], 9, destination="3")
    assert (time, event) == (5, 2)
    assert "nobody stays after death" in rules


def test_destination_against_status():
    assert one([IN, IN, OUT, OUT, OUT, OUT], 2, 50, destination="3")[:3] == (2, 2, ["the destination decides"])


def test_out_before_admission_and_back_after_discharge():
    """'Discharged' on day 0 of patient 4 means not yet admitted; patient 46 was in again on day 30."""
    time, event, rules, row = one([OUT, IN, IN, OUT, OUT, OUT], 4, 97)
    assert (time, event, row["readmitted"]) == (4, 1, 0)
    assert rules == ["'out' before the first day in hospital is not a discharge"]
    time, event, rules, row = one([OUT, IN, IN, IN, IN, IN], 8, 192)
    assert (time, event, row["readmitted"], len(rules)) == (8, 1, 1, 2)
    time, event, rules, row = one([OUT, OUT, IN, OUT, OUT, OUT], 0)
    assert (time, event, row["readmitted"], rules) == (0, 1, 1, ["the first stay counts"])


def test_hours_in_a_column_of_days():
    """96 'days' of a patient who was out on day 5 are hours."""
    time, event, rules, _ = one([IN, IN, IN, OUT, OUT, OUT], 96)
    assert (time, event, rules) == (4, 1, ["hours in a column of days"])
    good = [patient([IN, IN, IN, OUT, OUT, OUT], 4) for _ in range(4)]
    assert settle(*good, patient([IN, IN, OUT, OUT, OUT, OUT], 50)).frame["time"].tolist() == pytest.approx(
        [4, 4, 4, 4, 50 / 24]
    )


def test_a_whole_column_of_hours_is_refused():
    rows = [patient([IN, IN, IN, OUT, OUT, OUT], 24 * d) for d in (3, 4, 5, 4)]
    with pytest.raises(
        InputError, match="column 'los': 4 of 4 stays outlast .* fit the daily status as hours.*unit = \"hours\""
    ):
        settle(*rows)
    assert settle(*rows, unit="hours").frame["time"].tolist() == [3, 4, 5, 4]


def test_daily_status_outvotes_the_stay():
    time, event, rules, _ = one([IN, IN, IN, OUT, OUT, OUT], 20)
    assert (time, event) == (4, 1)
    assert rules[0] == "daily status outvotes the stay"
    time, event, rules, _ = one([IN, IN, IN, IN, OUT, IN], 31)
    assert (time, event) == (31, 1)  # one day alone does not
    assert rules[0] == "one day's status does not outvote the stay"


def test_without_a_length_of_stay():
    assert one([IN, IN, OUT, OUT, OUT, OUT], ward_hours=50)[:2] == (50 / 24, 1)
    assert one([IN, IN, OUT, OUT, OUT, OUT])[:2] == (2, 1)  # between day 1 and day 3
    assert one([IN, IN, IN, IN, IN, OUT])[:2] == (7, 0)  # some day between 7 and 30: censored when last seen
    assert one([IN, IN, IN, IN, IN, IN])[:2] == (30, 0)
    assert one([OUT] * 6)[:2] == (0, 1)
    time, event, rules, row = one([None] * 6)
    assert np.isnan(time)
    assert np.isnan(event)
    assert rules == ["no source"]


def test_small_contradictions_are_listed_and_kept():
    time, _, rules, _ = one([IN] * 5 + [OUT], 10, 210)  # patient 37
    assert (time, rules) == (10, ["the stay counts"])
    assert one([IN] * 5 + [OUT], 10, 232)[2] == []
    assert one([IN] * 5 + [OUT], 10, 36, moved=1.0, moved_to="2")[2] == []  # the time on the second ward is not known


def test_horizon_censors():
    found = settle(patient([IN] * 5 + [OUT], 24), horizon=14)
    assert found.frame[["time", "event"]].values.tolist() == [[14, 0]]
    assert found.adjudication["decision"].tolist() == ["censored at 14 days"]


def test_oxygen():
    """Patient 13: 368 days of oxygen in a stay of 4."""
    rows = [
        patient([IN] * 3 + [OUT] * 3, 4, oxygen=1.0, oxygen_days=368),
        patient([IN] * 3 + [OUT] * 3, 4, oxygen=1.0, oxygen_days=5),
        patient([IN] * 3 + [OUT] * 3, 4, oxygen=1.0),
        patient([IN] * 3 + [OUT] * 3, 4, oxygen=0.0, oxygen_days=2),
        patient([IN] * 3 + [OUT] * 3, 4, oxygen=0.0),
    ]
    found = settle(*rows)
    np.testing.assert_equal(found.frame["oxygen_days"].tolist(), [np.nan, 5, np.nan, 0, 0])
    assert found.adjudication["patient"].tolist() == ["1", "3", "4"]
    assert "368 days of oxygen in a stay of 4 days" in found.adjudication["what"].tolist()
    assert "los 4 days" in found.adjudication["values"][0]


def test_raw_codes_and_labels_are_read_alike():
    raw = pd.DataFrame({"los": ["3", "0"], "d0": [1, 2], "d3": [2.0, 2.0]}, index=[7, 10])
    rule = {"stay": "los", "status": ["d0", "d3"], "status_days": [0, 3], "states": {"1": "ward", "2": "out"}}
    found = survive.adjudicate(raw, rule)
    assert found.frame["time"].tolist() == [3, 0]
    assert found.frame.index.tolist() == ["7", "10"]


def test_refusals():
    good = patient([IN, IN, IN, OUT, OUT, OUT], 4)
    with pytest.raises(
        InputError, match="column 'd3', value 'home': the status of patient 2 is not in the dictionary.*ICU, ward"
    ):
        settle(good, {**good, "d3": "home"})
    with pytest.raises(InputError, match="column 'los', value '-3': the duration of patient 2 is negative"):
        settle(good, {**good, "los": -3})
    with pytest.raises(InputError, match="duration of patient 1 is not a number"):
        settle({**good, "los": "four"})
    with pytest.raises(InputError, match="has no column 'lso'.*Nearest: los"):
        settle(good, stay="lso")
    with pytest.raises(InputError, match="setting is 'statuss'.*Nearest: 'status'"):
        settle(good, statuss=[])
    with pytest.raises(InputError, match="status names 6 columns and status_days 2 days"):
        settle(good, status_days=[0, 1])
    with pytest.raises(InputError, match="must ascend"):
        settle(good, status_days=[0, 3, 1, 5, 7, 30])
    with pytest.raises(InputError, match="states is missing"):
        settle(good, states={})
    with pytest.raises(InputError, match="days' or 'hours'"):
        settle(good, unit="weeks")
    with pytest.raises(InputError, match="patient '1' stands in the table twice"):
        survive.adjudicate(pd.DataFrame([good, good], index=["1", "1"]), RULE)


def test_endpoints_of_a_cohort():
    table = pd.DataFrame([patient([IN, IN, IN, OUT, OUT, OUT], 4)], index=["1"])
    cohort = SimpleNamespace(name="test", patients=table, dictionary=SimpleNamespace(survival=RULE))
    assert survive.endpoints(cohort).frame["time"].tolist() == [4]
    silent = SimpleNamespace(name="test", patients=table, dictionary=SimpleNamespace())
    assert survive.endpoints(silent, survive.stay_rule(RULE)).frame["time"].tolist() == [4]
    with pytest.raises(InputError, match=r"the dictionary of test says nothing about stays.*\[survival\]"):
        survive.endpoints(silent)


def test_saved_endpoints_come_back(tmp_path):
    rows = [patient([IN, IN, IN, OUT, OUT, OUT], 4), patient([None] * 6), patient([OUT] * 6, 28)]
    found = settle(*rows)
    found.save(tmp_path)
    back = survive.Endpoints.load(tmp_path)
    pd.testing.assert_frame_equal(back.frame, found.frame)
    pd.testing.assert_frame_equal(back.adjudication, found.adjudication)
    pd.testing.assert_frame_equal(back.status, found.status, check_dtype=False)
    assert back.rule == found.rule
    assert json.loads((tmp_path / "stay_rule.json").read_text(encoding="utf-8"))["stay"] == "los"


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ({"at_least": 2}, [1, 0, np.nan]),
        ({"below": "2"}, [0, 1, np.nan]),
        ({"known": True}, [1, 1, 0]),
        ({"known": False}, [0, 0, 1]),
        ({"equals": [2, "x"]}, [1, 0, np.nan]),
        ({"below_column": "limit"}, [1, 0, np.nan]),
    ],
)
def test_conditions_are_those_of_a_target(test, expected):
    rule = survive.stay_rule({"stay": "los", "still_in_hospital": [{"column": "score", **test}]})
    assert set(rule.columns()) >= {"los", "score"} | ({"limit"} if "below_column" in test else set())
    table = pd.DataFrame({"score": ["2", 1.0, None], "limit": [3, 1, 1]}, index=["1", "2", "3"])
    np.testing.assert_array_equal(meets(table, rule.still_in_hospital), expected)
    assert survive.stay_rule(json.loads(json.dumps(rule.record()))) == rule


def test_a_condition_that_cannot_be_asked_ends_in_words():
    with pytest.raises(InputError, match=r"\[survival\].*exactly one of equals, known, at_least"):
        survive.stay_rule({"stay": "los", "transferred": [{"column": "score"}]})
    rule = survive.stay_rule({"stay": "los", "transferred": [{"column": "score", "above": 1}]})
    with pytest.raises(InputError, match=r"column 'score', value 'high'.*patient 7 has none.*equals or known"):
        survive.adjudicate(pd.DataFrame({"los": [3.0], "score": ["high"]}, index=["7"]), rule)


def test_summary_counts():
    rows = [patient([IN, IN, IN, OUT, OUT, OUT], 4), patient([OUT] * 6, 0), patient([None] * 6)]
    counts = settle(*rows).summary().set_index("endpoint")["patients"]
    assert counts["discharged alive"] == 2
    assert counts["time unknown"] == 1
    assert counts["stay of zero days"] == 1


def test_description_by_group():
    rows = [patient([IN] * 3 + [OUT] * 3, d) for d in (3, 4, 5, 4)] + [patient([OUT] * 6, 0) for _ in range(4)]
    rows.append(patient([IN, IN, DEAD, DEAD, DEAD, DEAD], 2, destination="3"))
    rows.append(patient([None] * 6))
    found = settle(*rows)
    groups = pd.Series(["a", "b"] * 5, index=found.frame.index)
    groups["1"] = None
    told = survive.describe(found, groups)
    assert told.left_out == ("1", "10")
    assert set(told.tests) == {"logrank", "gray_1", "gray_2"}
    assert told.days.table["n"].sum() == 8
    total = told.leaving.at([5]).groupby("group")["incidence"].sum()
    staying = told.staying.at([5]).set_index("group")["survival"]
    np.testing.assert_allclose(total + staying, 1)


# ------------------------------------------------------------------------------------------------ the real cohort

REAL = {
    "stay": "los_totaladmission",
    "status": [f"outcome_status_d{d}" for d in DAYS],
    "status_days": DAYS,
    "states": {"0": "icu", "1": "ward", "2": "out", "3": "dead"},
    "died_in_hospital": [{"column": "discharge_to", "equals": [3]}],
    "transferred": [{"column": "ward_transfer_1", "equals": [0]}],
    "wards": [
        {
            "name": "icu",
            "column": "los_ICU",
            "first": [{"column": "stay_icu", "equals": [0]}],
            "later": [{"column": "Transfer_1_to", "equals": [2]}],
        },
        {"name": "mcu", "first": [{"column": "stay_mcu", "equals": [0]}]},
        {"name": "ward", "column": "los_gw", "first": [{"column": "stay_genward", "equals": [0]}]},
    ],
    "oxygen": {"column": "duration_oxy", "given": [{"column": "oxygen_thepary", "equals": [0]}]},
}


@pytest.mark.real
def test_covid_blues_raw(real_cohort_folder):
    """The raw table, its inverse codes and all: 63 stays, 2 deaths in hospital, 8 ever on the ICU, 4 deaths."""
    table = pd.read_csv(real_cohort_folder / "clinical_variables.csv").set_index("patient_id").sort_index()
    found = survive.adjudicate(table, REAL)
    f = found.frame
    assert f["event"].value_counts().to_dict() == {1: 60, 2: 2, 0: 1}
    assert f.index[f["event"] == 2].tolist() == ["19", "57"]
    assert f.index[(f["died"] == 1) & (f["event"] == 1)].tolist() == ["8", "62"]
    assert (f["ever_icu"] == 1).sum() == 8
    assert (f["icu_or_death"] == 1).sum() == 11
    assert f.loc[["55", "28", "57"], "time"].tolist() == [0, 25.625, 4]
    assert f.loc["28", "event"] == 0
    assert np.isnan(f.loc["13", "oxygen_days"])
    assert {"8", "62", "28", "55", "13"} <= set(found.adjudication["patient"])
    assert (f["time"] == 0).sum() == 12
    assert f["first_ward"].value_counts().to_dict() == {"ward": 48, "none": 11, "icu": 3, "mcu": 1}


@pytest.mark.real
def test_covid_blues_decoded_as_raw(real_cohort_folder):
    """The section of the shipped dictionary, on the decoded table, gives what the raw codes give."""
    cohort = read(real_cohort_folder)
    found = survive.endpoints(cohort)
    table = pd.read_csv(real_cohort_folder / "clinical_variables.csv").set_index("patient_id")
    raw = survive.adjudicate(table, REAL).frame.loc[found.frame.index]
    pd.testing.assert_frame_equal(found.frame.drop(columns="adjudicated"), raw.drop(columns="adjudicated"))


@pytest.mark.real
def test_incidence_on_the_raw_stays(real_cohort_folder):
    """Exact where lifelines over 20 seeds gives .222-.318, .413-.492, .571-.635."""
    table = pd.read_csv(real_cohort_folder / "clinical_variables.csv")
    event = np.where(table["discharge_to"] == 3, 2, 1)
    found = survive.aalen_johansen(table["los_totaladmission"], event).at([3, 5, 7])
    np.testing.assert_allclose(found.loc[found["cause"] == 1, "incidence"], [0.349, 0.540, 0.651], atol=5e-4)
