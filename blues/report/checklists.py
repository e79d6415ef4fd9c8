"""Reporting guidelines: each item, in our own words, with its place in the report or the plain words "not covered".

TRIPOD+AI: Collins et al., BMJ 2024;385:e078378 (27 items). STARD 2015: Bossuyt et al., BMJ 2015;351:h5527 (30 items), with the
topics that STARD-AI (Sounderajah et al., Nat Med 2025) adds, lettered here A1 to A8 and not numbered as there. GRRAS: Kottner
et al., J Clin Epidemiol 2011;64:96 (15 items). The texts are paraphrases; the guidelines themselves are what counts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from blues.agree.section import GRRAS as _GRRAS
from blues.agree.section import TO_WRITE
from blues.report.document import column, table

__all__ = ["GRRAS", "NOT_COVERED", "STARD_AI", "TRIPOD_AI", "checklists"]

NOT_COVERED = "not covered"

Item = tuple[str, str, str]
"""Number, topic in our own words, the sections (keys) that speak to it; empty for what only the authors can write."""

TRIPOD_AI: tuple[Item, ...] = (
    (
        "1",
        "Title says that a prediction model is developed or evaluated, for whom and for what outcome",
        "answer asked",
    ),
    ("2", "Abstract with the essentials of design, data, results", "answer"),
    ("3a", "Clinical setting, reason for the model, existing models", ""),
    ("3b", "For whom, at which point of care, and for whose use", "asked use"),
    ("3c", "Known inequalities in health between groups", ""),
    ("4", "Aim: development, evaluation or both", "asked methods"),
    ("5a", "Where the data come from, for development and evaluation", "who"),
    ("5b", "Dates of recruitment and follow-up", ""),
    ("6a", "Setting, number and place of centres", ""),
    ("6b", "Who was eligible", ""),
    ("6c", "Treatments received, and how they were dealt with", ""),
    ("7", "How data were prepared and checked", "who methods"),
    ("8a", "Outcome: definition, time horizon, how it was measured", "asked"),
    ("8b", "Who assessed the outcome, where judgement is needed", ""),
    ("8c", "Whether outcome assessors were blind", ""),
    ("9a", "How candidate predictors were chosen", "asked"),
    ("9b", "Definition and time of measurement of every predictor", "asked"),
    ("9c", "Who assessed predictors that need judgement", ""),
    ("10", "How the sample size came about, and whether it suffices", "limits"),
    ("11", "Missing data and how they were handled", "who methods"),
    ("12a", "How the data were split for development and evaluation", "methods"),
    ("12b", "How predictors entered the analysis: scaling, transformation", "methods"),
    ("12c", "Type of model, all steps of building, tuning and internal validation", "methods"),
    ("12d", "Heterogeneity between centres or other clusters", ""),
    ("12e", "Measures and plots of performance, and comparisons of models", "arms gain calibration utility methods"),
    ("12f", "Model updating after evaluation", ""),
    ("12g", "How predictions were computed in evaluation", "methods repeat"),
    ("13", "Class imbalance: whether and how it was handled, recalibration", "calibration"),
    ("14", "What was done for fairness", ""),
    ("15", "What the model outputs, and how thresholds were set", "utility arms"),
    ("16", "Differences between development and evaluation data", ""),
    ("17", "Ethical approval and consent", ""),
    ("18a", "Funding", ""),
    ("18b", "Conflicts of interest", ""),
    ("18c", "Where the protocol is", ""),
    ("18d", "Registration", ""),
    ("18e", "Whether and how data can be had", "who"),
    ("18f", "Whether and how the code can be had", "repeat"),
    ("19", "Involvement of patients and the public", ""),
    ("20a", "Flow of participants, with and without the outcome", "who"),
    ("20b", "Characteristics of participants, with missing values", "who"),
    ("20c", "Comparison of development and evaluation data", ""),
    ("21", "Participants and events in every analysis", "arms"),
    ("22", "The full model, so that others can predict with it", ""),
    ("23a", "Performance with intervals, also for key subgroups", "arms gain calibration"),
    ("23b", "Heterogeneity of performance between clusters", ""),
    ("24", "Results of model updating", ""),
    ("25", "Interpretation against objectives and earlier work", "answer gain"),
    ("26", "Limitations and what they do to bias and generalisability", "limits"),
    ("27a", "Poor or unavailable input data at use", "asked limits"),
    ("27b", "Whether users must handle input or need expertise", ""),
    ("27c", "Next steps: use, evaluation elsewhere, research", ""),
)

STARD_AI: tuple[Item, ...] = (
    ("1", "Identified as a study of diagnostic accuracy, with a measure of it", "answer"),
    ("2", "Structured summary", "answer"),
    ("3", "Background, intended use and role of the index test", "use"),
    ("4", "Objectives and hypotheses", "asked"),
    ("5", "Whether data were collected before or after planning the index test", ""),
    ("6", "Eligibility", ""),
    ("7", "On what basis participants were found", ""),
    ("8", "Where and when", ""),
    ("9", "Consecutive, random or convenience series", ""),
    ("10a", "Index test in enough detail to repeat it", "methods repeat"),
    ("10b", "Reference standard in enough detail to repeat it", "asked"),
    ("11", "Why this reference standard", ""),
    ("12a", "Cut-offs of the index test, set beforehand or explored", "utility arms"),
    ("12b", "Cut-offs of the reference standard", "asked"),
    ("13a", "Whether readers of the index test knew the reference", "methods"),
    ("13b", "Whether assessors of the reference knew the index test", ""),
    ("14", "How accuracy was estimated and compared", "methods"),
    ("15", "Indeterminate results", ""),
    ("16", "Missing data on either test", "who methods"),
    ("17", "Variability of accuracy, set beforehand or explored", "robustness"),
    ("18", "Intended sample size", "limits"),
    ("19", "Flow of participants, as a diagram", "who"),
    ("20", "Baseline characteristics", "who"),
    ("21a", "Severity of disease in those with the condition", ""),
    ("21b", "Alternative diagnoses in those without", ""),
    ("22", "Time and interventions between index test and reference", ""),
    ("23", "Cross tabulation of index test and reference", "utility"),
    ("24", "Accuracy with its precision", "arms"),
    ("25", "Adverse events", ""),
    ("26", "Limitations, bias, generalisability", "limits"),
    ("27", "Implications for practice and role of the test", "answer use"),
    ("28", "Registration", ""),
    ("29", "Where the protocol is", ""),
    ("30", "Funding and the role of funders", ""),
    ("A1", "Added for AI: where the data sets come from, how they were labelled and by whom", "who"),
    ("A2", "Added for AI: preparation of inputs before the algorithm", "methods"),
    ("A3", "Added for AI: split into training, tuning and test data, and overlap of patients", "methods"),
    ("A4", "Added for AI: the algorithm, its version, what it was trained on before", "repeat"),
    ("A5", "Added for AI: performance error analysis, and for whom it fails", "gain"),
    ("A6", "Added for AI: fairness and bias between groups of patients", ""),
    ("A7", "Added for AI: commercial interests, and who can have the algorithm", ""),
    ("A8", "Added for AI: code and data availability, independent audit", "repeat"),
)

_ANSWERED = {3: "who", 12: "who"} | dict.fromkeys((1, 2, 10, 11, 13, 15), "agreement")
GRRAS: tuple[Item, ...] = tuple((str(n), words, _ANSWERED.get(n, "")) for n, words in _GRRAS.items())
"""The items of :mod:`blues.agree`, whose results may say more of each than that it has a place."""

_TITLES = {
    "tripod-ai": ("TRIPOD+AI", TRIPOD_AI),
    "stard-ai": ("STARD 2015 with the topics of STARD-AI", STARD_AI),
    "grras": ("GRRAS", GRRAS),
}


def checklists(present: Collection[str], said: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Return one table a guideline: item, topic, and the sections that speak to it.

    A section that is not part of the page covers nothing. That a section speaks to an item does not say that it says enough: a
    reader decides.

    Parameters
    ----------
    present : collection of str
        Keys of the sections that hold something.
    said : mapping of str to str, optional
        Of items of GRRAS, what the agreement results themselves state; the table then says it, and no other item is covered.

    Returns
    -------
    dict of str to table
    """
    made = {}
    for key, (title, items) in _TITLES.items():
        agreed = said if key == "grras" and "agreement" in present else None
        # without an agreement study its guideline has nothing to hold to
        there = present if key != "grras" or "agreement" in present else ()
        rows: list[list[Any]] = []
        for number, text, sections in items:
            if agreed is not None:
                rows.append([number, text, ["agreement"] * (number in agreed), agreed.get(number, TO_WRITE)])
            else:
                rows.append([number, text, [s for s in sections.split() if s in there]])
        covered = sum(bool(row[2]) for row in rows)
        caption = f"{title}: {covered} of {len(items)} items have a place here"
        columns = [column("item"), column("what it asks, in our words"), column("place in this report", "places")]
        made[key] = table(caption, columns + [column("what is said")] * (agreed is not None), rows)
    return made
