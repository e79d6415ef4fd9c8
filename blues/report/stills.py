"""Key frames of a patient's clips with where the network looked, as pictures for a page that stays on this machine."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from blues import check, datasets, encoders, explain
from blues.fuse import Run

__all__ = ["key_frames"]

WIDTH = 320
OUTPUTS = ("b_line_coverage", "b_line_count")


def key_frames(
    run: Run, patient: str, clips: str | Path, *, output: str | None = None, method: str = "grad-cam"
) -> list[dict[str, Any]]:
    """Find, for each BLUE point of a patient, the frame in which an output is highest, and lay over it where that comes from.

    Parameters
    ----------
    run : Run
        With attributions; its experiment names the encoder.
    patient : str
        Id.
    clips : str or Path
        The cohort's folder, where the clips lie, or ``"synthetic"``.
    output : str, optional
        Of the encoder; by default B-line coverage, else its first named output.
    method : str
        See :func:`blues.explain.saliency`.

    Returns
    -------
    list of dict
        A point each: ``point``, ``output``, ``value``, ``frame`` and ``image`` (a data URI, the frame beside its overlay); or
        ``point`` and ``gone``, why there is no picture.

    Raises
    ------
    InputError
        When the encoder has no such output, or is no network.
    """
    if run.attributions is None:
        raise check.InputError("this run holds no explanations", remedy="Repeat it with --explain all")
    cohort = datasets.load(str(clips))
    encoder = encoders.get(run.experiment.encoder, run.experiment.weights)
    named = list(encoder.card["outputs"])
    wanted = output or next((o for o in (*OUTPUTS, *named) if o in encoder.feature_names), encoder.feature_names[0])
    table = run.attributions.points
    own = table[table["patient"].astype(str) == str(patient)].drop_duplicates("point")
    found: list[dict[str, Any]] = []
    for row in sorted(own.itertuples(), key=lambda r: explain.right_first(str(r.point))):
        name = str(row.clip).split(", ")[0]
        if name not in cohort.clips.index:
            found.append({"point": str(row.point), "gone": "its clip is not among those of the folder"})
            continue
        path = cohort.folder / str(cohort.clips.loc[name, "path"])
        if not path.is_file():
            found.append({"point": str(row.point), "gone": "its clip is not there any more; the numbers above remain"})
            continue
        seen = explain.on_clip(encoder, path, wanted, method)
        best = int(np.argmax(seen.values))
        found.append(
            {
                "point": str(row.point),
                "output": explain.image_words(wanted),
                "value": float(seen.values[best]),
                "frame": best + 1,
                "frames": len(seen.frames),
                "image": _data_uri(seen, best),
            }
        )
    return found


def _data_uri(seen: explain.ClipSaliency, best: int) -> str:
    gray = np.repeat(seen.frames[best][..., None], 3, axis=2)
    both = np.concatenate([gray, explain.overlay(seen.frames, seen.maps)[best]], axis=1)
    picture = Image.fromarray(both)
    picture.thumbnail((2 * WIDTH, 2 * WIDTH))
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def gone(pictures: Sequence[dict[str, Any]]) -> list[str]:
    """Return the BLUE points whose pictures could not be made."""
    return [str(p["point"]) for p in pictures if "gone" in p]
