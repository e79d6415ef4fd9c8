"""Shared fixtures. Threads are pinned before the first numeric import: the suite runs on two cores with two workers."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("MPLBACKEND", "agg")

from pathlib import Path

import numpy as np
import pytest

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


@pytest.fixture(scope="session")
def real_cohort_folder() -> Path:
    """Give the COVID-BLUES folder, or skip."""
    folder = Path(os.environ.get("BLUES_DATA", ROOT.parent / "shared" / "covid-blues"))
    if not (folder / "clinical_variables.csv").is_file():
        pytest.skip("no COVID-BLUES folder; set BLUES_DATA")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """Give a generator with a fixed seed."""
    return np.random.default_rng(20210501)
