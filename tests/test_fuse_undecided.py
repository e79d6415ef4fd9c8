"""A draft that nobody has decided is warned of wherever its predictions are read."""

import re
import shutil

import pytest

import blues.cohort
from blues import datasets, fuse
from blues.features import design
from blues.fuse.notes import cohort_notes
from blues.fuse.transfer import joined

TOLD = "cohort.toml: 2 lines marked # DECIDE: that nobody has decided; taken as drafted"


def made(cohort, folder, marks, name="synthetic"):
    """Copy a made-up cohort and give its dictionary so many lines that wait for a decision."""
    shutil.copytree(cohort.folder, folder)
    path = folder / "cohort.toml"
    text = path.read_text(encoding="utf-8").replace('name = "synthetic"', f'name = "{name}"', 1)
    path.write_text(text + "# DECIDE: known at admission?\n" * marks, encoding="utf-8")
    return folder


@pytest.mark.parametrize("task", ["pcr", "discharge"])
def test_the_command_and_its_page_warn_of_undecided_lines(synthetic_cohort, tmp_path, capsys, task):
    flags = ["--task", task, "--modalities", "blood", "--repeats", "1", "--null", "0", "--jobs", "1"]
    out = tmp_path / "run"
    assert (
        fuse.main([str(made(synthetic_cohort, tmp_path / "made", 2)), *flags, "--explain", "none", "--out", str(out)])
        == 0
    )
    said = capsys.readouterr()
    assert f"Not decided: {TOLD}" in said.err
    assert f"WARNING: synthetic: {TOLD}" in said.out
    page = re.sub("<[^>]+>", "", (out / "report.html").read_text(encoding="utf-8"))
    assert f"Take care: synthetic: {TOLD}" in page


def test_a_transfer_warns_of_both_cohorts(synthetic_cohort, tmp_path):
    other = datasets.synthetic(tmp_path / "other", patients=24, frames=8, size=64, seed=1)
    cohorts = [
        blues.cohort.read(made(source, tmp_path / name, marks, name))
        for source, name, marks in ((synthetic_cohort, "a", 2), (other, "b", 1))
    ]
    a, b = ((cohort, design(cohort, "pcr", ["blood"])) for cohort in cohorts)
    _, about = joined(*a, *b)
    told = [note["text"] for note in cohort_notes(about)]
    assert told[0].startswith("b: cohort.toml: 1 line marked")
    assert told[1].startswith("a: cohort.toml: 2 lines marked")
    assert not cohort_notes(design(blues.cohort.read(made(synthetic_cohort, tmp_path / "c", 0)), "pcr", ["blood"]))
