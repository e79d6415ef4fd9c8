"""Decodes one clip, samples its frames, finds the ultrasound sector in them, and crops or unwarps it.

Examples
--------
>>> import tempfile
>>> from pathlib import Path
>>> import numpy as np
>>> from blues import video
>>> y, x = np.mgrid[:120, :120]
>>> inside = (np.hypot(x - 60, y + 20) < 130) & (np.abs(np.arctan2(x - 60, y + 20)) < 0.5)
>>> path = Path(tempfile.mkdtemp()) / "clip.mp4"
>>> video.write(path, np.where(inside, 90, 0).astype(np.uint8)[None].repeat(25, 0), fps=25)
>>> clip = video.read(path, rate=3)
>>> sector = video.find_sector(clip.frames)
>>> sector.kind, video.polar(clip.frames, sector, (64, 48)).shape
('convex', (3, 64, 48))
"""

from blues.video.clip import Clip, count, read, sample
from blues.video.container import decoder_version
from blues.video.geometry import crop, mask, polar, prepare, resize, restore, unpolar
from blues.video.play import Player, outlined, play
from blues.video.sector import Sector, find_sector
from blues.video.write import write

__all__ = [
    "Clip",
    "Player",
    "Sector",
    "count",
    "crop",
    "decoder_version",
    "find_sector",
    "mask",
    "outlined",
    "play",
    "polar",
    "prepare",
    "read",
    "resize",
    "restore",
    "sample",
    "unpolar",
    "write",
]
