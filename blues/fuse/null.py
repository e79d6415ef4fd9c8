"""What the same pipeline gives when the outcome is dealt out anew: among all patients, and among patients rated alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from blues import check, evaluate
from blues.evaluate.named import lower_is_better, main_metric
from blues.explain import null_importance
from blues.features import Design
from blues.features.arm_names import with_images
from blues.fuse.arms import Arm
from blues.fuse.crossval import Fold, shuffled_out_of_fold
from blues.fuse.experiment import Experiment
from blues.fuse.finetune import Tuning

__all__ = ["added_null", "alike", "comparable", "label_null", "p_of_added", "shuffled_outcome", "with_added"]

COLUMNS = ("arm", "metric", "permutation", "value")
ALIKE = 6
"""Patients a group, about, within which :func:`added_null` shuffles; chosen on simulations (``benchmarks/added.py``). Also the
fewest that make a stratum of :func:`comparable`."""
TRIES = 20
"""How often outcomes are dealt out anew where a class ends up with fewer patients than there are folds."""


def label_null(
    design: Design,
    arms: Sequence[Arm],
    experiment: Experiment,
    *,
    explain: Collection[str] = (),
    card: Mapping[str, Any] | None = None,
    split: Fold | None = None,
    tuning: Tuning | None = None,
    progress: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Repeat the whole pipeline, one repeat of folds each, with the outcome shuffled among comparable patients.

    Patients are comparable who have the same kinds of information and, where rows are clips, about as many of them
    (:func:`comparable`): an arm is scored on those who have its modality, and an error depends on how far their outcomes
    spread, which must not change.

    Parameters
    ----------
    design : Design
    arms : sequence of Arm
        The constant prevalence arm is left out.
    experiment : Experiment
        Its ``null`` says how often.
    explain : collection of str
        Names of the arms whose attributions are wanted too.
    card : mapping, optional
        The cohort card, for the labels of what is explained.
    split : Fold, optional
        The one split of a transfer: the outcome is shuffled among its training patients, and among those tested. Were the
        latter's left as they are, an arm of one column, such as an expert rule, would have but two scores, its own and the
        reverse.
    tuning : Tuning, optional
        Fine-tunes the encoder in every training fold, on the shuffled outcome where it learns the target.
    progress : bool
        Say on standard error how far it is.

    Returns
    -------
    scores : DataFrame
        ``arm, metric, permutation, value``; the metric is the main one. NaN where a shuffle left an arm one class to learn, or
        a class too few patients for the folds however often it was tried.
    importances : DataFrame
        As :attr:`blues.explain.Attributions.null` holds them; empty when no arm is explained.

    Notes
    -----
    Each permutation is one repeat of the folds, whose score varies more than the mean over repeats that it is held against:
    the p value errs on the safe side.
    """
    metric, _ = main_metric(design.kind)
    arms = [arm for arm in arms if arm.role != "prevalence"]
    strata = _strata(design, split)
    dealt = [_dealt(design, experiment, (7919, number), strata, split) for number in range(experiment.null)]
    shuffles = {number: one for number, one in enumerate(dealt) if one is not None}
    rows: list[dict[str, Any]] = [
        {"arm": arm.name, "metric": metric, "permutation": number, "value": np.nan}
        for number, one in enumerate(dealt)
        for arm in arms
        if one is None
    ]
    importances: list[pd.DataFrame] = []
    settings: dict[str, Any] = {"explain": explain, "card": card, "tuning": tuning, "jobs": experiment.jobs}
    settings["progress"] = progress
    all_drawn = shuffled_out_of_fold(design, arms, list(shuffles.values()), **settings)
    for number, drawn in zip(shuffles, all_drawn, strict=True):
        for arm, part in drawn.predictions.groupby("arm", sort=False):
            rows.append({"arm": arm, "metric": metric, "permutation": number, "value": _score(part, metric, design)})
        if drawn.attributions is not None:
            importances.append(null_importance(drawn.attributions, number))
    whole = pd.concat(importances, ignore_index=True) if importances else pd.DataFrame()
    return pd.DataFrame(rows, columns=list(COLUMNS)), whole


def added_null(
    design: Design,
    arms: Sequence[Arm],
    experiment: Experiment,
    predictions: pd.DataFrame,
    reference: str | None,
    *,
    tuning: Tuning | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Ask whether images add anything given what the reference knows, by shuffling outcomes among patients it rates alike.

    Where images tell nothing of the outcome beyond the reference, patients of one predicted risk have exchangeable
    outcomes whatever their images show [1]_. So patients are ordered by their held-out prediction, the mean over repeats,
    and cut into groups of about six; outcomes are shuffled within groups; and both arms, the reference and the reference
    with images, are fitted and scored anew. What ties images to the reference, and the reference to the outcome from group
    to group, stays as it is, which a null of images dealt out among patients would cut.

    Parameters
    ----------
    design, arms, experiment, tuning, progress
        As in :func:`label_null`.
    predictions : DataFrame
        Out of fold, of all arms, see :func:`blues.fuse.out_of_fold`.
    reference : str or None
        Name of the arm without images.

    Returns
    -------
    DataFrame
        ``arm, reference, metric, permutation, value``: the difference in the main metric on the patients that both arms
        predict; permutation -1 is the difference observed. Empty without permutations, without a reference, and where no
        arm adds images to it.

    Notes
    -----
    Groups are of predicted, not of true risk, so the test is approximate. Each permutation is one repeat of the folds, whose
    score varies more than the mean over repeats that it is held against: the p value errs on the safe side.

    References
    ----------
    .. [1] Rosenbaum PR. Conditional permutation tests and the propensity score in observational studies. J Am Stat Assoc
       1984;79:565-574. The outcome stands in the place of the treatment.
    """
    columns = ["arm", "reference", "metric", "permutation", "value"]
    names = () if reference is None else (reference, with_images(reference))
    pair = [arm for name in names for arm in arms if arm.name == name]
    if len(pair) < 2 or not experiment.null:
        return pd.DataFrame(columns=columns)
    metric, _ = main_metric(design.kind)
    groups = alike(design, predictions[predictions["arm"] == reference], experiment.seed)
    dealt = [_dealt(design, experiment, (104729, number), groups) for number in range(experiment.null)]
    drawn = shuffled_out_of_fold(
        design,
        pair,
        [one for one in dealt if one is not None],
        tuning=tuning,
        jobs=experiment.jobs,
        progress=progress,
        words="outcomes shuffled among patients rated alike",
    )
    values = [_difference(predictions, pair, metric, design)]
    values += [_difference(one.predictions, pair, metric, design) for one in drawn]
    rows = [(pair[1].name, reference, metric, number, value) for number, value in enumerate(values, start=-1)]
    return pd.DataFrame(rows, columns=columns)


def alike(design: Design, predictions: pd.DataFrame, seed: int) -> pd.Series:
    """Return the group of every patient, comparable ones of about the same prediction together; indexed by patient.

    Patients without a prediction are a group of their own; ties are broken at random.
    """
    rated = predictions.groupby("patient")["p"].mean()
    strata = comparable(design)
    known = strata.index[strata.index.isin(rated.index)]
    order = np.lexsort((np.random.default_rng([seed, 104729]).random(len(known)), rated[known].to_numpy()))
    found, number = pd.Series(-1, index=strata.index), 0
    for stratum in np.unique(strata[known]):
        inside = order[(strata[known] == stratum).to_numpy()[order]]
        for members in np.array_split(inside, max(1, round(len(inside) / ALIKE))):
            found[known[members]] = number
            number += 1
    return found


def comparable(design: Design, rows: np.ndarray | None = None) -> pd.Series:
    """Return the stratum of every patient, or of those of some rows, within which outcomes may be dealt out anew.

    A stratum has the same modalities and, where rows are clips, about as many clips. Patterns of fewer than six patients
    are one stratum together, or go with the commonest where they are fewer than six in all; neighbouring numbers of clips
    are joined until a stratum has six patients.
    """
    of = design.patients if rows is None else design.patients.iloc[rows]
    owner, patients = of.to_numpy(), pd.Index(of.unique())
    blocks = {**design.blocks, **design.singles}
    there = pd.DataFrame({name: block.loc[of.index].notna().any(axis=1).to_numpy() for name, block in blocks.items()})
    pattern = there.groupby(owner).any().loc[patients].astype(int).astype(str).agg("".join, axis=1)
    counts = pattern.value_counts()
    rare = pattern.isin(counts.index[counts < ALIKE])
    pattern = pattern.mask(rare, "rare" if rare.sum() >= ALIKE else counts.index[0])
    codes = pd.Series(pd.factorize(pattern)[0], patients)
    if design.level != "clip":
        return codes
    clips = of.value_counts().loc[patients]
    found = pd.Series(0, patients)
    for code in codes.unique():
        found[codes == code] = _joined(clips[codes == code]) + found.max() + 1
    return found


def _joined(numbers: pd.Series) -> pd.Series:
    """Return a group of each, neighbouring numbers together, with six or more in each group where there are as many.

    Of all such groupings the one whose numbers differ least by ratio, weighted by how many have them.
    """
    sizes = numbers.value_counts().sort_index()
    found, total = sizes.index.to_numpy(float), np.append(0, sizes.to_numpy().cumsum())
    best: list[tuple[float, list[int]]] = [(0.0, [])]  # of the first k numbers: cost, and where each group begins
    for k in range(1, len(found) + 1):
        ways = [
            (best[j][0] + (total[k] - total[j]) * np.log(found[k - 1] / found[j]), [*best[j][1], j])
            for j in range(k)
            if total[k] - total[j] >= ALIKE and np.isfinite(best[j][0])
        ]
        best.append(min(ways, key=lambda way: (way[0], -len(way[1])), default=(np.inf, [])))
    starts = best[-1][1] or [0]
    return numbers.map(
        dict(zip(sizes.index, np.searchsorted(starts, np.arange(len(found)), side="right") - 1, strict=True))
    )


def _strata(design: Design, split: Fold | None) -> pd.Series:
    """Return the stratum of every patient, of a transfer those of each cohort by themselves."""
    if split is None:
        return comparable(design)
    taught, tested = (comparable(design, rows) for rows in split[2:])
    return pd.concat([taught, tested + taught.max() + 1])


def _dealt(
    design: Design, experiment: Experiment, of: tuple[int, int], groups: pd.Series, split: Fold | None = None
) -> tuple[np.ndarray, int, list[Fold]] | None:
    """Return a shuffled outcome, a seed and folds; None where a class is left with too few patients for folds each time.

    A patient's outcomes may be dealt to one with fewer clips, and then a rare class may be lost.
    """
    for attempt in range(TRIES):
        rng = np.random.default_rng([experiment.seed, *of, *([attempt] if attempt else [])])
        y = shuffled_outcome(design, rng, groups)
        seed = int(rng.integers(2**31))
        if split is not None:
            return y, seed, [split]
        try:
            return (
                y,
                seed,
                list(evaluate.patient_folds(y, design.patients, experiment.folds, 1, seed, kind=design.kind)),
            )
        except check.InputError:
            continue
    return None


def _difference(predictions: pd.DataFrame, pair: Sequence[Arm], metric: str, design: Design) -> float:
    """Return the score of the second arm less that of the first, on the rows that both predict."""
    key = ["repeat", "clip" if design.level == "clip" else "patient"]
    first, second = (predictions[predictions["arm"] == arm.name] for arm in pair)
    shared = pd.MultiIndex.from_frame(first[key]).intersection(pd.MultiIndex.from_frame(second[key]))
    scores = [
        _score(part[pd.MultiIndex.from_frame(part[key]).isin(shared)], metric, design) for part in (first, second)
    ]
    return scores[1] - scores[0]


def p_of_added(added: pd.DataFrame) -> tuple[float, int, int] | None:
    """Return p, one-sided, and how many of how many shuffles of :func:`added_null` gave as large a gain; None without any.

    p is :func:`blues.evaluate.permutation_p`: the observed order is one of those that chance could have dealt.
    """
    known = added.dropna(subset=["value"]) if len(added) else added
    if not len(known) or known["permutation"].min() >= 0 or known["permutation"].max() < 0:
        return None
    large = "less" if lower_is_better(known["metric"].iloc[0]) else "greater"
    observed, drawn = (known.loc[rows, "value"] for rows in (known["permutation"] < 0, known["permutation"] >= 0))
    p = evaluate.permutation_p(float(observed.iloc[0]), drawn, large)
    return p, round(p * (1 + len(drawn))) - 1, len(drawn)


def with_added(comparisons: pd.DataFrame, added: pd.DataFrame) -> pd.DataFrame:
    """Add the row of :func:`added_null` to the comparisons."""
    if (found := p_of_added(added)) is None:
        return comparisons
    p, _, drawn = found
    seen = added[added["permutation"] < 0].iloc[0]
    row = {
        **seen[["arm", "reference", "metric"]],
        "difference": seen["value"],
        "p_value": p,
        "test": f"outcomes shuffled among patients rated alike ({drawn}), one-sided",
        "question": f"Do images tell anything of the outcome that {seen['reference']} does not?",
        "family": "shuffled among patients rated alike",
        "p_holm": p,
    }
    return pd.concat([comparisons, pd.DataFrame([row])], ignore_index=True)


def _score(part: pd.DataFrame, metric: str, design: Design) -> float:
    if part["patient"].nunique() < design.patients.nunique() and part["y"].nunique() < 2:
        return float("nan")
    try:
        return evaluate.point_score(part, metric, design.kind, categories=design.categories or None)
    except check.InputError:
        return float("nan")


def shuffled_outcome(design: Design, rng: np.random.Generator, groups: pd.Series | None = None) -> np.ndarray:
    """Give each patient the outcomes of another, a patient's clips together; shape (rows,).

    With ``groups``, patient -> group, the other is one of the same group.
    """
    patients = design.patients.to_numpy()
    among = pd.Index(design.patients.unique())
    y = design.y.to_numpy()
    shuffled = y.copy()
    codes = np.zeros(len(among)) if groups is None else groups[among].to_numpy()
    parts = [among[codes == code] for code in np.unique(codes)]
    for part in parts:
        own = [np.flatnonzero(patients == patient) for patient in part]
        for rows, donor in zip(own, rng.permutation(len(own)), strict=True):
            shuffled[rows] = np.resize(rng.permutation(y[own[donor]]), len(rows))
    return shuffled
