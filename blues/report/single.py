"""One patient of a run on a page: what each arm predicts, what moved it, what each BLUE point shows, and why to doubt it."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import blues
from blues import check, explain
from blues.check import counted, number, signed
from blues.explain.points import right_first
from blues.explain.words import of_unit
from blues.fuse import Run
from blues.fuse.naming import worded
from blues.report.document import block, column, figure, table
from blues.report.explained import BASE, explained_arm
from blues.report.facts import Facts
from blues.report.people import Parts
from blues.report.privacy import Privacy, pseudonyms
from blues.report.words import FRAMES, arm_label, clean, listed

__all__ = ["PAGES", "file_name", "identified", "summarize_patient", "with_pages"]

PAGES = "patients"
"""The folder of patients' pages in a run folder."""
LEVEL = 0.9
SHADES = ("soldati", "b_line_coverage", "b_line_width", "b_line_presence")
"""What fills the circles on the chest: the first of these that the encoder has, with the value that fills one whole."""
_FULL = {"soldati": 3.0}
_ON_CHEST = (
    "soldati",
    "b_line_count",
    "b_line_coverage",
    "a_line_presence",
    "pleura_irregularity",
    "consolidation_area",
)
_SETS = {"yes": "yes", "no": "no", "both": "undecided: either", "empty": "neither fits"}


def identified(run: Run, patient: str) -> str:
    """Return the id of a patient named by id or by pseudonym; ``id:P07`` and ``report:P07`` say which is meant.

    Raises
    ------
    InputError
        When the run has no such patient, or an id is another patient's pseudonym and it is not said which is meant.
    """
    ids = set(run.predictions["patient"].astype(str))
    by_name = {name: one for one, name in pseudonyms(run.predictions, run.experiment.seed).items()}
    if patient in ids and by_name.get(patient, patient) != patient:
        raise check.InputError(
            f"patient {patient!r} is one patient's id and another's name in the report",
            remedy=f"Write id:{patient} for the id, report:{patient} for the name in the report",
        )
    if patient in ids:
        return patient
    how, _, named = patient.partition(":")
    if how == "id" and named in ids:
        return named
    named = named if how == "report" else patient
    if named in by_name:
        return by_name[named]
    raise check.InputError(
        f"patient {patient!r} is not in this run",
        allowed=f"the {counted(len(ids), 'patient')} of its predictions, by id or as its report names them: P01 and so on",
    )


def summarize_patient(
    run: Run,
    patient: str,
    *,
    arm: str | None = None,
    pseudonymise: bool = True,
    pictures: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return all that a patient's page says.

    Parameters
    ----------
    run : Run
        With attributions.
    patient : str
        Id, or the pseudonym that the report of the run gives him.
    arm : str, optional
        Whose prediction is taken apart; by default the arm that the report explains.
    pseudonymise : bool
        Show pseudonyms instead of ids, and no names of clips.
    pictures : sequence of mapping
        Key frames from :func:`blues.report.stills.key_frames`.

    Returns
    -------
    dict
        JSON-ready, as :func:`blues.report.summarize` gives for a run: ``title, sections, tables, figures`` and ``patient``.

    Raises
    ------
    InputError
        When the run holds no explanations, or patient or arm is not in it.
    """
    patient, run = identified(run, patient), worded(run)
    facts = Facts(run)
    chosen = arm or explained_arm(facts)
    if facts.timed:
        raise check.InputError(
            "predictions of a time are not explained", remedy="Take a task with a yes-or-no outcome or a number"
        )
    if run.attributions is None or chosen is None:
        raise check.InputError("this run holds no explanations", remedy="Repeat it with --explain all")
    names = pseudonyms(run.predictions, facts.experiment.get("seed")) if pseudonymise else {}
    privacy = Privacy(names=names)
    kind = str(facts.design["kind"])
    ranges = run.cohort.get("ranges") or {}
    one = explain.person(
        run.attributions,
        run.predictions,
        patient,
        chosen,
        kind=kind,
        level=LEVEL,
        most=10,
        ranges=ranges,
        scale=facts.design.get("categories"),
    )
    one = _with_unread(one, run)
    shown = privacy.patient(patient)
    parts: dict[str, tuple[str, Parts]] = {
        "trust": ("Can this be trusted?", _trust(one)),
        "arms": ("What each arm predicts", _arms(facts, one)),
        "moved": ("What moved the prediction", _moved(facts, one)),
    }
    if len(one.points) or one.unscanned:
        parts["lung"] = ("What each BLUE point shows", _lung(facts, one, pictures, privacy))
    if len(one.attention):
        parts["attention"] = ("Where the network attends", _attention(facts, one, privacy))
    parts["nearest"] = ("Patients explained most alike", _nearest(facts, one, privacy))
    parts["missing"] = ("What was missing", _missing(one, run))
    sections = [
        {"key": key, "title": title, "present": True, "blocks": made[0]} for key, (title, made) in parts.items()
    ]
    whole = {
        "blues": blues.__version__,
        "title": f"Patient {shown}",
        "subtitle": f"{facts.design['label']}: {arm_label(chosen)}, predicted by models that never saw this patient",
        "patient": shown,
        "pseudonymised": pseudonymise,
        "pictured": any("image" in p for p in pictures),
        "sections": sections,
        "tables": {k: v for _, made in parts.values() for k, v in made[1].items()},
        "figures": {k: v for _, made in parts.values() for k, v in made[2].items()},
        "made": str(run.provenance.get("made", ""))[:10],
    }
    return dict(clean(whole))


def file_name(patient: str) -> str:
    """Return a patient's name as the stem of a file, whatever it holds, and another one for each patient.

    Examples
    --------
    >>> file_name("P07"), file_name("../7 a")
    ('P07', '---7-a-60f2a0')
    """
    plain = "".join(c if c.isalnum() or c in "_-" else "-" for c in patient)
    return plain if plain and plain == patient else f"{plain}-{hashlib.sha256(patient.encode()).hexdigest()[:6]}"


def with_pages(summary: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Add links to the pages of single patients that lie in a run folder to the report's section on explanations."""
    pages = sorted(p for p in (folder / PAGES).glob("P*.html") if re.fullmatch(r"P\d+", p.stem))
    if not pages:
        return dict(summary)
    items = [[p.stem, f"{PAGES}/{p.name}"] for p in pages]
    links = block("links", text="Pages of single patients:", items=items)
    sections = [
        {**s, "blocks": [*s["blocks"], links]} if s["key"] == "explanations" and s["present"] else s
        for s in summary["sections"]
    ]
    return {**summary, "sections": sections}


def _with_unread(one: explain.Person, run: Run) -> explain.Person:
    """Add to the doubts the patient's own clips that could not be read, where the run says whose they were."""
    unread = run.provenance.get("quarantined")
    if unread is None or not all("patient" in d for d in unread):
        return one
    own = [str(d.get("point") or "") for d in unread if str(d["patient"]) == one.patient]
    if not own:
        return dataclasses.replace(one, checked=(*one.checked, "every clip of this patient could be read"))
    told = [f"the clip{f' at {point}' if point else ''} could not be read and is left out" for point in own]
    return dataclasses.replace(one, doubts=(*one.doubts, *told))


def _trust(one: explain.Person) -> Parts:
    return [block("doubts", items=list(one.doubts), checked=list(one.checked))], {}, {}


def _over(facts: Facts, one: explain.Person) -> list[str]:
    """Return over what the numbers of a patient spread: repeats, clips, both, or nothing where one model predicted him once."""
    own = facts.run.predictions[facts.run.predictions["patient"].astype(str) == one.patient]
    return [f"{name}s" for name in ("repeat", "clip") if name in own and own[name].nunique() > 1]


def _spread(low: float, high: float, known: bool) -> list[float]:
    """Return the ends of a bracket; none where there is one value, which has no spread."""
    return [low, high] if known else [np.nan, np.nan]


def _arms(facts: Facts, one: explain.Person) -> Parts:
    of_sets = "set" in one.predictions
    unit = f", {facts.unit}" if facts.unit else ""
    asked = f"{LEVEL:.0%} prediction " + ("set" if of_sets else "interval") + unit
    again = "repeats" in _over(facts, one)
    predicted = f"prediction{unit}" + " (range over repeats)" * again
    columns = [column("arm"), column(predicted, "interval", digits=2)]
    columns += [column(asked) if of_sets else column(asked, "interval", digits=1)]
    columns += [column(f"{'sets' if of_sets else 'intervals'} that held the truth, all patients", "interval")]
    rows = []
    for row in one.predictions.to_dict("records"):
        said = listed([_SETS.get(w, w) for w in str(row["set"]).split(", ")]) if of_sets else None
        given = said if of_sets else [row["p"], row["set_low"], row["set_high"]]
        rows.append(
            [
                arm_label(row["arm"]),
                [row["p"], *_spread(row["low"], row["high"], again)],
                given,
                _coverage(facts, row["arm"]),
            ]
        )
    y = facts.averaged[facts.averaged["patient"] == one.patient]["y"]
    outcome = ("with" if float(y.max()) > 0 else "without") + " the outcome"
    if not facts.binary:
        outcome = of_unit(f"{y.mean():.3g}", facts.unit)
    blocks = [
        block("facts", rows=[["Outcome of this patient", outcome], ["Asked", str(facts.design["label"])]]),
        block("table", key="patient-arms"),
    ]
    note = (
        "Prediction: mean over the repeats of the cross-validation, with the lowest and highest of them. " * again
        + (
            "The set holds every answer that the arm cannot rule out at that level, from how it did on the other patients."
            if of_sets
            else "The interval reaches as far as the arm was off on that share of the other patients."
            + (" It is cut at 0 where no patient has an outcome below 0." if _cut(facts) else "")
        )
    )
    return blocks, {"patient-arms": table("Predictions for this patient", columns, rows, note=note)}, {}


def _cut(facts: Facts) -> bool:
    """Return whether intervals were kept from values that the outcome does not take."""
    lowest = facts.run.predictions.groupby("arm")["y"].min()
    return facts.design["kind"] == "continuous" and bool((lowest >= 0).any())


def _coverage(facts: Facts, arm: str) -> list[float]:
    own = facts.run.predictions[facts.run.predictions["arm"] == arm]
    found = explain.coverage(explain.conformal(own, str(facts.design["kind"]), level=LEVEL), LEVEL).iloc[0]
    return [float(found["value"]), float(found["low"]), float(found["high"])]


def _moved(facts: Facts, one: explain.Person) -> Parts:
    unit = facts.outcome_unit
    words = _values(one.features, _yes_no(facts))
    of = dict(zip(zip(one.features["modality"], one.features["label"].astype(str), strict=True), words, strict=True))
    keys = zip(one.waterfall["modality"], one.waterfall["name"], strict=True)
    steps = one.waterfall.assign(name=[f"{key[1]} {of.get(key, '')}".strip() for key in keys])
    first = "; ".join(f"{r.name} {signed(r.shap, 2)}" for r in steps.head(3).itertuples())
    figures = {
        "steps-modality": _steps(one.by_modality, "From the base value to this patient, by kind of information", unit),
        "steps-feature": _steps(
            steps, "From the base value to this patient, by feature", unit, f"The largest: {first}."
        ),
    }
    known = one.features[one.features["value"].notna() | (one.features["shap"].abs() > 0)].reset_index(drop=True)
    usual = one.features["low_usual"].notna().any()
    columns = [column("feature"), column("kind"), column("value", mixed=True)]
    columns += [column(name, mixed=True) for name in (["usual in health"] if usual else []) + ["other patients"]]
    columns += [column(f"effect, {unit}", "interval", digits=3, sign=True)]
    rows, over = [], _over(facts, one)
    for row, said in zip(known.itertuples(), _values(known, _yes_no(facts)), strict=True):
        others = _span(row.low_seen, row.high_seen) if said not in ("yes", "no") else ""
        effect = [row.shap, *_spread(row.low, row.high, bool(over))]
        health = [_span(row.low_usual, row.high_usual) or "not given"] if usual else []
        rows.append([row.label, row.modality, said, *health, others, effect])
    spread = f", mean over {' and '.join(over)} with its 10th and 90th percentile" if over else ""
    note = f"Effect: Shapley value{spread}. Other patients: lowest to highest. "
    note += (
        "Usual in health: the reference range of the cohort's dictionary."
        if usual
        else "The cohort's dictionary gives no reference range (setting reference), so a value can only be set beside those "
        "of the other patients."
    )
    tables = {"patient-features": table("All values that the arm looks at", columns, rows, note=note, filters=True)}
    text = (
        f"Each bar is one step from the base value to this patient's own prediction. {BASE} A step says what the prediction "
        "rests on, not what causes the outcome."
    )
    blocks = [
        block("text", text=text),
        block("figures", keys=["steps-modality"]),
        block("figures", keys=["steps-feature"]),
        block("table", key="patient-features"),
    ]
    return blocks, tables, figures


def _steps(frame: pd.DataFrame, title: str, unit: str, said: str = "") -> dict[str, Any]:
    caption = f"{title}. Colour: kind of information; numbers: the step, in {unit}."
    return figure(
        "waterfall",
        title,
        caption,
        said,
        frame=frame[["name", "modality", "start", "end"]],
        xlabel=f"prediction, {unit}",
    )


def _yes_no(facts: Facts) -> frozenset[str]:
    """Return the columns that are answered by yes or no."""
    rows = facts.run.cohort.get("table_one") or []
    return frozenset(str(r.get("column")) for r in rows if r.get("kind") in ("binary", "nominal"))


def _values(features: pd.DataFrame, yes_no: frozenset[str]) -> list[str]:
    found = []
    for row in features.itertuples():
        if not np.isfinite(row.value):
            found.append("")
        elif str(row.feature).partition("=")[0] in yes_no and row.value in (0.0, 1.0):
            found.append("yes" if row.value else "no")
        else:
            found.append(of_unit(_short(row.value), str(row.unit)))
    return found


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−") if abs(value) < 1e3 else number(value, 0)


def _span(low: float, high: float) -> str:
    return f"{_short(low)} to {_short(high)}" if np.isfinite(low) and np.isfinite(high) else ""


def _lung(facts: Facts, one: explain.Person, pictures: Sequence[Mapping[str, Any]], privacy: Privacy) -> Parts:
    named = one.points[one.points["feature"].astype(str) != ""]
    order = list(dict.fromkeys([*named["point"].astype(str), *one.unscanned]))
    order = sorted(order, key=right_first)
    features = list(dict.fromkeys(named["feature"].astype(str)))
    shade = next((f for f in SHADES if f in features), "")
    wide = named.pivot_table(index="point", columns="feature", values="value", aggfunc="first")
    words = named.drop_duplicates("feature").set_index("feature")
    chosen = [f for f in _ON_CHEST if f in features] or features[:3]
    drawn = []
    for point in order:
        if point not in wide.index:
            drawn.append({"point": point, "text": "no clip", "level": float("nan")})
            continue
        lines = [f"{words.loc[f, 'label']} {number(float(wide.loc[point, f]))}" for f in chosen[:3]]
        level = float(wide.loc[point, shade]) / _FULL.get(shade, 1.0) if shade else 0.0
        drawn.append({"point": point, "text": "\n".join(lines), "level": level})
    said = "; ".join(f"{row['point']}: {str(row['text']).replace(chr(10), ', ')}" for row in drawn)
    caption = "BLUE points, as the encoder reads the clip that stands for each; the patient's right is on the left."
    if features:
        units = "; ".join(f"{words.loc[f, 'label']}: {words.loc[f, 'unit']}" for f in chosen[:3])
        caption += f" Units: {units}. Measured by a network, not by a reader."
    label = str(words.loc[shade, "label"]) if shade else ""
    figures = {
        "chest": figure("chest", "What each BLUE point shows", caption, said, frame=pd.DataFrame(drawn), shade=label)
    }
    blocks = [block("figures", keys=["chest"])]
    tables: dict[str, Any] = {}
    if features:
        columns = [column("artefact"), column("unit"), *(column(p, "number", mixed=True) for p in order)]
        rows = [
            [words.loc[f, "label"], words.loc[f, "unit"], *(wide[f].get(p, np.nan) for p in order)] for f in features
        ]
        over = FRAMES[facts.experiment["frames"]]
        caption = f"Artefacts by BLUE point, {over} over the frames of the clip"
        tables["patient-points"] = table(caption, columns, rows)
        blocks.append(block("table", key="patient-points"))
    if not privacy.names and len(one.points):
        clips = one.points.drop_duplicates("point")[["point", "clip"]].astype(str).to_numpy().tolist()
        blocks.append(block("facts", rows=clips))
    shown = [dict(p) for p in pictures]
    if shown:
        blocks.append(block("pictures", items=shown))
    else:
        text = "Key frames, with where the network looked, can stand here where the cohort's clips are at hand."
        blocks.append(block("text", text=text))
    return blocks, tables, figures


def _attention(facts: Facts, one: explain.Person, privacy: Privacy) -> Parts:
    columns = [column("point or kind of information"), column("weight", "interval", digits=3)]
    columns += [] if privacy.names else [column("clip")]
    rows, again = [], "repeats" in _over(facts, one)
    for r in one.attention.itertuples():
        row = [r.token, [r.weight, *_spread(r.low, r.high, again)]]
        rows.append(row if privacy.names else [*row, r.clip])
    note = f"Weights add up to 1{', mean over repeats with lowest and highest' * again}. "
    note += "A weight says what the network's sum is made of; "
    note += "what moved the prediction stands above."
    made = table("Attention of the network that joins BLUE points and other information", columns, rows, note=note)
    return [block("table", key="patient-attention")], {"patient-attention": made}, {}


def _nearest(facts: Facts, one: explain.Person, privacy: Privacy) -> Parts:
    columns = [column("patient"), column("distance", "number", digits=3)]
    unit = f", {facts.unit}" if facts.unit else ""
    columns += [column(f"prediction{unit}", "number"), column(f"outcome{unit}", "text" if facts.binary else "number")]
    rows = [
        [privacy.patient(r.patient), r.distance, r.p, ("yes" if r.y else "no") if facts.binary else r.y]
        for r in one.nearest.itertuples()
    ]
    note = "The other patients whose predictions rest most on the same things: distance between Shapley values of variables. "
    note += facts.by_way(
        "They are of all folds, so not all of them were in the training of the models that predicted this patient.",
        "They were tested as this patient was: no model was trained on them.",
    )
    made = table("Nearest patients", columns, rows, note=note)
    return [block("table", key="patient-nearest")], {"patient-nearest": made}, {}


def _missing(one: explain.Person, run: Run) -> Parts:
    """Name what the arm looks at and did not have, the points of the cohort's protocol among it."""
    protocol = [str(p["point"]) for p in run.cohort.get("points") or [] if p.get("point")] or list(one.unscanned)
    seen = set(one.points["point"].astype(str))
    lacking = [f"a clip at {p}" for p in protocol if p not in seen] if seen or one.unscanned else []
    missing = list(dict.fromkeys([*one.missing, *lacking]))
    if not missing:
        return [block("text", text="Nothing that the arm looks at was missing.")], {}, {}
    return [block("list", items=missing)], {}, {}
