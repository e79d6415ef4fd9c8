"""The network behind ``blues-lus``: a small convolutional network for polar frames with readable outputs.

Rows are depth and columns are scan lines. Depth is shrunk sixteenfold and scan lines only fourfold, so that what a column
shows (a B-line, a clear pleural line) can be read off it; frames do not know of each other, time is pooled outside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import safetensors.torch
import torch
from torch import nn
from torch.nn import functional

from blues.check import InputError
from blues.encoders.base import Encoder, Preprocessing, encoder_hash, weights_hash
from blues.encoders.cards import LUS_NET, card
from blues.encoders.states import fill
from blues.provenance import replacing

if TYPE_CHECKING:
    from blues.encoders.checkpoint import Description

__all__ = [
    "ARCHITECTURE",
    "COLUMNS",
    "GLOBALS",
    "GRID",
    "MASKS",
    "OUTPUTS",
    "PREPROCESSING",
    "LusNet",
    "encoder",
    "readable",
    "save",
]

ARCHITECTURE = LUS_NET
RULES = "of one gray"
"""What is decided by rule and not by weights: part of what an encoder is known by, so that stored features follow it."""
PREPROCESSING = Preprocessing(geometry="polar", size=(128, 128), mean=(0.0,), std=(1.0,))
GRID = (16, 32)
"""Rows and columns of the mask maps."""
MASKS = ("pleura", "a_line", "b_line", "rib_shadow", "consolidation", "effusion", "organ")
"""What the mask maps show, as in :data:`blues.simulate.MASKS`."""
COLUMNS = ("b_line", "pleura", "a_line")
"""What is told of each of the 32 columns."""
GLOBALS = (
    "soldati_1",
    "soldati_2",
    "soldati_3",
    "b_line",
    "a_line",
    "consolidation",
    "effusion",
    "organ",
    "lus",
    "b_count",
    "a_count",
    "irregularity",
    "breaks",
    "pleura_depth",
    "consolidation_area",
)
"""What is told of a frame: first the log odds (severity at least 1, 2, 3; presence; is it lung ultrasound), then amounts."""
OUTPUTS = {
    "b_line_presence": "probability that a B-line can be seen, 0 to 1",
    "b_line_count": "separate B-lines, count",
    "b_line_coverage": "share of the visible pleural line with B-lines or white lung below it, 0 to 1",
    "a_line_presence": "probability that an A-line can be seen, 0 to 1",
    "a_line_count": "A-lines, count",
    "pleura_visible": "share of scan lines on which the pleural line can be seen, 0 to 1",
    "pleura_depth": "depth of the pleural line, % of the picture's depth",
    "pleura_irregularity": "scatter of the pleural line about its smooth course, % of the picture's depth",
    "pleura_breaks": "share of the visible pleural line that is broken, 0 to 1",
    "consolidation_presence": "probability that a consolidation can be seen, 0 to 1",
    "consolidation_area": "consolidation, % of the polar picture",
    "effusion_presence": "probability that a pleural effusion can be seen, 0 to 1",
    "soldati": "expected severity, 0 to 3 (Soldati et al. 2020)",
    "lus": "probability that this is lung ultrasound at all, 0 to 1",
}
"""The readable outputs and their units. A-lines are counted up to four, as in training: 4 means 4 or more."""
LOG_ODDS = GLOBALS.index("b_count")
CENTRED = 1.0
"""Share of the mean of the three last layers' maps that :class:`LusNet` takes from the frame."""
EPSILON = 1e-3


class Centred(nn.BatchNorm2d):
    """Batch normalisation that, when training is over, takes most of a map's mean from the frame itself.

    Simulated and real frames differ in grain and grey values, and that moves whole maps up or down; a real frame's maps are
    moved back to where training had them. Mixing what is measured with the statistics of training is from Schneider et al.
    2020 (Improving robustness against common corruptions by covariate shift adaptation, NeurIPS 33), here for the mean alone
    and one frame at a time, so that no frame's values depend on another's.

    Parameters
    ----------
    channels : int
    share : float
        Share of the mean that is taken from the frame, 0 to 1; 0 is batch normalisation.
    """

    def __init__(self, channels: int, share: float) -> None:
        super().__init__(channels)
        self.share = share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the normalised maps."""
        if self.training:
            return self.plain(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        seen = x.permute(0, 2, 3, 1).flatten(1, 2).mean(1)  # channels are stored last: this order reads memory once
        mean = torch.lerp(self.running_mean.expand_as(seen), seen, self.share)
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        return torch.addcmul((self.bias - scale * mean)[:, :, None, None], x, scale[:, None, None])

    def plain(self, x: torch.Tensor) -> torch.Tensor:
        """Return the maps normalised as in training."""
        return super().forward(x)


class Layer(nn.Module):
    """A 3x3 convolution, normalised, with a shortcut where input and output have one shape."""

    def __init__(
        self, inputs: int, outputs: int, stride: tuple[int, int] = (1, 1), kernel: int = 3, centred: float = 0.0
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = Centred(outputs, centred) if centred else nn.BatchNorm2d(outputs)
        self.keeps = inputs == outputs and stride == (1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output."""
        return self.end(self.bn(self.conv(x)), x)

    def as_trained(self, y: torch.Tensor) -> torch.Tensor:
        """Return the convolved maps normalised as in training."""
        return cast("torch.Tensor", self.bn.plain(y) if isinstance(self.bn, Centred) else self.bn(y))

    def end(self, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Return the output for normalised maps ``y`` of the input ``x``; ``y`` may be used up."""
        if torch.is_inference_mode_enabled():  # nobody looks at y: no new memory for the sum
            return (y.add_(x) if self.keeps else y).relu_()
        return torch.relu(y + x if self.keeps else y)


class LusNet(nn.Module):
    """From polar frames (n, 1, 128, 128), white 1, to an embedding and :data:`OUTPUTS`.

    Parameters
    ----------
    planes : int
        Sets the width: the last stage has four times as many feature maps.
    dimensions : int
        Length of the embedding.
    centred : float
        Share of the mean of each map of the three last layers that is taken from the frame; see :class:`Centred`. No part
        of training.

    Raises
    ------
    ValueError
        When ``centred`` is not within 0 to 1.
    """

    def __init__(self, planes: int = 16, dimensions: int = 96, centred: float = CENTRED) -> None:
        super().__init__()
        if not 0 <= centred <= 1:
            raise ValueError(f"centred is {centred}, not within 0 to 1")
        a, b, c, d = 3 * planes // 2, 2 * planes, 3 * planes, 4 * planes
        self.arguments: dict[str, Any] = {"planes": planes, "dimensions": dimensions, "centred": centred}
        self.stem = nn.Sequential(Layer(2, a, (2, 4), 7), Layer(a, b, (2, 1)), Layer(b, b))
        self.middle = nn.Sequential(Layer(b, c, (2, 1)), Layer(c, c, centred=centred))
        self.last = nn.Sequential(Layer(c, d, (2, 1), centred=centred), Layer(d, d, centred=centred))
        self.uncentred = nn.Identity()  # a name for the maps that ``lus`` is told from, where maps are centred
        self.mask_head = nn.Conv2d(c + d, len(MASKS), 1)
        self.collapse = nn.Sequential(nn.Conv2d(d, d, (8, 1), bias=False), nn.BatchNorm2d(d), nn.ReLU())
        self.along = nn.Sequential(nn.Conv2d(d, d, (1, 5), padding=(0, 2), bias=False), nn.BatchNorm2d(d), nn.ReLU())
        self.column_head = nn.Conv2d(d, len(COLUMNS), 1)
        self.join = nn.Sequential(nn.Linear(10 * d, dimensions, bias=False), nn.BatchNorm1d(dimensions), nn.ReLU())
        self.head = nn.Linear(dimensions, len(GLOBALS))

    def _start(self, x: torch.Tensor) -> torch.Tensor:
        """Return the maps before the first centred layer."""
        # gain and dynamic range differ between machines: the network sees grey values and their deviation from the mean
        deviation = x - x.mean((2, 3), keepdim=True)
        spread = deviation.square().mean((2, 3), keepdim=True).sqrt()
        # stored channels last, as convolutions of few channels run fastest
        both = torch.stack([x, deviation / (spread + 0.05)], -1)[:, 0].permute(0, 3, 1, 2)
        return cast("torch.Tensor", self.middle[0](self.stem(both)))

    def _last(self, start: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the last maps, and those that are not centred."""
        first, *others = cast("list[Layer]", [self.middle[1], *self.last])
        seen = first.conv(start)
        plain = first.end(first.as_trained(seen), start)
        if self.arguments["centred"]:
            for layer in others:
                plain = layer.end(layer.as_trained(layer.conv(plain)), plain)
            plain = self.uncentred(plain)
            return self.last(first.end(first.bn(seen), start)), plain
        last = self.last(plain)
        return last, last

    def _joined(self, last: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what is known of each column, and the embedding."""
        along = self.along(self.collapse(last))
        joined = torch.cat([along.mean((2, 3)), along.amax((2, 3)), last.mean(3).flatten(1)], 1)
        return along, self.join(joined)

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last feature maps, (n, width, 8, 32)."""
        return cast("torch.Tensor", self.last(self.middle[1](self._start(x))))

    def heads(self, x: torch.Tensor, masks: bool = True) -> dict[str, torch.Tensor]:
        """Return what training compares with the truth.

        Returns
        -------
        dict
            ``embedding`` (n, dimensions); ``columns`` (n, 3, 32) and ``masks`` (n, 7, 16, 32), log odds; ``globals``
            (n, 15), of which the first nine are log odds.
        """
        middle = self.middle[1](self._start(x))
        last = self.last(middle)
        out = self._heads(last)
        if masks:
            wide = functional.interpolate(last, size=GRID, mode="nearest")
            out["masks"] = self.mask_head(torch.cat([middle, wide], 1))
        return out

    def _heads(self, last: torch.Tensor) -> dict[str, torch.Tensor]:
        along, embedding = self._joined(last)
        return {"embedding": embedding, "columns": self.column_head(along)[:, :, 0], "globals": self.head(embedding)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the embedding and the readable outputs, (n, dimensions + 14).

        Whether this is lung ultrasound is told from maps that are not centred: by their means noise and letters differ most. A
        picture that is nearly all of one gray (:func:`_of_one_gray`) is no lung ultrasound by rule: a black frame, a title.
        """
        start = self._start(x)
        last, plain = self._last(start)
        out = self._heads(last)
        place = GLOBALS.index("lus")
        lus = functional.linear(self._joined(plain)[1], self.head.weight[place : place + 1], self.head.bias[place])
        values = torch.cat([out["globals"][:, :place], lus, out["globals"][:, place + 1 :]], 1)
        found = readable(out["columns"], values)
        even = torch.tensor([name == "lus" for name in OUTPUTS], device=x.device) & _of_one_gray(x)[:, None]
        return torch.cat([out["embedding"], found.masked_fill(even, 0.0)], 1)


def _of_one_gray(x: torch.Tensor) -> torch.Tensor:
    """Tell which frames (n, 1, h, w) have nine tenths of their pixels within five gray levels, by every fourth pixel."""
    values = x[:, 0, ::4, ::4].flatten(1).sort(1).values
    within = torch.searchsorted(values, values + 4.5 / 255) - torch.arange(values.shape[1], device=x.device)
    return within.amax(1) > 0.9 * values.shape[1]


def readable(columns: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return :data:`OUTPUTS` of the heads' values, (n, 14)."""
    share = columns.sigmoid()
    b_line, pleura = share[:, COLUMNS.index("b_line")], share[:, COLUMNS.index("pleura")]
    said = dict(zip(GLOBALS, values.unbind(1), strict=True))
    odds = dict(zip(GLOBALS[:LOG_ODDS], values[:, :LOG_ODDS].sigmoid().unbind(1), strict=True))
    amount = {name: functional.softplus(said[name]).clamp(max=20) for name in GLOBALS[LOG_ODDS:]}
    found = {
        "b_line_presence": odds["b_line"],
        "b_line_count": amount["b_count"].expm1().clamp(max=30),
        "b_line_coverage": (b_line * pleura).sum(1) / (pleura.sum(1) + EPSILON),
        "a_line_presence": odds["a_line"],
        "a_line_count": amount["a_count"].expm1().clamp(max=30),
        "pleura_visible": pleura.mean(1),
        "pleura_depth": 100 * said["pleura_depth"].sigmoid(),
        "pleura_irregularity": amount["irregularity"],
        "pleura_breaks": said["breaks"].sigmoid(),
        "consolidation_presence": odds["consolidation"],
        "consolidation_area": 100 * said["consolidation_area"].sigmoid(),
        "effusion_presence": odds["effusion"],
        "soldati": odds["soldati_1"] + odds["soldati_2"] + odds["soldati_3"],
        "lus": odds["lus"],
    }
    return torch.stack([found[name] for name in OUTPUTS], 1)


def save(path: str | Path, net: LusNet, facts: Mapping[str, Any]) -> None:
    """Write a network as ``.safetensors`` whose header holds its card; :func:`blues.encoders.get` reads it by its path.

    Parameters
    ----------
    path : path
    net : LusNet
    facts : mapping
        The card: ``saw``, ``labels``, ``licence``, ``source``, ``note``, and whatever else is json-ready.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    said = {**facts, "weights": weights_hash(state)}
    header = {"architecture": ARCHITECTURE, "arguments": net.arguments, "card": said}
    with replacing(path) as draft:
        safetensors.torch.save_file(state, draft, metadata={"blues": json.dumps(header, sort_keys=True)})


def encoder(path: Path, name: str, state: Mapping[str, torch.Tensor], description: Description) -> Encoder:
    """Build the encoder from a weight file's tensors and description.

    Raises
    ------
    InputError
        When the tensors do not fit the network, or are not those the card was written for.
    """
    try:
        module = LusNet(**{"centred": 0.0, **description.arguments})  # files from before there was a choice have none
    except (TypeError, RuntimeError, ValueError):
        raise InputError(
            f"the arguments {description.arguments} do not make a {ARCHITECTURE}",
            file=path,
            allowed="planes and dimensions, whole numbers above 0; centred, 0 to 1",
        ) from None
    fill(module, state, ARCHITECTURE, path)
    module.eval().requires_grad_(False)
    features = (*(f"lus_{i + 1:03d}" for i in range(module.arguments["dimensions"])), *OUTPUTS)
    made_of = weights_hash(module.state_dict())
    said: dict[str, Any] = dict(description.card)
    if said.pop("weights", made_of) != made_of:
        raise InputError("the weights are not those that the card describes", file=path, remedy="Copy the file again")
    moved = [f"{place} by {layer.share}" for place, layer in module.named_modules() if isinstance(layer, Centred)]
    computes = " ".join([ARCHITECTURE, RULES, *(["centred", *moved] if moved else [])])
    known = {key: said.pop(key) for key in ("saw", "labels", "licence", "source", "note") if key in said}
    known.setdefault("saw", ["unknown"])
    facts = card(ARCHITECTURE, outputs=tuple(OUTPUTS), weights=made_of, **known)
    return Encoder(
        name=name,
        architecture=ARCHITECTURE,
        feature_names=features,
        preprocessing=PREPROCESSING,
        card={**facts, "units": dict(OUTPUTS), "arguments": dict(module.arguments), **said},
        hash=encoder_hash(computes, made_of, PREPROCESSING, features),
        module=module,
    )
