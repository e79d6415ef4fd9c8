"""Guessing from clips' names which part is the patient, where they hold dates or numbered zones."""

import re

import pytest

from blues.cohort.pattern import guess_pattern

IDS = [f"P{i:03d}" for i in range(1, 25)]
NUMBERS = [str(i) for i in range(1, 25)]


@pytest.mark.parametrize(
    ("form", "ids", "reads"),
    [
        ("{date}/{id}/{point}", IDS, None),
        ("{id}_{date}_{point}", IDS, None),
        ("{digits}_{point}_{id}", NUMBERS, None),
        ("{digits}_123045_{id}_{point}", IDS, None),
        ("{day} {id} {point}", IDS, None),
        ("2020-04/{id}_{point}", IDS, None),
        ("{year}/{id}_{point}", IDS, None),
        ("{id}_{point}_{date}", IDS, None),
    ],
)
def test_a_date_in_a_name_is_no_take(form, ids, reads):
    names = []
    for i, one in enumerate(ids):
        n = f"{i % 28 + 1:02d}"
        date = {"date": f"2020-04-{n}", "digits": f"202004{n}", "day": f"{n}.04.2020", "year": 2019 + i % 3}
        names += [form.format(id=one, point=point, **date) for point in ("R1", "L1")]
    guess = guess_pattern(names, ids, "integer" if ids is NUMBERS else "text")
    assert (guess.read, guess.points, guess.doubt) == (48, ("L1", "R1"), "")
    match = re.fullmatch(guess.pattern, names[0])
    assert (match["patient"], match["point"], match.groupdict().get("take")) == (ids[0], "R1", reads)


def test_retakes_beside_dates_are_read(tmp_path):
    names = [
        f"2020-04-{i + 1:02d}/{one}/{point}" for i, one in enumerate(IDS) for point in ("R1", "L1", "L1_2")[: 2 + i % 2]
    ]
    guess = guess_pattern(names, IDS, "text")
    assert guess.read == len(names)
    assert re.fullmatch(guess.pattern, "2020-04-02/P002/L1_2")["take"] == "2"


def test_ids_that_look_like_dates_stay_ids():
    ids = [str(20200401 + i) for i in range(20)]
    guess = guess_pattern([f"{one}_{point}" for one in ids for point in ("R1", "L1")], ids, "integer")
    assert guess.pattern == r"(?P<patient>\d+)_(?P<point>L1|R1)"


@pytest.mark.parametrize(
    ("form", "points", "asked"),
    [
        ("zone{point}_{id}", 6, False),
        ("R{point}_P{id}", 6, False),
        ("LUS_{point}_{id}", 12, True),
        ("{id}_{point}", 6, True),
        ("P{id}-Z{point}", 6, False),
    ],
)
def test_zones_are_no_patients_where_both_are_numbers(form, points, asked):
    names = [form.format(id=one, point=point) for one in range(1, 7) for point in range(1, points + 1)]
    guess = guess_pattern(names, NUMBERS[:6], "integer")
    assert (guess.read, len(guess.points)) == (len(names), points)
    match = re.fullmatch(guess.pattern, form.format(id=5, point=2))
    assert (match["patient"], match["point"][-1]) == ("5", "2")
    assert bool(guess.doubt) == asked


def test_two_visits_that_only_a_date_with_signs_tells_apart_are_asked_about():
    names = [f"{one}_{visit}" for one in IDS for visit in ("2020-04-30_R1", "2020-05-02_R1", "2020-04-30_L1")]
    guess = guess_pattern(names, IDS, "text")
    assert "take" not in re.compile(guess.pattern).groupindex
    assert "one take cannot have two clips" in guess.doubt
