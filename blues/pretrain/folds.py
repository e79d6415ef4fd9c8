"""The network trained inside the folds of a cohort: from random weights, or fine-tuned from an encoder that has not seen it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from blues import video
from blues.check import InputError
from blues.cohort import Cohort
from blues.encoders import Encoder, nets
from blues.encoders.lus import PREPROCESSING, LusNet
from blues.pretrain.augment import degrade, draw_warp

__all__ = ["FoldTraining", "fold_predictions", "prepared"]


class FoldTraining(NamedTuple):
    """How to train in a fold; fixed beforehand, so that nothing is chosen on held-out clips.

    Attributes
    ----------
    steps, batch : int
        Steps, and frames a step.
    rate : float
        Highest learning rate of the new head; the network below learns at a tenth of it when it is fine-tuned.
    """

    steps: int = 150
    batch: int = 32
    rate: float = 2e-3


USUAL = FoldTraining()


def prepared(cohort: Cohort, clips: Sequence[str], most: int = 10) -> list[np.ndarray]:
    """Return the polar frames of clips, each (frames, 128, 128), uint8.

    Raises
    ------
    InputError
        When a clip cannot be read.
    """
    frames = []
    for path in cohort.clips.loc[list(clips), "path"]:
        clip = video.read(cohort.folder / path, PREPROCESSING.rate, most)
        frames.append(video.prepare(clip.frames, PREPROCESSING.geometry, PREPROCESSING.size))
    return frames


def fold_predictions(
    frames: Sequence[np.ndarray],
    y: pd.Series,
    splits: Sequence[tuple[int, np.ndarray, np.ndarray]],
    encoder: Encoder | None = None,
    how: FoldTraining = USUAL,
    seed: int = 0,
) -> np.ndarray:
    """Predict a binary label of clips by networks that were trained on the training clips of each split.

    Parameters
    ----------
    frames : sequence of uint8 arrays (t, 128, 128)
        From :func:`prepared`, in the order of ``y``.
    y : Series
        0 or 1, one a clip.
    splits : sequence of (repeat, train, test)
        Positions in ``y``; all clips of a patient must be on one side.
    encoder : Encoder, optional
        Where to start: an encoder of this architecture; random weights if not given.
    how : FoldTraining
    seed : int

    Returns
    -------
    float array, shape (repeats, clips)
        The mean probability over a clip's frames; NaN where no split of a repeat holds the clip out.
    """
    if encoder is not None and not isinstance(encoder.module, LusNet):
        raise InputError(
            f"{encoder.name} is of another architecture", allowed="blues-lus, or weights of blues.pretrain"
        )
    if not set(np.unique(y)) <= {0, 1}:
        raise InputError("the label is not binary", allowed="0 and 1")
    outcome = torch.as_tensor(y.to_numpy(dtype=np.float32))
    found = np.full((1 + max(repeat for repeat, _, _ in splits), len(y)), np.nan)
    for number, (repeat, train, test) in enumerate(splits):
        rng = np.random.default_rng([seed, number])
        net, head = _start(encoder, seed + number)
        _fit(net, head, [frames[i] for i in train], outcome[train], how, encoder is not None, rng)
        found[repeat, test] = [_predict(net, head, frames[i]) for i in test]
    return found


def _start(encoder: Encoder | None, seed: int) -> tuple[LusNet, nn.Linear]:
    with torch.random.fork_rng(devices=[]):
        net = LusNet() if encoder is None else copy.deepcopy(encoder.module)
        assert isinstance(net, LusNet)
        head = nn.Linear(net.arguments["dimensions"], 1)
    if encoder is None:
        nets.seed_weights(net, seed)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return net.requires_grad_(True), head


def _fit(
    net: LusNet,
    head: nn.Linear,
    frames: Sequence[np.ndarray],
    y: torch.Tensor,
    how: FoldTraining,
    tuned: bool,
    rng: np.random.Generator,
) -> None:
    groups: list[dict[str, Any]] = [
        {"params": list(net.parameters()), "lr": how.rate * (0.1 if tuned else 1)},
        {"params": list(head.parameters())},
    ]
    optimiser = torch.optim.AdamW(groups, lr=how.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, how.steps)
    # a network that is fine-tuned keeps the statistics it was trained with: a fold's clips are too few to replace them
    net.train(not tuned)
    for _ in range(how.steps):
        chosen = rng.integers(len(frames), size=how.batch)
        images = np.stack([frames[i][rng.integers(len(frames[i]))] for i in chosen])
        shown = degrade(draw_warp(how.batch, rng).images(torch.as_tensor(images).float().div_(255)), rng)
        logits = head(net.heads(shown.unsqueeze(1), masks=False)["embedding"])[:, 0]
        loss = functional.binary_cross_entropy_with_logits(logits, y[chosen])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()


@torch.no_grad()
def _predict(net: LusNet, head: nn.Linear, frames: np.ndarray) -> float:
    net.eval()
    embedding = net.heads(torch.as_tensor(frames).float().div_(255).unsqueeze(1), masks=False)["embedding"]
    return float(head(embedding)[:, 0].sigmoid().mean())
