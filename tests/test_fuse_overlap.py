"""Patients of one cohort in another: what a transfer refuses, what it warns of, and what chance makes."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from blues.check import InputError
from blues.fuse.overlap import overlap


def noise(patients, seed, columns=8, levels=1000):
    values = np.random.default_rng(seed).integers(0, levels, (patients, columns)).astype(float)
    return pd.DataFrame(values, [str(i) for i in range(1, patients + 1)]).add_prefix("c")


def told(ours, theirs, folder=Path("nowhere"), clips=None):
    """Return what is said of two tables whose index names the patients."""
    sides = []
    for name, table in (("first", ours), ("second", theirs)):
        of = pd.Series(table.index, table.index)
        no_clips = pd.DataFrame({"patient": [], "path": [], "bytes": []})
        cohort = SimpleNamespace(
            name=name, folder=folder / name, clips=(clips or {}).get(name, no_clips), patients=table
        )
        sides.append((cohort, SimpleNamespace(patients=of, y=of)))
    return overlap(*sides, {"blood": pd.concat([ours, theirs])}, ("first", "second"))


def body(patients, seed):
    """Make columns of which most follow from weight and height: who share both share nearly all."""
    rng = np.random.default_rng(seed)
    weight, height = np.round(rng.normal(80, 12, patients)), np.round(rng.normal(172, 9, patients))
    return pd.DataFrame(
        {
            "weight": weight,
            "pounds": np.round(weight * 2.2046, 1) + np.arange(patients) % 2 * 0.01,
            "height": height,
            "bmi": np.round(weight / (height / 100) ** 2, 1),
            "surface": np.round(np.sqrt(weight * height / 3600), 2),
            "ideal": np.round(weight * 0.4 + height * 0.2),
        },
        [str(i) for i in range(1, patients + 1)],
    )


@pytest.mark.parametrize("seed", range(3))
def test_values_that_depend_on_one_another_are_equal_by_chance_and_refuse_nothing(seed):
    (said,) = told(body(400, 2 * seed), body(300, 2 * seed + 1))
    assert " of 300 patients of second may be in first too: most of their fine values are equal, or all" in said
    assert "patients of first and of second, and how many: " in said


def test_a_few_equal_rows_of_other_ids_are_a_warning_that_names_them():
    ours, theirs = noise(40, 0), noise(24, 1)
    assert not told(ours, theirs)
    theirs.iloc[:3] = ours.iloc[5:8].to_numpy()
    (said,) = told(ours, theirs)
    assert said.startswith("3 of 24 patients of second may be in first too")
    assert "6 and 1: 8 of 8, 7 and 2: 8 of 8, 8 and 3: 8 of 8" in said


def test_more_equal_rows_than_chance_makes_are_refused():
    ours, theirs = noise(200, 0), noise(60, 1)
    theirs.iloc[:12] = ours.iloc[50:62].to_numpy()
    with pytest.raises(InputError, match="second: 12 of 60 patients of second are in first too.*51 and 1: 8 of 8"):
        told(ours, theirs)
    theirs.iloc[:12, 0] += 0.5  # most and not all values, of a fifth of those tested
    assert told(ours, theirs)[0].startswith("12 of 60 patients of second may be in")
    theirs.iloc[12:20] = ours.iloc[62:70].to_numpy()
    theirs.iloc[12:20, 0] += 0.5  # of a third
    with pytest.raises(InputError, match="second: 20 of 60 patients of second are in first too"):
        told(ours, theirs)


def test_as_many_equal_rows_within_the_cohorts_make_it_no_refusal():
    ours, theirs = noise(200, 0), noise(60, 1)
    theirs.iloc[:12] = ours.iloc[50:62].to_numpy()
    for cohort, rows in ((ours, 30), (theirs, 10)):
        cohort.iloc[-rows:] = cohort.iloc[-2 * rows : -rows].to_numpy()
    assert told(ours, theirs)[0].startswith("12 of 60 patients of second may be in")


def test_equal_rows_of_one_id_are_refused_where_ids_in_both_are_no_chance():
    ours, theirs = noise(40, 0), noise(24, 1)
    theirs.iloc[:1] = ours.iloc[:1]
    assert told(ours, theirs)[0].startswith("1 of 24 patients of second may be in")
    theirs.iloc[1:2] = ours.iloc[1:2]
    with pytest.raises(
        InputError, match="2 of 24 patients of second are in first too.*1 and 1: 8 of 8, 2 and 2: 8 of 8"
    ):
        told(ours, theirs)


def test_patients_are_counted_and_not_their_rows():
    ours, theirs = noise(200, 0), noise(60, 1)
    theirs.iloc[:24] = np.repeat(ours.iloc[50:62].to_numpy(), 2, axis=0)  # of each patient two, under two ids
    with pytest.raises(InputError, match="second: 24 of 60 patients"):
        told(ours, theirs)
    theirs = noise(120, 1).set_axis(np.repeat([str(i) for i in range(1, 61)], 2))
    theirs.iloc[:24] = np.repeat(ours.iloc[50:62].to_numpy(), 2, axis=0)  # of each patient two rows
    with pytest.raises(InputError, match="second: 12 of 60 patients"):
        told(ours, theirs)
    theirs.iloc[:24, 0] += np.arange(24) / 100  # rows that differ a little
    assert told(ours, theirs)[0].startswith("12 of 60 patients")


def test_who_is_twice_in_each_of_two_cohorts_is_in_both():
    ours, theirs = noise(80, 0), noise(60, 1)
    ours.iloc[40:] = ours.iloc[:40].to_numpy()
    theirs.iloc[:40] = ours.iloc[:40].to_numpy()
    theirs.iloc[40:] = ours.iloc[:20].to_numpy()
    with pytest.raises(InputError, match="second: 60 of 60 patients of second are in first too"):
        told(ours, theirs)


def test_imputed_rows_of_both_cohorts_are_no_people():
    ours, theirs = noise(60, 0), noise(40, 1)
    for cohort, rows in ((ours, 12), (theirs, 9)):
        cohort.iloc[:rows] = 500.0
    assert not told(ours, theirs)


def test_ids_that_run_from_one_and_coarse_values_are_equal_by_chance():
    for seed in range(6):
        assert not told(noise(300, seed, columns=6, levels=12), noise(300, 50 + seed, columns=6, levels=12))


def test_people_of_one_id_seen_again_are_told_with_coarse_values_too():
    ours, theirs = noise(300, 0, levels=12), noise(300, 1, levels=12)
    theirs.iloc[:20, 2:6] = ours.iloc[:20, 2:6]
    (said,) = told(ours, theirs)
    assert (
        "patients have one id in first and in second, and half of their fine values or more are equal (1, 2, 3, ...)"
        in said
    )
    ours, theirs = noise(40, 0), noise(24, 1)
    theirs.iloc[:2, :4] = ours.iloc[:2, :4]
    assert not told(ours, theirs), "two are few"
    theirs.iloc[2, :4] = ours.iloc[2, :4]
    assert told(ours, theirs)[0].startswith("3 patients have one id in first and in second")


def test_every_patient_tested_who_has_a_clip_of_many_is_counted(tmp_path):
    clips = {}
    for name, patients in (("first", 40), ("second", 24)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.mp4").write_bytes(bytes(2000))
        of = [str(i) for i in range(1, patients + 1)]
        clips[name] = pd.DataFrame({"patient": of, "path": "one.mp4", "bytes": 2000})
    with pytest.raises(
        InputError, match="second: clips of 24 of 24 patients of second are in first too, byte for byte"
    ):
        told(noise(40, 0), noise(24, 1), tmp_path, clips)
