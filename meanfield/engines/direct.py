"""Few inputs and one output: everything in registers, nothing stored."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from meanfield.engines.engine import Covector
from meanfield.engines.ensemble import BLOCK
from meanfield.engines.threads import add_in_order, cut, sweep
from meanfield.kernels import direct
from meanfield.kernels.compilation import read_only
from meanfield.neurons import Neuron
from meanfield.typing import Array, Float64Array, FloatArray

__all__ = ["DirectEngine"]

# Pairs of particle and data point that make a group worth a call.
_PAIRS = 2**19
_BLOCK = 512


class DirectEngine:
    """SIMD loops over data with the inner products formed anew in each pass.

    Parameters
    ----------
    neuron : Neuron
        With one output.
    inputs : (n, d) array
    dtype : numpy dtype
        float32 or float64.
    """

    name: ClassVar[str] = "direct"

    def __init__(self, neuron: Neuron, inputs: Float64Array, dtype: Any) -> None:
        self.neuron = neuron
        self.dtype = np.dtype(dtype)
        self.load(inputs)
        compiled, self._typed = neuron.activation.compiled, neuron.activation.typed
        self._columns = (neuron.outer_columns, int(neuron.bias))
        self._add_outputs = compiled(direct.add_outputs)
        self._write_gradients = compiled(direct.write_gradients)
        self._write_potentials = compiled(direct.write_potentials)

    def load(self, inputs: Array) -> None:
        """Take data (n, d) in the place of those at hand."""
        self.points = tuple(read_only(np.ascontiguousarray(inputs.T, dtype=self.dtype)))
        self._least = max(_BLOCK, min(BLOCK, _PAIRS // len(inputs)))

    def outputs(self, positions: FloatArray, masses: Float64Array) -> Float64Array:
        """Σ_i m_i Φ(x_j; θ_i) at every data point, shape (n, 1)."""
        groups = cut(len(positions), self._least, _BLOCK)
        parts = np.zeros((len(groups), len(self.points[0])))
        where, weights = read_only(positions), read_only(masses)

        def work(g: int, thread: int) -> None:
            group = groups[g]
            self._add_outputs(
                self._typed, where[group], weights[group], *self._columns, self.points, parts[g]
            )

        sweep(work, len(groups))
        return add_in_order(parts)[:, None]

    def gradients(
        self, positions: FloatArray, covector: Float64Array, gradients: FloatArray
    ) -> None:
        """Write ∇_θ Σ_j u_j Φ(x_j; θ_i) into `gradients` (N, p)."""
        groups = cut(len(positions), self._least, _BLOCK)
        where, typed = read_only(positions), covector[:, 0].astype(positions.dtype)

        def work(g: int, thread: int) -> None:
            group = groups[g]
            self._write_gradients(
                self._typed, where[group], *self._columns, self.points, typed, gradients[group]
            )

        sweep(work, len(groups))

    def potentials(self, positions: FloatArray, covector: Float64Array) -> Float64Array:
        """Σ_j u_j Φ(x_j; θ_i) for every particle, shape (N,)."""
        groups = cut(len(positions), self._least, _BLOCK)
        where, typed = read_only(positions), covector[:, 0].astype(positions.dtype)
        result = np.empty(len(positions))

        def work(g: int, thread: int) -> None:
            group = groups[g]
            self._write_potentials(
                self._typed, where[group], *self._columns, self.points, typed, result[group]
            )

        sweep(work, len(groups))
        return result

    def velocity_pass(
        self,
        positions: FloatArray,
        masses: Float64Array,
        covector: Covector,
        gradients: FloatArray,
    ) -> Float64Array:
        """Outputs (n, 1); gradients (N, p) are written."""
        outputs = self.outputs(positions, masses)
        self.gradients(positions, covector(outputs), gradients)
        return outputs
