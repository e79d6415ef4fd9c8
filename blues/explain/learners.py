"""Shapley values of single learners: tree ensembles and linear pipelines, and sampled ones for whatever else predicts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from blues.explain.parts import Part

__all__ = ["PAIRS", "boosted", "forest", "linear", "linear_weights", "sampled", "xgboost"]

PAIRS = 16
"""Pairs of permutations of what is sampled."""


def _tree_explainer() -> Any:
    """Import the library when it is first needed: that takes a second, and its own plots warn about matplotlib."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from shap import TreeExplainer
    return TreeExplainer


def forest(model: Any, X: np.ndarray) -> Part:
    """Explain a scikit-learn forest by TreeSHAP [1]_: path-dependent, exact, missing values on their learned side.

    In probability for a classifier, in the outcome's unit for a regressor.

    References
    ----------
    .. [1] Lundberg SM, Erion G, Chen H, et al. From local explanations to global understanding with explainable AI for
       trees. Nat Mach Intell 2020;2:56-67.
    """
    explainer = _tree_explainer()(model, feature_perturbation="tree_path_dependent")
    values = np.asarray(explainer.shap_values(X, check_additivity=False), dtype=float)
    base = np.ravel(np.asarray(explainer.expected_value, dtype=float))
    if values.ndim == 3:
        values, base = values[..., 1], base[1:]
    return Part(values, np.full(len(X), float(base[0])))


def boosted(model: Any, X: np.ndarray) -> Part:
    """Explain a scikit-learn gradient boosting by TreeSHAP: in log-odds for a classifier."""
    explainer = _tree_explainer()(model, feature_perturbation="tree_path_dependent")
    found = explainer(X, check_additivity=False)
    return Part(
        np.asarray(found.values, float), np.ravel(np.asarray(found.base_values, float)), hasattr(model, "classes_")
    )


def xgboost(model: Any, X: np.ndarray, X_train: np.ndarray) -> Part:
    """Explain an XGBoost model by its own TreeSHAP, which is what ``shap.TreeExplainer`` gives: log-odds for a classifier.

    The parts of a linear booster are told from 0; they are moved to the mean of the training rows.
    """
    from xgboost import DMatrix

    def parts(rows: np.ndarray) -> np.ndarray:
        found = model.get_booster().predict(DMatrix(rows, missing=model.missing), pred_contribs=True)
        return np.asarray(found, dtype=float)

    found = parts(X)
    values, base = found[:, :-1], found[:, -1]
    if model.booster == "gblinear":
        centre = parts(X_train)[:, :-1].mean(axis=0)
        values, base = values - centre, base + centre.sum()
    return Part(values, base, hasattr(model, "n_classes_"))


def linear_weights(model: Any, X_train: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, bool] | None:
    """Return weight, centre and base of a linear model in the columns it is given, or None where it is not linear.

    Parameters
    ----------
    model : fitted estimator
        Preprocessing of imputation and scaling is taken into the weights.
    X_train : ndarray, shape (rows, columns)
        Their mean, once imputed, is the centre where no scaler has taken it off.

    Returns
    -------
    weights, centre : ndarray, shape (columns,)
    base : float
        The output is ``base + (x - centre) @ weights`` once missing values are imputed.
    log_odds : bool
        Whether the output is log-odds.
    """
    steps = [step for _, step in model.steps] if isinstance(model, Pipeline) else [model]
    *before, last = steps
    if not hasattr(last, "coef_") or not all(isinstance(step, SimpleImputer | StandardScaler) for step in before):
        return None
    weights = np.asarray(last.coef_, dtype=float)
    if weights.ndim == 2 and weights.shape[0] != 1:
        return None
    classifier = hasattr(last, "classes_")
    if weights.size != X_train.shape[1] or (classifier and not hasattr(last, "predict_proba")):
        return None
    scalers = [step for step in before if isinstance(step, StandardScaler)]
    centre, unit = np.zeros(weights.size), np.ones(weights.size)
    for step in scalers:
        centre = centre + unit * step.mean_ if step.with_mean else centre
        unit = unit * step.scale_ if step.with_std else unit
    weights, base = weights.ravel() / unit, float(np.ravel(last.intercept_)[0])
    if not any(step.with_mean for step in scalers):
        mean = imputed(model, X_train).mean(axis=0)
        centre, base = mean, base + float((mean - centre) @ weights)
    return weights, centre, base, classifier


def imputed(model: Any, X: np.ndarray) -> np.ndarray:
    """Return ``X`` after the imputer of a pipeline, in the columns' own units."""
    for _, step in model.steps if isinstance(model, Pipeline) else []:
        if isinstance(step, SimpleImputer):
            return np.asarray(step.transform(X), dtype=float)
    return X


def linear(model: Any, X: np.ndarray, X_train: np.ndarray) -> Part | None:
    """Explain a linear pipeline in closed form, ``weight * (x - training mean)`` [1]_, or return None if it is not linear.

    A missing value counts as what was imputed for it.

    References
    ----------
    .. [1] Štrumbelj E, Kononenko I. Explaining prediction models and individual predictions with feature contributions.
       Knowl Inf Syst 2014;41:647-665.
    """
    known = linear_weights(model, X_train)
    if known is None:
        return None
    weights, centre, base, log_odds = known
    return Part((imputed(model, X) - centre) * weights, np.full(len(X), base), log_odds)


def sampled(
    predict: Callable[[np.ndarray], np.ndarray],
    X: np.ndarray,
    background: np.ndarray,
    players: np.ndarray,
    seed: int = 0,
    pairs: int = PAIRS,
) -> Part:
    """Explain any function by permutations of the players, each with its reverse, against rows of the background [1]_.

    Parameters
    ----------
    predict : callable
        From rows, shape (m, columns), to outputs, shape (m,).
    X : ndarray, shape (rows, columns)
    background : ndarray, shape (rows, columns)
        Training rows. Each row of ``X`` gets its own for each pair of permutations, one from each of as many equal parts of
        the training rows in the order of their outputs, so that the rows drawn stand for all.
    players : ndarray of int, shape (columns,)
        Columns with the same number enter together.
    seed : int
    pairs : int
        Pairs of permutations. The values add up to the output for any number; more pairs make them less noisy.

    Returns
    -------
    Part
        A player's value stands at the first of its columns. The base is the mean output over the whole background: what the
        rows drawn miss it by is shared out as a control variate [2]_, by how each player's steps go with their sum. Where all
        rows drawn have one output, nothing says how, and the base is that output.

    References
    ----------
    .. [1] Mitchell R, Cooper J, Frank E, Holmes G. Sampling permutations for Shapley value estimation. J Mach Learn Res
       2022;23:1-46.
    .. [2] Lavenberg SS, Welch PD. A perspective on the use of control variables to increase the efficiency of Monte Carlo
       simulations. Manage Sci 1981;27:322-335.
    """
    rng = np.random.default_rng(seed)
    _, first, of = np.unique(players, return_index=True, return_inverse=True)
    count = len(first)
    own, said = predict(X), predict(background)
    place = (np.arange(pairs)[:, None] + rng.random(len(X))) / pairs
    drawn = np.argsort(said, kind="stable")[(place * len(background)).astype(int)]
    away = said[drawn].mean(axis=0) - said[drawn]
    total, along = np.zeros((len(X), count)), np.zeros((len(X), count))
    for rows, miss in zip(drawn, away, strict=True):
        order = rng.permutation(count)
        for sequence in (order, order[::-1]):
            rank = np.empty(count, dtype=int)
            rank[sequence] = np.arange(count)
            # step s has let in the players of the first s places; the first and the last are known
            inside = rank[of][None, :] < np.arange(1, count)[:, None]
            grid = np.where(inside[:, None, :], X[None], background[rows][None])
            between = predict(grid.reshape(-1, X.shape[1])) if count > 1 else np.empty(0)
            outputs = np.vstack([said[rows], between.reshape(count - 1, len(X)), own])
            steps = np.diff(outputs, axis=0).T
            total[:, sequence] += steps
            along[:, sequence] += steps * miss[:, None]
    spread = 2 * (away**2).sum(axis=0)
    missed = said[drawn].mean(axis=0) - said.mean()
    told = np.ptp(said[drawn], axis=0) > 1e-6 * np.ptp(said)
    share = np.divide(along, spread[:, None], out=np.zeros(along.shape), where=told[:, None])
    values = np.zeros(X.shape)
    values[:, first] = total / (2 * pairs) + share * missed[:, None]
    return Part(values, said.mean() + np.where(told, 0.0, missed))
