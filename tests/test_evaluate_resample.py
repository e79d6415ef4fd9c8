"""Bootstrap over patients, BCa, jackknife, optimism and .632+."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from blues import evaluate
from blues.check import InputError
from blues.evaluate.resample import cluster_tables
from blues.evaluate.validation import weighted_fold_auroc


def test_weights_keep_every_stratum_and_the_seed():
    strata = np.repeat([0, 1, 2], [5, 20, 1])
    weights = evaluate.bootstrap_weights(strata, 300, seed=4)
    assert (weights[:, :5].sum(1) == 5).all()
    assert (weights[:, 5:25].sum(1) == 20).all()
    assert (weights[:, 25] == 1).all()
    assert weights[:, 5:25].var() == pytest.approx(0.95, abs=0.05)
    np.testing.assert_array_equal(weights, evaluate.bootstrap_weights(strata, 300, seed=4))


def test_mean_has_its_textbook_error(rng):
    x = rng.normal(size=80)
    found = evaluate.patient_bootstrap(np.mean, x, np.arange(80), draws=3000, seed=0)
    assert found.se == pytest.approx(x.std() / math.sqrt(80), rel=0.05)
    assert found.value == pytest.approx(x.mean())


def test_patients_not_rows_are_drawn(rng):
    own = rng.normal(size=30)
    x, patients = np.repeat(own, 10), np.repeat([f"p{i}" for i in range(30)], 10)
    by_patient = evaluate.patient_bootstrap(np.mean, x, patients, draws=1000, seed=0)
    by_row = evaluate.patient_bootstrap(np.mean, x, np.arange(300), draws=1000, seed=0)
    assert by_patient.se > 2.5 * by_row.se
    frame = pd.DataFrame({"x": x, "patient": patients})
    from_frame = evaluate.patient_bootstrap(lambda t: t["x"].mean(), frame, "patient", draws=1000, seed=0)
    assert (from_frame.low, from_frame.high) == pytest.approx((by_patient.low, by_patient.high))


def test_bca_agrees_with_scipy(rng):
    x = rng.exponential(size=40)
    ours = evaluate.patient_bootstrap(np.mean, x, np.arange(40), draws=6000, seed=0, method="bca")
    theirs = stats.bootstrap((x,), np.mean, n_resamples=6000, method="BCa", rng=np.random.default_rng(1))
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.02)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.03)
    plain = evaluate.patient_bootstrap(np.mean, x, np.arange(40), draws=6000, seed=0)
    assert ours.high > plain.high + 0.02


def test_bca_without_a_correction_is_called_percentile():
    drawn = np.linspace(0.1, 0.4, 50)
    found = evaluate.interval_of_replicates(0.5, drawn, method="bca", jackknifed=np.linspace(0, 1, 9))
    assert found.detail["method"] == "percentile bootstrap"
    assert "no BCa" in found.detail["reason"]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_samples_of_one_class_are_left_out_or_avoided():
    y, score = np.array([0] * 9 + [1, 1]), np.arange(11.0)
    table = np.column_stack([y, score])

    def area(rows):
        return evaluate.auroc(rows[:, 0], rows[:, 1])

    free = evaluate.patient_bootstrap(area, table, np.arange(11), draws=300, seed=0)
    assert 10 < free.detail["undefined"] < 100
    assert str(free.detail["undefined"]) in free.detail["reason"]
    kept = evaluate.patient_bootstrap(area, table, np.arange(11), draws=300, seed=0, stratify=y)
    assert kept.detail["undefined"] == 0
    assert "reason" not in kept.detail


def test_undefined_statistics_say_so():
    def never(rows):
        raise InputError("undefined here")

    found = evaluate.patient_bootstrap(never, np.arange(5.0), np.arange(5), draws=20)
    assert math.isnan(found.value)
    assert "undefined" in found.detail["reason"]
    rare = evaluate.interval_of_replicates(0.5, np.array([0.4, 0.6] + [np.nan] * 18))
    assert math.isnan(rare.low)
    assert "18 of 20" in rare.detail["reason"]


def test_a_defect_in_the_statistic_is_not_swallowed():
    def broken(rows):
        raise KeyError("typo")

    with pytest.raises(KeyError):
        evaluate.patient_bootstrap(broken, np.arange(5.0), np.arange(5), draws=20)


def test_jackknife_of_the_mean_is_the_t_interval(rng):
    x = rng.normal(size=25)
    found = evaluate.jackknife(np.mean, x, np.arange(25))
    low, high = stats.t.interval(0.95, 24, x.mean(), stats.sem(x))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.detail["bias"] == pytest.approx(0, abs=1e-12)
    variance = evaluate.jackknife(np.var, x, np.arange(25))
    assert variance.value - variance.detail["bias"] == pytest.approx(x.var(ddof=1))


def test_jackknife_by_patient_matches_the_clustered_kappa(rng):
    y, patients = rng.integers(0, 4, 120), np.repeat(np.arange(20), 6)
    p = np.clip(y + rng.integers(-1, 2, 120), 0, 3)
    table = pd.DataFrame({"y": y, "p": p})

    def kappa(rows):
        return evaluate.quadratic_kappa(rows["y"], rows["p"], categories=[0, 1, 2, 3])

    slow = evaluate.jackknife(kappa, table, patients)
    fast = evaluate.quadratic_kappa(y, p, [0, 1, 2, 3], clusters=patients)
    assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high))


def test_tables_and_strata_and_bad_input(rng):
    tables = cluster_tables(["b", "a", "b"], [0, 1, 1], 2)
    assert tables.tolist() == [[0, 1], [1, 1]]
    for call in (
        lambda: cluster_tables(["a"], [5], 2),
        lambda: evaluate.patient_bootstrap(np.mean, [1.0, 2.0], ["a", "a"]),
        lambda: evaluate.patient_bootstrap(np.mean, [1.0, 2.0], ["a", None]),
        lambda: evaluate.patient_bootstrap(np.mean, [1.0, 2.0], ["a"]),
        lambda: evaluate.patient_bootstrap(np.mean, [1.0, 2.0], ["a", "b"], draws=1),
        lambda: evaluate.patient_bootstrap(np.mean, [1.0, 2.0], ["a", "b"], method="bc"),
    ):
        with pytest.raises(InputError):
            call()
    mixed = evaluate.resample.patient_strata([0, 1, 0, 0, 1], np.array([0, 0, 1, 2, 3]))
    assert mixed[1] == mixed[2]
    assert len(set(mixed)) == 3


@pytest.mark.parametrize(
    ("apparent", "out_of_bag", "none", "expected"),
    [
        (0.0, 0.5, 0.5, 0.5),  # nothing learned: full weight to the out-of-bag error
        (0.2, 0.2, 0.5, 0.2),  # no overfitting
        (0.1, 0.3, 0.5, 0.1 + 0.2 * 0.632 / (1 - 0.368 * 0.5)),
        (0.1, 0.7, 0.5, 0.632 * 0.7 + 0.368 * 0.5),  # worse than no information: capped in R alone, equation 32
        (0.1, 0.3, 0.05, 0.368 * 0.1 + 0.632 * 0.3),  # no information better than apparent: plain .632, equation 31
        (0.3, 0.2, 0.5, 0.368 * 0.3 + 0.632 * 0.2),  # better out of bag: plain .632
    ],
)
def test_632plus_by_hand(apparent, out_of_bag, none, expected):
    found = evaluate.bootstrap_632plus(apparent, out_of_bag, none)
    assert found.value == pytest.approx(expected)
    assert 0.632 <= found.detail["weight"] <= 1
    score = evaluate.bootstrap_632plus(1 - apparent, 1 - out_of_bag, 1 - none, greater_is_better=True)
    assert score.value == pytest.approx(1 - expected)


def test_no_information_rate_by_definition(rng):
    y, p = rng.integers(0, 2, 30), rng.random(30)
    assert evaluate.no_information(y, p) == pytest.approx(np.mean((y[:, None] - p[None, :]) ** 2))
    share, called = y.mean(), (p > 0.5).mean()
    expected = share * (1 - called) + (1 - share) * called
    assert evaluate.no_information(y, p > 0.5, np.not_equal) == pytest.approx(expected)
    with pytest.raises(InputError, match="out_of_bag"):
        evaluate.bootstrap_632plus(0.1, math.nan, 0.5)


def test_optimism_takes_most_of_the_overfitting_away(rng):
    """Least squares on 10 columns of noise: R2 is about .26 apparent, below 0 in truth."""
    X, y = rng.normal(size=(40, 10)), rng.normal(size=40)

    def fit(rows):
        return np.linalg.lstsq(np.column_stack([np.ones(len(rows[1])), rows[0]]), rows[1], rcond=None)[0]

    def score(beta, rows):
        error = rows[1] - np.column_stack([np.ones(len(rows[1])), rows[0]]) @ beta
        return 1 - np.mean(error**2) / np.mean((rows[1] - y.mean()) ** 2)

    found = evaluate.optimism(fit, score, (X, y), np.arange(40), draws=100, seed=0)
    assert found.apparent > 0.1
    assert found.corrected.value < found.apparent - 0.2
    assert found.out_of_bag.value < 0
    assert found.corrected.value == pytest.approx(found.apparent - found.optimism.value)


def test_optimism_survives_one_class_out_of_bag():
    y, x = np.array([0, 0, 0, 0, 0, 0, 1, 1]), np.arange(8.0)

    def score(model, rows):
        return evaluate.auroc(rows[0], rows[1])

    found = evaluate.optimism(lambda rows: None, score, (y, x), np.arange(8), draws=60, stratify=y)
    assert found.optimism.detail["undefined"] == 0
    assert found.out_of_bag.detail["undefined"] > 0
    assert found.corrected.value == pytest.approx(1.0)


def test_ranks_within_folds_do_not_see_the_fold_level(rng):
    p, folds = rng.random(60), np.repeat(np.arange(5), 12)
    ranked = evaluate.rank_within_folds(p, folds)
    np.testing.assert_allclose(evaluate.rank_within_folds(p / 10 + 0.1 * folds, folds), ranked)
    both = evaluate.rank_within_folds(np.stack([p, p]), np.stack([folds, folds]))
    np.testing.assert_array_equal(both[1], ranked)
    with pytest.raises(InputError, match="same shape"):
        evaluate.rank_within_folds(p, folds[:10])


def test_pooling_without_signal_is_biased_and_folds_are_not(rng):
    """A model that predicts the training prevalence: pooled AUROC far below .5, the others exactly .5."""
    pooled, others = [], []
    for seed in range(20):
        y = rng.permutation(np.repeat([0, 1], [33, 30]))
        folds = np.random.default_rng(seed).permutation(np.arange(63) % 5)
        p = np.array([y[folds != f].mean() for f in folds])
        pooled.append(evaluate.auroc(y, p).value)
        others.append(evaluate.auroc(y, evaluate.rank_within_folds(p, folds)).value)
        others.append(weighted_fold_auroc(y, p[None], folds[None], np.ones((1, 63)))[0])
    assert np.mean(pooled) < 0.45
    assert np.mean(others) == pytest.approx(0.5, abs=0.02)
    two = np.array([0, 0, 1, 1])  # every fold holds one class only
    assert np.isnan(weighted_fold_auroc(two, np.arange(4.0)[None], two[None], np.ones((1, 4)))).all()


def test_a_statistic_of_several_numbers_is_refused_by_name():
    with pytest.raises(InputError, match="returned 3 values.*one number"):
        evaluate.patient_bootstrap(lambda rows: rows[:3], np.arange(20.0), np.arange(20), draws=10)
