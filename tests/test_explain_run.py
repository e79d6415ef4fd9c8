"""Attributions of whole runs: planted signal found where it was planted, no signal inside the null, sums, files, bad input."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from scipy import stats

from blues import check, evaluate, explain
from blues.explain.columns import _table_row
from blues.explain.rollup import _concordance, with_null
from blues.features import Design
from blues.fuse import Experiment, Run, run
from blues.report import summarize
from blues.report.document import draw

QUICK = {"fusion": "early", "model": ("logistic",), "folds": 4, "repeats": 3, "draws": 100, "jobs": 1, "null": 19}
CARD = {
    "table_one": [
        {"column": "CRP", "variable": "C-reactive protein", "unit": "mg/l", "group": "", "kind": "continuous"},
        {"column": "LDH", "variable": "LDH", "unit": "U/l", "group": "", "kind": "continuous"},
    ]
}


def make_design(patients=60, image=0.0, blood=0.0, seed=0, clips=1, kind="binary"):
    """B-lines at R3 carry ``image``, CRP carries ``blood``; all else is noise. Some blood tests are missing."""
    rng = np.random.default_rng(seed)
    who = [str(i) for i in range(1, patients + 1)]
    hidden = rng.normal(size=patients)
    names = [f"{p}: {f}" for p in ("R1", "R3", "L1") for f in ("b_line_count", "a_line_periodicity")]
    picture = pd.DataFrame(rng.normal(size=(patients, 6)), columns=names)
    picture["R3: b_line_count"] += image * hidden
    tests = pd.DataFrame(rng.normal(size=(patients, 3)), columns=["CRP", "LDH", "leucocytes"])
    tests["CRP"] += blood * hidden
    tests = tests.mask(rng.random(tests.shape) < 0.05)
    rows = np.repeat(np.arange(patients), clips)
    index = pd.Index([f"{who[r]}_{k}" for k, r in enumerate(rows)] if clips > 1 else who, name="row")
    outcome = {
        "binary": (hidden > 0).astype(float),
        "continuous": hidden,
        "ordinal": np.digitize(hidden, [-0.7, 0.7]) * 1.0,
    }
    return Design(
        task="pcr",
        kind=kind,
        level="clip" if clips > 1 else "patient",
        label="PCR",
        y=pd.Series(outcome[kind][rows], index=index),
        patients=pd.Series([who[r] for r in rows], index=index, name="patient"),
        blocks={"image": picture.iloc[rows].set_axis(index), "blood": tests.iloc[rows].set_axis(index)},
        refused=pd.DataFrame(columns=["column", "role", "known", "reason"]),
        dropped=pd.DataFrame(columns=["row", "patient", "reason"]),
        cohort="made",
        points="concat",
    )


def explained(design=None, **settings):
    design = make_design() if design is None else design
    experiment = Experiment(modalities=("image", "blood"), points=design.points, **(QUICK | settings))
    return run(design, experiment, cohort_card=CARD)


@pytest.fixture(scope="module")
def in_image():
    return explained(make_design(image=3.0))


@pytest.fixture(scope="module")
def in_blood():
    return explained(make_design(blood=3.0))


def first(found, level):
    return explain.importance(found.attributions, "image+blood", level).iloc[0]


def test_signal_planted_in_the_images_is_found_at_its_modality_point_artefact_and_feature(in_image):
    assert first(in_image, "modality")["name"] == "image"
    assert first(in_image, "point")["name"] == "R3"
    assert first(in_image, "group")["name"] == "B-lines and white lung"
    assert first(in_image, "variable")["name"] == "B-lines"
    assert first(in_image, "feature")["name"] == "B-lines at R3"
    for level in explain.LEVELS:
        table = explain.importance(in_image.attributions, "image+blood", level)
        assert not table.iloc[0]["inside_null"], level
        assert table.iloc[1:]["inside_null"].mean() > 0.6 or level in ("modality", "group"), level


def test_signal_planted_in_the_blood_is_found_at_its_lab_with_unit_and_direction(in_blood):
    top = first(in_blood, "variable")
    assert (top["name"], top["modality"], top["unit"]) == ("C-reactive protein", "blood", "mg/l")
    assert top["direction"] > 0.9
    assert top["low"] <= top["value"] <= top["high"]
    assert top["rank"] == top["rank_low"] == top["repeat_high"] == 1
    assert not top["inside_null"]
    assert explain.importance(in_blood.attributions, "image+blood", "point")["inside_null"].all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_signal_nothing_leaves_the_null_band(seed):
    found = explained(make_design(seed=seed), seed=seed)
    for level in explain.LEVELS:
        table = explain.importance(found.attributions, "image+blood", level)
        assert table["inside_null"].all(), (level, table[["name", "value", "null_high", "p_value"]])


def test_null_band_holds_its_level_over_all_names_together():
    """Importances of independent names, a tenth as spread as others, 39 permutations: any leaves in about 1 run of 20."""
    rng = np.random.default_rng(0)
    spread = np.repeat([0.1, 1.0], 10)
    left = 0
    for _ in range(400):
        drawn = np.abs(rng.normal(size=(40, 20))) * spread
        keys = pd.DataFrame({"modality": "blood", "name": [f"v{j}" for j in range(20)]})
        null = pd.concat([keys.assign(permutation=k, value=row) for k, row in enumerate(drawn[1:])])
        found = with_null(keys.assign(value=drawn[0]), null)
        left += (~found["inside_null"].astype(bool)).any()
        assert (found["p_own"] <= found["p_value"] + 1e-9).all()
        assert ((found["value"] > found["null_high"] + 1e-9) == ~found["inside_null"].astype(bool)).all()
    assert 8 <= left <= 34


def test_importances_do_not_lose_to_their_own_last_bit_in_any_unit():
    names = pd.DataFrame({"modality": "blood", "name": ["a", "b"]})
    for unit in (1.0, 1e6):
        null = pd.concat([names.assign(permutation=k, value=[np.nextafter(0.7, 0) * unit, 0.1]) for k in range(19)])
        found = with_null(names.assign(value=[0.7 * unit, 0.1]), null)
        assert found["p_own"].tolist() == [1, 1]


def test_too_few_permutations_say_nothing_about_the_null():
    found = explained(null=5)
    table = explain.importance(found.attributions, "blood")
    assert table["inside_null"].isna().all()
    assert table["p_value"].isna().all()


def test_roll_ups_keep_signs_and_sums(in_image):
    record = in_image.attributions
    whole = record.base[record.base["arm"] == "image+blood"].set_index(["patient", "repeat"])
    for level in ("feature", "variable", "group", "modality"):
        rolled = explain.roll_up(record, "image+blood", level)
        total = rolled.groupby(["patient", "repeat"], observed=True)["shap"].sum()
        wanted = (whole["prediction"] - whole["base"]).reindex(total.index)
        np.testing.assert_allclose(total, wanted, atol=1e-5)
        assert (rolled["shap"] < 0).any()
    assert record.error < 1e-6


def test_each_patient_is_explained_out_of_fold_once_a_repeat(in_blood):
    base = in_blood.attributions.base
    assert (base.groupby(["arm", "patient"])["repeat"].nunique() == 3).all()
    assert not base.duplicated(["arm", "patient", "repeat"]).any()
    keys = ["patient", "arm", "repeat"]
    both = base.merge(in_blood.predictions, on=keys, suffixes=("", "_run"))
    assert len(both) == len(base)
    np.testing.assert_allclose(both["prediction"], both["p"], atol=1e-12)
    np.testing.assert_array_equal(both["fold"], both["fold_run"])


def test_one_patient(in_blood):
    found = in_blood.attributions.patient("7", "image+blood")
    assert found.iloc[0]["label"] == "C-reactive protein"
    assert (found["low"] <= found["high"]).all()
    values = in_blood.attributions.arm("image+blood")
    own = values[(values["patient"] == "7") & (values["feature"] == "CRP")]
    assert found.iloc[0]["shap"] == pytest.approx(own["shap"].mean())
    assert own["value"].nunique() == 1


def test_what_is_not_in_the_run_is_named(in_blood):
    record = in_blood.attributions
    with pytest.raises(check.InputError, match="arm is 'blod', which is not known.*Nearest: 'blood'"):
        explain.importance(record, "blod")
    with pytest.raises(check.InputError, match="patient '999' is not in this run"):
        record.patient("999", "blood")
    with pytest.raises(check.InputError, match="draws is 0"):
        explain.importance(record, "blood", draws=0)
    with pytest.raises(check.InputError, match="kind of target is 'nominal'"):
        explain.conformal(in_blood.predictions[in_blood.predictions["arm"] == "blood"], "nominal")
    with pytest.raises(check.InputError, match="level is 'lab'"):
        explain.importance(record, "blood", "lab")
    with pytest.raises(check.InputError, match="--explain: arm is 'lungs'"):
        explained(explain=("lungs",))


def test_files_read_back_and_a_run_without_explanations_leaves_none_behind(in_blood, tmp_path):
    folder = in_blood.save(tmp_path / "run")
    back = Run.load(folder)
    pd.testing.assert_frame_equal(back.attributions.values, in_blood.attributions.values)
    pd.testing.assert_frame_equal(back.attributions.base, in_blood.attributions.base)
    pd.testing.assert_frame_equal(back.attributions.null, in_blood.attributions.null, check_dtype=False)
    assert back.attributions.unit == "probability"
    for level in explain.LEVELS:
        pd.testing.assert_frame_equal(
            explain.importance(back.attributions, "blood", level),
            explain.importance(in_blood.attributions, "blood", level),
        )
    dataclasses.replace(in_blood, attributions=None).save(folder)
    assert Run.load(folder).attributions is None
    assert not list(folder.glob("attributions*"))
    with pytest.raises(check.InputError, match="no attributions.*--explain all"):
        explain.Attributions.load(folder)


def test_explaining_changes_no_prediction_and_one_arm_may_be_named():
    design = make_design(image=1.0)
    settings = {"null": 0, "repeats": 1, "model": ("xgboost",)}
    with_it, without = explained(design, **settings), explained(design, **settings, explain=("none",))
    pd.testing.assert_frame_equal(with_it.predictions, without.predictions)
    assert without.attributions is None
    only = explained(design, **settings, explain=("blood",))
    assert only.attributions.arms == ("blood",)


@pytest.mark.parametrize("kind", ["ordinal", "continuous"])
def test_other_outcomes_are_explained_in_their_own_unit(kind):
    found = explained(make_design(blood=3.0, kind=kind), null=0)
    assert found.attributions.unit == explain.UNITS[kind]
    assert explain.importance(found.attributions, "image+blood").iloc[0]["name"] == "C-reactive protein"
    assert found.attributions.error < 1e-6


def test_clips_of_a_patient_are_averaged():
    found = explained(make_design(blood=3.0, clips=2), null=0)
    record = found.attributions
    assert "clip" in record.values
    table = explain.importance(record, "blood", "feature").set_index("name")
    part = record.arm("blood")
    part = part[part["feature"] == "CRP"]
    per_patient = part.assign(shap=part["shap"].abs()).groupby(["repeat", "patient"], observed=True)["shap"].mean()
    assert table.loc["C-reactive protein", "value"] == pytest.approx(per_patient.groupby("repeat").mean().mean())


def test_stability_is_one_for_a_dominant_lab_and_low_for_noise(in_blood):
    steady = explain.stability(in_blood.attributions, "image+blood", ["modality"]).iloc[0]
    assert steady["value"] == 1
    assert steady["top"] == "blood"
    assert steady["top_share"] == 1
    record = in_blood.attributions
    noise = dataclasses.replace(
        record, values=record.values.assign(shap=np.random.default_rng(0).normal(size=len(record.values)))
    )
    loose = explain.stability(noise, "image+blood", ["feature"]).iloc[0]
    assert loose["value"] < 0.75
    assert loose["low"] <= loose["value"] <= loose["high"]


def test_blue_point_that_chance_moves_as_much_is_not_named(in_blood):
    said = str(summarize(in_blood)["sections"])
    assert "no BLUE point moves predictions by more than shuffled outcomes do" in said
    assert "the BLUE point that moves most is" not in said


def test_number_has_its_unit_and_no_risk(in_blood):
    number = dataclasses.replace(in_blood, design={**in_blood.design, "kind": "continuous", "unit": "days"})
    assert "prediction (days)" in str(summarize(number)["sections"])
    assert "raises the prediction" in summarize(number)["tables"]["shap-variable"]["note"]
    assert "raises the risk" in summarize(in_blood)["tables"]["shap-variable"]["note"]


@pytest.mark.parametrize(
    ("name", "known", "label"),
    [
        ("sex=m", {"sex": {"label": "Sex"}}, "Sex: m"),
        ("a=b", {"a=b": {"label": "a=b"}}, "a=b"),
        ("=HYPERLINK(1)", {}, "=HYPERLINK(1)"),
    ],
)
def test_sign_in_a_columns_own_name_is_no_code(name, known, label):
    assert _table_row(name, "clinical", known)["label"] == label


def test_ties_do_not_count_against_agreement(in_blood):
    """Kendall 1970: the same ranks in every repeat are full agreement, however many of them are tied."""
    record = in_blood.attributions
    values = record.values
    first = values["feature"].astype(str).isin(["CRP", "LDH"])
    assert values["feature"].nunique() > 3
    size = values["feature"].astype(str).map({"CRP": 2.0, "LDH": 1.0})
    same = dataclasses.replace(record, values=values.assign(shap=size.where(first, 0.0).astype(float)))
    for shap in (same, dataclasses.replace(record, values=values.assign(shap=0.0))):
        found = explain.stability(shap, "image+blood", ["feature"]).iloc[0]
        assert found["value"] == pytest.approx(1)
    rng = np.random.default_rng(1)
    ranks = rng.integers(0, 3, (4, 6)).astype(float)
    tied = [np.unique(row, return_counts=True)[1] for row in ranks]
    r = np.array([stats.rankdata(-row) for row in ranks])
    m, n = r.shape
    spread = ((r.sum(axis=0) - m * (n + 1) / 2) ** 2).sum()
    expected = 12 * spread / (m**2 * (n**3 - n) - m * sum((t**3 - t).sum() for t in tied))
    assert _concordance(ranks[None])[0] == pytest.approx(expected)


class TestModalityValue:
    def test_blood_carries_all_of_the_gain_when_the_signal_lies_there(self, in_blood):
        for metric in ("auroc", "net_benefit"):
            found = explain.modality_value(in_blood.predictions, metric=metric, draws=200)
            table = found.set_index(["what", "modality"])
            shares = found[found["what"] == "Shapley value"]["value"].sum()
            assert shares == pytest.approx(table.loc[("all", "image + blood"), "value"])
            assert table.loc[("Shapley value", "blood"), "low"] > 0
            assert table.loc[("Shapley value", "image"), "low"] < 0.02
            assert table.loc[("left out", "blood"), "value"] > table.loc[("left out", "image"), "value"]

    def test_net_benefit_lets_the_share_of_events_vary(self):
        rng = np.random.default_rng(0)
        y, p = np.repeat([0.0, 1.0], [30, 30]), np.repeat([0.1, 0.8], 30)
        frames = [
            pd.DataFrame({"patient": np.arange(60).astype(str), "arm": arm, "repeat": 0, "fold": 0, "y": y})
            for arm in ("a", "b", "a+b")
        ]
        given = pd.concat([frames[0].assign(p=rng.uniform(size=60)), frames[1].assign(p=0.3), frames[2].assign(p=p)])
        found = explain.modality_value(given, metric="net_benefit", threshold=0.7, draws=300)
        line = found.set_index("what").loc["all"]
        band = evaluate.net_benefit(y, p, [0.7], draws=300).iloc[0]
        assert line[["low", "high"]].tolist() == pytest.approx(band[["low", "high"]].tolist())
        assert line["high"] - line["low"] > 0.2

    @pytest.mark.parametrize(("threshold", "of_all"), [(None, 0.0), (0.2, 0.375)])
    def test_knowing_nothing_is_one_policy_in_all_draws(self, threshold, of_all):
        """At the prevalence, where all and none tie, the gain is the net benefit itself, interval and all."""
        rng = np.random.default_rng(1)
        y, p = np.repeat([0.0, 1.0], [30, 30]), np.repeat([0.1, 0.8, 0.4, 0.9], 15)
        frames = [
            pd.DataFrame({"patient": np.arange(100, 160).astype(str), "arm": arm, "repeat": 0, "fold": 0, "y": y})
            for arm in ("a", "b", "a+b")
        ]
        given = pd.concat([frames[0].assign(p=rng.uniform(size=60)), frames[1].assign(p=0.3), frames[2].assign(p=p)])
        line = (
            explain.modality_value(given, metric="net_benefit", threshold=threshold, draws=4000)
            .set_index("what")
            .loc["all"]
        )
        band = evaluate.net_benefit(y, p, [threshold or 0.5], draws=4000).iloc[0]
        assert line["value"] == pytest.approx(band["model"] - of_all)
        if threshold is None:
            assert line[["low", "high"]].tolist() == pytest.approx(band[["low", "high"]].tolist(), abs=0.02)

    def test_is_the_definition_on_three_modalities(self):
        """By hand: phi_a = 1/3 a + 1/6 (ab - b) + 1/6 (ac - c) + 1/3 (abc - bc), each less AUROC 0.5 of nothing."""
        rng = np.random.default_rng(0)
        y = np.tile([0.0, 1.0], 20)
        frames, area = [], {}
        for arm in ("a", "b", "c", "a+b", "a+c", "b+c", "a+b+c"):
            p = 1 / (1 + np.exp(-(y * rng.uniform(0, 3) + rng.normal(size=40))))
            frames.append(
                pd.DataFrame({"patient": np.arange(40).astype(str), "arm": arm, "repeat": 0, "fold": 0, "y": y, "p": p})
            )
            area[arm] = (p[y == 1][:, None] > p[y == 0][None]).mean() - 0.5
        found = explain.modality_value(pd.concat(frames), draws=50).set_index(["what", "modality"])["value"]
        wanted = area["a"] / 3 + (area["a+b"] - area["b"]) / 6 + (area["a+c"] - area["c"]) / 6
        wanted += (area["a+b+c"] - area["b+c"]) / 3
        assert found[("Shapley value", "a")] == pytest.approx(wanted)
        assert found[("left out", "a")] == pytest.approx(area["a+b+c"] - area["b+c"])
        pair = (area["a+b"] - area["a"] - area["b"]) / 2 + (area["a+b+c"] - area["a+c"] - area["b+c"] + area["c"]) / 2
        assert found[("interaction", "a and b")] == pytest.approx(pair)

    def test_interactions_of_predictions_are_the_definition_and_vanish_for_a_sum(self):
        rng = np.random.default_rng(0)
        y = np.tile([0.0, 1.0], 15)
        own = {"a": rng.normal(size=30), "b": rng.normal(size=30), "c": rng.normal(size=30)}
        arms = ("a", "b", "c", "a+b", "a+c", "b+c", "a+b+c")
        p = {arm: 0.5 + sum(0.05 * own[m] for m in arm.split("+")) for arm in arms}

        def table():
            keys = {"patient": np.arange(30).astype(str), "repeat": 0, "fold": 0, "y": y}
            return pd.concat([pd.DataFrame({**keys, "arm": arm, "p": p[arm]}) for arm in arms])

        found = explain.modality_interactions(table(), "continuous", draws=50)
        np.testing.assert_allclose(found["value"], 0, atol=1e-12)
        extra = rng.normal(size=30)
        p["a+b"], p["a+b+c"] = p["a+b"] + extra, p["a+b+c"] + extra
        found = explain.modality_interactions(table(), "continuous", draws=50).set_index("modalities")
        # both with and without c the two together add the same
        assert found.loc["a and b", "value"] == pytest.approx(np.abs(extra).mean())
        assert found.loc["a and b", "signed"] == pytest.approx(extra.mean())
        assert found.loc["a and c", "value"] == pytest.approx(0, abs=1e-12)
        assert found.index[0] == "a and b"
        assert (found["low"] <= found["value"]).all()

    def test_error_of_other_outcomes_and_models_by_suffix(self):
        found = explained(make_design(blood=3.0, kind="continuous"), null=0, model=("logistic", "forest"), repeats=1)
        table = explain.modality_value(found.predictions, "continuous", suffix="logistic", draws=100)
        assert table.set_index(["what", "modality"]).loc[("Shapley value", "blood"), "low"] > 0
        assert set(table["metric"]) == {"mae"}

    def test_missing_subset_is_named(self, in_blood):
        part = in_blood.predictions[in_blood.predictions["arm"] != "image"]
        with pytest.raises(check.InputError, match="no arm for image"):
            explain.modality_value(part)
        with pytest.raises(check.InputError, match="of model 'svm'"):
            explain.modality_value(in_blood.predictions, suffix="svm")


def simulated_predictions(n=300, kind="binary", seed=0, repeats=3):
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=n)
    y = (hidden + rng.normal(size=n) > 1).astype(float) if kind == "binary" else hidden + rng.normal(size=n)
    parts = []
    for repeat in range(repeats):
        noisy = hidden + 0.3 * rng.normal(size=n)
        p = 1 / (1 + np.exp(-noisy)) if kind == "binary" else noisy
        parts.append(
            pd.DataFrame(
                {"patient": np.arange(n).astype(str), "repeat": repeat, "fold": np.arange(n) % 5, "y": y, "p": p}
            )
        )
    return pd.concat(parts, ignore_index=True)


class TestConformal:
    @pytest.mark.parametrize("level", [0.8, 0.9])
    def test_covers_both_outcomes_as_asked_though_the_probabilities_are_wrong(self, level):
        predictions = simulated_predictions()
        sets = explain.conformal(predictions, level=level)
        found = explain.coverage(sets, level).set_index("group")
        for group in ("all", "with the outcome", "without"):
            assert found.loc[group, "low"] - 0.03 <= level <= found.loc[group, "high"] + 0.03, group
        assert found.loc["all", "single"] + found.loc["all", "both"] + found.loc["all", "empty"] == pytest.approx(1)

    def test_intervals_cover_and_widen_with_the_level(self):
        predictions = simulated_predictions(kind="continuous")
        narrow, wide = (explain.conformal(predictions, "continuous", level=v) for v in (0.6, 0.95))
        assert abs(narrow["covered"].mean() - 0.6) < 0.07
        assert abs(wide["covered"].mean() - 0.95) < 0.03
        assert explain.coverage(wide, 0.95)["width"].iloc[0] > explain.coverage(narrow, 0.6)["width"].iloc[0]

    def test_noise_is_undecided(self):
        predictions = simulated_predictions().assign(p=lambda t: np.random.default_rng(0).random(len(t)))
        assert explain.coverage(explain.conformal(predictions), 0.9)["both"].iloc[0] > 0.6

    def test_a_patients_own_clips_do_not_vouch_for_him(self):
        """Two clips a patient with equal scores: the comparison is with other patients only, so p-values stay coarse."""
        one = simulated_predictions(n=12, repeats=1)
        two = pd.concat([one.assign(clip="a"), one.assign(clip="b")], ignore_index=True)
        wide, single = explain.conformal(two), explain.conformal(one)
        counts = one["y"].value_counts()
        strange = single.set_index("patient")["p_1"]
        doubled = wide[wide["clip"] == "a"].set_index("patient")["p_1"].reindex(strange.index)
        own = single.set_index("patient")["y"] == 1
        others = counts[1] - own.astype(int)
        np.testing.assert_allclose(doubled, (1 + 2 * (strange * (1 + others) - 1)) / (1 + 2 * others))

    def test_bad_level_is_refused(self):
        with pytest.raises(check.InputError, match="level is 90"):
            explain.conformal(simulated_predictions(), level=90)


def test_cohort_with_anonymous_embedding_gives_one_bar_not_hundreds():
    design = make_design(patients=40)
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(
        rng.normal(size=(40, 2000)), index=design.y.index, columns=[f"map_{j:04d}" for j in range(2000)]
    )
    design = dataclasses.replace(design, blocks={**design.blocks, "image": wide.astype(np.float32)}, points="mean")
    found = explained(design, null=0, repeats=1)
    table = explain.importance(found.attributions, "image+blood", "feature")
    assert len(table) == 4
    assert "embedding" in set(table["name"])


@pytest.fixture(scope="module")
def section(in_blood):
    found = summarize(in_blood)
    assert next(s for s in found["sections"] if s["key"] == "explanations")["present"]
    return found


class TestReport:
    """The page names what the predictions rest on, with units, and draws grey what chance gives as well."""

    def test_bars_carry_lab_and_unit_and_the_null(self, section):
        frame = section["figures"]["shap-variable"]["arguments"]["frame"]["frame"]
        place = frame["feature"].index("C-reactive protein, mg/l")
        assert frame["inside_null"][place] is False
        assert sum(frame["inside_null"]) == len(frame["inside_null"]) - 1
        assert "R3" in section["figures"]["shap-point"]["arguments"]["frame"]["frame"]["feature"]
        assert "Grey" in section["figures"]["shap-variable"]["caption"]

    def test_the_first_sentence_names_the_lab_with_its_unit_and_what_chance_gives_too(self, section):
        blocks = next(s for s in section["sections"] if s["key"] == "explanations")["blocks"]
        said = blocks[0]["text"]
        assert said.startswith("Image + blood rests most on C-reactive protein (mg/l); nothing else is more than")
        assert "B-lines at" in said or "A-line periodicity at" in said
        assert "off by" in blocks[2]["text"]
        assert "together" in section["tables"]

    def test_bars_inside_the_null_are_grey_and_its_end_is_marked(self, section):
        axes = draw(section["figures"]["shap-variable"]).axes[0]
        grey = to_rgb("#5c6773")
        bars = {
            round(-b.get_y() - b.get_height() / 2): to_rgb(b.get_facecolor()) for b in axes.patches if b.get_width()
        }
        assert bars[0] != grey
        assert all(bars[k] == grey for k in list(bars) if k > 0)
        assert any(line.get_marker() == "|" for line in axes.lines)

    def test_values_of_modalities_and_coverage_are_tabled(self, section):
        worth = section["tables"]["worth"]
        assert [c["label"] for c in worth["columns"]][2:4] == ["gain", "gain in net benefit"]
        assert ["Shapley value", "blood"] in [row[:2] for row in worth["rows"]]
        assert "sets" in section["tables"]
