"""The command ``python -m blues.agree``: a table of ratings, a cohort, ``plan`` and ``sheet``."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from blues.agree import ratings, ratings_file
from blues.agree.beside import into_run
from blues.agree.cohorts import associations, expert_statement, retakes, rule_scores, rule_table, scale_of, side_by_side
from blues.agree.model import Experts, experts_of, model_agreement, read_predictions, taught_by
from blues.agree.page import as_html
from blues.agree.record import Agreement, frame_of, of_item
from blues.agree.section import as_text, round_words, section
from blues.agree.sheet_command import Sheet, sheet
from blues.agree.synthetic import plan
from blues.agree.tables import intra_rater
from blues.check import InputError, command, given, number, one_of, option, parse, refuse_idle, word
from blues.cohort import Cohort
from blues.cohort import read as read_cohort
from blues.provenance import record as provenance_record
from blues.provenance import replacing, write_json

__all__ = ["main"]

PROG = "python -m blues.agree"
ONLY_SAVED = ("GRRAS checklist", "All associations", "Differences")
ALONE = (
    "No patient column: every subject counts as independent. Where a patient has several, intervals are too narrow; "
    "add a column patient."
)
Weights = Literal["unweighted", "linear", "quadratic"]


@dataclass(frozen=True)
class Show:
    """Which ratings, and how to look at them."""

    source: Path = word("ratings (CSV), or a cohort's folder")
    item: str | None = option(None, "which item, when several were rated")
    categories: tuple[str, ...] = option((), "the whole scale in order, used or not: 0 1 2 3", metavar="VALUE")
    level: Literal["nominal", "ordinal", "continuous"] | None = option(
        None, "nominal, ordinal, or continuous (measurements)"
    )
    weights: Weights | None = option(
        None, "of the kappa of every pair: unweighted, linear, quadratic (default; of a nominal scale unweighted)"
    )
    interval: Literal["bootstrap", "bca", "jackknife", "analytic"] | None = option(
        None,
        "bootstrap (percentile), bca, jackknife or analytic, by patient where there are patients; each number's own",
    )
    draws: int = option(2000, "bootstrap draws")
    seed: int = option(0, "seed of the bootstrap")
    confidence: float = option(0.95, "level of the intervals")
    target: str | None = option(None, "of a cohort: the reference test to hold rules against")
    columns: tuple[str, ...] = option((), "of a cohort: measurements to associate the score with", metavar="COLUMN")
    run: Path | None = option(None, "a run folder: its out-of-fold predictions enter as one more rater")
    arm: str | None = option(None, "which arm of the run; all by default")
    margin: float | None = option(None, "non-inferiority margin for the model, fixed beforehand, such as -0.1")
    out: Path | None = option(None, "folder for agreement.html and the tables as CSV", folder=True)
    into: Path | None = option(None, "run folder of this cohort: write what its report shows there, print nothing")


@dataclass(frozen=True)
class Plan:
    """What a reader study would look like."""

    raters: int = option(3, "raters")
    subjects: int = option(120, "clips that each rates")
    kappa: float = option(0.6, "true agreement")
    categories: int = option(4, "categories of the scale")
    prevalence: tuple[float, ...] = option((), "share of each category, instead of equal ones", metavar="SHARE")
    weights: Weights = option("quadratic", "of the kappas")
    clips_per_patient: int = option(1, "clips that share a patient")
    rater_icc: float = option(0.3, "how far a rater's disagreement comes in patients, with several clips a patient")
    margin: float | None = option(None, "adds the power to show that a model loses no more than this")
    studies: int = option(200, "simulated studies")
    seed: int = option(0, "seed")


def main(argv: Sequence[str] | None = None) -> int:
    """Print agreement of a table of ratings or what a cohort's ratings can answer; return the exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Words of the command line, by default those of this process.

    Returns
    -------
    int
        As :func:`blues.check.command`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["plan"]:
        return command(PROG, lambda: _plan(_parsed(Plan, words[1:], "plan", "Expected precision of a reader study.")))
    if words[:1] == ["sheet"]:
        about = "Blinded rating sheets for a cohort's clips."
        return command(PROG, lambda: sheet(_parsed(Sheet, words[1:], "sheet", about), PROG))
    about = "Agreement of raters, and what expert ratings of a cohort can answer. Also: `plan --help`, `sheet --help`."
    return command(PROG, lambda: _show(_parsed(Show, words, "", about)))


def _parsed(cls: type[Any], words: list[str], name: str, about: str) -> Any:
    return parse(cls, words, prog=f"{PROG} {name}".rstrip(), description=about)


def _scale(words: Sequence[str]) -> list[Any] | None:
    """Return categories from the command line, as numbers if all are."""
    if not words:
        return None
    numbers = all(re.fullmatch(r"[+-]?\d+(\.\d+)?", w) for w in words)
    return [float(w) for w in words] if numbers else list(words)


def _show(options: Show) -> int:
    _fits(options)
    if options.into is not None:
        return into_run(read_cohort(options.source), options.into, draws=options.draws, seed=options.seed)
    if options.source.is_file():
        found = _of_table(options)
    elif options.source.is_dir():
        found = _of_cohort(options, read_cohort(options.source))
    else:
        raise InputError(
            "no such file or folder", file=options.source, remedy="Name a CSV of ratings or a cohort's folder"
        )
    print(as_text({k: v for k, v in found.items() if k not in ONLY_SAVED}))
    _sentences(found)
    if options.out is not None:
        _save(options, found)
    return 0


def _fits(options: Show) -> None:
    """Raise when something is asked that has no place in what is shown: an answer that ignores it would be taken for one."""
    asked = given(options) - {"source"}
    wrong: dict[str, str] = {}
    if options.into is not None:
        wrong |= dict.fromkeys(
            asked - {"into", "draws", "seed"}, "--into writes what a page shows, and takes --draws and --seed"
        )
    if options.run is None:
        wrong |= dict.fromkeys(("arm", "margin"), "it is for a model's predictions: name the --run")
    if options.source.is_file():
        wrong |= dict.fromkeys(("target", "columns"), "it is for a cohort's folder, and this is a table of ratings")
    if options.source.is_dir():
        wrong |= dict.fromkeys(("categories", "level"), "a cohort's dictionary says which scale its items have")
    if options.level == "nominal" and options.weights not in (None, "unweighted"):
        wrong["weights"] = "labels without an order have no near and far"
    if options.level == "continuous":
        wrong["categories"] = "measurements have none"
    refuse_idle(options, wrong)


def _weights(options: Show) -> Weights:
    return options.weights or ("unweighted" if options.level == "nominal" else "quadratic")


def _sentences(found: Mapping[str, Any]) -> None:
    """Print sentences for the coefficients that a paper would name first."""
    wanted = (
        "Cohen's kappa",
        "Light's kappa",
        "Krippendorff",
        "Gwet",
        "ICC(2,1)",
        "Williams",
        "model-expert",
        "individual",
    )
    for title, result in found.items():
        for record in result if isinstance(result, list) else [result]:
            if isinstance(record, Agreement) and record.method.startswith(wanted):
                print(of_item(title) + record.sentence())


def _how(options: Show) -> dict[str, Any]:
    return {"draws": options.draws, "seed": options.seed, "confidence": options.confidence}


def _of_table(options: Show) -> dict[str, Any]:
    rows = ratings_file.read(options.source, options.item)
    if options.item is None and "item" in rows and rows["item"].nunique() > 1:
        items = list(pd.unique(rows["item"].astype(str)))
        raise InputError("ratings of several items; choose one with --item", file=options.source, allowed=items)
    chosen = ratings.choose(rows, item=options.item)
    scale = _scale(options.categories)
    if scale is None and options.level != "continuous":
        found = pd.unique(chosen["rating"])
        shown = ", ".join(sorted(f"{v:g}" if isinstance(v, float) else str(v) for v in found)[:12])
        raise InputError(
            "--categories is not given: a category that nobody used still changes weighted kappa and AC1",
            file=options.source,
            remedy=f"The ratings hold {shown}; name the whole scale in order, or say --level continuous",
        )
    own = rows if options.item is None else rows[rows["item"].astype(str) == options.item]
    ratings_file.check_scale(own, scale, options.source)
    out: dict[str, Any] = {} if rows.attrs["patients"] else {"Whose the subjects are": ALONE}
    raters = pd.unique(own["rater"])
    if options.run is not None and len(raters) == 1:
        out["Between readers"] = f"{raters[0]} alone rated, so that there is no agreement between readers to describe."
        if told := round_words(own):
            out["Rounds"] = told
            how = _how(options) | {"categories": scale, "weights": _weights(options), "interval": options.interval}
            out["Raters with themselves"] = intra_rater(own.drop(columns="item", errors="ignore"), **how)
    else:
        out |= section(
            rows,
            categories=scale,
            level=options.level,
            item=options.item,
            weights=_weights(options),
            interval=options.interval,
            **_how(options),
        )
    if options.run is not None:
        table, patients = ratings.wide(chosen), ratings.clusters_of(chosen)
        out |= _of_run(options, Experts(table, patients, scale, ordered=options.level != "nominal"))
    return out


def _of_run(options: Show, experts: Experts) -> dict[str, Any]:
    assert options.run is not None
    predictions = read_predictions(options.run)
    arms = [options.arm] if options.arm is not None else list(predictions.values.columns)
    out: dict[str, Any] = {}
    for arm in arms:
        found = model_agreement(
            experts,
            predictions,
            arm,
            weights=_weights(options),
            margin=options.margin,
            interval=options.interval,
            **_how(options),
        )
        out |= {f"{title}, arm {arm}": result for title, result in found.items()}
    return out


def _of_cohort(options: Show, cohort: Cohort) -> dict[str, Any]:
    if options.item is not None:
        one_of(options.item, sorted(cohort.ratings["item"].unique()), "--item")
    if options.target is not None:
        one_of(options.target, list(cohort.dictionary.targets), "--target")
    out: dict[str, Any] = {"What these ratings can answer": expert_statement(cohort)}
    if cohort.ratings["rater"].nunique() > 1:
        out |= _between_experts(options, cohort)
    rules = rule_table(cohort, options.target, confidence=options.confidence)
    shown = rules.drop(columns=["target", "item", "threshold"])
    if shown["rater"].nunique() == 1:
        shown = shown.drop(columns="rater")
    target = rules["target"].iloc[0]
    for unit, words in (("patient", "by patient (Wilson)"), ("clip", "by clip (clustered by patient)")):
        part = shown[shown["unit"] == unit].drop(columns="unit").reset_index(drop=True)
        out[f"Rules against {target}, {words}"] = part
    scores = rule_scores(cohort, options.target, confidence=options.confidence)
    out[f"AUROC of the scores behind the rules, {target}"] = scores.drop(columns="target")
    columns = list(options.columns) or None
    table = associations(cohort, options.item, columns, confidence=options.confidence)
    title = f"Association of {table['item'].iloc[0]} with measurements: clips as if independent, and by patient"
    out[title] = side_by_side(table)
    again = retakes(cohort, **_how(options))
    if again:
        out["Retakes of the same point"] = again
    if options.run is not None:
        task = read_predictions(options.run).task
        experts = experts_of(cohort, task)
        out |= {"About the model": taught_by(cohort, task)} | _of_run(options, experts)
    out["All associations"] = table
    return out


def _between_experts(options: Show, cohort: Cohort) -> dict[str, Any]:
    out: dict[str, Any] = {}
    items = list(cohort.ratings["item"].unique()) if options.item is None else [options.item]
    for item in items:
        rows = cohort.ratings[cohort.ratings["item"] == item].rename(columns={"clip": "subject"})
        scale = scale_of(cohort, item)
        found = section(
            rows[["subject", "patient", "rater", "rating"]],
            categories=scale,
            level="continuous" if scale is None else None,
            weights=_weights(options),
            interval=options.interval,
            **_how(options),
        )
        out |= {f"{item}: {title}": result for title, result in found.items() if title != "GRRAS checklist"}
    return out


def _save(options: Show, found: Mapping[str, Any]) -> None:
    assert options.out is not None
    with replacing(options.out / "agreement.html") as draft:
        draft.write_text(as_html(found, f"Agreement: {options.source.name}"), encoding="utf-8")
    taken: set[str] = set()
    for title, result in found.items():
        frame = result
        if isinstance(result, Agreement):
            frame = result.to_frame()
        elif isinstance(result, list):
            frame = frame_of(result)
        if isinstance(frame, pd.DataFrame):
            name = _file_name(title, taken)
            with replacing(options.out / f"{name}.csv") as draft:
                frame.to_csv(draft, index=not isinstance(frame.index, pd.RangeIndex), lineterminator="\n")
    write_json(options.out / "provenance.json", provenance_record(seed=options.seed, source=options.source.name))
    print(f"\nWrote {options.out / 'agreement.html'} and the tables beside it.")


def _file_name(title: str, taken: set[str]) -> str:
    """Return a title as a file's name that no other table has, and mark it as taken."""
    stem = re.sub(r"[^\w]+", "-", title.casefold()).strip("-_")[:80] or "table"
    name = next(n for n in (stem, *(f"{stem}-{k}" for k in range(2, 10_000))) if n not in taken)
    taken.add(name)
    return name


def _plan(options: Plan) -> int:
    table = plan(
        raters=options.raters,
        subjects=options.subjects,
        kappa=options.kappa,
        categories=options.categories,
        prevalence=list(options.prevalence) or None,
        weights=options.weights,
        clips_per_patient=options.clips_per_patient,
        rater_icc=options.rater_icc,
        margin=options.margin,
        studies=options.studies,
        seed=options.seed,
    )
    print(
        f"{options.raters} raters, true kappa {options.kappa:g}: what the delete-one-patient jackknife intervals of "
        f"{options.studies} simulated studies look like\n"
    )
    power = table["coefficient"].str.startswith("power ")
    for row in table[power].itertuples():
        print(
            f"The {row.coefficient}, of a model as good as the experts, is {row.mean:.2f} with {row.subjects} clips of "
            f"{row.patients} patients.\n"
        )
    table = table[~power]
    shown = table.assign(**{"expected interval": [_limits(r.low, r.high) for r in table.itertuples()]})
    for name in ("truth", "mean", "width", "coverage"):
        shown[name] = ["" if v != v else number(v, 2) for v in shown[name]]
    columns = [
        "subjects",
        "patients",
        "coefficient",
        "truth",
        "mean",
        "width",
        "expected interval",
        "coverage",
        "undefined",
    ]
    print(shown[columns].to_string(index=False))
    return 0


def _limits(low: float, high: float) -> str:
    return "" if low != low else f"{number(low, 2)} to {number(high, 2)}"
