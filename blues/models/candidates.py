"""What competes: a model, how it joins modalities, how the BLUE points are pooled, how many image components it sees."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from blues import check
from blues.models.attention import AttentionFusion
from blues.models.fusion import LateFusion
from blues.models.ordinal import OrdinalClassifier
from blues.models.zoo import MODELS, make
from blues.pool import POINTS

__all__ = ["FUSIONS", "Candidate", "Layout", "build"]

FUSIONS = ("early", "late", "stack")
ATTENTION = "attention"


@dataclass(frozen=True)
class Layout:
    """Where each block lies in the one matrix that all candidates take their columns from.

    Attributes
    ----------
    columns : dict of str to ndarray of int
        Block -> its columns. Image blocks are keyed by their pooling, ``"image/mean"``; the others by their modality.
    names : dict of str to list of str
        Block -> the names of its columns.
    """

    columns: Mapping[str, np.ndarray]
    names: Mapping[str, Sequence[str]]

    def block(self, modality: str, points: str) -> str:
        """Return the key of a modality's block under a pooling."""
        return f"image/{points}" if modality == "image" else modality

    def tokens(self, modality: str, points: str, start: int) -> dict[str, tuple[str, list[int]]]:
        """Return a modality's tokens for attention: the BLUE points where they lie side by side, else one token.

        ``start`` is the position of the block's first column once a candidate's blocks stand side by side.
        """
        names = self.names[self.block(modality, points)]
        if modality != "image" or points != "concat":
            return {modality: (modality, list(range(start, start + len(names))))}
        found: dict[str, list[int]] = {}
        for j, name in enumerate(names):
            point, feature = name.split(": ", 1)
            if feature != "scanned":
                found.setdefault(point, []).append(start + j)
        return {point: ("image", columns) for point, columns in found.items()}


@dataclass(frozen=True)
class Candidate:
    """One way to learn; written ``model[/fusion][/pooling][/pcaN]``, e.g. ``logistic/late/max/pca5``.

    Attributes
    ----------
    model : str
        One of :data:`blues.models.MODELS` or ``"attention"`` (:class:`blues.models.AttentionFusion`).
    fusion : {"early", "late", "stack"}
        Ignored by ``"attention"``, which joins modalities itself.
    points : str
        Pooling of BLUE points, one of :data:`blues.pool.POINTS`.
    components : int
        Principal components of the image block, fitted in the training fold; 0 leaves it as it is.

    Examples
    --------
    >>> Candidate.parse("logistic/late/pca5", Candidate("forest", "early", "max"))
    Candidate(model='logistic', fusion='late', points='max', components=5)
    """

    model: str
    fusion: str = "early"
    points: str = "mean"
    components: int = 0

    @classmethod
    def parse(cls, text: str, defaults: Candidate) -> Candidate:
        """Read a candidate; what it does not say comes from ``defaults``."""
        model, *words = text.split("/")
        check.one_of(model, (*MODELS, ATTENTION), f"{text!r}: model")
        found = dataclasses.replace(defaults, model=model)
        if model == ATTENTION and not set(words) & set(POINTS):
            found = dataclasses.replace(found, points="concat")
        for word in words:
            if match := re.fullmatch(r"pca([1-9]\d*)", word):
                found = dataclasses.replace(found, components=int(match[1]))
            elif word in POINTS:
                found = dataclasses.replace(found, points=word)
            else:
                fusion = check.one_of(word, (*FUSIONS, *POINTS, "pcaN"), f"{text!r}: part")
                found = dataclasses.replace(found, fusion=fusion)
        return found

    @property
    def label(self) -> str:
        """The candidate, written out whole."""
        parts = [self.model] + ([] if self.model == ATTENTION else [self.fusion]) + [self.points]
        return "/".join(parts + ([f"pca{self.components}"] if self.components else []))


class _UpToPCA(PCA):
    """PCA with at most as many components as the training rows and columns allow."""

    n_components: int

    def fit(self, X: Any, y: Any = None) -> _UpToPCA:
        self.n_components = min(self.n_components, X.shape[0] - 1, X.shape[1])
        super().fit(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        return np.asarray(self.fit(X, y).transform(X))


def build(
    candidate: Candidate, modalities: Sequence[str], layout: Layout, kind: str, seed: int
) -> tuple[Any, list[int]]:
    """Build a candidate for an arm.

    Parameters
    ----------
    candidate : Candidate
    modalities : sequence of str
        The arm's modalities.
    layout : Layout
        Where their blocks lie.
    kind : {"binary", "ordinal", "continuous"}
        Kind of the outcome.
    seed : int

    Returns
    -------
    estimator
        Unfitted; takes the columns returned beside it, in that order.
    columns : list of int
        Columns of the one matrix.
    """
    keys = [layout.block(m, candidate.points) for m in modalities]
    columns = [int(c) for key in keys for c in layout.columns[key]]
    ends = np.cumsum([len(layout.columns[key]) for key in keys]).tolist()
    starts = [0, *ends[:-1]]
    places = {m: list(range(a, b)) for m, a, b in zip(modalities, starts, ends, strict=True)}
    if candidate.model == ATTENTION:
        tokens: dict[str, tuple[str, list[int]]] = {}
        for modality, start in zip(modalities, starts, strict=True):
            tokens |= layout.tokens(modality, candidate.points, start)
        model = AttentionFusion(tokens, kind="continuous" if kind == "continuous" else "binary", seed=seed)
        return (OrdinalClassifier(model) if kind == "ordinal" else model), columns
    model = make(candidate.model, kind, seed)
    if candidate.components and "image" in places:
        if len(modalities) > 1 and candidate.fusion != "early":
            raise check.InputError(
                f"{candidate.label}: principal components go with early fusion", remedy="Drop pcaN or write early"
            )
        model = _with_components(model, places["image"], candidate.components)
    if len(modalities) > 1 and candidate.fusion != "early":
        combine = "stack" if candidate.fusion == "stack" else "mean"
        return LateFusion(model, places, kind, combine), columns
    return model, columns


def _with_components(model: Any, image: list[int], components: int) -> Pipeline:
    """Put imputation, scaling and PCA of the image columns before a model; the other columns pass as they are."""
    reduce = Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("pca", _UpToPCA(n_components=components)),
        ]
    )
    return Pipeline([("image", ColumnTransformer([("pca", reduce, image)], remainder="passthrough")), ("model", model)])
