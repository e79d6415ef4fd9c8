"""What is written beside numbers: no minus before zero, nouns that agree, counts that add up."""

import dataclasses

import numpy as np
import pandas as pd
from made_design import QUICK, make_design

from blues import agree, fuse
from blues.agree.record import Agreement
from blues.evaluate import Estimate
from blues.fuse.command import summary as printed
from blues.plots.single import waterfall
from blues.survive.modelled import _told
from blues.survive.rule import stay_rule


def test_zero_has_no_minus():
    assert str(Estimate(-0.0004, -0.2, -0.0001)) == "0.000 (−0.200 to 0.000)"
    said = Agreement(-0.001, -0.26, -0.001, 0.1, 20, 2, "Cohen's kappa", {"interval": "jackknife"}).sentence()
    assert "was 0.00 (95% CI −0.26 to 0.00;" in said
    run = fuse.run(make_design(), fuse.Experiment(modalities=("image", "blood"), **QUICK))
    tiny = dict.fromkeys(("difference", "low", "high"), -0.0001)
    almost = dataclasses.replace(
        run, comparisons=run.comparisons.assign(**tiny), scores=run.scores.assign(value=-0.0001)
    )
    assert not any(f"{sign}0.000" in printed(almost) for sign in "-−")
    steps = pd.DataFrame({"name": ["a", "b"], "modality": "blood", "start": [0.5, 0.7], "end": [0.7, 0.69999]})
    drawn = waterfall(steps.assign(shap=steps["end"] - steps["start"]), 0.5, 0.69999)
    assert not any(
        text.get_text().startswith("−0.0") and not text.get_text().strip("−0.") for text in drawn.axes[0].texts
    )


def test_nouns_agree_with_their_numbers():
    one = pd.DataFrame({"age": [1.0, 2.0]})
    assert "on 1 covariate (" in _told(one, one, 2, "named")
    rule = stay_rule({"stay": "los"})
    assert "may differ by 1 day." in rule.told()
    assert "on 2 covariates (" in _told(one, one.assign(b=1.0), 2, "named")


def test_subjects_left_out_and_rated_once_add_up():
    rng = np.random.default_rng(0)
    ratings = rng.integers(0, 4, (40, 2)).astype(float)
    ratings[:7, 1] = np.nan
    row = agree.gwet_ac(ratings, categories=[0, 1, 2, 3], draws=50).to_frame().iloc[0]
    assert (row["subjects"], row["left_out"]) == (33, 0)
    assert row["note"].startswith("7 more subjects with one rating count for chance alone")
