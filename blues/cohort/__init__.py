"""A cohort: patients, clips, expert ratings and the dictionary that says what every column is.

``python -m blues.cohort FOLDER`` prints what is in a cohort, its Table 1 and what is odd about it;
``python -m blues.cohort init FOLDER`` drafts a dictionary for one of your own. The format of a dictionary is described in
``docs/dictionary.md``.
"""

from blues.cohort.baseline import missingness, standardised_difference, table_one
from blues.cohort.command import main
from blues.cohort.dictionary import Dictionary, read_dictionary
from blues.cohort.drafting import draft
from blues.cohort.naming import SUFFIXES
from blues.cohort.reading import read
from blues.cohort.record import Cohort
from blues.cohort.schema import when
from blues.cohort.summary import card, twice, undecided, unmet, unused
from blues.cohort.tables import natural_key
from blues.cohort.text import render

__all__ = [
    "SUFFIXES",
    "Cohort",
    "Dictionary",
    "card",
    "draft",
    "main",
    "missingness",
    "natural_key",
    "read",
    "read_dictionary",
    "render",
    "standardised_difference",
    "table_one",
    "twice",
    "undecided",
    "unmet",
    "unused",
    "when",
]
