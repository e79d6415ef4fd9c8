"""Gives the tensors of timm's MobileNetV2 and EfficientNet-B0 the names that torchvision uses.

timm (github.com/huggingface/pytorch-image-models, timm/models/_efficientnet_blocks.py) builds the same layers in the same
order under other names; its ResNet and VGG have torchvision's. Its ``tf_`` variants pad and normalise otherwise under the
very same names and cannot be told apart: the description beside the file has to say so, by the arguments ``padding`` and
``eps`` of :func:`blues.encoders.nets.build`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from blues.check import InputError
from blues.encoders.nets import MOBILENET_STAGES

__all__ = ["architecture", "original", "renamed"]

# from the layers of a block in timm to their places in torchvision's: of the first stage, which does not widen, and of others
MOBILENET = (
    {"conv_dw": "conv.0.0", "bn1": "conv.0.1", "conv_pw": "conv.1", "bn2": "conv.2"},
    {
        "conv_pw": "conv.0.0",
        "bn1": "conv.0.1",
        "conv_dw": "conv.1.0",
        "bn2": "conv.1.1",
        "conv_pwl": "conv.2",
        "bn3": "conv.3",
    },
)
EFFICIENTNET = (
    {
        "conv_dw": "block.0.0",
        "bn1": "block.0.1",
        "se.conv_reduce": "block.1.fc1",
        "se.conv_expand": "block.1.fc2",
        "conv_pw": "block.2.0",
        "bn2": "block.2.1",
    },
    {
        "conv_pw": "block.0.0",
        "bn1": "block.0.1",
        "conv_dw": "block.1.0",
        "bn2": "block.1.1",
        "se.conv_reduce": "block.2.fc1",
        "se.conv_expand": "block.2.fc2",
        "conv_pwl": "block.3.0",
        "bn3": "block.3.1",
    },
)


# torchvision counts MobileNetV2's blocks through, and EfficientNet's by stage
DEPTHS = {"mobilenet_v2": tuple(depth for _, _, depth, _ in MOBILENET_STAGES), "efficientnet_b0": (1, 2, 2, 3, 3, 4, 1)}


def architecture(names: Iterable[str]) -> str:
    """Return the architecture whose layers timm names like this; empty where the names are not timm's.

    Parameters
    ----------
    names : iterable of str

    Examples
    --------
    >>> architecture(["conv_stem.weight", "blocks.0.0.se.conv_reduce.weight"])
    'efficientnet_b0'
    """
    names = list(names)
    if "conv_stem.weight" not in names:
        return ""
    return "efficientnet_b0" if any(".se." in name for name in names) else "mobilenet_v2"


def renamed(names: Iterable[str], file: Path | None = None, called: Callable[[str], str] = str) -> dict[str, str]:
    """Return torchvision's name for each; what timm does not name otherwise stays as it is.

    Parameters
    ----------
    names : iterable of str
    file : Path, optional
        Where they come from, for messages.
    called : callable
        From a name to what it is called there.

    Raises
    ------
    InputError
        When a block's number lies beyond the depth of the network, or two tensors would get one name.

    Examples
    --------
    >>> list(renamed(["conv_stem.weight", "blocks.2.1.conv_pwl.weight"]).values())
    ['features.0.0.weight', 'features.5.conv.2.weight']
    """
    names = list(names)
    if not (network := architecture(names)):
        return {name: name for name in names}
    found: dict[str, str] = {}
    earlier: dict[str, str] = {}
    for name in names:
        layer, _, what = name.rpartition(".")
        if (place := _place(layer, network)) is None:
            stage = int(layer.split(".")[1])
            depth = DEPTHS[network][stage] if stage < len(DEPTHS[network]) else 0
            raise InputError(
                f"tensor {called(name)!r} is of a block that {network} does not have (its names are timm's)",
                file=file,
                allowed=f"{depth} blocks in stage {stage}, counted from 0",
                remedy="It is a deeper or another network, which is not known here",
            )
        found[name] = f"{place}.{what}"
        if (other := earlier.setdefault(found[name], name)) != name:
            raise InputError(
                f"tensors {called(other)!r} and {called(name)!r} are the same layer of {network}", file=file
            )
    return found


def original(name: str, network: str) -> str:
    """Return timm's name for torchvision's; what is not named otherwise stays as it is.

    Parameters
    ----------
    name : str
    network : str
        As :func:`architecture` tells it.

    Examples
    --------
    >>> original("features.5.conv.2.weight", "mobilenet_v2")
    'blocks.2.1.conv_pwl.weight'
    """
    layer, _, what = name.rpartition(".")
    blocks = [f"blocks.{stage}.{number}" for stage, depth in enumerate(DEPTHS[network]) for number in range(depth)]
    inner = {part for one in (*MOBILENET, *EFFICIENTNET) for part in one}
    for candidate in (*_outer(network), *(f"{block}.{part}" for block in blocks for part in sorted(inner))):
        if _place(candidate, network) == layer:
            return f"{candidate}.{what}"
    return name


def _outer(network: str) -> dict[str, str]:
    """Return torchvision's names of the layers outside of blocks."""
    last = 8 if network == "efficientnet_b0" else 1 + sum(DEPTHS[network])
    return {
        "conv_stem": "features.0.0",
        "bn1": "features.0.1",
        "conv_head": f"features.{last}.0",
        "bn2": f"features.{last}.1",
        "classifier": "classifier.1",
    }


def _place(layer: str, network: str) -> str | None:
    """Return torchvision's name of a layer; None for a block beyond the network's depth."""
    match = re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.+)", layer)
    if not match:
        return _outer(network).get(layer, layer)
    stage, number, depths = int(match[1]), int(match[2]), DEPTHS[network]
    if stage >= len(depths) or number >= depths[stage]:
        return None
    if network == "efficientnet_b0":
        inner, place = EFFICIENTNET[min(stage, 1)], f"features.{stage + 1}.{number}"
    else:
        inner, place = MOBILENET[min(stage, 1)], f"features.{1 + sum(depths[:stage]) + number}"
    return f"{place}.{inner.get(match[3], match[3])}"
