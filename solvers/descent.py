"""How gradient steps are made: many small ones in one compiled loop, or large ones in parallel."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from meanfield.kernels.compilation import read_only
from meanfield.problems import AnyProblem
from meanfield.solvers.batches import BatchVelocity
from meanfield.stages import combine
from meanfield.typing import Array, Float64Array, FloatArray

__all__ = ["Descent", "descend"]

# Multiplications in a step from which on it is worth sharing between threads.
_LARGE = 2**23
# Particles side by side in a tile.
_WIDTH = 512


class Settings(Protocol):
    """Settings of a descent."""

    @property
    def step(self) -> float:
        """Step s > 0."""
        ...

    @property
    def batch_size(self) -> int:
        """Points in a batch."""
        ...

    @property
    def momentum(self) -> float:
        """Factor β."""
        ...


class Particles(Protocol):
    """What moves: arrays that are changed in place."""

    @property
    def positions(self) -> FloatArray:
        """Positions (N, p)."""
        ...

    @property
    def momenta(self) -> FloatArray:
        """Momenta (N, p)."""
        ...

    @property
    def masses(self) -> Float64Array:
        """Masses (N,)."""
        ...


class Descent(Protocol):
    """Makes gradient steps on particles."""

    def steps(self, inputs: Array, targets: Array, factors: Array) -> None:
        """Make one step a batch.

        Shapes: inputs (steps, B, d), targets (steps, B, t), factors (steps, B).
        """
        ...

    def is_finite(self) -> bool:
        """Whether all positions are finite numbers."""
        ...

    def finish(self) -> None:
        """Write positions and momenta back."""
        ...


def descend(problem: AnyProblem, settings: Settings, particles: Particles) -> Descent:
    """The faster way for this size; both make the same steps, up to rounding."""
    size = len(particles.positions) * settings.batch_size
    many = size * (problem.neuron.inputs + 8) > _LARGE
    kind: type[ParallelSteps] | type[CompiledSteps] = ParallelSteps if many else CompiledSteps
    return kind(problem, settings, particles)


class CompiledSteps:
    """All steps in one call: particles in tiles, one thread."""

    def __init__(self, problem: AnyProblem, settings: Settings, particles: Particles) -> None:
        self.problem, self.settings, self.particles = problem, settings, particles
        dtype = particles.positions.dtype
        self._tiles = _to_tiles(particles.positions)
        self._momenta = _to_tiles(particles.momenta)
        groups, _, width = self._tiles.shape
        self._masses = np.zeros((groups, width), dtype)
        self._masses.reshape(-1)[: len(particles.masses)] = particles.masses
        self._room = np.empty((2, groups, settings.batch_size, width), dtype)
        self._outputs = np.empty((settings.batch_size, problem.neuron.outputs))

    def steps(self, inputs: Array, targets: Array, factors: Array) -> None:
        """Make one step a batch."""
        from meanfield.kernels.sgd import sgd_steps

        problem, neuron, settings = self.problem, self.problem.neuron, self.settings
        neuron.activation.compiled(sgd_steps)(
            neuron.activation.typed, self._tiles, self._momenta, self._masses,
            neuron.outer_columns, int(neuron.bias),
            np.ascontiguousarray(inputs, self._tiles.dtype),
            read_only(np.ascontiguousarray(targets)), np.ascontiguousarray(factors),
            float(settings.step), float(settings.momentum),
            problem.ridge.coefficients(neuron), float(problem.scale),
            problem.loss.code, problem.loss.threshold, *self._room, self._outputs,
        )  # fmt: skip

    def is_finite(self) -> bool:
        """Whether all positions are finite numbers."""
        return bool(np.isfinite(self._tiles).all())

    def finish(self) -> None:
        """Write positions and momenta back."""
        _from_tiles(self._tiles, self.particles.positions)
        _from_tiles(self._momenta, self.particles.momenta)


class ParallelSteps:
    """Each step by an engine, which shares the particles between threads."""

    def __init__(self, problem: AnyProblem, settings: Settings, particles: Particles) -> None:
        self.settings, self.particles = settings, particles
        positions = particles.positions
        self._field = BatchVelocity(problem, settings.batch_size, positions.dtype)
        self._velocities = np.empty((1, *positions.shape), positions.dtype)

    def steps(self, inputs: Array, targets: Array, factors: Array) -> None:
        """Make one step a batch."""
        for batch in zip(inputs, targets, factors, strict=True):
            self._step(*batch)

    def _step(self, inputs: Array, targets: Array, factors: Array) -> None:
        settings, particles = self.settings, self.particles
        positions, velocities = particles.positions, self._velocities
        self._field.load(inputs, targets, factors)
        self._field.write(positions, particles.masses, velocities[0])
        if settings.momentum > 0.0:
            velocities[0] -= positions.dtype.type(settings.momentum) * particles.momenta
            particles.momenta[:] = -velocities[0]
        combine(positions, settings.step, np.ones(1), velocities, positions)

    def is_finite(self) -> bool:
        """Whether all positions are finite numbers."""
        return bool(np.isfinite(self.particles.positions).all())

    def finish(self) -> None:
        """Nothing is left to write: the steps were made in place."""


def _to_tiles(rows: FloatArray) -> Array:
    """Tiles (g, p, C) of the rows (N, p), padded by copies of the last row."""
    width = min(_WIDTH, -(-len(rows) // 16) * 16)
    groups = -(-len(rows) // width)
    padded = np.concatenate([rows, np.repeat(rows[-1:], groups * width - len(rows), axis=0)])
    return np.ascontiguousarray(padded.reshape(groups, width, -1).transpose(0, 2, 1))


def _from_tiles(tiles: Array, rows: FloatArray) -> None:
    """Write the rows (N, p) that tiles hold."""
    rows[:] = tiles.transpose(0, 2, 1).reshape(-1, tiles.shape[1])[: len(rows)]
