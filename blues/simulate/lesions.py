"""What replaces air below the pleural line: fluid, consolidated lung, and at the base liver or spleen."""

from __future__ import annotations

import torch

from blues.simulate.lines import Lines, Tensors
from blues.simulate.texture import bank, windows

__all__ = ["add_consolidation", "add_effusion", "add_organ"]


def _level(db: torch.Tensor) -> torch.Tensor:
    return torch.exp(db * 0.23025851)[:, None, None]


def _pattern(name: str, which: int, slot: int, some: torch.Tensor, s: Tensors, like: torch.Tensor) -> torch.Tensor:
    size = (like.shape[1], like.shape[2])
    at = s["texture"][some, slot].cpu().numpy()
    return windows(bank(*size, str(some.device))[name], [which] * len(some), at, size)


def add_effusion(out: torch.Tensor, some: torch.Tensor, s: Tensors, lines: Lines, z: torch.Tensor) -> torch.Tensor:
    """Put fluid between the pleurae: nearly no echo, a bright lung surface below it."""
    deep = lines.fluid[some][:, None]
    inside = (z / 0.1).clamp(0, 1) * ((deep - z) / 0.1).clamp(0, 1)
    out = out * (1 - inside * 0.985)
    off = (z - deep) / 0.09
    surface = 1 / (1 + off * off) ** 2 * (deep > 0.1) * (1 - lines.organ[some])[:, None]
    return out + surface * _level(s["pleura_db"][some] - 4)


def add_consolidation(out: torch.Tensor, some: torch.Tensor, s: Tensors, lines: Lines, z: torch.Tensor) -> torch.Tensor:
    """Put airless lung below the pleura: tissue echo, air bronchograms, a ragged bright border, white below it."""
    deep, fluid = lines.lesion[some][:, None], lines.fluid[some][:, None]
    z = z - fluid
    inside = (z / 0.08).clamp(0, 1) * ((deep - z) / 0.12 + 0.5).clamp(0, 1) * (deep > 0.02)
    spots = _pattern("spot", 0, 5, some, s, z)
    cloud = _pattern("spot", 1, 6, some, s, z)
    air = spots.add_(1.2 * s["bronchogram"][some][:, None, None] - 2.1).clamp_(0, 1.5).mul_(cloud > -0.3)
    tissue = air.mul_(2.6).exp_().mul_((0.17 * cloud).add_(1).square_()).mul_(_level(s["consolidation_db"][some]))
    out = torch.lerp(out, tissue, inside)
    border = ((z - deep) / 0.15).square_().add_(1).square_().reciprocal_()
    border.mul_(cloud.mul_(0.9).add_(0.4).clamp_(min=0)).mul_(_level(s["pleura_db"][some] - 9) * (deep > 0.1))
    below = z.sub_(deep).mul_(10).clamp_(0, 1).mul_(((deep - 0.1) / 0.4).clamp(0, 1))
    top = (lines.pleura[some][:, None] + fluid + deep).mul_(0.16).exp_()
    row = torch.exp(-0.16 * lines.depth[some])[:, :, None] * _level(s["beyond_db"][some])
    return out.add_(border).add_(below.mul_(top).mul_(row))


def add_organ(out: torch.Tensor, some: torch.Tensor, s: Tensors, lines: Lines, z: torch.Tensor) -> torch.Tensor:
    """Put liver or spleen beside the lung's edge: even tissue with vessels, and behind it the diaphragm and its mirror."""
    organ = lines.organ[some][:, None]
    away = (lines.x[some] - s["organ_edge"][some][:, None]).abs()[:, None]
    cloud = _pattern("spot", 1, 6, some, s, z)
    broad = _pattern("blotch", 0, 7, some, s, z)
    curve = s["diaphragm"][some][:, None, None] + 0.9 * away - 0.09 * away * away + 0.12 * broad
    vessel = (cloud - 1.5).clamp(0, 0.8)
    tissue = _level(s["organ_db"][some]) * torch.exp(-0.07 * z.clamp(min=0) + 0.15 * broad - 2.5 * vessel)
    off = (z - curve) / 0.2
    bright = 1 / (1 + off * off) ** 2 * _level(s["organ_db"][some] + 11) * torch.exp(0.8 * cloud - 0.2 * away * away)
    beyond = ((z - curve) / 0.2).clamp(0, 1)
    tissue = tissue * (1 - beyond * 0.75) + bright
    start = (z / 0.1 + 0.5).clamp(0, 1) * organ
    return out * (1 - start) + tissue * start
