"""Decodes containers and codecs through PyAV, packet by packet, and keeps what a damaged file still holds."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from blues.check import InputError
from blues.video.ends import spacing, unfinished, unmarked, whole_pictures
from blues.video.geometry import resize
from blues.video.turn import upright

__all__ = [
    "Decoded",
    "Still",
    "WITH_ERRORS",
    "as_gray",
    "decode",
    "decoder_version",
    "dim",
    "packets",
    "problems_of",
    "stack",
    "still",
]

PREPARATION = "clip 8"
"""Raised whenever reading, sampling, the sector, lines taken out or unwarping give other pixels than before."""

SANE_RATE = (1.0, 200.0)
"""Frames a second between which a file's own frame rate is believed."""

ASSUMED_RATE = 25.0
"""Frames a second when the file tells none that can be believed."""

STRICT = ("mjpeg", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "tiff", "wmv1", "wmv2")
"""FFmpeg's names of the codecs whose decoders give damaged frames as sound ones unless they are told to check."""

CHECKS = {"err_detect": "crccheck+bitstream+buffer+explode"}

TIMED = ("matroska,webm", "asf", "flv")
"""FFmpeg's names of the containers whose header states a length and no number of frames."""

WITH_ERRORS = "its frames decode only with errors: parts of them may be wrong"
"""What is said of a clip of which nothing is left when what decodes with errors is left out."""

DIM = 16
"""The brightest gray, of 255, of values of 12 bits that are kept as values of 16."""


@dataclasses.dataclass(frozen=True)
class Decoded:
    """Chosen frames of one file.

    Attributes
    ----------
    frames : uint8 array, shape (t, h, w)
    times : float array, shape (t,)
        Seconds since the first frame.
    fps : float
        Frames a second of the file.
    total : int
        Frames of the file that decode cleanly.
    problems : tuple of str
    """

    frames: np.ndarray
    times: np.ndarray
    fps: float
    total: int
    problems: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Still:
    """A still picture.

    Attributes
    ----------
    gray : uint8 array, shape (h, w)
        As stored.
    square : bool
        Whether its pixels are square.
    deep : bool
        Whether it is stored in values of 16 bits.
    sound : bool
        Whether it decodes without errors, as far as that was looked at.
    """

    gray: np.ndarray
    square: bool
    deep: bool = False
    sound: bool = True


@dataclasses.dataclass(frozen=True)
class _Contents:
    """What the packets say before anything is decoded; ``whole`` pictures come before a GIF file breaks off, if it does."""

    packets: int
    declared: int
    times: np.ndarray
    rate: float
    square: bool
    whole: int | None
    odd: list[str]


@dataclasses.dataclass
class _Pass:
    """One pass of the decoder over a file.

    A frame that decodes with errors, and what follows a damaged packet, is wrong until the next key frame: later frames are
    changes to it. ``dropped`` counts those, ``bad`` the packets that do not decode at all.
    """

    images: dict[int, np.ndarray] = dataclasses.field(default_factory=dict)
    times: list[float] = dataclasses.field(default_factory=list)
    dropped: int = 0
    bad: int = 0
    broken: bool = False
    deep: bool = False

    def damage(self) -> None:
        """Note a packet that does not decode."""
        self.bad += 1
        self.broken = True

    def sound(self, frame: VideoFrame) -> bool:
        """Tell whether a frame is what was recorded."""
        self.broken = frame.is_corrupt or (self.broken and not frame.key_frame)
        self.dropped += self.broken
        return not self.broken


def decoder_version() -> str:
    """Return what decides a prepared clip's pixels besides its file: part of every cache key.

    Returns
    -------
    str
    """
    return f"{PREPARATION}, av-{av.__version__}-avcodec-" + ".".join(map(str, av.library_versions["libavcodec"]))


def packets(path: Path) -> int:
    """Return how many coded frames a file holds, without decoding them."""
    return _contents(path).packets


def decode(path: Path, choose: Callable[[int, float], np.ndarray]) -> Decoded:
    """Decode a file once and keep the frames chosen.

    Parameters
    ----------
    path : Path
    choose : callable
        Takes the number of frames and the frames a second, returns the indices wanted, int (t,), ascending.

    Raises
    ------
    InputError
        When no picture comes out; it names the file and the reason.
    """
    contents = _contents(path)
    fps, problems = _rate(contents.times, contents.rate)
    wanted = choose(contents.packets, fps)
    strict = True
    result = _run(path, wanted, contents.whole, strict)
    if not result.times:
        strict = False
        result = _run(path, wanted, contents.whole, strict)
    total = len(result.times)
    if total == 0:
        raise InputError(
            f"none of its {contents.packets} coded frames can be decoded" + (" cleanly" if result.dropped else ""),
            file=path,
            remedy="Export or copy the clip again",
        )
    if total != contents.packets:  # damaged, or a codec with several packets a frame: now the true number is known
        wanted = choose(total, fps)
        result = _run(path, wanted, contents.whole, strict)
    frames, moved = stack([result.images[i] for i in wanted.tolist()])
    problems += _lost(result, contents) + ([] if strict else [WITH_ERRORS])
    problems += problems_of(moved, contents.square) + dim(frames, result.deep)
    return Decoded(frames, _seconds(result.times, wanted, fps), fps, total, tuple(problems))


def _lost(result: _Pass, contents: _Contents) -> list[str]:
    """Return what is to be said of the frames that a file lacks, and of when it shows the others."""
    problems, total = [], len(result.times)
    if result.bad:
        problems.append(f"{result.bad} of {contents.packets} packets could not be decoded")
    if result.dropped:
        problems.append(f"{result.dropped} frames were left out: damaged, or built on damaged ones")
    expected = max(contents.declared, contents.packets if result.bad or result.dropped else 0)
    if expected > total:
        problems.append(f"{total} of {expected} frames are usable")
    return problems + contents.odd


def dim(frames: np.ndarray, deep: bool) -> list[str]:
    """Return what is to be said of frames stored in values of 16 bits that are all but black."""
    if not deep or frames.max() > DIM:
        return []
    return ["its values have 16 bits, and none is above a sixteenth of them: its frames are all but black"]


def problems_of(moved: bool, square: bool) -> list[str]:
    """Return what is to be said of frames whose size changes, and of pixels that are not square."""
    problems = []
    if moved:
        problems.append("the frame size changes within the clip; later frames were scaled to the first")
    if not square:
        problems.append("the file says its pixels are not square; they are used as stored")
    return problems


def still(path: Path, data: bytes, strict: bool = False) -> Still | None:
    """Decode ``data``, a still picture that ``path`` holds, as it is stored; None where it does not decode.

    With ``strict`` errors that decoders pass over, and fields that they do not know, count too.
    """
    result = _Pass()
    try:
        with _open(path, io.BytesIO(data)) as container:
            stream = _stream(container, path, strict)
            square = _is_square(stream)
            for frame in _each(container, stream, result):
                if result.sound(frame):
                    return Still(_gray(frame), square, _is_deep(frame))
    except InputError:
        pass
    return None


def _is_deep(frame: VideoFrame) -> bool:
    return frame.format.components[0].bits == 16


def as_gray(pixels: np.ndarray) -> np.ndarray:
    """Return gray, or red, green and blue, uint8 (h, w) or (h, w, 3), as the gray that a decoded frame would have."""
    if pixels.ndim == 2:
        return pixels
    return _gray(VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24"))


def _gray(frame: VideoFrame, reformatter: VideoReformatter | None = None) -> np.ndarray:
    return (reformatter or VideoReformatter()).reformat(frame, format="gray").to_ndarray()


def _open(path: Path, data: io.BytesIO | None = None) -> InputContainer:
    """Open a file, or what it holds as ``data``."""
    # "file:" keeps a colon in a name from being read as a protocol; the list keeps playlists from reaching out; and the
    # pattern keeps "%d" in a still's name from standing for other files
    options = {"protocol_whitelist": "file", "pattern_type": "none"}
    try:
        return av.open(data or f"file:{path}", mode="r", options=options, metadata_errors="replace")
    except FileNotFoundError:
        raise InputError("no such file", file=path, remedy="Check the spelling of the path") from None
    except PermissionError:
        raise InputError("no permission to read it", file=path, remedy="Mend it with chmod") from None
    except FFmpegError as error:
        raise InputError(_why(path, error), file=path, remedy="Export or copy the clip again") from None


def _why(path: Path, error: FFmpegError) -> str:
    """Say in words why a file cannot be opened."""
    with path.open("rb") as stream:
        head = stream.read(4096)
    if b"ftyp" in head[:16] and b"moov" not in _boxes(path):
        return "the video is cut off: it ends before its index (the moov box)"
    if head and all(byte in b"\t\n\r\f" or byte >= 32 for byte in head):
        return "not a video: the file holds text"
    return f"not a video that can be read ({error.strerror})"


def _boxes(path: Path) -> list[bytes]:
    """Return the names of an MP4 file's outer boxes."""
    names: list[bytes] = []
    size = path.stat().st_size
    with path.open("rb") as stream:
        place = 0
        while place + 8 <= size:
            stream.seek(place)
            header = stream.read(16)
            length = int.from_bytes(header[:4])
            if length == 1:
                length = int.from_bytes(header[8:16])
            names.append(header[4:8])
            if length < 8:
                break
            place += length
    return names


def _stream(container: InputContainer, path: Path, strict: bool = False) -> VideoStream:
    if not container.streams.video:
        kinds = {stream.type for stream in container.streams}
        what = "holds sound but no pictures" if "audio" in kinds else "holds no pictures"
        raise InputError(what, file=path, remedy="Take it out of the folder of clips")
    stream = container.streams.video[0]
    stream.thread_type = "NONE"  # workers go over files: faster than threads within one, and the same frames each time
    if strict and stream.codec_context.codec.canonical_name in STRICT:
        stream.codec_context.options = CHECKS
    return stream


def _is_square(stream: VideoStream) -> bool:
    return stream.sample_aspect_ratio in (None, 0, 1)


def _contents(path: Path) -> _Contents:
    with _open(path) as container:
        stream = _stream(container, path)
        stamps = []
        try:
            stamps = [packet.pts for packet in container.demux(stream) if packet.size]
        except FFmpegError:
            pass  # cut short; the decoding pass counts what is lost
        known = [stamp for stamp in stamps if stamp is not None]
        times = np.sort(np.array(known, dtype=float)) * float(stream.time_base or 0)
        rate = next((float(r) for r in (stream.average_rate, stream.guessed_rate) if r), math.nan)
        square = _is_square(stream)
        count, declared = len(stamps), stream.frames
        states = container.format.name in TIMED and len(container.streams) == 1 and container.duration
    if not count:
        raise InputError("holds no frames", file=path, remedy="Export or copy the clip again")
    times = times if len(times) == count else times[:0]
    whole = whole_pictures(path)
    odd = spacing(times, declared > 0) + unfinished(times, states / av.time_base if states else None)
    odd += unmarked(path, whole)
    if whole is not None:
        whole = whole if count <= whole + 1 else None  # else there is more, and it was read
    return _Contents(count, declared, times, rate, square, whole, odd)


def _rate(times: np.ndarray, stated: float) -> tuple[float, list[str]]:
    """Return frames a second: as stated, else from the time stamps, else assumed; and what is odd about it."""
    span = times[-1] - times[0] if len(times) > 1 else 0.0
    measured = (len(times) - 1) / span if span > 0 and (np.diff(times) > 0).all() else math.nan
    for rate in (stated, measured):
        if SANE_RATE[0] <= rate <= SANE_RATE[1]:
            return float(rate), []
    return ASSUMED_RATE, [f"the frame rate is unknown or absurd; {ASSUMED_RATE:g} a second assumed"]


def _run(path: Path, chosen: np.ndarray, whole: int | None, strict: bool) -> _Pass:
    result, wanted = _Pass(), set(chosen.tolist())
    reformatter = VideoReformatter()
    with _open(path) as container:
        for frame in _each(container, _stream(container, path, strict), result):
            if whole is not None and len(result.times) + result.bad >= whole:
                result.dropped += 1
                continue
            if not result.sound(frame):
                continue
            if len(result.times) in wanted:
                result.images[len(result.times)] = upright(_gray(frame, reformatter), frame, path)
            result.times.append(math.nan if frame.time is None else frame.time)
            result.deep = _is_deep(frame)
    return result


def _each(container: InputContainer, stream: VideoStream, result: _Pass) -> Iterator[VideoFrame]:
    """Yield every frame that comes out, in order of presentation; count the packets that give an error."""
    source = container.demux(stream)
    while True:
        try:
            packet = next(source)
        except StopIteration:
            return
        except FFmpegError:
            result.damage()
            break
        try:
            yield from packet.decode()
        except FFmpegError:
            result.damage()
    try:
        yield from stream.codec_context.decode(None)
    except FFmpegError:
        return


def stack(images: list[np.ndarray]) -> tuple[np.ndarray, bool]:
    """Return pictures as one array, scaled to the first where they differ in size, and whether they do."""
    shape = images[0].shape
    moved = any(image.shape != shape for image in images)
    if moved:
        images = [image if image.shape == shape else resize(image[None], shape)[0] for image in images]
    return np.stack(images), moved


def _seconds(times: list[float], wanted: np.ndarray, fps: float) -> np.ndarray:
    """Return seconds since the first frame: the file's own stamps where they rise, else by the frame rate."""
    stamps = np.array(times)
    span = (stamps[-1] - stamps[0]) * fps
    if np.isfinite(stamps).all() and (np.diff(stamps) > 0).all() and 0.5 * len(stamps) <= span + 1 <= 2 * len(stamps):
        return (stamps - stamps[0])[wanted]
    return wanted / fps
