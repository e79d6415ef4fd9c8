"""What every column of the made-up cohort is, and its dictionary in words."""

from __future__ import annotations

__all__ = ["COLUMNS", "POINTS", "dictionary"]

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
        'unit="1/min", missing=[-99], range=[6, 60], reference=[12, 20], group="vitals"',
    ),
    "pulse": (
        "clinical",
        "admission",
        "continuous",
        'unit="1/min", missing=[-99], range=[30, 200], reference=[50, 100], group="vitals"',
    ),
    "temperature": (
        "clinical",
        "admission",
        "continuous",
        'unit="degC", missing=[-99], range=[33, 43], reference=[36, 37.5], group="vitals"',
    ),
    "systolic": (
        "clinical",
        "admission",
        "continuous",
        'unit="mmHg", range=[60, 250], reference=[100, 140], group="vitals"',
    ),
    "spo2_room_air": (
        "clinical",
        "admission",
        "continuous",
        'unit="%", missing=[-99], range=[50, 100], reference=[95, 100], group="vitals"',
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
    "crp": ("blood", "admission", "continuous", 'unit="mg/l", range=[0, 600], reference=[0, 5], label="CRP"'),
    "ldh": (
        "blood",
        "admission",
        "continuous",
        'unit="U/l", missing=[-99], range=[80, 2000], reference=[100, 250], label="LDH"',
    ),
    "leucocytes": (
        "blood",
        "admission",
        "continuous",
        'unit="10^9/l", range=[0.3, 100], reference=[4, 10], label="leucocytes"',
    ),
    "lymphocytes": (
        "blood",
        "admission",
        "continuous",
        'unit="10^9/l", range=[0.05, 80], reference=[1, 4], label="lymphocytes"',
    ),
    "thrombocytes": (
        "blood",
        "admission",
        "continuous",
        'unit="10^9/l", missing=[-99], range=[10, 1200], reference=[150, 400]',
    ),
    "haemoglobin": ("blood", "admission", "continuous", 'unit="mmol/l", range=[3, 13], reference=[7.5, 11]'),
    "creatinine": ("blood", "admission", "continuous", 'unit="umol/l", range=[20, 1200], reference=[50, 110]'),
    "d_dimer": (
        "blood",
        "admission",
        "continuous",
        'unit="mg/l", missing=[-99], range=[0.05, 60], reference=[0, 0.5], label="D-dimer"',
    ),
    "ferritin": ("blood", "admission", "continuous", 'unit="ug/l", range=[5, 20000], reference=[20, 300]'),
    "base_excess": (
        "blood",
        "admission",
        "continuous",
        'unit="mmol/l", range=[-25, 20], reference=[-3, 3], note="negative values are real; blank: no blood gas was taken"',
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
