"""Whole arrays of gradients and Hessians against the kernels that never form them."""

import numpy as np
import pytest

from meanfield.datasets import Dataset
from meanfield.linearised import hessian_products, output_tangents
from meanfield.measures import ParticleMeasure
from meanfield.neuron_jets import NeuronJets
from meanfield.neurons import Neuron
from meanfield.problem import Problem

NEURONS = [Neuron(2, 3), Neuron(2), Neuron(2, bias=False), Neuron(2, outer="fixed")]


@pytest.fixture(params=NEURONS, ids=lambda neuron: str(neuron.parameter_names))
def setting(request, rng):
    neuron = request.param
    data = Dataset(rng.standard_normal((5, 2)), rng.standard_normal((5, neuron.outputs)))
    measure = ParticleMeasure(rng.standard_normal((4, neuron.dim)), rng.dirichlet([2.0] * 4))
    jets = NeuronJets.of(neuron, measure.positions, data.inputs)
    return Problem(neuron, data), measure, jets, rng.standard_normal(measure.positions.shape)


def test_features_sum_to_the_outputs(setting):
    problem, measure, jets, _ = setting
    outputs = (measure.weights @ jets.features()).reshape(5, -1)
    np.testing.assert_allclose(outputs, problem.outputs(measure), atol=1e-14)


def test_gradients_give_the_tangents_of_the_outputs(setting):
    problem, measure, jets, directions = setting
    moved = (measure.weights[:, None] * directions).reshape(-1)
    tangents = (jets.gradients().T @ moved).reshape(5, -1)
    np.testing.assert_allclose(tangents, output_tangents(problem, measure, directions), atol=1e-14)


def test_hessians_give_their_products(setting):
    problem, measure, jets, directions = setting
    hessians = jets.hessians(problem.covector(problem.outputs(measure)))
    products = np.einsum("ipq,iq->ip", hessians, directions)
    expected = hessian_products(problem, measure, directions)
    np.testing.assert_allclose(products, expected, atol=1e-13)


def test_third_derivatives_are_those_of_tanh(setting):
    jets = setting[2]
    slopes = 1.0 - np.tanh(jets.arguments) ** 2
    # Differences over h = 1e-5: h²/6 times fifth derivatives below 16, and rounding 1e-16/h.
    expected = slopes * (4.0 - 6.0 * slopes)
    np.testing.assert_allclose(jets.thirds(), expected, atol=1e-9)
