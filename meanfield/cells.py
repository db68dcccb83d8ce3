"""Neurons at the centres of a grid of parameters: all that never changes in a grid flow."""

from __future__ import annotations

import numpy as np

from meanfield.engines.fixed import FixedParticles
from meanfield.errors import InvalidInputError
from meanfield.grid_boxes import MOST_AXES
from meanfield.grids import GridMeasure
from meanfield.problem import Problem
from meanfield.problems import AnyProblem
from meanfield.typing import Float64Array

__all__ = ["Cells", "require_cells"]


def require_cells(problem: AnyProblem) -> None:
    """Raise unless measures of a problem can be measures on a grid.

    Raises
    ------
    InvalidInputError
        If the neuron has more than 3 parameters, or the problem has no data.
    """
    neuron = problem.neuron
    if neuron.dim > MOST_AXES:
        raise InvalidInputError(
            f"a grid covers at most {MOST_AXES} parameters, the neuron has {neuron.dim} "
            f"({', '.join(_shortened(neuron.parameter_names))}); use particle-flow or quadrature"
        )
    if not isinstance(problem, Problem):
        raise InvalidInputError(
            "a grid needs a problem on data, because a population risk sums over all pairs of "
            "cells; use particles, or a data set drawn from the teacher"
        )


class Cells:
    """Outputs and potentials of measures on one grid, with the neurons factored once.

    Parameters
    ----------
    problem : Problem
    grid : GridMeasure
        Its box and cells; the density is not used.

    Attributes
    ----------
    confinement : (M,) array
        V(θ) at the centres.

    Raises
    ------
    InvalidInputError
        If the neuron has more than 3 parameters or others than the grid, or the problem
        has no data.

    Examples
    --------
    >>> from meanfield.datasets import Dataset
    >>> from meanfield.neurons import Neuron
    >>> problem = Problem(Neuron(1, activation="tanh"), Dataset([[0.0], [1.0]], [0.0, 1.0]))
    >>> grid = GridMeasure(np.full((6, 5, 4), 1 / 8), lower=-1.0, upper=1.0)  # over (a, w, b)
    >>> cells = Cells(problem, grid)
    >>> outputs = cells.outputs(grid.weights)
    >>> bool(np.allclose(outputs, problem.outputs(grid)))
    True
    >>> cells.potential(problem.covector(outputs)).shape
    (120,)
    """

    def __init__(self, problem: Problem, grid: GridMeasure) -> None:
        require_cells(problem)
        problem.check_measure(grid)
        neuron = problem.neuron
        outer = neuron.outer_columns
        inner = _centres(grid, slice(outer, None))
        weights = _centres(grid, slice(outer)) if outer else None
        self._sums = FixedParticles(neuron, problem.points, inner, weights)
        self._shape = (len(inner),) if weights is None else (len(weights), len(inner))
        self._problem = problem
        self.confinement = problem.confinement(grid.positions)

    def outputs(self, masses: Float64Array) -> Float64Array:
        """Outputs f(x_j; μ) at the data, with the output scale, shape (n, k).

        Parameters
        ----------
        masses : (M,) array
            Of the cells, in C order.
        """
        sums = self._sums.outputs(masses.reshape(self._shape))
        return self._problem.scale * self._problem.averaged(sums)

    def potential(self, covector: Float64Array) -> Float64Array:
        """Ψ(θ) = Σ_j ⟨u_j, Φ(x_j; θ)⟩ + V(θ) at the centres, shape (M,).

        Parameters
        ----------
        covector : (n, k) array
            u, see `Problem.covector`.
        """
        sums = self._sums.potentials(self._problem.spread(covector))
        return sums.reshape(-1) + self.confinement


def _shortened(names: tuple[str, ...]) -> tuple[str, ...]:
    return names if len(names) <= 6 else (*names[:3], "…", names[-1])


def _centres(grid: GridMeasure, part: slice) -> Float64Array:
    """All points of the grid over some of the axes, in C order."""
    axes = grid.axes[part]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
