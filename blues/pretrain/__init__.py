"""Trains the network behind ``blues-lus`` from simulated lung ultrasound, and from a labelled cohort where one is named.

``python -m blues.pretrain --out FOLDER --minutes 90`` writes ``weights.safetensors``, its card, a log and curves; a run that
was stopped goes on when it is started again.
"""

from blues.pretrain.command import Options, main, train
from blues.pretrain.train import Budget, Trainer

__all__ = ["Budget", "Options", "Trainer", "main", "train"]
