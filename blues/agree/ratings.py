"""Ratings as tables: tidy (one row a rating) and wide (subjects by raters)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from blues.agree.rounds import plain, round_order
from blues.check import InputError, columns_exist, counted

__all__ = ["clusters_of", "choose", "tidy", "wide"]

ALIASES = {
    "clip": "subject",
    "video": "subject",
    "unit": "subject",
    "reader": "rater",
    "observer": "rater",
    "coder": "rater",
    "score": "rating",
    "value": "rating",
    "cluster": "patient",
    "patient_id": "patient",
    "patientid": "patient",
    "pat_id": "patient",
    "subject_id": "subject",
    "clip_id": "subject",
    "video_id": "subject",
    "rater_id": "rater",
    "reader_id": "rater",
}
"""Other names of a column, in small letters with low lines for blanks."""
NOT_RATERS = frozenset(
    "id age sex gender site centre center hospital date comment comments note notes remark remarks point zone take file "
    "filename path group diagnosis outcome round item session order code nr index sd quality".split()
)
"""Columns of a table with a column a rater that name no rater: as ratings they would make nonsense of every number."""
_ABOUT = frozenset(
    "age sex gender bmi weight height birth diagnosis comment remark mean average median consensus truth final majority "
    "agreement batch".split()
)
"""Words that hardly a rater's name holds: of patients, of notes, of what several ratings come to. One that every column holds
names the scheme (``Final_A``, ``Final_B``)."""
OPTIONAL = ("patient", "item", "round")
IDS = ("subject", "patient", "rater")
"""Columns that name somebody or something: text as it stands, so that 1.1 and 1.10 are two and a rater may be called NA."""
ROW = "row"
"""The name of an index that says which row of a spreadsheet each row is."""


class _Carried:
    """A series that travels in ``DataFrame.attrs``: pandas copies and compares those, and a bare series breaks both."""

    def __init__(self, series: pd.Series) -> None:
        self.series = series

    def __deepcopy__(self, memo: dict[int, Any]) -> _Carried:
        return self


def clusters_carried(frame: pd.DataFrame) -> pd.Series | None:
    """Return the patient of each subject that :func:`wide` left with its frame, or None."""
    carried = frame.attrs.get("clusters")
    return carried.series if isinstance(carried, _Carried) else None


def rows_carried(rows: pd.DataFrame) -> pd.Series:
    """Return the spreadsheet row of each row that :func:`tidy` made of a table read from a file, by its place there."""
    carried = rows.attrs.get(ROW)
    return carried.series if isinstance(carried, _Carried) else pd.Series(rows.index + 2, rows.index)


def _array(ratings: Any) -> pd.DataFrame:
    """Return an array of ratings as a wide frame: rows are subjects, columns raters."""
    if isinstance(ratings, np.ma.MaskedArray):
        ratings = np.ma.filled(ratings.astype(float), np.nan)
    array = np.asarray(ratings)
    if array.dtype.kind in "US":
        array = array.astype(object)
    if array.ndim != 2:
        raise InputError(
            f"ratings must be a table of subjects by raters, and have {array.ndim} dimension(s)",
            remedy="Give an array of shape (subjects, raters) with NaN for a missing rating",
        )
    return pd.DataFrame(array)


def _named(frame: pd.DataFrame, item: str | None = None) -> pd.DataFrame:
    """Return a tidy frame under its standard column names; the frame itself if it is not tidy."""
    ids = {*ALIASES, "subject", "patient", "rater", "rating", "item", "round"}
    lower = {c: plain(c) if plain(c) in ids else str(c).strip() for c in frame.columns}
    present = set(lower.values())
    renamed = {c: ALIASES[n] for c, n in lower.items() if n in ALIASES and ALIASES[n] not in present}
    if len(set(renamed.values())) < len(renamed):
        renamed = {}
    names = {**lower, **renamed}
    if "rater" in names.values() and {"subject", "patient"} & set(names.values()) and "rating" not in names.values():
        return _by_item(frame.rename(columns=names), item)
    if not {"rater", "rating"} <= set(names.values()):
        return frame
    out = frame.rename(columns=names)
    if "subject" not in out.columns and "patient" in out.columns:
        out = out.rename(columns={"patient": "subject"})
    if out.columns.duplicated().any():
        raise InputError(f"ratings have two columns {out.columns[out.columns.duplicated()][0]!r}")
    return out


def _by_item(frame: pd.DataFrame, item: str | None = None) -> pd.DataFrame:
    """Return one row a rating of a table with one row a subject and rater and a column an item; of one item, if it is named."""
    if "subject" not in frame.columns:
        frame = frame.rename(columns={"patient": "subject"})
    keys = [c for c in ("subject", "patient", "rater", "round") if c in frame.columns]
    if item is not None and item in frame.columns.drop(keys) and not _mostly_numbers(frame[item]):
        return frame.melt(keys, [item], var_name="item", value_name="rating", ignore_index=False)
    items = [c for c in frame.columns.drop(keys) if _mostly_numbers(frame[c])]
    if not items:
        raise InputError("no column holds ratings", allowed="rating, or numbers in one column an item")
    items = [c for c in items if str(c) == item] or items
    numbers = frame[items].apply(pd.to_numeric, errors="coerce")
    wrong = (numbers.isna() & frame[items].notna()).to_numpy()
    if wrong.any():
        row, column = (int(found[0]) for found in np.nonzero(wrong))
        raise InputError(
            "is no number, as the other ratings of the column are",
            row=_row(frame, row),
            column=str(items[column]),
            value=frame[items].iat[row, column],
            remedy="Leave the cell empty where nothing was rated, or choose another item",
        )
    rows = pd.Index([_row(frame, position) for position in range(len(frame))], name=ROW)
    told = frame.assign(**numbers).set_axis(rows)
    return told.melt(keys, items, var_name="item", value_name="rating", ignore_index=False)


def _mostly_numbers(cells: pd.Series) -> bool:
    given = cells.dropna()
    return pd.api.types.is_numeric_dtype(cells) or 2 * pd.to_numeric(given, errors="coerce").count() > len(given)


def tidy(ratings: Any, item: str | None = None) -> pd.DataFrame:
    """Return ratings as one row a rating.

    Parameters
    ----------
    ratings : DataFrame or array
        Tidy already (columns subject, rater, rating and optionally patient, item, round; also under the names clip,
        reader, score, cluster ...); one row a subject and rater with a numeric column an item; or wide (subjects x raters,
        NaN for missing).
    item : str, optional
        The only column that is wanted of a table with a column an item.

    Returns
    -------
    DataFrame
        Columns ``subject``, ``rater``, ``rating`` and those of ``patient``, ``item``, ``round`` that were there; missing
        ratings are left out.

    Raises
    ------
    InputError
        A (subject, rater, item, round) that occurs twice; raters equal but for capitals or blanks; a row without subject,
        rater, patient or round where there is such a column; text among the numbers of an item; of a table with a column a
        rater, a column that is none.

    Examples
    --------
    >>> import numpy as np
    >>> tidy(np.array([[1.0, 2.0], [3.0, np.nan]]))
      subject rater  rating
    0       0     0     1.0
    1       0     1     2.0
    2       1     0     3.0
    """
    frame = ratings if isinstance(ratings, pd.DataFrame) else _array(ratings)
    out = _named(frame, item)
    if out is frame:
        table, clusters = _from_wide(frame)
        n, m = table.shape
        out = pd.DataFrame(
            {
                "subject": np.repeat(table.index.astype(str).to_numpy(), m),
                "rater": np.tile(table.columns.astype(str).to_numpy(), n),
                "rating": table.to_numpy().ravel(),
            },
            index=frame.index.repeat(m) if frame.index.name == ROW else None,
        )
        if clusters is not None:
            out.insert(1, "patient", np.repeat(clusters.astype(str).to_numpy(), m))
    else:
        columns_exist(["subject", "rater", "rating"], out.columns, "ratings")
        for name in (c for c in ("subject", "rater", "patient", "round") if c in out.columns):
            _nobody_missing(out, name)
            if name != "round":
                out = out.assign(**{name: _names(out[name])})
    _told_apart(out["rater"])
    keys = [c for c in ("subject", "rater", "item", "round") if c in out.columns]
    twice = out.duplicated(keys).to_numpy()
    if twice.any():
        row = int(twice.argmax())
        where = ", ".join(f"{k} {out[k].iloc[row]!r}" for k in keys)
        raise InputError(
            f"{where} is rated twice ({counted(int(twice.sum()), 'such row')})",
            row=_row(out, row),
            remedy="Keep one row each, or tell them apart by a column 'round'",
        )
    columns = ["subject", *[c for c in OPTIONAL[:1] if c in out], "rater"]
    columns += [c for c in OPTIONAL[1:] if c in out] + ["rating"]
    kept = out.loc[out["rating"].notna().to_numpy(), columns]
    rows = kept.reset_index(drop=True)
    if kept.index.name == ROW:
        rows.attrs[ROW] = _Carried(pd.Series(kept.index))
    return rows


def _told_apart(raters: pd.Series) -> None:
    """Raise where two raters' names differ in capitals or blanks alone: one person would be two."""
    seen: dict[str, str] = {}
    for name in map(str, raters.unique()):
        if (other := seen.setdefault(name.strip().casefold(), name)) != name:
            raise InputError(
                f"raters {other!r} and {name!r} differ in capitals or blanks alone", remedy="Write one rater one way"
            )


def _nobody_missing(frame: pd.DataFrame, name: Any) -> None:
    """Raise where a row has no name of a subject, rater, patient or round: blanks would become one more of them."""
    lacking = frame[name].isna().to_numpy()
    if lacking.any():
        what = {"round": "round in every row, or no such column"}.get(str(name), f"name of the {name}")
        many = f" ({counted(int(lacking.sum()), 'such row')})" if lacking.sum() > 1 else ""
        raise InputError(
            f"missing{many}", row=_row(frame, int(lacking.argmax())), column=str(name), allowed=f"the {what}"
        )


def _names(values: pd.Series) -> pd.Series:
    """Return names as text; whole numbers read as floats lose their ``.0``."""
    if pd.api.types.is_float_dtype(values) and (values % 1 == 0).all():
        values = values.astype(np.int64)
    return values.astype(str)


def _from_wide(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series | None]:
    """Take subject and patient columns out of a wide frame."""
    lower = {plain(c): c for c in frame.columns}
    subject, patient = (
        next((lower[k] for k in (name, *(a for a, of in ALIASES.items() if of == name)) if k in lower), None)
        for name in ("subject", "patient")
    )
    if subject is None and patient is not None:
        subject, patient = patient, None
    if frame.columns.name != "rater":  # a frame of wide() is named so: whatever its columns are called, they are raters
        _raters_alone([c for c in frame.columns if c not in (subject, patient)])
    if subject is not None:
        if frame[subject].duplicated().any():
            row = int(frame[subject].duplicated().to_numpy().argmax())
            value = frame[subject].iloc[row]
            raise InputError("subject occurs twice", row=_row(frame, row), column=str(subject), value=value)
        _nobody_missing(frame, subject)
        if patient is not None:
            _nobody_missing(frame, patient)
        frame = frame.set_index(_names(frame[subject])).drop(columns=subject)
        frame.index.name = "subject"
    elif frame.index.has_duplicates:
        raise InputError(f"subject {frame.index[frame.index.duplicated()][0]!r} has two rows")
    clusters = clusters_carried(frame)
    if patient is not None:
        clusters = _names(frame[patient])
        frame = frame.drop(columns=patient)
    return frame, clusters


def _raters_alone(columns: Sequence[Any]) -> None:
    """Raise where a column that should hold a rater's ratings is called as something else is."""
    words = [set(re.split(r"[^a-z]+", plain(column))) for column in columns]
    common = set.intersection(*words) if len(words) > 1 else set()
    for column, held in zip(columns, words, strict=True):
        name = plain(column)
        if not name or re.fullmatch(r"unnamed:_\d+", name):
            raise InputError(
                "a column without a name would be taken for a rater",
                column=column,
                remedy="Name its rater; leave out row numbers and margins (in pandas: to_csv(..., index=False))",
            )
        about = sorted(_ABOUT & held - common)
        if name in NOT_RATERS or ALIASES.get(name) in ("subject", "patient") or about:
            why = f": {about[0]!r} is hardly a rater's name" if about and name != about[0] else ""
            raise InputError(
                f"column {column!r} would be taken for a rater{why}",
                remedy="Leave in the columns of raters alone, beside those of subject and patient; who is called so can be a "
                "rater in a table with the columns subject, rater and rating",
            )


def wide(ratings: Any, *, item: str | None = None, round: Any = None) -> pd.DataFrame:
    """Return ratings as a frame of subjects by raters, NaN where a rater gave none.

    The patients of a tidy frame travel along in ``.attrs["clusters"]`` and are used by every coefficient that is not
    given ``clusters=``.

    Parameters
    ----------
    ratings : DataFrame or array
        Tidy or wide.
    item : str, optional
        Which item, when a tidy frame holds several.
    round : optional
        Which round; the first one by default, see :func:`round_order` (:func:`blues.agree.intra_rater` compares rounds).

    Returns
    -------
    DataFrame, shape (subjects, raters)
        Of a tidy frame: subjects in the order in which they come, raters in that of their names.

    Raises
    ------
    InputError
        Several items and none chosen; duplicate rows; an unknown item or round.

    Examples
    --------
    >>> rows = [("a", "R1", 0), ("a", "R2", 1), ("b", "R1", 2)]
    >>> wide(pd.DataFrame(rows, columns=["subject", "rater", "rating"])).loc["a"].to_dict()
    {'R1': 0.0, 'R2': 1.0}
    """
    if not isinstance(ratings, pd.DataFrame):
        return _array(ratings)
    if _named(ratings, item) is ratings:
        frame, clusters = _from_wide(ratings)
        if clusters is not None:
            frame = frame.copy(deep=False)
            frame.attrs["clusters"] = _Carried(clusters)
        return frame
    rows = choose(tidy(ratings, item), item=item, round=round)
    subjects = pd.Index(pd.unique(rows["subject"]), name="subject")
    raters = pd.Index(sorted(pd.unique(rows["rater"])), name="rater")
    kind = float if pd.api.types.is_numeric_dtype(rows["rating"]) else object
    table = np.full((len(subjects), len(raters)), np.nan, dtype=kind)
    table[subjects.get_indexer(rows["subject"]), raters.get_indexer(rows["rater"])] = rows["rating"]
    frame = pd.DataFrame(table, index=subjects, columns=raters)
    if (clusters := clusters_of(rows)) is not None:
        frame.attrs["clusters"] = _Carried(clusters)
    return frame


def kinds_of(frame: pd.DataFrame) -> list[Any]:
    """Return the types of the columns that hold ratings: of a tidy frame the one, of a wide frame each rater's."""
    named = _named(frame)
    if named is not frame:
        return [named["rating"].dtype]
    return [frame[column].dtype for column in _from_wide(frame)[0].columns if column in frame.columns]


def choose(rows: pd.DataFrame, *, item: str | None = None, round: Any = None) -> pd.DataFrame:
    """Keep one item and one round of tidy ratings."""
    if item is not None and "item" not in rows:
        raise InputError(f"ratings have no item column, so that none is called {item!r}", remedy="Leave the item out")
    if "item" in rows:
        items = list(pd.unique(rows["item"].astype(str)))
        if item is None and len(items) > 1:
            raise InputError("ratings hold several items; choose one with item=", allowed=items)
        if item is not None and item not in items:
            raise InputError(f"ratings hold no item {item!r}", allowed=items)
        rows = rows[rows["item"].astype(str) == (items[0] if item is None else item)]
    if "round" in rows and len(rows):
        rounds = round_order(pd.unique(rows["round"]))
        if round is not None and round not in rounds:
            raise InputError(f"ratings hold no round {round!r}", allowed=rounds)
        rows = rows[rows["round"] == (rounds[0] if round is None else round)]
    return rows


def clusters_of(rows: pd.DataFrame) -> pd.Series | None:
    """Return the patient of each subject of tidy ratings, or None; a subject in two patients is an error.

    Parameters
    ----------
    rows : DataFrame
        With ``subject``; without ``patient`` there is nothing to return.
    """
    if "patient" not in rows:
        return None
    pairs = rows[["subject", "patient"]].drop_duplicates()
    twice = pairs["subject"].duplicated()
    if twice.any():
        raise InputError(f"subject {pairs['subject'][twice].iloc[0]!r} belongs to two patients")
    return _names(pairs.set_index("subject")["patient"])


def _row(frame: pd.DataFrame, position: int) -> int:
    """Return the spreadsheet row of a frame's row: as read from a file, else as one would save it."""
    return int(frame.index[position]) if frame.index.name == ROW else position + 2
