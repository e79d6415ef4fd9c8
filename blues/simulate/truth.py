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


def _seen(s: Tensors, lines: Lines, depth: torch.Tensor, value: torch.Tensor, share: float) -> torch.Tensor:
    """Return whether an echo at a depth, (n, w), reaches a share of the grey scale and stands out of the noise."""
    column = {k: s[k][:, None] for k in ("gain", "attenuation", "dynamic_range", "noise_db", "depth")}
    db = 4.3429448 * torch.log((value * lines.contact).clamp(min=1e-9)) + column["gain"] - column["attenuation"] * depth
    noise = column["noise_db"] - 4 * (1 - depth / column["depth"])
    return (db > share * column["dynamic_range"]) & (db > noise + 3)


def column_truth(s: Tensors, lines: Lines, inside: torch.Tensor | None) -> Tensors:
    """Return what can be seen on each scan line.

    A B-line is visible where its profile is above half its peak, or several add up to twice the lung's haze, and halfway
    down to the end of the picture it is still above the haze and above 6 % of the grey scale. An A-line is visible where it
    is twice as strong as what surrounds it, and above 8 % of the grey scale. Both stand out of the noise by 3 dB.

    Parameters
    ----------
    inside : bool tensor (n, 1, w), optional
        Whether the picture shows the pleural line there.

    Returns
    -------
    dict of tensors (n, w)
        ``clear``: the lung is not hidden by ribs, lost contact, organ or the picture's edge; ``pleura``: and the pleural
        line is not broken; ``b_line``: a B-line; ``white``: white below a consolidation (bool); ``a_lines``: how many (int).
    """
    n, w = lines.x.shape
    clear = (lines.shade < 0.5) & (lines.contact > 0.05) & (lines.organ < 0.5) & (lines.pleura < s["depth"][:, None])
    if inside is not None:
        clear &= inside[:, 0]
    middle = lines.pleura + 0.5 * (s["depth"][:, None] - lines.pleura)
    decay = torch.cat([s["haze_decay"][:, None], s["b_decay"]], 1)[:, :, None]
    each = lines.columns[:, :9] * power(-decay * middle[:, None])
    haze, b_lines = each[:, 0], each[:, 1:]
    together = b_lines.sum(1)
    single = ((lines.shape > 0.5) & (b_lines > haze[:, None])).any(1)
    b_line = clear & (single | (together > 2.0 * haze)) & _seen(s, lines, middle, together + haze, 0.06)
    a_lines = torch.zeros(n, w, dtype=torch.int64, device=lines.x.device)
    for k in range(2, 6):
        depth = lines.smooth + (k - 1) * s["pleura_depth"][:, None]
        level = lines.a_power * power(-s["a_decay"][:, None] * (k - 2.0))
        around = (lines.columns[:, :9] * power(-decay * depth[:, None])).sum(1)
        strong = (level > 2.0 * around) & _seen(s, lines, depth, level, 0.08)
        a_lines += clear & (depth < s["depth"][:, None]) & strong
    white = (lines.lesion > 0.3) & clear & (lines.fluid < 0.1) & (s["beyond_db"] > -50)[:, None]
    return {"clear": clear, "pleura": clear & ~lines.gap, "b_line": b_line, "white": white, "a_lines": a_lines}


def masks(
    s: Tensors,
    lines: Lines,
    columns: Tensors,
    parts: Tensors,
    inside: torch.Tensor | None,
    step: tuple[int, int] = (1, 1),
) -> Tensors:
    """Return the masks of :data:`MASKS`, each bool, along the scan lines: (n, h, w), or every ``step``-th row and column."""
    down, across = (slice(k // 2, None, k) for k in step)
    z, a_line, lung = (parts[name][:, down, across] for name in ("z", "a_line", "lung"))

    def wide(line: torch.Tensor) -> torch.Tensor:
        return line[:, None, across]

    deep, fluid, clear = wide(lines.lesion), wide(lines.fluid), wide(columns["clear"])
    thick = s["pleura_thickness"][:, None, None]
    behind = (z > fluid + deep) & clear
    out = {
        "pleura": (z.abs() < thick.clamp(min=0.1)) & wide(columns["pleura"]),
        "a_line": (a_line > 1.2 * lung) & (z > 0.5 * wide(lines.pleura)) & (wide(columns["a_lines"]) > 0),
        "b_line": behind & wide(columns["b_line"] | columns["white"]) & (z > thick),
        "rib_shadow": (lines.depth[:, down, None] > wide(lines.rib_top)) & (wide(lines.shade) > 0.5),
        "consolidation": (z > fluid) & (z < fluid + deep) & clear & (deep > 0.05),
        "effusion": (z > 0) & (z < fluid) & clear & (fluid > 0.1),
        "organ": (z > 0) & (wide(lines.organ) > 0.5) & (wide(lines.shade) < 0.5),
        "lung": behind,
    }
    return out if inside is None else {name: mask & inside[:, down, across] for name, mask in out.items()}


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
