"""Batches of data: which points a step sees, and the velocity that they give."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.engines.choice import choose_engine
from meanfield.errors import InvalidInputError
from meanfield.kernels.compilation import read_only
from meanfield.problems import AnyProblem
from meanfield.reduced import ReducedProblem
from meanfield.stages import subtract_scaled
from meanfield.typing import Array, Float64Array, FloatArray, IntArray

__all__ = [
    "POINTS_PER_BLOCK",
    "BatchVelocity",
    "block_generator",
    "draws_of_points",
    "require_points",
    "shuffled",
]

#: Batches are drawn for this many data points at a time, from a generator that is seeded by
#: the number of the block: any step can be reached without its forerunners.
POINTS_PER_BLOCK = 16384


class BatchVelocity:
    """Velocities −∇Ψ_B(θ_i), where Ψ_B is the potential with the risk of a batch B.

    Parameters
    ----------
    problem : Problem or PopulationProblem
        Neuron, loss, ridge and scale.
    size : int
        Points in a batch.
    dtype : numpy dtype
        Of the positions.
    """

    def __init__(self, problem: AnyProblem, size: int, dtype: Any) -> None:
        self._problem = problem
        self._engine = choose_engine(problem.neuron, np.zeros((size, problem.neuron.inputs)), dtype)
        self._ridge: Array = problem.ridge.coefficients(problem.neuron).astype(dtype)

    def load(self, inputs: Array, targets: Array, factors: Array) -> None:
        """Take a batch: (B, d), (B, t), and the weights (B,) of its points in the risk."""
        self._engine.load(inputs)
        self._targets, self._factors = targets, factors[:, None] / self._problem.scale

    def write(self, positions: FloatArray, masses: Float64Array, out: FloatArray) -> None:
        """Write the velocities (N, p) of particles into `out`."""
        problem = self._problem

        def covector(sums: Float64Array) -> Float64Array:
            derivatives = problem.loss.derivatives(problem.scale * sums, self._targets)
            return np.asarray(-derivatives * self._factors)

        self._engine.velocity_pass(read_only(positions), read_only(masses), covector, out)
        if self._ridge.any():
            subtract_scaled(out, self._ridge, positions)


def require_points(problem: AnyProblem) -> None:
    """Raise for a problem whose outputs are not those of neurons at single points.

    Raises
    ------
    InvalidInputError
        For a reduced problem.
    """
    if isinstance(problem, ReducedProblem):
        raise InvalidInputError(
            "batches cannot be taken of a reduced problem, whose outputs are averages over "
            "orbits; use the solver particle-flow, or langevin without batch_size"
        )


def block_generator(seed: int, block: int) -> np.random.Generator:
    """Generator of one block of batches, independent of all others."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, block)))


def draws_of_points(draws: slice, seed: int, weights: Float64Array) -> IntArray:
    """Independent draws number draws.start … draws.stop − 1."""
    points, parts = len(weights), []
    uniform = bool(np.ptp(weights) <= 1e-12 * weights[0])
    for block in range(draws.start // POINTS_PER_BLOCK, -(-draws.stop // POINTS_PER_BLOCK)):
        generator = block_generator(seed, block)
        if uniform:
            parts.append(generator.integers(points, size=POINTS_PER_BLOCK))
        else:
            parts.append(generator.choice(points, size=POINTS_PER_BLOCK, p=weights))
    first = draws.start - draws.start // POINTS_PER_BLOCK * POINTS_PER_BLOCK
    return np.concatenate(parts)[first : first + draws.stop - draws.start]


def shuffled(draws: slice, seed: int, weights: Float64Array) -> IntArray:
    """Draws of an endless row of epochs, each a random order of all points."""
    points = len(weights)
    epochs = range(draws.start // points, -(-draws.stop // points))
    orders = [block_generator(seed, epoch).permutation(points) for epoch in epochs]
    first = draws.start - epochs.start * points
    return np.concatenate(orders)[first : first + draws.stop - draws.start]
