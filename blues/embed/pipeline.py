"""Clips to embeddings: threads decode, prepare and, where the encoder is light, encode; a finished clip is kept at once."""

from __future__ import annotations

import collections
import contextlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from blues import encoders, video
from blues.check import InputError, followed
from blues.cohort import Cohort
from blues.embed.record import QUARANTINE, TABLE, Embeddings
from blues.embed.store import Contents, Store
from blues.embed.work import Ready, Work, encode, finish, light, prepare
from blues.encoders import Encoder
from blues.provenance import cache_folder

__all__ = ["embed"]


def embed(
    cohort: Cohort,
    encoder: Encoder | str | os.PathLike[str] = "blues-lus",
    weights: Any = None,
    workers: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = True,
    cluster: Any = None,
) -> Embeddings:
    """Embed every clip of a cohort.

    Each clip is decoded, sampled and prepared as ``encoder.preprocessing`` says, and its frames are encoded. What is
    finished is kept in the cache at once: a run that was stopped, at whatever moment, goes on where it was, and a run
    that was finished is only looked up. The values do not depend on ``workers`` or the state of the cache.

    Parameters
    ----------
    cohort : Cohort
    encoder : Encoder, str or path, default "blues-lus"
        An encoder, or a name or weight file that :func:`blues.encoders.get` knows.
    weights : path or sequence of paths, optional
        For an encoder given by name.
    workers : int, optional
        Threads that decode; by default one a core, at most 8.
    cache : path-like, optional
        Where finished clips are kept; by default ``embeddings`` in the cache folder (``BLUES_CACHE``).
    progress : bool, default True
        Show clips a second and the time left on standard error, when that is a terminal.
    cluster : str or distributed.Client, optional
        A Dask cluster that does the work: the address of its scheduler, or a client. The cohort's folder and the cache lie
        under the same paths on every worker; ``workers`` is not looked at.

    Returns
    -------
    Embeddings
        Clips that cannot be read are in its ``quarantine``, with the reason. Where the encoder tells lung ultrasound from
        other pictures (output ``lus``), ``problems`` in the table names the clips that do not look like it.

    Raises
    ------
    InputError
        When ``encoder`` is neither, no clip at all can be read, the cohort has no clips, the cache cannot be written, or the
        cluster cannot be used.

    Notes
    -----
    One clip is one batch of the encoder, so a clip's values depend on that clip alone. A network of less
    than a million parameters runs in the threads that decode, each clip in one of them, where all its layers are torch's or
    this package's and have no hooks; any other encoder runs in the
    calling thread, a network with as many threads as ``torch.get_num_threads()`` says, which is left as it is. Memory does
    not grow with the number of clips.
    """
    encoder = _encoder(encoder, weights)
    if workers is not None and workers < 1:
        raise InputError(f"workers is {workers}", allowed="at least 1")
    if cohort.clips.empty:
        raise InputError(f"cohort {cohort.name} has no clips", file=cohort.folder)
    store = Store(Path(cache) if cache is not None else cache_folder() / "embeddings")
    made_of = encoder.weights() if isinstance(encoder, Encoder) else None
    work = Work(cohort, encoder, store, Contents(store.folder, cohort.folder), made_of)
    names = cohort.clips["path"].tolist()
    hashes = [work.contents.remembered(name) for name in names]
    if all(hashes):
        keys = [work.key(str(content)) for content in hashes]
        found = store.run(keys, encoder.dimensions)
        if found is not None:
            return _assemble(work, range(len(keys)), found, {})
    if cluster is None:
        return _compute(work, names, _prepared(work, names, workers or _cores()), progress)
    from blues.embed.cluster import finished

    return _compute(work, names, finished(work, names, cluster), progress)


def _encoder(encoder: Any, weights: Any) -> Encoder:
    """Return the encoder that is meant."""
    if isinstance(encoder, str | os.PathLike):
        return encoders.get(os.fspath(encoder), weights=weights)
    if weights is not None:
        raise InputError("weights are for an encoder given by name", remedy="Give the weights to encoders.get")
    if not hasattr(encoder, "preprocessing"):
        raise InputError(
            f"encoder is a {type(encoder).__name__}",
            allowed="an Encoder, or the name or weight file of one",
            remedy="Wrap a network: blues.encoders.Encoder(name, architecture, feature_names, preprocessing, card, module=...)",
        )
    return cast("Encoder", encoder)


def _cores() -> int:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(count or 1, 8)


def _compute(work: Work, names: Sequence[str], finished: Iterator[Ready], progress: bool) -> Embeddings:
    """Collect the clips as they come, in order; what is not encoded yet is encoded here."""
    keys: list[str] = []
    clips: list[dict[str, Any]] = []
    done: list[int] = []
    refused: dict[int, str] = {}
    try:
        for i, ready in enumerate(
            followed(finished, len(names), work.encoder.name, unit="clips", shown=progress, leave=True)
        ):
            if ready.reason:
                refused[i] = ready.reason
            else:
                entry = ready.entry or encode(work, names[i], ready)
                keys.append(ready.key)
                done.append(i)
                clips.append({"frames": len(entry.values), "total": entry.total, "problems": "; ".join(entry.problems)})
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


def _prepared(work: Work, names: Sequence[str], workers: int) -> Iterator[Ready]:
    """Yield the clips in order, finished or ready for the encoder; a few ahead are under way, no more."""
    task = finish if light(work.encoder) else prepare
    ahead: collections.deque[Future[Ready]] = collections.deque()
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
    if not light(encoder):
        yield ThreadPoolExecutor(workers, thread_name_prefix="clips")
        return
    import torch

    before = torch.get_num_threads()
    try:
        yield ThreadPoolExecutor(workers, thread_name_prefix="clips", initializer=torch.set_num_threads, initargs=(1,))
    finally:
        torch.set_num_threads(before)  # the number is each thread's own, but new threads start with the last one set


def _assemble(
    work: Work, done: Sequence[int], found: tuple[np.ndarray, list[dict[str, Any]]], refused: dict[int, str]
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
        **({"weights": work.weights} if work.weights else {}),
        "preprocessing": encoder.preprocessing.as_dict(),
        "decoder": video.decoder_version(),
    }
    lost, names = quarantine[list(QUARANTINE)], tuple(encoder.feature_names)
    return Embeddings(table[list(TABLE)], values, names, facts, lost, work.cohort.name)
