"""What the network is told to get right, all tasks at once."""

from __future__ import annotations

import torch
from torch.nn import functional

from blues.encoders.lus import GLOBALS, LOG_ODDS, MASKS
from blues.pretrain.data import Batch

__all__ = ["TASKS", "agreement", "losses"]

TASKS = {"masks": 1.0, "columns": 1.0, "severity": 1.0, "presence": 1.0, "lus": 0.5, "amounts": 1.0}
"""Weights of the tasks in the sum."""
MASK_WEIGHTS = torch.tensor([{"a_line": 2.0, "b_line": 2.0}.get(name, 1.0) for name in MASKS])
SHARES = ("breaks", "pleura_depth", "consolidation_area")


def _mean(values: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    return (values * known).sum() / known.sum().clamp(min=1)


def losses(out: dict[str, torch.Tensor], batch: Batch) -> dict[str, torch.Tensor]:
    """Return the loss of every task of :data:`TASKS`: cross entropies, and for amounts absolute differences.

    Parameters
    ----------
    out : dict
        From :meth:`blues.encoders.lus.LusNet.heads`.
    batch : Batch
    """
    local = batch.local
    masks = functional.binary_cross_entropy_with_logits(out["masks"], batch.masks, reduction="none")
    masks = (masks.mean((2, 3)) * MASK_WEIGHTS).mean(1)
    columns = functional.binary_cross_entropy_with_logits(out["columns"], batch.columns, reduction="none").mean((1, 2))
    known = ~batch.values.isnan()
    truth = batch.values.nan_to_num()
    said = out["globals"]
    odds = functional.binary_cross_entropy_with_logits(said[:, :LOG_ODDS], truth[:, :LOG_ODDS], reduction="none")
    lus = GLOBALS.index("lus")
    found = {
        "masks": 4 * _mean(masks, local),
        "columns": _mean(columns, local),
        "severity": _mean(odds[:, :3], known[:, :3]),
        "presence": _mean(odds[:, 3:lus], known[:, 3:lus]),
        "lus": _mean(odds[:, lus], known[:, lus]),
    }
    amounts = torch.zeros(())
    for i, name in enumerate(GLOBALS[LOG_ODDS:], LOG_ODDS):
        if name in SHARES:
            part = functional.binary_cross_entropy_with_logits(said[:, i], truth[:, i].clamp(0, 1), reduction="none")
        else:
            part = functional.smooth_l1_loss(functional.softplus(said[:, i]), truth[:, i], reduction="none", beta=0.2)
        amounts = amounts + _mean(part, known[:, i])
    return found | {"amounts": amounts / (len(GLOBALS) - LOG_ODDS)}


def agreement(embedding: torch.Tensor, apart: int) -> torch.Tensor:
    """Return how little two views of one frame agree, 0 to 2: a term that needs no label.

    One minus the correlation of each dimension of the embedding between the views, averaged: the diagonal of the
    cross-correlation matrix of Zbontar et al. 2021 (Barlow Twins). A dimension that is the same for every frame counts 1, so
    that the embedding cannot get out of it by collapsing.

    Parameters
    ----------
    embedding : tensor (n, d)
    apart : int
        Row i and row i + ``apart`` are views of one frame.
    """
    one, other = (part - part.mean(0) for part in (embedding[:-apart], embedding[apart:]))
    scale = (one.square().mean(0) * other.square().mean(0) + 1e-8).sqrt()
    return (1 - (one * other).mean(0) / scale).mean()
