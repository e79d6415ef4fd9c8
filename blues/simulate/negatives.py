"""Pictures that are no lung ultrasound, so that a network can learn to say so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from blues.check import InputError, one_of

__all__ = ["NEGATIVES", "negatives"]


def _noise(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Draw noise of any grain, whole or as snow on black."""
    field = ndimage.gaussian_filter(rng.normal(size=(h, w)), np.exp(rng.uniform(-2, 2.5, 2)))
    field = field / field.std() * rng.uniform(10, 60) + rng.uniform(0, 160)
    return field if rng.random() < 0.7 else np.where(rng.random((h, w)) < rng.uniform(0.01, 0.3), 255, 0)


def _text(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Draw a screen of text: report, menu, title."""
    image = Image.new("L", (w, h), int(rng.integers(0, 256)))
    draw, ink = ImageDraw.Draw(image), 0 if image.getpixel((0, 0)) > 127 else 255  # type: ignore[operator]
    letters = np.array(list("abcdefghijklmnoprstuvwxyzABCDEFGHILMNOPRST0123456789.,:%-/ "))
    y = int(rng.integers(0, 10))
    while y < h:
        size = int(rng.integers(7, max(8, h // 7)))
        line = "".join(rng.choice(letters, int(rng.integers(3, 60))))
        draw.text((int(rng.integers(0, w // 3)), y), line, fill=ink, font=ImageFont.load_default(size))
        y += size + int(rng.integers(1, 12))
    return np.asarray(image, float)


def _shapes(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Draw lines, boxes, ellipses, grids on an even ground."""
    image = Image.new("L", (w, h), int(rng.integers(0, 256)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 16))):
        box = sorted(rng.integers(0, w, 2).tolist()), sorted(rng.integers(0, h, 2).tolist())
        corners = (box[0][0], box[1][0], box[0][1] + 1, box[1][1] + 1)
        kind, ink = rng.integers(4), int(rng.integers(0, 256))
        if kind == 0:
            draw.ellipse(corners, fill=ink)
        elif kind == 1:
            draw.rectangle(corners, outline=ink, fill=ink if rng.random() < 0.5 else None)
        elif kind == 2:
            draw.line(corners, fill=ink, width=int(rng.integers(1, 6)))
        else:
            for x in range(corners[0], corners[2], int(rng.integers(3, 20))):
                draw.line((x, corners[1], x, corners[3]), fill=ink)
    return np.asarray(image, float)


def _photo(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Draw leaves of many sizes that hide each other, shaded: edges and spectrum of photographs (Lee et al. 2001)."""
    out = np.full((h, w), np.nan)
    for radius in min(h, w) * 0.03 / (1 - rng.random(160)) ** 0.5:
        cy, cx, squeeze, turn = rng.uniform(0, h), rng.uniform(0, w), rng.uniform(0.4, 1), rng.uniform(0, np.pi)
        top, left = max(0, int(cy - radius)), max(0, int(cx - radius))
        part = out[top : int(cy + radius) + 2, left : int(cx + radius) + 2]
        dy, dx = np.arange(part.shape[0])[:, None] + top - cy, np.arange(part.shape[1])[None] + left - cx
        along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        leaf = (along**2 + (across / squeeze) ** 2 < radius**2) & np.isnan(part)
        slope = rng.normal(0, 30 / max(h, w), 2)
        part[leaf] = (rng.uniform(0, 255) + slope[0] * dy + slope[1] * dx)[leaf]
    out = np.where(np.isnan(out), rng.uniform(0, 255), out)
    texture = ndimage.gaussian_filter(rng.normal(size=(h, w)), rng.uniform(0.3, 2))
    return ndimage.gaussian_filter(out + texture * rng.uniform(0, 12), rng.uniform(0.2, 1.2))


def _flat(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Draw an empty, even or shaded picture: a covered lens, a test card, a film's first frame."""
    level, slope = rng.uniform(0, 255), rng.normal(0, 120, 2) * (rng.random() < 0.6)
    out = level + slope[0] * np.linspace(-0.5, 0.5, h)[:, None] + slope[1] * np.linspace(-0.5, 0.5, w)[None]
    return out + rng.normal(0, rng.uniform(0, 3), (h, w))


def _other_organ(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Draw ultrasound without a pleural line: speckled tissue with dark chambers and bright walls."""
    power = np.abs(ndimage.gaussian_filter(rng.normal(size=(2, h, w)), (0, 0.7, rng.uniform(1, 3)))) ** 2
    db = 10 * np.log10(power.sum(0) / power.sum(0).mean() + 1e-4)
    broad = ndimage.gaussian_filter(rng.normal(size=(h, w)), rng.uniform(6, 20))
    broad = broad / broad.std()
    chamber = rng.uniform(-0.5, 1.5)
    db = db + 4 * broad - 25 * (broad < -chamber) + 9 * np.exp(-(((broad + chamber) / 0.12) ** 2))
    return (db + rng.uniform(20, 35)) / 55 * 255


NEGATIVES: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "noise": _noise,
    "text": _text,
    "shapes": _shapes,
    "photo": _photo,
    "flat": _flat,
    "other organ": _other_organ,
}
"""Kinds of pictures that are no lung ultrasound, each drawn by a function of (rng, h, w)."""


def negatives(
    n: int, rng: np.random.Generator, size: tuple[int, int] = (128, 128), kind: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draw pictures that are no lung ultrasound.

    Parameters
    ----------
    n : int
        Number of pictures.
    rng : numpy.random.Generator
        Source of randomness.
    size : (int, int)
        Rows and columns.
    kind : str, optional
        One of :data:`NEGATIVES`; any mixture if not given.

    Returns
    -------
    images : uint8 array (n, h, w)
    kinds : str array (n,)

    Examples
    --------
    >>> import numpy as np
    >>> from blues import simulate
    >>> images, kinds = simulate.negatives(3, np.random.default_rng(0), (64, 64), kind="photo")
    >>> images.shape, images.dtype
    ((3, 64, 64), dtype('uint8'))
    """
    if n < 1:
        raise InputError(f"n is {n}", allowed="at least 1")
    kinds = np.array([one_of(kind, NEGATIVES, "kind")] * n if kind else rng.choice(list(NEGATIVES), n))
    images = np.stack([NEGATIVES[str(k)](rng, *size) for k in kinds])
    return np.rint(images.clip(0, 255)).astype(np.uint8), kinds
