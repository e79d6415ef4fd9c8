"""The whole line through its commands, on a small synthetic cohort: what a user gets, and what a user is told."""

import io
import json
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import blues.cohort
import blues.embed
import blues.fuse
import blues.report
from blues import check, datasets, video

FLAGS = ("--model", "logistic", "--repeats", "1", "--folds", "3", "--draws", "200", "--null", "0", "--jobs", "1")
TABLES = ("--modalities", "clinical", "blood")
MODALITIES = ("image", "clinical", "blood")
ARMS = (
    *MODALITIES,
    "image+clinical",
    "image+blood",
    "clinical+blood",
    "image+clinical+blood",
)
BROKEN, CUT, TIMELESS = "patient_1_R1", "patient_2_L1", "patient_2_R2"


def command(module, *words):
    """Run a command as ``python -m MODULE WORDS`` would; return its exit status and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = module.main([str(word) for word in words])
        except SystemExit as stopped:
            status = stopped.code
    return SimpleNamespace(status=status, out=out.getvalue(), err=err.getvalue())


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Give a synthetic cohort's folder, not to be changed."""
    return datasets.synthetic(tmp_path_factory.mktemp("made") / "cohort", patients=14, seed=5, frames=8, size=64).folder


@pytest.fixture
def folder(made, tmp_path):
    """Give a copy of the cohort to break."""
    return Path(shutil.copytree(made, tmp_path / "cohort"))


@pytest.fixture(scope="session")
def line(made, tmp_path_factory):
    """Run the line on a cohort with faults: no video, a cut one, a stranger's, a word for a number, hostile names."""
    place = tmp_path_factory.mktemp("line")
    cohort = Path(shutil.copytree(made, place / "secret cohort"))
    videos = cohort / "videos"
    (videos / f"{BROKEN}.mp4").write_text("this is no video\n")
    (videos / f"{CUT}.mp4").write_bytes((videos / f"{CUT}.mp4").read_bytes()[:700])
    np.save(videos / f"{TIMELESS}.npy", video.read(videos / f"{TIMELESS}.mp4", rate=20).frames)
    (videos / f"{TIMELESS}.mp4").unlink()
    shutil.copy(videos / "patient_3_R1.mp4", videos / "patient_99_R1.mp4")
    for clip in videos.glob("patient_4_*"):
        clip.unlink()
    set_cells(cohort, "crp", "high", row=3)
    swap(cohort / "cohort.toml", 'name = "synthetic"', 'name = "<script>alert(1)</script> 🫁 ../../x"')
    swap(cohort / "cohort.toml", 'label = "CRP"', 'label = "<b onload=evil()>CRP</b>"')
    done = command(blues.fuse, cohort, *FLAGS, "--out", place / "run")
    assert done.status == 0, done.err
    return SimpleNamespace(cohort=cohort, run=place / "run", out=done.out, err=done.err)


def set_cells(folder, column, text, row=None):
    """Write a text into a column of the patient table: in one row of the file (the header is row 1) or in all."""
    path = folder / "clinical.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[slice(None) if row is None else row - 2, column] = text
    table.to_csv(path, index=False)


def swap(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_run_folder_holds_what_the_design_names(line):
    have = {path.name for path in line.run.iterdir()}
    assert have >= {
        "experiment.toml",
        "predictions.parquet",
        "scores.csv",
        "comparisons.csv",
        "refused.csv",
        "cohort.json",
        "notes.json",
        "provenance.json",
        "report.html",
    }
    assert not [name for name in have if name.startswith(".")]
    predictions = pd.read_parquet(line.run / "predictions.parquet")
    assert {"patient", "arm", "repeat", "fold", "y", "p"} <= set(predictions.columns)
    assert predictions["p"].between(0, 1).all()
    assert not predictions.duplicated(["patient", "arm", "repeat"]).any()
    folds = predictions.groupby(["patient", "repeat"])["fold"].nunique()
    assert (folds == 1).all()


def test_all_seven_arms_have_scores_with_intervals(line):
    scores = pd.read_csv(line.run / "scores.csv")
    wanted = {"auroc", "auprc", "accuracy", "balanced_accuracy", "sensitivity", "specificity", "brier"}
    for arm in ARMS:
        mine = scores[(scores["arm"] == arm) & scores["metric"].isin(wanted)].set_index("metric")
        assert set(mine.index) == wanted, arm
        values = mine[["low", "value", "high"]].to_numpy()
        assert np.isfinite(values).all(), arm
        assert ((values >= 0) & (values <= 1)).all(), arm
        assert (mine["low"] <= mine["value"]).all(), arm
        assert (mine["value"] <= mine["high"]).all(), arm
    compared = pd.read_csv(line.run / "comparisons.csv")
    assert {arm for arm in ARMS if "image" in arm} <= set(compared["arm"])
    assert not compared["reference"].str.contains("image").any()


class Page(HTMLParser):
    """Everything a page would fetch, or lead to."""

    def __init__(self, text):
        super().__init__()
        self.fetched, self.led_to = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "srcset", "data", "poster") or (name in ("href", "xlink:href") and tag != "a"):
                self.fetched.append((tag, value))
            elif name == "href":
                self.led_to.append(value)


def test_the_page_stands_alone_and_names_no_place_on_the_machine(line):
    text = (line.run / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert [(tag, value[:60]) for tag, value in page.fetched if not value.startswith(("data:", "#"))] == []
    assert all(link.startswith(("#", "https://", "data:")) for link in page.led_to)
    for word in ("@import", "url(http", "url(//", "fetch(", "XMLHttpRequest"):
        assert word not in text
    for file in line.run.iterdir():
        if file.suffix in (".html", ".json", ".csv"):
            shown = file.read_text(encoding="utf-8")
            for private in (str(line.run.parent), str(Path.home())):
                assert private not in shown, file.name
    assert "research" in text.lower()


def test_names_in_the_data_are_harmless(line):
    page = (line.run / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<b onload" not in page
    assert "🫁" in page


def test_faults_are_told_and_the_rest_goes_on(line):
    assert "2 clips could not be read and are left out" in line.err
    told = " ".join(note["text"] for note in json.loads((line.run / "notes.json").read_text(encoding="utf-8")))
    for clip in (BROKEN, CUT):
        assert clip in told
    assert "1 of the clips used are damaged or odd" in told
    page = (line.run / "report.html").read_text(encoding="utf-8")
    assert BROKEN not in page  # a page shows no ids unless asked to
    assert "not a video: the file holds text" in page
    card = (line.run / "cohort.json").read_text(encoding="utf-8")
    assert "patient_99_R1" in card
    assert "a patient without clips" in card
    assert "text where a number is expected" in card
    predictions = pd.read_parquet(line.run / "predictions.parquet")
    by_arm = predictions.groupby("arm")["patient"].agg(set)
    assert by_arm["image"] == by_arm["clinical"] - {"4"}
    assert "99" not in by_arm["image+blood"]
    assert {"1", "2"} <= by_arm["image"]


def test_reading_and_embedding_wait_for_no_network_library():
    code = "import sys; from blues import cohort, datasets, embed; print({'torch', 'sklearn', 'xgboost'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_embed_writes_the_quarantine(line, tmp_path):
    done = command(blues.embed, line.cohort, "--out", tmp_path / "values")
    assert done.status == 0
    assert "2 clips could not be read" in done.out
    assert f"{TIMELESS}: the file holds no frame rate" in done.out
    quarantine = pd.read_csv(tmp_path / "values" / "quarantine.csv")
    assert sorted(quarantine["clip"]) == [BROKEN, CUT]
    assert quarantine["reason"].str.len().min() > 20


def test_a_second_run_is_the_same_and_decodes_only_what_was_refused(line, tmp_path, monkeypatch):
    decoded = []
    read = video.read
    monkeypatch.setattr(check, "hand_over", lambda *_: 0)  # the page is not what is tested here
    monkeypatch.setattr(video, "read", lambda path, **how: decoded.append(Path(path).stem) or read(path, **how))
    again = command(blues.fuse, "--from", line.run / "experiment.toml", "--jobs", "1", "--out", tmp_path / "again")
    assert again.status == 0, again.err
    assert sorted(decoded) == [BROKEN, CUT]
    for name in ("scores.csv", "comparisons.csv", "refused.csv", "notes.json", "cohort.json"):
        assert (tmp_path / "again" / name).read_bytes() == (line.run / name).read_bytes(), name
    first, second = (pd.read_parquet(at / "predictions.parquet") for at in (line.run, tmp_path / "again"))
    pd.testing.assert_frame_equal(first, second)


def test_the_page_is_made_again_from_the_folder_alone(line, tmp_path):
    moved = Path(shutil.copytree(line.run, tmp_path / "elsewhere"))
    (moved / "report.html").unlink()
    assert command(blues.report, moved).status == 0
    assert (moved / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize("name", ["scores.csv", "predictions.parquet", "cohort.json", "experiment.toml"])
def test_a_damaged_file_of_a_run_is_named(name, line, tmp_path):
    damaged = Path(shutil.copytree(line.run, tmp_path / "damaged"))
    (damaged / name).write_text({".json": "{", ".toml": "="}.get(Path(name).suffix, ""), encoding="utf-8")
    assert refused(command(blues.report, damaged), f"damaged/{name}: ")
    (damaged / name).unlink()
    assert refused(command(blues.report, damaged), f"not a whole run folder: {name} missing")


def no_clips(folder):
    shutil.rmtree(folder / "videos")
    (folder / "videos").mkdir()


def other_ids(folder):
    for clip in (folder / "videos").iterdir():
        clip.rename(clip.with_name(clip.name.replace("patient_", "patient_9")))


def twice(folder):
    lines = (folder / "clinical.csv").read_text(encoding="utf-8").splitlines()
    (folder / "clinical.csv").write_text("\n".join([*lines, lines[1]]) + "\n", encoding="utf-8")


def few_events(folder):
    set_cells(folder, "pcr", "0")
    set_cells(folder, "pcr", "1", row=2)
    set_cells(folder, "pcr", "1", row=5)


def no_blood(folder):
    dictionary = blues.cohort.read_dictionary(folder)
    for column in dictionary.block("blood"):
        set_cells(folder, column, "")


def semicolons(folder):
    path = folder / "clinical.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")


def latin(folder):
    set_cells(folder, "crp", "5µ", row=2)
    path = folder / "clinical.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin1"))


def without_targets(folder):
    """Leave out all targets, and whatever a dictionary says of the stay."""
    path = folder / "cohort.toml"
    sections = re.split(r"^(?=\[)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    kept = [part for part in sections if not part.startswith(("[targets.", "[survival", "[[survival"))]
    path.write_text("".join(kept), encoding="utf-8")


FOLDERS = {
    "no dictionary": (lambda folder: (folder / "cohort.toml").unlink(), "no cohort.toml here", "cohort init"),
    "no clips": (no_clips, "videos: holds no clips", "mend files.clips"),
    "no folder of clips": (
        lambda folder: shutil.rmtree(folder / "videos"),
        "no such folder of clips",
        "Put the clips there",
    ),
    "clips of strangers": (other_ids, "none of the", "Mend clips.pattern"),
    "an id twice": (twice, "clinical.csv, row 16, column 'patient_id'", "One row a patient"),
    "unknown role": (
        lambda folder: swap(folder / "cohort.toml", 'role = "blood"', 'role = "bloood"'),
        "columns.crp.role is 'bloood'",
        "Nearest: 'blood'",
    ),
    "one class": (lambda folder: set_cells(folder, "pcr", "1"), "target 'pcr' holds one class only", "both present"),
    "fewer events than folds": (few_events, "class 1 has 2", "Take at most 2 folds"),
    "no outcome": (lambda folder: set_cells(folder, "pcr", ""), "no row of target 'pcr' has a known value", ""),
    "empty modality": (no_blood, "modality 'blood' has no value in any of the 14 rows", "leave it out"),
    "semicolons": (semicolons, "clinical.csv, row 1", "Write separator = ';'"),
    "latin1": (latin, "clinical.csv: is not utf-8 text", "encoding = 'cp1252'"),
    "no target": (without_targets, "defines no target", "Add a section [targets.NAME]"),
    "empty table": (lambda folder: (folder / "clinical.csv").write_text(""), "clinical.csv: is empty", ""),
}


def refused(done, *parts):
    assert done.status == 2
    for part in parts:
        assert part in done.err
    assert "Traceback" not in done.err
    assert len(done.err.strip().splitlines()) == 1
    return True


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_cannot_be_used_is_explained_and_nothing_is_written(name, folder, tmp_path):
    spoil, *parts = FOLDERS[name]
    spoil(folder)
    assert refused(command(blues.fuse, folder, *FLAGS, *TABLES, "--out", tmp_path / "out"), *parts)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--task", "prc"), ("--task is 'prc'", "Nearest: 'pcr'")),
        (("--modalities", "image", "clinic"), ("--modalities is 'clinic'", "Nearest: 'clinical'")),
        (("--model", "forrest"), ("--model is 'forrest'", "Nearest: 'forest'")),
        (("--modle", "forest"), ("no flag --modle", "Nearest: --model")),
        (("--encoder", "frame-stat", "--modalities", "image"), ("encoder is 'frame-stat'", "Nearest: 'frame-stats'")),
        (("--folds", "100"), ("14 patients for 100 folds", "fewer folds")),
        (("--folds", "1"), ("error: --folds is 1.", "2 or more")),
        (("--folds", "many"), ("folds", "'many'")),
        (("--allow", "nonsense"), ("treatment is 'nonsense'", "oxygen")),
        (("--baseline", "pcr_ct"), ("pcr_ct", "its role is leak")),
        (("--from", "nowhere.toml"), ("nowhere.toml", "no such file")),
        (("here", "there"), ("one word too many", "--help")),
    ],
)
def test_a_word_that_is_wrong_is_named_with_the_right_one(words, parts, made, tmp_path):
    assert refused(command(blues.fuse, made, *FLAGS, *TABLES, "--out", tmp_path / "out", *words), *parts)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("module", [blues.cohort, blues.embed, blues.fuse, blues.report])
def test_a_place_that_is_no_folder(module, made, tmp_path):
    assert refused(command(module, tmp_path / "nowhere"), "nowhere")
    assert refused(command(module, made / "clinical.csv"), "clinical.csv")
    (tmp_path / "empty").mkdir()
    assert refused(command(module, tmp_path / "empty"), "empty")
    assert not list((tmp_path / "empty").iterdir())


@pytest.mark.parametrize("module", [blues.embed, blues.fuse])
def test_an_output_that_is_a_file_is_refused_before_the_work(module, made, tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("mine")
    monkeypatch.setattr(blues.cohort, "read", lambda *a, **k: pytest.fail("the work began"))
    assert refused(command(module, made, "--out", tmp_path / "taken"), "taken is a file, and a folder is expected")
    assert (tmp_path / "taken").read_text() == "mine"


def test_when_no_clip_can_be_read_the_run_ends(folder, tmp_path):
    for clip in (folder / "videos").iterdir():
        clip.write_bytes(b"")
    done = command(blues.fuse, folder, *FLAGS, "--out", tmp_path / "out")
    assert refused(done, "none of the", "the file is empty")
    assert not (tmp_path / "out").exists()


def test_weights_of_the_wrong_shape_are_refused(made, tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    path = tmp_path / "mine.safetensors"
    save_file({"conv1.weight": torch.zeros(3, 3, 3, 3)}, path)
    assert refused(command(blues.embed, made, "--encoder", path), "mine.safetensors", "fit no known architecture")
