"""What is seen on clips beside vital signs and blood: every finding against every measurement, clustered by patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from blues.check import InputError, one_of
from blues.cohort import Cohort
from blues.cohort.targets import pooled_rating
from blues.evaluate import benjamini_hochberg
from blues.survive.clip_regressions import FEW_CARRIERS
from blues.survive.clustered import clustered_association

__all__ = ["association_section", "measurements"]

SUMMARY = "Findings on clips beside vital signs and blood"
EVERY = "Every analysis of findings on clips"
_MAIN = {"ordinal": "ordinal logistic regression", "binary": "logistic regression", "continuous": "linear regression"}


def measurements(cohort: Cohort) -> list[str]:
    """Return the numbers measured at admission: blood tests, and vital signs.

    Vital signs are the clinical columns in whose ``group`` the word "vital" stands; where there are none, all continuous
    clinical columns. What is contingent on a treatment is left out.
    """
    columns = cohort.dictionary.columns
    numbers = {
        name: c for name, c in columns.items() if c.kind == "continuous" and c.known == "admission" and not c.contingent
    }
    clinical = [name for name, c in numbers.items() if c.role == "clinical"]
    vital = [name for name in clinical if "vital" in columns[name].group.casefold()]
    return (vital or clinical) + [name for name, c in numbers.items() if c.role == "blood"]


def association_section(
    cohort: Cohort,
    findings: Sequence[str] | None = None,
    measured: Sequence[str] | None = None,
    *,
    level: float = 0.95,
) -> dict[str, Any]:
    """Associate what experts rated on clips with what was measured of the patient, one pair after another.

    Parameters
    ----------
    cohort : Cohort
    findings : sequence of str, optional
        Rated items; all by default. The mean of the raters where there are several.
    measured : sequence of str, optional
        Columns of numbers; :func:`measurements` by default.
    level : float

    Returns
    -------
    dict of str to DataFrame or str
        Sentences; a table of one row a pair: ``finding``, ``measured``, ``patients``, ``clips``, ``icc`` and
        ``design_effect`` of the finding, ``effect`` (odds ratio or slope a standard deviation of what was measured) with
        ``low``, ``high`` and ``p_value`` by the bias-reduced error between patients (CR2, Satterthwaite's degrees of freedom;
        by it pairs are judged), ``q_value`` of it (Benjamini & Hochberg over the pairs), ``naive_p`` (clips as independent),
        ``clustered_p`` (the usual cluster-robust error, too small where few patients carry a measurement), ``gee_p``,
        ``mixed_p``, ``means_p`` (correlation of patient means), ``remark``; and a table of every analysis, see
        :func:`blues.survive.clustered_association`. Empty without ratings or numbers.

    Raises
    ------
    InputError
        An item nobody rated, a column that is none.
    """
    items = list(dict.fromkeys(cohort.ratings["item"])) if findings is None else list(findings)
    names = measurements(cohort) if measured is None else list(measured)
    for name in names:
        one_of(name, list(cohort.dictionary.columns), "column measured")
    rows: list[dict[str, Any]] = []
    every: list[pd.DataFrame] = []
    for item in items:
        one_of(item, sorted(set(cohort.ratings["item"])), "finding")
        rating, kind, label = _finding(cohort, item)
        patient = cohort.clips["patient"].reindex(rating.index)
        for name in names:
            row, table = _pair(cohort, rating, kind, patient, name, level)
            rows.append({"finding": label, "measured": cohort.dictionary.label(name), **row})
            if table is not None:
                table.insert(0, "finding", label)
                table.insert(1, "measured", cohort.dictionary.label(name))
                every.append(table)
    if not rows:
        return {}
    summary = pd.DataFrame(rows)
    known = summary["p_value"].notna()
    summary["q_value"] = np.nan
    if known.any():
        summary.loc[known, "q_value"] = benjamini_hochberg(summary.loc[known, "p_value"].to_numpy())
    shown: dict[str, Any] = {"Findings on clips": _told(cohort, summary), SUMMARY: summary[_ORDER]}
    return shown | ({EVERY: pd.concat(every, ignore_index=True)} if every else {})


_ORDER = (
    "finding measured patients clips icc design_effect effect low high "
    "p_value q_value naive_p clustered_p gee_p mixed_p means_p remark"
).split()


def _finding(cohort: Cohort, item: str) -> tuple[pd.Series, str, str]:
    """Return an item's rating a clip, how it is analysed, and its label."""
    rating = pooled_rating(cohort.ratings, item)
    spec = cohort.dictionary.ratings.items[item] if cohort.dictionary.ratings is not None else None
    kind = str(spec.kind) if spec is not None else "continuous"
    if kind == "binary" and not rating.isin((0, 1)).all():
        kind = "ordinal"  # the raters' mean takes steps between no and yes
    if kind == "ordinal" and rating.nunique() > 20:
        kind = "continuous"
    return rating, kind, (spec.label if spec is not None else "") or item.replace("_", " ")


def _pair(
    cohort: Cohort, rating: pd.Series, kind: str, patient: pd.Series, name: str, level: float
) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """Analyse one finding against one measurement; return the row of the summary and every analysis."""
    values = cohort.patients[name].astype(float)
    spread = float(values.std())
    x = (values / (spread if spread > 0 else 1.0)).reindex(patient).to_numpy()
    try:
        table = clustered_association(rating.to_numpy(), x, patient.to_numpy(), kind, level=level)
    except InputError as error:
        return dict.fromkeys(_ORDER[2:-1], np.nan) | {"remark": str(error).splitlines()[0]}, None
    main = _row(table, f"{_MAIN[kind]}, bias-reduced")
    values_of = ["estimate", "low", "high"]
    effect = main[values_of].astype(float) if kind == "continuous" else np.exp(main[values_of].astype(float))
    naive = _row(table, f"{_MAIN[kind]}, clips independent")
    first = table.iloc[0]
    row = {
        "patients": int(first["clusters"]),
        "clips": int(first["n"]),
        "icc": first["icc"],
        "design_effect": first["design_effect"],
        **dict(zip(("effect", "low", "high"), effect, strict=True)),
        "p_value": main["p_value"],
        "naive_p": naive["p_value"],
        "clustered_p": _row(table, f"{_MAIN[kind]}, cluster-robust")["p_value"],
        "gee_p": _row(table, "GEE, exchangeable")["p_value"],
        "mixed_p": _row(table, f"{'logistic ' * (kind == 'binary')}mixed model, random intercept")["p_value"],
        "means_p": _row(table, "patient means, correlation")["p_value"],
        "remark": main["note"] if str(main["note"]).startswith(("could not", FEW_CARRIERS)) else "",
    }
    return row, table.drop(columns=["icc", "design_effect"])


def _row(table: pd.DataFrame, method: str) -> pd.Series:
    """Return a method's row; one of NaN where the kind of outcome does not know it."""
    found = table[table["method"] == method]
    return found.iloc[0] if len(found) else pd.Series(np.nan, index=table.columns)


def _told(cohort: Cohort, summary: pd.DataFrame) -> str:
    both = summary.dropna(subset=["naive_p"])
    naive, judged = both["naive_p"] < 0.05, both["p_value"] < 0.05
    kept, untold = int((naive & judged).sum()), int((naive & both["p_value"].isna()).sum())
    few = int(summary["remark"].str.startswith(FEW_CARRIERS).sum())
    return (
        f"What was rated on {cohort.ratings['clip'].nunique()} clips of {cohort.ratings['patient'].nunique()} patients, beside "
        f"what was measured at admission: {len(both)} pairs. A patient's clips resemble each other: the design effect says how "
        "many times the variance of a mean is that of as many independent clips. With clips taken as independent "
        f"{int(naive.sum())} pairs have p below 0.05; {kept} of these still do by the bias-reduced error between patients"
        + (f", and of {untold} nothing can be said" if untold else "")
        + ". Effects are odds ratios (slopes of continuous findings) a standard deviation of the measurement, with intervals, "
        "p and q (Benjamini and Hochberg over all pairs) by that error (CR2, Satterthwaite's degrees of freedom). The usual "
        "cluster-robust error (clustered_p) is too small where few patients lie far off. Beside them stand GEE, a mixed model, "
        "and the correlation of patient means." + (f" {few} pairs hang on few patients: see the remark." if few else "")
    )
