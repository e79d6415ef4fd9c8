"""Reads and writes encoders as state dicts in plain torch with torchvision's or timm's names.

A file is ``.safetensors``, whose header may hold the description, or ``.pt``/``.pth`` (read with ``weights_only``, so that no
code in it runs). The description can also lie beside the file as JSON of the same name: ``architecture``, ``arguments``,
``preprocessing``, ``outputs``, ``activation``, ``card``. Without one the architecture is recognised by its keys.
"""

from __future__ import annotations

import dataclasses
import json
import pickle
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from blues.check import InputError, build
from blues.encoders import lus, nets
from blues.encoders.base import Encoder, Preprocessing, card, check_card, distinct, encoder_hash, fill, weights_hash
from blues.encoders.timm_names import renamed
from blues.provenance import replacing

__all__ = ["DAMAGE", "Description", "encoder", "read_description", "read_torch", "save"]

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
IMAGENET = {3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), 1: ((0.449,), (0.226,))}
# what torch.load raises on bytes that are no torch file, beside UnpicklingError
DAMAGE = (
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    OverflowError,
    struct.error,
)
HEADS = ("fc.", "classifier.", "head.", "pre_logits.")
PREFIXES = ("module.", "model.", "backbone.", "encoder.")


@dataclasses.dataclass(frozen=True)
class Description:
    """What a weight file says about itself.

    Attributes
    ----------
    architecture : str or None
        A key of :data:`blues.encoders.nets.ARCHITECTURES`; None: recognise it by the names of the tensors.
    arguments : dict
        For :func:`blues.encoders.nets.build`: ``channels``, ``planes``.
    preprocessing : dict or None
        As :meth:`Preprocessing.as_dict`. What is not given stays as usual: 224x224, as many channels as the network takes,
        ImageNet's mean and standard deviation of those.
    outputs : tuple of str
        Names of the linear head's outputs; empty: the head is left out.
    activation : str
        ``softmax``, ``sigmoid`` or ``identity``.
    card : dict
        ``saw`` and ``labels`` (lists of names), ``licence``, ``source``, ``note``. Without ``saw`` the card will say
        ``unknown``.

    Raises
    ------
    InputError
        When a field of the card is of another type.
    """

    architecture: str | None = None
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    preprocessing: dict[str, Any] | None = None
    outputs: tuple[str, ...] = ()
    activation: str = "softmax"
    card: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        check_card(self.card)


def save(path: str | Path, module: nets.Embedding, description: Description) -> None:
    """Write a network as ``.safetensors`` with its description in the header; :func:`encoder` reads it back.

    Parameters
    ----------
    path : path
        Ends in ``.safetensors``.
    module : Embedding
        Its backbone must be of the architecture described; its head, if any, has one output a name.
    description : Description
        Must name the architecture.
    """
    path = Path(path)
    if path.suffix != ".safetensors" or description.architecture is None:
        raise InputError("a weight file ends in .safetensors and names its architecture", file=path)
    state = {key: value.detach().cpu().contiguous() for key, value in module.backbone.state_dict().items()}
    if module.head is not None:
        head = module.backbone.head_name
        state |= {f"{head}.{key}": value.detach().cpu().contiguous() for key, value in module.head.state_dict().items()}
    _module(state, description, path)
    header = {"blues": json.dumps(dataclasses.asdict(description), sort_keys=True)}
    with replacing(path) as draft:
        safetensors.torch.save_file(state, draft, metadata=header)


def read_description(path: str | Path) -> Description:
    """Read what a weight file says about itself, from the JSON beside it or from its header; without reading weights."""
    path = Path(path)
    where = _describing(path)
    if where != path:
        return _described(where.read_bytes(), where)
    if path.suffix == ".safetensors":
        with _opened(path) as file:
            header = file.metadata() or {}
        if "blues" in header:
            return _described(header["blues"].encode(), path)
    return Description()


def _describing(path: Path) -> Path:
    """Return the file that a weight file's description stands in: the JSON beside it, if any, else itself."""
    beside = path.with_suffix(".json")
    return beside if beside.is_file() else path


def _described(text: bytes, file: Path) -> Description:
    """Read a description from JSON."""
    try:
        values = json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text: {error.reason}", file=file, remedy="Save it as UTF-8") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"not valid JSON: {error}", file=file) from None
    if not isinstance(values, dict):
        raise InputError(
            f"a description is a JSON object, and this is a {type(values).__name__}",
            file=file,
            allowed='{"architecture": ..., "card": {"saw": [...]}, ...}',
        )
    return build(Description, values, file=file)


def encoder(path: str | Path, name: str = "checkpoint") -> Encoder:
    """Build an encoder from a weight file, or from the folder that :mod:`blues.pretrain` wrote it to.

    Raises
    ------
    InputError
        When the file is damaged, of another format, holds code, or its tensors do not fit the architecture.
    """
    path = _within(Path(path))
    if not path.is_file():
        raise InputError("no such weight file", file=path, allowed=f"a file ending in {', '.join(SUFFIXES)}")
    description = read_description(path)
    state = _state(path)
    if description.architecture == lus.ARCHITECTURE:
        return lus.encoder(path, name, state, description)
    if description.architecture is None:
        description = dataclasses.replace(description, architecture=_recognise(state, path))
    module = _module(state, description, path)
    preprocessing = _preprocessing(description.preprocessing or {}, _first(module).weight.shape[1], path)
    architecture = str(description.architecture)
    width = module.backbone.width
    features = (*(f"map_{i + 1:0{len(str(width))}d}" for i in range(width)), *description.outputs)
    distinct(features, path)
    made_of = weights_hash(module.state_dict())
    said = {
        key: value for key, value in description.card.items() if key in ("saw", "labels", "licence", "source", "note")
    }
    if "saw" not in said:
        said["saw"] = ["unknown"]
        said.setdefault(
            "note", f"The file does not say what it has seen; give it a card in {path.with_suffix('.json').name}."
        )
    said.setdefault("licence", "not stated")
    unit = {"softmax": "probability of one of these classes", "sigmoid": "probability"}.get(
        description.activation, "score"
    )
    units = {"units": dict.fromkeys(description.outputs, unit)} if description.outputs else {}
    return Encoder(
        name=name,
        architecture=architecture,
        feature_names=features,
        preprocessing=preprocessing,
        card=card(architecture, outputs=description.outputs, weights=made_of, **said) | units,
        hash=encoder_hash(f"{architecture} {description.activation}", made_of, preprocessing, features),
        module=module,
    )


def _preprocessing(given: Mapping[str, Any], channels: int, path: Path) -> Preprocessing:
    """Return the preprocessing of a network; what is not given stays as is usual for so many channels."""
    wanted = given.get("channels", channels)
    if wanted != channels:
        raise InputError(
            f"the preprocessing gives {wanted!r} channels and the first layer takes {channels}",
            file=_describing(path),
        )
    if channels not in IMAGENET:
        raise InputError(f"the first layer takes {channels} channels", file=path, allowed="1 or 3")
    mean, std = IMAGENET[channels]
    return build(Preprocessing, {"channels": channels, "mean": mean, "std": std, **given}, file=_describing(path))


def _within(path: Path) -> Path:
    """Return the weight file of a folder: ``weights.safetensors``, as :mod:`blues.pretrain` writes it, or the only one.

    A path that is no folder is returned as it is.
    """
    if not path.is_dir():
        return path
    files = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES)
    chosen = [p for p in files if p.name == "weights.safetensors"] or files
    if len(chosen) == 1:
        return chosen[0]
    what = f"{len(files)} weight files in this folder" if files else "no weight file in this folder"
    raise InputError(what, file=path, allowed="weights.safetensors, or one file", remedy="Name the files one by one")


def _opened(path: Path) -> Any:
    try:
        return safetensors.safe_open(path, framework="pt")
    except safetensors.SafetensorError as error:
        raise InputError(f"not a safetensors file, or cut short ({error})", file=path, remedy="Copy it again") from None


def _state(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors; a dict that holds them under ``state_dict`` or ``model`` is opened, a common prefix dropped."""
    if path.suffix == ".safetensors":
        with _opened(path) as file:
            return renamed(_plain_names({key: file.get_tensor(key) for key in file.keys()}))  # noqa: SIM118
    content = read_torch(path)
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if (
        not isinstance(content, Mapping)
        or not content
        or not all(isinstance(v, torch.Tensor) for v in content.values())
    ):
        raise InputError("holds no state dict", file=path, allowed="names to tensors")
    return renamed(_plain_names({str(key): value for key, value in content.items()}))


def _plain_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Drop what wrappers put before every name, however they are nested."""
    while prefix := next((p for p in PREFIXES if state and all(key.startswith(p) for key in state)), None):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def read_torch(path: Path, device: str = "cpu", remedy: str | None = None) -> Any:
    """Read a file of tensors that ``torch.save`` wrote; no code in it runs.

    Parameters
    ----------
    path : Path
    device : str
        Where the tensors shall lie.
    remedy : str, optional
        What to do about a damaged file.

    Raises
    ------
    InputError
        When the file is damaged, of another format or holds more than tensors and plain values.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols
            return torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            "not a torch file of tensors alone",
            file=path,
            allowed="a state dict; files that hold whole objects could run code and are not read",
            remedy=remedy or "Where you trust it: torch.save(model.state_dict(), path), or safetensors",
        ) from None
    except DAMAGE as error:
        reason = f" ({str(error).splitlines()[0]})" if isinstance(error, RuntimeError) else ""
        raise InputError(f"not a torch file, or damaged or cut{reason}", file=path, remedy=remedy) from None


def _recognise(state: Mapping[str, torch.Tensor], path: Path) -> str:
    """Return the architecture whose names are those of the state dict, its head aside."""
    present = {key for key in state if not key.endswith("num_batches_tracked")}
    misfit = {}
    for architecture in nets.ARCHITECTURES:
        with torch.device("meta"):
            expected = {k for k in nets.build(architecture).state_dict() if not k.endswith("num_batches_tracked")}
        missing = expected - present
        extra = {key for key in present - expected if not key.startswith(HEADS)}
        if not missing and not extra:
            return architecture
        misfit[architecture] = (len(missing) + len(extra), sorted(missing)[:2], sorted(extra)[:2])
    nearest = min(misfit, key=lambda a: misfit[a][0])
    _, missing_few, extra_few = misfit[nearest]
    raise InputError(
        f"its {len(state)} tensors fit no known architecture; nearest is {nearest} "
        f"(missing {', '.join(missing_few) or 'none'}; unknown {', '.join(extra_few) or 'none'})",
        file=path,
        allowed=f"torchvision's or timm's names for {', '.join(nets.ARCHITECTURES)}",
    )


def _module(state: Mapping[str, torch.Tensor], description: Description, path: Path) -> nets.Embedding:
    """Build the network and fill it; every tensor must fit."""
    arguments = dict(description.arguments)
    with torch.device("meta"):
        probe = nets.build(str(description.architecture), **arguments)
    entry = next(name for name, layer in probe.named_modules() if isinstance(layer, nn.Conv2d))
    first = state.get(f"{entry}.weight")  # by its name: a file may hold the tensors in any order
    if first is not None and first.ndim == 4:
        arguments.setdefault("channels", first.shape[1])
    backbone = nets.build(str(description.architecture), **arguments)
    fill(backbone, state, str(description.architecture), path)
    head = None
    if description.outputs:
        with torch.random.fork_rng(devices=[]):
            head = nn.Linear(backbone.width, len(description.outputs))
        prefix = backbone.head_name + "."
        fill(head, {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}, prefix[:-1], path)
    return nets.Embedding(backbone, head, description.activation).eval().requires_grad_(False)


def _first(module: nn.Module) -> nn.Conv2d:
    return next(layer for layer in module.modules() if isinstance(layer, nn.Conv2d))
