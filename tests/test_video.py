import importlib
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from blues import video
from blues.check import InputError
from blues.video.pillars import blurred_margins
from blues.video.tissue import rim

MATRIX_90_CLOCKWISE = b"".join(v.to_bytes(4, signed=True) for v in (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30))


def moving(frames=40, height=64, width=80):
    """Draw smooth waves that move: every frame differs, and codecs keep them well."""
    y, x = np.mgrid[:height, :width]
    return np.stack([120 + 80 * np.sin((x + 3 * t) / 9) + 40 * np.cos(y / 13) for t in range(frames)]).astype(np.uint8)


def numbered(frames):
    """Draw frames that carry their number in eight stripes, black or white."""
    bits = (np.arange(frames)[:, None] >> np.arange(8)) & 1
    return np.repeat(np.repeat((20 + 200 * bits).astype(np.uint8)[:, None], 64, 1), 8, 2)


def numbers(frames):
    """Read the numbers back."""
    return (frames.reshape(len(frames), 64, 8, 8).mean((1, 3)) > 120) @ (1 << np.arange(8))


def sector_frames(apex=(175, -180), inner=190, outer=510, half=0.58, shape=(350, 350), frames=6, seed=0):
    """Draw speckle inside a convex sector on black, with the sector's true mask."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    radius, angle = np.hypot(x - apex[0], y - apex[1]), np.arctan2(x - apex[0], y - apex[1])
    inside = (radius >= inner) & (radius <= outer) & (np.abs(angle) <= half)
    return np.where(inside, rng.integers(20, 140, (frames, *shape)), 0).astype(np.uint8), inside


# --- reading -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec", "error"),
    [
        ("clip.mp4", None, 2),
        ("clip.mov", None, 2),
        ("clip.avi", None, 2),
        ("clip.avi", "mjpeg", 2),
        ("clip.mpeg", None, 2),
        ("clip.mpg", None, 2),
        ("clip.gif", None, 0),
        ("clip.npy", None, 0),
    ],
)
@pytest.mark.parametrize("width", [80, 81])
def test_what_is_written_is_read(tmp_path, name, codec, error, width):
    frames = moving(width=width)
    video.write(tmp_path / name, frames, fps=25, codec=codec)
    first = (tmp_path / name).read_bytes()
    clip = video.read(tmp_path / name, rate=25, most=100)
    assert clip.frames.dtype == np.uint8
    assert clip.total == len(frames) == video.count(tmp_path / name)
    assert np.abs(clip.frames.astype(int) - frames).mean() <= error
    assert np.allclose(clip.times, np.arange(40) / 25, atol=1e-3)
    assert clip.fps == 25
    assert [p for p in clip.problems if "frame rate" not in p] == []
    video.write(tmp_path / name, frames, fps=25, codec=codec)
    assert (tmp_path / name).read_bytes() == first


def test_gray_levels_are_exact_at_both_ends(tmp_path):
    frames = np.stack([np.full((64, 64), v, np.uint8) for v in (0, 1, 128, 254, 255)])
    video.write(tmp_path / "ends.mp4", frames, fps=5)
    got = video.read(tmp_path / "ends.mp4", rate=5).frames
    assert np.abs(got.astype(int) - frames).max() <= 1


def test_sample_spreads_over_the_whole_clip():
    assert len(video.sample(100, 25.0)) == 12
    for total in (1, 2, 7, 26, 59, 101, 1000, 100_000):
        for fps in (5.0, 25.0, 50.0):
            chosen = video.sample(total, fps)
            assert len(chosen) == min(max(round(total / fps * 3), 1), 30, total)
            assert (np.diff(chosen) > 0).all()
            # the parts on both sides of the first and the last frame are as long as the steps between
            assert chosen[0] <= total / len(chosen) / 2
            assert chosen[-1] >= total - 1 - total / len(chosen) / 2
    assert video.sample(10, 1.0, rate=3).tolist() == list(range(10))
    assert len(video.sample(1000, 1.0, most=4)) == 4
    assert len(video.sample(1000, 1.0, rate=1e308)) == 30


@pytest.mark.parametrize("frames", [1, 2, 7, 26, 101])
def test_sampled_frames_are_the_right_ones(tmp_path, frames):
    video.write(tmp_path / "n.mp4", numbered(frames), fps=25)
    clip = video.read(tmp_path / "n.mp4")
    chosen = video.sample(frames, 25.0)
    assert clip.total == frames
    assert numbers(clip.frames).tolist() == chosen.tolist()
    assert np.allclose(clip.times, chosen / 25)


def test_most_caps_long_clips_from_end_to_end(tmp_path):
    video.write(tmp_path / "n.mp4", numbered(110), fps=2)
    clip = video.read(tmp_path / "n.mp4", rate=3, most=5)
    assert np.allclose(clip.times, np.array([11, 33, 55, 77, 99]) / 2)
    assert numbers(clip.frames).tolist() == [11, 33, 55, 77, 99]


def test_times_follow_the_stamps_of_the_file(tmp_path):
    """Frames at irregular times keep them; the frame number does not tell."""
    stamps = [0, 100, 150, 400, 500, 600, 640, 800, 900, 1000]
    with av.open(str(tmp_path / "v.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, 1000)
        for stamp, image in zip(stamps, numbered(10), strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    clip = video.read(tmp_path / "v.mp4", rate=100)
    assert np.allclose(clip.times, np.array(stamps) / 1000, atol=1e-3)


@pytest.mark.parametrize("fps", [0.01, 1000, 90000])
def test_absurd_frame_rate_is_said_and_not_used(tmp_path, fps):
    video.write(tmp_path / "odd.mp4", moving(50), fps=fps)
    clip = video.read(tmp_path / "odd.mp4")
    assert clip.fps == 25
    assert len(clip.frames) == 6
    assert any("frame rate" in p for p in clip.problems)
    assert (np.diff(clip.times) > 0).all()


def test_rotation_flag_is_obeyed(tmp_path):
    """A phone held upright stores the picture on its side, with a matrix that turns it clockwise for display."""
    image = np.zeros((80, 120), np.uint8)
    image[:40, :60] = 200
    path = tmp_path / "turned.mp4"
    video.write(path, image[None].repeat(5, 0), fps=25)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40  # version 0: the matrix follows 40 bytes of other fields
    data[place : place + 36] = MATRIX_90_CLOCKWISE
    path.write_bytes(data)
    frame = video.read(path).frames[0]
    assert frame.shape == (120, 80)
    assert np.allclose([frame[9, 9], frame[9, -9], frame[-9, 9], frame[-9, -9]], [0, 200, 0, 0], atol=3)


def test_format_is_told_by_content_not_by_name(tmp_path):
    frames = moving(8)
    video.write(tmp_path / "a.gif", frames, fps=10)
    np.save(tmp_path / "b.npy", frames)
    Image.fromarray(frames[0]).save(tmp_path / "c.png")
    for name, total in (("a.gif", 8), ("b.npy", 8), ("c.png", 1)):
        renamed = (tmp_path / name).rename(tmp_path / f"{name}.mp4")
        clip = video.read(renamed, rate=25)
        assert clip.total == total
        assert (clip.frames[0] == frames[0]).all()


def test_a_colon_in_a_name_is_no_protocol(tmp_path):
    video.write(tmp_path / "patient:1.mp4", moving(5))
    assert video.read(tmp_path / "patient:1.mp4").total == 5


def test_colour_arrays_become_gray(tmp_path):
    colour = np.zeros((3, 20, 30, 3), np.uint8)
    colour[..., 1] = 200
    np.save(tmp_path / "rgb.npy", colour)
    assert (video.read(tmp_path / "rgb.npy").frames == round(200 * 0.587)).all()
    np.save(tmp_path / "one.npy", colour[..., :1] + 9)
    assert (video.read(tmp_path / "one.npy").frames == 9).all()


@pytest.mark.parametrize("colours", [1, 3, 4])
def test_one_picture_with_its_colours_is_no_narrow_clip(tmp_path, colours):
    np.save(tmp_path / "still.npy", np.zeros((48, 64, colours), np.uint8))
    for reading in (video.read, video.count):
        with pytest.raises(InputError, match=rf"48 frames 64 x {colours} pixels. Save one picture as array\[None"):
            reading(tmp_path / "still.npy")
    np.save(tmp_path / "one.npy", np.full((48, 64, colours), 9, np.uint8)[None, ..., :3])
    assert video.read(tmp_path / "one.npy").frames.shape == (1, 48, 64)
    narrow = moving(5, width=colours)
    video.write(tmp_path / "narrow.npy", narrow)
    assert (video.read(tmp_path / "narrow.npy", rate=25).frames == narrow).all()


# --- bad files ---------------------------------------------------------------------------------------------------------


def remuxed(source, target):
    """Copy an mp4 so that its index comes first, as for the web."""
    with av.open(str(target), "w", options={"movflags": "faststart"}) as out, av.open(str(source)) as container:
        stream = out.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    return target.read_bytes()


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A clip that needs many bytes, so that damage meets every frame."""
    path = tmp_path_factory.mktemp("noisy") / "good.mp4"
    rng = np.random.default_rng(0)
    video.write(path, np.repeat(np.repeat(rng.integers(0, 255, (100, 15, 15)).astype(np.uint8), 8, 1), 8, 2))
    return path


def test_clip_cut_short_gives_what_is_left(tmp_path, noisy):
    data = remuxed(noisy, tmp_path / "whole.mp4")
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 45 // 100])
    clip = video.read(tmp_path / "cut.mp4", rate=25, most=1000)
    assert 20 < clip.total < 60
    assert clip.fps == 25
    assert f"{clip.total} of 100 frames are usable" in clip.problems
    whole = video.read(tmp_path / "whole.mp4", rate=25, most=1000)
    assert whole.problems == ()
    assert (clip.frames[:20] == whole.frames[:20]).all()


@pytest.mark.parametrize("damage", ["zeros", "noise"])
def test_damaged_clip_is_salvaged_and_says_so(tmp_path, noisy, damage):
    data = bytearray(noisy.read_bytes())
    start = data.index(b"mdat") + len(data) // 3
    if damage == "zeros":
        data[start : start + 8000] = bytes(8000)
    else:
        for place in np.random.default_rng(1).integers(start, len(data) - 8000, 30):
            data[place] ^= 0xFF
    (tmp_path / "bad.mp4").write_bytes(data)
    clip = video.read(tmp_path / "bad.mp4")
    assert 20 < clip.total < 100
    assert f"{clip.total} of 100 frames are usable" in clip.problems
    assert any("left out: damaged" in p for p in clip.problems)
    assert len(clip.frames) == len(video.sample(clip.total, 25.0))
    # no frame that decoded with errors is used: each is close to a true one
    truth = video.read(noisy, rate=25, most=1000).frames.astype(int)
    assert all(min(np.abs(truth - frame).mean((1, 2))) < 3 for frame in clip.frames.astype(int))


def test_truncated_gif_gives_its_beginning(tmp_path):
    video.write(tmp_path / "g.gif", moving(40), fps=10)
    data = (tmp_path / "g.gif").read_bytes()
    (tmp_path / "cut.gif").write_bytes(data[: len(data) // 2])
    assert 10 < video.read(tmp_path / "cut.gif").total < 30


def _audio(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        for i in range(10):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 44100, i * 1024
            container.mux(stream.encode(sound))
        container.mux(stream.encode(None))


def _no_frames(path):
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuvj420p"
        container.start_encoding()


def _half(path):
    video.write(path, moving())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _npy(array):
    def write(path):
        with path.open("wb") as stream:
            np.save(stream, array)

    return write


def _half_npy(path):
    _npy(moving())(path)
    path.write_bytes(path.read_bytes()[:5000])


BAD = {
    "empty": (lambda p: p.write_bytes(b""), "the file is empty"),
    "text": (lambda p: p.write_text("a note, not a video\n" * 9), "holds text"),
    "playlist": (lambda p: p.write_text("#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/x.ts\n"), "holds text"),
    "half": (_half, r"cut off.*moov"),
    "random": (lambda p: p.write_bytes(np.random.default_rng(0).bytes(5000)), "not a video that can be read"),
    "audio": (_audio, "sound but no pictures"),
    "no frames": (_no_frames, "no frames"),
    "folder": (lambda p: p.mkdir(), "a folder"),
    "missing": (lambda p: None, "no such file"),
    "dead link": (lambda p: p.symlink_to("nowhere"), "no such file"),
    "float array": (_npy(np.zeros((3, 4, 5))), r"shape \(3, 4, 5\) and type float64"),
    "flat array": (_npy(np.zeros((4, 5), np.uint8)), r"shape \(4, 5\)"),
    "half array": (_half_npy, "not a whole NumPy file"),
}


@pytest.mark.parametrize("case", BAD)
def test_file_without_frames_is_named_with_its_reason(tmp_path, case):
    make, reason = BAD[case]
    path = tmp_path / "bad.mp4"
    make(path)
    for read in (video.read, video.count):
        with pytest.raises(InputError, match=reason) as caught:
            read(path)
        assert str(path) in str(caught.value)


@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() == 0, reason="root may read everything")
def test_file_without_permission_is_named(tmp_path):
    video.write(tmp_path / "a.mp4", moving(3))
    (tmp_path / "a.mp4").chmod(0)
    with pytest.raises(InputError, match="no permission"):
        video.read(tmp_path / "a.mp4")


def test_wrong_settings_are_refused(tmp_path):
    video.write(tmp_path / "a.mp4", moving(3))
    for settings in ({"rate": 0}, {"rate": -1.0}, {"most": 0}, {"rate": float("nan")}, {"rate": float("inf")}):
        with pytest.raises(InputError, match="rate"):
            video.read(tmp_path / "a.mp4", **settings)
    with pytest.raises(InputError, match="ending"):
        video.write(tmp_path / "a.wmx", moving(3))
    with pytest.raises(InputError, match="type float64"):
        video.write(tmp_path / "a.mp4", moving(3).astype(float))
    with pytest.raises(InputError, match="MPEG-2 knows no 17"):
        video.write(tmp_path / "a.mpeg", moving(3), fps=17)
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_nothing_is_printed_about_a_damaged_file(tmp_path, noisy):
    """FFmpeg's own messages stay off the user's screen; the problems say what there is to say."""
    data = bytearray(noisy.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 9000] = bytes(9000)
    (tmp_path / "bad.mp4").write_bytes(data)
    code = f"from blues import video; print(video.read({str(tmp_path / 'bad.mp4')!r}).problems[0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "could not be decoded" in done.stdout
    assert done.stderr == ""


# --- DICOM -------------------------------------------------------------------------------------------------------------


def dicom(path, frames, photometric="MONOCHROME2", bits=8, compress=False, **fields):
    pydicom = pytest.importorskip("pydicom")
    from pydicom import uid

    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = uid.UltrasoundMultiFrameImageStorage
    meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID = uid.generate_uid(), uid.ExplicitVRLittleEndian
    data = pydicom.dataset.Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.NumberOfFrames, data.Rows, data.Columns = frames.shape[:3]
    data.SamplesPerPixel = 3 if frames.ndim == 4 else 1
    if frames.ndim == 4:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = "RGB" if frames.ndim == 4 else photometric
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = (
        frames.itemsize * 8,
        bits,
        bits - 1,
        0,
    )
    for name, value in fields.items():
        setattr(data, name, value)
    data.PixelData = frames.tobytes()
    if compress:
        data.compress(uid.RLELossless)
    data.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize("compress", [False, True])
def test_dicom_is_read_with_its_frame_rate(tmp_path, compress):
    frames = moving(20)
    dicom(tmp_path / "IM0001", frames, compress=compress, FrameTime="40")
    clip = video.read(tmp_path / "IM0001")
    chosen = video.sample(20, 25.0)
    assert (clip.fps, clip.total, clip.problems, video.count(tmp_path / "IM0001")) == (25.0, 20, (), 20)
    assert (clip.frames == frames[chosen]).all()
    assert np.allclose(clip.times, chosen / 25)


def test_dicom_colour_depth_and_inversion(tmp_path):
    frames = moving(5)
    dicom(tmp_path / "rgb", np.stack([frames] * 3, -1), CineRate="10")
    dicom(tmp_path / "deep", frames.astype(np.uint16) * 16, bits=12, CineRate="10")
    dicom(tmp_path / "inverse", frames, photometric="MONOCHROME1", CineRate="10")
    for name, truth, error in (("rgb", frames, 1), ("deep", frames, 1), ("inverse", 255 - frames, 0)):
        clip = video.read(tmp_path / name, rate=10)
        assert np.abs(clip.frames.astype(int) - truth).max() <= error, name


def test_dicom_cut_short_gives_its_whole_frames(tmp_path):
    frames = moving(20)
    dicom(tmp_path / "a", frames, FrameTime="40")
    data = (tmp_path / "a").read_bytes()
    for kept, whole in ((9, 9), (9.9, 9), (1, 1)):
        (tmp_path / "b").write_bytes(data[: len(data) - round((20 - kept) * frames[0].size)])
        clip = video.read(tmp_path / "b", rate=100)
        assert (clip.frames == frames[:whole]).all()
        assert (clip.total, clip.problems) == (whole, (f"{whole} of 20 frames are usable",))
    (tmp_path / "b").write_bytes(data[: len(data) - 20 * frames[0].size + 100])
    with pytest.raises(
        InputError, match="cannot be decoded: they end before the first is whole. Copy the file again.$"
    ):
        video.read(tmp_path / "b")


def test_dicom_without_the_extra_names_it(tmp_path, monkeypatch):
    (tmp_path / "a.dcm").write_bytes(bytes(128) + b"DICM" + bytes(100))
    real = importlib.import_module

    def without(name, *rest):
        if name.startswith("pydicom"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(InputError, match=r"blues-lus\[dicom\]"):
        video.read(tmp_path / "a.dcm")


# --- sector ------------------------------------------------------------------------------------------------------------


def overlap(sector, truth):
    found = video.mask(sector)
    return (found & truth).sum() / (found | truth).sum()


@pytest.mark.parametrize(
    "shape_of",
    [
        {},
        {"apex": (175, 30), "inner": 40, "outer": 300, "half": 0.7},
        {"apex": (120, -60), "inner": 80, "outer": 330, "half": 0.45},
        {"apex": (300, -100), "inner": 140, "outer": 500, "half": 0.5, "shape": (480, 640)},
        {"apex": (175, -300), "inner": 310, "outer": 640, "half": 0.42},
    ],
)
def test_convex_sector_is_found(shape_of):
    frames, inside = sector_frames(**shape_of)
    sector = video.find_sector(frames)
    assert sector.kind == "convex"
    assert overlap(sector, inside) > 0.97
    truth = {"apex": (175, -180), "outer": 510, "half": 0.58} | shape_of
    assert np.hypot(sector.apex[0] - truth["apex"][0], sector.apex[1] - truth["apex"][1]) < 0.06 * truth["outer"]
    assert abs(sector.right - truth["half"]) < 0.03
    assert sector.left == -sector.right
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    assert np.abs(np.subtract(sector.box, (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1))).max() <= 6


def test_sector_does_not_follow_text_rulers_or_a_logo():
    frames, inside = sector_frames(apex=(320, 20), inner=50, outer=400, half=0.6, shape=(480, 640))
    plain = video.find_sector(frames)
    frames[:, 10:22, 20:120:3] = 220
    frames[:, 60:440:10, 620:636] = 200
    frames[:, 440:470, 20:80] = 180
    frames[:, 250:262, 300:330:2] = 255
    sector = video.find_sector(frames)
    assert overlap(sector, inside) > 0.97
    assert overlap(sector, video.mask(plain)) > 0.99


def test_gray_margins_are_margins():
    frames, inside = sector_frames()
    sector = video.find_sector(np.where(inside, np.maximum(frames, 45), 30).astype(np.uint8))
    assert overlap(sector, inside) > 0.97


@pytest.mark.parametrize("ground", [40, 120, 255])
def test_a_picture_on_a_page_is_looked_at_alone(ground):
    """A picture with black margins of its own, shown on a ground of another gray."""
    frames, inside = sector_frames()
    around = ((0, 0), (40, 60), (150, 90))
    sector = video.find_sector(np.pad(frames, around, constant_values=ground))
    assert sector.kind == "convex"
    assert overlap(sector, np.pad(inside, around[1:])) > 0.97
    shown = video.polar(np.pad(frames, around, constant_values=ground), sector, (64, 64))
    alone = video.polar(frames, video.find_sector(frames), (64, 64))
    assert np.abs(shown.astype(int) - alone).mean() < 6
    assert shown.max() <= 140  # nothing of the ground gets in


def test_a_page_gives_nothing_of_its_ground_to_an_upright_picture(rng):
    frames = rng.integers(20, 140, (4, 240, 200)).astype(np.uint8)
    sector = video.find_sector(np.pad(frames, ((0, 0), (30, 30), (60, 60)), constant_values=255))
    assert sector.kind == "linear"
    shown = video.polar(np.pad(frames, ((0, 0), (30, 30), (60, 60)), constant_values=255), sector, (64, 64))
    assert shown.shape == (4, 64, 64)
    assert shown.max() < 140


@pytest.mark.parametrize("gray", [40, 90, 255])
@pytest.mark.parametrize("wide", [1, 3, 7])
def test_a_thin_rim_round_the_frame_does_not_hide_the_sector(gray, wide):
    frames, inside = sector_frames()
    framed = np.pad(frames, ((0, 0), (wide, wide), (wide, wide)), constant_values=gray)
    sector = video.find_sector(framed)
    assert sector.kind == "convex"
    assert overlap(sector, np.pad(inside, wide)) > 0.97
    assert video.polar(framed, sector, (64, 64)).max() <= frames.max()


def test_a_bright_edge_of_the_picture_is_no_rim(rng):
    frames = rng.integers(20, 140, (4, 240, 200)).astype(np.uint8)
    frames[:, :3], frames[:, -3:] = 200, 200  # above and below, and not at the sides
    assert rim(frames) == (0, 0, 0, 0)
    frames[:, :, :3], frames[:, :, -3:] = 200, 200
    assert rim(frames) == (4, 4, 4, 4)
    frames[:, 60:70, 0] = 90  # not even
    assert rim(frames)[2] == 4
    frames[:, :100, :3] = 90
    assert rim(frames) == (0, 0, 0, 0)


@pytest.mark.parametrize("upright", [False, True])
def test_a_blurred_copy_in_the_margins_is_no_part_of_the_picture(upright):
    """What phones and players put beside an upright clip, or above and below a wide one."""
    frames, inside = sector_frames()
    around = (0, 140) if not upright else (140, 0)
    size = tuple(350 + 2 * pad for pad in around)
    whole = np.stack([np.asarray(Image.fromarray(one).resize((630, 630))) for one in frames])
    top, left = (630 - size[0]) // 2, (630 - size[1]) // 2
    copy = ndimage.gaussian_filter(whole[:, top : top + size[0], left : left + size[1]].astype(float), (0, 14, 14))
    shown = np.clip(0.8 * copy + 6, 0, 255).astype(np.uint8)
    shown[:, around[0] : around[0] + 350, around[1] : around[1] + 350] = frames
    sector = video.find_sector(shown)
    assert sector.kind == "convex"
    assert overlap(sector, np.pad(inside, [(pad, pad) for pad in around])) > 0.95
    assert not any(blurred_margins(frames))
    assert not any(blurred_margins(np.pad(frames, ((0, 0), (0, 0), (140, 140)))))
    still = shown[:1].repeat(len(shown), 0)
    still[:, around[0] : around[0] + 350, around[1] : around[1] + 350] = frames
    assert not any(blurred_margins(still))  # a shaded page


@pytest.mark.parametrize("above", [0, 150])
def test_a_sector_cut_off_level_on_a_taller_page_ends_there(above):
    """A zoomed picture on an upright telephone: its base is cut off, and the page goes on below."""
    frames, inside = sector_frames()
    frames, inside = frames[:, :260], inside[:260]
    around = ((0, 0), (above, 300), (0, 0))
    sector = video.find_sector(np.pad(frames, around))
    assert sector.kind == "convex"
    assert abs(sector.box[1] - above - 260) <= 3
    assert overlap(sector, np.pad(inside, around[1:])) > 0.95
    alone = video.polar(frames, video.find_sector(frames), (64, 64))
    assert np.abs(video.polar(np.pad(frames, around), sector, (64, 64)).astype(int) - alone).mean() < 8


def test_noise_in_the_margins_does_not_hide_the_sector(rng):
    """An analogue or filmed recording: no margin is ever still."""
    frames, inside = sector_frames(frames=10)
    noisy = np.clip(frames + rng.normal(0, 8, frames.shape), 0, 255).astype(np.uint8)
    sector = video.find_sector(noisy)
    assert sector.kind == "convex"
    assert overlap(sector, inside) > 0.97


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (3, 1000), (700, 4), (15, 15), (2000, 40)])
def test_frames_too_thin_for_a_sector_are_taken_whole(shape, rng):
    sector = video.find_sector(rng.integers(0, 200, (3, *shape)).astype(np.uint8))
    assert (sector.kind, sector.box) == ("full", (0, shape[0], 0, shape[1]))


def test_noise_and_upright_pictures_do_not_become_sectors(rng):
    depth = np.linspace(150, 20, 220)[:, None]
    lung = depth * rng.random((8, 220, 220)) * (0.4 + 0.6 * (np.abs(np.linspace(-1, 1, 220)) < 0.6))
    for frames in (rng.normal(30, 8, (8, 200, 260)), lung):
        assert video.find_sector(np.clip(frames, 0, 255).astype(np.uint8)).kind == "full"


@pytest.mark.parametrize("dark", ["left", "base", "rib"])
def test_shadow_does_not_move_the_sector(dark):
    """Shadow hides an edge: the other edge and the arcs still say where it is."""
    frames, inside = sector_frames()
    y, x = np.mgrid[:350, :350]
    angle = np.arctan2(x - 175, y + 180)
    shadow = {"left": angle < -0.3, "base": (y > 180) & (np.abs(angle) < 0.4), "rib": np.abs(angle - 0.1) < 0.12}[dark]
    frames[:, shadow] = 0
    # of a dark base nobody can see the end: there the sector goes on to the frame
    assert overlap(video.find_sector(frames), inside) > (0.92 if dark == "base" else 0.96)


def test_codec_noise_does_not_move_the_sector(tmp_path):
    frames, inside = sector_frames(frames=12)
    smooth = np.stack([np.asarray(Image.fromarray(f).resize((175, 175)).resize((350, 350))) for f in frames])
    video.write(tmp_path / "a.avi", smooth * inside)
    assert overlap(video.find_sector(video.read(tmp_path / "a.avi").frames), inside) > 0.96


def test_linear_picture_is_a_rectangle():
    frames = np.zeros((5, 300, 400), np.uint8)
    frames[:, 40:280, 60:350] = np.random.default_rng(0).integers(30, 150, (5, 240, 290))
    sector = video.find_sector(frames)
    assert sector.kind == "linear"
    assert np.abs(np.subtract(sector.box, (40, 280, 60, 350))).max() <= 3
    frames[:, 200:, 60:160] = 0  # a shadow in a lower corner is no edge
    assert np.abs(np.subtract(video.find_sector(frames).box, (40, 280, 60, 350))).max() <= 3


@pytest.mark.parametrize("frames", ["tissue", "black", "tiny", "constant"])
def test_without_margins_the_sector_is_the_frame(frames):
    made = {
        "tissue": np.random.default_rng(0).integers(30, 150, (3, 200, 300)).astype(np.uint8),
        "black": np.zeros((3, 200, 300), np.uint8),
        "tiny": np.random.default_rng(0).integers(30, 150, (3, 5, 4)).astype(np.uint8),
        "constant": np.full((2, 64, 64), 77, np.uint8),
    }[frames]
    sector = video.find_sector(made)
    assert (sector.kind, sector.box) == ("full", (0, made.shape[1], 0, made.shape[2]))
    assert video.mask(sector).all()


@pytest.mark.parametrize("seed", range(20))
def test_any_frames_give_a_usable_sector(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 200, 2)
    frames = rng.integers(0, 256, (rng.integers(1, 4), height, width)).astype(np.uint8)
    frames[:, rng.random((height, width)) < rng.random()] = 0
    frames[:, : rng.integers(height + 1)] //= 8
    sector = video.find_sector(frames)
    top, bottom, left, right = sector.box
    assert 0 <= top < bottom <= height
    assert 0 <= left < right <= width
    assert np.isfinite([*sector.apex, sector.inner, sector.outer, sector.left, sector.right]).all()
    assert video.prepare(frames, "polar", (16, 16), sector).shape == (len(frames), 16, 16)
    assert video.prepare(frames, "sector", (16, 16), sector).shape == (len(frames), 16, 16)


# --- geometry ----------------------------------------------------------------------------------------------------------

CONVEX = video.Sector("convex", (200, 240), (0, 200, 0, 240), (120.0, -60.0), 80.0, 250.0, -0.5, 0.5)


def polar_coordinates():
    y, x = np.mgrid[:200, :240] + 0.5
    return np.hypot(x - 120, y + 60), np.arctan2(x - 120, y + 60)


def test_polar_makes_scan_lines_columns_and_arcs_rows():
    radius, angle = polar_coordinates()
    b_line = np.where(np.abs(angle - 0.25) < 0.02, 255, 0).astype(np.uint8)
    a_line = np.where(np.abs(radius - 165) < 3, 255, 0).astype(np.uint8)
    upright, level = video.polar(np.stack([b_line, a_line]), CONVEX, (100, 80)).astype(float)
    assert upright[40].argmax() == pytest.approx(75 / 100 * 80, abs=1)
    assert (upright[20:60].argmax(1) == upright[40].argmax()).all()
    assert (upright[20:60].max(1) > 150).all()
    assert level[:, 20:60].argmax(0) == pytest.approx(50, abs=1)


def test_polar_reads_the_right_place():
    """A frame whose values are its own depth and angle comes out as straight ramps."""
    radius, angle = polar_coordinates()
    inside = (radius > 80) & (radius < 250) & (np.abs(angle) < 0.5)
    depth = np.where(inside, np.clip((radius - 80) / 170 * 250, 0, 255), 0).astype(np.uint8)
    across = np.where(inside, np.clip((angle + 0.5) * 250, 0, 255), 0).astype(np.uint8)
    for rows, columns in ((170, 170), (50, 40)):
        down, right = video.polar(np.stack([depth, across]), CONVEX, (rows, columns)).astype(float)
        expected = (np.arange(rows) + 0.5) / rows * 250
        middle = slice(int(0.1 * rows), int(0.7 * rows))
        assert np.abs(down[middle, columns // 2] - expected[middle]).max() < 2.5
        expected = (np.arange(columns) + 0.5) / columns * 250
        inner = slice(int(0.1 * columns), int(0.9 * columns))
        assert np.abs(right[rows // 2, inner] - expected[inner]).max() < 2.5


def test_polar_averages_when_it_shrinks():
    noise = np.random.default_rng(0).integers(0, 256, (1, 200, 240)).astype(np.uint8)
    fine, coarse = (video.polar(noise, CONVEX, size)[0].astype(float) for size in ((170, 200), (17, 20)))
    assert coarse[4:12, 5:15].std() < fine[40:120, 50:150].std() / 4


def test_polar_of_many_frames_equals_one_by_one(rng):
    frames = rng.integers(0, 256, (7, 1100, 1000)).astype(np.uint8)
    sector = video.Sector("convex", (1100, 1000), (0, 1100, 0, 1000), (500.0, -200.0), 250.0, 1250.0, -0.5, 0.5)
    together = video.polar(frames, sector, (40, 30))
    assert (together == np.concatenate([video.polar(f[None], sector, (40, 30)) for f in frames])).all()


def test_unpolar_is_the_inverse():
    radius, angle = polar_coordinates()
    smooth = (100 + 60 * np.sin(radius / 25) * np.cos(angle * 6)).astype(np.uint8)
    back = video.unpolar(video.polar(smooth[None], CONVEX, (170, 200)), CONVEX, fill=-1)[0]
    inside = video.mask(CONVEX)
    assert back.dtype == np.float32
    core = (radius > 85) & (radius < 245) & (np.abs(angle) < 0.48) & inside
    assert np.abs(back[core] - smooth[core]).max() < 4
    assert (back[~inside] == -1).all()


def test_saliency_comes_back_to_the_spot_it_was_on():
    frames = np.zeros((1, 200, 240), np.uint8)
    frames[0, 118:123, 150:155] = 255
    linear = video.Sector("linear", (200, 240), (20, 180, 30, 230))
    for geometry, sector in (
        ("full", CONVEX),
        ("sector", CONVEX),
        ("polar", CONVEX),
        ("polar", linear),
        ("sector", linear),
    ):
        seen = video.prepare(frames, geometry, (96, 96), sector)
        back = video.restore(seen, geometry, sector)[0]
        assert back.shape == (200, 240)
        y, x = np.unravel_index(back.argmax(), back.shape)
        assert abs(y - 120) <= 3, geometry
        assert abs(x - 152) <= 3, geometry


def test_crop_blackens_what_is_outside():
    frames = np.full((2, 200, 240), 9, np.uint8)
    sector = video.Sector("convex", (200, 240), (20, 190, 40, 200), (120.0, -60.0), 80.0, 250.0, -0.3, 0.3)
    part = video.crop(frames, sector)
    assert part.shape == (2, 170, 160)
    assert ((part[0] == 9) == video.mask(sector)[20:190, 40:200]).all()
    assert (video.crop(frames, sector, clean=False) == 9).all()


def test_resize_keeps_the_mean_and_every_pixel_counts(rng):
    frames = rng.integers(0, 256, (2, 350, 350)).astype(np.uint8)
    small = video.resize(frames, (50, 70))
    assert small.shape == (2, 50, 70)
    assert np.allclose(small.mean((1, 2)), frames.mean((1, 2)), atol=1)
    assert small.std() < frames.std() / 4
    assert video.resize(frames, (350, 350)) is not None
    assert (video.resize(frames, (350, 350)) == frames).all()
    assert video.resize(frames[:, :10, :10], (40, 30)).shape == (2, 40, 30)


def test_geometry_refuses_what_does_not_fit():
    frames = np.zeros((2, 100, 100), np.uint8)
    with pytest.raises(InputError, match="the sector was found in 200 x 240"):
        video.crop(frames, CONVEX)
    with pytest.raises(InputError, match="geometry is 'polr'.*Nearest: 'polar'"):
        video.prepare(frames, "polr")
    with pytest.raises(InputError, match="size is 0 x 5"):
        video.resize(frames, (0, 5))
    with pytest.raises(InputError, match="type float64"):
        video.find_sector(frames.astype(float))
    with pytest.raises(InputError, match="shape"):
        video.unpolar(np.zeros((4, 4)), CONVEX)


# --- the real clips ----------------------------------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.slow
def test_real_clips_give_frames_and_a_sane_sector(real_cohort_folder):
    """Every tenth clip. One device made them all: 34 degrees to each side where an edge is seen at all."""
    paths = sorted((real_cohort_folder / "lus_videos").glob("*.mp4"))[::10]
    sane = 0
    for path in paths:
        clip = video.read(path)
        assert clip.problems == ()
        assert clip.total == video.count(path) >= 7
        assert len(clip.frames) == len(video.sample(clip.total, 25.0))
        sector = video.find_sector(clip.frames)
        sane += sector.kind == "full" or 25 < np.degrees(sector.right) < 40
    assert sane >= 0.95 * len(paths)


@pytest.mark.slow
def test_pocus_clips_of_every_format(pocus_folder):
    folder = pocus_folder / "pocus_videos"
    kinds = {}
    for path in [
        p for suffix in ("gif", "mp4", "MP4", "avi", "mov", "mpeg") for p in sorted(folder.glob(f"*/*.{suffix}"))[:2]
    ]:
        clip = video.read(path)
        assert clip.total == video.count(path) > 10
        kinds.setdefault(Path(path).parent.name, []).append(video.find_sector(clip.frames).kind)
    assert kinds["convex"].count("convex") >= len(kinds["convex"]) - 1
    for path in sorted((folder / "linear").iterdir()):
        assert video.find_sector(video.read(path).frames).kind in ("linear", "full"), path.name
