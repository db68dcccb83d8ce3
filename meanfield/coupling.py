"""Networks beside their limit: the same neurons and the same noise, in the mean field."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.distances import coupling
from meanfield.errors import InvalidInputError
from meanfield.lifted_field import LiftedMeanField
from meanfield.mean_field import MeanField
from meanfield.measures import Measure, ParticleMeasure
from meanfield.solver import Solver
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array

__all__ = ["coupling_distance", "limit_path"]


def limit_path(
    field: MeanField | LiftedMeanField, solver: Solver[Any], start: Measure, seed: int, times: Any
) -> tuple[ParticleMeasure, ...]:
    """Neurons X̄ that start as those of a network and move in the mean field instead.

    Without noise X̄ follows dX̄/dt = −∇Ψ(X̄; u(t)), whatever the method; with noise it
    makes the steps of the method with the same increments of the noise, and only the drift
    is that of the mean field.

    Parameters
    ----------
    field : MeanField or LiftedMeanField
        The limit, from time 0 on.
    solver : Solver
        Of the network: particle-flow, sgd, online-sgd or langevin.
    start : Measure
        The network's initial neurons.
    seed : int
        Of the network's run.
    times : (T,) array
        Non-decreasing, within the mean field. Methods of fixed step are where they are
        after the last step before each.

    Returns
    -------
    tuple of T ParticleMeasure

    Raises
    ------
    InvalidInputError
        If the solver moves no neurons, or does not serve the problem of the mean field;
        if times lie outside it.

    References
    ----------
    Sznitman (1991), Topics in propagation of chaos.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.distances import coupling
    >>> from meanfield.solvers import SGD, ParticleFlow
    >>> x = np.linspace(-1, 1, 8)
    >>> problem = mf.Problem(mf.Neuron(1), mf.Dataset(x, x**2))
    >>> limit = mf.ParticleMeasure.gaussian(1024, 3, seed=0, sampling="sobol")
    >>> run = mf.simulate(problem, limit, ParticleFlow(), t_end=1.0)
    >>> start = mf.ParticleMeasure.gaussian(50, 3, seed=1)
    >>> network = mf.simulate(problem, start, SGD(0.01), t_end=1.0, save_at=[0.0, 1.0], seed=2)
    >>> path = limit_path(mf.MeanField(run), SGD(0.01), start, 2, [0.0, 1.0])
    >>> [round(coupling(*pair), 2) for pair in zip(network.measures, path, strict=True)]
    [0.0, 0.05]
    """
    if not hasattr(solver, "carry"):
        raise InvalidInputError(
            f"the solver {solver.name} does not move the neurons of a network; a coupling takes "
            "particle-flow, sgd, online-sgd or langevin"
        )
    field.problem.check_measure(start)
    chosen = field.check_times(times)
    if field.times[0] != 0.0:
        raise InvalidInputError(
            f"a coupling starts at t = 0, but the mean field at t = {field.times[0]:g}; record "
            "the run from its beginning"
        )
    return field.carry(solver, start, seed, chosen)


def coupling_distance(field: MeanField | LiftedMeanField, run: Trajectory) -> Float64Array:
    """Distances D(t) of a network from its limit, neuron by neuron: (Σ_i m_i |X_i − X̄_i|²)^½.

    Both start from the same neurons and see the same noise; D has no sampling error, is at
    least W₂ between the two, and falls as N^−½.

    Parameters
    ----------
    field : MeanField or LiftedMeanField
        The limit, of the problem of the network.
    run : Trajectory
        Of the network, with a first frame at time 0.

    Returns
    -------
    (F,) array
        At the frames of the run.

    Raises
    ------
    InvalidInputError
        If the first frame is later, the problems differ, or what `limit_path` raises.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> neuron = mf.Neuron(1, activation="linear", outer="fixed", bias=False)
    >>> problem = mf.Problem(neuron, mf.Dataset([[1.0]], [1.0]))
    >>> limit, network = (
    ...     mf.simulate(problem, mf.ParticleMeasure(w), ParticleFlow(), t_end=1.0, save_at=times)
    ...     for w, times in (([[-1.0], [1.0]], np.linspace(0, 1, 101)), ([[0.5]], [0.0, 1.0]))
    ... )
    >>> coupling_distance(mf.MeanField(limit), network).round(6)  # 0.5 (1 − exp(−t))
    array([0.     , 0.31606])
    """
    if run.problem != field.problem:
        raise InvalidInputError("the network and the mean field must be of the same problem")
    if len(run) == 0 or run.times[0] != 0.0:
        raise InvalidInputError("the first frame of the network must be at time 0; save it there")
    path = limit_path(field, run.solver, run.measures[0], run.seed, run.times)
    pairs = zip(run.measures, path, strict=True)
    return np.array([coupling(measure, beside) for measure, beside in pairs])
