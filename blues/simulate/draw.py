"""Scenes to echo powers along the scan lines, many scenes at once.

Nearly everything about lung ultrasound is separable in scan-line coordinates: shadows, B-lines and probe contact are columns,
attenuation and gain are rows, and the lung's echo is a sum of column times row. What is not separable (pleural line, A-lines,
chest wall) depends on the depth below the pleural line alone. That is why thousands of frames a second are possible.
"""

from __future__ import annotations

import functools

import numpy as np
import torch

from blues.simulate.lesions import add_consolidation, add_effusion, add_organ
from blues.simulate.lines import Lines, Tensors, power
from blues.simulate.texture import Room, bank, noise_rows, wall_sheets, windows

__all__ = ["Parts", "echo"]

Parts = dict[str, torch.Tensor]


@functools.lru_cache(maxsize=4)
def _widen(across: int, width: int, device: str) -> torch.Tensor:
    """Return the matrix (across, width) that joins ``across`` values by straight lines over ``width`` scan lines."""
    steps = np.arange(across)
    rows = [np.interp(np.linspace(0, across - 1, width), steps, steps == i) for i in range(across)]
    return torch.tensor(np.stack(rows), dtype=torch.float32, device=device)


def _sheets(s: Tensors, lines: Lines) -> torch.Tensor:
    """Return the chest wall from skin to pleura, twice: as it is, and as its mirror image in the pleura, (n, 192, w)."""
    device, width = str(lines.x.device), len(lines.u)
    patterns = wall_sheets(device)
    bins, across = patterns.shape[1:]
    t = ((torch.arange(bins, device=device) + 0.5) / bins)[None, :, None]
    v = torch.linspace(-0.5, 0.5, across, device=device)
    wave = noise_rows(across, device)[2]
    index = (s["ripple"] * 9973 % 128).long()
    sheet = power(s["wall_contrast"][:, None, None] * patterns[index] + s["wall_db"][:, None, None])
    warp = s["wall_warp"][:, None]
    for i in range(s["layer_at"].shape[1]):
        at = s["layer_at"][:, i, None] + s["layer_tilt"][:, i, None] * v + 0.06 * warp * wave[(index + 7 * i) % 64]
        level = power(s["layer_db"][:, i, None] + 4 * warp * wave[(index + 7 * i + 31) % 64])
        off = (t - at[:, None]).div_(s["layer_width"][:, i, None, None])
        sheet.addcmul_(off.square_().add_(1).square_().reciprocal_(), level[:, None].expand_as(off))
    both = torch.empty(len(sheet), 2 * bins, width, device=device)
    wide = sheet @ _widen(across, width, device)
    both[:, :bins] = wide
    both[:, bins:] = wide.mul_((lines.mirror * power(s["reverb_db"])[:, None])[:, None])
    return both


def _wall(s: Tensors, lines: Lines, times: torch.Tensor, room: Room) -> torch.Tensor:
    """Return the chest wall's echo, (n, h, w), repeated below the pleural line at every multiple of its depth."""
    n, sheets = len(times), _sheets(s, lines)
    bins = sheets.shape[1] // 2
    place = torch.mul(times, (s["pleura_depth"][:, None] / lines.smooth)[:, None], out=room("scratch", n))
    place.add_(1).clamp_(0, 1)
    place.add_(torch.clamp(times, min=0, out=room("echo", n)).frac_()).mul_(bins).clamp_(max=2 * bins - 1)
    index = room("index", n, torch.int64).copy_(place)
    wall = torch.gather(sheets, 1, index, out=room("echo", n))
    return wall.mul_(power(-4 * (lines.depth / s["pleura_depth"][:, None] - 1).clamp(min=0))[:, :, None])


def echo(s: Tensors, lines: Lines, room: Room) -> tuple[torch.Tensor, torch.Tensor, Parts]:
    """Return echo powers (n, h, w), the lung's share (0 above, 1 below the pleural line), and what masks need.

    Reverberations between pleural line and probe stand one more pleural depth below it each time: these are the A-lines,
    parallel to the pleural line. All three lie in ``room`` and last until the next call.
    """
    n, d, first = len(lines.x), lines.depth[:, :, None], s["pleura_depth"][:, None, None]
    thick = s["pleura_thickness"][:, None, None]
    z = torch.sub(d, lines.pleura[:, None], out=room("z", n))
    below = torch.div(z, thick, out=room("below", n)).add_(0.5).clamp_(0, 1)
    times = torch.sub(d, lines.smooth[:, None], out=room("times", n)).div_(first)
    out = _wall(s, lines, times, room)
    lung = torch.bmm(lines.rows, lines.columns, out=room("lung", n)).mul_(below)
    out.add_(lung)

    off = torch.round(times, out=room("scratch", n)).sub_(times).mul_(first / (s["a_width"][:, None, None] * thick))
    bump = off.square_().neg_().add_(1).clamp_(min=0).square_()
    row = power(-s["a_decay"][:, None] * (lines.depth / first[:, :, 0] - 2)) * (lines.depth > 1.5 * first[:, :, 0])
    a_line = times.copy_(bump).mul_(lines.a_power[:, None]).mul_(row[:, :, None])
    out.add_(a_line)

    q = torch.div(z, 1 / 1.45 * thick, out=room("scratch", n))
    q.sub_(torch.abs(q, out=room("dark", n)), alpha=0.38)
    line = q.square_().add_(1).square_().reciprocal_()
    out.addcmul_(line, lines.pleura_power[:, None].expand_as(line))
    for present, add in (("effusion", add_effusion), ("consolidation_depth", add_consolidation), ("organ", add_organ)):
        some = (s[present].reshape(n, -1) != 0).any(1).nonzero()[:, 0]
        if len(some):
            out[some] = add(out[some], some, s, lines, z[some])
    _add_clutter(out, s)
    _add_ribs(out, s, lines, room)
    return out, below, {"z": z, "a_line": a_line, "lung": lung}


def _add_clutter(out: torch.Tensor, s: Tensors) -> None:
    """Add smudges that lie where no structure is: echoes from beside the imaged plane."""
    some = (s["clutter_db"] > -50).nonzero()[:, 0]
    if not len(some):
        return
    size = (out.shape[1], out.shape[2])
    patterns = bank(*size, str(out.device))
    at = s["texture"][some].cpu().numpy()
    broad = (s["ripple"][some] * 31 % 1 < 0.6).long()
    spot = (
        windows(patterns["spot"], (1 + broad).tolist(), at[:, 5], size)
        .sub_(1.3 - 0.7 * broad[:, None, None])
        .clamp_(min=0)
    )
    streak = windows(patterns["streak"], (2 - broad).tolist(), at[:, 7], size).add_(0.8).clamp_(min=0)
    out[some] += spot.square_().mul_(streak).mul_(power(s["clutter_db"][some])[:, None, None])


def _add_ribs(out: torch.Tensor, s: Tensors, lines: Lines, room: Room) -> None:
    """Add the ribs' surfaces, and take from what lies below them: the loss grows with depth until it is full."""
    n, shade = len(out), lines.shade[:, None]
    v = torch.sub(lines.depth[:, :, None], lines.rib_top[:, None], out=room("scratch", n))
    dark = torch.div(v, s["shadow_onset"][:, None, None], out=room("dark", n)).clamp_(0, 1)
    out.mul_(dark.mul_(shade * (-0.23025851 * s["shadow_db"])[:, None, None]).exp_())
    bright = v.div_(0.09).square_().add_(1).square_().reciprocal_()
    out.addcmul_(bright, (shade * power(s["rib_db"])[:, None, None]).expand_as(out))
