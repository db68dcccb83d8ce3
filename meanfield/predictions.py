"""What the linearised flow predicts for a comparison, where it applies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from meanfield.errors import MeanfieldError
from meanfield.experiment import Experiment
from meanfield.fluctuations import Fluctuations, check_linearisable, fluctuations
from meanfield.linear_flow import LinearFlow
from meanfield.linear_response import RESOLUTION
from meanfield.measures import Measure, ParticleMeasure
from meanfield.problem import Problem
from meanfield.solver import Solver
from meanfield.streams import spawned_seeds
from meanfield.typing import Float64Array

__all__ = ["predict"]

# Nodes of each of two Sobol scramblings. Fewer are taken where more than so many
# multiplications of both together, about 10 s, would be needed; the fewest up to a minute.
_NODES, _ENOUGH_WORK, _MOST_WORK = (512, 256, 128), 4e9, 2e10
# Relative doubt that is reported.
_DOUBTFUL = 0.1
# Directions that carry the responses to start and noise, as multiples of the outputs.
_DIRECTIONS = 6, 5
# Outputs up to which the covariance between all of them is kept.
_MOST_OUTPUTS = 512
_SYMBOLS = {
    "function_constant": "C",
    "coupling_constant": "K",
    "step_constant": "D",
    "step_coupling_constant": "D_c",
}


def predict(
    experiment: Experiment,
    solver: Solver[Any],
    times: Float64Array,
    seed: int = 0,
    *,
    last: Measure | None = None,
) -> tuple[dict[str, Float64Array], list[str]]:
    """Predicted constants of width and step, and why there are none.

    Parameters
    ----------
    experiment : Experiment
    solver : Solver
        Of the networks; the constants in the step are those of its batches.
    times : (T,) array
    seed : int
        Of the Sobol nodes.
    last : Measure, optional
        The limit at the last time, where the flow may be faster than at the start.

    Returns
    -------
    predictions : dict of str to array
        ``function_constant``, ``coupling_constant``, ``test_constant`` for held-out inputs
        and, for SGD, ``step_constant``, ``step_coupling_constant`` and
        ``test_step_constant``, each (T,), as in `meanfield.fluctuations`; ``covariance``
        and, for SGD, ``step_covariance`` at the last time: the mean over two independent
        scramblings of the nodes; half their difference is ``…_constant_error``. Empty if it
        does not apply, or would take longer than about a minute.
    notes : list of str

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> neuron = mf.Neuron(1, activation="linear", outer="fixed", bias=False)
    >>> problem = mf.Problem(neuron, mf.Dataset([[1.0]], [1.0]))
    >>> flow = {"particle-flow": ParticleFlow()}
    >>> experiment = mf.Experiment("line", problem, mf.Gaussian(1), 100, [0.0, 1.0], flow)
    >>> found, notes = predict(experiment, ParticleFlow(), np.array([0.0, 1.0]))
    >>> found["function_constant"].round(1), notes  # Var(w) x² e^{−2t}
    (array([1. , 0.1]), [])
    """
    problem, test = experiment.problem, experiment.test
    if solver.name not in ("particle-flow", "sgd"):
        return {}, [f"there are no predicted constants for the solver {solver.name}"]
    if getattr(solver, "momentum", 0.0) > 0.0:
        return {}, ["there are no predicted constants for SGD with momentum"]
    inputs = None if test is None else test.inputs
    try:
        check_linearisable(problem)
        count, work = _node_count(experiment, float(times[-1]), seed, last)
        if count is None:
            return {}, [
                "there are no predicted constants: the linearised flow would take about "
                f"{work / _MOST_WORK:.0f} times as long as is allowed here; "
                "meanfield.fluctuations takes any time, with nodes of your choice"
            ]
        parts = []
        for scrambling in spawned_seeds(seed, count)[:2]:
            nodes = experiment.initial.sample(count, scrambling, "sobol")
            found = fluctuations(problem, nodes, times, inputs=inputs)
            parts.append(_constants(found, experiment, solver))
    except MeanfieldError as error:
        reason = str(error).partition(";")[0]
        return {}, [f"there are no predicted constants: {reason}"]
    first, second = parts
    predictions = {name: 0.5 * (value + second[name]) for name, value in first.items()}
    doubts = {
        f"{name}_error": 0.5 * np.abs(value - second[name])
        for name, value in first.items()
        if name.endswith("_constant")
    }
    return predictions | doubts, _notes(predictions, doubts)


def _node_count(
    experiment: Experiment, end: float, seed: int, last: Measure | None
) -> tuple[int | None, float]:
    """How many nodes can be borne, if any, and the work of that many."""
    problem = experiment.problem
    few = experiment.initial.sample(_NODES[-1], seed, "sobol")
    rate = _fastest(problem, few)
    if last is not None:
        particles = last.to_particles()
        if particles.is_uniform:
            rate = max(rate, _fastest(problem, ParticleMeasure(particles.positions[: len(few)])))
    steps = max(2.0, end * rate / RESOLUTION)
    outputs = len(problem.data) * problem.neuron.outputs
    start, noise = (factor * outputs for factor in _DIRECTIONS)
    work = np.inf
    for count in _NODES:
        numbers = count * problem.neuron.dim
        work = 2.0 * steps * numbers * outputs * (min(count, start) + min(numbers, noise))
        if work <= _ENOUGH_WORK:
            return count, work
    return (_NODES[-1] if work <= _MOST_WORK else None), work


def _fastest(problem: Problem, nodes: ParticleMeasure) -> float:
    """Fastest rate of the linearised flow at nodes."""
    positions = nodes.positions.astype(np.float64)
    flow = LinearFlow.at(problem, positions, nodes.weights)
    return flow.fastest(np.cos(np.arange(positions.size))[:, None], 8)[0]


def _constants(
    found: Fluctuations, experiment: Experiment, solver: Solver[Any]
) -> dict[str, Float64Array]:
    """What a study keeps of the fluctuations from one set of nodes."""
    problem, test = experiment.problem, experiment.test
    predictions = {
        "function_constant": found.function_constant,
        "coupling_constant": found.coupling_constant,
    }
    is_small = len(problem.data) * problem.neuron.outputs <= _MOST_OUTPUTS
    if is_small:
        predictions["covariance"] = found.at_data.covariance(-1)
    if test is not None and found.at_inputs is not None:
        predictions["test_constant"] = _mean(test.weights, found.at_inputs.variance)
    if solver.name == "sgd":
        share = _batch_share(solver)
        predictions["step_constant"] = share * found.step_constant
        predictions["step_coupling_constant"] = share * found.step_coupling_constant
        if is_small:
            predictions["step_covariance"] = share * found.at_data.step_covariance(-1)
        if test is not None and found.at_inputs is not None:
            variance = found.at_inputs.step_variance
            predictions["test_step_constant"] = share * _mean(test.weights, variance)
    return predictions


def _batch_share(solver: Any) -> float:
    """Variance of a batch in that of a point; without replacement it cancels over an epoch."""
    return 1.0 / solver.batch_size if solver.replacement else 0.0


def _notes(
    predictions: Mapping[str, Float64Array], doubts: Mapping[str, Float64Array]
) -> list[str]:
    """Which constants are not known well at the last time."""
    notes = []
    for name, symbol in _SYMBOLS.items():
        if name not in predictions:
            continue
        value, doubt = abs(float(predictions[name][-1])), float(doubts[f"{name}_error"][-1])
        if doubt > _DOUBTFUL * value:
            notes.append(
                f"the predicted {symbol} is known to {doubt / value:.0%} only: "
                "it has not converged in the nodes of the linearised flow"
            )
    return notes


def _mean(weights: Float64Array, variances: Float64Array) -> Float64Array:
    """Weighted mean over points (T, m, k) of the variance of all outputs, (T,)."""
    return np.asarray(np.einsum("m,tmk->t", weights, variances))
