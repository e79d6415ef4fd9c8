"""Do images tell anything that the reference does not: the shuffle among patients rated alike, and the reference by name."""

import dataclasses
import sys

import numpy as np
import pandas as pd
import pytest
from made_design import QUICK, make_design

from blues import check, report
from blues.fuse import Experiment, Run, run
from blues.fuse.command import summary
from blues.fuse.null import alike, p_of_added, shuffled_outcome, with_added
from blues.fuse.tables import with_null


def experiment(**changes):
    return Experiment(**(QUICK | changes))


def told_by_images(strength, patients=60, kind="binary", seed=4):
    """Make a design whose outcome is half of what blood sees and half of what images see; both see the blood's half."""
    rng = np.random.default_rng(seed)
    by_blood, by_image = rng.normal(size=(2, patients))
    hidden = by_blood + strength * by_image
    y = {"binary": (hidden > np.median(hidden)) * 1.0, "continuous": hidden}[kind]
    design = make_design(patients=patients, kind=kind)
    ids = design.y.index
    image = pd.DataFrame(
        {"a": by_image + 0.3 * rng.normal(size=patients), "b": by_blood + 0.3 * rng.normal(size=patients)}, ids
    )
    blood = pd.DataFrame({"CRP": by_blood + 0.1 * rng.normal(size=patients)}, ids)
    return dataclasses.replace(design, y=pd.Series(y, ids, name="made"), blocks={"image": image, "blood": blood})


class TestGroups:
    def test_hold_about_six_patients_of_neighbouring_predictions(self, rng):
        design = make_design(patients=40)
        p = pd.DataFrame({"patient": np.tile(design.patients.unique()[:38], 2), "p": rng.random(76)})
        groups = alike(design, p, seed=0)
        mean = p.groupby("patient")["p"].mean()
        assert (groups[groups < 0].index == design.patients.unique()[38:]).all()
        sizes = groups[groups >= 0].value_counts()
        assert sizes.between(6, 7).all()
        bounds = mean.groupby(groups[mean.index]).agg(["min", "max"])
        assert (bounds["max"].to_numpy()[:-1] <= bounds["min"].to_numpy()[1:]).all()

    def test_equal_predictions_are_split_at_random(self):
        design = make_design(patients=24)
        p = pd.DataFrame({"patient": design.patients.unique(), "p": 0.5})
        first, second = (alike(design, p, seed) for seed in (0, 1))
        assert not first.equals(second)
        assert alike(design, p, 0).equals(first)

    @pytest.mark.parametrize("clips", [1, 3])
    def test_outcomes_stay_in_their_group(self, rng, clips):
        design = make_design(patients=30, clips=clips, kind="ordinal")
        patients = pd.Index(design.patients.unique())
        groups = pd.Series(np.arange(30) // 6, patients)
        y = pd.Series(shuffled_outcome(design, rng, groups=groups))
        of = groups[design.patients.to_numpy()].to_numpy()
        for group in range(5):
            assert sorted(y[of == group]) == sorted(design.y.to_numpy()[of == group])
        assert (y.to_numpy() != design.y.to_numpy()).any()


class TestShuffle:
    @pytest.mark.parametrize("kind", ["binary", "continuous"])
    def test_finds_what_only_images_tell(self, kind):
        result = run(told_by_images(1.5, kind=kind), experiment(null=19, reference="blood"))
        drawn = result.added
        better = -1 if kind == "continuous" else 1
        assert list(drawn["permutation"]) == list(range(-1, 19))
        assert (better * drawn["value"][1:] < better * drawn["value"][0]).all()
        row = result.comparisons.iloc[-1]
        assert row["p_value"] == pytest.approx(1 / 20)
        assert (row["arm"], row["reference"]) == ("image+blood", "blood")
        assert "p = 0.050" in summary(result)

    def test_does_not_take_a_second_look_at_the_same_for_more(self):
        """Images tell the outcome as well as blood does, and nothing else: alone they are far above chance."""
        design = told_by_images(0.0)
        result = run(design, experiment(null=19))
        auroc = result.scores.query("metric == 'auroc'").set_index("arm")["value"]
        assert auroc["image"] > 0.85
        assert result.comparisons.iloc[-1]["p_value"] > 0.05

    def test_observed_is_the_difference_of_the_comparison(self):
        result = run(told_by_images(0.5), experiment(null=3))
        line = result.comparisons.query("arm == 'image+blood' and metric == 'auroc'").iloc[0]
        assert result.added["value"][0] == pytest.approx(line["difference"])

    def test_is_about_patients_whom_both_predict(self):
        design = told_by_images(0.5)
        blood = design.blocks["blood"].copy()
        blood.iloc[::4] = np.nan
        result = run(
            dataclasses.replace(design, blocks={**design.blocks, "blood": blood}), experiment(null=3, reference="blood")
        )
        line = result.comparisons.query("arm == 'image+blood' and metric == 'auroc'").iloc[0]
        assert line["patients"] == 45
        assert result.added["value"][0] == pytest.approx(line["difference"])

    def test_is_left_out_without_permutations_images_or_a_reference(self):
        assert run(make_design(), experiment()).added.empty
        alone = dataclasses.replace(make_design(), blocks={"image": make_design().blocks["image"]})
        assert run(alone, experiment(null=2)).added.empty
        empty = pd.DataFrame({"arm": ["a"]})
        assert with_added(empty, pd.DataFrame(columns=["arm", "reference", "metric", "permutation", "value"])) is empty

    def test_is_kept_with_the_run_and_told_on_its_page(self, tmp_path):
        result = run(told_by_images(1.5), experiment(null=19, reference="blood"))
        again = Run.load(result.save(tmp_path / "run"))
        pd.testing.assert_frame_equal(again.added, result.added)
        said = report.summarize(again)
        sentences = " ".join(said["answer"]["sentences"])
        assert "in 0 of 19 runs (p = 0.050, one-sided): so few shuffles show nothing" in sentences
        assert said["answer"]["numbers"]["p_added"] == pytest.approx(0.05)
        assert "Rosenbaum 1984" in report.render(said)


class TestReference:
    def test_named_arm_is_the_reference_though_another_is_better(self):
        design = make_design(signal=3.0)
        weak = design.blocks["blood"][["LDH"]].set_axis(["AST"], axis=1)
        design = dataclasses.replace(design, blocks={**design.blocks, "clinical": weak})
        plain, named = (run(design, experiment(reference=name)) for name in ("", "clinical"))
        assert plain.comparisons["reference"].iloc[0] != "clinical"
        assert named.comparisons["reference"].iloc[0] == "clinical"
        assert "the arm named as reference (clinical)" in summary(named)
        sentences = report.summarize(named)["answer"]["sentences"]
        assert "the arm without images named as reference, clinical, reached" in sentences[0]
        assert 'reference = "clinical"' in named.experiment.to_toml()

    @pytest.mark.parametrize("wrong", ["image", "image+blood", "serum", "prevalence"])
    def test_other_arms_are_refused_before_anything_is_fitted(self, wrong, monkeypatch):
        monkeypatch.setattr(sys.modules["blues.fuse.run"], "fit_arms", lambda *a, **k: pytest.fail("fitted"))
        with pytest.raises(check.InputError, match=r"--reference: .* is no arm without images") as caught:
            run(make_design(), experiment(reference=wrong))
        assert "blood" in str(caught.value)


def test_choices_say_what_a_stack_rests_on():
    result = run(make_design(signal=3.0), experiment(fusion="stack"))
    fused = result.choices[result.choices["arm"] == "image+blood"]
    assert (fused["weight_blood"] > fused["weight_image"]).all()
    np.testing.assert_allclose(fused["share_blood"] + fused["share_image"], 1)
    alone = result.choices[result.choices["arm"] == "blood"]
    assert (alone["share_blood"] == 1).all()
    assert alone["weight_image"].isna().all()
    table = report.summarize(result)["tables"]["weights"]
    rows = {(row[0], row[1]): row for row in table["rows"]}
    assert set(rows) == {("image + blood", "blood"), ("image + blood", "image")}
    assert rows["image + blood", "blood"][2] == pytest.approx(fused["weight_blood"].mean())
    assert rows["image + blood", "image"][3] == pytest.approx((fused["weight_image"] < 1e-6).mean())


def test_without_a_stack_no_table_of_weights_is_shown():
    assert "weights" not in report.summarize(run(make_design(), experiment(fusion="early")))["tables"]


@pytest.mark.parametrize(
    ("as_large", "interval", "words"),
    [
        (0, (0.01, 0.05), "this too is evidence that images tell something"),
        (0, (-0.01, 0.05), "a hint that images tell something"),
        (5, (0.01, 0.05), "images are not shown to tell anything"),
    ],
)
def test_answer_weighs_the_shuffle_against_the_interval(as_large, interval, words):
    result = run(make_design(), experiment(null=1, reference="blood"))
    table = result.comparisons.copy()
    rows = (table["arm"] == "image+blood") & table["low"].notna()
    wanted = {"difference": 0.02, "low": interval[0], "high": interval[1], "p_value": 0.01, "p_holm": 0.01}
    table.loc[rows, list(wanted)] = list(wanted.values())
    drawn = np.r_[0.02, np.where(np.arange(39) < as_large, 0.03, -0.01)]
    added = pd.DataFrame({"value": drawn, "permutation": np.arange(-1, 39)}).assign(
        arm="image+blood", reference="blood", metric="auroc"
    )
    shown = dataclasses.replace(result, comparisons=table, added=added, choices=pd.DataFrame(columns=["arm", "chosen"]))
    said = report.summarize(shown)["answer"]["sentences"]
    assert words in " ".join(said)


def test_a_run_of_one_modality_is_that_of_the_model_by_itself():
    design = make_design(signal=3.0)
    one = dataclasses.replace(design, blocks={"blood": design.blocks["blood"]})
    stacked, plain = (run(one, experiment(fusion=name)) for name in ("stack", "early"))
    pd.testing.assert_frame_equal(stacked.predictions, plain.predictions)
    both = run(design, experiment(fusion="stack")).predictions
    assert not np.allclose(both.loc[both["arm"] == "blood", "p"], plain.predictions["p"])


@pytest.mark.parametrize(("margin", "words"), [(0.1, "is not reached"), (0.02, "is neither shown nor ruled out")])
def test_summary_holds_both_intervals_against_the_margin(margin, words):
    result = run(make_design(signal=3.0), experiment(fusion="late", margin=margin, reference="blood"))
    table = result.comparisons.copy()
    rows = (table["arm"] == "image+blood") & (table["metric"] == "auroc") & table["low"].notna()
    table.loc[rows, ["low", "high"]] = [-0.05, 0.06]
    scores = result.scores.assign(value=result.scores["value"].clip(upper=0.8))
    changed = dataclasses.replace(result, comparisons=table, scores=scores)
    assert f"worth having, {margin:g}, {words}" in summary(changed)
    near = dataclasses.replace(changed, scores=scores.assign(value=0.99))
    assert f"worth having, {margin:g}, is more than the 0.010 that the reference leaves" in summary(near)
    few = dataclasses.replace(changed, design={**result.design, "events": 9})
    assert f"worth having, {margin:g}, cannot be spoken of with so few patients" in summary(few)
    assert "worth having" not in summary(dataclasses.replace(result, experiment=experiment()))


def test_margin_of_half_the_scale_is_refused():
    with pytest.raises(check.InputError, match="more than half of what can be gained"):
        run(make_design(), experiment(margin=0.5))


@pytest.mark.parametrize("kind", ["binary", "ordinal", "continuous"])
def test_images_that_say_nothing_change_no_prediction_where_they_get_no_weight(kind):
    design = make_design(60, kind=kind, signal=2.0, seed=3)
    design.blocks["image"].loc[:] = 1.0
    result = run(design, experiment(fusion="stack", reference="blood"))
    p = result.predictions.pivot_table(index=["repeat", "fold", "patient"], columns="arm", values="p")
    differ = (p["image+blood"] - p["blood"]).abs().groupby(level=[0, 1]).max()
    out = result.choices.loc[result.choices["arm"] == "image+blood", "weight_image"].to_numpy() < 1e-6
    assert out.any()
    assert (differ.to_numpy()[out] == 0).all()
    assert report.summarize(result)["answer"]["numbers"]["verdict"] in ("unclear", "unknown")


@pytest.mark.parametrize(("metric", "side"), [("auroc", 1), ("mae", 0)])
def test_what_equals_the_observed_but_for_the_last_bit_is_as_extreme(metric, side):
    """The p value is that of ``evaluate.permutation_p``, for a null of the pipeline and for the shuffle of two arms."""
    drawn = [0.7, np.nextafter(0.7, 1 - side), 0.1 + 0.8 * side]  # equal, all but equal, more extreme
    null = pd.DataFrame({"arm": "image", "metric": metric, "permutation": range(3), "value": drawn})
    scores = pd.DataFrame({"arm": ["image"], "metric": [metric], "value": [0.7]})
    assert with_null(pd.DataFrame(), scores, null)["p_value"].tolist() == [1.0]
    observed = pd.DataFrame({"arm": ["image"], "metric": [metric], "permutation": [-1], "value": [0.7]})
    assert p_of_added(pd.concat([observed, null])) == (1.0, 3, 3)


def test_an_arm_without_a_score_is_not_held_against_the_null():
    null = pd.DataFrame({"arm": "image", "metric": "r2", "permutation": range(3), "value": 0.1})
    scores = pd.DataFrame({"arm": ["image"], "metric": ["r2"], "value": [np.nan]})
    assert with_null(pd.DataFrame(), scores, null).empty
