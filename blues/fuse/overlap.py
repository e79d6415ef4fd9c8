"""Whether patients of one cohort are in another too: what a transfer refuses, and what it warns of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from blues import check
from blues.cohort import Cohort, persons
from blues.features import TABULAR, Design

__all__ = ["overlap"]

BY_CHANCE = 0.001
"""What is less likely than this by chance is taken to be none."""
LARGE = 0.25
"""This share of the patients tested is a large part."""
SAME_IDS = 3
"""From so many patients on, of one id in both cohorts and half of their fine values equal, a transfer may warn."""
SHIFTS, MANY = 100, 0.1
"""Patients of the other cohort with whom each is compared to learn how often values of two people are equal, and the share of
them whom nobody is like by his or her person."""
_NAMED = 3

Sides = tuple[pd.DataFrame, pd.DataFrame]
"""The same columns of the cohort that teaches and of the one tested, the index being the patients."""


def overlap(
    train: tuple[Cohort, Design],
    test: tuple[Cohort, Design],
    blocks: Mapping[str, pd.DataFrame],
    names: tuple[str, str],
) -> list[str]:
    """Raise where patients of the test cohort are plainly in the training cohort; return warnings where they may be.

    Two patients are alike whose rows are so by :func:`blues.cohort.persons.alike_between`. Chance, columns made from one
    measurement and imputed values make such pairs too, within each cohort as often as between them; a pair within a cohort is
    two people. It is plain that patients are in both where

    - they share a clip, byte for byte;
    - pairs alike in *all* fine values known of both have one id in both cohorts, and more so than their number and that of
      the ids in both let expect (one in a thousand);
    - or such pairs are more than those within the two cohorts let expect (one in a thousand), for the pairs of patients that
      there are of each sort;
    - or pairs alike in *most* fine values are so many, and are a quarter of the patients tested or more.

    Other pairs are a warning, and so are patients of one id and half of their fine values equal, where they are three or more
    and more than the same share among patients of different ids lets expect.

    Parameters
    ----------
    train, test : (Cohort, Design)
    blocks : mapping of str to DataFrame
        The columns of both, the training rows above those of the test cohort.
    names : tuple of str
        What to call the two cohorts.

    Returns
    -------
    list of str

    Raises
    ------
    InputError
    """
    (a, ours), (b, theirs) = train, test
    if Path(a.folder).resolve() == Path(b.folder).resolve():
        raise _refused(f"{b.name} is the cohort that was trained on", b)
    if pairs := persons.same_clips([(a.folder, a.clips), (b.folder, b.clips)]):
        owners = check.counted(len(b.patients), "patient")
        raise _refused(f"clips of {_told(pairs, owners, names, ' are in', ', byte for byte')}", b)
    sides = {name: _two_sides(block, ours, theirs) for name, block in blocks.items()}
    found = persons.alike_between(_side_by_side(sides))
    same = _same_ids([side for name, side in sides.items() if name in TABULAR])
    texts = []
    if found.pairs:
        taught, tested = (list(dict.fromkeys(of.patients.astype(str))) for of in (ours, theirs))
        plain, people = is_plain(found, taught, tested), check.counted(len(tested), "patient")
        are = " are in" if plain else " may be in"
        told = _told(found.pairs, people, names, are, ": most of their fine values are equal, or all")
        if plain:
            raise _refused(told, b)
        texts.append(f"{told}. If they are the same people, their outcomes were taught.")
    if same:
        first, second = names
        texts.append(
            f"{len(same)} patients have one id in {first} and in {second}, and half of their fine values or more are equal "
            f"({', '.join(same[:_NAMED])}{', ...' if len(same) > _NAMED else ''}): if they are the same people, their outcomes "
            "were taught."
        )
    return texts


def _told(pairs: list[persons.Pair], of: str, names: tuple[str, str], are: str, how: str) -> str:
    """Return how many patients tested are in both cohorts, and the first pairs."""
    first, second = names
    some = f"{len({pair.second for pair in pairs})} of {of} of {second}"
    return f"{some}{are} {first} too{how} (patients of {first} and of {second}, and how many: {persons.shown(pairs)})"


def _refused(what: str, cohort: Cohort) -> check.InputError:
    remedy = "Name a cohort of other patients; for one cohort leave --train and --test out: folds do that"
    return check.InputError(what, file=cohort.folder, remedy=remedy)


def is_plain(found: persons.Between, ours: list[str], theirs: list[str]) -> bool:
    """Return whether pairs of patients who are alike are too many for chance, as :func:`overlap` says.

    Parameters
    ----------
    found : Between
    ours, theirs : list of str
        The patients of both cohorts.

    Examples
    --------
    >>> from blues.cohort.persons import Between, Pair
    >>> ours, theirs = [f"a{i}" for i in range(40)], [f"b{i}" for i in range(40)]
    >>> pairs = [Pair(f"a{i}", f"b{i}", 8, 8) for i in range(20)]
    >>> is_plain(Between(pairs, []), ours, theirs), is_plain(Between(pairs, pairs), ours, theirs)
    (True, False)
    >>> is_plain(Between(pairs[:2], []), ours, theirs)
    False
    """
    between, inside = len(ours) * len(theirs), sum(len(side) * (len(side) - 1) / 2 for side in (ours, theirs))
    whole = [pair for pair in found.pairs if pair.equal == pair.of]
    one_id = sum(pair.first == pair.second for pair in whole)
    if one_id and _tail(one_id, len(whole), len(set(ours) & set(theirs)) / between) < BY_CHANCE:
        return True

    def too_many(pairs: list[persons.Pair], within: list[persons.Pair]) -> bool:
        return _tail(len(pairs), len(pairs) + len(within), between / (between + inside)) < BY_CHANCE

    if too_many(whole, [pair for pair in found.within if pair.equal == pair.of]):
        return True
    large = len({pair.second for pair in found.pairs}) >= LARGE * len(theirs)
    return large and too_many(found.pairs, found.within)


def _tail(count: int, of: int, share: float) -> float:
    """Return how likely so many or more of some are, each by itself with one probability."""
    return float(stats.binom.sf(count - 1, of, share))


def _two_sides(block: pd.DataFrame, ours: Design, theirs: Design) -> Sides:
    rows = len(ours.y)
    return (
        block[:rows].set_axis(ours.patients.astype(str).to_numpy()),
        block[rows:].set_axis(theirs.patients.astype(str).to_numpy()),
    )


def _side_by_side(blocks: Mapping[str, Sides]) -> list[Sides]:
    """Return the tables that a person may be known by: the columns of the patient table, and each block by itself."""
    tabular = [sides for name, sides in blocks.items() if name in TABULAR]
    return [*([_joint(tabular)] if len(tabular) > 1 else []), *blocks.values()]


def _joint(tables: list[Sides]) -> Sides:
    ours, theirs = (pd.concat([sides[k].reset_index(drop=True) for sides in tables], axis=1) for k in (0, 1))
    return ours.set_axis(tables[0][0].index), theirs.set_axis(tables[0][1].index)


def _same_ids(tables: list[Sides]) -> list[str]:
    """Return the patients with one id in both cohorts, of whose fine values of the patient table half are equal or more.

    None where they are few, or no more than as many pairs of different ids would be: coarse values are equal by chance. Who is
    so much like a tenth of the others (imputed values) is left out.
    """
    if not tables:
        return []
    ours, theirs = (side[~side.index.duplicated()] for side in _joint(tables))
    codes = persons.fine_values(pd.concat([ours, theirs]))
    first, second = codes[: len(ours)], codes[len(ours) :]
    both = ours.index.intersection(theirs.index)
    here, there = ours.index.get_indexer(both), theirs.index.get_indexer(both)
    shifts = range(1, min(SHIFTS, len(ours) - 1) + 1)
    others = [_half_equal(first[(here + shift) % len(ours)], second[there]) for shift in shifts]
    alike = np.sum(others, axis=0) if others else np.zeros(len(both))
    telling = alike <= MANY * len(shifts)
    same = both[telling & _half_equal(first[here], second[there])]
    share = (alike[telling].sum() + 1) / (len(shifts) * telling.sum() + 1)
    likely = len(same) < SAME_IDS or _tail(len(same), int(telling.sum()), share) >= BY_CHANCE
    return [] if likely else list(same)


def _half_equal(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return for pairs of rows whether enough is known of both and half of it or more is equal."""
    known = ((ours >= 0) & (theirs >= 0)).sum(axis=1)
    equal = ((ours >= 0) & (ours == theirs)).sum(axis=1)
    return (known >= persons.KNOWN) & (2 * equal >= known)
