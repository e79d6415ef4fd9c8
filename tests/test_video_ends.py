"""Damage that decoders pass over in silence is told: frames cut off, wrong, lost, uneven in time or all but black."""

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image
from test_video import moving
from test_video_formats import write_tiff

from blues import video
from blues.check import InputError


def grainy(frames=40):
    """Draw frames that need many bytes, so that damage meets a frame."""
    rng = np.random.default_rng(0)
    return np.clip(moving(frames, 96, 128) + rng.normal(0, 12, (frames, 96, 128)), 0, 255).astype(np.uint8)


def encoded(path, frames, codec, stamps=None, pixels="yuv420p"):
    """Write frames with stamps in hundredths of a second, by default 25 a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt, stream.codec_context.time_base = pixels, Fraction(1, 100 if stamps is not None else 25)
        stream.codec_context.bit_rate = 2_000_000
        for place, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="gray").reformat(format=pixels)
            frame.time_base = stream.codec_context.time_base
            frame.pts = place if stamps is None else int(stamps[place])
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def every(path):
    return video.read(path, rate=100, most=1000)


def hit(path, place, content):
    """Overwrite a part of a file from a share of its length on."""
    data = bytearray(path.read_bytes())
    begin = int(len(data) * place)
    data[begin : begin + len(content)] = content
    path.write_bytes(data)


def cut(path, share):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


NOISE = np.random.default_rng(5).bytes(400)


@pytest.mark.parametrize("name", ["a.avi", "a.mkv"])
def test_a_damaged_frame_of_motion_jpeg_is_left_out_and_said(tmp_path, name):
    encoded(tmp_path / name, grainy(), "mjpeg", pixels="yuvj420p")
    sound = every(tmp_path / name)
    assert (sound.total, sound.problems) == (40, ())
    hit(tmp_path / name, 0.5, NOISE)
    clip = every(tmp_path / name)
    assert clip.problems == ("1 of 40 packets could not be decoded", "39 of 40 frames are usable")
    truth = {frame.tobytes() for frame in sound.frames}
    assert all(frame.tobytes() in truth for frame in clip.frames)


@pytest.mark.parametrize("codec", ["wmv1", "wmv2", "msmpeg4"])
def test_frames_after_damage_in_wmv_are_left_out_and_said(tmp_path, codec):
    path = tmp_path / "a.avi"
    encoded(path, grainy(), codec)
    sound = every(path)
    assert (sound.total, sound.problems) == (40, ())
    hit(path, 0.5, NOISE)
    clip = every(path)
    assert 20 <= clip.total < 40
    assert f"{clip.total} of 40 frames are usable" in clip.problems
    truth = {frame.tobytes() for frame in sound.frames}
    assert all(frame.tobytes() in truth for frame in clip.frames)


@pytest.mark.parametrize("share", [0.4, 0.6])
@pytest.mark.parametrize("codec", ["libx264", "mjpeg"])
def test_a_matroska_file_cut_short_says_so(tmp_path, share, codec):
    path = tmp_path / "a.mkv"
    encoded(path, grainy(100), codec, pixels="yuvj420p")
    assert every(path).problems == ()
    cut(path, share)
    clip = every(path)
    assert clip.total < 70
    assert any("the file states 4.00 s, and its frames end at" in p for p in clip.problems)


@pytest.mark.parametrize("damage", ["cut", "zeros"])
def test_a_gif_that_breaks_off_says_so_and_loses_its_last_picture(tmp_path, damage):
    path = tmp_path / "a.gif"
    video.write(path, grainy(), fps=25)
    sound = every(path)
    assert sound.problems == ()
    if damage == "cut":
        cut(path, 0.5)
    else:
        hit(path, 0.5, bytes(800))
    clip = every(path)
    assert 15 <= clip.total < 25
    assert (clip.frames == sound.frames[: clip.total]).all()
    assert "the GIF file ends without its end mark: it is cut short or damaged" in clip.problems
    assert any("left out" in p for p in clip.problems)


def test_a_gif_of_a_whole_picture_or_with_more_after_its_end_is_read(tmp_path):
    first, *rest = (Image.fromarray(image) for image in grainy(6))
    first.save(tmp_path / "a.gif", save_all=True, append_images=rest, duration=[40, 80] * 3)
    data = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "more.gif").write_bytes(data + b"a note after the end mark")
    assert (every(tmp_path / "more.gif").total, every(tmp_path / "more.gif").problems) == (6, ())
    (tmp_path / "less.gif").write_bytes(data[:-1])  # the end mark alone is lacking
    clip = every(tmp_path / "less.gif")
    assert (clip.frames == every(tmp_path / "a.gif").frames).all()
    assert clip.problems == ("the GIF file ends without its end mark: it is cut short or damaged",)


def test_one_picture_of_a_gif_cut_short_is_refused(tmp_path):
    Image.fromarray(grainy(1)[0]).save(tmp_path / "a.gif")
    cut(tmp_path / "a.gif", 0.5)
    with pytest.raises(InputError, match="none of its 1 coded frames can be decoded cleanly"):
        every(tmp_path / "a.gif")


@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_photograph_cut_short_is_said(tmp_path, settings, share):
    path = tmp_path / "a.jpg"
    Image.fromarray(grainy(1)[0]).save(path, **settings)
    path.write_bytes(path.read_bytes() + b"a note after the end mark")
    assert every(path).problems == ()
    cut(path, share)
    unmarked = "the JPEG file ends without its end mark: it is cut short or damaged"
    assert every(path).problems == (unmarked, "its frames decode only with errors: parts of them may be wrong")


def test_end_marks_within_a_photograph_are_none_of_its_own(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(grainy(1)[0]).save(path, comment=b"\xff\xd8\xff\xda a picture within \xff\xd9")
    assert every(path).problems == ()
    path.write_bytes(path.read_bytes()[:-2])
    assert every(path).problems == ("the JPEG file ends without its end mark: it is cut short or damaged",)


def test_what_stands_behind_a_photograph_or_before_the_end_of_a_gif_is_no_damage(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(grainy(1)[0]).save(path)
    path.write_bytes(path.read_bytes() + b"\0\0ftypmp42\x12\xff\xda\x34")
    assert every(path).problems == ()
    first, *rest = (Image.fromarray(frame) for frame in grainy(6))
    path = tmp_path / "a.gif"
    first.save(path, save_all=True, append_images=rest, duration=40)
    path.write_bytes(path.read_bytes()[:-1] + b"\0;")
    clip = every(path)
    assert clip.problems == ()
    assert len(clip.frames) == 6


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_a_damaged_page_of_a_compressed_tiff_is_left_out(tmp_path, compression):
    first, *rest = (Image.fromarray(image) for image in grainy(9))
    first.save(tmp_path / "a.tif", save_all=True, append_images=rest, compression=compression)
    sound = every(tmp_path / "a.tif")
    assert sound.total == 9
    with Image.open(tmp_path / "a.tif") as image:
        image.seek(4)
        hit(tmp_path / "a.tif", (image.tag_v2[273][0] + 800) / (tmp_path / "a.tif").stat().st_size, NOISE)
    clip = every(tmp_path / "a.tif")
    assert "8 of 9 frames are usable" in clip.problems
    assert (clip.frames == np.delete(sound.frames, 4, 0)).all()


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_one_damaged_page_of_a_compressed_tiff_is_said(tmp_path, compression):
    Image.fromarray(grainy(1)[0]).save(tmp_path / "a.tif", compression=compression)
    assert every(tmp_path / "a.tif").problems == ()
    hit(tmp_path / "a.tif", 0.3, NOISE)
    assert every(tmp_path / "a.tif").problems == ("its frames decode only with errors: parts of them may be wrong",)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "packbits", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "I;16"])
def test_a_tiff_with_tags_of_any_kind_is_sound(tmp_path, mode, compression):
    image = Image.fromarray(grainy(1)[0])
    image = Image.fromarray(grainy(1)[0].astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    tags = {270: "made up", 305: "a microscope", 65000: "a tag of its own"}
    for predictor in (1, 2) if compression not in (None, "packbits") and mode != "1" else (1,):
        image.save(tmp_path / "a.tif", compression=compression, tiffinfo={**tags, 317: predictor})
        assert every(tmp_path / "a.tif").problems == ()


EVEN = np.arange(40) * 4
UNEVEN = {
    "two rates": np.r_[EVEN[:20] * 3, 240 + 2 * np.arange(20)],
    "a pause": np.r_[EVEN[:20], EVEN[20:] + 5800],
}


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("case", UNEVEN)
def test_frames_that_lie_unevenly_in_time_are_said(tmp_path, name, case):
    encoded(tmp_path / name, moving(), "libx264", UNEVEN[case])
    clip = every(tmp_path / name)
    assert clip.total == 40
    assert any("lie unevenly in time" in p for p in clip.problems)


@pytest.mark.parametrize(("name", "told"), [("a.mp4", False), ("a.mkv", True)])
def test_frames_that_seem_to_be_lost_are_said_where_the_file_does_not_count_them(tmp_path, name, told):
    encoded(tmp_path / name, moving(), "libx264", np.r_[EVEN[:20], EVEN[20:] + 8])
    problems = every(tmp_path / name).problems
    assert len(problems) == told
    assert all("no frames for 0.12 s after 0.76 s" in p for p in problems)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.wmv"])
def test_small_unsteadiness_is_no_problem(tmp_path, name):
    jitter = np.random.default_rng(0).integers(-1, 2, 40)
    dropped = np.delete(np.arange(41) * 4, 17)
    for stamps in (EVEN + 4 + jitter, dropped):
        encoded(tmp_path / name, moving(), "wmv2" if name == "a.wmv" else "libx264", stamps)
        assert every(tmp_path / name).problems == ()


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_values_of_12_bits_in_16_are_said(tmp_path, ending):
    deep = moving(1)[0].astype(np.uint16)
    Image.fromarray(deep * 257).save(tmp_path / f"full.{ending}")
    Image.fromarray(deep * 16).save(tmp_path / f"dim.{ending}")
    assert every(tmp_path / f"full.{ending}").problems == ()
    assert any("its frames are all but black" in p for p in every(tmp_path / f"dim.{ending}").problems)
    write_tiff(tmp_path / "black.tif", np.zeros((1, 32, 40), np.uint8))
    assert every(tmp_path / "black.tif").problems == ()
