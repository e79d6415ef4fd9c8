"""What an outside statistician found: tables misread, a model turned round, intervals that claim too much."""

import json

import numpy as np
import pandas as pd
import pytest

from blues import agree
from blues.agree import command
from blues.agree.ratings import tidy, wide
from blues.agree.ratings_file import read
from blues.agree.rounds import round_order
from blues.agree.section import grras, section
from blues.check import InputError


def clips(patients=20, each=3, raters=2, noise=0.3, seed=0, q=4):
    """Return tidy ordinal ratings of clips that share patients."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, q, patients * each)
    rows = []
    for r in range(raters):
        given = np.where(rng.random(len(truth)) < noise, rng.integers(0, q, len(truth)), truth)
        rows += [(f"c{i}", f"p{i // each}", f"R{r + 1}", value) for i, value in enumerate(given)]
    return pd.DataFrame(rows, columns=["clip", "patient", "rater", "rating"])


def printed(capsys, *words):
    assert command.main([str(w) for w in words]) == 0
    return capsys.readouterr().out


class TestTables:
    def test_blank_patient_is_no_patient(self, tmp_path):
        rows = clips()
        rows.loc[:9, "patient"] = np.nan
        with pytest.raises(InputError, match=r"row 2, column 'patient': missing \(10 such rows\)"):
            tidy(rows)
        pairs = wide(clips()).reset_index().assign(patient=["p1"] * 30 + [None] * 30)
        with pytest.raises(InputError, match="row 32, column 'patient'"):
            tidy(pairs)

    def test_blank_round_is_no_round(self):
        rows = pd.concat([clips().assign(round=None), clips(seed=1).assign(round=2)])
        with pytest.raises(InputError, match="column 'round': missing"):
            wide(rows)

    @pytest.mark.parametrize("name", ["patient_id", "Patient ID", "PATIENT-ID", "pat_id"])
    def test_patient_by_another_name_is_the_patient(self, name, tmp_path):
        table = wide(clips()).reset_index().rename(columns={"subject": "clip"})
        table.insert(1, name, [f"p{i // 3}" for i in range(60)])
        for given in (table, clips().rename(columns={"patient": name})):
            given.to_csv(tmp_path / "ratings.csv", index=False)
            rows = read(tmp_path / "ratings.csv")
            assert set(rows["rater"]) == {"R1", "R2"}
            assert rows["patient"].nunique() == 20

    def test_cells_beyond_the_header_move_no_column(self, tmp_path):
        path = tmp_path / "ratings.csv"
        path.write_text("clip,A,B\n1,2,3\n2,0,1\n3,1,1\n")
        right = read(path)
        path.write_text("clip,A,B\n1,2,3,\n2,0,1,\n3,1,1,\n")
        pd.testing.assert_frame_equal(read(path), right)
        path.write_text("clip,A,B,,\n1,2,3,,\n2,0,1,,\n3,1,1,,\n")
        pd.testing.assert_frame_equal(read(path), right)
        path.write_text("\nclip,A,B\n1,2,3\n2,0,1,4\n3,1,1\n")
        with pytest.raises(InputError, match=r"ratings.csv, row 4.*4 cells where the header has 3"):
            read(path)

    def test_row_numbers_that_pandas_saved_are_no_rater(self, tmp_path):
        wide(clips()).rename_axis(columns=None).reset_index().to_csv(tmp_path / "ratings.csv")
        with pytest.raises(InputError, match="without a name would be taken for a rater"):
            read(tmp_path / "ratings.csv")

    def test_one_rater_written_two_ways_is_not_two(self):
        table = clips()
        table.loc[3, "rater"] = table.loc[3, "rater"].lower() + " "
        with pytest.raises(InputError, match="differ in capitals or blanks alone"):
            tidy(table)

    @pytest.mark.parametrize("name", ["sex", "Age", "comment", "Age (years)", "patient sex", "BMI", "order", "Mean"])
    def test_column_that_is_no_rater_is_refused(self, name):
        table = wide(clips()).rename_axis(columns=None).reset_index().assign(**{name: 1})
        for given in (table, table.set_index("subject")):
            with pytest.raises(InputError, match="would be taken for a rater"):
                tidy(given) if given is table else agree.cohen_kappa(given, categories=range(4))

    def test_items_keep_their_names(self):
        rows = clips().rename(columns={"rating": "pleural line"}).assign(**{"B-lines": 1.0})
        assert wide(rows, item="pleural line").shape == wide(rows, item="B-lines").shape == (60, 2)

    def test_readers_may_be_called_as_columns_are(self):
        rows = clips().replace({"rater": {"R1": "operator", "R2": "Weight"}})
        assert set(agree.table(rows, categories=range(4), draws=20)["raters"]) == {2}
        assert agree.cohen_kappa(wide(rows), categories=range(4), draws=20).subjects == 60

    def test_grades_written_as_text_stay_text(self, tmp_path):
        path = tmp_path / "r.csv"
        for last in ("x,x", "x,01", "02,01"):
            path.write_text(f"clip,R1,R2\na,01,01\nb,02,02\nc,01,02\nd,{last}\n", encoding="utf-8")
            assert agree.cohen_kappa(read(path), categories=["01", "02", "x"]).subjects == 4

    @pytest.mark.parametrize(
        ("given", "ordered"),
        [
            (["retest", "test"], ["test", "retest"]),
            (["post", "pre"], ["pre", "post"]),
            (["T10", "T2", "T1"], ["T1", "T2", "T10"]),
            ([2.0, 1.0, -1.0], [-1.0, 1.0, 2.0]),
            (["2024-05-01", "2024-01-10"], ["2024-01-10", "2024-05-01"]),
            (["week 4", "baseline"], ["baseline", "week 4"]),
            (["Wave B", "Wave A"], ["Wave A", "Wave B"]),
            (["retest1", "test1"], ["test1", "retest1"]),
            (["post 24h", "pre 24h"], ["pre 24h", "post 24h"]),
            (["round-2", "round-1", "round-10"], ["round-1", "round-2", "round-10"]),
            (["week 10", "week 4", "baseline"], ["baseline", "week 4", "week 10"]),
            (["10th", "2nd", "1st", "3rd"], ["1st", "2nd", "3rd", "10th"]),
            (["10th reading", "2nd reading", "1st reading"], ["1st reading", "2nd reading", "10th reading"]),
            (["10ème", "1er", "2ème"], ["1er", "2ème", "10ème"]),
            (["Re-test", "Test"], ["Test", "Re-test"]),
            (["posttest", "pretest"], ["pretest", "posttest"]),
            (["2024-10-1", "2024-5-1"], ["2024-5-1", "2024-10-1"]),
            (["01.05.2024", "10.01.2024"], ["10.01.2024", "01.05.2024"]),
        ],
    )
    def test_rounds_have_the_order_that_their_names_say(self, given, ordered):
        assert round_order(given) == ordered

    def test_first_reading_is_the_one_analysed_and_is_named(self):
        first, again = clips(noise=0.1), clips(noise=0.6, seed=3)
        rows = pd.concat([again.assign(round="retest"), first.assign(round="test")])
        found = section(rows, categories=range(4), draws=50)
        alone = agree.cohen_kappa(first, categories=range(4), weights="quadratic", draws=50)
        shown = found["All coefficients"].set_index("method")["value"]
        assert shown["Cohen's kappa, quadratic"] == pytest.approx(alone.value)
        assert "round test" in found["GRRAS checklist"].set_index("item").loc[11, "statement"]

    def test_reader_of_the_second_round_alone_is_told_and_repeats_nothing(self):
        late = clips(raters=3, seed=2)
        rows = pd.concat([clips().assign(round=1), clips(seed=1).assign(round=2)])
        rows = pd.concat([rows, late[late["rater"] == "R3"].assign(round=2)])
        found = section(rows, categories=range(4), draws=50)
        assert found["Ratings by rater"]["repeats"].tolist() == [60, 60, 0]
        assert "in which R3 rated nothing" in found["GRRAS checklist"].set_index("item").loc[11, "statement"]

    def test_words_and_numbers_may_share_a_scale(self):
        table = pd.DataFrame({"a": [1.0, 2, 3, 3], "b": [1, 2, 3, 2]})
        assert agree.cohen_kappa(table, categories=["none", "1", "2", "3"]).subjects == 4
        yes = pd.DataFrame({"a": ["TRUE", "FALSE", "TRUE"], "b": ["True", "False", "False"]})
        assert agree.cohen_kappa(yes, categories=["False", "True"]).detail["percent_agreement"] == pytest.approx(2 / 3)

    def test_grades_with_a_fraction_are_on_their_scale(self):
        table = np.array([[1.05, 1.05], [2.05, 3.05], [3.05, 3.05]])
        assert agree.cohen_kappa(table, categories=[1.05, 2.05, 3.05]).subjects == 3

    def test_what_is_no_number_is_named_among_decimal_commas(self, tmp_path):
        path = tmp_path / "r.csv"
        lines = [f"{i};5,{i};5,{i + 1}" for i in range(8)] + ["8;k.A.;5,1"]
        path.write_text("\n".join(["clip;R1;R2", *lines]), encoding="utf-8")
        with pytest.raises(InputError, match="'k.A.'"):
            agree.icc(read(path))

    def test_unicode_text_of_a_spreadsheet_is_read(self, tmp_path):
        path = tmp_path / "r.txt"
        path.write_text(clips().replace("p1", "Jörg").to_csv(index=False, sep="\t"), encoding="utf-16")
        assert len(read(path)) == 120

    def test_item_in_words_is_found_by_its_name(self, tmp_path):
        rows = clips().rename(columns={"rating": "severity"}).assign(quality=1.0)
        rows["severity"] = rows["severity"].map(dict(enumerate(["none", "mild", "moderate", "severe"])))
        rows.to_csv(tmp_path / "r.csv", index=False)
        found = read(tmp_path / "r.csv", "severity")
        assert set(found["rating"]) == {"none", "mild", "moderate", "severe"}


@pytest.fixture
def run_folder(tmp_path):
    """A run folder with predictions of clips, or of patients; returns a function that writes one."""

    def write(kind, level="clip", q=4, units=60):
        rng = np.random.default_rng(5)
        truth = clips(noise=0.0)["rating"].to_numpy()[:60]
        y = (truth > 1) * 1.0 if kind == "binary" else truth * 1.0
        p = np.clip(y + 0.2 * rng.normal(size=60), 0, 1) if kind == "binary" else y + 0.2 * rng.normal(size=60)
        table = pd.DataFrame(
            {"patient": [f"p{i // 3}" for i in range(60)], "arm": "image", "repeat": 0, "y": y, "p": p}
        )
        if level == "clip":
            table.insert(1, "clip", [f"c{i}" for i in range(60)])
        else:
            table = table.drop_duplicates("patient").assign(patient=[f"c{i}" for i in range(20)])
        folder = tmp_path / f"run-{kind}-{level}"
        folder.mkdir()
        table.to_parquet(folder / "predictions.parquet")
        design = {"task": "made", "kind": kind, "categories": list(range(q)) if kind == "ordinal" else None}
        (folder / "design.json").write_text(json.dumps(design))
        return folder

    return write


def words(rows, names):
    return rows.assign(rating=rows["rating"].map(dict(enumerate(names))))


class TestModel:
    def kappas(self, tmp_path, rows, folder, categories, *more):
        rows.to_csv(tmp_path / "r.csv", index=False)
        out = tmp_path / "out"
        args = [tmp_path / "r.csv", "--categories", *categories, "--run", folder, "--out", out, "--draws", 50, *more]
        assert command.main([str(a) for a in args]) == 0
        table = pd.read_csv(out / "every-pair-arm-image.csv")
        return table[table["kind"] == "model and expert"]["value"].to_numpy()

    def test_words_mean_what_their_order_says(self, tmp_path, run_folder, capsys):
        rows, folder = clips(), run_folder("binary")
        rows["rating"] = (rows["rating"] > 1) * 1
        numbers = self.kappas(tmp_path, rows, folder, "01")
        named = self.kappas(tmp_path, words(rows, ["normal", "abnormal"]), folder, ["normal", "abnormal"])
        assert numbers.min() > 0.4
        np.testing.assert_allclose(named, numbers)

    def test_grades_in_words_are_those_of_the_run_in_their_order(self, tmp_path, run_folder, capsys):
        folder, names = run_folder("ordinal"), ["none", "mild", "moderate", "severe"]
        numbers = self.kappas(tmp_path, clips(), folder, "0123")
        np.testing.assert_allclose(self.kappas(tmp_path, words(clips(), names), folder, names), numbers)

    @pytest.mark.parametrize(
        ("kind", "level", "says"),
        [("binary", "clip", "a yes or no, and the scale has 4 categories"), ("ordinal", "patient", "clips were rated")],
    )
    def test_run_of_something_else_is_refused(self, kind, level, says, tmp_path, run_folder, capsys):
        clips().to_csv(tmp_path / "r.csv", index=False)
        args = [tmp_path / "r.csv", "--categories", *"0123", "--run", run_folder(kind, level), "--draws", 50]
        assert command.main([str(a) for a in args]) == 2
        assert says in capsys.readouterr().err

    def test_nominal_consensus_does_not_hang_on_the_order_of_labels(self, tmp_path, run_folder, capsys):
        rows, folder = clips(raters=4, noise=0.5), run_folder("ordinal")
        rows.to_csv(tmp_path / "r.csv", index=False)
        out = []
        for scale in ("0123", "2103"):
            args = [tmp_path / "r.csv", "--categories", *scale, "--level", "nominal", "--run", folder, "--draws", 50]
            assert command.main([str(a) for a in [*args, "--out", tmp_path / scale]]) == 0
            out.append(pd.read_csv(tmp_path / scale / "leave-one-expert-out-arm-image.csv"))
        pd.testing.assert_frame_equal(out[0][["left_out", "expert", "model"]], out[1][["left_out", "expert", "model"]])

    def test_margin_has_a_verdict_where_its_number_stands(self, tmp_path, run_folder, capsys):
        clips(raters=3).to_csv(tmp_path / "r.csv", index=False)
        folder = run_folder("ordinal")
        said = [
            printed(
                capsys, tmp_path / "r.csv", "--categories", *"0123", "--run", folder, "--draws", 200, "--margin", margin
            )
            for margin in (-0.001, -0.9)
        ]
        assert "not inferior by the margin of -0.9" in said[1]
        assert ("not inferior by the margin of -0.001" in said[0]) != ("is not shown" in said[0])


class TestIntervals:
    def test_interval_that_is_asked_for_is_taken_everywhere(self):
        table = clips().pivot(index="clip", columns="rater", values="rating") + 0.5
        found = agree.table(table, level="continuous", interval="jackknife")
        assert found["interval"].dropna().str.contains("jackknife").all()
        assert found["low"].notna().sum() >= 9
        for wrong in ({"interval": "bogus"}, {"confidence": 95}, {"draws": -5}):
            with pytest.raises(InputError):
                agree.table(table, level="continuous", **wrong)

    def test_formulas_are_given_where_there_are_any(self):
        for rows, more in ((clips(), {"categories": range(4)}), (wide(clips()) + 0.5, {"level": "continuous"})):
            found = agree.table(rows, interval="analytic", **more).set_index("method")
            assert "no formula of one" in found.loc["Kendall's W", "reason"]
            assert np.isfinite(found.loc["Kendall's W", "value"])
            assert found["low"].notna().sum() > 5

    def test_nobody_disagreeing_is_not_certainty(self):
        rows = clips(noise=0.0, patients=30, each=1)
        for function in (
            agree.cohen_kappa,
            agree.gwet_ac,
            agree.krippendorff_alpha,
            agree.fleiss_kappa,
            agree.light_kappa,
        ):
            more = {"level": "nominal"} if function is agree.krippendorff_alpha else {}
            found = function(rows, categories=range(4), draws=200, **more)
            assert found.value == 1
            assert 0.7 < found.low < 0.95, found.method
            assert "bands" not in found.detail
        rare = np.zeros((30, 2))
        rare[0] = 1
        assert agree.cohen_kappa(rare, categories=range(4), weights="quadratic", draws=100).low == -1
        exact = agree.percent_agreement(rows, categories=range(4))
        assert exact.low == pytest.approx(30 / (30 + 1.959964**2), abs=1e-6)

    def test_units_are_the_patients_who_could_be_compared(self):
        rows = clips(noise=0.0)
        rows = rows[(rows["rater"] == "R1") | rows["patient"].isin(["p0", "p1"])]
        for function in (
            agree.percent_agreement,
            agree.krippendorff_alpha,
            agree.gwet_ac,
            agree.light_kappa,
            agree.conger_kappa,
        ):
            more = {"level": "nominal"} if function is agree.krippendorff_alpha else {}
            found = function(rows, categories=range(4), draws=100, **more)
            assert (found.subjects, found.detail["clusters"]) == (6, 2), found.method
            by_chance = function in (agree.gwet_ac, agree.conger_kappa)  # which learn chance from single ratings too
            assert found.detail["left_out"] == (0 if by_chance else 54), found.method
            assert "Only 2 patients" in found.sentence()
        assert agree.percent_agreement(rows, categories=range(4)).low == pytest.approx(2 / (2 + 1.959964**2), abs=1e-6)

    def test_two_rounds_of_a_rater_are_no_sample_of_raters(self):
        rows = pd.concat([clips().assign(round=1), clips(noise=0.35).assign(round=2)])
        for given in (
            rows,
            rows.drop(columns="patient"),
            rows.replace({"round": {1: "before diagnosis", 2: "after diagnosis"}}),
        ):
            found = agree.intra_rater(given).set_index("rater").loc["R1"]
            assert found["high"] - found["low"] < 0.6

    def test_one_grade_throughout_has_no_interval_and_no_band(self):
        table = np.column_stack([np.zeros(40), np.random.default_rng(0).integers(0, 3, 40)])
        found = agree.cohen_kappa(table, categories=range(3), draws=200)
        assert found.value == pytest.approx(0)
        assert np.isnan(found.low)
        assert "every resample gives 0.00" in found.sentence()
        assert "probability" not in found.sentence()

    def test_raters_are_a_sample_where_patients_have_several_clips(self):
        """Coverage of ICC(2,1), .45 when patients alone are drawn (3 raters, rater variance .49, residual .25)."""
        rng, hits, sizes = np.random.default_rng(1), 0, []
        for k in range(120):
            patient = np.repeat(np.arange(30), 3)
            truth = np.sqrt(0.5) * rng.normal(size=30)[patient] + np.sqrt(0.5) * rng.normal(size=90)
            table = truth[:, None] + 0.7 * rng.normal(size=3) + 0.5 * rng.normal(size=(90, 3))
            found = agree.icc(table, clusters=patient, draws=300, seed=k)
            hits += found.low <= 1 / 1.74 <= found.high
            sizes.append(found.low <= found.value <= found.high)
        assert hits >= 0.86 * 120
        assert all(sizes)
        assert np.isnan(found.detail["p_value"])

    def test_limits_of_agreement_cover_where_patients_are_few(self):
        rng, hits = np.random.default_rng(2), 0
        for _ in range(150):
            patient = np.repeat(np.arange(15), 3)
            level = rng.normal(size=15)[patient]
            a = level + np.sqrt(0.3) * rng.normal(size=15)[patient] + 0.5 * rng.normal(size=45)
            found = agree.bland_altman(np.column_stack([a, level + 0.5 * rng.normal(size=45)]), clusters=patient)
            low, high = found.detail["limits_ci"][1]
            hits += low <= 1.959964 * np.sqrt(0.8) <= high
        assert "jackknife" in found.detail["interval"]
        assert hits >= 0.88 * 150

    def test_p_values_that_take_clips_as_independent_are_not_given(self):
        rows = clips()
        assert np.isnan(agree.cohen_kappa(rows, categories=range(4), draws=50).detail["p_value"])
        assert np.isnan(agree.kendall_w(rows, draws=50).detail["p_value"])
        assert agree.cohen_kappa(rows.drop(columns="patient"), categories=range(4), draws=50).detail["p_value"] < 0.05


class TestWords:
    def test_subjects_are_those_that_could_be_compared(self):
        table = np.column_stack([np.arange(100) % 4, np.full(100, np.nan)])
        table[:8, 1] = table[:8, 0]
        table[0, 1] = 3
        for function in (agree.krippendorff_alpha, agree.gwet_ac, agree.percent_agreement, agree.conger_kappa):
            more = {"level": "nominal"} if function is agree.krippendorff_alpha else {}
            found = function(table, categories=range(4), draws=100, **more)
            assert found.subjects == 8, found.method
            assert "Only 8 subjects" in found.sentence()

    def test_doubts_reach_the_tables_and_the_page(self, tmp_path, capsys):
        table = pd.DataFrame({"clip": range(30), "R1": [0, 1] * 15, "R2": [0, 1] * 15, "R3": np.nan})
        table.loc[:14, "R2"] = np.nan
        table.loc[:14, "R3"] = [0, 1] * 7 + [1]
        table.to_csv(tmp_path / "r.csv", index=False)
        out = printed(capsys, tmp_path / "r.csv", "--categories", 0, 1, "--draws", 50, "--out", tmp_path / "o")
        for text in (
            out,
            (tmp_path / "o" / "agreement.html").read_text(encoding="utf-8"),
            (tmp_path / "o" / "all-coefficients.csv").read_text(encoding="utf-8"),
        ):
            assert "1 pair shares no subject" in text

    def test_statistics_of_the_checklist_are_those_of_the_table(self):
        table = clips().pivot(index="clip", columns="rater", values="rating") + 0.0
        table.iloc[:20, 0] = np.nan
        found = section(table, level="continuous", draws=50)
        said = found["GRRAS checklist"].set_index("item").loc[10, "statement"]
        for how in set(found["All coefficients"]["interval"].dropna()):
            assert how in said
        assert found["All coefficients"].set_index("method")["left_out"]["ICC(2,1)"] == 20
        assert grras().shape == (15, 3)

    def test_small_measurements_keep_their_digits(self, tmp_path, capsys):
        rng = np.random.default_rng(0)
        level = 0.02 + 0.005 * rng.normal(size=20)
        table = pd.DataFrame({"clip": range(20), "R1": level, "R2": level + 0.002 + 0.001 * rng.normal(size=20)})
        table.to_csv(tmp_path / "r.csv", index=False)
        out = printed(capsys, tmp_path / "r.csv", "--level", "continuous", "--draws", 50)
        line = next(row for row in out.splitlines() if "Bland-Altman mean difference" in row)
        assert "−0.002" in line

    def test_tables_of_two_readers_do_not_share_a_file(self, tmp_path, capsys):
        rows = clips(raters=3)
        rows["rater"] = rows["rater"].map({"R1": "Müller", "R2": "Möller", "R3": "Weber"})
        rows.to_csv(tmp_path / "r.csv", index=False)
        printed(capsys, tmp_path / "r.csv", "--categories", *"0123", "--draws", 50, "--out", tmp_path / "o")
        assert len(list((tmp_path / "o").glob("matrix-of-*.csv"))) == 3

    def test_one_coefficient_that_fails_does_not_take_the_others_along(self):
        table = np.full((12, 3), np.nan)
        for i in range(12):
            table[i, [i % 3, (i + 1) % 3]] = [i + 0.5, i + 1.0]
        found = agree.table(table, level="continuous", draws=50).set_index("method")
        assert np.isfinite(found.loc["Krippendorff's alpha, interval", "value"])
        assert "two subjects rated by every rater" in found.loc["ICC(2,1)", "reason"]

    def test_nominal_raters_are_held_against_themselves_without_weights(self):
        rows = pd.concat([clips().assign(round=1), clips(seed=4).assign(round=2)])
        found = section(rows, categories=range(4), level="nominal", draws=50)
        assert set(found["Raters with themselves"]["method"]) == {"Cohen's kappa, unweighted"}

    def test_plan_tells_the_power_in_words(self, capsys):
        out = printed(capsys, "plan", "--studies", 3, "--subjects", 30, "--margin", -0.1)
        assert "The power to show non-inferiority, margin -0.1, of a model as good as the experts, is" in out


def test_ordered_categories_are_the_scale_where_none_is_named():
    kind = pd.CategoricalDtype(["none", "mild", "severe"], ordered=True)
    words = pd.DataFrame({"a": ["none", "mild", "severe", "mild"], "b": ["none", "mild", "mild", None]})
    named = agree.cohen_kappa(words, categories=list(kind.categories), weights="quadratic").value
    assert agree.cohen_kappa(words.astype(kind), weights="quadratic").value == named
    rows = words.melt(ignore_index=False, var_name="rater", value_name="rating").rename_axis("subject").reset_index()
    assert agree.cohen_kappa(rows.astype({"rating": kind}), weights="quadratic").value == named
    frame = agree.table(words.astype(kind), draws=50)
    pd.testing.assert_frame_equal(frame, agree.table(words, categories=list(kind.categories), draws=50))
    with pytest.raises(InputError, match="neither categories nor level"):
        agree.table(words.astype("category"))
    ids = pd.CategoricalDtype([str(i) for i in range(4)], ordered=True)
    numbers = rows.dropna().assign(rating=rows["rating"].map({"none": 0, "mild": 1, "severe": 2}))
    with pytest.raises(InputError, match="categories must be given"):
        agree.gwet_ac(numbers.astype({"subject": str}).astype({"subject": ids}))
    with pytest.raises(InputError, match=r"hold 'mild', 'none', 'severe'; name the whole scale from least to most"):
        agree.cohen_kappa(words)
    with pytest.raises(InputError, match="nobody rated anything"):
        agree.cohen_kappa(pd.DataFrame({"a": [np.nan], "b": [np.nan]}))


def test_an_item_is_not_named_of_ratings_without_items():
    rows = [("1", "x", 0), ("1", "y", 1), ("2", "x", 1), ("2", "y", 1)]
    table = pd.DataFrame(rows, columns=["subject", "rater", "rating"])
    with pytest.raises(InputError, match="ratings have no item column, so that none is called 'severty'"):
        agree.wide(table, item="severty")


def test_agreement_by_chance_alone_leaves_nothing_to_correct_whatever_the_last_bit():
    """Without the one subject that differs only one grade is left: 0/0, which rounding must not make a perfect kappa."""
    ratings = np.array([[0, 1, 1], *[[1, 1, 1]] * 4], dtype=float)
    patients = np.repeat(np.arange(5), 2)
    for function in (agree.fleiss_kappa, agree.conger_kappa):
        once = function(ratings, categories=[0, 1], interval="jackknife")
        twice = function(np.repeat(ratings, 2, axis=0), categories=[0, 1], clusters=patients, interval="jackknife")
        assert twice.value == pytest.approx(once.value)
        assert np.isnan([once.low, twice.low]).all()


class TestRatersOfIncompleteTables:
    """Form 2 takes raters for a sample, whether or not a rating is missing."""

    @staticmethod
    def drawn(rng, n, k, raters=0.3):
        own = np.sqrt(raters) * rng.normal(size=k) + np.sqrt(0.5) * rng.normal(size=(n, k))
        return rng.normal(size=(n, 1)) + own

    @pytest.mark.parametrize("form", ["2,1", "2,k"])
    def test_one_missing_rating_does_not_make_an_interval_of_these_raters_alone(self, rng, form):
        table = self.drawn(rng, 30, 3, raters=0.5)
        hole = table.copy()
        hole[4, 1] = np.nan
        how = {"form": form, "missing": "model", "draws": 500}
        whole, found, fixed = (
            agree.icc(table, **how),
            agree.icc(hole, **how),
            agree.icc(hole, interval="bootstrap", **how),
        )
        assert found.high - found.low == pytest.approx(whole.high - whole.low, rel=0.1)
        assert found.high - found.low > 1.2 * (fixed.high - fixed.low)
        assert found.detail["interval"] == "generalised interval, raters as a sample"
        again = agree.icc(hole, **how)
        assert (again.low, again.high) == (found.low, found.high)

    def test_with_patients_it_is_the_interval_of_complete_tables(self, rng):
        table, patients = self.drawn(rng, 40, 4), np.repeat(np.arange(20), 2)
        for form in ("2,1", "2,k"):
            complete = agree.icc(table, form=form, clusters=patients, draws=300)
            model = agree.icc(table, form=form, clusters=patients, missing="model", draws=300)
            assert (model.low, model.high) == pytest.approx((complete.low, complete.high), abs=1e-4)

    @pytest.mark.slow
    def test_coverage(self, rng):
        hits = []
        for _ in range(200):
            table = self.drawn(rng, 30, 3)
            table[0, 0] = np.nan
            found = agree.icc(table, missing="model", draws=300)
            hits.append(found.low <= 1 / 1.8 <= found.high)
        assert 0.9 <= np.mean(hits)
