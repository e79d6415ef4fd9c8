"""Table 1 of a cohort, and where its values are missing."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from blues.cohort.record import Cohort
from blues.cohort.schema import PREDICTORS, Target
from blues.cohort.targets import pooled_rating

__all__ = ["missingness", "standardised_difference", "table_one"]

COLUMNS = [
    "group",
    "variable",
    "column",
    "unit",
    "kind",
    "overall",
    "without",
    "with",
    "missing",
    "difference",
    "correlation",
]


def table_one(
    cohort: Cohort, target: str | None = None, correlated: Collection[Hashable] | None = None
) -> pd.DataFrame:
    """Return the baseline table of a cohort, by the outcome where one is named.

    Continuous and ordinal variables as median [quartiles], binary ones and categories as n (% of the known). Predictors
    come first, by group; then the experts' ratings as the patient's mean over clips; then the other outcomes.

    Parameters
    ----------
    cohort : Cohort
    target : str, optional
        A target of the dictionary. A binary one splits the table; for another one at the patient level the rank
        correlation with each variable is given.
    correlated : collection of ids, optional
        The patients among whom correlations are taken, where the values of others are not what the target measures.

    Returns
    -------
    DataFrame
        group, variable (label), column, unit, kind, overall, without, with (text; the latter two blank unless the target
        is binary), missing (patients without a value), difference (standardised, with minus without; NaN where it is
        not defined), correlation (Spearman, NaN unless the target is a number).

    Raises
    ------
    InputError
        If the dictionary has no such target.
    """
    values, spec = _outcome(cohort, target)
    patients = cohort.patients.index if values is None else values.index[values.notna()]
    values = None if values is None else values[patients]
    if values is not None and correlated is not None:
        values = values.where(values.index.isin(list(correlated)))
    rows = [_count_row(patients, values, spec)]
    for group, name, label, unit, kind, column in _variables(cohort, target):
        rows += _rows(group, name, label, unit, kind, column[patients], values, spec)
    return pd.DataFrame(rows, columns=COLUMNS).astype({"missing": "Int64"})


def standardised_difference(a: pd.Series, b: pd.Series, kind: str) -> float:
    r"""Return the standardised difference of a variable between two groups, ``a`` minus ``b``; NaN where undefined.

    Continuous and ordinal: :math:`(\bar a - \bar b) / \sqrt{(s_a^2 + s_b^2) / 2}`. Binary: the same with
    :math:`s^2 = p (1 - p)`. Nominal: the Mahalanobis distance of the category shares (never negative).

    Parameters
    ----------
    a, b : Series, shapes (n,) and (m,)
        Missing values are left out.
    kind : {"continuous", "ordinal", "binary", "nominal"}

    Returns
    -------
    float
        In standard deviations.

    References
    ----------
    Austin PC. Balance diagnostics for comparing the distribution of baseline covariates between treatment groups. Stat
    Med 2009;28:3083-3107. Yang D, Dalton JE. A unified approach to measuring the effect size between two groups using
    SAS. SAS Global Forum 2012, paper 335.

    Examples
    --------
    >>> a, b = pd.Series([1, 1, 1, 0]), pd.Series([1, 0, 0, 0])
    >>> round(standardised_difference(a, b, "binary"), 3)
    1.155
    """
    a, b = a.dropna(), b.dropna()
    if len(a) < 2 or len(b) < 2:
        return float("nan")
    if kind == "nominal":
        return _nominal_difference(a, b)
    if kind == "binary":
        spread = np.sqrt((a.mean() * (1 - a.mean()) + b.mean() * (1 - b.mean())) / 2)
    else:
        spread = np.sqrt((a.var() + b.var()) / 2)
    return float((a.mean() - b.mean()) / spread) if spread > 0 else float("nan")


def missingness(cohort: Cohort, target: str | None = None) -> pd.DataFrame:
    """Return which columns lack values, and whether that depends on the outcome.

    Parameters
    ----------
    cohort : Cohort
    target : str, optional
        A target of the dictionary, to compare patients with and without the event.

    Returns
    -------
    DataFrame, one row a column that lacks a value, in the dictionary's order
        column, variable (label), role, n (patients), absent (without a value), not_applicable (of these, by the
        dictionary), pattern (columns that are absent in the same patients share a number), absent_with and
        absent_without (in patients with and without the event), p_value (Fisher's exact test of absence against a binary
        target, not adjusted for the number of columns; NaN without one).
    """
    values, spec = _outcome(cohort, target)
    by_code = cohort.findings[cohort.findings["kind"] == "not applicable"].groupby("column")["cells"].sum()
    patterns: dict[bytes, int] = {}
    rows = []
    for name in cohort.patients:
        absent = cohort.patients[name].isna()
        if not absent.any():
            continue
        row: dict[str, Any] = {
            "column": name,
            "variable": cohort.dictionary.label(name),
            "role": cohort.dictionary.columns[name].role,
            "n": len(absent),
            "absent": int(absent.sum()),
            "not_applicable": int(by_code.get(name, 0)),
            "pattern": patterns.setdefault(absent.to_numpy().tobytes(), len(patterns)),
            "absent_with": None,
            "absent_without": None,
            "p_value": float("nan"),
        }
        if values is not None and spec is not None and spec.kind == "binary":
            table = [[int((absent & (values == y)).sum()), int((~absent & (values == y)).sum())] for y in (1, 0)]
            row |= {"absent_with": table[0][0], "absent_without": table[1][0]}
            row["p_value"] = float(stats.fisher_exact(table).pvalue)
        rows.append(row)
    names = ["column", "variable", "role", "n", "absent", "not_applicable", "pattern"]
    return pd.DataFrame(rows, columns=[*names, "absent_with", "absent_without", "p_value"])


def _outcome(cohort: Cohort, target: str | None) -> tuple[pd.Series | None, Target | None]:
    """Return a target's values by patient and its entry; None for both where it is not of patients."""
    if target is None:
        return None, None
    spec = cohort.dictionary.target(target)
    return (None, None) if spec.level == "clip" else (cohort.target(target), spec)


def _variables(cohort: Cohort, target: str | None) -> list[tuple[str, str, str, str, str, pd.Series]]:
    """Return group, column, label, unit, kind and values of everything that Table 1 shows."""
    dictionary = cohort.dictionary
    found: list[tuple[str, str, str, str, str, pd.Series]] = []
    for role in PREDICTORS:
        for name in (n for n in dictionary.block(role) if n in dictionary.columns):
            spec = dictionary.columns[name]
            group = spec.group or role.capitalize()
            values = cohort.patients[name]
            found.append((group, name, spec.label or name, spec.unit, spec.decoded_kind, values))
    if dictionary.ratings is not None:
        for name in dictionary.ratings.items:
            mean = pooled_rating(cohort.ratings, name).groupby(cohort.clips["patient"], observed=True).mean()
            values = mean.reindex(cohort.patients.index)
            found.append(
                (
                    "Lung ultrasound as rated by experts, mean of the clips",
                    name,
                    dictionary.label(name),
                    "",
                    "continuous",
                    values,
                )
            )
    for name, goal in dictionary.targets.items():
        if name != target and goal.rating is None:
            found.append(("Outcomes", name, goal.label, goal.unit, goal.kind, cohort.target(name)))
    order = list(dict.fromkeys(group for group, *_ in found))
    return sorted(found, key=lambda entry: order.index(entry[0]))


def _count_row(patients: pd.Index, values: pd.Series | None, spec: Target | None) -> list[Any]:
    split = ["", ""]
    if values is not None and spec is not None and spec.kind == "binary":
        split = [str(int((values == 0).sum())), str(int((values == 1).sum()))]
    return ["", "Patients", "", "", "count", str(len(patients)), *split, 0, np.nan, np.nan]


def _rows(
    group: str,
    name: str,
    label: str,
    unit: str,
    kind: str,
    column: pd.Series,
    values: pd.Series | None,
    spec: Target | None,
) -> list[list[Any]]:
    missing = int(column.isna().sum())
    parts, difference, correlation = [column], np.nan, np.nan
    if values is not None and spec is not None and spec.kind == "binary":
        parts += [column[values == 0], column[values == 1]]
        difference = standardised_difference(parts[2], parts[1], kind)
    elif values is not None and kind != "nominal":
        correlation = _spearman(column, values)
    if kind != "nominal":
        shown = [_count(part) if kind == "binary" else _median(part, column) for part in parts]
        return [[group, label, name, unit, kind, *_three(shown), missing, difference, correlation]]
    rows = []
    for position, category in enumerate(column.cat.categories):
        shown = [_count((part == category)[part.notna()].astype(float)) for part in parts]
        first = (missing, difference) if position == 0 else (None, np.nan)
        rows.append([group, f"{label}: {category}", name, unit, kind, *_three(shown), *first, np.nan])
    return rows


def _three(shown: list[str]) -> list[str]:
    return shown + [""] * (3 - len(shown))


def _count(part: pd.Series) -> str:
    known = part.dropna()
    return f"{int(known.sum())} ({known.mean():.0%})" if len(known) else "-"


def _median(part: pd.Series, whole: pd.Series) -> str:
    """Return median [quartiles] to the digits that were measured, three significant ones at most."""
    known = part.dropna()
    if not len(known):
        return "-"
    everything = whole.dropna()
    measured = next((d for d in range(2) if np.allclose(everything * 10**d, (everything * 10**d).round())), 2)
    quartiles = known.quantile([0.5, 0.25, 0.75])
    largest = float(quartiles.abs().max())
    if measured == 0 and largest < 10 and not np.allclose(quartiles, quartiles.round()):
        measured = 1
    digits = min(measured, 0 if largest >= 100 else 1 if largest >= 10 else 2)
    middle, low, high = (f"{round(q, digits) + 0.0:.{digits}f}" for q in quartiles)
    return f"{middle} [{low}, {high}]"


def _spearman(column: pd.Series, values: pd.Series) -> float:
    both = column.notna() & values.notna()
    if both.sum() < 3 or column[both].nunique() < 2 or values[both].nunique() < 2:
        return float("nan")
    return float(stats.spearmanr(column[both], values[both]).statistic)


def _nominal_difference(a: pd.Series, b: pd.Series) -> float:
    shares = [part.value_counts(normalize=True, sort=False) for part in (a, b)]
    labels = sorted(set(shares[0].index) | set(shares[1].index))[1:]
    p, q = (share.reindex(labels, fill_value=0).to_numpy(dtype=float) for share in shares)
    covariance = sum(np.diag(share) - np.outer(share, share) for share in (p, q)) / 2
    gap = p - q
    return float(np.sqrt(max(gap @ np.linalg.pinv(covariance) @ gap, 0))) if len(labels) else float("nan")
