"""The default experiment against the bare scikit-learn loop that does the same fits.

    python benchmarks/fuse.py [FOLDER] [--model forest] [--fusion stack] [--repeats 20]

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
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from blues import evaluate, models
from blues.fuse import Experiment, prepare, run


def bare_loop(design, experiment) -> int:
    """Fit and predict what the experiment does on every fold, with scikit-learn alone; return the number of fits."""
    y = design.y.to_numpy()
    blocks = {name: block.to_numpy(dtype=float) for name, block in design.blocks.items()}
    fits = 0
    for repeat, fold, train, test in evaluate.patient_folds(
        design.y, design.patients, experiment.folds, experiment.repeats, experiment.seed, kind=design.kind
    ):
        seed = 1000 * repeat + fold

        def fitted(name, X, rows, asked, seed=seed):
            model = models.make(name, design.kind, seed=seed).fit(X[rows], y[rows])
            return models.predict(model, X[asked], design.kind)

        for name in experiment.model:
            for arm in design.arms if experiment.fusion == "early" else design.arms[: len(blocks)]:
                fitted(name, np.hstack([blocks[block] for block in arm]), train, test)
                fits += 1
            if experiment.fusion != "early":
                fits += _stacks(
                    blocks, design, y, train, test, lambda X, rows, asked, name=name: fitted(name, X, rows, asked)
                )
    return fits


def _stacks(blocks, design, y, train, test, fitted) -> int:
    """Fit each modality once, predict it on five inner folds, and stack every combination; return the number of fits."""
    inner = [(train[a], train[b]) for a, b in StratifiedKFold(5, shuffle=True, random_state=0).split(train, y[train])]
    outer, held_out = {}, {}
    for name, X in blocks.items():
        outer[name], held_out[name] = fitted(X, train, test), np.empty(len(y))
        for some, rest in inner:
            held_out[name][rest] = fitted(X, some, rest)
    combined = design.arms[len(blocks) :]
    for arm in combined:
        inputs = [np.column_stack([p[name] for name in arm]) for p in (held_out, outer)]
        inputs = [logit(np.clip(part, 0.01, 0.99)) for part in inputs]
        LogisticRegression().fit(inputs[0][train], y[train]).predict_proba(inputs[1])
    return len(blocks) * (1 + len(inner)) + len(combined)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", nargs="?", default="synthetic")
    parser.add_argument("--task", default="pcr")
    parser.add_argument("--model", nargs="+", default=["forest"])
    parser.add_argument("--fusion", choices=("stack", "early"), default="stack")
    parser.add_argument("--repeats", type=int, default=20)
    given = parser.parse_args()
    experiment = Experiment(
        cohort=given.cohort,
        task=given.task,
        model=tuple(given.model),
        fusion=given.fusion,
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
