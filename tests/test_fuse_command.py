"""The command, its experiment.toml, and the same from Python."""

import json
import tomllib

import pandas as pd
import pytest

from blues import check
from blues.cohort import card
from blues.fuse import Experiment, Run, main, prepare, run

FLAGS = [
    *(
        "--modalities",
        "image",
        "blood",
        "--select",
        "logistic/early",
        "plain-logistic/late/platt",
        "--threshold",
        "youden",
    ),
    *(
        "--folds",
        "3",
        "--repeats",
        "2",
        "--draws",
        "100",
        "--null",
        "2",
        "--baseline",
        "CRP",
        "--explain",
        "image+blood",
    ),
    *("--encoder", "frame-stats", "--seed", "7", "--jobs", "1"),
]


@pytest.fixture(scope="module")
def folder(synthetic_cohort):
    return synthetic_cohort.folder


@pytest.fixture(scope="module")
def first(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "first"
    assert main([str(folder), *FLAGS, "--out", str(out)]) == 0
    return out


pytestmark = pytest.mark.slow


def same(a, b):
    for name in ("predictions", "scores", "comparisons", "null", "choices", "refused"):
        pd.testing.assert_frame_equal(getattr(a, name), getattr(b, name), obj=name, check_exact=True)
    assert list(a.notes) == list(b.notes)
    assert a.design == b.design


def test_from_experiment_toml_repeats_the_run_bit_for_bit(first, tmp_path):
    """Every file is the same, whatever the workers, but for the time in the provenance (and in the page made from it)."""
    again = tmp_path / "again"
    assert main(["--from", str(first / "experiment.toml"), "--jobs", "2", "--out", str(again)]) == 0
    names = {str(path.relative_to(first)) for path in first.rglob("*") if path.is_file()}
    assert names == {str(path.relative_to(again)) for path in again.rglob("*") if path.is_file()}
    assert {"attributions.parquet", "choices.csv", "null.csv"} <= names
    for name in sorted(names - {"provenance.json", "report.html"}):
        assert (again / name).read_bytes() == (first / name).read_bytes(), name
    made, remade = (json.loads((place / "provenance.json").read_text(encoding="utf-8")) for place in (first, again))
    assert made | {"made": ""} == remade | {"made": ""}


def test_flags_override_the_file(first, tmp_path):
    again = tmp_path / "again"
    assert main(["--from", str(first / "experiment.toml"), "--seed", "8", "--null", "0", "--out", str(again)]) == 0
    other = Run.load(again)
    assert other.experiment.seed == 8
    assert other.null.empty
    assert not other.predictions["fold"].equals(Run.load(first).predictions["fold"])


def test_python_gives_the_numbers_of_the_command(first, folder, tmp_path):
    experiment = check.parse(Experiment, [str(folder), *FLAGS], prog="x", description="x")
    cohort, design = prepare(experiment)
    found = run(design, experiment, cohort_card=card(cohort, experiment.task))
    same(Run.load(found.save(tmp_path / "own")), Run.load(first))


def test_file_holds_what_changes_a_number_and_nothing_else(first):
    values = tomllib.loads((first / "experiment.toml").read_text(encoding="utf-8"))
    assert values["baseline"] == ["CRP"]
    assert values["select"] == ["logistic/early", "plain-logistic/late/platt"]
    assert not {"jobs", "out", "from_", "from"} & set(values)


def test_folder_holds_everything_the_page_shows(first):
    names = {p.name for p in first.iterdir()}
    assert names >= {
        "experiment.toml",
        "predictions.parquet",
        "scores.csv",
        "comparisons.csv",
        "choices.csv",
        "null.csv",
    }
    assert names >= {"refused.csv", "cohort.json", "design.json", "notes.json", "provenance.json", "report.html"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--task", "pcrr"], "Nearest: 'pcr'"),
        (["--baseline", "pcr_ct"], "its role is leak"),
        (["--task", "icu", "--allow", "oxygen"], "depends on that treatment itself"),
        (["--task", "severity", "--modalities", "expert"], "derived from expert ratings"),
        (["--validate", "5"], "at least 10"),
        (["--encoder", "frame-stats"], "--encoder has no use here: no arm looks at images"),
        (["--image-features", "artefacts"], "--image-features has no use here"),
        (["--examine", "blood"], "--examine has no use here: it names arms for --validate"),
        (["--select", "forest", "svm"], "--model has no use here: --select names the candidates"),
        (["--subgroups", "sex"], "--subgroups has no use here: no arm looks at images"),
        (["--margin", "nan"], "--margin is nan"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(folder, flags, message, capsys):
    assert main([str(folder), "--modalities", "blood", "--model", "logistic", *flags]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--subgroups", "nope"], "--subgroups: column"),
        (["--subgroups", "age:900"], "every patient lies on one side"),
        (["--margin", "0.6"], "more than half of what can be gained"),
    ],
)
def test_what_the_table_alone_forbids_is_said_before_any_clip_is_read(folder, flags, message, capsys, monkeypatch):
    monkeypatch.setattr("blues.embed.embed", lambda *_, **__: pytest.fail("clips were read"))
    assert main([str(folder), "--modalities", "image", "blood", "--model", "logistic", *flags]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_that_is_no_runs_is_left_alone(tmp_path, capsys):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "scores.csv").write_text("mine\n")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "cohort.toml").write_text("")
    (tmp_path / "study" / "experiment.toml").write_text("")
    for folder, name in (("theirs", "scores.csv"), ("study", "cohort.toml")):
        assert main(["synthetic", "--out", str(tmp_path / folder)]) == 2
        assert f"the folder is no run's: it holds {name}" in capsys.readouterr().err
    assert (tmp_path / "theirs" / "scores.csv").read_text() == "mine\n"
