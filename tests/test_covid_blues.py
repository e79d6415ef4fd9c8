"""The shipped dictionary of COVID-BLUES against facts computed from its files by other means."""

import csv
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from blues.cohort import card, draft, missingness, read, read_dictionary, render, table_one
from blues.cohort.targets import pooled_rating
from blues.report.privacy import Privacy

DAYS = [f"outcome_status_d{day}" for day in (0, 1, 3, 5, 7, 30)]
CONSTANT = [
    "patient_symp#Wheezing",
    "patient_symp#Skin_rash",
    "patient_symp#Lymphadenopathy",
    "patient_symp#Earache",
    "oth_comorbidities#Liver_disease",
    "applying_pulm_dis#Tuberculosis",
    "applying_pulm_dis#Pneumothorax",
    "applying_pulm_dis#Diffuse_Parenchymal_Lung_Disease",
    "applying_pulm_dis#Cystic_fibrosis",
    "incl_crit#congestion",
]


@pytest.fixture(scope="module")
def cohort(real_cohort_folder):
    return read(real_cohort_folder)


@pytest.fixture(scope="module")
def raw(real_cohort_folder):
    """Give the clinical table as text by patient, read without blues."""
    with (real_cohort_folder / "clinical_variables.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return pd.DataFrame(rows).set_index("patient_id")


def cells(cohort, **where):
    found = cohort.findings
    for column, value in where.items():
        found = found[found[column] == value]
    return found.set_index("column")["cells"].to_dict()


def told(cohort, says):
    found = cohort.findings[cohort.findings["what"].str.startswith(says)]
    assert len(found) == 1
    return found["what"].item().split("patient")[-1].lstrip("s ").rstrip(")").split(", ")


# ------------------------------------------------------------------------ the dictionary alone needs no data
def test_every_patient_that_a_note_names_is_told_as_one():
    """A pseudonym replaces the number after the word "patient" and no other."""
    dictionary = read_dictionary("covid_blues")
    guard = Privacy(names={str(n): f"P{n}" for n in range(1, 64)})
    note = guard.text(dictionary.targets["death"].note)
    assert "P8 and P62 died" in note
    assert not re.search(r"\b(8|57|62)\b", note)


def test_the_dictionary_lists_127_columns_by_role():
    dictionary = read_dictionary("covid_blues")
    assert len(dictionary.columns) == 127
    assert {
        role: len(dictionary.block(role)) for role in ("identifier", "target", "clinical", "blood", "leak", "outcome")
    } == {
        "identifier": 1,
        "target": 1,
        "clinical": 59,
        "blood": 12,
        "leak": 8,
        "outcome": 22,
    }
    groups = [dictionary.columns[name].group for name in dictionary.block("blood")]
    assert [groups.count(group) for group in ("Blood count", "Blood chemistry", "Blood gas")] == [5, 2, 5]
    assert {"Rh_factor", "Blood_type", "C19_vacc", *CONSTANT} <= set(dictionary.block("excluded"))
    assert all(dictionary.columns[name].note for name in dictionary.block("excluded") + dictionary.block("leak"))


def test_what_may_predict_the_pcr():
    dictionary = read_dictionary("covid_blues")
    for leak in ("PCR_CT", "clin_diagn#COVID19_pneumonia", "test_meth_covid#PCR_normal", "cov_test", "patient_id"):
        assert dictionary.refusal(leak, "pcr")
    assert all(dictionary.refusal(name, "pcr") for name in [*DAYS, "los_totaladmission", "number_video_files"])
    oxygen = [name for name, column in dictionary.columns.items() if column.contingent == "oxygen"]
    assert sorted(oxygen) == [
        "application_method#mask",
        "application_method#other",
        "oxygen_liter",
        "oxygen_saturation_with_ox",
        "vent_dep#Yes",
    ]
    for name in oxygen:
        assert dictionary.refusal(name, "pcr")
        assert dictionary.refusal(name, "pcr", {"oxygen"}) is None
        for target in ("severity", "oxygen", "icu_or_death"):
            assert dictionary.refusal(name, target, {"oxygen"})
    allowed = [name for name in dictionary.columns if dictionary.refusal(name, "pcr") is None]
    assert len(allowed) == 59 + 12 - 5
    assert dictionary.refusal("severity", "pcr") is None
    assert dictionary.refusal("b_lines", "severity_clip")


# ---------------------------------------------------------------------------------------------------- reading
@pytest.mark.real
def test_patients_clips_and_points(cohort):
    assert list(cohort.patients.index) == [str(i) for i in range(1, 64)]
    assert cohort.patients.shape == (63, 126)
    assert len(cohort.clips) == 362
    points = cohort.clips.groupby("patient")["point"].nunique()
    assert (points == 6).sum() == 49
    assert points[points < 6].to_dict() == points[points < 6].to_dict() | {"32": 1, "20": 2, "13": 3, "41": 3, "21": 4}
    retakes = cohort.clips[cohort.clips["take"] == 2]
    assert len(retakes) == 11
    lone = cohort.findings[cohort.findings["what"] == "take 2 without a take 1"]
    assert lone["value"].tolist() == ["patient_53_R1_2"]
    assert cohort.patients["number_video_files"].between(1, 7).all()
    on_disk = cohort.clips["patient"].value_counts()
    assert (cohort.patients["number_video_files"] == on_disk[cohort.patients.index]).all()
    assert not len(cohort.findings[(cohort.findings["kind"] == "left out") & (cohort.findings["column"] != "comments")])


@pytest.mark.real
def test_the_ragged_explanations_agree_with_all_127_columns(cohort, real_cohort_folder):
    assert cohort.findings[cohort.findings["file"] == "variable_explanations.csv"].empty
    with pytest.raises(pd.errors.ParserError):
        pd.read_csv(real_cohort_folder / "variable_explanations.csv")


@pytest.mark.real
def test_minus_99_is_missing_in_33_cells(cohort, raw):
    found = cells(cohort, kind="missing", value="-99")
    assert found == {
        "respiratory_rate": 6,
        "pulse": 2,
        "body_temperature": 2,
        "pat_height": 1,
        "smok_packy_packd": 2,
        "oxygen_saturation_without_ox": 7,
        "oxygen_saturation_with_ox": 7,
        "trombocytes_find": 1,
        "PCR_CT": 5,
    }
    assert sum(found.values()) == 33 == raw.isin(["-99", "-99.0"]).sum().sum()
    means = cohort.patients[["respiratory_rate", "oxygen_saturation_without_ox", "PCR_CT"]].mean().round(1)
    assert means.tolist() == [21.0, 92.6, 25.4]
    numbers = cohort.patients.select_dtypes(float)
    assert not numbers.isin([-99, -96]).any(axis=None)


@pytest.mark.real
def test_minus_96_is_not_applicable_in_21_cells(cohort):
    assert cells(cohort, kind="not applicable", value="-96") == {"oxygen_saturation_with_ox": 21}
    table = missingness(cohort).set_index("column")
    assert table.loc["oxygen_saturation_with_ox", ["absent", "not_applicable"]].tolist() == [28, 21]
    room_air = cohort.patients["vent_dep#No"] == 1
    assert room_air.sum() == 32
    assert cohort.patients.loc[room_air, "oxygen_saturation_with_ox"].notna().sum() == 4
    assert told(cohort, "SpO2 with oxygen given though no oxygen was") == ["18", "27", "35", "43"]


@pytest.mark.real
def test_the_one_range_is_told_with_its_cell(cohort):
    row = cohort.findings[cohort.findings["value"] == "90-92"]
    assert row[["file", "row", "column", "kind"]].values.tolist() == [
        ["clinical_variables.csv", 19, "oxygen_saturation_with_ox", "odd"]
    ]
    assert cohort.patients.loc["36", "oxygen_saturation_with_ox"] == 91


@pytest.mark.real
def test_base_excess_keeps_its_negative_half(cohort):
    excess = cohort.patients["excess_find"]
    assert (excess.notna().sum(), (excess < 0).sum()) == (50, 25)


@pytest.mark.real
def test_blanks_have_their_meaning(cohort, raw):
    patients = cohort.patients
    never = patients["dx_his_smoke"] == "never"
    assert never.sum() == 30
    for column, unknown in (("smok_years", 4), ("smok_packy_packd", 10)):
        assert (patients.loc[never, column] == 0).all()
        assert patients[column].isna().sum() == unknown
    assert (patients.loc[patients["vent_dep#No"] == 1, "oxygen_liter"] == 0).all()
    assert patients["oxygen_liter"].notna().all()
    gas = cohort.dictionary.block("blood")[-5:]
    assert (patients[gas].isna().sum(axis=1).value_counts().to_dict()) == {0: 50, 5: 13}
    assert missingness(cohort).set_index("column").loc[gas, "pattern"].nunique() == 1
    assert (raw["PCR_CT"] == "").sum() == 30
    told_blanks = cohort.findings[(cohort.findings["value"] == "") & cohort.findings["what"].str.startswith("blank")]
    assert told_blanks["cells"].sum() == (raw == "").sum().sum(), "every blank cell is told, once"


@pytest.mark.real
def test_absence_tells_of_the_outcome(cohort, raw):
    table = missingness(cohort, "pcr").set_index("column")
    assert table.loc["PCR_CT", "p_value"] == pytest.approx(6e-13, rel=0.05)
    assert table.loc["Rh_factor", "p_value"] == pytest.approx(0.011, abs=5e-4)
    assert table.loc["Blood_type", "pattern"] == table.loc["Rh_factor", "pattern"]
    positive = raw["cov_test"] == "1"
    assert (raw.loc[~positive, "PCR_CT"] == "").all()
    assert not (raw.loc[positive, "PCR_CT"] == "").any()
    for column, p in (("smok_years", 0.002), ("oxygen_liter", 0.001)):
        counts = pd.crosstab(raw[column] == "", positive)
        assert stats.fisher_exact(counts).pvalue == pytest.approx(p, abs=6e-4)


# ------------------------------------------------------------------------------------ inverse and opaque codes
@pytest.mark.real
@pytest.mark.parametrize(
    ("column", "yes", "no", "proof"),
    [
        ("hist_pulm_dis", 27, 36, "applying_pulm_dis#"),
        ("oxygen_thepary", 44, 19, "oxygen_application_method_1#"),
        ("oxygen_thepary_2", 13, 31, "oxygen_application_method_2#"),
        ("stay_genward", 48, 15, "los_gw"),
        ("stay_icu", 3, 11, "los_ICU"),
        ("ward_transfer_1", 9, 54, "Transfer_1_to"),
        ("stay_mcu", 1, 14, None),
    ],
)
def test_inverse_codes(cohort, column, yes, no, proof):
    values = cohort.patients[column]
    assert ((values == 1).sum(), (values == 0).sum()) == (yes, no)
    if proof is None:
        assert values.index[values == 1].tolist() == ["59"]
    elif proof.endswith("#"):
        any_ticked = (cohort.patients[[c for c in cohort.patients if c.startswith(proof)]] == 1).any(axis=1)
        assert (any_ticked == (values == 1)).all()
    else:
        assert (cohort.patients[proof].notna() == (values == 1)).all()


@pytest.mark.real
def test_straight_codes_and_complements(cohort):
    patients = cohort.patients
    assert patients["cov_test"].sum() == 33
    assert patients["pat_sex"].sum() == 41
    assert (patients["clin_diagn#COVID19_pneumonia"] == patients["cov_test"]).all()
    for a, b in (
        ("vent_dep#Yes", "vent_dep#No"),
        ("emerg_case#Yes", "emerg_case#No"),
        ("test_meth_covid#PCR_normal", "test_meth_covid#PCR_rapid_test"),
    ):
        assert (patients[a] + patients[b] == 1).all()
    others = [c for c in patients if c.startswith("oth_comorbidities#") and "None" not in c]
    assert ((patients[others].sum(axis=1) == 0) == (patients["oth_comorbidities#None_of_the_above"] == 1)).all()
    assert all(patients[column].nunique() == 1 for column in CONSTANT)
    clinical = cohort.dictionary.block("clinical")
    assert patients[clinical].nunique().min() == 2, "no constant column may predict"
    normal, rapid = (patients["cov_test"][patients[f"test_meth_covid#PCR_{w}"] == 1] for w in ("normal", "rapid_test"))
    assert (normal.sum(), len(normal), rapid.sum(), len(rapid)) == (12, 14, 21, 49)


@pytest.mark.real
def test_opaque_codes(cohort):
    patients = cohort.patients
    assert patients.index[patients["discharge_to"] == "3"].tolist() == ["19", "57"]
    assert patients.index[patients["Transfer_1_to"] == "0"].tolist() == ["22", "33", "36", "59"]
    assert patients.index[patients["Transfer_1_to"] == "2"].tolist() == ["19", "35", "38", "45", "60"]
    assert patients["C19_vacc"].value_counts().to_dict() == {"1": 7, "0": 4, "2": 2}
    assert patients["Rh_factor"].value_counts(normalize=True)["1"] == pytest.approx(0.8)


@pytest.mark.real
def test_broken_values_are_told_and_true_extremes_kept(cohort):
    assert told(cohort, "obesity not noted") == sorted(["37", "59", "63", "15", "28", "20", "49", "38", "35"], key=int)
    assert (cohort.patients["pat_bmi"] >= 30).sum() == 21
    assert len(told(cohort, "fever noted with a temperature")) == 8
    assert told(cohort, "SpO2 lower with oxygen") == ["6", "9", "14"]
    assert told(cohort, "more than two weeks on the ward") == ["28"]
    assert told(cohort, "a length of stay though never admitted") == ["55"]
    assert cohort.patients.loc["51", ["leucocytes_find", "lymphocytes"]].tolist() == [80.4, 94]
    assert cohort.patients["pat_weight"].max() == 160
    assert (cohort.patients["sys_bp"].min(), cohort.patients["dias_bp"].min()) == (70, 30)
    assert cohort.patients.loc["27", "dur_symp"] == 30
    assert np.isnan(cohort.patients.loc["13", "duration_oxy"])
    odd = cohort.findings[(cohort.findings["kind"] == "odd") & cohort.findings["row"].notna()]
    assert odd["value"].tolist() == ["90-92", "210.0", "368.0"], "these three cells and no others are odd"
    height, weight = cohort.patients["pat_height"] / 100, cohort.patients["pat_weight"]
    assert (cohort.patients["pat_bmi"] - weight / height**2).abs().max() < 0.2
    by_share = cohort.patients["lymphocytes"] * cohort.patients["leucocytes_find"] / 100
    off = (by_share - cohort.patients["absolute_lymphocytes"]).abs()
    assert set(off.nlargest(4).index) == {"23", "33", "52", "55"}


# ------------------------------------------------------------------------------------------------------ ratings
@pytest.mark.real
def test_trailing_blanks_are_stripped_and_told(cohort):
    found = cohort.findings[cohort.findings["what"] == "blanks around a value"]
    assert found[["column", "value", "cells"]].values.tolist() == [["B-lines", "no ", 2], ["B-lines", "yes ", 4]]
    seen = cohort.ratings.pivot(index="clip", columns="item", values="rating")
    assert len(seen) == 362
    assert seen.notna().all(axis=None)
    assert seen["severity"].value_counts().sort_index().tolist() == [120, 111, 83, 48]
    assert cohort.ratings["rater"].unique().tolist() == ["consensus"]


@pytest.mark.real
def test_scores_contradict_their_definition_as_noted(cohort):
    seen = cohort.ratings.pivot(index="clip", columns="item", values="rating")
    b, a, s = seen["b_lines"] == 1, seen["a_lines"] == 1, seen["severity"]
    assert [(b & (s == 0)).sum(), (~a & (s == 0)).sum(), (~b & (s >= 2)).sum(), (a & (s == 3)).sum()] == [
        47,
        26,
        34,
        15,
    ]
    assert (s >= 2).sum() == 131


@pytest.mark.real
def test_retakes_are_no_duplicates(cohort):
    rating = pooled_rating(cohort.ratings, "severity")
    table = cohort.clips.join(rating).pivot(index=["patient", "point"], columns="take", values="rating").dropna()
    apart = table[(table[2] - table[1]).abs() >= 2]
    assert len(table) == 10
    assert {key: (row[1], row[2]) for key, row in apart.iterrows()} == {
        ("34", "L1"): (1, 3),
        ("60", "L1"): (0, 3),
        ("61", "R2"): (0, 3),
        ("29", "R3"): (1, 3),
    }


# ------------------------------------------------------------------------------------------------------ targets
@pytest.mark.real
def test_targets(cohort):
    pcr = cohort.target("pcr")
    assert (pcr.sum(), (pcr == 0).sum()) == (33, 30)
    icu = cohort.target("icu")
    assert icu.index[icu == 1].tolist() == ["19", "22", "33", "35", "36", "38", "45", "60"]
    death = cohort.target("death")
    assert death.index[death == 1].tolist() == ["8", "19", "57", "62"]
    either = cohort.target("icu_or_death")
    assert either.notna().all()
    assert pcr[either == 1].value_counts().to_dict() == {1: 7, 0: 4}
    assert cohort.target("oxygen").sum() == 44
    los = cohort.target("los")
    assert ((los == 0).sum(), los.max(), los.isna().sum()) == (11, 28, 0)
    assert cohort.patients["los_ICU"].notna().sum() == 3, "direct admissions only, of 8"


@pytest.mark.real
def test_severity_of_patients_and_clips(cohort):
    severity, clip = cohort.target("severity"), cohort.target("severity_clip")
    assert severity.between(0, 3).all()
    assert (len(severity), len(clip)) == (63, 362)
    by_hand = clip.groupby(cohort.clips["patient"]).mean()
    pd.testing.assert_series_equal(severity.sort_index(), by_hand.sort_index(), check_names=False)
    score = cohort.target("lus_score")
    assert (score.notna().sum(), score.min() >= 0, score.max() <= 18) == (49, True, True)
    assert set(cohort.target("severity_max")) <= {0, 1, 2, 3}


@pytest.mark.real
def test_published_associations(cohort):
    pcr, severity = cohort.target("pcr"), cohort.target("severity")

    def p(values, outcome):
        return stats.mannwhitneyu(values[outcome == 1], values[outcome == 0]).pvalue

    def area(values, outcome):
        known = values.notna()
        u = stats.mannwhitneyu(values[known & (outcome == 1)], values[known & (outcome == 0)]).statistic
        return u / ((known & (outcome == 1)).sum() * (known & (outcome == 0)).sum())

    def r(values):
        both = values.notna()
        return stats.pearsonr(values[both], severity[both])

    assert p(severity, pcr) == pytest.approx(0.66, abs=0.005)
    assert p(cohort.target("b_lines"), pcr) == pytest.approx(0.026, abs=0.001)
    assert p(cohort.target("a_lines"), pcr) == pytest.approx(0.022, abs=0.001)
    of_clips = pcr[cohort.clips["patient"]].set_axis(cohort.clips.index)
    assert p(cohort.target("severity_clip"), of_clips) == pytest.approx(0.96, abs=0.005)
    spo2, rate = r(cohort.patients["oxygen_saturation_without_ox"]), r(cohort.patients["respiratory_rate"])
    assert (spo2.statistic, spo2.pvalue) == pytest.approx((-0.28, 0.034), abs=0.005)
    assert (rate.statistic, rate.pvalue) == pytest.approx((0.14, 0.29), abs=0.006)
    either = cohort.target("icu_or_death")
    assert [round(area(v, either), 2) for v in (severity, cohort.target("b_lines"), cohort.patients["CRP"])] == [
        0.66,
        0.69,
        0.72,
    ]


# --------------------------------------------------------------------------------------------------------- card
@pytest.mark.real
@pytest.mark.parametrize("target", [None, "pcr", "severity", "severity_clip", "icu"])
def test_the_card(cohort, target):
    account = card(cohort, target)
    assert (account["patients"], account["clips"]) == (63, 362)
    assert account["flow"][-1]["patients"] == 49
    assert [point["retakes"] for point in account["points"]] == [2, 3, 2, 3, 1, 0]
    assert max(map(len, render(account).splitlines())) <= 100


@pytest.mark.real
def test_table_one(cohort):
    table = table_one(cohort, "pcr").set_index("column")
    assert table.loc["oxygen_saturation_without_ox", ["without", "with"]].tolist() == [
        "96.0 [93.0, 97.5]",
        "91.0 [88.0, 94.0]",
    ]
    assert table.loc["icu_or_death", ["without", "with"]].tolist() == ["4 (13%)", "7 (21%)"]
    assert table.loc["vent_dep#Yes", ["overall", "without", "with"]].tolist() == ["31 (49%)", "8 (27%)", "23 (70%)"]


@pytest.mark.real
def test_a_draft_of_the_same_folder_lets_no_outcome_predict(cohort, real_cohort_folder, tmp_path):
    path = tmp_path / "drafted.toml"
    path.write_text(draft(real_cohort_folder), encoding="utf-8")
    drafted = read(real_cohort_folder, path)
    assert len(drafted.clips) == 362
    assert len(drafted.ratings) == 3 * 362
    assert drafted.patients.index.equals(cohort.patients.index)
    contingent = {"oxygen_thepary", "oxygen_thepary_2"} | {
        c for c in cohort.dictionary.columns if c.startswith("oxygen_application_method")
    }
    for name in [*cohort.dictionary.block("outcome"), *cohort.dictionary.block("leak"), "cov_test"]:
        column = drafted.dictionary.columns[name]
        assert column.role == "excluded" or (name in contingent and column.contingent == "oxygen"), name
