"""Speed and memory of blues.embed on a cohort's clips: ``python benchmarks/embed.py FOLDER [--encoder NAME]``.

Decoding alone, the encoder alone and the whole step are run in turns over parts of the cohort, so that other load on the
machine meets them alike. Where decoding and encoder share the same cores, the whole cannot be faster than their
processor time allows; that bound is printed beside the target.
"""

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from blues import encoders, video
from blues.cohort import Cohort, read
from blues.embed import embed
from blues.embed.pipeline import _cores

PARTS = 6
PEAK = """
import resource, sys
from blues.cohort import read
from blues.embed import embed
cohort = read(sys.argv[1])
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
made = embed(cohort, sys.argv[2], cache=sys.argv[3], progress=False)
print(start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, len(made.values))
"""


class Clock:
    """Sums wall time and processor time of named stages, in seconds."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    def run(self, name: str, function: Callable[[], object]) -> Any:
        """Return what ``function`` gives, and add what it took to the stage called ``name``."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = function()
        self.wall[name] = self.wall.get(name, 0) + time.perf_counter() - wall
        self.cpu[name] = self.cpu.get(name, 0) + time.process_time() - cpu
        return result


def prepared(cohort: Cohort, encoder: encoders.Encoder, workers: int) -> list[np.ndarray]:
    wanted = encoder.preprocessing

    def one(path: str) -> np.ndarray:
        clip = video.read(cohort.folder / path, rate=wanted.rate, most=wanted.most)
        return video.prepare(clip.frames, wanted.geometry, wanted.size)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, cohort.clips["path"]))


def measure(cohort: Cohort, name: str, workers: int, cache: Path) -> Clock:
    encoder, clock = encoders.get(name), Clock()
    encoder.forward(np.zeros((2, *encoder.preprocessing.size), np.uint8))
    for part in range(PARTS):
        few = dataclasses.replace(cohort, clips=cohort.clips.iloc[part::PARTS])
        frames = clock.run("decode and prepare", lambda few=few: prepared(few, encoder, workers))
        clock.run("encoder", lambda frames=frames: [encoder.forward(f) for f in frames])
        clock.run("whole", lambda few=few: embed(few, encoder, cache=cache, workers=workers, progress=False))
    clock.run("again, from its clips", lambda: embed(cohort, encoder, cache=cache, progress=False))
    clock.run("second run", lambda: embed(cohort, encoder, cache=cache, progress=False))
    return clock


def report(clock: Clock, clips: int, cores: int) -> None:
    for name, wall in clock.wall.items():
        print(f"{name:<22}{wall:8.2f} s   {clips / wall:8.1f} clips/s   {clock.cpu[name]:7.2f} s of processor time")
    slower = max(clock.wall["decode and prepare"], clock.wall["encoder"])
    bound = max(slower, (clock.cpu["decode and prepare"] + clock.cpu["encoder"]) / cores)
    whole = clock.wall["whole"]
    print(f"\nwhole against the slower of the two   {slower / whole:6.2f}   (target 0.80 or more)")
    print(f"whole against what {cores} cores allow     {bound / whole:6.2f}")
    for name in ("again, from its clips", "second run"):
        print(f"{name} against the first   {clock.wall[name] / whole:8.2%}   (target below 2 %)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default="frame-stats")
    parser.add_argument("--workers", type=int, default=_cores())
    options = parser.parse_args()
    cohort = read(options.folder)
    print(f"{len(cohort.clips)} clips, encoder {options.encoder}, {options.workers} workers, {os.cpu_count()} cores\n")
    with tempfile.TemporaryDirectory() as folder:
        report(measure(cohort, options.encoder, options.workers, Path(folder)), len(cohort.clips), _cores())
    with tempfile.TemporaryDirectory() as folder:
        arguments = [sys.executable, "-c", PEAK, str(options.folder), options.encoder, folder]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    start, peak, frames = map(int, done.stdout.split())
    print(
        f"\npeak memory of one run over {frames} frames: {peak / 1e6:.2f} GB ({start / 1e6:.2f} GB before), target below 1.5 GB"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
