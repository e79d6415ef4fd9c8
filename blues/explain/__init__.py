"""What a prediction rests on: Shapley values out of fold by lab, BLUE point and modality; where in the image; how sure."""

from blues.explain.attention import Weights, attention_by_point
from blues.explain.columns import LEVELS, Columns
from blues.explain.conformal import conformal, coverage
from blues.explain.interact import modality_interactions
from blues.explain.overlay import ClipSaliency, on_clip, overlay, pointing_game, sanity, write_clip, write_stills
from blues.explain.person import Person, person
from blues.explain.points import Pooled
from blues.explain.record import UNITS, Attributions
from blues.explain.rollup import FEWEST_PERMUTATIONS, importance, null_importance, roll_up, stability
from blues.explain.saliency import METHODS, randomised, saliency
from blues.explain.shapley import FoldValues, explain_fold
from blues.explain.value import modality_value
from blues.explain.words import image_words

__all__ = [
    "FEWEST_PERMUTATIONS",
    "LEVELS",
    "METHODS",
    "UNITS",
    "Attributions",
    "ClipSaliency",
    "Columns",
    "FoldValues",
    "Person",
    "Pooled",
    "Weights",
    "attention_by_point",
    "conformal",
    "coverage",
    "explain_fold",
    "image_words",
    "importance",
    "modality_interactions",
    "modality_value",
    "null_importance",
    "on_clip",
    "overlay",
    "person",
    "pointing_game",
    "randomised",
    "roll_up",
    "saliency",
    "sanity",
    "stability",
    "write_clip",
    "write_stills",
]
