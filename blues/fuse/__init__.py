"""One experiment: every arm on identical patient folds, everything that learns inside the fold.

``python -m blues.fuse`` runs the demo; ``python -m blues.fuse FOLDER --task pcr`` a cohort. From Python, :func:`run` on a
:class:`blues.features.Design` gives the same numbers.
"""

from blues.fuse.arms import Arm, arms_of
from blues.fuse.command import main, prepare
from blues.fuse.crossval import out_of_fold
from blues.fuse.experiment import Experiment
from blues.fuse.finetune import tuning
from blues.fuse.record import Run
from blues.fuse.run import run
from blues.fuse.subgroups import groups_of
from blues.fuse.transfer import transfer

__all__ = [
    "Arm",
    "Experiment",
    "Run",
    "arms_of",
    "groups_of",
    "main",
    "out_of_fold",
    "prepare",
    "run",
    "transfer",
    "tuning",
]
