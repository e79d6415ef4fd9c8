"""Published and independently computed answers: the file of published examples, one by one, and the key ones inline."""

import numpy as np
import pytest
from published import examples

from blues import evaluate


@pytest.fixture(scope="module")
def reference():
    return examples()


def _limits(found):
    return [found.low, found.high]


def _wald(given):
    return {
        marker: [e.value, e.low, e.high]
        for marker in ("s100b", "wfns", "ndka")
        for e in [evaluate.auroc(given["outcome"], given[marker], method="delong-wald")]
    }


def _toy(given):
    return {
        "auc": evaluate.auroc(given["y"], given["s"]).value,
        "ap": evaluate.average_precision(given["y"], given["s"], method="logit").value,
        "brier": evaluate.brier(given["brier_y"], given["brier_p"]).value,
    }


def rating_data(normal, abnormal):
    y = np.repeat([0, 1], [sum(normal), sum(abnormal)])
    return y, np.concatenate([np.repeat(np.arange(len(normal)), normal), np.repeat(np.arange(len(abnormal)), abnormal)])


def _hanley_mcneil(given):
    found = evaluate.auroc(*rating_data(given["normal_counts"], given["abnormal_counts"]), method="hanley-mcneil")
    return {"auc": found.value, "se_hm": found.se}


def four_cells(tp, fp, fn, tn):
    return np.repeat([1, 0, 1, 0], [tp, fp, fn, tn]), np.repeat([1, 1, 0, 0], [tp, fp, fn, tn])


def _diagnostic(given):
    point = evaluate.operating_point(*four_cells(**given))
    names = {"sens": "sensitivity", "spec": "specificity", "ppv": "ppv", "npv": "npv"}
    ratios = {"lrp": point.lr_positive, "lrn": point.lr_negative}
    values = {short: point.measures[name].value for short, name in names.items()}
    return values | {name: [ratio.value, ratio.low, ratio.high] for name, ratio in ratios.items()}


def _mcnemar(given):
    return {
        "exact_p": evaluate.mcnemar_test(given["table"]).p_value,
        "chi2_cc": evaluate.mcnemar_test(given["table"], exact=False).statistic,
        "chi2": evaluate.mcnemar_test(given["table"], exact=False, continuity=False).statistic,
    }


def _darwin(given):
    return {
        "p_one_sided": evaluate.sign_flip_test(given["differences"], alternative="greater").p_value,
        "p_two_sided": evaluate.sign_flip_test(given["differences"]).p_value,
    }


def _multiplicity(given):
    adjusted = evaluate.benjamini_hochberg(given["p"])
    return {
        "n_reject_bh": int(np.sum(adjusted <= 0.05)),
        "n_reject_bonferroni": int(np.sum(np.array(given["p"]) * len(given["p"]) <= 0.05)),
        "bh": adjusted.tolist(),
        "holm": evaluate.holm(given["p"]).tolist(),
    }


ANSWERS = {
    "proc_asah_auc": _wald,
    "proc_asah_ap": lambda given: {
        marker: evaluate.average_precision(given["outcome"], given[marker], method="logit").value
        for marker in ("wfns", "s100b", "ndka")
    },
    "sklearn_doc_toy": _toy,
    "hanley_mcneil1982": _hanley_mcneil,
    "newcombe1998_wilson": lambda given: [_limits(evaluate.wilson_interval(k, n)) for k, n in given["x_n"]],
    "newcombe1998_cp": lambda given: [_limits(evaluate.clopper_pearson_interval(k, n)) for k, n in given["x_n"]],
    "epir_diagnostic": _diagnostic,
    "mcnemar_agresti": _mcnemar,
    "ece_torchmetrics": lambda given: {
        "ece": evaluate.expected_calibration_error(given["y"], given["p"], bins=given["bins"]).value
    },
    "darwin_fisher1935": _darwin,
    "bh1995": _multiplicity,
}


def _compare(found, expected, tolerance):
    if isinstance(expected, dict):
        assert set(found) >= set(expected)
        for key, value in expected.items():
            _compare(found[key], value, tolerance)
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ANSWERS)
def test_reference_example(reference, name):
    example = reference[name]
    _compare(ANSWERS[name](example["input"]), example["expected"], example["tolerance"])


def test_paired_delong_is_that_of_proc(reference):
    """The help page of pROC::roc.test prints Z = -2.209, p = 0.02718 for s100b against wfns."""
    given = reference["proc_asah_auc"]["input"]
    found = evaluate.delong_test(given["outcome"], given["s100b"], given["wfns"])
    assert found.statistic == pytest.approx(-2.209, abs=5e-4)
    assert found.p_value == pytest.approx(0.02718, abs=5e-6)
    assert found.low < found.estimate < found.high < 0


def test_hanley_mcneil_1982_inline():
    y, score = rating_data([33, 6, 6, 11, 2], [3, 2, 2, 11, 33])
    assert evaluate.auroc(y, score, method="hanley-mcneil").se == pytest.approx(0.03199, abs=5e-6)
    assert evaluate.auroc(y, score).se == pytest.approx(0.03072441, abs=5e-9)
    assert evaluate.auroc(y, score).value == pytest.approx(0.893, abs=5e-4)


@pytest.mark.parametrize(
    ("k", "n", "wilson", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_newcombe_1998_inline(k, n, wilson, exact):
    np.testing.assert_allclose(_limits(evaluate.wilson_interval(k, n)), wilson, atol=6e-5)
    np.testing.assert_allclose(_limits(evaluate.clopper_pearson_interval(k, n)), exact, atol=6e-5)


def test_epir_diagnostic_inline():
    found = _diagnostic({"tp": 670, "fp": 202, "fn": 74, "tn": 640})
    expected = {
        "sens": 0.9,
        "spec": 0.76,
        "ppv": 0.77,
        "npv": 0.9,
        "lrp": [3.75, 3.32, 4.24],
        "lrn": [0.13, 0.11, 0.16],
    }
    _compare(found, expected, 0.006)


def test_mcnemar_agresti_inline():
    expected = {"exact_p": 3.715936139571e-05, "chi2_cc": 16.817796610169, "chi2": 17.35593220339}
    _compare(_mcnemar({"table": [[794, 150], [86, 570]]}), expected, 1e-9)


def test_darwin_inline():
    maize = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert evaluate.sign_flip_test(maize, alternative="greater").p_value == 863 / 32768
    assert evaluate.sign_flip_test(maize).p_value == 2 * 863 / 32768


def test_scikit_learn_corrected_t_example():
    """The corrected_std of scikit-learn's model comparison example, on made-up differences."""
    differences = np.array([0.01, -0.02, 0.03, 0.015, 0.0, 0.02, -0.01, 0.005, 0.01, 0.02])
    variance = differences.var(ddof=1) * (1 / 10 + 30 / 270)
    found = evaluate.nadeau_bengio_test(differences, n_train=270, n_test=30, alternative="greater")
    assert found.statistic == pytest.approx(differences.mean() / np.sqrt(variance), rel=1e-12)
    assert found.p_value == pytest.approx(evaluate.nadeau_bengio_test(differences, 270, 30).p_value / 2, rel=1e-12)


def test_fleiss_cohen_everitt_and_quadratic_weights():
    """Their 1969 table; with three categories quadratic weights are 1, .75, 0 (value: statsmodels)."""
    from statsmodels.stats.inter_rater import cohens_kappa

    table = np.array([[106, 10, 4], [22, 28, 10], [2, 12, 6]])
    rows = [np.repeat(axis, table.ravel()) for axis in np.indices((3, 3)).reshape(2, -1)]
    found = evaluate.quadratic_kappa(*rows, categories=[0, 1, 2])
    oracle = cohens_kappa(table, wt="quadratic", weights=np.arange(3))
    assert found.value == pytest.approx(float(oracle.kappa), abs=1e-12)
    assert found.se == pytest.approx(float(oracle.std_kappa), abs=1e-12)
