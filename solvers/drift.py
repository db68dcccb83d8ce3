"""The drift of noisy particles: −∇Ψ of all data or of a batch, at a temperature of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from meanfield.mean_field import MeanField
from meanfield.problem import Problem
from meanfield.problems import AnyProblem
from meanfield.solvers.batches import POINTS_PER_BLOCK, BatchVelocity, draws_of_points
from meanfield.typing import Float64Array, FloatArray, IntArray

__all__ = ["Drift", "FieldDrift", "drift_of"]


class Drift(Protocol):
    """Velocities of particles, step by step."""

    def load(self, number: int, temperature: float) -> None:
        """Prepare for a step."""
        ...

    def write(
        self, positions: FloatArray, masses: Float64Array, fraction: float, out: FloatArray
    ) -> None:
        """Write the velocities (N, p) of particles, at a fraction of the step, into `out`."""
        ...


def drift_of(
    problem: AnyProblem, batch_size: int | None, seed: int, dtype: Any, step: float
) -> Drift:
    """The drift from all data, or from batches, for steps of this length."""
    if batch_size is None:
        return _FullDrift(problem, step)
    return _BatchDrift(problem, batch_size, seed, dtype, step)


class _FullDrift:
    """The velocity of the problem."""

    def __init__(self, problem: AnyProblem, step: float) -> None:
        self._problem = _without_volume(problem) if isinstance(problem, Problem) else problem
        self._step, self._temperature = step, 0.0

    def load(self, number: int, temperature: float) -> None:
        """Remember the temperature."""
        self._temperature = temperature

    def write(
        self, positions: FloatArray, masses: Float64Array, fraction: float, out: FloatArray
    ) -> None:
        """Write the velocities of particles into `out`."""
        self._problem.velocity_at(positions, masses, out=out)
        _add_volume(self._problem, self._temperature, self._step, positions, out)


class _BatchDrift:
    """Velocities from one batch a step; the seed and the number of the step say which."""

    def __init__(self, problem: AnyProblem, size: int, seed: int, dtype: Any, step: float) -> None:
        self._problem, self._size, self._seed, self._step = problem, size, seed, step
        self._velocity = BatchVelocity(problem, size, dtype)
        self._factors = np.full(size, 1.0 / size)
        self._temperature = 0.0
        self._block, self._index = -1, np.empty((0, size), np.int64)

    def load(self, number: int, temperature: float) -> None:
        """Take the batch of a step."""
        self._temperature = temperature
        data, points = self._problem.data, self._points(number)
        self._velocity.load(data.inputs[points], data.targets[points], self._factors)

    def write(
        self, positions: FloatArray, masses: Float64Array, fraction: float, out: FloatArray
    ) -> None:
        """Write the velocities of particles into `out`."""
        self._velocity.write(positions, masses, out)
        _add_volume(self._problem, self._temperature, self._step, positions, out)

    def _points(self, number: int) -> IntArray:
        """Numbers of the points of a batch; drawn block by block."""
        steps = max(1, POINTS_PER_BLOCK // self._size)
        block = number // steps
        if block != self._block:
            draws = slice(block * steps * self._size, (block + 1) * steps * self._size)
            drawn = draws_of_points(draws, self._seed, self._problem.data.weights)
            self._block, self._index = block, drawn.reshape(steps, self._size)
        return np.asarray(self._index[number % steps])


def _without_volume(problem: Problem) -> Problem:
    """The problem without its geometric part, which depends on the step and is added apart."""
    return problem if problem.volume is None else replace(problem, temperature=0.0)


class FieldDrift:
    """Velocities in a recorded mean field, at the times of the steps."""

    def __init__(self, field: MeanField, step: float) -> None:
        self._field, self._step = field, step
        self._problem = _without_volume(field.problem)
        self._temperature, self._number = 0.0, 0

    def load(self, number: int, temperature: float) -> None:
        """Remember the time and the temperature."""
        self._number, self._temperature = number, temperature

    def write(
        self, positions: FloatArray, masses: Float64Array, fraction: float, out: FloatArray
    ) -> None:
        """Write the velocities of particles, at a fraction of the step, into `out`."""
        time = min((self._number + fraction) * self._step, float(self._field.times[-1]))
        self._problem.velocity_under(positions, self._field.covector(time), out)
        _add_volume(self._problem, self._temperature, self._step, positions, out)


def _add_volume(
    problem: AnyProblem, temperature: float, step: float, positions: FloatArray, out: FloatArray
) -> None:
    """Add the geometric part of the velocity at a temperature, for a step."""
    volume = problem.volume
    if volume is not None and temperature != 0.0:
        slopes = volume.slopes(positions, temperature * step)
        out[:, volume.parameter] += temperature * slopes
