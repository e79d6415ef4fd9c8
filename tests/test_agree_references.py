"""Published and independently computed answers, at their stated tolerance."""

import numpy as np
import pytest
from measured import measurements
from published import examples
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from blues import agree

NA = None
RAW4 = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NA, NA, NA],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NA, 3],
    [NA, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NA],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NA],
]
SHROUT = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
DRAWS = {"draws": 20}


def from_table(table):
    """Make ratings of two raters from their joint table."""
    table = np.asarray(table)
    a, b = np.indices(table.shape)
    return np.column_stack([np.repeat(a.ravel(), table.ravel()), np.repeat(b.ravel(), table.ravel())]).astype(float)


def by_rater(rows):
    return np.array(rows, dtype=float).T


def cohen1968(given):
    ratings, scale = from_table(given["table"]), [0, 1, 2]
    weighted = agree.cohen_kappa(ratings, categories=scale, weights=given["disagreement_weights"], **DRAWS)
    same = agree.cohen_kappa(
        ratings, categories=scale, weights=1 - np.array(given["disagreement_weights"]) / 6, **DRAWS
    )
    assert weighted.value == pytest.approx(same.value, abs=1e-12)
    return {"kappa": agree.cohen_kappa(ratings, categories=scale, **DRAWS).value, "weighted_kappa": weighted.value}


def fleiss_cohen_everitt1969(given):
    ratings, scale = from_table(given["table"]), [0, 1, 2]
    plain = agree.cohen_kappa(ratings, categories=scale, **DRAWS)
    weighted = agree.cohen_kappa(ratings, categories=scale, weights=given["agreement_weights"], **DRAWS)
    return {
        "kappa": plain.value,
        "se": plain.se,
        "se0": plain.detail["null_se"],
        "wkappa": weighted.value,
        "wse": weighted.se,
        "wse0": weighted.detail["null_se"],
    }


def feinstein(given):
    found = agree.cohen_kappa(from_table(given["table"]), categories=[0, 1], **DRAWS)
    return {"po": found.detail["po"], "kappa": found.value}


def fleiss1971(given):
    counts = np.array(given["counts"])
    ratings = np.array([np.repeat(np.arange(counts.shape[1]), row) for row in counts], dtype=float)
    return {"kappa": agree.fleiss_kappa(ratings, categories=range(counts.shape[1]), **DRAWS).value}


def krippendorff(given):
    ratings = by_rater(given["ratings_by_coder"])
    return {
        level: agree.krippendorff_alpha(ratings, level=level, categories=[1, 2, 3, 4, 5], **DRAWS).value
        for level in ("nominal", "ordinal", "interval", "ratio")
    }


def gwet_ac1(given):
    ratings = by_rater(given["ratings_by_rater"])
    k = agree.gwet_ac(ratings, categories=given["categories"], interval="analytic")
    return {
        "ac1": k.value,
        "se": k.se,
        "pa": k.detail["po"],
        "pe": k.detail["pe"],
        "ci_lo": k.low,
        "ci_hi": k.high,
    }


def gwet_ac2(given):
    ratings, found = by_rater(given["ratings_by_rater"]), {}
    for weights in ("linear", "quadratic"):
        k = agree.gwet_ac(ratings, categories=given["categories"], weights=weights, **DRAWS)
        found |= {weights: k.value, f"{weights}_se": k.se}
    return found


def brennan_prediger(given):
    ratings, scale = by_rater(given["ratings_by_rater"]), given["categories"]
    return {
        "nominal": agree.brennan_prediger(ratings, categories=scale, **DRAWS).value,
        "quadratic": agree.brennan_prediger(ratings, categories=scale, weights="quadratic", **DRAWS).value,
    }


def shrout_fleiss(given):
    return {
        f"ICC({form})": agree.icc(given["ratings"], form=form).value
        for form in ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k")
    }


def bland_altman(given):
    found = agree.bland_altman(np.column_stack([given["method1"], given["method2"]]), multiplier=2)
    return {
        "bias": found.value,
        "sd": found.detail["sd"],
        "loa": found.detail["limits"],
        "bias_ci": [found.low, found.high],
        "lower_ci": found.detail["limits_ci_approximate"][0],
        "upper_ci": found.detail["limits_ci_approximate"][1],
    }


def lin_ccc(given):
    return {"ccc": agree.lin_ccc(np.column_stack([given["x"], given["y"]])).value}


def kendall_w(given):
    found = agree.kendall_w(by_rater(given["ranks_by_rater"]), **DRAWS)
    return {"W": found.value, "chi2": found.detail["chi2"], "p": found.detail["p_value"]}


RUN = {
    "cohen1968": cohen1968,
    "fleiss_cohen_everitt1969": fleiss_cohen_everitt1969,
    "feinstein_cicchetti_balanced": feinstein,
    "feinstein_cicchetti_skewed": feinstein,
    "fleiss1971": fleiss1971,
    "krippendorff2011": krippendorff,
    "krippendorff_wikipedia": krippendorff,
    "gwet_ac1": gwet_ac1,
    "gwet_ac2": gwet_ac2,
    "brennan_prediger": brennan_prediger,
    "shrout_fleiss1979": shrout_fleiss,
    "bland_altman1986": bland_altman,
    "lin_ccc": lin_ccc,
    "kendall_w_siegel": kendall_w,
}
# (name, input, expected, tolerance); sources: Cohen 1968; Fleiss, Cohen & Everitt 1969 (digits: R vcd); Feinstein & Cicchetti
# 1990; Krippendorff 2011; Gwet 2014; Shrout & Fleiss 1979; Bland & Altman 1986; Lin 1989 (digits: R epiR); Siegel 1956
PUBLISHED = examples()


@pytest.mark.parametrize("name", RUN)
def test_published_answer(name):
    example = PUBLISHED[name]
    found = RUN[name](example["input"])
    for key, value in example["expected"].items():
        assert found[key] == pytest.approx(value, abs=example["tolerance"]), key


def test_fleiss_1971_paper_table():
    """Fleiss 1971, table 1: 30 patients, 6 psychiatrists; overall and per category (Fleiss, Nee & Landis 1979 give the z)."""
    counts = (
        "00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031 00501 30012 51000 02040 "
        "10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006".split()
    )
    given = {"counts": [[int(c) for c in row] for row in counts]}
    assert fleiss1971(given)["kappa"] == pytest.approx(0.430, abs=5e-4)
    found = agree.fleiss_kappa(
        np.array([np.repeat(np.arange(5), row) for row in given["counts"]], dtype=float), categories=range(5), **DRAWS
    )
    # R irr 0.84.1 documents kappam.fleiss(diagnoses, detail=TRUE): kappa 0.430, z 17.7; per category .245 .245 .520 .471 .566
    assert found.detail["per_category"]["kappa"].round(3).tolist() == [0.245, 0.245, 0.520, 0.471, 0.566]
    assert found.value / found.detail["null_se"] == pytest.approx(17.7, abs=0.05)
    z = found.detail["per_category"]["kappa"] / found.detail["per_category"]["null_se"]
    assert z.round(3).tolist() == pytest.approx([5.192, 5.192, 11.031, 9.994, 12.009], abs=2e-3)


def test_gwet_conger_and_fleiss_with_missing_ratings():
    """Digits of irrCAC 0.4.4 on the data of Gwet's Handbook."""
    ratings = by_rater(RAW4)
    conger = agree.conger_kappa(ratings, categories=range(1, 6), interval="analytic")
    assert (conger.value, conger.se) == pytest.approx((0.7620668937, 0.1501087951), abs=1e-9)
    fleiss = agree.fleiss_kappa(ratings, categories=range(1, 6), interval="analytic")
    assert (fleiss.value, fleiss.se) == pytest.approx((0.7611692754, 0.1530192035), abs=1e-9)


def test_ordinal_alpha_is_krippendorffs_own():
    """Regression guard F5: another package's "ordinal" weights give .8336 on these data."""
    found = agree.krippendorff_alpha(by_rater(RAW4), level="ordinal", categories=range(1, 6), **DRAWS).value
    assert found == pytest.approx(0.8153875, abs=1e-7)


def test_absent_category_keeps_its_place():
    """Regression guard F4: the place of a category is that on the scale, not among those that occur."""
    rng = np.random.default_rng(3)
    truth = rng.choice([0, 1, 3], 60)
    other = np.where(rng.random(60) < 0.6, truth, rng.choice([0, 1, 3], 60))
    ratings = np.column_stack([truth, other]).astype(float)
    for weights in ("linear", "quadratic"):
        found = agree.cohen_kappa(ratings, categories=[0, 1, 2, 3], weights=weights, **DRAWS)
        right = cohen_kappa_score(truth, other, weights=weights, labels=[0, 1, 2, 3])
        wrong = cohen_kappa_score(truth, other, weights=weights)
        assert found.value == pytest.approx(right, abs=1e-12)
        assert abs(found.value - wrong) > 0.01
    whole = agree.gwet_ac(ratings, categories=[0, 1, 2, 3], **DRAWS).value
    assert whole > agree.gwet_ac(ratings, categories=[0, 1, 3], **DRAWS).value + 0.01


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_cohen_equals_sklearn_and_statsmodels(weights, rng):
    ratings = rng.integers(0, 4, size=(200, 2))
    ratings[:120, 1] = ratings[:120, 0]
    found = agree.cohen_kappa(ratings, categories=range(4), weights=weights, interval="analytic")
    assert found.value == pytest.approx(cohen_kappa_score(*ratings.T, weights=weights), abs=1e-12)
    table = np.bincount(ratings[:, 0] * 4 + ratings[:, 1], minlength=16).reshape(4, 4)
    other = cohens_kappa(table, wt=weights and {"linear": "linear", "quadratic": "quadratic"}[weights])
    assert found.se == pytest.approx(other.std_kappa, abs=1e-12)
    assert found.detail["null_se"] == pytest.approx(other.std_kappa0, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((other.kappa_low, other.kappa_upp), abs=1e-9)


def test_bland_altman_exact_limits_against_simulation(rng):
    """The exact interval of a limit holds the true limit in 95 of 100 samples; the approximate one is close."""
    inside = 0
    for _ in range(400):
        gap = rng.normal(1.0, 2.0, 12)
        found = agree.bland_altman(np.column_stack([gap, np.zeros(12)]))
        low, high = found.detail["limits_ci"][1]
        inside += low <= 1.0 + 1.959964 * 2.0 <= high
    assert 0.92 <= inside / 400 <= 0.975


def test_bland_altman_repeated_measures_by_hand():
    """Bland & Altman 2007, worked on a table small enough for a hand calculation.

    Differences by subject: (1, 3), (5, 7), (0, 2). Means 2, 6, 1; within mean square 2; between mean square 2 * 7 = 14;
    total variance 2 + (14 - 2) / 2 = 8.
    """
    gap = np.array([1.0, 3, 5, 7, 0, 2])
    found = agree.bland_altman(np.column_stack([gap, np.zeros(6)]), clusters=[1, 1, 2, 2, 3, 3], interval="jackknife")
    assert found.value == pytest.approx(3.0)
    assert found.detail["sd_within"] ** 2 == pytest.approx(2.0)
    assert found.detail["sd_between"] ** 2 == pytest.approx(6.0)
    assert found.detail["limits"] == pytest.approx([3 - 1.959964 * 8**0.5, 3 + 1.959964 * 8**0.5], abs=1e-5)


def test_icc_error_of_measurement_by_hand():
    """Residual mean square of Shrout & Fleiss' table is 1.019, raters' 32.486 with six subjects."""
    found = agree.icc(SHROUT, form="3,1")
    assert found.detail["sem"] == pytest.approx(1.019**0.5, abs=1e-3)
    assert found.detail["mdc"] == pytest.approx(1.96 * 2**0.5 * 1.019**0.5, abs=3e-3)
    absolute = agree.icc(SHROUT, form="2,1")
    assert absolute.detail["sem"] == pytest.approx((1.019 + (32.486 - 1.019) / 6) ** 0.5, abs=1e-3)
    # limits as printed by R psych::ICC
    assert (absolute.low, absolute.high) == pytest.approx((0.019, 0.761), abs=5e-4)


def test_kendall_w_with_ties_equals_friedman():
    from scipy.stats import friedmanchisquare

    rng = np.random.default_rng(5)
    ratings = rng.integers(0, 4, size=(20, 4)).astype(float)
    expected = friedmanchisquare(*ratings).statistic  # rows are the treatments, so subjects are ranked within raters
    found = agree.kendall_w(ratings, **DRAWS)
    assert found.detail["chi2"] == pytest.approx(expected, abs=1e-9)
    assert found.value == pytest.approx(expected / (4 * 19), abs=1e-12)


def test_model_icc_of_a_complete_table_is_that_of_the_analysis_of_variance():
    table = measurements(60, 3, 0.7, rater_sd=1.5, seed=1)
    for form in ("2,1", "3,1", "2,k", "3,k"):
        model = agree.icc(table, form=form, missing="model", draws=0)
        assert model.value == pytest.approx(agree.icc(table, form=form).value, abs=1e-6)


def test_model_icc_of_an_incomplete_table_equals_mixedlm(rng):
    import warnings

    import statsmodels.formula.api as smf

    table = measurements(60, 3, 0.7, rater_sd=1.5, seed=1)
    table = table.mask(rng.random(table.shape) < 0.25)
    long = table.reset_index().melt("index").dropna()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of its own convergence
        other = smf.mixedlm("value ~ C(variable)", long, groups=long["index"]).fit(reml=True)
    found = agree.icc(table, form="3,1", missing="model", draws=50)
    assert found.detail["variance_subjects"] == pytest.approx(float(other.cov_re.iloc[0, 0]), rel=1e-3)
    assert found.detail["variance_residual"] == pytest.approx(float(other.scale), rel=1e-3)
    assert found.low < found.value < found.high
    assert found.subjects > agree.icc(table, form="3,1").subjects


def test_model_icc_keeps_what_listwise_loses():
    """The second rater reads again only what the first scored high: leaving the rest out hides the variance."""
    listwise, model = [], []
    for seed in range(20):
        table = measurements(200, 2, 0.7, seed=seed)
        table.loc[table["R1"] < 10, "R2"] = np.nan
        listwise.append(agree.icc(table, form="3,1").value)
        model.append(agree.icc(table, form="3,1", missing="model", draws=0).value)
    assert np.mean(model) == pytest.approx(0.7, abs=0.04)
    assert np.mean(listwise) < 0.6


@pytest.mark.oracle
@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_equals_the_krippendorff_package(level, rng):
    other = pytest.importorskip("krippendorff")
    ratings = rng.integers(0, 4, size=(150, 3)).astype(float)
    ratings[rng.random(ratings.shape) < 0.2] = np.nan
    expected = other.alpha(ratings.T, level_of_measurement=level)
    assert agree.krippendorff_alpha(ratings, level=level, categories=range(4), **DRAWS).value == pytest.approx(
        expected, abs=1e-12
    )
    if level in ("interval", "ratio"):
        assert agree.krippendorff_alpha(ratings, level=level, **DRAWS).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.oracle
def test_iccs_equal_pingouin(rng):
    pingouin = pytest.importorskip("pingouin")
    pandas = pytest.importorskip("pandas")
    ratings = rng.normal(size=(40, 1)) + rng.normal(size=(40, 3)) + np.array([0, 0.5, 1])
    long = pandas.DataFrame(ratings).reset_index().melt("index")
    before = pingouin.options["round.column.CI95"]
    pingouin.options["round.column.CI95"] = None
    try:
        other = pingouin.intraclass_corr(long, "index", "variable", "value").set_index("Type")
    finally:
        pingouin.options["round.column.CI95"] = before
    found = agree.iccs(ratings).set_index("form")
    for form, name in {
        "1,1": "ICC(1,1)",
        "2,1": "ICC(A,1)",
        "3,1": "ICC(C,1)",
        "2,k": "ICC(A,k)",
        "3,k": "ICC(C,k)",
    }.items():
        assert found.loc[form, "value"] == pytest.approx(other.loc[name, "ICC"], abs=1e-9)
        assert found.loc[form, ["low", "high"]].tolist() == pytest.approx(list(other.loc[name, "CI95"]), abs=1e-9)
