"""Clips on the workers of a Dask cluster; they keep what they finish in the cache that all of them share."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from blues.check import InputError
from blues.embed.store import Contents, Store
from blues.embed.work import Ready, Work, finish, light

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["finished"]


@dataclasses.dataclass(frozen=True)
class _Told:
    """What a worker says of a clip; its values lie in the cache."""

    key: str
    reason: str
    remembered: list[Any] | None


def finished(work: Work, names: Sequence[str], cluster: str | Client) -> Iterator[Ready]:
    """Yield the clips in order, finished by the workers of a cluster.

    Parameters
    ----------
    work : Work
        Its cohort's folder and cache lie under the same paths on every worker.
    names : sequence of str
    cluster : str or distributed.Client
        Address of the scheduler, or a client of it.

    Raises
    ------
    InputError
        When Dask is not installed, no scheduler answers, it has no worker, or a worker does not see the clips or the cache.
    """
    with _client(cluster) as client:
        if not client.nthreads():
            raise InputError(f"the cluster {_address(client)} has no worker", remedy=f"dask worker {_address(client)}")
        shared = client.scatter(_everywhere(work), broadcast=True, hash=False)
        futures = client.map(_on_worker, names, work=shared, pure=False)
        try:
            for name, future in zip(names, futures, strict=True):
                yield _taken(work, name, future.result())
                future.release()
        finally:
            client.cancel(futures)


def _everywhere(work: Work) -> Work:
    """Return the work with its folders in full: a worker was started somewhere else."""
    cohort = dataclasses.replace(work.cohort, folder=work.cohort.folder.resolve())
    store = Store(work.store.folder.resolve())
    return dataclasses.replace(work, cohort=cohort, store=store, contents=Contents(store.folder, cohort.folder))


def _on_worker(name: str, work: Work) -> _Told:
    """Finish one clip. Runs on a worker of the cluster, one thread a clip where the network is small."""
    if light(work.encoder):
        import torch

        torch.set_num_threads(1)
    ready = finish(work, name)
    return _Told(ready.key, ready.reason, work.contents.known.get(name))


def _taken(work: Work, name: str, told: _Told) -> Ready:
    """Return what a worker made of a clip, from the cache."""
    path = work.cohort.folder / name
    if told.reason:
        if told.reason.startswith("cannot be read") and path.is_file():
            raise InputError(
                f"a worker of the cluster does not see what is here: {told.reason}",
                file=path,
                remedy="Put the cohort where every worker has it under the same path",
            )
        return Ready(reason=told.reason)
    entry = work.store.has(told.key, work.encoder.dimensions)
    if entry is None:
        raise InputError(
            f"the cluster's workers do not keep their clips here, for {name} is not in the cache",
            file=work.store.folder,
            remedy="Name a cache that every worker has under the same path, with --cache or BLUES_CACHE",
        )
    if told.remembered is not None:
        work.contents.remember(name, told.remembered)
    return Ready(told.key, entry)


@contextlib.contextmanager
def _client(cluster: str | Client) -> Iterator[Client]:
    """Give the client, or one of the scheduler at this address that is closed afterwards."""
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "a cluster needs Dask, which is not installed", remedy="pip install 'blues-lus[cluster]'"
        ) from None
    if isinstance(cluster, Client):
        yield cluster
        return
    try:
        client = Client(cluster, timeout="5s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"no scheduler answers at {cluster}: {error}", allowed="such as tcp://HOST:8786") from None
    try:
        yield client
    finally:
        client.close()


def _address(client: Client) -> str:
    return str(client.scheduler.address) if client.scheduler is not None else "(none)"
