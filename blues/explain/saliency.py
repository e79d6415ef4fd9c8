"""Where in the image: Grad-CAM, integrated gradients and occlusion of one named output of an encoder."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from blues.check import InputError, one_of
from blues.encoders.base import Encoder

if TYPE_CHECKING:
    import torch

__all__ = ["METHODS", "layers", "randomised", "saliency", "saliency_and_values"]

METHODS = ("grad-cam", "hires-cam", "integrated-gradients", "occlusion")
CHUNK = 16
GAP, TRIPLINGS = 0.05, 2
"""How far the sums of integrated gradients may miss, of the largest output; and how often their steps are tripled for it."""
LEAST_MAPS = 4
"""A layer with fewer feature maps is a head, not a description of the image."""


def saliency(
    encoder: Encoder,
    frames: np.ndarray,
    output: str,
    method: str = "grad-cam",
    *,
    layer: str | None = None,
    steps: int = 16,
    window: tuple[int, int] | None = None,
) -> np.ndarray:
    """Map how much each place of prepared frames speaks for one output of an encoder.

    Parameters
    ----------
    encoder : Encoder
        A network; see :func:`blues.encoders.get`.
    frames : uint8 array, shape (n, height, width)
        As ``encoder.preprocessing`` prepares them.
    output : str
        One of ``encoder.feature_names``, best one of its named outputs.
    method : {"grad-cam", "hires-cam", "integrated-gradients", "occlusion"}
        Grad-CAM [1]_: feature maps weighted by their mean gradient, positive part. HiResCAM [2]_: feature maps times their
        gradient place by place, which also holds where the network does not average over places. Integrated gradients [3]_
        from the frame's darkest state (black). Occlusion [4]_: what the output loses when a window takes on the mean
        grey of its rows.
    layer : str, optional
        Of ``encoder.module`` (of an ensemble's members), for the CAMs; by default the last that the output depends on and that
        has rows and columns, see :func:`layers`.
    steps : int
        Of the path of integrated gradients: the fewest. They are tripled, twice at most, until no sum over a frame misses what
        it should be by more than a twentieth of the largest of some frames.
    window : (int, int), optional
        Height and width of the occluded window; by default an eighth of the frame.

    Returns
    -------
    float32 array, shape (n, height, width)
        In the unit of the output a place for integrated gradients and occlusion (signed); relative for the CAMs (>= 0). An
        ensemble's CAM is the mean over its members. Integrated gradients add up to about the output less that of a black frame
        (:attr:`blues.explain.ClipSaliency.gap` says how nearly), but for ``lus`` of blues-lus, which is 0 on black by rule and
        not by the network.

    Raises
    ------
    InputError
        For an encoder that is no network or has no such output or layer, or frames of another shape.

    References
    ----------
    .. [1] Selvaraju RR, Cogswell M, Das A, et al. Grad-CAM. ICCV 2017, 618-626.
    .. [2] Draelos RL, Carin L. Use HiResCAM instead of Grad-CAM for faithful explanations. arXiv:2011.08891.
    .. [3] Sundararajan M, Taly A, Yan Q. Axiomatic attribution for deep networks. ICML 2017, 3319-3328.
    .. [4] Zeiler MD, Fergus R. Visualizing and understanding convolutional networks. ECCV 2014, 818-833.
    """
    return saliency_and_values(encoder, frames, output, method, layer=layer, steps=steps, window=window)[0]


def saliency_and_values(
    encoder: Encoder,
    frames: np.ndarray,
    output: str,
    method: str = "grad-cam",
    *,
    layer: str | None = None,
    steps: int = 16,
    window: tuple[int, int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what :func:`saliency` gives, and the output in each frame, float32 of shape (n,): a CAM has it anyway."""
    import torch

    one_of(method, METHODS, "method")
    index = _index(encoder, output)
    frames = np.asarray(frames)
    if frames.ndim != 3 or frames.shape[1:] != encoder.preprocessing.size or frames.dtype != np.uint8:
        height, width = encoder.preprocessing.size
        raise InputError(
            f"frames have shape {frames.shape} and type {frames.dtype}",
            allowed=f"uint8 of shape (n, {height}, {width})",
            remedy="Prepare them with blues.video.prepare, as encoder.preprocessing says",
        )
    if not len(frames):
        return np.zeros(frames.shape, np.float32), np.zeros(0, np.float32)
    if method == "occlusion":
        return _occlusion(encoder, frames, index, window), encoder.forward(frames)[:, index]
    if method.endswith("cam"):
        every = [
            _cams(encoder, one, frames, column, layer, method) for one, column in _looked_at(encoder, index, output)
        ]
        maps, values = zip(*every, strict=True)
        return np.mean(maps, axis=0), np.mean(values, axis=0)
    with _differentiable(encoder) as module:
        parts = []
        for start in range(0, len(frames), CHUNK):
            batch = encoder.preprocessing.tensor(frames[start : start + CHUNK])
            batch = batch.contiguous(memory_format=torch.channels_last)
            parts.append(_integrated(encoder, module, batch, index, steps))
    return np.concatenate(parts), encoder.forward(frames)[:, index]


def _looked_at(encoder: Encoder, index: int, output: str) -> list[tuple[Any, int]]:
    """Return the networks whose CAMs are averaged, and the column of the output in each: an ensemble's members, or itself."""
    from blues.encoders.ensemble import Ensemble

    module = encoder.module
    if not isinstance(module, Ensemble):
        return [(module, index)]
    members = list(module.members)
    width = (encoder.dimensions - 2 * module.outputs) // len(members)
    if index < len(members) * width:
        return [(members[index // width], index % width)]
    place = index - len(members) * width
    if place >= module.outputs:
        raise InputError(
            f"{output} is a spread over the members, which no class activation map shows",
            allowed="integrated-gradients or occlusion",
        )
    return [(member, width + place) for member in members]


def _cams(
    encoder: Encoder, module: Any, frames: np.ndarray, index: int, layer: str | None, method: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the class activation maps and the output of one network, frame by frame."""
    import torch

    parts, values = [], []
    with _differentiable(encoder):
        # on the frame that shows most: of an even one an output may depend on nothing
        shows_most = int(frames.reshape(len(frames), -1).std(1).argmax())
        one = encoder.preprocessing.tensor(frames[shows_most : shows_most + 1])
        place = _default_layer(module, one, index, layer)
        for start in range(0, len(frames), CHUNK):
            batch = encoder.preprocessing.tensor(frames[start : start + CHUNK])
            maps, said = _cam(module, batch.contiguous(memory_format=torch.channels_last), index, place, method)
            parts.append(maps)
            values.append(said)
    return np.concatenate(parts), np.concatenate(values)


def _index(encoder: Encoder, output: str) -> int:
    if encoder.module is None:
        raise InputError(
            f"encoder {encoder.name!r} is no network, so nothing flows back to the image",
            remedy="Its features are image statistics that say themselves what they measure",
        )
    named = list(encoder.card["outputs"]) or list(encoder.feature_names)
    one_of(output, list(dict.fromkeys([*named, *encoder.feature_names])), "output")
    return encoder.feature_names.index(output)


@contextmanager
def _differentiable(encoder: Encoder) -> Iterator[Any]:
    """Give the network with in-place operations off: what a hook saw must stay as it was."""
    assert encoder.module is not None
    changed = [m for m in encoder.module.modules() if getattr(m, "inplace", False)]
    for m in changed:
        m.inplace = False  # type: ignore[assignment]
    try:
        yield encoder.module
    finally:
        for m in changed:
            m.inplace = True  # type: ignore[assignment]


def _recorded(module: Any, batch: torch.Tensor) -> tuple[torch.Tensor, list[tuple[str, torch.Tensor]]]:
    """Return the outputs and, in the order in which they ran, what each layer with rows and columns gave.

    A layer that ran twice is there twice.
    """
    import torch

    seen: list[tuple[str, torch.Tensor]] = []

    def keep(name: str) -> Any:
        def hook(_: Any, __: Any, out: Any) -> None:
            if (
                isinstance(out, torch.Tensor)
                and out.ndim == 4
                and out.shape[1] >= LEAST_MAPS
                and min(out.shape[2:]) > 1
            ):
                seen.append((name, out))

        return hook

    hooks = [m.register_forward_hook(keep(name)) for name, m in module.named_modules() if name]
    try:
        with torch.enable_grad():
            values = module(batch.clone().requires_grad_(True))
    finally:
        for handle in hooks:
            handle.remove()
    return values, seen


def layers(encoder: Encoder, output: str) -> list[str]:
    """Return the layers that a CAM of an output can look at, the default first.

    Parameters
    ----------
    encoder : Encoder
        A network.
    output : str
        One of ``encoder.feature_names``.

    Returns
    -------
    list of str
        Names in ``encoder.module`` whose feature maps have places and that the output depends on, last run first.

    Raises
    ------
    InputError
        For an encoder that is no network or has no such output.
    """
    module, index = _looked_at(encoder, _index(encoder, output), output)[0]
    height, width = encoder.preprocessing.size
    noise = np.random.default_rng(0).integers(0, 256, (2, height, width), dtype=np.uint8)
    with _differentiable(encoder):
        values, seen = _recorded(module, encoder.preprocessing.tensor(noise))
    return _used(values[:, index], seen)


def _used(values: torch.Tensor, seen: Sequence[tuple[str, torch.Tensor]]) -> list[str]:
    """Return the names of the layers that the values depend on, last run first."""
    import torch

    if not seen:
        return []
    slopes = torch.autograd.grad(values.sum(), [out for _, out in seen], allow_unused=True)
    tied = [(name, bool(slope.any())) for (name, _), slope in zip(seen, slopes, strict=True) if slope is not None]
    # a slope of 0 everywhere: another output took this way through the network; or the output is flat, then all are 0
    used = [name for name, some in tied if some] or [name for name, _ in tied]
    return list(dict.fromkeys(reversed(used)))


def _default_layer(module: Any, one: torch.Tensor, index: int, layer: str | None) -> str:
    """Return the layer asked for, or the last run that the output depends on in one frame."""
    values, seen = _recorded(module, one)
    known = list(dict.fromkeys(name for name, _ in seen))
    if layer is not None:
        one_of(layer, known, "layer")
    used = _used(values[:, index], seen)
    if layer is not None and layer in used:
        return layer
    if layer is not None or not used:
        raise InputError(f"the output does not depend on layer {layer!r}", allowed=used)
    return used[0]


def _cam(module: Any, batch: torch.Tensor, index: int, layer: str, method: str) -> tuple[np.ndarray, np.ndarray]:
    import torch

    kept: list[torch.Tensor] = []

    def cut(_: Any, __: Any, out: torch.Tensor) -> torch.Tensor:
        # gradients are wanted from here on only: the layers before need no graph
        kept.append(out.detach().requires_grad_(True))
        return kept[-1]

    handle = module.get_submodule(layer).register_forward_hook(cut)
    try:
        with torch.enable_grad():
            values = module(batch)
            slopes = torch.autograd.grad(values[:, index].sum(), kept, allow_unused=True)
    finally:
        handle.remove()
    # a layer may run more than once, for outputs that take other ways through the network
    pairs = [(m.detach(), s) for m, s in zip(kept, slopes, strict=True) if s is not None]
    maps, slope = max(pairs, key=lambda pair: float(pair[1].abs().sum()))
    weights = slope.mean((2, 3), keepdim=True) if method == "grad-cam" else slope
    cam = torch.relu((weights * maps).sum(1)).float().numpy()
    height, width = batch.shape[2:]
    return np.stack([_stretched(one, height, width) for one in cam]), values[:, index].detach().float().numpy()


def _stretched(one: np.ndarray, height: int, width: int) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(one, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)


def _integrated(encoder: Encoder, module: Any, batch: torch.Tensor, index: int, steps: int) -> np.ndarray:
    """Sum gradients at the middles of equal parts of the way from black to the frame, times the way.

    The middles of ``steps`` parts are among those of three times as many, so what was summed is kept.
    """
    import torch

    height, width = encoder.preprocessing.size
    black = encoder.preprocessing.tensor(np.zeros((1, height, width), np.uint8))
    wanted = (module(batch) - module(black))[:, index].detach()
    way, total = batch - black, torch.zeros_like(batch)
    parts = list(range(steps))
    for tripled in range(TRIPLINGS + 1):
        for part in parts:
            point = (black + way * ((part + 0.5) / steps)).requires_grad_(True)
            with torch.enable_grad():
                total += torch.autograd.grad(module(point)[:, index].sum(), point)[0]
        maps = (way * total / steps).sum(1).detach()
        if tripled == TRIPLINGS or (maps.sum((1, 2)) - wanted).abs().max() <= GAP * wanted.abs().max():
            break
        steps *= 3
        parts = [part for part in range(steps) if part % 3 != 1]
    return np.asarray(maps.numpy(), dtype=np.float32)


def _occlusion(encoder: Encoder, frames: np.ndarray, index: int, window: tuple[int, int] | None) -> np.ndarray:
    """Slide a window in half steps; a place gets the mean loss of the windows that cover it."""
    n, height, width = frames.shape
    tall, wide = window or (max(1, height // 8), max(1, width // 8))
    if not (1 <= tall <= height and 1 <= wide <= width):
        raise InputError(f"window is {tall} x {wide}", allowed=f"at most {height} x {width}")
    tops = sorted({*range(0, height - tall + 1, max(1, tall // 2)), height - tall})
    lefts = sorted({*range(0, width - wide + 1, max(1, wide // 2)), width - wide})
    result = np.zeros(frames.shape, np.float32)
    count = np.zeros((height, width), np.float32)
    for top in tops:
        for left in lefts:
            count[top : top + tall, left : left + wide] += 1
    for i, frame in enumerate(frames):
        grey = np.rint(frame.mean(axis=1, keepdims=True)).astype(np.uint8)
        places = [(top, left) for top in tops for left in lefts]
        stack = np.repeat(frame[None], len(places) + 1, axis=0)
        for k, (top, left) in enumerate(places):
            stack[k, top : top + tall, left : left + wide] = grey[top : top + tall]
        values = encoder.forward(stack)[:, index]
        for (top, left), value in zip(places, values, strict=False):
            result[i, top : top + tall, left : left + wide] += values[-1] - value
    return result / count


def randomised(encoder: Encoder, seed: int = 0) -> Encoder:
    """Return the encoder with random weights in place of its own: a map that stays the same says nothing about it [1]_.

    Parameters
    ----------
    encoder : Encoder
        A network; it is not changed.
    seed : int
        Of the weights.

    Returns
    -------
    Encoder
        Named ``...-random``, its card without what the encoder saw.

    Raises
    ------
    InputError
        For an encoder that is no network.

    References
    ----------
    .. [1] Adebayo J, Gilmer J, Muelly M, et al. Sanity checks for saliency maps. NeurIPS 2018.
    """
    from blues.encoders.nets import seed_weights

    if encoder.module is None:
        raise InputError(f"encoder {encoder.name!r} is no network and has no weights")
    module = copy.deepcopy(encoder.module)
    seed_weights(module, seed)
    facts = {**encoder.card, "saw": [], "note": f"{encoder.name} with random weights, seed {seed}"}
    return dataclasses.replace(encoder, name=f"{encoder.name}-random", module=module.eval(), card=facts, hash="")
