"""A run from Python records what was done, whatever the experiment leaves unsaid."""

import dataclasses
import shutil

import numpy as np
import pytest
import small_run
from made_design import make_design
from small_run import QUICK

from blues import datasets, embed, features, fuse, report
from blues.check import InputError
from blues.fuse.settled import read_from


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return small_run.cohort(tmp_path_factory, patients=30)


@pytest.fixture(scope="module")
def design(cohort):
    seen = embed.embed(cohort, encoder="frame-stats", workers=1)
    return features.design(
        cohort, "pcr", ("image", "blood"), embeddings=seen, frames="max", image_features="artefacts", baseline=("crp",)
    )


def test_what_the_experiment_leaves_open_is_the_designs(design):
    run = fuse.run(dataclasses.replace(design, cohort="Elsewhere"), fuse.Experiment(**QUICK))
    told = run.experiment
    assert (told.cohort, told.encoder, told.frames, told.image_features) == (
        "Elsewhere",
        "frame-stats",
        "max",
        "artefacts",
    )
    assert (told.modalities, told.baseline) == (("image", "blood"), ("crp",))
    assert 'cohort = "Elsewhere"' in told.to_toml()
    page = report.render(report.summarize(run))
    assert "frame-stats" in page
    assert "blues-lus" not in page
    assert "pooled to clips by the maximum" in page


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"modalities": ("clinical",)},
            r"modalities=\('clinical',\), and the design was made with \('image', 'blood'\)",
        ),
        ({"modalities": ("image",)}, r"modalities=\('image',\)"),
        ({"modalities": ("image", "blood", "expert")}, "modalities="),
        ({"task": "severity"}, "task='severity', and the design was made with 'pcr'"),
        ({"frames": "sd"}, "frames='sd', and the design was made with 'max'"),
        ({"baseline": ("ldh",)}, "baseline="),
        ({"allow": ("oxygen",)}, "allow="),
    ],
)
def test_what_contradicts_the_design_is_refused(design, given, message):
    with pytest.raises(InputError, match=message):
        fuse.run(design, fuse.Experiment(**QUICK | given))


def test_the_command_and_python_say_the_same_of_themselves(cohort):
    asked = fuse.Experiment(cohort=str(cohort.folder), modalities=("blood",), baseline=("crp",), **QUICK)
    _, made = fuse.prepare(asked)
    assert fuse.run(made, asked).experiment == asked


def test_modalities_in_another_order_are_the_same(design):
    told = fuse.run(design, fuse.Experiment(**QUICK | {"modalities": ("blood", "image")})).experiment
    assert told.modalities == ("image", "blood")


def test_a_design_made_by_hand_is_not_said_to_come_from_an_encoder_or_a_dictionary():
    page = report.render(report.summarize(fuse.run(make_design(), fuse.Experiment(**QUICK))))
    assert "Image features were taken as they were given" in page
    assert "no dictionary says when each is known" in page
    assert "blues-lus" not in page
    assert "were refused" not in page
    assert "Frames were pooled" not in page


def test_subgroups_from_python_are_computed_or_refused(cohort, design):
    asked = fuse.Experiment(subgroups=("sex",), **QUICK)
    with pytest.raises(InputError, match=r"names subgroups, sex.*groups_of\(cohort"):
        fuse.run(design, asked)
    with pytest.raises(InputError, match=r"groups\['sex'\] is ndarray.*index is the patients"):
        fuse.run(design, asked, groups={"sex": np.array(["f", "m"] * 15)})
    run = fuse.run(design, asked, groups=fuse.groups_of(cohort, "pcr", asked.subgroups))
    assert set(run.subgroups["by"]) == {cohort.dictionary.label("sex")}
    assert run.subgroups["patients"].sum() == len(np.unique(design.patients))


@pytest.mark.parametrize(
    ("name", "wrong", "nearest"),
    [
        ("fusion", "erly", "early"),
        ("finetune", "label", "labels"),
        ("calibrate", "plat", "platt"),
        ("threshold", "yuden", "youden"),
        ("image_features", "artefact", "artefacts"),
    ],
)
def test_a_word_that_a_setting_does_not_take_is_refused(name, wrong, nearest):
    with pytest.raises(InputError, match=rf"--{name.replace('_', '-')} is '{wrong}'.*Nearest: '{nearest}'") as refused:
        fuse.Experiment(**{name: wrong})
    assert "apparent" not in str(refused.value)


@pytest.mark.parametrize("name", ["model", "modalities", "explain", "subgroups", "baseline", "allow", "select"])
def test_one_name_is_not_taken_for_its_letters(name):
    with pytest.raises(InputError, match=rf"{name} is the text 'xgboost'. Write {name}=\('xgboost',\)"):
        fuse.Experiment(**{name: "xgboost"})
    assert fuse.Experiment(model=["xgboost"]).model == ("xgboost",)


@pytest.mark.parametrize(
    ("given", "what"),
    [({"repeats": "2"}, "a whole number"), ({"seed": 1.5}, "a whole number"), ({"margin": "x"}, "a number")],
)
def test_numbers_are_numbers(given, what):
    with pytest.raises(InputError, match=f"which is not {what}"):
        fuse.Experiment(**given)
    assert fuse.Experiment(repeats=np.int64(2)).repeats == 2


def test_another_encoder_than_the_designs_is_refused(design):
    with pytest.raises(InputError, match="encoder='random-cnn', and the design was made with 'frame-stats'"):
        fuse.run(design, fuse.Experiment(encoder="random-cnn", **QUICK))


def test_what_a_design_without_images_was_given_is_not_recorded(cohort):
    seen = embed.embed(cohort, encoder="frame-stats", workers=1)
    made = features.design(cohort, "pcr", ("blood",), embeddings=seen)
    told = fuse.run(made, fuse.Experiment(**QUICK)).experiment
    told.refuse_idle()
    assert told.encoder == "blues-lus"


@pytest.mark.parametrize("points", ["max", "concat"])
def test_points_are_pooled_as_the_design_has_them(cohort, points):
    seen = embed.embed(cohort, encoder="frame-stats", workers=1)
    made = features.design(cohort, "pcr", ("image", "blood"), embeddings=seen, points=points)
    assert fuse.run(made, fuse.Experiment(**QUICK)).experiment.points == points


def test_a_transfer_from_python_has_its_subgroups_and_its_cohorts(cohort):
    made = features.design(cohort, "pcr", ("blood",))
    other = datasets.synthetic(cohort.folder.parent / "other", patients=24, frames=8, size=64, seed=6)
    pair = (cohort, made), (other, features.design(other, "pcr", ("blood",)))
    asked = fuse.Experiment(subgroups=("sex",), **QUICK)
    with pytest.raises(InputError, match="names subgroups, sex"):
        fuse.transfer(*pair, asked)
    run = fuse.transfer(*pair, asked, groups=fuse.groups_of(other, "pcr", asked.subgroups))
    assert (run.experiment.train, run.experiment.test) == ("synthetic", "synthetic")
    told = " ".join(report.summarize(run)["answer"]["sentences"])
    assert "patients of synthetic (cohort) and tested once on 24 of synthetic (other)" in told
    assert not len(run.subgroups), "no arm is the reference with images"


def test_numpy_numbers_are_saved(design, tmp_path):
    run = fuse.run(design, fuse.Experiment(**QUICK | {"repeats": np.int64(1), "margin": np.float32(0.25)}))
    assert type(run).load(run.save(tmp_path / "run")).experiment.margin == 0.25


def test_a_run_records_its_dictionary_and_tells_where_it_is_another(cohort, design, tmp_path, capsys):
    place = tmp_path / "there"
    shutil.copytree(cohort.folder, place)
    asked = ["--modalities", "blood", "--model", "plain-logistic", "--repeats", "1", "--folds", "3", "--draws", "100"]
    asked += ["--null", "0", "--explain", "none", "--jobs", "1"]
    runs = [tmp_path / name for name in ("first", "same", "other")]
    assert fuse.main([str(place), *asked, "--out", str(runs[0])]) == 0
    first_line = (runs[0] / "experiment.toml").read_text(encoding="utf-8").splitlines()[0]
    assert first_line.startswith("# repeat with, from the folder in which this was run: python -m blues.fuse --from ")
    toml = (place / "cohort.toml").read_text(encoding="utf-8")
    (place / "cohort.toml").write_text(f"# a comment changes nothing\n{toml}", encoding="utf-8")
    again = ["--from", str(runs[0] / "experiment.toml"), "--out"]
    assert fuse.main([*again, str(runs[1])]) == 0
    assert "changed since" not in capsys.readouterr().err
    (place / "cohort.toml").write_text(toml.replace('role = "blood"', 'role = "clinical"', 1), encoding="utf-8")
    assert fuse.main([*again, str(runs[2])]) == 0
    assert "is not as that run read it: dictionary changed since" in capsys.readouterr().err
    first, same, other = (fuse.Run.load(folder) for folder in runs)
    settings = [report.compare(first, b)["tables"]["settings"]["rows"] for b in (same, other)]
    assert [["dictionary" in {row[0] for row in rows}] for rows in settings] == [[False], [True]]
    assert set(read_from(design.facts)) == {"data: clinical.csv", "data: ratings.csv", "dictionary", "clips"}
    report.render(report.summarize(dataclasses.replace(first, provenance={})))
