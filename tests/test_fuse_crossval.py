"""The cross-validation of arms on designs made in memory."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from blues import check, evaluate
from blues.features import Design, suspicious
from blues.fuse import Arm, Experiment, arms_of, out_of_fold, run
from blues.models import FUSIONS, Candidate

QUICK = {"model": ("logistic",), "folds": 4, "repeats": 3, "draws": 200, "jobs": 1, "null": 0}


def make_design(patients=48, signal=1.5, seed=0, kind="binary", **blocks):
    rng = np.random.default_rng(seed)
    ids = pd.Index([str(i) for i in range(1, patients + 1)], name="patient")
    hidden = rng.normal(size=patients)
    y = {
        "binary": (hidden > 0).astype(float),
        "continuous": hidden,
        "ordinal": np.digitize(hidden, [-0.7, 0, 0.7]) * 1.0,
    }
    noise = pd.DataFrame(rng.normal(size=(patients, 3)), index=ids, columns=["a", "b", "c"])
    found = {
        "image": noise.copy(),
        "blood": noise.assign(CRP=signal * hidden + rng.normal(size=patients)),
    }
    found.update(blocks)
    return Design(
        task="pcr",
        kind=kind,
        level="patient",
        label="PCR",
        y=pd.Series(y[kind], index=ids, name="pcr"),
        patients=pd.Series(ids, index=ids, name="patient"),
        blocks={k: v.set_axis(ids) for k, v in found.items()},
        refused=pd.DataFrame(columns=["column", "role", "known", "reason"]),
        dropped=pd.DataFrame(columns=["row", "patient", "reason"]),
        cohort="made",
    )


def _folds(design, folds=4, repeats=2):
    return list(evaluate.patient_folds(design.y, design.patients, folds, repeats, seed=0))


def _arm(*modalities, model="logistic"):
    return Arm("+".join(modalities), modalities, (Candidate(model),))


def test_every_patient_is_held_out_once_a_repeat_in_every_arm_on_identical_folds():
    design = make_design()
    arms = [_arm("image"), _arm("image", "blood")]
    table, _ = out_of_fold(design, arms, _folds(design))
    assert (table.groupby(["arm", "repeat"])["patient"].nunique() == 48).all()
    assert not table.duplicated(["arm", "repeat", "patient"]).any()
    sides = [part.set_index(["repeat", "patient"])["fold"] for _, part in table.groupby("arm")]
    pd.testing.assert_series_equal(sides[0].sort_index(), sides[1].sort_index())


def test_held_out_outcomes_do_not_reach_their_own_predictions():
    """Flipping one patient's outcome may change every prediction but the ones made while that patient was held out."""
    design = make_design()
    folds = _folds(design, repeats=1)
    arms = [_arm("blood")]
    before = out_of_fold(design, arms, folds)[0].set_index("patient")
    y = design.y.to_numpy().copy()
    y[7] = 1 - y[7]
    after = out_of_fold(design.with_outcome(y), arms, folds)[0].set_index("patient")
    held_with_7 = before.index[before["fold"] == before.loc["8", "fold"]]
    others = before.index.difference(held_with_7)
    np.testing.assert_array_equal(before.loc[held_with_7, "p"], after.loc[held_with_7, "p"])
    assert (before.loc[others, "p"] != after.loc[others, "p"]).all()


def test_workers_do_not_change_a_number():
    design = make_design()
    arms = [_arm("blood", model="forest")]
    folds = _folds(design, repeats=1)
    pd.testing.assert_frame_equal(out_of_fold(design, arms, folds)[0], out_of_fold(design, arms, folds, jobs=2)[0])


def test_patient_without_a_modality_is_left_to_the_arms_that_can_predict():
    design = make_design()
    blood = design.blocks["blood"].copy()
    blood.iloc[:5] = np.nan
    design = make_design(blood=blood)
    found = run(design, Experiment(modalities=("image", "blood"), **QUICK))
    used = found.design["patients_by_arm"]
    assert used == {"image": 48, "blood": 43, "image+blood": 48}
    assert any("could use 43 of 48" in note["text"] for note in found.notes)


WAYS = [(f"{model}/{fusion}", "binary") for model in ("logistic", "svm", "xgboost") for fusion in FUSIONS]
WAYS += [(f"logistic/{fusion}", kind) for fusion in FUSIONS for kind in ("continuous", "ordinal")]
WAYS += [(way, "binary") for way in ("forest/early", "logistic/early/pca2", "logistic/stack/pca2", "attention")]


@pytest.mark.parametrize(("way", "kind"), WAYS)
def test_patient_without_blood_is_predicted_from_images_by_every_model_and_fusion(way, kind):
    design = make_design(kind=kind)
    image = design.blocks["image"].assign(a=2 * design.y + np.random.default_rng(2).normal(size=48))
    blood = design.blocks["blood"].copy()
    blood.iloc[:12] = np.nan
    design = make_design(kind=kind, image=image, blood=blood)
    pooled = Candidate("attention")  # the pooled points are one token here
    arms = arms_of(design, {"": [pooled if way == "attention" else Candidate.parse(way, Candidate("forest"))]})
    table, _ = out_of_fold(design, arms, _folds(design, folds=3, repeats=1))
    without = set(design.y.index[:12])
    by_arm = {arm: part.set_index("patient")["p"] for arm, part in table.groupby("arm")}
    assert set(by_arm["blood"].index) == set(design.y.index) - without
    for arm in ("image", "image+blood"):
        assert set(by_arm[arm].index) == set(design.y.index)
        assert np.isfinite(by_arm[arm]).all()
    assert by_arm["image+blood"][sorted(without)].nunique() > 6


@pytest.mark.parametrize("kind", ["binary", "continuous", "ordinal"])
def test_run_scores_every_arm_with_intervals_and_compares_with_the_best_without_images(kind):
    design = make_design(kind=kind)
    found = run(design, Experiment(modalities=("image", "blood"), **QUICK))
    assert list(dict.fromkeys(found.scores["arm"])) == ["image", "blood", "image+blood"]
    main = found.scores[found.scores["metric"] == {"binary": "auroc"}.get(kind, "mae")].drop_duplicates("arm")
    assert (main["low"] <= main["value"]).all()
    assert (main["value"] <= main["high"]).all()
    assert set(found.comparisons["arm"]) == {"image", "image+blood"}
    assert set(found.comparisons["reference"]) == {"blood"}


def test_images_are_compared_with_each_arm_without_them_beside_the_reference():
    three = make_design(signal=3.0)
    three = dataclasses.replace(three, blocks={**three.blocks, "clinical": three.blocks["blood"].add_prefix("c")})
    table = run(three, Experiment(modalities=("image", "clinical", "blood"), **QUICK)).comparisons
    main = table["reference"].iloc[0]
    pairs = set(map(tuple, table[["arm", "reference"]].to_numpy()))
    assert {(f"image+{arm}", arm) for arm in ("clinical", "blood", "blood+clinical")} <= pairs
    assert {arm for arm, reference in pairs if reference == main} == {arm for arm, _ in pairs} - {main}
    family = table[(table["reference"] != main) & (table["test"] == "DeLong")]
    np.testing.assert_allclose(family["p_holm"], evaluate.holm(family["p_value"].to_numpy()))


def test_planted_signal_is_found_where_it_was_planted():
    found = run(make_design(signal=3.0), Experiment(modalities=("image", "blood"), **QUICK))
    auroc = found.scores[found.scores["metric"] == "auroc"].drop_duplicates("arm").set_index("arm")
    assert auroc.loc["blood", "value"] > 0.9
    assert auroc.loc["image", "low"] < 0.5 < auroc.loc["image", "high"] + 0.1
    gain = found.comparisons[(found.comparisons["metric"] == "auroc") & (found.comparisons["arm"] == "image")].iloc[0]
    assert gain["difference"] < 0
    assert gain["high"] < 0


def test_same_experiment_same_numbers_and_the_folder_reads_back(tmp_path):
    design, experiment = make_design(), Experiment(modalities=("image", "blood"), **QUICK)
    first, second = run(design, experiment), run(design, experiment)
    pd.testing.assert_frame_equal(first.predictions, second.predictions)
    pd.testing.assert_frame_equal(first.scores, second.scores)
    back = type(first).load(first.save(tmp_path / "run"))
    pd.testing.assert_frame_equal(back.predictions, first.predictions)
    pd.testing.assert_frame_equal(back.scores, first.scores, check_dtype=False)
    assert back.experiment == Experiment(cohort="made", modalities=("image", "blood"), **(QUICK | {"jobs": 2}))
    assert list(back.notes) == list(first.notes)


def test_a_run_read_back_is_saved_byte_by_byte_as_it_was(tmp_path):
    made = make_design(kind="continuous")
    made = dataclasses.replace(made, y=made.y * np.pi)
    found = run(made, Experiment(modalities=("image", "blood"), **QUICK))
    folder = found.save(tmp_path / "run")
    again = type(found).load(folder).save(tmp_path / "again")
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    assert {"scores.csv", "comparisons.csv", "choices.csv"} <= set(names)
    assert [name for name in names if (folder / name).read_bytes() != (again / name).read_bytes()] == []


def test_null_shuffles_the_whole_pipeline():
    found = run(
        make_design(signal=3.0),
        Experiment(modalities=("image", "blood"), **(QUICK | {"null": 19, "model": ("plain-logistic",)})),
    )
    rows = found.comparisons[found.comparisons["reference"] == "shuffled outcome"].set_index("arm")
    assert rows.loc["blood", "p_value"] == pytest.approx(0.05)
    assert rows.loc["image", "p_value"] > 0.05
    drawn = found.null[found.null["arm"] == "blood"]["value"]
    assert abs(drawn.mean() - 0.5) < 0.1


def test_column_equal_to_the_outcome_raises_a_warning_with_its_name():
    design = make_design()
    blood = design.blocks["blood"].assign(discharge_code=1 - design.y.to_numpy())
    found = run(make_design(blood=blood), Experiment(modalities=("image", "blood"), **QUICK))
    warnings = [note["text"] for note in found.notes if note["level"] == "warning"]
    assert any("'discharge_code'" in text and "AUROC 1.000" in text for text in warnings)
    assert suspicious(design).empty


def test_pattern_of_missing_values_can_be_the_leak():
    design = make_design()
    crp = design.blocks["blood"]["CRP"].where(design.y == 1)
    leaks = suspicious(make_design(blood=design.blocks["blood"].assign(ct=crp)))
    assert leaks[["column", "what"]].to_numpy().tolist() == [["ct", "missingness"]]


def test_fewer_patients_of_a_class_than_folds_is_said():
    design = make_design()
    y = np.zeros(48)
    y[:3] = 1
    with pytest.raises(check.InputError, match="3"):
        run(design.with_outcome(y), Experiment(modalities=("image", "blood"), **QUICK))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"model": ("forrest",)}, "Nearest: 'forest'"),
        ({"modalities": ()}, "--modalities is empty"),
        ({"modalities": ("blood", "blood")}, "twice"),
        ({"folds": 1}, "--folds is 1.*2 or more"),
        ({"points": "median"}, "--points"),
    ],
)
def test_bad_settings_are_refused_by_name(setting, message):
    with pytest.raises(check.InputError, match=message):
        Experiment(**setting)


def test_several_models_make_arms_of_their_own():
    found = run(
        make_design(), Experiment(modalities=("image", "blood"), **(QUICK | {"model": ("logistic", "xgboost")}))
    )
    assert "blood [logistic]" in set(found.scores["arm"])
    assert "image+blood [xgboost]" in set(found.scores["arm"])


def test_a_run_saved_over_another_leaves_nothing_that_tells_of_the_other(tmp_path):
    found = run(make_design(), Experiment(modalities=("image", "blood"), **QUICK))
    folder = found.save(tmp_path / "run")
    mine = tmp_path / "run" / "notes of mine.txt"
    mine.write_text("kept")
    for name in (
        "agreement/contents.json",
        "patients/P01.html",
        "tables/arms.csv",
        "figures/roc.svg",
        "report.html",
        "stay/a.csv",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("of the former run")
    found.save(folder)
    left = {path.name for path in folder.rglob("*") if path.is_file() and path.read_bytes() == b"of the former run"}
    assert not left
    assert mine.read_text() == "kept"
