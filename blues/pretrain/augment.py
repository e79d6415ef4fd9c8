"""What happens to a frame between scene and network: sector errors, gain, blur, noise; the truth follows the picture.

Nothing turns a frame upside down: the probe stays on top, as in every clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from blues.encoders.lus import GRID

__all__ = ["Warp", "coarse", "degrade", "draw_warp"]

# shares of the frames
BLURRED, HIDDEN = 0.4, 0.15


@dataclass(frozen=True)
class Warp:
    """How far the unwarped sector is from the true one, frame by frame; tensors (n,), on the scale where a frame is -1 to 1.

    Attributes
    ----------
    across, across_by : share of the columns that is shown (negative: mirrored), and where its middle lies.
    down, down_by : the same for the rows.
    bend : by how much more the outer columns are shifted downwards than the middle: an apex found too high or too low.
    fan, lean : by how much columns spread and lean sideways from top to bottom: the same, and an apex found beside its place.
    """

    across: torch.Tensor
    across_by: torch.Tensor
    down: torch.Tensor
    down_by: torch.Tensor
    bend: torch.Tensor
    fan: torch.Tensor
    lean: torch.Tensor

    @classmethod
    def none(cls, n: int) -> Warp:
        """Return what leaves n frames as they are."""
        one, zero = torch.ones(n), torch.zeros(n)
        return cls(one, zero, one, zero, zero, zero, zero)

    def _grid(self, rows: int, columns: int) -> torch.Tensor:
        y = (torch.arange(rows) + 0.5) / rows * 2 - 1
        x = (torch.arange(columns) + 0.5) / columns * 2 - 1
        grid = torch.empty(len(self.fan), rows, columns, 2)
        across, down = grid[..., 0], grid[..., 1]  # written in place: stacking them takes three times as long
        torch.mul((1 + self.fan[:, None] * y)[:, :, None], (self.across[:, None] * x)[:, None], out=across)
        across.add_((self.across_by[:, None] + self.lean[:, None] * y)[:, :, None])
        slope = (self.down[:, None] * y + self.down_by[:, None])[:, :, None]
        torch.add(slope, (self.bend[:, None] * x * x)[:, None], out=down)
        return grid

    def images(self, images: torch.Tensor) -> torch.Tensor:
        """Return the warped images, (n, h, w); black where the frame ends."""
        return functional.grid_sample(images[:, None], self._grid(*images.shape[1:]), align_corners=False)[:, 0]

    def masks(self, masks: torch.Tensor) -> torch.Tensor:
        """Return shares of the cells of :data:`blues.encoders.lus.GRID`, (n, k, 16, 32), of masks that are :func:`coarse`."""
        warped = functional.grid_sample(masks, self._grid(*masks.shape[2:]), align_corners=False)
        return warped[:, :, ::2].add(warped[:, :, 1::2]).div_(2)

    def columns(self, columns: torch.Tensor) -> torch.Tensor:
        """Return what is true of the scan lines shown, (n, k, w)."""
        grid = self._grid(1, columns.shape[2])  # one row: halfway down
        grid = torch.stack([grid[..., 0], torch.zeros_like(grid[..., 0])], -1)
        return functional.grid_sample(columns[:, :, None], grid, align_corners=False)[:, :, 0]

    def depth(self, share: torch.Tensor) -> torch.Tensor:
        """Return depths (n,), shares of the frame's height, after the warp."""
        return ((2 * share - 1 - self.down_by - self.bend / 3) / self.down + 1) / 2


def coarse(masks: torch.Tensor) -> torch.Tensor:
    """Return shares of cells half as high as those of :data:`blues.encoders.lus.GRID`, (n, k, 32, 32).

    Parameters
    ----------
    masks : float tensor (n, k, h, w)
        h and w are multiples of 32.
    """
    return masks.unflatten(2, (2 * GRID[0], -1)).mean(3).unflatten(3, (GRID[1], -1)).mean(4)


def _uniform(rng: np.random.Generator, low: float, high: float, n: int) -> torch.Tensor:
    return torch.as_tensor(rng.uniform(low, high, n), dtype=torch.float32)


def draw_warp(n: int, rng: np.random.Generator) -> Warp:
    """Draw how wrong the sector of each of n frames is; half of them are mirrored."""
    left, right = _uniform(rng, -0.14, 0.3, n), _uniform(rng, -0.14, 0.3, n)
    beside = rng.choice(3, n, p=[0.9, 0.05, 0.05])  # most of one side is black: a slanted beam, lost contact
    left -= torch.as_tensor(beside == 1) * _uniform(rng, 0.2, 0.9, n)
    right -= torch.as_tensor(beside == 2) * _uniform(rng, 0.2, 0.9, n)
    top, bottom = _uniform(rng, -0.1, 0.1, n), _uniform(rng, -0.12, 0.45, n)
    mirrored = torch.as_tensor(rng.choice([-1.0, 1.0], n), dtype=torch.float32)
    amiss = torch.as_tensor(rng.random(n) < 0.35, dtype=torch.float32)
    return Warp(
        mirrored * (2 - left - right) / 2,
        (left - right) / 2,
        (2 - top - bottom) / 2,
        (top - bottom) / 2,
        torch.as_tensor(rng.normal(0, 0.03, n), dtype=torch.float32),
        amiss * _uniform(rng, -0.4, 0.3, n),
        amiss * torch.as_tensor(rng.normal(0, 0.08, n), dtype=torch.float32),
    )


def degrade(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Return grey images (n, h, w), white 1, as another machine, setting or recording would have shown them."""
    n, h, w = images.shape

    def each(low: float, high: float) -> torch.Tensor:
        return _uniform(rng, low, high, n)[:, None, None]

    def some(share: float) -> torch.Tensor:
        return torch.as_tensor(rng.random(n) < share, dtype=torch.float32)[:, None, None]

    y, x = torch.linspace(-1, 1, h)[:, None], torch.linspace(-1, 1, w)
    images = _blur(images, rng)
    light = (each(-0.5, 0.35) * y + each(-0.25, 0.25) * y * y).expand(n, h, 1)
    sides = (each(-0.2, 0.2) * x + each(-0.2, 0.2) * x * x).expand(n, 1, w)
    images = images.clamp_(min=1e-4).pow_(torch.exp(each(-0.5, 0.5)))  # a copy, made by _blur
    images.mul_(torch.exp(light).mul_(each(0.65, 1.45))).mul_(torch.exp(sides))
    floor = some(0.3) * each(0, 0.15)
    lift = some(0.15) * each(0, 0.1)
    shifted = torch.nonzero((floor + lift)[:, 0, 0])[:, 0]
    images[shifted] = images[shifted].sub_(floor[shifted]).div_(1 - floor[shifted]).add_(lift[shifted])
    noisy = np.flatnonzero(rng.random(n) < 0.4)
    noise = torch.as_tensor(rng.standard_normal((len(noisy), h, w), dtype=np.float32))
    images.index_add_(0, torch.as_tensor(noisy), noise.mul_(_uniform(rng, 0, 0.04, len(noisy))[:, None, None]))
    images.clamp_(0, 1)
    _hide(images, rng)
    return images


def _blur(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Mix some frames with the mean of their neighbours, along the scan lines and across.

    Across mostly near the probe, where scan lines lie closer than the picture's pixels, and now and then everywhere.
    """
    n, h, w = images.shape
    images = images.clone()
    along = np.flatnonzero(rng.random(n) < BLURRED)
    if len(along):
        part = images[along]
        mean = (part[:, :-2] + part[:, 1:-1]).add_(part[:, 2:]).div_(3)
        part[:, 1:-1].lerp_(mean, _uniform(rng, 0, 1, len(along))[:, None, None])
        images[along] = part
    across = np.flatnonzero(rng.random(n) < BLURRED)
    if len(across):
        part = images[across]
        summed = torch.cumsum(functional.pad(part, (3, 2), mode="replicate"), 2)
        mean = summed[:, :, 5:].sub(summed[:, :, :-5]).div_(5)
        near = (0.9 - 0.5 * torch.linspace(-1, 1, h)).clamp(0, 1)[None, :, None]
        near = torch.maximum(near, torch.as_tensor(rng.random(len(across)) < 0.3, dtype=torch.float32)[:, None, None])
        images[across] = part.lerp_(mean, near * _uniform(rng, 0, 1, len(across))[:, None, None])
    return images


def _hide(images: torch.Tensor, rng: np.random.Generator) -> None:
    """Cover a rectangle of some frames, in place: a logo, a caliper box, a menu."""
    n, h, w = images.shape
    for i in np.flatnonzero(rng.random(n) < HIDDEN):
        high, wide = rng.integers(4, h // 4), rng.integers(4, w // 3)
        top, left = rng.integers(0, h - high), rng.integers(0, w - wide)
        images[i, top : top + high, left : left + wide] = float(rng.choice([0.0, 0.0, rng.random()]))
