"""One patient: steps that add up, what is missing or out of range, and reasons for doubt."""

import numpy as np
import pandas as pd
import pytest

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
