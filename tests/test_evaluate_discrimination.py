"""AUROC, average precision, ROC curve, partial area: against scikit-learn, by hand, at the edges, bad input."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from blues import evaluate
from blues.check import InputError


@pytest.fixture
def data(rng):
    y = (rng.random(150) < 0.4).astype(int)
    return y, np.round(rng.normal(y, 1.2), 1)


def test_values_agree_with_scikit_learn(data):
    y, score = data
    assert evaluate.auroc(y, score).value == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    assert evaluate.average_precision(y, score, draws=10).value == pytest.approx(
        average_precision_score(y, score), abs=1e-12
    )
    for rate in (0.1, 0.37, 1.0):
        found = evaluate.partial_auroc(y, score, specificity=(1 - rate, 1.0), draws=10)
        assert found.value == pytest.approx(roc_auc_score(y, score, max_fpr=rate), abs=1e-9)


def test_obuchowski_by_the_formula_of_the_paper(data, rng):
    """Obuchowski 1997, equations written out with loops over clusters."""
    y, score = data
    clusters = rng.integers(0, 40, len(y))
    x, z = score[y == 1], score[y == 0]
    wins = (x[:, None] > z) + 0.5 * (x[:, None] == z)
    area, m, n = wins.mean(), len(x), len(z)
    v10, v01 = wins.mean(1), wins.mean(0)
    s10 = s01 = s11 = 0.0
    names = np.unique(clusters)
    for name in names:
        a = np.sum(v10[clusters[y == 1] == name] - area)
        b = np.sum(v01[clusters[y == 0] == name] - area)
        s10, s01, s11 = s10 + a * a, s01 + b * b, s11 + a * b
    i10, i01 = len(np.unique(clusters[y == 1])), len(np.unique(clusters[y == 0]))
    variance = i10 / (i10 - 1) * s10 / m**2 + i01 / (i01 - 1) * s01 / n**2
    variance += 2 * len(names) / (len(names) - 1) * s11 / (m * n)
    assert evaluate.auroc(y, score, clusters=clusters).se == pytest.approx(np.sqrt(variance), abs=1e-12)


def test_logit_interval_stays_inside_where_wald_is_cut(rng):
    y = np.repeat([0, 1], 20)
    score = y * 4 + rng.normal(size=40)
    logit, wald = evaluate.auroc(y, score), evaluate.auroc(y, score, method="delong-wald")
    assert logit.value == wald.value < 1
    assert logit.high < 1 == wald.high
    assert logit.low < wald.low


@pytest.mark.parametrize("size", [5, 30])
@pytest.mark.parametrize("clustered", [False, True])
def test_perfect_separation_has_an_interval_that_knows_n(size, clustered):
    y = np.repeat([0, 1], size)
    clusters = np.arange(2 * size) if clustered else None
    perfect = evaluate.auroc(y, np.arange(2 * size), clusters=clusters)
    reverse = evaluate.auroc(y, -np.arange(2 * size), clusters=clusters)
    assert (perfect.value, perfect.high, reverse.value, reverse.low) == (1, 1, 0, 0)
    assert perfect.low == pytest.approx(1 - reverse.high)
    assert perfect.low == pytest.approx({5: 0.643, 30: 0.933}[size], abs=5e-4)
    assert "Newcombe" in perfect.detail["reason"]


def test_one_patient_in_a_class_and_a_constant_score():
    single = evaluate.auroc([0, 0, 0, 1], [1, 2, 3, 2.5])
    assert single.value == pytest.approx(2 / 3)
    assert single.low < single.value < single.high
    assert "two patients" in single.detail["reason"]
    constant = evaluate.auroc([0, 1, 0, 1], [7, 7, 7, 7])
    assert (constant.value, constant.low, constant.high) == (0.5, 0.5, 0.5)
    assert constant.detail["reason"]


def test_clips_in_patients_widen_the_interval(rng):
    y = np.repeat(rng.integers(0, 2, 40), 6)
    score = y + np.repeat(rng.normal(0, 1.5, 40), 6) + rng.normal(0, 0.3, 240)
    plain, clustered = evaluate.auroc(y, score), evaluate.auroc(y, score, clusters=np.repeat(np.arange(40), 6))
    assert clustered.se > 1.8 * plain.se
    drawn = evaluate.auroc(y, score, clusters=np.repeat(np.arange(40), 6), method="bootstrap")
    assert drawn.se == pytest.approx(clustered.se, rel=0.15)


def test_bootstrap_has_the_error_of_delong(rng):
    """Large enough that pairs are counted along the sorted order."""
    y = (rng.random(2500) < 0.3).astype(int)
    score = np.round(rng.normal(y, 2), 1)
    found, delong = evaluate.bootstrap_auroc(y, score, draws=1500, seed=3), evaluate.auroc(y, score)
    assert found.value == pytest.approx(delong.value, abs=1e-12)
    assert found.se == pytest.approx(delong.se, rel=0.08)
    assert (found.low, found.high) == pytest.approx((delong.low, delong.high), abs=0.004)
    patients = rng.permutation(np.repeat(np.arange(1250), 2))
    drawn = evaluate.bootstrap_auroc(y, score, patients, draws=1500, seed=3)
    assert drawn.se == pytest.approx(evaluate.auroc(y, score, clusters=patients).se, rel=0.08)


def test_bootstrap_over_repeats_is_that_of_their_mean(data):
    y, score = data
    rows = np.stack([score, -score])
    found = evaluate.bootstrap_auroc(y, rows, draws=50)
    assert found.value == pytest.approx(0.5)
    assert found.se == pytest.approx(0, abs=1e-12)


def test_average_precision_intervals(data):
    y, score = data
    logit, drawn = evaluate.average_precision(y, score, method="logit"), evaluate.average_precision(y, score, seed=1)
    assert logit.detail["prevalence"] == drawn.detail["prevalence"] == y.mean()
    assert drawn.low < drawn.value < drawn.high
    assert (logit.low, logit.high) == pytest.approx((drawn.low, drawn.high), abs=0.08)
    for method in ("logit", "bootstrap"):
        perfect = evaluate.average_precision([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6], method=method, draws=50)
        assert perfect.value == perfect.high == 1
        assert 0.3 < perfect.low < 0.5
        assert perfect.detail["reason"]


def test_roc_curve_holds_the_auroc_and_its_band_holds_the_curve(data):
    y, score = data
    curve = evaluate.roc_curve(y, score, points=2001, draws=100)
    area = np.trapezoid(curve["tpr"], curve["fpr"])
    assert area == pytest.approx(evaluate.auroc(y, score).value, abs=1e-3)
    assert curve["tpr"].is_monotonic_increasing
    assert ((curve["low"] <= curve["tpr"] + 1e-12) & (curve["tpr"] <= curve["high"] + 1e-12)).mean() > 0.98
    twice = evaluate.roc_curve(y, np.stack([score, score]), points=11, draws=50)
    np.testing.assert_allclose(twice["tpr"], evaluate.roc_curve(y, score, points=11, draws=50)["tpr"])


def test_expected_width_matches_the_sample_size_table():
    """Widths at 63 patients for AUROC .65, .80, .90, from the statistics sheet."""
    widths = [evaluate.expected_auroc_width(area, 33, 30) for area in (0.65, 0.80, 0.90)]
    with pytest.raises(InputError, match="0 with and 10 without the event"):
        evaluate.expected_auroc_width(0.8, 0, 10)
    assert widths == pytest.approx([0.27, 0.22, 0.15], abs=0.02)


@pytest.mark.parametrize(
    ("y", "score", "clusters", "told"),
    [
        ([0, 0, 0], [1, 2, 3], None, "one class only"),
        ([0, 1, 2], [1, 2, 3], None, "0 and 1 only"),
        ([0, 1], [1, 2, 3], None, "differ in length"),
        ([0, 1, 1], [1, np.nan, 3], None, "missing or infinite"),
        ([0, 1, None], [1, 2, 3], None, "missing or infinite"),
        ([0, 1, 1], [1, np.inf, 3], None, "missing or infinite"),
        ([0, 1, 1], ["low", "high", "high"], None, "must be numbers"),
        ([0, 1, 1], [1, 2, 3], ["a", None, "b"], "missing labels"),
        ([0, 1, 1], [1, 2, 3], ["a", "b"], "2 entries for 3 rows"),
    ],
)
def test_bad_input_is_named(y, score, clusters, told):
    with pytest.raises(InputError, match=told):
        evaluate.auroc(y, score, clusters=clusters)
    with pytest.raises(InputError, match=told):
        evaluate.average_precision(y, score, clusters=clusters)


def test_unknown_settings_are_named():
    with pytest.raises(InputError, match="Nearest: 'delong-wald'"):
        evaluate.auroc([0, 1], [1, 2], method="delong-wld")
    with pytest.raises(InputError, match="independent"):
        evaluate.auroc([0, 1], [1, 2], [1, 2], method="hanley-mcneil")
    with pytest.raises(InputError, match="level"):
        evaluate.auroc([0, 1], [1, 2], level=95)
    with pytest.raises(InputError, match="specificity"):
        evaluate.partial_auroc([0, 1], [1, 2], specificity=(1.0, 0.9))
    with pytest.raises(InputError, match="draws"):
        evaluate.bootstrap_auroc([0, 1], [1, 2], draws=0)


@pytest.mark.parametrize(("area", "shift"), [(0.65, 0.5449), (0.97, 2.6599)])
def test_coverage_at_63_patients(area, shift, rng):
    """Nominal 95 %: logit DeLong keeps it where Wald loses it (statistics sheet A10)."""
    y = np.repeat([0, 1], [30, 33])
    held = {"delong-logit": 0, "delong-wald": 0}
    for _ in range(600):
        score = rng.normal(size=63) + shift * y
        for method in held:
            found = evaluate.auroc(y, score, method=method)
            held[method] += found.low <= area <= found.high
    assert 0.92 <= held["delong-logit"] / 600 <= 0.985
    if area == 0.97:
        assert held["delong-wald"] / 600 < 0.9


def test_bootstrap_of_a_perfect_score_has_width():
    found = evaluate.auroc([0, 0, 1, 1], [1, 2, 3, 4], method="bootstrap", draws=50)
    exact = evaluate.auroc([0, 0, 1, 1], [1, 2, 3, 4], method="newcombe")
    assert (found.value, found.low, found.high) == (1, exact.low, 1)
    assert "Newcombe" in found.detail["reason"]


def test_perfect_curves_and_areas_do_not_pass_for_certain():
    y, score = np.repeat([0, 1], 8), np.arange(16.0)
    curve = evaluate.roc_curve(y, score, draws=100, points=5)
    wilson = evaluate.wilson_interval(8, 8)
    assert curve["low"].tolist() == pytest.approx([wilson.low] * 4 + [1])
    assert (curve["high"] == 1).all()
    assert "Wilson" in curve.attrs["reason"]
    column = evaluate.roc_curve(y, score[:, None], draws=100, points=5)
    np.testing.assert_array_equal(column, curve)
    area = evaluate.partial_auroc(y, score, draws=100)
    assert area.value == pytest.approx(1)
    assert math.isnan(area.low)
    assert area.detail["reason"] == "every bootstrap sample gave the same value"
    alone = evaluate.roc_curve([0, 0, 0, 1], [1, 2, 3, 2.5], draws=50, points=5)
    assert alone[["low", "high"]].isna().all(axis=None)
    assert "two patients" in evaluate.partial_auroc([0, 0, 0, 1], [1, 2, 3, 2.5], draws=50).detail["reason"]


def test_clusters_whose_placements_cancel_are_no_certainty():
    """Each patient's clips deviate by as much either way: Obuchowski's variance is 0 but for rounding, yet scores differ."""
    y = np.tile([0, 0, 1, 1], 5)
    score = np.tile([0.1, 0.4, 0.1, 0.4], 5)
    found = evaluate.auroc(y, score, clusters=np.repeat(np.arange(5), 4))
    assert (found.value, found.low < 0.4, found.high > 0.6) == (0.5, True, True)
    assert "Newcombe" in found.detail["reason"]
    same = evaluate.auroc(np.tile([0, 0, 0, 1], 7), np.tile([0.1, 0.2, 0.4, 0.3], 7), np.repeat(np.arange(7), 4))
    assert same.value == pytest.approx(2 / 3)
    assert same.low < 0.5
    constant = evaluate.auroc(y, np.full(20, 0.1), clusters=np.repeat(np.arange(5), 4))
    assert (constant.low, constant.high) == (0.5, 0.5)


def test_clustered_auroc_is_obuchowskis_formula_pair_by_pair(rng):
    """Obuchowski 1997, with structural components from the full matrix of pairs."""
    patients = np.repeat(np.arange(15), 4)
    y = rng.integers(0, 2, 60)
    score = np.round(rng.normal(size=60) + y + rng.normal(size=15)[patients], 1)
    wins = (np.sign(score[y == 1][:, None] - score[y == 0][None, :]) + 1) / 2
    area, (m, n) = wins.mean(), wins.shape
    ten = np.bincount(patients[y == 1], wins.mean(1) - area, minlength=15)
    one = np.bincount(patients[y == 0], wins.mean(0) - area, minlength=15)
    with_one, with_ten = len(set(patients[y == 0])), len(set(patients[y == 1]))
    variance = with_ten / (with_ten - 1) * ten @ ten / m**2 + with_one / (with_one - 1) * one @ one / n**2
    variance += 2 * 15 / 14 * ten @ one / (m * n)
    found = evaluate.auroc(y, score, clusters=patients)
    assert (found.value, found.se) == pytest.approx((area, np.sqrt(variance)), abs=1e-12)


def test_auroc_of_repeats_is_their_mean_with_the_variance_of_this_mean():
    rng = np.random.default_rng(5)
    y = np.repeat([0, 1], [40, 25])
    scores = y + rng.normal(size=65) + 0.5 * rng.normal(size=(7, 65))
    found = evaluate.auroc(y, scores)
    assert found.value == pytest.approx(np.mean([evaluate.auroc(y, one).value for one in scores]))
    assert evaluate.auroc(y, np.tile(scores[0], (4, 1))).se == pytest.approx(evaluate.auroc(y, scores[0]).se)

    def mean_without(left):  # delete-one-patient jackknife by class, which DeLong's variance is
        kept = np.arange(65) != left
        return np.mean([evaluate.auroc(y[kept], one[kept]).value for one in scores])

    without = np.array([mean_without(i) for i in range(65)])
    variance = sum((n - 1) / n * np.sum((without[y == k] - without[y == k].mean()) ** 2) for k, n in ((0, 40), (1, 25)))
    assert found.se == pytest.approx(np.sqrt(variance), rel=1e-9)
    clips = evaluate.auroc(np.repeat(y, 3), np.repeat(scores, 3, axis=1), np.repeat(np.arange(65).astype(str), 3))
    assert clips.value == pytest.approx(found.value)
    assert clips.se == pytest.approx(found.se, rel=0.01)
    with pytest.raises(InputError, match="one score a row"):
        evaluate.auroc(y, scores, method="hanley-mcneil")


def test_interval_of_the_score_table_covers_where_events_are_few():
    """With 11 events the percentile bootstrap covers too seldom; DeLong's on the logit scale does not."""
    rng, covered = np.random.default_rng(11), {"auroc": 0, "auroc_bootstrap": 0}
    y = np.repeat([0, 1], [49, 11])
    truth = 0.8  # normal scores whose means are 1.19 standard deviations apart
    for seed in range(300):
        p = 1 / (1 + np.exp(-(y * 1.1902 + rng.normal(size=60))))
        frame = pd.DataFrame({"patient": np.arange(60).astype(str), "repeat": 0, "fold": 0, "y": y, "p": p})
        table = evaluate.score_table(frame, draws=200, seed=seed).set_index("metric")
        for name in covered:
            covered[name] += table.loc[name, "low"] <= truth <= table.loc[name, "high"]
    assert covered["auroc"] >= 0.9 * 300
    assert covered["auroc"] > covered["auroc_bootstrap"]
