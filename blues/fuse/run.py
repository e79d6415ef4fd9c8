"""From a design to a run: folds, predictions, scores, comparisons, null, and what a reader must be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from blues import evaluate, provenance
from blues.evaluate.outoffold import METRICS
from blues.evaluate.tables import LOWER_IS_BETTER
from blues.features import Design, suspicious
from blues.fuse.crossval import Arm, arms_of, out_of_fold
from blues.fuse.experiment import Experiment
from blues.fuse.record import Run

__all__ = ["main_metric", "run"]

FEW_EVENTS = 10
"""Fewer events than this and no claim is made about an arm (rule 5 of the design)."""


def main_metric(kind: str) -> tuple[str, bool]:
    """Return the metric by which arms are ranked and whether more of it is better."""
    return {"binary": ("auroc", True), "ordinal": ("mae", False), "continuous": ("mae", False)}[kind]


def run(
    design: Design, experiment: Experiment, *, cohort_card: Mapping[str, Any] | None = None, progress: bool = False
) -> Run:
    """Run one experiment on a design.

    Parameters
    ----------
    design : Design
        From :func:`blues.features.design`. Its blocks decide the arms: each modality alone and every combination.
    experiment : Experiment
        Models, folds, seed, draws. Its ``cohort``, ``task``, ``modalities``, ``encoder`` and pooling describe how the design
        was made and are recorded as given.
    cohort_card : mapping, optional
        From :func:`blues.cohort.card`, for the report.
    progress : bool
        Show progress on standard error.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        When a class has fewer patients than there are folds.
    """
    arms = arms_of(design, experiment.rivals(), calibrate=experiment.calibrate, threshold=experiment.threshold)
    folds = evaluate.patient_folds(
        design.y, design.patients, experiment.folds, experiment.repeats, experiment.seed, kind=design.kind
    )
    predictions, choices = out_of_fold(
        design, arms, folds, seed=experiment.seed, jobs=experiment.jobs, progress=progress
    )
    by_arm = {str(arm): part for arm, part in predictions.groupby("arm", sort=False)}
    scores = _scores(by_arm, design, experiment)
    comparisons = _comparisons(by_arm, arms, scores, design, experiment)
    null = _null(design, arms, experiment, progress)
    return Run(
        experiment=experiment,
        predictions=predictions,
        scores=scores,
        comparisons=_with_null(comparisons, scores, null),
        refused=design.refused,
        null=null,
        choices=choices,
        cohort=dict(cohort_card or {}),
        design=_design_facts(design, by_arm),
        notes=tuple(_notes(design, by_arm)),
        provenance=provenance.record(seed=experiment.seed, **dict(design.facts)),
    )


def _settings(design: Design, experiment: Experiment) -> dict[str, Any]:
    """Return the arguments that both tables of :mod:`blues.evaluate` take."""
    settings: dict[str, Any] = {"kind": design.kind, "draws": experiment.draws, "seed": experiment.seed}
    if design.kind == "binary":
        settings["threshold"] = "threshold"
    if design.kind == "ordinal":
        settings["categories"] = list(design.categories)
    return settings


def _scores(by_arm: Mapping[str, pd.DataFrame], design: Design, experiment: Experiment) -> pd.DataFrame:
    tables = []
    for arm, part in by_arm.items():
        table = evaluate.score_table(part, **_settings(design, experiment))
        table.insert(0, "arm", arm)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _best_without_images(arms: Sequence[Arm], scores: pd.DataFrame, kind: str) -> str | None:
    metric, more_is_better = main_metric(kind)
    values = scores[scores["metric"] == metric].set_index("arm")["value"]
    without = [arm.name for arm in arms if "image" not in arm.modalities and arm.name in values.index]
    if not without:
        return None
    ranked = values[without]
    return str(ranked.idxmax() if more_is_better else ranked.idxmin())


def _comparisons(
    by_arm: Mapping[str, pd.DataFrame],
    arms: Sequence[Arm],
    scores: pd.DataFrame,
    design: Design,
    experiment: Experiment,
) -> pd.DataFrame:
    """Compare each arm with images with the best arm without, on the patients that both predict."""
    reference = _best_without_images(arms, scores, design.kind)
    tables = []
    for arm in arms:
        if reference is None or "image" not in arm.modalities or arm.name not in by_arm:
            continue
        table = evaluate.compare_table(by_arm[arm.name], by_arm[reference], **_settings(design, experiment))
        table.insert(0, "arm", arm.name)
        table.insert(1, "reference", reference)
        tables.append(table)
    if not tables:
        return pd.DataFrame(
            columns=["arm", "reference", "metric", "difference", "low", "high", "p_value", "test", "question"]
        )
    return _holm(pd.concat(tables, ignore_index=True))


def _holm(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Add ``p_holm``: within one metric and test, over the arms compared."""
    comparisons["p_holm"] = np.nan
    for _, rows in comparisons.dropna(subset=["p_value"]).groupby(["metric", "test"]):
        comparisons.loc[rows.index, "p_holm"] = evaluate.holm(rows["p_value"].to_numpy())
    return comparisons


def _null(design: Design, arms: Sequence[Arm], experiment: Experiment, progress: bool) -> pd.DataFrame:
    """Repeat the whole pipeline, one repeat of folds each, with the outcome shuffled among patients."""
    rows: list[dict[str, Any]] = []
    metric, _ = main_metric(design.kind)
    for number in tqdm(range(experiment.null), desc="null", disable=None if progress else True, leave=False):
        rng = np.random.default_rng([experiment.seed, 7919, number])
        shuffled = design.with_outcome(_shuffled_outcome(design, rng))
        seed = int(rng.integers(2**31))
        folds = evaluate.patient_folds(shuffled.y, shuffled.patients, experiment.folds, 1, seed, kind=design.kind)
        predictions, _ = out_of_fold(shuffled, arms, folds, seed=seed, jobs=experiment.jobs)
        for arm, part in predictions.groupby("arm", sort=False):
            value = evaluate.point_score(part, metric, design.kind, categories=design.categories or None)
            rows.append({"arm": arm, "metric": metric, "permutation": number, "value": value})
    return pd.DataFrame(rows, columns=["arm", "metric", "permutation", "value"])


def _point_score(part: pd.DataFrame, metric: str, design: Design) -> float:
    table = evaluate.out_of_fold(part, design.kind, categories=design.categories or None)
    return float(METRICS[design.kind][metric](table, np.ones((1, len(table.y))))[0])


def _shuffled_outcome(design: Design, rng: np.random.Generator) -> np.ndarray:
    """Give each patient the outcomes of another, so that what a patient's clips share stays shared."""
    groups = [np.flatnonzero(design.patients.to_numpy() == patient) for patient in design.patients.unique()]
    y = design.y.to_numpy()
    shuffled = np.empty_like(y)
    for rows, donor in zip(groups, rng.permutation(len(groups)), strict=True):
        shuffled[rows] = np.resize(rng.permutation(y[groups[donor]]), len(rows))
    return shuffled


def _with_null(comparisons: pd.DataFrame, scores: pd.DataFrame, null: pd.DataFrame) -> pd.DataFrame:
    """Add one row an arm: its score against the label-permutation null, p = (1 + as good) / (1 + permutations)."""
    rows = []
    for (arm, metric), drawn in null.groupby(["arm", "metric"], sort=False):
        value = float(scores.loc[(scores["arm"] == arm) & (scores["metric"] == metric), "value"].iloc[0])
        good = drawn["value"] <= value if metric in LOWER_IS_BETTER else drawn["value"] >= value
        rows.append(
            {
                "arm": arm,
                "reference": "shuffled outcome",
                "metric": metric,
                "difference": value - drawn["value"].mean(),
                "p_value": (1 + good.sum()) / (1 + len(drawn)),
                "test": f"label permutation ({len(drawn)})",
                "question": "Could the whole pipeline reach this score if the outcome were unrelated to every feature?",
            }
        )
    return pd.concat([comparisons, pd.DataFrame(rows)], ignore_index=True) if rows else comparisons


def _design_facts(design: Design, by_arm: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    per_patient = design.y.groupby(design.patients.to_numpy()).max()
    return {
        "task": design.task,
        "kind": design.kind,
        "level": design.level,
        "label": design.label,
        "moment": design.moment,
        "cohort": design.cohort,
        "rows": len(design.y),
        "patients": int(design.patients.nunique()),
        "events": int(per_patient.sum()) if design.kind == "binary" else None,
        "modalities": {name: [str(c) for c in block.columns] for name, block in design.blocks.items()},
        "patients_with": {name: int(design.patients[design.has(name)].nunique()) for name in design.blocks},
        "patients_by_arm": {arm: int(part["patient"].nunique()) for arm, part in by_arm.items()},
        "dropped": design.dropped.to_dict("records"),
    }


def _notes(design: Design, by_arm: Mapping[str, pd.DataFrame]) -> list[dict[str, str]]:
    """Say what limits the numbers: few events, suspicious columns, patients an arm could not use, unread clips."""
    notes: list[dict[str, str]] = []

    def tell(level: str, text: str) -> None:
        notes.append({"level": level, "text": text})

    if design.kind == "binary":
        outcome = design.y.groupby(design.patients.to_numpy()).max()
        fewer = int(min(outcome.sum(), len(outcome) - outcome.sum()))
        columns = sum(block.shape[1] for block in design.blocks.values())
        if fewer < FEW_EVENTS:
            tell("warning", f"Only {fewer} patients are in the smaller class: no claim can be made about any arm.")
        tell(
            "note",
            f"{fewer} patients in the smaller class for {columns} candidate features: {fewer / columns:.2f} events a feature.",
        )
    for leak in suspicious(design).itertuples():
        tell(
            "warning",
            f"{leak.modality} column {leak.column!r} alone ({leak.what}) has AUROC {leak.auroc:.3f} over {leak.rows} rows: "
            "check that it is known before the outcome and is not the outcome itself.",
        )
    patients = int(design.patients.nunique())
    for arm, part in by_arm.items():
        if (used := part["patient"].nunique()) < patients:
            tell("note", f"Arm {arm} could use {used} of {patients} patients; the others have none of its modalities.")
    if len(design.dropped):
        tell("note", f"{len(design.dropped)} rows were left out because {design.task} is not known for them.")
    if "unknown" in design.facts.get("encoder", {}).get("saw", []):
        tell(
            "warning", "The encoder's weights came without a card: nobody can say that they have not seen this cohort."
        )
    if unread := design.facts.get("quarantined"):
        tell(
            "warning",
            f"{len(unread)} clips could not be read and were left out: " + ", ".join(c["clip"] for c in unread[:10]),
        )
    return notes
