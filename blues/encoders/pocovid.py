"""POCOVID-Net of Born et al. (2020, arXiv:2004.12084; 2021, doi:10.3390/app11020672), from its Keras weights.

Built as github.com/jannisborn/covid19_ultrasound builds it (pocovidnet/model.py), which differs in two points from what one
would guess: the average pooling is 4x4 without padding on 7x7 maps, so only the upper left 4x4 of them reach the head; and
the order is dense, batch normalisation, ReLU, dropout. The three kinds are its ``vgg_base``, ``vgg_cam``, ``mobilenet_v2``.
Images are gray as RGB, 224x224, divided by 255. The authors' ensemble averages its members' outputs; so does this one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from blues.check import InputError
from blues.encoders import ensemble, nets
from blues.encoders.base import Encoder, Preprocessing, encoder_hash, weights_hash
from blues.encoders.cards import card
from blues.encoders.keras_files import Layer, last_activation, read_layers

__all__ = ["KINDS", "PREPROCESSING", "encoder", "load"]

# Keras' default, where torch's is 1e-5
KERAS_EPSILON = 1e-3
PREPROCESSING = Preprocessing(size=(224, 224), channels=3, mean=(0.0,) * 3, std=(1.0,) * 3)
CLASSES = ("covid19", "pneumonia", "healthy", "uninformative")
SOURCE = "github.com/jannisborn/covid19_ultrasound, pocovidnet/trained_models"


@dataclasses.dataclass(frozen=True)
class Kind:
    """One of the published architectures: torch's backbone, and whether a hidden layer follows it."""

    backbone: str
    hidden: int
    original: str


KINDS = {
    "pocovid-vgg16": Kind("vgg16", 64, "vgg_base"),
    "pocovid-vgg16-cam": Kind("vgg16", 0, "vgg_cam"),
    "pocovid-mobilenet-v2": Kind("mobilenet_v2", 64, "mobilenet_v2"),
}


class PocovidNet(nn.Module):
    """Backbone, pooling, hidden layer (or none) and class layer; gives the layer before the classes, then the classes.

    Parameters
    ----------
    kind : Kind
        The architecture.
    classes : int
        Number of classes.
    """

    def __init__(self, kind: Kind, classes: int) -> None:
        super().__init__()
        keras = {"padding": "same", "eps": KERAS_EPSILON} if kind.backbone == "mobilenet_v2" else {}
        backbone = nets.build(kind.backbone, **keras)
        self.backbone = backbone
        self.hidden = nn.Linear(backbone.width, kind.hidden) if kind.hidden else None
        self.norm = nn.BatchNorm1d(kind.hidden, eps=KERAS_EPSILON) if kind.hidden else None
        self.head = nn.Linear(kind.hidden or backbone.width, classes)

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last feature maps, shape (n, width, 7, 7)."""
        return self.backbone.maps(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return embedding and class probabilities, shape (n, hidden + classes)."""
        maps = self.maps(x)
        if self.hidden is None or self.norm is None:
            features = maps.mean((2, 3))
        else:
            features = torch.relu(self.norm(self.hidden(nn.functional.avg_pool2d(maps, 4).flatten(1))))
        return torch.cat([features, self.head(features).softmax(1)], 1)


def load(path: str | Path, name: str = "pocovid-vgg16") -> PocovidNet:
    """Read one weight file into the network called ``name`` (a key of ``KINDS``).

    Raises
    ------
    InputError
        When layers are missing, left over, or have another shape; it names the layer, the shape found and the one expected.
        When the model ends in fewer than two classes or in something else than their softmax.
    """
    kind = KINDS[name]
    layers = read_layers(path)
    last = [layer for layer in layers if layer.kind == "dense"]
    classes = last[-1].weights["kernel"].shape[1] if last else len(CLASSES) - 1
    if classes < 2:
        raise InputError(
            f"its last layer has {classes} output, and the softmax of one is 1 whatever the frame shows",
            file=path,
            allowed=f"two classes or more, as in {name}",
        )
    if (ends := last_activation(path)) not in (None, "softmax"):
        raise InputError(f"its last layer ends in {ends}", file=path, allowed=f"softmax, as in {name}")
    with torch.random.fork_rng(devices=[]):
        net = PocovidNet(kind, classes)
    slots = _slots(net)
    for group in ("conv", "depthwise", "norm", "dense"):
        found = [layer for layer in layers if layer.kind == group]
        wanted = [module for module in slots if _kind(module) == group]
        if len(found) != len(wanted):
            raise InputError(
                f"it holds {len(found)} {group} layers, and {name} has {len(wanted)}", file=path, remedy=_other(name)
            )
        for layer, module in zip(found, wanted, strict=True):
            _fill(module, layer, path, name)
    return net.eval()


def _other(name: str) -> str:
    return f"Is it of another network? Known are {', '.join(k for k in KINDS if k != name)}"


def _slots(net: PocovidNet) -> list[nn.Module]:
    """Return the layers that have weights, in the model's order."""
    parts = [net.backbone, net.hidden, net.norm, net.head]
    return [m for part in parts if part is not None for m in part.modules() if _kind(m)]


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        return "depthwise" if module.groups > 1 else "conv"
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return "norm"
    return "dense" if isinstance(module, nn.Linear) else ""


def _fill(module: nn.Module, layer: Layer, path: str | Path, name: str) -> None:
    """Copy one layer: Keras' (rows, columns, inputs, outputs) to torch's (outputs, inputs, rows, columns)."""
    axes = {"conv": (3, 2, 0, 1), "depthwise": (2, 3, 0, 1), "dense": (1, 0)}
    kind = _kind(module)
    names = {"weight": "depthwise_kernel" if kind == "depthwise" else "kernel", "bias": "bias"}
    if kind == "norm":
        names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    for target, source in names.items():
        tensor = getattr(module, target)
        if tensor is None:
            continue
        order = axes[kind] if target == "weight" and kind != "norm" else (0,)
        expected = tuple(tensor.shape[order.index(axis)] for axis in range(len(order)))
        array = layer.weights.get(source)
        if array is None or array.shape != expected:
            found = "is missing" if array is None else f"has shape {array.shape}"
            raise InputError(
                f"layer {layer.name!r}: {source} {found}, and {name} expects {expected}", file=path, remedy=_other(name)
            )
        if not np.isfinite(array).all():
            raise InputError(f"layer {layer.name!r}: {source} holds values that are not finite", file=path)
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(np.array(array.transpose(order), dtype=np.float32, order="C")))


def encoder(name: str, weights: str | Path | Sequence[str | Path] | None) -> Encoder:
    """Build the encoder from one weight file, or an ensemble from several (or from a folder with ``fold_*`` inside)."""
    if weights is None or (not isinstance(weights, str | Path) and not len(weights)):
        raise InputError(
            f"{name} needs its published weights, which are not shipped",
            remedy=f"Get them from {SOURCE}, and give the file or folder as weights; several make an ensemble",
        )
    paths = ensemble.member_files(weights)
    return ensemble.joined(name, [_member(name, path) for path in paths], paths)


def _member(name: str, path: Path) -> Encoder:
    module = load(path, name).requires_grad_(False)
    classes, width = module.head.out_features, module.head.in_features
    stem = "hidden" if KINDS[name].hidden else "map"
    outputs = [f"p_{CLASSES[i] if classes in (3, 4) else f'class_{i}'}" for i in range(classes)]
    features = (*(f"{stem}_{i + 1:0{len(str(width))}d}" for i in range(width)), *outputs)
    made_of = weights_hash(module.state_dict())
    architecture = f"POCOVID-Net {KINDS[name].original}"
    return Encoder(
        name=name,
        architecture=architecture,
        feature_names=features,
        preprocessing=PREPROCESSING,
        card=card(
            architecture,
            saw=("pocus", "covidx-us"),
            labels=("COVID-19, bacterial pneumonia, healthy (by clip)",),
            licence="MIT (code and weights); the clips behind them carry their own, partly non-commercial, licences",
            source=SOURCE,
            outputs=outputs,
            weights=made_of,
            note="ImageNet first, then POCUS in five folds: each member saw four fifths of it. COVIDx-US draws on the same "
            "public sources and counts as seen. Class order as published: covid, pneumonia, regular.",
        )
        | {"units": dict.fromkeys(outputs, "probability of this one of the classes")},
        hash=encoder_hash(architecture, made_of, PREPROCESSING, features),
        module=module,
    )
