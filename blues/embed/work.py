"""What is done with one clip: looked up, or decoded, prepared and encoded, and kept."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading

import numpy as np

from blues import video
from blues.check import InputError
from blues.cohort import Cohort
from blues.embed.record import STRANGE
from blues.embed.store import Contents, Entry, Store
from blues.encoders import Encoder
from blues.encoders.cards import tells_lung
from blues.provenance import text_hash

__all__ = ["Ready", "Work", "encode", "finish", "light", "prepare", "side_by_side"]

LAYOUT = "embedding 2"
"""Raised when the meaning of a cached file changes, or the way a network is run, and with it the last digits."""

FEW = 0.2
"""The share of a clip's frames that is told when they alone do not look like lung ultrasound."""

SMALL = 1_000_000
"""Parameters below which threads within a network would wait for one another longer than they compute."""

ONE = threading.Lock()
"""Held while an encoder runs that several threads of a process may not run at once."""


@dataclasses.dataclass(frozen=True)
class Work:
    """What the workers share.

    ``weights`` is the hash of the network's weights at the start of the run: an encoder's own ``hash`` may have been written
    by hand, or be from before the network was trained on.
    """

    cohort: Cohort
    encoder: Encoder
    store: Store
    contents: Contents
    weights: str | None = None

    def key(self, content: str) -> str:
        """Return the name under which a clip with this content hash is kept."""
        wanted = self.encoder.preprocessing
        look = [wanted.rate, wanted.most, wanted.geometry, list(wanted.size)]
        made_of = [self.encoder.hash, *([self.weights] if self.weights else [])]
        return text_hash(json.dumps([LAYOUT, content, *made_of, look, video.decoder_version()]))


@dataclasses.dataclass(frozen=True)
class Ready:
    """A clip after a worker: finished (``entry``), prepared (``frames``), or refused (``reason``)."""

    key: str = ""
    entry: Entry | None = None
    frames: np.ndarray | None = None
    total: int = 0
    problems: tuple[str, ...] = ()
    reason: str = ""


def light(encoder: Encoder) -> bool:
    """Tell whether clips side by side, a thread each, are possible and faster than several threads for one clip."""
    module = getattr(encoder, "module", None)
    if module is None or not side_by_side(encoder):
        return False
    parameters = list(module.parameters())
    return sum(p.numel() for p in parameters) < SMALL and all(p.device.type == "cpu" for p in parameters)


def side_by_side(encoder: Encoder) -> bool:
    """Tell whether several threads may run an encoder at once: of a function, or a class of one's own, nobody knows that."""
    if type(encoder) is not Encoder:
        return False
    if encoder.module is None:
        return (getattr(encoder.function, "__module__", "") or "").startswith("blues.")
    from blues.encoders import folding

    return folding.whole(encoder.module)


def finish(work: Work, name: str) -> Ready:
    """Look one clip up, or decode, prepare and encode it. Runs in a worker thread."""
    ready = prepare(work, name)
    if ready.frames is None:
        return ready
    with contextlib.nullcontext() if side_by_side(work.encoder) else ONE:
        return Ready(ready.key, encode(work, name, ready))


def prepare(work: Work, name: str) -> Ready:
    """Look one clip up, or decode and prepare it. Runs in a worker thread."""
    wanted = work.encoder.preprocessing
    path = work.cohort.folder / name
    try:
        key = work.key(work.contents.read(name))
        entry = work.store.has(key, work.encoder.dimensions)
        if entry is not None:
            return Ready(key, entry)
        clip = video.read(path, rate=wanted.rate, most=wanted.most)
        frames = video.prepare(clip.frames, wanted.geometry, wanted.size)
    except InputError as error:
        return Ready(reason=str(error).replace(f"{path}: ", "", 1))
    except OSError as error:
        return Ready(reason=f"cannot be read: {error.strerror}")
    except Exception as error:  # one odd file must not stop a cohort; the reason is kept
        return Ready(reason=f"{type(error).__name__}: {error}")
    return Ready(key, None, frames, clip.total, clip.problems)


def encode(work: Work, name: str, ready: Ready) -> Entry:
    """Run the encoder over one clip's frames and keep the result.

    One clip is one batch: a network's last digits depend on what shares a batch, and may not depend on the neighbours a
    clip happens to have, nor on where an earlier run was stopped.
    """
    frames, encoder = ready.frames, work.encoder
    assert frames is not None
    values = np.asarray(encoder.forward(frames))
    if values.shape != (len(frames), encoder.dimensions):
        raise InputError(
            f"encoder {encoder.name} gave values of shape {values.shape} for {len(frames)} frames of {name}",
            allowed=f"({len(frames)}, {encoder.dimensions})",
        )
    problems = (*ready.problems, *_doubts(encoder, values))
    entry = Entry(values.astype(np.float32, copy=False), ready.total, problems)
    work.store.put(ready.key, entry)
    return entry


def _doubts(encoder: Encoder, values: np.ndarray) -> tuple[str, ...]:
    """Return what is odd about a clip by the output ``lus`` of this package's network, the probability of lung ultrasound.

    Where the clip as a whole passes, a fifth of its frames that do not are told, such as titles before the picture.
    """
    if not tells_lung(encoder.card):
        return ()
    scores = values[:, encoder.feature_names.index("lus")]
    if (score := float(scores.mean())) < 0.5:
        return (f"{STRANGE} (score {score:.2f}, of 1)",)
    few = int((scores < 0.5).sum())
    told = f"{few} of {len(scores)} frames do not look like lung ultrasound (titles?), and count in the clip's values"
    return (told,) if few >= FEW * len(scores) and few else ()
