"""What an encoder is worth on a labelled cohort: ``python benchmarks/encoder.py FOLDER [--scratch] [--finetune]``.

Clips against the expert labels: zero-shot (the encoder's readable outputs as they are, and half from the patient's other
clips); severity's output recalibrated in patient folds, both ways; by a linear probe on the frozen features in patient folds;
and by a probe whose penalty and columns are chosen in inner folds: embedding or readable outputs, with or without the
patient's other clips. Patients against the PCR: image only, every choice in inner folds. All encoders share the folds; scores
are means over the repeats, intervals by patient. Nothing here is chosen on these scores.
Needs ratings called ``b_lines``, ``a_lines`` and ``severity`` and a target (default ``pcr``).
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch import nn

from blues import encoders, evaluate, models, pool
from blues.check import InputError
from blues.cohort import Cohort, read
from blues.embed import Embeddings, embed
from blues.encoders import Encoder
from blues.encoders.lus import LusNet
from blues.fuse.combined import combinations
from blues.pretrain.folds import USUAL, FoldTraining, prepared, refuse_others, tuned
from blues.provenance import write_json

CATEGORIES = [0, 1, 2, 3]
TARGETS = {
    ("zero-shot", "B-lines", "AUROC"): 0.75,
    ("zero-shot", "A-lines", "AUROC"): 0.72,
    ("zero-shot", "severity", "Spearman"): 0.30,
    ("zero-shot, in part", "B-lines", "AUROC"): 0.75,
    ("zero-shot, in part", "A-lines", "AUROC"): 0.72,
    ("zero-shot, in part", "severity", "Spearman"): 0.30,
    ("probe", "B-lines", "AUROC"): 0.80,
    ("recalibrated", "severity", "kappa"): 0.40,
    ("recalibrated, in part", "severity", "kappa"): 0.40,
    ("probe", "severity", "kappa"): 0.40,
    ("probe, chosen", "B-lines", "AUROC"): 0.80,
    ("probe, chosen", "severity", "kappa"): 0.40,
    ("nested", "PCR", "AUROC"): 0.80,
    ("nested", "PCR", "accuracy"): 0.79,
}
CLIP = "clip"
PARTIAL = 0.5
"""The weight of the patient's other clips, fixed beforehand."""
READ_OFF = {"b_lines": "b_line_presence", "a_lines": "a_line_presence"}
SHOWN = {"b_lines": "B-lines", "a_lines": "A-lines"}
Line = tuple[str, str, str, evaluate.Estimate]


def labels(cohort: Cohort) -> pd.DataFrame:
    """Return one column a rating item, one row a clip; the mean over raters."""
    return cohort.ratings.pivot_table(index="clip", columns="item", values="rating", aggfunc="mean")


def spearman(y: np.ndarray, scores: np.ndarray, patients: np.ndarray) -> evaluate.Estimate:
    """Return the mean over repeats (rows of ``scores``) of Spearman's rho, drawn again by patient."""

    def of(rows: pd.DataFrame) -> float:
        ranks = rows.rank().to_numpy()
        return float(np.mean([np.corrcoef(ranks[:, 0], column)[0, 1] for column in ranks[:, 1:].T]))

    table = pd.DataFrame(np.column_stack([y, np.atleast_2d(scores).T]))
    return evaluate.patient_bootstrap(of, table, patients, draws=500, seed=0)


def kappa(y: np.ndarray, called: np.ndarray, patients: np.ndarray) -> evaluate.Estimate:
    """Return the mean over repeats of the quadratic-weighted kappa, with the middle of the repeats' intervals."""
    all_of = [evaluate.quadratic_kappa(y.astype(int), one, CATEGORIES, patients) for one in np.atleast_2d(called)]
    value, low, high = np.mean([(one.value, one.low, one.high) for one in all_of], axis=0)
    return evaluate.Estimate(value, low, high)


def zero_shot(clips: pd.DataFrame, truth: pd.DataFrame, patients: pd.Series, how: str = "zero-shot") -> list[Line]:
    """Score the outputs that a clinician can read, without any fitting."""
    lines: list[Line] = []
    for item, column in READ_OFF.items():
        if column in clips and item in truth:
            y = truth[item].dropna()
            score = clips.loc[y.index, column]
            lines.append((how, SHOWN[item], "AUROC", evaluate.auroc(y, score, patients[y.index])))
    if "soldati" in clips and "severity" in truth:
        y = truth["severity"].dropna()
        score, of = clips.loc[y.index, "soldati"].to_numpy(), patients[y.index].to_numpy()
        lines.append((how, "severity", "Spearman", spearman(y.to_numpy(), score, of)))
        lines.append((how, "severity", "kappa", kappa(y.to_numpy(), np.rint(score).astype(int), of)))
    return lines


Blocks = dict[str, list[int]]
"""Name -> columns that a probe may use."""


def fixed(kind: str, blocks: Blocks) -> models.Nested:
    """Return the plain probe: a linear model on the clip's own features, nothing chosen."""
    return models.Nested({CLIP: (models.make("logistic", kind), blocks[CLIP])}, kind)


def choosing(kind: str, blocks: Blocks) -> models.Nested:
    """Return a probe that chooses in inner folds: its columns, and how much stronger than usual its penalty is."""
    name, power = ("model__C", -1) if kind == "binary" else ("model__alpha", 1)
    usual = models.make("logistic", kind).get_params()[name]
    return models.Nested(
        {
            f"{words}, penalty x {times}": (
                models.make("logistic", kind).set_params(**{name: usual * float(times) ** power}),
                columns,
            )
            for words, columns in blocks.items()
            for times in (1, 10, 100, 1000)
        },
        kind,
    )


def beside_others(clips: pd.DataFrame, patients: pd.Series, outputs: list[str]) -> tuple[pd.DataFrame, Blocks]:
    """Return each clip's features, then the mean of the same patient's other clips (NaN where there are none), and blocks."""
    of = patients.reindex(clips.index)
    others = clips.groupby(of).transform("count") - 1
    mean = (clips.groupby(of).transform("sum") - clips) / others.where(others > 0)
    d, said = clips.shape[1], [clips.columns.get_loc(name) for name in outputs]
    blocks = {CLIP: list(range(d)), "clip and the patient's others": list(range(2 * d))}
    if said:
        blocks["outputs"] = said
        blocks["outputs of the clip and of the others"] = [*said, *(d + place for place in said)]
    return pd.concat([clips, mean.add_suffix(", others")], axis=1), blocks


def probe(
    clips: pd.DataFrame,
    truth: pd.DataFrame,
    patients: pd.Series,
    repeats: int,
    outputs: list[str],
    how: str = "probe",
    learner: Callable[[str, Blocks], models.Nested] = fixed,
) -> tuple[list[Line], dict[str, int]]:
    """Fit a linear model on frozen features in patient folds; severity's cut points come from inner folds."""
    lines: list[Line] = []
    taken: dict[str, int] = {}
    features, blocks = beside_others(clips, patients, outputs)
    for item in (*SHOWN, "severity"):
        if item not in truth:
            continue
        y = truth[item].dropna()
        X, of, outcome = features.loc[y.index].to_numpy(float), patients[y.index].to_numpy(), y.to_numpy()
        kind = "continuous" if item == "severity" else "binary"
        scores = np.full((repeats, len(y)), np.nan)
        called = np.zeros((repeats, len(y)), int)
        for repeat, _, train, test in evaluate.patient_folds(outcome, of, 5, repeats, 0):
            inner = models.InnerFolds(of[train], inner_splits)
            model = learner(kind, blocks).fit(X[train], outcome[train], inner)
            scores[repeat, test] = model.expected(X[test])
            taken[f"{item}: {model.chosen_}"] = taken.get(f"{item}: {model.chosen_}", 0) + 1
            if item == "severity":
                held = models.inner_predictions(learner(kind, blocks), X[train], outcome[train], inner, kind)
                called[repeat, test] = np.searchsorted(
                    models.matched_cuts(outcome[train], held), scores[repeat, test], "right"
                )
        if item == "severity":
            lines.append((how, "severity", "Spearman", spearman(outcome, scores, of)))
            lines.append((how, "severity", "kappa", kappa(outcome, called, of)))
        else:
            lines.append((how, SHOWN[item], "AUROC", evaluate.bootstrap_auroc(outcome, scores, of, draws=500)))
    return lines, taken


def recalibrated(clips: pd.DataFrame, truth: pd.DataFrame, patients: pd.Series, repeats: int, how: str) -> list[Line]:
    """Fit a line and cut points to the output for severity alone (findings keep their ranks, so there is nothing to ask)."""
    if "soldati" not in clips or "severity" not in truth:
        return []
    return probe(clips[["soldati"]], truth[["severity"]], patients, repeats, [], how)[0]


def inner_splits(y: np.ndarray, patients: np.ndarray, kind: str = "auto") -> list[tuple[np.ndarray, np.ndarray]]:
    return [(train, test) for _, _, train, test in evaluate.patient_folds(y, patients, 4, 1, 1, kind=kind)]


def candidates(mean: pd.DataFrame, most: pd.DataFrame, outputs: list[str]) -> tuple[np.ndarray, dict[str, tuple]]:
    """Return the columns and what competes in the inner folds: pooling, model and, where there are any, outputs alone."""
    d = mean.shape[1]
    X = np.hstack([mean.to_numpy(float), most.to_numpy(float)])
    rivals = {
        "logistic, mean of points": (models.make("logistic", "binary"), range(d)),
        "logistic, maximum of points": (models.make("logistic", "binary"), range(d, 2 * d)),
        "forest, mean of points": (models.make("forest", "binary"), range(d)),
    }
    if outputs:
        chosen = [mean.columns.get_loc(name) for name in outputs]
        rivals["logistic, readable outputs"] = (models.make("logistic", "binary"), chosen)
    return X, rivals


def patient_level(made: Embeddings, cohort: Cohort, target: str, repeats: int) -> tuple[list[Line], dict[str, int]]:
    """Predict the target from images alone: model, pooling and threshold are chosen in inner folds."""
    mean = pool.patients(made, how="mean")
    most = pool.patients(made, how="max").loc[mean.index]
    y = cohort.target(target).dropna()
    y = y[y.index.isin(mean.index)]
    names = [name for name in made.encoder["outputs"] if name in mean]
    X, rivals = candidates(mean.loc[y.index], most.loc[y.index], names)
    of, outcome = y.index.to_numpy(), y.to_numpy(float)
    scores, hits = np.full((repeats, len(y)), np.nan), np.zeros((repeats, len(y)))
    taken: dict[str, int] = {}
    for repeat, _, train, test in evaluate.patient_folds(outcome, of, 5, repeats, 0):
        inner = models.InnerFolds(of[train], partial(inner_splits, kind="binary"))
        model = models.Nested(rivals, "binary", threshold="youden").fit(X[train], outcome[train], inner)
        scores[repeat, test] = model.expected(X[test])
        hits[repeat, test] = (scores[repeat, test] >= model.threshold_) == (outcome[test] == 1)
        taken[model.chosen_] = taken.get(model.chosen_, 0) + 1
    accuracy = evaluate.patient_bootstrap(lambda rows: float(np.mean(rows)), hits.mean(0), of, draws=2000)
    return [
        ("nested", "PCR", "AUROC", evaluate.bootstrap_auroc(outcome, scores, of, draws=1000)),
        ("nested", "PCR", "accuracy", accuracy),
    ], taken


def ceiling(prevalence: float, disagree: float) -> float:
    """Return the AUROC that a reader who is always right would reach against labels that are wrong now and then.

    Every label is taken to be wrong with one probability e, independently of the others: two labels of one place then
    disagree with probability 2 e (1 - e). From there by Bayes' rule: the share of true findings among clips labelled so and
    among those labelled otherwise.
    """
    if disagree >= 0.5:
        return 0.5
    wrong = (1 - np.sqrt(1 - 2 * disagree)) / 2
    true = np.clip((prevalence - wrong) / (1 - 2 * wrong), 0, 1)
    return 0.5 + (true * (1 - wrong) / prevalence - true * wrong / (1 - prevalence)) / 2


def label_noise(cohort: Cohort, truth: pd.DataFrame) -> list[str]:
    """Say how far labels of one place agree with each other: takes of one point, and points of one patient."""
    about = cohort.clips.join(truth, how="inner")
    lines = []
    pairs = [g.sort_values("take") for _, g in about.groupby(["patient", "point"]) if len(g) > 1]
    for item in truth.columns:
        known = [g[item].dropna().to_numpy()[:2] for g in pairs if g[item].notna().sum() > 1]
        if known:
            apart = np.abs(np.diff(np.array(known), axis=1))[:, 0]
            lines.append(
                f"{item}: {len(known)} points taken twice, labels equal in {int((apart == 0).sum())}, "
                f"mean difference {apart.mean():.2f}"
            )
        if known and set(truth[item].dropna()) == {0, 1}:
            rate = evaluate.clopper_pearson_interval(int((apart > 0).sum()), len(known))
            best = [ceiling(truth[item].mean(), share) for share in (rate.value, rate.high, rate.low)]
            lines.append(
                f"{item}: labels of one point disagree in {rate} of retakes; if that is error and not change, a reader who is "
                f"always right would reach AUROC {best[0]:.2f} (between {best[1]:.2f} and {best[2]:.2f})"
            )
        if known and item == "severity":
            first, second = np.array(known, dtype=int).T
            of = np.array([g["patient"].iloc[0] for g in pairs if g[item].notna().sum() > 1])
            same = evaluate.quadratic_kappa(first, second, CATEGORIES, of)
            lines.append(f"{item}: quadratic-weighted kappa of first with second takes {same}")
        values = about[["patient", item]].dropna()
        sizes = values.groupby("patient")[item].transform("size")
        own = (values.groupby("patient")[item].transform("sum") - values[item]) / (sizes - 1).clip(lower=1)
        rho = stats.spearmanr(own[sizes > 1], values.loc[sizes > 1, item])[0]
        lines.append(f"{item}: Spearman of a clip's label with the mean of the patient's other clips {rho:.2f}")
    return lines + contradictions(about)


def contradictions(about: pd.DataFrame) -> list[str]:
    """Say how far the labels of one clip fit each other.

    By the written definition (Soldati et al. 2020) every score but 0 has white below the pleural line.
    """
    both = about[["patient", "severity", "b_lines"]].dropna()
    if not len(both):
        return []
    some = both["severity"] > 0
    with_b, without = int((both["b_lines"] > 0)[~some].sum()), int((both["b_lines"] == 0)[some].sum())
    area = evaluate.auroc(both["b_lines"], both["severity"], both["patient"])
    return [
        f"severity 0 with B-lines: {with_b} of {int((~some).sum())} clips; "
        f"severity 1 to 3 without: {without} of {int(some.sum())}; together {(with_b + without) / len(both):.0%}",
        f"the experts' severity as a score of the experts' B-lines, same clips: AUROC {area}",
    ]


def shared_truth(truth: pd.DataFrame, clips: pd.DataFrame, patients: pd.Series) -> list[str]:
    """Say how well any score could agree with the labels, from three views of one truth whose errors are independent.

    Correlations of three views are products of each view's correlation with the truth, so that of a label with the truth is
    sqrt(r12 r13 / r23) (Spearman 1904, Am J Psychol 15:72). The views are the label, the other label of the clip and the
    encoder's output. Errors that the two labels of one reader share make the result too high.
    """
    lines = []
    for item, other, column in (
        ("b_lines", "severity", "b_line_presence"),
        ("a_lines", "severity", "a_line_presence"),
        ("severity", "b_lines", "soldati"),
    ):
        if not {item, other} <= set(truth) or column not in clips:
            continue
        views = truth[[item, other]].join(clips[column], how="inner").dropna()

        def of(rows: pd.DataFrame) -> float:
            r = np.corrcoef(rows.rank().to_numpy().T)
            return float(np.sqrt(max(r[0, 1] * r[0, 2] / r[1, 2], 0)))

        found = evaluate.patient_bootstrap(of, views, patients[views.index].to_numpy(), draws=1000, seed=0)
        line = f"{item}: Spearman of the label with what {item}, {other} and {column} share {found}"
        share = views[item].mean()
        if set(views[item]) == {0, 1}:  # rank correlation with a yes or no and AUROC are one another's multiple
            areas = [
                min(1.0, 0.5 + rho / (2 * np.sqrt(3 * share * (1 - share))))
                for rho in (found.value, found.low, found.high)
            ]
            line += "; as an AUROC {:.2f} ({:.2f} to {:.2f})".format(*areas)
        lines.append(line)
    return lines


def combined(made: Embeddings, truth: pd.DataFrame, outcome: pd.Series) -> list[str]:
    """Say what the outputs give when frames are combined to clips, and clips to patients, in every way, side by side.

    Frames to clips as POCOVID-Net compares them: the mean probability, and the majority vote, against the label of the clip;
    clips to patients by mean, max, any, top-k and noisy-or, against the outcome of the patient.
    """
    table = made.table.set_index("clip")
    clips = np.repeat(table.index.to_numpy(), table["frames"])
    lines = []
    for item, column in READ_OFF.items():
        if column not in made.names:
            continue
        p = np.clip(made.values[:, made.names.index(column)].astype(float), 0, 1)
        y = truth[item].dropna()
        for how, words in (("mean", "mean probability"), ("vote", "majority vote")):
            score = evaluate.combine(p, clips, how)[y.index]
            # a tie of votes is no majority
            called = score > 0.5 if how == "vote" else score >= 0.5
            hits = np.mean([(called == y)[y == label].mean() for label in (0, 1)])
            area = evaluate.auroc(y, score, table.loc[y.index, "patient"])
            lines.append(f"{SHOWN[item]}, frames to clips by {words}: AUROC {area}, balanced accuracy {hits:.3f}")
    return lines + [
        f"{row.output} as a score of the target, frames by {row.frames}, clips by {row.clips}: "
        f"AUROC {row.auroc:.3f} ({row.low:.3f} to {row.high:.3f})"
        for row in combinations(made, outcome).itertuples()
    ]


def fold_predictions(
    frames: Sequence[np.ndarray],
    y: pd.Series,
    splits: Sequence[tuple[int, np.ndarray, np.ndarray]],
    encoder: Encoder | None = None,
    how: FoldTraining = USUAL,
    seed: int = 0,
) -> np.ndarray:
    """Predict a binary label of clips by networks that were trained on the training clips of each split.

    Parameters
    ----------
    frames : sequence of uint8 arrays (t, 128, 128)
        From :func:`blues.pretrain.folds.prepared`, in the order of ``y``.
    y : Series
        0 or 1, one a clip.
    splits : sequence of (repeat, train, test)
        Positions in ``y``; all clips of a patient must be on one side.
    encoder : Encoder, optional
        Where to start: an encoder of this architecture; random weights if not given.
    how : FoldTraining
        What is fixed of the training.
    seed : int
        Of the training.

    Returns
    -------
    float array, shape (repeats, clips)
        The mean probability over a clip's frames; NaN where no split of a repeat holds the clip out.
    """
    if encoder is not None:
        refuse_others(encoder)
    if not set(np.unique(y)) <= {0, 1}:
        raise InputError("the label is not binary", allowed="0 and 1")
    found = np.full((1 + max(repeat for repeat, _, _ in splits), len(y)), np.nan)
    for number, (repeat, train, test) in enumerate(splits):
        targets = y.to_numpy(dtype=np.float32)[train, None]
        net, head = tuned([frames[i] for i in train], targets, encoder, how=how, seed=(seed, number))
        found[repeat, test] = [_predict(net, head, frames[i]) for i in test]
    return found


@torch.no_grad()
def _predict(net: LusNet, head: nn.Linear, frames: np.ndarray) -> float:
    net.eval()
    embedding = net.heads(torch.as_tensor(frames).float().div_(255).unsqueeze(1), masks=False)["embedding"]
    return float(head(embedding)[:, 0].sigmoid().mean())


def in_folds(cohort: Cohort, truth: pd.DataFrame, repeats: int, start: str | None) -> list[Line]:
    """Train the network of blues-lus inside the folds on the clips' labels: from random weights, or fine-tuned."""
    lines: list[Line] = []
    frames = dict(zip(truth.index, prepared(cohort, truth.index), strict=True))
    for item in SHOWN:
        y = truth[item].dropna()
        of = cohort.clips.loc[y.index, "patient"].to_numpy()
        splits = [(s.repeat, s.train, s.test) for s in evaluate.patient_folds(y.to_numpy(), of, 5, repeats, 0)]
        encoder = None if start is None else encoders.get(start)
        scores = fold_predictions([frames[clip] for clip in y.index], y, splits, encoder)
        area = evaluate.bootstrap_auroc(y.to_numpy(), scores, of, draws=500)
        lines.append(("in folds", SHOWN[item], "AUROC", area))
    return lines


def show(name: str, lines: list[Line]) -> list[dict[str, object]]:
    rows = []
    for how, what, metric, estimate in lines:
        target = TARGETS.get((how, what, metric))
        verdict = "" if target is None else f"   target {target:.2f}: {'met' if estimate.value >= target else 'missed'}"
        print(f"{name:<14}{how:<23}{what:<10}{metric:<10}{estimate}{verdict}", flush=True)
        rows.append(
            {"encoder": name, "how": how, "what": what, "metric": metric, "value": estimate.value}
            | {"low": estimate.low, "high": estimate.high, "target": target}
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoders", nargs="+", default=["frame-stats", "random-cnn", "blues-lus"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--target", default="pcr")
    parser.add_argument("--scratch", action="store_true", help="also train from random weights in the folds (slow)")
    parser.add_argument("--finetune", action="store_true", help="also fine-tune blues-lus in the folds (slow)")
    parser.add_argument("--combine", action="store_true", help="also from frames to clips to patients in every way")
    parser.add_argument("--out", type=Path, help="JSON file for the numbers")
    given = parser.parse_args()
    cohort = read(given.folder)
    truth = labels(cohort)
    rows: list[dict[str, object]] = []
    for line in label_noise(cohort, truth):
        print(line)
    for name in given.encoders:
        encoder = encoders.get(name)
        if encoder.has_seen(cohort.name):
            print(f"{name} has seen {cohort.name} and is not scored on it")
            continue
        made = embed(cohort, encoder)
        clips = pool.clips(made)
        patients = made.table.set_index("clip")["patient"]
        known = truth[truth.index.isin(clips.index)]
        outputs = [name for name in made.encoder["outputs"] if name in clips]
        if "lus" in clips:
            strange = clips.index[clips["lus"] < 0.5]
            print(f"{len(strange)} of {len(clips)} clips below one half on lus: {', '.join(strange) or 'none'}")
        print(*shared_truth(known, clips, patients), sep="\n")
        partly = pool.clips(made, partial=PARTIAL)
        lines = zero_shot(clips, known, patients) + zero_shot(partly, known, patients, "zero-shot, in part")
        lines += recalibrated(clips, known, patients, given.repeats, "recalibrated")
        lines += recalibrated(partly, known, patients, given.repeats, "recalibrated, in part")
        lines += probe(clips, known, patients, given.repeats, outputs)[0]
        chosen, at_clips = probe(clips, known, patients, given.repeats, outputs, "probe, chosen", choosing)
        at_patients, taken = patient_level(made, cohort, given.target, given.repeats)
        rows += show(Path(name).stem, lines + chosen + at_patients)
        for counts in (at_clips, taken):
            print(f"{'':<14}chosen in the training folds: " + ", ".join(f"{k} {v}" for k, v in sorted(counts.items())))
        if given.combine:
            print(*combined(made, known, cohort.target(given.target)), sep="\n")
    if given.scratch:
        rows += show("scratch", in_folds(cohort, truth, 1, None))
    if given.finetune:
        rows += show("finetuned", in_folds(cohort, truth, 1, "blues-lus"))
    if given.out is not None:
        write_json(given.out, rows)


if __name__ == "__main__":
    main()
