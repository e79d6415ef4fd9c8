"""scikit-learn estimators for small cohorts: what learns, and how modalities are joined.

What :func:`make` gives takes missing values (NaN) as they are, columns that are empty in a training fold included, and fits
its imputer and scaler itself, so that cross-validation cannot leak. What chooses, stacks or calibrates does so on inner folds.
Of a binary outcome ``predict`` gives the class and ``predict_proba`` the probabilities, as everywhere in scikit-learn.
"""

from blues.models.attention import AttentionFusion
from blues.models.candidates import ATTENTION, CLIP_RULE, FUSIONS, Candidate, Layout, build
from blues.models.described import described
from blues.models.fusion import LateFusion, Shared
from blues.models.inner import InnerFolds, fit, inner_predictions, predict
from blues.models.nested import Nested
from blues.models.ordinal import OrdinalClassifier, category_probabilities
from blues.models.recalibrate import CALIBRATORS
from blues.models.ridge import RidgeByFolds
from blues.models.rules import ClipRule
from blues.models.svm import SVM
from blues.models.threshold import APPARENT, GRADING, THRESHOLDS, matched_cuts, youden_threshold
from blues.models.zoo import KINDS, MODELS, PLAIN, make

__all__ = [
    "APPARENT",
    "CALIBRATORS",
    "ATTENTION",
    "CLIP_RULE",
    "FUSIONS",
    "GRADING",
    "KINDS",
    "MODELS",
    "PLAIN",
    "SVM",
    "THRESHOLDS",
    "AttentionFusion",
    "Candidate",
    "ClipRule",
    "InnerFolds",
    "LateFusion",
    "Layout",
    "Nested",
    "OrdinalClassifier",
    "RidgeByFolds",
    "Shared",
    "build",
    "category_probabilities",
    "described",
    "fit",
    "inner_predictions",
    "make",
    "matched_cuts",
    "predict",
    "youden_threshold",
]
