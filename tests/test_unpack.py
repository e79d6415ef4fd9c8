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
        ([("a\nb", "x")], "sign in its name that is not shown"),
        ([("a\u202evsc.exe", "x")], "sign in its name that is not shown"),
        ([("a", "x"), ("a/b.txt", "y")], "'a' is both a file and the folder of 'a/b.txt'"),
        ([("top/z.csv", "1"), ("top/a/b/c.txt", "y"), ("top/A", "x")], "'top/A' is both a file and the folder"),
        ([(f"{i}.csv", b"0" * 9_900_000) for i in range(3)], "it would grow .* times"),
        ([], "holds no files"),
        ([("only/", ""), ("only/folders/", "")], "holds no files"),
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


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=str
)
def test_damage_is_told_whatever_the_compression(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as file:
        file.writestr("clip.bin", os.urandom(20_000))
    content = (tmp_path / "a.zip").read_bytes()
    for start in (40, 10_000):  # what the compressor wrote first, and in the middle
        (tmp_path / "a.zip").write_bytes(content[:start] + b"\xff" * 60 + content[start + 60 :])
        with pytest.raises(InputError, match=r"a\.zip: damaged zip archive at 'clip.bin' \([^)]*[A-Za-z].*again"):
            unpack.unpack(tmp_path / "a.zip", tmp_path / "out")
        assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("count", [1, 2])  # where the file lies, and in the table of contents too
def test_a_name_that_is_not_utf8_is_damage(tmp_path, count):
    name = "\N{LATIN SMALL LETTER U WITH DIAERESIS}.csv"
    content = archive(tmp_path / "a.zip", [(name, "x")]).read_bytes()
    (tmp_path / "a.zip").write_bytes(content.replace(name.encode(), b"\xff\xff.csv", count))
    with pytest.raises(InputError, match="damaged zip archive"):
        unpack.unpack(tmp_path / "a.zip", tmp_path / "out")


def test_a_file_that_is_cut_short_does_not_get_its_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a.csv", "half")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    size = content.index(b"PK\x01\x02") + 24
    content[size : size + 4] = (8).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(content)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.csv").write_text("mine")
    with pytest.raises(InputError, match="cut short"):
        unpack.unpack(tmp_path / "a.zip", tmp_path / "out", force=True)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.csv"]
    assert (tmp_path / "out" / "a.csv").read_text() == "mine"


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


def test_unpack_meets_a_link_to_itself(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.csv").symlink_to("a.csv")
    with pytest.raises(InputError, match="through a link"):
        unpack.unpack(archive(tmp_path / "a.zip", [("a.csv", "x")]), tmp_path / "out", force=True)


def test_unpack_does_not_follow_a_link_out_of_the_folder(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "clips").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="through a link"):
        unpack.unpack(archive(tmp_path / "a.zip", [("a.csv", "x"), ("clips/b.mp4", "y")]), tmp_path / "out", force=True)
    assert not list((tmp_path / "elsewhere").iterdir())
