"""Agreement in the order of GRRAS (Kottner et al., J Clin Epidemiol 2011), as a dict that a report renders, and as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from blues.agree.pairwise import matrix, pairs
from blues.agree.ratings import tidy, wide
from blues.agree.record import MEASURED, Agreement, decimals, frame_of
from blues.agree.resample import Kind
from blues.agree.rounds import by_letters, round_order
from blues.agree.tables import further, intra_rater, records
from blues.check import InputError, counted, interval, number, p_value

__all__ = ["GRRAS", "as_text", "grras", "round_words", "section", "to_read"]

GRRAS = {
    1: "Title or abstract says that reliability or agreement was studied",
    2: "The device or scale",
    3: "The subjects of interest",
    4: "The raters of interest",
    5: "What was known before, and why this study",
    6: "How the numbers of raters, subjects and repeats were chosen",
    7: "How subjects and raters were sampled",
    8: "How was rated: order, time between repeats, information at hand, blinding",
    9: "Whether ratings were made independently",
    10: "Statistical analysis",
    11: "Raters, subjects and repeats that there were",
    12: "Raters' and subjects' characteristics (training, experience)",
    13: "Estimates of reliability and agreement with their uncertainty",
    14: "Practical relevance",
    15: "Detailed results",
}
TO_WRITE = "to be stated by the authors"
_MOST_MATRICES = 3


def grras(facts: Mapping[int, str] | None = None) -> pd.DataFrame:
    """Return the checklist of GRRAS with what is known, and what the authors still have to state.

    Parameters
    ----------
    facts : dict of int to str, optional
        Item number, 1 to 15, and text.

    Returns
    -------
    DataFrame, one row an item
        ``item, what, statement``.

    Raises
    ------
    InputError
        For another number.

    Examples
    --------
    >>> grras({9: "raters did not see one another's sheets"}).loc[8, "statement"]
    "raters did not see one another's sheets"
    """
    given = dict(facts or {})
    for item in given:
        if item not in GRRAS:
            raise InputError(f"GRRAS has no item {item!r}", allowed="1 to 15")
    rows = [(item, words, given.get(item, TO_WRITE)) for item, words in GRRAS.items()]
    return pd.DataFrame(rows, columns=["item", "what", "statement"])


def _numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how much each rater rated."""
    round_ = None if "round" not in rows else round_order(rows["round"])[0]
    first = rows if round_ is None else rows[rows["round"] == round_]
    subjects = first["subject"].nunique()
    found = []
    for rater, part in rows.groupby("rater", sort=True, observed=True):
        own = part if round_ is None else part[part["round"] == round_]
        found.append(
            {
                "rater": rater,
                "subjects": own["subject"].nunique(),
                "missing": subjects - own["subject"].nunique(),
                "repeats": len(part) - part["subject"].nunique(),
            }
        )
    return pd.DataFrame(found)


def round_words(rows: pd.DataFrame) -> str:
    """Say which rounds the coefficients are of, and what is left out or doubtful; empty where there is one round.

    Parameters
    ----------
    rows : DataFrame
        Tidy ratings of one item, all rounds.
    """
    if "round" not in rows or rows["round"].nunique() < 2:
        return ""
    rounds = round_order(rows["round"])
    first, second, *later = map(str, rounds)
    there = set(rows.loc[rows["round"] == rounds[0], "rater"])
    late = [str(rater) for rater in pd.unique(rows["rater"]) if rater not in there]
    told = f"Coefficients between raters are of round {first}"
    told += f", in which {' and '.join(late)} rated nothing. " if late else ". "
    told += f"Raters are compared with themselves between rounds {first} and {second}"
    told += f"; {' and '.join(later)} {'is' if len(later) == 1 else 'are'} ignored." if later else "."
    if by_letters(rounds):
        told += (
            f" Nothing in the names of the rounds says their order ({', '.join([first, second, *later])}), which is that "
            "of their letters: number them if another was first."
        )
    return told


def _analysis(found: list[Agreement]) -> str:
    known = [r for r in found if math.isfinite(r.low)]
    how = "; ".join(dict.fromkeys(str(r.detail["interval"]) for r in known)) or "none could be had"
    units = sorted({int(r.detail["clusters"]) for r in known or found})
    many = f"{units[0]}" if len(units) < 2 else f"{units[0]} to {units[-1]}, by coefficient"
    unit = "patients" if any(r.detail["clusters"] < r.subjects for r in found) else "subjects"
    return (
        f"{counted(len(found), 'coefficient')} with {100 * found[0].detail['confidence']:g}% intervals ({how}); "
        f"{unit} are the independent units ({many}); missing ratings are left missing, and the column left out says how many "
        "subjects a coefficient could not use."
    )


def section(
    ratings: Any,
    *,
    categories: Iterable[Any] | None = None,
    level: str | None = None,
    item: str | None = None,
    weights: Any = "quadratic",
    facts: Mapping[int, str] | None = None,
    clusters: Any = None,
    interval: Kind | None = None,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Return titles and results in the order of GRRAS: what :func:`blues.report.summarize` takes as ``agreements``.

    Parameters
    ----------
    ratings : array or DataFrame
        Tidy or wide.
    categories, level, clusters, interval, draws, seed, confidence
        As in :func:`blues.agree.table`.
    item : str, optional
        Which item of tidy ratings.
    weights : optional
        Of the kappa of every pair.
    facts : dict of int to str, optional
        What the authors state for items of GRRAS; items 10, 11, 13 and 15 are filled here.

    Returns
    -------
    dict of str to DataFrame, list of Agreement or str
        ``GRRAS checklist``, ``Rounds`` (which were analysed, where there are several), ``Ratings by rater``, ``Main results``,
        ``All coefficients``, ``Further numbers``, ``Every pair`` (a forest), ``Matrix of ...`` (square frames),
        ``Differences`` (points of a Bland-Altman figure), ``Raters with
        themselves``, as far as they apply.
    """
    scale = None if categories is None else list(categories)
    frame = wide(ratings, item=item)
    how: dict[str, Any] = {"clusters": clusters, "draws": draws, "seed": seed, "confidence": confidence}
    found = records(frame, categories=scale, level=level, interval=interval, **how)
    rows = tidy(ratings)
    if "item" in rows:
        rows = rows[rows["item"].astype(str) == (item if item is not None else str(rows["item"].iloc[0]))]
    counts = _numbers(rows)
    repeats = int(counts["repeats"].sum())
    told = round_words(rows)
    own = {
        10: _analysis(found),
        11: ", ".join(
            counted(int(n), noun)
            for n, noun in (
                (frame.shape[1], "rater"),
                (len(frame), "subject"),
                (counts["missing"].sum(), "missing rating"),
                (repeats, "repeated rating"),
            )
        )
        + (f". {told}" if told else ""),
        13: "the tables of coefficients",
        15: "ratings and the table of coefficients are saved beside this page",
    }
    out: dict[str, Any] = {"GRRAS checklist": grras({**own, **(facts or {})})}
    out |= {"Rounds": told} if told else {}
    out["Ratings by rater"] = counts
    out["Main results"] = _main(found, weights)
    out["All coefficients"] = frame_of(found)
    if len(more := further(found)):
        out["Further numbers"] = more
    if scale is not None and level != "continuous":
        scheme = weights if level != "nominal" and len(scale) > 2 else None
        own_way: dict[str, Any] = {} if interval is None else {"interval": interval}
        out["Every pair"] = pairs(frame, categories=scale, weights=scheme, **own_way, **how)
        out |= _matrices(frame, scale, out["Every pair"])
    else:
        for record in found:
            if "points" in record.detail:
                out["Differences"] = record.detail["points"]
    if repeats:
        scheme = weights if scale is not None and len(scale) > 2 and level != "nominal" else None
        out["Raters with themselves"] = intra_rater(
            rows.drop(columns="item", errors="ignore"),
            categories=scale,
            weights=scheme,
            interval=interval,
            draws=draws,
            seed=seed,
            confidence=confidence,
        )
    return out


def _main(found: list[Agreement], weights: Any) -> list[Agreement]:
    """Return the records that a paper would name first: one kappa, one alpha, one AC; or ICC(2,1), concordance, differences."""
    chosen: dict[str, Agreement] = {}
    for record in found:
        for kind in ("kappa", "alpha", "AC", "ICC(2,1)", "concordance", "difference"):
            further_kappa = record.method.startswith(("Conger", "Fleiss"))
            if kind in record.method and not further_kappa:
                if kind not in chosen or record.detail.get("weights") == weights:
                    chosen[kind] = record
    return list(chosen.values())


def _matrices(frame: pd.DataFrame, scale: list[Any], table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the joint tables of the first few pairs; all of them would fill pages."""
    chosen = table.head(_MOST_MATRICES)[["rater_a", "rater_b"]].itertuples(index=False)
    return {f"Matrix of {a} and {b}": matrix(frame, categories=scale, pair=(a, b)) for a, b in chosen}


def merged(frame: pd.DataFrame, digits: int = 2) -> pd.DataFrame:
    """Return a frame for reading: ``value, low, high`` (or ``x, x_low, x_high``) as one column ``0.60 (0.45 to 0.74)``.

    Numbers of measurements get as many digits as their size asks for; what lies between -1 and 1 by nature gets ``digits``.
    """
    out = frame.set_axis([f"{c:g}" if isinstance(c, float) else str(c) for c in frame.columns], axis=1)
    for name in list(out.columns):
        stem = "" if name == "value" else f"{name}_"
        low, high = f"{stem}low", f"{stem}high"
        if name in out and low in out and high in out:
            places = _places(frame, digits)
            cells = zip(out[name], out[low], out[high], places, strict=True)
            out[name] = ["undefined" if cell[0] != cell[0] else interval(*cell) for cell in cells]
            out = out.drop(columns=[low, high])
    for name in out:
        if name.endswith(("p_value", "_p", "q_value")):
            out[name] = ["" if p != p else p_value(p) for p in out[name]]
        elif name.startswith("percent_"):
            out[name] = ["" if v != v else f"{100 * v:.0f}%" for v in out[name]]
        elif pd.api.types.is_float_dtype(out[name]):
            whole = (out[name].dropna() % 1 == 0).all()
            more = decimals(out[name]) if {"mean", "difference", "subject"} <= set(frame) else digits
            out[name] = ["" if v != v else number(v, 0 if whole else max(digits, more)) for v in out[name]]
    return out.map(lambda v: "" if v is None or v != v else v)


def _places(frame: pd.DataFrame, digits: int) -> list[int]:
    """Return the decimals of each row: of a measurement by its own size, else ``digits``."""
    if "method" not in frame:
        return [digits] * len(frame)
    return [
        max(digits, decimals(row[["value", "low", "high"]])) if str(row["method"]).startswith(MEASURED) else digits
        for _, row in frame.iterrows()
    ]


def to_read(result: Any) -> pd.DataFrame | None:
    """Return a result as a frame to read; None where it is no table."""
    if isinstance(result, pd.DataFrame):
        result = result.drop(columns=[c for c in ("reason", "note") if c in result and result[c].isna().all()])
        plain = isinstance(result.index, pd.RangeIndex)
        return merged(result if plain else result.reset_index(names=_corner(result)))
    if isinstance(result, Agreement):
        result = [result]
    if isinstance(result, list) and all(isinstance(r, Agreement) for r in result):
        table = frame_of(result)
        empty = [c for c in ("reason", "note", "left_out") if table[c].isna().all() or (table[c] == 0).all()]
        return merged(table.drop(columns=["se", *empty]))
    return None


def _corner(frame: pd.DataFrame) -> str:
    rows, columns = frame.index.name, frame.columns.name
    return f"{rows} \\ {columns}" if rows and columns else str(rows or columns or "")


def as_text(found: Mapping[str, Any]) -> str:
    """Return what :func:`section` gave as plain text.

    Parameters
    ----------
    found : mapping
        Titles and results.

    Returns
    -------
    str
        Tables and sentences under their titles.
    """
    parts = []
    for title, result in found.items():
        parts.append(f"{title}\n{'-' * len(title)}")
        frame = to_read(result)
        if frame is not None and list(frame.columns) == ["item", "what", "statement"]:
            parts += [f"{item:>2}. {what}: {words}" for item, what, words in frame.itertuples(index=False)]
        elif frame is not None:
            parts.append(frame.to_string(index=False))
        elif isinstance(result, str):
            parts.append(result)
        parts.append("")
    return "\n".join(parts)
