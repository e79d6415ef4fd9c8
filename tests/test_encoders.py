"""Encoders: the registry, the readable baseline, networks and the weight files they are read from."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from blues import encoders, simulate
from blues.check import InputError
from blues.encoders import Preprocessing
from blues.encoders.frame_stats import DEFINITION, FEATURES, frame_stats

SIZE = 128
SEEN = SIZE - 2 * (SIZE // 6)  # scan lines that are looked at


def lung(pleura=24, a_lines=0, b_lines=(), level=30, noise=0, rng=None):
    """Draw a polar frame: tissue, a pleural line at a row, its repetitions, bright scan lines below it."""
    frame = np.full((SIZE, SIZE), float(level))
    frame[pleura:] *= 0.5
    for number in range(a_lines + 1):
        row = pleura * (number + 1)
        if row < SIZE - 2:
            frame[row : row + 3] = 220 * 0.7**number
    for column in b_lines:
        frame[pleura:, column : column + 6] = 180
    if noise:
        frame += rng.normal(0, noise, frame.shape)
    return frame.clip(0, 255).astype(np.uint8)


def stats(*frames):
    """Return one dict of features a frame."""
    return [dict(zip(FEATURES, row, strict=True)) for row in frame_stats(np.stack(frames))]


def test_registry_names_describe_and_refuse():
    assert "frame-stats" in encoders.names()
    for name in encoders.names():
        assert len(encoders.describe(name)) > 20
    with pytest.raises(InputError, match="Nearest: 'frame-stats'"):
        encoders.get("frame-stat")
    with pytest.raises(InputError, match="takes no weights"):
        encoders.get("frame-stats", weights="x.h5")


def test_card_is_json_ready_and_says_what_was_seen():
    encoder = encoders.get("frame-stats")
    assert json.loads(json.dumps(encoder.card)) == encoder.card
    assert encoder.card["saw"] == []
    assert encoder.saw == ()
    assert encoder.module is None
    assert len(encoder.hash) == 64


def test_preprocessing_survives_json_and_refuses_nonsense():
    one = Preprocessing(geometry="polar", size=(64, 48), channels=3, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0))
    assert Preprocessing.from_dict(json.loads(json.dumps(one.as_dict()))) == one
    with pytest.raises(InputError, match="geometry"):
        Preprocessing(geometry="square")
    with pytest.raises(InputError, match="3 numbers"):
        Preprocessing(channels=3)
    with pytest.raises(InputError, match="sample no frame"):
        Preprocessing(rate=0)
    with pytest.raises(InputError, match="not known"):
        Preprocessing.from_dict({"sise": [1, 2]})


def test_preprocessing_tensor_is_hand_computed():
    frames = np.array([[[0, 255]] * 8] * 2, np.uint8).repeat(4, axis=2)
    tensor = Preprocessing(size=(8, 8), channels=3, mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 2.0)).tensor(frames)
    assert tensor.shape == (2, 3, 8, 8)
    np.testing.assert_array_equal(tensor[0, :, 0, 0], [-1, -1, 0])
    np.testing.assert_array_equal(tensor[0, :, 0, 7], [1, 3, 0.5])


@pytest.mark.parametrize(
    "frames",
    [np.zeros((1, 128, 127), np.uint8), np.zeros((128, 128), np.uint8), np.zeros((1, 128, 128), np.float32)],
)
def test_forward_refuses_frames_of_another_shape_or_type(frames):
    with pytest.raises(InputError, match=r"uint8 of shape \(n, 128, 128\)"):
        encoders.get("frame-stats").forward(frames)


def test_forward_of_no_frames():
    encoder = encoders.get("frame-stats")
    assert encoder.forward(np.zeros((0, 128, 128), np.uint8)).shape == (0, encoder.dimensions)


def test_frame_stats_are_finite_whatever_the_frame(rng):
    frames = [
        np.zeros((SIZE, SIZE)),
        np.full((SIZE, SIZE), 255),
        rng.integers(0, 256, (SIZE, SIZE)),
        np.eye(SIZE) * 255,
    ]
    values = encoders.get("frame-stats").forward(np.stack(frames).astype(np.uint8))
    assert values.dtype == np.float32
    assert np.isfinite(values).all()


def test_frame_stats_do_not_depend_on_the_frames_beside(rng):
    frames = rng.integers(0, 256, (70, SIZE, SIZE), dtype=np.uint8)
    together = frame_stats(frames)
    np.testing.assert_array_equal(together[33:40], frame_stats(frames[33:40]))
    np.testing.assert_array_equal(together[69:], frame_stats(frames[69:]))


def test_frame_stats_of_plain_frames_by_hand():
    half = np.zeros((SIZE, SIZE), np.uint8)
    half[64:] = 51
    got = stats(half)[0]
    assert got["brightness_mean"] == pytest.approx(0.1)
    assert got["brightness_sd"] == pytest.approx(0.1)
    assert got["brightness_p10"] == 0
    assert got["brightness_p90"] == pytest.approx(0.2)
    assert got["dark_share"] == 0.5
    assert got["brightness_entropy"] == pytest.approx(1)
    assert [got[f"depth_band_{i}_mean"] for i in (1, 2, 3, 4)] == pytest.approx([0, 0, 0.2, 0.2])
    assert [got[f"depth_band_{i}_sd"] for i in (1, 2, 3, 4)] == pytest.approx([0, 0, 0, 0], abs=1e-4)
    assert got["brightness_centre_depth"] == pytest.approx(0.75, abs=0.01)
    assert got["attenuation_slope"] > 1
    assert got["left_right_asymmetry"] == 0
    assert got["centre_edge_ratio"] == pytest.approx(1)


@pytest.mark.parametrize("slope", [-0.4, -0.1, 0.2, 0.5])
def test_a_tilted_pleura_is_followed_and_what_lies_below_straightened(slope, rng):
    frame = rng.normal(30, 6, (SIZE, SIZE))
    for column in range(SIZE):
        row = round(36 + slope * (column - 64) / 2)
        for number, level in ((1, 220), (2, 150), (3, 100)):
            place = row + 36 * (number - 1)  # repetitions run parallel to the line
            frame[place : place + 3, column] = level
    got = stats(frame.clip(0, 255).astype(np.uint8))[0]
    assert got["pleura_depth"] == pytest.approx(37 / SIZE, abs=2 / SIZE)
    assert got["pleura_gaps"] < 0.05
    assert got["pleura_irregularity"] < 0.01
    assert got["a_line_spacing"] == pytest.approx(36 / SIZE, abs=2 / SIZE)
    assert got["a_line_first"] > 0.3


def test_an_arc_cut_off_at_the_sides_is_no_pleura(rng):
    frame = lung(40, noise=6, rng=rng)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    frame[rows < 16 * ((columns - 64) / 64) ** 2] = 0
    assert stats(frame)[0]["pleura_depth"] == pytest.approx(41 / SIZE, abs=1.5 / SIZE)


@pytest.mark.parametrize("row", [16, 24, 40, 56])
def test_pleural_line_is_found(row, rng):
    got = stats(lung(row, noise=10, rng=rng))[0]
    assert got["pleura_depth"] == pytest.approx((row + 1) / SIZE, abs=1.5 / SIZE)
    assert got["pleura_gaps"] == 0
    assert got["pleura_irregularity"] < 1.5 / SIZE


def test_a_lines_repeat_at_the_depth_of_the_pleura(rng):
    without, with_them = stats(lung(29, noise=6, rng=rng), lung(29, a_lines=3, noise=6, rng=rng))
    assert with_them["a_line_first"] > 0.5 > 0.1 > without["a_line_first"]
    assert with_them["a_line_second"] > 0.3 > 0.1 > without["a_line_second"]
    assert with_them["a_line_periodicity"] > without["a_line_periodicity"] + 0.2
    assert with_them["a_line_spacing_to_pleura"] == pytest.approx(1, abs=0.08)
    assert with_them["horizontal_streak_share"] > without["horizontal_streak_share"]
    assert with_them["b_line_count"] == 0


@pytest.mark.parametrize("columns", [(30,), (30, 60), (30, 60, 90)])
def test_b_lines_are_counted_and_do_not_fade(columns, rng):
    without, with_them = stats(lung(noise=6, rng=rng), lung(b_lines=columns, noise=6, rng=rng))
    assert without["b_line_count"] == 0
    assert with_them["b_line_count"] == len(columns)
    # of the six scan lines the outer two are lost to the average over three
    assert with_them["b_line_width"] == pytest.approx(4 * len(columns) / SEEN)
    assert with_them["b_line_persistence"] == pytest.approx(1, abs=0.05)
    assert with_them["vertical_streak_share"] > 0.8 > 0.2 > without["vertical_streak_share"]
    assert with_them["vertical_coherence"] > 0.9
    assert with_them["b_line_contrast"] > 2 * without["b_line_contrast"]


def test_a_fading_streak_persists_less():
    frame = lung().astype(float)
    frame[27:, 40:50] = np.linspace(200, 15, SIZE - 27)[:, None]
    fading, lasting = stats(frame.astype(np.uint8), lung(b_lines=(40,)))
    assert fading["b_line_persistence"] < 0.5 < lasting["b_line_persistence"]


def test_white_lung_shadow_and_broken_pleura():
    plain = lung()
    white = plain.copy()
    white[27:] = 160
    shadow = plain.copy()
    shadow[27:, 30:62] = 0
    broken = plain.copy()
    broken[24:27, 40:72] = 15
    plain_, white_, shadow_, broken_ = stats(plain, white, shadow, broken)
    assert white_["white_lung_share"] > 0.9 > 0.1 > plain_["white_lung_share"]
    assert shadow_["shadow_share"] == pytest.approx(32 / SEEN, abs=0.03)
    assert plain_["shadow_share"] == 0
    assert broken_["pleura_gaps"] == pytest.approx(32 / SEEN, abs=0.12)
    assert broken_["pleura_unevenness"] > plain_["pleura_unevenness"] + 0.2


def test_a_curved_pleura_is_not_irregular_and_a_ragged_one_is(rng):
    smooth, ragged = np.full((2, SIZE, SIZE), 20, np.uint8)
    for column in range(SIZE):
        row = round(30 + 6 * ((column - 64) / 64) ** 2)
        smooth[row : row + 3, column] = 220
        row = 30 + 5 * (column // 16 % 2)
        ragged[row : row + 3, column] = 220
    one, two = stats(smooth, ragged)
    assert one["pleura_irregularity"] < 0.008 < 0.012 < two["pleura_irregularity"]


def test_on_simulated_frames_the_features_see_what_they_are_named_for():
    """The simulator knows where the pleural line runs and what artefacts are visible; nothing here was fitted to it."""
    rng = np.random.default_rng(5)
    drawn = simulate.frames(simulate.draw_scenes(160, rng), rng, size=(SIZE, SIZE), geometry="polar")
    values = dict(zip(FEATURES, frame_stats(drawn.images).T, strict=True))
    truth = drawn.truth
    assert roc_auc_score(truth["b_lines"] > 0, values["vertical_streak_share"]) > 0.7
    assert roc_auc_score(truth["b_lines"] > 0, values["b_line_continuity"]) > 0.65
    assert roc_auc_score(truth["a_lines"] > 0, values["a_line_first"]) > 0.57
    assert roc_auc_score(truth["a_lines"] > 0, values["a_line_periodicity"]) > 0.57
    mask = drawn.masks["pleura"][:, :, SIZE // 6 : -(SIZE // 6)]
    seen = mask.any((1, 2))
    rows = [np.median(np.nonzero(frame)[0]) for frame in mask[seen]]
    error = np.abs(values["pleura_depth"][seen] * SIZE - rows)
    assert np.median(error) < 4
    assert np.mean(error < 6) > 0.55


def test_frame_stats_values_are_those_of_this_definition():
    """If this fails, raise DEFINITION in frame_stats.py and renew the numbers: caches must not mix two definitions."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    frame = (rows * 7 + columns * 13 + rows * columns) % 256
    frame[30:33] = 240
    got = stats(frame.astype(np.uint8))[0]
    assert DEFINITION == "frame-stats 2"
    assert set(GOLDEN) == set(FEATURES)
    assert got == pytest.approx(GOLDEN, abs=2e-3)


GOLDEN = {
    "brightness_mean": 0.511,
    "brightness_sd": 0.294,
    "brightness_p10": 0.106,
    "brightness_p50": 0.514,
    "brightness_p90": 0.922,
    "brightness_p99": 0.992,
    "dark_share": 0.048,
    "brightness_entropy": 7.666,
    "depth_band_1_mean": 0.526,
    "depth_band_2_mean": 0.514,
    "depth_band_3_mean": 0.502,
    "depth_band_4_mean": 0.501,
    "depth_band_1_sd": 0.3,
    "depth_band_2_sd": 0.296,
    "depth_band_3_sd": 0.289,
    "depth_band_4_sd": 0.29,
    "attenuation_slope": -0.038,
    "attenuation_residual": 0.1,
    "brightness_centre_depth": 0.484,
    "pleura_depth": 0.242,
    "pleura_brightness": 0.941,
    "pleura_contrast": 0.435,
    "pleura_thickness": 0.023,
    "pleura_irregularity": 0.0,
    "pleura_gaps": 0.0,
    "pleura_unevenness": 0.0,
    "below_pleura_mean": 0.501,
    "below_pleura_near": 0.528,
    "below_pleura_middle": 0.525,
    "below_pleura_deep": 0.529,
    "below_pleura_slope": 0.008,
    "below_pleura_dark_share": 0.094,
    "white_lung_share": 0.522,
    "near_pleura_patchiness": 0.028,
    "b_line_contrast": 0.045,
    "b_line_continuity": 0.53,
    "b_line_width": 0.0,
    "b_line_count": 0.0,
    "b_line_persistence": 0.997,
    "vertical_streak_share": 0.003,
    "vertical_coherence": -0.092,
    "shadow_share": 0.0,
    "horizontal_streak_share": 0.003,
    "a_line_periodicity": 0.441,
    "a_line_spacing": 0.148,
    "a_line_spacing_to_pleura": 0.613,
    "a_line_first": 0.009,
    "a_line_second": 0.048,
    "speckle_contrast": 0.553,
    "texture_vertical": 0.746,
    "texture_horizontal": 0.851,
    "texture_ratio": 0.877,
    "left_right_asymmetry": 0.0,
    "centre_edge_ratio": 1.005,
}
