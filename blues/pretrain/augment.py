"""What happens to a frame between scene and network: sector errors, gain, blur, noise; the truth follows the picture.

Nothing turns a frame upside down: the probe stays on top, as in every clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from blues.encoders.lus import GRID

__all__ = ["Warp", "degrade", "draw_warp"]


@dataclass(frozen=True)
class Warp:
    """How far the unwarped sector is from the true one, frame by frame; tensors (n,), on the scale where a frame is -1 to 1.

    Attributes
    ----------
    across, across_by : share of the columns that is shown (negative: mirrored), and where its middle lies.
    down, down_by : the same for the rows.
    bend : by how much more the outer columns are shifted downwards than the middle: an apex found too high or too low.
    """

    across: torch.Tensor
    across_by: torch.Tensor
    down: torch.Tensor
    down_by: torch.Tensor
    bend: torch.Tensor

    def _grid(self, rows: int, columns: int) -> torch.Tensor:
        y = (torch.arange(rows) + 0.5) / rows * 2 - 1
        x = (torch.arange(columns) + 0.5) / columns * 2 - 1
        n = len(self.across)
        across = (self.across[:, None] * x + self.across_by[:, None])[:, None].expand(n, rows, columns)
        down = (self.down[:, None] * y + self.down_by[:, None])[:, :, None] + (self.bend[:, None] * x * x)[:, None]
        return torch.stack([across, down], -1)

    def images(self, images: torch.Tensor) -> torch.Tensor:
        """Return the warped images, (n, h, w); black where the frame ends."""
        return functional.grid_sample(images[:, None], self._grid(*images.shape[1:]), align_corners=False)[:, 0]

    def masks(self, masks: torch.Tensor) -> torch.Tensor:
        """Return shares of the cells of :data:`blues.encoders.lus.GRID`, (n, k, 16, 32), of masks (n, k, h, w)."""
        rows, columns = 2 * GRID[0], GRID[1]
        coarse = functional.adaptive_avg_pool2d(masks, (rows, columns))
        warped = functional.grid_sample(coarse, self._grid(rows, columns), align_corners=False)
        return functional.avg_pool2d(warped, (2, 1))

    def columns(self, columns: torch.Tensor) -> torch.Tensor:
        """Return what is true of the scan lines shown, (n, k, w)."""
        grid = self._grid(1, columns.shape[2])
        grid = torch.stack([grid[..., 0], torch.zeros_like(grid[..., 0])], -1)
        return functional.grid_sample(columns[:, :, None], grid, align_corners=False)[:, :, 0]

    def depth(self, share: torch.Tensor) -> torch.Tensor:
        """Return depths (n,), shares of the frame's height, after the warp."""
        return ((2 * share - 1 - self.down_by - self.bend / 3) / self.down + 1) / 2


def _uniform(rng: np.random.Generator, low: float, high: float, n: int) -> torch.Tensor:
    return torch.as_tensor(rng.uniform(low, high, n), dtype=torch.float32)


def draw_warp(n: int, rng: np.random.Generator) -> Warp:
    """Draw how wrong the sector of each of n frames is; half of them are mirrored."""
    left, right = _uniform(rng, -0.14, 0.3, n), _uniform(rng, -0.14, 0.3, n)
    top, bottom = _uniform(rng, -0.1, 0.1, n), _uniform(rng, -0.12, 0.45, n)
    mirrored = torch.as_tensor(rng.choice([-1.0, 1.0], n), dtype=torch.float32)
    return Warp(
        mirrored * (2 - left - right) / 2,
        (left - right) / 2,
        (2 - top - bottom) / 2,
        (top - bottom) / 2,
        torch.as_tensor(rng.normal(0, 0.03, n), dtype=torch.float32),
    )


def degrade(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Return grey images (n, h, w), white 1, as another machine, setting or recording would have shown them."""
    n, h, w = images.shape

    def each(low: float, high: float) -> torch.Tensor:
        return _uniform(rng, low, high, n)[:, None, None]

    def some(share: float) -> torch.Tensor:
        return torch.as_tensor(rng.random(n) < share, dtype=torch.float32)[:, None, None]

    y, x = torch.linspace(-1, 1, h)[:, None], torch.linspace(-1, 1, w)
    images = _blur(images, some(0.4) * each(0, 1), some(0.4) * each(0, 1), y)
    images = images.clamp(min=1e-4).pow(torch.exp(each(-0.5, 0.5)))
    ramp = each(-0.35, 0.35) * y + each(-0.25, 0.25) * y * y + each(-0.2, 0.2) * x + each(-0.2, 0.2) * x * x
    images = images * torch.exp(ramp) * each(0.65, 1.45)
    floor = some(0.3) * each(0, 0.15)
    images = (images - floor) / (1 - floor) + some(0.15) * each(0, 0.1)
    noise = torch.as_tensor(rng.standard_normal((n, h, w), dtype=np.float32))
    images = (images + noise * some(0.4) * each(0, 0.04)).clamp_(0, 1)
    _hide(images, rng)
    return images


def _blur(images: torch.Tensor, along: torch.Tensor, across: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Mix with the mean of neighbours; across mostly near the probe, where scan lines lie closer than the picture's pixels."""
    narrow = functional.avg_pool2d(images, (3, 1), 1, (1, 0), count_include_pad=False)
    images = images + along * (narrow - images)
    wide = functional.avg_pool2d(images, (1, 5), 1, (0, 2), count_include_pad=False)
    return images + across * (0.9 - 0.5 * y).clamp(0, 1) * (wide - images)


def _hide(images: torch.Tensor, rng: np.random.Generator, share: float = 0.15) -> None:
    """Cover a rectangle of some frames, in place: a logo, a caliper box, a menu."""
    n, h, w = images.shape
    for i in np.flatnonzero(rng.random(n) < share):
        high, wide = rng.integers(4, h // 4), rng.integers(4, w // 3)
        top, left = rng.integers(0, h - high), rng.integers(0, w - wide)
        images[i, top : top + high, left : left + wide] = float(rng.choice([0.0, 0.0, rng.random()]))
