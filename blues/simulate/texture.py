"""Speckle and other patterns: a bank computed once for an image size, from which every scene takes its own window."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import scipy.fft
import torch

__all__ = ["GRAINS", "LOOKS", "Room", "bank", "noise_rows", "wall_sheets", "windows"]

GRAINS, LOOKS = 5, (1, 2, 4, 9)


def _field(rng: np.random.Generator, shape: tuple[int, int], axial: float, lateral: float) -> np.ndarray:
    """Return a complex circular Gaussian field, mean power 1, with Gaussian correlation of the given widths (pixels)."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None]
    transfer = np.exp(-2 * np.pi**2 * ((fy * axial) ** 2 + (fx * lateral) ** 2)).astype(np.float32)
    white = rng.standard_normal((2, *shape), dtype=np.float32)
    field = scipy.fft.ifft2(scipy.fft.fft2(white[0] + 1j * white[1]) * transfer)
    return field / np.sqrt(np.mean(np.abs(field) ** 2))


def _looks(rng: np.random.Generator, power: np.ndarray) -> list[np.ndarray]:
    """Return in dB the mean of 1, 2, 4 and 9 copies of a periodic pattern of powers, moved too far to be alike."""
    out, total = [], np.zeros_like(power)
    for look in range(max(LOOKS)):
        total += np.roll(power, rng.integers(0, power.shape, 2) if look else (0, 0), (0, 1))
        if look + 1 in LOOKS:
            out.append(10 * np.log10(total / (look + 1) + 1e-6))
    return out


@functools.lru_cache(maxsize=6)
def bank(rows: int, columns: int, device: str = "cpu") -> dict[str, torch.Tensor]:
    """Return the patterns for images of ``rows`` x ``columns``, each two to three times as high and wide.

    Returns
    -------
    dict
        ``speckle`` (grains x looks, H, W), dB about a mean power of 1: the logarithm of the mean of 1, 2, 4 or 9
        exponentially distributed powers, so that one look has the Rayleigh amplitude of fully developed speckle (Wagner et
        al. 1983). The grain widens sideways; along the scan lines of a convex probe a constant angular width is a lateral
        width that grows with depth.
        ``streak`` (3, H, W), ``blotch`` (2, H, W) and ``spot`` (3, H, W): Gaussian patterns, mean 0, standard deviation 1,
        of growing width: thin lateral streaks, broad clouds, blobs.
    """
    rng = np.random.default_rng(20210501)
    reach = 3 if rows * columns <= 160 * 160 else 2
    shape = (reach * rows, reach * columns)
    tall, wide = rows / 128, columns / 128
    speckle = []
    for lateral in np.geomspace(0.7, 3.6, GRAINS):
        axial = 0.22 + 0.1 * lateral
        speckle += _looks(rng, np.abs(_field(rng, shape, axial * tall, lateral * wide)) ** 2)
    plain = {
        "streak": [(0.55, 4.0), (0.8, 9.0), (1.3, 18.0)],
        "blotch": [(9.0, 9.0), (18.0, 14.0)],
        "spot": [(1.6, 2.4), (3.0, 5.0), (7.0, 10.0)],
    }
    made = {"speckle": speckle}
    for name, widths in plain.items():
        fields = [_field(rng, shape, a * tall, b * wide).real for a, b in widths]
        made[name] = [(f - f.mean()) / f.std() for f in fields]
    return {k: torch.tensor(np.stack(v), dtype=torch.float32, device=device) for k, v in made.items()}


class Room:
    """Memory for one chunk of frames, used again for every chunk: fresh memory costs more than the arithmetic on it."""

    def __init__(self, frames: int, size: tuple[int, int], device: str) -> None:
        self.frames, self.size, self.device = frames, size, device
        self._held: dict[str, torch.Tensor] = {}

    def __call__(self, name: str, frames: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Return the buffer called ``name``, (frames, h, w), holding what was last written."""
        if name not in self._held:
            self._held[name] = torch.empty(self.frames, *self.size, dtype=dtype, device=self.device)
        return self._held[name][:frames]


def windows(
    patterns: torch.Tensor, which: Sequence[int], at: np.ndarray, size: tuple[int, int], out: torch.Tensor | None = None
) -> torch.Tensor:
    """Return one window a scene, (n, h, w): from ``patterns[which]``, at ``at`` (n, 2) in [0, 1) of the free play."""
    h, w = size
    top = (np.mod(at[:, 0], 1.0) * (patterns.shape[1] - h)).astype(int).tolist()
    left = (np.mod(at[:, 1], 1.0) * (patterns.shape[2] - w)).astype(int).tolist()
    views = [patterns[k, i : i + h, j : j + w] for k, i, j in zip(which, top, left, strict=True)]
    return torch.stack(views, out=out)


@functools.lru_cache(maxsize=2)
def wall_sheets(device: str = "cpu") -> torch.Tensor:
    """Return chest walls (128, 96, 24) in dB, mean 0, standard deviation 1: muscle fibres, septa and fat, skin to pleura.

    Each is the sum of a lateral streak field, its slanted copy, and ridges (lines where a smooth field crosses zero).
    """
    rng = np.random.default_rng(3)
    depth, across = 96, 24
    sheets = []
    for _ in range(128):
        fine = _field(rng, (depth, 2 * across), rng.uniform(0.9, 2.0), rng.uniform(2, 6)).real
        broad = _field(rng, (depth, 2 * across), rng.uniform(4, 9), rng.uniform(3, 10)).real
        smooth = _field(rng, (depth, 2 * across), rng.uniform(3, 8), rng.uniform(4, 12)).real
        ridge = np.exp(-((smooth / smooth.std() / rng.uniform(0.12, 0.3)) ** 2))
        patchy = 1 + 0.8 * _field(rng, (depth, 2 * across), 9, 5).real
        sheet = fine / fine.std() * rng.uniform(0.3, 1) + broad / broad.std() * rng.uniform(0.3, 1)
        sheet = sheet + rng.uniform(0, 3) * ridge * patchy
        tilt = rng.normal(0, 0.36)
        shift = np.rint(tilt * np.arange(2 * across)).astype(int)
        rows = np.clip(np.arange(depth)[:, None] + shift - shift[across], 0, depth - 1)
        sheet = sheet[rows, np.arange(2 * across)][:, across // 2 : across // 2 + across]
        sheets.append((sheet - sheet.mean()) / sheet.std())
    return torch.tensor(np.stack(sheets), dtype=torch.float32, device=device)


@functools.lru_cache(maxsize=6)
def noise_rows(columns: int, device: str = "cpu") -> torch.Tensor:
    """Return smooth one-dimensional patterns (3, 64, columns): standard deviation 1, from fine to coarse."""
    rng = np.random.default_rng(7)
    rows = []
    for width in (1.6, 4.0, 11.0):
        transfer = np.exp(-2 * np.pi**2 * (np.fft.fftfreq(columns * 2) * width * columns / 128) ** 2)
        field = np.fft.ifft(np.fft.fft(rng.normal(size=(64, columns * 2)), axis=1) * transfer, axis=1).real
        rows.append((field / field.std())[:, :columns])
    return torch.tensor(np.stack(rows), dtype=torch.float32, device=device)
