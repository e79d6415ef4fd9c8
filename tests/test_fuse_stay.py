"""Length of stay in a run: endpoints of the made-up cohort, the description beside a run, and time to discharge as a task."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from stay_cohort import write_tables

import blues.cohort
from blues import evaluate, fuse, report, survive
from blues.check import InputError
from blues.datasets.synthetic_tables import DISCHARGE_HAZARD
from blues.features import Design, design
from blues.fuse.command import summary
from blues.fuse.staytime import COLUMN, _notes, describe_beside, offer, timed
from blues.fuse.transfer import transfer
from blues.report.extras import read_beside

MANY = 400


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    illness = write_tables(folder, MANY)
    return blues.cohort.read(folder), illness


def test_endpoints_of_the_made_up_cohort(many):
    cohort, _ = many
    table = cohort.patients
    found = survive.endpoints(cohort)
    code = table["status"].astype(object).map({"discharged": 1.0, "died": 2.0, "in hospital": 0.0}).astype(float)
    known = table["los_days"].notna()
    pd.testing.assert_series_equal(found.frame["event"][known], code[known], check_names=False)
    pd.testing.assert_series_equal(found.frame["time"], table["los_days"], check_names=False)
    assert (code[known] == 0).any()
    assert (found.frame["time"] == 0).any()
    assert (~known).sum() == 2
    assert (found.frame["ever_icu"] == table["icu"]).all()
    assert found.adjudication["what"].str.contains("96 days of oxygen").any()


def test_planted_hazard_of_discharge_is_recovered_within_its_interval(many):
    cohort, illness = many
    frame = survive.endpoints(cohort).frame.dropna(subset=["time"])
    covariates = pd.DataFrame({"illness": illness, "icu": cohort.patients["icu"]}).loc[frame.index]
    fit = survive.cause_specific_cox(frame["time"], frame["event"], covariates, cause=1)
    for name, planted in DISCHARGE_HAZARD.items():
        low, high = fit.table.loc[name, ["low", "high"]]
        assert low < planted < high < 1, name


def test_stay_that_has_not_ended_is_censored_unless_death_ended_it():
    rule = {
        "stay": "los",
        "still_in_hospital": [{"column": "open", "equals": ["yes"]}],
        "died_in_hospital": [{"column": "died", "equals": ["yes"]}],
    }
    table = pd.DataFrame({"los": [5, 5, 5], "open": [1.0, 0.0, 1.0], "died": [0.0, 0.0, 1.0]}, index=["1", "2", "3"])
    found = survive.adjudicate(table, rule)
    assert found.frame["event"].tolist() == [0, 1, 2]
    assert found.adjudication[["patient", "rule"]].to_numpy().tolist() == [["3", "death decides"]]


def test_section_holds_what_the_single_calls_give(many):
    cohort, _ = many
    found = survive.section(cohort, by=["pcr", "age", "icu"])
    ends = survive.endpoints(cohort)
    pcr = cohort.target("pcr").map({0.0: "no", 1.0: "yes"})
    one = survive.describe(ends, pcr)
    staying = found["Still in hospital by SARS-CoV-2 PCR positive"]
    np.testing.assert_array_equal(staying["survival"], one.staying.table["survival"])
    assert set(staying["group"]) == {"no", "yes"}
    tests = found["Tests between groups"].set_index(["variable", "test"])
    row = tests.loc[("SARS-CoV-2 PCR positive", "log-rank, leaving in any way")]
    assert row["p_value"] == one.tests["logrank"].p_value
    # the ill stay longer, and intensive care is for the ill
    days = found["Difference in mean days in hospital"].set_index("variable").loc["intensive care during the stay"]
    assert days["low"] > 0
    incidence = found["Discharge alive and death"].groupby("cause")["incidence"].max()
    assert incidence.sum() + found["Still in hospital"]["survival"].min() == pytest.approx(1)
    assert found["Contradictions, and the rule that decided"].equals(ends.adjudication)


def test_section_says_which_variable_cannot_be_described_by(many):
    cohort, _ = many
    constant = cohort.patients.assign(sex="female")
    found = survive.section(dataclasses.replace(cohort, patients=constant), by=["sex"])
    assert "Not described by sex" in found
    with pytest.raises(InputError, match="Nearest: 'age'"):
        survive.section(cohort, by=["aeg"])


def test_groups_are_in_words_and_default_to_the_pcr_and_the_ratings(many):
    cohort, _ = many
    label, thirds = survive.grouping(cohort, "age")
    assert label == "third of age"
    assert thirds.value_counts().between(MANY / 4, MANY / 2).all()
    assert set(survive.grouping(cohort, "icu")[1]) == {"no", "yes"}
    titles = list(survive.section(cohort))
    assert "Still in hospital by SARS-CoV-2 PCR positive" in titles
    assert any(title.startswith("Not described by") and "severity" in title for title in titles)


QUICK = {"modalities": ("image", "blood"), "folds": 3, "repeats": 2, "null": 2, "jobs": 1, "task": "discharge"}


def make_design(patients=50, effect=1.7, seed=3):
    """Blood tells the hazard of discharge, images tell nothing; two deaths, some censored, one without blood."""
    rng = np.random.default_rng(seed)
    ids = pd.Index([str(i) for i in range(1, patients + 1)], name="patient")
    hidden = rng.normal(size=patients)
    time = np.floor(rng.exponential(8 * np.exp(effect * hidden)))
    event = np.where(time > 30, 0.0, 1.0)
    event[[3, 11]] = 2
    blood = pd.DataFrame({"crp": hidden + 0.3 * rng.normal(size=patients), "ldh": rng.normal(size=patients)}, ids)
    blood.iloc[5] = np.nan
    return Design(
        task="discharge",
        kind="time",
        level="patient",
        label="time to discharge alive",
        y=pd.Series(np.minimum(time, 30), ids),
        event=pd.Series(event, ids),
        patients=pd.Series(ids, ids),
        blocks={"image": pd.DataFrame(rng.normal(size=(patients, 4)), ids, list("abcd")), "blood": blood},
        refused=pd.DataFrame(columns=["column", "role", "known", "reason"]),
        dropped=pd.DataFrame(columns=["row", "patient", "reason"]),
        singles={
            "prevalence": pd.DataFrame({"constant": 1.0}, index=ids),
            "baseline: LDH": blood[["ldh"]],
        },
        cohort="made",
        facts={"asked": {"allow": ()}, "no_rules": "none", "rated": True, "damaged": 0},
    )


@pytest.fixture(scope="module")
def found():
    return fuse.run(make_design(), fuse.Experiment(**QUICK))


def of(run, arm, metric):
    table = run.scores
    return table[(table["arm"] == arm) & (table["metric"] == metric)].iloc[0]


def test_time_to_discharge_runs_like_any_other_task(found, tmp_path):
    assert list(dict.fromkeys(found.scores["arm"])) == ["image", "blood", "image+blood", "baseline: LDH"]
    assert {"uno_c", "harrell_c", "integrated_brier", "scaled_brier"} <= set(found.scores["metric"])
    assert {m.split("_")[0] for m in found.scores["metric"]} >= {"auc", "brier"}
    assert of(found, "blood", "uno_c")["low"] > 0.6
    assert of(found, "image", "uno_c")["low"] < 0.5
    gain = found.comparisons[(found.comparisons["metric"] == "uno_c") & found.comparisons["low"].notna()]
    assert gain["arm"].tolist() == ["image", "image+blood", "baseline: LDH"]
    assert set(gain["reference"]) == {"blood"}
    assert gain.iloc[0]["high"] < 0
    assert (gain["p_holm"] >= gain["p_value"]).all()
    back = fuse.Run.load(found.save(tmp_path / "run"))
    assert {"asked", "no_rules", "rated"} & set(back.provenance) == set()
    assert back.provenance["damaged"] == 0
    pd.testing.assert_frame_equal(back.predictions, found.predictions)
    pd.testing.assert_frame_equal(back.scores, found.scores, check_dtype=False)
    assert back.design["kind"] == "time"
    assert back.design["events"] + back.design["competing"] + back.design["censored"] == 50


def test_scores_are_those_of_the_saved_predictions(found):
    part = found.predictions[found.predictions["arm"] == "blood"]
    by_hand = [
        survive.uno_c(p["y"], p["event"], p["p"], cause=1, interval=None).value for _, p in part.groupby("repeat")
    ]
    assert of(found, "blood", "uno_c")["value"] == pytest.approx(np.mean(by_hand))
    times = found.design["times"]
    by_hand = [
        survive.ipcw_brier(p["y"], p["event"], p[[f"free_{t:g}" for t in times]], times, cause=1).scaled.value
        for _, p in part.groupby("repeat")
    ]
    assert of(found, "blood", "scaled_brier")["value"] == pytest.approx(np.mean(by_hand))


def test_folds_are_those_of_the_other_tasks(found):
    design_ = make_design()
    folds = evaluate.patient_folds(design_.y, design_.patients, 3, 2, 0, kind="continuous")
    expected = {(f.repeat, f.fold, str(p)) for f in folds for p in design_.patients.iloc[f.test]}
    for _, part in found.predictions.groupby("arm"):
        assert set(part[["repeat", "fold", "patient"]].itertuples(index=False, name=None)) == expected


def test_null_deals_times_and_events_out_together(found):
    assert found.null.groupby("arm")["permutation"].nunique().eq(2).all()
    rows = found.comparisons[found.comparisons["reference"] == "shuffled outcome"].set_index("arm")
    assert rows.loc["blood", "p_value"] == pytest.approx(1 / 3)
    assert found.null["value"].between(0.2, 0.8).all()


def test_few_discharges_are_said():
    design_ = make_design(effect=0.5)
    event = design_.event.where(np.arange(50) % 6 == 0, 0.0)
    few = fuse.run(dataclasses.replace(design_, event=event), fuse.Experiment(**(QUICK | {"null": 0})))
    warnings = [n["text"] for n in few.notes if n["level"] == "warning"]
    assert any("were discharged alive: no claim" in text for text in warnings)


def test_a_time_needs_its_event_and_other_kinds_have_none():
    made = make_design()
    with pytest.raises(InputError, match="a time goes with an event"):
        dataclasses.replace(made, event=None)
    with pytest.raises(InputError, match="a time goes with an event"):
        dataclasses.replace(made, kind="continuous")
    with pytest.raises(InputError, match="rows of 'event'"):
        dataclasses.replace(made, event=made.event.iloc[::-1])


def test_cohort_with_a_section_on_stays_offers_the_task(many):
    cohort, _ = many
    assert offer(cohort, "pcr") is cohort
    offered = offer(cohort, "discharge")
    made = timed(design(offered, "discharge", ("clinical", "blood")), offered)
    ends = survive.endpoints(cohort).frame.dropna(subset=["time"])
    assert made.kind == "time"
    np.testing.assert_array_equal(made.y, ends["time"])
    np.testing.assert_array_equal(made.event, ends["event"])
    assert made.y.index.equals(made.event.index)
    refused = set(made.refused["column"])
    assert {COLUMN, "los_days", "status", "death", "oxygen_litres", "icu"} <= refused
    assert not refused & {c for block in made.blocks.values() for c in block}
    assert len(made.dropped) == 2


def test_stay_as_a_number_says_what_it_ignores(many):
    cohort, _ = many
    made = timed(design(cohort, "los", ("blood",)), cohort)
    assert made.kind == "continuous"
    told = made.facts["stay_note"]
    frame = survive.endpoints(cohort).frame
    assert f"ended in death ({int((frame['event'] == 2).sum())})" in told
    assert "task discharge" in told
    other = design(cohort, "pcr", ("blood",))
    assert timed(other, cohort) is other


def test_description_is_written_beside_a_run_and_never_stops_it(many, tmp_path, capsys):
    cohort, _ = many
    describe_beside(cohort, tmp_path)
    contents = json.loads((tmp_path / "stay" / "contents.json").read_text())
    titles = [entry["title"] for entry in contents]
    assert titles[0] == "Reading"
    assert titles[-1].startswith("Contradictions")
    staying = pd.read_csv(tmp_path / "stay" / next(e["file"] for e in contents if e["title"] == "Still in hospital"))
    whole = survive.section(cohort)["Still in hospital"]
    np.testing.assert_allclose(staying["survival"], whole["survival"])
    broken = dataclasses.replace(cohort, patients=cohort.patients.assign(los_days=-1.0))
    describe_beside(broken, tmp_path / "other")
    assert "negative" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def run_notebook(cohort):
    """Run the cells of the notebook on a cohort; return what they hold."""
    path = Path(__file__).parents[1] / "notebooks" / "06_length_of_stay.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    held = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLUES_DATA", str(cohort))
        exec(compile(code, str(path), "exec"), held)
    return held


def test_notebook_command_and_report_agree(tmp_path, capsys):
    """One cohort, three ways to its numbers; and the single calls give them, too."""
    write_tables(tmp_path, 60)
    flags = "--task discharge --modalities clinical blood --repeats 2 --null 0 --jobs 1".split()
    assert fuse.main([str(tmp_path), *flags, "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    by_command = fuse.Run.load(tmp_path / "run")
    held = run_notebook(tmp_path)
    pd.testing.assert_frame_equal(held["run"].scores, by_command.scores, check_dtype=False)
    pd.testing.assert_frame_equal(held["run"].predictions, by_command.predictions)
    made = fuse.prepare(by_command.experiment)[1]
    left = made.event[made.event == 1].index
    age = held["cohort"].patients["age"][made.patients[left]]
    shown = next(row for row in by_command.cohort["table_one"] if row["column"] == "age")
    assert by_command.cohort["correlated"] == len(left) < len(made.y)
    assert shown["correlation"] == pytest.approx(age.corr(made.y[left].set_axis(age.index), method="spearman"))
    folds = evaluate.patient_folds(made.y, made.patients, 5, 2, 0, kind="continuous")
    ids = made.patients.to_numpy()
    direct = survive.out_of_fold_risk(
        {name: block.set_axis(ids) for name, block in made.blocks.items()},
        survive.endpoints(held["cohort"]).frame.loc[ids],
        [(ids[f.train], ids[f.test]) for f in folds],
    )
    value = direct.scores.set_index(["arm", "metric"])["value"]["blood", "uno_c"]
    assert f"{value:.3f} (" in printed
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    summary = report.summarize(by_command, **read_beside(tmp_path / "run"))
    assert summary["answer"]["numbers"]["scores"]["blood"][0] == pytest.approx(value)
    for title, column in (
        ("Mean days in hospital", "value"),
        ("Cox models of leaving hospital (a hazard ratio above 1: leaves sooner)", "hazard ratio"),
        ("Test of proportional hazards (exact score test, time as the Kaplan-Meier curve)", "statistic"),
    ):
        wanted = (held["found"] if title in held["found"] else held["models"])[title]
        table = next(t for t in summary["tables"].values() if t["caption"] == title)
        place = [c["label"] for c in table["columns"]].index(column)
        shown = [row[place][0] if isinstance(row[place], list) else row[place] for row in table["rows"]]
        np.testing.assert_allclose(shown, wanted[column.replace(" ", "_")])
        assert f"{wanted[column.replace(' ', '_')].iloc[0]:.2f}" in page
    pd.testing.assert_frame_equal(
        held["models"]["Events each model rests on, and what it could not say"],
        held["found"]["Events each model rests on, and what it could not say"],
    )


def test_runs_with_other_events_are_no_same_outcome(found):
    moved = found.predictions["event"].map({0: 1, 1: 1, 2: 1})
    for other, words in (
        (found, "whether these runs differ is not tested"),
        (dataclasses.replace(found, predictions=found.predictions.assign(event=moved)), "no difference is tested"),
    ):
        compared = report.compare(found, other)
        assert words in json.dumps(compared)
        assert "difference is paired" not in json.dumps(compared)


def test_a_time_has_no_median_of_plain_numbers(many):
    cohort, _ = many
    shown = {
        entry["name"]: entry["median"]
        for entry in blues.cohort.card(offer(cohort, "discharge"), "discharge")["targets"]
    }
    assert shown["discharge"] is None
    assert shown["los"] > 0


@pytest.mark.parametrize(
    ("deaths", "words"),
    [
        (0, "Nobody died, so nothing competes."),
        (1, "is taken as the same for all, since 1 death cannot be modelled."),
        (12, "is taken as the same for all."),
    ],
)
def test_what_is_said_of_deaths_fits_their_number(deaths, words):
    made = make_design()
    event = made.event.where(made.event != 2, 1)
    event.iloc[:deaths] = 2
    notes = _notes(dataclasses.replace(made, event=event), fuse.Experiment(**QUICK), SimpleNamespace(notes=()))
    assert words in " ".join(note["text"] for note in notes)


def test_report_of_a_time(found, many):
    cohort, _ = many
    summary = report.summarize(found, survival=survive.section(cohort, by=["pcr"]))
    assert "Uno's C" in summary["answer"]["sentences"][0]
    assert "of whom had the event" in summary["answer"]["sentences"][0]
    assert summary["figures"]["by-risk-1"]["kind"] == "cumulative_incidence"
    groups = summary["figures"]["by-risk-1"]["arguments"]["curves"]["frame"]["group"]
    assert list(dict.fromkeys(groups)) == ["lowest third", "middle third", "highest third"]
    spread = summary["tables"]["repeats"]["rows"]
    assert spread[1][1] == pytest.approx(of(found, "blood", "uno_c")["value"])
    assert "give no sign that the arm tells patients apart" in summary["figures"]["by-risk-1"]["caption"]
    methods = " ".join(b["text"] for s in summary["sections"] if s["key"] == "methods" for b in s["blocks"])
    assert "ridge Cox" in methods
    times = found.design["times"]
    assert f"integrated Brier score is its mean from day {times[0]:g} to day {times[-1]:g}" in methods
    assert "forest" not in methods
    page = report.render(summary)
    for text in ("AUC at day", "Kaplan-Meier", "Contradictions, and the rule that decided"):
        assert text in page


def test_subgroups_of_a_time_are_in_the_run_its_page_and_its_summary(found):
    ids = found.predictions["patient"].unique()
    groups = {"Sex": pd.Series(np.where(np.arange(len(ids)) % 2, "f", "m"), ids)}
    run = fuse.run(make_design(), fuse.Experiment(**QUICK, subgroups=("sex",)), groups=groups)
    pd.testing.assert_frame_equal(run.predictions, found.predictions)
    table = run.subgroups.set_index("group")
    assert (table["arm"] + " " + table["reference"]).unique().tolist() == ["image+blood blood"]
    assert table["patients"].to_dict() == {"f": 25, "m": 25}
    part = run.predictions[run.predictions["patient"].isin(groups["Sex"].index[groups["Sex"] == "m"])]
    for letter, arm in (("a", "image+blood"), ("b", "blood")):
        of_arm = part[part["arm"] == arm].groupby("repeat")
        values = [survive.uno_c(p["y"], p["event"], p["p"], cause=1, interval=None).value for _, p in of_arm]
        assert table.loc["m", f"value_{letter}"] == pytest.approx(np.mean(values))
    page = report.summarize(run)
    assert "by Sex f: " in " ".join(page["answer"]["sentences"])
    rows = page["tables"]["subgroups"]["rows"]
    assert [row[1:4] for row in rows] == [[g, 25, table.loc[g, "events"]] for g in ("f", "m")]
    assert "25 patients" in summary(run)


def test_ids_of_contradictions_stay_out_of_the_page(found, many, tmp_path):
    cohort, _ = many
    run = dataclasses.replace(found, predictions=found.predictions.assign(patient="77"))
    ends = survive.endpoints(cohort)
    odd = ends.adjudication.head(1).assign(patient="77")
    survive.save_section({"Odd": pd.concat([odd, odd.assign(patient="123")])}, tmp_path / "stay")
    shown = report.summarize(run, **read_beside(tmp_path))["tables"]["stay-1"]["rows"]
    assert sorted(row[0] for row in shown) == ["P01", "a patient"]
    shown = report.summarize(run, pseudonymise=False, **read_beside(tmp_path))["tables"]["stay-1"]["rows"]
    assert [row[0] for row in shown] == ["77", "123"]


def test_contents_say_order_and_title_and_a_broken_list_is_named(tmp_path):
    frame = pd.DataFrame({"a": [1.5]})
    survive.save_section({"Zebra": frame, "Said": "A sentence.", "Ant": frame}, tmp_path / "stay")
    assert list(read_beside(tmp_path)["survival"]) == ["Zebra", "Said", "Ant"]
    (tmp_path / "stay" / "contents.json").write_text('{"title": 3}')
    with pytest.raises(InputError, match=r"contents.json.*list of entries"):
        read_beside(tmp_path)


def test_bootstrap_and_learning_curve_of_a_time(tmp_path):
    experiment = fuse.Experiment(
        **(QUICK | {"null": 0, "repeats": 1, "validate": 10, "learning_curve": True, "examine": ("blood", "image")})
    )
    run = fuse.run(make_design(), experiment)
    rows = run.validation.set_index("arm")
    assert list(rows.index) == ["blood", "image"]
    assert set(rows["metric"]) == {"uno_c"}
    np.testing.assert_allclose(rows["apparent"] - rows["optimism"], rows["corrected"])
    # images tell nothing: what their own training data show is optimism
    assert rows.loc["image", "out_of_bag"] < 0.65 < rows.loc["blood", "rule_632plus"]
    curve = run.learning.set_index(["arm", "patients"])["value"]
    assert set(run.learning["arm"]) == {"blood", "image"}
    whole = run.learning[run.learning["arm"] == "blood"].sort_values("patients").iloc[-1]
    assert whole["value"] == pytest.approx(of(run, "blood", "uno_c")["value"])
    assert whole["patients"] == pytest.approx(50 * 2 / 3, abs=0.1)
    assert len(curve) == 8
    assert any("less the optimism" in n["text"] for n in run.notes)
    assert any("training patients" in n["text"] for n in run.notes)
    summary = report.summarize(fuse.Run.load(run.save(tmp_path / "run")))
    assert {"learning", "validation"} <= set(summary["tables"])
    with pytest.raises(InputError, match="--examine: arm"):
        fuse.run(make_design(), dataclasses.replace(experiment, examine=("bloods",)))


def test_copies_of_a_patient_stay_in_one_inner_fold():
    from blues.survive.penalised import _inner_folds

    copies = np.random.default_rng(0).integers(0, 30, 60)
    event = (copies % 3 > 0).astype(int)
    assigned = _inner_folds(event, 5, np.random.default_rng(1), copies)
    assert pd.Series(assigned).groupby(copies).nunique().eq(1).all()
    assert set(assigned) == set(range(5))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"select": ("forest", "xgboost")}, "--select .* whose penalty is chosen in the training fold"),
        ({"calibrate": "platt"}, "--calibrate .* Platt"),
        ({"threshold": "youden"}, "--threshold .* no patient is called"),
        ({"explain": ("blood",)}, "--explain .* not computed"),
    ],
)
def test_what_a_time_has_no_use_for_is_refused_at_once(many, given, why):
    cohort, _ = many
    experiment = fuse.Experiment(**(QUICK | {"cohort": str(cohort.folder), "modalities": ("blood",)} | given))
    with pytest.raises(InputError, match=f"{why}.*Leave out"):
        fuse.prepare(experiment)
    with pytest.raises(InputError, match=why):
        fuse.run(make_design(), dataclasses.replace(experiment, modalities=("image", "blood")))


def test_models_that_change_nothing_are_named():
    quick = fuse.Experiment(**(QUICK | {"null": 0, "repeats": 1, "model": ("xgboost",), "draws": 500}))
    run = fuse.run(make_design(), quick)
    warnings = [n["text"] for n in run.notes if n["level"] == "warning"]
    assert any(text.startswith("What was asked for (model, draws) changed nothing") for text in warnings)


def test_time_is_not_carried_to_another_cohort(many):
    cohort, _ = many
    with pytest.raises(InputError, match="within one cohort only"):
        transfer((cohort, make_design()), (cohort, make_design()), fuse.Experiment(**QUICK))
    with pytest.raises(InputError, match="within one cohort only"):  # before a clip is read: there is none to be
        fuse.prepare(fuse.Experiment(**(QUICK | {"cohort": str(cohort.folder)})), moved=True)
