"""Clips that play inside a notebook or a page: the frames travel with it, nothing is fetched."""

from __future__ import annotations

import base64
import html
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from blues.check import InputError
from blues.video.clip import Clip
from blues.video.geometry import resize
from blues.video.sector import Sector, mask
from blues.video.write import write

__all__ = ["Player", "outlined", "play"]

_OUTLINE = (74, 168, 238)


@dataclass(frozen=True, repr=False)
class Player:
    """A clip ready to be played: shows itself in a notebook, and gives its element for a page.

    Attributes
    ----------
    mp4 : bytes
        H.264.
    title : str
        What it shows, also for those who cannot see it.
    width : int
        Pixels on the page.
    """

    mp4: bytes
    title: str
    width: int

    def _repr_html_(self) -> str:
        """Return the video element; the clip is inside."""
        data = base64.b64encode(self.mp4).decode()
        title = html.escape(self.title)
        return (
            f'<figure style="margin:0"><video controls loop muted playsinline width="{self.width}" aria-label="{title}" '
            f'src="data:video/mp4;base64,{data}"></video><figcaption>{title}</figcaption></figure>'
        )

    def __repr__(self) -> str:
        return f"<Player {self.title}: {len(self.mp4):,} bytes>"


def play(clip: Clip | np.ndarray, fps: float | None = None, title: str = "", width: int = 320) -> Player:
    """Make a clip play in a notebook.

    Parameters
    ----------
    clip : Clip, or uint8 array of shape (t, h, w) or (t, h, w, 3)
        Gray frames, or frames with something laid over them (:func:`outlined`, :func:`blues.explain.overlay`).
    fps : float, optional
        Frames a second; by default such that a :class:`Clip` takes as long as it was recorded, else 10.
    title : str
        By default the name of the clip.
    width : int
        Pixels; larger frames are reduced to it, for the clip travels with the page.

    Returns
    -------
    Player
        Shows itself as the value of a cell.

    Raises
    ------
    InputError
        For frames of another shape or type, or a width below 16.

    Examples
    --------
    >>> import numpy as np
    >>> play(np.zeros((4, 32, 32), dtype=np.uint8), title="black")._repr_html_()[:52]
    '<figure style="margin:0"><video controls loop muted '
    """
    if width < 16:
        raise InputError(f"width is {width}", allowed="16 or more")
    frames = np.asarray(clip.frames if isinstance(clip, Clip) else clip)
    if isinstance(clip, Clip):
        title = title or clip.path.name
        seconds = float(clip.times[-1] - clip.times[0]) if len(clip.times) > 1 else 0.0
        fps = fps or ((len(clip.times) - 1) / seconds if seconds > 0 else None)
    if frames.ndim not in (3, 4) or 0 in frames.shape or (frames.ndim == 4 and frames.shape[3] != 3):
        raise InputError(f"frames have shape {frames.shape}", allowed="(t, h, w) or (t, h, w, 3), not empty")
    frames = _reduced(frames, width)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "clip.mp4", frames, fps=round(fps or 10.0, 3))
        return Player((Path(folder) / "clip.mp4").read_bytes(), title or "clip", width)


def _reduced(frames: np.ndarray, width: int) -> np.ndarray:
    """Return frames no wider than ``width``, with even sides, which every browser's H.264 wants."""
    height, across = frames.shape[1:3]
    if across > width:
        size = (max(2, round(height * width / across)), width)
        if frames.ndim == 3:
            frames = resize(frames, size)
        else:
            frames = np.stack([resize(frames[..., k], size) for k in range(3)], axis=-1)
    height, across = frames.shape[1:3]
    edge = [(0, 0), (0, height % 2), (0, across % 2)] + [(0, 0)] * (frames.ndim - 3)
    return np.pad(frames, edge, mode="edge")


def outlined(frames: np.ndarray, sector: Sector, strength: float = 0.8) -> np.ndarray:
    """Draw the edge of the sector over gray frames.

    Parameters
    ----------
    frames : uint8 array, shape (t, h, w)
    sector : Sector
        Of these frames, from :func:`blues.video.find_sector`.
    strength : float
        How far the line covers the gray, 0 to 1.

    Returns
    -------
    uint8 array, shape (t, h, w, 3)
    """
    inside = mask(sector)
    line = inside & ~ndimage.binary_erosion(inside, iterations=max(1, min(inside.shape) // 160))
    made = np.repeat(np.asarray(frames)[..., None], 3, axis=-1)
    made[:, line] = np.rint(made[:, line] * (1 - strength) + np.array(_OUTLINE) * strength).astype(np.uint8)
    return made
