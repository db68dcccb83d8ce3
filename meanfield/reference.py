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
from meanfield.grid_boxes import MOST_AXES
from meanfield.measures import Measure, ParticleMeasure
from meanfield.progress import Progress
from meanfield.recording import Recording
from meanfield.simulate import simulate
from meanfield.solver import Solver, default_solver
from meanfield.streams import spawned_seeds
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array

__all__ = ["Reference", "choose_reference", "run_reference"]

_LEAST_PARTICLES = 4096
_PARTICLES_FACTOR = 16
# Frames of the run that stands for the limit: how many are enough to take those of the
# experiment, and how many there are otherwise.
_LEAST_FRAMES, _FRAMES = 11, 51
# Numbers in all frames, from which on they are kept in float32, and how many there may be then.
_MANY_NUMBERS, _MOST_NUMBERS = 2**24, 2**26
# Power of time in which frames are equidistant where not all can be kept: outputs change
# fastest at the start.
_POWER = 4


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
    is_reduced : bool
        Whether it is a run of the experiment's reduction.
    """

    solver: Any
    particles: int | None
    reason: str
    is_reduced: bool = False


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
        Networks that learn from fresh data have the experiment's reduction as the limit, or,
        where there is none, more of their own kind: the flow on a finite sample is another
        one. The number of particles is the power of two that is
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
    is_online = method is not None and method.name == "online-sgd"
    if wanted is None and is_online and experiment.reduction is not None:
        reason = "exact by symmetry, on the law of the data itself"
        return Reference(experiment.reduced.solver("quadrature"), None, reason, is_reduced=True)
    count = _particle_count(None if wanted == "particles" else wanted, widths[-1])
    if is_online:
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
        numbers = len(start) * start.dim
        frames = times if "sgd" in solver.name else _frames(experiment, times, numbers)
        is_large = len(frames) * numbers > _MANY_NUMBERS and isinstance(start, ParticleMeasure)
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
                recording=Recording(dtype="float32") if is_large else None,
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
    """The times of a study, and those of the experiment, or others, between them.

    A time of the study takes the place of the nearest other one, so that intervals stay even:
    a short one beside a long one says little of the error in the long one.
    """
    end = float(times[-1])
    frames = np.asarray(experiment.save_at, dtype=np.float64)
    frames = frames[frames <= end]
    if len(frames) < _LEAST_FRAMES:
        frames = np.linspace(0.0, end, _FRAMES)
    most = max(_LEAST_FRAMES, _MOST_NUMBERS // numbers)
    if len(frames) > most:
        frames = end * np.linspace(0.0, 1.0, most) ** _POWER
    nearest = np.abs(frames[:, None] - times).argmin(axis=0)
    return np.union1d(np.delete(frames, nearest), times)
