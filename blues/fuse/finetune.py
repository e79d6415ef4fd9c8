"""The encoder fine-tuned inside each fold: it learns from the training patients' clips alone, then embeds everybody."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd

from blues import check, embed, encoders, models
from blues.cohort import Cohort
from blues.embed import Embeddings
from blues.encoders import Encoder
from blues.features import Design, design
from blues.fuse.experiment import Experiment

if TYPE_CHECKING:
    from blues.fuse.crossval import Fold

__all__ = ["Tuning", "calls", "tuning"]

TEACHERS = {"labels": "the experts' labels of the clips", "target": "the target"}
CUTS = (0.25, 0.5, 0.75)
"""Quantiles of the training rows at which a continuous target is cut into questions of yes and no."""


@dataclasses.dataclass(frozen=True)
class Tuning:
    """What fine-tuning in a fold needs.

    Attributes
    ----------
    kind : {"labels", "target"}
        What the encoder learns: the experts' ratings of the clips, or the outcome of their patients.
    design : Design
        The untuned design, whose folds and rows count.
    encoder : Encoder
        Where every fold starts.
    embeddings : Embeddings
        The untuned ones: which clips, and how many frames of each.
    frames : uint8 array, shape (all frames, 128, 128)
        Of those clips, one after the other.
    owner : int array, shape (clips,)
        The clip's row in the design; -1 where it has none (the outcome is not known): such a clip is not learned from.
    labels : float array, shape (clips, k), or None
        0, 1 or NaN; None: the target is learned.
    outputs : tuple of str or None
        The network's own outputs that the columns teach.
    blocks : callable
        From embeddings to a design's image block under each pooling.
    seed, jobs : int
        Of the training, and worker processes, which do not change a number.
    progress : bool
        Say on standard error what it costs.
    untaught : dict of str to str
        Ratings that the network has outputs for and that are not learned, and why.
    """

    kind: str
    design: Design
    encoder: Encoder
    embeddings: Embeddings
    frames: np.ndarray
    owner: np.ndarray
    labels: np.ndarray | None
    outputs: tuple[str, ...] | None
    blocks: Callable[[Embeddings], dict[str, pd.DataFrame]]
    seed: int
    jobs: int
    progress: bool = False
    untaught: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def matrices(self, X: np.ndarray, layout: models.Layout, y: np.ndarray, folds: Sequence[Fold]) -> list[np.ndarray]:
        """Return for each fold the matrix whose image columns come from the encoder that was fine-tuned in that fold.

        Parameters
        ----------
        X : array, shape (rows, columns)
            With the untuned image columns.
        layout : Layout
            Knows them: ``image/POOLING``.
        y : array, shape (rows,)
            The outcome, shuffled or not; looked at in training rows only, and not at all for ``labels``.
        folds : sequence of (repeat, fold, train, test)
        """
        # imported here: the training code is wanted by few runs
        from blues.pretrain.folds import USUAL, fold_values

        counts = self.embeddings.table["frames"].to_numpy()
        tasks = []
        for repeat, number, rows, _ in folds:
            learned = np.flatnonzero(np.isin(self.owner, rows))
            targets = self._target(y, rows) if self.labels is None else self.labels
            seed = (self.seed, repeat, number)
            tasks.append((self.frames, counts, learned, targets, self.encoder, self.outputs, USUAL, seed))
        inner: dict[str, int] = {"inner_max_num_threads": 1} if self.jobs > 1 else {}
        with joblib.parallel_config(backend="loky" if self.jobs > 1 else "sequential", n_jobs=self.jobs, **inner):
            found = joblib.Parallel(return_as="generator")(joblib.delayed(fold_values)(*task) for task in tasks)
            shown = check.followed(found, len(tasks), "fine-tuning", unit="folds", shown=self.progress)
            return [self._replaced(X, layout, values) for values in shown]

    def _target(self, y: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the outcome of each clip as answers of yes and no, shape (clips, k): above a cut or not."""
        if self.design.kind == "binary":
            cuts = [0.5]
        elif self.design.kind == "ordinal":
            cuts = [(a + b) / 2 for a, b in zip(self.design.categories, self.design.categories[1:], strict=False)]
        else:
            cuts = sorted(set(np.quantile(y[rows], CUTS)))
        mine = np.where(self.owner >= 0, y[self.owner], np.nan)
        return np.column_stack([np.where(np.isnan(mine), np.nan, mine > cut) for cut in cuts])

    def _replaced(self, X: np.ndarray, layout: models.Layout, values: np.ndarray) -> np.ndarray:
        fresh = X.copy()
        for pooling, block in self.blocks(dataclasses.replace(self.embeddings, values=values)).items():
            columns = layout.columns[f"image/{pooling}"]
            assert layout.names[f"image/{pooling}"] == [str(c) for c in block.columns]
            fresh[:, columns] = block.to_numpy()
        return fresh


def calls(task: Any, folds: Sequence[Fold], tuning: Tuning | None) -> list[tuple[Any, Fold]]:
    """Pair each fold with the task it needs; fine-tuned, the image columns of ``task.X`` are another thing in every fold."""
    if tuning is None:
        return [(task, fold) for fold in folds]
    matrices = tuning.matrices(task.X, task.layout, task.y, folds)
    return [(dataclasses.replace(task, X=X), fold) for X, fold in zip(matrices, folds, strict=True)]


def tuning(
    cohort: Cohort, the_design: Design, experiment: Experiment, *, progress: bool = False
) -> tuple[Design, Tuning]:
    """Make ready to fine-tune the encoder in every fold of an experiment.

    Parameters
    ----------
    cohort : Cohort
    the_design : Design
        From :func:`blues.fuse.prepare`.
    experiment : Experiment
        Its ``finetune`` says what is learned.
    progress : bool
        Say on standard error what it costs.

    Returns
    -------
    Design, Tuning
        The design to run, whose facts say how it was fine-tuned, and what :func:`blues.fuse.run` takes beside it.

    Raises
    ------
    InputError
        When the encoder has nothing to fine-tune, no training clip could have a label, or the task is a time.
    """
    from blues.pretrain.folds import prepared, refuse_others

    encoder = encoders.get(experiment.encoder, weights=experiment.weights)
    refuse_others(encoder)
    if the_design.kind == "time":
        raise check.InputError(
            f"--finetune does not go with {the_design.task}, a time that may be censored",
            remedy="Leave it out, or take a target that is known for every patient",
        )
    embeddings = embed.embed(cohort, encoder, workers=experiment.jobs, progress=progress)
    clips = embeddings.table["clip"].tolist()
    frames = np.concatenate(prepared(cohort, clips, encoder.preprocessing.most))
    rows = pd.Series(np.arange(len(the_design.y)), index=the_design.y.index)
    by = embeddings.table["clip" if the_design.level == "clip" else "patient"]
    untaught = _untaught(cohort, the_design.task) if experiment.finetune == "labels" else {}
    labels, outputs = _labels(cohort, clips, untaught) if experiment.finetune == "labels" else (None, None)
    settings: dict[str, Any] = {
        "frames": experiment.frames,
        "points": experiment.points,
        "image_features": experiment.image_features,
        "also_points": tuple(the_design.poolings),
    }

    def blocks(fresh: Embeddings) -> dict[str, pd.DataFrame]:
        return design(cohort, the_design.task, ("image",), embeddings=fresh, **settings).image_poolings()

    made = Tuning(
        kind=experiment.finetune,
        design=the_design,
        encoder=encoder,
        embeddings=embeddings,
        frames=frames,
        owner=by.map(rows).fillna(-1).to_numpy(dtype=int),
        labels=labels,
        outputs=outputs,
        blocks=blocks,
        seed=experiment.seed,
        jobs=experiment.jobs,
        progress=progress,
        untaught=untaught,
    )
    if progress:
        check.tell(True, _cost(made, experiment))
    # what each BLUE point had of the pooled image columns is another thing in every fold
    return dataclasses.replace(the_design, by_point=None, facts={**the_design.facts, "finetune": _facts(made)}), made


def _untaught(cohort: Cohort, task: str) -> dict[str, str]:
    """Return the ratings that are not learned, and why: the outcome's own, which no null would shuffle, and other scales."""
    from blues.pretrain.real import ITEMS, SEVERITY, misfits

    target = cohort.dictionary.targets.get(task)
    own = {str(target.rating): "the outcome is made of it"} if target is not None and target.rating is not None else {}
    return misfits(cohort) | {item: why for item, why in own.items() if item in (SEVERITY, *ITEMS)}


def _labels(cohort: Cohort, clips: Sequence[str], untaught: Mapping[str, str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the experts' ratings of clips that the network has outputs for, (clips, k), and the names of the outputs."""
    from blues.encoders.lus import GLOBALS
    from blues.pretrain.real import ITEMS, SEVERITY, targets

    taught = cohort.ratings[~cohort.ratings["item"].isin(list(untaught))]
    rated = targets(taught) if len(taught) else {}
    known = np.full((len(clips), len(GLOBALS)), np.nan)
    for row, clip in enumerate(clips):
        if clip in rated:
            known[row] = rated[clip].numpy()
    wanted = [i for i, column in enumerate(known.T) if (column == 0).any() and (column == 1).any()]
    if not wanted:
        not_these = "".join(f"; not {item}: {why}" for item, why in untaught.items())
        raise check.InputError(
            f"--finetune labels: cohort {cohort.name} has no clip ratings to learn from{not_these}",
            allowed=f"ratings called {SEVERITY}, {', '.join(ITEMS)}",
            remedy="Take --finetune target, or leave it out",
        )
    return known[:, wanted], tuple(GLOBALS[i] for i in wanted)


def _cost(made: Tuning, experiment: Experiment) -> str:
    """Say how many trainings there will be and, from a few steps tried, how long they take."""
    from blues.pretrain.folds import USUAL, fold_values

    counts = made.embeddings.table["frames"].to_numpy()[:8]
    y = np.arange(len(counts), dtype=float)[:, None] % 2
    few = made.frames[: counts.sum()]
    times = []
    for steps in (1, 4):
        start = time.perf_counter()
        fold_values(few, counts, np.arange(len(counts)), y, made.encoder, how=USUAL._replace(steps=steps))
        times.append(time.perf_counter() - start)
    seconds = (times[1] - times[0]) / 3 * USUAL.steps + times[0] / counts.sum() * len(made.frames)
    nulls = 2 if {"clinical", "blood"} & set(experiment.modalities) or experiment.baseline else 1  # see blues.fuse.null
    folds = experiment.folds * (experiment.repeats + nulls * experiment.null)
    by_chance = f" + {nulls} x {experiment.null} of the nulls" if experiment.null else ""
    return (
        f"Fine-tuning the encoder on {TEACHERS[made.kind]} in every training fold: "
        f"({experiment.repeats} repeats{by_chance}) x {experiment.folds} folds = {folds} trainings of {USUAL.steps} steps, "
        f"about {seconds:.0f} s each, {folds * seconds / made.jobs / 60:.0f} minutes with {made.jobs} jobs."
    )


def _facts(made: Tuning) -> dict[str, Any]:
    from blues.pretrain.folds import USUAL

    return {
        "on": made.kind,
        "outputs": list(made.outputs or ()),
        "untaught": dict(made.untaught),
        "from": made.encoder.name,
        "clips": int((made.owner >= 0).sum()),
        **USUAL._asdict(),
    }
