"""Folds: patients whole, classes spread, seeds kept; guard F2."""

import numpy as np
import pytest

from blues import evaluate
from blues.check import InputError


def _class_spread(y, splits):
    """Mean over repeats of the largest distance between a fold's share of class 1 and the whole's."""
    repeats = {}
    for split in splits:
        repeats.setdefault(split.repeat, []).append(abs(y[split.test].mean() - y.mean()))
    return np.mean([max(values) for values in repeats.values()])


@pytest.fixture
def clips(rng):
    """63 patients, one to seven clips each, 33 positive, clips of a patient alike."""
    sizes = rng.integers(1, 8, 63)
    outcome = rng.permutation(np.repeat([0, 1], [30, 33]))
    return np.repeat(outcome, sizes), np.repeat([str(i) for i in range(63)], sizes)


def test_every_row_is_tested_once_a_repeat_and_patients_stay_whole(clips):
    y, patients = clips
    splits = evaluate.patient_folds(y, patients, folds=5, repeats=3, seed=1)
    assert [(s.repeat, s.fold) for s in splits] == [(r, f) for r in range(3) for f in range(5)]
    for repeat in range(3):
        tested = np.concatenate([s.test for s in splits if s.repeat == repeat])
        assert sorted(tested) == list(range(len(y)))
    for split in splits:
        assert not set(patients[split.train]) & set(patients[split.test])
        assert len(split.train) + len(split.test) == len(y)


def test_patients_are_stratified_as_well_as_whole_patients_allow(clips):
    y, patients = clips
    first = np.unique(patients, return_index=True)[1]
    splits = evaluate.patient_folds(y[first], patients[first], folds=5, repeats=20, seed=0)
    for split in splits:
        assert len(split.test) in (12, 13)
        assert y[first][split.test].sum() in (6, 7)


def test_f2_mixed_patients_are_stratified_too(rng):
    """scikit-learn 1.7.2 shuffled without stratifying: .099 against .101 for plain groups, .02 when it works."""
    patients = np.repeat(np.arange(63), 6)
    own = rng.beta(0.6, 0.6, 63)
    y = (rng.random(378) < own[patients]).astype(int)
    splits = evaluate.patient_folds(y, patients, folds=5, repeats=20, seed=0)
    stratified = _class_spread(y, splits)
    random = []
    for seed in range(20):
        fold = np.random.default_rng(seed).permutation(np.arange(63) % 5)[patients]
        random.append(max(abs(y[fold == k].mean() - y.mean()) for k in range(5)))
    assert stratified < 0.04
    assert stratified < np.mean(random) / 3


def test_repeats_differ_and_seeds_repeat(clips):
    y, patients = clips
    one, two = (evaluate.patient_folds(y, patients, repeats=2, seed=s) for s in (7, 7))
    assert all((a.test == b.test).all() for a, b in zip(one, two, strict=True))
    assert any(a.test.tolist() != b.test.tolist() for a, b in zip(one[:5], one[5:], strict=True))
    other = evaluate.patient_folds(y, patients, repeats=2, seed=8)
    assert any(a.test.tolist() != b.test.tolist() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("mixed", [False, True])
def test_folds_follow_the_patient_not_the_row_order(clips, rng, mixed):
    y, patients = clips
    if mixed:
        y = rng.integers(0, 2, len(y))
    order = rng.permutation(len(y))
    plain = evaluate.patient_folds(y, patients, repeats=2, seed=3)
    moved = evaluate.patient_folds(y[order], patients[order], repeats=2, seed=3)
    for a, b in zip(plain, moved, strict=True):
        assert set(patients[a.test]) == set(patients[order][b.test])


def test_ordinal_and_continuous_outcomes_are_spread(rng):
    grade = rng.permutation(np.repeat([0, 1, 2, 3], [20, 16, 15, 12]))
    for split in evaluate.patient_folds(grade, np.arange(63), folds=5, repeats=3):
        counts = np.bincount(grade[split.test], minlength=4)
        assert (counts >= [4, 3, 3, 2]).all()
        assert (counts <= [4, 4, 3, 3]).all()
    stay = rng.exponential(8, 63).round(1)
    for split in evaluate.patient_folds(stay, np.arange(63), folds=5, repeats=3):
        assert 2 <= np.sum(stay[split.test] > np.quantile(stay, 0.8)) <= 3
    days = np.repeat([1.0, 2.0, 30.0], [40, 15, 8])
    for split in evaluate.patient_folds(days, np.arange(63), folds=5, repeats=2, kind="continuous"):
        assert np.sum(days[split.test] == 30) >= 1


def test_clips_of_a_patient_with_ordinal_grades(rng):
    patients = np.repeat(np.arange(63), 6)
    grade = np.clip(np.repeat(rng.integers(0, 4, 63), 6) + rng.integers(-1, 2, 378), 0, 3)
    for split in evaluate.patient_folds(grade, patients, folds=5, repeats=2, kind="ordinal"):
        share = np.bincount(grade[split.test], minlength=4) / len(split.test)
        np.testing.assert_allclose(share, np.bincount(grade) / 378, atol=0.07)
        assert not set(patients[split.train]) & set(patients[split.test])


def test_too_few_patients_of_a_class_are_counted_in_the_message():
    with pytest.raises(InputError, match=r"class 0 has 20 patients, class 1 has 3 patients.*at most 3 folds"):
        evaluate.patient_folds([0] * 20 + [1] * 3, range(23), folds=5)
    # twelve positive clips, but of two patients only
    with pytest.raises(InputError, match="class 1 has 2 patients"):
        evaluate.patient_folds([0] * 20 + [1] * 12, [*range(20), *[20] * 6, *[21] * 6], folds=5)
    with pytest.raises(InputError, match=r"class 0 has 20 patients, class 1 has 1 patient\."):
        evaluate.patient_folds([0] * 20 + [1], range(21), folds=5)
    with pytest.raises(InputError, match="only one class"):
        evaluate.patient_folds([1] * 20, range(20))


def test_bad_input():
    for call in (
        lambda: evaluate.patient_folds([0, 1], [1, 2], folds=1),
        lambda: evaluate.patient_folds([0, 1], [1, 2], folds=5),
        lambda: evaluate.patient_folds([0, 1, np.nan], [1, 2, 3], folds=2),
        lambda: evaluate.patient_folds([0, 1], [1, None], folds=2),
        lambda: evaluate.patient_folds([0, 1], [1], folds=2),
        lambda: evaluate.patient_folds([0, 1], [1, 2], folds=2, kind="classes"),
        lambda: evaluate.patient_folds([0, 1], [1, 2], folds=2, repeats=0),
    ):
        with pytest.raises(InputError):
            call()


def test_one_patient_of_a_class_is_not_told_to_take_fewer_folds():
    with pytest.raises(InputError, match="Merge classes, or leave the class out"):
        evaluate.patient_folds([0, 0, 0, 1], [1, 2, 3, 4], folds=2, kind="binary")
    with pytest.raises(InputError, match="Take at most 2 folds, or merge"):
        evaluate.patient_folds([0, 0, 0, 1, 1], [1, 2, 3, 4, 5], folds=3, kind="binary")


def test_classes_between_grades_are_told_to_be_means():
    with pytest.raises(InputError, match="classes such as 0.5 are means of several ratings"):
        evaluate.patient_folds([0, 0, 0.5, 1, 1, 1], list("abcdef"), folds=2, kind="ordinal")
    with pytest.raises(InputError, match="Merge classes") as found:
        evaluate.patient_folds([0, 0, 2, 1, 1, 1], list("abcdef"), folds=2, kind="ordinal")
    assert "means" not in str(found.value)
