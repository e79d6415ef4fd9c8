"""What an experiment says of its design, held against the design itself: a run records what was done."""

from __future__ import annotations

import dataclasses
from typing import Any

from blues import check
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
    plain = {entry.name: entry.default for entry in dataclasses.fields(Experiment)}
    changed: dict[str, Any] = {"modalities": tuple(design.blocks)}  # a design may have lost a block since
    for name, value in _of(design).items():
        asked = getattr(experiment, name)
        if _same(asked, value):
            continue
        if asked != plain[name]:
            raise check.InputError(
                f"the experiment says {name}={asked!r}, and the design was made with {value!r}",
                remedy="Make the design with it, or leave it out of the Experiment",
            )
        changed[name] = value
    image = design.facts.get("encoder") or {}
    if image.get("name", experiment.encoder) != experiment.encoder == plain["encoder"] and experiment.weights is None:
        changed["encoder"] = image["name"]
    if experiment.cohort == plain["cohort"] != design.cohort and experiment.train is None:
        changed["cohort"] = design.cohort  # its name: which folder it was read from the design does not know
    return dataclasses.replace(experiment, **changed)


def _of(design: Design) -> dict[str, Any]:
    """Return the settings of an experiment that a design decides, as far as it knows them."""
    found: dict[str, Any] = {"task": design.task, **design.facts.get("asked", {})}
    if "image" in design.blocks and "frames" in design.facts:
        found["frames"] = design.facts["frames"]
    return found


def _same(asked: Any, value: Any) -> bool:
    """Return whether two settings are the same; the order of names says nothing."""
    return sorted(asked) == sorted(value) if isinstance(asked, tuple) else bool(asked == value)
