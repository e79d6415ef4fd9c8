"""Speed of blues.evaluate, each ratio measured side by side in this run: ``python benchmarks/evaluate.py``.

One thread. Times are the best of a few, in milliseconds; on a shared machine ratios vary by tens of percent.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from blues import evaluate
from blues.evaluate.placements import delong_variance


def best(function: Callable[[], object], times: int = 5) -> float:
    """Return the shortest of several runs, in milliseconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return 1e3 * min(taken)


def scored(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an outcome with 40 % positives and a score without ties that separates it a little."""
    rng = np.random.default_rng(n)
    y = (rng.random(n) < 0.4).astype(int)
    return y, rng.normal(y, 1.0)


def quadratic_delong(y: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """Return AUROC and DeLong variance from the matrix of all pairs."""
    x, z = score[y == 1], score[y == 0]
    wins = (x[:, None] > z) + 0.5 * (x[:, None] == z)
    return float(wins.mean()), float(wins.mean(1).var(ddof=1) / len(x) + wins.mean(0).var(ddof=1) / len(z))


def out_of_fold(patients: int, repeats: int, seed: int) -> pd.DataFrame:
    """Return made-up out-of-fold predictions."""
    y = np.random.default_rng(0).permutation(np.arange(patients) < 0.52 * patients).astype(int)
    rng = np.random.default_rng(seed)
    own, parts = rng.normal(size=patients), []
    for split in evaluate.patient_folds(y, range(patients), 5, repeats):
        logit = 2 * y[split.test] - 1 + own[split.test] + rng.normal(0, 0.3, len(split.test))
        cells = {"patient": split.test.astype(str), "repeat": split.repeat, "fold": split.fold}
        parts.append(pd.DataFrame({**cells, "y": y[split.test], "p": 1 / (1 + np.exp(-logit))}))
    return pd.concat(parts, ignore_index=True)


def delong_lines() -> list[tuple[str, float, str, float, str]]:
    lines = []
    y, score = scored(10_000)
    np.testing.assert_allclose(delong_variance(y, score), quadratic_delong(y, score), rtol=1e-9)
    own, other = best(lambda: delong_variance(y, score), 20), best(lambda: quadratic_delong(y, score), 2)
    lines.append(("DeLong variance, n = 1e4", own, "matrix of pairs", other, "at least 10x faster"))
    y, score = scored(1_000_000)
    own, other = best(lambda: delong_variance(y, score), 3), best(lambda: np.argsort(score), 3)
    lines.append(("DeLong variance, n = 1e6", own, "np.argsort alone", other, "at most 6x slower"))
    lines.append(("", own, "roc_auc_score alone", best(lambda: roc_auc_score(y, score), 2), ""))
    return lines


def bootstrap_lines() -> list[tuple[str, float, str, float, str]]:
    y, score = scored(10_000)
    rng = np.random.default_rng(0)
    classes = [np.flatnonzero(y == label) for label in (0, 1)]

    def one() -> float:
        rows = np.concatenate([rng.choice(members, len(members)) for members in classes])
        return float(roc_auc_score(y[rows], score[rows]))

    loop = 100 * best(lambda: [one() for _ in range(20)], 2)
    own = best(lambda: evaluate.bootstrap_auroc(y, score, draws=2000), 2)
    patients = np.arange(10_000) // 2
    members = np.arange(10_000).reshape(5000, 2)

    def clustered() -> float:
        rows = members[rng.integers(0, 5000, 5000)].ravel()
        return float(roc_auc_score(y[rows], score[rows]))

    by_patient = 100 * best(lambda: [clustered() for _ in range(20)], 2)
    several = best(lambda: evaluate.bootstrap_auroc(y, score, patients, draws=2000), 2)
    name = "loop over roc_auc_score (2000 from 20 measured)"
    return [
        ("2000 bootstraps of AUROC, n = 1e4", own, name, loop, "at least 20x faster"),
        ("the same, two rows a patient", several, name, by_patient, "at least 20x faster"),
    ]


def table_lines() -> list[tuple[str, float, str, float, str]]:
    a, b = out_of_fold(63, 20, 1), out_of_fold(63, 20, 2)
    y, p = a["y"].to_numpy(), a["p"].to_numpy()
    small = [group.index.to_numpy() for _, group in a.groupby("repeat")]
    loop = 2000 / 5 * best(lambda: [roc_auc_score(y[rows], p[rows]) for _ in range(5) for rows in small], 2)
    name = "loop over roc_auc_score, AUROC only (2000 from 5 measured)"
    return [
        ("score_table, 63 patients x 20 repeats, 2000 draws", best(lambda: evaluate.score_table(a), 3), name, loop, ""),
        ("compare_table, the same", best(lambda: evaluate.compare_table(a, b), 3), name, 2 * loop, ""),
    ]


def main() -> int:
    print(f"{'':52}{'ms':>10}   compared with")
    missed = 0
    for name, own, other_name, other, target in [*delong_lines(), *bootstrap_lines(), *table_lines()]:
        ratio = other / own
        met = ratio >= 10 if "10x" in target else ratio >= 20 if "20x" in target else ratio >= 1 / 6 if target else True
        missed += not met
        note = f"   target {target}: {'met' if met else 'MISSED'}" if target else ""
        print(f"{name:52}{own:10.2f}   {other_name} {other:.1f} ms, ratio {ratio:.2f}{note}")
    return int(missed > 0)


if __name__ == "__main__":
    with threadpool_limits(1):
        sys.exit(main())
