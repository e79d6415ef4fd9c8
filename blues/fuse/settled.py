"""What an experiment says of its design and its cohort, held against both: a run records what was done."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from blues import check, encoders, provenance
from blues.features import Design
from blues.fuse.experiment import Experiment

__all__ = ["changed_since", "read_from", "settled"]


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
        When the experiment names another task, baseline, pooling or other modalities than the design has.
    """
    plain: dict[str, Any] = {entry.name: entry.default for entry in dataclasses.fields(Experiment)}
    plain["points"] = "concat" if experiment.image_features == "artefacts" else "mean"  # what it is where none is named
    changed: dict[str, Any] = {"modalities": tuple(design.blocks)}  # in the design's order
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


def read_from(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the hashes of what a run read: each table, its dictionary, and one of all clips that were embedded.

    Parameters
    ----------
    facts : mapping
        Of a design or of a run's provenance. What is not known, as of older runs, is left out.
    """
    found = {f"data: {name}": str(value) for name, value in (facts.get("data") or {}).items()}
    if facts.get("dictionary"):
        found["dictionary"] = str(facts["dictionary"])
    if clips := facts.get("clip_hashes"):
        found["clips"] = provenance.text_hash("\n".join(sorted(f"{name}:{value}" for name, value in clips.items())))
    return found


def changed_since(experiment: Experiment, *designs: Design) -> list[str]:
    """Return in what cohorts differ from those that the run read which ``--from`` repeats: tables, dictionary, clips.

    Parameters
    ----------
    experiment : Experiment
        Its ``from_`` names the file of the run. Nothing is told where other cohorts are named, or nothing was recorded.
    *designs : Design
        As they were read now: of the cohort, or of those to train and to test on.

    Returns
    -------
    list of str
        One line a cohort that differs.
    """
    if experiment.from_ is None:
        return []
    earlier, file = check.from_toml(Experiment, experiment.from_), experiment.from_.parent / "provenance.json"
    if any(getattr(earlier, name) != getattr(experiment, name) for name in ("cohort", "train", "test")):
        return []
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    told = []
    for design, facts in zip(designs, (known.get("trained_on") or {}, known)[-len(designs) :], strict=True):
        before, now = read_from(facts), read_from(design.facts)
        other = [name.removeprefix("data: ") for name, value in before.items() if now.get(name, value) != value]
        if other:
            told.append(
                f"{design.cohort} is not as that run read it: {', '.join(other)} changed since, and numbers may too"
            )
    return told


def _of(design: Design) -> dict[str, Any]:
    """Return the settings of an experiment that a design decides, as far as it knows them."""
    found: dict[str, Any] = {
        "task": design.task,
        "modalities": tuple(design.blocks),
        **design.facts.get("asked", {}),
    }
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
