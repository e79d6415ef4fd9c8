"""Labelled frames of a real cohort, for a network that may see it; its card then says so."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import torch

from blues import video
from blues.check import InputError
from blues.cohort import Cohort
from blues.encoders.lus import COLUMNS, GLOBALS, GRID, MASKS, PREPROCESSING
from blues.pretrain.augment import degrade, draw_warp
from blues.pretrain.data import Batch
from blues.provenance import file_hash, text_hash

__all__ = ["ITEMS", "SEVERITY", "LabelledClips", "misfits", "targets"]

ITEMS = {"b_lines": "b_line", "a_lines": "a_line", "consolidation": "consolidation", "effusion": "effusion"}
"""Rating items, and what of the network they teach; ``severity`` teaches the grades."""
SEVERITY = "severity"


class LabelledClips:
    """The clips of a cohort whose ratings the network can learn: ``severity`` (0 to 3), ``a_lines``, ``b_lines``.

    Parameters
    ----------
    cohort : Cohort

    Attributes
    ----------
    hash : str
        Of the clips' files and what is known of each.
    unread : dict of str to str
        Rated clips that cannot be read, and why; nothing is learned from them.

    Raises
    ------
    InputError
        When no clip has such a rating, none of those can be read, or one is on another scale.
    """

    def __init__(self, cohort: Cohort) -> None:
        for item, why in misfits(cohort).items():
            raise InputError(
                f"cohort {cohort.name}: rating {item} {why}",
                file=cohort.folder,
                remedy="In the dictionary, give its codes the meanings of that scale, or call it otherwise",
            )
        self.name, self.licence = cohort.name, cohort.dictionary.licence
        values = targets(cohort.ratings)
        self.frames: list[np.ndarray] = []
        self.unread: dict[str, str] = {}
        kept: list[torch.Tensor] = []
        files: list[str] = []
        for clip, path in cohort.clips["path"].items():
            if clip not in values:
                continue
            try:
                read = video.read(cohort.folder / path, PREPROCESSING.rate, PREPROCESSING.most)
            except InputError as error:
                self.unread[clip] = str(error)
                continue
            self.frames.append(video.prepare(read.frames, PREPROCESSING.geometry, PREPROCESSING.size))
            kept.append(values[clip])
            files.append(file_hash(cohort.folder / path))
        if not kept:
            raise InputError(
                f"cohort {cohort.name} has no readable clip with a rating to learn from",
                file=cohort.folder,
                allowed=f"ratings of severity, {', '.join(ITEMS)}",
            )
        self.values = torch.stack(kept)
        self.hash = text_hash(json.dumps([files, self.values.tolist()]))[:16]

    def __call__(self, n: int, rng: np.random.Generator) -> Batch:
        """Return n frames, each of a clip drawn at random; a clip's label stands for each of its frames."""
        chosen = rng.integers(len(self.frames), size=n)
        images = np.stack([self.frames[i][rng.integers(len(self.frames[i]))] for i in chosen])
        shown = degrade(draw_warp(n, rng).images(torch.as_tensor(images).float().div_(255)), rng)
        return Batch(
            shown.mul(255).round_().byte(),
            torch.zeros(n, len(MASKS), *GRID),
            torch.zeros(n, len(COLUMNS), GRID[1]),
            self.values[chosen],
            torch.zeros(n),
        )


def misfits(cohort: Cohort) -> dict[str, str]:
    """Return the ratings that are called as what teaches the network and are on another scale: name -> in what way.

    Parameters
    ----------
    cohort : Cohort
        Both the categories of its dictionary and the ratings given are looked at: severity lies within 0 to 3, the others
        are 0 or 1.

    Returns
    -------
    dict of str to str
    """
    items = cohort.dictionary.ratings.items if cohort.dictionary.ratings is not None else {}
    found = {}
    for item in [name for name in (SEVERITY, *ITEMS) if name in items]:
        given = cohort.ratings.loc[cohort.ratings["item"] == item, "rating"].dropna()
        values = np.array([*(items[item].categories or ()), *given], dtype=float)
        fit = (values >= 0) & (values <= 3) if item == SEVERITY else np.isin(values, (0, 1))
        if not fit.all():
            wanted = "grades of 0 to 3" if item == SEVERITY else "no or yes (0 or 1)"
            found[item] = f"has the value {values[~fit][0]:g}, and the network learns {wanted}"
    return found


def targets(ratings: pd.DataFrame) -> dict[str, torch.Tensor]:
    """Return what is known of each rated clip, in the order of ``GLOBALS``, NaN else; the mean over raters decides."""
    known = ratings[ratings["item"].isin([*ITEMS, SEVERITY])]
    found: dict[str, torch.Tensor] = {}
    for (clip, item), rating in known.groupby(["clip", "item"])["rating"].mean().dropna().items():
        values = found.setdefault(str(clip), torch.full((len(GLOBALS),), float("nan")))
        values[GLOBALS.index("lus")] = 1
        if item == SEVERITY:
            for k in (1, 2, 3):
                values[GLOBALS.index(f"soldati_{k}")] = float(rating >= k - 0.5)
        else:
            values[GLOBALS.index(ITEMS[item])] = float(rating >= 0.5)
    return found
