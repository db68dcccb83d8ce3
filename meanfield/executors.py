"""Who does the tasks of a study: processes of this machine, or workers of Dask."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

from meanfield.engines.threads import thread_count
from meanfield.errors import InvalidInputError, MeanfieldError
from meanfield.study_folder import run_task

__all__ = ["Report", "check_scheduler", "on_dask", "on_processes", "share_cores"]

# Seconds after which a scheduler that does not answer is given up.
_PATIENCE = 5.0
_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Report:
    """How a task ended.

    Attributes
    ----------
    number : int
    seconds : float
        That it took.
    problem : str
        Empty, or why its result is not on disk.
    """

    number: int
    seconds: float
    problem: str = ""


def share_cores(tasks: int, cores: int, most: int | None = None) -> tuple[int, int]:
    """Processes, and threads of each, that do not exceed the cores together.

    Many tasks run in processes of one thread, which never wait for each other; few tasks
    get several threads each.

    Parameters
    ----------
    tasks, cores : int
    most : int, optional
        Processes that the user allows.

    Examples
    --------
    >>> share_cores(tasks=40, cores=8), share_cores(tasks=3, cores=8), share_cores(40, 8, most=2)
    ((8, 1), (3, 2), (2, 4))
    """
    processes = max(1, min(tasks, cores if most is None else most))
    return processes, max(1, cores // processes)


def on_processes(
    folder: Path, numbers: Sequence[int], processes: int, threads: int
) -> Iterator[Report]:
    """Do tasks in processes of this machine, and report each as it ends.

    A process that dies takes its task with it; another one goes on with the rest.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    reports: SimpleQueue[Report] = SimpleQueue()
    for number in numbers:
        waiting.put(number)
    posts = [_Post(folder, threads, waiting, reports) for _ in range(processes)]
    try:
        for post in posts:
            post.start()
        for _ in numbers:
            yield reports.get()
    finally:
        for post in posts:
            post.close()


class _Post(Thread):
    """A thread that hands tasks to a process, and replaces a process that died."""

    def __init__(
        self,
        folder: Path,
        threads: int,
        waiting: SimpleQueue[int],
        reports: SimpleQueue[Report],
    ) -> None:
        super().__init__(daemon=True)
        self._folder, self._threads = folder, threads
        self._waiting, self._reports = waiting, reports
        self._process = self._launched()
        self._closed, self._replacing = False, Lock()

    def _launched(self) -> subprocess.Popen[str]:
        """A worker that imports from where this process does."""
        count = str(self._threads)
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "meanfield.worker", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                **dict.fromkeys((*_LIBRARIES, "NUMBA_NUM_THREADS"), count),
                "PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path),
            },
        )

    def run(self) -> None:
        """Work until nothing waits."""
        while not self._closed:
            try:
                number = self._waiting.get_nowait()
            except Empty:
                return
            try:
                self._reports.put(self._done(number))
            except (OSError, ValueError) as error:
                self._reports.put(Report(number, 0.0, f"no process could be asked: {error}"))

    def _done(self, number: int) -> Report:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{number}\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if answer:
            return Report(**json.loads(answer))
        status = self._process.wait()
        with self._replacing:
            if not self._closed:
                self._release()
                self._process = self._launched()
        ending = f"signal {-status}" if status < 0 else f"status {status}"
        return Report(number, 0.0, f"its process was ended by {ending}, perhaps for lack of memory")

    def close(self) -> None:
        """End the process, whatever it is doing."""
        with self._replacing:
            self._closed = True
            self._process.kill()
        self._process.wait()
        if self.ident is not None:
            self.join()
        self._release()

    def _release(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def on_dask(folder: Path, numbers: Sequence[int], cluster: Any) -> Iterator[Report]:
    """Do tasks on the workers of a Dask scheduler, and report each as it ends.

    Parameters
    ----------
    folder : Path
        Of the study, on a disk that all workers share.
    numbers : sequence of int
    cluster : str or distributed.Client
        ``"local"`` starts a cluster on this machine, ``"tcp://host:port"`` is the address
        of a scheduler.

    Raises
    ------
    InvalidInputError
        If Dask is not installed.
    MeanfieldError
        If no scheduler answers.
    """
    with _client(cluster, len(numbers)) as client:
        as_completed = import_module("distributed").as_completed
        futures = {
            client.submit(
                _run_on_worker, str(folder.absolute()), number, pure=False, priority=-order
            ): number
            for order, number in enumerate(numbers)
        }
        try:
            for future in as_completed(futures):
                yield _report(future, futures[future])
        finally:
            with suppress(Exception):  # a scheduler that is gone cancels nothing
                client.cancel(list(futures))


def check_scheduler(address: str) -> None:
    """Raise, as `on_dask`, unless a scheduler of Dask answers at an address."""
    with _client(address, 1):
        pass


def _report(future: Any, number: int) -> Report:
    try:
        return Report(**future.result())
    except Exception as error:  # of Dask itself: a task has none of its own
        return Report(number, 0.0, f"{type(error).__name__}: {error}")


def _run_on_worker(folder: str, number: int) -> dict[str, Any]:
    """A task in a worker of Dask, on as many threads as that has."""
    worker = import_module("distributed").get_worker()
    os.environ.setdefault("NUMBA_NUM_THREADS", str(worker.state.nthreads))
    return run_task(folder, number)


@contextmanager
def _client(cluster: Any, tasks: int) -> Iterator[Any]:
    """A client of the cluster; what is started here ends with it."""
    try:
        distributed = import_module("distributed")
    except ImportError:
        raise InvalidInputError(
            'a cluster needs Dask: pip install "meanfield-flow[dask]", or leave out the cluster'
        ) from None
    if isinstance(cluster, distributed.Client):
        yield cluster
    elif cluster == "local":
        with _local_cluster(distributed, tasks) as here, distributed.Client(here) as client:
            yield client
    else:
        with _connected(distributed, str(cluster)) as client:
            yield client


def _local_cluster(distributed: Any, tasks: int) -> Any:
    processes, threads = share_cores(tasks, thread_count())
    return distributed.LocalCluster(
        n_workers=processes,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        env=dict.fromkeys((*_LIBRARIES, "NUMBA_NUM_THREADS"), str(threads)),
    )


def _connected(distributed: Any, address: str) -> Any:
    try:
        return distributed.Client(address, timeout=_PATIENCE)
    except ValueError:
        raise InvalidInputError(
            f"the cluster must be 'local' or the address of a Dask scheduler such as "
            f"tcp://host:8786, got {address!r}"
        ) from None
    except (OSError, TimeoutError):
        raise MeanfieldError(
            f"no Dask scheduler answers at {address}; start one with 'dask scheduler' there and "
            "'dask worker' where work is to be done, or use 'local'"
        ) from None
