"""Who was studied, and what was asked when: the first two sections after the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from blues.check import counted
from blues.report.document import block, column, figure, from_records, table
from blues.report.facts import Facts
from blues.report.privacy import Privacy

__all__ = ["asked", "who"]

Parts = tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]
"""Blocks, tables by key, figures by key."""


def who(facts: Facts, privacy: Privacy) -> Parts:
    """Return the flow of patients and clips, Table 1, missingness, and what reading the cohort met."""
    card = facts.run.cohort
    steps = _flow(facts, card.get("flow") or [])
    blocks = [block("facts", rows=rows)] if (rows := _about(card)) else []
    blocks.append(block("flow", steps=steps))
    tables: dict[str, Any] = {}
    spoken = "; ".join(f"{s['step']}: {s['n']}" for s in steps)
    figures = {"flow": figure("flow", "Participant flow", "Participant flow.", spoken, steps=pd.DataFrame(steps))}
    if left_out := _left_out(facts):
        tables["left-out"] = left_out
        blocks.append(block("table", key="left-out"))
    if card.get("table_one"):
        tables["table-one"] = _table_one(facts, pd.DataFrame(card["table_one"]))
        blocks.append(block("table", key="table-one"))
    else:
        blocks.append(block("text", text="Table 1 is not part of this run folder."))
    _add_missingness(card.get("missingness"), blocks, tables, figures)
    for name, caption in (
        ("points", "Clips by BLUE point"),
        ("ratings", "Expert ratings"),
        ("targets", "Outcomes the cohort offers"),
    ):
        if made := from_records(caption, card.get(name)):
            tables[name] = made
            blocks.append(block("details", summary=caption, blocks=[block("table", key=name)]))
    for name, caption in (
        ("odd", "What was odd on reading"),
        ("left_out", "What reading left out"),
        ("decoded", "What the dictionary decoded on reading"),
    ):
        if told := [privacy.row(str(text)) for text in card.get(name) or []]:
            blocks.append(block("details", summary=f"{caption} ({len(told)})", blocks=[block("list", items=told)]))
    return blocks, tables, figures


def _about(card: Mapping[str, Any]) -> list[list[str]]:
    rows = [["Cohort", str(card["name"])]] if card.get("name") else []
    for key in ("patients", "clips", "frames"):
        if _is_count(card.get(key)):
            rows.append([key.capitalize(), f"{card[key]:,}"])
    return rows + [[k.capitalize(), str(card[k])] for k in ("note", "licence", "citation") if card.get(k)]


def _flow(facts: Facts, records: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the steps as ``step, n, excluded``; the last one is what the run used.

    A step of the card that holds fewer patients than the run used shut nobody out: it is told as a part of the last one.
    """
    steps: list[dict[str, Any]] = []
    parts: list[str] = []
    before: int | None = None
    used, events, others = facts.people()
    for record in records:
        counts = {k: v for k, v in record.items() if k in ("patients", "clips", "n") and _is_count(v)}
        patients = counts.get("patients", counts.get("n", 0))
        if patients < used:
            parts.append(f"{patients:,} of them {record.get('step', '')}")
            continue
        said = ", ".join(f"{v:,}" if k == "n" else f"{v:,} {k}" for k, v in counts.items())
        steps.append({"step": str(record.get("step", "")), "n": said, "excluded": _lost(before, patients)})
        before = patients
    n = counted(used, "patient") + (f" ({events} with, {others} without the outcome)" if facts.binary else "")
    last = {"step": "in this analysis: outcome known, at least one modality", "n": n}
    unread = len(facts.run.provenance.get("quarantined") or [])
    lost = f"{counted(unread, 'clip')} of those above could not be read" if unread else ""
    return [*steps, last | {"excluded": "; ".join(filter(None, [_lost(before, used), *parts, lost]))}]


def _lost(before: int | None, after: int) -> str:
    return f"{counted(before - after, 'patient')} left out" if before is not None and before > after else ""


_TOLD = {
    "difference": "Standardised difference: of the means, over the pooled standard deviation (of shares, for yes and no); "
    "where a variable is skewed, medians can differ and means not.",
    "correlation": "Rank correlation: Spearman's, with the outcome.",
}
"""What the note below Table 1 says of a column."""


def _table_one(facts: Facts, frame: pd.DataFrame) -> dict[str, Any]:
    """Return Table 1 as the cohort card gives it, the empty columns left out, grouped."""
    names = [
        ("overall", column("all", mixed=True)),
        ("without", column("without the outcome", mixed=True)),
        ("with", column("with the outcome", mixed=True)),
        ("missing", column("missing", "integer")),
        ("difference", column("standardised difference", "number", sign=True)),
        ("correlation", column("rank correlation", "number", sign=True)),
    ]
    kept = [(n, c) for n, c in names if n in frame and frame[n].replace("", None).notna().any()]
    unit = frame["unit"].fillna("") if "unit" in frame else [""] * len(frame)
    first = [f"{v}, {u}" if u else str(v) for v, u in zip(frame["variable"], unit, strict=True)]
    rows = [[name, *(record[n] for n, _ in kept)] for name, record in zip(first, frame.to_dict("records"), strict=True)]
    told = dict(_TOLD)
    if facts.timed:
        told["correlation"] += _whose_times(facts)
    made = table(
        f"Table 1. Patients by {facts.design['label']}",
        [column("variable"), *(c for _, c in kept)],
        rows,
        note=" ".join(
            ["Median [quartiles] or number (percent of those known).", *(told[n] for n, _ in kept if n in told)]
        ),
    )
    made["groups"] = [str(g or "") for g in frame["group"]] if "group" in frame else []
    return made


def _whose_times(facts: Facts) -> str:
    """Say whose times the correlations of Table 1 are of: a death, or a stay that had not ended, is no time to discharge."""
    if (n := facts.run.cohort.get("correlated")) is None:
        return (
            " Deaths and stays whose end is not known count in it with the time they were seen, as if discharged then."
        )
    alive = counted(n, "patient")
    return f" It is of the {alive} discharged alive: deaths and stays whose end is not known are left out of it."


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _left_out(facts: Facts) -> dict[str, Any] | None:
    """Return why rows and clips were left out, as counts: the reasons name no patient."""
    reasons = Counter(("rows", str(d.get("reason", ""))) for d in facts.design["dropped"])
    unread = facts.run.provenance.get("quarantined") or []
    reasons.update(("clips", str(d.get("reason", "unreadable"))) for d in unread)
    if not reasons:
        return None
    rows = [[what, why, n] for (what, why), n in reasons.most_common()]
    return table("Left out of the analysis", [column("what"), column("why"), column("number", "integer")], rows)


def _add_missingness(records: Any, blocks: list[Any], tables: dict[str, Any], figures: dict[str, Any]) -> None:
    """Add the figure and the table of missing values; the card lists the variables that lack some."""
    frame = pd.DataFrame(records or [])
    if not {"column", "n", "absent"} <= set(frame):
        blocks.append(
            block("text", text="No variable lacks a value." if records == [] else "Missing values are not recorded.")
        )
        return
    frame["missing"] = frame["absent"] / frame["n"]
    frame["label"] = frame["variable"] if "variable" in frame else frame["column"]
    shares = frame[["label", "missing", "role"]].rename(columns={"label": "column"})
    predictors = shares[shares["role"].isin(("clinical", "blood", "expert"))]
    if len(predictors):
        worst = predictors.sort_values("missing", ascending=False).iloc[0]
        figures["missingness"] = figure(
            "missingness",
            "Missing values of the predictors",
            "Share of patients without a value, clinical variables and blood tests, most incomplete first. Values that do not "
            "apply to a patient count as missing here; the table tells them apart.",
            f"The most incomplete is {worst['column']}: {100 * worst['missing']:.0f} percent missing.",
            frame=predictors,
            most=20,
        )
        blocks.append(block("figures", keys=["missingness"]))
    kept = {"label": column("variable"), "role": column("role"), "missing": column("missing", "share")}
    kept |= {
        "absent": column("patients without a value", "integer"),
        "not_applicable": column("of these, not applicable", "integer"),
    }
    if frame.get("absent_with") is not None and frame["absent_with"].notna().any():
        kept |= {"absent_with": column("with the outcome", "integer"), "absent_without": column("without", "integer")}
        kept |= {"p_value": column("p, Fisher", "p")}
    kept = {name: of for name, of in kept.items() if name in frame}
    cells = frame.sort_values("missing", ascending=False, kind="stable")[list(kept)].to_numpy(object).tolist()
    note = (
        "p: whether a value is missing more often with the outcome; many such tests, not adjusted."
        if "p_value" in kept
        else ""
    )
    tables["missingness"] = table("Missing values by variable", list(kept.values()), cells, note=note, filters=True)
    summary = f"Missing values of {counted(len(frame), 'variable')}"
    blocks.append(block("details", summary=summary, blocks=[block("table", key="missingness")]))


def asked(facts: Facts) -> Parts:
    """Return the task, the moment of prediction, what could predict, and what was refused and why."""
    design, experiment = facts.design, facts.experiment
    kinds = {"binary": "yes or no", "ordinal": "ordered grades", "continuous": "a number", "time": "time to an event"}
    rows = [
        ["Outcome", f"{design['label']} ({design['task']})"],
        *(
            [["How it is made", str(made)]]
            if (made := (facts.run.cohort.get("target") or {}).get("definition"))
            else []
        ),
        ["Kind of outcome", kinds.get(design["kind"], str(design["kind"]))],
        ["Unit of a prediction", f"one {design['level']}; splits, intervals and tests go by patient"],
        ["Moment of prediction", str(design["moment"]).replace("_", " ") or "not recorded"],
    ]
    with_values = design.get("patients_with", {})
    for name, columns in design["modalities"].items():
        seen = f", known for {with_values[name]} patients" if name in with_values else ""
        rows.append([f"May predict: {name}", f"{counted(len(columns), 'column')}{seen}"])
    if experiment.get("allow"):
        rows.append(["Allowed by name", ", ".join(experiment["allow"])])
    blocks = [block("facts", rows=rows)]
    tables: dict[str, Any] = {}
    refused = facts.run.refused
    if len(refused):
        columns = [column("variable"), column("role"), column("known"), column("why it may not predict")]
        cells = refused.reindex(columns=["column", "role", "known", "reason"]).astype(object).where(refused.notna(), "")
        caption = f"Refused as predictors ({len(refused)})"
        tables["refused"] = table(caption, columns, cells.to_numpy().tolist(), filters=True)
        text = (
            f"{counted(len(refused), 'variable')} of the cohort may not predict this outcome: known too late, the outcome "
            "itself, or closed by the dictionary. They were refused by name, not dropped in silence."
        )
        blocks += [block("text", text=text), block("table", key="refused")]
    named = [[name, ", ".join(map(str, columns))] for name, columns in design["modalities"].items()]
    if named:
        tables["predictors"] = table(
            "Columns that could predict, by modality", [column("modality"), column("columns")], named
        )
        blocks.append(
            block("details", summary="All columns that could predict", blocks=[block("table", key="predictors")])
        )
    return blocks, tables, {}
