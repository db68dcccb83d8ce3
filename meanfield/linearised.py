"""Derivatives of outputs and velocities along directions, without forming a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.checks import as_finite_array
from meanfield.engines.threads import add_in_order, cut, single_threaded_blas, sweep
from meanfield.engines.tiled import tile_shape
from meanfield.errors import InvalidInputError
from meanfield.kernels import linearised
from meanfield.measures import ParticleMeasure
from meanfield.problem import Problem
from meanfield.typing import Array, Float64Array, FloatArray

__all__ = ["hessian_products", "output_tangents"]


def output_tangents(problem: Problem, measure: ParticleMeasure, directions: Any) -> Float64Array:
    """Derivative of the outputs at the data as every particle moves along its direction.

    Df(x_j) = α Σ_i m_i D_θ Φ(x_j; θ_i) v_i.

    Parameters
    ----------
    problem : Problem
    measure : ParticleMeasure
    directions : (N, p) array
        The v_i.

    Returns
    -------
    (n, k) array

    Raises
    ------
    InvalidInputError
        If shapes do not fit or directions are not finite.

    Examples
    --------
    >>> from meanfield import Dataset, Neuron
    >>> problem = Problem(Neuron(1, activation="relu"), Dataset([[2.0]], [0.0]))
    >>> neuron = ParticleMeasure([[1.0, 1.0, 0.0]])  # a, w, b: f = a max(w x + b, 0)
    >>> output_tangents(problem, neuron, [[0.0, 1.0, 0.0]])
    array([[2.]])
    """
    along = _directions(problem, measure, directions)
    neuron, positions, masses = problem.neuron, measure.positions, measure.weights
    inputs = np.ascontiguousarray(problem.points, positions.dtype)
    shape = tile_shape(len(inputs), neuron.inputs, positions.itemsize)
    groups = cut(len(positions), shape[0], shape[0])
    parts = np.zeros((len(groups), len(inputs), neuron.outputs))
    kernel = neuron.activation.compiled(linearised.add_tangents)

    def work(g: int, thread: int) -> None:
        kernel(
            neuron.activation.typed, positions[groups[g]], along[groups[g]], masses[groups[g]],
            neuron.outer_columns, int(neuron.bias), inputs, *shape,
            _scratch(shape, along), parts[g],
        )  # fmt: skip

    with single_threaded_blas():
        sweep(work, len(groups))
    return problem.scale * problem.averaged(add_in_order(parts))


def hessian_products(problem: Problem, measure: ParticleMeasure, directions: Any) -> FloatArray:
    """Hessian of the potential at each particle, times its direction: ∇²Ψ(θ_i; μ) v_i.

    With `output_tangents` it gives the linearised flow: a perturbation v of the
    particles obeys dv_i/dt = −∇²Ψ(θ_i; μ) v_i − Σ_j ⟨Du_j, D_θ Φ(x_j; θ_i)⟩, where Du is
    the change of the residuals under the change Df of the outputs.

    Parameters
    ----------
    problem : Problem
    measure : ParticleMeasure
    directions : (N, p) array
        The v_i.

    Returns
    -------
    (N, p) array

    Raises
    ------
    InvalidInputError
        If shapes do not fit, directions are not finite, or σ'' of a custom activation
        was not given.

    Examples
    --------
    >>> from meanfield import Dataset, Neuron
    >>> problem = Problem(Neuron(1, activation="square", bias=False), Dataset([[1.0]], [0.0]))
    >>> neuron = ParticleMeasure([[1.0, 1.0]])  # Ψ(a, w) = u a w² with u = f - y = 1
    >>> hessian_products(problem, neuron, [[0.0, 1.0]])
    array([[2., 2.]])
    """
    along = _directions(problem, measure, directions)
    neuron, positions = problem.neuron, measure.positions
    if not neuron.activation.has_curvature:
        raise InvalidInputError(
            f"the activation {neuron.activation.name!r} has no second derivative; give one to "
            "meanfield.activations.custom"
        )
    pull = problem.spread(problem.covector(problem.outputs(measure)))
    covector = pull.astype(positions.dtype)
    inputs = np.ascontiguousarray(problem.points, positions.dtype)
    shape = tile_shape(len(inputs), neuron.inputs, positions.itemsize)
    groups = cut(len(positions), shape[0], shape[0])
    products = np.empty_like(positions)
    kernel = neuron.activation.compiled(linearised.write_hessian_products)

    def work(g: int, thread: int) -> None:
        kernel(
            neuron.activation.typed, positions[groups[g]], along[groups[g]],
            neuron.outer_columns, int(neuron.bias), inputs, covector, *shape,
            _scratch(shape, along), products[groups[g]],
        )  # fmt: skip

    with single_threaded_blas():
        sweep(work, len(groups))
    ridge: Array = problem.ridge.coefficients(neuron).astype(positions.dtype)
    products += ridge * along
    if problem.volume is not None and problem.temperature > 0.0:
        column = problem.volume.parameter
        bend = problem.temperature * problem.volume.bends(positions)
        products[:, column] += bend * along[:, column]
    return products


def _scratch(shape: tuple[int, int], like: FloatArray) -> FloatArray:
    return np.empty(2 * shape[0] * shape[1], like.dtype)


def _directions(problem: Problem, measure: ParticleMeasure, directions: Any) -> FloatArray:
    problem.check_measure(measure)
    along = as_finite_array("directions", directions, 2).astype(measure.positions.dtype)
    if along.shape != measure.positions.shape:
        raise InvalidInputError(
            f"directions must have the shape of the positions, {measure.positions.shape}, "
            f"got {along.shape}"
        )
    return np.ascontiguousarray(along)
