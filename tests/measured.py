"""Measurements whose intraclass correlation is known."""

import math

import numpy as np
import pandas as pd


def measurements(
    subjects: int = 60,
    raters: int = 2,
    icc: float = 0.8,
    *,
    rater_sd: float = 0.0,
    mean: float = 10.0,
    sd: float = 3.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Draw a wide table with true ICC(3,1) ``icc``; raters' own levels lower ICC(2,1) to icc sd^2 / (sd^2 + rater_sd^2)."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, sd * math.sqrt(icc), (subjects, 1))
    noise = rng.normal(0, sd * math.sqrt(1 - icc), (subjects, raters))
    level = rng.normal(0, rater_sd, (1, raters)) if rater_sd else 0.0
    names = [f"R{j + 1}" for j in range(raters)]
    return pd.DataFrame(mean + truth + noise + level, index=[f"s{i + 1}" for i in range(subjects)], columns=names)
