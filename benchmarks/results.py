"""Run what docs/results-covid-blues.md reports and print its tables as Markdown.

    python benchmarks/results.py data/covid-blues --out reports/results             # run what is missing, then print
    python benchmarks/results.py data/covid-blues --out reports/results --only pcr icu
    python benchmarks/results.py --out reports/results --tables                     # print from the folders at hand

Every run is one ``python -m blues.fuse`` command with seed 0, printed above its table with the time it took; a folder that is
there already is taken as it is (delete it to run again, after other weights for instance). ``--tables readme`` prints that of
the README alone.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from blues.fuse import Run


@dataclass(frozen=True)
class Table:
    """One run of the document: its flags and what its table shows."""

    title: str
    flags: str
    metrics: tuple[str, ...]
    versus: str = ""


BINARY = ("auroc", "accuracy", "brier")
RUNS = {
    "pcr": Table("PCR, the command's defaults", "--task pcr --baseline CRP LDH", BINARY, "auroc"),
    "pcr-xgboost": Table("PCR, boosted trees", "--task pcr --model xgboost --baseline CRP LDH", BINARY, "auroc"),
    "pcr-subgroups": Table(
        "PCR, for whom",
        "--task pcr --model xgboost --subgroups pat_sex pat_age dur_symp --null 0 --explain none",
        ("auroc",),
        "auroc",
    ),
    "pcr-null": Table(
        "PCR, a null of 200", "--task pcr --model xgboost --null 200 --explain none", ("auroc",), "auroc"
    ),
    "pcr-models": Table(
        "PCR, four models", "--task pcr --model forest xgboost logistic ridge --null 0 --explain none", BINARY, "auroc"
    ),
    "pcr-select": Table(
        "PCR, the choice made in an inner loop",
        "--task pcr --select xgboost/stack xgboost/early logistic/stack logistic/early/pca5 logistic/stack/max "
        "logistic/stack/platt logistic/stack/youden --repeats 5 --null 0 --explain none",
        BINARY,
        "auroc",
    ),
    "pcr-early": Table("PCR, early fusion", "--task pcr --fusion early --null 0 --explain none", BINARY, "auroc"),
    "pcr-frame-stats": Table(
        "PCR, hand-made image statistics", "--task pcr --model xgboost --encoder frame-stats", BINARY, "auroc"
    ),
    "icu": Table(
        "ICU or death by day 30: 11 events", "--task icu_or_death --baseline CRP", ("auroc", "auprc", "brier"), "auroc"
    ),
    "severity": Table("Severity: mean score of a patient's clips", "--task severity", ("mae", "spearman"), "mae"),
    "severity-clip": Table(
        "Severity of single clips",
        "--task severity_clip --modalities image --model xgboost logistic ridge --repeats 5",
        ("quadratic_kappa", "spearman", "mae"),
        "mae",
    ),
}
NAMES = {
    "auroc": "AUROC",
    "auprc": "average precision",
    "accuracy": "accuracy",
    "brier": "Brier",
    "mae": "mean absolute error",
    "spearman": "Spearman",
    "quadratic_kappa": "quadratic kappa",
}


def interval(row: pd.Series, value: str = "value", sign: bool = False) -> str:
    """Write a number with its interval."""
    how = "{:+.3f}" if sign else "{:.3f}"
    text = how.format(row[value])
    if pd.notna(row["low"]):
        text += f" ({how.format(row['low'])} to {how.format(row['high'])})"
    return text.replace("-", "−")


def markdown(run: Run, table: Table) -> list[str]:
    """Return one run's arms, best first, and what they do against the reference."""
    scores = run.scores.set_index(["metric", "arm"])
    against = run.comparisons[(run.comparisons["metric"] == table.versus) & run.comparisons["low"].notna()]
    against = (
        against[against["reference"] == against["reference"].iloc[:1].squeeze()].drop_duplicates("arm").set_index("arm")
    )
    null = run.comparisons[run.comparisons["reference"] == "shuffled outcome"].set_index("arm")["p_value"]
    main = table.metrics[0]
    by = scores.loc[main]["value"].sort_values(ascending=main in ("mae", "brier"))
    order = [*by.index, *(arm for arm in run.scores["arm"].unique() if arm not in by.index)]
    head = ["arm", *(NAMES[m] for m in table.metrics)]
    reference = against["reference"].iloc[0] if len(against) else None
    head += [f"{NAMES[table.versus]} less that of {reference.replace('+', ' + ')}"] if reference else []
    head += ["p against shuffled outcomes"] if len(null) else []
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for arm in order:
        cells = [arm.replace("+", " + ") + (" (reference)" if arm == reference else "")]
        cells += [interval(scores.loc[(m, arm)]) if (m, arm) in scores.index else "–" for m in table.metrics]
        if reference:
            cells.append(interval(against.loc[arm], "difference", sign=True) if arm in against.index else "")
        if len(null):
            cells.append(f"{null[arm]:.3f}" if arm in null.index else "")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def groups(run: Run) -> list[str]:
    """Return what images add in each subgroup, where some were named."""
    if run.subgroups.empty:
        return []
    head = "by|group|patients, with the event|without images|with images|difference|p that the groups differ"
    lines = ["", "| " + head.replace("|", " | ") + " |", "|" + "---|" * 7]
    for row in run.subgroups.to_dict("records"):
        cells = [row["by"], row["group"], f"{row['patients']}, {row['events']:.0f}"]
        if row["reason"]:
            cells += [row["reason"], "", "", ""]
        else:
            for arm in ("b", "a"):
                ends = {end: row[f"{end}_{arm}"] for end in ("value", "low", "high")}
                cells.append(interval(pd.Series(ends)))
            cells.append(interval(pd.Series(row), "difference", sign=True))
            cells.append("" if pd.isna(row["p_interaction"]) else f"{row['p_interaction']:.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def tests(run: Run, table: Table) -> list[str]:
    """Say how the arm that adds images to the reference does in every test, and what the inner loops took."""
    rows = run.comparisons[run.comparisons["metric"].isin([table.versus, "brier"])]
    rows = rows[rows["reference"] == rows["reference"].iloc[:1].squeeze()]
    arm = next((a for a in rows["arm"] if a == f"image+{rows['reference'].iloc[0]}"), None) if len(rows) else None
    lines = [
        f"- {row.arm}, {NAMES.get(row.metric, row.metric)}, {row.test}: {row.difference:+.3f}, p = {row.p_value:.3g}"
        f"{'' if pd.isna(row.low) else f' ({row.low:+.3f} to {row.high:+.3f})'}"
        for row in rows[rows["arm"] == arm].itertuples()
    ]
    if run.experiment.select:
        counts = run.choices.groupby("arm", sort=False)["chosen"].value_counts()
        lines += [f"- taken for {arm}: {label} in {count} training folds" for (arm, label), count in counts.items()]
    lines += [f"- {note['level']}: {note['text']}" for note in run.notes if note["level"] == "warning"]
    return lines


def beside_published(forest: Run, trees: Run) -> list[str]:
    """Return what others published of this cohort, with the same score here."""
    scores = {run: found.scores.set_index(["metric", "arm"]) for run, found in (("f", forest), ("t", trees))}

    def share(run: str, arm: str) -> str:
        value, low, high = 100 * scores[run].loc[("accuracy", arm), ["value", "low", "high"]].astype(float)
        return f"{value:.1f} % ({low:.1f} to {high:.1f})"

    severity = interval(scores["f"].loc[("auroc", "expert rule: mean severity")])
    images = f"{share('f', 'image')} (forest), {share('t', 'image')} (boosted trees)"
    return [
        "| what | published | here |",
        "|---|---|---|",
        f"| best fused accuracy | 83.4 % | boosted trees: blood tests alone {share('t', 'blood')}, with images "
        f"{share('t', 'image+blood')} |",
        f"| images only, accuracy | 58 to 73.4 % (CNNs), 79 % (segmented areas + logistic regression) | {images} |",
        f"| severity against PCR | p = 0.89 | rule on mean severity: AUROC {severity} |",
    ]


def started(name: str, cohort: str, out: Path) -> list[str]:
    """Run one command unless its folder is there; return it as it is to be typed, with the time it took."""
    folder, told = out / name, f"python -m blues.fuse data/covid-blues {RUNS[name].flags}"
    spent = out / f"{name}.seconds"
    if not (folder / "scores.csv").is_file():
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [sys.executable, "-m", "blues.fuse", cohort, *RUNS[name].flags.split(), "--out", str(folder)]
        subprocess.run(command, check=True, stdout=sys.stderr)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        spent.write_text(f"{time.perf_counter() - start:.0f} s, {cpu:.0f} s of processor\n", encoding="utf-8")
    took = f"\n\n{spent.read_text(encoding='utf-8').strip()}, report included." if spent.is_file() else ""
    return ["```", told, "```" + took]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", nargs="?", default="data/covid-blues")
    parser.add_argument("--out", type=Path, default=Path("reports/results"))
    parser.add_argument("--only", nargs="+", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--tables", nargs="?", const="all", choices=("all", "readme"), help="run nothing")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name in ["pcr-xgboost"] if given.tables == "readme" else given.only:
        if given.tables and not (given.out / name / "scores.csv").is_file():
            print(f"<!-- {name}: not run yet -->\n")
            continue
        head = started(name, given.cohort, given.out)
        run = Run.load(given.out / name)
        encoder = run.provenance.get("encoder") or {}
        print(f"## {RUNS[name].title}\n", *head, "", sep="\n")
        print(f"Encoder {encoder.get('name', '–')}, weights {str(encoder.get('weights', '–'))[:8]}.\n")
        print(*markdown(run, RUNS[name]), *groups(run), "", *tests(run, RUNS[name]), "", sep="\n", flush=True)
    both = [given.out / name for name in ("pcr", "pcr-xgboost")]
    if given.tables != "readme" and all((folder / "scores.csv").is_file() for folder in both):
        print("## Beside what was published\n", *beside_published(*map(Run.load, both)), sep="\n")


if __name__ == "__main__":
    main()
