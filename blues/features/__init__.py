"""An outcome and its modality blocks: what may predict what, decided by role and by when the value is known.

A predictor that the dictionary does not allow for the task is refused by name and listed, never dropped in silence.
"""

from blues.features.blocks import design
from blues.features.canary import suspicious
from blues.features.record import MODALITIES, Design

__all__ = ["MODALITIES", "Design", "design", "suspicious"]
