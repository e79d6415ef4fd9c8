"""What every encoder is: a preprocessing, a function from frames to features, and a card that says what it has seen."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from blues.check import InputError, build, choices
from blues.encoders.cards import card, check_card, filled, has_seen
from blues.provenance import text_hash

if TYPE_CHECKING:
    import torch

__all__ = [
    "SUFFIXES",
    "Encoder",
    "Preprocessing",
    "card",
    "check_card",
    "distinct",
    "encoder_hash",
    "has_seen",
    "weights_hash",
]

CHUNK = 16
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
"""How the names of weight files in torch end, in small letters."""
WIDEST = 10.0
"""Standard deviation above which one is not on the scale where white is 1."""


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """What is done to a clip before its frames reach the encoder.

    The defaults for ``rate`` and ``most`` are those of Born et al. 2020 (arXiv:2004.12084, section 3).

    Attributes
    ----------
    rate : float
        Frames sampled per second of clip.
    most : int
        Frames of one clip at most.
    geometry : {"sector", "polar", "full"}
        ``sector``: cropped to the insonated sector. ``polar``: the sector unwarped, rows = depth from the probe,
        columns = scan lines. ``full``: the frame as recorded.
    size : tuple of int
        Height and width in pixels.
    channels : {1, 3}
        3 repeats the gray frame for networks that expect RGB.
    mean, std : tuple of float
        Per channel, on the scale where white is 1; a network sees ``(frame / 255 - mean) / std``.
    """

    rate: float = 3.0
    most: int = 30
    geometry: Literal["sector", "polar", "full"] = "sector"
    size: tuple[int, int] = (224, 224)
    channels: Literal[1, 3] = 1
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        choices(self)
        for name in ("size", "mean", "std"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if len(self.size) != 2 or min(self.size) < 8:
            raise InputError(f"size is {self.size}", allowed="height and width of at least 8 pixels each")
        if not (0 < self.rate < math.inf and self.most >= 1):
            raise InputError(
                f"rate {self.rate:g} and most {self.most} would sample no frame",
                allowed="a number of frames a second above 0, and at least one frame",
            )
        if not len(self.mean) == len(self.std) == self.channels or min(self.std) <= 0:
            raise InputError(f"mean and std need {self.channels} numbers each, std above 0")
        if not all(0 <= value <= 1 for value in self.mean) or not all(value <= WIDEST for value in self.std):
            raise InputError(
                f"mean {self.mean} and std {self.std} are not on the scale where white is 1",
                allowed=f"means of 0 to 1, std of at most {WIDEST:g}",
                remedy="Divide both by 255 where white is 255",
            )

    def tensor(self, frames: np.ndarray) -> torch.Tensor:
        """Return frames of shape (n, height, width), uint8, as a float32 tensor (n, channels, height, width)."""
        import torch

        frames = np.require(frames, requirements=["C", "W"])  # what is mapped from a file cannot be written
        batch = torch.from_numpy(frames).float().div_(255).unsqueeze(1)
        if not any(self.mean) and set(self.std) == {1.0}:
            return batch.expand(-1, self.channels, -1, -1)
        mean, std = (torch.tensor(v, dtype=torch.float32).view(1, -1, 1, 1) for v in (self.mean, self.std))
        return batch.expand(-1, self.channels, -1, -1).sub(mean).div(std)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values; :meth:`from_dict` reads them back."""
        values = dataclasses.asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """Build from the plain values of :meth:`as_dict`."""
        return build(cls, values)


@dataclasses.dataclass(frozen=True)
class Encoder:
    """A named function from frames to features. Nothing in it is fitted when it is used.

    Attributes
    ----------
    name : str
        The name it was asked for by.
    architecture : str
        What computes the features.
    feature_names : tuple of str
        One a feature.
    preprocessing : Preprocessing
        What :func:`blues.embed.embed` does to a clip first.
    card : dict
        ``saw`` (names of the cohorts whose clips or labels shaped it, a list), ``labels``, ``licence``, ``source``,
        ``outputs`` (of the feature names), ``weights`` (hash), ``note``; json-ready. An encoder must not be scored on a
        cohort it ``saw``. Fields that are not given are filled in, ``saw`` with ``unknown``.
    hash : str
        SHA-256 of architecture, weights, preprocessing and feature names: equal hashes mean equal features. Left out, it is
        made of these and of the network's layers, which tell nothing of numbers that ``forward`` holds by itself; for a
        function any text that changes whenever what it computes does.
    module : torch.nn.Module or None
        The network, in evaluation mode (one in training mode is refused when it is run), from the float tensor of
        :meth:`Preprocessing.tensor` to (n, dimensions). None for encoders that are no network.
    function : callable or None
        For those: from uint8 frames to float32 features.

    Raises
    ------
    InputError
        When the card could be misread (:func:`blues.encoders.cards.check_card`) or names outputs that are no features, two
        features have one name, or a function has no hash.
    """

    name: str
    architecture: str
    feature_names: tuple[str, ...]
    preprocessing: Preprocessing
    card: dict[str, Any]
    hash: str = ""
    module: torch.nn.Module | None = None
    function: Callable[[np.ndarray], np.ndarray] | None = None

    def __post_init__(self) -> None:
        distinct(self.feature_names)
        object.__setattr__(self, "card", filled(self.card, self.architecture, self.feature_names))
        if not self.hash:
            object.__setattr__(self, "hash", self._made_hash())

    def _made_hash(self) -> str:
        if self.module is None:
            raise InputError(
                f"encoder {self.name} has no hash, and is no network that one could be made of",
                remedy="Give as hash any text that changes whenever what the function computes does",
            )
        layers = re.sub(r" at 0x[0-9a-f]+", "", str(self.module))
        made_of = f"{self.architecture} {type(self.module).__module__} {layers}"
        return encoder_hash(made_of, self.weights(), self.preprocessing, self.feature_names)

    def weights(self) -> str | None:
        """Return the hash of the network's weights and buffers as they are now; None for encoders that are no network."""
        if self.module is None:
            return None
        return weights_hash({**dict(self.module.named_buffers()), **self.module.state_dict()})

    @property
    def dimensions(self) -> int:
        """Number of features."""
        return len(self.feature_names)

    @property
    def saw(self) -> tuple[str, ...]:
        """Names of the cohorts that shaped the encoder."""
        return tuple(self.card["saw"])

    def has_seen(self, cohort: str) -> bool:
        """Tell whether the card names this cohort, whatever the spelling ("COVIDx-US", "covidx_us").

        ``unknown`` on a card (a checkpoint that came without one) is not a cohort: it has seen nobody knows what.
        """
        return has_seen(self.saw, cohort)

    def forward(self, frames: np.ndarray) -> np.ndarray:
        """Compute the features of prepared frames.

        Parameters
        ----------
        frames : ndarray of uint8, shape (n, height, width)
            Gray frames of size ``preprocessing.size``, in ``preprocessing.geometry``.

        Returns
        -------
        ndarray of float32, shape (n, dimensions)
            A frame's features do not depend on the frames beside it.

        Raises
        ------
        InputError
            When shape or dtype differ from that, the network is in training mode, or gives a value that is no finite number.
        """
        frames = np.asarray(frames)
        height, width = self.preprocessing.size
        if frames.ndim != 3 or frames.shape[1:] != (height, width) or frames.dtype != np.uint8:
            raise InputError(
                f"{self.name} was given frames of shape {frames.shape} and type {frames.dtype}",
                allowed=f"uint8 of shape (n, {height}, {width})",
                remedy=f"Prepare them as encoder.preprocessing says: geometry {self.preprocessing.geometry!r}, resized",
            )
        if len(frames) == 0:
            return np.zeros((0, self.dimensions), np.float32)
        if self.function is not None:
            values = self.function(frames)
        else:
            values = self._run_module(frames)
        if not np.isfinite(values).all():
            raise InputError(
                f"{self.name} gave values that are not finite", remedy="Its weights are damaged or do not fit it"
            )
        return values

    def _network(self) -> tuple[torch.nn.Module, torch.memory_format]:
        """Return the network as it is run, and how its frames lie in memory.

        A lighter copy is made of this package's own, at the first use and after its weights have changed; others are run as
        they are, since nobody knows what they read of their own layers.
        """
        import torch

        from blues.encoders import folding

        assert self.module is not None
        if any(part.training for part in self.module.modules()):
            raise InputError(
                f"the network of {self.name} is in training mode, where a frame's features depend on the frames beside it",
                remedy="Call its eval() first",
            )
        if not folding.own(self.module):
            return self.module, torch.contiguous_format
        state = folding.stamp(self.module)
        kept = self.__dict__.get("_lighter")
        if kept is None or kept[0] != state:
            kept = (state, folding.folded(self.module))
            object.__setattr__(self, "_lighter", kept)
        return kept[1], torch.channels_last

    def _run_module(self, frames: np.ndarray) -> np.ndarray:
        """Run the network in small batches, on whatever device it lies."""
        import torch

        network, layout = self._network()
        parameter = next(network.parameters(), None)
        device = "cpu" if parameter is None else parameter.device
        parts = []
        with torch.inference_mode():
            for start in range(0, len(frames), CHUNK):
                batch = self.preprocessing.tensor(frames[start : start + CHUNK]).to(device)
                found = network(batch.contiguous(memory_format=layout))
                if not isinstance(found, torch.Tensor):
                    raise InputError(
                        f"the network of {self.name} gives a {type(found).__name__}",
                        allowed=f"a tensor of shape (n, {self.dimensions})",
                        remedy="Wrap it in a module that returns the features alone",
                    )
                parts.append(found.float().cpu().numpy())
        return np.concatenate(parts)

    def outputs(self, frames: np.ndarray) -> dict[str, np.ndarray]:
        """Return the named outputs of the card (class probabilities and the like), each float32 of shape (n,).

        Empty for encoders without any.

        Parameters
        ----------
        frames : uint8 array, shape (n, height, width)
            As :attr:`preprocessing` prepares them.
        """
        values = self.forward(frames)
        return {name: values[:, self.feature_names.index(name)] for name in self.card["outputs"]}


def distinct(names: Sequence[str], file: Path | None = None) -> None:
    """Raise when two features have one name, of which only one could be asked for, or one has none."""
    if not all(isinstance(name, str) and name.strip() for name in names):
        nameless = next(name for name in names if not isinstance(name, str) or not name.strip())
        raise InputError(f"a feature or output is called {nameless!r}", file=file, allowed="names")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InputError(
            f"{', '.join(twice[:5])}: more than one feature or output has this name",
            file=file,
            allowed="names that differ from each other",
            remedy="Name the outputs otherwise",
        )


def weights_hash(arrays: Mapping[str, np.ndarray | torch.Tensor]) -> str:
    """Return the SHA-256 of named arrays: names, shapes, types and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(_array(arrays[name]))
        digest.update(f"{name}:{array.dtype.str}:{array.shape}:".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _array(values: Any) -> np.ndarray:
    """Return values as an array, wherever and in whatever type they are stored."""
    if isinstance(values, np.ndarray):
        return values
    import torch

    if isinstance(values, torch.Tensor) and values.layout == torch.strided and not values.is_quantized:
        values = values.detach().cpu()
        return values.float().numpy() if values.dtype == torch.bfloat16 else values.numpy()
    stream = io.BytesIO()  # what layers of a network of one's own may hold besides
    torch.save(values, stream)
    return np.frombuffer(stream.getvalue(), np.uint8)


def encoder_hash(architecture: str, weights: str | None, preprocessing: Preprocessing, names: Sequence[str]) -> str:
    """Return the hash that stands for everything that decides an encoder's values."""
    parts = [architecture, weights, preprocessing.as_dict(), list(names)]
    return text_hash(json.dumps(parts, sort_keys=True))
