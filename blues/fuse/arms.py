"""The arms of an experiment: what each may use, and how it may learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blues import check, models
from blues.features import Design
from blues.features.arm_names import BY_CLIP, arm_name, is_rule, sees_images

__all__ = ["Arm", "arms_of"]


@dataclass(frozen=True)
class Arm:
    """What one arm may use and how it may learn.

    Attributes
    ----------
    name : str
        E.g. ``"image+blood"``.
    modalities : tuple of str
        For a single arm of the design (a rule, a baseline) its own name.
    candidates : tuple of Candidate
        Several compete in an inner loop over patients.
    role : {"modalities", "rule", "baseline", "prevalence"}
        ``"rule"``: on the experts' ratings of the images.
    """

    name: str
    modalities: tuple[str, ...]
    candidates: tuple[models.Candidate, ...]
    role: str = "modalities"

    @property
    def sees_images(self) -> bool:
        """Whether a model or an expert looked at the images for it."""
        return sees_images(self.modalities)


def arms_of(
    design: Design,
    rivals: Mapping[str, Sequence[models.Candidate]],
    *,
    calibrate: str = "none",
    threshold: str = "half",
) -> tuple[Arm, ...]:
    """Return one arm a combination of modalities and entry of ``rivals``, then the single arms of the design.

    Rules and baselines are logistic regressions of their one to three variables, a rule for single clips of the share of clips
    that it calls; a rule's threshold is the best Youden index on its own training rows.

    Parameters
    ----------
    design : Design
    rivals : mapping of str to candidates
        Suffix of the arm's name (``""`` when there is one entry) -> what competes inside it.
    calibrate, threshold : str
        Of the baselines, see :class:`blues.models.Nested`; the candidates have their own.

    Returns
    -------
    tuple of Arm

    Raises
    ------
    InputError
        When a candidate has a calibrator or a threshold and the outcome is not binary; ``"matched"`` goes with an ordinal one
        too, if all candidates have it. When a candidate pools BLUE points in a way that the design lacks, or that says nothing
        because a row is a clip.
    """
    everything = [c for candidates in rivals.values() for c in candidates]
    _check_finish(design, everything)
    _check_pooling(design, everything)
    combined = [
        Arm(arm_name(modalities, suffix), modalities, tuple(candidates))
        for suffix, candidates in rivals.items()
        for modalities in design.arms
    ]
    return tuple(combined + [_single(name, calibrate, threshold) for name in design.singles])


def _check_finish(design: Design, candidates: Sequence[models.Candidate]) -> None:
    """Raise where a candidate has a calibrator or a threshold that the outcome cannot have."""
    if design.kind == "binary":
        return
    fit = [
        c for c in candidates if design.kind == "ordinal" and c.calibrate == "none" and c.threshold in models.GRADING
    ]
    finished = [c.label for c in candidates if c != c.learner and c not in fit]
    if finished:
        raise check.InputError(
            f"{finished[0]}: {design.task} is {design.kind}, and calibrators and thresholds go with a yes or no",
            allowed="of an ordinal outcome --threshold matched" if design.kind == "ordinal" else None,
            remedy="Leave them out",
        )
    if len({c.threshold for c in fit}) > 1:
        raise check.InputError(
            f"{design.task} is ordinal, and its candidates call grades in two ways",
            remedy="Give --threshold matched for all",
        )


def _check_pooling(design: Design, candidates: Sequence[models.Candidate]) -> None:
    """Raise where a candidate wants an image block that the design does not have."""
    if "image" not in design.blocks:
        return
    for candidate in candidates:
        if candidate.points in design.image_poolings() or candidate.model == "prevalence":
            continue
        if design.level == "patient":
            raise check.InputError(
                f"{candidate.label}: the design has no image block pooled by {candidate.points!r}",
                allowed=list(design.image_poolings()),
                remedy=f"blues.features.design(..., also_points=[{candidate.points!r}]) adds it",
            )
        if (candidate.model, candidate.points) != (models.ATTENTION, "concat"):  # the pooling attention has by default
            raise check.InputError(
                f"{candidate.label}: {design.task} is of single clips, and there is nothing to pool",
                remedy=f"Leave {candidate.points!r} out",
            )


def _single(name: str, calibrate: str, threshold: str) -> Arm:
    if name == "prevalence":
        rule = threshold if threshold == "prevalence" else "half"  # no cut of a constant is better than another
        return Arm(name, (name,), (models.Candidate("prevalence", threshold=rule),), role="prevalence")
    if is_rule(name):
        model = models.CLIP_RULE if name.startswith(BY_CLIP) else models.PLAIN
        return Arm(name, (name,), (models.Candidate(model, threshold=models.APPARENT),), role="rule")
    return Arm(
        name, (name,), (models.Candidate(models.PLAIN, calibrate=calibrate, threshold=threshold),), role="baseline"
    )
