"""Guessing from clips' names what is the point, and doubting what may not be the patient."""

import re
import tomllib

import pytest
from test_cohort_outside import clips, decided, line_of, table

from blues.cohort import draft
from blues.cohort.pattern import guess_pattern

IDS = [f"P{i}" for i in range(1, 13)]
NUMBERS = [str(i) for i in range(1, 13)]


def named(form, **fields):
    """Return names of all patients' clips, ``{other}`` being one of two words for each patient."""
    names = [
        form.format(p=p, other=("covid", "healthy")[i % 2], x=x, y=y)
        for i, p in enumerate(IDS)
        for x in fields.get("x", [""])
        for y in fields.get("y", [""])
    ]
    return list(dict.fromkeys(names))


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("{other}_{p}_{x}", {"x": ["R1", "L1", "R2"]}),
        ("{other}/{p}_{x}", {"x": ["R1", "L1"]}),
        ("{p}_{other}_{x}", {"x": ["right", "left"]}),
        ("{p}_{x}_{other}", {"x": ["vent", "dors"]}),
    ],
)
def test_a_diagnosis_or_a_ward_is_no_point(form, fields):
    guess = guess_pattern(named(form, **fields), IDS, "text")
    assert set(guess.points) == set(fields["x"])
    assert guess.doubt == ""


@pytest.mark.parametrize("sign", ["_", "/", "-"])
@pytest.mark.parametrize("take", ["", "_1"])
def test_words_that_tell_clips_apart_together_are_one_point(tmp_path, sign, take):
    names = [one + take for one in named(f"{{p}}{sign}{{x}}{sign}{{y}}", x=["rechts", "links"], y=["oben", "unten"])]
    table(tmp_path / "p.csv", ["patient", "age"], [[one, 40 + i] for i, one in enumerate(IDS)])
    clips(tmp_path / "clips", [f"{one}.npy" for one in names])
    text = draft(tmp_path)
    assert tomllib.loads(text)["clips"]["points"] == [
        f"{side}{sign}{height}" for side in ("links", "rechts") for height in ("oben", "unten")
    ]
    assert len(decided(tmp_path, text).clips) == 48


@pytest.mark.parametrize(
    "form", ["visit{y}/{p}_{x}", "run{y}/{p}_{x}", "lus{y}_{p}_{x}", "{p}_d{y}_{x}", "{p}_{x}_{y}w"]
)
def test_visits_are_no_points_and_are_asked_about(tmp_path, form):
    table(tmp_path / "p.csv", ["patient", "age"], [[one, 40 + i] for i, one in enumerate(IDS)])
    clips(tmp_path / "clips", [f"{one}.npy" for one in named(form, x=["R1", "L1", "R2"], y=[1, 7])])
    text = draft(tmp_path)
    assert tomllib.loads(text)["clips"]["points"] == ["L1", "R1", "R2"]
    assert "are read as the same take, and one take cannot have two clips" in line_of(text, "pattern = ")


@pytest.mark.parametrize(
    ("form", "doubt"),
    [
        ("case_{big}/scan_{n}", "could part 2 of names such as 'case_112/scan_12' be the patient?"),
        ("case{big}/scan{n}", "could part 1 of names such as 'case112/scan12' be the patient?"),
        ("{big}_{n}", "could part 1 of names such as '112_12' be the patient?"),
        ("patient_{n}_{big}", ""),
        ("{n}_{big}", ""),
    ],
)
def test_numbers_of_clips_are_doubted_where_others_may_be_the_patients(form, doubt):
    names = [form.format(big=100 + i, n=k) for i in range(1, 13) for k in range(1, 13)]
    guess = guess_pattern(names, NUMBERS, "integer")
    assert guess.doubt == doubt


def test_numbers_well_beyond_the_ids_are_doubted():
    names = [f"img_{i:02d}" for i in range(1, 25)]
    told = "12 of 24 patients so read, such as '13', are not in the table"
    assert guess_pattern(names, NUMBERS, "integer").doubt.startswith(told)
    assert guess_pattern(names[:14], NUMBERS, "integer").doubt == ""
    assert re.fullmatch(guess_pattern(names, NUMBERS, "integer").pattern, "img_03")["patient"] == "03"
