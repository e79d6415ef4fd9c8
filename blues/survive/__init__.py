"""Length of stay, deterioration, and associations of clips within patients.

Times go with events: 0 censored, 1 the event (discharge alive), 2 and further the competing ones (death in hospital). The
patient is the unit of every interval and test. Stays of zero days count everywhere.
"""

from blues.survive.arms import OutOfFold, out_of_fold_risk
from blues.survive.associations import association_section
from blues.survive.brier import BrierScores, ipcw_brier
from blues.survive.clustered import clustered_association, design_effect, intraclass_correlation
from blues.survive.comparing import gray_test, logrank_test, quantile_groups
from blues.survive.concordance import harrell_c, time_dependent_auc, uno_c
from blues.survive.curves import Curves, RestrictedMean, aalen_johansen, kaplan_meier, restricted_mean
from blues.survive.daily import DiscreteTime, discrete_time, person_intervals
from blues.survive.describing import Description, describe
from blues.survive.modelled import model_section
from blues.survive.penalised import PenalisedCox, penalised_cox
from blues.survive.regression import CoxFit, cause_specific_cox, cox, proportional_hazards_test
from blues.survive.rule import StayRule, stay_rule
from blues.survive.section import save_section, section
from blues.survive.stays import Endpoints, adjudicate, endpoints
from blues.survive.subdistribution import FineGrayFit, fine_gray
from blues.survive.subgroups import subgroup_table
from blues.survive.two_part import HurdleFit, hurdle
from blues.survive.variables import grouping

__all__ = [
    "BrierScores",
    "CoxFit",
    "Curves",
    "Description",
    "DiscreteTime",
    "Endpoints",
    "FineGrayFit",
    "HurdleFit",
    "OutOfFold",
    "PenalisedCox",
    "RestrictedMean",
    "StayRule",
    "aalen_johansen",
    "adjudicate",
    "association_section",
    "cause_specific_cox",
    "clustered_association",
    "cox",
    "describe",
    "design_effect",
    "discrete_time",
    "endpoints",
    "fine_gray",
    "gray_test",
    "grouping",
    "harrell_c",
    "hurdle",
    "intraclass_correlation",
    "ipcw_brier",
    "kaplan_meier",
    "logrank_test",
    "model_section",
    "out_of_fold_risk",
    "penalised_cox",
    "person_intervals",
    "proportional_hazards_test",
    "quantile_groups",
    "restricted_mean",
    "save_section",
    "section",
    "stay_rule",
    "subgroup_table",
    "time_dependent_auc",
    "uno_c",
]
