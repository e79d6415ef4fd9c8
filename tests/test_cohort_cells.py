"""Cells, codes and conditions that would change a value or leak an outcome in silence."""

import pandas as pd
import pytest
from small_cohort import CLINICAL, TOML, findings, swap, write

from blues.check import InputError
from blues.cohort import read
from blues.cohort.decode import decode
from blues.cohort.findings import quoted
from blues.cohort.schema import Column
from blues.features import design

COPD = 'codes = { "0" = "yes", "1" = "no" }'


@pytest.fixture
def make(tmp_path):
    return lambda **parts: write(tmp_path, **parts)


def column(text, spec, decimal=".", **settings):
    """Decode one column of cells and return its values, and what was odd."""
    spec = Column(**({"role": "blood", "known": "admission", "kind": "continuous"} | spec))
    cells = pd.Series(text, name="x", index=range(2, 2 + len(text)))
    values, met = decode(cells, spec, file="f", decimal=decimal, **settings)
    return values.tolist(), [finding.what for finding in met if finding.kind == "odd"]


@pytest.mark.parametrize("codes", ['{ "0" = 0, "1" = 1 }', '{ "0" = true, "1" = false }', '{ "0" = "a", "1" = "b" }'])
def test_a_nominal_predictor_says_the_same_however_its_codes_are_written(make, codes):
    toml = swap(TOML, COPD, f"codes = {codes}")
    line = next(line for line in toml.splitlines() if line.startswith("copd"))
    cohort = read(make(toml=swap(toml, line, line.replace('"binary"', '"nominal"'))))
    block = design(cohort, "pcr", ["clinical"]).blocks["clinical"].filter(like="copd=")
    assert block.sum().tolist() == [2, 3]
    assert (block.sum(axis=1) == 1).all()


def test_labels_of_codes_and_of_categories_are_all_labels():
    spec = {"kind": "nominal", "codes": {"0": "never"}, "categories": ("never", "2")}
    assert column(["0", "2", "never", "3"], spec)[0][:3] == ["never", "2", "never"]
    assert column(["1,0", "1", "0,5"], {"kind": "nominal"}, decimal=",") == (["1", "1", "0,5"], [])


@pytest.mark.parametrize(
    ("cell", "value", "told"),
    [
        ("<1.000", None, "a point that may part thousands, where the decimal sign is a comma"),
        ("1.000-2.000", None, "a point that may part thousands, where the decimal sign is a comma"),
        ("1.047,5", None, "a point that may part thousands, where the decimal sign is a comma"),
        ("1.5", None, "a point where the decimal sign is a comma"),
        ("<1.5", None, "a point where the decimal sign is a comma"),
        ("1.5.2021", None, "text where a number is expected"),
        ("<1,5", 1.5, "a limit where a number is expected"),
        ("1,5-2,5", 2.0, "a range where a number is expected"),
        ("120-80", None, "two numbers where one is expected"),
        ("1.000", None, "a point that may part thousands, where the decimal sign is a comma"),
    ],
)
def test_a_point_is_never_read_where_the_decimal_sign_is_a_comma(cell, value, told):
    values, odd = column([cell], {"limits_as": "limit", "ranges_as": "midpoint"}, decimal=",")
    assert odd == [told]
    assert values[0] == value if value is not None else pd.isna(values[0])


@pytest.mark.parametrize(
    "words",
    ["ja nein", "Oui Non", "sí no", "si no", "sì no", "sim não", "ja nee", "ja nej", "tak nie", "vrai faux", "J N"],
)
def test_yes_and_no_are_read_in_other_languages(words):
    spec = Column(role="outcome", kind="binary")
    values, met = decode(pd.Series([*words.split(), "so"], name="x", index=[2, 3, 4]), spec, file="f")
    assert values.tolist()[:2] == [1.0, 0.0]
    assert {finding.value for finding in met if finding.what == "word"} == {*words.split()}
    (odd,) = [finding for finding in met if finding.kind == "odd"]
    assert (odd.value, odd.done) == ("so", 'no value (codes = { WORD = "yes", OTHER = "no" } reads words)')


@pytest.mark.parametrize(
    "word",
    ["n.e.", "NE", "N/E", "n?", "nein?", "ja?", "yes?", "(ja)", "no!", "j a", "ne", "ei", "nu", "da", "año", "n-o"],
)
def test_a_word_with_signs_and_short_words_of_many_meanings_are_neither_yes_nor_no(word):
    for kind in ("Ja", "Nein"):
        values, odd = column([kind, word, "1"], {"role": "outcome", "kind": "binary"})
        assert pd.isna(values[1])
        assert odd == ["neither yes nor no (1 or 0)"]


def test_accents_and_blanks_around_do_not_keep_a_word_from_being_read():
    words = ["sí", "si\u0301", " sì ", "NÃO", "na\u0303o"]
    assert column(words, {"role": "outcome", "kind": "binary"}) == ([1, 1, 1, 0, 0], [])


@pytest.mark.parametrize("gap", ["\u00a0", "\u202f", "\u2009", "'", "’"])
def test_digits_in_groups_are_one_number_and_told(gap):
    cells = pd.Series(
        [f"1{gap}047", f"-2{gap}500{gap}000,5", f"<3{gap}000", "12", f"12{gap}80"], name="x", index=range(2, 7)
    )
    spec = Column(role="blood", known="admission", kind="continuous", limits_as="limit")
    values, met = decode(cells, spec, file="f", decimal=",")
    assert values.tolist()[:4] == [1047, -2500000.5, 3000, 12]
    assert pd.isna(values[6])
    (told,) = [finding for finding in met if finding.kind == "decoded"]
    assert (told.what, told.cells, told.done) == (
        f"digits in groups, such as {quoted(cells[2])}",
        3,
        "read as one number",
    )
    assert [finding.value for finding in met if finding.row == 6] == [f"12{gap}80"]


@pytest.mark.parametrize("cell", ["80 120", "80 350", "1 047", "1 047,5", "<2 000", "-1 234 567"])
def test_an_ordinary_blank_never_parts_digits_by_itself(cell):
    settings = {"limits_as": "limit", "ranges_as": "midpoint"}
    for decimal in ".,":
        values, odd = column([cell, "3"], settings, decimal=decimal)
        assert pd.isna(values[0])
        assert odd == ["a blank that may part thousands"]


@pytest.mark.parametrize("cell", ["80\t120", "80\n120", "80  120", "120 80"])
def test_other_gaps_between_digits_make_text(cell):
    values, odd = column([cell, "3"], {})
    assert pd.isna(values[0])
    assert odd == ["text where a number is expected"]


def test_a_code_for_missing_is_one_however_its_digits_are_grouped():
    assert pd.isna(column(["9'999", "9999", "3"], {"missing": [9999]})[0][:2]).all()
    assert column(["9\u00a0999", "9999", "3"], {"missing": [9999]})[1] == []
    assert pd.isna(column(["9 999", "3"], {"missing": ["9 999"]})[0][0])
    assert column(["1 000", "2 000"], {"kind": "nominal"})[0] == ["1 000", "2 000"]


@pytest.mark.parametrize(("cell", "decimal"), [("1.047", ","), ("1,047", "."), ("1,234,567", "."), ("<1,000", ".")])
def test_signs_that_may_part_thousands_are_told_apart_from_other_text(cell, decimal):
    other = "," if decimal == "." else "."
    cells = pd.Series([cell, "high"], name="x", index=[2, 3])
    values, met = decode(cells, Column(role="outcome", kind="continuous"), file="f", decimal=decimal)
    assert values.isna().all()
    assert "may part thousands" in met[0].what
    assert met[0].done == f"no value (take {other!r} out of such numbers in the table)"
    assert met[1].what == "text where a number is expected"


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ('column = "pcr", equals = ["no"]', "filled in by 'pcr', whose role is target"),
        ('column = "icu_hours", above = 1', "filled in by 'icu_hours', whose role is outcome"),
        ('column = "crp", below_column = "icu_hours"', "filled in by 'icu_hours'"),
        (
            'column = "ward_number", known = true',
            "filled in by 'ward_number', whose role is excluded and which does not say when it is known",
        ),
        ('column = "age", at_least = 50', None),
    ],
)
def test_a_blank_that_the_outcome_fills_in_predicts_nothing(make, when, reason):
    line = next(line for line in TOML.splitlines() if line.startswith("litres"))
    filled = swap(line, "blank = 0", f"blank = {{ value = 0, when = {{ {when} }} }}").replace(
        'contingent = "oxygen", ', ""
    )
    why = read(make(toml=swap(TOML, line, filled))).dictionary.refusal("litres", "pcr")
    assert (why is None) if reason is None else (reason in why)


def test_what_fills_in_a_blank_brings_its_own_refusal(make):
    toml = swap(
        TOML, "range = [0, 120]", 'range = [0, 120], blank = { value = 5, when = { column = "litres", above = 3 } }'
    )
    dictionary = read(make(toml=toml)).dictionary
    assert "filled in by 'litres'" in dictionary.refusal("age", "pcr")
    assert dictionary.refusal("age", "pcr", opt_in={"oxygen"}) is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "blank = 0",
            'blank = { value = 0, when = { column = "id", known = true } }',
            "'id', which names the patients",
        ),
        ("blank = 0", 'blank = { value = 0, when = { column = "age", below_column = "id" } }', "'id', which names"),
        (
            "blank = 0",
            'blank = { value = 0, when = { column = "age", below_column = "status" } }',
            "'status' is nominal",
        ),
        ("any = [", "any = []\nrefuse = { age = 'x' }\n#", "any lists nothing"),
        ('events = ["yes"]', "events = []", "events lists nothing"),
        ("range = [0, 120]", "range = [nan, 120]", r"columns.age.range.0: must be a finite number \(got nan\)"),
        (
            "missing = [-99]",
            "missing = -99",
            r"columns.crp.missing: must be a list between brackets, even of one \(got -99\)",
        ),
        ('column = "pcr"\nevents', 'column = "id"\nevents', "'id', which names the patients"),
        ("[columns]", "[[checks]]\nsays = 'x'\nall = []\n[columns]", "all lists no condition"),
    ],
)
def test_conditions_that_cannot_be_tested_are_refused(make, old, new, message):
    with pytest.raises(InputError, match=message):
        read(make(toml=swap(TOML, old, new)))


def test_a_count_of_clips_is_a_number(make):
    toml = swap(TOML, "[clips]\n", '[clips]\ncount_column = "status"\n')
    with pytest.raises(InputError, match=r"count_column is 'status', which is nominal: no count"):
        read(make(toml=toml))


def test_a_row_met_before_is_left_out_however_its_id_is_written(make):
    toml = swap(TOML, "[files]\n", '[files]\nrepeated_rows = "leave out"\n')
    cohort = read(make(toml=toml, clinical=CLINICAL + "01,1,60,0,3,,1,,a\n3.0,1,55,1,9.5,5,0,30,b\n"))
    assert len(cohort.patients) == 5
    assert findings(cohort, what="met in an earlier row already")["row"].tolist() == [7, 8]


def test_a_row_of_totals_and_an_event_of_nobody_are_told(make):
    toml = swap(swap(TOML, 'id_kind = "integer"', 'id_kind = "text"'), 'events = ["yes"]', 'events = ["ICU"]')
    toml = swap(toml, 'column = "pcr"', 'column = "status"')
    clinical = CLINICAL.replace("03,1,55,1,9.5,5,0,30,b", "3,1,55,1,9.5,5,1,30,b") + "Total,,60,,31,,,,\n"
    cohort = read(make(toml=toml, clinical=clinical))
    assert findings(cohort, what="reads like a row of totals")["row"].tolist() == [7]
    assert findings(cohort, what="no patient has an event of pcr")["value"].tolist() == ["ICU"]


def test_an_excluded_column_that_is_known_in_time_may_fill_in_blanks(make):
    line = next(line for line in TOML.splitlines() if line.startswith("litres"))
    toml = swap(
        TOML, line, swap(line, "blank = 0", 'blank = { value = 0, when = { column = "ward_number", known = true } }')
    )
    for known, allowed in (("admission", True), ("discharge", False)):
        told = swap(toml, 'ward_number = { role = "excluded"', f'ward_number = {{ role = "excluded", known = "{known}"')
        why = read(make(toml=told)).dictionary.refusal("litres", "pcr", opt_in={"oxygen"})
        assert (why is None) == allowed, why
