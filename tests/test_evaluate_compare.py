"""Paired tests: exactness, identical models, patients with several rows, and the guards F1."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from blues import evaluate
from blues.check import InputError


@pytest.fixture
def data(rng):
    y = (rng.random(60) < 0.5).astype(int)
    return y, rng.normal(y, 1), rng.normal(0.5 * y, 1)


def test_f1_a_model_does_not_differ_from_its_recalibrated_self(data):
    """MLstatkit gave p = 0.0 here: zero variance sent it to a bootstrap that counted no sample on either side."""
    y, a, _ = data
    p = 1 / (1 + np.exp(-a))
    recalibrated = 1 / (1 + np.exp(-(0.3 + 2 * a)))
    found = evaluate.delong_test(y, p, recalibrated)
    assert (found.statistic, found.p_value) == (0.0, 1.0)
    assert evaluate.swap_permutation_test(y, p, recalibrated).p_value == 1.0
    assert evaluate.mcnemar_test(y, p > 0.5, p > 0.5).p_value == 1.0
    assert evaluate.nadeau_bengio_test(np.zeros(50), 50, 13).p_value == 1.0


def test_delong_variance_of_the_difference_by_loops(data):
    y, a, b = data
    x, z = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    wins = [(s[x][:, None] > s[z]) * 1.0 for s in (a, b)]
    gap = wins[0] - wins[1]
    variance = np.var(gap.mean(1), ddof=1) / len(x) + np.var(gap.mean(0), ddof=1) / len(z)
    found = evaluate.delong_test(y, a, b)
    assert found.estimate == pytest.approx(gap.mean())
    assert found.statistic == pytest.approx(gap.mean() / math.sqrt(variance))
    mirrored = evaluate.delong_test(y, b, a)
    assert (mirrored.statistic, mirrored.p_value) == pytest.approx((-found.statistic, found.p_value))


def test_delong_by_patient(data):
    y, a, b = data
    rows = np.repeat(np.arange(60), 4)
    plain, by_patient = evaluate.delong_test(y, a, b), evaluate.delong_test(y[rows], a[rows], b[rows], clusters=rows)
    assert by_patient.statistic == pytest.approx(plain.statistic, rel=0.02)
    assert abs(evaluate.delong_test(y[rows], a[rows], b[rows]).statistic) > 1.8 * abs(plain.statistic)


def test_delong_without_variance_falls_back_on_the_permutation():
    y = [0, 0, 0, 0, 1, 1, 1, 1]
    found = evaluate.delong_test(y, range(8), [1] * 8)
    assert found.statistic == math.inf
    assert 0 < found.p_value <= 0.05
    assert "swap permutation" in found.detail["reason"]
    assert found.estimate == 0.5


def test_swap_test_is_the_exact_enumeration_of_swapped_scores():
    rng = np.random.default_rng(3)
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    a, b = rng.permutation(8).astype(float), rng.permutation(8).astype(float)
    ranks = stats.rankdata(a), stats.rankdata(b)
    drawn = []
    for pattern in itertools.product([False, True], repeat=8):
        first, second = np.where(pattern, ranks[1], ranks[0]), np.where(pattern, ranks[0], ranks[1])
        drawn.append(evaluate.auroc(y, first).value - evaluate.auroc(y, second).value)
    exact = np.mean(np.abs(drawn) >= abs(drawn[0]) - 1e-12)
    found = evaluate.swap_permutation_test(y, a, b)
    assert found.estimate == pytest.approx(drawn[0])
    assert found.p_value == pytest.approx(exact)
    assert found.detail["exact"]


def test_swaps_of_accuracy_take_calls_alone():
    with pytest.raises(InputError, match=r"a must hold 0 and 1 only, and holds 0.3"):
        evaluate.swap_permutation_test([0, 1, 0, 1], [0.3, 0.9, 0.1, 0.8], [0, 1, 1, 1], "accuracy")


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_p_values_do_not_know_the_unit(unit, rng):
    y, a, b = rng.normal(size=(3, 12))
    asked = evaluate.swap_permutation_test(y, a, b, "absolute_error").p_value
    assert evaluate.swap_permutation_test(unit * y, unit * a, unit * b, "absolute_error").p_value == asked
    frame = pd.DataFrame({"patient": np.arange(12).astype(str), "repeat": 0, "fold": np.arange(12) % 2, "y": y * unit})
    found = evaluate.compare_table(frame.assign(p=a * unit), frame.assign(p=b * unit), "continuous", draws=10)
    assert found.set_index("test").loc["swap permutation", "p_value"].item() == asked
    assert evaluate.permutation_p(3 * unit, unit * np.arange(4.0)) == 0.4
    assert evaluate.permutation_p(0.0, [unit, unit * 1e-3, -unit]) == 0.75


def test_limits_of_a_difference_stay_in_the_possible_range():
    y, good = np.repeat([0, 1], 4), np.array([1, 2, 3, 5, 4, 6, 7, 8.0])
    found = evaluate.delong_test(y, good, -good[[1, 0, 3, 2, 5, 4, 7, 6]])
    assert (found.estimate > 0.8, found.high) == (True, 1)
    assert evaluate.delong_test(y, -good[[1, 0, 3, 2, 5, 4, 7, 6]], good).low == -1


def test_random_swaps_agree_with_the_enumeration(rng):
    y = (rng.random(18) < 0.5).astype(int)
    p, q = rng.random(18), rng.random(18)
    exact = evaluate.swap_permutation_test(y, p, q, statistic="brier")
    differences = ((p - y) ** 2 - (q - y) ** 2) / 18
    assert exact.estimate == pytest.approx(differences.sum())
    drawn = evaluate.sign_flip_test(differences, exact=False, draws=40000)
    assert drawn.p_value == pytest.approx(exact.p_value, abs=0.012)


def test_whole_patients_are_swapped(data):
    y, a, b = data
    rows = np.repeat(np.arange(60), 5)
    once = evaluate.swap_permutation_test(y, a, b, seed=1)
    often = evaluate.swap_permutation_test(y[rows], a[rows], b[rows], clusters=rows, seed=1)
    assert (often.estimate, often.p_value) == pytest.approx((once.estimate, once.p_value))


def test_permutation_p_is_never_zero_and_knows_its_side(data):
    y, a, _ = data
    perfect = evaluate.swap_permutation_test(y, y + 0.0, -y + 0.0, draws=99)
    assert perfect.p_value == pytest.approx(0.01)
    worse = evaluate.swap_permutation_test(y, -a, a, alternative="greater", draws=200)
    assert worse.p_value > 0.9
    assert evaluate.permutation_p(1.0, np.zeros(99)) == 0.01
    with pytest.raises(InputError, match="observed"):
        evaluate.permutation_p(float("nan"), np.zeros(99))
    assert evaluate.permutation_p(0.0, np.zeros(99), "two-sided") == 1.0
    assert evaluate.permutation_p(-1.0, np.zeros(99), "less") == 0.01


def test_mcnemar_from_predictions_and_from_the_table():
    y = np.ones(20, dtype=int)
    a = np.array([1] * 15 + [0] * 5)
    b = np.array([1] * 8 + [0] * 9 + [1] * 3)
    found = evaluate.mcnemar_test(y, a, b)
    assert found.detail["table"] == [[8, 7], [3, 2]]
    assert found.p_value == pytest.approx(stats.binomtest(3, 10).pvalue)
    assert found.p_value == evaluate.mcnemar_test([[8, 7], [3, 2]]).p_value
    assert found.estimate == pytest.approx(0.2)


def test_mcnemar_by_patient():
    """Every patient's clips agree with each other: the clustered test must see patients, not clips."""
    rng = np.random.default_rng(0)
    y, a = np.ones(40, dtype=int), (rng.random(40) < 0.7).astype(int)
    b = (rng.random(40) < 0.5).astype(int)
    rows = np.repeat(np.arange(40), 8)
    by_clip = evaluate.mcnemar_test(y[rows], a[rows], b[rows], exact=False, continuity=False)
    by_patient = evaluate.mcnemar_test(y[rows], a[rows], b[rows], clusters=rows)
    single = evaluate.mcnemar_test(y, a, b, exact=False, continuity=False)
    assert by_patient.statistic == pytest.approx(single.statistic * 39 / 40)
    assert by_clip.statistic > 5 * by_patient.statistic
    assert evaluate.mcnemar_test(y, a, a, clusters=np.arange(40)).p_value == 1.0


def test_nadeau_bengio_against_the_naive_t(rng):
    differences = rng.normal(0.02, 0.05, 50)
    found = evaluate.nadeau_bengio_test(differences, n_train=50, n_test=13)
    naive = stats.ttest_1samp(differences, 0)
    assert found.statistic == pytest.approx(naive.statistic * math.sqrt((1 / 50) / (1 / 50 + 13 / 50)))
    assert found.p_value > naive.pvalue
    low, high = stats.t.interval(0.95, 49, differences.mean(), found.detail["se"])
    assert (found.low, found.high) == pytest.approx((low, high))
    sides = [evaluate.nadeau_bengio_test(differences, 50, 13, alternative=s).p_value for s in ("greater", "less")]
    assert sum(sides) == pytest.approx(1)
    constant = evaluate.nadeau_bengio_test([0.1, 0.1, 0.1], 50, 13)
    assert math.isnan(constant.p_value)
    assert "same difference" in constant.detail["reason"]


@pytest.mark.parametrize(
    "call",
    [
        lambda: evaluate.delong_test([0, 1], [1, 2], [1, 2, 3]),
        lambda: evaluate.delong_test([1, 1], [1, 2], [1, 2]),
        lambda: evaluate.delong_test([0, 1], [1, np.nan], [1, 2]),
        lambda: evaluate.swap_permutation_test([0, 1], [1, 2], [1, 2], statistic="brier"),
        lambda: evaluate.swap_permutation_test([0, 1], [1, 2], [1, 2], statistic="auc"),
        lambda: evaluate.mcnemar_test([0, 1], [0, 1]),
        lambda: evaluate.mcnemar_test([[1, 2, 3]]),
        lambda: evaluate.mcnemar_test([[1, -2], [3, 4]]),
        lambda: evaluate.mcnemar_test([0, 1], [0.2, 0.7], [0, 1]),
        lambda: evaluate.mcnemar_test([[1, 2], [3, 4]], clusters=[1, 2]),
        lambda: evaluate.nadeau_bengio_test([0.1], 10, 2),
        lambda: evaluate.nadeau_bengio_test([0.1, 0.2], 0, 2),
        lambda: evaluate.nadeau_bengio_test([0.1, np.nan], 10, 2),
        lambda: evaluate.sign_flip_test([]),
        lambda: evaluate.sign_flip_test(np.ones(30), exact=True),
        lambda: evaluate.holm([0.1, 1.2]),
        lambda: evaluate.benjamini_hochberg([0.1, np.nan]),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(InputError):
        call()


def test_every_test_says_its_question(data):
    y, a, b = data
    found = [
        evaluate.delong_test(y, a, b),
        evaluate.swap_permutation_test(y, a, b),
        evaluate.mcnemar_test(y, a > 0, b > 0),
        evaluate.nadeau_bengio_test(a - b, 50, 10),
    ]
    questions = [one.detail["question"] for one in found]
    assert len(set(questions)) == 4
    assert all(question.endswith("?") for question in questions)
    assert str(found[0]).startswith("statistic ")


def test_adjustments_agree_with_statsmodels(rng):
    from statsmodels.stats.multitest import multipletests

    p = np.append(rng.random(9), [0.01, 0.01, 0.0, 1.0])
    np.testing.assert_allclose(evaluate.holm(p), multipletests(p, method="holm")[1])
    np.testing.assert_allclose(evaluate.benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1])


def test_records_refuse_silence():
    with pytest.raises(ValueError, match="reason"):
        evaluate.Estimate(math.nan)
    with pytest.raises(ValueError, match="reason"):
        evaluate.Test(0.0, math.nan)
    assert float(evaluate.Estimate(2)) == 2.0
    assert evaluate.holm([]).shape == (0,)


def test_one_cluster_leaves_mcnemar_and_delong_without_a_statistic():
    y, a, b = [0, 0, 1, 1], [0, 0, 1, 1], [1, 0, 1, 0]
    found = evaluate.mcnemar_test(y, a, b, clusters=list("pppp"))
    assert math.isnan(found.statistic)
    assert math.isnan(found.p_value)
    assert "one cluster" in found.detail["reason"]
    assert evaluate.mcnemar_test(y, a, a, clusters=list("pppp")).p_value == 1
    paired = evaluate.delong_test(y, [0.1, 0.4, 0.35, 0.8], [1, 2, 3, 4], clusters=list("pppp"))
    assert math.isnan(paired.statistic)
    assert paired.p_value == 1


def test_clustered_mcnemar_is_obuchowskis_by_pooled_proportions(rng):
    """Her variance of p1 - p2 from the pooled proportion, var + var - 2 cov, equals the sum of squared differences."""
    patients = np.repeat(np.arange(20), 5)
    y, a, b = (rng.integers(0, 2, 100) for _ in range(3))
    right, rival = (a == y).astype(float), (b == y).astype(float)
    pooled = (right.mean() + rival.mean()) / 2
    one, two = (np.bincount(patients, hits - pooled) for hits in (right, rival))
    variance = 20 / 19 * (one @ one + two @ two - 2 * one @ two) / 100**2
    expected = (right.mean() - rival.mean()) ** 2 / variance
    assert evaluate.mcnemar_test(y, a, b, clusters=patients).statistic == pytest.approx(expected)


@pytest.mark.parametrize("sizes", [("50", 13), (50, None), (0, 13)])
def test_nadeau_bengio_takes_numbers_of_patients(sizes):
    with pytest.raises(InputError, match="numbers of patients above 0"):
        evaluate.nadeau_bengio_test([0.1, 0.2], *sizes)
