"""A model beside experts, synthetic raters of known agreement, plans, and intervals that hold what they promise."""

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from measured import measurements
from sklearn.metrics import cohen_kappa_score

from blues import agree
from blues.agree.consensus import consensus_shares
from blues.agree.synthetic import true_ac1
from blues.check import InputError

SCALE = [0, 1, 2, 3]


@pytest.fixture
def panel() -> pd.DataFrame:
    """Give three experts and a model of true kappa 0.6 on 300 clips."""
    rows = agree.synthetic_ratings(300, 4, 0.6, seed=7)
    return agree.wide(rows).rename(columns={"R4": "model"})


def sklearn_kappas(frame, weights):
    return {
        (a, b): cohen_kappa_score(frame[a], frame[b], weights=weights, labels=SCALE)
        for a, b in combinations(frame.columns, 2)
    }


def test_williams_index_is_the_ratio_of_mean_kappas(panel):
    found = agree.williams_index(panel, categories=SCALE, weights="quadratic", draws=200)
    each = sklearn_kappas(panel, "quadratic")
    ours = np.mean([v for (a, b), v in each.items() if "model" in (a, b)])
    theirs = np.mean([v for (a, b), v in each.items() if "model" not in (a, b)])
    assert found.value == pytest.approx(ours / theirs, abs=1e-12)
    assert found.detail["model_expert"]["value"] == pytest.approx(ours, abs=1e-12)
    assert found.detail["expert_expert"]["value"] == pytest.approx(theirs, abs=1e-12)
    assert found.low < found.value < found.high
    assert (found.detail["pairs"]["kind"] == "model-expert").sum() == 3


def test_williams_index_of_agreement_is_that_of_1976():
    """I_n = (n - 2) sum_j a(m, j) / (2 sum_{j<k} a(j, k)) with n raters in all, on a table worked by hand."""
    ratings = np.array([[0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 0, 0], [1, 1, 1]], dtype=float)  # the model is the last
    found = agree.williams_index(ratings, categories=[0, 1], coefficient="agreement", draws=50)
    # agreements: model with the first 4/5, with the second 3/5, between the two 4/5
    assert found.value == pytest.approx((3 - 2) * (4 / 5 + 3 / 5) / (2 * 4 / 5))


def test_williams_index_is_one_for_a_model_that_is_one_of_them():
    rows = agree.synthetic_ratings(20000, 4, 0.5, seed=1)
    assert agree.williams_index(rows, categories=SCALE, model="R2", draws=50).value == pytest.approx(1, abs=0.03)


def test_model_is_named_and_experts_are_two(panel):
    by_name = agree.williams_index(panel, categories=SCALE, model="R1", draws=50)
    assert by_name.detail["model"] == "R1"
    with pytest.raises(InputError, match="no rater 'R9'.*Allowed: R1, R2, R3, model"):
        agree.williams_index(panel, categories=SCALE, model="R9")
    with pytest.raises(InputError, match="needs two experts"):
        agree.williams_index(panel[["R1", "model"]], categories=SCALE)
    apart = panel.copy()
    apart.loc[apart.index[:150], "R1"] = np.nan
    apart.loc[apart.index[150:], "R2"] = np.nan
    with pytest.raises(InputError, match="any two experts rated no subject in common"):
        agree.williams_index(apart[["R1", "R2", "model"]], categories=SCALE)


def test_experts_who_agree_by_chance_make_the_ratio_meaningless():
    rng = np.random.default_rng(8)
    ratings = rng.integers(0, 2, (40, 3)).astype(float)
    ratings[:, 1] = 1 - ratings[:, 0]
    found = agree.williams_index(ratings, categories=[0, 1], draws=50)
    assert "no meaning" in found.detail["note"]


def test_non_inferiority_needs_a_margin_and_keeps_to_it(panel):
    with pytest.raises(TypeError):
        agree.non_inferiority(panel, categories=SCALE)
    for wrong in (0, math.nan, "small"):
        with pytest.raises(InputError, match="margin must be a number other than 0"):
            agree.non_inferiority(panel, margin=wrong, categories=SCALE)
    same = agree.non_inferiority(panel, margin=-0.15, categories=SCALE, draws=500)
    assert same.value == pytest.approx(
        same.detail["model_expert"]["value"] - same.detail["expert_expert"]["value"], abs=1e-12
    )
    assert same.detail["non_inferior"] is True
    assert agree.non_inferiority(panel, margin=0.15, categories=SCALE, draws=500).sentence() == same.sentence()
    worse = panel.assign(model=np.random.default_rng(0).integers(0, 4, len(panel)))
    assert agree.non_inferiority(worse, margin=-0.15, categories=SCALE, draws=500).detail["non_inferior"] is False
    assert agree.non_inferiority(panel, margin=-1e-6, categories=SCALE, draws=500).detail["non_inferior"] is False


def test_interchangeability_counts_pairs_within_subjects():
    ratings = np.array([[0, 0, 0], [1, 0, 1], [1, 1, 0], [np.nan, 1, 1], [0, 1, np.nan]])
    frame = pd.DataFrame(ratings, columns=["model", "A", "B"])
    found = agree.interchangeability(frame, categories=[0, 1], margin=0.05, draws=50)
    # rated by all: clips 0, 1, 2; model-expert disagreement 0, 1/2, 1/2; expert-expert 0, 1, 1
    assert found.subjects == 3
    assert found.value == pytest.approx(1 / 3 - 2 / 3)
    assert found.detail["interchangeable"] is True
    with pytest.raises(InputError, match="no subject was rated by 'model' and two experts"):
        agree.interchangeability(frame.iloc[3:], categories=[0, 1])


def test_incorporation_would_have_flattered(panel):
    """Why the others' consensus is taken: against the median of all three an expert looks far better than he is."""
    middle = panel[["R1", "R2", "R3"]].median(axis=1)
    inside = cohen_kappa_score(panel["R1"], middle)
    fair = agree.leave_one_expert_out(panel, categories=SCALE, draws=50).set_index("left_out").loc["R1", "expert"]
    assert inside > fair + 0.1


def test_leave_one_expert_out_uses_the_others_and_the_same_subjects(panel):
    found = agree.leave_one_expert_out(panel, categories=SCALE, weights="linear", draws=200).set_index("left_out")
    # with two others a tie is shared, so kappa against them is that of the pooled joint table
    pooled = np.zeros((4, 4))
    for other in ("R2", "R3"):
        pooled += agree.matrix(panel, categories=SCALE, pair=("model", other)).to_numpy() / 2
    p = pooled / pooled.sum()
    d = np.abs(np.subtract.outer(np.arange(4), np.arange(4))) / 3
    expected = 1 - (d * p).sum() / (d * np.outer(p.sum(axis=1), p.sum(axis=0))).sum()
    assert found.loc["R1", "model"] == pytest.approx(expected, abs=1e-12)
    assert found.loc["mean", "difference"] == pytest.approx((found["model"] - found["expert"]).iloc[:3].mean())
    assert (found["difference_low"] < found["difference"]).all()
    assert (found["difference"] < found["difference_high"]).all()


@pytest.mark.parametrize(
    ("rule", "codes", "expected"),
    [
        ("majority", [0, 0, 2], [1, 0, 0]),
        ("majority", [0, 1, 2], [1 / 3, 1 / 3, 1 / 3]),
        ("majority", [1, 1, 2, 2], [0, 0.5, 0.5]),
        ("median", [0, 1, 2], [0, 1, 0]),
        ("median", [0, 2], [0.5, 0, 0.5]),
        ("median", [2, 0, -1], [0.5, 0, 0.5]),
        ("median", [0, 1, 1, 2], [0, 1, 0]),
        ("median", [-1, -1], [0, 0, 0]),
        ("majority", [-1, -1], [0, 0, 0]),
    ],
)
def test_consensus_shares(rule, codes, expected):
    assert consensus_shares(np.array([codes]), 3, rule)[0] == pytest.approx(expected)


@pytest.mark.parametrize("prevalence", [[0.25] * 4, [0.7, 0.2, 0.07, 0.03]])
def test_synthetic_raters_have_the_agreement_they_were_given(prevalence):
    """Every chance-corrected kappa, weighted or not, is the true one; AC1 has its own truth."""
    rows = agree.synthetic_ratings(20_000, 3, 0.55, prevalence=prevalence, missing=0.1, seed=2)
    for weights in (None, "linear", "quadratic"):
        assert agree.light_kappa(rows, categories=SCALE, weights=weights, draws=0).value == pytest.approx(
            0.55, abs=0.02
        )
    assert agree.fleiss_kappa(rows, categories=SCALE, draws=0).value == pytest.approx(0.55, abs=0.02)
    for level in ("nominal", "ordinal"):
        alpha = agree.krippendorff_alpha(rows, level=level, categories=SCALE, draws=0).value
        assert alpha == pytest.approx(0.55, abs=0.02)
    ac1 = agree.gwet_ac(rows, categories=SCALE, draws=0).value
    assert ac1 == pytest.approx(true_ac1(0.55, prevalence), abs=0.02)


def test_synthetic_rounds_bias_and_measurements():
    rows = agree.synthetic_ratings(4000, 2, 0.7, rounds=2, seed=3)
    own = agree.intra_rater(rows, categories=SCALE, weights="quadratic", draws=50)
    assert own["value"].to_numpy() == pytest.approx([0.7, 0.7], abs=0.04)
    shifted = agree.wide(agree.synthetic_ratings(4000, 2, 0.7, bias=[0.0, 0.5], seed=3))
    assert shifted["R2"].mean() > shifted["R1"].mean() + 0.3
    table = measurements(4000, 3, 0.8, rater_sd=2.0, seed=1)
    assert agree.icc(table, form="3,1").value == pytest.approx(0.8, abs=0.02)
    assert agree.icc(table, form="2,1").value < 0.78
    for options in ({"kappa": 1.2}, {"prevalence": [0.5, 0.2]}, {"subjects": 0}, {"missing": -0.1}):
        with pytest.raises(InputError):
            agree.synthetic_ratings(**options)


def test_intra_rater_says_who_rated_nothing_twice():
    rows = agree.synthetic_ratings(30, 2, 0.7, rounds=2, seed=3)
    rows = rows[~((rows["rater"] == "R2") & (rows["round"] == 2))]
    found = agree.intra_rater(rows, categories=SCALE, draws=20).set_index("rater")
    assert found.loc["R2", "reason"] == "rated nothing twice"
    assert np.isfinite(found.loc["R1", "value"])
    with pytest.raises(InputError, match="one round only"):
        agree.intra_rater(rows[rows["round"] == 1], categories=SCALE)


@pytest.mark.slow
def test_patient_intervals_hold_what_clip_intervals_do_not():
    """Where raters disagree by patient, six clips each: jackknife by patient covers .95, clips as independent far less."""
    inside = {"patient": 0, "clip": 0}
    studies = 300
    for seed in range(studies):
        rows = agree.synthetic_ratings(240, 2, 0.6, clips_per_patient=6, truth_icc=0.4, rater_icc=1.0, seed=seed)
        ratings = rows["rating"].to_numpy().reshape(240, 2)
        for name, clusters in (("patient", np.arange(240) // 6), ("clip", None)):
            k = agree.cohen_kappa(
                ratings, categories=SCALE, weights="quadratic", clusters=clusters, interval="jackknife"
            )
            inside[name] += k.low <= 0.6 <= k.high
    assert inside["patient"] / studies > 0.90
    assert inside["clip"] / studies < 0.80


def test_bootstrap_and_jackknife_and_delta_agree_on_large_data():
    ratings = agree.synthetic_ratings(2000, 3, 0.6, clips_per_patient=4, rater_icc=0.5, seed=5)
    for function, options in (
        (agree.light_kappa, {"weights": "quadratic"}),
        (agree.conger_kappa, {}),
        (agree.fleiss_kappa, {}),
        (agree.gwet_ac, {"weights": "linear"}),
        (agree.krippendorff_alpha, {"level": "ordinal"}),
    ):
        widths = [
            (k := function(ratings, categories=SCALE, interval=interval, **options)).high - k.low
            for interval in ("bootstrap", "bca", "jackknife", "analytic")
        ]
        assert max(widths) / min(widths) < 1.1


def test_plan_widths_shrink_with_root_n_and_match_a_study():
    table = agree.plan(raters=2, subjects=200, studies=40, margin=0.2)
    widths = table[table["coefficient"].str.startswith("Cohen")].set_index("subjects")["width"]
    assert widths[100] / widths[400] == pytest.approx(2, rel=0.15)
    real = agree.cohen_kappa(
        agree.synthetic_ratings(200, 2, 0.6, seed=99), categories=SCALE, weights="quadratic", interval="jackknife"
    )
    assert widths[200] == pytest.approx(real.high - real.low, rel=0.35)
    power = table[table["coefficient"].str.startswith("power")].set_index("subjects")["mean"]
    assert power[100] <= power[400]
    with pytest.raises(InputError, match="at least two raters"):
        agree.plan(raters=1)


def test_table_has_what_fits_the_scale():
    rows = agree.synthetic_ratings(80, 2, 0.6, seed=6)
    ordinal = agree.table(rows, categories=SCALE, draws=50)["method"].tolist()
    assert {
        "exact agreement",
        "agreement within 1",
        "Cohen's kappa, quadratic",
        "Krippendorff's alpha, ordinal",
    } <= set(ordinal)
    binary = agree.table(rows.assign(rating=rows["rating"] > 1), categories=[0, 1], draws=50)
    assert {"prevalence index", "bias index", "positive agreement", "negative agreement"} <= set(binary["method"])
    assert binary["reason"].isna().sum() + binary["reason"].notna().sum() == len(binary)
    assert binary.loc[binary["low"].isna(), "reason"].notna().all()
    nominal = agree.table(rows, categories=SCALE, level="nominal", draws=50)["method"].tolist()
    assert not any("quadratic" in m or "Kendall" in m for m in nominal)
    measured = agree.table(measurements(30, 2), level="continuous")["method"].tolist()
    assert {"ICC(2,1)", "Lin's concordance", "Bland-Altman lower limit", "minimal detectable change, agreement"} <= set(
        measured
    )
    with pytest.raises(InputError, match="neither categories nor level"):
        agree.table(rows)
    three = agree.table(agree.synthetic_ratings(40, 3, 0.6), categories=SCALE, draws=50)["method"].tolist()
    assert {
        "Light's kappa, quadratic",
        "Fleiss' kappa, unweighted",
        "Conger's kappa, unweighted",
        "Kendall's W",
    } <= set(three)


def test_section_follows_grras_and_escapes():
    rows = agree.synthetic_ratings(30, 2, 0.6, rounds=2, seed=6)
    rows["rater"] = rows["rater"].replace("R1", "<b>R1</b>")
    found = agree.section(rows, categories=SCALE, draws=50, facts={9: "raters were alone"})
    checklist = found["GRRAS checklist"].set_index("item")["statement"]
    assert len(checklist) == 15
    assert checklist[9] == "raters were alone"
    assert checklist[11].startswith("2 raters, 30 subjects, 0 missing ratings, 60 repeated")
    assert checklist[14] == "to be stated by the authors"
    page, text = agree.as_html(found), agree.as_text(found)
    assert "<b>R1</b>" not in page
    assert "&lt;b&gt;R1&lt;/b&gt;" in page
    assert page.count("<section ") == len(found)
    assert "Raters with themselves" in text
    with pytest.raises(InputError, match="GRRAS has no item 16"):
        agree.grras({16: "x"})
