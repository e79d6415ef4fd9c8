"""Terms that a page uses and a clinician may not know, each explained in a sentence, where the page uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["TERMS", "terms"]

TERMS = {
    "AUROC": "Of one patient with and one without the outcome, how often the first gets the higher risk: 1 is always, "
    "0.5 by chance.",
    "average precision": "The precision (share with the outcome among those called) averaged over all shares found; by chance "
    "it is the share with the outcome.",
    "Brier score": "The mean squared distance between predicted risk and what happened: 0 is perfect.",
    "scaled Brier": "The Brier score against that of saying the same risk of everybody: 1 is perfect, 0 no better than that.",
    "Uno's C": "Of two patients, how often the one who leaves first was expected to; patients whose end is not known are "
    "allowed for. 1 always, 0.5 by chance.",
    "Harrell's C": "As Uno's C, over the pairs of patients whose order is known.",
    "ICI": "Integrated calibration index: the mean distance between predicted risk and the smoothed share with the outcome.",
    "E50": "The median of the distances that the ICI averages; E90 is the 90th percentile, Emax the largest.",
    "ECE": "Expected calibration error: as the ICI, over ten bins of predicted risk.",
    "GEE": "Generalised estimating equations: a regression that allows for several clips of one patient.",
    "Shapley value": "How much one piece of information moves a prediction, averaged over all orders of adding the pieces.",
    "Williams' index": "Agreement of the model with the experts over that of the experts among themselves: 1 is as good.",
    "individual equivalence index": "How much more often the model differs from an expert than experts do from each "
    "other; below 0 it differs less.",
    "BLUE": "Bedside lung ultrasound in emergency; a BLUE point is one of its places on the chest, here R1 to L3 or as the "
    "cohort names them.",
}
"""What is looked for on the page -> what it means."""


def terms(*parts: Any) -> list[list[str]]:
    """Return the terms that occur in what a page shows, each with its sentence.

    Parameters
    ----------
    *parts
        JSON-ready values that hold the page's texts.

    Returns
    -------
    list of [term, sentence]

    Examples
    --------
    >>> [term for term, _ in terms({"text": "AUROC 0.8, ICI 0.02"}, ["policies"])]
    ['AUROC', 'ICI']
    """
    text = "\n".join(_texts(parts))
    return [[term, said] for term, said in TERMS.items() if re.search(rf"(?<![\w-]){re.escape(term)}(?!\w)", text)]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
