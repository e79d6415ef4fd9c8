"""The report: its numbers are the run's, it says plainly what they show, and any name or path in the data stays harmless."""

import csv
import dataclasses
import io
import json
import re
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from made_design import QUICK, make_design

from blues import agree, evaluate, explain, fuse, report, survive
from blues.agree import Agreement
from blues.check import FEW_PATIENTS, interval
from blues.features import Design
from blues.report import checklists, extras, page, privacy, risk
from blues.report.arms import arms
from blues.report.facts import Facts
from blues.report.methods import methods
from blues.report.summary import TITLES

HOSTILE = (
    "<script>alert(1)</script>",
    "\"quoted\" & 'single' </style>",
    "אבג \u202etxet",
    "😀🫁",
    "x" * 300,
    "=cmd|' /C calc'!A0",
    "]]> --> {{ 7*7 }} %}",
)
FOLDER = "/home/some user/private study"


def make_run(
    patients=30,
    events=None,
    kind="binary",
    ids=None,
    label="PCR positive",
    modalities=("image", "clinical", "blood"),
    **experiment,
):
    """Run a small real experiment on random columns; blood carries the signal, and every fifth patient has none."""
    rng = np.random.default_rng(7)
    ids = list(ids) if ids else [str(i) for i in range(1, patients + 1)]
    y = (np.arange(len(ids)) < (events or len(ids) // 2)).astype(float)
    rng.shuffle(y)
    y = y if kind == "binary" else np.round(rng.gamma(2, 4, len(ids)))
    index = pd.Index(ids, name="patient")
    z = (y - y.mean()) / y.std()
    effects = {"image": 0.3, "clinical": 0.3, "blood": 0.9}
    blocks = {
        m: pd.DataFrame(rng.normal(size=(len(ids), 3)) + effects[m] * z[:, None], index, [f"{m}_{j}" for j in "abc"])
        for m in modalities
    }
    if "blood" in blocks and len(modalities) > 1:
        blocks["blood"].iloc[::5] = np.nan
    design = Design(
        task="pcr",
        kind=kind,
        level="patient",
        label=label,
        y=pd.Series(y, index),
        patients=pd.Series(ids, index),
        blocks=blocks,
        refused=pd.DataFrame(
            [
                ("pcr_ct", "leak", "during_stay", f"exists only if positive, see {FOLDER}/notes.txt"),
                ("los", "outcome", "discharge", "known later"),
            ],
            columns=["column", "role", "known", "reason"],
        ),
        dropped=pd.DataFrame([{"row": "gone-9", "patient": "gone-9", "reason": "pcr is not known"}]),
        cohort="tiny",
        facts={
            "data": {"clinical.csv": "ab" * 32},
            "quarantined": [{"clip": "clip_of_7", "reason": f"cut off: {FOLDER}/clip_of_7.mp4"}],
        },
    )
    settings = {
        "folds": 3,
        "repeats": 2,
        "draws": 100,
        "jobs": 1,
        "null": 0,
        "model": ("logistic",),
        "cohort": FOLDER,
        "explain": ("none",),
    } | experiment
    return fuse.run(design, fuse.Experiment(**settings), cohort_card=card(len(ids)))


@cache
def clip_run():
    """Run a small experiment whose rows are clips, four a patient."""
    return fuse.run(make_design(clips=4), fuse.Experiment(modalities=("image", "blood"), **QUICK))


def card(n):
    """Return a cohort card in the shape of ``blues.cohort.card``."""
    row = {
        "unit": "mg/l",
        "kind": "continuous",
        "overall": "6 [5, 7]",
        "without": "5 [4, 6]",
        "with": "7 [6, 8]",
        "missing": 2,
    }
    return {
        "name": "tiny",
        "licence": "CC0",
        "patients": n + 3,
        "clips": 6 * n,
        "flow": [
            {"step": "in clinical.csv", "patients": n + 3, "clips": 6 * n},
            {"step": "with a known outcome", "patients": n, "clips": 6 * n},
            {"step": "with all six points", "patients": n - 4, "clips": 6 * n - 24},
        ],
        "table_one": [
            {"group": g, "variable": v, "column": v, "difference": 0.5, **row}
            for g, v in (("Blood", "CRP"), ("Blood", "LDH"), ("Vitals", "Pulse"))
        ],
        "missingness": [
            {
                "column": "crp",
                "variable": "CRP",
                "role": "blood",
                "n": n,
                "absent": 3,
                "not_applicable": 1,
                "p_value": 0.2,
            }
        ],
        "odd": [
            "clinical.csv, row 36, spo2 '90-92': not a number",
            "patients 3, 7 have stray blanks",
            "patient_7_R1_2 has no base clip",
        ],
        "ratings": [{"item": "severity", "raters": ["consensus"]}],
    }


class Tree(HTMLParser):
    """The page as a browser sees it: elements with their attributes, texts, and a check that tags close in order."""

    VOID = {"meta", "link", "br", "input", "img", "hr", "circle", "line"}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.stack, self.wrong = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        names = [k for k, _ in attrs]
        if len(names) != len(set(names)):
            self.wrong.append(f"<{tag}> has an attribute twice")
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        if not self.stack or self.stack.pop() != tag:
            self.wrong.append(f"</{tag}> closes another element")

    def handle_data(self, data):
        self.texts.append((self.stack[-1] if self.stack else "", data))

    def all(self, *tags):
        return [a for t, a in self.elements if t in tags]

    @property
    def text(self):
        return " ".join(t for tag, t in self.texts if tag not in ("script", "style"))


@pytest.fixture(scope="module")
def run():
    return make_run(null=3)


@pytest.fixture(scope="module")
def summary(run):
    return report.summarize(run)


@pytest.fixture(scope="module")
def html(summary):
    return report.render(summary)


@pytest.fixture(scope="module")
def hostile():
    ids = [*HOSTILE, *(f"id|{i}" for i in range(17))]
    # early fusion: the reference is then an arm that predicts the first of them too, who has no blood tests
    run = make_run(ids=ids, label=" ".join(HOSTILE[:4]), fusion="early")
    arms = dict(zip(run.scores["arm"].unique(), run.scores["arm"].unique(), strict=True))
    refused = pd.DataFrame([(h, h, h, h) for h in HOSTILE], columns=["column", "role", "known", "reason"])
    notes = tuple({"level": "warning", "text": h} for h in HOSTILE)
    cohort = json.loads(json.dumps(dict(run.cohort)).replace("CRP", "<img src=x onerror=alert(2)>"))
    cohort |= {"name": HOSTILE[0], "odd": list(HOSTILE), "flow": [{"step": HOSTILE[1], "patients": 24}]}
    assert arms
    return dataclasses.replace(
        run, refused=refused, notes=notes, cohort=cohort, design={**run.design, "cohort": HOSTILE[0]}
    )


# the summary


def test_summary_is_json_and_the_page_is_made_from_it_alone(summary, html):
    text = json.dumps(summary, allow_nan=False)
    assert report.render(json.loads(text)) == html


def test_same_run_gives_the_same_report(run, summary):
    assert report.summarize(run) == summary


def test_sections_come_in_the_order_of_a_readers_questions(summary):
    assert [s["key"] for s in summary["sections"]] == list(TITLES)
    absent = [s["key"] for s in summary["sections"] if not s["present"]]
    assert absent == ["explanations", "agreement", "stay"]


def test_answer_holds_the_runs_numbers(run, summary):
    said = summary["answer"]
    reference = run.comparisons["reference"].iloc[0]
    scores = run.scores[run.scores["metric"] == "auroc"].set_index("arm")
    value, low, high = scores.loc[reference, ["value", "low", "high"]]
    assert f"{value:.2f} (95% interval {low:.2f} to {high:.2f})" in said["sentences"][0]
    assert "in 30 patients (15 with it)" in said["sentences"][0]
    arm = "+".join(["image", *reference.split("+")])
    row = run.comparisons[(run.comparisons["arm"] == arm) & (run.comparisons["metric"] == "auroc")].iloc[0]
    assert said["numbers"]["difference"] == pytest.approx([row["difference"], row["low"], row["high"]])
    assert f"{abs(row['difference']):.3f}" in said["sentences"][1]
    assert said["numbers"]["arm"] == arm
    assert len(said["sentences"]) == 4


def with_difference(run, low, high, p=0.01, holm=0.02, within=None):
    """Return the run with another interval of every AUROC difference, and of that within folds."""
    table = run.comparisons.copy()
    for metric, (a, b) in (("auroc", (low, high)), ("auroc_within_fold", within or (low, high))):
        rows = (table["metric"] == metric) & table["low"].notna()
        table.loc[rows, ["difference", "low", "high", "p_value", "p_holm"]] = [(a + b) / 2, a, b, p, holm]
    return dataclasses.replace(run, comparisons=table)


def scored(run, value=0.8):
    """Return the run with another AUROC of its reference."""
    rows = (run.scores["metric"] == "auroc") & (run.scores["arm"] == Facts(run).reference)
    return dataclasses.replace(run, scores=run.scores.assign(value=run.scores["value"].mask(rows, value)))


@pytest.mark.parametrize(
    ("low", "high", "verdict", "headline", "words"),
    [
        (0.01, 0.05, "better", "In this run imaging added", "The interval excludes 0: in this run imaging adds"),
        (-0.05, -0.01, "worse", "made the best arm without it worse", "made the predictions worse"),
        (
            -0.03,
            0.04,
            "unclear",
            "not shown to add anything",
            "gains up to 0.040 and losses up to 0.030 remain compatible",
        ),
        (
            0.0,
            0.04,
            "unclear",
            "not shown to add anything",
            "ends at exactly 0, which many samples gave, and so bounds nothing",
        ),
        (
            -0.056,
            0.0,
            "unclear",
            "not shown to add anything",
            "ends at exactly 0, which many samples gave, and so bounds",
        ),
    ],
)
def test_answer_says_what_the_interval_shows(run, low, high, verdict, headline, words):
    said = report.summarize(with_difference(scored(run), low, high))["answer"]
    assert said["numbers"]["verdict"] == verdict
    assert headline in said["headline"]
    assert words in said["sentences"][1]


@pytest.mark.parametrize(
    ("low", "high", "verdict", "headline", "words"),
    [
        (
            0.01,
            0.05,
            "weak",
            "There is weak evidence",
            "ranked within folds the difference is +0.005 (−0.010 to +0.020): weak",
        ),
        (
            -0.05,
            -0.01,
            "shifted",
            "not shown to add anything",
            "nobody's place among the others is shown to have got worse",
        ),
    ],
)
def test_a_difference_that_folds_make_is_not_taken_for_one_of_patients(run, low, high, verdict, headline, words):
    """A pooled AUROC compares patients of different folds, whose models predict at different heights."""
    summary = report.summarize(with_difference(run, low, high, within=(-0.01, 0.02)))
    assert summary["answer"]["numbers"]["verdict"] == verdict
    assert headline in summary["answer"]["headline"]
    assert words in summary["answer"]["sentences"][1]
    assert "within" in str(summary["tables"]["gain"]["rows"][0][3])


@pytest.mark.parametrize(("p", "holm"), [(0.08, 0.2), (0.03, 0.06)])
def test_a_small_interval_is_not_sold_against_its_p_value(run, p, holm):
    summary = report.summarize(with_difference(run, 0.01, 0.05, p, holm))
    said = summary["answer"]
    assert said["numbers"]["verdict"] == "weak"
    assert said["headline"] == "There is weak evidence that imaging adds something here"
    assert f"p is {p:.3f}, {holm:.3f} after Holm" in said["sentences"][1].replace("0.20 ", "0.200 ")
    assert all("weak" in row[3] for row in summary["tables"]["gain"]["rows"])
    assert all("weak" in row[3] for row in summary["tables"]["instead"]["rows"])


@pytest.mark.parametrize(("p", "holm"), [(0.06, 0.06), (0.03, 0.15)])
def test_a_loss_is_not_sold_against_its_p_value_either(run, p, holm):
    summary = report.summarize(with_difference(scored(run), -0.05, -0.01, p, holm))
    said = summary["answer"]
    assert said["numbers"]["verdict"] == "weakly worse"
    assert said["headline"] == "There is weak evidence that imaging made the best arm without it worse"
    assert "excludes 0 on the wrong side, but p is" in said["sentences"][1]
    assert all("worse, but weak" in row[3] for row in summary["tables"]["gain"]["rows"])


def test_a_gain_over_a_reference_that_knows_nothing_is_weak(run):
    for value, verdict in ((0.8, "better"), (0.49, "weak")):
        said = report.summarize(with_difference(scored(run, value), 0.01, 0.05))["answer"]
        assert said["numbers"]["verdict"] == verdict
    assert "the reference tells no more than chance does" in said["sentences"][1]


def test_a_constant_is_held_against_an_error_on_the_same_patients():
    """Blood is known of those with extreme outcomes: it errs more than a constant does on all, and less than on them."""
    run = make_run(kind="continuous")
    table, reference = run.predictions, Facts(run).reference
    middle, own = table["y"].mean(), table["arm"] == reference
    constant = table[table["arm"] == "image"].assign(arm="prevalence", p=middle)
    far = (table["y"] - middle).abs() > table["y"].std()
    table = table[~own | far]
    for slope, at_chance in ((0.3, False), (-0.3, True)):
        p = table["p"].mask(table["arm"] == reference, middle + slope * (table["y"] - middle))
        part = table.assign(p=p)
        error = (part["p"] - part["y"]).abs()[part["arm"] == reference].mean()
        assert error > (constant["y"] - middle).abs().mean()
        values = run.scores["value"].mask((run.scores["arm"] == reference) & (run.scores["metric"] == "mae"), error)
        whole = pd.concat([part, constant], ignore_index=True)
        facts = Facts(dataclasses.replace(run, predictions=whole, scores=run.scores.assign(value=values)))
        assert facts.at_chance(reference) == at_chance


def test_imaging_alone_says_on_whom_it_was_scored(run):
    everybody = " ".join(report.summarize(run)["answer"]["sentences"])
    assert "patients that it predicts" not in everybody
    some = run.predictions[~((run.predictions["arm"] == "image") & run.predictions["patient"].isin(["1", "2"]))]
    said = " ".join(report.summarize(dataclasses.replace(run, predictions=some))["answer"]["sentences"])
    total = run.predictions["patient"].nunique()
    assert f"Imaging alone, on the {total - 2} of {total} patients that it predicts" in said


def test_less_is_better_for_an_error():
    run = make_run(kind="continuous")
    table = run.comparisons.copy()
    rows = (table["metric"] == "mae") & table["low"].notna()
    for (low, high), verdict in (((-2.0, -1.0), "better"), ((1.0, 2.0), "worse"), ((-1.0, 1.0), "unclear")):
        table.loc[rows, ["difference", "low", "high", "p_value", "p_holm"]] = [(low + high) / 2, low, high, 0.01, 0.02]
        summary = report.summarize(dataclasses.replace(run, comparisons=table))
        assert summary["answer"]["numbers"]["verdict"] == verdict
    strip = page._strip(summary["answer"]["numbers"])
    assert strip["low"] < strip["zero"] < strip["high"]
    numbers = {**summary["answer"]["numbers"], "refitted": [-3.0, 2.0], "margin": 2.5}
    wide = page._strip(numbers)  # less of an error is better: the picture is turned round
    assert wide["from"] < wide["low"] < wide["high"] < wide["margin"] < wide["to"]
    assert wide["to"] - wide["zero"] == pytest.approx(1.5 * (wide["zero"] - wide["from"]), abs=0.5)
    assert summary["explorer"] is None
    keys = set(summary["figures"])
    assert "observed-predicted" in keys
    assert "roc" not in keys
    assert "yes or no" in json.dumps([s for s in summary["sections"] if s["key"] == "calibration"])
    assert report.render(summary)


def test_few_events_are_said_where_the_number_stands():
    run = make_run(patients=30, events=FEW_PATIENTS - 1)
    summary = report.summarize(run)
    assert summary["answer"]["headline"] == "Too few patients to say whether imaging adds anything"
    assert summary["answer"]["numbers"]["enough_events"] is False
    for sentence in summary["answer"]["sentences"][:2]:
        assert f"[only {FEW_PATIENTS - 1} in the smaller class]" in sentence
    events = [row[2] for row in summary["tables"]["arms"]["rows"]]
    assert all("too few" in str(cell) for cell in events)
    assert all("no claim" in row[3] for row in summary["tables"]["gain"]["rows"])
    assert any("no claim can be made" in w for w in summary["answer"]["warnings"])
    enough = report.summarize(make_run(patients=30, events=12))
    assert "too few" not in json.dumps(enough["tables"]["arms"])


def test_enough_events_in_all_may_be_too_few_in_an_arm(run):
    """Blood is missing for some patients: the remark goes by the patients that an arm predicts."""
    facts = Facts(run)
    assert facts.people("blood")[0] == 24 < facts.people("image")[0] == 30
    kept = run.predictions[
        (run.predictions["arm"] != "blood") | run.predictions["patient"].isin(list(map(str, range(1, 16))))
    ]
    fewer = Facts(dataclasses.replace(run, predictions=kept))
    assert fewer.smaller_class("blood") < FEW_PATIENTS <= fewer.smaller_class("image")
    rows = {r[0]: r for r in report.summarize(fewer.run)["tables"]["arms"]["rows"]}
    assert "too few" in str(rows["blood"][2])
    assert "too few" not in str(rows["image"][2])


@pytest.mark.parametrize(
    ("modalities", "words"),
    [
        (("clinical", "blood"), "No arm looks at images"),
        (("image",), "No arm does without images"),
    ],
)
def test_a_run_without_comparison_claims_nothing(modalities, words):
    summary = report.summarize(make_run(modalities=modalities))
    assert words in " ".join(summary["answer"]["sentences"])
    assert summary["answer"]["numbers"]["verdict"] is None
    assert "gain" not in summary["tables"]
    assert report.render(summary)


def test_arms_table_is_the_scores_table(run, summary):
    table = summary["tables"]["arms"]
    labels = [c["label"] for c in table["columns"]]
    scores = run.scores.drop_duplicates(["arm", "metric"]).set_index(["arm", "metric"])
    for row in table["rows"]:
        arm = row[0].replace(" + ", "+")
        for label, name in (
            ("AUROC", "auroc"),
            ("average precision", "auprc"),
            ("Brier score", "brier"),
            ("sensitivity", "sensitivity"),
        ):
            assert row[labels.index(label)] == pytest.approx(list(scores.loc[(arm, name), ["value", "low", "high"]]))
        used = run.predictions.loc[run.predictions["arm"] == arm, "patient"].nunique()
        assert row[labels.index("patients")] == used
    assert len(table["rows"]) == 7
    everything = summary["tables"]["all-scores"]["rows"]
    assert len(everything) == len(run.scores)


def test_gain_tables_say_what_images_add_and_what_they_do_instead(run, summary):
    """Every arm with images is compared: with the reference, and with itself without images."""
    table = run.comparisons[(run.comparisons["metric"] == "auroc") & run.comparisons["low"].notna()]
    table = table.drop_duplicates(["arm", "reference"]).set_index(["arm", "reference"])
    reference = run.comparisons["reference"].iloc[0]
    plain = [[cell.replace(" + ", "+") for cell in row[:2]] for row in summary["tables"]["gain"]["rows"]]
    assert plain[0] == [f"{reference} (reference)", f"image+{reference}"]
    pairs = {(with_, without.removesuffix(" (reference)")) for without, with_ in plain}
    assert pairs == {(f"image+{arm}", arm) for arm in ("clinical", "blood", "clinical+blood")}
    for pair, row in zip(plain, summary["tables"]["gain"]["rows"], strict=True):
        chosen = table.loc[(pair[1], pair[0].removesuffix(" (reference)"))]
        assert row[2] == pytest.approx([chosen["difference"], chosen["low"], chosen["high"]])
        assert row[4] == pytest.approx(chosen["p_value"])
    others = {row[0].replace(" + ", "+"): row for row in summary["tables"]["instead"]["rows"]}
    with_images = {a for a in run.scores["arm"].unique() if "image" in a.split("+")}
    assert set(others) == with_images - {f"image+{reference}"}
    for arm, row in others.items():
        assert row[2] == pytest.approx(table.loc[(arm, reference), ["difference", "low", "high"]].to_list())
        assert row[1]  # what else sets it apart
    assert "shuffled outcome" not in json.dumps([summary["tables"][key] for key in ("gain", "instead")])
    said = " ".join(summary["answer"]["sentences"])
    assert said.count(" of clinical") + said.count(" of blood") >= 2


@pytest.mark.parametrize(
    ("margin", "headline", "words"),
    [
        (0.0, "a gain of up to 0.040 in AUROC is not ruled out", ""),
        (0.05, "imaging adds less than 0.050 in AUROC, if anything", "Both intervals stay below the smallest gain"),
        (0.03, "cannot tell whether imaging adds 0.030 in AUROC", "is neither shown nor ruled out"),
    ],
)
def test_headline_tells_nearly_nothing_from_too_little_to_tell(run, margin, headline, words):
    named = dataclasses.replace(scored(run), experiment=dataclasses.replace(run.experiment, margin=margin))
    said = report.summarize(with_difference(named, -0.03, 0.04))["answer"]
    assert headline in said["headline"]
    assert words in said["sentences"][1]
    large = report.summarize(with_difference(named, 0.06, 0.2))["answer"]
    assert ("Both intervals reach" in large["sentences"][1]) == (margin > 0)


def test_no_bound_is_given_where_it_would_be_an_artefact(run):
    """Without the interval that allows for other training patients, and where the models leave images out, nothing is small."""
    named = dataclasses.replace(scored(run), experiment=dataclasses.replace(run.experiment, margin=0.05))
    close = with_difference(named, -0.01, 0.01)
    assert "adds less than 0.050" in report.summarize(close)["answer"]["headline"]
    alone = close.comparisons[close.comparisons["test"] != "Nadeau-Bengio"]
    said = report.summarize(dataclasses.replace(close, comparisons=alone))["answer"]
    assert "cannot tell" in said["headline"]
    assert "neither shown nor ruled out" in said["sentences"][1]
    wide = close.comparisons.copy()
    wide.loc[(wide["test"] == "Nadeau-Bengio") & (wide["metric"] == "auroc"), ["low", "high"]] = [-0.06, 0.07]
    assert "cannot tell" in report.summarize(dataclasses.replace(close, comparisons=wide))["answer"]["headline"]
    arm = Facts(run).candidate
    choices = pd.DataFrame({"arm": [arm] * 10, "chosen": "xgboost/stack/mean", "weight_image": [0.0] * 6 + [0.3] * 4})
    out = report.summarize(dataclasses.replace(close, choices=choices))["answer"]
    assert "in 6 of 10 training folds the models left it out" in out["headline"]
    assert "neither shown nor ruled out" in out["sentences"][1]


def test_gain_that_the_reference_leaves_no_room_for_is_not_ruled_out_but_said_to_be_impossible(run):
    close = with_difference(scored(run, 0.97), -0.01, 0.2)
    said = report.summarize(close)["answer"]
    assert "a gain of up to 0.030 in AUROC is not ruled out" in said["headline"]
    assert "gains up to 0.030, all that the reference leaves room for, and losses up to 0.010" in said["sentences"][1]
    assert "the headline names all the gain that the reference leaves room for" in said["sentences"][1]
    named = dataclasses.replace(close, experiment=dataclasses.replace(run.experiment, margin=0.05))
    said = report.summarize(named)["answer"]
    assert said["headline"] == "The reference leaves no room for a gain of 0.050 in AUROC"
    assert "The reference leaves a gain of 0.030 at most" in said["sentences"][1]
    figure = report.summarize(named)["figures"]["gain-forest"]
    assert figure["arguments"]["mark"] == 0.05


def test_interval_too_near_nothing_is_no_finding_on_either_side(run):
    for low, high in ((1e-6, 3e-6), (-3e-6, -1e-6)):
        said = report.summarize(with_difference(scored(run), low, high))["answer"]
        assert said["numbers"]["verdict"] == "unclear"
        assert "the scores with and without it are the same" in said["headline"]
        assert "read as no difference" in said["sentences"][1]


def test_gain_from_few_folds_that_used_images_is_weak(run):
    arm = Facts(run).candidate
    choices = pd.DataFrame({"arm": [arm] * 10, "chosen": "xgboost/stack/mean", "weight_image": [0.0] * 6 + [0.3] * 4})
    said = report.summarize(dataclasses.replace(with_difference(scored(run), 0.01, 0.05), choices=choices))["answer"]
    assert said["numbers"]["verdict"] == "weak"
    assert "in 6 of 10 training folds the models gave images no weight: weak evidence" in said["sentences"][1]
    unstacked = choices.assign(weight_image=[0.0] * 2 + [np.nan] * 8)
    said = report.summarize(dataclasses.replace(with_difference(scored(run), 0.01, 0.05), choices=unstacked))["answer"]
    assert said["numbers"]["verdict"] == "better"  # eight folds chose a model that is no stack


def test_answer_says_for_whom_where_it_was_asked(run):
    line = {
        "arm": "a",
        "reference": "b",
        "metric": "auroc",
        "p_interaction": 0.2,
        "p_holm": 0.2,
        "reason": "",
        "events": 12,
    }
    line |= {f"{end}_{arm}": 0.5 for end in ("value", "low", "high") for arm in "ab"}
    rows = [
        line | {"by": "sex", "group": "female", "patients": 30, "difference": 0.03, "low": -0.02, "high": 0.07},
        line
        | {"by": "sex", "group": "male", "patients": 8, "difference": np.nan, "low": np.nan, "high": np.nan}
        | {"reason": "only 4 in the smaller class, fewer than 10"},
    ]
    said = " ".join(report.summarize(dataclasses.replace(run, subgroups=pd.DataFrame(rows)))["answer"]["sentences"])
    assert "(difference in AUROC): by sex female: +0.030" in said
    assert "male: not told (only 4 in the smaller class, fewer than 10) (p that they differ = 0.20)" in said


def test_arm_that_is_no_baseline_with_images_is_not_said_to_add_to_it(run):
    """The best arm without images may be a baseline that no arm adds images to."""
    reference = Facts(run).reference
    renamed = {
        name: getattr(run, name).assign(
            **{
                c: getattr(run, name)[c].replace({reference: "baseline: CRP"})
                for c in ("arm", "reference")
                if c in getattr(run, name)
            }
        )
        for name in ("predictions", "scores", "comparisons")
    }
    for low, high, words in (
        (0.01, 0.05, "an arm with images does better"),
        (-0.05, -0.01, "do worse than the best arm"),
    ):
        said = report.summarize(with_difference(dataclasses.replace(run, **renamed), low, high))
        assert words in said["answer"]["headline"]
        assert "may come from all that they do not share" in said["answer"]["sentences"][1]
        assert "(reference)" not in json.dumps(said["tables"]["gain"]["rows"])


def test_gain_over_a_reference_that_knows_nothing_is_called_little(run):
    scores = run.scores.copy()
    reference = Facts(run).reference
    scores.loc[(scores["arm"] == reference) & (scores["metric"] == "auroc"), "value"] = 0.42
    said = report.summarize(with_difference(dataclasses.replace(run, scores=scores), 0.02, 0.3))["answer"]["sentences"][
        1
    ]
    assert "no better than chance (0.42): a gain over it says little" in said


def test_answer_says_what_its_interval_leaves_out(run):
    table = with_difference(run, -0.03, 0.04).comparisons
    rows = (table["test"] == "Nadeau-Bengio") & (table["metric"] == "auroc")
    table.loc[rows, ["difference", "low", "high"]] = [0.012, -0.034, 0.056]
    said = report.summarize(dataclasses.replace(run, comparisons=table))["answer"]["sentences"][1]
    assert (
        f"trained on other patients too, the difference is {interval(0.012, -0.034, 0.056, 3, sign=True)} (Nadeau"
        in said
    )
    table.loc[rows, ["low", "high"]] = np.nan
    said = report.summarize(dataclasses.replace(run, comparisons=table))["answer"]["sentences"][1]
    assert "Nadeau" not in said


def test_expert_rule_below_one_half_is_explained_where_it_stands(run):
    renamed = {"image": "expert rule: mean severity"}
    changed = {
        name: getattr(run, name).assign(arm=getattr(run, name)["arm"].replace(renamed))
        for name in ("predictions", "scores", "comparisons")
    }
    rows = (changed["scores"]["arm"] == "expert rule: mean severity") & (changed["scores"]["metric"] == "auroc")
    for value, told in ((0.6, False), (0.4, True)):
        changed["scores"].loc[rows, "value"] = value
        tables = report.summarize(dataclasses.replace(run, **changed))["tables"]
        for name in ("arms", "gain", "instead"):
            assert ("flips where the classes hardly differ" in tables[name]["note"]) == told


def test_flow_does_not_leave_out_whom_the_run_used(summary):
    steps = next(b["steps"] for s in summary["sections"] for b in s["blocks"] if b["type"] == "flow")
    assert [s["step"] for s in steps][:2] == ["in clinical.csv", "with a known outcome"]
    assert steps[1]["excluded"] == "3 patients left out"
    assert steps[-1]["n"] == "30 patients (15 with, 15 without the outcome)"
    assert steps[-1]["excluded"] == "26 of them with all six points; 1 clip of those above could not be read"


def test_refused_variables_come_with_their_reasons(summary):
    rows = {r[0]: r for r in summary["tables"]["refused"]["rows"]}
    assert rows["los"] == ["los", "outcome", "discharge", "known later"]
    assert rows["pcr_ct"][3].startswith("exists only if positive")


def test_null_table_counts_as_the_run_does(run, summary):
    rows = {r[0].replace(" + ", "+"): r for r in summary["tables"]["null"]["rows"]}
    saved = run.comparisons[run.comparisons["reference"] == "shuffled outcome"].set_index("arm")["p_value"]
    for arm, row in rows.items():
        assert row[3] == pytest.approx(saved[arm])
        assert row[4] == 3
    assert "not whether images add" in summary["tables"]["null"]["note"]
    assert "at a predicted risk of 0.5" in summary["tables"]["arms"]["note"]
    without = report.summarize(dataclasses.replace(run, null=run.null.iloc[:0]))
    assert "null" not in without["tables"]
    assert "null is not part of this run." in json.dumps(without["sections"])


def test_learning_curve_and_bootstrap_validation_are_shown_where_a_run_has_them(run, summary):
    assert not {"learning", "validation"} & set(summary["tables"])
    curve = pd.DataFrame(
        {"arm": "blood", "patients": [5.0, 20.0], "metric": "auroc", "value": [0.6, 0.8], "low": 0.5, "high": 0.9}
    )
    row = {"arm": "blood", "metric": "auroc", "apparent": 0.9, "optimism": 0.1, "corrected": 0.8, "out_of_bag": 0.7}
    whole = dataclasses.replace(
        run, learning=curve, validation=pd.DataFrame([row | {"rule_632plus": 0.75, "draws": 50}])
    )
    summary = report.summarize(whole)
    assert [r[1:] for r in summary["tables"]["learning"]["rows"]] == [[5.0, [0.6, 0.5, 0.9]], [20.0, [0.8, 0.5, 0.9]]]
    assert summary["tables"]["validation"]["rows"] == [["blood", "AUROC", 0.9, 0.1, 0.8, 0.7, 0.75, 50]]
    assert summary["figures"]["learning"]["kind"] == "learning_curve"


def test_a_transfer_is_told_as_one(run):
    moved = dataclasses.replace(
        run, design={**run.design, "transfer": {"train": "old", "test": "tiny", "train_patients": 80}}
    )
    sections = {s["key"]: json.dumps(s["blocks"]) for s in report.summarize(moved)["sections"]}
    assert "fitted on old (80 patients) and evaluated once on the patients of tiny" in sections["methods"]
    assert "cross-validation, stratified" not in sections["methods"]
    assert "fitted on old and tested once on tiny" in sections["limits"]
    assert "internal validation within" not in sections["limits"]


def test_limits_come_from_the_runs_own_facts(run, summary):
    text = " ".join(next(s for s in summary["sections"] if s["key"] == "limits")["blocks"][0]["items"])
    assert "internal validation within tiny" in text
    assert "is the best of 3 arms without images" in text
    assert "consensus" in text
    assert "label-permutation null" not in text
    assert "could use 24 of 30 patients" in text
    other = dataclasses.replace(
        run, cohort={k: v for k, v in run.cohort.items() if k != "ratings"}, null=run.null.iloc[:0]
    )
    text = " ".join(next(s for s in report.summarize(other)["sections"] if s["key"] == "limits")["blocks"][0]["items"])
    assert "consensus" not in text
    assert "label-permutation null of the whole pipeline is not part of this run." in text
    assert "--null" not in text


def test_methods_say_what_was_done_and_nothing_else(run, summary):
    text = " ".join(b["text"] for s in summary["sections"] if s["key"] == "methods" for b in s["blocks"])
    for words in (
        "PCR positive at admission in 30 patients of tiny, 15 of whom",
        "2 repeats of 3-fold",
        "with the model logistic. Here logistic means a logistic regression with an L2 penalty (C = 0.1",
        "3 permutations",
        "seed 0",
    ):
        assert words in text
    other = dataclasses.replace(
        run, experiment=dataclasses.replace(run.experiment, fusion="late", threshold="youden", calibrate="platt")
    )
    text = " ".join(
        b["text"] for s in report.summarize(other)["sections"] if s["key"] == "methods" for b in s["blocks"]
    )
    for words in ("fused late", "Youden", "recalibrated (platt)"):
        assert words in text
    chosen = dataclasses.replace(
        run, experiment=dataclasses.replace(run.experiment, select=("ridge/late", "ridge/pca3", "svm"))
    )
    text = " ".join(report.methods.methods(Facts(chosen)))
    assert "among ridge/late, ridge/pca3 and svm (model, fusion" in text
    assert text.count("ridge means a logistic regression") == 1
    assert "svm means a support vector machine" in text
    assert "logistic means" not in text.replace("ridge means a logistic regression", "")


def test_command_repeats_the_experiment(run, summary, tmp_path):
    code = next(b for s in summary["sections"] if s["key"] == "repeat" for b in s["blocks"] if b["type"] == "code")
    assert code["lines"][0] == "python -m blues.fuse --from experiment.toml"
    words = code["lines"][1].replace("'path/to/private study'", "X").split()
    from blues.check import parse

    again = parse(fuse.Experiment, words[3:], prog="x", description="x")
    assert dataclasses.replace(again, cohort=FOLDER, jobs=1) == run.experiment


def test_calibration_and_net_benefit_are_those_of_evaluate(run, summary):
    facts = Facts(run)
    rows = {r[0].replace(" + ", "+"): r for r in summary["tables"]["calibration"]["rows"]}
    assert set(rows) == set(facts.key_arms)
    for arm, row in rows.items():
        expected = evaluate.calibration(facts.of(arm)["y"], facts.of(arm)["p"])
        slope = expected.slope
        assert row[2] == (
            pytest.approx([slope.value, slope.low, slope.high]) if np.isfinite(slope.value) else slope.detail["reason"]
        )
        assert row[5] == pytest.approx(expected.ici)
    table = facts.of(facts.candidate)
    both = table.merge(facts.of(facts.reference)[["row", "p"]], on="row", suffixes=("", "_without"))
    nb = evaluate.net_benefit(both["y"], both["p"], [0.3], other=both["p_without"]).iloc[0]
    line = next(r for r in summary["tables"]["net-benefit"]["rows"] if r[0] == 0.3)
    assert line[1:3] == pytest.approx([nb["model"], nb["other"]])
    assert line[3][0] == pytest.approx(nb["difference"])


@pytest.mark.parametrize("alone", [False, True])
def test_the_page_holds_what_the_run_saved_and_no_other_draws(alone, tmp_path):
    """Numbers that a run made wrong would stand on the page as they are; one from before they were saved has the same."""
    run = make_run(null=3)
    if alone:  # beside images stands a constant
        design = make_design()
        one = pd.DataFrame({"constant": 1.0}, design.y.index)
        design = dataclasses.replace(design, blocks={"image": design.blocks["image"]}, singles={"prevalence": one})
        run = fuse.run(design, fuse.Experiment(modalities=("image",), **(QUICK | {"null": 2})))
    again = report.summarize(fuse.Run.load(run.save(tmp_path / "run")))

    def numbers(made):
        rows = [made["tables"][key]["rows"] for key in ("calibration", "net-benefit", "null")]
        text = json.dumps([rows, made["figures"]["decision"]["arguments"]])
        return re.sub(r"-?\d+\.\d+(e-?\d+)?", lambda number: f"{float(number[0]) + 0:.9f}", text)

    assert numbers(again) == numbers(report.summarize(run))
    older = dict.fromkeys(("calibration", "decision", "benefit"), pd.DataFrame())
    older["comparisons"] = run.comparisons[run.comparisons["reference"] != "shuffled outcome"]
    for name in ("calibration", "decision", "benefit"):
        assert (tmp_path / "run" / f"{name}.csv").is_file()
    assert numbers(report.summarize(dataclasses.replace(run, **older))) == numbers(again)
    moved = {
        "calibration": run.calibration.assign(value=run.calibration["value"] + 1),
        "decision": run.decision.assign(low=run.decision["low"] - 1),
        "benefit": run.benefit.assign(high=run.benefit["high"] + 1),
        "comparisons": run.comparisons.assign(p_value=0.5),
    }
    made = report.summarize(dataclasses.replace(run, **moved))
    plain = report.summarize(run)
    arm, before = (page["tables"]["calibration"]["rows"][0] for page in (made, plain))
    assert arm[5] == pytest.approx(before[5] + 1)
    for line, was in zip(made["tables"]["net-benefit"]["rows"], plain["tables"]["net-benefit"]["rows"], strict=True):
        assert line[3][2] == pytest.approx(was[3][2] + 1)
    assert {row[3] for row in made["tables"]["null"]["rows"]} == {0.5}
    first, second = (page["figures"]["decision"]["arguments"]["curves"] for page in (made, plain))
    assert first != second


def test_threshold_table_agrees_with_evaluate(run, summary):
    explorer = summary["explorer"]
    for arm, values in explorer["arms"].items():
        y, p = np.array(values["y"]), np.array(values["p"])
        for t in (0.2, 0.5, 0.8):
            cells = page._row(page._counts(values, t), t)
            point = evaluate.operating_point(y, (p >= t).astype(int))
            assert cells[0].startswith(f"{point.sensitivity.value:.2f} ({point.sensitivity.low:.2f}")
            assert cells[1].startswith(f"{point.specificity.value:.2f} ({point.specificity.low:.2f}")
            benefit = evaluate.net_benefit(y, p, [t])["model"][0]
            assert float(cells[2].replace("−", "-")) == pytest.approx(benefit, abs=6e-4), arm


def test_threshold_table_of_clips_goes_by_patient():
    made = report.summarize(clip_run())["explorer"]
    assert made["level"] == "clip"
    table = Facts(clip_run()).of("blood")
    values = made["arms"]["blood"]
    for t in (0.0, 0.3, 0.5, 0.7):
        called = table["p"] >= t
        point = evaluate.operating_point(table["y"], called, clusters=table["patient"])
        cells = page._row(page._counts(values, t), t, values["limits"][round(100 * t)])
        for cell, one in ((cells[0], point.sensitivity), (cells[1], point.specificity), (cells[3], point.ppv)):
            assert cell == (interval(one.value, one.low, one.high) if np.isfinite(one.value) else "–"), t
    plain = evaluate.operating_point(table["y"], table["p"] >= 0.5)
    low, high = values["limits"][50][:2]
    assert high - low > plain.sensitivity.high - plain.sensitivity.low + 0.02


def test_shortened_predictions_stay_on_their_side_of_every_threshold():
    near = np.add.outer(np.arange(101) / 100, [-4e-5, -1e-6, 0.0, 1e-6, 4e-5]).ravel().clip(0, 1)
    short = risk._shortened(pd.Series(near))
    assert np.abs(short - near).max() < 1e-4
    assert all(((short >= t) == (near >= t)).all() for t in np.arange(101) / 100)


@pytest.mark.parametrize("most", [400, 1])
@pytest.mark.parametrize("make", [make_run, clip_run])
def test_the_mean_of_several_equal_predictions_reaches_them(make, most, monkeypatch):
    monkeypatch.setattr(risk, "MOST_ROWS", most)
    run = make()
    first = run.predictions[run.predictions["repeat"] == 0]
    p = np.where(np.arange(len(first)) % 3, 0.7, 0.2)
    equal = pd.concat([first.assign(p=p, repeat=k) for k in range(6)], ignore_index=True)
    made = risk.explorer(Facts(dataclasses.replace(run, predictions=equal)))["arms"]["blood"]
    table = equal[equal["arm"] == "blood"]
    called = evaluate.operating_table(table, 0.7).set_index("metric")["value"]
    assert called["tp"] > 0
    found = page._counts(made, 0.7)
    assert found == {name: called[name] for name in found}
    if "limits" in made:
        assert made["limits"][70] == made["limits"][50]


@pytest.mark.slow
def test_large_cohorts_are_counted_and_stay_small():
    run = make_run(patients=900, repeats=1, draws=100, modalities=("image", "blood"))
    summary = report.summarize(run)
    small = summary["explorer"]["arms"]["image"]
    table = Facts(run).of("image")
    c = page._counts(small, 0.37)
    called = table["p"] >= 0.37
    assert c["tp"] == int((called & (table["y"] == 1)).sum())
    assert c["fp"] == int((called & (table["y"] == 0)).sum())
    assert sum(c.values()) == 900
    assert len(summary["tables"]["patients"]["rows"]) == 400
    assert "400 largest changes of 720" in summary["tables"]["patients"]["note"]
    assert len(report.render(summary)) < 1_500_000


# what other parts give


def test_extra_results_are_shown_and_their_absence_is_said(run):
    kappa = Agreement(0.61, 0.4, 0.8, 0.1, 60, 2, "quadratic-weighted kappa", {"interval": "patient bootstrap"})
    pairs = pd.DataFrame({"pair": ["A, B", "A, model"], "value": [0.6, 0.5], "low": [0.4, 0.3], "high": [0.8, 0.7]})
    matrix = pd.DataFrame([[9, 1], [2, 8]], index=["0", "1"], columns=["0", "1"])
    curve = pd.DataFrame({"group": "all", "time": [0.0, 3.0], "survival": [1.0, 0.5], "at_risk": [30, 20]})
    shap = pd.DataFrame({"feature": ["crp", "b lines"], "value": [0.2, 0.1], "modality": ["blood", "image"]})
    summary = report.summarize(
        run,
        agreements={"Severity": [kappa, kappa], "Pairs": pairs, "Counts": matrix},
        survival={"Length of stay": curve},
        explanations={"All features": shap},
    )
    assert all(s["present"] for s in summary["sections"])
    text = report.render(summary)
    assert "quadratic-weighted kappa of 2 raters on 60 subjects was 0.61" in text
    kinds = [f["kind"] for f in summary["figures"].values()]
    for kind in ("pairs_forest", "agreement_matrix", "survival", "importance"):
        assert kind in kinds
    covered = {r[0]: r[2] for r in summary["tables"]["grras"]["rows"]}
    assert covered["13"] == ["agreement"]
    assert covered["4"] == []
    plain = report.summarize(run)
    assert all(r[2] == [] for r in plain["tables"]["grras"]["rows"])
    assert "is not part of this run" in report.render(plain)


@pytest.mark.parametrize(
    ("categories", "weights", "told"),
    [
        ([0, 1], "quadratic", "Cohen's kappa, unweighted"),
        ([0, 1, 2], "quadratic", "Cohen's kappa, quadratic weights"),
        ([0, 1, 2], "linear", "Cohen's kappa, linear weights"),
    ],
)
def test_a_forest_of_pairs_names_its_own_kappa(categories, weights, told):
    rated = pd.DataFrame({"senior": categories * 4, "junior": (categories * 4)[:-1] + [categories[0]]})
    found = agree.section(rated, categories=categories, weights=weights, draws=20)["Every pair"]
    assert extras._drawn("Every pair", found)["arguments"]["statistic"] == told
    unnamed = extras._drawn("Every pair", found.drop(columns="weights"))
    assert unnamed["arguments"]["statistic"] == "agreement"


@pytest.mark.slow
def test_records_of_the_other_parts_are_taken_as_they_come(run):
    rng = np.random.default_rng(0)
    ids = [str(i) for i in range(40)]
    stays = pd.DataFrame({"time": np.round(rng.gamma(2, 4, 40)), "event": np.tile([0, 1, 1, 2], 10)}, index=ids)
    described = survive.describe(stays, pd.Series(["with", "without"] * 20, index=ids))
    rated = pd.DataFrame({"senior": [0, 1, 2, 3] * 10, "junior": [0, 1, 2, 2] * 10})
    agreed = agree.section(rated, categories=[0, 1, 2, 3], draws=50, facts={4: "two experts"})
    summary = report.summarize(run, agreements=agreed, survival={"Stays": described})
    kinds = [f["kind"] for f in summary["figures"].values()]
    for kind in ("survival", "cumulative_incidence", "pairs_forest", "agreement_matrix"):
        assert kind in kinds
    tables = {t["caption"]: t for t in summary["tables"].values()}
    median = described.staying.median.iloc[0]
    shown = tables["Stays: staying: median"]["rows"][0][-1]
    assert [np.nan if v is None else v for v in shown] == pytest.approx(
        list(median[["median", "low", "high"]]), nan_ok=True
    )
    gap = described.days.differences.iloc[0]
    labels = [c["label"] for c in tables["Stays: days: differences"]["columns"]]
    row = tables["Stays: days: differences"]["rows"][0]
    assert row[labels.index("difference")] == pytest.approx(list(gap[["difference", "low", "high"]]))
    assert row[labels.index("se")] == pytest.approx(gap["se"])
    tests = {r[0]: r for r in tables["Stays: tests"]["rows"]}
    assert tests["logrank"][-1] == pytest.approx(described.tests["logrank"].p_value)
    grras = {r[0]: r[2] for r in summary["tables"]["grras"]["rows"]}
    assert grras["4"] == ["agreement"]
    assert grras["5"] == []
    assert next(r for r in summary["tables"]["grras"]["rows"] if r[0] == "4")[3] == "two experts"
    assert Tree(report.render(summary)).wrong == []


@pytest.mark.slow
def test_shapley_values_of_a_run_are_shown():
    run = make_run(explain=("all",))
    summary = report.summarize(run)
    section = next(s for s in summary["sections"] if s["key"] == "explanations")
    assert section["present"]
    arm = Facts(run).candidate
    expected = explain.importance(run.attributions, arm, "variable")
    rows = summary["tables"]["shap-variable"]["rows"]
    assert [r[0] for r in rows] == list(expected["name"])
    assert [r[2][0] for r in rows] == pytest.approx(list(expected["value"]))
    assert sum(r[3] for r in rows) == pytest.approx(1)
    kinds = {r[0]: r[3] for r in summary["tables"]["shap-modality"]["rows"]}
    assert f"Of the images (a share of {kinds['image']:.0%} among the kinds of information)" in json.dumps(summary)
    worth = {(r[0], r[1]): r[2][0] for r in summary["tables"]["worth"]["rows"]}
    parts = sum(v for (what, _), v in worth.items() if what == "Shapley value")
    assert parts == pytest.approx(next(v for (what, _), v in worth.items() if what == "all"))
    sure = explain.coverage(explain.conformal(run.predictions[run.predictions["arm"] == arm]))
    assert summary["tables"]["sets"]["rows"][0][2][0] == pytest.approx(sure["value"].iloc[0])
    # what is said of a patient is what the record says of that patient
    back = {name: patient for patient, name in privacy.pseudonyms(run.predictions, 0).items()}
    row = summary["tables"]["patients"]["rows"][0]
    first, value = row[-1].split("; ")[0].rsplit(" ", 1)
    own = explain.roll_up(run.attributions, arm, "variable")
    own = own[own["patient"].astype(str) == back[row[0]]].groupby("name")["shap"].mean()
    assert first == own.abs().idxmax()
    assert float(value.replace("−", "-")) == pytest.approx(own[first], abs=0.0051)
    assert Tree(report.render(summary)).wrong == []


@pytest.mark.slow
def test_results_beside_a_run_are_read(run, tmp_path):
    folder = run.save(tmp_path / "run")
    (folder / "stay").mkdir()
    pd.DataFrame({"group": "all", "time": [0, 3], "survival": [1.0, 0.5]}).to_csv(
        folder / "stay" / "Kaplan-Meier.csv", index=False
    )
    (folder / "agreement").mkdir()
    Agreement(0.61, 0.4, 0.8, 0.1, 60, 2, "kappa").save(folder / "agreement" / "severity.json")
    (folder / "explanations").mkdir()
    pd.DataFrame({"feature": ["crp"], "value": [0.2]}).to_parquet(folder / "explanations" / "Attributions.parquet")
    text = report.write(folder).read_text(encoding="utf-8")
    for words in ("kappa of 2 raters on 60 subjects", "Kaplan Meier", "Attributions"):
        assert words in text
    (folder / "stay" / "broken.json").write_text("{")
    assert report.main([str(folder)]) == 2


def test_checklists_hold_every_item_once_and_point_to_real_sections(summary, html):
    for items, most in ((checklists.TRIPOD_AI, 27), (checklists.GRRAS, 15)):
        numbers = [number for number, _, _ in items]
        assert len(set(numbers)) == len(numbers)
        assert {int(re.match(r"\d+", n)[0]) for n in numbers} == set(range(1, most + 1))
    stard = [n for n, _, _ in checklists.STARD_AI if not n.startswith("A")]
    assert {int(re.match(r"\d+", n)[0]) for n in stard} == set(range(1, 31))
    for items in (checklists.TRIPOD_AI, checklists.STARD_AI, checklists.GRRAS):
        assert {s for _, _, places in items for s in places.split()} <= set(TITLES)
    assert html.count('<span class="absent">not covered</span>') == sum(
        not row[2] for key in ("tripod-ai", "stard-ai", "grras") for row in summary["tables"][key]["rows"]
    )


# the page


def test_page_stands_alone(html):
    tree = Tree(html)
    assert tree.wrong == []
    assert not tree.all("link", "img", "iframe", "object", "embed", "form", "base")
    for tag, attributes in tree.elements:
        assert not any(name.startswith("on") for name in attributes), tag
        address = attributes.get("src") or attributes.get("href") or ""
        assert address == "" or address.startswith("#"), (tag, address)
    assert "@import" not in html
    assert re.findall(r"url\((?!#)", html) == []
    scripts = tree.all("script")
    assert [s.get("type") for s in scripts] == ["application/json", None]
    assert len(html) < 3_000_000


def test_policy_allows_the_pages_own_script_only(html):
    policy = next(a["content"] for a in Tree(html).all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)[1]
    assert policy.startswith("default-src 'none'")
    assert f"script-src '{page.script_hash(script)}'" in policy
    assert "unsafe-eval" not in policy
    assert "eval(" not in script
    assert "Function(" not in script
    assert "innerHTML" not in script


def test_page_can_be_read_without_seeing_it(html):
    tree = Tree(html)
    headings = [tag for tag, _ in tree.elements if re.fullmatch("h[1-6]", tag)]
    assert headings.count("h1") == 1
    assert all(int(b[1]) <= int(a[1]) + 1 for a, b in zip(headings, headings[1:], strict=False))
    assert len(tree.all("caption")) == len(tree.all("table"))
    assert all(a.get("scope") in ("col", "row", "rowgroup") for a in tree.all("th"))
    assert all(a.get("role") == "img" and a.get("aria-label") for a in tree.all("svg"))
    ids = [a["id"] for _, a in tree.elements if "id" in a]
    assert len(ids) == len(set(ids))
    targets = [a["href"][1:] for a in tree.all("a", "use") if "href" in a]
    assert set(targets) <= set(ids)
    assert all(a[k] in ids for _, a in tree.elements for k in ("aria-labelledby", "for") if k in a)
    assert tree.all("html")[0]["lang"] == "en"
    assert tree.all("a")[0]["class"] == "skip"


def test_hostile_names_are_text_everywhere(hostile):
    summary = report.summarize(hostile, pseudonymise=False)
    text = report.render(summary)
    tree = Tree(text)
    assert tree.wrong == []
    assert len(tree.all("script")) == 2
    assert not tree.all("img", "b")
    assert not any(k.startswith("on") for _, a in tree.elements for k in a)
    for name in (HOSTILE[0], HOSTILE[1], HOSTILE[3], HOSTILE[4], HOSTILE[6]):
        assert name in tree.text
    assert "49" not in re.findall(r"\]\]>.{0,20}", tree.text)[0]
    assert "\u202e" not in text
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert HOSTILE[0] in json.dumps(data["hover"]["change"], ensure_ascii=False)


def test_hostile_names_are_text_in_markdown_csv_and_latex(hostile, tmp_path):
    summary = report.summarize(hostile, pseudonymise=False)
    text = report.to_markdown(summary)
    assert "<script" not in text
    assert "<img" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    bars = {len(re.findall(r"(?<!\\)\|", line)) for line in rows if "cmd" in line}
    assert bars == {5, 7}, "a name has opened a cell of its own"
    report.save_tables(summary, tmp_path)
    cells = [c for row in csv.reader(io.StringIO((tmp_path / "refused.csv").read_text(encoding="utf-8"))) for c in row]
    assert "'" + HOSTILE[5] in cells
    assert not any(c.startswith("=") for c in cells)
    latex = (tmp_path / "refused.tex").read_text(encoding="utf-8")
    assert r"\{\{ 7*7 \}\} \%\}" in latex
    word = Tree((tmp_path / "refused.html").read_text(encoding="utf-8"))
    assert not word.all("script", "img")
    assert HOSTILE[0] in word.text


# privacy


def names_run():
    return make_run(ids=[f"NORD-{100 + i}" for i in range(30)])


def test_ids_and_paths_stay_out_unless_asked_for():
    run = names_run()
    run = dataclasses.replace(
        run, notes=({"level": "warning", "text": f"NORD-107 and clip_of_7 in {FOLDER}/a b.csv, patient NORD-108"},)
    )
    hidden = json.dumps(report.summarize(run), ensure_ascii=False)
    for secret in ("NORD", "some user", "clip_of_7", "gone-9", "/home"):
        assert secret not in hidden
    assert "…/a b.csv" in hidden
    assert re.search(r'"P\d\d"', hidden)  # which of the thirty are listed hangs on the processor's last digits
    shown = json.dumps(report.summarize(run, pseudonymise=False), ensure_ascii=False)
    assert "NORD-107" in shown
    assert "some user" not in shown
    assert "some user" in json.dumps(report.summarize(run, paths=True), ensure_ascii=False)


def test_pseudonyms_are_stable_and_say_nothing_about_the_order():
    run = make_run()
    names = privacy.pseudonyms(run.predictions, 0)
    assert names == privacy.pseudonyms(run.predictions.sample(frac=1, random_state=1).sort_index(), 0)
    assert sorted(names.values()) == [f"P{i:02d}" for i in range(1, 31)]
    assert names != privacy.pseudonyms(run.predictions, 1)
    order = [int(names[str(i)][1:]) for i in range(1, 31)]
    assert abs(np.corrcoef(order, np.arange(30))[0, 1]) < 0.6
    nudged = run.predictions.assign(p=run.predictions["p"] + 1e-8)
    assert privacy.pseudonyms(nudged, 0) != names, "the order must not follow from what the page shows"
    noise = run.predictions.assign(p=run.predictions["p"] * (1 + 2**-52))
    assert privacy.pseudonyms(noise, 0) == names, "another processor's last digits rename nobody"
    zero = run.predictions.assign(p=0.0)
    assert privacy.pseudonyms(zero, 0) == privacy.pseudonyms(zero.assign(p=-1e-17), 0)


def test_pages_say_that_another_runs_names_are_others():
    run = make_run()
    shown, compared = report.summarize(run), report.compare(run, make_run(seed=1), ("A", "B"))
    for said in (report.render(shown), report.to_markdown(shown)):
        assert said.count("in another run of the same cohort, P07 is another patient") == 1
    page = report.render(compared)
    assert page.count("No patient is named here") == page.count("P07 of one is another patient in the other") == 1
    assert "Names of patients such as" not in page
    assert "P07 is another" not in report.render(report.summarize(run, pseudonymise=False))


def test_a_cohort_that_calls_its_patients_p01_is_renamed_once():
    run = make_run(ids=[f"P{i:02d}" for i in range(1, 31)])
    names = privacy.pseudonyms(run.predictions, 0)
    summary = report.summarize(run)
    facts = Facts(run)
    after = facts.of(facts.candidate).set_index("patient")["p"]
    back = {v: k for k, v in names.items()}
    for row in summary["tables"]["patients"]["rows"]:
        assert row[3] == pytest.approx(after[back[row[0]]])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("patients 3, 7 and 12 have blanks", "patients P3, P7 and P12 have blanks"),
        ("patient_7_R1_2 has no base clip", "[a clip] has no base clip"),
        ("SARS-CoV-2 in 7 of 12 on day 3", "SARS-CoV-2 in 7 of 12 on day 3"),
        ("column stay_7 is empty", "column stay_7 is empty"),
        ("patient_3_count is a column", "patient_3_count is a column"),
    ],
)
def test_ids_in_free_text(text, shown):
    guard = privacy.Privacy(names={"3": "P3", "7": "P7", "12": "P12"}, keep=frozenset({"patient_3_count"}))
    assert guard.text(text) == shown
    assert privacy.Privacy().text(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("left out: P02, P01", "left out: P01, P03"),
        ("patients P01, P02 and P03 have blanks", "patients P03, P01 and P02 have blanks"),
        (
            "does not look like lung ultrasound: P02_R1. Look at it.",
            "does not look like lung ultrasound: [a clip]. Look at it.",
        ),
        ("PAT 23_R1, LUS-PAT 23-L2 and PAT 23 himself", "[a clip], [a clip] and P04 himself"),
        ("clips/PAT 99_R1.avi: a clip of nobody", "[a clip]: a clip of nobody"),
        ("xP02 and P021 are words", "xP02 and P021 are words"),
        ("cannot read x.mp4: truncated", "cannot read [a clip]: truncated"),
        ("a label with \U000f0001 and P02", "a label with \ufffd and P01"),
    ],
)
def test_ids_that_look_like_pseudonyms_or_stand_in_clip_names(text, shown):
    guard = privacy.Privacy(names={"P01": "P03", "P02": "P01", "P03": "P02", "PAT 23": "P04"})
    assert guard.text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/srv/data/clips/a.mp4", "…/a.mp4"),
        ("in file:///srv/x/y.csv.", "in …/y.csv."),
        (r"at \\server\share\folder\x.mp4!", "at …/x.mp4!"),
        ("~/study/a.csv", "…/a.csv"),
        ("mg/l, 3/4, and/or, image/clinical", "mg/l, 3/4, and/or, image/clinical"),
        ("https://example.org/a/b", "https://example.org/a/b"),
    ],
)
def test_paths_in_free_text(text, shown):
    assert privacy.without_paths(text) == shown


def test_rows_of_the_source_table_are_not_told(summary):
    told = json.dumps(summary, ensure_ascii=False)
    assert "row 36" not in told
    assert "spo2 '90-92': not a number" in told
    assert "patients 3, 7" not in told


# commands and files


def test_command_rebuilds_the_page_from_the_folder(run, html, tmp_path, capsys):
    folder = run.save(tmp_path / "run")
    assert report.main([str(folder)]) == 0
    assert capsys.readouterr().out == f"Report: {folder / 'report.html'}\n"
    assert (folder / "report.html").read_text(encoding="utf-8") == html
    assert str(tmp_path) not in html


@pytest.mark.slow
def test_command_writes_tables_figures_json_and_markdown(run, tmp_path, capsys):
    folder = run.save(tmp_path / "run")
    page_ = tmp_path / "out" / "r.html"
    small = ("roc", "arms-forest")
    full = report.summarize(run)
    report.save_figures({**full, "figures": {k: full["figures"][k] for k in small}}, tmp_path / "figures")
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == sorted(
        f"{k}.{e}" for k in small for e in ("svg", "png", "pdf")
    )
    assert report.main([str(folder), "--out", str(page_), "--tables", "--json", "--markdown", "--no-pseudonymise"]) == 0
    summary = json.loads(page_.with_suffix(".json").read_text(encoding="utf-8"))
    assert summary["pseudonymised"] is False
    assert {p.stem for p in (tmp_path / "out" / "tables").iterdir()} == set(summary["tables"])
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "tables" / "arms.csv").read_text(encoding="utf-8"))))
    scores = run.scores.drop_duplicates(["arm", "metric"]).set_index(["arm", "metric"])
    assert float(rows[0]["AUROC, low"]) == scores.loc[("image", "auroc"), "low"]
    text = page_.with_suffix(".md").read_text(encoding="utf-8")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == list(TITLES.values())
    assert "python -m blues.fuse --from experiment.toml" in text


def test_command_names_what_is_missing(tmp_path, capsys):
    assert report.main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "not a whole run folder" in error
    assert error.count("\n") == 1
    assert report.main(["compare", str(tmp_path), str(tmp_path)]) == 2


def with_a_constant(predictions):
    """Return predictions with those of an arm that says the same of everybody in a fold."""
    return pd.concat([predictions, predictions[predictions["arm"] == "image"].assign(arm="prevalence", p=0.5)])


@pytest.mark.slow
def test_compare_says_what_differs_and_pairs_only_the_same_patients(run, tmp_path):
    other = make_run(model=("forest",), seed=3)
    found = report.compare(run, other, ("A", "B"))
    settings = {r[0]: r[1:] for r in found["tables"]["settings"]["rows"]}
    settings.pop("commit", None)  # the two records are made one after the other, and a checkout may move meanwhile
    assert settings == {"model": ["logistic", "forest"], "seed": ["0", "3"], "null": ["3", "0"]}
    equal = {r[0]: r[1] for r in found["tables"]["same"]["rows"]}
    assert equal["folds"] == "3"
    assert equal["cohort"] == "path/to/private study"
    assert FOLDER not in json.dumps(found)
    a, b = Facts(run).of("blood"), Facts(other).of("blood")
    both = a.merge(b[["row", "p"]], on="row", suffixes=("", "_b"))
    expected = evaluate.delong_test(both["y"], both["p_b"], both["p"])
    row = next(r for r in found["tables"]["paired"]["rows"] if r[0] == "blood")
    assert found["tables"]["paired"]["caption"] == "Paired difference in AUROC of averaged predictions"
    assert "shows no difference" not in found["figures"]["paired"]["caption"]
    whole = dataclasses.replace(run, predictions=with_a_constant(run.predictions))
    assert "prevalence" not in {r[0] for r in report.compare(whole, whole)["tables"]["paired"]["rows"]}
    assert row[1][0] == pytest.approx(expected.estimate)
    assert row[2] == pytest.approx(expected.p_value)
    apart = report.compare(run, make_run(patients=26), ("A", "B"))
    assert "paired" not in apart["tables"]
    assert "no difference is tested" in json.dumps(apart)
    assert Tree(report.render(found)).wrong == []
    assert report.to_markdown(apart)


def test_compare_command_writes_a_page(run, tmp_path):
    a, b = run.save(tmp_path / "one"), run.save(tmp_path / "two")
    assert report.main(["compare", str(a), str(b), "--out", str(tmp_path / "c.html")]) == 0
    text = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "Two runs: one and two" in text
    assert "0 of" in text


def test_an_id_in_a_note_of_the_dictionary_is_renamed():
    hidden = privacy.Privacy(names={"59": "P07", "19": "P02"})
    assert hidden.text("0 = yes by analogy (one patient, 59)") == "0 = yes by analogy (one patient, P07)"
    assert hidden.text("ended in death (patients 19 and 59)") == "ended in death (patients P02 and P07)"
    assert hidden.text("63 patients, 59 of them with") == "63 patients, 59 of them with"


def test_the_headline_stands_beside_every_test_of_it(run, summary):
    made = summary["tables"]["headline"]
    facts = Facts(run)
    mine = run.comparisons[
        (run.comparisons["arm"] == facts.candidate) & (run.comparisons["reference"] == facts.reference)
    ]
    assert len(made["rows"]) == len(mine) > 5
    assert {"DeLong", "swap permutation", "McNemar", "Nadeau-Bengio"} <= {row[4] for row in made["rows"]}
    assert made["rows"][0][1] == pytest.approx([facts.headline.difference, facts.headline.low, facts.headline.high])


def test_methods_name_what_was_done_with_its_source(run, summary):
    said = " ".join(b["text"] for b in next(s for s in summary["sections"] if s["key"] == "methods")["blocks"])
    for source in ("DeLong et al. 1988", "Bandos et al. 2005", "Nadeau and Bengio 2003", "Austin and Steyerberg 2019"):
        assert source in said
    assert "Shapley" not in said
    alone = dataclasses.replace(run, comparisons=run.comparisons.iloc[:0])
    said = " ".join(report.methods.methods(Facts(alone)))
    assert "DeLong et al." not in said  # no difference was tested
    assert "interval of the AUROC is DeLong's (1988)" in said


@pytest.mark.parametrize(
    ("threshold", "words"),
    [("half", "the nearest one was called"), ("matched", "each as often as it occurs on inner folds was called")],
)
def test_page_says_which_grade_is_called(run, threshold, words):
    graded = dataclasses.replace(
        run,
        design={**run.design, "kind": "ordinal"},
        experiment=dataclasses.replace(run.experiment, threshold=threshold),
    )
    facts = Facts(graded)
    assert words in arms(facts)[1]["arms"]["note"]
    assert words in " ".join(methods(facts))
