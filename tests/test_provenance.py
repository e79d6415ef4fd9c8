import errno
import gc
import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from blues import provenance


def test_replacing_keeps_the_old_file_when_the_block_fails(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail():
        with provenance.replacing(target) as draft:
            draft.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]  # noqa: PTH208


@pytest.mark.parametrize("named", [False, True])
def test_errors_name_the_file_that_was_asked_for(tmp_path, named):
    def fill():
        with provenance.replacing(tmp_path / "a.txt") as draft:
            raise OSError(errno.ENOSPC, "No space left", *[str(draft)] * named)

    with pytest.raises(OSError, match="No space") as full:
        fill()
    assert full.value.filename == str(tmp_path / "a.txt")
    assert not list(tmp_path.iterdir())


def test_other_files_keep_their_name_in_an_error(tmp_path):
    def read():
        with provenance.replacing(tmp_path / "a.txt"):
            (tmp_path / "other.csv").read_text()

    with pytest.raises(FileNotFoundError) as missing:
        read()
    assert missing.value.filename == str(tmp_path / "other.csv")


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path):
    (tmp_path / "a.txt").mkdir()

    def write():
        with provenance.replacing(tmp_path / "a.txt") as draft:
            draft.write_text("x")

    with pytest.raises(IsADirectoryError) as taken:
        write()
    assert taken.value.filename == str(tmp_path / "a.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_whether_a_folder_can_be_written_is_known_before(tmp_path, monkeypatch):
    provenance.check_writable(tmp_path)
    provenance.check_writable(tmp_path / "new" / "folder")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    for taken in ("file", "file/below"):
        with pytest.raises(NotADirectoryError) as error:
            provenance.check_writable(tmp_path / taken)
        assert error.value.filename == str(tmp_path / "file")
    if Path("/proc/self").exists():  # a file system that takes no new files, whoever asks
        with pytest.raises(PermissionError) as error:
            provenance.check_writable("/proc/new")
        assert error.value.filename == "/proc"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError) as error:
        provenance.check_writable(tmp_path / "new")
    assert error.value.filename == str(tmp_path)


@pytest.mark.parametrize(
    ("said", "told"), [(errno.ENOENT, PermissionError), (errno.ENOSPC, OSError), (errno.EROFS, OSError)]
)
def test_a_file_system_that_takes_no_files_is_known_before(tmp_path, monkeypatch, said, told):
    def refuse(dir):
        raise OSError(said, os.strerror(said), f"{dir}/tmp")

    monkeypatch.setattr(provenance.tempfile, "TemporaryFile", refuse)
    with pytest.raises(told) as error:
        provenance.check_writable(tmp_path / "new")
    assert error.value.filename == str(tmp_path)
    assert error.value.errno == (errno.EACCES if said == errno.ENOENT else said)


def test_hashes_depend_on_content_and_names_not_on_order(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("1")
    b.write_text("2")
    assert provenance.files_hash([a, b]) == provenance.files_hash([b, a])
    before = provenance.files_hash([a, b])
    b.write_text("3")
    assert provenance.files_hash([a, b]) != before
    # SHA-256 of "abc", FIPS 180-4
    assert provenance.text_hash("abc").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_record_is_json_and_names_no_person_or_path(tmp_path):
    text = json.dumps(provenance.record(seed=3, data="x"))
    assert json.loads(text)["seed"] == 3
    assert json.loads(text)["packages"]["numpy"]
    assert str(tmp_path.home()) not in text


def test_write_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        provenance.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_import_is_light_and_sets_the_wait_policy():
    code = (
        "import os, sys; os.environ.pop('OMP_WAIT_POLICY', None); import blues;"
        "assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'; print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


class Slow:
    """Garbage in a ring: when it is collected, in the middle of whatever runs, other threads get their turn."""

    def __init__(self):
        self.ring = self

    def __del__(self):
        for _ in range(200):
            pass


def test_arrays_can_be_loaded_in_several_threads():
    kept = io.BytesIO()
    np.save(kept, np.arange(15.0).reshape(5, 3))

    def load(_):
        Slow()
        return provenance.load_array(io.BytesIO(kept.getvalue())).sum()

    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    try:
        gc.set_threshold(20)
        sys.setswitchinterval(1e-5)
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(load, range(8000))) == {105.0}
    finally:
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)
