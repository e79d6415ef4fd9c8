"""Frames from scenes, with the truth beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from blues.check import InputError, one_of
from blues.simulate import machine, truth
from blues.simulate.draw import echo
from blues.simulate.lines import Tensors, lay_out, tensors
from blues.simulate.scene import Scene, stack
from blues.simulate.texture import Room

__all__ = ["Drawn", "Frames", "draw", "frames"]

CHUNK, BLOCK = 32, 128


@dataclass(frozen=True)
class Drawn:
    """Frames as tensors on the device they were drawn on, for training.

    Attributes
    ----------
    images : uint8 tensor (n, h, w).
    masks : dict of str to bool tensor (n, h, w), the names of :data:`blues.simulate.MASKS`; empty if not wanted.
    columns : dict of str to tensor (n, w) along the scan lines: ``clear``, ``pleura``, ``b_line``, ``white`` (bool) and
        ``a_lines`` (counts); see :func:`blues.simulate.truth.column_truth`.
    truth : dict of str to tensor (n,), the names of :data:`blues.simulate.TRUTH`.
    """

    images: torch.Tensor
    masks: Tensors
    columns: Tensors
    truth: Tensors


@dataclass(frozen=True)
class Frames:
    """Drawn frames and the truth about them.

    Attributes
    ----------
    images : uint8 array (n, h, w), grey values.
    masks : dict of str to bool array (n, h, w): ``pleura``, ``a_line``, ``b_line``, ``rib_shadow``, ``consolidation``,
        ``effusion``, ``organ``, ``lung``.
    truth : DataFrame, one row a frame, the columns of :data:`blues.simulate.TRUTH`.
    """

    images: np.ndarray
    masks: dict[str, np.ndarray]
    truth: pd.DataFrame


def frames(
    scenes: Scene | Sequence[Scene],
    rng: np.random.Generator,
    size: tuple[int, int] = (128, 128),
    geometry: str = "polar",
    masks: bool = True,
) -> Frames:
    """Draw one frame a scene.

    Parameters
    ----------
    scenes : Scene or sequence of Scene
        A batch or several, from :func:`draw_scenes`.
    rng : numpy.random.Generator
        Source of what differs between two frames of one scene: noise, letters.
    size : (int, int)
        Rows and columns, at least 32.
    geometry : {'polar', 'cartesian'}
        ``polar``: rows are depth, columns scan lines, so that B-lines are columns and A-lines rows. ``cartesian``: as the
        machine shows it.
    masks : bool
        Whether masks are wanted; without them it is faster.

    Returns
    -------
    Frames

    Examples
    --------
    >>> import numpy as np
    >>> from blues import simulate
    >>> rng = np.random.default_rng(0)
    >>> drawn = simulate.frames(simulate.draw_scenes(4, rng, severity=[0, 1, 2, 3]), rng, (64, 64))
    >>> drawn.images.shape, drawn.images.dtype, len(drawn.truth)
    ((4, 64, 64), dtype('uint8'), 4)
    """
    drawn = draw(scenes, rng, size, geometry, masks=masks)
    table = pd.DataFrame({k: v.numpy() for k, v in drawn.truth.items()})
    return Frames(drawn.images.numpy(), {k: v.numpy() for k, v in drawn.masks.items()}, table)


def draw(
    scenes: Scene | Sequence[Scene],
    rng: np.random.Generator,
    size: tuple[int, int] = (128, 128),
    geometry: str = "polar",
    *,
    masks: bool = False,
    step: tuple[int, int] = (1, 1),
    device: str = "cpu",
    fresh: np.ndarray | None = None,
) -> Drawn:
    """Draw one frame a scene as tensors, on ``device``; what :func:`frames` does, without the copy to arrays.

    Parameters
    ----------
    scenes, rng, size, geometry, masks
        As for :func:`frames`.
    step : (int, int)
        Masks at every so many rows and columns only, in polar frames: training needs no more, and they cost as much as
        the frames.
    device : str
        A torch device.
    fresh : array (n, 2), optional
        Where in the texture bank the part of the lung's speckle lies that is new in this frame; drawn from ``rng`` if not
        given.

    Returns
    -------
    Drawn
        n frames, h by w.
    """
    one_of(geometry, ("polar", "cartesian"), "geometry")
    if min(size) < 32:
        raise InputError(f"size is {size}", allowed="at least 32 rows and 32 columns")
    if geometry == "cartesian" and tuple(step) != (1, 1):
        raise InputError(f"step is {step}", allowed="(1, 1) for cartesian frames")
    batch = stack(scenes)
    n = len(batch.depth)
    fresh = rng.random((n, 2)) if fresh is None else fresh
    room = Room(min(n, CHUNK), size, device)
    parts = [
        _draw_block(batch[i : i + BLOCK], fresh[i : i + BLOCK], rng, geometry, step if masks else None, room)
        for i in range(0, n, BLOCK)
    ]

    def join(name: str) -> Tensors:
        return {k: torch.cat([getattr(p, name)[k] for p in parts]) for k in getattr(parts[0], name)}

    return Drawn(torch.cat([p.images for p in parts]), join("masks"), join("columns"), join("truth"))


def _draw_block(
    scene: Scene, fresh: np.ndarray, rng: np.random.Generator, geometry: str, step: tuple[int, int] | None, room: Room
) -> Drawn:
    """Draw up to ``BLOCK`` scenes: what lies on the scan lines for all at once, the pixels chunk by chunk."""
    s, size = tensors(scene, room.device), room.size
    lines = lay_out(s, size)
    columns = truth.column_truth(s, lines, machine.shown(s, lines, lines.pleura[:, None]))
    table = truth.table(s, lines, columns, size)
    n = len(lines.x)
    images = torch.empty(n, *size, dtype=torch.uint8, device=room.device)
    drawn: dict[str, list[torch.Tensor]] = {name: [] for name in truth.MASKS if step is not None}
    for i in range(0, n, CHUNK):
        part = slice(i, i + CHUNK)
        piece = {k: v[part] for k, v in s.items()}
        some = lines[part]
        echoes, below, parts = echo(piece, some, room)
        inside = machine.shown(piece, some, some.depth[:, :, None])
        seen = {k: v[part] for k, v in columns.items()}
        found = {} if step is None else truth.masks(piece, some, seen, parts, inside, step)
        image = machine.grey(echoes, below, piece, some, fresh[part], room).mul_(255)
        if geometry == "cartesian":
            image, found = _to_cartesian(image, found, piece, size)
        elif inside is not None:
            image.mul_(inside)
        images[part] = _finish(image, scene[part], piece, rng)
        for name, mask in found.items():
            drawn[name].append(mask)
    return Drawn(images, {name: torch.cat(layers) for name, layers in drawn.items()}, columns, table)


def _to_cartesian(
    image: torch.Tensor, drawn: Tensors, s: Tensors, size: tuple[int, int]
) -> tuple[torch.Tensor, Tensors]:
    grid, inside = machine.cartesian_grid(s, size)
    image = torch.nn.functional.grid_sample(image[:, None], grid, align_corners=False, padding_mode="border")[:, 0]
    if drawn:
        layers = torch.stack(list(drawn.values()), 1).float()
        layers = torch.nn.functional.grid_sample(layers, grid, mode="nearest", align_corners=False) > 0.5
        drawn = {name: layers[:, i] & inside for i, name in enumerate(drawn)}
    return image.mul_(inside), drawn


def _finish(image: torch.Tensor, scene: Scene, s: Tensors, rng: np.random.Generator) -> torch.Tensor:
    """Burn letters in, compress, round."""
    lettered = np.flatnonzero(scene.overlay > 0.5)
    if len(lettered):
        some = image[lettered].cpu().numpy()
        for one in some:
            machine.burn_overlay(one, rng)
        image[lettered] = torch.as_tensor(some, device=image.device)
    squeezed = np.flatnonzero(scene.quality < 99.5)
    if len(squeezed):
        image[squeezed] = machine.jpeg(image[squeezed], s["quality"][squeezed])
    return image.round_()
