"""A small synthetic cohort, and the settings of an experiment that takes seconds."""

from blues import datasets

QUICK = {
    "model": ("plain-logistic",),
    "repeats": 1,
    "folds": 3,
    "draws": 100,
    "null": 0,
    "explain": ("none",),
    "jobs": 1,
}


def cohort(tmp_path_factory, patients):
    """Draw a cohort in a folder of its own."""
    return datasets.synthetic(tmp_path_factory.mktemp("made") / "cohort", patients=patients, frames=8, size=64, seed=5)
