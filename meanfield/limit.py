"""What the networks of a comparison are measured against: the limit at the times of a study."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.datasets import Dataset
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import InvalidInputError
from meanfield.experiment import Experiment
from meanfield.grids import GridMeasure
from meanfield.lifted_field import LiftedMeanField
from meanfield.mean_field import MeanField
from meanfield.measures import Measure, ParticleMeasure
from meanfield.parameter_distances import ParameterTarget
from meanfield.reference import run_reference
from meanfield.slices import SlicedTarget, random_directions
from meanfield.solver import Solver
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array

__all__ = ["Limit", "find_limit", "limit_from_run"]

# Sobol points that stand for the limit where the reference has nodes of unequal masses.
_CARRIED = 4096


@dataclass(frozen=True, eq=False)
class Limit:
    """The reference at the times of a study: what a network is measured against.

    Attributes
    ----------
    times : (T,) array
    particles : int
        Particles, cells or nodes of the reference.
    measures : tuple of Measure
        From which independent draws are taken.
    outputs : (T, n, k) array
        At the data.
    risk : (T,) array
    targets : mapping of int to tuple of SlicedTarget
        The limit, cut for the sliced distance to networks of each width.
    last : ParameterTarget
        The last measure, for the other distances of parameters.
    field : MeanField, LiftedMeanField or None
        In which the neurons of a network are carried; None if the reference is a random one.
    test : Dataset or None
        Held-out data.
    test_outputs : (T, m, k) array or None
    test_accuracy : (T,) array or None
        On those data, if they have labels.
    notes : tuple of str
        What to know about it.
    is_sample : bool
        Whether the reference is a random sample of the limit. Then one half of its particles,
        drawn at random, is the target, and the other half the `measures`: what is drawn there
        without replacement is as independent of the target as a network is.
    """

    times: Float64Array
    particles: int
    measures: tuple[Measure, ...]
    outputs: Float64Array
    risk: Float64Array
    targets: Mapping[int, tuple[SlicedTarget, ...]]
    last: ParameterTarget
    field: MeanField | LiftedMeanField | None
    test: Dataset | None
    test_outputs: Float64Array | None
    test_accuracy: Float64Array | None
    notes: tuple[str, ...] = ()
    is_sample: bool = False


def limit_from_run(
    run: Trajectory,
    experiment: Experiment,
    times: Float64Array,
    *,
    widths: Sequence[int],
    projections: int,
) -> Limit:
    """Prepare a run that stands for the limit for networks of the given widths.

    Parameters
    ----------
    run : Trajectory
        From `meanfield.reference.run_reference`, also read from its file: of the experiment,
        or of its reduction.
    experiment : Experiment
        Whose limit it is.
    times : (T,) array
        Of the study; the run has frames there.
    widths : sequence of int
    projections : int
        Directions of the sliced distance.

    Raises
    ------
    InvalidInputError
        If the run has no frame at one of the times.
    """
    problem = experiment.problem
    field, notes = _mean_field(run, experiment)
    frames = [run.measures[index] for index in _numbers(run.times, times)]
    predict: Any = field.predict if isinstance(field, LiftedMeanField) else problem.predict
    outputs = np.array([predict(measure, problem.data.inputs) for measure in frames])
    test_outputs, accuracy = _held_out(experiment, frames, predict)
    measures = _with_equal_masses(frames, experiment, field, run, times)
    targets = measures
    is_sample = _is_sample(run, measures[0])
    if is_sample:
        targets, measures = _halves(measures, run.seed)
        notes = (*notes, *_remarks_on_halves(len(measures[0]), widths))
    directions = random_directions(measures[0].dim, projections)
    with single_threaded_blas():
        cuts = [SlicedTarget.of(part.to_particles(), widths, directions) for part in targets]
    return Limit(
        times=np.asarray(times, dtype=np.float64),
        particles=run.particles,
        measures=measures,
        outputs=outputs,
        risk=np.array([problem.risk_of_outputs(values) for values in outputs]),
        targets={width: tuple(cut[width] for cut in cuts) for width in widths},
        last=ParameterTarget.of(targets[-1], widths),
        field=field,
        test=experiment.test,
        test_outputs=test_outputs,
        test_accuracy=accuracy,
        notes=notes,
        is_sample=is_sample,
    )


def _held_out(
    experiment: Experiment, frames: Sequence[Measure], predict: Any
) -> tuple[Float64Array | None, Float64Array | None]:
    """Outputs at the held-out inputs, and their accuracy where there are classes."""
    test, loss = experiment.test, experiment.problem.loss
    if test is None:
        return None, None
    outputs = np.array([predict(measure, test.inputs) for measure in frames])
    if not loss.classifies:
        return outputs, None
    classes = [loss.classify(values) for values in outputs]
    return outputs, np.array([test.weights @ (found == test.targets[:, 0]) for found in classes])


def find_limit(
    experiment: Experiment,
    solver: Solver[Any],
    *,
    particles: int | None,
    times: Float64Array,
    widths: Sequence[int],
    projections: int,
    seed: int,
) -> Limit:
    """Run the reference in memory, and prepare it for networks of the given widths.

    Raises
    ------
    DivergenceError
        If it leaves the finite numbers.
    """
    run = run_reference(experiment, solver, particles=particles, times=times, seed=seed)
    return limit_from_run(run, experiment, times, widths=widths, projections=projections)


def _mean_field(
    run: Trajectory, experiment: Experiment
) -> tuple[MeanField | LiftedMeanField | None, tuple[str, ...]]:
    """The mean field of the reference, if neurons can be carried along it, and its warnings."""
    if _is_random(run):
        return None, ()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        field = MeanField(run)
    notes = tuple(f"the reference: {warning.message}" for warning in caught)
    reduction = experiment.reduction
    if reduction is not None and run.problem == reduction.problem:
        return LiftedMeanField(field, reduction, experiment.problem), notes
    return field, notes


def _is_random(run: Trajectory) -> bool:
    """Whether the run is gradient descent on random batches, whose path no neuron can follow."""
    return "sgd" in str(run.solver.name)


def _is_sample(run: Trajectory, first: Measure) -> bool:
    """Whether atoms of the limit are where chance has put them, not on a rule or a grid."""
    if isinstance(first, GridMeasure) or not first.to_particles().is_uniform:
        return False
    return len(first) > 1 and (_is_random(run) or run.problem.temperature > 0.0)


def _halves(
    measures: Sequence[Measure], seed: int
) -> tuple[tuple[Measure, ...], tuple[Measure, ...]]:
    """Two parts of the particles, the same ones at all times, in random order."""
    count = len(measures[0])
    order = np.random.default_rng(seed).permutation(count)
    first, second = (
        tuple(ParticleMeasure(measure.to_particles().positions[part]) for measure in measures)
        for part in (order[: count // 2], order[count // 2 :])
    )
    return first, second


def _remarks_on_halves(count: int, widths: Sequence[int]) -> tuple[str, ...]:
    """What the halves mean for distances of parameters, in words."""
    draws = ", ".join(f"{count // width} for N = {width}" for width in widths)
    return (
        "the reference is a random sample: distances of parameters are those to one half of its "
        f"particles, and draws from the limit are disjoint parts of the other {count}, at most "
        f"{draws}",
    )


def _with_equal_masses(
    frames: Sequence[Measure],
    experiment: Experiment,
    field: MeanField | LiftedMeanField | None,
    run: Trajectory,
    times: Float64Array,
) -> tuple[Measure, ...]:
    """Measures of full neurons, whose atoms can be drawn: not the few heavy nodes of a rule."""
    first = frames[0]
    is_even = isinstance(first, GridMeasure) or first.to_particles().is_uniform
    if field is None or (is_even and not isinstance(field, LiftedMeanField)):
        return tuple(frames)
    start = experiment.initial.sample(_CARRIED, run.seed, "sobol")
    return tuple(
        ParticleMeasure(positions) for positions in field.transport(start.positions, times)
    )


def _numbers(frames: Float64Array, times: Float64Array) -> list[int]:
    """Numbers of the frames at given times."""
    distances = np.abs(np.asarray(frames)[:, None] - times)
    nearest = distances.argmin(axis=0)
    if (distances.min(axis=0) > 1e-9 * max(float(times[-1]), 1e-300)).any():
        raise InvalidInputError(
            "the run that stands for the limit has no frame at some of the times "
            + ", ".join(f"{time:g}" for time in times)
        )
    return [int(number) for number in nearest]
