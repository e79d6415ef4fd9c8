"""The linear model whose penalty is chosen in inner folds over patients."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss

from blues import evaluate, models
from blues.models.ridge import PENALTIES, USUAL


def inner_of(patients):
    def make(y, of):
        return [(train, test) for _, _, train, test in evaluate.patient_folds(y, of, 3, 1, seed=0)]

    return models.InnerFolds(np.asarray(patients, dtype=object), make)


def wide(rng, n=80, knowing=0.0):
    """Sixty columns, all of which know a little of the outcome, or none of them."""
    y = np.tile([0.0, 1.0], n // 2)
    return rng.normal(size=(n, 60)) + knowing * (y - 0.5)[:, None], y, [str(i) for i in range(n)]


@pytest.mark.parametrize("kind", ["binary", "continuous"])
def test_takes_the_strength_that_the_held_out_patients_like_best(kind, rng):
    X, y, patients = wide(rng, knowing=0.3)
    if kind == "continuous":
        y = X[:, :5].sum(axis=1) + rng.normal(size=len(y))
    inner = inner_of(patients)

    def plain(strength):
        if kind == "continuous":
            return Ridge(alpha=strength)
        return LogisticRegression(C=1 / strength, max_iter=2000)

    def loss(strength):
        found = []
        for train, test in inner.split(y):
            model = plain(strength).fit(X[train], y[train])
            if kind == "continuous":
                found.append(np.mean((y[test] - model.predict(X[test])) ** 2))
            else:
                found.append(log_loss(y[test], model.predict_proba(X[test])[:, 1]))
        return np.mean(found)

    model = models.RidgeByFolds(kind).fit(X, y, inner)
    best = min(PENALTIES, key=loss)
    assert model.penalty_ == pytest.approx(best)
    np.testing.assert_allclose(model.coef_, plain(best).fit(X, y).coef_, rtol=0.02, atol=1e-4)


def test_many_weak_columns_want_another_strength_than_one_strong_one(rng):
    X, y, patients = wide(rng)
    noise = models.RidgeByFolds().fit(X, y, inner_of(patients)).penalty_
    X[:, 0] += 4 * y
    known = models.RidgeByFolds().fit(X[:, :2], y, inner_of(patients)).penalty_
    assert noise > 100 * known


def test_clips_of_one_patient_do_not_vouch_for_each_other(rng):
    X, y, patients = wide(rng, n=40)
    X, y, patients = np.repeat(X, 3, axis=0), np.repeat(y, 3), np.repeat(patients, 3)
    by_patient = models.RidgeByFolds().fit(X, y, inner_of(patients)).penalty_
    by_clip = models.RidgeByFolds().fit(X, y, inner_of([str(i) for i in range(120)])).penalty_
    assert by_patient > 10 * by_clip


def test_nothing_to_choose_by_leaves_the_usual_strength(rng):
    X, y, patients = wide(rng)
    usual = models.make("logistic").fit(X, y).predict_proba(X)
    np.testing.assert_allclose(models.make("ridge").fit(X, y).predict_proba(X), usual)
    one_sided = models.InnerFolds(np.array(patients), lambda y, _: [(np.flatnonzero(y == 0), np.flatnonzero(y == 1))])
    np.testing.assert_allclose(models.fit(models.make("ridge"), X, y, one_sided).predict_proba(X), usual)


def test_is_given_the_folds_behind_components_too(rng):
    X, y, patients = wide(rng)
    candidate = models.Candidate("ridge", "early", components=5)
    layout = models.Layout({"image/mean": np.arange(60)}, {"image/mean": [f"f{i}" for i in range(60)]})
    model, columns = models.build(candidate, ["image"], layout, "binary", 0)
    fitted = models.fit(model, X[:, columns], y, inner_of(patients))
    assert fitted[-1][-1].penalty_ > USUAL
