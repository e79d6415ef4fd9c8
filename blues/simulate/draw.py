"""Scenes to frames: echo powers along the scan lines, speckle, log compression, scan conversion."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from blues.check import one_of
from blues.simulate.scene import Scene, stack

__all__ = ["Frames", "clip", "frames"]


@dataclass(frozen=True)
class Frames:
    """Drawn frames and the truth about them.

    Attributes
    ----------
    images : uint8 array (n, h, w)
    masks : dict of name -> bool array (n, h, w)
    truth : DataFrame, one row a frame
    """

    images: np.ndarray
    masks: dict[str, np.ndarray]
    truth: pd.DataFrame


@functools.lru_cache(maxsize=4)
def _bank(rows: int, columns: int) -> torch.Tensor:
    """Return speckle powers of mean 1, shape (6, 3 rows, 3 columns): exponential, wider laterally from first to last."""
    rng = np.random.default_rng(77)
    h, w = 3 * rows, 3 * columns
    fy, fx = np.fft.fftfreq(h)[:, None], np.fft.fftfreq(w)[None]
    out = []
    for lateral in np.geomspace(0.8, 6.0, 6) * columns / 128:
        axial = 0.5 * rows / 128 + 0.2
        psf = np.exp(-2 * np.pi**2 * ((fy * axial) ** 2 + (fx * lateral) ** 2))
        field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(h, w)) + 1j * rng.normal(size=(h, w))) * psf)
        power = np.abs(field) ** 2
        out.append(power / power.mean())
    return torch.tensor(np.stack(out), dtype=torch.float32)


def _crop(bank: torch.Tensor, which: np.ndarray, at: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    h, w = size
    y = (at[:, 0] * (bank.shape[1] - h)).astype(int)
    x = (at[:, 1] * (bank.shape[2] - w)).astype(int)
    return torch.stack([bank[k, i : i + h, j : j + w] for k, i, j in zip(which, y, x, strict=True)])


def _power(db: torch.Tensor) -> torch.Tensor:
    return torch.exp(db * 0.2302585)


def _draw(scene: Scene, size: tuple[int, int]) -> tuple[torch.Tensor, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return grey values 0..1 (n, h, w) along the scan lines, masks, and column profiles."""
    h, w = size
    s: dict[str, Any] = {k: torch.as_tensor(np.asarray(v), dtype=torch.float32) for k, v in vars(scene).items()}
    col = {k: v[:, None] for k, v in s.items() if v.ndim == 1}
    u = torch.linspace(-1, 1, w)[None]
    theta = u * torch.deg2rad(col["opening"]) / 2
    x = torch.where(col["linear"] > 0, u * col["width"] / 2, (col["radius"] + col["pleura_depth"]) * torch.sin(theta))
    d = ((torch.arange(h) + 0.5) / h)[None, :, None] * s["depth"][:, None, None]
    flat = (col["radius"] + col["pleura_depth"]) * (1 / torch.cos(theta) - 1) * (col["linear"] < 0.5)
    rough = _crop(_bank(h, w)[3:4], np.zeros(len(u.expand(len(x), -1)), int), scene.texture[:, 3], (1, w))[:, 0]
    indent = col["roughness"] * (rough.clamp(max=3.0) - 0.5)
    pleura = col["pleura_depth"] + torch.tan(torch.deg2rad(col["pleura_tilt"])) * x + col["pleura_bend"] * flat + indent
    pleura = pleura.clamp(min=0.4)
    edge = (
        torch.sigmoid((s["rib_width"][:, :, None] / 2 - (x[:, None] - s["rib_at"][:, :, None]).abs()) / 0.08)
        * (s["rib_width"] > 0)[:, :, None]
    )
    rib = edge.max(1).values
    gap = ((x[:, None] - s["break_at"][:, :, None]).abs() < s["break_width"][:, :, None] / 2).any(1)
    off = (x[:, None] - s["b_at"][:, :, None]) / s["b_width"].clamp(min=0.01)[:, :, None]
    one = torch.exp(-2.77 * off * off) * (s["b_width"] > 0)[:, :, None]
    b_col = (one * _power(s["b_db"])[:, :, None]).sum(1)
    b_any = (one > 0.5).any(1) & (rib < 0.5)
    decay = (s["b_decay"] * (s["b_width"] > 0)).sum(1) / (s["b_width"] > 0).sum(1).clamp(min=1)
    P = pleura[:, None]
    t = (d - P) / s["pleura_thickness"][:, None, None]
    line = torch.exp(-t * t * torch.where(t > 0, 0.6, 2.5))
    below = torch.sigmoid(4 * t)
    ratio = d / P
    k = torch.round(ratio)
    a = torch.exp(-(((ratio - k) * P / (1.3 * s["pleura_thickness"][:, None, None])) ** 2)) * (k >= 2)
    a_db = s["a_db"][:, None, None] - s["a_decay"][:, None, None] * (k - 2)
    n = len(x)
    wall = torch.zeros_like(d).expand(n, h, w).clone() + _power(s["wall_db"])[:, None, None]
    for i in range(s["layer_at"].shape[1]):
        at = s["layer_at"][:, i, None] * col["pleura_depth"] + torch.tan(torch.deg2rad(s["layer_tilt"][:, i, None])) * x
        wall += torch.exp(-(((d - at[:, None]) / 0.07) ** 2)) * _power(s["layer_db"][:, i])[:, None, None]
    z = (d - P).clamp(min=0)
    lung = _power(s["haze_db"][:, None, None] - s["haze_decay"][:, None, None] * z)
    b = b_col[:, None] * _power(-decay[:, None, None] * z)
    erase = 1 / (1 + b)
    lung = lung + b + a * _power(a_db) * erase
    speckle = _crop(_bank(h, w), (scene.grain * 5.99).astype(int), scene.texture[:, 0], size)
    speckle = 1 + (speckle - 1) / s["looks"][:, None, None].sqrt()
    echo = wall * (1 - below) + lung * below
    echo = (
        echo + line * (_power(s["pleura_db"])[:, None] * (~gap))[:, None, None]
        if False
        else echo + line * (_power(col["pleura_db"]) * (~gap))[:, None]
    )
    top = P - s["rib_rise"][:, None, None]
    shade = torch.sigmoid((d - top) / 0.08) * rib[:, None]
    echo = echo * _power(-s["shadow_db"][:, None, None] * shade)
    echo = echo + torch.exp(-(((d - top) / 0.1) ** 2)) * rib[:, None] * 60
    db = (
        10
        / 2.302585
        * torch.log(
            echo * speckle.clamp(min=1e-4) * _power(-s["attenuation"][:, None, None] * d)
            + _power(s["noise_db"])[:, None, None]
        )
    )
    grey = ((db + s["gain"][:, None, None]) / s["dynamic_range"][:, None, None]).clamp(0, 1)
    open_ = (rib < 0.5)[:, None]
    masks = {
        "pleura": (line > 0.4) & open_ & ~gap[:, None],
        "a_line": (a > 0.4) & (a_db > -20) & open_ & ~b_any[:, None],
        "b_line": b_any[:, None] & (t > 0.5),
        "rib_shadow": shade > 0.5,
    }
    columns = {"b": b_any, "open": rib < 0.5, "gap": gap & (rib < 0.5)}
    return grey, masks, columns


def _truth(scene: Scene, columns: dict[str, torch.Tensor]) -> pd.DataFrame:
    opened = columns["open"].sum(1).clamp(min=1).numpy()
    coverage = columns["b"].sum(1).numpy() / opened
    edges = torch.nn.functional.pad(columns["b"].float(), (1, 0)).diff(dim=1)
    truth = pd.DataFrame(
        {
            "b_lines": (edges > 0).sum(1).numpy(),
            "b_coverage": coverage,
            "a_lines": scene.a_db > -20,
            "irregularity": scene.roughness,
            "breaks": columns["gap"].any(1).numpy(),
        }
    )
    score = np.where(truth.b_lines > 0, 1, 0)
    score = np.where(truth.breaks, 2, score)
    truth["soldati"] = np.where(coverage > 0.6, 3, score)
    return truth


def _grid(scene: Scene, size: tuple[int, int]) -> torch.Tensor:
    """Return where each pixel of a square Cartesian image lies in the polar one, (n, h, w, 2) in -1..1."""
    h, w = size
    half = np.deg2rad(scene.opening)[:, None, None] / 2
    radius, depth = scene.radius[:, None, None], scene.depth[:, None, None]
    top = radius * np.cos(half)
    z = top + (np.arange(h) + 0.5)[None, :, None] / h * (radius + depth - top)
    x = (np.arange(w) + 0.5 - w / 2)[None, None] / h * (radius + depth - top)
    theta, d = np.arctan2(x, z), np.hypot(x, z) - radius
    return torch.tensor(np.stack([theta / half, 2 * d / depth - 1], -1), dtype=torch.float32)


def frames(
    scenes: Scene | list[Scene],
    rng: np.random.Generator,
    size: tuple[int, int] = (128, 128),
    geometry: str = "polar",
) -> Frames:
    """Draw one frame a scene.

    Parameters
    ----------
    scenes : Scene or list of Scene
        A batch or several.
    rng : numpy.random.Generator
        Source of what differs between two frames of one scene.
    size : (int, int)
        Rows and columns.
    geometry : {'polar', 'cartesian'}
        Along the scan lines (rows are depth, columns angles) or as the machine shows it.
    """
    one_of(geometry, ("polar", "cartesian"), "geometry")
    batch = stack(scenes)
    grey, masks, columns = _draw(batch, size)
    if geometry == "cartesian":
        grid = _grid(batch, size)
        inside = (grid.abs() <= 1).all(-1)
        layers = torch.stack([grey, *(m.float() for m in masks.values())], 1)
        layers = torch.nn.functional.grid_sample(layers, grid, align_corners=False) * inside[:, None]
        grey, masks = layers[:, 0], {k: layers[:, i + 1] > 0.5 for i, k in enumerate(masks)}
    images = (grey * 255).round().to(torch.uint8).numpy()
    return Frames(images, {k: v.numpy() for k, v in masks.items()}, _truth(batch, columns))


def clip(
    scene: Scene,
    seconds: float = 2.0,
    fps: float = 20.0,
    rng: np.random.Generator | None = None,
    size: tuple[int, int] = (200, 200),
    geometry: str = "cartesian",
) -> Frames:
    """Draw a clip of one scene: the lung slides with breathing."""
    rng = np.random.default_rng(0) if rng is None else rng
    n = max(1, round(seconds * fps))
    batch = stack([scene] * n)
    slide = 0.3 * np.sin(2 * np.pi * (np.arange(n) / fps / 3.5 + rng.random()))[:, None]
    texture = batch.texture.copy()
    texture[:, 0] += rng.uniform(-0.002, 0.002, (n, 2))
    batch = batch.replace(b_at=batch.b_at + slide, break_at=batch.break_at + slide, texture=texture.clip(0, 1 - 1e-9))
    return frames(batch, rng, size, geometry)
