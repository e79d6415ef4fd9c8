"""Logistic regression with a random intercept a cluster, by adaptive Gauss-Hermite quadrature."""

from __future__ import annotations

import numpy as np
from scipy import optimize
from scipy.special import expit, log_expit, logsumexp, softmax

__all__ = ["logistic_intercept"]

POINTS = 15
"""Nodes of the quadrature in each cluster."""


def logistic_intercept(y: np.ndarray, design: np.ndarray, cluster: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Maximise the likelihood of logit P(y = 1) = x beta + sd b, b standard normal, one b a cluster.

    Each cluster's integral over b is taken at nodes laid around the mode of its integrand (Pinheiro & Bates, J Comput Graph
    Stat 1995;4:12), as R ``lme4::glmer(nAGQ = 15)``. Coefficients are of a given cluster: further from 0 than the average
    over clusters that GEE estimates.

    Parameters
    ----------
    y : ndarray of float, shape (n,)
        0 or 1.
    design : ndarray of float, shape (n, p)
        With a constant; columns on like scales.
    cluster : ndarray of int, shape (n,)
        Codes from 0.

    Returns
    -------
    beta : ndarray of float, shape (p,)
    covariance : ndarray of float, shape (p, p)
        From the observed information of beta and sd; of beta alone where sd is 0.
    sd : float

    Raises
    ------
    ValueError
        No maximum was found.
    """
    p = design.shape[1]

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _likelihood(parameters, y, design, cluster)
        return -value, -gradient

    found = optimize.minimize(
        loss, np.append(np.zeros(p), 1.0), jac=True, method="BFGS", options={"gtol": 1e-6, "maxiter": 300}
    )
    if not np.isfinite(found.fun) or np.abs(found.jac).max() > 1e-2 or np.abs(found.x[:p]).max() > 15:
        why = "the predictor separates the outcomes, or they do not vary within patients"
        raise ValueError(f"the likelihood has no maximum: {why}")
    sd = abs(float(found.x[p]))
    free = p + 1 if sd > 1e-3 else p
    information = _information(found.x, y, design, cluster)[:free, :free]
    covariance = np.linalg.inv(information)[:p, :p]
    if not (np.diag(covariance) > 0).all():
        raise ValueError("the information is not positive")
    return found.x[:p], covariance, sd if free > p else 0.0


def _likelihood(
    parameters: np.ndarray, y: np.ndarray, design: np.ndarray, cluster: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the log likelihood and its gradient in (beta, sd), by Fisher's identity over the nodes."""
    fixed, sd = design @ parameters[:-1], parameters[-1]
    mode, width = _modes(fixed, sd, y, cluster)
    node, weight = np.polynomial.hermite.hermgauss(POINTS)
    b = mode[:, None] + np.sqrt(2) * width[:, None] * node
    eta = fixed[:, None] + sd * b[cluster]
    of_clip = np.where(y[:, None] == 1, log_expit(eta), log_expit(-eta))
    joint = np.log(weight) + node**2 + np.log(np.sqrt(2) * width)[:, None] - b**2 / 2 - np.log(2 * np.pi) / 2
    np.add.at(joint, cluster, of_clip)
    share = softmax(joint, axis=1)[cluster]
    residual = y[:, None] - expit(eta)
    gradient = np.append(((share * residual).sum(axis=1)) @ design, (share * residual * b[cluster]).sum())
    return float(logsumexp(joint, axis=1).sum()), gradient


def _modes(fixed: np.ndarray, sd: float, y: np.ndarray, cluster: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each cluster's mode of b given its outcomes, and the width of the normal that fits there; both (clusters,)."""
    k = int(cluster.max()) + 1
    b = np.zeros(k)
    for _ in range(50):
        p = expit(fixed + sd * b[cluster])
        slope = np.bincount(cluster, weights=sd * (y - p), minlength=k) - b
        curvature = np.bincount(cluster, weights=sd**2 * p * (1 - p), minlength=k) + 1
        step = np.clip(slope / curvature, -1, 1)
        b = b + step
        if np.abs(step).max() < 1e-10:
            break
    return b, 1 / np.sqrt(curvature)


def _information(parameters: np.ndarray, y: np.ndarray, design: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Return minus the second derivatives of the log likelihood, by central differences of its gradient."""
    size = len(parameters)
    rows = []
    for j in range(size):
        step = np.zeros(size)
        step[j] = 1e-4 * max(1.0, abs(parameters[j]))
        ahead, behind = (_likelihood(parameters + s, y, design, cluster)[1] for s in (step, -step))
        rows.append((behind - ahead) / (2 * step[j]))
    information = np.array(rows)
    return (information + information.T) / 2
