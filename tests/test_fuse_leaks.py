"""Nothing of a held-out patient reaches that patient's prediction, whatever learns inside the fold."""

import dataclasses

import numpy as np
import pytest
from made_design import make_design
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, cross_val_predict

from blues import evaluate
from blues.check import InputError
from blues.fuse import arms_of, out_of_fold
from blues.models import Candidate

EVERYTHING = {
    "select": [Candidate("logistic"), Candidate("plain-logistic", "late"), Candidate("logistic", components=1)],
    "stack": [Candidate("logistic", "stack")],
    "late": [Candidate("xgboost", "late")],
    "svm": [Candidate("svm")],
    "ridge": [Candidate("ridge", "stack")],
    "attention": [Candidate("attention")],
}


def folds_of(design, folds=3):
    return evaluate.patient_folds(design.y, design.patients, folds, 1, seed=0, kind=design.kind)


def with_rules(design):
    """Add one rule and the prevalence, as a cohort with ratings has them."""
    blood = design.blocks["blood"]
    singles = {"expert rule: mean severity": blood[["CRP"]], "prevalence": blood[["CRP"]] * 0 + 1}
    return make_design(kind=design.kind, clips=1 + 2 * (design.level == "clip"), singles=singles)


def predict(design, candidates, folds, **settings):
    candidates = [dataclasses.replace(candidate, **settings) for candidate in candidates]
    arms = [arm for arm in arms_of(design, {"": candidates}, **settings) if arm.modalities != ("image",)]
    return out_of_fold(design, arms, folds)[0]


def changed(y, rows, kind):
    """Return the outcome with other values in the rows given, all categories kept in use."""
    other = y.copy()
    other[rows] = {"binary": 1 - y[rows], "ordinal": (y[rows] + 2) % 4, "continuous": y[rows] + 9}[kind]
    return other


def fixed_part(table, patients):
    columns = [c for c in table if c in ("p", "threshold", "grade") or c.startswith("p_")]
    return table.loc[table["patient"].isin(patients), columns].to_numpy()


INSIDE = {"calibrate": "platt", "threshold": "youden"}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *((name, {}) for name in EVERYTHING if name != "attention"),
        pytest.param("attention", {}, marks=pytest.mark.slow),
        ("select", INSIDE),
        ("late", INSIDE),
        ("late", {"threshold": "prevalence"}),
        ("late", {"threshold": "matched"}),
    ],
)
def test_flipping_the_outcomes_of_a_fold_leaves_its_predictions_and_thresholds_as_they_are(name, settings):
    design = with_rules(make_design())
    folds = folds_of(design)
    before = predict(design, EVERYTHING[name], folds, **settings)
    rows = folds[1].test
    after = predict(
        design.with_outcome(changed(design.y.to_numpy(), rows, "binary")), EVERYTHING[name], folds, **settings
    )
    held_out, others = (set(design.patients.iloc[side]) for side in (rows, folds[1].train))
    np.testing.assert_array_equal(fixed_part(before, held_out), fixed_part(after, held_out))
    moved = (
        before.loc[before["patient"].isin(others), "p"].to_numpy()
        != after.loc[after["patient"].isin(others), "p"].to_numpy()
    )
    assert moved.any()


@pytest.mark.parametrize(
    ("kind", "settings"), [("ordinal", {}), ("ordinal", {"threshold": "matched"}), ("continuous", {})]
)
@pytest.mark.parametrize("clips", [1, 3])
def test_the_same_holds_for_other_kinds_and_for_clips(kind, settings, clips):
    design = make_design(kind=kind, clips=clips)
    folds = folds_of(design)
    candidates = [Candidate("plain-logistic", "stack")]
    before = predict(design, candidates, folds, **settings)
    assert (kind == "ordinal" and before["grade"].notna().all()) == bool(settings)
    rows = folds[2].test
    after = predict(design.with_outcome(changed(design.y.to_numpy(), rows, kind)), candidates, folds, **settings)
    held_out = set(design.patients.iloc[rows])
    np.testing.assert_array_equal(fixed_part(before, held_out), fixed_part(after, held_out))


def test_features_of_held_out_patients_do_not_reach_other_held_out_predictions():
    """Imputer, scaler and components are fitted on training rows: one held-out patient's values move no other's prediction."""
    design = make_design()
    folds = folds_of(design)
    candidates = [Candidate("logistic", components=2)]
    before = predict(design, candidates, folds).set_index(["arm", "patient"])["p"]
    image = design.blocks["image"].copy()
    who = folds[0].test[0]
    image.iloc[who] = 1e3
    moved = make_design(blocks=dict(design.blocks, image=image))
    after = predict(moved, candidates, folds).set_index(["arm", "patient"])["p"]
    others = [p for p in design.patients.iloc[folds[0].test] if p != design.patients.iloc[who]]
    for arm in ("blood", "image+blood"):
        np.testing.assert_array_equal(before.loc[arm].loc[others], after.loc[arm].loc[others])
    assert before["image+blood", design.patients.iloc[who]] != after["image+blood", design.patients.iloc[who]]


class TestSplitByClip:
    """Splitting clips instead of patients scores far higher on features that only tell patients apart."""

    @pytest.fixture
    def design(self):
        """Make a design whose image is a patient's own mark and no more: it cannot tell anything about a new patient."""
        design = make_design(patients=40, signal=0.0, clips=6)
        rng = np.random.default_rng(5)
        mark = np.repeat(rng.normal(size=(40, 3)), 6, axis=0) + 0.05 * rng.normal(size=(240, 3))
        image = design.blocks["image"].copy()
        image[:] = mark
        return make_design(patients=40, signal=0.0, clips=6, blocks={"image": image})

    def test_a_split_by_clip_is_flattered_and_the_tools_own_is_not(self, design):
        X, y = design.blocks["image"].to_numpy(), design.y.to_numpy()
        forest = RandomForestClassifier(50, random_state=0)
        split_by_clip = cross_val_predict(
            forest, X, y, cv=KFold(5, shuffle=True, random_state=0), method="predict_proba"
        )
        flattered = roc_auc_score(y, split_by_clip[:, 1])
        table = out_of_fold(design, arms_of(design, {"": [Candidate("forest")]}), folds_of(design, 5))[0]
        honest = roc_auc_score(table["y"], table["p"])
        assert flattered > 0.95
        assert honest < 0.7
        assert flattered - honest > 0.25

    def test_no_fold_that_the_tool_makes_has_a_patient_on_both_sides(self, design):
        for seed in range(5):
            for kind in ("binary", "continuous"):
                y = design.y if kind == "binary" else design.y + np.random.default_rng(seed).normal(size=240)
                for fold in evaluate.patient_folds(y, design.patients, 5, 2, seed=seed, kind=kind):
                    patients = design.patients.to_numpy()
                    assert not set(patients[fold.train]) & set(patients[fold.test])

    def test_folds_that_split_a_patient_are_refused(self, design):
        train, test = next(KFold(5, shuffle=True, random_state=0).split(design.y))
        with pytest.raises(InputError, match="patient .* on both sides"):
            out_of_fold(design, arms_of(design, {"": [Candidate("logistic")]}), [(0, 0, train, test)])
