"""Clips of one patient resemble each other: the naive result is too sure, and the clustered ones are not."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.miscmodels.ordinal_model import OrderedModel

from blues import survive
from blues.check import InputError
from blues.survive.bias_reduced import bias_reduced, information_by_cluster


def clips(rng, patients=60, most=8, icc=0.5, slope=0.0):
    """Uneven clips a patient; the outcome shares a patient effect, the predictor is the patient's."""
    size = rng.integers(2, most, patients)
    patient = np.repeat(np.arange(patients), size)
    x = rng.normal(size=patients)[patient]
    shared = np.sqrt(icc) * rng.normal(size=patients)[patient]
    y = slope * x + shared + np.sqrt(1 - icc) * rng.normal(size=len(patient))
    return y, x, patient


def row(table, start):
    found = table[table["method"].str.startswith(start)]
    assert len(found) == 1, table["method"].tolist()
    return found.iloc[0]


def test_intraclass_correlation_by_hand():
    """ANOVA by hand: clusters (1, 3), (5, 7), (2, 2, 8); MSB 8.333, MSW 7, m0 2.2857."""
    y, g = [1, 3, 5, 7, 2, 2, 8], [0, 0, 1, 1, 2, 2, 2]
    means, grand = [2, 6, 4], 4
    between = (2 * (means[0] - grand) ** 2 + 2 * (means[1] - grand) ** 2) / 2
    within = (1 + 1 + 1 + 1 + 4 + 4 + 16) / 4
    m0 = (7 - (4 + 4 + 9) / 7) / 2
    assert survive.intraclass_correlation(y, g) == pytest.approx((between - within) / (between + (m0 - 1) * within))
    assert survive.design_effect(y, g) == pytest.approx(1 + (7 / 3 - 1) * survive.intraclass_correlation(y, g))
    assert survive.intraclass_correlation([1, 1, 2, 2], [0, 0, 1, 1]) == 1
    assert np.isnan(survive.intraclass_correlation([1, 2, 3], [0, 1, 2]))


def test_intraclass_correlation_is_recovered(rng):
    y, _, patient = clips(rng, patients=400, icc=0.35)
    assert survive.intraclass_correlation(y, patient) == pytest.approx(0.35, abs=0.06)


def test_clusters_of_one_change_nothing(rng):
    """With one clip a patient the clustered results are the naive ones, up to small-sample factors."""
    x = rng.normal(size=80)
    y = 0.5 * x + rng.normal(size=80)
    table = survive.clustered_association(y, x, np.arange(80), "continuous")
    naive = row(table, "linear regression, clips independent")
    means = row(table, "patient means, correlation")["estimate"]
    assert row(table, "correlation, clips")["estimate"] == pytest.approx(means)
    assert row(table, "linear regression, cluster")["se"] == pytest.approx(naive["se"], rel=0.2)
    assert row(table, "mixed")["estimate"] == pytest.approx(naive["estimate"])
    assert np.isnan(table["icc"]).all()


def test_duplicated_clips_fool_the_naive_result_only(rng):
    """Every clip five times over: naive standard errors shrink by about the root of five, robust ones stay."""
    x = rng.normal(size=50)
    y = 0.3 * x + rng.normal(size=50)
    once = survive.clustered_association(y, x, np.arange(50), "continuous")
    five = survive.clustered_association(*(np.repeat(v, 5) for v in (y, x, np.arange(50))), "continuous")
    naive = [row(t, "linear regression, clips")["se"] for t in (once, five)]
    robust = [row(t, "linear regression, cluster")["se"] for t in (once, five)]
    assert naive[0] / naive[1] == pytest.approx(np.sqrt(5), rel=0.05)
    assert robust[0] == pytest.approx(robust[1], rel=0.02)
    assert five["icc"].iloc[0] == 1
    assert five["design_effect"].iloc[0] == 5
    assert row(five, "patient means, correlation")["p_value"] == pytest.approx(
        row(once, "patient means, correlation")["p_value"]
    )


def test_mixed_model_agrees_with_statsmodels(rng):
    """Where its optimiser succeeds; within-patient predictors too."""
    y, x, patient = clips(rng, patients=50, slope=0.4)
    inside = rng.normal(size=len(x))
    y, x = y + 0.5 * inside, x + inside
    theirs = sm.MixedLM(y, np.column_stack([x, np.ones(len(x))]), groups=patient).fit(reml=True)
    table = survive.clustered_association(y, x, patient, "continuous")
    ours = row(table, "mixed")
    assert ours["estimate"] == pytest.approx(theirs.params[0], rel=1e-3)
    assert ours["se"] == pytest.approx(theirs.bse[0], rel=1e-3)
    between, within = float(np.asarray(theirs.cov_re)[0, 0]), theirs.scale
    assert ours["note"] == f"residual intraclass correlation {between / (between + within):.2f}"


def test_cluster_robust_errors_agree_with_statsmodels(rng):
    y, x, patient = clips(rng)
    theirs = sm.OLS(y, np.column_stack([x, np.ones(len(x))])).fit(cov_type="cluster", cov_kwds={"groups": patient})
    table = survive.clustered_association(y, x, patient, "continuous")
    assert row(table, "linear regression, cluster")["se"] == pytest.approx(theirs.bse[0], rel=1e-9)
    seen = (y > 0).astype(float)
    theirs = sm.Logit(seen, np.column_stack([x, np.ones(len(x))])).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": patient}
    )
    found = row(survive.clustered_association(seen, x, patient, "binary"), "logistic regression, cluster")
    assert found["estimate"] == pytest.approx(theirs.params[0], rel=1e-6)
    assert found["se"] == pytest.approx(theirs.bse[0], rel=1e-9)


def test_ordinal_regression_recovers_its_slope(rng):
    y, x, patient = clips(rng, patients=150, icc=0.2)
    latent = 0.8 * x + rng.logistic(size=len(x))
    score = np.digitize(latent, [-1, 0.5, 2]).astype(float)
    table = survive.clustered_association(score, x, patient, "ordinal")
    naive, robust = row(table, "ordinal logistic regression, clips"), row(table, "ordinal logistic regression, cluster")
    assert naive["estimate"] == robust["estimate"] == pytest.approx(0.8, abs=0.25)
    assert robust["se"] == pytest.approx(naive["se"], rel=0.3)  # independent given x
    assert np.isfinite(table["estimate"]).all()


@pytest.mark.slow
def test_false_alarms(rng):
    """A patient-level predictor of nothing, ICC .5: the naive test rejects far too often, the clustered ones do not."""
    naive, robust, gee, mixed, means = np.zeros(5)
    draws = 100
    for _ in range(draws):
        table = survive.clustered_association(*clips(rng, patients=40), "continuous")
        naive += row(table, "linear regression, clips")["p_value"] < 0.05
        robust += row(table, "linear regression, cluster")["p_value"] < 0.05
        gee += row(table, "GEE")["p_value"] < 0.05
        mixed += row(table, "mixed")["p_value"] < 0.05
        means += row(table, "patient means, correlation")["p_value"] < 0.05
    assert naive / draws > 0.15
    assert max(robust, gee, mixed, means) / draws <= 0.13


def test_logistic_mixed_model_by_lme4():
    """``glmer(y ~ x + (1 | c), d, family = binomial, nAGQ = 15)``, lme4 1.1-31, on the rows below."""
    i = np.arange(240)
    c, x = i // 6, ((i * 37) % 101) / 50 - 1 + ((i // 6 * 13) % 17) / 8 - 1
    y = (np.sin(i * 12.9898) * 43758.5453 % 1 < 1 / (1 + np.exp(-(0.3 + 0.7 * x + 1.5 * np.sin(c * 2.4))))).astype(
        float
    )
    assert y.sum() == 138
    found = row(survive.clustered_association(y, x, c, "binary"), "logistic mixed")
    assert found["estimate"] == pytest.approx(0.7442350527, rel=1e-4)
    assert found["se"] == pytest.approx(0.2070403371, rel=1e-4)
    sd = 0.7663016855
    assert found["note"] == f"latent intraclass correlation {sd**2 / (sd**2 + np.pi**2 / 3):.2f}"


def test_logistic_mixed_model_without_clustering_is_the_logistic_regression():
    i = np.arange(200)
    x = ((i * 61) % 97) / 48 - 1
    y = ((i * 83) % 89 < 44).astype(float)
    table = survive.clustered_association(y, x, i % 40, "binary")
    mixed, plain = row(table, "logistic mixed"), row(table, "logistic regression, clips")
    assert mixed["note"] == "latent intraclass correlation 0.00"
    assert mixed["estimate"] == pytest.approx(plain["estimate"], abs=1e-5)
    assert mixed["se"] == pytest.approx(plain["se"], rel=1e-4)


def test_adjusting(rng):
    y, x, patient = clips(rng, slope=0.0)
    other = rng.normal(size=60)[patient]
    y, x = y + 2 * other, x + other
    crude = row(survive.clustered_association(y, x, patient, "continuous"), "GEE")
    adjusted = row(survive.clustered_association(y, x, patient, "continuous", covariates=other), "GEE")
    assert crude["estimate"] > 0.5
    assert abs(adjusted["estimate"]) < 0.4


def test_units_of_covariates_play_no_part_and_collinear_ones_are_told(rng):
    y, x, patient = clips(rng, slope=0.5)
    other = rng.normal(size=60)[patient]
    fine = survive.clustered_association(y, x, patient, "continuous", covariates=other)
    far = survive.clustered_association(y, 1e-4 * x + 1e3, patient, "continuous", covariates=1e8 * other + 1e6)
    assert far["p_value"].to_numpy() == pytest.approx(fine["p_value"].to_numpy(), rel=1e-4)
    twice = survive.clustered_association(y, x, patient, "continuous", covariates=np.column_stack([other, 2 * other]))
    assert (twice.loc[twice["measure"] == "slope", "note"].str.contains("covariates are collinear")).all()


def test_missing_rows_are_counted(rng):
    y, x, patient = clips(rng)
    x[:3] = np.nan
    table = survive.clustered_association(y, x, patient, "continuous")
    assert table["note"].str.contains("3 rows without outcome, predictor or covariate left out").all()
    assert table["n"].iloc[0] == len(y) - 3


def test_separation_leaves_a_reason_in_every_model():
    """Three exposed patients with the finding on each clip; a number that tells the outcomes apart."""
    patient = np.repeat(np.arange(25), 4)
    exposed = (patient < 3).astype(float)
    y = np.where(exposed == 1, 1, np.tile([0, 1, 1, 0], 25))
    line = np.sin(np.arange(100.0))
    for outcome, x in ((y, exposed), ((line > 0).astype(float), line), ((patient > 9).astype(float), patient)):
        table = survive.clustered_association(outcome, x, patient, "binary")
        bad = table[table["measure"] == "log odds ratio"]
        assert len(bad) == 5
        assert bad[["estimate", "se", "low", "high", "p_value"]].isna().all(axis=None)
        assert (bad["note"] == "could not be fitted: the predictor separates the outcomes").all()


def test_rounding_is_no_standard_error():
    """Each patient's residuals cancel, or there are none; no two clips can have a correlation of -2."""
    table = survive.clustered_association([1, 2, 3, 4, 5, 6.0], [1, 1, 2, 2, 3, 3], [0, 0, 1, 1, 2, 2], "continuous")
    for start in ("linear regression, cluster", "linear regression, bias"):
        assert "the residuals of each patient cancel" in row(table, start)["note"]
        assert np.isnan(row(table, start)["p_value"])
    assert "a working correlation of -2.00 is none that 2 clips of a patient can have" in row(table, "GEE")["note"]
    assert np.isnan(row(table, "GEE")["p_value"])
    assert row(table, "linear regression, clips")["p_value"] > 0
    x = np.arange(12) * 1e5
    exact = survive.clustered_association(3 * x, x, np.arange(12) // 2, "continuous")
    assert exact.loc[exact["measure"] == "slope", "p_value"].isna().all()


def by_definition(y, x, patient):
    """CR2 and its degrees of freedom with whole matrices (Pustejovsky & Tipton 2018, equations 6, 8, 11)."""
    design = np.column_stack([x, np.ones(len(x))])
    bread = np.linalg.inv(design.T @ design)
    hat = design @ bread @ design.T
    left = np.eye(len(y)) - hat
    residual, widened = left @ y, []
    for k in np.unique(patient):
        mine = patient == k
        values, vectors = np.linalg.eigh(left[np.ix_(mine, mine)])
        adjust = vectors @ np.diag(values**-0.5) @ vectors.T
        widened.append(left[:, mine] @ adjust @ design[mine] @ bread[:, 0])
    variance = sum((w @ residual) ** 2 for w in widened)
    products = np.array([[a @ b for a in widened] for b in widened])
    return np.sqrt(variance), np.trace(products) ** 2 / np.sum(products**2)


def test_bias_reduced_errors_are_the_definition(rng):
    y, x, patient = clips(rng, patients=9)
    x = x + rng.normal(size=len(x)) ** 2
    se, df = by_definition(y, x, patient)
    design = np.column_stack([x, np.ones(len(x))])
    scores = np.zeros((9, 2))
    np.add.at(scores, patient, design * np.asarray(sm.OLS(y, design).fit().resid)[:, None])
    found = bias_reduced(scores, information_by_cluster(design, np.ones(len(y)), patient))
    assert found == pytest.approx((se, df), rel=1e-9)
    table = survive.clustered_association(y, x, patient, "continuous")
    line = row(table, "linear regression, bias-reduced")
    assert line["se"] == pytest.approx(se)
    assert line["p_value"] == pytest.approx(2 * stats.t.sf(abs(line["estimate"]) / se, df))
    assert line["estimate"] == row(table, "linear regression, cluster")["estimate"]


def test_bias_reduced_errors_of_single_rows_are_hc2(rng):
    x = rng.normal(size=40)
    y = 0.5 * x + rng.normal(size=40) * (1 + x**2)
    theirs = sm.OLS(y, np.column_stack([x, np.ones(40)])).fit(cov_type="HC2")
    found = row(survive.clustered_association(y, x, np.arange(40), "continuous"), "linear regression, bias")
    assert found["se"] == pytest.approx(theirs.bse[0], rel=1e-9)


def test_two_grades_in_an_ordinal_model_are_a_logistic_one(rng):
    """Scores and information by cluster of the two models agree, and so does every error but for its factor."""
    y, x, patient = clips(rng, patients=30)
    seen = (y > 0.3).astype(float)
    one = survive.clustered_association(seen, x, patient, "binary")
    other = survive.clustered_association(seen, x, patient, "ordinal")
    for error in ("bias-reduced", "cluster-robust"):
        a, b = row(one, f"logistic regression, {error}"), row(other, f"ordinal logistic regression, {error}")
        factor = 1 if error == "bias-reduced" else np.sqrt((len(y) - 1) / (len(y) - 2))
        assert a["se"] == pytest.approx(b["se"] * factor, rel=1e-4)
    assert row(one, "logistic regression, bias")["p_value"] == pytest.approx(
        row(other, "ordinal logistic regression, bias")["p_value"], rel=1e-3
    )


def test_cluster_robust_ordinal_errors_agree_with_statsmodels(rng):
    y, x, patient = clips(rng, patients=30)
    score = np.digitize(y, [-1, 0, 1])
    model = OrderedModel(score, x[:, None], distr="logit")
    fit = model.fit(method="bfgs", maxiter=500, disp=False)
    sums = np.zeros((30, len(fit.params)))
    np.add.at(sums, patient, model.score_obs(fit.params))
    bread = np.linalg.inv(-model.hessian(fit.params))
    se = np.sqrt(30 / 29 * (bread @ sums.T @ sums @ bread)[0, 0])
    found = row(survive.clustered_association(score, x, patient, "ordinal"), "ordinal logistic regression, cluster")
    assert found["se"] == pytest.approx(se, rel=1e-3)


def test_few_patients_who_carry_the_predictor_are_told(rng):
    y, _, patient = clips(rng, patients=25, icc=0.4)
    for exposed, words in ((1, "one patient alone decides"), (2, "few patients carry the predictor"), (8, "")):
        table = survive.clustered_association(y, (patient < exposed).astype(float), patient, "continuous")
        for start in ("linear regression, cluster", "linear regression, bias", "GEE"):
            said = row(table, start)["note"].removeprefix("could not be fitted: ")
            assert (words in said) if words else "patient" not in said
        assert np.isnan(row(table, "linear regression, bias")["se"]) == (exposed == 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["continuous", "binary", "ordinal"])
def test_level_of_the_bias_reduced_test(kind, rng):
    """A lognormal predictor of nothing in 28 patients: the usual robust test rejects in .16, the bias-reduced in .03."""
    usual, reduced, draws = 0, 0, 120
    for _ in range(draws):
        y, x, patient = clips(rng, patients=28, icc=0.35)
        y = {"continuous": y, "binary": (y > 0.3) * 1.0, "ordinal": np.digitize(y, [-0.5, 0.5, 1.5])}[kind]
        table = survive.clustered_association(y, np.exp(x), patient, kind)
        name = {"continuous": "linear", "binary": "logistic", "ordinal": "ordinal logistic"}[kind]
        usual += row(table, f"{name} regression, cluster")["p_value"] < 0.05
        reduced += row(table, f"{name} regression, bias")["p_value"] < 0.05
    assert reduced / draws <= 0.08
    assert usual > reduced


def test_refusals(rng):
    y, x, patient = clips(rng)
    with pytest.raises(InputError, match="kind is 'nominal'"):
        survive.clustered_association(y, x, patient, "nominal")
    with pytest.raises(InputError, match="differ in length"):
        survive.clustered_association(y, x[:-1], patient, "continuous")
    with pytest.raises(InputError, match="2 clusters only"):
        survive.clustered_association(y[:6], x[:6] + np.arange(6), [0, 0, 0, 1, 1, 1], "continuous")
    with pytest.raises(InputError, match="predictor has one value only"):
        survive.clustered_association(y, np.ones(len(y)), patient, "continuous")
    with pytest.raises(InputError, match="called binary and holds other values"):
        survive.clustered_association(y, x, patient, "binary")
    with pytest.raises(InputError, match="called ordinal and has"):
        survive.clustered_association(y, x, patient, "ordinal")
    with pytest.raises(InputError, match="different row labels"):
        survive.clustered_association(pd.Series(y), pd.Series(x, index=np.arange(len(x)) + 1), patient, "continuous")
    with pytest.raises(InputError, match="clusters has 1 missing labels"):
        survive.clustered_association(y, x, [None, *patient[1:]], "continuous")


@pytest.mark.real
def test_published_associations_of_covid_blues(real_cohort_folder):
    """Figure A1 took videos as units (SpO2 r -.169, p .002); by patient it is r -.28, p .034, and RR r .14, p .29."""
    scores = pd.read_csv(real_cohort_folder / "severity.csv")
    scores["patient"] = scores["video_file"].str.extract(r"patient_(\d+)_")[0].astype(int)
    clinical = pd.read_csv(real_cohort_folder / "clinical_variables.csv").set_index("patient_id").replace(-99, np.nan)
    y = scores["Severity Score"].astype(float).to_numpy()
    patient = scores["patient"].to_numpy()
    assert survive.intraclass_correlation(y, patient) == pytest.approx(0.35, abs=0.005)
    assert survive.design_effect(y, patient) == pytest.approx(2.66, abs=0.005)
    spo2 = clinical["oxygen_saturation_without_ox"].reindex(patient).to_numpy(dtype=float)
    table = survive.clustered_association(y, spo2, patient, "ordinal")
    naive, means = row(table, "correlation, clips"), row(table, "patient means, correlation")
    assert (naive["estimate"], naive["p_value"]) == pytest.approx((-0.169, 0.002), abs=5e-4)
    assert (means["estimate"], means["p_value"]) == pytest.approx((-0.28, 0.034), abs=5e-3)
    rate = clinical["respiratory_rate"].reindex(patient).to_numpy(dtype=float)
    means = row(survive.clustered_association(y, rate, patient, "ordinal"), "patient means, correlation")
    assert (means["estimate"], means["p_value"]) == pytest.approx((0.14, 0.29), abs=5e-3)
    assert table["estimate"].notna().all()
