"""What the cache keeps is used only as it was written: edited, damaged and earlier files are made again."""

import json

import numpy as np
import pandas as pd
import pytest
import test_embed
from test_embed import Fake, age, same

from blues.embed import embed
from blues.provenance import file_hash


@pytest.fixture
def cohort(tmp_path):
    made = test_embed.make_cohort(tmp_path / "cohort", clips=3)
    age(made)
    return made


def test_an_edited_record_of_a_run_is_not_used(cohort, tmp_path):
    first = embed(cohort, Fake(), cache=tmp_path / "cache")
    record = next((tmp_path / "cache" / "runs").glob("*.json"))
    record.write_text(record.read_text().replace('"total": 5', '"total": 7'))
    assert "7" in record.read_text()
    assert same(first, embed(cohort, Fake(), cache=tmp_path / "cache"))


@pytest.mark.parametrize("place", ["runs", "contents"])
@pytest.mark.parametrize(
    "content", ["[]", "null", "3", "{}", '{"kept": {}}', '{"kept": [], "sha256": []}', "\udcff", "[" * 100_000]
)
def test_records_of_other_shapes_are_made_again(cohort, tmp_path, monkeypatch, place, content):
    monkeypatch.setattr("blues.embed.store.FRESH", 0)
    first = embed(cohort, Fake(), cache=tmp_path / "cache")
    record = next((tmp_path / "cache" / place).glob("*.json"))
    whole = json.loads(record.read_text())
    record.write_text(content, errors="surrogateescape")
    encoder = Fake()
    assert same(first, embed(cohort, encoder, cache=tmp_path / "cache"))
    assert encoder.calls == []
    assert json.loads(record.read_text()) == whole


@pytest.mark.parametrize("clips", [[], [{"frames": 1, "total": 5, "problems": ""}], 3])
def test_records_of_an_earlier_version_are_made_again(cohort, tmp_path, clips):
    """They had the hash of the values and none of their own."""
    first = embed(cohort, Fake(), cache=tmp_path / "cache")
    record = next((tmp_path / "cache" / "runs").glob("*.json"))
    record.write_text(json.dumps({"hash": file_hash(record.with_suffix(".npy")), "clips": clips}))
    assert same(first, embed(cohort, Fake(), cache=tmp_path / "cache"))


def test_an_edited_index_does_not_give_one_clip_the_values_of_another(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr("blues.embed.store.FRESH", 0)
    first = embed(cohort, Fake(), cache=tmp_path / "cache")
    values = np.array(first.values)
    index = next((tmp_path / "cache" / "contents").glob("*.json"))
    one, other = (file_hash(cohort.folder / path) for path in cohort.clips["path"].iloc[:2])
    assert one in index.read_text()
    index.write_text(index.read_text().replace(one, other))
    again = embed(cohort, Fake(), cache=tmp_path / "cache")
    pd.testing.assert_frame_equal(again.table, first.table)
    assert np.array_equal(again.values, values)


def test_a_place_that_takes_no_files_is_named_before_clips_are_read(tmp_path, monkeypatch, capsys):
    from blues.embed import main, pipeline

    monkeypatch.setattr(pipeline.video, "read", lambda *a, **k: pytest.fail("a clip was read"))
    monkeypatch.setattr("blues.provenance.tempfile.TemporaryFile", _no_files)
    assert main(["synthetic", "--encoder", "frame-stats", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path}: no permission to read or write it" in said
    assert "choose another place" in said


def _no_files(dir):
    raise FileNotFoundError(2, "No such file or directory", f"{dir}/tmp")
