"""What must hold for any data: incidences and survival sum to one (property P7), Uno equals Harrell (P8), time zero counts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blues import survive


@st.composite
def stays(draw, causes=2, least=4):
    """Whole days with many ties and zeros; at least one event of cause 1."""
    n = draw(st.integers(least, 30))
    time = draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))
    event = draw(st.lists(st.integers(0, causes), min_size=n, max_size=n))
    event[draw(st.integers(0, n - 1))] = 1
    return np.array(time, float), np.array(event)


@settings(max_examples=25, deadline=None)
@given(stays())
def test_incidences_and_survival_sum_to_one(data):
    time, event = data
    grid = np.unique(time)
    free = survive.kaplan_meier(time, event > 0).at(grid)["survival"].to_numpy()
    incidence = survive.aalen_johansen(time, event).at(grid).groupby("time")["incidence"].sum().to_numpy()
    np.testing.assert_allclose(free + incidence, 1, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(stays(causes=1))
def test_one_cause_is_one_minus_kaplan_meier(data):
    time, event = data
    grid = np.unique(time)
    km = survive.kaplan_meier(time, event).at(grid)
    one = survive.aalen_johansen(time, event).at(grid)
    np.testing.assert_allclose(one["incidence"], 1 - km["survival"], atol=1e-12)
    inside = km["survival"] > 0
    np.testing.assert_allclose(one["se"][inside], km["se"][inside], atol=1e-12)  # Greenwood


@settings(max_examples=25, deadline=None)
@given(stays(), st.integers(0, 10**6))
def test_order_of_rows_is_no_matter(data, seed):
    time, event = data
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(time))
    risk = rng.integers(0, 4, len(time)).astype(float)
    table = survive.aalen_johansen(time, event).table
    pd.testing.assert_frame_equal(survive.aalen_johansen(time[order], event[order]).table, table, rtol=1e-9)
    first = survive.harrell_c(time, event, risk, cause=1)
    second = survive.harrell_c(time[order], event[order], risk[order], cause=1)
    np.testing.assert_allclose([second.value, second.low, second.high], [first.value, first.low, first.high], atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(stays(), st.integers(0, 10**6))
def test_uno_is_harrell_without_censoring(data, seed):
    time, event = data
    event = np.where(event == 0, 1, event)
    risk = np.random.default_rng(seed).integers(0, 5, len(time)).astype(float)
    for cause, code in ((None, np.ones(len(time), int)), (1, event)):
        harrell = survive.harrell_c(time, code, risk, cause=cause).value
        uno = survive.uno_c(time, code, risk, cause=cause).value
        np.testing.assert_allclose(uno, harrell, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_uno_is_harrell_without_censoring_before_tau(seed):
    rng = np.random.default_rng(seed)
    time, risk, tau = rng.integers(1, 12, 30).astype(float), rng.integers(0, 5, 30).astype(float), 6.0
    event = np.where(time < tau, 1, rng.integers(0, 2, 30))
    time[:3], event[:3] = [1, 2, 9], [1, 1, 0]
    harrell = survive.harrell_c(np.minimum(time, tau), event * (time < tau), risk, interval=None).value
    np.testing.assert_allclose(survive.uno_c(time, event, risk, tau=tau, interval=None).value, harrell, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(stays(causes=1), st.integers(0, 10**6))
def test_concordance_of_the_opposite_risk_is_the_complement(data, seed):
    time, event = data
    risk = np.random.default_rng(seed).normal(size=len(time))
    up, down = (survive.harrell_c(time, event, sign * risk, interval=None).value for sign in (1, -1))
    if np.isfinite(up):
        assert up + down == pytest.approx(1)
    assert survive.harrell_c(time, event, np.exp(3 * risk), interval=None).value == pytest.approx(up, nan_ok=True)


@settings(max_examples=20, deadline=None)
@given(stays(causes=1))
def test_predicting_kaplan_meier_scores_as_the_null(data):
    time, event = data
    if time.max() < 2:
        return
    grid = np.array([0.5, 1.5])
    free = survive.kaplan_meier(time, event).at(grid)["survival"].to_numpy()
    found = survive.ipcw_brier(time, event, np.tile(free, (len(time), 1)), grid, interval=None)
    np.testing.assert_allclose(found.table["brier"], found.table["null"], atol=1e-12)
    np.testing.assert_allclose(found.integrated_null, found.integrated.value, atol=1e-12)


def test_brier_without_censoring_is_the_mean_square(rng):
    time = rng.integers(1, 9, 50).astype(float)
    p = rng.random(50)
    found = survive.ipcw_brier(time, np.ones(50), p, 4, interval=None).table["brier"][0]
    assert found == pytest.approx(np.mean(((time > 4) - p) ** 2))


def test_auc_without_censoring_is_the_auc(rng):
    from sklearn.metrics import roc_auc_score

    time, risk = rng.integers(0, 9, 80).astype(float), rng.integers(0, 6, 80).astype(float)
    found = survive.time_dependent_auc(time, np.ones(80), risk, 4, interval=None)["auc"][0]
    assert found == pytest.approx(roc_auc_score(time <= 4, risk))


@settings(max_examples=10, deadline=None)
@given(stays(causes=1, least=8), st.integers(0, 10**6))
def test_gray_and_logrank_do_not_hang_on_which_group_is_first(data, seed):
    """Exchanging the groups changes neither statistic."""
    time, event = data
    groups = np.random.default_rng(seed).integers(0, 2, len(time))
    if len(np.unique(groups)) < 2:
        return
    for test in (survive.gray_test, survive.logrank_test):
        first, second = test(time, event, groups), test(time, event, 1 - groups)
        if np.isfinite(first.p_value):
            assert first.statistic == pytest.approx(second.statistic, abs=1e-8)
            assert 0 <= first.p_value <= 1


def test_groups_alike_do_not_differ():
    time, event = [1, 2, 3, 4, 5, 6] * 2, [1, 2, 1, 0, 1, 1] * 2
    groups = ["a"] * 6 + ["b"] * 6
    assert survive.gray_test(time, event, groups).statistic == pytest.approx(0, abs=1e-12)
    assert survive.logrank_test(time, np.array(event) > 0, groups).statistic == pytest.approx(0, abs=1e-12)
    assert survive.restricted_mean(time, np.array(event) > 0, groups=groups).differences["p_value"][0] == 1


def test_adding_a_constant_to_the_times_changes_no_cox_model(rng):
    x = rng.normal(size=(60, 2))
    time, event = rng.integers(0, 10, 60).astype(float), rng.random(60) < 0.8
    at_zero, later = (survive.cox(time + shift, event, x).table for shift in (0, 5))
    pd.testing.assert_frame_equal(at_zero, later, rtol=1e-9)


def test_events_at_time_zero_count_in_cox(rng):
    """Leaving out the stays of zero days must change the coefficient."""
    x = np.r_[np.zeros(30), np.ones(30)]
    time = np.r_[rng.integers(1, 9, 30), np.zeros(10), rng.integers(1, 9, 20)].astype(float)
    whole = survive.cox(time, np.ones(60), x).table["coef"].iloc[0]
    some = survive.cox(time[time > 0], np.ones((time > 0).sum()), x[time > 0]).table["coef"].iloc[0]
    assert whole > some + 0.3


def test_jackknife_is_the_jackknife(rng):
    """The weighted shortcut equals leaving each patient out by hand, the censoring curve estimated anew."""
    from scipy.special import expit, logit
    from scipy.stats import t as student

    n = 25
    time, event, risk = rng.integers(0, 9, n).astype(float), rng.integers(0, 3, n), rng.normal(size=n)
    score = {
        "harrell": lambda k: survive.harrell_c(time[k], event[k], risk[k], cause=1, interval=None).value,
        "uno": lambda k: survive.uno_c(time[k], event[k], risk[k], cause=1, tau=7, interval=None).value,
        "auc": lambda k: survive.time_dependent_auc(time[k], event[k], risk[k], 4, cause=1, interval=None)["auc"][0],
    }
    whole = {
        "harrell": survive.harrell_c(time, event, risk, cause=1),
        "uno": survive.uno_c(time, event, risk, cause=1, tau=7),
        "auc": survive.time_dependent_auc(time, event, risk, 4, cause=1).iloc[0],
    }
    for name, f in score.items():
        left = np.array([f(np.arange(n) != i) for i in range(n)])
        assert whole[name].se == pytest.approx(np.sqrt((n - 1) / n * np.sum((left - left.mean()) ** 2)))
        odds = logit(left)
        half = student.isf(0.025, n - 1) * np.sqrt((n - 1) / n * np.sum((odds - odds.mean()) ** 2))
        value = f(np.arange(n) >= 0)
        assert whole[name].low == pytest.approx(expit(logit(value) - half))


def test_many_patients_are_left_out_in_groups(rng):
    n = 900
    risk = rng.normal(size=n)
    time = rng.exponential(np.exp(-risk))
    event = rng.random(n) < 0.8
    found = survive.harrell_c(time, event, risk)
    assert found.detail["groups"] == 400
    assert found.detail["method"] == "jackknife over 400 groups of patients, t"
    few = survive.harrell_c(time[:60], event[:60], risk[:60]).detail
    assert (few["patients"], few["method"]) == (60, "delete-one-patient jackknife, t")
    assert 0.005 < found.se < 0.02
    order = rng.permutation(n)
    assert survive.harrell_c(time[order], event[order], risk[order]).se == pytest.approx(found.se)


def test_concordance_within_strata_ignores_shifts_between_them(rng):
    risk, fold = rng.normal(size=60), np.repeat([0, 1, 2], 20)
    time = rng.exponential(np.exp(-risk))
    shifted = risk + 100 * fold
    within = survive.harrell_c(time, np.ones(60), risk, strata=fold).value
    assert survive.harrell_c(time, np.ones(60), shifted, strata=fold).value == within
    assert survive.uno_c(time, np.ones(60), shifted, strata=fold).value == pytest.approx(within)
    assert survive.harrell_c(time, np.ones(60), shifted).value != within


def test_quantile_groups_keep_ties_together():
    groups = survive.quantile_groups([0, 0, 0, 0, 1, 2, 3, np.nan])
    assert groups.isna().sum() == 1
    assert groups.iloc[:4].nunique() == 1
    assert groups.cat.ordered
    assert groups.dropna().nunique() in (2, 3)
    assert survive.quantile_groups(np.arange(9)).value_counts().tolist() == [3, 3, 3]
