"""Subgroups: scored by themselves, compared with each other, named in advance."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from made_design import QUICK, make_design
from scipy.stats import norm

from blues import check, evaluate, report
from blues.cohort.schema import Column
from blues.fuse import Experiment, Run, run
from blues.fuse.command import summary
from blues.fuse.subgroups import groups_of, subgroups


def predictions(rng, gains, n=60, repeats=3):
    """Two arms of which one knows more in some groups; group g is patients g, g + len(gains), ..."""
    y = np.repeat([0.0, 1.0], n // 2)
    group = np.arange(n) % len(gains)
    tables = []
    for extra in (np.asarray(gains)[group], 0.0):
        parts = [
            pd.DataFrame(
                {"patient": [f"p{i}" for i in range(n)], "repeat": r, "fold": rng.permutation(n) % 5, "y": y}
            ).assign(p=1 / (1 + np.exp(-(rng.normal(size=n) + (0.8 + extra) * (2 * y - 1)))))
            for r in range(repeats)
        ]
        tables.append(pd.concat(parts, ignore_index=True))
    return (*tables, pd.Series([f"g{k}" for k in group], [f"p{i}" for i in range(n)]))


def test_each_group_is_what_the_whole_table_gives_for_its_patients(rng):
    a, b, groups = predictions(rng, (2.0, 0.0))
    table = evaluate.subgroup_table(a, b, groups, "auroc", draws=300, seed=4)
    for row in table.itertuples():
        mine = groups.index[groups == row.group]
        parts = [part[part["patient"].isin(mine)] for part in (a, b)]
        whole = evaluate.compare_table(*parts, draws=300, seed=4).iloc[0]
        assert [row.difference, row.low, row.high] == pytest.approx(whole[["difference", "low", "high"]].to_list())
        assert row.value_a == pytest.approx(evaluate.point_score(parts[0], "auroc"))
        assert row.value_b == pytest.approx(evaluate.point_score(parts[1], "auroc"))
        assert (row.patients, row.events) == (30, 15)


def test_interaction_is_the_z_test_of_two_groups_and_finds_what_was_planted(rng):
    table = evaluate.subgroup_table(*predictions(rng, (4.0, 0.0), n=120), "auroc", draws=400)
    gap = table["difference"].diff().iloc[1] / np.hypot(*table["se"])
    assert table["p_interaction"].unique() == pytest.approx([2 * norm.sf(abs(gap))])
    assert table["p_interaction"].iloc[0] < 0.05


def test_interaction_rejects_no_more_often_than_it_should_where_groups_are_alike():
    drawn = [
        evaluate.subgroup_table(*predictions(np.random.default_rng(k), (1.0, 1.0), n=80, repeats=1), "auroc", draws=100)
        for k in range(150)
    ]
    assert np.mean([table["p_interaction"].iloc[0] < 0.05 for table in drawn]) < 0.1


def test_small_groups_get_no_numbers_and_patients_without_a_group_take_no_part(rng):
    a, b, groups = predictions(rng, (1.0, 1.0))
    groups = groups.astype("category").cat.add_categories(["few"])
    groups.iloc[[0, 1, 2, 40, 41]] = "few"
    groups.iloc[3] = np.nan
    table = evaluate.subgroup_table(a, b, groups, "auroc", draws=100).set_index("group")
    assert table.loc["few", "reason"] == "only 2 in the smaller class, fewer than 10"
    assert table.loc["few", ["difference", "low", "value_a"]].isna().all()
    assert table["patients"].sum() == 60
    assert list(table.index) == ["g0", "g1", "few", "not known"]
    assert table.loc["not known", ["patients", "reason"]].to_list() == [1, "in no group"]
    assert np.isnan(table.loc["not known", "difference"])
    with pytest.raises(check.InputError, match="no patient"):
        evaluate.subgroup_table(a, b, groups.add_prefix("x"), "auroc")


@pytest.fixture(scope="module")
def cohort(synthetic_cohort):
    return synthetic_cohort


def test_columns_become_groups(cohort):
    found = groups_of(cohort, "pcr", ["sex", "age:60", "crp", "spo2_on_oxygen"])
    assert set(found) == {cohort.dictionary.label(name) for name in ("sex", "age", "crp", "spo2_on_oxygen")}
    by_age = found[cohort.dictionary.label("age")]
    assert list(by_age.cat.categories) == ["below 60 years", "60 years or more"]
    known = cohort.patients["age"].dropna()
    assert (by_age[known.index] == np.where(known >= 60, "60 years or more", "below 60 years")).all()
    crp = cohort.patients["crp"]
    by_crp = found[cohort.dictionary.label("crp")]
    assert by_crp.isna().equals(crp.isna())
    assert (crp[by_crp == by_crp.cat.categories[1]] >= crp.median()).all()


def test_a_median_that_nobody_lies_below_still_makes_two_groups(cohort):
    crp = cohort.patients["crp"]
    mostly = dataclasses.replace(cohort, patients=cohort.patients.assign(crp=crp.where(crp > crp.quantile(0.7), 0.0)))
    (found,) = groups_of(mostly, "pcr", ["crp"]).values()
    assert found.value_counts().min() > 0
    assert found.cat.codes[mostly.patients["crp"] == 0].eq(0).all()


def test_group_in_which_nothing_differs_has_no_interval(rng):
    a, b, groups = predictions(rng, (1.0, 1.0))
    same = b.copy()
    table = evaluate.subgroup_table(same, b, groups, "auroc", draws=100)
    assert table["low"].isna().all()
    assert (table["difference"] == 0).all()
    assert set(table["reason"]) == {"no bootstrap sample differs: no interval"}
    assert table["p_interaction"].isna().all()


def test_perfect_arms_in_a_group_have_intervals_that_know_its_size(rng):
    y = np.repeat([0, 1], 12)
    frame = pd.DataFrame({"patient": np.arange(24).astype(str), "repeat": 0, "fold": np.arange(24) % 2, "y": y})
    perfect, other = frame.assign(p=0.1 + 0.8 * y), frame.assign(p=rng.uniform(size=24))
    groups = pd.Series("all", frame["patient"])
    line = evaluate.subgroup_table(perfect, other, groups, "auroc", draws=200).iloc[0]
    newcombe = evaluate.auroc(y, y, method="newcombe")
    assert [line["low_a"], line["high_a"]] == pytest.approx([newcombe.low, 1])
    assert line["reason"].startswith("a: every bootstrap sample")
    undefined = evaluate.subgroup_table(perfect.assign(p=1.0), other, groups, "spearman", "continuous", draws=50).iloc[
        0
    ]
    assert "undefined" in undefined["reason"]


def test_ordinal_outcome_keeps_its_scale_in_subgroups():
    design = make_design(60, kind="ordinal", signal=2.0)
    design = dataclasses.replace(design, y=design.y / 2, scale=(0.0, 0.5, 1.0, 1.5))
    result = run(design, Experiment(modalities=("image", "blood"), fusion="late", reference="blood", **QUICK))
    groups = {"ward": pd.Series(np.tile(["a", "b"], 30), design.y.index)}
    table = subgroups(result, groups)
    assert table["patients"].to_list() == [30, 30]
    assert subgroups(result, {"ward": groups["ward"].add_prefix("x")}).empty


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("nope", "--subgroups: column"),
        ("icu", "icu makes no subgroup here: its role is outcome"),
        ("pcr", "pcr makes no subgroup here"),
        ("sex:3", "a cut is for numbers"),
        ("age:old", "'old' is no number"),
        ("age:inf", "'inf' is no number"),
        ("age:500", "every patient lies on one side"),
    ],
)
def test_what_is_no_subgroup_is_refused(cohort, wanted, message):
    with pytest.raises(check.InputError, match=message):
        groups_of(cohort, "pcr", [wanted])
    with pytest.raises(check.InputError, match="twice"):
        groups_of(cohort, "pcr", ["sex", "sex"])


def test_only_what_makes_a_subgroup_is_offered(cohort):
    patients = cohort.patients.assign(ward=[f"ward {i}" for i in range(len(cohort.patients))])
    columns = {**cohort.dictionary.columns, "ward": Column(role="clinical", known="admission", kind="nominal")}
    some = {name: columns[name] for name in ("patient_id", "pcr", "icu", "sex", "age", "ward")}
    dictionary = cohort.dictionary.model_copy(update={"columns": some})
    with pytest.raises(check.InputError) as refused:
        groups_of(dataclasses.replace(cohort, dictionary=dictionary, patients=patients), "pcr", ["sexx"])
    assert "Allowed: sex, age. Nearest: 'sex'" in str(refused.value)


def test_run_says_for_whom_in_print_and_on_the_page_and_keeps_it(tmp_path):
    design = make_design(patients=60, signal=1.0)
    result = run(design, Experiment(modalities=("image", "blood"), fusion="late", **QUICK))
    assert subgroups(result, {}).empty
    rng = np.random.default_rng(0)
    groups = {name: pd.Series(rng.choice(["a", "b"], 60), design.y.index) for name in ("ward", "sex")}
    found = dataclasses.replace(result, subgroups=subgroups(result, groups))
    table = found.subgroups
    assert table["by"].tolist() == ["ward", "ward", "sex", "sex"]
    assert set(zip(table["arm"], table["reference"], strict=True)) == {("image+blood", "blood")}
    ps = table.drop_duplicates("by")
    np.testing.assert_allclose(ps["p_holm"], evaluate.holm(ps["p_interaction"].to_numpy()))
    assert "  ward (p that the groups differ" in summary(found)
    shown = report.summarize(found)["tables"]["subgroups"]
    assert [row[:3] for row in shown["rows"]] == table[["by", "group", "patients"]].to_numpy().tolist()
    assert "subgroups" not in report.summarize(result)["tables"]
    again = Run.load(found.save(tmp_path / "run"))
    pd.testing.assert_frame_equal(again.subgroups, table, check_dtype=False)
    assert report.render(report.summarize(again))
