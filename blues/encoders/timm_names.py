"""Gives the tensors of timm's MobileNetV2 and EfficientNet-B0 the names that torchvision uses.

timm (github.com/huggingface/pytorch-image-models, timm/models/_efficientnet_blocks.py) builds the same layers in the same
order under other names; its ResNet and VGG have torchvision's. Its ``tf_`` variants pad and normalise otherwise under the
very same names and cannot be told apart: do not give them here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

from blues.encoders.nets import MOBILENET_STAGES

__all__ = ["renamed"]

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


def renamed(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict under torchvision's names; what timm does not name otherwise stays as it is.

    Examples
    --------
    >>> list(renamed({"conv_stem.weight": torch.zeros(1), "blocks.2.1.conv_pwl.weight": torch.zeros(1)}))
    ['features.0.0.weight', 'features.5.conv.2.weight']
    """
    if "conv_stem.weight" not in state:
        return dict(state)
    excited = any(".se." in key for key in state)
    # torchvision counts MobileNetV2's blocks through, and EfficientNet's by stage
    first = [
        1 + sum(depth for _, _, depth, _ in MOBILENET_STAGES[:stage]) for stage in range(len(MOBILENET_STAGES) + 1)
    ]
    last = 8 if excited else first[-1]
    outer = {
        "conv_stem": "features.0.0",
        "bn1": "features.0.1",
        "conv_head": f"features.{last}.0",
        "bn2": f"features.{last}.1",
        "classifier": "classifier.1",
    }
    found = {}
    for key, tensor in state.items():
        layer, _, what = key.rpartition(".")
        if match := re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.+)", layer):
            stage, number = int(match[1]), int(match[2])
            inner = (EFFICIENTNET if excited else MOBILENET)[min(stage, 1)]
            place = f"features.{stage + 1}.{number}" if excited else f"features.{first[min(stage, 7)] + number}"
            layer = f"{place}.{inner.get(match[3], match[3])}"
        else:
            layer = outer.get(layer, layer)
        found[f"{layer}.{what}"] = tensor
    return found
