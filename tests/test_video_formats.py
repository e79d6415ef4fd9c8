"""What containers and still pictures say about how they are to be read: turns, pages, names."""

import struct

import numpy as np
import pytest
from PIL import Image
from test_video import moving, numbered, numbers

from blues import video
from blues.check import InputError
from blues.video import tiff


def corner(height=64, width=96):
    """Draw a picture that is bright in its upper left quarter only."""
    image = np.zeros((height, width), np.uint8)
    image[: height // 2, : width // 2] = 200
    return image


SHOWN = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).T,
    8: lambda image: np.rot90(image, 1),
}
"""How a picture is shown, by EXIF's number of the orientation."""

MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}
"""The same as a, b, c, d of an MP4's display matrix."""


@pytest.mark.parametrize("turn", SHOWN)
@pytest.mark.parametrize("scale", [(1, 1), (2, 0.5)])
def test_display_matrix_turns_and_mirrors(tmp_path, turn, scale):
    path = tmp_path / "turned.mp4"
    video.write(path, corner()[None].repeat(5, 0), fps=25)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40  # version 0: the matrix follows 40 bytes of other fields
    a, b, c, d = (round(v * s * (1 << 16)) for v, s in zip(MATRICES[turn], (*scale, *scale), strict=True))
    struct.pack_into(">9i", data, place, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    frame, truth = video.read(path).frames[0], SHOWN[turn](corner())
    assert frame.shape == truth.shape
    assert np.abs(frame.astype(int) - truth).mean() < 3


@pytest.mark.parametrize("turn", SHOWN)
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_orientation_tag_turns_and_mirrors(tmp_path, turn, ending):
    image = Image.fromarray(corner())
    tags = image.getexif()
    tags[0x0112] = turn
    image.save(tmp_path / f"still.{ending}", exif=tags, quality=95)
    frame, truth = video.read(tmp_path / f"still.{ending}").frames[0], SHOWN[turn](corner())
    assert frame.shape == truth.shape
    assert np.abs(frame.astype(int) - truth).mean() < 3


def write_tiff(path, images, order="<", kinds=None):
    """Write pages one after another, each directory before its pixels; return where the directories begin."""
    data = bytearray({"<": b"II*\0", ">": b"MM\0*"}[order] + bytes(4))
    link, places = 4, []
    for image, kind in zip(images, kinds or [0] * len(images), strict=True):
        struct.pack_into(order + "I", data, link, len(data))
        places.append(len(data))
        height, width = image.shape
        pixels = len(data) + 2 + 12 * 9 + 4
        values = {254: kind, 256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: pixels, 278: height, 279: image.size}
        data += struct.pack(order + "H", len(values))
        for tag, value in values.items():
            data += struct.pack(order + "HHII", tag, 4, 1, value)
        link = len(data)
        data += bytes(4) + image.tobytes()
    path.write_bytes(data)
    return places


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_page_of_a_tiff_is_a_frame(tmp_path, order):
    frames = moving(7)
    write_tiff(tmp_path / "pages.tif", frames, order)
    clip = video.read(tmp_path / "pages.tif", rate=100)
    assert (clip.frames == frames).all()
    assert (clip.total, video.count(tmp_path / "pages.tif"), clip.fps) == (7, 7, 25.0)
    assert np.allclose(clip.times, np.arange(7) / 25)
    assert any("frame rate" in p for p in clip.problems)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_pages_are_sampled_and_one_page_is_no_problem(tmp_path, compression):
    frames = moving(50)
    first, *rest = (Image.fromarray(image) for image in frames)
    first.save(tmp_path / "pages.tif", save_all=True, append_images=rest, compression=compression)
    first.save(tmp_path / "one.tif", compression=compression)
    assert (video.read(tmp_path / "pages.tif").frames == frames[video.sample(50, 25.0)]).all()
    one = video.read(tmp_path / "one.tif")
    assert (one.frames == frames[:1]).all()
    assert (one.total, one.problems) == (1, ())


def test_damaged_page_is_left_out_and_said(tmp_path):
    frames = moving(6)
    places = write_tiff(tmp_path / "pages.tif", frames)
    data = bytearray((tmp_path / "pages.tif").read_bytes())
    data[places[2] + 2 : places[2] + 2 + 12 * 3] = bytes(12 * 3)  # no width, no height
    (tmp_path / "bad.tif").write_bytes(data)
    clip = video.read(tmp_path / "bad.tif", rate=100)
    assert (clip.frames == frames[[0, 1, 3, 4, 5]]).all()
    assert "5 of 6 frames are usable" in clip.problems


def test_tiff_cut_short_gives_its_first_pages_and_says_so(tmp_path):
    frames = moving(6)
    places = write_tiff(tmp_path / "pages.tif", frames)
    (tmp_path / "cut.tif").write_bytes((tmp_path / "pages.tif").read_bytes()[: places[4]])
    clip = video.read(tmp_path / "cut.tif", rate=100)
    assert (clip.frames == frames[:4]).all()
    assert "4 of 5 frames are usable" in clip.problems


JPEG = {"compression": "jpeg", "quality": 95}


@pytest.mark.parametrize("pages", [1, 5])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("rows", [8, 64])
def test_jpeg_in_tiff_is_read(tmp_path, mode, pages, rows):
    rng = np.random.default_rng(0)
    colours = np.stack([moving(pages), moving(pages)[..., ::-1], np.full((pages, 64, 80), 90)], -1)
    colours = np.clip(colours + rng.integers(-3, 4, (pages, 1, 1, 3)), 0, 255).astype(np.uint8)
    first, *rest = (Image.fromarray(image).convert(mode) for image in colours)
    first.save(tmp_path / "a.tif", save_all=True, append_images=rest, tiffinfo={278: rows}, **JPEG)
    clip = video.read(tmp_path / "a.tif", rate=100)
    assert (clip.total, len(clip.frames), clip.fps) == (pages, pages, 25.0)
    with Image.open(tmp_path / "a.tif") as image:
        for place, frame in enumerate(clip.frames):
            image.seek(place)
            assert np.abs(np.asarray(image.convert("RGB").convert("L")).astype(int) - frame).max() <= 1
    assert len({frame.tobytes() for frame in clip.frames}) == pages


@pytest.mark.parametrize("settings", [{}, JPEG])
def test_each_page_is_turned_as_it_says(tmp_path, settings):
    first, *rest = (Image.fromarray(corner()) for _ in range(3))
    for turn, image in enumerate(rest, 2):
        image.encoderinfo = {"tiffinfo": {0x0112: turn}}
    first.save(tmp_path / "a.tif", save_all=True, append_images=rest, **settings)
    with Image.open(tmp_path / "a.tif") as image:
        image.seek(1)
        assert image.getexif()[0x0112] == 2
    for turn, frame in enumerate(video.read(tmp_path / "a.tif", rate=100).frames, 1):
        assert np.abs(frame.astype(int) - SHOWN[turn](corner())).mean() < 3


def test_jpeg_pages_with_pixels_that_are_not_square_are_said(tmp_path):
    Image.fromarray(corner()).save(tmp_path / "a.tif", dpi=(72, 144), **JPEG)
    assert any("not square" in p for p in video.read(tmp_path / "a.tif").problems)


@pytest.mark.parametrize("settings", [{}, JPEG])
def test_only_sampled_pages_are_decoded_and_each_without_the_others(tmp_path, monkeypatch, settings):
    """A decoder that is given the whole file for every page takes time that grows with the square of their number."""
    sizes = []
    for name in ("still", "_by_pillow"):
        real = getattr(tiff, name)
        monkeypatch.setattr(tiff, name, lambda *given, real=real: (sizes.append(len(given[-1])), real(*given))[1])
    frames = moving(60)
    first, *rest = (Image.fromarray(image) for image in frames)
    first.save(tmp_path / "a.tif", save_all=True, append_images=rest, **settings)
    clip = video.read(tmp_path / "a.tif")
    assert (len(clip.frames), clip.total, len(sizes)) == (7, 60, 7)
    assert sum(sizes) < (tmp_path / "a.tif").stat().st_size / 6


def unknown_compression(path, frames, gone):
    places = write_tiff(path, frames)
    data = bytearray(path.read_bytes())
    for page in gone:
        struct.pack_into("<I", data, places[page] + 2 + 12 * 4 + 8, 65000)
    path.write_bytes(data)


def no_jpeg(path, frames, gone):
    first, *rest = (Image.fromarray(image) for image in frames)
    first.save(path, save_all=True, append_images=rest, compression="jpeg", quality=100)
    data = bytearray(path.read_bytes())
    with Image.open(path) as image:
        for page in gone:
            image.seek(page)
            begin, length = image.tag_v2[273][0], image.tag_v2[279][0]
            data[begin : begin + length] = bytes(length)
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [unknown_compression, no_jpeg])
@pytest.mark.parametrize("gone", [[0], [3], [0, 1, 5, 15], [29], list(range(29))])
def test_pages_whose_pixels_do_not_decode_are_left_out(tmp_path, gone, damage):
    frames = numbered(30)
    damage(tmp_path / "a.tif", frames, gone)
    kept = np.array([page for page in range(30) if page not in gone])
    for most in (1, 4, 30):
        clip = video.read(tmp_path / "a.tif", rate=100, most=most)
        total = 30 if set(video.sample(30, 25.0, 100, most)).isdisjoint(gone) else len(kept)
        chosen = video.sample(total, 25.0, 100, most)
        assert numbers(clip.frames).tolist() == (chosen if total == 30 else kept[chosen]).tolist()
        assert clip.total == total
        assert (f"{total} of 30 frames are usable" in clip.problems) == (total < 30)


def test_a_tiff_of_which_nothing_decodes_is_refused(tmp_path):
    places = write_tiff(tmp_path / "a.tif", moving(3))
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[: places[0] + 60])
    with pytest.raises(InputError, match=r"a\.tif: none of its 1 pages can be decoded. Export or copy the clip again"):
        video.read(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", [1, 4])
@pytest.mark.parametrize("pictures", [1, 3])
def test_small_copies_and_masks_are_no_frames(tmp_path, kind, pictures):
    frames = moving(3)[:pictures]
    write_tiff(tmp_path / "a.tif", [frames[0, ::4, ::4], *frames], kinds=[kind] + [0] * pictures)
    clip = video.read(tmp_path / "a.tif", rate=100)
    assert (clip.frames == frames).all()
    assert clip.total == pictures


def test_directories_in_a_ring_end(tmp_path):
    frames = moving(3)
    places = write_tiff(tmp_path / "a.tif", frames)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    struct.pack_into("<I", data, places[2] + 2 + 12 * 9, places[0])
    (tmp_path / "a.tif").write_bytes(data)
    assert video.read(tmp_path / "a.tif", rate=100).total == 3


def test_a_percent_in_a_name_stands_for_no_other_file(tmp_path):
    for name, level in (("im_0.png", 10), ("im_1.png", 60), ("im_%d.png", 222), ("only_%02d.jpg", 90)):
        Image.fromarray(np.full((32, 40), level, np.uint8)).save(tmp_path / name)
    for name, level in (("im_%d.png", 222), ("only_%02d.jpg", 90)):
        clip = video.read(tmp_path / name, rate=100)
        assert (clip.total, clip.problems) == (1, ())
        assert np.abs(clip.frames.astype(int) - level).max() <= 1
