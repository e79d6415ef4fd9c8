"""One person under two ids is told: by clips that are the same file, by values that nearly all agree."""

import numpy as np
import pandas as pd
import pytest

import blues.cohort
from blues.cohort.persons import alike
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
