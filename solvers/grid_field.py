"""The mean field on a grid, and what every scheme on a grid is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from meanfield.cells import Cells
from meanfield.grids import GridMeasure
from meanfield.kernels.finite_volume import entropy, write_rates
from meanfield.problem import Problem
from meanfield.typing import Float64Array

__all__ = ["Attempt", "GridField", "GridScheme"]

# Changes of outputs below this, relative to their size, are rounding.
_ROUNDING = 1e-10


@dataclass(frozen=True, eq=False)
class Attempt:
    """What a step of a scheme leads to.

    Attributes
    ----------
    density : array of p axes
    outputs : (n, k) array
        Of the new density.
    error : float
        Error of the step: norm of the difference to the outputs of a lower order.
    feedback : float
        Length of the step over the time in which the outputs answer to their own change.
        Up to 1 the energy falls all along the step.
    longest : float
        Longest step that keeps the scheme sound here; for a longer one than this, the
        rest is not computed.
    """

    density: Float64Array
    outputs: Float64Array
    error: float = 0.0
    feedback: float = 0.0
    longest: float = np.inf


class GridScheme(Protocol):
    """A way to make steps of densities on one grid."""

    def first_step(self, outputs: Float64Array) -> float:
        """A step over which no mass moves further than about a cell."""
        ...

    def step(self, density: Float64Array, outputs: Float64Array, length: float) -> Attempt:
        """Make a step; the density and its outputs (n, k) are not changed."""
        ...


class GridField:
    """Outputs, potentials and energies of densities on one grid.

    Parameters
    ----------
    problem : Problem
    grid : GridMeasure
        Its box and cells; the density is not used.
    """

    def __init__(self, problem: Problem, grid: GridMeasure) -> None:
        self.problem = problem
        self.cells = Cells(problem, grid)
        self.shape = grid.shape
        self.spacing = grid.spacing
        self.volume = grid.volume
        self.temperature = float(problem.temperature)
        strides = [int(np.prod(self.shape[axis + 1 :], dtype=int)) for axis in range(grid.dim)]
        self.strides = np.array(strides)
        self._known: list[tuple[Float64Array, float]] = []

    def outputs(self, density: Float64Array) -> Float64Array:
        """Outputs at the data, (n, k)."""
        return self.cells.outputs(density.reshape(-1) * self.volume)

    def potential(self, outputs: Float64Array) -> Float64Array:
        """Ψ at the centres for a measure with these outputs, of the shape of the grid."""
        return self.potential_of(self.problem.covector(outputs))

    def potential_of(self, covector: Float64Array) -> Float64Array:
        """Ψ at the centres for a covector u (n, k), of the shape of the grid."""
        return self.cells.potential(covector).reshape(self.shape)

    def energy(self, density: Float64Array, outputs: Float64Array) -> float:
        """Free energy R + ∫ V dμ + τ ∫ log μ dμ; those of the last densities are known."""
        for known, value in self._known:
            if known is density:
                return value
        flat = density.reshape(-1)
        total = float(self.cells.confinement @ flat)
        if self.temperature > 0.0:
            total += self.temperature * entropy(flat)
        value = self.problem.risk_of_outputs(outputs) + self.volume * total
        self._known = [*self._known[-2:], (density, value)]
        return value

    def size(self, outputs: Float64Array) -> float:
        """Root mean square of outputs over the data."""
        squares = np.square(outputs).sum(axis=1)
        return float(np.sqrt(self.problem.data.weights @ squares))

    def scale(self, outputs: Float64Array) -> float:
        """What errors of outputs are compared with."""
        return float(self.problem.scale) + self.size(outputs)

    def feedback(self, answer: Float64Array, change: Float64Array, outputs: Float64Array) -> float:
        """Size of the answer of outputs to their change over that of the change."""
        size = self.size(change)
        return self.size(answer) / size if size > _ROUNDING * self.scale(outputs) else 0.0

    def write_rates(
        self, potential: Float64Array, up: Float64Array, down: Float64Array
    ) -> Float64Array:
        """Write the rates of jumps up and down each axis, as those of Scharfetter and Gummel.

        Parameters
        ----------
        potential : array over the cells
        up, down : (p, …) arrays over the cells

        Returns
        -------
        array over the cells
            Rate at which each cell is left.
        """
        for axis, spacing in enumerate(self.spacing):
            rates = (self.along(part[axis], axis) for part in (up, down))
            write_rates(self.along(potential, axis), self.temperature, float(spacing), *rates)
        return np.asarray(up.sum(axis=0) + down.sum(axis=0))

    def along(self, array: Float64Array, axis: int) -> Float64Array:
        """View (before, n, after) of an array over the cells, flat or not."""
        return array.reshape(-1, self.shape[axis], int(self.strides[axis]))
