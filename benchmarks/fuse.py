"""The default experiment against the bare scikit-learn loop that does the same fits.

    python benchmarks/fuse.py [FOLDER] [--model forest] [--repeats 20]

Both run in this process, one after the other, on one thread. FOLDER is a cohort (default: the synthetic one). Target: at most
1.15 times the bare loop, scores, intervals and comparisons included.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import dataclasses
import time

import numpy as np

from blues import evaluate, models
from blues.fuse import Experiment, prepare, run


def bare_loop(design, experiment) -> int:
    """Fit and predict every arm on every fold with scikit-learn alone; return the number of fits."""
    y = design.y.to_numpy()
    blocks = {name: block.to_numpy(dtype=float) for name, block in design.blocks.items()}
    fits = 0
    for _, _, train, test in evaluate.patient_folds(
        design.y, design.patients, experiment.folds, experiment.repeats, experiment.seed, kind=design.kind
    ):
        for arm in design.arms:
            X = np.hstack([blocks[name] for name in arm])
            for name in experiment.model:
                model = models.make(name, design.kind, seed=fits)
                models.predict(model.fit(X[train], y[train]), X[test], design.kind)
                fits += 1
    return fits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", nargs="?", default="synthetic")
    parser.add_argument("--task", default="pcr")
    parser.add_argument("--model", nargs="+", default=["forest"])
    parser.add_argument("--repeats", type=int, default=20)
    given = parser.parse_args()
    experiment = Experiment(
        cohort=given.cohort,
        task=given.task,
        model=tuple(given.model),
        repeats=given.repeats,
        null=0,
        explain=("none",),
        jobs=1,
    )
    _, design = prepare(experiment)
    design = dataclasses.replace(design, singles={})  # the bare loop has no rules and no prevalence arm
    run(design, dataclasses.replace(experiment, repeats=1, draws=100))  # warm up imports and JIT
    start = time.process_time()
    fits = bare_loop(design, experiment)
    bare = time.process_time() - start
    start = time.process_time()
    run(design, experiment)
    whole = time.process_time() - start
    print(
        f"{fits} fits: bare loop {bare:.1f} s of CPU, blues.fuse {whole:.1f} s, ratio {whole / bare:.3f} (target at most 1.15)"
    )
    print(f"share of the run outside fit and predict: {max(0.0, 1 - bare / whole):.1%} (target under 25 %)")


if __name__ == "__main__":
    main()
