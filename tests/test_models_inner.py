"""Choice, stacking, calibration, thresholds and attention: what learns inside a training fold, and on what."""

import numpy as np
import pytest
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from blues import evaluate, models
from blues.check import InputError
from blues.models import Candidate, InnerFolds, Layout, Nested
from blues.models.outcome import OutcomeModel
from blues.models.threshold import crossfitted_youden


def by_patient(y, patients):
    return [(train, test) for _, _, train, test in evaluate.patient_folds(y, patients, 3, 1, seed=0)]


def inner_of(patients):
    return InnerFolds(np.asarray(patients, dtype=object), by_patient)


def problem(rng, n=90, informative=1.5):
    y = np.tile([0.0, 1.0], n // 2)
    X = np.column_stack([informative * y + rng.normal(size=n), rng.normal(size=n), rng.normal(size=n)])
    return X, y, np.array([str(i) for i in range(n)], dtype=object)


class TestInnerFolds:
    def test_every_row_is_predicted_by_a_model_that_saw_none_of_its_patient(self, rng):
        X, y, _ = problem(rng, n=60)
        patients = np.repeat([str(i) for i in range(30)], 2)
        seen = []

        class Spy(LogisticRegression):
            def fit(self, X, y):
                seen.append(set(X[:, -1]))
                return super().fit(X, y)

            def predict_proba(self, X):
                assert not seen[-1] & set(X[:, -1])
                return super().predict_proba(X)

        own = np.column_stack([X, patients.astype(float)])
        outcome = np.repeat(y[::2] * 0 + np.tile([0, 1], 15), 2)
        p = models.inner_predictions(Spy(), own, outcome, inner_of(patients), "binary")
        assert np.isfinite(p).all()
        assert len(seen) == 3

    def test_without_folds_nothing_is_predicted(self, rng):
        X, y, _ = problem(rng)
        assert np.isnan(models.inner_predictions(LogisticRegression(), X, y, None, "binary")).all()

    def test_take_keeps_patients_with_their_rows(self):
        inner = inner_of(["a", "b", "c", "d"])
        assert inner.take(np.array([2, 0])).patients.tolist() == ["c", "a"]

    def test_reaches_the_last_step_of_a_pipeline(self, rng):
        X, y, patients = problem(rng)
        model = Pipeline([("model", models.make("svm", seed=1))])
        inner = inner_of(patients)
        with_folds = models.fit(model, X, y, inner).predict_proba(X)[:, 1]
        without = Pipeline([("model", models.make("svm", seed=1))]).fit(X, y).predict_proba(X)[:, 1]
        assert np.ptp(with_folds) < np.ptp(without)  # own scores are too sure of themselves


class TestNested:
    def two(self):
        return {"good": (models.make("logistic"), [0]), "noise": (models.make("logistic"), [1, 2])}

    def test_takes_the_candidate_with_the_lower_inner_loss(self, rng):
        X, y, patients = problem(rng)
        model = Nested(self.two()).fit(X, y, inner_of(patients))
        assert model.chosen_ == "good"
        assert model.losses_["good"] < model.losses_["noise"]
        alone = models.make("logistic").fit(X[:, [0]], y)
        np.testing.assert_allclose(model.expected(X), alone.predict_proba(X[:, [0]])[:, 1])

    def test_takes_the_first_without_folds(self, rng):
        X, y, _ = problem(rng)
        model = Nested(dict(reversed(self.two().items()))).fit(X, y)
        assert model.chosen_ == "noise"
        assert model.losses_ == {
            "noise": pytest.approx(np.nan, nan_ok=True),
            "good": pytest.approx(np.nan, nan_ok=True),
        }

    def test_platt_scaling_pulls_an_overconfident_model_back(self, rng):
        X, y, patients = problem(rng, n=200, informative=0.0)
        sure = {"forest": (models.make("xgboost"), [0, 1, 2])}
        plain = Nested(sure).fit(X, y, inner_of(patients)).expected(X)
        scaled = Nested(sure, calibrate="platt").fit(X, y, inner_of(patients)).expected(X)
        assert np.ptp(scaled) < 0.6 * np.ptp(plain)

    def test_thresholds(self, rng):
        X, y, patients = problem(rng)
        y[:20] = 0
        found = {t: Nested(self.two(), threshold=t).fit(X, y, inner_of(patients)).threshold_ for t in models.THRESHOLDS}
        assert found["half"] == 0.5
        assert found["prevalence"] == pytest.approx(y.mean(), abs=2e-4)
        assert 0 < found["youden"] < 1
        assert found["youden"] != 0.5

    @pytest.mark.parametrize("name", ["prevalence", "logistic", "ridge"])
    def test_a_model_that_learned_nothing_calls_nobody_at_the_prevalence(self, rng, name):
        y = np.repeat([0.0, 1.0], [26, 15])
        X = np.zeros((41, 1))
        model = Nested({"one": (models.make(name), [0])}, threshold="prevalence").fit(X, y)
        assert not model.predict(X).any()
        np.testing.assert_allclose(model.expected(X), y.mean(), atol=1e-4)

    def test_threshold_on_the_training_rows_is_that_of_their_predictions(self, rng):
        X, y, patients = problem(rng)
        model = Nested({"one": (models.make("plain-logistic"), [0])}, threshold="apparent").fit(
            X, y, inner_of(patients)
        )
        assert model.threshold_ == models.youden_threshold(y, model.expected(X))

    @pytest.mark.parametrize("setting", [{"kind": "nominal"}, {"calibrate": "isotonic"}, {"threshold": "best"}])
    def test_unknown_settings_are_refused(self, setting, rng):
        X, y, patients = problem(rng)
        with pytest.raises(InputError):
            Nested(self.two(), **setting).fit(X, y, inner_of(patients))


class TestChoiceOfCalibratorAndThreshold:
    """What is done with the predictions competes as the models do, on inner patients only."""

    def options(self, model, *finished):
        return {f"{c}/{t}": (model, [0], c, t) for c, t in finished}

    def test_calibrator_is_taken_where_it_lowers_the_loss_of_inner_folds_that_did_not_teach_it(self, rng):
        X = rng.normal(size=(150, 1))
        y = (rng.random(150) < 1 / (1 + np.exp(-X[:, 0]))).astype(float)
        sure = models.make("xgboost", seed=0)  # too sure of itself
        model = Nested(self.options(sure, ("none", "half"), ("platt", "half"))).fit(X, y, inner_of(range(150)))
        assert model.chosen_ == "platt/half"
        assert model.losses_["platt/half"] < model.losses_["none/half"]
        assert float(model.calibrator_.coef_[0, 0]) < 0.8
        folds = np.full(150, -1)
        for k, (_, test) in enumerate(inner_of(range(150)).split(y)):
            folds[test] = k
        p = models.inner_predictions(sure, X, y, inner_of(range(150)), "binary")
        by_hand = np.empty(150)
        for k in np.unique(folds):
            own = folds == k
            fitted = LogisticRegression(C=1e6).fit(logit(np.clip(p[~own], 0.001, 0.999))[:, None], y[~own])
            by_hand[own] = fitted.predict_proba(logit(np.clip(p[own], 0.001, 0.999))[:, None])[:, 1]
        assert model.losses_["platt/half"] == pytest.approx(np.mean((by_hand - y) ** 2), rel=1e-3)

    def test_shift_moves_the_mean_to_the_share_of_events_and_keeps_the_order(self, rng):
        from blues.models.recalibrate import calibrated, fit_calibrator

        p, y = rng.random(80) * 0.3, (rng.random(80) < 0.6).astype(float)
        shift = fit_calibrator("shift", p, y)
        moved = calibrated(shift, p)
        assert moved.mean() == pytest.approx(y.mean())
        assert (np.argsort(moved) == np.argsort(p)).all()
        assert np.isnan(calibrated(shift, np.array([np.nan, 0.2]))[0])

    def test_threshold_is_taken_that_separates_best_where_the_cut_comes_from_other_inner_folds(self, rng):
        X = rng.normal(size=(200, 1))
        y = (X[:, 0] + 0.3 * rng.normal(size=200) > 1.2).astype(float)  # rare: 0.5 misses many
        rules = [("none", "half"), ("none", "prevalence")]
        model = Nested(self.options(models.make("logistic"), *rules)).fit(X, y, inner_of(range(200)))
        assert model.chosen_ == "none/prevalence"
        assert model.losses_["none/half"] == model.losses_["none/prevalence"]
        assert model.threshold_ == pytest.approx(y.mean(), abs=2e-4)

    def test_one_estimator_on_other_columns_is_another_candidate(self, rng):
        X, y, patients = problem(rng)
        one = models.make("logistic")
        shared = Nested({"first": (one, [0]), "last": (one, [1])}).fit(X, y, inner_of(patients))
        apart = Nested({"first": (one, [0]), "last": (models.make("logistic"), [1])}).fit(X, y, inner_of(patients))
        assert shared.losses_ == apart.losses_
        assert shared.losses_["first"] != shared.losses_["last"]
        assert shared.chosen_ == apart.chosen_

    def test_one_estimator_is_fitted_once_an_inner_fold_however_it_is_finished(self, rng):
        class Counted(LogisticRegression):
            fits = 0

            def fit(self, X, y):
                Counted.fits += 1
                return super().fit(X, y)

        X, y, patients = problem(rng)
        finished = [(c, t) for c in models.CALIBRATORS for t in models.THRESHOLDS]
        options = {f"{c}/{t}": (Counted(), [0], c, t) for c, t in finished}
        one = next(iter(options.values()))[0]
        Nested({name: (one, *rest) for name, (_, *rest) in options.items()}).fit(X, y, inner_of(patients))
        assert Counted.fits == len(inner_of(patients).split(y)) + 1


def test_what_equals_the_threshold_but_for_the_last_bit_is_called():
    below = np.nextafter(0.7, 0)

    class Said(OutcomeModel):
        kind, classes_ = "binary", np.array([0, 1])

        def expected(self, X):
            return np.full(len(X), below)

        def _half(self):
            return 0.7

    assert Said().predict(np.zeros((3, 1))).tolist() == [1, 1, 1]
    y, p = np.array([0, 1, 0, 1]), np.array([0.2, 0.7, 0.2, below])
    assert crossfitted_youden("youden", y, p, np.array([0, 0, 1, 1])) == 1
    nested = models.Nested({}, "ordinal")
    nested.cuts_, nested.grades_ = np.array([0.7]), np.array([0, 1])
    assert nested.grade(np.array([0.2, below])).tolist() == [0, 1]
    rule = models.ClipRule(models.make("plain-logistic"))
    rule.cut_ = 0.7
    assert rule.shares([[0.2, below]]).tolist() == [0.5]


class TestClipRule:
    def ratings(self, rng, n=60):
        """Clips of the ill are at 2 or 3 two times in three, those of the others one time in four; some lack clips."""
        y = np.tile([0.0, 1.0], n // 2)
        high = rng.random((n, 6)) < np.where(y, 0.67, 0.25)[:, None]
        X = np.where(high, rng.integers(2, 4, (n, 6)), rng.integers(0, 2, (n, 6))).astype(float)
        X[: n // 3, 4:] = np.nan
        return X, y

    def test_learns_the_cut_between_clips_and_counts_a_patients_share(self, rng):
        X, y = self.ratings(rng)
        rule = models.ClipRule(models.make("plain-logistic")).fit(X, y)
        assert rule.cut_ == 1.5
        np.testing.assert_allclose(rule.shares(X), np.nanmean(np.where(np.isnan(X), np.nan, X >= 1.5), axis=1))
        assert roc_auc_score(y, rule.predict_proba(X)[:, 1]) > 0.8

    def test_direction_is_learned_and_the_order_of_clips_does_not_matter(self, rng):
        X, y = self.ratings(rng)
        against = models.ClipRule(models.make("plain-logistic")).fit(X, 1 - y)
        assert roc_auc_score(1 - y, against.predict_proba(X)[:, 1]) > 0.8
        np.testing.assert_allclose(against.predict_proba(X[:, ::-1]), against.predict_proba(X))

    def test_equal_ratings_give_the_prevalence(self):
        rule = models.ClipRule(models.make("plain-logistic")).fit(np.ones((6, 3)), [0, 1, 0, 1, 0, 0])
        np.testing.assert_allclose(rule.predict_proba(np.ones((2, 3)))[:, 1], 1 / 3, atol=1e-3)


class TestShared:
    def test_arms_that_share_fits_predict_what_they_would_alone(self, rng):
        X, y, patients = problem(rng)
        X[:10, 2] = np.nan
        kept = models.Shared()
        for columns in ({"a": [0], "b": [1]}, {"a": [0], "c": [2]}, {"a": [0], "b": [1], "c": [2]}):
            for combine in ("mean", "stack"):
                alone = models.LateFusion(models.make("xgboost"), columns, combine=combine)
                other = models.LateFusion(models.make("xgboost"), columns, combine=combine, shared=kept)
                alone.fit(X, y, inner_of(patients))
                other.fit(X, y, inner_of(patients))
                np.testing.assert_array_equal(other.expected(X), alone.expected(X))
        assert len(kept._found) == 6  # a, b, c: a model and held-out predictions each

    def test_other_outcomes_and_rows_are_not_mistaken(self, rng):
        X, y, patients = problem(rng)
        kept = models.Shared()
        for target, rows in ((y, slice(None)), (1 - y, slice(None)), (y, slice(20, None))):
            inner = inner_of(patients[rows])
            model = models.LateFusion(models.make("xgboost"), {"a": [0], "b": [1]}, combine="stack", shared=kept)
            alone = models.LateFusion(models.make("xgboost"), {"a": [0], "b": [1]}, combine="stack")
            model.fit(X[rows], target[rows], inner)
            np.testing.assert_array_equal(model.expected(X), alone.fit(X[rows], target[rows], inner).expected(X))


class TestYouden:
    def test_is_the_best_cut_of_all(self, rng):
        y = rng.integers(0, 2, 60)
        p = np.round(rng.random(60) + 0.3 * y, 2)
        cut = models.youden_threshold(y, p)

        def youden(t):
            return (p >= t)[y == 1].mean() - (p >= t)[y == 0].mean()

        assert youden(cut) >= max(youden(t) for t in np.linspace(0, 1.4, 1401)) - 1e-12

    def test_constant_predictions_have_one_cut(self):
        assert models.youden_threshold(np.array([0, 1]), np.array([0.4, 0.4])) == 0.4


class TestGrades:
    def graded(self, rng, n=300):
        x = rng.normal(size=n)
        y = np.digitize(x + 1.5 * rng.normal(size=n), [-1.5, 0.0, 2.0]) * 1.0
        return x[:, None], y, np.array([str(i) for i in range(n)], dtype=object)

    def test_cuts_come_from_inner_held_out_predictions(self, rng):
        X, y, patients = self.graded(rng)
        inner = inner_of(patients)
        model = Nested({"one": (models.make("logistic", "ordinal"), [0])}, "ordinal", threshold="matched").fit(
            X, y, inner
        )
        held = models.inner_predictions(models.make("logistic", "ordinal"), X, y, inner, "ordinal")
        np.testing.assert_allclose(model.cuts_, [np.quantile(held, (y <= c).mean()) for c in (0, 1, 2)])
        called = np.bincount(model.grade(held).astype(int), minlength=4) / len(y)
        np.testing.assert_allclose(called, np.bincount(y.astype(int)) / len(y), atol=0.01)

    def test_a_grade_that_training_lacks_is_never_called(self, rng):
        X, y, patients = self.graded(rng)
        y[y == 1] = 2
        model = Nested({"one": (models.make("logistic", "ordinal"), [0])}, "ordinal", threshold="matched")
        called = model.fit(X, y, inner_of(patients)).grade(model.predict(X))
        assert set(called) == {0, 2, 3}

    def test_nothing_to_cut_leaves_the_nearest(self, rng):
        X, y, patients = self.graded(rng)
        constant = {"one": (models.make("prevalence", "ordinal"), [0])}
        model = Nested(constant, "ordinal", threshold="matched").fit(X, y, inner_of(patients))
        assert model.cuts_ is None
        assert np.isnan(model.grade(model.predict(X))).all()
        alone = Nested({"one": (models.make("logistic", "ordinal"), [0])}, "ordinal", threshold="matched").fit(X, y)
        assert alone.cuts_ is None


class TestSVM:
    @pytest.mark.parametrize("kind", models.KINDS)
    def test_learns_what_a_line_cannot(self, kind, rng):
        X = rng.normal(size=(240, 2))
        y = (np.hypot(*X.T) > 1.1).astype(float)
        model = models.make("svm", kind, seed=0)
        models.fit(model, X[:160], y[:160], inner_of([str(i) for i in range(160)]))
        assert roc_auc_score(y[160:], models.predict(model, X[160:], kind)) > 0.9
        line = models.make("logistic", kind).fit(X[:160], y[:160])
        assert roc_auc_score(y[160:], models.predict(line, X[160:], kind)) < 0.8

    def test_probabilities_are_calibrated_on_unseen_scores(self, rng):
        X, y, patients = problem(rng, n=300, informative=0.0)
        p = models.fit(models.make("svm"), X, y, inner_of(patients)).predict_proba(X)[:, 1]
        assert np.abs(p - 0.5).max() < 0.25
        assert np.abs(models.make("svm").fit(X, y).predict_proba(X)[:, 1] - 0.5).max() > 0.25


class TestStack:
    columns = {"a": [0], "b": [1]}

    def test_gives_noise_less_weight_than_the_mean_does(self, rng):
        X, y, patients = problem(rng, n=200)
        stack = models.LateFusion(models.make("logistic"), self.columns, combine="stack").fit(X, y, inner_of(patients))
        weights = np.abs(stack.stack_.coef_[0])
        assert weights[0] > 3 * weights[1]

    @pytest.mark.parametrize("kind", models.KINDS)
    def test_row_without_a_modality_gets_what_the_fusion_without_it_would_say(self, kind, rng):
        X, y, patients = problem(rng, n=150)
        hidden = X[:, 0] + X[:, 1]
        y = {"binary": hidden > 0, "ordinal": np.digitize(hidden, [-0.5, 0.7]), "continuous": hidden}[kind] * 1.0
        X[5:40, 1] = np.nan
        made = models.make("logistic", kind)
        both = models.LateFusion(made, self.columns, kind, "stack").fit(X, y, inner_of(patients))
        alone = models.LateFusion(made, {"a": [0]}, kind, "stack").fit(X[:, :1], y, inner_of(patients))
        np.testing.assert_array_equal(both.expected(X[5:40]), alone.expected(X[5:40, :1]))
        assert np.abs(both.expected(X[40:]) - alone.expected(X[40:, :1])).max() > 0.001

    def test_modality_with_no_weight_changes_nothing(self, rng):
        """What is compared is what is known: a stack that leaves images out predicts what the arm without them does."""
        X, y, patients = problem(rng, n=120)
        fused = models.LateFusion(models.make("logistic"), self.columns, combine="stack")
        half = rng.permutation(120) < 60
        X[:, 1] = np.where(half, 1, -1) * (2 * y - 1)  # each half teaches the wrong about the other

        def halves(y, patients):
            one, other = np.flatnonzero(half[patients]), np.flatnonzero(~half[patients])
            return [(one, other), (other, one)]

        inner = models.InnerFolds(np.arange(120), halves)
        for lacking in (0, 30):
            X[:lacking, 1] = np.nan
            fused.fit(X, y, inner)
            assert fused.weights_["b"] == 0
            alone = models.LateFusion(models.make("logistic"), {"a": [0]}, combine="stack").fit(X[:, :1], y, inner)
            np.testing.assert_allclose(fused.expected(X), alone.expected(X[:, :1]), atol=1e-4)

    def test_few_complete_rows_do_not_undo_what_the_many_taught(self, rng):
        X, y, patients = problem(rng, n=120, informative=2.0)
        X[20:, 1] = np.nan
        fused = models.LateFusion(models.make("logistic"), self.columns, combine="stack").fit(X, y, inner_of(patients))
        alone = models.LateFusion(models.make("logistic"), {"a": [0]}, combine="stack").fit(
            X[:, :1], y, inner_of(patients)
        )
        for names in (("a",), ("a", "b")):
            assert fused.stacks_[names].coef_[0, 0] == pytest.approx(alone.weights_["a"], rel=0.2)

    def test_single_modality_is_rescaled_as_several_are(self, rng):
        """Deep trees are far too sure of themselves; stacked alone they are as well calibrated as any stack."""
        X, y, patients = problem(rng, n=400)
        held_out, yh, _ = problem(rng, n=400)
        deep = models.make("xgboost").set_params(n_estimators=400, max_depth=6)
        plain = models.fit(deep, X[:, :1], y, None)
        stack = models.LateFusion(deep, {"a": [0]}, combine="stack")
        stack.fit(X[:, :1], y, inner_of(patients))
        brier = [np.mean((models.predict(m, held_out[:, :1], "binary") - yh) ** 2) for m in (plain, stack)]
        assert brier[1] < brier[0] - 0.02

    def test_without_inner_folds_is_the_mean(self, rng):
        X, y, _ = problem(rng)
        stack = models.LateFusion(models.make("logistic"), self.columns, combine="stack").fit(X, y)
        mean = models.LateFusion(models.make("logistic"), self.columns).fit(X, y)
        np.testing.assert_allclose(stack.expected(X), mean.expected(X))

    @pytest.mark.parametrize("combine", ["mean", "stack"])
    def test_ordinal_probabilities_are_a_distribution_and_agree_with_the_prediction(self, combine, rng):
        X, _, patients = problem(rng)
        y = np.digitize(X[:, 0] + 0.3 * rng.normal(size=len(X)), [-0.5, 0.7, 1.7]) * 1.0
        X[3, 0] = np.nan
        X[4, :2] = np.nan
        model = models.LateFusion(models.make("logistic", "ordinal"), self.columns, "ordinal", combine)
        model.fit(X, y, inner_of(patients))
        p = model.predict_proba(X)
        assert p.shape == (len(X), 4)
        np.testing.assert_allclose(p.sum(axis=1), 1)
        np.testing.assert_allclose(model.predict(X), p @ model.classes_)
        np.testing.assert_allclose(p[4], np.unique(y, return_counts=True)[1] / len(y))
        assert np.corrcoef(model.predict(X), y)[0, 1] > 0.7

    def test_category_absent_from_training_has_probability_0(self, rng):
        X, _, _ = problem(rng)
        y = np.where(X[:, 0] > 0.7, 3.0, 1.0)
        model = models.make("logistic", "ordinal").fit(X, y)
        p = models.category_probabilities(model, X, (0, 1, 2, 3))
        assert (p[:, [0, 2]] == 0).all()
        np.testing.assert_allclose(p.sum(axis=1), 1)


class TestAttention:
    tokens = {"R1": ("image", [0, 1]), "L1": ("image", [2, 3]), "blood": ("blood", [4])}

    def data(self, rng, n=160):
        """Give the outcome to whichever point holds it; a third of the points were not scanned."""
        y = np.tile([0.0, 1.0], n // 2)
        X = rng.normal(size=(n, 5))
        X[:, 0] += 3 * y
        X[:, 2] += 3 * y
        X[rng.random(n) < 0.3, :2] = np.nan
        return X, y

    def test_learns_from_points_with_some_absent(self, rng):
        X, y = self.data(rng)
        model = models.AttentionFusion(self.tokens, epochs=60, members=2).fit(X[:120], y[:120])
        assert roc_auc_score(y[120:], model.expected(X[120:])) > 0.85

    def test_absent_tokens_get_no_attention_and_weights_sum_to_1(self, rng):
        X, y = self.data(rng)
        weights = models.AttentionFusion(self.tokens, epochs=5, members=2).fit(X, y).attention(X)
        absent = np.isnan(X[:, 0])
        assert (weights[absent, 0] == 0).all()
        assert (weights[~absent, 0] > 0).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)

    def test_values_of_an_absent_point_do_not_exist(self, rng):
        """A row's prediction with one point absent does not depend on what other rows hold there."""
        X, y = self.data(rng)
        model = models.AttentionFusion(self.tokens, epochs=5, members=1).fit(X, y)
        row = X[np.isnan(X[:, 0])][:1]
        alone = model.expected(row)
        np.testing.assert_allclose(model.expected(np.vstack([row, X[:5]]))[:1], alone, rtol=1e-5)

    def test_same_seed_same_numbers_other_seed_others(self, rng):
        X, y = self.data(rng)

        def made(seed):
            return models.AttentionFusion(self.tokens, epochs=5, members=1, seed=seed).fit(X, y).expected(X)

        np.testing.assert_array_equal(made(1), made(1))
        assert not np.allclose(made(1), made(2))

    def test_continuous_outcome_keeps_its_scale(self, rng):
        X, y = self.data(rng)
        p = models.AttentionFusion(self.tokens, kind="continuous", epochs=60, members=1).fit(X, 50 + 20 * y).predict(X)
        assert 50 < p.mean() < 70
        assert np.corrcoef(p, y)[0, 1] > 0.6

    def test_points_of_one_kind_need_equally_many_columns(self, rng):
        X, y = self.data(rng)
        with pytest.raises(InputError, match="'L1' has 1"):
            models.AttentionFusion({"R1": ("image", [0, 1]), "L1": ("image", [2])}).fit(X, y)

    @pytest.mark.parametrize("name", ["members", "epochs", "hidden"])
    def test_nothing_to_fit_is_refused(self, rng, name):
        X, y = self.data(rng)
        with pytest.raises(InputError, match=f"{name} is 0"):
            models.AttentionFusion(self.tokens, **{name: 0}).fit(X, y)
        with pytest.raises(InputError, match="no tokens"):
            models.AttentionFusion({}).fit(X, y)


class TestCandidate:
    default = Candidate("forest", "early", "mean")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("forest", Candidate("forest")),
            ("xgboost/late", Candidate("xgboost", "late")),
            ("logistic/pca5/max", Candidate("logistic", "early", "max", 5)),
            ("svm/stack/mean+max", Candidate("svm", "stack", "mean+max")),
            ("attention", Candidate("attention", "early", "concat")),
            ("attention/max", Candidate("attention", "early", "max")),
            ("forest/stack/platt/youden", Candidate("forest", "stack", calibrate="platt", threshold="youden")),
            ("svm/shift/prevalence", Candidate("svm", calibrate="shift", threshold="prevalence")),
        ],
    )
    def test_grammar(self, text, expected):
        found = Candidate.parse(text, self.default)
        assert found == expected
        assert Candidate.parse(found.label, self.default) == found

    @pytest.mark.parametrize("text", ["", "forrest", "forest/lates", "forest/pca0", "forest/pca", "late/forest"])
    def test_what_it_cannot_read_is_refused(self, text):
        with pytest.raises(InputError, match="Allowed"):
            Candidate.parse(text, self.default)

    @pytest.mark.parametrize("text", ["attention/pca5", "attention/pca5/max"])
    def test_components_beside_attention_are_refused(self, text):
        with pytest.raises(InputError, match="pca5 does not go with attention"):
            Candidate.parse(text, self.default)
        with pytest.raises(InputError, match="Leave out pca5"):
            Candidate("attention", components=5)

    @pytest.mark.parametrize("wrong", [{"fusion": "erly"}, {"points": "men"}])
    def test_words_that_are_none_are_refused_from_python(self, wrong):
        with pytest.raises(InputError, match="Nearest"):
            Candidate("forest", **wrong)

    def test_a_threshold_is_none_that_nobody_may_name(self):
        X, y = np.zeros((8, 1)), np.arange(8) % 2
        with pytest.raises(InputError, match=r"Allowed: half, prevalence, youden, matched\."):
            models.Nested({"a": (models.make("logistic"), [0])}, threshold="yuden").fit(X, y)

    layout = Layout(
        {"image/mean": np.arange(4), "blood": np.arange(4, 6)}, {"image/mean": list("abcd"), "blood": ["CRP", "LDH"]}
    )

    def test_components_reduce_the_image_block_only(self, rng):
        X = rng.normal(size=(40, 6))
        y = np.tile([0.0, 1.0], 20)
        model, columns = models.build(
            Candidate("logistic", components=2), ("image", "blood"), self.layout, "binary", seed=0
        )
        assert columns == [0, 1, 2, 3, 4, 5]
        assert model.fit(X, y)[:-1].transform(X).shape == (40, 4)
        blood, columns = models.build(Candidate("logistic", components=2), ("blood",), self.layout, "binary", seed=0)
        assert columns == [4, 5]
        assert blood.fit(X[:, columns], y)[:-1].transform(X[:, columns]).shape == (40, 2)

    def test_more_components_than_rows_allow(self, rng):
        X = rng.normal(size=(4, 6))
        model, _ = models.build(Candidate("logistic", components=30), ("image",), self.layout, "binary", seed=0)
        assert np.isfinite(model.fit(X[:, :4], [0, 1, 0, 1]).predict_proba(X[:, :4])).all()

    @pytest.mark.parametrize("fusion", ["late", "stack"])
    def test_components_of_the_image_model_alone_with_other_fusions(self, fusion, rng):
        X, y = rng.normal(size=(40, 6)), np.tile([0.0, 1.0], 20)
        candidate = Candidate("logistic", fusion, components=2)
        model, columns = models.build(candidate, ("image", "blood"), self.layout, "binary", seed=0)
        fitted = models.fit(model, X[:, columns], y, inner_of([str(i) for i in range(40)]))
        assert fitted.models_["image"][:-1].transform(X[:, :4]).shape == (40, 2)
        assert fitted.models_["blood"][:-1].transform(X[:, 4:]).shape == (40, 2)

    def test_points_side_by_side_are_tokens_of_attention(self):
        layout = Layout(
            {"image/concat": np.arange(6)},
            {"image/concat": ["R1: a", "R1: b", "R1: scanned", "L1: a", "L1: b", "L1: scanned"]},
        )
        model, _ = models.build(Candidate("attention", points="concat"), ("image",), layout, "binary", seed=0)
        assert model.tokens == {"R1": ("image", [0, 1]), "L1": ("image", [3, 4])}
