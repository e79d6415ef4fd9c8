"""Convolutional networks in plain torch whose state dicts use torchvision's names: its weight files load unchanged.

ResNet: He et al. 2016 (arXiv:1512.03385); VGG: Simonyan and Zisserman 2015 (arXiv:1409.1556); MobileNetV2: Sandler et al.
2018 (arXiv:1801.04381); EfficientNet: Tan and Le 2019 (arXiv:1905.11946). Only the part up to the last convolution is
built, plus a linear head where one is asked for: ``maps`` gives the last feature maps, ``forward`` their spatial mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from blues.check import InputError, one_of

__all__ = ["ARCHITECTURES", "Backbone", "Embedding", "build", "seed_weights", "variant"]

USUAL = {"padding": "symmetric", "eps": 1e-5}
"""What networks of the same names may do otherwise, and what they do by themselves."""


class Backbone(nn.Module):
    """A network up to its last feature maps.

    Attributes
    ----------
    width : int
        Number of feature maps.
    head_name : str
        Where torchvision keeps the final linear layer in the state dict: ``fc``, ``classifier.1``, ...
    """

    width: int
    head_name: str

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last feature maps, shape (n, width, rows, columns)."""
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the spatial mean of the last feature maps, shape (n, width)."""
        return self.maps(x).mean((2, 3))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = _shortcut(inputs, planes, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions with a shortcut; the stride lies on the 3x3, as in torchvision."""

    expansion = 4

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = planes * self.expansion
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class ResNet(Backbone):
    """Residual network; ``planes`` is the number of maps of the first stage (64 in the published ones)."""

    head_name = "fc"

    def __init__(
        self, block: type[BasicBlock] | type[Bottleneck], depths: tuple[int, ...], channels: int = 3, planes: int = 64
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, planes, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = planes
        for stage, depth in enumerate(depths):
            outputs = planes * 2**stage
            blocks: list[nn.Module] = []
            for number in range(depth):
                blocks.append(block(inputs, outputs, 2 if stage and not number else 1))
                inputs = outputs * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.width = inputs

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of the last stage."""
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        return x


class Vgg16(Backbone):
    """The convolutional part of VGG-16, with or without batch normalisation."""

    head_name = "classifier.6"

    def __init__(self, channels: int = 3, norm: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = channels
        for outputs, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(depth):
                layers.append(nn.Conv2d(inputs, outputs, 3, padding=1))
                layers += [nn.BatchNorm2d(outputs)] * norm
                layers.append(nn.ReLU())
                inputs = outputs
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.width = inputs

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of the fifth pooling."""
        return self.features(x)


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's ``SAME``: an odd row or column more lies below or to the right."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the convolution, of as many rows and columns as there are strides in the input, rounded up."""
        pads = []
        for length, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(nn.functional.pad(x, pads))


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen by 1x1, filter by depth, narrow by 1x1 without activation."""

    def __init__(self, inputs: int, outputs: int, stride: int, expand: int, padding: str, eps: float) -> None:
        super().__init__()
        hidden = inputs * expand
        layers: list[nn.Module] = [_conv_norm(inputs, hidden, 1, eps=eps)] if expand != 1 else []
        layers += [
            _conv_norm(hidden, hidden, 3, stride, hidden, padding=padding, eps=eps),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs, eps=eps),
        ]
        self.conv = nn.Sequential(*layers)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output."""
        return x + self.conv(x) if self.shortcut else self.conv(x)


def _conv_norm(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    activation: Callable[[], nn.Module] | None = nn.ReLU6,
    padding: str = "symmetric",
    eps: float = 1e-5,
) -> nn.Sequential:
    same = padding == "same" and stride > 1  # without a stride the two are one
    kind, pad = (SameConv, 0) if same else (nn.Conv2d, kernel // 2)
    layers: list[nn.Module] = [
        kind(inputs, outputs, kernel, stride, pad, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=eps),
    ]
    return nn.Sequential(*layers, *([activation()] if activation else []))


# expansion, maps, blocks, stride of the first block: table 2 of the MobileNetV2 paper
MOBILENET_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class MobileNetV2(Backbone):
    """MobileNetV2 of width 1."""

    head_name = "classifier.1"

    def __init__(self, channels: int = 3, padding: str = "symmetric", eps: float = 1e-5) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv_norm(channels, 32, 3, 2, padding=padding, eps=eps)]
        inputs = 32
        for expand, outputs, depth, stride in MOBILENET_STAGES:
            for number in range(depth):
                layers.append(InvertedResidual(inputs, outputs, 1 if number else stride, expand, padding, eps))
                inputs = outputs
        self.width = 1280
        self.features = nn.Sequential(*layers, _conv_norm(inputs, self.width, 1, eps=eps))

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of the last 1x1 convolution."""
        return self.features(x)


class SqueezeExcitation(nn.Module):
    """Weighs each map by what its spatial mean says (Hu et al. 2018, arXiv:1709.01507)."""

    def __init__(self, inputs: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(inputs, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, inputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the weighted maps."""
        weight = self.fc2(nn.functional.silu(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(weight)


class MBConv(nn.Module):
    """EfficientNet's block: an inverted residual with squeeze and excitation."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, expand: int, padding: str, eps: float
    ) -> None:
        super().__init__()
        hidden = inputs * expand
        layers: list[nn.Module] = [_conv_norm(inputs, hidden, 1, activation=nn.SiLU, eps=eps)] if expand != 1 else []
        layers += [
            _conv_norm(hidden, hidden, kernel, stride, hidden, nn.SiLU, padding, eps),
            SqueezeExcitation(hidden, max(1, inputs // 4)),
            _conv_norm(hidden, outputs, 1, activation=None, eps=eps),
        ]
        self.block = nn.Sequential(*layers)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output; stochastic depth is off, as in evaluation."""
        return x + self.block(x) if self.shortcut else self.block(x)


class EfficientNetB0(Backbone):
    """EfficientNet-B0."""

    head_name = "classifier.1"

    def __init__(self, channels: int = 3, padding: str = "symmetric", eps: float = 1e-5) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv_norm(channels, 32, 3, 2, 1, nn.SiLU, padding, eps)]
        inputs = 32
        # expansion, kernel, stride, maps, blocks: table 1 of the paper
        for expand, kernel, stride, outputs, depth in (
            (1, 3, 1, 16, 1),
            (6, 3, 2, 24, 2),
            (6, 5, 2, 40, 2),
            (6, 3, 2, 80, 3),
            (6, 5, 1, 112, 3),
            (6, 5, 2, 192, 4),
            (6, 3, 1, 320, 1),
        ):
            blocks = []
            for number in range(depth):
                blocks.append(MBConv(inputs, outputs, kernel, 1 if number else stride, expand, padding, eps))
                inputs = outputs
            layers.append(nn.Sequential(*blocks))
        self.width = 1280
        self.features = nn.Sequential(*layers, _conv_norm(inputs, self.width, 1, activation=nn.SiLU, eps=eps))

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of the last 1x1 convolution."""
        return self.features(x)


class SmallCnn(Backbone):
    """Stages of one strided 3x3 convolution, batch normalisation and ReLU: quick on a CPU."""

    head_name = "head"

    def __init__(self, channels: int = 1, planes: int = 16, stages: int = 4) -> None:
        super().__init__()
        sizes = [channels] + [planes * 2**stage for stage in range(stages)]
        self.features = nn.Sequential(
            *(_conv_norm(sizes[i], sizes[i + 1], 3, 2, activation=nn.ReLU) for i in range(stages))
        )
        self.width = sizes[-1]

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of the last stage."""
        return self.features(x)


ARCHITECTURES: dict[str, Callable[..., Backbone]] = {
    "resnet18": lambda **k: ResNet(BasicBlock, (2, 2, 2, 2), **k),
    "resnet34": lambda **k: ResNet(BasicBlock, (3, 4, 6, 3), **k),
    "resnet50": lambda **k: ResNet(Bottleneck, (3, 4, 6, 3), **k),
    "vgg16": Vgg16,
    "vgg16_bn": lambda **k: Vgg16(norm=True, **k),
    "mobilenet_v2": MobileNetV2,
    "efficientnet_b0": EfficientNetB0,
    "small_cnn": SmallCnn,
}


def build(architecture: str, **arguments: Any) -> Backbone:
    """Build an untrained network in evaluation mode.

    torch's generator stays as it was; for training call :func:`seed_weights`, so that the start is known.

    Parameters
    ----------
    architecture : str
        A key of ``ARCHITECTURES``.
    **arguments
        ``channels`` of the input (3 in the published networks); ``planes`` of the first stage (ResNet, small_cnn); and, for
        MobileNetV2 and EfficientNet, ``padding`` (``symmetric``, or ``same`` as in TensorFlow) and ``eps`` of the
        normalisation (1e-5; 1e-3 in TensorFlow).

    Raises
    ------
    InputError
        When the architecture is not known, does not take an argument, or an argument is none of its values.

    Examples
    --------
    >>> build("resnet18").width
    512
    """
    construct = ARCHITECTURES[one_of(architecture, ARCHITECTURES, "architecture")]
    for name, value in arguments.items():
        _check_argument(architecture, name, value)
    try:
        with torch.random.fork_rng(devices=[]):
            return construct(**arguments).eval()
    except TypeError:
        given = ", ".join(arguments)
        raise InputError(
            f"{architecture} does not take all of the arguments {given}",
            allowed="channels, and for some planes or stages, or padding and eps",
        ) from None


def _check_argument(architecture: str, name: str, value: object) -> None:
    if name == "padding":
        one_of(value, ("symmetric", "same"), f"padding of {architecture}")
    elif name == "eps":
        if not isinstance(value, float) or not 0 < value < 1:
            raise InputError(f"eps of {architecture} is {value!r}", allowed="a number above 0 and below 1")
    elif not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{name} of {architecture} is {value!r}", allowed="a whole number above 0")


def variant(arguments: Mapping[str, Any]) -> list[str]:
    """Return in words what a network computes otherwise than usual, which its weights do not tell.

    Parameters
    ----------
    arguments : mapping
        As for :func:`build`.
    """
    return [f"{name} {arguments[name]}" for name in USUAL if arguments.get(name, USUAL[name]) != USUAL[name]]


def seed_weights(module: nn.Module, seed: int | Sequence[int]) -> None:
    """Fill all weights from one seed with NumPy's generator: the same bits on every machine.

    Convolutions and linear layers get He-normal weights (He et al. 2015, arXiv:1502.01852) and no bias; normalisation
    layers stay at identity. torch's generator is not touched.
    """
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                scale = math.sqrt(2 / layer.weight[0].numel())
                values = rng.standard_normal(tuple(layer.weight.shape), dtype=np.float32) * np.float32(scale)
                layer.weight.copy_(torch.from_numpy(values))
                if layer.bias is not None:
                    layer.bias.zero_()


class Embedding(nn.Module):
    """A backbone's pooled features and, after them, the named outputs of its linear head.

    Parameters
    ----------
    backbone : Backbone
        Gives the features.
    head : nn.Linear, optional
        Gives the outputs.
    activation : {"softmax", "sigmoid", "identity"}
        From the head's values to the outputs.

    Raises
    ------
    InputError
        When the activation is not known, or is the softmax of one output, which is always 1.
    """

    def __init__(self, backbone: Backbone, head: nn.Linear | None = None, activation: str = "softmax") -> None:
        super().__init__()
        if head is not None and head.out_features == 1 and activation == "softmax":
            what = "activation is 'softmax' of one output, which is 1 whatever the frame shows"
            raise InputError(what, allowed="sigmoid or identity", remedy='A probability needs "activation": "sigmoid"')
        self.backbone = backbone
        self.head = head
        self.activation = one_of(activation, ("softmax", "sigmoid", "identity"), "activation")

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last feature maps."""
        return self.backbone.maps(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features and outputs, shape (n, width + outputs)."""
        features = self.backbone(x)
        if self.head is None:
            return features
        values = self.head(features)
        if self.activation != "identity":
            values = values.softmax(1) if self.activation == "softmax" else values.sigmoid()
        return torch.cat([features, values], 1)
