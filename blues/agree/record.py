"""The record every coefficient returns, and its words."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from blues.agree.resample import Interval
from blues.check import InputError, counted
from blues.cohort.display import estimate, panel
from blues.provenance import write_json

__all__ = ["BANDS", "Agreement", "LargeSample", "band_probabilities", "build"]

BANDS = {
    "poor": (-math.inf, 0.0),
    "slight": (0.0, 0.2),
    "fair": (0.2, 0.4),
    "moderate": (0.4, 0.6),
    "substantial": (0.6, 0.8),
    "almost perfect": (0.8, math.inf),
}
"""Landis & Koch, Biometrics 1977: below 0; 0 to 0.20; above 0.20 to 0.40; and so on."""
FEW = 10
"""Independent units below which a sentence warns of its own numbers."""
_NAMES = {"percent_agreement": "percent agreement", "po": "observed agreement", "pe": "agreement by chance"}


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
        number = self.detail.get("of") or f"{counted(self.raters, 'rater')} on {counted(self.subjects, 'subject')}{of}"
        if not math.isfinite(self.value):
            return f"{self.method} of {number} is undefined: {self.detail.get('reason', 'no reason known')}."
        text = f"{self.method} of {number} was {self.value:.2f}"
        if math.isfinite(self.low):
            level = round(100 * self.detail.get("confidence", 0.95), 1)
            text += f" ({level:g}% CI {self.low:.2f} to {self.high:.2f}; {self.detail.get('interval')})"
        if bands := self.detail.get("bands"):
            likely = sorted(((p, name) for name, p in bands.items() if p >= 0.05), reverse=True)
            words = ", ".join(f"{name!r} with probability {p:.2f}" for p, name in likely)
            text += f"; on the Landis-Koch scale it is {words}"
        if 0 < patients < FEW:
            unit = "patient" if patients < self.subjects else "subject"
            text += f". Only {counted(patients, unit)}: neither interval nor words can be relied on"
        return text + "."

    def to_frame(self) -> pd.DataFrame:
        """Return one tidy row: method, value, low, high, se, subjects, raters, interval, reason."""
        row = {k: getattr(self, k) for k in ("method", "value", "low", "high", "se", "subjects", "raters")}
        return pd.DataFrame([{**row, "interval": self.detail.get("interval"), "reason": self.reason}])

    def __str__(self) -> str:
        return self.sentence()

    def _repr_html_(self) -> str:
        """Return the coefficient with its interval, and its sentence, for a notebook."""
        rows = [("value", estimate(self.value, self.low, self.high, 3)), ("interval", str(self.detail.get("interval")))]
        rows += [("standard error", f"{estimate(self.se, digits=3)} ({self.detail.get('se_of')})")]
        rows += [("subjects, raters", f"{self.subjects}, {self.raters}")]
        for name in ("percent_agreement", "po", "pe"):
            if isinstance(number := self.detail.get(name), float):
                rows.append((_NAMES[name], estimate(number, digits=3)))
        rows += [(name, str(self.detail[name])) for name in ("reason", "note") if name in self.detail]
        return panel(self.method, "", ("", ""), rows, [self.sentence()])

    def save(self, path: str | Path) -> Path:
        """Write the record as JSON; ``path`` is a file, or a folder that gets ``agreement.json``."""
        path = Path(path)
        path = path if path.suffix == ".json" else path / "agreement.json"
        write_json(path, _plain(dataclasses.asdict(self)))
        return path

    @classmethod
    def load(cls, path: str | Path) -> Agreement:
        """Read what :meth:`save` wrote."""
        path = Path(path)
        path = path if path.suffix == ".json" else path / "agreement.json"
        values = json.loads(path.read_text(encoding="utf-8"))
        known = {f.name for f in dataclasses.fields(cls)}
        if not isinstance(values, dict) or set(values) != known:
            raise InputError("not an agreement record", file=path, allowed=sorted(known))
        return cls(**{k: _back(v, number=k in ("value", "low", "high", "se")) for k, v in values.items()})


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
) -> Agreement:
    """Put the first of an interval's values into a record.

    Parameters
    ----------
    analytic : LargeSample, optional
        The large-sample interval, kept beside the other; it is the interval if that was asked for.
    reason : str, or callable that gives it, optional
        Why the value is undefined; used if it is.
    banded : bool
        Whether Landis-Koch bands mean anything for this coefficient.
    bounds : (float, float)
        What the coefficient can be at all; limits beyond are cut.
    """
    value, low, high, se = (float(a[0]) for a in (interval.value, interval.low, interval.high, interval.se))
    detail = {**detail, "interval": interval.method, "confidence": confidence, "clusters": interval.clusters}
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
    note = _doubts(interval, value, low, high, se)
    if not math.isfinite(low):
        detail["reason"] = note.pop("reason")
    detail.update(note)
    if banded:
        replicates = None if interval.replicates is None else interval.replicates[:, 0]
        if (bands := band_probabilities(value, se, replicates)) is not None:
            detail["bands"] = bands
    return Agreement(value, low, high, se, subjects, raters, method, detail)


def _doubts(interval: Interval, value: float, low: float, high: float, se: float) -> dict[str, str]:
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
    elif se == 0:
        found["note"] = (
            f"every resample gives {value:g}, so the interval has no width: it says nothing about what more data might show"
        )
    elif undefined:
        found["note"] = f"undefined in {undefined} of the draws, which were left out"
    if 2 <= interval.clusters < 20:
        words = f"only {interval.clusters} independent units: treat the interval as rough"
        found["note"] = "; ".join(filter(None, [found.get("note"), words]))
    return found
