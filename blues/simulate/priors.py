"""What scenes are drawn from: how lungs, chest walls and machines vary, wide enough that a real clip lies inside."""

from __future__ import annotations

from typing import Any

import numpy as np

from blues.check import InputError, one_of
from blues.simulate.scene import SLOTS, Scene

__all__ = ["draw_scene", "draw_scenes"]

Values = dict[str, np.ndarray]


def draw_scene(rng: np.random.Generator, **choices: Any) -> Scene:
    """Draw one scene from the priors; see :func:`draw_scenes`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    **choices
        As in :func:`draw_scenes`, one value each.

    Returns
    -------
    Scene
        A single one.
    """
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
        ``severity`` (0 to 3) steers what artefacts are drawn and ``machine`` (``"handheld"``, ``"cart"``, ``"sector"``,
        ``"linear"``) how they are shown: one value, or n. Any field of :class:`Scene` fixes that field.

    Returns
    -------
    Scene
        A batch of n.

    Raises
    ------
    InputError
        Unknown choice, machine or severity.
    """
    if n < 1:
        raise InputError(f"n is {n}", allowed="at least 1")
    severity = choices.pop("severity", None)
    grade = rng.choice(4, n, p=[0.34, 0.26, 0.22, 0.18]) if severity is None else _spread("severity", severity, (n,))
    if not np.isin(grade, (0, 1, 2, 3)).all():
        raise InputError("severity is no Soldati score", value=severity, allowed="0, 1, 2, 3")
    kind = choices.pop("machine", None)
    for name in np.unique(np.atleast_1d("cart" if kind is None else kind)):
        one_of(str(name), MACHINES, "machine")
    kinds = rng.choice(MACHINES, n, p=[0.45, 0.37, 0.05, 0.13]) if kind is None else _spread("machine", kind, (n,))
    values = _probe(n, kinds, rng)
    values |= _wall(n, values, rng)
    values |= _pleura(n, values, grade.astype(int), rng)
    values |= _ribs(n, values, rng)
    values |= _lung(n, values, grade.astype(int), rng)
    values |= _lesions(n, values, grade.astype(int), rng)
    values |= _machine(n, values, kinds, rng)
    for name, value in choices.items():
        one_of(name, ["severity", "machine", *values], "choice")
        values[name] = _spread(name, np.asarray(value, float), (n, *SLOTS.get(name, ()))).copy()
    return Scene(**values)


def _spread(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.broadcast_to(value, shape)
    except ValueError:
        raise InputError(
            f"{name} has shape {np.shape(value)}", allowed=f"one value, or shape {shape}, scenes first"
        ) from None


MACHINES = ("handheld", "cart", "sector", "linear")


def _pick(kinds: np.ndarray, **ranges: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the low and high end of a range for every scene's machine."""
    table = np.array([ranges[k] for k in MACHINES])
    chosen = table[[MACHINES.index(k) for k in kinds]]
    return chosen[:, 0], chosen[:, 1]


def _probe(n: int, kinds: np.ndarray, rng: np.random.Generator) -> Values:
    u = rng.uniform
    linear = (kinds == "linear").astype(float)
    cropped = (rng.random(n) < np.where(kinds == "handheld", 0.6, 0.45)) & (kinds != "linear")
    return {
        "linear": linear,
        "radius": u(*_pick(kinds, handheld=(4.0, 6.0), cart=(3.5, 6.5), sector=(0.8, 2.0), linear=(5, 6))),
        "opening": u(*_pick(kinds, handheld=(52, 76), cart=(48, 78), sector=(60, 90), linear=(60, 61))),
        "width": u(3.2, 5.2, n),
        "depth": u(*_pick(kinds, handheld=(7, 16), cart=(7, 18), sector=(9, 17), linear=(3.2, 7))),
        "crop": np.where(cropped, u(0.55, 0.98, n), 1.0),
        "crop_top": np.where((rng.random(n) < 0.35) & (kinds != "linear"), u(0.0, 0.7, n), 0.0),
        "crop_bottom": np.where((rng.random(n) < 0.3) & (kinds != "linear"), u(0.0, 1.5, n), 0.0),
    }


def _wall(n: int, v: Values, rng: np.random.Generator) -> Values:
    u = rng.uniform
    layers = rng.random((n, 6)) < 0.75
    lost = rng.random((n, 2)) < 0.18
    return {
        "wall_db": rng.normal(-1.5, 2.5, n),
        "wall_contrast": u(1.5, 6.0, n),
        "wall_warp": u(0, 1, n),
        "layer_at": np.sort(u(0.02, 0.97, (n, 6)), 1),
        "layer_db": np.where(layers, rng.normal(7, 5, (n, 6)), -30),
        "layer_width": u(0.012, 0.06, (n, 6)),
        "layer_tilt": rng.normal(0, 0.12, (n, 6)),
        "contact": np.where(lost, rng.beta(1.2, 4, (n, 2)) * 0.7, 0.0),
        "side_db": np.where(rng.random(n) < 0.6, u(0, 14, n), 0.0),
    }


def _pleura(n: int, v: Values, grade: np.ndarray, rng: np.random.Generator) -> Values:
    deep = np.where(v["linear"] > 0.5, np.exp(rng.normal(0.72, 0.3, n)), np.exp(rng.normal(0.65, 0.45, n)))
    deep = np.clip(deep, 0.6, 0.45 * v["depth"])
    rough = np.array([0.008, 0.03, 0.055, 0.06])[grade] * np.exp(rng.normal(0, 0.5, n))
    breaks = np.where(grade >= 2, rng.integers(0, 4, n), np.where(rng.random(n) < 0.03, 1, 0))
    return {
        "pleura_depth": deep,
        "pleura_tilt": rng.normal(0, 5, n),
        "pleura_bend": np.clip(rng.normal(0.55, 0.4, n), -0.2, 1.4),
        "pleura_thickness": np.exp(rng.normal(-2.5, 0.35, n)) * (1 + 0.25 * grade),
        "pleura_db": rng.normal(16, 4.5, n) - 1.0 * grade,
        "pleura_fall": np.exp(rng.normal(0.9, 0.7, n)),
        "roughness": rough,
        "ripple": rng.random(n),
        "break_at": rng.normal(0, 1.2, (n, 3)),
        "break_width": np.exp(rng.normal(-1.1, 0.5, (n, 3))) * (np.arange(3) < breaks[:, None]),
    }


def _ribs(n: int, v: Values, rng: np.random.Generator) -> Values:
    """Ribs stand about 2.5 to 4 cm apart and are 0.8 to 1.8 cm wide; the probe may lie along a gap and see none."""
    u = rng.uniform
    space = u(2.4, 4.2, n)
    first = u(-1.0, 1.0, n) * space / 2
    at = first[:, None] + space[:, None] * np.array([-1.0, 0.0, 1.0]) + rng.normal(0, 0.15, (n, 3))
    at = np.where((rng.random(n) < 0.72)[:, None], at + (space / 2 - first)[:, None], at)
    along = rng.random(n) < 0.2
    there = (rng.random((n, 3)) < 0.9) & ~along[:, None]
    return {
        "rib_at": at,
        "rib_width": u(0.7, 2.3, (n, 3)) * there,
        "rib_rise": u(0.1, 0.9, n) * np.minimum(1, v["pleura_depth"] / 2),
        "rib_round": 0.05 + 0.8 * rng.random(n) ** 2,
        "rib_db": np.where(rng.random(n) < 0.35, rng.normal(7, 5, n), rng.normal(-6, 6, n)),
        "shadow_db": u(5, 30, n),
        "shadow_soft": np.exp(rng.normal(-0.15, 0.5, n)),
        "shadow_onset": np.exp(rng.normal(-0.3, 1.0, n)),
    }


def _lung(n: int, v: Values, grade: np.ndarray, rng: np.random.Generator) -> Values:
    u = rng.uniform
    glow = rng.random(n) < np.array([0.55, 0.45, 0.3, 0.1])[grade]
    haze = np.where(glow, rng.normal(4, 4, n), rng.normal(-4, 4, n))
    haze_decay = np.exp(np.where(glow, rng.normal(1.2, 0.35, n), rng.normal(0.6, 0.45, n)))
    haze_decay *= np.where(v["linear"] > 0.5, 1.7, 1.0)
    a_lines = rng.random(n) < np.array([0.8, 0.45, 0.2, 0.06])[grade]
    least, most = np.array([0, 1, 2, 4])[grade], np.array([0, 4, 5, 8])[grade]
    count = rng.integers(least, most + 1)
    slot = np.arange(8) < count[:, None]
    half = np.where(
        v["linear"] > 0.5, v["width"] / 2, (v["radius"] + v["pleura_depth"]) * np.sin(np.deg2rad(v["opening"] / 2))
    )
    white = (grade == 3) & (rng.random(n) < 0.8)
    middle = u(-0.4, 0.4, n) * half
    spread = np.where(grade == 3, u(0.5, 0.9, n), u(0.2, 0.85, n)) * half
    width = np.exp(rng.normal(-0.9, 0.5, (n, 8))) * np.where(v["linear"] > 0.5, 0.7, 1.0)[:, None]
    width = np.where(white[:, None], width + u(0.5, 1.6, (n, 8)), width)
    faint = rng.random(n) < 0.4
    lift = np.where(faint, u(0, 5, n), np.where(white, u(4, 10, n), u(4, 12, n))) - 5.0 * glow
    lift = lift[:, None] + rng.normal(0, 1.5, (n, 8))
    comets = np.arange(4) < rng.integers(0, 4, n)[:, None] * (rng.random(n) < 0.4)[:, None]
    decay = np.abs(rng.normal(0, 0.5, (n, 8))) + np.where(v["linear"] > 0.5, 0.5, 0.1)[:, None]
    return {
        "a_db": np.where(a_lines, haze - 6.0 * glow + rng.normal(11, 4, n), -99.0),
        "a_decay": np.exp(rng.normal(1.4, 0.4, n)),
        "a_width": np.exp(rng.normal(0.45, 0.45, n)),
        "reverb_db": np.where(rng.random(n) < 0.75, u(-22, -6, n), -60.0) - 1.5 * grade,
        "haze_db": haze,
        "haze_decay": haze_decay,
        "beyond_db": haze - 6.0 * glow + 7.0,
        "uneven_db": u(0.2, 2.2, n),
        "band_db": np.where(rng.random(n) < 0.5, u(0.3, 2.5, n), 0.0),
        "clutter_db": np.where(rng.random(n) < 0.45, haze - 6.0 * glow + rng.normal(-4, 4, n), -99.0),
        "b_at": middle[:, None] + u(-1, 1, (n, 8)) * spread[:, None],
        "b_width": width * slot,
        "b_db": haze[:, None] + lift - np.minimum(haze_decay, 2.5)[:, None] * 0.5,
        "b_decay": decay,
        "comet_at": u(-0.8, 0.8, (n, 4)) * half[:, None],
        "comet_width": np.exp(rng.normal(-1.3, 0.4, (n, 4))) * comets,
        "comet_db": haze[:, None] - 3.0 * glow[:, None] + rng.normal(8, 2, (n, 4)),
        "comet_decay": u(3.0, 10, (n, 4)),
    }


def _lesions(n: int, v: Values, grade: np.ndarray, rng: np.random.Generator) -> Values:
    u = rng.uniform
    small = (grade == 2) & (rng.random(n) < 0.75) | (grade == 3) & (rng.random(n) < 0.35)
    large = (grade >= 2) & (rng.random(n) < 0.18)
    fluid = rng.random(n) < np.array([0.02, 0.04, 0.08, 0.08])[grade]
    large |= fluid & (grade >= 2) & (rng.random(n) < 0.5)
    blobs = np.where(small, rng.integers(1, 3, n), 0)
    depth = np.exp(rng.normal(-0.7, 0.45, (n, 2))) * (np.arange(2) < blobs[:, None])
    depth[:, 0] = np.where(large, u(1.5, 5.0, n), depth[:, 0])
    width = np.clip(depth * u(1.0, 3.0, (n, 2)), 0.3, 9.0) * (depth > 0)
    basal = rng.random(n) < 0.1
    lobar = large & (rng.random(n) < 0.35)
    return {
        "b_width": v["b_width"] * ~lobar[:, None],
        "beyond_db": np.where(lobar, -99.0, v["beyond_db"]),
        "consolidation_at": rng.normal(0, 1.3, (n, 2)),
        "consolidation_width": width,
        "consolidation_depth": np.minimum(depth, 0.5 * v["depth"][:, None]),
        "consolidation_db": rng.normal(-5, 3, n),
        "bronchogram": np.where(depth.max(1) > 1, u(0, 1, n), u(-1, 0.4, n)),
        "shred": u(0.3, 1.3, n),
        "effusion": np.where(fluid, np.exp(rng.normal(-0.3, 0.7, n)), 0.0),
        "effusion_tilt": np.where(fluid, rng.normal(0, 0.25, n), 0.0),
        "organ": np.where(basal, rng.choice([-1.0, 1.0], n), 0.0),
        "organ_edge": rng.normal(0, 1.6, n),
        "organ_db": rng.normal(-2, 2.5, n),
        "diaphragm": u(1.0, 6.0, n),
    }


def _machine(n: int, v: Values, kinds: np.ndarray, rng: np.random.Generator) -> Values:
    """Gain is set so that the pleural line ends up between mid-grey and white, as somebody at the machine would."""
    u = rng.uniform
    dynamic_range = u(*_pick(kinds, handheld=(48, 78), cart=(42, 72), sector=(42, 72), linear=(45, 75)))
    target = np.where(kinds == "handheld", rng.normal(0.53, 0.1, n), rng.normal(0.65, 0.13, n)).clip(0.33, 1.05)
    attenuation = u(0.2, 2.0, n)
    level = target * dynamic_range - v["pleura_db"] + attenuation * v["pleura_depth"]
    sliders = np.cumsum(rng.normal(0, 2.0, (n, 6)), 1)
    looks = rng.choice([1, 2, 4, 9], n, p=[0.02, 0.06, 0.3, 0.62])
    return {
        "gain": level,
        "dynamic_range": dynamic_range,
        "grey_bend": np.clip(rng.normal(0.0, 0.3, n), -0.7, 0.8),
        "attenuation": attenuation,
        "tgc": sliders - sliders[:, :1],
        "noise_db": np.where(rng.random(n) < 0.55, rng.normal(2.5, 2.0, n), rng.normal(-4, 4, n)),
        "looks": looks.astype(float),
        "grain": rng.random(n) ** 0.75,
        "streak_db": np.where(rng.random(n) < 0.85, u(0.2, 2.0, n), 0.0),
        "blotch_db": u(0.3, 3.0, n),
        "coherence": u(0.4, 1.0, n),
        "blur_axial": np.where(rng.random(n) < 0.5, u(0, 1, n), 0.0),
        "blur_lateral": np.where(rng.random(n) < 0.6, u(0, 1, n), 0.0),
        "quality": np.where(rng.random(n) < 0.6, u(18, 95, n), 100.0),
        "overlay": (rng.random(n) < 0.12).astype(float),
        "texture": rng.random((n, 8, 2)),
    }
