"""What a page says is true of the run at hand: cross-validated or tested once, patients or clips, with images or without."""

import dataclasses
import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
from made_design import QUICK, make_design

from blues import agree, explain, fuse, plots, report
from blues.agree.beside import write_beside
from blues.agree.section import merged
from blues.check import signed
from blues.fuse.command import summary as printed
from blues.fuse.examine import validation_notes
from blues.fuse.naming import worded
from blues.fuse.run import run_folds
from blues.report import extras, people, risk, single
from blues.report.document import draw
from blues.report.explained import _bars
from blues.report.extras import frame_table, read_beside
from blues.report.facts import Facts
from blues.report.methods import methods
from blues.report.privacy import Privacy
from blues.report.settings import in_use

CROSSED = re.compile(
    r"cross-validation|repeats|out-of-fold predictions|the (?:training )?folds|Nadeau|within folds|each fold"
)


def part(design, rows):
    """Return some rows of a design."""
    return dataclasses.replace(
        design,
        y=design.y.iloc[rows],
        patients=design.patients.iloc[rows],
        blocks={name: block.iloc[rows] for name, block in design.blocks.items()},
    )


@cache
def moved(clips=1, kind="binary", **more):
    """Fit on 40 patients and test once on 30 others, as a transfer does."""
    whole = make_design(70, clips=clips, kind=kind)
    rows = np.arange(len(whole.y))
    first = 40 * clips
    settings = fuse.Experiment(modalities=("image", "blood"), train="old", test="new", **(QUICK | more))
    found = run_folds(whole, settings, [(0, 0, rows[:first], rows[first:])], about=part(whole, rows[first:]))
    return dataclasses.replace(
        found, design={**found.design, "transfer": {"train": "old", "test": "new", "train_patients": 40}}
    )


@cache
def crossed(clips=1, kind="binary", modalities=("image", "blood"), unit=""):
    """Cross-validate in one cohort."""
    whole = make_design(40, clips=clips, kind=kind)
    if kind == "continuous":
        whole = dataclasses.replace(whole, unit=unit, y=(whole.y - whole.y.min()).round(1))
    whole = dataclasses.replace(whole, blocks={name: whole.blocks[name] for name in modalities})
    return fuse.run(whole, fuse.Experiment(modalities=modalities, **QUICK))


def with_settings(run, **changed):
    """Return a run whose experiment says something else."""
    return dataclasses.replace(run, experiment=dataclasses.replace(run.experiment, **changed))


def texts(summary, *but):
    """Return every sentence, caption, note, heading and cell that the page shows, sections named in ``but`` apart."""
    found = [*summary["answer"]["sentences"], summary["answer"]["headline"], *summary["leads"].values()]

    def walk(value):
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    shown = [s for s in summary["sections"] if s["key"] not in but]
    walk([s["blocks"] for s in shown])
    skipped = {"tripod-ai", "stard-ai", "grras", "experiment"}
    walk([made for key, made in summary["tables"].items() if key not in skipped])
    walk([{k: v for k, v in made.items() if k != "arguments"} for made in summary["figures"].values()])
    return found


@pytest.mark.parametrize("clips", [1, 3])
def test_page_of_a_single_test_speaks_of_no_cross_validation(clips):
    run = moved(clips, threshold="youden")
    summary = report.summarize(run)
    said = [text for text in texts(summary, "repeat", "checklists") if CROSSED.search(text)]
    inner = "inner out-of-fold predictions"  # of the stack, which are made on the training patients
    assert [text for text in said if inner not in text] == []
    html = report.render(summary)
    assert "averaged over repeats" not in html
    other = report.summarize(crossed(clips))
    assert [text for text in texts(other, "repeat", "checklists") if CROSSED.search(text) and inner not in text]
    assert "averaged over repeats" in report.render(other)


def test_answer_of_a_single_test_says_who_taught_and_who_was_tested():
    said = report.summarize(moved())["answer"]["sentences"]
    assert "every arm was fitted on 40 patients of old and tested once on 30 of new" in " ".join(said)
    assert "tested once" not in " ".join(report.summarize(crossed())["answer"]["sentences"])


def test_subgroups_of_a_single_test_taught_nobody():
    groups = pd.DataFrame(
        [
            {"by": "sex", "group": g, "patients": 15, "events": 8, "arm": "image+blood", "reference": "blood"}
            | dict.fromkeys(("difference", "low", "high", "p_interaction", "p_holm", "value_a", "low_a", "high_a"), 0.1)
            | dict.fromkeys(("value_b", "low_b", "high_b"), 0.7)
            | {"reason": "", "metric": "auroc"}
            for g in ("f", "m")
        ]
    )
    notes = [
        report.summarize(dataclasses.replace(run, subgroups=groups))["tables"]["subgroups"]["note"]
        for run in (moved(), crossed())
    ]
    assert "learned from all 40 patients of old, from none here" in notes[0]
    assert "The models learned from patients of all groups" in notes[1]


def test_single_fit_that_left_images_out_is_no_share_of_folds():
    run = moved()
    out = run.choices.assign(weight_image=0.0)
    said = " ".join(report.summarize(dataclasses.replace(run, choices=out))["answer"]["sentences"])
    assert "1 of 1" not in said
    assert "one fit" in said


def test_methods_cite_only_tests_that_were_made():
    assert "Nadeau" not in " ".join(methods(Facts(moved())))
    assert "Nadeau and Bengio 2003" in " ".join(methods(Facts(crossed())))


def test_clips_are_counted_and_not_pooled_where_a_row_is_a_clip():
    run = crossed(clips=3)
    summary = report.summarize(run)
    assert "in 120 clips (" in summary["answer"]["sentences"][0]
    assert "of 40 patients" in summary["answer"]["sentences"][0]
    columns = [c["label"] for c in summary["tables"]["arms"]["columns"]]
    assert {row[columns.index("clips")] for row in summary["tables"]["arms"]["rows"]} == {120}
    told = " ".join(methods(Facts(run)))
    assert "each clip was predicted by itself" in told
    assert "clips to patients" not in told
    assert "120 clips of 40 patients" in told
    assert "clips" not in [c["label"] for c in report.summarize(crossed())["tables"]["arms"]["columns"]]
    embedded = dataclasses.replace(crossed(), provenance={"encoder": {"name": "frame-stats"}})
    assert "clips to patients by the mean over BLUE points" in " ".join(methods(Facts(embedded)))


def test_attention_fuses_and_pools_by_itself():
    run = with_settings(crossed(), model=("attention",))
    told = " ".join(methods(Facts(run)))
    assert "were fused" not in told
    assert "Attention joins kinds of information itself" in told
    assert "clips to patients by all BLUE points side by side" in told
    assert in_use(Facts(run))["fusion"].startswith("not used: attention")
    both = " ".join(methods(Facts(with_settings(run, model=("attention", "forest")))))
    assert "fused by stacking" in both
    assert "Attention joins" in both


def test_remedy_for_unequal_scales_is_none_that_attention_ignores():
    whole = make_design(40)
    for model, wrong in (("attention", True), ("logistic", False)):
        settings = fuse.Experiment(
            modalities=("image", "blood"), **(QUICK | {"model": (model,), "fusion": "stack" if wrong else "early"})
        )
        notes = " ".join(n["text"] for n in fuse.notes.notes_on(whole, {}, settings))
        assert "scale their probabilities differently" in notes
        assert ("Stacking, the default" in notes) is not wrong


@pytest.mark.parametrize(
    "settings",
    [
        {"null": 1, "reference": "blood", "fusion": "early", "explain": ("all",), "threshold": "youden"},
        {"model": ("plain-logistic",), "fusion": "late", "calibrate": "platt", "repeats": 1},
    ],
)
def test_pages_name_no_option_in_their_text(settings):
    """What can be typed stands in the part that says how to repeat the run."""
    whole = make_design(40)
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 12)), whole.y.index, [f"i{k}" for k in range(12)])
    few = whole.blocks["image"].copy()
    few.iloc[30:] = np.nan
    whole = dataclasses.replace(whole, blocks={"image": wide, "blood": whole.blocks["blood"], "clinical": few})
    summary = report.summarize(fuse.run(whole, fuse.Experiment(modalities=tuple(whole.blocks), **(QUICK | settings))))
    assert [text for text in texts(summary, "repeat") if re.search(r"--[a-z]", text)] == []


@pytest.mark.parametrize("modalities", [("blood",), ("blood", "clinical")])
def test_pages_without_images_do_not_ask_what_images_add(modalities):
    whole = make_design(40)
    blocks = {"blood": whole.blocks["blood"], "clinical": whole.blocks["image"]}
    whole = dataclasses.replace(whole, blocks={name: blocks[name] for name in modalities})
    run = fuse.run(whole, fuse.Experiment(modalities=modalities, **QUICK))
    summary = report.summarize(run)
    html = report.render(summary)
    assert f"<title>Predicted from {' and '.join(modalities)}: made" in html
    assert "does lung ultrasound add" not in html.split("<main")[0]
    told = " ".join(methods(Facts(run)))
    assert "an arm with images" not in told
    assert ("were fused" in told) == (len(modalities) > 1)
    assert ("every combination" in told) == (len(modalities) > 1)
    assert "imaging" not in " ".join(t for t in texts(summary) if "favours the reference" in t or "fairer" in t)
    assert "What imaging adds: " in report.render(report.summarize(crossed())).split("</title>")[0]


def test_settings_are_shown_as_they_were_in_use():
    chosen = with_settings(crossed(), model=("forest",), select=("logistic", "logistic/late/platt"))
    used = in_use(Facts(chosen))
    assert used["model"] == ("logistic",)
    assert used["fusion"] == ("stack", "late")
    assert used["calibrate"] == ("none", "platt")
    rows = dict(map(tuple, report.summarize(chosen)["tables"]["experiment"]["rows"]))
    assert (rows["model"], rows["fusion"], rows["calibrate"]) == ("logistic", "stack, late", "none, platt")
    same = dict(map(tuple, report.compare(chosen, chosen)["tables"]["same"]["rows"]))
    assert same["model"] == "logistic"
    with_baseline = in_use(Facts(with_settings(chosen, baseline=("CRP",), calibrate="shift")))
    assert set(with_baseline["calibrate"]) == {"shift", "platt"}


def test_settings_without_effect_are_said_to_be_so():
    once = in_use(Facts(moved()))
    assert (
        once["repeats"]
        == once["folds"]
        == once["cohort"]
        == "not used: fitted on one cohort and tested once on another"
    )
    assert in_use(Facts(crossed()))["repeats"] == QUICK["repeats"]
    alone = in_use(Facts(crossed(modalities=("blood",))))
    assert alone["encoder"] == "not used: no arm looks at images"
    assert alone["fusion"] == "not used: there is one kind of information"
    number = in_use(Facts(crossed(kind="continuous", unit="days")))
    assert number["threshold"] == "not used: the outcome is a number"
    assert in_use(Facts(crossed(clips=3)))["points"] == "not used: a clip is not pooled"


def test_numbers_of_an_outcome_with_a_unit_carry_it():
    run = with_settings(crossed(kind="continuous", unit="days"), margin=1.0)
    summary = report.summarize(run)
    first, second = summary["answer"]["sentences"][:2]
    assert re.search(r"reached mean absolute error [\d.]+ days \(", first)
    assert re.search(r"a paired difference of [^ ]+ \([^)]*\) days", second)
    assert "1.000 days" in second
    labels = [c["label"] for c in summary["tables"]["arms"]["columns"]]
    assert "mean absolute error (days)" in labels
    assert "R²" in labels
    assert "mean absolute error (days)" in report.render(summary)
    drawn = plots.observed_predicted(pd.DataFrame({"arm": ["a", "b"], "y": [1, 2], "p": [1.5, 2]}), unit="days")
    assert [(a.get_xlabel(), a.get_ylabel()) for a in drawn.axes] == [("predicted (days)", "observed (days)")] * 2
    assert summary["figures"]["observed-predicted"]["arguments"]["unit"] == "days"
    plain = report.summarize(crossed(kind="ordinal"))
    assert "mean absolute error" in [c["label"] for c in plain["tables"]["arms"]["columns"]]


def test_each_panel_of_observed_against_predicted_has_its_numbers():
    drawn = plots.observed_predicted(pd.DataFrame({"arm": ["a", "b"], "y": [1, 2], "p": [1.5, 2]}))
    drawn.canvas.draw()
    for axes in drawn.axes:
        assert [t.get_text() for t in axes.get_xticklabels() if t.get_visible() and t.get_text()]


def test_constant_is_no_prevalence_where_the_outcome_is_no_yes_or_no():
    for kind in ("continuous", "ordinal"):
        run = crossed(kind=kind)
        constant = run.predictions[run.predictions["arm"] == "blood"].assign(arm="prevalence", p=0.0)
        scores = run.scores[run.scores["arm"] == "blood"].assign(arm="prevalence")
        run = dataclasses.replace(
            run,
            predictions=pd.concat([run.predictions, constant]),
            scores=pd.concat([run.scores, scores]),
        )
        names = [row[0] for row in report.summarize(run)["tables"]["arms"]["rows"]]
        assert "training mean" in names
        assert "prevalence" not in names
        assert "prevalence" in set(run.predictions["arm"])
    binary = crossed()
    assert worded(binary) is binary


def test_holm_note_names_every_family_of_comparisons():
    note = report.summarize(crossed())["tables"]["gain"]["note"]
    assert "images added to another arm than the reference" in note


def test_agreement_is_said_to_be_with_the_model_only_where_it_is():
    pair = pd.DataFrame({"pair": ["a - b"], "rater_a": ["a"], "rater_b": ["b"], "value": [0.5]})
    for rater, words in (("b", "with each other."), (agree.model.MODEL, "and the model with them.")):
        table = pair.assign(rater_b=rater, pair=f"a - {rater}")
        assert report.summarize(crossed(), agreements={"Every pair": table})["leads"]["agreement"].endswith(words)


def test_matrix_says_whose_ratings_its_sides_are(tmp_path):
    counts = pd.DataFrame([[5, 1], [2, 7]], pd.Index(["0", "1"], name="junior"), pd.Index(["0", "1"], name="senior"))
    write_beside({"severity: matrix of junior and senior": counts}, tmp_path / "agreement")
    summary = report.summarize(crossed(), **read_beside(tmp_path))
    drawn = next(f for f in summary["figures"].values() if f["kind"] == "agreement_matrix")
    assert (drawn["arguments"]["rows"], drawn["arguments"]["columns"]) == ("junior", "senior")
    counts.rename_axis(index=None).to_csv(tmp_path / "agreement" / "01-old.csv")
    (tmp_path / "agreement" / "contents.json").unlink()
    old = report.summarize(crossed(), **read_beside(tmp_path))
    names = {f["arguments"]["rows"] for f in old["figures"].values() if f["kind"] == "agreement_matrix"}
    assert names == {"junior", "first rater"}


def test_percent_agreement_is_in_percent():
    made = frame_table("Pairs", pd.DataFrame({"pair": ["a - b"], "percent_agreement": [0.591]}))
    assert report.document.cell_text(made["rows"][0][1], made["columns"][1]) == "59%"
    shown = merged(pd.DataFrame({"pair": ["a - b", "a - c"], "percent_agreement": [0.591, np.nan]}))
    assert shown["percent_agreement"].tolist() == ["59%", ""]


def stays(lowest=0.0):
    """Make predictions of one arm for a stay whose shortest is ``lowest``."""
    rng = np.random.default_rng(3)
    y = np.concatenate([[lowest], rng.gamma(1, 4, 39)])
    table = {"patient": [str(i) for i in range(40)], "arm": "blood", "repeat": 0, "fold": 0, "y": y, "p": 2.0}
    return pd.DataFrame(table)


def test_interval_of_what_is_never_negative_ends_at_zero():
    found = explain.conformal(stays(), "continuous")
    assert found["low"].min() == 0
    free = explain.conformal(stays(-0.5), "continuous")
    assert free["low"].min() < 0
    assert (found["covered"] == explain.conformal(stays(), "continuous", scale=(-99, 99))["covered"]).all()


def test_page_of_a_patient_says_that_an_interval_was_cut():
    run = crossed(kind="continuous", unit="days")
    below = dataclasses.replace(run, predictions=run.predictions.assign(y=run.predictions["y"] - 50))
    assert single._cut(Facts(run))
    assert not single._cut(Facts(below))
    assert not single._cut(Facts(crossed()))


def test_page_of_a_patient_tells_numbers_with_their_unit():
    """Of a run whose constant arm goes by another name on pages, in whole days and of one day."""
    whole = make_design(40, kind="continuous")
    whole = dataclasses.replace(
        whole,
        unit="days",
        y=whole.y.round().abs(),
        singles={"prevalence": pd.DataFrame({"constant": 1.0}, whole.y.index)},
    )
    run = fuse.run(whole, fuse.Experiment(modalities=("image", "blood"), **(QUICK | {"explain": ("all",)})))
    assert "prevalence" in set(run.predictions["arm"])
    one = whole.y[whole.y == 1].index[0]
    summary = single.summarize_patient(run, f"id:{one}")
    assert ["Outcome of this patient", "1 day"] in summary["sections"][1]["blocks"][0]["rows"]
    made = summary["tables"]["patient-arms"]
    assert "training mean" in [row[0] for row in made["rows"]]
    assert [c["label"] for c in made["columns"]][1:3] == [
        "prediction, days (range over repeats)",
        "90% prediction interval, days",
    ]
    assert all(row[2][1] >= 0 for row in made["rows"])
    assert "cut at 0" in made["note"]


def test_console_names_metrics_and_counts_patients_whole():
    run = crossed()
    rows = run.comparisons.assign(patients=39.0)
    said = printed(dataclasses.replace(run, comparisons=rows))
    assert "on 39 of 40 patients" in said
    assert "Brier score" in said
    note = validation_notes(
        pd.DataFrame(
            [
                dict.fromkeys(("apparent", "optimism", "corrected", "rule_632plus", "draws"), 1.0)
                | {"arm": "blood", "metric": "brier"}
            ]
        )
    )
    assert note[0]["text"].startswith("blood: Brier score on its own")
    number = printed(crossed(kind="continuous", unit="days"))
    assert "What imaging adds, in mean absolute error in days" in number
    assert "MAE" not in number


def with_constant(run, better=False):
    """Return a run of a number with the constant as an arm without images that is far better, or far worse, than all others."""
    factor = 0.1 if better else 10.0
    rows = run.scores[run.scores["arm"] == "blood"].assign(arm="prevalence")
    rows[["value", "low", "high"]] *= factor
    predictions = run.predictions[run.predictions["arm"] == "blood"].assign(arm="prevalence")
    predictions["p"] = predictions["y"] + (0 if better else 10)  # its error decides on the reference's own patients
    return dataclasses.replace(
        run, scores=pd.concat([run.scores, rows]), predictions=pd.concat([run.predictions, predictions])
    )


def test_errors_no_smaller_than_those_of_a_constant_are_called_so():
    said = " ".join(report.summarize(with_constant(crossed(kind="continuous"), better=True))["answer"]["sentences"])
    assert re.search(
        r"The reference itself \(\d\.\d+\) is no better than the training mean \(\d\.\d+\), which says the same", said
    )
    assert "Image + blood does no better than the training mean either" in said
    said = " ".join(report.summarize(with_constant(crossed(kind="continuous")))["answer"]["sentences"])
    assert "training mean" not in said
    explained = fuse.run(make_design(40, kind="continuous"), fuse.Experiment(**(QUICK | {"explain": ("all",)})))
    shown = report.summarize(with_constant(explained, better=True))
    part = next(s for s in shown["sections"] if s["key"] == "explanations")
    assert "is no better than the training mean" in part["blocks"][0]["text"]


def test_the_main_metric_comes_first_and_each_row_says_which_side_is_better():
    for kind, first in (("continuous", "mean absolute error"), ("ordinal", "mean absolute error"), ("binary", "AUROC")):
        run = crossed(kind=kind)
        made = report.summarize(dataclasses.replace(run, comparisons=run.comparisons[::-1]))["tables"]["headline"]
        assert made["rows"][0][0] == first
        sides = {row[0]: row[2] for row in made["rows"]}
        assert sides["mean absolute error" if kind != "binary" else "Brier score"] == "below 0"
        assert ("DeLong and McNemar take" in made["note"]) == (kind == "binary")
    assert sides["AUROC"] == "above 0"


def test_differences_are_drawn_with_the_better_side_on_the_right():
    for kind, better in (("continuous", -1), ("binary", 1)):
        spec = report.summarize(crossed(kind=kind))["figures"]["gain-forest"]
        axes = draw(spec).axes[0]
        assert axes.xaxis_inverted() == (better < 0)
        assert axes.get_xlabel().endswith("← reference better · arm better →")


def test_console_says_what_the_page_says_of_a_constant():
    run = crossed(kind="ordinal")
    constant = run.comparisons.assign(reference="prevalence", arm="image", family="")
    said = printed(dataclasses.replace(with_constant(run), comparisons=constant))
    assert "This run cannot say what imaging adds: nothing but a constant stands beside images." in said
    assert "Against the constant (training mean)" in said
    assert "prevalence" not in said


def test_note_of_table_one_says_whose_times_its_correlations_are_of():
    run = crossed()
    for n, told in ((31, "of the 31 patients discharged alive"), (None, "as if discharged then")):
        there = dataclasses.replace(run, cohort={**run.cohort, "correlated": n})
        assert told in people._whose_times(Facts(there))


def test_a_page_without_calibration_says_what_stands_in_its_place():
    for kind, told in (("continuous", "as the mean absolute error"), ("time", "the Brier scores among all scores")):
        run = crossed(kind="continuous")
        run = dataclasses.replace(run, design={**run.design, "kind": kind})
        assert told in risk.calibration(Facts(run))[0][0]["text"]


def test_terms_of_a_page_are_explained_at_its_end_and_no_others():
    def explained(run):
        sections = report.summarize(run)["sections"]
        assert [s["key"] for s in sections][-2:] == ["terms", "use"]
        return dict(next(s for s in sections if s["key"] == "terms")["blocks"][0].get("rows", ()))

    binary, number = explained(crossed()), explained(crossed(kind="continuous"))
    assert {"AUROC", "ICI", "E50", "ECE", "Brier score"} <= set(binary)
    assert "ICI" not in number
    assert "Williams' index" not in binary


def test_text_of_a_page_names_no_flag_but_in_the_command():
    for run in (crossed(), crossed(kind="continuous"), moved()):
        summary = report.summarize(run)
        sections = [s for s in summary["sections"] if s["key"] != "repeat"]
        for text in texts({**summary, "sections": sections}):
            assert not re.search(r"(?<!\w)--[a-z]", text), text
    run = dataclasses.replace(crossed(), provenance={"damaged": 0, "no_rules": "none", "seed": 3})
    rows = next(s for s in report.summarize(run)["sections"] if s["key"] == "repeat")["blocks"][1]["rows"]
    assert rows == [["seed", "3"]]


def test_descriptions_of_figures_hold_their_numbers():
    run = crossed()
    facts, figures = Facts(run), report.summarize(run)["figures"]
    arm, value = facts.candidate.replace("+", " + "), facts.score(facts.candidate, "auprc")[0]
    assert figures["precision-recall"]["description"].startswith(f"Average precision: {arm} {value:.2f}")
    curve = pd.DataFrame({"group": ["a", "a", "b"], "time": [0, 9, 7], "survival": [1.0, 0.25, 0.5]})
    assert extras._drawn("Still in hospital", curve)["description"] == "a: 0.25 at day 9; b: 0.50 at day 7."
    pairs = pd.DataFrame({"pair": ["x, y"], "value": [0.6], "low": [0.4], "high": [0.8]})
    assert extras._drawn("Every pair", pairs)["description"] == "x, y 0.60 (0.40 to 0.80)"
    found = pd.DataFrame(
        {"name": ["u", "v"], "unit": "", "modality": "blood", "value": [2.0, 1.0], "low": 0.5, "high": 3.0}
    ).assign(inside_null=[False, True], null_high=1.5)
    assert _bars(found, "Variables", "blood", "log-odds")["description"] == "The largest: u, v. No more than chance: v."


def test_clips_without_their_names_are_counted_and_not_listed():
    hidden = Privacy(names={"1": "P01"}, clips=("clip_a", "clip_b"))
    assert hidden.text("2 clips could not be read and were left out: clip_a, clip_b") == (
        "2 clips could not be read and were left out (names: in the terminal and provenance.json)"
    )
    assert hidden.text("1 clip could not be read and was left out: clip_a").endswith("left out: [a clip]")


def test_long_parts_say_on_paper_what_was_not_printed():
    run = crossed()
    more = pd.concat([run.comparisons.assign(metric=f"metric {k}") for k in range(60)])
    summary = report.summarize(dataclasses.replace(run, comparisons=pd.concat([run.comparisons, more])))
    n = len(summary["tables"]["all-comparisons"]["rows"])
    assert f'<p class="unprinted">Not printed: {n:,} rows' in report.render(summary)
    short = report.render(report.summarize(run))
    assert short.count('<p class="unprinted">') == short.count('<details class="long">')


@pytest.mark.parametrize("kind", ["continuous", "ordinal"])
def test_arms_that_a_constant_beats_are_not_said_to_be_none(kind):
    whole = make_design(40, kind=kind)
    told_by_nobody = pd.Series(np.random.default_rng(3).permutation(whole.y), index=whole.y.index)
    blocks = {name: whole.blocks[name] for name in ("image", "blood")}
    constant = {"prevalence": pd.DataFrame({"constant": 1.0}, index=whole.y.index)}
    whole = dataclasses.replace(whole, y=told_by_nobody, blocks=blocks, singles=constant)
    run = fuse.run(whole, fuse.Experiment(modalities=("image", "blood"), **QUICK))
    main = run.scores[run.scores["metric"] == "mae"].set_index("arm")["value"]
    assert main["prevalence"] < main["blood"], "what this test is of"
    page, console = report.summarize(run), printed(run)
    said = " ".join(texts(page))
    for text in (said, console):
        assert "cannot say what imaging adds" not in text
        assert "othing but a constant" not in text
        assert "No other variables" not in text
        assert "No arm without images did better than a constant" in text
    assert page["answer"]["headline"].endswith("is not shown to")
    assert "the best of them, blood, reached mean absolute error" in said
    assert page["answer"]["numbers"]["reference"] == "training mean"
    pair = run.comparisons.query("arm == 'image+blood' and reference == 'blood' and metric == 'mae'").iloc[0]
    shown = f"images changed the mean absolute error (lower is better) by {signed(pair.difference)}"
    assert f"Added to blood, which itself tells no more than a constant, {shown}" in said
    assert "the best of them is blood" in console
    named = fuse.run(whole, fuse.Experiment(modalities=("image", "blood"), **QUICK, reference="prevalence"))
    for text in (report.summarize(named)["answer"]["headline"], printed(named)):
        assert "did better than a constant" not in text, "it was named, whatever others do"
        assert "nothing but a constant" not in text
