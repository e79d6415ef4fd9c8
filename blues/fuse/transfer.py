"""Fit on one cohort, evaluate once on another: variables are matched by the two dictionaries, and units must be the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blues import check
from blues.cohort import Cohort
from blues.features import TABULAR, Design
from blues.features.arm_names import is_baseline
from blues.fuse.experiment import Experiment
from blues.fuse.matching import check_outcome, codes_apart, doubts, far_apart, matched_columns, points_apart
from blues.fuse.overlap import overlap
from blues.fuse.record import Run
from blues.fuse.run import groups_given, run_folds
from blues.fuse.settled import settled
from blues.fuse.stayexamine import no_transfer
from blues.fuse.subgroups import subgroups

__all__ = ["joined", "transfer"]

TRAIN = "train/"
"""Before the ids of training patients and clips, which may be the same as ids of the test cohort."""
TOLD = 5
"""Columns of which is said why they are not shared, where none is."""


def transfer(
    train: tuple[Cohort, Design],
    test: tuple[Cohort, Design],
    experiment: Experiment,
    *,
    cohort_card: Mapping[str, Any] | None = None,
    groups: Mapping[str, pd.Series] | None = None,
    progress: bool = False,
) -> Run:
    """Fit every arm on one cohort and predict the patients of another, once.

    Parameters
    ----------
    train, test : (Cohort, Design)
        The two cohorts, each with its design of the same task and modalities.
    experiment : Experiment
        Its folds and repeats are not used; choices, calibration and thresholds are made on inner folds of the training cohort.
    cohort_card : mapping, optional
        Of the test cohort.
    groups : mapping of str to Series, optional
        Of the test cohort, from :func:`blues.fuse.groups_of`, which an experiment with ``subgroups`` needs.
    progress : bool
        Show a bar on standard error.

    Returns
    -------
    Run
        One repeat with one fold, whose predictions are those of the test cohort's patients. ``refused`` also names the columns
        that the cohorts do not share, or hold in other units.

    Raises
    ------
    InputError
        When the outcomes differ in kind, level, unit or scale, a modality has no column in common, or patients tested are
        plainly among those that teach (:func:`blues.fuse.overlap.overlap`).
    """
    if "time" in (train[1].kind, test[1].kind):
        raise no_transfer()
    groups_given(experiment, groups)
    experiment = settled(test[1], experiment)
    if experiment.train is None:
        experiment = dataclasses.replace(experiment, cohort="synthetic", train=train[0].name, test=test[0].name)
    design, about = joined(*train, *test)
    names = _two_names(train[0], test[0])
    doubted = overlap(train, test, design.blocks, names)
    rows = len(train[1].y)
    split = (0, 0, np.arange(rows), np.arange(rows, len(design.y)))
    found = run_folds(design, experiment, [split], about=about, cohort_card=cohort_card, progress=progress)
    a, b = names
    refused = about.refused[about.refused["reason"].str.startswith("not matched: ")]
    note = (
        f"Fitted on {train[1].patients.nunique()} patients of {a}, evaluated once on {about.patients.nunique()} of {b}; the "
        "intervals speak of the patients tested, not of other models fitted elsewhere."
    )
    notes: list[dict[str, str]] = [{"level": "note", "text": note}]
    for what, mark in (("units", r"\bunit "), ("codes", r"\bcodes? .* alone$")):
        left_out = refused[refused["reason"].str.contains(mark)]
        if len(left_out):
            text = f"Left out, for the {what} differ: " + "; ".join(
                f"{row.column} ({row.reason.removeprefix('not matched: ')})" for row in left_out.itertuples()
            )
            notes.append({"level": "warning", "text": text})
    both = {str(c).partition("=")[0] for name in TABULAR if name in about.blocks for c in about.blocks[name]}
    pairs = {name: other for name, other in matched_columns(train[0], test[0])[0].items() if name in both}
    notes += [{"level": "warning", "text": text} for text in doubts(train[0], test[0], experiment.task, pairs)]
    if far := far_apart(train[0], test[0], pairs):
        text = (
            f"Values that hardly overlap and would lie on one another if they were multiplied, as in another unit, though both "
            f"dictionaries name one: {'; '.join(far)}. Look at the units, or at who the patients are."
        )
        notes.append({"level": "warning", "text": text})
    if "image" in design.blocks and design.level == "patient" and (points := points_apart(train[0], test[0], names)):
        text = f"Images are pooled over other points in the two cohorts, so not over the same places: {points}."
        notes.append({"level": "warning", "text": text})
    notes += [{"level": "warning", "text": text} for text in doubted]
    if groups:
        found = dataclasses.replace(found, subgroups=subgroups(found, dict(groups)))
    return dataclasses.replace(
        found,
        notes=(*notes, *found.notes),
        design={
            **found.design,
            "cohort": b,
            "transfer": {"train": a, "test": b, "train_patients": int(train[1].patients.nunique())},
        },
    )


def _two_names(train: Cohort, test: Cohort) -> tuple[str, str]:
    """Return what to call two cohorts: by their names, and where these are one, with those of their folders."""
    if train.name != test.name:
        return train.name, test.name
    first, second = (Path(of.folder).resolve().name for of in (train, test))
    if first == second:
        first, second = "training", "test"
    return f"{train.name} ({first})", f"{test.name} ({second})"


def joined(train_cohort: Cohort, train: Design, test_cohort: Cohort, test: Design) -> tuple[Design, Design]:
    """Lay two designs one under the other, in the columns they share.

    Returns
    -------
    design : Design
        The training rows, their ids behind ``"train/"``, then the test rows.
    about : Design
        The test rows alone, with what was refused in either cohort.
    """
    check_outcome(train_cohort, train, test_cohort, test)
    pairs, why = matched_columns(train_cohort, test_cohort)
    blocks: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = {}
    left_out: list[tuple[str, str]] = []
    for name, block in train.blocks.items():
        if name == "image":
            blocks[name] = _images(train_cohort, test_cohort, train.points, block, test.blocks[name])
            continue
        blocks[name], lost = _shared(name, block, test.blocks[name], pairs)
        reasons = [
            (
                column,
                why.get(column) or _why_lost(column, (train_cohort, block), (test_cohort, test.blocks[name]), pairs),
            )
            for column in lost
        ]
        if blocks[name][0].columns.empty:
            raise _nothing_shared(name, reasons)
        left_out += reasons
    singles, cohorts = {}, ((train_cohort, train), (test_cohort, test))
    for name in (n for n in train.singles if n in test.singles):
        a, b = train.singles[name], test.singles[name]
        if is_baseline(name):
            for column in a:
                if column not in pairs:
                    raise check.InputError(f"--baseline {column}: {why.get(str(column), 'not in both cohorts')}")
            singles[name] = (a, b[[pairs[str(column)] for column in a]].set_axis(a.columns, axis=1))
        elif some := [of.name for of, side in cohorts if len(np.unique(side.y[side.has(name)])) < 2]:
            left_out.append((name, f"the patients of {' and of '.join(some)} who have it do not differ in the outcome"))
        else:
            # a rule on single clips has a column for each, as many as the patient with most: who has fewer lacks them
            columns = max(a.columns, b.columns, key=len)
            singles[name] = (a.reindex(columns=columns), b.reindex(columns=columns))
    known = train.refused.set_index("column")
    columns = train_cohort.dictionary.columns
    rows = [
        {
            "column": column,
            "role": columns[column].role if column in columns else "image",
            "known": (columns[column].known or "") if column in columns else "",
            "reason": f"not matched: {reason}",
        }
        for column, reason in left_out
        if column not in known.index
    ]
    refused = pd.concat([train.refused, pd.DataFrame(rows, columns=list(train.refused.columns))], ignore_index=True)
    poolings = {
        name: _images(train_cohort, test_cohort, name, block, test.poolings[name])
        for name, block in train.poolings.items()
    }
    about = dataclasses.replace(
        test,
        blocks={name: pair[1] for name, pair in blocks.items()},
        poolings={name: pair[1] for name, pair in poolings.items()},
        singles={name: pair[1] for name, pair in singles.items()},
        refused=refused,
        facts={**test.facts, "trained_on": {"cohort": train_cohort.name, **_without_clips(train.facts)}},
    )
    design = dataclasses.replace(
        about,
        y=_under(train.y, test.y),
        patients=_under(TRAIN + train.patients, test.patients),
        blocks={name: _under(*pair) for name, pair in blocks.items()},
        singles={name: _under(*pair) for name, pair in singles.items()},
        poolings={name: _under(*pair) for name, pair in poolings.items()},
    )
    return design, about


def _why_lost(
    column: str, train: tuple[Cohort, pd.DataFrame], test: tuple[Cohort, pd.DataFrame], pairs: Mapping[str, str]
) -> str:
    """Return why a column that both dictionaries have is not in both designs: codes of one alone, or another reason."""
    codes = [
        {str(label) for base, _, label in (str(c).partition("=") for c in block) if base == name}
        for (_, block), name in ((train, column), (test, pairs.get(column, column)))
    ]
    told = codes_apart(codes[0], codes[1], train[0].name, test[0].name) if all(codes) else ""
    return told or f"not among the usable columns of {test[0].name}"


def _without_clips(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of the cohort that taught without its clips: no page shows them."""
    return {name: fact for name, fact in facts.items() if name != "clip_hashes"}


def _under(a: Any, b: Any) -> Any:
    """Put the training rows, their ids marked, above the test rows."""
    index = pd.Index([TRAIN + str(i) for i in a.index], name=b.index.name)
    return pd.concat([a.set_axis(index), b])


def _images(
    train: Cohort, test: Cohort, points: str, a: pd.DataFrame, b: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the images of both cohorts, pooled over points in one way, with their columns in one order."""
    if set(a.columns) == set(b.columns):
        return a, b[list(a.columns)]
    if points == "concat" and (apart := points_apart(train, test, _two_names(train, test))):
        raise check.InputError(
            f"images lie side by side by point, and the two cohorts have other points: {apart}",
            remedy="Pool over the points (--points mean), or list in clips.points of both dictionaries the points they share",
        )
    raise check.InputError(
        "the images of the two cohorts have other columns",
        remedy="Use one encoder, one choice of image features and one pooling for both",
    )


def _shared(
    modality: str, a: pd.DataFrame, b: pd.DataFrame, pairs: Mapping[str, str]
) -> tuple[tuple[pd.DataFrame, pd.DataFrame], list[str]]:
    """Return a block of both cohorts in their common columns, named as in training, and the columns left out."""
    of: dict[str, str] = {str(c): str(c) for c in a if c in b}
    if modality in TABULAR:
        of = {}
        for column in map(str, a):
            base, equals, label = column.partition("=")
            if base in pairs and f"{pairs[base]}{equals}{label}" in b:
                of[column] = f"{pairs[base]}{equals}{label}"
    lost = list(dict.fromkeys(str(c).partition("=")[0] for c in a if str(c) not in of))
    partly = {name for name in lost if any(c.partition("=")[0] == name for c in of)}
    of = {c: other for c, other in of.items() if c.partition("=")[0] not in partly}
    return (a[list(of)], b[list(of.values())].set_axis(list(of), axis=1)), lost


def _nothing_shared(modality: str, reasons: Sequence[tuple[str, str]]) -> check.InputError:
    """Return the error of a modality of which all columns are left out, with why the first of them are."""
    told = "; ".join(f"{column} ({why})" for column, why in reasons[:TOLD])
    more = f"; and {len(reasons) - TOLD} more" if len(reasons) > TOLD else ""
    return check.InputError(
        f"the two cohorts share no column of modality {modality!r}: {told}{more}",
        remedy="Make names or labels, units and kinds agree in the two dictionaries, or leave it out of --modalities",
    )
