"""How often the answer's headline says "adds less than the margin", on simulated cohorts: ``python benchmarks/margin.py``.

60 patients, two blood tests and three image features, stacked logistic models, 2 x 5 folds, reference and margin (0.05 in
AUROC) named in advance. What images are worth is known: by a logistic regression on all columns less one on blood, learned
from 25,000 patients and scored on as many others. "By one interval" is what the interval for the fitted models alone would say.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import warnings

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from blues import evaluate, report
from blues.features import Design
from blues.fuse import Experiment, run
from blues.report.facts import Facts

MARGIN = 0.05
SCENES = {"nothing": (1.3, 0.0), "about the margin": (1.3, 1.04), "twice the margin": (0.78, 1.3)}


def cohort(scene: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return blood (n, 2), images (n, 3) and outcome (n,): each knows a cause of its own, seen through noise."""
    by_blood, by_images = SCENES[scene]
    one, other = rng.normal(size=n), rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(-(by_blood * one + by_images * other)))).astype(float)
    blood = np.column_stack([one + 0.5 * rng.normal(size=n), rng.normal(size=n)])
    return blood, np.column_stack([other + 0.8 * rng.normal(size=n), rng.normal(size=(n, 2))]), y


def worth(scene: str) -> float:
    """Return what images add to blood in a large cohort, in AUROC."""
    blood, images, y = cohort(scene, 50_000, np.random.default_rng(99))
    half, scores = len(y) // 2, []
    for X in (np.hstack([blood, images]), blood):
        p = LogisticRegression().fit(X[:half], y[:half]).predict_proba(X[half:])[:, 1]
        scores.append(evaluate.auroc(y[half:], p).value)
    return scores[0] - scores[1]


def design(scene: str, n: int, seed: int) -> Design:
    """Lay one simulated cohort out."""
    blood, images, y = cohort(scene, n, np.random.default_rng(seed))
    ids = pd.Index([f"p{k}" for k in range(n)], name="patient")
    blocks = {
        "image": pd.DataFrame(images, ids, columns=["a", "b", "c"]),
        "blood": pd.DataFrame(blood, ids, columns=["CRP", "LDH"]),
    }
    return Design(
        task="simulated",
        kind="binary",
        level="patient",
        label="simulated",
        y=pd.Series(y, ids, name="simulated"),
        patients=pd.Series(ids, ids, name="patient"),
        blocks=blocks,
        refused=pd.DataFrame(columns=["column", "role", "known", "reason"]),
        dropped=pd.DataFrame(columns=["row", "patient", "reason"]),
    )


def main() -> None:
    """Print one line a scene."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=60)
    parser.add_argument("--patients", type=int, default=60)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    experiment = Experiment(
        modalities=("image", "blood"),
        reference="blood",
        margin=MARGIN,
        model=("logistic",),
        repeats=2,
        draws=200,
        jobs=1,
        null=0,
        explain=("none",),
    )
    print(
        "| images are worth | true gain | says less than the margin | would by one interval | left out in half the folds |"
    )
    print("|---|---|---|---|---|")
    for scene in SCENES:
        said = alone = out = 0
        for seed in range(given.cohorts):
            found = run(design(scene, given.patients, seed), experiment)
            facts, headline = Facts(found), report.summarize(found)["answer"]["headline"]
            gain = facts.headline
            said += "adds less than" in headline
            alone += gain is not None and gain.low <= 0 <= gain.high < MARGIN
            out += "left it out" in headline
        shares = " | ".join(f"{count / given.cohorts:.2f}" for count in (said, alone, out))
        print(f"| {scene} | {worth(scene):.3f} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
