"""Simulated lung ultrasound: scenes, frames and clips with the truth beside them.

A :class:`Scene` says in centimetres, degrees and decibels what lies before the probe and how the machine shows it;
:func:`draw_scenes` draws scenes from priors; :func:`frames` and :func:`clip` draw them, with masks, counts and severity.

Examples
--------
>>> import numpy as np
>>> from blues import simulate
>>> rng = np.random.default_rng(0)
>>> scenes = simulate.draw_scenes(8, rng)
>>> drawn = simulate.frames(scenes, rng, size=(128, 128), geometry="polar")
>>> sorted(drawn.masks)[:3]
['a_line', 'b_line', 'consolidation']
"""

from blues.simulate.motion import breathe, clip
from blues.simulate.negatives import NEGATIVES, negatives
from blues.simulate.priors import draw_scene, draw_scenes
from blues.simulate.render import Drawn, Frames, draw, frames
from blues.simulate.scene import Scene
from blues.simulate.truth import MASKS, TRUTH

__all__ = [
    "MASKS",
    "NEGATIVES",
    "TRUTH",
    "Drawn",
    "Frames",
    "Scene",
    "breathe",
    "clip",
    "draw",
    "draw_scene",
    "draw_scenes",
    "frames",
    "negatives",
]
