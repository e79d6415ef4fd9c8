"""Cluster-robust errors that hold with few clusters: the bias-reduced sandwich CR2 with Satterthwaite's degrees of freedom."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["bias_reduced", "information_by_cluster"]

_WHOLE = 1 - 1e-8
"""Leverage above which a cluster decides a direction alone."""


def bias_reduced(scores: np.ndarray, information: np.ndarray) -> tuple[float, float]:
    """Return the CR2 standard error of the first coefficient and its degrees of freedom.

    Each cluster's residuals are widened by (I - H_i)^(-1/2), H_i its leverage, which makes the variance unbiased under
    independence (Bell & McCaffrey, Surv Methodol 2002;28:169); the degrees of freedom are those of the chi-squared that has the
    mean and variance of this variance (Pustejovsky & Tipton, J Bus Econ Stat 2018;36:672). As R ``clubSandwich``,
    ``vcov = "CR2"``, ``test = "Satterthwaite"``. With f(AB) A = A f(BA) all is said by sums over clusters, so that it costs the
    same however many rows a cluster has, and holds for a likelihood with more than one linear predictor.

    Parameters
    ----------
    scores : ndarray of float, shape (k, p)
        Each cluster's sum of scores at the estimate.
    information : ndarray of float, shape (k, p, p)
        Each cluster's expected information, in the same unit of variance as the scores.

    Returns
    -------
    se, df : float
        NaN where one cluster alone decides the coefficient, so that nothing shows how it varies between clusters.
    """
    unit = np.sqrt(np.diag(information.sum(axis=0)))
    scores, information = scores / unit, information / np.outer(unit, unit)
    root = np.linalg.inv(np.linalg.cholesky(information.sum(axis=0))).T
    leverage, vectors = np.linalg.eigh(root.T @ information @ root)
    mine = np.einsum("kpq,p->kq", vectors, root[0])
    total = float(root[0] @ root[0])
    whole = leverage > _WHOLE
    if (mine[whole] ** 2 > 1e-12 * total).any():
        return math.nan, math.nan
    widened = np.where(whole, 0.0, 1 / np.sqrt(np.where(whole, 1.0, 1 - leverage)))
    turned = np.einsum("kpq,kp->kq", vectors, scores @ root)
    variance = float(np.sum(np.sum(mine * widened * turned, axis=1) ** 2))
    own = np.sum(mine**2 * leverage * widened**2, axis=1)
    shared = np.einsum("kpq,kq->kp", vectors, mine * leverage * widened)
    squares = np.sum(own**2) - 2 * own @ np.sum(shared**2, axis=1) + np.sum((shared.T @ shared) ** 2)
    mean = float(np.sum(own) - np.sum(shared**2))
    return math.sqrt(variance) / float(unit[0]), mean**2 / float(squares)


def information_by_cluster(design: np.ndarray, weight: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Return X' W X of each cluster, shape (k, p, p); ``cluster`` holds codes from 0.

    Parameters
    ----------
    design : ndarray of float, shape (n, p)
    weight : ndarray of float, shape (n,)
    cluster : ndarray of int, shape (n,)
    """
    found = np.zeros((int(cluster.max()) + 1, design.shape[1], design.shape[1]))
    np.add.at(found, cluster, design[:, :, None] * (weight[:, None] * design)[:, None, :])
    return found
