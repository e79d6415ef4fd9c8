"""Everything a report says, as one JSON-ready dict. Pages are drawn from it and from nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pandas as pd

import blues
from blues.cohort import Cohort, card
from blues.fuse import Run
from blues.fuse.naming import worded
from blues.report import arms, explained, extras, gain, people, risk
from blues.report.answer import INTENDED_USE, answer
from blues.report.checklists import checklists
from blues.report.document import block, column, table
from blues.report.facts import Facts
from blues.report.glossary import terms
from blues.report.leads import leads, question
from blues.report.limits import limits
from blues.report.methods import command, methods, place
from blues.report.people import Parts
from blues.report.privacy import Privacy, pseudonyms
from blues.report.settings import in_use
from blues.report.words import arm_label, clean

__all__ = ["summarize"]

SCHEMA = 1
TITLES = {
    "answer": "The answer",
    "who": "Who was studied",
    "asked": "What was asked, and when",
    "arms": "Arms side by side",
    "gain": "What imaging adds",
    "calibration": "Calibration",
    "utility": "Decision curves and thresholds",
    "explanations": "Explanations",
    "agreement": "Agreement with experts",
    "stay": "Length of stay",
    "robustness": "Robustness",
    "limits": "Limits",
    "methods": "Methods",
    "checklists": "Reporting checklists",
    "repeat": "Provenance, and how to repeat it",
    "terms": "Terms on this page",
    "use": "Intended use",
}
_TOLD_ELSEWHERE = ("damaged", "no_rules", "stay_doubt", "stay_note")
"""Facts of the design that stand among the limits in words."""
_NOT_PART = {
    "explanations": "Explanations (what the models rely on) are not part of this run.",
    "agreement": "Agreement between experts, and between model and experts, is not part of this run.",
    "stay": "Length of stay is not part of this run.",
    "terms": "This page uses no term that wants explaining.",
}


def summarize(
    run: Run,
    cohort: Cohort | None = None,
    agreements: Mapping[str, Any] | None = None,
    survival: Mapping[str, Any] | None = None,
    explanations: Mapping[str, Any] | None = None,
    *,
    pseudonymise: bool = True,
    paths: bool = False,
    folders: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return all that a report says.

    Parameters
    ----------
    run : Run
        From :func:`blues.fuse.run` or :meth:`blues.fuse.Run.load`.
    cohort : Cohort, optional
        Gives a fresh cohort card; without it the card saved with the run is taken.
    agreements, survival, explanations : mapping of str to result, optional
        Titles and results of ``agree``, ``survive`` and ``explain`` (frames or records); see :mod:`blues.report.extras`.
        What is not given is said to be not part of the run. Shapley values that the run itself holds are shown anyway.
    pseudonymise : bool
        Show ``P01``, ``P02``, ... instead of patient ids.
    paths : bool
        Keep file paths in texts.
    folders : tuple of str
        Folders that must not be named unless ``paths`` is set, such as the run's own.

    Returns
    -------
    dict
        JSON-ready (no NaN): ``schema``, ``title``, ``asks`` (words before the title, and the question above it), ``leads``
        (a line under the heading of a section), ``answer`` (headline, sentences, numbers, warnings), ``sections`` (key, title,
        blocks), ``tables``, ``figures`` (function of :mod:`blues.plots` and its data), ``explorer``,
        ``experiment``, ``provenance``.
    """
    if cohort is not None:
        run = _with_card(run, cohort)
    privacy = _privacy(Facts(run), cohort, pseudonymise, paths, folders)
    facts = Facts(worded(_private(run, privacy)))
    sections: list[dict[str, Any]] = []
    tables: dict[str, Any] = {}
    figures: dict[str, Any] = {}

    def add(key: str, parts: Parts | None) -> None:
        if parts is None:
            sections.append(
                {"key": key, "title": TITLES[key], "present": False, "blocks": [block("text", text=_NOT_PART[key])]}
            )
            return
        sections.append({"key": key, "title": TITLES[key], "present": True, "blocks": parts[0]})
        tables.update(parts[1])
        figures.update(parts[2])

    said = answer(facts)
    add("answer", ([block("answer")], {}, {}))
    add("who", people.who(facts, privacy))
    add("asked", people.asked(facts))
    add("arms", arms.arms(facts))
    add("gain", gain.gain(facts, privacy))
    add("calibration", risk.calibration(facts))
    add("utility", risk.utility(facts))
    add("explanations", _both(explained.explained(facts), extras.explanations(explanations, privacy)))
    add("agreement", extras.agreement(agreements, privacy))
    add("stay", extras.stay(survival, privacy))
    add("robustness", risk.robustness(facts))
    add("limits", ([block("list", items=limits(facts))], {}, {}))
    add("methods", ([block("text", text=text) for text in methods(facts)], {}, {}))
    present = {s["key"] for s in sections if s["present"]} | {"repeat", "use"}
    lists = checklists(present, extras.stated(agreements, privacy))
    add("checklists", (_checklist_blocks(lists), lists, {}))
    add("repeat", _repeat(facts, privacy))
    found = terms(said, sections, tables, [[f["title"], f["caption"]] for f in figures.values()])
    add("terms", ([block("facts", rows=found)], {}, {}) if found else None)
    add("use", ([block("text", text=INTENDED_USE)], {}, {}))
    whole = {
        "schema": SCHEMA,
        "blues": blues.__version__,
        "title": _title(facts),
        "subtitle": _subtitle(facts),
        "asks": question(facts),
        "leads": leads(facts, agreements),
        "tested_once": facts.moved is not None,
        "pseudonymised": pseudonymise,
        "answer": said,
        "sections": sections,
        "tables": tables,
        "figures": figures,
        "explorer": risk.explorer(facts),
        "experiment": _settings(facts, privacy),
        "provenance": {k: v for k, v in facts.run.provenance.items() if k != "clip_hashes"},
    }
    # ids went out above, before pseudonyms came in: a cohort may well call its own patients P01
    return dict(dataclasses.replace(privacy, names={}).value(clean(whole)))


def _both(first: Parts | None, second: Parts | None) -> Parts | None:
    """Return the parts of both, where both are there."""
    if first is None or second is None:
        return first or second
    return first[0] + second[0], first[1] | second[1], first[2] | second[2]


def _with_card(run: Run, cohort: Cohort) -> Run:
    task = getattr(run.experiment, "task", None)
    return dataclasses.replace(run, cohort=card(cohort, task if task in cohort.dictionary.targets else None))


def _private(run: Run, privacy: Privacy) -> Run:
    """Return the run with every free text in it treated; its numbers and the names of columns stay."""
    refused = run.refused.copy()
    if "reason" in refused:
        refused["reason"] = [privacy.text(str(r)) if pd.notna(r) else "" for r in refused["reason"]]
    treated = {name: privacy.value(clean(dict(getattr(run, name)))) for name in ("cohort", "design", "provenance")}
    notes = tuple(privacy.value([clean(dict(n)) for n in run.notes]))
    return dataclasses.replace(run, refused=refused, notes=notes, **treated)


def _settings(facts: Facts, privacy: Privacy) -> dict[str, Any]:
    """Return the experiment without where things lie, unless paths may be shown."""
    settings = {k: v for k, v in facts.experiment.items() if k not in ("from_", "out", "jobs")}
    for name in ("cohort", "weights"):
        if settings.get(name) is not None:
            settings[name] = place(str(settings[name]), privacy.paths)
    return settings


def _title(facts: Facts) -> str:
    cohort = facts.design["cohort"]
    return f"{facts.design['label']}" + (f" in {cohort}" if cohort else "")


def _subtitle(facts: Facts) -> str:
    seen = " + ".join(facts.design["modalities"]) or ", ".join(arm_label(a) for a in facts.arms)
    moment = str(facts.design["moment"]).replace("_", " ")
    return f"Predicted from {seen}" + (f" at {moment}" if moment else "")


def _privacy(facts: Facts, cohort: Cohort | None, pseudonymise: bool, paths: bool, folders: tuple[str, ...]) -> Privacy:
    run = facts.run
    names = pseudonyms(run.predictions, facts.experiment.get("seed")) if pseudonymise else {}
    clips = {str(d["clip"]) for d in run.provenance.get("quarantined") or [] if "clip" in d}
    if facts.design["level"] == "clip":
        clips |= set(facts.averaged["row"].astype(str)) | {str(d["row"]) for d in facts.design["dropped"]}
    if cohort is not None:
        clips |= set(cohort.clips.index.astype(str))
    # a person left out of the analysis has an id too
    others = {str(d["patient"]) for d in facts.design["dropped"] if "patient" in d} - set(names)
    names = names | dict.fromkeys(sorted(others), "a patient left out") if names else names
    keep = {str(c) for columns in facts.design["modalities"].values() for c in columns} | set(
        run.refused.get("column", pd.Series())
    )
    keep |= {str(r.get("column")) for r in run.cohort.get("table_one") or []}
    keep |= {str(r.get("column")) for r in run.cohort.get("missingness") or []} | set(facts.arms)
    return Privacy(
        names=names, clips=tuple(sorted(clips)), keep=frozenset(map(str, keep)), paths=paths, folders=folders
    )


def _checklist_blocks(lists: Mapping[str, Any]) -> list[dict[str, Any]]:
    text = (
        "Where a guideline's item has a place in this report, and where it has none. A place says that the item is spoken "
        "to, not that enough is said; what is not covered is for the authors to write."
    )
    blocks = [block("text", text=text)]
    return blocks + [
        block("details", summary=made["caption"], blocks=[block("table", key=key)]) for key, made in lists.items()
    ]


def _repeat(facts: Facts, privacy: Privacy) -> Parts:
    provenance = facts.run.provenance
    blocks = [block("code", title="Repeat this run", lines=command(facts, privacy.paths))]
    plain = [
        [str(k), str(v)]
        for k, v in provenance.items()
        if isinstance(v, str | int | float) and not isinstance(v, bool) and v != "" and k not in _TOLD_ELSEWHERE
    ]
    if plain:
        blocks.append(block("facts", rows=plain))
    tables = {}
    used = in_use(facts)
    settings = [
        [k, _one_line(v if used[k] == facts.experiment[k] else used[k])] for k, v in _settings(facts, privacy).items()
    ]
    tables["experiment"] = table("The experiment", [column("setting"), column("as it was in use")], settings)
    for key, caption in (
        ("packages", "Packages"),
        ("data", "Hashes of the data (SHA-256)"),
        ("encoder", "The encoder and its card"),
    ):
        value = provenance.get(key)
        if isinstance(value, Mapping) and value:
            rows = [[str(k), _one_line(v)] for k, v in value.items()]
            tables[key] = table(caption, [column("name"), column("value")], rows)
    blocks += [
        block("details", summary=made["caption"], blocks=[block("table", key=key)]) for key, made in tables.items()
    ]
    return blocks, tables, {}


def _one_line(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{k}: {_one_line(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        text = ", ".join(_one_line(v) for v in value)
        return text if len(text) <= 600 else text[:600] + " …"
    return "" if value is None else str(value)
