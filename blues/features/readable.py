"""Which of an encoder's features a reader can name: artefacts beside an anonymous embedding."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from blues import check
from blues.embed import Embeddings

__all__ = ["IMAGE_FEATURES", "chosen", "is_anonymous"]

IMAGE_FEATURES = ("both", "artefacts", "embedding")
_ANONYMOUS = re.compile(r"(?:[a-z]{0,12}[_ -]?)?\d+|member_\d+_\w*\d", flags=re.IGNORECASE)


def is_anonymous(name: str) -> bool:
    """Tell whether a feature's name says nothing but its place: one dimension of an embedding.

    Parameters
    ----------
    name : str
        Of an encoder's feature.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_anonymous("lus_017"), is_anonymous("b_line_count"), is_anonymous("brightness_p10")
    (True, False, False)
    """
    return _ANONYMOUS.fullmatch(name) is not None


def chosen(embeddings: Embeddings, which: str = "both") -> Embeddings:
    """Keep the features of an encoder that may predict.

    Parameters
    ----------
    embeddings : Embeddings
    which : {"both", "artefacts", "embedding"}
        ``"artefacts"``: those with a name of their own (of ``frame-stats``, whose measures are all named, every one);
        ``"embedding"``: the anonymous dimensions; ``"both"``: whatever the encoder gives.

    Returns
    -------
    Embeddings

    Raises
    ------
    InputError
        When the encoder has none of what is asked for.
    """
    check.one_of(which, IMAGE_FEATURES, "--image-features")
    if which == "both":
        return embeddings
    kept = [j for j, name in enumerate(embeddings.names) if is_anonymous(name) == (which == "embedding")]
    encoder = embeddings.encoder.get("name", "made by hand")
    if not kept and which == "artefacts":
        raise check.InputError(
            f"--image-features artefacts: encoder {encoder!r} names no artefact, its {len(embeddings.names)} features are "
            "anonymous dimensions",
            allowed="embedding or both with this encoder",
            remedy="For B-lines, A-lines and the pleural line by BLUE point take --encoder blues-lus or frame-stats",
        )
    if not kept:
        raise check.InputError(
            f"--image-features embedding: encoder {encoder!r} has no anonymous embedding, its {len(embeddings.names)} "
            "features all have names",
            allowed="artefacts or both with this encoder",
        )
    return _only(embeddings, kept)


def _only(embeddings: Embeddings, kept: Sequence[int]) -> Embeddings:
    names = tuple(embeddings.names[j] for j in kept)
    return dataclasses.replace(embeddings, values=np.ascontiguousarray(embeddings.values[:, list(kept)]), names=names)
