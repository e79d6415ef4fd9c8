"""Frames a second of blues-lus against a ResNet-18 at 224x224, and what drawing its training frames costs.

    python benchmarks/encoder_speed.py [--threads 1] [--rounds 7]

Both networks run in this process in turns, over frames that are prepared already; the median of the rounds counts. Target:
blues-lus at least 8 times as fast, drawing under 30 % of a training step.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from blues import encoders, simulate
from blues.encoders import nets
from blues.encoders.base import CHUNK
from blues.pretrain import Budget, Trainer


def run(module: torch.nn.Module, batch: torch.Tensor, times: int) -> tuple[float, float]:
    """Return frames a second of wall time and of processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        for _ in range(times):
            module(batch)
    frames = times * len(batch)
    return frames / (time.perf_counter() - wall), frames / (time.process_time() - cpu)


def networks(rounds: int) -> None:
    start = time.perf_counter()
    ours = encoders.get("blues-lus")
    print(f"loading blues-lus              {time.perf_counter() - start:8.2f} s   (target below 1 s)")
    resnet = nets.build("resnet18", channels=3).to(memory_format=torch.channels_last)
    assert ours.module is not None
    small = torch.rand(CHUNK, 1, 128, 128).contiguous(memory_format=torch.channels_last)
    large = torch.rand(CHUNK, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    run(ours.module, small, 2), run(resnet, large, 1)
    rates = np.array([[run(ours.module, small, 10), run(resnet, large, 2)] for _ in range(rounds)])
    for k, clock in enumerate(("wall", "processor")):
        ratio = np.median(rates[:, 0, k] / rates[:, 1, k])
        lus, other = np.median(rates[:, :, k], axis=0)
        print(
            f"{clock + ' time':<15} blues-lus {lus:8.1f} frames/s   ResNet-18 at 224 {other:7.1f}   {ratio:5.1f} times"
        )
    print("target: 8 times or more")
    frames = np.random.default_rng(0).integers(0, 255, (160, 128, 128), dtype=np.uint8)
    start = time.perf_counter()
    ours.forward(frames)
    print(f"as embed calls it  {len(frames) / (time.perf_counter() - start):8.1f} frames/s")


def drawing(steps: int) -> None:
    rng = np.random.default_rng(0)
    simulate.draw(simulate.draw_scenes(64, rng), rng)
    start = time.process_time()
    for _ in range(8):
        simulate.draw(simulate.draw_scenes(64, rng), rng)
    print(
        f"\nsimulated frames           {512 / (time.process_time() - start):8.1f} frames/s of processor time, no masks"
    )
    trainer = Trainer(Budget(steps=steps), negatives=32)
    for step in range(20):  # the pool of negatives is drawn once in a training
        trainer.draw(step)
    start = time.process_time()
    trainer.run()
    both = time.process_time() - start
    print(f"drawing, share of a step's processor time    {trainer.drawing / both:6.1%}   (target below 30 %)")
    print(
        f"waiting for frames, share of wall time       {trainer.waiting / trainer.seconds:6.1%}   (drawn while it learns)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=30)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"{given.threads} threads, torch {torch.__version__}")
    networks(given.rounds)
    drawing(given.steps)


if __name__ == "__main__":
    main()
