"""Which encoders there are, and how to get one by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from blues.check import InputError, one_of
from blues.encoders.base import SUFFIXES, Encoder, Preprocessing, encoder_hash, weights_hash
from blues.encoders.cards import card
from blues.provenance import text_hash

__all__ = ["BUNDLED", "describe", "get", "names"]

Weights = str | Path | Sequence[str | Path] | None

# weight files that come with the package, each an encoder by its own name
BUNDLED = Path(__file__).parent / "weights"


def _frame_stats(weights: Weights, seed: int) -> Encoder:
    from blues.encoders import frame_stats

    _no_weights("frame-stats", weights)
    features = tuple(frame_stats.FEATURES)
    preprocessing = Preprocessing(geometry="polar", size=frame_stats.SIZE)
    made_of = text_hash(frame_stats.DEFINITION)
    return Encoder(
        name="frame-stats",
        architecture="frame-stats",
        feature_names=features,
        preprocessing=preprocessing,
        card=card(
            "frame-stats",
            source="blues.encoders.frame_stats",
            weights=made_of,
            note="Hand-made image statistics with names a clinician can read; nothing is learned.",
        )
        | {"units": dict(frame_stats.FEATURES)},
        hash=encoder_hash("frame-stats", made_of, preprocessing, features),
        function=frame_stats.frame_stats,
    )


def _random_cnn(weights: Weights, seed: int) -> Encoder:
    from blues.encoders import nets

    _no_weights("random-cnn", weights)
    backbone = nets.build("small_cnn", channels=1, planes=16, stages=5)
    nets.seed_weights(backbone, seed)
    module = nets.Embedding(backbone).eval().requires_grad_(False)
    preprocessing = Preprocessing(size=(128, 128), mean=(0.5,), std=(0.25,))
    features = tuple(f"map_{i + 1:03d}" for i in range(backbone.width))
    made_of = weights_hash(module.state_dict())
    return Encoder(
        name="random-cnn",
        architecture="small_cnn",
        feature_names=features,
        preprocessing=preprocessing,
        card=card(
            "small_cnn",
            source=f"seed {seed}",
            weights=made_of,
            note="Random weights, never trained: the floor that a trained encoder must beat to have learned anything.",
        ),
        hash=encoder_hash("small_cnn", made_of, preprocessing, features),
        module=module,
    )


def _pocovid(name: str) -> Callable[[Weights, int], Encoder]:
    def construct(weights: Weights, seed: int) -> Encoder:
        from blues.encoders import pocovid

        return pocovid.encoder(name, weights)

    return construct


def _checkpoint(weights: Weights, seed: int) -> Encoder:
    from blues.encoders import checkpoint, ensemble

    if weights is None or (not isinstance(weights, str | Path) and not len(weights)):
        raise InputError(
            "checkpoint needs a weight file", remedy="Give its path as weights; several, or a folder, make an ensemble"
        )
    paths = ensemble.member_files(weights)
    return ensemble.joined("checkpoint", [checkpoint.encoder(path) for path in paths], paths)


def _no_weights(name: str, weights: Weights) -> None:
    if weights is not None:
        raise InputError(f"{name} takes no weights", remedy="Leave them out")


BUILDERS: dict[str, tuple[Callable[[Weights, int], Encoder], str]] = {
    "frame-stats": (_frame_stats, "readable image statistics, nothing learned; the baseline every network has to beat"),
    "random-cnn": (
        _random_cnn,
        "a small network with seeded random weights; the floor of what an architecture alone gives",
    ),
    "pocovid-vgg16": (
        _pocovid("pocovid-vgg16"),
        "POCOVID-Net (Born et al. 2020), VGG-16 with a hidden layer of 64; needs its published Keras weights",
    ),
    "pocovid-vgg16-cam": (
        _pocovid("pocovid-vgg16-cam"),
        "POCOVID-Net's variant for class activation maps, VGG-16 and global average pooling; needs Keras weights",
    ),
    "pocovid-mobilenet-v2": (
        _pocovid("pocovid-mobilenet-v2"),
        "POCOVID-Net's small variant, MobileNetV2 with a hidden layer of 64; needs Keras weights",
    ),
    "checkpoint": (_checkpoint, "a network of your own: a state dict with torchvision's names, safetensors or torch"),
}


def _bundled() -> dict[str, Path]:
    return {path.stem: path for path in sorted(BUNDLED.glob("*.safetensors"))}


def names() -> tuple[str, ...]:
    """Return the names that :func:`get` knows, those whose weights come with the package first.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> "frame-stats" in names()
    True
    """
    return (*_bundled(), *BUILDERS)


def describe(name: str) -> str:
    """Return one line on the encoder called ``name``, without loading its weights.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    str

    Raises
    ------
    InputError
        For another name.

    Examples
    --------
    >>> describe("frame-stats").split(";")[0]
    'readable image statistics, nothing learned'
    """
    one_of(name, names(), "encoder")
    if name in BUILDERS:
        return BUILDERS[name][1]
    from blues.encoders import checkpoint

    description = checkpoint.read_description(_bundled()[name])
    return str(description.card.get("note") or f"{description.architecture}, comes with the package")


def get(name: str, weights: Weights = None, seed: int = 0) -> Encoder:
    """Return the encoder called ``name``, ready to use.

    Parameters
    ----------
    name : str
        One of :func:`names`, or the path of a checkpoint.
    weights : path or sequence of paths, optional
        The weight file; several files, or a folder with ``fold_*`` in it, make an ensemble: see
        :func:`blues.encoders.ensemble.joined`.
    seed : int
        For encoders with random weights; others ignore it.

    Returns
    -------
    Encoder
        Its weights loaded.

    Raises
    ------
    InputError
        When the name is not known, or the weights are missing, damaged or do not fit.

    Examples
    --------
    >>> encoder = get("frame-stats")
    >>> encoder.dimensions == len(encoder.feature_names), encoder.preprocessing.geometry
    (True, 'polar')
    """
    if name in BUILDERS:
        return BUILDERS[name][0](weights, seed)
    bundled = _bundled()
    if name in bundled:
        from blues.encoders import checkpoint

        _no_weights(name, weights)
        return checkpoint.encoder(bundled[name], name)
    suffix = Path(name).suffix.lower()
    if weights is None and suffix in SUFFIXES:
        return _checkpoint(name, seed)
    if suffix in (".h5", ".hdf5", ".keras"):
        raise InputError(
            f"{name} is a Keras weight file, which does not say what it is",
            remedy="Name the encoder, and give it as weights",
        )
    if weights is not None and suffix in SUFFIXES:
        raise InputError(
            f"weights were given beside encoder {name}, which is a weight file itself",
            allowed="one of the two",
            remedy="Leave the weights out; for an ensemble name the encoder checkpoint and give all files as weights",
        )
    if name and Path(name).exists():
        raise InputError(
            f"encoder {name} is no weight file",
            allowed=f"a file ending in {', '.join(SUFFIXES)}",
            remedy="If it is one, or a folder of some, give it as --weights with --encoder checkpoint",
        )
    one_of(name, names(), "encoder")
    raise AssertionError(name)
