"""Shapley values of single models: they add up, equal a library's or a definition's, and follow their columns."""

import itertools
import math
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBRegressor

from blues import check, explain, models
from blues.explain import learners
from blues.explain.columns import columns, describe
from blues.explain.parts import Part, carry
from blues.explain.shapley import affordable

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import shap

N, WIDTH = 60, 9
LAYOUT = models.Layout(
    {"image/mean": np.arange(4), "image/concat": np.arange(4), "blood": np.arange(4, 9)},
    {"image/mean": list("abcd"), "image/concat": ["R1: a", "R1: b", "L1: a", "L1: b"], "blood": list("efghi")},
)
FUSIONS = ("early", "late", "stack", "early/pca2")


def make_data(kind="binary"):
    """One informative column in each block, a column that is always missing, gaps, rows without a block."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(N, WIDTH))
    hidden = X[:, 0] + X[:, 5] + 0.5 * rng.normal(size=N)
    X[rng.random(X.shape) < 0.1] = np.nan
    X[:, 8] = np.nan
    X[3:6, :4] = np.nan
    y = {"binary": hidden > 0, "ordinal": np.digitize(hidden, [-1, 0, 1]), "continuous": hidden}[kind]
    test = rng.normal(size=(11, WIDTH))
    test[rng.random(test.shape) < 0.1] = np.nan
    test[:, 8], test[2, :4] = np.nan, np.nan
    return X, y.astype(float), test


def inner_folds():
    def make(y, patients):
        part = np.arange(len(y)) % 4
        return [(np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(4)]

    return models.InnerFolds(np.arange(N).astype(str), make)


def fitted(text, kind="binary", calibrate="none"):
    X, y, test = make_data(kind)
    candidate = models.Candidate.parse(text, models.Candidate("forest"))
    estimator, columns = models.build(candidate, ["image", "blood"], LAYOUT, kind, 0)
    # fewer trees than by default: the arithmetic is the same
    fewer = {
        name: 12 for name, value in estimator.get_params().items() if name.endswith("n_estimators") and value == 100
    }
    estimator.set_params(**fewer)
    return models.Nested({text: (estimator, columns)}, kind, calibrate).fit(X, y, inner_folds()), X, test


def brute_force(function, x, background):
    """Shapley values of one row by the definition, absent columns taken from a background row; mean over the background."""
    n = len(x)
    total = np.zeros(n)
    for row in background:
        worth = {}
        for size in range(n + 1):
            for inside in itertools.combinations(range(n), size):
                mixed = row.copy()
                mixed[list(inside)] = x[list(inside)]
                worth[inside] = float(function(mixed[None])[0])
        for j in range(n):
            others = [k for k in range(n) if k != j]
            for size in range(n):
                share = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
                for inside in itertools.combinations(others, size):
                    total[j] += share * (worth[tuple(sorted((*inside, j)))] - worth[inside])
    return total / len(background)


CASES = [(name, fusion) for name in models.MODELS for fusion in FUSIONS] + [("attention", "concat")]


# an ordinal outcome by attention is three networks a cut; the parts are tested
@pytest.mark.parametrize(
    ("name", "fusion", "kind"),
    [(*case, kind) for kind in models.KINDS for case in CASES if (case[0], kind) != ("attention", "ordinal")],
)
def test_values_add_up_to_the_prediction_for_every_model_kind_and_fusion(name, fusion, kind):
    model, X, test = fitted(f"{name}/{fusion}", kind)
    found = explain.explain_fold(model, X, test, list("abcdefghi"), kind=kind, pairs=2)
    np.testing.assert_allclose(found.prediction, models.predict(model, test, kind), atol=1e-9)
    np.testing.assert_allclose(found.base + found.values.sum(axis=1, dtype=float), found.prediction, atol=2e-5)
    assert found.error < 1e-5
    assert found.how == (
        "sampled" if name in ("svm", "attention") or (kind, fusion) == ("ordinal", "stack") else "exact"
    )


@pytest.mark.parametrize("name", ["forest", "logistic", "xgboost"])
@pytest.mark.parametrize("fusion", ["early", "late", "stack"])
def test_values_add_up_through_a_calibrator_and_in_log_odds(name, fusion):
    model, X, test = fitted(f"{name}/{fusion}", calibrate="platt")
    for log_odds in (False, True):
        found = explain.explain_fold(model, X, test, list("abcdefghi"), log_odds=log_odds)
        assert found.error < 1e-4
        assert np.abs(found.values).sum() > 0
    p = 1 / (1 + np.exp(-found.prediction))
    np.testing.assert_allclose(p, models.predict(model, test, "binary"), atol=1e-3)


def test_linear_closed_form_is_what_shap_gives():
    X, y, test = make_data()
    model = models.make("logistic").fit(X, y)
    found = explain.explain_fold(model, X, test, list("abcdefghi"), log_odds=True)
    clean, held_out = model[:-1].transform(X), model[:-1].transform(test)
    wanted = shap.LinearExplainer(model[-1], shap.maskers.Independent(clean, max_samples=N))(held_out)
    np.testing.assert_allclose(found.values, wanted.values, atol=1e-6)
    np.testing.assert_allclose(found.base, wanted.base_values, atol=1e-9)


def test_boosted_trees_are_what_shap_gives():
    X, y, test = make_data()
    model = models.make("xgboost").fit(X, y)
    wanted = shap.TreeExplainer(model)(test)
    found = explain.explain_fold(model, X, test, list("abcdefghi"), log_odds=True)
    np.testing.assert_allclose(found.values, wanted.values, atol=1e-5)
    np.testing.assert_allclose(found.base, wanted.base_values, atol=1e-5)


def test_forest_of_stumps_has_the_values_of_the_definition():
    """One split a tree: the value of its column is what the leaf says above the training mean."""
    X, y, test = make_data()
    model = models.make("forest").set_params(max_depth=1, n_estimators=7).fit(X, y)
    found = explain.explain_fold(model, X, test, list("abcdefghi"))
    wanted = np.zeros(test.shape)
    for tree in model.estimators_:
        t = tree.tree_
        share = t.value[:, 0, 1] / t.value[:, 0].sum(axis=1)
        wanted[:, t.feature[0]] += (share[tree.apply(test)] - share[0]) / 7
    np.testing.assert_allclose(found.values, wanted, atol=1e-6)


def test_sampled_values_approach_the_definition_and_always_add_up():
    rng = np.random.default_rng(0)
    X, background = rng.normal(size=(3, 4)), rng.normal(size=(1, 4))

    def function(rows):
        return rows[:, 0] * rows[:, 1] + np.sin(rows[:, 2]) + np.maximum(rows[:, 3], rows[:, 0])

    few = learners.sampled(function, X, background, np.arange(4), seed=0, pairs=1)
    many = learners.sampled(function, X, background, np.arange(4), seed=0, pairs=400)
    wanted = np.array([brute_force(function, x, background) for x in X])
    np.testing.assert_allclose(few.output, function(X))
    np.testing.assert_allclose(many.values, wanted, atol=0.06)


def test_sampled_values_of_an_additive_function_are_exact_and_groups_enter_together():
    rng = np.random.default_rng(0)
    X, background = rng.normal(size=(3, 4)), rng.normal(size=(5, 4))
    weights = np.array([1.0, -2.0, 0.5, 3.0])
    found = learners.sampled(lambda rows: rows @ weights, X, background, np.array([0, 1, 1, 2]), seed=1, pairs=5)
    each = (X - background.mean(axis=0)) * weights
    np.testing.assert_allclose(
        found.values, np.column_stack([each[:, 0], each[:, 1] + each[:, 2], 0 * each[:, 2], each[:, 3]])
    )


@pytest.mark.parametrize("name", ["logistic", "xgboost"])
def test_values_follow_their_columns(name):
    """The same columns in another order: the same values, each with its column."""
    X, y, test = make_data()
    order = np.random.default_rng(1).permutation(WIDTH)
    estimator = models.make(name)
    if name == "xgboost":
        estimator.set_params(colsample_bytree=1.0, subsample=1.0)
    first = explain.explain_fold(clone(estimator).fit(X, y), X, test, list("abcdefghi"))
    second = explain.explain_fold(clone(estimator).fit(X[:, order], y), X[:, order], test[:, order], list("abcdefghi"))
    np.testing.assert_allclose(second.values, first.values[:, order], atol=1e-5)


def test_late_fusion_is_the_mean_of_its_parts():
    model, X, test = fitted("forest/late")
    late = model.model_
    whole = explain.explain_fold(model, X, test, list("abcdefghi"))
    blood = explain.explain_fold(late.models_["blood"], X[:, 4:], test[:, 4:], list("efghi"))
    both = ~np.isnan(test[:, :4]).all(axis=1)
    np.testing.assert_allclose(whole.values[both, 4:], blood.values[both] / 2, atol=1e-6)
    # a patient without images is left to the blood model
    np.testing.assert_allclose(whole.values[~both, 4:], blood.values[~both], atol=1e-6)
    assert (whole.values[~both, :4] == 0).all()


def test_components_under_a_linear_model_are_mapped_back_exactly():
    """With as many components as columns the model is the logistic regression on the columns themselves."""
    X, y, test = make_data("continuous")
    layout = models.Layout({"image/mean": np.arange(4)}, {"image/mean": list("abcd")})
    estimator, _ = models.build(models.Candidate("logistic", components=4), ["image"], layout, "continuous", 0)
    model = estimator.fit(X[:, :4], y)
    found = explain.explain_fold(model, X[:, :4], test[:, :4], list("abcd"), kind="continuous")
    assert found.how == "exact"
    moved = test[:, :4].copy()
    moved[:, 1] += 0.5
    changed = explain.explain_fold(model, X[:, :4], moved, list("abcd"), kind="continuous").values - found.values
    known = ~np.isnan(test[:, 1])
    assert (np.abs(changed[known, 1]) > 1e-4).all()
    np.testing.assert_allclose(np.delete(changed, 1, axis=1), 0, atol=1e-6)


def test_column_that_is_missing_in_the_whole_fold_counts_nothing():
    for name in ("forest", "logistic", "xgboost"):
        X, y, test = make_data()
        found = explain.explain_fold(models.make(name).fit(X, y), X, test, list("abcdefghi"))
        np.testing.assert_allclose(found.values[:, 8], 0, atol=1e-9)
        np.testing.assert_array_equal(found.data, test.astype(np.float32))


def test_model_of_unknown_shape_is_sampled_rather_than_explained_wrongly():
    class Odd:
        coef_ = np.ones((1, WIDTH))
        intercept_ = np.zeros(1)

        def predict(self, X):
            return np.nan_to_num(X[:, 0]) * 2 + 1

    X, _, test = make_data("continuous")
    found = explain.explain_fold(Odd(), X, test, list("abcdefghi"), kind="continuous", pairs=4)
    assert found.how == "sampled"
    assert found.error < 1e-9
    np.testing.assert_allclose(found.values[:, 1:], 0, atol=1e-12)


def test_embedding_of_two_thousand_dimensions_is_one_feature_a_blue_point_and_artefacts_keep_their_names():
    names = [f"{p}: map_{j:04d}" for p in ("R1", "L1") for j in range(1000)] + ["R1: b_line_count"]
    made = columns({"image/concat": names, "blood": ["CRP"]}, {"CRP": {"label": "CRP", "unit": "mg/l", "group": ""}})
    assert made.table["label"].tolist() == ["embedding at R1", "embedding at L1", "B-lines at R1", "CRP"]
    assert made.table["unit"].tolist() == ["", "", "", "mg/l"]
    assert made.table["columns"].tolist() == [1000, 1000, 1, 1]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2002))
    y = (X[:, 2001] > 0).astype(float)
    found = explain.explain_fold(models.make("forest").fit(X, y), X, X[:5], made)
    assert found.values.shape == (5, 4)
    assert found.error < 1e-9
    np.testing.assert_allclose(found.data[:, 3], X[:5, 2001].astype(np.float32))
    assert np.isnan(found.data[:, :2]).all()


def test_one_hot_columns_and_artefacts_have_readable_names():
    card = {
        "table_one": [
            {"column": "sex", "variable": "sex: female", "unit": "", "group": "demographics", "kind": "nominal"},
            {"column": "crp", "variable": "CRP", "unit": "mg/l", "group": "", "kind": "continuous"},
        ]
    }
    made = columns(
        {"image/max": ["b_line_count (max over points)"], "clinical": ["sex=female", "sex=male"], "blood": ["crp"]},
        describe(card),
    ).table
    assert made["variable"].tolist() == ["B-lines", "sex", "sex", "CRP"]
    assert made["group"].tolist() == ["B-lines and white lung", "demographics", "demographics", "CRP"]
    assert made["label"].tolist() == ["B-lines (max over points)", "sex: female", "sex: male", "CRP"]


def test_carrying_keeps_shares_and_an_affine_function_keeps_values():
    part = Part(np.array([[1.0, 3.0], [0.0, 0.0]]), np.zeros(2), True)
    half = carry(part, lambda m: 0.5 * m + 1, True)
    np.testing.assert_allclose(half.values, part.values / 2)
    np.testing.assert_allclose(half.base, 1)
    p = carry(part, lambda m: 1 / (1 + np.exp(-m)), False)
    np.testing.assert_allclose(p.values[0], np.array([0.25, 0.75]) * (1 / (1 + np.exp(-4)) - 0.5))
    assert (p.values[1] == 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": list("abc")}, "3 names"),
        ({"kind": "survival"}, "kind of target"),
        ({"kind": "continuous", "log_odds": True}, "log-odds of a continuous outcome"),
    ],
)
def test_bad_input_is_named(change, message):
    X, y, test = make_data()
    settings = {"names": list("abcdefghi"), "kind": "binary"} | change
    with pytest.raises(check.InputError, match=message):
        explain.explain_fold(models.make("logistic").fit(X, y), X, test, settings.pop("names"), **settings)


def test_deep_forest_and_sampled_models_are_explained_for_as_many_rows_as_can_be_afforded(monkeypatch):
    X, y, _ = make_data()
    forest, svm = models.make("forest").fit(X, y), models.make("svm").fit(X, y)
    assert affordable(forest, 1000, WIDTH) == 1000
    monkeypatch.setattr("blues.explain.shapley.BUDGET", 1e5)
    assert 1 <= affordable(forest, 1000, WIDTH) < 100
    assert affordable(svm, 1000, WIDTH) == 1
    assert affordable(models.make("logistic").fit(X, y), 1000, WIDTH) == 1000


def test_outputs_of_an_encoder_keep_their_units():
    known = describe(
        {}, {"units": {"b_line_count": "separate B-lines, count", "lus": "probability that it is lung, 0 to 1"}}
    )
    made = columns({"image/concat": ["R1: b_line_count", "R1: lus_001", "R1: pleura_depth"]}, known).table
    assert made["unit"].tolist() == ["count", "", ""]
    assert made["label"].tolist() == ["B-lines at R1", "embedding at R1", "depth of pleural line at R1"]


BARE = {
    "logistic without a scaler": lambda: make_pipeline(SimpleImputer(), LogisticRegression(max_iter=5000)),
    "bare ridge": lambda: Ridge(),
    "ridge by folds": lambda: models.RidgeByFolds("continuous"),
    "divided, not centred": lambda: make_pipeline(StandardScaler(with_mean=False), Ridge()),
    "centred, not divided": lambda: make_pipeline(StandardScaler(with_std=False), Ridge()),
    "scaled twice": lambda: make_pipeline(StandardScaler(), StandardScaler(), Ridge()),
    "linear booster": lambda: XGBRegressor(booster="gblinear", n_estimators=20),
}


@pytest.mark.parametrize("name", list(BARE))
def test_a_linear_model_is_explained_from_the_mean_training_patient_with_or_without_a_scaler(name):
    rng = np.random.default_rng(0)
    X, test = rng.normal(200, 30, size=(80, 3)), rng.normal(200, 30, size=(9, 3))
    y = X @ [0.1, -0.05, 0.0] + rng.normal(size=80)
    binary = name.startswith("logistic")
    model = BARE[name]().fit(X, (y > np.median(y)).astype(float) if binary else y)
    found = explain.explain_fold(model, X, test, "abc", kind="binary" if binary else "continuous", log_odds=binary)

    def says(rows):
        return model.decision_function(rows) if binary else model.predict(rows).astype(float)

    centre = X.mean(axis=0)
    np.testing.assert_allclose(found.base, says(centre[None])[0], rtol=1e-5, atol=1e-5)
    moved = np.repeat(centre[None], 3, axis=0)
    moved[np.arange(3), np.arange(3)] = test[0]
    np.testing.assert_allclose(found.values[0], says(moved) - says(centre[None]), rtol=1e-3, atol=1e-4)
    assert found.how == "exact"


def test_fused_linear_models_are_explained_from_the_mean_of_the_patients_who_have_the_modality():
    X, y, test = make_data("continuous")
    X, test = X[:, :8] + 50, test[:, :8] + 50
    model = models.LateFusion(
        make_pipeline(SimpleImputer(), Ridge()), {"image": range(4), "blood": range(4, 8)}, "continuous"
    ).fit(X, y)
    found = explain.explain_fold(model, X, test, list("abcdefgh"), kind="continuous")
    whole = ~np.isnan(test[:, :4]).all(axis=1)
    parts = [model.models_[m][-1] for m in ("image", "blood")]
    rows = [X[3:6, :4], X[:3, :4], X[6:, :4]]
    assert np.isnan(rows[0]).all()
    blocks = [np.vstack(rows[1:]), X[:, 4:]]
    centres = [np.where(np.isnan(b), np.nanmean(b, axis=0), b).mean(axis=0) for b in blocks]
    wanted = np.mean([p.intercept_ + p.coef_ @ c for p, c in zip(parts, centres, strict=True)])
    np.testing.assert_allclose(found.base[whole], wanted)


@pytest.mark.filterwarnings("ignore:Skipping features")
def test_a_pipeline_whose_imputer_drops_a_column_is_still_explained():
    X, y, test = make_data("continuous")
    model = make_pipeline(SimpleImputer(), Ridge()).fit(X, y)
    found = explain.explain_fold(model, X, test, list("abcdefghi"), kind="continuous", pairs=2)
    assert found.how == "sampled"
    assert found.error < 1e-9


@pytest.mark.parametrize("name", ["svm", "attention", "ordinal"])
def test_sampled_values_start_from_the_mean_training_prediction_and_are_near_the_definition(name):
    rng = np.random.default_rng(0)
    X, test = rng.normal(size=(40, 4)), rng.normal(size=(4 if name == "ordinal" else 8, 4))
    hidden = 1.5 * X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * rng.normal(size=40)
    kind = "ordinal" if name == "ordinal" else "binary"
    if name == "svm":
        model = models.make("svm")
    elif name == "attention":
        model = models.AttentionFusion({"a": ("a", [0, 1]), "b": ("b", [2, 3])}, members=1)
    else:
        model = models.LateFusion(models.make("logistic", kind), {"a": [0, 1], "b": [2, 3]}, kind, "stack")
    y = np.digitize(hidden, [-1, 1]).astype(float) if kind == "ordinal" else (hidden > 0).astype(float)
    folds = models.InnerFolds(np.arange(40).astype(str), inner_folds().make)
    models.fit(model, X, y, folds)
    found = explain.explain_fold(model, X, test, list("abcd"), kind=kind)
    assert found.how == "sampled"
    np.testing.assert_allclose(found.base, models.predict(model, X, kind).mean(), atol=1e-6)
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), models.predict(model, test, kind), atol=1e-6)
    wanted = np.array([brute_force(lambda rows: models.predict(model, rows, kind), x, X) for x in test])
    assert np.sqrt(((found.values - wanted) ** 2).mean()) < 0.35 * np.abs(wanted).mean()
    clear = np.abs(wanted) > 0.05
    assert (np.sign(found.values) == np.sign(wanted))[clear].mean() > 0.95


def test_a_column_that_the_function_ignores_gets_nothing_when_sampled_and_another_patient_changes_no_value():
    rng = np.random.default_rng(0)
    X, background = rng.normal(size=(4, 3)), rng.normal(size=(30, 3))

    def function(rows):
        return np.exp(rows[:, 0]) * rows[:, 2]

    found = learners.sampled(function, X, background, np.arange(3), seed=2)
    assert (found.values[:, 1] == 0).all()
    other = X.copy()
    other[0] += 5
    changed = learners.sampled(function, other, background, np.arange(3), seed=2)
    np.testing.assert_array_equal(changed.values[1:], found.values[1:])


def test_a_function_that_says_the_same_everywhere_has_no_values():
    found = learners.sampled(lambda rows: np.full(len(rows), 0.3), np.zeros((2, 3)), np.eye(3), np.arange(3))
    assert (found.values == 0).all()
    np.testing.assert_allclose(found.base, 0.3)


def test_columns_that_the_dictionary_calls_alike_stay_apart():
    known = {name: {"label": "CRP", "unit": "mg/l", "group": ""} for name in ("crp_first", "crp_max")}
    known["sex"] = {"label": "sex", "unit": "", "group": "demographics"}
    made = columns({"blood": ["crp_first", "crp_max", "LDH"], "clinical": ["sex=f", "sex=m", "crp_max"]}, known)
    labels = ["CRP (crp_first)", "CRP (crp_max)", "LDH", "sex: f", "sex: m", "CRP"]
    assert made.table["label"].tolist() == labels
    assert made.table["variable"].tolist() == [*labels[:3], "sex", "sex", "CRP"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X_test": np.zeros((0, WIDTH))}, "X_test has no rows"),
        ({"X_train": np.zeros((0, WIDTH))}, "X_train has no rows"),
        ({"X_train": np.zeros((4, 3))}, "9 names for X_train, of shape"),
        ({"pairs": 0}, "pairs is 0"),
    ],
)
def test_nothing_to_explain_or_to_compare_with_is_named(change, message):
    X, y, test = make_data()
    given = {"X_train": X, "X_test": test, "names": list("abcdefghi")} | change
    with pytest.raises(check.InputError, match=message):
        explain.explain_fold(models.make("svm").fit(X, y), **given)
