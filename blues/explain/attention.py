"""What the attention of a fused network weighs: its BLUE points and modalities, out of fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from blues import check, models

if TYPE_CHECKING:
    from blues.explain.record import Attributions

__all__ = ["Weights", "attention_by_point", "attention_of"]


@dataclass(frozen=True)
class Weights:
    """Attention weights of some rows.

    Attributes
    ----------
    tokens, kinds : tuple of str
        What is weighed (a BLUE point or a modality), and of which modality it is.
    values : ndarray of float32, shape (rows, tokens)
        Rows sum to 1; 0 for what a row lacks.
    """

    tokens: tuple[str, ...]
    kinds: tuple[str, ...]
    values: np.ndarray


def attention_of(model: Any, X: np.ndarray) -> Weights | None:
    """Return the attention weights of a fitted model, mean over its networks and cuts; None for a model without attention.

    Parameters
    ----------
    model : fitted estimator
        A :class:`blues.models.Nested`, or what is in it.
    X : ndarray, shape (rows, columns)

    Returns
    -------
    Weights or None
    """
    if isinstance(model, models.Nested):
        return attention_of(model.model_, X[:, model.columns_])
    if isinstance(model, models.OrdinalClassifier):
        parts = [found for cut in model.cuts_ if (found := attention_of(cut, X)) is not None]
        if not parts:
            return None
        return Weights(parts[0].tokens, parts[0].kinds, np.mean([part.values for part in parts], axis=0))
    if not isinstance(model, models.AttentionFusion):
        return None
    kinds = tuple(kind for kind, _ in model.tokens.values())
    return Weights(tuple(model.tokens), kinds, model.attention(X).astype(np.float32))


def attention_by_point(attributions: Attributions, arm: str) -> pd.DataFrame:
    """Return how an arm's attention is shared out, mean over patients, with the clips that stand for the points beside it.

    Parameters
    ----------
    attributions : Attributions
    arm : str
        An arm whose model has attention.

    Returns
    -------
    DataFrame
        ``token, kind, value`` (mean weight where the token is there), ``low, high`` (10th and 90th percentile over patients),
        ``patients``; the largest first.

    Raises
    ------
    InputError
        When the arm has no attention weights in this run.

    Notes
    -----
    A weight says what the sum is made of, not what moved the prediction: that is what Shapley values are for.
    """
    table = attributions.attention
    arms = list(dict.fromkeys(table["arm"].astype(str)))
    if arm not in arms:
        raise check.InputError(
            f"arm {arm!r} has no attention weights",
            allowed=arms or "arms of a run with --model attention",
            remedy="Run with --model attention",
        )
    part = table[(table["arm"] == arm) & (table["weight"] > 0)]
    per_patient = part.groupby(["token", "kind", "patient"], observed=True)["weight"].mean()
    grouped = per_patient.groupby(["token", "kind"], observed=True)
    found = grouped.agg(value="mean", patients="size")
    found["low"], found["high"] = grouped.quantile(0.1), grouped.quantile(0.9)
    found = found.reset_index().sort_values("value", ascending=False, kind="stable", ignore_index=True)
    return found[["token", "kind", "value", "low", "high", "patients"]]
