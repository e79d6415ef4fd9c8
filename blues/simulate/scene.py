"""What is in front of the probe, in numbers: one frozen record a scene, and the priors it is drawn from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blues.check import InputError, one_of

__all__ = ["Scene", "draw_scene", "draw_scenes"]

B_SLOTS, RIB_SLOTS, LAYERS, BREAKS = 8, 3, 6, 3


@dataclass(frozen=True)
class Scene:
    """One scene; or a batch, when every field has one more leading axis of length n.

    Lateral positions are centimetres along the pleural line, 0 in the middle of the image, right positive. Echo strengths
    are decibels relative to muscle. A structure of width 0 is absent.
    """

    linear: Any
    """1 for a linear probe, 0 for a convex one."""
    radius: Any
    """Radius of the convex probe face, cm."""
    opening: Any
    """Full opening angle of the convex sector, degrees."""
    width: Any
    """Width of the linear probe's field, cm."""
    depth: Any
    """Depth of the image from the probe face, cm."""
    crop: Any
    """Half-width kept of a cropped image, as a fraction of its depth; 9 keeps everything."""
    pleura_depth: Any
    """Depth of the pleural line in the middle, cm."""
    pleura_tilt: Any
    """Slope of the pleural line, degrees."""
    pleura_bend: Any
    """0: the pleural line runs parallel to the probe face; 1: straight in space."""
    pleura_thickness: Any
    """Thickness of the pleural line, cm."""
    pleura_db: Any
    """Echo of the pleural line, dB."""
    roughness: Any
    """Depth of the indentations of the pleural line, cm (standard deviation)."""
    break_at: Any
    """Centres of breaks of the pleural line, cm, shape (3,)."""
    break_width: Any
    """Widths of breaks, cm, shape (3,)."""
    layer_at: Any
    """Depths of fascia lines as fractions of the pleural depth, shape (6,)."""
    layer_db: Any
    """Echoes of fascia lines, dB, shape (6,)."""
    layer_tilt: Any
    """Slopes of fascia lines, degrees, shape (6,)."""
    wall_db: Any
    """Echo of the chest wall tissue between the fascia lines, dB."""
    rib_at: Any
    """Centres of ribs, cm, shape (3,)."""
    rib_width: Any
    """Widths of ribs, cm, shape (3,)."""
    rib_rise: Any
    """How far above the pleural line a rib's surface lies, cm."""
    shadow_db: Any
    """Depth of a rib's acoustic shadow, dB (positive: darker)."""
    a_db: Any
    """Echo of the first A-line, dB; -99 for no A-lines."""
    a_decay: Any
    """Loss from one A-line to the next, dB."""
    haze_db: Any
    """Diffuse echo right below the pleural line, dB."""
    haze_decay: Any
    """Loss of that echo with depth, dB/cm."""
    b_at: Any
    """Centres of B-lines, cm, shape (8,)."""
    b_width: Any
    """Full widths of B-lines at half their power, cm, shape (8,)."""
    b_db: Any
    """Echo of B-lines at the pleural line, dB, shape (8,)."""
    b_decay: Any
    """Loss of B-lines with depth, dB/cm, shape (8,)."""
    gain: Any
    """Overall gain, dB."""
    dynamic_range: Any
    """Range shown from black to white, dB."""
    attenuation: Any
    """Loss left over after time-gain compensation, dB/cm."""
    noise_db: Any
    """Electronic noise floor, dB."""
    looks: Any
    """Number of independent looks averaged by compounding; 1 is fully developed Rayleigh speckle."""
    grain: Any
    """Lateral width of a speckle grain, 0 (fine) to 1 (coarse)."""
    texture: Any
    """Where in the texture bank this scene's speckle lies, four pairs in [0, 1), shape (4, 2)."""

    @property
    def batch(self) -> int | None:
        """Number of scenes, or None for a single one."""
        return None if np.ndim(self.depth) == 0 else len(self.depth)

    def __getitem__(self, index: Any) -> Scene:
        """Take one scene or several out of a batch."""
        return Scene(**{f.name: np.asarray(getattr(self, f.name))[index] for f in dataclasses.fields(self)})

    def replace(self, **changes: Any) -> Scene:
        """Return the scene with some fields changed."""
        names = [f.name for f in dataclasses.fields(self)]
        for name in changes:
            one_of(name, names, "scene field")
        return dataclasses.replace(self, **changes)


def stack(scenes: Scene | Sequence[Scene]) -> Scene:
    """Make a batch of a scene, of several, or return the batch given."""
    if isinstance(scenes, Scene):
        return scenes if scenes.batch is not None else scenes[None]
    if not scenes:
        raise InputError("there is no scene to draw")
    fields = dataclasses.fields(Scene)
    return Scene(**{f.name: np.stack([getattr(s, f.name) for s in scenes]) for f in fields})


def draw_scene(rng: np.random.Generator, **choices: Any) -> Scene:
    """Draw one scene from the priors; see :func:`draw_scenes`."""
    return draw_scenes(1, rng, **choices)[0]


def draw_scenes(n: int, rng: np.random.Generator, **choices: Any) -> Scene:
    """Draw a batch of scenes from the priors.

    Parameters
    ----------
    n : int
        Number of scenes.
    rng : numpy.random.Generator
        Source of randomness.
    **choices
        ``severity`` (0 to 3, one value or n) steers the artefacts; any field of :class:`Scene` fixes that field.
    """
    if n < 1:
        raise InputError(f"n is {n}", allowed="at least 1")
    severity = np.broadcast_to(np.asarray(choices.pop("severity", rng.integers(0, 4, n))), n)
    if not np.isin(severity, (0, 1, 2, 3)).all():
        raise InputError("severity is not a Soldati score", value=severity, allowed="0, 1, 2, 3")
    u = rng.uniform
    pleura = u(1.2, 3.0, n)
    half = u(1.0, 2.0, n)
    lines = np.choose(severity, [np.zeros(n, int), rng.integers(1, 4, n), rng.integers(2, 5, n), rng.integers(5, 9, n)])
    slot = np.arange(B_SLOTS)[None] < lines[:, None]
    values: dict[str, Any] = {
        "linear": np.zeros(n),
        "radius": u(4.5, 6.0, n),
        "opening": u(55, 75, n),
        "width": np.full(n, 4.0),
        "depth": u(8, 14, n),
        "crop": np.full(n, 9.0),
        "pleura_depth": pleura,
        "pleura_tilt": rng.normal(0, 3, n),
        "pleura_bend": u(0, 1, n),
        "pleura_thickness": u(0.06, 0.14, n) * (1 + 0.4 * severity),
        "pleura_db": u(18, 26, n),
        "roughness": np.choose(severity, [0.0, 0.03, 0.07, 0.08]) * u(0.5, 1.5, n),
        "break_at": u(-1.0, 1.0, (n, BREAKS)),
        "break_width": u(0.15, 0.5, (n, BREAKS)) * (np.arange(BREAKS)[None] < np.maximum(severity - 1, 0)[:, None]),
        "layer_at": np.sort(u(0.05, 0.95, (n, LAYERS)), 1),
        "layer_db": u(-5, 14, (n, LAYERS)),
        "layer_tilt": rng.normal(0, 4, (n, LAYERS)),
        "wall_db": u(-4, 4, n),
        "rib_at": np.stack([-half - 0.8, half + 0.8, np.full(n, 9.0)], 1) + rng.normal(0, 0.2, (n, 1)),
        "rib_width": u(1.0, 1.6, (n, RIB_SLOTS)) * (rng.random((n, RIB_SLOTS)) < 0.8),
        "rib_rise": u(0.3, 0.7, n),
        "shadow_db": u(14, 30, n),
        "a_db": np.where(rng.random(n) < np.array([0.95, 0.45, 0.15, 0.03])[severity], u(6, 16, n), -99.0),
        "a_decay": u(3, 7, n),
        "haze_db": u(-8, 2, n),
        "haze_decay": u(1.5, 3.0, n),
        "b_at": u(-1.0, 1.0, (n, B_SLOTS)) * half[:, None] * 0.9,
        "b_width": u(0.15, 0.5, (n, B_SLOTS)) * slot * (1 + 0.5 * (severity == 3))[:, None],
        "b_db": u(2, 10, (n, B_SLOTS)),
        "b_decay": u(0.0, 0.7, (n, B_SLOTS)),
        "gain": u(22, 34, n),
        "dynamic_range": u(48, 66, n),
        "attenuation": u(0.3, 1.2, n),
        "noise_db": u(-34, -24, n),
        "looks": u(1, 4, n),
        "grain": u(0, 1, n),
        "texture": u(0, 1, (n, 4, 2)),
    }
    for name, value in choices.items():
        one_of(name, ["severity", *values], "choice")
        values[name] = np.broadcast_to(np.asarray(value, float), values[name].shape).copy()
    return Scene(**values)
