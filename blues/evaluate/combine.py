"""From the predictions of parts to one of the whole: frames to a clip, clips to a patient. Nothing is learned."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
import pandas as pd

from blues.check import InputError, one_of, probabilities, reaches, same_length
from blues.evaluate.discrimination import auroc
from blues.evaluate.records import group_codes
from blues.evaluate.rows import rows_in_order

__all__ = ["COMBINE", "combine", "combine_table"]

COMBINE = ("mean", "vote", "max", "any", "top-k", "noisy-or")
"""Ways to combine: see :func:`combine`."""


@rows_in_order
def combine(p: Any, groups: Any, how: str = "mean", *, k: int = 3, threshold: float = 0.5) -> pd.Series:
    """Combine the probabilities of the members of each group to one.

    Parameters
    ----------
    p : array-like, shape (n,)
        Probability of the finding, one a frame or clip.
    groups : array-like, shape (n,)
        The clip of each frame, or the patient of each clip.
    how : {"mean", "vote", "max", "any", "top-k", "noisy-or"}
        ``mean`` probability; ``vote``, the share of members at or above the threshold (above one half: the majority);
        ``max``; ``any``, 1 if one member reaches the threshold; ``top-k``, the mean of the k highest (of all, where there
        are fewer); ``noisy-or``, 1 - prod(1 - p), the probability of at least one if members were independent [1]_.
    k : int
        For ``top-k``.
    threshold : float
        For ``vote`` and ``any``.

    Returns
    -------
    Series
        One row a group, in the order in which groups first occur; float64.

    Raises
    ------
    InputError
        For another way, probabilities out of 0 ... 1 or not in one column, lengths that differ, missing groups, a k that is no
        whole number of 1 or more, or a threshold out of range.

    Notes
    -----
    The mean and the majority of frames are what POCOVID-Net compares [2]_. Its majority is of the class each frame is called;
    here every class or finding votes by itself, at the threshold, which is the same for two classes.

    References
    ----------
    .. [1] Pearl J. Probabilistic Reasoning in Intelligent Systems. 1988, 4.3.2.
    .. [2] Born J, et al. Accelerating detection of lung pathologies with explainable ultrasound image analysis. Appl Sci
       2021;11:672.

    Examples
    --------
    >>> combine([0.2, 0.9, 0.7, 0.1], ["a", "a", "a", "b"], "vote").round(2).to_dict()
    {'a': 0.67, 'b': 0.0}
    >>> combine([0.5, 0.5], ["a", "a"], "noisy-or").to_dict()
    {'a': 0.75}
    """
    one_of(how, COMBINE, "way to combine")
    values = probabilities(p, "p")
    if values.ndim != 1:
        raise InputError(f"p has shape {values.shape}", allowed="one probability a member")
    same_length(p=values, groups=np.asarray(groups))
    if isinstance(k, bool) or not isinstance(k, numbers.Integral) or k < 1:
        raise InputError(f"k is {k}", allowed="a whole number, at least 1")
    if not 0 <= threshold <= 1:
        raise InputError(f"threshold is {threshold}", allowed="0 to 1")
    group_codes(groups, len(values), "groups")
    if how in ("vote", "any"):
        values = reaches(values, _as_told(threshold, p)).astype(float)
    if how == "noisy-or":
        with np.errstate(divide="ignore"):
            values = np.log1p(-values)
    grouped = pd.Series(values).groupby(np.asarray(groups), sort=False)
    if how in ("mean", "vote"):
        found = grouped.mean()
    elif how in ("max", "any"):
        found = grouped.max()
    elif how == "top-k":
        found = grouped.apply(lambda members: members.nlargest(k).mean())
    else:
        found = -np.expm1(grouped.sum())
    return found.rename(how)


def _as_told(threshold: float, p: Any) -> float:
    """Return a threshold as the numbers of ``p`` can hold it: .7 in float32 is below .7, and reaches it."""
    held = getattr(p, "dtype", None)
    return float(held.type(threshold)) if isinstance(held, np.dtype) and held.kind == "f" else threshold


@rows_in_order
def combine_table(
    y: Any, p: Any, clips: Any, patients: Any, *, k: int = 3, threshold: float = 0.5, level: float = 0.95
) -> pd.DataFrame:
    """Score every way from frames to clips and from clips to patients, side by side.

    Parameters
    ----------
    y : array-like, shape (frames,)
        Outcome of the frame's patient, 0 or 1, the same for all frames of a patient.
    p : array-like, shape (frames,)
        Probability, one a frame.
    clips, patients : array-like, shape (frames,)
        The clip and the patient of each frame.
    k, threshold
        As for :func:`combine`.
    level : float
        Confidence level of the AUROC's interval.

    Returns
    -------
    DataFrame
        ``frames`` (mean or vote), ``clips`` (mean, max, any, top-k, noisy-or), ``auroc``, ``low``, ``high``; without interval
        where all patients get the same. To take the
        best of these rows as a result would be to choose on the rows it is reported on.

    Raises
    ------
    InputError
        When the outcome differs within a patient or a clip belongs to several, or as :func:`combine`.
    """
    frames = np.asarray(p)
    rows = pd.DataFrame({"y": np.asarray(y, dtype=float), "clip": np.asarray(clips), "patient": np.asarray(patients)})
    varying = rows.groupby("patient", observed=True)["y"].nunique()
    if (varying > 1).any():
        raise InputError(f"the outcome differs between frames of patient {varying.idxmax()}")
    owners = rows.groupby("clip", sort=False, observed=True)["patient"].agg(["first", "nunique"])
    if (owners["nunique"] > 1).any():
        raise InputError(f"clip {owners['nunique'].idxmax()} belongs to several patients")
    outcome = rows.groupby("patient", sort=False, observed=True)["y"].first()
    lines = []
    for over_frames in ("mean", "vote"):
        of_clip = combine(frames, rows["clip"], over_frames, threshold=threshold)
        for over_clips in ("mean", "max", "any", "top-k", "noisy-or"):
            of_patient = combine(of_clip, owners["first"].loc[of_clip.index], over_clips, k=k, threshold=threshold)
            area = auroc(outcome.loc[of_patient.index], of_patient, level=level)
            bounds = (area.low, area.high) if of_patient.nunique() > 1 else (np.nan, np.nan)
            lines.append((over_frames, over_clips, area.value, *bounds))
    return pd.DataFrame(lines, columns=["frames", "clips", "auroc", "low", "high"])
