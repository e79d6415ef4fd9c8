"""One person under two ids is told: by clips that are the same file, by values that nearly all agree."""

import numpy as np
import pandas as pd
import pytest

import blues.cohort
from blues.cohort.persons import Pair, alike, fine_values, same_clips
from blues.features import design
from blues.fuse.notes import cohort_notes

HEAD = """name = "made"
licence = "x"
citation = "x"
[files]
patients = "p.csv"
{files}
[patients]
id = "pid"
id_kind = "integer"
[targets.y]
label = "y"
kind = "binary"
level = "patient"
moment = "admission"
contingent = "opt-in"
column = "y"
events = [1]
{clips}
[columns.pid]
role = "identifier"
known = "admission"
kind = "nominal"
[columns.y]
role = "target"
known = "discharge"
kind = "binary"
codes = {{"1"="yes","0"="no"}}
"""
CLIPS = '[clips]\npattern = "(?P<patient>\\\\d+)_(?P<point>[LR]\\\\d)"\n'


def noise(patients=40, columns=8, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(np.round(rng.normal(size=(patients, columns)), 3)).add_prefix("c")
    table.insert(0, "pid", np.arange(1, patients + 1))
    table.insert(1, "y", np.arange(patients) % 2)
    return table


def cohort_of(folder, table, clips=None):
    folder.mkdir()
    table.to_csv(folder / "p.csv", index=False)
    text = HEAD.format(files='clips = "videos"' if clips else "", clips=CLIPS if clips else "")
    for name in table.columns[2:]:
        text += f'[columns.{name}]\nrole = "clinical"\nknown = "admission"\nkind = "continuous"\n'
    (folder / "cohort.toml").write_text(text)
    for name, content in (clips or {}).items():
        (folder / "videos").mkdir(exist_ok=True)
        (folder / "videos" / f"{name}.mp4").write_bytes(content)
    return blues.cohort.read(folder)


def told(cohort):
    return cohort.findings.loc[cohort.findings["what"].str.endswith("one person under two ids?"), "what"].tolist()


def test_patients_listed_twice_are_told_on_reading_and_by_a_run(tmp_path):
    once = noise()
    again = once.assign(pid=once["pid"] + 100, c3=once["c3"] + 1)
    cohort = cohort_of(tmp_path / "a", pd.concat([once, again]))
    (said,) = told(cohort)
    assert said.startswith(
        "40 pairs of patients with nearly all fine values equal (1 and 101: 7 of 8, 2 and 102: 7 of 8, "
    )
    (note,) = cohort_notes(design(cohort, "y", ["clinical"]))
    assert note["level"] == "warning"
    assert "40 pairs of patients" in note["text"]
    assert not told(cohort_of(tmp_path / "b", once))


def test_a_clip_under_two_patients_is_told(tmp_path):
    rng = np.random.default_rng(0)
    clips = {f"{pid}_L{k}": rng.bytes(3000) for pid in range(1, 41) for k in (1, 2)}
    assert not told(cohort_of(tmp_path / "a", noise(), clips))
    again = clips | {"7_L1": clips["3_L1"], "7_L2": clips["3_L2"], "9_L2": clips["9_L1"]}
    assert told(cohort_of(tmp_path / "b", noise(), again)) == [
        "1 pair of patients with the same clips, byte for byte (3 and 7: 2): one person under two ids?"
    ]
    assert not told(cohort_of(tmp_path / "c", noise(), dict.fromkeys(clips, b"no clip, a mark of one")))


def test_every_pair_of_patients_with_one_clip_is_told_of_many_each_with_the_first(tmp_path):
    (tmp_path / "one.mp4").write_bytes(bytes(2000))

    def pairs(*patients):
        owned = [pd.DataFrame({"patient": map(str, of), "path": "one.mp4", "bytes": 2000}) for of in patients]
        return same_clips([(tmp_path, clips) for clips in owned])

    assert pairs(range(1, 4)) == [Pair("1", "2", 1, 0), Pair("1", "3", 1, 0), Pair("2", "3", 1, 0)]
    assert len(pairs(range(10))) == 45
    assert [(pair.first, pair.second) for pair in pairs(range(11))] == [("0", str(i)) for i in range(1, 11)]
    assert pairs((1, 2), (7, 8)) == [Pair(a, b, 1, 0) for a in "12" for b in "78"]
    assert [(pair.first, pair.second) for pair in pairs(range(20), (7, 8))] == [("0", "7"), ("0", "8")]


@pytest.mark.parametrize(
    ("columns", "levels"),
    [(4, 1000), (30, 3), (12, 10), (6, 15)],  # too few columns, no fine ones, coarse ones
)
def test_chance_alone_makes_no_pair(columns, levels):
    for seed in range(20):
        table = pd.DataFrame(np.random.default_rng(seed).integers(0, levels, (300, columns)))
        assert not alike([table])


def test_rows_that_are_like_many_others_are_no_person_twice():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.integers(0, 1000, (200, 10)) * 1.0, index=[str(i) for i in range(200)])
    imputed = table.copy()
    imputed.iloc[:8] = np.median(table, axis=0)
    imputed.iloc[:8, 0] = rng.integers(0, 1000, 8)
    assert not alike([imputed])
    imputed.loc["120":"160"] = table.loc["20":"60"].to_numpy()  # then most pairs are of two, and these alone are told
    imputed.loc["120"] = imputed.loc["61"]
    assert {(p.first, p.second) for p in alike([imputed])} >= {("61", "120"), ("30", "130")}
    assert not {p.first for p in alike([imputed])} & {str(i) for i in range(8)}


@pytest.mark.parametrize("rows", [8, 40])
def test_rows_of_a_default_hide_no_person_who_is_there_twice(rows):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.integers(0, 1000, (200, 10)) * 1.0, index=[str(i) for i in range(200)])
    table.iloc[:rows] = np.median(table, axis=0)
    table.iloc[:rows, 0] = rng.integers(0, 1000, rows)
    assert not alike([table])
    table.loc["150"] = table.loc["100"]
    assert [(p.first, p.second) for p in alike([table])] == [("100", "150")]


def test_patients_who_share_what_all_columns_are_made_from_are_no_person_twice():
    """About as many share both measurements as three at random: pairs, threes, fours and more, and all columns follow."""
    for seed in range(5):
        one, two = np.random.default_rng(seed).integers(1, 15, (2, 600))
        made = {f"c{k}": one * (k + 1) + two * (6 - k) + 0.01 * one * two * k for k in range(6)}
        assert not alike([pd.DataFrame(made)])


def test_rows_are_held_against_the_third_that_follows():
    """Two rows lie next but two in every order, behind others that share the columns it begins with."""
    table = pd.DataFrame(np.random.default_rng(0).integers(0, 1000, (60, 10)), [str(i) for i in range(60)])
    table.loc["40"] = table.loc["10"]
    for start, differs, between in ((1, 5, ("20", "21")), (6, 0, ("22", "23"))):
        table.loc[list(between), range(start, start + 4)] = table.loc["10", range(start, start + 4)].to_numpy()
        table.loc["10", differs], table.loc[list(between), differs], table.loc["40", differs] = 100, 500, 900
    assert [(p.first, p.second) for p in alike([table])] == [("10", "40")]


def test_a_column_that_another_turns_round_counts_once():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.permutation(60) for name in "abc"}, index=[str(i) for i in range(60)])
    table.loc["7"] = table.loc["3"]
    turned = table.assign(**{f"{name} from the end": 100 - table[name] for name in "abc"})
    assert fine_values(turned).shape[1] == 3
    assert not alike([turned])


def test_columns_that_tell_the_same_count_once():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.permutation(60) for name in "ab"}, index=[str(i) for i in range(60)])
    table.loc["7"] = table.loc["3"]
    several = table.assign(**{f"{name}{k}": table[name] * k for name in "ab" for k in (2, 3, -1)})
    assert not alike([several])


def test_five_thousand_patients_are_looked_through_by_their_neighbours_alone():
    rng = np.random.default_rng(0)
    once = pd.DataFrame(rng.integers(0, 60, (2500, 40)))
    again = once.mask(rng.random(once.shape) < 0.1, -1)
    pairs = alike([pd.concat([once, again.set_axis([f"x{i}" for i in range(2500)])])])
    assert len(pairs) > 2400
    assert all(pair.second == f"x{pair.first}" for pair in pairs)
