"""How fast the simulator draws, and how well classifiers tell its frames from real ones.

    python benchmarks/simulate.py                             # frames a second on one core
    python benchmarks/simulate.py --real FOLDER               # and realism, against the clips below FOLDER
    python benchmarks/simulate.py --real FOLDER --beside B    # and how well the clips below B are told from those of FOLDER
    python benchmarks/simulate.py --real FOLDER --sheet a.png # or a contact sheet, real and simulated rows in turn
    python benchmarks/simulate.py --kinds b.png               # a contact sheet of every kind of simulated frame
    python benchmarks/simulate.py --named                     # how many pictures of other things blues-lus recognises as such

Realism: three frames of every clip, found and unwarped as the network sees them (128 x 128), against as many simulated ones as
the priors draw them. A random forest sees 19 measurements of a frame (grey-value quantiles, local contrast, autocorrelation
along and across the scan lines, fall-off with depth, contrast between scan lines); a small convolutional network sees the
frame. Both say real or simulated, cross-validated with all frames of a clip in one fold. 0.5 is perfect; 1 means that every
frame is recognised. Two collections of real clips can be told apart too: ``--beside`` says how well, for comparison.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from sklearn.datasets import load_sample_images
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from torch.nn.functional import binary_cross_entropy_with_logits

from blues import encoders, simulate, video
from blues.encoders import nets
from blues.encoders.lus import LusNet

VIDEOS = (".mp4", ".avi", ".mov", ".mpeg", ".mpg", ".gif")


def speed(batch: int = 256, repeats: int = 5) -> None:
    """Print frames a second of CPU time on one core, the best of several rounds; scenes included."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    for size, geometry, masks in (
        ((128, 128), "polar", False),
        ((128, 128), "polar", True),
        ((64, 64), "polar", False),
        ((224, 224), "polar", False),
        ((128, 128), "cartesian", False),
        ((350, 350), "cartesian", False),
    ):
        n = max(32, batch * 128 * 128 // (size[0] * size[1]))
        simulate.draw(simulate.draw_scenes(32, rng), rng, size, geometry, masks=masks)
        best = np.inf
        for _ in range(repeats):
            start = time.process_time()
            simulate.draw(simulate.draw_scenes(n, rng), rng, size, geometry, masks=masks)
            best = min(best, time.process_time() - start)
        print(f"{geometry:10} {size[0]:4} x {size[1]:<4} {'with masks' if masks else '':11} {n / best:8.0f} frames/s")


def measurements(image: np.ndarray) -> np.ndarray | None:
    """Return 19 numbers that describe a polar frame's grey values and texture; None for a frame that is nearly black."""
    grey = image.astype(float)
    inside = ndimage.binary_erosion(ndimage.maximum_filter(image, 9) > 6, np.ones((7, 7)))
    local = ndimage.uniform_filter(grey, 9)
    bright = inside & (local > 25)
    if bright.mean() < 0.03:
        return None
    fine = grey - local

    def alike(down: int, across: int) -> float:
        h, w = grey.shape
        a, b = fine[: h - down, : w - across], fine[down:, across:]
        both = bright[: h - down, : w - across] & bright[down:, across:]
        return float((a * b)[both].mean() / np.sqrt((a * a)[both].mean() * (b * b)[both].mean() + 1e-9))

    h = len(grey)
    quarters = [grey[i : i + h // 4][inside[i : i + h // 4]] for i in range(0, h, h // 4)][:4]
    low = slice(3 * h // 8, 3 * h // 4)
    count = inside[low].sum(0)
    columns = (grey * inside)[low].sum(0)[count > 0] / count[count > 0]
    return np.array(
        [
            *np.percentile(grey[inside], [5, 25, 50, 75, 95, 99.5]),
            np.sqrt((fine**2)[bright].mean()),
            np.sqrt(((fine / local.clip(1)) ** 2)[bright].mean()),
            *(alike(*shift) for shift in ((1, 0), (2, 0), (0, 1), (0, 2), (0, 4))),
            *(q.mean() if q.size else 0.0 for q in quarters),
            columns.std() / (columns.mean() + 1) if columns.size else 0.0,
            inside.mean(),
        ]
    )


def real_frames(
    folder: Path, size: tuple[int, int], each: int = 3, most: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``each`` frames of the clips below ``folder`` along the scan lines, and the number of the clip of each.

    All clips, or ``most`` of them drawn with seed 0.
    """
    frames: list[np.ndarray] = []
    clips: list[int] = []
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in VIDEOS)
    if most is not None and most < len(paths):
        paths = [paths[i] for i in sorted(np.random.default_rng(0).choice(len(paths), most, replace=False))]
    for path in paths:
        polar = video.prepare(video.read(path).frames, "polar", size)
        chosen = polar[np.linspace(0, len(polar) - 1, each).astype(int)]
        clips += [len(frames)] * each
        frames.append(chosen)
    return np.concatenate(frames), np.array(clips)


def by_forest(images: np.ndarray, y: np.ndarray, groups: np.ndarray) -> float:
    """Return the cross-validated AUROC of a random forest on :func:`measurements`."""
    rows = [measurements(image) for image in images]
    kept = np.array([row is not None for row in rows])
    x = np.stack([row for row in rows if row is not None])
    forest = RandomForestClassifier(300, min_samples_leaf=3, class_weight="balanced", random_state=0)
    folds = list(GroupKFold(5).split(x, y[kept], groups[kept]))
    return float(roc_auc_score(y[kept], cross_val_predict(forest, x, y[kept], cv=folds, method="predict_proba")[:, 1]))


def by_network(images: np.ndarray, y: np.ndarray, groups: np.ndarray, steps: int = 150, seed: int = 0) -> float:
    """Return the cross-validated AUROC of the network of blues-lus, trained from random weights to tell them apart."""
    said = np.zeros(len(y))
    pixels = torch.as_tensor(images).float().div_(255)[:, None].contiguous(memory_format=torch.channels_last)
    truth = torch.as_tensor(y, dtype=torch.float32)
    for fold, (train, test) in enumerate(GroupKFold(5).split(images, y, groups)):
        net, rng = LusNet(centred=0.0), np.random.default_rng([seed, fold])
        nets.seed_weights(net, [seed, fold])
        optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
        for _ in range(steps):
            some = rng.choice(train, 32)
            shown = pixels[some] if rng.random() < 0.5 else pixels[some].flip(3)
            loss = binary_cross_entropy_with_logits(net.heads(shown, masks=False)["globals"][:, 0], truth[some])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.inference_mode():
            said[test] = net.eval().heads(pixels[test], masks=False)["globals"][:, 0].numpy()
    return float(roc_auc_score(y, said))


LESION = {"consolidation_at": (0.0, 2.5), "consolidation_width": (4.0, 1.5), "consolidation_depth": (1.8, 0.6)}
KINDS: dict[str, dict[str, object]] = {
    "0: A-lines": {"severity": 0, "machine": "cart", "a_db": 8.0},
    "0: no A-lines": {"severity": 0, "machine": "handheld", "a_db": -99.0},
    "0: linear probe": {"severity": 0, "machine": "linear"},
    "1: B-lines": {"severity": 1, "machine": "cart"},
    "2: consolidation": {"severity": 2, "machine": "cart", **LESION},
    "3: white lung": {"severity": 3, "machine": "handheld"},
    "pleural effusion": {"severity": 1, "machine": "cart", "effusion": 2.0},
    "liver or spleen": {"severity": 0, "machine": "cart", "organ": 1.0, "organ_edge": -1.0},
}
"""Kinds of frames on the contact sheet: severity or finding, and what of the scene is fixed for it."""


def kinds(path: Path, size: int = 160, seed: int = 12) -> None:
    """Write a contact sheet: a column a kind; as the machine shows it (two rows) and along the scan lines (the same two)."""
    rng, columns = np.random.default_rng(seed), []
    for name, choices in KINDS.items():
        plain = {"overlay": 0.0, "quality": 100.0, "crop": 1.0, "organ": 0.0}
        scenes = simulate.draw_scenes(2, rng, **(plain | choices))
        shown = [simulate.draw(scenes, rng, (size, size), how).images.numpy() for how in ("cartesian", "polar")]
        title = Image.new("L", (size, 16), 0)
        ImageDraw.Draw(title).text((4, 2), name, fill=255)
        columns.append(np.concatenate([np.asarray(title), *shown[0], *shown[1]]))
    Image.fromarray(np.concatenate(columns, 1)).save(path, quality=85)


def sheet(folder: Path, path: Path, machine: str | None, columns: int = 6, size: tuple[int, int] = (160, 160)) -> None:
    """Write rows of real and simulated frames in turn, the real ones from clips drawn without replacement."""
    rng = np.random.default_rng(0)
    real = real_frames(folder, size, each=1)[0]
    real = real[rng.permutation(len(real))[: 2 * columns]]
    scenes = simulate.draw_scenes(len(real), rng, **({"machine": machine} if machine else {}))
    simulated = simulate.draw(scenes, rng, size).images.numpy()
    rows = [part for i in range(0, len(real), columns) for part in (real[i : i + columns], simulated[i : i + columns])]
    rows = [row for row in rows if len(row) == columns]
    Image.fromarray(np.concatenate([np.concatenate(list(row), 1) for row in rows])).save(path, quality=85)


def title(rng: np.random.Generator) -> np.ndarray:
    """Draw a screen with a few lines of light letters on a dark ground."""
    height, width = int(rng.integers(300, 800)), int(rng.integers(400, 1200))
    page = Image.new("L", (width, height), int(rng.integers(0, 60)))
    top, letters = rng.uniform(0.05, 0.4) * height, np.array(list("abcdefghiklmnoprstuvwABCDELPRST0123456789.:- "))
    for _ in range(int(rng.integers(1, 6))):
        size = int(rng.uniform(0.03, 0.09) * height)
        line = "".join(rng.choice(letters, int(rng.integers(5, 40))))
        place = (rng.uniform(0.03, 0.3) * width, top)
        ImageDraw.Draw(page).text(place, line, fill=int(rng.integers(180, 256)), font=ImageFont.load_default(size))
        top += 1.4 * size
    return np.asarray(page)


def box(rng: np.random.Generator) -> np.ndarray:
    """Draw one bright box, such as a logo, on black."""
    page = np.zeros((480, 640), np.uint8)
    height, width = int(rng.integers(15, 150)), int(rng.integers(20, 260))
    top, left = int(rng.integers(0, 480 - height)), int(rng.integers(0, 640 - width))
    page[top : top + height, left : left + width] = 255
    return page


def named(each: int = 40, pieces: int = 60) -> None:
    """Print how many pictures that are no lung ultrasound are named by the bundled encoder, kind by kind."""
    encoder, rng = encoders.get("blues-lus"), np.random.default_rng(5)
    shown = {kind: simulate.negatives(each, rng, kind=kind)[0] for kind in simulate.NEGATIVES}
    cut = []
    for photograph in load_sample_images().images:
        grey = photograph.mean(2).round().astype(np.uint8)
        for _ in range(pieces):
            size = int(rng.integers(120, 400))
            top, left = (int(rng.integers(0, whole - size)) for whole in grey.shape)
            piece = grey[None, top : top + size, left : left + size]
            cut.append(video.prepare(piece, encoder.preprocessing.geometry, encoder.preprocessing.size)[0])
    shown["pieces of photographs"] = np.stack(cut)
    screens = {
        "titles of one to five lines": [title(rng) for _ in range(each)],
        "bright boxes": [box(rng) for _ in range(each)],
    }
    for kind, frames in screens.items():
        found = [
            video.prepare(one[None], encoder.preprocessing.geometry, encoder.preprocessing.size)[0] for one in frames
        ]
        shown[kind] = np.stack(found)
    for kind, pictures in shown.items():
        print(f"{kind:22} {int((encoder.outputs(pictures)['lus'] < 0.5).sum()):4} of {len(pictures)}")


def apart(real: np.ndarray, clips: np.ndarray, others: np.ndarray, other_clips: np.ndarray) -> None:
    """Print how well real frames can be told from others."""
    images, y = np.concatenate([real, others]), np.repeat([1, 0], [len(real), len(others)])
    groups = np.concatenate([clips, clips.max() + 1 + other_clips])
    print(f"  random forest on 19 measurements {by_forest(images, y, groups):.3f}")
    areas = [by_network(images, y, groups, seed=seed) for seed in range(3)]
    print(
        f"  convolutional network            {np.mean(areas):.3f} (three seeds: {', '.join(f'{a:.3f}' for a in areas)})"
    )


def realism(folder: Path, machine: str | None, beside: Path | None) -> None:
    """Print how well real and simulated frames can be told apart, and the clips of two folders."""
    size, rng = (128, 128), np.random.default_rng(1)
    real, clips = real_frames(folder, size)
    scenes = simulate.draw_scenes(len(real), rng, **({"machine": machine} if machine else {}))
    simulated = simulate.draw(scenes, rng, size).images.numpy()
    print(f"real ({len(real)} frames of {len(set(clips))} clips) against {len(simulated)} simulated, AUROC:")
    apart(real, clips, simulated, np.arange(len(simulated)))
    if beside is not None:
        others, other_clips = real_frames(beside, size, most=len(set(clips)))
        print(f"the same against {len(others)} frames of {len(set(other_clips))} clips of {beside.name}:")
        apart(real, clips, others, other_clips)
        print(f"{beside.name} against {len(simulated)} simulated:")
        apart(others, other_clips, simulated, np.arange(len(simulated)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and realism of simulated frames.")
    parser.add_argument("--real", type=Path, help="folder of real clips, searched to its depth")
    parser.add_argument("--beside", type=Path, help="folder of other real clips, to be told from those of --real")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet here, and nothing else")
    parser.add_argument("--machine", help="handheld, cart, sector or linear; any mixture if not given")
    parser.add_argument("--kinds", type=Path, help="write a contact sheet of simulated frames here, and nothing else")
    parser.add_argument("--named", action="store_true", help="count pictures of other things, and nothing else")
    options = parser.parse_args()
    if options.named:
        named()
    elif options.kinds:
        kinds(options.kinds)
    elif options.real and options.sheet:
        sheet(options.real, options.sheet, options.machine)
    else:
        speed()
        if options.real:
            realism(options.real, options.machine, options.beside)


if __name__ == "__main__":
    main()
