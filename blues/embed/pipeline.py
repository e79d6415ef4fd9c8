"""Clips to embeddings: threads decode, prepare and, where the encoder is light, encode; a finished clip is kept at once."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from blues import encoders, video
from blues.check import InputError
from blues.cohort import Cohort
from blues.embed.record import QUARANTINE, STRANGE, TABLE, Embeddings
from blues.embed.store import Contents, Entry, Store
from blues.encoders import Encoder
from blues.provenance import cache_folder, text_hash

__all__ = ["embed"]

LAYOUT = "embedding 2"
"""Raised when the meaning of a cached file changes, or the way a network is run, and with it the last digits."""

SMALL = 1_000_000
"""Parameters below which threads within a network would wait for one another longer than they compute."""


@dataclasses.dataclass(frozen=True)
class _Work:
    """What the workers share."""

    cohort: Cohort
    encoder: Encoder
    store: Store
    contents: Contents

    def key(self, content: str) -> str:
        """Return the name under which a clip with this content hash is kept."""
        wanted = self.encoder.preprocessing
        look = [wanted.rate, wanted.most, wanted.geometry, list(wanted.size)]
        return text_hash(json.dumps([LAYOUT, content, self.encoder.hash, look, video.decoder_version()]))


@dataclasses.dataclass(frozen=True)
class _Ready:
    """A clip after a worker: finished (``entry``), prepared (``frames``), or refused (``reason``)."""

    key: str = ""
    entry: Entry | None = None
    frames: np.ndarray | None = None
    total: int = 0
    problems: tuple[str, ...] = ()
    reason: str = ""


def embed(
    cohort: Cohort,
    encoder: Encoder | str = "blues-lus",
    weights: Any = None,
    workers: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Embeddings:
    """Embed every clip of a cohort.

    Each clip is decoded, sampled and prepared as ``encoder.preprocessing`` says, and its frames are encoded. What is
    finished is kept in the cache at once: a run that was stopped, at whatever moment, goes on where it was, and a run
    that was finished is only looked up. The values do not depend on ``workers`` or the state of the cache.

    Parameters
    ----------
    cohort : Cohort
    encoder : Encoder or str, default "blues-lus"
        An encoder, or a name that :func:`blues.encoders.get` knows.
    weights : path or sequence of paths, optional
        For an encoder given by name.
    workers : int, optional
        Threads that decode; by default one a core, at most 8.
    cache : path-like, optional
        Where finished clips are kept; by default ``embeddings`` in the cache folder (``BLUES_CACHE``).
    progress : bool, default True
        Show clips a second and the time left on standard error, when that is a terminal.

    Returns
    -------
    Embeddings
        Clips that cannot be read are in its ``quarantine``, with the reason. Where the encoder tells lung ultrasound from
        other pictures (output ``lus``), ``problems`` in the table names the clips that do not look like it.

    Raises
    ------
    InputError
        When no clip at all can be read, the cohort has no clips, or the cache cannot be written.

    Notes
    -----
    One clip is one batch of the encoder, so a clip's values depend on that clip alone. A network of less
    than a million parameters runs in the threads that decode, each clip in one of them; any other encoder runs in the
    calling thread, a network with as many threads as ``torch.get_num_threads()`` says, which is left as it is. Memory does
    not grow with the number of clips.
    """
    if isinstance(encoder, str):
        encoder = encoders.get(encoder, weights=weights)
    elif weights is not None:
        raise InputError("weights are for an encoder given by name", remedy="Give the weights to encoders.get")
    if workers is not None and workers < 1:
        raise InputError(f"workers is {workers}", allowed="at least 1")
    if cohort.clips.empty:
        raise InputError(f"cohort {cohort.name} has no clips", file=cohort.folder)
    store = Store(Path(cache) if cache is not None else cache_folder() / "embeddings")
    work = _Work(cohort, encoder, store, Contents(store.folder, cohort.folder))
    names = cohort.clips["path"].tolist()
    hashes = [work.contents.remembered(name) for name in names]
    if all(hashes):
        keys = [work.key(str(content)) for content in hashes]
        found = store.run(keys, encoder.dimensions)
        if found is not None:
            return _assemble(work, range(len(keys)), found, {})
    return _compute(work, names, workers or _cores(), progress)


def _cores() -> int:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(count or 1, 8)


def _compute(work: _Work, names: Sequence[str], workers: int, progress: bool) -> Embeddings:
    keys: list[str] = []
    clips: list[dict[str, Any]] = []
    done: list[int] = []
    refused: dict[int, str] = {}
    shown = progress and sys.stderr.isatty()
    try:
        with tqdm(total=len(names), unit=" clips", desc=work.encoder.name, file=sys.stderr, disable=not shown) as bar:
            for i, ready in enumerate(_prepared(work, names, workers)):
                if ready.reason:
                    refused[i] = ready.reason
                else:
                    entry = ready.entry or _encode(work, names[i], ready)
                    keys.append(ready.key)
                    done.append(i)
                    clips.append(
                        {"frames": len(entry.values), "total": entry.total, "problems": "; ".join(entry.problems)}
                    )
                bar.update()
    finally:
        work.contents.save()
    if not done:
        raise InputError(
            f"none of the {len(names)} clips can be read; the first: {refused[0]}", file=work.cohort.folder
        )
    dimensions = work.encoder.dimensions
    found = work.store.run(keys, dimensions)
    if found is None:
        work.store.keep_run(keys, clips, dimensions)
        found = work.store.run(keys, dimensions)
    if found is None:
        raise InputError("the cache was changed while it was in use", file=work.store.folder, remedy="Run it again")
    return _assemble(work, done, found, refused)


def _prepared(work: _Work, names: Sequence[str], workers: int) -> Iterator[_Ready]:
    """Yield the clips in order, finished or ready for the encoder; a few ahead are under way, no more."""
    task = _finish if _light(work.encoder) else _prepare
    ahead: collections.deque[Future[_Ready]] = collections.deque()
    with _threads(work.encoder, workers) as pool:
        try:
            for name in names:
                ahead.append(pool.submit(task, work, name))
                if len(ahead) > 2 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _threads(encoder: Encoder, workers: int) -> Iterator[ThreadPoolExecutor]:
    """Give the threads that work on clips; a light network is not split over further threads within them."""
    if not _light(encoder):
        yield ThreadPoolExecutor(workers, thread_name_prefix="clips")
        return
    import torch

    before = torch.get_num_threads()
    try:
        yield ThreadPoolExecutor(workers, thread_name_prefix="clips", initializer=torch.set_num_threads, initargs=(1,))
    finally:
        torch.set_num_threads(before)  # the number is each thread's own, but new threads start with the last one set


def _light(encoder: Encoder) -> bool:
    """Tell whether clips side by side, a thread each, are faster than several threads for one clip: no large network.

    Functions run in the calling thread: that they may run side by side is not known.
    """
    module = getattr(encoder, "module", None)
    if module is None:
        return False
    parameters = list(module.parameters())
    return sum(p.numel() for p in parameters) < SMALL and all(p.device.type == "cpu" for p in parameters)


def _finish(work: _Work, name: str) -> _Ready:
    """Look one clip up, or decode, prepare and encode it. Runs in a worker thread."""
    ready = _prepare(work, name)
    return ready if ready.frames is None else _Ready(ready.key, _encode(work, name, ready))


def _prepare(work: _Work, name: str) -> _Ready:
    """Look one clip up, or decode and prepare it. Runs in a worker thread."""
    wanted = work.encoder.preprocessing
    path = work.cohort.folder / name
    try:
        key = work.key(work.contents.read(name))
        entry = work.store.has(key, work.encoder.dimensions)
        if entry is not None:
            return _Ready(key, entry)
        clip = video.read(path, rate=wanted.rate, most=wanted.most)
        frames = video.prepare(clip.frames, wanted.geometry, wanted.size)
    except InputError as error:
        return _Ready(reason=str(error).replace(f"{path}: ", "", 1))
    except OSError as error:
        return _Ready(reason=f"cannot be read: {error.strerror}")
    except Exception as error:  # one odd file must not stop a cohort; the reason is kept
        return _Ready(reason=f"{type(error).__name__}: {error}")
    return _Ready(key, None, frames, clip.total, clip.problems)


def _encode(work: _Work, name: str, ready: _Ready) -> Entry:
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
    """Return what is odd about a clip by the encoder's own output ``lus``, the probability of lung ultrasound."""
    if "lus" not in encoder.card.get("outputs", ()):
        return ()
    score = float(values[:, encoder.feature_names.index("lus")].mean())
    return () if score >= 0.5 else (f"{STRANGE} (score {score:.2f}, of 1)",)


def _assemble(
    work: _Work, done: Sequence[int], found: tuple[np.ndarray, list[dict[str, Any]]], refused: dict[int, str]
) -> Embeddings:
    values, clips = found
    encoder = work.encoder
    about = work.cohort.clips.reset_index(names="clip")
    table = pd.concat([about.iloc[list(done)].reset_index(drop=True), pd.DataFrame(clips)], axis=1)
    table["first"] = table["frames"].cumsum() - table["frames"]
    quarantine = about.iloc[list(refused)].assign(reason=list(refused.values())).reset_index(drop=True)
    facts = {
        **encoder.card,
        "name": encoder.name,
        "hash": encoder.hash,
        "preprocessing": encoder.preprocessing.as_dict(),
        "decoder": video.decoder_version(),
    }
    return Embeddings(table[list(TABLE)], values, tuple(encoder.feature_names), facts, quarantine[list(QUARANTINE)])
