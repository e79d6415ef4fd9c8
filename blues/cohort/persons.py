"""Finds one person under two ids: patients who share a clip byte for byte, or most of whose fine values are equal."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from blues import provenance
from blues.check import counted
from blues.cohort.dictionary import Dictionary
from blues.cohort.findings import Finding
from blues.cohort.schema import PREDICTORS
from blues.cohort.tables import natural_key

__all__ = [
    "KNOWN",
    "ONE_PERSON",
    "Between",
    "Pair",
    "alike",
    "alike_between",
    "fine_values",
    "one_person",
    "same_clips",
    "shown",
]

ONE_PERSON = "one person under two ids?"
"""How what is said of two patients who may be one ends."""
FINE, KNOWN, MOST = 10, 5, 0.8
"""Two patients may be one where of the fine values known to both, at least so many, this share is equal.

A fine column has more than so many different values.
"""
ALIKE = 2
"""A row that is like more others than this is like them by its columns (several of one measurement) and not by its person;
where most pairs are so, none is told."""
DEFAULTS = 8
"""Before that, rows of imputed values or of a default are left out: of so many or more that hang together by being alike, those
that have four fifths of the values commonest among them. Fewer may be some who share what many columns are made from."""
BY_CHANCE = 0.0001
"""And where fewer pairs than this would be so much alike if values were handed out at random."""
NEIGHBOURS, LOOKED_AT = 3, 30
"""Rows are held against so many that follow them in the order of a few columns; of wide tables so many columns are used."""
SORTED_BY, AT_ONCE = 4, 20_000
OWNERS = 10
"""Of so many patients with one file every pair is told, of more each with the first."""
PLACEHOLDER = 1024
"""A file of fewer bytes holds no clip."""
HEAD = 65_536
_NAMED = 3

Owner = tuple[int, str]
"""Which cohort, which patient."""
Owned = tuple[Owner, Path]
"""Whose file it is, and where it lies."""


class Pair(NamedTuple):
    """Two patients, and in how much they are alike: equal of known values, or clips they share."""

    first: str
    second: str
    equal: int
    of: int


class Between(NamedTuple):
    """What :func:`alike_between` found: pairs of a patient of one cohort and one of another, and what chance may make.

    Attributes
    ----------
    pairs : list of Pair
        Between the cohorts.
    within : list of Pair
        As much alike, and of one cohort: two people, so that as many between the cohorts, for their size, mean nothing.
    """

    pairs: list[Pair]
    within: list[Pair]


def one_person(patients: pd.DataFrame, dictionary: Dictionary, clips: pd.DataFrame, folder: Path) -> list[Finding]:
    """Return findings on patients who may be one person under two ids.

    Parameters
    ----------
    patients, clips : DataFrame
        As a cohort has them.
    dictionary : Dictionary
    folder : Path
        The cohort's.
    """
    file, done, found = dictionary.files.patients, "kept apart; if they are one person, merge or remove one", []
    roles: dict[str, list[str]] = {}
    for name, column in dictionary.columns.items():
        if column.role in PREDICTORS and column.decoded_kind in ("continuous", "ordinal"):
            roles.setdefault(column.role, []).append(name)
    every = [name for names in roles.values() for name in names]
    if pairs := alike(patients[names] for names in (every, *roles.values())):
        what = f"{counted(len(pairs), 'pair')} of patients with nearly all fine values equal ({shown(pairs)}): {ONE_PERSON}"
        found.append(Finding("odd", file, None, dictionary.patients.id, "", len(pairs), what, done))
    if pairs := same_clips([(folder, clips)]):
        what = f"{counted(len(pairs), 'pair')} of patients with the same clips, byte for byte ({shown(pairs)}): {ONE_PERSON}"
        found.append(Finding("odd", str(dictionary.files.clips), None, "", "", len(pairs), what, done))
    return found


def shown(pairs: Sequence[Pair]) -> str:
    """Return the first pairs in words.

    Examples
    --------
    >>> shown([Pair("1", "101", 9, 10), Pair("2", "102", 3, 0)])
    '1 and 101: 9 of 10, 2 and 102: 3'
    """
    told = [f"{p.first} and {p.second}: {p.equal}" + f" of {p.of}" * bool(p.of) for p in pairs[:_NAMED]]
    return ", ".join(told) + f" and {len(pairs) - _NAMED} more" * (len(pairs) > _NAMED)


def alike(tables: Iterable[pd.DataFrame]) -> list[Pair]:
    """Return the pairs of rows that nearly agree in the fine columns of any of several tables.

    Parameters
    ----------
    tables : iterable of DataFrame
        Numbers with NaN where there is none; the index names the patients.

    Returns
    -------
    list of Pair
        In the order of the rows.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal(size=(30, 8)), index=[str(i) for i in range(30)])
    >>> table.loc["20"] = table.loc["3"]
    >>> table.loc["20", 0] = 0.5
    >>> alike([table])
    [Pair(first='3', second='20', equal=7, of=8)]
    """
    found = _pairs((table, [(0, str(one)) for one in table.index]) for table in tables)
    return [Pair(one, other, *counts) for (_, one), (_, other), *counts in found]


def alike_between(tables: Iterable[tuple[pd.DataFrame, pd.DataFrame]]) -> Between:
    """Find the rows of one cohort and of another that nearly agree, as :func:`alike` does within one.

    Parameters
    ----------
    tables : iterable of (DataFrame, DataFrame)
        The same columns of both cohorts; the index names the patients, who may have several rows.

    Returns
    -------
    Between
        Two patients are one pair, however many of their rows agree.
    """
    found = _pairs(_one_above_another(*both) for both in tables)
    pairs: list[Pair] = []
    within: list[Pair] = []
    for (side, one), (other_side, other), equal, of in found:
        (within if side == other_side else pairs).append(Pair(one, other, equal, of))
    return Between(pairs, within)


def _one_above_another(ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[pd.DataFrame, list[Owner]]:
    """Return the rows of two cohorts in one table, equal ones of a patient once, and whose each is."""
    sides = []
    for table in (ours, theirs):
        again = pd.DataFrame(table.to_numpy()).assign(whose=list(table.index)).duplicated()
        sides.append(table[~again.to_numpy()])
    return pd.concat(sides), [(side, str(who)) for side, table in enumerate(sides) for who in table.index]


def _pairs(tables: Iterable[tuple[pd.DataFrame, Sequence[Owner]]]) -> list[tuple[Owner, Owner, int, int]]:
    """Return (one, other, equal values, of so many) of the people whose rows are alike in any table, in the order of people.

    Each table comes with whose each of its rows is. Pairs within a cohort and those across two are judged by themselves.
    """
    found: dict[tuple[int, int], tuple[int, int]] = {}
    people: dict[Owner, int] = {}
    for table, whose in tables:
        codes = fine_values(table)
        if codes.shape[1] < KNOWN:
            continue
        of = np.array([people.setdefault(one, len(people)) for one in whose])
        a, b = _neighbours(codes)
        two = of[a] != of[b]
        for one, other, *counts in _no_defaults(codes, list(_telling(codes, a[two], b[two]))):
            place = sorted((int(of[one]), int(of[other])))
            found.setdefault((place[0], place[1]), (counts[0], counts[1]))
    names = list(people)
    told: list[tuple[Owner, Owner, int, int]] = []
    for across in (False, True):
        some = [pair for pair in sorted(found) if (names[pair[0]][0] != names[pair[1]][0]) == across]
        often = Counter(one for pair in some for one in pair)
        kept = [pair for pair in some if max(often[one] for one in pair) <= ALIKE]
        if 2 * len(kept) > len(some):
            told += [(names[one], names[other], *found[one, other]) for one, other in kept]
    return told


def _no_defaults(codes: np.ndarray, pairs: Sequence[tuple[int, int, int, int]]) -> Iterator[tuple[int, int, int, int]]:
    """Give the pairs without rows of a default: among rows that hang together, those most like the commonest values of all."""
    if not pairs:
        return
    rows, place = np.unique([pair[:2] for pair in pairs], return_inverse=True)
    a, b = place.reshape(-1, 2).T
    group = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(len(rows), len(rows))))[1]
    default = np.zeros(len(rows), dtype=bool)
    for one in np.flatnonzero(np.bincount(group) >= DEFAULTS):
        members = codes[rows[group == one]]
        usual = np.array([_commonest(column) for column in members.T])
        known, same = (members >= 0) & (usual >= 0), (members == usual) & (members >= 0)
        default[group == one] = same.sum(axis=1) >= MOST * known.sum(axis=1)
    for pair, left_out in zip(pairs, default[a] | default[b], strict=True):
        if not left_out:
            yield pair


def _commonest(column: np.ndarray) -> int:
    """Return the code that most rows hold, -1 where none holds any."""
    known = column[column >= 0]
    return int(np.bincount(known).argmax()) if len(known) else -1


def _telling(codes: np.ndarray, a: np.ndarray, b: np.ndarray) -> Iterator[tuple[int, int, int, int]]:
    """Give those of some pairs of rows that are too much alike for chance, with how many values are equal, of how many."""
    shares, pairs = _log_share(codes), len(codes) * (len(codes) - 1) / 2
    for start in range(0, len(a), AT_ONCE):
        one, other = a[start : start + AT_ONCE], b[start : start + AT_ONCE]
        ours, theirs = codes[one], codes[other]
        equal = (ours == theirs) & (ours >= 0)
        known, same = ((ours >= 0) & (theirs >= 0)).sum(axis=1), equal.sum(axis=1)
        for k in np.flatnonzero((known >= KNOWN) & (same >= MOST * known)):
            if shares[one[k]][equal[k]].sum() + np.log(pairs) < np.log(BY_CHANCE):
                yield int(one[k]), int(other[k]), int(same[k]), int(known[k])


def fine_values(table: pd.DataFrame) -> np.ndarray:
    """Return the fine columns of a table, each value as the number of its kind and -1 for none, shape (rows, columns).

    A column that orders the rows as one before it does, such as one in another unit, is left out: it would count twice. Of more
    than 30 columns as many are taken, evenly spread.

    Parameters
    ----------
    table : DataFrame
        Numbers.
    """
    columns: dict[bytes, np.ndarray] = {}
    for j in range(table.shape[1]):
        codes, values = pd.factorize(table.iloc[:, j].astype(float).round(9), sort=True)
        codes = codes.astype(np.int32)
        if len(values) > FINE:
            turned = np.where(codes < 0, codes, len(values) - 1 - codes).astype(np.int32)
            columns.setdefault(min(codes.tobytes(), turned.tobytes()), codes)
    kept = list(columns.values())
    if not kept:
        return np.empty((len(table), 0), dtype=np.int32)
    picked = np.unique(np.linspace(0, len(kept) - 1, min(len(kept), LOOKED_AT)).astype(int))
    return np.column_stack([kept[j] for j in picked])


def _neighbours(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of rows that follow each other closely when sorted by some columns: like ones, without looking at all."""
    rows, columns = codes.shape
    found = []
    for start in range(columns):
        keys = [codes[:, (start + k) % columns] for k in range(min(SORTED_BY, columns))]
        order = np.lexsort(keys[::-1])
        for lag in range(1, min(NEIGHBOURS, rows - 1) + 1):
            a, b = order[:-lag], order[lag:]
            found.append(np.minimum(a, b) * rows + np.maximum(a, b))
    place = np.unique(np.concatenate(found)) if found else np.empty(0, dtype=int)
    return place // max(rows, 1), place % max(rows, 1)


def _log_share(codes: np.ndarray) -> np.ndarray:
    """Return the log of the share of the other rows that hold a row's value, shape (rows, columns)."""
    shares = np.zeros(codes.shape)
    for j, column in enumerate(codes.T):
        counts = np.bincount(column[column >= 0])
        shares[:, j] = np.where(column >= 0, counts[column] - 1, 0) / max(int(counts.sum()) - 1, 1)
    return np.log(np.maximum(shares, 1e-12))


def same_clips(cohorts: Sequence[tuple[Path, pd.DataFrame]]) -> list[Pair]:
    """Return the pairs of patients who share clips, byte for byte; of two cohorts those with one patient of each.

    Parameters
    ----------
    cohorts : sequence of (Path, DataFrame)
        One or two: the folder, and the clips as a cohort has them. Only files of one size are opened.

    Returns
    -------
    list of Pair
        ``equal``: how many clips; ``of`` is 0. Where more than ten patients share one, each with the first.
    """
    groups = [
        [
            ((side, str(row.patient)), folder / str(row.path))
            for side, (folder, clips) in enumerate(cohorts)
            for row in clips.itertuples()
            if row.bytes >= PLACEHOLDER
        ]
    ]
    for mark in (_size, _head, provenance.file_hash):
        groups = [same for group in groups for same in _together(group, mark)]
    shared: Counter[tuple[str, str]] = Counter()
    for group in groups:
        owners = list(dict.fromkeys(owner for owner, _ in group))
        pairs = combinations(owners, 2) if len(owners) <= OWNERS else ((owners[0], other) for other in owners[1:])
        for (side, one), (other_side, other) in pairs:
            if len(cohorts) == 1 or side != other_side:
                shared[one, other] += 1
    told = [Pair(one, other, clips, 0) for (one, other), clips in shared.items()]
    return sorted(told, key=lambda pair: (natural_key(pair.first), natural_key(pair.second)))


def _together(files: Iterable[Owned], mark: Callable[[Path], str | None]) -> list[list[Owned]]:
    """Return the files of one mark, where they are of more than one patient."""
    groups: dict[str, list[Owned]] = {}
    for owner, path in files:
        if (one := mark(path)) is not None:
            groups.setdefault(one, []).append((owner, path))
    return [group for group in groups.values() if len({owner for owner, _ in group}) > 1]


def _size(path: Path) -> str | None:
    return str(path.stat().st_size) if path.is_file() else None


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.sha256(file.read(HEAD)).hexdigest()
