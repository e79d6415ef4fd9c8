"""What must hold for any ratings (statistics by definition, not by example)."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from blues import agree
from blues.agree.resample import ClusterSums, additive, cluster_interval, cluster_weights
from blues.check import InputError

FEW = {"draws": 25}
TWO_TO_FOUR = st.integers(2, 4)
COEFFICIENTS = {
    "light": agree.light_kappa,
    "conger": agree.conger_kappa,
    "fleiss": agree.fleiss_kappa,
    "gwet": agree.gwet_ac,
    "brennan": agree.brennan_prediger,
    "pabak": agree.pabak,
}


@st.composite
def tables(draw, raters=TWO_TO_FOUR, missing=True, least=4):
    """Ratings of several raters on a scale 0 ... q - 1, rater 0 and 1 both present in the first rows."""
    m, q = draw(raters), draw(TWO_TO_FOUR)
    n = draw(st.integers(least, 25))
    ratings = draw(arrays(np.int64, (n, m), elements=st.integers(0, q - 1))).astype(float)
    if missing:
        holes = draw(arrays(np.bool_, (n, m)))
        holes[: min(2, n - 1) or 1] = False
        ratings[holes] = np.nan
    return ratings, q


def quiet(function, *args, **kwargs):
    """Call with every warning an error, in Hypothesis too."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return function(*args, **kwargs)


def same(a, b, tolerance=1e-9):
    assert (np.isnan(a) and np.isnan(b)) or a == pytest.approx(b, abs=tolerance)


@settings(max_examples=40, deadline=None)
@given(tables())
def test_no_warning_no_nan_without_a_reason_and_limits_in_order(case):
    ratings, q = case
    found = [quiet(f, ratings, categories=range(q), **FEW) for f in COEFFICIENTS.values()]
    levels = ("nominal", "ordinal", "interval", "ratio")
    found += [quiet(agree.krippendorff_alpha, ratings, level=k, categories=range(q), **FEW) for k in levels]
    found.append(quiet(agree.cohen_kappa, ratings[:, :2], categories=range(q), weights="quadratic", **FEW))
    for k in found:
        if np.isnan([k.value, k.low, k.high]).any():
            assert k.detail["reason"]
        if np.isfinite(k.low):
            assert k.low <= k.high <= 1
        if np.isfinite(k.value):
            assert k.value <= 1 + 1e-12
        assert k.method in k.sentence()


INTERVALS = ("bootstrap", "bca", "jackknife", "analytic")
EVERY = {
    **COEFFICIENTS,
    "percent": agree.percent_agreement,
    "alpha": agree.krippendorff_alpha,
    "icc": agree.icc,
    "kendall": agree.kendall_w,
    "williams": agree.williams_index,
    "cohen": agree.cohen_kappa,
    "lin": agree.lin_ccc,
    "bland": agree.bland_altman,
}


@settings(max_examples=60, deadline=None)
@given(
    tables(least=1),
    st.sampled_from(sorted(EVERY)),
    st.sampled_from(INTERVALS),
    st.booleans(),
    st.integers(1, 3),
)
def test_tiny_and_degenerate_tables_give_a_number_or_a_reason(case, name, interval, clustered, groups):
    ratings, q = case
    ratings = ratings[:, :2] if name in ("cohen", "lin", "bland") else ratings
    clusters = np.arange(len(ratings)) % groups if clustered else None
    try:
        found = quiet(EVERY[name], ratings, categories=range(q), clusters=clusters, interval=interval, draws=30)
    except InputError:
        return
    if np.isnan([found.value, found.low, found.high, found.se]).any():
        assert found.detail["reason"]
    found.sentence()


# Kendall's W has no analytic interval
@pytest.mark.parametrize(
    ("name", "interval"), sorted({(n, i) for n in EVERY for i in INTERVALS} - {("kendall", "analytic")})
)
def test_no_coefficient_refuses_what_it_can_compute(name, interval):
    """The test above passes over tables that are refused: this one is not."""
    ratings = np.array([[0, 0, 0], [1, 1, 0], [2, 1, 2], [1, 2, 1], [2, 2, 2], [0, 1, 0]], dtype=float)
    ratings = ratings[:, :2] if name in ("cohen", "lin", "bland") else ratings
    for clusters in (None, np.arange(6) % 3):
        found = EVERY[name](ratings, categories=range(3), clusters=clusters, interval=interval, draws=30)
        assert np.isfinite([found.value, found.low, found.high]).all()


@settings(max_examples=40, deadline=None)
@given(tables())
def test_p3_kappa_of_a_category_is_fleiss_kappa_against_the_rest(case):
    ratings, q = case
    whole = quiet(agree.fleiss_kappa, ratings, categories=range(q), **FEW)
    for k in range(q):
        against = np.where(np.isnan(ratings), np.nan, ratings == k)
        same(
            whole.detail["per_category"].loc[k, "kappa"],
            quiet(agree.fleiss_kappa, against, categories=[0, 1], **FEW).value,
        )


@settings(max_examples=40, deadline=None)
@given(tables(missing=False))
def test_p4_alpha_nominal_is_fleiss_with_a_small_sample_term(case):
    """With complete ratings 1 - alpha = (1 - kappa) (1 - 1 / (n m)), so alpha goes to Fleiss' kappa as n grows."""
    ratings, q = case
    alpha = quiet(agree.krippendorff_alpha, ratings, level="nominal", categories=range(q), **FEW).value
    kappa = quiet(agree.fleiss_kappa, ratings, categories=range(q), **FEW).value
    same(1 - alpha, (1 - kappa) * (1 - 1 / ratings.size))


@settings(max_examples=40, deadline=None)
@given(tables(), st.sampled_from(["nominal", "ordinal", "interval", "ratio"]))
def test_p4_alpha_ignores_subjects_with_one_rating(case, level):
    ratings, q = case
    lonely = np.full((3, ratings.shape[1]), np.nan)
    lonely[:, 0] = q - 1
    before = quiet(agree.krippendorff_alpha, ratings, level=level, categories=range(q), **FEW).value
    after = quiet(agree.krippendorff_alpha, np.vstack([ratings, lonely]), level=level, categories=range(q), **FEW).value
    same(before, after)


@settings(max_examples=40, deadline=None)
@given(tables(raters=st.just(2), missing=False))
def test_p5_quadratic_kappa_is_icc_a1_up_to_one_over_n(case):
    """Kappa puts n where ICC(A,1) puts n - 1 (Fleiss & Cohen 1973): an identity, not only a limit."""
    ratings, q = case
    kappa = quiet(agree.cohen_kappa, ratings, categories=range(q), weights="quadratic", **FEW).value
    if np.isnan(kappa):
        return
    detail = quiet(agree.icc, ratings, form="2,1", draws=0).detail
    n = len(ratings)
    msr, msc, mse = (detail[f"ms_{k}"] for k in ("subjects", "raters", "residual"))
    numerator = (n - 1) * (msr - mse)
    same(kappa, numerator / ((n - 1) * (msr + mse) + 2 * msc), 1e-9)


@settings(max_examples=30, deadline=None)
@given(tables(), st.randoms(use_true_random=False), st.sampled_from(sorted(COEFFICIENTS)))
def test_p6_order_of_raters_and_names_of_categories_do_not_matter(case, shuffle, name):
    ratings, q = case
    raters, names = list(range(ratings.shape[1])), list(range(q))
    shuffle.shuffle(raters)
    shuffle.shuffle(names)
    renamed = np.where(np.isnan(ratings), np.nan, np.array(names)[np.nan_to_num(ratings).astype(int)])
    function = COEFFICIENTS[name]
    same(
        quiet(function, ratings, categories=range(q), **FEW).value,
        quiet(function, renamed[:, raters], categories=range(q), **FEW).value,
    )


@settings(max_examples=30, deadline=None)
@given(tables(), st.randoms(use_true_random=False), st.sampled_from(["nominal", "ordinal", "interval"]))
def test_order_of_subjects_changes_nothing_at_all(case, shuffle, level):
    """Interval included: the bootstrap sees the table, not the order of the rows (P12)."""
    ratings, q = case
    order = list(range(len(ratings)))
    shuffle.shuffle(order)
    first = quiet(agree.krippendorff_alpha, ratings, level=level, categories=range(q), **FEW)
    second = quiet(agree.krippendorff_alpha, ratings[order], level=level, categories=range(q), **FEW)
    for field in ("value", "low", "high", "se"):
        same(getattr(first, field), getattr(second, field))


@settings(max_examples=30, deadline=None)
@given(tables(raters=st.just(2)))
def test_p6_an_unused_category_changes_ac1_and_not_nominal_kappa(case):
    ratings, q = case
    kappa = [quiet(agree.cohen_kappa, ratings, categories=range(k), **FEW).value for k in (q, q + 1)]
    same(*kappa)
    ac1 = [quiet(agree.gwet_ac, ratings, categories=range(k), **FEW).value for k in (q, q + 1)]
    present = ratings[~np.isnan(ratings)]
    if len(np.unique(present)) > 1 and quiet(agree.percent_agreement, ratings, categories=range(q), **FEW).value < 1:
        assert ac1[1] > ac1[0]


@settings(max_examples=20, deadline=None)
@given(tables(raters=st.integers(2, 3)), st.integers(0, 2**31))
def test_p12_the_bootstrap_sees_only_the_table_of_each_cluster(case, seed):
    """Shuffling subjects within their clusters, or naming clusters anew in the same order, changes no replicate."""
    ratings, q = case
    clusters = np.arange(len(ratings)) // 3
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(np.flatnonzero(clusters == c)) for c in np.unique(clusters)])
    how = {"categories": range(q), "draws": 50, "seed": seed}
    first = quiet(agree.fleiss_kappa, ratings, clusters=clusters, **how)
    second = quiet(agree.fleiss_kappa, ratings[order], clusters=[f"p{c:03d}" for c in clusters], **how)
    for field in ("value", "low", "high", "se"):
        same(getattr(first, field), getattr(second, field))


@settings(max_examples=25, deadline=None)
@given(tables(missing=False), st.sampled_from(sorted(COEFFICIENTS)))
def test_two_copies_of_each_subject_in_one_cluster_change_nothing(case, name):
    """Duplicating clips inside a patient adds no information: value and clustered interval stay, naive ones shrink."""
    ratings, q = case
    function = COEFFICIENTS[name]
    how = {"categories": range(q), "interval": "jackknife"}
    once = quiet(function, ratings, **how)
    twice = quiet(function, np.repeat(ratings, 2, axis=0), clusters=np.repeat(np.arange(len(ratings)), 2), **how)
    same(once.value, twice.value)
    same(once.low, twice.low, 1e-7)


@settings(max_examples=25, deadline=None)
@given(tables(missing=False, least=6))
def test_iccs_do_not_change_under_a_common_shift_and_scale(case):
    ratings, _ = case
    if np.ptp(ratings) == 0:
        return
    first, second = agree.iccs(ratings), agree.iccs(3.5 * ratings - 20)
    columns = ["value", "low", "high"]
    assert np.allclose(first[columns], second[columns], atol=1e-6, equal_nan=True) or not np.isfinite(first["f"]).all()


@settings(max_examples=25, deadline=None)
@given(tables())
def test_tidy_and_wide_are_inverse(case):
    ratings, _ = case
    frame = pd.DataFrame(
        ratings, index=[f"s{i:02d}" for i in range(len(ratings))], columns=list("ABCD")[: ratings.shape[1]]
    )
    back = agree.wide(agree.tidy(frame)).reindex(index=frame.index, columns=frame.columns)
    assert np.array_equal(back.to_numpy(), ratings, equal_nan=True)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(0, 1000))
def test_weights_of_merged_clusters_have_the_right_size(times, seed):
    """Each draw takes as many clusters as there are, however many look alike."""
    times = np.array(times)
    weights = np.concatenate(list(cluster_weights(times, 7, seed)))
    assert weights.shape == (7, len(times))
    assert (weights.sum(axis=1) == times.sum()).all()


def test_merging_equal_clusters_leaves_the_distribution_unchanged():
    """Multinomial draws of distinct rows and draws of every row give the same means and spread."""
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 3, size=(60, 2)).astype(float)
    kept, times = np.unique(rows, axis=0, return_counts=True)

    def ratio(sums):
        return sums[:, 0] / (1 + sums[:, 1])

    merged = cluster_interval(ClusterSums(kept, times), ratio, draws=20000)
    apart = cluster_interval(ClusterSums(rows, np.ones(60, dtype=int)), ratio, draws=20000, seed=1)
    assert merged.value == pytest.approx(apart.value)
    assert merged.se[0] == pytest.approx(apart.se[0], rel=0.03)
    assert merged.low[0] == pytest.approx(apart.low[0], rel=0.03)


def test_jackknife_by_subtraction_equals_leaving_out():
    rng = np.random.default_rng(2)
    rows = rng.random((12, 3))

    def ratio(sums):
        return sums[:, 0] / sums[:, 1] - sums[:, 2]

    found = cluster_interval(ClusterSums(rows, np.ones(12, dtype=int)), ratio, kind="jackknife")
    left = np.array([ratio(np.delete(rows, i, axis=0).sum(axis=0)[None])[0] for i in range(12)])
    assert found.se[0] == pytest.approx(np.sqrt(11 / 12 * ((left - left.mean()) ** 2).sum()))
    by_weights = cluster_interval(
        np.ones(12, dtype=int), additive(ClusterSums(rows, np.ones(12, dtype=int)), ratio), kind="jackknife"
    )
    assert by_weights.se[0] == pytest.approx(found.se[0])


def test_bca_equals_scipy_on_a_mean():
    """The same formula as scipy.stats.bootstrap; only the random numbers differ."""
    from scipy.stats import bootstrap

    values = np.random.default_rng(4).exponential(size=40)
    rows = np.column_stack([np.ones(40), values])
    found = cluster_interval(
        ClusterSums(rows, np.ones(40, dtype=int)), lambda s: s[:, 1] / s[:, 0], kind="bca", draws=20000
    )
    other = bootstrap(
        (values,), np.mean, n_resamples=20000, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    assert found.low[0] == pytest.approx(other.low, abs=0.02)
    assert found.high[0] == pytest.approx(other.high, abs=0.02)


@settings(max_examples=25, deadline=None)
@given(tables(), st.sampled_from(["unweighted", "quadratic"]))
def test_alpha_with_weights_is_alpha_of_that_metric(case, weights):
    ratings, q = case
    level = {"unweighted": "nominal", "quadratic": "interval"}[weights]
    own = quiet(agree.krippendorff_alpha, ratings, weights=weights, categories=range(q), **FEW)
    same(own.value, quiet(agree.krippendorff_alpha, ratings, level=level, categories=range(q), **FEW).value)
    assert own.method.endswith(weights)
