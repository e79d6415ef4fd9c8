"""The made-up patients: one row each, and the dictionary that says what every column is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

__all__ = ["DISCHARGE_HAZARD", "POINTS", "Patients", "dictionary", "draw_patients"]

DISCHARGE_HAZARD = {"illness": 0.5, "icu": 0.25}
"""What multiplies the hazard of discharge: one standard deviation of illness, intensive care."""

POINTS = ("R1", "R2", "R3", "L1", "L2", "L3")
YES_NO = 'codes={"1"="yes","0"="no"}'
INVERSE = 'codes={"0"="yes","1"="no"}'

# name: role, known, kind, the rest as it stands in cohort.toml
COLUMNS: dict[str, tuple[str, str, str, str]] = {
    "pcr": ("target", "during_stay", "binary", f'{YES_NO}, label="SARS-CoV-2 PCR positive"'),
    "age": ("clinical", "admission", "continuous", 'unit="years", range=[18, 110], group="demographics"'),
    "sex": ("clinical", "admission", "nominal", 'codes={"f"="female","m"="male"}, group="demographics"'),
    "bmi": ("clinical", "admission", "continuous", 'unit="kg/m2", missing=[-99], range=[12, 70], group="demographics"'),
    "respiratory_rate": (
        "clinical",
        "admission",
        "continuous",
        'unit="1/min", missing=[-99], range=[6, 60], group="vitals"',
    ),
    "pulse": ("clinical", "admission", "continuous", 'unit="1/min", missing=[-99], range=[30, 200], group="vitals"'),
    "temperature": (
        "clinical",
        "admission",
        "continuous",
        'unit="degC", missing=[-99], range=[33, 43], group="vitals"',
    ),
    "systolic": ("clinical", "admission", "continuous", 'unit="mmHg", range=[60, 250], group="vitals"'),
    "spo2_room_air": (
        "clinical",
        "admission",
        "continuous",
        'unit="%", missing=[-99], range=[50, 100], group="vitals"',
    ),
    "spo2_on_oxygen": (
        "clinical",
        "admission",
        "continuous",
        'unit="%", missing=[-99], not_applicable=[-96], range=[50, 100], contingent="oxygen", group="oxygen", '
        'note="-96: no oxygen was given on arrival"',
    ),
    "oxygen_litres": (
        "clinical",
        "admission",
        "continuous",
        'unit="l/min", blank=0, range=[0, 60], contingent="oxygen", group="oxygen", note="blank: room air"',
    ),
    "symptom_days": ("clinical", "admission", "continuous", 'unit="days", range=[0, 60], group="symptoms"'),
    "fever": ("clinical", "admission", "binary", f'{YES_NO}, group="symptoms"'),
    "cough": ("clinical", "admission", "binary", f'{YES_NO}, group="symptoms"'),
    "dyspnoea": ("clinical", "admission", "binary", f'{YES_NO}, group="symptoms"'),
    "anosmia": ("clinical", "admission", "binary", f'{YES_NO}, group="symptoms"'),
    "smoking": ("clinical", "admission", "nominal", 'codes={"0"="never","1"="former","2"="current"}, group="history"'),
    "pack_years": (
        "clinical",
        "admission",
        "continuous",
        'unit="years", blank={ value = 0, when = { column = "smoking", equals = ["never"] } }, range=[0, 150], '
        'group="history", note="blank with never smoked means 0"',
    ),
    "lung_disease": ("clinical", "admission", "binary", f'{INVERSE}, group="history", note="inverse code: 0 is yes"'),
    "diabetes": ("clinical", "admission", "binary", f'{YES_NO}, group="history"'),
    "hypertension": ("clinical", "admission", "binary", f'{YES_NO}, group="history"'),
    "crp": ("blood", "admission", "continuous", 'unit="mg/l", range=[0, 600], label="CRP"'),
    "ldh": ("blood", "admission", "continuous", 'unit="U/l", missing=[-99], range=[80, 2000], label="LDH"'),
    "leucocytes": ("blood", "admission", "continuous", 'unit="10^9/l", range=[0.3, 100], label="leucocytes"'),
    "lymphocytes": ("blood", "admission", "continuous", 'unit="10^9/l", range=[0.05, 80], label="lymphocytes"'),
    "thrombocytes": ("blood", "admission", "continuous", 'unit="10^9/l", missing=[-99], range=[10, 1200]'),
    "haemoglobin": ("blood", "admission", "continuous", 'unit="mmol/l", range=[3, 13]'),
    "creatinine": ("blood", "admission", "continuous", 'unit="umol/l", range=[20, 1200]'),
    "d_dimer": ("blood", "admission", "continuous", 'unit="mg/l", missing=[-99], range=[0.05, 60], label="D-dimer"'),
    "ferritin": ("blood", "admission", "continuous", 'unit="ug/l", range=[5, 20000]'),
    "base_excess": (
        "blood",
        "admission",
        "continuous",
        'unit="mmol/l", range=[-25, 20], note="negative values are real; blank: no blood gas was taken"',
    ),
    "covid_pneumonia": (
        "leak",
        "discharge",
        "binary",
        f'{YES_NO}, note="discharge diagnosis, made knowing the PCR result"',
    ),
    "pcr_ct": (
        "leak",
        "during_stay",
        "continuous",
        'missing=[-99], range=[8, 45], note="exists only if the PCR is positive"',
    ),
    "clips_recorded": ("excluded", "admission", "continuous", 'note="count of files, not a finding"'),
    "oxygen_therapy": ("outcome", "during_stay", "binary", f'{INVERSE}, note="inverse code: 0 is yes"'),
    "oxygen_days": ("outcome", "discharge", "continuous", 'unit="days", blank="not_applicable", range=[0, 400]'),
    "icu": ("outcome", "during_stay", "binary", f'{YES_NO}, label="intensive care during the stay"'),
    "los_days": (
        "outcome",
        "discharge",
        "continuous",
        'unit="days", range=[0, 400], label="length of stay", blank="not_applicable", note="blank: sent home from casualty"',
    ),
    "status": (
        "outcome",
        "discharge",
        "nominal",
        'codes={"0"="discharged","1"="died","2"="in hospital"}, note="at the end of the stay or on day 30; 2 is censored"',
    ),
    "discharged": (
        "outcome",
        "discharge",
        "binary",
        f'{YES_NO}, note="alive; 0 with a length of stay is censored or dead"',
    ),
    "death": ("outcome", "discharge", "binary", f'{YES_NO}, label="death by day 30"'),
}

HEAD = """\
# A made-up cohort: no row is a person. See blues.datasets.synthetic for what was planted.
name = "synthetic"
licence = "CC0-1.0"
citation = "Drawn by blues.datasets.synthetic ({drawn})"
note = "No row is a person. Use it to try the tools, never to learn about patients."

[files]
patients = "clinical.csv"
clips = "videos"
ratings = "ratings.csv"

[patients]
id = "patient_id"
id_kind = "integer"

[clips]
pattern = 'patient_(?P<patient>\\d+)_(?P<point>[RL][123])(?:_(?P<take>\\d+))?'
points = ["R1", "R2", "R3", "L1", "L2", "L3"]
retakes = "longest"
count_column = "clips_recorded"

[ratings]
clip = "clip"
rater = "rater"

[ratings.items.severity]
column = "severity"
kind = "ordinal"
categories = [0, 1, 2, 3]
label = "severity (Soldati 2020)"

[ratings.items.a_lines]
column = "a_lines"
kind = "binary"
codes = {no = 0, yes = 1}
label = "A-lines"

[ratings.items.b_lines]
column = "b_lines"
kind = "binary"
codes = {no = 0, yes = 1}
label = "B-lines"

[targets.pcr]
label = "SARS-CoV-2 PCR positive"
kind = "binary"
level = "patient"
moment = "admission"
contingent = "opt-in"
column = "pcr"
events = [1]

[targets.severity]
label = "mean severity of the experts, 0 to 3"
kind = "continuous"
level = "patient"
moment = "admission"
contingent = "never"
rating = "severity"
over_takes = "mean"
over_points = "mean"

[targets.severity_clip]
label = "severity of a clip, senior reader, 0 to 3"
kind = "ordinal"
level = "clip"
moment = "admission"
contingent = "never"
rating = "severity"
rater = "senior"

[targets.icu]
label = "intensive care during the stay"
kind = "binary"
level = "patient"
moment = "admission"
contingent = "never"
column = "icu"
events = [1]

[targets.icu_or_death]
label = "intensive care or death by day 30"
kind = "binary"
level = "patient"
moment = "admission"
contingent = "never"
any = [{ column = "icu", equals = ["yes"] }, { column = "death", equals = ["yes"] }]

[targets.oxygen]
label = "oxygen therapy during the stay"
kind = "binary"
level = "patient"
moment = "admission"
contingent = "never"
column = "oxygen_therapy"
events = ["yes"]

[targets.los]
label = "length of stay"
kind = "continuous"
level = "patient"
moment = "admission"
contingent = "never"
unit = "days"
column = "los_days"

[survival]
stay = "los_days"
unit = "days"
horizon = 30
died_in_hospital = [{ column = "status", equals = ["died"] }]
still_in_hospital = [{ column = "status", equals = ["in hospital"] }]

[[survival.wards]]
name = "icu"
later = [{ column = "icu", equals = ["yes"] }]

[survival.oxygen]
column = "oxygen_days"
unit = "days"
given = [{ column = "oxygen_therapy", equals = ["yes"] }]

[[checks]]
says = "more days on oxygen than in hospital"
all = [{ column = "los_days", below_column = "oxygen_days" }]
"""


def dictionary(drawn: str) -> str:
    """Return the text of ``cohort.toml``; ``drawn`` says with which parameters the cohort was drawn."""
    lines = [HEAD.replace("{drawn}", drawn)]
    lines.append('[columns.patient_id]\nrole = "identifier"\nknown = "admission"\nkind = "nominal"\n')
    for name, (role, known, kind, rest) in COLUMNS.items():
        lines.append(f'[columns.{name}]\nrole = "{role}"\nknown = "{known}"\nkind = "{kind}"')
        lines.extend(_split(rest))
        lines.append("")
    return "\n".join(lines)


def _split(rest: str) -> list[str]:
    """Return ``key = value`` lines of the inline settings; commas inside brackets and quotes do not split."""
    parts, level, quoted, start = [], 0, False, 0
    for i, letter in enumerate(rest):
        quoted ^= letter == '"'
        if not quoted:
            level += (letter in "[{") - (letter in "]}")
        if letter == "," and not level and not quoted:
            parts.append(rest[start:i])
            start = i + 1
    parts.append(rest[start:])
    return [f"{key.strip()} = {value.strip()}" for key, value in (part.split("=", 1) for part in parts)]


@dataclass(frozen=True)
class Patients:
    """The made-up patients.

    Attributes
    ----------
    table : DataFrame
        What ``clinical.csv`` holds, one row a patient, in shuffled order.
    pcr : int array (n,)
        The planted target, in the order of ids 1 to n.
    illness : float array (n,)
        How ill a patient is, mean 0, standard deviation about 1: drives vitals, inflammation, intensive care and stay.
    """

    table: pd.DataFrame
    pcr: np.ndarray
    illness: np.ndarray


def draw_patients(n: int, blood_signal: float, rng: np.random.Generator) -> Patients:
    """Draw n patients; ``blood_signal`` scales what the PCR result does to the blood tests, and a third of it to symptoms."""
    pcr = rng.permutation((np.arange(n) < round(0.45 * n)).astype(int))
    illness = rng.normal(size=n)
    values: dict[str, np.ndarray] = {"patient_id": np.arange(1, n + 1), "pcr": pcr}
    values |= _clinical(pcr, illness, blood_signal, rng)
    values |= _blood(pcr, illness, blood_signal, rng)
    values |= _outcomes(pcr, illness, rng)
    table = pd.DataFrame(values)
    _spoil(table, rng)
    order = rng.permutation(n)
    return Patients(table[["patient_id", *COLUMNS]].iloc[order].reset_index(drop=True), pcr, illness)


def _clinical(pcr: np.ndarray, ill: np.ndarray, strength: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    n = len(pcr)

    def normal() -> np.ndarray:
        return rng.normal(size=n)

    def chance(p: float | np.ndarray) -> np.ndarray:
        return (rng.random(n) < p).astype(int)

    lean = strength * (2 * pcr - 1) / 3
    spo2 = np.clip(94.5 - 2.2 * ill - 1.2 * normal(), 70, 100).round(1)
    on_oxygen = (spo2 < 93) | (rng.random(n) < 0.1)
    smoking = rng.choice(3, n, p=[0.5, 0.38, 0.12])
    age = np.clip(61 + 4 * ill + 14 * normal(), 18, 95).round()
    return {
        "age": age,
        "sex": np.where(rng.random(n) < 0.45, "f", "m"),
        "bmi": np.clip(27.5 + 4.5 * normal(), 16, 52).round(1),
        "respiratory_rate": np.clip(20 + 2.8 * ill + 2.5 * normal(), 10, 45).round(),
        "pulse": np.clip(88 + 6 * ill + 12 * normal(), 45, 160).round(),
        "temperature": np.clip(37.7 + 0.25 * ill + 0.2 * lean + 0.7 * normal(), 35, 41).round(1),
        "systolic": np.clip(136 - 3 * ill + 18 * normal(), 75, 210).round(),
        "spo2_room_air": spo2,
        "spo2_on_oxygen": np.where(on_oxygen, np.clip(spo2 + 2.5 + 1.5 * np.abs(normal()), 80, 100).round(), -96),
        "oxygen_litres": np.where(on_oxygen, np.clip(2 + 1.5 * ill + normal(), 1, 15).round(), np.nan),
        "symptom_days": np.clip(np.exp(1.8 + 0.15 * lean + 0.5 * normal()), 0, 60).round(),
        "fever": chance(1 / (1 + np.exp(-0.2 - 0.6 * lean))),
        "cough": chance(1 / (1 + np.exp(-0.5 - 0.6 * lean))),
        "dyspnoea": chance(1 / (1 + np.exp(-0.8 - 0.6 * ill))),
        "anosmia": chance(1 / (1 + np.exp(1.9 - 1.2 * lean))),
        "smoking": smoking,
        "pack_years": np.where(smoking > 0, np.clip(np.exp(2.7 + 0.6 * normal()), 1, 120).round(), np.nan),
        "lung_disease": 1 - chance(0.35),
        "diabetes": chance(0.22),
        "hypertension": chance(np.clip((age - 20) / 110, 0, 1)),
    }


def _blood(pcr: np.ndarray, ill: np.ndarray, strength: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Blood tests with one shared inflammation factor beside illness, so that they correlate as real ones do."""
    n = len(pcr)
    lean, shared = strength * (2 * pcr - 1), rng.normal(size=n)

    def noise() -> np.ndarray:
        return rng.normal(size=n)

    leucocytes = np.exp(2.05 - 0.22 * lean + 0.20 * shared + 0.06 * ill + 0.22 * noise())
    fraction = 1 / (1 + np.exp(1.35 + 0.25 * ill + 0.30 * shared + 0.10 * lean + 0.35 * noise()))
    return {
        "crp": np.clip(np.exp(3.5 + 0.45 * ill + 0.60 * shared + 0.10 * lean + 0.5 * noise()), 0.6, 500).round(),
        "ldh": np.exp(5.5 + 0.16 * ill + 0.13 * lean + 0.16 * noise()).round(),
        "leucocytes": leucocytes.round(1),
        "lymphocytes": (leucocytes * fraction).clip(0.1).round(2),
        "thrombocytes": np.exp(5.45 - 0.10 * lean + 0.12 * shared + 0.25 * noise()).round(),
        "haemoglobin": np.clip(8.4 - 0.15 * ill + 0.9 * noise(), 4, 12).round(1),
        "creatinine": np.exp(4.4 + 0.10 * ill + 0.25 * noise()).round(),
        "d_dimer": np.exp(-0.3 + 0.35 * ill + 0.25 * shared + 0.5 * noise()).round(2),
        "ferritin": np.exp(6.0 + 0.3 * ill + 0.20 * lean + 0.3 * shared + 0.5 * noise()).round(),
        "base_excess": np.where(rng.random(n) < 0.2, np.nan, (0.3 - 0.8 * ill + 2.2 * noise()).round(1)),
    }


def _outcomes(pcr: np.ndarray, ill: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Stay, intensive care and death; day 30 censors; the worst fifth and twentieth by risk need care or die."""
    n = len(pcr)
    icu = np.zeros(n, int)
    icu[np.argsort(-(ill + 0.3 * pcr + 0.6 * rng.normal(size=n)))[: max(2, round(0.25 * n))]] = 1
    death = np.zeros(n, int)
    death[np.argsort(-(ill + icu + 0.8 * rng.normal(size=n)))[: max(1, round(0.06 * n))]] = 1
    # a Weibull time of shape 2.2, by its quantiles, so that hazards are proportional
    slower = DISCHARGE_HAZARD["illness"] ** ill * DISCHARGE_HAZARD["icu"] ** icu
    stay = (6.5 * (-norm.logcdf(-rng.normal(size=n)) / slower) ** (1 / 2.2)).round()
    stay[int(np.argmin(np.where(icu + death, np.inf, ill)))] = 0
    long_stay = np.flatnonzero((death == 0) & (icu == 1))
    stay[long_stay[:1]] = 44
    status = np.where(death == 1, 1, np.where(stay > 30, 2, 0))
    oxygen = (ill + 0.5 * rng.normal(size=n) > 0).astype(int) | icu
    oxygen_days = np.where(
        oxygen == 1, np.minimum(stay, np.clip(stay * rng.uniform(0.3, 1.0, n), 1, 30).round()), np.nan
    )
    home = np.flatnonzero((icu == 0) & (death == 0) & (stay > 0) & (oxygen == 0))[:2]
    los = np.minimum(stay, 30)
    los[home] = np.nan
    return {
        "covid_pneumonia": pcr,
        "pcr_ct": np.where(pcr == 1, rng.normal(25, 4, n).clip(12, 38).round(1), np.nan),
        "clips_recorded": np.full(n, len(POINTS)),
        "oxygen_therapy": 1 - oxygen,
        "oxygen_days": oxygen_days,
        "icu": icu,
        "los_days": los,
        "status": status,
        "discharged": (status == 0).astype(int),
        "death": death,
    }


def _spoil(table: pd.DataFrame, rng: np.random.Generator) -> None:
    """Make the table as unkind as a real export: missing codes, blanks, one stay that contradicts itself."""
    n = len(table)
    for column, share in {
        "respiratory_rate": 0.1,
        "pulse": 0.04,
        "temperature": 0.04,
        "spo2_room_air": 0.08,
        "bmi": 0.04,
        "ldh": 0.06,
        "thrombocytes": 0.04,
        "d_dimer": 0.12,
    }.items():
        table.loc[rng.choice(n, max(1, round(share * n)), replace=False), column] = -99
    for column in ("crp", "ferritin", "systolic"):
        table.loc[rng.choice(n, max(1, round(0.03 * n))), column] = np.nan
    positive = np.flatnonzero(table["pcr"] == 1)
    table.loc[rng.choice(positive, max(1, len(positive) // 6), replace=False), "pcr_ct"] = -99
    on_oxygen = np.flatnonzero(table["oxygen_therapy"] == 0)
    if len(on_oxygen):
        table.loc[on_oxygen[-1], "oxygen_days"] = 96
