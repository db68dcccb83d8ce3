"""What the linearised flow predicts for a comparison, where it applies."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.errors import MeanfieldError
from meanfield.experiment import Experiment
from meanfield.fluctuations import Fluctuations, fluctuations
from meanfield.measures import ParticleMeasure
from meanfield.solver import Solver
from meanfield.typing import Float64Array

__all__ = ["predict"]

# Sobol nodes of the linearised flow, and pairs of a node with a datum that it may take.
_NODES, _MOST_PAIRS = 1024, 2**20
# Relative difference to the constants from half the nodes that is reported.
_DOUBTFUL = 0.1
# Outputs up to which the covariance between all of them is kept.
_MOST_OUTPUTS = 512


def predict(
    experiment: Experiment, solver: Solver[Any], times: Float64Array, seed: int = 0
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

    Returns
    -------
    predictions : dict of str to array
        ``function_constant``, ``coupling_constant``, ``test_constant`` for held-out inputs
        and, for SGD, ``step_constant``, ``step_coupling_constant`` and
        ``test_step_constant``, each (T,), as in `meanfield.fluctuations`; ``covariance``
        and, for SGD, ``step_covariance`` at the last time. Empty if it does not apply.
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
    >>> found["function_constant"].round(2), notes  # Var(w) x² e^{−2t}
    (array([1.  , 0.13]), [])
    """
    problem, test = experiment.problem, experiment.test
    if solver.name not in ("particle-flow", "sgd"):
        return {}, [f"there are no predicted constants for the solver {solver.name}"]
    if getattr(solver, "momentum", 0.0) > 0.0:
        return {}, ["there are no predicted constants for SGD with momentum"]
    if _NODES * len(problem.data) > _MOST_PAIRS:
        return {}, [
            f"constants are predicted for up to {_MOST_PAIRS // _NODES} points; "
            f"there are {len(problem.data)}"
        ]
    inputs = None if test is None else test.inputs
    nodes = experiment.initial.sample(_NODES, seed, "sobol")
    try:
        found = fluctuations(problem, nodes, times, inputs=inputs)
        half = fluctuations(problem, ParticleMeasure(nodes.positions[: _NODES // 2]), times)
    except MeanfieldError as error:
        reason = str(error).partition(";")[0]
        return {}, [f"there are no predicted constants: {reason}"]
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
    return predictions, _doubts(found, half, solver.name == "sgd")


def _batch_share(solver: Any) -> float:
    """Variance of a batch in that of a point; without replacement it cancels over an epoch."""
    return 1.0 / solver.batch_size if solver.replacement else 0.0


def _doubts(found: Fluctuations, half: Fluctuations, with_steps: bool) -> list[str]:
    """Which constants are not known well at the last time: those from half the nodes differ."""
    names = {"function_constant": "C", "coupling_constant": "K"}
    if with_steps:
        names |= {"step_constant": "D", "step_coupling_constant": "D_c"}
    notes = []
    for name, symbol in names.items():
        value, other = (float(getattr(part, name)[-1]) for part in (found, half))
        if abs(value - other) > _DOUBTFUL * abs(value):
            notes.append(
                f"the predicted {symbol} is known to {abs(value - other) / abs(value):.0%} only: "
                "it has not converged in the nodes of the linearised flow"
            )
    return notes


def _mean(weights: Float64Array, variances: Float64Array) -> Float64Array:
    """Weighted mean over points (T, m, k) of the variance of all outputs, (T,)."""
    return np.asarray(np.einsum("m,tmk->t", weights, variances))
