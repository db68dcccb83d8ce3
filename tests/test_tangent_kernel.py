"""The tangent kernel against automatic differentiation, the flow itself, and closed forms."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
import torch

import meanfield as mf
from meanfield.linear_flow import LinearFlow
from meanfield.reductions import multi_index


def clouds(outputs=1, outer="trained", bias=True, activation="tanh", particles=7):
    """A problem in two dimensions and weighted neurons."""
    random = np.random.default_rng(3)
    inputs = random.standard_normal((5, 2))
    neuron = mf.Neuron(2, outputs, activation=activation, outer=outer, bias=bias)
    data = mf.Dataset(inputs, random.standard_normal((5, outputs)), random.dirichlet(np.ones(5)))
    measure = mf.ParticleMeasure(
        random.standard_normal((particles, neuron.dim)), random.dirichlet(np.ones(particles))
    )
    return mf.Problem(neuron, data, scale=3.0), measure


def by_torch(problem, measure, inputs):
    """Σ_i m_i J_i J_iᵀ, with J the Jacobian of one neuron by automatic differentiation."""
    neuron, x = problem.neuron, torch.tensor(inputs)
    columns = neuron.outer_columns

    def outputs(theta):
        z = x @ theta[columns : columns + neuron.inputs]
        if neuron.bias:
            z = z + theta[-1]
        outer = theta[:columns] if columns else torch.ones(1, dtype=x.dtype)
        return (torch.tanh(z)[:, None] * outer).reshape(-1)

    kernel = 0.0
    for theta, mass in zip(measure.positions, measure.weights, strict=True):
        jacobian = torch.func.jacrev(outputs)(torch.tensor(theta)).numpy()
        kernel = kernel + mass * jacobian @ jacobian.T
    return kernel


@pytest.mark.parametrize(
    ("outputs", "outer", "bias"), [(1, "trained", True), (3, "trained", False), (1, "fixed", True)]
)
def test_it_is_the_gram_matrix_of_gradients_by_torch(outputs, outer, bias):
    problem, measure = clouds(outputs, outer, bias)
    kernel = mf.tangent_kernel(problem, measure)
    expected = by_torch(problem, measure, problem.data.inputs)
    assert kernel.shape == (5 * outputs, 5 * outputs)
    assert kernel == pytest.approx(expected, rel=1e-12, abs=1e-14)
    assert np.array_equal(kernel, kernel.T)


def test_it_is_the_linear_response_of_the_outputs():
    problem, measure = clouds(outputs=3)
    flow = LinearFlow.at(problem, measure.positions, measure.weights)
    response = flow.tangents(flow.gradients) / problem.scale
    assert mf.tangent_kernel(problem, measure) == pytest.approx(response, rel=1e-12, abs=1e-14)


def test_outputs_move_by_the_kernel_times_the_residuals():
    problem, measure = clouds(outputs=2)
    fresh = np.array([[0.3, -1.0], [2.0, 0.1]])
    both = np.concatenate([fresh, problem.data.inputs])
    velocity, h = problem.velocity(measure), 1e-5

    def moved(step):
        return mf.ParticleMeasure(measure.positions + step * velocity, measure.weights)

    change = (problem.predict(moved(h), fresh) - problem.predict(moved(-h), fresh)) / (2.0 * h)
    kernel = mf.tangent_kernel(problem, measure, both)[:4, 4:]
    pushes = problem.residual(measure) * problem.data.weights[:, None]
    # Central differences: an error of h² f''' / 6 and of rounding over h, both about 1e-10.
    assert change.ravel() == pytest.approx(-kernel @ pushes.ravel(), abs=1e-8)


def test_blocks_of_neurons_give_the_same(monkeypatch):
    problem, measure = clouds()
    whole = mf.tangent_kernel(problem, measure)
    monkeypatch.setattr(import_module("meanfield.tangent_kernel"), "_BLOCK", 10)
    assert mf.tangent_kernel(problem, measure) == pytest.approx(whole, rel=1e-13)


def test_the_arc_cosine_kernels_are_its_limit():
    # E a² E 1{w·x>0}1{w·x'>0} x·x' + E relu(w·x) relu(w·x') for standard normal a and w.
    neuron = mf.Neuron(2, activation="relu", bias=False)
    angle = 0.7
    x = np.array([[1.0, 0.0], [np.cos(angle), np.sin(angle)]])
    problem = mf.Problem(neuron, mf.Dataset(x, [0.0, 0.0]))
    measure = mf.ParticleMeasure.gaussian(2**15, 3, seed=0, sampling="sobol")
    kernel = mf.tangent_kernel(problem, measure)
    inner = (np.pi - angle) * np.cos(angle) / (2.0 * np.pi)
    outer = (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2.0 * np.pi)
    # Sobol points: an error below 1/√N = 0.006, far below the entries.
    assert kernel[0, 1] == pytest.approx(inner + outer, abs=2e-3)
    assert np.diag(kernel) == pytest.approx([1.0, 1.0], abs=4e-3)


def test_a_grid_is_the_sum_over_its_cells():
    problem, _ = clouds(outer="fixed", bias=False)
    grid = mf.GridMeasure.from_density(mf.Gaussian(2).density, -4.0, 4.0, (9, 11))
    cells = mf.ParticleMeasure(grid.positions, grid.weights)
    expected = mf.tangent_kernel(problem, cells)
    assert mf.tangent_kernel(problem, grid) == pytest.approx(expected, rel=1e-13)


def test_a_reduced_problem_averages_over_orbits():
    random = np.random.default_rng(1)
    data = mf.Dataset(np.abs(random.standard_normal((4, 2))), random.standard_normal(4))
    problem = multi_index(mf.Neuron(6, bias=False), data, kept=1, nodes=6).problem
    measure = mf.ParticleMeasure(np.abs(random.standard_normal((5, problem.neuron.dim))))
    velocity, h = problem.velocity(measure), 1e-5
    moved = [mf.ParticleMeasure(measure.positions + s * velocity) for s in (h, -h)]
    change = (problem.outputs(moved[0]) - problem.outputs(moved[1])) / (2.0 * h)
    pushes = problem.residual(measure) * problem.data.weights[:, None]
    kernel = mf.tangent_kernel(problem, measure)
    assert change.ravel() == pytest.approx(-kernel @ pushes.ravel(), abs=1e-8)


def test_what_does_not_fit_is_a_clear_error():
    problem, measure = clouds()
    with pytest.raises(mf.InvalidInputError, match="inputs must have 2 columns"):
        mf.tangent_kernel(problem, measure, [[1.0, 2.0, 3.0]])
    with pytest.raises(mf.InvalidInputError, match="the measure has 3 parameters"):
        mf.tangent_kernel(problem, mf.ParticleMeasure(np.eye(3)))
