"""What a cohort's expert ratings can answer: rules against a reference test, associations, retakes, and what they cannot."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from blues.agree.bland_altman import bland_altman
from blues.agree.continuous import icc
from blues.agree.multirater import gwet_ac, percent_agreement
from blues.agree.pairwise import cohen_kappa
from blues.agree.record import Agreement
from blues.check import InputError, counted, one_of, reaches
from blues.cohort import Cohort
from blues.evaluate import auroc, benjamini_hochberg, operating_point
from blues.survive.clustered import clustered_association

__all__ = ["associations", "expert_statement", "retakes", "rule_scores", "rule_table", "scale_of"]

MEASURES = ("accuracy", "sensitivity", "specificity")


def scale_of(cohort: Cohort, item: str) -> list[float] | None:
    """Return the declared scale of an item: its categories, 0 and 1 for a binary one, None for a continuous one."""
    items = cohort.dictionary.ratings.items if cohort.dictionary.ratings is not None else {}
    one_of(item, list(items), "item")
    spec = items[item]
    if spec.kind == "binary":
        return [0.0, 1.0]
    if spec.kind == "continuous":
        return None
    if spec.categories is None:
        raise InputError(
            f"item {item!r} is ordinal and the dictionary gives no categories", remedy="Add categories=[...]"
        )
    return list(spec.categories)


def _label(cohort: Cohort, item: str) -> str:
    ratings = cohort.dictionary.ratings
    return (ratings.items[item].label if ratings is not None else "") or item


def _items(cohort: Cohort) -> list[str]:
    if cohort.dictionary.ratings is None or not len(cohort.ratings):
        raise InputError(
            f"{cohort.name} has no expert ratings", remedy="Name them in [files] and [ratings] of cohort.toml"
        )
    return list(cohort.dictionary.ratings.items)


def expert_statement(cohort: Cohort) -> str:
    """Say whether the ratings of a cohort allow agreement between experts to be computed, and if not, what they allow.

    Parameters
    ----------
    cohort : Cohort
        With ratings.

    Returns
    -------
    str
        One sentence or more.

    Raises
    ------
    InputError
        When the cohort has no expert ratings.
    """
    _items(cohort)
    raters = sorted(cohort.ratings["rater"].unique())
    if len(raters) > 1:
        return f"{len(raters)} raters ({', '.join(raters)}) rated single clips: their agreement can be computed."
    why = cohort.dictionary.ratings.consensus if cohort.dictionary.ratings is not None else ""
    return (
        "Agreement between experts cannot be computed from these ratings: they hold one score a clip"
        f"{f' ({why})' if why else ''}. What can be computed: how rules on the expert score do against a reference test, "
        "how the score goes with other findings, how far retakes of one point were scored alike, and how far a model "
        "agrees with the score. A model that was trained on the score is not independent of it."
    )


def _reference(cohort: Cohort, target: str | None) -> tuple[str, pd.Series]:
    """Return the name and values of the reference test: a binary target by patient."""
    usable = [k for k, v in cohort.dictionary.targets.items() if v.kind == "binary" and v.level == "patient"]
    if not usable:
        raise InputError(f"{cohort.name} has no binary target by patient to hold rules against")
    name = one_of(target, usable, "target") if target is not None else usable[0]
    return name, cohort.target(name)


def _clip_values(cohort: Cohort, item: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each rater's ratings of an item: columns clip, patient, rating."""
    rows = cohort.ratings[(cohort.ratings["item"] == item) & cohort.ratings["rating"].notna()]
    for rater, part in rows.groupby("rater", sort=True, observed=True):
        yield str(rater), part[["clip", "patient", "rating"]]


def _rules(cohort: Cohort) -> Iterator[tuple[str, str, str, str, pd.Series, float]]:
    """Yield unit, rater, item, words, score and threshold of each rule; the score's index is patients or clips."""
    for item in _items(cohort):
        scale, label = scale_of(cohort, item), _label(cohort, item)
        for rater, rows in _clip_values(cohort, item):
            by_patient = rows.groupby("patient", sort=False, observed=True)["rating"]
            by_clip = rows.set_index("clip")["rating"]
            if scale is not None and len(scale) == 2:
                low, high = min(scale), max(scale)
                most = int(by_patient.size().max())
                for words, value in (("with", high), ("without", low)):
                    counts = (
                        (rows["rating"] == value)
                        .groupby(rows["patient"], sort=False, observed=True)
                        .sum()
                        .astype(float)
                    )
                    for k in range(1, most + 1):
                        yield (
                            "patient",
                            rater,
                            item,
                            f"at least {k} clip{'s' * (k > 1)} {words}: {label}",
                            counts,
                            float(k),
                        )
                    yield "clip", rater, item, f"clip {words}: {label}", (by_clip == value).astype(float), 1.0
                continue
            steps = np.arange(min(scale) + 0.5, max(scale), 0.5) if scale is not None else _quantiles(by_patient.mean())
            for step in steps:
                yield "patient", rater, item, f"average at least {step:g}: {label}", by_patient.mean(), float(step)
            for step in scale[1:] if scale is not None else _quantiles(by_clip):
                yield "patient", rater, item, f"worst clip at least {step:g}: {label}", by_patient.max(), float(step)
                yield "clip", rater, item, f"clip at least {step:g}: {label}", by_clip, float(step)


def _quantiles(values: pd.Series) -> list[float]:
    return [float(v) for v in values.quantile([0.25, 0.5, 0.75]).unique()]


def _outcomes(cohort: Cohort, reference: pd.Series, score: pd.Series, unit: str) -> tuple[np.ndarray, np.ndarray, Any]:
    """Return outcome, score and patients of the units that have both."""
    patients = score.index if unit == "patient" else cohort.clips["patient"].reindex(score.index)
    y = reference.reindex(patients).to_numpy(dtype=float)
    keep = ~np.isnan(y) & score.notna().to_numpy()
    return y[keep], score.to_numpy(dtype=float)[keep], np.asarray(patients)[keep]


def rule_table(cohort: Cohort, target: str | None = None, *, confidence: float = 0.95) -> pd.DataFrame:
    """Hold every simple rule on the expert ratings against a reference test.

    Rules by patient: the average (or worst) of an ordinal item reaches a threshold; at least k clips with, or without, a
    finding. Rules by clip: the clip itself; a patient's clips then cluster. Every rated clip counts, retakes too. The table is
    a description of rules fixed beforehand: the best of its rows is not an estimate of anything.

    Parameters
    ----------
    cohort : Cohort
        With ratings.
    target : str, optional
        A binary target by patient, by default the dictionary's first.
    confidence : float
        Of the intervals: Wilson's for patients, Wilson's at the Rao-Scott effective size for clips.

    Returns
    -------
    DataFrame
        ``target, unit, rater, item, rule, threshold, n, patients, tp, fp, fn, tn`` and ``accuracy, sensitivity, specificity``
        each with ``_low`` and ``_high``.

    Raises
    ------
    InputError
        When no clip with a rating is of a patient whose target is known.
    """
    name, reference = _reference(cohort, target)
    found = []
    for unit, rater, item, words, score, threshold in _rules(cohort):
        y, value, patients = _outcomes(cohort, reference, score, unit)
        if not len(y):
            continue
        point = operating_point(
            y, reaches(value, threshold), clusters=patients if unit == "clip" else None, level=confidence
        )
        row: dict[str, Any] = {"target": name, "unit": unit, "rater": rater, "item": item, "rule": words}
        row |= {"threshold": threshold, "n": len(y), "patients": len(np.unique(patients))}
        row |= {"tp": point.tp, "fp": point.fp, "fn": point.fn, "tn": point.tn}
        for measure in MEASURES:
            estimate = point.measures[measure]
            row |= {measure: estimate.value, f"{measure}_low": estimate.low, f"{measure}_high": estimate.high}
        found.append(row)
    if not found:
        raise InputError(f"no clip with a rating is of a patient whose {name} is known", file=cohort.folder)
    return pd.DataFrame(found).sort_values("unit", ascending=False, kind="stable", ignore_index=True)


def rule_scores(cohort: Cohort, target: str | None = None, *, confidence: float = 0.95) -> pd.DataFrame:
    """Return the AUROC of the score behind each rule against a reference test: what holds over all thresholds.

    Parameters
    ----------
    cohort, target, confidence
        As in :func:`rule_table`.

    Returns
    -------
    DataFrame
        ``target, unit, rater, item, score, n, patients, value, low, high``: logit DeLong by patient, Obuchowski's clustered
        variance by clip.

    Raises
    ------
    InputError
        When the patients with rated clips are all of one class.
    """
    name, reference = _reference(cohort, target)
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for unit, rater, item, words, score, threshold in _rules(cohort):
        label = words.replace(f" at least {threshold:g}", "")
        label = label.replace(f"at least {threshold:g} clips", "number of clips").replace(
            "at least 1 clip ", "number of clips "
        )
        key = (unit, rater, item, label)
        if key in found:
            continue
        y, value, patients = _outcomes(cohort, reference, score, unit)
        if len(np.unique(y)) < 2:
            continue
        area = auroc(y, value, clusters=patients if unit == "clip" else None, level=confidence)
        row = {"target": name, "unit": unit, "rater": rater, "item": item, "score": label, "n": len(y)}
        row |= {"patients": len(np.unique(patients)), "value": area.value, "low": area.low, "high": area.high}
        found[key] = row
    if not found:
        raise InputError(
            f"the patients with rated clips do not have both values of {name}: no AUROC is defined", file=cohort.folder
        )
    return pd.DataFrame(list(found.values())).sort_values("unit", ascending=False, kind="stable", ignore_index=True)


def _predictors(cohort: Cohort, item: str, columns: Sequence[str] | None) -> dict[str, pd.Series]:
    """Return values by patient: clinical measurements known at admission, and the share of clips with each finding."""
    if columns is None:
        columns = [
            name
            for name, spec in cohort.dictionary.columns.items()
            if spec.role == "clinical"
            and spec.kind == "continuous"
            and spec.known == "admission"
            and not spec.contingent
        ]
    shares = {}
    for other in _items(cohort):
        if other != item and scale_of(cohort, other) == [0.0, 1.0]:
            rows = cohort.ratings[cohort.ratings["item"] == other]
            shares[f"{other} fraction"] = rows.groupby("patient", observed=True)["rating"].mean()
    found = {}
    for name in columns:
        if name in shares:
            continue
        one_of(name, [*cohort.patients.columns, *shares], "column")
        values = pd.to_numeric(cohort.patients[name], errors="coerce")
        if values.nunique() > 1:
            found[name] = values
    return found | shares


def associations(
    cohort: Cohort, item: str | None = None, columns: Sequence[str] | None = None, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Associate an expert score with clinical measurements and other findings, naive and clustered side by side.

    The naive analysis counts every clip as if it were a patient (pseudo-replication); beside it stand the correlation of
    patient means, regression with cluster-robust and with bias-reduced errors, GEE and a mixed model
    (:func:`blues.survive.clustered_association`). The usual cluster-robust errors are too small where few patients carry a
    measurement; the bias-reduced ones hold.

    Parameters
    ----------
    cohort : Cohort
        With ratings.
    item : str, optional
        An ordinal or continuous item, by default the dictionary's first.
    columns : sequence of str, optional
        Columns of the patient table; by default the continuous clinical ones known at admission. The share of a patient's
        clips with each binary finding (``b_lines fraction``) comes on top.
    confidence : float
        Confidence level of the intervals.

    Returns
    -------
    DataFrame
        One row a predictor, rater and method: ``item, predictor, label, rater`` and the columns of
        :func:`blues.survive.clustered_association`, with ``q_value``, Benjamini-Hochberg over the predictors of a method.

    Raises
    ------
    InputError
        When there are no ratings, no such item or column, or no column that varies.
    """
    items = _items(cohort)
    if item is None:
        item = next((i for i in items if scale_of(cohort, i) != [0.0, 1.0]), items[0])
    scale = scale_of(cohort, item)
    kind = "continuous" if scale is None else "binary" if len(scale) == 2 else "ordinal"
    found = []
    for rater, rows in _clip_values(cohort, item):
        for name, values in _predictors(cohort, item, columns).items():
            x = rows["patient"].map(values).to_numpy(dtype=float)
            if np.isfinite(x).sum() < 3 or len(np.unique(x[np.isfinite(x)])) < 2:
                continue
            part = clustered_association(
                rows["rating"].to_numpy(), x, rows["patient"].to_numpy(), kind, level=confidence
            )
            part.insert(0, "rater", rater)
            part.insert(0, "label", _predictor_label(cohort, name))
            part.insert(0, "predictor", name)
            part.insert(0, "item", item)
            found.append(part)
    if not found:
        raise InputError(f"no measurement to associate {item!r} with", remedy="Name columns of the patient table")
    table = pd.concat(found, ignore_index=True)
    table["q_value"] = np.nan
    for _, part in table[table["p_value"].notna()].groupby(["rater", "method"], observed=True):
        table.loc[part.index, "q_value"] = benjamini_hochberg(part["p_value"].to_numpy())
    return table


def _predictor_label(cohort: Cohort, name: str) -> str:
    spec = cohort.dictionary.columns.get(name)
    if spec is None:
        return f"{_label(cohort, name.removesuffix(' fraction'))}, share of the clips"
    return f"{spec.label or name} ({spec.unit})" if spec.unit else spec.label or name


def side_by_side(table: pd.DataFrame) -> pd.DataFrame:
    """Return the frame of :func:`associations` with one row a predictor: naive and clustered results beside one another."""
    wanted = {
        "correlation, clips independent": "naive",
        "patient means, correlation": "patients",
        "linear regression, bias-reduced": "robust",
        "logistic regression, bias-reduced": "robust",
        "ordinal logistic regression, bias-reduced": "robust",
        "GEE, exchangeable": "GEE",
        "mixed model, random intercept": "mixed",
    }
    rows = []
    for (item, name, label, rater), part in table.groupby(
        ["item", "predictor", "label", "rater"], sort=False, observed=True
    ):
        row: dict[str, Any] = {"item": item, "predictor": name, "label": label, "rater": rater}
        by_method = part.set_index("method")
        row |= {"clips": int(part["n"].max()), "patients": int(part["clusters"].iloc[0])}
        for method, short in wanted.items():
            if method in by_method.index:
                line = by_method.loc[method]
                if short in ("naive", "patients"):
                    row[f"{short}_r"] = line["estimate"]
                row[f"{short}_p"] = line["p_value"]
        row["design_effect"] = part["design_effect"].iloc[0]
        rows.append(row)
    return pd.DataFrame(rows)


def retakes(
    cohort: Cohort, item: str | None = None, *, draws: int = 2000, seed: int = 0, confidence: float = 0.95
) -> list[Agreement]:
    """Return the agreement of scores between the takes of one point: a lower bound of the reliability of score and scan.

    Two takes differ in the picture as well as in the reading, so this is not the agreement of a rater with himself. A take
    seems to be repeated where it was poor, so these points are no random sample.

    Parameters
    ----------
    cohort : Cohort
        With ratings.
    item : str, optional
        By default every item, one after the other.
    draws, seed, confidence
        As in :func:`blues.agree.cohen_kappa`.

    Returns
    -------
    list of Agreement
        For a categorical item exact agreement, quadratic kappa and AC2 (AC1 if binary); for a continuous one ICC(1,1) and
        Bland-Altman. Patients cluster. ``detail["item"]`` and ``detail["rater"]`` say of what. Empty without retakes.
    """
    found: list[Agreement] = []
    how: dict[str, Any] = {"draws": draws, "seed": seed, "confidence": confidence}
    for name in _items(cohort) if item is None else [item]:
        scale = scale_of(cohort, name)
        for rater, rows in _clip_values(cohort, name):
            pair = _two_takes(cohort, rows)
            if len(pair) < 3:
                continue
            clusters = pair.index.get_level_values("patient").to_numpy()
            pair = pair.set_axis([f"{p} {point}" for p, point in pair.index])
            for record in _of_takes(pair, scale, clusters, how):
                detail = {
                    **record.detail,
                    "item": name,
                    "rater": rater,
                    "of": f"{counted(len(pair), 'point')} taken twice",
                }
                method = f"{_label(cohort, name)}: {record.method}"
                found.append(dataclasses.replace(record, method=method, detail=detail))
    return found


def _two_takes(cohort: Cohort, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the first two rated takes of each point, index (patient, point), columns ``take 1``, ``take 2``."""
    table = rows.join(cohort.clips[["point", "take"]], on="clip").sort_values("take", kind="stable")
    place = table.groupby(["patient", "point"], observed=True).cumcount()
    pair = table.assign(place=place)[place < 2].pivot(index=["patient", "point"], columns="place", values="rating")
    return pair.dropna().set_axis(["take 1", "take 2"], axis=1) if pair.shape[1] == 2 else pair.iloc[:0]


def _of_takes(
    pair: pd.DataFrame, scale: list[float] | None, clusters: np.ndarray, how: dict[str, Any]
) -> list[Agreement]:
    if scale is None:
        return [icc(pair, form="1,1", clusters=clusters, **how), bland_altman(pair, clusters=clusters, **how)]
    weights = "quadratic" if len(scale) > 2 else None
    common = {"categories": scale, "clusters": clusters, **how}
    return [
        percent_agreement(pair, **common),
        cohen_kappa(pair, weights=weights, **common),
        gwet_ac(pair, weights=weights, **common),
    ]
