"""Designs made in memory, for tests of the experiment."""

import numpy as np
import pandas as pd

from blues.features import Design

QUICK = {"model": ("logistic",), "folds": 4, "repeats": 2, "draws": 100, "jobs": 1, "null": 0, "explain": ("none",)}


def make_design(patients=40, signal=1.5, seed=0, kind="binary", clips=1, **changes):
    """Make a design: blood knows the hidden illness that sets the outcome, images do not; ``clips`` rows a patient."""
    rng = np.random.default_rng(seed)
    owners = np.repeat([str(i) for i in range(1, patients + 1)], clips)
    ids = (
        [f"{p}_{k}" for p, k in zip(owners, np.tile(np.arange(clips), patients), strict=True)] if clips > 1 else owners
    )
    index = pd.Index(ids, name="clip" if clips > 1 else "patient")
    hidden = rng.normal(size=patients)
    own = np.repeat(hidden, clips) + (0.3 * rng.normal(size=len(index)) if clips > 1 else 0)
    y = {
        "binary": (np.repeat(hidden, clips) > np.median(hidden)).astype(float),
        "continuous": own,
        "ordinal": np.digitize(own, [-0.7, 0, 0.7]) * 1.0,
    }[kind]
    image = pd.DataFrame(rng.normal(size=(len(index), 3)), index, columns=["a", "b", "c"])
    crp = signal * hidden + rng.normal(size=patients)
    blood = pd.DataFrame({"CRP": np.repeat(crp, clips), "LDH": np.repeat(rng.normal(size=patients), clips)}, index)
    values = {
        "task": "made",
        "kind": kind,
        "level": "clip" if clips > 1 else "patient",
        "label": "made",
        "y": pd.Series(y, index, name="made"),
        "patients": pd.Series(owners, index, name="patient"),
        "blocks": {"image": image, "blood": blood},
        "scale": (0.0, 1.0, 2.0, 3.0) if kind == "ordinal" else (),
        "refused": pd.DataFrame(columns=["column", "role", "known", "reason"]),
        "dropped": pd.DataFrame(columns=["row", "patient", "reason"]),
        "cohort": "made",
    }
    return Design(**(values | changes))
