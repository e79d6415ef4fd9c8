"""What is drawn over a moving picture, lines, letters, arrows and boxes, is taken out and told; nothing else is touched."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from test_video import sector_frames

from blues import video
from blues.video.drawings import FIGURE, LINE, drawings, without_drawings

SHAPE = (240, 320)


@pytest.fixture
def moving(rng):
    """Draw tissue that moves, with a bright level line as the pleura is and an upright ray that comes and goes."""
    frames = rng.integers(10, 90, (10, *SHAPE)).astype(np.uint8)
    frames[:, 60:64] = 200
    frames[:, 64:, 100:108] = (120 + 12 * np.arange(10))[:, None, None]
    return frames


def drawn(frames, places, gray=220, width=2, dots=6, upto=1.0):
    """Draw straight lines, each from a place of the top edge to one of the bottom (shares of the width), solid or of dots."""
    height, wide = frames.shape[1:]
    page = Image.new("L", (wide, height))
    pen, end = ImageDraw.Draw(page), upto * height
    for first, last in places:
        for row in np.arange(0, end, 2 * dots) if dots else [0]:
            below = min(row + (dots or end), end)
            ends = [wide * (first + (last - first) * y / height) for y in (row, below)]
            pen.line((ends[0], row, ends[1], below), fill=gray, width=width)
    return np.maximum(frames, np.asarray(page)[None])


def away(frames, mended, places, reach=8):
    """Tell whether all is as it was but for a narrow strip along the lines."""
    y, x = np.mgrid[: frames.shape[1], : frames.shape[2]]
    near = [
        np.abs(x - frames.shape[2] * (first + (last - first) * y / frames.shape[1])) <= reach for first, last in places
    ]
    return bool((frames == mended)[:, ~np.any(near, axis=0)].all())


@pytest.mark.parametrize(
    "look", [{}, {"dots": 0}, {"width": 4}, {"gray": 160, "dots": 0}, {"upto": 0.7}, {"width": 1, "gray": 255}]
)
@pytest.mark.parametrize("places", [[(0.5, 0.5)], [(0.2, 0.6), (0.4, 0.8)], [(0.9, 0.1)]])
def test_lines_are_taken_out(moving, look, places):
    with_lines = drawn(moving, places, **look)
    mended = without_drawings(with_lines)
    changed = (with_lines != moving).any(0)
    changed[52:72] = False  # where the level line crosses
    changed[:, 92:116] = False  # and the ray
    before, after = (np.abs(f[:, changed].astype(int) - 50).mean() for f in (with_lines, mended))
    assert before > 80
    assert after < 35
    assert away(with_lines, mended, places)


@pytest.mark.parametrize("column", [0, 1, 4, 316, 319])
def test_lines_at_the_edge_are_taken_out_too(moving, column):
    with_line = moving.copy()
    with_line[:, :, column] = 230
    mended = without_drawings(with_line)
    assert np.delete(mended[:, :, column], slice(52, 72), 1).max() < 100
    assert away(with_line, mended, [(column / SHAPE[1],) * 2])


def test_what_moves_or_lies_level_is_left_alone(moving):
    assert without_drawings(moving) is moving
    level = moving.copy()
    level[:, 200:203, ::2] = 230
    assert without_drawings(level) is level
    steady = np.repeat(drawn(moving[:1], [(0.5, 0.5)]), 10, 0)
    assert without_drawings(steady) is steady  # a frozen picture
    few = drawn(moving, [(0.5, 0.5)])[:3]
    assert without_drawings(few) is few
    swept = np.stack([drawn(one[None], [(0.3 + 0.04 * k,) * 2])[0] for k, one in enumerate(moving)])
    assert without_drawings(swept) is swept
    dots = drawn(moving, [(0.5, 0.5)], upto=0.3, dots=3)
    assert without_drawings(dots) is dots
    soft = np.maximum(moving, (220 * np.exp(-((np.arange(SHAPE[1]) - 200) ** 2) / 200)).astype(np.uint8))
    assert without_drawings(soft) is soft
    flat = drawn(moving, [(0.1, 4.0)])
    assert without_drawings(flat) is flat


def written(frames, draw):
    """Draw on a page with a pen, and lay it over the frames; return them and where it is drawn."""
    page = Image.new("L", frames.shape[:0:-1])
    draw(ImageDraw.Draw(page))
    return np.maximum(frames, np.asarray(page)[None]), np.asarray(page) > 0


def arrow(pen):
    pen.line((200, 230, 200, 180), fill=250, width=2)
    pen.polygon([(200, 170), (193, 186), (207, 186)], fill=250)


FIGURES = {
    "letters": lambda pen: pen.text((20, 90), "MI 0.8  Lung\nB-lines?", fill=230, font=ImageFont.load_default(16)),
    "an arrow": arrow,
    "a box": lambda pen: pen.rectangle((120, 110, 240, 200), outline=255, width=2),
    "a cross": lambda pen: (pen.line((150, 140, 166, 140), 255, 3), pen.line((158, 132, 158, 148), 255, 3)),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_filled_in(moving, name):
    shown, there = written(moving, FIGURES[name])
    mended = without_drawings(shown)
    plain = there.copy()
    plain[:, 92:116] = False  # but where the ray crosses
    assert shown[:, plain].mean() > 150
    assert mended[:, plain].mean() == pytest.approx(50, abs=12)
    y, x = np.nonzero(there)
    away = np.ones(there.shape, bool)
    away[y.min() - 4 : y.max() + 5, x.min() - 4 : x.max() + 5] = False
    assert (mended == shown)[:, away].all()
    assert drawings(shown) == (FIGURE,)
    assert drawings(moving) == ()


def test_a_level_line_stays_beside_a_figure(moving):
    shown, _ = written(moving, FIGURES["an arrow"])
    assert (without_drawings(shown)[:, 60:64] == 200).all()


def test_a_players_bar_is_filled_in_and_a_level_line_above_is_not(moving):
    shown = moving.copy()
    shown[:, 220:225] = 120
    for number, one in enumerate(shown):
        one[220:225, : 32 * (number + 1)] = 220
    mended = without_drawings(shown)
    assert mended[:, 220:225].mean() == pytest.approx(50, abs=12)
    assert (mended[:, 60:64] == 200).all()
    assert drawings(shown) == (FIGURE,)
    higher = np.roll(shown, -60, 1)
    higher[:, 60:64] = moving[:, 60:64]
    assert without_drawings(higher) is higher


def test_a_line_and_a_figure_are_both_taken_out_and_told(moving):
    shown, there = written(drawn(moving, [(0.7, 0.7)]), FIGURES["a box"])
    assert drawings(shown) == (LINE, FIGURE)
    mended = without_drawings(shown)
    assert mended[:, there].mean() == pytest.approx(50, abs=12)
    assert mended[:, 80:, 222:226].mean() == pytest.approx(50, abs=12)


def test_a_rim_round_the_frame_is_nothing_drawn_over_it(moving):
    framed = np.pad(moving, ((0, 0), (3, 3), (3, 3)), constant_values=230)
    assert drawings(framed) == ()
    assert without_drawings(framed) is framed


@pytest.mark.parametrize("geometry", ["full", "sector", "polar"])
def test_an_encoder_sees_the_clip_without_the_line_and_reading_tells(tmp_path, geometry):
    plain, _ = sector_frames(apex=(320, -60), inner=100, outer=500, half=0.5, shape=(480, 640))
    plain = np.tile(plain, (3, 1, 1)) if len(plain) < 8 else plain
    video.write(tmp_path / "line.mp4", drawn(plain, [(0.5, 0.5)]), fps=3)
    video.write(tmp_path / "plain.mp4", plain, fps=3)
    line, without = (video.read(tmp_path / f"{name}.mp4") for name in ("line", "plain"))
    assert line.problems == (LINE,)
    assert without.problems == ()
    sector = video.find_sector(without.frames)
    shown, wanted = (video.prepare(clip.frames, geometry, (128, 128), sector) for clip in (line, without))
    middle = shown[:, 20:, 60:68].astype(int) - wanted[:, 20:, 60:68]
    assert np.abs(middle.mean()) < 4
    assert (shown[:, :, :50] == wanted[:, :, :50]).mean() > 0.4
