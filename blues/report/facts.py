"""What a run says, brought into the shape that the report asks for: arms, averaged predictions, the comparison that counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from blues.check import DIGITS, columns_exist
from blues.evaluate import point_score
from blues.evaluate.named import main_metric
from blues.features.arm_names import arm_name, modalities, model_of, sees_images, with_images
from blues.fuse import Run
from blues.fuse.margin import NEGLIGIBLE, REFITTED, ends_of, left_out, mostly_out, room
from blues.fuse.null import p_of_added
from blues.models import Candidate
from blues.report.words import CONSTANT, MEAN, metric

__all__ = ["Facts", "Gain"]


@dataclass(frozen=True)
class Gain:
    """One paired difference between an arm with images and the reference, in the direction in which more is better."""

    arm: str
    reference: str
    metric: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    better: int
    patients: int | None = None
    within: tuple[float, float, float] | None = None
    """The difference and its interval where patients are ranked within their fold only; None where that is not scored."""
    refitted: tuple[float, float, float] | None = None
    """The mean difference over folds, with the interval that allows for training on other patients (Nadeau and Bengio)."""

    ends: tuple[float, float, float, float] | None = None
    """The limits of both intervals, more being better; None without one that allows for other training patients."""
    least: float = 0.0
    """An interval that lies within this on both sides is read as no difference."""
    absent: tuple[int, int] | None = None
    """In how many of how many training folds the stack gave images no weight."""
    at_chance: bool = False
    """Whether the reference itself tells no more than chance does: of noise beside noise one is often the better."""

    @property
    def negligible(self) -> bool:
        """Whether the whole interval is too near 0 to mean anything, on whichever side of it."""
        return max(abs(self.low), abs(self.high)) < self.least

    @property
    def steady(self) -> bool:
        """Whether ranking within folds shows no less than ranking over all of them.

        Models of different folds give predictions of different height, which moves a pooled AUROC and no patient's place
        among those whom the same model predicts.
        """
        if self.within is None or not np.isfinite(self.within).all():
            return True
        low, high = sorted(value * self.better for value in self.within[1:])
        return low > 0 or high < 0

    @property
    def doubt(self) -> str:
        """What speaks against an interval that excludes 0, the weightiest alone; empty where nothing does.

        ``folds`` (not :attr:`steady`), ``p`` (:attr:`large_p`), ``chance`` (:attr:`at_chance`), ``absent`` (the models of half
        of the training folds or more left images out).
        """
        if not self.steady:
            return "folds"
        if self.large_p:
            return "p"
        if self.at_chance:
            return "chance"
        return "absent" if mostly_out(self.absent) else ""

    @property
    def large_p(self) -> bool:
        """Whether p, or p after Holm's adjustment, is 0.05 or more."""
        return max(self.p, self.p_holm if np.isfinite(self.p_holm) else 0) >= 0.05

    @property
    def verdict(self) -> str:
        """What the difference shows.

        ``better``; ``weak`` (the interval excludes 0 on the good side, with a :attr:`doubt`); ``worse``; ``weakly worse``
        (with a :attr:`large_p`); ``shifted`` (worse, but not :attr:`steady`); ``unclear`` (the interval includes 0, or is
        :attr:`negligible`); ``unknown`` (no interval).
        """
        if not (np.isfinite(self.low) and np.isfinite(self.high)):
            return "unknown"
        if self.negligible:
            return "unclear"
        low, high = sorted((self.low * self.better, self.high * self.better))
        if low > 0:
            return "weak" if self.doubt else "better"
        if high < 0:
            return "shifted" if not self.steady else "weakly worse" if self.large_p else "worse"
        return "unclear"


@dataclass(frozen=True)
class Facts:
    """A run, read for the report.

    Attributes
    ----------
    run : Run
        What was found; see :class:`blues.fuse.Run`.
    """

    run: Run

    def __post_init__(self) -> None:
        columns_exist(
            ("patient", "arm", "repeat", "fold", "y", "p"), self.run.predictions.columns, "predictions.parquet"
        )
        columns_exist(("arm", "metric", "value", "low", "high"), self.run.scores.columns, "scores.csv")

    @cached_property
    def design(self) -> Mapping[str, Any]:
        """The facts of the design, with what older runs lack filled in from the predictions."""
        y = self.run.predictions["y"]
        kind = "binary" if set(y.unique()) <= {0, 1} else "continuous"
        facts = {"task": getattr(self.run.experiment, "task", "outcome"), "kind": kind, "level": "patient"}
        facts |= {"label": facts["task"], "moment": "", "cohort": "", "modalities": {}, "dropped": []}
        return facts | dict(self.run.design)

    @cached_property
    def experiment(self) -> dict[str, Any]:
        """The experiment's settings by name."""
        return dataclasses.asdict(self.run.experiment)

    @property
    def seed(self) -> int:
        """The seed of the run, for the bands of its curves."""
        return int(self.experiment.get("seed") or 0)

    @property
    def binary(self) -> bool:
        """Whether the outcome is yes or no."""
        return bool(self.design["kind"] == "binary")

    @property
    def moved(self) -> Mapping[str, Any] | None:
        """Where all arms were fitted on one cohort and tested once on another: ``train, test, train_patients``; else None."""
        return self.design.get("transfer")

    def by_way(self, crossed: str, once: str) -> str:
        """Return the words for a run that was cross-validated, or those for one that was tested once on another cohort."""
        return once if self.moved else crossed

    def asked_once(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return scores or comparisons; of a single test without those that differ from others by folds or repeats only."""
        if not self.moved:
            return table
        again = table["metric"].astype(str).str.endswith(("_within_fold", "_fold_mean", "_mean_prediction"))
        return table[~again & (table["test"] != REFITTED if "test" in table else True)]

    @property
    def clips(self) -> bool:
        """Whether a row is a clip, and not a patient."""
        return bool(self.design["level"] == "clip")

    @property
    def sees_images(self) -> bool:
        """Whether a model looks at images in any arm."""
        return any("image" in modalities(arm) for arm in self.arms)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The ways to learn that the arms of several kinds of information had: one, one a model, or those that competed."""
        return tuple(c for rivals in self.run.experiment.rivals().values() for c in rivals)

    @property
    def timed(self) -> bool:
        """Whether the outcome is a time to an event."""
        return bool(self.design["kind"] == "time")

    @property
    def metric(self) -> str:
        """Name of the metric by which arms are ranked."""
        return main_metric(self.design["kind"])[0]

    @cached_property
    def _rows(self) -> pd.DataFrame:
        """The predictions, with ``row``: the clip where a row is one, else the patient."""
        table = self.run.predictions
        return table.assign(row=table["clip" if "clip" in table else "patient"].astype(str))

    @cached_property
    def averaged(self) -> pd.DataFrame:
        """One row an arm and row of the design: ``arm, row, patient, y, p, n, sd`` (mean, number and spread over repeats)."""
        grouped = self._rows.groupby(["arm", "row"], sort=False)
        mean = grouped.agg(patient=("patient", "first"), y=("y", "first"), p=("p", "mean"), n=("p", "size"))
        return mean.assign(sd=grouped["p"].std(ddof=0)).round({"p": DIGITS}).reset_index()

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The first row of each arm and metric of the scores: the interval that is reported first."""
        return self.run.scores.drop_duplicates(["arm", "metric"], ignore_index=True)

    @cached_property
    def arms(self) -> list[str]:
        """The arms, in the order of the run."""
        return [str(a) for a in dict.fromkeys(self.run.predictions["arm"])]

    def score(self, arm: str, name: str | None = None) -> tuple[float, float, float]:
        """Return value, low and high of an arm's score; NaN where it has none."""
        name = name or self.metric
        found = self.scores[(self.scores["arm"] == arm) & (self.scores["metric"] == name)]
        if not len(found):
            return (float("nan"),) * 3
        value, low, high = found[["value", "low", "high"]].to_numpy(float)[0]
        return value, low, high

    def people(self, arm: str | None = None) -> tuple[int, int, int]:
        """Return the patients of an arm (of any arm), how many have the outcome and how many have not."""
        table = self.averaged if arm is None else self.averaged[self.averaged["arm"] == arm]
        outcome = table.groupby("patient")["y"].max()
        if self.timed:
            code = self.run.predictions.drop_duplicates("patient").set_index("patient")["event"]
            outcome = (code[outcome.index] == 1).astype(int)
        events = int((outcome > 0).sum()) if self.binary or self.timed else 0
        return len(outcome), events, len(outcome) - events

    def smaller_class(self, arm: str | None = None) -> int | None:
        """Return the patients in the smaller class of a binary outcome; of a time, those who had the event."""
        if self.timed:
            return self.people(arm)[1]
        return min(self.people(arm)[1:]) if self.binary else None

    def rows(self, arm: str | None = None) -> tuple[int, int]:
        """Return the rows of an arm (of any arm), patients or clips, and how many of them have the outcome."""
        table = self.averaged if arm is None else self.averaged[self.averaged["arm"] == arm]
        outcome = table.drop_duplicates("row")["y"]
        return len(outcome), int((outcome > 0).sum()) if self.binary else 0

    @cached_property
    def gains(self) -> list[Gain]:
        """What each arm with images adds to the reference, in the main metric; the null is not among them."""
        return [gain for gain in self._gains if gain.reference == self._gains[0].reference]

    @cached_property
    def elsewhere(self) -> list[Gain]:
        """What images add to the other arms without images, each compared with itself and images."""
        return [gain for gain in self._gains if gain.reference != self._gains[0].reference]

    @cached_property
    def _gains(self) -> list[Gain]:
        """Every paired difference in the main metric, those to the reference first."""
        table = self.run.comparisons
        if not len(table):
            return []
        table = table[
            (table["metric"] == self.metric) & table["arm"].isin(self.arms) & table["reference"].isin(self.arms)
        ]
        table = table[table["arm"].map(lambda arm: sees_images(modalities(arm))).astype(bool)]
        found = []
        for (arm, reference), part in table.groupby(["arm", "reference"], sort=False):
            with_interval = part[part["low"].notna() & part["high"].notna()]
            first = (with_interval if len(with_interval) else part).iloc[0]
            p = part["p_value"].dropna()
            holm = part["p_holm"].dropna() if "p_holm" in part else p.iloc[:0]
            found.append(
                Gain(
                    arm=str(arm),
                    reference=str(reference),
                    metric=self.metric,
                    difference=float(first["difference"]),
                    low=float(first["low"]),
                    high=float(first["high"]),
                    p=_first(first["p_value"], p),
                    p_holm=_first(first.get("p_holm"), holm),
                    better=metric(self.metric).better,
                    patients=int(first["patients"]) if pd.notna(first.get("patients")) else None,
                    within=self._within_folds(str(arm), str(reference)),
                    refitted=_estimate(part[part["test"] == REFITTED]),
                    ends=ends_of(table, self.metric, str(arm), str(reference), metric(self.metric).better),
                    least=NEGLIGIBLE * abs(self.score(str(reference))[0]),
                    absent=left_out(self.run.choices, str(arm)),
                    at_chance=self.at_chance(str(reference)),
                )
            )
        return found

    def at_chance(self, arm: str) -> bool:
        """Return whether an arm ranks no better than chance, or errs no less than a constant does."""
        value, better = self.score(arm)[0], metric(self.metric).better
        if self.metric in ("auroc", "uno_c"):
            return bool(value <= 0.5)
        own = self._rows["patient"].isin(set(self.of(arm)["patient"]))  # errors of other patients are no match
        constants = [
            point_score(part, self.metric, str(self.design["kind"]), categories=self.design.get("categories") or None)
            for name, part in self._rows[own].groupby("arm")
            if name in (CONSTANT, MEAN) and name != arm
        ]
        return any(better * value <= better * constant for constant in constants)

    def _within_folds(self, arm: str, reference: str) -> tuple[float, float, float] | None:
        """Return the difference in the AUROC ranked within folds, and its interval; None where it is not scored."""
        table = self.run.comparisons
        rows = table[
            (table["metric"] == f"{self.metric}_within_fold")
            & (table["arm"] == arm)
            & (table["reference"] == reference)
        ]
        return _estimate(rows)

    @cached_property
    def without_images(self) -> list[str]:
        """The arms for which neither a model nor an expert looked at the images."""
        return [a for a in self.arms if not sees_images(modalities(a))]

    @cached_property
    def reference(self) -> str | None:
        """The arm without images: the reference of the comparisons, else the best score; None when there is none."""
        if self.gains:
            return self.gains[0].reference
        return self._best(self.without_images)

    @property
    def rivals(self) -> list[str]:
        """The arms without images that the reference was the best of; the constant among them where it has a score."""
        constant = self.binary or self.timed  # which cannot rank
        return [arm for arm in self.without_images if arm not in (CONSTANT, MEAN) or not constant]

    @property
    def reference_kind(self) -> str:
        """What the reference is: chosen by its score, or named."""
        if self.run.experiment.reference:
            return "the arm without images named as reference"
        found = len(self.rivals)
        return f"the best of {found} arms without images" if found > 1 else "the arm without images"

    @property
    def constant_alone(self) -> bool:
        """Whether all that stands beside images is a constant: then nothing can be said of what they add."""
        return (
            self.reference is not None and self.candidate is not None and {CONSTANT, MEAN} >= set(self.without_images)
        )

    @cached_property
    def adds(self) -> bool:
        """Whether the candidate is the reference with images added, and not another arm that happens to see images."""
        if self.candidate is None or self.reference is None:
            return False
        wanted = {"image", *modalities(self.reference)}
        return set(modalities(self.candidate)) == wanted and model_of(self.candidate) == model_of(self.reference)

    @property
    def unit(self) -> str:
        """The unit of an outcome that is a number, and of errors in it; empty where there is none."""
        return str(self.design.get("unit") or "") if self.design["kind"] == "continuous" else ""

    def label(self, name: str | None = None) -> str:
        """Return what a metric, by default that of the run, is called where numbers stand under it: with its unit."""
        name = name or self.metric
        unit = self.unit if name in ("mae", "rmse") else ""
        return metric(name).label + (f" ({unit})" if unit else "")

    @property
    def in_unit(self) -> str:
        """What follows a number in the main metric: a blank and its unit, or nothing."""
        return f" {self.unit}" if self.unit and self.metric in ("mae", "rmse") else ""

    @property
    def outcome_unit(self) -> str:
        """What Shapley values and predictions are counted in: the dictionary's unit for a number, where it gives one."""
        given = str(self.design.get("unit") or "")
        return given or (self.run.attributions.unit if self.run.attributions is not None else "")

    def room(self, arm: str) -> float:
        """Return the largest gain that a reference with this arm's score leaves."""
        return room(self.metric, self.score(arm)[0])

    def left_out(self, arm: str) -> tuple[int, int] | None:
        """Return in how many of how many training folds an arm's stack gave images no weight; None where none is stacked."""
        return left_out(self.run.choices, arm)

    @property
    def added(self) -> tuple[float, int, int] | None:
        """p, how many, of how many: shuffles among patients rated alike that gave as large a gain as the headline's."""
        return p_of_added(self.run.added)

    @cached_property
    def candidate(self) -> str | None:
        """The reference with images added, where there is such an arm; else the arm with images that scores best."""
        seeing = [a for a in self.arms if "image" in modalities(a)]
        if self.reference is not None:
            wanted = with_images(self.reference)
            if wanted in seeing:
                return wanted
        return self._best(seeing)

    @cached_property
    def alone(self) -> str | None:
        """The arm that sees images only, of the candidate's model."""
        wanted = arm_name(("image",), model_of(self.candidate or ""))
        return wanted if wanted in self.arms else None

    @property
    def headline(self) -> Gain | None:
        """The paired difference that answers the question: images added to the reference."""
        return next((g for g in self.gains if g.arm == self.candidate), None)

    @cached_property
    def key_arms(self) -> list[str]:
        """The arms that curves are drawn for: with images, without, images alone; else the best three."""
        arms = [a for a in (self.candidate, self.reference, self.alone) if a is not None]
        return list(dict.fromkeys(arms)) or self.arms[:3]

    def _best(self, arms: list[str]) -> str | None:
        values = {a: self.score(a)[0] * metric(self.metric).better for a in arms}
        known = {a: v for a, v in values.items() if np.isfinite(v)}
        return max(known, key=lambda a: known[a]) if known else (arms[0] if arms else None)

    def of(self, arm: str) -> pd.DataFrame:
        """Return the averaged predictions of one arm."""
        return self.averaged[self.averaged["arm"] == arm]

    def repeats_of(self, arm: str) -> np.ndarray:
        """Return an arm's predictions, shape (repeats, rows), rows in the order of :meth:`of`; repeats that are whole."""
        table = self._rows[self._rows["arm"] == arm]
        wide = table.pivot_table(index="repeat", columns="row", values="p", aggfunc="mean")
        return np.asarray(wide[self.of(arm)["row"].to_list()].dropna().to_numpy(float))


def _estimate(rows: pd.DataFrame) -> tuple[float, float, float] | None:
    """Return difference, low and high of the first row that has them."""
    known = rows.dropna(subset=["low", "high"])
    return tuple(known.iloc[0][["difference", "low", "high"]].astype(float)) if len(known) else None


def _first(preferred: Any, others: pd.Series) -> float:
    if preferred is not None and pd.notna(preferred):
        return float(preferred)
    return float(others.iloc[0]) if len(others) else float("nan")
