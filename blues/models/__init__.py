"""scikit-learn estimators for small cohorts: what learns, and how modalities are joined.

Every estimator takes missing values (NaN) as they are, columns that are empty in a training fold included, and fits its
imputer and scaler itself, so that cross-validation cannot leak.
"""

from blues.models.fusion import LateFusion
from blues.models.ordinal import OrdinalClassifier
from blues.models.zoo import KINDS, MODELS, make, predict

__all__ = ["KINDS", "MODELS", "LateFusion", "OrdinalClassifier", "make", "predict"]
