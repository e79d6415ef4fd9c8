"""Scores of ordinal predictions."""

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from blues import agree, evaluate
from blues.check import InputError


def test_quadratic_kappa_agrees_with_scikit_learn_when_told_the_scale(rng):
    y, p = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    p[:120] = y[:120]
    found = evaluate.quadratic_kappa(y, p, categories=[0, 1, 2, 3])
    assert found.value == pytest.approx(cohen_kappa_score(y, p, labels=[0, 1, 2, 3], weights="quadratic"))
    assert found.low < found.value < found.high


def test_f4_absent_categories_keep_their_place():
    """Ratings 0, 1, 3 on a scale of 0 to 3: by position of what occurs the kappa would be another."""
    y, p = [0, 0, 1, 1, 3, 3, 3, 0], [0, 1, 1, 3, 3, 3, 1, 0]
    right = evaluate.quadratic_kappa(y, p, categories=[0, 1, 2, 3]).value
    assert right == pytest.approx(cohen_kappa_score(y, p, labels=[0, 1, 2, 3], weights="quadratic"))
    assert right != pytest.approx(cohen_kappa_score(y, p, weights="quadratic"), abs=0.01)


def test_raters_and_predictions_have_one_kappa_on_a_scale_with_a_gap():
    """Grades 0, 1 and 3 without a 2 weigh as on the scale of 0 to 3, in a run as among raters."""
    y, p = [0, 0, 1, 1, 3, 3, 3, 0, 1, 3], [0, 1, 1, 3, 3, 1, 3, 0, 0, 3]
    found = evaluate.quadratic_kappa(y, p, categories=[0, 1, 3]).value
    assert found == pytest.approx(cohen_kappa_score(y, p, labels=[0, 1, 2, 3], weights="quadratic"))
    among = agree.cohen_kappa(np.column_stack([y, p]), categories=[0, 1, 3], weights="quadratic", interval="analytic")
    assert found == pytest.approx(among.value)
    assert evaluate.quadratic_kappa(list("aabbcc"), list("abbccc"), list("abc")).value == pytest.approx(
        evaluate.quadratic_kappa([0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 2], [0, 1, 2]).value
    )
    with pytest.raises(InputError, match="quadratic weights need categories in order, and they are 0, 3, 1"):
        evaluate.quadratic_kappa(y, p, categories=[0, 3, 1])


def test_kappa_of_one_category_says_why():
    found = evaluate.quadratic_kappa([1, 1], [1, 1], categories=[0, 1, 2])
    assert math.isnan(found.value)
    assert "chance" in found.detail["reason"]


@pytest.mark.parametrize("clusters", [None, [0, 0, 1, 1, 2, 2]])
def test_perfection_is_no_certainty(clusters):
    y = [0, 1, 2, 0, 1, 2]
    kappa = evaluate.quadratic_kappa(y, y, [0, 1, 2], clusters)
    error = evaluate.mean_absolute_error(y, y, clusters)
    score = evaluate.ranked_probability_score(y, np.eye(3)[y], clusters=clusters)
    squared = evaluate.brier([0, 1] * 3, [0, 1] * 3, clusters)
    for found, value in ((kappa, 1), (error, 0), (score, 0), (squared, 0)):
        assert found.value == pytest.approx(value)
        assert math.isnan(found.low)
        assert math.isnan(found.high)
        assert found.detail["reason"]


def test_limits_of_a_ranked_probability_score_stay_in_the_possible_range():
    found = evaluate.ranked_probability_score([0, 2, 0], [[0, 0, 1], [1, 0, 0], [1, 0, 0]])
    assert (found.low, found.high) == (0, 1)
    raw = evaluate.ranked_probability_score([0, 2, 0], [[0, 0, 1], [1, 0, 0], [1, 0, 0]], normalise=False)
    assert (raw.low, raw.high) == (0, 2)


def test_kappa_refuses_what_is_not_on_the_scale():
    with pytest.raises(InputError, match="not declared"):
        evaluate.quadratic_kappa([0, 4], [0, 1], categories=[0, 1, 2, 3])
    with pytest.raises(InputError, match="at least two"):
        evaluate.quadratic_kappa([0, 0], [0, 0], categories=[0])
    with pytest.raises(TypeError):
        evaluate.quadratic_kappa([0, 1], [0, 1])


def test_ranked_probability_score_by_hand():
    p = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    rows = [(0.2 - 0) ** 2 + (0.7 - 1) ** 2, (0.1 - 0) ** 2 + (0.2 - 0) ** 2]
    assert evaluate.ranked_probability_score([1, 2], p).value == pytest.approx(np.mean(rows) / 2)
    assert evaluate.ranked_probability_score([1, 2], p, normalise=False).value == pytest.approx(np.mean(rows))
    assert evaluate.ranked_probability_score(["b", "c"], p, categories=["a", "b", "c"]).value == pytest.approx(
        np.mean(rows) / 2
    )


def test_with_two_categories_it_is_the_brier_score(rng):
    y, p = rng.integers(0, 2, 50), rng.random(50)
    found = evaluate.ranked_probability_score(y, np.column_stack([1 - p, p]))
    assert found.value == pytest.approx(evaluate.brier(y, p).value)
    assert (found.low, found.high) == pytest.approx((evaluate.brier(y, p).low, evaluate.brier(y, p).high))


@pytest.mark.parametrize(
    ("y", "p"),
    [
        ([0, 1], [[0.5, 0.6], [0.5, 0.5]]),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]]),
        ([0, 1], [0.5, 0.5]),
        ([0], [[0.5, 0.5], [0.5, 0.5]]),
        ([0, 1], [[1.5, -0.5], [0.5, 0.5]]),
    ],
)
def test_ranked_probability_score_refuses(y, p):
    with pytest.raises(InputError):
        evaluate.ranked_probability_score(y, p)


def test_mean_absolute_error_by_patient(rng):
    y = np.repeat(rng.integers(0, 4, 30), 6)
    p = y + np.repeat(rng.normal(0, 1, 30), 6)
    plain = evaluate.mean_absolute_error(y, p)
    clustered = evaluate.mean_absolute_error(y, p, clusters=np.repeat(np.arange(30), 6))
    assert plain.value == pytest.approx(np.abs(y - p).mean())
    assert clustered.value == plain.value
    assert clustered.se > 2 * plain.se
    assert evaluate.mean_absolute_error([1], [2]).detail["reason"]
    with pytest.raises(InputError):
        evaluate.mean_absolute_error([1, 2], [1])


def test_one_row_has_an_error_and_no_interval():
    for found in (evaluate.mean_absolute_error([0], [1]), evaluate.ranked_probability_score([0], [[0.5, 0.5]])):
        assert np.isfinite(found.value)
        assert np.isnan([found.low, found.high]).all()
