"""Frames to clips and clips to patients, against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from blues import evaluate
from blues.check import InputError

P = [0.9, 0.4, 0.5, 0.1, 0.2]
GROUPS = ["b", "b", "b", "a", "a"]


@pytest.mark.parametrize(
    ("how", "b", "a"),
    [
        ("mean", 0.6, 0.15),
        ("vote", 2 / 3, 0.0),
        ("max", 0.9, 0.2),
        ("any", 1.0, 0.0),
        ("top-k", 0.7, 0.15),
        ("noisy-or", 1 - 0.1 * 0.6 * 0.5, 1 - 0.9 * 0.8),
    ],
)
def test_every_way_by_hand(how, b, a):
    found = evaluate.combine(P, GROUPS, how, k=2)
    assert found.index.tolist() == ["b", "a"]
    np.testing.assert_allclose(found.to_numpy(), [b, a])


def test_certainty_makes_noisy_or_certain():
    assert evaluate.combine([1.0, 0.3], ["a", "a"], "noisy-or").item() == 1.0


@pytest.mark.parametrize(
    ("p", "groups", "more", "message"),
    [
        ([1.2], ["a"], {}, "0 to 1|between 0 and 1"),
        ([0.2, 0.3], ["a"], {}, "length"),
        ([0.2], [None], {}, "missing"),
        ([0.2], ["a"], {"how": "median"}, "not known"),
        ([0.2], ["a"], {"how": "top-k", "k": 0}, "k is 0"),
        ([0.2], ["a"], {"how": "top-k", "k": 1.5}, "k is 1.5. Allowed: a whole number"),
        ([0.2], ["a"], {"how": "top-k", "k": True}, "k is True"),
        ([0.2], ["a"], {"how": "top-k", "k": float("nan")}, "k is nan"),
        ([0.2], ["a"], {"how": "any", "threshold": 2}, "threshold"),
    ],
)
def test_nonsense_is_refused(p, groups, more, message):
    with pytest.raises(InputError, match=message):
        evaluate.combine(p, groups, **more)


@pytest.mark.parametrize("of", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.7])
def test_a_probability_equal_to_the_threshold_reaches_it_in_any_precision(of, threshold):
    for p in (np.array([threshold], of), pd.Series([threshold], dtype=of)):
        assert evaluate.combine(p, ["a"], "vote", threshold=threshold).item() == 1
        assert evaluate.combine(p - of(0.01), ["a"], "any", threshold=threshold).item() == 0


def test_table_holds_every_pair_and_scores_by_patient():
    patients = np.repeat(["1", "2", "3", "4"], 6)
    clips = np.repeat([f"c{i}" for i in range(8)], 3)
    y = np.repeat([0, 1, 0, 1], 6)
    p = np.where(y == 1, 0.7, 0.2)
    p[0] = 0.99  # one frame astray: the maximum over clips of the mean over frames keeps it in its place
    table = evaluate.combine_table(y, p, clips, patients)
    assert len(table) == 10
    assert table.set_index(["frames", "clips"]).loc[("mean", "mean"), "auroc"] == 1.0
    assert table["auroc"].between(0.5, 1).all()
    assert (table["low"] <= table["auroc"]).all()
    low = evaluate.combine_table(y, p / 10, clips, patients).set_index(["frames", "clips"])
    assert low.loc[("vote", "any"), "auroc"] == 0.5
    assert low.loc[("vote", "any"), ["low", "high"]].isna().all()  # the same of everybody: nothing to be sure of
    frame = pd.DataFrame({"y": y, "p": p, "clip": clips, "patient": patients})
    mixed = frame.sample(frac=1, random_state=1)
    again = evaluate.combine_table(*(mixed[c] for c in frame)).set_index(["frames", "clips"])
    pd.testing.assert_frame_equal(again, table.set_index(["frames", "clips"]))
    with pytest.raises(InputError, match="differs between frames of patient 1"):
        evaluate.combine_table(np.r_[1, y[1:]], p, clips, patients)
    with pytest.raises(InputError, match="several patients"):
        evaluate.combine_table(y, p, np.full(24, "c"), patients)
