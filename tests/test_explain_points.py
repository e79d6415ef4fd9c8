"""Artefacts by BLUE point: which features predict, pooled values carried back to their points, attention by point and clip."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from blues import check, explain, models
from blues.embed import Embeddings
from blues.explain.columns import columns
from blues.explain.points import carried, pooled
from blues.features import ByPoint, Design
from blues.features.readable import chosen
from blues.fuse import Experiment, Run, run

POINTS = ("R1", "R2", "R3", "L1", "L2", "L3")
NAMES = ("b_line_count", "a_line_count", "pleura_depth", "lus_001", "lus_002")


def make_design(how="mean", signal=3.0, patients=60, seed=0, where="R3"):
    """One artefact at one BLUE point knows the outcome; points lack here and there, patient 1 has no clip at all."""
    rng = np.random.default_rng(seed)
    who = [str(i) for i in range(1, patients + 1)]
    hidden = rng.normal(size=patients)
    places = pd.MultiIndex.from_product([who, POINTS], names=["patient", "point"])
    values = pd.DataFrame(rng.normal(size=(len(places), len(NAMES))), places, columns=NAMES)
    at = places.get_level_values("point") == where
    values.loc[at, "b_line_count"] += signal * hidden
    gone = (rng.random(len(places)) < 0.05) & ~at | (places.get_level_values("patient") == "1")
    values = values[~gone]
    index = pd.Index(who, name="patient")
    grouped = values.groupby(level="patient", sort=False)
    if how == "concat":
        wide = values.unstack("point").reorder_levels([1, 0], axis=1)
        image = wide.set_axis([f"{p}: {n}" for p, n in wide.columns], axis=1)
    else:
        parts = {"mean": [grouped.mean()], "max": [grouped.max().add_suffix(" (max over points)")]}
        parts["mean+max"] = parts["mean"] + parts["max"]
        image = pd.concat(parts[how], axis=1)
    clips = pd.Series([f"{p}_{q}" for p, q in values.index], index=values.index)
    return Design(
        task="pcr",
        kind="binary",
        level="patient",
        label="PCR",
        y=pd.Series((hidden > 0).astype(float), index=index),
        patients=pd.Series(who, index=index, name="patient"),
        blocks={
            "image": image.reindex(index),
            "blood": pd.DataFrame(rng.normal(size=(patients, 2)), index, columns=["CRP", "LDH"]),
        },
        refused=pd.DataFrame(columns=["column", "role", "known", "reason"]),
        dropped=pd.DataFrame(columns=["row", "patient", "reason"]),
        cohort="made",
        points=how,
        by_point=ByPoint(values, clips),
        facts={"encoder": {"units": {"b_line_count": "separate B-lines, count"}}},
    )


def explained(design, model="logistic", **more):
    settings = {"folds": 4, "repeats": 2, "draws": 100, "jobs": 1, "null": 0, "explain": ("image+blood",)}
    return run(
        design, Experiment(modalities=("image", "blood"), model=(model,), points=design.points, **settings | more)
    )


@pytest.mark.parametrize("model", ["logistic", "xgboost"])
@pytest.mark.parametrize("how", ["mean", "max", "mean+max", "concat"])
def test_signal_is_found_at_its_point_and_artefact_however_the_points_were_pooled(how, model):
    record = explained(make_design(how), model).attributions
    tables = {level: explain.importance(record, "image+blood", level) for level in explain.LEVELS}
    assert tables["modality"].iloc[0]["name"] == "image"
    # a maximum is reached elsewhere where R3 shows little: then no single point carries more than a blood test must
    top = {level: table[table["modality"] == "image"].iloc[0]["name"] for level, table in tables.items()}
    assert top["point"] == "R3"
    assert top["feature"] == "B-lines at R3"
    assert top["variable"] == "B-lines"
    assert record.error < 1e-4
    whole = record.base.set_index(["patient", "repeat"])
    total = record.arm("image+blood").groupby(["patient", "repeat"], observed=True)["shap"].sum()
    np.testing.assert_allclose(total, (whole["prediction"] - whole["base"]).reindex(total.index), atol=1e-5)


def test_value_of_a_point_is_its_own_and_unscanned_points_count_nothing():
    design = make_design("mean")
    record = explained(design, "xgboost").attributions
    part = record.arm("image+blood")
    part = part[part["feature"].astype(str).str.endswith(": b_line_count")].astype({"patient": str, "point": str})
    wanted = design.by_point.values["b_line_count"]
    seen = part.groupby(["patient", "point"])["value"].first()
    np.testing.assert_allclose(seen.dropna(), wanted.reindex(seen.dropna().index), rtol=1e-6)
    unscanned = part[part["value"].isna()]
    assert len(unscanned)
    assert (unscanned["shap"] == 0).all()
    assert set(part["unit"].astype(str)) == {"count"}


def test_values_of_a_linear_model_are_those_of_the_points_themselves():
    """logit = w * mean over points: the Shapley value of a point is w / points * (its value - its mean)."""
    rng = np.random.default_rng(1)
    parts = rng.normal(size=(40, 1, 3))
    X = parts.mean(axis=2)
    y = (X[:, 0] + 0.2 * rng.normal(size=40) > 0).astype(float)
    model = models.make("logistic").fit(X, y)
    table = columns({"image/mean": ["b_line_count"]})
    places = pd.MultiIndex.from_product([[str(i) for i in range(40)], ["R1", "R2", "R3"]])
    by_point = ByPoint(
        pd.DataFrame({"b_line_count": parts[:, 0].ravel()}, index=places), pd.Series("clip", index=places)
    )
    table, shares = pooled(table, {"image/mean": ["b_line_count"]}, by_point, [str(i) for i in range(40)], known={})
    found = explain.explain_fold(model, X, X, table, pooled=shares, log_odds=True)
    weight = model[-1].coef_[0, 0] / model[1].scale_[0]
    # the mean over rows of the pooled column stands for the mean of each point
    wanted = weight / 3 * (parts[:, 0] - X.mean())
    np.testing.assert_allclose(found.values, wanted, atol=1e-5)
    assert [table.table["label"][i] for i in found.features] == [f"B-lines at {p}" for p in ("R1", "R2", "R3")]


def test_points_of_a_linear_model_are_told_from_its_own_centre_where_patients_lack_images():
    """Moving one point by d moves the log-odds by w d / 3: its value is that for its distance from the model's centre."""
    rng = np.random.default_rng(1)
    parts = rng.lognormal(sigma=1.5, size=(40, 3))
    X = np.column_stack([parts.mean(axis=1), rng.normal(size=40)])
    y = (X[:, 0] + 0.2 * rng.normal(size=40) > np.median(X[:, 0])).astype(float)
    X[::3, 0] = np.nan  # imputed by the median, far below the mean of those known
    blocks = {"image/mean": ["b_line_count"], "blood": ["CRP"]}
    who = [str(i) for i in range(40)]
    scanned = [i for i in range(40) if np.isfinite(X[i, 0])]
    places = pd.MultiIndex.from_product([[who[i] for i in scanned], ["R1", "R2", "R3"]])
    by_point = ByPoint(
        pd.DataFrame({"b_line_count": parts[scanned].ravel()}, index=places), pd.Series("clip", index=places)
    )
    table, shares = pooled(columns(blocks), blocks, by_point, who, known={})
    plain = models.make("logistic").fit(X, y)
    weight = plain[-1].coef_[0, 0] / plain[1].scale_[0]
    wanted = weight / 3 * (parts[scanned] - plain[1].mean_[0])
    nested = models.Nested({"a": (models.make("logistic"), [0, 1])}).fit(X, y)
    for model in (plain, nested):
        found = explain.explain_fold(model, X, X, table, pooled=shares, log_odds=True)
        labels = [table.table["label"][i] for i in found.features]
        at = [labels.index(f"B-lines at {p}") for p in ("R1", "R2", "R3")]
        np.testing.assert_allclose(found.values[scanned][:, at], wanted, atol=1e-5)


def test_sharing_keeps_sums_and_gives_a_maximum_to_the_point_that_reaches_it():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 2))
    parts = rng.normal(size=(6, 2, 4)).astype(np.float32)
    parts[2, :, 1], parts[4] = np.nan, np.nan
    which = explain.Pooled(
        np.arange(2), np.arange(8).reshape(2, 4), parts, np.array([False, True]), np.array([True, True])
    )
    for signed in (False, True):
        shared, left = carried(values, np.zeros(2), which, signed)
        np.testing.assert_allclose(shared.sum(axis=2) + left, values)
        assert (shared[2, :, 1] == 0).all()
        assert (shared[4] == 0).all()
        np.testing.assert_array_equal(left[4], values[4])
        assert (shared[0, 1].nonzero()[0] == [parts[0, 1].argmax()]).all()
    assert (np.sign(carried(values, np.zeros(2), which, False)[0][0, 0]) == np.sign(values[0, 0])).all()


def embeddings(names):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"clip": ["1_R1", "1_R3"], "patient": "1", "point": ["R1", "R3"], "take": 1})
    table = table.assign(first=[0, 2], frames=2, total=9, problems="")
    values = rng.normal(size=(4, len(names))).astype(np.float32)
    nothing = pd.DataFrame(columns=["clip", "patient", "path", "reason"])
    return Embeddings(table, values, tuple(names), {"name": "made"}, nothing)


def test_image_features_are_chosen_by_whether_they_have_a_name():
    whole = embeddings(NAMES)
    assert chosen(whole, "both") is whole
    artefacts, dimensions = chosen(whole, "artefacts"), chosen(whole, "embedding")
    assert artefacts.names == NAMES[:3]
    assert dimensions.names == NAMES[3:]
    np.testing.assert_array_equal(np.hstack([artefacts.values, dimensions.values]), whole.values)


def test_encoder_without_the_features_asked_for_is_refused_with_what_to_do():
    with pytest.raises(check.InputError, match=r"'made' names no artefact.*blues-lus or frame-stats"):
        chosen(embeddings(["map_001", "map_002"]), "artefacts")
    with pytest.raises(check.InputError, match="no anonymous embedding.*artefacts or both"):
        chosen(embeddings(["b_line_count", "brightness_p10"]), "embedding")
    with pytest.raises(check.InputError, match="--image-features is 'artifacts'"):
        chosen(embeddings(NAMES), "artifacts")


def test_points_stand_side_by_side_for_artefacts_alone_unless_said_otherwise():
    assert Experiment().points == "mean"
    assert Experiment(image_features="artefacts").points == "concat"
    assert Experiment(image_features="artefacts", points="max").points == "max"
    assert 'points = "concat"' in Experiment(image_features="artefacts").to_toml()


@pytest.fixture(scope="module")
def attentive():
    return explained(make_design("concat"), "attention", explain=("image", "image+blood"), repeats=1)


def test_attention_weights_are_out_of_fold_by_point_and_clip(attentive):
    table = attentive.attributions.attention
    one = table[table["arm"] == "image+blood"]
    total = one.groupby(["patient", "repeat"])["weight"].sum()
    np.testing.assert_allclose(total, 1, atol=1e-5)
    assert len(total) == 60
    assert set(one["token"]) == {*POINTS, "blood"}
    scanned = one[(one["kind"] == "image") & (one["weight"] > 0)]
    assert (scanned["clip"] == scanned["patient"] + "_" + scanned["token"]).all()
    assert (one.loc[(one["kind"] == "image") & (one["clip"] == ""), "weight"] == 0).all()
    assert set(one.loc[one["patient"] == "1"].query("weight > 0")["token"]) == {"blood"}
    keys = ["patient", "arm", "repeat"]
    folds = one.drop_duplicates(keys).merge(attentive.predictions, on=keys, suffixes=("", "_run"))
    assert (folds["fold"] == folds["fold_run"]).all()


def test_attention_goes_to_the_point_with_the_signal_and_is_summarised(attentive):
    found = explain.attention_by_point(attentive.attributions, "image")
    assert found.iloc[0]["token"] == "R3"
    assert (found["low"] <= found["value"]).all()
    assert (found["value"] <= found["high"]).all()
    with pytest.raises(check.InputError, match="arm 'blood' has no attention weights.*--model attention"):
        explain.attention_by_point(attentive.attributions, "blood")


def test_points_and_attention_read_back_and_are_left_out_where_there_are_none(attentive, tmp_path):
    folder = attentive.save(tmp_path / "run")
    back = Run.load(folder).attributions
    pd.testing.assert_frame_equal(back.points, attentive.attributions.points, check_dtype=False)
    pd.testing.assert_frame_equal(back.attention, attentive.attributions.attention, check_dtype=False)
    shown = back.points.set_index(["patient", "point", "feature"])
    assert shown.loc[("7", "R3", "b_line_count"), "unit"] == "count"
    assert set(back.points["feature"]) == set(NAMES[:3])
    empty = {"points": back.points.iloc[:0], "attention": back.attention.iloc[:0]}
    dataclasses.replace(attentive, attributions=dataclasses.replace(back, **empty)).save(folder)
    again = Run.load(folder).attributions
    assert len(again.points) == len(again.attention) == 0
