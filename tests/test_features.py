"""Designs: what may predict what, and what is refused, by name."""

import dataclasses
import tomllib

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from small_cohort import CLINICAL, TOML, swap, write

import blues.cohort
from blues import pool
from blues.check import InputError
from blues.embed import Embeddings
from blues.features import Design, canary, design, idle, suspicious
from blues.fuse import Experiment
from blues.fuse.notes import encoder_notes, notes_on

LEAKS = {"covid_pneumonia", "pcr_ct"}
OUTCOMES = {"oxygen_therapy", "oxygen_days", "icu", "los_days", "status", "discharged", "death"}
OXYGEN = {"spo2_on_oxygen", "oxygen_litres"}


@pytest.fixture(scope="module")
def cohort(synthetic_cohort):
    return synthetic_cohort


def embedded(cohort, saw=(), without=(), d=4, frames=3, seed=0):
    """Embed without looking: random values, ``frames`` rows a clip."""
    rng = np.random.default_rng(seed)
    kept = cohort.clips[~cohort.clips["patient"].isin(without)].reset_index()
    table = kept[["clip", "patient", "point", "take"]].assign(
        first=np.arange(len(kept)) * frames, frames=frames, total=20, problems=""
    )
    return Embeddings(
        table=table,
        values=rng.normal(size=(len(kept) * frames, d)).astype(np.float32),
        names=tuple(f"f{i}" for i in range(d)),
        encoder={"name": "made", "saw": list(saw)},
        quarantine=pd.DataFrame(columns=["clip", "patient", "path", "reason"]),
    )


class TestRefusals:
    def test_leaks_and_outcomes_never_predict_and_are_listed(self, cohort):
        made = design(cohort, "pcr", ["clinical", "blood"])
        used = {str(c).split("=")[0] for block in made.blocks.values() for c in block.columns}
        assert not used & (LEAKS | OUTCOMES | OXYGEN | {"pcr", "patient_id", "clips_recorded"})
        refused = made.refused.set_index("column")
        assert LEAKS | OUTCOMES | OXYGEN <= set(refused.index)
        assert refused.loc["pcr_ct", "role"] == "leak"
        assert "derived from it" in refused.loc["pcr", "reason"]
        assert (made.refused["reason"].str.len() > 0).all()

    def test_every_column_is_either_used_or_refused_or_the_identifier(self, cohort):
        made = design(cohort, "pcr", ["clinical", "blood"])
        used = {str(c).split("=")[0] for block in made.blocks.values() for c in block.columns}
        assert used | set(made.refused["column"]) | {"patient_id"} == set(cohort.dictionary.columns)
        assert not used & set(made.refused["column"])

    def test_value_known_later_than_the_prediction_is_refused_even_with_a_predictors_role(self, tmp_path):
        late = swap(TOML, 'role = "blood", known = "admission"', 'role = "blood", known = "discharge"')
        small = blues.cohort.read(write(tmp_path, toml=late))
        column = next(n for n, c in small.dictionary.columns.items() if c.role == "blood")
        made = design(small, "pcr", ["clinical"])
        row = made.refused.set_index("column").loc[column]
        assert row["known"] == "discharge"
        assert "after the moment of prediction" in row["reason"]
        refused = rf"'blood' has no column that may predict 'pcr'. Refused: {column}: .* after the moment of prediction"
        with pytest.raises(InputError, match=refused):
            design(small, "pcr", ["blood"])

    def test_a_modality_that_no_column_has_says_where_its_columns_may_lie(self, tmp_path):
        small = blues.cohort.read(write(tmp_path, toml=swap(TOML, 'role = "blood"', 'role = "clinical"')))
        with pytest.raises(InputError, match="No column of the patient table has role = 'blood'.* merged into it"):
            design(small, "pcr", ["blood"])

    def test_treatment_contingent_columns_are_opt_in(self, cohort):
        without = design(cohort, "pcr", ["clinical"])
        allowed = design(cohort, "pcr", ["clinical"], allow=["oxygen"])
        assert set(allowed.blocks["clinical"]) - set(without.blocks["clinical"]) == OXYGEN
        assert not OXYGEN & set(allowed.refused["column"])

    @pytest.mark.parametrize("task", ["icu", "los", "severity"])
    def test_and_never_for_an_endpoint_that_depends_on_the_treatment(self, cohort, task):
        with pytest.raises(InputError, match=r"--allow oxygen.*depends on that treatment itself"):
            design(cohort, task, ["clinical"], allow=["oxygen"])
        assert set(design(cohort, task, ["clinical"]).refused["column"]) >= OXYGEN

    def test_unknown_treatment_task_and_modality_name_the_nearest(self, cohort):
        with pytest.raises(InputError, match="Nearest: 'oxygen'"):
            design(cohort, "pcr", ["clinical"], allow=["oxigen"])
        with pytest.raises(InputError, match="Nearest: 'severity'"):
            design(cohort, "severitie", ["clinical"])
        with pytest.raises(InputError, match="Nearest: 'blood'"):
            design(cohort, "pcr", ["bloods"])

    @pytest.mark.parametrize("task", ["severity", "severity_clip"])
    def test_expert_ratings_do_not_predict_what_is_derived_from_them(self, cohort, task):
        with pytest.raises(InputError, match="derived from expert ratings"):
            design(cohort, task, ["expert"])

    def test_column_equal_to_the_outcome_is_caught_by_its_role_and_by_its_effect(self, tmp_path):
        """Filed as what it is it is refused by name; filed wrongly as a blood test it is found by what it does."""
        rows = [line.split(",") for line in CLINICAL.strip().splitlines()]
        lines = [",".join([*rows[0], "canary"])]
        n = 20
        for i in range(n):
            lines.append(",".join([str(i + 1), str(i % 2), *rows[1 + i % 5][2:], str(5 - i % 2)]))
        entry = '[columns.canary]\nrole = "{}"\nknown = "{}"\nkind = "continuous"\n'

        def made(role, known):
            folder = tmp_path / role
            folder.mkdir()
            toml = TOML + "\n" + entry.format(role, known)
            return design(
                blues.cohort.read(
                    write(folder, toml=toml, clinical="\n".join(lines), ratings="clip,rater,score\n1_R1,a,0\n")
                ),
                "pcr",
                ["blood"],
            )

        named = made("leak", "discharge")
        assert "canary" in set(named.refused["column"])
        assert "canary" not in named.blocks["blood"]
        misfiled = made("blood", "admission")
        assert "canary" in misfiled.blocks["blood"]
        found = suspicious(misfiled)
        assert found.loc[found["column"] == "canary", ["modality", "what", "auroc"]].values.tolist() == [
            ["blood", "value", 1.0]
        ]
        assert "canary" not in set(suspicious(named)["column"])


class TestIdle:
    def test_columns_that_cannot_tell_patients_apart_are_named_and_not_counted(self, rng):
        index = pd.Index([str(i) for i in range(20)], name="row")
        blood = pd.DataFrame({"crp": rng.normal(size=20), "empty": np.nan, "all": 5.0, "some": 5.0}, index)
        blood.loc["3", "some"] = np.nan
        clinical = pd.DataFrame({"again": blood["crp"], "sex=f": 0.0, "sex=m": 1.0}, index)
        image = pd.DataFrame(rng.normal(size=(20, 3)), index).assign(dead=0.0)
        image.iloc[:4] = np.nan
        values = {
            "task": "made",
            "kind": "binary",
            "level": "patient",
            "label": "made",
            "y": pd.Series(np.arange(20) % 2.0, index),
            "patients": pd.Series(index, index),
            "blocks": {"blood": blood, "clinical": clinical, "image": image},
            "refused": pd.DataFrame(columns=["column", "role", "known", "reason"]),
            "dropped": pd.DataFrame(),
        }
        found = idle(Design(**values))
        assert found == {
            "features": 6,
            "blank": ["empty"],
            "constant": ["all", "sex=f", "sex=m", "dead"],
            "copies": [["again", "crp"]],
        }
        assert idle(Design(**values), np.array([5, 6, 7]))["constant"] == ["all", "some", "sex=f", "sex=m", "dead"]


class TestBlocks:
    def test_nominal_becomes_one_column_a_code_of_the_dictionary(self, cohort):
        block = design(cohort, "pcr", ["clinical"]).blocks["clinical"]
        codes = [c for c in block if c.startswith("smoking=")]
        assert codes == ["smoking=never", "smoking=former", "smoking=current"]
        known = cohort.patients.loc[block.index, "smoking"].notna()
        assert (block.loc[known, codes].sum(axis=1) == 1).all()
        former = cohort.patients.loc[block.index, "smoking"] == "former"
        np.testing.assert_array_equal(block["smoking=former"] == 1, former)

    def test_code_that_nobody_has_keeps_its_column(self, cohort):
        few = dataclasses.replace(cohort, patients=cohort.patients[cohort.patients["smoking"] != "current"])
        assert "smoking=current" in design(few, "pcr", ["clinical"]).blocks["clinical"]

    def test_values_are_the_cohorts_own(self, cohort):
        made = design(cohort, "pcr", ["blood"])
        np.testing.assert_array_equal(made.blocks["blood"]["crp"], cohort.patients.loc[made.y.index, "crp"])
        np.testing.assert_array_equal(made.y, cohort.patients.loc[made.y.index, "pcr"])

    def test_patients_without_clips_have_no_images_and_stay(self, cohort):
        absent = list(cohort.patients.index[:3])
        made = design(cohort, "pcr", ["image", "blood"], embeddings=embedded(cohort, without=absent))
        assert len(made.y) == 24
        assert made.has("image").sum() == 21
        assert made.blocks["image"].loc[absent].isna().all(axis=None)
        assert made.has("blood").all()
        told = " ".join(note["text"] for note in notes_on(made, {}, Experiment()))
        assert "3 of 24 patients have no clip that could be used" in told

    def test_clips_that_are_no_lung_ultrasound_are_told_apart_from_damaged_ones(self, cohort):
        embeddings = embedded(cohort)
        table = embeddings.table.copy()
        table.loc[[1, 4], "problems"] = "does not look like lung ultrasound (score 0.12, of 1)"
        table.loc[2, "problems"] = "12 of 20 frames are usable"
        made = design(cohort, "pcr", ["image"], embeddings=dataclasses.replace(embeddings, table=table))
        assert made.facts["strange"] == table.loc[[1, 4], "clip"].tolist()
        assert made.facts["damaged"] == 1
        warned = [note["text"] for note in notes_on(made, {}, Experiment()) if note["level"] == "warning"]
        assert any(
            ", ".join(made.facts["strange"]) in text and text.startswith("2 clips do not look") for text in warned
        )

    def test_image_block_is_the_pooled_embedding(self, cohort):
        embeddings = embedded(cohort)
        made = design(cohort, "pcr", ["image"], embeddings=embeddings, frames="max", points="max", also_points=["mean"])
        expected = pool.patients(embeddings, frames="max", how="max", order=cohort.points)
        np.testing.assert_allclose(made.blocks["image"], expected.loc[made.y.index])
        assert list(made.image_poolings()) == ["max", "mean"]

    def test_images_need_embeddings(self, cohort):
        with pytest.raises(InputError, match="needs embeddings"):
            design(cohort, "pcr", ["image"])

    @pytest.mark.parametrize("name", ["synthetic", "Synthetic"])
    def test_encoder_that_saw_the_cohort_is_refused(self, cohort, name):
        with pytest.raises(InputError, match="'made' was trained on synthetic"):
            design(cohort, "pcr", ["image"], embeddings=embedded(cohort, saw=[name]))
        design(cohort, "pcr", ["image"], embeddings=embedded(cohort, saw=["another"]))

    def test_a_card_that_may_name_the_cohort_or_says_nothing_is_warned_of(self, cohort):
        def told(**card):
            made = embedded(cohort)
            made = dataclasses.replace(made, encoder={"name": "made", **card})
            return [note["text"] for note in encoder_notes(design(cohort, "pcr", ["image"], embeddings=made))]

        assert told(saw=["another"]) == []
        near = f"half of {cohort.name}"
        assert told(saw=[near])[0].startswith(f"The encoder's card says that it saw {near}, and this cohort is called")
        assert told()[0].startswith("The encoder's weights came without a card")

    def test_expert_block_is_mean_and_maximum_of_the_clips(self, cohort):
        made = design(cohort, "pcr", ["expert"])
        patient = made.y.index[0]
        mine = cohort.ratings[(cohort.ratings["patient"] == patient) & (cohort.ratings["item"] == "severity")]
        per_clip = mine.groupby("clip")["rating"].mean()
        assert made.blocks["expert"].loc[patient, "mean severity"] == pytest.approx(per_clip.mean())
        assert made.blocks["expert"].loc[patient, "max severity"] == pytest.approx(per_clip.max())

    def test_clip_level_rows_are_clips_with_their_patients_values(self, cohort):
        made = design(cohort, "severity_clip", ["image", "blood"], embeddings=embedded(cohort))
        assert made.level == "clip"
        assert made.categories == (0, 1, 2, 3)
        assert made.y.index.name == "clip"
        clip = made.y.index[7]
        patient = cohort.clips.loc[clip, "patient"]
        assert made.patients[clip] == patient
        np.testing.assert_array_equal(
            made.blocks["blood"].loc[clip], cohort.patients.loc[patient, made.blocks["blood"].columns]
        )
        senior = cohort.ratings.query("rater == 'senior' and item == 'severity'").set_index("clip")["rating"]
        np.testing.assert_array_equal(made.y, senior[made.y.index])

    def test_rows_without_the_outcome_are_listed(self, cohort):
        made = design(cohort, "los", ["blood"])
        unknown = cohort.patients.index[cohort.patients["los_days"].isna()]
        assert set(made.dropped["patient"]) == set(unknown)
        assert len(made.y) == 24 - len(unknown)
        assert not set(unknown) & set(made.y.index)


class TestSingles:
    def test_rules_are_the_clip_ratings_of_each_patient(self, cohort):
        made = design(cohort, "pcr", ["blood"])
        assert [n for n in made.singles if n.startswith("expert rule")] == [
            "expert rule: mean severity",
            "expert rule: worst severity",
            "expert rule: each clip by severity",
            "expert rule: clips with A-lines",
            "expert rule: each clip by A-lines",
            "expert rule: clips with B-lines",
            "expert rule: each clip by B-lines",
        ]
        b_lines = cohort.ratings[cohort.ratings["item"] == "b_lines"].groupby(["patient", "clip"])["rating"].mean()
        expected = b_lines.groupby("patient").sum()
        found = made.singles["expert rule: clips with B-lines"].iloc[:, 0]
        np.testing.assert_allclose(found, expected[found.index])
        by_clip = made.singles["expert rule: each clip by B-lines"]
        np.testing.assert_allclose(by_clip.sum(axis=1), expected[by_clip.index])
        assert (by_clip.notna().sum(axis=1) == b_lines.groupby("patient").size()[by_clip.index]).all()

    @pytest.mark.parametrize(
        ("task", "why"), [("severity", "itself derived"), ("los", "los is continuous"), ("severity_clip", "derived")]
    )
    def test_where_there_are_none_the_reason_is_kept(self, cohort, task, why):
        made = design(cohort, task, ["blood"])
        assert not any(name.startswith("expert rule") for name in made.singles)
        assert why in made.facts["no_rules"]

    def test_baseline_by_name_or_label_in_any_case(self, cohort):
        made = design(cohort, "pcr", ["blood"], baseline=["CRP", "ldh"])
        assert "baseline: CRP, LDH" in made.singles
        assert list(made.singles["baseline: CRP, LDH"]) == ["crp", "ldh"]

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            (["pcr_ct"], "may not predict 'pcr': its role is leak"),
            (["oxygen_litres"], "only if you opt in"),
            (["crpp"], "Nearest: 'crp'"),
            (["smoking"], "nominal"),
            (["crp", "ldh", "age", "bmi"], "1 to 3"),
        ],
    )
    def test_baseline_that_cannot_be_is_refused(self, cohort, names, message):
        with pytest.raises(InputError, match=message):
            design(cohort, "pcr", ["blood"], baseline=names)

    def test_baseline_on_oxygen_after_opting_in(self, cohort):
        made = design(cohort, "pcr", ["blood"], baseline=["oxygen_litres"], allow=["oxygen"])
        assert "baseline: oxygen_litres" in made.singles


class TestDesign:
    def make(self, **changes):
        index = pd.Index(["1", "2", "3", "4"], name="patient")
        values = {
            "task": "t",
            "kind": "binary",
            "level": "patient",
            "label": "T",
            "y": pd.Series([0.0, 1, 0, 1], index),
            "patients": pd.Series(index, index),
            "blocks": {name: pd.DataFrame({"x": [1.0, 2, 3, 4]}, index) for name in ("image", "clinical", "blood")},
            "refused": pd.DataFrame(),
            "dropped": pd.DataFrame(),
        }
        return Design(**(values | changes))

    def test_ids_outcomes_and_columns_that_cannot_be_used_are_refused_by_name(self):
        whole = self.make()
        twice = pd.Index(["1", "2", "3", "1"])
        blocks = {name: block.set_axis(twice) for name, block in whole.blocks.items()}
        with pytest.raises(InputError, match="row 1 of the outcome stands twice"):
            self.make(y=whole.y.set_axis(twice), patients=whole.patients.set_axis(twice), blocks=blocks)
        with pytest.raises(InputError, match=r"value '0': target 't' is text or labels.*y.astype\(float\)"):
            self.make(y=whole.y.astype(int).astype(str))
        for kind in ("object", "string", "category"):
            sex = pd.Series(list("mfmf"), whole.y.index, dtype=kind)
            with pytest.raises(InputError, match="value 'm': 'sex' of modality 'blood' is no column of numbers"):
                self.make(blocks={**whole.blocks, "blood": whole.blocks["blood"].assign(sex=sex)})
        for y in (whole.y.astype(bool), whole.y.astype("Int64"), whole.y.astype(object)):
            assert self.make(y=y).y.sum() == 2

    def test_patients_twice_or_by_numbers_are_told_as_that(self, cohort):
        patients = cohort.patients
        with pytest.raises(InputError, match="patient 1 stands twice in cohort.patients"):
            design(dataclasses.replace(cohort, patients=pd.concat([patients, patients.head(1)])), "pcr", ["blood"])
        numbered = dataclasses.replace(cohort, patients=patients.set_axis(patients.index.astype(int)))
        with pytest.raises(InputError, match=r"by int64, such as 1, and cohort.clips by text.*astype\(str\)"):
            design(numbered, "pcr", ["image", "blood"], embeddings=embedded(cohort))

    def test_arms_are_all_combinations_singles_first(self):
        arms = ["+".join(arm) for arm in self.make().arms]
        assert arms == [
            "image",
            "clinical",
            "blood",
            "image+clinical",
            "image+blood",
            "clinical+blood",
            "image+clinical+blood",
        ]

    def test_rows_that_do_not_match_are_refused(self):
        shuffled = pd.DataFrame({"x": [1.0, 2, 3, 4]}, pd.Index(["2", "1", "3", "4"], name="patient"))
        with pytest.raises(InputError, match="rows of 'blood'"):
            self.make(blocks={"blood": shuffled})
        with pytest.raises(InputError, match="rows of 'rule'"):
            self.make(singles={"rule": shuffled})

    def test_outcome_of_one_class_is_refused(self):
        with pytest.raises(InputError, match="one class"):
            self.make(y=pd.Series([1.0] * 4, pd.Index(["1", "2", "3", "4"], name="patient")))

    @pytest.mark.parametrize("column", ["value", "missingness"])
    def test_suspicious_names_the_column_and_how_it_tells(self, column, rng):
        index = pd.Index([str(i) for i in range(30)], name="patient")
        y = pd.Series(np.tile([0.0, 1.0], 15), index)
        leak = {"value": 7 - y, "missingness": pd.Series(rng.normal(size=30), index).where(y == 0)}[column]
        blood = pd.DataFrame({"CRP": rng.normal(size=30), "oddly good": leak}, index)
        made = self.make(y=y, patients=pd.Series(index, index), blocks={"blood": blood})
        assert suspicious(made)[["column", "what"]].values.tolist() == [["oddly good", column]]

    @pytest.mark.parametrize("kind", ["binary", "ordinal", "continuous"])
    def test_suspicious_sees_copies_and_near_copies_of_every_kind_of_outcome(self, kind, rng):
        index = pd.Index([str(i) for i in range(60)], name="patient")
        drawn = {"binary": np.arange(60) % 2, "ordinal": np.arange(60) % 4, "continuous": rng.gamma(2, 5, 60)}[kind]
        y = pd.Series(drawn.astype(float), index)
        near = y.copy()
        near.iloc[[3, 10]] = [1 - y.iloc[3], 1 - y.iloc[10]] if kind == "binary" else y.iloc[[10, 3]].to_numpy()
        half = y + 3 * y.std() * rng.normal(size=60)
        blood = pd.DataFrame({"copy": np.exp(y / 10), "near": -near, "half": half}, index)
        singles = {"baseline: x": pd.DataFrame({"x": y}, index), "expert rule: r": pd.DataFrame({"r": y}, index)}
        made = self.make(y=y, kind=kind, patients=pd.Series(index, index), blocks={"blood": blood}, singles=singles)
        found = suspicious(made)
        assert found[["modality", "column"]].values.tolist() == [
            ["blood", "copy"],
            ["blood", "near"],
            ["baseline: x", "x"],
        ]
        assert found["auroc"].iloc[0] == pytest.approx(1)
        assert 0.96 <= found["auroc"].iloc[1] < 1

    def test_suspicious_is_not_taken_in_by_chance(self, rng):
        """Of noise in hundreds of columns some are high where events are few, or where a patient has several rows."""
        index = pd.Index([str(i) for i in range(60)], name="row")
        noise = pd.DataFrame(rng.normal(size=(60, 384)), index, columns=[f"c{i}" for i in range(384)])
        y = pd.Series(np.r_[1.0, 1.0, np.zeros(58)], index)
        owners = pd.Series(np.repeat([str(i) for i in range(10)], 6), index)
        few = suspicious(self.make(y=y, patients=pd.Series(index, index), blocks={"blood": noise}))
        assert (few["auroc"] >= 0.98).all()
        by_patient = pd.DataFrame(noise.to_numpy()[:10].repeat(6, axis=0), index, columns=noise.columns)
        half = pd.Series(np.repeat(np.arange(10) % 2.0, 6), index)
        several = suspicious(self.make(y=half, patients=owners, blocks={"blood": by_patient}))
        assert (several["auroc"] >= 0.98).all()

    @pytest.mark.parametrize("clips", [1, 3])
    def test_codes_of_a_nominal_column_are_judged_together(self, rng, clips):
        """Three codes of the event and three of none: no code alone tells it. Many codes of noise tell nothing by chance."""
        index = pd.Index([str(i) for i in range(60 * clips)], name="row")
        y = np.repeat(rng.permutation(np.arange(60) % 2), clips)
        told = np.repeat(rng.integers(0, 3, 60), clips) + 3 * y
        noise = np.repeat(rng.integers(0, 40, 60), clips)

        def spread(name, codes):
            return pd.get_dummies(
                pd.Series(codes, index).map("{:02d}".format), prefix=name, prefix_sep="=", dtype=float
            )

        block = pd.concat(
            [spread("told", told), spread("noise", noise), spread("id", np.arange(60).repeat(clips))], axis=1
        )
        owners = pd.Series(np.repeat([str(i) for i in range(60)], clips), index)
        found = suspicious(self.make(y=pd.Series(y * 1.0, index), patients=owners, blocks={"clinical": block}))
        assert found[["modality", "column", "what"]].values.tolist() == [["clinical", "told", "value"]]
        assert found["auroc"].item() == 1

    def test_a_copy_with_some_cells_changed_is_listed_whether_its_codes_are_words_or_not(self, rng):
        index = pd.Index([str(i) for i in range(100)], name="row")
        y = rng.permutation(np.arange(100) % 2)
        copy = y.copy()
        copy[rng.choice(100, 3, replace=False)] ^= 1
        words = pd.get_dummies(
            pd.Series(copy, index).map({0: "home", 1: "icu"}), prefix="ward", prefix_sep="=", dtype=float
        )
        block = words.assign(number=copy * 1.0)
        owners = pd.Series(index, index)
        found = suspicious(self.make(y=pd.Series(y * 1.0, index), patients=owners, blocks={"clinical": block}))
        assert found["column"].tolist() == ["ward", "number"]
        assert found["auroc"].nunique() == 1

    def test_concordance_of_a_yes_or_no_is_its_auroc(self, rng):
        y, x = np.arange(50) % 2 * 1.0, np.round(rng.normal(size=50), 1)
        assert canary._concordance(y, x) == pytest.approx(roc_auc_score(y, x))
        grades = np.arange(50) % 3
        ahead = np.subtract.outer(grades, grades) > 0
        wins = (np.sign(np.subtract.outer(x, x)) + 1) / 2
        assert canary._concordance(grades, x) == pytest.approx(wins[ahead].mean())


def test_example_dictionary_of_the_docs_is_what_these_tests_change():
    assert tomllib.loads(TOML)["targets"]["pcr"]
