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
from blues.cohort import Cohort
from blues.explain.points import right_first
from blues.fuse import Run
from blues.provenance import file_hash

__all__ = ["key_frames"]

WIDTH = 320
OUTPUTS = ("b_line_coverage", "b_line_count")


def key_frames(run: Run, patient: str, clips: str | Path, *, output: str | None = None) -> list[dict[str, Any]]:
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

    Returns
    -------
    list of dict
        A point each: ``point``, ``output``, ``value`` there and ``lowest`` in the clip, ``frame`` (which of the file's
        ``frames``, from 1), ``seen`` (of how many the encoder saw) and ``image`` (a data URI, the frame beside its overlay);
        or ``point`` and ``gone``, why there is no picture. A clip that is not the one the run embedded, by its bytes, has
        none; of a run without these, a folder whose tables differ from the run's.

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
    for row in sorted(own.itertuples(), key=lambda r: right_first(str(r.point))):
        name = str(row.clip).split(", ")[0]
        if name not in cohort.clips.index:
            found.append({"point": str(row.point), "gone": "its clip is not among those of the folder"})
            continue
        path = cohort.folder / str(cohort.clips.loc[name, "path"])
        if why := _not_his(run, cohort, name, path):
            found.append({"point": str(row.point), "gone": f"{why}; the numbers above remain"})
            continue
        seen = explain.on_clip(encoder, path, wanted)
        best = int(np.argmax(seen.values))
        found.append(
            {
                "point": str(row.point),
                "output": explain.image_words(wanted),
                "value": float(seen.values[best]),
                "lowest": float(seen.values.min()),
                "frame": seen.number(best),
                "frames": seen.total or len(seen.frames),
                "seen": len(seen.frames),
                "image": _data_uri(seen, best),
            }
        )
    return found


def _not_his(run: Run, cohort: Cohort, name: str, path: Path) -> str:
    """Return why a clip of the folder is not the one that the run embedded; empty where it is."""
    if not path.is_file():
        return "its clip is not there any more"
    if known := run.provenance.get("clip_hashes"):
        same = known.get(name) == file_hash(path)
        return "" if same else "the folder's clip of that name is not the one of the run"
    for table, digest in (run.provenance.get("data") or {}).items():
        there = cohort.folder / table
        if not there.is_file() or file_hash(there) != digest:
            return f"the folder's {table} is not that of the run, so its clips may be another's"
    return ""


def _data_uri(seen: explain.ClipSaliency, best: int) -> str:
    gray = np.repeat(seen.frames[best][..., None], 3, axis=2)
    both = np.concatenate([gray, explain.overlay(seen.frames, seen.maps)[best]], axis=1)
    picture = Image.fromarray(both)
    picture.thumbnail((2 * WIDTH, 2 * WIDTH))
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def gone(pictures: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the BLUE points whose pictures could not be made, each with the reason."""
    return {str(p["point"]): str(p["gone"]) for p in pictures if "gone" in p}
