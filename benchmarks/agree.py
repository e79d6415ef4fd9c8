"""Speed of agreement statistics against the packages that have them: ratios within one run, one thread.

Run ``python benchmarks/agree.py``; it exits 1 when a promise is broken. ``krippendorff`` and ``pingouin`` are compared where
they are installed (extra ``test-oracle``).
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import importlib
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from blues import agree

SCALE = [0, 1, 2, 3]


def best(function: Callable[[], object], repeats: int) -> float:
    """Return the least milliseconds of some runs."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return 1e3 * min(times)


def ratings(n: int, raters: int, missing: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, n)
    table = np.where(rng.random((n, raters)) < 0.7, truth[:, None], rng.integers(0, 4, (n, raters))).astype(float)
    table[rng.random(table.shape) < missing] = np.nan
    return table


def line(what: str, own: float, other: float, promised: float) -> bool:
    kept = other / own >= promised
    print(
        f"{what:62s} {own:9.2f} ms {other:10.1f} ms {other / own:8.0f}x  promised {promised:.0f}x {'' if kept else 'BROKEN'}"
    )
    return kept


def kappa_bootstrap() -> bool:
    table, patients = ratings(10_000, 2), np.arange(10_000) // 6
    own = best(lambda: agree.cohen_kappa(table, categories=SCALE, weights="quadratic", clusters=patients), 7)
    few = 20
    loop = best(lambda: [cohen_kappa_score(*table.T, weights="quadratic", labels=SCALE) for _ in range(few)], 3)
    return line("quadratic kappa, 2000 patient-bootstrap draws, 10 000 clips", own, loop * 2000 / few, 40)


def alpha() -> bool:
    other = importlib.import_module("krippendorff")
    table = ratings(100_000, 3, missing=0.1)
    own = best(lambda: agree.krippendorff_alpha(table, level="ordinal", categories=SCALE, draws=0), 15)
    theirs = best(lambda: other.alpha(table.T, level_of_measurement="ordinal"), 7)
    whole = best(lambda: agree.krippendorff_alpha(table, level="ordinal", categories=SCALE), 5)
    kept = line("ordinal alpha, 3 raters, 10% missing, 100 000 subjects", own, theirs, 10)
    print(f"{'  the same with 2000 bootstrap draws (the package has none)':62s} {whole:9.2f} ms")
    return kept


def iccs() -> bool:
    other = importlib.import_module("pingouin")
    kept = True
    for n in (1_000, 10_000):
        rng = np.random.default_rng(0)
        table = rng.normal(size=(n, 1)) + rng.normal(size=(n, 3))
        long = pd.DataFrame(table).reset_index().melt("index")
        own = best(lambda table=table: agree.iccs(table), 15)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = best(lambda long=long: other.intraclass_corr(long, "index", "variable", "value"), 5)
        kept &= line(f"six ICCs with intervals, 3 raters, {n} subjects", own, theirs, 10)
    return kept


def memory() -> bool:
    """Print the peak over the size of the ratings: the same at ten times the size."""
    shares = []
    for n in (100_000, 1_000_000):
        table = ratings(n, 3, missing=0.1)
        tracemalloc.start()
        agree.krippendorff_alpha(table, level="ordinal", categories=SCALE, clusters=np.arange(n) // 6, draws=200)
        shares.append(tracemalloc.get_traced_memory()[1] / table.nbytes)
        tracemalloc.stop()
    kept = shares[1] < 1.5 * shares[0]
    print(
        f"peak memory over the ratings': {shares[0]:.1f} at 1e5 subjects, {shares[1]:.1f} at 1e6 {'' if kept else 'BROKEN'}"
    )
    return kept


def main() -> int:
    print(f"{'':62s} {'blues':>12s} {'other':>13s} {'ratio':>9s}")
    kept = [kappa_bootstrap()]
    for name, function in (("krippendorff", alpha), ("pingouin", iccs)):
        try:
            kept.append(function())
        except ModuleNotFoundError:
            print(f"{name} is not installed: not compared (pip install -e '.[test-oracle]')")
    kept.append(memory())
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
