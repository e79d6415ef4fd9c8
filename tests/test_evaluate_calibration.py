"""Calibration, Brier score, net benefit."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import special, stats
from sklearn.metrics import brier_score_loss, d2_brier_score
from statsmodels.nonparametric.smoothers_lowess import lowess

from blues import evaluate
from blues.check import InputError


@pytest.fixture
def data(rng):
    p = rng.beta(2, 3, 300)
    return (rng.random(300) < special.expit(0.4 + 0.7 * special.logit(p))).astype(int), p


def test_intercept_and_slope_agree_with_glm(data):
    y, p = data
    logit = special.logit(p)
    found = evaluate.calibration(y, p)
    large = sm.GLM(y, np.ones(len(y)), family=sm.families.Binomial(), offset=logit).fit(tol=1e-12)
    joint = sm.GLM(y, sm.add_constant(logit), family=sm.families.Binomial()).fit(tol=1e-12)
    assert (found.intercept.value, found.intercept.se) == pytest.approx((large.params[0], large.bse[0]), abs=1e-8)
    assert (found.slope.value, found.slope.se) == pytest.approx((joint.params[1], joint.bse[1]), abs=1e-8)
    assert found.slope.detail["intercept"] == pytest.approx(joint.params[0], abs=1e-8)
    assert (found.slope.low, found.slope.high) == pytest.approx(tuple(joint.conf_int()[1]), abs=1e-8)


def test_brier_agrees_with_scikit_learn(data):
    y, p = data
    found = evaluate.calibration(y, p)
    assert found.brier.value == pytest.approx(brier_score_loss(y, p))
    assert found.scaled_brier.value == pytest.approx(d2_brier_score(y, p))
    assert found.brier.low < found.brier.value < found.brier.high
    assert found.scaled_brier.low < found.scaled_brier.value < found.scaled_brier.high


def test_scaled_brier_leaves_patients_out_of_both_scores(data):
    """The jackknife by hand, of rows and of patients."""
    y, p = data
    who = np.arange(300) // 3
    for clusters in (None, who):
        units = np.arange(300) if clusters is None else who
        left = [d2_brier_score(y[units != k], p[units != k]) for k in np.unique(units)]
        k = len(left)
        found = evaluate.calibration(y, p, clusters).scaled_brier
        se = np.sqrt((k - 1) / k * np.sum((left - np.mean(left)) ** 2))
        assert found.se == pytest.approx(se)
        assert found.high - found.value == pytest.approx(stats.t.isf(0.025, k - 1) * se)


@pytest.mark.slow
@pytest.mark.parametrize("constant", [-2.8, -2.0, 0.0])
def test_scaled_brier_covers_at_every_prevalence(constant, rng):
    """Prevalence .09, .17 and .5, 60 patients."""

    def drawn(n):
        p = special.expit(constant + 1.2 * rng.normal(size=n))
        return rng.random(n) < p, p

    many = d2_brier_score(*drawn(400_000))
    found = []
    while len(found) < 300:
        y, p = drawn(60)
        if 1 < y.sum() < 59:
            found.append(evaluate.calibration(y, p).scaled_brier)
    assert 0.9 <= np.mean([f.low <= many <= f.high for f in found]) <= 0.99


def test_scaled_brier_without_an_interval_says_why():
    one = evaluate.calibration([1, 0, 0, 0], [0.6, 0.2, 0.3, 0.1])
    assert "a single class is left" in one.scaled_brier.detail["reason"]
    assert np.isnan(one.scaled_brier.low)
    alone = evaluate.calibration([1, 0, 0, 1], [0.6, 0.2, 0.3, 0.1], clusters=["a"] * 4)
    assert "one cluster" in alone.scaled_brier.detail["reason"]
    assert alone.scaled_brier.value == pytest.approx(1 - alone.brier.value / 0.25)
    exact = evaluate.calibration([1, 0, 1, 0, 0], [1.0, 0.0, 1.0, 0.0, 0.0])
    assert (exact.scaled_brier.value, "never moves" in exact.scaled_brier.detail["reason"]) == (1, True)
    frame = pd.DataFrame(
        {"patient": list("abcd"), "repeat": 0, "fold": 0, "y": [1, 0, 0, 0], "p": [0.6, 0.2, 0.3, 0.1]}
    )
    table = evaluate.calibration_table(frame).set_index("metric")
    assert "a single class is left" in table.loc["scaled_brier", "method"]


def test_spiegelhalter_by_definition_and_under_its_null(data, rng):
    y, p = data
    z = np.sum((y - p) * (1 - 2 * p)) / np.sqrt(np.sum((1 - 2 * p) ** 2 * p * (1 - p)))
    found = evaluate.calibration(y, p).spiegelhalter
    assert found.statistic == pytest.approx(z)
    assert found.p_value == pytest.approx(math.erfc(abs(z) / math.sqrt(2)))
    drawn = [evaluate.calibration(rng.random(300) < p, p).spiegelhalter.p_value for _ in range(100)]
    assert np.mean(np.array(drawn) < 0.05) < 0.15


def test_spiegelhalter_by_patient_keeps_its_level_where_clips_go_together(rng):
    y, p = rng.integers(0, 2, 120), rng.uniform(0.1, 0.9, 120)
    who = np.repeat(np.arange(60), 2)
    sums = pd.Series((y - p) * (1 - 2 * p)).groupby(who).sum()
    found = evaluate.calibration(y, p, clusters=who).spiegelhalter
    assert found.statistic == pytest.approx(sums.sum() / np.sqrt(60 / 59 * np.sum(sums**2)))
    rejected = {"plain": 0, "by patient": 0}
    for _ in range(150):
        own = rng.beta(2, 3, 60)
        y, p = np.repeat(rng.random(60) < own, 5), np.repeat(own, 5)
        rejected["plain"] += evaluate.calibration(y, p).spiegelhalter.p_value < 0.05
        with_patients = evaluate.calibration(y, p, clusters=np.repeat(np.arange(60), 5))
        rejected["by patient"] += with_patients.spiegelhalter.p_value < 0.05
    assert rejected["plain"] > 45
    assert rejected["by patient"] < 17
    few = evaluate.calibration(y, p, clusters=np.repeat(np.arange(20), 15)).spiegelhalter
    assert math.isnan(few.p_value)
    assert "fewer than 50 patients" in few.detail["reason"]
    lone = evaluate.calibration(y, p, clusters=np.zeros(300)).spiegelhalter
    assert math.isnan(lone.statistic)
    assert "one cluster" in lone.detail["reason"]


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_curve_of_predictions_most_of_which_are_equal(level, rng):
    """A tie that fills the span has its mean outcome, in any order of its rows; elsewhere the line is lowess."""
    p = np.concatenate([np.full(75, level), rng.uniform(0.2, 0.8, 25)])
    y = (rng.random(100) < p).astype(int)
    y[:2] = 0, 1
    first = evaluate.smooth_calibration(y, p)
    turned = evaluate.smooth_calibration(y[::-1], p[::-1])
    np.testing.assert_allclose(first["observed"], turned["observed"], atol=1e-9)
    assert first.loc[first["p"] == level, "observed"].to_numpy() == pytest.approx(y[:75].mean())
    order = np.argsort(p, kind="stable")
    with np.errstate(all="ignore"):
        line = lowess(y[order], p[order], frac=2 / 3, it=0, delta=0.01 * np.ptp(p), return_sorted=False)
    far = np.abs(p[order] - level) > 0.02 * np.ptp(p)
    np.testing.assert_allclose(first["observed"][far], line[far], atol=1e-9)
    assert first.attrs["smoother"].startswith("lowess")
    assert "equal predictions" in first.attrs["smoother"]


def test_ici_summaries_are_those_of_the_named_curve(data):
    y, p = data
    found = evaluate.calibration(y, p)
    distance = np.abs(found.curve["p"] - found.curve["observed"])
    assert found.smoother.startswith("lowess, frac 2/3")
    assert (found.ici, found.emax) == pytest.approx((distance.mean(), distance.max()))
    assert found.e50 <= found.e90 <= found.emax
    right = evaluate.calibration(
        np.random.default_rng(0).random(20000) < 0.3 + 0 * p[0] + np.linspace(-0.2, 0.2, 20000),
        0.3 + np.linspace(-0.2, 0.2, 20000),
    )
    assert right.ici < 0.01


@pytest.mark.parametrize(
    ("p", "told"),
    [
        ([0.3, 0.3, 0.3, 0.3, 0.3, 0.3], "the same"),
        ([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], "separate the classes"),
        ([0.0, 0.0, 0.0, 1.0, 1.0, 1.0], "separate the classes"),
    ],
)
def test_slope_without_a_maximum_says_why(p, told):
    found = evaluate.calibration([0, 0, 0, 1, 1, 1], p)
    assert told in found.slope.detail["reason"]
    assert np.isfinite([found.ici, found.emax, found.brier.value, found.intercept.value]).all()


def test_predictions_of_zero_and_one_are_counted():
    found = evaluate.calibration([0, 1, 0, 1, 1, 0], [0.0, 1.0, 0.4, 0.3, 0.8, 1.0])
    assert found.slope.detail["moved"] == 3
    assert math.isfinite(found.slope.value)
    coin = evaluate.calibration([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5])
    assert "no variance" in coin.spiegelhalter.detail["reason"]
    assert "distinct predictions" in coin.smoother
    assert len(found.frame()) == 11


def test_clusters_widen_calibration_intervals(rng):
    y = np.repeat(rng.integers(0, 2, 50), 6)
    p = np.clip(0.5 + 0.25 * (2 * y - 1) + np.repeat(rng.normal(0, 0.3, 50), 6), 0.02, 0.98)
    patients = np.repeat(np.arange(50), 6)
    plain, clustered = evaluate.calibration(y, p), evaluate.calibration(y, p, clusters=patients)
    for name in ("intercept", "slope", "brier"):
        assert getattr(clustered, name).se > 1.5 * getattr(plain, name).se
        assert getattr(clustered, name).value == getattr(plain, name).value
    for found in (clustered.intercept, clustered.slope):
        assert found.high - found.value == pytest.approx(stats.t.isf(0.025, 49) * found.se)
    lone = evaluate.calibration(y, p, clusters=np.zeros(300))
    assert "one cluster" in lone.slope.detail["reason"]


def test_ece_bins():
    y, p = [0, 1, 1, 0], [0.0, 0.5, 1.0, 0.49]
    wide = evaluate.expected_calibration_error(y, p, bins=2)
    assert wide.detail["table"]["rows"] == [2, 2]
    assert wide.value == pytest.approx((2 / 4) * 0.245 + (2 / 4) * 0.25)
    equal = evaluate.expected_calibration_error(y, [0.1, 0.1, 0.1, 0.1], bins=5, strategy="count")
    assert equal.value == pytest.approx(0.4)
    with pytest.raises(InputError, match="bins"):
        evaluate.expected_calibration_error(y, p, bins=0)


@pytest.mark.parametrize("p", [[0.1, 1.2], [-0.1, 0.5], [0.1, np.nan], [0.1, 0.2, 0.3]])
def test_bad_probabilities_are_refused_everywhere(p):
    for function in (evaluate.calibration, evaluate.brier, evaluate.expected_calibration_error):
        with pytest.raises(InputError):
            function([0, 1], p)
    with pytest.raises(InputError):
        evaluate.net_benefit([0, 1], p, [0.2])


def test_net_benefit_by_hand():
    y, p = np.array([1, 1, 1, 0, 0, 0, 0, 0]), np.array([0.9, 0.6, 0.1, 0.7, 0.4, 0.2, 0.2, 0.05])
    curve = evaluate.net_benefit(y, p, [0.2, 0.5])
    assert curve["model"].tolist() == pytest.approx([2 / 8 - 4 / 8 * 0.25, 2 / 8 - 1 / 8 * 1])
    assert curve["treat_all"].tolist() == pytest.approx([3 / 8 - 5 / 8 * 0.25, 3 / 8 - 5 / 8])


def test_net_benefit_bands_and_difference(rng):
    y = (rng.random(80) < 0.4).astype(int)
    p, q = (np.clip(0.4 + gain * (y - 0.4) + rng.normal(0, 0.15, 80), 0, 1) for gain in (0.5, 0.1))
    curve = evaluate.net_benefit(y, p, [0.2, 0.4], other=q, draws=500)
    np.testing.assert_allclose(curve["difference"], curve["model"] - curve["other"])
    assert (curve["low"] < curve["model"]).all()
    assert (curve["model"] < curve["high"]).all()
    assert curve["difference_low"][1] > 0
    doubled = evaluate.net_benefit(
        np.tile(y, 2), np.tile(p, 2), [0.4], other=np.tile(q, 2), draws=500, clusters=np.tile(np.arange(80), 2)
    )
    assert doubled["difference_low"][0] == pytest.approx(curve["difference_low"][1], abs=1e-12)
    same = evaluate.net_benefit(y, p, [0.3], other=p, draws=50)
    assert same[["difference", "difference_low", "difference_high"]].to_numpy().tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("thresholds", [[1.0], [-0.1], [], [np.nan]])
def test_net_benefit_refuses_thresholds(thresholds):
    with pytest.raises(InputError):
        evaluate.net_benefit([0, 1], [0.1, 0.9], thresholds)


def test_brier_of_one_patient_has_no_limits():
    found = evaluate.brier([0, 1, 1], [0.2, 0.6, 0.9], clusters=["a", "a", "a"])
    assert np.isnan([found.low, found.high, found.se]).all()
    assert found.detail["reason"]


def test_clustered_slope_is_statsmodels_and_stands_certain_predictions(rng):
    patients = np.repeat(np.arange(16), 3)
    p = rng.uniform(0.05, 0.95, 48)
    y = (rng.random(48) < p).astype(int)
    design = sm.add_constant(special.logit(p))
    oracle = sm.GLM(y, design, family=sm.families.Binomial()).fit(cov_type="cluster", cov_kwds={"groups": patients})
    slope = evaluate.calibration(y, p, clusters=patients).slope
    assert (slope.value, slope.se) == pytest.approx((oracle.params[1], oracle.bse[1]), rel=1e-6)
    steep = np.clip(0.9 * y + 0.05 + 0.25 * rng.normal(size=48), 0, 1)
    steep[[np.flatnonzero(y == 1)[0], np.flatnonzero(y == 0)[0]]] = 0.4, 0.6
    certain = evaluate.calibration(y, steep, clusters=patients).slope
    assert certain.detail["moved"] > 0
    assert certain.low < certain.value < certain.high


def test_slope_of_predictions_that_differ_by_rounding_is_undefined():
    p = 0.3 + 1e-16 * np.arange(8) * 4
    assert np.ptp(p) > 0
    slope = evaluate.calibration([0, 1, 0, 0, 1, 0, 1, 0], p).slope
    assert math.isnan(slope.value)
    assert slope.detail["reason"] == "every prediction is the same"


def test_limits_of_a_brier_score_stay_between_0_and_1():
    found = evaluate.brier([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], clusters=[1, 1, 2, 2])
    assert (found.low, found.high) == (0, 1)
