"""What metrics are called where people read of them, which way is better, and by which one arms are ranked."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["METRICS", "Metric", "lower_is_better", "main_metric", "metric"]


class Metric(NamedTuple):
    """How a metric is named, and whether more of it is better (1), less (-1) or neither (0)."""

    label: str
    better: int


METRICS = {
    "auroc": Metric("AUROC", 1),
    "auroc_bootstrap": Metric("AUROC, interval by bootstrap", 1),
    "auroc_within_fold": Metric("AUROC, ranked within folds", 1),
    "auroc_fold_mean": Metric("AUROC, mean over folds", 1),
    "auroc_mean_prediction": Metric("AUROC of averaged predictions", 1),
    "auprc": Metric("average precision", 1),
    "accuracy": Metric("accuracy", 1),
    "balanced_accuracy": Metric("balanced accuracy", 1),
    "sensitivity": Metric("sensitivity", 1),
    "specificity": Metric("specificity", 1),
    "brier": Metric("Brier score", -1),
    "prevalence": Metric("prevalence", 0),
    "quadratic_kappa": Metric("quadratic-weighted kappa", 1),
    "within_one": Metric("within one grade", 1),
    "rps": Metric("ranked probability score", -1),
    "mae": Metric("mean absolute error", -1),
    "rmse": Metric("root mean squared error", -1),
    "r2": Metric("R²", 1),
    "spearman": Metric("Spearman correlation", 1),
    "uno_c": Metric("Uno's C", 1),
    "harrell_c": Metric("Harrell's C", 1),
    "harrell_c_within": Metric("Harrell's C, pairs of one fold", 1),
    "integrated_brier": Metric("integrated Brier score", -1),
    "scaled_brier": Metric("scaled Brier score", 1),
}


def metric(name: str) -> Metric:
    """Return what is known of a metric; an unknown one keeps its name.

    Examples
    --------
    >>> metric("auroc").label, metric("my_score").label, metric("net_benefit@0.2").label
    ('AUROC', 'my score', 'net benefit at a threshold of 20%')
    >>> metric("auc_5"), metric("brier_2.5").label
    (Metric(label='AUC at day 5', better=1), 'Brier score at day 2.5')
    """
    of_time = re.fullmatch(r"(auc|brier)_([0-9.]+)", name)
    if of_time is not None:
        known = Metric("AUC", 1) if of_time[1] == "auc" else METRICS["brier"]
        return known._replace(label=f"{known.label} at day {of_time[2]}")
    head, at, threshold = name.partition("@")
    known = METRICS.get(head, Metric(head.replace("_", " "), 1 if head == "net_benefit" else 0))
    return known._replace(label=f"{known.label} at a threshold of {float(threshold):.0%}") if at else known


def lower_is_better(name: str) -> bool:
    """Return whether less of a metric is better.

    Examples
    --------
    >>> lower_is_better("brier_2.5"), lower_is_better("scaled_brier"), lower_is_better("auroc")
    (True, False, False)
    """
    return metric(name).better < 0


def main_metric(kind: str) -> tuple[str, bool]:
    """Return the metric by which arms are ranked and whether more of it is better.

    Examples
    --------
    >>> main_metric("binary"), main_metric("ordinal"), main_metric("time")
    (('auroc', True), ('mae', False), ('uno_c', True))
    """
    main = {"binary": "auroc", "ordinal": "mae", "continuous": "mae", "time": "uno_c"}[kind]
    return main, not lower_is_better(main)
