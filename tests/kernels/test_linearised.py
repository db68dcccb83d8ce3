"""Tangents and Hessian products against PyTorch and finite differences."""

import numpy as np
import pytest
import torch

from dense import dense, split
from engine_cases import CLIP, Case
from meanfield.activations import activations
from meanfield.kernels.linearised import add_tangents, write_hessian_products
from meanfield.neurons import Neuron
from torch_activations import TORCH

ROWS, COLUMNS = 4, 5


def cases():
    for name in ["tanh", "gelu"]:
        yield Neuron(3, 1, name)
        yield Neuron(3, 2, name)
    yield Neuron(3, 1, "tanh", outer="fixed")
    yield Neuron(1, 1, "tanh", outer="fixed", bias=False)
    yield Neuron(2, 3, "tanh", bias=False)
    yield Neuron(2, 1, CLIP)


def described(neuron):
    return f"{neuron.activation.name}-{neuron.parameter_names}"


def network(neuron, positions, masses, inputs):
    """Outputs (n, k) in PyTorch."""
    k = neuron.outer_columns
    outer = positions[:, :k] if k else torch.ones((len(positions), 1), dtype=torch.float64)
    z = inputs @ positions[:, k : k + neuron.inputs].T
    z = z + positions[:, -1] if neuron.bias else z
    hidden = TORCH[neuron.activation.name](z, *neuron.activation.parameters.values())
    return hidden @ (masses[:, None] * outer)


def torch_tangents(case, directions):
    """Derivatives of outputs along directions: the product Jᵀu is linear in u, with slope J v."""
    theta, along, masses, x = tensors(case.positions, directions, case.masses, case.inputs)
    u = torch.zeros((case.points, case.neuron.outputs), dtype=torch.float64, requires_grad=True)
    outputs = network(case.neuron, theta.requires_grad_(), masses, x)
    (pulled,) = torch.autograd.grad(outputs, theta, u, create_graph=True)
    return torch.autograd.grad(pulled, u, along)[0].numpy()


def torch_hessian_products(case, directions):
    theta, along, x, u = tensors(case.positions, directions, case.inputs, case.covector)
    ones = torch.ones(case.particles, dtype=torch.float64)
    potential = (network(case.neuron, theta.requires_grad_(), ones, x) * u).sum()
    (gradient,) = torch.autograd.grad(potential, theta, create_graph=True)
    return torch.autograd.grad(gradient, theta, along)[0].numpy()


def tensors(*arrays):
    return [torch.tensor(np.array(array, dtype=np.float64)) for array in arrays]


def tangents(case, directions, rows=ROWS, columns=COLUMNS):
    neuron, result = case.neuron, np.zeros((case.points, case.neuron.outputs))
    add_tangents(
        neuron.activation.typed, case.positions, directions, case.masses, neuron.outer_columns,
        int(neuron.bias), case.inputs.astype(case.dtype), rows, columns,
        np.full(2 * rows * columns, np.nan, case.dtype), result,
    )  # fmt: skip
    return result


def hessian_products(case, directions, rows=ROWS, columns=COLUMNS):
    neuron, result = case.neuron, np.full_like(case.positions, np.nan)
    write_hessian_products(
        neuron.activation.typed, case.positions, directions, neuron.outer_columns,
        int(neuron.bias), case.inputs.astype(case.dtype), case.covector.astype(case.dtype),
        rows, columns, np.full(2 * rows * columns, np.nan, case.dtype), result,
    )  # fmt: skip
    return result


@pytest.fixture(params=list(cases()), ids=described)
def case(request):
    return Case(request.param, particles=13, points=16, seed=3)


@pytest.fixture
def directions(case, rng):
    return rng.standard_normal(case.positions.shape)


def test_tangents_are_derivatives_of_the_outputs(case, directions):
    expected = torch_tangents(case, directions)
    # Sums of 13 terms of size a few.
    np.testing.assert_allclose(tangents(case, directions), expected, rtol=1e-13, atol=1e-13)


def test_hessian_products_are_derivatives_of_the_gradients(case, directions):
    expected = torch_hessian_products(case, directions)
    computed = hessian_products(case, directions)
    np.testing.assert_allclose(computed, expected, rtol=1e-13, atol=1e-13)


def test_hessian_products_are_differences_of_gradients(case, directions):
    if case.neuron.activation.kinks:
        pytest.skip("differences across a kink are no derivatives")
    width = 1e-5
    ends = [
        dense(case.neuron, case.positions + s * width * directions, *case.arrays[2:]).gradients
        for s in (1, -1)
    ]
    expected = (ends[0] - ends[1]) / (2 * width)
    # Third derivatives of size ten: 1e-9; roundings of 1e-15 over 1e-5.
    np.testing.assert_allclose(hessian_products(case, directions), expected, atol=1e-8)


def test_the_hessian_is_symmetric(case, directions, rng):
    other = rng.standard_normal(directions.shape)
    one = (other * hessian_products(case, directions)).sum(1)
    np.testing.assert_allclose(one, (directions * hessian_products(case, other)).sum(1), atol=1e-13)


def test_tiles_change_nothing_beyond_rounding(case, directions):
    for rows, columns in [(1, 1), (13, 16), (20, 7), (7, 40)]:
        np.testing.assert_allclose(
            tangents(case, directions, rows, columns), tangents(case, directions), atol=1e-13
        )
        np.testing.assert_allclose(
            hessian_products(case, directions, rows, columns),
            hessian_products(case, directions),
            atol=1e-13,
        )


@pytest.mark.parametrize("outputs", [1, 2])
def test_single_precision_is_right_to_its_rounding(outputs, rng):
    neuron = Neuron(3, outputs, activations["tanh"])
    case = Case(neuron, particles=13, points=16, dtype="float32")
    directions = rng.standard_normal(case.positions.shape).astype(np.float32)
    computed = hessian_products(case, directions)
    assert computed.dtype == np.float32
    # Sums of 13 and 16 terms of size a few, each rounded to 2^-24.
    np.testing.assert_allclose(computed, torch_hessian_products(case, directions), atol=1e-5)
    expected = torch_tangents(case, directions)
    np.testing.assert_allclose(tangents(case, directions), expected, atol=1e-5)


def test_parts_of_a_neuron_come_back_from_its_columns():
    outer, inner, bias = split(Neuron(2, 3), np.arange(12.0).reshape(2, 6))
    np.testing.assert_array_equal(outer[0], [0, 1, 2])
    np.testing.assert_array_equal(inner[0], [3, 4])
    assert bias[0] == 5
