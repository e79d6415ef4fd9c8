"""What an experiment says of its design, held against the design itself: a run records what was done."""

from __future__ import annotations

import dataclasses
from typing import Any

from blues import check, encoders
from blues.features import Design
from blues.fuse.experiment import Experiment

__all__ = ["settled"]


def settled(design: Design, experiment: Experiment) -> Experiment:
    """Return the experiment with everything that the design decides as the design has it.

    Parameters
    ----------
    design : Design
        Its task, modalities, pooling, encoder and cohort were fixed when it was made.
    experiment : Experiment
        What it leaves as it is by itself is filled in.

    Raises
    ------
    InputError
        When the experiment names another task, baseline or pooling than the design has.
    """
    plain: dict[str, Any] = {entry.name: entry.default for entry in dataclasses.fields(Experiment)}
    plain["points"] = "concat" if experiment.image_features == "artefacts" else "mean"  # what it is where none is named
    changed: dict[str, Any] = {"modalities": tuple(design.blocks)}  # a design may have lost a block since
    for name, value in _of(design).items():
        asked = getattr(experiment, name)
        if _same(asked, value) or (name == "points" and asked in design.poolings):
            continue
        if asked != plain[name]:
            raise check.InputError(
                f"the experiment says {name}={asked!r}, and the design was made with {value!r}",
                remedy="Make the design with it, or leave it out of the Experiment",
            )
        changed[name] = value
    changed |= _encoder(design, experiment, plain["encoder"])
    if experiment.cohort == plain["cohort"] != design.cohort and experiment.train is None:
        changed["cohort"] = design.cohort  # its name: which folder it was read from the design does not know
    return dataclasses.replace(experiment, **changed)


def _of(design: Design) -> dict[str, Any]:
    """Return the settings of an experiment that a design decides, as far as it knows them."""
    found: dict[str, Any] = {"task": design.task, **design.facts.get("asked", {})}
    if "image" not in design.blocks:
        found.pop("image_features", None)
    elif "frames" in design.facts:
        found["frames"] = design.facts["frames"]
        if design.level == "patient":
            found["points"] = design.facts["points"]
    return found


def _encoder(design: Design, experiment: Experiment, usual: str) -> dict[str, str]:
    """Return the encoder to record; a weight file is named by its path, of which the design does not know."""
    made_by = (design.facts.get("encoder") or {}).get("name")
    if made_by is None or "image" not in design.blocks or experiment.weights is not None:
        return {}
    if experiment.encoder == usual or made_by == experiment.encoder:
        return {"encoder": made_by}
    if experiment.encoder in encoders.names():
        raise check.InputError(
            f"the experiment says encoder={experiment.encoder!r}, and the design was made with {made_by!r}",
            remedy="Make the design with it, or leave it out of the Experiment",
        )
    return {}


def _same(asked: Any, value: Any) -> bool:
    """Return whether two settings are the same; order and capitals of names say nothing."""
    if not isinstance(asked, tuple):
        return bool(asked == value)
    return sorted(map(str.casefold, asked)) == sorted(map(str.casefold, value))
