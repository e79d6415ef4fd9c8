"""The section of what imaging adds: to the reference, to each other arm, in subgroups, to each patient."""

from __future__ import annotations

from typing import Any

import pandas as pd

from blues.check import interval
from blues.features.arm_names import is_rule, modalities, model_of
from blues.report import curves
from blues.report.answer import digits, few_events, verdict_text
from blues.report.arms import text_of, turned
from blues.report.document import block, column, figure, table
from blues.report.explained import movers
from blues.report.facts import Facts, Gain
from blues.report.people import Parts
from blues.report.privacy import Privacy
from blues.report.words import CONSTANT, MEAN, arm_label, listed, metric

__all__ = ["gain"]

_HOLM = (
    "Holm: over the arms compared with the reference, within one metric and test; the experts' rules are a family of their "
    "own, and so are the other arms without images, and images added to another arm than the reference."
)
_TESTED = (column("reading"), column("p", "p"), column("p, Holm", "p"), column("patients compared", "integer"))
_SIDES = {1: "above 0", -1: "below 0", 0: ""}
MOST_PATIENTS = 400
"""Rows listed by name, those with the largest change."""


def gain(facts: Facts, privacy: Privacy) -> Parts:
    """Return the paired differences to the reference, and the patients whose prediction moves."""
    if facts.reference is None or not facts.gains:
        return [block("text", text=f"{_why_none(facts)} in this run, so there is nothing to compare.")], {}, {}
    label = facts.label()
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
    else:
        text = "For whom: no subgroups were named for this run."
        if named := facts.experiment.get("subgroups"):
            text = f"For whom: nothing is said by {listed(list(named))}, for no arm of this run is the reference with images."
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


def _why_none(facts: Facts) -> str:
    if facts.constant_alone:
        return "Nothing but a constant stands beside images"
    return "No arm does without images" if facts.reference is None else "No arm looks at images"


def _added_to_each(facts: Facts, label: str) -> dict[str, Any] | None:
    """Return what images add to the reference, the question of the report, and to each other arm without them."""
    pairs = ([facts.headline] if facts.headline and facts.adds else []) + facts.elsewhere
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
    first = (
        f"The first row is the question of the report: its reference is {facts.reference_kind}. " if facts.adds else ""
    )
    note = first + _HOLM
    return table(caption, columns, rows, note=note + turned(facts)) if rows else None


def _instead(facts: Facts, label: str) -> dict[str, Any] | None:
    """Return the other arms that see images against the reference, each with what else sets them apart."""
    columns = [
        column("arm"),
        column("what sets it apart besides"),
        column(f"difference to {arm_label(facts.reference or '')}", "interval", digits=3, sign=True),
        *_TESTED,
        column(f"{label} of the arm", "interval", digits=digits(facts)),
    ]
    others = [g for g in facts.gains if g.arm != facts.candidate or not facts.adds]
    rows = [[arm_label(g.arm), _apart(g), *_tested(facts, g), list(facts.score(g.arm))] for g in others]
    caption = f"Other arms with images against {arm_label(facts.reference or '')}: paired difference in {label}"
    note = f"A loss may be what an arm lacks, a gain what it has besides images. {_HOLM}"
    return table(caption, columns, rows, note=note + turned(facts)) if rows else None


def _subgroups(facts: Facts, groups: pd.DataFrame, label: str) -> dict[str, Any]:
    """Return the headline in each subgroup, and whether the subgroups differ."""
    arm, reference = (arm_label(str(groups[name].iloc[0])) for name in ("arm", "reference"))
    columns = [column("by"), column("group"), column("patients", "integer")]
    columns += [column("discharged alive" if facts.timed else "with outcome", "integer")] * (
        facts.binary or facts.timed
    )
    columns += [column("difference", "interval", digits=3, sign=True), column("remark")]
    columns += [column("p that groups differ", "p"), column("p, Holm", "p")]
    columns += [column(f"{label}, {name}", "interval", digits=digits(facts)) for name in (reference, arm)]
    rows = []
    for r in groups.to_dict("records"):
        cells = [r["by"], r["group"], r["patients"], *([r["events"]] if facts.binary or facts.timed else [])]
        cells += [[r["difference"], r["low"], r["high"]], r["reason"], r["p_interaction"], r["p_holm"]]
        rows.append([*cells, *([r[f"{name}_{end}"] for name in ("value", "low", "high")] for end in "ba")])
    note = (
        f"{_taught(facts)} Each group is scored by itself. Its interval, over its own patients, is too narrow "
        "in small groups near the best score possible. Groups differ only where the p for it is small (Cochran's Q): that "
        "one interval excludes 0 and another does not is no difference, and a large p from few patients says little. Holm: "
        "over the columns. Whether they were named before anybody looked, this page cannot know."
    )
    return table(f"For whom: {arm} less {reference} in subgroups", columns, rows, note=note)


def _taught(facts: Facts) -> str:
    """Say whom the models learned from, for who reads of a group."""
    if facts.moved:
        learned, where = facts.moved["train_patients"], facts.moved["train"]
        return f"The models learned from all {learned} patients of {where}, from none here."
    return "The models learned from patients of all groups."


def _apart(g: Gain) -> str:
    """Say in what an arm differs from its reference, images apart."""
    if is_rule(g.arm):
        return "experts' reading alone"
    mine, others = set(modalities(g.arm)) - {"image"}, set(modalities(g.reference)) - {CONSTANT, MEAN}
    told = [f"without {listed(sorted(others - mine))}"] if others - mine else []
    told += [f"with {listed(sorted(mine - others))}"] if mine - others else []
    told += ["another model"] if model_of(g.arm) != model_of(g.reference) else []
    return "; ".join(told)


def _tested(facts: Facts, g: Gain) -> list[Any]:
    remark = few_events(facts, g.arm)
    said = verdict_text(g) + (f"; {remark}" if remark else "")
    return [[g.difference, g.low, g.high], said, g.p, g.p_holm, g.patients]


def _headline_tests(facts: Facts) -> dict[str, Any] | None:
    """Return every score and test of the one comparison that answers the question, each with what it asks."""
    table_ = facts.asked_once(facts.run.comparisons)
    if facts.headline is None:
        return None
    mine = table_[(table_["arm"] == facts.candidate) & (table_["reference"] == facts.reference)]
    mine = mine.iloc[(mine["metric"] != facts.metric).argsort(kind="stable")]
    columns = [column("score"), column("difference", "interval", digits=3, sign=True), column(_better(facts))]
    columns += [column("p", "p"), column("test"), column("what it asks")]
    rows = [
        [facts.label(name), [r["difference"], r["low"], r["high"]], _SIDES[metric(name).better]]
        + [r["p_value"], r["test"], r["question"]]
        for r in mine.to_dict("records")
        for name in [str(r["metric"])]
    ]
    if len(rows) < 2:
        return None
    caption = f"{arm_label(facts.candidate or '')} less {arm_label(facts.reference or '')}: every score and every test"
    note = (
        "One comparison, asked in several ways; the first row is the main one, whichever way the others point. p are as drawn, "
        "before Holm; where many draws give exactly 0, an interval may touch 0 and p be large."
    )
    made = [name for name in ("DeLong", "McNemar") if (mine["test"] == name).any()]
    if made and not facts.moved:
        takes, its = ("takes", "its") if len(made) == 1 else ("take", "their")
        note += f" {listed(made)} {takes} predictions averaged over the repeats, so {its} differences stand in no other row."
    return table(caption, columns, rows, note=note)


def _better(facts: Facts) -> str:
    """Return the head of the column that says on which side of 0 a difference is good."""
    return "better with images" if facts.adds else f"better with {arm_label(facts.candidate or '')}"


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
    columns += [
        column("share of the stack", "share"),
        column(facts.by_way("training folds", "fits"), "integer"),
    ]
    note = facts.by_way("Means over the training folds. ", "") + (
        "A stack weights what a model of each kind of information says: 1 takes it as it is, 0 leaves it out, and weights "
        f"cannot be below 0. Left out: in which share of the {facts.by_way('folds', 'fits')}. The share of the stack is "
        "weight times spread. Learned on inner folds; it says what the stack trusted, not whether it was right to."
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
    for r in facts.asked_once(facts.run.comparisons).to_dict("records"):
        cells = [arm_label(str(r["arm"])), arm_label(str(r["reference"])), facts.label(str(r["metric"]))]
        rows.append(
            [
                *cells,
                [r["difference"], r["low"], r["high"]],
                r["p_value"],
                text_of(r.get("test")),
                text_of(r.get("question")),
            ]
        )
    return table("All comparisons", columns, rows, filters=True)


def _gain_forest(facts: Facts, label: str) -> dict[str, Any]:
    rows, told = [], "Paired difference with 95% interval over patients."
    for g in facts.gains:
        rows.append((g.arm, g.difference, g.low, g.high))
        if g is facts.headline and facts.adds and g.refitted is not None and g.ends is not None:
            rows.append((f"{g.arm}, trained anew", *g.refitted))
            told += ' "Trained anew": the mean over folds, allowing for other training patients (Nadeau and Bengio).'
    told += " An interval across the dotted line at 0 does not show a difference, nor that there is none."
    margin = facts.run.experiment.margin if facts.adds else 0  # held against nothing else, as the answer says
    if margin:
        told += f" Dashed: the smallest gain worth having, {margin:g}{facts.in_unit}, as named."
    return figure(
        "arms_forest",
        f"Difference in {label} to {arm_label(facts.reference or '')}",
        told,
        "; ".join(f"{arm_label(a)} {interval(d, low, high, 3, sign=True)}" for a, d, low, high in rows[:20]),
        scores=pd.DataFrame(rows, columns=["arm", "value", "low", "high"]),
        metric=f"difference in {label}",
        chance=0.0,
        better=metric(facts.metric).better,
        mark=metric(facts.metric).better * margin if margin else None,
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


def _row_names(table_: pd.DataFrame, privacy: Privacy) -> list[str]:
    """Return what each row is called: its patient, numbered where a patient has several rows."""
    names = [privacy.patient(p) for p in table_["patient"]]
    if not table_["patient"].duplicated().any():
        return names
    number_ = table_.groupby("patient", sort=False).cumcount() + 1
    return [f"{name} clip {k}" for name, k in zip(names, number_, strict=True)]


def _change(facts: Facts, moved: pd.DataFrame, privacy: Privacy) -> dict[str, Any]:
    shown = moved.head(5000)
    frame = shown[["y", "before", "after"]].reset_index(drop=True)
    frame["name"] = _row_names(shown, privacy)
    one, other = arm_label(facts.reference or ""), arm_label(facts.candidate or "")
    title, above = f"Risk of each patient by {one} and by {other}", f"{other} predicts the higher risk"
    if facts.adds:
        title, above = "Risk of each patient without and with images", "images raise the predicted risk"
    return figure(
        "change",
        title,
        f"One mark a {facts.design['level']}: purple circles with the outcome, grey diamonds without. Above the diagonal "
        f"{above}. How many move the right way is not counted: such counts reward mere rescaling "
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
        *([column("spread over repeats (SD)", "number")] * (not facts.moved)),
    ]
    shown, why = moved.head(MOST_PATIENTS), movers(facts)
    columns += [column("what moved the prediction with images most")] * bool(why)
    rows = [
        [name, "with" if r.y == 1 else "without", r.before, r.after, r.change]
        + [r.spread] * (not facts.moved)
        + [why.get(r.row, "")] * bool(why)
        for name, r in zip(_row_names(shown, privacy), shown.itertuples(), strict=True)
    ]
    note = "Names are pseudonyms; the order of the cohort's ids cannot be read from them." if privacy.names else ""
    if len(moved) > len(shown):
        note = f"The {len(shown)} largest changes of {len(moved):,}. {note}"
    one, other = arm_label(facts.reference or ""), arm_label(facts.candidate or "")
    caption = "Whose prediction images change most" if facts.adds else f"Where {other} and {one} differ most"
    return table(caption, columns, rows, note=note, filters=True)
