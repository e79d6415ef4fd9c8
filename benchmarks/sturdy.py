"""How far an encoder's outputs move when a clip only looks different: ``python benchmarks/sturdy.py FOLDER``.

Every clip of a cohort (the POCUS collection, say) is shown again under a letterbox, on grey, white and shaded pages, beside
clocks and tracings, with text, lines and figures burnt in, cropped, resized, turned, in other grey maps, with blur, noise and
JPEG, up to eight frames of it. The sector is looked for anew each time. Printed are the rank correlation over clips with the
plain clip for B-line presence and severity, and the mean change of B- and A-line presence; how many clips pass for no lung
ultrasound; and for how many another kind of sector is found. Nothing is labelled here: what moves is what should stay.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from blues import encoders, video
from blues.cohort import read

FRAMES = 8
Change = Callable[[np.ndarray], np.ndarray]


def each(change: Change) -> Change:
    """Return what does something to every frame by itself."""
    return lambda frames: np.stack([change(one) for one in frames])


def padded(top: float, side: float, grey: int) -> Change:
    """Return what puts frames on a page, ``top`` and ``side`` as shares of height and width."""

    def put(frames: np.ndarray) -> np.ndarray:
        rows, columns = int(top * frames.shape[1]), int(side * frames.shape[2])
        return np.pad(frames, ((0, 0), (rows, rows), (columns, columns)), constant_values=grey)

    return put


def resized(rows: float, columns: float) -> Change:
    """Return what resizes frames."""

    def put(one: np.ndarray) -> np.ndarray:
        size = max(48, int(one.shape[1] * columns)), max(48, int(one.shape[0] * rows))
        return np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BILINEAR))

    return each(put)


def with_text(frames: np.ndarray) -> np.ndarray:
    """Burn in what machines write: place and time, output power, probe and depth, a ruler."""
    height, width = frames.shape[1:]
    page = Image.new("L", (width, height))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(max(10, height // 25))
    for x, y, words in (
        (4, 4, "Clinic  12:03:44"),
        (width * 0.72, 4, "MI 0.8 TIS 0.2"),
        (4, height * 0.9, "Lung 13cm"),
    ):
        draw.text((x, y), words, fill=230, font=font)
    for k in range(12):
        draw.line((width - 12, height * k / 12, width - 4, height * k / 12), fill=200)
    return np.maximum(frames, np.asarray(page)[None])


def mapped(change: Change) -> Change:
    """Return what changes grey values, given between 0 and 1."""
    return lambda frames: np.clip(change(frames.astype(np.float32) / 255) * 255, 0, 255).astype(np.uint8)


def compressed(one: np.ndarray) -> np.ndarray:
    """Compress one frame as a poor JPEG."""
    held = io.BytesIO()
    Image.fromarray(one).save(held, "JPEG", quality=12)
    return np.asarray(Image.open(held))


def noisy(frames: np.ndarray) -> np.ndarray:
    """Add noise of 8 grey levels everywhere, margins too."""
    drawn = np.random.default_rng(0).normal(0, 8, frames.shape)
    return np.clip(frames + drawn, 0, 255).astype(np.uint8)


def on_shade(frames: np.ndarray) -> np.ndarray:
    """Put frames on a page that darkens downwards from 20 to 5, which shines through what is black."""
    height, width = frames.shape[1:]
    page = np.linspace(20, 5, int(1.3 * height))[None, :, None] * np.ones((len(frames), 1, int(1.5 * width)))
    top, left = (page.shape[1] - height) // 2, (page.shape[2] - width) // 2
    part = page[:, top : top + height, left : left + width]
    part[:] = np.where(frames > 8, frames, part)
    return page.astype(np.uint8)


def with_strips(frames: np.ndarray) -> np.ndarray:
    """Show frames on a telephone's grey page, nearly as wide as they are."""
    page = np.full((len(frames), 2 * frames.shape[1], frames.shape[2] + 2 * (frames.shape[2] // 80 + 1)), 40, np.uint8)
    side, top = (page.shape[2] - frames.shape[2]) // 2, frames.shape[1] // 3
    page[:, top : top + frames.shape[1], side : side + frames.shape[2]] = frames
    return page


def with_clock(frames: np.ndarray) -> np.ndarray:
    """Put frames into black margins with a blinking dot and a clock that runs."""
    pages = []
    for number, one in enumerate(padded(0.12, 0.3, 0)(frames)):
        page = Image.fromarray(one)
        draw, size = ImageDraw.Draw(page), one.shape[0] // 14
        draw.text((0.76 * page.width, 2), f"14:22:{10 + 9 * number:02d}", fill=255, font=ImageFont.load_default(size))
        if number % 2:
            draw.ellipse((8, 8, 8 + size, 8 + size), fill=180)
        pages.append(np.asarray(page))
    return np.stack(pages)


def with_tracing(frames: np.ndarray) -> np.ndarray:
    """Put the course of the middle column over time (M-mode) below frames."""
    count, height, width = frames.shape
    columns = frames[np.arange(width) * count // width, :, width // 2].T
    speckle = np.random.default_rng(0).normal(1, 0.3, (height, width))
    below = np.clip(columns * speckle, 0, 255).astype(np.uint8)
    moving = np.where(np.arange(width)[None] < (np.arange(count)[:, None] + 1) * width // count, 1, 0)[:, None]
    return np.concatenate(
        [frames, np.zeros((count, height // 20 + 2, width), np.uint8), below[None] * moving], 1
    ).astype(np.uint8)


def dotted(*places: tuple[float, float]) -> Change:
    """Return what burns dotted lines in, each from a place of the top edge to one of the bottom, as shares of the width."""

    def put(frames: np.ndarray) -> np.ndarray:
        height, width = frames.shape[1:]
        page = Image.new("L", (width, height))
        for start, end in places:
            for row in range(0, height, max(6, height // 40)):
                x = width * (start + (end - start) * row / height)
                ImageDraw.Draw(page).ellipse((x - 1, row - 1, x + 1, row + 1), fill=230)
        return np.maximum(frames, np.asarray(page)[None])

    return put


def with_rim(frames: np.ndarray) -> np.ndarray:
    """Draw a thin light rim round frames, as screen recordings have."""
    wide = max(2, frames.shape[1] // 100)
    return np.pad(frames, ((0, 0), (wide, wide), (wide, wide)), constant_values=230)


def on_tall_page(frames: np.ndarray) -> np.ndarray:
    """Show frames in the middle of a telephone's upright black page."""
    rows = max(0, 16 * frames.shape[2] // 9 - frames.shape[1]) // 2
    return np.pad(frames, ((0, 0), (rows, rows), (0, 0)))


def beside_itself(frames: np.ndarray) -> np.ndarray:
    """Show frames on a wide screen between parts of a larger, blurred, darker copy of themselves."""
    count, height, width = frames.shape
    side = int(0.4 * width)
    larger = resized(1 + 2 * side / width, 1 + 2 * side / width)(frames)
    top, left = (larger.shape[1] - height) // 2, max(0, (larger.shape[2] - width - 2 * side) // 2)
    copy = larger[:, top : top + height, left : left + width + 2 * side]
    shown = np.zeros((count, height, width + 2 * side), np.uint8)
    shown[:, :, : copy.shape[2]] = 0.75 * ndimage.gaussian_filter(
        copy.astype(np.float32), (0, height / 25, height / 25)
    )
    shown[:, :, side : side + width] = frames
    return shown


def annotated(frames: np.ndarray) -> np.ndarray:
    """Draw three arrows with a word below, and a word with its line, as in teaching clips."""
    height, width = frames.shape[1:]
    page = Image.new("L", (width, height))
    draw, font, thick = ImageDraw.Draw(page), ImageFont.load_default(max(10, height // 20)), max(2, height // 120)
    for x in (0.38 * width, 0.5 * width, 0.62 * width):
        draw.line((x, 0.85 * height, x, 0.63 * height), fill=255, width=thick)
        tip, half = 0.58 * height, 0.025 * width
        draw.polygon([(x, tip), (x - half, 0.66 * height), (x + half, 0.66 * height)], fill=255)
    draw.text((0.36 * width, 0.86 * height), "B-lines", fill=255, font=font)
    draw.line((0.5 * width, 0.27 * height, 0.55 * width, 0.2 * height), fill=255, width=thick)
    draw.text((0.55 * width, 0.17 * height), "Pleural line", fill=255, font=font)
    return np.maximum(frames, np.asarray(page)[None])


def boxed(frames: np.ndarray) -> np.ndarray:
    """Draw a box round the middle of the picture, as a figure's author does."""
    height, width = frames.shape[1:]
    page = Image.new("L", (width, height))
    corners = (0.3 * width, 0.35 * height, 0.7 * width, 0.75 * height)
    ImageDraw.Draw(page).rectangle(corners, outline=255, width=max(2, height // 150))
    return np.maximum(frames, np.asarray(page)[None])


def with_bar(frames: np.ndarray) -> np.ndarray:
    """Burn in a player's bar, which fills as time goes."""
    shown, (count, height, width) = frames.copy(), frames.shape
    top = height - height // 12
    shown[:, top : top + max(4, height // 50)] = 90
    for number, one in enumerate(shown):
        one[top : top + max(4, height // 50), : width * (number + 1) // count] = 220
    return shown


CHANGES: dict[str, Change] = {
    "letterbox": padded(0.1, 0.3, 0),
    "on a grey page": padded(0.1, 0.3, 40),
    "on a white page": padded(0.1, 0.3, 255),
    "on a shaded page": on_shade,
    "a strip of grey at both sides": with_strips,
    "a thin light rim": with_rim,
    "on a tall black page": on_tall_page,
    "deepest fifth cut off, on a tall black page": lambda frames: on_tall_page(frames[:, : frames.shape[1] * 4 // 5]),
    "a blurred copy of itself at both sides": beside_itself,
    "a clock and a dot in black margins": with_clock,
    "a tracing (M-mode) below": with_tracing,
    "text burnt in": with_text,
    "text in black margins": lambda frames: with_text(padded(0.12, 0.25, 0)(frames)),
    "a dotted centre line": dotted((0.5, 0.5)),
    "two dotted guide lines": dotted((0.2, 0.6), (0.3, 0.7)),
    "arrows and words": annotated,
    "a box": boxed,
    "a player's bar": with_bar,
    "top tenth cut off": lambda frames: frames[:, frames.shape[1] // 10 :],
    "deepest quarter cut off": lambda frames: frames[:, : frames.shape[1] * 3 // 4],
    "sides cut off, an eighth each": lambda frames: frames[:, :, frames.shape[2] // 8 : frames.shape[2] * 7 // 8],
    "sides cut off, a fifth each": lambda frames: frames[:, :, frames.shape[2] // 5 : frames.shape[2] * 4 // 5],
    "a third of the size": resized(0.35, 0.35),
    "twice the size": resized(2, 2),
    "1.3 times as wide": resized(1, 1.3),
    "gamma 0.6": mapped(lambda grey: grey**0.6),
    "gamma 1.6": mapped(lambda grey: grey**1.6),
    "half as bright": mapped(lambda grey: grey * 0.5),
    "black made grey": mapped(lambda grey: 0.12 + 0.88 * grey),
    "blurred": each(lambda one: ndimage.gaussian_filter(one, one.shape[0] / 300)),
    "noise, margins too": noisy,
    "poor JPEG": each(compressed),
    "turned by 6 degrees": each(lambda one: np.asarray(Image.fromarray(one).rotate(6, Image.Resampling.BILINEAR))),
    "one frame alone": lambda frames: frames[len(frames) // 2 :][:1],
    "mirrored": lambda frames: np.ascontiguousarray(frames[:, :, ::-1]),
}


def seen(encoder: encoders.Encoder, clips: list[np.ndarray]) -> tuple[pd.DataFrame, list[str]]:
    """Return the mean outputs of each clip and the kind of sector found in it."""
    wanted = encoder.preprocessing
    values: list[np.ndarray] = []
    kinds: list[str] = []
    for frames in clips:
        sector = video.find_sector(frames)
        kinds.append(sector.kind)
        values.append(encoder.forward(video.prepare(frames, wanted.geometry, wanted.size, sector)).mean(0))
    return pd.DataFrame(values, columns=list(encoder.feature_names)), kinds


def main() -> None:
    """Print one line a change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default="blues-lus")
    given = parser.parse_args()
    cohort, encoder = read(given.folder), encoders.get(given.encoder)
    clips = []
    for path in cohort.clips["path"]:
        frames = video.read(cohort.folder / path).frames
        clips.append(frames[np.linspace(0, len(frames) - 1, min(len(frames), FRAMES)).astype(int)])
    plain, kinds = seen(encoder, clips)
    print(
        f"{len(clips)} clips, {encoder.name}; {int((plain['lus'] < 0.5).sum())} pass for no lung ultrasound as they are"
    )
    head = ("", "B-lines, rank correlation", "mean change", "A-lines, mean change", "severity, rank correlation")
    print("| " + " | ".join([*head, "no lung ultrasound", "another sector"]) + " |")
    print("|---|---|---|---|---|---|---|")
    for name, change in CHANGES.items():
        found, others = seen(encoder, [change(frames) for frames in clips])
        b_lines, severity = (plain[c].corr(found[c], method="spearman") for c in ("b_line_presence", "soldati"))
        moved = (found - plain).mean()
        sectors = sum(a != b for a, b in zip(kinds, others, strict=True))
        changes = f"{moved['b_line_presence']:+.3f} | {moved['a_line_presence']:+.3f}"
        strange = int((found["lus"] < 0.5).sum())
        print(f"| {name} | {b_lines:.2f} | {changes} | {severity:.2f} | {strange} | {sectors} |", flush=True)


if __name__ == "__main__":
    main()
