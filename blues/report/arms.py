"""The section of the arms side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from blues.check import counted, interval
from blues.features.arm_names import is_rule
from blues.report import curves, timed
from blues.report.answer import digits, few_events
from blues.report.document import block, column, figure, table
from blues.report.facts import Facts
from blues.report.people import Parts
from blues.report.words import THRESHOLDS, arm_label, called_grade, capital, listed, metric

__all__ = ["arms", "text_of", "turned"]

_ARM_METRICS = (
    "auroc auprc brier sensitivity specificity quadratic_kappa mae rmse r2 spearman within_one rps "
    "uno_c harrell_c integrated_brier scaled_brier"
).split()
_WAYS = {
    "mean": "mean",
    "vote": "majority vote",
    "max": "maximum",
    "any": "any at or above one half",
    "top-k": "mean of the three highest",
    "noisy-or": "noisy-or",
}


def arms(facts: Facts) -> Parts:
    """Return every arm with its scores, and the curves of the arms that matter most."""
    names = [m for m in _ARM_METRICS if m in set(facts.scores["metric"])]
    places = digits(facts)
    columns = [column("arm"), column("patients", "integer"), *([column("clips", "integer")] * facts.clips)]
    is_counted = facts.binary or facts.timed
    columns += [
        column(
            "patients with outcome" if facts.clips else "with outcome",
            "integer" if is_counted and not few_events(facts) else "text",
        )
    ] * is_counted
    columns += [column(facts.label(m), "interval", digits=places) for m in names]
    rows = []
    for arm in facts.arms:
        patients, events, _ = facts.people(arm)
        said = f"{events}, too few" if few_events(facts, arm) else events
        rows.append(
            [
                *[arm_label(arm), patients, *([facts.rows(arm)[0]] * facts.clips), *([said] * is_counted)],
                *(list(facts.score(arm, m)) for m in names),
            ]
        )
    note = _how(facts)
    if few_events(facts):
        note = f"Too few: {few_events(facts)}. {note}"
    note += turned(facts)
    tables = {"arms": table("Scores of every arm, with 95% intervals over patients", columns, rows, note=note)}
    blocks = [block("figures", keys=["arms-forest"]), block("table", key="arms")]
    figures = {"arms-forest": _forest(facts)}
    if facts.binary:
        figures |= _curves(facts)
    elif facts.timed:
        figures |= timed.risk_figures(facts)
    else:
        shown = pd.concat([facts.of(arm) for arm in facts.key_arms], ignore_index=True)
        figures["observed-predicted"] = figure(
            "observed_predicted",
            "Observed against predicted",
            f"Each point is one {facts.design['level']}: outcome against prediction"
            + facts.by_way(", averaged over the repeats.", "."),
            predictions=shown[["arm", "y", "p"]],
            unit=facts.unit,
        )
    if len(figures) > 1:
        blocks.append(block("figures", keys=list(figures)[1:]))
    tables["all-scores"] = _all_scores(facts)
    blocks.append(block("details", summary="All scores", blocks=[block("table", key="all-scores")]))
    if len(combined := facts.run.combinations) and not few_events(facts):
        tables["combinations"] = _combinations(combined, places)
        summary = "The encoder's own probabilities, combined in every way"
        blocks.append(block("details", summary=summary, blocks=[block("table", key="combinations")]))
    return blocks, tables, figures


def _how(facts: Facts) -> str:
    if "method" not in facts.scores:
        return ""
    said = facts.scores.drop_duplicates("metric")[["metric", "method"]].dropna()
    ways: dict[str, list[str]] = {}
    for name, how in said.itertuples(index=False):
        if name in _ARM_METRICS:
            ways.setdefault(str(how), []).append(metric(str(name)).label)
    whole = "; ".join(how if len(ways) == 1 else f"{listed(names)}: {how}" for how, names in ways.items())
    if not whole:
        return ""
    text = f"Intervals: {whole}, over patients. " + facts.by_way(
        "A score is the mean over the repeats of the cross-validation.", "Every patient was predicted once."
    )
    rules = list(dict.fromkeys(c.threshold for c in facts.candidates))
    if facts.binary and rules:
        at = listed([THRESHOLDS.get(rule, rule) for rule in rules], "or")
        text += f" Sensitivity and specificity: at {at}; expert rules at their own thresholds."
    if facts.design["kind"] == "ordinal":
        text += f" Of the expected grades {called_grade(rules[0])} was called."
    return text


def _all_scores(facts: Facts) -> dict[str, Any]:
    scores = facts.asked_once(facts.run.scores)
    extra = [c for c in scores if c not in ("arm", "metric", "value", "low", "high")]
    extra = [c for c in extra if c != "repeat_sd" or not facts.moved]
    columns = [column("arm"), column("metric"), column("value", "interval", digits=3)] + [column(str(c)) for c in extra]
    rows = []
    for record in scores.to_dict("records"):
        cells = [arm_label(str(record["arm"])), facts.label(str(record["metric"]))]
        rows.append([*cells, [record["value"], record["low"], record["high"]], *(text_of(record[c]) for c in extra)])
    return table("All scores of all arms", columns, rows, filters=True)


def _combinations(combined: pd.DataFrame, places: int) -> dict[str, Any]:
    """Return the ways from frames to clips to patients side by side, a row a way, a column an output."""
    outputs = list(dict.fromkeys(combined["output"]))
    columns = [column("frames to a clip"), column("clips to a patient")]
    named = [name.replace("_line", "-line").capitalize().replace("_", " ") for name in outputs]
    columns += [column(f"AUROC of {name}", "interval", digits=places) for name in named]
    rows = []
    for (frames, clips), part in combined.groupby(["frames", "clips"], sort=False):
        by_name = part.set_index("output")
        cells = [by_name.loc[name, ["auroc", "low", "high"]].astype(float).tolist() for name in outputs]
        rows.append([_WAYS[frames], _WAYS[clips], *cells])
    note = (
        f"{combined['patients'].iloc[0]} patients with clips; DeLong's 95% intervals; not adjusted for the number of cells. "
        "Nothing is fitted. Below one half, a high probability goes without the outcome, as it should for A-lines. "
        "The best cell is no result: it would be chosen on the patients it is reported on. Of a point taken twice the take "
        "counts that the models use. No interval: the same was said of every patient."
    )
    return table("What the encoder's probabilities say by themselves of the outcome", columns, rows, note=note)


def text_of(value: Any) -> str:
    """Return a cell of a table that was made elsewhere: numbers to four places, nothing for what is missing."""
    if value is None or value != value:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _forest(facts: Facts) -> dict[str, Any]:
    rows = [(arm, *facts.score(arm)) for arm in facts.arms if np.isfinite(facts.score(arm)[0])]
    frame = pd.DataFrame(rows, columns=["arm", "value", "low", "high"])
    label = facts.label()
    said = "; ".join(f"{arm_label(a)} {interval(v, low, high, digits(facts))}" for a, v, low, high in rows[:20])
    return figure(
        "arms_forest",
        f"{label} of every arm",
        f"{capital(label)} with 95% interval. Circles: arms with images; squares: on the experts' reading; "
        "diamonds: without either.",
        said,
        scores=frame,
        metric=label + ("" if metric(facts.metric).better > 0 else ", lower is better"),
        chance=0.5 if facts.metric in ("auroc", "uno_c") else None,
    )


def _legend(facts: Facts) -> dict[str, str]:
    label = metric(facts.metric).label
    return {a: f"{arm_label(a)}: {label} {interval(*facts.score(a), digits(facts))}" for a in facts.key_arms}


def _curves(facts: Facts) -> dict[str, Any]:
    roc, recall = curves.roc_frame(facts, seed=facts.seed), curves.precision_recall_frame(facts)
    if not len(roc):
        return {}
    spoken = "; ".join(_legend(facts).values())
    precise = "; ".join(f"{arm_label(a)} {interval(*facts.score(a, 'auprc'), digits(facts))}" for a in facts.key_arms)
    total, events = facts.rows()
    table_ = facts.of(facts.key_arms[0])
    return {
        "roc": figure(
            "roc",
            "ROC curves",
            facts.by_way("Mean ROC curve over the repeats; bands", "Bands")
            + ": pointwise 95%, bootstrap over patients. The dots are "
            + facts.by_way("predictions averaged over the repeats ", "")
            + "at the threshold chosen under Decision curves"
            + facts.by_way(", a little off the mean curve.", "."),
            spoken,
            curves=roc,
            labels=_legend(facts),
        ),
        "precision-recall": figure(
            "precision_recall",
            "Precision-recall curves",
            "Precision against recall. A score without information would lie at the prevalence, "
            f"{events} of {counted(total, facts.design['level'])}.",
            f"Average precision: {precise}.",
            curves=recall,
            prevalence=float(table_["y"].mean()),
            labels={a: arm_label(a) for a in facts.key_arms},
        ),
    }


def turned(facts: Facts) -> str:
    """Say why an expert's rule can rank worse than chance, where one does."""
    rules = [arm for arm in facts.arms if is_rule(arm)]
    if facts.metric != "auroc" or not any(facts.score(arm)[0] < 0.5 for arm in rules):
        return ""
    return (
        " An expert rule with an AUROC below 0.5 does not say that experts rank patients the wrong way round: which way its "
        "rating points is learned on the training patients, and flips where the classes hardly differ."
    )
