"""Derives outcomes from the decoded tables, by the rules in the dictionary."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import pandas as pd

from blues.check import InputError
from blues.cohort.decode import plain
from blues.cohort.findings import Finding
from blues.cohort.schema import NO, YES, Condition, Item, Scalar, Target

__all__ = ["between_grades", "binary_counts", "definition", "derive", "equals", "meets", "pooled_rating"]

MOST_LABELS = 8


def meets(patients: pd.DataFrame, condition: Condition) -> pd.Series:
    """Return who meets a condition.

    Returns
    -------
    Series of bool, shape (patients,)
        False wherever the value is not known, except for the condition ``known = false``.

    """
    values = patients[condition.column]
    (test, wanted), *_ = condition.tests().items()
    if test == "known":
        return values.notna() if wanted else values.isna()
    if test == "equals":
        return equals(values, wanted)
    if test == "below_column":
        return values < patients[wanted]
    tests = {"at_least": values.ge, "at_most": values.le, "above": values.gt, "below": values.lt}
    return tests[test](wanted)


def derive(
    target: Target,
    name: str,
    patients: pd.DataFrame,
    clips: pd.DataFrame,
    ratings: pd.DataFrame,
    points: Collection[str] = (),
) -> pd.Series:
    """Return one target's values.

    Parameters
    ----------
    target : Target
        Its entry in the dictionary.
    name : str
        Its name, which becomes the name of the series.
    patients, clips, ratings : DataFrame
        As a :class:`blues.cohort.Cohort` holds them.
    points : collection of str
        The cohort's points: a sum over points is defined where each of them was rated.

    Returns
    -------
    Series of float
        Index: patient, shape (patients,), or clip, shape (clips,), by the target's level. NaN where it is not defined:
        the column is not known; none of the conditions' columns is known; no clip was rated; for a sum over points,
        not every point was rated.
    """
    if target.rating is not None:
        values = _from_rating(target, clips, ratings, points)
        values = values.reindex(clips.index if target.level == "clip" else patients.index)
    elif target.any is not None:
        met = pd.concat([meets(patients, condition) for condition in target.any], axis=1).any(axis=1)
        known = patients[[condition.column for condition in target.any]].notna().any(axis=1)
        certain = [c.known is not None for c in target.any]
        values = met.astype(float).where(known | met | any(certain))
    else:
        column = patients[target.column]
        values = column.astype(float) if target.events is None else equals(column, target.events).astype(float)
        values = values.where(column.notna())
    values = values.astype(float).rename(name)
    values.index.name = "clip" if target.level == "clip" else "patient"
    return values


def pooled_rating(ratings: pd.DataFrame, item: str, rater: str | None = None) -> pd.Series:
    """Return an item's rating per clip, shape (rated clips,): one rater's, or the mean over raters."""
    chosen = ratings[ratings["item"] == item]
    if rater is not None:
        if rater not in set(chosen["rater"]):
            raise InputError(
                f"nobody called {rater!r} rated {item!r}", allowed=sorted(chosen["rater"].unique()) or "nobody"
            )
        chosen = chosen[chosen["rater"] == rater]
    return chosen.dropna(subset="rating").groupby("clip", sort=False, observed=True)["rating"].mean()


def _from_rating(target: Target, clips: pd.DataFrame, ratings: pd.DataFrame, points: Collection[str]) -> pd.Series:
    rating = pooled_rating(ratings, str(target.rating), target.rater)
    if target.level == "clip":
        return rating
    table = clips[["patient", "point", "take"]].join(rating.rename("rating"), how="inner")
    if target.over_clips is not None:
        return table.groupby("patient", observed=True)["rating"].agg(target.over_clips)
    by_take = table.sort_values("take", kind="stable")
    at_points = by_take.groupby(["patient", "point"], observed=True)["rating"].agg(target.over_takes)
    per_patient = at_points.groupby("patient", observed=True).agg(target.over_points)
    if target.over_points == "sum":
        per_patient = per_patient.where(at_points.groupby("patient", observed=True).size() == len(points))
    return per_patient


def equals(values: pd.Series, wanted: tuple[Scalar, ...]) -> pd.Series:
    """Return who has one of the labels or numbers; nobody whose value is not known."""
    if pd.api.types.is_numeric_dtype(values):
        return values.isin([_as_number(scalar) for scalar in wanted])
    return values.isin([plain(scalar) for scalar in wanted]).astype(bool)


def _as_number(scalar: Scalar) -> float:
    if isinstance(scalar, str) and scalar.lower() in YES + NO:
        return 1.0 if scalar.lower() in YES else 0.0
    return float(scalar)


def binary_counts(values: pd.Series) -> tuple[int, int]:
    """Return how many events and how many others a binary target has."""
    return int((values == 1).sum()), int((values == 0).sum())


def definition(target: Target, patients: pd.DataFrame) -> str:
    """Return how an outcome is made, with how many patients have each value that it is made of; for a rating how it is pooled.

    Examples
    --------
    >>> swab = pd.DataFrame({"swab": ["pos", "neg", "neg", "pending", None]})
    >>> definition(Target(label="PCR", kind="binary", column="swab", events=("pos",)), swab)
    'swab: pos (1) is the event; neg (2), pending (1) are not; 1 not known'
    """
    if target.rating is not None:
        who = f"by {target.rater}" if target.rater else "the mean over raters"
        if target.level == "clip":
            return f"rating {target.rating}, {who}"
        way = f"{target.over_takes} of the takes, {target.over_points} of the points"
        return f"rating {target.rating}, {who}; " + (f"{target.over_clips} of the clips" if target.over_clips else way)
    if target.any is not None:
        return "any of: " + "; ".join(f"{one.words()} ({int(meets(patients, one).sum())})" for one in target.any)
    column = patients[target.column]
    values = column.map(_label, na_action="ignore")
    if target.events is not None and set(column.dropna().unique()) <= {0, 1}:
        values = column.map({0: "no", 1: "yes"})
    unknown = f"; {missing} not known" if (missing := int(values.isna().sum())) else ""
    if target.events is None:
        return f"the value of {target.column}{unknown}"
    event = equals(column, target.events)
    told = []
    for rows, end in ((event, "the event"), (~event & values.notna(), "not")):
        counts = values[rows].value_counts()
        each = [f"{label} ({n})" for label, n in counts.items() if n]
        rest = [f"{len(each) - MOST_LABELS} more labels ({counts[MOST_LABELS:].sum()})"] * (len(each) > MOST_LABELS)
        told.append(f"{', '.join(each[:MOST_LABELS] + rest) or 'nobody'} {'are' if len(each) > 1 else 'is'} {end}")
    return f"{target.column}: {'; '.join(told)}{unknown}"


def between_grades(
    targets: Mapping[str, Target],
    items: Mapping[str, Item],
    derived: Callable[[str], pd.Series],
    ratings: pd.DataFrame,
    file: str,
) -> list[Finding]:
    """Tell of ordinal targets with values between the grades of what was rated, such as 1.5, the mean of two readers."""
    found = []
    for name, target in targets.items():
        grades = items[target.rating].categories if target.kind == "ordinal" and target.rating is not None else None
        if not grades:
            continue
        values = derived(name).dropna()
        summed = target.level == "patient" and target.over_clips is None and target.over_points == "sum"
        off = values[~values.isin(grades) & ((values % 1 != 0) | (not summed))]
        if len(off):
            raters = sorted(ratings.loc[ratings["item"] == target.rating, "rater"].unique())
            one = (
                f'rater = "{raters[0]}" takes one reader\'s grades, '
                if target.rater is None and len(raters) > 1
                else ""
            )
            shown = ", ".join(plain(v) for v in sorted(off.unique())[:MOST_LABELS])
            what = f"{name} is ordinal and has values between the grades: means are no grades"
            done = f'kept, each a class of its own; {one}kind = "continuous" takes means as they are'
            found.append(Finding("odd", file, None, str(target.rating), shown, len(off), what, done))
    return found


def _label(value: object) -> str:
    return value if isinstance(value, str) else plain(value)
