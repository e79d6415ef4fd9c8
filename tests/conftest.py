"""Shared fixtures. Threads are pinned before the first numeric import: the suite runs on two cores with two workers."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("MPLBACKEND", "agg")

from pathlib import Path

import numpy as np
import pytest

from blues import datasets

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory, request):
    """No test reads or writes the user's cache."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("BLUES_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    monkeypatch.undo()


@pytest.fixture(autouse=True)
def _global_random_state_untouched():
    """Nothing in blues may touch NumPy's global generator."""
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    yield
    after = np.random.get_state()[1]  # noqa: NPY002
    assert (before == after).all(), "NumPy's global random state was changed"


def _real(variable: str, name: str, holds: str) -> Path:
    """Give a folder of real data, or skip."""
    folder = Path(os.environ.get(variable, ROOT.parent / "shared" / name))
    if not (folder / holds).exists():
        pytest.skip(f"no folder {name}; set {variable}")
    return folder


@pytest.fixture(scope="session")
def real_cohort_folder() -> Path:
    """Give the COVID-BLUES folder, or skip."""
    return _real("BLUES_DATA", "covid-blues", "clinical_variables.csv")


@pytest.fixture(scope="session")
def pocus_folder() -> Path:
    """Give the sample of POCUS clips, or skip."""
    return _real("BLUES_POCUS", "pocus-sample", "pocus_videos")


@pytest.fixture(scope="session")
def covidx_folder() -> Path:
    """Give the tables of COVIDx-US, or skip."""
    return _real("BLUES_COVIDX", "covidx-us-sample", "labels")


def _state(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def synthetic_cohort(tmp_path_factory):
    """Give a synthetic cohort of 24 patients; its folder is read by many tests, and one that edits it takes a copy."""
    cohort = datasets.synthetic(tmp_path_factory.mktemp("synthetic") / "cohort", patients=24, frames=8, size=64, seed=3)
    before = _state(cohort.folder)
    yield cohort
    assert _state(cohort.folder) == before, "a test edited the cohort that others read"


@pytest.fixture
def rng() -> np.random.Generator:
    """Give a generator with a fixed seed."""
    return np.random.default_rng(20210501)
