"""What a prediction rests on: Shapley values out of fold by lab, BLUE point and modality; where in the image; how sure."""

from blues.explain.columns import LEVELS, Columns, columns, describe
from blues.explain.parts import Part, carry
from blues.explain.record import UNITS, Attributions, Piece, gather
from blues.explain.shapley import FoldValues, explain_fold

__all__ = [
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
