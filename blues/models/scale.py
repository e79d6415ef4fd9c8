"""Standard scores of columns, 0 for those that did not vary in training."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

__all__ = ["Scaler"]


class Scaler(StandardScaler):
    """scikit-learn's scaler; a column that is constant in training, or was empty there, is 0 in every row.

    Nothing was learned of it and there is no standard deviation to divide by: in its own unit it would rule every distance
    between a held-out patient and the training patients.

    Examples
    --------
    >>> Scaler().fit([[1.0, 5.0], [3.0, 5.0]]).transform([[4.0, 300.0]]).tolist()
    [[2.0, 0.0]]
    """

    def transform(self, X: Any, copy: bool | None = None) -> np.ndarray:
        """Return the standard scores.

        Parameters
        ----------
        X : array of shape (rows, columns)
        copy : bool, optional
            As in scikit-learn.

        Returns
        -------
        ndarray of shape (rows, columns)
        """
        found = np.asarray(super().transform(X, copy))
        found[:, self.scale_ != np.sqrt(self.var_)] = 0.0  # a spread of 0 was replaced by 1
        return found
