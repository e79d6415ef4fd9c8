"""What competes: a model, how it joins modalities and pools BLUE points, image components, calibrator, threshold."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from blues import check
from blues.models.attention import AttentionFusion
from blues.models.fusion import LateFusion, Shared
from blues.models.ordinal import OrdinalClassifier
from blues.models.recalibrate import CALIBRATORS
from blues.models.rules import ClipRule
from blues.models.scale import Scaler
from blues.models.threshold import THRESHOLDS
from blues.models.zoo import MODELS, PLAIN, make
from blues.pool import POINTS

__all__ = ["FUSIONS", "Candidate", "Layout", "build"]

FUSIONS = ("early", "late", "stack")
ATTENTION = "attention"
CLIP_RULE = "clip-rule"
"""The model of the experts' rules on single clips, see :class:`blues.models.ClipRule`; not offered to the user by name."""


@dataclass(frozen=True)
class Layout:
    """Where each block lies in the one matrix that all candidates take their columns from.

    Attributes
    ----------
    columns : dict of str to ndarray of int
        Block -> its columns. Image blocks are keyed by their pooling, ``"image/mean"``; the others by their modality.
    names : dict of str to list of str
        Block -> the names of its columns.
    several : bool
        Whether there is more than one modality: a single one is stacked by itself only to be scaled as others are.
    pooled : bool
        Whether BLUE points were pooled. Where a row is a clip they were not, and the one image block serves every pooling.
    """

    columns: Mapping[str, np.ndarray]
    names: Mapping[str, Sequence[str]]
    several: bool = True
    pooled: bool = True

    def block(self, modality: str, points: str) -> str:
        """Return the key of a modality's block under a pooling."""
        wanted = f"image/{points}" if modality == "image" else modality
        if modality == "image" and wanted not in self.columns:  # a clip is not pooled; a constant looks at no column
            return next(key for key in self.columns if key.startswith("image/"))
        return wanted

    def tokens(self, modality: str, points: str, start: int) -> dict[str, tuple[str, list[int]]]:
        """Return a modality's tokens for attention: the BLUE points where they lie side by side, else one token.

        Parameters
        ----------
        modality : str
            Of those in the layout.
        points : str
            Pooling of the BLUE points.
        start : int
            Position of the block's first column once a candidate's blocks stand side by side.

        Returns
        -------
        dict of str to (str, list of int)
            Token -> its modality and its columns.
        """
        names = self.names[self.block(modality, points)]
        if modality != "image" or points != "concat" or not self.pooled:
            return {modality: (modality, list(range(start, start + len(names))))}
        found: dict[str, list[int]] = {}
        for j, name in enumerate(names):
            point, feature = name.split(": ", 1)
            if feature != "scanned":
                found.setdefault(point, []).append(start + j)
        return {point: ("image", columns) for point, columns in found.items()}


@dataclass(frozen=True)
class Candidate:
    """One way to learn; written ``model[/fusion][/pooling][/pcaN][/calibrator][/threshold]``, e.g. ``svm/late/pca5/platt``.

    Attributes
    ----------
    model : str
        One of :data:`blues.models.MODELS` or ``"attention"`` (:class:`blues.models.AttentionFusion`).
    fusion : {"early", "late", "stack"}
        Ignored by ``"attention"``, which joins modalities itself.
    points : str
        Pooling of BLUE points, one of :data:`blues.pool.POINTS`.
    components : int
        Principal components of the image block, fitted in the training fold; 0 leaves it as it is. Not for ``"attention"``,
        whose BLUE points share one encoder.
    calibrate, threshold : str
        For a binary outcome, see :class:`blues.models.Nested`.

    Raises
    ------
    InputError
        For components beside ``"attention"``.

    Examples
    --------
    >>> Candidate.parse("logistic/late/pca5/youden", Candidate("forest", "early", "max")).label
    'logistic/late/max/pca5/youden'
    """

    model: str
    fusion: str = "early"
    points: str = "mean"
    components: int = 0
    calibrate: str = "none"
    threshold: str = "half"

    def __post_init__(self) -> None:
        if self.model == ATTENTION and self.components:
            raise check.InputError(
                f"pca{self.components} does not go with attention, which sees the image columns as they are",
                remedy=f"Leave out pca{self.components}, or take it with another model",
            )
        check.one_of(self.fusion, FUSIONS, "fusion")
        check.one_of(self.points, POINTS, "point pooling")

    @classmethod
    def parse(cls, text: str, defaults: Candidate) -> Candidate:
        """Read a candidate; what it does not say comes from ``defaults``.

        Parameters
        ----------
        text : str
            ``model[/fusion][/pooling][/pcaN][/calibrator][/threshold]``, words after the model in any order.
        defaults : Candidate
            For what the text leaves out.

        Raises
        ------
        InputError
            For a word that is none of these, or components beside attention.
        """
        model, *words = text.split("/")
        check.one_of(model, (*MODELS, ATTENTION), f"{text!r}: model")
        found = dataclasses.replace(defaults, model=model)
        if model == ATTENTION and not set(words) & set(POINTS):
            found = dataclasses.replace(found, points="concat")
        for word in words:
            found = dataclasses.replace(found, **_said(word, text))
        return found

    @property
    def learner(self) -> Candidate:
        """What is fitted, without what is done with its predictions."""
        return dataclasses.replace(self, calibrate="none", threshold="half")

    @property
    def label(self) -> str:
        """The candidate, written out whole; a calibrator or a threshold other than the plain one only."""
        parts = [self.model] + ([] if self.model == ATTENTION else [self.fusion]) + [self.points]
        parts += [f"pca{self.components}"] if self.components else []
        return "/".join(
            parts + [self.calibrate] * (self.calibrate != "none") + [self.threshold] * (self.threshold != "half")
        )


def _said(word: str, text: str) -> dict[str, Any]:
    """Return what one part of a candidate's text sets."""
    if match := re.fullmatch(r"pca([1-9]\d*)", word):
        return {"components": int(match[1])}
    for name, allowed in (("points", POINTS), ("calibrate", CALIBRATORS), ("threshold", THRESHOLDS)):
        if word in allowed:
            return {name: word}
    return {"fusion": check.one_of(word, (*FUSIONS, *POINTS, "pcaN", *CALIBRATORS, *THRESHOLDS), f"{text!r}: part")}


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
    candidate: Candidate,
    modalities: Sequence[str],
    layout: Layout,
    kind: str,
    seed: int,
    shared: MutableMapping[str, Shared] | None = None,
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
    shared : mapping of str to Shared, optional
        Model -> what other arms of the same fold fitted with the same seed; filled as it goes.

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
    if candidate.model == CLIP_RULE:
        return ClipRule(make(PLAIN, kind, seed)), columns
    model = make(candidate.model, kind, seed)
    reduced = candidate.components if "image" in places else 0
    alone = len(modalities) == 1 and (candidate.fusion == "late" or not layout.several)
    if candidate.fusion == "early" or alone:
        return (_with_components(model, places["image"], reduced) if reduced else model), columns
    of_image = _with_components(model, list(range(len(places["image"]))), reduced) if reduced else model
    models = {name: of_image if name == "image" else model for name in modalities}
    known = None if shared is None else shared.setdefault(f"{candidate.model}/{reduced}", Shared())
    return LateFusion(models, places, kind, "stack" if candidate.fusion == "stack" else "mean", known), columns


def _with_components(model: Any, image: list[int], components: int) -> Pipeline:
    """Put imputation, scaling and PCA of the image columns before a model; the other columns pass as they are."""
    reduce = Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", Scaler()),
            ("pca", _UpToPCA(n_components=components)),
        ]
    )
    return Pipeline([("image", ColumnTransformer([("pca", reduce, image)], remainder="passthrough")), ("model", model)])
