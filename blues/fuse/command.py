"""``python -m blues.fuse``: from flags to a run folder and its page."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blues import check, datasets, embed, provenance
from blues.check import FEW_PATIENTS, INTERVAL, interval, number, p_is, p_value, signed
from blues.cohort import Cohort, card, undecided, unused, when
from blues.evaluate.named import main_metric
from blues.evaluate.named import metric as named
from blues.features import Design, design
from blues.features.arm_names import is_rule, with_images
from blues.fuse.combined import of_a_run
from blues.fuse.display import who
from blues.fuse.experiment import Experiment
from blues.fuse.finetune import tuning
from blues.fuse.margin import against_margin, check_margin, ends_of, left_out, room
from blues.fuse.named import CONSTANT, MEAN, UNTOLD
from blues.fuse.naming import worded
from blues.fuse.null import p_of_added
from blues.fuse.record import Run
from blues.fuse.run import run
from blues.fuse.settled import changed_since
from blues.fuse.stayexamine import no_transfer, refuse_options
from blues.fuse.staytime import COLUMN, TASK, describe_beside, happened, of_a_stay, offer, timed
from blues.fuse.subgroups import groups_of, subgroups
from blues.fuse.tables import SHUFFLED, WITHOUT, behind_constant, other_reference
from blues.fuse.transfer import transfer

__all__ = ["main", "prepare"]

SHOWN = tuple(
    "auroc auprc accuracy brier mae quadratic_kappa spearman rmse uno_c harrell_c integrated_brier scaled_brier".split()
)
DEMO: dict[str, Any] = {"model": ("xgboost",), "repeats": 5, "null": 0}
_PROG = "python -m blues.fuse"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one experiment from the command line; return the exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Words of the command line, by default those of this process.

    Returns
    -------
    int
        As :func:`blues.check.command`.
    """
    return check.command(_PROG, lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    experiment = check.parse(Experiment, given, prog=_PROG, description="Does imaging add anything? One experiment.")
    experiment.refuse_idle()
    if not given:
        experiment = dataclasses.replace(experiment, **DEMO)
        print(
            f"No cohort named: the demo, on a synthetic cohort, with XGBoost, {DEMO['repeats']} repeats instead of 20 and "
            "without the label-permutation null.",
            file=sys.stderr,
        )
    if experiment.out is not None:
        provenance.check_writable(experiment.out)
        Run.check_own(experiment.out)
    if experiment.train is not None and experiment.test is not None:
        first, second = (
            prepare(dataclasses.replace(experiment, cohort=name, train=None, test=None), progress=True, moved=True)
            for name in (experiment.train, experiment.test)
        )
        cohort = second[0]
        _tell_changes(experiment, first[1], second[1])
        groups = groups_of(cohort, experiment.task, experiment.subgroups)
        found = transfer(first, second, experiment, cohort_card=card(cohort, experiment.task), groups={}, progress=True)
        name = f"{_slug(first[0].name)}-to-{_slug(cohort.name)}"
    else:
        cohort, the_design, embeddings = _prepared(experiment, progress=True)
        _tell_changes(experiment, the_design)
        groups = groups_of(cohort, experiment.task, experiment.subgroups)
        more: dict[str, Any] = {}
        if experiment.finetune != "none":
            the_design, more["tuning"] = tuning(cohort, the_design, experiment, progress=True)
        # subgroups come after the run is saved, below
        more |= {"groups": {}, "cohort_card": card(cohort, experiment.task, correlated=happened(the_design))}
        found = run(the_design, experiment, **more, progress=True)
        found = dataclasses.replace(found, combinations=of_a_run(embeddings, the_design, experiment))
        name = _slug(cohort.name)
    folder = found.save(experiment.out or Path("reports") / f"{name}-{experiment.task}")
    if groups:  # on the disk is what was fitted, whatever comes now
        found = dataclasses.replace(found, subgroups=subgroups(found, groups))
        found.save(folder)
    if len(cohort.ratings):
        check.hand_over("blues.agree", [str(cohort.folder), "--into", str(folder), "--seed", str(experiment.seed)])
    describe_beside(cohort, folder, findings=of_a_stay(cohort, experiment.task))
    print(summary(found))
    return check.hand_over("blues.report", [str(folder)])


def _tell_changes(experiment: Experiment, *designs: Design) -> None:
    for told in changed_since(experiment, *designs):
        print(f"WARNING: --from {experiment.from_}: {told}.", file=sys.stderr)


def prepare(experiment: Experiment, *, progress: bool = False, moved: bool = False) -> tuple[Cohort, Design]:
    """Read the cohort an experiment names, embed its clips if images are wanted, and lay out the design.

    Parameters
    ----------
    experiment : Experiment
        What is asked for.
    progress : bool
        Say on standard error what is being done.
    moved : bool
        The cohort is one of two, of a transfer.

    Returns
    -------
    Cohort, Design

    Raises
    ------
    InputError
        An unknown cohort or task; of a time to discharge, what it has no use for, before any clip is read.
    """
    return _prepared(experiment, progress=progress, moved=moved)[:2]


def _prepared(
    experiment: Experiment, *, progress: bool = False, moved: bool = False
) -> tuple[Cohort, Design, embed.Embeddings | None]:
    """Return what :func:`prepare` does, and the embeddings if images are wanted."""
    cohort = offer(datasets.load(experiment.cohort), experiment.task)
    if progress:
        told = [f"Not decided: {one}" for one in undecided(cohort)] + [f"Not used: {one}" for one in unused(cohort)]
        print(*(f"{one}\n" for one in told), sep="", end="", file=sys.stderr)
    tasks = list(dict.fromkeys([*cohort.dictionary.targets, *([TASK] if cohort.dictionary.survival else [])]))
    if not tasks:
        cohort.dictionary.target(experiment.task)  # says that none is defined, and how to define one
    check.one_of(experiment.task, tasks, "--task")
    if cohort.dictionary.targets[experiment.task].column == COLUMN:
        refuse_options(experiment)
        if moved:
            raise no_transfer()
    refuse_early(cohort, experiment)
    embeddings = None
    if "image" in experiment.modalities:
        embeddings = embed.embed(
            cohort, encoder=experiment.encoder, weights=experiment.weights, workers=experiment.jobs, progress=progress
        )
        if len(embeddings.quarantine):
            print(f"{len(embeddings.quarantine)} clips could not be read and are left out:", file=sys.stderr)
            print(embeddings.quarantine[["clip", "reason"]].to_string(index=False, max_colwidth=90), file=sys.stderr)
    made = design(
        cohort,
        experiment.task,
        experiment.modalities,
        embeddings=embeddings,
        frames=experiment.frames,
        points=experiment.points,
        image_features=experiment.image_features,
        also_points={c.points for candidates in experiment.rivals().values() for c in candidates},
        allow=experiment.allow,
        baseline=experiment.baseline,
    )
    return cohort, timed(made, cohort), embeddings


def refuse_early(cohort: Cohort, experiment: Experiment) -> None:
    """Raise for subgroups and a margin that the patient table alone shows to be impossible, before any clip is read.

    Raises
    ------
    InputError
    """
    groups_of(cohort, experiment.task, experiment.subgroups)
    target = cohort.dictionary.targets[experiment.task]
    check_margin(experiment.margin, "time" if target.column == COLUMN else target.kind)


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-") or "cohort"


def summary(found: Run) -> str:
    """Return what the command prints: who, the arms, what imaging adds, and the warnings."""
    found = worded(found)
    facts, metric = found.design, main_metric(found.design["kind"])[0]
    model = facts.get("model") or ", ".join(found.experiment.model)
    lines = [
        f"{facts['cohort']}: {facts['label']} from {' + '.join(facts['modalities'])}, {when(facts['moment'])}",
        *([f"Outcome: {made}"] if (made := (found.cohort.get("target") or {}).get("definition")) else []),
        f"{who(found)}; {_how(found)}, "
        + (f"choice among {', '.join(found.experiment.select)}" if found.experiment.select else f"model {model}"),
        "",
        *_arms_table(found),
        "",
    ]
    lines += _gain_lines(found, metric) + _added_lines(found) + _subgroup_lines(found)
    lines += _null_lines(found, metric) + _choice_lines(found)
    lines += [f"{note['level'].upper()}: {note['text']}" for note in found.notes if note["level"] == "warning"]
    columns = check.counted(len(found.refused), "column")
    were = "was refused as a predictor" if len(found.refused) == 1 else "were refused as predictors"
    lines.append(f"{columns} {were}; the report says which and why.")
    return "\n".join(lines)


def _how(found: Run) -> str:
    if (moved := found.design.get("transfer")) is not None:
        return f"fitted on {moved['train_patients']} patients of {moved['train']}, tested once"
    return f"{found.experiment.repeats} x {found.experiment.folds} patient folds"


def _gain_lines(found: Run, metric: str) -> list[str]:
    """Say what each arm with images adds to the reference."""
    gain = found.comparisons[(found.comparisons["metric"] == metric) & found.comparisons["low"].notna()]
    if not len(gain):
        return []
    gain = gain.drop_duplicates(["arm", "reference"])
    beside = gain[gain["family"] == WITHOUT]
    gain = gain[gain["family"] != WITHOUT]
    if not len(gain):
        return _beside_lines(beside, found)
    reference = gain.iloc[0]["reference"]
    better = "" if gain.iloc[0]["better"] == "higher" else " (lower is better)"
    known = "the arm named as reference" if found.experiment.reference else "the best arm without images"
    label = f"{_label(metric, found)}{better}"
    lines = [f"What imaging adds, in {label}, against {known} ({reference}):"]
    if reference in (CONSTANT, MEAN) and not found.experiment.reference:
        lines = [f"{_beside_constant(found)}.", f"Against the constant ({reference}), in {label}:"]
    width = max(len(name) for name in gain["arm"])
    for main, rows in ((True, gain[gain["reference"] == reference]), (False, gain[gain["reference"] != reference])):
        for row in rows.itertuples():
            told = "" if main else f"  against {row.reference}"
            told += "  experts' reading, no model" if is_rule(row.arm) else ""
            lines.append(f"  {row.arm:<{width}}  {_difference(row, found)}{told}")
    lines += [*_margin_lines(found, metric, str(reference)), *_other_reference_lines(found, str(reference))]
    return [*lines, "", *_beside_lines(beside, found)]


def _beside_constant(found: Run) -> str:
    """Say what stands beside images where the reference is a constant: nothing, or what does no better."""
    if best := behind_constant(found.comparisons, found.scores, found.design["kind"]):
        return f"No arm without images did better than a constant; the best of them is {best}"
    if (found.comparisons["family"] == WITHOUT).any():
        return "No arm without images could be the reference but a constant"
    return UNTOLD


def _other_reference_lines(found: Run, reference: str) -> list[str]:
    """Say how to ask what images add where the reference is an arm that no other is with images, such as a baseline."""
    if not (other := other_reference(found.comparisons, found.scores, found.design["kind"])):
        return []
    name = f'"{other}"' if " " in other else other
    return [
        f"No arm is {reference} with images. What they add, the margin and subgroups can be asked of --reference {name}."
    ]


def _unit(found: Run) -> str:
    """Return a blank and the unit of an outcome that is a number, where it has one."""
    return f" {unit}" if (unit := found.design.get("unit")) else ""


def _label(name: str, found: Run) -> str:
    """Return what a metric is called, with its unit where it has one."""
    return named(name).label + (f" in{_unit(found)}" if name in ("mae", "rmse") and _unit(found) else "")


def _difference(row: Any, found: Run) -> str:
    """Return a paired difference with its interval, and on whom, where these are not all patients."""
    some = f"  on {row.patients:.0f} of {all_} patients" if row.patients < (all_ := found.design["patients"]) else ""
    return f"{signed(row.difference)}  ({INTERVAL} {signed(row.low)} to {signed(row.high)}){some}"


def _beside_lines(beside: pd.DataFrame, found: Run) -> list[str]:
    """Say how the other arms without images do against the reference."""
    if not len(beside):
        return []
    width = max(len(name) for name in beside["arm"])
    lines = [f"  {row.arm:<{width}}  {_difference(row, found)}" for row in beside.itertuples()]
    return [f"The other arms without images against {beside['reference'].iloc[0]}:", *lines, ""]


def _margin_lines(found: Run, metric: str, reference: str) -> list[str]:
    """Say how the headline stands to the smallest gain worth having, as the page does."""
    margin, arm = found.experiment.margin, with_images(reference)
    if not margin or other_reference(found.comparisons, found.scores, found.design["kind"]):
        return []
    smallest = f"The smallest gain worth having, {margin:g}{_unit(found)},"
    if arm not in set(found.comparisons["arm"]):
        return [f"{smallest} is held against nothing: no arm is {reference} with images."]
    events = found.design["events"]
    others = found.design["patients"] if found.design["kind"] == "time" else found.design["patients"] - (events or 0)
    if events is not None and min(events, others) < FEW_PATIENTS:
        return [f"{smallest} cannot be spoken of with so few patients."]
    of_metric = found.scores[found.scores["metric"] == metric].set_index("arm")["value"]
    most = room(metric, float(of_metric.loc[[reference]].iloc[0]))
    better = 1 if main_metric(found.design["kind"])[1] else -1
    ends = ends_of(found.comparisons, metric, arm, reference, better)
    said = {
        "impossible": f"is more than the {number(most, 3)} that the reference leaves",
        "reached": "is reached",
        "below": "is not reached",
        "open": "is neither shown nor ruled out",
    }[against_margin(ends, margin, left_out(found.choices, arm), most)]
    held = f"two intervals of {arm}" if ends is not None else "no two intervals bound it"
    return [f"{smallest} {said} ({held}; see the page)."]


def _added_lines(found: Run) -> list[str]:
    """Say how often images did as well where the outcome is shuffled among patients rated alike."""
    if (known := p_of_added(found.added)) is None:
        return []
    arm, reference = found.added[["arm", "reference"]].iloc[0]
    told = f"{p_is(known[0])} for {arm} (do images tell anything more?)"
    return [f"Outcomes shuffled among patients whom {reference} rates alike: {told}", ""]


def _subgroup_lines(found: Run) -> list[str]:
    """Say what images add in each subgroup that was asked for."""
    if not len(table := found.subgroups):
        if not (named := found.experiment.subgroups):
            return []
        reference = found.comparisons["reference"].iloc[0] if len(found.comparisons) else SHUFFLED
        there = with_images(reference) in set(found.predictions["arm"])
        why = "nobody predicted has a value" if there else f"no arm is {reference} with images"
        return [f"For whom, by {', '.join(named)}: {'there is no reference' if reference == SHUFFLED else why}.", ""]
    lines = [
        f"{table['arm'].iloc[0]} less {table['reference'].iloc[0]} in subgroups, {_label(str(table['metric'].iloc[0]), found)}:"
    ]
    for by, part in table.groupby("by", sort=False):
        p = part["p_interaction"].iloc[0]
        lines.append(f"  {by}" + (f" (p that the groups differ = {p_value(p)})" if pd.notna(p) else ""))
        for row in part.itertuples():
            of = f"{row.patients} patients" + (f", {row.events:.0f} with the event" if pd.notna(row.events) else "")
            shown = interval(row.difference, row.low, row.high, 3, sign=True) if pd.notna(row.low) else row.reason
            lines.append(f"    {row.group} ({of}): {shown}")
    return [*lines, ""]


def _null_lines(found: Run, metric: str) -> list[str]:
    """Say what each arm scores when the outcome is shuffled among patients."""
    rows = found.comparisons[found.comparisons["reference"] == SHUFFLED]
    if not len(rows):
        return []
    width = max(len(name) for name in rows["arm"])
    drawn = found.null.groupby("arm")["value"]
    low, high = drawn.quantile(0.025), drawn.quantile(0.975)
    return [
        f"The whole pipeline on {found.experiment.null} shuffled outcomes, {_label(metric, found)} (95% of them; p of the "
        f"score, at the least {p_value(1 / (1 + found.experiment.null))}):",
        *(
            f"  {row.arm:<{width}}  {number(low[row.arm], 3)} to {number(high[row.arm], 3)}  {p_is(row.p_value)}"
            for row in rows.itertuples()
        ),
        "",
    ]


def _choice_lines(found: Run) -> list[str]:
    """Say how often each candidate was taken, where there was a choice."""
    if len(found.experiment.select) < 2:
        return []
    rivals = found.experiment.rivals()[""]
    lines = ["What the inner loops took, in how many training folds:"]
    for arm, part in found.choices.groupby("arm", sort=False):
        counts = part["chosen"].value_counts()
        if len(counts) > 1 or counts.index[0] in {c.label for c in rivals}:
            lines.append(f"  {arm}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    taken = found.choices[found.choices["chosen"].isin([c.label for c in rivals])]
    for name in ("model", "fusion", "pooling", "components", "calibrator", "threshold_rule"):
        if len(counts := taken[name].value_counts()) > 1:
            told = ", ".join(f"{value} {count}" for value, count in counts.items())
            lines.append(f"  all arms, by {name.replace('_', ' ')}: {told}")
    return [*lines, ""]


def _arms_table(found: Run) -> list[str]:
    """Lay the scores out, one arm a row, value and interval in a cell; arms with too few patients of a class are marked."""
    scores = found.scores
    wanted = [m for m in SHOWN if m in set(scores["metric"])]
    shown = scores[scores["metric"].isin(wanted)]
    cells: dict[str, dict[str, Any]] = {}
    for row in shown.itertuples():
        cells.setdefault(str(row.arm), {}).setdefault(str(row.metric), interval(row.value, row.low, row.high, 3))
    table = pd.DataFrame.from_dict(cells, orient="index")[wanted].iloc[:, :4].fillna("-")
    people, few = _people(found)
    if people.nunique() > 1:
        table.insert(0, "patients", people.reindex(table.index))
    table = table.rename(columns=lambda name: _label(str(name), found))
    table.index = [f"{arm} *" if arm in few else arm for arm in table.index]
    told = [f"* Fewer than {FEW_PATIENTS} patients of a class: no claim can be made about this arm."] if few else []
    return [str(table.to_string()), *told]


def _people(found: Run) -> tuple[pd.Series, set[str]]:
    """Return how many patients each arm predicts, and the arms with fewer than ten patients in the smaller class."""
    people, kind = pd.Series(found.design["patients_by_arm"]), found.design["kind"]
    if kind not in ("binary", "time"):
        return people, set()
    happened = found.predictions["y" if kind == "binary" else "event"] == 1
    events = happened.groupby([found.predictions["arm"], found.predictions["patient"]]).any().groupby("arm").sum()
    smaller = np.minimum(events, people[events.index] - events) if kind == "binary" else events
    return people, set(smaller.index[smaller < FEW_PATIENTS])
