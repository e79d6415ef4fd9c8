import re

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from blues import models
from blues.check import InputError
from blues.models.described import described
from blues.models.ridge import PENALTIES
from blues.models.scale import Scaler
from blues.models.stack import PositiveLogistic, PositiveRidge
from blues.models.zoo import PLAIN

LEARNERS = [name for name in models.MODELS if name != "prevalence"]


def _problem(rng, n=120, kind="binary"):
    """One informative column, one of noise, one constant, one always missing; a tenth of the cells missing."""
    x = rng.normal(size=n)
    X = np.column_stack([x, rng.normal(size=n), np.ones(n), np.full(n, np.nan)])
    X[rng.random(X.shape) < 0.1] = np.nan
    noise = 0.3 * rng.normal(size=n)
    y = {"binary": x + noise > 0, "ordinal": np.digitize(x + noise, [-1, 0, 1]), "continuous": x + noise}[kind]
    return X, y.astype(float)


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("kind", models.KINDS)
def test_learns_through_missing_constant_and_empty_columns(name, kind, rng):
    X, y = _problem(rng, kind=kind)
    estimator = models.make(name, kind, seed=1).fit(X[:80], y[:80])
    p = models.predict(estimator, X[80:], kind)
    assert p.shape == (40,)
    assert np.isfinite(p).all()
    if kind == "binary":
        assert roc_auc_score(y[80:], p) > 0.8
    else:
        assert np.corrcoef(p, y[80:])[0, 1] > 0.7


@pytest.mark.parametrize("name", list(models.MODELS))
def test_same_seed_same_numbers_and_clones_alike(name, rng):
    X, y = _problem(rng)
    first = models.make(name, seed=3)
    a = models.predict(first.fit(X, y), X, "binary")
    b = models.predict(clone(first).fit(X, y), X, "binary")
    np.testing.assert_array_equal(a, b)


def test_prevalence_knows_the_training_share_only(rng):
    X, y = _problem(rng)
    p = models.predict(models.make("prevalence").fit(X, y), X, "binary")
    np.testing.assert_allclose(p, y.mean())


@pytest.mark.parametrize("kind", models.KINDS)
@pytest.mark.parametrize("name", [*models.MODELS, "attention"])
def test_is_described_with_the_settings_it_is_built_with(name, kind):
    text = models.described(name, kind)
    if name == "attention":
        built = models.AttentionFusion({})
        settings = [built.members, built.hidden, built.epochs]
    else:
        built = models.make(name, "continuous" if kind == "continuous" else "binary")
        last = built.estimator if isinstance(built, models.SVM) else built
        last = last[-1] if hasattr(last, "steps") else last
        settings = {
            "forest": lambda: [last.n_estimators, last.min_samples_leaf],
            "xgboost": lambda: [
                last.n_estimators,
                last.max_depth,
                last.learning_rate,
                100 * last.subsample,
                100 * last.colsample_bytree,
            ],
            "logistic": lambda: [getattr(last, "C", None) or last.alpha],
            "plain-logistic": lambda: [last.C] if kind != "continuous" else [],
            "ridge": lambda: [
                strength if kind == "continuous" else 1 / strength
                for strength in (min(last.penalties), max(last.penalties))
            ],
            "svm": lambda: [last.C],
            "prevalence": list,
        }[name]()
    said = [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]
    assert set(map(float, settings)) <= set(said)


def test_unknown_model_names_the_nearest():
    with pytest.raises(InputError, match="Nearest: 'forest'"):
        models.make("forrest")


def test_ordinal_probabilities_are_a_distribution(rng):
    X, y = _problem(rng, kind="ordinal")
    model = models.make("logistic", "ordinal").fit(X, y)
    p = model.predict_proba(X)
    assert p.shape == (len(X), 4)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(model.predict(X), p @ np.arange(4))


class TestLateFusion:
    columns = {"a": [0, 1], "b": [2]}

    def _data(self, rng):
        y = np.repeat([0.0, 1.0], 40)
        X = np.column_stack([y + rng.normal(size=80), rng.normal(size=80), y + rng.normal(size=80)])
        return X, y

    def test_is_the_mean_of_the_modalities(self, rng):
        X, y = self._data(rng)
        fused = models.LateFusion(models.make("logistic"), self.columns).fit(X, y)
        parts = fused.parts(X)
        np.testing.assert_allclose(fused.expected(X), (parts["a"] + parts["b"]) / 2)
        np.testing.assert_allclose(fused.predict_proba(X).sum(axis=1), 1)

    @pytest.mark.parametrize("kind", ["binary", "ordinal", "continuous"])
    def test_stack_says_what_it_gives_each_modality(self, rng, kind):
        hidden = rng.normal(size=90)
        X = np.column_stack([hidden + 0.5 * rng.normal(size=90), rng.normal(size=90), rng.normal(size=90)])
        y = {"binary": hidden > 0, "ordinal": np.digitize(hidden, [-0.7, 0.7]), "continuous": hidden}[kind].astype(
            float
        )
        inner = models.InnerFolds(
            np.arange(90), lambda y, patients: [(np.r_[30:90], np.r_[:30]), (np.r_[:60], np.r_[60:90])]
        )
        fused = models.LateFusion(models.make("logistic", kind), self.columns, kind, "stack").fit(X, y, inner)
        assert set(fused.weights_) == {"a", "b"}
        assert fused.weights_["a"] > 3 * fused.weights_["b"] >= 0
        assert sum(fused.shares_of_stack_.values()) == pytest.approx(1)
        assert fused.shares_of_stack_["a"] > 0.8
        assert models.LateFusion(models.make("logistic", kind), self.columns, kind).fit(X, y, inner).weights_ == {}

    def test_absent_modality_is_left_to_the_other(self, rng):
        X, y = self._data(rng)
        X[5, 2] = np.nan
        X[6] = np.nan
        fused = models.LateFusion(models.make("logistic"), self.columns).fit(X, y)
        parts = fused.parts(X)
        assert np.isnan(parts["b"][5])
        assert fused.expected(X)[5] == parts["a"][5]
        assert fused.expected(X)[6] == pytest.approx(y.mean())

    def test_modality_absent_from_the_whole_training_fold(self, rng):
        X, y = self._data(rng)
        X[:, 2] = np.nan
        fused = models.LateFusion(models.make("logistic"), self.columns).fit(X, y)
        np.testing.assert_allclose(fused.expected(X), fused.parts(X)["a"])


def test_stacks_agree_with_a_second_implementation_and_leave_out_what_is_against_the_outcome(rng):
    X = rng.normal(size=(80, 3))
    y = X @ [1.0, 0.5, -1.0] + rng.normal(size=80)
    ours, theirs = PositiveRidge(3.0).fit(X, y), Ridge(3.0, positive=True, tol=1e-12, max_iter=100_000).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-5)
    assert ours.coef_[2] == 0
    without = PositiveRidge(3.0).fit(X[:, :2], y)
    assert (ours.predict(X) == without.predict(X[:, :2])).all()
    event = (y > 0).astype(float)
    both = PositiveLogistic(2.0).fit(X, event)
    one = PositiveLogistic(2.0).fit(X[:, :2], event)
    free = LogisticRegression(C=2.0, tol=1e-10, max_iter=1000).fit(X[:, :2], event)
    assert both.coef_[0, 2] == 0
    assert (both.predict_proba(X) == one.predict_proba(X[:, :2])).all()
    np.testing.assert_allclose(one.coef_, free.coef_, atol=1e-5)


class TestScikitLearn:
    """Scorers, searches and calibrators of scikit-learn take the estimators for what they are."""

    @pytest.fixture
    def rows(self):
        rng = np.random.default_rng(1)
        X = rng.normal(size=(80, 3))
        return X, (X[:, 0] + 0.3 * rng.normal(size=80) > 0).astype(int)

    @pytest.mark.parametrize("name", models.MODELS)
    def test_a_binary_model_is_a_classifier(self, name, rows):
        X, y = rows
        made = models.make(name)
        assert is_classifier(made)
        assert cross_val_score(made, X, y, scoring="roc_auc", error_score="raise").mean() > (
            0.8 if name in LEARNERS else 0.4
        )
        labels = made.fit(X, y).predict(X)
        assert set(labels) <= {0, 1}
        np.testing.assert_array_equal(labels, made.predict_proba(X)[:, 1] >= 0.5)
        assert made.score(X, y) == pytest.approx((labels == y).mean())

    @pytest.mark.parametrize("name", ["svm", "ridge"])
    def test_a_model_of_a_number_is_a_regressor(self, name, rows):
        X, _ = rows
        made = models.make(name, "continuous")
        assert is_regressor(made)
        assert cross_val_score(made, X, X[:, 0], scoring="r2", error_score="raise").mean() > 0.5
        assert made.fit(X, X[:, 0]).score(X, X[:, 0]) > 0.9

    def test_searches_and_calibrators_work(self, rows):
        X, y = rows
        found = GridSearchCV(models.make("ridge"), {"model__penalties": [(1.0,), (10.0,)]}, scoring="roc_auc")
        assert found.fit(X, y).best_score_ > 0.8
        calibrated = CalibratedClassifierCV(models.make("svm")).fit(X, y)
        assert roc_auc_score(y, calibrated.predict_proba(X)[:, 1]) > 0.8
        fused = models.LateFusion(models.make("logistic"), {"a": [0, 1], "b": [2]})
        assert cross_val_score(fused, X, y, scoring="neg_brier_score", error_score="raise").mean() > -0.2
        attention = models.AttentionFusion({"a": ("a", [0]), "b": ("b", [1, 2])}, epochs=60, members=1)
        p = cross_val_predict(attention, X, y, method="predict_proba")
        assert roc_auc_score(y, p[:, 1]) > 0.8

    @pytest.mark.parametrize("name", ["svm", "ridge"])
    def test_labels_may_be_words_and_are_two(self, name, rows):
        X, y = rows
        words = np.where(y == 1, "yes", "no")
        made = models.make(name).fit(X, words)
        assert (made.predict(X) == words).mean() > 0.8
        np.testing.assert_allclose(made.predict_proba(X), models.make(name).fit(X, y).predict_proba(X))
        with pytest.raises(InputError, match="has two labels, and y has 3: 0, 1, 2"):
            models.make(name).fit(X, np.arange(80) % 3)

    def test_fusion_takes_words_and_any_two_numbers(self, rows):
        X, y = rows
        X = np.column_stack([X, np.full(80, np.nan)])
        X[5] = np.nan
        fused = models.LateFusion(models.make("logistic"), {"a": [0, 1], "b": [2]})
        p = fused.fit(X, y).predict_proba(X)
        for labels in (np.where(y == 1, "yes", "no"), y + 1):
            again = models.LateFusion(models.make("logistic"), {"a": [0, 1], "b": [2]}).fit(X, labels)
            np.testing.assert_allclose(again.predict_proba(X), p)
            assert set(again.predict(X)) <= set(labels)
        assert (fused.fit(X, np.ones(80)).predict(X) == 1).all()

    def test_the_class_goes_by_the_chosen_threshold(self, rows):
        X, y = rows
        model = models.Nested({"one": (models.make("plain-logistic"), [0])}, threshold="apparent").fit(X, y)
        assert model.threshold_ != 0.5
        np.testing.assert_array_equal(model.predict(X), (model.expected(X) >= model.threshold_).astype(float))

    def test_an_ordinal_choice_has_the_probabilities_of_its_grades(self, rows):
        X, _ = rows
        grades = np.digitize(X[:, 0], [-0.5, 0.5])
        model = models.Nested({"one": (models.make("logistic", "ordinal"), [0])}, "ordinal").fit(X, grades)
        np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
        np.testing.assert_allclose(model.predict_proba(X) @ [0, 1, 2], model.predict(X))
        assert is_regressor(models.make("logistic", "ordinal"))


@pytest.mark.parametrize("odd", [np.nan, 0.1], ids=["empty", "constant"])
@pytest.mark.parametrize("name", ["svm", "logistic", "ridge", "attention", "svm/pca3"])
def test_a_column_that_did_not_vary_in_training_changes_no_prediction(name, odd, rng):
    X = rng.normal(size=(60, 4))
    y = (X[:, 0] + 0.5 * rng.normal(size=60) > 0).astype(float)
    X[:, 2] = odd
    if name == "attention":
        model = models.AttentionFusion({"a": ("a", range(4))}, epochs=30)
    else:
        candidate = models.Candidate.parse(name, models.Candidate("svm"))
        layout = models.Layout({"image/mean": np.arange(4)}, {"image/mean": list("abcd")}, several=False)
        model = models.build(candidate, ["image"], layout, "binary", 0)[0]
    model.fit(X, y)
    held_out = rng.normal(size=(20, 4))
    held_out[:, 2] = odd
    wanted = models.predict(model, held_out, "binary")
    assert np.ptp(wanted) > 0.1
    held_out[:, 2] = 300.0
    np.testing.assert_array_equal(models.predict(model, held_out, "binary"), wanted)


def test_scaled_columns_that_vary_are_scikit_learns(rng):
    X, Z = rng.normal(3, 2, size=(50, 5)), rng.normal(size=(9, 5))
    X[:, 4] = 1 + 1e-9 * X[:, 4]
    np.testing.assert_array_equal(Scaler().fit(X).transform(Z), StandardScaler().fit(X).transform(Z))


def test_a_token_that_only_empty_columns_would_show_stays_absent(rng):
    X = rng.normal(size=(40, 3))
    X[:, 2] = np.nan
    X[:5, 1] = np.nan
    y = (X[:, 0] > 0).astype(float)
    model = models.AttentionFusion({"a": ("a", [0]), "b": ("b", [1, 2])}, epochs=5).fit(X, y)
    assert (model.attention([[0.0, np.nan, 7.0]]) == [[1.0, 0.0]]).all()


def _inner(name, kind):
    model = models.make(name, kind)
    model = model.estimator if name == "svm" else model
    return model[-1] if isinstance(model, Pipeline) else model


@pytest.mark.parametrize("kind", ["binary", "continuous"])
def test_methods_sections_name_the_settings_that_are_fitted(kind):
    """The words are written by hand; what they count is held here against the estimators themselves."""
    strength = "C = {C:g}" if kind == "binary" else "alpha = {alpha:g}"
    written = {
        "forest": "{n_estimators} trees, at least {min_samples_leaf} rows a leaf",
        "xgboost": "{n_estimators} of depth {max_depth}, learning rate {learning_rate}",
        "svm": "radial kernel, C = {C:g}",
        "logistic": strength,
    }
    for name, words in written.items():
        assert words.format(**_inner(name, kind).get_params()) in described(name, kind)
    if kind == "binary":
        assert strength.format(**_inner(PLAIN, kind).get_params()) in described(PLAIN)
    trees = _inner("xgboost", kind).get_params()
    assert f"{trees['subsample']:.0%} of rows and {trees['colsample_bytree']:.0%} of columns" in described(
        "xgboost", kind
    )
    assert _inner("svm", kind).kernel == "rbf"
    least, most = min(PENALTIES), max(PENALTIES)
    ends = (1 / least, 1 / most) if kind == "binary" else (least, most)
    assert f"from {ends[0]:g} to {ends[1]:,g})" in described("ridge", kind)
    net = models.AttentionFusion({}).get_params()
    assert "{members} networks of {hidden} hidden units, {epochs} steps".format(**net) in described("attention", kind)
