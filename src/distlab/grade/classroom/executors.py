"""Where gradings are carried out: threads here, Dask or Ray. Each is a ``concurrent.futures.Executor``.

Threads are right on one machine: a grading is a child process anyway, and the thread only waits for it. Dask and Ray
are imported when they are asked for, and not before (``pip install 'distlab[dask]'``).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from distlab.core.errors import DistlabError
from distlab.grade.classroom.work import stop_all

NAMES = ("local", "dask", "ray")


class NotInstalled(DistlabError):
    """The executor that is asked for is not there; the text says how it comes."""


@contextlib.contextmanager
def open_executor(name: str, jobs: int = 0, address: str = "") -> Iterator[Executor]:
    """An executor, and nothing of it left behind. ``jobs``: gradings at a time, 0 for one per processor.

    ``address`` is that of a Dask scheduler or a Ray cluster which runs already; without it they run on this machine.
    Raises :class:`NotInstalled`.
    """
    count = jobs or os.cpu_count() or 1
    opened = {"local": _local, "dask": _dask, "ray": _ray}[name]
    with opened(count, address) as executor:
        yield executor


@contextlib.contextmanager
def _local(jobs: int, address: str) -> Iterator[Executor]:
    executor = ThreadPoolExecutor(jobs)
    try:
        yield executor
    except BaseException:
        stop_all()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _dask(jobs: int, address: str) -> Iterator[Executor]:
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise _not_installed("dask", error) from None
    with contextlib.ExitStack() as stack:
        if not address:
            # A worker is a process of its own: one that is killed takes its gradings with it, and no others.
            cluster = LocalCluster(
                n_workers=jobs, threads_per_worker=1, processes=True, dashboard_address=None,
                silence_logs=50,
            )  # fmt: skip
            address = stack.enter_context(cluster)
        client = stack.enter_context(Client(address))
        yield client.get_executor(pure=False, retries=1)


@contextlib.contextmanager
def _ray(jobs: int, address: str) -> Iterator[Executor]:
    try:
        import ray
    except ImportError as error:
        raise _not_installed("ray", error) from None
    where: dict[str, Any] = {"address": address} if address else {"num_cpus": jobs}
    ray.init(**where, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    try:
        yield _RayExecutor(ray)
    finally:
        ray.shutdown()


class _RayExecutor(Executor):
    """Ray's tasks as futures."""

    def __init__(self, ray: Any) -> None:
        self._remote = ray.remote

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        task = self._remote(num_cpus=1, max_retries=1)(fn)
        future: Future[Any] = task.remote(*args, **kwargs).future()
        return future


def _not_installed(name: str, error: ImportError) -> NotInstalled:
    return NotInstalled(
        f"{name} is not installed here ({error.name}): pip install 'distlab[{name}]', or leave out --executor"
    )
