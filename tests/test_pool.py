from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from blues import pool
from blues.check import InputError


@pytest.fixture
def embeddings():
    """Two patients; R1 of patient 1 was taken twice (the retake is longer); patient 2 has no L1."""
    table = pd.DataFrame(
        {
            "clip": ["p1_R1", "p1_R1_2", "p1_L1", "p2_R1"],
            "patient": ["1", "1", "1", "2"],
            "point": ["R1", "R1", "L1", "R1"],
            "take": [1, 2, 1, 1],
            "first": [0, 2, 5, 6],
            "frames": [2, 3, 1, 2],
            "total": [20, 90, 7, 50],
        }
    )
    values = np.array([[0, 1], [2, 3], [4, 0], [5, 0], [6, 3], [10, 10], [1, 1], [3, 1]], dtype=np.float32)
    return SimpleNamespace(table=table, values=values, names=("a", "b"))


def test_clips_by_each_rule(embeddings):
    np.testing.assert_allclose(pool.clips(embeddings), [[1, 2], [5, 1], [10, 10], [2, 1]])
    np.testing.assert_allclose(pool.clips(embeddings, "max"), [[2, 3], [6, 3], [10, 10], [3, 1]])
    np.testing.assert_allclose(pool.clips(embeddings, "sd")["a (sd)"], [1, np.std([4, 5, 6]), 0, 1], rtol=1e-6)
    both = pool.clips(embeddings, "mean+max")
    assert list(both.columns) == ["a", "b", "a (max)", "b (max)"]
    assert list(both.index) == list(embeddings.table["clip"])


def test_clips_in_part_with_the_patients_others(embeddings):
    alone = pool.clips(embeddings)
    assert pool.clips(embeddings, partial=0).equals(alone)
    np.testing.assert_allclose(pool.clips(embeddings, partial=0.5), [[4.25, 3.75], [5.25, 3.5], [6.5, 5.75], [2, 1]])
    np.testing.assert_allclose(pool.clips(embeddings, partial=1), [[7.5, 5.5], [5.5, 6], [3, 1.5], [2, 1]])


def test_a_missing_value_is_nobodys_share(embeddings):
    embeddings.values[2:5, 0] = np.nan  # all frames of p1_R1_2
    got = pool.clips(embeddings, partial=0.5)["a"]
    np.testing.assert_allclose(got, [5.5, np.nan, 5.5, 2])


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_is_between_none_and_all(embeddings, share):
    with pytest.raises(InputError, match="partial is"):
        pool.clips(embeddings, partial=share)


@pytest.mark.parametrize(
    ("retakes", "expected"),
    [("longest", [5, 1]), ("first", [1, 2]), ("last", [5, 1]), ("mean", [3, 1.5]), ("max", [5, 2])],
)
def test_retakes(embeddings, retakes, expected):
    got = pool.points(pool.clips(embeddings), embeddings.table, retakes)
    np.testing.assert_allclose(got.loc[("1", "R1")], expected)
    assert len(got) == 3


def test_equally_long_takes_the_later_counts(embeddings):
    embeddings.table.loc[0, "total"] = 90
    got = pool.points(pool.clips(embeddings), embeddings.table, "longest")
    np.testing.assert_allclose(got.loc[("1", "R1")], [5, 1])


def test_patients_by_mean_and_max(embeddings):
    np.testing.assert_allclose(pool.patients(embeddings), [[7.5, 5.5], [2, 1]])
    np.testing.assert_allclose(pool.patients(embeddings, how="max"), [[10, 10], [2, 1]])
    assert pool.patients(embeddings, how="mean+max").shape == (2, 4)


def test_side_by_side_masks_the_points_that_were_not_scanned(embeddings):
    got = pool.patients(embeddings, how="concat", order=("R1", "R2", "L1"))
    assert list(got.columns)[:3] == ["R1: a", "R1: b", "R1: scanned"]
    np.testing.assert_allclose(got.loc["1"], [5, 1, 1, np.nan, np.nan, 0, 10, 10, 1])
    np.testing.assert_allclose(got.loc["2"], [2, 1, 1, np.nan, np.nan, 0, np.nan, np.nan, 0])


def test_point_that_the_dictionary_does_not_list_is_said(embeddings):
    with pytest.raises(InputError, match=r"\['R1'\].*Allowed: L1"):
        pool.patients(embeddings, how="concat", order=("L1",))


@pytest.mark.parametrize("call", [lambda e: pool.clips(e, "median"), lambda e: pool.patients(e, how="sum")])
def test_unknown_rule_is_named(embeddings, call):
    with pytest.raises(InputError, match="not known"):
        call(embeddings)


def by_hand(embeddings, how):
    """Summarise the rows that each line of the table names, one clip at a time."""
    values = embeddings.values
    return {row.clip: how(values[row.first : row.first + row.frames], axis=0) for row in embeddings.table.itertuples()}


@pytest.mark.parametrize("rows", [[1, 3], [0, 2], [3, 2, 1, 0], [2, 0, 3], [1]])
@pytest.mark.parametrize(("name", "how"), [("mean", np.mean), ("max", np.max), ("sd", np.std)])
def test_a_filtered_or_sorted_table_keeps_each_clips_frames(embeddings, rows, name, how):
    embeddings.table = embeddings.table.iloc[rows]
    got = pool.clips(embeddings, name)
    wanted = by_hand(embeddings, how)
    assert list(got.index) == list(wanted)
    np.testing.assert_allclose(got, list(wanted.values()), rtol=1e-6)


def test_a_patient_of_a_filtered_table_gets_nobody_elses_frames(embeddings):
    embeddings.table = embeddings.table[embeddings.table["patient"] == "2"]
    np.testing.assert_allclose(pool.patients(embeddings), [[2, 1]])


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("first", 7, "clip p2_R1 has 2 frames from row 7 on, and the values have 8 rows"),
        ("first", -1, "clip p2_R1 has 2 frames from row -1 on"),
        ("frames", 0, "clip p2_R1 has 0 frames from row 6 on"),
        ("first", 4, "clips p1_R1_2 and p2_R1 share frames"),
    ],
)
def test_rows_that_are_not_a_clips_own_are_refused(embeddings, column, value, says):
    embeddings.table.loc[3, column] = value
    with pytest.raises(InputError, match=says):
        pool.clips(embeddings)


def test_a_clip_twice_in_the_table_is_refused(embeddings):
    embeddings.table = embeddings.table.iloc[[0, 1, 1]]
    with pytest.raises(InputError, match="clip p1_R1_2 is there twice"):
        pool.clips(embeddings)


@pytest.mark.parametrize("how", pool.POINTS)
@pytest.mark.parametrize("retakes", pool.RETAKES)
def test_a_category_that_does_not_occur_is_no_patient_and_no_point(embeddings, how, retakes):
    expected = pool.patients(embeddings, how=how, retakes=retakes)
    by_point = pool.points(pool.clips(embeddings), embeddings.table, retakes)
    for key, unused in (("patient", ["0", "2", "1"]), ("point", ["R1", "R2", "L1"])):
        embeddings.table[key] = pd.Categorical(embeddings.table[key], categories=unused)
    pd.testing.assert_frame_equal(pool.patients(embeddings, how=how, retakes=retakes), expected)
    pd.testing.assert_frame_equal(pool.points(pool.clips(embeddings), embeddings.table, retakes), by_point)
    assert pool.clips(embeddings, partial=0.5).shape == (4, 2)


@pytest.mark.parametrize("key", ["clip", "patient", "point"])
def test_a_clip_that_belongs_nowhere_is_refused(embeddings, key):
    embeddings.table.loc[2, key] = None
    with pytest.raises(InputError, match=f"1 row without {key} in the table of embeddings, the first at position 2"):
        pool.patients(embeddings)
    with pytest.raises(InputError, match=f"no column '{key}'"):
        pool.patients(SimpleNamespace(**{**vars(embeddings), "table": embeddings.table.drop(columns=key)}))


def test_a_clip_with_two_rows_is_refused(embeddings):
    values = pool.clips(embeddings)
    embeddings.table.loc[1, "clip"] = "p1_R1"
    for call in (lambda: pool.patients(embeddings), lambda: pool.points(values, embeddings.table)):
        with pytest.raises(InputError, match="clip p1_R1 is there twice"):
            call()
