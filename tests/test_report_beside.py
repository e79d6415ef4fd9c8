"""What the page says where little stands beside images, where clips are their own judge, and of whom it counts."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import small_run

from blues import datasets, embed, features, fuse, report
from blues.cohort import card
from blues.report import answer, facts

QUICK = {**small_run.QUICK, "repeats": 2}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return small_run.cohort(tmp_path_factory, patients=40)


@pytest.fixture(scope="module")
def summary(cohort):
    seen = embed.embed(cohort, encoder="frame-stats", workers=1)

    def made(task, modalities, **more):
        design = features.design(cohort, task, modalities, embeddings=seen if "image" in modalities else None)
        run = fuse.run(design, fuse.Experiment(**QUICK | more), cohort_card=card(cohort, task))
        return run, report.summarize(run)

    return made


def text_of(page):
    return json.dumps([page["answer"]["headline"], page["answer"]["sentences"], page["sections"]], ensure_ascii=False)


@pytest.mark.parametrize("task", ["pcr", "severity_clip"])
def test_images_alone_are_held_against_no_arm_without_them(summary, task):
    run, page = summary(task, ("image",))
    said = text_of(page)
    assert page["answer"]["headline"].startswith("This run cannot say what imaging adds: nothing but a constant")
    assert "the best arm, image, reached" in said
    assert "No arm looks at images" not in said
    assert "prevalence, reached" not in said
    ranks = run.comparisons[run.comparisons["metric"].str.startswith(("auroc", "spearman", "r2"))]
    assert not (ranks["reference"] == "prevalence").any(), "a constant ranks nobody, and is compared in no ranking"


def test_an_outcome_that_experts_read_off_the_clips_is_said_to_be(summary):
    told = "The outcome is what experts saw on these same clips"
    assert told in text_of(summary("severity", ("image", "blood"))[1])
    assert told not in text_of(summary("pcr", ("image", "blood"))[1])
    assert told not in text_of(summary("severity", ("blood",))[1]), "nobody looks at images"


def test_the_arms_without_images_are_counted_alike_everywhere(summary):
    for task in ("severity", "pcr"):
        _, page = summary(task, ("image", "clinical", "blood"))
        said = text_of(page)
        counts = {n for n in range(2, 9) if f"best of {n} arms without images" in said}
        assert len(counts) == 1, (task, counts)


def test_a_transfer_counts_the_events_that_taught(cohort, tmp_path):
    other = datasets.synthetic(tmp_path / "other", patients=24, frames=8, size=64, seed=6)
    pair = [(one, features.design(one, "pcr", ("clinical", "blood"))) for one in (cohort, other)]
    run = fuse.transfer(*pair, fuse.Experiment(**QUICK))
    y = pair[0][1].y
    fewer, size = int(min(y.sum(), len(y) - y.sum())), run.design["sample_size"]
    assert size["taught"] == fewer
    assert size["events_per_feature"] == pytest.approx(fewer / size["features"])
    assert any(
        f"{fewer} patients in the smaller class of those that the models were fitted on" in n["text"] for n in run.notes
    )


def test_an_interval_of_no_width_makes_no_claim(summary):
    run, _ = summary("pcr", ("image", "blood"))
    row = run.comparisons["arm"] == "image+blood"
    flat = run.comparisons.assign(difference=run.comparisons["difference"].where(~row, 0.0))
    flat[["low", "high"]] = flat[["low", "high"]].where(~row, 0.0)
    said = text_of(report.summarize(dataclasses.replace(run, comparisons=flat)))
    assert "0.000 wide" not in said


def test_the_margin_says_what_leaves_it_open(summary):
    _, page = summary("pcr", ("image", "blood"), margin=0.05)
    (sentence,) = (s for s in page["answer"]["sentences"] if "named as 0.050" in s)
    assert "neither shown nor ruled out." not in sentence
    gain = facts.Gain("image+blood", "blood", "auroc", 0.0, -0.1, 0.1, 0.9, 0.9, 1)
    told = {
        "left images out": dataclasses.replace(gain, absent=(3, 4)),
        "takes two intervals": gain,
        "reach from −0.200 to 0.150 days": dataclasses.replace(gain, ends=(-0.1, 0.1, -0.2, 0.15)),
    }
    for words, one in told.items():
        assert words in answer._why_open(one, " days")


def test_predictions_on_the_page_stand_in_no_order_of_the_patients(summary):
    run, page = summary("pcr", ("image", "blood"))
    for arm, values in page["explorer"]["arms"].items():
        assert values["p"] == sorted(values["p"]), arm
    table = run.predictions[run.predictions["arm"] == "blood"].groupby("patient")[["y", "p"]].mean()
    kept = pd.DataFrame(page["explorer"]["arms"]["blood"])
    np.testing.assert_allclose(kept["p"], np.sort(table["p"]), atol=1e-4)
    assert kept["y"].sum() == table["y"].sum()
