"""What a prediction rests on: Shapley values out of fold by lab, BLUE point and modality; where in the image; how sure."""

from blues.explain.attention import Weights, attention_by_point, attention_of
from blues.explain.columns import LEVELS, Columns, columns, describe
from blues.explain.conformal import conformal, coverage
from blues.explain.interact import modality_interactions
from blues.explain.overlay import ClipSaliency, on_clip, overlay, pointing_game, sanity, write_clip, write_stills
from blues.explain.parts import Part, carry
from blues.explain.person import Person, person
from blues.explain.points import Pooled, pooled, right_first
from blues.explain.record import UNITS, Attributions, Piece, gather
from blues.explain.rollup import FEWEST_PERMUTATIONS, importance, null_importance, roll_up, stability, with_null
from blues.explain.saliency import METHODS, layers, randomised, saliency
from blues.explain.shapley import FoldValues, affordable, explain_fold
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
    "Part",
    "Person",
    "Piece",
    "Pooled",
    "Weights",
    "affordable",
    "attention_by_point",
    "attention_of",
    "carry",
    "columns",
    "conformal",
    "coverage",
    "describe",
    "explain_fold",
    "gather",
    "image_words",
    "importance",
    "layers",
    "modality_interactions",
    "modality_value",
    "null_importance",
    "on_clip",
    "overlay",
    "person",
    "pointing_game",
    "pooled",
    "randomised",
    "right_first",
    "roll_up",
    "saliency",
    "sanity",
    "stability",
    "with_null",
    "write_clip",
    "write_stills",
]
