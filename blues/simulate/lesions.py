"""What replaces air below the pleural line: fluid, consolidated lung, and at the base liver or spleen."""

from __future__ import annotations

import torch

from blues.simulate.lines import Lines, Tensors
from blues.simulate.texture import bank, windows

__all__ = ["add_consolidation", "add_effusion", "add_organ"]


def _level(db: torch.Tensor) -> torch.Tensor:
    return torch.exp(db * 0.23025851)[:, None, None]


def _pattern(name: str, which: int, slot: int, some: torch.Tensor, s: Tensors, size: tuple[int, int]) -> torch.Tensor:
    at = s["texture"][some, slot].cpu().numpy()
    return windows(bank(*size, str(some.device))[name], [which] * len(some), at, size)


def add_effusion(
    out: torch.Tensor, some: torch.Tensor, s: Tensors, lines: Lines, z: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """Put fluid between the pleurae: nearly no echo, a bright lung surface below it."""
    deep = lines.fluid[some][:, None]
    inside = (z / 0.1).clamp(0, 1) * ((deep - z) / 0.1).clamp(0, 1)
    out = out * (1 - inside * 0.985)
    off = (z - deep) / 0.09
    surface = 1 / (1 + off * off) ** 2 * (deep > 0.1) * (1 - lines.organ[some])[:, None]
    return out + surface * _level(s["pleura_db"][some] - 4)


def add_consolidation(
    out: torch.Tensor, some: torch.Tensor, s: Tensors, lines: Lines, z: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """Put airless lung below the pleura: tissue echo, air bronchograms, a ragged bright border, white below it."""
    deep, fluid = lines.lesion[some][:, None], lines.fluid[some][:, None]
    z = z - fluid
    inside = (z / 0.08).clamp(0, 1) * ((deep - z) / 0.12 + 0.5).clamp(0, 1) * (deep > 0.02)
    spots = _pattern("spot", 0, 5, some, s, size)
    cloud = _pattern("spot", 1, 6, some, s, size)
    air = (spots - 2.1 + 1.2 * s["bronchogram"][some][:, None, None]).clamp(0, 1.5) * (cloud > -0.3)
    tissue = _level(s["consolidation_db"][some]) * torch.exp(0.35 * cloud + 2.6 * air)
    out = out * (1 - inside) + inside * tissue
    off = (z - deep) / 0.1
    border = 1 / (1 + off * off) ** 2 * (deep > 0.1) * torch.exp(0.6 * cloud)
    below = ((z - deep) / 0.1).clamp(0, 1) * (deep > 0.1)
    white = _level(s["haze_db"][some] + 7) * torch.exp(-0.16 * (z - deep).clamp(min=0))
    return out + border * _level(s["pleura_db"][some] - 9) + below * white


def add_organ(
    out: torch.Tensor, some: torch.Tensor, s: Tensors, lines: Lines, z: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """Put liver or spleen beside the lung's edge: even tissue with vessels, and behind it the diaphragm and its mirror."""
    organ = lines.organ[some][:, None]
    away = (lines.x[some] - s["organ_edge"][some][:, None]).abs()[:, None]
    cloud = _pattern("spot", 1, 6, some, s, size)
    broad = _pattern("blotch", 0, 7, some, s, size)
    curve = s["diaphragm"][some][:, None, None] + 1.1 * away - 0.07 * away * away
    vessel = (cloud - 1.5).clamp(0, 0.8)
    tissue = _level(s["organ_db"][some]) * torch.exp(-0.07 * z.clamp(min=0) + 0.15 * broad - 2.5 * vessel)
    off = (z - curve) / 0.16
    bright = 1 / (1 + off * off) ** 2 * _level(s["organ_db"][some] + 13) * torch.exp(-0.1 * away * away)
    beyond = ((z - curve) / 0.2).clamp(0, 1)
    tissue = tissue * (1 - beyond * 0.75) + bright
    start = (z / 0.1 + 0.5).clamp(0, 1) * organ
    return out * (1 - start) + tissue * start
