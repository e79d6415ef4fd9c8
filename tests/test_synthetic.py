"""The made-up cohort: what is planted can be found again, and nothing else."""

import errno
import inspect
import re

import av
import numpy as np
import pandas as pd
import pytest

import blues.cohort
from blues import datasets, survive, video
from blues.check import InputError
from blues.datasets.synthetic import RATERS, _plan, synthetic
from blues.datasets.synthetic_dictionary import POINTS
from blues.datasets.synthetic_tables import DISCHARGE_HAZARD, draw_patients

SMALL = {"patients": 24, "frames": 8, "size": 96}


@pytest.fixture(scope="module")
def strong(tmp_path_factory):
    return synthetic(tmp_path_factory.mktemp("made") / "strong", signal=3.0, seed=4, **SMALL)


@pytest.fixture(scope="module")
def none(tmp_path_factory):
    return synthetic(tmp_path_factory.mktemp("made") / "none", signal=0.0, seed=4, blood_signal=0.0, **SMALL)


def _brightness(cohort):
    """Return how bright the brightest scan lines still are in the deeper half, by patient, at the lowest BLUE points."""
    values = {}
    for clip, row in cohort.clips.iterrows():
        with av.open(str(cohort.folder / row["path"])) as container:
            frames = [f.to_ndarray(format="gray") for f in container.decode(video=0)]
        values[clip] = np.mean([np.sort(f[52:84, 20:76].mean(0))[-8:].mean() for f in frames])
    low = cohort.clips["point"].isin(["R3", "L3"])
    return pd.Series(values)[low].groupby(cohort.clips["patient"][low]).mean()


def _effect(x, y):
    """Return Cohen's d between the classes of y."""
    a, b = x[y == 1], x[y == 0]
    return (a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / 2)


def test_signal_is_in_the_frames_and_at_zero_is_not(strong, none):
    planted = _brightness(strong)
    assert _effect(planted, strong.target("pcr")[planted.index]) > 1.0
    absent = _brightness(none)
    assert abs(_effect(absent, none.target("pcr")[absent.index])) < 0.8


def test_without_signal_the_frames_know_no_column(tmp_path):
    """The severity drawn is the same whatever the targets are: it comes from a stream that signal 0 cuts off."""
    truth = {}
    for seed in range(4):
        cohort = synthetic(tmp_path / str(seed), signal=0.0, seed=seed, patients=12, frames=8, size=64)
        table = pd.read_csv(cohort.folder / "truth.csv")
        patient = table["clip"].str.extract(r"patient_(\d+)_")[0]
        mean = table.groupby(patient)["severity"].mean()
        truth[seed] = _effect(mean, cohort.target("pcr")[mean.index])
    assert abs(np.mean(list(truth.values()))) < 0.7


def test_signal_is_strongest_at_the_lowest_points():
    rng = np.random.default_rng(0)
    pcr, illness = rng.integers(0, 2, 500), rng.normal(size=500)
    plan = pd.DataFrame(_plan(pcr, illness, 1.0, 24, rng))
    effect = [
        _effect(plan["severity"][low], plan["patient"].map(lambda i: pcr[i - 1])[low])
        for low in (plan["point"].str.endswith(level) for level in "123")
    ]
    assert 0.1 < effect[0] < effect[1] < effect[2]


def _involvement(monkeypatch, signal):
    """Return PCR result, illness and the involvement drawn (patients x six points), in full and without a clip lacking."""
    drawn = draw_patients(4000, 1.0, np.random.default_rng(1))
    grade, values = np.digitize, []

    def digitize(value, bins):
        values.append(value)
        return grade(value, bins)

    with monkeypatch.context() as patched:
        patched.setattr(np, "digitize", digitize)
        list(_plan(drawn.pcr, drawn.illness, signal, 20, np.random.default_rng(2)))
    return drawn.pcr, drawn.illness, pd.DataFrame(np.reshape(values, (4000, 6)), columns=list(POINTS))


def _numbers(text, pattern):
    """Return the numbers of the one place where the text, in one line, says the pattern; # stands for a number."""
    found = re.findall(pattern.replace("#", r"(\d+(?:\.\d+)?)"), " ".join(text.split()))
    assert len(found) == 1, pattern
    return list(map(float, np.atleast_1d(found[0])))


def test_what_the_images_know_is_as_documented(monkeypatch):
    text = inspect.getmodule(synthetic).__doc__
    said = _numbers(text, r"exceed negatives by # standard deviations .* at R3 and L3, # at R2 and L2, # at R1 and L1")
    pcr, illness, involved = _involvement(monkeypatch, 1.0)
    for level, expected in zip("321", said, strict=True):
        for side in "RL":
            assert abs(_effect(involved[side + level], pcr) - expected) < 0.1, side + level
    assert (
        abs(_effect(involved.mean(axis=1), pcr) - _numbers(text, "by # in the mean of a patient's six points")[0]) < 0.1
    )
    scale, share, noise = _numbers(text, r"``# \* weight \* signal \* \(pcr - 0.5 \+ # \* illness\)`` .* deviation #,")
    design = np.column_stack([np.ones(4000), pcr, illness])
    (_, of_pcr, of_illness), rest, *_ = np.linalg.lstsq(design, involved["R3"])
    assert abs(of_pcr - scale) < 0.1
    assert abs(of_illness - scale * share) < 0.05
    assert abs(np.sqrt(rest[0] / 4000) - noise) < 0.03


def test_what_a_signal_means_is_as_documented(monkeypatch):
    said = _numbers(synthetic.__doc__, "#, # and # set positives and negatives #, # and # standard deviations apart")
    for signal, expected in zip(said[:3], said[3:], strict=True):
        pcr, _, involved = _involvement(monkeypatch, signal)
        assert abs(_effect(involved.mean(axis=1), pcr) - expected) < 0.1


def test_hazards_of_leaving_and_of_discharge_are_as_documented():
    text = inspect.getmodule(synthetic).__doc__
    assert (
        "hazard of leaving hospital, alive or dead, is halved by each standard deviation of illness and quartered"
        in text
    )
    alive = _numbers(text, "the hazard of discharge alive falls a little further, to about # and #;")
    found = {"leaving": [], "alive": []}
    for seed in range(4):
        drawn = draw_patients(4000, 1.0, np.random.default_rng(seed))
        table = drawn.table.sort_values("patient_id").assign(illness=drawn.illness).dropna(subset=["los_days"])
        event = table["status"].map({0: 1, 1: 2, 2: 0}).to_numpy()
        covariates = table[["illness", "icu"]].astype(float)
        leaving = survive.cox(table["los_days"], (event > 0).astype(int), covariates)
        discharge = survive.cause_specific_cox(table["los_days"], event, covariates, cause=1)
        found["leaving"].append(leaving.table["hazard_ratio"])
        found["alive"].append(discharge.table["hazard_ratio"])
    assert np.mean(found["leaving"], axis=0) == pytest.approx(list(DISCHARGE_HAZARD.values()), abs=0.02)
    assert np.mean(found["alive"], axis=0) == pytest.approx(alive, abs=0.015)


def test_blood_carries_its_own_signal():
    found = {}
    for strength in (0.0, 2.0):
        drawn = draw_patients(200, strength, np.random.default_rng(1))
        table = drawn.table
        found[strength] = _effect(np.log(table["leucocytes"]), table["pcr"])
    assert found[2.0] < -1.5
    assert abs(found[0.0]) < 0.45


def test_raters_agree_as_documented(strong):
    truth = pd.read_csv(strong.folder / "truth.csv").set_index("clip")
    ratings = strong.ratings
    for rater, (grade, finding) in RATERS.items():
        for item, chance in (("severity", grade), ("b_lines", finding)):
            mine = ratings[(ratings["rater"] == rater) & (ratings["item"] == item)].set_index("clip")["rating"]
            right = (mine == truth[item][mine.index]).mean()
            assert abs(right - chance) < 4 * np.sqrt(chance * (1 - chance) / len(mine))


def test_cohort_is_as_unkind_as_a_real_export(none):
    raw = pd.read_csv(none.folder / "clinical.csv")
    assert (raw == -99).any().sum() >= 5
    assert (raw["spo2_on_oxygen"] == -96).any()
    assert none.patients["spo2_on_oxygen"].min() > 50
    assert (none.patients["base_excess"] < 0).any()
    inverse = raw.set_index(raw["patient_id"].astype(str))["lung_disease"]
    assert (none.patients["lung_disease"][inverse.index] == 1 - inverse).all()
    assert raw["pack_years"].isna().any()
    assert (none.patients["pack_years"][none.patients["smoking"] == "never"] == 0).all()
    assert none.clips["take"].max() == 2
    points = none.clips.groupby("patient")["point"].nunique()
    assert points.min() < 6
    short = none.folder / none.clips.loc["patient_3_L2", "path"]
    with av.open(str(short)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 7
    stays = none.patients[["los_days", "discharged", "death", "status"]]
    assert stays["los_days"].isna().any()
    assert (stays["status"] == "in hospital").any()
    assert (stays["los_days"] == 0).any()
    assert not ((stays["discharged"] == 1) & (stays["death"] == 1)).any()


def test_leaks_and_outcomes_are_refused(none):
    dictionary = none.dictionary
    for column in ("covid_pneumonia", "pcr_ct", "icu", "los_days", "oxygen_days", "clips_recorded", "pcr"):
        assert dictionary.refusal(column, "pcr")
    assert "opt in" in dictionary.refusal("oxygen_litres", "pcr")
    assert dictionary.refusal("oxygen_litres", "pcr", {"oxygen"}) is None
    assert "never" in dictionary.refusal("oxygen_litres", "icu", {"oxygen"})


def test_targets(none):
    assert set(none.target("pcr").unique()) == {0, 1}
    for name in ("icu", "oxygen", "icu_or_death"):
        assert none.target(name).sum() >= 2
        assert (none.target(name) == 0).sum() >= 2
    assert none.target("severity").between(0, 3).all()
    assert none.target("severity_clip").index.equals(none.clips.index)
    assert none.target("los").dropna().between(0, 30).all()


def test_stays_can_be_analysed(none):
    ends = survive.endpoints(none)
    assert set(ends.frame["event"].dropna()) == {0, 1, 2}
    assert ends.frame["time"].dropna().between(0, 30).all()
    died = none.patients["status"] == "died"
    assert (ends.frame.loc[died, "event"] == 2).all()
    assert ends.adjudication["what"].str.contains("oxygen").any()


def test_same_seed_same_files_other_seed_other_files(tmp_path):
    small = {"patients": 8, "frames": 8, "size": 64}
    folders = [synthetic(tmp_path / name, seed=seed, **small).folder for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    for name in ("clinical.csv", "truth.csv", "ratings.csv", "cohort.toml", "videos/patient_2_R3.mp4"):
        a, b, c = ((folder / name).read_bytes() for folder in folders)
        assert a == b, name
        assert a != c, name


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"patients": 3}, "patients is 3.*at least 8"),
        ({"patients": 8.5}, "patients is 8.5"),
        ({"signal": -1}, "signal is -1.*0 "),
        ({"signal": float("nan")}, "signal is nan"),
        ({"blood_signal": -0.5}, "blood_signal is -0.5"),
        ({"frames": 2}, "frames is 2.*at least 8"),
        ({"size": 101}, "size is 101.*even"),
        ({"seed": -1}, "seed is -1.*at least 0"),
        ({"seed": 0.5}, "seed is 0.5.*whole number"),
        ({"frames": 8.5}, "frames is 8.5.*whole number"),
        ({"patients": "x"}, "patients is 'x'.*whole number"),
        ({"signal": "x"}, "signal is 'x'"),
        ({"seed": float("inf")}, "seed is inf"),
    ],
)
def test_bad_parameters_are_named(tmp_path, setting, says):
    with pytest.raises(InputError, match=says):
        synthetic(tmp_path / "x", **setting)
    assert not (tmp_path / "x").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="something is there already"):
        synthetic(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_load_draws_once_and_reads_folders(none, monkeypatch, tmp_path):
    monkeypatch.setenv("BLUES_CACHE", str(tmp_path))
    first = datasets.load("synthetic", patients=8, frames=8, size=64)
    made = (first.folder / "clinical.csv").stat().st_mtime_ns
    again = datasets.load("synthetic", patients=8, frames=8, size=64)
    assert (again.folder / "clinical.csv").stat().st_mtime_ns == made
    assert datasets.load(none.folder).patients.equals(blues.cohort.read(none.folder).patients)
    with pytest.raises(InputError, match="no such cohort folder"):
        datasets.load("sinthetic")
    with pytest.raises(InputError, match="signal can be set for the synthetic cohort only"):
        datasets.load(none.folder, signal=2)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"patient": 20}, "parameter is 'patient'.*Nearest: 'patients'"),
        ({"folder": 1}, "parameter is 'folder'"),
        ({"patients": "x"}, "patients is 'x'"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_load_names_bad_parameters(monkeypatch, tmp_path, setting, says):
    monkeypatch.setenv("BLUES_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=says):
        datasets.load("synthetic", **setting)
    assert not list(tmp_path.iterdir())


def test_load_keeps_each_drawing_apart_and_equal_ones_together(monkeypatch, tmp_path):
    monkeypatch.setenv("BLUES_CACHE", str(tmp_path))
    monkeypatch.setattr(datasets, "synthetic", lambda folder, **values: folder.mkdir(parents=True))
    monkeypatch.setattr(blues.cohort, "read", lambda folder: folder)
    near = [{"seed": 20261128}, {"seed": 20261129}, {"signal": 1.0000001}, {"signal": 1.0000002}, {"patients": 1234567}]
    assert len({datasets.load("synthetic", **setting) for setting in near}) == len(near)
    assert datasets.load("synthetic", signal=1, patients=40.0) == datasets.load("synthetic")


def test_whole_numbers_may_be_written_as_decimals(tmp_path):
    folders = [
        synthetic(tmp_path / str(kind), patients=kind(8), frames=kind(8), size=kind(64), seed=kind(1)).folder
        for kind in (int, float, np.int64)
    ]
    assert len({(folder / "truth.csv").read_bytes() for folder in folders}) == 1


def test_a_full_disk_leaves_nothing_and_names_the_folder(tmp_path, monkeypatch):
    def full(path, *rest):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(video, "write", full)
    with pytest.raises(OSError, match="No space left") as stopped:
        synthetic(tmp_path / "made", patients=8, frames=8, size=64)
    assert stopped.value.filename == str(tmp_path / "made")
    assert not list(tmp_path.iterdir())
