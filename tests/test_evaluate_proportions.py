"""Proportions and the table at one operating point."""

import math

import numpy as np
import pytest

from blues import evaluate
from blues.check import InputError


def test_no_observations_say_so():
    for interval in (evaluate.wilson_interval, evaluate.clopper_pearson_interval):
        found = interval(0, 0)
        assert math.isnan(found.value)
        assert (found.low, found.high) == (0, 1)
        assert found.detail["reason"] == "there are no observations"


@pytest.mark.parametrize(("k", "n"), [(5, 4), (-1, 4), (1.5, 4), (1, 4.2), (np.nan, 4), ([1], 4)])
def test_impossible_counts_are_refused(k, n):
    for interval in (evaluate.wilson_interval, evaluate.clopper_pearson_interval):
        with pytest.raises((InputError, ValueError)):
            interval(k, n)


def test_clustered_proportion_by_hand():
    """Three patients of two clips: shares 1, 0, 1/2; variance K/(K-1) * sum of squares / n^2 = 3/2 * 2 / 36."""
    found = evaluate.clustered_proportion([1, 1, 0, 0, 1, 0], list("aabbcc"))
    assert found.value == 0.5
    assert found.se == pytest.approx(math.sqrt(1 / 12))
    assert found.detail["design_effect"] == pytest.approx(2.0)
    assert found.detail["effective_n"] == pytest.approx(3.0)
    t = 4.302652729749464
    half = t * math.sqrt(0.25 / 3 + t**2 / 36) / (1 + t**2 / 3)
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half))


def test_clustering_widens_and_extremes_count_patients():
    hits, patients = np.repeat([1, 0, 1, 1, 0, 1, 1, 1], 6), np.repeat(np.arange(8), 6)
    clustered = evaluate.clustered_proportion(hits, patients)
    plain = evaluate.wilson_interval(hits.sum(), len(hits))
    assert clustered.high - clustered.low > 2 * (plain.high - plain.low)
    everything = evaluate.clustered_proportion(np.ones(48), patients)
    assert everything.high == 1
    assert everything.low < evaluate.wilson_interval(8, 8).low
    assert "number of clusters" in everything.detail["reason"]
    alone = evaluate.clustered_proportion([1, 0, 1], ["a", "a", "a"])
    assert (alone.low, alone.high) == (0, 1)
    assert "one cluster" in alone.detail["reason"]


def test_clustered_proportion_covers_where_wilson_does_not(rng):
    held = {"clustered": 0, "plain": 0}
    patients, share, rho = np.repeat(np.arange(63), 6), 0.8, 0.35
    for _ in range(400):
        own = rng.beta(share * (1 - rho) / rho, (1 - share) * (1 - rho) / rho, 63)
        hits = (rng.random(378) < own[patients]).astype(int)
        clustered, plain = evaluate.clustered_proportion(hits, patients), evaluate.wilson_interval(hits.sum(), 378)
        held["clustered"] += clustered.low <= share <= clustered.high
        held["plain"] += plain.low <= share <= plain.high
    assert held["clustered"] / 400 > 0.92
    assert held["plain"] / 400 < 0.85


def test_operating_point_counts_and_predictive_values():
    y, called = np.repeat([1, 0, 1, 0], [40, 10, 5, 45]), np.repeat([1, 1, 0, 0], [40, 10, 5, 45])
    point = evaluate.operating_point(y, called, prevalences=[0.45, 0.05])
    assert (point.tp, point.fp, point.fn, point.tn) == (40, 10, 5, 45)
    assert point.sensitivity.value == pytest.approx(40 / 45)
    assert point.specificity.value == pytest.approx(45 / 55)
    assert point.balanced_accuracy.value == pytest.approx((40 / 45 + 45 / 55) / 2)
    assert point.balanced_accuracy.low < point.balanced_accuracy.value < point.balanced_accuracy.high
    exact = evaluate.clopper_pearson_interval(40, 45)
    assert point.sensitivity.detail["clopper_pearson"] == (exact.low, exact.high)
    at = point.reweighted.set_index(["prevalence", "measure"])
    assert at.loc[(0.45, "ppv"), "value"] == pytest.approx(point.ppv.value)
    assert at.loc[(0.45, "npv"), "value"] == pytest.approx(point.npv.value)
    sensitivity, specificity = 40 / 45, 45 / 55
    rare = sensitivity * 0.05 / (sensitivity * 0.05 + (1 - specificity) * 0.95)
    assert at.loc[(0.05, "ppv"), "value"] == pytest.approx(rare)
    assert (at["low"] < at["value"]).all()
    assert (at["value"] < at["high"]).all()
    assert set(point.frame()["metric"]) == set(point.measures)
    with pytest.raises(AttributeError, match="sensitivity"):
        _ = point.f1


def test_operating_point_with_empty_cells():
    point = evaluate.operating_point([1] * 8 + [0] * 9, [1] * 8 + [0] * 9, prevalences=[0.1])
    assert point.lr_positive.value == math.inf
    assert 1 < point.lr_positive.low < 20
    assert point.lr_negative.value == 0
    assert 0 < point.lr_negative.high < 1
    assert "1/2 added" in point.lr_positive.detail["reason"]
    assert point.reweighted["value"].tolist() == [1.0, 1.0]
    nobody = evaluate.operating_point([1, 0], [0, 0])
    assert math.isnan(nobody.ppv.value)
    assert nobody.lr_positive.detail["reason"] == "no row was called so"
    healthy = evaluate.operating_point([0, 0], [0, 1])
    assert "absent" in healthy.balanced_accuracy.detail["reason"]


def test_operating_point_by_patient(rng):
    patients = np.repeat(np.arange(30), 5)
    y = np.repeat(rng.integers(0, 2, 30), 5)
    called = np.where(np.repeat(rng.random(30) < 0.8, 5), y, 1 - y)
    plain, clustered = evaluate.operating_point(y, called), evaluate.operating_point(y, called, clusters=patients)
    for name in ("sensitivity", "specificity", "accuracy", "lr_positive", "lr_negative", "balanced_accuracy"):
        wide, narrow = clustered.measures[name], plain.measures[name]
        assert wide.value == pytest.approx(narrow.value)
        assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)
    single = evaluate.operating_point(y, called, clusters=np.arange(150))
    assert single.lr_positive.low == pytest.approx(plain.lr_positive.low, rel=0.01)


def test_operating_point_refuses_scores_and_bad_prevalence():
    with pytest.raises(InputError, match="threshold first"):
        evaluate.operating_point([0, 1], [0.2, 0.7])
    with pytest.raises(InputError, match="prevalence"):
        evaluate.operating_point([0, 1], [0, 1], prevalences=[1.0])
    with pytest.raises(InputError, match="differ in length"):
        evaluate.operating_point([0, 1, 1], [0, 1])
    with pytest.raises(InputError, match="0 and 1 only"):
        evaluate.clustered_proportion([0, 2], ["a", "b"])


def test_one_cluster_tells_nothing_about_ratios_and_balance():
    alone = evaluate.operating_point([1, 1, 0, 0], [1, 0, 1, 0], clusters=list("aaaa"))
    for name in ("lr_positive", "lr_negative"):
        ratio = alone.measures[name]
        assert (ratio.value, ratio.low, ratio.high) == (1, 0, math.inf)
        assert "one cluster" in ratio.detail["reason"]
    assert (alone.balanced_accuracy.low, alone.balanced_accuracy.high) == (0, 1)
    assert "one cluster" in alone.balanced_accuracy.detail["reason"]


def test_ratio_with_an_empty_cell_counts_clusters_not_rows():
    """Without a false positive linearisation fails; six clips a patient must not count as six patients."""
    truth, called = np.repeat([1, 1, 1, 1, 0, 0, 0, 0], 6), np.repeat([1, 1, 1, 0, 0, 0, 0, 0], 6)
    clips = evaluate.operating_point(truth, called, clusters=np.repeat(np.arange(8), 6)).lr_positive
    patients = evaluate.operating_point(truth[::6], called[::6]).lr_positive
    rows = evaluate.operating_point(truth, called).lr_positive
    assert clips.value == math.inf
    assert (clips.low, clips.detail["se_log"]) == pytest.approx((patients.low, patients.detail["se_log"]))
    assert clips.low < rows.low
    assert "clusters" in clips.detail["method"]


def test_ratio_of_calling_all_alike_has_an_interval_of_some_width():
    y = np.repeat([1, 0], [11, 52])
    for found in (
        evaluate.operating_point(y, np.zeros(63)).lr_negative,
        evaluate.operating_point(y, np.ones(63)).lr_positive,
        evaluate.operating_point(y, np.ones(63), clusters=np.arange(63) // 3).lr_positive,
    ):
        assert found.value == 1
        assert found.low < 0.9
        assert found.high > 1.05
