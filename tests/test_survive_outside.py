"""What an outside statistician found in stays: days settled wrongly, errors of 0 taken for certainty, numbers on nobody."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from blues import datasets, survive
from blues.check import InputError
from blues.cohort import read
from blues.features import Design, design
from blues.fuse import Experiment, run
from blues.fuse.notes import cohort_notes
from blues.fuse.staytime import offer, timed
from blues.survive.modelled import TITLES
from blues.survive.variables import grouping
from blues.survive.weighting import difference

DAYS = [0, 1, 3, 7, 14, 30]
RULE = {
    "stay": "los",
    "status": [f"d{day}" for day in DAYS],
    "status_days": DAYS,
    "states": {"ward": "ward", "home": "out", "dead": "dead", "icu": "icu"},
    "died_in_hospital": [{"column": "dest", "equals": ["died"]}],
    "still_in_hospital": [{"column": "here", "equals": ["yes"]}],
}


def settle(los, states, dest=None, here=None, **changes):
    """Settle one patient beside eight plain ones; return the frame's row and the rules that were applied."""
    plain = [[3.0, *"ward ward ward home home home".split(), "home", "no"]] * 8
    row = [los, *(None if s == "-" else s for s in states.split()), dest, here]
    columns = ["los", *RULE["status"], "dest", "here"]
    table = pd.DataFrame([row, *plain], columns=columns, index=list("123456789"))
    ends = survive.adjudicate(table, RULE | changes)
    found = ends.adjudication
    return ends.frame.loc["1"], found.loc[found["patient"] == "1", "rule"].tolist()


class TestStays:
    @pytest.mark.parametrize(
        ("los", "states", "time", "event"),
        [
            (20, "ward home ward ward ward home", 20, 1),  # one day out is no stay in hours
            (28, "ward home home home home home", 28 / 24, 1),  # these are hours
            (2, "ward ward ward ward ward home", 14, 0),  # five days in hospital outvote a stay of two
            (0, "icu icu icu icu icu icu", 30, 0),
        ],
    )
    def test_status_and_stay_outvote_each_other_by_days(self, los, states, time, event):
        row, _ = settle(los, states)
        assert (row["time"], row["event"]) == (pytest.approx(time), event)
        assert row["readmitted"] == 0

    @pytest.mark.parametrize(
        ("los", "states", "dest", "hours", "time", "event"),
        [
            (6, "ward ward home ward home home", None, 144, 6, 1),  # the ward's 144 hours are the stay's six days
            (26, "ward ward home home home home", None, 150, 2, 1),  # 26 hours are not 150 on the ward
            (6, "ward ward home - home home", None, np.nan, 6, 1),  # one day out against a stay, as ever
            (20, "ward ward home home home home", None, np.nan, 2, 1),  # twenty hours do not reach the day after
            (9, "ward ward home ward home home", None, np.nan, 9, 1),  # as often in as out
            (5, "ward ward dead dead dead dead", "died", np.nan, 3, 2),
            (60, "ward ward ward dead dead dead", "died", np.nan, 7, 2),  # 2.5 days, and alive on day 3
            (80, "ward ward ward dead dead dead", "died", np.nan, 80 / 24, 2),
            (28, "ward ward home home home home", None, np.nan, 28 / 24, 1),
            (80, "ward ward ward home home home", None, 80, 80 / 24, 1),
        ],
    )
    def test_hours_fit_every_source_or_are_days(self, los, states, dest, hours, time, event):
        values = [los, *(None if s == "-" else s for s in states.split()), dest, hours]
        table = pd.DataFrame([values], columns=["los", *RULE["status"], "dest", "onward"], index=["1"])
        wards = {"wards": [{"name": "ward", "column": "onward", "unit": "hours"}], "still_in_hospital": []}
        row = survive.adjudicate(table, RULE | wards).frame.loc["1"]
        assert (row["time"], row["event"]) == (pytest.approx(time), event)

    def test_ordinary_stays_are_not_called_hours(self):
        states = ["ward ward home ward home home", "ward ward home home ward home", "ward ward home ward ward home"]
        rows = [[los, *states[los % 3].split(), "home", "no"] for los in range(5, 24)]
        table = pd.DataFrame(rows, columns=["los", *RULE["status"], "dest", "here"]).set_axis(
            list("abcdefghijklmnopqrs")
        )
        assert (survive.adjudicate(table, RULE).frame["time"] >= 2).all()

    @pytest.mark.parametrize(
        ("los", "states", "dest", "time", "event", "died"),
        [
            (np.nan, "ward ward - dead dead dead", None, 7, 2, 1),  # between day 1 and day 7, not on day 1
            (np.nan, "ward ward dead dead dead dead", None, 2, 2, 1),
            (np.nan, "ward ward ward ward ward ward", "died", np.nan, np.nan, 1),
            (np.nan, "- - - - - -", "died", np.nan, np.nan, 1),
            (3, "ward ward ward ward ward dead", None, 30, 2, 1),  # the status outvotes the stay
            (20, "- - - dead dead dead", "home", np.nan, np.nan, 1),
            (60, "home home home - - dead", "home", 0, 1, 1),  # never admitted, and dead later
            (60, "home home home - - dead", None, 0, 1, 1),
            (20, "home home ward home home -", "died", 20, 2, 1),
            (3, "ward ward ward ward ward ward", "died", 30, 2, 1),
            (0, "dead dead dead dead dead dead", None, 0, 2, 1),
            (np.nan, "dead dead dead dead dead dead", None, 0, 2, 1),
            (7, "- - - dead dead dead", None, 7, 2, 1),
            (200, "ward ward ward dead dead dead", "home", 3, 0, 1),
            (29, "ward ward ward dead dead dead", "home", 3, 0, 1),
            (5, "ward ward ward home home dead", None, 5, 1, 1),
        ],
    )
    def test_deaths_have_a_day_that_can_be_theirs(self, los, states, dest, time, event, died):
        row, rules = settle(los, states, dest)
        np.testing.assert_equal([row["time"], row["event"], row["died"]], [time, event, died])
        assert rules

    def test_end_that_is_assumed_is_written_down_and_no_survival_is_claimed(self):
        row, rules = settle(5, "- - - - - -")
        assert (row["time"], row["event"]) == (5, 1)
        assert np.isnan(row["died"])
        assert rules == ["a stay that ended is taken for a discharge"]
        assert settle(5, "- - - - - -", "home")[1] == []

    def test_a_stay_that_had_not_ended_and_a_day_out_is_a_contradiction(self):
        row, rules = settle(5, "ward ward ward home home home", here="yes")
        assert (row["time"], row["event"]) == (5, 0)
        assert "the stay had not ended" in rules

    def test_wards_end_in_a_discharge_where_the_status_shows_it(self):
        wards = {"wards": [{"name": "ward", "column": "onward", "unit": "days"}]}
        table = pd.DataFrame(
            {"los": [3.0, 3.0, 3.0], "onward": [8.0, 8.0, 3.0], "d0": "ward", "d14": [None, "home", "home"]}
        )
        rule = {"stay": "los", "status": ["d0", "d14"], "status_days": [0, 14], "states": RULE["states"]} | wards
        frame = survive.adjudicate(table.set_axis(list("abc")), rule).frame
        assert frame["time"].tolist() == [8, 8, 3]
        assert frame["event"].tolist() == [0, 1, 1]

    @pytest.mark.parametrize("wrong", [{"horizon": 0}, {"horizon": -5}, {"tolerance": -3}])
    def test_limits_that_are_none_are_refused(self, wrong):
        with pytest.raises(InputError, match=next(iter(wrong))):
            settle(5, "ward ward ward home home home", **wrong)

    def test_horizon_forgets_no_death_and_is_no_contradiction(self):
        table = pd.DataFrame({"los": [40, 10, 35, 30], "dest": ["died", "home", "home", "died"]}, index=list("abcd"))
        rule = {"stay": "los", "died_in_hospital": RULE["died_in_hospital"], "horizon": 30}
        found = survive.adjudicate(table, rule)
        assert found.frame[["time", "event", "died"]].to_numpy().tolist() == [
            [30, 0, 1],
            [10, 1, 0],
            [30, 0, 0],
            [30, 2, 1],
        ]
        assert not found.frame["adjudicated"].any()
        assert found.contradictions.empty
        assert len(found.adjudication) == 2

    def test_nothing_told_of_ends_is_no_survival(self):
        table = pd.DataFrame({"los": [3.0, 5.0], "onward": [3.0, 9.0]}, index=["1", "2"])
        ends = survive.adjudicate(table, {"stay": "los"})
        assert ends.frame["event"].tolist() == [1, 1]
        assert ends.frame["died"].isna().all()
        assert ends.adjudication.empty
        assert "does not say how stays ended" in ends.rule.told()
        wards = {"wards": [{"name": "ward", "column": "onward", "unit": "days"}]}
        assert survive.adjudicate(table, {"stay": "los"} | wards).frame["died"].isna().all()
        told = survive.adjudicate(
            table.assign(d0=["ward", None]),
            {"stay": "los"}
            | RULE
            | {"status": ["d0"], "status_days": [0], "died_in_hospital": [], "still_in_hospital": []},
        )
        assert told.frame["died"].isna().tolist() == [False, True]
        assert told.frame["adjudicated"].tolist() == [False, True]
        assert "does not say how stays ended" not in told.rule.told()

    def test_table_of_endpoints_names_deaths_without_a_time_and_counts_known_ends(self):
        table = pd.DataFrame(
            {"los": [0, 0, 0, 4, None, None, 0], "dest": ["home", "here", "died", "died", "died", "died", None]},
            index=list("abcdefg"),
        )
        still = [{"column": "dest", "equals": ["here"]}]
        ends = survive.adjudicate(
            table, {"stay": "los", "died_in_hospital": RULE["died_in_hospital"], "still_in_hospital": still}
        )
        shown = ends.summary().set_index("endpoint")["patients"]
        assert shown["died in hospital"] == 2
        assert shown["died, in hospital or later"] == 4
        assert shown["time unknown, of these died"] == 2
        assert shown["stay of zero days"] == 3
        assert shown["first ward: none"] == 1

    def test_text_of_a_decision_says_what_became_of_the_patient(self):
        table = pd.DataFrame({"los": [6.0, 6.0], "onward": [10.0, 10.0], "dest": ["died", "home"]}, index=["1", "2"])
        wards = {"wards": [{"name": "ward", "column": "onward", "unit": "days"}]}
        rule = {"stay": "los", "died_in_hospital": RULE["died_in_hospital"]} | wards
        ends = survive.adjudicate(table, rule)
        assert ends.frame["event"].tolist() == [2, 0]
        assert ends.adjudication["decision"].tolist() == [
            "10.0 days, died in hospital",
            "10.0 days, censored: the end is not known",
        ]

    def test_durations_of_pandas_are_days_and_dates_are_none(self):
        three = pd.to_timedelta([3, 4.5], unit="D")
        for cells in (three, pd.Series(three, dtype=object), [three[0].to_pytimedelta(), None]):
            for unit in ("days", "hours"):
                table = pd.DataFrame({"los": cells}).set_axis(["1", "2"])
                assert survive.adjudicate(table, {"stay": "los", "unit": unit}).frame["time"].iloc[0] == 3
        table = pd.DataFrame({"los": three, "oxy": [pd.Timedelta(hours=12), pd.NaT]}).set_axis(["1", "2"])
        rule = {"stay": "los", "unit": "hours", "oxygen": {"column": "oxy", "unit": "hours"}, "horizon": 2}
        ends = survive.adjudicate(table, rule)
        assert ends.frame["oxygen_days"].iloc[0] == 0.5
        assert ends.adjudication["values"].tolist() == ["los 3 days; oxy 0.5 days", "los 4.5 days; oxy missing days"]
        assert ends.rule.told().startswith("Length of stay: los, in days. Days of oxygen: oxy, in days.")
        when = pd.to_datetime(["2020-03-01", "2020-03-04"])
        for cells in (when, when.date, pd.Series(when, dtype=object)):
            with pytest.raises(InputError, match="column 'los': holds dates.*Give the days between"):
                survive.adjudicate(pd.DataFrame({"los": cells}).set_axis(["1", "2"]), {"stay": "los"})

    def test_of_nobody_known_is_not_none(self):
        table = pd.DataFrame({"los": [3.0, 5.0]}, index=["1", "2"])
        shown = survive.adjudicate(table, {"stay": "los"}).summary()["endpoint"].tolist()
        assert "time unknown" in shown
        for words in ("ICU at any time", "oxygen therapy", "in hospital again later", "ICU or death"):
            assert words not in shown


class TestNumbers:
    def test_competing_risk_regression_sees_a_rare_yes_separate(self):
        rng = np.random.default_rng(0)
        x = (np.arange(100) < 10).astype(float)
        event = np.where(rng.random(100) < 0.4, 2, 1)
        event[:10] = 2
        fit = survive.fine_gray(rng.exponential(5, 100), event, x)
        assert not fit.converged
        assert fit.table["coef"].isna().all()
        assert "no maximum" in fit.notes[0]
        event[0] = 1
        assert survive.fine_gray(rng.exponential(5, 100), event, x).converged

    def test_group_that_does_not_vary_is_not_known_exactly(self):
        alike = survive.restricted_mean([5] * 4, [1] * 4, groups=list("xxyy")).differences.iloc[0]
        assert np.isnan(alike["low"])
        assert "no interval" in alike["reason"]
        found = survive.restricted_mean([5, 5, 2, 3], [1, 1, 1, 1], groups=list("xxyy"))
        gap = found.differences.iloc[0]
        assert np.isnan([gap["p_value"], gap["low"], gap["high"], gap["ratio_low"]]).all()
        assert "one group does not vary" in gap["reason"]
        assert found.table.set_index("group")["low"].isna().to_dict() == {"x": True, "y": False}
        assert survive.restricted_mean([0, 0, 0, 0, 20], [1] * 5).table["low"].item() == 0

    def test_auc_without_a_wrong_pair_has_an_interval(self):
        rng = np.random.default_rng(1)
        t = rng.exponential(5, 40)
        e = (rng.random(40) < 0.6).astype(int)
        found = survive.time_dependent_auc(t, e, -t, [3, 6])
        assert (found["auc"] > 1 - 1e-9).all()
        assert (found["low"] < 0.99).all()

    def test_separation_on_one_clip_is_no_finding(self):
        rng = np.random.default_rng(2)
        cluster = np.repeat(np.arange(20), 4)
        y = (rng.random(80) < 0.4).astype(float)
        x = np.zeros(80)
        x[int(np.flatnonzero(y)[0])] = 1
        table = survive.clustered_association(y, x, cluster, "binary").set_index("method")
        robust = table.loc["logistic regression, cluster-robust"]
        assert np.isnan(robust["p_value"])
        assert "separates" in robust["note"]

    @pytest.mark.parametrize("shape", [(2, 30), (60,)])
    def test_covariates_in_another_shape_are_refused(self, shape):
        rng = np.random.default_rng(3)
        y, x, cluster = rng.normal(size=30), rng.normal(size=30), np.repeat(np.arange(10), 3)
        with pytest.raises(InputError, match="covariates"):
            survive.clustered_association(y, x, cluster, "continuous", covariates=rng.normal(size=shape))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stays")
    return datasets.synthetic(folder / "c", patients=36, frames=8, size=64, seed=3)


def with_columns(cohort, like="crp", **columns):
    """Return the cohort with more columns, which the dictionary describes as it does another."""
    made = {name: (cohort.dictionary.columns[like].model_copy(update=update)) for name, (_, update) in columns.items()}
    dictionary = cohort.dictionary.model_copy(update={"columns": {**cohort.dictionary.columns, **made}})
    values = {name: pd.Series(series, cohort.patients.index) for name, (series, _) in columns.items()}
    return dataclasses.replace(cohort, dictionary=dictionary, patients=cohort.patients.assign(**values))


def with_rule(cohort, units, values=1.0, **section):
    """Return the cohort with columns of durations in these units, read by a section that may name others."""
    columns = {
        name: (np.arange(1.0, 37.0) * values, {"role": "outcome", "known": "discharge", "unit": unit, "range": None})
        for name, unit in units.items()
    }
    more = with_columns(cohort, **columns)
    return dataclasses.replace(more, dictionary=more.dictionary.model_copy(update={"survival": section}))


class TestUnits:
    @pytest.mark.parametrize(
        ("unit", "days"), [("hours", 1 / 24), ("Std.", 1 / 24), ("days", 1), ("", 1), ("score", 1)]
    )
    def test_unit_of_the_column_is_taken_where_the_section_has_none(self, cohort, unit, days):
        found = survive.endpoints(with_rule(cohort, {"long": unit}, stay="long"))
        assert found.frame["time"].iloc[0] == pytest.approx(days)

    def test_units_of_wards_and_oxygen_are_taken_too(self, cohort):
        more = with_rule(
            cohort,
            {"long": "", "onward": "days", "oxy": "hours"},
            stay="long",
            wards=[{"name": "ward", "column": "onward"}],
            oxygen={"column": "oxy"},
        )
        found = survive.endpoints(more)
        assert found.rule.wards[0].unit == "days"
        assert found.rule.oxygen.unit == "hours"
        assert found.frame["oxygen_days"].iloc[23] == 1

    @pytest.mark.parametrize(("column", "section"), [("hours", "days"), ("days", "hours"), ("weeks", None)])
    def test_units_that_disagree_are_refused(self, cohort, column, section):
        more = with_rule(cohort, {"long": column}, stay="long", **({"unit": section} if section else {}))
        with pytest.raises(
            InputError, match=f"column 'long': the unit of the column is '{column}', and {section or 'not'}"
        ):
            survive.endpoints(more)

    def test_units_of_a_rule_from_python_that_disagree_are_the_rule_s(self, cohort):
        rule = survive.StayRule("long")
        with pytest.raises(InputError, match="column is 'hours', and days in the rule"):
            survive.endpoints(with_rule(cohort, {"long": "hours"}, stay="long"), rule)

    def test_stays_of_months_are_asked_about(self, cohort):
        hours = with_rule(cohort, {"long": ""}, 24, stay="long")
        assert "longer than 444 days, which is odd: is long in days?" in survive.section(hours, [])["Reading"]
        short = with_rule(cohort, {"long": ""}, 24, stay="long", horizon=30)
        assert survive.endpoints(short).frame["time"].max() == 30
        assert "longer than 444 days" in survive.endpoints(short).doubt
        assert survive.endpoints(with_rule(cohort, {"long": ""}, stay="long")).doubt == ""
        shown = timed(design(offer(hours, "discharge"), "discharge", ["blood"]), offer(hours, "discharge"))
        assert "444" in shown.facts["stay_doubt"]


def test_deaths_under_another_spelling_are_warned_of(cohort):
    survival = cohort.dictionary.survival | {"died_in_hospital": [{"column": "status", "equals": ["DIED"]}]}
    other = read(cohort.folder, cohort.dictionary.model_copy(update={"survival": survival}))
    shown = cohort_notes(design(other, "pcr", ["blood"]))
    assert shown[0]["level"] == "warning"
    assert "'DIED': no patient meets died_in_hospital in [survival]" in shown[0]["text"]
    assert "'died': is spelt like 'DIED' of died_in_hospital in [survival]" in shown[1]["text"].replace('"', "'")
    assert not cohort_notes(design(cohort, "pcr", ["blood"]))


def test_reading_tells_the_horizon_from_contradictions(cohort):
    shown = survive.section(with_rule(cohort, {"long": ""}, stay="long", horizon=30), [])
    assert "Censored at the horizon: 6 stays." in shown["Reading"]
    assert "contradict" not in shown["Reading"]
    assert not any(title.startswith("Contradictions") for title in shown)
    assert "does not say how stays ended" in shown["How stays were read"]


class TestSections:
    def test_thirds_of_small_numbers_are_thirds(self, cohort):
        values = np.round(np.linspace(0.0011, 0.0044, 36), 5)
        more = with_columns(cohort, trop=(values, {"label": "troponin", "unit": "ng/ml"}))
        label, groups = grouping(more, "trop")
        assert label == "third of troponin"
        assert "0.0011 to " in str(groups.cat.categories[0])
        large = survive.quantile_groups([100, 150, 200, 300, 400, 500, 1234, 2345, 4321.25])
        assert large.cat.categories[-1] == "1234 to 4321.25"
        assert len(survive.quantile_groups([1e-14, 2e-14, 3e-14]).cat.categories) == 3
        assert survive.quantile_groups([-0.004, 1, 2, 3, 4, 5]).cat.categories[0] == "0 to 1"
        assert groups.value_counts().tolist() == [12, 12, 12]
        assert "trop" not in str(survive.section(more, ["trop"]).get("Not described by troponin", ""))

    def test_variables_of_one_label_are_told_apart(self, cohort):
        rng = np.random.default_rng(4)
        a, b = rng.normal(size=36), rng.normal(size=36)
        more = with_columns(cohort, one=(a, {"label": "marker"}), two=(b, {"label": "marker"}))
        names = survive.model_section(more, ["one", "two"])[TITLES["cox"]]["variable"]
        assert {n.partition(":")[0] for n in names} == {"marker (one)", "marker (two)"}

    def test_ratio_takes_five_events_among_those_who_have_the_variable(self, cohort):
        values = np.full(36, np.nan)
        values[:4] = [1.0, 2.0, 3.0, 5.0]
        shown = survive.model_section(with_columns(cohort, few=(values, {"label": "few"})), ["few"])
        assert TITLES["cox"] not in shown
        assert shown[TITLES["sizes"]]["remark"].str.contains("takes at least 5").any()

    def test_arm_whose_column_does_not_vary_in_a_fold_takes_patients_as_alike(self):
        ids = [str(i) for i in range(30)]
        rng = np.random.default_rng(5)
        ends = pd.DataFrame({"time": rng.exponential(5, 30).round(1) + 0.5, "event": 1}, index=ids)
        rare = pd.DataFrame({"copd": np.r_[1.0, np.zeros(29)]}, index=ids)
        blood = pd.DataFrame({"crp": rng.normal(size=30)}, index=ids)
        splits = [(np.array(ids[6 * k + 6 :] + ids[: 6 * k]), np.array(ids[6 * k : 6 * k + 6])) for k in range(5)]
        found = survive.out_of_fold_risk({"blood": blood, "rare": rare}, ends, splits, arms=["blood", "rare"])
        table = found.predictions[found.predictions["arm"] == "rare"]
        assert (table.loc[table["fold"] == 0, "risk"] == 0).all()
        assert any("no column varies" in note for note in found.notes)

    def test_stay_of_one_length_for_everybody_is_refused_before_any_arm(self):
        index = pd.Index([str(i) for i in range(20)], name="patient")
        blood = pd.DataFrame({"crp": np.arange(20.0)}, index)
        same = Design(
            task="discharge",
            kind="time",
            level="patient",
            label="time to discharge alive",
            y=pd.Series(3.0, index),
            event=pd.Series(1, index),
            patients=pd.Series(index, index),
            blocks={"blood": blood},
            refused=pd.DataFrame(columns=["column", "role", "known", "reason"]),
            dropped=pd.DataFrame(columns=["row", "patient", "reason"]),
        )
        with pytest.raises(InputError, match="3 days for everybody"):
            run(same, Experiment(task="discharge", repeats=1))


@pytest.mark.parametrize("n", [12, 30, 60, 200])
def test_a_covariate_that_orders_every_event_ends_in_words(n):
    time = np.arange(1.0, n + 1)
    for covariate in (time, -time, np.exp(time / 5)):
        fit = survive.cox(time, np.ones(n), covariate)
        assert fit.table.isna().all(axis=None)
        assert any("separates early from late events" in note for note in fit.notes)


def test_a_table_is_no_mapping_of_blocks():
    with pytest.raises(
        InputError, match=r'blocks is a DataFrame. Allowed: modality -> table. Write \{"clinical": table\}'
    ):
        survive.penalised_cox([1, 2, 3], [1, 1, 0], pd.DataFrame({"age": [1, 2, 3]}))


@pytest.mark.parametrize("curve", [survive.kaplan_meier, survive.aalen_johansen])
def test_numbers_at_risk_between_events_count_who_has_entered(curve):
    """By hand: subjects under watch in (0, 5], (2, 6], (4, 7]; nobody counts before coming or after leaving."""
    found = curve([5, 6, 7, 5], [1, 1, 0, 1], entry=[0, 2, 4, 0], groups=["a", "a", "a", "b"])
    at = found.at([1, 3, 4.5, 5, 5.5, 6.5, 8])
    assert at.loc[at["group"] == "a", "at_risk"].tolist() == [1, 2, 3, 3, 2, 1, 0]
    assert at.loc[at["group"] == "b", "at_risk"].tolist() == [1, 1, 1, 1, 0, 0, 0]
    held = found.table.query("group == 'a' and time > 0")
    read = found.at(held["time"]).query("group == 'a'")
    assert read["at_risk"].tolist() == held["at_risk"].tolist()


def test_a_score_that_no_patient_moves_has_no_interval():
    scores = survive.ipcw_brier(np.arange(1, 11), [1, 0] * 5, np.full((10, 2), 0.5), [4, 9])
    for found in (*scores.table.itertuples(), scores.integrated):
        value = found.brier if hasattr(found, "brier") else found.value
        assert value == pytest.approx(0.25)
        assert np.isnan([found.low, found.high, found.se]).all()
    assert (scores.table["reason"] == "leaving out a patient never moves the score").all()
    gap = difference(np.array([0.1, 0.1 + 3e-15, 0.1, 0.1 - 3e-15]), np.zeros(4))
    assert np.isnan(gap.p_value)


@pytest.mark.parametrize("wrap", [pd.Categorical, pd.CategoricalIndex, lambda g, c: pd.Series(pd.Categorical(g, c))])
def test_categories_order_the_groups_in_whatever_holds_them(wrap, rng):
    time, event = rng.exponential(6, 40), np.ones(40)
    groups = wrap(np.where(np.arange(40) % 2, "high", "low"), ["low", "none", "high"])
    found = survive.restricted_mean(time, event, tau=4, groups=groups).differences
    assert found[["group", "reference"]].to_numpy().tolist() == [["high", "low"]]
    assert survive.kaplan_meier(time, event, groups=groups).table["group"].unique().tolist() == ["low", "high"]
