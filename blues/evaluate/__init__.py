"""Scores with intervals, paired comparisons, calibration, decision curves: arrays in, small records or frames out.

The patient is the unit. Functions take ``clusters`` (the patient of each row) where a patient has several rows;
intervals are by patient then. Nothing here fits a model to choose it: thresholds, calibrators and models are chosen
inside training folds, elsewhere.
"""

from blues.evaluate.calibration import (
    Calibration,
    brier,
    calibration,
    expected_calibration_error,
    smooth_calibration,
)
from blues.evaluate.combine import COMBINE, combine, combine_table
from blues.evaluate.compare import (
    benjamini_hochberg,
    delong_test,
    holm,
    mcnemar_test,
    nadeau_bengio_test,
)
from blues.evaluate.discrimination import (
    auroc,
    average_precision,
    bootstrap_auroc,
    partial_auroc,
    roc_curve,
)
from blues.evaluate.folds import Split, patient_folds
from blues.evaluate.intervals import interval_of_replicates
from blues.evaluate.ordinal import (
    category_codes,
    mean_absolute_error,
    quadratic_kappa,
    ranked_probability_score,
    scale_weights,
)
from blues.evaluate.outoffold import OutOfFold, out_of_fold
from blues.evaluate.permutation import permutation_p, sign_flip_test, swap_permutation_test
from blues.evaluate.planning import expected_auroc_width, hanley_mcneil_se
from blues.evaluate.proportions import (
    OperatingPoint,
    clopper_pearson_interval,
    clustered_proportion,
    operating_point,
    wilson_interval,
)
from blues.evaluate.records import Estimate, Test
from blues.evaluate.resample import (
    bootstrap_replicates,
    bootstrap_weights,
    jackknife,
    patient_bootstrap,
    weighted_bootstrap,
)
from blues.evaluate.risk import benefit_table, calibration_table, decision_table, operating_table
from blues.evaluate.subgroups import heterogeneity_p, subgroup_table
from blues.evaluate.tables import compare_table, point_score, score_table
from blues.evaluate.utility import net_benefit
from blues.evaluate.validation import (
    Optimism,
    bootstrap_632plus,
    no_information,
    optimism,
    rank_within_folds,
)

__all__ = [
    "COMBINE",
    "Calibration",
    "Estimate",
    "OperatingPoint",
    "Optimism",
    "OutOfFold",
    "Split",
    "Test",
    "auroc",
    "average_precision",
    "benefit_table",
    "benjamini_hochberg",
    "bootstrap_632plus",
    "bootstrap_auroc",
    "bootstrap_replicates",
    "bootstrap_weights",
    "brier",
    "calibration",
    "calibration_table",
    "category_codes",
    "clopper_pearson_interval",
    "clustered_proportion",
    "combine",
    "combine_table",
    "compare_table",
    "decision_table",
    "delong_test",
    "expected_auroc_width",
    "expected_calibration_error",
    "hanley_mcneil_se",
    "heterogeneity_p",
    "holm",
    "interval_of_replicates",
    "jackknife",
    "mcnemar_test",
    "mean_absolute_error",
    "nadeau_bengio_test",
    "net_benefit",
    "no_information",
    "operating_point",
    "operating_table",
    "optimism",
    "out_of_fold",
    "partial_auroc",
    "patient_bootstrap",
    "patient_folds",
    "permutation_p",
    "point_score",
    "quadratic_kappa",
    "rank_within_folds",
    "ranked_probability_score",
    "roc_curve",
    "scale_weights",
    "score_table",
    "sign_flip_test",
    "smooth_calibration",
    "subgroup_table",
    "swap_permutation_test",
    "weighted_bootstrap",
    "wilson_interval",
]
