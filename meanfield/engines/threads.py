"""Work shared between threads so that the result has the same bits on any number.

Particles are cut into groups whose sizes depend on the number of all particles only.
Threads take groups in any order, each group writes its own slot, and slots are added in
order, those of other processes included (see `meanfield.engines.ensemble`).
BLAS is held at one thread, because its own splitting changes the rounding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from meanfield.engines.ensemble import block_size, current
from meanfield.errors import InvalidInputError
from meanfield.typing import Float64Array

__all__ = ["add_in_order", "cut", "single_threaded_blas", "sweep", "thread_count"]

# Enough for the cores of a large machine, few enough to be cheap to add up. Blocks
# bound the size of a group, for machines that are larger yet.
_ENOUGH_GROUPS = 64


def thread_count() -> int:
    """Number of threads that share the work: NUMBA_NUM_THREADS, or the usable cores."""
    configured = os.environ.get("NUMBA_NUM_THREADS")
    if configured:
        return int(configured)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cut(particles: int, least: int, unit: int = 1) -> list[slice]:
    """Groups of at least `least` of the particles at hand, in multiples of `unit`.

    The last group of a block is smaller.

    Raises
    ------
    InvalidInputError
        If the particles at hand are not whole blocks, or not the share of this process.
    """
    block = block_size(least)
    everything = current().count(particles)
    start = current().share(everything).start
    if start % block:
        raise InvalidInputError(
            f"shares of particles must begin at multiples of {block}, got {start}; "
            "take fewer data points or fewer processes"
        )
    size = max(least, -(-everything // _ENOUGH_GROUPS))
    size = min(block, -(-size // unit) * unit)
    return [
        slice(first, min(first + size, left + block, particles))
        for left in range(0, particles, block)
        for first in range(left, min(left + block, particles), size)
    ]


def add_in_order(parts: Float64Array) -> Float64Array:
    """Sum over the first axis, from first to last, of the groups of all particles."""
    return current().sum(parts)


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Threads of this process: a forked one inherits the pool but not its threads."""
    return ThreadPoolExecutor(thread_count(), thread_name_prefix="meanfield")


def sweep(work: Callable[[int, int], None], groups: int) -> None:
    """Call ``work(group, thread)`` for every group, on all threads, the caller's included."""
    remaining = iter(range(groups))

    def worker(thread: int) -> None:
        for group in remaining:
            work(group, thread)

    others = [
        _pool(os.getpid()).submit(worker, thread)
        for thread in range(1, min(thread_count(), groups))
    ]
    try:
        worker(0)
    finally:
        for done in others:
            done.result()


@cache
def _blas() -> Any:
    import scipy.linalg.blas  # noqa: F401  (numba's matrix products call this library)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def _from_any_thread(change: Callable[[], Any]) -> Any:
    """Change limits: threadpoolctl silently ignores all threads but the first that did so."""
    libraries = _blas().lib_controllers
    releases = [getattr(one, "clear_controlling_thread", None) for one in libraries]
    try:
        for release in filter(None, releases):
            release(force=True)
        return change()
    finally:
        for release in filter(None, releases):
            release(force=True)


class _Hold:
    """How many callers hold BLAS at one thread, and what restores it."""

    depth = 0
    limiter: Any = None
    lock = Lock()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Hold every BLAS library at one thread, for speed in tiles and equal bits.

    Nested holds cost nothing, so a loop that takes one saves its steps the switching.
    """
    with _Hold.lock:
        if _Hold.depth == 0:
            _Hold.limiter = _from_any_thread(lambda: _blas().limit(limits=1))
        _Hold.depth += 1
    try:
        yield
    finally:
        with _Hold.lock:
            _Hold.depth -= 1
            if _Hold.depth == 0:
                _from_any_thread(_Hold.limiter.restore_original_limits)
