"""DICOM files are shown in the grays they ask for, and give what they hold of their frames."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from test_video import dicom, moving

from blues import video
from blues.check import InputError

pydicom = pytest.importorskip("pydicom")


def ramp(frames=3):
    """Draw every gray from black to white."""
    return np.tile(np.arange(256, dtype=np.uint8), (frames, 16, 1))


def read(path, frames, **fields):
    dicom(path, frames, **{"FrameTime": "40", **fields})
    return video.read(path, rate=100)


def assert_close(clip, truth, error=1):
    assert clip.frames.dtype == np.uint8
    assert clip.frames.shape == truth.shape
    assert np.abs(clip.frames.astype(int) - truth).max() <= error


# --- palettes ----------------------------------------------------------------------------------------------------------


def palette(colours, bits=16, first=0):
    """Return the fields of a palette, entries (n, 3)."""
    fields = {}
    for name, entries in zip(("Red", "Green", "Blue"), colours.T, strict=True):
        fields[f"{name}PaletteColorLookupTableDescriptor"] = [len(entries), first, bits]
        fields[f"{name}PaletteColorLookupTableData"] = entries.astype(np.uint8 if bits == 8 else "<u2").tobytes()
    return fields


@pytest.mark.parametrize(("bits", "factor"), [(16, 257), (16, 256), (16, 1), (8, 1)])
def test_palette_is_applied(tmp_path, bits, factor):
    shades = np.random.default_rng(0).permutation(256)
    index = np.argsort(shades).astype(np.uint8)[ramp()]
    table = palette(np.repeat(shades[:, None] * factor, 3, 1), bits)
    clip = read(tmp_path / "a", index, photometric="PALETTE COLOR", **table)
    assert_close(clip, ramp())
    assert clip.problems == ()


def test_palette_of_colours_becomes_gray_as_colours_do(tmp_path):
    colours = np.random.default_rng(1).integers(0, 256, (256, 3))
    clip = read(tmp_path / "a", ramp(), photometric="PALETTE COLOR", **palette(colours * 257))
    direct = read(tmp_path / "b", colours.astype(np.uint8)[ramp()])
    assert_close(clip, direct.frames, 0)


def test_palette_may_begin_later_and_be_shorter_than_the_values(tmp_path):
    shades = np.arange(255, 155, -1)
    clip = read(
        tmp_path / "a", ramp(), photometric="PALETTE COLOR", **palette(np.stack([shades] * 3, 1) * 257, first=50)
    )
    assert_close(clip, shades[np.clip(ramp().astype(int) - 50, 0, 99)])


@pytest.mark.parametrize("bits", [8, 16])
def test_palette_may_be_long(tmp_path, bits):
    index = np.tile(np.arange(1024, dtype=np.uint16), (2, 8, 1))
    shades = np.arange(1024) // 4
    clip = read(tmp_path / "a", index, bits=10, photometric="PALETTE COLOR", **palette(np.stack([shades] * 3, 1), bits))
    assert_close(clip, shades[index])


def test_palette_in_segments_is_applied(tmp_path):
    """PS3.3, C.7.9.2: one entry of 65535, then a straight line of 255 entries down to 0."""
    fields = {}
    for name in ("Red", "Green", "Blue"):
        fields[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        segments = np.array([0, 1, 65535, 1, 255, 0], "<u2")
        fields[f"Segmented{name}PaletteColorLookupTableData"] = segments.tobytes()
    clip = read(tmp_path / "a", ramp(), photometric="PALETTE COLOR", **fields)
    assert_close(clip, 255 - ramp())


def test_missing_palette_is_named(tmp_path):
    with pytest.raises(InputError, match="palette, which cannot be read"):
        read(tmp_path / "a", ramp(), photometric="PALETTE COLOR")


# --- depth and windows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [12, 16])
def test_signed_values_keep_their_lower_half(tmp_path, bits):
    stored = (ramp().astype(int) * (1 << bits - 8) - (1 << bits - 1)).astype(np.int16)
    clip = read(tmp_path / "a", stored, bits=bits, PixelRepresentation=1)
    assert_close(clip, ramp())
    assert clip.problems == ()


def test_signed_values_none_of_them_below_zero_are_black_at_zero(tmp_path):
    clip = read(tmp_path / "a", ramp().astype(np.int16) * 8, bits=12, PixelRepresentation=1)
    assert_close(clip, ramp())


def test_fewer_bits_than_eight_are_spread(tmp_path):
    clip = read(tmp_path / "a", ramp() // 4, bits=6)
    assert_close(clip, ramp(), 3)
    assert clip.frames.max() == 255


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("bits", [8, 10])
def test_values_far_below_the_depth_stated_are_scaled_by_their_own_and_it_is_said(tmp_path, bits, signed):
    stored = ramp().astype(np.int16 if signed else np.uint16) << bits - 8
    clip = read(tmp_path / "a", stored, bits=16, PixelRepresentation=signed)
    assert_close(clip, ramp())
    assert clip.problems == (f"the values fill {bits} bits, the file states 16; the grays are scaled by the former",)


def test_small_signed_values_are_scaled_by_their_own_depth(tmp_path):
    clip = read(tmp_path / "a", ramp().astype(np.int16) - 128, bits=16, PixelRepresentation=1)
    assert_close(clip, ramp())
    assert any("states 16" in p for p in clip.problems)


def test_deep_colour_is_scaled(tmp_path):
    clip = read(tmp_path / "a", np.stack([ramp().astype(np.uint16) * 16] * 3, -1), bits=12)
    assert_close(clip, ramp())


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 12), (np.uint16, 16)])
def test_window_is_used(tmp_path, dtype, bits, photometric):
    """A window of 256 values about 128 shows 0 to 255 as they are, whatever depth the file states."""
    window = {"WindowCenter": "128", "WindowWidth": "256"}
    clip = read(tmp_path / "a", ramp().astype(dtype), bits=bits, photometric=photometric, **window)
    assert_close(clip, 255 - ramp() if photometric == "MONOCHROME1" else ramp(), 0)
    assert clip.problems == ()


@pytest.mark.parametrize("form", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_forms_of_window_follow_the_standard(tmp_path, form):
    """PS3.3, C.11.2.1.2 and C.11.2.1.3; pydicom's own windowing is the reference."""
    stored = ramp().astype(np.uint16) * 16
    fields = {"WindowCenter": ["1500", "9"], "WindowWidth": ["900", "9"], "VOILUTFunction": form}
    fields |= {"RescaleSlope": "2", "RescaleIntercept": "-1024"}
    clip = read(tmp_path / "a", stored, bits=12, **fields)
    data = pydicom.dcmread(tmp_path / "a")
    values = pydicom.pixels.apply_windowing(pydicom.pixels.apply_modality_lut(stored, data), data)
    assert_close(clip, (values + 1024) / (4095 * 2) * 255)


def test_table_of_grays_is_used(tmp_path):
    item = pydicom.dataset.Dataset()
    table = np.arange(4095, -1, -1)
    item.LUTDescriptor, item.LUTData = [4096, 0, 12], table.tolist()
    item["LUTData"].VR = "US"
    item["LUTDescriptor"].VR = "US"
    clip = read(tmp_path / "a", ramp().astype(np.uint16) * 16, bits=12, VOILUTSequence=[item])
    assert_close(clip, 255 - ramp())


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        ({"WindowCenter": "0", "WindowWidth": "0"}, "its window cannot be used (centre -0.5, width -1)"),
        ({"WindowCenter": "30000", "WindowWidth": "100"}, "its window leaves nothing to see; it was not used"),
    ],
)
def test_window_of_no_use_is_said_and_not_used(tmp_path, window, problem):
    clip = read(tmp_path / "a", ramp().astype(np.uint16) * 16, bits=12, **window)
    assert_close(clip, ramp())
    assert clip.problems == (problem,)


# --- the whole file decides --------------------------------------------------------------------------------------------


def once_bright(colour=False, dtype=np.uint16):
    """Draw frames of 8 bits, of which one alone goes up to 12 bits."""
    frames = moving(9).astype(dtype)
    frames[2] *= 16
    return np.stack([frames] * 3, -1) if colour else frames


def grays(path, most):
    """Return the frames of a file by their place in it."""
    clip = video.read(path, rate=100, most=most)
    return dict(zip((clip.times * 25).round().astype(int).tolist(), clip.frames, strict=True)), clip.problems


FIELDS = {
    "unsigned": {},
    "signed": {"PixelRepresentation": 1},
    "inverse": {"photometric": "MONOCHROME1"},
    "useless window": {"WindowCenter": "60000", "WindowWidth": "100"},
    "window of the bright": {"WindowCenter": "3000", "WindowWidth": "1000"},
}


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize(("colour", "compress"), [(False, False), (False, True), (True, False)])
def test_which_frames_are_sampled_changes_no_gray(tmp_path, fields, colour, compress):
    fields = FIELDS[fields] if not colour else {}
    frames = once_bright(colour, np.int16 if "PixelRepresentation" in fields else np.uint16)
    dicom(tmp_path / "a", frames, bits=16, compress=compress, FrameTime="40", **fields)
    every, problems = grays(tmp_path / "a", 9)
    assert len(every) == 9
    assert any(frame.min() < frame.max() for frame in every.values())
    for most in range(1, 9):
        some, told = grays(tmp_path / "a", most)
        assert len(some) == most
        assert told == problems
        for place, frame in some.items():
            assert (frame == every[place]).all(), (most, place)


def test_depth_of_long_whole_numbers_does_not_follow_the_sample(tmp_path):
    frames = once_bright(dtype=np.uint32) << 8
    dicom(tmp_path / "a", frames, bits=32, FrameTime="40")
    every, _ = grays(tmp_path / "a", 9)
    for most in (1, 2, 4):
        some, _ = grays(tmp_path / "a", most)
        assert all((frame == every[place]).all() for place, frame in some.items())
    assert_close(video.read(tmp_path / "a", rate=100), frames / (1 << 20) * 255)


def test_a_damaged_frame_that_is_not_sampled_does_not_hinder(tmp_path):
    frames = once_bright()
    dicom(tmp_path / "a", frames, bits=16, compress=True, FrameTime="40")
    data = pydicom.dcmread(tmp_path / "a")
    parts = list(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=9))
    parts[1] = bytes(len(parts[1]))
    data.PixelData = pydicom.encaps.encapsulate(parts)
    data.save_as(tmp_path / "a")
    clip = video.read(tmp_path / "a", rate=100, most=1)
    assert_close(clip, frames[[4]] / 4095 * 255)


def test_frames_that_no_gray_depends_on_are_not_decoded(tmp_path, monkeypatch):
    """Clips of 8 bits are read without the frames between those sampled."""
    decoded = []
    real = pydicom.pixels.iter_pixels

    def counted(*args, **settings):
        for frame in real(*args, **settings):
            decoded.append(1)
            yield frame

    monkeypatch.setattr(pydicom.pixels, "iter_pixels", counted)
    dicom(tmp_path / "a", moving(20), compress=True, FrameTime="40")
    assert len(video.read(tmp_path / "a").frames) == len(decoded) == 2


# --- frames missing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("stated", [7, 50])
def test_dicom_that_states_more_frames_than_it_holds_gives_those(tmp_path, compress, stated):
    frames = moving(6)
    dicom(tmp_path / "a", frames, compress=compress, FrameTime="40")
    data = pydicom.dcmread(tmp_path / "a")
    data.NumberOfFrames = stated
    data.save_as(tmp_path / "a")
    for rate in (3, 100):
        clip = video.read(tmp_path / "a", rate=rate)
        chosen = video.sample(6, 25.0, rate)
        assert (clip.frames == frames[chosen]).all()
        assert np.allclose(clip.times, chosen / 25)
        assert (clip.total, clip.problems) == (6, (f"6 of {stated} frames are usable",))


def in_parts(path, way):
    """Compress a file anew with its frames in parts; return where the parts begin, as offsets in the file, by frame."""
    data = pydicom.dcmread(path)
    parts = list(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=int(data.NumberOfFrames)))
    if way == "table of offsets":
        data.PixelData = pydicom.encaps.encapsulate(parts)
    elif way == "no table":
        data.PixelData = pydicom.encaps.encapsulate(parts, has_bot=False)
    elif way == "extended table":
        data.PixelData, offsets, lengths = pydicom.encaps.encapsulate_extended(parts)
        data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths = offsets, lengths
    else:
        data.PixelData = pydicom.encaps.encapsulate(parts, fragments_per_frame=3)
    data.save_as(path)
    stored, places = path.read_bytes(), []
    for part in parts:
        places.append(stored.index(part[:200], places[-1] + 1 if places else 0) - 8)
    return places


@pytest.mark.parametrize("way", ["table of offsets", "no table", "extended table", "three parts a frame"])
def test_compressed_dicom_cut_short_gives_its_whole_frames(tmp_path, way):
    frames = moving(12)
    dicom(tmp_path / "a", frames, compress=True, FrameTime="40")
    places = in_parts(tmp_path / "a", way)
    stored = (tmp_path / "a").read_bytes()
    assert (video.read(tmp_path / "a", rate=100).frames == frames).all()
    for whole in (1, 8, 11):
        for more in (0, 3, 8, 40, (places[2] - places[1]) // 2, places[2] - places[1] - 20):
            (tmp_path / "b").write_bytes(stored[: places[whole] + more])
            clip = video.read(tmp_path / "b", rate=100)
            assert (clip.frames == frames[:whole]).all()
            assert (clip.total, clip.problems) == (whole, (f"{whole} of 12 frames are usable",))


@pytest.mark.parametrize("more", [-30, -9, 4, 30])
def test_compressed_dicom_cut_before_a_whole_frame_says_that_it_is_cut(tmp_path, more):
    dicom(tmp_path / "a", moving(12), compress=True, FrameTime="40")
    place = in_parts(tmp_path / "a", "table of offsets")[0]
    (tmp_path / "b").write_bytes((tmp_path / "a").read_bytes()[: place + more])
    with pytest.raises(InputError, match=r"b: the DICOM file is cut short: .* Copy the file again\.$"):
        video.read(tmp_path / "b")


def test_damaged_frame_of_a_compressed_dicom_is_left_out(tmp_path):
    frames = moving(6)
    dicom(tmp_path / "a", frames, compress=True, FrameTime="40")
    data = pydicom.dcmread(tmp_path / "a")
    parts = list(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=6))
    parts[2] = bytes(len(parts[2]))
    data.PixelData = pydicom.encaps.encapsulate(parts)
    data.save_as(tmp_path / "a")
    clip = video.read(tmp_path / "a", rate=100)
    kept = [0, 1, 3, 4, 5]
    assert (clip.frames == frames[kept]).all()
    assert np.allclose(clip.times, np.array(kept) / 25)
    assert clip.problems == ("5 of 6 frames are usable",)


# --- what the header says of frames, rate and pixels -------------------------------------------------------------------


def doctored(path, change, **fields):
    """Change the header of a file; a value given as bytes is written as it is, whatever it holds."""
    data = pydicom.dcmread(path)
    change(data)
    for name, value in fields.items():
        data[name] = pydicom.dataelem.RawDataElement(
            pydicom.tag.Tag(name), pydicom.datadict.dictionary_VR(name), len(value), value, 0, False, True
        )
    data.save_as(path)


def unstated(data):
    if "NumberOfFrames" in data:
        del data.NumberOfFrames


def states(frames):
    return lambda data: setattr(data, "NumberOfFrames", frames)


@pytest.mark.parametrize("way", [None, "table of offsets", "no table", "extended table", "three parts a frame"])
@pytest.mark.parametrize("change", [unstated, states(0)])
def test_frames_that_no_number_is_stated_of_are_all_read_and_told(tmp_path, way, change):
    frames = moving(12)
    dicom(tmp_path / "a", frames, compress=bool(way), FrameTime="40")
    if way:
        in_parts(tmp_path / "a", way)
    doctored(tmp_path / "a", change)
    clip = video.read(tmp_path / "a", rate=100)
    assert (clip.frames == frames).all()
    assert clip.total == video.count(tmp_path / "a") == 12
    assert clip.problems == ("it states no number of frames; what it holds is used: 12 frames",)


@pytest.mark.parametrize("compress", [False, True])
def test_a_single_picture_needs_neither_number_nor_rate(tmp_path, compress):
    dicom(tmp_path / "a", moving(1), compress=compress)
    for change in (lambda data: None, states(0), unstated):
        doctored(tmp_path / "a", change)
        clip = video.read(tmp_path / "a")
        assert (clip.frames == moving(1)).all()
        assert (clip.total, clip.problems, video.count(tmp_path / "a")) == (1, (), 1)


def test_a_compressed_picture_in_parts_is_one_frame(tmp_path):
    from pydicom import encaps, uid

    kept = io.BytesIO()
    noisy = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    Image.fromarray(noisy).save(kept, "JPEG", quality=95)
    dicom(tmp_path / "a", noisy[None])
    for several in (1, 4):
        data = pydicom.dcmread(tmp_path / "a")
        data.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
        data.PixelData = encaps.encapsulate([kept.getvalue()] * several, fragments_per_frame=3, has_bot=False)
        data["PixelData"].VR = "OB"
        unstated(data)
        data.save_as(tmp_path / "b", enforce_file_format=True)
        clip = video.read(tmp_path / "b", rate=100)
        assert clip.total == len(clip.frames) == video.count(tmp_path / "b") == several
        assert np.abs(clip.frames - noisy.astype(int)).mean() < 5


@pytest.mark.parametrize("way", [None, "table of offsets", "no table", "extended table", "three parts a frame"])
@pytest.mark.parametrize("stated", [1, 5])
def test_frames_beyond_those_stated_are_left_out_and_told(tmp_path, way, stated):
    frames = moving(12)
    dicom(tmp_path / "a", frames, compress=bool(way), FrameTime="40")
    if way:
        in_parts(tmp_path / "a", way)
    doctored(tmp_path / "a", states(stated))
    clip = video.read(tmp_path / "a", rate=100)
    assert (clip.frames == frames[:stated]).all()
    assert clip.total == video.count(tmp_path / "a") == stated
    assert clip.problems == (f"{stated} of the 12 frames it holds are used: it states no more",)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("text", [b"2x", b"2\\12 "])
def test_number_of_frames_that_is_none_gives_those_held(tmp_path, text):
    frames = moving(12)
    dicom(tmp_path / "a", frames, FrameTime="40")
    doctored(tmp_path / "a", unstated, NumberOfFrames=text)
    clip = video.read(tmp_path / "a", rate=100)
    assert (clip.frames == frames).all()
    assert clip.total == video.count(tmp_path / "a") == 12
    assert clip.problems == ("the number of frames it states cannot be read; what it holds is used: 12 frames",)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "fields",
    [
        {"FrameTime": b"50,0"},
        {"FrameTime": b"50\\50 "},
        {"FrameTime": b"-50 "},
        {"FrameTimeVector": b"50"},
        {"FrameTimeVector": b"0\\a b"},
        {"CineRate": b"20 Hz "},
        {"CineRate": b"20\\20 "},
    ],
)
def test_rate_that_cannot_be_read_is_unknown(tmp_path, fields):
    dicom(tmp_path / "a", moving(12))
    doctored(tmp_path / "a", lambda data: None, **fields)
    clip = video.read(tmp_path / "a")
    assert (clip.fps, clip.total) == (25.0, 12)
    assert clip.problems == ("the frame rate is unknown or absurd; 25 a second assumed",)
    doctored(tmp_path / "a", lambda data: None, RecommendedDisplayFrameRate=b"10")
    clip = video.read(tmp_path / "a")
    assert (clip.fps, clip.problems) == (10.0, ())


def region(across, down, units=(3, 3)):
    item = pydicom.dataset.Dataset()
    item.PhysicalDeltaX, item.PhysicalDeltaY = across, down
    item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection = units
    return {"SequenceOfUltrasoundRegions": [pydicom.dataset.Dataset(), item]}  # the first says nothing of its scale


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("fields", "square"),
    [
        ({"PixelAspectRatio": ["1", "1"]}, True),
        ({"PixelAspectRatio": ["2", "1"]}, False),
        ({"PixelAspectRatio": ["1", "2"]}, False),
        ({"PixelSpacing": ["0.2", "0.1"]}, False),
        ({"PixelSpacing": ["0.2", "0.2"]}, True),
        ({"PixelSpacing": ["0", "0.2"]}, True),
        (lambda: region(0.02, 0.02), True),
        (lambda: region(0.02, -0.0204), True),
        (lambda: region(0.04, 0.02), False),
        (lambda: region(0.02, -0.04), False),
        (lambda: region(0.004, 0.02, units=(4, 3)), True),
    ],
)
def test_pixels_that_are_not_square_are_told(tmp_path, fields, square):
    fields = fields if isinstance(fields, dict) else fields()
    clip = read(tmp_path / "a", moving(3), **fields)
    assert clip.problems == (() if square else ("the file says its pixels are not square; they are used as stored",))


def test_a_file_without_transfer_syntax_is_refused_in_words(tmp_path):
    dicom(tmp_path / "a", moving(3))
    data = pydicom.dcmread(tmp_path / "a")
    del data.file_meta.TransferSyntaxUID
    data.save_as(tmp_path / "a", implicit_vr=False, little_endian=True)
    for reading in (video.read, video.count):
        with pytest.raises(InputError, match="does not say how its pictures are stored"):
            reading(tmp_path / "a")


def test_aspect_that_cannot_be_read_is_none(tmp_path):
    dicom(tmp_path / "a", moving(3), FrameTime="40")
    doctored(tmp_path / "a", lambda data: None, PixelAspectRatio=b"2:1 ")
    assert video.read(tmp_path / "a").problems == ()


def test_advice_fits_how_the_pictures_are_kept(tmp_path):
    """The extra is named for JPEG 2000 only, which it decodes."""
    from pydicom import uid

    for syntax, advice in (
        (uid.JPEG2000Lossless, "for JPEG 2000 install the extra"),
        (uid.HTJ2K, "for JPEG 2000 install the extra|pip install pylibjpeg pylibjpeg-openjpeg; or export"),
        (uid.MPEG4HP41, "or export it uncompressed or as mp4"),
    ):
        dicom(tmp_path / "a", moving(2))
        data = pydicom.dcmread(tmp_path / "a")
        data.file_meta.TransferSyntaxUID = syntax
        data.PixelData = pydicom.encaps.encapsulate([b"no picture", b"no picture"])
        data["PixelData"].VR = "OB"
        data.save_as(tmp_path / "a", enforce_file_format=True)
        with pytest.raises(InputError, match=advice):
            video.read(tmp_path / "a")


LACKING = """Unable to decompress 'JPEG Lossless' pixel data because all plugins are missing dependencies:
\tgdcm - requires gdcm>=3.0.10
\tpylibjpeg - requires pylibjpeg>=2.0 and pylibjpeg-libjpeg>=2.1"""
RAISED = """Unable to decode as exceptions were raised by all available plugins:
  pillow: cannot identify image file <_io.BytesIO object at 0x7f87f129d800>
  gdcm: no such thing"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            LACKING,
            "pylibjpeg-libjpeg>=2.1. Install what decodes them: pip install pylibjpeg pylibjpeg-libjpeg; or export",
        ),
        (
            RAISED,
            "by all available plugins: pillow: cannot identify image file; gdcm: no such thing. Copy the file again",
        ),
    ],
)
def test_why_it_does_not_decode_is_said_whole(tmp_path, monkeypatch, text, said):
    dicom(tmp_path / "a", moving(3), compress=True)

    def failing(*args, **settings):
        raise RuntimeError(text)

    monkeypatch.setattr(pydicom.pixels, "iter_pixels", failing)
    with pytest.raises(InputError) as caught:
        video.read(tmp_path / "a")
    assert said in str(caught.value)


def halved_colours(path, frames):
    """Write frames of which two pixels share their colours, gray ones: Y, Y, Cb, Cr."""
    gray = np.full(frames[..., ::2].shape, 128, np.uint8)
    dicom(path, np.stack([frames] * 3, -1), FrameTime="40")
    data = pydicom.dcmread(path)
    data.PhotometricInterpretation = "YBR_FULL_422"
    data.PixelData = np.stack([frames[..., ::2], frames[..., 1::2], gray, gray], -1).tobytes()
    data.save_as(path)


@pytest.mark.parametrize("rate", [1, 10, 100])
def test_frames_that_halve_their_colours_are_read(tmp_path, rate):
    frames = moving(8)
    halved_colours(tmp_path / "a", frames)
    clip = video.read(tmp_path / "a", rate=rate)
    assert_close(clip, frames[video.sample(8, 25.0, rate)])
    assert (clip.total, clip.problems) == (8, ())
    data = (tmp_path / "a").read_bytes()
    (tmp_path / "b").write_bytes(data[: -frames[0].size * 3])  # of two bytes a pixel
    clip = video.read(tmp_path / "b", rate=rate)
    assert_close(clip, frames[video.sample(6, 25.0, rate)])
    assert clip.problems == ("6 of 8 frames are usable",)


def test_frames_that_decode_one_by_one_only_are_refused_in_words(tmp_path, monkeypatch):
    real = pydicom.pixels.iter_pixels

    def single(data, indices, **settings):
        if len(indices) > 1:
            raise ValueError("not several")
        return real(data, indices=indices, **settings)

    monkeypatch.setattr(pydicom.pixels, "iter_pixels", single)
    dicom(tmp_path / "a", moving(8), FrameTime="40")
    with pytest.raises(InputError, match="cannot be decoded: not several"):
        video.read(tmp_path / "a", rate=100)


@pytest.mark.parametrize("compress", [False, True])
def test_nothing_is_printed_about_a_damaged_dicom(tmp_path, compress):
    dicom(tmp_path / "a", moving(20), compress=compress)
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:9000])
    code = f"from blues import video; print(video.read({str(tmp_path / 'a')!r}).problems)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "1 of 20 frames are usable" in done.stdout
    assert done.stderr == ""


def test_the_extra_decodes_jpeg_2000_of_high_throughput():
    from pydicom import uid
    from pydicom.pixels import get_decoder

    assert get_decoder(uid.HTJ2K).is_available
    assert get_decoder(uid.HTJ2KLossless).is_available
