"""Reader-study kit: blinded, shuffled rating sheets for a cohort's clips.

``python -m blues.agree sheet COHORT --raters 2 --repeat 0.1 --out DIR`` writes

* ``DIR/raters/``: what the raters get: ``rate-R1.html`` ... (one page a rater: plays the clips, keeps the ratings in the
  browser, saves a CSV), ``sheet-R1.csv`` ... (the same on paper), and ``clips/`` under codes that say nothing;
* ``DIR/key.csv`` and ``DIR/study.json``: which code is which clip. They stay with whoever runs the study.

:func:`blues.agree.read_sheets` reads the filled sheets back.
"""

from __future__ import annotations

import json
import re
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blues.agree.blinding import blind_copy, padded
from blues.agree.model import MODEL
from blues.check import InputError
from blues.cohort import Cohort
from blues.provenance import replacing, write_json

__all__ = ["CANNOT", "declared", "items_of", "mark_of", "not_judged", "write_sheets"]

PAGE = "rate.html"
CANNOT = "NA"
_NOT_JUDGED = (CANNOT, "n/a", "cannot judge")
_OWN_COLUMNS = ("order", "code", "comment", "sheet")


def not_judged(cell: str) -> bool:
    """Return whether a cell says that the rater could not judge, however it is spelt."""
    return cell.casefold() in [words.casefold() for words in _NOT_JUDGED]


def mark_of(study: str, rater: str) -> str:
    """Return what stands in the column ``sheet`` of a rater's file: it belongs to this study and to nobody else.

    Examples
    --------
    >>> mark_of("S0f3a9c", "junior")
    'S0f3a9c:junior'
    """
    return f"{study}:{rater}"


def items_of(cohort: Cohort) -> list[dict[str, Any]]:
    """Return what is to be rated, from the cohort's dictionary: name, label, categories with words (None for a number)."""
    ratings = cohort.dictionary.ratings
    if ratings is None:
        return []
    found: list[dict[str, Any]] = []
    for name, spec in ratings.items.items():
        categories: list[list[str]] | None = None
        if spec.kind == "binary":
            categories = [["0", "no"], ["1", "yes"]]
        elif spec.kind == "ordinal" and spec.categories is not None:
            categories = [[f"{c:g}", f"{c:g}"] for c in spec.categories]
        found.append({"name": name, "label": spec.label or name, "categories": categories})
    return found


def declared(item: str, categories: Sequence[str]) -> list[dict[str, Any]]:
    """Return one item with the categories given, for a cohort whose dictionary names none.

    Parameters
    ----------
    item : str
    categories : sequence of str
        In order.

    Raises
    ------
    InputError
        Fewer than two categories, two that a reader or a number could not tell apart, or one that means "cannot judge"; a
        name that a sheet has for a column of its own, or that no column can have.
    """
    words = [str(category).strip() for category in categories]
    made = {"name": item.strip(), "label": item.strip(), "categories": [[word, word] for word in words]}
    _check_item(made)
    return [made]


def _check_item(item: dict[str, Any]) -> None:
    """Raise where a sheet could not hold an item, or its filled cells could not be told apart."""
    name = item["name"]
    if not name.strip() or re.search(r'["\r\n]', name) or name.strip().casefold() in _OWN_COLUMNS:
        raise InputError(
            "an item's name becomes a column of the sheets",
            value=name,
            allowed=f"anything without quotes and line breaks but {', '.join(_OWN_COLUMNS)}",
            remedy="Name it otherwise",
        )
    if item["categories"] is None:
        return
    words = [value for value, _ in item["categories"]]
    for word in words:
        if not word or not_judged(word):
            raise InputError(
                f"a category of {name!r} that means an open cell, or one that cannot be judged", value=word
            )
    if len({_alike(word) for word in words}) < max(len(words), 2):
        raise InputError(
            f"categories of {name!r} must be at least two, each once",
            value=words,
            remedy="Small and capital letters are one, 1 and 1.0 are one",
        )


def _alike(word: str) -> float | str:
    """Return what two spellings of one category have in common."""
    try:
        return float(word)
    except ValueError:
        return word.casefold()


def write_sheets(
    cohort: Cohort,
    out: str | Path,
    *,
    raters: int | Sequence[str] = 2,
    repeat: float = 0.1,
    items: Sequence[dict[str, Any]] | None = None,
    seed: int = 0,
) -> Path:
    """Write rating sheets for every clip of a cohort, each rater's in an order of its own.

    Parameters
    ----------
    cohort : Cohort
    out : path
        A folder that does not exist yet, or is empty.
    raters : int or sequence of str
        How many (R1, R2, ...), or their names.
    repeat : float
        Share of clips shown twice, under another code, in the second half: a rater's agreement with him- or herself.
    items : sequence of dict, optional
        What is rated; by default the items of the cohort's dictionary.
    seed : int
        Of codes and orders.

    Returns
    -------
    Path
        What the raters get, ``out/raters``, with a page ``rate-NAME.html`` for each.

    Raises
    ------
    InputError
        No clips; nothing to rate; ``out`` holds something; no clip can be read; a rater, an item or a category whose name
        could be taken for another's.

    Notes
    -----
    Clips are copied without their metadata under codes that tell nothing; what is burnt into the picture stays there. The
    two showings of a clip differ as files. Clips that cannot be read are left out; ``out/left_out.csv`` names them, with the
    reason. Codes and orders follow from ``seed``; every set of sheets has an id of its own, so that no page opens with the
    answers of another set and no file is read into it.
    """
    out = Path(out)
    if out.exists() and any(out.iterdir()):
        raise InputError("the folder holds something already", file=out, remedy="Name a new one: codes must not mix")
    if not len(cohort.clips):
        raise InputError(f"{cohort.name} has no clips to rate")
    if not 0 <= repeat <= 0.5:
        raise InputError(f"repeat is a share of the clips, and is {repeat!r}", allowed="0 to 0.5")
    what = _what(cohort, items)
    names = _rater_names(raters)
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as place:
        left_out = _copied(cohort, Path(place))
        clips = cohort.clips.drop(index=left_out["clip"])
        if not len(clips):
            raise InputError(f"no clip of {cohort.name} can be read", value=left_out["reason"].iloc[0])
        key = _key(clips, repeat, rng)
        for code, clip in zip(key["code"], key["clip"], strict=True):
            source = Path(place) / f"{cohort.clips.index.get_loc(clip)}.mp4"
            padded(source, out / "raters" / "clips" / f"{code}.mp4")
    orders = {name: _order(key, rng) for name in names}
    folder = out / "raters"
    study = f"S{secrets.token_hex(5)}"  # no digit first: spreadsheets would take some of them for numbers
    for name, codes in orders.items():
        mark = mark_of(study, name)
        _write_page(folder / f"rate-{name}.html", {"mark": mark, "rater": name, "items": what, "order": codes})
        blank = pd.DataFrame({"order": range(1, len(codes) + 1), "code": codes})
        for column in [*(item["name"] for item in what), "comment"]:
            blank[column] = ""
        _write_csv(folder / f"sheet-{name}.csv", blank.assign(sheet=mark))
    _write_csv(out / "key.csv", key)
    if len(left_out):
        _write_csv(out / "left_out.csv", left_out)
    facts = {"id": study, "raters": names, "items": what, "order": orders}
    write_json(out / "study.json", {**facts, "cohort": cohort.name, "seed": seed, "repeat": repeat})
    return folder


def _what(cohort: Cohort, items: Sequence[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Return what is rated, checked: the items given, else those of the dictionary."""
    what = list(items) if items is not None else items_of(cohort)
    if not what:
        raise InputError(
            f"the dictionary of {cohort.name} names nothing to rate",
            remedy="Say what: --item severity --categories 0 1 2 3",
        )
    for item in what:
        _check_item(item)
    if len({item["name"].strip().casefold() for item in what}) < len(what):
        raise InputError("items need names that differ in more than capitals", value=[item["name"] for item in what])
    return what


def _rater_names(raters: int | Sequence[str]) -> list[str]:
    names = [f"R{k + 1}" for k in range(raters)] if isinstance(raters, int) else [str(r) for r in raters]
    for name in names:
        if not re.fullmatch(r"[\w.-]+", name):
            raise InputError("a rater's name becomes part of a file name", value=name, allowed="letters, digits, . _ -")
        if name.casefold() == MODEL:
            raise InputError(
                "a run's predictions have this name beside the raters", value=name, remedy="Choose another"
            )
    if not names or len({name.casefold() for name in names}) < len(names):
        raise InputError(
            "raters must be at least one, each named once",
            value=names,
            remedy="Small and capital letters are one in file names",
        )
    return names


def _copied(cohort: Cohort, folder: Path) -> pd.DataFrame:
    """Copy every clip that can be read, blind, under its position; return the others with the reason: clip, reason."""
    lost = []
    for number, (clip, path) in enumerate(cohort.clips["path"].items()):
        try:
            blind_copy(cohort.folder / path, folder / f"{number}.mp4")
        except InputError as error:
            lost.append((str(clip), str(error)))
    return pd.DataFrame(lost, columns=["clip", "reason"])


def _key(clips: pd.DataFrame, repeat: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return one row a code: code, clip, patient, point, take, round; codes in an order that tells nothing."""
    clips = clips.reset_index()[["clip", "patient", "point", "take"]]
    again = np.sort(rng.choice(len(clips), size=int(round(repeat * len(clips))), replace=False))
    table = pd.concat([clips.assign(round=1), clips.iloc[again].assign(round=2)], ignore_index=True)
    numbers = rng.permutation(len(table)) + 1
    table.insert(0, "code", [f"C{n:0{len(str(len(table)))}d}" for n in numbers])
    return table.sort_values("code", ignore_index=True)[["code", "clip", "patient", "point", "take", "round"]]


def _order(key: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    """Return one rater's order: random, the second showing of a clip in the second half and well after the first."""
    twice = set(key.loc[key["round"] == 2, "clip"])
    first = key[key["round"] == 1]
    early = first.loc[first["clip"].isin(twice), "code"].to_numpy()
    others = rng.permutation(first.loc[~first["clip"].isin(twice), "code"].to_numpy())
    half = max(len(key) // 2 - len(early), 0)
    head = rng.permutation(np.concatenate([early, others[:half]]))
    tail = np.concatenate([others[half:], key.loc[key["round"] == 2, "code"].to_numpy()])
    place = {clip: k for k, clip in enumerate(key.set_index("code")["clip"].reindex(head))}
    clip_of = key.set_index("code")["clip"]
    best, widest = list(rng.permutation(tail)), -1
    for _ in range(50):
        trial = rng.permutation(tail)
        gaps = [len(head) + k - place[clip_of[c]] for k, c in enumerate(trial) if clip_of[c] in place]
        if (smallest := min(gaps, default=len(key))) > widest:
            best, widest = list(trial), smallest
    return [str(c) for c in [*head, *best]]


def _write_page(path: Path, sheet: dict[str, Any]) -> None:
    data = json.dumps(sheet, ensure_ascii=False)
    for character in "<>&":
        data = data.replace(character, f"\\u{ord(character):04x}")
    page = Path(__file__).with_name(PAGE).read_text(encoding="utf-8").replace("/*SHEET*/", data)
    with replacing(path) as draft:
        draft.write_text(page, encoding="utf-8")


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    with replacing(path) as draft:
        table.to_csv(draft, index=False, lineterminator="\n")
