"""Sums over neurons and data, in blocks, on all cores, with the same bits on any number.

Particles are cut into groups whose sizes depend on their number only. Threads take
groups in any order, each group writes its own slot, and slots are added in order.
BLAS is held at one thread, because its own splitting changes the rounding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock, RLock
from typing import Any, TypeAlias

import numpy as np

from meanfield.kernels.two_layer import tile_shape
from meanfield.neurons import Neuron
from meanfield.typing import Array, Float64Array, FloatArray

__all__ = [
    "Engine",
    "equal_groups",
    "new_tape",
    "single_threaded_blas",
    "sweep",
    "thread_count",
]

Tape: TypeAlias = tuple[Array, Array]

_MOST_GROUPS = 32
# Activations are kept between the two passes if they fit in this many bytes.
_TAPE_BYTES = 256 * 2**20


def thread_count() -> int:
    """Number of threads that share the work: NUMBA_NUM_THREADS, or the usable cores."""
    configured = os.environ.get("NUMBA_NUM_THREADS")
    if configured:
        return int(configured)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Threads of this process: a forked one inherits the pool but not its threads."""
    return ThreadPoolExecutor(thread_count(), thread_name_prefix="meanfield")


@cache
def _blas() -> Any:
    import scipy.linalg.blas  # noqa: F401  (numba's matrix products call this library)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


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
            _Hold.limiter = _blas().limit(limits=1)
        _Hold.depth += 1
    try:
        yield
    finally:
        with _Hold.lock:
            _Hold.depth -= 1
            if _Hold.depth == 0:
                _Hold.limiter.restore_original_limits()


def new_tape(size: int, dtype: Any, old: Tape | None = None) -> Tape:
    """Two arrays of `size` numbers; empty ones if that is over the budget.

    The old tape is kept if it has the right size: fresh memory costs more than the
    arithmetic that fills it.
    """
    if 2 * size * np.dtype(dtype).itemsize > _TAPE_BYTES:
        size = 0
    if old is not None and len(old[0]) == size:
        return old
    return np.empty(size, dtype), np.empty(size, dtype)


class Engine:
    """Sums over one neuron's particles and one set of data points.

    Buffers belong to the engine, so callers in several threads take turns.

    Parameters
    ----------
    neuron : Neuron
    inputs : (n, d) array
    dtype : numpy dtype
        float32 or float64: in which the particles are held and tiles computed; sums
        over particles are float64 in any case.
    """

    def __init__(self, neuron: Neuron, inputs: Float64Array, dtype: Any) -> None:
        ones = np.ones((len(inputs), int(neuron.bias)))
        self.neuron = neuron
        self.dtype = np.dtype(dtype)
        self.inputs = np.ascontiguousarray(np.hstack([inputs, ones]), dtype=self.dtype)
        self.rows, self.columns = tile_shape(len(inputs))
        self._scratch: list[Array] = []
        self._lock = RLock()  # scratch and tape belong to one caller at a time
        self._empty = new_tape(0, self.dtype)
        self._tape = self._empty

    def velocity_pass(
        self,
        positions: FloatArray,
        masses: Float64Array,
        covector: Callable[[Float64Array], Float64Array],
    ) -> tuple[Float64Array, FloatArray]:
        """Outputs (n, k), and the gradients (N, p) for the covector that they imply.

        Cheaper than `outputs` and `gradients` one after the other: activations stay
        on a tape between the passes where memory allows.
        """
        with self._lock:
            self._tape = new_tape(len(positions) * len(self.inputs), self.dtype, self._tape)
            outputs = self.outputs(positions, masses, self._tape)
            return outputs, self.gradients(positions, covector(outputs), self._tape)

    def outputs(
        self, positions: FloatArray, masses: Float64Array, tape: Tape | None = None
    ) -> Float64Array:
        """Σ_i m_i Φ(x_j; θ_i) at every data point, shape (n, k)."""
        neuron, activation = self.neuron, self.neuron.activation
        add_outputs: Callable[..., None] = activation.kernels.add_outputs
        groups = self._groups(len(positions))
        parts = np.zeros((len(groups), len(self.inputs), neuron.outputs))
        masses = masses.astype(self.dtype)

        def work(group: slice, scratch: Array) -> None:
            add_outputs(
                positions[group], masses[group], neuron.outer_columns, self.inputs,
                activation.code, activation.parameter_array,
                self.rows, self.columns, scratch, *self._part(tape, group),
                parts[groups.index(group)],
            )  # fmt: skip

        self._sweep(work, len(positions))
        total: Float64Array = parts[0]
        for part in parts[1:]:
            total += part
        return total

    def gradients(
        self, positions: FloatArray, covector: Float64Array, tape: Tape | None = None
    ) -> FloatArray:
        """∇_θ Σ_j ⟨u_j, Φ(x_j; θ_i)⟩ for every particle, shape (N, p).

        `covector` is u, shape (n, k).
        """
        result = np.empty_like(positions)
        kernel = self.neuron.activation.kernels.write_gradients

        def work(group: slice, scratch: Array) -> None:
            kernel(
                positions[group], *common,
                self.rows, self.columns, scratch, *self._part(tape, group), result[group],
            )  # fmt: skip

        common = self._common(covector)
        self._sweep(work, len(positions))
        return result

    def potentials(self, positions: FloatArray, covector: Float64Array) -> Float64Array:
        """Σ_j ⟨u_j, Φ(x_j; θ_i)⟩ for every particle, shape (N,)."""
        result = np.empty(len(positions))
        kernel = self.neuron.activation.kernels.write_potentials

        def work(group: slice, scratch: Array) -> None:
            kernel(positions[group], *common, self.rows, self.columns, scratch, result[group])

        common = self._common(covector)
        self._sweep(work, len(positions))
        return result

    def _common(self, covector: Float64Array) -> tuple[Any, ...]:
        """Arguments that the backward kernels share."""
        activation = self.neuron.activation
        typed = np.ascontiguousarray(covector, dtype=self.dtype)
        return (
            self.neuron.outer_columns,
            self.inputs,
            typed,
            activation.code,
            activation.parameter_array,
        )

    def _part(self, tape: Tape | None, group: slice) -> Tape:
        """The piece of a tape that belongs to a group of particles."""
        values, slopes = self._empty if tape is None else tape
        part = slice(group.start * len(self.inputs), group.stop * len(self.inputs))
        return values[part], slopes[part]

    def _groups(self, particles: int) -> list[slice]:
        return equal_groups(particles, self.rows)

    def _sweep(self, work: Callable[[slice, Array], None], particles: int) -> None:
        """Do the work of every group, each thread with a scratch buffer of its own."""
        with self._lock:
            size = 3 * self.rows * self.columns
            sweep(work, self._groups(particles), self._scratch, size, self.dtype)


def equal_groups(particles: int, rows: int) -> list[slice]:
    """Consecutive groups of whole tiles of `rows` particles, at most 32 of them."""
    tiles = -(-particles // rows)
    size = -(-tiles // min(tiles, _MOST_GROUPS)) * rows
    return [slice(first, first + size) for first in range(0, particles, size)]


def sweep(
    work: Callable[[slice, Array], None],
    groups: list[slice],
    scratch: list[Array],
    size: int,
    dtype: Any,
) -> None:
    """Do the work of every group, each thread with a scratch buffer of its own.

    Threads take groups in any order, so the work of a group may write to its own slots
    only. `scratch` keeps the buffers of `size` numbers for the next sweep.
    """
    threads = min(thread_count(), len(groups))
    with single_threaded_blas():
        while len(scratch) < threads:
            scratch.append(np.empty(size, dtype))
        if threads == 1:
            for group in groups:
                work(group, scratch[0])
            return
        remaining = iter(groups)

        def worker(buffer: Array) -> None:
            for group in remaining:
                work(group, buffer)

        pool = _pool(os.getpid())
        for done in [pool.submit(worker, scratch[t]) for t in range(threads)]:
            done.result()
