"""How arms are named, and what a name tells: modalities, the model behind them, a rule on the experts' ratings."""

from __future__ import annotations

from collections.abc import Collection, Sequence

__all__ = [
    "BASELINE",
    "BY_CLIP",
    "RULE",
    "arm_name",
    "is_baseline",
    "is_rule",
    "modalities",
    "model_of",
    "named",
    "sees_images",
    "with_images",
]

RULE, BASELINE = "expert rule: ", "baseline: "
"""What the names of single arms begin with: rules on the experts' ratings, and baselines of named variables."""
BY_CLIP = f"{RULE}each clip by "
"""What the name of a rule on single clips begins with."""


def arm_name(looks_at: Sequence[str], model: str = "") -> str:
    """Return the name of the arm that looks at these modalities, with its model where a run has several.

    Examples
    --------
    >>> arm_name(("image", "blood")), arm_name(("image",), "xgboost")
    ('image+blood', 'image [xgboost]')
    """
    return "+".join(looks_at) + (f" [{model}]" if model else "")


def modalities(arm: str) -> tuple[str, ...]:
    """Return what an arm looks at, without the model that some names end with; of a single arm its own name.

    Examples
    --------
    >>> modalities("image+blood [xgboost]"), modalities("baseline: CRP, LDH")
    (('image', 'blood'), ('baseline: CRP, LDH',))
    """
    return tuple(arm.partition(" [")[0].split("+"))


def model_of(arm: str) -> str:
    """Return the model that the name of an arm ends with, or nothing.

    Examples
    --------
    >>> model_of("image+blood [xgboost]"), model_of("image+blood")
    ('xgboost', '')
    """
    return arm.partition(" [")[2].removesuffix("]")


def with_images(arm: str) -> str:
    """Return the name of the arm that looks at images and at what this one looks at, by the same model.

    Examples
    --------
    >>> with_images("blood [xgboost]")
    'image+blood [xgboost]'
    """
    return f"image+{arm}"


def is_rule(arm: str) -> bool:
    """Return whether an arm is a rule on the experts' ratings.

    Examples
    --------
    >>> is_rule("expert rule: worst severity"), is_rule("expert")
    (True, False)
    """
    return arm.startswith(RULE)


def is_baseline(arm: str) -> bool:
    """Return whether an arm is a baseline of one to three named variables.

    Examples
    --------
    >>> is_baseline("baseline: CRP, LDH"), is_baseline("blood")
    (True, False)
    """
    return arm.startswith(BASELINE)


def named(arms: Sequence[str], kind: str) -> list[str]:
    """Return the single arms of a kind, :data:`RULE` or :data:`BASELINE`, without its name.

    Examples
    --------
    >>> named(["blood", "baseline: CRP, LDH"], BASELINE)
    ['CRP, LDH']
    """
    return [arm.removeprefix(kind) for arm in arms if arm.startswith(kind)]


def sees_images(looks_at: Collection[str]) -> bool:
    """Return whether a model or an expert looked at the images for one of these modalities, or for an expert rule.

    Examples
    --------
    >>> [sees_images(m) for m in (("image", "blood"), ("expert rule: B-lines",), ("clinical", "blood"), ("prevalence",))]
    [True, True, False, False]
    """
    return any(name in ("image", "expert") or is_rule(name) for name in looks_at)
