"""Score and comparison tables of repeated out-of-fold predictions."""

import math
import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    cohen_kappa_score,
    r2_score,
    roc_auc_score,
)

from blues import evaluate
from blues.check import InputError


def frame_of(y, p, folds=5, seed=1):
    """Lay out predictions p (repeats, n) over the folds of patient_folds."""
    rows = []
    for split in evaluate.patient_folds(y, range(len(y)), folds, len(p), seed=seed, kind="auto"):
        cells = {"patient": split.test.astype(str), "repeat": split.repeat, "fold": split.fold}
        rows.append(pd.DataFrame({**cells, "y": y[split.test], "p": p[split.repeat, split.test]}))
    return pd.concat(rows, ignore_index=True)


def predictions(rng, y, gain, repeats=4):
    own = rng.normal(0, 1, len(y))
    return 1 / (1 + np.exp(-(gain * (2 * y - 1) + own + rng.normal(0, 0.3, (repeats, len(y))))))


@pytest.fixture
def arm(rng):
    y = rng.permutation(np.repeat([0, 1], [30, 33]))
    return y, predictions(rng, y, 1.0)


def test_values_are_means_over_repeats(arm):
    y, p = arm
    frame = frame_of(y, p)
    found = evaluate.score_table(frame.sample(frac=1, random_state=0), draws=100).set_index("metric")["value"]
    expected = {
        "auroc": np.mean([roc_auc_score(y, r) for r in p]),
        "auprc": np.mean([average_precision_score(y, r) for r in p]),
        "accuracy": np.mean([accuracy_score(y, r >= 0.5) for r in p]),
        "balanced_accuracy": np.mean([balanced_accuracy_score(y, r >= 0.5) for r in p]),
        "sensitivity": np.mean([(r[y == 1] >= 0.5).mean() for r in p]),
        "specificity": np.mean([(r[y == 0] < 0.5).mean() for r in p]),
        "brier": np.mean([brier_score_loss(y, r) for r in p]),
        "auroc_fold_mean": np.mean([roc_auc_score(g["y"], g["p"]) for _, g in frame.groupby(["repeat", "fold"])]),
        "auroc_mean_prediction": roc_auc_score(y, p.mean(0)),
        "prevalence": y.mean(),
    }
    for metric, value in expected.items():
        assert found[metric] == pytest.approx(value, abs=1e-12), metric
    assert evaluate.point_score(frame, "auroc") == pytest.approx(expected["auroc"])
    assert {"auroc", "auprc", "accuracy", "brier"} <= set(found.index)


def test_intervals_are_those_of_resampled_patients(arm):
    """The fast path against a plain loop over samples of patients, free where a score moves with the share of events."""
    y, p = arm
    table = evaluate.score_table(frame_of(y, p), draws=1500, seed=2).set_index("metric")
    rng, classes = np.random.default_rng(9), [np.flatnonzero(y == k) for k in (0, 1)]
    drawn = {"auroc_bootstrap": [], "brier": [], "accuracy": [], "sensitivity": []}
    for _ in range(800):
        rows = np.concatenate([rng.choice(members, len(members)) for members in classes])
        above = [r[rows[y[rows] == 1]][:, None] > r[rows[y[rows] == 0]] for r in p]
        drawn["auroc_bootstrap"].append(np.mean([pairs.mean() for pairs in above]))
        free = rng.integers(0, len(y), len(y))
        drawn["brier"].append(np.mean([np.mean((r[free] - y[free]) ** 2) for r in p]))
        drawn["accuracy"].append(np.mean([np.mean((r[free] >= 0.5) == y[free]) for r in p]))
        drawn["sensitivity"].append(np.mean([(r[rows][y[rows] == 1] >= 0.5).mean() for r in p]))
    for metric, values in drawn.items():
        low, high = np.quantile(values, [0.025, 0.975])
        width = high - low
        assert table.loc[metric, "low"] == pytest.approx(low, abs=0.12 * width)
        assert table.loc[metric, "high"] == pytest.approx(high, abs=0.12 * width)
        assert table.loc[metric, "se"] == pytest.approx(np.std(values), rel=0.1)


def test_scores_that_move_with_the_share_of_events_let_it_vary(rng):
    y = rng.permutation(np.repeat([0, 1], [40, 20]))
    frame = frame_of(y, np.full((1, 60), 0.3))
    table = evaluate.score_table(frame, draws=1500).set_index("metric")
    share = evaluate.wilson_interval(40, 60)
    assert table.loc["accuracy", ["low", "high"]].tolist() == pytest.approx([share.low, share.high], abs=0.03)
    assert table.loc["brier", "se"] == pytest.approx(np.std((y - 0.3) ** 2) / np.sqrt(60), rel=0.1)
    assert table.loc["brier", "low"] < table.loc["brier", "value"] < table.loc["brier", "high"]
    groups = pd.Series("all", np.arange(60).astype(str))
    within = evaluate.subgroup_table(frame, frame.assign(p=0.2), groups, "brier", draws=1500).iloc[0]
    assert [within["low_a"], within["high_a"]] == table.loc["brier", ["low", "high"]].tolist()


def test_bands_of_net_benefit_let_the_share_of_events_vary(rng):
    y = rng.permutation(np.repeat([0, 1], [180, 20]))
    band = evaluate.net_benefit(y, np.full(200, 0.5), [0.05, 0.2], draws=3000)
    for _, row in band.iterrows():
        odds = row["threshold"] / (1 - row["threshold"])
        low, high = (1 + odds) * stats.binom.ppf([0.025, 0.975], 200, 0.1) / 200 - odds
        assert row[["low", "high"]].tolist() == pytest.approx([low, high], abs=0.008)
    clips = evaluate.net_benefit(
        np.repeat(y, 2), np.full(400, 0.5), [0.05, 0.2], clusters=np.repeat(np.arange(200), 2), draws=3000
    )
    np.testing.assert_allclose(clips, band, atol=1e-12)


def test_thresholds_by_row(arm):
    y, p = arm
    frame = frame_of(y, p)
    frame["cut"] = np.where(frame["repeat"] < 2, 0.0, 1.1)
    found = evaluate.score_table(frame, draws=50, threshold="cut").set_index("metric")["value"]
    assert found["sensitivity"] == found["specificity"] == 0.5
    with pytest.raises(InputError, match="no column 'cutt'"):
        evaluate.score_table(frame, threshold="cutt")


def test_everything_right_does_not_mean_certain(rng):
    y = rng.permutation(np.repeat([0, 1], [30, 33]))
    table = evaluate.score_table(frame_of(y, np.tile(y * 0.8 + 0.1, (3, 1))), draws=100).set_index("metric")
    for metric, size in {"sensitivity": 33, "specificity": 30, "accuracy": 63, "auprc": 33}.items():
        assert table.loc[metric, "high"] == 1
        assert table.loc[metric, "low"] == pytest.approx(evaluate.wilson_interval(size, size).low)
        assert table.loc[metric, "method"] == "Wilson"
    assert 0.9 < table.loc["auroc", "low"] < 1
    newcombe = evaluate.auroc(y, y, method="newcombe")
    assert table.loc["auroc_bootstrap", "low"] == pytest.approx(newcombe.low)
    assert table["reason"]["auroc_bootstrap"].startswith("every bootstrap sample gave the same value")
    assert "Newcombe's interval taken" in table["reason"]["auroc"]
    assert table.loc["brier", ["low", "high"]].isna().all(), "a score that is no share has no interval then"
    assert table["reason"]["brier"] == "every bootstrap sample gave the same value"
    assert table.drop(index="brier")[["value", "low", "high"]].notna().all(axis=None)


def test_clips_are_resampled_with_their_patient(arm):
    y, p = arm
    frame = frame_of(y, p)
    clips = pd.concat([frame.assign(row=frame["patient"] + f"-{k}") for k in range(4)])
    one = evaluate.score_table(frame, draws=400).set_index("metric")
    many = evaluate.score_table(clips, draws=400).set_index("metric")
    bootstrapped = one.index[one["method"].str.startswith("percentile")]
    assert len(bootstrapped) == 8
    for column in ("value", "low", "high"):
        np.testing.assert_allclose(many.loc[bootstrapped, column], one.loc[bootstrapped, column], atol=1e-9)
    for name in ("auroc", "auroc_within_fold", "auroc_mean_prediction"):
        assert many.loc[name, "se"] == pytest.approx(one.loc[name, "se"], rel=0.02), name


@pytest.mark.parametrize("n", [40, 3000])
def test_small_and_large_paths_agree(n, rng):
    """Above a million pairs the AUROC is counted along one sorted order instead of a matrix of pairs."""
    y = (rng.random(n) < 0.5).astype(int)
    p = predictions(rng, y, 0.5, repeats=1)
    weights = evaluate.bootstrap_weights(y, 5, seed=0)
    from blues.evaluate.placements import weighted_auroc

    for value, row in zip(weighted_auroc(y, p, weights), weights.astype(int), strict=True):
        assert value == pytest.approx(roc_auc_score(np.repeat(y, row), np.repeat(p[0], row)), abs=1e-12)


def test_continuous_scores(rng):
    y = rng.exponential(8, 60).round()
    p = y + rng.normal(0, 3, (3, 60))
    frame = frame_of(y, p)
    found = evaluate.score_table(frame, "continuous", draws=300).set_index("metric")
    expected = {
        "mae": np.mean([np.abs(r - y).mean() for r in p]),
        "rmse": np.mean([np.sqrt(np.mean((r - y) ** 2)) for r in p]),
        "r2": np.mean([r2_score(y, r) for r in p]),
        "spearman": np.mean([stats.spearmanr(y, r).statistic for r in p]),
    }
    for metric, value in expected.items():
        assert found.loc[metric, "value"] == pytest.approx(value, abs=1e-9)
        assert found.loc[metric, "low"] < value < found.loc[metric, "high"]
    flat = evaluate.score_table(frame.assign(p=1.0), "continuous", draws=50).set_index("metric")
    assert math.isnan(flat.loc["spearman", "value"])
    assert flat.loc["spearman", "reason"]


@pytest.mark.parametrize("far", [0.0, 1e8])
def test_r2_keeps_its_digits_far_from_zero(far, rng):
    y = rng.normal(size=60).round(3)
    p = y + rng.normal(0, 0.5, (2, 60)).round(3)
    found = evaluate.point_score(frame_of(y + far, p + far), "r2")
    assert found == pytest.approx(np.mean([r2_score(y, r) for r in p]), abs=1e-6)
    small = evaluate.point_score(frame_of(1e-8 * y, 1e-8 * p), "r2")
    assert small == pytest.approx(np.mean([r2_score(y, r) for r in p]), abs=1e-6)
    assert math.isnan(evaluate.point_score(frame_of(np.full(60, 0.1 + far), p), "r2", "continuous"))


def test_weighted_spearman_is_that_of_repeated_rows(rng):
    y, p = rng.integers(0, 5, 40).astype(float), rng.integers(0, 6, (1, 40)).astype(float)
    table = evaluate.out_of_fold(frame_of(y, p), "continuous")
    weights = evaluate.bootstrap_weights(40, 4, seed=0)
    from blues.evaluate.outoffold import METRICS

    for value, row in zip(METRICS["continuous"]["spearman"](table, weights), weights.astype(int), strict=True):
        again = stats.spearmanr(np.repeat(table.y, row), np.repeat(table.p[0], row)).statistic
        assert value == pytest.approx(again, abs=1e-12)


def test_ordinal_scores(rng):
    y = rng.permutation(np.repeat([0.0, 1, 2, 3], [20, 16, 15, 12]))
    p = np.clip(y + rng.normal(0, 0.7, (3, 63)), 0, 3)
    frame = frame_of(y, p)
    found = evaluate.score_table(frame, "ordinal", draws=200, categories=[0, 1, 2, 3]).set_index("metric")
    graded = np.rint(p).astype(int)
    kappa = np.mean([cohen_kappa_score(y.astype(int), g, labels=[0, 1, 2, 3], weights="quadratic") for g in graded])
    assert found.loc["quadratic_kappa", "value"] == pytest.approx(kappa)
    assert found.loc["accuracy", "value"] == pytest.approx(np.mean(graded == y))
    assert found.loc["within_one", "value"] == pytest.approx(np.mean(np.abs(graded - y) <= 1))
    assert "rps" not in found.index
    pd.testing.assert_frame_equal(evaluate.score_table(frame, "ordinal", draws=200), found.reset_index())


def test_grades_called_by_cuts_take_the_place_of_the_nearest(rng):
    y = rng.permutation(np.repeat([0.0, 1, 2, 3], 15))
    frame = frame_of(y, 1.5 + 0.2 * (y - 1.5) + rng.normal(0, 0.2, (3, 60)))
    scale = [0, 1, 2, 3]
    grade = frame["y"].where(rng.random(len(frame)) < 0.8, rng.choice(scale, len(frame)))
    grade[frame["repeat"] == 1] = np.nan  # a repeat without cuts: the nearest
    found = evaluate.score_table(frame.assign(grade=grade), "ordinal", draws=50, categories=scale).set_index("metric")
    called = grade.fillna(frame["p"].round())
    by_repeat = [
        cohen_kappa_score(frame["y"][rows], called[rows], weights="quadratic", labels=scale)
        for rows in (frame["repeat"] == r for r in range(3))
    ]
    assert found.loc["quadratic_kappa", "value"] == pytest.approx(np.mean(by_repeat))
    assert found.loc["accuracy", "value"] == pytest.approx((called == frame["y"]).mean())
    plain = evaluate.score_table(frame, "ordinal", draws=50, categories=scale).set_index("metric")
    assert found.loc["mae", "value"] == plain.loc["mae", "value"]
    exact = evaluate.score_table(frame.assign(grade=frame["y"]), "ordinal", draws=50, categories=scale).set_index(
        "metric"
    )
    assert exact.loc["quadratic_kappa", "value"] == pytest.approx(1)
    with pytest.raises(InputError, match="grade holds a category that is not declared"):
        evaluate.score_table(frame.assign(grade=1.5), "ordinal", categories=scale)


def test_ordinal_probabilities_give_the_ranked_probability_score(rng):
    y = rng.permutation(np.repeat([0, 1, 2], [20, 20, 23]))
    shares = rng.dirichlet([1, 1, 1], 63)
    frame = frame_of(y, np.tile(shares @ [0, 1, 2], (2, 1)))
    who = frame["patient"].astype(int)
    frame[["p_0", "p_1", "p_2"]] = shares[who]
    found = evaluate.score_table(frame, "ordinal", draws=50, categories=[0, 1, 2]).set_index("metric")
    assert found.loc["rps", "value"] == pytest.approx(evaluate.ranked_probability_score(y, shares).value)
    with pytest.raises(InputError, match="sum to 1"):
        evaluate.score_table(frame.assign(p_0=0.9), "ordinal", categories=[0, 1, 2])


def test_comparison_of_an_arm_with_itself(arm):
    y, p = arm
    found = evaluate.compare_table(frame_of(y, p), frame_of(y, p), draws=100)
    assert (found["difference"] == 0).all()
    assert (found["p_value"] == 1).all()
    assert (found.loc[found["low"].isna(), "reason"] != "").all()


def test_comparison_rows_and_direction(arm, rng):
    y, p = arm
    good, poor = frame_of(y, p), frame_of(y, predictions(rng, y, 0.1))
    found = evaluate.compare_table(good, poor, draws=800)
    tests = set(zip(found["metric"], found["test"], strict=True))
    for needed in (
        ("auroc", "paired patient bootstrap"),
        ("auroc", "DeLong"),
        ("auroc", "swap permutation"),
        ("auroc", "Nadeau-Bengio"),
        ("accuracy", "McNemar"),
        ("brier", "swap permutation"),
        ("net_benefit@0.3", "paired patient bootstrap"),
    ):
        assert needed in tests
    assert found["question"].str.endswith("?").all()
    rows = found.set_index(["metric", "test"])
    boot = rows.xs("paired patient bootstrap", level="test")
    scores = [evaluate.score_table(f, draws=50).set_index("metric")["value"] for f in (good, poor)]
    for metric in ("auroc", "brier", "accuracy", "auprc"):
        assert boot.loc[metric, "difference"] == pytest.approx(scores[0][metric] - scores[1][metric])
        assert boot.loc[metric, "low"] < boot.loc[metric, "difference"] < boot.loc[metric, "high"]
    assert boot.loc["auroc", "low"] > 0
    assert boot.loc["brier", "high"] < 0
    assert boot.loc["brier", "better"] == "lower"
    assert rows.loc[("auroc", "swap permutation"), "difference"] == pytest.approx(boot.loc["auroc", "difference"])
    assert rows.loc[("auroc", "DeLong"), "p_value"] < 0.05
    one = [evaluate.net_benefit(y, r, [0.3])["model"][0] for r in p]
    other = [
        evaluate.net_benefit(g.sort_values("patient")["y"], g.sort_values("patient")["p"], [0.3])["model"][0]
        for _, g in poor.groupby("repeat")
    ]
    assert boot.loc["net_benefit@0.3", "difference"] == pytest.approx(np.mean(one) - np.mean(other))
    swapped = evaluate.compare_table(poor, good, draws=800)
    np.testing.assert_allclose(swapped["difference"], -found["difference"], atol=1e-12)


def test_bootstrap_p_is_never_zero(rng):
    y = rng.permutation(np.repeat([0, 1], [30, 33]))
    noise = rng.uniform(0, 0.05, (2, 63))
    good, bad = frame_of(y, 0.1 + 0.8 * y + noise), frame_of(y, 0.9 - 0.8 * y + noise)
    found = evaluate.compare_table(good, bad, draws=99).query("test == 'paired patient bootstrap'")
    assert found.set_index("metric").loc["brier", "p_value"] == pytest.approx(0.02)
    assert (found["p_value"].dropna() > 0).all()


def test_difference_that_is_the_same_in_all_samples_has_neither_interval_nor_p():
    frame = pd.DataFrame({"patient": list("abcd"), "repeat": 0, "fold": [0, 1, 0, 1], "y": [1, 1, 0, 0]})
    good, bad = frame.assign(p=[0.9, 0.9, 0.1, 0.1]), frame.assign(p=[0.1, 0.1, 0.9, 0.9])
    found = evaluate.compare_table(good, bad, draws=200).query("test == 'paired patient bootstrap'").set_index("metric")
    assert found.loc["auroc", "difference"] == 1
    for metric in ("auroc", "brier", "accuracy", "sensitivity"):
        assert found.loc[metric, ["low", "high", "p_value"]].isna().all(), metric
        assert found.loc[metric, "reason"] == "every bootstrap sample gave the same value"


def test_interval_of_a_difference_in_accuracy_knows_that_the_share_of_events_varies():
    """One arm finds the events and the other their absence: their accuracies are equal, and differ with the share of events."""
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        y = (rng.random(100) < 0.5).astype(int)
        frame = pd.DataFrame({"patient": np.arange(100).astype(str), "repeat": 0, "fold": np.arange(100) % 5, "y": y})
        first = np.where(y == 1, rng.random(100) < 0.95, rng.random(100) > 0.40)
        second = np.where(y == 1, rng.random(100) < 0.40, rng.random(100) > 0.95)
        arms = [frame.assign(p=np.where(called, 0.8, 0.2)) for called in (first, second)]
        found = evaluate.compare_table(*arms, draws=200, seed=seed).query("test == 'paired patient bootstrap'")
        low, high = found.set_index("metric").loc["accuracy", ["low", "high"]]
        held += low <= 0 <= high
    assert held >= 88


def test_one_patient_in_a_class_leaves_no_bootstrap_between_classes(rng):
    y = np.repeat([0, 1], [30, 1])
    frame = pd.DataFrame({"patient": np.arange(31).astype(str), "repeat": 0, "fold": np.arange(31) % 3, "y": y})
    arms = [frame.assign(p=rng.uniform(0.1, 0.7, 31) + 0.2 * y) for _ in range(2)]
    pairs = evaluate.compare_table(*arms, draws=200).query("test == 'paired patient bootstrap'").set_index("metric")
    for metric in ("auroc", "auprc"):
        assert pairs.loc[metric, ["low", "high", "p_value"]].isna().all(), metric
        assert pairs.loc[metric, "reason"] == "fewer than two patients in a class"
    for metric in ("specificity", "brier", "accuracy", "net_benefit@0.3"):
        assert pairs.loc[metric, ["low", "high", "p_value"]].notna().all(), metric
    table = evaluate.score_table(arms[0], draws=200).set_index("metric")
    newcombe = evaluate.auroc(y, arms[0]["p"], method="newcombe")
    assert table.loc["auroc_bootstrap", ["low", "high"]].tolist() == pytest.approx([newcombe.low, newcombe.high])
    for metric in ("auprc", "balanced_accuracy"):
        assert table.loc[metric, ["low", "high"]].isna().all()
        assert table.loc[metric, "reason"] == "fewer than two patients in a class"
    assert table.loc[["specificity", "brier", "accuracy"], ["low", "high"]].notna().all(axis=None)
    found = evaluate.bootstrap_auroc(y, arms[0]["p"], draws=200)
    assert (found.low, found.high) == pytest.approx((newcombe.low, newcombe.high))
    assert "two patients" in found.detail["reason"]
    precision = evaluate.average_precision(y, arms[0]["p"], draws=200)
    assert math.isnan(precision.low)
    assert "two patients" in precision.detail["reason"]


def test_nadeau_bengio_takes_the_folds(arm, rng):
    y, p = arm
    a, b = frame_of(y, p), frame_of(y, predictions(rng, y, 0.1))
    row = evaluate.compare_table(a, b, draws=50).query("metric == 'auroc' and test == 'Nadeau-Bengio'").iloc[0]
    areas = [
        np.array([roc_auc_score(g["y"], g["p"]) for _, g in frame.groupby(["repeat", "fold"])]) for frame in (a, b)
    ]
    expected = evaluate.nadeau_bengio_test(areas[0] - areas[1], 63 - 63 / 5, 63 / 5)
    assert row["p_value"] == pytest.approx(expected.p_value)
    moved = evaluate.compare_table(a, frame_of(y, p, seed=2), draws=50)
    row = moved.query("metric == 'auroc' and test == 'Nadeau-Bengio'").iloc[0]
    assert math.isnan(row["p_value"])
    assert "same folds" in row["reason"]


def test_repeats_of_a_single_fold_have_no_test_over_folds(arm, rng):
    y, p = arm
    a, b = (frame_of(y, q).assign(fold=0) for q in (p, predictions(rng, y, 0.1)))
    row = evaluate.compare_table(a, b, draws=50).query("metric == 'auroc' and test == 'Nadeau-Bengio'").iloc[0]
    assert math.isnan(row["p_value"])
    assert row["reason"] == "every fold holds all patients: none was left to train on"


def test_comparison_on_common_patients_and_of_clips(arm, rng):
    y, p = arm
    a, b = frame_of(y, p), frame_of(y, predictions(rng, y, 0.3))
    fewer = b[b["patient"].astype(int) >= 13]
    found = evaluate.compare_table(a, fewer, draws=100)
    assert (found["patients"] == 50).all()
    cut = evaluate.compare_table(a[a["patient"].astype(int) >= 13], fewer, draws=100)
    pd.testing.assert_frame_equal(found, cut)
    clips = [pd.concat([f.assign(row=f["patient"] + f"-{k}") for k in range(3)]) for f in (a, b)]
    many, one = evaluate.compare_table(*clips, draws=200), evaluate.compare_table(a, b, draws=200)
    boot = one["test"] == "paired patient bootstrap"
    np.testing.assert_allclose(many.loc[boot, ["low", "high"]], one.loc[boot, ["low", "high"]], atol=1e-9)
    swaps = one["test"] == "swap permutation"
    np.testing.assert_allclose(many.loc[swaps, "p_value"], one.loc[swaps, "p_value"])


def test_comparison_of_continuous_and_ordinal_arms(rng):
    y = rng.permutation(np.repeat([0.0, 1, 2, 3], [20, 16, 15, 12]))
    a, b = (frame_of(y, y + rng.normal(0, noise, (3, 63))) for noise in (0.3, 1.2))
    for kind, metrics in (("ordinal", {"quadratic_kappa", "mae"}), ("continuous", {"mae", "r2", "spearman"})):
        found = evaluate.compare_table(a, b, kind, draws=200)
        assert metrics <= set(found["metric"])
        assert (found.loc[found["metric"] == "mae", "high"].dropna() < 0).all()
        assert (found.loc[found["metric"] == "mae", "p_value"] < 0.01).all()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda f: f.drop(columns="fold"), "no column 'fold'"),
        (lambda f: f.iloc[1:], "not at all in repeat"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "more than once"),
        (lambda f: f.assign(p=f["p"] + 0.9), "outside 0 to 1"),
        (lambda f: f.assign(p=np.nan), "missing or infinite"),
        (lambda f: f.assign(y=0), "one class only"),
        (lambda f: f.assign(y=(f["repeat"] + f["y"]) % 2), "differs between repeats"),
        (lambda f: f.assign(arm=np.where(f["repeat"] > 0, "a", "b")), "several arms"),
        (lambda f: f.assign(patient=None), "missing labels"),
        (lambda f: f.iloc[:0], "no rows"),
    ],
)
def test_bad_frames_are_refused(arm, change, told):
    with pytest.raises(InputError, match=told):
        evaluate.score_table(change(frame_of(*arm)), draws=10)


def test_bad_pairs_are_refused(arm):
    y, p = arm
    frame = frame_of(y, p)
    with pytest.raises(InputError, match="in common"):
        evaluate.compare_table(frame, frame.assign(patient="x" + frame["patient"]))
    with pytest.raises(InputError, match="different outcomes"):
        evaluate.compare_table(frame, frame.assign(y=1 - frame["y"]))
    with pytest.raises(InputError, match="4 repeats and the other 2"):
        evaluate.compare_table(frame, frame[frame["repeat"] < 2])
    with pytest.raises(InputError, match="threshold of 1"):
        evaluate.compare_table(frame, frame, thresholds=[1.0], draws=10)
    with pytest.raises(InputError, match="Nearest: 'auroc'"):
        evaluate.point_score(frame, "aurok")
    with pytest.raises(InputError, match="kind"):
        evaluate.score_table(frame, "survival")
    for threshold in (np.nan, np.inf, None):
        with pytest.raises(InputError, match="threshold has 1 entries that are missing or infinite"):
            evaluate.score_table(frame, threshold=threshold, draws=10)
        with pytest.raises(InputError, match="threshold has 1 entries"):
            evaluate.operating_table(frame, threshold)
    with pytest.raises(InputError, match="needs categories"):
        evaluate.score_table(frame.assign(y=frame["y"] / 2), "ordinal")


def test_the_full_table_takes_well_under_a_second(rng):
    y = rng.permutation(np.repeat([0, 1], [30, 33]))
    frame = frame_of(y, predictions(rng, y, 1.0, repeats=20))
    evaluate.score_table(frame, draws=10)
    start = time.perf_counter()
    evaluate.score_table(frame, draws=2000)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("seed", range(5))
def test_ties_of_averaged_predictions_are_ties_whatever_the_last_bit(seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1], 20))
    tenths, others = rng.integers(0, 6, size=(2, 5, 40))
    frames = [frame_of(y, p / 10) for p in (tenths, others)]
    scores = evaluate.score_table(frames[0], draws=50).set_index("metric")
    exact = evaluate.auroc(y, tenths.sum(0))
    assert scores.loc["auroc_mean_prediction", "value"] == pytest.approx(exact.value, abs=1e-12)
    assert scores.loc["auroc_mean_prediction", "low"] == pytest.approx(exact.low, abs=1e-12)
    compared = evaluate.compare_table(*frames, draws=50).set_index("test").loc["DeLong"]
    test = evaluate.delong_test(y, tenths.sum(0), others.sum(0))
    assert compared["difference"] == pytest.approx(test.estimate, abs=1e-12)
    assert compared["p_value"] == pytest.approx(test.p_value, abs=1e-9)
