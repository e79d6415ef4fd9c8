"""The page of one patient: what it says, whom it does not name, what it cannot show, and how it looks in a browser."""

import dataclasses
import re

import browser
import numpy as np
import pandas as pd
import pytest
from test_explain_points import POINTS, explained, make_design

from blues import check, datasets, fuse, plots, pool, report
from blues.provenance import file_hash
from blues.report import main, words
from blues.report.document import FIGURES
from blues.report.privacy import pseudonyms
from blues.report.single import file_name, identified, summarize_patient
from blues.report.stills import key_frames

IDS = [f"Jane-{i:02d}" for i in range(60)]


def named(design):
    """Give the patients ids that must not be seen."""
    new = dict(zip(design.patients, IDS, strict=True))
    index = design.y.index.map(new)
    values = design.by_point.values.rename(index=new, level=0).assign(lus=0.99)
    values.loc[(IDS[4], "L1"), "lus"] = 0.12
    clips = pd.Series([f"{p}_{q}" for p, q in values.index], index=values.index)
    blocks = {name: block.set_axis(index) for name, block in design.blocks.items()}
    blocks["blood"].loc[IDS[3], "CRP"] = 80.0
    return dataclasses.replace(
        design,
        y=design.y.set_axis(index),
        patients=pd.Series(IDS, index=index),
        blocks=blocks,
        by_point=dataclasses.replace(design.by_point, values=values, clips=clips),
    )


@pytest.fixture(scope="module")
def run():
    found = explained(named(make_design("concat")), "logistic", explain=("all",))
    card = {"ranges": {"CRP": {"range": [0, 600], "reference": [0, 5]}}, "table_one": []}
    return dataclasses.replace(found, cohort={**found.cohort, **card})


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    return run.save(tmp_path_factory.mktemp("pages") / "run")


def text_of(summary):
    return report.render_patient(summary)


def test_page_says_what_each_arm_predicts_what_moved_it_and_what_the_points_show(run):
    summary = summarize_patient(run, IDS[7])
    assert [s["key"] for s in summary["sections"]] == ["trust", "arms", "moved", "lung", "nearest", "missing"]
    arms = summary["tables"]["patient-arms"]["rows"]
    assert [row[0] for row in arms] == ["image", "blood", "image + blood"]
    p = run.predictions[(run.predictions["patient"] == IDS[7]) & (run.predictions["arm"] == "blood")]
    by_repeat = p.groupby("repeat")["p"].mean()
    assert arms[1][1] == pytest.approx([by_repeat.mean(), by_repeat.min(), by_repeat.max()])
    steps = summary["figures"]["steps-feature"]["arguments"]["frame"]["frame"]
    joint = run.predictions[(run.predictions["patient"] == IDS[7]) & (run.predictions["arm"] == "image+blood")][
        "p"
    ].mean()
    assert steps["end"][-1] == pytest.approx(joint, abs=1e-4)
    whole = summary["figures"]["steps-modality"]["arguments"]["frame"]["frame"]
    assert set(whole["name"]) == {"image", "blood"}
    assert whole["end"][-1] == pytest.approx(joint, abs=1e-4)
    rows = {row[0]: row for row in summary["tables"]["patient-features"]["rows"]}
    assert rows["CRP"][3] == "0 to 5"
    assert rows["LDH"][3] == "not given"
    assert "B-lines at R3" in rows
    assert re.fullmatch(r"[\d.]+", rows["B-lines at R3"][2])
    chest = summary["figures"]["chest"]["arguments"]["frame"]["frame"]
    assert chest["point"] == list(POINTS)
    assert "B-lines: count" in summary["figures"]["chest"]["caption"]
    assert len(summary["tables"]["patient-nearest"]["rows"]) == 10


def test_one_fit_has_no_spread():
    """With one repeat a patient is predicted once: brackets would hold that value twice."""
    found = explained(named(make_design("concat")), "logistic", repeats=1)
    summary = summarize_patient(found, IDS[7])
    arms, features = (summary["tables"][f"patient-{name}"] for name in ("arms", "features"))
    assert [row[1][1:] for row in arms["rows"]] == [[None, None]] * len(arms["rows"])
    assert [row[-1][1:] for row in features["rows"]] == [[None, None]] * len(features["rows"])
    said = text_of(summary)
    assert "repeats" not in arms["note"] + features["note"] + arms["columns"][1]["label"]
    assert "Effect: Shapley value. Other patients" in said
    assert not re.search(r"([+−]?\d\.\d+) \(\1 to \1\)", re.sub("<[^>]*>", "", said))


def test_steps_of_columns_with_one_label_have_their_own_values():
    design = named(make_design("concat"))
    design.blocks["clinical"] = pd.DataFrame({"CRP_gp": 100.0 + np.arange(60) + 50 * design.y}, index=design.y.index)
    rows = [{"column": c, "variable": "CRP", "kind": "continuous"} for c in ("CRP", "LDH", "CRP_gp")]
    settings = {"folds": 4, "repeats": 1, "draws": 100, "jobs": 1, "null": 0, "explain": ("image+blood+clinical",)}
    made = fuse.run(
        design,
        fuse.Experiment(modalities=("image", "blood", "clinical"), model=("logistic",), points="concat", **settings),
        cohort_card={"table_one": rows},
    )
    summary = summarize_patient(made, IDS[7])
    table = {(row[0], row[1]): row[2] for row in summary["tables"]["patient-features"]["rows"]}
    assert {("CRP (CRP)", "blood"), ("CRP (LDH)", "blood"), ("CRP", "clinical")} <= set(table)
    frame = summary["figures"]["steps-feature"]["arguments"]["frame"]["frame"]
    steps = [(name, kind) for name, kind in zip(frame["name"], frame["modality"], strict=True) if "CRP" in name]
    assert set(steps) <= {(f"{label} {said}", kind) for (label, kind), said in table.items()}
    assert (f"CRP {107 + 50 * design.y.iloc[7]:.0f}", "clinical") in steps


def test_a_scale_and_a_number_without_a_unit_are_no_units(run):
    table = run.attributions.values
    table = table.assign(unit=table["unit"].astype(str).replace("count", "0 to 3"))
    scaled = dataclasses.replace(run, attributions=dataclasses.replace(run.attributions, values=table))
    rows = {row[0]: row for row in summarize_patient(scaled, IDS[7])["tables"]["patient-features"]["rows"]}
    assert re.fullmatch(r"[\d.]+ \(of 0 to 3\)", rows["B-lines at R3"][2])


@pytest.mark.parametrize(("frames", "said"), [("mean", "the mean over"), ("sd", "the standard deviation over")])
def test_how_frames_were_pooled_stands_over_what_the_points_show(run, frames, said):
    other = dataclasses.replace(run, experiment=dataclasses.replace(run.experiment, frames=frames))
    assert said in summarize_patient(other, IDS[7])["tables"]["patient-points"]["caption"]


def test_every_way_of_pooling_has_its_words():
    assert (tuple(words.FRAMES), tuple(words.POINTS)) == (pool.FRAMES, pool.POINTS)


def test_reference_range_that_the_dictionary_lacks_is_said(run):
    summary = summarize_patient(dataclasses.replace(run, cohort={}), IDS[7])
    made = summary["tables"]["patient-features"]
    assert "gives no reference range" in made["note"]
    assert "usual in health" not in [c["label"] for c in made["columns"]]


def test_reasons_for_doubt_stand_first(run):
    def doubts(patient):
        return summarize_patient(run, patient)["sections"][0]["blocks"][0]["items"]

    assert any(text.startswith("CRP 80 lies outside") for text in doubts(IDS[3]))
    assert any("clip at L1 does not look like lung ultrasound" in text and "0.12" in text for text in doubts(IDS[4]))
    assert not any("CRP" in text for text in doubts(IDS[7]))
    nobody = summarize_patient(run, IDS[0])
    assert "Nothing that the arm" not in str(nobody["sections"][-1])
    page = text_of(summarize_patient(run, IDS[3]))
    assert "Do not trust this prediction" in page
    assert page.index("Do not trust") < page.index("What each arm predicts</h2>")


def test_no_id_and_no_clip_name_is_on_a_pseudonymised_page(run):
    names = pseudonyms(run.predictions, run.experiment.seed)
    page = text_of(summarize_patient(run, IDS[7]))
    assert "Jane" not in page
    assert f"Patient {names[IDS[7]]}" in page
    assert "in another run of the same cohort, P07 is another patient" in page
    shown = text_of(summarize_patient(run, names[IDS[7]], pseudonymise=False))
    assert "Jane-07_R3" in shown
    assert identified(run, names[IDS[7]]) == IDS[7]


def test_an_id_that_is_another_patients_name_in_the_report_is_asked_about(run):
    for name in pseudonyms(run.predictions, run.experiment.seed).values():
        renamed = run.predictions.assign(patient=run.predictions["patient"].replace({IDS[7]: name}))
        whose = {shown: one for one, shown in pseudonyms(renamed, run.experiment.seed).items()}
        if whose[name] != name:
            break
    swapped = dataclasses.replace(run, predictions=renamed)
    with pytest.raises(check.InputError, match=f"Write id:{name} for the id, report:{name} for the name"):
        identified(swapped, name)
    assert identified(swapped, f"id:{name}") == name
    assert identified(swapped, f"report:{name}") == whose[name] != name
    assert identified(run, f"id:{IDS[3]}") == IDS[3]


def test_page_runs_no_foreign_script_and_asks_nothing_of_the_network(run):
    page = text_of(summarize_patient(run, IDS[7]))
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert "default-src 'none'" in page
    assert page.count("<script") == 2
    hostile = dataclasses.replace(run, design={**run.design, "label": "<img src=x onerror=alert(1)>"})
    assert "<img src=x" not in text_of(summarize_patient(hostile, IDS[7]))


def test_what_is_not_in_the_run_is_named(run):
    with pytest.raises(check.InputError, match=r"patient '99' is not in this run.*60 patients.*P01"):
        summarize_patient(run, "99")
    with pytest.raises(check.InputError, match="arm is 'lungs'"):
        summarize_patient(run, IDS[7], arm="lungs")
    with pytest.raises(check.InputError, match="no explanations.*--explain all"):
        summarize_patient(dataclasses.replace(run, attributions=None), IDS[7])


def test_command_makes_pages_and_the_report_links_to_them(run, folder, capsys):
    assert report.main([str(folder)]) == 0
    assert "patients/P01.html" not in (folder / "report.html").read_text(encoding="utf-8")
    assert main(["patient", str(folder), IDS[7], "P02"]) == 0
    names = pseudonyms(run.predictions, run.experiment.seed)
    made = {p.name for p in (folder / "patients").iterdir()}
    assert made == {f"{names[IDS[7]]}.html", "P02.html"}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert all(f'href="patients/{name}"' in page for name in made)
    assert 'href="../report.html"' in (folder / "patients" / "P02.html").read_text(encoding="utf-8")
    assert main(["patient", str(folder), "nobody"]) == 2
    assert "is not in this run" in capsys.readouterr().err
    assert {p.name for p in (folder / "patients").iterdir()} == made


def test_attention_stands_on_the_page_where_the_model_has_any():
    found = explained(named(make_design("concat")), "attention", explain=("image+blood",), repeats=1)
    summary = summarize_patient(found, IDS[7])
    rows = summary["tables"]["patient-attention"]["rows"]
    assert sum(row[1][0] for row in rows) == pytest.approx(1, abs=1e-4)
    assert {row[0] for row in rows} <= {*POINTS, "blood"}
    assert "Jane" not in str(summary)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return datasets.synthetic(tmp_path_factory.mktemp("made") / "cohort", patients=8, frames=8, size=64)


def with_clips(run, cohort):
    """Let patient 7 of the run have the clips of the cohort's first patient at R1 and R3."""
    table = run.attributions.points.query("patient == @IDS[7] and point in ('R1', 'R3')").copy()
    table["clip"] = "patient_1_" + table["point"].astype(str)
    return dataclasses.replace(run, attributions=dataclasses.replace(run.attributions, points=table))


def test_key_frames_are_shown_and_a_clip_that_moved_away_is_named(run, cohort):
    here = with_clips(run, cohort)
    frames = key_frames(here, IDS[7], cohort.folder)
    assert [p["point"] for p in frames] == ["R1", "R3"]
    assert all(p["image"].startswith("data:image/jpeg;base64,") for p in frames)
    path = cohort.folder / str(cohort.clips.loc["patient_1_R3", "path"])
    moved = path.rename(path.with_suffix(".away"))
    try:
        frames = key_frames(here, IDS[7], cohort.folder)
    finally:
        moved.rename(path)
    assert "image" in frames[0]
    assert "not" in frames[1]["gone"]
    page = text_of(summarize_patient(here, IDS[7], pictures=frames))
    assert "No picture: its clip" in page
    assert (frames[0]["frames"], frames[0]["seen"]) == (8, 1)  # of a clip of 8 frames the encoder saw one
    assert frames[0]["frame"] == 5
    assert f"Frame {frames[0]['frame']} of 8 of the clip, of those that the encoder saw (1)" in page
    assert f"is highest: <strong>{check.number(frames[0]['value'], 3)}</strong> (lowest " in page
    assert "an output near 0 is coloured too; negative values are not drawn" in page
    with pytest.raises(check.InputError, match="output is 'blines'"):
        key_frames(here, IDS[7], cohort.folder, output="blines")


def test_clips_of_another_cohort_are_not_shown_under_a_patient(run, cohort, tmp_path):
    here = with_clips(run, cohort)
    names = ("patient_1_R1", "patient_1_R3")
    hashes = {name: file_hash(cohort.folder / str(cohort.clips.loc[name, "path"])) for name in names}
    tables = {"clinical.csv": file_hash(cohort.folder / "clinical.csv")}
    other = datasets.synthetic(tmp_path / "other", patients=8, frames=8, size=64, seed=5)

    def shown(folder, **recorded):
        recorded = {**here.provenance, "clip_hashes": {}, "data": {}, **recorded}
        return ["image" in p for p in key_frames(dataclasses.replace(here, provenance=recorded), IDS[7], folder)]

    assert shown(cohort.folder, clip_hashes=hashes) == [True, True]
    assert shown(cohort.folder, clip_hashes={**hashes, names[0]: "ab" * 32}) == [False, True]
    assert shown(cohort.folder, data=tables) == [True, True]
    assert shown(other.folder, clip_hashes=hashes) == shown(other.folder, data=tables) == [False, False]
    why = key_frames(dataclasses.replace(here, provenance={"data": tables}), IDS[7], other.folder)[0]["gone"]
    assert "the folder's clinical.csv is not that of the run" in why


def test_page_with_pictures_says_not_to_pass_it_on(run, cohort):
    here = with_clips(run, cohort)
    plain, pictured = (
        text_of(summarize_patient(here, IDS[7], pictures=p)) for p in ((), key_frames(here, IDS[7], cohort.folder))
    )
    assert "holds pictures of a patient</span>" in pictured
    assert "pseudonymised</span>" not in pictured
    assert pictured.index("Do not pass this page on") < pictured.index("<h2")
    assert "pseudonymised</span>" in plain
    assert "pass this page on" not in plain


def test_a_clip_of_the_patients_own_that_could_not_be_read_is_a_doubt(run):
    unread = [{"clip": "x_R2", "patient": IDS[7], "point": "R2", "reason": "cut short"}]
    there = dataclasses.replace(
        run,
        provenance={**run.provenance, "quarantined": unread},
        cohort={**run.cohort, "points": [{"point": p} for p in (*POINTS, "apex")]},
    )
    own, others = summarize_patient(there, IDS[7]), summarize_patient(there, IDS[8])
    told = "the clip at R2 could not be read and is left out"
    assert told in own["sections"][0]["blocks"][0]["items"]
    assert told not in others["sections"][0]["blocks"][0]["items"]
    assert "every clip of this patient could be read" in others["sections"][0]["blocks"][0]["checked"]
    assert "a clip at apex" in own["sections"][-1]["blocks"][0]["items"]


def test_figures_of_one_patient_draw_what_they_are_given():
    assert {"chest", "waterfall"} <= set(FIGURES)
    steps = pd.DataFrame({"name": ["a", "b"], "modality": ["blood", ""], "start": [0.5, 0.8], "end": [0.8, 0.7]})
    svg = plots.svg(plots.waterfall(steps), title="steps")
    assert "+0.30" in svg
    assert "−0.10" in svg
    assert "this patient 0.70" in svg
    frame = pd.DataFrame(
        {"point": ["R1", "L3", "apex"], "text": ["B-lines 2", "no clip", "a"], "level": [0.5, np.nan, 0.1]}
    )
    drawn = plots.svg(plots.chest(frame, "B-lines"), title="chest")
    assert "no clip" in drawn
    assert "patient's right" in drawn.replace("&#39;", "'")
    with pytest.raises(check.InputError, match="no step"):
        plots.waterfall(steps.iloc[:0])
    with pytest.raises(check.InputError, match="no BLUE point"):
        plots.chest(frame.iloc[:0])


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="no Chromium; set BLUES_CHROMIUM")
def test_page_is_quiet_and_fits_in_a_browser(run, cohort, tmp_path):
    here = with_clips(run, cohort)
    frames = key_frames(here, IDS[7], cohort.folder)
    path = tmp_path / "P.html"
    path.write_text(text_of(summarize_patient(here, IDS[7], pictures=frames)), encoding="utf-8")
    with browser.page() as tab:
        for width, dark in ((1280, False), (375, True)):
            tab.open(path, width=width, dark=dark, mobile=width < 500)
            assert tab.run("document.documentElement.scrollWidth") <= width
            assert tab.run(
                "Array.from(document.images).every(i => i.complete && i.naturalWidth > 0 && i.alt.length > 20)"
            )
            assert tab.run("Array.from(document.querySelectorAll('svg')).every(s => s.getAttribute('aria-label'))")
        assert tab.run("document.querySelectorAll('h1').length") == 1
        colour = "getComputedStyle(document.body).backgroundColor"
        before = tab.run(colour)
        tab.run("document.getElementById('theme').click()")
        assert tab.run(colour) != before
        sorted_by = (
            "Array.from(document.querySelectorAll('#table-patient-features th:has(button)'), h => h.textContent)"
        )
        # in the other columns each cell has a unit of its own
        assert [name.split(",")[0] for name in tab.run(sorted_by)] == ["feature", "kind", "effect"]
        axe = browser.axe()
        if axe is not None:
            tab.run(axe)
            found = tab.run("axe.run().then(r => r.violations.map(v => v.id))")
            assert found == []
        assert tab.logged == []
        assert [url for url in tab.requested if not url.startswith(("file:", "data:"))] == []


def test_every_patient_has_a_page_of_his_own():
    ids = ("A 1", "A-1", "A_1", "A/1", "", "-")
    assert len({file_name(one) for one in ids}) == len(ids)


def test_only_what_was_looked_at_is_said_to_be_without_doubt(run):
    clear = summarize_patient(run, IDS[7])
    one = clear["sections"][0]["blocks"][0]
    page = text_of({**clear, "sections": [{**clear["sections"][0], "blocks": [{**one, "items": []}]}]})
    assert "No reason for doubt was found. Looked at:" in page
    assert "the encoder takes every clip for lung ultrasound" in page
