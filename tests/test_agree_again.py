"""What a second outside statistician found: scales that are not the run's, rounds without an order, doubts left out."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from test_agree_outside import clips, printed, words

from blues import agree
from blues.agree import command
from blues.agree.model import Predictions
from blues.agree.ratings import wide
from blues.agree.ratings_file import read
from blues.agree.rounds import by_letters
from blues.agree.section import as_text, section
from blues.check import InputError

GRADES = (0.0, 1.0, 2.0, 3.0)
NAMES = ["none", "mild", "moderate", "severe"]


def a_run(folder, kind="ordinal", grades=GRADES, shift=0.0, units=60):
    """Write a run that predicts the clips of :func:`clips`, and return its folder."""
    truth = clips(noise=0.0)["rating"].to_numpy()[:60] + shift
    y = (truth > 1) * 1.0 if kind == "binary" else truth * 1.0
    table = pd.DataFrame({"patient": [f"p{i // 3}" for i in range(60)], "clip": [f"c{i}" for i in range(60)]})
    table = table.assign(arm="image", repeat=0, y=y, p=np.clip(y, 0.1, 0.9) if kind == "binary" else y + 0.1)
    folder.mkdir()
    table.head(units).to_parquet(folder / "predictions.parquet")
    design = {"task": "made", "kind": kind, "categories": list(grades) if kind == "ordinal" else None}
    (folder / "design.json").write_text(json.dumps(design))
    return folder


def saved(rows, tmp_path):
    rows.to_csv(tmp_path / "r.csv", index=False)
    return tmp_path / "r.csv"


def refused(capsys, *given):
    assert command.main([str(w) for w in given]) == 2
    return capsys.readouterr().err


class TestScaleOfTheRun:
    @pytest.mark.parametrize("scale", [range(1, 5), range(5), range(10), [0, 1], [0, 1, 2, 4]])
    def test_another_scale_than_the_runs_grades_is_refused(self, scale, tmp_path, capsys):
        top = max(scale)
        rows = clips().assign(rating=lambda r: np.clip(r["rating"], min(scale), min(top, 1) if top < 3 else 2))
        said = refused(
            capsys, saved(rows, tmp_path), "--categories", *scale, "--run", a_run(tmp_path / "run"), "--draws", 20
        )
        assert f"predicts the grades 0, 1, 2, 3, and the scale is {', '.join(map(str, scale))}" in said
        assert "write the ratings in the run's grades" in said

    def test_the_runs_own_grades_are_taken_in_either_direction(self, tmp_path):
        predictions = agree.read_predictions(a_run(tmp_path / "run"))
        for scale in ([0, 1, 2, 3], [3, 2, 1, 0], [0.0, 1.0, 2.0, 3.0]):
            assert predictions.ratings("image", scale)["c0"] == round(predictions.values.loc["c0", "image"])

    @pytest.mark.parametrize("kind", ["continuous", "ordinal"])
    def test_outcomes_beyond_the_scale_are_of_something_else(self, kind, tmp_path):
        predictions = agree.read_predictions(a_run(tmp_path / "run", kind, (), shift=4))
        with pytest.raises(InputError, match="outcome goes from 4 to 7, and the scale is 0, 1, 2, 3"):
            predictions.ratings("image", [0, 1, 2, 3])
        near = agree.read_predictions(a_run(tmp_path / "near", kind, ()))
        assert set(near.ratings("image", [0, 1, 2, 3])) == {0, 1, 2, 3}

    def test_which_word_is_which_grade_is_printed(self, tmp_path, capsys):
        run, table = a_run(tmp_path / "run"), saved(words(clips(), NAMES), tmp_path)
        for names, told in (
            (NAMES, "none for 0, mild for 1, moderate for 2, severe for 3"),
            (NAMES[::-1], "severe for 0, moderate for 1, mild for 2, none for 3"),
        ):
            assert told in printed(capsys, table, "--categories", *names, "--run", run, "--draws", 20)
        plain = saved(clips(), tmp_path)
        assert "taken for" not in printed(capsys, plain, "--categories", *"0123", "--run", run, "--draws", 20)

    @pytest.mark.parametrize(("codes", "told"), [((0, 1), ""), ((1, 2), "1 for no, 2 for yes")])
    def test_codes_of_yes_and_no_are_told_unless_they_are_0_and_1(self, codes, told, tmp_path, capsys):
        rows = clips().assign(rating=lambda r: np.where(r["rating"] > 1, codes[1], codes[0]))
        run = a_run(tmp_path / "run", "binary")
        said = printed(capsys, saved(rows, tmp_path), "--categories", *codes, "--run", run, "--draws", 20)
        assert told in said
        assert ("taken for" in said) == bool(told)

    def test_grades_called_equally_often_give_way_to_the_prediction(self):
        values = pd.DataFrame({"image": [1.8, 1.2, 1.4, np.nan]}, index=list("abcd"))
        grades = pd.DataFrame({"image": [1.5, 1.5, np.nan, np.nan]}, index=list("abcd"))
        made = Predictions("made", "ordinal", "clip", values, values, grades, pd.Series(dtype=str), GRADES)
        assert made.ratings("image", GRADES).tolist()[:3] == [2, 1, 1]
        assert made.ratings("image", GRADES).isna().tolist() == [False, False, False, True]


class TestBesideTheRun:
    def test_one_reader_is_held_against_the_model_alone(self, tmp_path, capsys):
        rows = clips(raters=1)
        said = printed(
            capsys, saved(rows, tmp_path), "--categories", *"0123", "--run", a_run(tmp_path / "run"), "--draws", 20
        )
        assert "R1 alone rated" in said
        assert "Model and R1, arm image" in said
        assert "Cohen's kappa, quadratic of 2 raters on 60 subjects" in said
        assert "needs at least 2" in refused(capsys, tmp_path / "r.csv", "--categories", *"0123")

    def test_a_second_look_of_one_reader_is_told_and_compared(self, tmp_path, capsys):
        rows = pd.concat([clips(raters=1).assign(round=k) for k in (1, 2)])
        asked = ("--categories", *"0123", "--run", a_run(tmp_path / "run"), "--draws", 20)
        said = printed(capsys, saved(rows, tmp_path), *asked)
        assert "R1 alone rated" in said
        assert "Raters are compared with themselves between rounds 1 and 2" in said
        assert "Raters with themselves" in said
        other = rows.assign(rater=np.where(rows["round"] == 1, "R1", "R2"))
        assert "alone rated" not in refused(capsys, saved(other, tmp_path), *asked)

    @pytest.mark.parametrize("name", ["Model", "MODEL ", "model"])
    def test_no_expert_is_called_as_the_model_is(self, name, tmp_path, capsys):
        rows = clips().replace({"rater": {"R1": name}})
        run = a_run(tmp_path / "run")
        said = refused(capsys, saved(rows, tmp_path), "--categories", *"0123", "--run", run, "--draws", 20)
        assert "as the model is. Rename that rater" in said

    def test_units_without_a_prediction_are_counted(self, tmp_path, capsys):
        table = saved(clips(), tmp_path)
        how = ["--categories", *"0123", "--draws", 20, "--run"]
        said = printed(capsys, table, *how, a_run(tmp_path / "part", units=45))
        assert "does not predict 15 of the 60 rated clips" in said
        assert "does not predict" not in printed(capsys, table, *how, a_run(tmp_path / "whole"))


class TestScalesOfWordsAndNumbers:
    @pytest.mark.parametrize(
        ("scale", "names"),
        [
            ([0, 1, 2, "3+"], {3: "3+"}),
            ([0, 1, "2+", "3+"], {2: "2+", 3: "3+"}),
            (["0", "1", "2+", "3+"], {2: "2+", 3: "3+"}),
            (["None", "1", "2", "3"], {0: "none"}),
        ],
    )
    def test_kendall_takes_the_places_that_kappa_takes(self, scale, names):
        rows = clips(raters=3)
        mixed = rows.assign(rating=rows["rating"].astype(object).map(lambda v: names.get(v, v)))
        named, plain = (
            agree.table(given, categories=which, draws=0).set_index("method")["value"]
            for given, which in ((mixed, scale), (rows, range(4)))
        )
        assert named["Kendall's W"] == pytest.approx(plain["Kendall's W"])
        assert named["Krippendorff's alpha, ordinal"] == pytest.approx(plain["Krippendorff's alpha, ordinal"])

    def test_kendall_of_false_and_true(self, tmp_path, capsys):
        rows = clips().assign(rating=lambda r: r["rating"] > 1)
        said = printed(capsys, saved(rows, tmp_path), "--categories", "false", "true", "--draws", 20)
        numbers = printed(
            capsys,
            saved(rows.assign(rating=rows["rating"] * 1), tmp_path),
            "--categories",
            "0",
            "1",
            "--draws",
            20,
        )
        lines = [[row for row in text.splitlines() if "Kendall" in row] for text in (said, numbers)]
        assert lines[0]
        assert lines[0] == lines[1]

    def test_capitals_alone_make_no_other_word(self):
        rows = words(clips(), NAMES)
        shouted = rows.assign(rating=rows["rating"].where(rows.index % 3 > 0, rows["rating"].str.upper()))
        found = [agree.cohen_kappa(r, categories=NAMES, draws=0).value for r in (rows, shouted)]
        assert found[0] == found[1]
        two = pd.DataFrame({"a": ["A", "a", "A"], "b": ["a", "a", "A"]})
        assert agree.cohen_kappa(two, categories=["a", "A"]).detail["percent_agreement"] == pytest.approx(2 / 3)
        twice = pd.concat([rows.assign(round=1), shouted.assign(round=2)])
        assert (agree.intra_rater(twice, categories=NAMES, draws=0)["percent_agreement"] == 1).all()


class TestRounds:
    def test_the_terminal_says_which_rounds_are_analysed_and_which_ignored(self, tmp_path, capsys):
        rows = pd.concat([clips(seed=k).assign(round=f"week {k}") for k in range(3)])
        said = printed(capsys, saved(rows, tmp_path), "--categories", *"0123", "--draws", 20)
        assert "Coefficients between raters are of round week 0. " in said
        assert "between rounds week 0 and week 1; week 2 is ignored." in said
        assert said.count("week 0 and week 1") == 3  # the sentence, and a row of each rater
        assert "letters" not in said

    def test_rounds_that_only_letters_put_in_order_are_told(self):
        rows = pd.concat([clips().assign(round="morning"), clips(seed=2).assign(round="evening")])
        said = as_text(section(rows, categories=range(4), draws=20))
        assert "(evening, morning), which is that of their letters: number them" in said
        assert by_letters(["baseline", "zeta", "alpha"])
        for known in ([1, 2], ["test", "retest"], ["baseline", "week 2"], ["baseline", "other"], ["only"]):
            assert not by_letters(known)

    def test_one_round_says_nothing(self):
        assert "Rounds" not in section(clips(), categories=range(4), draws=20)


class TestDoubts:
    def test_pairs_and_repeats_keep_the_kind_of_interval_and_the_note(self):
        rows = clips(patients=12, each=1, raters=3)
        twice = pd.concat([rows.assign(round=1), rows.assign(round=2)])
        found = section(twice, categories=range(4), draws=50)
        for title in ("Every pair", "Raters with themselves"):
            assert list(found[title].columns)[-3:] == ["interval", "reason", "note"]
        assert found["Every pair"]["interval"].str.contains("bootstrap").all()
        assert found["Every pair"]["note"].str.contains("only 12 independent units").all()
        own = found["Raters with themselves"]
        assert (own["interval"] == "Wilson's limit of no disagreement").all()
        assert own["note"].str.contains("nobody disagreed").all()

    def test_light_names_the_rater_whose_pairs_are_small(self):
        rows = clips(raters=4, noise=0.5)
        few = rows[(rows["rater"] != "R4") | rows["clip"].isin(["c1", "c2", "c3", "c4", "c5"])]
        note = agree.light_kappa(few, categories=range(4), draws=20).detail["note"]
        assert "3 pairs of R4 rest on fewer than 10 subjects (5 at the least)" in note
        assert "0 pairs" not in note
        place = rows["clip"].str[1:].astype(int)
        one = rows[(rows["rater"] != "R2") | (place < 30)]
        one = one[(one["rater"] != "R3") | (place[one.index] > 22)]
        assert "R2 - R3 rests on" in agree.light_kappa(one, categories=range(4), draws=20).detail["note"]
        assert "rest" not in str(agree.light_kappa(rows, categories=range(4), draws=20).detail.get("note"))

    def test_many_pairs_of_few_subjects_are_counted(self):
        rng = np.random.default_rng(0)
        table = pd.DataFrame(rng.integers(0, 3, (60, 10))).where(rng.random((60, 10)) < 0.35)
        note = agree.light_kappa(table, categories=range(3), draws=20).detail["note"]
        assert re.search(r"\d+ of 45 pairs rest on fewer than 10 subjects", note)
        assert len(note) < 300

    def test_a_table_of_few_subjects_says_so_once(self):
        few = clips()[lambda rows: rows["clip"].isin([f"c{i}" for i in range(8)])]
        note = agree.light_kappa(few, categories=range(4), draws=20).detail.get("note", "")
        assert "rest on fewer" not in note


class TestColumns:
    @pytest.mark.parametrize(
        "name",
        ["severity_mean", "final", "Truth", "batch 2", "reader agreement", "median.all", "Majority"],
    )
    def test_what_several_ratings_come_to_is_no_rater(self, name, tmp_path, capsys):
        table = wide(clips()).rename_axis(columns=None).reset_index().assign(**{name: 1})
        said = refused(capsys, saved(table, tmp_path), "--categories", *"0123", "--draws", 20)
        assert f"column {name!r} would be taken for a rater" in said
        assert "rater in a table with the columns subject, rater and rating" in said

    @pytest.mark.parametrize("name", ["Goldberg", "Finalyear", "Meaney", "R10"])
    def test_names_that_only_hold_such_letters_are_raters(self, name):
        table = wide(clips()).rename_axis(columns=None).reset_index().assign(**{name: 1})
        assert agree.cohen_kappa(table[["subject", "R1", name]], categories=range(4), draws=0).subjects == 60

    @pytest.mark.parametrize(
        "names",
        [
            ("label_1", "label_2"),
            ("Final_Rater1", "Final_Rater2"),
            ("severity mean A", "severity mean B"),
            ("Ann_total", "Bob_total"),
            ("standard reader", "novice"),
            ("reference", "novice"),
            ("Dr Gold", "Ann"),
        ],
    )
    def test_a_word_of_all_columns_and_ordinary_names_are_raters(self, names):
        table = wide(clips()).rename_axis(columns=None).reset_index()[["subject", "R1", "R2"]]
        table.columns = ["subject", *names]
        assert agree.cohen_kappa(table, categories=range(4), draws=0).subjects == 60

    def test_who_is_called_as_a_column_is_a_rater_of_a_tidy_table(self):
        rows = clips().replace({"rater": {"R1": "reader final year"}})
        assert agree.cohen_kappa(rows, categories=range(4), draws=0).subjects == 60


def written(tmp_path, text):
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    return tmp_path / "r.csv"


class TestNumbersAsWritten:
    @pytest.mark.parametrize(
        ("text", "row", "column"),
        [
            ("clip;rater;rating\na;A;1,5\na;B;1.500\nb;A;3,25\nb;B;2,5\n", 3, "rating"),
            ("clip;A;B\na;1,5;2,5\n\nb;3,25;1.250\nc;2;3\n", 4, "B"),
            ("clip;rater;width;text\na;A;1,5;1.500\na;B;1.500;no\nb;A;3,25;so\nb;B;2,5;on\n", 3, "width"),
        ],
    )
    def test_a_thousand_beside_decimal_commas_is_not_read_as_one(self, text, row, column, tmp_path):
        with pytest.raises(
            InputError, match=rf"row {row}, column '{column}', value '1.[25][50]0': a thousand or a fraction"
        ):
            read(written(tmp_path, text))

    def test_what_is_no_rating_may_hold_what_it_likes(self, tmp_path):
        text = "clip;rater;rating;mass\na;A;1,5;1.500\na;B;1,5;1.250\nb;A;3,25;1.100\n"
        assert read(written(tmp_path, text))["rating"].tolist() == [1.5, 1.5, 3.25]
        items = "clip;rater;item;rating\na;A;mass;1.500\na;A;width;1,5\nb;A;width;2,5\nb;A;mass;1.200\n"
        assert len(read(written(tmp_path, items), "width"))
        with pytest.raises(InputError, match="a thousand or a fraction"):
            read(written(tmp_path, items), "mass")
        points = "clip;rater;rating\na;A;1.500\na;B;2.5\nb;A;3.25\n"
        assert read(written(tmp_path, points))["rating"].tolist() == [1.5, 2.5, 3.25]

    def test_decimal_commas_between_commas_are_called_so(self, tmp_path, capsys):
        text = 'clip,rater,rating\na,A,"0,5"\na,B,1\nb,A,"1,5"\nb,B,"0,5"\n'
        said = refused(capsys, written(tmp_path, text), "--categories", "0", "0.5", "1", "1.5")
        assert (
            "row 2, column 'rating', value '0,5': a decimal comma, one of thousands or two numbers, and commas part the cells"
            in said
        )
        lists = 'clip,rater,rating\na,A,1\na,B,"1,2"\nb,A,2\nb,B,0\n'
        said = refused(capsys, written(tmp_path, lists), "--categories", "0", "1", "2")
        assert "value '1,2': a decimal comma, one of thousands or two numbers" in said
        assert "one rating a cell" in said
        mixed = "clip;rater;rating\na;A;0,5\na;B;1.5\nb;A;2.5\nb;B;0.5\nc;A;3.25\n"
        with pytest.raises(InputError, match="row 2.*a decimal comma.*other numbers have points"):
            read(written(tmp_path, mixed + "c;B;1.5\n"))
        said = read(written(tmp_path, 'clip,rater,rating\na,A,"mild, late"\na,B,"mild, late"\n'))
        assert set(said["rating"]) == {"mild, late"}


class TestMissing:
    @pytest.mark.parametrize(
        ("text", "scale", "told"),
        [
            (
                "clip,rater,rating\na,A,1\n\na,B,.\nb,A,0\nb,B,1\n",
                "01",
                "row 4, value '.': subject 'a', rater 'B': not a",
            ),
            (
                "clip,A,B\na,1,0\nb,missing,1\nc,0,0\n",
                "01",
                "row 3, value 'missing': subject 'b', rater 'A': not a number",
            ),
            (
                "clip,A,B\na,1,0\nb,1,9\nc,9,0\n",
                "01",
                "row 3, value 9: subject 'b', rater 'B': outside the scale (2 such",
            ),
            (
                "clip,A,B\na,no,yes\nb,-,yes\n",
                ["no", "yes"],
                "row 3, value '-': subject 'b', rater 'A': outside the scale",
            ),
            ("clip,rater,round,rating\na,A,1,1\na,B,1,1\na,A,2,7\n", "01", "row 4, value 7: subject 'a', rater 'A'"),
            ("clip,rater,sev,b\na,A,1,0\na,B,2,0\nb,A,5,1\n", "0123", "row 4, value 5: subject 'b', rater 'A'"),
        ],
    )
    def test_how_it_is_written_is_told_with_file_and_row(self, text, scale, told, tmp_path, capsys):
        item = ["--item", "sev"] if "sev" in text else []
        said = refused(capsys, written(tmp_path, text), *item, "--categories", *scale)
        assert f"r.csv, {told}" in said
        assert "where nothing was rated, leave the cell empty or write NA." in said

    def test_a_table_of_a_header_alone_has_no_rating(self, tmp_path, capsys):
        said = refused(capsys, written(tmp_path, "clip,rater,rating\n"), "--categories", *"0123")
        assert "agreement needs at least 2" in said

    def test_text_among_measurements_has_its_row(self, tmp_path, capsys):
        said = refused(capsys, written(tmp_path, "clip,A,B\na,1.5,2\nb,3,?\nc,1,2\n"), "--level", "continuous")
        assert "r.csv, row 3, value '?': subject 'b', rater 'B': not a number. Allowed: a number." in said

    def test_several_items_are_chosen_with_the_option(self, tmp_path, capsys):
        text = "clip,rater,sev,b\na,A,1,0\na,B,2,0\n"
        for more in (["--categories", "0", "1", "2"], []):
            said = refused(capsys, written(tmp_path, text), *more)
            assert "choose one with --item. Allowed: sev, b." in said
            assert "item=" not in said
