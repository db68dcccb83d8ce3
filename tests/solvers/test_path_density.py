"""Densities along paths against normal laws that stay normal."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield.datasets import Dataset
from meanfield.errors import InvalidInputError
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.quadrature import quadrature
from meanfield.solvers.path_density import log_densities, potential_laplacians
from oracles import ProductNeuron, QuadraticNeuron, line_data, quadratic_data


def test_the_density_of_quadratic_neurons_stays_normal():
    # O8 with w_t = w_0 √(S_t/S_0): N(0, S_t). The oracle table allows 1e-6.
    oracle, law = QuadraticNeuron(quadratic_data()), Gaussian(1, std=0.8)
    nodes, times = quadrature(law, "gauss-hermite", 24), [0.0, 0.3, 1.0]
    logs = log_densities(oracle.problem, law, nodes, times)
    for time, row in zip(times, logs, strict=True):
        spread = oracle.second_moment(0.64, time)
        where = nodes.positions[:, 0] * np.sqrt(spread / 0.64)
        exact = -0.5 * where**2 / spread - 0.5 * np.log(2.0 * np.pi * spread)
        np.testing.assert_allclose(row, exact, atol=1e-6)
        # ∫ log μ dμ = −½ log(2πe S)
        entropy = -0.5 * np.log(2.0 * np.pi * np.e * spread)
        assert nodes.weights @ row == pytest.approx(entropy, abs=1e-6)


def test_saddles_keep_volumes():
    # Ψ = u a w x has no Laplacian: the flow of product neurons preserves areas.
    law = Gaussian(2)
    nodes = quadrature(law, "gauss-hermite", 36)
    logs = log_densities(ProductNeuron(line_data()).problem, law, nodes, [1.0])
    np.testing.assert_allclose(logs[0], np.log(law.density(nodes.positions)), atol=1e-12)


def test_laplacians_are_those_of_differences(rng):
    problem = Problem(Neuron(2), Dataset(rng.standard_normal((5, 2)), rng.standard_normal(5)))
    measure = ParticleMeasure(rng.standard_normal((6, 4)))
    h, expected = 1e-4, np.zeros(6)
    for shift in h * np.eye(4):
        up, mid, down = (
            problem.potential(measure, measure.positions + s) for s in (shift, 0.0, -shift)
        )
        expected += (up - 2.0 * mid + down) / h**2
    # Differences: h² = 1e-8 times fourth derivatives, rounding 1e-16/h² = 1e-8.
    np.testing.assert_allclose(potential_laplacians(problem, measure), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("activation", "times", "law", "message"),
    [
        ("relu", [1.0], Gaussian(1), "kinks of relu"),
        ("tanh", [1.0, 0.5], Gaussian(1), "times must increase"),
        ("tanh", [1.0], Gaussian(1, std=0.0), "has no density"),
    ],
)
def test_what_has_no_density_is_refused(activation, times, law, message):
    neuron = Neuron(1, activation=activation, outer="fixed", bias=False)
    problem = Problem(neuron, Dataset([[1.0]], [0.5]))
    with pytest.raises(InvalidInputError, match=message):
        log_densities(problem, law, ParticleMeasure([[0.1]]), times)
