"""Out-of-fold risk of each modality arm, and how well it tells the length of stay.

Every arm is fitted on the same training patients of the same folds; whatever learns learns there. Scores are counted by
patient, with jackknife intervals over patients, and differences between arms are paired.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import pandas as pd

from blues.check import InputError, columns_exist, finite
from blues.survive.brier import brier_values, integrate, null_predictions, one_minus_ratio
from blues.survive.concordance import auc_values, harrell_values, uno_values
from blues.survive.inputs import Observed, observed, risk_table
from blues.survive.penalised import PenalisedCox, penalised_cox
from blues.survive.regression import EVENTS_PER_PARAMETER
from blues.survive.weighting import difference, jackknife_estimate, leave_out

__all__ = ["OutOfFold", "out_of_fold_risk"]

_PLAIN = ("scaled_brier",)


@dataclass(frozen=True)
class OutOfFold:
    """Risks that each patient got from models that had not seen the patient, and their scores.

    Attributes
    ----------
    predictions : DataFrame
        ``patient``, ``arm``, ``repeat``, ``fold``, ``time``, ``event``, ``risk`` (linear predictor), and one column
        ``free_T`` a time T: predicted probability of no event by T.
    scores : DataFrame
        ``arm``, ``metric``, ``value``, ``low``, ``high``, ``se``, ``reason``. Metrics: ``harrell_c``,
        ``harrell_c_within`` (pairs of one fold only), ``uno_c``, ``auc_T``, ``brier_T``, ``integrated_brier``,
        ``scaled_brier`` (1 - integrated / that of the Aalen-Johansen curve of all patients).
    comparisons : DataFrame
        ``arm``, ``reference``, ``metric``, ``difference`` (arm minus reference), ``low``, ``high``, ``p_value``,
        ``reason``.
    notes : tuple of str
        Events per arm, what folds reported.
    tau : float
        Horizon of Uno's C.
    times : tuple of float
    """

    predictions: pd.DataFrame
    scores: pd.DataFrame
    comparisons: pd.DataFrame
    notes: tuple[str, ...]
    tau: float
    times: tuple[float, ...]


def _all_arms(blocks: Mapping[str, pd.DataFrame]) -> list[str]:
    names = list(blocks)
    return ["+".join(c) for k in range(1, len(names) + 1) for c in itertools.combinations(names, k)]


def _checked_folds(
    folds: Iterable[tuple[Sequence[Any], Sequence[Any]]], patients: pd.Index
) -> list[tuple[int, int, list[str], list[str]]]:
    """Return (repeat, fold, train, test); a repeat ends when a patient would be tested again."""
    found: list[tuple[int, int, list[str], list[str]]] = []
    repeat, seen = 0, set[str]()
    for train, test in folds:
        train, test = [str(p) for p in train], [str(p) for p in test]
        both = set(train) & set(test)
        if both:
            raise InputError(f"patient {sorted(both)[0]!r} is in the training and the test set of one fold")
        unknown = (set(train) | set(test)) - set(patients)
        if unknown:
            raise InputError(f"a fold names patient {sorted(unknown)[0]!r}, who has no endpoint")
        if not train or not test:
            raise InputError("a fold has no training or no test patient")
        if seen & set(test):
            repeat, seen = repeat + 1, set()
        found.append((repeat, sum(r == repeat for r, *_ in found), train, test))
        seen |= set(test)
    if not found:
        raise InputError("no fold was given")
    for r in range(repeat + 1):
        tested = [p for s, _, _, test in found if s == r for p in test]
        if set(tested) != set(patients):
            missing = sorted(set(patients) - set(tested))
            raise InputError(f"repeat {r} tests {len(tested)} of {len(patients)} patients; {missing[0]!r} is missing")
    return found


def _free_of_event(model: PenalisedCox, train: Observed, risk: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return each patient's probability of no event of cause 1 by each time, shape (n, q).

    Other causes act through their Nelson-Aalen hazard, the same for all: they are too few to model.
    """
    table = risk_table(Observed(train.time, np.where(train.event == 2, 1, 0), train.entry), np.array([1]))
    other = table.hazard[:, 0]
    own = np.zeros(len(table.time))
    own[np.searchsorted(table.time, model.baseline["time"])] = np.diff(model.baseline["cumulative_hazard"], prepend=0.0)
    increments = np.exp(risk)[:, None] * own
    if not other.any():
        free = np.exp(-np.cumsum(increments, axis=1))
    else:
        stay = np.exp(-np.cumsum(increments + other, axis=1))
        before = np.column_stack([np.ones(len(risk)), stay[:, :-1]])
        total = increments + other
        share = np.divide(increments, total, out=np.zeros_like(total), where=total > 0)
        free = 1 - np.cumsum((before - stay) * share, axis=1)
    place = np.searchsorted(table.time, times, side="right")
    return np.clip(np.column_stack([np.ones(len(risk)), free])[:, place], 0.0, 1.0)


def _metrics(
    data: Observed,
    risk: np.ndarray,
    free: np.ndarray,
    fold: np.ndarray,
    times: np.ndarray,
    tau: float,
    weights: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return every score for each weighting."""
    brier = brier_values(data, free, times, weights, True)
    null = brier_values(data, null_predictions(data, weights, times)[:, None, :], times, weights, True)
    total, total_null = integrate(brier, times), integrate(null, times)
    found = {
        "harrell_c": harrell_values(data, risk, weights, None),
        "harrell_c_within": harrell_values(data, risk, weights, fold),
        "uno_c": uno_values(data, risk, weights, tau, True),
    }
    for t in times:
        found[f"auc_{t:g}"] = auc_values(data, risk, t, weights, True)
    for j, t in enumerate(times):
        found[f"brier_{t:g}"] = brier[:, j]
    return {**found, "integrated_brier": total, "scaled_brier": one_minus_ratio(total, total_null)}


def _default_times(data: Observed) -> np.ndarray:
    """Return the quartiles of the times of the events."""
    return np.unique(np.quantile(data.time[data.event == 1], [0.25, 0.5, 0.75], method="inverted_cdf"))


def _default_pairs(arms: Sequence[str]) -> list[tuple[str, str]]:
    """Return each arm with images beside the same arm without; failing that each arm beside the first."""
    pairs = []
    for arm in arms:
        rest = "+".join(p for p in arm.split("+") if p != "image")
        if rest and rest != arm and rest in arms:
            pairs.append((arm, rest))
    return pairs or [(arm, arms[0]) for arm in arms[1:]]


def _settings(data: Observed, times: Any, tau: float | None) -> tuple[np.ndarray, float]:
    wanted = _default_times(data) if times is None else np.unique(finite(times, "times").ravel())
    if wanted[0] < 0 or wanted[-1] > data.time.max():
        raise InputError("times reach beyond what was watched", allowed=f"0 to {data.time.max():g}")
    if tau is None:
        return wanted, math.inf
    if not tau > 0:
        raise InputError("tau must be a positive time", value=tau)
    return wanted, float(tau)


def out_of_fold_risk(
    blocks: Mapping[str, pd.DataFrame],
    endpoints: Any,
    folds: Iterable[tuple[Sequence[Any], Sequence[Any]]],
    *,
    arms: Sequence[str] | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    times: Any = None,
    tau: float | None = None,
    penalty: float | None = None,
    components: int | None = None,
    level: float = 0.95,
    seed: int = 0,
    scores: bool = True,
    jobs: int = 1,
) -> OutOfFold:
    """Predict each patient's risk from models that have not seen the patient, one arm a combination of modalities.

    In every fold a ridge Cox model (:func:`blues.survive.penalised_cox`) is fitted to the training patients: medians,
    scales, principal components and the penalty are learned there. With competing events (code 2) it is the
    cause-specific model of code 1, and predicted probabilities are cumulative incidences.

    Parameters
    ----------
    blocks : mapping of str to DataFrame
        One a modality, indexed by patient. NaN for missing.
    endpoints : Endpoints or DataFrame
        Indexed by patient, columns ``time`` and ``event`` (0 censored, 1 the event, 2 competing). Patients without a
        time are left out and named in ``notes``.
    folds : iterable of (train, test)
        Patient ids. Tests cover the patients once a repeat; several repeats may follow each other.
    arms : sequence of str, optional
        Block names joined by ``+``; all combinations by default.
    pairs : sequence of (arm, reference), optional
        What to compare; by default each arm with ``image`` to the same arm without.
    times : array-like, optional
        For AUC and Brier score; by default the quartiles of the event times.
    tau : float, optional
        Horizon of Uno's C.
    penalty, components, seed
        As in :func:`blues.survive.penalised_cox`.
    level : float
    scores : bool
        False leaves the tables of scores and comparisons empty and gives the predictions alone.
    jobs : int
        Worker processes, over the arms; does not change a number.

    Returns
    -------
    OutOfFold
        With repeats, a score is the mean of the repeats' scores, and the jackknife is that of this mean.

    Raises
    ------
    InputError
        Folds that overlap, miss or repeat patients; arms or blocks that do not exist; no events.
    """
    frame = endpoints if isinstance(endpoints, pd.DataFrame) else endpoints.frame
    columns_exist(["time", "event"], frame.columns, "endpoints")
    frame = frame.set_axis(frame.index.astype(str))
    lacking = frame.index[frame[["time", "event"]].isna().any(axis=1)]
    frame = frame.drop(index=lacking)
    notes = [f"left out, no time or event: {', '.join(lacking)}"] if len(lacking) else []
    dropped = set(lacking)
    splits = [
        ([p for p in map(str, train) if p not in dropped], [p for p in map(str, test) if p not in dropped])
        for train, test in folds
    ]
    checked = _checked_folds(splits, frame.index)
    arms = _all_arms(blocks) if arms is None else list(arms)
    tables = _tables(blocks, arms, frame.index)
    data = observed(frame["time"].to_numpy(), frame["event"].to_numpy(), several=True)
    data = Observed(data.time, np.where(data.event > 1, 2, data.event), data.entry)
    if not (data.event == 1).any():
        raise InputError(
            "no patient has the event, of a stay discharge alive (code 1), so there is nothing to predict",
            remedy="Look at what says that a stay ended by death or had not ended (died_in_hospital, still_in_hospital)",
        )
    wanted, horizon = _settings(data, times, tau)
    settings = (data, frame.index, checked, wanted, penalty, components, seed)
    calls = [(arm, {name: tables[name] for name in arm.split("+")}) for arm in arms]
    with joblib.parallel_config(backend="loky" if jobs > 1 else "sequential", n_jobs=jobs):
        found = joblib.Parallel()(joblib.delayed(_predict_arm)(arm, chosen, *settings) for arm, chosen in calls)
    predictions = pd.concat([part for part, _ in found], ignore_index=True)
    notes += [note for _, said in found for note in said]
    values = _score_arms(predictions, arms, data, frame.index, wanted, horizon) if scores else {}
    chosen_pairs = _default_pairs(arms) if pairs is None else list(pairs)
    chosen_pairs = chosen_pairs if scores else []
    return OutOfFold(
        predictions,
        _score_table(values, level),
        _comparison_table(values, chosen_pairs, level),
        tuple(dict.fromkeys(notes)),
        horizon,
        tuple(float(t) for t in wanted),
    )


def _tables(blocks: Mapping[str, pd.DataFrame], arms: Sequence[str], patients: pd.Index) -> dict[str, pd.DataFrame]:
    """Return each block's rows in the order of the patients."""
    tables = {}
    for name in dict.fromkeys(part for arm in arms for part in arm.split("+")):
        if name not in blocks:
            raise InputError(f"an arm names the block {name!r}, which is not given", allowed=list(blocks))
        table = blocks[name].set_axis(blocks[name].index.astype(str))
        missing = patients.difference(table.index)
        if len(missing):
            raise InputError(
                f"block {name!r} has no row for patient {missing[0]!r} ({len(missing)} are missing)",
                remedy="Give a row of NaN, so that the fold imputes it",
            )
        tables[name] = table.loc[patients]
    return tables


def _predict_arm(
    arm: str,
    tables: Mapping[str, pd.DataFrame],
    data: Observed,
    patients: pd.Index,
    folds: list[tuple[int, int, list[str], list[str]]],
    times: np.ndarray,
    penalty: float | None,
    components: int | None,
    seed: int,
) -> tuple[pd.DataFrame, list[str]]:
    """Fit one arm in every fold; return its out-of-fold predictions and notes."""
    pieces, notes, effective = [], [], []
    for repeat, fold, train, test in folds:
        rows, held = patients.get_indexer(train), patients.get_indexer(test)
        part = data.subset(rows)
        if not (part.event == 1).any():
            raise InputError(
                f"no training patient of fold {fold} of repeat {repeat} has the event (code 1; of a stay discharge alive)",
                remedy="Take fewer folds or another seed; with so few events no arm can be judged",
            )
        inside = {name: table.iloc[rows] for name, table in tables.items()}
        outside = {name: table.iloc[held] for name, table in tables.items()}
        rng = np.random.default_rng([seed, repeat, fold])
        model = penalised_cox(
            part.time, part.event == 1, inside, penalty=penalty, components=components, seed=rng, baseline_alone=True
        )
        risk = model.risk(outside)
        effective.append(model.effective_parameters)
        notes += [f"{arm}: {note}" for note in model.notes if "left out" in note or "converge" in note]
        piece = pd.DataFrame({"patient": test, "arm": arm, "repeat": repeat, "fold": fold})
        piece["time"], piece["event"], piece["risk"] = data.time[held], data.event[held], risk
        free = _free_of_event(model, part, risk, times)
        pieces.append(piece.assign(**{f"free_{t:g}": free[:, j] for j, t in enumerate(times)}))
    events = int((data.event == 1).sum())
    mean = float(np.mean(effective))
    text = (
        f"{arm}: {events} events, {mean:.1f} effective parameters on average, {events / max(mean, 0.1):.1f} events each"
    )
    notes.append(text + (f"; fewer than {EVENTS_PER_PARAMETER}" if events < EVENTS_PER_PARAMETER * mean else ""))
    return pd.concat(pieces, ignore_index=True), notes


def _score_arms(
    predictions: pd.DataFrame, arms: Sequence[str], data: Observed, patients: pd.Index, times: np.ndarray, tau: float
) -> dict[str, dict[str, np.ndarray]]:
    """Return for each arm each metric's values under the jackknife weightings, averaged over repeats."""
    weights = leave_out(data)
    columns = [f"free_{t:g}" for t in times]
    found: dict[str, dict[str, np.ndarray]] = {}
    for arm in arms:
        repeats = []
        for _, part in predictions[predictions["arm"] == arm].groupby("repeat", observed=True):
            part = part.set_index("patient").loc[patients]
            repeats.append(
                _metrics(
                    data,
                    part["risk"].to_numpy(),
                    part[columns].to_numpy(),
                    part["fold"].to_numpy(),
                    times,
                    tau,
                    weights,
                )
            )
        found[arm] = {metric: np.mean([r[metric] for r in repeats], axis=0) for metric in repeats[0]}
    return found


def _score_table(values: Mapping[str, Mapping[str, np.ndarray]], level: float) -> pd.DataFrame:
    rows = []
    for arm, metrics in values.items():
        for metric, of_weights in metrics.items():
            scale = "plain" if metric in _PLAIN else "logit"
            e = jackknife_estimate(of_weights, level=level, scale=scale, what=metric)
            rows.append([arm, metric, e.value, e.low, e.high, e.se, e.detail.get("reason", "")])
    return pd.DataFrame(rows, columns=["arm", "metric", "value", "low", "high", "se", "reason"])


def _comparison_table(
    values: Mapping[str, Mapping[str, np.ndarray]], pairs: Sequence[tuple[str, str]], level: float
) -> pd.DataFrame:
    rows = []
    for arm, reference in pairs:
        for name in (arm, reference):
            if name not in values:
                raise InputError(f"a comparison names the arm {name!r}", allowed=list(values))
        for metric in values[arm]:
            test = difference(values[arm][metric], values[reference][metric], level=level)
            reason = test.detail.get("reason", "")
            rows.append([arm, reference, metric, test.estimate, test.low, test.high, test.p_value, reason])
    columns = ["arm", "reference", "metric", "difference", "low", "high", "p_value", "reason"]
    return pd.DataFrame(rows, columns=columns)
