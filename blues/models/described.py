"""What each model is, in the words of a methods section."""

from __future__ import annotations

from blues import check
from blues.models.candidates import ATTENTION
from blues.models.zoo import KINDS, MODELS, PLAIN

__all__ = ["described"]

_EITHER = {
    "forest": "a random forest (100 trees, at least 2 rows a leaf)",
    "xgboost": "gradient-boosted trees (XGBoost: 100 of depth 3, learning rate 0.1, each on 80% of rows and 50% of columns)",
    "svm": "a support vector machine (radial kernel, C = 1)",
    "prevalence": "the training mean alone",
    ATTENTION: "gated attention over BLUE points and modalities (Ilse 2018; 3 networks of 16 hidden units, 120 steps)",
}
_BINARY = {
    "logistic": "a logistic regression with an L2 penalty (C = 0.1 on standardised columns)",
    PLAIN: "a logistic regression all but unpenalised (C = 100 on standardised columns)",
    "ridge": "a logistic regression with an L2 penalty whose strength inner folds over patients chose (C from 1 to 0.0001)",
    "svm": "a support vector machine (radial kernel, C = 1), its scores made probabilities on inner folds over patients",
}
_NUMBER = {
    "logistic": "a ridge regression (alpha = 10 on standardised columns)",
    PLAIN: "least squares",
    "ridge": "a ridge regression whose strength inner folds over patients chose (alpha from 1 to 10,000)",
}


def described(name: str, kind: str = "binary") -> str:
    """Return what a model is, as a methods section says it.

    Parameters
    ----------
    name : str
        One of :data:`blues.models.MODELS`, or ``"attention"``.
    kind : {"binary", "ordinal", "continuous"}
        Kind of the outcome; an ordinal one has a binary model a cut.

    Returns
    -------
    str
        A noun with its article and its settings.

    Raises
    ------
    InputError
        For another name or kind.

    Examples
    --------
    >>> described("logistic", "continuous")
    'a ridge regression (alpha = 10 on standardised columns)'
    """
    check.one_of(kind, KINDS, "kind of target")
    check.one_of(name, (*MODELS, ATTENTION), "model")
    return {**_EITHER, **(_NUMBER if kind == "continuous" else _BINARY)}[name]
