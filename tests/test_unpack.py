"""Zip archives from the net: hostile, damaged, and such that files are there already."""

import os
import stat
import zipfile
from pathlib import Path

import pytest

from blues.check import InputError
from blues.datasets import unpack


def archive(path, entries, comment=b""):
    """Write a zip of (name, content) or (ZipInfo, content)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.comment = comment
        for name, content in entries:
            file.writestr(name, content)
    return path


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("entries", "match"),
    [
        ([("good.csv", "a"), ("../evil", "x")], "leads outside"),
        ([("good.csv", "a"), ("top/../../evil", "x")], "leads outside"),
        ([("/etc/evil", "x")], "leads outside"),
        ([("a\\..\\evil", "x")], "leads outside"),
        ([("C:/evil", "x")], "leads outside"),
        ([("a\nb", "x")], "leads outside"),
        ([("good.csv", "a"), (link("clips"), "/etc")], "is a link or device"),
        ([("bomb.csv", b"0" * 20_000_000)], "would grow"),
        ([("a.csv", "1"), ("A.csv", "2")], "same name"),
    ],
)
def test_hostile_archives_write_nothing(tmp_path, entries, match):
    folder = tmp_path / "out"
    with pytest.raises(InputError, match=match):
        unpack.unpack(archive(tmp_path / "a.zip", entries), folder)
    assert not folder.exists()
    assert {p.name for p in tmp_path.iterdir()} == {"a.zip"}


def test_totals_are_limited(tmp_path, monkeypatch):
    path = archive(tmp_path / "a.zip", [(f"{i}.txt", "x" * 1000) for i in range(5)])
    monkeypatch.setattr(unpack, "MOST_FILES", 4)
    with pytest.raises(InputError, match="more than 4 files"):
        unpack.unpack(path, tmp_path / "out")
    monkeypatch.setattr(unpack, "MOST_FILES", 100)
    monkeypatch.setattr(unpack, "MOST_BYTES", 4999)
    with pytest.raises(InputError, match="would unpack to more"):
        unpack.unpack(path, tmp_path / "out")


def test_encrypted_overlapping_and_damaged_archives(tmp_path):
    plain = archive(tmp_path / "a.zip", [("a.txt", os.urandom(2000))]).read_bytes()
    (tmp_path / "e.zip").write_bytes(plain.replace(b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\1\0"))
    with pytest.raises(InputError, match="encrypted"):
        unpack.unpack(tmp_path / "e.zip", tmp_path / "out")
    central = plain.index(b"PK\x01\x02")
    end = plain.index(b"PK\x05\x06")
    again = plain[central:end].replace(b"a.txt", b"b.txt")  # a second name for the same bytes
    tail = bytearray(plain[end:])
    tail[8:12] = b"\2\0\2\0"
    tail[12:16] = (2 * (end - central)).to_bytes(4, "little")
    (tmp_path / "o.zip").write_bytes(plain[:end] + again + tail)
    with pytest.raises(InputError, match="overlap"):
        unpack.unpack(tmp_path / "o.zip", tmp_path / "out")
    (tmp_path / "c.zip").write_bytes(plain[:500] + bytes(100) + plain[600:])
    with pytest.raises(InputError, match="damaged zip archive"):
        unpack.unpack(tmp_path / "c.zip", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


def test_unpack_drops_the_top_folder_and_keeps_what_is_there(tmp_path):
    path = archive(
        tmp_path / "a.zip", [("repo-main/", ""), ("repo-main/a.csv", "new"), ("repo-main/clips/b.mp4", "clip")]
    )
    folder = tmp_path / "out"
    assert unpack.unpack(path, folder) == [Path("a.csv"), Path("clips/b.mp4")]
    assert (folder / "clips/b.mp4").read_text() == "clip"
    before = (folder / "a.csv").stat().st_mtime_ns
    unpack.unpack(path, folder)
    assert (folder / "a.csv").stat().st_mtime_ns == before
    (folder / "a.csv").write_text("old")
    (folder / "clips/b.mp4").unlink()
    with pytest.raises(InputError, match=r"a\.csv exists and differs.*--force.*nothing was written"):
        unpack.unpack(path, folder)
    assert not (folder / "clips/b.mp4").exists()
    unpack.unpack(path, folder, force=True)
    assert (folder / "a.csv").read_text() == "new"


def test_unpack_does_not_follow_a_link_out_of_the_folder(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "clips").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="through a link"):
        unpack.unpack(archive(tmp_path / "a.zip", [("a.csv", "x"), ("clips/b.mp4", "y")]), tmp_path / "out", force=True)
    assert not list((tmp_path / "elsewhere").iterdir())
