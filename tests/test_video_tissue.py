"""What machines, players and telephones put beside a picture, or lay it on, moves no sector."""

import numpy as np
import pytest
from scipy import ndimage
from test_video import sector_frames

from blues import video
from blues.video.beside import ABOVE, BOTH, ONE, several
from blues.video.sector import mask

SHAPE = (480, 640)
WIDE = {"apex": (320, -60), "inner": 100, "outer": 500, "half": 0.45, "shape": SHAPE}


def convex(**changed):
    return sector_frames(**{**WIDE, **changed})


def linear(seed=0):
    inside = np.zeros(SHAPE, bool)
    inside[60:420, 220:420] = True
    return np.where(inside, np.random.default_rng(seed).integers(20, 140, (6, *SHAPE)), 0).astype(np.uint8), inside


def overlap(frames, inside):
    found = mask(video.find_sector(frames))
    return (found & inside).sum() / (found | inside).sum()


def blinking(frames, rows, columns, gray, every=2):
    changed = frames.copy()
    changed[::every, rows, columns] = gray
    return changed


def digits(frames, rows, columns):
    """Write other strokes in every frame, as a clock does."""
    changed, rng = frames.copy(), np.random.default_rng(3)
    for frame in changed:
        frame[rows, columns] = 255 * np.kron(rng.integers(0, 2, (6, 10)), np.ones((10, 10)))
    return changed


BESIDE = {
    "dot": lambda f: blinking(f, slice(10, 50), slice(10, 50), 255),
    "dim dot": lambda f: blinking(f, slice(10, 50), slice(10, 50), 60),
    "clock": lambda f: digits(f, slice(5, 65), slice(530, 630)),
    "heart rate": lambda f: digits(f, slice(415, 475), slice(530, 630)),
    "subtitles": lambda f: blinking(f, slice(445, 478), slice(160, 480), 40),
}


@pytest.mark.parametrize("kind", [convex, linear])
@pytest.mark.parametrize("what", BESIDE)
def test_what_moves_in_the_margin_moves_no_sector(kind, what):
    frames, inside = kind()
    assert overlap(frames, inside) > 0.95
    with_it = BESIDE[what](frames)
    assert (with_it != frames).any()
    assert video.find_sector(with_it) == video.find_sector(frames)


def test_tissue_that_fades_into_pieces_still_counts():
    frames, inside = convex()
    rows = np.arange(SHAPE[0])[:, None]
    cloud = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=SHAPE), 12)
    deep = (rows > 330) & (cloud < np.quantile(cloud, 0.75))
    faded = np.where((rows > 330), frames // 3, frames) * ~((rows > 300) & (rows < 330)) * ~deep
    sector = video.find_sector(faded.astype(np.uint8))
    assert sector.kind == "convex"
    assert abs(sector.apex[1] + sector.outer - 440) < 12


@pytest.mark.parametrize("ground", [18, 40, 255])
@pytest.mark.parametrize("strip", [4, 8, 12])
def test_a_narrow_strip_of_ground_beside_a_picture_is_no_tissue(ground, strip):
    frames, inside = convex(shape=(440, 480), apex=(240, -60))  # touches both sides
    shown = np.full((len(frames), 800, 480 + 2 * strip), ground, np.uint8)
    shown[:, 180:620, strip:-strip] = frames
    there = np.zeros(shown.shape[1:], bool)
    there[180:620, strip:-strip] = inside
    assert video.find_sector(shown).kind == "convex"
    assert overlap(shown, there) > 0.95


@pytest.mark.parametrize(("top", "bottom"), [(20, 5), (5, 20), (60, 20)])
@pytest.mark.parametrize("kind", [convex, linear])
@pytest.mark.parametrize("sideways", [False, True])
def test_a_shaded_ground_is_ground(kind, top, bottom, sideways):
    frames, inside = kind()
    shade = np.linspace(top, bottom, SHAPE[sideways])
    shade = np.broadcast_to(shade if sideways else shade[:, None], SHAPE)
    frames = np.where(inside, frames + 60, shade).astype(np.uint8)
    assert overlap(frames, inside) > 0.93  # an upright picture on a ground that is not black gives up its rim


def traced(frames):
    """Put a tracing over time (M-mode) below."""
    rng = np.random.default_rng(2)
    below = np.zeros((len(frames), 300, SHAPE[1]), np.uint8)
    below[:, 20:290, 10:630] = rng.integers(20, 140, (len(frames), 270, 620))
    return np.concatenate([frames, below], 1)


@pytest.mark.parametrize("kind", [convex, linear])
@pytest.mark.parametrize("below", [traced, lambda f: np.concatenate([f, f[::-1]], 1)], ids=["tracing", "sector"])
def test_of_two_pictures_the_upper_one_is_used(kind, below):
    frames, inside = kind()
    both = below(frames)
    there = np.zeros(both.shape[1:], bool)
    there[: SHAPE[0]] = inside
    assert several(frames) == ""
    assert several(both) == ABOVE
    assert overlap(both, there) > 0.95


@pytest.mark.parametrize("gap", [20, 60, 120])
def test_a_dark_band_across_one_picture_makes_no_two(gap):
    frames, _ = convex()
    cloud = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=SHAPE[1]), 12)
    rough = (220 + gap + 25 * cloud / np.abs(cloud).max()).astype(int)
    rows = np.arange(SHAPE[0])[:, None]
    assert several(np.where((rows > 200) & (rows < rough), 0, frames).astype(np.uint8)) == ""


def test_a_page_above_is_not_the_picture():
    frames, _ = linear()
    page = np.repeat(np.random.default_rng(4).integers(60, 200, (1, 300, SHAPE[1])), len(frames), 0).astype(np.uint8)
    page[:, 280:] = 0
    assert several(np.concatenate([page, frames], 1)) == ""
    assert video.find_sector(np.concatenate([page, frames], 1)).box[1] > 600


@pytest.mark.parametrize("columns", [(250, 270), (370, 395)])
def test_a_shadow_over_the_whole_height_cuts_nothing_off(columns):
    frames, _ = linear()
    shadowed = frames.copy()
    shadowed[:, :, slice(*columns)] = 0
    assert video.find_sector(shadowed) == video.find_sector(frames)


def test_of_two_sectors_one_of_which_stands_still_the_other_is_used():
    left, right = convex()[0], convex(seed=1)[0]
    still = np.concatenate([left, np.repeat(right[:1], len(right), 0)], 2)
    assert several(np.concatenate([left, right], 2)) == BOTH
    assert several(still) == ONE
    assert video.find_sector(still).box[3] <= SHAPE[1]
