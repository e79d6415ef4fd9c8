"""What ratings say goes into the run folder, and the report shows it."""

import dataclasses
import json

import pytest
from test_report import make_run

from blues import agree, datasets, report
from blues.agree.beside import beside, into_run, write_beside
from blues.report.extras import read_beside


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return datasets.synthetic(tmp_path_factory.mktemp("made") / "cohort", patients=16, seed=5, frames=8, size=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, cohort):
    place = tmp_path_factory.mktemp("run")
    make_run(ids=list(cohort.patients.index), null=0).save(place)
    return place


@pytest.fixture(scope="module")
def found(cohort, folder):
    return beside(cohort, folder, draws=100)


def test_everything_a_cohort_with_two_raters_can_say_is_there(found):
    titles = " | ".join(found)
    for part in ("What these ratings can answer", "severity: main results", "Rules by patient against", "measurements"):
        assert part in titles
    assert "GRRAS checklist" in found
    assert not [t for t, r in found.items() if isinstance(r, str) and r.startswith("Not computed")]


def test_the_report_shows_it_and_its_numbers(found, folder, cohort):
    write_beside(found, folder / "agreement")
    contents = json.loads((folder / "agreement" / "contents.json").read_text(encoding="utf-8"))
    assert len({c["title"] for c in contents}) == len(contents)
    results = read_beside(folder)
    assert set(results) == {"agreements"}
    summary = report.summarize(report.command.Run.load(folder), **results)
    section = next(s for s in summary["sections"] if s["key"] == "agreement")
    assert section["present"]
    page = report.render(summary)
    main = found["severity: main results"]
    assert f"{main[0].value:.2f} (95% CI {main[0].low:.2f}" in page
    checklist = summary["tables"]["grras"]
    assert any(row[2] for row in checklist["rows"])
    assert [row[2] == ["agreement"] for row in checklist["rows"]] == [
        not row[3].startswith("to be stated") for row in checklist["rows"]
    ]
    assert (
        page.count("<bdi>Raters, subjects and repeats that there were<") == 1
    )  # the guideline stands on the page once
    assert "tables below" not in page


def test_a_cohort_without_ratings_says_nothing_and_one_reason_costs_only_its_part(cohort, folder, tmp_path):
    bare = dataclasses.replace(cohort, ratings=cohort.ratings.iloc[:0])
    assert beside(bare, folder) == {}
    assert write_beside({}, tmp_path / "agreement") is None
    assert not (tmp_path / "agreement").exists()
    one = dataclasses.replace(cohort, ratings=cohort.ratings[cohort.ratings["rater"] == "senior"])
    some = beside(one, folder, draws=100)
    assert "cannot be computed" in some["What these ratings can answer"]
    assert not any("main results" in title for title in some)
    assert into_run(cohort, tmp_path / "nowhere", draws=100, seed=0) == 0


def test_the_command_writes_it(cohort, folder, capsys):
    assert agree.main([str(cohort.folder), "--into", str(folder), "--draws", "100"]) == 0
    assert capsys.readouterr().out == ""
    assert (folder / "agreement" / "contents.json").is_file()
