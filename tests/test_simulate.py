"""The simulator: what is drawn is what was asked for, and the truth beside it says so."""

import io
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from blues import simulate, video
from blues.check import InputError
from blues.simulate import machine
from blues.simulate.texture import GRAINS, LOOKS, bank

PLAIN = {
    "machine": "cart",
    "severity": 0,
    "linear": 0,
    "radius": 5,
    "opening": 60,
    "depth": 12,
    "crop": 1,
    "crop_top": 0,
    "crop_bottom": 0,
    "pleura_depth": 2,
    "pleura_tilt": 0,
    "pleura_bend": 0,
    "pleura_thickness": 0.1,
    "pleura_db": 18,
    "roughness": 0,
    "break_width": 0,
    "wall_contrast": 0,
    "wall_db": 0,
    "layer_db": -60,
    "contact": 0,
    "side_db": 0,
    "rib_width": 0,
    "a_db": -99,
    "reverb_db": -60,
    "haze_db": -3,
    "haze_decay": 0.5,
    "uneven_db": 0,
    "band_db": 0,
    "clutter_db": -99,
    "b_width": 0,
    "comet_width": 0,
    "consolidation_depth": 0,
    "beyond_db": 4,
    "effusion": 0,
    "organ": 0,
    "gain": 30,
    "dynamic_range": 60,
    "grey_bend": 0,
    "attenuation": 0,
    "tgc": 0,
    "noise_db": -30,
    "looks": 9,
    "grain": 0.3,
    "streak_db": 0,
    "blotch_db": 0,
    "coherence": 1,
    "blur_axial": 0,
    "blur_lateral": 0,
    "quality": 100,
    "overlay": 0,
}
"""An even chest wall over an even lung: what a test adds is all there is."""


def plain(**changes):
    return simulate.draw_scene(np.random.default_rng(1), **{**PLAIN, **changes})


def slots(*values, length):
    return [*values, *[0.0] * (length - len(values))]


def drawn(size=(128, 128), geometry="polar", **changes):
    return simulate.frames(plain(**changes), np.random.default_rng(2), size, geometry)


def columns_of(centimetres, scene, width=128):
    """Return the scan line at a place along the pleural line."""
    reach = np.radians(scene.opening / 2)
    u = np.arcsin(centimetres / (scene.radius + scene.pleura_depth)) / reach
    return np.rint((u + 1) / 2 * width - 0.5).astype(int)


# -- speckle ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("looks", LOOKS)
@pytest.mark.parametrize("grain", [0, GRAINS - 1])
def test_speckle_has_rayleigh_statistics(looks, grain):
    """Powers of fully developed speckle are exponential; averaged over L looks their mean over deviation is sqrt(L)."""
    db = bank(128, 128)["speckle"][grain * len(LOOKS) + LOOKS.index(looks)].numpy()
    power = 10 ** (db / 10)
    assert power.mean() == pytest.approx(1, abs=0.03)
    assert power.mean() / power.std() == pytest.approx(np.sqrt(looks), rel=0.06)
    if looks == 1:
        amplitude = np.sqrt(power)
        assert amplitude.mean() / amplitude.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.03)  # 1.91


def test_one_look_of_even_tissue_is_rayleigh_in_the_frame_itself():
    scene = plain(looks=1, grain=0, pleura_depth=11.5, gain=40, dynamic_range=90)
    stack = [scene.replace(texture=np.random.default_rng(i).random((8, 2))) for i in range(8)]
    images = simulate.frames(stack, np.random.default_rng(0)).images[:, 10:90].astype(float)
    amplitude = 10 ** (images / 255 * 90 / 20)
    assert amplitude.mean() / amplitude.std() == pytest.approx(1.91, rel=0.05)


def _lateral_width(image):
    x = image - image.mean(1, keepdims=True)
    one = (x[:, 1:] * x[:, :-1]).mean() / (x * x).mean()
    return 1 / np.sqrt(-np.log(max(one, 1e-3)))


def test_speckle_widens_with_grain_and_with_depth():
    widths = [_lateral_width(drawn(grain=g, looks=1, pleura_depth=11).images[0, 5:100].astype(float)) for g in (0, 0.9)]
    assert widths[1] > 1.5 * widths[0]
    image = drawn((256, 256), "cartesian", grain=0.4, looks=1, pleura_depth=11.5).images[0].astype(float)
    near, far = image[40:80, 108:148], image[190:230, 108:148]
    assert _lateral_width(far) > 1.25 * _lateral_width(near)


# -- artefacts -------------------------------------------------------------------------------------------------------


def test_b_lines_are_where_they_were_put_and_start_at_the_pleura():
    at = [-1.5, 0.2, 2.0]
    scene = plain(
        b_at=slots(*at, length=8),
        b_width=slots(0.4, 0.4, 0.4, length=8),
        b_db=slots(9, 9, 9, length=8),
        b_decay=0,
    )
    frame = simulate.frames(scene, np.random.default_rng(0))
    assert frame.truth.b_lines[0] == 3
    assert frame.truth.a_lines[0] == 0
    mask, image = frame.masks["b_line"][0], frame.images[0].astype(float)
    pleura_row = int(2 / 12 * 128)
    assert not mask[: pleura_row - 1].any()
    assert mask[-1].any()
    profile = image[60:].mean(0)
    for column in columns_of(np.array(at), scene):
        assert mask[60:, column].all()
        assert profile[column] > np.median(profile) + 20
    share = mask[100].mean()
    assert frame.truth.b_coverage[0] == pytest.approx(share, abs=0.01)
    above = image[: pleura_row - 3].mean(0)
    assert abs(above[columns_of(0.2, scene)] - above.mean()) < 12


def test_comet_tails_are_no_b_lines():
    frame = drawn(
        comet_at=slots(0.0, length=4), comet_width=slots(0.3, length=4), comet_db=slots(8, length=4), comet_decay=8
    )
    assert frame.truth.b_lines[0] == 0
    assert not frame.masks["b_line"].any()
    middle = frame.images[0, :, 60:68].astype(float).mean(1)
    beside = frame.images[0, :, 30:38].astype(float).mean(1)
    assert middle[24:30].mean() > beside[24:30].mean() + 15
    assert abs(middle[90:].mean() - beside[90:].mean()) < 8


@pytest.mark.parametrize("depth", [1.5, 2.5])
def test_a_lines_stand_at_multiples_of_the_pleural_depth(depth):
    frame = drawn((256, 64), pleura_depth=depth, a_db=12, a_decay=2, a_width=1, haze_db=-12, pleura_fall=0)
    profile = frame.images[0].astype(float)[:, 24:40].mean(1)
    rows = (np.arange(256) + 0.5) * 12 / 256
    for k in (1, 2, 3):
        near = np.abs(rows - k * depth) < 0.4
        assert rows[near][np.argmax(profile[near])] == pytest.approx(k * depth, abs=0.1)
        between = np.abs(rows - (k + 0.5) * depth) < 0.15
        assert profile[near].max() > profile[between].mean() + 15
    assert frame.truth.a_lines[0] >= 3
    assert frame.masks["a_line"][0].any(1).sum() > 3
    assert not frame.masks["a_line"][0][rows < 1.5 * depth].any()


def test_b_lines_erase_a_lines():
    both = {"a_db": 6, "a_decay": 1, "haze_db": -8, "b_at": slots(0.0, length=8), "b_width": slots(1.2, length=8)}
    frame = drawn(**both, b_db=12, b_decay=0, pleura_fall=0)
    row = frame.masks["a_line"][0].any(1)
    assert row.any()
    assert not frame.masks["a_line"][0][:, 62:66].any()


def test_ribs_cast_shadows_from_their_surface_down():
    scene = plain(
        rib_at=slots(2.0, length=3),
        rib_width=slots(1.5, length=3),
        rib_rise=0.5,
        rib_round=0.2,
        rib_db=15,
        shadow_db=20,
        shadow_soft=0.2,
        shadow_onset=0.1,
    )
    frame = simulate.frames(scene, np.random.default_rng(0))
    column = columns_of(2.0, scene)
    image, mask = frame.images[0].astype(float), frame.masks["rib_shadow"][0]
    top = int(1.5 / 12 * 128)
    assert mask[top + 2 :, column].all()
    assert not mask[: top - 2, column].any()
    assert image[40:, column].mean() < image[40:, 128 - column].mean() - 50
    assert image[top - 1 : top + 2, column].max() > image[: top - 4, column].mean() + 30
    assert not frame.masks["pleura"][0][:, column].any()
    assert frame.truth.pleura[0] < 0.9


def test_consolidation_is_darker_than_white_lung_below_and_has_the_area_it_says():
    frame = drawn(
        consolidation_at=slots(0.0, length=2),
        consolidation_width=slots(3.0, length=2),
        consolidation_depth=slots(2.0, length=2),
        consolidation_db=-8,
        bronchogram=-1,
        shred=0,
    )
    mask, image = frame.masks["consolidation"][0], frame.images[0].astype(float)
    assert mask.any()
    assert image[mask].mean() < image[frame.masks["b_line"][0]].mean() - 20
    assert frame.truth.consolidation[0] == pytest.approx(2 / 3 * 3.0 * 2.0 * (8 / 7), rel=0.1)  # wider further down
    row = 12 / 128
    column = np.radians(60) / 128
    depth = (np.arange(128) + 0.5) * row
    area = (mask * (row * column * (5 + depth))[:, None]).sum()
    assert frame.truth.consolidation[0] == pytest.approx(area, rel=0.1)
    assert frame.truth.soldati[0] == 2


def test_below_a_lobar_pneumonia_there_may_be_no_white_lung():
    deep = {"consolidation_width": slots(6, length=2), "consolidation_depth": slots(3, length=2), "consolidation_at": 0}
    white, none = (drawn(**deep, beyond_db=level) for level in (4, -99))
    assert white.masks["b_line"][0].any()
    assert not none.masks["b_line"][0].any()
    assert none.truth.b_coverage[0] == 0
    below = np.s_[100:120, 60:68]
    assert white.images[0][below].mean() > none.images[0][below].mean() + 30


def test_air_bronchograms_brighten_a_consolidation():
    deep = {"consolidation_width": slots(6, length=2), "consolidation_depth": slots(5, length=2), "consolidation_at": 0}
    top = []
    for amount in (-1, 1):
        scene = plain(**deep, consolidation_db=-8, shred=0, bronchogram=amount)
        scenes = [scene.replace(texture=np.random.default_rng(i).random((8, 2))) for i in range(8)]
        images = simulate.frames(scenes, np.random.default_rng(0)).images
        top.append(np.percentile(images[:, 35:50, 48:80], 98))
    assert top[1] > top[0] + 25


def test_effusion_is_nearly_black_between_two_lines():
    frame = drawn(effusion=1.5, effusion_tilt=0)
    mask, image = frame.masks["effusion"][0], frame.images[0].astype(float)
    assert frame.truth.effusion[0] == pytest.approx(1.5, abs=0.05)
    rows = np.flatnonzero(mask.any(1))
    assert image[rows[4] : rows[-4]].mean() < image[:15].mean() - 60
    surface = int(3.5 / 12 * 128)
    assert image[surface - 1 : surface + 2].mean() > image[surface + 12 : surface + 20].mean() + 15


def test_organ_replaces_the_lung_on_its_side():
    frame = drawn(organ=1, organ_edge=0.0, organ_db=3, diaphragm=4)
    assert frame.truth.organ[0] == pytest.approx(0.5, abs=0.06)
    assert frame.masks["organ"][0][40:, 80:].all()
    assert not frame.masks["organ"][0][:, :50].any()
    assert not frame.masks["pleura"][0][:, 80:].any()


def test_breaks_interrupt_the_pleural_line():
    scene = plain(break_at=slots(1.0, length=3), break_width=slots(0.8, length=3))
    frame = simulate.frames(scene, np.random.default_rng(0))
    column, row = columns_of(1.0, scene), int(2 / 12 * 128)
    assert not frame.masks["pleura"][0][:, column].any()
    image = frame.images[0].astype(float)
    assert image[row - 1 : row + 2, column].max() < image[row - 1 : row + 2].max(0).mean() - 30
    assert frame.truth.breaks[0] == pytest.approx(0.8 / 7, abs=0.03)


def test_bands_make_the_lung_uneven_from_depth_to_depth_only_below_the_pleura():
    even, banded = (drawn(band_db=level).images[0].astype(float) for level in (0, 3))
    rows = banded.mean(1) - even.mean(1)
    assert np.abs(rows[:18]).max() < 1
    assert rows[30:].std() > 4


def test_masks_may_be_drawn_at_some_rows_and_columns_only():
    scenes = simulate.draw_scenes(40, np.random.default_rng(0), severity=2)
    whole = simulate.draw(scenes, np.random.default_rng(1), masks=True).masks
    thin = simulate.draw(scenes, np.random.default_rng(1), masks=True, step=(2, 4)).masks
    for name, mask in thin.items():
        assert torch.equal(mask, whole[name][:, 1::2, 2::4]), name
    with pytest.raises(InputError, match="step"):
        simulate.draw(scenes, np.random.default_rng(1), geometry="cartesian", masks=True, step=(2, 4))


# -- severity --------------------------------------------------------------------------------------------------------


def test_severity_follows_its_written_definition():
    b = {"b_db": 10, "b_decay": 0}
    white = {"b_at": np.linspace(-3, 3, 8), "b_width": 1.2, **b}
    few = {"b_at": slots(0.0, length=8), "b_width": slots(0.4, length=8), **b}
    broken = {"break_at": slots(0.0, length=3), "break_width": slots(0.6, length=3)}
    cases = {
        0: [{}, {"a_db": 10}],
        1: [few, {"roughness": 0.08}],
        2: [broken, few | broken, {"consolidation_width": slots(1.0, length=2), "consolidation_depth": 0.8}],
        3: [white, white | broken],
    }
    for score, scenes in cases.items():
        for changes in scenes:
            assert drawn(**changes).truth.soldati[0] == score, changes


def test_severity_asked_for_is_mostly_the_severity_drawn():
    rng = np.random.default_rng(0)
    asked = np.repeat([0, 1, 2, 3], 60)
    truth = simulate.frames(simulate.draw_scenes(240, rng, severity=asked), rng, (64, 64), masks=False).truth
    assert (truth.soldati.to_numpy() == asked).mean() > 0.65
    assert truth.soldati.groupby(asked).mean().is_monotonic_increasing
    assert truth.b_coverage.groupby(asked).mean().is_monotonic_increasing
    assert (truth.a_lines > 0).groupby(asked).mean().is_monotonic_decreasing


# -- geometry and machine ----------------------------------------------------------------------------------------------


def test_scan_conversion_puts_a_point_where_trigonometry_says():
    scene = plain(b_at=slots(1.5, length=8), b_width=slots(0.3, length=8), b_db=12, b_decay=0)
    size = (240, 240)
    mask = simulate.frames(scene, np.random.default_rng(0), size, "cartesian").masks["b_line"][0]
    angle, chord = np.arcsin(1.5 / 7), 5 * np.cos(np.radians(30))
    scale = max((17 - chord) / 240, 2 * 17 * np.sin(np.radians(30)) / 240)
    for depth in (4.0, 8.0, 11.0):
        row = ((5 + depth) * np.cos(angle) - chord) / scale - 0.5
        column = (5 + depth) * np.sin(angle) / scale + 120 - 0.5
        assert mask[round(row), round(column)]
        assert not mask[round(row), round(240 - column)]


def test_sector_is_black_outside_and_video_finds_it_again():
    image = drawn((256, 256), "cartesian", gain=40).images
    assert (image[0, :60, :40] == 0).all()
    sector = video.find_sector(np.repeat(image, 3, 0))
    assert sector.kind == "convex"
    assert np.degrees(sector.right - sector.left) == pytest.approx(60, abs=4)


def test_linear_probe_fills_an_upright_box():
    frame = drawn((128, 128), "cartesian", linear=1, width=4, depth=4, pleura_depth=1.2, gain=40)
    inside = frame.images[0] > 0
    assert inside[5:-5].all()
    assert drawn(linear=1, width=2, depth=4, gain=40).images.all()
    narrow = drawn((128, 128), "cartesian", linear=1, width=2, depth=4, gain=40).images[0] > 0
    assert narrow[:, 34:94].all()
    assert not narrow[:, :30].any()


def test_cropping_hides_the_deep_corners_the_top_and_the_bottom():
    whole = drawn(gain=40).images[0]
    cut = drawn(gain=40, crop=0.6, crop_top=0.5, crop_bottom=1.5).images[0]
    assert whole.all()
    assert (cut[-30, [2, 125]] == 0).all()
    assert (cut[:2, 60:68] == 0).sum() == 0
    assert (cut[0, [0, 127]] == 0).all()
    assert (cut[-2:, 60:68] == 0).all()
    assert (cut[60:100, 50:78] > 0).all()


def test_gain_attenuation_and_range_do_what_a_sonographer_expects():
    base = drawn().images.astype(float)
    assert drawn(gain=36).images.mean() > base.mean() + 15
    assert drawn(dynamic_range=45).images.std() > 1.15 * base.std()
    faded = drawn(attenuation=1.5).images.astype(float)
    assert (base - faded)[0, 100:].mean() > (base - faded)[0, :20].mean() + 20
    lifted = drawn(tgc=[0, 0, 0, 6, 6, 6]).images.astype(float)
    assert (lifted - base)[0, 100:].mean() == pytest.approx(6 / 60 * 255, abs=3)
    assert abs((lifted - base)[0, :40].mean()) < 1


@pytest.mark.parametrize("quality", [15, 50, 90])
def test_jpeg_is_what_a_jpeg_library_does(quality):
    # white lungs: from a dark frame so little is lost that rounding to whole grey levels is most of it
    scenes = simulate.draw_scenes(4, np.random.default_rng(3), severity=3, quality=100)
    images = simulate.frames(scenes, np.random.default_rng(0))
    ours = machine.jpeg(torch.tensor(images.images).float(), torch.full((4,), float(quality))).round().numpy()
    for mine, image in zip(ours, images.images, strict=True):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        theirs = np.asarray(Image.open(buffer), float)
        # a coefficient halfway between two steps may be rounded either way; the loss itself must be the same
        assert np.abs(mine - theirs).mean() < 0.25
        assert np.corrcoef((mine - image).ravel(), (theirs - image).ravel())[0, 1] > 0.93


def test_jpeg_takes_sizes_that_are_no_multiple_of_eight():
    image = torch.full((1, 61, 45), 100.0)
    assert torch.allclose(machine.jpeg(image, torch.tensor([75.0])), image, atol=2)


def test_overlay_adds_letters_only():
    plain_, lettered = drawn((128, 128)).images[0], drawn((128, 128), overlay=1).images[0]
    changed = plain_ != lettered
    assert 0.001 < changed.mean() < 0.2
    assert (lettered[changed] > plain_[changed]).all()


# -- randomness and batches ----------------------------------------------------------------------------------------------


def test_same_seed_same_frames_other_seed_other_frames():
    def make(seed):
        rng = np.random.default_rng(seed)
        return simulate.frames(simulate.draw_scenes(6, rng), rng, (64, 64))

    a, b, c = make(0), make(0), make(1)
    assert (a.images == b.images).all()
    assert a.truth.equals(b.truth)
    assert (a.images != c.images).mean() > 0.3


def test_a_scene_looks_the_same_alone_and_in_a_batch():
    scenes = simulate.draw_scenes(40, np.random.default_rng(5), overlay=0)
    fresh = np.random.default_rng(6).random((40, 2))
    together = simulate.draw(scenes, np.random.default_rng(0), (64, 64), fresh=fresh, masks=True)
    for i in (0, 33, 39):
        alone = simulate.draw(scenes[i], np.random.default_rng(0), (64, 64), fresh=fresh[i : i + 1], masks=True)
        difference = (together.images[i].int() - alone.images[0].int()).abs()
        assert difference.float().mean() < 0.05
        for name, mask in alone.masks.items():
            assert (mask[0] != together.masks[name][i]).float().mean() < 0.002, name


def test_masks_and_truth_cover_every_frame():
    rng = np.random.default_rng(8)
    frame = simulate.frames(simulate.draw_scenes(50, rng), rng, (64, 96), "cartesian")
    assert frame.images.shape == (50, 64, 96)
    assert frame.images.dtype == np.uint8
    assert set(frame.masks) == set(simulate.MASKS)
    assert all(m.shape == frame.images.shape and m.dtype == bool for m in frame.masks.values())
    assert list(frame.truth) == list(simulate.TRUTH)
    assert np.isfinite(frame.truth.to_numpy(float)).all()
    assert frame.truth.b_coverage.between(0, 1).all()
    some = frame.masks["b_line"].any((1, 2))
    assert (some | (frame.truth.b_lines == 0)).all()


# -- clips -----------------------------------------------------------------------------------------------------------


def test_lung_slides_and_ribs_stay():
    scene = plain(
        b_at=slots(0.0, length=8),
        b_width=slots(0.4, length=8),
        b_db=10,
        b_decay=0,
        rib_at=slots(3.0, length=3),
        rib_width=slots(1.0, length=3),
    )

    def travel(slide):
        clip = simulate.clip(scene, 4, 8, np.random.default_rng(0), (64, 128), "polar", masks=True, slide=slide)
        place = np.arange(128)
        b = [(m[40] * place).sum() / m[40].sum() for m in clip.masks["b_line"]]
        shadow = [(m[60] * place).sum() / m[60].sum() for m in clip.masks["rib_shadow"]]
        return np.ptp(b), np.ptp(shadow)

    assert travel(0.6)[0] > 12
    assert travel(0.6)[1] < 2
    assert travel(0.0)[0] < 2


def test_chest_wall_stays_while_lung_speckle_changes():
    clip = simulate.clip(plain(coherence=0.3), 1, 10, np.random.default_rng(0), (128, 128), "polar", slide=0.0)
    frames = clip.images.astype(float)

    def likeness(rows):
        return np.median([np.corrcoef(a[rows].ravel(), b[rows].ravel())[0, 1] for a, b in pairwise(frames)])

    assert likeness(slice(3, 18)) > 0.95
    assert 0.1 < likeness(slice(30, 120)) < 0.8


def test_h264_keeps_what_matters(tmp_path):
    scene = plain(b_at=slots(0.0, length=8), b_width=slots(0.6, length=8), b_db=10, b_decay=0)
    clip = simulate.clip(scene, 0.5, 20, np.random.default_rng(0), (128, 128), slide=0.0, masks=True)
    video.write(tmp_path / "a.mp4", clip.images, 20)
    back = video.read(tmp_path / "a.mp4", rate=20).frames
    assert back.shape == clip.images.shape
    mask = clip.masks["b_line"]
    for images in (clip.images, back):
        assert images[mask].mean() > images[clip.masks["lung"] & ~mask].mean() + 25


# -- what is no lung ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(simulate.NEGATIVES))
def test_negatives_of_every_kind_vary(kind):
    images, kinds = simulate.negatives(6, np.random.default_rng(0), (64, 80), kind)
    assert images.shape == (6, 64, 80)
    assert images.dtype == np.uint8
    assert set(kinds) == {kind}
    assert len({image.tobytes() for image in images}) == 6
    again, _ = simulate.negatives(6, np.random.default_rng(0), (64, 80), kind)
    assert (again == images).all()


# -- messages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"severity": 4}, "no Soldati score"),
        ({"severity": [0, 1]}, r"severity has shape \(2,\)"),
        ({"machine": "handhold"}, "Nearest: 'handheld'"),
        ({"pleura_dept": 2}, "Nearest: 'pleura_depth'"),
        ({"b_at": [0, 1]}, r"b_at has shape \(2,\).*\(3, 8\)"),
        ({"n": 0}, "n is 0"),
    ],
)
def test_wrong_choices_are_named(choices, says):
    n = choices.pop("n", 3)
    with pytest.raises(InputError, match=says):
        simulate.draw_scenes(n, np.random.default_rng(0), **choices)


def test_wrong_requests_are_named(rng):
    scenes = simulate.draw_scenes(2, rng)
    with pytest.raises(InputError, match="geometry is 'polr'.*Nearest: 'polar'"):
        simulate.frames(scenes, rng, geometry="polr")
    with pytest.raises(InputError, match="at least 32 rows"):
        simulate.frames(scenes, rng, (16, 64))
    with pytest.raises(InputError, match="no scene"):
        simulate.frames([], rng)
    with pytest.raises(InputError, match="this is a batch"):
        simulate.clip(scenes)
    with pytest.raises(InputError, match="fps is 0"):
        simulate.clip(scenes[0], fps=0)
    with pytest.raises(InputError, match="Nearest: 'noise'"):
        simulate.negatives(2, rng, kind="noize")
