"""Writes frames as a clip: gray for the synthetic cohort and for tests, in colour what is laid over them."""

from __future__ import annotations

import errno
import os
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from blues.check import InputError, one_of
from blues.provenance import replacing
from blues.video.arrays import COLOURS

__all__ = ["write"]

# without cpu-independent, x264 gives other bytes now and then for frames smaller than its blocks
H264 = {"crf": "18", "preset": "medium", "x264-params": "cpu-independent=1:mbtree=0"}
FINE = {"qmin": "2", "qmax": "3"}
CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    ".mp4": ("libx264", "yuv420p", H264),
    ".mov": ("libx264", "yuv420p", H264),
    ".avi": ("mpeg4", "yuv420p", FINE),
    ".mpeg": ("mpeg2video", "yuv420p", FINE),
    ".mpg": ("mpeg2video", "yuv420p", FINE),
    ".gif": ("gif", "gray", {}),
}
MPEG_RATES = (24, 25, 30, 50, 60)


def write(path: str | os.PathLike[str], frames: np.ndarray, fps: float = 25.0, codec: str | None = None) -> None:
    """Write frames as a clip; the ending of ``path`` names the format.

    Parameters
    ----------
    path : path-like
        ``.mp4`` or ``.mov`` (H.264), ``.avi`` (MPEG-4, or ``codec="mjpeg"``), ``.mpeg`` or ``.mpg`` (MPEG-2), ``.gif``
        (exact, time in hundredths of a second) or ``.npy`` (exact, keeps no frame rate).
    frames : uint8 array, shape (t, h, w), or (t, h, w, 3)
        Gray; or red, green and blue, which ``.gif`` and ``.npy`` do not take.
    fps : float, default 25.0
        Frames a second; MPEG-2 knows 24, 25, 30, 50 and 60.
    codec : str, optional
        Another of FFmpeg's encoders.

    Raises
    ------
    InputError
        For frames of another type or shape, an unknown ending, or a rate the format does not know.
    OSError
        When the disk is full or the folder may not be written.

    Notes
    -----
    The same frames give the same bytes with the same encoder version. The file is whole or absent.
    """
    path = Path(path)
    frames = np.asarray(frames)
    kind = one_of(path.suffix.lower(), [*CODECS, ".npy"], "the ending of a clip's name")
    coloured = frames.ndim == 4 and frames.shape[3] == 3 and kind not in (".gif", ".npy")
    if (frames.ndim != 3 and not coloured) or frames.dtype != np.uint8 or 0 in frames.shape:
        raise InputError(
            f"frames have shape {frames.shape} and type {frames.dtype}",
            allowed="uint8, not empty, (t, h, w); as mp4, mov, avi and mpeg also (t, h, w, 3)",
        )
    if kind == ".npy":
        if frames.shape[2] in COLOURS:  # else the file could be one picture with its colours last
            frames = frames[..., None]
        with replacing(path) as draft, draft.open("wb") as stream:
            np.save(stream, frames)
        return
    if kind in (".mpeg", ".mpg") and fps not in MPEG_RATES:
        raise InputError(f"MPEG-2 knows no {fps:g} frames a second", file=path, allowed=MPEG_RATES)
    with replacing(path) as draft:
        try:
            _encode(draft, frames, Fraction(fps).limit_denominator(10000), kind, codec)
        except FFmpegError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OSError(error.errno, error.strerror, str(path)) from None
            raise InputError(f"cannot be written: {error.strerror}", file=path) from None


def _encode(path: Path, frames: np.ndarray, fps: Fraction, kind: str, codec: str | None) -> None:
    name, pixels, options = CODECS[kind]
    if codec is not None:
        name, pixels = codec, "yuvj420p" if codec == "mjpeg" else pixels
        options = FINE if codec == "mjpeg" else {}
    if name == "libx264" and (frames.shape[1] % 2 or frames.shape[2] % 2):
        pixels = "yuv444p"  # chroma at half size needs even sides
    full = pixels in ("gray", "yuvj420p")
    with av.open(f"file:{path}", "w", container_options={"fflags": "+bitexact"}) as container:
        stream = cast(VideoStream, container.add_stream(name, rate=fps, options=options))
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], pixels
        stream.codec_context.thread_count = 1
        stream.codec_context.bit_rate = 0
        for i, image in enumerate(frames):
            raw = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="gray" if image.ndim == 2 else "rgb24")
            frame = raw.reformat(
                format=pixels,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            )
            frame.pts, frame.time_base = i, 1 / fps
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
