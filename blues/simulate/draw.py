"""Scenes to echo powers along the scan lines, many scenes at once.

Nearly everything about lung ultrasound is separable in scan-line coordinates: shadows, B-lines and probe contact are columns,
attenuation and gain are rows, and the lung's echo is a sum of column times row. What is not separable (pleural line, A-lines,
chest wall) depends on depth over pleural depth alone. That is why thousands of frames a second are possible.
"""

from __future__ import annotations

import torch

from blues.simulate.lesions import add_consolidation, add_effusion, add_organ
from blues.simulate.lines import Lines, Tensors, power
from blues.simulate.texture import noise_rows

__all__ = ["echo"]

WALL_BINS, WALL_COLUMNS = 64, 12


def _wall(s: Tensors, lines: Lines) -> torch.Tensor:
    """Return the chest wall's echo, (n, h, w), repeated at every multiple of the pleural depth."""
    n, device = len(lines.x), lines.x.device
    t = ((torch.arange(WALL_BINS, device=device) + 0.5) / WALL_BINS)[None, :, None]
    wave = noise_rows(WALL_COLUMNS, str(device))[1][:, None]
    index = (s["ripple"] * 991 % 61).long()
    warp = 0.05 * s["wall_warp"][:, None, None]
    level = s["wall_db"][:, None, None] + torch.zeros(n, WALL_BINS, WALL_COLUMNS, device=device)
    across = noise_rows(WALL_BINS, str(device))[0][index][:, :, None]
    level = level + s["wall_contrast"][:, None, None] * across
    sheet = power(level)
    for i in range(s["layer_at"].shape[1]):
        off = (t - s["layer_at"][:, i, None, None] - warp * wave[(index + 7 * i) % 64]) / s["layer_width"][
            :, i, None, None
        ]
        sheet = sheet + torch.exp(-off * off) * power(s["layer_db"][:, i])[:, None, None]
    grid = torch.empty(*lines.depth.shape, len(lines.u), 2, device=device)
    grid[..., 0] = lines.u
    ratio = lines.depth[:, :, None] / lines.pleura[:, None]
    grid[..., 1] = (ratio - torch.floor(ratio)).mul_(2).sub_(1)
    sampled = torch.nn.functional.grid_sample(sheet[:, None], grid, align_corners=False, padding_mode="border")
    return sampled[:, 0]


def echo(s: Tensors, lines: Lines, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor, Tensors]:
    """Return echo powers (n, h, w), the lung's share (0 above, 1 below the pleural line), and what masks need.

    Pleural line and A-lines: at depth d over the pleural depth P, reverberations stand at every whole d / P.
    """
    d, pleura = lines.depth[:, :, None], lines.pleura[:, None]
    thick = s["pleura_thickness"][:, None, None]
    wall = _wall(s, lines)
    z = d - pleura
    below = (z / thick).add_(0.5).clamp_(0, 1)
    first = s["pleura_depth"][:, None]
    times = (lines.depth / first - 1).clamp(min=0)
    repeat = power(s["reverb_db"][:, None] - 4.0 * times)[:, :, None]
    out = wall.mul_(1 + below * (repeat - 1))
    lung = torch.bmm(lines.rows, lines.columns).mul_(below)
    out.add_(lung)

    ratio = d / pleura
    off = (ratio - torch.round(ratio)).mul_(pleura / (s["a_width"][:, None, None] * thick))
    bump = off.square_().neg_().add_(1).clamp_(min=0).square_()
    row = power(-s["a_decay"][:, None] * (lines.depth / first - 2)) * (lines.depth > 1.5 * first)
    a_line = bump.mul_(lines.a_power[:, None]).mul_(row[:, :, None])
    out.add_(a_line)

    q = z / thick
    q = q.sub_(0.55 * torch.relu(q)).mul_(2)
    line = q.square_().add_(1).square_().reciprocal_()
    out.addcmul_(line, lines.pleura_power[:, None].expand_as(line))
    parts = {"z": z, "a_line": a_line, "line": line, "lung": lung}
    for present, add in (("effusion", add_effusion), ("consolidation_depth", add_consolidation), ("organ", add_organ)):
        some = (s[present].reshape(len(z), -1) != 0).any(1).nonzero()[:, 0]
        if len(some):
            out[some] = add(out[some], some, s, lines, z[some], size)
    _add_ribs(out, s, lines)
    return out, below, parts


def _add_ribs(out: torch.Tensor, s: Tensors, lines: Lines) -> None:
    some = (lines.shade > 0).any(1).nonzero()[:, 0]
    if not len(some):
        return
    shade = lines.shade[some][:, None]
    v = lines.depth[some][:, :, None] - lines.rib_top[some][:, None]
    dark = (v / 0.15).clamp_(0, 1).mul_(shade * (1 - power(-s["shadow_db"][some]))[:, None, None])
    part = out[some].mul_(dark.neg_().add_(1))
    bright = v.div_(0.09).square_().add_(1).square_().reciprocal_()
    out[some] = part.addcmul_(bright, shade * power(s["rib_db"][some])[:, None, None])
