"""Which fusion should be the default? Simulated designs only: no cohort has a say in it.

    python benchmarks/fusion.py [--model forest] [--patients 63] [--seeds 20] [--kind binary]

A block of few columns ("blood": 12, four of which know the outcome) stands beside a wide one ("image": 110 columns mixed from
ten hidden factors, one of which knows the outcome), as hospital cohorts have them; the signal of either is none, some or
strong, and in one design both blocks are narrow. Each draw trains on that many patients and is scored on 2,000 others, so no
cross-validation blurs the picture. Compared are the ways of ``--fusion`` and one that the package does not have: early fusion
with the narrow block's columns repeated until the blocks are equally wide ("balanced").

The rule: the default is the fusion with the smallest worst-case regret in AUROC (mean absolute error for a continuous outcome).
Regret in a design is the mean score of the best way there less the way's own, one block alone included among the best: a fusion
that does worse than dropping a block has misled its user by that much.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
from functools import partial

import numpy as np
import pandas as pd

from blues import evaluate, models
from blues.fuse.crossval import inner_splits

TESTED = 2000
DESIGNS = {  # signal of the narrow block, of the wide one, columns of the wide one
    "narrow strong, wide none": (1.1, 0.0, 110),
    "narrow strong, wide some": (1.1, 1.2, 110),
    "narrow strong, wide strong": (1.1, 3.0, 110),
    "narrow some, wide some": (0.6, 1.2, 110),
    "narrow none, wide strong": (0.0, 3.0, 110),
    "narrow none, wide some": (0.0, 1.2, 110),
    "both narrow, second none": (1.1, 0.0, 12),
}
FACTORS, NARROW, KNOWING = 10, 12, 4


def draw(rows: int, rng: np.random.Generator, narrow: float, wide: float, columns: int, kind: str) -> tuple:
    """Return the wide block, the narrow block and the outcome."""
    hidden = np.tile([-0.5, 0.5], rows // 2 + 1)[:rows] if kind == "binary" else rng.normal(size=rows) / 2
    blood = rng.normal(size=(rows, NARROW))
    blood[:, :KNOWING] += narrow * hidden[:, None]
    factors = rng.normal(size=(rows, FACTORS))
    factors[:, 0] += wide * hidden
    fixed = np.random.default_rng(99)
    loads = fixed.normal(size=(FACTORS, columns))
    loads[0] *= fixed.random(columns) < 0.3
    image = factors @ loads + 2 * rng.normal(size=(rows, columns))
    y = (hidden > 0).astype(float) if kind == "binary" else hidden
    return image, blood, y


def scores(model: str, kind: str, train: tuple, test: tuple, seed: int) -> dict[str, float]:
    """Fit each way on the training patients and score it on the others; more is better."""
    (image, blood, y), (other_image, other_blood, truth) = train, test
    X, other = np.hstack([image, blood]), np.hstack([other_image, other_blood])
    wide, narrow = list(range(image.shape[1])), list(range(image.shape[1], X.shape[1]))
    inner = models.InnerFolds(np.arange(len(y)).astype(str), partial(inner_splits, seed=seed))
    shared = models.Shared()

    def scored(estimator, columns) -> float:
        p = models.predict(models.fit(estimator, X[:, columns], y, inner), other[:, columns], kind)
        return evaluate.auroc(truth, p).value if kind == "binary" else -float(np.mean(np.abs(truth - p)))

    def make():
        return models.make(model, kind, seed)

    blocks = {"image": wide, "blood": narrow}
    return {
        "blood alone": scored(make(), narrow),
        "image alone": scored(make(), wide),
        "early": scored(make(), wide + narrow),
        "balanced": scored(make(), wide + narrow * max(1, round(len(wide) / len(narrow)))),
        "late": scored(models.LateFusion(make(), blocks, kind, "mean", shared), wide + narrow),
        "stack": scored(models.LateFusion(make(), blocks, kind, "stack", shared), wide + narrow),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="forest")
    parser.add_argument("--patients", type=int, default=63)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--kind", choices=("binary", "continuous"), default="binary")
    given = parser.parse_args()
    means, errors = {}, {}
    for name, (narrow, wide, columns) in DESIGNS.items():
        found = []
        for seed in range(given.seeds):
            rng = np.random.default_rng([seed, given.patients])
            drawn = [draw(rows, rng, narrow, wide, columns, given.kind) for rows in (given.patients, TESTED)]
            found.append(scores(given.model, given.kind, drawn[0], drawn[1], seed))
        table = pd.DataFrame(found)
        means[name], errors[name] = table.mean(), table.std(ddof=1) / len(table) ** 0.5
    mean = pd.DataFrame(means).T
    what = "AUROC" if given.kind == "binary" else "minus the mean absolute error"
    print(f"{given.model}, {given.patients} patients, {given.seeds} draws, {what} on {TESTED} others")
    print(mean.round(3).to_string())
    print(f"largest Monte-Carlo error of a mean: {pd.DataFrame(errors).max().max():.3f}")
    regret = mean.rsub(mean.max(axis=1), axis=0).max().drop(["blood alone", "image alone"])
    print("worst-case regret: " + ", ".join(f"{name} {value:.3f}" for name, value in regret.sort_values().items()))


if __name__ == "__main__":
    main()
