"""The cohort card: everything about a cohort that a reader of results must know, as plain values."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable
from typing import Any

import pandas as pd

from blues.cohort.baseline import missingness, table_one
from blues.cohort.findings import UNDECIDED, quoted
from blues.cohort.labels import OF_STAYS, of_target
from blues.cohort.persons import ONE_PERSON
from blues.cohort.record import Cohort
from blues.cohort.schema import NO, YES
from blues.cohort.targets import binary_counts, definition

__all__ = ["card", "twice", "undecided", "unmet", "unused"]

SEVERAL = 10


def card(cohort: Cohort, target: str | None = None, correlated: Collection[Hashable] | None = None) -> dict[str, Any]:
    """Return the account of a cohort that goes with every result, ready for JSON.

    Parameters
    ----------
    cohort : Cohort
    target : str, optional
        A target of the dictionary: adds its step to the flow, splits Table 1, tests missingness against it and says
        what may not predict it.
    correlated : collection of ids, optional
        As in :func:`table_one`.

    Returns
    -------
    dict
        name, licence, citation, note (str); patients, clips (int); frames (None: reading does not decode clips);
        points (list of {point, clips, retakes, patients}); flow (list of {step, patients, clips}); ratings (list of
        {item, label, raters, clips, values}); targets (list of {name, label, kind, level, unit, moment, n, events,
        median, definition, note}); target (the chosen one's entry, or None); roles (list of {role, columns, groups});
        table_one, missingness, findings, refused (lists of rows); correlated (how many patients correlations are of, None for
        all); ranges (column -> {range, reference}, where the dictionary
        has one); decoded, odd, left_out (lists of sentences).

    Raises
    ------
    InputError
        If the dictionary has no such target.
    """
    dictionary = cohort.dictionary
    targets = [_target_entry(cohort, name) for name in dictionary.targets]
    chosen = None
    if target is not None:
        dictionary.target(target)
        chosen = next(entry for entry in targets if entry["name"] == target)
    return {
        "name": cohort.name,
        "licence": dictionary.licence,
        "citation": dictionary.citation,
        "note": dictionary.note,
        "patients": len(cohort.patients),
        "clips": len(cohort.clips),
        "frames": None,
        "points": _points(cohort),
        "flow": _flow(cohort, target),
        "ratings": _ratings(cohort),
        "targets": targets,
        "target": chosen,
        "roles": _roles(cohort),
        "table_one": _records(table_one(cohort, target, correlated)),
        "correlated": None if correlated is None else len(correlated),
        "missingness": _records(missingness(cohort, target)),
        "findings": _records(cohort.findings),
        "ranges": _ranges(cohort),
        "refused": [] if target is None else _refused(cohort, target),
        "decoded": _sentences(cohort.findings, ("decoded", "missing", "not applicable")),
        "odd": _sentences(cohort.findings, ("odd",)),
        "left_out": _sentences(cohort.findings, ("left out",)) + _left_out_columns(cohort),
    }


def _ranges(cohort: Cohort) -> dict[str, dict[str, list[float] | None]]:
    """Return what is possible and what is usual in health, of the columns whose dictionary says one of them."""
    pairs = {name: {"range": c.range, "reference": c.reference} for name, c in cohort.dictionary.columns.items()}
    return {
        name: {what: list(pair) if pair else None for what, pair in of.items()}
        for name, of in pairs.items()
        if any(of.values())
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows with None for every missing value and plain Python numbers."""
    rows: list[dict[str, Any]] = table.astype(object).to_dict("records")
    return [{key: _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value.item() if hasattr(value, "item") else value


def _flow(cohort: Cohort, target: str | None) -> list[dict[str, Any]]:
    """Return the steps from the table to the complete patients, each among those of the step before."""
    clips, patients = cohort.clips, cohort.patients.index
    steps: list[dict[str, Any]] = [
        {"step": f"in {cohort.dictionary.files.patients}", "patients": len(patients), "clips": len(clips)}
    ]

    def step(text: str, kept: pd.Index) -> None:
        steps.append({"step": text, "patients": len(kept), "clips": int(clips["patient"].isin(kept).sum())})

    if target is not None and cohort.dictionary.target(target).level == "patient":
        patients = patients[cohort.target(target).notna()]
        step(f"with a known outcome ({cohort.dictionary.target(target).label})", patients)
    if len(clips):
        patients = patients[patients.isin(clips["patient"])]
        step("with at least one clip", patients)
    if len(cohort.points) > 1:
        scanned = clips.groupby("patient")["point"].nunique()
        patients = patients[scanned.reindex(patients).to_numpy() == len(cohort.points)]
        step(f"with all {len(cohort.points)} points ({', '.join(cohort.points)})", patients)
    return steps


def _points(cohort: Cohort) -> list[dict[str, Any]]:
    found = []
    for point in cohort.points:
        here = cohort.clips[cohort.clips["point"] == point]
        retakes, patients = int((here["take"] > 1).sum()), here["patient"].nunique()
        found.append({"point": point, "clips": len(here), "retakes": retakes, "patients": patients})
    return found


def _ratings(cohort: Cohort) -> list[dict[str, Any]]:
    if cohort.dictionary.ratings is None:
        return []
    found = []
    for name, item in cohort.dictionary.ratings.items.items():
        rated = cohort.ratings[(cohort.ratings["item"] == name) & cohort.ratings["rating"].notna()]
        counts = rated["rating"].value_counts().sort_index() if item.kind != "continuous" else {}
        words = {0.0: "no", 1.0: "yes"} if item.kind == "binary" else {}
        found.append(
            {
                "item": name,
                "label": item.label or name,
                "kind": item.kind,
                "note": item.note,
                "raters": sorted(rated["rater"].unique()),
                "clips": int(rated["clip"].nunique()),
                "values": {words.get(value, f"{value:g}"): int(n) for value, n in counts.items()},
            }
        )
    return found


def _target_entry(cohort: Cohort, name: str) -> dict[str, Any]:
    spec, values = cohort.dictionary.targets[name], cohort.target(name)
    known = values.dropna()
    return {
        "name": name,
        "label": spec.label,
        "kind": spec.kind,
        "level": spec.level,
        "unit": spec.unit,
        "moment": spec.moment,
        "n": len(known),
        "events": binary_counts(known)[0] if spec.kind == "binary" else None,
        "median": None if not spec.plain_numbers or known.empty else float(known.median()),
        "definition": definition(spec, cohort.patients),
        "note": spec.note,
    }


def _roles(cohort: Cohort) -> list[dict[str, Any]]:
    columns = cohort.dictionary.columns
    found = []
    for role in dict.fromkeys(["clinical", "blood", "expert", *(column.role for column in columns.values())]):
        of_role = [column for column in columns.values() if column.role == role]
        groups: dict[str, int] = {}
        for column in of_role:
            if column.group:
                groups[column.group] = groups.get(column.group, 0) + 1
        if rated := len(cohort.dictionary.block(role)) - len(of_role):
            groups["rated items"] = rated
        if of_role or groups:
            found.append({"role": role, "columns": len(of_role) + rated, "groups": groups})
    return found


def _refused(cohort: Cohort, target: str) -> list[dict[str, Any]]:
    dictionary = cohort.dictionary
    items = list(dictionary.ratings.items) if dictionary.ratings is not None else []
    found = []
    for name in [*items, *dictionary.columns]:
        reason = dictionary.refusal(name, target)
        if reason is not None:
            column = dictionary.columns.get(name)
            found.append(
                {
                    "column": name,
                    "label": dictionary.label(name),
                    "role": "expert" if column is None else column.role,
                    "known": "admission" if column is None else column.known,
                    "reason": reason,
                }
            )
    return found


def unused(cohort: Cohort) -> list[str]:
    """Tell what is in the cohort's files and is not used: values that cannot be read, files and rows without a place.

    Parameters
    ----------
    cohort : Cohort

    Returns
    -------
    list of str
        Each with file, row, column and value, as far as they are known, and what was done; :func:`card` tells everything else.
    """
    met = cohort.findings
    if met.empty:
        return []
    lost = met["kind"].isin(["odd", "left out"]) & met["done"].str.startswith(("no value", "left out"))
    return _sentences(met[lost], ("odd", "left out"))


def undecided(cohort: Cohort) -> list[str]:
    """Tell of the questions of a draft that nobody has decided.

    Parameters
    ----------
    cohort : Cohort

    Returns
    -------
    list of str
        One sentence with the file and how many, or none.
    """
    return _ending(cohort, UNDECIDED)


def twice(cohort: Cohort) -> list[str]:
    """Tell of patients who may be one person under two ids: folds would part them.

    Parameters
    ----------
    cohort : Cohort

    Returns
    -------
    list of str
        A sentence each on clips and on values that are equal, with the first pairs and how many; or none.
    """
    return _ending(cohort, ONE_PERSON)


def unmet(cohort: Cohort, task: str) -> list[str]:
    """Tell of conditions on labels that nobody meets, and of labels beside them that may be meant.

    Parameters
    ----------
    cohort : Cohort
    task : str
        The target whose conditions are told of; those of the stays are always.

    Returns
    -------
    list of str
        A sentence each, with the column and what it holds; or none.
    """
    return _ending(cohort, of_target(task)) + _ending(cohort, OF_STAYS)


def _ending(cohort: Cohort, words: str) -> list[str]:
    return _sentences(cohort.findings[cohort.findings["what"].str.endswith(words)], ("odd",))


def _sentences(findings: pd.DataFrame, kinds: Iterable[str]) -> list[str]:
    """Tell the findings of some kinds; what was found in several places is one sentence."""
    chosen = findings[findings["kind"].isin(list(kinds))]
    mass = set(kinds) == {"decoded", "missing", "not applicable"}
    if mass:
        chosen = chosen[~chosen.apply(_says_itself, axis=1)] if len(chosen) else chosen
    sentences = []
    for (what, done, *value), same in chosen.groupby(["what", "done"] + ["value"] * mass, sort=False):
        if len(same) == 1 and not mass:
            sentences.append(f"{_place(same.iloc[0])}: {what}; {done}")
            continue
        shown = _places(same, mass)
        code = f" {quoted(value[0])}" if mass and value[0] else ""
        cells = int(same["cells"].sum())
        total = f"{cells} cell{'s' * (cells > 1)}" if mass else str(len(same))
        sentences.append(f"{what[0].upper()}{what[1:]}{code}: {done}; {total} ({shown})")
    return sentences


def _places(same: pd.DataFrame, mass: bool) -> str:
    """Return the first places of one finding; a file and column that all of them share stand first."""
    one = not mass and len(set(zip(same["file"], same["column"], strict=True))) == 1
    if mass:
        places = [f"{row.column} {row.cells}" for row in same.itertuples()]
    elif one:
        places = [_cell(row) for row in same.itertuples()]
    else:
        places = [_place(row) for row in same.itertuples()]
    rest = len(places) - SEVERAL
    first = ", ".join(part for part in (same.iloc[0]["file"], same.iloc[0]["column"]) if part) + ": " if one else ""
    return first + ", ".join(places[:SEVERAL]) + (f" and {rest} more" if rest > 0 else "")


def _says_itself(finding: Any) -> bool:
    """Return whether a code means what it says, such as ``yes`` read as yes or ``1`` read as yes: nothing to tell."""
    if finding.what not in ("code", "word"):
        return False
    meaning = str(finding.done).removeprefix("read as ").strip("'")
    pairs = [{str(finding.value).lower(), meaning.lower()} <= set(words) for words in (YES, NO)]
    return any(pairs) or finding.value == meaning


def _place(finding: Any) -> str:
    """Return where a finding was made: file, row, column, value, as far as they are known."""
    row = "" if pd.isna(finding.row) else f" row {finding.row}"
    return ", ".join(part for part in (f"{finding.file}{row}", finding.column, _value(finding)) if part)


def _cell(finding: Any) -> str:
    """Return row and value of a finding."""
    row = "" if pd.isna(finding.row) else f"row {finding.row}"
    return " ".join(part for part in (row, _value(finding)) if part)


def _value(finding: Any) -> str:
    return quoted(finding.value) if finding.value and finding.value not in finding.file else ""


def _left_out_columns(cohort: Cohort) -> list[str]:
    """Tell which columns the dictionary excludes, by reason."""
    reasons: dict[str, list[str]] = {}
    for name in cohort.dictionary.block("excluded"):
        reasons.setdefault(cohort.dictionary.columns[name].note or "excluded by the dictionary", []).append(name)
    for name in cohort.dictionary.block("leak"):
        reasons.setdefault(f"leak: {cohort.dictionary.columns[name].note}", []).append(name)
    return [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
