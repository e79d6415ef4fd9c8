"""Scales: ratings checked against what they may be, in the coded form that the coefficients work on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from blues.agree.ratings import clusters_carried, kinds_of, wide
from blues.check import InputError

__all__ = [
    "Coded",
    "Measured",
    "coded",
    "measured",
    "no_weights",
    "numeric_scale",
    "off_scale",
    "ordered_scale",
    "places",
]

_TABLE = 1 << 16


@dataclass(frozen=True)
class Coded:
    """Ratings on a declared scale.

    Attributes
    ----------
    codes : ndarray, int16, shape (n, m)
        Position in ``categories``, -1 for a missing rating. Rows without any rating stay only where there are no
        clusters, and count for nothing.
    categories : tuple
        The whole scale, used or not.
    raters : tuple of str
        Column names.
    clusters : ndarray of int64, shape (n,), or None
        Cluster of each row, 0 to g - 1; None when rows are independent.
    empty : int
        Rows without any rating, left out.
    """

    codes: np.ndarray
    categories: tuple[Any, ...]
    raters: tuple[str, ...]
    clusters: np.ndarray | None
    empty: int

    @property
    def subjects(self) -> int:
        """Number of subjects with a rating."""
        return int(np.count_nonzero(_any_rated(self.codes)))

    @property
    def unit(self) -> str:
        """What is independent, in a word."""
        return "subject" if self.clusters is None else "patient"

    def patterns(self) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Return distinct rows of codes (p, m), the pattern of each subject (n,), and subjects with each (p,).

        The second is None without clusters: then nobody asks which subject had which pattern.
        """
        return _patterns(self.codes, len(self.categories), self.clusters is not None)

    def restrict(self, columns: Sequence[int], complete: bool = False) -> Coded:
        """Keep some raters, and the subjects that one (or every one, if ``complete``) of them rated."""
        codes = self.codes[:, list(columns)]
        keep = np.asarray((codes >= 0).all(axis=1) if complete else (codes >= 0).any(axis=1))
        clusters = self.clusters
        if clusters is not None:
            clusters = np.unique(clusters[keep], return_inverse=True)[1]
        names = tuple(self.raters[c] for c in columns)
        return Coded(_take(codes, keep), self.categories, names, clusters, self.empty + self.subjects - int(keep.sum()))


@dataclass(frozen=True)
class Measured:
    """Continuous ratings.

    Attributes
    ----------
    values : ndarray, float64, shape (n, m)
        NaN for a missing rating. Every row has a rating.
    raters, clusters, empty
        As in :class:`Coded`.
    names : pandas.Index
        Row names.
    """

    values: np.ndarray
    raters: tuple[str, ...]
    names: pd.Index
    clusters: np.ndarray | None
    empty: int

    @property
    def subjects(self) -> int:
        """Number of subjects, n."""
        return len(self.values)

    @property
    def unit(self) -> str:
        """What is independent, in a word."""
        return "subject" if self.clusters is None else "patient"

    def complete(self) -> Measured:
        """Keep the rows without a missing rating (listwise)."""
        absent = np.isnan(self.values)
        if not absent.any():
            return self
        keep = np.asarray(~absent.any(axis=1))
        clusters = self.clusters
        if clusters is not None:
            clusters = np.unique(clusters[keep], return_inverse=True)[1]
        return Measured(self.values[keep], self.raters, self.names[keep], clusters, self.empty + int((~keep).sum()))


def _patterns(codes: np.ndarray, q: int, with_index: bool) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    n, m = codes.shape
    base = q + 1
    cells = base**m
    index = None
    if cells >= 2**62:
        kept, index, times = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
        rated = (kept >= 0).any(axis=1)
        return (kept, index.ravel(), times) if with_index else (kept[rated], None, times[rated])
    keys: np.ndarray = codes[:, 0].astype(np.int32 if cells < 2**31 else np.int64)
    keys += 1
    for j in range(1, m):
        keys *= base
        keys += codes[:, j]
        keys += 1
    if cells <= max(4096, min(_TABLE, 4 * n)):
        counts = np.bincount(keys, minlength=cells)
        used = np.flatnonzero(counts)
        times = counts[used]
        if with_index:
            place = np.zeros(cells, dtype=np.int32)
            place[used] = np.arange(len(used))
            index = place[keys]
    elif with_index:
        used, index, times = np.unique(keys, return_inverse=True, return_counts=True)
    else:
        used, times = np.unique(keys, return_counts=True)
    if not with_index and len(used) and used[0] == 0:
        used, times = used[1:], times[1:]
    digits = used[:, None] // base ** np.arange(m - 1, -1, -1, dtype=np.int64)[None, :] % base
    return (digits - 1).astype(np.int16), index, times


def _check_shape(n: int, m: int) -> None:
    if m < 2:
        raise InputError(
            f"ratings have {m} rater{'s' * (m != 1)}; agreement needs at least 2",
            remedy="Columns are raters; rows are subjects",
        )
    if n < 1:
        raise InputError("ratings have no subject with a rating")


def _by_place(clusters: Any, ratings: Any) -> Any:
    """Take the labels off a series of clusters where the ratings have none to match, being no frame."""
    return clusters if isinstance(ratings, pd.DataFrame) or not isinstance(clusters, pd.Series) else clusters.to_numpy()


def _code_clusters(clusters: Any, frame: pd.DataFrame, keep: np.ndarray) -> np.ndarray | None:
    if clusters is None:
        clusters = clusters_carried(frame)
    if clusters is None:
        return None
    if isinstance(clusters, pd.Series) and not clusters.index.equals(frame.index):
        lacking = frame.index.difference(clusters.index)
        if len(lacking) == len(frame) == len(clusters) and isinstance(clusters.index, pd.RangeIndex):
            return _code_clusters(clusters.to_numpy(), frame, keep)  # numbered rows: nothing to match names with
        if len(lacking):
            raise InputError(f"clusters has no entry for subject {lacking[0]!r}", allowed="one entry a subject")
        clusters = clusters[~clusters.index.duplicated()].reindex(frame.index)
    values = pd.Series(clusters if isinstance(clusters, list | tuple) else np.asarray(clusters))
    if len(values) != len(frame):
        raise InputError(f"clusters has {len(values)} entries and ratings have {len(frame)} rows")
    if values.isna().any():
        raise InputError(f"clusters has a missing entry, the first at position {int(values.isna().argmax())}")
    index = np.unique(pd.factorize(values, sort=True)[0][keep], return_inverse=True)[1]
    return None if len(np.unique(index)) == len(index) else index.astype(np.int64)


def off_scale(value: Any, who: tuple[Any, Any], what: str, allowed: Any, **where: Any) -> InputError:
    """Return the error of a rating that cannot be one, by subject and rater; ``where`` is as in :class:`InputError`."""
    value = _whole(value.item() if isinstance(value, np.generic) else value)
    allowed = allowed if isinstance(allowed, str) else [_whole(category) for category in allowed]
    return InputError(f"subject {who[0]!r}, rater {str(who[1])!r}: {what}", value=value, allowed=allowed, **where)


def _cell_error(frame: pd.DataFrame, wrong: np.ndarray, allowed: Any, what: str) -> InputError:
    i, j = (int(k[0]) for k in np.nonzero(wrong))
    count = int(wrong.sum())
    more = f" ({count} such ratings)" if count > 1 else ""
    return off_scale(frame.iat[i, j], (frame.index[i], frame.columns[j]), what + more, allowed)


def _numbers(frame: pd.DataFrame, allowed: Any) -> np.ndarray:
    """Return a frame as float64, or raise naming the first cell that is not a number."""
    if all(isinstance(dtype, np.dtype) and dtype.kind in "iufb" for dtype in frame.dtypes):
        return frame.to_numpy(dtype=float)
    numbers = frame.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    wrong = np.isnan(numbers) & frame.notna().to_numpy()
    if wrong.any():
        raise _cell_error(frame, wrong, allowed, "not a number")
    return numbers


def no_weights(weights: Any) -> None:
    """Raise if weights are given to a coefficient that has none."""
    if weights is not None and weights != "unweighted":
        raise InputError("this coefficient takes no weights: it uses the numbers as they are", allowed="None")


def _plain(ratings: Any) -> bool:
    """Whether ratings can be used as they come: an array of floats, not masked."""
    return type(ratings) is np.ndarray and ratings.dtype == float


def numeric_scale(categories: tuple[Any, ...]) -> np.ndarray | None:
    """Return the categories as numbers if they are numbers."""
    if any(isinstance(c, (str, bytes)) for c in categories):
        return None
    try:
        return np.asarray(categories, dtype=float)
    except (TypeError, ValueError):
        return None


def ordered_scale(ratings: Any) -> list[Any] | None:
    """Return the scale of ratings that are ordered pandas categories, the same in all columns that hold any; else None."""
    kinds = kinds_of(ratings) if isinstance(ratings, pd.DataFrame) else []
    scales = {tuple(kind.categories) for kind in kinds if isinstance(kind, pd.CategoricalDtype) and kind.ordered}
    return list(scales.pop()) if len(scales) == 1 else None


def _declared(categories: Iterable[Any] | None, frame: pd.DataFrame) -> tuple[Any, ...]:
    if categories is None:
        found = pd.unique(frame.to_numpy(dtype=object).ravel())
        found = [v for v in found if not pd.isna(v)]
        try:
            found = sorted(found)
        except TypeError:
            found = sorted(found, key=str)
        if not found:
            raise InputError("nobody rated anything: all cells are empty")
        shown = ", ".join(f"{v:g}" if isinstance(v, float) else repr(v) for v in found[:12])
        words = any(isinstance(v, str) for v in found)
        raise InputError(
            "categories must be given: a category that nobody used still changes weighted kappa and AC1",
            remedy=f"The ratings hold {shown}; name the whole scale "
            + ("from least to most, categories=[...]" if words else "in order, such as categories=[0, 1, 2, 3]"),
        )
    scale = tuple(c.item() if isinstance(c, np.generic) else c for c in categories)
    if len(scale) < 2:
        raise InputError(f"categories must name at least two, and names {len(scale)}")
    if len(set(scale)) < len(scale):
        raise InputError(f"categories repeat: {', '.join(map(str, map(_whole, scale)))}")
    return scale


def _codes_of_numbers(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Code numbers by position in ``scale``; -1 missing, -2 outside the scale."""
    q = len(scale)
    # column by column and Fortran order: each pass then runs through contiguous memory that fits the cache
    codes = np.empty(values.shape, dtype=np.int16, order="F")
    # of 1.05, 2.05 the differences are not exact
    contiguous = bool((scale == scale[0] + np.arange(q)).all() and (scale % 1 == 0).all())
    for j in range(values.shape[1]):
        column = np.ascontiguousarray(values[:, j])
        codes[:, j] = _contiguous_codes(column, float(scale[0]), q) if contiguous else _any_codes(column, scale)
    return codes


def _contiguous_codes(column: np.ndarray, first: float, q: int) -> np.ndarray:
    """Code one column on the scale first, first + 1, ...: subtraction does it."""
    absent = np.isnan(column)
    place = np.where(absent, 0.0, column - (first - 1.0))
    if place.min() >= 0 and place.max() <= q:
        short = place.astype(np.int16)
        wrong = (short != place) | ((short == 0) & ~absent)
    else:
        wrong = ~np.isin(place, np.arange(1, q + 1)) & ~absent
        short = np.where(wrong, 0, place).astype(np.int16)
    short[wrong] = -1
    short -= 1
    return short


def _any_codes(column: np.ndarray, scale: np.ndarray) -> np.ndarray:
    place = np.full(len(column), -2, dtype=np.int16)
    for k, value in enumerate(scale):
        place[column == value] = k
    place[np.isnan(column)] = -1
    return place


def coded(ratings: Any, categories: Iterable[Any] | None, clusters: Any = None) -> Coded:
    """Check ratings against their declared scale and code them.

    Parameters
    ----------
    ratings : array or DataFrame, shape (subjects, raters)
        NaN or None for a missing rating. A tidy frame (subject, rater, rating) is made wide first.
    categories : sequence
        The whole scale in order, also what nobody used. Mandatory, unless the ratings are ordered pandas categories.
    clusters : array or Series, shape (subjects,), optional
        What belongs together (the patient of a clip).

    Raises
    ------
    InputError
        No categories; a rating outside them; one rater; a rater without ratings; raters who share no subject.
    """
    frame = wide(ratings)
    scale = _declared(ordered_scale(ratings) if categories is None else categories, frame)
    _check_shape(len(frame), len(frame.columns))
    codes = places(ratings if _plain(ratings) else frame, scale)
    if codes.min() < -1:
        raise _cell_error(frame, codes == -2, scale, "outside the scale")
    keep = _any_rated(codes)
    groups = _code_clusters(_by_place(clusters, ratings), frame, keep)
    rated = int(np.count_nonzero(keep))
    if groups is not None and rated < len(keep):
        codes = _take(codes, keep)
    raters = tuple(map(str, frame.columns))
    _check_overlap(codes, raters)
    return Coded(codes, scale, raters, groups, len(keep) - rated)


def places(ratings: Any, scale: tuple[Any, ...]) -> np.ndarray:
    """Return the position of each rating on a scale, -1 where it is missing and -2 where it is none of the scale's.

    Words are those of the scale as they are written, else in other capitals, where capitals alone tell no two of them apart.

    Parameters
    ----------
    ratings : ndarray of float, or DataFrame
    scale : tuple
        Of numbers, of words, or of both: ``5+`` above 4.

    Raises
    ------
    InputError
        Text where the scale is of numbers.
    """
    numeric = numeric_scale(scale)
    if numeric is not None:
        return _codes_of_numbers(ratings if isinstance(ratings, np.ndarray) else _numbers(ratings, scale), numeric)
    flat = ratings.to_numpy(dtype=object).ravel()
    absent = pd.isna(flat)
    place = pd.Index(scale, dtype=object).get_indexer(flat)
    for written in (_text, _folded):
        texts = pd.Index([written(category) for category in scale])
        if texts.is_unique and (place < 0)[~absent].any():
            place = texts.get_indexer([written(value) for value in flat])
    return np.where(absent, -1, np.where(place < 0, -2, place)).reshape(ratings.shape).astype(np.int16)


def _whole(value: Any) -> Any:
    """Return a float that is whole as an int, anything else as it is."""
    return int(value) if isinstance(value, (float, np.floating)) and value % 1 == 0 else value


def _text(value: Any) -> str:
    """Return a category or a rating as it is written: 1.0 as 1, TRUE as true."""
    text = str(_whole(value)).strip()
    return text.lower() if text.lower() in ("true", "false") else text


def _folded(value: Any) -> str:
    return _text(value).casefold()


def comparable_units(given: np.ndarray, clusters: np.ndarray | None) -> int:
    """Return how many independent units (clusters, or subjects) have a subject with two ratings or more.

    Parameters
    ----------
    given : ndarray of bool, shape (subjects, raters)
    clusters : ndarray of int, shape (subjects,), or None
    """
    two = np.count_nonzero(given, axis=1) > 1
    return int(two.sum()) if clusters is None else len(np.unique(clusters[two]))


def _take(codes: np.ndarray, keep: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(keep)
    kept = np.empty((len(rows), codes.shape[1]), dtype=codes.dtype, order="F")
    for j in range(codes.shape[1]):
        kept[:, j] = codes[:, j][rows]
    return kept


def _any_rated(codes: np.ndarray) -> np.ndarray:
    keep = codes[:, 0] >= 0
    for j in range(1, codes.shape[1]):
        keep |= codes[:, j] >= 0
    return keep


def _check_overlap(codes: np.ndarray, raters: tuple[str, ...]) -> None:
    """Raise unless every rater rated something and some subject was rated twice."""
    if not len(codes) or codes.max() < 0:
        raise InputError("ratings are all missing")
    several = np.zeros(len(codes), dtype=np.int16)
    for j, name in enumerate(raters):
        rated = codes[:, j] >= 0
        if not rated.any():
            raise InputError(f"rater {name!r} has no rating", remedy="Leave the rater out")
        several += rated
    if several.max() < 2:
        raise InputError(
            f"raters {', '.join(map(repr, raters[:6]))} never rated the same subject, so agreement cannot be computed",
            remedy="Check that subjects carry the same name for every rater",
        )


def measured(ratings: Any, clusters: Any = None) -> Measured:
    """Check continuous ratings and give them as floats; parameters and errors as in :func:`coded`."""
    frame = wide(ratings)
    _check_shape(len(frame), len(frame.columns))
    values = ratings if _plain(ratings) else _numbers(frame, "a number")
    if np.isinf(values).any():
        raise _cell_error(frame, np.isinf(values), "a finite number", "infinite")
    absent = np.isnan(values)
    keep = np.asarray(~absent.all(axis=1)) if absent.any() else np.ones(len(values), dtype=bool)
    groups = _code_clusters(_by_place(clusters, ratings), frame, keep)
    _check_overlap(-absent[keep].astype(np.int8), tuple(map(str, frame.columns)))
    return Measured(
        values if keep.all() else values[keep],
        tuple(map(str, frame.columns)),
        frame.index[keep],
        groups,
        int((~keep).sum()),
    )
