"""Straight lines that a machine draws over a moving picture are taken out and told; nothing else is touched."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from test_video import sector_frames

from blues import video
from blues.video.lines import DRAWN, without_lines

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
    mended = without_lines(with_lines)
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
    mended = without_lines(with_line)
    assert np.delete(mended[:, :, column], slice(52, 72), 1).max() < 100
    assert away(with_line, mended, [(column / SHAPE[1],) * 2])


def test_what_moves_or_lies_level_is_left_alone(moving):
    assert without_lines(moving) is moving
    level = moving.copy()
    level[:, 200:203, ::2] = 230
    assert without_lines(level) is level
    steady = np.repeat(drawn(moving[:1], [(0.5, 0.5)]), 10, 0)
    assert without_lines(steady) is steady  # a frozen picture
    few = drawn(moving, [(0.5, 0.5)])[:3]
    assert without_lines(few) is few
    swept = np.stack([drawn(one[None], [(0.3 + 0.04 * k,) * 2])[0] for k, one in enumerate(moving)])
    assert without_lines(swept) is swept
    short = drawn(moving, [(0.5, 0.5)], upto=0.3)
    assert without_lines(short) is short
    soft = np.maximum(moving, (220 * np.exp(-((np.arange(SHAPE[1]) - 200) ** 2) / 200)).astype(np.uint8))
    assert without_lines(soft) is soft
    flat = drawn(moving, [(0.1, 4.0)])
    assert without_lines(flat) is flat


def test_scattered_letters_are_no_line(moving):
    frames, pen = moving.copy(), Image.new("L", SHAPE[::-1])
    ImageDraw.Draw(pen).text((20, 30), "MI 0.8  Lung 13 cm\nB-lines?", fill=230)
    frames = np.maximum(frames, np.asarray(pen)[None])
    assert without_lines(frames) is frames


@pytest.mark.parametrize("geometry", ["full", "sector", "polar"])
def test_an_encoder_sees_the_clip_without_the_line_and_reading_tells(tmp_path, geometry):
    plain, _ = sector_frames(apex=(320, -60), inner=100, outer=500, half=0.5, shape=(480, 640))
    plain = np.tile(plain, (3, 1, 1)) if len(plain) < 8 else plain
    video.write(tmp_path / "line.mp4", drawn(plain, [(0.5, 0.5)]), fps=3)
    video.write(tmp_path / "plain.mp4", plain, fps=3)
    line, without = (video.read(tmp_path / f"{name}.mp4") for name in ("line", "plain"))
    assert line.problems == (DRAWN,)
    assert without.problems == ()
    sector = video.find_sector(without.frames)
    shown, wanted = (video.prepare(clip.frames, geometry, (128, 128), sector) for clip in (line, without))
    middle = shown[:, 20:, 60:68].astype(int) - wanted[:, 20:, 60:68]
    assert np.abs(middle.mean()) < 4
    assert (shown[:, :, :50] == wanted[:, :, :50]).mean() > 0.4
