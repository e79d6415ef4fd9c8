"""Reads the weights of a Keras model, layer by layer, without Keras or TensorFlow.

Understood are: HDF5 as ``save_weights`` and ``save`` of Keras 2 write it (``layer_names``, ``weight_names`` attributes, for a
whole model under ``model_weights``); Keras 3's ``.weights.h5`` (``layers/NAME/vars/0``) and ``.keras`` archives; TensorFlow
SavedModel folders and checkpoints.
"""

from __future__ import annotations

import dataclasses
import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from blues.check import InputError
from blues.encoders import tensor_bundle

__all__ = ["Layer", "read_layers"]

NORM = ("gamma", "beta", "moving_mean", "moving_variance")
# what h5py and zipfile raise on damaged files
DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, EOFError, MemoryError)
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer's arrays, in Keras' shapes (rows, columns, inputs, outputs).

    Attributes
    ----------
    name : str
        As in the file.
    weights : dict
        ``kernel``, ``bias``, ``gamma``, ``beta``, ``moving_mean``, ``moving_variance`` or ``depthwise_kernel`` to array.
    """

    name: str
    weights: dict[str, np.ndarray]

    @property
    def kind(self) -> str:
        """``norm``, ``depthwise``, ``conv``, ``dense`` or ``other``."""
        if "moving_mean" in self.weights:
            return "norm"
        if "depthwise_kernel" in self.weights:
            return "depthwise"
        return (
            {4: "conv", 2: "dense"}.get(self.weights["kernel"].ndim, "other") if "kernel" in self.weights else "other"
        )


def read_layers(path: str | Path) -> list[Layer]:
    """Read the layers that have weights, in the model's order.

    Parameters
    ----------
    path : path
        ``.h5``, ``.hdf5``, ``.keras``, a folder with one of them, a SavedModel folder, or the ``.index`` file (or prefix)
        of a TensorFlow checkpoint.

    Raises
    ------
    InputError
        When there is no such file, it is none of these, or h5py is missing.
    """
    path = Path(path)
    if path.is_dir() and len(files := [*path.glob("*.h5"), *path.glob("*.hdf5"), *path.glob("*.keras")]) == 1:
        path = files[0]
    if index := _checkpoint_index(path):
        return _from_checkpoint(index)
    if not path.is_file():
        raise InputError(
            "no such weight file" if not path.exists() else "no weights in this folder",
            file=path,
            allowed=".h5, .hdf5, .keras, or a SavedModel folder with variables/variables.index",
        )
    with path.open("rb") as stream:
        start = stream.read(8)
    if zipfile.is_zipfile(path):
        return _from_archive(path)
    if start != HDF5_SIGNATURE:
        hint = "It looks like a Git LFS pointer: run git lfs pull" if start.startswith(b"version ") else None
        raise InputError(
            "not a Keras weight file (no HDF5 signature)", file=path, allowed=".h5, .keras, SavedModel", remedy=hint
        )
    return _from_hdf5(path, path)


def _checkpoint_index(path: Path) -> Path | None:
    """Return the index file of the TensorFlow checkpoint that ``path`` stands for, if it does."""
    candidates = [path] if path.suffix == ".index" else [path.with_name(path.name + ".index")]
    if path.is_dir():
        candidates = [path / "variables" / "variables.index", path / "best_weights" / "variables" / "variables.index"]
        candidates += sorted(path.glob("*.index"))[:1]
    return next((c for c in candidates if c.is_file()), None)


def _from_checkpoint(index: Path) -> list[Layer]:
    """Group ``layer_with_weights-3/kernel/.ATTRIBUTES/VARIABLE_VALUE`` by layer; the number is the model's order."""
    layers: dict[int, dict[str, np.ndarray]] = {}
    arrays = tensor_bundle.read(index)
    for name, array in arrays.items():
        match = re.fullmatch(r"(?:model/)?layer_with_weights-(\d+)/(\w+)/\.ATTRIBUTES/VARIABLE_VALUE", name)
        if match:
            layers.setdefault(int(match[1]), {})[match[2]] = array
    if not layers:
        raise InputError(
            f"this checkpoint holds no Keras layers (it holds {', '.join(sorted(arrays)[:3]) or 'nothing'}, ...)",
            file=index,
            allowed="names like layer_with_weights-0/kernel",
            remedy="Open the model in Keras and save it as .h5",
        )
    return [Layer(f"layer_with_weights-{number}", layers[number]) for number in sorted(layers)]


def _from_archive(path: Path) -> list[Layer]:
    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read("model.weights.h5") if "model.weights.h5" in archive.namelist() else None
    except (zipfile.BadZipFile, zlib.error, *DAMAGE) as error:
        raise InputError(f"damaged or cut archive ({error})", file=path, remedy="Download it again") from None
    if content is None:
        raise InputError("a zip archive without model.weights.h5 is no Keras model", file=path)
    return _from_hdf5(io.BytesIO(content), path)


def _from_hdf5(source: Path | io.BytesIO, path: Path) -> list[Layer]:
    try:
        import h5py
    except ImportError:
        raise InputError(
            "reading Keras HDF5 weights needs h5py",
            file=path,
            remedy="Install the extra: pip install 'blues-lus[keras]'",
        ) from None
    try:
        with h5py.File(source, "r") as file:
            group = file["model_weights"] if "model_weights" in file else file
            layers = _named(group) if "layer_names" in group.attrs else _numbered(group)
    except DAMAGE as error:
        raise InputError(f"damaged or cut HDF5 file ({error})", file=path, remedy="Download it again") from None
    if not layers:
        raise InputError("this HDF5 file holds no Keras layers", file=path)
    return layers


def _named(group: Any) -> list[Layer]:
    """Read Keras 2's layout, in the order that its attributes give."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    for layer in map(_text, group.attrs["layer_names"]):
        for weight in map(_text, group[layer].attrs["weight_names"]):
            owner, _, kind = weight.rpartition("/")
            # Keras 3 writes a depth-wise kernel as "kernel"
            kind = kind.split(":")[0]
            kind = "depthwise_kernel" if kind == "kernel" and "depthwise" in layer else kind
            layers.setdefault(owner.split("/")[-1] or layer, {})[kind] = np.asarray(group[layer][weight])
    return [Layer(name, weights) for name, weights in layers.items()]


def _numbered(group: Any) -> list[Layer]:
    """Read Keras 3's layout, where the arrays of a layer are numbered; the order within one kind is in the names."""
    found: dict[str, list[np.ndarray]] = {}

    def visit(name: str, item: Any) -> None:
        if name.endswith("/vars") and name.split("/")[0] not in ("optimizer", "metrics") and len(item):
            found[name.split("/")[-2]] = [np.asarray(item[key]) for key in sorted(item, key=int)]

    group.visititems(visit)
    layers = []
    for name in sorted(found, key=lambda n: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", n)]):
        arrays = found[name]
        kernel = "depthwise_kernel" if "depthwise" in name else "kernel"
        keys = NORM if len(arrays) == 4 and arrays[0].ndim == 1 else (kernel, "bias")
        layers.append(Layer(name, dict(zip(keys, arrays, strict=False))))
    return layers


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
