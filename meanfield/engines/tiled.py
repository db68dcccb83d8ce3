"""Many inputs or outputs: matrix products on tiles that fit in the cache."""

from __future__ import annotations

from threading import RLock
from typing import Any, ClassVar

import numpy as np

from meanfield.engines.engine import Covector
from meanfield.engines.threads import (
    add_in_order,
    cut,
    single_threaded_blas,
    sweep,
    thread_count,
)
from meanfield.kernels import many_outputs, tiles
from meanfield.kernels.compilation import read_only
from meanfield.kernels.memory import BYTE_KINDS
from meanfield.neurons import Neuron
from meanfield.typing import Array, Float64Array, FloatArray

__all__ = ["TiledEngine", "tile_shape"]

# What the first pass computes is kept for the second if it fits in this many bytes.
_MEMORY_BYTES = 2**30
# Rows of a product whose rounding is that of all larger ones.
_ROWS = 128


def tile_shape(points: int, inputs: int, itemsize: int) -> tuple[int, int]:
    """(particles, data points) of a tile: about 1 MiB, more where products are long.

    Examples
    --------
    >>> tile_shape(points=1000, inputs=40, itemsize=4)
    (256, 1000)
    """
    if inputs < 24:
        rows, limit = 128, 512
    elif inputs < 256:
        rows, limit = 256, 4096 // itemsize
    else:
        rows, limit = 512, 2048
    columns = -(-points // -(-points // limit))
    return rows * max(1, limit // columns), columns


class TiledEngine:
    """Products W Xᵀ by BLAS, one thread a call and our own threads over tiles.

    Parameters
    ----------
    neuron : Neuron
    inputs : (n, d) array
    dtype : numpy dtype
        float32 or float64.
    """

    name: ClassVar[str] = "tiled"

    def __init__(self, neuron: Neuron, inputs: Float64Array, dtype: Any) -> None:
        self.neuron = neuron
        self.dtype = np.dtype(dtype)
        self.load(inputs)
        self._lock = RLock()  # scratch and memory belong to one caller at a time
        typed = neuron.activation.typed
        bytes_suffice = neuron.outputs == 1 and isinstance(typed, BYTE_KINDS)
        self._kept_dtype = np.dtype(np.uint8) if bytes_suffice else self.dtype
        self._memory = np.empty(0, self._kept_dtype)
        self._columns = (neuron.outer_columns, int(neuron.bias))
        kernels: Any = tiles if neuron.outputs == 1 else many_outputs
        self._add_outputs = neuron.activation.compiled(kernels.add_outputs)
        self._write_gradients = neuron.activation.compiled(kernels.write_gradients)
        self._write_potentials = neuron.activation.compiled(kernels.write_potentials)

    def load(self, inputs: Array) -> None:
        """Take data (n, d) in the place of those at hand."""
        self.inputs = read_only(np.ascontiguousarray(inputs, dtype=self.dtype))
        self.shape = tile_shape(len(inputs), inputs.shape[1], self.dtype.itemsize)
        self._scratch: list[tuple[Array, Array]] = []

    def outputs(self, positions: FloatArray, masses: Float64Array) -> Float64Array:
        """Σ_i m_i Φ(x_j; θ_i) at every data point, shape (n, k)."""
        return self._outputs(positions, masses, np.empty(0, self._kept_dtype))

    def potentials(self, positions: FloatArray, covector: Float64Array) -> Float64Array:
        """Σ_j ⟨u_j, Φ(x_j; θ_i)⟩ for every particle, shape (N,)."""
        result = np.empty(len(positions))
        groups, where = self._groups(positions), read_only(positions)
        typed = np.ascontiguousarray(covector, self.dtype)

        def work(g: int, thread: int) -> None:
            group = groups[g]
            self._write_potentials(
                self.neuron.activation.typed, where[group], *self._columns,
                self.inputs, typed, *self.shape, self._scratch[thread][0], result[group],
            )  # fmt: skip

        with self._lock:
            self._sweep(work, len(groups))
        return result

    def gradients(
        self, positions: FloatArray, covector: Float64Array, gradients: FloatArray
    ) -> None:
        """Write ∇_θ Σ_j ⟨u_j, Φ(x_j; θ_i)⟩ into `gradients` (N, p).

        BLAS rounds products of few rows in other ways, so zeros complete the last of them.
        """
        nothing = np.empty(0, self._kept_dtype)
        whole = len(positions) // _ROWS * _ROWS
        with self._lock:
            if whole > 0:
                self._gradients(positions[:whole], covector, nothing, gradients[:whole])
            if whole < len(positions):
                last = np.zeros((2, _ROWS, positions.shape[1]), self.dtype)
                last[0, : len(positions) - whole] = positions[whole:]
                self._gradients(last[0], covector, nothing, last[1])
                gradients[whole:] = last[1, : len(positions) - whole]

    def velocity_pass(
        self,
        positions: FloatArray,
        masses: Float64Array,
        covector: Covector,
        gradients: FloatArray,
    ) -> Float64Array:
        """Outputs (n, k); gradients (N, p) are written."""
        with self._lock:
            size = len(positions) * len(self.inputs)
            if size * self._kept_dtype.itemsize > _MEMORY_BYTES:
                size = 0
            # Fresh memory costs more than the arithmetic that fills it.
            if len(self._memory) != size:
                self._memory = np.empty(size, self._kept_dtype)
            outputs = self._outputs(positions, masses, self._memory)
            self._gradients(positions, covector(outputs), self._memory, gradients)
            return outputs

    def _outputs(self, positions: FloatArray, masses: Float64Array, memory: Array) -> Float64Array:
        groups, where, weights = self._groups(positions), read_only(positions), read_only(masses)
        parts = np.zeros((len(groups), len(self.inputs), self.neuron.outputs))

        def work(g: int, thread: int) -> None:
            group = groups[g]
            self._add_outputs(
                self.neuron.activation.typed, where[group], weights[group], *self._columns,
                self.inputs, *self.shape, self._scratch[thread][0],
                self._part(memory, group), parts[g],
            )  # fmt: skip

        with self._lock:
            self._sweep(work, len(groups))
        return add_in_order(parts)

    def _gradients(
        self, positions: FloatArray, covector: Float64Array, memory: Array, gradients: FloatArray
    ) -> None:
        groups, where = self._groups(positions), read_only(positions)
        typed = np.ascontiguousarray(covector, self.dtype)
        taped = int(len(memory) > 0)

        def work(g: int, thread: int) -> None:
            group = groups[g]
            scratch, room = self._scratch[thread]
            self._write_gradients(
                self.neuron.activation.typed, where[group], *self._columns,
                self.inputs, typed, *self.shape, scratch,
                self._part(memory, group) if taped else room, taped, gradients[group],
            )  # fmt: skip

        self._sweep(work, len(groups))

    def _part(self, memory: Array, group: slice) -> Array:
        """The piece of the memory that belongs to a group of particles."""
        return memory[group.start * len(self.inputs) : group.stop * len(self.inputs)]

    def _groups(self, positions: FloatArray) -> list[slice]:
        return cut(len(positions), self.shape[0], self.shape[0])

    def _sweep(self, work: Any, groups: int) -> None:
        """Do the work of every group, each thread with scratch of its own."""
        cells = self.shape[0] * self.shape[1]
        while len(self._scratch) < min(thread_count(), groups):
            self._scratch.append(
                (np.empty(2 * cells, self.dtype), np.empty(cells, self._kept_dtype))
            )
        with single_threaded_blas():
            sweep(work, groups)
