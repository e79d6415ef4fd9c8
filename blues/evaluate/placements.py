"""How each score ranks among those of the other class: placements from one sort, and weighted for resampling.

The placement of a positive is the share of negatives it outranks (ties count one half); of a negative, the share of
positives that outrank it. The AUROC is the mean placement; DeLong's and Obuchowski's variances are sums of their
squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = [
    "Ties",
    "class_holders",
    "cross_placements",
    "influence",
    "pair_wins",
    "sorted_ties",
    "variance_of_influence",
    "weighted_auroc",
]

_PAIRS = 1 << 20  # positives x negatives up to which the matrix of pairs is held


@dataclass(frozen=True)
class Ties:
    """Scores in rising order, equal ones together.

    Attributes
    ----------
    order : ndarray of int, shape (n,)
        Rows in rising order of score.
    last : ndarray of int, shape (groups,)
        Position in ``order`` of each group's last member.
    positives, negatives : ndarray of float, shape (groups,)
        How many of each class each group holds.
    above : ndarray of float, shape (groups,)
        Placement of a positive in each group: negatives below, plus half of those tied.
    below : ndarray of float, shape (groups,)
        Placement of a negative in each group: positives above, plus half of those tied.
    """

    order: np.ndarray
    last: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    above: np.ndarray
    below: np.ndarray

    @property
    def auroc(self) -> float:
        """Area under the ROC curve, ties counted one half."""
        return float(self.positives @ self.above / self.positives.sum())

    def variance(self) -> float:
        """Return DeLong's variance of the AUROC; NaN with fewer than two of a class."""
        m, n = self.positives.sum(), self.negatives.sum()
        if min(m, n) < 2:
            return float("nan")
        area = self.auroc
        return float(
            self.positives @ (self.above - area) ** 2 / (m * (m - 1))
            + self.negatives @ (self.below - area) ** 2 / (n * (n - 1))
        )

    def hanley_mcneil_variance(self) -> float:
        """Return Hanley & McNeil's variance of the AUROC, Q1 and Q2 from the data (1982, Radiology 143:29)."""
        m, n, area = self.positives.sum(), self.negatives.sum(), self.auroc
        over = m - np.cumsum(self.positives)
        under = np.cumsum(self.negatives) - self.negatives
        q1 = self.negatives @ (over**2 + over * self.positives + self.positives**2 / 3) / (n * m**2)
        q2 = self.positives @ (under**2 + under * self.negatives + self.negatives**2 / 3) / (m * n**2)
        spread = area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)
        return float(max(0.0, spread) / (m * n))

    def placements(self, y: np.ndarray) -> np.ndarray:
        """Return each row's placement among the other class, shape (n,)."""
        group = np.repeat(np.arange(len(self.last)), np.diff(self.last, prepend=-1))
        placed = np.empty(len(self.order))
        sorted_y = y[self.order]
        placed[self.order] = np.where(sorted_y == 1, self.above[group], self.below[group])
        return placed


def sorted_ties(y: np.ndarray, score: np.ndarray) -> Ties:
    """Sort once and count; y holds 0 and 1, both present.

    Sun & Xu 2014, IEEE Signal Process Lett 21:1389, showed that DeLong's variance needs ranks only; with the counts
    of each group of equal scores one sort does instead of three.
    """
    order = np.argsort(score)
    return _counted(order, score[order], y)


def _counted(order: np.ndarray, ranked: np.ndarray, y: np.ndarray) -> Ties:
    """Count each class in each group of equal scores, ``ranked`` being the scores in rising order."""
    is_last = np.empty(len(ranked), dtype=bool)
    np.not_equal(ranked[1:], ranked[:-1], out=is_last[:-1])
    is_last[-1] = True
    last = np.flatnonzero(is_last)
    upto_positives = np.cumsum(y[order])[last].astype(float)
    upto_negatives = last + 1 - upto_positives
    positives = np.diff(upto_positives, prepend=0)
    negatives = np.diff(upto_negatives, prepend=0)
    above = (upto_negatives - negatives / 2) / upto_negatives[-1]
    below = 1 - (upto_positives - positives / 2) / upto_positives[-1]
    return Ties(order, last, positives, negatives, above, below)


def delong_variance(y: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """Return the AUROC and DeLong's variance of it (NaN with fewer than two of a class), by one sort.

    Without ties a positive's placement is its place in the order less the positives before it: nothing else is stored.
    """
    order = np.argsort(score)
    ranked = score[order]
    m = int(y.sum())
    n = len(y) - m
    if min(m, n) < 2 or np.equal(ranked[1:], ranked[:-1]).any():
        ties = _counted(order, ranked, y)
        return ties.auroc, ties.variance()
    is_positive = y.astype(np.int8)[order]
    above = (np.flatnonzero(is_positive) - np.arange(m)) / n
    below = 1 - (np.flatnonzero(is_positive == 0) - np.arange(n)) / m
    return float(above.mean()), float(above.var(ddof=1) / m + below.var(ddof=1) / n)


def influence(y: np.ndarray, score: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the AUROC and each row's influence on it, shape (n,): (placement - AUROC) / size of the row's class."""
    ties = sorted_ties(y, score)
    positives = int(y.sum())
    sizes = np.where(y == 1, positives, len(y) - positives)
    return ties.auroc, (ties.placements(y) - ties.auroc) / sizes


def variance_of_influence(y: np.ndarray, influences: np.ndarray, codes: np.ndarray | None = None) -> float:
    """Return the variance of an AUROC, or of a difference of two, from the rows' influences.

    Without ``codes`` DeLong's; with them (the cluster of each row) Obuchowski 1997, Biometrics 53:567, which allows
    clusters that hold both classes. NaN with fewer than two rows (clusters) of a class.
    """
    if codes is None:
        codes = np.arange(len(y))
    count = int(codes.max()) + 1
    total, sums, holders = 0.0, [], []
    for label in (1, 0):
        mine = y == label
        sums.append(np.bincount(codes[mine], influences[mine], minlength=count))
        holders.append(int(np.count_nonzero(np.bincount(codes[mine], minlength=count))))
        if holders[-1] < 2:
            return float("nan")
        total += holders[-1] / (holders[-1] - 1) * float(sums[-1] @ sums[-1])
    return max(0.0, total + 2 * count / (count - 1) * float(sums[0] @ sums[1]))


def class_holders(y: np.ndarray, codes: np.ndarray | None = None) -> tuple[int, int]:
    """Return how many patients hold a row with, and how many a row without the event; without codes a row is a patient."""
    who = np.arange(len(y)) if codes is None else codes
    return len(np.unique(who[y == 1])), len(np.unique(who[y == 0]))


def cross_placements(at: np.ndarray, among: np.ndarray, *, positive: bool) -> np.ndarray:
    """Return the placements of scores ``at`` of one class among the scores ``among`` of the other."""
    ranked = np.sort(among)
    below = np.searchsorted(ranked, at, "left")
    upto = np.searchsorted(ranked, at, "right")
    share = (below + upto) / (2 * len(ranked))
    return share if positive else 1 - share


def pair_wins(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Return 1 where a positive outranks a negative, 1/2 where they tie, else 0; shape (positives, negatives)."""
    return (np.sign(positive[:, None] - negative[None, :]) + 1) / 2


def weighted_auroc(
    y: np.ndarray, scores: np.ndarray, weights: np.ndarray, codes: np.ndarray | None = None
) -> np.ndarray:
    """Return the mean over repeats of the AUROC, for many weightings of the rows at once.

    Parameters
    ----------
    y : ndarray, shape (n,)
        0 and 1, both present.
    scores : ndarray, shape (repeats, n)
    weights : ndarray, shape (draws, n), or (draws, patients) with codes
    codes : ndarray of int, shape (n,), optional
        The patient of each row, whose weight it takes.

    Returns
    -------
    ndarray, shape (draws,)
        NaN where a draw gives a class no weight.
    """
    mine, other = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    if len(mine) * len(other) <= _PAIRS:
        positive, negative = (weights[:, rows if codes is None else codes[rows]] for rows in (mine, other))
        pairs = positive.sum(1) * negative.sum(1)
        wins = np.zeros((len(mine), len(other)))
        for score in scores:
            wins += pair_wins(score[mine], score[other])
        won = np.einsum("bj,bj->b", positive @ wins, negative)
    else:
        pairs = np.ones(len(weights))
        for rows in (mine, other):
            pairs *= weights @ np.bincount(rows if codes is None else codes[rows], minlength=weights.shape[1])
        won = sum((_won_pairs(y, score, weights, codes) for score in scores), np.zeros(len(weights)))
    return np.divide(won / len(scores), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def _won_pairs(y: np.ndarray, score: np.ndarray, weights: np.ndarray, codes: np.ndarray | None = None) -> np.ndarray:
    """Return the weighted pairs in which the positive outranks the negative, shape (draws,), by one sort.

    A positive at place i of the sorted negatives wins the weight of the first i: one running sum a draw.
    """
    order = np.argsort(score)
    mine, other = order[y[order] == 1], order[y[order] == 0]
    low = np.searchsorted(score[other], score[mine], "left")
    high = np.searchsorted(score[other], score[mine], "right")
    tied = not np.array_equal(low, high)
    if codes is not None:
        mine, other = codes[mine], codes[other]
    upto, won = np.zeros(len(other) + 1), np.empty(len(weights))
    for b, row in enumerate(weights):
        np.cumsum(row[other], out=upto[1:])
        below = (upto[low] + upto[high]) / 2 if tied else upto[low]
        won[b] = row[mine] @ below
    return won
