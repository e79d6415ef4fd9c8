"""The record every coefficient returns, and its words."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from blues.agree.resample import Interval
from blues.check import FEW_PATIENTS, InputError, counted, interval, number
from blues.cohort.display import panel
from blues.provenance import write_json

__all__ = [
    "BANDS",
    "DOUBTS",
    "MEASURED",
    "Agreement",
    "LargeSample",
    "band_probabilities",
    "build",
    "decimals",
    "frame_of",
    "of_item",
    "of_pairs",
    "impossible",
]

BANDS = {
    "poor": (-math.inf, 0.0),
    "slight": (0.0, 0.2),
    "fair": (0.2, 0.4),
    "moderate": (0.4, 0.6),
    "substantial": (0.6, 0.8),
    "almost perfect": (0.8, math.inf),
}
"""Landis & Koch, Biometrics 1977: below 0; 0 to 0.20; above 0.20 to 0.40; and so on."""
MEASURED = ("Bland-Altman", "standard error of measurement", "minimal detectable change")
"""Coefficients in the unit of what was measured."""
TEXTS = dict.fromkeys(("reason", "note", "left_out", "interval"), object)
"""Columns of a record's row that may be empty in one row and not in the next."""
DOUBTS = ("interval", "reason", "note")
"""What of a record's detail stands beside its numbers: the kind of interval, why there is none, what is doubtful."""
_NAMES = {"percent_agreement": "share of equal ratings", "po": "observed agreement", "pe": "agreement by chance"}


@dataclass(frozen=True)
class LargeSample:
    """An interval from a formula.

    Attributes
    ----------
    low, high, se : float
        Limits and standard error.
    method : str
        The formula's name.
    independent : bool
        Whether subjects count as independent, so that ``se`` may stand as the coefficient's.
    """

    low: float
    high: float
    se: float
    method: str
    independent: bool = True


@dataclass(frozen=True, eq=False)
class Agreement:
    """One coefficient of agreement.

    Attributes
    ----------
    value : float
        The coefficient; NaN where it is undefined, with the reason in ``detail["reason"]``.
    low, high : float
        Limits of its interval; ``detail["interval"]`` says which kind.
    se : float
        Standard error: the large-sample one where a formula exists and subjects are independent, else that of the
        resampling; ``detail["se_of"]`` says which.
    subjects, raters : int
        What it was computed from.
    method : str
        The coefficient's name with weights, scale or form.
    detail : dict
        What else it has: observed and chance agreement, per category, limits, the analytic interval, ``bands`` (the
        probability of each Landis-Koch band), notes.
    """

    value: float
    low: float
    high: float
    se: float
    subjects: int
    raters: int
    method: str
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def reason(self) -> str | None:
        """Why a number is NaN, if one is."""
        return self.detail.get("reason")

    def sentence(self) -> str:
        """Return one sentence that a paper could use."""
        patients = self.detail.get("clusters", self.subjects)
        of = f" of {counted(patients, 'patient')}" if patients < self.subjects else ""
        whom = self.detail.get("of") or f"{counted(self.raters, 'rater')} on {counted(self.subjects, 'subject')}{of}"
        if not math.isfinite(self.value):
            return f"{self.method} of {whom} is undefined: {self.detail.get('reason', 'no reason known')}."
        n = max(2, decimals([self.value, self.low, self.high])) if self.method.startswith(MEASURED) else 2
        text = f"{self.method} of {whom} was {number(self.value, n)}"
        if math.isfinite(self.low):
            level = round(100 * self.detail.get("confidence", 0.95), 1)
            text += f" ({level:g}% CI {number(self.low, n)} to {number(self.high, n)}; {self.detail.get('interval')})"
        elif self.reason:
            text += f" ({self.reason})"
        if bands := self.detail.get("bands"):
            likely = sorted(((p, name) for name, p in bands.items() if p >= 0.05), reverse=True)
            words = ", ".join(f"{name!r} with probability {number(p)}" for p, name in likely)
            text += f"; on the Landis-Koch scale it is {words}"
        if verdict := self.detail.get("verdict"):
            text += f": {verdict}"
        patients = min(patients, self.subjects)
        if 0 < patients < FEW_PATIENTS:
            unit = "patient" if patients < self.subjects else "subject"
            text += f". Only {counted(patients, unit)}: neither interval nor words can be relied on"
        if note := self.detail.get("note"):
            text += f". Note: {note}"
        return text + "."

    def to_frame(self) -> pd.DataFrame:
        """Return one tidy row: method, value, low, high, se, subjects, raters, left_out, interval, reason, note.

        ``subjects`` were rated twice at the least, ``left_out`` are those that the coefficient could not use; ``note`` is what
        is doubtful, and the verdict where a margin was given.
        """
        row = {k: getattr(self, k) for k in ("method", "value", "low", "high", "se", "subjects", "raters")}
        told = "; ".join(filter(None, (self.detail.get("verdict"), self.detail.get("note")))) or None
        more = {"left_out": self.detail.get("left_out"), "interval": self.detail.get("interval"), "reason": self.reason}
        return pd.DataFrame([{**row, **more, "note": told}])

    def __str__(self) -> str:
        return self.sentence()

    def _repr_html_(self) -> str:
        """Return the coefficient with its interval, and its sentence, for a notebook."""
        rows = [("value", interval(self.value, self.low, self.high, 3)), ("interval", str(self.detail.get("interval")))]
        rows += [("standard error", f"{number(self.se, 3)} ({self.detail.get('se_of')})")]
        rows += [("subjects, raters", f"{self.subjects}, {self.raters}")]
        for name in ("percent_agreement", "po", "pe"):
            if isinstance(value := self.detail.get(name), float):
                rows.append((_NAMES[name], number(value, 3)))
        rows += [(name, str(self.detail[name])) for name in ("reason", "note") if name in self.detail]
        return panel(self.method, "", ("", ""), rows, [self.sentence()])

    def save(self, path: str | Path) -> Path:
        """Write the record as JSON; ``path`` is a file, or a folder that gets ``agreement.json``.

        Parameters
        ----------
        path : path
            Ends in ``.json``, or is a folder.
        """
        path = Path(path)
        path = path if path.suffix == ".json" else path / "agreement.json"
        write_json(path, _plain(dataclasses.asdict(self)))
        return path

    @classmethod
    def load(cls, path: str | Path) -> Agreement:
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path : path
            As :meth:`save` took it.

        Raises
        ------
        InputError
            When the file holds something else.
        """
        path = Path(path)
        path = path if path.suffix == ".json" else path / "agreement.json"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise InputError("not JSON", file=path, remedy="Save the agreement again") from None
        known = {f.name for f in dataclasses.fields(cls)}
        if not isinstance(values, dict) or set(values) != known:
            raise InputError("not an agreement record", file=path, allowed=sorted(known))
        return cls(**{k: _back(v, number=k in ("value", "low", "high", "se")) for k, v in values.items()})


def of_item(title: str) -> str:
    """Return what stands before the sentences of a result: the item rated, with which titles of several items begin.

    Examples
    --------
    >>> of_item("severity: Main results"), of_item("Main results")
    ('severity: ', '')
    """
    item, colon, _ = title.partition(": ")
    return item + colon if colon else ""


def of_pairs(frame: pd.DataFrame, apart: int, subjects: int) -> str:
    """Say which pairs a mean over pairs is without, and which of them rest on few of the subjects; empty where all is well.

    Parameters
    ----------
    frame : DataFrame
        One row a pair: ``pair, rater_a, rater_b, value, subjects``.
    apart : int
        Pairs that share no subject and have no row.
    subjects : int
        Subjects with two ratings.
    """
    lost = int(frame["value"].isna().sum())
    lacking = [f"{counted(apart, 'pair')} share{'s' * (apart == 1)} no subject"] if apart else []
    lacking += [f"{counted(lost, 'pair')} {'has' if lost == 1 else 'have'} an undefined kappa"] if lost else []
    told = [f"{' and '.join(lacking)}; the mean is over the others"] if lacking else []
    few = frame[(frame["subjects"] < FEW_PATIENTS) & frame["value"].notna()]
    if len(few) and subjects >= FEW_PATIENTS:
        shared = set.intersection(*map(set, few[["rater_a", "rater_b"]].to_numpy().tolist()))
        who = " and ".join(few["pair"]) if len(few) <= 3 else f"{len(few)} of {counted(len(frame) + apart, 'pair')}"
        if len(shared) == 1:
            who = f"{counted(len(few), 'pair')} of {shared.pop()}"
        rest = (
            f"rest{'s' * (len(few) == 1)} on fewer than {FEW_PATIENTS} subjects ({few['subjects'].min()} at the least)"
        )
        told.append(f"{who} {rest}, and the mean takes every pair alike")
    return "; ".join(told)


def frame_of(records: Sequence[Agreement]) -> pd.DataFrame:
    """Return one tidy row a record."""
    return pd.concat([one.to_frame().astype(TEXTS) for one in records], ignore_index=True)


def impossible(method: str, frame: pd.DataFrame, reason: str, confidence: float) -> Agreement:
    """Return the record of a coefficient that cannot be computed from these ratings at all."""
    detail = {"reason": reason.rstrip("."), "interval": None, "confidence": confidence, "clusters": 0}
    return Agreement(math.nan, math.nan, math.nan, math.nan, 0, frame.shape[1], method, detail)


def decimals(values: Iterable[float]) -> int:
    """Return the decimals that show three digits of the largest of these numbers.

    Examples
    --------
    >>> decimals([0.0021, -0.0103]), decimals([12.3, 150.0])
    (4, 0)
    """
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    return max(0, 2 - math.floor(math.log10(largest))) if largest else 0


def _plain(value: Any) -> Any:
    """Return a value in JSON's own types; frames and NaN are marked."""
    if isinstance(value, pd.DataFrame):
        frame = value.astype(object).where(value.notna(), None)
        return {"frame": {k: _plain(v) for k, v in frame.to_dict(orient="split").items()}}
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value


def _back(value: Any, number: bool = False) -> Any:
    if isinstance(value, dict):
        if set(value) == {"float"}:
            return float(value["float"])
        if set(value) == {"frame"}:
            inner = value["frame"]
            return pd.DataFrame(**{k: _back(inner[k]) for k in ("data", "index", "columns")})
        return {k: _back(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_back(v) for v in value]
    return float(value) if number else value


def band_probabilities(value: float, se: float, replicates: np.ndarray | None) -> dict[str, float] | None:
    """Return the probability of each Landis-Koch band, from bootstrap replicates or a normal distribution."""
    # a value on an edge belongs to the band below it, but 0 is slight, not poor
    edges = np.array([-math.inf, np.nextafter(0, -1), 0.2, 0.4, 0.6, 0.8, math.inf])
    if replicates is not None:
        kept = replicates[np.isfinite(replicates)]
        if not len(kept):
            return None
        shares = np.histogram(-kept, bins=-edges[::-1])[0][::-1] / len(kept)
    elif math.isfinite(se) and se > 0:
        shares = np.diff(special.ndtr((edges - value) / se))
    else:
        return None
    return {name: round(float(p), 4) for name, p in zip(BANDS, shares, strict=True)}


def build(
    interval: Interval,
    *,
    subjects: int,
    raters: int,
    method: str,
    confidence: float,
    detail: dict[str, Any],
    reason: Callable[[], str] | str | None = None,
    analytic: LargeSample | None = None,
    banded: bool = True,
    bounds: tuple[float, float] = (-math.inf, 1.0),
    chance: float | None = None,
    units: int | None = None,
) -> Agreement:
    """Put the first of an interval's values into a record.

    Parameters
    ----------
    interval : Interval
        Value, limits and standard error.
    subjects, raters : int
        How many entered.
    method : str
        The coefficient's name, as a reader sees it.
    confidence : float
        Level of the interval.
    detail : dict
        What else the record shall say.
    analytic : LargeSample, optional
        The large-sample interval, kept beside the other; it is the interval if that was asked for.
    reason : str, or callable that gives it, optional
        Why the value is undefined; used if it is.
    banded : bool
        Whether Landis-Koch bands mean anything for this coefficient.
    bounds : (float, float)
        What the coefficient can be at all; limits beyond are cut.
    chance : float, optional
        Disagreement expected by chance, as a share of the largest there can be. Where nobody disagreed, every resample gives 1,
        which says nothing of what more subjects might show: the lower limit is then 1 less Wilson's upper limit of no
        disagreement among so many independent units, over this, and not below -1.
    units : int, optional
        The independent units that could be compared, where others only stand in the table.
    """
    value, low, high, se = (float(a[0]) for a in (interval.value, interval.low, interval.high, interval.se))
    detail = {
        **detail,
        "interval": interval.method,
        "confidence": confidence,
        "clusters": interval.clusters if units is None else units,
    }
    detail["se_of"] = interval.method
    if analytic is not None:
        detail.update(analytic_low=analytic.low, analytic_high=analytic.high, analytic_se=analytic.se)
        detail.update(analytic=analytic.method, interval_se=se)
        if interval.method.startswith("delta"):
            low, high, detail["interval"] = analytic.low, analytic.high, analytic.method
        if analytic.independent and not interval.method.startswith("delete"):
            se, detail["se_of"] = analytic.se, analytic.method
    if not math.isfinite(value):
        value = low = high = se = math.nan
        detail["reason"] = (reason() if callable(reason) else reason) or "the coefficient is 0/0 in these data"
        return Agreement(value, low, high, se, subjects, raters, method, detail)
    low, high = (float(np.clip(x, *bounds)) for x in (low, high))
    formula = interval.method.startswith("delta") and chance is None
    if high - low < 1e-12 and not formula:
        return _without_width(Agreement(value, low, high, se, subjects, raters, method, detail), chance, bounds)
    note = _doubts(interval, low, detail["clusters"])
    if not math.isfinite(low):
        detail["reason"] = note.pop("reason")
    detail.update(note)
    if banded:
        replicates = None if interval.replicates is None else interval.replicates[:, 0]
        if (bands := band_probabilities(value, se, replicates)) is not None:
            detail["bands"] = bands
    return Agreement(value, low, high, se, subjects, raters, method, detail)


def _without_width(record: Agreement, chance: float | None, bounds: tuple[float, float]) -> Agreement:
    """Put in place of an interval of no width what can be said instead, or the reason why nothing can."""
    units = min(record.detail["clusters"], record.subjects)
    detail = dict(record.detail)
    if units >= 2 and record.value == 1 and chance is not None and chance > 0:
        z = float(special.ndtri(0.5 + record.detail["confidence"] / 2))
        low = max(bounds[0], -1.0, 1 - z**2 / (units + z**2) / chance)
        detail |= {
            "interval": "Wilson's limit of no disagreement",
            "note": "nobody disagreed: resampling gives no interval",
        }
        return dataclasses.replace(record, low=low, high=1.0, detail=detail)
    reason = f"no interval: every resample gives {record.value:.2f}, which says nothing of what more data might show"
    return dataclasses.replace(record, low=math.nan, high=math.nan, detail=detail | {"reason": reason})


def _doubts(interval: Interval, low: float, units: int) -> dict[str, str]:
    """Say what is doubtful about an interval."""
    found = {}
    undefined = int(interval.undefined[0])
    if not math.isfinite(low):
        if low == -math.inf:
            found["reason"] = "the interval has no lower limit in these data"
        elif interval.clusters < 2:
            found["reason"] = "no interval: it needs at least two independent subjects or clusters"
        elif interval.method == "none":
            found["reason"] = "no interval was asked for (draws=0)"
        else:
            found["reason"] = f"no interval: the coefficient is undefined in {undefined} of the resampled data sets"
    elif undefined:
        found["note"] = f"undefined in {undefined} of the draws, which were left out"
    if 2 <= units < 20:
        words = f"only {units} independent units: treat the interval as rough"
        found["note"] = "; ".join(filter(None, [found.get("note"), words]))
    return found
