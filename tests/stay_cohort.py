"""A made-up cohort of tables without clips to decode, whose hazard of discharge was planted."""

import numpy as np
import pandas as pd

from blues.datasets.synthetic_dictionary import POINTS, dictionary
from blues.datasets.synthetic_tables import draw_patients


def write_tables(folder, patients, rated=None):
    """Write the tables of made-up patients, with clips that nobody decodes; return how ill each is, which no table holds.

    One clip is there and rated once; with ``rated`` six of each of the first so many patients, by two readers, the ill higher.
    """
    rng = np.random.default_rng(2)
    drawn = draw_patients(patients, 1.0, rng)
    drawn.table.to_csv(folder / "clinical.csv", index=False)
    rating = {"clip": "patient_1_R1", "rater": "senior", "severity": 1, "a_lines": "yes", "b_lines": "no"}
    ratings = [rating]
    if rated is not None:
        ratings = [
            {"clip": f"patient_{i + 1}_{point}", "rater": rater, **_read(drawn.illness[i] + rng.normal())}
            for i in range(rated)
            for point in POINTS
            for rater in ("senior", "junior")
        ]
    (folder / "videos").mkdir()
    for clip in {r["clip"] for r in ratings}:
        (folder / "videos" / f"{clip}.mp4").touch()
    pd.DataFrame(ratings).to_csv(folder / "ratings.csv", index=False)
    (folder / "cohort.toml").write_text(dictionary("tables only"), encoding="utf-8")
    return pd.Series(drawn.illness, index=[str(i) for i in range(1, patients + 1)], name="illness")


def _read(severe):
    return {
        "severity": int(np.digitize(severe, [-1, 0.3, 1.5])),
        "a_lines": "yes" if severe < 0.5 else "no",
        "b_lines": "yes" if severe > 0 else "no",
    }
