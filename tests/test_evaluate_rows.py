"""Rows stand as they are given: pandas objects whose labels say otherwise are refused."""

import numpy as np
import pandas as pd
import pytest

from blues import agree, evaluate, survive
from blues.check import InputError
from blues.evaluate.ordinal import scale_weights
from blues.evaluate.records import group_codes
from blues.evaluate.subgroups import members

LABELS = [f"clip {i}" for i in range(24)]
Y = pd.Series(np.tile([0, 1, 1, 0], 6), index=LABELS)
P = pd.Series(np.random.default_rng(0).random(24), index=LABELS)
PATIENTS = pd.Series(np.repeat(list("abcdefgh"), 3), index=LABELS)


def turned(values):
    return values.iloc[::-1]


@pytest.mark.parametrize(
    "call",
    [
        lambda: evaluate.auroc(Y, turned(P)),
        lambda: evaluate.auroc(Y, P, clusters=turned(PATIENTS)),
        lambda: evaluate.average_precision(Y, score=turned(P)),
        lambda: evaluate.brier(Y, turned(P)),
        lambda: evaluate.delong_test(Y, P, turned(P)),
        lambda: evaluate.net_benefit(Y, turned(P), [0.5]),
        lambda: evaluate.operating_point(Y, turned(P > 0.5)),
        lambda: evaluate.patient_folds(Y, turned(PATIENTS), 3, 1),
        lambda: evaluate.quadratic_kappa(Y, turned(Y), [0, 1]),
        lambda: evaluate.combine_table(Y, turned(P), PATIENTS, PATIENTS),
        lambda: survive.intraclass_correlation(P, turned(PATIENTS)),
        lambda: survive.design_effect(P, turned(PATIENTS)),
    ],
)
def test_the_same_labels_in_another_order_are_refused(call):
    with pytest.raises(
        InputError,
        match=r"do not belong together. (Use \w+.loc|If they stand in one order all the same, pass plain arrays; if .*\w+.loc)",
    ):
        call()


def test_other_labels_and_plain_arrays_are_taken_as_they_stand():
    asked = evaluate.auroc(Y, P, clusters=PATIENTS)
    for y, p, who in ((Y.to_numpy(), P, list(PATIENTS)), (Y.reset_index(drop=True), P, PATIENTS.to_numpy())):
        again = evaluate.auroc(y, p, clusters=who)
        assert (again.value, again.low, again.high) == (asked.value, asked.low, asked.high)
    back = evaluate.auroc(turned(Y), turned(P), clusters=turned(PATIENTS))
    assert (back.value, back.low, back.high) == pytest.approx((asked.value, asked.low, asked.high))


def test_groups_without_patients_are_refused():
    table = pd.DataFrame({"patient": LABELS, "repeat": 0, "fold": 0, "y": Y.to_numpy(), "p": P.to_numpy()})
    with pytest.raises(InputError, match="groups is ndarray, which does not say whose they are"):
        evaluate.subgroup_table(table, table, PATIENTS.to_numpy(), "auroc")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evaluate.expected_auroc_width(1.0, 5, 5), "an AUROC of 1.0 has no logit"),
        (lambda: evaluate.sign_flip_test(np.arange(1, 40), draws=0), "draws is 0. Allowed: at least 1"),
        (lambda: evaluate.optimism(np.mean, lambda m, t, r: 0.5, np.arange(12), range(12), draws=0), "draws is 0"),
        (lambda: agree.percent_agreement([[0, 1], [1, 1]], categories=[0, 1], within=-1), "within is -1"),
        (lambda: evaluate.hanley_mcneil_se(0.8, float("nan"), 30), "nan with and 30 without the event"),
        (lambda: evaluate.hanley_mcneil_se(0.8, 30, float("nan")), "30 with and nan without the event"),
        (lambda: scale_weights([0, 1, float("inf")]), "need categories in order, and they are 0, 1, inf"),
        (
            lambda: evaluate.expected_calibration_error([0, 1], [0.2, 0.7], bins=2.5),
            "bins is 2.5. Allowed: a whole number",
        ),
        (lambda: evaluate.combine([[0.2], [0.4]], ["a", "b"]), r"p has shape \(2, 1\)"),
        (lambda: evaluate.heterogeneity_p([0.1, 0.2], [0.1]), "lengths differ|length"),
        (
            lambda: evaluate.score_table(GRADED.assign(grade=np.inf), "ordinal", 10),
            "grade holds a category that is not",
        ),
        (lambda: group_codes([10**17 + 1, 10**17 + 2, 0.5], 3), "cannot be told apart"),
        (
            lambda: group_codes(np.array([1, "1"], dtype=object), 2),
            "labels 1 and '1', which cannot be told apart",
        ),
        (
            lambda: evaluate.auroc([0, 1], [0.2, 0.7], pd.MultiIndex.from_arrays([list("ab"), [1, 2]])),
            r"clusters holds \('a', 1\), and a label is one value",
        ),
        (
            lambda: evaluate.patient_folds([0, 1], pd.Series([("a", 1), ("b", 2)]), 2),
            r"patients holds \('a', 1\), and a label is one value",
        ),
        (lambda: group_codes(["a", "a\0"], 2), "cannot be told apart"),
        (lambda: group_codes(np.array([1, 1.0], dtype=object), 2), "equal labels of several types"),
        (
            lambda: members(pd.Series([1, "a"], ["x", "y"]), pd.Index(["x", "y"])),
            "groups mix labels of several types: int, str",
        ),
        (lambda: members(pd.Series([1, "1"], ["x", "y"], dtype="category"), pd.Index(["x", "y"])), "groups mix labels"),
    ],
)
def test_what_cannot_be_computed_is_said(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_row_labels_of_several_types_are_compared_too():
    mixed = pd.Series(np.arange(4.0), [1, "a", 2.5, "b"])
    with pytest.raises(InputError, match="do not belong together"):
        evaluate.mean_absolute_error(mixed, mixed[::-1])
    assert evaluate.mean_absolute_error(mixed, mixed + [0, 1, 0, 1]).value == 0.5


def test_labels_of_one_kind_are_groups_whatever_holds_them():
    for labels in (
        ["b", "a", "b"],
        np.array(["b", "a", "b"], dtype=object),
        [1, True, 2],
        np.array([3, "a", 3], dtype=object),
    ):
        codes, groups = group_codes(labels, 3)
        assert len(groups) == 2
        assert [labels[i] == labels[j] for i in range(3) for j in range(3)] == (
            codes[:, None] == codes
        ).ravel().tolist()


GRADED = pd.DataFrame({"patient": list("abcdef"), "repeat": 0, "fold": 0, "y": [0, 1, 2] * 2, "p": 1.0})
GAPS = [float("nan"), "a", "a", "b", "b", "c"]


@pytest.mark.parametrize(
    "call",
    [
        lambda: evaluate.auroc([0, 1, 0, 1, 0, 1], [1, 2, 3, 4, 5, 6], clusters=GAPS),
        lambda: evaluate.patient_folds([0, 1, 0, 1, 0, 1], GAPS, 2, 1),
        lambda: survive.logrank_test([1, 2, 3, 4, 5, 6], [1] * 6, GAPS),
        lambda: survive.kaplan_meier([1, 2, 3, 4, 5, 6], [1] * 6, groups=GAPS),
        lambda: agree.cohen_kappa([[0, 1], [1, 1]] * 3, categories=[0, 1], clusters=GAPS),
        lambda: evaluate.rank_within_folds([1, 2, 3, 4, 5, 6], GAPS),
        lambda: evaluate.rank_within_folds([1, 2, 3, 4, 5, 6], [0, 0, 1, 1, 2, None]),
        lambda: evaluate.bootstrap_weights(GAPS, 5, 0),
        lambda: evaluate.bootstrap_weights([0.0, 0.0, 1.0, float("nan")], 5, 0),
        lambda: evaluate.bootstrap_weights([0, 0, 1, None], 5, 0),
        lambda: evaluate.patient_bootstrap(np.mean, np.arange(6.0), range(6), 5, stratify=[0, 0, 0, 1, 1, None]),
    ],
)
def test_a_label_that_is_missing_in_a_list_is_missing(call):
    with pytest.raises(InputError, match="missing"):
        call()


def test_predictions_at_a_threshold_reach_it_whatever_the_last_bit():
    y, p = np.tile([1, 0, 0, 0, 0], 4), np.tile([0.7, 0.7, 0.2, 0.2, 0.3], 4)
    one = pd.DataFrame({"patient": [f"p{i}" for i in range(20)], "repeat": 0, "fold": 0, "y": y, "p": p})
    three = pd.concat([one.assign(repeat=r) for r in range(3)], ignore_index=True)
    for thresholds in ([0.7], np.linspace(0.1, 0.9, 9)[6:7]):
        by_hand = 4 / 20 - 4 / 20 * 0.7 / 0.3
        assert evaluate.net_benefit(y, p, thresholds)["model"][0] == pytest.approx(by_hand)
        assert evaluate.decision_table(three, thresholds)["net_benefit"][0] == pytest.approx(by_hand)


def test_operating_points_and_mcnemar_reach_a_threshold_that_is_equal():
    y = np.tile([1, 0, 0], 8)
    for cut in (1 / 3, 0.7, 0.1 + 0.2):
        p = np.tile([cut, cut, cut / 2], 8)
        one = pd.DataFrame(
            {"patient": [f"p{i}" for i in range(24)], "repeat": 0, "fold": np.arange(24) % 2, "y": y, "p": p}
        )
        three = pd.concat([one.assign(repeat=r) for r in range(3)], ignore_index=True).assign(threshold=cut)
        cells = evaluate.operating_table(three).set_index("metric")["value"]
        assert cells[["tp", "fp", "fn", "tn"]].tolist() == [8, 8, 0, 8]
        far = three.assign(p=np.tile(np.tile([cut + 0.1, cut + 0.1, cut / 2], 8), 3))
        found = evaluate.compare_table(three, far, draws=10, threshold="threshold").set_index("test").loc["McNemar"]
        assert (found["difference"], found["p_value"]) == (0, 1)
        below = np.nextafter(cut, 0)
        assert evaluate.combine([below, 0.0], ["a", "a"], "any", threshold=cut).to_dict() == {"a": 1.0}


def test_bins_of_equal_width_are_closed_on_the_left():
    p = np.repeat(np.arange(10) / 10, 3)
    found = evaluate.expected_calibration_error(np.zeros(30), p)
    assert found.detail["table"]["rows"] == [3] * 10
    assert evaluate.expected_calibration_error([0, 1], [1.0, 1.0]).detail["table"]["rows"] == [2]
