"""The made-up patients: one row each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from blues.datasets.synthetic_dictionary import COLUMNS, POINTS

__all__ = ["DISCHARGE_HAZARD", "Patients", "draw_patients"]

DISCHARGE_HAZARD = {"illness": 0.5, "icu": 0.25}
"""What multiplies the hazard of leaving, alive or dead: one standard deviation of illness, intensive care."""


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
