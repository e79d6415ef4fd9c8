"""What explaining a run costs: the default experiment with and without attributions, by the processor's time.

    python benchmarks/explain.py [FOLDER] [--model forest xgboost] [--repeats 20] [--null 0]
    python benchmarks/explain.py --maps random-cnn [--frames 480]
    python benchmarks/explain.py FOLDER --clips blues-lus
    python benchmarks/explain.py --pointing blues-lus

All run in this process on one thread; processor time does not change on a busy machine. FOLDER is a cohort (default: the
synthetic one). Target: attributions add at most 30 % to the run. With ``--maps`` Grad-CAM of an encoder against its features of
the same frames, with ``--clips`` Grad-CAM of every clip of a cohort on its recorded geometry against embedding the clip,
decoding counted in both; target: under 3 times. ``--pointing`` says how often the highest place of a map lies on the artefact,
on simulated frames.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from blues import datasets, encoders, explain, simulate, video
from blues.cohort import Cohort
from blues.explain.saliency import layers
from blues.fuse import Experiment, prepare, run


def maps(name: str, count: int) -> None:
    """Time Grad-CAM against the features of the same frames, interleaved."""
    encoder = encoders.get(name)
    height, width = encoder.preprocessing.size
    frames = np.random.default_rng(0).integers(0, 256, (count, height, width), dtype=np.uint8)
    output = (list(encoder.card["outputs"]) or list(encoder.feature_names))[0]
    spent = {"features": [], "maps": []}
    for _ in range(3):
        start = time.process_time()
        encoder.forward(frames)
        middle = time.process_time()
        explain.saliency(encoder, frames, output)
        spent["features"].append(middle - start)
        spent["maps"].append(time.process_time() - middle)
    features, cams = min(spent["features"]), min(spent["maps"])
    print(
        f"{name}, {count} frames: features {features:.2f} s, Grad-CAM of {output!r} {cams:.2f} s, ratio {cams / features:.2f} "
        "(target under 3, decoding not counted)"
    )


def clips(cohort: Cohort, name: str) -> None:
    """Time Grad-CAM of whole clips against embedding them, clip by clip in turn, on one thread."""
    encoder = encoders.get(name)
    rules = encoder.preprocessing
    output = (list(encoder.card["outputs"]) or list(encoder.feature_names))[0]
    layer = layers(encoder, output)[0]
    spent = np.zeros((len(cohort.clips), 2))
    frames = 0
    for i, path in enumerate(cohort.clips["path"]):
        start = time.process_time()
        clip = video.read(cohort.folder / path, rate=rules.rate, most=rules.most)
        encoder.forward(video.prepare(clip.frames, rules.geometry, rules.size))
        middle = time.process_time()
        found = explain.on_clip(encoder, cohort.folder / path, output, layer=layer)
        spent[i] = middle - start, time.process_time() - middle
        frames += len(found.frames)
    embedding, maps = spent.sum(axis=0)
    print(
        f"{name}, {len(spent)} clips, {frames} frames: embedding {embedding:.1f} s, Grad-CAM of {output!r} on the recorded "
        f"geometry {maps:.1f} s of processor time, ratio {maps / embedding:.2f} (target under 3)"
    )


POINTING = {
    "b_line_coverage": "b_line",
    "b_line_presence": "b_line",
    "a_line_presence": "a_line",
    "consolidation_presence": "consolidation",
    "effusion_presence": "effusion",
}


def pointing(name: str) -> None:
    """Say how often the highest place of a map lies on the mask, where that covers 1 to 35 % of a simulated frame."""
    encoder = encoders.get(name)
    rng = np.random.default_rng(7)
    drawn = simulate.frames(simulate.draw_scenes(200, rng), rng, encoder.preprocessing.size)
    for output, mask in POINTING.items():
        share = drawn.masks[mask].mean((1, 2))
        few = np.flatnonzero((share > 0.01) & (share < 0.35))[:50]
        for method in ("grad-cam", "hires-cam", "integrated-gradients"):
            found = explain.saliency(encoder, drawn.images[few], output, method)
            if method == "integrated-gradients":
                # single pixels are noise
                found = ndimage.uniform_filter(np.maximum(found, 0), (0, 9, 9))
            hit = explain.pointing_game(found, drawn.masks[mask][few], tolerance=4)
            print(
                f"{output:24} {method:22} {hit.value:.2f} ({hit.low:.2f} to {hit.high:.2f}), "
                f"chance {hit.detail['chance']:.2f}, {len(few)} frames"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", nargs="?", default="synthetic")
    parser.add_argument("--task", default="pcr")
    parser.add_argument("--model", nargs="+", default=["forest", "xgboost"])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--null", type=int, default=0)
    parser.add_argument("--maps", help="an encoder")
    parser.add_argument("--frames", type=int, default=480)
    parser.add_argument("--clips", help="an encoder")
    parser.add_argument("--pointing", help="an encoder with artefact outputs that takes polar frames")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.maps:
        maps(given.maps, given.frames)
        return
    if given.pointing:
        pointing(given.pointing)
        return
    if given.clips:
        clips(datasets.load(given.cohort), given.clips)
        return
    wanted = {"cohort": given.cohort, "task": given.task, "model": tuple(given.model), "null": given.null, "jobs": 1}
    with_it = Experiment(**wanted, repeats=given.repeats)
    without = dataclasses.replace(with_it, explain=("none",))
    _, design = prepare(with_it)
    run(design, dataclasses.replace(with_it, repeats=1, null=0))  # warm up imports
    seconds = {}
    for name, experiment in (("without", without), ("with", with_it)):
        start = time.process_time()
        found = run(design, experiment)
        seconds[name] = time.process_time() - start
    extra = seconds["with"] / seconds["without"] - 1
    print(
        f"{design.y.size} rows, {sum(b.shape[1] for b in design.blocks.values())} columns: run {seconds['without']:.1f} s, "
        f"with attributions {seconds['with']:.1f} s: {extra:+.1%} (target at most +30 %)"
    )
    attributions = found.attributions
    assert attributions is not None
    with tempfile.TemporaryDirectory() as folder:
        attributions.save(folder)
        size = sum(p.stat().st_size for p in Path(folder).iterdir())
    start = time.process_time()
    for level in explain.LEVELS:
        explain.importance(attributions, attributions.arms[-1], level)
    rolled = time.process_time() - start
    print(
        f"{len(attributions.values):,} values, {size / 1e6:.1f} MB on disk, largest additivity error {attributions.error:.1e}; "
        f"roll-ups of one arm at all levels with intervals {rolled:.1f} s"
    )


if __name__ == "__main__":
    main()
