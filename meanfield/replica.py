"""One network of a comparison: trained, and measured against the limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.coupling import limit_path
from meanfield.distances import coupling
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import DivergenceError
from meanfield.grids import GridMeasure
from meanfield.laws import InitialLaw
from meanfield.limit import Limit, find_limit, limit_from_run
from meanfield.measures import Measure, ParticleMeasure
from meanfield.parameter_distances import STATISTICS
from meanfield.problem import Problem
from meanfield.simulate import simulate
from meanfield.solver import Solver
from meanfield.streams import spawned_seeds
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array

__all__ = ["Limit", "Replica", "find_limit", "limit_from_run", "measure_replica"]

# Outputs at the data and all times are kept up to so many numbers a network.
MOST_OUTPUTS = 20_000


@dataclass(frozen=True)
class Replica:
    """One network to train: a width and a seed. Independent of all others.

    Attributes
    ----------
    problem, initial, solver
        As in the experiment.
    particles : int
        Width N.
    study_seed : int
        Seed of the whole study.
    number : int
        Number of the replica among those of its width.
    """

    problem: Problem
    initial: InitialLaw
    solver: Solver[Any]
    particles: int
    study_seed: int
    number: int

    @property
    def seeds(self) -> tuple[int, int, int]:
        """Seeds of the initial neurons, of the solver, and of the iid sample of the limit."""
        return spawned_seeds(self.study_seed, self.particles, self.number)


def measure_replica(replica: Replica, limit: Limit) -> dict[str, Float64Array]:
    """Train one network and measure it: an array (T, …) per quantity.

    A function of its plain arguments only, so that replicas can run in any order, process
    or machine. What is measured at the last time only is NaN before.

    Raises
    ------
    DivergenceError
        If the network leaves the finite numbers; the message names it.
    """
    initial_seed, solver_seed, null_seed = replica.seeds
    start = replica.initial.sample(replica.particles, initial_seed, "iid")
    run = _trained(replica, start, limit, solver_seed)
    beside = _beside(replica, start, limit, solver_seed)
    nulls = _null_samples(replica, limit, null_seed)
    with single_threaded_blas():
        rows = [
            {
                **_coupling(measure, beside, index),
                **_of_outputs(replica.problem, measure.to_particles(), limit, index),
                **_of_parameters(
                    measure.to_particles(), None if nulls is None else nulls[index], limit, index
                ),
            }
            for index, measure in enumerate(run.measures)
        ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _trained(replica: Replica, start: ParticleMeasure, limit: Limit, seed: int) -> Trajectory:
    try:
        return simulate(
            replica.problem,
            start,
            replica.solver,
            t_end=float(limit.times[-1]),
            save_at=limit.times,
            seed=seed,
        )
    except DivergenceError as error:
        raise DivergenceError(
            f"network with N = {replica.particles}, seed number {replica.number}: {error}",
            error.time,
        ) from error


def _beside(
    replica: Replica, start: ParticleMeasure, limit: Limit, seed: int
) -> Sequence[ParticleMeasure] | None:
    """The same neurons with the same noise in the limit; None where they cannot be carried."""
    if limit.field is None or not hasattr(replica.solver, "carry"):
        return None
    return limit_path(limit.field, replica.solver, start, seed, limit.times)


def _coupling(
    measure: Measure, beside: Sequence[ParticleMeasure] | None, index: int
) -> dict[str, Any]:
    return {} if beside is None else {"coupling_distance": coupling(measure, beside[index])}


def _of_outputs(
    problem: Problem, measure: ParticleMeasure, limit: Limit, index: int
) -> dict[str, Any]:
    """Outputs and risk, at the data and at held-out points."""
    outputs = problem.outputs(measure)
    deviation = outputs - limit.outputs[index]
    row: dict[str, Any] = {
        "function_distance": np.sqrt(problem.data.weights @ np.square(deviation).sum(axis=1)),
        "risk_gap": problem.risk_of_outputs(outputs) - float(limit.risk[index]),
    }
    if limit.outputs.size <= MOST_OUTPUTS:
        row["deviation"] = deviation
    if limit.test is not None and limit.test_outputs is not None:
        predicted = problem.predict(measure, limit.test.inputs)
        squares = np.square(predicted - limit.test_outputs[index]).sum(axis=1)
        row["test_function_distance"] = np.sqrt(limit.test.weights @ squares)
        if problem.loss.classifies:
            labels = problem.loss.classify(predicted)
            row["test_accuracy"] = limit.test.weights @ (labels == limit.test.targets[:, 0])
    return row


def _of_parameters(
    measure: ParticleMeasure, null: ParticleMeasure | None, limit: Limit, index: int
) -> dict[str, Any]:
    """Distances of the parameters to the limit, and the same of an iid sample of the limit."""
    row = _distances(measure, limit, index, "")
    if null is None:
        return row | {f"{name}_null": np.nan * np.asarray(value) for name, value in row.items()}
    return row | _distances(null, limit, index, "_null")


def _distances(sample: ParticleMeasure, limit: Limit, index: int, suffix: str) -> dict[str, Any]:
    target = limit.targets[len(sample)][index]
    is_last = index == len(limit.times) - 1
    found = limit.last.distances(sample) if is_last else dict.fromkeys(STATISTICS, np.nan)
    marginals = limit.last.marginal_distances(sample)
    return {
        f"sliced_wasserstein{suffix}": target.distance(sample),
        **{f"{name}{suffix}": value for name, value in found.items()},
        f"marginal_wasserstein{suffix}": marginals if is_last else np.nan * marginals,
    }


def _null_samples(replica: Replica, limit: Limit, seed: int) -> Sequence[ParticleMeasure] | None:
    """Independent draws from the limit at each time, the same neurons at all times.

    Neurons drawn from the initial law and carried in the mean field are such draws. Atoms
    drawn from the reference are not quite: some would be those that the distance is to.
    Of a reference that is itself a sample they are disjoint parts, None when it is used up:
    common atoms would make the null values of different replicas dependent.
    """
    count, first = replica.particles, limit.measures[0]
    if limit.is_sample:
        if (replica.number + 1) * count > len(first):
            return None
        chosen = slice(replica.number * count, (replica.number + 1) * count)
        return [ParticleMeasure(part.to_particles().positions[chosen]) for part in limit.measures]
    if isinstance(first, GridMeasure) or limit.field is None:
        return [_drawn(measure, count, seed) for measure in limit.measures]
    start = replica.initial.sample(count, seed, "iid")
    return [
        ParticleMeasure(positions)
        for positions in limit.field.transport(start.positions, limit.times)
    ]


def _drawn(measure: Measure, count: int, seed: int) -> ParticleMeasure:
    """Independent draws from a density or from atoms; of atoms the same ones at all times."""
    if isinstance(measure, GridMeasure):
        return measure.sample(count, seed)
    particles = measure.to_particles()
    chosen = np.random.default_rng(seed).choice(len(particles), size=count, p=particles.weights)
    return ParticleMeasure(particles.positions[chosen])
