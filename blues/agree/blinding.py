"""Clips copied for raters: an mp4 without metadata, under a name and in bytes that say nothing."""

from __future__ import annotations

import secrets
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from blues import video
from blues.check import InputError
from blues.provenance import replacing

__all__ = ["blind_copy", "padded"]

_PLAYABLE = ("h264",)
_WHOLE = 1_000_000
_PADDING = 1 << 16
"""Most bytes that :func:`padded` adds."""


def blind_copy(source: Path, target: Path) -> None:
    """Copy a clip as mp4 without metadata: H.264 as it is, anything else decoded and encoded anew (in gray).

    Parameters
    ----------
    source, target : Path

    Raises
    ------
    InputError
        No such clip, or one that cannot be read.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_file():
        raise InputError("no such clip", file=source, remedy="Read the cohort from the folder that holds the clips")
    if _remuxed(source, target):
        return
    clip = video.read(source, rate=1e6, most=_WHOLE)
    height, width = (size - size % 2 for size in clip.frames.shape[1:])
    video.write(target, np.ascontiguousarray(clip.frames[:, :height, :width]), fps=clip.fps)


def padded(source: Path, target: Path) -> None:
    """Copy an mp4 with a box of random length and content behind its last: two copies show the same and differ as files.

    Parameters
    ----------
    source, target : Path
    """
    filling = secrets.token_bytes(secrets.randbelow(_PADDING))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes() + (len(filling) + 8).to_bytes(4, "big") + b"free" + filling)


def _remuxed(source: Path, target: Path) -> bool:
    """Put the H.264 packets of a clip into a fresh mp4; False if they are of another kind."""
    try:
        with av.open(str(source)) as old:
            stream = next((s for s in old.streams.video), None)
            if stream is None or stream.codec_context.name not in _PLAYABLE:
                return False
            with replacing(target) as draft, av.open(str(draft), "w", options={"movflags": "faststart"}) as new:
                made = new.add_stream_from_template(stream)
                made.metadata.clear()
                for packet in old.demux(stream):
                    if packet.dts is not None:
                        packet.stream = made
                        new.mux(packet)
    except FFmpegError:
        return False
    return True
