"""Subgroups of a time: scored by themselves, paired, compared with each other."""

import numpy as np
import pandas as pd
import pytest

from blues import survive
from blues.check import InputError


def predictions(rng, gains, n=80, repeats=2, censored=0.2):
    """Two arms of which one orders the times better in some groups; group g is patients g, g + len(gains), ..."""
    time = np.ceil(rng.exponential(8, n))
    event = np.where(rng.random(n) < censored, rng.integers(0, 2, n) * 2, 1)
    group = np.arange(n) % len(gains)
    ids = [f"p{i}" for i in range(n)]
    tables = []
    for extra in (np.asarray(gains)[group], np.zeros(n)):
        parts = [
            pd.DataFrame({"patient": ids, "repeat": r, "time": time, "event": event}).assign(
                risk=rng.normal(size=n) - (0.3 + extra) * np.log1p(time)
            )
            for r in range(repeats)
        ]
        tables.append(pd.concat(parts, ignore_index=True))
    return (*tables, pd.Series([f"g{k}" for k in group], ids))


def test_each_group_is_scored_as_its_patients_by_themselves(rng):
    a, b, groups = predictions(rng, (2.0, 0.0))
    table = survive.subgroup_table(a, b, groups)
    assert table["group"].to_list() == ["g0", "g1"]
    for row in table.itertuples():
        mine = groups.index[groups == row.group]
        values = []
        for arm in (a, b):
            part = arm[arm["patient"].isin(mine)]
            of_repeats = [
                survive.uno_c(one["time"], one["event"], one["risk"], cause=1, interval=None).value
                for _, one in part.groupby("repeat")
            ]
            values.append(np.mean(of_repeats))
        assert [row.value_a, row.value_b] == pytest.approx(values)
        assert row.difference == pytest.approx(values[0] - values[1])
        one_repeat = part[part["repeat"] == 0]
        assert (row.patients, row.events) == (40, (one_repeat["event"] == 1).sum())
        assert row.low < row.difference < row.high


def test_the_interval_of_one_repeat_is_the_jackknife_written_out(rng):
    a, b, groups = predictions(rng, (1.0, 0.0), n=44, repeats=1)
    row = survive.subgroup_table(a, b, groups).iloc[0]
    mine = groups.index[groups == "g0"]

    def gap(kept):
        found = [part[part["patient"].isin(kept)] for part in (a, b)]
        c = [survive.uno_c(p["time"], p["event"], p["risk"], cause=1, interval=None).value for p in found]
        return c[0] - c[1]

    left_out = np.array([gap(mine.drop(one)) for one in mine])
    n = len(mine)
    assert row["se"] == pytest.approx(np.sqrt((n - 1) / n * np.sum((left_out - left_out.mean()) ** 2)))


def test_a_gain_planted_in_one_group_is_found_there(rng):
    table = survive.subgroup_table(*predictions(rng, (5.0, 0.0), n=160)).set_index("group")
    assert table.loc["g0", "low"] > 0
    assert table.loc["g1", "low"] < 0 < table.loc["g1", "high"]
    assert table["p_interaction"].iloc[0] < 0.05


def test_alike_groups_are_told_apart_no_more_often_than_one_in_twenty():
    drawn = [
        survive.subgroup_table(*predictions(np.random.default_rng(k), (0.5, 0.5), n=80, repeats=1))["p_interaction"][0]
        for k in range(150)
    ]
    assert np.mean(np.array(drawn) < 0.05) < 0.1


def test_the_order_of_rows_and_who_is_where_known_play_no_part(rng):
    a, b, groups = predictions(rng, (1.0, 0.0))
    table = survive.subgroup_table(a, b, groups)
    shuffled = survive.subgroup_table(a.sample(frac=1, random_state=0), b.sample(frac=1, random_state=1), groups[::-1])
    pd.testing.assert_frame_equal(table, shuffled)
    some = groups.where(~groups.index.isin(["p0", "p1", "p2"]))
    told = survive.subgroup_table(a, b, some).set_index("group")
    assert told.loc["not known", ["patients", "reason"]].to_list() == [3, "in no group"]
    assert told["patients"].sum() == 80


def test_groups_with_few_events_get_no_numbers(rng):
    a, b, groups = predictions(rng, (1.0, 0.0), n=24)
    table = survive.subgroup_table(a, b, groups, least=13)
    assert table[["difference", "low", "se", "p_interaction"]].isna().all(axis=None)
    assert table["reason"].str.contains("fewer than 13").all()


def test_what_makes_no_table_is_said(rng):
    a, b, groups = predictions(rng, (1.0, 0.0))
    other = b.assign(time=b["time"] + 1)
    for call, said in (
        (lambda: survive.subgroup_table(a, other, groups), "different times or events"),
        (lambda: survive.subgroup_table(pd.concat([a, a]), b, groups), "twice in one repeat"),
        (lambda: survive.subgroup_table(a, b, groups.to_numpy()), "does not say whose"),
        (lambda: survive.subgroup_table(a, b, pd.concat([groups, groups])), "twice"),
        (lambda: survive.subgroup_table(a, b, groups.rename(lambda p: p + "x")), "no patient"),
        (lambda: survive.subgroup_table(a.drop(columns="risk"), b, groups), "risk"),
        (lambda: survive.subgroup_table(a, b.assign(patient=b["patient"] + "x"), groups), "no patient in common"),
    ):
        with pytest.raises(InputError, match=said):
            call()
