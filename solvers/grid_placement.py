"""Where a grid has to be: a box around all that a flow visits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np

from meanfield.cells import require_cells
from meanfield.checks import as_count
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.laws import Box, InitialLaw
from meanfield.measures import ParticleMeasure
from meanfield.problem import Problem
from meanfield.problems import AnyProblem
from meanfield.solver import Solver
from meanfield.solvers.langevin import Langevin
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.typing import Float64Array
from meanfield.volumes import mirrored_density

__all__ = ["place_grid"]

# Particles of the pilot run.
_PILOTS = 1000
# Standard deviations of a normal law beyond which lies 1e-10 of its mass, and those that
# the pilots of a normal law reach.
_FAR, _REACHED = 6.5, 3.1
# Cells along each axis by the number of axes.
_CELLS = {1: 400, 2: 160, 3: 64}
# Times at which the pilots are looked at, and the most steps with noise.
_LOOKS, _MOST_STEPS = 40, 2000
# Share of the box, and number of cells, that stay empty at each wall.
_ROOM, _EMPTY = 0.03, 6


def place_grid(
    problem: AnyProblem, law: InitialLaw, particles: int | None, t_end: float, seed: int
) -> GridMeasure:
    """A law on a grid whose box holds the flow up to some time.

    Pilot particles are drawn from the law and followed. Others, without mass, start where
    the density of the law is negligible, in the direction of each pilot from the mean: their
    paths bound the support. Noise adds what pilots do not show of its normal tails. The
    box of a parameter that is a length begins at 0, and holds the law of its absolute value.

    Parameters
    ----------
    problem : Problem
    law : InitialLaw
    particles : int, optional
        Number of cells in total.
    t_end : float
    seed : int

    Raises
    ------
    InvalidInputError
        If a grid cannot serve, the law has no density, or the cells do not resolve it.
    """
    require_cells(problem)
    dim = problem.neuron.dim
    if law.dim != dim:
        raise InvalidInputError(f"the law has {law.dim} parameters, but the neuron has {dim}")
    count = _CELLS[dim]
    if particles is not None:
        count = round(as_count("particles", particles) ** (1.0 / dim))
    pilots = law.sample(_PILOTS, seed, "sobol")
    law.density(pilots.positions[:1])
    lower, upper = _visited(problem, _with_tails(pilots, law), t_end, seed)
    room = (_FAR - _REACHED) * _spread_of_noise(problem, t_end)
    room += max(_ROOM, _EMPTY / count) * (upper - lower)
    lower, upper = lower - room, upper + room
    assert isinstance(problem, Problem)
    length = None if problem.volume is None else problem.volume.parameter
    if length is not None:
        upper[length], lower[length] = max(upper[length], -lower[length]), 0.0
    if isinstance(law, Box):
        return _averaged(law, lower, upper, count, length)
    return GridMeasure.from_density(
        mirrored_density(law.density, problem.volume), lower, upper, count
    )


def _averaged(
    law: Box, lower: Float64Array, upper: Float64Array, count: int, length: int | None
) -> GridMeasure:
    """A law with sharp edges: averages over cells, where values at centres are off by O(h)."""
    shares = []
    for axis in range(law.dim):
        low, high = (np.broadcast_to(side, law.dim)[axis] for side in (law.lower, law.upper))
        faces = np.linspace(lower[axis], upper[axis], count + 1)
        share = np.diff(np.clip(faces, low, high))
        if axis == length:
            share += np.diff(np.clip(faces, -high, -low))
        shares.append(share)
    masses = reduce(np.multiply.outer, shares)
    volume = np.prod((upper - lower) / count)
    return GridMeasure(masses / (masses.sum() * volume), lower, upper)


def _with_tails(pilots: ParticleMeasure, law: InitialLaw) -> ParticleMeasure:
    """Pilots, and massless particles further out, as far as the law has a density."""
    mean = pilots.mean()
    tails = mean + (_FAR / _REACHED) * (pilots.positions - mean)
    if isinstance(law, Box):
        tails = np.clip(tails, law.lower, law.upper)
    positions = np.concatenate([pilots.positions, tails])
    return ParticleMeasure(positions, np.append(pilots.weights, np.zeros(len(tails))))


def _visited(
    problem: AnyProblem, pilots: ParticleMeasure, t_end: float, seed: int
) -> tuple[Float64Array, Float64Array]:
    """Corners of the smallest box around all paths."""
    lower, upper = pilots.positions.min(axis=0), pilots.positions.max(axis=0)
    try:
        for positions in _paths(problem, pilots, t_end, seed):
            lower = np.minimum(lower, positions.min(axis=0))
            upper = np.maximum(upper, positions.max(axis=0))
    except DivergenceError as error:
        raise InvalidInputError(
            f"no box holds the flow, as pilot particles show: {error}; choose an earlier t_end, "
            "or a box for GridMeasure.from_density"
        ) from None
    return lower, upper


def _paths(
    problem: AnyProblem, pilots: ParticleMeasure, t_end: float, seed: int
) -> Iterator[Float64Array]:
    solver = _pilot_solver(problem, pilots, t_end)
    state = solver.start(problem, pilots, seed)
    for time in np.linspace(0.0, t_end, _LOOKS + 1)[1:]:
        state, measure = solver.advance(problem, state, float(time))
        yield measure.positions.astype(np.float64)


def _pilot_solver(problem: AnyProblem, pilots: ParticleMeasure, t_end: float) -> Solver[Any]:
    """A method whose steps follow the pilots: adaptive, or short for their velocities."""
    if problem.temperature == 0.0 and not problem.neuron.activation.kinks:
        return ParticleFlow(rtol=1e-3, atol=1e-4)
    rng = np.random.default_rng(0)
    positions = pilots.positions.astype(np.float64)
    shift = 1e-4 * rng.choice([-1.0, 1.0], positions.shape)
    velocity, _ = problem.velocity_at(positions, pilots.weights)
    shifted, _ = problem.velocity_at(positions + shift, pilots.weights)
    rate = float(np.max(np.abs(shifted - velocity).max(axis=1) / 1e-4))
    step = max(min(t_end / _LOOKS, 0.3 / max(rate, 1e-12)), t_end / _MOST_STEPS)
    if problem.temperature == 0.0:
        return ParticleFlow(method="heun", step=step)
    return Langevin(step)


def _spread_of_noise(problem: AnyProblem, t_end: float) -> Float64Array:
    """Standard deviation of each parameter under noise and ridge alone, (p,)."""
    ridge = problem.ridge.coefficients(problem.neuron)
    free = np.full(len(ridge), 2.0 * problem.temperature * t_end)
    bound = np.divide(problem.temperature, ridge, out=np.full(len(ridge), np.inf), where=ridge > 0)
    return np.asarray(np.sqrt(np.minimum(free, bound)))
