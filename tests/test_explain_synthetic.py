"""The whole way from drawn clips to explanations: what was planted is found where it was planted, and nothing else is."""

import pytest

from blues import datasets, explain
from blues.fuse import Experiment, prepare, run

pytestmark = pytest.mark.long
SMALL = {"patients": 40, "frames": 8, "size": 96, "seed": 5}
QUICK = {"model": ("xgboost",), "folds": 4, "repeats": 3, "draws": 100, "jobs": 1, "null": 19}


def explained(folder, signal, blood_signal, **more):
    datasets.synthetic(folder, signal=signal, blood_signal=blood_signal, **SMALL)
    experiment = Experiment(cohort=str(folder), explain=("image+clinical+blood",), **QUICK | more)
    _, design = prepare(experiment)
    return run(design, experiment).attributions


def named(record, level):
    return explain.importance(record, "image+clinical+blood", level, draws=100)


def test_signal_in_the_clips_is_found_in_the_images_at_the_points_where_it_is_strongest(tmp_path):
    record = explained(tmp_path / "cohort", signal=4.0, blood_signal=0.0, image_features="artefacts")
    modality = named(record, "modality").set_index("name")
    assert modality["value"].idxmax() == "image"
    assert not modality.loc["image", "inside_null"]
    assert modality.loc[["clinical", "blood"], "inside_null"].all()
    points = named(record, "point").set_index("name")
    # planted at weight 1 at R3 and L3, 0.6 at R2 and L2, 0.3 at R1 and L1
    assert set(points.index[:2]) <= {"R3", "L3", "R2", "L2"}
    assert points.index[0] in ("R3", "L3")
    assert not points.iloc[0]["inside_null"]
    assert points.loc[["R3", "L3"], "value"].sum() > points.loc[["R1", "L1"], "value"].sum()
    top = named(record, "feature").iloc[0]
    assert top["name"].split(" at ")[-1] in ("R3", "L3", "R2", "L2")
    assert not top["inside_null"]


def test_without_signal_nothing_leaves_the_null_band(tmp_path):
    record = explained(tmp_path / "cohort", signal=0.0, blood_signal=0.0, image_features="artefacts")
    for level in explain.LEVELS:
        table = named(record, level)
        assert table["inside_null"].all(), (level, table[["name", "value", "null_high", "p_value"]].head())
