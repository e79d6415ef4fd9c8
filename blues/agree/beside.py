"""What the ratings of a cohort say, written into a run folder, where the report finds it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from blues.agree.cohorts import associations, expert_statement, retakes, rule_scores, rule_table, scale_of, side_by_side
from blues.agree.model import experts_of, model_agreement, read_predictions, taught_by
from blues.agree.record import Agreement, frame_of, of_item
from blues.agree.section import section
from blues.check import InputError
from blues.cohort import Cohort
from blues.features.arm_names import modalities
from blues.provenance import replacing, write_json
from blues.survive.section import CONTENTS, file_name

__all__ = ["beside", "write_beside"]

MOST_CLIPS = 5000
"""Above this the associations, with their mixed models, are left to ``python -m blues.agree``."""
_SHOWN = ("GRRAS checklist", "Ratings by rater", "Main results", "Every pair", "Raters with themselves")


def beside(cohort: Cohort, run: str | Path, *, draws: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Return what a report shows of a cohort's ratings, beside the predictions of a run.

    Parameters
    ----------
    cohort : Cohort
        With ratings; without any the result is empty.
    run : path
        A run folder: its task is held against the rules where it is binary; where experts rated what it predicts, its image
        arm is one more rater.
    draws, seed
        Of the bootstrap over patients.

    Returns
    -------
    dict of str to DataFrame, str or list of Agreement
        What the ratings allow; agreement between experts; rules against the reference test; associations; retakes; the
        model against the experts; as far as they apply. What cannot be computed is replaced by the reason.
    """
    if not len(cohort.ratings):
        return {}
    how: dict[str, Any] = {"draws": draws, "seed": seed}
    found: dict[str, Any] = {"What these ratings can answer": expert_statement(cohort)}
    if cohort.ratings["rater"].nunique() > 1:
        between = _between(cohort, how)
        checklist = {title: between.pop(title) for title in list(between) if title == _SHOWN[0]}
        found |= between
    else:
        checklist = {}
    predictions = read_predictions(run)
    for title, make in (
        ("Rules on the ratings", lambda: _rules(cohort, predictions.task)),
        ("Ratings and measurements", lambda: _associated(cohort) if len(cohort.clips) <= MOST_CLIPS else {}),
        ("Retakes", lambda: {"Retakes of the same point": again} if (again := retakes(cohort, **how)) else {}),
        ("The model as one more rater", lambda: _model(cohort, predictions, how)),
    ):
        try:
            found |= make()
        except InputError as error:
            found[title] = f"Not computed: {error}"
    # what the authors have to write comes after what was found
    return found | checklist


def _between(cohort: Cohort, how: Mapping[str, Any]) -> dict[str, Any]:
    """Return agreement between experts; the checklist once, matrices of the first item."""
    found: dict[str, Any] = {}
    for number, item in enumerate(cohort.ratings["item"].unique()):
        rows = cohort.ratings[cohort.ratings["item"] == item].rename(columns={"clip": "subject"})
        scale = scale_of(cohort, item)
        level = "continuous" if scale is None else None
        made = section(rows[["subject", "patient", "rater", "rating"]], categories=scale, level=level, **how)
        for title, result in made.items():
            if number == 0 and title.startswith("Matrix"):
                names = [f"{v:g}" if isinstance(v, float) else str(v) for v in result.index]
                index, columns = (pd.Index(names, name=axis.name) for axis in (result.index, result.columns))
                result = result.set_axis(index, axis=0).set_axis(columns, axis=1)
            if title in _SHOWN[1:] or (number == 0 and title.startswith("Matrix")):
                found[f"{item}: {title[0].lower()}{title[1:]}"] = result
            elif number == 0 and title in _SHOWN:
                found[title] = result
    return found


def _rules(cohort: Cohort, task: str) -> dict[str, Any]:
    spec = cohort.dictionary.targets.get(task)
    mine = spec is not None and spec.kind == "binary" and spec.level == "patient" and spec.rating is None
    target = task if mine else None
    rules = rule_table(cohort, target)
    name = rules["target"].iloc[0]
    label = cohort.dictionary.targets[name].label
    shown = rules[rules["unit"] == "patient"].drop(columns=["target", "item", "threshold", "unit", "patients"])
    if shown["rater"].nunique() == 1:
        shown = shown.drop(columns="rater")
    scores = rule_scores(cohort, target).drop(columns="target")
    why = (
        f"Simple rules on the ratings against {label}, as a description: each rule was fixed beforehand, and the best of "
        "them estimates nothing. Clips of one patient count as one cluster."
    )
    return {
        "About the rules": why,
        f"AUROC of the scores behind the rules, {label}": scores.rename(columns={"value": "AUROC"}),
        f"Rules by patient against {label}": shown.reset_index(drop=True),
    }


def _associated(cohort: Cohort) -> dict[str, Any]:
    table = associations(cohort)
    item = table["item"].iloc[0]
    shown = side_by_side(table).drop(columns=["item", "predictor"])
    return {f"{item} and measurements: clips as if independent, and by patient": shown}


def _model(cohort: Cohort, predictions: Any, how: Mapping[str, Any]) -> dict[str, Any]:
    """Return the agreement of the image arm with the experts, where the run predicts what they rated."""
    spec = cohort.dictionary.targets.get(predictions.task)
    if spec is None or spec.rating is None:
        return {}
    arms = list(predictions.values.columns)
    arm = next((a for a in arms if modalities(a) == ("image",)), arms[0])
    why = taught_by(cohort, predictions.task)
    made = model_agreement(experts_of(cohort, predictions.task), predictions, arm, **how)
    return {f"About the model, arm {arm}": why} | {f"{title}, arm {arm}": result for title, result in made.items()}


def write_beside(found: Mapping[str, Any], folder: str | Path) -> Path | None:
    """Write what :func:`beside` returns: one csv a frame, and ``contents.json`` with titles, order and sentences.

    Parameters
    ----------
    found : mapping
    folder : path
        For a report, ``agreement`` in the run folder. Nothing is written where nothing was found.
    """
    if not found:
        return None
    folder = Path(folder)
    contents: list[dict[str, str]] = []
    for number, (title, result) in enumerate(found.items(), 1):
        if isinstance(result, str):
            contents.append({"title": title, "text": result})
            continue
        records = [result] if isinstance(result, Agreement) else result if isinstance(result, list) else None
        frame = result
        if records is not None:
            told = of_item(title) + " ".join(r.sentence() for r in records[:3])
            contents.append({"title": f"{title}, in words", "text": told})
            frame = frame_of(records)
        frame = frame.dropna(axis=1, how="all")
        name = file_name(number, title)
        with replacing(folder / name) as draft:
            frame.to_csv(draft, index=not isinstance(frame.index, pd.RangeIndex), lineterminator="\n")
        across = {"across": str(frame.columns.name)} if frame.columns.name is not None else {}
        contents.append({"title": title, "file": name} | across)
    write_json(folder / CONTENTS, contents)
    return folder


def into_run(cohort: Cohort, run: Path, *, draws: int, seed: int) -> int:
    """Write a cohort's agreement into a run folder; what prevents it goes to standard error and costs nothing else."""
    try:
        write_beside(beside(cohort, run, draws=draws, seed=seed), run / "agreement")
    except InputError as error:
        print(f"Agreement with experts is not described: {error}", file=sys.stderr)
    return 0
