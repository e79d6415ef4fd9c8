"""What an encoder's probabilities say by themselves, from frames to clips to patients."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from blues import datasets, embed, encoders, evaluate
from blues.fuse import Experiment, Run, main, prepare
from blues.fuse.combined import combinations, of_a_run, probabilities


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    cohort = datasets.synthetic(tmp_path_factory.mktemp("made") / "cohort", patients=24, frames=8, size=96, seed=3)
    return cohort, embed.embed(cohort, encoders.get("blues-lus"), workers=1)


def test_probabilities_are_those_that_the_card_calls_so(made):
    expected = ["b_line_presence", "a_line_presence", "consolidation_presence", "effusion_presence"]
    assert probabilities(made[1]) == expected
    said = "probability of this one of the classes"
    units = {
        "p_covid19": said,
        "p_covid19_sd": f"standard deviation over members: {said}",
        "lus": said,
        "p_score": "score",
    }
    card = {"outputs": [*units, "amount"], "units": units, "architecture": "lus_net"}
    assert probabilities(dataclasses.replace(made[1], encoder=card)) == ["p_covid19"]
    card["architecture"] = "resnet18"  # what a network of one's own calls so is a class like others
    assert probabilities(dataclasses.replace(made[1], encoder=card)) == ["p_covid19", "lus"]


def test_every_way_is_scored_on_the_patients_with_an_outcome(made):
    cohort, embeddings = made
    y = cohort.target("pcr")
    y.iloc[0] = np.nan
    found = combinations(embeddings, y)
    assert len(found) == 4 * 2 * 5
    clips = embeddings.table["clip"].repeat(embeddings.table["frames"])
    frame = pd.DataFrame(
        {
            "p": embeddings.values[:, embeddings.names.index("b_line_presence")].astype(float),
            "clip": clips.to_numpy(),
            "patient": embeddings.table["patient"].repeat(embeddings.table["frames"]).to_numpy(),
        }
    )
    by_clip = frame.groupby(["patient", "clip"])["p"].mean()
    worst = by_clip.groupby("patient").max()
    known = worst.index.intersection(y.dropna().index)
    assert set(found["patients"]) == {len(known)}
    row = found[(found["output"] == "b_line_presence") & (found["frames"] == "mean") & (found["clips"] == "max")].iloc[
        0
    ]
    area = evaluate.auroc(y[known], worst[known])
    assert (row.auroc, row.low, row.high) == pytest.approx((area.value, area.low, area.high))
    assert combinations(embeddings, y * 0).empty


def test_a_point_taken_twice_counts_once_as_it_does_for_the_models(made):
    """The longest take stands for the point: a first take that says otherwise may not change anything."""
    cohort, embeddings = made
    y = cohort.target("pcr")
    table = embeddings.table
    first = table.iloc[[0]].assign(clip="again", take=0, total=1, first=len(embeddings.values), frames=2)
    extra = np.ones((2, embeddings.values.shape[1]), embeddings.values.dtype)
    twice = dataclasses.replace(
        embeddings,
        table=pd.concat([table, first], ignore_index=True),
        values=np.concatenate([embeddings.values, extra]),
    )
    pd.testing.assert_frame_equal(combinations(twice, y), combinations(embeddings, y))


def test_a_table_in_another_order_gives_the_same(made):
    cohort, embeddings = made
    y = cohort.target("pcr")
    turned = dataclasses.replace(embeddings, table=embeddings.table.iloc[::-1].reset_index(drop=True))
    wanted, found = (combinations(one, y).drop(columns=["low", "high"]) for one in (embeddings, turned))
    pd.testing.assert_frame_equal(found, wanted)


def test_it_is_left_out_where_it_does_not_apply(made):
    cohort, embeddings = made
    experiment = Experiment(str(cohort.folder), modalities=("blood",))
    design = prepare(experiment)[1]
    assert len(of_a_run(embeddings, design, experiment)) == 40
    assert of_a_run(None, design, experiment).empty
    assert of_a_run(embeddings, design, dataclasses.replace(experiment, finetune="labels", modalities=("image",))).empty
    for changes in ({"kind": "continuous"}, {"level": "clip"}):
        assert of_a_run(embeddings, dataclasses.replace(design, **changes), experiment).empty


@pytest.mark.slow
def test_the_command_writes_it_and_the_page_shows_it(made, tmp_path, capsys):
    cohort = made[0]
    flags = ["--modalities", "image", "--model", "plain-logistic", "--folds", "3", "--repeats", "1", "--null", "0"]
    assert main([str(cohort.folder), *flags, "--explain", "none", "--draws", "100", "--out", str(tmp_path)]) == 0
    found = Run.load(tmp_path).combinations
    pd.testing.assert_frame_equal(found, combinations(made[1], cohort.target("pcr")))
    assert "probabilities say by themselves" in (tmp_path / "report.html").read_text(encoding="utf-8")
    capsys.readouterr()
