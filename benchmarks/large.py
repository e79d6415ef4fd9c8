"""Memory and time of early fusion on a simulated cohort of 20,000 patients with 120,000 clips of 256 numbers.

    python benchmarks/large.py [--patients 20000] [--clips 6] [--dimensions 256] [--draws 2000]

Draws embeddings (one row a clip), pools them to patients, adds 13 blood tests, and runs the three arms of image and blood with
XGBoost on 5 patient folds, scores, intervals and comparisons included, in this process on one thread. Target: peak resident
memory under 4 GB.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import resource
import time

import numpy as np
import pandas as pd

from blues import pool
from blues.embed import Embeddings
from blues.features import Design
from blues.fuse import Experiment, run

POINTS = ("R1", "R2", "R3", "L1", "L2", "L3")


def simulated(patients: int, clips: int, dimensions: int, seed: int = 0) -> Design:
    """Draw a design: outcome from a hidden illness that one image number and two blood tests know a little of."""
    rng = np.random.default_rng(seed)
    ids = np.array([str(i) for i in range(1, patients + 1)], dtype=object)
    hidden = rng.normal(size=patients).astype(np.float32)
    owner = np.repeat(np.arange(patients), clips)
    values = rng.normal(size=(patients * clips, dimensions)).astype(np.float32)
    values[:, 0] += hidden[owner]
    table = pd.DataFrame(
        {
            "clip": [f"{ids[o]}_{k}" for o, k in zip(owner, np.tile(np.arange(clips), patients), strict=True)],
            "patient": ids[owner],
            "point": np.tile(np.resize(POINTS, clips), patients),
            "take": 1 + np.tile(np.arange(clips) // len(POINTS), patients),
            "first": np.arange(patients * clips),
            "frames": 1,
            "total": 1,
            "problems": "",
        }
    )
    nothing = pd.DataFrame(columns=["clip", "patient", "path", "reason"])
    embeddings = Embeddings(table, values, tuple(f"f{i}" for i in range(dimensions)), {"name": "simulated"}, nothing)
    index = pd.Index(ids, name="patient")
    blood = rng.normal(size=(patients, 13))
    blood[:, :2] += hidden[:, None]
    blood[rng.random(blood.shape) < 0.1] = np.nan
    return Design(
        task="event",
        kind="binary",
        level="patient",
        label="event",
        y=pd.Series((hidden + rng.normal(size=patients) > 0).astype(float), index, name="event"),
        patients=pd.Series(ids, index, name="patient"),
        blocks={
            "image": pool.patients(embeddings).loc[ids],
            "blood": pd.DataFrame(blood, index, columns=[f"b{i}" for i in range(13)]),
        },
        refused=pd.DataFrame(columns=["column", "role", "known", "reason"]),
        dropped=pd.DataFrame(columns=["row", "patient", "reason"]),
        cohort="simulated",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--draws", type=int, default=2000)
    given = parser.parse_args()
    start = time.perf_counter()
    design = simulated(given.patients, given.clips, given.dimensions)
    drawn = time.perf_counter()
    experiment = Experiment(
        modalities=("image", "blood"),
        model=("xgboost",),
        fusion="early",
        repeats=1,
        null=0,
        explain=("none",),
        draws=given.draws,
        jobs=1,
    )
    found = run(design, experiment)
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    auroc = found.scores[found.scores["metric"] == "auroc"]
    print(auroc[["arm", "value", "low", "high"]].round(4).to_string(index=False))
    print(f"{given.patients} patients, {given.patients * given.clips} clips of {given.dimensions} numbers")
    print(f"drawn and pooled in {drawn - start:.1f} s; 5-fold early fusion, 3 arms, {done - drawn:.1f} s")
    print(f"peak resident memory {peak:.2f} GB (target under 4)")


if __name__ == "__main__":
    main()
