"""What there is to see in a drawn frame: masks, counts and the severity score, by rules written down here.

A finding counts when it can be seen: between ribs, inside the picture, above black, and brighter than what surrounds it.
"""

from __future__ import annotations

import torch

from blues.simulate.lines import Lines, Tensors, power

__all__ = ["MASKS", "TRUTH", "column_truth", "masks", "table"]

MASKS = ("pleura", "a_line", "b_line", "rib_shadow", "consolidation", "effusion", "organ", "lung")
"""Names of the masks."""

TRUTH = {
    "b_lines": "separate B-lines (runs of scan lines), count",
    "b_coverage": "share of the visible pleural line under which B-lines or white lung stand, 0 to 1",
    "a_lines": "A-lines that can be seen, count",
    "irregularity": "standard deviation of the pleural line about its smooth course, mm",
    "breaks": "share of the visible pleural line that is broken, 0 to 1",
    "consolidation": "consolidated area, cm2",
    "effusion": "mean depth of fluid over the visible pleural line, cm",
    "organ": "share of scan lines over liver or spleen, 0 to 1",
    "pleura": "share of scan lines on which the pleural line can be seen, 0 to 1",
    "pleura_depth": "mean depth of the pleural line, cm",
    "soldati": "severity, 0 to 3 (Soldati et al. 2020, J Ultrasound Med 39:1413)",
}
"""Columns of the truth table: what each holds, in which unit."""


def _level(s: Tensors, depth: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Return the share of the grey scale that an echo power at a depth reaches, before the time-gain sliders."""
    attenuation = s["attenuation"].reshape(-1, *[1] * (depth.ndim - 1)) * depth
    gain, dynamic_range = (s[k].reshape(-1, *[1] * (depth.ndim - 1)) for k in ("gain", "dynamic_range"))
    return (4.3429448 * torch.log(value.clamp(min=1e-9)) + gain - attenuation) / dynamic_range


def column_truth(s: Tensors, lines: Lines, inside: torch.Tensor | None) -> Tensors:
    """Return what is visible on each scan line, (n, w) bool: ``pleura``, ``b_line``, ``white`` and ``a_lines`` (counts).

    A B-line is visible where its profile is above half its peak, halfway down to the end of the picture it is still 3 dB
    above the lung's haze, and it reaches 6 % of the grey scale there. White lung is where B-lines add up to that.
    """
    n, w = lines.x.shape
    clear = (lines.shade < 0.5) & (lines.contact > 0.5) & (lines.organ < 0.5) & (lines.pleura < s["depth"][:, None])
    if inside is not None:
        row = (lines.pleura / s["depth"][:, None] * inside.shape[1]).long().clamp(0, inside.shape[1] - 1)
        clear &= inside.gather(1, row[:, None])[:, 0]
    pleura = clear & ~lines.gap
    middle = lines.pleura + 0.5 * (s["depth"][:, None] - lines.pleura)
    decay = torch.cat([s["haze_decay"][:, None], s["b_decay"], s["comet_decay"]], 1)
    each = lines.columns * power(-decay[:, :, None] * middle[:, None])
    haze, b_lines = each[:, 0], each[:, 1:9]
    single = (lines.shape > 0.5) & (b_lines > 1.0 * haze[:, None])
    together = b_lines.sum(1)
    seen = _level(s, middle, together + haze) > 0.06
    b_line = clear & seen & (single.any(1) | (together > 2.0 * haze))
    white = (lines.lesion > 0.15) & clear & (lines.fluid < 0.1)
    a_lines = torch.zeros(n, w, dtype=torch.int64, device=lines.x.device)
    for k in range(2, 6):
        depth = k * lines.pleura
        level = lines.a_power * power(-s["a_decay"][:, None] * (k - 2.0))
        around = (lines.columns[:, :9] * power(-decay[:, :9, None] * depth[:, None])).sum(1)
        there = clear & (depth < s["depth"][:, None]) & (level > 1.5 * around) & (_level(s, depth, level) > 0.08)
        a_lines += there
    return {"clear": clear, "pleura": pleura, "b_line": b_line, "white": white, "a_lines": a_lines}


def masks(s: Tensors, lines: Lines, columns: Tensors, parts: Tensors, inside: torch.Tensor | None) -> Tensors:
    """Return the masks of :data:`MASKS`, each (n, h, w) bool, along the scan lines."""
    z, deep, fluid = parts["z"], lines.lesion[:, None], lines.fluid[:, None]
    clear = columns["clear"][:, None]
    thick = s["pleura_thickness"][:, None, None]
    behind = (z > fluid + deep) & clear
    out = {
        "pleura": (z.abs() < thick.clamp(min=0.1)) & columns["pleura"][:, None],
        "a_line": (parts["a_line"] > 1.2 * parts["lung"])
        & (z > 0.5 * lines.pleura[:, None])
        & (columns["a_lines"] > 0)[:, None],
        "b_line": behind & (columns["b_line"] | columns["white"])[:, None] & (z > thick),
        "rib_shadow": (lines.depth[:, :, None] > lines.rib_top[:, None]) & (lines.shade > 0.5)[:, None],
        "consolidation": (z > fluid) & (z < fluid + deep) & clear & (deep > 0.05),
        "effusion": (z > 0) & (z < fluid) & clear & (fluid > 0.1),
        "organ": (z > 0) & (lines.organ > 0.5)[:, None] & (lines.shade < 0.5)[:, None],
        "lung": behind,
    }
    return out if inside is None else {name: mask & inside for name, mask in out.items()}


def table(s: Tensors, lines: Lines, columns: Tensors, size: tuple[int, int]) -> Tensors:
    """Return one number a frame for each entry of :data:`TRUTH`, (n,).

    The severity follows the written definition of Soldati et al. (2020): 0 the pleural line is continuous and regular, with
    or without A-lines; 1 it is indented, or vertical areas of white are below it; 2 it is broken and below the break are
    consolidated areas; 3 white lung is dense and extends over more than half of it.
    """
    clear, pleura = columns["clear"], columns["pleura"]
    visible = clear.sum(1).clamp(min=1)
    b_line = columns["b_line"] | columns["white"]
    runs = (torch.nn.functional.pad(columns["b_line"].int(), (1, 0)).diff(dim=1) > 0).sum(1)
    a_lines = torch.zeros_like(visible)
    for k in range(1, 5):
        a_lines += (columns["a_lines"] >= k).sum(1) >= (0.15 * visible).clamp(min=3)
    cm = s["depth"][:, None] / size[0]
    across = torch.where(
        s["linear"][:, None] > 0.5,
        (s["width"] / size[1])[:, None],
        torch.deg2rad(s["opening"])[:, None] / size[1] * (s["radius"][:, None] + lines.pleura + lines.lesion / 2),
    )
    rows_in = ((s["depth"][:, None] - lines.pleura).clamp(min=0)).minimum(lines.lesion)
    area = (rows_in * across * clear).sum(1) * (cm[:, 0] > 0)
    share = b_line.sum(1) / visible
    breaks = (lines.gap & clear).sum(1) / visible
    broken = (breaks > 0.02) | (area > 0.1)
    touched = (runs > 0) | (10 * s["roughness"] > 0.5)
    soldati = torch.where(broken, 2, touched.long())
    soldati = torch.where(share > 0.5, 3, soldati) * (clear.sum(1) > 0)
    values = {
        "b_lines": runs,
        "b_coverage": share,
        "a_lines": a_lines,
        "irregularity": 10 * s["roughness"],
        "breaks": breaks,
        "consolidation": area,
        "effusion": (lines.fluid * clear).sum(1) / visible,
        "organ": (lines.organ > 0.5).float().mean(1),
        "pleura": pleura.float().mean(1),
        "pleura_depth": lines.pleura.mean(1),
        "soldati": soldati,
    }
    return {name: values[name] for name in TRUTH}
