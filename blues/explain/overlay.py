"""Maps laid over the clip as it was recorded, and whether they point at the artefact."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage, stats

from blues import evaluate, video
from blues.check import InputError, number, one_of, same_length
from blues.encoders.base import Encoder
from blues.explain.saliency import randomised, saliency, saliency_and_values
from blues.provenance import replacing

__all__ = ["COLOURS_SAY", "ClipSaliency", "on_clip", "overlay", "pointing_game", "sanity", "write_clip", "write_stills"]

WARM = np.array([[0, 0, 0], [120, 20, 60], [230, 90, 20], [255, 220, 90]], dtype=float)
"""Colours of the overlay, from nothing to most: rising in lightness, so that they can be told apart without hue."""
COLOURS_SAY = "Colours are relative to this clip: an output near 0 is coloured too; negative values are not drawn."
_LETTERS = 12


@dataclass(frozen=True)
class ClipSaliency:
    """Where in a clip an output looks.

    Attributes
    ----------
    frames : uint8 array, shape (t, h, w)
        As recorded.
    maps : float32 array, shape (t, h, w)
        On the recorded geometry; 0 outside the sector.
    values : float32 array, shape (t,)
        The output in each frame.
    output, method : str
    gap : float
        Of integrated gradients: by how much the map of a prepared frame misses adding up to its output less that of a black
        one; the largest over frames. NaN for other methods.
    numbers : tuple of int, optional
        Which frame of its file each one is, counted from 1 over the frames that can be used; empty where no file was read.
    total : int
        How many usable frames the file has.
    """

    frames: np.ndarray
    maps: np.ndarray
    values: np.ndarray
    output: str
    method: str
    gap: float = float("nan")
    numbers: tuple[int, ...] = ()
    total: int = 0

    def number(self, place: int) -> int:
        """Return the number of a frame, from 1: in its file, or among those given."""
        return self.numbers[place] if self.numbers else place + 1

    def span(self) -> str:
        """Return what the output lies between in the clip: ``0.005 to 0.010``."""
        return f"{number(float(self.values.min()), 3)} to {number(float(self.values.max()), 3)}"


def on_clip(
    encoder: Encoder,
    clip: np.ndarray | str | Path,
    output: str,
    method: str = "grad-cam",
    *,
    sector: video.Sector | None = None,
    layer: str | None = None,
) -> ClipSaliency:
    """Explain one output on a clip, on the geometry in which the clip was recorded.

    Parameters
    ----------
    encoder : Encoder
    clip : uint8 array, shape (t, h, w), or path
        A path is read at the encoder's own frame rate.
    output, method, layer
        See :func:`blues.explain.saliency`.
    sector : Sector, optional
        Found from the frames when not given.

    Returns
    -------
    ClipSaliency
        On the frames read, or on those given.

    Raises
    ------
    InputError
        When the clip is no longer where it was, or cannot be read; for an unknown output.
    """
    numbers: tuple[int, ...] = ()
    total = 0
    if isinstance(clip, str | Path):
        if not Path(clip).is_file():
            raise InputError(
                "the clip is not there any more",
                file=clip,
                remedy="Its features and all numbers made of them remain; only pictures need the clip",
            )
        rules = encoder.preprocessing
        read = video.read(clip, rate=rules.rate, most=rules.most)
        clip, total = read.frames, read.total
        taken = video.sample(total, read.fps, rules.rate, rules.most)
        numbers = tuple(int(k) + 1 for k in taken) if len(taken) == len(clip) else ()
    geometry = encoder.preprocessing.geometry
    sector = video.find_sector(clip) if sector is None else sector
    prepared = video.prepare(clip, geometry, encoder.preprocessing.size, sector)
    maps, values = saliency_and_values(encoder, prepared, output, method, layer=layer)
    gap = float("nan")
    if method == "integrated-gradients":
        black = encoder.forward(np.zeros_like(prepared[:1]))[:, encoder.feature_names.index(output)]
        gap = float(np.abs(maps.sum((1, 2), dtype=float) - (values - black)).max(initial=0))
    return ClipSaliency(clip, video.restore(maps, geometry, sector), values, output, method, gap, numbers, total)


def overlay(frames: np.ndarray, maps: np.ndarray, strength: float = 0.65, most: float | None = None) -> np.ndarray:
    """Lay maps over gray frames.

    Parameters
    ----------
    frames : uint8 array, shape (n, h, w)
    maps : float array, shape (n, h, w)
        Negative values are not drawn.
    strength : float
        How far the strongest place covers the gray, 0 to 1.
    most : float, optional
        What counts as strongest; by default the largest value of all maps, so that frames can be compared. Then an output
        near 0 is coloured too: say its value beside the picture.

    Returns
    -------
    uint8 array, shape (n, h, w, 3)
    """
    frames, maps = np.asarray(frames), np.asarray(maps, dtype=float)
    if frames.shape != maps.shape or frames.ndim != 3:
        raise InputError(f"frames have shape {frames.shape}, maps {maps.shape}", allowed="the same, (n, h, w)")
    top = float(maps.max(initial=0)) if most is None else most
    level = np.clip(maps / top, 0, 1) if top > 0 else np.zeros(maps.shape)
    colours = np.stack([np.interp(level, np.linspace(0, 1, len(WARM)), WARM[:, c]) for c in range(3)], axis=-1)
    cover = (strength * np.sqrt(level))[..., None]
    return np.rint(frames[..., None] * (1 - cover) + colours * cover).astype(np.uint8)


def _told(found: ClipSaliency) -> np.ndarray:
    """Return every frame beside its overlay, and below both what the output is there and in the whole clip."""
    gray = np.repeat(found.frames[..., None], 3, axis=3)
    both = np.concatenate([gray, overlay(found.frames, found.maps)], axis=2)
    font = _font()
    lines = _lines(found, max(8, int(both.shape[2] / (0.6 * _LETTERS))))
    high = (_LETTERS + 4) * max(map(len, lines), default=0)
    strips = []
    for rows in lines:
        strip = Image.new("RGB", (both.shape[2], high))
        ImageDraw.Draw(strip).multiline_text((2, 1), "\n".join(rows), fill=(255, 255, 255), font=font, spacing=2)
        strips.append(np.asarray(strip))
    return np.concatenate([both, np.stack(strips)], axis=1)


def _font() -> ImageFont.FreeTypeFont:
    """Return a font that has the minus sign and letters of other languages, which Pillow's own lacks."""
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), _LETTERS)


def _lines(found: ClipSaliency, width: int) -> list[list[str]]:
    """Return what stands below every frame, in lines of ``width`` letters."""
    said = f"; in this clip {found.span()}; colours are relative to the clip"
    return [textwrap.wrap(f"{found.output} {number(float(v), 3)}{said}", width) for v in found.values]


def write_stills(found: ClipSaliency, folder: str | Path, name: str, most: int = 3) -> list[Path]:
    """Write the frames in which the output is highest, each beside its overlay, as PNG; return the paths.

    Below them stands what the output is there, for colours are relative to the clip.

    Parameters
    ----------
    found : ClipSaliency
    folder : path
        Made where there is none.
    name : str
        What the files' names begin with.
    most : int
        How many frames.

    Returns
    -------
    list of Path
        In the order of the clip: ``NAME-OUTPUT-FRAME.png``, FRAME as :meth:`ClipSaliency.number` counts.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = _told(found)
    paths = []
    for place in np.sort(np.argsort(-found.values, kind="stable")[:most]):
        path = folder / f"{name}-{found.output}-{found.number(int(place)):03d}.png"
        with replacing(path) as draft:
            Image.fromarray(pictures[place]).save(draft, format="PNG")
        paths.append(path)
    return paths


def write_clip(found: ClipSaliency, path: str | Path, fps: float = 5.0) -> Path:
    """Write every frame of ``found`` beside its overlay as a short clip; the ending of ``path`` is ``.mp4`` or ``.gif``.

    Below stands what the output is in the frame, for colours are relative to the clip.

    Parameters
    ----------
    found : ClipSaliency
    path : path
    fps : float
        Frames a second.

    Returns
    -------
    Path
        As named.

    Raises
    ------
    InputError
        For another ending.
    """
    path = Path(path)
    one_of(path.suffix.lower(), (".mp4", ".gif"), "the ending of an overlay's name")
    path.parent.mkdir(parents=True, exist_ok=True)
    both = _told(found)
    if path.suffix.lower() == ".mp4":
        video.write(path, both, fps=fps)
        return path
    pictures = [Image.fromarray(one).quantize(128) for one in both]
    with replacing(path) as draft:
        pictures[0].save(
            draft, format="GIF", save_all=True, append_images=pictures[1:], duration=round(1000 / fps), loop=0
        )
    return path


def pointing_game(maps: np.ndarray, masks: np.ndarray, tolerance: int = 0) -> evaluate.Estimate:
    """Share of maps whose largest value lies on the mask [1]_.

    Parameters
    ----------
    maps : float array, shape (n, h, w)
    masks : bool array, shape (n, h, w)
        Where the artefact is; frames with an empty mask are left out.
    tolerance : int
        Pixels by which it may miss.

    Returns
    -------
    Estimate
        With Wilson's interval; ``detail["chance"]``: the mean share of the frame that is a hit, the mask and ``tolerance``
        around it, ``detail["frames"]``.

    References
    ----------
    .. [1] Zhang J, Bargal SA, Lin Z, et al. Top-down neural attention by excitation backprop. Int J Comput Vis
       2018;126:1084-1102.
    """
    maps, masks = np.asarray(maps, dtype=float), np.asarray(masks, dtype=bool)
    same_length(maps=maps, masks=masks)
    if maps.shape != masks.shape:
        raise InputError(f"maps have shape {maps.shape}, masks {masks.shape}", allowed="the same")
    hits, chances = [], []
    for one, mask in zip(maps, masks, strict=True):
        if not mask.any():
            continue
        near = ndimage.binary_dilation(mask, np.ones((2 * tolerance + 1, 2 * tolerance + 1)))
        # a flat map points nowhere
        hits.append(bool(near.flat[int(np.argmax(one))]) and float(one.max()) > float(one.min()))
        chances.append(float(near.mean()))
    if not hits:
        raise InputError("no frame has the artefact", remedy="Give frames whose masks are not empty")
    found = evaluate.wilson_interval(int(np.sum(hits)), len(hits))
    more = {"chance": float(np.mean(chances)), "frames": len(hits)}
    return evaluate.Estimate(found.value, found.low, found.high, found.se, detail={**found.detail, **more})


def sanity(
    encoder: Encoder, frames: np.ndarray, output: str, method: str = "grad-cam", seeds: Sequence[int] = (0, 1, 2)
) -> float:
    """Mean rank correlation between the encoder's maps and those of the same network with random weights.

    Near 0: the map comes from what was learned. Near 1: it would look the same had nothing been learned (Adebayo et al. 2018).

    Parameters
    ----------
    encoder : Encoder
        A network.
    frames, output, method
        As in :func:`blues.explain.saliency`.
    seeds : sequence of int
        One network with random weights each.

    Returns
    -------
    float
        Spearman's, over frames and seeds; maps that are flat are left out, 0 if all are.
    """
    own = saliency(encoder, frames, output, method)
    correlations = []
    for seed in seeds:
        for a, b in zip(own, saliency(randomised(encoder, seed), frames, output, method), strict=True):
            if a.max() > a.min() and b.max() > b.min():
                correlations.append(float(stats.spearmanr(a.ravel(), b.ravel()).statistic))
    return float(np.mean(correlations)) if correlations else 0.0
