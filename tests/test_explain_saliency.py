"""Maps of where an output looks: right by construction, by a library, on simulated artefacts, and on the recorded geometry."""

import dataclasses
import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from blues import check, datasets, explain, simulate, video
from blues.encoders import base, cards, ensemble, get, nets
from blues.explain import command
from blues.explain.overlay import _font, _lines
from blues.explain.saliency import layers

SIZE = (48, 64)


class StreakNet(nn.Module):
    """Bright columns by hand: one map each for bright and dark streaks, then their mean and maximum."""

    def __init__(self):
        super().__init__()
        self.streaks = nn.Conv2d(1, 4, (15, 5), padding=(7, 2), bias=False)
        kernel = torch.tensor([-0.5, 0.33, 0.34, 0.33, -0.5]).repeat(15, 1) / 15
        with torch.no_grad():
            self.streaks.weight.copy_(torch.stack([kernel, -kernel, 0 * kernel, 0 * kernel])[:, None])
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        maps = self.act(self.streaks(x))
        return maps.mean((2, 3))[:, :2]


def encoder_of(module, names=("streaks", "gaps"), size=SIZE, **settings):
    rules = base.Preprocessing(geometry=settings.pop("geometry", "full"), size=size)
    return base.Encoder(
        name="made",
        architecture="made",
        feature_names=tuple(names),
        preprocessing=rules,
        card=cards.card("made", outputs=names),
        hash="made",
        module=module.eval().requires_grad_(False),
    )


@pytest.fixture(scope="module")
def streaks():
    return encoder_of(StreakNet())


def frames_with_streaks(columns=(10, 40, 55), seed=0):
    rng = np.random.default_rng(seed)
    frames = rng.integers(20, 60, (len(columns), *SIZE)).astype(np.uint8)
    masks = np.zeros(frames.shape, dtype=bool)
    for frame, mask, column in zip(frames, masks, columns, strict=True):
        frame[:, column - 1 : column + 2] = 220
        mask[:, column - 1 : column + 2] = True
    return frames, masks


@pytest.mark.parametrize("method", explain.METHODS)
def test_every_method_points_at_the_streak(streaks, method):
    frames, masks = frames_with_streaks()
    maps = explain.saliency(streaks, frames, "streaks", method)
    assert maps.shape == frames.shape
    assert maps.dtype == np.float32
    found = explain.pointing_game(maps, masks, tolerance=3)
    assert found.value == 1
    assert found.detail["chance"] == pytest.approx(9 / SIZE[1]), "a streak of three columns and three on either side"


def test_streak_moves_and_the_map_with_it(streaks):
    a, b = (explain.saliency(streaks, frames_with_streaks((c,))[0], "streaks")[0] for c in (12, 50))
    assert abs(int(a.sum(0).argmax()) - 12) <= 2
    assert abs(int(b.sum(0).argmax()) - 50) <= 2


def test_random_weights_destroy_the_map(streaks):
    frames, masks = frames_with_streaks()
    assert explain.sanity(streaks, frames, "streaks") < 0.6
    own = explain.saliency(streaks, frames, "streaks")
    inside = (own * masks).sum() / own.sum()
    shares = []
    for seed in range(6):
        other = explain.saliency(explain.randomised(streaks, seed), frames, "streaks")
        shares.append((other * masks).sum() / max(other.sum(), 1e-12))
    assert inside > 2 * np.mean(shares)
    assert not np.allclose(streaks.module.streaks.weight[2:], explain.randomised(streaks).module.streaks.weight[2:])


def test_integrated_gradients_add_up_to_the_output_less_that_of_black(streaks):
    frames, _ = frames_with_streaks()
    maps = explain.saliency(streaks, frames, "streaks", "integrated-gradients", steps=200)
    black = streaks.forward(np.zeros((1, *SIZE), np.uint8))[0, 0]
    np.testing.assert_allclose(maps.sum((1, 2)), streaks.forward(frames)[:, 0] - black, rtol=0.01)


class Curved(nn.Module):
    """An output that jumps on the way from black, where few steps see nothing of it."""

    def forward(self, x):
        return torch.sigmoid(200 * (x.mean((2, 3)) - x.new_tensor([[0.05]]))).repeat(1, 2)


def test_integrated_gradients_take_more_steps_until_they_add_up_and_say_by_how_much_they_miss():
    made = encoder_of(Curved())
    frames, _ = frames_with_streaks()
    found = explain.on_clip(made, frames, "streaks", "integrated-gradients", sector=video.find_sector(frames))
    prepared = video.prepare(frames, "full", SIZE, video.find_sector(frames))
    maps = explain.saliency(made, prepared, "streaks", "integrated-gradients")
    wanted = made.forward(prepared)[:, 0] - made.forward(np.zeros((1, *SIZE), np.uint8))[0, 0]
    assert wanted.min() > 0.9
    np.testing.assert_allclose(maps.sum((1, 2)), wanted, atol=0.05)
    assert found.gap == pytest.approx(np.abs(maps.sum((1, 2)) - wanted).max(), abs=1e-5)
    steep = explain.saliency(made, prepared, "streaks", "integrated-gradients", steps=1)
    assert np.abs(steep.sum((1, 2)) - wanted).max() > 0.05, "three triplings would be needed"
    cam = explain.on_clip(made, frames, "streaks", "occlusion", sector=video.find_sector(frames))
    assert np.isnan(cam.gap)


def test_occlusion_is_what_the_output_loses(streaks):
    frames, _ = frames_with_streaks((30,))
    maps = explain.saliency(streaks, frames, "streaks", "occlusion", window=SIZE)
    grey = np.rint(frames[0].mean(axis=1, keepdims=True)).astype(np.uint8).repeat(SIZE[1], 1)
    lost = streaks.forward(frames)[0, 0] - streaks.forward(grey[None])[0, 0]
    np.testing.assert_allclose(maps, lost, rtol=1e-5)


def test_cam_of_a_pooled_linear_network_is_its_class_activation_map():
    """For one linear layer on pooled maps Grad-CAM is the CAM of Zhou et al. 2016: weights of the head times the maps."""
    backbone = nets.build("small_cnn", channels=1, planes=8, stages=3)
    nets.seed_weights(backbone, 1)
    head = nn.Linear(backbone.width, 2)
    torch.nn.init.normal_(head.weight, generator=torch.Generator().manual_seed(0))
    module = nets.Embedding(backbone, head, "identity")
    names = [f"map_{i:03d}" for i in range(backbone.width)] + ["first", "second"]
    made = dataclasses.replace(
        encoder_of(module, names, (64, 64)), card=cards.card("made", outputs=("first", "second"))
    )
    frames = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    with torch.no_grad():
        maps = module.maps(made.preprocessing.tensor(frames))
        wanted = torch.relu(torch.einsum("c,nchw->nhw", head.weight[1], maps)).numpy()
    found = explain.saliency(made, frames, "second")
    step = 64 // wanted.shape[1]
    for one, map_ in zip(found, wanted, strict=True):
        small = one.reshape(wanted.shape[1], step, -1, step).mean((1, 3))
        assert np.corrcoef(small.ravel(), map_.ravel())[0, 1] > 0.95
    assert layers(made, "second")


@pytest.mark.oracle
def test_grad_cam_is_what_captum_gives(streaks):
    captum = pytest.importorskip("captum.attr")
    frames, _ = frames_with_streaks()
    module = StreakNet().eval()
    module.act.inplace = False
    batch = streaks.preprocessing.tensor(frames)
    wanted = captum.LayerGradCam(module, module.streaks).attribute(batch, target=0, relu_attributions=True)
    found = explain.saliency(streaks, frames, "streaks", layer="streaks")
    np.testing.assert_allclose(found, wanted[:, 0].detach().numpy(), atol=1e-6)


def test_map_comes_back_to_the_recorded_geometry():
    """A streak along a scan line of a convex sector: the map lies on it, oblique, and is 0 outside the sector."""
    y, x = np.mgrid[:160, :160] + 0.5
    radius, angle = np.hypot(x - 80, y + 20), np.arctan2(x - 80, y + 20)
    inside = (radius > 40) & (radius < 170) & (np.abs(angle) < 0.5)
    line = inside & (np.abs(angle - 0.25) < 0.03)
    frame = np.where(line, 230, np.where(inside, 60, 0)).astype(np.uint8)
    made = encoder_of(StreakNet(), geometry="polar")
    found = explain.on_clip(made, frame[None].repeat(3, 0), "streaks")
    sector = video.find_sector(frame[None].repeat(3, 0))
    assert found.maps.shape == found.frames.shape
    assert (found.maps[0][~video.mask(sector)] == 0).all()
    assert explain.pointing_game(found.maps, line[None].repeat(3, 0), tolerance=6).value == 1
    assert found.values.shape == (3,)


def trained_on_simulated_frames(seed=0):
    """Train a small network for a few seconds to tell frames with B-lines from frames without; give it and new frames."""
    rng = np.random.default_rng(seed)

    def drawn(n):
        part = simulate.frames(simulate.draw_scenes(n, rng, severity=rng.integers(0, 4, n)), rng, (64, 64))
        return part.images, part.masks["b_line"], (part.truth["b_coverage"] > 0.15).to_numpy()

    backbone = nets.build("small_cnn", channels=1, planes=8, stages=3)
    nets.seed_weights(backbone, seed)
    module = nets.Embedding(backbone, nn.Linear(backbone.width, 1), "identity")
    nn.init.zeros_(module.head.weight)
    images, _, y = drawn(400)
    rules = base.Preprocessing(geometry="polar", size=(64, 64), mean=(0.3,), std=(0.25,))
    batch, target = rules.tensor(images), torch.tensor(y, dtype=torch.float32)
    module.train()
    adam = torch.optim.Adam(module.parameters(), lr=2e-3)
    for _ in range(14):
        for start in range(0, len(batch), 50):
            adam.zero_grad()
            logits = module(batch[start : start + 50])[:, -1]
            nn.functional.binary_cross_entropy_with_logits(logits, target[start : start + 50]).backward()
            adam.step()
    names = [f"map_{i:03d}" for i in range(backbone.width)] + ["b_lines"]
    made = dataclasses.replace(
        encoder_of(module, names), preprocessing=rules, card=cards.card("made", outputs=("b_lines",))
    )
    return made, drawn(120)


@pytest.mark.slow
def test_network_trained_on_simulated_frames_looks_at_the_b_lines():
    made, (images, masks, y) = trained_on_simulated_frames()
    few = y & (masks.mean((1, 2)) > 0.02) & (masks.mean((1, 2)) < 0.35)
    assert few.sum() >= 10
    maps = explain.saliency(made, images[few], "b_lines", "occlusion", window=(32, 8))
    found = explain.pointing_game(maps, masks[few], tolerance=4)
    assert found.low > found.detail["chance"]


@pytest.mark.parametrize(("output", "mask"), [("b_line_coverage", "b_line"), ("b_line_presence", "b_line")])
def test_bundled_encoder_looks_at_the_artefact_and_random_weights_do_not(output, mask):
    made = get("blues-lus")
    rng = np.random.default_rng(99)
    drawn = simulate.frames(simulate.draw_scenes(60, rng), rng, (128, 128))
    share = drawn.masks[mask].mean((1, 2))
    few = (share > 0.01) & (share < 0.35)
    images, masks = drawn.images[few], drawn.masks[mask][few]
    found = explain.pointing_game(explain.saliency(made, images, output), masks, tolerance=4)
    assert found.low > 1.5 * found.detail["chance"]
    random = explain.pointing_game(explain.saliency(explain.randomised(made), images, output), masks, tolerance=4)
    assert random.value < found.low
    assert abs(explain.sanity(made, images[:6], output, seeds=(0,))) < 0.5


@pytest.mark.parametrize("output", ["b_line_presence", "a_line_presence", "soldati", "lus"])
def test_every_output_of_the_bundled_encoder_has_a_map(output):
    """Whether it is lung ultrasound takes another way through the network: each map must follow the way of its output."""
    encoder = get("blues-lus")
    frames = simulate.frames(
        simulate.draw_scenes(4, np.random.default_rng(3), severity=1), np.random.default_rng(4)
    ).images
    assert layers(encoder, output)[0] == ("uncentred" if output == "lus" else "last")
    for method in ("grad-cam", "hires-cam"):
        for layer in (None, "last.1.conv", "middle.1.conv"):
            maps = explain.saliency(encoder, frames, output, method, layer=layer)
            # lus is all but certain here, and its mean slopes speak against maps that are nowhere below 0
            assert maps.any() or (output, method, layer) == ("lus", "grad-cam", None), (method, layer)


def test_an_even_frame_in_front_leaves_the_maps_of_the_others_as_they_are():
    encoder = get("blues-lus")
    frames = simulate.frames(simulate.draw_scenes(3, np.random.default_rng(3)), np.random.default_rng(4)).images
    for output in ("lus", "b_line_presence"):
        maps = explain.saliency(encoder, frames, output, "hires-cam")
        behind = explain.saliency(encoder, np.concatenate([np.zeros_like(frames[:1]), frames]), output, "hires-cam")
        assert maps.any()
        np.testing.assert_allclose(behind[1:], maps, rtol=1e-4, atol=1e-6 * maps.max())


def test_a_layer_that_another_output_goes_through_is_refused_with_those_that_do():
    encoder = get("blues-lus")
    frames = simulate.frames(simulate.draw_scenes(1, np.random.default_rng(3)), np.random.default_rng(4)).images
    with pytest.raises(check.InputError, match="does not depend on layer 'last'") as caught:
        explain.saliency(encoder, frames, "lus", layer="last")
    allowed = str(caught.value).partition("Allowed: ")[2].split(", ")
    assert allowed[0] == "uncentred"
    assert "last" not in allowed


def test_an_ensembles_map_is_the_mean_of_its_members_maps():
    first, second = StreakNet(), StreakNet()
    with torch.no_grad():
        second.streaks.weight.mul_(0.3)
        second.streaks.weight[1].mul_(-2)
    members = [encoder_of(net) for net in (first, second)]
    features = ("member_1_streaks", "member_2_streaks", "gaps", "gaps_sd")
    made = encoder_of(ensemble.Ensemble([first, second], outputs=1), features)
    frames, _ = frames_with_streaks()
    for method in ("grad-cam", "hires-cam"):
        alone = [explain.saliency(one, frames, "gaps", method) for one in members]
        assert np.abs(alone[0] - alone[1]).max() > 0.1 * alone[0].max()
        np.testing.assert_allclose(explain.saliency(made, frames, "gaps", method), np.mean(alone, axis=0), rtol=1e-5)
        own = explain.saliency(members[1], frames, "streaks", method)
        np.testing.assert_allclose(explain.saliency(made, frames, "member_2_streaks", method), own, rtol=1e-5)
    assert layers(made, "gaps") == layers(members[0], "gaps")
    with pytest.raises(check.InputError, match="gaps_sd is a spread over the members"):
        explain.saliency(made, frames, "gaps_sd")


def test_layer_without_rows_is_passed_over():
    """A network that folds depth away at its end: the default is the last layer that still has rows and columns."""
    assert layers(get("blues-lus"), "b_line_coverage")[0] == "last"


def test_encoder_that_is_no_network_says_so():
    stats = get("frame-stats")
    with pytest.raises(check.InputError, match="no network"):
        explain.saliency(stats, np.zeros((1, *stats.preprocessing.size), np.uint8), "b_line_count")
    with pytest.raises(check.InputError, match="no network"):
        explain.randomised(stats)


def test_bad_input_is_named(streaks, tmp_path):
    frames, masks = frames_with_streaks()
    with pytest.raises(check.InputError, match="output is 'strekas'.*Nearest: 'streaks'"):
        explain.saliency(streaks, frames, "strekas")
    with pytest.raises(check.InputError, match=r"uint8 of shape \(n, 48, 64\)"):
        explain.saliency(streaks, frames[:, :20], "streaks")
    with pytest.raises(check.InputError, match="layer"):
        explain.saliency(streaks, frames, "streaks", layer="nowhere")
    with pytest.raises(check.InputError, match="method"):
        explain.saliency(streaks, frames, "streaks", "cam")
    with pytest.raises(check.InputError, match="window"):
        explain.saliency(streaks, frames, "streaks", "occlusion", window=(100, 2))
    with pytest.raises(check.InputError, match="gone.mp4.*not there any more.*numbers made of them remain"):
        explain.on_clip(streaks, tmp_path / "gone.mp4", "streaks")
    with pytest.raises(check.InputError, match="no frame has the artefact"):
        explain.pointing_game(masks.astype(float), np.zeros_like(masks))
    with pytest.raises(check.InputError, match="the same"):
        explain.overlay(frames, masks[:, :10])
    assert explain.saliency(streaks, frames[:0], "streaks").shape == (0, *SIZE)


def test_network_is_left_as_it_was(streaks):
    frames, _ = frames_with_streaks()
    before = streaks.forward(frames)
    explain.saliency(streaks, frames, "streaks")
    assert streaks.module.act.inplace
    assert not streaks.module._forward_hooks
    assert all(not m._forward_hooks for m in streaks.module.modules())
    np.testing.assert_array_equal(before, streaks.forward(frames))


def test_overlay_colours_the_strong_places_only_and_stills_are_written(streaks, tmp_path):
    frames, _ = frames_with_streaks()
    maps = np.zeros(frames.shape)
    maps[1, 5, 7] = 2.0
    made = explain.overlay(frames, maps)
    assert (made[0] == frames[0][..., None]).all()
    assert made[1, 5, 7].tolist() != [frames[1, 5, 7]] * 3
    found = explain.ClipSaliency(
        frames, maps.astype(np.float32), np.array([0.1, 0.9, 0.5], np.float32), "streaks", "grad-cam"
    )
    paths = explain.write_stills(found, tmp_path, "7_R3", most=2)
    assert [p.name for p in paths] == ["7_R3-streaks-002.png", "7_R3-streaks-003.png"]
    assert paths[0].read_bytes()[:4] == b"\x89PNG"
    shown = [np.asarray(Image.open(path)) for path in paths]
    assert all(picture.shape[1] == 2 * SIZE[1] for picture in shown)
    below = [picture[SIZE[0] :] for picture in shown]
    assert below[0].max() == 255  # the value, written below
    assert (below[0] != below[1]).any()
    assert (below[0] == below[0][..., :1]).all()  # in no colour of the map


def test_maps_of_noise_point_as_often_as_chance_says_with_a_tolerance():
    rng = np.random.default_rng(0)
    masks = np.zeros((400, 20, 30), dtype=bool)
    masks[:, 8:11, :4] = True
    found = explain.pointing_game(rng.random(masks.shape), masks, tolerance=3)
    assert found.detail["chance"] == pytest.approx(9 * 7 / 600)
    assert found.low < found.detail["chance"] < found.high
    assert explain.pointing_game(rng.random(masks.shape), masks).detail["chance"] == pytest.approx(12 / 600)


def test_flat_map_points_nowhere():
    masks = np.ones((2, 8, 8), dtype=bool)
    assert explain.pointing_game(np.zeros((2, 8, 8)), masks).value == 0


def test_overlay_is_written_as_a_clip_that_plays(streaks, tmp_path):
    frames, _ = frames_with_streaks()
    found = explain.on_clip(streaks, frames, "streaks", sector=video.find_sector(frames))
    for ending in ("mp4", "gif"):
        path = explain.write_clip(found, tmp_path / "maps" / f"clip.{ending}", fps=5)
        back = video.read(path, rate=100)
        assert back.frames.shape[0::2] == (3, 2 * SIZE[1])
        # the left half is what was recorded, and below it stands the value
        assert np.abs(back.frames[:, : SIZE[0], : SIZE[1]].astype(int) - frames).mean() < 8
        assert back.frames[:, SIZE[0] :].max() > 200
    with pytest.raises(check.InputError, match=r"ending.*'.avi'"):
        explain.write_clip(found, tmp_path / "clip.avi")


@pytest.mark.parametrize("method", explain.METHODS)
def test_values_beside_the_maps_are_the_encoders_own(streaks, method):
    frames, _ = frames_with_streaks()
    found = explain.on_clip(streaks, frames, "streaks", method, sector=video.find_sector(frames))
    np.testing.assert_allclose(found.values, streaks.forward(frames)[:, 0], rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return datasets.synthetic(tmp_path_factory.mktemp("made") / "cohort", patients=8, frames=8, size=64)


class TestCommand:
    def test_writes_stills_and_a_clip_and_names_one_that_moved_away(self, cohort, tmp_path, capsys):
        path = cohort.folder / str(cohort.clips.loc["patient_1_R1", "path"])
        away = path.rename(path.with_suffix(".away"))
        words = [str(cohort.folder), "--clips", "patient_1_R1", "patient_1_R3", "--out", str(tmp_path / "maps")]
        try:
            # the reading of the cohort forgets clips that are gone, so it is told by name
            assert command.main(words) == 2
        finally:
            away.rename(path)
        assert "patient_1_R1" in capsys.readouterr().err
        assert command.main([*words, "--stills", "1"]) == 0
        said = capsys.readouterr().out
        assert re.search(r"^patient_1_R3: b_line_coverage 0\.\d{3} to 0\.\d{3}$", said, re.M)
        assert "an output near 0 is coloured too" in said
        assert said.splitlines()[-1].startswith("2 pictures and 2 clips in ")
        assert said.endswith("Do not pass them on: what is burnt into them may name the patient.\n")
        assert command.main([*words[:2], "patient_1_R1", *words[4:], "--stills", "1", "--moving", "none"]) == 0
        assert capsys.readouterr().out.splitlines()[-1].startswith("1 picture in ")
        made = sorted(p.name for p in (tmp_path / "maps").iterdir())
        assert len(made) == 4
        assert "patient_1_R3-b_line_coverage.mp4" in made

    def test_encoder_without_a_network_or_output_is_refused(self, cohort, tmp_path, capsys):
        words = [str(cohort.folder), "--clips", "patient_1_R1", "--out", str(tmp_path)]
        assert command.main([*words, "--encoder", "frame-stats"]) == 2
        assert "no network" in capsys.readouterr().err
        assert command.main([*words, "--output", "blines"]) == 2
        assert "output is 'blines'" in capsys.readouterr().err
        assert command.main([*words, "--moving", "avi"]) == 2


def test_what_stands_below_a_frame_is_its_own_value_in_letters_that_the_font_has():
    frames = np.zeros((3, 20, 60), np.uint8)
    found = explain.ClipSaliency(
        frames,
        np.zeros(frames.shape),
        np.array([-0.4, 0.005, np.nan]),
        "b_line_presence",
        "grad-cam",
        0.0,
        np.arange(3),
        3,
    )
    said = [" ".join(lines) for lines in _lines(found, 200)]
    assert [words.partition(";")[0] for words in said] == [
        "b_line_presence −0.400",
        "b_line_presence 0.005",
        "b_line_presence –",
    ]
    font = _font()
    missing = bytes(font.getmask("\ufffe"))
    assert all(bytes(font.getmask(letter)) != missing for letter in "−–äμ0")
