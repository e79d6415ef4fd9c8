"""How good the network is on frames it never saw: simulated ones, and simulated ones that went the way of a clip."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from blues import simulate, video
from blues.encoders import Encoder
from blues.encoders.lus import GLOBALS, OUTPUTS
from blues.pretrain.data import Batch, join, negative_batch, simulated_batch

__all__ = ["held_out", "score"]

PRESENCE = {
    "b_line": "b_line_presence",
    "a_line": "a_line_presence",
    "consolidation": "consolidation_presence",
    "effusion": "effusion_presence",
}


def held_out(n: int, seed: int) -> Batch:
    """Return n simulated frames and n / 4 negatives from draws that training never makes."""
    rng = np.random.default_rng([seed, 2**31])
    images, _ = simulate.negatives(max(2, n // 4), rng)
    return join([simulated_batch(n, rng, plain=True), negative_batch(images, rng, plain=True)])


def as_clips(n: int, seed: int) -> Batch:
    """Return n simulated pictures and n / 4 negatives whose sector was found and unwarped as :mod:`blues.embed` does.

    Column and mask truth is not carried along, only what is true of the whole picture.
    """
    rng = np.random.default_rng([seed, 2**31 + 1])
    drawn = simulate.draw(simulate.draw_scenes(n, rng), rng, (256, 256), "cartesian")
    odd, _ = simulate.negatives(max(2, n // 4), rng, (256, 256))
    pictures = np.concatenate([drawn.images.numpy(), odd])
    images = np.concatenate([video.prepare(one[None], "polar", (128, 128)) for one in pictures])
    values = torch.full((len(images), len(GLOBALS)), float("nan"))
    truth = drawn.truth
    seen = {
        "b_line": truth["b_coverage"] > 0.02,
        "a_line": truth["a_lines"] > 0,
        "lus": torch.ones(n),
        **{f"soldati_{k}": truth["soldati"] >= k for k in (1, 2, 3)},
        "b_count": torch.log1p(truth["b_lines"].float()),
    }
    for name, value in seen.items():
        values[:n, GLOBALS.index(name)] = value.float()
    values[n:, GLOBALS.index("lus")] = 0
    nothing = torch.zeros(len(images), 0)
    return Batch(torch.as_tensor(images), nothing, nothing, values, torch.zeros(len(images)))


def score(encoder: Encoder, batch: Batch) -> dict[str, float]:
    """Return AUROC of presences and of lung ultrasound against negatives, and rank correlations of amounts.

    Parameters
    ----------
    encoder : Encoder
        With the outputs of :data:`blues.encoders.lus.OUTPUTS`.
    batch : Batch

    Returns
    -------
    dict
        ``b_line``, ``a_line``, ``consolidation``, ``effusion``, ``lus`` (AUROC); ``severity`` and ``b_count`` (Spearman);
        ``severity_kappa`` (quadratic-weighted, of the rounded expectation). What the batch cannot tell is left out.
    """
    said = encoder.forward(batch.images.numpy())[:, -len(OUTPUTS) :]
    outputs = dict(zip(OUTPUTS, said.T, strict=True))
    truth = dict(zip(GLOBALS, batch.values.numpy().T, strict=True))
    found = {}
    for name, output in {**PRESENCE, "lus": "lus"}.items():
        known = np.isfinite(truth[name])
        if len(np.unique(truth[name][known])) == 2:
            found[name] = float(roc_auc_score(truth[name][known], outputs[output][known]))
    known = np.isfinite(truth["soldati_1"])
    grade = sum(truth[f"soldati_{k}"][known] for k in (1, 2, 3))
    found["severity"] = float(stats.spearmanr(grade, outputs["soldati"][known])[0])
    found["severity_kappa"] = float(
        cohen_kappa_score(grade.astype(int), np.rint(outputs["soldati"][known]).astype(int), weights="quadratic")
    )
    known = np.isfinite(truth["b_count"])
    found["b_count"] = float(stats.spearmanr(truth["b_count"][known], outputs["b_line_count"][known])[0])
    return {name: round(value, 4) for name, value in found.items()}
