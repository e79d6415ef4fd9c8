"""What ratings may look like, what is refused and in which words, and what undefined coefficients say."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from blues import agree
from blues.agree.ratings_file import read
from blues.agree.record import band_probabilities
from blues.agree.resample import cluster_interval
from blues.check import InputError

SCALE = [0, 1, 2, 3]
KAPPAS = [
    agree.light_kappa,
    agree.conger_kappa,
    agree.fleiss_kappa,
    agree.gwet_ac,
    agree.brennan_prediger,
    agree.pabak,
    agree.cohen_kappa,
    agree.krippendorff_alpha,
]
CONTINUOUS = [agree.icc, agree.lin_ccc, agree.kendall_w, agree.bland_altman]
GOOD = np.array([[0, 0], [1, 1], [2, 1], [3, 3], [2, 2], [0, 1]], dtype=float)


@pytest.mark.parametrize("function", KAPPAS)
def test_scale_must_be_declared(function):
    with pytest.raises(InputError, match=r"categories must be given.*hold 0, 1, 2, 3"):
        function(GOOD)


@pytest.mark.parametrize("function", KAPPAS)
def test_rating_outside_the_scale_is_named(function):
    frame = pd.DataFrame(GOOD.copy(), index=list("abcdef"), columns=["Ann", "Ben"])
    frame.loc["d", "Ben"] = 4
    with pytest.raises(InputError, match=r"value 4: subject 'd', rater 'Ben': outside the scale. Allowed: 0, 1, 2, 3"):
        function(frame, categories=SCALE)


@pytest.mark.parametrize("value", [0.5, -1, 1e9, np.inf, -np.inf])
def test_other_numbers_outside_the_scale(value):
    ratings = GOOD.copy()
    ratings[2, 0] = value
    with pytest.raises(InputError, match="outside the scale"):
        agree.cohen_kappa(ratings, categories=SCALE)
    with pytest.raises(InputError, match="outside the scale"):
        agree.cohen_kappa(ratings, categories=[0, 1, 2, 3.25])


@pytest.mark.parametrize("function", KAPPAS)
def test_text_among_numbers_is_named(function):
    with pytest.raises(InputError, match=r"value 'many': subject 1, rater '1': not a number"):
        function(np.array([[0, 1], [1, "many"]], dtype=object), categories=SCALE)


@pytest.mark.parametrize("function", CONTINUOUS)
def test_text_among_measurements_is_named(function):
    with pytest.raises(InputError, match=r"value 'n/a': subject 2, rater '0': not a number"):
        function(np.array([[1.0, 2], [2, 3], ["n/a", 1], [3, 3]], dtype=object))
    with pytest.raises(InputError, match="infinite"):
        function(np.array([[1.0, 2], [2, 3], [np.inf, 1], [3, 3]]))


@pytest.mark.parametrize("function", [*KAPPAS, *CONTINUOUS])
def test_one_rater_is_not_enough(function):
    with pytest.raises(InputError, match="1 rater; agreement needs at least 2"):
        function(GOOD[:, :1], **({"categories": SCALE} if function in KAPPAS else {}))


@pytest.mark.parametrize("function", [*KAPPAS, *CONTINUOUS])
def test_raters_who_never_overlap(function):
    ratings = np.array([[0, np.nan], [1, np.nan], [np.nan, 1], [np.nan, 3]])
    with pytest.raises(InputError, match="never rated the same subject"):
        function(ratings, categories=SCALE)


def test_a_rater_without_ratings_is_named():
    frame = pd.DataFrame({"Ann": [0.0, 1], "Ben": [1.0, 1], "Cem": [np.nan, np.nan]})
    with pytest.raises(InputError, match="rater 'Cem' has no rating"):
        agree.fleiss_kappa(frame, categories=SCALE)


def test_nothing_rated_at_all():
    with pytest.raises(InputError, match="all missing"):
        agree.fleiss_kappa(np.full((3, 2), np.nan), categories=SCALE)
    with pytest.raises(InputError, match="no subject"):
        agree.fleiss_kappa(np.empty((0, 2)), categories=SCALE)
    with pytest.raises(InputError, match="1 dimension"):
        agree.fleiss_kappa(np.zeros(4), categories=SCALE)


@pytest.mark.parametrize("function", KAPPAS)
def test_constant_ratings_say_why_and_what_remains(function):
    found = function(np.full((8, 2), 2.0), categories=SCALE)
    assert found.detail["percent_agreement"] == 1.0
    assert found.detail["ac1"] == 1.0
    if function in (agree.gwet_ac, agree.brennan_prediger, agree.pabak):
        assert found.value == 1.0
        assert "nobody disagreed" in found.detail["note"]
        assert 0 < found.low < found.high == 1
    else:
        assert math.isnan(found.value)
        assert "percent agreement is 1.00 and AC1 is 1.00" in found.detail["reason"]
        assert "undefined" in found.sentence()


@pytest.mark.parametrize("function", CONTINUOUS)
def test_constant_measurements_say_why(function):
    found = function(np.full((8, 2), 0.1))
    if function is agree.bland_altman:
        assert found.value == 0.0
        assert found.detail["proportional_bias"]["reason"]
    else:
        assert math.isnan(found.value)
        assert found.detail["reason"]


def test_alpha_of_constant_numbers_without_a_scale():
    for level in ("interval", "ratio"):
        found = agree.krippendorff_alpha(np.full((8, 3), 0.1), level=level)
        assert math.isnan(found.value)
        assert "0/0" in found.detail["reason"]


def test_one_constant_rater_is_no_agreement_beyond_chance():
    ratings = np.column_stack([np.zeros(10), np.arange(10) % 2])
    assert agree.cohen_kappa(ratings, categories=[0, 1]).value == 0.0


def test_duplicate_rows_are_named():
    rows = pd.DataFrame({"subject": ["a", "a", "b"], "rater": ["R", "R", "R"], "rating": [1, 2, 1]})
    with pytest.raises(InputError, match=r"row 3: subject 'a', rater 'R' is rated twice \(1 such row\)"):
        agree.tidy(rows)
    with pytest.raises(InputError, match="rated twice"):
        agree.cohen_kappa(rows, categories=SCALE)
    with pytest.raises(InputError, match="subject 'a' has two rows"):
        agree.tidy(pd.DataFrame(GOOD[:2], index=["a", "a"]))


def test_missing_names_are_named():
    with pytest.raises(InputError, match="row 3, column 'rater': missing"):
        agree.tidy(pd.DataFrame({"subject": ["a", "b"], "rater": ["R", None], "rating": [1, 2]}))


def test_tidy_names_and_patients():
    rows = pd.DataFrame(
        {
            "Clip": ["c1", "c1", "c2", "c2"],
            "Reader": ["B", "A", "A", "B"],
            "score": [1, 2, 3, 0],
            "patient": [7.0, 7, 10, 10],
        }
    )
    table = agree.wide(rows)
    assert table.loc["c1"].to_dict() == {"A": 2, "B": 1}
    assert agree.clusters_of(agree.tidy(rows)).to_dict() == {"c1": "7", "c2": "10"}
    with pytest.raises(InputError, match="belongs to two patients"):
        agree.wide(rows.assign(patient=[1, 2, 3, 3]))


def test_patients_of_a_tidy_frame_are_used():
    """Six clips a patient: intervals are by patient whether clusters are given or come with the frame."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, (30, 1)).repeat(6, axis=1).ravel()
    ratings = np.where(rng.random((180, 2)) < 0.5, truth[:, None], rng.integers(0, 4, (180, 2)))
    rows = pd.DataFrame(
        {
            "subject": np.arange(180).repeat(2).astype(str),
            "patient": (np.arange(180) // 6).repeat(2),
            "rater": ["A", "B"] * 180,
            "rating": ratings.ravel(),
        }
    )
    given = agree.cohen_kappa(ratings.astype(float), categories=SCALE, clusters=np.arange(180) // 6)
    for way in (rows, agree.wide(rows), agree.wide(rows).iloc[::-1]):
        found = agree.cohen_kappa(way, categories=SCALE)
        assert found.detail["clusters"] == 30
        assert found.value == pytest.approx(given.value)
    naive = agree.cohen_kappa(ratings.astype(float), categories=SCALE)
    assert naive.detail["clusters"] == 180
    assert pd.concat([agree.wide(rows), agree.wide(rows)]).shape == (360, 2)


def test_items_and_rounds_must_be_chosen():
    rows = pd.DataFrame(
        {
            "subject": list("abab"),
            "rater": ["R"] * 4,
            "item": ["x", "x", "y", "y"],
            "round": [1, 1, 1, 2],
            "rating": [0, 1, 2, 3],
        }
    )
    with pytest.raises(InputError, match=r"several items.*Allowed: x, y"):
        agree.wide(rows)
    assert agree.wide(rows, item="y")["R"].to_dict() == {"a": 2.0}
    assert agree.wide(rows, item="y", round=2)["R"].to_dict() == {"b": 3.0}
    with pytest.raises(InputError, match="no round 9"):
        agree.wide(rows, item="y", round=9)
    with pytest.raises(InputError, match="no item 'z'"):
        agree.wide(rows, item="z")


def test_categories_in_words():
    ratings = np.array(
        [["none", "none"], ["few", "many"], ["many", "many"], [None, "few"], ["few", "few"]], dtype=object
    )
    found = agree.cohen_kappa(ratings, categories=["none", "few", "many"], weights="linear")
    codes = np.array([[0, 0], [1, 2], [2, 2], [np.nan, 1], [1, 1]])
    assert found.value == agree.cohen_kappa(codes, categories=[0, 1, 2], weights="linear").value
    assert found.subjects == 4
    with pytest.raises(InputError, match=r"'lots': .*outside the scale"):
        agree.cohen_kappa(np.array([["none", "lots"]], dtype=object), categories=["none", "few"])


def test_numbers_written_as_text_are_numbers():
    frame = pd.DataFrame({"A": ["0", "1", "3", None], "B": ["0", "2", "3", "1"]})
    assert agree.cohen_kappa(frame, categories=SCALE).subjects == 3


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("cubic", "weights is 'cubic'"),
        (np.eye(3), r"weights have shape \(3, 3\), and the scale has 4"),
        (np.full((4, 4), 0.5), "neither agreement nor disagreement"),
        (np.full((4, 4), np.nan), "finite"),
    ],
)
def test_weights_that_cannot_be(weights, message):
    with pytest.raises(InputError, match=message):
        agree.cohen_kappa(GOOD, categories=SCALE, weights=weights)


def test_weighted_kappa_needs_an_order():
    with pytest.raises(InputError, match="linear weights need categories in order"):
        agree.cohen_kappa(GOOD, categories=[3, 0, 1, 2], weights="linear")
    down = agree.cohen_kappa(GOOD, categories=[3, 2, 1, 0], weights="linear").value
    assert down == pytest.approx(agree.cohen_kappa(GOOD, categories=SCALE, weights="linear").value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": "exact"}, "interval is 'exact'"),
        ({"confidence": 95}, "confidence must lie between 0 and 1"),
        ({"draws": -1}, "draws must not be negative"),
        ({"clusters": [1, 2]}, "clusters has 2 entries and ratings have 6 rows"),
        ({"clusters": [1, 1, 2, 2, None, 3]}, "clusters has a missing entry, the first at position 4"),
        ({"categories": [1]}, "at least two"),
        ({"categories": [0, 0, 1]}, "categories repeat"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(InputError, match=message):
        agree.cohen_kappa(GOOD, **{"categories": SCALE, **options})


def test_clusters_as_a_series_are_aligned_by_subject():
    frame = pd.DataFrame(GOOD, index=list("abcdef"))
    clusters = pd.Series([1, 1, 2, 2, 3, 3], index=list("fedcba"))
    assert agree.cohen_kappa(frame, categories=SCALE, clusters=clusters).detail["clusters"] == 3
    with pytest.raises(InputError, match="no entry for subject 'a'"):
        agree.cohen_kappa(frame, categories=SCALE, clusters=clusters.drop("a"))


def test_more_than_two_raters_are_told_what_to_use():
    with pytest.raises(InputError, match="there are 3.*light_kappa"):
        agree.cohen_kappa(np.zeros((4, 3)), categories=SCALE)


def test_no_interval_says_so():
    assert "draws=0" in agree.cohen_kappa(GOOD, categories=SCALE, draws=0).detail["reason"]
    one_patient = agree.cohen_kappa(GOOD, categories=SCALE, clusters=np.zeros(6))
    assert math.isfinite(one_patient.value)
    assert "at least two independent" in one_patient.detail["reason"]


def test_light_names_pairs_it_had_to_leave_out():
    ratings = np.array([[0, 0, np.nan], [1, 1, np.nan], [0, 1, np.nan], [np.nan, 1, 1], [np.nan, 0, 0], [np.nan, 1, 0]])
    found = agree.light_kappa(ratings, categories=[0, 1])
    assert len(found.detail["pairs"]) == 2
    assert "1 pair shares no subject" in found.detail["note"]
    assert found.value == pytest.approx(found.detail["pairs"]["value"].mean())


def test_a_million_rows_stay_within_memory_and_seconds():
    import time
    import tracemalloc

    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 1_000_000)
    ratings = np.where(rng.random((2, 1_000_000)) < 0.6, truth, rng.integers(0, 4, (2, 1_000_000))).T.astype(float)
    clusters = np.arange(1_000_000) // 500
    for options in ({}, {"clusters": clusters}):
        tracemalloc.start()
        begin = time.perf_counter()
        found = agree.cohen_kappa(ratings, categories=SCALE, weights="quadratic", **options)
        seconds = time.perf_counter() - begin
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert abs(found.value - 0.36) < 0.01
        assert seconds < 10
        assert peak < 12 * ratings.nbytes


def test_records_survive_a_file(tmp_path):
    for found in (
        agree.light_kappa(np.column_stack([GOOD, GOOD[:, 0]]), categories=SCALE),
        agree.cohen_kappa(np.zeros((4, 2)), categories=SCALE),
        agree.bland_altman(GOOD),
    ):
        back = agree.Agreement.load(found.save(tmp_path / "k.json"))
        assert back.sentence() == found.sentence()
        assert json.dumps(sorted(back.detail)) == json.dumps(sorted(found.detail))
        for key, value in found.detail.items():
            if isinstance(value, pd.DataFrame):
                assert (
                    back.detail[key].astype(str).replace("nan", "None").equals(value.astype(str).replace("nan", "None"))
                )
    (tmp_path / "k.json").write_text("{}")
    with pytest.raises(InputError, match="not an agreement record"):
        agree.Agreement.load(tmp_path / "k.json")


def test_landis_koch_words_come_with_probabilities():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 60)
    ratings = np.where(rng.random((60, 2)) < 0.75, truth[:, None], rng.integers(0, 4, (60, 2))).astype(float)
    found = agree.cohen_kappa(ratings, categories=SCALE)
    assert sum(found.detail["bands"].values()) == pytest.approx(1, abs=1e-3)
    low, high = 0.4, 0.6
    values = estimate_replicates(ratings)
    assert found.detail["bands"]["moderate"] == pytest.approx(((values > low) & (values <= high)).mean(), abs=1e-3)
    for interval in ("jackknife", "analytic"):
        other = agree.cohen_kappa(ratings, categories=SCALE, interval=interval).detail["bands"]
        assert other["moderate"] == pytest.approx(found.detail["bands"]["moderate"], abs=0.1)
    assert "Landis-Koch" in found.sentence()
    edges = band_probabilities(0.0, 1.0, np.array([-0.1, 0.0, 0.2, 0.21, 0.8, 0.81, 1.0, np.nan]))
    assert list(edges.values()) == pytest.approx([1 / 7, 2 / 7, 1 / 7, 0, 1 / 7, 2 / 7], abs=1e-4)
    assert "<table>" in found._repr_html_()


def estimate_replicates(ratings):
    from blues.agree.pairwise import kappas, pair_sums
    from blues.agree.scale import coded

    sums = pair_sums(coded(ratings, SCALE), [(0, 1)])
    return cluster_interval(sums, lambda s: kappas(s, 1 - np.eye(4))).replicates[:, 0]


@pytest.mark.parametrize("function", [agree.icc, agree.lin_ccc, agree.kendall_w, agree.bland_altman])
def test_measurements_take_no_weights(function):
    with pytest.raises(InputError, match="takes no weights"):
        function(GOOD, weights="linear")
    assert function(GOOD, categories=SCALE, weights=None, draws=20).subjects == 6


@pytest.mark.parametrize(
    "given",
    [
        GOOD.astype(int),
        GOOD.tolist(),
        np.asfortranarray(GOOD),
        GOOD.astype(np.float32),
        np.ma.masked_equal(np.vstack([GOOD, [[9, 9]]]), 9),
        pd.DataFrame(GOOD).astype("Int64"),
        pd.DataFrame(GOOD).astype("category"),
        pd.DataFrame(GOOD).astype("string"),
        pd.DataFrame(GOOD).astype(object),
    ],
    ids=["int", "list", "fortran", "float32", "masked", "Int64", "category", "string", "object"],
)
def test_the_same_ratings_in_any_container(given):
    assert (
        agree.cohen_kappa(given, categories=SCALE, draws=20).value
        == agree.cohen_kappa(GOOD, categories=SCALE, draws=20).value
    )


def test_model_icc_says_what_it_cannot_do():
    holes = GOOD.copy()
    holes[0, 0] = np.nan
    with pytest.raises(InputError, match="no one-way forms"):
        agree.icc(holes, form="1,1", missing="model")
    with pytest.raises(InputError, match="by resampling"):
        agree.icc(holes, missing="model", interval="analytic")
    with pytest.raises(InputError, match="missing is 'pairwise'"):
        agree.icc(holes, missing="pairwise")
    constant = agree.icc(np.where(np.isnan(holes), np.nan, 2.0), missing="model", draws=20)
    assert math.isnan(constant.value)
    assert "cannot be told apart" in constant.detail["reason"]


@pytest.mark.parametrize("interval", ["bootstrap", "bca", "jackknife", "analytic"])
@pytest.mark.parametrize("clustered", [False, True])
def test_every_pair_has_the_interval_of_its_own_kappa(interval, clustered):
    rng = np.random.default_rng(8)
    truth = rng.integers(0, 3, 17)
    ratings = np.column_stack([np.where(rng.random(17) < 0.8, truth, rng.integers(0, 3, 17)) for _ in range(3)]).astype(
        float
    )
    ratings[[0, 4, 9], [0, 1, 0]] = np.nan
    how = {"categories": [0, 1, 2], "weights": "quadratic", "interval": interval, "draws": 200}
    patients = np.arange(17) // 4 if clustered else None
    table = agree.pairs(ratings, clusters=patients, **how)
    for row, two in zip(table.itertuples(), ([0, 1], [0, 2], [1, 2]), strict=True):
        alone = agree.cohen_kappa(ratings[:, two], clusters=patients, **how)
        assert (row.value, row.low, row.high, row.se) == pytest.approx((alone.value, alone.low, alone.high, alone.se))
    assert (table["high"] <= 1).all()


def table_of_items(path, separator=",", decimal=".", **cells):
    """Write ratings of two items by two raters, with some cells replaced; return the path."""
    rows = [["Clip", "patient", "rater", "severity", "width"]]
    for i in range(24):
        for rater in "AB":
            width = f"{i + 1}.5".replace(".", decimal)
            rows.append(
                [
                    f"c{i}",
                    f"p{i // 2}",
                    rater,
                    cells.get(f"c{i}{rater}", str((i + (rater == "B") * (i % 5 == 0)) % 3)),
                    width,
                ]
            )
    path.write_text("\n".join(separator.join(row) for row in rows) + "\n", encoding="utf-8")
    return path


def test_text_in_an_item_is_named_with_row_and_column(tmp_path, capsys):
    path = table_of_items(tmp_path / "ratings.csv", c2A="pending")
    assert agree.main([str(path), "--categories", "0", "1", "2", "--item", "severity"]) == 2
    assert "row 6, column 'severity', value 'pending': is no number" in capsys.readouterr().err
    assert agree.main([str(path), "--level", "continuous", "--item", "width", "--draws", "20"]) == 0
    with pytest.raises(InputError, match="row 6, column 'severity', value 'pending'"):
        agree.ratings_file.read(path)


@pytest.mark.parametrize(("separator", "decimal"), [(";", ","), (";", "."), ("\t", ","), (",", ".")])
def test_tables_are_read_with_any_separator_and_decimal_sign(tmp_path, separator, decimal):
    path = table_of_items(tmp_path / "ratings.csv", separator, decimal)
    rows = agree.ratings.choose(agree.ratings_file.read(path), item="width")
    assert rows["rating"].tolist() == [i + 1.5 for i in range(24) for _ in "AB"]


def test_few_patients_are_warned_of():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 4, 30).astype(float)
    ratings = np.column_stack([truth, truth])
    for patients, caution in (
        (np.arange(30) % 3, "Only 3 patients: neither interval nor words"),
        (np.arange(30) % 10, ""),
    ):
        said = agree.cohen_kappa(ratings, categories=SCALE, clusters=patients, draws=50).sentence()
        assert caution in said
        assert ("Only" in said) == bool(caution)
    assert "Only 6 subjects" in agree.cohen_kappa(GOOD, categories=SCALE, draws=50).sentence()


def ratings_file(tmp_path, rows, head="subject,rater,rating"):
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def test_ids_stay_text_as_they_stand(tmp_path):
    rows = [
        f"{subject},{rater},{k % 2}"
        for k, subject in enumerate(("1.1", "1.10", "1e3", "1000", "01", "001"))
        for rater in "AB"
    ]
    tidy = read(ratings_file(tmp_path, rows))
    assert list(pd.unique(tidy["subject"])) == ["1.1", "1.10", "1e3", "1000", "01", "001"]
    assert tidy["rating"].tolist() == [0, 0, 1, 1] * 3


def test_a_rater_may_be_called_na_and_a_grade_none(tmp_path):
    rows = [f"s{k},{rater},{grade}" for k, grade in enumerate(("None", "mild", "", "NA")) for rater in ("NA", "B")]
    tidy = read(ratings_file(tmp_path, rows))
    assert set(tidy["rater"]) == {"NA", "B"}
    assert set(tidy["rating"]) == {"None", "mild"}  # empty and NA are no rating
    numbers = read(ratings_file(tmp_path, ["a,x,1", "a,y,None", "b,x,NA", "b,y,2.5"]))
    assert numbers["rating"].tolist() == [1, 2.5]


def test_headers_are_read_without_their_spaces_and_may_not_repeat(tmp_path):
    assert len(read(ratings_file(tmp_path, ["a,x,1", "a,y,2"], " Subject , Rater , Rating "))) == 2
    with pytest.raises(InputError, match="ratings.csv, column 'Rating ': two columns have one name"):
        read(ratings_file(tmp_path, ["a,x,1,2"], "subject,rater,rating,Rating "))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nclip,rater,rating\n\na,x,1\n,,\nb,x,1\n\nb,x,2\n", r"row 8: subject 'b', rater 'x' is rated twice"),
        (
            "clip,rater,sev,b\n\na,x,1,0\na,y,2,1\n\na,y,3,1\n",
            r"row 6: subject 'a', rater 'y', item 'sev' is rated twice",
        ),
        ("clip,x,y\n\na,1,0\n\na,2,1\n", r"row 5, column 'clip', value 'a': subject occurs twice"),
        ("clip,rater,rating\n\na,x,1\n\na,,2\n", r"row 5, column 'rater': missing"),
        ("clip,rater,sev\n\na,x,1\n\na,y,2\nb,x,1\nb,y,many\n", r"row 7, column 'sev', value 'many': is no number"),
    ],
)
def test_rows_are_counted_as_a_spreadsheet_counts_them(tmp_path, text, message):
    path = tmp_path / "ratings.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read(path)


def test_blank_rows_change_nothing(tmp_path):
    plain = "clip,rater,rating\na,x,1\na,y,2\nb,x,1\nb,y,0\n"
    (tmp_path / "plain.csv").write_text(plain)
    (tmp_path / "gaps.csv").write_text("\n , ,\n" + plain.replace("\n", "\n\n").replace("b,x", ",,\nb,x"))
    pd.testing.assert_frame_equal(read(tmp_path / "gaps.csv"), read(tmp_path / "plain.csv"))


@pytest.mark.parametrize(
    ("header", "told"),
    [("clip,rater,score", True), ("clip,patient_id,rater,score", False), ("patient,rater,score", False)],
)
def test_a_table_that_does_not_say_whose_its_clips_are_is_told(tmp_path, capsys, header, told):
    rows = [f"{clip},{'p,' * ('patient_id' in header)}{rater},{clip % 3}" for clip in range(6) for rater in "ab"]
    (tmp_path / "r.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    words = ["--categories", "0", "1", "2", "--draws", "20", "--out", str(tmp_path)]
    assert agree.main([str(tmp_path / "r.csv"), *words]) == 0
    for text in (capsys.readouterr().out, (tmp_path / "agreement.html").read_text(encoding="utf-8")):
        assert ("No patient column: every subject counts as independent" in text) == told
