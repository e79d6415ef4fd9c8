"""What the predictions rest on: Shapley values by variable, BLUE point and modality, and what each modality is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from blues import explain
from blues.check import InputError, signed
from blues.features.arm_names import modalities, model_of
from blues.report.asides import no_better
from blues.report.document import block, column, figure, table
from blues.report.facts import Facts
from blues.report.people import Parts
from blues.report.settings import poolings
from blues.report.words import arm_label, capital, listed, metric

__all__ = ["BASE", "explained", "explained_arm", "movers"]

BASE = (
    "The base value is what the models say when nothing of a patient is known, an average over training patients on the "
    "models' own scale: it need not be the mean prediction."
)
_RESTS = "what its predictions rest on says nothing of what the outcome depends on."
_LEVELS = {
    "variable": ("Variables", "variable"),
    "feature": ("Features", "feature"),
    "point": ("BLUE points", "BLUE point"),
    "modality": ("Kinds of information", "kind of information"),
}


def explained(facts: Facts) -> Parts | None:
    """Return the explanations that a run holds; None when it holds none."""
    arm = explained_arm(facts)
    if arm is None:
        return None
    record = facts.run.attributions
    assert record is not None
    unit = facts.outcome_unit
    text = (
        f"Shapley values of {arm_label(arm)}: each patient is explained by models that never saw them, and the values of a "
        f"patient add up from the base value to their own prediction ({unit}). {BASE} They say what the "
        "predictions rest on, not what causes the outcome."
    )
    blocks = [
        *(
            [block("text", text=f"{capital(arm_label(arm))} {known}: {_RESTS}")]
            if (known := no_better(facts, arm))
            else []
        ),
        block("text", text=_in_words(facts, record, arm)),
        block("text", text=text),
        block("text", text=_checked(facts, record, arm)),
    ]
    tables: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    variables = 0
    for level, (title, name) in _LEVELS.items():
        found = explain.importance(record, arm, level, seed=facts.seed)
        # where every variable is one feature the bars would be the same twice
        if len(found) < 2 or (level == "feature" and "shap-variable" in tables and len(found) == variables):
            continue
        variables = len(found) if level == "variable" else variables
        key = f"shap-{level}"
        figures[key] = _bars(found, title, arm, unit)
        tables[key] = _table(found, title, name, unit, facts.binary)
    blocks.append(block("figures", keys=list(figures)))
    if "shap-variable" in tables:
        blocks.append(block("table", key="shap-variable"))
    rest = [key for key in tables if key != "shap-variable"]
    blocks += [block("details", summary=tables[key]["caption"], blocks=[block("table", key=key)]) for key in rest]
    for key, made in (
        ("worth", _worth(facts, arm)),
        ("together", _together(facts, arm)),
        ("attention", _attention(record, arm)),
        ("stability", _stability(record, arm, facts.seed)),
        ("sets", _sets(facts, arm)),
    ):
        if made is not None:
            tables[key] = made
            blocks.append(block("table", key=key))
    return blocks, tables, figures


def _in_words(facts: Facts, record: explain.Attributions, arm: str) -> str:
    """Name the labs, variables and BLUE points that the arm rests on most, with units, and what of it chance gives as well."""
    found = explain.importance(record, arm, "feature", draws=50, seed=facts.seed)
    found = found.assign(words=[f"{n} ({u})" if u else n for n, u in zip(found["name"], found["unit"], strict=True)])
    tested = bool(found["inside_null"].notna().any())
    above = found[~found["inside_null"].astype(bool)] if tested else found
    if tested and not len(above):
        said = f"Nothing that {arm_label(arm)} rests on is more than shuffled outcomes give"
    else:
        said = f"{capital(arm_label(arm))} rests most on {listed(above['words'].head(5).tolist())}"
        said += "; nothing else is more than shuffled outcomes give" if tested and len(above) <= 5 else ""
    images = found[found["modality"] == "image"]
    if not len(images) or "image" not in modalities(arm):
        return said + "."
    by_point = explain.importance(record, arm, "point", draws=50, seed=facts.seed)
    kinds = explain.importance(record, arm, "modality", draws=50, seed=facts.seed)
    share = float(kinds.loc[kinds["modality"] == "image", "share"].iloc[0])
    said += f". Of the images (a share of {share:.0%} among the kinds of information) the largest is {_the(images)}"
    named = images[~images["name"].astype(str).str.startswith("embedding")]
    if len(named) and named.index[0] != images.index[0]:
        said += f", of the measures with a name {_the(named)}"
    return said + _point_in_words(by_point)


def _point_in_words(by_point: pd.DataFrame) -> str:
    """Name the BLUE point that moves predictions most, unless chance moves them as much."""
    if not len(by_point):
        return "."
    if by_point["inside_null"].notna().any() and by_point["inside_null"].astype(bool).all():
        return "; no BLUE point moves predictions by more than shuffled outcomes do."
    return f"; the BLUE point that moves most is {by_point.iloc[0]['name']}."


def _the(images: pd.DataFrame) -> str:
    """Return the first feature in words that follow a verb."""
    words = str(images.iloc[0]["words"])
    return f"the {words}" if words.startswith("embedding") else words


def _checked(facts: Facts, record: explain.Attributions, arm: str) -> str:
    """Say how the values were made and how far they miss the predictions."""
    own = record.base[record.base["arm"] == arm]
    sampled = float((own["how"] == "sampled").mean()) if "how" in own else 0.0
    how = (
        "The values are computed from the shape of the model, without sampling"
        if sampled == 0
        else (
            "The values are sampled over orders in which the features enter, against training patients from all over the range "
            "of predictions; the base value is the mean prediction of all training patients"
            if sampled == 1
            else f"The values of {sampled:.0%} of the predictions are sampled, the others computed from the shape of the model"
        )
    )
    said = f"{how}; with the base value they add up to each prediction, off by {float(own['error'].max()):.0e} at most."
    if facts.binary:
        said += " What a model gives in log-odds, and what a stack passes on, is rescaled: sum exact, shares kept."
    if len(record.points) and poolings(facts) != ("concat",) and "image" in modalities(arm):
        said += (
            " What the encoder saw is told by BLUE point: where a measure was averaged over points, its value is shared among "
            "them by how far each lies from the mean."
        )
    return said


def _attention(record: explain.Attributions, arm: str) -> dict[str, Any] | None:
    """Return how a network with attention weighs BLUE points and other information."""
    if arm not in set(record.attention["arm"]):
        return None
    found = explain.attention_by_point(record, arm)
    columns = [column("BLUE point or kind"), column("weight", "interval", digits=3), column("patients", "integer")]
    rows = [[r.token, [r.value, r.low, r.high], r.patients] for r in found.itertuples()]
    note = "Mean weight, with the 10th and 90th percentile over patients; the weights of a patient add up to 1. "
    note += "A weight says what the network's sum is made of, not what moved the prediction."
    return table(f"Attention of {arm_label(arm)}, on patients it never saw", columns, rows, note=note)


def explained_arm(facts: Facts) -> str | None:
    """Return the arm whose explanation is shown: the candidate, else another key arm that was explained."""
    record = facts.run.attributions
    if record is None:
        return None
    return next((arm for arm in [*facts.key_arms, *record.arms] if arm in record.arms), None)


def _bars(found: pd.DataFrame, title: str, arm: str, unit: str) -> dict[str, Any]:
    frame = found.assign(feature=_with_units(found))[["feature", "modality", "value", "low", "high"]]
    first = ", ".join(str(n) for n in found["name"].head(3))
    caption = f"{title} by mean absolute Shapley value of {arm_label(arm)}; whiskers: 95% interval over patients."
    said = f"The largest: {first}."
    if found["inside_null"].notna().any():
        if found["inside_null"].head(3).astype(bool).any():
            inside = [str(n) for n in found["name"].head(3)[found["inside_null"].head(3).astype(bool)]]
            said += f" No more than chance: {', '.join(inside)}."
        frame = frame.assign(inside_null=found["inside_null"].astype(bool), null_high=found["null_high"])
        caption += " Grey: no more than shuffled outcomes give; tick: where chance ends, over all bars together."
    return figure(
        "importance",
        f"{title} that {arm_label(arm)} rests on",
        caption,
        said,
        frame=frame,
        xlabel=f"mean |Shapley value|, {unit}",
    )


def _with_units(found: pd.DataFrame) -> list[str]:
    return [f"{name}, {unit}" if unit else str(name) for name, unit in zip(found["name"], found["unit"], strict=True)]


def _table(found: pd.DataFrame, title: str, name: str, unit: str, binary: bool) -> dict[str, Any]:
    columns = [column(name), column("kind"), column(f"mean |Shapley value|, {unit}", "interval", digits=3)]
    columns += [
        column("share", "share"),
        column("rank", "interval", digits=0),
        column("direction", "number", sign=True),
    ]
    against_null = bool(found["p_value"].notna().any())
    columns += [column("p against the null", "p"), column("p by itself", "p")] * against_null
    rows = []
    for label, r in zip(_with_units(found), found.itertuples(), strict=True):
        row = [label, r.modality, [r.value, r.low, r.high], r.share, [r.rank, r.rank_low, r.rank_high], r.direction]
        rows.append([*row, r.p_value, r.p_own] if against_null else row)
    note = "Direction: rank correlation of a variable's own value and its Shapley value; + means more of it raises the "
    note += "risk." if binary else "prediction."
    if against_null:
        note += " p: against the largest of all under shuffled outcomes, so it is adjusted for looking at all of them; "
        note += "by itself: against the same bar only, not adjusted. Neither can be below 1 / (1 + number of shuffles)."
    return table(f"{title}: mean absolute Shapley values", columns, rows, note=note, filters=len(rows) > 12)


def _worth(facts: Facts, arm: str) -> dict[str, Any] | None:
    """Return what each modality is worth to the score, where there is an arm for every combination."""
    suffix = model_of(arm)
    try:
        settings = {"kind": facts.design["kind"], "suffix": suffix, "seed": facts.seed}
        found = explain.modality_value(facts.run.predictions, **settings)
        useful = (
            explain.modality_value(facts.run.predictions, metric="net_benefit", **settings) if facts.binary else None
        )
    except InputError:
        return None
    columns = [
        column("what"),
        column("of"),
        column("gain", "interval", digits=3, sign=True),
        *([column("gain in net benefit", "interval", digits=3, sign=True)] if useful is not None else []),
        column("patients", "integer"),
    ]
    triples = [part[["value", "low", "high"]].to_numpy(float).tolist() for part in (found, useful) if part is not None]
    rows = [[r.what, r.modality, *cells, r.patients] for r, *cells in zip(found.itertuples(), *triples, strict=True)]
    label = metric(str(found["metric"].iloc[0])).label
    note = (
        "Shapley values share the gain of all kinds of information over none fairly among them and add up to it. Left out: "
        "what the whole loses without one. Only patients whom every arm predicts are counted."
    )
    if useful is not None:
        note += (
            " Net benefit: treating at the prevalence, over treating none (at this threshold as good as treating all)."
        )
    return table(f"What each kind of information is worth, in {label}", columns, rows, note=note)


def _together(facts: Facts, arm: str) -> dict[str, Any] | None:
    """Return what two kinds of information do to predictions together, where there is an arm for every combination."""
    try:
        found = explain.modality_interactions(
            facts.run.predictions, facts.design["kind"], suffix=model_of(arm), seed=facts.seed
        )
    except InputError:
        return None
    if not len(found):
        return None
    columns = [column("kinds of information"), column("mean |interaction|", "interval", digits=3)]
    columns += [column("mean with its sign", "number", digits=3, sign=True), column("patients", "integer")]
    rows = [[r.modalities, [r.value, r.low, r.high], r.signed, r.patients] for r in found.itertuples()]
    note = "By how much the joint prediction of a patient differs from what the two do to it by themselves, between arms that "
    note += "were trained with and without them."
    return table("What two kinds of information do together, patient by patient", columns, rows, note=note)


def _stability(record: explain.Attributions, arm: str, seed: int) -> dict[str, Any] | None:
    found = explain.stability(record, arm, seed=seed)
    if not len(found):
        return None
    columns = [column("level"), column("names", "integer"), column("repeats", "integer")]
    columns += [column("Kendall's W", "interval"), column("first"), column("first in", "share")]
    rows = [[r.level, r.names, r.repeats, [r.value, r.low, r.high], r.top, r.top_share] for r in found.itertuples()]
    note = "W is 1 where all repeats rank alike. Where it is low, the order of the bars above is chance."
    return table("How far the repeats agree on the ranking", columns, rows, note=note)


def _sets(facts: Facts, arm: str, level: float = 0.9) -> dict[str, Any] | None:
    """Return how sure single predictions are: coverage of conformal sets or intervals."""
    sets = explain.conformal(
        facts.run.predictions[facts.run.predictions["arm"] == arm],
        facts.design["kind"],
        level=level,
        scale=facts.design.get("categories"),
    )
    found = explain.coverage(sets, level)
    columns = [column("patients"), column("number", "integer"), column("covered", "interval")]
    extra = [c for c in ("single", "both", "empty", "width") if c in found]
    words = {"single": "one answer", "both": "undecided", "empty": "neither fits", "width": "mean width"}
    columns += [column(words[c], "number" if c == "width" else "share") for c in extra]
    rows = [
        [r["group"], r["rows"], [r["value"], r["low"], r["high"]], *(r[c] for c in extra)]
        for r in found.to_dict("records")
    ]
    how = facts.by_way("Cross-conformal prediction", "Conformal prediction from the other patients tested,")
    note = f"{how} at {level:.0%}: covered is how often the "
    note += "set holds the truth. Many undecided: unsure." if facts.binary else "interval holds the truth."
    return table(f"How sure {arm_label(arm)} is of single patients", columns, rows, note=note)


def movers(facts: Facts, most: int = 3) -> dict[str, str]:
    """Return for each row what moved its prediction most, in words: the variables with the largest mean Shapley values."""
    arm, record = explained_arm(facts), facts.run.attributions
    if arm is None or record is None or arm != facts.candidate:
        return {}
    rolled = explain.roll_up(record, arm, "variable")
    row = "clip" if "clip" in rolled else "patient"
    mean = rolled.groupby([row, "name"], sort=False, observed=True)["shap"].mean().reset_index()
    mean = mean[np.abs(mean["shap"]) > 0]
    order = mean.reindex(mean["shap"].abs().sort_values(ascending=False, kind="stable").index)
    first = order.groupby(row, sort=False, observed=True).head(most)
    told: dict[str, list[str]] = {}
    for r in first.itertuples():
        told.setdefault(str(getattr(r, row)), []).append(f"{r.name} {signed(float(r.shap), 2)}")
    return {name: "; ".join(parts) for name, parts in told.items()}
