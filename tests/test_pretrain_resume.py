"""A training that goes on in its folder: its card tells of one command, and of every cohort that shaped the weights."""

import dataclasses

import pytest
import torch

from blues import datasets, encoders
from blues.check import InputError
from blues.encoders import lus
from blues.pretrain import Budget, Trainer, main
from blues.pretrain.command import _bound
from blues.pretrain.real import LabelledClips

BUDGET = Budget(steps=1, batch=8, precision="float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cohort's folder."""
    return datasets.synthetic(tmp_path_factory.mktemp("cohort") / "cohort", patients=8).folder


@pytest.fixture(scope="module")
def real(folder):
    return LabelledClips(datasets.load(str(folder)))


def other(**budget):
    return Trainer(dataclasses.replace(BUDGET, **budget), negatives=4)


def test_a_cohort_left_out_is_refused_and_the_card_keeps_naming_it(folder, tmp_path, capsys):
    out = tmp_path / "out"
    told = [
        "--out",
        str(out),
        "--batch",
        "8",
        "--frames",
        "8",
        "--steps",
        "1",
        "--views",
        "1",
        "--precision",
        "float32",
    ]
    assert main([*told, "--cohort", str(folder)]) == 0
    name = datasets.load(str(folder)).name
    card = encoders.get(str(out / "weights.safetensors")).card
    assert card["saw"] == [name]
    assert main(told) == 2
    said = capsys.readouterr().err
    assert f"cohort is none, and the run in this folder was begun with {name}" in said
    assert "write to another folder" in said
    assert main([*told, "--cohort", str(folder), "--start", "blues-lus"]) == 2
    assert "start is" in capsys.readouterr().err
    assert encoders.get(str(out / "weights.safetensors")).card == card
    assert main([*told, "--cohort", str(folder)]) == 0  # the same command goes on
    assert encoders.get(str(out / "weights.safetensors")).card["saw"] == [name]


def test_a_run_from_random_weights_does_not_become_one_that_was_started(tmp_path):
    other().save(tmp_path)
    started = other()
    started.start_from(encoders.get("blues-lus"))
    with pytest.raises(InputError, match="start is .*, and the run in this folder was begun with none"):
        started.restore(tmp_path)


def test_what_the_first_weights_saw_is_kept(tmp_path):
    """Even where their card has since lost it: a hash of weights knows nothing of the card."""
    net = encoders.get("blues-lus").module
    for name, saw in (("told", ["POCUS"]), ("bare", [])):
        lus.save(tmp_path / f"{name}.safetensors", net, {"saw": saw})
    first = other()
    first.start_from(encoders.get(str(tmp_path / "told.safetensors")))
    assert first.saw == ["POCUS"]
    first.save(tmp_path)
    again = other()
    again.start_from(encoders.get(str(tmp_path / "bare.safetensors")))
    with pytest.raises(InputError, match="saw is none, and the run in this folder was begun with POCUS"):
        again.restore(tmp_path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 2}, "steps is 2, and the run in this folder was begun with 1"),
        ({"steps": None, "minutes": 3.0}, "steps is none, and the run in this folder was begun with 1"),
    ],
)
def test_a_budget_stays_as_it_was(tmp_path, changes, says):
    """The learning rate falls over the budget: two in a row give other weights than the longer one at once."""
    other().save(tmp_path)
    with pytest.raises(InputError, match=says):
        other(**changes).restore(tmp_path)
    assert other(minutes=3.0).restore(tmp_path)  # minutes say nothing where steps do


def test_minutes_stay_as_they_were(tmp_path):
    other(steps=None, minutes=5.0).save(tmp_path)
    with pytest.raises(InputError, match=r"minutes is 6.0, and the run in this folder was begun with 5.0"):
        other(steps=None, minutes=6.0).restore(tmp_path)
    assert other(steps=None, minutes=5.0).restore(tmp_path)


@pytest.mark.parametrize("missing", [("cohort", "start", "saw"), ("steps",)])
def test_a_checkpoint_that_does_not_say_what_it_saw_is_refused(tmp_path, missing):
    other().save(tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    for name in missing:
        del state["settings"][name]
    torch.save(state, tmp_path / "checkpoint.pt")
    with pytest.raises(
        InputError, match=f"earlier version, which did not keep .*{missing[-1]}.*Remove it to begin anew"
    ):
        other().restore(tmp_path)


def cut(path):
    path.write_bytes(path.read_bytes()[:-2000])


def alien(change):
    """Damage that leaves a sound torch file."""

    def damage(path):
        state = torch.load(path, weights_only=True)
        torch.save(change(state), path)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("hello, this is no checkpoint\n"),
        alien(lambda state: [1, 2]),
        alien(lambda state: state["net"]),
        alien(lambda state: state | {"settings": 3}),
        alien(lambda state: state | {"net": {}}),
        alien(lambda state: state | {"numbers": [1.0]}),
        alien(lambda state: state | {"numbers": ["a", 1.0, 1.0, 1.0]}),
        alien(lambda state: state | {"optimiser": {}}),
        alien(lambda state: state | {"log": 3}),
        alien(lambda state: state | {"sums": 3}),
    ],
)
def test_a_damaged_checkpoint_is_named(tmp_path, damage):
    other().save(tmp_path)
    damage(tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match=r"checkpoint\.pt: .*Remove it to begin anew, or write to another folder"):
        other().restore(tmp_path)


def test_another_cohort_of_the_same_name_is_refused(real, folder, tmp_path):
    """Its name says little: what is learned are its clips and ratings."""
    known = datasets.load(str(folder))
    budget = dataclasses.replace(BUDGET, real=0.5)
    Trainer(budget, real=real, negatives=4).save(tmp_path)
    assert Trainer(budget, real=real, negatives=4).restore(tmp_path)
    again = LabelledClips(known)
    assert again.hash == real.hash
    ratings = known.ratings.assign(rating=lambda t: t["rating"].where(t["item"] != "b_lines", 1 - t["rating"]))
    clips = known.clips.assign(path=known.clips["path"].to_numpy()[::-1])
    for changes in ({"ratings": ratings}, {"clips": clips}):
        other_data = LabelledClips(dataclasses.replace(known, **changes))
        assert other_data.name == real.name
        with pytest.raises(
            InputError, match="the cohort's clips and ratings is .*, and the run in this folder was begun"
        ):
            Trainer(budget, real=other_data, negatives=4).restore(tmp_path)


def test_losses_since_the_last_line_of_the_log_are_kept(tmp_path):
    whole = other(steps=3)
    whole.run()
    part = other(steps=3)
    for batch in part._batches():
        part._step(batch)
        if part.steps == 2:
            break
    part.save(tmp_path)
    rest = other(steps=3)
    assert rest.restore(tmp_path)
    rest.run(tmp_path)
    for name in ("masks", "columns", "severity", "presence", "lus", "amounts"):
        assert rest.log[-1][name] == pytest.approx(whole.log[-1][name], abs=2e-5)


SAW_ALPHA = {
    "saw": ["Alpha"],
    "labels": ["truth of simulated frames", "ratings of Alpha"],
    "licence": "bound by what it saw: CC BY-NC 4.0",
    "note": "Not for children.",
}


@pytest.mark.parametrize("with_cohort", [True, False])
def test_what_binds_the_first_weights_binds_those_trained_on_from_them(folder, tmp_path, with_cohort):
    lus.save(tmp_path / "first.safetensors", encoders.get("blues-lus").module, SAW_ALPHA)
    out = tmp_path / "out"
    told = f"--out {out} --batch 8 --frames 8 --steps 1 --views 1 --start {tmp_path / 'first.safetensors'}".split()
    for _ in range(2):  # the second time the run goes on
        assert main([*told, *(["--cohort", str(folder)] if with_cohort else [])]) == 0
        card = encoders.get(str(out / "weights.safetensors")).card
        cohort = datasets.load(str(folder))
        mine = [cohort.name] if with_cohort else []
        assert card["saw"] == ["Alpha", *mine]
        assert card["labels"] == [*SAW_ALPHA["labels"], *(f"ratings of {name}" for name in mine)]
        bound = [SAW_ALPHA["licence"], *([f"bound by what it saw: {cohort.dictionary.licence}"] if mine else [])]
        assert card["licence"] == "; ".join(bound)
        on = "".join(f" and on {name}" for name in mine)
        assert card["note"].startswith(f"Trained on simulated frames{on}, from weights that saw: Alpha.")
        assert card["note"].endswith("Of the weights it began with: Not for children.")


def test_weights_that_do_not_say_what_they_saw_are_not_called_rated():
    said = _bound({"saw": ["unknown"], "labels": [], "licence": "not stated", "note": ""}, ["unknown"], None)
    assert said["labels"] == ["truth of simulated frames"]
    assert said["licence"] == "not stated"
    alone = _bound({}, [], None)
    assert (alone["licence"], alone["labels"]) == ("MIT", ["truth of simulated frames"])
    assert alone == _bound({**alone}, [], None)
    assert alone["note"] == encoders.get("blues-lus").card["note"]


def test_a_licence_lost_since_is_missed(tmp_path):
    net = encoders.get("blues-lus").module
    for name, facts in (("bound", SAW_ALPHA), ("free", SAW_ALPHA | {"licence": "MIT"})):
        lus.save(tmp_path / f"{name}.safetensors", net, facts)
    first, again = other(), other()
    first.start_from(encoders.get(str(tmp_path / "bound.safetensors")))
    first.save(tmp_path)
    again.start_from(encoders.get(str(tmp_path / "free.safetensors")))
    with pytest.raises(
        InputError, match="the start's licence is MIT, and the run in this folder was begun with bound by"
    ):
        again.restore(tmp_path)


def test_an_unfinished_training_is_called_one(tmp_path):
    other().save(tmp_path)
    for given in (tmp_path, tmp_path / "checkpoint.pt"):
        with pytest.raises(InputError, match=r"checkpoint\.pt: is what a training .* goes on from.*same command again"):
            encoders.get("checkpoint", weights=given)


def test_every_batch_has_frames_of_the_cohort_and_of_the_simulator(real, tmp_path):
    with pytest.raises(InputError, match=r"a batch of 2 has no room .* Allowed: 3 or more"):
        Trainer(dataclasses.replace(BUDGET, batch=2), real=real, negatives=4)
    trainer = Trainer(dataclasses.replace(BUDGET, batch=3, real=0.01), real=real, negatives=4)
    assert trainer._shares() == (1, 1, 1)
    trainer.run(tmp_path)
    assert trainer.steps == 1
    assert trainer.saw == [real.name]


def test_a_place_that_takes_no_files_is_named_before_clips_are_read(tmp_path, monkeypatch, capsys):
    def refuse(dir):
        raise FileNotFoundError(2, "No such file or directory", f"{dir}/tmp")

    monkeypatch.setattr("blues.provenance.tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("blues.datasets.load", lambda name: pytest.fail("a cohort was read"))
    assert main(["--out", str(tmp_path / "out"), "--steps", "1", "--cohort", "synthetic"]) == 2
    assert f"{tmp_path}: no permission to read or write it" in capsys.readouterr().err


def test_devices_that_do_not_compute_are_refused():
    with pytest.raises(InputError, match="device 'meta' cannot be computed on here"):
        Trainer(BUDGET, device="meta", negatives=4)
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="device 'cuda' cannot be computed on here .*Allowed: cpu"):
            Trainer(BUDGET, device="cuda", negatives=4)
