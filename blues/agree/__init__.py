"""Expert agreement: the statistics of raters with intervals by patient, and the model as one more rater.

Every coefficient takes a table of subjects by raters (NaN for a missing rating) and returns an :class:`Agreement`.

``python -m blues.agree ratings.csv --item severity --categories 0 1 2 3`` prints the agreement in a table of ratings;
``python -m blues.agree COHORT`` what a cohort's ratings can answer; ``... plan`` the precision of a reader study to come; ``...
sheet`` writes blinded rating sheets and reads them back.

Examples
--------
>>> import numpy as np
>>> from blues.agree import cohen_kappa
>>> ratings = np.array([[0, 0], [1, 1], [2, 1], [3, 3], [2, 2], [0, 1]])
>>> kappa = cohen_kappa(ratings, categories=[0, 1, 2, 3], weights="quadratic")
>>> round(kappa.value, 3)
0.842
"""

from blues.agree.alpha import krippendorff_alpha
from blues.agree.bland_altman import bland_altman
from blues.agree.cohorts import associations, expert_statement, retakes, rule_scores, rule_table
from blues.agree.command import main
from blues.agree.concordance import lin_ccc
from blues.agree.conger import conger_kappa
from blues.agree.consensus import leave_one_expert_out
from blues.agree.continuous import icc, iccs
from blues.agree.experts import interchangeability, non_inferiority, williams_index
from blues.agree.model import experts_of, model_agreement, read_predictions
from blues.agree.multirater import brennan_prediger, fleiss_kappa, gwet_ac, pabak, percent_agreement
from blues.agree.page import as_html
from blues.agree.pairwise import cohen_kappa, light_kappa, matrix, pairs
from blues.agree.ranks import kendall_w
from blues.agree.ratings import clusters_of, tidy, wide
from blues.agree.record import Agreement
from blues.agree.returned import read_sheets
from blues.agree.section import as_text, grras, section
from blues.agree.sheets import write_sheets
from blues.agree.synthetic import plan, synthetic_ratings
from blues.agree.tables import intra_rater, table
from blues.agree.weights import agreement_weights

__all__ = [
    "Agreement",
    "agreement_weights",
    "as_html",
    "as_text",
    "associations",
    "bland_altman",
    "brennan_prediger",
    "clusters_of",
    "cohen_kappa",
    "conger_kappa",
    "expert_statement",
    "experts_of",
    "fleiss_kappa",
    "grras",
    "gwet_ac",
    "icc",
    "iccs",
    "interchangeability",
    "intra_rater",
    "kendall_w",
    "krippendorff_alpha",
    "leave_one_expert_out",
    "light_kappa",
    "lin_ccc",
    "main",
    "matrix",
    "model_agreement",
    "non_inferiority",
    "pabak",
    "pairs",
    "percent_agreement",
    "plan",
    "read_predictions",
    "read_sheets",
    "retakes",
    "rule_scores",
    "rule_table",
    "section",
    "synthetic_ratings",
    "table",
    "tidy",
    "wide",
    "williams_index",
    "write_sheets",
]
