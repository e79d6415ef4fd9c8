"""Late fusion: one model a modality, then the mean of their predictions or a model stacked on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import logit
from sklearn.base import clone
from sklearn.utils.metaestimators import available_if

from blues import check
from blues.models.inner import InnerFolds, fit, inner_predictions, predict
from blues.models.ordinal import OrdinalClassifier, category_probabilities
from blues.models.outcome import OutcomeModel
from blues.models.stack import PositiveLogistic, PositiveRidge
from blues.models.zoo import KINDS

__all__ = ["LateFusion", "Shared"]

_Make = Callable[[np.ndarray, np.ndarray, InnerFolds | None], Any]


class Shared:
    """What was fitted on the same numbers before: several arms of a fold ask for the same model of one modality.

    What it holds is told apart by estimator, settings, kind of outcome and data. It changes no number.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, bytes], Any] = {}

    def __sklearn_clone__(self) -> Shared:
        return self

    def take(self, what: str, make: _Make, X: np.ndarray, y: np.ndarray, inner: InnerFolds | None) -> Any:
        """Return what was made of these rows under this name before, else make it.

        Parameters
        ----------
        what : str
            The name.
        make : callable
            Takes ``X``, ``y`` and ``inner``.
        X : ndarray, shape (rows, columns)
        y : ndarray, shape (rows,)
        inner : InnerFolds or None
            Told apart by the patients of their rows.
        """
        digest = hashlib.blake2b(repr(X.shape).encode())
        digest.update(np.ascontiguousarray(X).tobytes())
        digest.update(np.ascontiguousarray(y).tobytes())
        digest.update(b"" if inner is None else "\0".join(map(str, inner.patients)).encode())
        key = (what, digest.digest())
        if key not in self._found:
            self._found[key] = make(X, y, inner)
        return self._found[key]


class LateFusion(OutcomeModel):
    """One model a modality; the predictions of the modalities that a row has are averaged or stacked.

    Parameters
    ----------
    estimator : estimator, or mapping of str to estimator
        Cloned for each modality; or modality -> its own.
    columns : mapping of str to sequence of int
        Modality -> its columns in ``X``.
    kind : {"binary", "ordinal", "continuous"}
        Kind of the outcome.
    combine : {"mean", "stack"}
        ``"stack"`` fits a penalised logistic (binary), cumulative logistic (ordinal) or ridge regression with weights of at
        least 0 on the modalities' inner out-of-fold predictions [1]_ [2]_, one for each set of modalities that a row can
        have [3]_; it needs inner folds and falls back to the mean without them. A single modality is stacked too, so that
        arms of one modality and of several differ in what they know, not in how their predictions were scaled.
    shared : Shared, optional
        Where other arms of the same fold, with the same estimator and inner folds, keep what they fitted.

    Attributes
    ----------
    weights_ : dict of str to float
        Weight of each modality in the stack, of its log-odds (binary; ordinal: the mean over the cuts) or its values: 1 takes
        them as they are, 0 leaves the modality out. Empty where nothing was stacked.
    shares_of_stack_ : dict of str to float
        Weight times standard deviation of what is weighted, on the inner held-out predictions, as a share of their sum: how
        much of what moves the joint prediction comes from each modality. NaN where all weights are 0.

    Notes
    -----
    A modality's model is fitted on the rows that have any value of it, and the stack of a set of modalities on the rows that
    have any of them, with the mean input of a modality where a row lacks it. A filled row carries nothing of what is missing,
    which pulls that modality's weight down a little where many rows lack it. In prediction a row that lacks a modality is left
    to the others: it gets what the same fusion without that modality would say. A row that lacks all gets the training mean.

    References
    ----------
    .. [1] Wolpert DH. Stacked generalization. Neural Networks 1992;5:241-259.
    .. [2] Breiman L. Stacked regressions. Mach Learn 1996;24:49-64.
    .. [3] Saar-Tsechansky M, Provost F. Handling missing values when applying classification models. J Mach Learn Res
       2007;8:1623-1657: reduced models.
    """

    uses_inner_folds = True

    def __init__(
        self,
        estimator: Any,
        columns: Mapping[str, Sequence[int]],
        kind: str = "binary",
        combine: str = "mean",
        shared: Shared | None = None,
    ) -> None:
        self.estimator = estimator
        self.columns = columns
        self.kind = kind
        self.combine = combine
        self.shared = shared

    def fit(self, X: Any, y: Any, inner: InnerFolds | None = None) -> LateFusion:
        """Fit one clone a modality, and the stack.

        Parameters
        ----------
        X : array of shape (rows, features)
        y : array of shape (rows,)
        inner : InnerFolds, optional
            For ``combine="stack"``.
        """
        check.one_of(self.kind, KINDS, "kind of target")
        check.one_of(self.combine, ("mean", "stack"), "combine")
        X, y = self._training(X, y, one_is_enough=True)
        self.mean_ = float(y.mean())
        values, counts = np.unique(y, return_counts=True)
        self.classes_ = self.classes_ if self.kind == "binary" else values
        self.shares_ = counts / len(y)
        self.models_ = {}
        held_out = {}
        for name, columns in self.columns.items():
            block = X[:, list(columns)]
            rows = np.flatnonzero(~np.isnan(block).all(axis=1))
            if not len(rows) or len(np.unique(y[rows])) < 2:
                continue
            own = inner.take(rows) if inner is not None else None
            self.models_[name] = self._once("model", name, self._model(name), block[rows], y[rows], own)
            if self.combine == "stack":
                held_out[name] = np.full(len(y), np.nan)
                held_out[name][rows] = self._once("held out", name, self._held_out(name), block[rows], y[rows], own)
        self._fit_stacks(held_out, y)
        return self

    def _of(self, name: str) -> Any:
        return self.estimator[name] if isinstance(self.estimator, Mapping) else self.estimator

    def _model(self, name: str) -> _Make:
        return lambda X, y, inner: fit(clone(self._of(name)), X, y, inner)

    def _held_out(self, name: str) -> _Make:
        return lambda X, y, inner: inner_predictions(self._of(name), X, y, inner, self.kind)

    def _once(self, what: str, name: str, make: _Make, X: np.ndarray, y: np.ndarray, inner: InnerFolds | None) -> Any:
        """Make something of a modality's rows, or take it from another arm that did."""
        if self.shared is None:
            return make(X, y, inner)
        of = self._of(name)
        whose = f"{self.kind} {name}, {type(of).__qualname__} {sorted(of.get_params(deep=True).items())}"
        return self.shared.take(f"{what}: {whose}", make, X, y, inner)

    def _fit_stacks(self, held_out: Mapping[str, np.ndarray], y: np.ndarray) -> None:
        """Fit a stack for every set of modalities, on the rows that have any of the set; a set without one is averaged."""
        self.stacks_: dict[tuple[str, ...], Any] = {}
        self.weights_: dict[str, float] = {}
        self.shares_of_stack_: dict[str, float] = {}
        for size in range(1, len(held_out) + 1):
            for names in combinations(held_out, size):
                inputs, rows = self._filled(held_out, names)
                if len(np.unique(y[rows])) > 1:
                    self.stacks_[names] = self._empty_stack(y[rows]).fit(inputs, y[rows])
        whole = tuple(self.models_)
        if whole in self.stacks_:
            inputs, _ = self._filled(held_out, whole)
            weights = np.mean([np.ravel(one.coef_) for one in getattr(self.stack_, "cuts_", [self.stack_])], axis=0)
            moves = weights * inputs.std(axis=0)
            self.weights_ = dict(zip(whole, weights.tolist(), strict=True))
            shares = moves / moves.sum() if moves.sum() > 0 else np.full(len(moves), np.nan)
            self.shares_of_stack_ = dict(zip(whole, shares.tolist(), strict=True))

    def _filled(self, held_out: Mapping[str, np.ndarray], names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the inputs of the rows that have any of these modalities, gaps filled with the mean, and those rows.

        No rows where a modality has no held-out prediction at all.
        """
        inputs = self._stack_inputs(held_out, names)
        known = np.isfinite(inputs)
        rows = np.flatnonzero(known.any(axis=1)) if known.any(axis=0).all() else np.empty(0, dtype=int)
        mean = np.where(known, inputs, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return np.where(known, inputs, mean)[rows], rows

    def _empty_stack(self, y: np.ndarray) -> Any:
        if self.kind == "continuous":
            return PositiveRidge(alpha=float(np.var(y)))  # alpha 1 of an outcome in standard deviations
        return OrdinalClassifier(PositiveLogistic()) if self.kind == "ordinal" else PositiveLogistic()

    @property
    def stack_(self) -> Any:
        """The stack of all modalities that the training rows have; None where there is none."""
        return self.stacks_.get(tuple(self.models_))

    def _stack_inputs(self, parts: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
        values = np.column_stack([parts[name] for name in names])
        return logit(np.clip(values, 0.01, 0.99)) if self.kind == "binary" else values

    def groups(self, has: Mapping[str, np.ndarray]) -> Iterator[tuple[tuple[str, ...], np.ndarray, Any]]:
        """Yield the rows that have the same modalities: those modalities, positions of the rows, and their stack or None.

        Parameters
        ----------
        has : mapping of str to ndarray of bool
            Modality with a model -> which rows have it; rows without any are not yielded.
        """
        if not has:
            return
        patterns, of = np.unique(np.column_stack([has[name] for name in self.models_]), axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            names = tuple(name for name, there in zip(self.models_, pattern, strict=True) if there)
            if names:
                yield names, np.flatnonzero(np.ravel(of) == number), self.stacks_.get(names)

    def parts(self, X: Any) -> dict[str, np.ndarray]:
        """Return each modality's own predictions, shape (rows,); NaN where a row lacks the modality."""
        return self._parts(self._rows(X))

    def _parts(self, X: np.ndarray) -> dict[str, np.ndarray]:
        found = {}
        for name, model in self.models_.items():
            block = X[:, list(self.columns[name])]
            rows = ~np.isnan(block).all(axis=1)
            values = np.full(len(X), np.nan)
            if rows.any():
                values[rows] = predict(model, block[rows], self.kind)
            found[name] = values
        return found

    def expected(self, X: Any) -> np.ndarray:
        """Return the joint prediction, shape (rows,): probability, expected category or expected value."""
        X = self._rows(X)
        if self.kind == "ordinal":
            return np.asarray(self._categories(X) @ self.classes_)
        parts = self._parts(X)
        joint = np.full(len(X), self.mean_)
        for names, rows, stack in self.groups({name: ~np.isnan(values) for name, values in parts.items()}):
            own = {name: parts[name][rows] for name in names}
            if stack is None:
                joint[rows] = np.mean(list(own.values()), axis=0)
            else:
                inputs = self._stack_inputs(own, names)
                joint[rows] = stack.predict_proba(inputs)[:, 1] if self.kind == "binary" else stack.predict(inputs)
        return joint

    @available_if(lambda model: model.kind != "continuous")
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return ``[1 - p, p]`` a row for a binary outcome, the probability of each of ``classes_`` for an ordinal one."""
        if self.kind == "ordinal":
            return self._categories(self._rows(X))
        return super().predict_proba(X)

    def _categories(self, X: np.ndarray) -> np.ndarray:
        """Average the modalities' category probabilities, or take the stack's; the training shares where a row has nothing."""
        found = np.tile(self.shares_, (len(X), 1))
        parts = self._parts(X)
        for names, rows, stack in self.groups({name: ~np.isnan(values) for name, values in parts.items()}):
            if stack is None:
                each = [
                    category_probabilities(self.models_[n], X[np.ix_(rows, np.asarray(self.columns[n]))], self.classes_)
                    for n in names
                ]
                found[rows] = np.mean(each, axis=0)
            else:
                inputs = self._stack_inputs({name: parts[name][rows] for name in names}, names)
                found[rows] = category_probabilities(stack, inputs, self.classes_)
        return found
