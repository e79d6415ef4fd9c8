"""The names to keep against a second implementation on data of its own, and whatever shape their input comes in.

Numbers: R 4.2.2, pROC 1.18.0 (``ci.auc``, ``var``, ``roc.test``, ``auc``) and rms 6.5-0 (``val.prob``), stats of base R.
"""

import numpy as np
import pandas as pd
import pytest

from blues import evaluate
from blues.check import InputError

i = np.arange(60)
Y = ((i * 7) % 5 < 2).astype(int)
SCORE = np.round((i * 37 % 101) / 50 + 0.9 * Y, 2)
OTHER = np.round((i * 53 % 89) / 60 + 0.6 * Y + 1e-9, 1)
P = 1 / (1 + np.exp(1.3 - SCORE))
CALLS = [(SCORE > 1.4).astype(int), (OTHER > 1.0).astype(int)]


def test_auroc_and_delong_are_those_of_proc():
    found = evaluate.auroc(Y, SCORE, method="delong-wald")
    assert (found.low, found.value, found.high, found.se) == pytest.approx(
        (0.7562899398688, 0.8506944444444, 0.9450989490201, 0.0481664486288), abs=1e-12
    )
    pair = evaluate.delong_test(Y, SCORE, OTHER)
    assert pair.detail["auroc"][1] == pytest.approx(0.9785879629630, abs=1e-12)
    assert (pair.statistic, pair.p_value, pair.low, pair.high) == pytest.approx(
        (-2.78337964760508, 0.00537958168665, -0.21795190863719, -0.03783512839984), abs=1e-12
    )
    partial = evaluate.partial_auroc(Y, SCORE, specificity=(0.8, 1.0), draws=50)
    assert partial.value == pytest.approx(0.751478909465, abs=1e-12)


def test_calibration_is_that_of_rms():
    found = evaluate.calibration(Y, P)
    assert found.slope.value == pytest.approx(2.6209797699584, abs=1e-5)
    assert found.slope.detail["intercept"] == pytest.approx(-0.7873795360597, abs=1e-5)
    assert found.brier.value == pytest.approx(0.1795308772394, abs=1e-12)
    assert (found.emax, found.e90, found.ici) == pytest.approx((0.3090458807637, 0.2823285544308, 0.1644852069688))
    assert (found.spiegelhalter.statistic, found.spiegelhalter.p_value) == pytest.approx(
        (-2.2174167429255, 0.0265946266313)
    )
    assert (found.intercept.value, found.intercept.se) == pytest.approx((-0.504264671994, 0.279475878195), abs=1e-9)


def test_mcnemar_and_proportions_are_those_of_base_r():
    exact = evaluate.mcnemar_test(Y, *CALLS)
    assert exact.detail["table"] == [[42, 2], [14, 2]]
    assert exact.p_value == pytest.approx(0.00418090820312)
    chi = evaluate.mcnemar_test(Y, *CALLS, exact=False)
    assert (chi.statistic, chi.p_value) == pytest.approx((7.5625, 0.00595952647))
    even = evaluate.mcnemar_test([[5, 4], [4, 9]], exact=False)
    assert (even.statistic, even.p_value) == (0.0, 1.0)
    wilson, exact = evaluate.wilson_interval(13, 41), evaluate.clopper_pearson_interval(13, 41)
    assert (wilson.low, wilson.high) == pytest.approx((0.195646138990, 0.469841996443), abs=1e-11)
    assert (exact.low, exact.high) == pytest.approx((0.180849396908, 0.480866386839), abs=1e-11)


def test_adjusted_p_values_are_those_of_base_r():
    p = [0.011, 0.2, 0.04, 0.04, 0.5]
    np.testing.assert_allclose(evaluate.holm(p), [0.055, 0.4, 0.16, 0.16, 0.5])
    np.testing.assert_allclose(evaluate.benjamini_hochberg(p), [0.055, 0.25, 0.2 / 3, 0.2 / 3, 0.5])


NAMES = {
    "auroc": lambda y, s, k: evaluate.auroc(y, s, k),
    "average_precision": lambda y, s, k: evaluate.average_precision(y, s, k, draws=40),
    "delong_test": lambda y, s, k: evaluate.delong_test(y, s, list(s)[::-1], k),
    "swap_permutation_test": lambda y, s, k: evaluate.swap_permutation_test(y, s, list(s)[::-1], draws=99, clusters=k),
    "mcnemar_test": lambda y, s, k: evaluate.mcnemar_test(y, y, list(y)[::-1], clusters=k),
    "clustered_proportion": lambda y, s, k: evaluate.clustered_proportion(y, k),
    "operating_point": lambda y, s, k: evaluate.operating_point(y, list(y)[::-1], clusters=k).measures["ppv"],
    "calibration": lambda y, s, k: evaluate.calibration(y, s, k).slope,
    "brier": lambda y, s, k: evaluate.brier(y, s, k),
}
SHAPES = {
    "lists": lambda v: list(v),
    "tuples": lambda v: tuple(v),
    "series with another index": lambda v: pd.Series(v, index=np.arange(len(v))[::-1] + 7),
    "objects": lambda v: np.array(list(v), dtype=object),
    "a column": lambda v: np.asarray(v)[:, None],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_the_shape_of_the_input_does_not_matter(name, shape):
    of, patients = SHAPES[shape], np.array([f"p{k}" for k in i // 3])
    assert str(NAMES[name](of(Y), of(P), of(patients))) == str(NAMES[name](Y, P, patients))


@pytest.mark.parametrize("kind", [bool, float, str, np.int8])
@pytest.mark.parametrize("name", [n for n in NAMES if n != "clustered_proportion"])
def test_zero_and_one_may_be_of_any_type(name, kind):
    assert str(NAMES[name](Y.astype(kind), P, None)) == str(NAMES[name](Y, P, None))


@pytest.mark.parametrize(
    "call",
    [
        *(lambda f=f: f(Y[:-1], P, i) for f in NAMES.values()),
        *(lambda f=f: f(np.where(i == 3, np.nan, Y), P, i) for f in NAMES.values()),
        *(lambda f=f: f(Y, P, np.where(i == 3, None, i.astype(object))) for f in NAMES.values()),
        *(lambda f=f: f(np.array(["no", "yes"])[Y], P, i) for f in NAMES.values()),
        lambda: evaluate.mcnemar_test([], [], []),
        lambda: evaluate.wilson_interval("three", 10),
        lambda: evaluate.wilson_interval(None, 10),
        lambda: evaluate.clopper_pearson_interval(3, "ten"),
        lambda: evaluate.clopper_pearson_interval(3, np.inf),
        lambda: evaluate.bootstrap_632plus("low", 0.3, 0.5),
        lambda: evaluate.bootstrap_632plus(0.1, [0.3, 0.4], 0.5),
        lambda: evaluate.patient_bootstrap(len, pd.DataFrame({"x": [1, 2]}), "patient"),
        lambda: evaluate.patient_bootstrap(len, [1, 2], "patient"),
        lambda: evaluate.patient_bootstrap(len, pd.DataFrame({"x": [1, 2]}), "x", stratify="y"),
    ],
)
def test_what_cannot_be_is_an_input_error(call):
    with pytest.raises(InputError):
        call()


@pytest.mark.parametrize("name", ["auroc", "average_precision", "calibration", "brier", "clustered_proportion"])
def test_the_order_of_the_rows_does_not_matter(name, rng):
    order, patients = rng.permutation(60), i // 2
    mixed, given = NAMES[name](Y[order], P[order], patients[order]), NAMES[name](Y, P, patients)
    assert (mixed.value, mixed.low, mixed.high) == pytest.approx((given.value, given.low, given.high), rel=1e-7)


@pytest.mark.parametrize("name", ["auroc", "brier", "delong_test", "swap_permutation_test"])
def test_clusters_of_one_row_are_no_clusters(name):
    assert str(NAMES[name](Y, P, i)) == str(NAMES[name](Y, P, None))
