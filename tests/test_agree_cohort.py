"""Rules against a reference test, associations, retakes, the model as a rater, and the command."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from blues import agree, cohort, video
from blues.agree.beside import beside
from blues.agree.cohorts import side_by_side
from blues.check import InputError

DICTIONARY = """
name = "Tiny"
licence = "none"
citation = "none"
[files]
patients = "patients.csv"
clips = "clips"
ratings = "ratings.csv"
[patients]
id = "id"
id_kind = "integer"
[clips]
pattern = 'p(?P<patient>\\d+)_(?P<point>[RL]\\d)(?:_(?P<take>\\d+))?'
points = ["R1", "L1"]
[ratings]
clip = "clip"
{rater}
[ratings.items.severity]
kind = "ordinal"
column = "severity"
categories = [0, 1, 2, 3]
label = "Severity"
[ratings.items.b_lines]
kind = "binary"
column = "b"
codes = {{ yes = "yes", no = "no" }}
label = "B-lines"
[columns.id]
role = "identifier"
[columns.pcr]
role = "target"
known = "admission"
kind = "binary"
[columns.spo2]
role = "clinical"
known = "admission"
kind = "continuous"
unit = "%"
label = "SpO2"
[targets.pcr]
label = "PCR"
kind = "binary"
column = "pcr"
events = ["yes"]
[targets.severity_clip]
label = "Severity of the clip"
kind = "ordinal"
level = "clip"
rating = "severity"
contingent = "never"
[targets.severity]
label = "Severity"
kind = "continuous"
rating = "severity"
over_clips = "mean"
contingent = "never"
"""
PATIENTS = 12


def write_cohort(folder, raters=(), movies=False):
    """Write a cohort of 12 patients with two points and a retake of R1 in the first four."""
    rng = np.random.default_rng(0)
    (folder / "clips").mkdir(parents=True)
    ill = np.arange(PATIENTS) % 2
    patients = pd.DataFrame(
        {"id": np.arange(1, PATIENTS + 1), "pcr": ill, "spo2": 97 - 3 * ill - np.arange(PATIENTS) % 3}
    )
    patients.to_csv(folder / "patients.csv", index=False)
    rows = []
    for patient in range(1, PATIENTS + 1):
        for stem in ["R1", "L1"] + ["R1_2"] * (patient <= 4):
            clip = f"p{patient}_{stem}"
            if movies:
                frames = rng.integers(0, 255, (6, 64, 64), dtype=np.uint8)
                video.write(folder / "clips" / f"{clip}.mp4", frames, fps=25)
            else:
                (folder / "clips" / f"{clip}.mp4").write_bytes(b"x")
            truth = int(rng.integers(0, 2) + 2 * ill[patient - 1])
            for rater in raters or ("",):
                score = truth if rng.random() < 0.8 else int(rng.integers(0, 4))
                rows.append({"clip": clip, "rater": rater, "severity": score, "b": "yes" if score > 1 else "no"})
    table = pd.DataFrame(rows)
    (table if raters else table.drop(columns="rater")).to_csv(folder / "ratings.csv", index=False)
    words = 'rater = "rater"' if raters else 'consensus = "one score was kept"'
    (folder / "cohort.toml").write_text(DICTIONARY.format(rater=words))
    return folder


@pytest.fixture
def tiny(tmp_path):
    return cohort.read(write_cohort(tmp_path / "tiny"))


def test_consensus_says_what_cannot_be_computed(tiny, tmp_path):
    words = agree.expert_statement(tiny)
    assert "cannot be computed" in words
    assert "one score was kept" in words
    two = cohort.read(write_cohort(tmp_path / "two", raters=("A", "B")))
    assert agree.expert_statement(two).startswith("2 raters (A, B)")


def test_rules_are_those_of_a_hand_count(tiny):
    table = agree.rule_table(tiny).set_index("rule")
    severity = tiny.ratings[tiny.ratings["item"] == "severity"]
    pcr = tiny.target("pcr")
    called = severity.groupby("patient")["rating"].mean() >= 1.5
    row = table.loc["average at least 1.5: Severity"]
    assert row["tp"] == (called & (pcr.reindex(called.index) == 1)).sum()
    assert row["accuracy"] == pytest.approx((called == (pcr.reindex(called.index) == 1)).mean())
    lines = tiny.ratings[(tiny.ratings["item"] == "b_lines") & (tiny.ratings["rating"] == 1)].groupby("patient").size()
    assert table.loc["at least 2 clips with: B-lines", "tp"] == (lines[pcr.reindex(lines.index) == 1] >= 2).sum()
    clip = table.loc["clip at least 2: Severity"]
    assert (clip["unit"], clip["n"], clip["patients"]) == ("clip", 28, 12)
    assert clip["sensitivity"] == pytest.approx((severity["rating"] >= 2)[severity["patient"].map(pcr).eq(1)].mean())
    width = clip["sensitivity_high"] - clip["sensitivity_low"]
    from blues.evaluate import wilson_interval

    plain = wilson_interval(clip["tp"], clip["tp"] + clip["fn"])
    assert width > plain.high - plain.low
    with pytest.raises(InputError, match="target is 'severity'"):
        agree.rule_table(tiny, "severity")


def test_scores_behind_the_rules(tiny):
    found = agree.rule_scores(tiny).set_index("score")["value"]
    assert found["average: Severity"] > 0.8
    assert found["clip with: B-lines"] == pytest.approx(1 - found["clip without: B-lines"])


def test_categories_that_do_not_occur_are_no_raters_no_items_and_no_patients(tiny):
    keys = ("rater", "item", "patient", "point", "clip")
    ratings = tiny.ratings.assign(
        **{key: tiny.ratings[key].astype("category").cat.add_categories(["none"]) for key in keys}
    )
    made = dataclasses.replace(tiny, ratings=ratings)
    for what in (agree.rule_scores, agree.associations):
        pd.testing.assert_frame_equal(what(made), what(tiny))
    assert [str(r) for r in agree.retakes(made, draws=50)] == [str(r) for r in agree.retakes(tiny, draws=50)]
    for target in ("severity", "severity_clip"):
        pd.testing.assert_series_equal(made.target(target), tiny.target(target))


def test_ratings_of_one_class_or_of_nobody_known_are_said(tiny):
    positive = tiny.target("pcr") == 1
    one_class = tiny.ratings[tiny.ratings["patient"].map(positive).fillna(False).astype(bool)]
    with pytest.raises(InputError, match="both values of pcr"):
        agree.rule_scores(dataclasses.replace(tiny, ratings=one_class))
    with pytest.raises(InputError, match="no clip with a rating"):
        agree.rule_table(dataclasses.replace(tiny, patients=tiny.patients.assign(pcr=np.nan)))


def test_associations_side_by_side(tiny):
    table = agree.associations(tiny)
    assert set(table["predictor"]) == {"spo2", "b_lines fraction"}
    naive = table[(table["predictor"] == "spo2") & (table["method"] == "correlation, clips independent")].iloc[0]
    severity = tiny.ratings[tiny.ratings["item"] == "severity"]
    x = severity["patient"].map(tiny.patients["spo2"])
    assert naive["estimate"] == pytest.approx(np.corrcoef(severity["rating"], x)[0, 1])
    assert naive["n"] == 28
    short = side_by_side(table).set_index("predictor")
    assert short.loc["spo2", "label"] == "SpO2 (%)"
    assert short.loc["spo2", "naive_p"] < short.loc["spo2", "GEE_p"]
    by_method = table[table["predictor"] == "spo2"].set_index("method")["p_value"]
    assert short.loc["spo2", "robust_p"] == by_method["ordinal logistic regression, bias-reduced"]
    with pytest.raises(InputError, match="column is 'crp'"):
        agree.associations(tiny, columns=["crp"])


def test_retakes_compare_takes_of_one_point(tiny):
    found = agree.retakes(tiny, "severity", draws=50)
    assert [r.subjects for r in found] == [4, 4, 4]
    rating = tiny.ratings[tiny.ratings["item"] == "severity"].set_index("clip")["rating"]
    same = np.mean([rating[f"p{k}_R1"] == rating[f"p{k}_R1_2"] for k in (1, 2, 3, 4)])
    assert found[0].value == pytest.approx(same)
    assert "of 4 points taken twice" in found[0].sentence()


def write_run(folder, frame, kind, task):
    folder.mkdir()
    frame.to_parquet(folder / "predictions.parquet")
    (folder / "design.json").write_text(json.dumps({"task": task, "kind": kind}))
    return folder


@pytest.fixture
def two_experts(tmp_path):
    return cohort.read(write_cohort(tmp_path / "experts", raters=("Ann", "Ben")))


def clip_run(tmp_path, data):
    """Make a run of two repeats that predicts the first expert's score a little too high."""
    truth = data.ratings[(data.ratings["item"] == "severity") & (data.ratings["rater"] == "Ann")]
    parts = [
        pd.DataFrame(
            {
                "patient": truth["patient"],
                "clip": truth["clip"],
                "arm": "image",
                "repeat": repeat,
                "fold": 0,
                "y": truth["rating"],
                "p": truth["rating"] + shift,
            }
        )
        for repeat, shift in ((0, 0.1), (1, 0.5))
    ]
    return write_run(tmp_path / "run", pd.concat(parts, ignore_index=True), "ordinal", "severity_clip")


def test_model_enters_as_one_more_rater(two_experts, tmp_path):
    predictions = agree.read_predictions(clip_run(tmp_path, two_experts))
    assert (predictions.level, predictions.kind, predictions.task) == ("clip", "ordinal", "severity_clip")
    rating = predictions.ratings("image", [0.0, 1.0, 2.0, 3.0])
    truth = agree.experts_of(two_experts, "severity_clip").ratings["Ann"]
    assert (rating.reindex(truth.index) == truth).all()  # mean of +0.1 and +0.5 rounds back
    found = agree.model_agreement(
        agree.experts_of(two_experts, "severity_clip"), predictions, "image", margin=0.1, draws=50
    )
    pairs = found["Every pair"].set_index("pair")
    assert pairs.loc["Ann - model", "value"] == 1.0
    assert pairs.loc["Ben - model", "value"] == pytest.approx(pairs.loc["Ann - Ben", "value"])
    assert set(found) >= {"Williams' index", "Non-inferiority", "Interchangeability", "Leave one expert out"}
    assert found["Williams' index"].detail["clusters"] == PATIENTS
    both = agree.experts_of(two_experts, "severity_clip").ratings.dropna()
    apart = (both["Ann"] != both["Ben"]).mean()
    assert found["Interchangeability"].value == pytest.approx(-apart / 2)  # probabilities, near misses count in full
    with pytest.raises(InputError, match="arm is 'blood'"):
        agree.model_agreement(agree.experts_of(two_experts, "severity_clip"), predictions, "blood")
    with pytest.raises(InputError, match="not something that experts rated"):
        agree.experts_of(two_experts, "pcr")


def test_target_of_one_rater_holds_the_model_against_all_of_them(two_experts, tmp_path):
    """What one rater said is predicted, and each of them is an expert."""
    targets = two_experts.dictionary.targets
    of_ann = targets | {"severity_clip": targets["severity_clip"].model_copy(update={"rater": "Ann"})}
    named = dataclasses.replace(two_experts, dictionary=two_experts.dictionary.model_copy(update={"targets": of_ann}))
    pd.testing.assert_frame_equal(
        agree.experts_of(named, "severity_clip").ratings, agree.experts_of(two_experts, "severity_clip").ratings
    )
    found = beside(named, clip_run(tmp_path, two_experts), draws=50)
    assert "learned from the ratings of Ann" in found["About the model, arm image"]
    assert "Every pair, arm image" in found
    assert "these ratings" in beside(two_experts, tmp_path / "run", draws=50)["About the model, arm image"]


def test_grades_called_by_cuts_are_the_models_ratings(two_experts, tmp_path):
    folder = clip_run(tmp_path, two_experts)
    table = pd.read_parquet(folder / "predictions.parquet")
    first = table["clip"] == table["clip"].iloc[0]
    table["grade"] = np.where(first, np.nan, 3.0)
    table.to_parquet(folder / "predictions.parquet")
    rating = agree.read_predictions(folder).ratings("image", [0.0, 1.0, 2.0, 3.0])
    assert (rating.drop(table["clip"].iloc[0]) == 3).all()
    assert rating[table["clip"].iloc[0]] == round(table.loc[first, "p"].mean())


def test_model_of_a_patient_mean_is_compared_as_a_measurement(two_experts, tmp_path):
    mean = agree.experts_of(two_experts, "severity").ratings
    frame = pd.DataFrame({"patient": mean.index, "arm": "image", "y": mean["Ann"], "p": mean["Ann"] * 0.9 + 0.1})
    predictions = agree.read_predictions(write_run(tmp_path / "run", frame, "continuous", "severity"))
    found = agree.model_agreement(agree.experts_of(two_experts, "severity"), predictions, "image", draws=50)
    methods = [r.method for r in found["Model and Ann"]]
    assert methods == ["ICC(2,1)", "Lin's concordance", "Bland-Altman mean difference"]
    assert found["Model and Ann"][0].value > 0.95
    assert "Experts with each other" in found


def test_binary_calls_use_the_threshold_of_their_fold(tmp_path):
    frame = pd.DataFrame(
        {
            "patient": ["1", "2", "1", "2"],
            "arm": "image",
            "repeat": [0, 0, 1, 1],
            "y": [0.0, 1, 0, 1],
            "p": [0.3, 0.3, 0.3, 0.3],
            "threshold": [0.4, 0.2, 0.4, 0.2],
        }
    )
    predictions = agree.read_predictions(write_run(tmp_path / "run", frame, "binary", "x"))
    assert predictions.ratings("image", [0.0, 1.0]).to_dict() == {"1": 0.0, "2": 1.0}
    third = frame.assign(p=np.nextafter(0.7, 0), threshold=0.7)  # equal, but for the last bit
    equal = agree.read_predictions(write_run(tmp_path / "equal", third, "binary", "x"))
    assert set(equal.ratings("image", [0.0, 1.0])) == {1.0}
    twice = write_run(tmp_path / "again", pd.concat([frame, frame]), "binary", "x")
    with pytest.raises(InputError, match="two predictions of arm 'image' in one repeat"):
        agree.read_predictions(twice)
    with pytest.raises(InputError, match=r"no predictions.parquet"):
        agree.read_predictions(tmp_path)


def test_one_expert_gives_one_kappa_and_strangers_an_error(tiny, tmp_path):
    run = clip_run(tmp_path, cohort.read(write_cohort(tmp_path / "experts", raters=("Ann", "Ben"))))
    found = agree.model_agreement(
        agree.experts_of(tiny, "severity_clip"), agree.read_predictions(run), "image", draws=50
    )
    assert list(found) == ["Model and consensus"]
    frame = pd.read_parquet(run / "predictions.parquet").assign(clip="nobody")
    strange = write_run(tmp_path / "strange", frame.drop_duplicates(["arm", "repeat"]), "ordinal", "severity_clip")
    with pytest.raises(InputError, match="predicts clips such as 'nobody', and none of them was rated"):
        agree.model_agreement(agree.experts_of(tiny, "severity_clip"), agree.read_predictions(strange), "image")


def test_command_on_a_cohort(tmp_path, capsys):
    folder = write_cohort(tmp_path / "cohort")
    assert agree.main([str(folder), "--draws", "50", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    for words in (
        "cannot be computed",
        "Rules against pcr, by clip",
        "Association of severity",
        "Retakes of the same point",
    ):
        assert words in said
    page = (tmp_path / "out" / "agreement.html").read_text()
    assert "All associations" in page
    assert len(list((tmp_path / "out").glob("*.csv"))) >= 5
    assert json.loads((tmp_path / "out" / "provenance.json").read_text())["seed"] == 0


def test_command_with_experts_and_a_run(two_experts, tmp_path, capsys):
    run = clip_run(tmp_path, two_experts)
    words = [str(two_experts.folder), "--draws", "50", "--run", str(run), "--margin", "-0.1"]
    assert agree.main(words) == 0
    said = capsys.readouterr().out
    kappas = [line for line in said.splitlines() if "Cohen's kappa" in line and " was " in line]
    assert kappas
    assert all(line.startswith(("severity: ", "a_lines: ", "b_lines: ")) for line in kappas)
    for expected in ("Ann - Ben", "Williams' index", "Leave one expert out, arm image", "pupil"):
        assert expected in said
    ratings = two_experts.ratings
    ratings[ratings["item"] == "severity"].to_csv(tmp_path / "ratings.csv", index=False)
    words = [str(tmp_path / "ratings.csv"), "--categories", "0,1,2,3", "--draws", "50", "--run", str(run)]
    assert agree.main(words) == 0
    assert "Interchangeability" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        ("subject,rater,rating\na,A,1\na,B,3\n", [], "The ratings hold 1, 3; name the whole scale"),
        ("subject,rater,rating\na,A,1\na,B,3\n", ["--categories", "0", "1", "2"], "value 3: subject 'a', rater 'B'"),
        (
            "subject,rater,rating\na,A,1\na,A,2\n",
            ["--categories", "0", "1"],
            "row 3: subject 'a', rater 'A' is rated twice",
        ),
        ("subject,rater,rating\na,A,1\nb,B,1\n", ["--categories", "0", "1"], "never rated the same subject"),
        ("subject,rater,rating\na,A,1\n", ["--categories", "0", "1"], "1 rater; agreement needs at least 2"),
        ("a,b\n1,2\n", ["--categories", "0", "1"], "no column says which subject"),
        ("", ["--categories", "0", "1"], "not a CSV table"),
        ("subject,A,B\na,1,x\nb,0,1\n", ["--level", "continuous"], "value 'x': subject 'a', rater 'B': not a number"),
    ],
)
def test_command_says_what_is_wrong_in_one_line(tmp_path, capsys, content, words, message):
    (tmp_path / "r.csv").write_text(content)
    assert agree.main([str(tmp_path / "r.csv"), *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "pcr"], "--target has no use here: it is for a cohort's folder"),
        (["--columns", "age"], "--columns has no use here"),
        (["--arm", "image"], "--arm has no use here: it is for a model's predictions"),
        (["--margin", "-0.1"], "--margin has no use here"),
        (["--level", "nominal", "--weights", "quadratic"], "--weights has no use here: labels without an order"),
        (["--level", "continuous", "--categories", "1", "2"], "--categories has no use here"),
        (["--into", "run", "--item", "a"], "--item has no use here: --into writes"),
    ],
)
def test_flag_that_would_be_ignored_is_refused(tmp_path, capsys, words, message):
    (tmp_path / "r.csv").write_text("subject,A,B\na,1,0\nb,0,1\nc,1,1\n")
    assert agree.main([str(tmp_path / "r.csv"), *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--item", "nonsense"], "--item is 'nonsense'"),
        (["--target", "nonsense"], "--target is 'nonsense'"),
        (["--level", "ordinal"], "a cohort's dictionary says which scale"),
        (["--categories", "0", "1"], "a cohort's dictionary says which scale"),
    ],
)
def test_flag_that_a_cohort_cannot_answer_is_refused(tmp_path, capsys, words, message):
    assert agree.main([str(write_cohort(tmp_path / "cohort")), *words]) == 2
    assert message in capsys.readouterr().err


def test_table_with_a_column_an_item_is_read_and_says_whose_clips_they_are(tmp_path, capsys):
    rows = [f"p{k // 3}_{k % 3},p{k // 3},{r},{(k + (r == 'B')) % 3},{k % 2}" for k in range(12) for r in "AB"]
    (tmp_path / "r.csv").write_text("clip,patient,rater,severity,b_lines\n" + "\n".join(rows) + "\n")
    words = [str(tmp_path / "r.csv"), "--item", "severity", "--categories", "0", "1", "2", "--draws", "20"]
    assert agree.main(words) == 0
    assert "2 raters on 12 subjects of 4 patients" in capsys.readouterr().out
    assert agree.main([*words[:1], "--item", "severty", *words[3:]]) == 2
    assert "no item 'severty'" in capsys.readouterr().err


def test_nominal_kappas_are_unweighted(tmp_path, capsys):
    (tmp_path / "r.csv").write_text("subject,A,B\n" + "".join(f"{k},{k % 3},{k * 7 % 3}\n" for k in range(12)))
    words = [str(tmp_path / "r.csv"), "--categories", "0", "1", "2", "--level", "nominal", "--draws", "20"]
    assert agree.main(words) == 0
    plain = capsys.readouterr().out
    assert agree.main([*words, "--weights", "unweighted"]) == 0
    assert capsys.readouterr().out == plain


def test_command_without_a_file_plan_and_sheet(tmp_path, capsys):
    assert agree.main([str(tmp_path / "none")]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert (
        agree.main(["plan", "--raters", "2", "--subjects", "40", "--studies", "5", "--prevalence", "0.7", "0.3"]) == 0
    )
    assert "Cohen's kappa" in capsys.readouterr().out
    assert agree.main(["plan", "--kappa", "2"]) == 2
    assert "kappa must lie between 0 and 1" in capsys.readouterr().err
    assert agree.main(["sheet"]) == 2
    assert "no cohort is named" in capsys.readouterr().err
    folder = write_cohort(tmp_path / "cohort", movies=True)
    words = ["sheet", str(folder), "--raters", "1", "--repeat", "0", "--item", "quality", "--categories", "bad", "good"]
    assert agree.main([*words, "--out", str(tmp_path / "out")]) == 0
    sheet = pd.read_csv(tmp_path / "out" / "raters" / "sheet-R1.csv")
    assert list(sheet.columns) == ["order", "code", "quality", "comment", "sheet"]


@pytest.mark.real
def test_real_cohort_reproduces_the_known_numbers(real_cohort_folder):
    """Naive and patient-level correlation of SpO2 with severity, design effect: computed when the cohort was examined."""
    data = cohort.read(real_cohort_folder)
    short = side_by_side(agree.associations(data, columns=["oxygen_saturation_without_ox", "respiratory_rate"]))
    short = short.set_index("predictor")
    spo2 = short.loc["oxygen_saturation_without_ox"]
    assert (spo2["naive_r"], spo2["naive_p"]) == pytest.approx((-0.169, 0.002), abs=6e-4)
    assert (spo2["patients_r"], spo2["patients_p"]) == pytest.approx((-0.28, 0.034), abs=4e-3)
    rate = short.loc["respiratory_rate"]
    assert (rate["patients_r"], rate["patients_p"]) == pytest.approx((0.14, 0.29), abs=6e-3)
    assert short.loc["b_lines fraction", "design_effect"] == pytest.approx(2.66, abs=5e-3)
    rules = agree.rule_table(data)
    assert (rules["n"][rules["unit"] == "clip"] == 362).all()
    assert (rules["n"][rules["unit"] == "patient"] == 63).all()
    takes = agree.retakes(data, "severity", draws=50)
    assert takes[0].subjects == 10
    assert takes[1].detail["matrix"].to_numpy().sum() == 10
    gap = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    assert takes[1].detail["matrix"].to_numpy()[gap >= 2].sum() == 4  # four of ten pairs differ by two grades or more


def test_only_those_whose_ratings_taught_the_model_are_called_its_teachers(two_experts, tmp_path, capsys):
    words = [str(two_experts.folder), "--draws", "20", "--run", str(clip_run(tmp_path, two_experts)), "--arm", "image"]
    assert agree.main(words) == 0
    assert "learned from these ratings" in capsys.readouterr().out
    dictionary = two_experts.folder / "cohort.toml"
    text = dictionary.read_text().replace(
        'rating = "severity"\ncontingent', 'rating = "severity"\nrater = "Ann"\ncontingent'
    )
    dictionary.write_text(text)
    assert agree.main(words) == 0
    assert "learned from the ratings of Ann: " in capsys.readouterr().out
