"""Decides one patient's stay from sources that may contradict each other, and writes down why.

The order in which sources are believed is the same for everybody:

1. ``never admitted``: out of hospital on every day of the status and admitted to no ward, then the stay is 0 days.
2. ``hours in a column of days``: the stay outlasts two days or more on which the patient was out or dead, the status shows
   the patient in hospital on fewer later days of the stay than that, and its 24th part fits: it reaches the last day before
   on which the patient was seen in hospital (of a death the last day of all), and the wards do not outlast it. Then it is
   taken as hours.
3. ``wards outlast the stay``: the wards' times add up to more than the stay, then they are the time; it ends in a
   discharge only if the next daily status shows the patient out, else it is censored there.
4. ``daily status outvotes the stay``: two or more days out of hospital inside the stay, or two or more in hospital after
   it with no day out between, then the status decides.
5. Otherwise the stay counts; a missing stay is replaced by the wards' times, else by the daily status.

Death in hospital is what the destination says, else death with no day out of hospital before it. Nobody stays after death:
where the destination says that a patient left alive and the status that he or she was dead within the stay, the stay is
censored when last seen in hospital, and left out where no day shows the patient there. A death in hospital whose day nothing
tells is left out. A stay that had not ended when
the table was closed is censored at its length, unless a death says otherwise. Where a dictionary names a destination and a
patient has neither that nor a daily status, the end of the stay is taken for a discharge alive, and this is written down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from blues.survive.rule import IN_HOSPITAL

__all__ = ["Decision", "Sources", "decide"]

CENSORED, DISCHARGED, DIED = 0, 1, 2
HORIZON = "horizon"
"""How the rule begins that cuts a stay short, which is no contradiction."""
NO_END = "censored: the end is not known"


@dataclass(frozen=True)
class Sources:
    """What is known of one patient's stay; durations in days.

    Attributes
    ----------
    stay : float
        Length of stay, NaN if unknown.
    wards : float
        Sum of the times on wards, NaN if none is known.
    whole : bool
        The wards' times cover the whole stay: no transfer to a ward whose time is unknown.
    entered : bool
        Some ward was entered.
    died_in_hospital : float
        1 yes, 0 no, NaN unknown.
    states : tuple of (float, str)
        Day and state, known ones only, ascending.
    still_in : bool
        The table says that the stay had not ended.
    destined : bool
        The dictionary says how stays ended (a destination or a daily status), so that a patient of whom neither is there is
        told of.
    """

    stay: float
    wards: float
    whole: bool
    entered: bool
    died_in_hospital: float
    states: tuple[tuple[float, str], ...]
    still_in: bool = False
    destined: bool = False

    def days(self, *states: str) -> list[float]:
        """Return the days on which the patient was in one of the states."""
        return [day for day, state in self.states if state in states]

    @property
    def admitted(self) -> float:
        """The first day seen in hospital; infinite if there is none."""
        return min(self.days(*IN_HOSPITAL), default=math.inf)

    @property
    def end_told(self) -> bool:
        """Whether anything says how the stay ended, or that it had not."""
        return self.still_in or bool(self.states) or not math.isnan(self.died_in_hospital)

    def window(self) -> tuple[float, float]:
        """Return the last day of the first stay seen in hospital and the first day seen out or dead after it."""
        last, after = math.nan, math.inf
        for day, state in self.states:
            if state in IN_HOSPITAL and after == math.inf:
                last = day
            elif state not in IN_HOSPITAL and day > self.admitted and after == math.inf:
                after = day
        return last, after


@dataclass
class Decision:
    """A stay decided: time in days (NaN unknown), event, what was found on the way, and the time before any horizon."""

    time: float
    event: int
    remarks: list[tuple[str, str, str]] = field(default_factory=list)
    readmitted: bool = False
    died_later: bool = False
    by_status: bool = False
    never: bool = False
    uncut: float = math.nan

    def remark(self, what: str, rule: str, decision: str) -> None:
        """Write down a contradiction, the rule that decided, and the decision."""
        self.remarks.append((what, rule, decision))


def _days(values: list[float]) -> str:
    return ", ".join(f"{v:g}" for v in values)


def _never_admitted(s: Sources) -> bool:
    out = s.days("out")
    return (
        bool(out) and not s.entered and not s.wards > 0 and out == [day for day, state in s.states if state != "dead"]
    )


def looks_like_hours(s: Sources, tolerance: float) -> bool:
    """Return whether the stay contradicts the daily status as days and fits it, and the wards' times, as hours.

    Hours that fall short of a day in hospital may be right, over a midnight; but then the daily status is hardly off,
    whereas days taken for hours are.
    """
    last, after = s.window()
    hours = s.stay / 24
    if not s.stay > after + tolerance or s.wards > hours + tolerance:
        return False
    inside = s.days(*IN_HOSPITAL)
    again = [day for day in inside if after < day <= s.stay]
    if again and len(again) >= len(_gone(s, tolerance)):
        return False
    died = s.died_in_hospital == 1 or after in s.days("dead")
    return (max(inside) if died else last) <= hours <= after + tolerance


def _gone(s: Sources, tolerance: float) -> list[float]:
    """Return the days of the stay on which the patient was seen out of hospital or dead, after having been seen there."""
    return [day for day in s.days("out", "dead") if s.admitted < day < s.stay - tolerance]


def _from_status(s: Sources, d: Decision, tolerance: float, rule: str) -> None:
    """Take the time from the daily status: the middle of a short gap, else censored when last seen in hospital."""
    d.by_status = True
    last, after = s.window()
    gone = "dead" if after in s.days("dead") else "out"
    if math.isnan(last):
        d.time, d.event = 0.0, DISCHARGED
        d.remark("no day in hospital", rule, "0 days")
    elif after - last <= 2 * tolerance:
        d.time, d.event = (last + after) / 2, DISCHARGED
        d.remark(f"in hospital on day {last:g}, not on day {after:g}", rule, f"{d.time:g} days, the middle")
    else:
        d.time, d.event = last, CENSORED
        what = f"in hospital on day {last:g}, then " + ("not seen" if after == math.inf else f"{gone} by day {after:g}")
        d.remark(what, rule, f"censored at {last:g} days")


def _length(s: Sources, d: Decision, tolerance: float) -> None:
    """Set time and, for now, whether it ended in a discharge."""
    last, after = s.window()
    inside = [day for day in s.days("out") if s.admitted < day < s.stay - tolerance]
    beyond = [day for day in s.days(*IN_HOSPITAL) if s.stay + tolerance < day < after]
    if s.stay > 0 and _never_admitted(s):
        what = f"stay of {s.stay:g} days, but out of hospital on days {_days(s.days('out'))} and on no ward"
        d.time, d.never = 0.0, True
        d.remark(what, "never admitted", "0 days")
    elif math.isnan(s.stay):
        _without_stay(s, d, tolerance)
    elif len(_gone(s, tolerance)) >= 2 and looks_like_hours(s, tolerance):
        d.time = s.stay / 24
        what = f"stay of {s.stay:g} days, but out or dead by day {after:g}; {s.stay:g} hours would fit"
        d.remark(what, "hours in a column of days", f"{d.time:.2f} days")
    elif s.wards > s.stay + tolerance:
        d.time = s.wards
        following = [(day, state) for day, state in s.states if day >= s.wards]
        still = bool(following) and following[0][1] in IN_HOSPITAL
        d.event = DISCHARGED if following and not still else CENSORED
        what = f"{s.wards:.1f} days on wards in a stay of {s.stay:g} days"
        what += f", and in hospital on day {following[0][0]:g}" if still else ""
        known = d.event == DISCHARGED
        decision = f"{s.wards:.1f} days, " + ("the wards' time" if known else NO_END)
        d.remark(what, "wards outlast the stay", decision)
    elif len(inside) >= 2:
        d.remark(
            f"stay of {s.stay:g} days, but out of hospital on days {_days(inside)}",
            "daily status outvotes the stay",
            "see the next line",
        )
        _from_status(s, d, tolerance, "daily status outvotes the stay")
    elif len(beyond) >= 2:
        what = f"stay of {s.stay:g} days, but in hospital on days {_days(beyond)} with no day out before"
        d.remark(what, "daily status outvotes the stay", "see the next line")
        _from_status(s, d, tolerance, "daily status outvotes the stay")
    else:
        d.time = s.stay
        _small_contradictions(s, d, inside, tolerance)


def _without_stay(s: Sources, d: Decision, tolerance: float) -> None:
    if s.wards > 0 and s.whole:
        d.time = s.wards
        d.remark("no length of stay", "the wards' time stands in", f"{s.wards:.1f} days")
    elif s.states:
        _from_status(s, d, tolerance, "no length of stay: the daily status stands in")
    else:
        d.remark("no length of stay and no daily status", "no source", "left out")


def _small_contradictions(s: Sources, d: Decision, inside: list[float], tolerance: float) -> None:
    if inside:
        what = f"stay of {s.stay:g} days, but out of hospital on day {_days(inside)}"
        d.remark(what, "one day's status does not outvote the stay", f"{s.stay:g} days")
    if s.whole and s.wards < s.stay - tolerance:
        what = f"{s.wards:.2f} days on wards in a stay of {s.stay:g} days, without a transfer"
        d.remark(what, "the stay counts", f"{s.stay:g} days")
    if s.stay == 0 and s.wards > tolerance:
        d.remark(f"stay of 0 days with {s.wards:.1f} on a ward", "the stay counts", "0 days")


def _death(s: Sources, d: Decision, tolerance: float) -> None:
    """Decide whether the stay ended by death, and move its end if death came before."""
    dead = s.days("dead")
    if not dead and not s.died_in_hospital == 1:
        return
    first = min(dead, default=math.inf)
    out_before = [day for day in s.days("out") if s.admitted < day < first]
    at_once = bool(dead) and not s.days("out") and first <= (0.0 if math.isnan(d.time) else d.time) + tolerance
    never = d.never or (s.admitted == math.inf and not s.entered and not s.stay > 0 and not at_once)
    by_status = bool(dead) and not out_before and not never
    in_hospital = s.died_in_hospital == 1 or (math.isnan(s.died_in_hospital) and by_status)
    if in_hospital:
        d.event = DIED
        if d.time > first + tolerance:
            d.remark(
                f"stay of {d.time:g} days, but dead on day {first:g}", "nobody stays after death", f"{first:g} days"
            )
            d.time = first
        elif d.by_status:
            _day_of_death(s, d, first, tolerance)
        if math.isnan(s.died_in_hospital):
            what = f"dead on day {first:g} with no day out of hospital before"
            d.remark(what, "no destination: the daily status decides", "died in hospital")
        elif math.isnan(d.time):
            pass  # left out, which is written down
        elif dead and out_before:
            what = f"destination says died in hospital, but out on day {_days(out_before)}"
            d.remark(what, "the destination decides", "died in hospital")
        elif not dead and s.states:
            d.remark(
                "destination says died in hospital, the daily status never",
                "the destination decides",
                "died in hospital",
            )
        return
    d.died_later = True
    if d.time > first + tolerance:
        last = s.window()[0]
        told = "not in hospital by the destination" if s.died_in_hospital == 0 else "out of hospital before"
        what = f"stay of {d.time:g} days, but dead on day {first:g}, and {told}"
        d.time, d.event = (last, CENSORED) if last < first else (math.nan, CENSORED)
        seen = (
            f"censored at {last:g} days, when last seen in hospital"
            if last < first
            else "left out: no day seen in hospital"
        )
        d.remark(what, "nobody stays after death", seen)
        return
    decision = "censored" if d.event == CENSORED else f"discharged alive after {d.time:g} days"
    rule = "the destination decides" if s.died_in_hospital == 0 else "out of hospital before death"
    d.remark(f"dead on day {first:g}, after the stay", rule, decision)


def _day_of_death(s: Sources, d: Decision, first: float, tolerance: float) -> None:
    """Set the day of a death in hospital where the length of the stay is not known: from when last seen to first seen dead."""
    last = s.window()[0]
    if first == math.inf and not math.isnan(s.stay):
        d.time = max(d.time, s.stay)
        d.remark("died in hospital on a day that the status does not show", "the end of the stay", f"{d.time:g} days")
    elif first == math.inf:
        d.time = math.nan
        what = "died in hospital, " + ("no day is known" if math.isnan(last) else f"last seen alive on day {last:g}")
        d.remark(what, "no source of the day of death", "left out")
    elif not math.isnan(last):
        d.time = (last + first) / 2 if first - last <= 2 * tolerance else first
        d.remark(f"alive on day {last:g}, dead on day {first:g}", "the day first seen dead", f"{d.time:g} days")


def _around(s: Sources, d: Decision, tolerance: float) -> None:
    """Write down days in hospital after the stay, and days out before it."""
    early = [day for day in s.days("out") if day < s.admitted < math.inf]
    later = [day for day in s.days(*IN_HOSPITAL) if day > d.time + tolerance]
    if later and not (d.event == CENSORED and s.wards > s.stay + tolerance):
        d.readmitted = True
        what = f"in hospital on day {_days(later)}, after a stay of {d.time:g} days"
        d.remark(what, "the first stay counts", "taken as a later admission")
    if early and s.admitted not in later:
        what = f"out of hospital on day {_days(early)}, in hospital on day {s.admitted:g}"
        d.remark(what, "'out' before the first day in hospital is not a discharge", "read as not yet admitted")


def decide(s: Sources, *, tolerance: float = 1.0, horizon: float | None = None) -> Decision:
    """Return the patient's stay, by the rules at the head of this module.

    Examples
    --------
    >>> stay = decide(Sources(28, math.nan, False, False, 0.0, ((0, "out"), (1, "out"), (30, "out"))))
    >>> stay.time, stay.event, stay.remarks[0][1]
    (0.0, 1, 'never admitted')
    """
    d = Decision(math.nan, DISCHARGED)
    _length(s, d, tolerance)
    if math.isnan(d.time):
        d.event = DIED if s.died_in_hospital == 1 else d.event
        return d
    if s.still_in:
        d.event = CENSORED
        if gone := [day for day in s.days("out") if day > d.time]:
            d.remark(
                f"still in hospital, but out on day {_days(gone)}",
                "the stay had not ended",
                f"censored at {d.time:g} days",
            )
    _death(s, d, tolerance)
    if d.event == DIED:
        d.remarks = [(what, rule, end.replace(NO_END, "died in hospital")) for what, rule, end in d.remarks]
    if math.isnan(d.time):
        return d
    if s.destined and not s.end_told and d.event == DISCHARGED:
        d.remark("no destination and no daily status", "a stay that ended is taken for a discharge", "discharged alive")
    if s.still_in and d.event == DIED:
        d.remark("still in hospital, but died there", "death decides", "died in hospital")
    _around(s, d, tolerance)
    d.uncut = d.time
    if horizon is not None and d.time > horizon:
        d.remark(f"stay of {d.time:g} days", f"{HORIZON} of {horizon:g} days", f"censored at {horizon:g} days")
        d.died_later |= d.event == DIED
        d.time, d.event = horizon, CENSORED
    return d
