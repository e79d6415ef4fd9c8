"""The sections of results: arms side by side, and what imaging adds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from blues.report import curves, timed
from blues.report.answer import digits, few_events, verdict_text
from blues.report.document import block, column, figure, table
from blues.report.explained import movers
from blues.report.facts import Facts, Gain
from blues.report.people import Parts
from blues.report.privacy import Privacy
from blues.report.words import THRESHOLDS, arm_label, interval, listed, metric

__all__ = ["arms", "gain", "row_names"]

_ARM_METRICS = (
    "auroc auprc brier sensitivity specificity quadratic_kappa mae rmse r2 spearman within_one rps "
    "uno_c harrell_c integrated_brier scaled_brier"
).split()
_HOLM = (
    "Holm: over the arms compared with the reference, within one metric and test; the experts' rules are a family of their "
    "own, and so are the other arms without images."
)
_TESTED = (column("reading"), column("p", "p"), column("p, Holm", "p"), column("patients compared", "integer"))
_WAYS = {
    "mean": "mean",
    "vote": "majority vote",
    "max": "maximum",
    "any": "any at or above one half",
    "top-k": "mean of the three highest",
    "noisy-or": "noisy-or",
}
MOST_PATIENTS = 400
"""Rows listed by name, those with the largest change."""


def arms(facts: Facts) -> Parts:
    """Return every arm with its scores, and the curves of the arms that matter most."""
    names = [m for m in _ARM_METRICS if m in set(facts.scores["metric"])]
    places = digits(facts)
    columns = [column("arm"), column("patients", "integer")]
    counted = facts.binary or facts.timed
    columns += [column("with outcome", "integer" if counted and not few_events(facts) else "text")] * counted
    columns += [column(metric(m).label, "interval", digits=places) for m in names]
    rows = []
    for arm in facts.arms:
        patients, events, _ = facts.people(arm)
        said = f"{events}, too few" if few_events(facts, arm) else events
        rows.append(
            [arm_label(arm), patients, *([said] if counted else []), *(list(facts.score(arm, m)) for m in names)]
        )
    note = _how(facts)
    if few_events(facts):
        note = f"Too few: {few_events(facts)}. {note}"
    note += _turned(facts)
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
            "Each point is one row of the design: its outcome against its prediction, averaged over the repeats.",
            predictions=shown[["arm", "y", "p"]],
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
    text = f"Intervals: {whole}, over patients. A score is the mean over the repeats of the cross-validation."
    if facts.binary and facts.experiment["threshold"] is not None:
        chosen = str(facts.experiment["threshold"])
        text += (
            f" Sensitivity and specificity: at {THRESHOLDS.get(chosen, chosen)}; expert rules at their own thresholds."
        )
    return text


def _all_scores(facts: Facts) -> dict[str, Any]:
    scores = facts.run.scores
    extra = [c for c in scores if c not in ("arm", "metric", "value", "low", "high")]
    columns = [column("arm"), column("metric"), column("value", "interval", digits=3)] + [column(str(c)) for c in extra]
    rows = []
    for record in scores.to_dict("records"):
        cells = [arm_label(str(record["arm"])), metric(str(record["metric"])).label]
        rows.append([*cells, [record["value"], record["low"], record["high"]], *(_text(record[c]) for c in extra)])
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


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _forest(facts: Facts) -> dict[str, Any]:
    rows = [(arm, *facts.score(arm)) for arm in facts.arms if np.isfinite(facts.score(arm)[0])]
    frame = pd.DataFrame(rows, columns=["arm", "value", "low", "high"])
    label = metric(facts.metric).label
    said = "; ".join(f"{arm_label(a)} {interval(v, low, high, digits(facts))}" for a, v, low, high in rows[:20])
    return figure(
        "arms_forest",
        f"{label} of every arm",
        f"{label} with 95% interval. Circles: arms with images; squares: on the experts' reading; diamonds: without either.",
        said,
        scores=frame,
        metric=label,
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
    patients, events, _ = facts.people()
    table_ = facts.of(facts.key_arms[0])
    return {
        "roc": figure(
            "roc",
            "ROC curves",
            "Mean ROC curve over the repeats; bands: pointwise 95%, bootstrap over patients. The dots are predictions "
            "averaged over the repeats at the threshold chosen under Decision curves, a little off the mean curve.",
            spoken,
            curves=roc,
            labels=_legend(facts),
        ),
        "precision-recall": figure(
            "precision_recall",
            "Precision-recall curves",
            "Precision against recall. A score without information would lie at the prevalence, "
            f"{events} of {patients} patients.",
            spoken,
            curves=recall,
            prevalence=float(table_["y"].mean()),
            labels={a: arm_label(a) for a in facts.key_arms},
        ),
    }


def gain(facts: Facts, privacy: Privacy) -> Parts:
    """Return the paired differences to the reference, and the patients whose prediction moves."""
    if facts.reference is None or not facts.gains:
        why = "No arm does without images" if facts.reference is None else "No arm looks at images"
        return [block("text", text=f"{why} in this run, so there is nothing to compare.")], {}, {}
    label = metric(facts.metric).label
    tables, blocks = {}, []
    for key, made in (("gain", _added_to_each(facts, label)), ("instead", _instead(facts, label))):
        if made is not None:
            tables[key] = made
            blocks.append(block("table", key=key))
    tables["all-comparisons"] = _all_comparisons(facts)
    figures = {"gain-forest": _gain_forest(facts, label)}
    if asked := _headline_tests(facts):
        tables["headline"] = asked
        blocks.append(block("table", key="headline"))
    if len(groups := facts.run.subgroups):
        tables["subgroups"] = _subgroups(facts, groups, label)
        blocks.append(block("table", key="subgroups"))
    elif not facts.timed:
        text = "For whom: no subgroups were named for this run (--subgroups sex age:65 names columns in advance)."
        blocks.append(block("text", text=text))
    if weights := _weights(facts):
        tables["weights"] = weights
        blocks.append(block("table", key="weights"))
    details = block(
        "details",
        summary="All comparisons, and the question each test answers",
        blocks=[block("table", key="all-comparisons")],
    )
    moved = _moved(facts)
    if facts.binary and len(moved):
        figures["change"] = _change(facts, moved, privacy)
        tables["patients"] = _patients(facts, moved, privacy)
        blocks += [block("figures", keys=["gain-forest", "change"]), details, block("table", key="patients")]
    else:
        blocks += [block("figures", keys=["gain-forest"]), details]
    return blocks, tables, figures


def _added_to_each(facts: Facts, label: str) -> dict[str, Any] | None:
    """Return what images add to the reference, the question of the report, and to each other arm without them."""
    pairs = ([facts.headline] if facts.headline else []) + facts.elsewhere
    columns = [
        column("without images"),
        column("with images"),
        column("difference", "interval", digits=3, sign=True),
        *_TESTED,
        column(f"{label} without", "interval", digits=digits(facts)),
        column(f"{label} with", "interval", digits=digits(facts)),
    ]
    rows = []
    for g in pairs:
        name = arm_label(g.reference) + (" (reference)" if g.reference == facts.reference else "")
        rows.append(
            [name, arm_label(g.arm), *_tested(facts, g), list(facts.score(g.reference)), list(facts.score(g.arm))]
        )
    caption = f"Images added: paired difference in {label} to the same arm without them"
    note = f"The first row is the question of the report: its reference is {facts.reference_kind}. {_HOLM}"
    return table(caption, columns, rows, note=note + _turned(facts)) if rows else None


def _instead(facts: Facts, label: str) -> dict[str, Any] | None:
    """Return the other arms that see images against the reference: what images do instead of it, or of a part of it."""
    columns = [
        column("arm"),
        column(f"difference to {arm_label(facts.reference or '')}", "interval", digits=3, sign=True),
        *_TESTED,
        column(f"{label} of the arm", "interval", digits=digits(facts)),
    ]
    others = [g for g in facts.gains if g.arm != facts.candidate]
    rows = [[arm_label(g.arm), *_tested(facts, g), list(facts.score(g.arm))] for g in others]
    caption = f"Images instead of what the reference knows, or of a part of it: paired difference in {label}"
    note = f"These arms lack something that {arm_label(facts.reference or '')} has: a loss may be the lack. {_HOLM}"
    return table(caption, columns, rows, note=note + _turned(facts)) if rows else None


def _subgroups(facts: Facts, groups: pd.DataFrame, label: str) -> dict[str, Any]:
    """Return the headline in each subgroup, and whether the subgroups differ."""
    arm, reference = (arm_label(str(groups[name].iloc[0])) for name in ("arm", "reference"))
    columns = [column("by"), column("group"), column("patients", "integer")]
    columns += [column("with outcome", "integer")] * facts.binary
    columns += [column("difference", "interval", digits=3, sign=True), column("remark")]
    columns += [column("p that groups differ", "p"), column("p, Holm", "p")]
    columns += [column(f"{label}, {name}", "interval", digits=digits(facts)) for name in (reference, arm)]
    rows = []
    for r in groups.to_dict("records"):
        cells = [r["by"], r["group"], r["patients"], *([r["events"]] if facts.binary else [])]
        cells += [[r["difference"], r["low"], r["high"]], r["reason"], r["p_interaction"], r["p_holm"]]
        rows.append([*cells, *([r[f"{name}_{end}"] for name in ("value", "low", "high")] for end in "ba")])
    note = (
        "All patients taught the models; each group is scored by itself, its interval over its own patients. Groups differ "
        "only where the p for it is small (Cochran's Q): that one interval excludes 0 and another does not is no difference. "
        "Holm: over the columns. Whether they were named before anybody looked, this page cannot know."
    )
    return table(f"For whom: {arm} less {reference} in subgroups", columns, rows, note=note)


def _tested(facts: Facts, g: Gain) -> list[Any]:
    remark = few_events(facts, g.arm)
    said = verdict_text(g) + (f"; {remark}" if remark else "")
    return [[g.difference, g.low, g.high], said, g.p, g.p_holm, g.patients]


def _turned(facts: Facts) -> str:
    """Say why an expert's rule can rank worse than chance, where one does."""
    rules = [arm for arm in facts.arms if arm.startswith("expert rule")]
    if facts.metric != "auroc" or not any(facts.score(arm)[0] < 0.5 for arm in rules):
        return ""
    return (
        " An expert rule with an AUROC below 0.5 does not say that experts rank patients the wrong way round: which way its "
        "rating points is learned in each training fold, and flips where the classes hardly differ."
    )


def _headline_tests(facts: Facts) -> dict[str, Any] | None:
    """Return every score and test of the one comparison that answers the question, each with what it asks."""
    table_ = facts.run.comparisons
    if facts.headline is None:
        return None
    mine = table_[(table_["arm"] == facts.candidate) & (table_["reference"] == facts.reference)]
    columns = [column("score"), column("difference", "interval", digits=3, sign=True), column("p", "p"), column("test")]
    columns.append(column("what it asks"))
    rows = [
        [metric(str(r["metric"])).label, [r["difference"], r["low"], r["high"]], r["p_value"], r["test"], r["question"]]
        for r in mine.to_dict("records")
    ]
    if len(rows) < 2:
        return None
    caption = f"{arm_label(facts.candidate or '')} less {arm_label(facts.reference or '')}: every score and every test"
    note = (
        "One comparison, asked in several ways; the first row is the one named beforehand. p are as drawn, before Holm. "
        "DeLong and McNemar take predictions averaged over the repeats, so their differences are not those of the other rows. "
        "For the Brier score and for errors, below 0 is better with images."
    )
    return table(caption, columns, rows, note=note)


def _weights(facts: Facts) -> dict[str, Any] | None:
    """Return what the stacks gave each modality, over the training folds; None where nothing was stacked."""
    taken = facts.run.choices
    names = [c.removeprefix("share_") for c in taken if c.startswith("share_")]
    rows = []
    for arm, part in taken.groupby("arm", sort=False):
        if part[[f"weight_{name}" for name in names]].notna().any().sum() < 2:
            continue  # stacked by itself: a matter of scale
        for name in names:
            weight = part[f"weight_{name}"].dropna()
            if len(weight):
                share = part[f"share_{name}"].mean()
                rows.append([arm_label(str(arm)), name, weight.mean(), (weight < 1e-6).mean(), share, len(weight)])
    if not rows:
        return None
    columns = [column("arm"), column("kind of information"), column("weight", "number"), column("left out", "share")]
    columns += [column("share of what moves the prediction", "share"), column("training folds", "integer")]
    note = (
        "Means over the training folds. A stack weights what a model of each kind of information says: 1 takes it as it is, 0 "
        "leaves it out, and weights cannot be below 0. Left out: in which share of the folds. The last share is weight times "
        "spread. Learned on inner folds; it says what the stack trusted, not whether it was right to."
    )
    return table("What the fused arms rest on", columns, rows, note=note, filters=len(rows) > 12)


def _all_comparisons(facts: Facts) -> dict[str, Any]:
    columns = [column(c) for c in ("arm", "reference", "metric")]
    columns += [
        column("difference", "interval", digits=3, sign=True),
        column("p", "p"),
        column("test"),
        column("question"),
    ]
    rows = []
    for r in facts.run.comparisons.to_dict("records"):
        cells = [arm_label(str(r["arm"])), arm_label(str(r["reference"])), metric(str(r["metric"])).label]
        rows.append(
            [
                *cells,
                [r["difference"], r["low"], r["high"]],
                r["p_value"],
                _text(r.get("test")),
                _text(r.get("question")),
            ]
        )
    return table("All comparisons", columns, rows, filters=True)


def _gain_forest(facts: Facts, label: str) -> dict[str, Any]:
    rows = [(g.arm, g.difference, g.low, g.high) for g in facts.gains]
    return figure(
        "arms_forest",
        f"Difference in {label} to {arm_label(facts.reference or '')}",
        "Paired difference with 95% interval over patients. An interval across the dotted line at 0 shows no difference.",
        "; ".join(f"{arm_label(a)} {interval(d, low, high, 3, sign=True)}" for a, d, low, high in rows[:20]),
        scores=pd.DataFrame(rows, columns=["arm", "value", "low", "high"]),
        metric=f"difference in {label}",
        chance=0.0,
    )


def _moved(facts: Facts) -> pd.DataFrame:
    """Return ``row, patient, y, before, after, spread, change`` of the two key arms, the largest change first."""
    if facts.candidate is None or facts.reference is None:
        return pd.DataFrame()
    after = curves.usable(facts, facts.candidate).rename(columns={"p": "after", "sd": "spread"})
    before = curves.usable(facts, facts.reference)[["row", "p"]].rename(columns={"p": "before"})
    both = after[["row", "patient", "y", "after", "spread"]].merge(before, on="row")
    both["change"] = both["after"] - both["before"]
    return both.reindex(both["change"].abs().sort_values(ascending=False, kind="stable").index)


def row_names(table_: pd.DataFrame, privacy: Privacy) -> list[str]:
    """Return what each row is called: its patient, numbered where a patient has several rows."""
    names = [privacy.patient(p) for p in table_["patient"]]
    if not table_["patient"].duplicated().any():
        return names
    number_ = table_.groupby("patient", sort=False).cumcount() + 1
    return [f"{name} clip {k}" for name, k in zip(names, number_, strict=True)]


def _change(facts: Facts, moved: pd.DataFrame, privacy: Privacy) -> dict[str, Any]:
    shown = moved.head(5000)
    frame = shown[["y", "before", "after"]].reset_index(drop=True)
    frame["name"] = row_names(shown, privacy)
    return figure(
        "change",
        "Risk of each patient without and with images",
        f"One mark a {facts.design['level']}: purple circles with the outcome, grey diamonds without. Above the diagonal "
        "images raise the predicted risk. How many move the right way is not counted: such counts reward mere rescaling "
        "(Hilden and Gerds 2014).",
        f"Predicted risk by {facts.reference} against {facts.candidate}; the table of patients holds the numbers.",
        table=frame,
        reference=facts.reference,
        arm=facts.candidate,
    )


def _patients(facts: Facts, moved: pd.DataFrame, privacy: Privacy) -> dict[str, Any]:
    columns = [
        column(facts.design["level"]),
        column("outcome"),
        column(f"risk by {arm_label(facts.reference or '')}", "number"),
        column(f"risk by {arm_label(facts.candidate or '')}", "number"),
        column("change", "number", sign=True),
        column("spread over repeats (SD)", "number"),
    ]
    shown, why = moved.head(MOST_PATIENTS), movers(facts)
    columns += [column("what moved the prediction with images most")] * bool(why)
    rows = [
        [name, "with" if r.y == 1 else "without", r.before, r.after, r.change, r.spread]
        + [why.get(r.row, "")] * bool(why)
        for name, r in zip(row_names(shown, privacy), shown.itertuples(), strict=True)
    ]
    note = "Names are pseudonyms; the order of the cohort's ids cannot be read from them." if privacy.names else ""
    if len(moved) > len(shown):
        note = f"The {len(shown)} largest changes of {len(moved):,}. {note}"
    return table("Whose prediction images change most", columns, rows, note=note, filters=True)
