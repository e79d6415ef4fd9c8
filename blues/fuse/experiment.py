"""What an experiment asks for: the command's flags, ``experiment.toml`` and the argument of ``run`` are this one record."""

from __future__ import annotations

import dataclasses
import json
import math
import numbers
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import pydantic

from blues import check, encoders, features, models, pool

__all__ = ["Experiment"]

NUMBERS: dict[type, type] = {int: numbers.Integral, float: numbers.Real}


@dataclass(frozen=True)
class Experiment:
    """One experiment, whole: repeating it gives the same numbers.

    Attributes
    ----------
    cohort : str
        A cohort folder, or ``"synthetic"``.
    task : str
        A target of the cohort's dictionary.
    modalities : tuple of str
        Every one alone and every combination is an arm.
    model : tuple of str
        One or several; each of several makes arms of its own.
    fusion : {"stack", "late", "early"}
        One model a modality and a model stacked on their inner out-of-fold predictions, the mean of their predictions; or one
        model on all columns.
    select : tuple of str
        Candidates ``model[/fusion][/pooling][/pcaN][/calibrator][/threshold]`` that compete in an inner loop over patients;
        then ``model`` is unused.
    calibrate, threshold : str
        Made inside the training fold, see :class:`blues.models.Nested`.
    encoder, weights : str, Path
        What turns frames into numbers, see :func:`blues.encoders.get`.
    finetune : {"none", "labels", "target"}
        Train the encoder on in every training fold, on the experts' ratings of the training clips or on the outcome.
    image_features : {"both", "artefacts", "embedding"}
        Which of the encoder's features predict, see :func:`blues.features.design`.
    frames, points : str
        Pooling, see :func:`blues.pool.patients`. Points are averaged unless said otherwise; artefacts without an embedding
        stand side by side, a column a BLUE point.
    folds, repeats : int
        Repeated stratified cross-validation over patients.
    seed : int
        Of folds, models and bootstraps.
    draws : int
        Patient-bootstrap replicates a score.
    null : int
        Label permutations of the whole pipeline, each as dear as one repeat, and as many shuffles among patients rated alike
        of two arms (:func:`blues.fuse.null.added_null`); 0 leaves both out.
    allow : tuple of str
        Treatments whose contingent columns may predict all the same.
    baseline : tuple of str
        One to three columns for a logistic regression of their own, chosen before seeing the data.
    reference : str
        The arm without images that those with images are compared with, named in advance; by default the best of them.
    margin : float
        The smallest gain in the main metric that is worth having, named in advance; the report holds the interval of the
        headline against it. 0 names none.
    subgroups : tuple of str
        Columns by which patients are grouped to ask for whom images add something, see
        :func:`blues.fuse.subgroups.groups_of`.
    explain : tuple of str
        Arms whose held-out predictions are explained: ``("all",)`` leaves out rules and baselines; ``("none",)``.
    validate : int
        Bootstrap samples of patients for optimism and .632+; 0 leaves them out.
    learning_curve : bool
        Score some arms trained on fewer patients too.
    examine : tuple of str
        The arms that ``validate`` and ``learning_curve`` look at; by default the best without images, that with
        images, and images alone.
    train, test : str
        Cohort folders: fit on the one and evaluate once on the other, instead of cross-validation in ``cohort``.
    jobs : int
        Worker processes; does not change a number.
    out : Path
        The run folder.
    from_ : Path
        An ``experiment.toml`` whose values the command line starts from; not kept with the run.
    """

    __pydantic_config__: ClassVar[pydantic.ConfigDict] = pydantic.ConfigDict(extra="forbid")

    cohort: str = check.option("synthetic", "cohort folder, or 'synthetic' for the demo", positional=True)
    task: str = check.option("pcr", "target to predict, from the cohort's dictionary")
    modalities: tuple[str, ...] = check.option(
        ("image", "clinical", "blood"), f"what may predict: {', '.join(features.MODALITIES)}"
    )
    model: tuple[str, ...] = check.option(("forest",), f"one or several of {', '.join(models.MODELS)}, attention")
    fusion: Literal["stack", "late", "early"] = check.option(
        "stack",
        "one model a modality and a model stacked on their predictions; their mean; or one model on all columns",
    )
    select: tuple[str, ...] = check.option(
        (),
        "candidates that compete in an inner loop, model[/fusion][/pooling][/pcaN][/calibrator][/threshold], e.g. forest "
        "xgboost/late/platt logistic/pca5/youden",
    )
    calibrate: Literal["none", "shift", "platt"] = check.option(
        "none", "recalibrate on inner folds: move the log-odds by a constant, or a logistic regression on them"
    )
    threshold: Literal["half", "prevalence", "youden", "matched"] = check.option(
        "half",
        "operating threshold: 0.5, just above the training prevalence, the best Youden index on inner folds, or what calls as "
        "many there as have the event; of grades: the nearest, or (matched) each as often as it occurs",
    )
    encoder: str = check.option(
        "blues-lus", f"what turns frames into numbers: {', '.join(encoders.names())}, or a file of blues.pretrain"
    )
    weights: Path | None = check.option(
        None, "weights file of the encoder, where it needs one; a folder of fold_* makes an ensemble"
    )
    finetune: Literal["none", "labels", "target"] = check.option(
        "none", "train the encoder on in every training fold: on the experts' labels of its clips, or on the target"
    )
    image_features: Literal["both", "artefacts", "embedding"] = check.option(
        "both", "which of the encoder's features predict: named ones such as B-lines, anonymous dimensions, or all"
    )
    frames: str = check.option("mean", f"frames to clip: {', '.join(pool.FRAMES)}")
    points: str = check.option(
        "", f"BLUE points to patient: {', '.join(pool.POINTS)} (default: mean; with --image-features artefacts concat)"
    )
    folds: int = check.option(5, "patient folds a repeat")
    repeats: int = check.option(20, "repeats of the cross-validation")
    seed: int = check.option(0, "seed of folds, models and bootstraps")
    draws: int = check.option(2000, "patient-bootstrap replicates a score")
    null: int = check.option(
        20,
        "label permutations of the whole pipeline, and shuffles of two arms among patients rated alike: as dear as that many "
        "repeats and up to half again; 200 gives p values down to 0.005",
    )
    allow: tuple[str, ...] = check.option(
        (), "treatments (e.g. oxygen) whose contingent columns may predict all the same"
    )
    baseline: tuple[str, ...] = check.option((), "1 to 3 columns for a plain logistic baseline, e.g. CRP LDH")
    reference: str = check.option(
        "",
        "arm without images to compare those with images with, named in advance (default: the best of them)",
        metavar="ARM",
    )
    margin: float = check.option(
        0.0,
        "smallest gain in the main metric worth having, named in advance (AUROC, mean absolute error or Uno's C); 0: none",
    )
    subgroups: tuple[str, ...] = check.option(
        (),
        "columns whose groups of patients are compared, named in advance: sex, age:65 (split at 65; without a value at the "
        "median)",
        metavar="COLUMN",
    )
    explain: tuple[str, ...] = check.option(
        ("all",),
        "arms whose predictions are explained (SHAP): all (that combine modalities), none, or their names",
        metavar="ARM",
    )
    validate: int = check.option(0, "bootstrap samples of patients for optimism and .632+ of the examined arms")
    learning_curve: bool = check.option(False, "score the examined arms when trained on fewer patients too")
    examine: tuple[str, ...] = check.option(
        (),
        "arms for --validate and --learning-curve (default: best without images, it with images, images)",
        metavar="ARM",
    )
    train: str | None = check.option(None, "cohort to fit on, with --test", metavar="COHORT")
    test: str | None = check.option(None, "cohort to evaluate on, once, with --train", metavar="COHORT")
    jobs: int = check.option(2, "worker processes; does not change a number")
    out: Path | None = check.option(None, "run folder (default: reports/COHORT-TASK)", folder=True)
    from_: Path | None = check.option(None, "repeat this experiment.toml; other flags override it", metavar="TOML")

    def __post_init__(self) -> None:
        self._check_types()
        check.choices(self, "--")
        for name, allowed in (("modalities", features.MODALITIES), ("model", (*models.MODELS, "attention"))):
            values = getattr(self, name)
            if not values:
                raise check.InputError(f"--{name} is empty", allowed=allowed)
            for value in values:
                check.one_of(value, allowed, f"--{name}")
            if len(set(values)) < len(values):
                raise check.InputError(f"--{name} names one thing twice: {' '.join(values)}")
        if not self.points:
            object.__setattr__(self, "points", "concat" if self.image_features == "artefacts" else "mean")
        check.one_of(self.frames, pool.FRAMES, "--frames")
        check.one_of(self.points, pool.POINTS, "--points")
        self.rivals()
        for name, least in (
            ("folds", 2),
            ("repeats", 1),
            ("draws", 100),
            ("null", 0),
            ("validate", 0),
            ("jobs", 1),
            ("seed", 0),
            ("margin", 0),
        ):
            if getattr(self, name) < least:
                raise check.InputError(f"--{name} is {getattr(self, name)}", allowed=f"{least} or more")

        if not math.isfinite(self.margin):
            raise check.InputError(f"--margin is {self.margin}", allowed="a number, 0 for none")
        if 0 < self.validate < 10:
            raise check.InputError(f"--validate is {self.validate}", allowed="0, or at least 10 samples")
        self._check_finetune()
        self._check_transfer()

    def _check_types(self) -> None:
        """Raise for a name where several may be given, and for text where a number is needed; lists become tuples."""
        for entry in dataclasses.fields(self):
            value, kind = getattr(self, entry.name), type(entry.default)
            if kind is tuple:
                if isinstance(value, str):
                    raise check.InputError(
                        f"{entry.name} is the text {value!r}", remedy=f"Write {entry.name}=({value!r},), with the comma"
                    )
                if value is None:
                    raise check.InputError(f"{entry.name} is None", remedy=f"Write {entry.name}=() for nothing")
                object.__setattr__(self, entry.name, tuple(value))
            elif kind in (int, float):
                if isinstance(value, bool) or not isinstance(value, NUMBERS[kind]):
                    what = "a whole number" if kind is int else "a number"
                    raise check.InputError(f"{entry.name} is {value!r}, which is not {what}")
                object.__setattr__(self, entry.name, kind(value))

    def refuse_idle(self) -> None:
        """Raise where a setting would be ignored: who gives it would take the run for what it is not."""
        idle: dict[str, str] = {}
        if self.select:
            idle |= dict.fromkeys(("model",), "--select names the candidates")
        if not (self.validate or self.learning_curve):
            idle["examine"] = "it names arms for --validate and --learning-curve"
        if "image" not in self.modalities:
            idle |= dict.fromkeys(("encoder", "weights", "image_features", "frames"), "no arm looks at images")
            idle |= dict.fromkeys(("subgroups", "margin", "reference"), "no arm looks at images")
        if self.train is not None:
            # runs made when these were passed over are still repeated
            earlier = check.from_toml(Experiment, self.from_) if self.from_ is not None else Experiment()
            crossed = [name for name in ("folds", "repeats") if getattr(self, name) != getattr(earlier, name)]
            idle |= dict.fromkeys(crossed, "--train with --test has no cross-validation")
        check.refuse_idle(self, idle)

    def _check_finetune(self) -> None:
        if self.finetune == "none":
            return
        if "image" not in self.modalities:
            raise check.InputError("--finetune without images", remedy="Name image among the --modalities")
        if self.encoder in ("frame-stats", "random-cnn") or self.encoder.startswith("pocovid"):
            raise check.InputError(
                f"--finetune: {self.encoder} is not trained further here",
                allowed="blues-lus, or weights of blues.pretrain",
            )
        if self.train is not None:
            raise check.InputError(
                "--finetune trains inside the folds of a cross-validation, and --train with --test has none",
                remedy="python -m blues.pretrain --cohort COHORT_A gives weights that --encoder takes",
            )
        if self.validate or self.learning_curve:
            raise check.InputError(
                "--finetune goes without --validate and --learning-curve, which would train the encoder again in every sample"
            )

    def _check_transfer(self) -> None:
        if (self.train is None) != (self.test is None):
            raise check.InputError(
                "--train and --test go together", remedy="Name the cohort to fit on and the one to test on"
            )
        if self.train is None:
            return
        if self.cohort != "synthetic":
            raise check.InputError(
                f"{self.cohort!r} besides --train and --test", remedy="Name the two cohorts by the flags only"
            )
        if self.validate or self.learning_curve:
            raise check.InputError(
                "--validate and --learning-curve go with cross-validation, not with --train and --test"
            )

    def rivals(self) -> dict[str, tuple[models.Candidate, ...]]:
        """Return what competes inside each set of arms: suffix of the arms' names -> candidates."""
        defaults = models.Candidate("forest", self.fusion, self.points, 0, self.calibrate, self.threshold)
        if self.select:
            return {"": tuple(models.Candidate.parse(text, defaults) for text in self.select)}
        several = len(self.model) > 1
        return {name if several else "": (models.Candidate.parse(name, defaults),) for name in self.model}

    def to_toml(self) -> str:
        """Return the experiment as TOML, all that changes a number and nothing else; ``--from`` reads it back."""
        lines = [
            "# repeat with, from the folder in which this was run: python -m blues.fuse --from .../experiment.toml"
        ]
        for entry in dataclasses.fields(self):
            value = getattr(self, entry.name)
            if entry.name in ("jobs", "out", "from_") or value is None:
                continue
            value = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
            lines.append(f"{entry.name} = {json.dumps(value, ensure_ascii=False)}")
        return "\n".join(lines) + "\n"
