"""What stands for the limit N → ∞ of a comparison: which run, and how it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.checks import as_count
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.experiment import Experiment
from meanfield.grids import MOST_AXES
from meanfield.measures import Measure
from meanfield.progress import Progress
from meanfield.simulate import simulate
from meanfield.solver import Solver, default_solver
from meanfield.streams import spawned_seeds
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array

__all__ = ["Reference", "choose_reference", "run_reference"]

_LEAST_PARTICLES = 4096
_PARTICLES_FACTOR = 16
# Frames of the run that stands for the limit: how many are enough to take those of the
# experiment, how many there are otherwise, and the numbers they may hold in all.
_LEAST_FRAMES, _FRAMES, _MOST_NUMBERS = 11, 51, 2**24


@dataclass(frozen=True)
class Reference:
    """What stands for the limit.

    Attributes
    ----------
    solver : Solver
    particles : int or None
        Number of Sobol particles, or of cells or nodes; None if the solver chooses.
    reason : str
        Why, in words.
    """

    solver: Any
    particles: int | None
    reason: str


def choose_reference(
    experiment: Experiment,
    wanted: int | str | None,
    widths: Sequence[int],
    method: Solver[Any] | None = None,
) -> Reference:
    """What stands for the limit of an experiment.

    Parameters
    ----------
    experiment : Experiment
    wanted : int or str, optional
        ``"grid"``, ``"quadrature"``, ``"particles"`` or a number of particles. By default a
        grid where there is noise and at most three parameters, otherwise particles:
        Sobol particles of the deterministic flow, or of Langevin dynamics where there is noise.
        Networks that learn from fresh data have more of their own kind as the limit: the flow
        on a finite sample is another one. The number of particles is the power of two that is
        at least 16 times the largest width, and at least 4096.
    widths : sequence of int
        Widths N of the networks.
    method : Solver, optional
        Of the networks.

    Raises
    ------
    InvalidInputError
        If a name is unknown, or there are not more particles than in the networks.
    """
    problem = experiment.problem
    if isinstance(wanted, str) and wanted not in ("grid", "quadrature", "particles"):
        raise InvalidInputError(
            "reference must be 'grid', 'quadrature', 'particles' or a number of particles, "
            f"got {wanted!r}"
        )
    if wanted in ("grid", "quadrature"):
        return Reference(experiment.solver(str(wanted)), None, "as asked for")
    noisy = problem.temperature > 0.0
    if wanted is None and noisy and problem.neuron.dim <= MOST_AXES and _has_density(experiment):
        reason = f"there is noise, and {problem.neuron.dim} parameters fit on a grid"
        return Reference(experiment.solver("grid"), None, reason)
    count = _particle_count(None if wanted == "particles" else wanted, widths[-1])
    if method is not None and method.name == "online-sgd":
        return Reference(method, count, "gradient descent on fresh data, from Sobol points")
    solver = _particle_solver(experiment)
    reason = {
        "particle-flow": "the flow without noise, from Sobol points",
        "langevin": "Langevin dynamics of many particles, because there is noise",
    }.get(solver.name, f"the experiment has no deterministic flow, so {solver.name} of many")
    return Reference(solver, count, reason)


def run_reference(
    experiment: Experiment,
    solver: Solver[Any],
    *,
    particles: int | None,
    times: Float64Array,
    seed: int,
    store: str | Path | None = None,
    force: bool = False,
    progress: bool = False,
) -> Trajectory:
    """Run what stands for the limit, with frames at the times and at many in between.

    Where random data leave no path that neurons could follow, there are none in between.

    Parameters
    ----------
    experiment : Experiment
    solver : Solver
    particles : int or None
        Sobol particles, or cells or nodes; None if the solver chooses.
    times : (T,) array
        Of the study.
    seed : int
        Of the study.
    store : path, optional
        File of the run; in memory otherwise.
    force : bool
        Overwrite an existing file.
    progress : bool
        Show a progress bar on standard error.

    Raises
    ------
    DivergenceError
        If it leaves the finite numbers.
    InvalidInputError
        If the solver does not serve the problem or its initial law.
    """
    problem = experiment.problem
    initial_seed, solver_seed, _ = spawned_seeds(seed)
    place = getattr(solver, "place", None)
    try:
        start: Measure
        if place is not None:
            start = place(problem, experiment.initial, particles, float(times[-1]), initial_seed)
        else:
            count = as_count("particles", particles)
            start = experiment.initial.sample(count, initial_seed, "sobol")
        random = "sgd" in solver.name
        frames = times if random else _frames(experiment, times, len(start) * start.dim)
        with Progress(times, "reference", shown=progress) as shown:
            return simulate(
                problem,
                start,
                solver,
                t_end=float(times[-1]),
                save_at=frames,
                seed=solver_seed,
                store=store,
                force=force,
                observers=[shown],
            )
    except DivergenceError as error:
        raise DivergenceError(f"the reference: {error}", error.time) from error
    except InvalidInputError as error:
        if place is None:
            raise
        raise InvalidInputError(f"{solver.name} cannot be the reference: {error}") from None


def _has_density(experiment: Experiment) -> bool:
    try:
        experiment.initial.density(np.zeros((1, experiment.initial.dim)))
    except InvalidInputError:
        return False
    return True


def _particle_solver(experiment: Experiment) -> Solver[Any]:
    """The experiment's flow of particles with as much noise as the problem has."""
    name = "langevin" if experiment.problem.temperature > 0.0 else "particle-flow"
    for solver in experiment.solvers.values():
        if solver.name == name:
            return solver
    if experiment.problem.temperature > 0.0:
        found: Solver[Any] = default_solver(name, experiment.t_end)
        return found
    return experiment.solver()


def _particle_count(wanted: Any, widest: int) -> int:
    if wanted is None:
        least = max(_PARTICLES_FACTOR * widest, _LEAST_PARTICLES)
        return 1 << (least - 1).bit_length()
    count = as_count("reference", wanted)
    if count <= widest:
        raise InvalidInputError(
            f"reference must have more particles than the widest network ({widest}), got {count}"
        )
    return count


def _frames(experiment: Experiment, times: Float64Array, numbers: int) -> Float64Array:
    """The times of a study, and those of the experiment, or equidistant ones, between them."""
    end = float(times[-1])
    between = np.asarray(experiment.save_at, dtype=np.float64)
    between = between[between <= end]
    if len(between) < _LEAST_FRAMES:
        between = np.linspace(0.0, end, _FRAMES)
    most = max(_LEAST_FRAMES, _MOST_NUMBERS // numbers)
    between = between[:: -(-len(between) // most)]
    apart = np.abs(between[:, None] - times).min(axis=1) > 1e-9 * end
    return np.sort(np.concatenate([times, between[apart]]))
