"""How often intervals hold the truth, and tests find what is not there, in simulated studies with few events or patients.

    python benchmarks/coverage.py [--studies 1000]

Every study is drawn anew from a model whose true value is known; nominal coverage is .95. The kinds of interval stand side
by side, on the same studies.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri

from blues import agree, evaluate, survive

Ends = tuple[float, float]


def auroc(studies: int, events: int, others: int, area: float) -> dict[str, float]:
    """Return the coverage of the AUROC's two intervals: normal scores so far apart as the area says."""
    y, apart = np.repeat([0, 1], [others, events]), np.sqrt(2) * ndtri(area)
    held = dict.fromkeys(("auroc", "auroc_bootstrap"), 0)
    for seed in range(studies):
        score = y * apart + np.random.default_rng(seed).normal(size=len(y))
        frame = pd.DataFrame({"patient": np.arange(len(y)).astype(str), "repeat": 0, "fold": 0, "y": y})
        table = evaluate.score_table(frame.assign(p=1 / (1 + np.exp(-score))), draws=400, seed=seed).set_index("metric")
        for name in held:
            held[name] += table.loc[name, "low"] <= area <= table.loc[name, "high"]
    return {name: float(count / studies) for name, count in held.items()}


def difference(studies: int, events: int, others: int) -> dict[str, float]:
    """Return the coverage of the paired difference of two AUROCs, .80 and .85, of scores that go together by .8."""
    y, areas = np.repeat([0, 1], [others, events]), (0.80, 0.85)
    apart = [np.sqrt(2) * ndtri(area) for area in areas]
    held = dict.fromkeys(("paired patient bootstrap", "DeLong"), 0)
    for seed in range(studies):
        first, own = np.random.default_rng(seed).normal(size=(2, len(y)))
        scores = [y * apart[0] + first, y * apart[1] + 0.8 * first + 0.6 * own]
        frame = pd.DataFrame({"patient": np.arange(len(y)).astype(str), "repeat": 0, "fold": 0, "y": y})
        a, b = (frame.assign(p=1 / (1 + np.exp(-score))) for score in scores)
        table = evaluate.compare_table(b, a, draws=400, seed=seed, thresholds=())
        table = table[table["metric"] == "auroc"].set_index("test")
        for name in held:
            held[name] += table.loc[name, "low"] <= areas[1] - areas[0] <= table.loc[name, "high"]
    return {name: float(count / studies) for name, count in held.items()}


def moving(studies: int, patients: int, centre: float) -> dict[str, float]:
    """Return the coverage of scores that move with the share of events, patients drawn freely (default) or within classes.

    Probabilities that are right, of normal log-odds with standard deviation 1; the net benefit is that at .05.
    """
    cut = 0.05
    p = expit(centre + np.random.default_rng(0).normal(size=1_000_000))
    gain = np.where(p >= cut, p - (1 - p) * cut / (1 - cut), 0.0)
    truth = {"net_benefit": gain.mean(), "brier": np.mean(p * (1 - p)), "accuracy": np.mean(np.maximum(p, 1 - p))}
    held = {f"{name}{kind}": 0 for name in truth for kind in ("", ", within classes")}
    for seed in range(studies):
        rng = np.random.default_rng(seed)
        p = expit(centre + rng.normal(size=patients))
        y = (rng.random(patients) < p).astype(int)
        while not 2 <= y.sum() <= patients - 2:
            y = (rng.random(patients) < p).astype(int)
        frame = pd.DataFrame({"patient": np.arange(patients).astype(str), "repeat": 0, "fold": 0, "y": y, "p": p})
        table = evaluate.score_table(frame, draws=400, seed=seed).set_index("metric")
        band = evaluate.net_benefit(y, p, [cut], draws=400, seed=seed).iloc[0]
        ends = {"net_benefit": band, "brier": table.loc["brier"], "accuracy": table.loc["accuracy"]}
        rows = np.column_stack(
            [np.where(p >= cut, np.where(y == 1, 1, -cut / (1 - cut)), 0), (p - y) ** 2, (p >= 0.5) == y]
        )
        fixed = evaluate.weighted_bootstrap(lambda w, rows=rows: w @ rows / w.sum(1)[:, None], y, 400, seed)
        for (name, value), within in zip(truth.items(), fixed, strict=True):
            held[name] += ends[name]["low"] <= value <= ends[name]["high"]
            held[f"{name}, within classes"] += within.low <= value <= within.high
    return {name: float(count / studies) for name, count in held.items()}


def limits(studies: int, patients: int) -> dict[str, float]:
    """Return the coverage of the upper limit of agreement: two readers, three clips a patient, bias varies between patients."""
    truth, owner = 1.959963984540054 * np.sqrt(0.3 + 2 * 0.25), np.repeat(np.arange(patients), 3)

    def study(rng: np.random.Generator) -> np.ndarray:
        level, bias = rng.normal(size=patients)[owner], np.sqrt(0.3) * rng.normal(size=patients)[owner]
        noise = 0.5 * rng.normal(size=(2, len(owner)))
        return np.column_stack([level + bias + noise[0], level + noise[1]])

    def upper(table: np.ndarray, **how: object) -> Ends:
        low, high = agree.bland_altman(table, clusters=owner, draws=400, **how).detail["limits_ci"][1]
        return low, high

    return _kinds(studies, study, upper, truth, {"jackknife (default)": {}, "bootstrap": {"interval": "bootstrap"}})


def icc(studies: int, raters: int) -> dict[str, float]:
    """Return the coverage of ICC(2,1): 30 patients of three clips, variances 1 (subjects), .49 (raters), .25 (residual)."""
    owner = np.repeat(np.arange(30), 3)

    def study(rng: np.random.Generator) -> np.ndarray:
        truth = np.sqrt(0.5) * (rng.normal(size=30)[owner] + rng.normal(size=90))
        return truth[:, None] + 0.7 * rng.normal(size=raters) + 0.5 * rng.normal(size=(90, raters))

    def ends(table: np.ndarray, **how: object) -> Ends:
        found = agree.icc(table, clusters=owner, draws=400, **how)
        return found.low, found.high

    kinds = {"raters a sample (default)": {}, "patients drawn alone": {"interval": "bootstrap"}}
    return _kinds(studies, study, ends, 1 / 1.74, kinds)


def incomplete_icc(studies: int, raters: int) -> dict[str, float]:
    """Return the coverage of ICC(2,1) of 30 subjects, variances 1, .49 and .25, of whose ratings a tenth is missing."""

    def study(rng: np.random.Generator) -> np.ndarray:
        table = rng.normal(size=(30, 1)) + 0.7 * rng.normal(size=raters) + 0.5 * rng.normal(size=(30, raters))
        return np.where(rng.random(table.shape) < 0.1, np.nan, table)

    def ends(table: np.ndarray, **how: object) -> Ends:
        found = agree.icc(table, missing="model", draws=400, **how)
        return found.low, found.high

    kinds = {"raters a sample (default)": {}, "subjects drawn alone": {"interval": "bootstrap"}}
    return _kinds(studies, study, ends, 1 / 1.74, kinds)


def means(studies: int, patients: int) -> float:
    """Return how often restricted means of two groups of exponential times differ at .05 where they do not."""
    found = 0
    for seed in range(studies):
        time = np.random.default_rng(seed).exponential(10, 2 * patients)
        groups = np.repeat(["a", "b"], patients)
        test = survive.restricted_mean(np.minimum(time, 30), (time <= 30).astype(int), groups=groups, tau=10)
        found += test.differences["p_value"].item() < 0.05
    return found / studies


def associations(studies: int, patients: int, exposed: int = 0) -> dict[str, float]:
    """Return how often clips' regressions find a predictor of nothing at .05: six clips a patient, half the variance theirs.

    The predictor is a patient's: lognormal, or had by ``exposed`` patients alone.
    """
    owner = np.repeat(np.arange(patients), 6)
    kinds = {"cluster-robust": 0, "GEE": 0, "bias-reduced": 0}
    for seed in range(studies):
        rng = np.random.default_rng(seed)
        x = (np.arange(patients) < exposed) * 1.0 if exposed else np.exp(rng.normal(size=patients))
        y = np.sqrt(0.5) * (rng.normal(size=patients)[owner] + rng.normal(size=len(owner)))
        rows = survive.clustered_association(y, x[owner], owner, "continuous")
        for kind in kinds:
            kinds[kind] += int(rows.loc[rows["method"].str.contains(kind), "p_value"].item() < 0.05)
    return {kind: found / studies for kind, found in kinds.items()}


def stays(studies: int) -> dict[str, float]:
    """Return how often out-of-fold scores of stays find something in noise: 50 patients, 2 x 5 folds, two arms."""
    found = dict.fromkeys(("interval of Uno's C without 0.5", "paired p below .05"), 0)
    for seed in range(studies):
        rng = np.random.default_rng(seed)
        ids = np.array([str(i) for i in range(50)])
        ends = pd.DataFrame({"time": rng.exponential(8, 50), "event": (rng.random(50) < 0.9).astype(int)}, index=ids)
        blocks = {
            "image": pd.DataFrame(rng.normal(size=(50, 20)), ids),
            "clinical": pd.DataFrame(rng.normal(size=(50, 5)), ids),
        }
        folds = evaluate.patient_folds(ends["time"], ids, 5, 2, seed, kind="continuous")
        made = survive.out_of_fold_risk(
            blocks,
            ends,
            [(ids[f.train], ids[f.test]) for f in folds],
            arms=["image", "clinical"],
            pairs=[("image", "clinical")],
        )
        score = made.scores[(made.scores["arm"] == "image") & (made.scores["metric"] == "uno_c")].iloc[0]
        pair = made.comparisons[made.comparisons["metric"] == "uno_c"].iloc[0]
        found["interval of Uno's C without 0.5"] += not score["low"] <= 0.5 <= score["high"]
        found["paired p below .05"] += pair["p_value"] < 0.05
    return {name: float(count / studies) for name, count in found.items()}


def _kinds(
    studies: int,
    study: Callable[[np.random.Generator], np.ndarray],
    ends: Callable[..., Ends],
    truth: float,
    kinds: dict[str, dict[str, str]],
) -> dict[str, float]:
    held = dict.fromkeys(kinds, 0)
    for seed in range(studies):
        table = study(np.random.default_rng(seed))
        for name, how in kinds.items():
            low, high = ends(table, seed=seed, **how)
            held[name] += low <= truth <= high
    return {name: float(count / studies) for name, count in held.items()}


def main() -> None:
    """Print the coverages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000)
    studies = parser.parse_args().studies
    for events, others in ((5, 55), (11, 49), (30, 33)):
        print(f"AUROC of .80, {events} with and {others} without the event:", auroc(studies, events, others, 0.8))
        print("  difference of two such, .80 and .85:", difference(studies, events, others))
    for patients, centre in ((60, 0.0), (60, -1.5), (200, -1.5)):
        print(f"scores of {patients} patients, mean log-odds {centre:g}:", moving(studies, patients, centre))
    for patients in (15, 30):
        print(f"upper limit of agreement, {patients} patients of three clips:", limits(studies, patients))
    for raters in (2, 3, 5):
        print(f"ICC(2,1), 30 patients of three clips, {raters} raters:", icc(studies, raters))
        print("  30 subjects, a tenth of the ratings missing:", incomplete_icc(studies, raters))
    for patients in (8, 15, 30):
        print(
            f"restricted means, {patients} patients a group, p below .05 without a difference:",
            means(studies, patients),
        )
    for patients, exposed in ((28, 0), (60, 0), (25, 2)):
        predictor = f"{exposed} exposed" if exposed else "lognormal"
        print(
            f"regressions of clips of {patients} patients, {predictor}, p below .05 without an association:",
            associations(studies, patients, exposed),
        )
    print("out-of-fold scores of stays on noise:", stays(max(1, studies // 4)))


if __name__ == "__main__":
    main()
