"""Fine-tuning inside the folds: what is held out shapes nothing, and arms without images do not notice."""

import dataclasses

import benchmark
import numpy as np
import pandas as pd
import pytest
import torch

from blues import check, cohort, datasets, embed, encoders, evaluate, features, fuse
from blues.encoders import lus
from blues.fuse import crossval
from blues.fuse.finetune import _labels, _untaught
from blues.fuse.notes import _tuned_notes
from blues.pretrain import folds as training
from blues.pretrain.real import LabelledClips, misfits

FLAGS = {"modalities": ("image", "blood"), "model": ("logistic",), "repeats": 1, "folds": 4, "draws": 100, "jobs": 1}
FEW = training.FoldTraining(steps=3, batch=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("made") / "cohort"
    datasets.synthetic(place, patients=16, frames=8, size=64, seed=3)
    return place


@pytest.fixture(autouse=True)
def quick(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(training, "USUAL", FEW)
    monkeypatch.setenv("BLUES_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def asked(folder, **changes):
    return fuse.Experiment(**(FLAGS | {"cohort": str(folder), "null": 0, "explain": ("none",)} | changes))


def ready(folder, **changes):
    experiment = asked(folder, **changes)
    known, design = fuse.prepare(experiment)
    return (*fuse.tuning(known, design, experiment), experiment)


def matrices(design, tuning, folds, y=None):
    X, layout = crossval._matrix(design)
    y = design.y.to_numpy() if y is None else y
    return X, layout, tuning.matrices(X, layout, y, folds)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["labels", "target"])
def test_held_out_clips_and_labels_do_not_shape_the_encoder(folder, kind):
    """Another outcome, other ratings and other pictures of the held-out patients leave everybody else's values as they were."""
    design, tuning, _ = ready(folder, finetune=kind)
    fold = next(iter(evaluate.patient_folds(design.y, design.patients, 4, 1, 0)))
    _, _, train, test = fold
    X, layout, (first,) = matrices(design, tuning, [fold])
    image = layout.columns["image/mean"]
    assert not np.allclose(first[train][:, image], X[train][:, image])
    others = np.setdiff1d(np.arange(X.shape[1]), image)
    assert np.array_equal(first[:, others], X[:, others], equal_nan=True)

    held = np.isin(tuning.owner, test)
    in_held = np.repeat(held, tuning.embeddings.table["frames"].to_numpy())
    pictures = np.where(in_held[:, None, None], 255 - tuning.frames, tuning.frames)
    labels = None if tuning.labels is None else np.where(held[:, None], 1 - tuning.labels, tuning.labels)
    y = np.where(np.isin(np.arange(len(design.y)), test), 1 - design.y.to_numpy(), design.y.to_numpy())
    planted = dataclasses.replace(tuning, frames=pictures, labels=labels)
    (second,) = matrices(design, planted, [fold], y)[2]
    assert np.array_equal(first[train], second[train], equal_nan=True)
    assert not np.allclose(first[test][:, image], second[test][:, image])

    learned = np.isin(tuning.owner, train)
    if kind == "labels":
        other = np.where(learned[:, None], 1 - tuning.labels, tuning.labels)
        (third,) = matrices(design, dataclasses.replace(tuning, labels=other), [fold])[2]
    else:
        (third,) = matrices(design, tuning, [fold], 1 - design.y.to_numpy())[2]
    assert not np.array_equal(first[train][:, image], third[train][:, image])


@pytest.mark.slow
def test_run_repeats_to_the_bit_and_leaves_other_arms_alone(folder):
    plain = fuse.run(fuse.prepare(asked(folder, folds=2))[1], asked(folder, folds=2))
    runs = []
    for _ in range(2):
        design, tuning, experiment = ready(folder, finetune="target", folds=2, null=1)
        runs.append(fuse.run(design, experiment, tuning=tuning))
    first, second = runs
    pd.testing.assert_frame_equal(first.predictions, second.predictions, check_exact=True)
    pd.testing.assert_frame_equal(first.null, second.null, check_exact=True)

    def of(run, arm):
        return run.predictions.loc[run.predictions["arm"] == arm, "p"].to_numpy()

    assert np.array_equal(of(plain, "blood"), of(first, "blood"))
    assert not np.array_equal(of(plain, "image"), of(first, "image"))
    assert any(
        "In every training fold the encoder was trained on from blues-lus" in note["text"] for note in first.notes
    )
    assert not any("trained on from" in note["text"] for note in plain.notes)
    warned = [note for note in first.notes if "those of its inner folds too" in note["text"]]
    assert [note["level"] for note in warned] == ["warning"]


@pytest.mark.slow
def test_processes_do_not_change_a_number(folder, monkeypatch):
    monkeypatch.setattr(training, "USUAL", training.FoldTraining(steps=1, batch=4))
    design, tuning, _ = ready(folder, finetune="labels")
    split = list(evaluate.patient_folds(design.y, design.patients, 4, 1, 0))[:2]
    one = matrices(design, tuning, split)[2]
    two = matrices(design, dataclasses.replace(tuning, jobs=2), split)[2]
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a, b, equal_nan=True)


@pytest.mark.slow
def test_ordinal_clip_target_is_learned_clip_by_clip(folder):
    design, tuning, _ = ready(folder, task="severity_clip", finetune="target", modalities=("image",))
    assert design.level == "clip"
    targets = tuning._target(design.y.to_numpy(), np.arange(len(design.y)))
    known = tuning.owner >= 0
    expected = design.y.to_numpy()[tuning.owner]
    cuts = len(design.categories) - 1
    assert targets.shape == (len(tuning.owner), cuts)
    assert np.array_equal(targets[known].sum(1), expected[known])
    assert np.isnan(targets[~known]).all()


@pytest.mark.slow
def test_frames_are_decoded_once(folder, monkeypatch):
    known = cohort.read(folder)
    clips = known.clips.index[:3].tolist()
    first = training.prepared(known, clips, most=4)
    monkeypatch.setattr(training.video, "read", lambda *a, **k: pytest.fail("a clip was decoded again"))
    again = training.prepared(known, clips, most=4)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    with pytest.raises(BaseException, match="decoded again"):
        training.prepared(known, clips, most=3)


def rescaled(known, item, **changes):
    """The cohort with other entries for one rating."""
    ratings = known.dictionary.ratings
    items = ratings.items | {item: ratings.items[item].model_copy(update=changes)}
    other = known.dictionary.model_copy(update={"ratings": ratings.model_copy(update={"items": items})})
    return dataclasses.replace(known, dictionary=other)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "outputs"), [("severity_clip", ("b_line", "a_line")), ("severity", ("b_line", "a_line"))]
)
def test_ratings_that_make_the_outcome_are_no_labels(folder, task, outputs):
    """They would teach the outcome of inner folds too, and the null, which shuffles the outcome, would not shuffle them."""
    design, tuning, _ = ready(folder, task=task, finetune="labels", modalities=("image",))
    assert tuning.outputs == outputs
    (note,) = [one for one in _tuned_notes(design) if "did not learn" in one["text"]]
    assert note["text"] == "The encoder did not learn the experts' rating severity: the outcome is made of it."


@pytest.mark.slow
def test_other_outcomes_learn_all_labels(folder):
    design, tuning, _ = ready(folder, finetune="labels")
    assert tuning.outputs == ("soldati_1", "soldati_2", "soldati_3", "b_line", "a_line")
    assert not any("did not learn" in one["text"] for one in _tuned_notes(design))


def test_a_rating_on_another_scale_teaches_nothing(folder):
    """Taken for Soldati's grades, 1, 4, 7 and 10 were all severe."""
    known = cohort.read(folder)
    assert misfits(known) == {}
    wide = rescaled(known, "severity", categories=(1.0, 4.0, 7.0, 10.0))
    why = "has the value 4, and the network learns grades of 0 to 3"
    assert _untaught(wide, "pcr") == {"severity": why}
    with pytest.raises(check.InputError, match=f"rating severity {why}.*call it otherwise"):
        LabelledClips(wide)
    tens = known.ratings.assign(rating=known.ratings["rating"] * 10)
    given = misfits(dataclasses.replace(known, ratings=tens))
    assert given["b_lines"] == "has the value 10, and the network learns no or yes (0 or 1)"
    clips = known.clips.index.tolist()
    assert _labels(known, clips, {"severity": why})[1] == ("b_line", "a_line")
    with pytest.raises(check.InputError, match="not severity: has the value 4"):
        _labels(known, clips, {"severity": why, "a_lines": "x", "b_lines": "x"})


def test_nonsense_is_refused(folder, tmp_path):
    for changes, part in (
        ({"modalities": ("blood",)}, "without images"),
        ({"encoder": "frame-stats"}, "not trained further"),
        ({"validate": 20}, "every sample"),
        ({"learning_curve": True}, "every sample"),
        ({"cohort": "synthetic", "train": str(folder), "test": str(folder)}, "pretrain --cohort"),
    ):
        with pytest.raises(check.InputError, match=part):
            asked(folder, **({"finetune": "labels"} | changes))
    experiment = asked(folder, finetune="labels", modalities=("blood", "image"))
    known, design = fuse.prepare(experiment)
    with pytest.raises(check.InputError, match="has nothing that learns"):
        training.refuse_others(encoders.get("frame-stats"))
    net = encoders.get("blues-lus").module
    for place in ("fold_1", "fold_2"):
        net.head.bias[0] += 1
        lus.save(tmp_path / f"{place}.safetensors", net, {"saw": []})
    with pytest.raises(check.InputError, match="is an ensemble of 2 networks.*Name one of its members"):
        training.refuse_others(encoders.get("checkpoint", weights=tmp_path))
    with pytest.raises(check.InputError, match="no clip ratings to learn from"):
        fuse.tuning(dataclasses.replace(known, ratings=known.ratings.iloc[:0]), design, experiment)
    with pytest.raises(check.InputError, match="tuning is not given"):
        fuse.run(design, experiment)
    timed = dataclasses.replace(design, kind="time", event=design.y)
    with pytest.raises(check.InputError, match="a time that may be censored"):
        fuse.tuning(known, timed, experiment)


def test_an_encoder_that_saw_the_cohort_is_refused_all_the_same(folder):
    known = cohort.read(folder)
    made = embed.embed(known)
    seen = dataclasses.replace(made, encoder={**made.encoder, "saw": [known.name]})
    with pytest.raises(check.InputError, match="may not be scored on it"):
        features.design(known, "pcr", ("image",), embeddings=seen)


def test_labels_teach_the_networks_own_outputs():
    """Severity, A-lines and B-lines are answered by the outputs that have these names; what is not known is passed over."""
    rng = np.random.default_rng(0)
    dark = np.linspace(30, 90, 128)[:, None] * np.ones((128, 128))
    frames = []
    for clip in range(8):
        picture = dark.copy()
        if clip % 2:
            picture[:, 40:60] += 120
        frames.append(np.clip(picture + rng.normal(0, 6, (2, 128, 128)), 0, 255).astype(np.uint8))
    encoder = encoders.get("blues-lus")
    y = np.column_stack([np.arange(8) % 2, np.full(8, np.nan)]).astype(float)
    y[0] = np.nan
    how = training.FoldTraining(steps=12, batch=8, rate=5e-3)
    net, head = training.tuned(frames, y, encoder, ("b_line", "a_line"), how)
    taught = dataclasses.replace(encoder, module=net)
    place = encoder.feature_names.index("b_line_presence")

    def gap(which):
        said = np.array([which.forward(f)[:, place].mean() for f in frames])
        return np.log(said / (1 - said))[1::2].mean() - np.log(said / (1 - said))[0::2].mean()

    assert gap(taught) > gap(encoder) + 0.5
    assert head.weight.shape == (1, 96)
    from blues.encoders.lus import GLOBALS

    old, new = encoder.module.head.weight, net.head.weight
    changed = (old != new).any(dim=1).tolist()
    assert [name for name, it_did in zip(GLOBALS, changed, strict=True) if it_did] == ["b_line"]
    with pytest.raises(check.InputError, match="all have the same label"):
        training.tuned(frames, np.ones((8, 1)), encoder)


def test_an_output_without_both_answers_in_training_stays_as_it_was(rng):
    """Whether its column is there at all may be owed to a held-out clip: it may not be shrunk for that."""
    frames = [rng.integers(0, 256, (1, 128, 128), dtype=np.uint8) for _ in range(4)]
    encoder, y = encoders.get("blues-lus"), np.array([[0.0], [1.0], [0.0], [1.0]])
    alone, _ = training.tuned(frames, y, encoder, ("b_line",), FEW)
    beside, _ = training.tuned(frames, np.hstack([y, np.zeros((4, 1))]), encoder, ("b_line", "a_line"), FEW)
    for (name, a), b in zip(alone.state_dict().items(), beside.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.slow
def test_without_signal_held_out_patients_are_guessed_by_chance(monkeypatch):
    """Pictures of noise and labels at random: a fold's encoder may learn its training clips by heart, never the others'."""
    rng = np.random.default_rng(5)
    patients, each = 40, 1
    frames = [rng.integers(0, 256, (1, 128, 128), dtype=np.uint8) for _ in range(patients * each)]
    y = pd.Series(rng.permutation(np.arange(patients) % 2).astype(float))
    folds = evaluate.patient_folds(y, pd.Series(np.arange(patients).astype(str)), 4, 1, 0)
    splits = [(repeat, train, test) for repeat, _, train, test in folds]
    how = training.FoldTraining(steps=12, batch=16, rate=5e-3)
    found = benchmark.load("encoder").fold_predictions(frames, y, splits, encoders.get("blues-lus"), how=how)[0]
    value = evaluate.auroc(y.to_numpy(), found).value
    assert 0.2 < value < 0.8
