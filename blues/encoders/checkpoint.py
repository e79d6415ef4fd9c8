"""Reads and writes encoders as state dicts in plain torch with torchvision's or timm's names.

A file is ``.safetensors``, whose header may hold the description, or ``.pt``/``.pth`` (read with ``weights_only``, so that no
code in it runs). The description can also lie beside the file as JSON, ``w.json`` or ``w.pt.json`` for ``w.pt``:
``architecture``, ``arguments``, ``preprocessing``, ``outputs``, ``activation``, ``card``, ``key``. Without one the architecture
is recognised by its keys.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from blues.check import InputError, build
from blues.encoders import lus, nets
from blues.encoders.base import (
    SUFFIXES,
    Encoder,
    Preprocessing,
    distinct,
    encoder_hash,
    weights_hash,
)
from blues.encoders.cards import card, check_card
from blues.encoders.states import HEADS, Tensors, fill, is_safetensors, opened, read, strangers
from blues.provenance import replacing

__all__ = ["Description", "encoder", "read_description", "save"]

IMAGENET = {3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), 1: ((0.449,), (0.226,))}
CLAIMING = (*SUFFIXES, ".ckpt", ".tar")
"""How the names of files end that a JSON beside them may describe."""
KNOWN = ("saw", "labels", "licence", "source", "note")


@dataclasses.dataclass(frozen=True)
class Description:
    """What a weight file says about itself.

    Attributes
    ----------
    architecture : str or None
        A key of :data:`blues.encoders.nets.ARCHITECTURES`; None: recognise it by the names of the tensors.
    arguments : dict
        For :func:`blues.encoders.nets.build`: ``channels``, ``planes``, and how a network of these names computes:
        ``padding`` and ``eps``.
    preprocessing : dict or None
        As :meth:`Preprocessing.as_dict`. What is not given stays as usual: 224x224, as many channels as the network takes,
        ImageNet's mean and standard deviation of those.
    outputs : tuple of str
        Names of the linear head's outputs; empty: the head is left out.
    activation : str
        ``softmax`` (of two outputs or more), ``sigmoid`` or ``identity``.
    card : dict
        ``saw`` and ``labels`` (lists of names), ``licence``, ``source``, ``note``. Without ``saw`` the card will say
        ``unknown``.
    key : str or None
        Where the tensors lie in a torch file that holds several things, such as ``state_dict_ema``.

    Raises
    ------
    InputError
        When a field of the card is of another type, or named almost as one that is known.
    """

    architecture: str | None = None
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    preprocessing: dict[str, Any] | None = None
    outputs: tuple[str, ...] = ()
    activation: str = "softmax"
    card: dict[str, Any] = dataclasses.field(default_factory=dict)
    key: str | None = None

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

    Raises
    ------
    InputError
        When the file is called otherwise, or could not be read back as described.
    """
    path = Path(path)
    if path.suffix != ".safetensors" or description.architecture is None:
        raise InputError("a weight file ends in .safetensors and names its architecture", file=path)
    state = {key: value.detach().cpu().contiguous() for key, value in module.backbone.state_dict().items()}
    if module.head is not None:
        head = module.backbone.head_name
        state |= {f"{head}.{key}": value.detach().cpu().contiguous() for key, value in module.head.state_dict().items()}
    _module(Tensors(state), description, path)
    header = {"blues": json.dumps(dataclasses.asdict(description), sort_keys=True)}
    with replacing(path) as draft:
        safetensors.torch.save_file(state, draft, metadata=header)


def read_description(path: str | Path) -> Description:
    """Read what a weight file says about itself, without reading weights: its header, and the JSON beside it.

    Parameters
    ----------
    path : path
        The weight file. The JSON is called as the file and ``.json`` (``w.pt.json``), or has ``.json`` in place of its ending.

    Returns
    -------
    Description
        Where both say something of a field, the JSON's word counts, but the cohorts of both lists ``saw`` were seen: a
        description can add to what its file has seen, and take nothing from it.

    Raises
    ------
    InputError
        When one of the two is damaged or holds fields that are not known, or the JSON could be of another weight file.
    """
    path = Path(path)
    said: dict[str, Any] = {}
    for _, values in _sources(path):
        said = _overridden(said, values)
    return build(Description, said, file=path)


def _overridden(first: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description's values with those of another in their place; both lists of cohorts count."""
    found = {**first, **then}
    same = then.get("architecture", first.get("architecture")) == first.get("architecture")
    for field in ("preprocessing", "card", *(["arguments"] if same else [])):
        if first.get(field) and then.get(field) is not None:
            found[field] = {**first[field], **then[field]}
    saw = [one["card"]["saw"] for one in (first, then) if "saw" in one.get("card", {})]
    if saw:
        found["card"] = {**found["card"], "saw": list(dict.fromkeys(name for names in saw for name in names))}
    return found


def _sources(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Return the descriptions of a weight file, each with the file it stands in: the header first, then the JSON beside."""
    found = []
    if is_safetensors(path):
        with opened(path) as file:
            header = file.metadata() or {}
        if "blues" in header:
            found.append((path, _described(header["blues"].encode(), path)))
    if (beside := _beside(path)) is not None:
        found.append((beside, _described(beside.read_bytes(), beside)))
    return found


def _beside(path: Path) -> Path | None:
    """Return the JSON beside a weight file, if any; one that two weight files could claim is refused."""
    own, shared = path.with_name(path.name + ".json"), path.with_suffix(".json")
    if own.is_file():
        return own
    if not shared.is_file():
        return None
    claiming = sorted(
        other.name
        for other in path.parent.iterdir()
        if other.stem == path.stem
        and (other.suffix.lower() in CLAIMING or other == path)
        and not other.with_name(other.name + ".json").is_file()
    )
    if len(claiming) > 1:
        raise InputError(
            f"could describe {' or '.join(claiming)}",
            file=shared,
            remedy=f"Call it {own.name}, after the file that it describes, or move the others away",
        )
    return shared


def _where(path: Path, field: str) -> Path:
    """Return the file that gives a field of a weight file's description, or the weight file itself."""
    return next((file for file, values in reversed(_sources(path)) if values.get(field)), path)


def _described(text: bytes, file: Path) -> dict[str, Any]:
    """Read the fields of a description from JSON, those that are given, and check them."""
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
    build(Description, values, file=file)
    return values


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
    tensors = read(path, description.key)
    if description.architecture == lus.ARCHITECTURE:
        return lus.encoder(path, name, tensors.named, description)
    if description.architecture is None:
        description = dataclasses.replace(description, architecture=_recognise(tensors, path))
        tensors = _with_note(tensors, str(description.architecture))
    module = _module(tensors, description, path)
    preprocessing = _preprocessing(description.preprocessing or {}, _first(module).weight.shape[1], path)
    architecture = str(description.architecture)
    width = module.backbone.width
    features = (*(f"map_{i + 1:0{len(str(width))}d}" for i in range(width)), *description.outputs)
    distinct(features, path)
    made_of = weights_hash(module.state_dict())
    variant = nets.variant(description.arguments)
    said = _said(description, tensors, path)
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
        hash=encoder_hash(" ".join([architecture, description.activation, *variant]), made_of, preprocessing, features),
        module=module,
    )


def _with_note(tensors: Tensors, architecture: str) -> Tensors:
    """Add what the names do not tell: networks that compute otherwise, such as timm's resnetblur50, have a ResNet's."""
    if not architecture.startswith("resnet"):
        return tensors
    note = f"Told by its names alone, and computed as torchvision's {architecture}."
    return dataclasses.replace(tensors, notes=(*tensors.notes, note))


def _said(description: Description, tensors: Tensors, path: Path) -> dict[str, Any]:
    """Return the fields of the card that a description gives, with notes on how its file was read."""
    said = {key: value for key, value in description.card.items() if key in KNOWN}
    notes = list(tensors.notes)
    if "saw" not in said:
        said["saw"] = ["unknown"]
        if "note" not in said:
            where = (_beside(path) or path.with_suffix(".json")).name
            notes.insert(0, f"The file does not say what it has seen; give it a card in {where}.")
    if variant := nets.variant(description.arguments):
        notes.append(f"Computed with {', '.join(variant)}.")
    elif tensors.timm:
        notes.append(
            "Its names are timm's: taken for the variant with symmetric padding and eps 1e-05, not for a tf_ one."
        )
    said["note"] = " ".join(filter(None, [said.get("note", ""), *notes]))
    return said | {"licence": said.get("licence", "not stated")}


def _preprocessing(given: Mapping[str, Any], channels: int, path: Path) -> Preprocessing:
    """Return the preprocessing of a network; what is not given stays as is usual for so many channels."""
    wanted = given.get("channels", channels)
    if wanted != channels:
        raise InputError(
            f"the preprocessing gives {wanted!r} channels and the first layer takes {channels}",
            file=_where(path, "preprocessing"),
        )
    if channels not in IMAGENET:
        raise InputError(f"the first layer takes {channels} channels", file=path, allowed="1 or 3")
    for name, value in given.items():
        if any(isinstance(item, bool) for item in (value if isinstance(value, list) else [value])):
            what = f"{name} of the preprocessing is {json.dumps(value)}"
            raise InputError(what, file=_where(path, "preprocessing"), allowed="numbers, or text for geometry")
    mean, std = IMAGENET[channels]
    usual = {"channels": channels, "mean": mean, "std": std}
    return build(Preprocessing, {**usual, **given}, file=_where(path, "preprocessing"))


def _within(path: Path) -> Path:
    """Return the weight file of a folder: ``weights.safetensors``, as :mod:`blues.pretrain` writes it, or the only one.

    A path that is no folder is returned as it is.
    """
    if not path.is_dir():
        return path
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
    chosen = [p for p in files if p.name == "weights.safetensors"] or files
    if len(chosen) == 1:
        return chosen[0]
    what = f"{len(files)} weight files in this folder" if files else "no weight file in this folder"
    raise InputError(what, file=path, allowed="weights.safetensors, or one file", remedy="Name the files one by one")


def _recognise(tensors: Tensors, path: Path) -> str:
    """Return the architecture whose names are those of the state dict, its head aside."""
    nearest, share, told = "", 0.0, ""
    for architecture in nets.ARCHITECTURES:
        with torch.device("meta"):
            expected = {*nets.build(architecture).state_dict()}
        missing, extra = strangers(expected, tensors.named), strangers(tensors.named, expected, HEADS)
        if not missing and not extra:
            return architecture
        common = len(expected & {*tensors.named})
        if (alike := common / (common + len(missing) + len(extra))) > share:
            nearest, share = architecture, alike
            few = [", ".join(map(tensors.called, names[:2])) or "none" for names in (missing, extra)]
            told = f"; nearest is {nearest} (missing {few[0]}; unknown {few[1]})"
    if not nearest and tensors.named:
        told = f" (the first are {', '.join(map(tensors.called, [*tensors.named][:3]))})"
    raise InputError(
        f"its {len(tensors.named)} tensors fit no known architecture{told}",
        file=path,
        allowed=f"torchvision's or timm's names for {', '.join(nets.ARCHITECTURES)}",
    )


def _module(tensors: Tensors, description: Description, path: Path) -> nets.Embedding:
    """Build the network and fill it; every tensor must fit."""
    architecture, arguments = str(description.architecture), dict(description.arguments)
    state = tensors.named
    with torch.device("meta"):
        probe = nets.build(architecture, **arguments)
    entry = next(name for name, layer in probe.named_modules() if isinstance(layer, nn.Conv2d))
    first = state.get(f"{entry}.weight")  # by its name: a file may hold the tensors in any order
    if first is not None and first.ndim == 4:
        arguments.setdefault("channels", first.shape[1])
    backbone = nets.build(architecture, **arguments)
    prefix = _head_prefix(state, backbone)
    fill(backbone, state, architecture, path, called=tensors.called, aside=(*HEADS, prefix))
    head = None
    if description.outputs:
        with torch.random.fork_rng(devices=[]):
            head = nn.Linear(backbone.width, len(description.outputs))
        if f"{prefix}weight" not in state and (found := sorted(k for k in state if k.startswith(HEADS))):
            raise InputError(
                f"its head is no linear layer of its own: {', '.join(map(tensors.called, found))}",
                file=path,
                allowed=f"{tensors.called(prefix + 'weight')} and {tensors.called(prefix + 'bias')}",
                remedy="Leave the outputs out for the features alone, or give the network from Python as encoders.Encoder",
            )
        mine = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        what = f"the head of {len(description.outputs)} outputs"
        fill(head, mine, what, path, called=lambda name: tensors.called(prefix + name))
    try:
        return nets.Embedding(backbone, head, description.activation).eval().requires_grad_(False)
    except InputError as told:
        raise InputError(str(told), file=path) from None


def _head_prefix(state: Mapping[str, torch.Tensor], backbone: nets.Backbone) -> str:
    """Return what the linear head's names begin with: the network's own, or the only other one that is there.

    A linear layer that is all that is below a head's name is the head: ``fc.1`` of dropout and a linear layer.
    """
    own = f"{backbone.head_name}."
    if f"{own}weight" in state:
        return own
    below = [name for name in state if name.startswith(HEADS)]
    direct = [prefix for prefix in HEADS if f"{prefix}weight" in state]
    linear = direct or [name.removesuffix("weight") for name in below if name.endswith(".weight")]
    alone = len(linear) == 1 and (bool(direct) or all(name.startswith(linear[0]) for name in below))
    return linear[0] if alone else own


def _first(module: nn.Module) -> nn.Conv2d:
    return next(layer for layer in module.modules() if isinstance(layer, nn.Conv2d))
