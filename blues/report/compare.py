"""Two runs side by side: what differs in their experiments, and what that did to the scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import blues
from blues import evaluate
from blues.fuse import Run
from blues.fuse.naming import worded
from blues.fuse.settled import read_from
from blues.report.answer import INTENDED_USE, answer, digits
from blues.report.document import block, column, figure, table
from blues.report.facts import Facts
from blues.report.methods import place
from blues.report.settings import in_use
from blues.report.summary import SCHEMA
from blues.report.words import CONSTANT, MEAN, arm_label, clean, metric

__all__ = ["compare"]

_PLACES = ("cohort", "weights")
_NAMES = (
    "No patient is named here. In the reports of the two runs, names such as P07 are each run's own: P07 of one is another "
    "patient in the other."
)


def compare(a: Run, b: Run, names: tuple[str, str] = ("A", "B"), *, paths: bool = False) -> dict[str, Any]:
    """Return two runs side by side, in the shape of :func:`blues.report.summarize`, for the same renderers.

    Parameters
    ----------
    a, b : Run
    names : tuple of str
        What to call them.
    paths : bool
        Keep file paths in texts.

    Returns
    -------
    dict
        Sections: what each says, what differs in the experiments, scores arm by arm. Where both runs predict the same
        binary outcome of the same patients, the difference in AUROC (b minus a) has a paired interval (DeLong on predictions
        averaged over repeats); otherwise none is given.
    """
    first, second = Facts(worded(a)), Facts(worded(b))
    differing, equal = _settings(first, second, names, paths)
    tables = {"settings": differing, "same": equal, "scores": _scores(first, second, names)}
    same = _same_rows(first, second)
    if not same:
        why = "The runs differ in patients or outcome, so no difference is tested: their scores are not of the same thing."
    elif first.binary:
        why = "Both runs predict the same outcome of the same patients, so their difference is paired."
    else:
        why = (
            "Both runs predict the same outcome of the same patients. An interval of the difference is given for outcomes of "
            "yes or no alone, so whether these runs differ is not tested."
        )
    figures: dict[str, Any] = {}
    blocks = [block("text", text=why), block("table", key="scores")]
    if same and first.binary:
        tables["paired"] = _paired(first, second, names)
        figures["paired"] = _forest(tables["paired"], names)
        blocks += [block("figures", keys=["paired"]), block("table", key="paired")]
    said = [answer(f) for f in (first, second)]
    told = [[name, f"{s['headline']}. {' '.join(s['sentences'])}"] for name, s in zip(names, said, strict=True)]
    settings = [
        block("table", key="settings"),
        block("details", summary=equal["caption"], blocks=[block("table", key="same")]),
    ]
    sections = [
        {"key": key, "title": title, "present": True, "blocks": parts}
        for key, title, parts in (
            ("answers", "What each run says", [block("facts", rows=told), block("text", text=_NAMES)]),
            ("settings", "What differs in the experiments", settings),
            ("scores", "Scores side by side", blocks),
            ("use", "Intended use", [block("text", text=INTENDED_USE)]),
        )
    ]
    whole = {
        "schema": SCHEMA,
        "blues": blues.__version__,
        "title": f"Two runs: {names[0]} and {names[1]}",
        "subtitle": "Side by side, and what differs in their experiments",
        "asks": ("Compared", "What does lung ultrasound add?"),
        "tested_once": False,
        "pseudonymised": False,
        "answer": {
            "headline": "",
            "sentences": [],
            "warnings": [],
            "numbers": {"verdict": None, "enough_events": True},
        },
        "sections": sections,
        "tables": tables,
        "figures": figures,
        "explorer": None,
        "experiment": {},
        "provenance": {},
    }
    return dict(clean(whole))


def _settings(a: Facts, b: Facts, names: tuple[str, str], paths: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings that differ and those that are the same; data, code and packages among them."""
    left, right = _all_settings(a, paths), _all_settings(b, paths)
    rows = [[key, left.get(key, "not set"), right.get(key, "not set")] for key in dict.fromkeys([*left, *right])]
    differing = [row for row in rows if row[1] != row[2]]
    equal = [row[:2] for row in rows if row[1] == row[2]]
    columns = [column("setting"), *(column(name, mixed=True) for name in names)]
    return (
        table(f"{len(differing)} of {len(rows)} settings differ", columns, differing),
        table(f"{len(equal)} settings are the same", [column("setting"), column("both runs")], equal),
    )


def _all_settings(facts: Facts, paths: bool) -> dict[str, str]:
    found = {}
    for name, value in in_use(facts).items():
        if name in ("out", "from_", "jobs"):
            continue
        text = ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        found[name.replace("_", " ")] = place(text, paths) if name in _PLACES and value is not None else text
    p = facts.run.provenance
    for name in ("blues", "commit", "python", "machine"):
        if p.get(name):
            found[name if name != "blues" else "version of blues"] = str(p[name])
    found |= {f"packages: {k}": str(v) for k, v in (p.get("packages") or {}).items()}
    found |= read_from(p)
    found |= {f"training cohort's {k}": v for k, v in read_from(p.get("trained_on") or {}).items()}
    encoder = p.get("encoder") or {}
    found |= {f"encoder: {k}": str(encoder[k]) for k in ("name", "hash") if k in encoder}
    patients, events, _ = facts.people()
    found["patients analysed"] = str(patients)
    if facts.binary:
        found["with the outcome"] = str(events)
    return found


def _scores(a: Facts, b: Facts, names: tuple[str, str]) -> dict[str, Any]:
    rows = []
    metrics = [m for m in dict.fromkeys(a.scores["metric"]) if m in set(b.scores["metric"])]
    for arm in dict.fromkeys([*a.arms, *b.arms]):
        for name in metrics:
            one, two = list(a.score(arm, name)), list(b.score(arm, name))
            if np.isfinite(one[0]) or np.isfinite(two[0]):
                rows.append([arm_label(arm), metric(name).label, one, two, two[0] - one[0]])
    columns = [
        column("arm"),
        column("metric"),
        column(names[0], "interval", digits(a)),
        column(names[1], "interval", digits(b)),
    ]
    columns.append(column(f"{names[1]} minus {names[0]}", "number", 3, sign=True))
    return table("Scores of both runs, arm by arm", columns, rows, filters=True)


def _same_rows(a: Facts, b: Facts) -> bool:
    """Return whether both runs predict the same outcome of the same rows: of a time, what ended it too."""
    if a.design["kind"] != b.design["kind"]:
        return False
    left, right = (_outcomes(f.run.predictions) for f in (a, b))
    alike = left.index.equals(right.index) and left.columns.equals(right.columns)
    return bool(alike and (left == right).all(axis=None))


def _outcomes(predictions: pd.DataFrame) -> pd.DataFrame:
    rows = predictions["clip" if "clip" in predictions else "patient"].astype(str)
    known = [name for name in ("y", "event") if name in predictions]
    return predictions.assign(row=rows).drop_duplicates("row").set_index("row")[known].sort_index()


def _paired(a: Facts, b: Facts, names: tuple[str, str]) -> dict[str, Any]:
    rows = []
    for arm in (x for x in a.arms if x in b.arms):
        if arm in (CONSTANT, MEAN):  # which rank nobody
            continue
        both = a.of(arm).merge(b.of(arm)[["row", "p"]], on="row", suffixes=("", "_b"))
        if both["y"].nunique() < 2:
            continue
        clusters = both["patient"] if both["patient"].duplicated().any() else None
        test = evaluate.delong_test(both["y"], both["p_b"], both["p"], clusters)
        rows.append([arm_label(arm), [test.estimate, test.low, test.high], test.p_value, len(both)])
    what = metric("auroc" if a.moved and b.moved else "auroc_mean_prediction").label
    columns = [column("arm"), column(f"difference in {what}, {names[1]} minus {names[0]}", "interval", 3, sign=True)]
    columns += [column("p", "p"), column("compared", "integer")]
    averaged = "" if a.moved and b.moved else " averaged over repeats, which the scores above are not"
    note = f"DeLong on predictions{averaged}: it compares these fitted predictions, not the ways of making them."
    return table(f"Paired difference in {what}", columns, rows, note=note)


def _forest(paired: dict[str, Any], names: tuple[str, str]) -> dict[str, Any]:
    rows = [(row[0].replace(" + ", "+"), *row[1]) for row in paired["rows"]]
    return figure(
        "arms_forest",
        f"{paired['caption']}, {names[1]} minus {names[0]}",
        "Paired difference with 95% interval. An interval across the dotted line at 0 does not show a difference, nor that "
        "there is none.",
        scores=pd.DataFrame(rows, columns=["arm", "value", "low", "high"]),
        metric=f"{paired['caption'].removeprefix('Paired ')}, {names[1]} − {names[0]}",
        chance=0.0,
    )
