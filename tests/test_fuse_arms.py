"""Single arms, the null, internal validation, choices, and what the notes tell."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from made_design import QUICK, make_design

from blues import check, evaluate, models
from blues.fuse import Experiment, Run, arms_of, out_of_fold, run
from blues.fuse.command import summary
from blues.fuse.crossval import inner_splits
from blues.fuse.fallbacks import constant_notes
from blues.fuse.null import comparable, shuffled_outcome
from blues.models import Candidate


def experiment(**changes):
    return Experiment(**(QUICK | changes))


def with_singles(**changes):
    """Add a rule on ratings that know the outcome half, a baseline and the prevalence."""
    design = make_design(**changes)
    rng = np.random.default_rng(9)
    rating = pd.DataFrame({"mean severity": design.y + rng.normal(size=len(design.y))}, design.y.index)
    singles = {
        "expert rule: mean severity": rating,
        "baseline: CRP": design.blocks["blood"][["CRP"]],
        "prevalence": rating * 0 + 1,
    }
    return make_design(**(changes | {"singles": singles}))


@pytest.fixture(scope="module")
def found():
    return run(with_singles(signal=3.0), experiment(null=19))


class TestSingleArms:
    def test_they_stand_beside_the_combinations_and_join_none(self, found):
        assert list(dict.fromkeys(found.scores["arm"])) == [
            "image",
            "blood",
            "image+blood",
            "expert rule: mean severity",
            "baseline: CRP",
            "prevalence",
        ]

    def test_rule_is_a_rising_probability_with_a_threshold_from_its_training_rows(self):
        design = with_singles()
        folds = evaluate.patient_folds(design.y, design.patients, 4, 1, seed=0)
        rule = next(arm for arm in arms_of(design, {"": [Candidate("logistic")]}) if arm.role == "rule")
        table = out_of_fold(design, [rule], folds)[0]
        rating = design.singles[rule.name].iloc[:, 0]
        for _, part in table.groupby("fold"):
            order = np.argsort(rating[part["patient"]].to_numpy())
            assert (np.diff(part["p"].to_numpy()[order]) > 0).all()
            assert part["threshold"].nunique() == 1
        train = folds[0].train
        x, y = rating.to_numpy()[train, None], design.y.to_numpy()[train]
        own = models.make(models.PLAIN).fit(x, y).predict_proba(x)[:, 1]
        cut = table.loc[table["fold"] == 0, "threshold"].iloc[0]
        assert cut == pytest.approx(models.youden_threshold(y, own))

    def test_prevalence_is_scored_for_its_probability_and_not_for_ranks(self, found):
        metrics = set(found.scores.loc[found.scores["arm"] == "prevalence", "metric"])
        assert {"brier", "accuracy", "prevalence"} <= metrics
        assert not any(name.startswith(("auroc", "auprc")) for name in metrics)
        brier = found.scores.query("arm == 'prevalence' and metric == 'brier'")["value"].item()
        assert brier == pytest.approx(0.25, abs=0.01)

    def test_baseline_can_be_the_reference_and_rules_cannot(self):
        design = with_singles(signal=3.0)
        noise = design.blocks["image"].rename(columns=str.upper)
        design = dataclasses.replace(design, blocks={"image": design.blocks["image"], "blood": noise})
        result = run(design, experiment())
        assert result.comparisons["reference"].iloc[0] == "baseline: CRP"
        assert "expert rule: mean severity" in set(result.comparisons["arm"])

    def test_every_other_arm_is_held_against_the_reference(self, found):
        table = found.comparisons
        reference = table["reference"].iloc[0]
        against = set(table.loc[table["reference"] == reference, "arm"])
        assert against == set(found.scores["arm"]) - {reference}
        blind = table[table["family"] == "without images"]
        assert set(blind["arm"]) == {"prevalence", "baseline: CRP", "blood"} - {reference}
        constant = blind[blind["arm"] == "prevalence"]
        assert not constant["metric"].str.startswith("auroc").any()
        assert "brier" in set(constant["metric"])
        printed = summary(found)
        assert f"The other arms without images against {reference}:" in printed
        assert printed.index("What imaging adds") < printed.index("The other arms without images")

    def test_permutation_p_values_are_corrected_over_the_arms(self, found):
        rows = found.comparisons[found.comparisons["reference"] == "shuffled outcome"]
        rules = rows["arm"].str.startswith("expert rule")
        assert rules.sum() == 1
        for part in (rows[rules], rows[~rules]):
            np.testing.assert_allclose(part["p_holm"], evaluate.holm(part["p_value"].to_numpy()))

    def test_constant_is_the_reference_where_nothing_without_images_beats_it(self):
        design = make_design(kind="continuous", signal=0.0, patients=30)
        ones = pd.DataFrame({"constant": 1.0}, design.y.index)
        design = dataclasses.replace(design, singles={"prevalence": ones})
        result = run(design, experiment(model=("plain-logistic",), fusion="early"))
        assert result.comparisons["reference"].iloc[0] == "prevalence"
        assert "(lower is better)" in summary(result)

    def test_rules_are_a_family_of_their_own_for_holm(self, found):
        rows = found.comparisons[(found.comparisons["metric"] == "auroc") & (found.comparisons["test"] == "DeLong")]
        rule = rows[rows["arm"].str.startswith("expert rule")].iloc[0]
        assert rule["p_holm"] == rule["p_value"]
        rows = rows[rows["reference"] == rows["reference"].iloc[0]]
        others = rows[~rows["arm"].str.startswith("expert rule") & (rows["family"] != "without images")]
        np.testing.assert_allclose(others["p_holm"], evaluate.holm(others["p_value"].to_numpy()))

    def test_rule_without_ratings_of_some_patients_says_so(self):
        design = with_singles()
        ratings = dict(design.singles)
        ratings["expert rule: mean severity"] = ratings["expert rule: mean severity"].copy()
        ratings["expert rule: mean severity"].iloc[:6] = np.nan
        result = run(dataclasses.replace(design, singles=ratings), experiment())
        assert result.design["patients_by_arm"]["expert rule: mean severity"] == 34


class TestClipRules:
    def design(self):
        """Give clip ratings that tell the outcome, three to five a patient."""
        design = make_design()
        rng = np.random.default_rng(3)
        ratings = pd.DataFrame(rng.integers(0, 3, (len(design.y), 5)) * 1.0, design.y.index, columns=list("12345"))
        ratings += design.y.to_numpy()[:, None]
        ratings.iloc[::2, 3:] = np.nan
        ratings.iloc[:4] = np.nan
        return dataclasses.replace(design, singles={"expert rule: each clip by severity": ratings})

    def test_stand_on_the_folds_of_the_others_and_learn_their_cut_in_the_training_fold(self):
        design = self.design()
        result = run(design, experiment())
        rule = result.predictions.query("arm == 'expert rule: each clip by severity'")
        both = rule.merge(result.predictions.query("arm == 'image+blood'"), on=["patient", "repeat"])
        assert (both["fold_x"] == both["fold_y"]).all()
        assert result.design["patients_by_arm"]["expert rule: each clip by severity"] == 36
        assert set(result.choices.query("arm == 'expert rule: each clip by severity'")["model"]) == {"clip-rule"}
        folds = evaluate.patient_folds(design.y, design.patients, 4, 2, seed=result.experiment.seed)
        X = design.singles["expert rule: each clip by severity"].to_numpy()
        train = [i for i in folds[0].train if not np.isnan(X[i]).all()]
        model = models.ClipRule(models.make(models.PLAIN)).fit(X[train], design.y.to_numpy()[train])
        test = [i for i in folds[0].test if not np.isnan(X[i]).all()]
        found = rule.query("repeat == 0 and fold == 0").set_index("patient")["p"]
        np.testing.assert_allclose(found[design.y.index[test]], model.predict_proba(X[test])[:, 1])

    def test_counts_as_seeing_images_and_is_compared(self):
        result = run(self.design(), experiment())
        assert "expert rule: each clip by severity" in set(result.comparisons["arm"])


class TestWidths:
    """A narrow block beside a wide one."""

    def design(self):
        design = make_design(patients=60, signal=3.0)
        noise = np.random.default_rng(5).normal(size=(60, 110))
        image = pd.DataFrame(noise, design.y.index, columns=[f"i{k}" for k in range(110)])
        return dataclasses.replace(design, blocks={"image": image, "blood": design.blocks["blood"]})

    def test_early_fusion_of_unequal_blocks_is_warned_of_with_their_columns(self):
        notes = run(self.design(), experiment(fusion="early")).notes
        (told,) = [n for n in notes if "unequal width" in n["text"]]
        assert told["level"] == "warning"
        assert "image 110, blood 2" in told["text"]
        reduced = run(self.design(), experiment(fusion="early", select=("logistic/pca3",))).notes
        assert not any("unequal width" in n["text"] for n in reduced)

    def test_the_default_neither_warns_nor_loses_the_narrow_block(self):
        assert Experiment().fusion == "stack"
        result = run(self.design(), experiment())
        assert not any("unequal width" in n["text"] for n in result.notes)
        score = result.scores[result.scores["metric"] == "auroc"].set_index("arm")["value"]
        early = run(self.design(), experiment(fusion="early")).scores
        crowded = early[(early["metric"] == "auroc") & (early["arm"] == "image+blood")]["value"].item()
        assert score["image+blood"] > score["blood"] - 0.03
        assert score["image+blood"] > crowded + 0.03

    def test_what_the_null_of_a_stacks_importances_does_not_answer_is_said(self):
        told = [
            any("shuffled outcomes answer" in n["text"] for n in run(make_design(), experiment(**changes)).notes)
            for changes in (
                {"null": 1, "explain": ("all",)},
                {"null": 1},
                {"null": 1, "explain": ("all",), "fusion": "early"},
            )
        ]
        assert told == [True, False, False]

    def test_attention_is_no_early_fusion(self):
        notes = run(self.design(), experiment(fusion="early", select=("attention/mean",), folds=2, repeats=1)).notes
        assert not any("unequal width" in n["text"] for n in notes)


class TestNull:
    def test_every_arm_but_the_prevalence_has_its_null_and_is_printed(self, found):
        assert set(found.null["arm"]) == set(found.scores["arm"]) - {"prevalence"}
        assert (found.null.groupby("arm").size() == 19).all()
        assert "on 19 shuffled outcomes, AUROC" in summary(found)
        row = found.comparisons[
            (found.comparisons["reference"] == "shuffled outcome") & (found.comparisons["arm"] == "blood")
        ].iloc[0]
        assert row["p_value"] == pytest.approx(1 / 20)

    def test_patients_keep_their_clips_together(self, rng):
        design = make_design(clips=4, kind="ordinal")
        y = shuffled_outcome(design, rng)
        before = {tuple(sorted(v)) for _, v in design.y.groupby(design.patients.to_numpy())}
        after = {tuple(sorted(v)) for _, v in pd.Series(y).groupby(design.patients.to_numpy())}
        assert after == before
        assert (y != design.y.to_numpy()).any()

    def test_outcomes_stay_with_patients_of_the_same_modalities(self, rng):
        """Images are there where the outcome is near its middle: dealt out among all, noise would look better than chance."""
        design = make_design(patients=60, kind="continuous")
        there = (design.y - design.y.median()).abs() < 0.7
        image = design.blocks["image"].where(there, axis=0)
        design = dataclasses.replace(design, blocks={**design.blocks, "image": image})
        strata = comparable(design)
        assert (strata.groupby(there.to_numpy()).nunique() == 1).all()
        y = pd.Series(shuffled_outcome(design, rng, groups=strata), design.y.index)
        assert sorted(y[there]) == sorted(design.y[there])
        assert (y != design.y).mean() > 0.8

    def test_few_patients_with_a_pattern_of_their_own_go_with_others(self):
        design = make_design(patients=40)
        blood = design.blocks["blood"].copy()
        blood.iloc[:5] = np.nan
        few = dataclasses.replace(design, blocks={**design.blocks, "blood": blood})
        assert comparable(few).nunique() == 1
        image = design.blocks["image"].copy()
        image.iloc[5:8] = np.nan  # 5 and 3 are rare, and 8 together
        both = dataclasses.replace(few, blocks={"image": image, "blood": blood})
        assert comparable(both).value_counts().tolist() == [32, 8]

    def test_of_a_transfer_the_training_patients_alone_make_strata(self):
        design = make_design(patients=40)
        image = design.blocks["image"].copy()
        image.iloc[[0, 1, *range(20, 36)]] = np.nan  # 2 of those that teach, 16 of the others
        design = dataclasses.replace(design, blocks={**design.blocks, "image": image})
        assert comparable(design).nunique() == 2
        assert comparable(design, np.arange(20)).value_counts().tolist() == [20]

    def test_clips_are_dealt_to_patients_with_about_as_many(self, rng):
        numbers = np.repeat([2, 3, 12, 13], [9, 3, 4, 4])
        owners = np.repeat([f"p{i}" for i in range(20)], numbers)
        ids = pd.Index([f"c{i}" for i in range(len(owners))], name="clip")
        design = make_design(patients=20, clips=2)
        design = dataclasses.replace(
            design,
            y=pd.Series(np.arange(len(ids)) * 1.0, ids),
            patients=pd.Series(owners, ids, name="patient"),
            kind="continuous",
            blocks={"image": pd.DataFrame({"a": np.arange(len(ids)) * 1.0}, ids)},
        )
        strata = comparable(design)
        assert [set(numbers[strata.to_numpy() == k]) for k in sorted(strata.unique())] == [{2, 3}, {12, 13}]
        y = shuffled_outcome(design, rng, groups=strata)
        many = np.repeat(np.isin(numbers, (12, 13)), numbers)
        assert set(y[many]) <= set(design.y[many])

    def test_a_class_that_is_lost_ends_no_run(self):
        """Patients with many clips have one of the rare grade each: cut to a patient with two, it is mostly lost."""
        rng = np.random.default_rng(0)
        numbers = np.repeat([2, 9], [18, 6])
        owners = np.repeat([f"p{i:02d}" for i in range(24)], numbers)
        ids = pd.Index([f"c{i}" for i in range(len(owners))], name="clip")
        y = rng.integers(0, 3, len(ids)).astype(float)
        y[np.flatnonzero(np.append(False, owners[1:] != owners[:-1]) & (owners > "p17"))] = 3
        blocks = {"image": pd.DataFrame(rng.normal(size=(len(ids), 2)), ids, columns=["a", "b"])}
        blocks["blood"] = pd.DataFrame(rng.normal(size=(len(ids), 1)), ids, columns=["CRP"])
        design = make_design(patients=24, clips=2, kind="ordinal")
        design = dataclasses.replace(
            design, y=pd.Series(y, ids), patients=pd.Series(owners, ids, name="patient"), blocks=blocks
        )
        found = run(design, experiment(null=4, folds=5, repeats=1))
        assert found.null.groupby("arm").size().eq(4).all()

    @pytest.mark.slow
    def test_is_the_same_whatever_the_workers(self):
        design = make_design()
        one, two = (run(design, experiment(null=3, jobs=jobs)).null for jobs in (1, 2))
        pd.testing.assert_frame_equal(one, two)

    def test_without_one_nothing_is_printed(self):
        assert "shuffled" not in summary(run(make_design(), experiment()))


class TestOrdinal:
    @pytest.mark.parametrize("clips", [1, 3])
    def test_category_probabilities_are_saved_and_scored(self, clips, tmp_path):
        result = run(make_design(kind="ordinal", clips=clips), experiment())
        shares = result.predictions[["p_0", "p_1", "p_2", "p_3"]].to_numpy()
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        np.testing.assert_allclose(shares @ np.arange(4), result.predictions["p"])
        rps = result.scores[result.scores["metric"] == "rps"].set_index("arm")["value"]
        assert rps["blood"] < rps["image"]
        assert {"quadratic_kappa", "mae", "rps"} <= set(result.scores["metric"])
        back = Run.load(result.save(tmp_path / "run"))
        pd.testing.assert_frame_equal(back.predictions, result.predictions)

    def test_clips_of_a_patient_share_their_fold(self):
        result = run(make_design(kind="ordinal", clips=3), experiment())
        assert (result.predictions.groupby(["arm", "repeat", "patient"])["fold"].nunique() == 1).all()
        assert result.predictions["clip"].nunique() == 120


class TestChoices:
    def test_are_counted_for_every_training_fold_and_printed(self):
        result = run(make_design(signal=3.0), experiment(select=("logistic", "prevalence")))
        counts = result.choices.groupby("arm")["chosen"].value_counts()
        assert counts["blood", "logistic/stack/mean"] == 8
        assert len(result.choices) == 3 * 8
        assert "blood: logistic/stack/mean 8" in summary(result)

    def test_calibrators_and_thresholds_compete_and_every_part_is_counted(self, tmp_path):
        select = ("logistic/late", "logistic/late/platt", "logistic/early/pca2/youden", "prevalence/shift")
        result = run(make_design(signal=3.0), experiment(select=select))
        parts = ["model", "fusion", "pooling", "components", "calibrator", "threshold_rule"]
        assert set(parts) <= set(result.choices)
        labels = {c.label for c in result.experiment.rivals()[""]}
        assert set(result.choices["chosen"]) <= labels
        written = ["/".join(str(v) for v in row[1:3]) for row in result.choices[parts].itertuples()]
        assert all(c.startswith(w) for c, w in zip(result.choices["chosen"], written, strict=True))
        assert "all arms, by " in summary(result)
        pd.testing.assert_frame_equal(Run.load(result.save(tmp_path / "run")).choices, result.choices)

    @pytest.mark.parametrize("kind", ["continuous", "ordinal"])
    def test_calibrators_and_thresholds_are_refused_where_there_is_no_yes_or_no(self, kind):
        for settings in ({"select": ("logistic", "logistic/platt")}, {"threshold": "youden"}):
            with pytest.raises(check.InputError, match="yes or no"):
                run(make_design(kind=kind), experiment(**settings))

    @pytest.mark.parametrize("clips", [1, 3])
    def test_matched_calls_each_grade_as_often_as_it_occurs(self, clips, tmp_path):
        design = make_design(patients=80, kind="ordinal", signal=1.0, clips=clips)
        settings = {"model": ("plain-logistic",), "repeats": 1}
        nearest, matched = (run(design, experiment(**settings, threshold=rule)) for rule in ("half", "matched"))
        assert nearest.predictions["grade"].isna().all()
        arm = matched.predictions[matched.predictions["arm"] == "blood"]
        occurs, called = (arm[c].value_counts(normalize=True).sort_index() for c in ("y", "grade"))
        np.testing.assert_allclose(called, occurs, atol=0.1)
        rounded = nearest.predictions.loc[nearest.predictions["arm"] == "blood", "p"].round()
        assert (rounded.isin([0, 3])).mean() < 0.5 * called[[0, 3]].sum()
        before, after = (result.scores.set_index(["arm", "metric"])["value"]["blood"] for result in (nearest, matched))
        assert after["quadratic_kappa"] > before["quadratic_kappa"]
        for metric in ("mae", "spearman", "rps"):
            assert after[metric] == before[metric]  # cuts move calls and no prediction
        loaded = Run.load(matched.save(tmp_path / "run"))
        pd.testing.assert_frame_equal(loaded.predictions, matched.predictions)

    def test_matched_is_one_way_for_all_and_nothing_for_a_number(self):
        with pytest.raises(check.InputError, match="yes or no"):
            run(make_design(kind="continuous"), experiment(threshold="matched"))
        with pytest.raises(check.InputError, match="two ways.*matched for all"):
            run(make_design(kind="ordinal"), experiment(select=("logistic", "plain-logistic/matched")))

    def test_matched_calls_as_many_as_have_the_event(self):
        result = run(make_design(patients=80, signal=1.0), experiment(threshold="matched", repeats=2))
        arm = result.predictions[result.predictions["arm"] == "blood"]
        assert (arm["p"] >= arm["threshold"]).mean() == pytest.approx(arm["y"].mean(), abs=0.1)

    def test_one_candidate_is_no_choice(self):
        assert "inner loops" not in summary(run(make_design(), experiment()))


@pytest.fixture(scope="module")
def result():
    return run(make_design(signal=1.0), experiment(validate=20, learning_curve=True, repeats=3))


class TestValidation:
    def test_optimism_is_taken_off_and_632plus_lies_between(self, result):
        table = result.validation.set_index(["arm", "metric"])
        assert set(table.index) == {(a, m) for a in ("blood", "image+blood", "image") for m in ("auroc", "brier")}
        np.testing.assert_allclose(table["corrected"], table["apparent"] - table["optimism"])
        noise = table.loc["image", "auroc"]
        assert noise["optimism"] > 0.05
        assert noise["out_of_bag"] < noise["rule_632plus"] + 1e-9 < noise["apparent"] + 1e-9
        assert table.loc[("image", "brier"), "optimism"] < 0
        out_of_fold_score = result.scores.query("arm == 'blood' and metric == 'auroc'")["value"].item()
        assert table.loc[("blood", "auroc"), "corrected"] == pytest.approx(out_of_fold_score, abs=0.1)

    def test_learning_curve_ends_at_all_training_patients(self, result):
        blood = result.learning[result.learning["arm"] == "blood"]
        assert blood["patients"].tolist() == sorted(blood["patients"])
        assert blood["patients"].iloc[-1] == 30
        assert (blood["low"] <= blood["value"]).all()
        whole = result.scores.query("arm == 'blood' and metric == 'auroc'")["value"].item()
        assert blood["value"].iloc[-1] == pytest.approx(whole)

    def test_both_are_told_and_read_back(self, result, tmp_path):
        text = " ".join(note["text"] for note in result.notes)
        assert "less the optimism of" in text
        assert "from 30 training patients" in text
        back = Run.load(result.save(tmp_path / "run"))
        pd.testing.assert_frame_equal(back.validation, result.validation, check_dtype=False)
        pd.testing.assert_frame_equal(back.learning, result.learning, check_dtype=False)

    def test_saving_a_run_without_them_removes_those_of_the_run_before(self, result, tmp_path):
        result.save(tmp_path / "run")
        again = run(make_design(), experiment()).save(tmp_path / "run")
        assert not (again / "validation.csv").exists()
        assert Run.load(again).validation.empty

    def test_arms_can_be_named(self):
        result = run(make_design(), experiment(validate=10, examine=("image",)))
        assert set(result.validation["arm"]) == {"image"}
        with pytest.raises(check.InputError, match="Nearest: 'blood'"):
            run(make_design(), experiment(validate=10, examine=("bloood",)))


class TestNotes:
    @pytest.mark.parametrize(
        ("events", "words"),
        [(6, "no claim can be made about any arm"), (12, "it cannot be claimed that an arm predicts well"), (20, "")],
    )
    def test_few_events_are_said_with_what_cannot_be_claimed(self, events, words):
        design = make_design(patients=48)
        y = np.zeros(48)
        y[:events] = 1
        notes = run(design.with_outcome(y), experiment()).notes
        warnings = " ".join(note["text"] for note in notes if note["level"] == "warning")
        assert words in warnings
        assert bool(warnings) == bool(words)

    def test_sample_size_is_stated(self, found):
        size = found.design["sample_size"]
        assert size["events_per_feature"] == 20 / 5
        assert size["auroc_width"]["0.80"] == pytest.approx(evaluate.expected_auroc_width(0.8, 20, 20), abs=0.001)
        assert any("4.00 events a feature" in note["text"] for note in found.notes)

    def test_one_refused_column_is_one(self, found):
        one = pd.DataFrame(
            [["los", "outcome", "discharge", "an outcome"]], columns=["column", "role", "known", "reason"]
        )
        assert "\n1 column was refused as a predictor;" in summary(dataclasses.replace(found, refused=one))

    def test_columns_that_tell_nothing_are_named_and_not_counted(self):
        made = make_design()
        blood = made.blocks["blood"].assign(empty=np.nan, all=5.0, again=made.blocks["blood"]["LDH"])
        notes = " ".join(n["text"] for n in run(make_design(blocks=made.blocks | {"blood": blood}), experiment()).notes)
        assert "for 6 candidate features" in notes
        assert "1 column without any value (empty) and 1 column with one value in everybody (all)." in notes
        assert "another: again as LDH." in notes


@pytest.mark.parametrize(
    ("value", "message"), [(5.0, "made is 5 for everybody"), (1e308, "made of 3 is out of all bounds")]
)
def test_an_outcome_that_says_nothing_or_cannot_be_a_number_is_refused(value, message):
    design = make_design(kind="continuous")
    y = np.full(len(design.y), 5.0)
    y[2] = value
    with pytest.raises(check.InputError, match=message):
        run(design.with_outcome(y), experiment())


class TestInnerFolds:
    """What chooses and stacks needs inner folds, and has them wherever the patients allow any."""

    @staticmethod
    def few_values(patients=60, lonely=True):
        """A number with eight values, of which one may occur once: not to be taken for eight classes."""
        drawn = np.random.default_rng(1).integers(1, 8, size=patients).astype(float)
        if lonely:
            drawn[0] = 9.0
        made = make_design(patients=patients, kind="continuous")
        return dataclasses.replace(made, y=pd.Series(drawn, made.y.index, name="made"))

    def test_a_number_with_few_values_is_no_class(self):
        result = run(self.few_values(), experiment(select=("logistic/stack", "prevalence")))
        assert (result.choices["fallback"] == "none").all()
        assert result.choices["inner_loss"].notna().all()
        taken = result.choices[result.choices["model"] == "logistic"]
        assert len(taken)
        assert taken.filter(like="weight_").notna().any(axis=1).all()

    @pytest.mark.parametrize("kind", ["continuous", "ordinal"])
    def test_a_value_that_occurs_once_leaves_all_inner_folds(self, kind):
        y = np.array([0.0] * 10 + [1.0] * 9 + [5.0])
        splits = inner_splits(y, np.arange(20).astype(str), kind=kind, seed=0)
        assert len(splits) == 5
        np.testing.assert_array_equal(np.sort(np.concatenate([test for _, test in splits])), np.arange(20))

    def test_no_yes_can_be_held_out_where_there_is_one(self):
        assert inner_splits(np.array([0.0] * 9 + [1.0]), np.arange(10).astype(str), kind="binary", seed=0) == []

    def test_what_could_not_be_chosen_or_stacked_is_told(self):
        made = make_design(patients=30)
        y = pd.Series(np.r_[1.0, 1.0, np.zeros(28)], made.y.index, name="made")
        rare = dataclasses.replace(made, y=y)
        stacked = run(rare, experiment(folds=2))
        assert set(stacked.choices["fallback"]) == {"mean instead of stack"}
        chosen = run(rare, experiment(folds=2, select=("logistic/late", "prevalence")))
        assert set(chosen.choices["fallback"]) == {"first candidate as it is"}
        for result, words in ((stacked, "nothing could be stacked"), (chosen, "nothing could be chosen")):
            told = [n["text"] for n in result.notes if n["level"] == "warning" and words in n["text"]]
            assert len(told) == 3
            assert "4 of 4 training folds" in told[0]


class TestReference:
    """The reference is an arm for nearly all the patients; one for a few, which may score well on them, is not chosen."""

    @staticmethod
    def partly_measured(known):
        """Blood knows the outcome and was taken from some patients alone; a clinical score, half as good, from all."""
        design = make_design(patients=60, signal=4.0)
        blood = design.blocks["blood"].copy()
        blood.iloc[known:] = np.nan
        noise = np.random.default_rng(4).normal(size=60)
        clinical = pd.DataFrame({"score": design.y + noise}, design.y.index)
        return dataclasses.replace(
            design, blocks={"image": design.blocks["image"], "clinical": clinical, "blood": blood}
        )

    @pytest.mark.parametrize("known", [24, 60])
    def test_few_patients_make_no_reference(self, known):
        result = run(self.partly_measured(known), experiment())
        reference = result.comparisons["reference"].iloc[0]
        scores = result.scores[result.scores["metric"] == "auroc"].set_index("arm")["value"]
        assert scores["blood"] > scores["clinical"]
        assert reference == "clinical+blood"
        told = [n["text"] for n in result.notes if "is not the reference unless it is named" in n["text"]]
        assert len(told) == (known == 24)
        printed = summary(result)
        assert ("on 24 of 60 patients" in printed) == (known == 24)

    def test_the_constant_does_not_set_how_many_there_are(self):
        design = make_design(patients=60, kind="continuous", signal=3.0)
        blood = design.blocks["blood"].copy()
        blood.iloc[36:] = np.nan
        ones = {"prevalence": pd.DataFrame({"constant": 1.0}, design.y.index)}
        design = dataclasses.replace(design, blocks={"image": design.blocks["image"], "blood": blood}, singles=ones)
        assert run(design, experiment()).comparisons["reference"].iloc[0] == "blood"

    @pytest.mark.parametrize("only", ["image", "blood"])
    def test_one_modality_has_a_null_and_no_comparison(self, only, tmp_path):
        design = make_design()
        result = run(dataclasses.replace(design, blocks={only: design.blocks[only]}), experiment(null=3))
        assert set(result.comparisons["reference"]) == {"shuffled outcome"}
        assert "shuffled outcomes" in summary(result)
        assert only in result._repr_html_()
        Run.load(result.save(tmp_path / "run"))

    def test_one_that_is_named_is_taken_and_warned_of(self):
        result = run(self.partly_measured(24), experiment(reference="blood"))
        assert result.comparisons["reference"].iloc[0] == "blood"
        assert any("is said of those 24 alone" in n["text"] for n in result.notes if n["level"] == "warning")

    def test_arms_with_few_events_are_marked_where_their_numbers_stand(self):
        printed = summary(run(self.partly_measured(17), experiment(folds=3, repeats=1)))
        marked = [line for line in printed.splitlines() if line.split("  ")[0].endswith("*")]
        assert [line.split(" *")[0] for line in marked] == ["blood"]
        assert "no claim can be made about this arm" in printed


class TestRisk:
    """Operating points, calibration and decision curves of every arm are in the run."""

    def test_tables_are_saved_and_are_those_of_the_averaged_predictions(self, found, tmp_path):
        back = Run.load(found.save(tmp_path / "run"))
        arms = list(dict.fromkeys(found.scores["arm"]))
        part = found.predictions[found.predictions["arm"] == "image+blood"]
        rows = part.groupby("patient")[["y", "p", "threshold"]].mean()
        point = evaluate.operating_point(rows["y"], rows["p"] >= rows["threshold"])
        for name in ("operating", "calibration", "decision"):
            assert list(dict.fromkeys(getattr(back, name)["arm"])) == arms, name
        saved = back.operating[back.operating["arm"] == "image+blood"].set_index("metric")
        assert saved.loc[["tp", "fp", "fn", "tn"], "value"].tolist() == [point.tp, point.fp, point.fn, point.tn]
        for name, one in point.measures.items():
            np.testing.assert_allclose(
                saved.loc[name, ["value", "low", "high"]].astype(float), [one.value, one.low, one.high]
            )
        exact = point.sensitivity.detail["clopper_pearson"]
        np.testing.assert_allclose(saved.loc["sensitivity", ["exact_low", "exact_high"]].astype(float), exact)
        slope = back.calibration.query("arm == 'image+blood' and metric == 'slope'")["value"].item()
        assert slope == pytest.approx(evaluate.calibration(rows["y"], rows["p"]).slope.value)
        curve = back.decision[back.decision["arm"] == "image+blood"].set_index("threshold")
        benefit = evaluate.net_benefit(rows["y"], rows["p"], [0.3])
        assert curve.loc[0.3, "net_benefit"] == pytest.approx(benefit["model"].item())

    def test_intervals_of_clips_go_by_patient(self):
        result = run(make_design(clips=4), experiment())
        saved = result.operating[result.operating["arm"] == "blood"].set_index("metric")
        assert saved.loc["sensitivity", "method"].startswith("Wilson at the Rao-Scott")
        part = result.predictions[result.predictions["arm"] == "blood"]
        rows = part.groupby(["patient", "clip"]).agg(y=("y", "first"), p=("p", "mean"), t=("threshold", "mean"))
        point = evaluate.operating_point(rows["y"], rows["p"] >= rows["t"], clusters=rows.index.get_level_values(0))
        assert saved.loc["sensitivity", "low"] == pytest.approx(point.sensitivity.low)

    @pytest.mark.parametrize("kind", ["ordinal", "continuous"])
    def test_only_a_yes_or_no_has_them(self, kind):
        assert run(make_design(kind=kind), experiment()).operating.empty


class TestPooling:
    """Candidates pool BLUE points as the design can, or are refused by name."""

    def test_attention_learns_from_single_clips(self):
        made = make_design(patients=16, clips=2)
        result = run(made, experiment(model=("attention",), folds=2, repeats=1))
        assert set(result.choices["model"]) == {"attention"}
        assert result.predictions["p"].between(0, 1).all()

    def test_a_constant_pools_nothing(self):
        made = make_design()
        pooled = dataclasses.replace(made, points="max")
        result = run(pooled, experiment(select=("logistic/stack/max", "prevalence")))
        assert set(result.choices["model"]) <= {"logistic", "prevalence"}

    def test_pooling_of_single_clips_is_refused(self):
        with pytest.raises(check.InputError, match="'max' out|nothing to pool"):
            run(make_design(patients=16, clips=2), experiment(select=("logistic", "logistic/stack/max")))

    @pytest.mark.parametrize("settings", [{"model": ("attention",)}, {"select": ("logistic", "logistic/concat")}])
    def test_pooling_that_the_design_lacks_is_named_with_its_remedy(self, settings):
        with pytest.raises(
            check.InputError, match=r"no image block pooled by 'concat'. Allowed: mean.*also_points=\['concat'\]"
        ):
            run(make_design(), experiment(**settings))


def test_learning_curve_holds_two_of_each_class_for_every_arm():
    """A modality that few have must not leave a small training set without patients who have it."""
    design = make_design(patients=60)
    blood = design.blocks["blood"].copy()
    blood.iloc[14:] = np.nan
    design = dataclasses.replace(design, blocks={"image": design.blocks["image"], "blood": blood})
    result = run(design, experiment(folds=2, repeats=2, learning_curve=True, examine=("blood", "image")))
    assert result.learning.groupby("arm")["value"].count().to_dict() == {"blood": 4, "image": 4}


@pytest.mark.parametrize(
    ("rule", "said"), [("prevalence", "0 of these call everybody and 8 nobody."), ("matched", ", as a cut between")]
)
def test_folds_with_one_prediction_for_all_are_counted(rule, said):
    made = make_design()
    made = make_design(
        blocks={"clinical": made.blocks["blood"] * 0, "blood": made.blocks["blood"]},
        singles={"prevalence": made.blocks["blood"][["CRP"]] * 0 + 1},
    )
    found = run(made, Experiment(modalities=("clinical", "blood"), **QUICK, threshold=rule))
    (note,) = [n["text"] for n in found.notes if "one number for all" in n["text"]]
    assert "(clinical 8 of 8)" in note
    assert f"at the threshold '{rule}' " in note
    assert said in note
    if rule == "prevalence":
        for arm in ("clinical", "prevalence"):
            part = found.predictions[found.predictions["arm"] == arm]
            assert (part["p"] < part["threshold"]).all()
    of_it = [n["text"] for n in found.notes if n["text"].startswith("Arm prevalence") and n["level"] == "note"]
    assert len(of_it) == (rule == "prevalence")
    assert all("it calls nobody. Its accuracy is the share without the outcome" in text for text in of_it)


@pytest.mark.parametrize(("held_out", "apart", "told"), [(3, 0.0, True), (2, 0.0, False), (3, 1e-6, False)])
def test_one_prediction_for_all_is_told_of_three_patients_on(held_out, apart, told):
    place = {"arm": "blood", "repeat": 0, "fold": 0}
    p = 0.4 + apart * np.arange(held_out)
    predictions = pd.DataFrame({**place, "patient": [str(i) for i in range(held_out)], "p": p, "threshold": 0.5})
    choices = pd.DataFrame([{**place, "model": "logistic", "threshold_rule": "half"}])
    assert bool(constant_notes(predictions, choices)) == told


def test_the_prevalence_is_said_to_call_nobody_only_where_it_does():
    place = {"arm": "prevalence", "repeat": 0, "fold": 0}
    predictions = pd.DataFrame({**place, "patient": list("abc"), "p": 0.6, "threshold": 0.5})
    half = pd.DataFrame([{**place, "model": "prevalence", "threshold_rule": "half"}])
    own = half.assign(threshold_rule="prevalence")
    assert not constant_notes(predictions, half)
    assert not constant_notes(predictions, own)
    assert len(constant_notes(predictions.assign(threshold=0.6001), own)) == 1
