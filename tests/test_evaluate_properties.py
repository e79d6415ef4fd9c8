"""Laws that need no data: properties P1, P2, P9 to P12 of the statistics sheet, and what definitions imply."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special, stats

from blues import evaluate
from blues.evaluate.ordinal import kappa_of_tables, scale_weights
from blues.evaluate.resample import cluster_tables

quick = settings(max_examples=30, deadline=None)


@st.composite
def scored(draw, most=40, levels=12):
    """Outcome with at least two of each class, and whole-number scores with ties."""
    n = draw(st.integers(4, most))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    assume(2 <= sum(y) <= n - 2)
    score = draw(st.lists(st.integers(0, levels), min_size=n, max_size=n))
    return np.array(y), np.array(score, dtype=float)


@quick
@given(scored())
def test_auroc_is_the_share_of_pairs_won(data):
    y, score = data
    gap = score[y == 1][:, None] - score[y == 0][None, :]
    found = evaluate.auroc(y, score)
    assert found.value == pytest.approx(np.mean((gap > 0) + (gap == 0) / 2), abs=1e-12)
    wins = (gap > 0) + (gap == 0) / 2
    m, n = wins.shape
    delong = np.var(wins.mean(1), ddof=1) / m + np.var(wins.mean(0), ddof=1) / n
    if 0 < found.value < 1:
        assert found.se == pytest.approx(np.sqrt(delong), abs=1e-12)


@quick
@given(scored(), st.integers(0, 2**31))
def test_delong_without_ties_takes_a_shorter_way_to_the_same(data, seed):
    from blues.evaluate.placements import delong_variance, sorted_ties

    y, _ = data
    score = np.random.default_rng(seed).permutation(len(y)).astype(float)
    ties = sorted_ties(y, score)
    assert delong_variance(y, score) == pytest.approx((ties.auroc, ties.variance()), abs=1e-14)


@quick
@given(scored())
def test_p1_clusters_of_one_give_delong(data):
    y, score = data
    plain = evaluate.auroc(y, score)
    clustered = evaluate.auroc(y, score, clusters=np.arange(len(y)))
    assert (clustered.value, clustered.low, clustered.high) == pytest.approx(
        (plain.value, plain.low, plain.high), abs=1e-12
    )


@quick
@given(scored(most=20), st.integers(2, 4))
def test_p1_rows_repeated_inside_clusters_change_nothing(data, times):
    y, score = data
    patients = np.arange(len(y)) // 2
    assume(min(len(np.unique(patients[y == k])) for k in (0, 1)) > 1)
    once = evaluate.auroc(y, score, clusters=patients)
    often = evaluate.auroc(np.repeat(y, times), np.repeat(score, times), clusters=np.repeat(patients, times))
    assert (often.value, often.low, often.high, often.se) == pytest.approx(
        (once.value, once.low, once.high, once.se), abs=1e-9
    )
    plain = evaluate.auroc(np.repeat(y, times), np.repeat(score, times), method="delong-wald")
    if 0 < plain.value < 1 and plain.se > 0:
        assert plain.se < evaluate.auroc(y, score, method="delong-wald").se


@quick
@given(scored(), st.sampled_from([np.exp, np.cbrt, lambda s: 3 * s - 7, np.arctan]))
def test_p2_same_ranking_gives_no_difference(data, rising):
    y, score = data
    found = evaluate.delong_test(y, score, rising(score / 13))
    assert (found.statistic, found.p_value, found.estimate) == (0.0, 1.0, 0.0)


@quick
@given(scored(), st.integers(0, 2**31))
def test_p2_comparison_does_not_see_the_scale(data, seed):
    y, score = data
    other = np.random.default_rng(seed).integers(0, 9, len(y)).astype(float)
    raw, mapped = evaluate.delong_test(y, score, other), evaluate.delong_test(y, np.exp(score / 13), other**3)
    assert (mapped.statistic, mapped.p_value) == pytest.approx((raw.statistic, raw.p_value), abs=1e-9)
    swapped = evaluate.swap_permutation_test(y, score, other, draws=200)
    assert evaluate.swap_permutation_test(y, np.exp(score / 13), other**3, draws=200).p_value == swapped.p_value


@quick
@given(scored(most=12), st.integers(0, 2**31))
def test_swapping_predictions_is_flipping_signs(data, seed):
    """The difference in AUROC after any pattern of swaps, computed from the swapped scores themselves."""
    y, a = data
    rng = np.random.default_rng(seed)
    b = rng.integers(0, 9, len(y)).astype(float)
    ranks = stats.rankdata(a), stats.rankdata(b)
    terms = evaluate.permutation.swap_contributions(y, a, b, "auroc")
    swap = rng.integers(0, 2, len(y)).astype(bool)
    first, second = np.where(swap, ranks[1], ranks[0]), np.where(swap, ranks[0], ranks[1])
    direct = evaluate.auroc(y, first).value - evaluate.auroc(y, second).value
    assert np.where(swap, -1, 1) @ terms == pytest.approx(direct, abs=1e-12)


@quick
@given(scored(), st.integers(0, 2**31))
def test_p9_net_benefit_at_its_ends(data, seed):
    y, _ = data
    p = np.random.default_rng(seed).random(len(y))
    prevalence = y.mean()
    curve = evaluate.net_benefit(y, p, [0.0, prevalence])
    assert curve["model"][0] == pytest.approx(prevalence)
    assert curve["treat_all"][0] == pytest.approx(prevalence)
    assert curve["treat_all"][1] == pytest.approx(0, abs=1e-12)
    assert (curve["treat_none"] == 0).all()


@quick
@given(scored(most=80), st.integers(0, 2**31))
def test_p10_recalibrated_predictions_are_calibrated(data, seed):
    y, score = data
    logit = score / 3 + np.random.default_rng(seed).normal(0, 1, len(y))
    first = evaluate.calibration(y, special.expit(logit)).slope
    assume(np.isfinite(first.value) and first.se < 5)
    again = evaluate.calibration(y, special.expit(first.detail["intercept"] + first.value * logit))
    assert again.slope.value == pytest.approx(1, abs=1e-4) or abs(first.value) < 1e-3
    assert again.intercept.value == pytest.approx(0, abs=1e-6)


@quick
@given(st.integers(1, 500), st.floats(0.5, 0.999))
def test_p11_no_hits_give_a_lower_limit_of_exactly_zero(n, level):
    for interval in (evaluate.wilson_interval, evaluate.clopper_pearson_interval):
        none, all_ = interval(0, n, level=level), interval(n, n, level=level)
        assert (none.low, all_.high) == (0.0, 1.0)
        assert none.high == pytest.approx(1 - all_.low)


@quick
@given(st.integers(1, 40), st.floats(0.01, 0.99))
def test_clopper_pearson_never_covers_less_than_it_says(n, share):
    limits = [evaluate.clopper_pearson_interval(k, n) for k in range(n + 1)]
    covering = [e.low <= share <= e.high for e in limits]
    assert stats.binom.pmf(np.arange(n + 1), n, share)[covering].sum() >= 0.95 - 1e-12


def _kappa_of_rows(rows):
    table = np.bincount(rows[:, 0] * 4 + rows[:, 1], minlength=16).reshape(4, 4)
    return float(kappa_of_tables(table, scale_weights(range(4))))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31))
def test_p12_bootstrap_sees_the_table_of_each_patient_only(seed):
    rng = np.random.default_rng(seed)
    patients = rng.integers(0, 9, 60)
    rows = rng.integers(0, 4, (60, 2))
    by_rows = evaluate.patient_bootstrap(_kappa_of_rows, rows, patients, draws=60, seed=5)
    mixed = rng.permutation(60)
    shuffled = evaluate.patient_bootstrap(_kappa_of_rows, rows[mixed], patients[mixed], draws=60, seed=5)
    tables = cluster_tables(patients, rows[:, 0] * 4 + rows[:, 1], 16).reshape(-1, 4, 4)
    flat, weights = tables.reshape(len(tables), -1), scale_weights(range(4))
    (by_table,) = evaluate.weighted_bootstrap(
        lambda times: kappa_of_tables((times @ flat).reshape(-1, 4, 4), weights), len(tables), draws=60, seed=5
    )
    for other in (shuffled, by_table):
        assert (other.value, other.low, other.high, other.se) == pytest.approx(
            (by_rows.value, by_rows.low, by_rows.high, by_rows.se), abs=1e-12
        )


@quick
@given(scored(most=30), st.integers(0, 2**31))
def test_weights_stand_for_repeated_rows(data, seed):
    """Every weighted score equals the score of rows that occur as often as their weight says."""
    from blues.evaluate.placements import _won_pairs, weighted_auroc
    from blues.evaluate.precision import weighted_average_precision

    y, score = data
    times = np.random.default_rng(seed).integers(0, 4, len(y))
    longer = np.repeat(y, times)
    assume(0 < longer.sum() < len(longer))
    weights, again = times[None, :].astype(float), np.repeat(score, times)
    assert weighted_auroc(y, score[None], weights)[0] == pytest.approx(evaluate.auroc(longer, again).value, abs=1e-12)
    pairs = longer.sum() * (len(longer) - longer.sum())
    assert _won_pairs(y, score, weights)[0] / pairs == pytest.approx(evaluate.auroc(longer, again).value, abs=1e-12)
    precision = evaluate.average_precision(longer, again, method="logit").value
    assert weighted_average_precision(y, score[None], weights)[0] == pytest.approx(precision, abs=1e-12)


@quick
@given(st.integers(0, 2**31))
def test_adjusted_p_values_keep_order_and_bounds(seed):
    p = np.random.default_rng(seed).random(12)
    holm, bh = evaluate.holm(p), evaluate.benjamini_hochberg(p)
    assert (p <= bh + 1e-15).all()
    assert (bh <= holm + 1e-15).all()
    assert (np.diff(bh[np.argsort(p)]) >= -1e-15).all()
    assert holm.max() <= 1
