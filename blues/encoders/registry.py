"""Which encoders there are, and how to get one by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from blues.check import InputError, one_of
from blues.encoders.base import Encoder, Preprocessing, card, encoder_hash
from blues.provenance import text_hash

__all__ = ["describe", "get", "names"]

Weights = str | Path | Sequence[str | Path] | None


def _frame_stats(weights: Weights, seed: int) -> Encoder:
    from blues.encoders import frame_stats

    if weights is not None:
        raise InputError("frame-stats has no weights", remedy="Leave --weights out")
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
        ),
        hash=encoder_hash("frame-stats", made_of, preprocessing, features),
        function=frame_stats.frame_stats,
    )


BUILDERS: dict[str, tuple[Callable[[Weights, int], Encoder], str]] = {
    "frame-stats": (_frame_stats, "readable image statistics, nothing learned; the baseline every network has to beat"),
}


def names() -> tuple[str, ...]:
    """Return the names that :func:`get` knows.

    Examples
    --------
    >>> "frame-stats" in names()
    True
    """
    return tuple(BUILDERS)


def describe(name: str) -> str:
    """Return one line on the encoder called ``name``, without loading it.

    Examples
    --------
    >>> describe("frame-stats").split(";")[0]
    'readable image statistics, nothing learned'
    """
    return BUILDERS[one_of(name, names(), "encoder")][1]


def get(name: str, weights: Weights = None, seed: int = 0) -> Encoder:
    """Return the encoder called ``name``, ready to use.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    weights : path or sequence of paths, optional
        The weight file; several files make an ensemble where the encoder allows it.
    seed : int
        For encoders with random weights; others ignore it.

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
    build: Callable[..., Any] = BUILDERS[one_of(name, names(), "encoder")][0]
    return build(weights, seed)
