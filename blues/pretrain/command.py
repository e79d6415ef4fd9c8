"""The command ``python -m blues.pretrain``."""

from __future__ import annotations

import csv
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import blues
from blues import check, encoders
from blues.encoders import Encoder, checkpoint, lus
from blues.encoders.ensemble import union
from blues.pretrain.held_out import as_clips, held_out, score
from blues.pretrain.train import Budget, Trainer, check_device
from blues.provenance import check_writable, replacing, write_json

if TYPE_CHECKING:
    from blues.pretrain.real import LabelledClips

__all__ = ["Options", "main", "train"]

PROG = "python -m blues.pretrain"
TRAINED = "Trained on simulated frames{}. Rows of a polar frame are depth, columns scan lines. Research use only."
ALONE = TRAINED.format(" alone; it has seen no patient")


@dataclass(frozen=True)
class Options:
    """What to train, for how long, and where to put it.

    Attributes
    ----------
    out : Path
        Folder for weights, card, log and curves.
    minutes : float
        Training time.
    steps : int, optional
        Steps instead, whatever they take.
    batch, views : int
        Frames a step, and how often each is used in it, degraded anew.
    rate : float
        Highest learning rate.
    start : str, optional
        An encoder's name or weight file to go on from.
    seed : int
        Of weights and data.
    agree : float
        Weight of the self-supervised term; 0 leaves it out.
    device : str
        A torch device.
    precision : {"auto", "bfloat16", "float32"}
        Numbers to convolve in.
    cohort : str, optional
        A labelled cohort to learn from as well.
    frames : int
        Held-out simulated frames to score at the end, at least 4.
    """

    out: Path = check.option(Path("reports/pretrain"), "folder for weights, card, log and curves", folder=True)
    minutes: float = check.option(90.0, "training time; a run that was stopped goes on in its folder")
    steps: int | None = check.option(None, "train so many steps instead, whatever they take")
    batch: int = check.option(64, "frames a step")
    rate: float = check.option(3e-3, "highest learning rate")
    start: str | None = check.option(
        None, "go on from the weights of this encoder, a name or a weight file, not from random ones"
    )
    seed: int = check.option(0, "of weights and data")
    views: int = check.option(Budget.views, "how often a drawn frame is used in a step, each time degraded anew")
    agree: float = check.option(0.0, "weight of a self-supervised term: views of one frame shall be embedded alike")
    device: str = check.option("cpu", "torch device of the network: cpu, cuda, ...")
    precision: Literal["auto", "bfloat16", "float32"] = check.option(
        "auto", "numbers to convolve in; auto: bfloat16 where the device computes in it, else float32"
    )
    cohort: str | None = check.option(
        None, "labelled cohort to learn from as well; the encoder may then not be scored on it"
    )
    frames: int = check.option(2000, "held-out simulated frames to score at the end")

    def __post_init__(self) -> None:
        self.budget()
        if self.frames < 4:
            raise check.InputError(f"frames is {self.frames}", allowed="4 or more")
        if self.seed < 0:
            raise check.InputError(f"seed is {self.seed}", allowed="0 or more")
        check_device(self.device)

    def budget(self) -> Budget:
        """Return how long to train and how fast to learn."""
        return Budget(
            self.minutes,
            self.steps,
            self.batch,
            self.rate,
            precision=self.precision,
            views=self.views,
            agree=self.agree,
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Train, write weights and card, print the scores on held-out simulated frames; return the exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Words of the command line, by default those of this process.

    Returns
    -------
    int
        As :func:`blues.check.command`.
    """
    return check.command(PROG, lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    options = check.parse(Options, argv, prog=PROG, description="Train the blues-lus network on simulated frames.")
    encoder = train(options, progress=True)
    print(json.dumps(encoder.card["held_out"], indent=2))
    print(f"Written to {options.out}; use it with --encoder {options.out / 'weights.safetensors'}")
    return 0


def train(options: Options, progress: bool = False) -> Encoder:
    """Train the network as the options say and write what came of it.

    Parameters
    ----------
    options : Options
    progress : bool
        Print a line every 100 steps.

    Returns
    -------
    Encoder
        As :func:`blues.encoders.get` reads it from ``weights.safetensors`` in ``options.out``; beside it ``card.json``,
        ``log.csv``, ``curves.png`` and ``checkpoint.pt``.
    """
    check_writable(options.out)
    real = None
    if options.cohort is not None:
        from blues import datasets
        from blues.pretrain.real import LabelledClips

        real = LabelledClips(datasets.load(options.cohort))
        for clip, reason in real.unread.items():
            print(f"clip {clip} is not learned from: {reason}", file=sys.stderr)
    trainer = Trainer(options.budget(), options.seed, real, options.device)
    if options.start is not None:
        trainer.start_from(encoders.get(options.start))
    options.out.mkdir(parents=True, exist_ok=True)
    trainer.restore(options.out)
    trainer.run(options.out, _show if progress else None)
    _write_log(options.out, trainer.log)
    return _finish(options, trainer, real)


def _show(line: dict[str, float]) -> None:
    print("  ".join(f"{name} {value:g}" for name, value in line.items()), flush=True)


def _command(options: Options, precision: str) -> str:
    """Return the command that trains the same network again; weights and cohort are named without their folder.

    ``precision`` is what was computed in: left to itself, another machine might choose otherwise.
    """
    told = [f"--steps {options.steps}" if options.steps else f"--minutes {options.minutes:g}"]
    if options.start is not None:
        told.append(f"--start {Path(options.start).stem}")
    if options.cohort is not None:
        told.append(f"--cohort {Path(options.cohort).resolve().name}")
    told += [
        f"--{name} {getattr(options, name):g}"
        for name in ("batch", "rate", "views", "agree")
        if getattr(options, name) != getattr(Options, name)
    ]
    told.append(f"--precision {precision}")
    return " ".join([f"{PROG} --seed {options.seed}", *told])


def _bound(began: Mapping[str, Any], saw: Sequence[str], real: LabelledClips | None) -> dict[str, Any]:
    """Return what the card says of data and licence: of the weights the run began with, and of what it learned itself."""
    mine = [] if real is None else [f"bound by what it saw: {real.licence}"]
    licences = [began["licence"], *mine] if began else mine or ["MIT"]
    learned = [["truth of simulated frames"], [f"ratings of {real.name}"] if real else []]
    note = ALONE
    if saw:
        before = f", from weights that saw: {', '.join(began['saw'])}" if began.get("saw") else ""
        note = TRAINED.format((f" and on {real.name}" if real else "") + before)
    first = began.get("note", "")
    told = f"Of the weights it began with: {first}" if first not in ("", ALONE, note) else ""
    return {
        "saw": list(saw),
        "labels": union([began.get("labels", []), *learned]),
        "licence": "; ".join(union([licences])),
        "note": " ".join(filter(None, [note, told])),
    }


def _finish(options: Options, trainer: Trainer, real: LabelledClips | None = None) -> Encoder:
    """Write the averaged weights, score them on held-out frames, write them again with the scores on their card."""
    path = options.out / "weights.safetensors"
    net = trainer.average.cpu()
    facts: dict[str, Any] = {
        **_bound(trainer.began, trainer.saw, real),
        "source": _command(options, trainer.precision),
        "trained": {
            "frames": trainer.steps * trainer.budget.batch,
            "steps": trainer.steps,
            "minutes": round(trainer.seconds / 60, 1),
            "device": options.device,
            "machine": f"{platform.system()} {platform.machine()}",
            "blues": blues.__version__,
            "commit": trainer.commit,
            "seed": trainer.seed,
            "rate": options.rate,
            "precision": trainer.precision,
            "start": trainer.start,
            "simulators": trainer.simulators,
        },
        "waiting_share": round(trainer.waiting / max(trainer.seconds, 1e-9), 4),
    }
    lus.save(path, net, facts)
    encoder = checkpoint.encoder(path)
    facts["held_out"] = {
        "frames": score(encoder, held_out(options.frames, trainer.seed)),
        "unwarped pictures": score(encoder, as_clips(max(20, options.frames // 4), trainer.seed)),
    }
    lus.save(path, net, facts)
    encoder = checkpoint.encoder(path)
    write_json(options.out / "card.json", encoder.card)
    return encoder


def _write_log(folder: Path, log: list[dict[str, float]]) -> None:
    """Write ``log.csv`` and ``curves.png``."""
    if not log:
        return
    with replacing(folder / "log.csv") as draft, draft.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(log[0]))
        writer.writeheader()
        writer.writerows(log)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for name in ("masks", "columns", "severity", "presence", "lus", "amounts"):
        axes.plot([line["frames"] for line in log], [line[name] for line in log], label=name, linewidth=1)
    axes.set(xlabel="frames seen", ylabel="training loss", yscale="log")
    axes.legend(fontsize=7, frameon=False)
    with replacing(folder / "curves.png") as draft:
        figure.savefig(draft, dpi=120)
