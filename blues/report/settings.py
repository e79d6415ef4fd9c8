"""The settings of an experiment as they were in use: what its candidates, its outcome or its kind of test overrode is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blues.models import ATTENTION, Candidate
from blues.report.facts import Facts

__all__ = ["from_dictionary", "from_encoder", "in_use", "poolings"]

_UNUSED = "not used: {}"
_OF_FRAMES = ("encoder", "weights", "finetune", "image_features", "frames")
_OF_IMAGES = (*_OF_FRAMES, "points")


def in_use(facts: Facts) -> dict[str, Any]:
    """Return every setting of a run by name, as it was in use.

    Parameters
    ----------
    facts : Facts

    Returns
    -------
    dict
        Values as in the experiment. What candidates of ``--select`` set for themselves is a tuple of what they set; what had no
        effect is the text ``not used`` with the reason.
    """
    found = dict(facts.experiment) | _learning(facts)
    if not facts.sees_images:
        found |= dict.fromkeys(_OF_IMAGES, _UNUSED.format("no arm looks at images"))
    elif not from_encoder(facts):
        found |= dict.fromkeys(_OF_FRAMES, _UNUSED.format("image features as they were given"))
        if poolings(facts) == ("mean",):  # which it is where nothing is said
            found["points"] = found["encoder"]
    if facts.moved:
        why = _UNUSED.format("fitted on one cohort and tested once on another")
        found |= dict.fromkeys(("cohort", "folds", "repeats"), why)
    return found


def from_encoder(facts: Facts) -> bool:
    """Return whether the run recorded which encoder made its image features: those of a design made by hand have none."""
    return bool(facts.run.provenance.get("encoder"))


def from_dictionary(facts: Facts) -> bool:
    """Return whether a cohort's dictionary decided what may predict: it did not in a design made by hand."""
    return not facts.run.provenance.keys().isdisjoint(("data", "dictionary"))


def poolings(facts: Facts) -> tuple[str, ...]:
    """Return in which ways BLUE points became patients; none where there are no images or a row is a clip."""
    if not facts.sees_images or facts.clips:
        return ()
    if facts.timed:
        return (str(facts.experiment["points"]),)
    return _values(facts.candidates, lambda c: c.points)


def _learning(facts: Facts) -> dict[str, Any]:
    """Return the settings of models, which candidates may have of their own."""
    if facts.timed:
        why = _UNUSED.format("the arms of a time are ridge Cox models")
        jackknife = _UNUSED.format("intervals of a time are jackknives over patients")
        return dict.fromkeys(("model", "fusion", "calibrate", "threshold"), why) | {"draws": jackknife}
    number = facts.design["kind"] == "continuous"
    found: dict[str, Any] = {
        "model": _values(facts.candidates, lambda c: c.model),
        "fusion": _fusions(facts),
        "calibrate": _with_baselines(facts, "calibrate"),
        "threshold": _UNUSED.format("the outcome is a number") if number else _with_baselines(facts, "threshold"),
    }
    if facts.clips:
        found["points"] = _UNUSED.format("a clip is not pooled")
    elif pooled := poolings(facts):
        found["points"] = pooled
    return found


def _values(candidates: tuple[Candidate, ...], of: Callable[[Candidate], str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(of(c) for c in candidates))


def _fusions(facts: Facts) -> Any:
    if len(facts.design["modalities"]) == 1:
        return _UNUSED.format("there is one kind of information")
    told = _values(tuple(c for c in facts.candidates if c.model != ATTENTION), lambda c: c.fusion)
    return told or _UNUSED.format("attention joins kinds of information itself")


def _with_baselines(facts: Facts, name: str) -> tuple[str, ...]:
    """Return a setting of the candidates, and of the baselines, which take that of the experiment."""
    own = (str(facts.experiment[name]),) if facts.experiment["baseline"] else ()
    return tuple(dict.fromkeys([*_values(facts.candidates, lambda c: str(getattr(c, name))), *own]))
