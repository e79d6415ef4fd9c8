"""Out-of-fold risks: the same folds for every arm, nothing learned from test patients, paired differences by patient."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from blues import survive
from blues.check import InputError

N = 60
PATIENTS = [str(i + 1) for i in range(N)]


def folds(repeats=1, k=3, seed=0):
    found = []
    for r in range(repeats):
        order = np.random.default_rng([seed, r]).permutation(PATIENTS)
        found += [(np.delete(order, np.arange(j, N, k)).tolist(), order[j::k].tolist()) for j in range(k)]
    return found


@pytest.fixture(scope="module")
def data():
    """Blood tells the length of stay, images tell nothing; two deaths, three censored, stays of zero days."""
    rng = np.random.default_rng(7)
    blood = pd.DataFrame(rng.normal(size=(N, 3)), index=PATIENTS, columns=["crp", "ldh", "lymphocytes"])
    image = pd.DataFrame(rng.normal(size=(N, 100)), index=PATIENTS).add_prefix("f")
    time = np.floor(rng.exponential(8 * np.exp(1.5 * blood["crp"])))
    event = np.ones(N)
    event[time > 30] = 0
    event[[3, 11]] = 2
    blood.iloc[5, 0] = np.nan
    frame = pd.DataFrame({"time": np.minimum(time, 30), "event": event}, index=PATIENTS)
    return {"image": image, "blood": blood}, frame


@pytest.fixture(scope="module")
def found(data):
    return survive.out_of_fold_risk(*data, folds(repeats=2), penalty=5.0, times=[2, 6, 12], tau=20)


def score(found, arm, metric):
    table = found.scores
    return table[(table["arm"] == arm) & (table["metric"] == metric)].iloc[0]


def test_signal_and_noise(found):
    assert score(found, "blood", "harrell_c")["low"] > 0.6
    assert score(found, "blood", "harrell_c_within")["value"] > 0.7
    assert score(found, "blood", "auc_6")["low"] > 0.6
    assert score(found, "image", "harrell_c")["low"] < 0.5
    assert score(found, "blood", "scaled_brier")["value"] > 0.1 > score(found, "image", "scaled_brier")["value"]
    assert score(found, "blood", "brier_6")["value"] < score(found, "image", "brier_6")["value"]
    assert (found.scores["low"] <= found.scores["value"]).all()
    assert (found.scores["value"] <= found.scores["high"]).all()


def test_every_patient_once_a_repeat_and_the_same_folds_for_all(found):
    counts = found.predictions.groupby(["arm", "repeat"])["patient"].agg(["nunique", "size"])
    assert (counts == N).all(axis=None)
    keys = found.predictions.groupby("arm")[["patient", "repeat", "fold"]]
    tables = [t.reset_index(drop=True) for _, t in keys]
    for other in tables[1:]:
        pd.testing.assert_frame_equal(tables[0], other)
    assert set(found.predictions["arm"]) == {"image", "blood", "image+blood"}
    free = found.predictions[["free_2", "free_6", "free_12"]].to_numpy()
    assert ((free >= 0) & (free <= 1)).all()
    assert (np.diff(free, axis=1) <= 1e-12).all()


def test_scores_are_those_of_the_predictions(found):
    """Recomputed from the saved predictions, one repeat after the other, then averaged."""
    part = found.predictions[found.predictions["arm"] == "blood"]
    by_hand = [
        survive.harrell_c(p["time"], p["event"], p["risk"], cause=1, interval=None).value
        for _, p in part.groupby("repeat")
    ]
    assert score(found, "blood", "harrell_c")["value"] == pytest.approx(np.mean(by_hand))
    by_hand = [
        survive.uno_c(p["time"], p["event"], p["risk"], cause=1, tau=20, interval=None).value
        for _, p in part.groupby("repeat")
    ]
    assert score(found, "blood", "uno_c")["value"] == pytest.approx(np.mean(by_hand))
    columns = ["free_2", "free_6", "free_12"]
    by_hand = [
        survive.ipcw_brier(p["time"], p["event"], p[columns], [2, 6, 12], cause=1) for _, p in part.groupby("repeat")
    ]
    assert score(found, "blood", "integrated_brier")["value"] == pytest.approx(
        np.mean([b.integrated.value for b in by_hand])
    )
    assert score(found, "blood", "scaled_brier")["value"] == pytest.approx(np.mean([b.scaled.value for b in by_hand]))
    by_hand = [
        survive.time_dependent_auc(p["time"], p["event"], p["risk"], 6, cause=1)["auc"][0]
        for _, p in part.groupby("repeat")
    ]
    assert score(found, "blood", "auc_6")["value"] == pytest.approx(np.mean(by_hand))


def test_differences_are_paired(found):
    pairs = found.comparisons[["arm", "reference"]].drop_duplicates().values.tolist()
    assert pairs == [["image+blood", "blood"]]
    line = found.comparisons[found.comparisons["metric"] == "harrell_c"].iloc[0]
    a, b = score(found, "image+blood", "harrell_c"), score(found, "blood", "harrell_c")
    assert line["difference"] == pytest.approx(a["value"] - b["value"])
    unpaired = student.isf(0.025, N - 1) * np.hypot(a["se"], b["se"])
    assert line["high"] - line["low"] < 2 * unpaired
    assert line["low"] < line["difference"] < line["high"]
    assert (line["p_value"] < 0.05) == (line["low"] > 0 or line["high"] < 0)


def test_an_arm_does_not_differ_from_itself(data):
    same = {"image": data[0]["blood"].iloc[:, :0].assign(constant=1.0), "blood": data[0]["blood"]}
    found = survive.out_of_fold_risk(
        same, data[1], folds(), arms=["image+blood", "blood"], penalty=5.0, times=[6], pairs=[("image+blood", "blood")]
    )
    assert (found.comparisons["difference"] == 0).all()
    assert (found.comparisons["p_value"] == 1).all()


def test_test_patients_teach_nothing(data):
    """What stands in a test patient's row, or becomes of the patient, changes no other patient's risk."""
    blocks, frame = data
    first = folds()[0]
    base = survive.out_of_fold_risk(blocks, frame, folds(), arms=["blood"], times=[6]).predictions
    held = first[1]
    changed = {**blocks, "blood": blocks["blood"].copy()}
    changed["blood"].loc[held[0]] = 1e3
    ended = frame.copy()
    ended.loc[held[1], "time"] = 29.0
    other = survive.out_of_fold_risk(changed, ended, folds(), arms=["blood"], times=[6]).predictions
    both = base.merge(other, on=["patient", "fold"], suffixes=("", "_new"))
    own = both[(both["fold"] == 0) & ~both["patient"].isin(held[:1])]
    pd.testing.assert_series_equal(own["risk"], own["risk_new"], check_names=False)
    pd.testing.assert_series_equal(own["free_6"], own["free_6_new"], check_names=False)
    elsewhere = both[both["fold"] != 0]
    assert not np.allclose(elsewhere["risk"], elsewhere["risk_new"])


def test_order_of_rows_is_no_matter(data, found):
    blocks, frame = data
    order = np.random.default_rng(1).permutation(N)
    shuffled = {name: b.iloc[order] for name, b in blocks.items()}
    again = survive.out_of_fold_risk(
        shuffled, frame.iloc[order[::-1]], folds(repeats=2), penalty=5.0, times=[2, 6, 12], tau=20
    )
    pd.testing.assert_frame_equal(again.scores, found.scores, rtol=1e-9)


def test_probabilities_mind_the_competing_event():
    """With half the patients dying early, discharge by day 20 cannot be near certain."""
    rng = np.random.default_rng(3)
    discharge, death = rng.exponential(5, N), rng.exponential(5, N)
    frame = pd.DataFrame(
        {"time": np.minimum(discharge, death), "event": np.where(discharge < death, 1, 2)}, index=PATIENTS
    )
    noise = pd.DataFrame(rng.normal(size=(N, 2)), index=PATIENTS, columns=["a", "b"])
    found = survive.out_of_fold_risk({"blood": noise}, frame, folds(), penalty=1e6, times=[frame["time"].max()])
    free = found.predictions.iloc[:, -1]
    expected = (frame["event"] == 2).mean()
    assert free.mean() == pytest.approx(expected, abs=0.06)


def test_events_are_counted(found):
    assert any(note.startswith("blood: ") and "effective parameters on average" in note for note in found.notes)


def test_patients_without_a_time_are_named(data):
    blocks, frame = data
    frame = frame.copy()
    frame.loc["7", "time"] = np.nan
    found = survive.out_of_fold_risk(blocks, frame, folds(), arms=["blood"], penalty=5.0, times=[6])
    assert "left out, no time or event: 7" in found.notes
    assert "7" not in set(found.predictions["patient"])


def test_refusals(data):
    blocks, frame = data
    good = folds()

    def run(blocks=blocks, frame=frame, folds=good, **more):
        return survive.out_of_fold_risk(blocks, frame, folds, arms=more.pop("arms", ["blood"]), penalty=5.0, **more)

    (train, test), *rest = good
    with pytest.raises(InputError, match="is in the training and the test set"):
        run(folds=[(train + test[:1], test), *rest])
    with pytest.raises(InputError, match="repeat 0 tests 40 of 60 patients"):
        run(folds=rest)
    with pytest.raises(InputError, match="a fold names patient 'nobody'"):
        run(folds=[([*train, "nobody"], test), *rest])
    with pytest.raises(InputError, match="no training or no test"):
        run(folds=[([], test), *rest])
    with pytest.raises(InputError, match="no fold was given"):
        run(folds=[])
    with pytest.raises(InputError, match="an arm names the block 'blod'.*image, blood"):
        run(arms=["blod"])
    with pytest.raises(InputError, match="block 'blood' has no row for patient '1'"):
        run(blocks={"blood": blocks["blood"].drop(index="1")})
    with pytest.raises(InputError, match="no patient has the event, of a stay discharge alive.*died_in_hospital"):
        run(frame=frame.assign(event=0))
    some = frame.assign(event=np.where(frame.index.isin(test), 1, 0))
    with pytest.raises(InputError, match="no training patient of fold 0 of repeat 0 has the event.*Take fewer folds"):
        run(frame=some)
    with pytest.raises(InputError, match="a comparison names the arm 'image'"):
        run(pairs=[("image", "blood")])
    with pytest.raises(InputError, match="beyond what was watched"):
        run(times=[400])
    with pytest.raises(InputError, match="endpoints has no column 'event'"):
        run(frame=frame[["time"]])
