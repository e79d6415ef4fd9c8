"""Named encoders: from prepared frames to features, each with a card that says what it has seen.

Examples
--------
>>> import numpy as np
>>> from blues import encoders
>>> encoder = encoders.get("frame-stats")
>>> encoder.forward(np.zeros((3, 128, 128), np.uint8)).shape == (3, encoder.dimensions)
True
"""

from blues.encoders.base import Encoder, Preprocessing
from blues.encoders.cards import has_seen, nearly_seen
from blues.encoders.registry import describe, get, names

__all__ = ["Encoder", "Preprocessing", "describe", "get", "has_seen", "names", "nearly_seen"]
