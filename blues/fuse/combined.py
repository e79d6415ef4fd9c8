"""What an encoder's own probabilities say of the outcome, from frames to clips to patients in every way; nothing is fitted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from blues import evaluate, pool
from blues.embed import Embeddings
from blues.encoders.cards import tells_lung
from blues.features import Design
from blues.fuse.experiment import Experiment

__all__ = ["combinations", "of_a_run", "probabilities"]


def probabilities(made: Embeddings) -> list[str]:
    """Return the names of the outputs that are probabilities of a finding or a class, by the encoder's card.

    They are those whose unit says so. Whether a clip is lung ultrasound at all is no finding.
    """
    units = made.encoder.get("units", {})
    aside = ["lus"] if tells_lung(made.encoder) else []
    return [n for n in made.encoder["outputs"] if n not in aside and str(units.get(n, "")).startswith("probability")]


def combinations(made: Embeddings, y: pd.Series) -> pd.DataFrame:
    """Score every probability of an encoder against an outcome, for every way from frames to clips and from clips to patients.

    Parameters
    ----------
    made : Embeddings
    y : Series
        0 or 1, one a patient, by its id.

    Returns
    -------
    DataFrame
        ``output``, ``frames`` (mean or vote), ``clips`` (mean, max, any, top-k, noisy-or), ``auroc``, ``low``, ``high``,
        ``patients``; see :func:`blues.evaluate.combine_table`. Below one half, a high output goes without the outcome. Of the
        takes of a BLUE point the one counts that :func:`blues.pool.patients` takes.
    """
    made = made.compact()
    clips = np.repeat(made.table["clip"].to_numpy(), made.table["frames"])
    patients = np.repeat(made.table["patient"].to_numpy(), made.table["frames"])
    known = np.isin(patients, y.dropna().index) & np.isin(clips, pool.takes(made.table))
    outcome = y.reindex(patients[known]).to_numpy(dtype=float)
    if len(np.unique(outcome)) < 2:
        return pd.DataFrame()
    tables = []
    for name in probabilities(made):
        p = np.clip(made.values[known, made.names.index(name)].astype(float), 0, 1)
        tables.append(evaluate.combine_table(outcome, p, clips[known], patients[known]).assign(output=name))
    if not tables:
        return pd.DataFrame()
    found = pd.concat(tables, ignore_index=True).assign(patients=len(set(patients[known])))
    return found[["output", "frames", "clips", "auroc", "low", "high", "patients"]]


def of_a_run(made: Embeddings | None, design: Design, experiment: Experiment) -> pd.DataFrame:
    """Return :func:`combinations` for an experiment; empty where they do not apply.

    They apply to a binary outcome of patients and to an encoder that is used as it is.
    """
    fitting = design.kind == "binary" and design.level == "patient" and experiment.finetune == "none"
    return combinations(made, design.y) if made is not None and fitting else pd.DataFrame()
