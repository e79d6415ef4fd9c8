"""Repeated, stratified cross-validation that never splits a patient."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from blues.check import InputError, counted, finite, one_of
from blues.evaluate.records import group_codes
from blues.evaluate.rows import rows_in_order

__all__ = ["Split", "patient_folds"]


class Split(NamedTuple):
    """One fold of one repeat.

    Attributes
    ----------
    repeat, fold : int
        From 0.
    train, test : ndarray of int
        Row positions, rising; no patient has rows in both.
    """

    repeat: int
    fold: int
    train: np.ndarray
    test: np.ndarray


def _bins(y: np.ndarray, codes: np.ndarray, folds: int) -> np.ndarray:
    """Return each row's bin of a continuous outcome: up to five bins of patients' means, each with patients enough."""
    means = np.bincount(codes, y) / np.bincount(codes)
    bins = max(1, min(5, len(means) // folds))
    ranks = pd.Series(means).rank(method="average").to_numpy() - 0.5
    labels = (ranks * bins / len(means)).astype(np.int64)
    for label in range(bins - 1, -1, -1):  # ties can leave a bin too small: join it to a neighbour
        below, above = labels[labels < label], labels[labels > label]
        if 0 < np.sum(labels == label) < folds and len(below) + len(above):
            labels[labels == label] = below.max() if len(below) else above.min()
    return np.asarray(labels[codes])


@rows_in_order
def patient_folds(
    y: Any, patients: Any, folds: int = 5, repeats: int = 20, seed: int = 0, *, kind: str = "auto"
) -> list[Split]:
    """Split rows into folds by patient, stratified by outcome, several times over.

    Parameters
    ----------
    y : array-like, shape (n,)
        Outcome of each row: classes (0/1, ordinal grades) or a continuous number.
    patients : array-like, shape (n,)
        The patient of each row. All rows of a patient fall into the same fold.
    folds, repeats : int
    seed : int
        Same seed, same patients: same folds, whatever the order of the rows. Patients are dealt in the order of their labels,
        numbers by size and text as text, so that 2 and 10 are dealt otherwise than "2" and "10". A cohort's are text.
    kind : {"auto", "binary", "ordinal", "continuous"}
        Binary and ordinal outcomes are stratified by class; ``auto`` takes up to ten whole numbers as
        classes. Continuous outcomes are stratified by up to five bins of the patients' means.

    Returns
    -------
    list of Split
        ``repeats * folds`` of them, repeat by repeat.

    Raises
    ------
    InputError
        If a class has fewer patients than there are folds; the message gives the counts.

    Notes
    -----
    Where a patient has one class, patients are dealt out class by class, so that every fold's share of each class is
    as equal as whole patients allow. Where clips of a patient differ in class, scikit-learn's StratifiedGroupKFold
    balances the clips' classes (its shuffle did not stratify before 1.8).

    Examples
    --------
    >>> splits = patient_folds([0, 0, 1, 1, 0, 1], ["1", "2", "3", "4", "5", "6"], folds=3, repeats=2)
    >>> len(splits), [len(split.test) for split in splits]
    (6, [2, 2, 2, 2, 2, 2])
    """
    one_of(kind, ("auto", "binary", "ordinal", "continuous"), "kind")
    outcome = finite(y, "y").ravel()
    if folds < 2 or repeats < 1:
        raise InputError(f"folds is {folds} and repeats {repeats}", allowed="at least 2 folds and 1 repeat")
    codes, groups = group_codes(patients, len(outcome), "patients")
    if len(groups) < folds:
        raise InputError(f"{len(groups)} patients for {folds} folds", remedy="Take fewer folds")
    values, classes = np.unique(outcome, return_inverse=True)
    if kind == "continuous" or (kind == "auto" and (len(values) > 10 or (values % 1).any())):
        classes = _bins(outcome, codes, folds)
    else:
        _enough(outcome, codes, folds)
    seeds = np.random.default_rng(seed).integers(0, 2**31 - 1, size=repeats)
    order = np.lexsort((outcome, codes))
    assigned = [_assign(classes[order], codes[order], folds, int(one)) for one in seeds]
    result = []
    for repeat, fold_of in enumerate(assigned):
        of_row = np.empty(len(outcome), dtype=np.int64)
        of_row[order] = fold_of
        result += [Split(repeat, k, np.flatnonzero(of_row != k), np.flatnonzero(of_row == k)) for k in range(folds)]
    return result


def _enough(outcome: np.ndarray, codes: np.ndarray, folds: int) -> None:
    """Raise if a class has fewer patients than folds, or there is one class."""
    counts = {value: len(np.unique(codes[outcome == value])) for value in np.unique(outcome)}
    told = ", ".join(f"class {value:g} has {counted(count, 'patient')}" for value, count in counts.items())
    if len(counts) < 2:
        raise InputError(f"only one class to stratify by: {told}")
    fewest = min(counts.values())
    if fewest < folds:
        remedy = f"Take at most {fewest} folds, or merge classes"
        if fewest < 2:
            remedy = "Merge classes, or leave the class out: one patient cannot be on both sides of a split"
        if any(value % 1 for value in counts):
            remedy += "; classes such as 0.5 are means of several ratings: take one rater's, or a continuous outcome"
        raise InputError(f"a class has fewer patients than the {folds} folds: {told}", remedy=remedy)


def _assign(classes: np.ndarray, codes: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each row; rows come sorted by patient."""
    firsts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
    of_row = np.empty(len(codes), dtype=np.int64)
    if np.array_equal(np.repeat(classes[firsts], np.diff(np.append(firsts, len(codes)))), classes):
        splitter, labels = StratifiedKFold(folds, shuffle=True, random_state=seed), classes[firsts]
        of_patient = np.empty(len(firsts), dtype=np.int64)
        for k, (_, test) in enumerate(splitter.split(np.zeros(len(firsts)), labels)):
            of_patient[test] = k
        return of_patient[codes]
    grouped = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for k, (_, test) in enumerate(grouped.split(np.zeros(len(codes)), classes, codes)):
        of_row[test] = k
    return of_row
