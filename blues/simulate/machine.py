"""What the machine makes of the echoes: speckle, gain, log compression, grey map, scan conversion, letters, JPEG."""

from __future__ import annotations

import functools

import numpy as np
import torch

from blues.simulate.lines import Lines, Tensors, power
from blues.simulate.texture import GRAINS, LOOKS, bank, windows

__all__ = ["burn_overlay", "cartesian_grid", "grey", "jpeg", "polar_positions", "shown"]


def _speckle(s: Tensors, below: torch.Tensor, fresh: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    """Return the texture in dB, (n, h, w): chest wall and lung have their own, the lung's changes from frame to frame."""
    at, patterns = s["texture"].cpu().numpy(), bank(*size, str(below.device))
    looks = (s["looks"].log()[:, None] - torch.tensor(np.log(LOOKS), device=below.device)).abs().argmin(1)
    which = ((s["grain"] * GRAINS).clamp(0, GRAINS - 1).long() * len(LOOKS) + looks).tolist()
    wall = windows(patterns["speckle"], which, at[:, 0], size)
    lung = windows(patterns["speckle"], which, at[:, 1], size)
    moving = s["coherence"]
    if bool((moving < 1).any()):
        new = windows(patterns["speckle"], which, fresh, size)
        lung.mul_(moving.sqrt()[:, None, None]).addcmul_(new, (1 - moving).sqrt()[:, None, None].expand_as(new))
    kind = ((s["grain"] * 7.3) % 3).long().tolist()
    streak = s["streak_db"][:, None, None]
    wall.addcmul_(windows(patterns["streak"], kind, at[:, 2], size), streak.expand_as(wall))
    lung.addcmul_(windows(patterns["streak"], kind, at[:, 3], size), 0.7 * streak.expand_as(wall))
    out = wall.add_(lung.sub_(wall).mul_(below))
    blotch = windows(patterns["blotch"], (s["ripple"] * 2).long().clamp(0, 1).tolist(), at[:, 4], size)
    return out.addcmul_(blotch, s["blotch_db"][:, None, None].expand_as(out))


def _row_gain(s: Tensors, depth: torch.Tensor) -> torch.Tensor:
    """Return gain minus attenuation of every row, dB, (n, h): the six time-gain sliders, joined by straight lines."""
    place = depth / s["depth"][:, None] * (s["tgc"].shape[1] - 1)
    low = place.floor().clamp(max=s["tgc"].shape[1] - 2).long()
    tgc = torch.lerp(s["tgc"].gather(1, low), s["tgc"].gather(1, low + 1), place - low)
    return s["gain"][:, None] + tgc - s["attenuation"][:, None] * depth


def _smooth(image: torch.Tensor, amount: torch.Tensor, dim: int) -> torch.Tensor:
    """Mix every pixel with its two neighbours along ``dim``; ``amount`` 1 is the kernel 1/3, 1/3, 1/3."""
    n = image.shape[dim]
    weight = (amount / 3)[:, None, None]
    middle = image.narrow(dim, 1, n - 2)
    change = image.narrow(dim, 0, n - 2) + image.narrow(dim, 2, n - 2)
    out = image.clone()
    out.narrow(dim, 1, n - 2).add_(change.sub_(middle, alpha=2).mul_(weight))
    return out


def grey(echo: torch.Tensor, below: torch.Tensor, s: Tensors, lines: Lines, fresh: np.ndarray) -> torch.Tensor:
    """Return grey values 0 to 1 along the scan lines, (n, h, w), from echo powers, which are used up."""
    size = (echo.shape[1], echo.shape[2])
    gain = _row_gain(s, lines.depth)
    echo.mul_(lines.contact[:, None]).mul_(power(gain)[:, :, None])
    echo.add_(power(s["noise_db"][:, None] + 0.5 * (gain - s["gain"][:, None]) + s["gain"][:, None])[:, :, None])
    db = echo.clamp_(min=1e-9).log_().mul_(4.3429448)
    db.add_(_speckle(s, below, fresh, size))
    out = db.div_(s["dynamic_range"][:, None, None]).clamp_(0, 1)
    out.addcmul_(out * (1 - out), s["gamma"][:, None, None].expand_as(out))
    for name, dim in (("blur_axial", 1), ("blur_lateral", 2)):
        if bool((s[name] > 0.02).any()):
            out = _smooth(out, s[name], dim)
    return out


def polar_positions(s: Tensors, lines: Lines) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where every polar pixel lies in space, cm: sideways and down from the highest point of the picture."""
    far = lines.depth + s["radius"][:, None] * (s["linear"] < 0.5)[:, None]
    across = far[:, :, None] * torch.sin(lines.angle)[:, None]
    face = (lines.u * s["width"][:, None] / 2)[:, None].expand_as(across)
    flat = (s["linear"] > 0.5)[:, None, None]
    chord = s["radius"] * torch.cos(torch.deg2rad(s["opening"]) / 2) * (s["linear"] < 0.5)
    down = far[:, :, None] * torch.cos(lines.angle)[:, None] - chord[:, None, None]
    return torch.where(flat, face, across), down


def _half_width(s: Tensors) -> torch.Tensor:
    convex = (s["radius"] + s["depth"]) * torch.sin(torch.deg2rad(s["opening"]) / 2)
    return torch.where(s["linear"] > 0.5, s["width"] / 2, convex)


def shown(s: Tensors, lines: Lines) -> torch.Tensor | None:
    """Return which polar pixels the cropped picture shows, (n, h, w) bool; None if all of them."""
    if bool((s["crop"] >= 1).all()) and bool((s["crop_top"] <= 0).all()):
        return None
    across, down = polar_positions(s, lines)
    return (across.abs() <= (s["crop"] * _half_width(s))[:, None, None]) & (down >= s["crop_top"][:, None, None])


def cartesian_grid(s: Tensors, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where each pixel of the picture lies on the scan lines, (n, h, w, 2) in -1 to 1, and which lie in the sector.

    The picture is as high as the sector from the chord of the probe face to the deepest point, less ``crop_top``, and as
    wide as it is high times w / h, or cropped to ``crop``.
    """
    h, w = size
    device = s["depth"].device
    half = torch.deg2rad(s["opening"])[:, None, None] / 2
    linear = (s["linear"] > 0.5)[:, None, None]
    radius, depth = s["radius"][:, None, None], s["depth"][:, None, None]
    chord = torch.where(linear, torch.zeros_like(radius), radius * torch.cos(half))
    top = chord + s["crop_top"][:, None, None]
    bottom = torch.where(linear, depth, radius + depth)
    wide = (s["crop"] * _half_width(s))[:, None, None]
    scale = torch.maximum((bottom - top) / h, 2 * wide / w)
    z = top + (torch.arange(h, device=device) + 0.5)[None, :, None] * scale
    x = (torch.arange(w, device=device) + 0.5 - w / 2)[None, None] * scale
    x, z = torch.broadcast_tensors(x, z)
    across = torch.where(linear, x / (s["width"][:, None, None] / 2), torch.atan2(x, z) / half)
    down = torch.where(linear, z, torch.hypot(x, z) - radius)
    grid = torch.stack([across, 2 * down / depth - 1], -1)
    return grid, (grid.abs() <= 1).all(-1) & (x.abs() <= wide)


@functools.lru_cache(maxsize=1)
def _dct() -> np.ndarray:
    k, i = np.arange(8)[:, None], np.arange(8)[None]
    return np.sqrt(np.where(k == 0, 1 / 8, 2 / 8)) * np.cos((2 * i + 1) * k * np.pi / 16)


LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
"""Luminance quantisation of ITU-T T.81 (JPEG), table K.1."""


def jpeg(images: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """Return what JPEG leaves of grey images 0 to 255, (n, h, w): blocks of 8 x 8 cosine coefficients, quantised.

    Parameters
    ----------
    images : float tensor (n, h, w)
    quality : tensor (n,)
        1 to 100, with the scaling of the quantisation table that libjpeg uses.
    """
    n, h, w = images.shape
    device = images.device
    padded = torch.nn.functional.pad(images[:, None], (0, -w % 8, 0, -h % 8), mode="replicate")[:, 0] - 128
    rows, columns = padded.shape[1] // 8, padded.shape[2] // 8
    basis = torch.tensor(_dct(), dtype=torch.float32, device=device)
    blocks = padded.reshape(n, rows, 8, columns, 8).transpose(2, 3)
    scale = torch.where(quality < 50, 5000 / quality.clamp(min=1), 200 - 2 * quality)
    table = torch.tensor(LUMINANCE, dtype=torch.float32, device=device)
    table = ((table[None] * scale[:, None, None] + 50) / 100).floor().clamp(1, 255)[:, None, None]
    coefficients = basis @ blocks @ basis.T
    coefficients = coefficients.div_(table).round_().mul_(table)
    blocks = basis.T @ coefficients @ basis
    return (blocks.transpose(2, 3).reshape(n, rows * 8, columns * 8)[:, :h, :w] + 128).clamp_(0, 255)


@functools.lru_cache(maxsize=1)
def _letters() -> tuple[np.ndarray, ...]:
    """Return rendered labels as they stand on machines, each float (h, w) in 0 to 1."""
    from PIL import Image, ImageDraw, ImageFont

    font, out = ImageFont.load_default(20), []
    for text in (
        "R1",
        "R2",
        "L3",
        "L2",
        "13 cm",
        "MI 0.8",
        "TIS 0.2",
        "Lung",
        "0",
        "5",
        "10",
        "15",
        "G 62%",
        "V",
        "+",
        "24 fps",
    ):
        box = font.getbbox(text)
        image = Image.new("L", (int(box[2]) + 4, int(box[3]) + 4))
        ImageDraw.Draw(image).text((2, 2), text, fill=255, font=font)
        out.append(np.asarray(image, np.float32) / 255)
    return tuple(out)


def burn_overlay(image: np.ndarray, rng: np.random.Generator) -> None:
    """Write letters and a depth ruler into one grey image (h, w), 0 to 255, in place."""
    h, w = image.shape
    letters = _letters()
    level = float(rng.uniform(140, 255))
    for _ in range(rng.integers(1, 4)):
        letter = letters[rng.integers(len(letters))]
        step = max(1, round(20 / (h * rng.uniform(0.035, 0.08))))
        small = letter[::step, ::step] if step > 1 else letter
        top, left = rng.integers(0, max(1, h - small.shape[0])), rng.integers(0, max(1, w - small.shape[1]))
        part = image[top : top + small.shape[0], left : left + small.shape[1]]
        np.maximum(part, level * small[: part.shape[0], : part.shape[1]], out=part)
    if rng.random() < 0.6:
        ticks = np.arange(rng.integers(0, 6), h, max(4, round(h / rng.integers(6, 18))))
        left = int(rng.choice([1, w - 5]))
        image[ticks, left : left + int(rng.integers(2, 5))] = level
