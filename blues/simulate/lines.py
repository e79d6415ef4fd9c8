"""Where things lie on the scan lines: the shapes of pleural line, ribs, lesions and B-lines, many scenes at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from blues.simulate.scene import Scene
from blues.simulate.texture import noise_rows

__all__ = ["Lines", "Tensors", "lay_out", "power", "tensors"]

Tensors = dict[str, torch.Tensor]


def tensors(scene: Scene, device: str = "cpu") -> Tensors:
    """Return a batch's fields as float32 tensors."""
    return {k: torch.tensor(np.asarray(v), dtype=torch.float32, device=device) for k, v in vars(scene).items()}


def power(db: torch.Tensor) -> torch.Tensor:
    """Return the power ratio of a level in decibels."""
    return torch.exp(db * 0.23025851)


@dataclass
class Lines:
    """Where things lie on the scan lines of a batch: (n, w) per scan line, (n, h) per depth.

    Attributes
    ----------
    u : position of a scan line, -1 to 1, (w,).
    angle : its angle, radians, 0 for linear probes.
    x : its position along the pleural line, cm.
    depth : depth of every row, cm, (n, h).
    pleura : depth of the pleural line, cm; ``smooth`` without its indentations.
    shade : share of the beam that a rib takes, 0 to 1; ``rib_top`` the depth of its surface, cm.
    contact : transmitted power, 0 to 1.
    organ : 1 where liver or spleen lies instead of lung.
    gap : True in a break of the pleural line.
    lesion : depth of consolidation below the pleura, cm; ``fluid`` of effusion, cm.
    pleura_power, a_power : echo of the pleural line and of the first A-line.
    mirror : share of the chest wall's echo that is repeated below the pleural line.
    rows, columns : factors of the lung's echo, (n, h, 13) and (n, 13, w): haze, eight B-lines, four comet tails.
    shape : profile of each B-line, (n, 8, w), 1 in its middle.
    """

    u: torch.Tensor
    angle: torch.Tensor
    x: torch.Tensor
    depth: torch.Tensor
    pleura: torch.Tensor
    smooth: torch.Tensor
    shade: torch.Tensor
    rib_top: torch.Tensor
    contact: torch.Tensor
    organ: torch.Tensor
    gap: torch.Tensor
    lesion: torch.Tensor
    fluid: torch.Tensor
    pleura_power: torch.Tensor
    a_power: torch.Tensor
    mirror: torch.Tensor
    rows: torch.Tensor
    columns: torch.Tensor
    shape: torch.Tensor

    def __getitem__(self, index: slice) -> Lines:
        """Return part of the batch."""
        fields = {name: value if name == "u" else value[index] for name, value in vars(self).items()}
        return Lines(**fields)


def ripples(s: Tensors, kind: int, shift: float, width: int) -> torch.Tensor:
    """Return one smooth random profile a scene, (n, w), standard deviation 1."""
    bank = noise_rows(width, str(s["depth"].device))[kind]
    return bank[((s["ripple"] * 997 + shift) % 64).long()]


def _ribs(s: Tensors, x: torch.Tensor, smooth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    half = s["rib_width"][:, :, None] / 2
    off = (x[:, None] - s["rib_at"][:, :, None]).abs()
    edge = (((half - off) / s["shadow_soft"][:, None, None]) + 0.5).clamp(0, 1)
    each = edge * edge * (3 - 2 * edge) * (half > 0)
    shade, which = each.max(1)
    drop = (s["rib_round"][:, None, None] * off * off / half.clamp(min=0.2)).gather(1, which[:, None])[:, 0]
    return shade, smooth - s["rib_rise"][:, None] + drop


def _lesions(s: Tensors, x: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the depth of consolidation and of fluid below the pleura on every scan line, cm."""
    half = s["consolidation_width"][:, :, None].clamp(min=0.01) / 2
    off = (x[:, None] - s["consolidation_at"][:, :, None]) / half
    deep = (s["consolidation_depth"][:, :, None] * (1 - off * off).clamp(min=0)).max(1).values
    ragged = 0.25 * ripples(s, 0, 11, width) + 0.65 * ripples(s, 1, 23, width)
    lesion = (deep * (1 + s["shred"][:, None] * 0.5 * ragged)).clamp(min=0) * (deep > 0)
    fluid = (s["effusion"][:, None] + s["effusion_tilt"][:, None] * x).clamp(min=0) * (s["effusion"] > 0)[:, None]
    return lesion, fluid


def _lung_factors(
    s: Tensors, x: torch.Tensor, depth: torch.Tensor, pleura: torch.Tensor, fall: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return rows (n, h, 13) and columns (n, 13, w) whose product is the lung's echo, and the B-line profiles."""
    at = torch.cat([s["b_at"], s["comet_at"]], 1)[:, :, None]
    width = torch.cat([s["b_width"], s["comet_width"]], 1)[:, :, None]
    level = torch.cat([s["haze_db"][:, None], s["b_db"], s["comet_db"]], 1)
    decay = torch.cat([s["haze_decay"][:, None], s["b_decay"], s["comet_decay"]], 1)
    off = (x[:, None] - at) / width.clamp(min=0.01)
    shape = torch.exp(-2.7726 * (off * off).clamp(max=10)) * (width > 0)
    rough = 0.7 * ripples(s, 0, 5, x.shape[1]) + 0.7 * ripples(s, 1, 51, x.shape[1])
    uneven = power(s["uneven_db"][:, None] * rough)[:, None]
    haze = power(0.5 * fall)[:, None]
    columns = uneven * torch.cat([haze, shape], 1) * power(level[:, :, None] + decay[:, :, None] * (pleura[:, None]))
    bands = 0.8 * ripples(s, 2, 17, depth.shape[1]) + 0.6 * ripples(s, 1, 71, depth.shape[1])
    rows = power((s["band_db"][:, None] * bands)[:, :, None] - decay[:, None] * depth[:, :, None])
    return rows, columns, shape[:, :8]


def lay_out(s: Tensors, size: tuple[int, int]) -> Lines:
    """Return where everything lies, from the scenes' fields as tensors."""
    h, w = size
    device = s["depth"].device
    u = (torch.arange(w, device=device) + 0.5) / w * 2 - 1
    convex = (s["linear"] < 0.5)[:, None]
    angle = u[None] * torch.deg2rad(s["opening"])[:, None] / 2 * convex
    reach = (s["radius"] + s["pleura_depth"])[:, None]
    x = torch.where(convex, reach * torch.sin(angle), u[None] * s["width"][:, None] / 2)
    depth = s["depth"][:, None] * ((torch.arange(h, device=device) + 0.5) / h)[None]
    slope = torch.deg2rad(s["pleura_tilt"])[:, None]
    bend = s["pleura_bend"][:, None]
    pleura = s["pleura_depth"][:, None] + torch.tan(slope) * x + bend * reach * (1 / torch.cos(angle) - 1)
    smooth = pleura.clamp(min=0.25)
    uneven = 0.55 * ripples(s, 0, 0, w) + 0.85 * ripples(s, 1, 0, w)
    pleura = (smooth + s["roughness"][:, None] * uneven).clamp(min=0.25)
    incidence = torch.rad2deg(bend * angle - slope)
    fall = (-s["pleura_fall"][:, None] * (incidence / 10) ** 2).clamp(min=-40)
    shade, rib_top = _ribs(s, x, smooth)
    place = (u[None] + 1) / 2
    lost = ((s["contact"][:, :1] - place) / 0.2).clamp(0, 1) + ((place - 1 + s["contact"][:, 1:]) / 0.2).clamp(0, 1)
    side = s["organ"][:, None]
    organ = ((side * (x - s["organ_edge"][:, None])) / 0.5 + 0.5).clamp(0, 1) * (side != 0)
    past = s["break_width"][:, :, None] / 2 - (x[:, None] - s["break_at"][:, :, None]).abs()
    torn = ((past / 0.12 + 0.5).clamp(0, 1) * (s["break_width"] > 0)[:, :, None]).max(1).values
    gap = torn > 0.5
    lesion, fluid = _lesions(s, x, w)
    lesion = lesion * (organ < 0.5)
    rows, columns, shape = _lung_factors(s, x, depth, pleura, fall)
    b_power = (shape * power(s["b_db"])[:, :, None]).sum(1)
    erased = 1 / (1 + b_power / power(s["haze_db"] + 3)[:, None]) * (lesion <= 0) * (fluid <= 0)
    keep = (1 - organ) * (1 - 0.97 * torn) * (1 - 0.9 * (lesion > 0.15).float())
    line = power(s["pleura_db"][:, None] + fall + 3.5 * ripples(s, 1, 37, w) + 2.0 * ripples(s, 0, 41, w)) * keep
    specular = (3 * fall - 2 * (incidence / 10) ** 2).clamp(min=-60)
    a_power = (
        power(s["a_db"][:, None] + 2.5 * ripples(s, 1, 29, w) + specular)
        * erased
        * (1 - organ)
        * (s["a_db"] > -50)[:, None]
    )
    contact = power(-25 * lost.clamp(0, 1) - s["side_db"][:, None] * u.abs()[None] ** 3)
    return Lines(
        u, angle, x, depth, pleura, smooth, shade, rib_top, contact, organ, gap, lesion, fluid, line,
        a_power, power(0.6 * specular) * (1 - organ), rows, columns, shape,
    )  # fmt: skip
