"""One input, one output and a piecewise linear activation: exact in O(N + n)."""

from __future__ import annotations

from threading import RLock
from typing import Any, ClassVar

import numpy as np

from meanfield.engines.direct import DirectEngine
from meanfield.engines.engine import Covector
from meanfield.engines.ensemble import current
from meanfield.engines.threads import add_in_order, cut, sweep
from meanfield.kernels import sorted_data
from meanfield.kernels.compilation import read_only
from meanfield.neurons import Neuron
from meanfield.typing import Array, Float64Array, FloatArray

__all__ = ["SortedEngine"]

# Particles whose work takes longer than to wake a thread; at least as many as there are
# bins to clear.
_LEAST = 24576
# With fewer points, neighbouring particles often meet in one bin.
_CROWDED = 1000
# Cells of the table that finds a particle's place among the data; 256 KiB.
_MOST_CELLS = 65536
# Never more cells than numbers that float32 counts without rounding.
_COUNTABLE = 2**23
# Data in a narrower interval share one cell, as the width of a cell would underflow.
_NARROWEST = 1e-30
# With two knots or more, lines leave rounding errors of their height behind when they
# end; beyond this height, by bytes of a number, sums are formed directly.
_HIGHEST = {4: 1e2, 8: 1e3}


class SortedEngine:
    """Data sorted once, particles in bins between them, sums over bins.

    Parameters
    ----------
    neuron : Neuron
        With one input, one output and an activation that has a `spline`.
    inputs : (n, 1) array
    dtype : numpy dtype
        float32 or float64; sums are float64.
    """

    name: ClassVar[str] = "sorted"

    def __init__(self, neuron: Neuron, inputs: Float64Array, dtype: Any) -> None:
        spline = neuron.activation.spline
        assert spline is not None
        self.neuron = neuron
        self._columns = (neuron.outer_columns, int(neuron.bias))
        self._knots = spline.knots.astype(dtype)
        self._spline = (self._knots, spline.jumps, spline.constant, float(spline.slopes[0]))
        self._bins = np.empty((len(self._knots), 0), np.int32)
        self._lock = RLock()
        self._direct = DirectEngine(neuron, inputs, dtype)
        self.dtype = np.dtype(dtype)
        self.load(inputs)

    def load(self, inputs: Array) -> None:
        """Take data (n, 1) in the place of those at hand."""
        typed = inputs[:, 0].astype(self.dtype)
        self.points, self._place = np.unique(typed, return_inverse=True)
        self._table = _cells(self.points)
        self._reach = max(1.0, float(np.abs(self.points).max()))
        self._direct.load(inputs)

    def outputs(self, positions: FloatArray, masses: Float64Array) -> Float64Array:
        """Σ_i m_i Φ(x_j; θ_i) at every data point, shape (n, 1)."""
        if self._rises_too_high(positions):
            return self._direct.outputs(positions, masses)
        with self._lock:
            groups, weights = self._groups(positions), read_only(masses)
            where = read_only(positions)
            bins = self._room(len(positions))
            copies = 2 if len(self.points) < _CROWDED else 1
            lines = np.zeros((len(groups), copies, 2 * (len(self.points) + 1), 2))
            totals = np.zeros((len(groups), 2))

            def work(g: int, thread: int) -> None:
                group = groups[g]
                part = where[group]
                self._find(part, bins[:, group])
                sorted_data.add_lines(
                    part, weights[group], *self._columns, *self._spline,
                    bins[:, group], lines[g], totals[g],
                )  # fmt: skip

            sweep(work, len(groups))
            outputs = np.empty(len(self.points))
            collected = add_in_order(lines.reshape(-1, *lines.shape[2:]))
            sorted_data.accumulate(collected, add_in_order(totals), self.points, outputs)
            return outputs[self._place][:, None]

    def potentials(self, positions: FloatArray, covector: Float64Array) -> Float64Array:
        """Σ_j u_j Φ(x_j; θ_i) for every particle, shape (N,)."""
        if self._rises_too_high(positions):
            return self._direct.potentials(positions, covector)
        with self._lock:
            groups, bins = self._groups(positions), self._room(len(positions))
            where = read_only(positions)
            table, sums = self._tabulate(covector)
            result = np.empty(len(positions))

            def work(g: int, thread: int) -> None:
                group = groups[g]
                self._find(where[group], bins[:, group])
                sorted_data.write_potentials(
                    where[group], *self._columns, *self._spline,
                    bins[:, group], table, sums, result[group],
                )  # fmt: skip

            sweep(work, len(groups))
            return result

    def gradients(
        self, positions: FloatArray, covector: Float64Array, gradients: FloatArray
    ) -> None:
        """Write ∇_θ Σ_j u_j Φ(x_j; θ_i) into `gradients` (N, p)."""
        if self._rises_too_high(positions):
            self._direct.gradients(positions, covector, gradients)
            return
        with self._lock:
            bins, where = self._room(len(positions)), read_only(positions)
            for group in self._groups(positions):
                self._find(where[group], bins[:, group])
            self._gradients(positions, covector, gradients)

    def velocity_pass(
        self,
        positions: FloatArray,
        masses: Float64Array,
        covector: Covector,
        gradients: FloatArray,
    ) -> Float64Array:
        """Outputs (n, 1); gradients (N, p) are written from the same bins."""
        if self._rises_too_high(positions):
            return self._direct.velocity_pass(positions, masses, covector, gradients)
        with self._lock:
            outputs = self.outputs(positions, masses)
            self._gradients(positions, covector(outputs), gradients)
            return outputs

    def _gradients(
        self, positions: FloatArray, covector: Float64Array, gradients: FloatArray
    ) -> None:
        """Write gradients of particles whose bins are known."""
        groups, bins = self._groups(positions), self._room(len(positions))
        where = read_only(positions)
        table, sums = self._tabulate(covector)
        table = table.astype(positions.dtype)

        def work(g: int, thread: int) -> None:
            group = groups[g]
            sorted_data.write_gradients(
                where[group], *self._columns, *self._spline,
                bins[:, group], table, sums, gradients[group],
            )  # fmt: skip

        sweep(work, len(groups))

    def _rises_too_high(self, positions: FloatArray) -> bool:
        if len(self._knots) == 1:
            return False
        height = self._reach * _largest(positions[:, self._columns[0]])
        if self.neuron.bias:
            height += _largest(positions[:, -1])
        return current().largest(height) > _HIGHEST[self.dtype.itemsize]

    def _groups(self, positions: FloatArray) -> list[slice]:
        return cut(len(positions), max(_LEAST, len(self.points)))

    def _room(self, particles: int) -> Array:
        if self._bins.shape[1] != particles:
            self._bins = np.empty((len(self._knots), particles), np.int32)
        return self._bins

    def _find(self, positions: FloatArray, bins: Array) -> None:
        sorted_data.find_bins(positions, *self._columns, self._knots, *self._table, bins)

    def _tabulate(self, covector: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Sums over the active points of every bin, and over all points."""
        collected = np.bincount(self._place.ravel(), covector[:, 0], len(self.points))
        table = np.empty((2 * (len(self.points) + 1), 2))
        sorted_data.tabulate(collected, self.points, table)
        return table, table[0].copy()


def _largest(column: Array) -> float:
    """Largest absolute value, without a copy of the column; it may be NaN."""
    return max(float(column.max()), -float(column.min()))


def _cells(points: Array) -> tuple[Array, Any, Any, Array, int]:
    """Arguments of `find_bins` that depend on the data: a table of equal cells.

    Cells are made narrower until each holds one point, as long as the table stays in
    the cache; the search inside a cell takes log2(points in it) steps.
    """
    number = points.dtype.type
    start, width = points[0], float(points[-1]) - float(points[0])
    even = _NARROWEST < width <= float(np.finfo(points.dtype).max)
    count = min(8 * len(points), _COUNTABLE)
    while True:
        scale = number((count - 1) / width) if even else number(0.0)
        cell = np.zeros(len(points), np.int64)
        if even:
            cell = np.minimum(((points - start) * scale).astype(np.int64), count - 1)
        most = int(np.bincount(cell).max())
        if most == 1 or 2 * count > _MOST_CELLS:
            break
        count *= 2
    before = np.searchsorted(cell, np.arange(count)).astype(np.int32)
    steps = most.bit_length()
    padding = np.full(1 << steps, np.inf, points.dtype)
    return np.concatenate([points, padding]), start, scale, before, steps
