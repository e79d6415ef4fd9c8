"""What a prediction rests on: Shapley values out of fold by lab, BLUE point and modality; where in the image; how sure."""

from blues.explain.columns import LEVELS, Columns, columns, describe
from blues.explain.conformal import conformal, coverage
from blues.explain.parts import Part, carry
from blues.explain.record import UNITS, Attributions, Piece, gather
from blues.explain.rollup import FEWEST_PERMUTATIONS, importance, null_importance, roll_up, stability, with_null
from blues.explain.shapley import FoldValues, affordable, explain_fold
from blues.explain.value import modality_value

__all__ = [
    "FEWEST_PERMUTATIONS",
    "affordable",
    "conformal",
    "coverage",
    "importance",
    "modality_value",
    "null_importance",
    "roll_up",
    "stability",
    "with_null",
    "LEVELS",
    "UNITS",
    "Attributions",
    "Columns",
    "FoldValues",
    "Part",
    "Piece",
    "carry",
    "columns",
    "describe",
    "explain_fold",
    "gather",
]
