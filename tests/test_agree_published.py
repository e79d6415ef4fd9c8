"""Coefficients beyond the reference file against published or independently computed answers, and their edges."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from blues import agree
from blues.check import InputError

NA = math.nan
RAW4 = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NA, NA, NA],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NA, 3],
        [NA, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NA],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NA],
    ]
).T
SCALE = [1, 2, 3, 4, 5]
SHROUT = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)


@pytest.mark.parametrize(
    ("weights", "value", "se", "low"),
    [
        ("unweighted", 0.743421053, 0.145573887, 0.419062219),
        ("linear", 0.800383877, 0.135477744, 0.498520652),
        ("quadratic", 0.849107143, 0.129129966, 0.561387649),
    ],
)
def test_alpha_has_the_standard_error_of_gwets_handbook(weights, value, se, low):
    """Gwet 2014, cac.raw4raters; digits irrCAC 0.4.4. Only subjects with two ratings count, so t has 10 df."""
    found = agree.krippendorff_alpha(RAW4, level="nominal", weights=weights, categories=SCALE, interval="analytic")
    assert (found.value, found.se, found.low) == pytest.approx((value, se, low), abs=2e-9)
    assert found.high == 1


def test_alpha_interval_does_not_depend_on_declared_categories():
    for level in ("interval", "ratio"):
        free, declared = (
            agree.krippendorff_alpha(RAW4, level=level, categories=scale, interval="analytic")
            for scale in (None, SCALE)
        )
        assert (free.value, free.low, free.se) == pytest.approx((declared.value, declared.low, declared.se), abs=1e-12)
    quadratic = agree.krippendorff_alpha(RAW4, weights="quadratic", categories=SCALE, draws=0)
    interval = agree.krippendorff_alpha(RAW4, level="interval", draws=0)
    assert interval.se == pytest.approx(quadratic.se, abs=1e-12)


@pytest.mark.parametrize(
    ("form", "spellings"),
    [
        ("1,1", ["ICC1", "icc(1,1)", "ICC(1)"]),
        ("2,1", ["ICC2", "ICC(A,1)", "2, 1"]),
        ("3,k", ["ICC3k", "ICC(C,k)", "ICC(3, K)", "c,k"]),
    ],
)
def test_icc_forms_go_by_every_name(form, spellings):
    value = agree.icc(SHROUT, form=form).value
    assert [agree.icc(SHROUT, form=name).value for name in spellings] == [value] * len(spellings)


def test_icc_of_perfect_agreement_has_its_limits():
    perfect = np.column_stack([np.arange(6.0) / 3] * 3)
    for form in agree.iccs(perfect)["form"]:
        found = agree.icc(perfect, form=form)
        assert (found.value, found.low, found.high, found.detail["p_value"]) == pytest.approx((1, 1, 1, 0))


def test_icc_limits_with_no_residual_are_those_that_a_small_one_tends_to():
    offset = np.column_stack([np.arange(6.0) + shift for shift in (0, 1, 2)])
    jitter = 1e-5 * np.random.default_rng(0).normal(size=offset.shape)
    exact, near = agree.iccs(offset), agree.iccs(offset + jitter)
    np.testing.assert_allclose(exact[["value", "low", "high"]], near[["value", "low", "high"]], atol=1e-4)
    msr, msc = 10.5, 6.0  # McGraw & Wong's limits where all disagreement is between raters: v = k - 1
    upper, lower = stats.f.ppf(0.975, 5, 2), stats.f.ppf(0.975, 2, 5)
    expected = [6 * msr / (upper * 3 * msc + 6 * msr), 6 * lower * msr / (3 * msc + 6 * lower * msr)]
    np.testing.assert_allclose(exact.loc[1, ["low", "high"]].astype(float), expected)


def test_icc_lies_in_its_interval_even_where_raters_agree_on_nothing(rng):
    for _ in range(200):
        noise = rng.normal(size=(rng.integers(2, 8), rng.integers(2, 5)))
        table = agree.iccs(noise)
        defined = table[table["value"].notna()]
        assert (defined["value"] <= 1).all()
        assert ((defined["low"] <= defined["value"] + 1e-9) & (defined["value"] <= defined["high"] + 1e-9)).all()
        assert set(table.loc[table["value"].isna(), "form"]) <= {"2,k"}


def test_icc_of_a_mean_says_why_it_is_undefined():
    opposed = np.array([[1.0, -1.0], [-1.0, 1.0], [0.5, -0.6]])
    found = agree.icc(opposed, form="2,k")
    assert math.isnan(found.value)
    assert "variance of a mean" in found.reason


def test_clusters_match_by_name_only_where_ratings_have_names():
    ratings = np.array([[0, 0], [1, 1], [2, 1], [3, 3], [2, 2], [0, 1]], dtype=float)
    how = {"categories": range(4), "weights": "linear", "draws": 50}
    expected = agree.cohen_kappa(ratings, clusters=list("aabbcc"), **how)
    shuffled = pd.Series(list("aabbcc"), index=[5, 1, 3, 0, 2, 4])
    frame = pd.DataFrame(ratings, index=list("uvwxyz"))
    for table, clusters in (
        (ratings, shuffled),
        (ratings.tolist(), shuffled),
        (frame, pd.Series(list("aabbcc"))),
        (frame, pd.Series(list("ccbbaa"), index=list("zyxwvu"))),
    ):
        found = agree.cohen_kappa(table, clusters=clusters, **how)
        assert (found.low, found.high, found.detail["clusters"]) == (expected.low, expected.high, 3)
    measured = agree.icc(ratings, clusters=shuffled, draws=50)
    assert measured.low == agree.icc(ratings, clusters=list("aabbcc"), draws=50).low
    with pytest.raises(InputError, match="no entry for subject 'u'"):
        agree.cohen_kappa(frame, clusters=pd.Series(list("aabbcc"), index=list("vwxyzq")), **how)


def test_jackknife_says_how_many_leave_outs_were_undefined():
    found = agree.cohen_kappa(np.array([[0, 0], [1, 1]]), categories=[0, 1], interval="jackknife")
    assert math.isnan(found.low)
    assert "undefined in 2 of" in found.reason
    one_left = agree.fleiss_kappa(np.array([[0, 0], [0, 0], [0, 1]]), categories=[0, 1], interval="jackknife")
    assert "every resample gives -0.20" in one_left.reason
