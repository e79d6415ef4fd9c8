"""One patient: steps that add up, what is missing or out of range, and reasons for doubt."""

import numpy as np
import pandas as pd
import pytest
from test_explain_points import POINTS, explained, make_design

from blues import check, explain
from blues.features import Design
from blues.fuse import Experiment, run


@pytest.fixture(scope="module")
def found():
    """Patient 1 has a CRP far above all others; patient 2 lacks two of three blood tests."""
    rng = np.random.default_rng(0)
    who = pd.Index([str(i) for i in range(1, 49)], name="patient")
    hidden = rng.normal(size=48)
    blood = pd.DataFrame(rng.normal(size=(48, 3)), index=who, columns=["CRP", "LDH", "ferritin"])
    blood["CRP"] += 2 * hidden
    blood.loc["1", "CRP"] = 50.0
    blood.loc["2", ["LDH", "ferritin"]] = np.nan
    design = Design(
        task="pcr",
        kind="binary",
        level="patient",
        label="PCR",
        y=pd.Series((hidden > 0).astype(float), index=who),
        patients=pd.Series(who, index=who),
        blocks={"blood": blood, "clinical": pd.DataFrame({"age": rng.normal(60, 9, 48)}, index=who)},
        refused=pd.DataFrame(columns=["column", "role", "known", "reason"]),
        dropped=pd.DataFrame(columns=["row", "patient", "reason"]),
    )
    settings = {"model": ("logistic",), "folds": 4, "repeats": 2, "draws": 100, "jobs": 1, "null": 0}
    return run(design, Experiment(modalities=("clinical", "blood"), **settings))


def of(found, patient, **more):
    return explain.person(
        found.attributions, found.predictions, patient, next(reversed(found.attributions.arms)), **more
    )


def test_steps_lead_from_base_to_prediction(found):
    one = of(found, "7", most=2)
    steps = one.waterfall
    assert (steps["shap"].abs().diff().dropna().to_numpy()[:1] <= 0).all()
    assert steps.iloc[-1]["name"] == "2 others, summed"
    own = one.predictions.set_index("arm").loc[one.arm]
    assert steps["end"].iloc[-1] == pytest.approx(own["p"], abs=1e-6)
    np.testing.assert_allclose(steps["start"].to_numpy()[1:], steps["end"].to_numpy()[:-1])
    assert own["low"] <= own["p"] <= own["high"]
    assert set(one.predictions["arm"]) == set(found.predictions["arm"])


def test_labels_may_be_categories_of_which_some_do_not_occur(found):
    keys = ("patient", "arm", "repeat", "fold")
    table = found.predictions.assign(
        **{key: found.predictions[key].astype("category").cat.add_categories([99]) for key in keys}
    )
    other = explain.person(found.attributions, table, "7", "blood")
    one = explain.person(found.attributions, found.predictions, "7", "blood")
    pd.testing.assert_frame_equal(other.predictions, one.predictions)
    pd.testing.assert_frame_equal(other.nearest, one.nearest)


def test_value_outside_what_others_have_is_a_doubt(found):
    one = of(found, "1")
    assert any(text.startswith("CRP 50 lies outside") for text in one.doubts)
    assert not any("CRP" in text for text in of(found, "7").doubts)


def test_missing_values_are_named_and_many_are_a_doubt(found):
    one = of(found, "2")
    assert set(one.missing) == {"LDH", "ferritin"}
    assert of(found, "7").missing == ()
    blood = explain.person(found.attributions, found.predictions, "2", "blood")
    assert "2 of 3 values are missing" in blood.doubts


def test_undecided_sets_are_a_doubt_and_nearest_patients_are_alike(found):
    undecided = [
        p for p in found.predictions["patient"].unique()[:12] if "both" in str(of(found, p).predictions["set"].iloc[-1])
    ]
    assert undecided
    assert all(any("cannot tell" in text for text in of(found, p).doubts) for p in undecided)
    near = of(found, "7", most=5).nearest
    assert "7" not in set(near["patient"])
    assert (near["distance"].diff().dropna() >= 0).all()
    p = found.predictions.groupby("patient")["p"].mean()
    assert np.abs(near["p"] - p["7"]).mean() < np.abs(p - p["7"]).mean()


def test_unknown_patient_is_named(found):
    with pytest.raises(check.InputError, match="patient '99' is not in this run"):
        of(found, "99")


def test_what_was_looked_at_is_said_and_nothing_else(found):
    sure = next(p for p in found.predictions["patient"].unique() if not of(found, p).doubts)
    assert of(found, sure).checked == (
        "no value lies far outside what the other patients have",
        "at least half of what the arm looks at is known",
        "the prediction set holds one outcome",
    ), "no clips, so nothing is said of clips"
    assert "no value lies far outside what the other patients have" not in of(found, "1").checked


def test_intervals_of_grades_end_where_the_grades_do(found):
    graded = found.predictions.assign(y=lambda t: t["y"] * 3, p=lambda t: t["p"] * 3)
    wide = explain.conformal(graded[graded["arm"] == "blood"], "ordinal")
    ends = explain.conformal(graded[graded["arm"] == "blood"], "ordinal", scale=(0, 1, 2, 3))
    assert wide["low"].min() < 0
    assert wide["high"].max() > 3
    assert ends["low"].min() == 0
    assert ends["high"].max() == 3
    assert (ends["covered"] == wide["covered"]).all()
    one = explain.person(found.attributions, graded, "7", "blood", kind="ordinal", scale=(0, 1, 2, 3))
    assert one.predictions["set_low"].min() >= 0
    assert not any("set" in said for said in one.checked)


@pytest.mark.parametrize("how", ["mean", "max"])
def test_a_patient_without_any_clip_is_doubted_and_what_was_pooled_counts_once(how):
    made = explained(make_design(how))
    one = explain.person(made.attributions, made.predictions, "1", "image+blood")
    assert "6 of 6 BLUE points have no clip: R1, R2, R3, L1, L2, L3" in one.doubts
    assert "most BLUE points have a clip" not in one.checked
    # three artefacts at six points, and two blood tests
    assert "18 of 20 values are missing" in one.doubts
    assert one.missing == tuple(f"a clip at {p}" for p in POINTS)


def test_sets_of_clips_that_disagree_are_a_doubt(found):
    """Two clips a patient, one with the outcome's probability as it was, one with the opposite."""
    arm = next(reversed(found.attributions.arms))
    own = found.predictions[found.predictions["arm"] == arm]
    sure = own["p"].clip(0.02, 0.98).where(own["y"] == 1, 0.02).where(own["y"] == 0, 0.98)
    clips = pd.concat(
        [
            own.assign(clip=own["patient"] + c, p=sure if c == "a" else np.where(own["patient"] == "7", 1 - sure, sure))
            for c in "ab"
        ]
    )
    one = explain.person(found.attributions, clips, "7", arm)
    assert set(one.predictions["set"].iloc[0].split(", ")) == {"yes", "no"}
    assert any(text.startswith("the prediction sets of the clips disagree") for text in one.doubts)
    assert "the prediction set holds one outcome" not in one.checked
    assert not any("disagree" in text for text in explain.person(found.attributions, clips, "9", arm).doubts)
