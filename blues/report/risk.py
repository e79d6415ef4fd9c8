"""The sections on risk: calibration, decision curves and thresholds, robustness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from blues import evaluate
from blues.check import ROUNDING, number, p_value, reaches
from blues.fuse.tables import SHUFFLED, with_null
from blues.report import curves
from blues.report.answer import digits
from blues.report.document import block, column, figure, table
from blues.report.facts import Facts
from blues.report.people import Parts
from blues.report.words import arm_label, metric

__all__ = ["calibration", "explorer", "robustness", "utility"]

MOST_ROWS = 400
"""Up to here the page's threshold slider works on single predictions, above on counts."""


def calibration(facts: Facts) -> Parts:
    """Return calibration curves and numbers of the key arms."""
    if not facts.binary:
        return (
            [block("text", text=f"Calibration curves are for outcomes that are yes or no; {_instead(facts)}.")],
            {},
            {},
        )
    frame, found = curves.calibration_frames(facts)
    if not found:
        return [block("text", text="No arm gives probabilities, so there is nothing to calibrate.")], {}, {}
    rows = []
    for arm, c in found.items():
        cells: list[Any] = [_cell(c.loc[name]) for name in ("intercept", "slope", "brier", "scaled_brier")]
        cells += c.loc[["ici", "e50", "e90", "emax", "spiegelhalter_p", "ece"], "value"].tolist()
        rows.append([arm_label(arm), *cells])
    columns = [column("arm"), column("calibration in the large", "interval"), column("slope", "interval")]
    columns += [column("Brier", "interval", digits=3), column("scaled Brier", "interval")]
    columns += [column(name, "number", digits=3) for name in ("ICI", "E50", "E90", "Emax")]
    columns += [column("Spiegelhalter p", "p"), column("ECE (secondary)", "number", digits=3)]
    smoothers = "; ".join(dict.fromkeys(str(c.loc["ici", "method"]) for c in found.values()))
    note = (
        f"Curve and ICI, E50, E90, Emax: {smoothers}. In the large: 0 is right; slope: 1 is right, below 1 too extreme, "
        "above 1 too cautious. "
        "ECE depends on its ten bins and is biased upward in small samples."
    )
    tables = {"calibration": table(_whose(facts), columns, rows, note=note)}
    shown = pd.concat([facts.of(arm) for arm in found], ignore_index=True)
    spoken = "; ".join(
        f"{arm_label(a)}: slope {number(c.loc['slope', 'value'])}, ICI {number(c.loc['ici', 'value'], 3)}"
        for a, c in found.items()
    )
    first = arm_label(next(iter(found)))
    figures = {
        "calibration": figure(
            "calibration",
            "Calibration curves",
            f"Smoothed observed share against predicted risk; below, the predictions of {first} with (up) and without "
            "(down) the outcome. Few patients lie where the bars are low: the curve says little there.",
            spoken,
            curves=frame,
            predictions=shown[shown["arm"] == next(iter(found))][["arm", "y", "p"]],
            labels={a: arm_label(a) for a in found},
        ),
        "risk": figure(
            "risk_distribution",
            "Predicted risk by outcome",
            "Predicted risks of those with and without the outcome. Good separation keeps the two rows apart.",
            "; ".join(f"{arm_label(a)}: {_medians(shown[shown['arm'] == a])}" for a in found),
            predictions=shown[["arm", "y", "p"]],
            labels={a: arm_label(a) for a in found},
        ),
    }
    return [block("figures", keys=list(figures)), block("table", key="calibration")], tables, figures


def _instead(facts: Facts) -> str:
    """Return where else a reader sees how near predictions come to what happened."""
    if facts.timed:
        return "for a time, the Brier scores among all scores hold how near the predicted probabilities come"
    return f"how far predictions are off stands above, as the {metric(facts.metric).label}"


def _whose(facts: Facts) -> str:
    """Return the caption of the calibration table: whose predictions these are."""
    if facts.moved:
        return f"Calibration of the predictions for the patients of {facts.moved['test']}"
    return "Calibration of averaged out-of-fold predictions"


def _cell(row: pd.Series) -> list[float] | str:
    """Return a row of the calibration table as a cell; where there is no number, the reason."""
    if not np.isfinite(row["value"]):
        return str(row["method"])
    return [row["value"], row["low"], row["high"]]


def _medians(part: pd.DataFrame) -> str:
    middle = part.groupby("y")["p"].median()
    return f"median risk {number(middle.get(1))} with and {number(middle.get(0))} without the outcome"


def utility(facts: Facts) -> Parts:
    """Return decision curves, the threshold explorer's place, and net benefit with and without images."""
    frame = curves.decision_frame(facts) if facts.binary else pd.DataFrame()
    if not len(frame):
        return (
            [block("text", text="Decision curves need an outcome that is yes or no and predicted probabilities.")],
            {},
            {},
        )
    figures = {
        "decision": figure(
            "decision_curve",
            "Decision curves",
            "Net benefit of treating by each arm, treating all and treating none (Vickers and Elkin 2006); bands: "
            "pointwise 95%, bootstrap over patients. A threshold of 20% means that four needless treatments are as bad "
            "as one missed case.",
            "The table of net benefit gives the values.",
            curves=frame,
            labels={a: arm_label(a) for a in facts.key_arms},
        )
    }
    blocks = [block("explorer"), block("figures", keys=["decision"])]
    tables = {}
    if len(facts.run.operating):
        tables["operating"] = _operating(facts)
        blocks.insert(0, block("table", key="operating"))
    difference = curves.decision_difference(facts, (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8))
    if len(difference):
        columns = [column("threshold", "share"), column(arm_label(facts.candidate or ""), "number", digits=3)]
        columns += [column(arm_label(facts.reference or ""), "number", digits=3)]
        columns += [column("difference", "interval", digits=3, sign=True), column("treat all", "number", digits=3)]
        rows = [
            [r.threshold, r.net_benefit, r.other, [r.difference, r.low, r.high], r.treat_all]
            for r in difference.itertuples()
        ]
        two = f"{arm_label(facts.candidate or '')} and {arm_label(facts.reference or '')}"
        caption = "Net benefit with and without images" if facts.adds else f"Net benefit of {two}"
        tables["net-benefit"] = table(
            caption,
            columns,
            rows,
            note="Choose the range by what a missed and a needless treatment cost, before looking."
            + facts.by_way(
                " Of predictions averaged over the repeats; All scores and All comparisons hold the mean over the repeats of "
                "each one's net benefit, which is another number.",
                "",
            ),
        )
        blocks.append(block("table", key="net-benefit"))
    return blocks, tables, figures


def _operating(facts: Facts) -> dict[str, Any]:
    """Return the 2x2 table of every arm at its threshold from the training folds, and what follows from it."""
    shares = {"sensitivity": "sensitivity", "specificity": "specificity", "ppv": "PPV", "npv": "NPV"}
    ratios = {"lr_positive": "LR+", "lr_negative": "LR−"}
    columns = [column("arm"), *(column(name, "interval") for name in (*shares.values(), *ratios.values()))]
    columns += [column(name, "integer") for name in ("TP", "FP", "FN", "TN")]
    rows = []
    for arm, part in facts.run.operating.groupby("arm", sort=False):
        found = part.set_index("metric")
        cells: list[Any] = []
        for name in (*shares, *ratios):
            value, low, high = found.loc[name, ["value", "low", "high"]].astype(float)
            cells.append([value, low, high] if np.isfinite(value) else "none called" if name == "ppv" else "–")
        counts = [int(found.loc[name, "value"]) for name in ("tp", "fp", "fn", "tn")]
        rows.append([arm_label(str(arm)), *cells, *counts])
    clips = facts.design["level"] == "clip"
    ends = "Wilson's at the effective number of clips (Rao-Scott, by patient)" if clips else "Wilson's"
    note = (
        f"At the threshold that was fixed {_fixed(facts)}. "
        f"Intervals: {ends}; of the likelihood ratios on the log scale; operating.csv has "
        f"{'them all' if clips else 'the exact ones (Clopper and Pearson) too'}. PPV and NPV hold at this study's prevalence. "
        f"TP, FP: {'clips' if clips else 'patients'} called with and without the outcome; FN, TN: not called."
    )
    return table("What the arms call, threshold fixed in training", columns, rows, note=note)


def _fixed(facts: Facts) -> str:
    return facts.by_way(
        "in the training folds; predictions and thresholds averaged over the repeats",
        "on the patients that were trained on",
    )


def explorer(facts: Facts) -> dict[str, Any] | None:
    """Return what the threshold slider works on: predictions by pseudonym, or counts by threshold in a large cohort."""
    order = [*facts.key_arms, *(a for a in facts.arms if a not in facts.key_arms)]
    arms_ = [a for a in order if len(curves.usable(facts, a))]
    if not facts.binary or not arms_:
        return None
    start, grid = 0.5, np.arange(101) / 100
    made: dict[str, Any] = {"start": start, "level": facts.design["level"], "key": facts.key_arms, "arms": {}}
    for arm in arms_:
        part = curves.usable(facts, arm).sort_values(["p", "y"])  # the order of the rows is that of the ids
        y = part["y"].to_numpy(int)
        if len(part) <= MOST_ROWS:
            made["arms"][arm] = {"y": y.tolist(), "p": _shortened(part["p"]).tolist()}
        else:
            positive, negative = (np.sort(part.loc[y == k, "p"].to_numpy()) for k in (1, 0))
            true = len(positive) - np.searchsorted(positive, grid - ROUNDING, side="left")
            false = len(negative) - np.searchsorted(negative, grid - ROUNDING, side="left")
            made["arms"][arm] = {
                "tp": true.tolist(),
                "fp": false.tolist(),
                "positive": len(positive),
                "negative": len(negative),
            }
        if part["patient"].duplicated().any():
            made["arms"][arm]["limits"] = _clustered_limits(part, grid)
    return made


def _shortened(p: pd.Series) -> np.ndarray:
    """Return predictions cut down to four digits, never up: each stays on its side of every threshold in whole per cent."""
    return np.floor(p.to_numpy(float) * 1e4 + 1e-9) / 1e4


def _clustered_limits(part: pd.DataFrame, grid: np.ndarray) -> list[list[float]]:
    """Return, a threshold a row, the limits of sensitivity, specificity, PPV and NPV where a patient has several rows."""
    y, p = part["y"].to_numpy(int), part["p"].to_numpy(float)
    codes = pd.factorize(part["patient"])[0]
    found = []
    for t in grid:
        called = reaches(p, t)
        right = (called == y).astype(float)
        limits: list[float] = []
        for rows in (y == 1, y == 0, called, ~called):
            one = evaluate.clustered_proportion(right[rows], codes[rows])
            limits += [round(one.low, 2), round(one.high, 2)]
        found.append(limits)
    return found


def robustness(facts: Facts) -> Parts:
    """Return the label-permutation null and the spread over the repeats of the cross-validation."""
    label = facts.label()
    blocks: list[dict[str, Any]] = []
    tables: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    null = facts.run.null
    null = null[(null["metric"] == facts.metric) & null["arm"].isin(facts.arms)] if len(null) else null
    if len(null):
        tables["null"] = _null_table(facts, null, label)
        arm = facts.candidate or facts.arms[0]
        values = null.loc[null["arm"] == arm, "value"].dropna()
        if len(values):
            figures["null"] = figure(
                "null_histogram",
                f"Label-permutation null of {arm_label(arm)}",
                f"{label} of {arm_label(arm)} when the whole pipeline was repeated on shuffled outcomes, and the observed one.",
                f"Mean under the null {number(values.mean())}.",
                values=values.tolist(),
                observed=facts.score(arm)[0],
                metric=label,
            )
        blocks.append(block("table", key="null"))
    else:
        blocks.append(block("text", text="The label-permutation null is not part of this run."))
    repeats = curves.repeats_frame(facts)
    if repeats["repeat"].nunique() > 1:
        grouped = repeats.groupby("arm", sort=False)["value"]
        rows = [[arm_label(str(a)), v.mean(), v.std(ddof=1), v.min(), v.max()] for a, v in grouped]
        columns = [column("arm"), *(column(c, "number", digits=3) for c in ("mean", "SD", "lowest", "highest"))]
        note = "This spread comes from how patients fall into folds. It is no confidence interval."
        tables["repeats"] = table(f"{label} over the repeats of the cross-validation", columns, rows, note=note)
        figures["repeats"] = figure("repeats", f"{label} of each repeat", note, frame=repeats, metric=label)
        blocks.append(block("table", key="repeats"))
    if len(facts.run.learning):
        figures["learning"], tables["learning"] = _learning(facts, label)
        blocks.append(block("table", key="learning"))
    if len(facts.run.validation):
        tables["validation"] = _validation(facts)
        blocks.append(block("table", key="validation"))
    if figures:
        blocks.insert(0, block("figures", keys=list(figures)))
    if chosen := _choices(facts):
        tables["choices"] = chosen
        blocks.append(block("table", key="choices"))
    return blocks, tables, figures


def _learning(facts: Facts, label: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the learning curve, as figure and table."""
    curve = facts.run.learning
    caption = (
        "Score of arms trained on fewer patients; bands: 95% interval over patients. Curves that still rise want more."
    )
    drawn = figure("learning_curve", "Learning curve", caption, frame=curve, metric=label)
    columns = [
        column("arm"),
        column("patients in training", "integer"),
        column(label, "interval", digits=digits(facts)),
    ]
    rows = [[arm_label(str(r.arm)), r.patients, [r.value, r.low, r.high]] for r in curve.itertuples()]
    return drawn, table("Learning curve", columns, rows)


def _validation(facts: Facts) -> dict[str, Any]:
    """Return the bootstrap validation: apparent score, optimism, corrected, .632+."""
    names = ("apparent", "optimism", "corrected", "out_of_bag", "rule_632plus")
    labels = ("on its own training data", "optimism", "corrected", "out of bag", ".632+")
    columns = [column("arm"), column("metric"), *(column(name, "number", digits=3) for name in labels)]
    columns.append(column("bootstrap samples", "integer"))
    rows = [
        [arm_label(str(r["arm"])), facts.label(str(r["metric"])), *(r[n] for n in names), r["draws"]]
        for r in facts.run.validation.to_dict("records")
    ]
    note = (
        "Bootstrap over patients (Harrell 1996; .632+: Efron and Tibshirani 1997). A model that fits its own data perfectly "
        "keeps a corrected score that is too high; .632+ allows for it."
    )
    return table("Internal validation by bootstrap", columns, rows, note=note)


def _choices(facts: Facts) -> dict[str, Any] | None:
    """Return how often the inner loop took what, where it had a choice."""
    taken = facts.run.choices
    if not len(taken) or taken.groupby("arm")["chosen"].nunique().max() < 2:
        return None
    counts = taken.groupby(["arm", "chosen"], sort=False).size().reset_index(name="folds")
    total = taken.groupby("arm").size()
    rows = [[arm_label(str(r.arm)), str(r.chosen), int(r.folds), r.folds / total[r.arm]] for r in counts.itertuples()]
    columns = [column("arm"), column("chosen"), column("training folds", "integer"), column("share", "share")]
    note = "Chosen by an inner loop over the patients of each training fold; the outer fold took no part."
    return table("How often the inner loop chose what", columns, rows, note=note, filters=True)


def _null_table(facts: Facts, null: pd.DataFrame, label: str) -> dict[str, Any]:
    saved = facts.run.comparisons
    saved = saved[saved["reference"] == SHUFFLED] if len(saved) else saved
    if not len(saved):  # in runs from before these were saved
        saved = with_null(saved, facts.run.scores, null)
    p = saved[saved["metric"] == facts.metric].set_index("arm")["p_value"] if len(saved) else pd.Series()
    rows = []
    for arm, part in null.groupby("arm", sort=False):
        observed, drawn = facts.score(str(arm))[0], part["value"].dropna().to_numpy(float)
        if not len(drawn):
            continue
        low, high = np.quantile(drawn, (0.025, 0.975))
        rows.append([arm_label(str(arm)), observed, [drawn.mean(), low, high], p.get(arm, np.nan), len(drawn)])
    most = null.groupby("arm")["value"].count().max()
    columns = [
        column("arm"),
        column(f"observed {label}", "number"),
        column("under the null (95% of permutations)", "interval"),
    ]
    columns += [column("p", "p"), column("permutations", "integer")]
    return table(
        "The whole pipeline on shuffled outcomes",
        columns,
        rows,
        note=f"p = (1 + as good or better) / (1 + permutations), so {p_value(1 / (1 + most))} at the least. It asks "
        "whether an arm knows anything of the outcome, not whether images add to it: that is the paired difference.",
    )
