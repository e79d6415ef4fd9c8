"""The workers of a Dask cluster embed as one machine does."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from blues import datasets
from blues.check import InputError
from blues.embed import embed

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    made = datasets.synthetic(tmp_path_factory.mktemp("made") / "cohort", patients=8, frames=8, size=64, seed=2)
    path = made.folder / made.clips["path"].iloc[3]
    path.write_bytes(b"no clip")
    return made


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", host="127.0.0.1"
    ) as made:
        yield made


def test_same_values_as_on_one_machine_and_looked_up_afterwards(cohort, cluster, tmp_path, monkeypatch):
    here = embed(cohort, cache=tmp_path / "here", progress=False)
    there = embed(cohort, cache=tmp_path / "there", progress=False, cluster=cluster.scheduler_address)
    np.testing.assert_array_equal(there.values, here.values)
    pd.testing.assert_frame_equal(there.table, here.table)
    pd.testing.assert_frame_equal(there.quarantine, here.quarantine)
    assert len(there.quarantine) == 1
    with distributed.Client(cluster, set_as_default=False) as client:
        again = embed(cohort, encoder="frame-stats", cache=tmp_path / "there", progress=False, cluster=client)
        monkeypatch.setattr("blues.video.read", None)  # whoever decodes a clip here now fails
        found = embed(cohort, encoder="frame-stats", cache=tmp_path / "there", progress=False, cluster=client)
    np.testing.assert_array_equal(found.values, again.values)


def test_what_cannot_be_used_is_said(cohort, cluster, tmp_path):
    with pytest.raises(
        InputError, match=r"no scheduler answers at tcp://127.0.0.1:9.*Allowed: such as tcp://HOST:8786"
    ):
        embed(cohort, cache=tmp_path, progress=False, cluster="tcp://127.0.0.1:9")
    with (
        distributed.LocalCluster(
            n_workers=0, processes=True, dashboard_address="127.0.0.1:0", host="127.0.0.1"
        ) as empty,
        pytest.raises(InputError, match=r"has no worker. dask worker tcp://"),
    ):
        embed(cohort, cache=tmp_path, progress=False, cluster=empty.scheduler_address)


def test_a_worker_that_sees_another_disk_is_said(cohort, cluster, tmp_path, monkeypatch):
    from blues.embed import cluster as module

    def elsewhere(name, work):
        return module._Told("0" * 64, "" if name else "", None)

    monkeypatch.setattr(module, "_on_worker", elsewhere)
    with pytest.raises(InputError, match=r"workers do not keep their clips here, for .* is not in the cache"):
        embed(cohort, cache=tmp_path, progress=False, cluster=cluster.scheduler_address)


def test_what_a_worker_remembers_of_a_file_is_taken_over(cohort, tmp_path):
    from blues import encoders
    from blues.embed import cluster as module
    from blues.embed.store import Contents, Entry, Store
    from blues.embed.work import Work

    store = Store(tmp_path)
    work = Work(cohort, encoders.get("frame-stats"), store, Contents(tmp_path, cohort.folder))
    store.put("ab12", Entry(np.zeros((2, work.encoder.dimensions), np.float32), 2, ()))
    name = cohort.clips["path"].iloc[0]
    assert module._taken(work, name, module._Told("ab12", "", [1, 2, 3, 4, "hash"])).entry is not None
    work.contents.save()
    assert Contents(tmp_path, cohort.folder).known == {name: [1, 2, 3, 4, "hash"]}


def test_folders_are_sent_in_full(cohort, tmp_path, monkeypatch):
    from blues import encoders
    from blues.embed import cluster as module
    from blues.embed.store import Contents, Store
    from blues.embed.work import Work

    monkeypatch.chdir(cohort.folder.parent)
    near = dataclasses.replace(cohort, folder=Path(cohort.folder.name))
    sent = module._everywhere(
        Work(near, encoders.get("frame-stats"), Store(Path("kept")), Contents(Path("kept"), near.folder))
    )
    assert sent.cohort.folder == cohort.folder.resolve()
    assert sent.store.folder.is_absolute()
