"""Simulated lung ultrasound: scenes, frames and clips with the truth beside them."""

from blues.simulate.draw import Frames, clip, frames
from blues.simulate.scene import Scene, draw_scene, draw_scenes

__all__ = ["Frames", "Scene", "clip", "draw_scene", "draw_scenes", "frames"]
