"""The model section and the associations of a report: the numbers are those of the single calls, and refusals give reasons."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from stay_cohort import write_tables

import blues.cohort
from blues import datasets, survive
from blues.check import InputError
from blues.cohort.schema import Column
from blues.datasets.synthetic_tables import DISCHARGE_HAZARD
from blues.evaluate import benjamini_hochberg
from blues.survive.associations import EVERY, SUMMARY, measurements
from blues.survive.modelled import TITLES
from blues.survive.variables import covariates, model_variables


def with_column(cohort, name, values, **column):
    """Return the cohort with one more column of the patients."""
    spec = Column(**{"role": "clinical", "known": "admission", "kind": "continuous", **column})
    columns = {**cohort.dictionary.columns, name: spec}
    return dataclasses.replace(
        cohort,
        dictionary=cohort.dictionary.model_copy(update={"columns": columns}),
        patients=cohort.patients.assign(**{name: values}),
    )


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modelled")
    illness = write_tables(folder, 400)
    return with_column(blues.cohort.read(folder), "illness", illness)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rated")
    write_tables(folder, 40, rated=40)
    return blues.cohort.read(folder)


@pytest.fixture(scope="module")
def shown(many):
    return survive.model_section(many, ["illness", "icu", "smoking"])


def test_planted_hazard_ratios_stand_in_the_table_within_their_intervals(many, shown):
    table = shown[TITLES["cox"]]
    rows = table[(table["outcome"] == "discharged alive") & (table["model"] == "together")].set_index("variable")
    spread = many.patients["illness"].std()
    for name, planted in (
        (f"illness: a standard deviation ({spread:.3g})", DISCHARGE_HAZARD["illness"] ** spread),
        ("intensive care during the stay: yes against no", DISCHARGE_HAZARD["icu"]),
    ):
        assert rows.loc[name, "low"] < planted < rows.loc[name, "high"] < 1, name


def test_tables_hold_what_the_single_calls_give(many, shown):
    table, parts = covariates(many, ["illness", "icu", "smoking"])
    assert len(parts["smoking"]) == many.patients["smoking"].nunique() - 1
    frame = survive.endpoints(many).frame.dropna(subset=["time"])
    x = table.loc[frame.index].dropna()
    rows = frame.loc[x.index]
    fits = {
        "leaving in any way": survive.cox(rows["time"], rows["event"] > 0, x),
        "discharged alive": survive.cause_specific_cox(rows["time"], rows["event"], x),
    }
    for outcome, fit in fits.items():
        for key, columns, wanted in (
            ("cox", ["hazard_ratio", "low", "high", "p_value"], fit.table),
            (
                "zph",
                ["statistic", "p_value"],
                survive.proportional_hazards_test(fit).rename({"GLOBAL": "all together"}),
            ),
        ):
            found = shown[TITLES[key]]
            found = found[(found["outcome"] == outcome) & (found["model"] == "together")].set_index("variable")
            np.testing.assert_allclose(found.loc[wanted.index, columns], wanted[columns], rtol=1e-12)
            assert len(found) == len(wanted)
    alone = shown[TITLES["cox"]]
    alone = alone[(alone["model"] == "alone") & (alone["outcome"] == "discharged alive")].set_index("variable")
    one = survive.cause_specific_cox(rows["time"], rows["event"], x[parts["icu"]])
    assert alone.loc[parts["icu"][0], "hazard_ratio"] == pytest.approx(one.table["hazard_ratio"].iloc[0])


def test_events_are_counted_and_few_of_them_refused(shown):
    sizes = shown[TITLES["sizes"]].set_index("model")
    whole = sizes.loc["cause-specific Cox, discharged alive: all variables"]
    assert whole["events_per_parameter"] == pytest.approx(whole["events"] / whole["parameters"])
    assert "names no daily status" in sizes.loc[sizes.index.str.startswith("discrete-time"), "remark"].iloc[0]
    deaths = sizes.loc["cause-specific Cox, died in hospital: all variables"]
    assert deaths["events"] == 24
    assert "fewer than 10 events per parameter" in deaths["remark"]


def test_deaths_too_few_for_one_ratio_and_for_competing_risk_regression(small):
    shown = survive.model_section(small)
    sizes = shown[TITLES["sizes"]].set_index("model")
    assert sizes.loc["cause-specific Cox, died in hospital", "remark"].startswith("not fitted: 2 events")
    assert set(shown[TITLES["cox"]]["outcome"]) == {"leaving in any way", "discharged alive"}
    assert shown[TITLES["fine_gray"]].startswith("Competing-risk regression refused: 2 competing events")
    two_part = sizes[sizes.index.str.startswith("two-part: stay above zero")]
    assert two_part["events"].iloc[0] == 1
    assert two_part["remark"].iloc[0].startswith("not given: 1 of them")
    ratios = shown[TITLES["hurdle"]].set_index("part")["ratio"]
    assert ratios["odds ratio of a stay above zero days"].isna().all()


def test_daily_status_is_modelled_where_there_is_one(many):
    ends = survive.endpoints(many)
    days = [0.0, 2.0, 4.0, 7.0, 12.0]
    states = {
        d: np.where(ends.frame["time"] > d, "ward", np.where(ends.frame["event"] == 2, "dead", "out")) for d in days
    }
    daily = dataclasses.replace(ends, status=pd.DataFrame(states, index=ends.frame.index, dtype=object))
    shown = survive.model_section(many, ["illness", "icu"], ends=daily)
    table = shown[TITLES["discrete"]].set_index("variable")
    x = covariates(many, ["illness", "icu"])[0].reindex(ends.frame.dropna(subset=["time"]).index).dropna()
    wanted = survive.discrete_time(daily.status.loc[x.index], x).table
    np.testing.assert_allclose(table.loc[wanted.index, "hazard_ratio"], wanted["hazard_ratio"])
    spread = many.patients["illness"].std()
    row = table.iloc[0]
    assert row["low"] < DISCHARGE_HAZARD["illness"] ** spread < row["high"]
    sizes = shown[TITLES["sizes"]].set_index("model")
    assert sizes.loc[sizes.index.str.startswith("discrete-time"), "parameters"].iloc[0] >= 6


def test_one_variable_a_constant_one_and_free_text(many):
    shown = survive.model_section(many, ["icu"])
    assert set(shown[TITLES["cox"]]["model"]) == {"alone"}
    assert not (shown[TITLES["zph"]]["variable"] == "all together").any()
    constant = with_column(many, "ward", 3.0)
    shown = survive.model_section(constant, ["icu", "ward"])
    assert "do not vary: ward" in shown["Models"]
    assert list(survive.model_section(constant, ["ward"])) == ["Models"]
    with pytest.raises(InputError, match="column 'told': free text"):
        survive.model_section(with_column(many, "told", "a", kind="text", role="excluded"), ["told"])
    with pytest.raises(InputError, match="Nearest: 'icu'"):
        survive.model_section(many, ["icuu"])


def test_covariates_that_say_the_same_cost_their_model_and_not_the_section(many):
    doubled = with_column(many, "twice", 2 * many.patients["age"] + 1)
    shown = survive.model_section(doubled, ["age", "twice"])
    sizes = shown[TITLES["sizes"]].set_index("model")["remark"]
    assert "a linear combination of" in sizes["Cox, leaving in any way: all variables"]
    assert set(shown[TITLES["cox"]]["model"]) == {"alone"}


def test_dictionary_names_the_variables(many):
    assert model_variables(many) == ["pcr", "severity"]
    section = {**many.dictionary.survival, "variables": ["age"]}
    named = dataclasses.replace(many, dictionary=many.dictionary.model_copy(update={"survival": section}))
    assert model_variables(named) == ["age"]
    assert "named in the dictionary" in survive.model_section(named)["Models"]


# ------------------------------------------------------------------------------------------------------ associations


def test_associations_are_those_of_the_single_calls(small):
    found = survive.association_section(small, ["severity"], ["crp", "ldh"])
    rating = small.ratings[small.ratings["item"] == "severity"].dropna().groupby("clip", sort=False)["rating"].mean()
    patient = small.clips["patient"][rating.index]
    crp = small.patients["crp"] / small.patients["crp"].std()
    direct = survive.clustered_association(rating.to_numpy(), crp[patient].to_numpy(), patient.to_numpy(), "ordinal")
    direct = direct.set_index("method")
    row = found[SUMMARY].iloc[0]
    assert (row["finding"], row["measured"]) == ("severity (Soldati 2020)", "CRP")
    clustered = direct.loc["ordinal logistic regression, bias-reduced"]
    assert row["effect"] == pytest.approx(np.exp(clustered["estimate"]))
    assert row["low"] == pytest.approx(np.exp(clustered["low"]))
    assert row["p_value"] == clustered["p_value"]
    assert row["clustered_p"] == direct.loc["ordinal logistic regression, cluster-robust", "p_value"]
    assert row["naive_p"] == direct.loc["ordinal logistic regression, clips independent", "p_value"]
    assert row["gee_p"] == direct.loc["GEE, exchangeable", "p_value"]
    assert row["mixed_p"] == direct.loc["mixed model, random intercept", "p_value"]
    assert row["design_effect"] == direct["design_effect"].iloc[0] > 1
    assert found[SUMMARY]["q_value"].to_numpy() == pytest.approx(
        benjamini_hochberg(found[SUMMARY]["p_value"].to_numpy())
    )
    assert len(found[EVERY]) == 2 * len(direct)


def test_every_rated_item_meets_every_measurement(small):
    names = measurements(small)
    assert {"crp", "ldh"} <= set(names)
    assert not {"oxygen_litres", "los_days"} & set(names)
    found = survive.association_section(small, measured=names[:2])[SUMMARY]
    assert len(found) == small.ratings["item"].nunique() * 2 == 6
    assert found.loc[found["p_value"].isna(), "remark"].str.len().gt(0).all()


def test_pairs_that_hang_on_few_patients_are_not_kept(small):
    """One measurement far off: the usual error calls the pair found; the bias-reduced one does not, and says why."""
    crp = pd.Series(np.sin(np.arange(len(small.patients))), small.patients.index)
    severe = small.ratings[small.ratings["item"] == "severity"].groupby("patient")["rating"].mean()
    crp[severe.idxmax()] = 200.0
    far = dataclasses.replace(small, patients=small.patients.assign(crp=crp))
    found = survive.association_section(far, ["severity"], ["crp"])
    row = found[SUMMARY].iloc[0]
    assert row["clustered_p"] < 0.05 < row["p_value"]
    assert row["remark"].startswith("few patients carry the predictor")
    assert "0 of these still do by the bias-reduced error" in found["Findings on clips"]
    assert "1 pairs hang on few patients" in found["Findings on clips"]


def test_what_cannot_be_associated_says_why(small):
    flat = dataclasses.replace(small, patients=small.patients.assign(crp=1.0))
    row = survive.association_section(flat, ["severity"], ["crp"])[SUMMARY].iloc[0]
    assert "predictor has one value only" in row["remark"]
    with pytest.raises(InputError, match="column measured"):
        survive.association_section(small, ["severity"], ["crpp"])
    with pytest.raises(InputError, match="finding"):
        survive.association_section(small, ["sevrity"])
    assert survive.association_section(dataclasses.replace(small, ratings=small.ratings.iloc[:0])) == {}


@pytest.mark.real
def test_covid_blues_model_section(real_cohort_folder):
    """63 patients, 60 discharges, 5 variables named in the dictionary; death and competing risks are refused."""
    shown = survive.section(datasets.load(real_cohort_folder), findings=True)
    sizes = shown[TITLES["sizes"]].set_index("model")
    assert sizes.loc["cause-specific Cox, discharged alive: all variables", "events_per_parameter"] == 12
    assert "not fitted: 2 events" in sizes.loc["cause-specific Cox, died in hospital", "remark"]
    assert "refused: 2 competing events" in shown[TITLES["fine_gray"]]
    assert (shown[TITLES["zph"]]["variable"] == "all together").sum() == 2
    assert len(shown[TITLES["discrete"]]) == 5
    assert len(shown[TITLES["hurdle"]]) == 10
    row = shown[SUMMARY].set_index(["finding", "measured"]).loc[("LUS severity (0-3)", "SpO2 without oxygen")]
    assert row["means_p"] == pytest.approx(0.034, abs=5e-4)
    assert row["naive_p"] < row["clustered_p"] < row["p_value"] == pytest.approx(0.0293, abs=5e-4)
    assert "from outcome_status_d0 to outcome_status_d30" in shown["How stays were read"]
