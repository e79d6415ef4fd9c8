"""The training loop: AdamW, a cosine schedule over the budget, averaged weights, a checkpoint to go on from."""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from blues import simulate
from blues.check import InputError, one_of
from blues.encoders import Encoder, nets, states
from blues.encoders.lus import LusNet
from blues.pretrain.data import Batch, NegativePool, join, negative_batch, simulated_batch
from blues.pretrain.loss import TASKS, agreement, losses
from blues.provenance import commit, files_hash, replacing

__all__ = ["PRECISIONS", "Budget", "RealFrames", "Trainer", "check_device", "usual_precision"]

PRECISIONS = ("auto", "bfloat16", "float32")

SHAPE = ("planes", "dimensions")
"""Arguments of the network that decide whether weights fit."""
DECAY = 0.998
KEEP_EVERY = 60.0
"""Seconds between two checkpoints."""
KEPT = {*states.TRAINING, "numbers", "log", "sums", "simulators"}
"""What a checkpoint holds."""
BEGAN = ("saw", "labels", "licence", "note")
"""Of the card of the weights a run begins with, what its own card goes on telling."""
ANEW = "Remove it to begin anew, or write to another folder"


@dataclasses.dataclass(frozen=True)
class Budget:
    """How long to train, and how fast to learn.

    Attributes
    ----------
    minutes : float
        Of training; the learning rate falls along a cosine over them.
    steps : int or None
        A number of steps instead: repeats to the bit on one machine, whatever its load.
    batch : int
        Frames a step.
    rate : float
        Highest learning rate.
    not_lus : float
        Share of pictures that are no lung ultrasound.
    real : float
        Share of frames of the labelled cohort, where there is one.
    precision : {'auto', 'bfloat16', 'float32'}
        In which numbers to convolve. bfloat16 is 1.6 times as fast where the processor computes in it and several times
        slower where it does not; ``auto`` looks, see :func:`usual_precision`.
    views : int
        How often a drawn frame is used within a step, each time degraded differently.
    agree : float
        Weight of the self-supervised term: embeddings of two views of one frame shall agree. 0 leaves it out.
    """

    minutes: float = 90.0
    steps: int | None = None
    batch: int = 64
    rate: float = 3e-3
    not_lus: float = 0.08
    real: float = 0.25
    precision: str = "auto"
    views: int = 3
    agree: float = 0.0

    def __post_init__(self) -> None:
        for name, fewest in (("steps", 1), ("batch", 2), ("views", 1)):
            value = getattr(self, name)
            if value is not None and value < fewest:
                raise InputError(f"{name} is {value}", allowed=f"{fewest} or more")
        for name in ("minutes", "rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} is {getattr(self, name)}", allowed="a number above 0")
        if not 0 <= self.agree < math.inf:
            raise InputError(f"agree is {self.agree}", allowed="0 or a number above")
        if self.agree and self.views < 2:
            told = f"agree is {self.agree:g}, and views {self.views}: one view agrees with itself"
            raise InputError(told, remedy="Take --views 2 or more, or leave --agree out")

    def progress(self, steps: int, seconds: float) -> float:
        """Return the share of the budget that is used up."""
        return min(1.0, steps / self.steps if self.steps else seconds / 60 / self.minutes)


def usual_precision(device: str = "cpu") -> str:
    """Return ``bfloat16`` for GPUs and processors with instructions for it, else ``float32``.

    A processor without them gives the same numbers by way of float32, seven times slower (measured on AVX2).
    """
    if torch.device(device).type == "cuda":
        able = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if able else "float32"
    known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return "bfloat16" if any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16")) else "float32"


def check_device(device: str) -> None:
    """Raise unless torch computes on a device here.

    Raises
    ------
    InputError
        When there is no such device, this torch is not built for it, or it holds no numbers (``meta``).
    """
    try:
        torch.device(device)
    except RuntimeError:
        raise InputError(f"device {device!r} is no torch device", allowed="cpu, or cuda where there is one") from None
    try:
        (torch.zeros(1, device=device) + 1).item()
    except Exception as error:  # what is raised differs from device to device
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"device {device!r} cannot be computed on here ({reason})", allowed="cpu, or cuda where there is one"
        ) from None


class RealFrames(Protocol):
    """A labelled cohort to draw batches from.

    Attributes
    ----------
    name : str
        Of the cohort.
    hash : str
        Of its clips and what is known of them: another cohort of this name has another.
    """

    name: str
    hash: str

    def __call__(self, n: int, rng: np.random.Generator) -> Batch:
        """Return n labelled frames."""


class Trainer:
    """A network in training.

    Parameters
    ----------
    budget : Budget
    seed : int
        Of weights and data. Every step draws from its own generator, so that a run that goes on sees what it would have.
    real : RealFrames, optional
        Gives batches of a labelled cohort.
    device : str
    negatives : int
        Pictures in the pool of negatives.

    Attributes
    ----------
    simulators : list of str
        Hashes of :mod:`blues.simulate`, one unless it changed while a run was stopped.
    commit : str or None
        The commit at the start of the run, or when it last went on.
    start : str or None
        Hash of the weights it began with; None for random ones.
    began : dict
        Of the card of those weights: ``saw``, ``labels``, ``licence`` and ``note``; empty for random ones.
    saw : list of str
        Names of the cohorts that shape it: those that the weights it began with saw, and ``real``.
    precision : str
        ``bfloat16`` or ``float32``, what ``auto`` came to.

    Raises
    ------
    InputError
        When the budget's precision is not known, the device cannot be computed on, or a batch is too small.
    """

    def __init__(
        self, budget: Budget, seed: int = 0, real: RealFrames | None = None, device: str = "cpu", negatives: int = 2000
    ) -> None:
        one_of(budget.precision, PRECISIONS, "precision")
        check_device(device)
        self.budget, self.seed, self.real, self.device = budget, seed, real, device
        if self._shares()[0] < 1:
            raise InputError(
                f"a batch of {budget.batch} has no room for simulated frames beside other pictures and a cohort's",
                allowed="3 or more",
            )
        self.precision = usual_precision(device) if budget.precision == "auto" else budget.precision
        with torch.random.fork_rng(devices=[]):
            self.net = LusNet()
        nets.seed_weights(self.net, seed)
        self.net.to(torch.device(device)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(_groups(self.net), lr=budget.rate)
        self.steps, self.seconds, self.drawing, self.waiting = 0, 0.0, 0.0, 0.0
        self.simulators, self.commit = [_simulator()], commit()
        self.start: str | None = None
        self.began: dict[str, Any] = {}
        self.saw = [] if real is None else [real.name]
        self.pool = NegativePool(negatives, seed)
        self.log: list[dict[str, float]] = []
        self._sums: dict[str, float] = {}
        self._counted = 0

    def start_from(self, encoder: Encoder) -> None:
        """Begin with an encoder's weights, not with random ones.

        Raises
        ------
        InputError
            When it is another network.
        """
        module = encoder.module
        if not isinstance(module, LusNet) or any(module.arguments[k] != self.net.arguments[k] for k in SHAPE):
            allowed = "blues-lus, or weights made by blues.pretrain"
            raise InputError(f"{encoder.name} is no network to go on from", allowed=allowed)
        state = module.state_dict()
        self.net.load_state_dict(state)
        self.average.load_state_dict(state)
        self.start = encoder.hash
        self.began = {name: encoder.card[name] for name in BEGAN}
        self.saw = list(dict.fromkeys([*encoder.card["saw"], *self.saw]))

    @property
    def progress(self) -> float:
        """Share of the budget used."""
        return self.budget.progress(self.steps, self.seconds)

    def _shares(self) -> tuple[int, int, int]:
        """Return how many frames of a batch are simulated, no lung ultrasound, and real."""
        budget = self.budget
        odd = max(1, round(budget.not_lus * budget.batch))
        real = max(1, round(budget.real * budget.batch)) if self.real is not None else 0
        return budget.batch - odd - real, odd, real

    def draw(self, step: int) -> tuple[Batch, float]:
        """Return the batch of a step and the processor seconds it took."""
        start = time.thread_time()
        rng = np.random.default_rng([self.seed, step])
        simulated, odd, real = self._shares()
        parts = [
            simulated_batch(simulated, rng, views=self.budget.views),
            negative_batch(self.pool.draw(odd, rng), rng),
        ]
        if self.real is not None:
            parts.append(self.real(real, rng))
        return join(parts), time.thread_time() - start

    def run(self, folder: Path | None = None, report: Callable[[dict[str, float]], None] | None = None) -> None:
        """Train until the budget is used up; the checkpoint in ``folder`` is renewed every minute.

        Parameters
        ----------
        folder : Path, optional
            Without one no checkpoint is kept.
        report : callable, optional
            Takes each line of the log as it is made.
        """
        kept = time.monotonic()
        for batch in self._batches():
            start = time.perf_counter()
            self._step(batch)
            self.seconds += time.perf_counter() - start
            if self._counted >= 100 or self.progress >= 1:
                self.log.append(self._line())
                if report is not None:
                    report(self.log[-1])
            if folder is not None and time.monotonic() - kept > KEEP_EVERY:
                self.save(folder)
                kept = time.monotonic()
        if folder is not None:
            self.save(folder)

    def _batches(self) -> Iterator[Batch]:
        """Yield batches; the next one is drawn while the network learns from this one."""
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self.draw, self.steps)
            while self.progress < 1:
                start = time.perf_counter()
                batch, took = ahead.result()
                waited = time.perf_counter() - start
                ahead = pool.submit(self.draw, self.steps + 1)
                self.drawing += took
                self.waiting += waited
                self.seconds += waited
                yield batch

    def _step(self, batch: Batch) -> None:
        """Learn from one batch."""
        done = self.progress
        warm = min(1.0, (self.steps + 1) / 100)
        for group in self.optimiser.param_groups:
            group["lr"] = self.budget.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
        self.net.train()
        images = batch.images.to(self.device).float().div_(255).unsqueeze(1)
        kind = torch.device(self.device).type
        with torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bfloat16"):
            out = self.net.heads(images.contiguous(memory_format=torch.channels_last))
        found = losses({name: value.float().cpu() for name, value in out.items()}, batch)
        total = sum((TASKS[name] * value for name, value in found.items()), torch.zeros(()))
        simulated, views = self._shares()[0], self.budget.views
        if self.budget.agree > 0:
            found["agreement"] = agreement(out["embedding"][:simulated].float().cpu(), -(-simulated // views))
            total = total + self.budget.agree * found["agreement"]
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.steps += 1
        self._follow()
        self._counted += 1
        for name, value in found.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach())

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights towards the present ones, faster at the start."""
        decay = min(DECAY, (1 + self.steps) / (10 + self.steps))
        for kept, now in zip(self.average.state_dict().values(), self.net.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(now, 1 - decay)
            else:
                kept.copy_(now)

    def _line(self) -> dict[str, float]:
        line = {
            "step": float(self.steps),
            "minutes": round(self.seconds / 60, 3),
            "frames": float(self.steps * self.budget.batch),
            "rate": self.optimiser.param_groups[0]["lr"],
            **{name: round(value / self._counted, 5) for name, value in self._sums.items()},
            "drawing": round(self.drawing, 2),
            "waiting": round(self.waiting, 2),
        }
        self._sums, self._counted = {}, 0
        return line

    def save(self, folder: Path) -> None:
        """Write what is needed to go on: ``checkpoint.pt``, tensors and plain numbers only."""
        state: dict[str, Any] = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "numbers": [float(self.steps), self.seconds, self.drawing, self.waiting, float(self._counted)],
            "log": self.log,
            "sums": self._sums,
            "simulators": self.simulators,
            "settings": self._settings(),
        }
        with replacing(folder / "checkpoint.pt") as draft:
            torch.save(state, draft)

    def _settings(self) -> dict[str, Any]:
        """Return what has to stay as it was when a run goes on: its card tells of one command."""
        budget = self.budget
        kept = {name: getattr(budget, name) for name in ("batch", "rate", "not_lus", "real", "views", "agree")}
        return {
            "seed": self.seed,
            "precision": self.precision,
            **kept,
            "steps": budget.steps,
            "minutes": None if budget.steps else budget.minutes,
            "cohort": None if self.real is None else self.real.name,
            "the cohort's clips and ratings": None if self.real is None else self.real.hash,
            "start": self.start,
            "saw": list(self.saw),
            **{f"the start's {name}": self.began.get(name) for name in BEGAN if name != "saw"},
        }

    def restore(self, folder: Path) -> bool:
        """Go on from ``checkpoint.pt`` if there is one; return whether there was.

        Raises
        ------
        InputError
            When that run had other settings (seed, budget, batch, rate, precision, cohort, start, ...), when it does not say
            which it had, or when the file is damaged. A precision left to itself is taken from it.
        """
        path = folder / "checkpoint.pt"
        if not path.is_file():
            return False
        state = _kept(path, self.device)
        before = state["settings"]
        if self.budget.precision == "auto":
            self.precision = before.get("precision", self.precision)
        _check_same(before, self._settings(), path)
        try:
            self.net.load_state_dict(state["net"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            steps, self.seconds, self.drawing, self.waiting, counted = map(float, state["numbers"])
            self.steps, self._counted, self._sums = int(steps), int(counted), dict(state["sums"])
            self.log = [dict(line) for line in state["log"]]
            before_simulators = [str(one) for one in state["simulators"]]
        except states.DAMAGE:
            raise InputError("is of another network, or damaged", file=path, remedy=ANEW) from None
        self.simulators = list(dict.fromkeys([*before_simulators, *self.simulators * (self.progress < 1)]))
        return True


def _kept(path: Path, device: str) -> dict[str, Any]:
    """Read what :meth:`Trainer.save` wrote."""
    state = states.read_torch(path, device, ANEW)
    if not isinstance(state, dict) or not KEPT <= set(state) or not isinstance(state["settings"], dict):
        what = "does not hold what a training goes on from, or is of an earlier version"
        raise InputError(what, file=path, remedy=ANEW)
    return state


def _check_same(before: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    """Raise unless a run goes on with the settings it was begun with."""
    unsaid = [name for name in now if name not in before]
    if unsaid:
        raise InputError(
            f"the run in this folder was begun by an earlier version, which did not keep {', '.join(unsaid)}: what its "
            "network has seen cannot be told",
            file=path,
            remedy=ANEW,
        )
    for name, value in now.items():
        if before[name] != value:
            raise InputError(
                f"{name} is {_told(value)}, and the run in this folder was begun with {_told(before[name])}",
                file=path,
                remedy="Give it as before, or write to another folder; --start goes on from weights that are finished",
            )


def _told(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _simulator() -> str:
    """Return the hash of what draws the frames."""
    return files_hash(Path(simulate.__file__).parent.glob("*.py"))


def _groups(net: torch.nn.Module) -> list[dict[str, Any]]:
    """Return the parameters with weight decay on matrices and kernels only."""
    many = [p for p in net.parameters() if p.ndim > 1]
    few = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": many, "weight_decay": 0.02}, {"params": few, "weight_decay": 0.0}]
