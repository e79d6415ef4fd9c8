"""Clips: a scene as the patient breathes."""

from __future__ import annotations

import numpy as np

from blues.check import InputError
from blues.simulate.render import Frames, frames
from blues.simulate.scene import Scene, stack

__all__ = ["breathe", "clip"]


def breathe(
    scene: Scene, times: np.ndarray, rng: np.random.Generator, slide: float | None = None, period: float | None = None
) -> Scene:
    """Return a batch with one scene an instant, (t,): the lung slides along the chest wall and the pleura heaves.

    B-lines, comet tails, breaks and lesions move with the lung, ribs and layers stay; the organ's edge moves twice as far.

    Parameters
    ----------
    scene : Scene
        A single scene.
    times : array (t,)
        Seconds.
    rng : numpy.random.Generator
        Phase, and whatever of the next two is not given.
    slide : float, optional
        Amplitude of lung sliding, cm; 0 is an absent sliding.
    period : float, optional
        Seconds a breath takes.

    Returns
    -------
    Scene
        A batch of t.
    """
    slide = float(rng.uniform(0.05, 0.7)) if slide is None else slide
    period = float(rng.uniform(2.2, 5.0)) if period is None else period
    n = len(times)
    batch = stack([scene] * n)
    phase = 2 * np.pi * (np.asarray(times) / period + rng.random())
    move = slide * np.sin(phase)
    heave = 0.04 * slide * np.cos(phase) + np.cumsum(rng.normal(0, 0.004, n))
    tremor = np.cumsum(rng.normal(0, 0.0002, (n, 2)), 0)
    flicker = rng.normal(0, 0.8, batch.b_db.shape)
    field = np.where(
        batch.linear > 0.5,
        batch.width,
        2 * (batch.radius + batch.pleura_depth) * np.sin(np.deg2rad(batch.opening) / 2),
    )
    texture = batch.texture.copy()
    texture += tremor[:, None]
    for slot in (1, 3, 5, 6):
        texture[:, slot, 1] -= move / field / 2
    along = {k: getattr(batch, k) + move[:, None] for k in ("b_at", "comet_at", "break_at", "consolidation_at")}
    return batch.replace(
        **along,
        b_db=batch.b_db + flicker,
        organ_edge=batch.organ_edge + 2 * move,
        pleura_depth=np.maximum(batch.pleura_depth + heave, 0.5),
        texture=np.abs(texture) % 1.0,
    )


def clip(
    scene: Scene,
    seconds: float = 3.0,
    fps: float = 25.0,
    rng: np.random.Generator | None = None,
    size: tuple[int, int] = (350, 350),
    geometry: str = "cartesian",
    masks: bool = False,
    slide: float | None = None,
) -> Frames:
    """Draw a clip of one scene, with the truth of every frame.

    Parameters
    ----------
    scene : Scene
        From :func:`draw_scene`.
    seconds, fps : float
        Length and frame rate; at least one frame is drawn.
    rng : numpy.random.Generator
        Breathing and noise.
    size, geometry, masks
        As for :func:`frames`.
    slide : float, optional
        Amplitude of lung sliding, cm; drawn from 0.05 to 0.7 if not given.

    Returns
    -------
    Frames
        ``images`` (t, h, w); write them with :func:`blues.video.write`.

    Examples
    --------
    >>> import numpy as np
    >>> from blues import simulate
    >>> rng = np.random.default_rng(0)
    >>> simulate.clip(simulate.draw_scene(rng, severity=3), 0.4, 20, rng, (96, 96)).images.shape
    (8, 96, 96)
    """
    if scene.batch is not None:
        raise InputError("a clip shows one scene, and this is a batch", remedy="Take one: scene[0]")
    if not (seconds > 0 and fps > 0):
        raise InputError(f"seconds is {seconds} and fps is {fps}", allowed="both above 0")
    rng = np.random.default_rng(0) if rng is None else rng
    times = np.arange(max(1, round(seconds * fps))) / fps
    return frames(breathe(scene, times, rng, slide), rng, size, geometry, masks)
