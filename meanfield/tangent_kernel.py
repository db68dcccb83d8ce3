"""The tangent kernel: how a gradient step at one input changes the output at another."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.engines.threads import single_threaded_blas
from meanfield.measures import Measure
from meanfield.problem import Problem
from meanfield.problems import AnyProblem
from meanfield.typing import Float64Array

__all__ = ["tangent_kernel"]

_BLOCK = 2**21  # numbers in one block of neurons times outputs


def tangent_kernel(
    problem: AnyProblem, measure: Measure, inputs: Any | None = None
) -> Float64Array:
    """Tangent kernel K(x, x') = ∫ ∇_θ Φ(x; θ) · ∇_θ Φ(x'; θ) dμ(θ).

    Along the noiseless flow of a measure without penalty, outputs move by

        ∂_t f(x) = −Σ_j p_j K(x, x_j) ℓ'(f(x_j), y_j),

    so the eigenvalues of √p_i K(x_i, x_j) √p_j are the rates at which a network whose
    kernel stood still would learn with the squared loss, in mean-field time and for any
    width and output scale: N times those of gradient descent on the risk with the same
    step.

    Parameters
    ----------
    problem : Problem, ReducedProblem or PopulationProblem
        Whose neuron Φ is meant; reduced neurons are averaged over their orbits.
    measure : Measure
        μ, over its parameters.
    inputs : (m, d) array, optional
        The points x; those of the data by default. (m,) for neurons of one input.

    Returns
    -------
    (m k, m k) array
        Symmetric and positive semidefinite. Output c at point j has the number j k + c;
        ``kernel.reshape(m, k, m, k)`` tells them apart.

    Raises
    ------
    InvalidInputError
        If the measure or the inputs do not fit the neuron.

    References
    ----------
    Jacot, Gabriel, Hongler (2018), "Neural tangent kernel", section 4, whose kernel is
    this one for the weights at which f = N^(−1/2) Σ Φ; Mei, Misiakiewicz, Montanari
    (2019), section 4, for measures.

    Examples
    --------
    With fixed outer weights and linear neurons K(x, x') = x · x':

    >>> import meanfield as mf
    >>> neuron = mf.Neuron(1, activation="linear", outer="fixed", bias=False)
    >>> problem = mf.Problem(neuron, mf.Dataset([[1.0], [2.0]], [1.0, 0.0]))
    >>> mf.tangent_kernel(problem, mf.ParticleMeasure([[0.3]]))
    array([[1., 2.],
           [2., 4.]])
    """
    plain = problem if isinstance(problem, Problem) else problem.sampled
    plain.check_measure(measure)
    given = plain.data.inputs if inputs is None else plain.check_inputs(inputs)
    with single_threaded_blas():
        kernel = _at_points(plain, measure, plain.expanded(given))
    return _averaged(plain, _averaged(plain, kernel).T)


def _at_points(problem: Problem, measure: Measure, points: Float64Array) -> Float64Array:
    """The kernel of single neurons at points (m, d), summed block after block."""
    neuron = problem.neuron
    tilde = np.hstack([points, np.ones((len(points), int(neuron.bias)))])
    size, count = len(points), neuron.outputs
    outer, inner = np.zeros((size, size)), np.zeros((size * count, size * count))
    rows = max(_BLOCK // (size * count), 1)
    for start in range(0, len(measure), rows):
        block = slice(start, start + rows)
        positions = np.asarray(measure.positions[block], dtype=np.float64)
        roots = np.sqrt(measure.weights[block])[:, None]
        columns = neuron.outer_columns
        values, slopes = neuron.activation.with_derivative(positions[:, columns:] @ tilde.T)
        if columns:
            values *= roots
            outer += values.T @ values
        slopes *= roots
        weights = positions[:, :columns] if columns else np.ones((len(positions), 1))
        pulled = (slopes[:, :, None] * weights[:, None, :]).reshape(len(positions), -1)
        inner += pulled.T @ pulled
    inner *= np.repeat(np.repeat(tilde @ tilde.T, count, axis=0), count, axis=1)
    return inner + np.kron(outer, np.eye(count))


def _averaged(problem: Problem, kernel: Float64Array) -> Float64Array:
    """Rows (m' k, r) at the points of the orbits averaged to rows (m k, r) at the inputs."""
    count, columns = problem.neuron.outputs, kernel.shape[1]
    means = problem.averaged(kernel.reshape(-1, count * columns))
    return means.reshape(-1, columns)
