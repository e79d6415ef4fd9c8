"""The first page for a new user, followed word for word on a folder made from scratch."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from blues import cohort, fuse

PAGE = Path(__file__).parents[1] / "docs" / "getting-started.md"


@pytest.fixture
def own(tmp_path, monkeypatch):
    rng = np.random.default_rng(4)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLUES_CACHE", str(tmp_path / "cache"))
    clips = tmp_path / "my-cohort" / "clips"
    clips.mkdir(parents=True)
    lines = ["patient,age,sex,crp,ldh,admitted_icu,pcr"]
    for i in range(1, 25):
        positive = i % 2
        crp = -99 if i == 3 else round(30 + 50 * positive + 20 * rng.random(), 1)
        icu, pcr = ("yes" if i % 5 == 0 else "no"), ("positive" if positive else "negative")
        lines.append(f"P{i:03d},{40 + i},{'mf'[i % 3 == 0]},{crp},{rng.integers(200, 400)},{icu},{pcr}")
        for point in ("R1", "L1"):
            np.save(clips / f"P{i:03d}_{point}.npy", rng.integers(0, 255, (4, 48, 64), dtype=np.uint8))
    (clips.parent / "patients.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return clips.parent


def test_what_a_package_says_of_itself_leads_somewhere():
    project = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    links = re.findall(r"\]\((.*?)\)|<(.*?)>", project["readme"]["text"])
    assert {one or other for one, other in links} == {project["urls"]["Documentation"]}
    licence = (PAGE.parents[1] / "LICENSE").read_text(encoding="utf-8")
    assert [one["name"] for one in project["authors"]] == [re.search(r"Copyright \(c\) \d+ (.*)", licence)[1]]


def test_two_tables_become_one_as_the_page_says(own):
    table = own / "patients.csv"
    whole = table.read_text(encoding="utf-8")
    rows = [line.split(",") for line in whole.splitlines()]
    for name, columns in (("clinical", (0, 1, 2)), ("blood", (0, 3, 4, 5, 6))):
        lines = [",".join(row[i] for i in columns) for row in rows]
        (own / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    table.unlink()
    (merge,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(merge, {})
    assert table.read_text(encoding="utf-8") == whole


@pytest.mark.slow
def test_the_page_holds_word_for_word(own, capsys):
    page = PAGE.read_text(encoding="utf-8")
    init, read, run = re.findall(r"^    python -m (blues\.\w+ .*)$", page, re.MULTILINE)
    assert cohort.main(init.split()[1:]) == 0
    drafted = (own / "cohort.toml").read_text(encoding="utf-8")
    shown, wanted = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    for line in shown.splitlines():
        assert line.removesuffix(" ...") in drafted
    columns, section = wanted.split("\n\n")
    # the user takes away the marks, writes the two columns anew, and uncomments the section
    decided = re.sub(r"#? ?# DECIDE:.*", "", drafted)
    for line in columns.splitlines():
        decided = re.sub(rf"^{line.split()[0]} = .*$", line, decided, flags=re.MULTILINE)
    assert re.sub(r"^# ", "", drafted, flags=re.MULTILINE).count(section.split("label")[0]) == 1
    assert section.strip().splitlines()[-1] in drafted
    (own / "cohort.toml").write_text(f"{decided}\n{section}", encoding="utf-8")
    assert cohort.main(read.split()[1:]) == 0
    printed = capsys.readouterr().out
    assert "12 of 24" in printed
    assert "nobody has decided" not in printed
    quick = re.search(r"`(--repeats 2 --null 0 --explain none)`", page)[1].split()
    assert fuse.main([*run.split()[1:], *quick, "--encoder", "frame-stats", "--draws", "100"]) == 0
    report = Path("reports/mine/report.html").read_text(encoding="utf-8")
    assert "PCR positive in my-cohort" in report
