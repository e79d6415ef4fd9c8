"""A screen split in two is told; one sector, whatever hides its middle, is not taken for two."""

import numpy as np
import pytest
from test_video import sector_frames

from blues import video
from blues.video.beside import ABOVE, BOTH, ONE, several

WIDE = {"apex": (320, -60), "inner": 100, "outer": 500, "half": 0.5, "shape": (480, 640)}


def one(ground=0, seed=0, **changed):
    """Draw a sector on a ground of one gray, with its mask."""
    frames, inside = sector_frames(**{**WIDE, **changed}, seed=seed)
    frames[:, ~inside] = ground
    return frames, inside


def hidden(frames, width, form):
    """Blacken the middle: a strip, a ray that widens with depth, or a place under the probe that narrows."""
    y, x = np.mgrid[: frames.shape[1], : frames.shape[2]] + 0.5
    across = np.abs(x - frames.shape[2] / 2)
    limit = {"strip": 0 * y + width * 160, "ray": width * (y + 60) * 0.5, "dropout": width * (320 - y)}[form]
    return np.where(across < limit, 0, frames).astype(np.uint8)


@pytest.mark.parametrize("ground", [0, 40, 255])
@pytest.mark.parametrize(
    "form", [{}, {"half": 0.35}, {"apex": (320, 20), "inner": 5, "outer": 440, "half": 0.7}, {"apex": (320, -130)}]
)
def test_two_sectors_side_by_side_are_told(tmp_path, ground, form):
    left, right = one(ground, 0, **form)[0], one(ground, 1, **form)[0]
    both = np.concatenate([left, right], 2)
    video.write(tmp_path / "both.mp4", both, fps=5)
    video.write(tmp_path / "one.mp4", left, fps=5)
    assert video.read(tmp_path / "both.mp4").problems == (BOTH,)
    assert video.read(tmp_path / "one.mp4").problems == ()


def test_two_sectors_with_their_sides_cut_off_are_told():
    frames, _ = one(apex=(150, -60), shape=(480, 300))
    assert several(np.concatenate([frames, frames], 2)) == BOTH


@pytest.mark.parametrize("form", ["strip", "ray", "dropout"])
@pytest.mark.parametrize("width", [0.05, 0.1, 0.2, 0.3, 0.5])
@pytest.mark.parametrize("margin", [0, 100])
def test_a_sector_with_a_dark_middle_is_one(form, width, margin):
    frames, _ = one()
    dark = np.pad(hidden(frames, width, form), ((0, 0), (margin, margin), (margin, margin)))
    assert (dark != np.pad(frames, ((0, 0), (margin, margin), (margin, margin)))).any()
    assert not several(dark)


@pytest.mark.parametrize("width", [0, 0.05, 0.2, 0.4])
def test_an_upright_picture_with_a_dark_middle_is_one(width, rng):
    frames = np.zeros((4, 480, 640), np.uint8)
    frames[:, 40:440, 120:520] = rng.integers(30, 120, (4, 400, 400))
    assert not several(hidden(frames, width, "strip"))


def test_other_arrangements_are_not_two_sectors_side_by_side(rng):
    frames, _ = one()
    upright = np.zeros_like(frames)
    upright[:, 60:460, 40:600] = rng.integers(30, 120, (len(frames), 400, 560))
    small, _ = one(apex=(320, 100), inner=50, outer=250)
    for beside in (upright, small, np.zeros_like(frames)):
        assert not several(np.concatenate([frames, beside], 2))
    assert several(np.concatenate([frames, frames], 1)) == ABOVE
    assert not several(np.zeros((1, 3, 500), np.uint8))


@pytest.mark.slow
@pytest.mark.real
def test_no_real_clip_is_taken_for_two(real_cohort_folder, pocus_folder):
    paths = sorted((real_cohort_folder / "lus_videos").rglob("*.mp4")) + sorted(pocus_folder.rglob("*.mp4"))
    clips = [video.read(path, most=8) for path in paths[::3]]
    assert len(clips) > 100
    assert not any({ABOVE, BOTH, ONE} & set(clip.problems) for clip in clips)
    # and most of them, put beside themselves with a margin round, are
    beside = [np.pad(clip.frames, ((0, 0), (0, 0), (30, 30))) for clip in clips[::10]]
    assert np.mean([several(np.concatenate([frames, frames], 2)) == BOTH for frames in beside]) > 0.8


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (3, 1000), (1000, 3), (40, 60000), (15, 15)])
def test_frames_too_thin_for_two_sectors_show_none(shape, rng):
    assert not several(rng.integers(0, 200, (2, *shape)).astype(np.uint8))
