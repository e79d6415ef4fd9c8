"""The network trained inside the folds of a cohort: from random weights, or fine-tuned from an encoder that has not seen it."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from blues import video
from blues.check import InputError
from blues.cohort import Cohort
from blues.encoders import Encoder, nets
from blues.encoders.ensemble import Ensemble
from blues.encoders.lus import GLOBALS, PREPROCESSING, LusNet
from blues.pretrain.augment import degrade, draw_warp
from blues.provenance import cache_folder, file_hash, load_array, replacing, text_hash

__all__ = ["FoldTraining", "fold_values", "prepared", "refuse_others", "tuned"]


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
LAYOUT = "prepared 1"


def prepared(cohort: Cohort, clips: Sequence[str], most: int = 10) -> list[np.ndarray]:
    """Return the polar frames of clips, each (frames, 128, 128), uint8, from the cache where they were made before.

    Raises
    ------
    InputError
        When a clip cannot be read, or the cache cannot be written.
    """
    return [_frames(cohort.folder / path, most) for path in cohort.clips.loc[list(clips), "path"]]


def _frames(path: Path, most: int) -> np.ndarray:
    look = [LAYOUT, PREPROCESSING.as_dict(), most, video.decoder_version()]
    name = text_hash(json.dumps([file_hash(path), *look], sort_keys=True))
    kept = cache_folder() / "frames" / name[:2] / f"{name}.npy"
    try:
        return load_array(kept)
    except (OSError, ValueError, EOFError):
        pass  # not there yet, or damaged
    clip = video.read(path, PREPROCESSING.rate, most)
    frames = video.prepare(clip.frames, PREPROCESSING.geometry, PREPROCESSING.size)
    with replacing(kept) as draft, draft.open("wb") as stream:
        np.save(stream, frames)
    return frames


def refuse_others(encoder: Encoder) -> None:
    """Raise unless an encoder is a network that can be fine-tuned here."""
    if isinstance(encoder.module, Ensemble):
        raise InputError(
            f"{encoder.name} is an ensemble of {len(encoder.module.members)} networks",
            allowed="one network, which is trained on",
            remedy="Name one of its members",
        )
    if not isinstance(encoder.module, LusNet):
        what = "has nothing that learns" if encoder.module is None else "is of another architecture"
        raise InputError(f"{encoder.name} {what}", allowed="blues-lus, or weights of blues.pretrain")


def tuned(
    frames: Sequence[np.ndarray],
    targets: np.ndarray,
    encoder: Encoder | None = None,
    outputs: Sequence[str] | None = None,
    how: FoldTraining = USUAL,
    seed: int | Sequence[int] = 0,
) -> tuple[LusNet, nn.Linear]:
    """Train the network on labelled clips.

    Parameters
    ----------
    frames : sequence of uint8 arrays (t, 128, 128)
        The frames of each training clip, and of no other.
    targets : float array, shape (clips, k)
        0 or 1, NaN where a label is not known. A column without both is not learned, and the output that it would teach
        stays as it was.
    encoder : Encoder, optional
        Where to start; random weights if not given.
    outputs : sequence of str, optional
        For each column the name in :data:`blues.encoders.lus.GLOBALS` of what it teaches: the network's own output learns then.
        Without it the columns are new outputs of the embedding.
    how : FoldTraining
    seed : int or sequence of int

    Returns
    -------
    LusNet, nn.Linear
        The network in evaluation mode, and the head that gives the log odds of the columns that were learned from its
        embedding.

    Raises
    ------
    InputError
        When there is nothing to learn: no column has both a 0 and a 1.
    """
    y = np.asarray(targets, dtype=np.float32)
    both = [i for i, column in enumerate(y.T) if (column == 0).any() and (column == 1).any()]
    if not both:
        raise InputError(
            "the clips to learn from all have the same label", allowed="some with and some without a finding"
        )
    # what is not learned must not be among what is trained: weight decay would shrink it
    y = y[:, both]
    labelled = np.flatnonzero(~np.isnan(y).all(axis=1)).tolist()
    net, head = _start(encoder, y.shape[1], seed)
    rows = None if outputs is None else [GLOBALS.index(outputs[i]) for i in both]
    if rows is not None:
        head.load_state_dict({"weight": net.head.weight[rows].detach(), "bias": net.head.bias[rows].detach()})
    shown = [frames[i] for i in labelled]
    _fit(net, head, shown, torch.as_tensor(y[labelled]), how, encoder is not None, np.random.default_rng(seed))
    if rows is not None:
        with torch.no_grad():
            net.head.weight[rows], net.head.bias[rows] = head.weight, head.bias
    return net.eval().requires_grad_(False), head.requires_grad_(False)


def fold_values(
    frames: np.ndarray,
    counts: np.ndarray,
    train: np.ndarray,
    targets: np.ndarray,
    encoder: Encoder,
    outputs: Sequence[str] | None = None,
    how: FoldTraining = USUAL,
    seed: int | Sequence[int] = 0,
) -> np.ndarray:
    """Fine-tune an encoder on the training clips of one fold, and give what it then says of every clip.

    Parameters
    ----------
    frames : uint8 array, shape (all frames, 128, 128)
        Of all clips, one after the other.
    counts : int array, shape (clips,)
        Frames of each clip.
    train : int array
        The clips to learn from.
    targets : float array, shape (clips, k)
        As in :func:`tuned`; only the rows in ``train`` are looked at.
    encoder, outputs, how, seed
        As in :func:`tuned`.

    Returns
    -------
    float32 array, shape (all frames, encoder.dimensions)
        One thread computes, so that neither the number of cores nor of workers changes a digit.
    """
    clips = np.split(frames, np.cumsum(counts)[:-1])
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        net, _ = tuned([clips[i] for i in train], targets[train], encoder, outputs, how, seed)
        fresh = dataclasses.replace(encoder, module=net)
        return np.concatenate([fresh.forward(clip) for clip in clips])
    finally:
        torch.set_num_threads(before)


def _start(encoder: Encoder | None, outputs: int, seed: int | Sequence[int]) -> tuple[LusNet, nn.Linear]:
    with torch.random.fork_rng(devices=[]):
        # trained on real frames alone, a network has no simulated ones to be moved back to
        net = LusNet(centred=0.0) if encoder is None else copy.deepcopy(encoder.module)
        assert isinstance(net, LusNet)
        head = nn.Linear(net.arguments["dimensions"], outputs)
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
        logits = head(net.heads(shown.unsqueeze(1), masks=False)["embedding"])
        known = ~y[chosen].isnan()
        loss = functional.binary_cross_entropy_with_logits(logits[known], y[chosen][known])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
