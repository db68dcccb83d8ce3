"""The drift of noisy particles: −∇Ψ of all data or of a batch, at a temperature of its own."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from meanfield.problems import AnyProblem
from meanfield.solvers.batches import POINTS_PER_BLOCK, BatchVelocity, draws_of_points
from meanfield.typing import Float64Array, FloatArray, IntArray

__all__ = ["Drift", "drift_of"]


class Drift(Protocol):
    """Velocities of particles, step by step."""

    def load(self, number: int, temperature: float) -> None:
        """Prepare for a step."""
        ...

    def write(self, positions: FloatArray, masses: Float64Array, out: FloatArray) -> None:
        """Write the velocities (N, p) of particles into `out`."""
        ...


def drift_of(problem: AnyProblem, batch_size: int | None, seed: int, dtype: Any) -> Drift:
    """The drift from all data, or from batches."""
    if batch_size is None:
        return _FullDrift(problem)
    return _BatchDrift(problem, batch_size, seed, dtype)


class _FullDrift:
    """The velocity of the problem."""

    def __init__(self, problem: AnyProblem) -> None:
        self._problem, self._excess = problem, 0.0

    def load(self, number: int, temperature: float) -> None:
        """Remember by how much the temperature is that of the problem."""
        self._excess = temperature - self._problem.temperature

    def write(self, positions: FloatArray, masses: Float64Array, out: FloatArray) -> None:
        """Write the velocities of particles into `out`."""
        self._problem.velocity_at(positions, masses, out=out)
        _add_volume(self._problem, self._excess, positions, out)


class _BatchDrift:
    """Velocities from one batch a step; the seed and the number of the step say which."""

    def __init__(self, problem: AnyProblem, size: int, seed: int, dtype: Any) -> None:
        self._problem, self._size, self._seed = problem, size, seed
        self._velocity = BatchVelocity(problem, size, dtype)
        self._factors = np.full(size, 1.0 / size)
        self._temperature = 0.0
        self._block, self._index = -1, np.empty((0, size), np.int64)

    def load(self, number: int, temperature: float) -> None:
        """Take the batch of a step."""
        self._temperature = temperature
        data, points = self._problem.data, self._points(number)
        self._velocity.load(data.inputs[points], data.targets[points], self._factors)

    def write(self, positions: FloatArray, masses: Float64Array, out: FloatArray) -> None:
        """Write the velocities of particles into `out`."""
        self._velocity.write(positions, masses, out)
        _add_volume(self._problem, self._temperature, positions, out)

    def _points(self, number: int) -> IntArray:
        """Numbers of the points of a batch; drawn block by block."""
        steps = max(1, POINTS_PER_BLOCK // self._size)
        block = number // steps
        if block != self._block:
            draws = slice(block * steps * self._size, (block + 1) * steps * self._size)
            drawn = draws_of_points(draws, self._seed, self._problem.data.weights)
            self._block, self._index = block, drawn.reshape(steps, self._size)
        return np.asarray(self._index[number % steps])


def _add_volume(
    problem: AnyProblem, temperature: float, positions: FloatArray, out: FloatArray
) -> None:
    """Add the geometric part of the velocity at a temperature."""
    volume = getattr(problem, "volume", None)
    if volume is not None and temperature != 0.0:
        out[:, volume.parameter] += temperature * volume.slopes(positions)
