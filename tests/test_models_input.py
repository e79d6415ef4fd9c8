"""What estimators of an outcome refuse, as scikit-learn's do: other columns, missing outcomes, infinite inputs."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.linear_model import LogisticRegression

from blues import models
from blues.check import InputError
from blues.models.outcome import OutcomeModel

NAMES = list("abcd")


def made(name, kind="binary"):
    return {
        "late": lambda: models.LateFusion(models.make("logistic", kind), {"x": [0, 1], "y": [2, 3]}, kind),
        "nested": lambda: models.Nested({"one": (models.make("forest", kind), [0, 1, 2, 3])}, kind),
        "attention": lambda: models.AttentionFusion({"x": ("x", [0, 1]), "y": ("y", [2, 3])}, kind, epochs=3),
        "svm": lambda: models.SVM(models.make("svm", kind).estimator, kind),
        "ridge": lambda: models.RidgeByFolds(kind),
    }[name]()


EVERY = ("late", "nested", "attention", "svm", "ridge")


@pytest.fixture
def table(rng):
    X = pd.DataFrame(rng.normal(size=(40, 4)), columns=NAMES)
    return X, (X["a"] + X["c"] > 0).astype(float)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("kind", ["binary", "continuous"])
def test_columns_are_held_by_name_and_number_and_change_no_prediction(name, kind, table):
    X, y = table
    y = y if kind == "binary" else X["a"]
    model = made(name, kind).fit(X, y)
    assert model.n_features_in_ == 4
    assert model.feature_names_in_.tolist() == NAMES
    plain = made(name, kind).fit(X.to_numpy(), y.to_numpy())
    np.testing.assert_array_equal(models.predict(model, X, kind), models.predict(plain, X.to_numpy(), kind))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X[NAMES[::-1]])
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X.assign(e=0.0))
    with pytest.raises(ValueError, match="has 5 features"):
        plain.predict(np.zeros((2, 5)))


@pytest.mark.parametrize("name", EVERY)
def test_outcomes_and_inputs_that_cannot_be_learned_are_refused(name, table):
    X, y = table
    for kind in ("binary", "continuous"):
        with pytest.raises(InputError, match="y has 1 missing outcomes, the first at position 3"):
            made(name, kind).fit(X, y.where(y.index != 3))
        with pytest.raises(InputError, match="differ in length: X has 40, y has 41"):
            made(name, kind).fit(X, [*y, 1.0])
    with pytest.raises(InputError, match="infinite"):
        made(name, "continuous").fit(X, y.replace(1.0, np.inf))
    with pytest.raises(ValueError, match="infinity"):
        made(name).fit(X.replace(X.iloc[0, 0], np.inf), y)
    with pytest.raises(ValueError, match="infinity"):
        made(name).fit(X, y).predict(X.replace(X.iloc[0, 0], np.inf))


@pytest.mark.parametrize("name", EVERY)
def test_what_is_not_fitted_says_so(name, table):
    with pytest.raises(NotFittedError):
        made(name).predict(table[0])
    with pytest.raises(NotFittedError):
        models.OrdinalClassifier(LogisticRegression()).predict(table[0])
    with pytest.raises(NotFittedError):
        made("nested", "ordinal").predict_proba(table[0])


def test_missing_inputs_stay_allowed_and_rows_without_a_probability_have_no_class(table):
    X, y = table
    for name in ("late", "nested", "attention", "svm"):
        assert np.isfinite(made(name).fit(X.mask(X > 1.5), y).predict(X.mask(X > 1))).all()

    class Silent(OutcomeModel):
        kind, classes_ = "binary", np.array([0, 1])

        def expected(self, X):
            return np.array([0.2, np.nan])

    with pytest.raises(InputError, match="1 of 2 rows have no probability"):
        Silent().predict(X)


def test_one_class_is_taken_as_a_number_and_not_as_a_word(table):
    X, y = table
    assert (models.predict(made("late").fit(X, y * 0), X, "binary") == 0).all()
    for name in ("late", "nested"):
        with pytest.raises(InputError, match="two labels, and y has 1: yes"):
            made(name).fit(X, ["yes"] * 40)
    with pytest.raises(InputError, match="there is no candidate"):
        models.Nested({}).fit(X, y)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_grades_are_finite(bad, table):
    X, y = table
    with pytest.raises(InputError, match="missing or infinite"):
        models.OrdinalClassifier(LogisticRegression()).fit(X, y.replace(1.0, bad))


def test_what_arms_share_is_told_apart_by_the_settings_of_the_estimator(table):
    X, y = (one.to_numpy() for one in table)
    shared = models.Shared()

    def fused(C, kind="binary"):
        return models.LateFusion(LogisticRegression(C=C), {"x": [0, 1], "y": [2, 3]}, kind, "mean", shared).fit(X, y)

    weak, strong, again = fused(1e-3), fused(10.0), fused(1e-3)
    alone = models.LateFusion(LogisticRegression(C=10.0), {"x": [0, 1], "y": [2, 3]}).fit(X, y)
    np.testing.assert_array_equal(strong.predict_proba(X), alone.predict_proba(X))
    assert np.abs(strong.predict_proba(X) - weak.predict_proba(X)).max() > 0.1
    assert again.models_["x"] is weak.models_["x"], "the same settings share what they fitted"


def every(kind):
    """Return the estimators and the named models of a kind of outcome."""
    found = {name: made(name, kind) for name in EVERY} if kind != "ordinal" else {}
    return found | {name: models.make(name, kind) for name in models.MODELS}


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("kind", models.KINDS)
def test_a_column_of_outcomes_is_the_outcomes(kind, table):
    X, y = (one.to_numpy() for one in table)
    y = {"binary": y, "ordinal": np.digitize(X[:, 0], [-0.5, 0.5]) * 1.0, "continuous": 3 * X[:, 0]}[kind]
    inner = models.InnerFolds(
        np.arange(40), lambda y, of: [(np.flatnonzero(of % 4 != k), np.flatnonzero(of % 4 == k)) for k in range(4)]
    )
    column, row = every(kind), every(kind)
    for name in column:
        models.fit(column[name], X, y[:, None], inner)
        models.fit(row[name], X, y, inner)
        np.testing.assert_array_equal(models.predict(column[name], X, kind), models.predict(row[name], X, kind), name)
    choice = {"line": (models.make("logistic", kind), range(4)), "mean": (models.make("prevalence", kind), range(4))}
    chosen = models.Nested(choice, kind).fit(X, y[:, None], inner), models.Nested(choice, kind).fit(X, y, inner)
    assert chosen[0].chosen_ == chosen[1].chosen_ == "line"
    assert chosen[0].losses_ == chosen[1].losses_


@pytest.mark.parametrize("name", [*EVERY, "grades", "rule"])
def test_one_column_is_told_and_several_or_none_are_refused(name, table):
    X, y = (one.to_numpy() for one in table)
    others = {"grades": models.OrdinalClassifier, "rule": models.ClipRule}

    def fitted(y):
        model = others[name](LogisticRegression()) if name in others else made(name)
        return model.fit(X, y)

    with pytest.warns(DataConversionWarning, match="column-vector y"):
        fitted(y[:, None])
    with pytest.raises(InputError, match=r"y should be a 1d array, one outcome a row, and has the shape \(40, 2\)"):
        fitted(np.column_stack([y, y]))
    with pytest.raises(InputError, match="requires y to be passed"):
        fitted(None)


@pytest.mark.parametrize("name", models.MODELS)
def test_named_models_take_labels_of_any_kind_and_no_missing_ones(name, table):
    X, y = table[0].to_numpy(), table[1].to_numpy().astype(int)
    plain = models.make(name).fit(X, y)
    for labels in (np.array(["no", "yes"]), np.array([1, 2]), np.array([False, True])):
        model = models.make(name).fit(X, labels[y])
        assert model.classes_.tolist() == labels.tolist()
        np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
        np.testing.assert_array_equal(model.predict(X), labels[np.asarray(plain.predict(X), dtype=int)])
        again = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), plain.predict(X))
        np.testing.assert_array_equal(model.fit(X, y).predict(X), plain.predict(X))
    with pytest.raises(ValueError, match=r"missing|NaN"):
        models.make(name).fit(X, np.where(np.arange(40) == 3, np.nan, y))


@pytest.mark.parametrize("name", ["forest", "prevalence", "xgboost"])
def test_models_of_one_class_or_three_predict_it_or_say_so(name, table):
    X, y = table
    assert (models.predict(models.make(name).fit(X, 0 * y), X, "binary") < 0.01).all()
    if name != "xgboost":  # which refuses it in training
        assert (models.predict(models.make(name).fit(X, 0 * y + 1), X, "binary") == 1).all()
        with pytest.raises(InputError, match="two labels, and the model learned 1: yes"):
            models.predict(models.make(name).fit(X, ["yes"] * 40), X, "binary")
    with pytest.raises(InputError, match="two labels, and the model learned 3: 0, 1, 2"):
        models.predict(models.make(name).fit(X, np.arange(40) % 3), X, "binary")


@pytest.mark.parametrize("name", EVERY)
def test_there_are_probabilities_where_there_are_classes(name):
    assert hasattr(made(name), "predict_proba")
    assert not hasattr(made(name, "continuous"), "predict_proba")
    if name in ("late", "nested"):
        assert hasattr(made(name, "ordinal"), "predict_proba")


def test_graded_models_keep_number_and_names_of_the_columns(table):
    X, y = table
    model = models.make("logistic", "ordinal").fit(X, y)
    assert model.n_features_in_ == 4
    assert model.feature_names_in_.tolist() == NAMES
    for wrong in (X[NAMES[::-1]], X.assign(e=0.0)):
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(wrong)
    with pytest.raises(ValueError, match="has 5 features"):
        models.make("logistic", "ordinal").fit(X.to_numpy(), y).predict_proba(np.zeros((2, 5)))
