"""What pages and the console say where the reference is a baseline, which no other arm is with images."""

import dataclasses
import json
from functools import cache

import numpy as np
import pandas as pd
from made_design import QUICK, make_design

from blues import fuse, report
from blues.fuse.command import summary as printed
from blues.fuse.tables import CONSTANT, WITHOUT, behind_constant
from blues.report.facts import Facts
from blues.report.methods import methods


@cache
def beside(reference="baseline: CRP", **settings):
    """Run an experiment with a baseline as the reference, and an expert rule."""
    design = make_design(40)
    rule = pd.DataFrame({"score": design.y * 2 + (design.blocks["image"]["a"] > 0)}, design.y.index)
    constant = pd.DataFrame({"constant": 1.0}, index=design.y.index)
    singles = {"prevalence": constant, "baseline: CRP": design.blocks["blood"][["CRP"]], "expert rule: score": rule}
    design = dataclasses.replace(design, singles=singles)
    asked = fuse.Experiment(modalities=("image", "blood"), reference=reference, margin=0.1, **(QUICK | settings))
    return fuse.run(design, asked)


def test_nothing_says_that_images_were_added_where_they_were_not():
    made = report.summarize(beside())
    text = json.dumps([made["tables"], made["figures"]["change"]["caption"], made["figures"]["gain-forest"]])
    for wrong in (
        "with and without images",
        "images raise",
        "images change most",
        "better with images",
        "worth having",
    ):
        assert wrong not in text, wrong
    arm = made["answer"]["numbers"]["arm"].replace("+", " + ")
    assert made["tables"]["patients"]["caption"] == f"Where {arm} and baseline: CRP differ most"
    assert made["tables"]["net-benefit"]["caption"] == f"Net benefit of {arm} and baseline: CRP"
    assert f"better with {arm}" in [c["label"] for c in made["tables"]["headline"]["columns"]]
    assert made["figures"]["gain-forest"]["arguments"]["mark"] is None
    page = report.render(made)
    assert "with images against without" not in page
    assert "an arm with images less the reference" in page
    added = report.summarize(beside(reference="blood"))
    assert added["tables"]["patients"]["caption"] == "Whose prediction images change most"
    assert added["figures"]["gain-forest"]["arguments"]["mark"] == 0.1
    assert "with images against without" in report.render(added)


def test_page_and_console_say_which_reference_would_answer_what_was_asked():
    run = beside()
    asked = dataclasses.replace(run, experiment=dataclasses.replace(run.experiment, subgroups=("sex",)))
    said = printed(asked)
    assert "can be asked of --reference blood." in said
    assert "For whom, by sex: no arm is baseline: CRP with images." in said
    told = " ".join(report.summarize(asked)["answer"]["sentences"])
    assert "can be asked where blood is the reference, since another arm is the same with images" in told
    assert "--" not in told
    named = beside(reference="blood")
    assert "can be asked of" not in printed(named) + json.dumps(report.summarize(named)["answer"])


def test_methods_describe_every_arm_that_was_run():
    run = beside()
    text = " ".join(methods(Facts(run)))
    assert "A baseline of variables named beforehand (CRP) was an arm of its own: a logistic regression all but" in text
    assert "The experts' ratings made 1 rule, score, each a logistic regression" in text
    assert "A constant, the prevalence of the training patients" in text
    assert "at a predicted risk of 0.5, of the rules at thresholds of their own." in text
    blood = dataclasses.replace(run, predictions=run.predictions[run.predictions["arm"] == "blood"])
    text = " ".join(methods(Facts(blood)))
    assert not any(words in text for words in ("baseline", "rule", "constant"))


def test_of_a_constant_without_a_score_nothing_is_behind():
    comparisons = pd.DataFrame({"arm": ["blood (ridge)"], "reference": CONSTANT, "family": WITHOUT})
    for constant, told in ((0.5, "blood (ridge)"), (0.3, ""), (np.nan, "")):
        values = {"arm": [CONSTANT, "blood (ridge)"], "metric": "auroc", "value": [constant, 0.4]}
        assert behind_constant(comparisons, pd.DataFrame(values), "binary") == told
