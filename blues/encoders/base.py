"""What every encoder is: a preprocessing, a function from frames to features, and a card that says what it has seen."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from blues.check import InputError, build, choices
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

ALIASES = {
    "license": "licence",
    **dict.fromkeys(("seen", "hasseen", "trainedon", "trainedwith", "trainingcohorts"), "saw"),
}
"""Other words for fields of a card, plain."""


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
        ``outputs``, ``weights`` (hash), ``note``; json-ready. An encoder must not be scored on a cohort it ``saw``.
    hash : str
        SHA-256 of architecture, weights, preprocessing and feature names: equal hashes mean equal features.
    module : torch.nn.Module or None
        The network, in evaluation mode (one in training mode is refused when it is run), from the float tensor of
        :meth:`Preprocessing.tensor` to (n, dimensions). None for encoders that are no network.
    function : callable or None
        For those: from uint8 frames to float32 features.
    """

    name: str
    architecture: str
    feature_names: tuple[str, ...]
    preprocessing: Preprocessing
    card: dict[str, Any]
    hash: str
    module: torch.nn.Module | None = None
    function: Callable[[np.ndarray], np.ndarray] | None = None

    def __post_init__(self) -> None:
        distinct(self.feature_names)

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

    @functools.cached_property
    def _network(self) -> torch.nn.Module:
        """The network as it is run: ``module``, lighter. Made once, at the first use."""
        from blues.encoders import folding

        assert self.module is not None
        if any(part.training for part in self.module.modules()):
            raise InputError(
                f"the network of {self.name} is in training mode, where a frame's features depend on the frames beside it",
                remedy="Call its eval() first",
            )
        return folding.folded(self.module)

    def _run_module(self, frames: np.ndarray) -> np.ndarray:
        """Run the network in small batches, on whatever device it lies."""
        import torch

        network = self._network
        parameter = next(network.parameters(), None)
        device = "cpu" if parameter is None else parameter.device
        parts = []
        with torch.inference_mode():
            for start in range(0, len(frames), CHUNK):
                batch = self.preprocessing.tensor(frames[start : start + CHUNK]).to(device)
                parts.append(network(batch.contiguous(memory_format=torch.channels_last)).float().cpu().numpy())
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
    """Raise when two features have one name: only one of them could be asked for."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InputError(
            f"{', '.join(twice[:5])}: more than one feature or output has this name",
            file=file,
            allowed="names that differ from each other",
            remedy="Name the outputs otherwise",
        )


def check_card(fields: Mapping[str, Any]) -> None:
    """Raise when a card could be misread: a text in ``saw`` would be read by letters, ``Saw`` would not be read.

    Parameters
    ----------
    fields : mapping
        Further fields may be there, but not one that differs from a known one by case or signs alone, nor, in place of
        ``saw`` or ``licence``, another word for it.

    Raises
    ------
    InputError
        For the first such field, and for one of another type than :func:`card` takes.
    """
    known = {"saw", "labels", "licence", "source", "note"}
    for name in fields:
        plain = _plain(str(name))
        meant = plain if plain in known else ALIASES.get(plain)
        if meant and name != meant and (plain == meant or meant not in fields):
            raise InputError(
                f"the card has a field {name!r}", allowed=", ".join(sorted(known)), remedy=f"Call it {meant!r}"
            )
    for name in ("saw", "labels"):
        value = fields.get(name, [])
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
            raise InputError(f"{name} of the card is {value!r}", allowed=f'a list of names, such as "{name}": ["NAME"]')
    for name in ("licence", "source", "note"):
        if not isinstance(fields.get(name, ""), str):
            raise InputError(f"{name} of the card is {fields[name]!r}", allowed="text")


def has_seen(saw: Iterable[str], cohort: str) -> bool:
    """Tell whether a card's list of cohorts names this one, whatever the spelling.

    A name with a version, or with a word for a part, behind the other counts as the same: "COVID-BLUES v1.0" has clips of
    "COVID-BLUES". Another site or year does not: "hannover-external" is what "hannover" is tested on.

    Parameters
    ----------
    saw : iterable of str
        Names of the cohorts it was trained on.
    cohort : str
        Name of the cohort to score it on.

    Returns
    -------
    bool

    Examples
    --------
    >>> has_seen(["COVIDx-US, version 1.4"], "covidx_us"), has_seen(["COVIDx-US"], "covid")
    (True, False)
    """
    saw = [saw] if isinstance(saw, str) else saw
    return any(_is_part(cohort, named) or _is_part(named, cohort) for named in saw)


_OF_THE_SAME = re.compile(
    r"((v|ver|version|release|rev) ?)?\d+( \d+)+|(v|ver|version|release|rev) ?\d+|train|training|sample|part|subset|clips"
)
"""What may stand behind a cohort's name and leave it the same cohort: a version, or a word for a part."""


def _is_part(longer: str, name: str) -> bool:
    """Return whether a name is the other, or the other with a version or a word for a part behind it."""
    words = "".join(sign if sign.isalnum() else " " for sign in longer.lower()).split() or [longer]
    whole = _plain(name) or name
    for i in range(len(words)):
        if "".join(words[: i + 1]) == whole:
            rest = " ".join(words[i + 1 :])
            return not rest or _OF_THE_SAME.fullmatch(rest) is not None
    return False


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def card(
    architecture: str,
    *,
    saw: Sequence[str] = (),
    labels: Sequence[str] = (),
    licence: str = "MIT",
    source: str = "",
    outputs: Sequence[str] = (),
    weights: str | None = None,
    note: str = "",
) -> dict[str, Any]:
    """Return an encoder's card, every field filled.

    Parameters
    ----------
    architecture : str
        What computes the features.
    saw : sequence of str
        Cohort names, as in their dictionaries, whose clips or labels shaped the weights.
    labels : sequence of str
        The labels it was trained on.
    licence, source : str
        Of the weights; where they come from.
    outputs : sequence of str
        Those of the feature names that mean something by themselves.
    weights : str, optional
        Hash of the weights.
    note : str
        What a reader must know.

    Raises
    ------
    InputError
        When a field is of another type.
    """
    check_card({"saw": saw, "labels": labels, "licence": licence, "source": source, "note": note})
    return {
        "architecture": architecture,
        "saw": list(saw),
        "labels": list(labels),
        "licence": licence,
        "source": source,
        "outputs": list(outputs),
        "weights": weights,
        "note": note,
    }


def weights_hash(arrays: Mapping[str, np.ndarray | torch.Tensor]) -> str:
    """Return the SHA-256 of named arrays: names, shapes, types and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}:{array.dtype.str}:{array.shape}:".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def encoder_hash(architecture: str, weights: str | None, preprocessing: Preprocessing, names: Sequence[str]) -> str:
    """Return the hash that stands for everything that decides an encoder's values."""
    parts = [architecture, weights, preprocessing.as_dict(), list(names)]
    return text_hash(json.dumps(parts, sort_keys=True))
