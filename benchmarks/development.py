"""What an encoder's outputs say of the POCUS clips it was developed beside: ``python benchmarks/development.py FOLDER``.

Zero-shot, mean over a clip's frames, against what physicians noted of each clip. These clips steered the simulator and the
choice of the bundled weights, so the figures flatter; they are for comparing encoders while they are made. Two encoders, or
one with and without ``--partial``, are compared too, with intervals over sources: many clips are of one case or one article.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from blues import encoders, pool
from blues.check import InputError
from blues.cohort import Cohort, read
from blues.embed import embed
from blues.encoders import checkpoint, lus


def kinds(cohort: Cohort) -> pd.Series:
    """Return the first three letters of each clip's file name, small: ``cov``, ``pne``, ``vir`` or ``reg``."""
    return cohort.clips["path"].map(lambda path: Path(path).name[:3].lower())


def sources(cohort: Cohort) -> pd.Series:
    """Return where each clip is from: its file name without the last number and what that counts."""
    last = re.compile(r"[_+-]?(set\d+_)?(vid|video|v|mov|image|file|clip|day\+)?_?\d+(_[a-z_]*)?$")
    return cohort.clips["path"].map(lambda path: last.sub("", Path(path).stem.lower()))


def questions(cohort: Cohort, clips: pd.DataFrame) -> dict[str, tuple[pd.Series, str]]:
    """Return for every line of the table which clips count as 1 and 0 (others NaN), and the output that scores them."""
    noted = cohort.ratings.pivot_table(index="clip", columns="item", values="rating").reindex(clips.index).fillna(0)
    noted = noted.reindex(columns=["b_lines", "a_lines", "consolidation", "effusion"], fill_value=0)
    kind = kinds(cohort).reindex(clips.index)
    regular = kind == "reg"

    def against(yes: pd.Series, no: pd.Series) -> pd.Series:
        return pd.Series(np.where(yes, 1.0, np.where(no, 0.0, np.nan)), clips.index)

    b_lines = noted["b_lines"] > 0
    return {
        "B-lines": (b_lines.astype(float), "b_line_presence"),
        "B-lines against regular": (against(b_lines, regular & ~b_lines), "b_line_presence"),
        "A-lines": (noted["a_lines"], "a_line_presence"),
        "regular, by A-lines": (regular.astype(float), "a_line_presence"),
        "COVID-19 against regular": (against(kind == "cov", regular), "b_line_presence"),
        "any disease against regular": ((~regular).astype(float), "soldati"),
        "consolidation": (noted["consolidation"], "consolidation_presence"),
        "effusion": (noted["effusion"], "effusion_presence"),
    }


def variants(name: str, shares: list[float]) -> Iterator[tuple[str, encoders.Encoder]]:
    """Yield an encoder as it is, or the same weights with each share of the mean taken from the frame."""
    encoder = encoders.get(name)
    if not shares:
        yield name, encoder
    for share in shares:
        module = encoder.module
        assert isinstance(module, lus.LusNet)
        about = checkpoint.Description(
            arguments={**module.arguments, "centred": share}, card={"saw": encoder.card["saw"]}
        )
        yield f"{name} {share:g}", lus.encoder(Path(name), name, module.state_dict(), about)


def area(rows: pd.DataFrame, output: str) -> float:
    """Return the AUROC of one output; NaN where the rows are of one class."""
    return float(roc_auc_score(rows["y"], rows[output])) if rows["y"].nunique() == 2 else float("nan")


def answers(cohort: Cohort, clips: pd.DataFrame) -> dict[str, str]:
    """Return one column of the table."""
    said = {}
    for what, (y, output) in questions(cohort, clips).items():
        known = y.notna()
        value = area(pd.DataFrame({"y": y[known], output: clips.loc[known, output]}), output)
        said[f"{what} ({int(y[known].sum())} of {int(known.sum())})"] = f"{value:.3f}"
    said["below one half on lus"] = f"{int((clips['lus'] < 0.5).sum())} of {len(clips)}"
    return said


def compared(cohort: Cohort, first: pd.DataFrame, second: pd.DataFrame) -> list[str]:
    """Say what the second encoder's outputs gain over the first's, by row and on average, with intervals over sources."""
    asked = questions(cohort, first)
    lines = {}
    where = sources(cohort).reindex(first.index)

    def gains(clips: pd.DataFrame) -> list[float]:
        found = []
        for y, output in asked.values():
            rows = pd.DataFrame({"y": y.reindex(clips["clip"]).to_numpy()})
            rows["a"], rows["b"] = (table.loc[clips["clip"], output].to_numpy() for table in (first, second))
            rows = rows.dropna()
            found.append(area(rows, "b") - area(rows, "a"))
        return found

    everyone = pd.DataFrame({"clip": first.index})
    rng, groups = np.random.default_rng(0), [part for _, part in everyone.groupby(where.to_numpy())]
    drawn = np.array(
        [gains(pd.concat([groups[i] for i in rng.integers(len(groups), size=len(groups))])) for _ in range(500)]
    )
    observed = np.array(gains(everyone))
    kept = [i for i, name in enumerate(asked) if name != "A-lines" and np.isfinite(observed[i])]
    for i, name in enumerate(asked):
        lines[name] = (observed[i], *np.nanquantile(drawn[:, i], (0.025, 0.975)))
    mean = drawn[:, kept].mean(1)
    lines["mean of all but A-lines"] = (observed[kept].mean(), *np.nanquantile(mean, (0.025, 0.975)))
    head = f"95 % interval over {len(groups)} sources:"
    return [head, *(f"  {name:<30} {v:+.3f} ({low:+.3f} to {high:+.3f})" for name, (v, low, high) in lines.items())]


def couples(tables: dict[float, list[Any]]) -> list[tuple[Any, Any]]:
    """Return which columns are compared: of one encoder the two ways of reading it, of two encoders each way of reading them.

    Of more encoders none are.
    """
    ways = list(tables.values())
    if [len(way) for way in ways] == [1, 1]:
        return [(ways[0][0], ways[1][0])]
    return [(way[0], way[1]) for way in ways if len(way) == 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the POCUS collection, or part of it")
    parser.add_argument("--encoders", nargs="+", default=["blues-lus"])
    parser.add_argument(
        "--centred", nargs="+", type=float, default=[], help="try each share of blues.encoders.lus.Centred"
    )
    parser.add_argument(
        "--partial",
        type=float,
        default=0.0,
        help="beside it each clip in part with the others of its source, by this share",
    )
    given = parser.parse_args()
    cohort = read(given.folder)
    found: dict[str, dict[str, str]] = {}
    tables: dict[float, list[tuple[str, pd.DataFrame]]] = {}
    for name, encoder in (pair for chosen in given.encoders for pair in variants(chosen, given.centred)):
        if encoder.has_seen(cohort.name):
            print(f"{name} was trained on {cohort.name}: its column says how well it learned, not how good it is")
        made = embed(cohort, encoder)
        of = made.table["clip"].map(sources(cohort))
        for share in dict.fromkeys((0.0, given.partial)):
            clips = pool.clips(dataclasses.replace(made, table=made.table.assign(patient=of)), partial=share)
            if missing := [output for _, output in questions(cohort, clips).values() if output not in clips]:
                raise InputError(f"{name} has no {missing[0]}", allowed="encoders with the outputs of blues-lus")
            column = f"{name}, in part" if share else name
            tables.setdefault(share, []).append((column, clips))
            found[column] = answers(cohort, clips)
    print(pd.DataFrame(found).to_string())
    for (first, ours), (second, theirs) in couples(tables):
        head, *lines = compared(cohort, ours, theirs)
        print(f"{second} less {first}, {head}", *lines, sep="\n")


if __name__ == "__main__":
    main()
