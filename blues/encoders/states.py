"""Reads the tensors of weight files, gives them torchvision's names, and fills networks with them; no code in a file runs."""

from __future__ import annotations

import dataclasses
import pickle
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import nn

from blues.check import InputError, counted
from blues.encoders import timm_names

__all__ = [
    "DAMAGE",
    "HEADS",
    "TRAINING",
    "Tensors",
    "fill",
    "is_safetensors",
    "opened",
    "read",
    "read_torch",
    "strangers",
]

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
PREFIXES = ("module.", "model.", "backbone.", "encoder.", "_orig_mod.", "net.", "network.")
# a name has a wrapper's prefix where at least this share of all has it: a head or a loss may stand beside the wrapped network
SHARE = 0.8
ASIDE = ("n_averaged", "criterion.", "loss.", "loss_fn.")
HOLDERS = ("state_dict", "model_state_dict", "model", "net", "network")
TRAINING = frozenset({"net", "average", "optimiser", "settings"})
"""What tells the file that a training of :mod:`blues.pretrain` goes on from."""
AVERAGES = {"ema", "swa", "avg", "average", "averaged", "polyak"}
"""Words in the names under which files hold weights that were averaged over training."""
COUNTER = "num_batches_tracked"


@dataclasses.dataclass(frozen=True)
class Tensors:
    """The tensors of a weight file, by torchvision's names.

    Attributes
    ----------
    named : dict of str to tensor
    source : dict of str to str
        What each is called in the file, where that differs.
    notes : tuple of str
        What a reader of the card must know of how they were read.
    timm : str
        The architecture whose names timm's were; empty where they were not.
    """

    named: dict[str, torch.Tensor]
    source: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    timm: str = ""

    def called(self, name: str) -> str:
        """Return what a tensor is called in the file, or would be if it were there."""
        return self.source.get(name) or (timm_names.original(name, self.timm) if self.timm else name)


def is_safetensors(path: Path) -> bool:
    """Tell whether a weight file is read as safetensors, by its name."""
    return path.suffix.lower() == ".safetensors"


def opened(path: Path) -> Any:
    """Open a safetensors file.

    Raises
    ------
    InputError
        When it is none, or damaged.
    """
    try:
        return safetensors.safe_open(path, framework="pt")
    except safetensors.SafetensorError as error:
        raise InputError(f"not a safetensors file, or cut short ({error})", file=path, remedy="Copy it again") from None


def read(path: Path, key: str | None = None) -> Tensors:
    """Read the tensors of a weight file; what wrappers put before the names is dropped, timm's names become torchvision's.

    Parameters
    ----------
    path : Path
        ``.safetensors``, or what ``torch.save`` wrote.
    key : str, optional
        Where the tensors lie in a torch file that holds several things; by default under ``state_dict``,
        ``model_state_dict``, ``model``, ``net`` or ``network``, or at the top.

    Raises
    ------
    InputError
        When the file is damaged, of another format, holds code or no tensors, or averaged weights lie beside others and
        ``key`` does not say which are meant.
    """
    notes: list[str] = []
    if is_safetensors(path):
        if key is not None:
            raise InputError(
                f"key is {key!r}, and a safetensors file has no such parts", file=path, remedy="Leave it out"
            )
        with opened(path) as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    else:
        state, notes = _chosen(read_torch(path), key, path)
    left = sorted(name for name in state if name.startswith(ASIDE))
    if left:
        notes.append(f"Left aside, being no part of a network: {', '.join(left)}.")
    plain = _plain_names([name for name in state if name not in left], path)
    architecture = timm_names.architecture(plain)
    other = timm_names.renamed(plain, path, plain.__getitem__)
    source = {new: plain[old] for old, new in other.items()}
    named = {new: state[old] for new, old in source.items()}
    return Tensors(named, {new: old for new, old in source.items() if new != old}, tuple(notes), architecture)


def _chosen(content: Any, key: str | None, path: Path) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Return the state dict of a torch file's content, and a note on where in it that lay."""
    if key is None and isinstance(content, Mapping) and set(content) >= TRAINING:
        raise InputError(
            "is what a training of blues.pretrain goes on from, and not what it ends with",
            file=path,
            allowed="its weights.safetensors, written when the training is finished",
            remedy="Give the same command again, which ends it",
        )
    if key is not None:
        if not isinstance(content, Mapping) or not _is_state(content.get(key)):
            raise _no_state(content, path, f"holds no state dict under {key!r}")
        return {str(name): value for name, value in content[key].items()}, [f"Read from {key!r} of the file."]
    taken: list[str] = []
    while isinstance(content, Mapping) and not _is_state(content):
        held = [name for name in content if isinstance(content[name], Mapping) and content[name]]
        usual = [name for name in HOLDERS if name in held]
        averaged = [
            name for name in held if AVERAGES & {*re.split(r"[_\W]+", str(name).lower())} and _holds(content[name])
        ]
        if averaged and len({*usual, *averaged}) > 1:
            raise InputError(
                f"holds weights under {', '.join(dict.fromkeys([*usual, *averaged]))}, of which {', '.join(averaged)} are "
                "averages over training",
                file=path,
                remedy=f'Say which in the JSON beside it: {{"key": "{averaged[0]}"}}',
            )
        if not (usual or averaged):
            break
        taken.append(str([*usual, *averaged][0]))
        content = content[taken[-1]]
    if not _is_state(content):
        raise _no_state(content, path, "holds no state dict")
    notes = [f"Read from {'.'.join(taken)!r} of the file."] if taken else []
    return {str(name): value for name, value in content.items()}, notes


def _is_state(content: Any) -> bool:
    return isinstance(content, Mapping) and bool(content) and all(isinstance(v, torch.Tensor) for v in content.values())


def _holds(content: Mapping[Any, Any]) -> bool:
    """Tell whether this is a state dict or has one directly in it."""
    return _is_state(content) or any(map(_is_state, content.values()))


def _no_state(content: Any, path: Path, what: str) -> InputError:
    """Return the error that names what the file holds instead."""
    if not isinstance(content, Mapping) or not content:
        return InputError(f"{what} (it holds a {type(content).__name__})", file=path, allowed="names to tensors")
    states = [str(name) for name in content if _is_state(content[name])]
    names = ", ".join(list(map(str, content))[:8]) + ", ..." * (len(content) > 8)
    remedy = f'Say where in the JSON beside it: {{"key": "{states[0]}"}}' if states else None
    return InputError(f"{what} (it holds {names})", file=path, allowed="names to tensors", remedy=remedy)


def _plain_names(names: Iterable[str], path: Path) -> dict[str, str]:
    """Return names without what wrappers put before them, however nested, each with its name in the file."""
    plain = {name: name for name in names}
    while prefix := next((p for p in PREFIXES if _carried(p, plain)), None):
        shorter = {name.removeprefix(prefix): source for name, source in plain.items()}
        if len(shorter) < len(plain):
            twice = next(name for name in plain if name.startswith(prefix) and name.removeprefix(prefix) in plain)
            raise InputError(
                f"holds both {twice!r} and {twice.removeprefix(prefix)!r}", file=path, allowed="one network"
            )
        plain = shorter
    return plain


def _carried(prefix: str, names: Iterable[str]) -> bool:
    begins = [name.startswith(prefix) for name in names]
    return bool(begins) and sum(begins) >= SHARE * len(begins)


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
        When the file is damaged (checksums are compared where it has some), of another format or holds more than tensors and
        plain values.
    OSError
        When there is no such file, or it may not be read.
    """
    _check_sums(path, remedy)
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
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except (OSError, *DAMAGE) as error:  # torch seeks beyond the end of some files that were cut
        reason = f" ({str(error).splitlines()[0]})" if isinstance(error, RuntimeError) else ""
        raise InputError(f"not a torch file, or damaged or cut{reason}", file=path, remedy=remedy) from None


def _check_sums(path: Path, remedy: str | None) -> None:
    """Raise when a part of a torch file is not what its checksum says; torch does not look."""
    try:
        with zipfile.ZipFile(path) as archive:
            has_sums = any(entry.CRC for entry in archive.infolist())  # torch.save can be told to leave them out
            part = archive.testzip() if has_sums else None
    except (OSError, zipfile.BadZipFile, zlib.error, *DAMAGE):
        return  # an older kind of file, or one that torch.load refuses in words
    if part is not None:
        raise InputError(
            f"damaged: the checksum of its part {part} does not fit", file=path, remedy=remedy or "Copy it again"
        )


def strangers(state: Iterable[str], wanted: Iterable[str], aside: tuple[str, ...] = ()) -> list[str]:
    """Return the names that a network does not have, but for counters of batches and names that begin as ``aside`` says.

    Parameters
    ----------
    state, wanted : iterable of str
        The names of a file, and the network's.
    aside : tuple of str
        Beginnings of names that may be there.
    """
    return sorted(name for name in {*state} - {*wanted} if not name.endswith(COUNTER) and not name.startswith(aside))


def fill(
    module: nn.Module,
    state: Mapping[str, torch.Tensor],
    what: str,
    path: Path,
    *,
    called: Callable[[str], str] = str,
    aside: tuple[str, ...] = (),
) -> None:
    """Fill a module with the tensors of a file, all of them.

    Parameters
    ----------
    module : nn.Module
    state : mapping of str to tensor
    what : str
        What the module is called in messages.
    path : Path
        Where the tensors come from.
    called : callable
        From a tensor's name to what it is called in the file.
    aside : tuple of str
        Beginnings of the names of further tensors that may be there.

    Raises
    ------
    InputError
        When a tensor is missing, of another shape, not made of floating-point numbers that are finite, or left over; it
        names file, tensor, shape found and shape wanted.
    """
    wanted = module.state_dict()
    remedy = "The weights do not fit it: they may be of another network, or of another size"
    for key, tensor in wanted.items():
        found = state.get(key)
        if found is None:
            if key.endswith(COUNTER):
                continue
            raise InputError(
                f"{what} needs the tensor {called(key)!r}, which is missing",
                file=path,
                allowed=f"shape {tuple(tensor.shape)}",
                remedy=remedy,
            )
        _plain_tensor(found, called(key), path)
        if found.shape != tensor.shape:
            raise InputError(
                f"tensor {called(key)!r} has shape {tuple(found.shape)}, and {what} expects {tuple(tensor.shape)}",
                file=path,
                remedy=remedy,
            )
        if not key.endswith(COUNTER):
            _numbers(found, called(key), path)
    if extra := strangers(state, wanted, aside):
        some = ", ".join(map(called, extra[:3])) + f" and {len(extra) - 3} more" * (len(extra) > 3)
        raise InputError(
            f"holds {counted(len(extra), 'tensor')} that {what} does not have: {some}",
            file=path,
            remedy="If they are another task's head, save the weights without them; else they are of another network",
        )
    module.load_state_dict({key: state.get(key, tensor) for key, tensor in wanted.items()})


def _plain_tensor(tensor: torch.Tensor, name: str, path: Path) -> None:
    """Raise for tensors that do not simply hold their values."""
    kinds = {"meta, without values": tensor.is_meta, "quantised": tensor.is_quantized}
    kind = next((k for k, is_so in kinds.items() if is_so), "" if tensor.layout == torch.strided else "sparse")
    if kind:
        raise InputError(
            f"tensor {name!r} is {kind}", file=path, allowed="dense tensors", remedy="Save it dense, as float32"
        )


def _numbers(tensor: torch.Tensor, name: str, path: Path) -> None:
    """Raise unless a tensor's values are floating-point numbers, all finite."""
    if not tensor.is_floating_point():
        raise InputError(
            f"tensor {name!r} is of type {str(tensor.dtype).removeprefix('torch.')}",
            file=path,
            allowed="floating-point numbers",
            remedy="Save the weights as float32, before they are quantised",
        )
    if not torch.isfinite(tensor.float()).all():
        raise InputError(
            f"tensor {name!r} holds values that are not finite",
            file=path,
            remedy="The file is damaged, or its training diverged",
        )
