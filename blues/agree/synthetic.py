"""Synthetic raters whose true agreement is known: for teaching, for tests, and to plan a reader study.

Every clip has a true category. A rater either sees it, or draws from the marginal distribution of the categories; with
chance sqrt(kappa) to see it, every pair of raters has Cohen's kappa exactly ``kappa``, under any weights: the joint
distribution of two raters is kappa * diag(p) + (1 - kappa) * p p'.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from blues.agree.alpha import krippendorff_alpha
from blues.agree.experts import non_inferiority
from blues.agree.multirater import fleiss_kappa, gwet_ac
from blues.agree.pairwise import cohen_kappa, light_kappa
from blues.check import InputError

__all__ = ["plan", "synthetic_ratings", "true_ac1"]


def _shares(prevalence: Any, categories: int) -> np.ndarray:
    if prevalence is None:
        return np.full(categories, 1 / categories)
    shares = np.asarray(prevalence, dtype=float)
    if shares.ndim != 1 or len(shares) < 2 or (shares < 0).any() or not math.isclose(shares.sum(), 1, abs_tol=1e-6):
        raise InputError(
            f"prevalence must give the share of each category, adding up to 1, and is {prevalence!r}",
            allowed="such as 0.4 0.3 0.2 0.1",
        )
    return shares / shares.sum()


def _unit(value: float, name: str) -> float:
    if not 0 <= value <= 1:
        raise InputError(f"{name} must lie between 0 and 1, and is {value!r}")
    return float(value)


def synthetic_ratings(
    subjects: int = 120,
    raters: int = 3,
    kappa: float = 0.6,
    *,
    categories: int = 4,
    prevalence: Sequence[float] | None = None,
    clips_per_patient: int = 1,
    truth_icc: float = 0.0,
    rater_icc: float = 0.0,
    missing: float = 0.0,
    rounds: int = 1,
    bias: Sequence[float] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Draw tidy ratings of which every pair of raters has a true kappa.

    Parameters
    ----------
    subjects, raters : int
        Clips and raters.
    kappa : float
        True agreement of every pair, in [0, 1]; also of a rater with the same rater in another round.
    categories, prevalence
        Number of categories 0, 1, ..., or the share of each.
    clips_per_patient : int
        Clips that share a patient.
    truth_icc : float
        Chance that a clip has the patient's category rather than one of its own.
    rater_icc : float
        Chance that a rater sees all clips of a patient, or none, rather than each by itself: disagreement then comes in
        patients, and intervals that take clips as independent are too short.
    missing : float
        Share of ratings left out at random.
    rounds : int
        Times that each rater rates everything.
    bias : sequence of float, shape (raters,), optional
        Chance that a rater, once done, rates one category too high; this lowers the true kappa.
    seed : int

    Returns
    -------
    DataFrame
        Columns ``subject, patient, rater, rating``, with ``round`` if there are several.

    Examples
    --------
    >>> synthetic_ratings(subjects=3, raters=2, kappa=1.0, seed=1)["rating"].tolist()
    [3.0, 3.0, 1.0, 1.0, 1.0, 1.0]
    """
    if subjects < 1 or raters < 1 or clips_per_patient < 1 or rounds < 1:
        raise InputError("subjects, raters, clips per patient and rounds must be at least 1")
    shares = _shares(prevalence, categories)
    see, icc = math.sqrt(_unit(kappa, "kappa")), _unit(rater_icc, "rater_icc")
    rng = np.random.default_rng(seed)
    patient = np.arange(subjects) // clips_per_patient
    number = int(patient[-1]) + 1
    q = len(shares)
    truth = _mixed(rng, rng.choice(q, number, p=shares)[patient], rng.choice(q, subjects, p=shares), truth_icc)
    tables = []
    for k in range(rounds):
        shape = (subjects, raters)
        sees = _mixed(rng, (rng.random((number, raters)) < see)[patient], rng.random(shape) < see, icc)
        rating = np.where(sees, truth[:, None], rng.choice(q, shape, p=shares)).astype(float)
        if bias is not None:
            up = rng.random(shape) < np.asarray(bias, dtype=float)
            rating = np.minimum(rating + up, q - 1)
        tables.append(_tidy_table(rating, patient, k + 1))
    table = pd.concat(tables, ignore_index=True)
    if _unit(missing, "missing") > 0:
        table = table[rng.random(len(table)) >= missing].reset_index(drop=True)
    return table if rounds > 1 else table.drop(columns="round")


def _mixed(rng: np.random.Generator, shared: np.ndarray, own: np.ndarray, share: float) -> np.ndarray:
    """Take the patient's value with chance ``share``, else the clip's own."""
    return np.where(rng.random(own.shape) < _unit(share, "truth_icc"), shared, own)


def _tidy_table(rating: np.ndarray, patient: np.ndarray, round_: int) -> pd.DataFrame:
    n, m = rating.shape
    width = len(str(n))
    return pd.DataFrame(
        {
            "subject": np.repeat([f"s{i + 1:0{width}d}" for i in range(n)], m),
            "patient": np.repeat((patient + 1).astype(str), m),
            "rater": np.tile([f"R{j + 1}" for j in range(m)], n),
            "round": round_,
            "rating": rating.ravel(),
        }
    )


def true_ac1(kappa: float, shares: Any) -> float:
    """Return the AC1 of synthetic raters with this kappa and these shares of the categories, adding up to 1.

    Examples
    --------
    >>> round(true_ac1(0.6, [0.25] * 4), 3), round(true_ac1(0.6, [0.9, 0.1]), 3)
    (0.6, 0.912)
    """
    p = np.asarray(shares, dtype=float)
    agreement = kappa + (1 - kappa) * float((p**2).sum())
    chance = float((p * (1 - p)).sum()) / (len(p) - 1)
    return (agreement - chance) / (1 - chance)


def plan(
    *,
    raters: int = 3,
    subjects: int = 120,
    kappa: float = 0.6,
    categories: int = 4,
    prevalence: Sequence[float] | None = None,
    weights: str = "quadratic",
    clips_per_patient: int = 1,
    rater_icc: float = 0.3,
    margin: float | None = None,
    studies: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Expect the precision of a reader study by simulating it.

    Each simulated study has raters of true agreement ``kappa``; its intervals are delete-one-patient jackknife intervals.
    Half and double the subjects stand beside the number asked for.

    Parameters
    ----------
    raters, subjects, kappa, categories, prevalence, clips_per_patient, rater_icc
        As in :func:`synthetic_ratings`; ``truth_icc`` is 0.35, that of severity in COVID-BLUES, where patients have several
        clips.
    weights : {"unweighted", "linear", "quadratic"}
        Of the kappas.
    margin : float, optional
        Non-inferiority margin: adds the power to show that a model as good as the experts loses no more than this.
    studies : int
        Simulated studies.
    confidence : float
        Level of the intervals.
    seed : int
        Of the simulation.

    Returns
    -------
    DataFrame
        One row a number of subjects and coefficient: ``subjects, patients, coefficient, truth, mean, width`` (expected width
        of the interval), ``low, high`` (expected limits), ``coverage`` (share of intervals that hold the truth),
        ``undefined`` (studies without a value); with ``margin`` a row ``power``, whose ``mean`` is the power.

    Raises
    ------
    InputError
        For fewer than two raters, 4 subjects or 2 studies, or a setting that :func:`synthetic_ratings` refuses.

    Examples
    --------
    >>> table = plan(raters=2, subjects=60, studies=20)
    >>> table.loc[table["subjects"] == 60, "width"].between(0.2, 0.6).all()
    np.True_
    """
    if raters < 2:
        raise InputError(f"agreement needs at least two raters, and there are {raters}")
    if subjects < 4 or studies < 2:
        raise InputError("a plan needs at least 4 subjects and 2 simulated studies")
    shares = _shares(prevalence, categories)
    rows: list[dict[str, Any]] = []
    for n in sorted({max(subjects // 2, 4), subjects, subjects * 2}):
        how = {
            "subjects": n,
            "raters": raters,
            "kappa": kappa,
            "categories": categories,
            "prevalence": shares,
            "clips_per_patient": clips_per_patient,
            "truth_icc": 0.35 if clips_per_patient > 1 else 0.0,
            "rater_icc": rater_icc if clips_per_patient > 1 else 0.0,
        }
        rows += _simulated(how, kappa, shares, weights, studies, confidence, seed)
        if margin is not None:
            rows.append(_power(how, shares, weights, margin, studies, confidence, seed))
    return pd.DataFrame(rows)


def _coefficients(raters: int, weights: str) -> dict[str, tuple[Any, dict[str, Any], str]]:
    """Return name, function, options and which truth: kappa or AC1."""
    found: dict[str, tuple[Any, dict[str, Any], str]] = {}
    if raters == 2:
        found[f"Cohen's kappa, {weights}"] = (cohen_kappa, {"weights": weights}, "kappa")
    else:
        found[f"Light's kappa, {weights}"] = (light_kappa, {"weights": weights}, "kappa")
        found["Fleiss' kappa"] = (fleiss_kappa, {}, "kappa")
    found["Krippendorff's alpha, ordinal"] = (krippendorff_alpha, {"level": "ordinal"}, "kappa")
    found["Gwet's AC1"] = (gwet_ac, {}, "ac1")
    return found


def _simulated(
    how: dict[str, Any],
    kappa: float,
    shares: np.ndarray,
    weights: str,
    studies: int,
    confidence: float,
    seed: int,
) -> list[dict[str, Any]]:
    functions = _coefficients(how["raters"], weights)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in functions}
    for k in range(studies):
        ratings, clusters = _study(how, seed + k)
        for name, (function, options, _) in functions.items():
            record = function(
                ratings,
                categories=range(len(shares)),
                clusters=clusters,
                interval="jackknife",
                confidence=confidence,
                **options,
            )
            found[name].append((record.value, record.low, record.high))
    rows = []
    for name, (_, _, which) in functions.items():
        truth = kappa if which == "kappa" else true_ac1(kappa, shares)
        values = np.array(found[name])
        values = values[np.isfinite(values).all(axis=1)]
        value, low, high = values.T
        rows.append(
            {
                "subjects": how["subjects"],
                "patients": -(-how["subjects"] // how["clips_per_patient"]),
                "coefficient": name,
                "truth": truth,
                "mean": float(value.mean()) if len(values) else math.nan,
                "width": float((high - low).mean()) if len(values) else math.nan,
                "low": float(low.mean()) if len(values) else math.nan,
                "high": float(high.mean()) if len(values) else math.nan,
                "coverage": float(((low <= truth) & (truth <= high)).mean()) if len(values) else math.nan,
                "undefined": studies - len(values),
            }
        )
    return rows


def _study(how: dict[str, Any], seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Draw one study as an array, subjects by raters, with its patients."""
    table = synthetic_ratings(**how, seed=seed)
    ratings = table["rating"].to_numpy().reshape(how["subjects"], how["raters"])
    if how["clips_per_patient"] == 1:
        return ratings, None
    return ratings, np.arange(how["subjects"]) // how["clips_per_patient"]


def _power(
    how: dict[str, Any], shares: np.ndarray, weights: str, margin: float, studies: int, confidence: float, seed: int
) -> dict[str, Any]:
    """Power of non-inferiority when the model is exactly as good as the experts."""
    if how["raters"] < 2:
        raise InputError("non-inferiority needs two experts")
    shown, done = 0, 0
    for k in range(studies):
        ratings, clusters = _study({**how, "raters": how["raters"] + 1}, seed + 100_000 + k)
        record = non_inferiority(
            ratings,
            margin=margin,
            categories=range(len(shares)),
            weights=weights,
            clusters=clusters,
            interval="jackknife",
            confidence=confidence,
        )
        if math.isfinite(record.low):
            done += 1
            shown += bool(record.detail["non_inferior"])
    return {
        "subjects": how["subjects"],
        "patients": -(-how["subjects"] // how["clips_per_patient"]),
        "coefficient": f"power to show non-inferiority, margin {-abs(margin):g}",
        "truth": 0.0,
        "mean": shown / done if done else math.nan,
        "width": math.nan,
        "low": math.nan,
        "high": math.nan,
        "coverage": math.nan,
        "undefined": studies - done,
    }
