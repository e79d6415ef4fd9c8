"""Reads the weights of a Keras model, layer by layer, without Keras or TensorFlow.

Understood are: HDF5 as ``save_weights`` and ``save`` of Keras 2 write it (``layer_names``, ``weight_names`` attributes, for a
whole model under ``model_weights``); Keras 3's ``.weights.h5`` (``layers/NAME/vars/0``) and ``.keras`` archives; TensorFlow
SavedModel folders and checkpoints.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blues.check import InputError
from blues.cohort import natural_key
from blues.encoders import tensor_bundle

__all__ = ["Layer", "last_activation", "read_layers"]

NORM = ("gamma", "beta", "moving_mean", "moving_variance")
# what h5py and zipfile raise on damaged files
DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, EOFError, MemoryError)
# of MobileNetV2 in keras.applications: the layers outside of its blocks, by block and place, and those within
OUTSIDE = {"Conv1": (-1, 0), "bn_Conv1": (-1, 1), "Conv_1": (10_000, 0), "Conv_1_bn": (10_000, 1)}
PARTS = ("expand", "depthwise", "project")
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
        When there is no such file, it is none of these, a folder holds several, or h5py is missing.
    """
    path = Path(path)
    files = _inside(path)
    path = files[0] if len(files) == 1 else path
    if index := _checkpoint_index(path):
        return _from_checkpoint(index)
    if len(files) > 1:
        raise _several(path, files, "weight files")
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


def last_activation(path: str | Path) -> str | None:
    """Return what a model's last layer does to its values, such as ``softmax``.

    Parameters
    ----------
    path : path
        As for :func:`read_layers`.

    Returns
    -------
    str or None
        None where the file does not say: weights alone, TensorFlow's formats, a last layer without an activation.
    """
    path = Path(path)
    files = _inside(path)
    path = files[0] if len(files) == 1 else path
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return _ends_in(json.loads(archive.read("config.json")))
        import h5py

        with h5py.File(path, "r") as file:
            return _ends_in(json.loads(file.attrs["model_config"]))
    except (ImportError, zipfile.BadZipFile, zlib.error, *DAMAGE):
        return None


def _ends_in(described: Mapping[str, Any]) -> str | None:
    """Return the activation of a layer that Keras describes, or of the last one of a model."""
    config = described["config"]
    layers = config.get("layers") if isinstance(config, Mapping) else config
    if layers:
        ends = re.findall(r'"([^"]+)"', json.dumps(config.get("output_layers"))) if isinstance(config, Mapping) else []
        return _ends_in(next((one for one in layers if one["config"].get("name") in ends[:1]), layers[-1]))
    told = config.get("activation", {"Softmax": "softmax"}.get(described["class_name"]))
    if isinstance(told, Mapping):
        told = told["config"] if isinstance(told.get("config"), str) else told["class_name"]
    return None if told is None else str(told).lower()


def _inside(path: Path) -> list[Path]:
    """Return Keras' files in a folder; none of a path that is no folder."""
    if not path.is_dir():
        return []
    return sorted(file for end in ("h5", "hdf5", "keras") for file in path.glob(f"*.{end}"))


def _checkpoint_index(path: Path) -> Path | None:
    """Return the index file of the TensorFlow checkpoint that ``path`` stands for, if it does."""
    candidates = [path] if path.suffix == ".index" else [path.with_name(path.name + ".index")]
    if path.is_dir():
        candidates = [path / "variables" / "variables.index", path / "best_weights" / "variables" / "variables.index"]
        candidates += _latest(path)
    return next((c for c in candidates if c.is_file()), None)


def _latest(folder: Path) -> list[Path]:
    """Return the one checkpoint of a folder, or the one that TensorFlow's file ``checkpoint`` there calls the latest."""
    found = sorted(folder.glob("*.index"))
    record = folder / "checkpoint"
    if record.is_file() and (named := re.search(r'^model_checkpoint_path: "(.*)"', _read(record), re.MULTILINE)):
        latest = folder / (re.split(r"[/\\]", named[1])[-1] + ".index")
        if latest in found:
            return [latest]
    if len(found) > 1:
        raise _several(folder, found, "TensorFlow checkpoints")
    return found


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _several(folder: Path, files: Sequence[Path], what: str) -> InputError:
    """Return the error that names the files of a folder of which one should be given."""
    names = ", ".join(file.name for file in files[:6]) + f" and {len(files) - 6} more" * (len(files) > 6)
    return InputError(
        f"{len(files)} {what} in this folder: {names}",
        file=folder,
        allowed="one",
        remedy="Name the file; several that make an ensemble go into folders fold_0, fold_1, ...",
    )


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
    layers: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for layer in map(_text, group.attrs["layer_names"]):
        for weight in map(_text, group[layer].attrs["weight_names"]):
            owner, _, kind = weight.rpartition("/")
            name = owner.split("/")[-1] or layer  # of a model that is a layer, its own layer
            # Keras 3 writes a depth-wise kernel as "kernel"
            kind = kind.split(":")[0]
            kind = "depthwise_kernel" if kind == "kernel" and "depthwise" in name else kind
            layers.setdefault((layer, name), {})[kind] = np.asarray(group[layer][weight])
    return _sorted([Layer(name, weights) for (_, name), weights in layers.items()])


def _sorted(layers: list[Layer]) -> list[Layer]:
    """Put layers that keras.applications names into the model's order, each in a place where one of them was.

    Of a model that is a layer of another, Keras 2 writes what was trained first and what was frozen after it.
    """
    places = [i for i, layer in enumerate(layers) if _place(layer.name) is not None]
    known = sorted((layers[i] for i in places), key=lambda layer: _place(layer.name) or ())
    for i, layer in zip(places, known, strict=True):
        layers[i] = layer
    return layers


def _place(name: str) -> tuple[int, int] | None:
    """Return where VGG-16 or MobileNetV2 of keras.applications has a layer; None for other names."""
    if match := re.fullmatch(r"block(\d+)_conv(\d+)", name):
        return int(match[1]), int(match[2])
    if name in OUTSIDE:
        return OUTSIDE[name]
    match = re.fullmatch(r"(?:expanded_conv|block_(\d+))_(expand|depthwise|project)(_BN)?", name)
    return (int(match[1] or 0), 2 * PARTS.index(match[2]) + bool(match[3])) if match else None


def _numbered(group: Any) -> list[Layer]:
    """Read Keras 3's layout, where the arrays of a layer are numbered; the order within one kind is in the names.

    A model that is a layer of another holds its own layers below it and comes first: what it gives is classified after it.
    """
    found: dict[str, list[np.ndarray]] = {}

    def visit(name: str, item: Any) -> None:
        if name.endswith("/vars") and name.split("/")[0] not in ("optimizer", "metrics") and len(item):
            found[name.removesuffix("/vars")] = [np.asarray(item[key]) for key in sorted(item, key=int)]

    group.visititems(visit)
    layers = []
    for path in sorted(found, key=lambda p: (-p.count("/"), natural_key(p))):
        arrays, name = found[path], path.split("/")[-1]
        kernel = "depthwise_kernel" if "depthwise" in name else "kernel"
        keys = NORM if len(arrays) == 4 and arrays[0].ndim == 1 else (kernel, "bias")
        layers.append(Layer(name, dict(zip(keys, arrays, strict=False))))
    return layers


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
