"""Training on simulated frames: the truth follows the picture, a short run learns, and what is bundled is what it says."""

import dataclasses
import json
import time

import benchmark
import numpy as np
import pandas as pd
import pytest
import torch

from blues import check, encoders, simulate, video
from blues.check import InputError
from blues.encoders import checkpoint, lus, registry, states
from blues.pretrain import Budget, Options, Trainer, main, train
from blues.pretrain.augment import Warp, coarse, degrade, draw_warp
from blues.pretrain.data import NegativePool, join, negative_batch, simulated_batch
from blues.pretrain.folds import FoldTraining, tuned
from blues.pretrain.held_out import held_out, score
from blues.pretrain.loss import TASKS, agreement, losses
from blues.pretrain.real import targets as rated
from blues.pretrain.train import usual_precision

BUNDLED = registry.BUNDLED / "blues-lus.safetensors"


def still(n=1, **changes):
    return dataclasses.replace(Warp.none(n), **changes)


def test_no_warp_changes_nothing(rng):
    images = torch.as_tensor(rng.random((2, 128, 128)), dtype=torch.float32)
    torch.testing.assert_close(still(2).images(images), images, atol=1e-4, rtol=0)
    masks = (images[:, None] > 0.5).float()
    expected = torch.nn.functional.avg_pool2d(masks, (8, 4))
    torch.testing.assert_close(still(2).masks(coarse(masks)), expected, atol=1e-4, rtol=0)


def test_truth_moves_with_the_picture():
    """A bright column and its mask, mirrored and shifted, stay in one place together."""
    images = torch.zeros(1, 128, 128)
    images[:, :, 20:28] = 1
    warp = still(across=torch.tensor([-0.9]), across_by=torch.tensor([0.1]))
    picture = warp.images(images)[0].mean(0)
    truth = warp.columns(images[:, None, 64])[0, 0]
    cells = warp.masks(coarse(images[:, None]))[0, 0].mean(0)
    assert picture.argmax() > 80
    torch.testing.assert_close(truth, picture, atol=1e-4, rtol=0)
    assert abs(int(cells.argmax()) - int(picture.reshape(32, 4).mean(1).argmax())) <= 1


def test_depth_moves_with_the_picture():
    images = torch.zeros(1, 128, 128)
    images[:, 50:54] = 1
    warp = still(down=torch.tensor([0.7]), down_by=torch.tensor([-0.2]))
    shown = warp.images(images)[0, :, 64]
    row = float((shown * (torch.arange(128) + 0.5)).sum() / shown.sum())
    assert float(warp.depth(torch.tensor([52 / 128]))) * 128 == pytest.approx(row, abs=1)


def test_a_fan_spreads_a_column_from_top_to_bottom():
    """A sector that was not unwarped: its scan lines lie close together at the top and far apart at the bottom."""
    images = torch.zeros(1, 128, 128)
    images[:, :, 28:32] = 1
    shown = still(fan=torch.tensor([-0.4])).images(images)[0]
    place = shown.argmax(1)
    assert place[10] > place[64] > place[120]  # the column leans away from the middle, which is at 64
    leaning = still(lean=torch.tensor([0.2])).images(images)[0].argmax(1)
    assert leaning[10] > 30 > leaning[120]


def test_nothing_is_turned_upside_down(rng):
    warp = draw_warp(500, rng)
    assert (warp.down > 0).all()
    assert 0.4 < (warp.across < 0).float().mean() < 0.6


def test_degraded_frames_are_still_frames(rng):
    images = torch.as_tensor(rng.random((40, 128, 128)), dtype=torch.float32)
    changed = degrade(images, rng)
    assert changed.shape == images.shape
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert not torch.equal(changed, images)


def test_simulated_batch_holds_the_simulators_truth():
    batch = simulated_batch(24, np.random.default_rng(3), plain=True)
    rng = np.random.default_rng(3)
    drawn = simulate.draw(simulate.draw_scenes(24, rng), rng, (128, 128), masks=True)
    cells = torch.stack([drawn.masks[name] for name in lus.MASKS], 1).float()
    cells = torch.nn.functional.avg_pool2d(cells, (8, 4))
    assert (batch.masks - cells).abs().mean() < 0.01  # every second row and fourth column is enough
    values = dict(zip(lus.GLOBALS, batch.values.numpy().T, strict=True))
    assert np.array_equal(batch.images.numpy(), drawn.images.numpy())
    known = np.isfinite(values["soldati_1"])
    assert known.sum() > 18
    grade = values["soldati_1"] + values["soldati_2"] + values["soldati_3"]
    np.testing.assert_array_equal(grade[known], drawn.truth["soldati"].numpy()[known])
    assert (values["lus"] == 1).all()
    lines = drawn.columns["b_line"] | drawn.columns["white"]
    expected = lines.float().reshape(24, 32, 4).mean(2)
    torch.testing.assert_close(batch.columns[:, 0], expected, atol=1e-5, rtol=0)


def test_batches_repeat_by_seed_and_differ_by_step():
    trainer = Trainer(Budget(batch=8), seed=4, negatives=10)
    first, again, other = trainer.draw(5)[0], trainer.draw(5)[0], trainer.draw(6)[0]
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)


def test_views_of_one_frame_share_their_truth():
    """Row i + 4 shows the scene of row i, degraded and cut otherwise."""
    batch = simulated_batch(8, np.random.default_rng(1), views=2)
    values = dict(zip(lus.GLOBALS, batch.values.T, strict=True))
    for name in ("soldati_1", "soldati_2", "soldati_3", "breaks"):
        known = ~values[name].isnan()
        both = known[:4] & known[4:]
        assert torch.equal(values[name][:4][both], values[name][4:][both])
    assert not torch.equal(batch.images[:4], batch.images[4:])
    assert len(simulated_batch(7, np.random.default_rng(1), views=2)) == 7


def test_agreement_is_zero_for_equal_views_and_one_for_none(rng):
    one = torch.as_tensor(rng.normal(size=(400, 5)), dtype=torch.float32)
    other = torch.as_tensor(rng.normal(size=(400, 5)), dtype=torch.float32)
    assert float(agreement(torch.cat([one, one * 3 + 1]), 400)) == pytest.approx(0, abs=1e-4)
    assert float(agreement(torch.cat([one, -one]), 400)) == pytest.approx(2, abs=1e-4)
    assert float(agreement(torch.cat([one, other]), 400)) == pytest.approx(1, abs=0.15)
    assert float(agreement(torch.ones(8, 5), 4)) == pytest.approx(1)  # collapsed


def test_agreement_of_one_view_is_refused():
    with pytest.raises(InputError, match=r"agree is 5, and views 1: one view agrees with itself.*--views 2"):
        Options(views=1, agree=5.0)
    assert Options(views=1).budget().agree == 0


def test_the_self_supervised_term_makes_views_agree():
    budget = Budget(steps=12, batch=16, precision="float32", rate=3e-3)
    logs = []
    for weight in (0.001, 3.0):
        trainer = Trainer(dataclasses.replace(budget, agree=weight), negatives=8)
        trainer.run()
        logs.append(trainer.log[-1]["agreement"])
    assert logs[1] < logs[0]


def test_bfloat16_is_used_only_where_the_device_computes_in_it(monkeypatch):
    for said, expected in (
        ({"avx2": True, "avx512_bf16": False}, "float32"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({}, "float32"),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda said=said: said, raising=False)
        assert usual_precision() == expected
        assert Trainer(Budget(steps=1), negatives=1).precision == expected
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for able, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda able=able, **_: able)
        assert usual_precision("cuda") == expected
    assert Trainer(Budget(steps=1, precision="bfloat16"), negatives=1).precision == "bfloat16"
    with pytest.raises(InputError, match="precision is 'half'"):
        Trainer(Budget(steps=1, precision="half"))


def test_a_run_can_start_from_other_weights():
    first = encoders.get("blues-lus")
    trainer = Trainer(Budget(steps=1, batch=8), negatives=4)
    trainer.start_from(first)
    assert trainer.start == first.hash
    for ours, theirs in zip(trainer.net.state_dict().values(), first.module.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    with pytest.raises(InputError, match="no network to go on from"):
        trainer.start_from(encoders.get("frame-stats"))


def test_losses_leave_out_what_is_not_known(rng):
    net = lus.LusNet().eval()
    pool = NegativePool(8, 0)
    one = simulated_batch(6, rng)
    both = join([one, negative_batch(pool.draw(4, rng), rng)])

    def of(batch):
        out = net.heads(batch.images.float().div(255).unsqueeze(1))
        return losses(out, batch)

    alone, mixed = of(one), of(both)
    assert set(alone) == set(TASKS)
    for task in set(TASKS) - {"lus"}:
        assert float(mixed[task].detach()) == pytest.approx(float(alone[task].detach()), rel=1e-4)
    assert float(mixed["lus"].detach()) != pytest.approx(float(alone["lus"].detach()), rel=1e-4)


def test_a_run_goes_on_with_the_settings_it_was_begun_with(tmp_path):
    budget = Budget(steps=2, batch=8, precision="float32")
    begun = Trainer(budget, seed=1, negatives=10)
    begun.save(tmp_path)
    for other, says in (
        (Trainer(budget, seed=7, negatives=10), "seed is 7, and the run in this folder was begun with 1"),
        (Trainer(dataclasses.replace(budget, precision="bfloat16"), seed=1, negatives=10), "precision is bfloat16"),
        (Trainer(dataclasses.replace(budget, views=4), seed=1, negatives=10), "views is 4"),
        (Trainer(dataclasses.replace(budget, steps=9), seed=1, negatives=10), "steps is 9, and .* was begun with 2"),
    ):
        with pytest.raises(InputError, match=says):
            other.restore(tmp_path)
    left_to_itself = Trainer(dataclasses.replace(budget, precision="auto"), seed=1, negatives=10)
    assert left_to_itself.restore(tmp_path)
    assert left_to_itself.precision == "float32"


def test_bfloat16_is_computed_in_bfloat16():
    losses = {}
    for precision in ("float32", "bfloat16"):
        trainer = Trainer(Budget(steps=1, batch=8, precision=precision), negatives=4)
        trainer.run()
        losses[precision] = trainer.log[-1]["masks"]
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)


def test_a_network_from_random_weights_is_not_centred_on_simulation():
    frames = [np.random.default_rng(0).integers(0, 255, (2, 128, 128), dtype=np.uint8)] * 4
    net, _ = tuned(frames, np.array([[0.0], [1.0], [0.0], [1.0]]), how=FoldTraining(steps=1))
    assert net.arguments["centred"] == 0


def test_a_stopped_run_goes_on_where_it_was(tmp_path):
    budget = Budget(steps=4, batch=8, precision="float32")
    whole = Trainer(budget, negatives=10)
    whole.run()
    part = Trainer(dataclasses.replace(budget, steps=2), negatives=10)
    part.budget = dataclasses.replace(budget, steps=4)
    for batch in part._batches():
        part._step(batch)
        if part.steps == 2:
            break
    part.save(tmp_path)
    rest = Trainer(budget, negatives=10)
    assert rest.restore(tmp_path)
    assert rest.steps == 2
    rest.run(tmp_path)
    for (name, a), b in zip(whole.net.state_dict().items(), rest.net.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_command_writes_what_it_says(tmp_path, capsys):
    assert main(["--out", str(tmp_path), "--steps", "1", "--batch", "8", "--frames", "40"]) == 0
    assert "b_line" in capsys.readouterr().out
    encoder = encoders.get(str(tmp_path / "weights.safetensors"))
    assert encoder.card == json.loads((tmp_path / "card.json").read_text())
    assert encoder.card["saw"] == []
    assert encoder.card["trained"]["frames"] == 8
    assert (tmp_path / "log.csv").read_text().startswith("step,minutes,frames,rate")
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert main(["--out", str(tmp_path), "--steps", "1", "--cohort", str(tmp_path / "none")]) == 2


def test_ratings_become_targets():
    ratings = pd.DataFrame(
        [
            ("c", "severity", 2.0),
            ("c", "severity", 3.0),
            ("c", "b_lines", 1.0),
            ("d", "a_lines", 0.0),
            ("e", "mood", 1),
        ],
        columns=["clip", "item", "rating"],
    )
    targets = rated(ratings)
    assert set(targets) == {"c", "d"}
    of_c = dict(zip(lus.GLOBALS, targets["c"].tolist(), strict=True))
    assert (of_c["soldati_2"], of_c["soldati_3"], of_c["b_line"], of_c["lus"]) == (1, 1, 1, 1)
    assert np.isnan(of_c["a_line"])


def test_a_cohort_that_was_learned_from_stands_on_the_card(tmp_path):
    from blues import datasets
    from blues.pretrain.real import LabelledClips

    cohort = datasets.synthetic(tmp_path / "cohort", patients=8)
    batch = LabelledClips(cohort)(5, np.random.default_rng(0))
    assert batch.images.shape == (5, 128, 128)
    assert batch.values[:, lus.GLOBALS.index("soldati_1")].isfinite().all()
    encoder = train(Options(out=tmp_path / "out", steps=1, batch=12, frames=40, cohort=str(tmp_path / "cohort")))
    assert encoder.has_seen(cohort.name)
    told = f"python -m blues.pretrain --seed 0 --steps 1 --cohort cohort --batch 12 --precision {usual_precision()}"
    assert encoder.card["source"] == told
    assert encoder.card["trained"]["precision"] == usual_precision()


def test_card_names_all_that_another_training_needs(tmp_path):
    from blues.pretrain.command import _command

    told = _command(Options(minutes=3, start=str(tmp_path / "w.safetensors"), rate=1e-3, views=2, agree=0.3), "float32")
    assert told == (
        "python -m blues.pretrain --seed 0 --minutes 3 --start w --rate 0.001 --views 2 --agree 0.3 --precision float32"
    )
    options = check.parse(Options, told.split()[3:], prog="x", description="x")
    assert (options.rate, options.views, options.agree, options.precision) == (1e-3, 2, 0.3, "float32")


def test_clips_that_cannot_be_read_are_named(tmp_path):
    from blues import datasets
    from blues.pretrain.real import LabelledClips

    cohort = datasets.synthetic(tmp_path / "cohort", patients=8)
    rated = cohort.ratings["clip"].iloc[0]
    (cohort.folder / cohort.clips.loc[rated, "path"]).write_bytes(b"no clip")
    learned = LabelledClips(cohort)
    assert list(learned.unread) == [rated]
    assert len(learned.frames) == cohort.ratings["clip"].nunique() - 1


def test_weights_of_another_card_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    lus.save(path, lus.LusNet(), {"saw": []})
    state = states.read(path).named
    description = checkpoint.read_description(path)
    state["head.bias"] = state["head.bias"] + 1
    with pytest.raises(InputError, match="not those that the card describes"):
        lus.encoder(path, "x", state, description)
    del state["head.bias"]
    with pytest.raises(InputError, match="do not fit"):
        lus.encoder(path, "x", state, description)


def test_fold_training_sees_only_its_training_clips(rng):
    """Clips that a bright column tells apart are told apart; those held out are predicted, no others."""
    y = pd.Series([0, 1] * 6, index=[f"c{i}" for i in range(12)])
    frames = []
    for label in y:
        clip = rng.integers(0, 60, (3, 128, 128)).astype(np.uint8)
        clip[:, 40:, 56:72] += np.uint8(150 * label)
        frames.append(clip)
    fold_predictions = benchmark.load("encoder").fold_predictions
    found = fold_predictions(frames, y, [(0, np.arange(8), np.arange(8, 12))], how=FoldTraining(steps=25, batch=16))
    assert found.shape == (1, 12)
    assert np.isnan(found[0, :8]).all()
    assert found[0, [9, 11]].min() > found[0, [8, 10]].max()
    with pytest.raises(InputError, match="another architecture"):
        fold_predictions(frames, y, [], encoders.get("random-cnn"))


@pytest.mark.slow
def test_a_minute_of_training_beats_chance(tmp_path):
    """So many steps take half a minute to a minute on two cores; by the clock the scores would hang on the machine's load."""
    options = Options(out=tmp_path, steps=100, batch=48, frames=300)
    encoder = train(options)
    scores = encoder.card["held_out"]["frames"]
    assert scores["b_line"] > 0.6
    assert scores["severity"] > 0.2
    assert scores["lus"] > 0.8


def test_bundled_encoder_loads_offline_within_a_second(monkeypatch):
    import socket

    def refuse(*_args, **_kwargs):
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    assert BUNDLED.stat().st_size < 8_000_000
    start = time.process_time()
    encoder = encoders.get("blues-lus")
    assert time.process_time() - start < 1
    assert encoder.name == "blues-lus"
    assert 64 <= encoder.dimensions - len(encoder.card["outputs"]) <= 256


def test_bundled_card_is_complete_and_about_these_weights():
    encoder = encoders.get("blues-lus")
    beside = json.loads((registry.BUNDLED / "blues-lus.card.json").read_text())
    assert encoder.card == beside
    assert encoder.card["saw"] == []
    assert encoder.card["weights"] == checkpoint.weights_hash(encoder.module.state_dict())
    assert set(encoder.card["units"]) == set(encoder.card["outputs"]) <= set(encoder.feature_names)
    for name in ("licence", "source", "note", "labels"):
        assert encoder.card[name]
    assert {"frames", "minutes", "seed", "simulators", "commit"} <= set(encoder.card["trained"])


@pytest.mark.parametrize("shade", [0, 128, 255])
@pytest.mark.parametrize("frames", [1, 3])
def test_bundled_encoder_is_finite_on_empty_pictures(shade, frames):
    encoder = encoders.get("blues-lus")
    values = encoder.outputs(np.full((frames, 128, 128), shade, np.uint8))
    assert all(np.isfinite(v).all() for v in values.values())
    assert (values["lus"] < 0.5).all()


def test_bundled_encoder_keeps_its_scores_on_new_simulated_frames():
    found = score(encoders.get("blues-lus"), held_out(200, seed=99))
    assert found["b_line"] > 0.85
    assert found["a_line"] > 0.8
    assert found["severity"] > 0.5
    assert found["lus"] > 0.97


def test_outputs_stay_in_their_units():
    values = encoders.get("blues-lus").outputs(held_out(40, seed=98).images.numpy())
    for name, unit in lus.OUTPUTS.items():
        top = 1 if "0 to 1" in unit else 100 if "%" in unit else 3 if "0 to 3" in unit else 30
        assert values[name].min() >= 0
        assert values[name].max() <= top


def test_pictures_of_other_things_look_less_like_lung_ultrasound(rng):
    encoder = encoders.get("blues-lus")
    lung = encoder.outputs(simulated_batch(40, rng, plain=True).images.numpy())["lus"]
    for kind in simulate.NEGATIVES:
        other = encoder.outputs(simulate.negatives(10, rng, kind=kind)[0])["lus"]
        assert np.median(other) < np.percentile(lung, 10), kind


def test_photographs_are_named():
    """Real photographs, which are no lung ultrasound, go the way of a clip: sector looked for, unwarped."""
    from sklearn.datasets import load_sample_images

    encoder = encoders.get("blues-lus")
    for picture in load_sample_images().images:
        grey = picture.mean(2).round().astype(np.uint8)
        for part in (grey, grey[:240, :320], grey[-200:, -200:]):
            polar = video.prepare(part[None], encoder.preprocessing.geometry, encoder.preprocessing.size)
            assert encoder.outputs(polar)["lus"].max() < 0.5


def test_clips_that_are_no_lung_ultrasound_are_named(rng):
    from blues.embed.record import STRANGE
    from blues.embed.work import _doubts

    encoder = encoders.get("blues-lus")
    pictures = simulate.negatives(6, rng, kind="text")[0]
    assert "does not look like lung ultrasound" in _doubts(encoder, encoder.forward(pictures))[0]
    assert _doubts(encoder, encoder.forward(simulated_batch(12, rng, plain=True).images.numpy())) == ()
    assert _doubts(encoders.get("random-cnn"), np.zeros((1, 4))) == ()
    values = np.ones((10, len(encoder.feature_names)))
    for titles, told in ((1, ()), (3, "3 of 10 frames do not look like lung ultrasound"), (6, STRANGE)):
        values[:titles, encoder.feature_names.index("lus")] = 0.1
        said = _doubts(encoder, values)
        assert said == told or said[0].startswith(told)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--steps", "0"], "steps is 0. Allowed: 1 or more"),
        (["--steps", "-2"], "steps is -2"),
        (["--minutes", "inf"], "minutes is inf. Allowed: a number above 0"),
        (["--rate", "nan"], "rate is nan"),
        (["--agree", "-1"], "agree is -1"),
        (["--frames", "0"], "frames is 0"),
        (["--device", "tpu"], "device 'tpu' is no torch device"),
        (["--device", "meta"], "device 'meta' cannot be computed on here"),
        (["--seed", "-1"], "seed is -1. Allowed: 0 or more"),
    ],
)
def test_budgets_that_cannot_be_are_refused_before_anything_is_drawn(flags, message, tmp_path, capsys):
    assert main([*flags, "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
