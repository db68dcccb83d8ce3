"""One network of a comparison: trained, and measured against the limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.datasets import Dataset
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import DivergenceError
from meanfield.experiment import Experiment
from meanfield.measures import InitialLaw, ParticleMeasure
from meanfield.problem import Problem
from meanfield.simulate import simulate
from meanfield.slices import SlicedTarget, random_directions
from meanfield.solver import Solver
from meanfield.typing import Float64Array, IntArray

__all__ = ["Limit", "Replica", "find_limit", "measure_replica"]


@dataclass(frozen=True, eq=False)
class Limit:
    """The reference at the times of a study: what a network is measured against.

    Attributes
    ----------
    times : (T,) array
    measures : tuple of ParticleMeasure
    outputs : (T, n, k) array
        At the data.
    risk : (T,) array
    targets : mapping of int to tuple of SlicedTarget
        The measures, cut for the sliced distance to networks of each width.
    test : Dataset or None
        Held-out labelled data.
    test_accuracy : (T,) array or None
        On those data.
    """

    times: Float64Array
    measures: tuple[ParticleMeasure, ...]
    outputs: Float64Array
    risk: Float64Array
    targets: Mapping[int, tuple[SlicedTarget, ...]]
    test: Dataset | None
    test_accuracy: Float64Array | None


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
        return _spawn(self.study_seed, self.particles, self.number)


def measure_replica(replica: Replica, limit: Limit) -> dict[str, Float64Array]:
    """Train one network and measure it: one array of T numbers per quantity.

    A function of its plain arguments only, so that replicas can run in any order, process
    or machine.

    Raises
    ------
    DivergenceError
        If the network leaves the finite numbers; the message names it.
    """
    initial_seed, solver_seed, null_seed = replica.seeds
    start = replica.initial.sample(replica.particles, initial_seed, "iid")
    try:
        run = simulate(
            replica.problem,
            start,
            replica.solver,
            t_end=float(limit.times[-1]),
            save_at=limit.times,
            seed=solver_seed,
        )
    except DivergenceError as error:
        raise DivergenceError(
            f"network with N = {replica.particles}, seed number {replica.number}: {error}",
            error.time,
        ) from error
    chosen = _draw(limit.measures[0], replica.particles, null_seed)
    with single_threaded_blas():
        rows = [
            _measure_frame(replica.problem, measure.to_particles(), limit, index, chosen)
            for index, measure in enumerate(run.measures)
        ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _measure_frame(
    problem: Problem, measure: ParticleMeasure, limit: Limit, index: int, chosen: IntArray
) -> dict[str, float]:
    outputs = problem.outputs(measure)
    squares = np.square(outputs - limit.outputs[index]).sum(axis=1)
    target = limit.targets[len(measure)][index]
    null = ParticleMeasure(limit.measures[index].positions[chosen])
    row = {
        "function_distance": float(np.sqrt(problem.data.weights @ squares)),
        "risk_gap": problem.risk_of_outputs(outputs) - float(limit.risk[index]),
        "sliced_wasserstein": target.distance(measure),
        "sliced_wasserstein_null": target.distance(null),
    }
    if limit.test is not None:
        row["test_accuracy"] = problem.accuracy(measure, limit.test)
    return row


def find_limit(
    experiment: Experiment,
    solver: Solver[Any],
    *,
    particles: int,
    times: Float64Array,
    widths: Sequence[int],
    projections: int,
    seed: int,
) -> Limit:
    """Run the reference, and prepare it for networks of the given widths.

    Raises
    ------
    DivergenceError
        If it leaves the finite numbers.
    """
    problem = experiment.problem
    initial_seed, solver_seed, _ = _spawn(seed)
    start = experiment.initial.sample(particles, initial_seed, "sobol")
    try:
        run = simulate(
            problem, start, solver, t_end=float(times[-1]), save_at=times, seed=solver_seed
        )
    except DivergenceError as error:
        raise DivergenceError(f"the reference: {error}", error.time) from error
    measures = tuple(measure.to_particles() for measure in run.measures)
    outputs = np.array([problem.outputs(measure) for measure in measures])
    risk = np.array([problem.risk_of_outputs(values) for values in outputs])
    test = experiment.test if problem.loss.classifies else None
    accuracy = None
    if test is not None:
        accuracy = np.array([problem.accuracy(measure, test) for measure in measures])
    directions = random_directions(start.dim, projections)
    with single_threaded_blas():
        cuts = [SlicedTarget.of(measure, widths, directions) for measure in measures]
    targets = {width: tuple(cut[width] for cut in cuts) for width in widths}
    return Limit(times, measures, outputs, risk, targets, test, accuracy)


def _draw(measure: ParticleMeasure, count: int, seed: int) -> IntArray:
    """Numbers of `count` independent draws (with replacement) from a measure."""
    generator = np.random.default_rng(seed)
    weights = None if measure.is_uniform else measure.weights
    return np.asarray(generator.choice(len(measure), size=count, p=weights))


def _spawn(seed: int, *key: int) -> tuple[int, int, int]:
    """Three seeds that follow from the study's seed and a key."""
    state = np.random.SeedSequence(seed, spawn_key=key).generate_state(3, np.uint64)
    first, second, third = (int(value >> np.uint64(1)) for value in state)
    return first, second, third
