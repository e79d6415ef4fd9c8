"""What the machine makes of the echoes: speckle, gain, log compression, grey map, scan conversion, letters, JPEG."""

from __future__ import annotations

import functools

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from blues.simulate.lines import Lines, Tensors, power
from blues.simulate.texture import GRAINS, LOOKS, Room, bank, windows

__all__ = ["burn_overlay", "cartesian_grid", "grey", "jpeg", "shown"]


def _speckle(s: Tensors, below: torch.Tensor, fresh: np.ndarray, room: Room) -> torch.Tensor:
    """Return the texture in dB, (n, h, w): chest wall and lung have their own, the lung's changes from frame to frame."""
    n, size = len(below), room.size
    at, patterns = s["texture"].cpu().numpy(), bank(*size, str(below.device))
    looks = (s["looks"].log()[:, None] - torch.tensor(np.log(LOOKS), device=below.device)).abs().argmin(1)
    which = ((s["grain"] * GRAINS).clamp(0, GRAINS - 1).long() * len(LOOKS) + looks).tolist()
    kind = ((s["grain"] * 7.3) % 3).long().tolist()
    streak, window = s["streak_db"][:, None, None], room("window", n)
    lung = windows(patterns["speckle"], which, at[:, 1], size, room("speckle", n))
    moving = s["coherence"]
    if bool((moving < 1).any()):
        windows(patterns["speckle"], which, fresh, size, window)
        lung.mul_(moving.sqrt()[:, None, None]).addcmul_(window, (1 - moving).sqrt()[:, None, None].expand_as(lung))
    windows(patterns["streak"], kind, at[:, 3], size, window)
    lung.addcmul_(window, 0.7 * streak.expand_as(lung))
    wall = windows(patterns["speckle"], which, at[:, 0], size, room("scratch", n))
    windows(patterns["streak"], kind, at[:, 2], size, window)
    wall.addcmul_(window, 1.4 * streak.expand_as(wall))
    wall.add_(lung.sub_(wall).mul_(below))
    windows(patterns["blotch"], (s["ripple"] * 2).long().clamp(0, 1).tolist(), at[:, 4], size, window)
    return wall.addcmul_(window, s["blotch_db"][:, None, None].expand_as(wall))


def _row_gain(s: Tensors, depth: torch.Tensor) -> torch.Tensor:
    """Return gain minus attenuation of every row, dB, (n, h): the six time-gain sliders, joined by straight lines."""
    place = depth / s["depth"][:, None] * (s["tgc"].shape[1] - 1)
    low = place.floor().clamp(max=s["tgc"].shape[1] - 2).long()
    tgc = torch.lerp(s["tgc"].gather(1, low), s["tgc"].gather(1, low + 1), place - low)
    return s["gain"][:, None] + tgc - s["attenuation"][:, None] * depth


def _smooth(image: torch.Tensor, amount: torch.Tensor, dim: int, room: Room) -> torch.Tensor:
    """Mix every pixel with its two neighbours along ``dim``, in place; ``amount`` 1 is the kernel 1/3, 1/3, 1/3."""
    some = (amount > 0.02).nonzero()[:, 0]
    if not len(some):
        return image
    part = image[some]
    weight, n = (amount[some] / 3)[:, None, None], image.shape[dim]
    change = part.narrow(dim, 0, n - 2) + part.narrow(dim, 2, n - 2)
    middle = part.narrow(dim, 1, n - 2)
    middle.add_(change.sub_(middle, alpha=2).mul_(weight))
    image[some] = part
    return image


def grey(
    echo: torch.Tensor, below: torch.Tensor, s: Tensors, lines: Lines, fresh: np.ndarray, room: Room
) -> torch.Tensor:
    """Return grey values 0 to 1 along the scan lines, (n, h, w), from echo powers, which are used up."""
    n, gain = len(echo), _row_gain(s, lines.depth)
    echo.mul_(lines.contact[:, None]).mul_(power(gain)[:, :, None])
    texture = _speckle(s, below, fresh, room)
    noise = power(s["noise_db"][:, None] - 4 * (1 - lines.depth / s["depth"][:, None]))[:, :, None]
    share = torch.add(echo, noise, out=room("window", n))
    echo.div_(share).mul_(0.7).add_(0.3)
    out = share.log_().mul_(4.3429448).addcmul_(texture, echo)
    out.div_(s["dynamic_range"][:, None, None]).clamp_(0, 1)
    bent = torch.sub(1, out, out=echo).mul_(out)
    out.addcmul_(bent, s["grey_bend"][:, None, None].expand_as(out))
    return _smooth(_smooth(out, s["blur_axial"], 1, room), s["blur_lateral"], 2, room)


def _half_width(s: Tensors) -> torch.Tensor:
    convex = (s["radius"] + s["depth"]) * torch.sin(torch.deg2rad(s["opening"]) / 2)
    return torch.where(s["linear"] > 0.5, s["width"] / 2, convex)


def _height(s: Tensors) -> torch.Tensor:
    """Return how far the deepest point lies below the highest of the sector, cm."""
    chord = s["radius"] * torch.cos(torch.deg2rad(s["opening"]) / 2)
    return s["depth"] + (s["radius"] - chord) * (s["linear"] < 0.5)


def shown(s: Tensors, lines: Lines, depth: torch.Tensor) -> torch.Tensor | None:
    """Return whether the cropped picture shows points at a depth of each scan line, bool; None if it shows all.

    Parameters
    ----------
    depth : tensor (n, h, 1) or (n, 1, w)
        Depth of the points, cm.
    """
    if bool(((s["crop"] >= 1) & (s["crop_top"] <= 0) & (s["crop_bottom"] <= 0)).all()):
        return None
    convex = (s["linear"] < 0.5)[:, None]
    radius = s["radius"][:, None] * convex
    chord = radius * torch.cos(torch.deg2rad(s["opening"]) / 2)[:, None]
    wide, sine = (s["crop"] * _half_width(s))[:, None], torch.sin(lines.angle).abs()
    upright = torch.where(lines.x.abs() <= wide, 1e3, -1.0)
    side = torch.where(convex, wide / sine.clamp(min=1e-4) - radius, upright)
    first = (s["crop_top"][:, None] + chord) / torch.cos(lines.angle) - radius
    last = (_height(s)[:, None] - s["crop_bottom"][:, None] + chord) / torch.cos(lines.angle) - radius
    return (depth >= first[:, None]) & (depth <= torch.minimum(last, side)[:, None])


def cartesian_grid(s: Tensors, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where each pixel of the picture lies on the scan lines, (n, h, w, 2) in -1 to 1, and which lie in the sector.

    The picture is as high as the sector from the chord of the probe face to the deepest point, less what is cropped, and as
    wide as it is high times w / h, or cropped to ``crop``.
    """
    h, w = size
    device = s["depth"].device
    half = torch.deg2rad(s["opening"])[:, None, None] / 2
    linear = (s["linear"] > 0.5)[:, None, None]
    radius, depth = s["radius"][:, None, None], s["depth"][:, None, None]
    chord = torch.where(linear, torch.zeros_like(radius), radius * torch.cos(half))
    top = chord + s["crop_top"][:, None, None]
    bottom = chord + (_height(s) - s["crop_bottom"])[:, None, None]
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
    """Return the cosine transform of a block of 8 x 8 pixels, row by row, as one matrix (64, 64)."""
    k, i = np.arange(8)[:, None], np.arange(8)[None]
    one = np.sqrt(np.where(k == 0, 1 / 8, 2 / 8)) * np.cos((2 * i + 1) * k * np.pi / 16)
    return np.kron(one, one)


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
    blocks = padded.reshape(n, rows, 8, columns, 8).transpose(2, 3).reshape(n, rows * columns, 64)
    scale = torch.where(quality < 50, 5000 / quality.clamp(min=1), 200 - 2 * quality)
    table = torch.tensor(LUMINANCE.ravel(), dtype=torch.float32, device=device)
    table = ((table[None] * scale[:, None] + 50) / 100).floor().clamp(1, 255)[:, None]
    coefficients = (blocks @ basis.T).div_(table).round_().mul_(table)
    blocks = (coefficients @ basis).reshape(n, rows, columns, 8, 8)
    return blocks.transpose(2, 3).reshape(n, rows * 8, columns * 8)[:, :h, :w].add(128).clamp_(0, 255)


@functools.lru_cache(maxsize=1)
def _letters() -> tuple[np.ndarray, ...]:
    """Return rendered labels as they stand on machines, each float (h, w) in 0 to 1."""
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
