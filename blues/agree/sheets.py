"""Reader-study kit: blinded, shuffled rating sheets for a cohort's clips, and the ratings read back.

``python -m blues.agree sheet COHORT --raters 2 --repeat 0.1 --out DIR`` writes

* ``DIR/raters/``: what the raters get: ``rate.html`` (plays the clips, keeps the ratings in the browser, saves a CSV),
  ``sheet-R1.csv`` ... (the same on paper), and ``clips/`` under codes that say nothing;
* ``DIR/key.csv`` and ``DIR/study.json``: which code is which clip. They stay with whoever runs the study.

``python -m blues.agree sheet --read DIR`` reads the filled sheets that were put into ``DIR`` or ``DIR/raters`` and writes
``DIR/ratings.csv``, tidy.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
from av.error import FFmpegError

from blues import video
from blues.check import InputError, columns_exist
from blues.cohort import Cohort
from blues.cohort.tables import decimal_sign, how_written
from blues.provenance import replacing, text_hash, write_json

__all__ = ["read_sheets", "write_sheets"]

PAGE = "rate.html"
CANNOT = "NA"
_PLAYABLE = ("h264",)
_WHOLE = 1_000_000


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
    """Return one item with the categories given, for a cohort whose dictionary names none."""
    if len(set(categories)) < max(len(categories), 2):
        raise InputError(f"categories of {item!r} must be at least two, each once", value=list(categories))
    return [{"name": item, "label": item, "categories": [[str(c), str(c)] for c in categories]}]


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
        The page to open, ``out/raters/rate.html``.

    Raises
    ------
    InputError
        No clips; nothing to rate; ``out`` holds something; no clip can be read.

    Notes
    -----
    Clips are copied without their metadata under codes that tell nothing; what is burnt into the picture stays there. Clips
    that cannot be read are left out; ``out/left_out.csv`` names them, with the reason.
    """
    out = Path(out)
    if out.exists() and any(out.iterdir()):
        raise InputError("the folder holds something already", file=out, remedy="Name a new one: codes must not mix")
    if not len(cohort.clips):
        raise InputError(f"{cohort.name} has no clips to rate")
    if not 0 <= repeat <= 0.5:
        raise InputError(f"repeat is a share of the clips, and is {repeat!r}", allowed="0 to 0.5")
    what = list(items) if items is not None else items_of(cohort)
    if not what:
        raise InputError(
            f"the dictionary of {cohort.name} names nothing to rate",
            remedy="Say what: --item severity --categories 0 1 2 3",
        )
    names = _rater_names(raters)
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as place:
        left_out = _copied(cohort, Path(place))
        clips = cohort.clips.drop(index=left_out["clip"])
        if not len(clips):
            raise InputError(f"no clip of {cohort.name} can be read", value=left_out["reason"].iloc[0])
        key = _key(clips, repeat, rng)
        for code, clip in zip(key["code"], key["clip"], strict=True):
            target = out / "raters" / "clips" / f"{code}.mp4"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(place) / f"{cohort.clips.index.get_loc(clip)}.mp4", target)
    orders = {name: _order(key, rng) for name in names}
    identity = text_hash(json.dumps([cohort.name, seed, key["code"].tolist(), names]))[:12]
    study = {"id": identity, "title": f"Rating sheet {identity[:4]}", "raters": names, "items": what, "order": orders}
    folder = out / "raters"
    _write_page(folder / PAGE, study)
    for name, codes in orders.items():
        blank = pd.DataFrame({"order": range(1, len(codes) + 1), "code": codes})
        for column in [*(item["name"] for item in what), "comment"]:
            blank[column] = ""
        _write_csv(folder / f"sheet-{name}.csv", blank)
    _write_csv(out / "key.csv", key)
    if len(left_out):
        _write_csv(out / "left_out.csv", left_out)
    write_json(out / "study.json", {**study, "cohort": cohort.name, "seed": seed, "repeat": repeat})
    return folder / PAGE


def _rater_names(raters: int | Sequence[str]) -> list[str]:
    names = [f"R{k + 1}" for k in range(raters)] if isinstance(raters, int) else [str(r) for r in raters]
    for name in names:
        if not re.fullmatch(r"[\w.-]+", name):
            raise InputError("a rater's name becomes part of a file name", value=name, allowed="letters, digits, . _ -")
    if not names or len(set(names)) < len(names):
        raise InputError("raters must be at least one, each named once", value=names)
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


def blind_copy(source: Path, target: Path) -> None:
    """Copy a clip as mp4 without metadata: H.264 as it is, anything else decoded and encoded anew (in gray)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_file():
        raise InputError("no such clip", file=source, remedy="Read the cohort from the folder that holds the clips")
    if _remuxed(source, target):
        return
    clip = video.read(source, rate=1e6, most=_WHOLE)
    height, width = (size - size % 2 for size in clip.frames.shape[1:])
    video.write(target, np.ascontiguousarray(clip.frames[:, :height, :width]), fps=clip.fps)


def _remuxed(source: Path, target: Path) -> bool:
    """Put the H.264 packets of a clip into a fresh mp4; False if they are of another kind."""
    try:
        with av.open(str(source)) as old:
            stream = next((s for s in old.streams.video), None)
            if stream is None or stream.codec_context.name not in _PLAYABLE:
                return False
            with replacing(target) as draft, av.open(str(draft), "w", options={"movflags": "faststart"}) as new:
                made = new.add_stream_from_template(stream)
                made.metadata.clear()
                for packet in old.demux(stream):
                    if packet.dts is not None:
                        packet.stream = made
                        new.mux(packet)
    except FFmpegError:
        return False
    return True


def _write_page(path: Path, study: dict[str, Any]) -> None:
    data = json.dumps(study, ensure_ascii=False)
    for character in "<>&":
        data = data.replace(character, f"\\u{ord(character):04x}")
    page = Path(__file__).with_name(PAGE).read_text(encoding="utf-8").replace("/*STUDY*/", data)
    with replacing(path) as draft:
        draft.write_text(page, encoding="utf-8")


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    with replacing(path) as draft:
        table.to_csv(draft, index=False, lineterminator="\n")


def read_sheets(folder: str | Path) -> pd.DataFrame:
    """Read filled rating sheets back to tidy ratings.

    Parameters
    ----------
    folder : path
        What :func:`write_sheets` made; ``ratings-NAME.csv`` from the page, or a filled ``sheet-NAME.csv``, in the folder or in
        its ``raters``. The page's file is taken where both are there.

    Returns
    -------
    DataFrame
        Columns ``subject`` (clip), ``patient``, ``point``, ``rater``, ``item``, ``round``, ``rating``; "cannot judge" and open
        cells are left out, and ``.attrs["open"]`` counts the open ones by rater.

    Raises
    ------
    InputError
        No filled sheet; an unknown code; a value that is not on the scale, with file, row and column.
    """
    folder = Path(folder)
    for name in ("key.csv", "study.json"):
        if not (folder / name).is_file():
            raise InputError(f"no {name} here", file=folder, remedy="Name the folder that the sheets were written to")
    key = pd.read_csv(folder / "key.csv", dtype=str, keep_default_na=False)
    study = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    parts, left_open = [], {}
    for rater in study["raters"]:
        path = _returned(folder, rater)
        if path is None:
            continue
        part, left_open[rater] = _read_sheet(path, rater, key, study["items"])
        parts.append(part)
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if not len(table):
        one = study["raters"][0]
        raise InputError(
            "no filled sheet yet",
            file=folder,
            remedy=f"Put ratings-{one}.csv there, which the page saves, or fill sheet-{one}.csv; the others' likewise",
        )
    table.attrs["open"] = left_open
    return table


def _returned(folder: Path, rater: str) -> Path | None:
    places = [folder / sub / f"{kind}-{rater}.csv" for kind in ("ratings", "sheet") for sub in (".", "raters")]
    return next((p for p in places if p.is_file()), None)


def _read_sheet(path: Path, rater: str, key: pd.DataFrame, items: Sequence[dict[str, Any]]) -> tuple[pd.DataFrame, int]:
    try:
        separator, encoding = how_written([path])
        sheet = pd.read_csv(path, dtype=str, keep_default_na=False, sep=separator, encoding=encoding)
        comma = decimal_sign([sheet], separator) == ","
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"not a CSV table: {error}", file=path) from None
    columns_exist(["code", *(item["name"] for item in items)], sheet.columns, str(path))
    known = key.set_index("code")
    codes = sheet["code"].str.strip()
    for what, wrong in (("no such code", ~codes.isin(known.index)), ("a code that occurs twice", codes.duplicated())):
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise InputError(what, file=path, row=row + 2, column="code", value=codes[row])
    parts, left_open = [], 0
    for item in items:
        cells = sheet[item["name"]].str.strip()
        values = _on_scale(cells.str.replace(",", ".") if comma and not item["categories"] else cells, item, path)
        left_open += int((cells == "").sum())
        clip = known.loc[codes]
        parts.append(
            pd.DataFrame(
                {
                    "subject": clip["clip"].to_numpy(),
                    "patient": clip["patient"].to_numpy(),
                    "point": clip["point"].to_numpy(),
                    "rater": rater,
                    "item": item["name"],
                    "round": clip["round"].astype(int).to_numpy(),
                    "rating": values.to_numpy(),
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    return table[table["rating"].notna()], left_open


def _on_scale(cells: pd.Series, item: dict[str, Any], path: Path) -> pd.Series:
    """Return a column's ratings, missing where open or not judged; raise on what is not on the scale."""
    given = (cells != "") & (cells.str.upper() != CANNOT)
    if item["categories"] is None:
        values = pd.to_numeric(cells.where(given), errors="coerce")
        wrong, allowed = given & values.isna(), "a number"
    else:
        scale = {str(value).lower(): value for value, _ in item["categories"]}
        scale |= {str(words).lower(): value for value, words in item["categories"]}
        scale |= {f"{value}.0".lower(): value for value, _ in item["categories"]}
        values = cells.str.lower().map(scale).where(given)
        wrong, allowed = given & values.isna(), ", ".join(str(value) for value, _ in item["categories"])
        if all(re.fullmatch(r"-?\d+(\.\d+)?", str(value)) for value, _ in item["categories"]):
            values = values.astype(float)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise InputError(
            "not on the scale",
            file=path,
            row=row + 2,
            column=item["name"],
            value=cells[row],
            allowed=f"{allowed}, {CANNOT}",
        )
    return values
