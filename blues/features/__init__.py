"""An outcome and its modality blocks: what may predict what, decided by role and by when the value is known.

A predictor that the dictionary does not allow for the task is refused by name and listed, never dropped in silence.
"""

from blues.features.blocks import design
from blues.features.canary import suspicious
from blues.features.idle import idle
from blues.features.readable import IMAGE_FEATURES, is_anonymous
from blues.features.record import MODALITIES, TABULAR, ByPoint, Design

__all__ = [
    "IMAGE_FEATURES",
    "MODALITIES",
    "TABULAR",
    "ByPoint",
    "Design",
    "design",
    "idle",
    "is_anonymous",
    "suspicious",
]
