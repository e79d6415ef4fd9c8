"""Shapley values of one fitted model on held-out rows: exact where the model's shape allows, sampled elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logit
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import Pipeline
from xgboost import XGBModel

from blues import check, models
from blues.explain import learners
from blues.explain.columns import Columns
from blues.explain.parts import CLIP, Part, carry, clipped, embedded, in_log_odds, in_outcome
from blues.explain.points import Pooled, carried, linear_centre, rows_of

__all__ = ["BUDGET", "TOLERANCE", "FoldValues", "affordable", "explain_fold"]

TOLERANCE = 1e-4
"""The values may miss the prediction by this much (single precision inside XGBoost and torch); else they are sampled anew."""
STACK_CLIP = 0.01
"""How far a stack keeps its inputs from 0 and 1, see :class:`blues.models.LateFusion`."""

BUDGET = 1e9
"""Steps that the explanation of one fold may take, see :func:`affordable`."""

_FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)
_BOOSTED = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


@dataclass(frozen=True)
class FoldValues:
    """The explanation of held-out rows by the model that held them out.

    Attributes
    ----------
    features : ndarray of int, shape (k,)
        Rows of ``Columns.table``.
    values : ndarray of float32, shape (rows, k)
        Shapley value of each feature, in ``unit``.
    data : ndarray of float32, shape (rows, k)
        The feature's own value; NaN where it is missing or stands for several columns.
    base, prediction : ndarray of float, shape (rows,)
        ``base + values.sum(axis=1)`` is the prediction, up to ``error``.
    error : float
        The largest difference between the two.
    how : {"exact", "sampled"}
        Whether the values follow from the model's shape or from sampled permutations.
    """

    features: np.ndarray
    values: np.ndarray
    data: np.ndarray
    base: np.ndarray
    prediction: np.ndarray
    error: float
    how: str


class _NotKnown(Exception):
    """A model whose shape is not known here: its values are sampled."""


def explain_fold(
    model: Any,
    X_train: np.ndarray,
    X_test: np.ndarray,
    names: Columns | Sequence[str],
    *,
    kind: str = "binary",
    log_odds: bool = False,
    pooled: Pooled | None = None,
    seed: int = 0,
    pairs: int = learners.PAIRS,
) -> FoldValues:
    """Explain one fitted model's predictions of held-out rows.

    Forests and boosted trees: path-dependent TreeSHAP. Linear pipelines: closed form. Means of models: the means of their
    values. Stacks, calibrators, ordinal cuts and log-odds: the rescale rule (:func:`blues.explain.parts.carry`). Principal
    components under another model share their values among the columns by absolute part. Everything else, attention and
    kernel machines among it, by sampled permutations of the features against training rows.

    Parameters
    ----------
    model : fitted estimator
        Any that :mod:`blues.models` makes, or any other that ``blues.models.predict`` takes.
    X_train : ndarray, shape (rows, columns)
        The rows it was fitted on: what is explained starts from their mean where the model itself does not keep it.
    X_test : ndarray, shape (rows, columns)
        NaN allowed.
    names : Columns or sequence of str
        What the columns are, one a column.
    kind : {"binary", "ordinal", "continuous"}
        Kind of the outcome.
    log_odds : bool
        For a binary outcome: values in log-odds instead of probability.
    pooled : Pooled, optional
        Of the rows of ``X_test``: what each BLUE point had of the pooled columns. Their values are then shared among the
        points, see :func:`blues.explain.points.carried`.
    seed, pairs : int
        Of the sampling, see :func:`blues.explain.learners.sampled`.

    Returns
    -------
    FoldValues
        In probability or log-odds (binary), expected category (ordinal) or the outcome's unit (continuous).

    Raises
    ------
    InputError
        When names and columns do not match, there are no rows or pairs, or log-odds are asked for another outcome.
    """
    check.one_of(kind, models.KINDS, "kind of target")
    X_train, X_test = np.asarray(X_train, dtype=float), np.asarray(X_test, dtype=float)
    ids = names.ids if isinstance(names, Columns) else np.arange(len(names))
    _check_shapes(X_train, X_test, len(ids), pairs)
    if log_odds and kind != "binary":
        raise check.InputError(f"log-odds of a {kind} outcome", allowed="binary outcomes")
    used = np.asarray(getattr(model, "columns_", np.arange(X_test.shape[1])), dtype=int)
    prediction = np.asarray(models.predict(model, X_test, kind), dtype=float)
    try:
        part, how = in_outcome(_of(model, X_test, X_train, kind)), "exact"
        if not np.abs(part.output - prediction).max(initial=0) <= TOLERANCE * _size(prediction, kind):
            raise _NotKnown
    except _NotKnown:
        part, how = _sampled(model, X_train, X_test, ids, used, kind, seed, pairs), "sampled"
    if log_odds:
        # a sum of values that are log-odds already is taken as it is, not there and back
        natural = part if how == "sampled" else _of(model, X_test, X_train, kind)
        part, clip = in_log_odds(natural), 1e-12 if natural.log_odds else CLIP
        # a probability that has rounded to 0 or 1 no longer says its log-odds
        known = np.abs(part.output) < 25 if natural.log_odds else np.ones(len(X_test), dtype=bool)
        prediction = np.where(known, logit(np.clip(prediction, clip, 1 - clip)), part.output)
    features, values, data = _by_feature(part.values, X_test, ids, used)
    if pooled is not None and len(mine := np.flatnonzero(np.isin(pooled.columns, used))):
        by_column = part.values if how == "exact" else _evenly(part.values, ids, used)
        features, values, data = _by_point(
            by_column, X_train, X_test, ids, used, pooled, mine, linear_centre(model, X_train)
        )
    return FoldValues(
        features=features,
        values=values.astype(np.float32),
        data=data.astype(np.float32),
        base=part.base,
        prediction=prediction,
        error=float(np.abs(part.output - prediction).max(initial=0)),
        how=how,
    )


def _check_shapes(X_train: np.ndarray, X_test: np.ndarray, names: int, pairs: int) -> None:
    for what, X in (("X_test", X_test), ("X_train", X_train)):
        if X.ndim != 2 or names != X.shape[1]:
            raise check.InputError(f"{names} names for {what}, of shape {X.shape}", remedy="Name every column")
        if not len(X):
            raise check.InputError(f"{what} has no rows", allowed="one or more")
    if pairs < 1:
        raise check.InputError(f"pairs is {pairs}", allowed="1 or more")


def _size(prediction: np.ndarray, kind: str) -> float:
    return 1.0 if kind == "binary" else max(1.0, float(np.abs(prediction).max(initial=0)))


def _sampled(
    model: Any,
    X_train: np.ndarray,
    X_test: np.ndarray,
    ids: np.ndarray,
    used: np.ndarray,
    kind: str,
    seed: int,
    pairs: int,
) -> Part:
    """Let the features of the columns in use enter in sampled orders; the others stay as they are and count nothing."""

    def predict(rows: np.ndarray) -> np.ndarray:
        whole = np.full((len(rows), X_test.shape[1]), np.nan)
        whole[:, used] = rows
        return np.asarray(models.predict(model, whole, kind), dtype=float)

    part = learners.sampled(predict, X_test[:, used], X_train[:, used], ids[used], seed, pairs)
    return embedded(part, used.tolist(), X_test.shape[1])


def _by_feature(
    values: np.ndarray, X: np.ndarray, ids: np.ndarray, used: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum the columns of each feature; a feature of one column keeps that column's own value."""
    features, of = np.unique(ids[used], return_inverse=True)
    counts = np.bincount(of)
    total = np.zeros((len(features), len(X)))
    np.add.at(total, of, values[:, used].T)
    data = np.full((len(X), len(features)), np.nan)
    single = counts[of] == 1
    data[:, of[single]] = X[:, used[single]]
    return features, total.T, data


def _evenly(values: np.ndarray, ids: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Spread the value of columns that entered together over all of them: sampling left it at the first."""
    _, of = np.unique(ids[used], return_inverse=True)
    total = np.zeros((of.max() + 1, len(values)))
    np.add.at(total, of, values[:, used].T)
    spread = np.zeros(values.shape)
    spread[:, used] = (total / np.bincount(of)[:, None])[of].T
    return spread


def _by_point(
    values: np.ndarray,
    X_train: np.ndarray,
    X: np.ndarray,
    ids: np.ndarray,
    used: np.ndarray,
    pooled: Pooled,
    mine: np.ndarray,
    own_centre: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Do what :func:`_by_feature` does, with the pooled columns in use (``mine``) taken apart into their BLUE points.

    ``own_centre`` is that of a linear model, see :func:`blues.explain.points.linear_centre`.
    """
    columns = pooled.columns[mine]
    of = dataclasses.replace(pooled, values=pooled.values[:, mine], largest=pooled.largest[mine])
    known = np.isfinite(X_train[:, columns])
    centre = np.where(known, X_train[:, columns], 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centre = centre if own_centre is None else own_centre[columns]
    shared, left = carried(values[:, columns], centre, of, own_centre is not None)
    rest = values.copy()
    rest[:, columns] = left
    features, whole, data = _by_feature(rest, X, ids, used)
    # a pooled feature stays only where somebody without any clip has a value of it
    split = np.isin(features, ids[columns]) & ~np.isin(features, ids[np.setdiff1d(used, columns)])
    stays = ~split | (np.abs(whole) > 0).any(axis=0)
    places, at = np.unique(pooled.features[mine].ravel(), return_inverse=True)
    total = np.zeros((len(places), len(X)))
    np.add.at(total, at, shared.reshape(len(X), -1).T)
    own = np.full((len(X), len(places)), np.nan)
    named = np.flatnonzero(np.repeat(pooled.named[mine], pooled.features.shape[1]))
    own[:, at[named]] = of.values.reshape(len(X), -1)[:, named]
    # a point may have columns of its own beside the pooled ones
    everything, place = np.unique(np.concatenate([features[stays], places]), return_inverse=True)
    joined, seen = np.zeros((len(X), len(everything))), np.full((len(X), len(everything)), np.nan)
    np.add.at(joined.T, place, np.concatenate([whole[:, stays], total.T], axis=1).T)
    seen[:, place] = np.concatenate([data[:, stays], own], axis=1)
    return everything, joined, seen


def _of(model: Any, X: np.ndarray, X_train: np.ndarray, kind: str) -> Part:
    """Explain a model by its shape."""
    if isinstance(model, models.Nested):
        return _nested(model, X, X_train, kind)
    if isinstance(model, models.LateFusion):
        return _late(model, X, X_train, kind)
    if isinstance(model, models.OrdinalClassifier):
        return _ordinal(model, X, X_train)
    if isinstance(model, _FORESTS):
        return learners.forest(model, X)
    if isinstance(model, XGBModel):
        return learners.xgboost(model, X, X_train)
    if isinstance(model, _BOOSTED):
        return learners.boosted(model, X)
    if isinstance(model, DummyClassifier | DummyRegressor):
        return Part(np.zeros(X.shape), np.asarray(models.predict(model, X, kind), dtype=float))
    if (found := learners.linear(model, X, X_train)) is not None:
        return found
    if isinstance(model, Pipeline) and _reduces_image(model):
        return _components(model, X, X_train, kind)
    raise _NotKnown


def _nested(model: Any, X: np.ndarray, X_train: np.ndarray, kind: str) -> Part:
    part = _of(model.model_, X[:, model.columns_], X_train[:, model.columns_], kind)
    if getattr(model, "calibrator_", None) is not None:
        part = clipped(in_log_odds(part), CLIP)
        slope, intercept = float(model.calibrator_.coef_.ravel()[0]), float(np.ravel(model.calibrator_.intercept_)[0])
        part = carry(part, lambda m: intercept + slope * m, True)
    return embedded(part, list(model.columns_), X.shape[1])


def _late(model: Any, X: np.ndarray, X_train: np.ndarray, kind: str) -> Part:
    """Average the parts of the modalities that a row has, or weight them by the stack of those modalities."""
    if model.stacks_ and kind == "ordinal":
        raise _NotKnown
    has = {name: ~np.isnan(X[:, list(model.columns[name])]).all(axis=1) for name in model.models_}
    groups = list(model.groups(has))
    if len(groups) == 1 and len(groups[0][1]) == len(X):
        return _joined(model, X, X_train, groups[0][0], groups[0][2], kind)
    values, base = np.zeros(X.shape), np.full(len(X), model.mean_)
    for names, rows, stack in groups:
        part = in_outcome(_joined(model, X[rows], X_train, names, stack, kind))
        values[rows], base[rows] = part.values, part.base
    return Part(values, base)


def _joined(model: Any, X: np.ndarray, X_train: np.ndarray, names: Sequence[str], stack: Any, kind: str) -> Part:
    """Explain rows that have the same modalities."""
    binary = kind == "binary"
    values, base = np.zeros(X.shape), np.full(len(X), 0.0 if stack is None else float(np.ravel(stack.intercept_)[0]))
    weights = np.full(len(names), 1 / len(names)) if stack is None else stack.coef_.ravel()
    for name, weight in zip(names, weights, strict=True):
        columns, fitted = rows_of(model, name, X_train)
        own = _of(model.models_[name], X[:, columns], X_train[fitted][:, columns], kind)
        part = embedded(own, columns, X.shape[1])
        part = in_outcome(part) if stack is None else clipped(part, STACK_CLIP) if binary else part
        values += weight * part.values
        base += weight * part.base
    return Part(values, base, binary and stack is not None)


def _ordinal(model: Any, X: np.ndarray, X_train: np.ndarray) -> Part:
    """Sum the cuts by the steps between categories; a cut held down by one below it takes that one's values."""
    parts = [in_outcome(_of(cut, X, X_train, "binary")) for cut in model.cuts_]
    values, base = np.zeros(X.shape), np.full(len(X), float(model.classes_[0]))
    if not parts:
        return Part(values, base)
    outputs = np.stack([part.output for part in parts])
    lowest = np.stack([np.argmin(outputs[: k + 1], axis=0) for k in range(len(parts))])
    rows = np.arange(len(X))
    all_values, all_bases = np.stack([part.values for part in parts]), np.stack([part.base for part in parts])
    for k, step in enumerate(np.diff(model.classes_)):
        values += step * all_values[lowest[k], rows]
        base += step * all_bases[lowest[k], rows]
    return Part(values, base)


def _reduces_image(model: Pipeline) -> bool:
    first = model.steps[0][1]
    return len(model.steps) == 2 and "pca" in getattr(first, "named_transformers_", {})


def _components(model: Pipeline, X: np.ndarray, X_train: np.ndarray, kind: str) -> Part:
    """Explain the model on the components, then share each component's value among the columns it is made of."""
    mixer, last = model.steps[0][1], model.steps[1][1]
    reduce = mixer.named_transformers_["pca"]
    image = list(mixer.transformers_[0][2])
    others = [j for j in range(X.shape[1]) if j not in set(image)]
    mixed, mixed_train = (np.asarray(mixer.transform(rows), dtype=float) for rows in (X, X_train))
    inner = _of(last, mixed, mixed_train, kind)
    pca = reduce.named_steps["pca"]
    count = len(pca.components_)
    scaled = reduce[:-1].transform(X[:, image]) - pca.mean_
    shares = scaled[:, None, :] * pca.components_[None]
    if learners.linear_weights(last, mixed_train) is None:
        shares = np.abs(shares)
    total = shares.sum(axis=2, keepdims=True)
    even = np.full(shares.shape, 1 / len(image))
    shares = np.divide(shares, total, out=even, where=np.abs(total) > 1e-12)
    values = np.zeros(X.shape)
    values[:, image] = np.einsum("rk,rkj->rj", inner.values[:, :count], shares)
    values[:, others] = inner.values[:, count:]
    return Part(values, inner.base, inner.log_odds)


def affordable(model: Any, rows: int, columns: int, pairs: int = learners.PAIRS) -> int:
    """Return how many of ``rows`` can be explained in about a second: all of them, but for deep forests and sampled models.

    TreeSHAP takes about leaves times depth squared steps a row; sampling predicts ``2 * pairs * columns`` rows for each.

    Parameters
    ----------
    model : fitted estimator
    rows, columns : int
        Shape of what is to be explained.
    pairs : int
        Pairs of permutations that a sampled model gets.

    Returns
    -------
    int
        1 to ``rows``.
    """
    work = _work(model, columns, pairs)
    return rows if work * rows <= BUDGET else max(1, int(BUDGET / work))


def _work(model: Any, columns: int, pairs: int) -> float:
    if isinstance(model, models.Nested):
        return _work(model.model_, columns, pairs)
    if isinstance(model, models.LateFusion):
        return sum(_work(part, columns, pairs) for part in model.models_.values())
    if isinstance(model, models.OrdinalClassifier):
        return sum(_work(cut, columns, pairs) for cut in model.cuts_)
    if isinstance(model, Pipeline):
        return _work(model.steps[-1][1], columns, pairs)
    if isinstance(model, _FORESTS):
        return float(sum(tree.get_n_leaves() * (1 + tree.get_depth()) ** 2 for tree in model.estimators_))
    if hasattr(model, "coef_") or isinstance(model, (XGBModel, DummyClassifier, DummyRegressor, *_BOOSTED)):
        return 1.0
    return 1000.0 * 2 * pairs * columns
