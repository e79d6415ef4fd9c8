"""What people pass by mistake is refused with the place named, and what data cannot carry is said."""

import numpy as np
import pandas as pd
import pytest

from blues import survive
from blues.check import InputError

TIME, EVENT = [1.0, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 0]
GROUPS = list("aaabbb")
X = [1.0, 0, 1, 0, 2, 1]

CALLS = {
    "kaplan_meier": lambda t, e: survive.kaplan_meier(t, e),
    "aalen_johansen": lambda t, e: survive.aalen_johansen(t, e),
    "logrank_test": lambda t, e: survive.logrank_test(t, e, GROUPS),
    "gray_test": lambda t, e: survive.gray_test(t, e, GROUPS),
    "restricted_mean": lambda t, e: survive.restricted_mean(t, e, tau=2),
    "cox": lambda t, e: survive.cox(t, e, X),
    "penalised_cox": lambda t, e: survive.penalised_cox(t, e, {"b": pd.DataFrame({"x": X})}, penalty=1.0),
    "fine_gray": lambda t, e: survive.fine_gray(t, e, X, least_per_parameter=0, least_competing=0),
    "harrell_c": lambda t, e: survive.harrell_c(t, e, X),
    "uno_c": lambda t, e: survive.uno_c(t, e, X),
    "time_dependent_auc": lambda t, e: survive.time_dependent_auc(t, e, X, 2),
    "ipcw_brier": lambda t, e: survive.ipcw_brier(t, e, [0.5] * 6, 2),
    "hurdle": lambda t, e: survive.hurdle(t, e, X),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("time", "event", "message"),
    [
        ([1, 2, -3, 4, 5, 6], EVENT, r"value -3.0: time is negative for 1 of 6 .* position 2"),
        ([1, 2, np.nan, 4, 5, 6], EVENT, r"time is missing or infinite for 1 of 6 .* position 2"),
        ([1, 2, np.inf, 4, 5, 6], EVENT, "infinite"),
        (["1", "two", "3", "4", "5", "6"], EVENT, "time must be numbers"),
        (TIME, [1, 1, np.nan, 1, 1, 0], "no status code, the first at position 2"),
        (TIME, [1, 1, 0.5, 1, 1, 0], "value 0.5: event holds 1 entries that are no status code"),
        (TIME, [1, 1, -1, 1, 1, 0], "Allowed: 0 censored, 1 the event"),
        (TIME, ["dead"] * 6, "event must be numbers or booleans"),
        (TIME[:-1], EVENT, "differ in length|has 6 entries and time has 5|has 6 rows and time has 5"),
        ([], [], "time is empty"),
    ],
)
def test_times_and_events(name, time, event, message):
    with pytest.raises(InputError, match=message):
        CALLS[name](time, event)


@pytest.mark.parametrize("name", ["kaplan_meier", "logrank_test", "restricted_mean", "cox", "harrell_c", "ipcw_brier"])
def test_competing_codes_where_one_event_is_known(name):
    with pytest.raises(InputError, match="knows one kind of event.*cause="):
        CALLS[name](TIME, [1, 2, 0, 1, 2, 0])


@pytest.mark.parametrize("name", ["aalen_johansen", "logrank_test", "gray_test", "cox", "penalised_cox", "fine_gray"])
def test_all_censored(name):
    with pytest.raises(InputError, match="of 6 subjects none has one|no subject has event code 1"):
        CALLS[name](TIME, [0] * 6)


def test_all_censored_can_still_be_drawn():
    curves = survive.kaplan_meier(TIME, [0] * 6)
    assert (curves.table["survival"] == 1).all()
    assert curves.median["median"].isna().all()
    assert survive.restricted_mean(TIME, [0] * 6, tau=5).table["value"][0] == 5
    found = survive.harrell_c(TIME, [0] * 6, X)
    assert np.isnan(found.value)
    assert "undefined" in found.detail["reason"]


def test_one_event():
    event = [0, 0, 1, 0, 0, 0]
    assert survive.kaplan_meier(TIME, event).at([4])["survival"][0] == pytest.approx(0.75)
    assert survive.logrank_test(TIME, event, GROUPS).statistic == pytest.approx(3)  # .75^2 / (.25 x .75)
    assert survive.cox(TIME, event, [1, 0, 0.5, 1, 0, 1]).events_per_parameter == 1
    found = survive.harrell_c(TIME, event, X)
    assert np.isnan(found.low)
    assert "undefined without" in found.detail["reason"]


def test_ties_everywhere():
    time, event = [3.0] * 6, [1] * 6
    assert survive.kaplan_meier(time, event).table["survival"].tolist() == [1, 0]
    assert survive.aalen_johansen(time, [1, 2, 1, 2, 1, 1]).at([3])["incidence"].tolist() == pytest.approx(
        [2 / 3, 1 / 3]
    )
    assert survive.logrank_test(time, event, GROUPS).p_value == 1
    assert survive.cox(time, event, X).table["coef"].iloc[0] == pytest.approx(0, abs=1e-9)
    assert np.isnan(survive.harrell_c(time, event, X).value)


def test_event_before_entry():
    with pytest.raises(InputError, match=r"before entry.*1 subjects, the first at position 2.*|entry 4, time 3"):
        survive.kaplan_meier(TIME, EVENT, entry=[0, 0, 4, 0, 0, 0])
    with pytest.raises(InputError, match="before entry, or at it"):
        survive.cox(TIME, EVENT, X, entry=[0, 2, 0, 0, 0, 0])
    zero = survive.kaplan_meier([0, 3], [1, 0], entry=[0, 0])
    assert zero.table["survival"].tolist() == [0.5, 0.5]


def test_rows_of_different_tables():
    time = pd.Series(TIME, index=list("abcdef"))
    event = pd.Series(EVENT, index=list("bacdef"))
    with pytest.raises(InputError, match="time and event are tables with different row labels"):
        survive.kaplan_meier(time, event)
    with pytest.raises(InputError, match="time and covariates"):
        survive.cox(time, EVENT, pd.DataFrame({"x": X}))


def test_groups():
    with pytest.raises(InputError, match="1 group only"):
        survive.logrank_test(TIME, EVENT, ["a"] * 6)
    with pytest.raises(InputError, match="groups is missing for 1 subjects, the first at position 1"):
        survive.kaplan_meier(TIME, EVENT, groups=["a", None, "a", "b", "b", "b"])
    gone = survive.logrank_test([1, 1, 5, 5], [0, 0, 1, 1], list("aabb"))
    assert np.isnan(gone.p_value)
    assert "at risk" in gone.detail["reason"]
    with pytest.raises(InputError, match="fewer than two distinct values"):
        survive.quantile_groups([1, 1, 1])


def test_horizons():
    with pytest.raises(InputError, match="tau is 7.*last seen at 6"):
        survive.restricted_mean(TIME, EVENT, tau=7)
    with pytest.raises(InputError, match="tau must be a positive time"):
        survive.restricted_mean(TIME, EVENT, tau=0)
    with pytest.raises(InputError, match="tau must be a positive time"):
        survive.uno_c(TIME, EVENT, X, tau=-1)
    with pytest.raises(InputError, match="time 9 is not among the times watched"):
        survive.time_dependent_auc(TIME, EVENT, X, 9)
    with pytest.raises(InputError, match="reference is 'c', which is no group"):
        survive.restricted_mean(TIME, EVENT, groups=GROUPS, tau=2, reference="c")


def test_predictions():
    with pytest.raises(InputError, match="must be probabilities"):
        survive.ipcw_brier(TIME, EVENT, [1.2] * 6, 2)
    with pytest.raises(InputError, match="survival rises with time.*1 - p"):
        survive.ipcw_brier(TIME, EVENT, [[0.2, 0.8]] * 6, [2, 4])
    with pytest.raises(InputError, match="one row a subject, one column a time"):
        survive.ipcw_brier(TIME, EVENT, [[0.8, 0.2]] * 6, [2, 3, 4])
    with pytest.raises(InputError, match="times must ascend"):
        survive.ipcw_brier(TIME, EVENT, [[0.8, 0.2]] * 6, [4, 2])
    with pytest.raises(InputError, match="risk has 1 entries that are missing"):
        survive.harrell_c(TIME, EVENT, [1, 2, np.nan, 4, 5, 6])
    with pytest.raises(InputError, match="g_at is 'T-'"):
        survive.uno_c(TIME, EVENT, X, g_at="T-")


def test_covariates():
    table = pd.DataFrame({"age": [50.0, 60, 70, 55, 65, 75], "same": 1.0})
    with pytest.raises(InputError, match="constant.*'same'"):
        survive.cox(TIME, EVENT, table)
    table["double"] = 2 * table["age"] + 1
    with pytest.raises(InputError, match="column 'double': a linear combination of 'age'"):
        survive.cox(TIME, EVENT, table.drop(columns="same"))
    with pytest.raises(InputError, match="column 'word': covariates must be numbers"):
        survive.cox(TIME, EVENT, pd.DataFrame({"word": list("abcdef")}))
    with pytest.raises(InputError, match="column 'age': 1 values are missing"):
        survive.cox(TIME, EVENT, table[["age"]].assign(age=[1, 2, np.nan, 4, 5, 6]))
    with pytest.raises(InputError, match="6 covariates for 6 subjects"):
        survive.cox(TIME, EVENT, np.random.default_rng(0).normal(size=(6, 6)))
    with pytest.raises(InputError, match="ties is 'exact'"):
        survive.cox(TIME, EVENT, X, ties="exact")


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_separation_is_said_and_gives_no_number(ties):
    fit = survive.cox(TIME, [1] * 6, [1, 1, 1, 0, 0, 0], ties=ties)
    assert not fit.converged
    assert fit.table.isna().all(axis=None)
    assert any("no maximum" in note for note in fit.notes)
    with pytest.raises(InputError, match="did not converge"):
        survive.proportional_hazards_test(fit)


def test_few_events_are_said():
    fit = survive.cox(TIME, EVENT, X)
    assert fit.events_per_parameter == 4
    assert any("4.0 events per parameter" in note for note in fit.notes)


def test_competing_risk_regression_is_refused_with_the_reason(rng):
    n = 63
    time, x = rng.integers(0, 20, n).astype(float), rng.normal(size=(n, 3))
    event = np.ones(n, int)
    event[:2] = 2
    with pytest.raises(InputError, match="refused: 2 events of cause 2 for 3 parameters, 0.7 events per parameter"):
        survive.fine_gray(time, event, x, cause=2)
    with pytest.raises(InputError, match="refused: 2 competing events.*Take the cause-specific hazard"):
        survive.fine_gray(time, event, x, cause=1)
    with pytest.raises(InputError, match="no subject has event code 3"):
        survive.fine_gray(time, event, x, cause=3)


def test_log_time_with_events_at_time_zero():
    fit = survive.cox([0.0, 1, 2, 3, 4, 5], [1] * 6, X)
    with pytest.raises(InputError, match="some events happen at time 0"):
        survive.proportional_hazards_test(fit, transform="log")
    assert survive.proportional_hazards_test(fit).shape == (2, 3)


def test_hurdle_needs_zeros():
    with pytest.raises(InputError, match="0 of 6 stays are zero.*The Cox models need neither"):
        survive.hurdle(TIME, EVENT, X)
    with pytest.raises(InputError, match="censored at time 0"):
        survive.hurdle([0.0, 0, 3, 4, 5, 6], [0, 1, 1, 1, 1, 1], X)


def test_the_test_of_proportional_hazards_takes_a_fitted_model():
    with pytest.raises(InputError, match="fit is a list.*what cox"):
        survive.proportional_hazards_test([1.0, 2.0])


@pytest.mark.parametrize("score", [survive.harrell_c, survive.uno_c])
def test_a_perfect_ranking_of_four_is_no_certainty(score):
    best, worst = (score([1, 2, 3, 4], [1] * 4, risk) for risk in ([4, 3, 2, 1], [1, 2, 3, 4]))
    assert (best.value, best.high) == (1, 1)
    assert (worst.value, worst.low) == (0, 0)
    assert best.low == pytest.approx(1 - worst.high) == pytest.approx(4 / (4 + 1.959964**2))  # Wilson's at 4 of 4
    assert best.detail["reason"]
