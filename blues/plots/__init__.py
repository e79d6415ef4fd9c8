"""One function a figure: frame in, matplotlib ``Figure`` out.

Nothing here computes a statistic; the frames come from ``evaluate``, ``survive``, ``explain``, ``agree`` and ``report``.
No figure is registered anywhere (no pyplot), none holds state, and :func:`svg` and :func:`save` write the same bytes for
the same data. Colours are safe for colour-blind readers; line styles and markers carry the difference too.

Examples
--------
>>> import pandas as pd
>>> from blues import plots
>>> figure = plots.roc(pd.DataFrame({"arm": "blood", "fpr": [0, 0.1, 1], "tpr": [0, 0.9, 1]}))
>>> plots.svg(figure, title="ROC curve").startswith("<svg")
True
"""

from blues.plots.arms import arms_forest, importance, learning_curve, null_histogram, repeats
from blues.plots.curves import (
    calibration,
    change,
    decision_curve,
    observed_predicted,
    precision_recall,
    risk_distribution,
    roc,
)
from blues.plots.people import cumulative_incidence, flow, missingness, survival
from blues.plots.raters import agreement_matrix, bland_altman, pairs_forest
from blues.plots.single import chest, waterfall
from blues.plots.style import DARK, LIGHT, SERIES, plain, save, svg

__all__ = [
    "DARK",
    "LIGHT",
    "SERIES",
    "agreement_matrix",
    "arms_forest",
    "bland_altman",
    "calibration",
    "change",
    "chest",
    "cumulative_incidence",
    "decision_curve",
    "flow",
    "importance",
    "learning_curve",
    "missingness",
    "null_histogram",
    "observed_predicted",
    "pairs_forest",
    "plain",
    "precision_recall",
    "repeats",
    "risk_distribution",
    "roc",
    "save",
    "survival",
    "svg",
    "waterfall",
]
