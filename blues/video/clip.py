"""Reads one clip: opens whatever format it is in, samples frames over its whole length, says what was wrong with it."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path

import numpy as np

from blues.check import InputError
from blues.video import arrays, container, dicom, tiff
from blues.video.beside import several
from blues.video.container import Decoded
from blues.video.drawings import drawings

__all__ = ["Clip", "count", "read", "sample"]


@dataclasses.dataclass(frozen=True)
class Clip:
    """Sampled frames of one clip.

    Attributes
    ----------
    frames : uint8 array, shape (t, h, w)
        Gray, 0 to 255, in order of time.
    times : float array, shape (t,)
        Seconds since the clip's first frame, from the file's time stamps where they make sense.
    fps : float
        Frames a second of the file, not of the sample.
    path : Path
    total : int
        Frames of the file that can be used. In TIFF and DICOM files those that are not sampled are not tried.
    problems : tuple of str
        What was found damaged or odd; empty for a sound clip.
    """

    frames: np.ndarray
    times: np.ndarray
    fps: float
    path: Path
    total: int
    problems: tuple[str, ...] = ()


def sample(total: int, fps: float, rate: float = 3.0, most: int = 30) -> np.ndarray:
    """Choose frames spread evenly over a clip.

    The clip is cut into ``clip length x rate`` equal parts, at least one, at most ``most`` and at most one a frame; the
    middle frame of each part is taken.

    Parameters
    ----------
    total : int
        Frames of the clip.
    fps : float
        Its frames a second.
    rate : float
        Frames wanted a second.
    most : int
        Frames wanted at most.

    Returns
    -------
    int array, shape (t,)
        Ascending indices, no two alike.

    Examples
    --------
    >>> sample(100, 25.0).tolist()
    [4, 12, 20, 29, 37, 45, 54, 62, 70, 79, 87, 95]
    >>> sample(7, 25.0).tolist(), sample(3, 1.0).tolist()
    ([3], [0, 1, 2])
    """
    count = max(round(min(total / fps * rate, most, total)), 1)
    return ((np.arange(count) + 0.5) * total / count).astype(np.int64)


def _head(path: Path) -> bytes:
    """Return the first bytes of a file that is there, is a file and is not empty."""
    if path.is_dir():
        raise InputError("a folder, where a clip was expected", file=path, remedy="Name a video file")
    try:
        with path.open("rb") as stream:
            head = stream.read(132)
    except FileNotFoundError:
        raise InputError("no such file", file=path, remedy="Check the spelling of the path") from None
    except PermissionError:
        raise InputError("no permission to read it", file=path, remedy="Mend it with chmod") from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path) from None
    if not head:
        raise InputError("the file is empty (0 bytes)", file=path, remedy="Export or copy the clip again")
    return head


def read(path: str | os.PathLike[str], rate: float = 3.0, most: int = 30) -> Clip:
    """Read frames of one clip, spread over its whole length.

    Reads every container and codec that FFmpeg decodes (mp4, avi, mov, mpeg, gif, mkv, still pictures, every page of a
    TIFF file), NumPy files (uint8, (t, h, w) or (t, h, w, c)) and, with the extra ``dicom``, DICOM. The format is told by
    the file's content, not by its name. Pictures are turned and mirrored as the file says they are to be shown, and a
    DICOM's values go through its palette or window. A damaged file gives the frames that can be saved, and says in
    ``problems`` what was lost as far as its container and decoder show it: some damage changes pixels and leaves a stream
    that decodes (often in VP8, VP9, AV1 and GIF). ``problems`` also says of frames that lie unevenly in time that they are
    sampled by their number, of a screen that shows two pictures which of them is used, and of what is drawn over the picture
    that :func:`prepare` takes it out. A frame
    has the same grays whatever ``rate`` and ``most`` are: those of a DICOM without a window are scaled by the values of the
    whole file, where one outlying pixel can halve them.

    Parameters
    ----------
    path : path-like
    rate : float, default 3.0
        Frames wanted a second of clip.
    most : int, default 30
        Frames wanted at most; a longer clip is sampled more thinly, still from end to end.

    Returns
    -------
    Clip

    Raises
    ------
    InputError
        When no frame can be had; the message names the file, the reason and what to do.

    Examples
    --------
    >>> import tempfile
    >>> from blues.video import write
    >>> path = Path(tempfile.mkdtemp()) / "clip.mp4"
    >>> write(path, np.full((50, 64, 64), 90, np.uint8), fps=25)
    >>> clip = read(path)
    >>> clip.frames.shape, clip.total, clip.fps, clip.times.round(2).tolist()
    ((6, 64, 64), 50, 25.0, [0.16, 0.48, 0.8, 1.16, 1.48, 1.8])
    """
    path = Path(path)
    if not 0 < rate < math.inf or most < 1:
        raise InputError(
            f"rate is {rate} and most is {most}",
            allowed="a number of frames a second above 0, and at least one frame",
        )
    head = _head(path)

    def choose(total: int, fps: float) -> np.ndarray:
        return sample(total, fps, rate, most)

    decoded: Decoded
    if arrays.is_npy(head):
        decoded = arrays.read_npy(path, choose)
    elif dicom.is_dicom(head):
        decoded = dicom.read_dicom(path, choose)
    elif tiff.is_tiff(path):
        decoded = tiff.read_tiff(path, choose)
    else:
        decoded = container.decode(path, choose)
    problems = (*decoded.problems, *filter(None, [several(decoded.frames)]), *drawings(decoded.frames))
    return Clip(decoded.frames, decoded.times, decoded.fps, path, decoded.total, problems)


def count(path: str | os.PathLike[str]) -> int:
    """Return how many frames a clip's file holds, without decoding them; ``read`` tells how many are usable.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    int

    Raises
    ------
    InputError
        As :func:`read` does for files that cannot be opened.
    """
    path = Path(path)
    head = _head(path)
    if arrays.is_npy(head):
        return arrays.count_npy(path)
    if dicom.is_dicom(head):
        return dicom.count_dicom(path)
    return tiff.count_tiff(path) or container.packets(path)
