"""Fit on one cohort, evaluate once on another."""

import dataclasses
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import blues.cohort
from blues import datasets, embed
from blues.check import InputError
from blues.features import design
from blues.fuse import Experiment, Run, main, transfer
from blues.fuse.matching import far_apart, matched_columns, same_unit
from blues.fuse.null import _strata, shuffled_outcome
from blues.fuse.overlap import overlap
from blues.fuse.transfer import joined

QUICK = {"model": ("logistic",), "draws": 100, "jobs": 1, "null": 0, "explain": ("none",)}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two made-up cohorts; the second is called elsewhere."""
    folder = tmp_path_factory.mktemp("two")
    datasets.synthetic(folder / "a", patients=40, frames=8, size=64, seed=1, blood_signal=2.0)
    datasets.synthetic(folder / "b", patients=24, frames=8, size=64, seed=2, blood_signal=2.0)
    edit(folder / "b", 'name = "synthetic"', 'name = "elsewhere"')
    return folder


def edit(folder, old, new):
    path = folder / "cohort.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def changed(folder, tmp_path, old, new):
    copy = tmp_path / "changed"
    shutil.copytree(folder / "b", copy)
    edit(copy, old, new)
    return blues.cohort.read(copy)


def pair(a, b, task="pcr", modalities=("clinical", "blood"), **more):
    return (a, design(a, task, modalities, **more)), (b, design(b, task, modalities, **more))


def doubted(a, b, modalities=("clinical", "blood")):
    """Return what a transfer warns of, of patients in both cohorts, or raise what it refuses."""
    train, test = pair(a, b, modalities=modalities)
    return overlap(train, test, joined(*train, *test)[0].blocks, (a.name, b.name))


def test_predicts_the_other_cohorts_patients_once_and_carries_the_signal_over(two):
    a, b = blues.cohort.read(two / "a"), blues.cohort.read(two / "b")
    found = transfer(*pair(a, b), Experiment(modalities=("clinical", "blood"), **QUICK))
    blood = found.predictions[found.predictions["arm"] == "blood"]
    assert sorted(blood["patient"], key=int) == list(b.patients.index)
    assert (blood["repeat"] == 0).all()
    np.testing.assert_array_equal(blood.set_index("patient")["y"], b.target("pcr")[blood["patient"]])
    auroc = found.scores[(found.scores["arm"] == "blood") & (found.scores["metric"] == "auroc")].iloc[0]
    assert auroc["value"] > 0.85
    assert auroc["low"] < auroc["value"]
    assert found.design["transfer"] == {"train": "synthetic", "test": "elsewhere", "train_patients": 40}
    assert found.design["patients"] == 24
    assert any("Fitted on 40 patients of synthetic" in note["text"] for note in found.notes)


def test_outcomes_of_the_test_cohort_reach_no_prediction(two):
    a, b = blues.cohort.read(two / "a"), blues.cohort.read(two / "b")
    (_, first), (_, second) = pair(a, b)
    experiment = Experiment(modalities=("clinical", "blood"), **(QUICK | {"threshold": "youden"}))
    before = transfer((a, first), (b, second), experiment).predictions
    flipped = second.with_outcome(1 - second.y.to_numpy())
    after = transfer((a, first), (b, flipped), experiment).predictions
    pd.testing.assert_frame_equal(before[["p", "threshold"]], after[["p", "threshold"]])


def test_null_shuffles_the_outcomes_of_both_cohorts(two):
    a, b = blues.cohort.read(two / "a"), blues.cohort.read(two / "b")
    found = transfer(*pair(a, b), Experiment(modalities=("clinical", "blood"), **(QUICK | {"null": 19})))
    drawn = found.null[found.null["arm"] == "blood"]["value"]
    assert 0.3 < drawn.mean() < 0.7
    row = found.comparisons[
        (found.comparisons["reference"] == "shuffled outcome") & (found.comparisons["arm"] == "blood")
    ]
    assert row["p_value"].item() <= 0.15
    # of a rule nothing is learned but its direction: with the tested outcomes as they are it would have two scores
    rule = "expert rule: mean severity"
    assert found.null.loc[found.null["arm"] == rule, "value"].round(6).nunique() > 8
    of_rule = found.comparisons[found.comparisons["reference"] == "shuffled outcome"].set_index("arm").loc[rule]
    auroc = found.scores[(found.scores["arm"] == rule) & (found.scores["metric"] == "auroc")]["value"].item()
    assert auroc > 0.8
    assert of_rule["p_value"] == 0.05


def test_null_deals_outcomes_within_each_cohort(two):
    a, b = blues.cohort.read(two / "a"), blues.cohort.read(two / "b")
    train, test = pair(a, b)
    both, _ = joined(*train, *test)
    here = both.patients.str.startswith("train/").to_numpy()
    split = (0, 0, np.flatnonzero(here), np.flatnonzero(~here))
    y = shuffled_outcome(both, np.random.default_rng(0), _strata(both, split))
    for rows in split[2:]:
        assert sorted(y[rows]) == sorted(both.y.to_numpy()[rows])
        assert (y[rows] != both.y.to_numpy()[rows]).any()


def test_unit_mismatch_is_refused_by_name_with_both_units(two, tmp_path):
    a = blues.cohort.read(two / "a")
    b = changed(two, tmp_path, 'unit = "mg/l"\nrange = [0, 600]', 'unit = "mg/dl"\nrange = [0, 600]')
    found = transfer(*pair(a, b), Experiment(modalities=("clinical", "blood"), **QUICK))
    reason = found.refused.set_index("column").loc["crp", "reason"]
    assert "'mg/l' in synthetic" in reason
    assert "'mg/dl' in elsewhere" in reason
    assert "crp" not in found.design["modalities"]["blood"]
    assert any(n["level"] == "warning" and "crp" in n["text"] for n in found.notes)
    with pytest.raises(InputError, match=r"--baseline crp: unit 'mg/l'"):
        transfer(*pair(a, b, baseline=["crp"]), Experiment(modalities=("clinical", "blood"), **QUICK))


def test_capitals_in_a_unit_do_not_matter(two, tmp_path):
    b = changed(two, tmp_path, 'unit = "mg/l"\nrange = [0, 600]', 'unit = "mg/L"\nrange = [0, 600]')
    pairs, refused = matched_columns(blues.cohort.read(two / "a"), b)
    assert pairs["crp"] == "crp"
    assert not refused


def test_columns_of_another_name_are_matched_by_their_label(two, tmp_path):
    copy = tmp_path / "renamed"
    shutil.copytree(two / "b", copy)
    edit(copy, "[columns.crp]", "[columns.C_reactive]")
    table = (copy / "clinical.csv").read_text(encoding="utf-8")
    (copy / "clinical.csv").write_text(re.sub(r"\bcrp\b", "C_reactive", table, count=1), encoding="utf-8")
    a, b = blues.cohort.read(two / "a"), blues.cohort.read(copy)
    made, about = joined(a, design(a, "pcr", ["blood"]), b, design(b, "pcr", ["blood"]))
    np.testing.assert_array_equal(about.blocks["blood"]["crp"], b.patients["C_reactive"])
    assert made.blocks["blood"]["crp"].notna().sum() > 50


def test_column_of_one_cohort_only_is_refused_by_name(two, tmp_path):
    copy = tmp_path / "fewer"
    shutil.copytree(two / "b", copy)
    frame = pd.read_csv(copy / "clinical.csv").drop(columns="ferritin")
    frame.to_csv(copy / "clinical.csv", index=False)
    path = copy / "cohort.toml"
    path.write_text(re.sub(r"\[columns\.ferritin\]\n(.+\n)+", "", path.read_text(encoding="utf-8")), encoding="utf-8")
    a, b = blues.cohort.read(two / "a"), blues.cohort.read(copy)
    _, about = joined(a, design(a, "pcr", ["blood"]), b, design(b, "pcr", ["blood"]))
    assert "elsewhere has no column" in about.refused.set_index("column").loc["ferritin", "reason"]
    assert "ferritin" not in about.blocks["blood"]


def test_nominal_column_with_other_codes_is_left_out_whole(two, tmp_path):
    b = changed(two, tmp_path, '"2"="current"', '"2"="now and then"')
    a = blues.cohort.read(two / "a")
    made, about = joined(a, design(a, "pcr", ["clinical"]), b, design(b, "pcr", ["clinical"]))
    assert not [c for c in made.blocks["clinical"] if c.startswith("smoking")]
    why = about.refused.set_index("column").loc["smoking", "reason"]
    assert why == "not matched: code current in synthetic alone; code now and then in elsewhere alone"
    found = transfer(*pair(a, b), Experiment(modalities=("clinical", "blood"), **QUICK))
    assert any(n["level"] == "warning" and f"codes differ: smoking ({why[13:]})" in n["text"] for n in found.notes)


def test_outcome_in_other_units_stops_the_run(two, tmp_path):
    a = blues.cohort.read(two / "a")
    b = changed(two, tmp_path, 'contingent = "never"\nunit = "days"', 'contingent = "never"\nunit = "hours"')
    with pytest.raises(InputError, match=r"'los' has unit 'days' in synthetic and 'hours' in elsewhere"):
        transfer(*pair(a, b, task="los", modalities=["blood"]), Experiment(task="los", modalities=("blood",), **QUICK))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--train", "a"], "go together"),
        (["c", "--train", "a", "--test", "b"], "besides --train"),
        (["--train", "a", "--test", "b", "--validate", "20"], "go with cross-validation"),
        (["--train", "a", "--test", "b", "--folds", "3"], "--folds has no use here: --train with --test has no cross"),
        (["--train", "a", "--test", "b", "--repeats", "3"], "--repeats has no use here"),
    ],
)
def test_flags_that_do_not_fit_are_refused(flags, message, capsys):
    assert main(flags) == 2
    assert message in capsys.readouterr().err


def test_a_transfer_that_was_run_with_folds_is_still_repeated(tmp_path, capsys):
    (tmp_path / "experiment.toml").write_text('folds = 3\ntrain = "a"\ntest = "b"\n', encoding="utf-8")
    for flags, told in (([], "a: there is no such cohort folder"), (["--folds", "4"], "--folds has no use here")):
        assert main(["--from", str(tmp_path / "experiment.toml"), *flags]) == 2
        assert told in capsys.readouterr().err


def test_why_nothing_is_shared_is_said(two, tmp_path):
    copy = tmp_path / "other"
    shutil.copytree(two / "b", copy)
    path = copy / "cohort.toml"
    text = path.read_text(encoding="utf-8").replace('unit = "mg/l"', 'unit = "mg/dl"').replace('unit = "', 'unit = "x')
    path.write_text(text, encoding="utf-8")
    a, b = blues.cohort.read(two / "a"), blues.cohort.read(copy)
    with pytest.raises(InputError) as caught:
        joined(a, design(a, "pcr", ["blood"]), b, design(b, "pcr", ["blood"]))
    said = str(caught.value)
    assert "share no column of modality 'blood': " in said
    assert "crp (unit 'mg/l' in synthetic, 'xmg/dl' in elsewhere)" in said
    assert re.search(r"; and \d+ more. Make names or labels, units", said)


def test_from_the_command_line(two, tmp_path, capsys):
    out = tmp_path / "run"
    flags = [
        "--train",
        str(two / "a"),
        "--test",
        str(two / "b"),
        "--modalities",
        "image",
        "blood",
        "--model",
        "logistic",
    ]
    assert (
        main([*flags, "--encoder", "frame-stats", "--draws", "100", "--null", "2", "--jobs", "1", "--out", str(out)])
        == 0
    )
    assert "fitted on 40 patients of synthetic, tested once" in capsys.readouterr().out
    found = Run.load(out)
    assert set(found.scores["arm"]) >= {"image", "blood", "image+blood"}
    assert found.experiment.train == str(two / "a")
    assert (out / "report.html").stat().st_size > 10_000


def test_a_cohort_is_not_tested_on_itself_under_whatever_name(two, tmp_path, capsys):
    a = blues.cohort.read(two / "a")
    with pytest.raises(InputError, match="synthetic is the cohort that was trained on"):
        doubted(a, a)
    copy = blues.cohort.read(another(two / "a", tmp_path / "copy"))
    with pytest.raises(InputError, match="clips of 40 of 40 patients of renamed are in synthetic too, byte for byte"):
        doubted(a, copy)
    flags = [
        "--train",
        str(two / "a"),
        "--test",
        str(two / "a"),
        "--modalities",
        "blood",
        "--out",
        str(tmp_path / "run"),
    ]
    assert main(flags) == 2
    assert "folds do that" in capsys.readouterr().err


def measured(name, values):
    column = SimpleNamespace(decoded_kind="continuous", unit="u")
    return SimpleNamespace(
        name=name, patients=pd.DataFrame({"x": values}), dictionary=SimpleNamespace(columns={"x": column})
    )


def drawn(median, spread, patients, seed):
    """Draw what laboratories measure: spread evenly in logarithms."""
    return median * np.exp(spread * np.random.default_rng(seed).normal(size=patients))


@pytest.mark.parametrize(
    ("median", "spread", "times", "other_spread", "told"),
    [
        (13.0, 0.14, 10, 0.14, True),  # haemoglobin in g/dl and g/l
        (130.0, 0.14, 0.1, 0.14, True),
        (0.9, 0.4, 88.4, 0.4, True),  # creatinine, bilirubin and glucose in mg/dl and as an amount
        (0.6, 0.6, 17.1, 0.6, True),
        (117.0, 0.35, 1 / 18, 0.35, True),
        (0.8, 1.2, 1000, 1.2, True),  # D-dimer
        (4.0, 1.2, 15, 1.2, False),  # CRP of outpatients and of an intensive care unit
        (4.0, 1.2, 15, 0.8, False),
        (20.0, 1.2, 10, 1.2, False),  # could be either
        (5.0, 0.7, 12, 0.2, False),  # ages of children and adults: of two shapes
        (138.0, 0.01, 1.1, 0.01, False),  # sodium: no unit is so little more
    ],
)
def test_values_of_another_unit_lie_apart_in_one_shape_and_those_of_other_patients_overlap(
    median, spread, times, other_spread, told
):
    for patients in (60, 200):
        a = measured("a", drawn(median, spread, patients, 0))
        b = measured("b", drawn(median * times, other_spread, patients, 1))
        found = far_apart(a, b, {"x": "x"})
        assert bool(found) == told
        assert not told or re.fullmatch(r"x \([\d.e+]+ in a, [\d.e+]+ in b; u; about [\d.e+]+ times\)", found[0])


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.linspace(10, 16, 10), True),
        (np.linspace(10, 16, 9), False),  # fewer say little
        (np.r_[0, np.linspace(10, 16, 10)], True),
        (np.r_[0, 0, np.linspace(10, 16, 10)], False),  # a logarithm is of numbers above zero
        (np.r_[[np.nan] * 5, np.linspace(10, 16, 10)], True),
    ],
)
def test_values_are_held_against_one_another_from_ten_on_where_nearly_all_are_above_zero(values, told):
    a, b = measured("a", values), measured("b", np.linspace(100, 160, 20))
    for sides in ((a, b), (b, a)):
        assert bool(far_apart(*sides, {"x": "x"})) == told


def test_values_that_cannot_be_of_one_unit_are_told(two, tmp_path):
    a, b = blues.cohort.read(two / "a"), blues.cohort.read(two / "b")
    assert not far_apart(a, b, matched_columns(a, b)[0])
    table = pd.read_csv(
        shutil.copytree(two / "b", tmp_path / "copy") / "clinical.csv", dtype=str, keep_default_na=False
    )
    table["haemoglobin"] = [str(float(cell) * 0.55) if cell else cell for cell in table["haemoglobin"]]
    table["crp"] = [str(float(cell) / 5000) if cell else cell for cell in table["crp"]]
    table.to_csv(tmp_path / "copy" / "clinical.csv", index=False)
    found = transfer(
        *pair(a, blues.cohort.read(tmp_path / "copy")), Experiment(modalities=("clinical", "blood"), **QUICK)
    )
    (told,) = [n["text"] for n in found.notes if n["level"] == "warning" and "hardly overlap" in n["text"]]
    assert re.search(r"crp \([\d.]+ in synthetic, [\d.]+ in elsewhere; mg/l; about [\d.e+]+ times\)", told)
    assert "haemoglobin (" in told
    assert told.count(" in elsewhere") == 2


def another(folder, copy, clips=True, **changed):
    """Copy a cohort under another name, its clips with a byte more where they are to be others, its columns changed."""
    shutil.copytree(folder, copy)
    edit(copy, 'name = "synthetic"', 'name = "renamed"')
    for path in () if clips else (copy / "videos").iterdir():
        path.write_bytes(path.read_bytes() + path.name.encode())
    table = pd.read_csv(copy / "clinical.csv", dtype=str, keep_default_na=False)
    for name, change in changed.items():
        table[name] = [str(change(float(cell))) if cell else cell for cell in table[name]]
    table.to_csv(copy / "clinical.csv", index=False)
    return copy


@pytest.mark.parametrize("modalities", [["clinical", "blood"], ["blood"]])
def test_patients_are_known_again_by_most_of_their_values(two, tmp_path, modalities):
    a = blues.cohort.read(two / "a")
    copy = blues.cohort.read(another(two / "a", tmp_path / "copy", clips=False, crp=lambda crp: crp + 1))
    with pytest.raises(
        InputError, match=r"of 40 patients of renamed are in synthetic too.*renamed, and how many: 1 and 1"
    ):
        doubted(a, copy, modalities)


def test_one_shared_clip_is_enough_without_images_and_with_other_values(two, tmp_path):
    a = blues.cohort.read(two / "a")
    copy = shutil.copytree(two / "b", tmp_path / "copy")
    clip = blues.cohort.read(copy).clips["path"].iloc[0]
    shutil.copy(two / "a" / a.clips["path"].iloc[0], copy / clip)
    with pytest.raises(InputError, match=r"clips of 1 of 24 patients of elsewhere are in synthetic too.*1 and 1: 1\)"):
        doubted(a, blues.cohort.read(copy))


def test_ids_in_both_cohorts_with_half_of_the_values_equal_are_told(two, tmp_path):
    a, b = blues.cohort.read(two / "a"), blues.cohort.read(two / "b")
    experiment = Experiment(modalities=("clinical", "blood"), **QUICK)
    said = "patients have one id in synthetic and in"
    assert not any(said in note["text"] for note in transfer(*pair(a, b), experiment).notes)
    fine = [name for name in a.dictionary.columns if a.dictionary.columns[name].role in ("clinical", "blood")]
    fine = [name for name in fine if a.dictionary.columns[name].kind == "continuous"]
    later = {name: lambda value: value + 1.01 for name in fine[::2]}
    copy = blues.cohort.read(another(two / "a", tmp_path / "copy", clips=False, **later))
    found = transfer(*pair(a, copy), experiment)
    assert any(note["level"] == "warning" and said in note["text"] for note in found.notes)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("mg/l", "mg/L", True),
        (" mg / l", "mg/l", True),
        ("umol/l", "\u00b5mol/l", True),
        ("\u03bcmol/l", "\u00b5mol/l", True),
        ("Years", "years", True),
        ("Months", "months", True),
        ("kPa", "kpa", True),
        ("Pack years", "pack years", True),
        ("pH", "PH", True),
        ("M", "m", False),
        ("MG", "Mg", False),
        ("MMOL/L", "mmol/l", True),
        ("MG/L", "mg/l", True),
        ("mg/l", "Mg/l", False),
        ("pmol/l", "Pmol/l", False),
        ("mU/l", "MU/l", False),
        ("g/l", "G/l", False),
        ("mg/l", "mg/dl", False),
        ("", "mg/l", False),
    ],
)
def test_units_are_the_same_where_their_letters_mean_the_same(a, b, same):
    assert same_unit(a, b) is same
    assert same_unit(b, a) is same


def test_outcome_turned_round_stops_the_run(two, tmp_path):
    a = blues.cohort.read(two / "a")
    turned = changed(two, tmp_path, "events = [1]", "events = [0]")
    with pytest.raises(
        InputError, match="'no' is the event in elsewhere and none in synthetic|'yes' is the event in syn"
    ):
        joined(*sum(pair(a, turned, modalities=["blood"]), ()))


def test_outcome_made_otherwise_is_told(two, tmp_path):
    a, settings = blues.cohort.read(two / "a"), Experiment(modalities=("blood",), **QUICK)
    text = (two / "b" / "cohort.toml").read_text(encoding="utf-8")
    line = next(row for row in text.splitlines() if row.startswith("column = ") and "pcr" in row)
    other = changed(
        two,
        tmp_path,
        f"{line}\nevents = [1]",
        'any = [{column="pcr", equals=["yes"]}, {column="death", equals=["yes"]}]',
    )
    yes = tmp_path / "yes"
    shutil.copytree(two / "b", yes)
    edit(yes, "events = [1]", 'events = ["yes"]')
    for b, told in ((blues.cohort.read(two / "b"), 0), (blues.cohort.read(yes), 0), (other, 1)):
        notes = transfer(*pair(a, b, modalities=["blood"]), settings).notes
        assert len([n for n in notes if "made in two ways" in n["text"] and n["level"] == "warning"]) == told


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        ('label = "Fever"\n', 'label = "No fever"\n', "give them one label"),
        ('label = "Fever"\n', 'label = "fever"\n', None),
        ("", 'label = "Fever"\n', None),
    ],
)
def test_a_yes_that_may_be_a_no_is_left_out(two, tmp_path, ours, theirs, reason):
    for name, line in (("a", ours), ("b", theirs)):
        shutil.copytree(two / name, tmp_path / name)
        edit(tmp_path / name, "[columns.fever]\n", f"[columns.fever]\n{line}")
    pairs, refused = matched_columns(*(blues.cohort.read(tmp_path / name) for name in "ab"))
    assert ("fever" in pairs) == (reason is None)
    assert reason is None or reason in refused["fever"]


def test_words_that_mean_yes_here_and_no_there_are_not_matched(two, tmp_path):
    for name, codes in (("a", '{"m"="yes", "f"="no"}'), ("b", '{"f"="yes", "m"="no"}')):
        shutil.copytree(two / name, tmp_path / name)
        path = tmp_path / name / "cohort.toml"
        text = path.read_text(encoding="utf-8")
        start = text.index("[columns.fever]")
        line = next(row for row in text[start:].splitlines() if row.startswith("codes"))
        path.write_text(text[:start] + text[start:].replace(line, f"codes = {codes}", 1), encoding="utf-8")
        table = pd.read_csv(tmp_path / name / "clinical.csv", dtype=str)
        table["fever"] = table["fever"].map({"0": "f", "1": "m"})
        table.to_csv(tmp_path / name / "clinical.csv", index=False)
    pairs, refused = matched_columns(*(blues.cohort.read(tmp_path / name) for name in "ab"))
    assert "fever" not in pairs
    assert refused["fever"] == "'m' is yes in synthetic and no in elsewhere"


def test_cohorts_may_differ_in_how_many_clips_of_a_patient_were_rated(two, tmp_path):
    """The rule on single clips has a column for each; a patient with fewer has NaN in the rest, whichever cohort has more."""
    few = tmp_path / "few"
    shutil.copytree(two / "b", few)
    ratings = pd.read_csv(few / "ratings.csv")
    clips = ratings.drop_duplicates("clip")
    keep = clips[clips.groupby(clips["clip"].str.rsplit("_", n=1).str[0]).cumcount() < 2]["clip"]
    ratings[ratings["clip"].isin(keep)].to_csv(few / "ratings.csv", index=False)
    many, fewer = blues.cohort.read(two / "a"), blues.cohort.read(few)
    name = "expert rule: each clip by severity"
    for train, test in ((many, fewer), (fewer, many)):
        sides = pair(train, test)
        wide, about = joined(train, sides[0][1], test, sides[1][1])
        columns = max((s[1].singles[name].columns for s in sides), key=len)
        assert list(wide.singles[name].columns) == list(about.singles[name].columns) == list(columns)
        assert about.singles[name].notna().sum().sum() == sides[1][1].singles[name].notna().sum().sum()
        found = transfer(*sides, Experiment(modalities=("clinical", "blood"), **QUICK))
        arm = found.predictions[found.predictions["arm"].str.startswith(name)]
        assert sorted(arm["patient"]) == sorted(test.patients.index[test.target("pcr").notna()])
        assert arm["p"].notna().all()


def test_a_rule_that_too_few_patients_of_one_cohort_have_is_left_out_with_its_reason(two, tmp_path):
    lone = tmp_path / "lone"
    shutil.copytree(two / "b", lone)
    ratings = pd.read_csv(lone / "ratings.csv")
    ratings[ratings["clip"] == ratings["clip"].iloc[0]].to_csv(lone / "ratings.csv", index=False)
    many, fewer = blues.cohort.read(two / "a"), blues.cohort.read(lone)
    for train, test in ((many, fewer), (fewer, many)):
        found = transfer(*pair(train, test), Experiment(modalities=("clinical", "blood"), **QUICK))
        assert not found.scores["arm"].str.startswith("expert rule").any()
        why = found.refused.set_index("column").loc["expert rule: mean severity", "reason"]
        assert why == f"not matched: the patients of {fewer.name} who have it do not differ in the outcome"


def at_points(cohort, names):
    """Return a cohort whose points are called otherwise, in the order given."""
    clips = cohort.dictionary.clips.model_copy(update={"points": tuple(names.values())})
    dictionary = cohort.dictionary.model_copy(update={"clips": clips})
    table = cohort.clips.assign(point=cohort.clips["point"].map(names))
    return dataclasses.replace(cohort, dictionary=dictionary, clips=table)


def test_other_points_are_told_where_images_are_pooled_and_named_where_they_lie_side_by_side(two):
    a, b = blues.cohort.read(two / "a"), blues.cohort.read(two / "b")
    turned = at_points(b, {point: point for point in reversed(b.points)})
    other = at_points(b, {point: f"DX{i}" for i, point in enumerate(b.points)})

    def sides(test, points, **more):
        seen = {c.name: embed.embed(c, encoder="frame-stats", workers=1) for c in (a, test)}
        return [(c, design(c, "pcr", ("image",), embeddings=seen[c.name], points=points, **more)) for c in (a, test)]

    told = "pooled over other points"
    for test, warned in ((turned, False), (other, True)):
        found = transfer(*sides(test, "mean"), Experiment(modalities=("image",), **QUICK))
        texts = [note["text"] for note in found.notes if told in note["text"]]
        assert len(texts) == warned
        assert all(", ".join(c.points) in text for text in texts for c in (a, test))
    first, second = sides(turned, "concat")
    both, about = joined(*first, *second)
    assert list(about.blocks["image"]) == list(first[1].blocks["image"]), "the same points in another order"
    assert both.blocks["image"].notna().to_numpy().any(axis=1).mean() > 0.9
    for points, more in (("concat", {}), ("mean", {"also_points": ["concat"]})):
        with pytest.raises(InputError, match=r"other points: synthetic has .*elsewhere has DX0, DX1.*--points mean"):
            joined(*(one for side in sides(other, points, **more) for one in side))
