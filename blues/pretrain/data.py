"""Batches made on the fly: simulated frames with their truth, pictures that are no lung ultrasound, and labelled real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from blues import simulate
from blues.encoders.lus import COLUMNS, GLOBALS, GRID, MASKS
from blues.pretrain.augment import Warp, coarse, degrade, draw_warp

__all__ = ["Batch", "NegativePool", "join", "negative_batch", "simulated_batch"]

SIZE = (128, 128)
MASK_STEP = (2, 4)
"""Masks are compared on cells of 8 x 4 pixels; so many rows and columns apart is enough to know their share."""


@dataclass(frozen=True)
class Batch:
    """Frames and what is known of them; what is not known has weight 0.

    Attributes
    ----------
    images : uint8 tensor (n, 128, 128)
    masks : float tensor (n, 7, 16, 32), shares of each cell, of :data:`blues.encoders.lus.MASKS`.
    columns : float tensor (n, 3, 32), of :data:`blues.encoders.lus.COLUMNS`.
    values : float tensor (n, 15), of :data:`blues.encoders.lus.GLOBALS`; NaN where not known.
    local : float tensor (n,), 1 where masks and columns are known.
    """

    images: torch.Tensor
    masks: torch.Tensor
    columns: torch.Tensor
    values: torch.Tensor
    local: torch.Tensor

    def __len__(self) -> int:
        return len(self.images)


def join(parts: list[Batch]) -> Batch:
    """Return several batches as one."""
    return Batch(**{name: torch.cat([getattr(part, name) for part in parts]) for name in Batch.__dataclass_fields__})


def simulated_batch(n: int, rng: np.random.Generator, plain: bool = False, views: int = 1) -> Batch:
    """Draw n simulated frames.

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator
    plain : bool
        Leave out what :mod:`blues.pretrain.augment` does.
    views : int
        How often a drawn frame is used, each time degraded differently: drawing costs more than degrading. Frame i is
        another view of frame i - n / views.
    """
    unique = -(-n // views)
    scenes = simulate.draw_scenes(unique, rng)
    drawn = simulate.draw(scenes, rng, SIZE, masks=True, step=MASK_STEP)

    def again(values: torch.Tensor) -> torch.Tensor:
        return values.repeat(views, *[1] * (values.ndim - 1))[:n]

    warp = Warp.none(n) if plain else draw_warp(n, rng)
    cells = again(coarse(torch.stack([drawn.masks[name] for name in MASKS], 1).float()))
    clear = drawn.columns["clear"]
    b_line = drawn.columns["b_line"] | drawn.columns["white"]
    lines = torch.stack([b_line, drawn.columns["pleura"], drawn.columns["a_lines"] > 0, clear], 1).float()
    lines, masks = warp.columns(again(lines)), warp.masks(cells)
    images = again(drawn.images.float().div_(255))
    if not plain:
        images = degrade(warp.images(images), rng)
    depth = again(torch.as_tensor(scenes.depth, dtype=torch.float32))
    truth = {name: again(value) for name, value in drawn.truth.items()}
    values = _values(truth, lines > 0.5, masks, depth, warp)
    columns = lines[:, :3].reshape(n, len(COLUMNS), GRID[1], -1).mean(3)
    return Batch(images.mul_(255).round_().byte(), masks, columns, values, torch.ones(n))


def _values(
    truth: dict[str, torch.Tensor], lines: torch.Tensor, masks: torch.Tensor, depth: torch.Tensor, warp: Warp
) -> torch.Tensor:
    """Return the values of a frame, (n, 15), as far as they can be seen after the warp."""
    b_line, _, a_line, clear = lines.unbind(1)
    seen = clear.sum(1)
    runs = (torch.nn.functional.pad(b_line.int(), (1, 0)).diff(dim=1) > 0).sum(1)
    runs = torch.minimum(runs, truth["b_lines"].clamp(min=1)).float()
    some_a = ((a_line & clear).sum(1) >= (0.15 * seen).clamp(min=3)) & (truth["a_lines"] > 0)
    share = {name: masks[:, i].mean((1, 2)) for i, name in enumerate(MASKS)}
    scale = 10 / depth / warp.down  # millimetres to % of the picture's depth
    found = {
        "soldati_1": truth["soldati"] >= 1,
        "soldati_2": truth["soldati"] >= 2,
        "soldati_3": truth["soldati"] >= 3,
        "b_line": b_line.sum(1) >= 3,
        "a_line": some_a,
        "consolidation": share["consolidation"] > 0.003,
        "effusion": share["effusion"] > 0.003,
        "organ": share["organ"] > 0.02,
        "lus": torch.ones_like(seen),
        "b_count": torch.log1p(runs * (b_line.sum(1) >= 3)),
        "a_count": torch.log1p(truth["a_lines"] * some_a),
        "irregularity": truth["irregularity"] * scale,
        "breaks": truth["breaks"],
        "pleura_depth": warp.depth(truth["pleura_depth"] / depth).clamp(0.01, 0.99),
        "consolidation_area": share["consolidation"],
    }
    values = torch.stack([found[name].float() for name in GLOBALS], 1)
    hidden = (seen < 6)[:, None] & torch.tensor([name != "lus" for name in GLOBALS])
    return values.masked_fill(hidden, float("nan"))


class NegativePool:
    """Pictures that are no lung ultrasound, kept because they are slow to draw; every use shows them differently.

    Parameters
    ----------
    size : int
        Pictures that there are; each is drawn when it is first asked for.
    seed : int
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed
        self._drawn: dict[int, np.ndarray] = {}

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n pictures, (n, 128, 128)."""
        chosen = rng.choice(self.size, n).tolist()
        for i in set(chosen) - set(self._drawn):
            self._drawn[i] = simulate.negatives(1, np.random.default_rng([self.seed, 77, i]), SIZE)[0][0]
        return np.stack([self._drawn[i] for i in chosen])


def negative_batch(images: np.ndarray, rng: np.random.Generator, plain: bool = False) -> Batch:
    """Return pictures that are no lung ultrasound as a batch; half are seen as if a sector had been unwarped in them."""
    n = len(images)
    pictures = torch.as_tensor(images).float().div_(255)
    if not plain:
        polar = _as_sector(pictures, rng)
        chosen = torch.as_tensor(rng.random(n) < 0.5)[:, None, None]
        pictures = degrade(torch.where(chosen, polar, draw_warp(n, rng).images(pictures)), rng)
    values = torch.full((n, len(GLOBALS)), float("nan"))
    values[:, GLOBALS.index("lus")] = 0
    return Batch(
        pictures.mul(255).round_().byte(),
        torch.zeros(n, len(MASKS), *GRID),
        torch.zeros(n, len(COLUMNS), GRID[1]),
        values,
        torch.zeros(n),
    )


def _as_sector(pictures: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Unwarp a random sector of each picture, (n, h, w)."""
    n, h, w = pictures.shape
    inner = torch.as_tensor(rng.uniform(0.1, 0.6, n), dtype=torch.float32)[:, None, None]
    half = torch.as_tensor(rng.uniform(0.35, 0.7, n), dtype=torch.float32)[:, None, None]
    radius = inner + (torch.arange(h) + 0.5)[:, None] / h * (2.1 - inner)
    angle = half * ((torch.arange(w) + 0.5) / w * 2 - 1)
    x, y = radius * torch.sin(angle), radius * torch.cos(angle) - 1 - inner * torch.cos(half)
    return torch.nn.functional.grid_sample(pictures[:, None], torch.stack([x, y], -1), align_corners=False)[:, 0]
