"""A made-up cohort in the format of a real one, with a planted signal of known size.

What is planted
---------------
- The PCR result moves how much of the lung is involved. With ``signal=1`` positives exceed negatives by 1.5 standard
  deviations (of those within either group) at R3 and L3, 1.0 at R2 and L2, 0.55 at R1 and L1, and by 1.3 in the mean of a
  patient's six points. Involvement sets the severity that is drawn: no, some, many or confluent B-lines, a broken pleural
  line. With ``signal=0`` the images know nothing of any column.
- In full, involvement is ``1.6 * weight * signal * (pcr - 0.5 + 0.4 * illness)`` and noise of standard deviation 0.85, half
  of its variance a patient's own, half a clip's; the weights are :data:`POINT_WEIGHT`. So one standard deviation of illness
  moves it by 0.4 of what the PCR result does; illness also moves vitals, inflammation, intensive care, death and stay.
- The hazard of leaving hospital, alive or dead, is halved by each standard deviation of illness and quartered by intensive
  care (:data:`blues.datasets.synthetic_tables.DISCHARGE_HAZARD`). Who dies is drawn from the ill, and their stay ends in
  death, so that the hazard of discharge alive falls a little further, to about 0.48 and 0.21; day 30 censors.
- The PCR result moves the blood tests by ``blood_signal`` (leucocytes and lymphocytes down, LDH and ferritin up), and the
  symptoms by a third of it.
- Two raters read every clip: :data:`RATERS` says how often each reports the drawn truth, which ``truth.csv`` holds.
"""

from __future__ import annotations

import math
import numbers
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import blues.cohort
from blues import video
from blues.check import InputError, one_of
from blues.cohort import Cohort
from blues.datasets.synthetic_dictionary import POINTS, dictionary
from blues.datasets.synthetic_tables import draw_patients

__all__ = ["POINT_WEIGHT", "RATERS", "parameters", "synthetic"]

LEAST = {"patients": 8, "seed": 0, "frames": 8, "size": 64}
PLANTED = ("signal", "blood_signal")

POINT_WEIGHT = {"1": 0.3, "2": 0.6, "3": 1.0}
"""How strongly involvement shows at R1/L1, R2/L2 and R3/L3."""

MACHINE = {
    "radius": 5.0,
    "opening": 68,
    "depth": 12,
    "crop": 0.68,
    "crop_top": 0,
    "crop_bottom": 0,
    "gain": 26.5,
    "dynamic_range": 62,
    "grey_bend": 0,
    "attenuation": 0.7,
    "tgc": 0,
    "noise_db": -3,
    "looks": 4,
    "grain": 0.5,
    "quality": 100,
    "overlay": 0,
}
"""The one machine that recorded every clip: fields of :class:`blues.simulate.Scene`."""

RATERS = {"senior": (0.80, 0.92), "junior": (0.65, 0.85)}
"""Each rater's chance to report the drawn severity (else one grade off, up or down alike) and the drawn A- or B-lines."""


def synthetic(
    folder: str | Path,
    patients: int = 40,
    signal: float = 1.0,
    seed: int = 0,
    *,
    blood_signal: float = 1.0,
    frames: int = 20,
    size: int = 144,
) -> Cohort:
    """Write a made-up cohort into a new folder and read it.

    Parameters
    ----------
    folder : str or Path
        Where to write; must not exist, or be empty.
    patients : int
        At least 8. The default takes a few seconds.
    signal : float
        Size of the planted effect of the PCR result on the images; 0 plants none. In the mean involvement of a patient's
        points, 0.5, 1 and 2 set positives and negatives 0.7, 1.3 and 2.0 standard deviations apart.
    seed : int
        0 or more. Same seed, same tables and frames.
    blood_signal : float
        Size of the effect on the blood tests; 0 plants none.
    frames : int
        Frames of an ordinary clip, at 20 frames a second.
    size : int
        Height and width of a clip, pixels; even.

    Returns
    -------
    Cohort

    Raises
    ------
    InputError
        A parameter is out of range, or the folder holds something already.
    OSError
        The disk is full or the place may not be written; nothing is left behind.
    """
    folder = Path(folder)
    given = {"patients": patients, "seed": seed, "frames": frames, "size": size}
    drawing = parameters(**given, signal=signal, blood_signal=blood_signal)
    _check_empty(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:40]}-"))
        try:
            _write(draft, **drawing)
            draft.chmod(0o755)
            draft.replace(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        error.filename, error.filename2 = str(folder), None  # what was asked for, not the draft that is gone
        raise
    return blues.cohort.read(folder)


def parameters(**given: float) -> dict[str, Any]:
    """Return parameters of :func:`synthetic` as the numbers that it draws with, equal ones alike (8.0 is 8).

    Parameters
    ----------
    **given : float
        Some of them, by name.

    Raises
    ------
    InputError
        For the first name that is none, or value that is out of range.
    """
    return {name: _parameter(one_of(name, [*LEAST, *PLANTED], "parameter"), value) for name, value in given.items()}


def _parameter(name: str, value: float) -> float:
    if name in PLANTED:
        if isinstance(value, numbers.Real) and math.isfinite(value) and value >= 0:
            return float(value)
        raise InputError(f"{name} is {value!r}", allowed="0 (nothing planted) or more; 1 is the default")
    whole = isinstance(value, numbers.Real) and math.isfinite(value) and value == int(value)
    if not whole or value < LEAST[name]:
        raise InputError(f"{name} is {value!r}", allowed=f"a whole number of at least {LEAST[name]}")
    if name == "size" and value % 2:
        raise InputError(f"size is {value!r}", allowed=f"an even number of pixels, at least {LEAST[name]}")
    return int(value)


def _check_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            "something is there already", file=folder, remedy="Name a new folder, or empty this one yourself"
        )


def _write(
    folder: Path, *, patients: int, signal: float, seed: int, blood_signal: float, frames: int, size: int
) -> None:
    rng = np.random.default_rng([seed, 1])
    drawn = draw_patients(patients, blood_signal, rng)
    plan = pd.DataFrame(_plan(drawn.pcr, drawn.illness, signal, frames, rng))
    (folder / "videos").mkdir()

    def draw(row: int) -> dict[str, object]:
        what = plan.iloc[row]
        return _draw_clip(folder / "videos" / f"{what['clip']}.mp4", what, np.random.default_rng([seed, 2, row]), size)

    with ThreadPoolExecutor(2) as pool:
        truth = pd.DataFrame(pool.map(draw, range(len(plan))))
    table = drawn.table
    counts = plan.groupby("patient").size()
    table["clips_recorded"] = table["patient_id"].map(counts).fillna(0).astype(int)
    table.to_csv(folder / "clinical.csv", index=False, float_format="%g")
    truth.to_csv(folder / "truth.csv", index=False, float_format="%.4g")
    _rate(truth, np.random.default_rng([seed, 3])).to_csv(folder / "ratings.csv", index=False)
    words = f"patients={patients}, signal={signal:g}, seed={seed}, blood_signal={blood_signal:g}"
    (folder / "cohort.toml").write_text(dictionary(words), encoding="utf-8")


def _plan(
    pcr: np.ndarray, illness: np.ndarray, signal: float, frames: int, rng: np.random.Generator
) -> Iterator[dict[str, object]]:
    """Yield what to record: one row a clip. Some points are lacking, one is taken twice, one clip is very short."""
    n = len(pcr)
    own = rng.normal(size=n)
    lacking = set(zip(rng.integers(1, n + 1, n // 8 + 1), rng.choice(POINTS, n // 8 + 1), strict=True))
    for i in range(n):
        patient = i + 1
        for point in POINTS:
            weight = POINT_WEIGHT[point[1]]
            planted = signal * ((pcr[i] - 0.5) + 0.4 * illness[i])
            involved = 1.6 * weight * planted + 0.6 * own[i] + 0.6 * rng.normal()
            severity = int(np.digitize(involved, [-0.1, 0.6, 1.2]))
            if (patient, point) in lacking:
                continue
            short = patient == 3 and point == "L2"
            base = {"patient": patient, "point": point, "severity": severity}
            yield {"clip": f"patient_{patient}_{point}", **base, "frames": 7 if short else frames}
            if patient == 5 and point == "R3":
                yield {"clip": f"patient_{patient}_{point}_2", **base, "frames": frames + frames // 2}


def _draw_clip(path: Path, what: pd.Series, rng: np.random.Generator, size: int) -> dict[str, object]:
    from blues import simulate  # brings torch along, which only drawing needs

    scene = simulate.draw_scene(rng, severity=what.severity, machine="handheld", **MACHINE)
    drawn = simulate.clip(scene, what.frames / 20, 20, rng, (size, size))
    video.write(path, drawn.images, 20)
    truth = drawn.truth
    return {
        "clip": what["clip"],
        "severity": int(truth["soldati"].median()),
        "a_lines": int(truth["a_lines"].mean() >= 0.5),
        "b_lines": int((truth["b_lines"] > 0).mean() >= 0.5),
        "b_line_count": truth["b_lines"].mean(),
        "b_coverage": truth["b_coverage"].mean(),
    }


def _rate(truth: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the two raters' readings; one clip was not read by the second, and some cells have a stray blank."""
    n = len(truth)
    tables = []
    for rater, (grade, finding) in RATERS.items():
        off = np.where(rng.random(n) < grade, 0, rng.choice([-1, 1], n))
        severity = truth["severity"].to_numpy() + off
        severity = np.where((severity < 0) | (severity > 3), truth["severity"] - off, severity)
        table = pd.DataFrame({"clip": truth["clip"], "rater": rater, "severity": severity})
        for item in ("a_lines", "b_lines"):
            seen = np.where(rng.random(n) < finding, truth[item], 1 - truth[item])
            table[item] = np.where(seen == 1, "yes", "no")
        tables.append(table)
    both = pd.concat(tables, ignore_index=True)
    stray = rng.choice(len(both), 4, replace=False)
    both.loc[stray, "b_lines"] += " "
    return both.drop(index=len(both) - 1)
