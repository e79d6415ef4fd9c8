"""From the summary to one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from blues import evaluate, plots
from blues.agree import templates
from blues.check import interval, number, signed
from blues.explain.overlay import COLOURS_SAY
from blues.report.answer import INTENDED_USE
from blues.report.checklists import NOT_COVERED
from blues.report.document import cell_text, draw, sort_key
from blues.report.privacy import OWN_NAMES
from blues.report.words import arm_label, metric

__all__ = ["environment", "render", "render_patient"]

_HOVER = {
    "roc": ("fpr", "tpr", "1 − specificity", "sensitivity"),
    "precision_recall": ("recall", "precision", "recall", "precision"),
    "calibration": ("predicted", "observed", "predicted", "observed"),
    "decision_curve": ("threshold", "net_benefit", "threshold", "net benefit"),
    "learning_curve": ("patients", "value", "patients", "score"),
    "survival": ("time", "survival", "day", "event-free"),
    "cumulative_incidence": ("time", "incidence", "day", "incidence"),
}
_EXPLORER = (
    "sensitivity",
    "specificity",
    "net benefit",
    "PPV",
    "NPV",
    "called, with outcome",
    "called, without",
)


def environment() -> jinja2.Environment:
    """Return the templates' environment: everything is escaped unless it is marked as ours."""
    made = templates.environment("blues.report", "templates")
    made.globals["not_covered"] = NOT_COVERED
    made.globals["own_names"] = OWN_NAMES
    made.globals["colours_say"] = COLOURS_SAY
    made.filters["cell"] = cell_text
    made.filters["sort_key"] = sort_key
    made.filters["grouped"] = _grouped
    made.filters["decimals"] = lambda value: number(value, 3)
    made.filters["is_long"] = _is_long
    made.filters["longest"] = _longest
    made.filters["interval_value"] = lambda cell, of: (signed if of["sign"] else number)(cell[0], of["digits"])
    made.filters["interval_limits"] = _limits
    return made


def _limits(cell: list[float | None], of: Mapping[str, Any]) -> str:
    """Return the limits of an interval in brackets, or nothing where there are none."""
    whole = interval(cell[0], cell[1], cell[2], of["digits"], of["sign"])
    return whole.partition(" ")[2]


def _is_long(block: Mapping[str, Any], report: Mapping[str, Any]) -> bool:
    """Return whether a part that opens holds a table of more than a page."""
    return _longest(block, report) > 50


def _longest(block: Mapping[str, Any], report: Mapping[str, Any]) -> int:
    """Return the rows of the longest table of a part that opens."""
    keys = [b["key"] for b in block["blocks"] if b["type"] == "table"]
    return max((len(report["tables"][key]["rows"]) for key in keys), default=0)


def _grouped(table: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    pairs = zip(table["groups"], table["rows"], strict=True)
    for name, rows in itertools.groupby(pairs, key=lambda pair: pair[0]):
        yield {"name": name, "rows": [row for _, row in rows]}


def source(environment_: jinja2.Environment, name: str) -> str:
    """Return a template's text as it is in the package."""
    assert environment_.loader is not None
    return environment_.loader.get_source(environment_, name)[0]


def style(environment_: jinja2.Environment) -> str:
    """Return the style sheet with the colours of the figures."""
    colours = {
        name: ";".join(f"--{k}:{v}" for k, v in theme.items())
        for name, theme in (("LIGHT", plots.LIGHT), ("DARK", plots.DARK))
    }
    text = source(environment_, "style.css")
    for name, rule in colours.items():
        text = text.replace(name + ";", rule + ";")
    return text


def script_hash(script: str) -> str:
    """Return what the page's content security policy allows to run: this script and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def inside_script(value: Any) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def render(summary: Mapping[str, Any]) -> str:
    """Return the report as one HTML page that needs no network and no other file.

    Parameters
    ----------
    summary : dict
        From :func:`blues.report.summarize`, or read back from its JSON.

    Returns
    -------
    str
        Every text from the data is escaped; the only script is the package's own, allowed by its hash. The same summary gives
        the same page.
    """
    pictures = _pictures(summary)
    hover = {key: made for key in pictures if (made := _hover(summary["figures"][key]))}
    explorer = summary.get("explorer")
    names = {arm: arm_label(arm) for arm in (explorer or {"arms": {}})["arms"]}
    return _filled(
        "page.html",
        summary,
        pictures,
        {"hover": hover, "explorer": explorer, "names": names},
        leads=summary.get("leads", {}),
        strip=_strip(summary["answer"]["numbers"]),
        thresholds=_explorer(explorer) if explorer else None,
    )


def _filled(
    template: str, summary: Mapping[str, Any], pictures: Mapping[str, Markup], data: Mapping[str, Any], **more: Any
) -> str:
    """Return a template filled: what every page has, and what this one has besides."""
    made = environment()
    script = source(made, "page.js")
    return made.get_template(template).render(
        report=summary,
        titles={s["key"]: s["title"] for s in summary["sections"]},
        pictures=pictures,
        intended_use=INTENDED_USE,
        style=Markup(style(made)),
        script=Markup(script),
        script_hash=Markup(script_hash(script)),
        data=Markup(inside_script(data)),
        **more,
    )


def _pictures(summary: Mapping[str, Any]) -> dict[str, Markup]:
    """Return the figures that the sections show, drawn."""
    shown = set(_figure_keys(block for section in summary["sections"] for block in section["blocks"]))
    return {
        key: Markup(
            plots.svg(draw(spec), name=key, title=spec["title"], description=spec["description"] or spec["caption"])
        )
        for key, spec in summary["figures"].items()
        if key in shown
    }


def render_patient(summary: Mapping[str, Any], home: str = "") -> str:
    """Return a patient's page as one HTML file that needs no network.

    Parameters
    ----------
    summary : dict
        From :func:`blues.report.summarize_patient`.
    home : str
        Where the report of the run lies, seen from this page; empty for no link.

    Returns
    -------
    str
    """
    data: dict[str, Any] = {"hover": {}, "explorer": None, "names": {}}
    return _filled("patient.html", summary, _pictures(summary), data, leads={}, strip=None, thresholds=None, home=home)


def _figure_keys(blocks: Any) -> Iterator[str]:
    for block in blocks:
        yield from block.get("keys", ())
        yield from _figure_keys(block.get("blocks", ()))


def _hover(spec: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a figure's points for the pointer, as series of names and coordinates."""
    if spec["kind"] == "change":
        frame = pd.DataFrame(spec["arguments"]["table"]["frame"])
        names = [f"by {arm_label(str(spec['arguments'][arm]))}" for arm in ("reference", "arm")]
        series = [
            {"name": name, "names": part["name"].tolist(), "x": part["before"].tolist(), "y": part["after"].tolist()}
            for y, name in ((1, "with the outcome"), (0, "without"))
            for part in [frame[frame["y"] == y]]
        ]
        return {"x": names[0], "y": names[1], "digits": 2, "series": series}
    if spec["kind"] not in _HOVER:
        return None
    x, y, x_label, y_label = _HOVER[spec["kind"]]
    frame = pd.DataFrame(spec["arguments"]["curves" if "curves" in spec["arguments"] else "frame"]["frame"])
    names = [c for c in ("arm", "group", "cause") if c in frame]
    series = []
    for group, part in frame.groupby(names, sort=False):
        name = arm_label(", ".join(map(str, group))) if group != ("all",) else "treat all"
        columns = ([None if pd.isna(v) else float(v) for v in part[c]] for c in (x, y))
        series.append({"name": name, **dict(zip("xy", columns, strict=True))})
    return {"x": x_label, "y": y_label, "digits": 0 if x == "time" else 2, "series": series}


def _strip(numbers: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return where the headline difference lies in its little picture; to the right is better with images.

    Where no arm is the reference with images, it is a difference between two arms, and called so.
    """
    difference = numbers.get("difference")
    if not difference or any(v is None for v in difference):
        return None
    better = metric(numbers["metric"]).better or 1
    value, low, high = (v * better for v in difference)
    low, high = min(low, high), max(low, high)
    ends = {"zero": 0.0, "low": low, "high": high, "value": value}
    if refitted := numbers.get("refitted"):  # the other interval of the answer, a thin line
        ends |= dict(zip(("from", "to"), sorted(v * better for v in refitted), strict=True))
    if numbers.get("margin"):
        ends["margin"] = float(numbers["margin"])
    reach = max(1e-9, *map(abs, ends.values())) * 1.25
    place = {name: round(230 + 215 * v / reach, 1) for name, v in ends.items()}
    label = metric(numbers["metric"]).label + (f" ({numbers['unit']})" if numbers.get("unit") else "")
    texts = {f"{name}_text": signed(v * better, 3) for name, v in (("low", low), ("high", high), ("value", value))}
    return {
        **place,
        **texts,
        "metric": label,
        "adds": numbers["adds"],
        "spoken": f"Difference in {label}: {interval(value * better, low * better, high * better, 3, sign=True)}",
    }


def _explorer(explorer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the threshold table as it stands before anybody moves the slider."""
    t, rows, said = explorer["start"], [], []
    for arm, values in explorer["arms"].items():
        c = _counts(values, t)
        cells = _row(c, t, values["limits"][round(100 * t)] if "limits" in values else None)
        colour = explorer["key"].index(arm) + 1 if arm in explorer["key"] else 0
        rows.append({"name": arm_label(arm), "cells": cells, "colour": colour})
        if arm in explorer["key"][:2]:
            said.append(f"{arm_label(arm)} finds {cells[5]} with the outcome and wrongly calls {cells[6]} without")
    first = next((arm for arm in explorer["key"] if arm in explorer["arms"]), None)
    if first is not None:
        c = _counts(explorer["arms"][first], t)
        everyone = {"tp": c["tp"] + c["fn"], "fp": c["fp"] + c["tn"], "fn": 0, "tn": 0}
        limits = explorer["arms"][first].get("limits")
        cells = _row(everyone, t, limits[0] if limits else None)  # at a threshold of 0 all are called
        rows.append({"name": "treat all", "cells": cells, "colour": 0})
    return {"columns": _EXPLORER, "rows": rows, "said": f"At {100 * t:.0f}%, {'; '.join(said)}."}


def _row(c: Mapping[str, int], t: float, limits: Sequence[float] | None = None) -> list[str]:
    """Return the cells of one arm of the threshold table; the page's script writes the same ones.

    ``limits``: of sensitivity, specificity, PPV and NPV where rows are clustered by patient; else Wilson's are taken.
    """
    n, positive, negative = sum(c.values()), c["tp"] + c["fn"], c["fp"] + c["tn"]
    benefit = number(c["tp"] / n - c["fp"] / n * t / (1 - t), 3)
    shares = [(c["tp"], positive), (c["tn"], negative), (c["tp"], c["tp"] + c["fp"]), (c["tn"], c["tn"] + c["fn"])]
    told = [_share(k, of, limits[2 * i : 2 * i + 2] if limits else None) for i, (k, of) in enumerate(shares)]
    return [*told[:2], benefit, *told[2:], f"{c['tp']} of {positive}", f"{c['fp']} of {negative}"]


def _counts(values: Mapping[str, Any], t: float) -> dict[str, int]:
    if "tp" in values:
        i = round(100 * t)
        tp, fp = values["tp"][i], values["fp"][i]
        return {"tp": tp, "fp": fp, "fn": values["positive"] - tp, "tn": values["negative"] - fp}
    called = [(y, p >= t) for y, p in zip(values["y"], values["p"], strict=True)]
    return {
        name: called.count(pair)
        for name, pair in (("tp", (1, True)), ("fp", (0, True)), ("fn", (1, False)), ("tn", (0, False)))
    }


def _share(k: int, n: int, limits: Sequence[float] | None) -> str:
    if not n:
        return "–"
    found = evaluate.wilson_interval(k, n)
    low, high = limits or (found.low, found.high)
    return interval(found.value, low, high)
