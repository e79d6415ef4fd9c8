"""Everything a report says about the stays of a cohort: titles and frames, in the order of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from blues.check import InputError, counted
from blues.cohort import Cohort
from blues.provenance import replacing, write_json
from blues.survive.associations import association_section
from blues.survive.describing import Description, describe
from blues.survive.modelled import model_section, without_blank
from blues.survive.stays import EVENTS, Endpoints, endpoints
from blues.survive.variables import default_variables, grouping, variable

__all__ = ["CONTENTS", "file_name", "save_section", "section"]

CONTENTS = "contents.json"
EVERYBODY = "all patients"
WORDS = {
    "logrank": "log-rank, leaving in any way",
    "gray_1": "Gray, discharge alive",
    "gray_2": "Gray, death in hospital",
}


def section(
    cohort: Cohort,
    by: Sequence[str] | None = None,
    *,
    variables: Sequence[str] | None = None,
    findings: bool = False,
    ends: Endpoints | None = None,
    level: float = 0.95,
) -> dict[str, Any]:
    """Describe and model the stays of a cohort: what :func:`blues.report.summarize` takes as ``survival``.

    Parameters
    ----------
    cohort : Cohort
        Its dictionary has a ``[survival]`` section.
    by : sequence of str, optional
        Targets by patient, or columns, to describe by; see :func:`grouping`. By default each binary target that is a
        column of the role ``target`` (such as the PCR), and the first target of each item that experts rated.
    variables : sequence of str, optional
        What the models look at; see :func:`blues.survive.model_section`.
    findings : bool
        Add the associations of what experts rated on clips; see :func:`blues.survive.association_section`.
    ends : Endpoints, optional
        From :func:`blues.survive.endpoints`; made here by default.
    level : float

    Returns
    -------
    dict of str to DataFrame or str
        Title -> frame, or sentences. Curves as :func:`blues.survive.kaplan_meier` and
        :func:`blues.survive.aalen_johansen` give them, causes in words; then ``Median stay``, ``Mean days in hospital``
        (restricted mean), ``Difference in mean days in hospital``, ``Tests between groups``; the models, and the
        associations if asked for; ``Endpoints``, how stays were read, contradictions.

    Raises
    ------
    InputError
        No ``[survival]`` section, an unknown name in ``by``, no patient whose stay ended.
    """
    ends = endpoints(cohort) if ends is None else ends
    whole = describe(ends, level=level)
    found: dict[str, Any] = {"Reading": _reading(ends, whole)}
    found |= _curves("", whole)
    described: list[tuple[str, Description]] = [(EVERYBODY, whole)]
    for name in default_variables(cohort) if by is None else by:
        label = variable(cohort, name).label
        try:
            label, groups = grouping(cohort, name)
            one = describe(ends, groups, level=level)
        except InputError as error:
            found[f"Not described by {label}"] = f"Not described by {label}: {str(error).splitlines()[0].rstrip('.')}."
            continue
        found |= _curves(f" by {label}", one)
        described.append((label, one))
    found |= _tables(described)
    found |= model_section(cohort, variables, ends=ends, level=level)
    if findings:
        found |= association_section(cohort, level=level)
    found["Endpoints"] = ends.summary()
    found["How stays were read"] = ends.rule.told()
    if len(ends.contradictions):
        found["Contradictions, and the rule that decided"] = ends.contradictions
    return found


def save_section(found: Mapping[str, Any], folder: str | Path) -> Path:
    """Write what :func:`section` returns: one csv a frame, and ``contents.json`` with titles, order and sentences.

    Parameters
    ----------
    found : mapping
        From :func:`section`.
    folder : path
        For a report, ``stay`` in the run folder.

    Returns
    -------
    Path
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    contents: list[dict[str, str]] = []
    for number, (title, result) in enumerate(found.items(), 1):
        if isinstance(result, str):
            contents.append({"title": title, "text": result})
            continue
        name = file_name(number, title)
        with replacing(folder / name) as draft:
            result.to_csv(draft, index=False, lineterminator="\n")
        contents.append({"title": title, "file": name})
    write_json(folder / CONTENTS, contents)
    return folder


def file_name(number: int, title: str) -> str:
    """Return what the table under a title is called: its number, and the title in small ASCII letters.

    Parameters
    ----------
    number : int
    title : str

    Examples
    --------
    >>> file_name(1, "Stay by size (mm)")
    '01-stay-by-size-mm.csv'
    """
    words = "".join(c if c.isascii() and c.isalnum() else "-" for c in title.lower())
    return f"{number:02d}-{'-'.join(w for w in words.split('-') if w)[:60]}.csv"


def _reading(ends: Endpoints, whole: Description) -> str:
    frame = ends.frame
    numbers = [f"{int((frame['event'] == code).sum())} {words}" for code, words in EVENTS.items()]
    text = (
        f"Of {len(frame)} patients, {', '.join(numbers[1:])} and {numbers[0]}; "
        f"{counted(ends.zero_days, 'stay')} of zero days counted in. "
        "Still in hospital: Kaplan-Meier with log-log intervals, leaving in any way is the "
        "event. Discharge alive and death in hospital compete: Aalen-Johansen. "
    )
    if whole.left_out:
        died = f" ({ends.died_untimed} of them died)" if ends.died_untimed else ""
        text += f"Left out: {counted(len(whole.left_out), 'patient')} whose length of stay is not known{died}. "
    days = frame.loc[frame["oxygen"] == 1, "oxygen_days"].dropna()
    if len(days):
        text += (
            f"{int((frame['oxygen'] == 1).sum())} patients were given oxygen, for {days.median():g} days (median of the "
            f"{len(days)} whose days are known). "
        )
    text += f"{ends.doubt} " if ends.doubt else ""
    if settled := int(frame["adjudicated"].sum()):
        text += (
            f"Of {counted(settled, 'patient')} sources contradict each other or are missing; the last "
            "table says how, and which rule decided. "
        )
    if cut := len(ends.adjudication) - len(ends.contradictions):
        text += f"Censored at the horizon: {counted(cut, 'stay')}. "
    return text + "Groups are compared without adjustment for anything else."


def _curves(by: str, one: Description) -> dict[str, pd.DataFrame]:
    staying, leaving = one.staying.table, one.leaving.table
    causes = leaving["cause"].map({k: v for k, v in EVENTS.items() if k}).fillna(leaving["cause"].astype(str))
    curves = {f"Still in hospital{by}": staying, f"Discharge alive and death{by}": leaving.assign(cause=causes)}
    groups = {name: frame.assign(group=frame["group"].astype(str)) for name, frame in curves.items()}
    return groups if by else {name: frame.assign(group=EVERYBODY) for name, frame in groups.items()}


def _tables(described: Sequence[tuple[str, Description]]) -> dict[str, pd.DataFrame]:
    """Return the numbers of every grouping under each other."""

    def stacked(parts: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
        frames = [p.assign(group=p["group"].astype(str)) for _, p in parts if len(p)]
        names = [name for name, p in parts for _ in range(len(p))]
        if not frames:
            return pd.DataFrame()
        table = pd.concat(frames, ignore_index=True)
        table.insert(0, "variable", names)
        return table.assign(group=table["group"].where(table["variable"] != EVERYBODY, EVERYBODY))

    means = [(name, one.days.table.assign(up_to_day=round(one.days.tau, 1))) for name, one in described]
    differences = [
        (name, one.days.differences.assign(up_to_day=round(one.days.tau, 1)).astype({"reference": str}))
        for name, one in described[1:]
    ]
    found = {
        "Median stay (days)": stacked([(name, one.staying.median) for name, one in described]),
        "Mean days in hospital": stacked(means),
        "Difference in mean days in hospital": stacked(differences),
        "Tests between groups": _tests(described),
    }
    return {title: without_blank(frame, "reason") for title, frame in found.items() if len(frame)}


def _tests(described: Sequence[tuple[str, Description]]) -> pd.DataFrame:
    rows = [
        {
            "variable": label,
            "test": WORDS.get(name, name.replace("_", " ")),
            "statistic": test.statistic,
            "df": test.detail.get("df"),
            "p_value": test.p_value,
            "remark": test.detail.get("reason", ""),
        }
        for label, one in described
        for name, test in one.tests.items()
    ]
    return pd.DataFrame(rows)
